/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "gridder/fft.h"

#include "ib_test.h"

#include <complex.h>
#include <float.h>
#include <stdlib.h>

/* An image with odd sides on a grid whose sides are no multiples of a cache line. */
enum { NX = 57, NY = 131, GRID_X = 70, GRID_Y = 162, MARGIN = 8, SUPPORT = 7, MOST = 8 };

static ib_geometry shape(int planes)
{
    ib_geometry g = {.nx = NX,
                     .ny = NY,
                     .grid_nx = GRID_X,
                     .grid_ny = GRID_Y,
                     .support = SUPPORT,
                     .planes = planes,
                     .margin = MARGIN};

    g.stride = (MARGIN + GRID_X / 2 + 1 + 7) / 8 * 8;
    g.height = GRID_Y + 1 + 3;
    return g;
}

/* What a plane holds in a cell: the same whatever the number of planes; zero outside of what is touched. Supports that
   begin at column zero reach a few columns to the left of it. */
static double complex value(const ib_touched *touched, int plane, size_t row, size_t column)
{
    uint64_t x = 88172645463325252u + 1000003u * (uint64_t)plane + 7919u * row + 104729u * column;

    if (row < touched->row_first || row >= touched->row_end || column >= touched->columns || column + 4 < MARGIN ||
        column > MARGIN + GRID_X / 2)
        return 0;
    for (int i = 0; i < 3; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    /* few bits, so that both precisions hold the same */
    return (double)(x >> 52) / 4096 - 0.5 + I * ((double)(x >> 32 & 4095) / 4096 - 0.5);
}

struct fixture {
    ib_geometry   geometry;
    ib_touched    touched;
    int           precision, n_thread;
    ib_convfn    *fn;
    ib_transform *transform;
    void         *grid, *work[3];
    size_t        reals; /* of the grid */
    float         image[MOST][NY * NX];
};

static void make(ib_test *t, struct fixture *f, int planes, int precision, const char *isa, int n_thread,
                 ib_touched touched)
{
    const size_t real = precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
    ib_error     err;

    memset(f, 0, sizeof *f);
    f->geometry = shape(planes);
    f->touched = touched;
    f->precision = precision;
    f->n_thread = n_thread;
    f->reals = f->geometry.height * f->geometry.stride * (size_t)planes * 2;
    f->grid = ib_alloc_zero(f->reals, real, "grid", &err);
    for (int i = 0; i < 3; i++)
        f->work[i] = ib_alloc(1, ib_transform_work(&f->geometry, precision), "work", &err);
    IB_CHECK(t, !ib_convfn_create(&f->fn, IB_KERNEL_KB, SUPPORT, 100, 1.2, IB_LINEAR, precision, &err));
    IB_CHECK(t, !ib_transform_create(&f->transform, &f->geometry, f->fn, isa, "", &err));
    for (size_t r = 0; r < f->geometry.height; r++)
        for (size_t c = 0; c < f->geometry.stride; c++)
            for (int p = 0; p < planes; p++) {
                const size_t         at = 2 * ((r * f->geometry.stride + c) * (size_t)planes + (size_t)p);
                const double complex x = value(&touched, p, r, c);
                for (size_t i = 0; i < 2; i++)
                    if (precision == IB_DOUBLE)
                        ((double *)f->grid)[at + i] = i ? cimag(x) : creal(x);
                    else
                        ((float *)f->grid)[at + i] = (float)(i ? cimag(x) : creal(x));
            }
}

/* Bands of rows in an order of their own. */
static void transform(struct fixture *f)
{
    const size_t first[] = {64, 0, 128}, n[] = {64, 64, NY - 128};

    ib_transform_columns(f->transform, f->grid, &f->touched, f->geometry.planes, f->work, f->n_thread);
    for (int p = 0; p < f->geometry.planes; p++)
        for (int b = 0; b < 3; b++)
            ib_transform_rows(f->transform, f->grid, &f->touched, p, 4, first[b], n[b], f->work[0], f->image[p]);
}

static void clear(struct fixture *f)
{
    ib_transform_destroy(f->transform);
    ib_convfn_destroy(f->fn);
    ib_free(f->grid);
    for (int i = 0; i < 3; i++)
        ib_free(f->work[i]);
}

static bool is_zero(const struct fixture *f)
{
    for (size_t i = 0; i < f->reals; i++)
        if ((f->precision == IB_DOUBLE ? ((double *)f->grid)[i] : (double)((float *)f->grid)[i]) != 0)
            return false;
    return true;
}

/* Sum of Re(G exp(2 pi i (u x + v y))) over all cells, by the weight and the correction. */
static double direct(const struct fixture *f, int plane, size_t j, size_t i)
{
    const double x = (double)i - NX / 2, y = (double)j - NY / 2;
    double       sum = 0;

    for (size_t r = 0; r <= GRID_Y; r++)
        for (size_t c = 0; c <= MARGIN + GRID_X / 2; c++) {
            const double u = (double)c - MARGIN, v = (double)r - GRID_Y / 2;
            sum += creal(value(&f->touched, plane, r, c) * cexp(2 * IB_PI * I * (u * x / GRID_X + v * y / GRID_Y)));
        }
    return sum / 4 / (ib_convfn_transform(f->fn, x / GRID_X) * ib_convfn_transform(f->fn, y / GRID_Y));
}

static double norm(const struct fixture *f, int plane)
{
    double sum = 0;

    for (size_t r = 0; r <= GRID_Y; r++)
        for (size_t c = 0; c <= MARGIN + GRID_X / 2; c++)
            sum += pow(cabs(value(&f->touched, plane, r, c)), 2);
    return sqrt(sum);
}

static const ib_touched whole = {MARGIN + GRID_X / 2 + 1, 0, GRID_Y + 1}, part = {MARGIN + 19, 40, 111},
                        tall = {MARGIN + 19, 3, 161}, narrow = {MARGIN + 2, 70, 90};

/* The rms error of a transform of n points is below epsilon log2 n of the rms result (Higham 2002, theorem 24.2, whose
   constant FFTW stays far below), which is the norm of the cells; both axes and the fold make it 2. No pixel out of
   hundreds is 5 rms away; pixels are rounded to float32. */
static void images_are_the_sum_over_cells(ib_test *t)
{
    static const struct {
        int               planes, precision;
        const ib_touched *touched;
    } cases[] = {{1, IB_SINGLE, &whole}, {1, IB_SINGLE, &part},   {2, IB_SINGLE, &tall},  {4, IB_SINGLE, &part},
                 {8, IB_SINGLE, &whole}, {1, IB_DOUBLE, &narrow}, {2, IB_DOUBLE, &whole}, {8, IB_DOUBLE, &tall}};
    struct fixture *f = malloc(sizeof *f);

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        make(t, f, cases[k].planes, cases[k].precision, "base", 1, *cases[k].touched);
        const double epsilon = f->precision == IB_DOUBLE ? DBL_EPSILON : FLT_EPSILON;
        transform(f);
        IB_CHECK(t, is_zero(f));
        for (int p = 0; p<cases[k].planes; p += cases[k].planes> 1 ? cases[k].planes - 1 : 1)
            for (size_t j = 0; j < NY; j += 13)
                for (size_t i = p ? 1 : 0; i < NX; i += 8) {
                    const double want = direct(f, p, j, i);
                    const double c = ib_convfn_transform(f->fn, ((double)i - NX / 2) / GRID_X) *
                                     ib_convfn_transform(f->fn, ((double)j - NY / 2) / GRID_Y);
                    IB_NEAR(t, (double)f->image[p][j * NX + i], want,
                            5 * 2 * epsilon * log2(GRID_X * GRID_Y) * norm(f, p) / 4 / c +
                                0.5 * FLT_EPSILON * fabs(want));
                }
        clear(f);
    }
    free(f);
}

