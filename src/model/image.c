/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/image.h"

#include <math.h>
#include <xxhash.h>

enum {
    SMALLEST_MIP = 128, /* pixels: no further level when both sides have no more */
    LANES = 8,          /* partial sums side by side: the compiler may not reorder additions, so we do */
    BATCH = 256         /* pixels whose bins are computed before any is counted */
};

size_t ib_mip_size(size_t n, size_t level)
{
    return (n + ((size_t)1 << level) - 1) >> level;
}

size_t ib_mip_levels(size_t nx, size_t ny)
{
    size_t level = 0;

    while (level < IB_MAX_MIPS && (ib_mip_size(nx, level) > SMALLEST_MIP || ib_mip_size(ny, level) > SMALLEST_MIP))
        level++;
    return level;
}

size_t ib_histogram_bins(size_t nx, size_t ny)
{
    const size_t n = (size_t)sqrt((double)nx * (double)ny);

    return n > 2 ? n : 2;
}

struct lanes {
    double   sum[LANES], sum_sq[LANES];
    float    min[LANES], max[LANES];
    uint32_t n_nan[LANES];
};

/* NaN fails every comparison: it never becomes an extreme. */
static inline void add_pixel(struct lanes *part, size_t lane, float pixel)
{
    const double value = isnan(pixel) ? 0 : (double)pixel;

    part->sum[lane] += value;
    part->sum_sq[lane] += value * value;
    part->min[lane] = pixel < part->min[lane] ? pixel : part->min[lane];
    part->max[lane] = pixel > part->max[lane] ? pixel : part->max[lane];
    part->n_nan[lane] += isnan(pixel) != 0;
}

static void add_row(ib_plane_stats *stats, const float *row, size_t nx)
{
    struct lanes part = {0};
    const size_t even = nx - nx % LANES;

    for (size_t lane = 0; lane < LANES; lane++) {
        part.min[lane] = INFINITY;
        part.max[lane] = -INFINITY;
    }
    for (size_t i = 0; i < even; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            add_pixel(&part, lane, row[i + lane]);
    for (size_t i = even; i < nx; i++)
        add_pixel(&part, i - even, row[i]);

    for (size_t lane = 0; lane < LANES; lane++) {
        stats->sum += part.sum[lane];
        stats->sum_sq += part.sum_sq[lane];
        stats->min = fmin(stats->min, (double)part.min[lane]);
        stats->max = fmax(stats->max, (double)part.max[lane]);
        stats->n_nan += part.n_nan[lane];
    }
}

/* A bin is [min + k width, min + (k + 1) width), the last one closed. Blank pixels are put into the first bin, which
   keeps the loop free of branches, and taken out by the caller. */
static void count_row(int64_t *histogram, size_t n_bin, double min, double bins_per_unit, const float *row, size_t nx)
{
    const double last = (double)n_bin - 1;

    for (size_t first = 0; first < nx; first += BATCH) {
        const size_t n = nx - first < BATCH ? nx - first : BATCH;
        int32_t      bin[BATCH];

        for (size_t i = 0; i < n; i++) {
            const double at = ((double)row[first + i] - min) * bins_per_unit;
            bin[i] = isnan(at) ? 0 : (int32_t)(at < last ? at : last);
        }
        for (size_t i = 0; i < n; i++)
            histogram[bin[i]]++;
    }
}

static void count(const ib_plane *plane, const ib_cube *cube, int64_t *histogram)
{
    const ib_plane_stats *stats = &plane->stats;
    const size_t          n_pixel = cube->nx * cube->ny;
    const double          range = stats->max - stats->min;

    for (size_t k = 0; k < cube->n_bin; k++)
        histogram[k] = 0;
    if (stats->n_nan == n_pixel)
        return;
    if (!(range > 0 && isfinite(range))) { /* one value: one bin */
        histogram[0] = (int64_t)(n_pixel - stats->n_nan);
        return;
    }
    for (size_t j = 0; j < cube->ny; j++)
        count_row(histogram, cube->n_bin, stats->min, (double)cube->n_bin / range, plane->pixel + j * cube->nx,
                  cube->nx);
    histogram[0] -= (int64_t)stats->n_nan;
}

static inline float or_zero(float pixel)
{
    return isnan(pixel) ? 0 : pixel;
}

/* Sums over 2 x 2 of a level's sums: after k halvings, sums over blocks of 2^k x 2^k pixels. */
static void halve(float *into, const float *from, size_t nx, size_t ny)
{
    for (size_t j = 0; j < ny; j += 2, into += (nx + 1) / 2) {
        const float *a = from + j * nx, *b = a + nx;

        if (j + 1 < ny)
            for (size_t i = 0; i < nx / 2; i++)
                into[i] = (or_zero(a[2 * i]) + or_zero(a[2 * i + 1])) + (or_zero(b[2 * i]) + or_zero(b[2 * i + 1]));
        else
            for (size_t i = 0; i < nx / 2; i++)
                into[i] = or_zero(a[2 * i]) + or_zero(a[2 * i + 1]);
        if (nx % 2)
            into[nx / 2] = or_zero(a[nx - 1]) + (j + 1 < ny ? or_zero(b[nx - 1]) : 0);
    }
}

/* Pixels of a block that are not blank. */
static size_t seen(const ib_plane *plane, const ib_cube *cube, size_t x, size_t y, size_t width, size_t height)
{
    size_t n = 0;

    if (plane->stats.n_nan == 0)
        return width * height;
    for (size_t j = y; j < y + height; j++)
        for (size_t i = x; i < x + width; i++)
            n += isnan(plane->pixel[j * cube->nx + i]) ? 0 : 1;
    return n;
}

/* From sums over blocks to means of what is there; a block of blanks is blank. */
static void divide(float *mip, size_t level, const ib_plane *plane, const ib_cube *cube)
{
    const size_t side = (size_t)1 << level;

    for (size_t y = 0; y < cube->ny; y += side)
        for (size_t x = 0; x < cube->nx; x += side) {
            const size_t width = cube->nx - x < side ? cube->nx - x : side;
            const size_t height = cube->ny - y < side ? cube->ny - y : side;
            const size_t n = seen(plane, cube, x, y, width, height);

            *mip = n ? *mip / (float)n : NAN;
            mip++;
        }
}

void ib_plane_summarise(ib_plane *plane, const ib_cube *cube, int64_t *histogram, float *const *mip)
{
    ib_plane_stats *stats = &plane->stats;
    const size_t    nx = cube->nx, ny = cube->ny;

    *stats = (ib_plane_stats){.min = INFINITY, .max = -INFINITY};
    for (size_t j = 0; j < ny; j++)
        add_row(stats, plane->pixel + j * nx, nx);
    if (stats->n_nan == nx * ny)
        stats->min = stats->max = NAN;

    const XXH128_hash_t hash = XXH3_128bits(plane->pixel, nx * ny * sizeof *plane->pixel);
    stats->hash[0] = hash.low64;
    stats->hash[1] = hash.high64;

    count(plane, cube, histogram);
    plane->histogram = histogram;

    for (size_t k = 0; k < cube->n_mip; k++) {
        halve(mip[k], k ? mip[k - 1] : plane->pixel, ib_mip_size(nx, k), ib_mip_size(ny, k));
        plane->mip[k] = mip[k];
    }
    for (size_t k = 0; k < cube->n_mip; k++)
        divide(mip[k], k + 1, plane, cube);
}
