/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/beam.h"

#include "ib_test.h"

#define PI 3.14159265358979323846

enum { MOST = 601 };
static float psf[MOST * MOST];

/* A Gaussian of the given FWHM; l grows to smaller i. */
static void draw(size_t nx, size_t ny, const double cell[2], double major, double minor, double angle)
{
    for (size_t j = 0; j < ny; j++)
        for (size_t i = 0; i < nx; i++) {
            const double l = ((double)(nx / 2) - (double)i) * cell[0], m = ((double)j - (double)(ny / 2)) * cell[1];
            const double along = l * sin(angle) + m * cos(angle), across = l * cos(angle) - m * sin(angle);

            psf[j * nx + i] =
                (float)exp(-4 * log(2.0) * (along * along / (major * major) + across * across / (minor * minor)));
        }
}

/* Pixels are rounded to float, by 6e-8 of values above 0.2, which moves a width by about as much over the square root of
   the number of pixels; 1e-6 leaves room for the small lobes. The angle moves by that over the ellipticity. */
static void a_gaussian_is_found_exactly(ib_test *t)
{
    static const struct {
        size_t nx, ny;
        double cell[2], major, minor, angle;
    } cases[] = {
        {64, 64, {1, 1}, 5, 5, 0},         {64, 80, {1, 1}, 7, 3, 0.4},
        {81, 64, {1, 1.5}, 9, 4, 1.2},     {63, 65, {2e-6, 1e-6}, 2e-5, 8e-6, 2},
        {128, 128, {1, 1}, 30, 6, 3.0},    {64, 64, {1, 1}, 4, 3, PI / 2},
        {601, 601, {1, 1}, 170, 36, 1.35}, {601, 400, {1, 1}, 150, 3, 1.7},
        {9, 9, {1, 1}, 2, 2, 0.1},         {64, 64, {1, 1}, 2.2, 1.9, 0.8},
        {65, 300, {1, 1}, 100, 10, 0.02},
    };

    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const double major = cases[c].major, minor = cases[c].minor;
        double       beam[3] = {0};

        draw(cases[c].nx, cases[c].ny, cases[c].cell, major, minor, cases[c].angle);
        IB_CHECK(t, ib_beam_fit(psf, cases[c].nx, cases[c].ny, (const size_t[]){cases[c].nx / 2, cases[c].ny / 2},
                                cases[c].cell, beam));
        IB_NEAR(t, beam[0] / major, 1, 1e-6);
        IB_NEAR(t, beam[1] / minor, 1, 1e-6);
        if (major > minor)
            IB_NEAR(t, remainder(beam[2] - cases[c].angle, PI), 0, 1e-6 / (1 - minor / major));
        IB_CHECK(t, beam[2] >= 0 && beam[2] < PI);
    }
}

/* The PSF of 60 baselines on a tilted spiral, fitted with numpy (19 pixels from 0.35 of the peak up, least squares by
   another implementation): sidelobes are not Gaussian, and every detail of the choice of pixels counts. Half of the
   symmetric lobe and float pixels differ by rounding. */
static void a_real_lobe_is_fitted_by_least_squares(ib_test *t)
{
    enum { SIDE = 64 };
    const double cell[2] = {1, 1};
    double       beam[3] = {0};

    memset(psf, 0, sizeof psf);
    for (int k = 0; k < 60; k++) {
        const double radius = 0.22 * sqrt((k + 0.5) / 60), angle = 2.4 * k;
        const double u = radius * cos(angle), v = 0.6 * radius * sin(angle) + 0.3 * u;

        for (int j = 0; j < SIDE; j++)
            for (int i = 0; i < SIDE; i++)
                psf[j * SIDE + i] += (float)(cos(2 * PI * (u * (SIDE / 2 - i) + v * (j - SIDE / 2))) / 60);
    }
    IB_CHECK(t, ib_beam_fit(psf, SIDE, SIDE, (const size_t[]){SIDE / 2, SIDE / 2}, cell, beam));
    IB_NEAR(t, beam[0], 5.705956808, 1e-5);
    IB_NEAR(t, beam[1], 3.022261473, 1e-5);
    IB_NEAR(t, beam[2], 2.735846993, 1e-5);
}

static void the_height_of_the_peak_does_not_matter(ib_test *t)
{
    const double cell[2] = {1, 1};
    double       beam[3], scaled[3];

    draw(64, 64, cell, 6, 4, 0.5);
    IB_CHECK(t, ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    for (int i = 0; i < 64 * 64; i++)
        psf[i] *= 0.25f;
    IB_CHECK(t, ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, scaled));
    IB_CHECK(t, !memcmp(beam, scaled, sizeof beam));
}

/* Sidelobes of 0.8, eight pixels east and west of a lobe 6 wide, with valleys of 0.5 between: their tails widen it, but
   they are none of it. All three together are more than 16 wide. */
static void sidelobes_are_left_out(ib_test *t)
{
    const double cell[2] = {1, 1};
    double       beam[3];

    for (int j = 0; j < 64; j++)
        for (int i = 0; i < 64; i++) {
            const double l = 32 - i, m = j - 32, k = 4 * log(2.0) / 36;

            psf[j * 64 + i] = (float)(exp(-k * (l * l + m * m)) + 0.8 * exp(-k * ((l - 8) * (l - 8) + m * m)) +
                                      0.8 * exp(-k * ((l + 8) * (l + 8) + m * m)));
        }
    IB_CHECK(t, ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    IB_NEAR(t, beam[0], 8, 2);
    IB_NEAR(t, beam[1], 6, 0.5);
}

static void no_beam_is_made_up(ib_test *t)
{
    const double cell[2] = {1, 1};
    double       beam[3] = {1, 2, 3};

    draw(64, 64, cell, 1.2, 0.8, 0); /* nothing but the peak itself */
    IB_CHECK(t, !ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    IB_CHECK(t, beam[0] == 0 && beam[1] == 0 && beam[2] == 0);
    draw(64, 64, cell, 20, 0.7, 0); /* a line: its width is not seen */
    IB_CHECK(t, !ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    draw(64, 64, cell, 90, 80, 0); /* reaches the edge */
    IB_CHECK(t, !ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    draw(64, 64, cell, 8, 5, 1);
    psf[33 * 64 + 32] = 1.5f; /* higher beside the centre */
    IB_CHECK(t, !ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    memset(psf, 0, sizeof psf);
    IB_CHECK(t, !ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    for (int i = 0; i < 64 * 64; i++)
        psf[i] = NAN;
    IB_CHECK(t, !ib_beam_fit(psf, 64, 64, (const size_t[]){64 / 2, 64 / 2}, cell, beam));
    for (size_t n = 1; n < 4; n++) {
        draw(n, n, cell, 3, 3, 0);
        IB_CHECK(t, !ib_beam_fit(psf, n, n, (const size_t[]){n / 2, n / 2}, cell, beam));
    }
}

IB_TEST_MAIN({IB_TEST(a_gaussian_is_found_exactly), IB_TEST(a_real_lobe_is_fitted_by_least_squares),
              IB_TEST(the_height_of_the_peak_does_not_matter), IB_TEST(sidelobes_are_left_out),
              IB_TEST(no_beam_is_made_up)})
