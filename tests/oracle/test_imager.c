/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine, from samples in memory to planes, against the direct Fourier sum in long double. */
#include "base/mem.h"
#include "gridder/fft.h"
#include "gridder/imager.h"
#include "ib_test.h"

#include <stdlib.h>

enum { ROWS = 700, CHANS = 5, NX = 60, NY = 50, PIXELS = NX * NY };

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

/* An observation in memory: one window, random uv, random phases, one correlation or two. */
struct data {
    ib_vis_info info;
    ib_spw      spw;
    ib_field    field;
    ib_extent   extent;
    int         chan[CHANS];
    double      freq[CHANS], width[CHANS];
    double      uvw[ROWS][3];
    int32_t     antenna[ROWS][2];
    float       vis[CHANS][ROWS][2][2], weight[ROWS][2];
    uint8_t     flag[CHANS][ROWS][2];
};

/* What the engine wrote: [product][stokes][chan][pixel]. */
struct planes {
    float    pixel[IB_N_PRODUCTS][2][CHANS][PIXELS];
    ib_plane plane[IB_N_PRODUCTS][2][CHANS];
};

struct port {
    const struct data *data;
    struct planes     *planes;
};

static ib_status read_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    const struct data *d = ((struct port *)self)->data;
    (void)spw, (void)err;
    memcpy(into->uvw, d->uvw[rows.first], rows.n * sizeof *into->uvw);
    memcpy(into->antenna, d->antenna[rows.first], rows.n * sizeof *into->antenna);
    for (size_t r = 0; r < rows.n; r++)
        for (size_t c = 0; c < d->spw.n_corr; c++)
            into->weight[r * d->spw.n_corr + c] = d->weight[rows.first + r][c];
    return IB_OK;
}

static ib_status read_samples(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                              ib_error *err)
{
    const struct data *d = ((struct port *)self)->data;
    (void)spw, (void)err;
    for (size_t c = 0; c < chans.n; c++)
        for (size_t r = 0; r < rows.n; r++)
            for (size_t p = 0; p < d->spw.n_corr; p++) {
                const size_t at = (c * rows.n + r) * d->spw.n_corr + p;
                memcpy(into->vis[at], d->vis[chans.first + c][rows.first + r][p], sizeof into->vis[at]);
                into->flag[at] = d->flag[chans.first + c][rows.first + r][p];
            }
    return IB_OK;
}

static ib_status keep_plane(void *self, ib_product product, const ib_plane *plane, ib_error *err)
{
    struct planes *p = ((struct port *)self)->planes;
    (void)err;
    memcpy(p->pixel[product][plane->stokes][plane->chan], plane->pixel, PIXELS * sizeof(float));
    p->plane[product][plane->stokes][plane->chan] = *plane;
    return IB_OK;
}

static ib_status between(void *self, uint64_t done, ib_error *err)
{
    (void)self, (void)done, (void)err;
    return IB_OK;
}

static bool never(void *self)
{
    (void)self;
    return false;
}

static void make_data(struct data *d, int n_corr)
{
    static double dish[2] = {25, 25};
    uint64_t      state = 42;
    const double  cell[2] = {2 * IB_PI / 648000, 2.5 * IB_PI / 648000};

    memset(d, 0, sizeof *d);
    for (int c = 0; c < CHANS; c++) {
        d->chan[c] = c;
        d->freq[c] = 1.4e9 + 2e6 * c;
        d->width[c] = 2e6;
    }
    d->spw = (ib_spw){.n_row = ROWS,
                      .n_chan = CHANS,
                      .n_corr = (size_t)n_corr,
                      .corr = {IB_XX, IB_YY},
                      .chan = d->chan,
                      .freq = d->freq,
                      .width = d->width};
    d->field.selected = true;
    d->info =
        (ib_vis_info){.n_spw = 1, .n_field = 1, .n_antenna = 2, .spw = &d->spw, .field = &d->field, .dish = dish};
    for (int r = 0; r < ROWS; r++) {
        const double wavelength = IB_LIGHT / 1.408e9;
        d->uvw[r][0] = (2 * uniform(&state) - 1) * 0.33 / cell[0] * wavelength;
        d->uvw[r][1] = (2 * uniform(&state) - 1) * 0.33 / cell[1] * wavelength;
        d->uvw[r][2] = 100 * uniform(&state);
        d->antenna[r][1] = 1;
        for (int p = 0; p < n_corr; p++)
            d->weight[r][p] = (float)(0.5 + 1.5 * uniform(&state));
        for (int c = 0; c < CHANS; c++)
            for (int p = 0; p < n_corr; p++) {
                const double phase = 2 * IB_PI * uniform(&state);
                d->vis[c][r][p][0] = (float)cos(phase);
                d->vis[c][r][p][1] = (float)sin(phase);
            }
        d->extent.u = fmax(d->extent.u, fabs(d->uvw[r][0]));
        d->extent.v = fmax(d->extent.v, fabs(d->uvw[r][1]));
        d->extent.w = fmax(d->extent.w, fabs(d->uvw[r][2]));
        d->extent.uv = fmax(d->extent.uv, hypot(d->uvw[r][0], d->uvw[r][1]));
    }
}

