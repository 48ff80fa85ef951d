/* SPDX-License-Identifier: BSD-3-Clause */
#define _XOPEN_SOURCE 700 /* j1 */

#include "base/mem.h"
#include "model/simulate.h"
#include "model/source.h"

#include "ib_test.h"

#include <complex.h>
#include <float.h>
#include <stdlib.h>

#define PI  3.14159265358979323846
#define DEG (PI / 180)

extern const ib_source_ops ib_source_sim;

/* ---- geometry ----------------------------------------------------------------------------------------------- */

/* Golden vector of the specification: antennas at (0,0,0) and (100,200,5) m east, north, up; printed to 1e-12. */
static void uvw_is_the_golden_vector(ib_test *t)
{
    const double latitude = 34.0788 * DEG, east = -100, north = -200, up = -5;
    const double separation[3] = {-sin(latitude) * north + cos(latitude) * up, east,
                                  cos(latitude) * north + sin(latitude) * up};
    double       axes[3][3], uvw[3];

    ib_sim_axes(15 * DEG, 30 * DEG, axes);
    ib_sim_uvw((const double(*)[3])axes, separation, uvw);
    IB_NEAR(t, uvw[0], -68.65949200904, 1e-11);
    IB_NEAR(t, uvw[1], -210.951297446726, 1e-11);
    IB_NEAR(t, uvw[2], 28.467951499949, 1e-11);
}

static double length(const double v[3])
{
    return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

static void baseline_range(const char *name, double radius, size_t n, double *shortest, double *longest)
{
    double(*xyz)[3] = malloc(n * sizeof *xyz);

    ib_sim_antennas(ib_sim_array_find(name), radius, n, xyz);
    *shortest = DBL_MAX;
    *longest = 0;
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n; b++) {
            const double d = length((double[]){xyz[a][0] - xyz[b][0], xyz[a][1] - xyz[b][1], xyz[a][2] - xyz[b][2]});
            *shortest = fmin(*shortest, d);
            *longest = fmax(*longest, d);
        }
    free(xyz);
}

/* The specification prints the ranges to the metre (decimetre, centimetre): half of the last digit. */
static void arrays_have_the_published_baselines(ib_test *t)
{
    static const struct {
        const char *name;
        double      radius, shortest, longest, half_digit;
        size_t      n;
    } want[] = {{"vla-a", 0, 834, 36555, 0.5, 27},       {"vla-b", 0, 254, 11141, 0.5, 27},
                {"vla-c", 0, 77, 3394, 0.5, 27},         {"vla-d", 0, 31, 1071, 0.5, 27},
                {"alma-compact", 0, 17.5, 155, 0.5, 50}, {"aca7", 0, 8.86, 33.8, 0.05, 11}};
    double shortest, longest;

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        baseline_range(want[i].name, want[i].radius, want[i].n, &shortest, &longest);
        IB_NEAR(t, shortest, want[i].shortest, want[i].half_digit);
        IB_NEAR(t, longest, want[i].longest, want[i].half_digit);
    }
    /* "about 3.8 R" */
    baseline_range("alma-ext", 230, 43, &shortest, &longest);
    IB_NEAR(t, longest / 230, 3.8, 0.1);
    IB_CHECK(t, !ib_sim_array_find("vla-e"));
}

/* A smaller array of arms is filled from the outside and keeps its longest baseline. */
static void a_smaller_array_keeps_its_resolution(ib_test *t)
{
    double shortest, longest, shortest_9, longest_9;

    baseline_range("vla-b", 0, 27, &shortest, &longest);
    baseline_range("vla-b", 0, 9, &shortest_9, &longest_9);
    IB_NEAR(t, longest_9, longest, 0);
    IB_CHECK(t, shortest_9 > shortest);
}

/* T is a rotation: each component carries a rounding of a few ulp of |b|. At transit u is the eastward component. */
static void the_earth_turns_baselines_without_stretching_them(ib_test *t)
{
    const double separation[3] = {-8000, 5000, 3000};

    for (int i = -12; i <= 12; i++) {
        double axes[3][3], uvw[3];

        ib_sim_axes(i * 15 * DEG, 0.7, axes);
        ib_sim_uvw((const double(*)[3])axes, separation, uvw);
        IB_NEAR(t, length(uvw), length(separation), 8 * DBL_EPSILON * length(separation));
        if (i == 0)
            IB_NEAR(t, uvw[0], separation[1], 0);
    }
}

/* Times near 5e9 s are represented to 1e-6 s, 7e-11 rad of sidereal time. */
static void at_transit_the_sidereal_time_is_the_right_ascension(ib_test *t)
{
    const double start = 59215.0 * 86400, longitude = -107.6178 * DEG, ra = 2.6;
    const double transit = ib_sim_transit(start, longitude, ra);

    IB_CHECK(t, transit >= start && transit < start + 86400);
    IB_NEAR(t, ib_sim_sidereal(transit, longitude), ra, 1e-9);
    /* Greenwich mean sidereal time at J2000.0 is 18h 41m 50.548s; the Earth rotation angle differs from it by the
       precession in right ascension since J2000, 0.0145" there, so compare to 1 s. */
    IB_NEAR(t, ib_sim_sidereal(51544.5 * 86400, 0) / (2 * PI) * 86400, 18 * 3600 + 41 * 60 + 50.548, 1);
}

