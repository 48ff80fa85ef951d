/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/grid.h"
#include "base/mem.h"
#include "base/trace.h"
#include "gridder/kernel/depth.h"
#include "gridder/phasor.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    PIECE = 1 << 14, /* rows weighed at a time: fixed, because the order of additions depends on it */
    MOST_PIECES = IB_BLOCK_ROWS / PIECE,
    DIRECT = 8 * IB_DIRECT_BLOCK, /* rows collected at a time for the direct sum */
    AHEAD = 24,                   /* samples fetched ahead: the latency of memory over the time of a sample */
    PLACES = IB_BATCH + IB_RANK   /* what leaf loops may read */
};

struct ib_scratch {
    int32_t    iu[PLACES], iv[PLACES];
    double     pu[PLACES], pv[PLACES]; /* or floats, as the precision says */
    double     w[IB_BATCH];            /* m */
    void      *sample;                 /* real [IB_BATCH][record][2] */
    void      *value;                  /* real [IB_BATCH][planes][2]: the samples, or their terms */
    void      *leaf;
    int32_t   *pair, *pointing; /* mosaic: [IB_BATCH] of the samples */
    ib_touched touched;         /* by this thread */

    /* the direct sum of this thread, and samples collected for it */
    ib_direct direct;
    double    direct_u[DIRECT], direct_v[DIRECT], direct_w[DIRECT]; /* m */
    double    direct_value[DIRECT][2], direct_weight[DIRECT];       /* or floats, as the precision says */
};

static size_t real_size(int precision)
{
    return precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
}

ib_status ib_scratch_create(ib_scratch **out, const ib_plan *plan, int precision, ib_error *err)
{
    const ib_geometry *g = &plan->geometry;
    const size_t       complex = 2 * real_size(precision);
    ib_scratch        *s = ib_alloc_zero(1, sizeof *s, "scratch", err);

    if (!s)
        return err->status;
    s->leaf = ib_alloc(1, IB_SCRATCH_BYTES, "scratch", err);
    s->value = ib_alloc(IB_BATCH, (size_t)g->planes * complex, "scratch", err);
    s->sample = g->w.n_term ? ib_alloc(IB_BATCH, (size_t)g->record * complex, "scratch", err) : s->value;
    if (plan->mosaic.primary && (s->pair = ib_alloc(2 * IB_BATCH, sizeof *s->pair, "scratch", err)))
        s->pointing = s->pair + IB_BATCH;
    if (!s->leaf || !s->value || !s->sample || (plan->mosaic.primary && !s->pair)) {
        ib_scratch_destroy(s);
        return err->status;
    }
    *out = s;
    return IB_OK;
}

void ib_scratch_destroy(ib_scratch *s)
{
    if (!s)
        return;
    if (s->sample != s->value)
        ib_free(s->sample);
    ib_free(s->value);
    ib_free(s->pair);
    ib_free(s->leaf);
    ib_free(s);
}

ib_status ib_lane_create(ib_lane **out, const ib_plan *plan, const ib_config *cfg, ib_error *err)
{
    const ib_geometry *g = &plan->geometry;
    const size_t real = real_size(cfg->precision), record = (size_t)g->record, n_stokes = (size_t)plan->n_stokes;
    ib_lane     *lane = ib_alloc_zero(1, sizeof *lane, "grids", err);
    bool         ok = lane != NULL;

    if (ok && plan->mode == IB_CUBE) /* else the tree of partial sums lends it */
        ok = (lane->grid = ib_alloc_zero(1, ib_grid_bytes(g, cfg->precision), "grids", err));
    ok = ok && (lane->value = ib_alloc_zero(plan->max_rows * 2 * record, real, "weighted samples", err));
    if (ok && plan->mosaic.primary)
        ok = (lane->response = ib_alloc(plan->mosaic.n_kind, sizeof *lane->response, "weighted samples", err));
    if (ok && plan->psf && !plan->mosaic.primary) { /* the samples of a mosaic's PSF are complex */
        lane->weight = (char *)lane->value + 2 * n_stokes * real;
        lane->weight_row = 2 * record;
        lane->weight_plane = 2;
    } else if (ok) {
        lane->weight = lane->own_weight = ib_alloc_zero(plan->max_rows * n_stokes, real, "weighted samples", err);
        lane->weight_row = n_stokes;
        lane->weight_plane = 1;
        ok = lane->weight != NULL;
    }
    for (int p = 0; ok && plan->needs_density && p < plan->n_stokes; p++)
        ok = !ib_density_create(&lane->density[p], g->nx, g->ny, g->cell, cfg->density_rule, err);
    if (!ok) {
        ib_lane_destroy(lane);
        return err->status;
    }
    ib_lane_begin(lane);
    *out = lane;
    return IB_OK;
}

