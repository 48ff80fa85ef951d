/* SPDX-License-Identifier: BSD-3-Clause */
/** Pictures: a plane of a cube, the contours of its primary beam and its point spread function, drawn by gnuplot. */
#ifndef IB_BENCH_VIEW_H
#define IB_BENCH_VIEW_H

#include "bench/help.h"

/** The options of `imgbench view`; ends with a NULL name. */
extern const ib_help_option ib_view_options[];

/** `imgbench view CUBE [OPTIONS]`: draw it into a PNG file, which appears only when it is whole and replaces one of that name;
 *  print that name to out.
 *  @return IB_EUSAGE, IB_EDATA for what is no cube, IB_EUNSUPPORTED without gnuplot, IB_EIO when the file cannot be
 *  written. */
ib_status ib_view(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
