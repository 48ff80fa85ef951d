/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/imager.h"
#include "base/error.h"
#include "base/mem.h"
#include "gridder/beam.h"
#include "gridder/fft.h"
#include "gridder/reader.h"

#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { READ_PIECE = 16 }; /* channels that one thread reads at a time */

/* What one thread needs to finish planes. */
typedef struct bench {
    float      *image;
    double     *row;     /* mosaic: of a weight image, and as much again and a row of points */
    double     *points;  /* mosaic: where weight images are evaluated */
    float      *inverse; /* mosaic: [n_stokes][ny][nx] 1 / sqrt of weight images over the sum of weights */
    ib_summary *summary;
    ib_timers   timers;
    ib_verdict  verdict;
} bench;

/* Samples held: channels x rows. */
typedef struct hold {
    ib_samples samples;
    size_t     room[3]; /* bytes of vis, weight, flag */
    ib_read    what;    /* chans.n 0: nothing */
} hold;

/* A sorted block: valid for one bin of one window's block of rows. */
typedef struct sorted {
    size_t   spw, row0;
    uint32_t bin;
    bool     valid, wanted;
    ib_order order;
} sorted;

struct ib_imager {
    const ib_plan     *plan;
    const ib_config   *cfg;
    const ib_vis_info *info;
    const ib_extent   *extent;
    const ib_cube     *cube;
    const ib_port     *port;
    int                n_thread, n_pass;

    ib_gridder    gridder;
    ib_convfn    *fn;
    ib_transform *transform;
    ib_lane     **lane;                       /* [plan->n_lane] */
    ib_scratch  **scratch;                    /* [n_thread] */
    void        **work;                       /* [n_thread] buffers of the transform */
    bench        *bench;                      /* [n_thread] */
    ib_plane_recipe (*recipe)[IB_MAX_STOKES]; /* [n_spw] */

    /* the block of rows held */
    size_t   spw, row0, n_row;
    bool     has_rows;
    uint64_t n_auto, n_unused;
    double (*uvw)[3];
    int32_t (*antenna)[2];
    float    *row_weight;
    uint8_t  *use;                         /* [row] 0: gridded in no channel */
    uint32_t *kind, *by_kind, *kind_first; /* of a mosaic: as in ib_view */
    int32_t  *field;                       /* [row], with a centre that is not the fields' own; and */
    double   *path;                        /* [row], where they are rotated to it */

    hold       held, ahead; /* samples of that block; what the reader reads or has read */
    ib_reader *reader;      /* NULL: nothing is read ahead */
    ib_range   after;       /* units whose samples are read after those of the present sweep; n 0: none */
    ib_range   later;       /* of ib_imager_ahead */
    int        pass;        /* of the w-term, where all samples are gone through for each */
    sorted    *sorted;      /* [n_sorted] */
    size_t     n_sorted;
    ib_tally (*tile_tally)[IB_MAX_STOKES];
    size_t tile_room;

    ib_mosaic_kernels kernels;     /* of a mosaic */
    double           *kind_weight; /* [input channel as plan->part][n_stokes][kind] */

    ib_tree   grids, densities;
    ib_check  check;
    size_t    peak[2]; /* pixel of a PSF's peak */
    ib_timers timers;
    bool      shared_density;
};

/* ---- making ------------------------------------------------------------------------------------------------ */

static ib_status make_benches(ib_imager *im, ib_error *err)
{
    const ib_geometry *g = &im->plan->geometry;

    im->scratch = ib_alloc_zero((size_t)im->n_thread, sizeof *im->scratch, "threads", err);
    im->work = ib_alloc_zero((size_t)im->n_thread, sizeof *im->work, "threads", err);
    im->bench = ib_alloc_zero((size_t)im->n_thread, sizeof *im->bench, "threads", err);
    if (!im->scratch || !im->work || !im->bench)
        return err->status;
    for (int t = 0; t < im->n_thread; t++) {
        bench    *b = &im->bench[t];
        ib_status rc = ib_scratch_create(&im->scratch[t], im->plan, im->cfg->precision, err);
        if (rc)
            return rc;
        b->image = ib_alloc(g->nx * g->ny, sizeof *b->image, "image plane", err);
        im->work[t] = ib_alloc(1, ib_transform_work(g, im->cfg->precision), "transform", err);
        if (im->plan->mosaic.primary) {
            const size_t *coarse = im->plan->mosaic.coarse;
            b->row = ib_alloc(2 * g->nx + coarse[0], sizeof *b->row, "weight image", err);
            b->points = ib_alloc(coarse[0] * coarse[1], sizeof *b->points, "weight image", err);
            b->inverse =
                ib_alloc((size_t)im->plan->n_stokes * g->nx * g->ny, sizeof *b->inverse, "weight image", err);
            if (!b->row || !b->points || !b->inverse)
                return err->status;
        }
        if (!b->image || !im->work[t] || ib_summary_create(&b->summary, im->cube, err))
            return err->status;
    }
    return IB_OK;
}

static ib_status make_row_buffers(ib_imager *im, ib_error *err)
{
    size_t rows = 0;

    for (size_t s = 0; s < im->info->n_spw; s++)
        rows = im->info->spw[s].n_row > rows ? im->info->spw[s].n_row : rows;
    rows = rows < im->plan->block_rows ? rows : im->plan->block_rows;
    im->uvw = ib_alloc(rows, sizeof *im->uvw, "rows", err);
    im->antenna = ib_alloc(rows, sizeof *im->antenna, "rows", err);
    im->row_weight = ib_alloc(rows * IB_MAX_CORR, sizeof *im->row_weight, "rows", err);
    im->use = ib_alloc(rows, sizeof *im->use, "rows", err);
    if (im->plan->mosaic.primary) {
        im->kind = ib_alloc(rows, sizeof *im->kind, "rows", err);
        im->by_kind = ib_alloc(rows, sizeof *im->by_kind, "rows", err);
        im->kind_first = ib_alloc(im->plan->mosaic.n_kind + 2, sizeof *im->kind_first, "rows", err);
        if (!im->kind || !im->by_kind || !im->kind_first)
            return err->status;
    }
    if (im->plan->centre.motion != IB_AS_IS) {
        im->field = ib_alloc(rows, sizeof *im->field, "rows", err);
        im->path = ib_alloc(rows, sizeof *im->path, "rows", err);
        if (!im->field || !im->path)
            return err->status;
    }
    return im->uvw && im->antenna && im->row_weight && im->use ? IB_OK : err->status;
}

/* The convolution function, or the kernels of a mosaic and room for the weights of its kinds. */
static ib_status make_kernels(ib_imager *im, ib_error *err)
{
    const ib_plan     *plan = im->plan;
    const ib_config   *cfg = im->cfg;
    const ib_geometry *g = &plan->geometry;

    if (!plan->mosaic.primary)
        return ib_convfn_create(&im->fn, cfg->kernel, (int)cfg->support, (int)cfg->oversampling, plan->padding,
                                cfg->lookup, cfg->precision, err);
    ib_status rc = ib_convfn_none(&im->fn, (int)cfg->support, (int)cfg->oversampling, cfg->precision, err);
    if (!rc)
        rc = ib_mosaic_kernels_create(&im->kernels, &plan->mosaic, g->margin, g->stride, g->height, err);
    if (rc)
        return rc;
    im->kind_weight = ib_alloc_zero(plan->part_first[plan->n_chan] * (size_t)plan->n_stokes * plan->mosaic.n_kind,
                                    sizeof *im->kind_weight, "weight image", err);
    return im->kind_weight ? IB_OK : err->status;
}

