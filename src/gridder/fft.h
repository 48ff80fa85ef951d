/* SPDX-License-Identifier: BSD-3-Clause */
/** From a grid to image planes: fold, pruned transform, correction, crop; the grid is zero again afterwards.
 *
 *  Columns first, all planes of the grid together, then rows, plane by plane and a few at a time, so that what follows
 *  finds them in cache. What no sample touched is neither read nor transformed, what the image does not show is not
 *  finished. The bits do not depend on the number of threads. */
#ifndef IB_GRIDDER_FFT_H
#define IB_GRIDDER_FFT_H

#include "gridder/convfn.h"
#include "gridder/direct.h"
#include "gridder/plan.h"

/** Time of a complex line of n cells, n a good size (plan.h): nanoseconds on the machine it was measured on, elsewhere good
 *  for comparisons. A pure function of its arguments. */
double ib_fft_cost(size_t n, int precision);

/** Size of a grid along an axis, at least `least`: the cheapest one of the good sizes that are no more than a tenth
 *  larger than the first. */
size_t ib_fft_size(double least, int precision);

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

/** @param wisdom of ib_transform_wisdom, the same on all ranks; isa as in kernel.h. Not thread-safe. */
ib_status ib_transform_create(ib_transform **out, const ib_geometry *geometry, const ib_convfn *fn, const char *isa,
                              const char *wisdom, ib_error *err);
void      ib_transform_destroy(ib_transform *transform);

/** Bytes of the buffer that each thread brings, 64-byte aligned. Its contents need not be kept. */
size_t ib_transform_work(const ib_geometry *geometry, int precision);

/** Fold and transform a grid along v, in place. @param used  planes of a cell that hold anything; work  [n_thread] */
void ib_transform_columns(const ib_transform *transform, void *grid, const ib_touched *touched, int used,
                          void *const *work, int n_thread);

/** Rows [first, first + n) of the image of one plane, divided by the sum of weights and the correction; `first` is even.
 *  When every row of every plane has been taken once, the grid is zero. Threads may take different rows side by side.
 *  @param touched  as for the columns; image [ny][nx] */
void ib_transform_rows(const ib_transform *transform, void *grid, const ib_touched *touched, int plane,
                       double sum_of_weights, size_t first, size_t n, void *work, float *image);

/** What a plane of a grid is at few pixels, times its sum of weights, by the sum over cells instead of the transform: at the
 *  pixels of a direct sum, so many to either side of the centre. The grid is as the samples left it.
 *  @param sum  as in ib_direct: [m][+, -][l][+, -] */
void ib_transform_sum(const ib_transform *transform, const void *grid, const ib_touched *touched, int plane,
                      size_t n_l, const size_t *right, size_t n_m, const size_t *up, ib_direct_sum *sum,
                      int n_thread);

/** The same with a pass of the w-term: the terms of one plane, each times its polynomial of the depth of the pixels, are
 *  added up. What lies beyond the horizon is 0.
 *  @param plane  of those that are gridded together for one image channel
 *  @param sum    of the passes so far, real [ny][nx]; begun by pass 0; NULL when there is but one pass
 *  @param image  written by the last pass */
void ib_transform_pass(const ib_transform *transform, void *grid, const ib_touched *touched, int plane, int n_plane,
                       int pass, double sum_of_weights, size_t first, size_t n, void *work, void *sum, float *image);

#endif
