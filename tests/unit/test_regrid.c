/* SPDX-License-Identifier: BSD-3-Clause */
/* Spectral frames, and samples on other channels than the input's. */
#include "ib_test.h"

#include "base/error.h"
#include "base/mem.h"
#include "io/io.h"
#include "model/frame.h"
#include "model/regrid.h"

#include <float.h>
#include <stdlib.h>

#define RA   (17.348055555555556 * IB_PI / 12) /* 17:20:53 */
#define DEC  (-35.78333333333333 * IB_PI / 180)
#define TIME ((58259 + (3 * 3600 + 12 * 60 + 7) / 86400.0) * 86400) /* 2018-05-21 03:12:07 */
#define YEAR (365.25 * 86400)

static const double site[3] = {2225061.164, -5440057.37, -2481681.15};

/* ---- frames ------------------------------------------------------------------------------------------------- */

/* Imaging-spec 7.4, values of casacore. The Earth turns by UT1 = UTC here, 0.1 s from the UT1 of that day at most, and the
   tables of casacore and ERFA differ by the rest: 0.03 and 0.08 m/s were found when the values were made, by the same
   formulas, and are asked for with a margin of 0.005 m/s. */
static void the_golden_vector_of_casacore_is_met(ib_test *t)
{
    const double topo = 230.5e9, per_speed = IB_LIGHT / topo; /* m/s per Hz */
    const double geo = 230499822761.5466, bary = 230491293901.0149, lsrk = 230485176959.4933;
    double       f[IB_N_FRAMES];
    ib_error     err;

    IB_CHECK(t, !ib_frame_factors(TIME, site, RA, DEC, f, &err));
    IB_NEAR(t, f[IB_FRAME_TOPO], 1, 0);
    IB_NEAR(t, (topo * f[IB_FRAME_GEO] - geo) * per_speed, 0, 0.035);
    IB_NEAR(t, (topo * f[IB_FRAME_BARY] - bary) * per_speed, 0, 0.085);
    IB_NEAR(t, bary * f[IB_FRAME_LSRK] / f[IB_FRAME_BARY], lsrk, 0.01);
}

/* The longitudinal shift of a known velocity: from the Earth's axis nothing turns; the apex is approached by 20 km/s. */
static void the_pole_does_not_turn_and_the_apex_is_approached(ib_test *t)
{
    const double pole[3] = {0, 0, 6356752}, ra = atan2(-0.865863, 0.0145021), dec = asin(0.500071);
    const double b = 20e3 / IB_LIGHT;
    double       f[IB_N_FRAMES];
    ib_error     err;

    IB_CHECK(t, !ib_frame_factors(TIME, pole, ra, dec, f, &err));
    IB_NEAR(t, f[IB_FRAME_GEO], 1, 0);
    IB_NEAR(t, f[IB_FRAME_LSRK] / f[IB_FRAME_BARY], sqrt((1 - b) / (1 + b)),
            1e-11); /* the unit vector has 6 digits */
}

/* A source on the ecliptic: the Earth's velocity along it goes around once a year, by 29.3 to 30.3 km/s. */
static void the_earth_goes_around_the_sun(ib_test *t)
{
    double   lowest = 1, highest = 1, f[IB_N_FRAMES];
    ib_error err;

    for (int i = 0; i < 365; i++) {
        IB_CHECK(t, !ib_frame_factors(TIME + i * 86400, site, 0, 0, f, &err));
        lowest = fmin(lowest, f[IB_FRAME_BARY] / f[IB_FRAME_GEO]);
        highest = fmax(highest, f[IB_FRAME_BARY] / f[IB_FRAME_GEO]);
    }
    IB_NEAR(t, (highest - lowest) / 2 * IB_LIGHT, 29.8e3, 0.5e3);
    IB_NEAR(t, (highest + lowest) / 2, 1, 0.6e3 / IB_LIGHT);
}

static void names_are_those_of_fits_and_times_must_be_utc(ib_test *t)
{
    double   f[IB_N_FRAMES];
    ib_error err;

    IB_TEXT(t, ib_frame_name(IB_FRAME_BARY), "BARYCENT");
    for (int frame = 1; frame < IB_N_FRAMES; frame++)
        IB_CHECK(t, ib_frame_find(ib_frame_name(frame)) == frame);
    IB_CHECK(t, ib_frame_find("CMBDIPOL") == IB_FRAME_DATA && ib_frame_find("") == IB_FRAME_DATA);
    IB_CHECK(t, ib_frame_factors((double)NAN, site, RA, DEC, f, &err) == IB_EDATA);
    IB_CHECK(t, ib_frame_factors(-1e12, site, RA, DEC, f, &err) == IB_EDATA);
}