ib_status ib_imager_create(ib_imager **out, const ib_plan *plan, const ib_config *cfg, const ib_vis_info *info,
                           const char *wisdom, const ib_cube *cube, int n_thread, const ib_port *port, ib_error *err)
{
    ib_imager *im = ib_alloc_zero(1, sizeof *im, "imager", err);
    if (!im)
        return err->status;

    im->plan = plan;
    im->cfg = cfg;
    im->info = info;
    im->cube = cube;
    im->port = port;
    im->n_thread = n_thread;
    im->n_pass = plan->geometry.w.n_term ? plan->geometry.w.n_pass : 1;
    const size_t reals = ib_grid_bytes(&plan->geometry, cfg->precision) /
                         (cfg->precision == IB_DOUBLE ? sizeof(double) : sizeof(float));
    ib_tree_begin(&im->grids, reals, cfg->precision, n_thread);
    ib_tree_begin(&im->densities, (size_t)plan->n_stokes * plan->geometry.nx * plan->geometry.ny, IB_DOUBLE,
                  n_thread);

    ib_status rc = make_kernels(im, err);
    if (!rc)
        rc = ib_transform_create(&im->transform, &plan->geometry, im->fn, ib_isa_find(cfg->isa)->name, wisdom, err);
    if (!rc)
        rc = make_benches(im, err);
    if (!rc)
        rc = make_row_buffers(im, err);
    if (!rc) {
        im->lane = ib_alloc_zero(plan->n_lane, sizeof *im->lane, "grids", err);
        im->recipe = ib_alloc_zero(info->n_spw, sizeof *im->recipe, "planes", err);
        rc = im->lane && im->recipe ? ib_check_create(&im->check, plan, cfg, im->fn, err) : err->status;
    }
    for (size_t i = 0; !rc && i < plan->n_lane; i++)
        rc = ib_lane_create(&im->lane[i], plan, cfg, err);
    const size_t real = cfg->precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
    for (size_t i = 0; !rc && im->n_pass > 1 && i < (plan->mode == IB_MFS ? 1 : plan->n_lane); i++) {
        im->lane[i]->sum =
            ib_alloc((size_t)plan->n_grid * plan->geometry.nx * plan->geometry.ny, real, "passes", err);
        rc = im->lane[i]->sum ? IB_OK : err->status;
    }
    if (!rc && plan->ahead)
        rc = ib_reader_create(&im->reader, port->read, port->self, err);
    if (rc) {
        ib_imager_destroy(im);
        return rc;
    }
    for (size_t s = 0; s < info->n_spw; s++)
        for (int p = 0; p < plan->n_stokes; p++)
            if (!ib_plane_recipe_make(&info->spw[s], plan->stokes[p], &im->recipe[s][p]))
                im->recipe[s][p].n_in = 0;
    const ib_geometry *g = &plan->geometry;
    const bool         mosaic = plan->mosaic.primary != NULL;
    im->peak[0] = mosaic ? plan->mosaic.peak[0] : g->nx / 2;
    im->peak[1] = mosaic ? plan->mosaic.peak[1] : g->ny / 2;
    for (size_t i = 0; i < plan->n_lane; i++)
        ib_check_begin(&im->check, 0, &im->lane[i]->direct);
    im->gridder = (ib_gridder){.plan = plan,
                               .cfg = cfg,
                               .isa = ib_isa_find(cfg->isa),
                               .fn = im->fn,
                               .kernels = mosaic ? &im->kernels : NULL,
                               .direct = ib_direct_find(ib_isa_find(cfg->isa)->name, cfg->precision)};
    if (g->w.n_term)
        im->gridder.n_series = ib_wterm_series(&g->w, im->gridder.series);
    *out = im;
    return IB_OK;
}

