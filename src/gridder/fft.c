/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/fft.h"
#include "base/error.h"
#include "base/mem.h"
#include "gridder/kernel/depth.h"
#include "gridder/kernel/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STRIP = 32,              /* columns transformed together, planes counted: a few cache lines of every row ... */
    STRIP_BYTES = 768 << 10, /* ... as long as they stay in the second-level cache, but at least one line */
    LINE = 64                /* bytes */
};

struct ib_transform {
    ib_geometry      geometry;
    int              precision;
    size_t           cell; /* bytes */
    const ib_lines  *lines;
    const ib_depths *depths;
    fftwf_plan       column_f, row_f; /* one contiguous line, not in place */
    fftw_plan        column_d, row_d;
    void            *correct_x;        /* real [nx], 1/c */
    double          *correct_y;        /* [ny], with the signs of the centring */
    double (*turn_x)[2], (*turn_y)[2]; /* [grid_nx], [grid_ny]: cos, sin of so many parts of a turn */
};

/* ---- sizes ------------------------------------------------------------------------------------------------- */

/* FFTW 3.3.10, FFTW_MEASURE, AVX2, contiguous lines not in place: nanoseconds per cell are a sum over the prime factors of
   n. Of 130 sizes from 200 to 4400 (the best of 75 times in three runs) 96 % lie within 25 % of this, two thirds within
   10 %. Halves that are odd leave the vectors. */
double ib_fft_cost(size_t n, int precision)
{
    static const struct {
        double cell, factor[8], odd_half;
    } ns[] = {[IB_SINGLE] = {-0.35, {[2] = 0.11, [3] = 0.41, [5] = 0.45, [7] = 0.77}, 0.8},
              [IB_DOUBLE] = {-1.4, {[2] = 0.29, [3] = 0.69, [5] = 0.86, [7] = 1.2}, 0.2}};
    double cost = ns[precision].cell + (n % 4 ? ns[precision].odd_half : 0);

    for (size_t prime = 2, rest = n; prime <= 7; prime++)
        for (; rest % prime == 0; rest /= prime)
            cost += ns[precision].factor[prime];
    return (double)n * fmax(cost, 0.3);
}

size_t ib_fft_size(double least, int precision)
{
    const double move = precision == IB_DOUBLE ? 1.2 : 0.6; /* ns per cell of a line: gathered, scattered, joined */
    const size_t first = ib_good_size(least);
    size_t       best = first;

    for (size_t n = first; n <= first + first / 10; n = ib_good_size((double)n + 1))
        if (ib_fft_cost(n, precision) + move * (double)n < ib_fft_cost(best, precision) + move * (double)best)
            best = n;
    return best;
}

/* ---- plans ------------------------------------------------------------------------------------------------- */

static void forget(int precision)
{
    if (precision == IB_DOUBLE)
        fftw_forget_wisdom();
    else
        fftwf_forget_wisdom();
}

static bool recall(const char *wisdom, int precision)
{
    forget(precision);
    return precision == IB_DOUBLE ? fftw_import_wisdom_from_string(wisdom) : fftwf_import_wisdom_from_string(wisdom);
}

/* The two plans of a shape. */
static ib_status make_plans(ib_transform *t, unsigned flags, ib_error *err)
{
    const ib_geometry *g = &t->geometry;
    const int          ny = (int)g->grid_ny, nx = (int)g->grid_nx;
    const size_t       longest = g->grid_ny > g->grid_nx ? g->grid_ny : g->grid_nx;
    const size_t       cell = 2 * (t->precision == IB_DOUBLE ? sizeof(double) : sizeof(float));
    void              *from = ib_alloc_zero(longest, cell, "FFT plans", err);
    void              *to = ib_alloc_zero(longest, cell, "FFT plans", err);
    ib_status          rc = from && to ? IB_OK : err->status;

    if (!rc && t->precision == IB_DOUBLE) {
        t->column_d = fftw_plan_dft_1d(ny, from, to, FFTW_BACKWARD, flags);
        t->row_d = fftw_plan_dft_1d(nx, from, to, FFTW_BACKWARD, flags);
    } else if (!rc) {
        t->column_f = fftwf_plan_dft_1d(ny, from, to, FFTW_BACKWARD, flags);
        t->row_f = fftwf_plan_dft_1d(nx, from, to, FFTW_BACKWARD, flags);
    }
    if (!rc && !(t->column_d && t->row_d) && !(t->column_f && t->row_f))
        rc = ib_fail(err, IB_EINTERNAL, "FFTW makes no plan for a grid of %d x %d", nx, ny);
    ib_free(from);
    ib_free(to);
    return rc;
}

