/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/measure.h"
#include "base/error.h"
#include "base/mem.h"
#include "gridder/fft.h"
#include "gridder/imager.h"
#include "gridder/kernel/textbook.h"
#include "model/simulate.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum {
    HELD = 8, /* channels that a kernel case goes through, so that samples are not all in cache */
};
#define UV_FILL 0.3 /* |u| of the longest baseline over the width of the uv plane */

/* ---- observations ------------------------------------------------------------------------------------------- */

/* clang-format off */
static const ib_workload workloads[] = {
    /* name  array      radius antennas rows channels corr side freq   width  dec   hours */
    {"A",   "vla-b",    6400,  27,  50000,  64, 2, 1000, 1.4e9, 62.5e3,  2.3, 8.0},
    {"A10", "vla-b",    6400,  27, 500000,   8, 2, 1000, 1.4e9, 62.5e3,  2.3, 8.0},
    {"B",   "alma-ext",  250,  43,  30000, 128, 2,  500, 220e9, 488e3, -35.8, 1.5},
};
/* clang-format on */

const ib_workload *ib_workload_at(size_t i)
{
    return i < sizeof workloads / sizeof *workloads ? &workloads[i] : NULL;
}

const ib_workload *ib_workload_find(const char *name)
{
    for (size_t i = 0; ib_workload_at(i); i++)
        if (!strcmp(workloads[i].name, name))
            return &workloads[i];
    return NULL;
}

struct ib_observation {
    ib_workload workload;
    ib_vis_info info;
    ib_extent   extent;
    double      cell; /* rad */
    size_t      n_row;
    double (*uvw)[3];
    int32_t (*antenna)[2];
    float (*vis)[2]; /* [chan][row][corr] */
    float   *weight; /* [row][corr] */
    uint8_t *flag;   /* [row][corr]: none; the same for all channels */
    uint8_t *use;    /* [row] */
};

/* One window of one field: all that the plan looks at. */
static ib_status describe(ib_observation *o, ib_error *err)
{
    const ib_workload *w = &o->workload;
    ib_vis_info       *info = &o->info;

    info->n_spw = info->n_field = 1;
    info->spw = ib_alloc_zero(1, sizeof *info->spw, "window", err);
    info->field = ib_alloc_zero(1, sizeof *info->field, "field", err);
    if (!info->spw || !info->field)
        return err->status;
    ib_spw *spw = info->spw;
    spw->n_row = o->n_row;
    spw->n_chan = w->n_chan;
    spw->n_corr = w->n_corr;
    static const int corr[] = {IB_RR, IB_RL, IB_LR, IB_LL};
    for (size_t k = 0; k < w->n_corr; k++)
        spw->corr[k] = corr[w->n_corr == 2 ? 3 * k : k];
    spw->chan = ib_alloc(w->n_chan, sizeof *spw->chan, "channels", err);
    spw->freq = ib_alloc(w->n_chan, sizeof *spw->freq, "channels", err);
    spw->width = ib_alloc(w->n_chan, sizeof *spw->width, "channels", err);
    if (!spw->chan || !spw->freq || !spw->width)
        return err->status;
    for (size_t c = 0; c < w->n_chan; c++) {
        spw->chan[c] = (int)c;
        spw->freq[c] = w->freq + ((double)c - (double)(w->n_chan / 2)) * w->width;
        spw->width[c] = w->width;
    }
    info->field->selected = true;
    return IB_OK;
}

static ib_status make_rows(ib_observation *o, ib_error *err)
{
    const ib_workload  *w = &o->workload;
    const ib_sim_array *array = ib_sim_array_find(w->array);
    const size_t        n_time = o->n_row / (w->n_antenna * (w->n_antenna - 1) / 2);
    double(*pad)[3] = ib_alloc(w->n_antenna, sizeof *pad, "antennas", err);
    size_t r = 0;

    o->uvw = ib_alloc(o->n_row, sizeof *o->uvw, "rows", err);
    o->antenna = ib_alloc(o->n_row, sizeof *o->antenna, "rows", err);
    if (!pad || !o->uvw || !o->antenna) {
        ib_free(pad);
        return err->status;
    }
    ib_sim_antennas(array, w->radius, w->n_antenna, pad);
    for (size_t t = 0; t < n_time; t++) {
        const double hour = n_time > 1 ? w->hours * ((double)t / (double)(n_time - 1) - 0.5) : 0;
        double       axes[3][3];
        ib_sim_axes(hour * IB_PI / 12, w->dec * IB_PI / 180, axes);
        for (size_t a = 0; a < w->n_antenna; a++)
            for (size_t b = a + 1; b < w->n_antenna; b++, r++) {
                const double apart[3] = {pad[a][0] - pad[b][0], pad[a][1] - pad[b][1], pad[a][2] - pad[b][2]};
                ib_sim_uvw((const double(*)[3])axes, apart, o->uvw[r]);
                o->antenna[r][0] = (int32_t)a;
                o->antenna[r][1] = (int32_t)b;
                o->extent.u = fmax(o->extent.u, fabs(o->uvw[r][0]));
                o->extent.v = fmax(o->extent.v, fabs(o->uvw[r][1]));
                o->extent.w = fmax(o->extent.w, fabs(o->uvw[r][2]));
                o->extent.uv = fmax(o->extent.uv, hypot(o->uvw[r][0], o->uvw[r][1]));
            }
    }
    ib_free(pad);
    return IB_OK;
}

/* Noise of unit variance: gridding takes any numbers for the same time. */
static ib_status make_samples(ib_observation *o, ib_error *err)
{
    const ib_workload *w = &o->workload;
    const uint32_t     key[2] = {20240521, 0};
    const size_t       each = o->n_row * w->n_corr;
    uint32_t          *row = ib_alloc(o->n_row, sizeof *row, "rows", err);
    float             *part = ib_alloc(2 * o->n_row, sizeof *part, "rows", err);

    o->vis = ib_alloc(w->n_chan * each, sizeof *o->vis, "samples", err);
    o->weight = ib_alloc(each, sizeof *o->weight, "samples", err);
    o->flag = ib_alloc_zero(each, 1, "samples", err);
    o->use = ib_alloc(o->n_row, 1, "rows", err);
    const bool ok = row && part && o->vis && o->weight && o->flag && o->use;
    for (size_t r = 0; ok && r < o->n_row; r++) {
        row[r] = (uint32_t)r;
        o->use[r] = 1;
    }
    for (size_t k = 0; ok && k < each; k++)
        o->weight[k] = 1;
    for (size_t s = 0; ok && s < w->n_chan * w->n_corr; s++) {
        float(*to)[2] = o->vis + s / w->n_corr * each + s % w->n_corr;
        ib_sim_gaussians(key, o->n_row, row, (uint32_t)s, part, part + o->n_row);
        for (size_t r = 0; r < o->n_row; r++) {
            to[r * w->n_corr][0] = part[r];
            to[r * w->n_corr][1] = part[o->n_row + r];
        }
    }
    ib_free(row);
    ib_free(part);
    return ok ? IB_OK : err->status;
}

