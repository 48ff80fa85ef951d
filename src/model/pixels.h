/* SPDX-License-Identifier: BSD-3-Clause */
/** Loops over every pixel of every plane, compiled once per instruction set. All of them give the same bits: the order of
 *  additions is written out and nothing is fused. */
#ifndef IB_MODEL_PIXELS_H
#define IB_MODEL_PIXELS_H

#include "model/image.h"

enum { IB_COUNTERS = 4 }; /* per bin: neighbours of one value do not wait for each other */

typedef struct ib_pixel_loops {
    /** Sums and extremes of n pixels; a blank one makes the sums NaN. */
    void (*add)(ib_plane_stats *stats, const float *pixel, size_t n);

    /** Means over 2 x 2 of nx x ny pixels, rounded up: what is missing over an edge counts as zero. */
    void (*halve)(float *into, const float *from, size_t nx, size_t ny);

    /** Count n pixels into bins [min + k width, min + (k + 1) width), the last of which, number `last`, is closed. Blank
     *  pixels are put into the first bin, which keeps the loop free of branches. */
    void (*count)(uint32_t (*bin)[IB_COUNTERS], const float *pixel, size_t n, double min, double bins_per_unit,
                  double last);

    /** out[i] += weight f(x), x = scale |(l + i step, m)|: f is a cubic of x - k between k and k + 1, of coefficients
     *  cubic[k], lowest first; 0 from `end` on. */
    void (*radial)(double *out, size_t n, const float (*cubic)[4], double weight, double scale, double end, double l,
                   double step, double m);

    /** XXH3-128 of pieces, one after the other; 0 of them begins anew, and the digest does not end it. */
    size_t hash_bytes; /* of its state, 64-byte aligned */
    void (*hash_begin)(void *state);
    void (*hash_add)(void *state, const float *pixel, size_t n);
    void (*hash_end)(const void *state, uint64_t hash[2]);
} ib_pixel_loops;

/** The loops for the widest vectors of this machine. */
const ib_pixel_loops *ib_pixel_loops_find(void);

#endif
