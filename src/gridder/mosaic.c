/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/mosaic.h"
#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Loops over rows of pixels, once per instruction set; nothing is fused. */
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
#define PER_ISA __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PER_ISA
#endif

#define SEEN   0.5  /* PB at the centre of the image, below which the PSF is taken where the pointings see most */
#define UNSEEN 0.05 /* E below which nothing is imaged: kernels are not good enough for what is left of the sky */

enum { BEYOND = 16 }; /* rows of phases beyond the grid that leaf loops may read */

/* ---- deciding ---------------------------------------------------------------------------------------------- */

ib_status ib_mosaic_begin(ib_mosaic *m, const ib_config *cfg, const ib_vis_info *info, const ib_centre *centre,
                          ib_error *err)
{
    const ib_primary_recipe recipe = {.beam = cfg->beam,
                                      .truncate = cfg->beam_truncate == IB_TRUNCATE_CASA,
                                      .dish = cfg->dish,
                                      .blockage = cfg->blockage,
                                      .telescope = info->telescope,
                                      .n_antenna = info->n_antenna,
                                      .diameter = info->dish};

    *m = (ib_mosaic){.centre = centre};
    if (ib_primary_create(&m->primary, &recipe, err))
        return err->status;
    m->n_pair = (size_t)m->primary->n_pair;
    m->n_kind = centre->n_pointing * m->n_pair;
    return IB_OK;
}

void ib_mosaic_clear(ib_mosaic *m)
{
    ib_primary_destroy(m->primary);
    ib_free(m->freq);
    ib_free(m->weight[0]);
    ib_free(m->weight[1]);
    memset(m, 0, sizeof *m);
}

double ib_mosaic_angle(const ib_mosaic *m, double freq, double level)
{
    enum { STEPS = 2000 };
    double widest = 0;

    for (int pair = 0; pair < m->primary->n_pair; pair++) {
        const double step = ib_primary_radius(m->primary, pair, freq) / STEPS;
        int          k = 1;
        while (k < STEPS && ib_primary_beam(m->primary, pair, k * step, freq) > level)
            k++;
        widest = fmax(widest, k * step);
    }
    return widest;
}

double ib_mosaic_extent(const ib_mosaic *m, double freq, double widths, int axis)
{
    double farthest = 0;

    for (size_t p = 0; p < m->centre->n_pointing; p++)
        farthest = fmax(farthest, fabs(m->centre->pointing[p][axis]));
    return farthest + widths * 2 * ib_mosaic_angle(m, freq, 0.5);
}

/* Pixel of a point; those that only interpolation needs lie outside of the image. */
static ptrdiff_t pixel_of(const ib_mosaic *m, size_t point, int axis)
{
    const ptrdiff_t before = m->weight[axis] ? IB_MOSAIC_TAPS / 2 - 1 : 0;
    return ((ptrdiff_t)point - before) * (ptrdiff_t)m->step[axis];
}

static double bessel_i0(double x)
{
    double sum = 1, term = 1;

    for (int k = 1; term > 1e-17 * sum; k++) {
        term *= 0.25 * x * x / ((double)k * k);
        sum += term;
    }
    return sum;
}

/* Points of Q, and how pixels follow from them. */
static ib_status choose_points(ib_mosaic *m, double highest, ib_error *err)
{
    const double beta = 15, half = IB_MOSAIC_TAPS / 2;
    double       reach = 0;

    for (size_t pair = 0; pair < m->n_pair; pair++)
        reach = fmax(reach, ib_primary_reach(m->primary, (int)pair));
    for (int axis = 0; axis < 2; axis++) {
        const size_t n = axis ? m->ny : m->nx;
        const double steps = IB_LIGHT / (8 * highest * reach) / m->cell[axis];

        m->step[axis] = 1;
        m->coarse[axis] = n;
        if (!ib_primary_smooth(m->primary) || steps < 2)
            continue;
        const size_t step = m->step[axis] = (size_t)fmin(steps, (double)n);
        m->coarse[axis] = (n - 1) / step + 1 + IB_MOSAIC_TAPS;
        m->weight[axis] = ib_alloc(step * IB_MOSAIC_TAPS, sizeof *m->weight[axis], "weight image", err);
        if (!m->weight[axis])
            return err->status;
        for (size_t f = 0; f < step; f++) {
            double *const w = m->weight[axis] + f * IB_MOSAIC_TAPS, sum = 0;
            for (int k = 0; k < IB_MOSAIC_TAPS; k++) {
                const double d = (double)f / (double)step - (k - half + 1), z = IB_PI * d;
                w[k] = (fabs(z) < 1e-9 ? 1 : sin(z) / z) * bessel_i0(beta * sqrt(fmax(0, 1 - d * d / (half * half))));
                sum += w[k];
            }
            for (int k = 0; k < IB_MOSAIC_TAPS; k++)
                w[k] /= sum;
        }
    }
    return IB_OK;
}

