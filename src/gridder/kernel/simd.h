/* SPDX-License-Identifier: BSD-3-Clause */
/** What sources have in common that are compiled once per instruction set (IB_ISA, IB_VECTOR_BYTES) and precision
 *  (IB_PRECISION: f32, f64): the real type, vectors of it, and names that tell the variants apart. */
#ifndef IB_KERNEL_SIMD_H
#define IB_KERNEL_SIMD_H

#define f32 1
#define f64 2
#if IB_PRECISION == f32
#define IS_F32 1
typedef float real;
#else
#define IS_F32 0
typedef double real;
#endif
#undef f32
#undef f64

#define CAT_(a, b, c, d) a##b##c##d
#define CAT(a, b, c, d)  CAT_(a, b, c, d)
#define NAME(function)   CAT(function, IB_ISA, _, IB_PRECISION)

enum { LANES = IB_VECTOR_BYTES / (int)sizeof(real) }; /* reals of a vector */

typedef real vec __attribute__((vector_size(IB_VECTOR_BYTES)));

#endif
