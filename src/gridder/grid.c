/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/grid.h"
#include "base/mem.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    PIECE = 1 << 14, /* rows weighed at a time where threads share a channel */
    AHEAD = 24       /* samples fetched ahead: the latency of memory over the time of a sample */
};

struct ib_scratch {
    int32_t iu[IB_BATCH], iv[IB_BATCH];
    float   pu[IB_BATCH], pv[IB_BATCH]; /* one pair of these is used, as the precision says */
    double  qu[IB_BATCH], qv[IB_BATCH];
    double  uv[IB_BATCH][2], product[IB_BATCH][2], weight[IB_BATCH]; /* for the direct sum */
    void   *value[IB_MAX_GRIDS];
    void   *leaf;
    size_t  columns; /* largest column touched by this thread, plus one */
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
    bool ok = s->leaf != NULL;
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
    ib_free(s);
}

ib_status ib_lane_create(ib_lane **out, const ib_plan *plan, const ib_config *cfg, ib_error *err)
{
    const ib_geometry *g = &plan->geometry;
    const size_t       real = real_size(cfg->precision), samples = plan->max_rows * (size_t)plan->n_stokes;
    ib_lane           *lane = ib_alloc_zero(1, sizeof *lane, "grids", err);
    bool               ok = lane != NULL;

    for (int q = 0; ok && q < plan->n_grid; q++)
        ok = (lane->grid[q] = ib_alloc_zero(1, ib_grid_bytes(g, cfg->precision), "grids", err)) != NULL;
    for (int p = 0; ok && plan->needs_density && p < plan->n_stokes; p++)
        ok = !ib_density_create(&lane->density[p], g->nx, g->ny, g->cell, cfg->density_rule, err);
    ok = ok && (lane->value = ib_alloc_zero(2 * samples, real, "weighted samples", err)) &&
         (lane->weight = ib_alloc_zero(samples, real, "weighted samples", err));
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
    ib_free(lane->value);
    ib_free(lane->weight);
    ib_free(lane);
}

void ib_lane_begin(ib_lane *lane)
{
    memset(lane->tally, 0, sizeof lane->tally);
    lane->columns = 0;
    lane->direct_plane = -1;
}

/* ---- weights, row by row ---------------------------------------------------------------------------------------- */

static double get(const void *reals, bool single, size_t i)
{
    return single ? (double)((const float *)reals)[i] : ((const double *)reals)[i];
}

static void scale(void *reals, bool single, size_t i, double by)
{
    if (single)
        ((float *)reals)[i] = (float)(((const float *)reals)[i] * by);
    else
        ((double *)reals)[i] *= by;
}

/* Weighted samples of a plane with natural weights, for rows [first, first + n). */
static void weigh_naturally(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, int p, size_t first,
                            size_t n, ib_counts *counts)
{
    const ib_plane_recipe *recipe = &view->recipe[p];
    const size_t           real = real_size(gridder->fn->precision), n_corr = view->spw->n_corr;
    const size_t           n_plane = (size_t)gridder->plan->n_stokes, at = first * n_plane + (size_t)p;
    ib_weigh_job           job = {
                  .n_row = n,
                  .n_corr = n_corr,
                  .vis = view->vis + first * n_corr,
                  .weight = view->weight + first * n_corr,
                  .flag = view->flag + first * n_corr,
                  .use = view->use + first,
                  .n_in = recipe->n_in,
                  .in = {recipe->in[0], recipe->in[1]},
                  .factor = {{recipe->factor[0][0], recipe->factor[0][1]}, {recipe->factor[1][0], recipe->factor[1][1]}},
                  .rule = gridder->cfg->stokes_weight,
                  .n_plane = n_plane,
                  .value = (char *)lane->value + 2 * at * real,
                  .natural = (char *)lane->weight + at * real,
    };

    if (!recipe->n_in) { /* this window has nothing for the plane */
        for (size_t r = 0; r < n; r++) {
            memset((char *)job.value + 2 * r * n_plane * real, 0, 2 * real);
            memset((char *)job.natural + r * n_plane * real, 0, real);
        }
        return;
    }
    gridder->isa->weigh[gridder->fn->precision](&job);
    counts->flagged += job.flagged;
    counts->not_finite += job.not_finite;
    counts->weightless += job.weightless;
}

/* From natural to imaging weights: density, then taper (imaging-spec 5). Beyond the grid of densities there is none:
   such samples count as outside. */