/* Where the PSF's source is, from what equal weights for all pointings and baseline types make of Q: before work no
   others are known, and all channels and planes should have the same. */
static ib_status choose_peak(ib_mosaic *m, double freq, ib_error *err)
{
    double *ones = ib_alloc(m->n_kind, sizeof *ones, "weight image", err);
    double *row = ib_alloc(m->coarse[0], sizeof *row, "weight image", err);
    double  most = 0, centre = 0, nearest = INFINITY;
    size_t  best[2] = {m->nx / 2, m->ny / 2};

    if (ones && row) {
        for (size_t k = 0; k < m->n_kind; k++)
            ones[k] = 1;
        for (size_t j = 0; j < m->coarse[1]; j++) {
            const ptrdiff_t y = pixel_of(m, j, 1);
            memset(row, 0, m->coarse[0] * sizeof *row);
            ib_mosaic_add_row(m, freq, ones, j, row);
            for (size_t i = 0; i < m->coarse[0]; i++) {
                const ptrdiff_t x = pixel_of(m, i, 0);
                if (x < 0 || y < 0 || x >= (ptrdiff_t)m->nx || y >= (ptrdiff_t)m->ny)
                    continue;
                if (row[i] > most) {
                    most = row[i];
                    best[0] = (size_t)x;
                    best[1] = (size_t)y;
                }
            }
        }
        for (size_t p = 0; p < m->centre->n_pointing; p++) {
            const double theta = hypot(m->centre->pointing[p][0], m->centre->pointing[p][1]);
            nearest = fmin(nearest, theta);
            for (size_t pair = 0; pair < m->n_pair; pair++)
                centre += pow(ib_primary_beam(m->primary, (int)pair, theta, freq), 2);
        }
    }
    const bool seen = centre >= SEEN * SEEN * most;
    m->peak[0] = seen ? m->nx / 2 : best[0];
    m->peak[1] = seen ? m->ny / 2 : best[1];
    m->at[0] = -((double)m->peak[0] - (double)(m->nx / 2)) * m->cell[0];
    m->at[1] = ((double)m->peak[1] - (double)(m->ny / 2)) * m->cell[1];
    const bool ok = ones && row;
    ib_free(ones);
    ib_free(row);
    if (ok && fmax(most, centre) < UNSEEN * UNSEEN)
        return ib_fail(
            err, IB_EUSAGE,
            "no field sees the image: the nearest one is %.3g arcmin away from its centre; give another --phasecenter, or a larger --imsize",
            nearest * 60 * 180 / IB_PI);
    return ok ? IB_OK : err->status;
}

