/* SPDX-License-Identifier: BSD-3-Clause */
/** Judging times: exact small-sample statistics (harness specification, chapter 6). Pure functions on logarithms of
 *  launch medians: a difference of d is a ratio of exp(d). */
#ifndef IB_BENCH_STATS_H
#define IB_BENCH_STATS_H

#include "imgbench.h"

#include <stdbool.h>

/** Distribution-free interval of a median, [x_(k+1), x_(n-k)] for the largest k with P(Bin(n, 1/2) <= k) <= alpha/2.
 *  @param sorted  [n], ascending
 *  @return its confidence; 0 when n is too small for any (below 6 for alpha = 0.05) */
double ib_median_interval(const double *sorted, size_t n, double alpha, double *low, double *high);

/** P(U <= u) of the rank-sum statistic of two samples that do not differ: exact by counting arrangements when neither
 *  has more than 30 values, else normal with continuity correction. */
double ib_rank_sum_below(size_t n, size_t m, double u);

/** B against A. */
typedef struct ib_shift {
    size_t n, m;
    double estimate;  /* Hodges-Lehmann: median of all differences y - x */
    double low, high; /* its interval of confidence 1 - alpha; NaN when n and m are too small for one */
    double p;         /* exact two-sided rank-sum test, ties in the least significant order */
    double p_least;   /* the smallest p that n and m can give: 2 / C(n + m, n) */
} ib_shift;

/** @param work  room for n x m values */
ib_shift ib_shift_of(const double *x, size_t n, const double *y, size_t m, double alpha, double *work);

/** From best to worst for a gate; small ones lie inside the margin. */
typedef enum ib_verdict {
    IB_FASTER,
    IB_SMALL_FASTER,
    IB_SAME,
    IB_SMALL_SLOWER,
    IB_TOO_FEW,
    IB_CHANGED, /* a difference, but not only what was to be compared differs */
    IB_INCONCLUSIVE,
    IB_SLOWER,
    IB_WRONG /* an image was refused: never ranked */
} ib_verdict;

const char *ib_verdict_name(ib_verdict verdict);

/** What an interval shows against a margin (0.02: ratios up to 1.02 do not matter). */
ib_verdict ib_verdict_of(const ib_shift *shift, double margin);

/** Launches of either side that would probably decide: n (half-width / margin)^2 for an inconclusive shift, the least that
 *  alpha can be reached with for one of too few. Never fewer than there are, plus one. */
size_t ib_launches_needed(const ib_shift *shift, double margin, double alpha);

/** Launches of either side after which a comparison that collects them looks, each with alpha / IB_LOOKS, and stops at the
 *  first verdict other than inconclusive. The first is the default where launches are counted beforehand. */
enum { IB_LOOKS = 4, IB_MOST_LAUNCHES = 20 };
extern const size_t ib_look[IB_LOOKS];

/** Benjamini-Hochberg: which of n p-values are discoveries when a share `level` of them may be false. */
void ib_discoveries(const double *p, size_t n, double level, bool *found);

/** A step between neighbouring points of a series. */
typedef struct ib_step {
    size_t at;    /* the first point after it */
    double shift; /* median after minus median before, of the two segments */
    double p;     /* rank-sum test of up to 20 points on either side */
} ib_step;

/** Steps of a series, where none is due to noise: segments of at least three points that minimise the weighted absolute
 *  deviations from their medians plus a penalty per step, then those removed that a rank-sum test (p <= 0.005) or the
 *  margin does not support. O(n^2).
 *  @param weight  [n], relative; the square root of the launches behind a point
 *  @param margin  steps of a smaller ratio are none
 *  @param step    [n / 3 + 1], receives them in order
 *  @param noise   receives the standard deviation about the medians, by that of neighbours and what they remember of each other, robust,
 *                 at least 1e-4 */
ib_status ib_steps(const double *y, const double *weight, size_t n, double margin, ib_step *step, size_t *n_step,
                   double *noise, ib_error *err);

/** The newest points of a segment are too few for a step. They are suspect when they lie outside of the median +- 3.5
 *  times the noise of the (at least eight) points before, and outside of the margin, all on the slow side.
 *  @param from  where the last segment begins
 *  @return the first suspect point; n: none */
size_t ib_first_suspect(const double *y, size_t from, size_t n, double noise, double margin);

#endif
