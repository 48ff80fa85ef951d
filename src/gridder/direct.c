/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/direct.h"
#include "gridder/kernel/octet.h"
#include "gridder/wterm.h"

#include <string.h>

/* Samples are worked on in blocks: phasors exp(-2 pi i u l) of each l, weighted phasors of each m and of -m, then all
   products, with the phasors of l and with their conjugates, those of -l.
   Everything is vectors of eight doubles, which a compiler makes of what a processor has, and nothing is fused, so that the
   sums do not depend on the machine. */
enum { LANES = IB_OCTET, VECTORS = 16, BLOCK = LANES * VECTORS };

typedef ib_octet vec;

typedef struct phasors {
    vec re[VECTORS], im[VECTORS];
} phasors;

/* The loops once per instruction set; the loader chooses. */
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
#define PER_ISA __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PER_ISA
#endif
#define INLINE static inline __attribute__((always_inline))

/* exp(-2 pi i turns). */
INLINE void phasor(const vec *coordinate, double cosine, vec *re, vec *im)
{
    const vec turns = *coordinate * cosine;

    ib_phasor(&turns, re, im);
    *im = -*im;
}

INLINE double sum_lanes(const vec *x)
{
    return (((*x)[0] + (*x)[4]) + ((*x)[2] + (*x)[6])) + (((*x)[1] + (*x)[5]) + ((*x)[3] + (*x)[7]));
}

/* Add the sums over the block of Re(a b) and of Re(a conj(b)). */
INLINE void add_products(const phasors *a, const phasors *b, double sum[2])
{
    vec plus = {0}, minus = {0};

    for (int k = 0; k < VECTORS; k++) {
        plus += a->re[k] * b->re[k];
        minus += a->im[k] * b->im[k];
    }
    const double re = sum_lanes(&plus), im = sum_lanes(&minus);
    sum[0] += re - im;
    sum[1] += re + im;
}

/* What a block holds beyond the last sample are zeros. */
typedef struct block {
    vec     u[VECTORS], v[VECTORS], w[VECTORS], weight[VECTORS];
    phasors value;
} block;

/* Values of a block turned by exp(2 pi i w depth), the same for all four pixels. */
INLINE void turn(phasors *value, const vec *w, double depth)
{
    for (int k = 0; k < VECTORS; k++) {
        const vec turns = w[k] * depth, x = value->re[k], y = value->im[k];
        vec       re, im;

        ib_phasor(&turns, &re, &im);
        value->re[k] = x * re - y * im;
        value->im[k] = y * re + x * im;
    }
}

PER_ISA static void add_block(ib_direct *direct, const block *b)
{
    phasors east[IB_DIRECT_MAX], north[2];
    vec     weight = {0}, square = {0};

    for (int k = 0; k < VECTORS; k++) {
        weight += b->weight[k];
        square += b->value.re[k] * b->value.re[k] + b->value.im[k] * b->value.im[k];
    }
    direct->weight += sum_lanes(&weight);
    direct->square += sum_lanes(&square);

    for (size_t i = 0; i < direct->n_l; i++)
        for (int k = 0; k < VECTORS; k++)
            phasor(&b->u[k], direct->l[i], &east[i].re[k], &east[i].im[k]);

    for (size_t j = 0; j < direct->n_m; j++) {
        for (int k = 0; k < VECTORS; k++) {
            const vec x = b->value.re[k], y = b->value.im[k];
            vec       re, im;

            phasor(&b->v[k], direct->m[j], &re, &im);
            north[0].re[k] = x * re - y * im;
            north[0].im[k] = y * re + x * im;
            north[1].re[k] = x * re + y * im;
            north[1].im[k] = y * re - x * im;
        }
        for (int side = 0; side < 2; side++)
            for (size_t i = 0; i < direct->n_l; i++) {
                phasors value = north[side];
                if (direct->w)
                    turn(&value, b->w, ib_depth(direct->l[i], direct->m[j]));
                add_products(&value, &east[i], direct->sum[j][side][i]);
            }
    }
}

void ib_direct_add(ib_direct *direct, size_t n, const ib_direct_samples *samples)
{
    for (size_t first = 0; first < n; first += BLOCK) {
        const size_t bytes = (n - first < BLOCK ? n - first : BLOCK) * sizeof(double);
        block        b;

        if (bytes < BLOCK * sizeof(double))
            memset(&b, 0, sizeof b);
        memcpy(b.u, samples->u + first, bytes);
        memcpy(b.v, samples->v + first, bytes);
        memcpy(b.weight, samples->weight + first, bytes);
        memcpy(b.value.re, samples->re + first, bytes);
        memcpy(b.value.im, samples->im + first, bytes);
        if (direct->w)
            memcpy(b.w, samples->w + first, bytes);
        add_block(direct, &b);
    }
}

void ib_direct_merge(ib_direct *direct, const ib_direct *part)
{
    for (size_t j = 0; j < direct->n_m; j++)
        for (size_t i = 0; i < direct->n_l; i++)
            for (int side = 0; side < 4; side++)
                direct->sum[j][side / 2][i][side % 2] += part->sum[j][side / 2][i][side % 2];
    direct->weight += part->weight;
    direct->square += part->square;
}