/* From offset to direction and back. Errors of 2^-53 in the direction, seen over a few roundings. */
static void directions_and_offsets_are_inverse(ib_test *t)
{
    static const double dec[4] = {-1.2, 0, 0.7, 1.5707};

    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 12; k++) {
            const double l = 0.3 * cos(k), m = 0.2 * sin(k) + 0.1;
            double       ra1, dec1, back_l, back_m;

            ib_sim_displace(2, dec[i], l, m, &ra1, &dec1);
            ib_sim_offset(2, dec[i], ra1, dec1, &back_l, &back_m);
            IB_NEAR(t, back_l, l, 8 * DBL_EPSILON);
            IB_NEAR(t, back_m, m, 8 * DBL_EPSILON);
        }
    /* RA---SIN: one degree east on the equator */
    double l, m;
    ib_sim_offset(0, 0, 1 * DEG, 0, &l, &m);
    IB_NEAR(t, l, sin(1 * DEG), DBL_EPSILON);
    IB_NEAR(t, m, 0, 0);
}

static void pointings_are_the_nearest_of_a_hexagonal_grid(ib_test *t)
{
    enum { N = 151 };
    static double p[N][2], fewer[20][2];

    ib_sim_pointings(N, p);
    ib_sim_pointings(20, fewer);
    IB_CHECK(t, !memcmp(p, fewer, sizeof fewer));
    IB_CHECK(t, p[0][0] == 0 && p[0][1] == 0);
    for (int i = 1; i < N; i++) {
        double nearest = DBL_MAX;

        for (int k = 0; k < N; k++)
            if (k != i)
                nearest = fmin(nearest, hypot(p[k][0] - p[i][0], p[k][1] - p[i][1]));
        IB_NEAR(t, nearest, 1, 8 * DBL_EPSILON);
        IB_CHECK(t, hypot(p[i][0], p[i][1]) >= hypot(p[i - 1][0], p[i - 1][1]) - 1e-9);
    }
    /* six neighbours, and 151 points within 6.5: what a lattice of density 2/sqrt 3 has within that radius +- its edge */
    IB_NEAR(t, hypot(p[6][0], p[6][1]), 1, 8 * DBL_EPSILON);
    IB_NEAR(t, hypot(p[7][0], p[7][1]), sqrt(3), 8 * DBL_EPSILON);
    IB_NEAR(t, hypot(p[N - 1][0], p[N - 1][1]), 6.5, 0.5);
}

/* ---- random numbers ----------------------------------------------------------------------------------------- */

/* Known answers of Threefry-2x32-13, published with the generator. */
static void random_bits_are_those_of_threefry(ib_test *t)
{
    static const uint32_t kat[3][6] = {{0, 0, 0, 0, 0x9d1c5ec6, 0x8bd50731},
                                       {~0u, ~0u, ~0u, ~0u, 0xfd36d048, 0x2d17272c},
                                       {0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xba3e4725, 0xf27d669e}};

    for (int i = 0; i < 3; i++) {
        uint32_t bits[1][2];

        ib_sim_random(kat[i], 1, &kat[i][2], kat[i][3], bits);
        IB_CHECK(t, bits[0][0] == kat[i][4] && bits[0][1] == kat[i][5]);
    }
}

/* Moments of n = 2 x 10^6 standard normals: the mean has standard error 1/sqrt n, the variance sqrt(2/n), the fourth
   moment sqrt(96/n), a product of independent ones 1/sqrt n. Five standard errors. */
static void noise_is_normal_and_independent(ib_test *t)
{
    enum { ROWS = 1000, SAMPLES = 1000 };
    const uint32_t  key[2] = {7, 0};
    static uint32_t row[ROWS];
    static float    re[ROWS], im[ROWS], last_re[ROWS];
    double          sum = 0, square = 0, fourth = 0, parts = 0, rows = 0, samples = 0, largest = 0, within = 0;
    const double    n = 2.0 * ROWS * SAMPLES;

    for (uint32_t i = 0; i < ROWS; i++)
        row[i] = i;
    for (uint32_t s = 0; s < SAMPLES; s++) {
        ib_sim_gaussians(key, ROWS, row, s, re, im);
        for (int i = 0; i < ROWS; i++) {
            const double a = re[i], b = im[i];

            sum += a + b;
            square += a * a + b * b;
            fourth += a * a * a * a + b * b * b * b;
            parts += a * b;
            rows += i ? a * re[i - 1] : 0;
            samples += a * last_re[i];
            within += (fabs(a) < 1) + (fabs(b) < 1);
            largest = fmax(largest, fmax(fabs(a), fabs(b)));
            last_re[i] = re[i];
        }
    }
    IB_NEAR(t, sum / n, 0, 5 / sqrt(n));
    IB_NEAR(t, square / n, 1, 5 * sqrt(2 / n));
    IB_NEAR(t, fourth / n, 3, 5 * sqrt(96 / n));
    IB_NEAR(t, parts / (n / 2), 0, 5 / sqrt(n / 2));
    IB_NEAR(t, rows / (n / 2), 0, 5 / sqrt(n / 2));
    IB_NEAR(t, samples / (n / 2), 0, 5 / sqrt(n / 2));
    IB_NEAR(t, within / n, erf(sqrt(0.5)), 5 * sqrt(erf(sqrt(0.5)) * erfc(sqrt(0.5)) / n));
    /* Of 2e6, one beyond 4.4 is expected 20 times; none may be beyond sqrt(2 ln 2^32) = 6.66. */
    IB_CHECK(t, largest > 4.4 && largest < 6.67);
}