ib_status ib_observation_create(ib_observation **out, const ib_workload *workload, ib_error *err)
{
    const size_t n_baseline = workload->n_antenna * (workload->n_antenna - 1) / 2;
    const size_t n_time = (workload->n_row + n_baseline / 2) / n_baseline;

    if (!workload->n_chan || workload->n_corr < 1 || workload->n_corr > 4 || workload->n_corr == 3 ||
        !ib_sim_array_find(workload->array))
        return ib_fail(err, IB_EINTERNAL, "workload %s makes no observation", workload->name);
    ib_observation *o = ib_alloc_zero(1, sizeof *o, "observation", err);
    if (!o)
        return err->status;
    o->workload = *workload;
    o->n_row = (n_time ? n_time : 1) * n_baseline;
    ib_status rc = describe(o, err);
    if (!rc)
        rc = make_rows(o, err);
    if (!rc)
        rc = make_samples(o, err);
    if (rc) {
        ib_observation_destroy(o);
        return rc;
    }
    const double highest = o->info.spw->freq[workload->n_chan - 1] / IB_LIGHT;
    o->cell = UV_FILL / (fmax(o->extent.u, o->extent.v) * highest);
    *out = o;
    return IB_OK;
}

void ib_observation_destroy(ib_observation *o)
{
    if (!o)
        return;
    ib_vis_info_clear(&o->info);
    ib_free(o->uvw);
    ib_free(o->antenna);
    ib_free(o->vis);
    ib_free(o->weight);
    ib_free(o->flag);
    ib_free(o->use);
    ib_free(o);
}

size_t ib_observation_rows(const ib_observation *o)
{
    return o->n_row;
}

/* ---- common ------------------------------------------------------------------------------------------------- */

static ib_config configure(const ib_observation *o, const char *isa, int precision, int support, double padding,
                           size_t side)
{
    ib_config cfg;

    ib_config_default(&cfg);
    cfg.isa = isa;
    cfg.precision = precision;
    cfg.support = support;
    cfg.padding = padding;
    cfg.imsize[0] = cfg.imsize[1] = (int64_t)side;
    cfg.cell[0] = cfg.cell[1] = o->cell;
    cfg.stokes = IB_PLANES_CORR;
    cfg.psf = cfg.check = 0;
    cfg.wterm = IB_WTERM_NONE;
    cfg.memory = INT64_C(1) << 40; /* the machine's own limit is the limit */
    return cfg;
}

static ib_status check_repeat(size_t n_repeat, ib_error *err)
{
    if (n_repeat < 1 || n_repeat > IB_MAX_REPEAT)
        return ib_fail(err, IB_EUSAGE, "%zu repetitions: between 1 and %d are taken", n_repeat, IB_MAX_REPEAT);
    return IB_OK;
}

/* Values of a case, one per repetition, `stride` apart. */
static ib_spread column(const double *value, size_t stride, size_t n)
{
    double list[IB_MAX_REPEAT];

    for (size_t r = 0; r < n; r++)
        list[r] = value[r * stride];
    return ib_spread_of(list, n);
}

/* ---- gridding ----------------------------------------------------------------------------------------------- */

/* clang-format off */
#define DECLARE(isa) void ib_textbook_##isa##_f32(const ib_textbook_job *), ib_textbook_##isa##_f64(const ib_textbook_job *), \
                          ib_textbook_mosaic_##isa##_f32(const ib_textbook_mosaic_job *),                                  \
                          ib_textbook_mosaic_##isa##_f64(const ib_textbook_mosaic_job *);
