/* SPDX-License-Identifier: BSD-3-Clause */
/** A plane of a cube as a small picture. */
#ifndef IB_BENCH_THUMBNAIL_H
#define IB_BENCH_THUMBNAIL_H

#include "imgbench.h"

typedef struct ib_thumbnail {
    unsigned char *png; /* from ib_alloc, the caller's */
    size_t         bytes, nx, ny;
    char           title[80], text[200]; /* the file; plane, range of the colours, beam */
} ib_thumbnail;

/** The middle channel of an HDF5 or FITS cube, its first Stokes plane, at most `most` pixels per side, in the colours of
 *  cubehelix (Green 2011) from the 0.5th to the 99.8th percentile.
 *  @return IB_EDATA when the file is missing or no cube. */
ib_status ib_thumbnail_make(ib_thumbnail *out, const char *path, size_t most, ib_error *err);

#endif
