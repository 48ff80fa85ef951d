/* SPDX-License-Identifier: BSD-3-Clause */
/** Leaf loops of the transform, between FFTW's calls: columns of a grid to contiguous ones and back, lines of half a plane
 *  to whole circles, circles to pixels. Compiled once per instruction set and precision; all give the same bits.
 *
 *  Cells are complex: real [2]. A unit is what a cache line holds, 8 cells in single and 4 in double precision; grids and
 *  buffers are 64-byte aligned, their strides whole units. */
#ifndef IB_KERNEL_LINES_H
#define IB_KERNEL_LINES_H

#include <stddef.h>

typedef struct ib_lines {
    size_t unit; /* cells */

    /** into[c][r] = from[r][c], for n_row rows of n_column cells, whole units. Steps in cells. */
    void (*gather)(void *into, size_t into_step, const void *from, size_t from_step, size_t n_row, size_t n_column);

    /** Back, with the planes of `unit` neighbouring cells apart: for columns c = (cell, plane),
     *  into[r][cell / unit][plane][cell % unit] = from[c][r]. */
    void (*scatter)(void *into, size_t into_step, const void *from, size_t from_step, size_t n_row, size_t n_column,
                    size_t planes);

    /** into += from; from = 0: n cells. */
    void (*move)(void *into, void *from, size_t n);

    /** Add what lies left of column zero to its mirror image, F(-g) = conj F(g), for rows r and n - r, at a and b; the same
     *  row when a == b. Columns zero and Nyquist become their Hermitian part, twice: they are counted once, others with
     *  their mirror image. What was left of zero is cleared. @param zero, nyquist  columns, of `planes` cells each */
    void (*fold)(void *a, void *b, size_t zero, size_t nyquist, size_t planes);

    /** circle[k] = a[k] + i b[k] for all k of 0 .. n - 1, where only a[0 .. n_cell - 1] (whole units, n_cell - unit <=
     *  n / 2) are not zero and a[n - k] is conj a[k]. Reads units `step` cells apart, clears them. `b` may be NULL: zero.
     *  @param circle  n + unit cells */
    void (*join)(void *circle, size_t n, void *a, void *b, size_t step, size_t n_cell);

    /** Pixels of two rows: re and im of a circle, corrected: a[i] = re[(i - nx / 2) mod n] (scale_a correct[i]).
     *  @param correct  real [nx]; b may be NULL */
    void (*crop)(float *a, float *b, const void *circle, size_t n, size_t nx, const void *correct, double scale_a,
                 double scale_b);

    /** Sums over n cells of a plane, of `planes`: re cos, re sin, im cos, im sin. @param circle  real [n][2]: cos, sin */
    void (*project)(const void *cells, size_t n, size_t planes, size_t plane, const void *circle, double sum[4]);
} ib_lines;

/** Loops of an instruction set by its name, as in kernel.h ("reference" has those of "base"), and precision: 0 single,
 *  1 double. */
const ib_lines *ib_lines_find(const char *isa, int precision);

#endif
