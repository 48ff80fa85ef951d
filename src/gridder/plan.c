/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/plan.h"
#include "base/error.h"
#include "base/mem.h"
#include "gridder/fft.h"
#include "gridder/stokes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_SHARES = 8,     /* of an mfs image, if there are as many channels */
    MOST_SHARES = 256,    /* what its ranks can be, at most */
    MAX_AUTO_SIZE = 4096, /* pixels: a larger image must be asked for */
    MAX_SIZE = 65536,
    HUGE_PAGE = 2 << 20
};

#define LEAST_PADDING 1.2        /* of a mosaic */
#define SEEN          0.2        /* beam at which a field of a mosaic ends, as far as w goes */
#define DRIFT         0.5        /* cells that samples may move within a bin */
#define READ_AHEAD    (64 << 20) /* bytes of samples beyond which a longer read is no faster */
#define WRITE_AT_ONCE (4 << 20)  /* bytes beyond which a longer write is no faster */
#define LIBRARIES     (8 << 20) /* bytes that MPI, HDF5 and FFTW took once work began, and a little more, as measured */
#define THREAD        (256 << 10) /* of a thread's stack, and of what libraries keep for it */
#define PER_CHANNEL   1024        /* of what is known of a finished channel, in memory and on its way to journals */
#define LEAST_WRITE   (64 << 10)
#define MOST_WRITES   16 /* buffers of them */
#define AHEAD         8  /* reads at least, where short ones cost nothing */

size_t ib_good_size(double n)
{
    size_t size = n < 2 ? 2 : (size_t)ceil(n - 1e-9);

    for (size += size & 1;; size += 2) {
        size_t rest = size;
        for (size_t prime = 2; prime <= 7; prime += prime > 2 ? 2 : 1)
            while (rest % prime == 0)
                rest /= prime;
        if (rest == 1)
            return size;
    }
}

size_t ib_grid_bytes(const ib_geometry *g, int precision)
{
    return g->height * g->stride * 2 * (size_t)g->planes * (precision == IB_DOUBLE ? sizeof(double) : sizeof(float));
}

/* ---- image ------------------------------------------------------------------------------------------------ */

static void extremes(const ib_vis_info *info, double *lowest, double *highest)
{
    *lowest = INFINITY;
    *highest = 0;
    for (size_t s = 0; s < info->n_spw; s++)
        for (size_t c = 0; c < info->spw[s].n_chan; c++) {
            *lowest = fmin(*lowest, info->spw[s].freq[c]);
            *highest = fmax(*highest, info->spw[s].freq[c]);
        }
}

/* Two significant digits downwards, in arcseconds: a pixel size people can say. */
static double round_cell(double cell)
{
    const double arcsec = cell * 648000 / IB_PI, unit = pow(10, floor(log10(arcsec)) - 1);
    return floor(arcsec / unit + 1e-9) * unit * IB_PI / 648000;
}

/* A fifth of the resolution; twice the width of the primary beam of the smallest dish at the lowest frequency. */
static ib_status choose_image(ib_geometry *g, const ib_mosaic *mosaic, const ib_config *cfg, const ib_vis_info *info,
                              const ib_extent *extent, ib_error *err)
{
    double lowest, highest, longest = 0, dish = INFINITY;

    extremes(info, &lowest, &highest);
    for (size_t s = 0; s < info->n_spw; s++)
        longest = fmax(longest, extent[s].uv);
    for (size_t a = 0; a < info->n_antenna; a++)
        if (info->dish[a] > 0)
            dish = fmin(dish, info->dish[a]);

    for (int axis = 0; axis < 2; axis++) {
        g->cell[axis] = cfg->cell[axis] > 0 ? cfg->cell[axis] : info->cell[axis];
        if (!(g->cell[axis] > 0)) {
            if (!(longest > 0))
                return ib_fail(
                    err, IB_EDATA,
                    "all baselines have zero length in the uv plane, so no pixel size can be derived; give --cell");
            g->cell[axis] = round_cell(IB_LIGHT / (5 * longest * highest));
        }
        size_t *n = axis ? &g->ny : &g->nx;
        int64_t size = cfg->imsize[axis] > 0 ? cfg->imsize[axis] : info->imsize[axis];
        if (size <= 0) {
            const double field = mosaic->primary
                                     ? 2 * ib_mosaic_extent(mosaic, lowest, 1, axis)
                                     : 2 * 1.02 * IB_LIGHT / (lowest * dish); /* 0 when no dish is known */
            size = field > 0 ? (int64_t)ib_good_size(fmin(field / g->cell[axis], MAX_AUTO_SIZE)) : 512;
            if (size < 64)
                size = 64;
        }
        if (size < 8 || size > MAX_SIZE)
            return ib_fail(err, IB_EUSAGE, "--imsize: %lld pixels is not between 8 and %d", (long long)size,
                           MAX_SIZE);
        *n = (size_t)size;
        if (g->cell[axis] * (double)size > 1.99)
            return ib_fail(
                err, IB_EUSAGE,
                "--cell x --imsize: %g rad is more than the sky has (direction cosines reach 1); make one of them smaller",
                g->cell[axis] * (double)size);
    }
    return IB_OK;
}

/* The grid as it is stored, once its size and patches are known. @return its padding */
static double store(ib_geometry *g)
{
    const size_t step = 8; /* cells: rows and the zero column start on 64 bytes */
    g->margin = ((size_t)g->support / 2 + (size_t)g->patch.group_u + step) / step * step;
    g->stride = (g->margin + g->grid_nx / 2 + 1 + (size_t)g->patch.patch_u + step - 1) / step * step;
    if (g->stride % 64 == 0)
        g->stride += step; /* rows a power of two apart would share few sets of the cache */
    g->height = g->grid_ny + 1 + (size_t)g->patch.patch_v;

    /* Two tiles of one colour must not touch a common cell: a tile's samples reach one cell (drift) and a group before
       it, and a patch beyond it. */
    const int reach_u = g->patch.patch_u + g->patch.group_u, reach_v = g->patch.patch_v + g->patch.group_v;
    const int reach = 2 + (reach_u > reach_v ? reach_u : reach_v);
    g->tile = (size_t)(reach < 48 ? 48 : (reach + 15) / 16 * 16);
    return fmin((double)g->grid_nx / (double)g->nx, (double)g->grid_ny / (double)g->ny);
}

