/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/fit.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t      n;
} laws[IB_N_LAWS] = {{"ideal", 1}, {"Amdahl", 2}, {"USL", 3}, {"log", 3}, {"linear", 3}};

const char *ib_law_name(ib_law law)
{
    return law < IB_N_LAWS ? laws[law].name : "none";
}

size_t ib_law_least(ib_law law)
{
    return laws[law].n + 2;
}

/* What a coefficient of 1 adds to the time of n workers. */
static double column(ib_law law, size_t k, double n)
{
    switch (law) {
    case IB_LAW_IDEAL:
        return 1 / n;
    case IB_LAW_USL:
        return k == 0 ? 1 / n : k == 1 ? (n - 1) / n : n - 1;
    default:
        return k == 0 ? 1 : k == 1 ? 1 / n : law == IB_LAW_LOG ? log2(n) : n;
    }
}

double ib_law_time(ib_law law, const double coef[IB_MAX_COEF], double n)
{
    double t = 0;

    for (size_t k = 0; k < laws[law].n; k++)
        t += coef[k] * column(law, k, n);
    return t;
}

/* Least squares over the columns of a set, rows weighted by 1/t. @return the sum of squares; INFINITY: no solution */
static double fit_columns(ib_law law, unsigned set, const double *n, const double *t, size_t count,
                          double coef[IB_MAX_COEF])
{
    double x[IB_MAX_SIZES * IB_MAX_COEF], y[IB_MAX_SIZES], c[IB_MAX_COEF], cov[IB_MAX_COEF * IB_MAX_COEF], chi2;
    size_t m = 0;

    for (size_t k = 0; k < laws[law].n; k++)
        m += set >> k & 1;
    for (size_t i = 0; i < count; i++) {
        y[i] = 1;
        for (size_t k = 0, j = 0; k < laws[law].n; k++)
            if (set >> k & 1)
                x[i * m + j++] = column(law, k, n[i]) / t[i];
    }
    gsl_multifit_linear_workspace *work = gsl_multifit_linear_alloc(count, m);
    if (!work)
        return INFINITY;
    gsl_matrix_view matrix = gsl_matrix_view_array(x, count, m), covariance = gsl_matrix_view_array(cov, m, m);
    gsl_vector_view want = gsl_vector_view_array(y, count), got = gsl_vector_view_array(c, m);
    const int       failed =
        gsl_multifit_linear(&matrix.matrix, &want.vector, &got.vector, &covariance.matrix, &chi2, work);
    gsl_multifit_linear_free(work);
    for (size_t k = 0, j = 0; k < laws[law].n; k++)
        coef[k] = set >> k & 1 ? c[j++] : 0;
    return failed ? INFINITY : chi2;
}

/* The solution with coefficients >= 0 is the best one of those over some set of columns that has none below 0. */
bool ib_law_fit(ib_law law, const double *n, const double *t, size_t count, double coef[IB_MAX_COEF])
{
    double best = INFINITY, trial[IB_MAX_COEF] = {0};

    if (count < laws[law].n || count > IB_MAX_SIZES)
        return false;
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    for (unsigned set = 1; set < 1u << laws[law].n; set++) {
        const double squares = fit_columns(law, set, n, t, count, trial);
        bool         allowed = true;
        for (size_t k = 0; k < laws[law].n; k++)
            allowed &= trial[k] >= 0;
        if (allowed && squares < best) {
            best = squares;
            memcpy(coef, trial, sizeof trial);
        }
    }
    gsl_set_error_handler(handler);
    return best < INFINITY;
}

double ib_law_error(ib_law law, const double *n, const double *t, size_t count)
{
    double sum = 0, m[IB_MAX_SIZES], u[IB_MAX_SIZES], coef[IB_MAX_COEF];

    if (count < ib_law_least(law) || count > IB_MAX_SIZES)
        return NAN;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        for (size_t j = 0; j < count; j++)
            if (j != i) {
                m[k] = n[j];
                u[k++] = t[j];
            }
        if (!ib_law_fit(law, m, u, k, coef))
            return NAN;
        const double p = ib_law_time(law, coef, n[i]);
        sum += 2 * fabs(p - t[i]) / (p + t[i]);
    }
    return sum / (double)count;
}

ib_law ib_law_choose(const double *n, const double *t, size_t count)
{
    ib_law best = IB_N_LAWS;
    double least = INFINITY;

    for (ib_law law = IB_LAW_IDEAL; law < IB_N_LAWS; law++) {
        const double error = ib_law_error(law, n, t, count);
        if (isnan(error))
            continue;
        /* among laws with as many coefficients the better one; below 1e-9 nothing is left to explain */
        const bool richer = best < IB_N_LAWS && laws[law].n > laws[best].n;
        if (best == IB_N_LAWS || (least > 1e-9 && error < (richer ? 0.8 : 1) * least)) {
            best = law;
            least = error;
        }
    }
    return best;
}

static double serial_of(ib_law law, const double c[IB_MAX_COEF])
{
    return law == IB_LAW_IDEAL ? NAN : law == IB_LAW_USL ? c[1] / c[0] : c[0] / (c[0] + c[1]);
}

static double kappa_of(ib_law law, const double c[IB_MAX_COEF])
{
    return law == IB_LAW_USL ? c[2] / c[0] : NAN;
}

