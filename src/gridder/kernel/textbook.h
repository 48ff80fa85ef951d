/* SPDX-License-Identifier: BSD-3-Clause */
/** The gridder of a textbook, in plane order: the baseline of the benchmark. One visibility after the other in the order
 *  of the rows, nearest samples of the function, a full plane; neither weights nor flags, which is to its advantage. */
#ifndef IB_KERNEL_TEXTBOOK_H
#define IB_KERNEL_TEXTBOOK_H

#include <stddef.h>
#include <stdint.h>

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

/** A mosaic's samples: nearest of a table over both axes, times the factor of the cell and its pointing. */
typedef struct ib_textbook_mosaic_job {
    size_t n;
    const double (*at)[2];   /* [n] cells from the grid's first one */
    const int32_t *pointing; /* [n] */
    const void    *value;    /* real [n][2] */
    void          *grid;     /* real [side][side][2] */
    int            side;
    const void    *taps; /* real [oversampling + 1][oversampling + 1][support][support] */
    int            support, oversampling;
    const void    *phase[2]; /* real [pointing][2: re, im][side]: factors of cells along u, v */
} ib_textbook_mosaic_job;

typedef struct ib_textbook {
    const char *isa; /* compiled for, as in the table of instruction sets */
    void (*grid[2])(const ib_textbook_job *job);
    void (*mosaic[2])(const ib_textbook_mosaic_job *job);
} ib_textbook;

/** The one for the best instruction set of this machine. */
const ib_textbook *ib_textbook_best(void);

#endif