#define ROW(isa, name) {name, {ib_textbook_##isa##_f32, ib_textbook_##isa##_f64}, \
                              {ib_textbook_mosaic_##isa##_f32, ib_textbook_mosaic_##isa##_f64}}

DECLARE(base)
#ifdef __x86_64__
DECLARE(v3)
DECLARE(v4)
#endif

static const ib_textbook textbooks[] = { /* best last */
    ROW(base, IB_BASE),
#ifdef __x86_64__
    ROW(v3, "v3"),
    ROW(v4, "v4"),
#endif
};
/* clang-format on */

const ib_textbook *ib_textbook_best(void)
{
    size_t best = sizeof textbooks / sizeof *textbooks;

    while (--best > 0 && !ib_isa_find(textbooks[best].isa))
        ;
    return &textbooks[best];
}

const char *ib_measure_isa(size_t i)
{
    size_t n = 0;

    while (ib_isa_at(n))
        n++;
    while (n-- > 0)
        if (ib_isa_at(n)->usable() && i-- == 0)
            return ib_isa_at(n)->name;
    return NULL;
}

/* One case, ready to be repeated. */
typedef struct subject {
    const ib_observation *observation;
    ib_kernel_case        how;
    size_t                n_pass; /* channels gridded by each thread in one repetition */
    ib_config             cfg;
    ib_plan               plan;
    ib_convfn            *fn;
    ib_gridder            gridder;
    ib_order              order;
    ib_lane             **lane;    /* [thread] */
    ib_scratch          **scratch; /* [thread] */

    /* what the leaf loop is handed: [order.n] */
    int32_t *iu, *iv;
    void    *pu, *pv, *value; /* value: [order.n][planes] */
    void   **leaf;            /* [thread] scratch */

    /* the baseline */
    const ib_textbook *textbook;
    void              *taps, *plane[2]; /* table; values of each correlation */
    void             **grid;            /* [thread] */
} subject;

static void put(void *reals, int precision, size_t i, double x)
{
    if (precision == IB_DOUBLE)
        ((double *)reals)[i] = x;
    else
        ((float *)reals)[i] = (float)x;
}

static size_t real_size(int precision)
{
    return precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
}

/* Places and values in the order of the grid, straight from the definition (convfn.h), at the first channel. */
static ib_status make_leaf(subject *s, ib_error *err)
{
    const ib_observation *o = s->observation;
    const ib_geometry    *g = &s->plan.geometry;
    const ib_convfn      *fn = s->fn;
    const size_t          n = s->order.n, n_corr = o->workload.n_corr, real = real_size(s->how.precision);
    const double          wavenumber = o->info.spw->freq[0] / IB_LIGHT;
    const double          scale_u = wavenumber * g->cell[0] * (double)g->grid_nx;
    const double          scale_v = -wavenumber * g->cell[1] * (double)g->grid_ny;

    s->iu = ib_alloc_zero(n + IB_RANK, sizeof *s->iu, "samples", err);
    s->iv = ib_alloc_zero(n + IB_RANK, sizeof *s->iv, "samples", err);
    s->pu = ib_alloc_zero(n + IB_RANK, real, "samples", err);
    s->pv = ib_alloc_zero(n + IB_RANK, real, "samples", err);
    s->value = ib_alloc_zero(n, 2 * (size_t)g->planes * real, "samples", err);
    if (!s->iu || !s->iv || !s->pu || !s->pv || !s->value)
        return err->status;
    for (size_t k = 0; k < n; k++) {
        const size_t row = s->order.row[k] & IB_ROW_MASK;
        const double sign = s->order.row[k] & IB_CONJUGATED ? -1 : 1;
        const double u = s->order.u[k] * scale_u, v = s->order.v[k] * scale_v;
        const double tu = floor(u - 0.5 * g->support) + 1, tv = floor(v - 0.5 * g->support) + 1;

        s->iu[k] = (int32_t)tu + (int32_t)g->margin;
        s->iv[k] = (int32_t)tv + (int32_t)(g->grid_ny / 2);
        put(s->pu, s->how.precision, k, (tu + fn->half - u) * fn->oversampling - fn->first);
        put(s->pv, s->how.precision, k, (tv + fn->half - v) * fn->oversampling - fn->first);
        if (s->iu[k] < 0 || s->iv[k] < 0 || (size_t)s->iu[k] + (size_t)g->patch.patch_u > g->stride ||
            (size_t)s->iv[k] + (size_t)g->patch.patch_v > g->height)
            return ib_fail(err, IB_EUSAGE, "support %d reaches beyond the grid of workload %s; take a smaller one",
                           g->support, o->workload.name);
        for (size_t q = 0; q < n_corr; q++) {
            const size_t at = 2 * (k * (size_t)g->planes + q);
            put(s->value, s->how.precision, at, (double)o->vis[row * n_corr + q][0]);
            put(s->value, s->how.precision, at + 1, sign * (double)o->vis[row * n_corr + q][1]);
        }
    }
    return IB_OK;
}

static ib_status prepare_engine(subject *s, ib_error *err)
{
    const ib_observation *o = s->observation;
    const size_t          n_thread = (size_t)s->how.n_thread;
    ib_status rc = ib_convfn_create(&s->fn, s->cfg.kernel, s->how.support, (int)s->cfg.oversampling, s->plan.padding,
                                    s->cfg.lookup, s->how.precision, err);

    if (!rc)
        rc = ib_order_rows(&s->order, &s->plan.geometry, o->n_row, (const double(*)[3])o->uvw,
                           (const int32_t(*)[2])o->antenna, NULL, 1, o->info.spw->freq[0], 1, err);
    if (rc)
        return rc;
    s->gridder = (ib_gridder){.plan = &s->plan, .cfg = &s->cfg, .isa = ib_isa_find(s->how.isa), .fn = s->fn};
    s->lane = ib_alloc_zero(n_thread, sizeof *s->lane, "threads", err);
    s->scratch = ib_alloc_zero(n_thread, sizeof *s->scratch, "threads", err);
    s->leaf = ib_alloc_zero(n_thread, sizeof *s->leaf, "threads", err);
    if (!s->lane || !s->scratch || !s->leaf)
        return err->status;
    for (size_t t = 0; t < n_thread && !rc; t++) {
        rc = ib_lane_create(&s->lane[t], &s->plan, &s->cfg, err);
        if (!rc)
            rc = ib_scratch_create(&s->scratch[t], &s->plan, s->how.precision, err);
        if (!rc && !(s->leaf[t] = ib_alloc(1, IB_SCRATCH_BYTES, "scratch", err)))
            rc = err->status;
    }
    return rc ? rc : make_leaf(s, err);
}

static ib_status prepare_textbook(subject *s, ib_error *err)
{
    const ib_observation *o = s->observation;
    const ib_geometry    *g = &s->plan.geometry;
    const size_t n_thread = (size_t)s->how.n_thread, n_corr = o->workload.n_corr, real = real_size(s->how.precision);
    const int    oversampling = (int)s->cfg.oversampling, support = s->how.support;
    ib_status    rc = ib_convfn_create(&s->fn, s->cfg.kernel, support, oversampling, s->plan.padding, s->cfg.lookup,
                                       s->how.precision, err);
    if (rc)
        return rc;

    s->textbook = ib_textbook_best();
    s->taps = ib_alloc((size_t)(oversampling + 1) * (size_t)support, real, "table", err);
    s->grid = ib_alloc_zero(n_thread, sizeof *s->grid, "threads", err);
    if (!s->taps || !s->grid)
        return err->status;
    for (size_t t = 0; t < n_thread; t++)
        if (!(s->grid[t] = ib_alloc_zero(g->grid_nx * g->grid_ny, 2 * real, "grids", err)))
            return err->status;
    for (int row = 0; row <= oversampling; row++)
        for (int i = 0; i < support; i++)
            put(s->taps, s->how.precision, (size_t)(row * support + i),
                ib_convfn_value(s->fn, i - support / 2 + (double)row / oversampling - 0.5));
    for (size_t q = 0; q < n_corr; q++) {
        if (!(s->plane[q] = ib_alloc(2 * o->n_row, real, "samples", err)))
            return err->status;
        for (size_t k = 0; k < 2 * o->n_row; k++)
            put(s->plane[q], s->how.precision, k, (double)o->vis[k / 2 * n_corr + q][k % 2]);
    }
    return IB_OK;
}

/* Passes enough for a repetition to last, the same on every machine: small supports are quick. */
static size_t passes(size_t n_row, int support)
{
    const double n = fmin(16, 3e3 / ((double)support * support)) * fmin(1, 5e4 / (double)n_row);
    return n < 1 ? 1 : (size_t)n;
}

static ib_status prepare(subject *s, ib_error *err)
{
    const ib_observation *o = s->observation;
    const bool            baseline = !strcmp(s->how.isa, IB_TEXTBOOK);

    s->n_pass = passes(o->n_row, s->how.support);
    s->cfg = configure(o, baseline ? "auto" : s->how.isa, s->how.precision, s->how.support, 1.2, o->workload.side);
    ib_status rc = ib_plan_make(&s->plan, &s->cfg, &o->info, &o->extent, 1, s->how.n_thread, 0, err);
    if (rc)
        return rc;
    return baseline ? prepare_textbook(s, err) : prepare_engine(s, err);
}

static void finish(subject *s)
{
    for (int t = 0; t < s->how.n_thread; t++) {
        if (s->lane)
            ib_lane_destroy(s->lane[t]);
        if (s->scratch)
            ib_scratch_destroy(s->scratch[t]);
        if (s->leaf)
            ib_free(s->leaf[t]);
        if (s->grid)
            ib_free(s->grid[t]);
    }
    for (int q = 0; q < 2; q++)
        ib_free(s->plane[q]);
    void *const own[] = {s->value, s->lane, s->scratch, s->leaf, s->grid, s->iu, s->iv, s->pu, s->pv, s->taps};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        ib_free(own[i]);
    ib_order_clear(&s->order);
    ib_convfn_destroy(s->fn);
    ib_plan_clear(&s->plan, &s->observation->info);
}

static void add(subject *s, int thread)
{
    const ib_observation *o = s->observation;
    const ib_spw         *spw = o->info.spw;
    const size_t          held = spw->n_chan < HELD ? spw->n_chan : HELD;
    ib_plane_recipe       recipe[IB_MAX_STOKES];

    for (int p = 0; p < s->plan.n_stokes; p++)
        ib_plane_recipe_make(spw, s->plan.stokes[p], &recipe[p]);
    for (size_t pass = 0; pass < s->n_pass; pass++) {
        const size_t  c = (pass + (size_t)thread) % held;
        const ib_view view = {
            .spw = spw,
            .freq = spw->freq[c],
            .vis = (const float(*)[2])o->vis + c * o->n_row * spw->n_corr,
            .weight = o->weight,
            .flag = o->flag,
            .recipe = recipe,
            .uvw = (const double(*)[3])o->uvw,
            .use = o->use,
            .all = true,
            .n_row = o->n_row,
        };
        ib_lane_begin(s->lane[thread]);
        ib_lane_add(&s->gridder, s->lane[thread], &view, &s->order, 0, &s->scratch[thread], NULL, 1);
    }
}

static void add_leaf(subject *s, int thread)
{
    const ib_geometry *g = &s->plan.geometry;
    const size_t       real = real_size(s->how.precision);

    for (size_t pass = 0; pass < s->n_pass; pass++)
        for (size_t t = 0; t < ib_order_tiles(&s->order); t++) {
            const ib_tile *tile = &s->order.tile[t];
            for (size_t k = 0; k < tile->n; k += IB_BATCH) {
                const size_t      at = tile->first + k;
                const ib_tile_job job = {
                    .n = tile->n - k < IB_BATCH ? tile->n - k : IB_BATCH,
                    .iu = s->iu + at,
                    .iv = s->iv + at,
                    .pu = (const char *)s->pu + at * real,
                    .pv = (const char *)s->pv + at * real,
                    .planes = g->planes,
                    .value = (const char *)s->value + at * 2 * (size_t)g->planes * real,
                    .grid = s->lane[thread]->grid,
                    .stride = g->stride,
                    .patch = &g->patch,
                    .taps = s->fn->taps,
                    .tap_stride = s->fn->stride,
                    .linear = s->fn->lookup == IB_LINEAR,
                    .support = s->how.support,
                    .scratch = s->leaf[thread],
                };
                s->gridder.isa->grid[s->how.precision](&job);
            }
        }
}

static void add_textbook(subject *s, int thread)
{
    const ib_observation *o = s->observation;
    const ib_geometry    *g = &s->plan.geometry;
    const double          wavenumber = o->info.spw->freq[0] / IB_LIGHT;

    for (size_t pass = 0; pass < s->n_pass; pass++)
        for (size_t q = 0; q < o->workload.n_corr; q++) {
            const ib_textbook_job job = {
                .n = o->n_row,
                .uvw = (const double(*)[3])o->uvw,
                .scale = {wavenumber * g->cell[0] * (double)g->grid_nx, wavenumber * g->cell[1] * (double)g->grid_ny},
                .value = s->plane[q],
                .grid = s->grid[thread],
                .side = {(int)g->grid_nx, (int)g->grid_ny},
                .taps = s->taps,
                .support = s->how.support,
                .oversampling = (int)s->cfg.oversampling,
            };
            s->textbook->grid[s->how.precision](&job);
        }
}

/* Samples per second of all threads, from when the first begins until the last one ends. */
static double sample_rate(subject *s, void (*work)(subject *s, int thread))
{
    const ib_workload *w = &s->observation->workload;
    double             first = INFINITY, last = 0;

#pragma omp parallel num_threads(s->how.n_thread) reduction(min : first) reduction(max : last)
    {
#pragma omp barrier
        first = ib_now();
        work(s, omp_get_thread_num());
        last = ib_now();
    }
    return (double)(s->observation->n_row * w->n_corr * s->n_pass) * s->how.n_thread / (last - first);
}

/* The case that another one is compared with; n: none. */
static size_t baseline_of(const ib_kernel_case *cases, size_t n, size_t i)
{
    for (size_t b = 0; b < n; b++)
        if (!strcmp(cases[b].isa, IB_TEXTBOOK) && cases[b].precision == cases[i].precision &&
            cases[b].support == cases[i].support && cases[b].n_thread == cases[i].n_thread)
            return b;
    return n;
}

ib_status ib_measure_kernel(const ib_observation *observation, const ib_kernel_case *cases, size_t n, size_t n_repeat,
                            ib_kernel_rates *rates, ib_error *err)
{
    ib_status rc = check_repeat(n_repeat, err);
    subject  *subjects = NULL;
    double   *value = NULL; /* [repetition][case][add, leaf, factor] */

    if (rc)
        return rc;
    subjects = ib_alloc_zero(n, sizeof *subjects, "cases", err);
    value = ib_alloc(n * n_repeat, 3 * sizeof *value, "rates", err);
    if (!subjects || !value) {
        rc = err->status;
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        subjects[i].observation = observation;
        subjects[i].how = cases[i];
    }
    for (size_t i = 0; i < n; i++)
        if ((rc = prepare(&subjects[i], err)))
            goto done;

    for (size_t r = 0; r <= n_repeat; r++) { /* the first one warms up; the next one overwrites it */
        double *now = value + (r ? r - 1 : 0) * n * 3;
        for (size_t i = 0; i < n; i++) {
            now[3 * i] = sample_rate(&subjects[i], subjects[i].textbook ? add_textbook : add);
            now[3 * i + 1] = subjects[i].textbook ? (double)NAN : sample_rate(&subjects[i], add_leaf);
        }
        for (size_t i = 0; i < n; i++) {
            const size_t b = baseline_of(cases, n, i);
            now[3 * i + 2] = b < n ? now[3 * i] / now[3 * b] : (double)NAN;
        }
    }
    for (size_t i = 0; i < n; i++) {
        rates[i].add = column(value + 3 * i, 3 * n, n_repeat);
        rates[i].leaf = column(value + 3 * i + 1, 3 * n, n_repeat);
        rates[i].factor = column(value + 3 * i + 2, 3 * n, n_repeat);
    }
done:
    for (size_t i = 0; subjects && i < n; i++)
        finish(&subjects[i]);
    ib_free(subjects);
    ib_free(value);
    return rc;
}

/* ---- transform ---------------------------------------------------------------------------------------------- */

/* What the model of bounds looks at (limits.h), but counts. */
static ib_result describe_plan(const ib_plan *plan, const ib_config *cfg)
{
    const ib_geometry *g = &plan->geometry;

    return (ib_result){.nx = g->nx,
                       .ny = g->ny,
                       .grid_nx = g->grid_nx,
                       .grid_ny = g->grid_ny,
                       .columns = plan->columns,
                       .n_chan = plan->n_chan,
                       .n_stokes = (size_t)plan->n_stokes,
                       .n_plane = plan->n_chan * (size_t)plan->n_grid,
                       .support = (int)cfg->support,
                       .precision = cfg->precision};
}

/* One shape, ready to be repeated. */
typedef struct shape {
    ib_fft_case   how;
    ib_config     cfg;
    ib_plan       plan;
    ib_convfn    *fn;
    ib_transform *transform;
    ib_touched    touched[2]; /* all; covered */
    size_t        n_repeat;   /* grids that each thread transforms in one repetition */
    int           n_grid;     /* held: one per thread, or one for all */
    void        **grid, **work;
    float       **image; /* [n_grid]; work [thread] */
} shape;

static ib_status prepare_shape(shape *s, const ib_observation *o, ib_error *err)
{
    const size_t n_thread = (size_t)s->how.n_thread;
    char        *wisdom = NULL, origin[80];

    s->cfg = configure(o, "auto", s->how.precision, 7, 1.2, s->how.side);
    ib_status          rc = ib_plan_make(&s->plan, &s->cfg, &o->info, &o->extent, 1, s->how.n_thread, 0, err);
    const ib_geometry *g = &s->plan.geometry;
    if (!rc)
        rc = ib_convfn_create(&s->fn, s->cfg.kernel, 7, (int)s->cfg.oversampling, s->plan.padding, s->cfg.lookup,
                              s->how.precision, err);
    if (!rc)
        rc = ib_transform_wisdom(g, s->how.precision, &wisdom, origin, err);
    if (!rc)
        rc = ib_transform_create(&s->transform, g, s->fn, ib_isa_find("auto")->name, wisdom, err);
    ib_free(wisdom);
    if (rc)
        return rc;
    const size_t reach_u = (size_t)(UV_FILL * (double)g->grid_nx) + (size_t)g->patch.patch_u;
    const size_t reach_v = (size_t)(UV_FILL * (double)g->grid_ny) + (size_t)g->patch.patch_v;
    s->touched[0] = (ib_touched){g->margin + g->grid_nx / 2 + 1, 1, g->grid_ny};
    s->touched[1] = s->touched[0];
    if (reach_u < g->grid_nx / 2 && reach_v < g->grid_ny / 2)
        s->touched[1] = (ib_touched){g->margin + reach_u, g->grid_ny / 2 - reach_v, g->grid_ny / 2 + reach_v};
    const size_t pixels = s->how.side * s->how.side, enough = 1 << 20;
    s->n_repeat = pixels < enough / 64 ? 64 : pixels < enough ? enough / pixels : 1;
    s->n_grid = s->how.shared ? 1 : s->how.n_thread;

    s->grid = ib_alloc_zero(n_thread, sizeof *s->grid, "threads", err);
    s->work = ib_alloc_zero(n_thread, sizeof *s->work, "threads", err);
    s->image = ib_alloc_zero(n_thread, sizeof *s->image, "threads", err);
    if (!s->grid || !s->work || !s->image)
        return err->status;
    for (size_t t = 0; t < n_thread; t++)
        if (!(s->work[t] = ib_alloc(1, ib_transform_work(g, s->how.precision), "transform", err)))
            return err->status;
    for (int t = 0; t < s->n_grid; t++) {
        s->grid[t] = ib_alloc_zero(1, ib_grid_bytes(g, s->how.precision), "grids", err);
        s->image[t] = ib_alloc_zero(pixels, sizeof **s->image, "image", err);
        if (!s->grid[t] || !s->image[t])
            return err->status;
    }
    return IB_OK;
}

static void finish_shape(shape *s, const ib_observation *o)
{
    for (int t = 0; t < s->how.n_thread; t++) {
        if (s->grid)
            ib_free(s->grid[t]);
        if (s->work)
            ib_free(s->work[t]);
        if (s->image)
            ib_free(s->image[t]);
    }
    ib_free(s->grid);
    ib_free(s->work);
    ib_free(s->image);
    ib_transform_destroy(s->transform);
    ib_convfn_destroy(s->fn);
    ib_plan_clear(&s->plan, &o->info);
}

/* Anything but zeros (bytes that make 0.75, or 0.0005 in double) in the cells that gridding would have touched; the time
   of this is not counted. */
static void fill(const shape *s, void *grid, const ib_touched *touched)
{
    const ib_geometry *g = &s->plan.geometry;
    const size_t       cell = 2 * real_size(s->how.precision) * (size_t)g->planes;

    for (size_t r = touched->row_first; r < touched->row_end; r++)
        memset((char *)grid + (r * g->stride + g->margin) * cell, 0x3f, (touched->columns - g->margin) * cell);
}

/* All planes of a grid, by n_thread threads. */
static void transform_grid(const shape *s, void *grid, const ib_touched *touched, void *const *work, float *image,
                           int n_thread)
{
    const size_t side = s->how.side, n_band = ib_summary_bands(side);

    ib_transform_columns(s->transform, grid, touched, s->plan.n_grid, work, n_thread);
    for (int p = 0; p < s->plan.n_grid; p++)
#pragma omp parallel for num_threads(n_thread) default(none) shared(s, grid, touched, work, image, side, n_band, p)
        for (size_t band = 0; band < n_band; band++) {
            const size_t row = band * IB_BAND_ROWS, n = side - row < IB_BAND_ROWS ? side - row : IB_BAND_ROWS;
            ib_transform_rows(s->transform, grid, touched, p, 1, row, n, work[omp_get_thread_num()], image);
        }
}

/* Seconds that a plane takes, where the slowest thread makes it. */
static double plane_seconds(shape *s, const ib_touched *touched)
{
    const int together = s->how.shared ? s->how.n_thread : 1;
    double    slowest = 0;

#pragma omp parallel num_threads(s->n_grid) reduction(max : slowest)
    {
        const int t = omp_get_thread_num();
        double    own = 0;
        for (size_t k = 0; k < s->n_repeat; k++) {
            fill(s, s->grid[t], touched);
#pragma omp barrier
            const double start = ib_now();
            transform_grid(s, s->grid[t], touched, s->work + t, s->image[t], together);
            own += ib_now() - start;
        }
        slowest = own;
    }
    return slowest / (double)s->n_repeat / s->plan.n_grid;
}

ib_status ib_measure_fft(const ib_observation *observation, const ib_fft_case *cases, size_t n, size_t n_repeat,
                         ib_fft_times *times, ib_error *err)
{
    ib_status rc = check_repeat(n_repeat, err);
    shape    *shapes = NULL;
    double   *value = NULL; /* [repetition][case][full, covered] */

    if (rc)
        return rc;
    shapes = ib_alloc_zero(n, sizeof *shapes, "cases", err);
    value = ib_alloc(n * n_repeat, 2 * sizeof *value, "times", err);
    if (!shapes || !value) {
        rc = err->status;
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        shapes[i].how = cases[i];
    for (size_t i = 0; i < n; i++)
        if ((rc = prepare_shape(&shapes[i], observation, err)))
            goto done;

    for (size_t r = 0; r <= n_repeat; r++) /* as above */
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < 2; k++)
                value[(r ? r - 1 : 0) * 2 * n + 2 * i + k] = plane_seconds(&shapes[i], &shapes[i].touched[k]);
    for (size_t i = 0; i < n; i++) {
        ib_result plane = describe_plan(&shapes[i].plan, &shapes[i].cfg);
        plane.n_plane = 1;
        plane.columns = plane.grid_nx / 2 + 1;
        times[i] = (ib_fft_times){
            .grid = plane.grid_nx,
            .full = column(value + 2 * i, 2 * n, n_repeat),
            .covered = column(value + 2 * i + 1, 2 * n, n_repeat),
            .need = ib_phase_need(&plane, IB_PHASE_FFT),
        };
    }
done:
    for (size_t i = 0; shapes && i < n; i++)
        finish_shape(&shapes[i], observation);
    ib_free(shapes);
    ib_free(value);
    return rc;
}

/* ---- everything --------------------------------------------------------------------------------------------- */

static ib_status port_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    const ib_observation *o = self;
    const size_t          n_corr = o->workload.n_corr;

    (void)spw;
    (void)err;
    if (into->uvw)
        memcpy(into->uvw, o->uvw + rows.first, rows.n * sizeof *o->uvw);
    if (into->antenna)
        memcpy(into->antenna, o->antenna + rows.first, rows.n * sizeof *o->antenna);
    if (into->weight)
        memcpy(into->weight, o->weight + rows.first * n_corr, rows.n * n_corr * sizeof *o->weight);
    return IB_OK;
}

