/* SPDX-License-Identifier: BSD-3-Clause */
/* The direct Fourier sum. Compiled as tile.c is: IB_ISA, IB_PRECISION. Turns are reduced in double precision, whatever follows in
   `real`: sines and cosines good to its rounding, sums over a block of samples. */
#include "gridder/kernel/direct.h"
#include "gridder/kernel/simd.h"

enum { VECTORS = IB_DIRECT_BLOCK / LANES, SINE = IS_F32 ? 5 : 8, COSINE = IS_F32 ? 5 : 8 };

typedef double wide __attribute__((vector_size(LANES * sizeof(double))));
typedef double wide_any __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

typedef struct phasors {
    vec re[VECTORS], im[VECTORS];
} phasors;

INLINE wide load_wide(const double *p)
{
    return *(const wide_any *)p;
}

INLINE vec narrow(wide x)
{
    return __builtin_convertvector(x, vec);
}

/* exp(2 pi i turns): reduced to half a turn either way, Taylor series of a quarter of the angle (below pi/4), doubled twice; d is
   1 - cos, which keeps its digits where the angle is small. */
INLINE void phasor(wide turns, vec *re, vec *im)
{
    static const double sine[8] = {
        1, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000};
    static const double cosine[8] = {0.5,           -1.0 / 24,        1.0 / 720,         -1.0 / 40320,
                                     1.0 / 3628800, -1.0 / 479001600, 1.0 / 87178291200, -1.0 / 20922789888000};
    const double        to_integer = 0x1.8p52; /* adding it leaves no room for a fraction */
    const wide          whole = (turns + to_integer) - to_integer;
    const vec           a = narrow(turns - whole) * (real)1.57079632679489661923, q = a * a;
    vec                 s = splat((real)sine[SINE - 1]), d = splat((real)cosine[COSINE - 1]);

    for (int i = SINE - 2; i >= 0; i--)
        s = (real)sine[i] + q * s;
    for (int i = COSINE - 2; i >= 0; i--)
        d = (real)cosine[i] + q * d;
    s *= a;
    d *= q;
    for (int doubling = 0; doubling < 2; doubling++) {
        const vec c = 1 - d;

        d = 2 * s * s;
        s = 2 * s * c;
    }
    *re = 1 - d;
    *im = s;
}

INLINE double sum_lanes(vec x)
{
    double sum = 0;

    for (int i = 0; i < LANES; i++)
        sum += (double)x[i];
    return sum;
}

/* Add the sums over the block of Re(a b) and of Re(a conj(b)). */
INLINE void add_products(const phasors *a, const phasors *b, double sum[2])
{
    vec plus = {0}, minus = {0};

    for (int k = 0; k < VECTORS; k++) {
        plus += a->re[k] * b->re[k];
        minus += a->im[k] * b->im[k];
    }
    const double re = sum_lanes(plus), im = sum_lanes(minus);
    sum[0] += re - im;
    sum[1] += re + im;
}

/* Values of a block turned by exp(2 pi i w depth), the same for all four pixels. */
INLINE void turn(phasors *value, const double *w, double depth)
{
    for (int k = 0; k < VECTORS; k++) {
        const vec x = value->re[k], y = value->im[k];
        vec       re, im;

        phasor(load_wide(w + k * LANES) * depth, &re, &im);
        value->re[k] = x * re - y * im;
        value->im[k] = y * re + x * im;
    }
}

/* Real and imaginary parts of LANES values. */
INLINE void part(const real *value, vec *re, vec *im)
{
#ifdef __clang__ /* has no shuffle by a vector */
    for (int i = 0; i < LANES; i++) {
        (*re)[i] = value[2 * i];
        (*im)[i] = value[2 * i + 1];
    }
#else
    index even;
    for (int i = 0; i < LANES; i++)
        even[i] = 2 * i;
    *re = __builtin_shuffle(load(value), load(value + LANES), even);
    *im = __builtin_shuffle(load(value), load(value + LANES), even + 1);
#endif
}

/* Phasors exp(-2 pi i u l) of each l, weighted phasors of each m and of -m, then all products, with the phasors of l and with
   their conjugates, those of -l. */
static void add(ib_direct *direct, const ib_direct_samples *b)
{
    phasors value, east[IB_DIRECT_MAX], north[2];
    vec     weight = {0};
    wide    square = {0}; /* would leave the range of floats early */

    for (int k = 0; k < VECTORS; k++) {
        part((const real *)b->value + 2 * k * LANES, &value.re[k], &value.im[k]);
        const wide re = __builtin_convertvector(value.re[k], wide), im = __builtin_convertvector(value.im[k], wide);
        weight += load((const real *)b->weight + k * LANES);
        square += re * re + im * im;
    }
    direct->weight += sum_lanes(weight);
    for (int k = 0; k < LANES; k++)
        direct->square += square[k];
    for (size_t i = 0; i < direct->n_l; i++)
        for (int k = 0; k < VECTORS; k++)
            phasor(load_wide(b->u + k * LANES) * (-direct->l[i] * b->scale), &east[i].re[k], &east[i].im[k]);
    for (size_t j = 0; j < direct->n_m; j++) {
        for (int k = 0; k < VECTORS; k++) {
            const vec x = value.re[k], y = value.im[k];
            vec       re, im;

            phasor(load_wide(b->v + k * LANES) * (-direct->m[j] * b->scale), &re, &im);
            north[0].re[k] = x * re - y * im;
            north[0].im[k] = y * re + x * im;
            north[1].re[k] = x * re + y * im;
            north[1].im[k] = y * re - x * im;
        }
        for (int side = 0; side < 2; side++)
            for (size_t i = 0; i < direct->n_l; i++) {
                phasors turned = north[side];
                if (direct->w)
                    turn(&turned, b->w, direct->depth[j][i] * b->scale);
                add_products(&turned, &east[i], direct->sum[j][side][i]);
            }
    }
}

extern const ib_direct_loop NAME(ib_direct_);
const ib_direct_loop        NAME(ib_direct_) = {add, sizeof(real)};
