/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/beam.h"

#include <math.h>

#define PI 3.14159265358979323846

enum { MOST_SAMPLES = 400 };

/* A pixel of the main lobe: pixels east and north of the centre, value over the peak. */
typedef struct sample {
    double l, m, value;
} sample;

/* The part of a row that belongs to the lobe. */
typedef struct interval {
    ptrdiff_t low, high;
} interval;

/* What bounds the lobe: pixels below `least`, and valleys beyond which values rise again by more than `slack`, for then
   a sidelobe begins. Gridding errors of a broad lobe are far smaller than that slack, so they end nothing. */
typedef struct bounds {
    float least, slack;
} bounds;

static ptrdiff_t descend(const float *row, ptrdiff_t from, ptrdiff_t end, ptrdiff_t step, bounds limit)
{
    float lowest = row[from];

    while (from != end && row[from + step] >= limit.least && row[from + step] <= lowest + limit.slack) {
        from += step;
        lowest = fminf(lowest, row[from]);
    }
    return from;
}

/* Highest pixel of a row that can be climbed to from those that touch an interval of the row below. */
static ptrdiff_t summit(const float *row, size_t nx, interval below)
{
    ptrdiff_t best = below.low - 1;

    for (ptrdiff_t i = below.low; i <= below.high + 1; i++)
        if (row[i] > row[best])
            best = i;
    while (best > 0 && row[best - 1] > row[best])
        best--;
    while (best + 1 < (ptrdiff_t)nx && row[best + 1] > row[best])
        best++;
    return best;
}

/* The lobe's upper half, every step-th pixel of every step-th row; a PSF is its own mirror image, so that the lower
   half repeats it. The centre itself tells nothing. @return how many; 0 when this is no lobe. */
static size_t walk(const float *psf, size_t nx, size_t ny, const size_t at[2], double level, size_t step, sample *out)
{
    const ptrdiff_t centre = (ptrdiff_t)at[0], last = (ptrdiff_t)nx - 1;
    const float    *row = psf + at[1] * nx;
    const float     peak = row[centre];
    const bounds    limit = {(float)level * peak, 0.02f * peak};
    ptrdiff_t       top = centre;
    float           lowest = peak;
    size_t          n = 0;

    for (size_t j = 0; row[top] >= limit.least && row[top] <= lowest + limit.slack; j++, row += nx) {
        const interval here = {descend(row, top, 0, -1, limit), descend(row, top, last, 1, limit)};

        if (at[1] + j + 1 >= ny || here.low == 0 || here.high == last)
            return 0;
        for (ptrdiff_t i = j ? here.low : centre + 1; i <= here.high; i++) {
            if (row[i] > peak + limit.slack)
                return 0;
            if (j % step || (i - centre) % (ptrdiff_t)step)
                continue;
            if (out)
                out[n] = (sample){(double)(centre - i), (double)j, (double)row[i] / (double)peak};
            n++;
        }
        lowest = fminf(lowest, row[top]);
        top = summit(row + nx, nx, here);
    }
    return n;
}

/* Solve A x = g for a positive definite A given by its lower triangle (00, 10, 11, 20, 21, 22); false if it is not, to
   rounding. */
static bool solve(const double A[6], const double g[3], double x[3])
{
    const double tiny = 1e-12;
    const double l10 = A[1] / A[0], d1 = A[2] - l10 * A[1];
    const double l20 = A[3] / A[0], l21 = (A[4] - l20 * A[1]) / d1;
    const double d2 = A[5] - l20 * A[3] - l21 * l21 * d1;

    if (!(A[0] > 0 && d1 > tiny * A[2] && d2 > tiny * A[5]))
        return false;
    const double y1 = g[1] - l10 * g[0], y2 = g[2] - l20 * g[0] - l21 * y1;

    x[2] = y2 / d2;
    x[1] = y1 / d1 - l21 * x[2];
    x[0] = g[0] / A[0] - l10 * x[1] - l20 * x[2];
    return true;
}