static ib_status port_read(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                           ib_error *err)
{
    const ib_observation *o = self;
    const size_t          n_corr = o->workload.n_corr, each = rows.n * n_corr;

    (void)spw;
    (void)err;
    for (size_t c = 0; c < chans.n; c++) {
        const size_t at = ((chans.first + c) * o->n_row + rows.first) * n_corr;
        memcpy(into->vis + c * each, o->vis + at, each * sizeof *o->vis);
        memcpy(into->flag + c * each, o->flag + rows.first * n_corr, each);
    }
    return IB_OK;
}

static ib_status port_write(void *self, ib_product product, const ib_plane *plane, ib_error *err)
{
    (void)self;
    (void)product;
    (void)plane;
    (void)err;
    return IB_OK;
}

static ib_status port_between(void *self, uint64_t done, ib_error *err)
{
    (void)self;
    (void)done;
    (void)err;
    return IB_OK;
}

static bool port_urgent(void *self)
{
    (void)self;
    return false;
}

/* One case: everything that is made before work starts. */
typedef struct line {
    const ib_observation *observation;
    ib_pipeline_case      how;
    ib_config             cfg;
    ib_plan               plan;
    ib_cube               cube;
    ib_port               port;
    char                 *wisdom;
    ib_outcome           *outcome;
} line;