static void weigh_for_imaging(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, int p,
                              size_t first, size_t n, ib_counts *counts)
{
    const bool   single = gridder->fn->precision == IB_SINGLE;
    const double wavenumber = view->freq / IB_LIGHT;
    const size_t n_plane = (size_t)gridder->plan->n_stokes;

    for (size_t r = first; r < first + n; r++) {
        const size_t at = r * n_plane + (size_t)p;
        const double natural = get(lane->weight, single, at);
        if (!(natural > 0))
            continue;
        const double u = view->uvw[r][0] * wavenumber, v = view->uvw[r][1] * wavenumber;
        double       w = natural;
        if (gridder->plan->needs_density)
            w = ib_imaging_weight(&lane->weighting[p], lane->density[p], u, v, natural);
        counts->outside += !(w > 0);
        if (w > 0 && gridder->cfg->taper[0] > 0) {
            w *= ib_taper(gridder->cfg->taper, u, v);
            if (!(single ? (float)w > 0 : w > 0)) { /* tapered away */
                counts->weightless++;
                w = 0;
            }
        }
        scale(lane->value, single, 2 * at, w / natural);
        scale(lane->value, single, 2 * at + 1, w / natural);
        scale(lane->weight, single, at, w / natural);
    }
}

void ib_lane_weigh(const ib_gridder *gridder, ib_lane *lane, const ib_view *view)
{
    const double wavenumber = view->freq / IB_LIGHT;
    const size_t n_plane = (size_t)gridder->plan->n_stokes;

    for (int p = 0; p < gridder->plan->n_stokes; p++) {
        ib_counts unused = {0};
        weigh_naturally(gridder, lane, view, p, 0, view->n_row, &unused);
        for (size_t r = 0; r < view->n_row; r++) {
            const double natural = get(lane->weight, gridder->fn->precision == IB_SINGLE, r * n_plane + (size_t)p);
            if (natural > 0)
                ib_density_add(lane->density[p], view->uvw[r][0] * wavenumber, view->uvw[r][1] * wavenumber, natural);
        }
    }
}

