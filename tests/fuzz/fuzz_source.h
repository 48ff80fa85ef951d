/* SPDX-License-Identifier: BSD-3-Clause */
/** An input file opened and read at its ends: what harnesses of formats share. */
#ifndef IB_FUZZ_SOURCE_H
#define IB_FUZZ_SOURCE_H

#include "fuzz.h"
#include "io/io.h"

enum { FUZZ_BLOCK = 32 };

/* Geometry and samples of rows, of some channels at either end. */
static inline void fuzz_rows(ib_source *source, const ib_vis_info *info, size_t spw, ib_range rows)
{
    static double  uvw[FUZZ_BLOCK][3], when[FUZZ_BLOCK];
    static int32_t antenna[FUZZ_BLOCK][2], field[FUZZ_BLOCK];
    static float   row_weight[FUZZ_BLOCK * IB_MAX_CORR], vis[FUZZ_BLOCK * FUZZ_BLOCK * IB_MAX_CORR][2],
        weight[FUZZ_BLOCK * FUZZ_BLOCK * IB_MAX_CORR];
    static uint8_t flag[FUZZ_BLOCK * FUZZ_BLOCK * IB_MAX_CORR];
    const ib_spw  *w = &info->spw[spw];
    const size_t   n = w->n_chan < FUZZ_BLOCK ? w->n_chan : FUZZ_BLOCK;
    const ib_rows  into = {uvw, antenna, field, row_weight, when};
    ib_error       err = {IB_OK, -1, ""};

    if (fuzz_accepted(ib_source_rows(source, spw, rows, &into, &err), &err))
        for (size_t i = 0; i < rows.n; i++)
            fuzz_expect(field[i] >= 0 && (size_t)field[i] < info->n_field &&
                            (!info->n_antenna ||
                             (antenna[i][0] >= 0 && antenna[i][1] >= 0 && (size_t)antenna[i][0] < info->n_antenna &&
                              (size_t)antenna[i][1] < info->n_antenna)),
                        "rows name fields and antennas that there are");
    for (int end = 0; end < 2; end++) {
        const ib_range chans = {end ? w->n_chan - n : 0, n};
        fuzz_accepted(ib_source_read(source, spw, chans, rows, &(ib_samples){vis, weight, flag}, &err), &err);
    }
}

static inline void fuzz_source(const char *path)
{
    ib_config   cfg;
    ib_source  *source;
    ib_vis_info info;
    ib_error    err = {IB_OK, -1, ""};

    ib_config_default(&cfg);
    cfg.input = path;
    if (!fuzz_accepted(ib_source_open(&source, &cfg, &info, &err), &err))
        return;
    for (size_t s = 0; s < info.n_spw && s < FUZZ_BLOCK; s++) {
        const size_t n_row = info.spw[s].n_row, some = n_row < FUZZ_BLOCK ? n_row : FUZZ_BLOCK;
        fuzz_rows(source, &info, s, (ib_range){0, some});
        fuzz_rows(source, &info, s, (ib_range){n_row - some, some});
    }
    ib_source_close(source);
    ib_vis_info_clear(&info);
}

#endif
