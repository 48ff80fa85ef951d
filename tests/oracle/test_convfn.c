/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/convfn.h"

#include "ib_test.h"

#include <complex.h>
#include <float.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

static ib_convfn *make(ib_test *t, int kernel, int support, int oversampling, double padding, int lookup,
                       int precision)
{
    ib_convfn *fn = NULL;
    ib_error   err = {.text = ""};

    ib_convfn_create(&fn, kernel, support, oversampling, padding, lookup, precision, &err);
    if (!fn) {
        printf("# %s\n", err.text);
        ib_test_check(t, false, __FILE__, __LINE__, "the convolution function is made");
        exit(1);
    }
    return fn;
}

static double tap(const ib_convfn *fn, size_t row, int i)
{
    const size_t at = row * fn->stride + (size_t)(fn->lead + i);

    return fn->precision == IB_SINGLE ? ((const float *)fn->taps)[at] : ((const double *)fn->taps)[at];
}

/* ---- golden values --------------------------------------------------------------------------------------------- */

/* Rounded to six decimals in the table they are from (Beatty's rule for supports 4 to 16). */
static void the_shape_parameter_follows_support_and_padding(ib_test *t)
{
    static const double padding[4] = {1.2, 1.25, 1.5, 2.0};
    static const struct {
        int    support;
        double beta[4];
    } want[] = {
        {4, {6.770438, 6.996659, 7.892285, 8.996152}},      {6, {10.630474, 10.955108, 12.248183, 13.855100}},
        {7, {12.516639, 12.892018, 14.388967, 16.252239}},  {8, {14.388967, 14.815532, 16.517861, 18.638940}},
        {10, {18.109252, 18.638940, 20.754600, 23.393793}}, {12, {21.810890, 22.444256, 24.975168, 28.134361}},
        {16, {29.186581, 30.028104, 33.392304, 37.594246}}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        for (int p = 0; p < 4; p++) {
            ib_convfn *fn = make(t, IB_KERNEL_KB, want[i].support, 1, padding[p], IB_LINEAR, IB_DOUBLE);

            IB_NEAR(t, fn->beta, want[i].beta[p], 5.1e-7);
            IB_NEAR(t, fn->width, want[i].support, 0);
            ib_convfn_destroy(fn);
        }
}

/* By a rational approximation in both, so that only rounding differs; printed to ten decimals. */
static void the_spheroidal_has_schwabs_values(ib_test *t)
{
    ib_convfn *fn = make(t, IB_KERNEL_PSWF, 7, 100, 1.2, IB_LINEAR, IB_DOUBLE);

    IB_NEAR(t, ib_convfn_value(fn, 0.0), 0.9999996674, 1e-10);
    IB_NEAR(t, ib_convfn_value(fn, 0.5), 0.8729012518, 1e-10);
    IB_NEAR(t, ib_convfn_value(fn, -1.5), 0.2707990384, 1e-10);
    IB_NEAR(t, ib_convfn_value(fn, 2.5), 0.0120105408, 1e-10);
    IB_NEAR(t, ib_convfn_value(fn, 3.01), 0.0, 0);
    ib_convfn_destroy(fn);
}

static void the_spheroidal_transforms_as_integrated(ib_test *t)
{
    static const double want[5] = {1.0, 0.8559300334, 0.5280846425, 0.2213232256, 0.0538230616};
    ib_convfn          *fn = make(t, IB_KERNEL_PSWF, 7, 10000, 1.2, IB_NEAREST, IB_SINGLE);

    for (int i = 0; i < 5; i++) { /* sinc(x / 10^4) differs from 1 by less than 3e-9 */
        const double x = 0.1 * i;

        IB_NEAR(t, ib_convfn_transform(fn, x) / 2.3116550916, want[i], 3e-9);
    }
    ib_convfn_destroy(fn);
}

/* From the reference implementation of the imaging equations (its Kernel class, numpy's i0, relative 1e-14). */
static void kaiser_bessel_has_its_values(ib_test *t)
{
    static const struct {
        int    support;
        double padding, s, value;
    } want[] = {{7, 1.2, 0.3, 9.5678129019399e-01},
                {7, 1.2, 3.4, 1.5330691351958e-04},
                {16, 1.2, -5.25, 8.9225236381455e-04},
                {6, 2, 2.75, 3.9230251993057e-04},
                {3, 1, 1.5, 1.0661675703495e-01}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ib_convfn *fn = make(t, IB_KERNEL_KB, want[i].support, 1, want[i].padding, IB_LINEAR, IB_DOUBLE);

        IB_NEAR(t, ib_convfn_value(fn, want[i].s), want[i].value, 1e-13 * want[i].value);
        IB_NEAR(t, ib_convfn_value(fn, 0.0), 1.0, 1e-15);
        IB_NEAR(t, ib_convfn_value(fn, fn->width / 2 + 1e-9), 0.0, 0);
        ib_convfn_destroy(fn);
    }
}

/* From the same, whose quadrature of 40000 nodes is good to 1e-9 of the transform at 0 where the function ends with a
   jump, times the transform of the lookup. */
static void kaiser_bessel_transforms_as_integrated(ib_test *t)
{
    static const struct {
        int    support;
        double padding;
        int    precision, oversampling, lookup;
        double x, c;
    } want[] = {{7, 1.2, IB_DOUBLE, 100, IB_LINEAR, 0, 2.4540707919351e+00},
                {7, 1.2, IB_DOUBLE, 100, IB_LINEAR, 0.1, 2.0518075786759e+00},
                {7, 1.2, IB_DOUBLE, 100, IB_LINEAR, 0.25, 7.6555185895021e-01},
                {7, 1.2, IB_DOUBLE, 100, IB_LINEAR, 0.5 / 1.2, 6.6648973286101e-02},
                {8, 2, IB_DOUBLE, 10, IB_NEAREST, 0.1, 1.9630453373583e+00},
                {8, 2, IB_DOUBLE, 10, IB_NEAREST, 0.25, 8.2204236900846e-01},
                {16, 1.2, IB_DOUBLE, 1000, IB_LINEAR, 0.1, 2.4257091564896e+00},
                {16, 1.2, IB_DOUBLE, 1000, IB_LINEAR, 0.5 / 1.2, 7.5395603246352e-04},
                {20, 1.5, IB_DOUBLE, 100, IB_LINEAR, 0.25, 1.9476248236312e-01},
                {20, 1.5, IB_DOUBLE, 100, IB_LINEAR, 0.5 / 1.5, 1.6084986911558e-02},
                {71, 1.2, IB_SINGLE, 200, IB_LINEAR, 0.25, 6.8690791309497e-01},
                {71, 1.2, IB_SINGLE, 200, IB_LINEAR, 0.5 / 1.2, 4.1556280012493e-02}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ib_convfn *fn = make(t, IB_KERNEL_KB, want[i].support, want[i].oversampling, want[i].padding, want[i].lookup,
                             want[i].precision);

        IB_NEAR(t, ib_convfn_transform(fn, want[i].x), want[i].c, 3e-9);
        IB_NEAR(t, ib_convfn_transform(fn, -want[i].x), want[i].c, 3e-9);
        ib_convfn_destroy(fn);
    }
}

/* Two figures of the table of aliasing at the edge of the image, so that they may be off by half of the second. */
static void aliasing_at_the_edge_is_as_tabulated(ib_test *t)
{
    static const double padding[3] = {1.2, 1.5, 2.0};
    static const struct {
        int    kernel, support;
        double alias[3];
    } want[] = {{IB_KERNEL_PSWF, 7, {1.2e-2, 1.3e-3, 1.4e-4}},  {IB_KERNEL_KB, 4, {1.6e-2, 2.4e-3, 5.2e-4}},
                {IB_KERNEL_KB, 7, {4.2e-4, 1.3e-5, 8.4e-7}},    {IB_KERNEL_KB, 10, {1.1e-5, 7.2e-8, 1.4e-9}},
                {IB_KERNEL_KB, 14, {8.3e-8, 6.5e-11, 2.6e-13}}, {IB_KERNEL_KB, 16, {7.1e-9, 2.0e-12, 3.4e-15}}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        for (int p = 0; p < 3; p++) {
            ib_convfn *fn = make(t, want[i].kernel, want[i].support, 10, padding[p], IB_LINEAR, IB_DOUBLE);

            IB_NEAR(t, ib_convfn_alias(fn, 0.5 / padding[p]) / want[i].alias[p], 1.0, 0.05);
            ib_convfn_destroy(fn);
        }
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static void a_row_holds_the_taps_of_its_offset(ib_test *t)
{
    static const int support[] = {3, 4, 7, 8, 16, 31}, oversampling[] = {1, 2, 3, 10, 101};

    for (int k = 0; k < 30; k++)
        for (int precision = IB_SINGLE; precision <= IB_DOUBLE; precision++) {
            const int    W = support[k % 6], O = oversampling[k / 6];
            ib_convfn   *fn = make(t, IB_KERNEL_KB, W, O, 1.2, IB_LINEAR, precision);
            const double ulp = precision == IB_SINGLE ? 0.5 * FLT_EPSILON : 0.0, half = W % 2 ? (W - 1) / 2 : W / 2;
            double       worst = 0.0;
            bool         clean = true;

            IB_CHECK(t, fn->stride % 8 == 0 && fn->stride >= (size_t)W + 16 && fn->stride < (size_t)W + 24);
            IB_CHECK(t, (uintptr_t)fn->taps % 64 == 0);
            for (size_t r = 0; r < fn->n_row; r++) {
                for (int i = 0; i < W; i++)
                    worst = fmax(worst, fabs(tap(fn, r, i) -
                                             ib_convfn_value(fn, ((i - half) * O + fn->first + (double)r) / O)));
                for (int i = W; i < (int)fn->stride; i++) /* up to the first tap of the next row */
                    clean = clean && tap(fn, r, i) == 0.0;
            }
            IB_NEAR(t, worst, 0.0, ulp);
            IB_CHECK(t, clean);
            ib_convfn_destroy(fn);
        }
}

/* Taps of a sample at g (cells) as the inner loops find them: false when the table lacks a row. */
static bool taps_at(const ib_convfn *fn, double g, int *t0, double *taps)
{
    *t0 = (int)floor(g - 0.5 * fn->support) + 1;
    const double at = (*t0 + fn->half - g) * fn->oversampling;
    const double row = floor(fn->lookup == IB_NEAREST ? at + 0.5 : at), part = at - row;

    if (row - fn->first < 0 || row - fn->first + (fn->lookup == IB_LINEAR) >= (double)fn->n_row)
        return false;
    const size_t r = (size_t)(row - fn->first);
    for (int i = 0; i < fn->support; i++)
        taps[i] = fn->lookup == IB_NEAREST ? tap(fn, r, i) : (1.0 - part) * tap(fn, r, i) + part * tap(fn, r + 1, i);
    return true;
}

/* Positions on cells, between cells and a rounding error beside them are the ends of the table. */
static void every_position_finds_its_rows(ib_test *t)
{
    static const int    oversampling[] = {1, 2, 3, 100, 101};
    static const double beside[] = {0.0, -1e-12, 1e-12, -3e-13, 3e-13};
    double              taps[32];
    int                 t0;

    for (int W = 3; W <= 18; W++)
        for (int k = 0; k < 10; k++) {
            ib_convfn *fn =
                make(t, IB_KERNEL_KB, W, oversampling[k / 2], 1.2, k % 2 ? IB_NEAREST : IB_LINEAR, IB_DOUBLE);
            bool found = true;

            for (int q = -400; q <= 400; q++)
                for (int b = 0; b < 5; b++)
                    found = found && taps_at(fn, 4096.0 + q / 200.0 + beside[b], &t0, taps);
            IB_CHECK(t, found);
            ib_convfn_destroy(fn);
        }
}

/* Linear interpolation between nodes 1/O apart errs by at most |C''| / (8 O^2), and |C''| < 2 for W = 7. */
static void interpolation_follows_the_function(ib_test *t)
{
    ib_convfn *fn = make(t, IB_KERNEL_KB, 7, 100, 1.2, IB_LINEAR, IB_DOUBLE);
    double     taps[8], worst = 0.0;
    int        t0;

    for (int k = 0; k < 1000; k++) {
        const double g = 50.0 + 0.0137 * k;

        IB_CHECK(t, taps_at(fn, g, &t0, taps));
        for (int i = 0; i < 7; i++)
            if (fabs(t0 + i - g) < 3.49) /* the last interval holds the jump at the end */
                worst = fmax(worst, fabs(taps[i] - ib_convfn_value(fn, t0 + i - g)));
    }
    IB_NEAR(t, worst, 0.0, 2.0 / (8 * 100.0 * 100.0));
    IB_CHECK(t, worst > 1e-6); /* it is a table */
    ib_convfn_destroy(fn);
}

static void widths_stop_where_rounding_would_win(ib_test *t)
{
    static const struct {
        int    support, precision;
        double padding, width;
    } want[] = {{7, IB_SINGLE, 1.2, 7},   {8, IB_SINGLE, 2.0, 8},   {51, IB_SINGLE, 1.2, 8},
                {51, IB_SINGLE, 1.0, 6},  {16, IB_DOUBLE, 1.2, 16}, {51, IB_DOUBLE, 1.39, 16},
                {51, IB_DOUBLE, 1.4, 20}, {51, IB_DOUBLE, 1.05, 12}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ib_convfn *fn = make(t, IB_KERNEL_KB, want[i].support, 10, want[i].padding, IB_LINEAR, want[i].precision);

        IB_NEAR(t, fn->width, want[i].width, 0);
        IB_CHECK(t, fn->support == want[i].support);
        ib_convfn_destroy(fn);
    }
}

static void nonsense_is_refused_with_a_remedy(ib_test *t)
{
    ib_convfn *fn = NULL;
    ib_error   err;

    IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_PSWF, 9, 100, 1.2, IB_LINEAR, IB_SINGLE, &err) == IB_EUSAGE);
    IB_TEXT(t, err.text, "kernel pswf has support 7, not 9: leave out --support, or use --kernel kb");
    IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_KB, 2, 100, 1.2, IB_LINEAR, IB_SINGLE, &err) == IB_EUSAGE);
    IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_KB, 7, 0, 1.2, IB_LINEAR, IB_SINGLE, &err) == IB_EUSAGE);
    IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_KB, 7, 100, 0.9, IB_LINEAR, IB_SINGLE, &err) == IB_EUSAGE);
    IB_CHECK(t, ib_convfn_create(&fn, IB_KERNEL_KB, 7, 100, NAN, IB_LINEAR, IB_SINGLE, &err) == IB_EUSAGE);
    IB_CHECK(t, fn == NULL);
    ib_convfn_destroy(NULL);
}