/* ---- visibilities ------------------------------------------------------------------------------------------- */

static void a_source_is_its_fourier_sum(ib_test *t)
{
    static ib_sim_tile  tile = {.n = IB_SIM_TILE};
    static float        re[IB_SIM_TILE], im[IB_SIM_TILE], flux[IB_SIM_TILE];
    const ib_sim_source source = {.l = 3e-3, .m = -2e-3, .n1 = -6.5e-6};
    const double        freq = 1.4e9;
    double              worst = 0;

    for (size_t i = 0; i < tile.n; i++) {
        tile.u[i] = 37.1 * ((double)i - 100);
        tile.v[i] = -11.3 * (double)i;
        tile.w[i] = 1000 - 5.0 * (double)i;
        re[i] = 1;
        im[i] = -1;
        flux[i] = i % 2 ? 2 : 1;
    }
    ib_sim_add_source(&tile, &source, freq, flux, re, im);
    for (size_t i = 0; i < tile.n; i++) {
        const double         path = tile.u[i] * source.l + tile.v[i] * source.m + tile.w[i] * source.n1;
        const double complex want = 1 - I + flux[i] * cexp(2 * PI * I * path * freq / IB_LIGHT);

        worst = fmax(worst, cabs(want - re[i] - I * (double)im[i]));
    }
    /* The phase in turns rounds by 2^-26 (1e-7 rad), the polynomial of the sine by two ulp (1.2e-7): 3e-7 times the
       flux of 2; the final addition to values below 4 rounds each part by 2.4e-7 at most. */
    IB_NEAR(t, worst, 0, 2 * 3e-7 + 2.4e-7 * sqrt(2));
}

static void sources_lie_on_different_pixels_of_the_inner_half(ib_test *t)
{
    enum { N = 200 };
    const uint32_t key[2] = {1, 5};
    static int64_t pixel[N][2], fewer[10][2];

    ib_sim_source_pixels(key, N, 40, 60, 0.5, pixel);
    ib_sim_source_pixels(key, 10, 40, 60, 0.5, fewer);
    IB_CHECK(t, !memcmp(pixel, fewer, sizeof fewer));
    for (int i = 0; i < N; i++) {
        IB_CHECK(t, pixel[i][0] >= 10 && pixel[i][0] < 30 && pixel[i][1] >= 15 && pixel[i][1] < 45);
        for (int k = 0; k < i; k++)
            IB_CHECK(t, pixel[i][0] != pixel[k][0] || pixel[i][1] != pixel[k][1]);
    }
    ib_sim_source_pixels(key, N, 4, 6, 1, pixel); /* the whole image, and more sources than pixels */
    for (int i = 0; i < N; i++)
        IB_CHECK(t, pixel[i][0] >= 0 && pixel[i][0] < 4 && pixel[i][1] >= 0 && pixel[i][1] < 6);
    ib_sim_source_pixels(key, 3, 1, 1, 0.5, pixel); /* no room: they share it */
    IB_CHECK(t, pixel[2][0] == 0 && pixel[2][1] == 0);
}

/* ---- the source --------------------------------------------------------------------------------------------- */

typedef struct data {
    void       *source;
    ib_vis_info info;
    ib_spw     *spw;
    ib_rows     rows;
    ib_samples  samples;
    size_t      n;
} data;

static ib_config config(const char *channels)
{
    return (ib_config){.input = "", .column = "", .field = "", .spw = "", .channels = channels};
}

static data observe_selected(ib_test *t, const char *text, const ib_config *cfg)
{
    ib_error err = {0};
    data     d = {0};

    if (ib_source_sim.open(&d.source, text, cfg, &d.info, &err)) {
        printf("# %s\n", err.text);
        IB_CHECK(t, !"the simulation opens");
        exit(1);
    }
    d.spw = d.info.spw;
    d.n = d.spw->n_chan * d.spw->n_row * d.spw->n_corr;
    d.rows.uvw = malloc(d.spw->n_row * sizeof *d.rows.uvw);
    d.rows.antenna = malloc(d.spw->n_row * sizeof *d.rows.antenna);
    d.rows.field = malloc(d.spw->n_row * sizeof *d.rows.field);
    d.rows.weight = malloc(d.spw->n_row * d.spw->n_corr * sizeof *d.rows.weight);
    d.samples.vis = malloc(d.n * sizeof *d.samples.vis);
    d.samples.flag = malloc(d.n);
    ib_source_sim.rows(d.source, 0, (ib_range){0, d.spw->n_row}, &d.rows, &err);
    ib_source_sim.read(d.source, 0, (ib_range){0, d.spw->n_chan}, (ib_range){0, d.spw->n_row}, &d.samples, &err);
    return d;
}

static data observe_channels(ib_test *t, const char *text, const char *channels)
{
    const ib_config cfg = config(channels);

    return observe_selected(t, text, &cfg);
}

static data observe(ib_test *t, const char *text)
{
    return observe_channels(t, text, "");
}

static void forget(data *d)
{
    ib_source_sim.close(d->source);
    ib_vis_info_clear(&d->info);
    free(d->rows.uvw);
    free(d->rows.antenna);
    free(d->rows.field);
    free(d->rows.weight);
    free(d->samples.vis);
    free(d->samples.flag);
}

