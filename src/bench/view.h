/* SPDX-License-Identifier: BSD-3-Clause */
/** A picture of one plane, drawn by gnuplot. */
#ifndef IB_BENCH_VIEW_H
#define IB_BENCH_VIEW_H

#include "imgbench.h"

/** What is drawn. Borrowed for the call. */
typedef struct ib_drawing {
    size_t       nx, ny;
    double       cell[2];      /* rad */
    const float *pixel;        /* [ny][nx], l to the east falls with the first index; NaN: blank */
    double       beam[3];      /* rad: FWHM major, minor, position angle; 0: none */
    const char  *title, *unit; /* one line each */
} ib_drawing;

/** Draw it into a PNG file, which appears only when it is whole and replaces one of that name. Offsets from the centre
 *  on the axes, east to the left.
 *  @return IB_EUNSUPPORTED without gnuplot, IB_EIO when the file cannot be written. */
ib_status ib_view_draw(const ib_drawing *drawing, const char *path, ib_error *err);

#endif