void ib_lane_destroy(ib_lane *lane)
{
    if (!lane)
        return;
    for (int p = 0; p < IB_MAX_STOKES; p++)
        ib_density_destroy(lane->density[p]);
    ib_free(lane->grid);
    ib_free(lane->sum);
    ib_free(lane->value);
    ib_free(lane->own_weight);
    ib_free(lane->response);
    ib_free(lane);
}

static const ib_touched nothing = {0, SIZE_MAX, 0};

void ib_lane_begin(ib_lane *lane)
{
    memset(lane->tally, 0, sizeof lane->tally);
    lane->touched = nothing;
    lane->direct_plane = -1;
}

/* ---- weights, row by row ---------------------------------------------------------------------------------------- */

static double get(const void *reals, bool single, size_t i)
{
    return single ? (double)((const float *)reals)[i] : ((const double *)reals)[i];
}

static void put(void *reals, bool single, size_t i, double x)
{
    if (single)
        ((float *)reals)[i] = (float)x;
    else
        ((double *)reals)[i] = x;
}

static void scale(void *reals, bool single, size_t i, double by)
{
    if (single)
        ((float *)reals)[i] = (float)(((const float *)reals)[i] * by);
    else
        ((double *)reals)[i] *= by;
}

/* Where the weight of a sample stands, in reals: in the place of its PSF, or in an array of its own. */
static size_t weight_at(const ib_lane *lane, size_t row, int p)
{
    return row * lane->weight_row + (size_t)p * lane->weight_plane;
}

/* Every correlation is a plane: they are weighed together. */
static bool is_plain(const ib_plan *plan, const ib_view *view)
{
    if ((size_t)plan->n_stokes != view->spw->n_corr)
        return false;
    for (int p = 0; p < plan->n_stokes; p++)
        if (view->recipe[p].n_in != 1 || view->recipe[p].in[0] != p)
            return false;
    return true;
}

/* Weighted samples of `side` planes from p on with natural weights, for rows [first, first + n). */
static void weigh_naturally(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, int p, int side,
                            size_t first, size_t n, ib_tally *tally)
{
    const ib_plane_recipe *recipe = &view->recipe[p];
    const size_t           real = real_size(gridder->fn->precision), n_corr = view->spw->n_corr;
    const size_t           value_step = 2 * (size_t)gridder->plan->geometry.record;
    ib_weigh_job           job = {
                  .n_row = n,
                  .n_corr = n_corr,
                  .vis = view->vis + first * n_corr,
                  .weight = view->weight + first * n_corr,
                  .flag = view->flag + first * n_corr,
                  .use = view->use + first,
                  .all = view->all,
                  .side = side,
                  .n_in = recipe->n_in,
                  .in = {recipe->in[0], recipe->in[1]},
                  .factor = {{recipe->factor[0][0], recipe->factor[0][1]}, {recipe->factor[1][0], recipe->factor[1][1]}},
                  .rule = gridder->cfg->stokes_weight,
                  .value_step = value_step,
                  .weight_step = lane->weight_row,
                  .weight_side = lane->weight_plane,
                  .value = (char *)lane->value + (first * value_step + 2 * (size_t)p) * real,
                  .natural = (char *)lane->weight + weight_at(lane, first, p) * real,
    };

    if (!recipe->n_in) { /* this window has nothing for the plane */
        for (size_t r = 0; r < n; r++) {
            memset((char *)job.value + r * value_step * real, 0, 2 * real);
            memset((char *)job.natural + r * lane->weight_row * real, 0, real);
        }
        return;
    }
    gridder->isa->weigh[gridder->fn->precision](&job);
    for (int k = 0; k < side; k++) {
        tally[p + k].counts.flagged += job.flagged[k];
        tally[p + k].counts.not_finite += job.not_finite[k];
        tally[p + k].counts.weightless += job.weightless[k];
        tally[p + k].counts.gridded += job.good[k];
        tally[p + k].weight += job.total[k];
    }
}

static void weigh_planes(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, size_t first, size_t n,
                         ib_tally *tally)
{
    const int n_stokes = gridder->plan->n_stokes, side = is_plain(gridder->plan, view) ? n_stokes : 1;

    for (int p = 0; p < n_stokes; p += side)
        weigh_naturally(gridder, lane, view, p, side, first, n, tally);
}

/* From natural to imaging weights: density, then taper (imaging-spec 5). Beyond the grid of densities there is none:
   such samples count as outside. */