static double complex at(const data *d, size_t chan, size_t row, size_t corr)
{
    const float *v = d->samples.vis[(chan * d->spw->n_row + row) * d->spw->n_corr + corr];
    return v[0] + I * (double)v[1];
}

#define SMALL "sim:chiles,times=3,baselines=120,channels=7,image=0.1"

static void check_ranges(ib_test *t, const char *preset)
{
    static const char keys[] = ",times=3,baselines=120,channels=7,image=0.1,fill=1,corr=4,pol=yes,flagged=0.2,"
                               "flagged_rows=0.1,nan=yes,index=-0.7";
    char              text[300];

    snprintf(text, sizeof text, "%s%s", preset, keys);
    data         d = observe(t, text);
    const size_t n_row = d.spw->n_row, n_corr = d.spw->n_corr;
    ib_error     err = {0};

    IB_CHECK(t, n_row == 360 && d.spw->n_chan == 7 && n_corr == 4); /* more than one tile of 256 rows */
    for (size_t chan = 0; chan < 7; chan += 3)
        for (size_t row = 0; row < n_row; row += 77) {
            const ib_range chans = {chan, chan + 3 < 7 ? 3 : 7 - chan},
                           rows = {row, row + 77 < n_row ? 77 : n_row - row};
            float   vis[3 * 77 * 4][2];
            uint8_t flag[3 * 77 * 4];
            double  uvw[77][3];

            ib_source_sim.read(d.source, 0, chans, rows, &(ib_samples){.vis = vis, .flag = flag}, &err);
            ib_source_sim.rows(d.source, 0, rows, &(ib_rows){.uvw = uvw}, &err);
            IB_CHECK(t, !memcmp(uvw, d.rows.uvw[row], rows.n * sizeof *uvw));
            for (size_t c = 0; c < chans.n; c++) {
                const size_t here = c * rows.n * n_corr, there = ((chan + c) * n_row + row) * n_corr;

                IB_CHECK(t, !memcmp(vis[here], d.samples.vis[there], rows.n * n_corr * sizeof *vis));
                IB_CHECK(t, !memcmp(flag + here, d.samples.flag + there, rows.n * n_corr));
            }
        }
    forget(&d);
}

static void a_sample_has_the_same_bits_in_every_range(ib_test *t)
{
    check_ranges(t, "sim:chiles");
    check_ranges(t, "sim:alma-mos");
    check_ranges(t, "sim:hetero");
}

static void selected_channels_and_rows_keep_their_samples(ib_test *t)
{
    data all = observe(t, SMALL), some = observe_channels(t, SMALL, "1,4-5"), holes = observe(t, SMALL ",fill=0.5");
    static const size_t chan[3] = {1, 4, 5};
    const size_t        n_row = all.spw->n_row;

    IB_CHECK(t, some.spw->n_chan == 3);
    for (size_t c = 0; c < 3; c++) {
        IB_CHECK(t, some.spw->chan[c] == (int)chan[c] && some.spw->freq[c] == all.spw->freq[chan[c]]);
        IB_CHECK(t, !memcmp(some.samples.vis[c * n_row * 2], all.samples.vis[chan[c] * n_row * 2],
                            n_row * 2 * sizeof *all.samples.vis));
    }
    /* Rows left of 360 with probability 1/2: 180 with a standard deviation of 9.5. */
    IB_NEAR(t, (double)holes.spw->n_row, 180, 5 * 9.5);
    for (size_t row = 0, full = 0; row < holes.spw->n_row; row++, full++) {
        while (full < n_row && memcmp(holes.rows.uvw[row], all.rows.uvw[full], sizeof *all.rows.uvw))
            full++;
        IB_CHECK(t, full < n_row && at(&holes, 6, row, 1) == at(&all, 6, full, 1));
    }
    forget(&all);
    forget(&some);
    forget(&holes);
}

/* The direct sum at the pixel of the only source is its flux; a neighbour pixel on the wrong side is not. */
static void a_source_shows_where_it_was_put(ib_test *t)
{
    data           d = observe(t, SMALL ",sources=1,flux=2.5,noise=0,w=no");
    const uint32_t key[2] = {1, 5};
    int64_t        pixel[1][2];
    double         at_source = 0, mirrored = 0;

    ib_sim_source_pixels(key, 1, 100, 100, 0.5, pixel);
    const double l = -(double)(pixel[0][0] - 50) * d.info.cell[0], m = (double)(pixel[0][1] - 50) * d.info.cell[1];
    const double wavenumber = d.spw->freq[3] / IB_LIGHT;

    for (size_t row = 0; row < d.spw->n_row; row++) {
        const double ul = d.rows.uvw[row][0] * l * wavenumber, vm = d.rows.uvw[row][1] * m * wavenumber;

        at_source += creal(at(&d, 3, row, 0) * cexp(-2 * PI * I * (ul + vm)));
        mirrored += creal(at(&d, 3, row, 0) * cexp(2 * PI * I * (ul + vm)));
    }
    IB_CHECK(t, pixel[0][0] != 50 || pixel[0][1] != 50);
    /* every sample is good to 3e-7 of the flux and rounds by half an ulp of it, 1.2e-7 */
    IB_NEAR(t, at_source / (double)d.spw->n_row, 2.5, 2.5 * 5e-7);
    IB_CHECK(t, mirrored / (double)d.spw->n_row < 2);
    forget(&d);
}