static void choose_planes(ib_geometry *g, int n_grid)
{
    for (g->record = 1; g->record < n_grid; g->record *= 2)
        ;
    for (g->planes = g->record; g->planes < n_grid * g->w.side; g->planes *= 2)
        ;
}

double ib_lay_out(ib_geometry *g, const ib_isa *isa, int precision, int n_grid, int support, double padding)
{
    g->support = support;
    g->grid_nx = ib_fft_size(padding * (double)g->nx, precision);
    g->grid_ny = ib_fft_size(padding * (double)g->ny, precision);
    choose_planes(g, n_grid);
    isa->patch[precision](g->support, g->planes, &g->patch);
    return store(g);
}

/* A choice becomes the configuration. */
static ib_status choose_parameters(ib_plan *plan, ib_config *cfg, const ib_vis_info *info, const ib_extent *extent,
                                   ib_error *err)
{
    const ib_imaging task = ib_plan_imaging(plan, cfg, info, extent);
    const ib_status  rc = ib_choose(&task, &plan->choice, err);

    if (!rc) {
        cfg->support = plan->choice.support;
        cfg->padding = plan->choice.padding;
        cfg->oversampling = plan->choice.oversampling;
    }
    return rc;
}

/* The grid of a mosaic reaches as far as the beams do that matter: a source that is seen at one edge of the grid is an
   alias at the other (imaging-spec 4.4). */
static ib_status choose_mosaic(ib_plan *plan, ib_config *cfg, const ib_isa *isa, const ib_vis_info *info,
                               ib_error *err)
{
    ib_geometry *g = &plan->geometry;
    double       lowest, highest;
    size_t       n_chan = 0;

    if (cfg->epsilon > 0)
        return ib_fail(
            err, IB_EUNSUPPORTED,
            "--epsilon: a mosaic's accuracy is that of its primary beams; leave it out, or give --oversampling");
    if (cfg->kernel != IB_KERNEL_KB || cfg->lookup != IB_LINEAR)
        return ib_fail(err, IB_EUNSUPPORTED,
                       "--kernel, --lookup: a mosaic's kernels are its primary beams, interpolated; leave them out");
    extremes(info, &lowest, &highest);
    double *const freq = ib_alloc(plan->part_first[plan->n_chan], sizeof *freq, "channels", err);
    if (!freq)
        return err->status;
    for (size_t s = 0; s < info->n_spw; s++)
        for (size_t c = 0; c < info->spw[s].n_chan; c++)
            freq[n_chan++] = info->spw[s].freq[c];
    for (int axis = 0; axis < 2; axis++) {
        const double n = (double)(axis ? g->ny : g->nx);
        double       wanted = (cfg->padding > 0 ? cfg->padding : LEAST_PADDING) * n;
        if (!(cfg->padding > 0))
            wanted = fmax(wanted, 2 * ib_mosaic_extent(&plan->mosaic, lowest, 2, axis) / g->cell[axis]);
        *(axis ? &g->grid_ny : &g->grid_nx) = ib_fft_size(wanted, cfg->precision);
    }
    ib_status rc = ib_mosaic_settle(&plan->mosaic, cfg, (const size_t[]){g->nx, g->ny}, g->cell,
                                    (const size_t[]){g->grid_nx, g->grid_ny}, freq, n_chan, err);
    if (rc)
        return rc;
    choose_planes(g, plan->n_grid);
    cfg->support = g->support = plan->mosaic.field.support;
    cfg->oversampling = g->squares = plan->mosaic.field.oversampling;
    cfg->padding = fmin((double)g->grid_nx / (double)g->nx, (double)g->grid_ny / (double)g->ny);
    isa->mosaic_patch[cfg->precision](g->support, g->planes, &g->patch);
    return IB_OK;
}

static ib_status choose_grid(ib_plan *plan, const ib_config *cfg, const ib_isa *isa, ib_error *err)
{
    ib_geometry *g = &plan->geometry;

    plan->padding = plan->mosaic.primary
                        ? store(g)
                        : ib_lay_out(g, isa, cfg->precision, plan->n_grid, (int)cfg->support, cfg->padding);
    if (g->grid_nx < (size_t)g->support + 2 || g->grid_ny < (size_t)g->support + 2)
        return ib_fail(
            err, IB_EUSAGE,
            "--support %d does not fit the grid of %zu x %zu cells; use a larger --imsize or a smaller --support",
            g->support, g->grid_nx, g->grid_ny);
    const double tiles = 4 * ((double)(g->stride / g->tile) / 2 + 2) * ((double)(g->height / g->tile) / 2 + 2);
    if (g->w.n_term && 16 * tiles * g->w.n_slab > UINT32_MAX) /* keys of the sort */
        return ib_fail(err, IB_EUNSUPPORTED,
                       "%d slabs of w on a grid of %zu x %zu cells are too many to be sorted; make the image smaller",
                       g->w.n_slab, g->grid_nx, g->grid_ny);
    return IB_OK;
}

static double count_samples(const ib_vis_info *info)
{
    double samples = 0;

    for (size_t s = 0; s < info->n_spw; s++)
        samples += (double)info->spw[s].n_row * (double)info->spw[s].n_chan;
    return samples;
}

/* Shares of an mfs image: their grids are summed, which costs about as much as gridding a sample for every four cells. So
   a share has about as many samples; there are a few shares all the same, for ranks to divide. */
size_t ib_share_count(const ib_geometry *g, double samples, size_t n_part)
{
    const double cells = (double)g->stride * (double)g->height;
    const double worthwhile = fmin(fmax(4 * samples / cells, LEAST_SHARES), MOST_SHARES);

    return (double)n_part < worthwhile ? n_part : (size_t)worthwhile;
}