/* As many roundings of sums of fewer terms: the bound of a transform holds all the more. */
static void few_pixels_are_the_sum_over_cells(ib_test *t)
{
    static const size_t     right[3] = {1, 9, NX / 2}, up[2] = {40, NY / 2};
    static const ib_touched empty = {0, SIZE_MAX, 0}, *const touched[] = {&whole, &part, &tall, &narrow, &empty};
    struct fixture *f = malloc(sizeof *f);

    for (size_t k = 0; k < 40; k++) {
        const ib_isa *isa = ib_isa_at(k % 4) && ib_isa_at(k % 4)->usable() ? ib_isa_at(k % 4) : ib_isa_at(0);
        make(t, f, 1 << k / 10, k / 5 % 2 ? IB_DOUBLE : IB_SINGLE, isa->name, 1 + (int)(k % 3), *touched[k % 5]);
        const double  epsilon = f->precision == IB_DOUBLE ? DBL_EPSILON : FLT_EPSILON;
        const int     p = f->geometry.planes - 1;
        const double  rounding = 5 * 2 * epsilon * log2(GRID_X * GRID_Y) * norm(f, p);
        ib_direct_sum sum[IB_DIRECT_MAX];

        ib_transform_sum(f->transform, f->grid, &f->touched, p, 3, right, 2, up, sum, f->n_thread);
        for (size_t j = 0; j < 2; j++)
            for (size_t i = 0; i < 3; i++)
                for (int side = 0; side < 4; side++) { /* +l is to the left */
                    const size_t x = side % 2 ? NX / 2 + right[i] : NX / 2 - right[i];
                    const size_t y = side / 2 ? NY / 2 - up[j] : NY / 2 + up[j];
                    const double c = ib_convfn_transform(f->fn, (double)right[i] / GRID_X) *
                                     ib_convfn_transform(f->fn, (double)up[j] / GRID_Y);
                    IB_NEAR(t, sum[j][side / 2][i][side % 2], 4 * direct(f, p, y, x), rounding / c);
                }
        clear(f);
    }
    free(f);
}