static void drop_plans(ib_transform *t)
{
    if (t->column_f)
        fftwf_destroy_plan(t->column_f);
    if (t->row_f)
        fftwf_destroy_plan(t->row_f);
    if (t->column_d)
        fftw_destroy_plan(t->column_d);
    if (t->row_d)
        fftw_destroy_plan(t->row_d);
    t->column_f = t->row_f = NULL;
    t->column_d = t->row_d = NULL;
}

static uint64_t digest(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

/* Plans measured on one kind of processor are not those of another that shares the home folder. */
static uint64_t processor(void)
{
    FILE    *file = fopen("/proc/cpuinfo", "r");
    char     line[256];
    uint64_t hash = 0;

    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "model name", 10)) {
            hash = digest(line);
            break;
        }
    if (file)
        fclose(file);
    return hash;
}

/* The folder exists on return, or *why says what stands in the way. */
static bool cache_folder(char *path, size_t size, const char **why)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int         n;

    if (cache && *cache)
        n = snprintf(path, size, "%s", cache);
    else if (home && *home)
        n = snprintf(path, size, "%s/.cache", home);
    else {
        *why = "no HOME to keep plans in";
        return false;
    }
    *why = "the cache folder cannot be written";
    if (n < 0 || (size_t)n + 16 > size)
        return false;
    mkdir(path, 0777);
    strcat(path, "/imgbench");
    return (!mkdir(path, 0777) || errno == EEXIST) && !access(path, W_OK | X_OK);
}

static char *read_text(const char *path, ib_error *err)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;

    if (!file)
        return NULL;
    if (!fseek(file, 0, SEEK_END)) {
        const long n = ftell(file);
        rewind(file);
        if (n > 0 && n < 1 << 20 && (text = ib_alloc_zero((size_t)n + 1, 1, "FFT plans", err)) &&
            fread(text, 1, (size_t)n, file) != (size_t)n) {
            ib_free(text);
            text = NULL;
        }
    }
    fclose(file);
    return text;
}

/* Keep a text under a name that several processes may want at once: the first one wins, for all. */
static bool keep_text(const char *path, const char *text)
{
    char partial[600];
    bool kept = false;

    snprintf(partial, sizeof partial, "%s.%ld", path, (long)getpid());
    FILE *file = fopen(partial, "w");
    if (!file)
        return false;
    const bool written = fputs(text, file) >= 0;
    if (!fclose(file) && written)
        kept = !link(partial, path) || errno == EEXIST;
    unlink(partial);
    return kept;
}