static void weigh_for_imaging(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, int p,
                              size_t first, size_t n, ib_tally *tally)
{
    const bool   single = gridder->fn->precision == IB_SINGLE;
    const double wavenumber = view->freq / IB_LIGHT;
    const size_t value_step = 2 * (size_t)gridder->plan->geometry.record;

    tally->weight = 0;
    tally->counts.gridded = 0;
    for (size_t r = first; r < first + n; r++) {
        const size_t at = weight_at(lane, r, p), value = r * value_step + 2 * (size_t)p;
        const double natural = get(lane->weight, single, at);
        if (!(natural > 0))
            continue;
        const double u = view->uvw[r][0] * wavenumber, v = view->uvw[r][1] * wavenumber;
        double       w = natural;
        if (gridder->plan->needs_density)
            w = ib_imaging_weight(&lane->weighting[p], lane->density[p], u, v, natural);
        tally->counts.outside += !(w > 0);
        if (w > 0) {
            if (gridder->cfg->taper[0] > 0)
                w *= ib_taper(gridder->cfg->taper, u, v);
            if (!(single ? (float)w > 0 : w > 0)) { /* nothing is left of it */
                tally->counts.weightless++;
                w = 0;
            }
        }
        scale(lane->value, single, value, w / natural);
        scale(lane->value, single, value + 1, w / natural);
        scale(lane->weight, single, at, w / natural);
        tally->weight += get(lane->weight, single, at);
        tally->counts.gridded += w > 0;
    }
}

void ib_lane_weigh(const ib_gridder *gridder, ib_lane *lane, const ib_view *view)
{
    const double wavenumber = view->freq / IB_LIGHT;
    ib_tally     unused[IB_MAX_STOKES] = {{0}};

    weigh_planes(gridder, lane, view, 0, view->n_row, unused);
    for (int p = 0; p < gridder->plan->n_stokes; p++)
        for (size_t r = 0; r < view->n_row; r++) {
            const double natural = get(lane->weight, gridder->fn->precision == IB_SINGLE, weight_at(lane, r, p));
            if (natural > 0)
                ib_density_add(lane->density[p], view->uvw[r][0] * wavenumber, view->uvw[r][1] * wavenumber, natural);
        }
}

/* Move the samples to the centre of the image (imaging-spec 1.6). */
static void turn(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, size_t first, size_t n)
{
    enum { SOME = 256 };
    const bool   single = gridder->fn->precision == IB_SINGLE;
    const size_t step = 2 * (size_t)gridder->plan->geometry.record;
    double       turns[SOME], phase[SOME][2];

    for (size_t r = first, m; r < first + n; r += m) {
        m = first + n - r < SOME ? first + n - r : SOME;
        for (size_t k = 0; k < m; k++)
            turns[k] = view->use[r + k] ? -view->path[r + k] * view->freq / IB_LIGHT : 0;
        ib_phasors(m, turns, phase);
        for (size_t k = 0; k < m; k++)
            for (int p = 0; p < gridder->plan->n_stokes; p++) {
                const size_t at = (r + k) * step + 2 * (size_t)p;
                const double re = get(lane->value, single, at), im = get(lane->value, single, at + 1);
                put(lane->value, single, at, re * phase[k][0] - im * phase[k][1]);
                put(lane->value, single, at + 1, re * phase[k][1] + im * phase[k][0]);
            }
    }
}

/* The samples of a mosaic's PSF: those of a source of 1 Jy at one pixel, or 1 at the centre of the image, as their pointings see
   it (imaging-spec 4.4). Like the visibilities themselves they are phased to their own field. */
static void respond(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, size_t first, size_t n)
{
    enum { SOME = 256 };
    const ib_mosaic *mosaic = &gridder->plan->mosaic;
    const bool       single = gridder->fn->precision == IB_SINGLE;
    const int        n_stokes = gridder->plan->n_stokes;
    const size_t     step = 2 * (size_t)gridder->plan->geometry.record;
    const double     wavenumber = view->freq / IB_LIGHT;
    double           turns[SOME], phase[SOME][2];

    for (size_t r = first, m; r < first + n; r += m) {
        m = first + n - r < SOME ? first + n - r : SOME;
        for (size_t k = 0; k < m; k++) {
            const double *uvw = view->uvw[r + k], *at = mosaic->centre->pointing[view->kind[r + k] / mosaic->n_pair];
            turns[k] = view->use[r + k]
                           ? wavenumber * (uvw[0] * (mosaic->at[0] - at[0]) + uvw[1] * (mosaic->at[1] - at[1]))
                           : 0;
        }
        ib_phasors(m, turns, phase);
        for (size_t k = 0; k < m; k++)
            for (int p = 0; p < n_stokes; p++) {
                const double w =
                    get(lane->weight, single, weight_at(lane, r + k, p)) * lane->response[view->kind[r + k]];
                const size_t at = (r + k) * step + 2 * (size_t)(n_stokes + p);
                put(lane->value, single, at, w * phase[k][0]);
                put(lane->value, single, at + 1, w * phase[k][1]);
            }
    }
}

/* Weighted samples of all planes for a piece of the rows. Everything usable counts as gridded for now: what turns out to
   lie outside is taken away again. */
static void prepare(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, size_t first, size_t n,
                    ib_tally *tally)
{
    weigh_planes(gridder, lane, view, first, n, tally);
    if (gridder->plan->needs_density || gridder->cfg->taper[0] > 0)
        for (int p = 0; p < gridder->plan->n_stokes; p++)
            weigh_for_imaging(gridder, lane, view, p, first, n, &tally[p]);
    if (view->path)
        turn(gridder, lane, view, first, n);
    if (gridder->kernels && gridder->plan->psf)
        respond(gridder, lane, view, first, n);
}

