/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"
#include "gridder/direct.h"
#include "gridder/kernel/kernel.h"

#include "ib_test.h"

#include <stdint.h>
#include <stdlib.h>

#define PI     3.14159265358979323846
#define PI_L   3.14159265358979323846264338327950288L
#define ARCSEC (PI / 648000)
#define LIGHT  299792458.0

/* Three samples (m, at 1.5 GHz) imaged on 4 x 4 pixels, of which one row and one column have no other side, of 100 x 120 arcsec by the reference implementation of
   V = sum S exp(+2 pi i (u l + v m)), dirty = sum W Re(V exp(-2 pi i (u l + v m))) / sum W; printed to 12 decimals. It
   settles the sign, the axes (l grows to smaller i, m to larger j) and the centre, pixel (n/2, n/2). */
static void the_golden_plane_is_reproduced(ib_test *t)
{
    static const double metres[3][2] = {{30, 40}, {-80, 10}, {55, -90}}, weight[3] = {1, 2, 0.5};
    static const double vis[3][2] = {{1, 0.5}, {-0.25, 1}, {0.75, -0.5}};
    static const double want[4][4] = {{0.211294507943, -0.536271456704, -0.544359427028, -0.023491254556},
                                      {0.054403663896, -0.479431447579, -0.206521147072, 0.415360786334},
                                      {-0.055248356406, -0.247701299607, 0.250000000000, 0.805362482621},
                                      {-0.126293505118, -0.199788325573, 0.334665162957, 0.811904761770}};
    ib_direct           d = {.n_l = 3, .n_m = 3};
    double              u[3], v[3], value[3][2];

    for (int i = 0; i < 3; i++) {
        d.l[i] = i * 100 * ARCSEC;
        d.m[i] = i * 120 * ARCSEC;
    }
    for (int k = 0; k < 3; k++) {
        u[k] = metres[k][0];
        v[k] = metres[k][1];
        value[k][0] = weight[k] * vis[k][0];
        value[k][1] = weight[k] * vis[k][1];
    }
    ib_direct_begin(&d);
    ib_direct_add(&d, ib_direct_find(ib_isa_find("auto")->name, IB_DOUBLE), 3,
                  &(ib_direct_samples){1.5e9 / LIGHT, u, v, NULL, value, weight});

    IB_NEAR(t, d.weight, 3.5, 0);
    for (int j = 0; j < 4; j++) /* m = j - 2, l = 2 - i */
        for (int i = 0; i < 4; i++)
            IB_NEAR(t, d.sum[abs(j - 2)][j < 2][abs(i - 2)][i > 2] / d.weight, want[j][i], 6e-13);
}

enum { MOST = 5000 };
static double uv[2][MOST], value[2][MOST], weight[MOST];

static uint64_t state;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

static ib_direct draw(size_t n_l, size_t n_m)
{
    ib_direct d = {.n_l = n_l, .n_m = n_m};

    state = 7;
    for (int k = 0; k < MOST; k++) {
        const double phase = 2 * PI * uniform();

        weight[k] = 0.5 + 1.5 * uniform();
        value[0][k] = weight[k] * cos(phase);
        value[1][k] = weight[k] * sin(phase);
        for (int axis = 0; axis < 2; axis++)
            uv[axis][k] = 6e4 * (uniform() - 0.5); /* up to 300 turns in the field below */
    }
    for (size_t i = 0; i < IB_DIRECT_MAX; i++) {
        d.l[i] = i < n_l ? 0.02 * (uniform() - 0.5) : NAN;
        d.m[i] = i < n_m ? 0.02 * (uniform() - 0.5) : NAN;
    }
    ib_direct_begin(&d);
    return d;
}

static const ib_direct_loop *loop;

static void add(ib_direct *d, size_t first, size_t n)
{
    static double values[MOST][2], weights[MOST]; /* or floats */
    const bool    single = loop->real == sizeof(float);

    for (size_t k = 0; k < n; k++)
        for (int i = 0; i < 3; i++) {
            const double x = i < 2 ? value[i][first + k] : weight[first + k];
            void *const  to = i < 2 ? (void *)values : (void *)weights;
            const size_t at = i < 2 ? 2 * k + (size_t)i : k;
            if (single)
                ((float *)to)[at] = (float)x;
            else
                ((double *)to)[at] = x;
        }
    ib_direct_add(d, loop, n, &(ib_direct_samples){1, uv[0] + first, uv[1] + first, NULL, values, weights});
}

