/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * Planes of an image channel from the correlations of a sample.
 *
 *     linear feeds    I = (XX + YY)/2   Q = (XX - YY)/2   U = (XY + YX)/2    V = (XY - YX)/2i
 *     circular feeds  I = (RR + LL)/2   Q = (RL + LR)/2   U = (RL - LR)/2i   V = (RR - LL)/2
 *
 * A source of 1 Jy without polarisation has XX = YY = RR = LL = 1.
 */
#ifndef IB_GRIDDER_STOKES_H
#define IB_GRIDDER_STOKES_H

#include "model/image.h"

/** How one window forms one plane: the sum over i of factor[i] x correlation in[i]. A sample is usable when all of its
 *  inputs are. */
typedef struct ib_plane_recipe {
    int    stokes;       /* IB_I, IB_XX ... */
    int    n_in;         /* 1: the plane is in the data, factor 1; or 2 */
    int    in[2];        /* index into the window's correlations */
    double factor[2][2]; /* re, im */
} ib_plane_recipe;

/** Planes of the whole image, evenly spaced in FITS codes. Modes other than IB_PLANES_CORR ask for Stokes parameters,
 *  of which at least one window must have each or what it is formed from; IB_PLANES_CORR takes the correlations of all
 *  windows as they are. IB_PLANES_AUTO is what the input suggests, or I, or the correlations where that is impossible.
 *  @return IB_EUSAGE when the data lack what a plane needs, mix feeds or are unevenly spaced; IB_EDATA without any
 *          known correlation. */
ib_status ib_planes_choose(const ib_vis_info *info, int mode, int stokes[IB_MAX_STOKES], size_t *n, ib_error *err);

/** @return 0 when the window cannot form the plane: none of its samples belongs there; else 1. */
int ib_plane_recipe_make(const ib_spw *spw, int stokes, ib_plane_recipe *out);

/** Weight of half a sum of two correlations from their weights, both positive; `rule` is IB_HARMONIC (inverse
 *  variance), IB_MIN (as WSClean) or IB_MEAN. All agree, and are the inverse variance, when the two are equal. */
static inline double ib_stokes_weight(int rule, double w0, double w1)
{
    if (rule == IB_HARMONIC)
        return 4.0 * w0 * w1 / (w0 + w1);
    return rule == IB_MIN ? 2.0 * (w0 < w1 ? w0 : w1) : w0 + w1;
}

#endif
