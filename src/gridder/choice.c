/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/choice.h"
#include "base/error.h"
#include "gridder/convfn.h"
#include "gridder/fft.h"

#include <math.h>

enum {
    LEAST_SUPPORT = 3,
    MOST_SUPPORT = 16,
    LEAST_PADDING = 105, /* per cent */
    MOST_PADDING = 250,
    LEAST_OVERSAMPLING = 16, /* a table that costs nothing */
    MOST_OVERSAMPLING = 100000
};

/* The errors of planes scatter about the promise, which is an expectation: they stayed below 1.6 times it (convfn.h). What
   is promised for an epsilon is so much better that what is measured is better than epsilon. */
#define SCATTER 1.6

/* Nanoseconds on one core, [precision][part]: all of the model that was measured. `imgbench bench choice` fits and prints
   them. Vectors are as wide as the instruction set has them; only ratios matter here, and those of gridding to transform
   differ little between machines. */
static const double costs[2][2][IB_WORK] = {
    /* gridding: a sample, located; its value on a plane, weighed and collected; a tap, interpolated and spread; a vector of
       a patch, multiplied and added; a vector of a patch, loaded and stored once per group of samples.
       transform: a column of the grid, over ib_fft_cost; a row of the image likewise, two of which share a line; a cell
       that samples may reach, moved, folded and cleared; a pixel, corrected and summarised; a cell of the grid of a share,
       copied, cleared, added */
    {{7.9, 2.4, 0.07, 0.2, 1}, {0.95, 0.6, 1.15, 1.6, 6}},
    {{9, 3.7, 0.06, 0.33, 0.75}, {0.9, 0.6, 2, 2, 12}},
};

const double *ib_choice_costs(int precision, ib_work work)
{
    return costs[precision][work];
}

static double total(const ib_choice *c)
{
    return c->seconds[IB_GRID_WORK] + c->seconds[IB_FFT_WORK];
}

double ib_choice_padding(int i)
{
    const int percent = LEAST_PADDING + i;
    return percent <= MOST_PADDING ? percent / 100.0 : 0;
}

bool ib_choice_reaches(const ib_imaging *task, const ib_choice *choice)
{
    return SCATTER * choice->promised <= task->cfg->epsilon;
}

/* Lookup may take a quarter of the error, a sixteenth of its square (imaging-spec 3.10, 3.11; over the field on both axes):
   a table of up to 1000 entries per cell is as fast as one of 32. */
static int choose_oversampling(const ib_config *cfg, double padding)
{
    const double share = cfg->epsilon / SCATTER / 4;
    const double least = cfg->lookup == IB_NEAREST ? 0.741 / share : sqrt(0.232 / share);

    if (cfg->oversampling > 0)
        return (int)cfg->oversampling;
    return (int)ceil(fmin(fmax(least / padding, LEAST_OVERSAMPLING), MOST_OVERSAMPLING));
}

/* Cells of the half plane inside the ellipse that the baselines reach, in groups: samples meet there at random. Tracks
   crowd together, which makes groups fuller where there are few. */
static double occupied_groups(const ib_geometry *g, const double reach[2], double n_sample)
{
    const double cells = IB_PI / 2 * reach[0] * (double)g->grid_nx * reach[1] * (double)g->grid_ny;
    const double groups = cells / (g->patch.group_u * g->patch.group_v) + 1;

    return groups * -expm1(-n_sample / groups);
}

static void predict(const ib_imaging *task, const ib_geometry *g, double columns, ib_choice *out)
{
    const int    precision = task->cfg->precision;
    const double n = task->n_sample, n_plane = task->n_grid * fmax(1, task->w.side), vectors = g->patch.vectors;
    const double shares = task->n_part ? (double)ib_share_count(g, n, task->n_part) : 0;
    const double work[2][IB_WORK] = {
        {n, n * n_plane, n * (g->patch.patch_u + g->patch.patch_v), n * vectors,
         vectors * occupied_groups(g, task->reach, n)},
        {n_plane * columns * ib_fft_cost(g->grid_ny, precision),
         n_plane * (double)g->ny * ib_fft_cost(g->grid_nx, precision), n_plane * columns * (double)g->grid_ny,
         n_plane * (double)(g->nx * g->ny), g->planes * shares * (double)(g->stride * g->height)},
    };

    /* with w a sample is gridded once or twice for every run of terms, and every pass is transformed */
    const double images = 2 * task->w.n_slab - 1, passes = fmax(1, task->w.n_pass);
    const double times[2] = {task->w.n_slab > 1 ? 2 * passes / images : passes, passes};

    for (int part = 0; part < 2; part++) {
        out->seconds[part] = 0;
        for (int i = 0; i < IB_WORK; i++) {
            out->work[part][i] = 1e-9 * times[part] * work[part][i];
            out->seconds[part] += out->work[part][i] * costs[precision][part][i];
        }
    }
}

