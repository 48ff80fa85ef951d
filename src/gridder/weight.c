/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/weight.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

ib_status ib_density_create(ib_density **out, size_t nx, size_t ny, const double cell[2], int rule, ib_error *err)
{
    ib_status   rc = IB_OK;
    ib_density *density = ib_alloc_zero(1, sizeof *density, "density of weights", err);

    if (!density)
        return err->status;
    *density = (ib_density){.nx = nx, .ny = ny, .cell = {cell[0], cell[1]}, .rule = rule};
    density->sum = ib_alloc_zero(nx * ny, sizeof *density->sum, "density of weights", err);
    if (!density->sum) {
        rc = err->status;
        goto done;
    }
    *out = density;
    density = NULL; /* the caller's now */
done:
    ib_density_destroy(density);
    return rc;
}

void ib_density_destroy(ib_density *density)
{
    if (!density)
        return;
    ib_free(density->sum);
    ib_free(density);
}

void ib_density_clear(ib_density *density)
{
    memset(density->sum, 0, density->nx * density->ny * sizeof *density->sum);
    density->total = 0.0;
}

/* Cell of a coordinate along one axis. Truncation is floor for what passes; NaN does not. */
static bool locate(double wavelengths, size_t n, double cell, int rule, size_t *index)
{
    double position = wavelengths * (double)n * cell + (double)(n / 2);

    if (rule == IB_RULE_NEAREST)
        position += 0.5;
    if (!(position >= 0.0 && position < (double)n))
        return false;
    *index = (size_t)position;
    return true;
}

/* Of an even number of cells the first column and row have no mirror image: samples there are outside. */
static bool locate_both(const ib_density *d, double u, double v, size_t *here, size_t *mirrored)
{
    size_t x[2], y[2];

    if (!locate(u, d->nx, d->cell[0], d->rule, &x[0]) || !locate(-u, d->nx, d->cell[0], d->rule, &x[1]) ||
        !locate(v, d->ny, d->cell[1], d->rule, &y[0]) || !locate(-v, d->ny, d->cell[1], d->rule, &y[1]))
        return false;
    *here = y[0] * d->nx + x[0];
    *mirrored = y[1] * d->nx + x[1];
    return true;
}

bool ib_density_add(ib_density *density, double u, double v, double natural)
{
    size_t here, mirrored;

    if (!locate_both(density, u, v, &here, &mirrored))
        return false;
    density->sum[here] += natural;
    density->sum[mirrored] += natural;
    density->total += natural;
    return true;
}

double ib_density_at(const ib_density *density, double u, double v)
{
    size_t here, mirrored;

    return locate_both(density, u, v, &here, &mirrored) ? density->sum[here] : -1.0;
}

ib_weighting ib_weighting_prepare(int scheme, double robust, const ib_density *density)
{
    ib_weighting weighting = {.scheme = scheme};
    double       square = 0.0;

    if (scheme != IB_BRIGGS)
        return weighting;
    for (size_t i = 0; i < density->nx * density->ny; i++)
        square += density->sum[i] * density->sum[i];
    if (square > 0.0)
        weighting.f2 = 25.0 * pow(10.0, -2.0 * robust) * 2.0 * density->total / square;
    return weighting;
}

double ib_imaging_weight(const ib_weighting *weighting, const ib_density *density, double u, double v, double natural)
{
    if (weighting->scheme == IB_NATURAL)
        return natural;

    const double at = ib_density_at(density, u, v);
    if (!(at > 0.0))
        return 0.0;
    return natural / (weighting->scheme == IB_UNIFORM ? at : 1.0 + weighting->f2 * at);
}

double ib_taper(const double taper[3], double u, double v)
{
    const double k = 3.559707331246876; /* pi^2 / (4 ln 2) */
    const double major = taper[0], minor = taper[1] > 0.0 ? taper[1] : major;

    if (!(major > 0.0))
        return 1.0;
    const double along = major * (u * sin(taper[2]) + v * cos(taper[2]));
    const double across = minor * (u * cos(taper[2]) - v * sin(taper[2]));

    return exp(-k * (along * along + across * across));
}