static void prepare(const ib_gridder *gridder, const ib_lane *lane, const ib_view *view, size_t first, size_t n,
                    ib_counts *counts)
{
    for (int p = 0; p < gridder->plan->n_stokes; p++) {
        weigh_naturally(gridder, lane, view, p, first, n, &counts[p]);
        if (gridder->plan->needs_density || gridder->cfg->taper[0] > 0)
            weigh_for_imaging(gridder, lane, view, p, first, n, &counts[p]);
    }
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

static void locate(const ib_gridder *gridder, const ib_view *view, const ib_order *order, size_t first, size_t n,
                   const bounds *b, ib_scratch *s)
{
    const ib_geometry  *g = &gridder->plan->geometry;
    const double        wavenumber = view->freq / IB_LIGHT;
    const bool          single = gridder->fn->precision == IB_SINGLE;
    const ib_locate_job job = {
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
        .pu = single ? s->pu : NULL,
        .pv = single ? s->pv : NULL,
        .qu = s->qu,
        .qv = s->qv,
    };
    gridder->isa->locate(&job);
}

/* Samples whose support lies on the grid and which some plane uses, close together in the scratch; the others are
   counted. Rows come in grid order, which is none for the memory: they are fetched ahead. @return how many. */
#define COLLECT(suffix, real, pu, pv)                                                                                \
    static inline size_t collect_##suffix(const ib_lane *lane, const ib_order *order, size_t first, size_t n,        \
                                          const bounds *b, ib_scratch *s, ib_tally *tally, const size_t n_plane,     \
                                          const bool psf)                                                            \
    {                                                                                                                \
        const real *const values = lane->value, *const weights = lane->weight;                                       \
        const uint32_t *const rows = order->row + first;                                                             \
        const size_t          left = order->n - first;                                                               \
        double                sum[IB_MAX_STOKES] = {0};                                                              \
        uint64_t              gridded[IB_MAX_STOKES] = {0};                                                          \
        size_t                m = 0;                                                                                 \
                                                                                                                     \
        for (size_t i = 0; i < n; i++) {                                                                             \
            const uint32_t mark = rows[i];                                                                           \
            const int      turned = (mark & IB_CONJUGATED) != 0;                                                     \
            const size_t   at = (mark & IB_ROW_MASK) * n_plane;                                                      \
            const size_t   ahead = (rows[i + AHEAD < left ? i + AHEAD : i] & IB_ROW_MASK) * n_plane;                 \
            const real     sign = turned ? -1 : 1;                                                                   \
            bool           used = false;                                                                             \
                                                                                                                     \
            __builtin_prefetch(values + 2 * ahead);                                                                  \
            __builtin_prefetch(weights + ahead);                                                                     \
            if (s->iu[i] < 0 || s->iu[i] > b->high_u[turned] || s->iv[i] < b->low_v[turned] ||                       \
                s->iv[i] > b->high_v[turned]) {                                                                      \
                for (size_t p = 0; p < n_plane; p++) {                                                               \
                    tally[p].counts.outside += weights[at + p] > 0;                                                  \
                    tally[p].outside += (double)weights[at + p];                                                     \
                }                                                                                                    \
                continue;                                                                                            \
            }                                                                                                        \
            for (size_t p = 0; p < n_plane; p++) {                                                                   \
                const real  w = weights[at + p];                                                                     \
                real *const value = (real *)s->value[p] + 2 * m;                                                     \
                value[0] = values[2 * (at + p)];                                                                     \
                value[1] = sign * values[2 * (at + p) + 1];                                                          \
                if (psf) {                                                                                           \
                    real *const one = (real *)s->value[n_plane + p] + 2 * m;                                         \
                    one[0] = w;                                                                                      \
                    one[1] = 0;                                                                                      \
                }                                                                                                    \
                sum[p] += (double)w;                                                                                 \
                gridded[p] += w > 0;                                                                                 \
                used = used || w > 0;                                                                                \
            }                                                                                                        \
            s->iu[m] = s->iu[i];                                                                                     \
            s->iv[m] = s->iv[i];                                                                                     \
            s->pu[m] = s->pu[i];                                                                                     \
            s->pv[m] = s->pv[i];                                                                                     \
            if (lane->direct_plane >= 0) {                                                                           \
                const real *const value = (const real *)s->value[lane->direct_plane] + 2 * m;                        \
                s->uv[m][0] = order->u[first + i];                                                                   \
                s->uv[m][1] = order->v[first + i];                                                                   \
                s->product[m][0] = (double)value[0];                                                                 \
                s->product[m][1] = (double)value[1];                                                                 \
                s->weight[m] = (double)weights[at + (size_t)lane->direct_plane];                                     \
            }                                                                                                        \
            m += used;                                                                                               \
        }                                                                                                            \
        for (size_t p = 0; p < n_plane; p++) {                                                                       \
            tally[p].weight += sum[p];                                                                               \
            tally[p].counts.gridded += gridded[p];                                                                   \
        }                                                                                                            \
        return m;                                                                                                    \
    }                                                                                                                \
                                                                                                                     \
    /* Constant numbers of planes for the usual ones: Stokes I, two correlations. */                                 \
    static size_t collect_planes_##suffix(const ib_plan *plan, const ib_lane *lane, const ib_order *order,           \
                                          size_t first, size_t n, const bounds *b, ib_scratch *s, ib_tally *tally)   \
    {                                                                                                                \
        const size_t n_plane = (size_t)plan->n_stokes;                                                               \
        if (plan->psf)                                                                                               \
            return n_plane == 1   ? collect_##suffix(lane, order, first, n, b, s, tally, 1, true)                    \
                   : n_plane == 2 ? collect_##suffix(lane, order, first, n, b, s, tally, 2, true)                    \
                                  : collect_##suffix(lane, order, first, n, b, s, tally, n_plane, true);             \
        return n_plane == 1   ? collect_##suffix(lane, order, first, n, b, s, tally, 1, false)                       \
               : n_plane == 2 ? collect_##suffix(lane, order, first, n, b, s, tally, 2, false)                       \
                              : collect_##suffix(lane, order, first, n, b, s, tally, n_plane, false);                \
    }

COLLECT(f, float, pu, pv)
COLLECT(d, double, qu, qv)

/* The samples that are gridded, once more, for the direct sum. */
static void add_direct(ib_lane *lane, const ib_view *view, ib_scratch *s, size_t m)
{
    for (size_t i = 0; i < m; i++) {
        s->uv[i][0] *= view->freq / IB_LIGHT;
        s->uv[i][1] *= view->freq / IB_LIGHT;
    }
#pragma omp critical(ib_direct)
    ib_direct_add(&lane->direct, m, (const double(*)[2])s->uv, (const double(*)[2])s->product, s->weight);
}