static ib_status prepare_line(line *l, ib_error *err)
{
    const ib_observation *o = l->observation;
    const ib_geometry    *g = &l->plan.geometry;
    char                  origin[80];

    l->cfg = configure(o, l->how.isa, l->how.precision, l->how.support, l->how.padding, o->workload.side);
    l->cfg.mode = l->how.mfs ? IB_MFS : IB_CUBE;
    l->cfg.check = l->how.check;
    l->cfg.epsilon = l->how.epsilon;
    if (l->how.oversampling || l->how.epsilon > 0)
        l->cfg.oversampling = l->how.oversampling;
    ib_status rc = ib_plan_make(&l->plan, &l->cfg, &o->info, &o->extent, 1, l->how.n_thread, 0, err);
    if (!rc)
        rc = ib_transform_wisdom(g, l->how.precision, &l->wisdom, origin, err);
    if (rc)
        return rc;
    l->outcome = ib_alloc_zero(l->plan.n_unit, sizeof *l->outcome, "outcomes", err);
    l->cube = (ib_cube){
        .product = "dirty",
        .unit = "",
        .nx = g->nx,
        .ny = g->ny,
        .n_chan = l->plan.n_chan,
        .n_stokes = (size_t)l->plan.n_stokes,
        .n_bin = ib_histogram_bins(g->nx, g->ny),
        .n_mip = ib_mip_levels(g->nx, g->ny),
    };
    l->port =
        (ib_port){(void *)(uintptr_t)o, port_rows, port_read, true, port_write, port_between, port_urgent, NULL};
    return l->outcome ? IB_OK : err->status;
}