static double peak_of(ib_law law, const double c[IB_MAX_COEF])
{
    const double rest = 1 - serial_of(law, c);

    return law == IB_LAW_USL      ? sqrt((rest > 0 ? rest : 0) / kappa_of(law, c))
           : law == IB_LAW_LOG    ? c[1] * M_LN2 / c[2]
           : law == IB_LAW_LINEAR ? sqrt(c[1] / c[2])
                                  : NAN;
}

/* Sorts the values. Fits that have none (NaN) are no fits of the law. */
static ib_estimate estimate_of(double value, double *resampled, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        if (!isnan(resampled[i]))
            resampled[n++] = resampled[i];
    if (isnan(value) || n == 0)
        return (ib_estimate){NAN, NAN, NAN};
    gsl_sort(resampled, 1, n);
    /* not interpolated: an infinite peak is a value */
    return (ib_estimate){value, resampled[(size_t)(0.025 * (double)(n - 1))],
                         resampled[(size_t)ceil(0.975 * (double)(n - 1))]};
}

static double median_of(const double *seconds, size_t n)
{
    double copy[1024];

    n = n < 1024 ? n : 1024;
    memcpy(copy, seconds, n * sizeof *copy);
    gsl_sort(copy, 1, n);
    return gsl_stats_median_from_sorted_data(copy, 1, n);
}

/* Where do the laws disagree most? Powers of two up to four times the largest number; the last one where all agree. */
static double most_disputed(const double *n, const double *t, size_t count)
{
    double where = NAN, most = -1;

    for (double at = 1; at <= 4 * n[count - 1]; at *= 2) {
        double low = INFINITY, high = 0, coef[IB_MAX_COEF];
        bool   measured = at < n[0];
        for (size_t i = 0; i < count; i++)
            measured |= n[i] == at;
        for (ib_law law = IB_LAW_AMDAHL; law < IB_N_LAWS && !measured; law++)
            if (ib_law_fit(law, n, t, count, coef)) {
                low = fmin(low, ib_law_time(law, coef, at));
                high = fmax(high, ib_law_time(law, coef, at));
            }
        if (!measured && high >= low && (high - low) / low >= most) {
            most = (high - low) / low;
            where = at;
        }
    }
    return where;
}

bool ib_fit_times(ib_fit *out, const ib_times *times, size_t count, ib_law law, uint64_t seed, const double *at,
                  size_t n_at, double *low, double *high)
{
    static double serial[IB_RESAMPLED], kappa[IB_RESAMPLED], peak[IB_RESAMPLED], coef[IB_RESAMPLED][IB_MAX_COEF];
    double        n[IB_MAX_SIZES], t[IB_MAX_SIZES], drawn[1024];

    *out = (ib_fit){.law = law, .serial = {NAN, NAN, NAN}, .kappa = {NAN, NAN, NAN}, .peak = {NAN, NAN, NAN}};
    if (count == 0 || count > IB_MAX_SIZES)
        return false;
    for (size_t i = 0; i < count; i++) {
        n[i] = times[i].n;
        t[i] = median_of(times[i].seconds, times[i].n_launch);
        out->descriptive |= times[i].n_launch < 5;
    }
    if (law == IB_N_LAWS)
        out->law = law = ib_law_choose(n, t, count);
    if (law == IB_N_LAWS || count < ib_law_least(law) || !ib_law_fit(law, n, t, count, out->coef))
        return false;
    out->error = ib_law_error(law, n, t, count);

    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    size_t   made = 0;
    if (!random)
        return false;
    gsl_rng_set(random, seed);
    for (int r = 0; r < IB_RESAMPLED; r++) {
        for (size_t i = 0; i < count; i++) {
            const size_t m = times[i].n_launch < 1024 ? times[i].n_launch : 1024;
            for (size_t k = 0; k < m; k++)
                drawn[k] = times[i].seconds[gsl_rng_uniform_int(random, m)];
            t[i] = median_of(drawn, m);
        }
        if (!ib_law_fit(law, n, t, count, coef[made]))
            continue;
        serial[made] = serial_of(law, coef[made]);
        kappa[made] = kappa_of(law, coef[made]);
        peak[made] = peak_of(law, coef[made]);
        made++;
    }
    gsl_rng_free(random);
    out->serial = estimate_of(serial_of(law, out->coef), serial, made);
    out->kappa = estimate_of(kappa_of(law, out->coef), kappa, made);
    out->peak = estimate_of(peak_of(law, out->coef), peak, made);
    out->determined = out->error <= IB_LAW_MISSES &&
                      (law == IB_LAW_IDEAL ? count >= ib_law_least(IB_LAW_AMDAHL)
                                           : out->serial.low > 0 && out->serial.high <= 3 * out->serial.low);
    for (size_t k = 0; k < n_at; k++) {
        for (size_t r = 0; r < made; r++)
            serial[r] = ib_law_time(law, coef[r], at[k]);
        const ib_estimate band = estimate_of(0, serial, made);
        low[k] = band.low;
        high[k] = band.high;
    }
    for (size_t i = 0; i < count; i++)
        t[i] = median_of(times[i].seconds, times[i].n_launch);
    out->ask = most_disputed(n, t, count);
    return true;
}

double ib_karp_flatt(double speed_up, double n)
{
    return n > 1 ? (1 / speed_up - 1 / n) / (1 - 1 / n) : NAN;
}