static void add_batch(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                      size_t first, size_t n, ib_scratch *s, ib_tally *tally)
{
    const ib_plan *plan = gridder->plan;
    const bool     single = gridder->fn->precision == IB_SINGLE;
    const bounds   b = grid_bounds(&plan->geometry);

    locate(gridder, view, order, first, n, &b, s);
    const size_t m = single ? collect_planes_f(plan, lane, order, first, n, &b, s, tally)
                            : collect_planes_d(plan, lane, order, first, n, &b, s, tally);
    if (lane->direct_plane >= 0)
        add_direct(lane, view, s, m);
    for (size_t i = 0; i < m; i++)
        if ((size_t)s->iu[i] + (size_t)plan->geometry.patch.patch_u > s->columns)
            s->columns = (size_t)s->iu[i] + (size_t)plan->geometry.patch.patch_u;

    const void *value[IB_MAX_GRIDS];
    for (int q = 0; q < plan->n_grid; q++)
        value[q] = s->value[q];
    const ib_tile_job job = {
        .n = m,
        .iu = s->iu,
        .iv = s->iv,
        .pu = single ? (void *)s->pu : s->qu,
        .pv = single ? (void *)s->pv : s->qv,
        .n_plane = (size_t)plan->n_grid,
        .value = value,
        .grid = lane->grid,
        .stride = plan->geometry.stride,
        .taps = gridder->fn->taps,
        .tap_stride = gridder->fn->stride,
        .linear = gridder->fn->lookup == IB_LINEAR,
        .support = plan->geometry.support,
        .scratch = s->leaf,
    };
    gridder->isa->grid[gridder->fn->precision](&job);
}

/* ---- a channel --------------------------------------------------------------------------------------------------- */

static void add_tile(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                     const ib_tile *tile, ib_scratch *s, ib_tally *tally)
{
    memset(tally, 0, IB_MAX_STOKES * sizeof *tally);
    for (size_t k = 0; k < tile->n; k += IB_BATCH)
        add_batch(gridder, lane, view, order, tile->first + k, tile->n - k < IB_BATCH ? tile->n - k : IB_BATCH, s,
                  tally);
}

static void merge_counts(ib_counts *to, const ib_counts *from)
{
    to->gridded += from->gridded;
    to->flagged += from->flagged;
    to->weightless += from->weightless;
    to->not_finite += from->not_finite;
    to->outside += from->outside;
}

static void merge(ib_lane *lane, const ib_tally *tally)
{
    for (int p = 0; p < IB_MAX_STOKES; p++) {
        lane->tally[p].weight += tally[p].weight;
        lane->tally[p].outside += tally[p].outside;
        merge_counts(&lane->tally[p].counts, &tally[p].counts);
    }
}

static void prepare_side_by_side(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, int n_thread)
{
#pragma omp parallel for schedule(static) num_threads(n_thread) default(none) shared(gridder, lane, view)
    for (size_t first = 0; first < view->n_row; first += PIECE) {
        ib_counts counts[IB_MAX_STOKES] = {{0}};
        prepare(gridder, lane, view, first, view->n_row - first < PIECE ? view->n_row - first : PIECE, counts);
#pragma omp critical(ib_prepare)
        for (int p = 0; p < gridder->plan->n_stokes; p++)
            merge_counts(&lane->tally[p].counts, &counts[p]);
    }
}

void ib_lane_add(const ib_gridder *gridder, ib_lane *lane, const ib_view *view, const ib_order *order,
                 ib_scratch *const *scratch, ib_tally (*tile_tally)[IB_MAX_STOKES], int n_thread)
{
    for (int p = 0; p < gridder->plan->n_stokes; p++)
        if (view->recipe[p].n_in) {
            ib_counts *c = &lane->tally[p].counts;
            c->read += view->n_row;
            c->autocorrelation += view->n_auto;
            c->not_finite += view->n_row - view->n_auto - order->n; /* rows without finite uvw */
        }
    for (int t = 0; t < n_thread; t++)
        scratch[t]->columns = lane->columns;

    if (n_thread == 1) {
        ib_counts counts[IB_MAX_STOKES] = {{0}};
        prepare(gridder, lane, view, 0, view->n_row, counts);
        for (int p = 0; p < gridder->plan->n_stokes; p++)
            merge_counts(&lane->tally[p].counts, &counts[p]);
        for (size_t t = 0; t < order->colour_first[IB_COLOURS]; t++) {
            ib_tally tally[IB_MAX_STOKES];
            add_tile(gridder, lane, view, order, &order->tile[t], scratch[0], tally);
            merge(lane, tally);
        }
    } else {
        prepare_side_by_side(gridder, lane, view, n_thread);
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