ib_status ib_transform_wisdom(const ib_geometry *geometry, int precision, char **text, char origin[80], ib_error *err)
{
    const bool   twice = precision == IB_DOUBLE;
    char         folder[400], path[560];
    const char  *why = "";
    ib_transform t = {.geometry = *geometry, .precision = precision};
    char        *measured = NULL;

    *text = NULL;
    if (cache_folder(folder, sizeof folder, &why)) {
        snprintf(path, sizeof path, "%s/%s-%s-%zux%zu-%016llx.wisdom", folder, twice ? fftw_version : fftwf_version,
                 twice ? "double" : "single", geometry->grid_nx, geometry->grid_ny, (unsigned long long)processor());
        err->status = IB_OK;
        *text = read_text(path, err);
        if (!*text && err->status) /* no memory: what is saved stays */
            return err->status;
        if (*text && recall(*text, precision) && !make_plans(&t, FFTW_MEASURE | FFTW_WISDOM_ONLY, err)) {
            drop_plans(&t);
            snprintf(origin, 80, "saved %016llx", (unsigned long long)digest(*text));
            return IB_OK;
        }
        if (*text || !access(path, F_OK)) { /* damaged, empty, or of another build of FFTW */
            drop_plans(&t);
            ib_free(*text);
            *text = NULL;
            unlink(path);
        }
        forget(precision);
        ib_status rc = make_plans(&t, FFTW_MEASURE, err);
        if (rc)
            return rc;
        measured = twice ? fftw_export_wisdom_to_string() : fftwf_export_wisdom_to_string();
        drop_plans(&t);
        why = "the plans cannot be kept";
        if (measured && keep_text(path, measured))
            *text = read_text(path, err);
        free(measured);
    }
    if (*text)
        snprintf(origin, 80, "measured %016llx", (unsigned long long)digest(*text));
    else {
        snprintf(origin, 80, "estimated (%s)", why);
        *text = ib_alloc_zero(1, 1, "FFT plans", err);
    }
    return *text ? IB_OK : err->status;
}

/* ---- corrections ------------------------------------------------------------------------------------------- */

/* 1/c of the pixels of an axis; along y the grid's zero stands in the middle, which is a sign that alternates. */
static double correction(const ib_convfn *fn, size_t i, size_t n, size_t grid_n)
{
    return 1 / ib_convfn_transform(fn, ((double)i - (double)(n / 2)) / (double)grid_n);
}

static ib_status make_corrections(ib_transform *t, const ib_convfn *fn, ib_error *err)
{
    const ib_geometry *g = &t->geometry;

    t->correct_x = ib_alloc(g->nx, t->cell / 2, "correction", err);
    t->correct_y = ib_alloc(g->ny, sizeof *t->correct_y, "correction", err);
    if (!t->correct_x || !t->correct_y)
        return err->status;
    for (size_t i = 0; i < g->nx; i++) {
        const double c = correction(fn, i, g->nx, g->grid_nx);
        if (t->precision == IB_DOUBLE)
            ((double *)t->correct_x)[i] = c;
        else
            ((float *)t->correct_x)[i] = (float)c;
    }
    for (size_t j = 0; j < g->ny; j++)
        t->correct_y[j] = correction(fn, j, g->ny, g->grid_ny) * ((j + g->ny / 2) % 2 ? -1 : 1);
    return IB_OK;
}

static ib_status make_turns(double (**out)[2], size_t n, ib_error *err)
{
    double(*turn)[2] = ib_alloc(n, sizeof *turn, "transform", err);

    if (!turn)
        return err->status;
    for (size_t k = 0; k < n; k++) {
        turn[k][0] = cos(2 * IB_PI * (double)k / (double)n);
        turn[k][1] = sin(2 * IB_PI * (double)k / (double)n);
    }
    *out = turn;
    return IB_OK;
}

ib_status ib_transform_create(ib_transform **out, const ib_geometry *geometry, const ib_convfn *fn, const char *isa,
                              const char *wisdom, ib_error *err)
{
    ib_transform *t = ib_alloc_zero(1, sizeof *t, "transform", err);
    if (!t)
        return err->status;

    t->geometry = *geometry;
    t->precision = fn->precision;
    t->cell = 2 * (fn->precision == IB_DOUBLE ? sizeof(double) : sizeof(float));
    t->lines = ib_lines_find(isa, fn->precision == IB_DOUBLE);
    t->depths = ib_depths_find(isa, fn->precision == IB_DOUBLE);
    const bool wise = *wisdom && recall(wisdom, fn->precision);
    ib_status  rc = make_plans(t, wise ? FFTW_MEASURE | FFTW_WISDOM_ONLY : FFTW_ESTIMATE, err);
    if (!rc)
        rc = make_corrections(t, fn, err);
    if (!rc)
        rc = make_turns(&t->turn_x, geometry->grid_nx, err);
    if (!rc)
        rc = make_turns(&t->turn_y, geometry->grid_ny, err);
    if (rc) {
        ib_transform_destroy(t);
        return rc;
    }
    *out = t;
    return IB_OK;
}