/* ---- a source whose spectrum is at rest in a frame ------------------------------------------------------------ */

enum { MAX_TIMES = 100, N_CORR = 2 };

/* What the source of the next opening holds: n_row rows at times in turn (or in runs), channels of topocentric frequency. */
static struct {
    size_t      n_row, n_chan, n_time;
    double      time[MAX_TIMES], factor[MAX_TIMES], first, width; /* factor: of LSRK */
    bool        in_turn, weight_per_channel, has_time, has_site;
    const char *frame;
    double (*spectrum)(double freq); /* in LSRK, if the source is TOPOCENT */
    int flagged;                     /* this channel, with NaN beneath; -1: none */
} fake;

static double factor_of(size_t i, int frame)
{
    double   f[IB_N_FRAMES];
    ib_error err;
    return ib_frame_factors(fake.time[i], site, RA, DEC, f, &err) ? (double)NAN : f[frame];
}

static size_t time_of(size_t row)
{
    return fake.in_turn ? row % fake.n_time : row * fake.n_time / fake.n_row;
}

static ib_status fake_open(void **self, const char *path, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    (void)path;
    (void)cfg;
    *info = (ib_vis_info){.n_spw = 1, .n_field = 1, .has_time = fake.has_time};
    info->spw = ib_alloc_zero(1, sizeof *info->spw, "test", err);
    info->field = ib_alloc_zero(1, sizeof *info->field, "test", err);
    info->field[0] = (ib_field){.ra = RA, .dec = DEC, .selected = true};
    ib_spw *w = info->spw;
    w->n_row = fake.n_row;
    w->n_chan = fake.n_chan;
    w->n_corr = N_CORR;
    w->weight_per_channel = fake.weight_per_channel;
    w->chan = ib_alloc(fake.n_chan, sizeof *w->chan, "test", err);
    w->freq = ib_alloc(fake.n_chan, sizeof *w->freq, "test", err);
    w->width = ib_alloc(fake.n_chan, sizeof *w->width, "test", err);
    for (size_t c = 0; c < fake.n_chan; c++) {
        w->chan[c] = (int)c;
        w->freq[c] = fake.first + (double)c * fake.width;
        w->width[c] = fabs(fake.width);
    }
    snprintf(info->frame, sizeof info->frame, "%s", fake.frame);
    if (fake.has_site)
        memcpy(info->site, site, sizeof site);
    info->time_first = fake.time[0];
    info->time_last = fake.time[fake.n_time - 1];
    for (size_t i = 0; i < fake.n_time; i++)
        fake.factor[i] = factor_of(i, IB_FRAME_LSRK);
    *self = malloc(1);
    return IB_OK;
}

static ib_status fake_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    (void)self;
    (void)spw;
    (void)err;
    for (size_t i = 0; i < rows.n; i++) {
        const size_t row = rows.first + i;
        for (int k = 0; into->uvw && k < 3; k++)
            into->uvw[i][k] = (double)row + 100.5 * k;
        if (into->field)
            into->field[i] = 0;
        if (into->time)
            into->time[i] = fake.time[time_of(row)];
        for (size_t k = 0; into->weight && k < N_CORR; k++)
            into->weight[i * N_CORR + k] = (float)(1 + row % 7 + k);
    }
    return IB_OK;
}

static float weight_of(size_t chan, size_t row, size_t corr)
{
    return (float)(1 + (chan * 5 + row * 3 + corr) % 11);
}

static ib_status fake_read(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                           ib_error *err)
{
    (void)self;
    (void)spw;
    (void)err;
    for (size_t c = 0; c < chans.n; c++)
        for (size_t r = 0; r < rows.n; r++)
            for (size_t k = 0; k < N_CORR; k++) {
                const size_t chan = chans.first + c, row = rows.first + r, at = (c * rows.n + r) * N_CORR + k;
                const double freq = (fake.first + (double)chan * fake.width) * fake.factor[time_of(row)];
                const bool   bad = (int)chan == fake.flagged;
                if (into->vis) {
                    into->vis[at][0] = bad ? NAN : (float)fake.spectrum(freq);
                    into->vis[at][1] = bad ? NAN : (float)(k ? -1 : 0.5) * into->vis[at][0];
                }
                if (into->flag)
                    into->flag[at] = bad;
                if (into->weight && fake.weight_per_channel)
                    into->weight[at] = weight_of(chan, row, k);
            }
    return IB_OK;
}

