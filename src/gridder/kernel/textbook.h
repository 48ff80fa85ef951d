/* SPDX-License-Identifier: BSD-3-Clause */
/** The gridder of a textbook, in plane order: the baseline of the benchmark. One visibility after the other in the order
 *  of the rows, nearest samples of the function, a full plane; neither weights nor flags, which is to its advantage. */
#ifndef IB_KERNEL_TEXTBOOK_H
#define IB_KERNEL_TEXTBOOK_H

#include <stddef.h>

/** `real` is float or double as the function's precision says. */
typedef struct ib_textbook_job {
    size_t n;
    const double (*uvw)[3]; /* [n] m */
    double      scale[2];   /* cells per metre */
    const void *value;      /* real [n][2] */
    void       *grid;       /* real [side[1]][side[0]][2] */
    int         side[2];    /* cells along u, v */
    const void *taps;       /* real [oversampling + 1][support]: offsets of -1/2 .. 1/2 cell */
    int         support, oversampling;
} ib_textbook_job;

typedef struct ib_textbook {
    const char *isa; /* compiled for, as in the table of instruction sets */
    void (*grid[2])(const ib_textbook_job *job);
} ib_textbook;

#endif
