/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/phasor.h"
#include "gridder/kernel/octet.h"

#include <string.h>

/* As in direct.c: the loops once per instruction set, nothing fused. */
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
#define PER_ISA __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PER_ISA
#endif

PER_ISA void ib_phasors(size_t n, const double *turns, double (*out)[2])
{
    for (size_t i = 0; i < n; i += IB_OCTET) {
        const size_t m = n - i < IB_OCTET ? n - i : IB_OCTET;
        ib_octet     x = {0}, re, im;

        memcpy(&x, turns + i, m * sizeof *turns);
        ib_phasor(&x, &re, &im);
        for (size_t k = 0; k < m; k++) {
            out[i + k][0] = re[k];
            out[i + k][1] = im[k];
        }
    }
}
