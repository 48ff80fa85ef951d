/* SPDX-License-Identifier: BSD-3-Clause */
/** The direct Fourier sum, with the w-term or without it, where chosen columns and rows of an image cross. Both come in pairs, one as
 *  far on either side of the centre: they share their sines and cosines, which are most of the work. */
#ifndef IB_GRIDDER_DIRECT_H
#define IB_GRIDDER_DIRECT_H

#include <stdbool.h>
#include <stddef.h>

enum { IB_DIRECT_MAX = 8 };

/** Pixels (l[i], m[j]), (-l[i], m[j]), (l[i], -m[j]), (-l[i], -m[j]) and the sums so far; set n_l, n_m, l and m, and the rest to 0. Plain data: sums over disjoint
 *  samples are added. The image is sum / weight; the rms that visibilities of random phase would give is
 *  sqrt(square / 2) / weight. */
typedef struct ib_direct {
    size_t n_l, n_m;                                /* at most IB_DIRECT_MAX */
    double l[IB_DIRECT_MAX], m[IB_DIRECT_MAX];      /* direction cosines, east and north */
    double sum[IB_DIRECT_MAX][2][IB_DIRECT_MAX][2]; /* [m][+, -][l][+, -]: sum of W Re(V exp(-2 pi i (u l + v m)));
                                                       with w: u l + v m + w (n - 1) */
    double weight, square;                          /* sum W, sum W^2 |V|^2 */
    bool   w;                                       /* with the w-term; pixels lie above the horizon */
} ib_direct;

/** Samples: u and v in wavelengths, W V, W, and with the w-term w in wavelengths. Nothing is owned. */
typedef struct ib_direct_samples {
    double *u, *v, *re, *im, *weight, *w;
} ib_direct_samples;

/** Add n samples. Their order is part of the rounding, and nothing else is. Few at a time cost more each: they are taken
 *  by blocks of 128. */
void ib_direct_add(ib_direct *direct, size_t n, const ib_direct_samples *samples);

/** Add the sums of another part of the samples, for the same pixels. */
void ib_direct_merge(ib_direct *direct, const ib_direct *part);

#endif