static ib_config settings(void)
{
    ib_config cfg;

    ib_config_default(&cfg);
    cfg.cell[0] = 2 * IB_PI / 648000;
    cfg.cell[1] = 2.5 * IB_PI / 648000;
    cfg.imsize[0] = NX;
    cfg.imsize[1] = NY;
    cfg.stokes = IB_PLANES_CORR;
    return cfg;
}

/* Added to what the checked share's grid has at one pixel, before it is compared. */
static double spoilt;

/* Image in memory; outcome [CHANS]. n_rank > 1: mfs shares dealt as ranks would get them, summed here. */
static ib_status image(const struct data *d, ib_config *cfg, int n_thread, int n_rank, struct planes *out,
                       ib_outcome *outcome, ib_plan *plan, ib_verdict *verdict, ib_error *err)
{
    struct port   self = {d, out};
    const ib_port port = {&self, read_rows, read_samples, false, keep_plane, between, never, NULL};
    const ib_cube cube = {.nx = NX, .ny = NY, .n_bin = ib_histogram_bins(NX, NY), .n_mip = ib_mip_levels(NX, NY)};
    ib_status     rc = ib_plan_make(plan, cfg, &d->info, &d->extent, n_rank, n_thread, 0, err);
    ib_imager    *im[8] = {NULL};

    const int n_pass = !rc && plan->mode == IB_MFS && plan->geometry.w.n_term ? plan->geometry.w.n_pass : 1;
    for (int r = 0; !rc && r < n_rank; r++) {
        const ib_range units = ib_plan_share(plan, r, n_rank);
        rc = ib_imager_create(&im[r], plan, cfg, &d->info, "", &cube, n_thread, &port, err);
        if (!rc && plan->needs_density && plan->density_all) {
            rc = ib_imager_weigh(im[r], (ib_range){0, plan->n_unit}, err);
            if (!rc)
                ib_imager_set_density(im[r], ib_tree_total(ib_imager_densities(im[r]))->sum);
        }
        if (!rc && plan->mode == IB_CUBE)
            rc = ib_imager_cube(im[r], units, outcome + units.first, err);
    }
    for (int pass = 0; !rc && plan->mode == IB_MFS && pass < n_pass; pass++) {
        for (int r = 0; !rc && r < n_rank; r++) {
            const ib_range units = ib_plan_share(plan, r, n_rank);
            rc = ib_imager_mfs(im[r], units, pass, outcome + units.first, err);
        }
        ib_tree *root = ib_imager_grids(im[0]);
        for (int r = 1; !rc && r < n_rank; r++) {
            ib_tree *tree = ib_imager_grids(im[r]);
            for (int i = 0; i < tree->n_node; i++) {
                ib_tree_push(root, tree->node[i]);
                tree->spare[tree->n_spare++] = ib_tree_buffer(root, err);
            }
            tree->n_node = 0;
            if (pass == 0)
                ib_direct_merge(ib_imager_direct(im[0]), ib_imager_direct(im[r]));
        }
        for (size_t k = 1; k < plan->n_unit && pass == 0; k++)
            for (int p = 0; p < plan->n_stokes; p++) {
                outcome[0].tally[p].weight += outcome[k].tally[p].weight;
                outcome[0].tally[p].counts.gridded += outcome[k].tally[p].counts.gridded;
            }
        ib_imager_direct(im[0])->grid[0][0][0][0] += spoilt * ib_imager_direct(im[0])->weight;
        if (!rc)
            rc = ib_imager_finish(im[0], pass, outcome, err);
    }
    if (!rc && verdict)
        *verdict = ib_imager_verdict(im[0]);
    for (int r = 0; r < n_rank; r++)
        ib_imager_destroy(im[r]);
    return rc;
}

/* Direct sum of one channel and correlation, or of all channels (chan < 0), natural weights, with w if the image has it
   (imaging-spec 2.1). */
static double direct_pixel(const struct data *d, const ib_config *cfg, int chan, int p, int i, int j, double *unit)
{
    const long double l = -(long double)(i - NX / 2) * cfg->cell[0], m = (long double)(j - NY / 2) * cfg->cell[1];
    const long double r2 = l * l + m * m, depth = cfg->wterm == IB_WTERM_STACK ? r2 / (1 + sqrtl(1 - r2)) : 0;
    long double       sum = 0, weight = 0, square = 0;

    for (int c = chan < 0 ? 0 : chan; c < (chan < 0 ? CHANS : chan + 1); c++)
        for (int r = 0; r < ROWS; r++) {
            const long double path = d->uvw[r][0] * l + d->uvw[r][1] * m - d->uvw[r][2] * depth;
            const long double turn = 2 * acosl(-1.0L) * path * d->freq[c] / IB_LIGHT;
            const long double w = d->weight[r][p], re = d->vis[c][r][p][0], im = d->vis[c][r][p][1];
            sum += w * (re * cosl(turn) + im * sinl(turn));
            weight += w;
            square += w * w * (re * re + im * im);
        }
    *unit = (double)(sqrtl(square / 2) / weight);
    return (double)(sum / weight);
}

