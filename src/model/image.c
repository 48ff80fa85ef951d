/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/image.h"
#include "base/error.h"
#include "base/mem.h"
#include "model/pixels.h"

#include <math.h>

enum {
    SMALLEST_MIP = 128, /* pixels: no further level when both sides have no more */
    BAND_LEVELS = 6     /* mipmap levels whose blocks lie within a band */
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

extern const ib_pixel_loops ib_pixel_loops_base, ib_pixel_loops_v3, ib_pixel_loops_v4;

const ib_pixel_loops *ib_pixel_loops_find(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return &ib_pixel_loops_v4;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &ib_pixel_loops_v3;
#endif
    return &ib_pixel_loops_base;
}

struct ib_summary {
    const ib_cube        *cube;
    const ib_pixel_loops *loops;
    ib_plane_stats       *band;             /* [bands] */
    float                *mip[IB_MAX_MIPS]; /* not yet mended until they are settled */
    uint32_t (*counter)[IB_COUNTERS];       /* [n_bin], zero between planes */
    int64_t *histogram;                     /* [n_bin] */
    void    *hash;
};

size_t ib_summary_bands(size_t ny)
{
    return (ny + IB_BAND_ROWS - 1) / IB_BAND_ROWS;
}

size_t ib_summary_bytes(size_t nx, size_t ny, size_t n_bin)
{
    size_t mips = 0;

    for (size_t k = 1; k <= ib_mip_levels(nx, ny); k++)
        mips += ib_mip_size(nx, k) * ib_mip_size(ny, k);
    return sizeof(ib_summary) + ib_summary_bands(ny) * sizeof(ib_plane_stats) + mips * sizeof(float) +
           n_bin * (sizeof(int64_t) + sizeof(uint32_t[IB_COUNTERS]));
}

ib_status ib_summary_create(ib_summary **out, const ib_cube *cube, ib_error *err)
{
    ib_summary *s = ib_alloc_zero(1, sizeof *s, "summary", err);
    if (!s)
        return err->status;

    s->cube = cube;
    s->band = ib_alloc(ib_summary_bands(cube->ny), sizeof *s->band, "statistics", err);
    s->counter = ib_alloc_zero(cube->n_bin, sizeof *s->counter, "histogram", err);
    s->histogram = ib_alloc(cube->n_bin, sizeof *s->histogram, "histogram", err);
    s->loops = ib_pixel_loops_find();
    s->hash = ib_alloc(1, s->loops->hash_bytes, "checksum", err);
    bool ok = s->band && s->counter && s->histogram && s->hash;
    for (size_t k = 0; ok && k < cube->n_mip; k++)
        ok = (s->mip[k] = ib_alloc(ib_mip_size(cube->nx, k + 1) * ib_mip_size(cube->ny, k + 1), sizeof(float),
                                   "mipmaps", err)) != NULL;
    if (!ok) {
        ib_summary_destroy(s);
        return err->status;
    }
    s->loops->hash_begin(s->hash);
    *out = s;
    return IB_OK;
}

void ib_summary_destroy(ib_summary *s)
{
    if (!s)
        return;
    ib_free(s->hash);
    ib_free(s->band);
    ib_free(s->counter);
    ib_free(s->histogram);
    for (int k = 0; k < IB_MAX_MIPS; k++)
        ib_free(s->mip[k]);
    ib_free(s);
}

/* ---- statistics of a band -------------------------------------------------------------------------------------- */

/* What the loops do, leaving out pixels that are blank. */
static void add_some(ib_plane_stats *stats, const float *pixel, size_t n)
{
    *stats = (ib_plane_stats){.min = INFINITY, .max = -INFINITY};
    for (size_t i = 0; i < n; i++) {
        const double y = (double)pixel[i];
        if (isnan(y)) {
            stats->n_nan++;
            continue;
        }
        stats->sum += y;
        stats->sum_sq += y * y;
        stats->min = fmin(stats->min, y);
        stats->max = fmax(stats->max, y);
    }
}

static inline float or_zero(float pixel)
{
    return isnan(pixel) ? 0 : pixel;
}

/* The same of mipmaps. */
static void halve_some(float *into, const float *from, size_t nx, size_t ny)
{
    for (size_t j = 0; j < ny; j += 2)
        for (size_t i = 0; i < nx; i += 2) {
            float sum = 0;
            for (size_t y = j; y < ny && y < j + 2; y++)
                for (size_t x = i; x < nx && x < i + 2; x++)
                    sum += or_zero(from[y * nx + x]);
            *into++ = sum / 4;
        }
}

void ib_summary_look(ib_summary *s, const float *pixel, size_t band)
{
    const size_t    nx = s->cube->nx, first = band * IB_BAND_ROWS;
    const size_t    rows = s->cube->ny - first < IB_BAND_ROWS ? s->cube->ny - first : IB_BAND_ROWS;
    const float    *from = pixel + first * nx;
    ib_plane_stats *stats = &s->band[band];

    s->loops->add(stats, from, rows * nx);
    if (isnan(stats->sum))
        add_some(stats, from, rows * nx);
    for (size_t k = 0; k < s->cube->n_mip && k < BAND_LEVELS; k++) {
        float *into = s->mip[k] + (first >> (k + 1)) * ib_mip_size(nx, k + 1);
        if (k == 0 && stats->n_nan)
            halve_some(into, from, nx, rows);
        else
            s->loops->halve(into, from, ib_mip_size(nx, k), ib_mip_size(rows, k));
        from = into;
    }
}

void ib_summary_hash(ib_summary *s, const float *pixel, size_t band)
{
    const size_t nx = s->cube->nx, first = band * IB_BAND_ROWS;
    const size_t rows = s->cube->ny - first < IB_BAND_ROWS ? s->cube->ny - first : IB_BAND_ROWS;

    s->loops->hash_add(s->hash, pixel + first * nx, rows * nx);
}

/* ---- the whole plane --------------------------------------------------------------------------------------------- */

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

/* Sums over blocks were divided by the pixels of a whole block (a power of two: exactly). Those that reach over an edge or
   have blanks become means of what is there; a block of blanks is blank. */
static void mend(float *mip, size_t level, const ib_plane *plane, const ib_cube *cube)
{
    const size_t side = (size_t)1 << level, n_x = ib_mip_size(cube->nx, level);

    for (size_t y = 0; y < cube->ny; y += side, mip += n_x) {
        const size_t height = cube->ny - y < side ? cube->ny - y : side;
        const bool   whole = height == side && plane->stats.n_nan == 0;

        for (size_t i = whole ? cube->nx / side : 0; i < n_x; i++) {
            const size_t x = i * side, n = seen(plane, cube, x, y, cube->nx - x < side ? cube->nx - x : side, height);
            mip[i] = n ? mip[i] * (float)(side * side) / (float)n : NAN;
        }
    }
}

void ib_summary_settle(ib_summary *s, ib_plane *plane)
{
    const ib_cube  *cube = s->cube;
    ib_plane_stats *stats = &plane->stats;

    *stats = (ib_plane_stats){.min = INFINITY, .max = -INFINITY};
    for (size_t b = 0; b < ib_summary_bands(cube->ny); b++) {
        stats->sum += s->band[b].sum;
        stats->sum_sq += s->band[b].sum_sq;
        stats->min = fmin(stats->min, s->band[b].min);
        stats->max = fmax(stats->max, s->band[b].max);
        stats->n_nan += s->band[b].n_nan;
    }
    if (stats->n_nan == cube->nx * cube->ny)
        stats->min = stats->max = NAN;
    s->loops->hash_end(s->hash, stats->hash);
    s->loops->hash_begin(s->hash);

    for (size_t k = BAND_LEVELS; k < cube->n_mip; k++)
        s->loops->halve(s->mip[k], s->mip[k - 1], ib_mip_size(cube->nx, k), ib_mip_size(cube->ny, k));
    for (size_t k = 0; k < cube->n_mip; k++) {
        mend(s->mip[k], k + 1, plane, cube);
        plane->mip[k] = s->mip[k];
    }
}

/* 0: all pixels are in the first bin. */
static double bins_per_unit(const ib_summary *s, const ib_plane *plane)
{
    const double range = plane->stats.max - plane->stats.min;

    return range > 0 && isfinite(range) ? (double)s->cube->n_bin / range : 0;
}

void ib_summary_count(ib_summary *s, const ib_plane *plane, size_t band)
{
    const size_t nx = s->cube->nx, first = band * IB_BAND_ROWS;
    const size_t rows = s->cube->ny - first < IB_BAND_ROWS ? s->cube->ny - first : IB_BAND_ROWS;
    const double per_unit = bins_per_unit(s, plane);

    if (per_unit > 0)
        s->loops->count(s->counter, plane->pixel + first * nx, rows * nx, plane->stats.min, per_unit,
                        (double)s->cube->n_bin - 1);
    else
        s->counter[0][band % IB_COUNTERS] += (uint32_t)(rows * nx);
}

void ib_summary_take(ib_summary *into, ib_summary *from)
{
    for (size_t k = 0; k < into->cube->n_bin; k++)
        for (int c = 0; c < IB_COUNTERS; c++) {
            into->counter[k][c] += from->counter[k][c];
            from->counter[k][c] = 0;
        }
}

void ib_summary_close(ib_summary *s, ib_plane *plane)
{
    for (size_t k = 0; k < s->cube->n_bin; k++) {
        s->histogram[k] = 0;
        for (int c = 0; c < IB_COUNTERS; c++) {
            s->histogram[k] += s->counter[k][c];
            s->counter[k][c] = 0;
        }
    }
    s->histogram[0] -= (int64_t)plane->stats.n_nan;
    plane->histogram = s->histogram;
}

void ib_plane_summarise(ib_plane *plane, ib_summary *s)
{
    const size_t n = ib_summary_bands(s->cube->ny);

    for (size_t b = 0; b < n; b++) {
        ib_summary_look(s, plane->pixel, b);
        ib_summary_hash(s, plane->pixel, b);
    }
    ib_summary_settle(s, plane);
    for (size_t b = 0; b < n; b++)
        ib_summary_count(s, plane, b);
    ib_summary_close(s, plane);
}
