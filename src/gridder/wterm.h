/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * The w-term: how exp(-2 pi i w (n - 1)) is put together from few real images.
 *
 * Depth d = 1 - n of a pixel lies between 0 and the deepest one, D: d = D (1 + y) / 2 with y in [-1, 1]. With z = pi D w
 * the phase is exp(2 pi i w d) = exp(i z) exp(i z y), and (Jacobi and Anger)
 *
 *     exp(i z y) = sum over j of e_j i^j J_j(z) T_j(y),    e_0 = 1, e_j = 2: a few Chebyshev polynomials when z is small.
 *
 * Every term is an ordinary image of visibilities times exp(i z) e_j i^j J_j(z), multiplied by T_j at the depth of each
 * pixel: its multiplier is real, so the half plane of the grid and the real transform stay as they are.  Where z is large,
 * |w| is divided into slabs about z_s = 2 s half: the first one holds both signs of w, the others take the sign out of
 *     exp(i z y) = (cos(z_s y) +- i sin(z_s y)) exp(+- i (|z| - z_s) y)
 * and need two images for each term.  A slab has so many terms that their error is below what was asked for.
 */
#ifndef IB_GRIDDER_WTERM_H
#define IB_GRIDDER_WTERM_H

#include "gridder/kernel/depth.h"

#include <stdbool.h>
#include <stddef.h>

enum { IB_W_SLABS = 2000 };

/** Plain data; n_term 0: the w-term is neglected. A grid is filled and transformed once per pass. */
typedef struct ib_wterm {
    double deepest;     /* D: largest 1 - n of a pixel, above 0 */
    double half, reach; /* rad: half width of a slab; |z| - z_s of its samples, at most */
    int    n_term, n_slab;
    int    side;   /* terms gridded side by side */
    int    n_pass; /* (2 n_slab - 1) runs of terms */
    double error;  /* rms over the image of what the terms beyond n_term would add, were all samples at `reach` */
} ib_wterm;

/** What an image asks for. */
typedef struct ib_wtask {
    size_t nx, ny;
    double cell[2]; /* rad */
    double longest; /* |w| in wavelengths */
    double drift;   /* wavelengths: how much |w| may differ from that at which rows were sorted */
    double error;   /* wanted: rms, relative to that of random phases */
    int    n_grid;  /* planes gridded together for one image channel */
    double n_sample;
} ib_wtask;

/** The numbers of slabs and terms that take the least time; none where no number reaches the error. */
ib_wterm ib_wterm_choose(const ib_wtask *task);

ib_wpass ib_wterm_pass(const ib_wterm *w, int pass);

/** Slab of a sample. @param z  rad */
int ib_wterm_slab(const ib_wterm *w, double z);

/** Largest 1 - n of the pixels of an image; 1 when its corners lie beyond the horizon. */
double ib_deepest(size_t nx, size_t ny, const double cell[2]);

/** rms over the pixels of an image of all terms from n_term on, for samples at z. */
double ib_wterm_error(const ib_wtask *task, double deepest, double z, int n_term);

/** 1 - n without cancellation; 1 at the horizon and beyond. */
double ib_depth(double l, double m);

/** Coefficients of the series of J_(n_term) and J_(n_term - 1): f = 1 + c[0] q (1 + c[1] q (1 + ...)), q = -(z/2)^2.
 *  @return how many are needed up to `reach` */
int ib_wterm_series(const ib_wterm *w, double series[2][IB_W_SERIES]);

#endif