void ib_imager_destroy(ib_imager *im)
{
    if (!im)
        return;
    ib_reader_destroy(im->reader);
    for (size_t i = 0; im->lane && i < im->plan->n_lane; i++)
        ib_lane_destroy(im->lane[i]);
    for (int t = 0; t < im->n_thread; t++) {
        if (im->scratch)
            ib_scratch_destroy(im->scratch[t]);
        if (im->work)
            ib_free(im->work[t]);
        if (im->bench) {
            ib_free(im->bench[t].image);
            ib_free(im->bench[t].row);
            ib_free(im->bench[t].points);
            ib_free(im->bench[t].inverse);
            ib_summary_destroy(im->bench[t].summary);
        }
    }
    for (size_t i = 0; i < im->n_sorted; i++)
        ib_order_clear(&im->sorted[i].order);
    ib_tree_clear(&im->grids);
    ib_tree_clear(&im->densities);
    ib_transform_destroy(im->transform);
    ib_convfn_destroy(im->fn);
    ib_free(im->lane);
    ib_free(im->scratch);
    ib_free(im->work);
    ib_free(im->bench);
    ib_free(im->recipe);
    ib_check_clear(&im->check);
    ib_free(im->uvw);
    ib_free(im->antenna);
    ib_free(im->row_weight);
    ib_free(im->use);
    ib_free(im->kind);
    ib_free(im->by_kind);
    ib_free(im->kind_first);
    ib_free(im->kind_weight);
    ib_mosaic_kernels_clear(&im->kernels);
    ib_free(im->field);
    ib_free(im->path);
    for (int k = 0; k < 2; k++) {
        const ib_samples *s = k ? &im->ahead.samples : &im->held.samples;
        ib_free(s->vis);
        ib_free(s->weight);
        ib_free(s->flag);
    }
    ib_free(im->sorted);
    ib_free(im->tile_tally);
    ib_free(im);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

/* Pointing and baseline type of every row, and the rows of each kind. */
static void sort_kinds(ib_imager *im)
{
    const ib_mosaic *m = &im->plan->mosaic;
    uint32_t        *first = im->kind_first + 1; /* one further on, so that counting leaves it where it belongs */

    memset(im->kind_first, 0, (m->n_kind + 2) * sizeof *im->kind_first);
    for (size_t r = 0; r < im->n_row; r++) {
        im->kind[r] =
            ib_mosaic_kind(m, im->plan->centre.sight[im->field[r]].pointing, im->antenna[r][0], im->antenna[r][1]);
        first[im->kind[r] + 1]++;
    }
    for (size_t k = 0; k < m->n_kind; k++)
        first[k + 1] += first[k];
    for (size_t r = 0; r < im->n_row; r++)
        im->by_kind[first[im->kind[r]]++] = (uint32_t)r;
}

static ib_status hold_rows(ib_imager *im, size_t spw, size_t row0, size_t n_row, ib_error *err)
{
    if (im->has_rows && im->spw == spw && im->row0 == row0)
        return IB_OK;
    im->has_rows = false;
    if (im->reader && !im->port->concurrent) {
        ib_error later; /* told to who asks for those samples */
        ib_reader_wait(im->reader, &later);
    }
    const ib_centre *centre = &im->plan->centre;
    const ib_rows    into = {.uvw = im->uvw, .antenna = im->antenna, .field = im->field, .weight = im->row_weight};
    ib_status        rc = im->port->rows(im->port->self, spw, (ib_range){row0, n_row}, &into, err);
    if (rc)
        return rc;
    im->spw = spw;
    im->row0 = row0;
    im->n_row = n_row;
    im->has_rows = true;
    im->n_auto = im->n_unused = 0;
    if (centre->motion != IB_AS_IS)
        ib_centre_move(centre, n_row, im->field, im->uvw, im->path);
    for (size_t r = 0; r < n_row; r++) {
        const bool self = im->antenna[r][0] == im->antenna[r][1];
        im->n_auto += self;
        im->use[r] = !self && isfinite(im->uvw[r][0]) && isfinite(im->uvw[r][1]) && isfinite(im->uvw[r][2]);
        im->n_unused += !im->use[r];
    }
    if (im->plan->mosaic.primary)
        sort_kinds(im);
    return IB_OK;
}

static ib_status grow(void **buffer, size_t *room, size_t n, ib_error *err)
{
    if (n <= *room)
        return IB_OK;
    ib_free(*buffer);
    *room = 0;
    *buffer = ib_alloc(n, 1, "samples", err);
    *room = *buffer ? n : 0;
    return *buffer ? IB_OK : err->status;
}

static bool same_read(const ib_read *a, const ib_read *b)
{
    return a->spw == b->spw && a->chans.first == b->chans.first && a->chans.n == b->chans.n &&
           a->rows.first == b->rows.first && a->rows.n == b->rows.n;
}

static ib_status make_room(const ib_imager *im, hold *h, const ib_read *what, ib_error *err)
{
    const ib_spw *w = &im->info->spw[what->spw];
    const size_t  n = what->chans.n * what->rows.n * w->n_corr;
    void         *vis = h->samples.vis, *weight = h->samples.weight, *flag = h->samples.flag;

    h->what.chans.n = 0;
    ib_status rc = grow(&vis, &h->room[0], n * 2 * sizeof(float), err);
    if (!rc)
        rc = grow(&weight, &h->room[1], w->weight_per_channel ? n * sizeof(float) : 0, err);
    if (!rc)
        rc = grow(&flag, &h->room[2], n, err);
    h->samples = (ib_samples){vis, weight, flag};
    return rc;
}

/* By all threads, where the source can. */
static ib_status read_together(ib_imager *im, const ib_read *what, const ib_samples *into, ib_error *err)
{
    const ib_spw *w = &im->info->spw[what->spw];
    const size_t  each = what->rows.n * w->n_corr, pieces = (what->chans.n + READ_PIECE - 1) / READ_PIECE;
    ib_error      first = {IB_OK, -1, ""};

    if (!im->port->concurrent || im->n_thread == 1)
        return im->port->read(im->port->self, what->spw, what->chans, what->rows, into, err);
#pragma omp parallel for schedule(dynamic) num_threads(im->n_thread) default(none)                                   \
    shared(im, what, into, each, pieces, first, w)
    for (size_t k = 0; k < pieces; k++) {
        const size_t     skip = k * READ_PIECE, left = what->chans.n - skip;
        const ib_range   chans = {what->chans.first + skip, left < READ_PIECE ? left : READ_PIECE};
        const ib_samples part = {into->vis + skip * each, w->weight_per_channel ? into->weight + skip * each : NULL,
                                 into->flag + skip * each};
        ib_error         mine;
        if (im->port->read(im->port->self, what->spw, chans, what->rows, &part, &mine)) {
#pragma omp critical(ib_read_error)
            first = mine;
        }
    }
    if (first.status)
        *err = first;
    return first.status;
}

static ib_status hold_samples(ib_imager *im, ib_range chans, ib_error *err)
{
    const ib_read what = {im->spw, chans, {im->row0, im->n_row}};
    ib_status     rc;

    if (same_read(&im->held.what, &what))
        return IB_OK; /* another pass */
    if (im->reader && same_read(&im->ahead.what, &what)) {
        const hold was = im->held;
        rc = ib_reader_wait(im->reader, err);
        im->held = im->ahead;
        im->ahead = was;
    } else {
        if (im->reader && !im->port->concurrent) {
            ib_error unused;
            ib_reader_wait(im->reader, &unused);
        }
        rc = make_room(im, &im->held, &what, err);
        if (!rc)
            rc = read_together(im, &what, &im->held.samples, err);
    }
    im->held.what = what;
    im->held.what.chans.n = rc ? 0 : chans.n;
    return rc;
}

/* The orders of the bins that channels of the held block need; sorted side by side. */
static ib_status hold_orders(ib_imager *im, ib_range chans, ib_error *err)
{
    const uint32_t *bin = im->plan->bin[im->spw];
    size_t          n_wanted = 1;

    for (size_t c = 1; c < chans.n; c++)
        n_wanted += bin[chans.first + c] != bin[chans.first + c - 1];
    if (n_wanted > im->n_sorted) {
        sorted *more = ib_alloc_zero(n_wanted, sizeof *more, "sorted rows", err);
        if (!more)
            return err->status;
        if (im->n_sorted)
            memcpy(more, im->sorted, im->n_sorted * sizeof *more);
        ib_free(im->sorted);
        im->sorted = more;
        im->n_sorted = n_wanted;
    }
    for (size_t i = 0; i < im->n_sorted; i++) {
        sorted *s = &im->sorted[i];
        s->wanted = s->valid && s->spw == im->spw && s->row0 == im->row0 && s->bin >= bin[chans.first] &&
                    s->bin <= bin[chans.first + chans.n - 1];
    }
    for (uint32_t b = bin[chans.first]; b <= bin[chans.first + chans.n - 1]; b++) {
        sorted *free_one = NULL;
        bool    there = false;
        for (size_t i = 0; i < im->n_sorted && !there; i++) {
            sorted *s = &im->sorted[i];
            there = s->wanted && s->bin == b;
            if (!s->wanted && !free_one)
                free_one = s;
        }
        if (!there) {
            free_one->valid = false;
            free_one->wanted = true;
            free_one->spw = im->spw;
            free_one->row0 = im->row0;
            free_one->bin = b;
        }
    }

    size_t n_new = 0;
    for (size_t i = 0; i < im->n_sorted; i++)
        n_new += im->sorted[i].wanted && !im->sorted[i].valid;
    const bool many = n_new >= (size_t)im->n_thread; /* an order per thread, or threads within each order */
    ib_error   first = {IB_OK, -1, ""};
#pragma omp parallel for schedule(dynamic) num_threads(im->n_thread) if (many) default(none) shared(im, first, many)
    for (size_t i = 0; i < im->n_sorted; i++) {
        sorted  *s = &im->sorted[i];
        ib_error mine;
        if (!s->wanted || s->valid)
            continue;
        s->valid = !ib_order_rows(&s->order, &im->plan->geometry, im->n_row, (const double(*)[3])im->uvw,
                                  (const int32_t(*)[2])im->antenna, im->kind, (uint32_t)im->plan->mosaic.n_kind,
                                  im->plan->bin_freq[s->spw][s->bin], many ? 1 : im->n_thread, &mine);
        if (!s->valid) {
#pragma omp critical(ib_sort_error)
            first = mine;
        }
    }
    if (first.status) {
        *err = first;
        return first.status;
    }

    /* Threads that share a unit leave their tallies by tile. */
    size_t n_tile = 0;
    for (size_t i = 0; i < im->n_sorted; i++)
        if (im->sorted[i].wanted && ib_order_tiles(&im->sorted[i].order) > n_tile)
            n_tile = ib_order_tiles(&im->sorted[i].order);
    if (n_tile > im->tile_room) {
        ib_free(im->tile_tally);
        im->tile_tally = ib_alloc(2 * n_tile, sizeof *im->tile_tally, "tiles", err);
        im->tile_room = im->tile_tally ? 2 * n_tile : 0;
        if (!im->tile_tally)
            return err->status;
    }
    return IB_OK;
}

/* ---- one unit ----------------------------------------------------------------------------------------------- */

/* What is done to a unit with the samples held, in this order. */
typedef enum task {
    BEGIN = 1,   /* forget what the lane holds */
    WEIGH = 2,   /* natural weights into the lane's densities */
    SHARE = 4,   /* densities into the tree */
    WEIGHED = 8, /* densities are complete: prepare imaging weights */
    GRID = 16,   /* samples onto the grids */
    SUM = 32,    /* grids into the tree */
    FINISH = 64  /* planes out */
} task;

/* Of an input channel, [n_stokes][kind]. */
static double *part_weights(const ib_imager *im, size_t part)
{
    return im->kind_weight + part * (size_t)im->plan->n_stokes * im->plan->mosaic.n_kind;
}

/* Weigh or grid what the held samples have for a unit. n_thread > 1 only outside of parallel regions.
   Returns the seconds that the direct sum took of it. */
static double add_unit(ib_imager *im, size_t unit, ib_range chans, task what, int pass, ib_lane *lane,
                       ib_scratch *const *scratch, int n_thread)
{
    const ib_spw  *w = &im->info->spw[im->spw];
    const ib_range parts = ib_plan_parts(im->plan, unit);
    const size_t   each = im->n_row * w->n_corr;
    double         direct_s = 0;

    for (size_t i = parts.first; i < parts.first + parts.n; i++) {
        const ib_part *part = &im->plan->part[i];
        if (part->spw != im->spw || part->chan < chans.first || part->chan >= chans.first + chans.n)
            continue;
        const size_t  at = (part->chan - chans.first) * each;
        const ib_view view = {
            .spw = w,
            .freq = w->freq[part->chan],
            .vis = (const float(*)[2])im->held.samples.vis + at,
            .weight = w->weight_per_channel ? im->held.samples.weight + at : im->row_weight,
            .flag = im->held.samples.flag + at,
            .recipe = im->recipe[im->spw],
            .uvw = (const double(*)[3])im->uvw,
            .path = im->plan->centre.motion == IB_ROTATED ? im->path : NULL,
            .use = im->use,
            .all = im->n_unused == 0,
            .n_row = im->n_row,
            .n_auto = im->n_auto,
            .kind = im->kind,
            .by_kind = im->by_kind,
            .kind_first = im->kind_first,
            .kind_weight = im->kind_weight ? part_weights(im, i) : NULL,
        };
        for (size_t k = 0; k < im->n_sorted; k++) {
            const sorted *s = &im->sorted[k];
            if (!s->wanted || s->bin != im->plan->bin[im->spw][part->chan])
                continue;
            if (what == WEIGH)
                ib_lane_weigh(&im->gridder, lane, &view);
            else
                direct_s +=
                    ib_lane_add(&im->gridder, lane, &view, &s->order, pass, scratch, im->tile_tally, n_thread);
            break;
        }
    }
    return direct_s;
}

/* ---- planes --------------------------------------------------------------------------------------------------- */

static void blank(float *image, size_t n)
{
    for (size_t i = 0; i < n; i++)
        image[i] = NAN;
}

/* Rows of a plane of the grid; of several passes of the w-term the last one makes the image. */
static void image_rows(const ib_imager *im, const ib_lane *lane, int q, int pass, double weight, size_t row, size_t n,
                       void *work, float *image)
{
    const ib_geometry *g = &im->plan->geometry;
    const size_t       real = im->cfg->precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
    void *const        sum = lane->sum ? (char *)lane->sum + (size_t)q * g->nx * g->ny * real : NULL;

    if (g->w.n_term)
        ib_transform_pass(im->transform, lane->grid, &lane->touched, q, im->plan->n_grid, pass, weight, row, n, work,
                          sum, image);
    else
        ib_transform_rows(im->transform, lane->grid, &lane->touched, q, weight, row, n, work, image);
}

static void make_columns(const ib_imager *im, const ib_lane *lane, int pass, void *const *work, int n_thread)
{
    const ib_wterm *w = &im->plan->geometry.w;
    const int       n_term = w->n_term ? ib_wterm_pass(w, pass).n : 1;

    ib_transform_columns(im->transform, lane->grid, &lane->touched, n_term * im->plan->n_grid, work, n_thread);
}

/* A pass of the w-term that is not the last one. */
static void add_pass(const ib_imager *im, ib_lane *lane, int pass, const ib_outcome *outcome, void *const *work,
                     int n_thread)
{
    const ib_geometry *g = &im->plan->geometry;
    const size_t       n_band = ib_summary_bands(g->ny);
    bool               any = false;

    for (int p = 0; p < im->plan->n_stokes; p++)
        any = any || outcome->tally[p].weight > 0;
    if (any)
        make_columns(im, lane, pass, work, n_thread);
    for (int q = 0; q < im->plan->n_grid; q++) {
        const double weight = outcome->tally[q % im->plan->n_stokes].weight;
        if (!(weight > 0))
            continue;
#pragma omp parallel for schedule(dynamic, 1) num_threads(n_thread) default(none)                                    \
    shared(im, lane, q, pass, weight, work, g, n_band)
        for (size_t band = 0; band < n_band; band++) {
            const size_t row = band * IB_BAND_ROWS, n = g->ny - row < IB_BAND_ROWS ? g->ny - row : IB_BAND_ROWS;
            image_rows(im, lane, q, pass, weight, row, n, work[omp_get_thread_num()], NULL);
        }
    }
    lane->touched = (ib_touched){0, SIZE_MAX, 0};
}

/* What a plane is made of. */
typedef struct sheet {
    int          plane;   /* of the grid; -1: the weight image, as the shade has it */
    double       weight;  /* sum of weights; not positive: blank */
    const float *inverse; /* of a mosaic, or NULL */
    ib_shade     shade;
    float        most; /* out: of a mosaic, the largest |N| over the sum of weights */
} sheet;

/* A band of rows of a plane. @return the largest |N| */
static float make_rows(const ib_imager *im, const ib_lane *lane, const sheet *what, size_t row, size_t n, void *work,
                       float *image)
{
    const ib_geometry *g = &im->plan->geometry;
    const size_t       at = row * g->nx, n_pixel = n * g->nx;
    float              most = 0;

    if (what->plane >= 0 && what->weight > 0)
        image_rows(im, lane, what->plane, im->n_pass - 1, what->weight, row, n, work, image);
    if (!(what->weight > 0) || !(what->shade.factor > 0))
        blank(image + at, n_pixel);
    else if (what->plane < 0)
        ib_mosaic_unveil(&what->shade, n_pixel, what->inverse + at, image + at);
    else if (what->inverse)
        most = ib_mosaic_shade(&what->shade, n_pixel, what->inverse + at, image + at);
    return most;
}

/* Rows of a plane, band by band, each summarised while it is in cache; then its histogram. Without weight there is
   nothing to see. The plane is the first bench's. */
static void make_plane(const ib_imager *im, const ib_lane *lane, sheet *what, bench *b, void *const *work,
                       int n_thread, ib_plane *plane)
{
    const ib_geometry *g = &im->plan->geometry;
    ib_summary *const  summary = b->summary;
    float *const       image = b->image;
    const size_t       n_band = ib_summary_bands(g->ny);
    float              most = 0;

#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(n_thread) default(none)                            \
    shared(im, lane, what, work, g, summary, image, n_band) reduction(max                                            \
                                                                      : most)
    for (size_t band = 0; band < n_band; band++) {
        const size_t row = band * IB_BAND_ROWS, n = g->ny - row < IB_BAND_ROWS ? g->ny - row : IB_BAND_ROWS;
        const float  here = make_rows(im, lane, what, row, n, work[omp_get_thread_num()], image);
        most = here > most ? here : most;
        ib_summary_look(summary, image, band);
#pragma omp ordered
        ib_summary_hash(summary, image, band);
    }
    what->most = most;
    plane->pixel = image;
    ib_summary_settle(summary, plane);
#pragma omp parallel for schedule(static) num_threads(n_thread) default(none) shared(plane, b, n_band)
    for (size_t band = 0; band < n_band; band++)
        ib_summary_count(b[omp_get_thread_num()].summary, plane, band);
    for (int t = 1; t < n_thread; t++)
        ib_summary_take(summary, b[t].summary);
    ib_summary_close(summary, plane);
}

/* ---- weight images of a mosaic ---------------------------------------------------------------------------------- */

/* Q over the sum of weights: its largest value, that where the PSF's source is, and what the source's unit visibilities add
   up to there. */
typedef struct veil {
    const float *inverse; /* [ny][nx] 1 / sqrt of it */
    double       most, peak, unit;
} veil;

/* A plane's weights are those of an earlier one: correlations that are flagged together, mostly. */
static bool same_weights(const ib_imager *im, ib_range parts, int p, int earlier)
{
    const size_t n = im->plan->mosaic.n_kind;
    bool         same = true;

    for (size_t i = parts.first; i < parts.first + parts.n && same; i++)
        same = !memcmp(part_weights(im, i) + (size_t)p * n, part_weights(im, i) + (size_t)earlier * n,
                       n * sizeof(double));
    return same;
}

static void weigh_pixels(const ib_imager *im, ib_range parts, int p, double weight, bench *b, int n_thread, veil *out)
{
    const ib_plan   *plan = im->plan;
    const ib_mosaic *mosaic = &plan->mosaic;
    const size_t     nx = mosaic->nx, ny = mosaic->ny, n_kind = mosaic->n_kind;
    float *const     inverse = b->inverse + (size_t)p * nx * ny;
    double *const    points = b->points;
    double           most = 0, unit = 0;

#pragma omp parallel for schedule(dynamic) num_threads(n_thread) default(none)                                       \
    shared(im, parts, p, plan, mosaic, n_kind, points)
    for (size_t j = 0; j < mosaic->coarse[1]; j++) {
        double *const row = points + j * mosaic->coarse[0];
        memset(row, 0, mosaic->coarse[0] * sizeof *row);
        for (size_t i = parts.first; i < parts.first + parts.n; i++)
            ib_mosaic_add_row(mosaic, im->info->spw[plan->part[i].spw].freq[plan->part[i].chan],
                              part_weights(im, i) + (size_t)p * n_kind, j, row);
    }
#pragma omp parallel for schedule(dynamic, 8) num_threads(n_thread) default(none)                                    \
    shared(weight, b, mosaic, nx, ny, inverse, points) reduction(max                                                 \
                                                                 : most)
    for (size_t j = 0; j < ny; j++) {
        double *const row = b[omp_get_thread_num()].row;
        ib_mosaic_refine(mosaic, points, j, row + nx, row);
        const double here = ib_mosaic_invert(nx, row, 1 / weight, inverse + j * nx);
        most = here > most ? here : most;
    }
    for (size_t i = parts.first; i < parts.first + parts.n; i++)
        unit += ib_mosaic_unit(mosaic, im->info->spw[plan->part[i].spw].freq[plan->part[i].chan],
                               part_weights(im, i) + (size_t)p * n_kind);
    const double s = (double)inverse[mosaic->peak[1] * nx + mosaic->peak[0]];
    *out = (veil){inverse, most, 1 / (s * s), unit / weight};
}

/* What becomes of a product's pixels; a factor of 0: blank. */
static ib_shade shade_of(const ib_imager *im, const veil *v, int product, double weight)
{
    const double pblimit = im->cfg->pblimit, root = sqrt(v->most);
    ib_shade     s = {.factor = 0, .limit = FLT_MAX, .power = 0};

    if (!(v->most > 0))
        return s;
    if (pblimit > 0)
        s.limit = (float)fmin(FLT_MAX, (1 + 1e-6) / (pblimit * root)); /* the largest pixel stays with a limit of 1 */
    if (product == IB_PB)
        s = (ib_shade){.factor = (float)(1 / root), .power = 1};
    else if (product == IB_WEIGHT)
        s = (ib_shade){.factor = (float)weight, .power = 2};
    else if (product == IB_PSF && im->cfg->mosaic_psf == IB_PSF_UNIT)
        s = (ib_shade){.factor = v->unit > 0 ? (float)(1 / v->unit) : 0, .limit = INFINITY, .power = 0};
    else if (product == IB_PSF) {
        s.factor = v->peak > 0 ? (float)(1 / sqrt(v->peak)) : 0;
        s.power = 1;
    } else {
        s.power = im->cfg->normalise == IB_FLAT_SKY ? 2 : im->cfg->normalise == IB_FLAT_NOISE ? 1 : 0;
        s.factor = (float)(s.power == 2 ? 1 : s.power == 1 ? 1 / root : 1 / v->most);
    }
    return s;
}

/* Primary beam and weight image of a plane. */
static ib_status write_veil(ib_imager *im, size_t chan, int p, const ib_outcome *outcome, const veil *v, bench *b,
                            void *const *work, int n_thread, ib_error *err)
{
    const ib_tally *tally = &outcome->tally[p];
    ib_status       rc = IB_OK;

    for (int product = IB_PB; product <= IB_WEIGHT && !rc; product++) {
        double   start = ib_now();
        ib_plane plane = {
            .chan = chan, .stokes = (size_t)p, .sum_of_weights = tally->weight, .counts = tally->counts};
        sheet what = {-1, tally->weight, v->inverse, shade_of(im, v, product, tally->weight), 0};

        make_plane(im, NULL, &what, b, work, n_thread, &plane);
        memcpy(plane.beam, outcome->beam[p], sizeof plane.beam);
        ib_book(&b->timers, IB_PHASE_FFT, &start);
        rc = im->port->write(im->port->self, (ib_product)product, &plane, err);
        ib_book(&b->timers, IB_PHASE_WRITE, &start);
    }
    return rc;
}

/* ---- a channel -------------------------------------------------------------------------------------------------- */

/* Transform, summarise and write the planes of a channel; the PSF first, for the beam. b[n_thread]. */
static ib_status finish_channel(ib_imager *im, size_t chan, ib_lane *lane, ib_outcome *outcome, bench *b,
                                int n_thread, ib_error *err)
{
    const ib_plan     *plan = im->plan;
    const ib_geometry *g = &plan->geometry;
    const bool         mosaic = plan->mosaic.primary != NULL;
    const ib_range     parts = {plan->part_first[chan], plan->part_first[chan + 1] - plan->part_first[chan]};
    void *const *const work = im->work + (b - im->bench);
    veil               v[IB_MAX_STOKES] = {{NULL, 0, 0, 0}};
    double             start = ib_now();
    bool               any = false;
    ib_verdict         verdict = {0};

    for (int p = 0; p < plan->n_stokes; p++)
        any = any || outcome->tally[p].weight > 0;
    if (any)
        make_columns(im, lane, im->n_pass - 1, work, n_thread);
    for (int p = 0; p < plan->n_stokes; p++) {
        const ib_tally *tally = &outcome->tally[p];
        double         *beam = outcome->beam[p];
        const bool      empty = !(tally->weight > 0);

        if (mosaic && !empty) {
            int earlier = 0;
            while (earlier < p && !(v[earlier].inverse && same_weights(im, parts, p, earlier)))
                earlier++;
            if (earlier < p)
                v[p] = v[earlier];
            else
                weigh_pixels(im, parts, p, tally->weight, b, n_thread, &v[p]);
        }
        beam[0] = beam[1] = beam[2] = empty ? NAN : 0;
        for (int product = plan->psf ? IB_PSF : IB_DIRTY; product >= IB_DIRTY; product--) {
            ib_plane plane = {
                .chan = chan, .stokes = (size_t)p, .sum_of_weights = tally->weight, .counts = tally->counts};
            sheet what = {product == IB_PSF ? plan->n_stokes + p : p, tally->weight, v[p].inverse, {1, 0, 0}, 0};

            if (mosaic && !empty)
                what.shade = shade_of(im, &v[p], product, tally->weight);
            const bool nothing = empty || !(what.shade.factor > 0);
            make_plane(im, lane, &what, b, work, n_thread, &plane);
            ib_status rc =
                nothing ? IB_OK : ib_check_numbers(&im->check, &plane, product == IB_PSF ? im->peak : NULL, err);
            if (rc)
                return rc;
            ib_book(&b->timers, IB_PHASE_FFT, &start);
            if (product == IB_PSF && !nothing) {
                if (!ib_beam_fit(plane.pixel, g->nx, g->ny, im->peak, g->cell, beam))
                    beam[0] = beam[1] = beam[2] = 0;
                ib_book(&b->timers, IB_PHASE_BEAM, &start);
            }
            memcpy(plane.beam, beam, sizeof plane.beam);
            if (product == IB_DIRTY && !nothing && lane->direct_plane == p) {
                const size_t columns = im->n_pass > 1 ? plan->columns : lane->touched.columns;
                if (mosaic)
                    ib_check_mosaic(&im->check, &plane, &lane->direct, &what.shade, v[p].inverse, v[p].most,
                                    (double)what.most, &verdict);
                else
                    ib_check_image(&im->check, &plane, &lane->direct, tally, columns, &verdict);
                ib_book(&b->timers, IB_PHASE_CHECK, &start);
            }
            rc = im->port->write(im->port->self, (ib_product)product, &plane, err);
            ib_book(&b->timers, IB_PHASE_WRITE, &start);
            if (rc)
                return rc;
        }
        if (mosaic && im->cfg->pb) {
            ib_status rc = write_veil(im, chan, p, outcome, &v[p], b, work, n_thread, err);
            if (rc)
                return rc;
            start = ib_now();
        }
    }
    ib_verdict_merge(&b->verdict, &verdict);
    if (lane->direct_plane >= 0 && !verdict.n_plane)
        ib_check_postpone(&im->check);
    return im->port->finished ? im->port->finished(im->port->self, chan, outcome, &verdict, err) : IB_OK;
}

/* ---- sweeps over samples ------------------------------------------------------------------------------------------ */

static void begin_unit(ib_imager *im, size_t unit, ib_lane *lane)
{
    const ib_plan *plan = im->plan;

    ib_lane_begin(lane);
    lane->direct_plane = ib_check_plane(&im->check, unit, &lane->direct);
    for (int p = 0; p < plan->n_stokes && plan->needs_density && !im->shared_density; p++)
        ib_density_clear(lane->density[p]);
}

static void prepare_weights(const ib_imager *im, ib_lane *lane)
{
    for (int p = 0; p < im->plan->n_stokes && im->plan->needs_density; p++)
        lane->weighting[p] = ib_weighting_prepare(im->cfg->weighting, im->cfg->robust, lane->density[p]);
}

/* The lane's densities or grid become a leaf of their tree. */
static ib_status push_densities(ib_imager *im, size_t unit, const ib_lane *lane, ib_error *err)
{
    const size_t n = im->plan->geometry.nx * im->plan->geometry.ny, n_stokes = (size_t)im->plan->n_stokes;
    double      *sum = ib_tree_buffer(&im->densities, err);

    if (!sum)
        return err->status;
    for (size_t p = 0; p < n_stokes; p++)
        memcpy(sum + p * n, lane->density[p]->sum, n * sizeof *sum);
    ib_tree_push(&im->densities, (ib_tree_node){0, unit, 0, n_stokes * n, sum});
    return IB_OK;
}

static void push_grid(ib_imager *im, size_t unit, ib_lane *lane)
{
    const ib_geometry *g = &im->plan->geometry;
    const size_t       row = 2 * (size_t)g->planes * g->stride; /* reals */
    const bool         empty = lane->touched.row_end <= lane->touched.row_first;

    ib_tree_push(&im->grids, (ib_tree_node){0, unit, empty ? 0 : lane->touched.row_first * row,
                                            empty ? 0 : lane->touched.row_end * row, lane->grid});
    lane->grid = NULL;
}

/* Do a unit's tasks on the samples held. SHARE and SUM are done by the caller, in the order of the units. */
static ib_status work_on(ib_imager *im, size_t unit, ib_range chans, int tasks, ib_lane *lane, ib_outcome *outcome,
                         ib_scratch *const *scratch, bench *b, int n_thread, ib_error *err)
{
    const double began = ib_now();
    double       start = began;
    ib_status    rc = IB_OK;

    ib_trace_about((int64_t)unit, n_thread == 1 ? im->n_thread : 1);
    if (tasks & BEGIN)
        begin_unit(im, unit, lane);
    if (tasks & WEIGH) {
        add_unit(im, unit, chans, WEIGH, 0, lane, scratch, n_thread);
        if (tasks & WEIGHED)
            prepare_weights(im, lane);
        ib_book(&b->timers, IB_PHASE_WEIGH, &start);
    }
    /* All passes of the w-term while the samples are here, or one of them. */
    for (int pass = im->pass; tasks & GRID && pass < (im->plan->fused ? im->n_pass : im->pass + 1); pass++) {
        const double direct_s = add_unit(im, unit, chans, GRID, pass, lane, scratch, n_thread);
        ib_book_two(&b->timers, IB_PHASE_GRID, IB_PHASE_CHECK, direct_s, &start);
        if (tasks & (SUM | FINISH) && pass == 0)
            memcpy(outcome->tally, lane->tally, sizeof lane->tally);
        if (tasks & FINISH && pass + 1 < im->n_pass) {
            add_pass(im, lane, pass, outcome, im->work + (b - im->bench), n_thread);
            ib_book(&b->timers, IB_PHASE_FFT, &start);
        } else if (tasks & FINISH)
            rc = finish_channel(im, unit, lane, outcome, b, n_thread, err);
    }
    ib_trace_chunk("channel", began);
    ib_trace_about(-1, 1);
    return rc;
}

/* What is done to a run of units, and what went wrong first. */
typedef struct batch_of_units {
    ib_range    units, chans;
    int         tasks;
    ib_outcome *outcome; /* [units.n], or NULL */
    ib_error    first;
} batch_of_units;

/* Unit k of a round, by one thread, unless something went wrong. */
static void work_alone(ib_imager *im, batch_of_units *all, size_t k, ib_lane *lane)
{
    const int t = omp_get_thread_num();
    ib_error  mine = {IB_OK, -1, ""};
    bool      failed;

#pragma omp atomic read
    failed = all->first.status;
    if (failed || im->port->urgent(im->port->self))
        return;
    work_on(im, all->units.first + k, all->chans, all->tasks, lane, all->outcome ? &all->outcome[k] : NULL,
            &im->scratch[t], &im->bench[t], 1, &mine);
    if (mine.status) {
#pragma omp critical(ib_round_error)
        all->first = mine;
    }
}

/* The densities of unit k into the tree; in the order of the units. */
static void push_share(ib_imager *im, batch_of_units *all, size_t k, const ib_lane *lane)
{
    ib_error mine = {IB_OK, -1, ""};
    bool     failed;

#pragma omp atomic read
    failed = all->first.status;
    if (!failed && push_densities(im, all->units.first + k, lane, &mine)) {
#pragma omp critical(ib_round_error)
        all->first = mine;
    }
}

/* All units of a window on the samples held: units over threads, or, where they are few, threads within each unit. */
static ib_status work_on_all(ib_imager *im, ib_range units, ib_range chans, int tasks, ib_outcome *outcome,
                             ib_error *err)
{
    const bool side_by_side = im->n_thread > 1 && 2 * units.n > (size_t)im->n_thread && units.n > 1;
    const bool own_lane = im->plan->fused; /* a thread's lane, or the unit's */
    const int  n_thread = own_lane && (size_t)im->n_thread > im->plan->n_lane ? (int)im->plan->n_lane : im->n_thread;
    double     busy[IB_N_PHASES] = {0};
    batch_of_units all = {units, chans, tasks, outcome, {IB_OK, -1, ""}};

    for (int t = 0; t < im->n_thread; t++)
        memset(&im->bench[t].timers, 0, sizeof im->bench[t].timers);
    for (size_t k = 0; k < units.n && tasks & GRID && im->plan->mode == IB_MFS; k++) /* its grid will be a leaf */
        if (!im->lane[k]->grid && !(im->lane[k]->grid = ib_tree_buffer(&im->grids, err)))
            return err->status;
    if (!side_by_side) {
        for (size_t k = 0; k < units.n && !all.first.status && !im->port->urgent(im->port->self); k++) {
            ib_lane *lane = im->lane[own_lane ? 0 : k];
            if (!work_on(im, units.first + k, chans, tasks, lane, outcome ? &outcome[k] : NULL, im->scratch,
                         &im->bench[0], im->n_thread, &all.first) &&
                tasks & SHARE)
                push_densities(im, units.first + k, lane, &all.first);
        }
    } else if (tasks & SHARE) { /* one after the other into the tree: threads wait for their turn */
#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(n_thread) default(none)                            \
    shared(im, units, own_lane, all)
        for (size_t k = 0; k < units.n; k++) {
            ib_lane *lane = im->lane[own_lane ? (size_t)omp_get_thread_num() : k];
            work_alone(im, &all, k, lane);
#pragma omp ordered
            push_share(im, &all, k, lane);
        }
    } else {
#pragma omp parallel for schedule(dynamic, 1) num_threads(n_thread) default(none) shared(im, units, own_lane, all)
        for (size_t k = 0; k < units.n; k++)
            work_alone(im, &all, k, im->lane[own_lane ? (size_t)omp_get_thread_num() : k]);
    }
    double start = ib_now();
    for (size_t k = 0; k < units.n && tasks & SUM && im->plan->check_share; k++)
        if (im->lane[k]->direct_plane >= 0) {
            ib_check_share(&im->check, im->transform, im->lane[k], units.first + units.n, im->n_thread);
            ib_book(&im->timers, IB_PHASE_CHECK, &start);
        }
    for (size_t k = 0; k < units.n && tasks & SUM && !all.first.status; k++) /* all threads add */
        push_grid(im, units.first + k, im->lane[k]);
    if (tasks & SUM)
        ib_book(&im->timers, IB_PHASE_SUM, &start);
    for (int t = 0; t < im->n_thread; t++)
        for (int phase = 0; phase < IB_N_PHASES; phase++)
            busy[phase] += im->bench[t].timers.s[phase];
    for (int phase = 0; phase < IB_N_PHASES; phase++)
        im->timers.s[phase] += side_by_side ? busy[phase] / im->n_thread : busy[phase];
    if (all.first.status)
        *err = all.first;
    return all.first.status;
}

/* What is read after something else in a sweep over units, or first (what NULL): window by spectral window, block by block of rows, as
   many channels at a time as the plan allows. @return false: that was all */
static bool next_read(const ib_imager *im, ib_range units, const ib_read *what, ib_read *next)
{
    const ib_plan *plan = im->plan;
    const size_t   at_once = plan->fused ? SIZE_MAX : plan->window;
    size_t         spw = what ? what->spw : 0, row = what ? what->rows.first : 0;
    size_t         chan = what ? what->chans.first + what->chans.n : 0;

    for (; spw < im->info->n_spw; spw++, row = chan = 0) {
        const ib_range all = ib_plan_span(plan, units, spw);
        const size_t   n_row = im->info->spw[spw].n_row, end = all.first + all.n;
        chan = chan > all.first ? chan : all.first;
        if (chan >= end) {
            row += plan->block_rows;
            chan = all.first;
        }
        if (all.n && row < n_row) {
            *next = (ib_read){spw,
                              {chan, end - chan < at_once ? end - chan : at_once},
                              {row, n_row - row < plan->block_rows ? n_row - row : plan->block_rows}};
            return true;
        }
    }
    return false;
}

/* Have the reader fetch what comes after the samples held, in this sweep or the next. Without memory for it nothing is read ahead. */
static void read_ahead(ib_imager *im, ib_range units)
{
    ib_read  next;
    ib_error ignored;

    if (!im->reader ||
        !(next_read(im, units, &im->held.what, &next) || (im->after.n && next_read(im, im->after, NULL, &next))) ||
        same_read(&next, &im->held.what) || same_read(&next, &im->ahead.what))
        return;
    ib_reader_wait(im->reader, &ignored);
    if (make_room(im, &im->ahead, &next, &ignored))
        return;
    im->ahead.what = next;
    ib_reader_ask(im->reader, &next, &im->ahead.samples);
}

/* Pass over all samples of a window's units. `first` and `last` tasks are added on the first and the last samples held. */
static ib_status sweep(ib_imager *im, ib_range units, int first, int every, int last, ib_outcome *outcome,
                       ib_error *err)
{
    const ib_plan *plan = im->plan;
    ib_read        what, next;
    bool           more = next_read(im, units, NULL, &next);

    if (!more && last & FINISH)
        return ib_fail(err, IB_EINTERNAL, "channels without rows were planned");
    for (int begin = first; more; begin = 0) {
        double start = ib_now();
        what = next;
        more = next_read(im, units, &what, &next);
        ib_status rc = hold_rows(im, what.spw, what.rows.first, what.rows.n, err);
        if (!rc)
            rc = hold_samples(im, what.chans, err);
        if (!rc)
            read_ahead(im, units);
        ib_book(&im->timers, IB_PHASE_READ, &start);
        if (!rc)
            rc = hold_orders(im, what.chans, err);
        ib_book(&im->timers, IB_PHASE_SORT, &start);
        if (!rc)
            rc = work_on_all(im, units, what.chans, every | begin | (more ? 0 : last), outcome, err);
        if (!rc)
            rc = im->port->between(
                im->port->self,
                last & (FINISH | SUM) && (plan->fused || im->pass + 1 == im->n_pass) ? what.chans.n * im->n_row : 0,
                err);
        if (rc)
            return rc;
    }
    return IB_OK;
}

/* The window from unit k of a run on, or, beyond its end, the first one of what comes later. */
static ib_range window_at(const ib_imager *im, ib_range units, size_t k)
{
    if (k >= units.n) {
        units = im->later;
        k = 0;
    }
    return units.n ? (ib_range){units.first + k, ib_plan_next(im->plan, units, k)} : units;
}

/* Where channels are finished after several reads, these are repeated for every pass of the w-term.
   @param then  units of the next sweep */
static ib_status sweep_passes(ib_imager *im, ib_range units, ib_range then, int first, ib_outcome *outcome,
                              ib_error *err)
{
    const int n_pass = im->plan->fused ? 1 : im->n_pass;
    ib_status rc = IB_OK;

    for (im->pass = 0; im->pass < n_pass && !rc; im->pass++) {
        im->after = im->pass + 1 < n_pass ? units : then;
        rc = sweep(im, units, im->pass ? 0 : first, GRID, FINISH, outcome, err);
    }
    im->pass = 0;
    return rc;
}

void ib_imager_ahead(ib_imager *im, ib_range units)
{
    im->later = units;
}

double ib_imager_read_ahead(const ib_imager *im)
{
    double busy = 0, waited;

    if (im->reader)
        ib_reader_times(im->reader, &busy, &waited);
    return busy;
}

ib_status ib_imager_cube(ib_imager *im, ib_range units, ib_outcome *outcome, ib_error *err)
{
    const ib_plan *plan = im->plan;
    const bool     own = plan->needs_density && !im->shared_density;
    ib_status      rc = IB_OK;

    for (size_t k = 0, n; !rc && k < units.n; k += n) {
        n = ib_plan_next(plan, units, k);
        const ib_range now = {units.first + k, n}, then = window_at(im, units, k + n);
        im->after = own && !plan->fused ? now : then;
        if (own && plan->fused)
            rc = sweep(im, now, 0, BEGIN | WEIGH | WEIGHED | GRID | FINISH, FINISH, outcome + k, err);
        else if (own) {
            rc = sweep(im, now, BEGIN, WEIGH, WEIGHED, NULL, err);
            if (!rc)
                rc = sweep_passes(im, now, then, 0, outcome + k, err);
        } else
            rc = sweep_passes(im, now, then, BEGIN, outcome + k, err);
    }
    return rc;
}

ib_status ib_imager_mfs(ib_imager *im, ib_range units, int pass, ib_outcome *outcome, ib_error *err)
{
    ib_status rc = IB_OK;

    im->pass = pass;
    for (size_t k = 0, n; !rc && k < units.n; k += n) {
        n = ib_plan_next(im->plan, units, k);
        im->after = window_at(im, units, k + n);
        rc = sweep(im, (ib_range){units.first + k, n}, BEGIN, GRID, SUM, outcome + k, err);
    }
    for (size_t i = 1; i < im->plan->n_lane && pass == 0; i++) { /* once: more units may follow */
        ib_direct_merge(&im->lane[0]->direct, &im->lane[i]->direct);
        ib_check_begin(&im->check, 0, &im->lane[i]->direct);
    }
    return rc;
}

ib_status ib_imager_weigh(ib_imager *im, ib_range units, ib_error *err)
{
    const bool mfs = im->plan->mode == IB_MFS;
    ib_status  rc = IB_OK;

    for (size_t k = 0, n = mfs ? 1 : ib_plan_next(im->plan, units, 0), next; !rc && k < units.n; k += n, n = next) {
        next = k + n >= units.n ? 0 : mfs ? 1 : ib_plan_next(im->plan, units, k + n);
        im->after = (ib_range){units.first + k + n, next};
        rc = sweep(im, (ib_range){units.first + k, n}, BEGIN, WEIGH, SHARE, NULL, err);
    }
    return rc;
}

void ib_imager_set_density(ib_imager *im, const double *total)
{
    const size_t n = im->plan->geometry.nx * im->plan->geometry.ny;

    im->shared_density = true;
    for (size_t i = 0; i < im->plan->n_lane; i++) {
        for (int p = 0; p < im->plan->n_stokes; p++) {
            ib_density *d = im->lane[i]->density[p];
            memcpy(d->sum, total + (size_t)p * n, n * sizeof *total);
            d->total = 0;
            for (size_t k = 0; k < n; k++)
                d->total += d->sum[k] / 2; /* every sample is there twice */
        }
        prepare_weights(im, im->lane[i]);
    }
}

ib_status ib_imager_finish(ib_imager *im, int pass, ib_outcome *outcome, ib_error *err)
{
    const ib_geometry  *g = &im->plan->geometry;
    const size_t        row = 2 * (size_t)g->planes * g->stride; /* reals */
    const ib_tree_node *total = ib_tree_total(&im->grids);
    ib_lane            *lane = im->lane[0];

    if (!total)
        return ib_fail(err, IB_EINTERNAL, "a share of the mfs image was not gridded");
    lane->touched = (ib_touched){g->stride, total->first / row, (total->end + row - 1) / row};
    lane->grid = ib_tree_take(&im->grids);
    lane->direct_plane = im->check.checked[0] - 1;
    memset(&im->bench[0].timers, 0, sizeof im->bench[0].timers);
    if (lane->direct_plane >= 0 && im->plan->check_share) {
        double start = ib_now();
        ib_check_whole(&im->check, im->transform, lane, im->n_thread);
        ib_book(&im->bench[0].timers, IB_PHASE_CHECK, &start);
    }
    ib_status rc = IB_OK;
    if (pass + 1 < im->n_pass) {
        double start = ib_now();
        add_pass(im, lane, pass, outcome, im->work, im->n_thread);
        ib_book(&im->bench[0].timers, IB_PHASE_FFT, &start);
    } else
        rc = finish_channel(im, 0, lane, outcome, im->bench, im->n_thread, err);
    for (int phase = 0; phase < IB_N_PHASES; phase++)
        im->timers.s[phase] += im->bench[0].timers.s[phase];
    return rc;
}

ib_tree *ib_imager_grids(ib_imager *im)
{
    return &im->grids;
}

ib_tree *ib_imager_densities(ib_imager *im)
{
    return &im->densities;
}

double *ib_imager_kind_weights(ib_imager *im, size_t *n)
{
    const ib_plan *plan = im->plan;

    *n = im->kind_weight ? plan->part_first[plan->n_chan] * (size_t)plan->n_stokes * plan->mosaic.n_kind : 0;
    return im->kind_weight;
}

ib_direct *ib_imager_direct(ib_imager *im)
{
    return &im->lane[0]->direct;
}

void ib_imager_times(const ib_imager *im, ib_timers *timers)
{
    *timers = im->timers;
}

ib_verdict ib_imager_verdict(const ib_imager *im)
{
    ib_verdict worst = im->bench[0].verdict;

    for (int t = 1; t < im->n_thread; t++)
        ib_verdict_merge(&worst, &im->bench[t].verdict);
    return worst;
}