/* Add one equation f . x = value, f = weight (l^2, 2 l m, m^2), to the normal equations. */
static void add_equation(const sample *s, double weight, double value, double A[6], double g[3])
{
    const double f[3] = {weight * s->l * s->l, weight * 2 * s->l * s->m, weight * s->m * s->m};

    for (int i = 0, k = 0; i < 3; i++) {
        for (int j = 0; j <= i; j++)
            A[k++] += f[i] * f[j];
        g[i] += f[i] * value;
    }
}

static double exponent(const sample *s, const double q[3])
{
    return q[0] * s->l * s->l + 2 * q[1] * s->l * s->m + q[2] * s->m * s->m;
}

static double misfit(const sample *s, size_t n, const double q[3])
{
    double sum = 0;

    for (size_t k = 0; k < n; k++) {
        const double r = s[k].value - exp(-exponent(&s[k], q));

        sum += r * r;
    }
    return sum;
}

/* exp(-(q0 l^2 + 2 q1 l m + q2 m^2)), by Levenberg's and Marquardt's method from the solution for the logarithm, whose
   equations are linear; weights of value^2 make the two problems alike. */
static bool fit(const sample *s, size_t n, double q[3])
{
    double A[6] = {0}, g[3] = {0}, damping = 1e-4;

    for (size_t k = 0; k < n; k++)
        add_equation(&s[k], s[k].value, -s[k].value * log(s[k].value), A, g);
    if (!solve(A, g, q))
        return false;

    double now = misfit(s, n, q);
    for (int round = 0; round < 50 && damping < 1e8; round++) {
        double B[6] = {0}, h[3] = {0}, change[3], next[3], largest = 0;

        for (size_t k = 0; k < n; k++) {
            const double model = exp(-exponent(&s[k], q));

            add_equation(&s[k], -model, s[k].value - model, B, h);
        }
        B[0] *= 1 + damping;
        B[2] *= 1 + damping;
        B[5] *= 1 + damping;
        if (!solve(B, h, change))
            return false;
        for (int i = 0; i < 3; i++) {
            next[i] = q[i] + change[i];
            largest = fmax(largest, fabs(change[i]));
        }
        const double then = misfit(s, n, next);
        if (then <= now) {
            for (int i = 0; i < 3; i++)
                q[i] = next[i];
            now = then;
            damping *= 0.1;
            if (largest < 1e-10 * fmax(q[0], q[2]))
                break;
        } else {
            damping *= 10;
        }
    }
    return q[0] > 0 && q[0] * q[2] > q[1] * q[1];
}

/* Axes and angle of the ellipse where the exponent is ln 2. */
static void describe(const double q[3], const double cell[2], double beam[3])
{
    const double a = q[0] / (cell[0] * cell[0]), b = q[1] / (cell[0] * cell[1]), c = q[2] / (cell[1] * cell[1]);
    const double mean = 0.5 * (a + c), spread = hypot(0.5 * (a - c), b);

    beam[0] = 2 * sqrt(log(2.0) * (mean + spread) / (a * c - b * b)); /* = 2 sqrt(ln 2 / (mean - spread)) */
    beam[1] = 2 * sqrt(log(2.0) / (mean + spread));
    beam[2] = 0.5 * atan2(-2 * b, a - c);
    if (beam[2] < 0)
        beam[2] += PI;
}

bool ib_beam_fit(const float *psf, size_t nx, size_t ny, const size_t at[2], const double cell[2], double beam[3])
{
    static const double levels[] = {0.35, 0.2};
    sample              samples[MOST_SAMPLES];
    double              q[3];

    for (int i = 0; i < 2; i++) {
        const size_t whole = nx && ny && psf[at[1] * nx + at[0]] > 0 ? walk(psf, nx, ny, at, levels[i], 1, NULL) : 0;
        size_t       step = 1, n = whole;

        while (n > MOST_SAMPLES)
            n = walk(psf, nx, ny, at, levels[i], ++step, NULL);
        if (n < 3)
            continue;
        walk(psf, nx, ny, at, levels[i], step, samples);
        if (!fit(samples, n, q))
            continue;
        describe(q, cell, beam);
        return true;
    }
    beam[0] = beam[1] = beam[2] = 0;
    return false;
}