/* Error in units of the rms of random phases (imaging-spec 2.3) over every third pixel, edges included. */
static void errors(const struct data *d, const ib_config *cfg, const struct planes *got, int chan, int p, double *rms,
                   double *largest)
{
    double square = 0, n = 0;

    *largest = 0;
    for (int j = 0; j < NY; j += j == NY - 3 ? 2 : 3)
        for (int i = 0; i < NX; i += i == NX - 3 ? 2 : 3) {
            double       unit;
            const double want = direct_pixel(d, cfg, chan, p, i, j, &unit);
            const double off = fabs((double)got->pixel[IB_DIRTY][p][chan < 0 ? 0 : chan][j * NX + i] - want) / unit;
            square += off * off;
            n++;
            *largest = fmax(*largest, off);
        }
    *rms = sqrt(square / n);
}

static struct data   data;
static struct planes planes, others;
static ib_outcome    outcome[CHANS];

/* The table of imaging-spec 12. Pixels are float32: an error of 2^-24 of a pixel of at most 5 units is added. */
static void images_agree_with_the_direct_sum_as_specified(ib_test *t)
{
    static const struct {
        int    kernel, support, oversampling, lookup, precision;
        double padding, rms, largest;
    } cases[] = {
        {IB_KERNEL_KB, 7, 1000, IB_LINEAR, IB_DOUBLE, 1.2, 6e-4, 5e-3},
        {IB_KERNEL_KB, 8, 5000, IB_LINEAR, IB_DOUBLE, 2.0, 3e-7, 2e-6},
        {IB_KERNEL_KB, 12, 5000, IB_LINEAR, IB_DOUBLE, 1.2, 1e-6, 1e-5},
        {IB_KERNEL_KB, 16, 20000, IB_LINEAR, IB_DOUBLE, 1.2, 1e-8, 1e-7},
        {IB_KERNEL_PSWF, 7, 100, IB_LINEAR, IB_DOUBLE, 1.2, 1e-2, 1e-1},
        {IB_KERNEL_PSWF, 7, 100, IB_NEAREST, IB_DOUBLE, 1.2, 1.5e-2, 1.5e-1},
        {IB_KERNEL_KB, 35, 200, IB_LINEAR, IB_DOUBLE, 1.2, 1e-5, 1e-4},
        {IB_KERNEL_KB, 7, 100, IB_LINEAR, IB_SINGLE, 1.2, 1e-3, 1e-2},
    };

    make_data(&data, 1);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ib_config cfg = settings();
        ib_plan   plan;
        ib_error  err;
        double    rms, largest;

        cfg.kernel = cases[k].kernel;
        cfg.support = cases[k].support;
        cfg.oversampling = cases[k].oversampling;
        cfg.lookup = cases[k].lookup;
        cfg.precision = cases[k].precision;
        cfg.padding = cases[k].padding;
        if (cfg.support > 30) /* a wide support needs a margin */
            for (int r = 0; r < ROWS; r++)
                for (int i = 0; i < 2; i++)
                    data.uvw[r][i] /= 2.5;
        IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
        IB_CHECK(t, outcome[2].tally[0].counts.gridded == ROWS);
        errors(&data, &cfg, &planes, 2, 0, &rms, &largest);
        IB_NEAR(t, rms, 0, cases[k].rms + 5 * 0x1p-24);
        IB_NEAR(t, largest, 0, cases[k].largest + 5 * 0x1p-24);
        ib_plan_clear(&plan, &data.info);
        if (cfg.support > 30)
            make_data(&data, 1);
    }
}

/* Any support, odd or even, both lookups and precisions: within three times what is promised (3.11a), as the run-time
   check demands; and that check itself must agree. */
static void images_keep_the_promised_accuracy(ib_test *t)
{
    make_data(&data, 1);
    for (int r = 0; r < ROWS; r++) /* room for the widest support */
        for (int i = 0; i < 2; i++)
            data.uvw[r][i] /= 4;
    for (int support = 3; support <= 51; support = support < 17 ? support + 1 : support == 17 ? 31 : support + 20)
        for (int kind = 0; kind < 4; kind++) {
            ib_config  cfg = settings();
            ib_plan    plan;
            ib_error   err;
            ib_verdict verdict;

            cfg.support = support;
            cfg.precision = kind & 1 ? IB_DOUBLE : IB_SINGLE;
            cfg.lookup = kind & 2 ? IB_NEAREST : IB_LINEAR;
            cfg.padding = support % 2 ? 1.25 : 1.5;
            IB_CHECK(t, image(&data, &cfg, 2, 1, &planes, outcome, &plan, &verdict, &err) == IB_OK);
            IB_CHECK(t, verdict.n_plane == 1 && verdict.n_pixel == 64);
            if (!(verdict.measured <= 3 * verdict.promised))
                printf("# support %d, precision %d, lookup %d\n", support, cfg.precision, cfg.lookup);
            IB_NEAR(t, verdict.measured, 0, 3 * verdict.promised);
            ib_plan_clear(&plan, &data.info);
        }
}

