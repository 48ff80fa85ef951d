/* SPDX-License-Identifier: BSD-3-Clause */
/** The only door to the formats: checks once, then the table of the format. */
#ifndef IB_IO_IO_H
#define IB_IO_IO_H

#include "model/sink.h"
#include "model/source.h"

typedef struct ib_source ib_source;

/** Open an input: sim:PRESET, a MeasurementSet, native HDF5 visibilities, whichever answers its probe best. Every rank.
 *  @param info  described after selection; the source keeps a reference until it is closed
 *  @return IB_EDATA when nothing recognises it (the sentence says what was looked for). */
ib_status ib_source_open(ib_source **out, const ib_config *cfg, ib_vis_info *info, ib_error *err);

/** Row geometry; see ib_source_ops. Ranges are checked. */
ib_status ib_source_rows(ib_source *source, size_t spw, ib_range rows, const ib_rows *into, ib_error *err);

/** Samples; see ib_source_ops. Ranges are checked; bytes are counted. */
ib_status ib_source_read(ib_source *source, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                         ib_error *err);

/** Name of the format; whether several threads may read at once; bytes delivered so far by reads. */
const char *ib_source_format(const ib_source *source);
bool        ib_source_concurrent(const ib_source *source);
int64_t     ib_source_bytes(const ib_source *source);

void ib_source_close(ib_source *source);

/** The formats, NULL beyond the last; for help texts. */
const ib_source_ops *ib_source_format_at(size_t i);

/** The sink of a name ("hdf5", "fits"); NULL: unknown. */
const ib_sink_ops *ib_sink_find(const char *name);

/** Write visibilities of a source as native HDF5 (docs/visibilities.md), rank `rank` of `n_rank` its share. The same
 *  bytes for any number of ranks. Lay out (one rank), fill (every rank), commit (one rank).
 *  @param info  of the source
 *  @param stop  asked between blocks: true ends filling with IB_EINTERRUPTED; NULL: never */
ib_status ib_vis_create(const char *path, const ib_vis_info *info, ib_layout *layout, ib_error *err);
ib_status ib_vis_fill(const ib_layout *layout, ib_source *source, const ib_vis_info *info, int rank, int n_rank,
                      int64_t memory, bool (*stop)(void), ib_error *err);
ib_status ib_vis_commit(const ib_layout *layout, ib_error *err);

/** Read one plane [ny][nx] of a cube written by the hdf5 sink (chan, stokes 0-based) with its header basics.
 *  *pixel is from ib_alloc, the caller's. For pictures. */
typedef struct ib_picture {
    size_t nx, ny, n_chan, n_stokes;
    double ra, dec, cell[2], freq; /* rad, rad, Hz of the plane */
    double beam[3];                /* rad; 0 none */
    char   unit[IB_NAME], object[IB_NAME], stokes[8];
    float *pixel;
} ib_picture;
ib_status ib_picture_read(const char *path, size_t chan, size_t stokes, ib_picture *out, ib_error *err);

#endif