/* ---- a batch, in grid order ---------------------------------------------------------------------------------------- */

/* First cells at which a support still lies on the padded grid (imaging-spec 3.6), as columns and rows of the half
   plane. A conjugated sample's support is mirrored: it may end on the Nyquist line and may not begin on it. */
typedef struct bounds {
    int32_t low_v[2], high_u[2], high_v[2];
} bounds;

static bounds grid_bounds(const ib_geometry *g)
{
    const int32_t column0 = (int32_t)g->margin, half_u = (int32_t)(g->grid_nx / 2);
    const int32_t n_v = (int32_t)g->grid_ny, w = g->support;
    return (bounds){{0, 1}, {column0 + half_u - w, column0 + half_u - w + 1}, {n_v - w, n_v - w + 1}};
}

static ib_cells locate(const ib_gridder *gridder, const ib_view *view, const ib_order *order, size_t first, size_t n,
                       const bounds *b, ib_scratch *s)
{
    const ib_geometry *g = &gridder->plan->geometry;
    const double       wavenumber = view->freq / IB_LIGHT;
    ib_locate_job      job = {
             .n = n,
             .u = order->u + first,
             .v = order->v + first,
             .scale_u = wavenumber * g->cell[0] * (double)g->grid_nx,
             .scale_v = -wavenumber * g->cell[1] * (double)g->grid_ny,
             .origin_u = (double)g->margin,
             .origin_v = (double)(g->grid_ny / 2),
             .half = 0.5 * g->support,
             .centre = gridder->fn->half,
             .oversampling = gridder->fn->oversampling,
             .first = gridder->fn->first,
             .nearest = gridder->fn->lookup == IB_NEAREST ? 0.5 : 0,
             .low_v = b->low_v[0],
             .high_u = b->high_u[1],
             .high_v = b->high_v[1],
             .iu = s->iu,
             .iv = s->iv,
             .single = gridder->fn->precision == IB_SINGLE,
             .pu.d = s->pu,
             .pv.d = s->pv,
    };
    if (gridder->kernels) {
        job.centre = gridder->kernels->aproj->centre;
        job.first = gridder->kernels->aproj->first;
    }
    gridder->isa->locate(&job);
    return job.extent;
}

/* The records of samples, close together, conjugated where they were turned. Rows come in grid order, which is none for
   the memory: they are fetched ahead. A complex value is one word of single precision or two of double: the sign of the
   imaginary part is the top bit of every one or of every second one. @return how many have nothing to grid. */
static inline __attribute__((always_inline)) size_t gather(const uint64_t *records, const uint32_t *rows, size_t n,
                                                           size_t left, uint64_t *out, const size_t words,
                                                           const size_t step)
{
    size_t n_empty = 0;

    for (size_t i = 0; i < n; i++, out += words) {
        const uint64_t *const from = records + (rows[i] & IB_ROW_MASK) * words;
        const uint64_t        sign = (uint64_t)(rows[i] & IB_CONJUGATED) << 32;
        uint64_t              any = 0;

        __builtin_prefetch(records + (rows[i + AHEAD < left ? i + AHEAD : i] & IB_ROW_MASK) * words);
        for (size_t k = 0; k < words; k++) {
            any |= from[k];
            out[k] = from[k] ^ (k % step == step - 1 ? sign : 0);
        }
        n_empty += any == 0;
    }
    return n_empty;
}

/* Constant numbers of words. */
static size_t gather_planes(const ib_lane *lane, const ib_order *order, size_t first, size_t n, void *out, int planes,
                            bool single)
{
    const uint64_t *const records = lane->value;
    const uint32_t *const rows = order->row + first;
    const size_t          left = order->n - first;

    if (single)
        return planes == 1   ? gather(records, rows, n, left, out, 1, 1)
               : planes == 2 ? gather(records, rows, n, left, out, 2, 1)
               : planes == 4 ? gather(records, rows, n, left, out, 4, 1)
                             : gather(records, rows, n, left, out, 8, 1);
    return planes == 1   ? gather(records, rows, n, left, out, 2, 2)
           : planes == 2 ? gather(records, rows, n, left, out, 4, 2)
           : planes == 4 ? gather(records, rows, n, left, out, 8, 2)
                         : gather(records, rows, n, left, out, 16, 2);
}

static bool is_outside(const ib_scratch *s, const bounds *b, size_t i, int turned)
{
    return s->iu[i] < 0 || s->iu[i] > b->high_u[turned] || s->iv[i] < b->low_v[turned] ||
           s->iv[i] > b->high_v[turned];
}

/* Keep the samples whose support lies on the grid and that have something to grid; the others are counted, and lose their
   weight.
   @return how many are left. */
