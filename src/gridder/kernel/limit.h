/* SPDX-License-Identifier: BSD-3-Clause */
/** Loops that do one thing as fast as an instruction set can: what the gridder's rates are measured against. Compiled
 *  once per instruction set, and per precision where that matters, beside the leaf loops. */
#ifndef IB_KERNEL_LIMIT_H
#define IB_KERNEL_LIMIT_H

#include <stddef.h>

enum { IB_LIMIT_PIECE = 512 }; /* bytes; lengths of memory are multiples of it */

typedef struct ib_limit_loops {
    const char *isa; /* as in the table of instruction sets */

    /** n rounds of independent multiply-adds, kept in registers. @param sum  receives something that depends on all of
     *  them. @return floating-point operations done. */
    double (*fma[2])(size_t n, double *sum); /* single, double */

    /** Read `bytes` once. @return something that depends on all of them. */
    double (*read)(const void *from, size_t bytes);

    /** Read and write `bytes` in place, once. */
    void (*update)(void *at, size_t bytes);
} ib_limit_loops;

#endif