void ib_transform_destroy(ib_transform *t)
{
    if (!t)
        return;
    drop_plans(t);
    ib_free(t->correct_x);
    ib_free(t->correct_y);
    ib_free(t->turn_x);
    ib_free(t->turn_y);
    ib_free(t);
}

/* ---- a grid ---------------------------------------------------------------------------------------------------- */

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Cells from one column of a strip, or line, to the next: rows of a strip must not share a set of the cache. */
static size_t line_cells(size_t n, size_t cell)
{
    const size_t cells = round_up(n + LINE / cell, LINE / cell);
    return cells * cell % 4096 ? cells : cells + LINE / cell;
}

/* Columns of a strip, planes counted: whole lines of cells of all planes. */
static size_t strip_columns(const ib_geometry *g, size_t cell)
{
    const size_t least = LINE / cell * (size_t)g->planes;
    size_t       n = least;

    while (n < STRIP && 2 * n * g->grid_ny * cell <= STRIP_BYTES)
        n *= 2;
    return n;
}

/* Rows of the image that a pass of the w-term keeps: depths, two terms and the sum of each of two. */
enum { DEPTH_ROWS = 8 };

static size_t depth_cells(const ib_geometry *g, size_t cell)
{
    return line_cells((g->nx + 1) / 2, cell);
}

size_t ib_transform_work(const ib_geometry *g, int precision)
{
    const size_t cell = 2 * (precision == IB_DOUBLE ? sizeof(double) : sizeof(float));
    const size_t columns = (strip_columns(g, cell) + 1) * line_cells(g->grid_ny, cell);
    const size_t rows = 2 * line_cells(g->grid_nx, cell) + (g->w.n_term ? DEPTH_ROWS * depth_cells(g, cell) : 0);

    return (columns > rows ? columns : rows) * cell;
}

/* What is there to transform: cells of a row from column zero on, whole lines; and rows, after folding. */
typedef struct extent {
    size_t cells, first, end;
} extent;

static extent find_extent(const ib_geometry *g, const ib_touched *touched, size_t unit)
{
    const size_t n = g->grid_ny, folded = g->margin + 1;
    const size_t right = touched->columns > g->margin ? touched->columns - g->margin : 0;
    extent       e = {smaller(right > folded ? right : folded, g->grid_nx / 2 + 1), 0, n};

    e.cells = round_up(e.cells, unit);
    if (touched->columns == 0)
        e.first = e.end = n / 2;
    else if (touched->row_first > 0 && touched->row_end <= n) { /* and their mirror images */
        e.first = smaller(touched->row_first, n + 1 - touched->row_end);
        e.end = n + 1 - e.first;
        e.first -= e.first % unit;
    }
    return e;
}

static char *at(const ib_transform *t, void *grid, size_t row, size_t column)
{
    const ib_geometry *g = &t->geometry;
    return (char *)grid + (row * g->stride + column) * (size_t)g->planes * t->cell;
}

static void transform_column(const ib_transform *t, void *from, void *to)
{
    if (t->precision == IB_DOUBLE)
        fftw_execute_dft(t->column_d, from, to);
    else
        fftwf_execute_dft(t->column_f, from, to);
}

static void transform_row(const ib_transform *t, void *from, void *to)
{
    if (t->precision == IB_DOUBLE)
        fftw_execute_dft(t->row_d, from, to);
    else
        fftwf_execute_dft(t->row_f, from, to);
}

/* First row of the grid that holds a row of the image between the two transforms. */
static size_t first_row(const ib_geometry *g)
{
    return g->grid_ny / 2 - g->ny / 2;
}