static double in_long_double(double l, double m, size_t n)
{
    long double sum = 0;

    for (size_t k = 0; k < n; k++) {
        const long double turns = (long double)uv[0][k] * l + (long double)uv[1][k] * m;

        sum += value[0][k] * cosl(2 * PI_L * turns) + value[1][k] * sinl(2 * PI_L * turns);
    }
    return (double)sum;
}

/* Against the same sum in long double, of every instruction set. Of a phase of 300 turns a double keeps 2 pi 300 2^-53 = 2e-13 rad, which the
   random phases of the samples carry to 2e-13 of the rms; the acceptance limit is 1e-12 of it. A sine of single precision
   comes from an angle that keeps pi 2^-25 rad and is doubled twice: some 2e-7, which every sample adds independently. */
static void any_number_of_samples_and_pixels_is_summed_to_rounding(ib_test *t)
{
    static const size_t n[] = {0, 1, 2, 63, 64, 65, 127, 128, 200, MOST},
                        pixels[][2] = {{4, 4}, {1, 1}, {8, 3}, {5, 8}};

    for (size_t isa = 0; ib_isa_at(isa); isa++)
        for (int precision = IB_SINGLE; precision <= IB_DOUBLE && ib_isa_at(isa)->usable(); precision++)
            for (size_t p = 0; p < 4; p++)
                for (size_t c = 0; c < sizeof n / sizeof *n; c++) {
                    ib_direct    d = draw(pixels[p][0], pixels[p][1]);
                    const double limit = precision == IB_DOUBLE ? 1e-12 : 1e-6;
                    double       total = 0, square = 0, worst = 0;

                    loop = ib_direct_find(ib_isa_at(isa)->name, precision);
                    add(&d, 0, n[c]);
                    for (size_t k = 0; k < n[c]; k++) {
                        total += weight[k];
                        square += weight[k] * weight[k];
                    }
                    IB_NEAR(t, d.weight, total, limit * total);
                    IB_NEAR(t, d.square, square, limit * square);
                    for (size_t j = 0; j < d.n_m; j += 2)
                        for (size_t i = 0; i < d.n_l; i += 3)
                            for (int side = 0; side < 4; side++) {
                                const double l = side % 2 ? -d.l[i] : d.l[i], m = side / 2 ? -d.m[j] : d.m[j];
                                worst =
                                    fmax(worst, fabs(d.sum[j][side / 2][i][side % 2] - in_long_double(l, m, n[c])));
                            }
                    IB_NEAR(t, worst, 0, limit * sqrt(square / 2));
                }
    loop = ib_direct_find(ib_isa_find("auto")->name, IB_DOUBLE);
}

/* Whole blocks are added one by one: cutting between them changes nothing at all. */
static void cutting_between_blocks_keeps_the_bits(ib_test *t)
{
    ib_direct whole = draw(8, 8), parts = whole;

    add(&whole, 0, 1000);
    add(&parts, 0, 640);
    add(&parts, 640, 360);
    IB_CHECK(t, !memcmp(whole.sum, parts.sum, sizeof whole.sum));
    IB_CHECK(t, whole.weight == parts.weight && whole.square == parts.square);
}

/* A point source on a pixel has its flux there. */
static void a_source_returns_its_flux(ib_test *t)
{
    ib_direct d = draw(3, 3);

    for (int k = 0; k < MOST; k++) {
        const double phase = 2 * PI * (uv[0][k] * d.l[2] + uv[1][k] * d.m[0]);

        value[0][k] = 3.0 * weight[k] * cos(phase);
        value[1][k] = 3.0 * weight[k] * sin(phase);
    }
    add(&d, 0, MOST);
    IB_NEAR(t, d.sum[0][0][2][0] / d.weight, 3.0, 1e-12);
    IB_CHECK(t, fabs(d.sum[0][0][1][0] / d.weight) < 0.5 && fabs(d.sum[0][1][2][1] / d.weight) < 0.5);
}

IB_TEST_MAIN({IB_TEST(the_golden_plane_is_reproduced),
              IB_TEST(any_number_of_samples_and_pixels_is_summed_to_rounding),
              IB_TEST(cutting_between_blocks_keeps_the_bits), IB_TEST(a_source_returns_its_flux)})
