/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/wterm.h"
#include "model/vis.h"

#include <float.h>
#include <math.h>

enum {
    PLACES = 12, /* depths are looked at on so many pixels along either half axis */
    TAIL = 12    /* terms beyond the last one that are looked at */
};

/* ns: a pixel of a plane with its share of the padded grid, transformed; a sample on a plane, gridded; a sample, located,
   weighed and collected. Measured with support 7 and padding 1.2; only their ratios matter. */
#define PIXEL_NS  3.6
#define VALUE_NS  7.0
#define SAMPLE_NS 30.0

double ib_depth(double l, double m)
{
    const double r2 = fmin(1, l * l + m * m);
    return r2 / (1 + sqrt(1 - r2));
}

double ib_deepest(size_t nx, size_t ny, const double cell[2])
{
    return ib_depth(cell[0] * (double)(nx / 2), cell[1] * (double)(ny / 2));
}

/* J_j(z), j < n, by recurrence from where they are 0. */
static void bessel(double z, int n, double *j)
{
    const int from = n + 20 + (int)(2 * fabs(z));
    double    above = 0, here = 1e-300, sum = 0;

    for (int k = from; k >= 0; k--) {
        if (k < n)
            j[k] = here;
        sum += (k % 2 ? 0 : k ? 2 : 1) * here;
        const double below = z != 0 ? 2 * k / z * here - above : 0;
        above = here;
        here = below;
        if (fabs(here) > 1e200) { /* only ratios matter */
            for (int i = k; i < n; i++)
                j[i] *= 1e-200;
            above *= 1e-200;
            here *= 1e-200;
            sum *= 1e-200;
        }
    }
    for (int k = 0; k < n; k++)
        j[k] = z != 0 ? j[k] / sum : k == 0;
}

double ib_wterm_error(const ib_wtask *task, double deepest, double z, int n_term)
{
    double j[IB_W_TERMS + TAIL], square = 0;

    bessel(z, n_term + TAIL, j);
    for (int b = 0; b < PLACES; b++)
        for (int a = 0; a < PLACES; a++) {
            const double l = task->cell[0] * (double)task->nx / 2 * (a + 0.5) / PLACES;
            const double m = task->cell[1] * (double)task->ny / 2 * (b + 0.5) / PLACES;
            const double y = fmin(2 * ib_depth(l, m) / deepest - 1, 1), angle = acos(y);
            double       part[2] = {0, 0}; /* even and odd: real and imaginary */
            for (int k = n_term; k < n_term + TAIL; k++)
                part[k % 2] += (k & 2 ? -2 : 2) * j[k] * cos(k * angle);
            square += part[0] * part[0] + part[1] * part[1];
        }
    return sqrt(square / (PLACES * PLACES));
}

/* ns of a channel. */
static double cost(const ib_wtask *t, const ib_wterm *w)
{
    const double images = 2 * w->n_slab - 1, runs = (double)w->n_pass / images, times = w->n_slab > 1 ? 2 : 1;
    const double planes = (double)w->n_term * t->n_grid;

    return images * planes * PIXEL_NS * (double)(t->nx * t->ny) +
           times * t->n_sample * (planes * VALUE_NS + runs * SAMPLE_NS);
}

/* Largest z that so many terms reach the error for; up to `longest`. */
static double farthest(const ib_wtask *task, double deepest, double longest, int n_term)
{
    double low = 0, high = fmin(longest, n_term); /* beyond that the series of J would lose digits */

    if (ib_wterm_error(task, deepest, high, n_term) <= task->error)
        return high;
    for (int i = 0; i < 10; i++) {
        const double z = 0.5 * (low + high);
        *(ib_wterm_error(task, deepest, z, n_term) <= task->error ? &low : &high) = z;
    }
    return low;
}

ib_wterm ib_wterm_choose(const ib_wtask *task)
{
    const double deepest = ib_deepest(task->nx, task->ny, task->cell);
    const double longest = IB_PI * deepest * task->longest, drift = IB_PI * deepest * task->drift;
    const int    room = task->n_grid < 8 ? 8 / task->n_grid : 1;
    ib_wterm     best = {0};

    for (int n_term = 1; n_term <= IB_W_TERMS; n_term++) {
        const double far = farthest(task, deepest, longest, n_term);
        ib_wterm     w = {.deepest = deepest, .n_term = n_term, .n_slab = 1};
        if (far < longest) {
            const double slabs = ceil(0.5 * longest / (far - drift) + 0.5);
            if (!(far > drift && slabs <= IB_W_SLABS))
                continue;
            w.n_slab = (int)slabs;
        }
        w.half = longest / (2 * w.n_slab - 1);
        w.reach = w.half + (w.n_slab > 1 ? drift : 0);
        w.error = ib_wterm_error(task, deepest, w.reach, n_term);
        w.side = n_term < room ? n_term : room;
        w.n_pass = (2 * w.n_slab - 1) * ((n_term + w.side - 1) / w.side);
        if (!best.n_term || cost(task, &w) < cost(task, &best))
            best = w;
    }
    return best;
}

ib_wpass ib_wterm_pass(const ib_wterm *w, int pass)
{
    const int runs = (w->n_term + w->side - 1) / w->side, image = pass / runs, first = pass % runs * w->side;
    const int slab = (image + 1) / 2, left = w->n_term - first;

    return (ib_wpass){slab, first, left < w->side ? left : w->side, image && image % 2 == 0, 2 * slab * w->half};
}

int ib_wterm_slab(const ib_wterm *w, double z)
{
    const double slab = w->half > 0 ? floor(fabs(z) / (2 * w->half) + 0.5) : 0;
    return slab < w->n_slab ? (int)slab : w->n_slab - 1;
}

int ib_wterm_series(const ib_wterm *w, double series[2][IB_W_SERIES])
{
    const double q = w->reach * w->reach / 4;
    double       term = 1;
    int          n = 0;

    for (; n < IB_W_SERIES; n++) {
        for (int k = 0; k < 2; k++)
            series[k][n] = 1.0 / ((n + 1) * (w->n_term - k + n + 1));
        term *= q * series[1][n];
        if (term < DBL_EPSILON / 8)
            return n + 1;
    }
    return n;
}
