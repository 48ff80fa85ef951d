/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/stats.h"
#include "base/mem.h"
#include "base/spread.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT = 30, NEAR = 20, SHORTEST = 3, BAND_POINTS = 8, LATEST = 2 };

#define STEP_P 0.005

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- one sample ------------------------------------------------------------------------------------------ */

double ib_median_interval(const double *sorted, size_t n, double alpha, double *low, double *high)
{
    size_t k = 0;

    *low = *high = (double)NAN;
    if (n == 0 || gsl_cdf_binomial_P(0, 0.5, (unsigned)n) > alpha / 2)
        return 0;
    while (gsl_cdf_binomial_P((unsigned)k + 1, 0.5, (unsigned)n) <= alpha / 2)
        k++;
    *low = sorted[k];
    *high = sorted[n - 1 - k];
    return 1 - 2 * gsl_cdf_binomial_P((unsigned)k, 0.5, (unsigned)n);
}

/* ---- two samples ----------------------------------------------------------------------------------------- */

/* P(U <= u) for every u: arrangements of n and m values with rank sum u, over all of them. Values are taken in ascending
   order; one of the n counts those of the m before it. The last table is kept, since one comparison asks for many u. */
static const double *rank_sums(size_t n, size_t m)
{
    static double ways[EXACT + 1][EXACT * EXACT + 1],
        below[EXACT * EXACT + 1]; /* single-threaded, as all of this floor */
    static size_t of_n, of_m;
    double        all = 0, sum = 0;

    if (n == of_n && m == of_m)
        return below;
    memset(ways, 0, sizeof ways);
    ways[0][0] = 1;
    for (size_t j = 0; j < n + m; j++)
        for (size_t k = j < n ? j + 1 : n; k-- > 0;) {
            const size_t before = j - k;
            if (before <= m)
                for (size_t u = 0; u + before <= n * m; u++)
                    ways[k + 1][u + before] += ways[k][u];
        }
    for (size_t u = 0; u <= n * m; u++)
        all += ways[n][u];
    for (size_t u = 0; u <= n * m; u++) {
        sum += ways[n][u] / all;
        below[u] = sum;
    }
    of_n = n;
    of_m = m;
    return below;
}

double ib_rank_sum_below(size_t n, size_t m, double u)
{
    const double nm = (double)n * (double)m;

    if (u < 0)
        return 0;
    if (u >= nm)
        return 1;
    if (n > EXACT || m > EXACT)
        return gsl_cdf_ugaussian_P((floor(u) + 0.5 - nm / 2) / sqrt(nm * (double)(n + m + 1) / 12));
    return rank_sums(n, m)[(size_t)u];
}

static double least_p(size_t n, size_t m)
{
    return n && m ? 2 * exp(-gsl_sf_lnchoose((unsigned)(n + m), (unsigned)n)) : 1;
}

/* The largest k with P(U <= k) <= half; -1: none. */
static long largest_below(size_t n, size_t m, double half)
{
    long low = -1, high = (long)(n * m);

    while (high - low > 1) {
        const long middle = low + (high - low) / 2;
        if (ib_rank_sum_below(n, m, (double)middle) <= half)
            low = middle;
        else
            high = middle;
    }
    return low;
}

ib_shift ib_shift_of(const double *x, size_t n, const double *y, size_t m, double alpha, double *work)
{
    const size_t nm = n * m;
    ib_shift     s = {n, m, (double)NAN, (double)NAN, (double)NAN, 1, least_p(n, m)};
    size_t       below = 0, ties = 0;

    if (nm == 0)
        return s;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            work[i * m + j] = y[j] - x[i];
            below += y[j] < x[i];
            ties += y[j] == x[i];
        }
    s.estimate = ib_spread_of(work, nm).median; /* sorts */
    /* of the ranks that ties leave open, the one nearest to the middle */
    double u = (double)below;
    if (u < (double)nm / 2)
        u = fmin((double)nm / 2, u + (double)ties);
    s.p = fmin(1, 2 * fmin(ib_rank_sum_below(n, m, floor(u)), 1 - ib_rank_sum_below(n, m, ceil(u) - 1)));
    const long k = s.p_least <= alpha ? largest_below(n, m, alpha / 2) : -1;
    if (k >= 0) {
        s.low = work[k];
        s.high = work[nm - 1 - (size_t)k];
    }
    return s;
}

const char *ib_verdict_name(ib_verdict verdict)
{
    static const char *const name[] = {"faster",       "small faster", "same",
                                       "small slower", "too few",      "environment changed",
                                       "inconclusive", "slower",       "wrong image"};

    return name[verdict];
}

ib_verdict ib_verdict_of(const ib_shift *s, double margin)
{
    const double edge = log1p(margin);

    if (!isfinite(s->low) || !isfinite(s->high))
        return IB_TOO_FEW;
    if (s->low > edge)
        return IB_SLOWER;
    if (s->high < -edge)
        return IB_FASTER;
    if (s->low >= -edge && s->high <= edge)
        return IB_SAME;
    if (s->low > 0 && s->estimate <= edge)
        return IB_SMALL_SLOWER;
    return s->high < 0 && s->estimate >= -edge ? IB_SMALL_FASTER : IB_INCONCLUSIVE;
}