/* ---- what is promised is kept ----------------------------------------------------------------------------------- */

enum { IMAGE = 64, MOST = 128, SAMPLES = 250 }; /* pixels per side; cells per side of the largest grid */

static struct {
    double         g[SAMPLES][2]; /* position over the size of the grid, -0.5 .. 0.5 */
    double complex value[SAMPLES];
    double         unit; /* rms of a plane of random-phase visibilities */
} data;

static uint64_t state;

static double uniform(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) * 0x1p-53;
}

static void draw(int size, int support)
{
    const double reach = 0.5 - (support / 2.0 + 1.0) / size;
    double       square = 0.0;

    state = 1;
    for (int k = 0; k < SAMPLES; k++) {
        const double weight = 0.5 + 1.5 * uniform();

        data.g[k][0] = (2.0 * uniform() - 1.0) * fmin(reach, 0.35);
        data.g[k][1] = (2.0 * uniform() - 1.0) * fmin(reach, 0.35);
        data.value[k] = weight * cexp(2.0 * PI * I * uniform());
        square += weight * weight;
    }
    data.unit = sqrt(0.5 * square);
}

/* Real part of the transform along both axes of a plane of n x n at positions g (per size): [y][x] = sum over cells. */
static void transform_grid(int size, const double complex (*grid)[MOST], double (*image)[IMAGE])
{
    static double complex half[MOST][IMAGE], phasor[MOST];

    for (int q = 0; q < size; q++)
        phasor[q] = cexp(2.0 * PI * I * q / size);
    for (int y = 0; y < size; y++)
        for (int i = 0; i < IMAGE; i++) {
            double complex sum = 0.0;

            for (int x = 0; x < size; x++)
                sum += grid[y][x] * phasor[((x - size / 2) * (i - IMAGE / 2) % size + size) % size];
            half[y][i] = sum;
        }
    for (int j = 0; j < IMAGE; j++)
        for (int i = 0; i < IMAGE; i++) {
            double complex sum = 0.0;

            for (int y = 0; y < size; y++)
                sum += half[y][i] * phasor[((y - size / 2) * (j - IMAGE / 2) % size + size) % size];
            image[j][i] = creal(sum);
        }
}

