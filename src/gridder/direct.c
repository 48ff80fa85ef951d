/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/direct.h"

#include <string.h>

/* Samples are worked on in blocks: phasors exp(-2 pi i u l) of each l, weighted phasors of each m and of -m, then all
   products, with the phasors of l and with their conjugates, those of -l.
   Everything is vectors of eight doubles, which a compiler makes of what a processor has, and nothing is fused, so that the
   sums do not depend on the machine. */
enum { LANES = 8, VECTORS = 16, BLOCK = LANES * VECTORS };

typedef double vec __attribute__((vector_size(LANES * sizeof(double))));

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

/* exp(-2 pi i turns): reduced to half a turn either way, Taylor series of a quarter of the angle (below pi/4, where
   they are exact to 5e-17), doubled twice; d is 1 - cos, which keeps its digits where the angle is small. */
INLINE void phasor(const vec *coordinate, double cosine, vec *re, vec *im)
{
    const double to_integer = 0x1.8p52; /* adding it leaves no room for a fraction */
    const vec    turns = *coordinate * cosine, whole = (turns + to_integer) - to_integer;
    const vec    a = (turns - whole) * 1.57079632679489661923, q = a * a;

    /* clang-format off */
    vec s = a * (1 + q * (-1.0 / 6 + q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880
             + q * (-1.0 / 39916800 + q * (1.0 / 6227020800 + q * (-1.0 / 1307674368000))))))));
    vec d = q * (0.5 + q * (-1.0 / 24 + q * (1.0 / 720 + q * (-1.0 / 40320 + q * (1.0 / 3628800
             + q * (-1.0 / 479001600 + q * (1.0 / 87178291200 + q * (-1.0 / 20922789888000))))))));
    /* clang-format on */
    for (int doubling = 0; doubling < 2; doubling++) {
        const vec c = 1 - d;

        d = 2 * s * s;
        s = 2 * s * c;
    }
    *re = 1 - d;
    *im = -s;
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
    vec     u[VECTORS], v[VECTORS], weight[VECTORS];
    phasors value;
} block;

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
            for (size_t i = 0; i < direct->n_l; i++)
                add_products(&north[side], &east[i], direct->sum[j][side][i]);
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