void ib_choice_predict(const ib_imaging *task, int support, double padding, ib_choice *out)
{
    const ib_config *cfg = task->cfg;
    ib_geometry      g = {.nx = task->nx, .ny = task->ny, .w = task->w};
    const double     used = ib_lay_out(&g, task->isa, cfg->precision, task->n_grid, support, padding);
    ib_convfn        fn;
    ib_error         err;

    *out = (ib_choice){.support = support,
                       .oversampling = choose_oversampling(cfg, used),
                       .padding = padding,
                       .grid_nx = g.grid_nx,
                       .grid_ny = g.grid_ny,
                       .promised = INFINITY};
    if (g.grid_nx < (size_t)support + 2 || g.grid_ny < (size_t)support + 2 ||
        ib_convfn_describe(&fn, cfg->kernel, support, out->oversampling, used, cfg->lookup, cfg->precision, &err))
        return;

    const double half_x = 0.5 * (double)g.nx / (double)g.grid_nx, half_y = 0.5 * (double)g.ny / (double)g.grid_ny;
    const double columns =
        fmin((double)g.margin + task->reach[0] * (double)g.grid_nx + g.patch.patch_u, (double)g.stride);
    const double eps = cfg->precision == IB_DOUBLE ? 0x1p-53 : 0x1p-24;
    const double rounding = ib_convfn_rounding(&fn, half_x, half_y, eps) *
                            ib_convfn_roundings(&fn, task->n_sample, columns * (double)g.grid_ny);
    /* pixels are float32: at most 2^-24 of themselves, 2^-25 in the mean */
    out->promised = hypot(hypot(hypot(ib_convfn_promise(&fn, half_x, half_y), task->w.error), rounding), 0x1p-25);
    predict(task, &g, columns, out);
}

/* Do the longest baselines find their taps on the grid (imaging-spec 3.6)? */
static bool holds_all(const ib_imaging *task, const ib_choice *c)
{
    const double room = 0.5 * c->support + 1;
    return task->reach[0] * (double)c->grid_nx + room <= 0.5 * (double)c->grid_nx &&
           task->reach[1] * (double)c->grid_ny + room <= 0.5 * (double)c->grid_ny;
}

static ib_status refuse(const ib_imaging *task, const ib_choice *nearest, ib_error *err)
{
    const ib_config *cfg = task->cfg;
    const bool       given = cfg->support > 0 || cfg->padding > 0 || cfg->oversampling > 0;

    if (!(nearest->promised < INFINITY))
        return ib_fail(err, IB_EUSAGE,
                       "--support %d does not fit the grid of %zu x %zu pixels; use a larger --imsize",
                       nearest->support, task->nx, task->ny);
    return ib_fail(err, IB_EUSAGE,
                   "--epsilon %g is out of reach%s with %s precision: the best is %.2g, with support %d, padding %g, "
                   "oversampling %d; %s%s",
                   cfg->epsilon, given ? " of what else is given" : "",
                   cfg->precision == IB_SINGLE ? "single" : "double", SCATTER * nearest->promised, nearest->support,
                   nearest->padding, nearest->oversampling,
                   given                           ? "leave out --support, --padding or --oversampling"
                   : cfg->kernel == IB_KERNEL_PSWF ? "use --kernel kb"
                   : cfg->precision == IB_SINGLE   ? "use --precision double"
                                                   : "ask for no more",
                   given && cfg->precision == IB_SINGLE ? ", or use --precision double" : "");
}

ib_status ib_choose(const ib_imaging *task, ib_choice *out, ib_error *err)
{
    const ib_config *cfg = task->cfg;
    const int        fixed = cfg->support > 0 ? (int)cfg->support : cfg->kernel == IB_KERNEL_PSWF ? 7 : 0;
    const int        most = fixed ? fixed : MOST_SUPPORT;
    int              support = fixed ? fixed : LEAST_SUPPORT;
    ib_choice        best = {.promised = INFINITY}, c = best, nearest = {.support = support, .promised = INFINITY};
    ib_convfn        fn;
    ib_status rc = ib_convfn_describe(&fn, cfg->kernel, support, 1, cfg->padding > 0 ? cfg->padding : 2, cfg->lookup,
                                      cfg->precision, err);
    if (rc)
        return rc;

    /* From the largest padding down: the least support that reaches the accuracy only grows. */
    for (int i = MOST_PADDING - LEAST_PADDING; i >= 0; i--) {
        const double padding = cfg->padding > 0 ? cfg->padding : ib_choice_padding(i);
        if (ib_fft_size(padding * (double)task->nx, cfg->precision) == c.grid_nx &&
            ib_fft_size(padding * (double)task->ny, cfg->precision) == c.grid_ny)
            continue; /* the grid of the last one */
        for (; support <= most; support++) {
            ib_choice_predict(task, support, padding, &c);
            if (c.promised < 0.99 * nearest.promised) /* wider functions are cut, and differ by rounding */
                nearest = c;
            if (ib_choice_reaches(task, &c))
                break;
        }
        if (support > most)
            break;
        const bool all = holds_all(task, &c), first = !(best.promised < INFINITY);
        if (first || all > holds_all(task, &best) || (all == holds_all(task, &best) && total(&c) < total(&best)))
            best = c;
    }
    if (!(best.promised < INFINITY))
        return refuse(task, &nearest, err);
    *out = best;
    return IB_OK;
}