/* The check must be able to fail: with one visibility changed behind the back of the direct sum it does. Here the image
   is compared with another pixel grid. */
static void a_wrong_image_is_noticed(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;
    double    rms, largest;

    make_data(&data, 1);
    cfg.precision = IB_DOUBLE;
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
    for (int r = 0; r < ROWS; r++)
        data.uvw[r][1] = -data.uvw[r][1];
    errors(&data, &cfg, &planes, 0, 0, &rms, &largest);
    IB_CHECK(t, rms > 0.5);
    ib_plan_clear(&plan, &data.info);
}

/* Threads, shares over ranks and the number of chunks change no bit; mfs is right. */
static void bits_do_not_depend_on_threads_ranks_or_memory(ib_test *t)
{
    for (int mode = IB_CUBE; mode <= IB_MFS; mode++)
        for (int weighting = IB_NATURAL; weighting <= IB_BRIGGS; weighting++) {
            ib_config cfg = settings();
            ib_plan   plan;
            ib_error  err;

            make_data(&data, 2);
            cfg.mode = mode;
            cfg.weighting = weighting;
            memset(&planes, 0, sizeof planes);
            IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
            ib_plan_clear(&plan, &data.info);
            for (int other = 0; other < 4; other++) {
                memset(&others, 0, sizeof others);
                cfg.memory = other == 3 ? 64 << 20 : 2LL << 30;
                cfg.chunks = other == 2 ? 4 : 0;
                IB_CHECK(t, image(&data, &cfg, other + 1, other == 0 || other == 3 ? 1 : other + 1, &others, outcome,
                                  &plan, NULL, &err) == IB_OK);
                IB_CHECK(t, !memcmp(planes.pixel, others.pixel, sizeof planes.pixel));
                ib_plan_clear(&plan, &data.info);
            }
        }
}

static void an_mfs_image_agrees_with_the_direct_sum_of_all_channels(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;
    double    rms, largest;

    make_data(&data, 1);
    cfg.mode = IB_MFS;
    cfg.precision = IB_DOUBLE;
    cfg.support = 12;
    cfg.oversampling = 5000;
    cfg.check = 1;
    for (int run = 0; run < 4; run++) {
        ib_verdict verdict;
        spoilt = run == 1 ? 1e-4 : 0;
        if (run == 3) /* the first share has nothing to compare */
            memset(data.flag[0], 1, sizeof data.flag[0]);
        IB_CHECK(t, image(&data, &cfg, 2, run < 3 ? 1 + run : 1, &planes, outcome, &plan, &verdict, &err) == IB_OK);
        IB_CHECK(t, plan.check_share && verdict.n_plane == 1);
        IB_CHECK(t, (verdict.measured <= 3 * verdict.promised) == (spoilt == 0));
        ib_plan_clear(&plan, &data.info);
        if (run == 3)
            break;
        errors(&data, &cfg, &planes, -1, 0, &rms, &largest);
        IB_NEAR(t, rms, 0, 1e-6);
        IB_NEAR(t, largest, 0, 1e-5);
    }
    spoilt = 0;
}

/* Rows whose w reaches a phase, either sign, at the corners of an image of so large pixels. */
static void make_deep(struct data *d, ib_config *cfg, int n_corr, double cell, double phase)
{
    uint64_t state = 7;

    make_data(d, n_corr);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < 2; i++)
            d->uvw[r][i] *= 2 * IB_PI / 648000 / cell;
    cfg->cell[0] = cell;
    cfg->cell[1] = 1.25 * cell;
    d->extent.u *= 2 * IB_PI / 648000 / cell;
    d->extent.v *= 2 * IB_PI / 648000 / cell;
    d->extent.w = 0;
    const double deepest = ib_deepest(NX, NY, cfg->cell);
    for (int r = 0; r < ROWS; r++) {
        d->uvw[r][2] = (2 * uniform(&state) - 1) * phase / (2 * IB_PI * deepest) * IB_LIGHT / d->freq[CHANS - 1];
        d->extent.w = fmax(d->extent.w, fabs(d->uvw[r][2]));
    }
}

/* From phases that hardly matter to hundreds of radians, one slab or many, narrow fields and half of the sky: within
   three times what is promised, as the check of a run demands; and that check must agree. Planes are one or several
   beside each other, of a cube or of all channels. */
