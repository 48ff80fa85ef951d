/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/grid.h"
#include "base/mem.h"

#include <math.h>
#include <omp.h>
#include <string.h>

struct ib_scratch {
    int32_t  iu[IB_BATCH], iv[IB_BATCH];
    double   pu[IB_BATCH], pv[IB_BATCH];
    uint32_t keep[IB_BATCH]; /* samples of the batch that stay */
    uint8_t  used[IB_BATCH];
    double   uv[IB_BATCH][2], product[IB_BATCH][2], weight[IB_BATCH]; /* for the direct sum */
    void    *value[IB_MAX_GRIDS];
    void    *leaf, *row;
    size_t   columns; /* largest column touched by this thread, plus one */
};

static size_t real_size(int precision)
{
    return precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
}

ib_status ib_scratch_create(ib_scratch **out, const ib_plan *plan, int precision, ib_error *err)
{
    const size_t real = real_size(precision);
    ib_scratch  *s = ib_alloc_zero(1, sizeof *s, "scratch", err);

    if (!s)
        return err->status;
    s->leaf = ib_alloc(1, IB_SCRATCH_BYTES, "scratch", err);
    s->row = ib_alloc(2 * plan->geometry.grid_nx, real, "scratch", err);
    bool ok = s->leaf && s->row;
    for (int q = 0; q < plan->n_grid && ok; q++)
        ok = (s->value[q] = ib_alloc(2 * IB_BATCH, real, "scratch", err)) != NULL;
    if (!ok) {
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
    for (int q = 0; q < IB_MAX_GRIDS; q++)
        ib_free(s->value[q]);
    ib_free(s->leaf);
    ib_free(s->row);
    ib_free(s);
}

void *ib_scratch_row(ib_scratch *scratch)
{
    return scratch->row;
}

ib_status ib_lane_create(ib_lane **out, const ib_plan *plan, const ib_config *cfg, ib_error *err)
{
    const ib_geometry *g = &plan->geometry;
    ib_lane           *lane = ib_alloc_zero(1, sizeof *lane, "grids", err);
    bool               ok = lane != NULL;

    for (int q = 0; ok && q < plan->n_grid; q++)
        ok = (lane->grid[q] = ib_alloc_zero(1, ib_grid_bytes(g, cfg->precision), "grids", err)) != NULL;
    for (int p = 0; ok && plan->needs_density && p < plan->n_stokes; p++)
        ok = !ib_density_create(&lane->density[p], g->nx, g->ny, g->cell, cfg->density_rule, err);
    if (!ok) {
        ib_lane_destroy(lane);
        return err->status;
    }
    *out = lane;
    return IB_OK;
}

void ib_lane_destroy(ib_lane *lane)
{
    if (!lane)
        return;
    for (int q = 0; q < IB_MAX_GRIDS; q++)
        ib_free(lane->grid[q]);
    for (int p = 0; p < IB_MAX_STOKES; p++)
        ib_density_destroy(lane->density[p]);
    ib_free(lane);
}

void ib_lane_begin(ib_lane *lane)
{
    memset(lane->tally, 0, sizeof lane->tally);
    lane->columns = 0;
    lane->direct_plane = -1;
}

/* ---- one sample of one plane --------------------------------------------------------------------------------- */

typedef enum fate { USABLE, FLAGGED, NOT_FINITE, WEIGHTLESS } fate;

typedef struct sample {
    double re, im, weight;
} sample;

/* Form a plane's sample from the correlations of a row (imaging-spec 1.5, 6.1); the weight is the natural one. */
static inline fate form(const ib_view *view, const ib_plane_recipe *recipe, int rule, size_t row, sample *out)
{
    const size_t at = row * view->spw->n_corr;
    double       w[2] = {0, 0}, re = 0, im = 0;
    bool         finite = true;

    for (int i = 0; i < recipe->n_in; i++) {
        const size_t k = at + (size_t)recipe->in[i];
        if (view->flag[k])
            return FLAGGED;
        const double x = (double)view->vis[k][0], y = (double)view->vis[k][1];
        w[i] = (double)view->weight[k];
        finite = finite && isfinite(x) && isfinite(y) && isfinite(w[i]);
        re += recipe->factor[i][0] * x - recipe->factor[i][1] * y;
        im += recipe->factor[i][0] * y + recipe->factor[i][1] * x;
    }
    if (!finite)
        return NOT_FINITE;
    if (!(w[0] > 0) || (recipe->n_in == 2 && !(w[1] > 0)))
        return WEIGHTLESS;
    out->re = re;
    out->im = im;
    out->weight = recipe->n_in == 2 ? ib_stokes_weight(rule, w[0], w[1]) : w[0];
    return isfinite(out->weight) ? USABLE : NOT_FINITE;
}

static void count(ib_counts *counts, fate f)
{
    counts->flagged += f == FLAGGED;
    counts->not_finite += f == NOT_FINITE;
    counts->weightless += f == WEIGHTLESS;
}

void ib_lane_weigh(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order)
{
    const double wavenumber = view->freq / IB_LIGHT;

    for (int p = 0; p < gridder->plan->n_stokes; p++) {
        if (!view->recipe[p].n_in)
            continue;
        for (size_t k = 0; k < order->n; k++) {
            const double sign = order->row[k] & IB_CONJUGATED ? -wavenumber : wavenumber;
            sample       s;
            if (form(view, &view->recipe[p], gridder->cfg->stokes_weight, order->row[k] & IB_ROW_MASK, &s) == USABLE)
                ib_density_add(lane->density[p], sign * order->u[k], sign * order->v[k], s.weight);
        }
    }
}

/* ---- a batch ------------------------------------------------------------------------------------------------- */

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

static void locate(const ib_gridder *gridder, const ib_view *view, const ib_order *order, size_t first, size_t n,
                   const bounds *b, ib_scratch *s)
{
    const ib_geometry  *g = &gridder->plan->geometry;
    const double        wavenumber = view->freq / IB_LIGHT;
    const int           w = g->support;
    const ib_locate_job job = {
        .n = n,
        .u = order->u + first,
        .v = order->v + first,
        .scale_u = wavenumber * g->cell[0] * (double)g->grid_nx,
        .scale_v = -wavenumber * g->cell[1] * (double)g->grid_ny,
        .origin_u = (double)g->margin,
        .origin_v = (double)(g->grid_ny / 2),
        .support = w,
        .half = 0.5 * w,
        .centre = w % 2 ? (w - 1) / 2 : w / 2,
        .oversampling = gridder->fn->oversampling,
        .first = gridder->fn->first,
        .nearest = gridder->fn->lookup == IB_NEAREST ? 0.5 : 0,
        .low_u = 0,
        .low_v = b->low_v[0],
        .high_u = b->high_u[1],
        .high_v = b->high_v[1],
        .iu = s->iu,
        .iv = s->iv,
        .pu = s->pu,
        .pv = s->pv,
    };
    gridder->isa->locate(&job);
}

/* The imaging weight of a sample: density, then taper (imaging-spec 5). Zero outside the density grid. */
static double imaging_weight(const ib_gridder *gridder, const ib_lane *lane, int p, double u, double v,
                             double natural)
{
    double w = natural;

    if (gridder->plan->needs_density)
        w = ib_imaging_weight(&lane->weighting[p], lane->density[p], u, v, natural);
    if (gridder->cfg->taper[0] > 0)
        w *= ib_taper(gridder->cfg->taper, u, v);
    return w;
}

static inline void put(void *values, bool single, size_t m, double re, double im)
{
    if (single) {
        ((float *)values)[2 * m] = (float)re;
        ((float *)values)[2 * m + 1] = (float)im;
    } else {
        ((double *)values)[2 * m] = re;
        ((double *)values)[2 * m + 1] = im;
    }
}

static inline bool fits(bool single, double x)
{
    return single ? fabs(x) < 1e37 : isfinite(x);
}

/* Weighted values of one plane for the m samples that are kept; zero where this plane has no usable sample. */
static inline void fill_plane(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                              size_t first, size_t m, int p, ib_scratch *s, ib_tally *tally, const bool single)
{
    const ib_plan         *plan = gridder->plan;
    const ib_plane_recipe *recipe = &view->recipe[p];
    const double           wavenumber = view->freq / IB_LIGHT;
    const bool             natural = !plan->needs_density && !(gridder->cfg->taper[0] > 0);
    void *const value = s->value[p], *const psf = plan->psf ? s->value[plan->n_stokes + p] : NULL;
    const bool direct = lane->direct_plane == p;
    double     sum = 0;
    size_t     n_direct = 0;

    for (size_t i = 0; i < m; i++) {
        const size_t k = first + s->keep[i];
        const bool   turned = order->row[k] & IB_CONJUGATED;
        const double sign = turned ? -wavenumber : wavenumber;
        sample       x = {0, 0, 0};
        const fate   f = form(view, recipe, gridder->cfg->stokes_weight, order->row[k] & IB_ROW_MASK, &x);
        double       w = 0;

        if (f == USABLE) {
            w = natural ? x.weight
                        : imaging_weight(gridder, lane, p, sign * order->u[k], sign * order->v[k], x.weight);
            if (!(w > 0)) {
                tally->counts.outside++; /* beyond the grid of weight densities */
                w = 0;
            } else if (!fits(single, w * x.re) || !fits(single, w * x.im) || !fits(single, w)) {
                tally->counts.not_finite++; /* weight x visibility overflows the grid's type */
                w = 0;
            }
        } else
            count(&tally->counts, f);

        put(value, single, i, w > 0 ? w * x.re : 0, w > 0 ? (turned ? -w * x.im : w * x.im) : 0);
        if (psf)
            put(psf, single, i, w, 0);
        if (w > 0) {
            s->used[i] = 1;
            sum += w;
            tally->counts.gridded++;
            if (direct) {
                s->uv[n_direct][0] = sign * order->u[k];
                s->uv[n_direct][1] = sign * order->v[k];
                s->product[n_direct][0] = w * x.re;
                s->product[n_direct][1] = w * x.im;
                s->weight[n_direct++] = w;
            }
        }
    }
    tally->weight += sum;
    if (n_direct) {
#pragma omp critical(ib_direct)
        ib_direct_add(&lane->direct, n_direct, (const double(*)[2])s->uv, (const double(*)[2])s->product, s->weight);
    }
}

/* Squeeze out samples that no plane uses: flagged data would cost as much as good ones. */
static size_t squeeze(const ib_plan *plan, ib_scratch *s, size_t m, bool single)
{
    size_t n = 0;

    for (size_t i = 0; i < m; i++) {
        if (!s->used[i])
            continue;
        if (n != i) {
            s->iu[n] = s->iu[i];
            s->iv[n] = s->iv[i];
            s->pu[n] = s->pu[i];
            s->pv[n] = s->pv[i];
            for (int q = 0; q < plan->n_grid; q++) {
                if (single)
                    memcpy((float *)s->value[q] + 2 * n, (float *)s->value[q] + 2 * i, 2 * sizeof(float));
                else
                    memcpy((double *)s->value[q] + 2 * n, (double *)s->value[q] + 2 * i, 2 * sizeof(double));
            }
        }
        n++;
    }
    return n;
}

/* A sample whose support leaves the grid: counted by what would have become of it. */
static void refuse(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, const ib_order *order,
                   size_t k, ib_tally *tally)
{
    const double sign = (order->row[k] & IB_CONJUGATED ? -view->freq : view->freq) / IB_LIGHT;

    for (int p = 0; p < gridder->plan->n_stokes; p++) {
        sample     x;
        const fate f = view->recipe[p].n_in ? form(view, &view->recipe[p], gridder->cfg->stokes_weight,
                                                   order->row[k] & IB_ROW_MASK, &x)
                                            : FLAGGED;
        if (!view->recipe[p].n_in)
            continue;
        count(&tally[p].counts, f);
        if (f == USABLE) {
            tally[p].counts.outside++;
            tally[p].outside += imaging_weight(gridder, lane, p, sign * order->u[k], sign * order->v[k], x.weight);
        }
    }
}

static void add_batch(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                      size_t first, size_t n, ib_scratch *s, ib_tally *tally)
{
    const ib_plan *plan = gridder->plan;
    const bool     single = gridder->fn->precision == IB_SINGLE;
    const bounds   b = grid_bounds(&plan->geometry);
    size_t         m = 0;

    locate(gridder, view, order, first, n, &b, s);
    for (size_t i = 0; i < n; i++) {
        const int turned = (order->row[first + i] & IB_CONJUGATED) != 0;
        if (s->iu[i] < 0 || s->iu[i] > b.high_u[turned] || s->iv[i] < b.low_v[turned] ||
            s->iv[i] > b.high_v[turned]) {
            refuse(gridder, lane, view, order, first + i, tally);
            continue;
        }
        s->keep[m] = (uint32_t)i;
        s->iu[m] = s->iu[i];
        s->iv[m] = s->iv[i];
        s->pu[m] = s->pu[i];
        s->pv[m] = s->pv[i];
        m++;
    }
    memset(s->used, 0, m);
    for (int p = 0; p < plan->n_stokes; p++) {
        if (!view->recipe[p].n_in) {
            const size_t bytes = 2 * m * real_size(gridder->fn->precision);
            memset(s->value[p], 0, bytes);
            if (plan->psf)
                memset(s->value[plan->n_stokes + p], 0, bytes);
        } else if (single)
            fill_plane(gridder, lane, view, order, first, m, p, s, &tally[p], true);
        else
            fill_plane(gridder, lane, view, order, first, m, p, s, &tally[p], false);
    }
    m = squeeze(plan, s, m, single);
    for (size_t i = 0; i < m; i++)
        if ((size_t)s->iu[i] + (size_t)plan->geometry.patch.patch_u > s->columns)
            s->columns = (size_t)s->iu[i] + (size_t)plan->geometry.patch.patch_u;

    const void *value[IB_MAX_GRIDS];
    for (int q = 0; q < plan->n_grid; q++)
        value[q] = s->value[q];
    const ib_tile_job job = {m,
                             s->iu,
                             s->iv,
                             s->pu,
                             s->pv,
                             (size_t)plan->n_grid,
                             value,
                             lane->grid,
                             plan->geometry.stride,
                             gridder->fn->taps,
                             gridder->fn->stride,
                             gridder->fn->lookup == IB_LINEAR,
                             plan->geometry.support,
                             s->leaf};
    gridder->isa->grid[gridder->fn->precision](&job);
}

/* ---- a channel ------------------------------------------------------------------------------------------------- */

static void add_tile(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                     const ib_tile *tile, ib_scratch *s, ib_tally *tally)
{
    memset(tally, 0, IB_MAX_STOKES * sizeof *tally);
    for (size_t k = 0; k < tile->n; k += IB_BATCH)
        add_batch(gridder, lane, view, order, tile->first + k, tile->n - k < IB_BATCH ? tile->n - k : IB_BATCH, s,
                  tally);
}

static void merge(ib_lane *lane, const ib_tally *tally)
{
    for (int p = 0; p < IB_MAX_STOKES; p++) {
        ib_tally *t = &lane->tally[p];
        t->weight += tally[p].weight;
        t->outside += tally[p].outside;
        t->counts.gridded += tally[p].counts.gridded;
        t->counts.flagged += tally[p].counts.flagged;
        t->counts.weightless += tally[p].counts.weightless;
        t->counts.not_finite += tally[p].counts.not_finite;
        t->counts.outside += tally[p].counts.outside;
    }
}

void ib_lane_add(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                 ib_scratch *const *scratch, ib_tally (*tile_tally)[IB_MAX_STOKES], int n_thread)
{
    const ib_plan *plan = gridder->plan;

    for (int p = 0; p < plan->n_stokes; p++)
        if (view->recipe[p].n_in) {
            ib_counts *c = &lane->tally[p].counts;
            c->read += view->n_row;
            c->autocorrelation += view->n_auto;
            c->not_finite += view->n_row - view->n_auto - order->n; /* rows without finite uvw */
        }
    for (int t = 0; t < n_thread; t++)
        scratch[t]->columns = lane->columns;

    if (n_thread == 1) {
        for (size_t t = 0; t < order->colour_first[IB_COLOURS]; t++) {
            ib_tally tally[IB_MAX_STOKES];
            add_tile(gridder, lane, view, order, &order->tile[t], scratch[0], tally);
            merge(lane, tally);
        }
    } else {
        /* Tiles of one colour side by side; their tallies are merged in the order of the list, as above. */
        for (int colour = 0; colour < IB_COLOURS; colour++) {
            const size_t from = order->colour_first[colour], to = order->colour_first[colour + 1];
            if (from == to)
                continue;
#pragma omp parallel for schedule(dynamic) num_threads(n_thread) default(none)                                       \
    shared(gridder, lane, view, order, scratch, tile_tally, from, to)
            for (size_t t = from; t < to; t++)
                add_tile(gridder, lane, view, order, &order->tile[t], scratch[omp_get_thread_num()], tile_tally[t]);
        }
        for (size_t t = 0; t < order->colour_first[IB_COLOURS]; t++)
            merge(lane, tile_tally[t]);
    }
    for (int t = 0; t < n_thread; t++)
        lane->columns = scratch[t]->columns > lane->columns ? scratch[t]->columns : lane->columns;
}