static size_t sift(const ib_gridder *gridder, const ib_lane *lane, const ib_order *order, size_t first, size_t n,
                   const bounds *b, ib_scratch *s, ib_tally *tally)
{
    const bool   single = gridder->fn->precision == IB_SINGLE;
    const size_t bytes = 2 * (size_t)gridder->plan->geometry.record * real_size(gridder->fn->precision);
    float *const pu = (float *)s->pu, *const pv = (float *)s->pv;
    size_t m = 0;

    for (size_t i = 0; i < n; i++) {
        const uint32_t mark = order->row[first + i];
        const size_t   row = mark & IB_ROW_MASK;
        bool           used = false;

        if (is_outside(s, b, i, (mark & IB_CONJUGATED) != 0)) {
            for (int p = 0; p < gridder->plan->n_stokes && tally; p++) {
                const double w = get(lane->weight, single, weight_at(lane, row, p));
                tally[p].counts.outside += w > 0;
                tally[p].outside += w;
                scale(lane->weight, single, weight_at(lane, row, p), 0);
            }
            continue;
        }
        for (int p = 0; p < gridder->plan->n_stokes; p++)
            used = used || get(lane->weight, single, weight_at(lane, row, p)) > 0;
        if (!used)
            continue;
        memmove((char *)s->sample + m * bytes, (char *)s->sample + i * bytes, bytes);
        s->w[m] = s->w[i];
        s->iu[m] = s->iu[i];
        s->iv[m] = s->iv[i];
        if (gridder->kernels) {
            s->pair[m] = s->pair[i];
            s->pointing[m] = s->pointing[i];
        }
        if (single) {
            pu[m] = pu[i];
            pv[m] = pv[i];
        } else {
            s->pu[m] = s->pu[i];
            s->pv[m] = s->pv[i];
        }
        m++;
    }
    return m;
}

static void touch(ib_touched *t, size_t columns, size_t row_first, size_t row_end)
{
    t->columns = columns > t->columns ? columns : t->columns;
    t->row_first = row_first < t->row_first ? row_first : t->row_first;
    t->row_end = row_end > t->row_end ? row_end : t->row_end;
}

/* Which kernels the samples of a batch have. */
static void find_kinds(const ib_gridder *gridder, const ib_view *view, const ib_order *order, size_t first, size_t n,
                       ib_scratch *s)
{
    const uint32_t n_pair = (uint32_t)gridder->plan->mosaic.n_pair;

    for (size_t i = 0; i < n; i++) {
        const uint32_t kind = view->kind[order->row[first + i] & IB_ROW_MASK];
        s->pointing[i] = (int32_t)(n_pair == 1 ? kind : kind / n_pair);
        s->pair[i] = (int32_t)(n_pair == 1 ? 0 : kind % n_pair);
    }
}

static void grid_mosaic(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, size_t n, ib_scratch *s)
{
    const ib_geometry       *g = &gridder->plan->geometry;
    const ib_mosaic_kernels *k = gridder->kernels;
    const ib_mosaic_job      job = {
             .n = n,
             .iu = s->iu,
             .iv = s->iv,
             .pu = s->pu,
             .pv = s->pv,
             .pair = s->pair,
             .pointing = s->pointing,
             .planes = g->planes,
             .value = s->value,
             .grid = lane->grid,
             .stride = g->stride,
             .patch = &g->patch,
             .table = ib_aproj_table(k->aproj, view->freq),
             .phase_u = k->phase_u,
             .phase_v = k->phase_v,
             .phase_columns = k->columns,
             .phase_rows = k->rows,
             .scratch = s->leaf,
    };
    gridder->isa->mosaic[gridder->fn->precision](&job);
}

/* The terms of a pass from the samples. */
static void expand(const ib_gridder *gridder, const ib_view *view, const ib_wpass *pass, size_t n, ib_scratch *s)
{
    const ib_geometry  *g = &gridder->plan->geometry;
    const ib_expand_job job = {
        .n = n,
        .w = s->w,
        .turns = 0.5 * g->w.deepest * view->freq / IB_LIGHT,
        .pass = *pass,
        .n_term = g->w.n_term,
        .n_series = gridder->n_series,
        .series = gridder->series,
        .n_plane = gridder->plan->n_grid,
        .record = g->record,
        .planes = g->planes,
        .from = s->sample,
        .into = s->value,
    };
    ib_depths_find(gridder->isa->name, gridder->fn->precision)->expand(&job);
}