/* Stokes of the brightest source, alone: (1, 0.3, -0.2, 0.1). Each product and sum of floats rounds by 6e-8 of values
   below 1.5, after a sine and a cosine good to 2e-7. */
static void a_polarised_source_has_its_stokes_parameters(ib_test *t)
{
    static const double want[4] = {1, 0.3, -0.2, 0.1};

    for (int circular = 0; circular < 2; circular++) {
        data d = observe(t, circular ? SMALL ",corr=4,pol=yes,sources=1,noise=0"
                                     : SMALL ",corr=4,pol=yes,sources=1,noise=0,feed=linear");
        data plain = observe(t, SMALL ",corr=1,sources=1,noise=0");

        IB_CHECK(t, d.spw->corr[0] == (circular ? IB_RR : IB_XX) && d.spw->corr[3] == (circular ? IB_LL : IB_YY));
        for (size_t row = 0; row < d.spw->n_row; row += 50) {
            const double complex s = at(&plain, 2, row, 0); /* the unpolarised one: the phase factor */
            const double complex a = at(&d, 2, row, 0) / s, b = at(&d, 2, row, 1) / s, c = at(&d, 2, row, 2) / s,
                                 e = at(&d, 2, row, 3) / s;
            const double complex linear[4] = {(a + e) / 2, (a - e) / 2, (b + c) / 2, (b - c) / (2 * I)};
            const double complex round[4] = {(a + e) / 2, (b + c) / 2, (b - c) / (2 * I), (a - e) / 2};

            for (int k = 0; k < 4; k++)
                IB_NEAR(t, cabs((circular ? round : linear)[k] - want[k]), 0, 1e-6);
        }
        forget(&d);
        forget(&plain);
    }
}

/* n = 7 x 360 x 2 samples of two parts each: the variance has a standard error of sqrt(2/(2n)) of itself. */
static void noise_and_weights_belong_together(ib_test *t)
{
    data   d = observe(t, SMALL ",sources=0,noise=0.5"), silent = observe(t, SMALL ",noise=0");
    double square = 0;

    for (size_t i = 0; i < d.n; i++)
        square +=
            (double)d.samples.vis[i][0] * d.samples.vis[i][0] + (double)d.samples.vis[i][1] * d.samples.vis[i][1];
    IB_NEAR(t, square / (2 * (double)d.n), 0.25, 5 * 0.25 / sqrt((double)d.n));
    IB_CHECK(t, !d.spw->weight_per_channel);
    for (size_t i = 0; i < d.spw->n_row * d.spw->n_corr; i++) {
        IB_NEAR(t, d.rows.weight[i], 4, 0);
        IB_NEAR(t, silent.rows.weight[i], 1, 0);
    }
    forget(&d);
    forget(&silent);
}

static void seeds_give_other_noise_and_streams_do_not_repeat(ib_test *t)
{
    data   a = observe(t, SMALL ",sources=0"), b = observe(t, SMALL ",sources=0,seed=2");
    size_t same_seed = 0, same_corr = 0, same_chan = 0;

    for (size_t row = 0; row < a.spw->n_row; row++) {
        same_seed += at(&a, 0, row, 0) == at(&b, 0, row, 0);
        same_corr += at(&a, 0, row, 0) == at(&a, 0, row, 1);
        same_chan += at(&a, 0, row, 0) == at(&a, 1, row, 0);
    }
    IB_CHECK(t, same_seed == 0 && same_corr == 0 && same_chan == 0);
    forget(&a);
    forget(&b);
}

static void flags_have_their_share_and_hide_what_is_beneath(ib_test *t)
{
    data d = observe(t, SMALL ",flagged=0.1,nan=yes"), clean = observe(t, SMALL);
    data rows = observe(t, SMALL ",flagged_rows=0.5"), chans = observe(t, SMALL ",channels=200,flagged_channels=0.5");
    double flagged = 0, whole_rows = 0, whole_chans = 0;
    size_t not_finite = 0, huge = 0;

    for (size_t i = 0; i < d.n; i++) {
        const float *v = d.samples.vis[i];

        IB_CHECK(t, !clean.samples.flag[i]);
        flagged += d.samples.flag[i] != 0;
        if (d.samples.flag[i]) {
            not_finite += isnan(v[0]) && isnan(v[1]);
            huge += v[0] == 1e30f && v[1] == 1e30f;
        } else {
            IB_CHECK(t, !memcmp(v, clean.samples.vis[i], sizeof clean.samples.vis[i]));
        }
    }
    IB_NEAR(t, flagged / (double)d.n, 0.1, 5 * sqrt(0.1 * 0.9 / (double)d.n)); /* binomial */
    IB_CHECK(t, not_finite > 0 && huge > 0 && (double)(not_finite + huge) == flagged);

    const size_t per_row = rows.spw->n_corr, n_row = rows.spw->n_row;
    for (size_t row = 0; row < n_row; row++) {
        const uint8_t first = rows.samples.flag[row * per_row];

        whole_rows += first;
        for (size_t c = 0; c < rows.spw->n_chan * per_row; c++)
            IB_CHECK(t, rows.samples.flag[(c / per_row * n_row + row) * per_row + c % per_row] == first);
    }
    IB_NEAR(t, whole_rows / (double)n_row, 0.5, 5 * 0.5 / sqrt((double)n_row));
    for (size_t c = 0; c < 200; c++)
        whole_chans += chans.samples.flag[c * n_row * per_row];
    IB_NEAR(t, whole_chans / 200, 0.5, 5 * 0.5 / sqrt(200));
    forget(&d);
    forget(&clean);
    forget(&rows);
    forget(&chans);
}

