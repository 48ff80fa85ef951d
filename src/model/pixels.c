/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled once per instruction set (IB_ISA). */
#define XXH_INLINE_ALL
#include "model/pixels.h"

#include <math.h>
#include <xxhash.h>

enum {
    LANES = 64,
    PIECE = 128 /* pixels whose bins are computed before any is counted: the processor does both at once */
};

static inline float lower(float a, float b)
{
    return a < b ? a : b;
}

static inline float higher(float a, float b)
{
    return a > b ? a : b;
}

/* Every LANES-th pixel goes into the same sum, two at a time. */
static void add(ib_plane_stats *stats, const float *pixel, size_t n)
{
    double sum[LANES] = {0}, sum_sq[LANES] = {0};
    float  low[LANES], high[LANES];

    for (size_t l = 0; l < LANES; l++) {
        low[l] = INFINITY;
        high[l] = -INFINITY;
    }
    for (; n >= 2 * LANES; pixel += 2 * LANES, n -= 2 * LANES)
        for (size_t l = 0; l < LANES; l++) {
            const float  a = pixel[l], b = pixel[l + LANES];
            const double x = (double)a, y = (double)b;
            sum[l] += x + y;
            sum_sq[l] += x * x + y * y;
            low[l] = lower(lower(a, b), low[l]);
            high[l] = higher(higher(a, b), high[l]);
        }
    for (size_t l = 0; l < n; l++) {
        const double x = (double)pixel[l];
        sum[l % LANES] += x;
        sum_sq[l % LANES] += x * x;
        low[l % LANES] = lower(pixel[l], low[l % LANES]);
        high[l % LANES] = higher(pixel[l], high[l % LANES]);
    }
    *stats = (ib_plane_stats){.min = INFINITY, .max = -INFINITY};
    for (size_t l = 0; l < LANES; l++) {
        stats->sum += sum[l];
        stats->sum_sq += sum_sq[l];
        stats->min = fmin(stats->min, (double)low[l]);
        stats->max = fmax(stats->max, (double)high[l]);
    }
}

static void halve(float *into, const float *from, size_t nx, size_t ny)
{
    for (size_t j = 0; j < ny; j += 2, into += (nx + 1) / 2) {
        const float *a = from + j * nx, *b = a + nx;

        if (j + 1 < ny)
            for (size_t i = 0; i < nx / 2; i++)
                into[i] = ((a[2 * i] + b[2 * i]) + (a[2 * i + 1] + b[2 * i + 1])) / 4;
        else
            for (size_t i = 0; i < nx / 2; i++)
                into[i] = (a[2 * i] + a[2 * i + 1]) / 4;
        if (nx % 2)
            into[nx / 2] = (a[nx - 1] + (j + 1 < ny ? b[nx - 1] : 0)) / 4;
    }
}

static void count(uint32_t (*bin)[IB_COUNTERS], const float *pixel, size_t n, double min, double bins_per_unit,
                  double last)
{
    int32_t k[PIECE];

    for (size_t m; n; pixel += m, n -= m) {
        m = n < PIECE ? n : PIECE;

        for (size_t i = 0; i < m; i++) {
            const double at = ((double)pixel[i] - min) * bins_per_unit, top = at < last ? at : last;
            k[i] = (int32_t)(isnan(at) ? 0 : top);
        }
        size_t i = 0;
        for (; i + IB_COUNTERS <= m; i += IB_COUNTERS)
            for (int c = 0; c < IB_COUNTERS; c++)
                bin[k[i + (size_t)c]][c]++;
        for (; i < m; i++)
            bin[k[i]][0]++;
    }
}

/* Single precision is good to 1e-7 of f, and twice as fast; sums are not in it. */
static void radial(double *out, size_t n, const float (*cubic)[4], double weight, double scale, double end, double l,
                   double step, double m)
{
    const float *const c = cubic[0];
    const float        limit = (float)end, mm = (float)(m * scale * (m * scale));
    float              f[PIECE];

    for (size_t first = 0; first < n; first += PIECE) {
        const size_t left = n - first;
        const int    count_here = left < PIECE ? (int)left : PIECE;
        const double from = (l + (double)first * step) * scale, by = step * scale;

        for (int i = 0; i < PIECE; i++) {
            const float   x = (float)(from + by * i), r = sqrtf(x * x + mm);
            const int32_t k = r < limit ? (int32_t)r : 0;
            const float   t = r - (float)k;
            const float   y = c[4 * k] + t * (c[4 * k + 1] + t * (c[4 * k + 2] + t * c[4 * k + 3]));
            f[i] = r < limit ? y : 0;
        }
        for (int i = 0; i < count_here; i++)
            out[first + (size_t)i] += weight * (double)f[i];
    }
}

static void hash_begin(void *state)
{
    XXH3_128bits_reset(state);
}

static void hash_add(void *state, const float *pixel, size_t n)
{
    XXH3_128bits_update(state, pixel, n * sizeof *pixel);
}

static void hash_end(const void *state, uint64_t hash[2])
{
    const XXH128_hash_t both = XXH3_128bits_digest(state);
    hash[0] = both.low64;
    hash[1] = both.high64;
}

#define NAME_(isa) ib_pixel_loops_##isa
#define NAME(isa)  NAME_(isa)
extern const ib_pixel_loops NAME(IB_ISA);
const ib_pixel_loops NAME(IB_ISA) = {add, halve, count, radial, sizeof(XXH3_state_t), hash_begin, hash_add, hash_end};