ib_status ib_mosaic_settle(ib_mosaic *m, const ib_config *cfg, const size_t image[2], const double cell[2],
                           const size_t grid[2], double *freq, size_t n_chan, ib_error *err)
{
    double mean = 0, highest = 0;

    m->freq = freq;
    m->nx = image[0];
    m->ny = image[1];
    memcpy(m->cell, cell, sizeof m->cell);
    m->field = (ib_aproj_field){.grid = {grid[0], grid[1]},
                                .cell = {cell[0], cell[1]},
                                .span = {0.5 * (double)image[0] * cell[0] + ib_mosaic_extent(m, freq[0], 0, 0),
                                         0.5 * (double)image[1] * cell[1] + ib_mosaic_extent(m, freq[0], 0, 1)},
                                .n_chan = n_chan,
                                .freq = freq,
                                .tolerance = cfg->beam_tolerance,
                                .oversampling = (int)cfg->oversampling,
                                .precision = cfg->precision};
    for (size_t c = 0; c < n_chan; c++)
        mean += freq[c] / (double)n_chan;
    for (size_t c = 0; c < n_chan; c++)
        highest = fmax(highest, freq[c]);
    if (m->field.oversampling > IB_APROJ_MOST)
        return ib_fail(
            err, IB_EUSAGE,
            "--oversampling %d: mosaic kernels are expanded to second order about each sample of their table, of which "
            "%d per cell are the most that matter; leave it out to have as many as accuracy needs",
            m->field.oversampling, IB_APROJ_MOST);
    if (choose_points(m, highest, err) || choose_peak(m, mean, err))
        return err->status;
    const int needed = ib_aproj_support(m->primary, &m->field);
    m->field.support = cfg->support > 0 ? (int)cfg->support : needed;
    if (m->field.support < needed)
        return ib_fail(err, IB_EUSAGE,
                       "--support %d would cut the primary beams off: on this grid of %zu x %zu cells they need %d",
                       m->field.support, grid[0], grid[1], needed);
    if (m->field.oversampling == 0)
        m->field.oversampling = ib_aproj_oversampling(m->primary, &m->field);
    return ib_aproj_promise(&m->promise, m->primary, &m->field, err);
}

/* ---- beams ------------------------------------------------------------------------------------------------- */

void ib_mosaic_respond(const ib_mosaic *m, int psf, double freq, double *out)
{
    for (size_t p = 0; p < m->centre->n_pointing; p++) {
        const double theta = hypot(m->at[0] - m->centre->pointing[p][0], m->at[1] - m->centre->pointing[p][1]);
        for (size_t pair = 0; pair < m->n_pair; pair++)
            out[p * m->n_pair + pair] = psf == IB_PSF_UNIT ? 1 : ib_primary_beam(m->primary, (int)pair, theta, freq);
    }
}

double ib_mosaic_unit(const ib_mosaic *m, double freq, const double *weight)
{
    double sum = 0;

    for (size_t k = 0; k < m->n_kind; k++) {
        const double *at = m->centre->pointing[k / m->n_pair];
        if (weight[k] > 0)
            sum += weight[k] *
                   ib_primary_beam(m->primary, (int)(k % m->n_pair), hypot(m->at[0] - at[0], m->at[1] - at[1]), freq);
    }
    return sum;
}

void ib_mosaic_add_row(const ib_mosaic *m, double freq, const double *weight, size_t row, double *out)
{
    const double l = ((double)(m->nx / 2) - (double)pixel_of(m, 0, 0)) * m->cell[0];
    const double mm = ((double)pixel_of(m, row, 1) - (double)(m->ny / 2)) * m->cell[1];

    for (size_t p = 0; p < m->centre->n_pointing; p++)
        for (size_t pair = 0; pair < m->n_pair; pair++) {
            const double w = weight[p * m->n_pair + pair];
            if (w > 0)
                ib_primary_add_squares(m->primary, (int)pair, freq, w, l - m->centre->pointing[p][0],
                                       -m->cell[0] * (double)m->step[0], mm - m->centre->pointing[p][1], m->coarse[0],
                                       out);
        }
}

PER_ISA static void add_scaled(size_t n, double by, const double *from, double *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += by * from[i];
}

void ib_mosaic_refine(const ib_mosaic *m, const double *points, size_t row, double *work, double *out)
{
    const size_t  nx = m->nx, n = m->coarse[0], step = m->step[0];
    double *const along = work, *const some = work + n;
    const double *from = points + row * n;

    if (m->weight[1]) { /* points of this row of pixels */
        const double *w = m->weight[1] + row % m->step[1] * IB_MOSAIC_TAPS;
        memset(along, 0, n * sizeof *along);
        for (size_t k = 0; k < IB_MOSAIC_TAPS; k++)
            add_scaled(n, w[k], points + (row / m->step[1] + k) * n, along);
        from = along;
    }
    if (!m->weight[0]) {
        memcpy(out, from, nx * sizeof *out);
        return;
    }
    for (size_t f = 0; f < step && f < nx; f++) { /* pixels that stand alike between points */
        const double *w = m->weight[0] + f * IB_MOSAIC_TAPS;
        const size_t  count = (nx - 1 - f) / step + 1;
        memset(some, 0, count * sizeof *some);
        for (size_t k = 0; k < IB_MOSAIC_TAPS; k++)
            add_scaled(count, w[k], from + k, some);
        for (size_t i = 0; i < count; i++)
            out[i * step + f] = some[i];
    }
}