static void finish_line(line *l)
{
    ib_free(l->wisdom);
    ib_free(l->outcome);
    ib_plan_clear(&l->plan, &l->observation->info);
}

/* The image of all channels, from its shares, as run.c finishes it. */
static ib_status finish_shares(line *l, ib_imager *imager, ib_error *err)
{
    for (size_t k = 1; k < l->plan.n_unit; k++)
        for (int p = 0; p < l->plan.n_stokes; p++) {
            l->outcome[0].tally[p].weight += l->outcome[k].tally[p].weight;
            l->outcome[0].tally[p].counts.gridded += l->outcome[k].tally[p].counts.gridded;
        }
    return ib_imager_finish(imager, 0, l->outcome, err);
}

/* Seconds of all planes without the copy that stands for reading. A new engine every time: it would remember the order
   of the rows. */
static ib_status image_line(line *l, double *seconds, double phase[IB_N_PHASES], ib_error *err)
{
    const ib_observation *o = l->observation;
    ib_imager            *imager = NULL;
    ib_timers             timers;
    ib_status             rc =
        ib_imager_create(&imager, &l->plan, &l->cfg, &o->info, l->wisdom, &l->cube, l->how.n_thread, &l->port, err);
    if (rc)
        return rc;
    const double start = ib_now();
    rc = l->how.mfs ? ib_imager_mfs(imager, (ib_range){0, l->plan.n_unit}, 0, l->outcome, err)
                    : ib_imager_cube(imager, (ib_range){0, l->plan.n_unit}, l->outcome, err);
    if (!rc && l->how.mfs)
        rc = finish_shares(l, imager, err);
    *seconds = ib_now() - start;
    ib_imager_times(imager, &timers);
    *seconds -= timers.s[IB_PHASE_READ];
    memcpy(phase, timers.s, sizeof timers.s);
    ib_imager_destroy(imager);
    return rc;
}