static void add_batch(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                      const ib_wpass *pass, bool grids, size_t first, size_t n, ib_scratch *s, ib_tally *tally)
{
    const ib_geometry *g = &gridder->plan->geometry;
    const bool         single = gridder->fn->precision == IB_SINGLE;
    const bounds       b = grid_bounds(g);
    const ib_cells     cells = locate(gridder, view, order, first, n, &b, s);
    const size_t       n_empty = gather_planes(lane, order, first, n, s->sample, g->record, single);
    const bool         inside =
        cells.low_u >= 0 && cells.high_u <= b.high_u[0] && cells.low_v >= b.low_v[1] && cells.high_v <= b.high_v[0];

    if (gridder->kernels)
        find_kinds(gridder, view, order, first, n, s);
    if (order->w)
        memcpy(s->w, order->w + first, n * sizeof *s->w);
    const size_t m = inside && !n_empty ? n : sift(gridder, lane, order, first, n, &b, s, tally);
    if (!m || !grids)
        return;
    if (g->w.n_term)
        expand(gridder, view, pass, m, s);
    touch(&s->touched, (size_t)cells.high_u + (size_t)g->patch.patch_u,
          (size_t)(cells.low_v > g->patch.group_v ? cells.low_v - g->patch.group_v : 0),
          (size_t)cells.high_v + (size_t)g->patch.patch_v);

    if (gridder->kernels) {
        grid_mosaic(gridder, lane, view, m, s);
        return;
    }
    const ib_tile_job job = {
        .n = m,
        .iu = s->iu,
        .iv = s->iv,
        .pu = s->pu,
        .pv = s->pv,
        .planes = g->planes,
        .value = s->value,
        .grid = lane->grid,
        .stride = g->stride,
        .patch = &g->patch,
        .taps = gridder->fn->taps,
        .tap_stride = gridder->fn->stride,
        .linear = gridder->fn->lookup == IB_LINEAR,
        .support = g->support,
        .scratch = s->leaf,
    };
    gridder->isa->grid[gridder->fn->precision](&job);
}

/* ---- a channel, or a pass of it --------------------------------------------------------------------------------------------------- */

/* @param tally  what is outside; NULL: it is known. grids: the tile belongs to the pass */
static void add_tile(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                     const ib_wpass *pass, bool grids, size_t t, ib_scratch *s, ib_tally *tally)
{
    const ib_tile *tile = &order->tile[t];

    if (tally)
        memset(tally, 0, IB_MAX_STOKES * sizeof *tally);
    for (size_t k = 0; k < tile->n; k += IB_BATCH)
        add_batch(gridder, lane, view, order, pass, grids, tile->first + k,
                  tile->n - k < IB_BATCH ? tile->n - k : IB_BATCH, s, tally);
}

static void merge_counts(ib_counts *to, const ib_counts *from)
{
    to->gridded += from->gridded;
    to->flagged += from->flagged;
    to->weightless += from->weightless;
    to->not_finite += from->not_finite;
    to->outside += from->outside;
}

static void merge_outside(ib_tally *to, const ib_tally *from)
{
    for (int p = 0; p < IB_MAX_STOKES; p++) {
        to[p].outside += from[p].outside;
        to[p].counts.outside += from[p].counts.outside;
    }
}

static void merge(ib_lane *lane, const ib_tally *tally)
{
    for (int p = 0; p < IB_MAX_STOKES; p++) {
        lane->tally[p].weight += tally[p].weight;
        lane->tally[p].outside += tally[p].outside;
        merge_counts(&lane->tally[p].counts, &tally[p].counts);
    }
}

/* Weigh all rows, piece by piece; pieces are merged in their order. */
static void prepare_all(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, int n_thread)
{
    const size_t n_piece = (view->n_row + PIECE - 1) / PIECE;
    ib_tally     tally[MOST_PIECES][IB_MAX_STOKES];

    memset(tally, 0, n_piece * sizeof *tally);
#pragma omp parallel for schedule(dynamic) num_threads(n_thread) if (n_thread > 1) default(none)                     \
    shared(gridder, lane, view, n_piece, tally)
    for (size_t k = 0; k < n_piece; k++) {
        const size_t first = k * PIECE, left = view->n_row - first;
        prepare(gridder, lane, view, first, left < PIECE ? left : PIECE, tally[k]);
    }
    for (size_t k = 0; k < n_piece; k++)
        merge(lane, tally[k]);
}

static double sum_weights(const ib_gridder *gridder, const ib_lane *lane, size_t n_row, int p)
{
    const bool single = gridder->fn->precision == IB_SINGLE;
    double     sum = 0;

    for (size_t r = 0; r < n_row; r++)
        sum += get(lane->weight, single, weight_at(lane, r, p));
    return sum;
}

/* ---- kinds of a mosaic ---------------------------------------------------------------------------------------- */

/* Sums of the weights that were gridded, kind by kind: the sum over kinds does not depend on the order of pointings in the
   data. */
static void add_kinds(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_tally *before,
                      int n_thread)
{
    const bool   single = gridder->fn->precision == IB_SINGLE;
    const size_t n_kind = gridder->plan->mosaic.n_kind;

    for (int p = 0; p < gridder->plan->n_stokes; p++) {
        double *to = view->kind_weight + (size_t)p * n_kind, total = before[p].weight;
        double *sum = lane->response;
#pragma omp parallel for schedule(dynamic) num_threads(n_thread) if (n_thread > 1) default(none)                     \
    shared(lane, view, single, n_kind, p, sum)
        for (size_t k = 0; k < n_kind; k++) {
            sum[k] = 0;
            for (uint32_t i = view->kind_first[k]; i < view->kind_first[k + 1]; i++)
                sum[k] += get(lane->weight, single, weight_at(lane, view->by_kind[i], p));
        }
        for (size_t k = 0; k < n_kind; k++) {
            to[k] += sum[k];
            total += sum[k];
        }
        lane->tally[p].weight = total;
    }
}

