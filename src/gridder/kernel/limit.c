/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled as tile.c is: IB_ISA, IB_VECTOR_BYTES, IB_PRECISION. */
#include "gridder/kernel/limit.h"
#include "gridder/kernel/simd.h"

/* Sums that wait for nobody: more than latency x units of any machine (4 x 2), fewer than registers. */
enum { OUTER = IB_VECTOR_BYTES == 64 ? 6 : 3, INNER = 4 };

double NAME(ib_limit_fma_)(size_t n, double *sum);
double NAME(ib_limit_fma_)(size_t n, double *sum)
{
    /* Both are read from memory, so that the compiler cannot know that sums approach term / (1 - factor). */
    const volatile real shrink = (real)0.999, grow = (real)0.001;
    const vec           factor = (vec){0} + shrink, term = (vec){0} + grow;
    vec                 s[OUTER][INNER];

    for (int i = 0; i < OUTER; i++)
        for (int j = 0; j < INNER; j++)
            s[i][j] = term * (real)(i * INNER + j);
    for (size_t k = 0; k < n; k++)
        for (int i = 0; i < OUTER; i++)
            for (int j = 0; j < INNER; j++)
                s[i][j] = s[i][j] * factor + term;
    *sum = 0;
    for (int i = 0; i < OUTER; i++)
        for (int j = 0; j < INNER; j++)
            for (int l = 0; l < LANES; l++)
                *sum += (double)s[i][j][l];
    return 2.0 * (double)n * OUTER * INNER * LANES;
}

#if IS_F32 /* memory has no precision */

enum { VECTORS = IB_LIMIT_PIECE / IB_VECTOR_BYTES, SUMS = VECTORS < 8 ? VECTORS : 8 };

double CAT(ib_limit_read_, IB_ISA, , )(const void *from, size_t bytes);
double CAT(ib_limit_read_, IB_ISA, , )(const void *from, size_t bytes)
{
    const vec *p = from;
    vec        s[SUMS];
    double     sum = 0;

    for (int i = 0; i < SUMS; i++)
        s[i] = (vec){0};
    for (size_t k = 0; k < bytes / IB_VECTOR_BYTES; k += SUMS)
        for (int i = 0; i < SUMS; i++)
            s[i] += p[k + (size_t)i];
    for (int i = 0; i < SUMS; i++)
        for (int l = 0; l < LANES; l++)
            sum += (double)s[i][l];
    return sum;
}

void CAT(ib_limit_update_, IB_ISA, , )(void *at, size_t bytes);
void CAT(ib_limit_update_, IB_ISA, , )(void *at, size_t bytes)
{
    const volatile real grow = (real)0.5; /* values stay finite however often they are updated: they approach 1 */
    const vec           half = (vec){0} + grow;
    vec                *p = at;

    for (size_t k = 0; k < bytes / IB_VECTOR_BYTES; k += SUMS)
        for (int i = 0; i < SUMS; i++)
            p[k + (size_t)i] = p[k + (size_t)i] * half + half;
}
#endif