/* volatile: GCC 12.2 at -O2 loses the rounding when it vectorises the loop that calls this. */
static double complex in_single(double complex z)
{
    const volatile float re = (float)creal(z), im = (float)cimag(z);

    return __builtin_complex(re, im);
}

static void grid_samples(ib_test *t, const ib_convfn *fn, int size, bool single, double complex (*grid)[MOST])
{
    double cx[64], cy[64];
    int    x0, y0;

    memset(grid, 0, MOST * sizeof *grid);
    for (int k = 0; k < SAMPLES; k++) {
        IB_CHECK(t, taps_at(fn, data.g[k][0] * size, &x0, cx) && taps_at(fn, data.g[k][1] * size, &y0, cy));
        for (int j = 0; j < fn->support; j++)
            for (int i = 0; i < fn->support; i++) {
                double complex *cell = &grid[y0 + j + size / 2][x0 + i + size / 2];

                *cell += data.value[k] * cy[j] * cx[i];
                if (single)
                    *cell = in_single(*cell);
            }
    }
}

static void sum_directly(int size, double (*image)[IMAGE])
{
    static double complex phasor[IMAGE][2];

    memset(image, 0, IMAGE * sizeof *image);
    for (int k = 0; k < SAMPLES; k++) {
        for (int i = 0; i < IMAGE; i++)
            for (int axis = 0; axis < 2; axis++)
                phasor[i][axis] = cexp(2.0 * PI * I * data.g[k][axis] * size * (i - IMAGE / 2) / size);
        for (int j = 0; j < IMAGE; j++)
            for (int i = 0; i < IMAGE; i++)
                image[j][i] += creal(data.value[k] * phasor[j][1] * phasor[i][0]);
    }
}