ib_imaging ib_plan_imaging(const ib_plan *plan, const ib_config *cfg, const ib_vis_info *info,
                           const ib_extent *extent)
{
    const ib_geometry *g = &plan->geometry;
    ib_imaging         task = {.cfg = cfg,
                               .isa = ib_isa_find(cfg->isa),
                               .nx = g->nx,
                               .ny = g->ny,
                               .n_grid = plan->n_grid,
                               .w = g->w,
                               .n_part = plan->mode == IB_MFS ? plan->part_first[1] : 0,
                               .n_sample = count_samples(info) / (double)plan->n_chan};

    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_spw *w = &info->spw[s];
        double        highest = 0;
        for (size_t c = 0; c < w->n_chan; c++)
            highest = fmax(highest, w->freq[c]);
        task.reach[0] = fmax(task.reach[0], extent[s].u * highest / IB_LIGHT * g->cell[0]);
        task.reach[1] = fmax(task.reach[1], extent[s].v * highest / IB_LIGHT * g->cell[1]);
    }
    return task;
}

/* ---- w ----------------------------------------------------------------------------------------------------- */

/* Above this phase at the edge a source there loses half a per cent of its flux (imaging-spec 8.1). */
#define W_PHASE_LIMIT 0.1

/* rms error that is left to w: so little that it does not show beside what is asked for or what the convolution function
   leaves. */
static ib_status w_error(const ib_plan *plan, const ib_config *cfg, double *error, ib_error *err)
{
    const ib_geometry *g = &plan->geometry;
    ib_convfn          fn;

    if (cfg->epsilon > 0) {
        *error = cfg->epsilon / 3;
        return IB_OK;
    }
    const double    nx = (double)g->nx, ny = (double)g->ny;
    const double    grid_nx = (double)ib_fft_size(cfg->padding * nx, cfg->precision);
    const double    grid_ny = (double)ib_fft_size(cfg->padding * ny, cfg->precision);
    const ib_status rc = ib_convfn_describe(&fn, cfg->kernel, (int)cfg->support, (int)cfg->oversampling,
                                            fmin(grid_nx / nx, grid_ny / ny), cfg->lookup, cfg->precision, err);
    if (!rc)
        *error = 0.5 * hypot(ib_convfn_promise(&fn, 0.5 * nx / grid_nx, 0.5 * ny / grid_ny),
                             0x1p-25); /* pixels are float32 */
    return rc;
}

/* How far w may be from where it was when rows were sorted, wavelengths: they are sorted anew after half a cell of u or v,
   and there are no more frequencies than from the lowest to the highest. */
static double w_drift(const ib_geometry *g, const ib_vis_info *info, const ib_extent *extent)
{
    double drift = 0;

    for (size_t s = 0; s < info->n_spw; s++) {
        double lowest = INFINITY, highest = 0;
        for (size_t c = 0; c < info->spw[s].n_chan; c++) {
            lowest = fmin(lowest, info->spw[s].freq[c]);
            highest = fmax(highest, info->spw[s].freq[c]);
        }
        const double cells =
            fmax(extent[s].u * g->cell[0] * (double)g->nx, extent[s].v * g->cell[1] * (double)g->ny) / IB_LIGHT;
        drift = fmax(drift, extent[s].w / IB_LIGHT * fmin(highest - lowest, DRIFT / cells));
    }
    return drift;
}

/* Mosaics neglect w, of every field about its own centre; at the lowest frequency the beam wins. */
static ib_status neglect_w(ib_plan *plan, ib_config *cfg, const ib_vis_info *info, const ib_extent *extent,
                           ib_error *err)
{
    double lowest, highest, longest = 0;

    extremes(info, &lowest, &highest);
    for (size_t s = 0; s < info->n_spw; s++)
        longest = fmax(longest, extent[s].w);
    const double theta = ib_mosaic_angle(&plan->mosaic, lowest, SEEN);
    plan->w_phase = IB_PI * longest * lowest / IB_LIGHT * theta * theta;
    if (cfg->wterm == IB_WTERM_STACK)
        return ib_fail(
            err, IB_EUNSUPPORTED,
            "--wterm stack with --gridder mosaic: every field lies in a plane of its own, and w is neglected "
            "there; leave out one of them");
    if (cfg->wterm == IB_WTERM_AUTO && plan->w_phase > W_PHASE_LIMIT)
        return ib_fail(
            err, IB_EUNSUPPORTED,
            "--gridder mosaic neglects w, whose phase reaches %.2g rad where primary beams fall to %g; "
            "give --wterm none to image without it, or image one field at a time (--field N --gridder standard)",
            plan->w_phase, SEEN);
    cfg->wterm = IB_WTERM_NONE;
    return IB_OK;
}

static ib_status choose_w(ib_plan *plan, ib_config *cfg, const ib_vis_info *info, const ib_extent *extent,
                          ib_error *err)
{
    ib_geometry *g = &plan->geometry;
    ib_wtask     task = {.nx = g->nx,
                         .ny = g->ny,
                         .cell = {g->cell[0], g->cell[1]},
                         .drift = w_drift(g, info, extent),
                         .n_grid = plan->n_grid,
                         .n_sample = count_samples(info) / (double)plan->n_chan};

    for (size_t s = 0; s < info->n_spw; s++)
        for (size_t c = 0; c < info->spw[s].n_chan; c++)
            task.longest = fmax(task.longest, extent[s].w * info->spw[s].freq[c] / IB_LIGHT);
    plan->w_phase = 2 * IB_PI * task.longest * ib_deepest(g->nx, g->ny, g->cell);
    if (cfg->wterm == IB_WTERM_AUTO)
        cfg->wterm = plan->w_phase > W_PHASE_LIMIT ? IB_WTERM_STACK : IB_WTERM_NONE;
    if (cfg->wterm == IB_WTERM_NONE)
        return IB_OK;

    const ib_status rc = w_error(plan, cfg, &task.error, err);
    if (!rc)
        g->w = ib_wterm_choose(&task);
    if (!rc && !g->w.n_term)
        return ib_fail(err, IB_EUNSUPPORTED,
                       "w reaches a phase of %.3g rad in this field, which no number of slabs of w images to %.2g; "
                       "make the field smaller or ask for less, or give --wterm none",
                       plan->w_phase, task.error);
    return rc;
}

/* ---- channels ---------------------------------------------------------------------------------------------- */

typedef struct channel {
    double  freq, width;
    ib_part part;
} channel;