static void a_descending_band_is_the_same_band(ib_test *t)
{
    data up = observe(t, SMALL ",noise=0,index=-0.7"), down = observe(t, SMALL ",noise=0,index=-0.7,descending=yes");

    for (size_t c = 0; c < 7; c++) {
        IB_NEAR(t, down.spw->freq[c], up.spw->freq[6 - c], 0);
        IB_CHECK(t, down.spw->width[c] > 0);
        IB_CHECK(t, at(&down, c, 100, 0) == at(&up, 6 - c, 100, 0));
    }
    forget(&up);
    forget(&down);
}

/* S proportional to freq^index: the first channel is the reference; the flux is rounded to float. */
static void the_spectrum_is_a_power_law(ib_test *t)
{
    data d = observe(t, SMALL ",sources=1,noise=0,index=-2,width=100MHz");

    IB_NEAR(t, cabs(at(&d, 6, 0, 0)), pow((0.95e9 + 6e8) / 0.95e9, -2), 1e-6);
    forget(&d);
}

/* 0.95 GHz x (0, 1, 2): the line of 3 Jy, 400 MHz wide, at its centre, at half of its width, and beyond. Only the flux is
   rounded to float. */
static void a_spectral_line_is_gaussian(ib_test *t)
{
    data d = observe(t, SMALL ",sources=2,noise=0,flux=0,line=3:0.95GHz:400MHz,width=200MHz,image=0.001");

    for (size_t row = 0; row < d.spw->n_row;
         row += 100) { /* the image is one pixel: both sources are at the centre */
        IB_NEAR(t, creal(at(&d, 0, row, 0)), 4.5, 4.5 * 2 * FLT_EPSILON);
        IB_NEAR(t, creal(at(&d, 1, row, 0)), 2.25, 2.25 * 2 * FLT_EPSILON);
        IB_NEAR(t, creal(at(&d, 2, row, 0)), 4.5 / 16, 4.5 / 16 * 2 * FLT_EPSILON);
    }
    forget(&d);
}

static double jinc(double x)
{
    return x > 0 ? 2 * j1(x) / x : 1;
}

/* The voltage pattern of an ALMA dish of 12 or 7 m that is blocked as an annulus is (4.5). */
static double voltage(double dish, double theta, double freq)
{
    const double big = dish == 12 ? 10.7 : 6.25, q = big / 0.75, x = PI * big * freq * theta / IB_LIGHT;

    return (q * q * jinc(x) - jinc(x / q)) / (q * q - 1);
}

/* What a field's rows must be, from the antennas and directions in the frame of the Earth: delays are differences of
   projections of the baseline on directions, whatever the axes. Three sources of 1, 1/2, 1/3 Jy. */
static void check_fields(ib_test *t, const char *text, const char *array, bool beams)
{
    data           d = observe(t, text);
    const double   lst0 = ib_sim_sidereal(d.info.time_first, -67.7548 * DEG);
    const double   turn = (d.info.time_last - d.info.time_first) / 49 * 1.00273781191135448 / 86400 * 2 * PI;
    const uint32_t key[2] = {1, 5};
    const size_t   n_baseline = d.spw->n_row / 50, half[2] = {(size_t)d.info.imsize[0], (size_t)d.info.imsize[1]};
    int64_t        pixel[3][2];
    double         xyz[50][3], worst_uvw = 0, worst[2] = {0}, faintest = 1;

    IB_CHECK(t, d.info.n_field == 9 && d.spw->n_row == 50 * n_baseline);
    ib_sim_antennas(ib_sim_array_find(array), 0, d.info.n_antenna, xyz);
    ib_sim_source_pixels(key, 3, half[0], half[1], 0.5, pixel);
    for (size_t row = 0; row < d.spw->n_row; row++) {
        const size_t    time = row / n_baseline;
        const ib_field *field = &d.info.field[d.rows.field[row]];
        const int32_t  *pair = d.rows.antenna[row];
        const double   *a = xyz[pair[0]], *b = xyz[pair[1]];
        const double    lst = lst0 + (double)time * turn, *uvw = d.rows.uvw[row];
        double          axes[3][3], want[3];
        double complex  sum[2] = {0};

        IB_CHECK(t, d.rows.field[row] == (int)(time / 2 % 9));
        ib_sim_axes(lst - field->ra, field->dec, axes);
        ib_sim_uvw((const double(*)[3])axes, (double[]){a[0] - b[0], a[1] - b[1], a[2] - b[2]}, want);
        for (int k = 0; k < 3; k++)
            worst_uvw = fmax(worst_uvw, fabs(want[k] - uvw[k]));
        for (int i = 0; i < 3; i++) {
            const double l = -(double)(pixel[i][0] - d.info.imsize[0] / 2) * d.info.cell[0];
            const double m = (double)(pixel[i][1] - d.info.imsize[1] / 2) * d.info.cell[1];
            double       ra, dec, path = 0, across = 0;

            ib_sim_displace(d.info.field[0].ra, d.info.field[0].dec, l, m, &ra, &dec);
            const double h = lst - ra, g = lst - field->ra;
            const double source[3] = {cos(dec) * cos(h), -cos(dec) * sin(h), sin(dec)};
            const double centre[3] = {cos(field->dec) * cos(g), -cos(field->dec) * sin(g), sin(field->dec)};
            for (int k = 0; k < 3; k++) {
                path += (a[k] - b[k]) * (source[k] - centre[k]);
                across += source[k] * centre[k];
            }
            for (int end = 0; end < 2; end++) {
                const double freq = d.spw->freq[end ? d.spw->n_chan - 1 : 0], theta = sqrt(1 - across * across);
                const double e =
                    beams ? voltage(d.info.dish[pair[0]], theta, freq) * voltage(d.info.dish[pair[1]], theta, freq)
                          : 1;
                sum[end] += e * cexp(2 * PI * I * path * freq / IB_LIGHT) / (i + 1);
                faintest = fmin(faintest, fabs(e));
            }
        }
        for (int end = 0; end < 2; end++)
            worst[end] = fmax(worst[end], cabs(sum[end] - at(&d, end ? d.spw->n_chan - 1 : 0, row, 0)));
    }
    /* Times near 5e9 s hold 1e-6 s, 7e-11 rad of hour angle; then every sine is good to 3e-7 of its flux
       (a_source_is_its_fourier_sum), and sums below 2 round by 1.2e-7 each. Angles of an arcmin are known to 2e-13 rad here
       (from the cosine, 1e-16 / 3e-4), where beams change by 1e4 per rad at most. */
    IB_NEAR(t, worst_uvw, 0, 160 * 3e-10);
    for (int end = 0; end < 2; end++)
        IB_NEAR(t, worst[end], 0, (1 + 1.0 / 2 + 1.0 / 3) * 3e-7 + 3 * 1.2e-7 * sqrt(2) + (beams ? 1e-8 : 0));
    IB_CHECK(t, !beams || faintest < 0.5);
    forget(&d);
}