static double rms_of_difference(const ib_convfn *fn, int size, double (*a)[IMAGE], double (*b)[IMAGE], bool correct_b)
{
    double sum = 0.0;

    for (int j = 0; j < IMAGE; j++)
        for (int i = 0; i < IMAGE; i++) {
            const double c = ib_convfn_transform(fn, (double)(i - IMAGE / 2) / size) *
                             ib_convfn_transform(fn, (double)(j - IMAGE / 2) / size);
            const double e = a[j][i] / c - b[j][i] / (correct_b ? c : 1.0);

            sum += e * e;
        }
    return sqrt(sum / (IMAGE * IMAGE)) / data.unit;
}

/* The promise is an expectation over positions within a cell, of which 250 samples are a small choice; what is
   asked for is the factor of 3 of the definition. A promise three times too large would be as wrong. */
static void gridding_errs_as_promised(ib_test *t)
{
    static double complex grid[MOST][MOST];
    static double         gridded[IMAGE][IMAGE], direct[IMAGE][IMAGE];
    static const int      supports[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 31, 51};
    static const struct {
        int oversampling, lookup, size;
    } ways[] = {{10, IB_NEAREST, 78}, {10, IB_LINEAR, 78},   {101, IB_LINEAR, 96},
                {2, IB_LINEAR, 96},   {5000, IB_LINEAR, 80}, {1000, IB_LINEAR, 128}};
    double lowest = 1.0, highest = 1.0;

    for (int w = 0; w < 6; w++)
        for (int s = -1; s < 17; s++) {
            const int    size = ways[w].size, support = s < 0 ? 7 : supports[s];
            const double edge = 0.5 * IMAGE / size;
            ib_convfn   *fn = make(t, s < 0 ? IB_KERNEL_PSWF : IB_KERNEL_KB, support, ways[w].oversampling,
                                   (double)size / IMAGE, ways[w].lookup, IB_DOUBLE);

            draw(size, support);
            grid_samples(t, fn, size, false, grid);
            transform_grid(size, (const double complex(*)[MOST])grid, gridded);
            sum_directly(size, direct);
            const double ratio =
                rms_of_difference(fn, size, gridded, direct, false) / ib_convfn_promise(fn, edge, edge);
            if (!(ratio > 1.0 / 3 && ratio < 3))
                printf("# %s support %d, oversampling %d, padding %.2f: measured / promised = %.3g\n",
                       s < 0 ? "pswf" : "kb", support, ways[w].oversampling, (double)size / IMAGE, ratio);
            IB_CHECK(t, ratio > 1.0 / 3 && ratio < 3);
            lowest = fmin(lowest, ratio);
            highest = fmax(highest, ratio);
            ib_convfn_destroy(fn);
        }
    printf("# measured / promised: %.2f to %.2f\n", lowest, highest);
}

