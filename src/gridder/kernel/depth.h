/* SPDX-License-Identifier: BSD-3-Clause */
/** Leaf loops of the w-term (wterm.h): samples to terms, terms to pixels. Compiled once per instruction set and precision, as
 *  tile.c is; `real` is float or double. */
#ifndef IB_KERNEL_DEPTH_H
#define IB_KERNEL_DEPTH_H

#include <stdbool.h>
#include <stddef.h>

enum {
    IB_W_TERMS = 24, /* of a slab, at most */
    IB_W_SERIES = 24 /* of the series that J begins with */
};

/** What one pass does: terms [first, first + n) of a slab; times cos(centre y), or sin. */
typedef struct ib_wpass {
    int    slab, first, n;
    bool   sine;
    double centre; /* rad: z_s */
} ib_wpass;

/** Weighted samples, each as often as there are terms, times exp(i z) e_j (i s)^j J_j(|z| - centre), s the sign of z; in a
 *  pass with a sine times i s, too. */
typedef struct ib_expand_job {
    size_t        n;
    const double *w;     /* [n rounded up to 8] m */
    double        turns; /* z / 2 pi per metre */
    ib_wpass      pass;
    int           n_term, n_series;      /* of all passes; of ib_wterm_series */
    const double (*series)[IB_W_SERIES]; /* [2] */
    int         n_plane, record, planes; /* of a sample that are used, stored in `from`; stored in `into` */
    const void *from;                    /* real [n][record][2] */
    void       *into;                    /* real [n][planes][2]: [term][plane] first, then zeros */
} ib_expand_job;

/** Pixels of a row: their depths, and what their terms begin with. */
typedef struct ib_screen_job {
    size_t n, centre;      /* pixels; the one with l = 0 */
    double cell, m;        /* rad along l; of this row */
    double deepest, turns; /* z_s / 2 pi */
    int    sine, slab;     /* slab 0 has no screen */
    void  *y, *t, *before; /* out: real [n]: y; T_0 and T_(-1) = T_1, times the screen */
} ib_screen_job;

typedef struct ib_depths {
    void (*expand)(const ib_expand_job *job);
    void (*screen)(const ib_screen_job *job);

    /** From T_j and T_(j-1) of n pixels to T_(j+1), which takes the place of T_(j-1). */
    void (*next)(void *before, const void *t, const void *y, size_t n);

    /** sum[i] += pixel i of a row times t[i]: the real (part 0) or imaginary (1) part of a circle, cropped and corrected as
     *  in lines.h. */
    void (*add)(void *sum, const void *circle, int part, size_t n, size_t nx, const void *correct, double scale,
                const void *t);

    /** Pixels [first, end) of a sum; the others are 0. */
    void (*finish)(float *image, const void *sum, size_t nx, size_t first, size_t end);
} ib_depths;

/** Loops of an instruction set by its name ("reference" has those of "base"), and precision: 0 single, 1 double. */
const ib_depths *ib_depths_find(const char *isa, int precision);

#endif