static int ascending(const void *a, const void *b)
{
    const channel *x = a, *y = b;
    if (x->freq != y->freq)
        return x->freq < y->freq ? -1 : 1;
    return x->part.spw != y->part.spw ? (x->part.spw < y->part.spw ? -1 : 1)
                                      : (x->part.chan > y->part.chan) - (x->part.chan < y->part.chan);
}

/* The input channels in image order. One window keeps its own order; several are sorted by frequency (downwards when all
   of them descend), so that windows of the same frequencies meet in the same image channel. */
static void order_channels(channel *list, size_t n, const ib_vis_info *info)
{
    bool   all_down = true;
    size_t k = 0;

    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_spw *w = &info->spw[s];
        all_down = all_down && w->n_chan > 1 && w->freq[w->n_chan - 1] < w->freq[0];
        for (size_t c = 0; c < w->n_chan; c++)
            list[k++] = (channel){w->freq[c], w->width[c], {(uint32_t)s, (uint32_t)c}};
    }
    if (info->n_spw == 1)
        return;
    qsort(list, n, sizeof *list, ascending);
    for (size_t i = 0; all_down && i < n / 2; i++) {
        const channel swap = list[i];
        list[i] = list[n - 1 - i];
        list[n - 1 - i] = swap;
    }
}

/* Channels of several windows are one when place and width agree to a hundredth of the narrower one. */
static bool is_same(const channel *a, const channel *b)
{
    const double width = fmin(a->width, b->width);
    return fabs(a->freq - b->freq) <= 0.01 * width && fabs(a->width - b->width) <= 0.01 * width;
}

/* A bin goes on with the next channel of a window, or where another window begins without a gap. */
static bool follows(const ib_vis_info *info, const channel *a, const channel *b)
{
    if (a->part.spw == b->part.spw) {
        const int *number = info->spw[a->part.spw].chan;
        return abs(number[b->part.chan] - number[a->part.chan]) == 1;
    }
    return fabs(fabs(b->freq - a->freq) - (a->width + b->width) / 2) <= 0.1 * fmin(a->width, b->width);
}

static ib_status choose_channels(ib_plan *plan, const ib_config *cfg, const ib_vis_info *info, ib_error *err)
{
    size_t   n = 0;
    channel *list = NULL;

    for (size_t s = 0; s < info->n_spw; s++)
        n += info->spw[s].n_chan;
    list = ib_alloc(n, sizeof *list, "channels", err);
    plan->part = ib_alloc(n, sizeof *plan->part, "channels", err);
    plan->part_first = ib_alloc(n + 1, sizeof *plan->part_first, "channels", err);
    plan->freq = ib_alloc(n, sizeof *plan->freq, "channels", err);
    plan->width = ib_alloc(n, sizeof *plan->width, "channels", err);
    if (!list || !plan->part || !plan->part_first || !plan->freq || !plan->width) {
        ib_free(list);
        return err->status;
    }
    order_channels(list, n, info);

    const channel *base = list; /* first of those with the present frequency */
    size_t         chan = 0, in_bin = 0, n_sum = 0;
    double         sum = 0, low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        const channel *c = &list[i];
        const bool     same = i && is_same(base, c);
        const bool     next = i && !same && in_bin < (size_t)cfg->bin && follows(info, base, c);
        if (!i || (cfg->mode != IB_MFS && !same && !next)) {
            plan->part_first[chan++] = i;
            in_bin = n_sum = 0;
            sum = high = 0;
            low = INFINITY;
        }
        if (!same) {
            base = c;
            in_bin++;
        }
        plan->part[i] = c->part;
        sum += c->freq;
        n_sum++;
        low = fmin(low, c->freq - c->width / 2);
        high = fmax(high, c->freq + c->width / 2);
        plan->freq[chan - 1] = sum / (double)n_sum;
        plan->width[chan - 1] = high - low;
    }
    plan->part_first[chan] = n;
    plan->n_chan = chan;

    plan->even = true;
    const double step = chan > 1 ? (plan->freq[chan - 1] - plan->freq[0]) / (double)(chan - 1) : plan->width[0];
    for (size_t i = 0; i < chan; i++)
        plan->even = plan->even && fabs(plan->freq[i] - plan->freq[0] - (double)i * step) <= 0.01 * fabs(step);
    if (chan > 1 && step == 0)
        plan->even = false;
    ib_free(list);
    return IB_OK;
}

static ib_status choose_bins(ib_plan *plan, const ib_vis_info *info, const ib_extent *extent, ib_error *err)
{
    const ib_geometry *g = &plan->geometry;

    plan->bin = ib_alloc_zero(info->n_spw, sizeof *plan->bin, "bins", err);
    plan->bin_freq = ib_alloc_zero(info->n_spw, sizeof *plan->bin_freq, "bins", err);
    if (!plan->bin || !plan->bin_freq)
        return err->status;
    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_spw *w = &info->spw[s];
        const double  cells_per_hz =
            fmax(extent[s].u * g->cell[0] * (double)g->grid_nx, extent[s].v * g->cell[1] * (double)g->grid_ny) /
            IB_LIGHT;
        size_t n = 0;

        plan->bin[s] = ib_alloc(w->n_chan, sizeof **plan->bin, "bins", err);
        plan->bin_freq[s] = ib_alloc(w->n_chan, sizeof **plan->bin_freq, "bins", err);
        if (!plan->bin[s] || !plan->bin_freq[s])
            return err->status;
        for (size_t c = 0; c < w->n_chan; c++) {
            if (!n || fabs(w->freq[c] - plan->bin_freq[s][n - 1]) * cells_per_hz > DRIFT)
                plan->bin_freq[s][n++] = w->freq[c];
            plan->bin[s][c] = (uint32_t)(n - 1);
        }
    }
    return IB_OK;
}

/* ---- dealing ----------------------------------------------------------------------------------------------- */

