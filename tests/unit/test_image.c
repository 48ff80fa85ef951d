/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/image.h"

#include "ib_test.h"

#include <float.h>
#include <stdlib.h>
#include <xxhash.h>

enum { NX = 301, NY = 270, N = NX * NY };

struct fixture {
    ib_cube     cube;
    ib_plane    plane;
    float       pixel[N];
    ib_summary *summary;
};

/* Seeded pixels in (-0.5, 0.5) + offset. */
static void make(struct fixture *f, double offset)
{
    uint64_t state = 12345;

    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < N; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        f->pixel[i] = (float)((double)(state >> 40) * 0x1p-24 - 0.5 + offset);
    }
    f->cube.nx = NX;
    f->cube.ny = NY;
    f->cube.n_bin = ib_histogram_bins(NX, NY);
    f->cube.n_mip = ib_mip_levels(NX, NY);
    f->plane.pixel = f->pixel;
    ib_error err;
    if (ib_summary_create(&f->summary, &f->cube, &err))
        exit(1);
}

static void summarise(struct fixture *f)
{
    ib_plane_summarise(&f->plane, f->summary);
}

static void clear(struct fixture *f)
{
    ib_summary_destroy(f->summary);
}

/* Mean of what is not blank in a block, and of the absolute values; the number of pixels there. */
static size_t block(const struct fixture *f, size_t level, size_t bx, size_t by, double *mean, double *mean_abs)
{
    const size_t side = (size_t)1 << level;
    size_t       n = 0;
    double       sum = 0, sum_abs = 0;

    for (size_t j = by * side; j < NY && j < (by + 1) * side; j++)
        for (size_t i = bx * side; i < NX && i < (bx + 1) * side; i++)
            if (!isnan(f->pixel[j * NX + i])) {
                n++;
                sum += (double)f->pixel[j * NX + i];
                sum_abs += fabs((double)f->pixel[j * NX + i]);
            }
    *mean = sum / (double)n;
    *mean_abs = sum_abs / (double)n;
    return n;
}

/* A sum over 2^k x 2^k is 2 k pairwise additions deep, and one division follows: (2 k + 1) roundings of half an ulp. */
static void check_mips(ib_test *t, const struct fixture *f)
{
    for (size_t level = 1; level <= f->cube.n_mip; level++) {
        const size_t nx = ib_mip_size(NX, level), ny = ib_mip_size(NY, level);

        for (size_t j = 0; j < ny; j++)
            for (size_t i = 0; i < nx; i++) {
                const double got = (double)f->plane.mip[level - 1][j * nx + i];
                double       want, scale;

                if (block(f, level, i, j, &want, &scale))
                    IB_NEAR(t, got, want, (2 * (double)level + 1) * 0.5 * FLT_EPSILON * scale);
                else
                    IB_CHECK(t, isnan(got));
            }
    }
}

static void levels_halve_until_128_pixels(ib_test *t)
{
    IB_CHECK(t, ib_mip_levels(128, 128) == 0);
    IB_CHECK(t, ib_mip_levels(129, 16) == 1);
    IB_CHECK(t, ib_mip_levels(1024, 1024) == 3);
    IB_CHECK(t, ib_mip_levels(1025, 1) == 4);
    IB_CHECK(t, ib_mip_levels(65536, 65536) <= IB_MAX_MIPS);
    IB_CHECK(t, ib_mip_size(301, 1) == 151 && ib_mip_size(301, 2) == 76 && ib_mip_size(5, 3) == 1);
    IB_CHECK(t, ib_histogram_bins(300, 300) == 300 && ib_histogram_bins(1, 1) == 2);
}

/* Sums of n doubles in any order differ by at most n half-ulps of the sum of absolute values. */
static void statistics_are_those_of_the_pixels_that_are_there(ib_test *t)
{
    struct fixture *f = malloc(sizeof *f);
    double          sum = 0, sum_sq = 0, sum_abs = 0, min = INFINITY, max = -INFINITY;
    size_t          n_nan = 0;

    make(f, 0.3);
    for (size_t i = 0; i < N; i += 97)
        f->pixel[i] = NAN;
    for (size_t i = 0; i < N; i++) {
        const double x = (double)f->pixel[i];

        if (isnan(x)) {
            n_nan++;
            continue;
        }
        sum += x;
        sum_sq += x * x;
        sum_abs += fabs(x);
        min = x < min ? x : min;
        max = x > max ? x : max;
    }
    summarise(f);
    const ib_plane_stats *got = &f->plane.stats;
    IB_NEAR(t, got->sum, sum, N * 0.5 * DBL_EPSILON * sum_abs);
    IB_NEAR(t, got->sum_sq, sum_sq, N * 0.5 * DBL_EPSILON * sum_sq);
    IB_NEAR(t, got->min, min, 0);
    IB_NEAR(t, got->max, max, 0);
    IB_CHECK(t, got->n_nan == n_nan);

    const XXH128_hash_t hash = XXH3_128bits(f->pixel, sizeof f->pixel);
    IB_CHECK(t, got->hash[0] == hash.low64 && got->hash[1] == hash.high64);
    check_mips(t, f);
    clear(f);
    free(f);
}

static void mipmaps_are_block_means_of_full_resolution_pixels(ib_test *t)
{
    struct fixture *f = malloc(sizeof *f);

    make(f, 0);
    summarise(f);
    IB_CHECK(t, f->cube.n_mip == 2);
    check_mips(t, f);

    for (size_t j = 100; j < 120; j++) /* blocks that are blank at both levels */
        for (size_t i = 40; i < 60; i++)
            f->pixel[j * NX + i] = NAN;
    summarise(f);
    IB_CHECK(t, isnan(f->plane.mip[1][27 * 76 + 12]));
    check_mips(t, f);
    clear(f);
    free(f);
}

