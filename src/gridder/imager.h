/* SPDX-License-Identifier: BSD-3-Clause */
/** The engine of one rank: units in, finished planes out. Knows neither files nor other ranks: both come through ports. */
#ifndef IB_GRIDDER_IMAGER_H
#define IB_GRIDDER_IMAGER_H

#include "base/trace.h"
#include "gridder/check.h"
#include "gridder/tree.h"

typedef enum ib_product { IB_DIRTY, IB_PSF, IB_PB, IB_WEIGHT, IB_N_PRODUCTS } ib_product;

/** What became of one unit. */
typedef struct ib_outcome {
    ib_tally tally[IB_MAX_STOKES];
    double   beam[IB_MAX_STOKES][3]; /* rad; 0: none; NaN: blank plane */
} ib_outcome;

/** Where samples come from and planes go. */
typedef struct ib_port {
    void *self;
    ib_status (*rows)(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err);
    ib_status (*read)(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into, ib_error *err);
    bool concurrent; /* read may be called by several threads at once */
    ib_status (*write)(void *self, ib_product product, const ib_plane *plane, ib_error *err); /* any thread */
    /** Called by the main thread between reads with the number of samples (row x channel) done since the last call.
     *  @return non-zero: stop here; err says why. */
    ib_status (*between)(void *self, uint64_t done, ib_error *err);
    bool (*urgent)(void *self); /* any thread, between planes: leave the rest of this read, `between` will say why */
    /** All planes of a channel have been written, by this thread; may be NULL. @param verdict  n_plane 0: not checked */
    ib_status (*finished)(void *self, size_t chan, const ib_outcome *outcome, const ib_verdict *verdict,
                          ib_error *err);
} ib_port;

typedef struct ib_imager ib_imager;

/** @param wisdom  of ib_transform_wisdom; @param n_bin, n_mip as in the cube. Borrows plan, cfg, info. */
ib_status ib_imager_create(ib_imager **out, const ib_plan *plan, const ib_config *cfg, const ib_vis_info *info,
                           const char *wisdom, const ib_cube *cube, int n_thread, const ib_port *port, ib_error *err);
void      ib_imager_destroy(ib_imager *imager);

/** What the next ib_imager_cube will be asked for, so that its samples can be read meanwhile; n 0: nothing. */
void ib_imager_ahead(ib_imager *imager, ib_range units);

/** Cube: image whole channels, window by window. outcome [units.n]. */
ib_status ib_imager_cube(ib_imager *imager, ib_range units, ib_outcome *outcome, ib_error *err);

/** mfs, for every pass of the w-term: grid shares; their sums wait in ib_imager_grids. outcome [units.n] of pass 0. */
ib_status ib_imager_mfs(ib_imager *imager, ib_range units, int pass, ib_outcome *outcome, ib_error *err);

/** mfs, one rank, after every rank's nodes have been pushed: transform the pass; after the last one write the only channel.
 *  @param outcome  in: tallies of pass 0 summed; out: beam */
ib_status ib_imager_finish(ib_imager *imager, int pass, ib_outcome *outcome, ib_error *err);

/** One density of weights for all channels: the sums of units' densities wait in ib_imager_densities; every rank then
 *  gets the total [n_stokes][ny][nx] back. */
ib_status ib_imager_weigh(ib_imager *imager, ib_range units, ib_error *err);
void      ib_imager_set_density(ib_imager *imager, const double *total);

ib_tree *ib_imager_grids(ib_imager *imager);
ib_tree *ib_imager_densities(ib_imager *imager);

/** The direct sum of an mfs image, whose samples are spread over ranks: add up and give back before finish. */
ib_direct *ib_imager_direct(ib_imager *imager);

/** Weights of an mfs mosaic, [input channel][n_stokes][kind], likewise: add up before finish. NULL without a mosaic.
 *  @param n  their number */
double *ib_imager_kind_weights(ib_imager *imager, size_t *n);

/** Seconds that samples were read ahead by a thread of its own; 0: none were. */
double ib_imager_read_ahead(const ib_imager *imager);

void ib_imager_times(const ib_imager *imager, ib_timers *timers); /* mean over threads where they work side by side */
ib_verdict ib_imager_verdict(const ib_imager *imager);

#endif
