/* SPDX-License-Identifier: BSD-3-Clause */
/** From a grid to an image plane: fold, pruned transform, correction, crop; the grid is zero again afterwards. */
#ifndef IB_GRIDDER_FFT_H
#define IB_GRIDDER_FFT_H

#include "gridder/convfn.h"
#include "gridder/plan.h"

/** Plans and correction tables; constant once made, shared by threads. */
typedef struct ib_transform ib_transform;

/**
 * The FFT plans of a shape as text, so that every rank and every later run computes the same bits: measured once per
 * machine and shape and kept in the user's cache folder ($XDG_CACHE_HOME/imgbench, else ~/.cache/imgbench). Where it
 * cannot be kept, "" asks for estimated plans, which are repeatable by themselves. One rank calls it.
 *
 * @param text    from ib_alloc, the caller's
 * @param origin  what to tell the user: "measured 1f2e...", "saved 1f2e..." or "estimated (reason)"
 */
ib_status ib_transform_wisdom(const ib_geometry *geometry, int precision, char **text, char origin[80],
                              ib_error *err);

/** @param wisdom of ib_transform_wisdom, the same on all ranks. Not thread-safe. */
ib_status ib_transform_create(ib_transform **out, const ib_geometry *geometry, const ib_convfn *fn,
                              const char *wisdom, ib_error *err);
void      ib_transform_destroy(ib_transform *transform);

/** Image of one grid, divided by the sum of weights and the correction. Any thread.
 *  @param grid     zero on return
 *  @param columns  cells of a grid row that may not be zero
 *  @param row      grid_nx reals of the grid's precision, 64-byte aligned
 *  @param image    [ny][nx] */
void ib_transform_plane(const ib_transform *transform, void *grid, size_t columns, double sum_of_weights, void *row,
                        float *image);

#endif