size_t ib_launches_needed(const ib_shift *s, double margin, double alpha)
{
    const size_t least = s->n < s->m ? s->n : s->m;
    size_t       n = least + 1;

    if (isfinite(s->low)) {
        const double times = 0.5 * (s->high - s->low) / log1p(margin);
        const double want = ceil((double)least * times * times);
        return want > (double)n && want < 1e6 ? (size_t)want : n;
    }
    while (least_p(n, n) > alpha)
        n++;
    return n;
}

const size_t ib_look[IB_LOOKS] = {6, 9, 13, IB_MOST_LAUNCHES};

void ib_discoveries(const double *p, size_t n, double level, bool *found)
{
    double cut = -1;

    for (size_t i = 0; i < n; i++) { /* p[i] has rank k: it and all smaller ones are found when p <= level k / n */
        size_t rank = 0;
        for (size_t j = 0; j < n; j++)
            rank += p[j] <= p[i];
        if (p[i] <= level * (double)rank / (double)n && p[i] > cut)
            cut = p[i];
    }
    for (size_t i = 0; i < n; i++)
        found[i] = p[i] <= cut;
}

/* ---- series ---------------------------------------------------------------------------------------------- */

/* Points of a growing segment, by their rank in the whole series: Fenwick trees of weights and of weighted values give
   the sum of absolute deviations from the weighted median in a logarithmic number of steps. */
typedef struct segment {
    size_t        n, top; /* points of the series; the largest power of two in n */
    const size_t *rank;   /* [n], from 1 */
    const double *sorted; /* [n] */
    double       *w, *wy; /* [n + 1] */
    double        sum_w, sum_wy;
} segment;

static void start(segment *s)
{
    memset(s->w, 0, (s->n + 1) * sizeof *s->w);
    memset(s->wy, 0, (s->n + 1) * sizeof *s->wy);
    s->sum_w = s->sum_wy = 0;
}

static void include(segment *s, size_t rank, double w, double y)
{
    s->sum_w += w;
    s->sum_wy += w * y;
    for (size_t i = rank; i <= s->n; i += i & (~i + 1)) {
        s->w[i] += w;
        s->wy[i] += w * y;
    }
}

/* Sum of w |y - median|. */
static double deviation(const segment *s)
{
    size_t at = 0;
    double w = 0, wy = 0;

    for (size_t step = s->top; step; step /= 2)
        if (at + step <= s->n && w + s->w[at + step] < 0.5 * s->sum_w) {
            at += step;
            w += s->w[at];
            wy += s->wy[at];
        }
    const double median = s->sorted[at < s->n ? at : s->n - 1];
    return median * w - wy + (s->sum_wy - wy) - median * (s->sum_w - w);
}

/* Where the segments of the least total cost begin. best, before: [n + 1]. */
static size_t split(segment *s, const double *y, const double *w, double penalty, double *best, size_t *before,
                    size_t *begin)
{
    const size_t n = s->n;
    size_t       count = 0;

    for (size_t i = 0; i <= n; i++)
        best[i] = i ? INFINITY : -penalty;
    for (size_t i = 0; i + SHORTEST <= n; i++) {
        if (!isfinite(best[i]))
            continue;
        start(s);
        for (size_t j = i; j < n; j++) {
            include(s, s->rank[j], w[j], y[j]);
            const double cost = j + 1 < i + SHORTEST ? INFINITY : best[i] + deviation(s) + penalty;
            if (cost < best[j + 1]) {
                best[j + 1] = cost;
                before[j + 1] = i;
            }
        }
    }
    for (size_t end = n; end > 0; end = before[end])
        count++;
    for (size_t end = n, i = count; end > 0; end = before[end])
        begin[--i] = before[end];
    return count;
}

static double median_of(const double *y, size_t n, double *work)
{
    memcpy(work, y, n * sizeof *y);
    return ib_spread_of(work, n).median;
}

/* Lag-1 correlation of the residuals from the medians of segments, between 0 and 0.8. */
static double correlation(const double *y, size_t n, const size_t *begin, size_t count, double *work)
{
    double product = 0, square = 0, last = 0;

    for (size_t k = 0; k < count; k++) {
        const size_t end = k + 1 < count ? begin[k + 1] : n;
        const double median = median_of(y + begin[k], end - begin[k], work);
        for (size_t i = begin[k]; i < end; i++) {
            const double residual = y[i] - median;
            product += i ? residual * last : 0;
            square += residual * residual;
            last = residual;
        }
    }
    return square > 0 ? fmin(0.8, fmax(0, product / square)) : 0;
}

