/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * The convolution function of the standard gridder: its table of taps, its image-domain correction and the accuracy
 * that may be promised.
 *
 * C(s) is real, even and separable; s in cells of the padded grid.  A sample at g (cells, g = 0 at the centre of the
 * grid) visits the cells t0 .. t0 + support - 1 with t0 = floor(g - support/2) + 1, and adds C(t - g) per axis.
 *
 * kb: Kaiser-Bessel with the shape parameter of Beatty et al. (2005, IEEE TMI 24, 799), which depends on the padding.
 * Its width is the support, but at most 8 cells on single precision grids and 16 (20 from padding 1.4) on double ones,
 * 6 and 12 below padding 1.1: the correction divides by a transform that falls towards the edge of the image, the
 * steeper the wider the function, and one still wider would only amplify rounding.
 * Taps beyond the width are zero and executed all the same.
 *
 * pswf: the order-1 prolate spheroidal function of Schwab (1984), 6 cells wide under 7 taps, as CASA and AIPS use it.
 *
 * Read-only once created; every function here is thread-safe.
 */
#ifndef IB_GRIDDER_CONVFN_H
#define IB_GRIDDER_CONVFN_H

#include "imgbench.h"

/** Row r holds the taps of one offset within a cell: taps[r * stride + lead + i] = C(i - half + (first + r) /
 *  oversampling) for i < support. Zeros stand before and after them, so that a row read from up to `lead` reals
 *  earlier is the same row shifted; two rows of zeros follow the last one.  With delta = t0 + half - g, which lies in (-1/2, 1/2] for an odd support and in
 *  (0, 1] for an even one, the rows floor(delta * oversampling) - first and the next one exist, even when delta is off
 *  by rounding; so does row floor(delta * oversampling + 0.5) - first. */
typedef struct ib_convfn {
    int    kernel, lookup, precision;
    int    support, oversampling;
    int    half;        /* (support - 1) / 2 for odd supports, support / 2 for even ones */
    int    first;       /* offset of row 0, in 1/oversampling of a cell */
    double width;       /* cells, of the function itself */
    double beta, scale; /* kb: shape parameter and 1 / I0(beta) */
    double padding;
    size_t n_row, stride; /* stride: lead + support rounded up to 8, and 8 more */
    int    lead;          /* 8 */
    void  *taps;          /* float or double, as precision says; 64-byte aligned, owned */
} ib_convfn;

/** The function without its table: all that the functions below need. Nothing to destroy.
 *  @param padding  the smaller of padded over image size along both axes, as really used
 *  @return IB_EUSAGE (a support below 3, padding below 1, pswf with a support other than 7) */
ib_status ib_convfn_describe(ib_convfn *fn, int kernel, int support, int oversampling, double padding, int lookup,
                             int precision, ib_error *err);

/** The same with its table. @return IB_ENOMEM, too. */
ib_status ib_convfn_create(ib_convfn **out, int kernel, int support, int oversampling, double padding, int lookup,
                           int precision, ib_error *err);

/** No function and no table: kernels come from elsewhere and are their own image, of which nothing is divided out
 *  (gridder/aproj.h). */
ib_status ib_convfn_none(ib_convfn **out, int support, int oversampling, int precision, ib_error *err);

/** Accepts NULL. */
void ib_convfn_destroy(ib_convfn *fn);

/** C(s), without the lookup. C(0) = 1 for kb; pswf keeps the scale of Schwab's psi. */
double ib_convfn_value(const ib_convfn *fn, double s);

/** What a pixel is to be divided by, per axis: the transform of C times the transform of the lookup.
 *  @param x  pixels from the centre over the padded size, |x| <= 1/2 */
double ib_convfn_transform(const ib_convfn *fn, double x);

/** Aliasing at x along one axis when C is evaluated exactly: rms over sub-cell positions, relative to the signal. */
double ib_convfn_alias(const ib_convfn *fn, double x);

/** Expected rms over the image of gridded minus direct sum, from aliasing and lookup on both axes, in units of the rms
 *  that visibilities of random phase would give.  Rounding is not part of it.  Measured errors stayed below 1.6 times
 *  this for paddings from 1.1 and two or more table samples per cell, and below 2.7 times with a single one.
 *  @param xe, ye  half the image size over the padded size */
double ib_convfn_promise(const ib_convfn *fn, double xe, double ye);

/** Rounding, in the same units: the rms over the image when the value in every cell is wrong by eps of itself,
 *  independently.  White noise on the grid stays white in the image until the correction divides by
 *  c(x) c(y):  eps sqrt(mean over x of 1/c(x)^2) sqrt(mean over y of 1/c(y)^2) integral of C^2. */
double ib_convfn_rounding(const ib_convfn *fn, double xe, double ye, double eps);

/** How often that rounding enters: the transform's log2 n roundings of every value and the additions of a cell are
 *  independent, because samples of a group are summed before they meet a cell (kernel/tile.c).  Single minus double
 *  images of 1 to 10^6 samples on 154^2 to 5000^2 cells, random phases and point sources, stayed below 1.3 times the
 *  product.
 *  @param cells  that samples may touch */
double ib_convfn_roundings(const ib_convfn *fn, double samples, double cells);

#endif
