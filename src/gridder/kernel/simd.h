/* SPDX-License-Identifier: BSD-3-Clause */
/** What sources have in common that are compiled once per instruction set (IB_ISA, IB_VECTOR_BYTES) and precision
 *  (IB_PRECISION: f32, f64): the real type, vectors of it, and names that tell the variants apart. */
#ifndef IB_KERNEL_SIMD_H
#define IB_KERNEL_SIMD_H

#include <stdint.h>

#define f32 1
#define f64 2
#if IB_PRECISION == f32
#define IS_F32 1
typedef float real;
#else
#define IS_F32 0
typedef double  real;
#endif
#undef f32
#undef f64

#define CAT_(a, b, c, d) a##b##c##d
#define CAT(a, b, c, d)  CAT_(a, b, c, d)
#define NAME(function)   CAT(function, IB_ISA, _, IB_PRECISION)

enum { LANES = IB_VECTOR_BYTES / (int)sizeof(real) }; /* reals of a vector */

typedef real vec __attribute__((vector_size(IB_VECTOR_BYTES)));
typedef real vec_any __attribute__((vector_size(IB_VECTOR_BYTES), aligned(sizeof(real)), may_alias));
#if IS_F32
typedef int32_t index __attribute__((vector_size(IB_VECTOR_BYTES)));
#else
typedef int64_t index __attribute__((vector_size(IB_VECTOR_BYTES)));
#endif

#define INLINE static inline __attribute__((always_inline))
#define APART                                                                                                        \
    static __attribute__((noinline)) /* keeps few values alive: GCC would spill them around the inner loops */

INLINE vec load(const real *p)
{
    return *(const vec_any *)p;
}

INLINE void store(real *p, vec x)
{
    *(vec_any *)p = x;
}

INLINE vec splat(real x)
{
    return x - (vec){0};
}

INLINE int round_up(int n, int step)
{
    return (n + step - 1) / step * step;
}

/* n rounded down to a multiple of d. Exact for n below 2^22: (n + 1/2) / d is half a d-th from an integer, more than the
   rounding. */
INLINE int32_t floor_to(int32_t n, int d, float inverse)
{
    return (int32_t)(((float)n + 0.5f) * inverse) * d;
}

#endif