static void summarise_line(const line *l, const double *value, const double (*phase)[IB_N_PHASES], size_t stride,
                           size_t n_repeat, ib_pipeline_times *out)
{
    const ib_workload *w = &l->observation->workload;
    ib_result          work = describe_plan(&l->plan, &l->cfg);
    size_t             nearest = 0;

    out->seconds = column(value, stride, n_repeat);
    for (size_t r = 1; r < n_repeat; r++)
        if (fabs(value[r * stride] - out->seconds.median) < fabs(value[nearest * stride] - out->seconds.median))
            nearest = r;
    memcpy(out->phase, phase[nearest * stride], sizeof out->phase);
    out->n_sample = l->observation->n_row * w->n_chan * w->n_corr;
    out->n_plane = l->plan.n_chan * w->n_corr;
    work.n_corr = w->n_corr;
    work.counts.read = work.counts.gridded = out->n_sample;
    for (int p = 0; p < IB_N_PHASES; p++)
        out->need[p] = ib_phase_need(&work, (ib_phase)p);
}

/* The case that differs from another one in threads and check alone, and has these; n: there is none. */
static size_t sibling(const ib_pipeline_case *cases, size_t n, size_t i, int n_thread, bool check)
{
    const ib_pipeline_case *c = &cases[i];
    size_t                  b = 0;

    while (b < n && !(cases[b].n_thread == n_thread && cases[b].check == check && cases[b].mfs == c->mfs &&
                      !strcmp(cases[b].isa, c->isa) && cases[b].precision == c->precision &&
                      cases[b].support == c->support && cases[b].padding == c->padding))
        b++;
    return b;
}

/* Repetition by repetition: seconds of case b over those of case i. */
static ib_spread ratio(const double *value, size_t n, size_t b, size_t i, size_t n_repeat)
{
    double list[IB_MAX_REPEAT];

    for (size_t r = 0; r < n_repeat; r++)
        list[r] = value[r * n + b] / value[r * n + i];
    return ib_spread_of(list, n_repeat);
}

/* What a case took against one thread, and against itself unchecked. */
static void compare_lines(const ib_pipeline_case *cases, size_t n, size_t i, const double *value, size_t n_repeat,
                          ib_pipeline_times *out)
{
    const size_t alone = sibling(cases, n, i, 1, cases[i].check);
    const size_t unchecked = sibling(cases, n, i, cases[i].n_thread, false);

    out->efficiency = out->check_cost = ib_spread_of(NULL, 0);
    if (cases[i].n_thread > 1 && alone < n)
        out->efficiency = ib_spread_scale(ratio(value, n, alone, i, n_repeat), 1.0 / cases[i].n_thread);
    if (cases[i].check && unchecked < n) {
        const ib_spread x = ratio(value, n, i, unchecked, n_repeat);
        out->check_cost = (ib_spread){x.min - 1, x.median - 1, x.max - 1};
    }
}

ib_status ib_measure_pipeline(const ib_observation *observation, const ib_pipeline_case *cases, size_t n,
                              size_t n_repeat, ib_pipeline_times *times, ib_error *err)
{
    ib_status rc = check_repeat(n_repeat, err);
    line     *lines = NULL;
    double   *value = NULL;             /* [repetition][case] */
    double(*phase)[IB_N_PHASES] = NULL; /* [repetition][case] */

    if (rc)
        return rc;
    lines = ib_alloc_zero(n, sizeof *lines, "cases", err);
    value = ib_alloc(n * n_repeat, sizeof *value, "times", err);
    phase = ib_alloc(n * n_repeat, sizeof *phase, "times", err);
    if (!lines || !value || !phase) {
        rc = err->status;
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        lines[i].observation = observation;
        lines[i].how = cases[i];
    }
    for (size_t i = 0; i < n; i++)
        if ((rc = prepare_line(&lines[i], err)))
            goto done;

    for (size_t r = 0; r <= n_repeat; r++) /* as above */
        for (size_t i = 0; i < n; i++) {
            const size_t at = (r ? r - 1 : 0) * n + i;
            if ((rc = image_line(&lines[i], &value[at], phase[at], err)))
                goto done;
        }
    for (size_t i = 0; i < n; i++) {
        summarise_line(&lines[i], value + i, (const double(*)[IB_N_PHASES])phase + i, n, n_repeat, &times[i]);
        compare_lines(cases, n, i, value, n_repeat, &times[i]);
    }
done:
    for (size_t i = 0; lines && i < n; i++)
        finish_line(&lines[i]);
    ib_free(lines);
    ib_free(value);
    ib_free(phase);
    return rc;
}

/* ---- choice ------------------------------------------------------------------------------------------------- */

enum { FINALISTS = 6, MOST_SUPPORT = 16, MAX_TRIALS = 500 };

typedef struct trial {
    ib_choice choice;
    double    least[2]; /* s of an image channel, of all repetitions so far */
} trial;

static double total(const double seconds[2])
{
    return seconds[0] + seconds[1];
}

/* All channels twice, by an engine of its own, so that luck with pages of memory differs. The second time counts: it finds
   the grid in cache, as most channels of a cube do. `how` says the rest; verdict may be NULL. */
static ib_status repeat_trial(trial *t, const ib_observation *o, ib_pipeline_case how, double seconds[2],
                              ib_verdict *verdict, ib_error *err)
{
    static const ib_phase phase[2] = {[IB_GRID_WORK] = IB_PHASE_GRID, [IB_FFT_WORK] = IB_PHASE_FFT};
    line                  l = {.observation = o, .how = how};
    ib_imager            *imager = NULL;
    ib_timers             before, after;

    l.how.epsilon = 0;
    l.how.support = t->choice.support;
    l.how.padding = t->choice.padding;
    l.how.oversampling = t->choice.oversampling;
    ib_status rc = prepare_line(&l, err);
    if (!rc)
        rc = ib_imager_create(&imager, &l.plan, &l.cfg, &o->info, l.wisdom, &l.cube, 1, &l.port, err);
    if (!rc)
        rc = ib_imager_cube(imager, (ib_range){0, l.plan.n_unit}, l.outcome, err);
    if (!rc) {
        ib_imager_times(imager, &before);
        rc = ib_imager_cube(imager, (ib_range){0, l.plan.n_unit}, l.outcome, err);
        ib_imager_times(imager, &after);
    }
    for (int part = 0; part < 2 && !rc; part++)
        seconds[part] = (after.s[phase[part]] - before.s[phase[part]]) / (double)l.plan.n_unit;
    if (!rc && total(seconds) < total(t->least))
        memcpy(t->least, seconds, sizeof t->least);
    if (!rc && verdict)
        *verdict = ib_imager_verdict(imager);
    ib_imager_destroy(imager);
    finish_line(&l);
    return rc;
}

