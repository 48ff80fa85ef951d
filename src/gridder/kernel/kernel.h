/* SPDX-License-Identifier: BSD-3-Clause */
/** Leaf loops of the gridder: they neither check, allocate, lock, log nor call a library. What they may assume is said
 *  here and guaranteed by grid.c.
 *
 *  One source, compiled once per instruction set and precision, chosen by name from a table at run time. */
#ifndef IB_KERNEL_H
#define IB_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum {
    IB_BATCH = 512, /* samples handed to a leaf loop at once */
    IB_RANK = 32    /* samples of a group added together: what fits the first-level cache with their taps */
};

/** Samples to locate: u (never negative) and v in metres. */
typedef struct ib_locate_job {
    size_t        n;
    const double *u, *v;              /* [n] m */
    double        scale_u, scale_v;   /* cells per metre at this channel's frequency; scale_v is negative */
    double        origin_u, origin_v; /* column, row of the grid's zero */
    int           support;            /* taps per axis */
    double        half;               /* support / 2 */
    int           centre;             /* tap that sits nearest to the sample, or half-way before it: the table's h */
    double        oversampling;
    double        first;                        /* table position of row 0 (convfn.h) */
    double        nearest;                      /* 0.5 when the nearest row is taken, 0 when two are interpolated */
    double        low_u, low_v, high_u, high_v; /* first cells below low or above high leave the grid */
    int32_t      *iu, *iv;                      /* [n] out: first column, first row of the support; iu < 0: outside */
    double       *pu, *pv;                      /* [n] out: position in table rows: row + fraction */
} ib_locate_job;

/** Samples to grid, in grid order: neighbours in the list are neighbours in the grid. Reals are float or double as the
 *  function says. */
typedef struct ib_tile_job {
    size_t         n;
    const int32_t *iu, *iv; /* [n] first column, first row of the support */
    const double  *pu, *pv; /* [n] position in table rows */
    size_t         n_plane;
    const void   **value;  /* [n_plane] -> [n][2] weighted visibility; re, im */
    void         **grid;   /* [n_plane] -> [row][stride][2] */
    size_t         stride; /* cells between grid rows */
    const void    *taps;   /* [table row][tap_stride] */
    size_t         tap_stride;
    int            linear; /* interpolate between table rows */
    int            support;
    void          *scratch; /* IB_SCRATCH_BYTES, 64-byte aligned */
} ib_tile_job;

enum { IB_SCRATCH_BYTES = IB_RANK * (2 * 160 + 160 + 2 * 160) * 8 };

/** Groups of group_u x group_v cells share one patch of cells, patch_u x patch_v: what one update reads and writes from
 *  the group's first cell on. */
typedef struct ib_patch {
    int group_u, group_v, patch_u, patch_v;
} ib_patch;

typedef struct ib_isa {
    const char *name; /* "reference", "base", "v3", "v4" */
    const char *help;
    int (*usable)(void); /* does this machine have it */
    void (*locate)(const ib_locate_job *job);
    void (*grid[2])(const ib_tile_job *job);        /* single, double */
    void (*patch[2])(int support, ib_patch *patch); /* likewise */
} ib_isa;

/** Rows of the table, best last; NULL beyond. */
const ib_isa *ib_isa_at(size_t i);

/** The row of a name; "auto": the best usable one. NULL: unknown or not usable here. */
const ib_isa *ib_isa_find(const char *name);

#endif
