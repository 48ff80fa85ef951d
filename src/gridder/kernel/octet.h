/* SPDX-License-Identifier: BSD-3-Clause */
/** Sine and cosine of turns, eight at a time, which a compiler makes of what a processor has. */
#ifndef IB_KERNEL_OCTET_H
#define IB_KERNEL_OCTET_H

enum { IB_OCTET = 8 };
typedef double ib_octet __attribute__((vector_size(IB_OCTET * sizeof(double))));

/* exp(2 pi i turns): reduced to half a turn either way, Taylor series of a quarter of the angle (below pi/4, where
   they are exact to 5e-17), doubled twice; d is 1 - cos, which keeps its digits where the angle is small. */
static inline __attribute__((always_inline)) void ib_phasor(const ib_octet *turns, ib_octet *re, ib_octet *im)
{
    const double   to_integer = 0x1.8p52; /* adding it leaves no room for a fraction */
    const ib_octet whole = (*turns + to_integer) - to_integer;
    const ib_octet a = (*turns - whole) * 1.57079632679489661923, q = a * a;

    /* clang-format off */
    ib_octet s = a * (1 + q * (-1.0 / 6 + q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880
             + q * (-1.0 / 39916800 + q * (1.0 / 6227020800 + q * (-1.0 / 1307674368000))))))));
    ib_octet d = q * (0.5 + q * (-1.0 / 24 + q * (1.0 / 720 + q * (-1.0 / 40320 + q * (1.0 / 3628800
             + q * (-1.0 / 479001600 + q * (1.0 / 87178291200 + q * (-1.0 / 20922789888000))))))));
    /* clang-format on */
    for (int doubling = 0; doubling < 2; doubling++) {
        const ib_octet c = 1 - d;

        d = 2 * s * s;
        s = 2 * s * c;
    }
    *re = 1 - d;
    *im = s;
}

#endif