static ib_status choose_units(ib_plan *plan, const ib_config *cfg, const ib_vis_info *info, int n_rank, ib_error *err)
{
    const size_t n_part = plan->part_first[plan->n_chan];

    plan->n_unit = plan->n_chan;
    if (plan->mode == IB_MFS) {
        plan->n_unit = ib_share_count(&plan->geometry, count_samples(info), n_part);
        plan->share_first = ib_alloc(plan->n_unit + 1, sizeof *plan->share_first, "shares", err);
        if (!plan->share_first)
            return err->status;
        for (size_t k = 0; k <= plan->n_unit; k++)
            plan->share_first[k] = n_part * k / plan->n_unit;
    }
    const char *const unit = plan->mode == IB_MFS ? "share" : "channel";
    plan->n_chunk = cfg->chunks > 0 ? (size_t)cfg->chunks : plan->n_unit;
    if (plan->n_chunk > plan->n_unit)
        plan->n_chunk = plan->n_unit;
    if ((size_t)n_rank > plan->n_chunk) {
        if (plan->n_chunk < plan->n_unit)
            return ib_fail(
                err, IB_EUSAGE,
                "%d ranks cannot share %zu chunks; start at most %zu ranks or ask for more --chunks (there are %zu %ss)",
                n_rank, plan->n_chunk, plan->n_chunk, plan->n_unit, unit);
        return ib_fail(
            err, IB_EUSAGE,
            "%d ranks cannot divide %zu %s%s; start at most %zu rank%s and give the other cores to threads (OMP_NUM_THREADS)",
            n_rank, plan->n_unit, unit, plan->n_unit == 1 ? "" : "s", plan->n_unit, plan->n_unit == 1 ? "" : "s");
    }
    return IB_OK;
}

void ib_extent_add(ib_extent *e, const double (*uvw)[3], const int32_t (*antenna)[2], size_t n)
{
    for (size_t r = 0; r < n; r++) {
        const double u = uvw[r][0], v = uvw[r][1], w = uvw[r][2];
        if (antenna[r][0] == antenna[r][1] || !isfinite(u) || !isfinite(v) || !isfinite(w))
            continue;
        e->u = fmax(e->u, fabs(u));
        e->v = fmax(e->v, fabs(v));
        e->w = fmax(e->w, fabs(w));
        e->uv = fmax(e->uv, hypot(u, v));
    }
}

ib_range ib_plan_share(const ib_plan *plan, int rank, int n_rank)
{
    const size_t r = (size_t)rank, n = (size_t)n_rank;
    const size_t chunk0 = plan->n_chunk * r / n, chunk1 = plan->n_chunk * (r + 1) / n;
    const size_t unit0 = plan->n_unit * chunk0 / plan->n_chunk, unit1 = plan->n_unit * chunk1 / plan->n_chunk;
    return (ib_range){unit0, unit1 - unit0};
}

ib_range ib_plan_parts(const ib_plan *plan, size_t unit)
{
    const size_t *first = plan->mode == IB_MFS ? plan->share_first : plan->part_first;
    return (ib_range){first[unit], first[unit + 1] - first[unit]};
}

ib_range ib_plan_span(const ib_plan *plan, ib_range units, size_t spw)
{
    const size_t   from = ib_plan_parts(plan, units.first).first;
    const ib_range last = ib_plan_parts(plan, units.first + units.n - 1);
    size_t         low = SIZE_MAX, high = 0;

    for (size_t i = from; i < last.first + last.n; i++)
        if (plan->part[i].spw == spw) {
            low = plan->part[i].chan < low ? plan->part[i].chan : low;
            high = plan->part[i].chan + 1 > high ? plan->part[i].chan + 1 : high;
        }
    return low < high ? (ib_range){low, high - low} : (ib_range){0, 0};
}

size_t ib_plan_next(const ib_plan *plan, ib_range units, size_t k)
{
    const size_t   step = plan->fused ? plan->window : plan->n_lane;
    const uint32_t spw = plan->part[ib_plan_parts(plan, units.first + k).first].spw;
    size_t         n = 1;

    while (n < step && k + n < units.n &&
           (!plan->fused || plan->part[ib_plan_parts(plan, units.first + k + n).first].spw == spw))
        n++;
    return n;
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

/* What the input asks for, at its largest. */
typedef struct demand {
    size_t rows;         /* of a block */
    size_t sample_bytes; /* of one channel x block */
    size_t n_read;       /* input channels */
    size_t unit;         /* input channels of an image channel */
    bool   one_read;     /* every image channel comes from one window and one block of rows */
} demand;

static demand measure_demand(const ib_plan *plan, const ib_vis_info *info)
{
    demand d = {.one_read = true};

    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_spw *w = &info->spw[s];
        const size_t  rows = w->n_row < IB_BLOCK_ROWS ? w->n_row : IB_BLOCK_ROWS;
        const size_t  each = 2 * sizeof(float) + 1 + (w->weight_per_channel ? sizeof(float) : 0);
        d.rows = rows > d.rows ? rows : d.rows;
        d.sample_bytes = rows * w->n_corr * each > d.sample_bytes ? rows * w->n_corr * each : d.sample_bytes;
        d.one_read = d.one_read && w->n_row <= IB_BLOCK_ROWS;
        d.n_read += w->n_chan;
    }
    for (size_t c = 0; c < plan->n_chan; c++) {
        const size_t n = plan->part_first[c + 1] - plan->part_first[c];
        d.unit = n > d.unit ? n : d.unit;
        for (size_t i = plan->part_first[c] + 1; i < plan->part_first[c + 1]; i++)
            d.one_read = d.one_read && plan->part[i].spw == plan->part[i - 1].spw;
    }
    return d;
}

/* Bins that n consecutive input channels may need at once, and the previous read's last one. */
static size_t most_bins(const ib_plan *plan, const ib_vis_info *info, size_t n)
{
    size_t most = 1;

    for (size_t s = 0; s < info->n_spw; s++)
        for (size_t c = 0; c < info->spw[s].n_chan; c++) {
            const size_t last = c + n < info->spw[s].n_chan ? c + n - 1 : info->spw[s].n_chan - 1;
            const size_t bins = plan->bin[s][last] - plan->bin[s][c] + 1;
            most = bins > most ? bins : most;
        }
    return most;
}

/* The longest run of a power of two, at a multiple of its length, that begins [first, end): a node of a tree. */
static size_t node_size(size_t first, size_t end)
{
    size_t size = first ? first & -first : end;

    while (size & (size - 1))
        size &= size - 1;
    while (size > end - first)
        size /= 2;
    return size;
}

