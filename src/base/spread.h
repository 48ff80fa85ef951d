/* SPDX-License-Identifier: BSD-3-Clause */
/** Repetitions of one measurement, summarised: never a single time, never a mean that one hiccup moves. */
#ifndef IB_BASE_SPREAD_H
#define IB_BASE_SPREAD_H

#include <stddef.h>

/** NaN when there was no repetition. */
typedef struct ib_spread {
    double min, median, max;
} ib_spread;

/** Sorts value[n]. The median of an even number is the mean of the middle two. */
ib_spread ib_spread_of(double *value, size_t n);

/** The spread of value x factor; a negative factor is not meant. */
ib_spread ib_spread_scale(ib_spread spread, double factor);

#endif