static void every_pointing_has_its_own_phase_centre(ib_test *t)
{
    check_fields(t,
                 "sim:aca-9eb,times=50,channels=3,pointings=9,dwell=2,sources=3,noise=0,beam=none,fill=1,spread=0.5",
                 "aca7", false);
}

/* 12 m, 7 m and mixed pairs, at two ends of a wide band. */
static void sources_are_seen_through_the_beams_of_both_dishes(ib_test *t)
{
    check_fields(
        t, "sim:hetero,times=50,baselines=66,channels=2,width=20GHz,pointings=9,dwell=2,sources=3,noise=0,spread=0.5",
        "alma+aca", true);
    check_fields(t, "sim:aca-141,times=50,channels=2,pointings=9,dwell=2,sources=3,noise=0,spread=0.5", "aca7", true);
}

/* The noise of a pair is that of the largest dishes times the collecting areas that are missing. */
static void small_dishes_are_noisier(ib_test *t)
{
    data   d = observe(t, "sim:hetero,sources=0,noise=0.5,times=30,channels=20");
    double square[3] = {0}, n[3] = {0};

    for (size_t row = 0; row < d.spw->n_row; row++) {
        const int    small = (d.info.dish[d.rows.antenna[row][0]] == 7) + (d.info.dish[d.rows.antenna[row][1]] == 7);
        const double sigma = 0.5 * pow(12.0 / 7, small);

        IB_NEAR(t, d.rows.weight[2 * row], 1 / (sigma * sigma), 1e-7 * 4);
        for (size_t c = 0; c < d.spw->n_chan; c++) {
            const double complex v = at(&d, c, row, 0) / sigma;
            square[small] += creal(v) * creal(v) + cimag(v) * cimag(v);
            n[small] += 2;
        }
    }
    for (int small = 0; small < 3; small++) {
        IB_CHECK(t, n[small] > 10000);
        IB_NEAR(t, square[small] / n[small], 1, 5 * sqrt(2 / n[small]));
    }
    forget(&d);
}

static void selected_pointings_keep_their_samples(ib_test *t)
{
    static const char text[] = "sim:aca-141,times=30,channels=2,pointings=7,fill=0.7";
    ib_config         cfg = config("");
    data              all = observe(t, text), some;
    size_t            found = 0;

    cfg.field = "2,aca-141-5";
    some = observe_selected(t, text, &cfg);
    for (size_t f = 0; f < 7; f++)
        IB_CHECK(t, some.info.field[f].selected == (f == 2 || f == 5) && all.info.field[f].selected);
    for (size_t row = 0, full = 0; row < some.spw->n_row; row++, full++, found++) {
        while (full < all.spw->n_row && all.rows.field[full] != 2 && all.rows.field[full] != 5)
            full++;
        IB_CHECK(t, full < all.spw->n_row && all.rows.field[full] == some.rows.field[row]);
        IB_CHECK(t, !memcmp(some.rows.uvw[row], all.rows.uvw[full], sizeof *all.rows.uvw));
        IB_CHECK(t, at(&some, 1, row, 1) == at(&all, 1, full, 1));
    }
    IB_CHECK(t, found > 0);
    forget(&all);
    forget(&some);
}

/* The smallest padded grid for support 51 must hold every sample of the default input: |u| cell < 1/2 - (51/2 + 1)/120
   for 100 pixels padded by 1.2 (specification 3.6). */