static int64_t nodes_of(size_t first, size_t end)
{
    int64_t n = 0;

    for (; first < end; first += node_size(first, end))
        n++;
    return n;
}

/* Buffers of a tree of partial sums: those that wait for their siblings, and those that are filled, by n_lane units at once of
   one's own or, on rank 0, by what another rank has summed. */
static int64_t tree_nodes(const ib_plan *plan, size_t n_lane)
{
    int64_t most = 0;

    for (int r = 0; r < plan->n_rank; r++) {
        const ib_range u = ib_plan_share(plan, r, plan->n_rank);
        const size_t   end = u.first + u.n;
        for (size_t k = u.first; k < end; k += n_lane) {
            const int64_t n = nodes_of(u.first, k) + (int64_t)(end - k < n_lane ? end - k : n_lane);
            most = n > most ? n : most;
        }
        for (size_t k = u.first; k < end; k += node_size(k, end)) {
            const int64_t n = nodes_of(0, k) + 1;
            most = n > most ? n : most;
        }
    }
    return most;
}

/* Sums of densities, which are cleared before grids are touched; those of an mfs image are sums, too, of which one is
   transformed. */
static int64_t tree_bytes(const ib_plan *plan, size_t n_lane)
{
    const int64_t lanes = (int64_t)n_lane * plan->rest_bytes;
    const int64_t more = plan->density_bytes > lanes ? plan->density_bytes - lanes : 0;
    const int64_t grids = tree_nodes(plan, n_lane) * plan->part_bytes + plan->rest_bytes;
    return plan->mode == IB_CUBE ? more : grids > plan->density_bytes ? grids : plan->density_bytes;
}

/* Rows of a grid that samples reach: before it is transformed the others are not touched, and cost nothing. */
static size_t reached_rows(const ib_geometry *g, const ib_vis_info *info, const ib_extent *extent)
{
    double lowest, highest, longest = 0;

    extremes(info, &lowest, &highest);
    for (size_t s = 0; s < info->n_spw; s++)
        longest = fmax(longest, extent[s].v);
    const double cells = ceil(longest * highest / IB_LIGHT * g->cell[1] * (double)g->grid_ny);
    return (size_t)fmin((double)g->height, 2 * (cells + g->support + g->patch.patch_v + 1));
}

/* What one rank needs, term by term, as imager.c allocates it. */
static void count_bytes(ib_plan *plan, const ib_config *cfg, const demand *d, size_t n_row, int n_thread,
                        int64_t base_bytes)
{
    const ib_geometry *g = &plan->geometry;
    const size_t       real = cfg->precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
    const size_t       pixels = g->nx * g->ny, whole = ib_grid_bytes(g, cfg->precision);
    const size_t reached = whole / g->height * n_row + 2 * HUGE_PAGE, sparse = reached < whole ? reached : whole;
    const size_t all = plan->needs_density ? (size_t)plan->n_stokes * pixels * sizeof(double) : 0;
    const size_t cells =
        all / g->height * n_row + (size_t)plan->n_stokes * 2 * HUGE_PAGE; /* at most, that samples reach */
    const size_t density = plan->density_all || cells > all ? all : cells;
    const size_t sums = g->w.n_pass > 1 ? (size_t)plan->n_grid * pixels * real : 0; /* of all passes */
    const size_t thread = pixels * sizeof(float) + ib_summary_bytes(g->nx, g->ny, ib_histogram_bins(g->nx, g->ny)) +
                          ib_transform_work(g, cfg->precision) + IB_SCRATCH_BYTES +
                          (size_t)(g->planes + g->record) * IB_BATCH * 2 * real + IB_BATCH * 104 + THREAD;
    const size_t row = sizeof(double[3]) + sizeof(int32_t[2]) + IB_MAX_CORR * sizeof(float) + 1 +
                       (plan->centre.motion == IB_AS_IS ? 0 : sizeof(int32_t) + sizeof(double));

    const size_t known = (cfg->resume ? 2 : 1) * PER_CHANNEL; /* and what earlier starts have noted */

    plan->base_bytes = base_bytes;
    plan->lane_bytes = (int64_t)(density + (plan->mode == IB_MFS ? 0 : whole + sums) +
                                 d->rows * (2 * (size_t)g->record + (plan->psf ? 0 : (size_t)plan->n_stokes)) * real);
    plan->sample_bytes = (int64_t)d->sample_bytes;
    plan->order_bytes =
        (int64_t)(d->rows * ((g->w.n_term ? 3 : 2) * sizeof(double) + sizeof(uint32_t) + 2 * sizeof(uint64_t)));
    plan->fixed_bytes = (int64_t)(d->rows * row + 64 * d->n_read + known * plan->n_chan + (size_t)n_thread * thread) +
                        (int64_t)((size_t)(cfg->oversampling + 8) * ((size_t)cfg->support + 24) * real) +
                        LIBRARIES + /* above it: the table of taps */
                        (plan->mode == IB_MFS ? (int64_t)sums : 0);
    if (plan->mosaic.primary) {
        const size_t n_kind = plan->mosaic.n_kind, n_stokes = (size_t)plan->n_stokes;
        plan->lane_bytes += (int64_t)(d->rows * n_stokes * real + n_kind * sizeof(double));
        plan->fixed_bytes +=
            ib_mosaic_bytes(&plan->mosaic, g->stride, g->height) +
            (int64_t)(d->n_read * n_stokes * n_kind * sizeof(double) + d->rows * 8) +
            (int64_t)n_thread *
                (int64_t)(n_stokes * pixels * sizeof(float) + IB_BATCH * 8 +
                          (2 * g->nx + (plan->mosaic.coarse[1] + 1) * plan->mosaic.coarse[0]) * sizeof(double));
    }
    const size_t plane = pixels * sizeof(float) / 3 * 4 + LEAST_WRITE; /* with its mipmaps and statistics */
    plan->write_bytes = (int64_t)(plane < WRITE_AT_ONCE ? plane / 4096 * 4096 : WRITE_AT_ONCE);
    plan->n_write = 2; /* one is filled while one is written */
    plan->density_bytes = all && plan->density_all ? tree_nodes(plan, 1) * (int64_t)all : 0;
    plan->part_bytes = plan->mode == IB_MFS ? (int64_t)sparse : 0;
    plan->rest_bytes = (int64_t)whole - plan->part_bytes;
}