static void the_histogram_counts_every_pixel_once_in_its_bin(ib_test *t)
{
    struct fixture *f = malloc(sizeof *f);
    int64_t         want[NX] = {0}, total = 0;

    make(f, -7);
    f->pixel[11] = NAN;
    f->pixel[N - 1] = NAN;
    summarise(f);
    const double min = f->plane.stats.min, max = f->plane.stats.max;
    const double per_unit = (double)f->cube.n_bin / (max - min);
    for (size_t i = 0; i < N; i++)
        if (!isnan(f->pixel[i])) {
            const size_t bin = (size_t)(((double)f->pixel[i] - min) * per_unit);
            want[bin < f->cube.n_bin ? bin : f->cube.n_bin - 1]++;
        }
    for (size_t k = 0; k < f->cube.n_bin; k++) {
        IB_CHECK(t, f->plane.histogram[k] == want[k]);
        total += f->plane.histogram[k];
    }
    IB_CHECK(t, total == N - 2);
    clear(f);
    free(f);
}

static void planes_of_one_value_and_of_none(ib_test *t)
{
    struct fixture *f = malloc(sizeof *f);

    make(f, 0);
    for (size_t i = 0; i < N; i++)
        f->pixel[i] = 2;
    summarise(f);
    IB_CHECK(t, f->plane.stats.min == 2 && f->plane.stats.max == 2 && f->plane.histogram[0] == N);
    for (size_t i = 0; i < N; i++)
        f->pixel[i] = NAN;
    summarise(f);
    IB_CHECK(t, isnan(f->plane.stats.min) && isnan(f->plane.stats.max));
    IB_CHECK(t, f->plane.stats.sum == 0 && f->plane.stats.n_nan == N && f->plane.histogram[0] == 0);
    IB_CHECK(t, isnan(f->plane.mip[0][0]) && isnan(f->plane.mip[1][5]));
    clear(f);
    free(f);
}

/* Threads take bands in any order and count in summaries of their own: sums are added band by band in the end. */
static void bands_in_any_order_give_the_same_bits(ib_test *t)
{
    struct fixture *f = malloc(sizeof *f);
    const size_t    n_band = ib_summary_bands(NY);
    int64_t         histogram[NX];
    ib_summary     *other = NULL;
    ib_error        err;

    make(f, 0.1);
    if (ib_summary_create(&other, &f->cube, &err))
        exit(1);
    f->pixel[200 * NX + 3] = NAN;
    summarise(f);
    const ib_plane_stats want = f->plane.stats;
    const float          mip = f->plane.mip[1][NX / 4 + 1];
    memcpy(histogram, f->plane.histogram, f->cube.n_bin * sizeof *histogram);

    for (size_t b = n_band; b-- > 0;)
        ib_summary_look(f->summary, f->pixel, b);
    for (size_t b = 0; b < n_band; b++)
        ib_summary_hash(f->summary, f->pixel, b);
    ib_summary_settle(f->summary, &f->plane);
    for (size_t b = n_band; b-- > 0;)
        ib_summary_count(b % 2 ? f->summary : other, &f->plane, b);
    ib_summary_take(f->summary, other);
    ib_summary_close(f->summary, &f->plane);
    ib_summary_destroy(other);
    IB_CHECK(t, n_band > 2);
    IB_CHECK(t, !memcmp(&f->plane.stats, &want, sizeof want));
    IB_CHECK(t, f->plane.mip[1][NX / 4 + 1] == mip);
    IB_CHECK(t, !memcmp(f->plane.histogram, histogram, f->cube.n_bin * sizeof *histogram));
    clear(f);
    free(f);
}

/* Blocks of the deepest levels are wider than a band: they are made of the whole plane's. */
static void deep_mipmaps_reach_over_bands(ib_test *t)
{
    enum { WIDTH = 16500, HEIGHT = 150 };
    ib_cube     cube = {.nx = WIDTH, .ny = HEIGHT, .n_bin = 2, .n_mip = ib_mip_levels(WIDTH, HEIGHT)};
    float      *pixel = malloc(WIDTH * HEIGHT * sizeof *pixel);
    ib_plane    plane = {.pixel = pixel};
    ib_summary *summary = NULL;
    ib_error    err;

    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        pixel[i] = (float)(i % 1021);
    IB_CHECK(t, cube.n_mip == 8 && ib_summary_create(&summary, &cube, &err) == IB_OK);
    ib_plane_summarise(&plane, summary);
    for (size_t k = 6; k < 8; k++)
        for (size_t i = 0; i < ib_mip_size(WIDTH, k + 1); i++) {
            const size_t side = (size_t)1 << (k + 1);
            double       sum = 0, n = 0;
            for (size_t y = 0; y < side && y < HEIGHT; y++)
                for (size_t x = i * side; x < (i + 1) * side && x < WIDTH; x++, n++)
                    sum += (double)pixel[y * WIDTH + x];
            /* as check_mips */
            IB_NEAR(t, (double)plane.mip[k][i], sum / n, (2 * (double)(k + 1) + 1) * 0.5 * FLT_EPSILON * sum / n);
        }
    ib_summary_destroy(summary);
    free(pixel);
}

IB_TEST_MAIN({IB_TEST(levels_halve_until_128_pixels), IB_TEST(statistics_are_those_of_the_pixels_that_are_there),
              IB_TEST(mipmaps_are_block_means_of_full_resolution_pixels),
              IB_TEST(the_histogram_counts_every_pixel_once_in_its_bin), IB_TEST(planes_of_one_value_and_of_none),
              IB_TEST(bands_in_any_order_give_the_same_bits), IB_TEST(deep_mipmaps_reach_over_bands)})
