/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/phasor.h"

#include <string.h>

/* As in direct.c: the loops once per instruction set, nothing fused. */
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
#define PER_ISA __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PER_ISA
#endif

enum { LANES = 8 };

typedef double vec __attribute__((vector_size(LANES * sizeof(double))));

/* Reduced to half a turn either way, Taylor series of a quarter of the angle (below pi/4), doubled twice; d is 1 - cos,
   which keeps its digits where the angle is small. */
static inline __attribute__((always_inline)) void phasor(const vec *turns, vec *re, vec *im)
{
    const double to_integer = 0x1.8p52; /* adding it leaves no room for a fraction */
    const vec    whole = (*turns + to_integer) - to_integer, a = (*turns - whole) * 1.57079632679489661923, q = a * a;

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
    *im = s;
}

PER_ISA void ib_phasors(size_t n, const double *turns, double (*out)[2])
{
    for (size_t i = 0; i < n; i += LANES) {
        const size_t m = n - i < LANES ? n - i : LANES;
        vec          x = {0}, re, im;

        memcpy(&x, turns + i, m * sizeof *turns);
        phasor(&x, &re, &im);
        for (size_t k = 0; k < m; k++) {
            out[i + k][0] = re[k];
            out[i + k][1] = im[k];
        }
    }
}
