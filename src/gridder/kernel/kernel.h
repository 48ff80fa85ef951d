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
    IB_RANK = 32,   /* samples whose taps are prepared together, at most */
    IB_LEAD = 8     /* zeros in front of a row of taps */
};

/** Form weighted samples from correlations, row by row: of one plane, or of all correlations as they are. */
typedef struct ib_weigh_job {
    size_t n_row, n_corr;
    const float (*vis)[2]; /* [row][corr] */
    const float   *weight; /* [row][corr] */
    const uint8_t *flag;   /* [row][corr] */
    const uint8_t *use;    /* [row] 1; 0: an autocorrelation, or uvw not finite: neither used nor counted */
    int            all;    /* every row is used */
    int      side; /* planes: 1, or n_corr (up to 4) planes that are a correlation each, with n_in 1 and in[0] 0 */
    int      n_in; /* correlations that enter: 1 (with factor 1) or 2 */
    int      in[2];
    double   factor[2][2];
    int      rule;                    /* weight of two: 0 harmonic, 1 minimum, 2 mean */
    size_t   value_step, weight_step; /* reals from one row's output to the next one's */
    size_t   weight_side;             /* reals from one plane's weight to the next one's */
    void    *value;                   /* out: real [side][2], weight x visibility; 0 where the
                                                                  sample is not usable */
    void    *natural;                 /* out: real, weight; likewise */
    uint64_t flagged[4], not_finite[4], weightless[4], good[4]; /* [side] out: added to */
    double   total[4];                                          /* [side] out: of the weights; added to */
} ib_weigh_job;

/** First columns and rows of supports: the least and the largest of some samples. */
typedef struct ib_cells {
    int32_t low_u, high_u, low_v, high_v;
} ib_cells;

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
    int32_t      *iu, *iv;               /* out: first column, first row of the support; iu -1: outside. Room for [n]
                                            rounded up to a vector, here and below */
    int           single;                /* which of the following */
    union {
        float  *f;
        double *d;
    } pu, pv;        /* out: position in table rows: row + fraction */
    ib_cells extent; /* out: of iu and iv */
} ib_locate_job;

/** Groups of group_u x group_v cells share one patch of cells, patch_u x patch_v: what one update reads and writes from
 *  the group's first cell on. */
typedef struct ib_patch {
    int group_u, group_v, patch_u, patch_v;
    int vectors; /* of a patch, all planes */
} ib_patch;

/** Samples to grid, in grid order: neighbours in the list are neighbours in the grid. Places may be read up to IB_RANK
 *  samples beyond the last one: what stands there does not matter. */
typedef struct ib_tile_job {
    size_t          n;
    const int32_t  *iu, *iv; /* [n] first column, first row of the support */
    const void     *pu, *pv; /* real [n] position in table rows */
    int             planes;  /* 1, 2, 4 or 8 */
    const void     *value;   /* real [n][planes][2] weighted visibility */
    void           *grid;    /* real [row][stride][planes][2]; 64-byte aligned, and so are its rows */
    size_t          stride;  /* cells between grid rows */
    const ib_patch *patch;   /* of this instruction set, for this support and these planes */
    const void     *taps;    /* real [table row][tap_stride]: IB_LEAD zeros, the taps, at least 8 zeros */
    size_t          tap_stride;
    int             linear; /* interpolate between table rows */
    int             support;
    void           *scratch; /* IB_SCRATCH_BYTES, 64-byte aligned */
} ib_tile_job;

enum { IB_SCRATCH_BYTES = 48 << 10 }; /* the taps of a group and the rows of a patch share the first-level cache */

/** Taps of the mosaic gridder. A cell is divided into `oversampling` squares along either axis; within each, the kernel at every tap
 *  is a polynomial of the sample's place,  A = A0 + x A1 + y A2 + x^2 A3 + x y A4 + y^2 A5,  x and y from -1 to 1 across the square along u and v.
 *  Position p (0 .. oversampling) along an axis lies in square floor(p); those beyond either end by rounding are taken from the end. */
typedef struct ib_mosaic_table {
    const void *
        taps; /* real [pair][square along v][square along u][row][IB_MOSAIC_TERMS][column]; 64-byte aligned. Taps, then zeros
                            to the end of a row and of a square; IB_MOSAIC_SLACK rows of zeros stand in front, too */
    size_t columns; /* a multiple of 16, above support */
    size_t rows;    /* support + IB_MOSAIC_SLACK */
    int    support, oversampling;
} ib_mosaic_table;

enum { IB_MOSAIC_TERMS = 6, IB_MOSAIC_SLACK = 8 };

/** Samples to grid with the mosaic kernel: neighbours in the list are neighbours in the grid, and those of one group of cells
 *  that share a pointing follow each other. cell += value A exp(2 pi i t.l_p). */
typedef struct ib_mosaic_job {
    size_t          n;
    const int32_t  *iu, *iv;  /* [n] first column, first row of the support */
    const void     *pu, *pv;  /* real [n] position within the table */
    const int32_t  *pair;     /* [n] baseline type */
    const int32_t  *pointing; /* [n] */
    int             planes;   /* 1, 2, 4 or 8 */
    const void     *value;    /* real [n][planes][2] weighted visibility, phased to its pointing */
    void           *grid;     /* real [row][stride][planes][2]; 64-byte aligned, and so are its rows */
    size_t          stride;   /* cells between grid rows */
    const ib_patch *patch;    /* by mosaic_patch of this instruction set, for this support and these planes */
    ib_mosaic_table table;
    const void
        *phase_u; /* real [pointing][2: re, im][phase_columns]: of the columns of the grid, by ib_aproj_phase */
    const void *phase_v;                   /* real [pointing][2: re, im][phase_rows]: likewise of the rows */
    size_t      phase_columns, phase_rows; /* at least the columns and rows that patches reach, and 16 rows more */
    void       *scratch;                   /* IB_SCRATCH_BYTES, 64-byte aligned */
} ib_mosaic_job;

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
    void (*locate)(ib_locate_job *job);
    void (*grid[2])(const ib_tile_job *job); /* likewise */
    void (*patch[2])(int support, int planes, ib_patch *patch);
    void (*mosaic[2])(const ib_mosaic_job *job);
    void (*mosaic_patch[2])(int support, int planes, ib_patch *patch);
} ib_isa;

/** Rows of the table, best last; NULL beyond. */
const ib_isa *ib_isa_at(size_t i);

/** The row of a name; "auto": the best usable one. NULL: unknown or not usable here. */
const ib_isa *ib_isa_find(const char *name);

#endif