static void fake_close(void *self)
{
    free(self);
}

static const ib_source_ops fake_ops = {
    .name = "fake", .open = fake_open, .rows = fake_rows, .read = fake_read, .close = fake_close};

/* Spectra. */
#define LINE  230e9
#define SIGMA 2e6

static double gaussian(double freq)
{
    return exp(-0.5 * (freq - LINE) * (freq - LINE) / (SIGMA * SIGMA));
}

static double slope(double freq)
{
    return 3 + (freq - LINE) * 1e-7;
}

/* Two times half a year apart, 60 km/s, in a band that holds them: 46 MHz of shift. */
static void usual(void)
{
    memset(&fake, 0, sizeof fake);
    fake.n_row = 20;
    fake.n_chan = 400;
    fake.n_time = 2;
    fake.time[0] = TIME + 0.3 * YEAR;
    fake.time[1] = TIME + 0.8 * YEAR;
    fake.first = LINE - 100e6;
    fake.width = 0.5e6;
    fake.has_time = fake.has_site = true;
    fake.frame = "TOPOCENT";
    fake.spectrum = gaussian;
    fake.flagged = -1;
}

typedef struct opened {
    void       *self;
    ib_vis_info info;
    ib_status   rc;
    ib_error    err;
} opened;

/* The layer keeps hold of the description: one is open at a time. */
static opened *open_as(int frame, const char *grid, int rule)
{
    static opened o;
    ib_config     cfg;

    o = (opened){0};
    ib_config_default(&cfg);
    cfg.frame = frame;
    cfg.frame_grid = grid;
    cfg.frame_rule = rule;
    o.rc = ib_regrid_open(&o.self, &fake_ops, "", &cfg, &o.info, &o.err);
    return &o;
}

static void close_it(opened *o)
{
    ib_regrid_ops.close(o->self);
    ib_vis_info_clear(&o->info);
}

/* Samples of a range; the caller's, for drop. */
static ib_samples take(const opened *o, ib_range chans, ib_range rows)
{
    const size_t n = chans.n * rows.n * N_CORR;
    ib_samples   s = {malloc(n * sizeof *s.vis), malloc(n * sizeof *s.weight), malloc(n)};
    ib_error     err;

    memset(s.weight, 0, n * sizeof *s.weight);
    if (ib_regrid_ops.read(o->self, 0, chans, rows, &s, &err))
        memset(s.vis, 0xff, n * sizeof *s.vis);
    return s;
}

static ib_samples take_all(const opened *o)
{
    return take(o, (ib_range){0, o->info.spw->n_chan}, (ib_range){0, o->info.spw->n_row});
}

static void drop(ib_samples *s)
{
    free(s->vis);
    free(s->weight);
    free(s->flag);
}

/* ---- identity ----------------------------------------------------------------------------------------------- */

static ib_samples originals(void)
{
    const size_t n = fake.n_chan * fake.n_row * N_CORR;
    ib_samples   s = {malloc(n * sizeof *s.vis), malloc(n * sizeof *s.weight), malloc(n)};
    ib_error     err;

    memset(s.weight, 0, n * sizeof *s.weight);
    fake_read(NULL, 0, (ib_range){0, fake.n_chan}, (ib_range){0, fake.n_row}, &s, &err);
    return s;
}

static void check_same(ib_test *t, opened *o)
{
    const size_t n = fake.n_chan * fake.n_row * N_CORR;
    double       uvw[20][3], want[20][3];
    ib_samples   got = take_all(o), was = originals();
    ib_error     err;

    IB_CHECK(t, !o->rc);
    IB_CHECK(t, !memcmp(got.vis, was.vis, n * sizeof *got.vis));
    IB_CHECK(t, !memcmp(got.flag, was.flag, n));
    IB_CHECK(t, !memcmp(got.weight, was.weight, n * sizeof *got.weight));
    const ib_rows into = {.uvw = uvw}, from = {.uvw = want};
    fake_rows(NULL, 0, (ib_range){0, 20}, &from, &err);
    IB_CHECK(t, !ib_regrid_ops.rows(o->self, 0, (ib_range){0, 20}, &into, &err) && !memcmp(uvw, want, sizeof uvw));
    drop(&got);
    drop(&was);
    close_it(o);
}