static void images_with_w_agree_with_the_direct_sum(ib_test *t)
{
    static const struct {
        double cell, phase;
        int    precision, support, mode, n_corr, psf;
        double padding;
    } cases[] = {
        {1e-5, 0.05, IB_SINGLE, 7, IB_CUBE, 1, 0, 1.2}, {1e-5, 0.5, IB_SINGLE, 7, IB_CUBE, 2, 1, 1.2},
        {1e-5, 3, IB_DOUBLE, 16, IB_MFS, 2, 0, 1.5},    {1e-5, 3, IB_SINGLE, 8, IB_CUBE, 2, 1, 2},
        {1e-5, 40, IB_SINGLE, 7, IB_CUBE, 1, 1, 1.2},   {1e-5, 40, IB_DOUBLE, 12, IB_CUBE, 2, 1, 1.3},
        {1e-5, 300, IB_SINGLE, 6, IB_MFS, 1, 0, 1.5},   {0.02, 20, IB_SINGLE, 7, IB_CUBE, 1, 1, 1.2},
        {0.02, 200, IB_DOUBLE, 12, IB_MFS, 2, 1, 1.5},  {0.02, 0, IB_DOUBLE, 12, IB_CUBE, 1, 1, 1.5},
    };

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ib_config  cfg = settings();
        ib_plan    plan;
        ib_error   err;
        ib_verdict verdict;
        double     rms, largest;

        make_deep(&data, &cfg, cases[k].n_corr, cases[k].cell, cases[k].phase);
        cfg.wterm = IB_WTERM_STACK;
        cfg.precision = cases[k].precision;
        cfg.support = cases[k].support;
        cfg.oversampling = 5000;
        cfg.padding = cases[k].padding;
        cfg.mode = cases[k].mode;
        cfg.psf = cases[k].psf;
        IB_CHECK(t,
                 image(&data, &cfg, 2, cfg.mode == IB_MFS ? 2 : 1, &planes, outcome, &plan, &verdict, &err) == IB_OK);
        const ib_geometry *g = &plan.geometry;
        const double       x = 0.5 * NX / (double)g->grid_nx, y = 0.5 * NY / (double)g->grid_ny;
        ib_convfn          fn;
        ib_convfn_describe(&fn, cfg.kernel, (int)cfg.support, (int)cfg.oversampling, plan.padding, cfg.lookup,
                           cfg.precision, &err);
        const double eps = cfg.precision == IB_DOUBLE ? 0x1p-53 : 0x1p-24;
        const double promised = hypot(hypot(ib_convfn_promise(&fn, x, y), g->w.error),
                                      hypot(10 * ib_convfn_rounding(&fn, x, y, eps), 5 * 0x1p-24));
        errors(&data, &cfg, &planes, cfg.mode == IB_MFS ? -1 : 4, cases[k].n_corr - 1, &rms, &largest);
        printf("# %g rad: %d terms, %d slabs, %d passes; %.2g promised, %.2g measured, %.2g at most\n",
               cases[k].phase, g->w.n_term, g->w.n_slab, g->w.n_pass, promised, rms, largest);
        IB_CHECK(t, g->w.n_term > 0 && (cases[k].phase > 100) == (g->w.n_slab > 3));
        IB_NEAR(t, rms, 0, 3 * promised);
        IB_NEAR(t, largest, 0, 20 * promised);
        IB_NEAR(t, verdict.measured, 0, 3 * verdict.promised);
        IB_CHECK(t, verdict.n_plane == 1);
        for (int p = 0; p < cases[k].n_corr && cfg.psf; p++)
            IB_NEAR(t, (double)planes.pixel[IB_PSF][p][0][NY / 2 * NX + NX / 2], 1, 10 * promised);
        ib_plan_clear(&plan, &data.info);
    }
}

/* Of all pixels beyond the horizon none shows anything. */
static void nothing_is_seen_beyond_the_horizon(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;

    make_deep(&data, &cfg, 1, 0.031, 10);
    cfg.cell[1] = 0.037;
    cfg.wterm = IB_WTERM_STACK;
    cfg.check = 1;
    ib_verdict verdict;
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, &verdict, &err) == IB_OK);
    IB_NEAR(t, verdict.measured, 0, 3 * verdict.promised);
    for (int j = 0; j < NY; j++)
        for (int i = 0; i < NX; i++) {
            const bool below = hypot((i - NX / 2) * cfg.cell[0], (j - NY / 2) * cfg.cell[1]) >= 1;
            IB_CHECK(t, (planes.pixel[IB_DIRTY][0][1][j * NX + i] == 0) == below);
        }
    ib_plan_clear(&plan, &data.info);
}

