/* SPDX-License-Identifier: BSD-3-Clause */
/** Pictures that gnuplot draws. */
#ifndef IB_BENCH_GNUPLOT_H
#define IB_BENCH_GNUPLOT_H

#include "imgbench.h"

#include <stdio.h>

/** Let gnuplot draw a script, which names its terminal and no file, into a file that appears only when it is whole and
 *  replaces one of that name.
 *  @param script  a temporary file, open for reading, too; stays the caller's. NULL: it could not be made
 *  @return IB_EUNSUPPORTED without gnuplot, IB_EIO when a file cannot be written. */
ib_status ib_gnuplot(FILE *script, const char *path, ib_error *err);

/** A text between single quotes, where gnuplot substitutes nothing; a quote is doubled, what could end the line goes. */
void ib_gnuplot_quote(FILE *out, const char *text);

#endif