/* v = 0, bit for bit: the same frame; and the same channels through the regridding itself. */
static void nothing_changes_without_a_velocity(ib_test *t)
{
    usual();
    fake.flagged = 17;
    opened *o = open_as(IB_FRAME_TOPO, "", IB_LINEAR);
    IB_TEXT(t, o->info.frame, "TOPOCENT");
    check_same(t, o);

    fake.frame = "LSRK";
    o = open_as(IB_FRAME_LSRK, "", IB_NEAREST);
    check_same(t, o);

    fake.weight_per_channel = true;
    for (int rule = 0; rule < 2; rule++) {
        o = open_as(IB_FRAME_DATA, "229900000000,0.5MHz,400", rule);
        IB_CHECK(t, o->info.spw->n_chan == 400 && o->info.spw->weight_per_channel);
        check_same(t, o);
    }
}

/* LSRK and BARY differ by a constant: the channels move, the samples do not. */
static void a_constant_shift_leaves_samples_as_they_are(ib_test *t)
{
    usual();
    fake.frame = "LSRK";
    fake.weight_per_channel = true;
    opened      *o = open_as(IB_FRAME_BARY, "", IB_LINEAR);
    const size_t n = fake.n_chan * fake.n_row * N_CORR;
    ib_samples   got = take_all(o), was = originals();

    IB_CHECK(t, !o->rc && !memcmp(got.vis, was.vis, n * sizeof *got.vis) && !memcmp(got.flag, was.flag, n));
    IB_TEXT(t, o->info.frame, "BARYCENT");
    IB_NEAR(t, o->info.spw->freq[0] / fake.first, factor_of(0, IB_FRAME_BARY) / factor_of(0, IB_FRAME_LSRK), 1e-15);
    drop(&got);
    drop(&was);
    close_it(o);
}

/* ---- a line at rest ----------------------------------------------------------------------------------------- */

/* Both rows of a line at rest in LSRK peak in the channel of its frequency. Linear interpolation of f is off by h^2/8
   max |f''|, here h = 0.5 MHz and |f''| <= 1/SIGMA^2; nearest by h/2 max |f'| = h/2 exp(-1/2)/SIGMA. */
static void a_line_at_rest_stays_in_its_channel(ib_test *t)
{
    for (int rule = 0; rule < 2; rule++) {
        usual();
        opened      *o = open_as(IB_FRAME_LSRK, "229.99GHz,0.5MHz,41", rule);
        ib_samples   got = take_all(o);
        const double h = 0.5e6;
        const double tolerance = (rule == IB_LINEAR ? h * h / 8 / (SIGMA * SIGMA) : h / 2 * exp(-0.5) / SIGMA) + 1e-6;

        IB_CHECK(t, !o->rc);
        IB_TEXT(t, o->info.frame, "LSRK");
        IB_CHECK(t, fabs(factor_of(0, IB_FRAME_LSRK) / factor_of(1, IB_FRAME_LSRK) - 1) > 1e-4); /* 46 channels */
        for (size_t row = 0; row < fake.n_row; row++) {
            size_t peak = 0;
            for (size_t c = 0; c < 41; c++) {
                const size_t at = (c * fake.n_row + row) * N_CORR;
                IB_CHECK(t, !got.flag[at]);
                IB_NEAR(t, (double)got.vis[at][0], gaussian(o->info.spw->freq[c]), tolerance);
                if (got.vis[at][0] > got.vis[peak * fake.n_row * N_CORR + row * N_CORR][0])
                    peak = c;
            }
            IB_CHECK(t, peak == 20);
        }
        drop(&got);
        close_it(o);
    }
}

/* Exact up to the rounding of float32: three operations on numbers of at most 13. Ascending and descending inputs and
   outputs; input edges are left out. */
