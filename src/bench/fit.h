/* SPDX-License-Identifier: BSD-3-Clause */
/** Laws of scaling fitted to times: T(N) for N workers. Pure functions. */
#ifndef IB_BENCH_FIT_H
#define IB_BENCH_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** From the simplest. All are sums of columns with coefficients that are not negative.
 *
 *      ideal    b/N
 *      Amdahl   a + b/N                                          serial share s = a/(a+b), speed-up at most 1/s
 *      USL      c/N (1 + sigma (N-1) + kappa N (N-1))             (Gunther) peak at sqrt((1-sigma)/kappa)
 *      log      a + b/N + c log2 N                               trees of messages; peak at b ln2 / c
 *      linear   a + b/N + d N                                    every worker with every other; peak at sqrt(b/d) */
typedef enum ib_law { IB_LAW_IDEAL, IB_LAW_AMDAHL, IB_LAW_USL, IB_LAW_LOG, IB_LAW_LINEAR, IB_N_LAWS } ib_law;

enum { IB_MAX_COEF = 3, IB_MAX_SIZES = 64, IB_RESAMPLED = 2000 };

const char *ib_law_name(ib_law law); /* "Amdahl" */

/** Distinct numbers of workers that a law needs to be judged by leaving one out. */
size_t ib_law_least(ib_law law);

/** The time that a law with these coefficients (of its columns, in the order above; USL: c, c sigma, c kappa) predicts. */
double ib_law_time(ib_law law, const double coef[IB_MAX_COEF], double n);

/** Least squares of relative deviations, coefficients not negative: exact, by trying every set of columns.
 *  @param n, t  [count] numbers of workers, times > 0
 *  @return false when there are fewer times than coefficients */
bool ib_law_fit(ib_law law, const double *n, const double *t, size_t count, double coef[IB_MAX_COEF]);

/** Mean symmetric relative error of every time predicted from the others; NaN with fewer than ib_law_least. */
double ib_law_error(ib_law law, const double *n, const double *t, size_t count);

/** The law that predicts best; a richer one must lower the error by a fifth. IB_N_LAWS: too few times for any. */
ib_law ib_law_choose(const double *n, const double *t, size_t count);

/** Times of all launches with the same number of workers. Borrowed. */
typedef struct ib_times {
    double        n;
    size_t        n_launch;
    const double *seconds;
} ib_times;

/** A value and the interval that 95 % of fits to resampled launches fall into; NaN: the law has none. */
typedef struct ib_estimate {
    double value, low, high;
} ib_estimate;

#define IB_LAW_MISSES 0.2 /* error of a law that says nothing about these times */

typedef struct ib_fit {
    ib_law      law;
    double      coef[IB_MAX_COEF];
    double      error;       /* of ib_law_error */
    ib_estimate serial;      /* s of Amdahl, log and linear; sigma of USL */
    ib_estimate kappa;       /* of USL */
    ib_estimate peak;        /* of USL, log and linear: the number of workers that is fastest */
    bool        determined;  /* the law predicts what was left out, the interval of serial spans a factor of three at
                                most, and ideal was not the only law that so few sizes allow */
    bool        descriptive; /* fewer than five launches somewhere: intervals mean little */
    double      ask;         /* number of workers at which the laws disagree most: measure there next */
} ib_fit;

/** Fit a law to medians of launches, resample launches within each number of workers, fit again.
 *  @param law    IB_N_LAWS: the best one
 *  @param at     [n_at] numbers of workers at which the band is wanted; low, high receive it
 *  @return false when there are too few distinct numbers of workers, which are ascending */
bool ib_fit_times(ib_fit *out, const ib_times *times, size_t count, ib_law law, uint64_t seed, const double *at,
                  size_t n_at, double *low, double *high);

/** Share of time that does not become less with workers (Karp, Flatt 1990), from the speed-up over one worker; NaN for one. */
double ib_karp_flatt(double speed_up, double n);

#endif