/* As without w, with several slabs of it. */
static void bits_with_w_do_not_depend_on_threads_ranks_or_memory(ib_test *t)
{
    for (int mode = IB_CUBE; mode <= IB_MFS; mode++) {
        ib_config cfg = settings();
        ib_plan   plan;
        ib_error  err;

        make_deep(&data, &cfg, 2, 1e-4, 60);
        cfg.mode = mode;
        cfg.weighting = mode == IB_CUBE ? IB_BRIGGS : IB_NATURAL;
        memset(&planes, 0, sizeof planes);
        IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
        IB_CHECK(t, cfg.wterm == IB_WTERM_STACK && plan.geometry.w.n_slab > 1);
        ib_plan_clear(&plan, &data.info);
        for (int other = 0; other < 4; other++) {
            memset(&others, 0, sizeof others);
            cfg.memory = other == 3 ? 64 << 20 : 2LL << 30;
            cfg.chunks = other == 2 ? 4 : 0;
            IB_CHECK(t, image(&data, &cfg, other + 1, other == 0 || other == 3 ? 1 : other + 1, &others, outcome,
                              &plan, NULL, &err) == IB_OK);
            IB_CHECK(t, !memcmp(planes.pixel, others.pixel, sizeof planes.pixel));
            ib_plan_clear(&plan, &data.info);
        }
    }
}

/* Binned channels keep their own frequencies: the image is the weighted mean of the channels' images. */
static void a_bin_is_the_mean_of_its_channels(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;

    make_data(&data, 1);
    cfg.precision = IB_DOUBLE;
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
    ib_plan_clear(&plan, &data.info);
    cfg.bin = 2;
    IB_CHECK(t, image(&data, &cfg, 1, 1, &others, outcome, &plan, NULL, &err) == IB_OK);
    IB_CHECK(t, plan.n_chan == 3);
    IB_NEAR(t, plan.freq[0], 1.401e9, 1e-3);
    IB_NEAR(t, plan.width[0], 4e6, 1e-3);
    for (int k = 0; k < PIXELS; k++) {
        const double want = ((double)planes.pixel[IB_DIRTY][0][0][k] + (double)planes.pixel[IB_DIRTY][0][1][k]) / 2;
        IB_NEAR(t, (double)others.pixel[IB_DIRTY][0][0][k], want, 2 * 0x1p-24); /* pixels below one, rounded thrice */
    }
    ib_plan_clear(&plan, &data.info);
}

/* The PSF is one at its centre; an image of visibilities 1 equals it bit for bit. */
static void the_psf_is_the_image_of_ones(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;

    make_data(&data, 1);
    for (int c = 0; c < CHANS; c++)
        for (int r = 0; r < ROWS; r++) {
            data.vis[c][r][0][0] = 1;
            data.vis[c][r][0][1] = 0;
        }
    memset(&planes, 0, sizeof planes);
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
    IB_CHECK(t, !memcmp(planes.pixel[IB_DIRTY], planes.pixel[IB_PSF], sizeof planes.pixel[IB_PSF]));
    /* the centre has no aliasing to first order; lookup 1.5e-5 and single precision sums stay below 1e-4 */
    IB_NEAR(t, (double)planes.pixel[IB_PSF][0][0][NY / 2 * NX + NX / 2], 1, 1e-4);
    ib_plan_clear(&plan, &data.info);
}

/* A source at (l, m) = (+7, +4) cells is at pixel (nx/2 - 7, ny/2 + 4) with its flux (imaging-spec 1.3, 1.7). */
static void a_source_is_where_the_convention_says(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;
    int       peak = 0;

    make_data(&data, 1);
    for (int c = 0; c < CHANS; c++)
        for (int r = 0; r < ROWS; r++) {
            const double phase = 2 * IB_PI * (data.uvw[r][0] * 7 * cfg.cell[0] + data.uvw[r][1] * 4 * cfg.cell[1]) *
                                 data.freq[c] / IB_LIGHT;
            data.vis[c][r][0][0] = (float)(2.5 * cos(phase));
            data.vis[c][r][0][1] = (float)(2.5 * sin(phase));
        }
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
    for (int k = 1; k < PIXELS; k++)
        if (planes.pixel[IB_DIRTY][0][3][k] > planes.pixel[IB_DIRTY][0][3][peak])
            peak = k;
    IB_CHECK(t, peak == (NY / 2 + 4) * NX + NX / 2 - 7);
    IB_NEAR(t, (double)planes.pixel[IB_DIRTY][0][3][peak], 2.5, 2.5e-4); /* as the centre of the PSF */
    ib_plan_clear(&plan, &data.info);
}

