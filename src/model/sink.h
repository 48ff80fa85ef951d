/* SPDX-License-Identifier: BSD-3-Clause */
/** Where planes go: the table of functions that every output format fills.
 *
 * A file is laid out whole by one rank, then every rank writes its planes at their final offsets with no partner:
 * ranks finish at different times and must not wait for each other. It has a temporary name until it is whole. */
#ifndef IB_MODEL_SINK_H
#define IB_MODEL_SINK_H

#include "model/image.h"

enum { IB_MAX_REGIONS = 40 };

/** Where the parts of a file lie. Plain data: rank 0 broadcasts it. */
typedef struct ib_layout {
    char     path[512];              /* final name */
    char     partial[520];           /* name until whole */
    uint64_t offset[IB_MAX_REGIONS]; /* bytes; their meaning is the format's own */
    uint64_t
        length[IB_MAX_REGIONS]; /* bytes that planes are written to; everything else is there once it is laid out */
    uint64_t bytes;             /* size of the file so far */
} ib_layout;

struct ib_writer;

typedef struct ib_sink_ops {
    const char *name, *suffix, *help; /* "hdf5", ".hdf5" */

    /** Lay the whole file out under its temporary name; reserve its space. One rank.
     *  @return IB_EIO when the disk is too small or the folder read-only. */
    ib_status (*create)(const char *path, const ib_cube *cube, ib_layout *layout, ib_error *err);

    /** Open a laid-out file for writing planes. Any rank, the one that created it included.
     *  @param writer  brings planes to the file (io/writer.h); borrowed until detach */
    ib_status (*attach)(void **self, const ib_layout *layout, const ib_cube *cube, struct ib_writer *writer,
                        ib_error *err);

    /** One plane and what belongs to it on the way to its final place; it is there once the writer is drained. Any thread, any
     *  time, any order. */
    ib_status (*write)(void *self, const ib_plane *plane, ib_error *err);

    /** Read the pixels [ny][nx] of a plane back. Any thread. */
    ib_status (*read)(void *self, size_t chan, size_t stokes, float *pixel, ib_error *err);

    /** Flush what the writer has written to the device. Any thread. */
    ib_status (*sync)(void *self, ib_error *err);

    /** The same, and let go of the file; the writer is drained. Accepts NULL. */
    ib_status (*detach)(void *self, ib_error *err);

    /** After every rank has detached, one rank: complete the header (beam [n_chan][n_stokes][3] rad, NaN: blank
     *  plane; NULL: none was fitted) and sync. ib_file_publish then gives the file its name, ib_file_abandon removes it. */
    ib_status (*complete)(const ib_layout *layout, const ib_cube *cube, const double *beam, ib_error *err);
} ib_sink_ops;

#endif