/* The step at begin[k], judged by its neighbourhood. */
static ib_step judge_step(const double *y, size_t n, const size_t *begin, size_t count, size_t k, double *work)
{
    const size_t at = begin[k], first = begin[k - 1], end = k + 1 < count ? begin[k + 1] : n;
    const size_t left = at - first < NEAR ? at - first : NEAR, right = end - at < NEAR ? end - at : NEAR;
    const double before = median_of(y + first, at - first, work), after = median_of(y + at, end - at, work);
    double       differences[NEAR * NEAR];

    return (ib_step){at, after - before, ib_shift_of(y + at - left, left, y + at, right, STEP_P, differences).p};
}

/* Remove what is not supported, the weakest first; its segments merge, and what remains is judged again. */
static size_t prune(const double *y, size_t n, double margin, size_t *begin, size_t count, ib_step *step,
                    double *work)
{
    for (;;) {
        size_t weakest = 0;
        for (size_t k = 1; k < count; k++) {
            ib_step *s = &step[k - 1];
            *s = judge_step(y, n, begin, count, k, work);
            if ((s->p > STEP_P || fabs(s->shift) < log1p(margin)) && (!weakest || s->p > step[weakest - 1].p))
                weakest = k;
        }
        if (!weakest)
            return count - 1;
        memmove(begin + weakest, begin + weakest + 1, (count - weakest - 1) * sizeof *begin);
        count--;
    }
}

static double noise_of(const double *y, size_t n, double *work)
{
    for (size_t i = 0; i + 1 < n; i++)
        work[i] = fabs(y[i + 1] - y[i]);
    const double noise = n > 1 ? 1.4826 * ib_spread_of(work, n - 1).median / sqrt(2) : 0;
    return fmax(noise, 1e-4);
}

/* Lag-1 correlation of the noise by that of the differences between neighbours, which is -(1 - rho) / 2 and which few steps do not
   move; of n points no more than they tell apart from white noise. A course that is all noise would be cut until its residuals
   remember nothing. */
static double memory_of(const double *y, size_t n, double noise)
{
    const double most = 3 * sqrt(2) * noise;
    double       product = 0, square = 0, last = 0;

    for (size_t i = 0; i + 1 < n; i++) {
        const double d = fmax(-most, fmin(most, y[i + 1] - y[i]));
        product += i ? d * last : 0;
        square += d * d;
        last = d;
    }
    return square > 0 ? fmin(0.8, fmax(0, 1 + 2 * product / square - 1.5 / sqrt((double)n))) : 0;
}

ib_status ib_steps(const double *y, const double *weight, size_t n, double margin, ib_step *step, size_t *n_step,
                   double *noise, ib_error *err)
{
    double *real = ib_alloc_zero(6 * (n + 1), sizeof *real, "trend", err);
    size_t *whole = ib_alloc_zero(3 * (n + 1), sizeof *whole, "trend", err);
    double *sorted = real, *w = real + (n + 1), *best = real + 2 * (n + 1), *work = real + 5 * (n + 1), sum = 0;
    size_t *rank = whole, *before = whole + (n + 1), *begin = whole + 2 * (n + 1), count = 1;

    *n_step = 0;
    *noise = (double)NAN;
    if (!real || !whole) {
        ib_free(real);
        ib_free(whole);
        return err->status;
    }
    segment s = {.n = n, .top = 1, .rank = rank, .sorted = sorted, .w = real + 3 * (n + 1), .wy = real + 4 * (n + 1)};
    while (2 * s.top <= n)
        s.top *= 2;
    *noise = noise_of(y, n, work);
    if (n < 2 * SHORTEST)
        goto done;
    memcpy(sorted, y, n * sizeof *y);
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t i = 0; i < n; i++)
        sum += weight[i];
    for (size_t i = 0; i < n; i++) {
        w[i] = weight[i] * (double)n / sum; /* so that the penalty is that of points of weight one */
        size_t low = 0, high = n;
        while (low < high) {
            const size_t middle = (low + high) / 2;
            if (sorted[middle] < y[i])
                low = middle + 1;
            else
                high = middle;
        }
        rank[i] = low + 1;
    }
    const double memory = memory_of(y, n, *noise);
    double       rho = memory;
    *noise /= sqrt(1 - memory);
    for (int turn = 0; turn < 2; turn++) {
        const double penalty = 2 * *noise * log((double)n) * sqrt((1 + rho) / (1 - rho));
        count = split(&s, y, w, penalty, best, before, begin);
        rho = fmax(memory, correlation(y, n, begin, count, work));
    }
    *n_step = prune(y, n, margin, begin, count, step, work);
done:
    ib_free(real);
    ib_free(whole);
    return IB_OK;
}

size_t ib_first_suspect(const double *y, size_t from, size_t n, double noise, double margin)
{
    double work[512];

    for (size_t newest = LATEST; newest > 0; newest--) {
        size_t first = from;
        if (from + BAND_POINTS + newest > n)
            continue;
        if (n - newest - first > sizeof work / sizeof *work) /* the latest of a long segment say what it is */
            first = n - newest - sizeof work / sizeof *work;
        const double level = median_of(y + first, n - newest - first, work) + fmax(3.5 * noise, log1p(margin));
        bool         all = true;
        for (size_t i = n - newest; i < n; i++)
            all &= y[i] > level;
        if (all)
            return n - newest;
    }
    return n;
}