/* Every sample is accounted for, and what is bad under a flag does not matter. */
static void every_sample_has_a_fate(ib_test *t)
{
    ib_config    cfg = settings();
    ib_plan      plan;
    ib_error     err;
    const double edge = (36 - 7.0 / 2) / 72 / cfg.cell[0] * IB_LIGHT / 1.4e9; /* 72 cells, of 306 m */

    make_data(&data, 1);
    data.flag[0][0][0] = 1;
    data.vis[0][0][0][0] = NAN;
    data.flag[0][1][0] = 255;
    data.vis[0][1][0][1] = 1e30f;
    data.vis[0][2][0][1] = INFINITY;
    data.weight[3][0] = 0;
    data.weight[4][0] = -1;
    data.weight[5][0] = NAN;
    data.antenna[6][0] = 1;
    data.uvw[7][2] = NAN;
    data.uvw[8][0] = edge + 400; /* a cell and a third too far, whichever side the tie goes to */
    data.uvw[9][0] = -edge - 400;
    data.uvw[10][0] = data.uvw[10][1] = data.uvw[10][2] = 0; /* the origin is a place like any other */
    data.vis[0][11][0][0] = data.vis[0][11][0][1] = 0;       /* and zero a visibility */
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
    const ib_counts *c = &outcome[0].tally[0].counts;
    IB_CHECK(t, c->read == ROWS);
    IB_CHECK(t, c->flagged == 2);
    IB_CHECK(t, c->not_finite == 3);
    IB_CHECK(t, c->weightless == 2);
    IB_CHECK(t, c->autocorrelation == 1);
    IB_CHECK(t, c->outside == 2);
    IB_CHECK(t, c->gridded == ROWS - 10);
    for (int k = 0; k < PIXELS; k++)
        IB_CHECK(t, isfinite(planes.pixel[IB_DIRTY][0][0][k]));
    ib_plan_clear(&plan, &data.info);
}

/* A sample outside has no part in the image, however heavy: beside 1e20 a sum of doubles forgets weights of 1. */
static void heavy_samples_outside_weigh_nothing(ib_test *t)
{
    ib_config    cfg = settings();
    ib_plan      plan;
    ib_error     err;
    const double edge = (36 - 7.0 / 2) / 72 / cfg.cell[0] * IB_LIGHT / 1.4e9;
    double       weight[2];

    for (int heavy = 0; heavy < 2; heavy++) {
        make_data(&data, 1);
        data.uvw[8][0] = edge + 400;
        data.weight[8][0] = heavy ? 1e20f : 1;
        IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
        IB_CHECK(t, outcome[0].tally[0].counts.outside == 1);
        weight[heavy] = outcome[0].tally[0].weight;
        ib_plan_clear(&plan, &data.info);
    }
    IB_CHECK(t, weight[0] > 0 && weight[0] == weight[1]);
}

/* The edge rule of imaging-spec 3.6 along both axes and both directions: taps t0 .. t0 + W - 1 within -N/2 .. N/2 - 1. */
static void the_edge_rule_is_exact(ib_test *t)
{
    for (int support = 6; support <= 7; support++)
        for (int axis = 0; axis < 2; axis++)
            for (int k = 0; k < 200; k++) {
                static const int n[2] = {72, 64};
                ib_config        cfg = settings();
                ib_plan          plan;
                ib_error         err;
                const double     g = (k < 100 ? -1 : 1) * n[axis] * 0.5 + (k % 100) * 0.0973 * (k < 100 ? 1 : -1);
                const int        t0 = (int)floor(g - 0.5 * support) + 1;
                const bool       inside = t0 >= -n[axis] / 2 && t0 + support - 1 <= n[axis] / 2 - 1;

                if (k % 10) /* one image for ten places: rows 0..9 */
                    continue;
                make_data(&data, 1);
                cfg.support = support;
                int want = 0;
                for (int r = 0; r < 10; r++) {
                    const double gr = g + r * 0.0973 * (k < 100 ? 1 : -1);
                    const int    first = (int)floor(gr - 0.5 * support) + 1;
                    want += !(first >= -n[axis] / 2 && first + support - 1 <= n[axis] / 2 - 1);
                    data.uvw[r][axis] = (axis ? -gr : gr) / (cfg.cell[axis] * n[axis]) * IB_LIGHT / data.freq[0];
                    data.uvw[r][1 - axis] = 0;
                }
                IB_CHECK(t, inside || want > 0);
                IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
                IB_CHECK(t, plan.geometry.grid_nx == (size_t)n[0] && plan.geometry.grid_ny == (size_t)n[1]);
                IB_CHECK(t, outcome[0].tally[0].counts.outside == (uint64_t)want);
                ib_plan_clear(&plan, &data.info);
            }
}