static int64_t bytes_of(const ib_plan *plan, const ib_vis_info *info, size_t n_lane, size_t n_read)
{
    return plan->base_bytes + plan->fixed_bytes + tree_bytes(plan, n_lane) +
           (int64_t)plan->n_write * plan->write_bytes + (int64_t)n_lane * plan->lane_bytes +
           (int64_t)n_read * (plan->ahead ? 2 : 1) * plan->sample_bytes +
           (int64_t)most_bins(plan, info, n_read) * plan->order_bytes;
}

/* Samples that wait for storage are read ahead; those that are computed keep all threads busy anyway. */
static bool is_stored(const ib_vis_info *info)
{
    bool stored = false;

    for (size_t s = 0; s < info->n_spw; s++)
        stored = stored || info->spw[s].tiling.sample_bytes > 0;
    return stored;
}

/* Do short reads cost no more than long ones? */
static bool reads_anything(const ib_vis_info *info)
{
    bool any = true;

    for (size_t s = 0; s < info->n_spw; s++)
        any = any && !info->spw[s].tiling.n_chan;
    return any;
}

/* As many grids as there are threads, and a read as long as is useful, within the limit. */
static ib_status choose_window(ib_plan *plan, const ib_config *cfg, const ib_vis_info *info, const ib_extent *extent,
                               int n_rank, int n_thread, int64_t base_bytes, ib_error *err)
{
    const demand   d = measure_demand(plan, info);
    const ib_range most = ib_plan_share(plan, n_rank - 1, n_rank);
    const size_t   unit = plan->mode == IB_CUBE && d.one_read ? d.unit : 1; /* input channels read together */

    plan->n_rank = n_rank;
    plan->fused = plan->mode == IB_CUBE && d.one_read;
    plan->block_rows = IB_BLOCK_ROWS;
    plan->max_rows = d.rows;
    count_bytes(plan, cfg, &d, reached_rows(&plan->geometry, info, extent), n_thread, base_bytes);
    plan->fixed_bytes += info->held_bytes + n_thread * info->thread_bytes + (*cfg->trace ? cfg->trace_memory : 0);

    const int64_t least = bytes_of(plan, info, 1, unit);
    if (least > cfg->memory)
        return ib_fail(err, IB_ENOMEM,
                       "--memory: %.4g MiB per rank are too few; %.0f MiB would do, or a smaller --imsize%s",
                       (double)cfg->memory / 1048576, ceil((double)least / 1048576) + 1, /* base_bytes wobbles */
                       cfg->epsilon > 0 && plan->padding > 1.3 ? " or --padding" : "");

    size_t n_lane = (size_t)n_thread < most.n + 1 ? (size_t)n_thread : most.n + 1;
    while (n_lane > 1 && bytes_of(plan, info, n_lane, plan->fused ? n_lane * unit : 1) > cfg->memory)
        n_lane--;
    plan->ahead = is_stored(info);
    if (bytes_of(plan, info, n_lane, plan->fused ? n_lane * unit : 1) > cfg->memory)
        plan->ahead = false;
    const size_t few = most.n * (size_t)plan->n_grid / 2; /* planes: most of a few are not under way at once */
    while (plan->mode == IB_CUBE && plan->n_write < 2 * n_lane + 2 && plan->n_write < MOST_WRITES &&
           plan->n_write < few &&
           bytes_of(plan, info, n_lane, plan->fused ? n_lane * unit : 1) + plan->write_bytes <= cfg->memory)
        plan->n_write++;

    const size_t all = plan->mode == IB_MFS ? d.n_read : (most.n + 1) * d.unit;
    size_t       n_read = (size_t)(READ_AHEAD / (plan->sample_bytes + 1)) + 1;
    if (plan->fused && n_read < 4 * n_lane * unit)
        n_read = 4 * n_lane * unit;
    n_read = n_read < all ? n_read : all;
    if (plan->ahead && reads_anything(info) && n_read > all / AHEAD) { /* several, for there to be one ahead */
        const size_t enough = 4 * n_lane * unit > all / AHEAD ? 4 * n_lane * unit : all / AHEAD;
        n_read = n_read < enough ? n_read : enough;
    }
    plan->ahead = plan->ahead && n_read < (plan->mode == IB_MFS ? d.n_read : most.n * d.unit);
    const size_t sweep = (d.n_read * n_lane + plan->n_unit - 1) / plan->n_unit;
    if (plan->mode == IB_MFS && n_read > sweep) /* one share for each lane is read at a time */
        n_read = sweep;
    n_read = (n_read + unit - 1) / unit * unit;
    while (n_read > unit && bytes_of(plan, info, n_lane, n_read) > cfg->memory)
        n_read = (n_read / 2 + unit - 1) / unit * unit;

    plan->n_lane = n_lane;
    plan->window = plan->fused ? n_read / unit : n_read;
    plan->tree_bytes = tree_bytes(plan, n_lane);
    plan->total_bytes = bytes_of(plan, info, n_lane, n_read);
    return IB_OK;
}

void ib_plan_narrow(ib_plan *plan, const ib_vis_info *info, size_t window)
{
    size_t unit = 1; /* input channels of a unit of the window */

    for (size_t c = 0; c < plan->n_chan && plan->fused; c++)
        unit = plan->part_first[c + 1] - plan->part_first[c] > unit ? plan->part_first[c + 1] - plan->part_first[c]
                                                                    : unit;
    plan->ahead = false;
    if (window && window < plan->window)
        plan->window = window;
    plan->total_bytes = bytes_of(plan, info, plan->n_lane, plan->window * unit);
}

/* Planes that are compared with the direct sum, and pixels of each: so few that the check stays a small part of the work. A
   sample of a plane that is compared takes, for 8 x 8, 4 x 4, 2 x 2 pixels, as long as 2, 1, 0.5 samples to be gridded
   (support 7, AVX-512), so it is the share of these samples that counts. An mfs image is one plane of all of them: there one share of its channels
   will do, whose grid is at hand before it is added to the others. With the w-term, and in mosaics, an image is not so easily
   had from a grid, and gridding takes so long that all samples may be summed. */
