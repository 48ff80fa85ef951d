/* SPDX-License-Identifier: BSD-3-Clause */
/** From samples to grids: locate, weigh, convolve. */
#ifndef IB_GRIDDER_GRID_H
#define IB_GRIDDER_GRID_H

#include "gridder/convfn.h"
#include "gridder/direct.h"
#include "gridder/sort.h"
#include "gridder/stokes.h"
#include "gridder/weight.h"

/** What all threads share; constant once made. */
typedef struct ib_gridder {
    const ib_plan           *plan;
    const ib_config         *cfg;
    const ib_isa            *isa;
    const ib_convfn         *fn;
    const ib_mosaic_kernels *kernels; /* of a mosaic; NULL: the standard gridder */
    const ib_direct_loop    *direct;
    int                      n_series; /* of the w-term */
    double                   series[2][IB_W_SERIES];
} ib_gridder;

/** What one plane got. */
typedef struct ib_tally {
    double    weight;  /* sum of imaging weights gridded */
    double    outside; /* weight of the samples whose support leaves the grid */
    ib_counts counts;
} ib_tally;

/** The grid of one image channel, with its Stokes planes and then their PSFs side by side in every cell. A grid that is
 *  not in use is zero. */
typedef struct ib_lane {
    void        *grid; /* real [height][stride][planes][2] */
    void        *sum;  /* real [n_grid][ny][nx]: the passes of the w-term so far; NULL: there is one pass, or another
                     lane has it; owned */
    ib_tally     tally[IB_MAX_STOKES];
    ib_density  *density[IB_MAX_STOKES]; /* of the channel; NULL: natural weights */
    ib_weighting weighting[IB_MAX_STOKES];
    ib_touched   touched;
    ib_direct    direct;       /* direct sum of plane direct_plane */
    int          direct_plane; /* -1: this channel is not checked */

    /* the weighted samples of one input channel */
    void   *value;                    /* real [row][record][2]: a PSF's samples are its weights */
    void   *weight;                   /* real; that of plane p stands at row * weight_row + p * weight_plane */
    size_t  weight_row, weight_plane; /* reals */
    void   *own_weight;               /* weight, where no PSF holds it */
    double *response;                 /* mosaic: [kind] of the PSF's source at this channel */
} ib_lane;

/** One channel of one block of rows. Views. */
typedef struct ib_view {
    const ib_spw *spw;
    double        freq;
    const float (*vis)[2];         /* [row][corr] Jy */
    const float           *weight; /* [row][corr] */
    const uint8_t         *flag;   /* [row][corr] */
    const ib_plane_recipe *recipe; /* [n_stokes]; n_in 0: this window has no such plane */
    const double (*uvw)[3];        /* [row] m */
    const double  *path;           /* [row] m: samples turn by -path freq / c; NULL: they do not */
    const uint8_t *use;            /* [row] 0: an autocorrelation, or uvw not finite: not in any order */
    bool           all;            /* every row is used */
    size_t         n_row, n_auto;  /* rows, autocorrelations among them */

    /* of a mosaic */
    const uint32_t *kind;        /* [row] */
    const uint32_t *by_kind;     /* [row] rows, kind by kind */
    const uint32_t *kind_first;  /* [n_kind + 1] into by_kind */
    double         *kind_weight; /* [n_stokes][n_kind]: what is gridded is added */
} ib_view;

/** Buffers of one thread. */
typedef struct ib_scratch ib_scratch;
ib_status                 ib_scratch_create(ib_scratch **out, const ib_plan *plan, int precision, ib_error *err);
void                      ib_scratch_destroy(ib_scratch *scratch);

ib_status ib_lane_create(ib_lane **out, const ib_plan *plan, const ib_config *cfg, ib_error *err);
void      ib_lane_destroy(ib_lane *lane);

/** Forget tallies; check nothing. Grids are zero already. */
void ib_lane_begin(ib_lane *lane);

/** Add natural weights of usable samples to the densities. */
void ib_lane_weigh(const ib_gridder *gridder, ib_lane *lane, const ib_view *view);

/** Convolve samples onto the grids, with n_thread threads. A pass of the w-term takes the samples of its slab; the first one
 *  finds the fate of all, and adds all to the direct sum. scratch[n_thread]. The bits do not depend on n_thread, but
 *  those of the direct sum do.
 *  @param tile_tally  one per tile of the order; for n_thread > 1
 *  @return seconds of it that the direct sum took, mean over threads */
double ib_lane_add(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order, int pass,
                   ib_scratch *const *scratch, ib_tally (*tile_tally)[IB_MAX_STOKES], int n_thread);

#endif