/* Gather n columns (planes counted), transform each into the place of the one before, scatter the image's rows. */
static void transform_strip(const ib_transform *t, void *grid, const extent *e, size_t column, size_t n, size_t used,
                            char *work)
{
    const ib_geometry *g = &t->geometry;
    const size_t       planes = (size_t)g->planes, step = g->stride * planes, below = g->ny / 2;
    const size_t       length = line_cells(g->grid_ny, t->cell), bytes = length * t->cell;
    const size_t       base = first_row(g), top = base + g->ny;
    char *const        gathered = work + bytes;

    t->lines->gather(gathered + e->first * t->cell, length, at(t, grid, e->first, column), step, e->end - e->first,
                     n);
    for (size_t r = e->first; r < e->end; r++)
        if (r < base || r >= top) /* nothing is written there */
            memset(at(t, grid, r, column), 0, n * t->cell);
    for (size_t c = 0; c < n; c++) {
        if (c % planes >= used) {
            memset(work + c * bytes, 0, g->grid_ny * t->cell);
            continue;
        }
        memset(gathered + c * bytes, 0, e->first * t->cell);
        memset(gathered + c * bytes + e->end * t->cell, 0, (g->grid_ny - e->end) * t->cell);
        transform_column(t, gathered + c * bytes, work + c * bytes);
    }
    t->lines->scatter(at(t, grid, base, column), step, work + (g->grid_ny - below) * t->cell, length, below, n,
                      planes);
    t->lines->scatter(at(t, grid, base + below, column), step, work, length, g->ny - below, n, planes);
}

void ib_transform_columns(const ib_transform *t, void *grid, const ib_touched *touched, int used, void *const *work,
                          int n_thread)
{
    const ib_geometry *g = &t->geometry;
    const extent       e = find_extent(g, touched, t->lines->unit);
    const size_t       n = g->grid_ny, planes = (size_t)g->planes;
    const size_t       strip = strip_columns(g, t->cell), n_column = e.cells * planes;

    if (e.first == e.end)
        return;
    if (e.first == 0) /* a mirrored support may touch row n, which is the same line as row 0 */
        t->lines->move(at(t, grid, 0, 0), at(t, grid, n, 0), g->stride * planes);
#pragma omp parallel num_threads(n_thread) default(none) shared(t, grid, used, work, g, e, n, planes, strip, n_column)
    {
#pragma omp for schedule(static)
        for (size_t r = e.first; r <= n / 2; r++)
            t->lines->fold(at(t, grid, r, 0), at(t, grid, r ? n - r : 0, 0), g->margin, g->margin + g->grid_nx / 2,
                           planes);
#pragma omp for schedule(dynamic)
        for (size_t c = 0; c < n_column; c += strip)
            transform_strip(t, grid, &e, g->margin + c / planes, smaller(strip, n_column - c), (size_t)used,
                            work[omp_get_thread_num()]);
    }
}

void ib_transform_rows(const ib_transform *t, void *grid, const ib_touched *touched, int plane, double sum_of_weights,
                       size_t first, size_t n, void *work, float *image)
{
    const ib_geometry *g = &t->geometry;
    const size_t       unit = t->lines->unit, bytes = line_cells(g->grid_nx, t->cell) * t->cell;
    const extent       e = find_extent(g, touched, unit);
    const double       scale = 0.5 / sum_of_weights; /* half: the fold adds every sample and its mirror image */
    char *const circle = work, *const row = circle + bytes;

    for (size_t j = first; j < first + n; j += 2) {
        const bool  two = j + 1 < first + n;
        char *const a = at(t, grid, first_row(g) + j, g->margin) + (size_t)plane * LINE;
        char *const b = two ? at(t, grid, first_row(g) + j + 1, g->margin) + (size_t)plane * LINE : NULL;
        t->lines->join(circle, g->grid_nx, a, b, unit * (size_t)g->planes, e.cells);
        transform_row(t, circle, row);
        t->lines->crop(image + j * g->nx, two ? image + (j + 1) * g->nx : NULL, row, g->grid_nx, g->nx, t->correct_x,
                       scale * t->correct_y[j], two ? scale * t->correct_y[j + 1] : 0);
    }
}

/* ---- few pixels --------------------------------------------------------------------------------------------------- */

