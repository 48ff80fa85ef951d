/* SPDX-License-Identifier: BSD-3-Clause */
/** The leaf loop of the direct Fourier sum (direct.h). Compiled once per instruction set and precision, as tile.c is; `real` is
 *  float or double. */
#ifndef IB_KERNEL_DIRECT_H
#define IB_KERNEL_DIRECT_H

#include <stdbool.h>
#include <stddef.h>

enum { IB_DIRECT_MAX = 8, IB_DIRECT_BLOCK = 128 };

typedef double ib_direct_sum[2][IB_DIRECT_MAX][2]; /* [+m, -m][l][+l, -l] */

/** Pixels (l[i], m[j]), (-l[i], m[j]), (l[i], -m[j]), (-l[i], -m[j]) and the sums so far; set n_l, n_m, l, m and w, then ib_direct_begin. Plain data: sums over disjoint
 *  samples are added. The image is sum / weight; the rms that visibilities of random phase would give is
 *  sqrt(square / 2) / weight. */
typedef struct ib_direct {
    size_t        n_l, n_m;                           /* at most IB_DIRECT_MAX */
    double        l[IB_DIRECT_MAX], m[IB_DIRECT_MAX]; /* direction cosines, east and north */
    ib_direct_sum sum[IB_DIRECT_MAX]; /* of W Re(V exp(-2 pi i (u l + v m))); with w: u l + v m + w (n - 1) */
    ib_direct_sum
        grid[IB_DIRECT_MAX]; /* the same as a grid of these samples has it, where one was asked (ib_transform_sum) */
    double weight, square;   /* sum W, sum W^2 |V|^2 */
    bool   w;                /* with the w-term; pixels lie above the horizon */
    double depth[IB_DIRECT_MAX][IB_DIRECT_MAX]; /* [m][l] with w: 1 - n */
} ib_direct;

/** Samples. Nothing is owned. `real` is what the loop was found for. */
typedef struct ib_direct_samples {
    double        scale;     /* wavelengths of a metre */
    const double *u, *v, *w; /* m; w with the w-term */
    const void   *value;     /* real [n][2]: W V */
    const void   *weight;    /* real [n]: W */
} ib_direct_samples;

/** Add IB_DIRECT_BLOCK samples: kernel/direct.c for one instruction set and precision. In single precision phases are still
 *  reduced in double; sines, cosines and sums over a block are good to 2e-7. */
typedef struct ib_direct_loop {
    void (*add)(ib_direct *direct, const ib_direct_samples *block);
    size_t real; /* bytes */
} ib_direct_loop;

/** Of the best instruction set that has one, for the reference. */
const ib_direct_loop *ib_direct_find(const char *isa, int precision);

#endif