static void choose_check(ib_plan *plan, const ib_config *cfg, const ib_vis_info *info)
{
    double samples = 0;

    for (size_t s = 0; s < info->n_spw; s++)
        samples += (double)info->spw[s].n_row * (double)info->spw[s].n_chan;
    plan->n_check = cfg->check ? 1 + plan->n_chan / 256 : 0;
    if (plan->n_check > 16)
        plan->n_check = 16;
    /* every pixel has a phasor of its own for w; gridding and transform take longer, too */
    const double w = plan->geometry.w.n_term ? 4 : 1;
    plan->check_share = plan->mode == IB_MFS && plan->n_unit > 1 && !plan->geometry.w.n_term && !plan->mosaic.primary;
    const double part = plan->check_share ? 1 / (double)plan->n_unit : 1;
    const double share = part * w * (double)plan->n_check / (double)plan->n_chan / plan->n_stokes;
    plan->n_pixel = share <= 1.0 / 64 || share * samples <= 1e5 ? 8 : share <= 1.0 / 32 ? 4 : 2;
}

/* Fields are imaged together only where they share a phase centre, to a hundredth of a pixel, and their axes, to a tenth
   of a pixel at the edge: near a pole different right ascensions turn them. */
static ib_status check_fields(const ib_vis_info *info, const ib_geometry *g, ib_error *err)
{
    const ib_field *first = NULL;
    const double    cell = fmin(g->cell[0], g->cell[1]), half = 0.5 * (double)(g->nx > g->ny ? g->nx : g->ny);

    for (size_t f = 0; f < info->n_field; f++) {
        const ib_field *field = &info->field[f];
        if (!field->selected)
            continue;
        if (!first)
            first = field;
        const double ra = fabs(remainder(field->ra - first->ra, 2 * IB_PI)), dec = fabs(field->dec - first->dec);
        if (hypot(dec, ra * cos(first->dec)) > 0.01 * cell || ra * fabs(sin(first->dec)) * half > 0.1)
            return ib_fail(
                err, IB_EUNSUPPORTED,
                "fields %d (%s) and %d (%s) have different phase centres; image them together with --gridder mosaic, choose one of the %zu fields with --field, or one centre for all with --phasecenter",
                first->id, first->name, field->id, field->name, info->n_field);
    }
    return IB_OK;
}

ib_status ib_plan_make(ib_plan *plan, ib_config *cfg, const ib_vis_info *info, const ib_extent *extent, int n_rank,
                       int n_thread, int64_t base_bytes, ib_error *err)
{
    const ib_isa *isa = ib_isa_find(cfg->isa);
    size_t        n_stokes = 0;
    double        lowest, highest, longest_u = 0;

    memset(plan, 0, sizeof *plan);
    if (!isa) {
        bool known = false;
        for (size_t i = 0; ib_isa_at(i); i++)
            known = known || !strcmp(ib_isa_at(i)->name, cfg->isa);
        return ib_fail(err, known ? IB_EUNSUPPORTED : IB_EUSAGE, "--isa %s: %s; use auto", cfg->isa,
                       known ? "this machine does not have it" : "this program knows no such instruction set");
    }
    ib_status rc = ib_centre_make(&plan->centre, cfg, info, err);
    if (!rc)
        rc = ib_planes_choose(info, cfg->stokes, plan->stokes, &n_stokes, err);
    plan->mode = cfg->mode;
    plan->n_stokes = (int)n_stokes;
    plan->psf = cfg->psf;
    plan->n_grid = plan->n_stokes * (cfg->psf ? 2 : 1);
    if (!rc)
        rc = cfg->gridder == IB_MOSAIC ? ib_mosaic_begin(&plan->mosaic, cfg, info, &plan->centre, err) : IB_OK;
    if (!rc)
        rc = choose_image(&plan->geometry, &plan->mosaic, cfg, info, extent, err);
    if (!rc)
        rc = choose_channels(plan, cfg, info, err);
    if (!rc)
        rc = (cfg->gridder == IB_MOSAIC ? neglect_w : choose_w)(plan, cfg, info, extent, err);
    if (!rc && cfg->gridder == IB_MOSAIC)
        rc = choose_mosaic(plan, cfg, isa, info, err);
    else if (!rc && cfg->epsilon > 0)
        rc = choose_parameters(plan, cfg, info, extent, err);
    if (!rc)
        rc = choose_grid(plan, cfg, isa, err);
    if (rc)
        return rc;

    plan->needs_density = cfg->weighting != IB_NATURAL;
    plan->density_all = plan->mode == IB_MFS || cfg->density == IB_DENSITY_ALL;

    rc = choose_bins(plan, info, extent, err);
    if (!rc)
        rc = choose_units(plan, cfg, info, n_rank, err);
    if (!rc)
        rc = choose_window(plan, cfg, info, extent, n_rank, n_thread, base_bytes, err);
    if (rc)
        return rc;

    const ib_geometry *g = &plan->geometry;
    extremes(info, &lowest, &highest);
    for (size_t s = 0; s < info->n_spw; s++)
        longest_u = fmax(longest_u, extent[s].u);
    const double cells = longest_u * highest / IB_LIGHT * g->cell[0] * (double)g->grid_nx;
    plan->columns = (size_t)fmin(floor(cells + 0.5 * g->support) + 1, (double)g->grid_nx / 2 + 1);
    choose_check(plan, cfg, info);
    return plan->centre.motion == IB_AS_IS ? check_fields(info, g, err) : IB_OK;
}

void ib_plan_clear(ib_plan *plan, const ib_vis_info *info)
{
    for (size_t s = 0; s < info->n_spw; s++) {
        if (plan->bin)
            ib_free(plan->bin[s]);
        if (plan->bin_freq)
            ib_free(plan->bin_freq[s]);
    }
    ib_free(plan->bin);
    ib_free(plan->bin_freq);
    ib_free(plan->freq);
    ib_free(plan->width);
    ib_free(plan->part_first);
    ib_free(plan->part);
    ib_free(plan->share_first);
    ib_mosaic_clear(&plan->mosaic);
    ib_centre_clear(&plan->centre);
    memset(plan, 0, sizeof *plan);
}