static void the_default_input_fits_its_image(ib_test *t)
{
    data   d = observe_channels(t, "", "3839");
    double longest = 0;

    IB_CHECK(t, d.spw->chan[0] == 3839 && d.spw->n_corr == 2 && d.info.imsize[0] == 100);
    for (size_t row = 0; row < d.spw->n_row; row++)
        longest = fmax(longest, fmax(fabs(d.rows.uvw[row][0]), fabs(d.rows.uvw[row][1])));
    IB_CHECK(t, longest * d.spw->freq[0] / IB_LIGHT * d.info.cell[0] < 0.5 - 26.5 / 120);
    IB_TEXT(t, d.info.telescope, "EVLA");
    IB_TEXT(t, d.info.frame, "TOPOCENT");
    IB_CHECK(t, d.info.n_antenna == 27 && d.info.dish[26] == 25);
    IB_CHECK(t, d.info.time_last > d.info.time_first && d.info.stokes == IB_PLANES_CORR);
    forget(&d);
}

static void refuse(ib_test *t, const char *text, const char *part)
{
    const ib_config cfg = config("");
    ib_vis_info     info;
    ib_error        err = {0};
    void           *source;

    IB_CHECK(t, ib_source_sim.open(&source, text, &cfg, &info, &err) == IB_EUSAGE);
    if (!strstr(err.text, part))
        IB_TEXT(t, err.text, part);
}

static void mistakes_are_named(ib_test *t)
{
    const size_t held = ib_mem_held();

    refuse(t, "sim:chils", "did you mean 'chiles'?");
    refuse(t, "sim:", "there are point, chiles");
    refuse(t, "sim:chiles,chanel=0.1", "did you mean 'channel'?");
    refuse(t, "sim:chiles,channel=2", "channel: 2 is not between");
    refuse(t, "sim:chiles,times=0", "times: 0 is not between 1 and");
    refuse(t, "sim:chiles,times=1.5", "\"1.5\" is not a whole number");
    refuse(t, "sim:chiles,times", "\"times\" is not key=value");
    refuse(t, "sim:chiles,baselines=352", "352 are more than the 351 of the 27 antennas of vla-b");
    refuse(t, "sim:chiles,times=1000000,baselines=351,corr=3", "corr: 3 is not a set");
    refuse(t, "sim:aca-9eb,cell=1", "\"1\" has no unit");
    refuse(t, "sim:point,feed=round", "\"round\" is neither linear nor circular");
    refuse(t, "sim:point,nan=yes", "no flags to hide NaN under");
    refuse(t, "sim:point,freq=-1GHz", "freq: -1GHz is not between");
    refuse(t, "sim:point,noise=nan", "\"nan\" is not a number");
    refuse(t, "sim:point,imsize=0", "imsize: 0 is not between");
    refuse(t, "sim:point,imsize=20x", "is not a whole number");
    refuse(t, "sim:point,beam=casaa", "did you mean 'casa'?");
    refuse(t, "sim:point,array=vla-e", "did you mean 'vla-a'?");
    refuse(t, "sim:point,line=1:2GHz", "not a spectral line PEAK:CENTRE:WIDTH");
    refuse(t, "sim:point,line=1:2GHz:-1kHz", "not a spectral line PEAK:CENTRE:WIDTH");
    refuse(t, "sim:alma-mos,spacing=100,freq=1GHz,pointings=400", "beyond the horizon");
    refuse(t, "sim:point,cell=3deg,imsize=4096", "beyond the horizon");
    IB_CHECK(t, ib_mem_held() == held);
}

IB_TEST_MAIN({IB_TEST(uvw_is_the_golden_vector),
              IB_TEST(arrays_have_the_published_baselines),
              IB_TEST(a_smaller_array_keeps_its_resolution),
              IB_TEST(the_earth_turns_baselines_without_stretching_them),
              IB_TEST(at_transit_the_sidereal_time_is_the_right_ascension),
              IB_TEST(directions_and_offsets_are_inverse),
              IB_TEST(pointings_are_the_nearest_of_a_hexagonal_grid),
              IB_TEST(random_bits_are_those_of_threefry),
              IB_TEST(noise_is_normal_and_independent),
              IB_TEST(a_source_is_its_fourier_sum),
              IB_TEST(sources_lie_on_different_pixels_of_the_inner_half),
              IB_TEST(a_sample_has_the_same_bits_in_every_range),
              IB_TEST(selected_channels_and_rows_keep_their_samples),
              IB_TEST(a_source_shows_where_it_was_put),
              IB_TEST(a_polarised_source_has_its_stokes_parameters),
              IB_TEST(noise_and_weights_belong_together),
              IB_TEST(seeds_give_other_noise_and_streams_do_not_repeat),
              IB_TEST(flags_have_their_share_and_hide_what_is_beneath),
              IB_TEST(a_descending_band_is_the_same_band),
              IB_TEST(the_spectrum_is_a_power_law),
              IB_TEST(a_spectral_line_is_gaussian),
              IB_TEST(every_pointing_has_its_own_phase_centre),
              IB_TEST(sources_are_seen_through_the_beams_of_both_dishes),
              IB_TEST(small_dishes_are_noisier),
              IB_TEST(selected_pointings_keep_their_samples),
              IB_TEST(the_default_input_fits_its_image),
              IB_TEST(mistakes_are_named)})
