/* SPDX-License-Identifier: BSD-3-Clause */
/** How a launch reads its input: every rank slices of its own, or all ranks together by corner turns (docs/adr/0025). */
#ifndef IB_READING_H
#define IB_READING_H

#include "gridder/plan.h"
#include "io/corner.h"

typedef struct ib_reading {
    /* the plan */
    bool    corner;
    size_t  planned; /* passes over the input, for each time that all samples are needed */
    int64_t hold, round,
        bytes; /* of a rank: held at once, read before they are given away; both as the plan counts them */
    double needed, slices, turned, exchanged; /* bytes of all ranks: in the file; read either way; sent in turns */
    char   why[200];

    /* the work: units of this rank that are in memory together */
    const ib_plan     *plan;
    const ib_vis_info *info;
    ib_source         *source;
    ib_corner         *turn;
    ib_slab           *slab;         /* room for those of a pass */
    ib_range          *piece;        /* [first[n_pass]] */
    size_t            *first;        /* [n_pass + 1] into piece */
    size_t             n_pass, held; /* passes of the rank with most; the one that is in memory, n_pass: none */
} ib_reading;

/** Decide, from the tiles of the file and the memory that the plan leaves; every rank alike. With turns the plan reads fewer
 *  channels at once, and has their memory in its total.
 *  @return IB_ENOMEM: turns are asked for, and there is no memory for them. */
ib_status ib_reading_choose(ib_reading *reading, const ib_config *cfg, ib_plan *plan, const ib_vis_info *info,
                            int n_rank, ib_error *err);

/** Divide this rank's units into passes; of slices there is one. Again: others, of which nothing is at hand. Collective. Borrows all. */
ib_status ib_reading_begin(ib_reading *reading, const ib_plan *plan, const ib_vis_info *info, ib_source *source,
                           MPI_Comm comm, const ib_range *run, size_t n_run, ib_error *err);

/** Have the samples of a pass at hand; the units of it. Collective where turns are taken. between: as of ib_corner_turn. */
ib_status       ib_reading_turn(ib_reading *reading, size_t pass, ib_status (*between)(void *self, ib_error *err),
                                void *self, ib_error *err);
const ib_range *ib_reading_units(const ib_reading *reading, size_t pass, size_t *n);

/** As ib_source_read. */
ib_status ib_reading_read(const ib_reading *reading, size_t spw, ib_range chans, ib_range rows,
                          const ib_samples *into, ib_error *err);

/** Bytes sent to other ranks so far. */
int64_t ib_reading_sent(const ib_reading *reading);

void ib_reading_end(ib_reading *reading);

#endif