/* All tiles of the order, colour by colour; those of one colour side by side. Tallies are merged in the order of the
   tiles. */
static void add_tiles(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                      const ib_wpass *pass, bool tells, ib_scratch *const *scratch,
                      ib_tally (*tile_tally)[IB_MAX_STOKES], int n_thread, ib_tally *outside)
{
    const int own = pass->slab * IB_COLOURS;

    for (int colour = tells ? 0 : own; colour < (tells ? order->n_slab * IB_COLOURS : own + IB_COLOURS); colour++) {
        const size_t from = order->first[colour], to = order->first[colour + 1];
        const bool   grids = colour >= own && colour < own + IB_COLOURS;
        if (n_thread == 1)
            for (size_t t = from; t < to; t++) {
                ib_tally tally[IB_MAX_STOKES];
                add_tile(gridder, lane, view, order, pass, grids, t, scratch[0], tells ? tally : NULL);
                if (tells)
                    merge_outside(outside, tally);
            }
        else if (from < to) {
#pragma omp parallel for schedule(dynamic) num_threads(n_thread) default(none)                                       \
    shared(gridder, lane, view, order, pass, grids, tells, scratch, tile_tally, from, to)
            for (size_t t = from; t < to; t++)
                add_tile(gridder, lane, view, order, pass, grids, t, scratch[omp_get_thread_num()],
                         tells ? tile_tally[t] : NULL);
        }
    }
    for (size_t t = 0; tells && n_thread > 1 && t < ib_order_tiles(order); t++)
        merge_outside(outside, tile_tally[t]);
}

/* ---- the direct sum --------------------------------------------------------------------------------------------- */

/* Samples that were gridded, of the n rows listed, or from `first` on where there is no list; u, v and w of the metre. What was not
   has no weight. @return how many */
static inline __attribute__((always_inline)) size_t collect(const ib_lane *lane, const ib_view *view,
                                                            const uint32_t *rows, size_t first, size_t n,
                                                            size_t record, ib_scratch *s, const bool single)
{
    const size_t real = single ? sizeof(float) : sizeof(double), plane = (size_t)lane->direct_plane;
    size_t       m = 0;

    for (size_t i = first; i < first + n; i++) {
        const size_t row = rows ? rows[i] : i;
        const double weight = get(lane->weight, single, weight_at(lane, row, lane->direct_plane));

        s->direct_u[m] = view->uvw[row][0];
        s->direct_v[m] = view->uvw[row][1];
        s->direct_w[m] = view->uvw[row][2];
        memcpy((char *)s->direct_value + 2 * m * real, (char *)lane->value + 2 * (row * record + plane) * real,
               2 * real);
        put(s->direct_weight, single, m, weight);
        m += weight > 0;
    }
    return m;
}

/* Turn collected samples of a pointing, phased to their own field, to the centre of the image. */
static void turn_collected(ib_scratch *s, const double pointing[2], double wavenumber, bool single, size_t n)
{
    double turns[DIRECT] = {0}, phase[DIRECT][2];

    for (size_t i = 0; i < n; i++)
        turns[i] = (s->direct_u[i] * pointing[0] + s->direct_v[i] * pointing[1]) * wavenumber;
    ib_phasors(n, turns, phase);
    for (size_t i = 0; i < n; i++) {
        const double re = get(s->direct_value, single, 2 * i), im = get(s->direct_value, single, 2 * i + 1);
        put(s->direct_value, single, 2 * i, re * phase[i][0] - im * phase[i][1]);
        put(s->direct_value, single, 2 * i + 1, re * phase[i][1] + im * phase[i][0]);
    }
}

/* Add at most DIRECT rows, as `collect` takes them, to a direct sum. pointing: NULL, or where they look */
static void add_rows(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, const uint32_t *rows,
                     size_t first, size_t n, const double *pointing, ib_scratch *s, ib_direct *to)
{
    const bool   single = gridder->fn->precision == IB_SINGLE;
    const size_t record = (size_t)gridder->plan->geometry.record;
    const double wavenumber = view->freq / IB_LIGHT;
    const size_t m = single ? collect(lane, view, rows, first, n, record, s, true)
                            : collect(lane, view, rows, first, n, record, s, false);

    if (pointing)
        turn_collected(s, pointing, wavenumber, single, m);
    ib_direct_add(to, gridder->direct, m,
                  &(ib_direct_samples){.scale = wavenumber,
                                       .u = s->direct_u,
                                       .v = s->direct_v,
                                       .w = s->direct_w,
                                       .value = s->direct_value,
                                       .weight = s->direct_weight});
}

