/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/fft.h"
#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <fftw3.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 8 }; /* columns transformed together: one cache line of single precision cells per row */

struct ib_transform {
    ib_geometry geometry;
    int         precision;
    fftwf_plan  columns_f, row_f;
    fftw_plan   columns_d, row_d;
    double     *correct_x, *correct_y; /* [nx], [ny]: 1/c, with the signs of the centring */
};

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

/* The two plans of a shape: BATCH columns of a grid in place, and a half row into a row of reals. */
static ib_status make_plans(ib_transform *t, unsigned flags, ib_error *err)
{
    const ib_geometry *g = &t->geometry;
    const int          ny = (int)g->grid_ny, nx = (int)g->grid_nx;
    const size_t       real = t->precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
    char              *grid = ib_alloc_zero(g->height * g->stride, 2 * real, "FFT plans", err);
    void              *row = ib_alloc_zero(g->grid_nx, real, "FFT plans", err);
    ib_status          rc = grid && row ? IB_OK : err->status;

    if (!rc && t->precision == IB_DOUBLE) {
        void *zero = grid + g->margin * 2 * real;
        t->columns_d = fftw_plan_many_dft(1, &ny, BATCH, zero, NULL, (int)g->stride, 1, zero, NULL, (int)g->stride, 1,
                                          FFTW_BACKWARD, flags);
        t->row_d = fftw_plan_dft_c2r_1d(nx, zero, row, flags);
    } else if (!rc) {
        void *zero = grid + g->margin * 2 * real;
        t->columns_f = fftwf_plan_many_dft(1, &ny, BATCH, zero, NULL, (int)g->stride, 1, zero, NULL, (int)g->stride,
                                           1, FFTW_BACKWARD, flags);
        t->row_f = fftwf_plan_dft_c2r_1d(nx, zero, row, flags);
    }
    if (!rc && !(t->columns_d && t->row_d) && !(t->columns_f && t->row_f))
        rc = ib_fail(err, IB_EINTERNAL, "FFTW makes no plan for a grid of %d x %d", nx, ny);
    ib_free(grid);
    ib_free(row);
    return rc;
}