/* The choice first, then all that reach the accuracy: at each padding the least support that does, and a few more. */
static ib_status list_trials(trial *trials, size_t *n, const ib_observation *o, const ib_pipeline_case *how, int step,
                             ib_error *err)
{
    const int more_supports = step > 1 ? 1 : 2;
    line      l = {.observation = o, .how = *how};
    ib_status rc = prepare_line(&l, err);
    ib_config open_cfg = l.cfg; /* as it was before the choice */

    *n = 0;
    if (rc)
        goto done;
    open_cfg.support = open_cfg.oversampling = 0;
    open_cfg.padding = 0;
    const ib_imaging       task = ib_plan_imaging(&l.plan, &open_cfg, &o->info, &o->extent);
    const ib_choice *const chosen = &l.plan.choice;
    trials[(*n)++].choice = *chosen;
    size_t grid = 0;
    for (int i = 0; ib_choice_padding(i) > 0; i += step) {
        const size_t before = grid;
        int          more = 0;
        for (int support = 3; support <= MOST_SUPPORT && more <= more_supports && *n < MAX_TRIALS; support++) {
            ib_choice *c = &trials[*n].choice;
            ib_choice_predict(&task, support, ib_choice_padding(i), c);
            if (c->grid_nx == before)
                break;
            if (!ib_choice_reaches(&task, c))
                continue;
            grid = c->grid_nx;
            more++;
            *n += c->support != chosen->support || c->grid_nx != chosen->grid_nx;
        }
    }
    for (size_t k = 0; k < *n; k++)
        trials[k].least[0] = trials[k].least[1] = INFINITY;
done:
    finish_line(&l);
    return rc;
}

/* A row of the normal equations: the errors of predictions count relative to the whole time. */
static void add_to_fit(ib_cost_fit *fit, const ib_choice *c, int precision, const double seconds[2])
{
    for (int part = 0; part < 2; part++)
        for (int i = 0; i < IB_WORK; i++) {
            const double row = c->work[part][i] / total(seconds);
            for (int k = 0; k < IB_WORK; k++)
                fit->part[precision][part].square[i][k] += row * c->work[part][k] / total(seconds);
            fit->part[precision][part].product[i] += row * seconds[part] / total(seconds);
        }
    fit->n[precision]++;
}

/* No cost is negative, and a hundredth of the weight is on the present table, which decides where work grows alike:
   coordinate descent from there. */
void ib_cost_fit_solve(ib_cost_fit *fit)
{
    enum { SWEEPS = 20000 };

    for (int precision = 0; precision < 2; precision++)
        for (int part = 0; part < 2; part++) {
            const double *const old = ib_choice_costs(precision, (ib_work)part);
            double *const       ns = fit->part[precision][part].ns;
            memcpy(ns, old, IB_WORK * sizeof *ns);
            for (int k = 0; k < SWEEPS * IB_WORK; k++) {
                const int     i = k % IB_WORK;
                const double *row = fit->part[precision][part].square[i];
                double        left = fit->part[precision][part].product[i] + 0.01 * row[i] * (old[i] - ns[i]);
                for (int j = 0; j < IB_WORK; j++)
                    left -= row[j] * ns[j];
                if (row[i] > 0)
                    ns[i] = fmax(0, ns[i] + left / (1.01 * row[i]));
            }
        }
}

static ib_candidate candidate_of(const trial *t, const double *value, size_t stride, size_t n_repeat)
{
    const ib_choice *c = &t->choice;
    ib_candidate     out = {c->support,
                            c->oversampling,
                            c->padding,
                            c->grid_nx,
                            {c->seconds[0], c->seconds[1]},
                            {column(value, stride, n_repeat), column(value + 1, stride, n_repeat)}};
    return out;
}

/* The fastest ones and the choice in turns, n_repeat times and at least for a second. trials[0] is the choice, the others
   are sorted. */
static ib_status run_final(trial *trials, size_t n, const ib_observation *o, ib_pipeline_case how, size_t n_repeat,
                           ib_scan *out, ib_error *err)
{
    double       value[IB_MAX_REPEAT][FINALISTS][2];
    const size_t stride = sizeof value[0] / sizeof(double);
    const double start = ib_now();
    size_t       best = 0, done = 0;
    ib_status    rc = IB_OK;

    for (; !rc && done < IB_MAX_REPEAT && (done < n_repeat || ib_now() - start < 1); done++)
        for (size_t k = 0; k < n && !rc; k++)
            rc = repeat_trial(&trials[k], o, how, value[done][k], NULL, err);
    if (rc)
        return rc;
    for (size_t k = 1; k < n; k++)
        if (total(trials[k].least) < total(trials[best].least))
            best = k;
    out->ratio = total(trials[0].least) / total(trials[best].least);
    out->choice = candidate_of(&trials[0], value[0][0], stride, done);
    out->best = candidate_of(&trials[best], value[0][best], stride, done);
    return IB_OK;
}

static int by_time(const void *a, const void *b)
{
    const double x = total(((const trial *)a)->least), y = total(((const trial *)b)->least);
    return (x > y) - (x < y);
}

ib_status ib_measure_choice(const ib_observation *observation, double epsilon, int precision, const char *isa,
                            int step, size_t n_repeat, ib_cost_fit *fit, ib_scan *out, ib_error *err)
{
    ib_pipeline_case how = {.isa = isa, .precision = precision, .n_thread = 1, .epsilon = epsilon};
    double           seconds[2];
    ib_verdict       verdict = {0};
    trial           *trials = NULL;
    ib_status        rc = check_repeat(n_repeat, err);

    if (rc)
        return rc;
    trials = ib_alloc_zero(MAX_TRIALS + 1, sizeof *trials, "candidates", err);
    if (!trials)
        return err->status;
    rc = list_trials(trials, &out->n_candidate, observation, &how, step, err);
    for (size_t k = 0; k < out->n_candidate && !rc; k++) {
        for (int r = 0; r < 2 && !rc; r++) /* the better of two */
            rc = repeat_trial(&trials[k], observation, how, seconds, NULL, err);
        if (!rc)
            add_to_fit(fit, &trials[k].choice, precision, trials[k].least);
    }
    if (rc)
        goto done;
    qsort(trials + 1, out->n_candidate - 1, sizeof *trials, by_time);
    rc = run_final(trials, out->n_candidate < FINALISTS ? out->n_candidate : FINALISTS, observation, how, n_repeat,
                   out, err);
    if (rc)
        goto done;
    how.check = true;
    rc = repeat_trial(trials, observation, how, seconds, &verdict, err);
    out->promised = verdict.promised;
    out->measured = verdict.measured;
done:
    ib_free(trials);
    return rc;
}
