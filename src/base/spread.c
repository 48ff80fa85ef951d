/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/spread.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

ib_spread ib_spread_of(double *value, size_t n)
{
    if (n == 0)
        return (ib_spread){(double)NAN, (double)NAN, (double)NAN};
    qsort(value, n, sizeof *value, ascending);
    return (ib_spread){value[0], 0.5 * (value[(n - 1) / 2] + value[n / 2]), value[n - 1]};
}

ib_spread ib_spread_scale(ib_spread spread, double factor)
{
    return (ib_spread){spread.min * factor, spread.median * factor, spread.max * factor};
}