/* a b modulo n. */
static size_t turn_of(int64_t a, size_t b, size_t n)
{
    const int64_t rest = a * (int64_t)b % (int64_t)n;
    return (size_t)(rest < 0 ? rest + (int64_t)n : rest);
}

/* Rows [first, end) of a plane: sums over a few columns in the precision of the grid, over these in double. */
static void sum_rows(const ib_transform *t, const void *grid, size_t first, size_t end, size_t columns, int plane,
                     size_t n_l, const size_t *right, size_t n_m, const size_t *up, ib_direct_sum *sum)
{
    enum { SOME = 64 };
    const ib_geometry *g = &t->geometry;
    double             circle_d[IB_DIRECT_MAX][SOME][2];
    float              circle_f[IB_DIRECT_MAX][SOME][2];

    for (size_t c = 0; c < columns; c += SOME) {
        const size_t n = smaller(SOME, columns - c);
        for (size_t i = 0; i < n_l; i++)
            for (size_t k = 0; k < n; k++)
                for (int part = 0; part < 2; part++) {
                    const size_t at_x = turn_of((int64_t)(c + k) - (int64_t)g->margin, right[i], g->grid_nx);
                    circle_d[i][k][part] = t->turn_x[at_x][part];
                    circle_f[i][k][part] = (float)t->turn_x[at_x][part];
                }
        for (size_t r = first; r < end; r++)
            for (size_t i = 0; i < n_l; i++) {
                double s[4] = {0};
                t->lines->project(at(t, (void *)(uintptr_t)grid, r, c), n, (size_t)g->planes, (size_t)plane,
                                  t->precision == IB_DOUBLE ? (const void *)circle_d[i] : circle_f[i], s);
                /* times exp(-i turn) at +l, exp(i turn) at -l */
                const double re[2] = {s[0] + s[3], s[0] - s[3]}, im[2] = {s[2] - s[1], s[2] + s[1]};
                for (size_t j = 0; j < n_m; j++) {
                    const double *turn =
                        t->turn_y[turn_of((int64_t)r - (int64_t)(g->grid_ny / 2), up[j], g->grid_ny)];
                    for (int side = 0; side < 2; side++) { /* rows grow with -v */
                        sum[j][0][i][side] += re[side] * turn[0] - im[side] * turn[1];
                        sum[j][1][i][side] += re[side] * turn[0] + im[side] * turn[1];
                    }
                }
            }
    }
}

void ib_transform_sum(const ib_transform *t, const void *grid, const ib_touched *touched, int plane, size_t n_l,
                      const size_t *right, size_t n_m, const size_t *up, ib_direct_sum *sum, int n_thread)
{
    enum { BANDS = 16 };
    const ib_geometry *g = &t->geometry;
    const size_t       first = touched->row_first, n = touched->row_end > first ? touched->row_end - first : 0;
    ib_direct_sum      part[BANDS][IB_DIRECT_MAX];

    memset(part, 0, sizeof part);
#pragma omp parallel for schedule(dynamic) num_threads(n_thread) if (n_thread > 1) default(none)                     \
    shared(t, grid, touched, plane, n_l, right, n_m, up, first, n, part)
    for (size_t b = 0; b < BANDS; b++)
        sum_rows(t, grid, first + n * b / BANDS, first + n * (b + 1) / BANDS, touched->columns, plane, n_l, right,
                 n_m, up, part[b]);
    for (size_t j = 0; j < n_m; j++)
        for (size_t i = 0; i < n_l; i++) {
            const size_t x = g->nx / 2 - right[i];
            const double correct = t->correct_y[g->ny / 2 + up[j]] * (t->precision == IB_DOUBLE
                                                                          ? ((const double *)t->correct_x)[x]
                                                                          : (double)((const float *)t->correct_x)[x]);
            for (int side = 0; side < 4; side++) {
                double total = 0;
                for (size_t b = 0; b < BANDS; b++)
                    total += part[b][j][side / 2][i][side % 2];
                sum[j][side / 2][i][side % 2] = total * fabs(correct);
            }
        }
}