/* A plane's bits depend neither on its neighbours in a cell, nor on threads, nor on the instruction set. */
static void the_bits_of_a_plane_are_its_own(ib_test *t)
{
    struct fixture *want = malloc(sizeof *want), *got = malloc(sizeof *got);

    for (int precision = IB_SINGLE; precision <= IB_DOUBLE; precision++) {
        make(t, want, 1, precision, "reference", 1, tall);
        transform(want);
        for (size_t k = 0; ib_isa_at(k); k++) {
            if (!ib_isa_at(k)->usable())
                continue;
            for (int planes = 1; planes <= MOST; planes *= 2) {
                make(t, got, planes, precision, ib_isa_at(k)->name, planes == 4 ? 3 : 1, tall);
                transform(got);
                IB_CHECK(t, !memcmp(got->image[0], want->image[0], sizeof want->image[0]));
                IB_CHECK(t, is_zero(got));
                clear(got);
            }
        }
        clear(want);
    }
    free(want);
    free(got);
}

static void a_grid_that_nothing_touched_is_left_alone(ib_test *t)
{
    struct fixture *f = malloc(sizeof *f);

    make(t, f, 2, IB_SINGLE, "base", 1, (ib_touched){0, SIZE_MAX, 0});
    transform(f);
    IB_CHECK(t, is_zero(f) && f->image[1][NX] == 0);
    clear(f);
    free(f);
}

/* A grid is never smaller than what was asked for, nor much larger, and never slower to transform than the smallest. */
static void sizes_are_chosen_by_their_cost(ib_test *t)
{
    IB_CHECK(t, ib_fft_size(1200, IB_SINGLE) == 1280); /* 1.07 us; 1.55 us for 1200 */
    IB_CHECK(t, ib_fft_cost(1050, IB_SINGLE) > ib_fft_cost(1080, IB_SINGLE));
    for (double least = 8; least < 20000; least *= 1.037)
        for (int precision = IB_SINGLE; precision <= IB_DOUBLE; precision++) {
            const size_t first = ib_good_size(least), n = ib_fft_size(least, precision);
            IB_CHECK(t, n % 2 == 0 && (double)n >= least && n <= first + first / 10);
            IB_CHECK(t, ib_good_size((double)n) == n);
            IB_CHECK(t, n == first || ib_fft_cost(n, precision) < ib_fft_cost(first, precision));
            IB_CHECK(t, ib_fft_cost(n, precision) > 0);
        }
}

IB_TEST_MAIN({IB_TEST(sizes_are_chosen_by_their_cost), IB_TEST(images_are_the_sum_over_cells),
              IB_TEST(few_pixels_are_the_sum_over_cells), IB_TEST(the_bits_of_a_plane_are_its_own),
              IB_TEST(a_grid_that_nothing_touched_is_left_alone)})