/* The direct sum of a kind, seen through its beam. */
static void add_kind(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, size_t kind, ib_scratch *s)
{
    const ib_mosaic *mosaic = &gridder->plan->mosaic;
    const double    *at = mosaic->centre->pointing[kind / mosaic->n_pair];
    const uint32_t   end = view->kind_first[kind + 1];
    ib_direct        own = lane->direct;

    ib_direct_begin(&own);
    for (uint32_t first = view->kind_first[kind]; first < end; first += DIRECT)
        add_rows(gridder, lane, view, view->by_kind, first, end - first < DIRECT ? end - first : DIRECT, at, s, &own);
    for (size_t j = 0; j < own.n_m && own.weight > 0; j++)
        for (size_t i = 0; i < own.n_l; i++)
            for (int side = 0; side < 4; side++) {
                const double l = side % 2 ? -own.l[i] : own.l[i], m = side / 2 ? -own.m[j] : own.m[j];
                own.sum[j][side / 2][i][side % 2] *= ib_primary_beam(mosaic->primary, (int)(kind % mosaic->n_pair),
                                                                     hypot(l - at[0], m - at[1]), view->freq);
            }
    ib_direct_merge(&s->direct, &own);
}

/* Once more what was gridded, for the direct sum: in the order of the rows, or of a mosaic's kinds. @return seconds */
static double add_direct(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, ib_scratch *const *scratch,
                         int n_thread)
{
    const double start = ib_now();
    const size_t n_part = gridder->kernels ? gridder->plan->mosaic.n_kind : (view->n_row + DIRECT - 1) / DIRECT;

    for (int t = 0; t < n_thread; t++) {
        scratch[t]->direct = lane->direct;
        ib_direct_begin(&scratch[t]->direct);
    }
#pragma omp parallel for schedule(dynamic, 8) num_threads(n_thread) if (n_thread > 1) default(none)                  \
    shared(gridder, lane, view, scratch, n_part)
    for (size_t k = 0; k < n_part; k++) {
        ib_scratch  *s = scratch[omp_get_thread_num()];
        const size_t first = k * DIRECT, left = view->n_row - first;
        if (gridder->kernels)
            add_kind(gridder, lane, view, k, s);
        else
            add_rows(gridder, lane, view, NULL, first, left < DIRECT ? left : DIRECT, NULL, s, &s->direct);
    }
    for (int t = 0; t < n_thread; t++)
        ib_direct_merge(&lane->direct, &scratch[t]->direct);
    return ib_now() - start;
}

double ib_lane_add(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order, int pass,
                   ib_scratch *const *scratch, ib_tally (*tile_tally)[IB_MAX_STOKES], int n_thread)
{
    const ib_wterm *const w = &gridder->plan->geometry.w;
    const ib_wpass        now = w->n_term ? ib_wterm_pass(w, pass) : (ib_wpass){.n = 1};
    const bool            tells = pass == 0;
    const int             n_stokes = gridder->plan->n_stokes;
    ib_tally              before[IB_MAX_STOKES], outside[IB_MAX_STOKES] = {{0}};

    for (int p = 0; p < n_stokes && tells; p++)
        if (view->recipe[p].n_in) {
            ib_counts *c = &lane->tally[p].counts;
            c->read += view->n_row;
            c->autocorrelation += view->n_auto;
            c->not_finite += view->n_row - view->n_auto - order->n; /* rows without finite uvw */
        }
    for (int t = 0; t < n_thread; t++)
        scratch[t]->touched = nothing;
    memcpy(before, lane->tally, sizeof before);
    if (gridder->kernels)
        ib_mosaic_respond(&gridder->plan->mosaic, gridder->cfg->mosaic_psf, view->freq, lane->response);
    prepare_all(gridder, lane, view, n_thread);
    if (!tells)
        memcpy(lane->tally, before, sizeof before);
    add_tiles(gridder, lane, view, order, &now, tells, scratch, tile_tally, n_thread, outside);
    for (int p = 0; p < n_stokes; p++) {
        ib_tally *tally = &lane->tally[p];
        tally->counts.outside += outside[p].counts.outside;
        tally->counts.gridded -= outside[p].counts.outside;
        tally->outside += outside[p].outside;
        if (outside[p].counts.outside) /* anew: a difference would lose light samples beside a heavy one */
            tally->weight = before[p].weight + sum_weights(gridder, lane, view->n_row, p);
    }
    for (int t = 0; t < n_thread; t++)
        touch(&lane->touched, scratch[t]->touched.columns, scratch[t]->touched.row_first,
              scratch[t]->touched.row_end);
    if (gridder->kernels)
        add_kinds(gridder, lane, view, before, n_thread);
    return lane->direct_plane >= 0 && tells ? add_direct(gridder, lane, view, scratch, n_thread) : 0;
}
