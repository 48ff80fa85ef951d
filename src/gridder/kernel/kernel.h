/* SPDX-License-Identifier: BSD-3-Clause */
/** Leaf loops of the gridder: they neither check, allocate, lock, log nor call a library. What they may assume is said
 *  here and guaranteed by grid.c.
 *
 *  One source, compiled once per instruction set and precision, chosen by name from a table at run time. `real` below is
 *  float or double as the function's precision says. */
#ifndef IB_KERNEL_H
#define IB_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum {
    IB_BATCH = 512, /* samples handed to a leaf loop at once */
    IB_RANK = 32,   /* samples of a group added together: what fits the first-level cache with their taps */
    IB_LEAD = 8     /* zeros in front of a row of taps */
};

/** Form weighted samples of one plane from correlations, row by row. */
typedef struct ib_weigh_job {
    size_t n_row, n_corr;
    const float (*vis)[2]; /* [row][corr] */
    const float   *weight; /* [row][corr] */
    const uint8_t *flag;   /* [row][corr] */
    const uint8_t *use;    /* [row] 1; 0: an autocorrelation, or uvw not finite: neither used nor counted */
    int            n_in;   /* correlations that enter: 1 (with factor 1) or 2 */
    int            in[2];
    double         factor[2][2];
    int            rule;    /* weight of two: 0 harmonic, 1 minimum, 2 mean */
    size_t         n_plane; /* spacing of the output */
    void          *value;   /* out: real [row][n_plane][2], weight x visibility; 0 where the sample is not usable */
    void          *natural; /* out: real [row][n_plane], weight; likewise */
    uint64_t       flagged, not_finite, weightless; /* out: added to */
} ib_weigh_job;

/** Samples to locate: u (never negative) and v in metres. */
typedef struct ib_locate_job {
    size_t        n;
    const double *u, *v;              /* [n] m */
    double        scale_u, scale_v;   /* cells per metre at this channel's frequency; scale_v is negative */
    double        origin_u, origin_v; /* column, row of the grid's zero */
    double        half;               /* support / 2 */
    double        centre; /* tap that sits nearest to the sample, or half-way before it: convfn.h's half */
    double        oversampling;
    double        first;                 /* table position of row 0 */
    double        nearest;               /* 0.5 when the nearest row is taken, 0 when two are interpolated */
    double        low_v, high_u, high_v; /* first cells below or above these leave the grid; u has no lower end */
    int32_t      *iu, *iv;               /* [n] out: first column, first row of the support; iu < 0: outside */
    float        *pu, *pv;               /* [n] out: position in table rows: row + fraction; double for grid[1] */
    double       *qu, *qv;               /* the same in double; either pair may be NULL */
} ib_locate_job;

/** Samples to grid, in grid order: neighbours in the list are neighbours in the grid. */
typedef struct ib_tile_job {
    size_t         n;
    const int32_t *iu, *iv; /* [n] first column, first row of the support */
    const void    *pu, *pv; /* real [n] position in table rows */
    size_t         n_plane;
    const void   **value;  /* [n_plane] -> real [n][2] weighted visibility */
    void         **grid;   /* [n_plane] -> real [row][stride][2] */
    size_t         stride; /* cells between grid rows */
    const void    *taps;   /* real [table row][tap_stride]: IB_LEAD zeros, the taps, at least 8 zeros */
    size_t         tap_stride;
    int            linear; /* interpolate between table rows */
    int            support;
    void          *scratch; /* IB_SCRATCH_BYTES, 64-byte aligned */
} ib_tile_job;

enum { IB_SCRATCH_BYTES = IB_RANK * 4 * (2 * 144) * 8 + 4096 };

/** Groups of group_u x group_v cells share one patch of cells, patch_u x patch_v: what one update reads and writes from
 *  the group's first cell on. */
typedef struct ib_patch {
    int group_u, group_v, patch_u, patch_v;
} ib_patch;

/** What the variant with 128-bit vectors is called, which every machine of an architecture has. */
#ifdef __aarch64__
#define IB_BASE "neon"
#else
#define IB_BASE "base"
#endif

typedef struct ib_isa {
    const char *name; /* "reference", IB_BASE, "v3", "v4" */
    const char *help;
    int (*usable)(void);                 /* does this machine have it */
    void (*weigh[2])(ib_weigh_job *job); /* single, double */
    void (*locate)(const ib_locate_job *job);
    void (*grid[2])(const ib_tile_job *job); /* likewise */
    void (*patch[2])(int support, ib_patch *patch);
} ib_isa;

/** Rows of the table, best last; NULL beyond. */
const ib_isa *ib_isa_at(size_t i);

/** The row of a name; "auto": the best usable one. NULL: unknown or not usable here. */
const ib_isa *ib_isa_find(const char *name);

#endif