PER_ISA double ib_mosaic_invert(size_t n, const double *row, double scale, float *inverse)
{
    double most = 0;

    for (size_t i = 0; i < n; i++) {
        const double q = row[i] * scale;
        inverse[i] = (float)(1 / sqrt(q > 0 ? q : 0));
        most = q > most ? q : most;
    }
    return most;
}

PER_ISA float ib_mosaic_shade(const ib_shade *shade, size_t n, const float *inverse, float *pixel)
{
    const float factor = shade->factor, limit = shade->limit;
    float       most = 0;

    if (shade->power == 0)
        for (size_t i = 0; i < n; i++) {
            const float x = pixel[i], size = x < 0 ? -x : x;
            most = size > most ? size : most;
            pixel[i] = inverse[i] <= limit ? x * factor : 0;
        }
    else if (shade->power == 1)
        for (size_t i = 0; i < n; i++) {
            const float x = pixel[i], size = x < 0 ? -x : x;
            most = size > most ? size : most;
            pixel[i] = inverse[i] <= limit ? x * factor * inverse[i] : 0;
        }
    else
        for (size_t i = 0; i < n; i++) {
            const float x = pixel[i], size = x < 0 ? -x : x;
            most = size > most ? size : most;
            pixel[i] = inverse[i] <= limit ? x * factor * inverse[i] * inverse[i] : 0;
        }
    return most;
}

PER_ISA void ib_mosaic_unveil(const ib_shade *shade, size_t n, const float *inverse, float *pixel)
{
    const float factor = shade->factor;

    for (size_t i = 0; i < n; i++)
        pixel[i] = shade->power == 1 ? factor / inverse[i] : factor / (inverse[i] * inverse[i]);
}

/* ---- kernels ----------------------------------------------------------------------------------------------- */

ib_status ib_mosaic_kernels_create(ib_mosaic_kernels *k, const ib_mosaic *m, size_t margin, size_t columns,
                                   size_t rows, ib_error *err)
{
    const size_t n = m->centre->n_pointing, real = m->field.precision == IB_DOUBLE ? sizeof(double) : sizeof(float);

    rows += BEYOND;
    *k = (ib_mosaic_kernels){.columns = columns, .rows = rows};
    ib_status rc = ib_aproj_create(&k->aproj, m->primary, &m->field, err);
    if (rc)
        return rc;
    k->phase_u = ib_alloc(n * 2 * columns, real, "phases of pointings", err);
    k->phase_v = ib_alloc(n * 2 * rows, real, "phases of pointings", err);
    if (!k->phase_u || !k->phase_v)
        return err->status;
    for (size_t p = 0; p < n; p++) {
        char *u = (char *)k->phase_u + p * 2 * columns * real, *v = (char *)k->phase_v + p * 2 * rows * real;
        ib_aproj_phase(m->centre->pointing[p][0] / (m->cell[0] * (double)m->field.grid[0]), -(int64_t)margin, columns,
                       m->field.precision, u, u + columns * real);
        ib_aproj_phase(-m->centre->pointing[p][1] / (m->cell[1] * (double)m->field.grid[1]),
                       -(int64_t)(m->field.grid[1] / 2), rows, m->field.precision, v, v + rows * real);
    }
    return IB_OK;
}

void ib_mosaic_kernels_clear(ib_mosaic_kernels *k)
{
    ib_aproj_destroy(k->aproj);
    ib_free(k->phase_u);
    ib_free(k->phase_v);
    memset(k, 0, sizeof *k);
}

int64_t ib_mosaic_bytes(const ib_mosaic *m, size_t columns, size_t rows)
{
    const size_t real = m->field.precision == IB_DOUBLE ? sizeof(double) : sizeof(float);

    return ib_aproj_bytes(m->primary, &m->field) +
           (int64_t)(m->centre->n_pointing * 2 * (columns + rows + BEYOND) * real);
}