/* Each cell is rounded once per addition: for visibilities of random phase the errors grow to sqrt(1 + n/9). */
static void single_precision_rounds_as_foreseen(ib_test *t)
{
    static double complex grid[MOST][MOST];
    static double         rounded[IMAGE][IMAGE], exact[IMAGE][IMAGE];

    for (int support = 4; support <= 8; support++) {
        const int    size = support % 2 ? 96 : 78;
        const double edge = 0.5 * IMAGE / size, per_cell = SAMPLES * support * support / (0.49 * size * size);
        ib_convfn   *fn = make(t, IB_KERNEL_KB, support, 1000, (double)size / IMAGE, IB_LINEAR, IB_DOUBLE);

        draw(size, support);
        grid_samples(t, fn, size, true, grid);
        transform_grid(size, (const double complex(*)[MOST])grid, rounded);
        grid_samples(t, fn, size, false, grid);
        transform_grid(size, (const double complex(*)[MOST])grid, exact);
        const double ratio = rms_of_difference(fn, size, rounded, exact, true) /
                             (ib_convfn_rounding(fn, edge, edge, 0x1p-24) * sqrt(1 + per_cell / 9));
        printf("# support %d: rounding measured / foreseen = %.2f\n", support, ratio);
        IB_CHECK(t, ratio > 1.0 / 3 && ratio < 3);
        ib_convfn_destroy(fn);
    }
}

IB_TEST_MAIN({IB_TEST(the_shape_parameter_follows_support_and_padding), IB_TEST(the_spheroidal_has_schwabs_values),
              IB_TEST(the_spheroidal_transforms_as_integrated), IB_TEST(kaiser_bessel_has_its_values),
              IB_TEST(kaiser_bessel_transforms_as_integrated), IB_TEST(aliasing_at_the_edge_is_as_tabulated),
              IB_TEST(a_row_holds_the_taps_of_its_offset), IB_TEST(every_position_finds_its_rows),
              IB_TEST(interpolation_follows_the_function), IB_TEST(widths_stop_where_rounding_would_win),
              IB_TEST(nonsense_is_refused_with_a_remedy), IB_TEST(gridding_errs_as_promised),
              IB_TEST(single_precision_rounds_as_foreseen)})