static void a_channel_without_samples_is_blank(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;

    make_data(&data, 1);
    memset(data.flag[2], 1, sizeof data.flag[2]);
    IB_CHECK(t, image(&data, &cfg, 2, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
    for (int k = 0; k < PIXELS; k++) {
        IB_CHECK(t, isnan(planes.pixel[IB_DIRTY][0][2][k]) && isnan(planes.pixel[IB_PSF][0][2][k]));
        IB_CHECK(t, isfinite(planes.pixel[IB_DIRTY][0][1][k]));
    }
    IB_CHECK(t, planes.plane[IB_DIRTY][0][2].stats.n_nan == PIXELS);
    ib_plan_clear(&plan, &data.info);
}

/* Weights that overflow single precision when summed must not become an image. */
static void an_image_that_is_not_finite_is_refused(ib_test *t)
{
    ib_config cfg = settings();
    ib_plan   plan;
    ib_error  err;

    make_data(&data, 1);
    for (int r = 0; r < ROWS; r++)
        data.weight[r][0] = 9e36f;
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_ECHECK);
    IB_CHECK(t, strstr(err.text, "--precision double") != NULL);
    ib_plan_clear(&plan, &data.info);
    cfg.precision = IB_DOUBLE;
    IB_CHECK(t, image(&data, &cfg, 1, 1, &planes, outcome, &plan, NULL, &err) == IB_OK);
    ib_plan_clear(&plan, &data.info);
}

/* Image channels of several windows. */
static size_t count_channels(ib_spw *spw, size_t n_spw, int64_t bin, double *freq, double *width)
{
    ib_config       cfg = settings();
    ib_plan         plan;
    ib_error        err;
    const ib_extent extent[3] = {{.u = 100, .v = 100, .uv = 100}, {.u = 100, .v = 100, .uv = 100}, {.u = 100}};
    ib_vis_info     info = data.info;

    info.n_spw = n_spw;
    info.spw = spw;
    cfg.bin = bin;
    if (ib_plan_make(&plan, &cfg, &info, extent, 1, 1, 0, &err))
        return 0;
    const size_t n = plan.n_chan;
    memcpy(freq, plan.freq, n * sizeof *freq);
    memcpy(width, plan.width, n * sizeof *width);
    ib_plan_clear(&plan, &info);
    return n;
}

static void channels_of_windows_meet_only_where_they_are_the_same(ib_test *t)
{
    int    number[8] = {0, 1, 2, 3, 4, 5, 6, 7}, gap[8] = {0, 1, 2, 5, 6, 7, 8, 9};
    double narrow[8], thin[8], wide[1] = {1.4e9}, broad[1] = {128e6}, shifted[8], freq[16], width[16];

    make_data(&data, 1);
    for (int i = 0; i < 8; i++) {
        narrow[i] = 1.4e9 + 30e3 * gap[i];
        thin[i] = 30e3;
        shifted[i] = narrow[i] + 200; /* a hundred-and-fiftieth of a channel */
    }
    ib_spw a = data.spw, b = data.spw;
    a.n_chan = b.n_chan = 8;
    a.chan = b.chan = number;
    a.freq = narrow;
    b.freq = shifted;
    a.width = b.width = thin;
    ib_spw same[2] = {a, b};
    IB_CHECK(t, count_channels(same, 2, 1, freq, width) == 8);
    IB_NEAR(t, width[0], 30200, 1e-3);

    ib_spw average = a;
    average.n_chan = 1;
    average.freq = wide;
    average.width = broad;
    ib_spw mixed[2] = {a, average};
    IB_CHECK(t, count_channels(mixed, 2, 1, freq, width) == 9);
    IB_NEAR(t, width[0] < width[1] ? width[0] : width[1], 30e3, 1e-3);

    /* Many small steps must not chain channels together. */
    for (int i = 0; i < 8; i++)
        shifted[i] = 1.4e9 + 250 * i;
    b.freq = shifted;
    IB_CHECK(t, count_channels(&b, 1, 1, freq, width) == 4); /* from 0, 500, 1000 and 1500 Hz */

    /* Bins end where channels are missing. */
    a.chan = gap;
    IB_CHECK(t, count_channels(&a, 1, 2, freq, width) == 5); /* 0-1, 2, 5-6, 7-8, 9 */
    IB_NEAR(t, width[1], 30e3, 1e-3);
}

IB_TEST_MAIN({IB_TEST(an_image_that_is_not_finite_is_refused),
              IB_TEST(channels_of_windows_meet_only_where_they_are_the_same),
              IB_TEST(images_agree_with_the_direct_sum_as_specified), IB_TEST(images_keep_the_promised_accuracy),
              IB_TEST(a_wrong_image_is_noticed), IB_TEST(bits_do_not_depend_on_threads_ranks_or_memory),
              IB_TEST(an_mfs_image_agrees_with_the_direct_sum_of_all_channels),
              IB_TEST(images_with_w_agree_with_the_direct_sum), IB_TEST(nothing_is_seen_beyond_the_horizon),
              IB_TEST(bits_with_w_do_not_depend_on_threads_ranks_or_memory),
              IB_TEST(a_bin_is_the_mean_of_its_channels), IB_TEST(the_psf_is_the_image_of_ones),
              IB_TEST(a_source_is_where_the_convention_says), IB_TEST(every_sample_has_a_fate),
              IB_TEST(heavy_samples_outside_weigh_nothing), IB_TEST(the_edge_rule_is_exact),
              IB_TEST(a_channel_without_samples_is_blank)})