static void drop_plans(ib_transform *t)
{
    if (t->columns_f)
        fftwf_destroy_plan(t->columns_f);
    if (t->row_f)
        fftwf_destroy_plan(t->row_f);
    if (t->columns_d)
        fftw_destroy_plan(t->columns_d);
    if (t->row_d)
        fftw_destroy_plan(t->row_d);
    t->columns_f = t->row_f = NULL;
    t->columns_d = t->row_d = NULL;
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
        snprintf(path, sizeof path, "%s/%s-%zux%zu-%zu-%016llx.wisdom", folder, twice ? fftw_version : fftwf_version,
                 geometry->grid_nx, geometry->grid_ny, geometry->stride, (unsigned long long)processor());
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
static double *corrections(const ib_convfn *fn, size_t n, size_t grid_n, bool centred, ib_error *err)
{
    double *out = ib_alloc(n, sizeof *out, "correction", err);

    for (size_t i = 0; out && i < n; i++) {
        const double d = (double)i - (double)(n / 2);
        out[i] = 1 / ib_convfn_transform(fn, d / (double)grid_n);
        if (centred && (i + n / 2) % 2)
            out[i] = -out[i];
    }
    return out;
}

ib_status ib_transform_create(ib_transform **out, const ib_geometry *geometry, const ib_convfn *fn,
                              const char *wisdom, ib_error *err)
{
    ib_transform *t = ib_alloc_zero(1, sizeof *t, "transform", err);
    if (!t)
        return err->status;

    t->geometry = *geometry;
    t->precision = fn->precision;
    const bool wise = *wisdom && recall(wisdom, fn->precision);
    ib_status  rc = make_plans(t, wise ? FFTW_MEASURE | FFTW_WISDOM_ONLY : FFTW_ESTIMATE, err);
    t->correct_x = corrections(fn, geometry->nx, geometry->grid_nx, false, err);
    t->correct_y = corrections(fn, geometry->ny, geometry->grid_ny, true, err);
    if (!rc && (!t->correct_x || !t->correct_y))
        rc = err->status;
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
    ib_free(t);
}

/* ---- a plane ------------------------------------------------------------------------------------------------- */

/* The same three steps in both precisions. Columns right of what the samples touched are zero and are not transformed;
   rows outside the image are not transformed along u. */
#define PLANE(real, suffix, fftw)                                                                                       \
    /* What crosses the edges of the half plane belongs to its mirror image, F(-g) = conj F(g). Row 0 stands for both \
       -N/2 and N/2; a mirrored support may touch row N, which is the same line. */ \
    static void fold_##suffix(const ib_geometry *g, real(*grid)[2])                                                     \
    {                                                                                                                   \
        const size_t n = g->grid_ny, zero = g->margin, nyquist = zero + g->grid_nx / 2;                                 \
                                                                                                                        \
        for (size_t c = 0; c < g->stride; c++)                                                                          \
            for (int i = 0; i < 2; i++) {                                                                               \
                grid[c][i] += grid[n * g->stride + c][i];                                                               \
                grid[n * g->stride + c][i] = 0;                                                                         \
            }                                                                                                           \
        for (size_t r = 0; r < n; r++) {                                                                                \
            real(*const from)[2] = grid + r * g->stride;                                                                \
            real(*const to)[2] = grid + (r ? n - r : 0) * g->stride;                                                    \
            for (size_t k = 1; k <= zero; k++) {                                                                        \
                to[zero + k][0] += from[zero - k][0];                                                                   \
                to[zero + k][1] -= from[zero - k][1];                                                                   \
                from[zero - k][0] = from[zero - k][1] = 0;                                                              \
            }                                                                                                           \
        }                                                                                                               \
        /* The real transform counts columns 0 and N/2 once, the others with their mirror image. */                     \
        for (size_t edge = zero; edge <= nyquist; edge += nyquist - zero)                                               \
            for (size_t r = 0; r <= n / 2; r++) {                                                                       \
                real *const a = grid[r * g->stride + edge], *const b = grid[(r ? n - r : 0) * g->stride + edge];        \
                const real re = a[0] + b[0], im = a[1] - b[1];                                                          \
                a[0] = b[0] = re;                                                                                       \
                a[1] = im;                                                                                              \
                b[1] = -im;                                                                                             \
            }                                                                                                           \
    }                                                                                                                   \
                                                                                                                        \
    static void plane_##suffix(const ib_transform *t, real(*grid)[2], size_t columns, double scale, real *row,          \
                               float *image)                                                                            \
    {                                                                                                                   \
        const ib_geometry *g = &t->geometry;                                                                            \
        const size_t       left = g->nx / 2, right = g->nx - left, below = g->ny / 2;                                   \
        const size_t       mirror = 2 * g->margin + 1; /* folding reaches that far */                                   \
                                                                                                                        \
        fold_##suffix(g, grid);                                                                                         \
        columns = columns > mirror ? columns : mirror;                                                                  \
        columns = columns + BATCH < g->stride ? columns : g->stride - BATCH;                                            \
        for (size_t c = g->margin; c < columns && c <= g->margin + g->grid_nx / 2; c += BATCH)                          \
            fftw##_execute_dft(t->columns_##suffix, (void *)(grid + c), (void *)(grid + c));                            \
        for (size_t r = 0; r < g->grid_ny; r++) {                                                                       \
            real(*const line)[2] = grid + r * g->stride;                                                                \
            /* transform row r holds image rows at distance r, or r - N, from the centre */                             \
            const size_t j = r < g->ny - below         ? below + r                                                      \
                             : r >= g->grid_ny - below ? r + below - g->grid_ny                                         \
                                                       : g->ny;                                                         \
            if (j < g->ny) {                                                                                            \
                const real   y = (real)(scale * t->correct_y[j]);                                                       \
                float *const out = image + j * g->nx;                                                                   \
                fftw##_execute_dft_c2r(t->row_##suffix, (void *)(line + g->margin), row);                               \
                for (size_t i = 0; i < left; i++)                                                                       \
                    out[i] = (float)(row[g->grid_nx - left + i] * (y * (real)t->correct_x[i]));                         \
                for (size_t i = 0; i < right; i++)                                                                      \
                    out[left + i] = (float)(row[i] * (y * (real)t->correct_x[left + i]));                               \
            }                                                                                                           \
            /* the transform along u may leave anything in its whole half row */                                        \
            const size_t touched = j < g->ny ? g->margin + g->grid_nx / 2 + 1 : 0;                                      \
            memset(line, 0, (columns + BATCH > touched ? columns + BATCH : touched) * sizeof *line);                    \
        }                                                                                                               \
    }

PLANE(float, f, fftwf)
PLANE(double, d, fftw)

void ib_transform_plane(const ib_transform *t, void *grid, size_t columns, double sum_of_weights, void *row,
                        float *image)
{
    const double scale = 0.5 / sum_of_weights; /* half: the fold adds every sample and its mirror image */

    if (t->precision == IB_DOUBLE)
        plane_d(t, grid, columns, scale, row, image);
    else
        plane_f(t, grid, columns, scale, row, image);
}