static void a_linear_spectrum_is_exact(ib_test *t)
{
    for (int k = 0; k < 4; k++) {
        usual();
        fake.spectrum = slope;
        if (k & 1) {
            fake.first += 399 * fake.width;
            fake.width = -fake.width;
        }
        opened    *o = open_as(IB_FRAME_LSRK, k & 2 ? "230.2GHz,-0.3MHz,1300" : "229.8GHz,0.3MHz,1300", IB_LINEAR);
        ib_samples got = take_all(o);
        size_t     n_out = 0;

        IB_CHECK(t, !o->rc);
        for (size_t c = 0; c < 1300; c++)
            for (size_t row = 0; row < fake.n_row; row++) {
                const size_t at = (c * fake.n_row + row) * N_CORR;
                const double topo = o->info.spw->freq[c] / fake.factor[time_of(row)];
                const bool   inside = topo >= LINE - 100e6 && topo <= LINE + 99.5e6;
                if (fmin(fabs(topo - LINE + 100e6), fabs(topo - LINE - 99.5e6)) < 10)
                    continue;
                IB_CHECK(t, got.flag[at] == !inside);
                n_out += !inside;
                if (inside)
                    IB_NEAR(t, (double)got.vis[at][0], slope(o->info.spw->freq[c]), 3 * 13 * 0x1p-24);
                else
                    IB_CHECK(t, got.weight[at] <= 0 && fabsf(got.vis[at][0]) <= 0);
            }
        IB_CHECK(t, n_out > 0);
        drop(&got);
        close_it(o);
    }
}