/* Two rows of the image with the w-term, from the pass's terms. rows[2]: depths, term, the one before or after it, sum. */
typedef struct depth_row {
    void *y, *t, *before, *sum;
} depth_row;

static void begin_depths(const ib_transform *t, const ib_wpass *pass, size_t j, const depth_row *row)
{
    const ib_geometry *g = &t->geometry;

    t->depths->screen(&(ib_screen_job){.n = g->nx,
                                       .centre = g->nx / 2,
                                       .cell = g->cell[0],
                                       .m = ((double)j - (double)(g->ny / 2)) * g->cell[1],
                                       .deepest = g->w.deepest,
                                       .turns = pass->centre / (2 * IB_PI),
                                       .sine = pass->sine,
                                       .slab = pass->slab,
                                       .y = row->y,
                                       .t = row->t,
                                       .before = row->before});
}

static void next_term(const ib_transform *t, depth_row *row)
{
    void *const last = row->t;

    t->depths->next(row->before, row->t, row->y, t->geometry.nx);
    row->t = row->before;
    row->before = last;
}

/* Pixels above the horizon: those of the others are 0. */
static void finish_depths(const ib_transform *t, size_t j, const depth_row *row, float *image)
{
    const ib_geometry *g = &t->geometry;
    const double       m = ((double)j - (double)(g->ny / 2)) * g->cell[1];
    size_t             first = 0, end = g->nx;

    while (first < end && hypot(((double)first - (double)(g->nx / 2)) * g->cell[0], m) >= 1)
        first++;
    while (end > first && hypot(((double)end - 1 - (double)(g->nx / 2)) * g->cell[0], m) >= 1)
        end--;
    t->depths->finish(image, row->sum, g->nx, first, end);
}

void ib_transform_pass(const ib_transform *t, void *grid, const ib_touched *touched, int plane, int n_plane, int pass,
                       double sum_of_weights, size_t first, size_t n, void *work, void *sum, float *image)
{
    const ib_geometry *g = &t->geometry;
    const ib_wpass     now = ib_wterm_pass(&g->w, pass);
    const size_t       unit = t->lines->unit, bytes = line_cells(g->grid_nx, t->cell) * t->cell;
    const size_t       room = depth_cells(g, t->cell) * t->cell, pixel = t->cell / 2;
    const extent       e = find_extent(g, touched, unit);
    const double       scale = 0.5 / sum_of_weights; /* as above */
    char *const circle = work, *const line = circle + bytes, *const spare = line + bytes;

    for (size_t j = first; j < first + n; j += 2) {
        const size_t n_row = j + 1 < first + n ? 2 : 1;
        depth_row    row[2];
        for (size_t k = 0; k < n_row; k++) {
            char *const own = spare + k * DEPTH_ROWS / 2 * room;
            row[k] = (depth_row){own, own + room, own + 2 * room,
                                 sum ? (char *)sum + (j + k) * g->nx * pixel : own + 3 * room};
            begin_depths(t, &now, j + k, &row[k]);
            if (pass == 0)
                memset(row[k].sum, 0, g->nx * pixel);
        }
        for (int term = 0; term < now.first + now.n; term++) {
            for (size_t k = 0; term && k < n_row; k++)
                next_term(t, &row[k]);
            if (term < now.first)
                continue;
            char *const a =
                at(t, grid, first_row(g) + j, g->margin) + (size_t)((term - now.first) * n_plane + plane) * LINE;
            char *const b = n_row > 1 ? a + g->stride * (size_t)g->planes * t->cell : NULL;
            t->lines->join(circle, g->grid_nx, a, b, unit * (size_t)g->planes, e.cells);
            transform_row(t, circle, line);
            for (size_t k = 0; k < n_row; k++)
                t->depths->add(row[k].sum, line, (int)k, g->grid_nx, g->nx, t->correct_x, scale * t->correct_y[j + k],
                               row[k].t);
        }
        for (size_t k = 0; k < n_row && pass + 1 == g->w.n_pass; k++)
            finish_depths(t, j + k, &row[k], image + (j + k) * g->nx);
    }
}