/* Of one row: linear gives 1/((1-a)^2/w + a^2/w'), of float32; both neighbours of a flagged channel are lost. */
static void weights_and_flags_follow_both_channels(ib_test *t)
{
    for (int per_channel = 0; per_channel < 2; per_channel++) {
        usual();
        fake.weight_per_channel = per_channel;
        fake.flagged = 200;
        opened      *o = open_as(IB_FRAME_LSRK, "", IB_LINEAR);
        ib_samples   got = take_all(o);
        const double f = factor_of(0, IB_FRAME_LSRK);
        size_t       n_flagged = 0;

        IB_CHECK(t, !o->rc && o->info.spw->weight_per_channel && o->info.spw->n_chan == 400);
        for (size_t c = 60; c < 340; c++) {
            const size_t at = c * fake.n_row * N_CORR + 1; /* row 0, corr 1 */
            const double x = (o->info.spw->freq[c] / f - fake.first) / fake.width, a = x - floor(x);
            const size_t j = (size_t)x;
            const double w = per_channel ? (double)weight_of(j, 0, 1) : 2;
            const double next = per_channel ? (double)weight_of(j + 1, 0, 1) : 2;
            IB_NEAR(t, (double)got.weight[at] * ((1 - a) * (1 - a) / w + a * a / next), 1, 1e-6);
            IB_CHECK(t, got.flag[at] == (j == 200 || j + 1 == 200));
            n_flagged += got.flag[at];
        }
        IB_CHECK(t, n_flagged == 2);
        drop(&got);
        close_it(o);
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

/* (metres given out) x (output frequency) = (metres) x (topocentric frequency), whatever the frames. */
static void uvw_are_for_the_topocentric_frequency(ib_test *t)
{
    const char *const from[] = {"TOPOCENT", "LSRK"};

    for (int k = 0; k < 2; k++) {
        double        uvw[20][3], want[20][3];
        ib_error      err;
        const ib_rows into = {.uvw = uvw}, as_read = {.uvw = want};

        usual();
        fake.frame = from[k];
        opened *o = open_as(IB_FRAME_BARY, "", IB_NEAREST);
        IB_CHECK(t, !o->rc && !ib_regrid_ops.rows(o->self, 0, (ib_range){3, 12}, &into, &err));
        fake_rows(NULL, 0, (ib_range){3, 12}, &as_read, &err);
        for (size_t i = 0; i < 12; i++)
            for (int c = 0; c < 3; c++) {
                const double topo = o->info.spw->freq[7] / factor_of(time_of(i + 3), IB_FRAME_BARY);
                IB_NEAR(t, uvw[i][c] * o->info.spw->freq[7], want[i][c] * topo, 4 * DBL_EPSILON * want[i][c] * topo);
            }
        close_it(o);
    }
}

/* ---- ranges --------------------------------------------------------------------------------------------------- */

/* More rows than a piece has, a hundred times over two years in turn (so that a piece's input is wider than a tile), and a
   coarse grid: any cut gives the same bytes. */
static void ranges_do_not_change_bytes(ib_test *t)
{
    const char *const grids[] = {"", "229.9GHz,3MHz,50"};

    for (int k = 0; k < 4; k++) {
        usual();
        fake.n_row = 1500;
        fake.n_time = MAX_TIMES;
        fake.in_turn = k & 1;
        fake.flagged = 100;
        fake.weight_per_channel = k & 1;
        for (size_t i = 0; i < MAX_TIMES; i++)
            fake.time[i] = TIME + (double)i * 0.02 * YEAR;
        opened        *o = open_as(IB_FRAME_LSRK, grids[k / 2], IB_LINEAR);
        ib_samples     all = take_all(o);
        const size_t   n_chan = o->info.spw->n_chan, n_row = fake.n_row;
        const ib_range chans[] = {{0, 1}, {n_chan / 2, 7}, {n_chan - 3, 3}},
                       rows[] = {{0, 1500}, {1023, 2}, {400, 1100}};

        IB_CHECK(t, !o->rc);
        for (int i = 0; i < 9; i++) {
            const ib_range c = chans[i % 3], r = rows[i / 3];
            ib_samples     part = take(o, c, r);
            for (size_t j = 0; j < c.n; j++) {
                const size_t from = ((c.first + j) * n_row + r.first) * N_CORR, to = j * r.n * N_CORR,
                             n = r.n * N_CORR;
                IB_CHECK(t, !memcmp(part.vis + to, all.vis + from, n * sizeof *all.vis));
                IB_CHECK(t, !memcmp(part.weight + to, all.weight + from, n * sizeof *all.weight));
                IB_CHECK(t, !memcmp(part.flag + to, all.flag + from, n));
            }
            drop(&part);
        }
        drop(&all);
        close_it(o);
    }
}

/* ---- refusals ------------------------------------------------------------------------------------------------- */

static void refused(ib_test *t, opened *o, ib_status rc, const char *word)
{
    IB_CHECK(t, o->rc == rc && strstr(o->err.text, word));
    if (o->rc != rc || !strstr(o->err.text, word))
        printf("# wanted \"%s\", got %s: %s\n", word, ib_status_name(o->rc), o->err.text);
    if (!o->rc)
        ib_regrid_ops.close(o->self);
    ib_vis_info_clear(&o->info);
}

static void what_is_missing_or_senseless_is_named(ib_test *t)
{
    usual();
    refused(t, open_as(IB_FRAME_DATA, "1GHz,1kHz", IB_LINEAR), IB_EUSAGE, "START,WIDTH,N");
    refused(t, open_as(IB_FRAME_DATA, "1GHz,1kHz,2,3", IB_LINEAR), IB_EUSAGE, "START,WIDTH,N");
    refused(t, open_as(IB_FRAME_DATA, "1GHz,0,2", IB_LINEAR), IB_EUSAGE, "width");
    refused(t, open_as(IB_FRAME_DATA, "1GHz,-1GHz,2", IB_LINEAR), IB_EUSAGE, "positive");
    refused(t, open_as(IB_FRAME_DATA, "1GHz,1m/s,2", IB_LINEAR), IB_EUSAGE, "m/s");
    refused(t, open_as(IB_FRAME_DATA, "1GHz,1kHz,2", IB_LINEAR), IB_EUSAGE, "meet none");
    fake.n_chan = 1;
    refused(t, open_as(IB_FRAME_LSRK, "", IB_LINEAR), IB_EUSAGE, "neighbouring");
    usual();
    fake.has_time = false;
    refused(t, open_as(IB_FRAME_LSRK, "", IB_LINEAR), IB_EDATA, "time");
    usual();
    fake.has_site = false;
    refused(t, open_as(IB_FRAME_LSRK, "", IB_LINEAR), IB_EDATA, "where");
    usual();
    fake.frame = "CMBDIPOL";
    refused(t, open_as(IB_FRAME_LSRK, "", IB_LINEAR), IB_EUNSUPPORTED, "CMBDIPOL");
    fake.frame = "";
    refused(t, open_as(IB_FRAME_LSRK, "", IB_LINEAR), IB_EUNSUPPORTED, "does not tell");
    usual();
    fake.time[1] = (double)NAN;
    refused(t, open_as(IB_FRAME_LSRK, "", IB_LINEAR), IB_EDATA, "UTC");
}

IB_TEST_MAIN({IB_TEST(the_golden_vector_of_casacore_is_met),
              IB_TEST(the_pole_does_not_turn_and_the_apex_is_approached), IB_TEST(the_earth_goes_around_the_sun),
              IB_TEST(names_are_those_of_fits_and_times_must_be_utc), IB_TEST(nothing_changes_without_a_velocity),
              IB_TEST(a_constant_shift_leaves_samples_as_they_are), IB_TEST(a_line_at_rest_stays_in_its_channel),
              IB_TEST(a_linear_spectrum_is_exact), IB_TEST(weights_and_flags_follow_both_channels),
              IB_TEST(uvw_are_for_the_topocentric_frequency), IB_TEST(ranges_do_not_change_bytes),
              IB_TEST(what_is_missing_or_senseless_is_named)})
