/* SPDX-License-Identifier: BSD-3-Clause */
/* Visibilities made as they are read: sim:PRESET[,key=value...] (docs/simulation.md). Reading changes nothing here, so
   any number of threads may read at once. */
#include "base/error.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/text.h"
#include "model/frame.h"
#include "model/primary.h"
#include "model/simulate.h"
#include "model/source.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "sim:"
#define DEG    (IB_PI / 180)
#define ARCSEC (IB_PI / 648000)
#define HOUR   (IB_PI / 12)
#define START  (59215.0 * 86400) /* 2021-01-01: the first transit from then on is the middle of the observation */

enum { MAX_SOURCES = 1000, MAX_POINTINGS = 2000 };

/* ---- presets and keys --------------------------------------------------------------------------------------- */

typedef struct preset {
    const char *name, *array, *field;
    double      radius; /* m; 0: the array's own */
    int64_t     times, baselines, channels, corr, pointings, imsize[2];
    double      fill, freq, width, cell, ra, dec, hours; /* first channel, Hz; rad; h of track */
    double      noise, rest;                             /* Jy per sample; Hz */
    int         circular, stokes;
    int         beam;   /* in the list of beams */
    double      spread; /* share of the image that has sources */
} preset;

static const char *const beams[] = {"none", "physical", "casa", "airy", "gaussian"};
enum { NO_BEAM, PHYSICAL, N_BEAMS = sizeof beams / sizeof *beams };

/* Spectral frames that sources are at rest in, in the order of IB_FRAME_TOPO and on. */
static const char *const frames[] = {"topo", "geo", "bary", "lsrk"};

/* Sizes of aca-9eb to chiles as published for the CNGI prototype against CASA 6.2; all else is ours. */
/* clang-format off */
static const preset presets[] = {
    /* name            array       field        R, m times  bl   chan corr point image         fill   first chan, width     cell         ra             dec         hours noise rest      circular planes beam spread */
    {"point",          "vla-d",    "point",     0,   20,  351,     8, 2,   1, { 256,  256}, 1.000, 1.40e9, 1e6,      8.00*ARCSEC, 12.0000*HOUR,  45.00*DEG, 6, 0.0, 0,            1, IB_PLANES_I, NO_BEAM, 0.5},
    {"chiles",         "vla-b",    "COSMOS",    0, 2072,  351, 30720, 2,   1, {1000, 1000}, 1.000, 0.95e9, 15.6e3,   1.50*ARCSEC, 10.0233*HOUR,   2.35*DEG, 6, 0.1, 1420405751.77, 1, IB_PLANES_CORR, NO_BEAM, 0.5},
    {"aca-9eb",        "aca7",     "aca-9eb",   0, 2564,   53,  2048, 2,  20, { 400,  500}, 0.738, 230e9,  0.98e6,   1.00*ARCSEC, 16.0000*HOUR, -40.00*DEG, 4, 0.1, 0,            0, IB_PLANES_CORR, PHYSICAL, 0.25},
    {"aca-141",        "aca7",     "aca-141",   0,  564,   55,  1025, 2, 141, { 600, 1000}, 1.000, 230e9,  0.98e6,   1.00*ARCSEC, 16.0000*HOUR, -40.00*DEG, 4, 0.1, 0,            0, IB_PLANES_CORR, PHYSICAL, 0.25},
    {"alma-std",       "alma-ext", "alma-std",  138, 455, 745,  7635, 2,   1, { 600,  600}, 0.932, 230e9,  0.122e6,  0.10*ARCSEC, 16.0000*HOUR, -40.00*DEG, 3, 0.1, 0,            0, IB_PLANES_CORR, NO_BEAM, 0.5},
    {"alma-mos",       "alma-ext", "alma-mos",  130, 729, 1159, 3853, 2,  30, {1000, 1000}, 0.765, 100e9,  0.244e6,  0.25*ARCSEC, 16.0000*HOUR, -40.00*DEG, 3, 0.1, 0,            0, IB_PLANES_CORR, PHYSICAL, 0.4},
    {"ngc6334i",       "alma-ext", "NGC6334I",  230, 782, 903,  7680, 2,   1, { 500,  500}, 1.000, 690e9,  0.244e6,  0.02*ARCSEC, 17.3482*HOUR, -35.78*DEG, 3, 0.1, 0,            0, IB_PLANES_CORR, NO_BEAM, 0.5},
    {"ngc6334i-heavy", "alma-ext", "NGC6334I",  230, 782, 903,  7680, 2,   1, { 500,  500}, 1.000, 690e9,  0.244e6,  0.02*ARCSEC, 17.3482*HOUR, -35.78*DEG, 3, 0.1, 0,            0, IB_PLANES_CORR, NO_BEAM, 0.5},
    {"hetero",         "alma+aca", "hetero",    0,  140,  435,    16, 2,   7, { 512,  512}, 1.000, 100e9,  16e6,     0.80*ARCSEC, 16.0000*HOUR, -40.00*DEG, 3, 0.1, 0,            0, IB_PLANES_I, PHYSICAL, 0.25},
    {"wide",           "lofar",    "wide",      0,   60,  741,     8, 2,   1, {1024, 1024}, 1.000, 150e6,  195312.5, 20.0*ARCSEC, 12.0000*HOUR,  60.00*DEG, 6, 0.1, 0,            0, IB_PLANES_I, NO_BEAM, 0.95},
};
/* clang-format on */

enum { N_PRESETS = sizeof presets / sizeof *presets };

/* What the input text asks for; every value a double, so that one loop reads and checks them. */
typedef struct request {
    const preset *preset;
    double        array;                                 /* number of ib_sim_array_at */
    double        time, baseline, channel, image;        /* scale factors */
    double        times, baselines, channels, imsize[2]; /* 0: the preset's, scaled */
    double        corr, sources, seed, circular, descending, nan, polarised, w;
    double        radius, pointings, dwell, spacing, beam, truncate, spread;
    double        cell, ra, dec, freq, width, hours, fill, flux, index, noise;
    double        line[3]; /* peak, Jy; centre, FWHM, Hz */
    double        frame;   /* of the sources' spectra: after IB_FRAME_TOPO */
    double        flagged, flagged_rows, flagged_channels;
} request;

typedef enum kind { COUNT, REAL, ANGLE, HERTZ, PIXELS, LINE, YES_NO, FEED, ARRAY, BEAM, FRAME } kind;

#define AT(field) offsetof(request, field)

/* clang-format off */
static const struct key {
    const char *name;
    kind        kind;
    size_t      at;
    double      lowest, highest;
} keys[] = {
    {"time",             REAL,   AT(time),             1e-9,      1},
    {"baseline",         REAL,   AT(baseline),         1e-9,      1},
    {"channel",          REAL,   AT(channel),          1e-9,      1},
    {"image",            REAL,   AT(image),            1e-9,      1},
    {"times",            COUNT,  AT(times),            1,         1e6},
    {"baselines",        COUNT,  AT(baselines),        1,         1e6},
    {"channels",         COUNT,  AT(channels),         1,         1e7},
    {"array",            ARRAY,  AT(array),            0,         1e3},
    {"radius",           REAL,   AT(radius),           1,         1e7},
    {"corr",             COUNT,  AT(corr),             1,         4},
    {"feed",             FEED,   AT(circular),         0,         1},
    {"imsize",           PIXELS, AT(imsize),           1,         65536},
    {"cell",             ANGLE,  AT(cell),             1e-12,     0.2},
    {"ra",               ANGLE,  AT(ra),               -7,        7},
    {"dec",              ANGLE,  AT(dec),              -IB_PI / 2, IB_PI / 2},
    {"pointings",        COUNT,  AT(pointings),        1,         MAX_POINTINGS},
    {"spacing",          REAL,   AT(spacing),          0,         100},
    {"dwell",            COUNT,  AT(dwell),            1,         1e6},
    {"beam",             BEAM,   AT(beam),             0,         N_BEAMS},
    {"truncate",         YES_NO, AT(truncate),         0,         1},
    {"freq",             HERTZ,  AT(freq),             1,         1e15},
    {"width",            HERTZ,  AT(width),            1e-3,      1e14},
    {"descending",       YES_NO, AT(descending),       0,         1},
    {"hours",            REAL,   AT(hours),            0,         24},
    {"fill",             REAL,   AT(fill),             1e-9,      1},
    {"sources",          COUNT,  AT(sources),          0,         MAX_SOURCES},
    {"spread",           REAL,   AT(spread),           0,         1},
    {"flux",             REAL,   AT(flux),             -1e12,     1e12},
    {"index",            REAL,   AT(index),            -10,       10},
    {"frame",            FRAME,  AT(frame),            0,         3},
    {"line",             LINE,   AT(line),             -1e12,     1e15},
    {"pol",              YES_NO, AT(polarised),        0,         1},
    {"w",                YES_NO, AT(w),                0,         1},
    {"noise",            REAL,   AT(noise),            0,         1e9},
    {"seed",             COUNT,  AT(seed),             0,         4294967295.0},
    {"flagged",          REAL,   AT(flagged),          0,         1},
    {"flagged_rows",     REAL,   AT(flagged_rows),     0,         1},
    {"flagged_channels", REAL,   AT(flagged_channels), 0,         1},
    {"nan",              YES_NO, AT(nan),              0,         1},
};
/* clang-format on */

enum { N_KEYS = sizeof keys / sizeof *keys };

static ib_status unknown(const char *what, const char *name, const char *const *names, size_t n, ib_error *err)
{
    const char *near = ib_nearest(name, names, n);
    char        all[300] = "";
    size_t      used = 0;

    for (size_t i = 0; i < n && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    if (near)
        return ib_fail(err, IB_EUSAGE, "no simulation %s '%s'; did you mean '%s'? There are %s", what, name, near,
                       all);
    return ib_fail(err, IB_EUSAGE, "no simulation %s '%s'; there are %s", what, name, all);
}

static ib_status whole(const char *text, double *out, ib_error *err)
{
    int64_t         value = 0;
    const ib_status rc = ib_text_to_int(text, &value, err);

    *out = (double)value;
    return rc;
}

/* "500" or "400x500". */
static ib_status pixels(const char *text, double out[2], ib_error *err)
{
    char        first[32];
    const char *cross = strchr(text, 'x');

    if (!cross || cross - text >= (ptrdiff_t)sizeof first) {
        const ib_status rc = whole(text, &out[0], err);
        out[1] = out[0];
        return rc;
    }
    snprintf(first, sizeof first, "%.*s", (int)(cross - text), text);
    const ib_status rc = whole(first, &out[0], err);
    return rc ? rc : whole(cross + 1, &out[1], err);
}

/* "PEAK:CENTRE:WIDTH", Jy and two frequencies. */
static ib_status line(const char *text, double out[3], ib_error *err)
{
    char   copy[200];
    char  *rest = NULL;
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", text);
    for (char *part = strtok_r(copy, ":", &rest); part; part = strtok_r(NULL, ":", &rest), n++)
        if (n < 3 && (n ? ib_text_to_hertz(part, &out[n], err) : ib_text_to_real(part, &out[n], err)))
            return err->status;
    if (n != 3 || !(out[1] > 0 && out[2] > 0))
        return ib_fail(err, IB_EUSAGE,
                       "\"%s\" is not a spectral line PEAK:CENTRE:WIDTH, Jy and two positive frequencies", text);
    return IB_OK;
}

/* The number of a name in a list; the list must outlive the error. */
static ib_status one_of(const char *what, const char *text, const char *const *names, size_t n, double *out,
                        ib_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(names[i], text)) {
            *out = (double)i;
            return IB_OK;
        }
    return unknown(what, text, names, n, err);
}

static ib_status array_number(const char *text, double *out, ib_error *err)
{
    const char *names[32];
    size_t      n = 0;

    for (; n < 32 && ib_sim_array_at(n); n++)
        names[n] = ib_sim_array_at(n)->name;
    return one_of("array", text, names, n, out, err);
}

static ib_status set_value(request *req, const struct key *key, const char *text, ib_error *err)
{
    const size_t n = key->kind == LINE ? 3 : key->kind == PIXELS ? 2 : 1;
    double       value[3] = {0};
    int          yes = 0;
    ib_status    rc = IB_OK;

    switch (key->kind) {
    case REAL:
        rc = ib_text_to_real(text, value, err);
        break;
    case ANGLE:
        rc = ib_text_to_angle(text, value, err);
        break;
    case HERTZ:
        rc = ib_text_to_hertz(text, value, err);
        break;
    case COUNT:
        rc = whole(text, value, err);
        break;
    case PIXELS:
        rc = pixels(text, value, err);
        break;
    case LINE:
        rc = line(text, value, err);
        break;
    case YES_NO:
        rc = ib_text_to_bool(text, &yes, err);
        value[0] = yes;
        break;
    case ARRAY:
        rc = array_number(text, value, err);
        break;
    case BEAM:
        rc = one_of("beam", text, beams, N_BEAMS, value, err);
        break;
    case FRAME:
        rc = one_of("frame", text, frames, sizeof frames / sizeof *frames, value, err);
        break;
    case FEED:
        value[0] = !strcmp(text, "circular");
        if (!value[0] && strcmp(text, "linear"))
            rc = ib_fail(err, IB_EUSAGE, "\"%s\" is neither linear nor circular", text);
        break;
    }
    for (size_t i = 0; !rc && i < n; i++)
        if (!(value[i] >= key->lowest && value[i] <= key->highest))
            rc = ib_fail(err, IB_EUSAGE, "%s is not between %.12g and %.12g%s", text, key->lowest, key->highest,
                         key->kind == ANGLE   ? " rad"
                         : key->kind == HERTZ ? " Hz"
                                              : "");
    if (!rc)
        memcpy((char *)req + key->at, value, n * sizeof *value);
    return rc;
}

static ib_status set_key(request *req, char *item, ib_error *err)
{
    char *equals = strchr(item, '=');

    if (!equals)
        return ib_fail(err, IB_EUSAGE, "\"%s\" is not key=value", item);
    *equals = 0;
    for (size_t i = 0; i < N_KEYS; i++)
        if (!strcmp(keys[i].name, item)) {
            if (set_value(req, &keys[i], equals + 1, err))
                ib_within(err, "%s: ", item);
            return err->status;
        }

    const char *names[N_KEYS];
    for (size_t i = 0; i < N_KEYS; i++)
        names[i] = keys[i].name;
    return unknown("key", item, names, N_KEYS, err);
}

static ib_status set_preset(request *req, const char *name, ib_error *err)
{
    const char *names[N_PRESETS];

    for (size_t i = 0; i < N_PRESETS; i++) {
        const preset *p = &presets[i];

        names[i] = p->name;
        if (!strcmp(p->name, name)) {
            double array = 0;

            array_number(p->array, &array, err);
            *req = (request){.preset = p,
                             .array = array,
                             .time = 1,
                             .baseline = 1,
                             .channel = 1,
                             .image = 1,
                             .corr = (double)p->corr,
                             .sources = 4,
                             .seed = 1,
                             .radius = p->radius,
                             .beam = p->beam,
                             .spread = p->spread,
                             .pointings = (double)p->pointings,
                             .dwell = 1,
                             .spacing = 1,
                             .circular = p->circular,
                             .w = 1,
                             .cell = p->cell,
                             .ra = p->ra,
                             .dec = p->dec,
                             .freq = p->freq,
                             .width = p->width,
                             .hours = p->hours,
                             .fill = p->fill,
                             .flux = 1,
                             .noise = p->noise};
            return IB_OK;
        }
    }
    return unknown("preset", name, names, N_PRESETS, err);
}

static double scaled(int64_t whole_size, double factor, double given)
{
    return given > 0 ? given : fmax(1, round((double)whole_size * factor));
}

static const ib_sim_array *array_of(const request *req)
{
    return ib_sim_array_at((size_t)req->array);
}

/* The request complete: every size a number of things, everything consistent. */
static ib_status complete(request *req, ib_error *err)
{
    const preset *p = req->preset;
    const double  most = (double)array_of(req)->max_antenna;

    req->times = scaled(p->times, req->time, req->times);
    req->baselines = scaled(p->baselines, req->baseline, req->baselines);
    req->channels = scaled(p->channels, req->channel, req->channels);
    for (int axis = 0; axis < 2; axis++)
        req->imsize[axis] = scaled(p->imsize[axis], req->image, req->imsize[axis]);

    /* a pointing that no integration is left for is not there */
    req->pointings = fmin(req->pointings, ceil(req->times / req->dwell));

    if (req->baselines > most * (most - 1) / 2)
        return ib_fail(err, IB_EUSAGE, "baselines: %.0f are more than the %.0f of the %.0f antennas of %s",
                       req->baselines, most * (most - 1) / 2, most, array_of(req)->name);
    if (req->times * req->baselines > UINT32_MAX)
        return ib_fail(err, IB_EUSAGE, "%.0f times of %.0f baselines are more than 2^32 rows; use fewer times",
                       req->times, req->baselines);
    if (req->corr == 3)
        return ib_fail(err, IB_EUSAGE, "corr: 3 is not a set of correlations; use 1, 2 or 4");
    if (req->nan != 0 && req->flagged + req->flagged_rows + req->flagged_channels == 0)
        return ib_fail(err, IB_EUSAGE,
                       "nan: there are no flags to hide NaN under; give flagged, flagged_rows or "
                       "flagged_channels too");
    return IB_OK;
}

static ib_status parse(request *req, const char *path, ib_error *err)
{
    const char *text = *path ? path : IB_DEFAULT_INPUT;
    char        copy[1024];
    char       *rest = NULL;

    *err = (ib_error){0};
    if (strlen(text) >= sizeof copy)
        return ib_fail(err, IB_EUSAGE, "a simulation of %zu characters is too long; at most %zu", strlen(text),
                       sizeof copy - 1);
    strcpy(copy, text + strlen(PREFIX));

    char *item = strtok_r(copy, ",", &rest);
    if (set_preset(req, item ? item : "", err))
        return err->status;
    while ((item = strtok_r(NULL, ",", &rest)))
        if (set_key(req, item, err))
            break;
    if (!err->status)
        complete(req, err);
    return err->status ? ib_within(err, "%s: ", text) : IB_OK;
}

/* ---- the observation ---------------------------------------------------------------------------------------- */

/* One stream of random numbers for each purpose: the second half of the key. */
enum { NOISE, FLAGS, ROW_FLAGS, CHANNEL_FLAGS, HOLES, POSITIONS };

typedef struct sim {
    request ask;
    size_t  n_time, n_baseline, n_row, n_chan, n_corr, n_source, n_field;
    double (*separation)[3]; /* [n_baseline] m */
    int32_t (*antenna)[2];   /* [n_baseline] */
    double     *sigma;       /* [n_baseline] Jy per sample */
    uint8_t    *pair;        /* [n_baseline] baseline types, of `primary` */
    ib_primary *primary;     /* NULL: there is no primary beam */
    double (*axes)[3][3];    /* [n_time] directions of u, v, w */
    double   *time;          /* [n_time] s, MJD x 86400 */
    double   *factor;   /* [n_time] frequency in the frame of the sources over that of a channel; NULL: it is one */
    uint32_t *row;      /* [n_row] in the grid of times and baselines; NULL: all of it */
    int      *chan;     /* [n_chan] selected channels */
    double   *freq;     /* [n_chan] Hz */
    double   *spectrum; /* [n_chan] Jy of the first source at the phase centre; source k has 1/(k + 1) of it */
    ib_sim_source *source; /* [n_field][n_source] */
    int            corr[IB_MAX_CORR];
    float          polarised[IB_MAX_CORR][2]; /* response to source 0 beyond its Stokes I */
    bool           parallel[IB_MAX_CORR];     /* responds to Stokes I */
} sim;

static bool hit(const sim *s, int stream, uint32_t row, uint32_t sample, double fraction)
{
    const uint32_t key[2] = {(uint32_t)s->ask.seed, (uint32_t)stream};
    uint32_t       bits[1][2];

    if (fraction <= 0)
        return false;
    ib_sim_random(key, 1, &row, sample, bits);
    return (double)bits[0][0] < fraction * 0x1p32;
}

static void sim_close(void *self)
{
    sim *s = self;

    if (!s)
        return;
    ib_free(s->separation);
    ib_free(s->antenna);
    ib_free(s->sigma);
    ib_free(s->pair);
    ib_primary_destroy(s->primary);
    ib_free(s->axes);
    ib_free(s->time);
    ib_free(s->factor);
    ib_free(s->row);
    ib_free(s->chan);
    ib_free(s->freq);
    ib_free(s->spectrum);
    ib_free(s->source);
    ib_free(s);
}

/* The first baselines in the order (0,1), (0,2) .. (1,2) .. of the smallest array that has so many. */
static ib_status make_baselines(sim *s, ib_vis_info *info, ib_error *err)
{
    const ib_sim_array *array = array_of(&s->ask);
    size_t              n = 2, at = 0;

    while (n * (n - 1) / 2 < s->n_baseline)
        n++;
    double(*xyz)[3] = ib_alloc(n, sizeof *xyz, "antennas", err);
    s->separation = ib_alloc(s->n_baseline, sizeof *s->separation, "baselines", err);
    s->antenna = ib_alloc(s->n_baseline, sizeof *s->antenna, "baselines", err);
    s->sigma = ib_alloc(s->n_baseline, sizeof *s->sigma, "baselines", err);
    s->pair = ib_alloc_zero(s->n_baseline, sizeof *s->pair, "baselines", err);
    info->dish = ib_alloc(n, sizeof *info->dish, "antennas", err);
    if (!xyz || !s->separation || !s->antenna || !s->sigma || !s->pair || !info->dish) {
        ib_free(xyz);
        return err->status;
    }
    ib_sim_antennas(array, s->ask.radius, n, xyz);
    for (size_t a = 0; a < n; a++)
        info->dish[a] = ib_sim_dish(array, a);
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n && at < s->n_baseline; b++, at++) {
            s->antenna[at][0] = (int32_t)a;
            s->antenna[at][1] = (int32_t)b;
            for (int k = 0; k < 3; k++)
                s->separation[at][k] = xyz[a][k] - xyz[b][k];
            /* the noise of a pair of the largest dishes; smaller ones collect less */
            s->sigma[at] = s->ask.noise * (array->dish / info->dish[a]) * (array->dish / info->dish[b]);
        }
    info->n_antenna = n;
    ib_free(xyz);
    return IB_OK;
}

/* Field of an integration: they take turns. */
static size_t field_of(const sim *s, size_t time)
{
    return time / (size_t)s->ask.dwell % s->n_field;
}

/* The beams of the antennas, and the types of baselines. *widest: D of the dish with the narrowest beam, m. */
static ib_status make_beams(sim *s, const ib_vis_info *info, double *widest, ib_error *err)
{
    const ib_primary_recipe recipe = {.beam = beams[s->ask.beam != NO_BEAM ? (size_t)s->ask.beam : PHYSICAL],
                                      .truncate = s->ask.truncate != 0,
                                      .telescope = array_of(&s->ask)->telescope,
                                      .n_antenna = info->n_antenna,
                                      .diameter = info->dish};
    ib_primary             *primary;

    if (ib_primary_create(&primary, &recipe, err))
        return err->status;
    *widest = 0;
    for (int i = 0; i < primary->n_dish; i++)
        *widest = fmax(*widest, primary->dish[i].diameter);
    for (size_t i = 0; i < s->n_baseline; i++)
        s->pair[i] = (uint8_t)ib_primary_pair(primary->type[s->antenna[i][0]], primary->type[s->antenna[i][1]]);
    if (s->ask.beam != NO_BEAM)
        s->primary = primary;
    else
        ib_primary_destroy(primary);
    return IB_OK;
}

/* Pointings on a hexagonal grid around the phase centre of the image, which is the first: half the width of the primary
   beam at the first frequency apart, as Nyquist wants it. */
static ib_status make_fields(sim *s, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    const preset *p = s->ask.preset;
    const size_t  n = s->n_field;
    double        widest = 0;
    double(*offset)[2] = ib_alloc(n, sizeof *offset, "pointings", err);
    const char **name = ib_alloc(n, sizeof *name, "pointings", err);
    uint8_t     *selected = ib_alloc_zero(n, 1, "pointings", err);
    int         *id = ib_alloc(n, sizeof *id, "pointings", err);

    info->field = ib_alloc_zero(n, sizeof *info->field, "fields", err);
    if (!offset || !name || !selected || !id || !info->field || make_beams(s, info, &widest, err))
        goto done;
    info->n_field = n;
    const double spacing = s->ask.spacing * 0.51 * IB_LIGHT / s->ask.freq / widest;
    ib_sim_pointings(n, offset);
    for (size_t f = 0; f < n; f++) {
        ib_field *field = &info->field[f];
        double    l = spacing * offset[f][0], m = spacing * offset[f][1];

        if (l * l + m * m >= 1) {
            ib_fail(err, IB_EUSAGE,
                    "%zu pointings %s apart reach beyond the horizon; use fewer, or a smaller spacing", n,
                    ib_text_angle(spacing).s);
            goto done;
        }
        field->id = id[f] = (int)f;
        snprintf(field->name, sizeof field->name, n > 1 ? "%s-%zu" : "%s", p->field, f);
        field->ra = s->ask.ra;
        field->dec = s->ask.dec;
        if (f) /* the first one is there to the last bit */
            ib_sim_displace(s->ask.ra, s->ask.dec, l, m, &field->ra, &field->dec);
        name[f] = field->name;
    }
    if (!ib_select(cfg->field, "field", n, name, id, selected, err))
        for (size_t f = 0; f < n; f++)
            info->field[f].selected = selected[f];
done:
    ib_free(offset);
    ib_free(name);
    ib_free(selected);
    ib_free(id);
    return err->status;
}

/* Integrations spread evenly over the track, which is centred on a transit; each with the axes of its field. */
static ib_status make_times(sim *s, ib_vis_info *info, ib_error *err)
{
    const double longitude = array_of(&s->ask)->longitude;
    const double transit = ib_sim_transit(START, longitude, s->ask.ra);
    const double step = s->ask.hours * 3600 / (double)s->n_time;

    s->axes = ib_alloc(s->n_time, sizeof *s->axes, "times", err);
    s->time = ib_alloc(s->n_time, sizeof *s->time, "times", err);
    if (!s->axes || !s->time)
        return err->status;
    ib_frame_site(longitude, array_of(&s->ask)->latitude, info->site);
    if (s->ask.frame > 0) {
        s->factor = ib_alloc(s->n_time, sizeof *s->factor, "times", err);
        if (!s->factor)
            return err->status;
    }
    for (size_t t = 0; t < s->n_time; t++) {
        const double    time = transit + ((double)t + 0.5 - 0.5 * (double)s->n_time) * step;
        const ib_field *field = &info->field[field_of(s, t)];

        ib_sim_axes(ib_sim_sidereal(time, longitude) - field->ra, field->dec, s->axes[t]);
        s->time[t] = time;
        if (s->factor) {
            double factor[IB_N_FRAMES];
            if (ib_frame_factors(time, info->site, field->ra, field->dec, factor, err))
                return err->status;
            s->factor[t] = factor[IB_FRAME_TOPO + (int)s->ask.frame];
        }
    }
    info->time_first = s->time[0];
    info->time_last = s->time[s->n_time - 1];
    info->has_time = true;
    return IB_OK;
}

/* Rows that are there and of a selected field. The first one is never a hole: an observation without a row is none. */
static ib_status make_rows(sim *s, const ib_vis_info *info, ib_error *err)
{
    const size_t n = s->n_time * s->n_baseline;
    bool         all = s->ask.fill >= 1;

    for (size_t f = 0; f < s->n_field; f++)
        all = all && info->field[f].selected;
    s->n_row = n;
    if (all)
        return IB_OK;
    s->row = ib_alloc(n, sizeof *s->row, "rows", err);
    if (!s->row)
        return err->status;
    s->n_row = 0;
    for (size_t t = 0; t < s->n_time; t++) {
        const size_t first = t * s->n_baseline;

        if (!info->field[field_of(s, t)].selected)
            continue;
        for (size_t row = first; row < first + s->n_baseline; row++)
            if (row == 0 || s->ask.fill >= 1 || hit(s, HOLES, (uint32_t)row, 0, s->ask.fill))
                s->row[s->n_row++] = (uint32_t)row;
    }
    return s->n_row ? IB_OK : ib_fail(err, IB_EDATA, "the selected fields have no rows; use more times or fill");
}

/* A source on a pixel centre of the image, as every field sees it. */
static ib_status place_source(sim *s, const ib_field *field, size_t number, const int64_t pixel[2], ib_error *err)
{
    const int64_t nx = (int64_t)s->ask.imsize[0], ny = (int64_t)s->ask.imsize[1];
    const double  l = -(double)(pixel[0] - nx / 2) * s->ask.cell, m = (double)(pixel[1] - ny / 2) * s->ask.cell;
    double        ra, dec;

    if (l * l + m * m >= 1)
        return ib_fail(
            err, IB_EUSAGE,
            "an image of %lld x %lld pixels of %s reaches beyond the horizon; use a smaller cell or imsize",
            (long long)nx, (long long)ny, ib_text_angle(s->ask.cell).s);
    ib_sim_displace(s->ask.ra, s->ask.dec, l, m, &ra, &dec);
    for (size_t f = 0; f < s->n_field; f++) {
        ib_sim_source *source = &s->source[f * s->n_source + number];

        *source = (ib_sim_source){.l = l, .m = m};
        if (f) /* the first field is where the image is */
            ib_sim_offset(field[f].ra, field[f].dec, ra, dec, &source->l, &source->m);
        const double r2 = source->l * source->l + source->m * source->m;
        source->n1 = s->ask.w != 0 ? -r2 / (1 + sqrt(fmax(0, 1 - r2))) : 0;
    }
    return IB_OK;
}

static ib_status make_sources(sim *s, const ib_vis_info *info, ib_error *err)
{
    const uint32_t key[2] = {(uint32_t)s->ask.seed, POSITIONS};
    int64_t(*pixel)[2] = ib_alloc(s->n_source, sizeof *pixel, "sources", err);

    s->source = ib_alloc(s->n_field * s->n_source, sizeof *s->source, "sources", err);
    if (pixel && s->source)
        ib_sim_source_pixels(key, s->n_source, (size_t)s->ask.imsize[0], (size_t)s->ask.imsize[1], s->ask.spread,
                             pixel);
    for (size_t i = 0; i < s->n_source && !err->status; i++)
        place_source(s, info->field, i, pixel[i], err);
    ib_free(pixel);
    return err->status;
}

/* Correlations of the feed, and what they make of a source with Stokes Q, U, V of these shares of its I. */
static void make_correlations(sim *s)
{
    static const int   linear[4] = {IB_XX, IB_XY, IB_YX, IB_YY}, circular[4] = {IB_RR, IB_RL, IB_LR, IB_LL};
    static const float q = 0.3f, u = -0.2f, v = 0.1f;
    const float        in_linear[4][2] = {{q, 0}, {u, v}, {u, -v}, {-q, 0}};
    const float        in_circular[4][2] = {{v, 0}, {q, u}, {q, -u}, {-v, 0}};
    const int         *all = s->ask.circular != 0 ? circular : linear;

    for (size_t c = 0; c < s->n_corr; c++) {
        const size_t of_four = s->n_corr == 2 ? 3 * c : c; /* the parallel hands only */

        s->corr[c] = all[of_four];
        s->parallel[c] = of_four == 0 || of_four == 3;
        for (int part = 0; part < 2; part++)
            s->polarised[c][part] = s->ask.circular != 0 ? in_circular[of_four][part] : in_linear[of_four][part];
    }
}

/* Jy of the first source: a power law and a Gaussian line. */
static double brightness(const request *ask, double freq)
{
    const double from_line = ask->line[2] > 0 ? (freq - ask->line[1]) / ask->line[2] : 0;

    return ask->flux * pow(freq / ask->freq, ask->index) + ask->line[0] * exp(-4 * log(2) * from_line * from_line);
}

/* Selected channels; the frequencies of the band descend on demand. */
static ib_status make_channels(sim *s, const ib_config *cfg, ib_spw *spw, ib_error *err)
{
    const size_t n = (size_t)s->ask.channels;
    uint8_t     *selected = ib_alloc_zero(n, 1, "channel selection", err);

    if (!selected)
        return err->status;
    if (ib_select(cfg->channels, "channel", n, NULL, NULL, selected, err)) {
        ib_within(err, "--channels: ");
        goto done;
    }
    for (size_t c = 0; c < n; c++)
        s->n_chan += selected[c] != 0;
    s->chan = ib_alloc(s->n_chan, sizeof *s->chan, "channels", err);
    s->freq = ib_alloc(s->n_chan, sizeof *s->freq, "channels", err);
    s->spectrum = ib_alloc(s->n_chan, sizeof *s->spectrum, "channels", err);
    spw->chan = ib_alloc(s->n_chan, sizeof *spw->chan, "channels", err);
    spw->freq = ib_alloc(s->n_chan, sizeof *spw->freq, "channels", err);
    spw->width = ib_alloc(s->n_chan, sizeof *spw->width, "channels", err);
    if (!s->chan || !s->freq || !s->spectrum || !spw->chan || !spw->freq || !spw->width)
        goto done;
    for (size_t c = 0, at = 0; c < n; c++) {
        if (!selected[c])
            continue;
        s->chan[at] = spw->chan[at] = (int)c;
        s->freq[at] = spw->freq[at] = s->ask.freq + (double)(s->ask.descending != 0 ? n - 1 - c : c) * s->ask.width;
        s->spectrum[at] = brightness(&s->ask, s->freq[at]);
        spw->width[at] = s->ask.width;
        at++;
    }
done:
    ib_free(selected);
    return err->status;
}

static ib_status describe(const sim *s, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    const preset *p = s->ask.preset;
    ib_spw       *spw = info->spw;
    uint8_t       selected = 0;

    snprintf(spw->name, sizeof spw->name, "%s", p->name);
    spw->n_row = s->n_row;
    spw->n_chan = s->n_chan;
    spw->n_corr = s->n_corr;
    memcpy(spw->corr, s->corr, sizeof spw->corr);

    if (ib_select(cfg->spw, "spectral window", 1, (const char *const[]){spw->name}, NULL, &selected, err))
        return err->status;

    snprintf(info->telescope, sizeof info->telescope, "%s", array_of(&s->ask)->telescope);
    snprintf(info->object, sizeof info->object, "%s", p->field);
    snprintf(info->observer, sizeof info->observer, "simulation");
    snprintf(info->frame, sizeof info->frame, "TOPOCENT");
    snprintf(info->radesys, sizeof info->radesys, "ICRS");
    info->rest_freq = p->rest;
    info->cell[0] = info->cell[1] = s->ask.cell;
    info->imsize[0] = (int64_t)s->ask.imsize[0];
    info->imsize[1] = (int64_t)s->ask.imsize[1];
    info->stokes = s->n_corr == 1 ? IB_PLANES_CORR : p->stokes;
    return IB_OK;
}

/* ---- the table of functions --------------------------------------------------------------------------------- */

static int sim_probe(const char *path)
{
    return !*path || !strncmp(path, PREFIX, strlen(PREFIX)) ? 100 : 0;
}

static ib_status sim_open(void **self, const char *path, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    request ask;
    sim    *s = NULL;

    *info = (ib_vis_info){0};
    if (parse(&ask, path, err))
        return err->status;
    if (*cfg->column)
        return ib_fail(err, IB_EUSAGE, "column %s: a simulation has no columns to choose from; leave --column out",
                       cfg->column);
    s = ib_alloc_zero(1, sizeof *s, "simulation", err);
    info->spw = ib_alloc_zero(1, sizeof *info->spw, "spectral windows", err);
    if (!s || !info->spw)
        goto failed;
    info->n_spw = 1;
    s->ask = ask;
    s->n_time = (size_t)ask.times;
    s->n_baseline = (size_t)ask.baselines;
    s->n_corr = (size_t)ask.corr;
    s->n_source = (size_t)ask.sources;
    s->n_field = (size_t)ask.pointings;
    make_correlations(s);
    if (make_baselines(s, info, err) || make_fields(s, cfg, info, err) || make_times(s, info, err) ||
        make_rows(s, info, err) || make_sources(s, info, err) || make_channels(s, cfg, info->spw, err) ||
        describe(s, cfg, info, err))
        goto failed;
    *self = s;
    return IB_OK;
failed:
    sim_close(s);
    ib_vis_info_clear(info);
    return err->status;
}

/* Number of a row in the full grid of times and baselines, and its coordinates. */
static uint32_t locate(const sim *s, size_t row, double uvw[3])
{
    const uint32_t in_grid = s->row ? s->row[row] : (uint32_t)row;
    const uint32_t n = (uint32_t)s->n_baseline, time = in_grid / n;

    ib_sim_uvw((const double(*)[3])s->axes[time], s->separation[in_grid - time * n], uvw);
    if (s->ask.w == 0)
        uvw[2] = 0;
    return in_grid;
}

static ib_status sim_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    const sim *s = self;

    (void)spw; /* there is one, and nothing can fail */
    (void)err;
    for (size_t i = 0; i < rows.n; i++) {
        double         uvw[3];
        const uint32_t row = locate(s, rows.first + i, uvw);
        const double   sigma = s->sigma[row % s->n_baseline];

        if (into->uvw)
            memcpy(into->uvw[i], uvw, sizeof uvw);
        if (into->antenna)
            memcpy(into->antenna[i], s->antenna[row % s->n_baseline], sizeof into->antenna[i]);
        if (into->field)
            into->field[i] = (int32_t)field_of(s, row / s->n_baseline);
        if (into->time)
            into->time[i] = s->time[row / s->n_baseline];
        for (size_t c = 0; into->weight && c < s->n_corr; c++)
            into->weight[i * s->n_corr + c] = sigma > 0 ? (float)(1 / (sigma * sigma)) : 1;
    }
    return IB_OK;
}

/* A tile of rows of one field and what one channel of it is made from. */
typedef struct work {
    ib_sim_tile rows;
    size_t      field;
    bool        row_flag[IB_SIM_TILE];
    uint8_t     pair[IB_SIM_TILE]; /* baseline types */
    float       sigma[IB_SIM_TILE];
    float       bright[IB_SIM_TILE]; /* Jy of source 0, if that drifts */
    float       flux[IB_SIM_TILE];   /* of a source as a row sees it */
    float       sky[2][IB_SIM_TILE], first[2][IB_SIM_TILE], noise[2][IB_SIM_TILE]; /* all sources, source 0 */
} work;

/* As many of n rows as are of the field of the first. */
static void begin_rows(const sim *s, size_t first, size_t n, work *w)
{
    w->rows.n = 0;
    for (size_t i = 0; i < n; i++) {
        double         uvw[3];
        const uint32_t row = locate(s, first + i, uvw);
        const size_t   field = field_of(s, row / s->n_baseline);

        if (i && field != w->field)
            return;
        w->field = field;
        w->rows.row[i] = row;
        w->rows.u[i] = uvw[0];
        w->rows.v[i] = uvw[1];
        w->rows.w[i] = uvw[2];
        w->pair[i] = s->pair[row % s->n_baseline];
        w->sigma[i] = (float)s->sigma[row % s->n_baseline];
        w->row_flag[i] = hit(s, ROW_FLAGS, row, 0, s->ask.flagged_rows);
        w->rows.n++;
    }
}

/* Flux of a source at one channel, through the beams of each row. */
static void attenuate(const sim *s, size_t chan, size_t number, const ib_sim_source *source, work *w)
{
    const double freq = s->freq[chan], flux = (s->factor ? 1 : s->spectrum[chan]) / (double)(number + 1);
    const double theta = hypot(source->l, source->m);
    const int    n_pair = s->primary ? s->primary->n_pair : 1;
    float        seen[IB_MAX_DISHES * (IB_MAX_DISHES + 1) / 2];

    for (int p = 0; p < n_pair; p++)
        seen[p] = (float)(s->primary ? flux * ib_primary_beam(s->primary, p, theta, freq) : flux);
    for (size_t i = 0; i < w->rows.n; i++)
        w->flux[i] = seen[s->primary ? w->pair[i] : 0] * (s->factor ? w->bright[i] : 1);
}

/* Responses to the sky at one channel. Source 0 is kept apart only when it alone is polarised. */
static void predict(const sim *s, size_t chan, work *w)
{
    memset(w->sky, 0, sizeof w->sky);
    memset(w->first, 0, sizeof w->first);
    for (size_t i = 0, before = SIZE_MAX; s->factor && i < w->rows.n; i++) {
        const size_t time = w->rows.row[i] / s->n_baseline;
        w->bright[i] =
            time == before ? w->bright[i - 1] : (float)brightness(&s->ask, s->factor[time] * s->freq[chan]);
        before = time;
    }
    for (size_t i = 0; i < s->n_source; i++) {
        const ib_sim_source *source = &s->source[w->field * s->n_source + i];

        attenuate(s, chan, i, source, w);
        ib_sim_add_source(&w->rows, source, s->freq[chan], w->flux, w->sky[0], w->sky[1]);
        if (i == 0 && s->ask.polarised != 0)
            ib_sim_add_source(&w->rows, source, s->freq[chan], w->flux, w->first[0], w->first[1]);
    }
}

/* One correlation of one channel into vis [row][corr]. */
static void put_samples(const sim *s, size_t chan, size_t corr, work *w, float (*vis)[2])
{
    const uint32_t key[2] = {(uint32_t)s->ask.seed, NOISE};
    const uint32_t sample = (uint32_t)s->chan[chan] * IB_MAX_CORR + (uint32_t)corr;
    const float    sky = s->parallel[corr] ? 1 : 0;
    const float    re = s->polarised[corr][0], im = s->polarised[corr][1];
    const size_t   n = w->rows.n, n_corr = s->n_corr;

    if (s->ask.noise > 0)
        ib_sim_gaussians(key, n, w->rows.row, sample, w->noise[0], w->noise[1]);
    else
        memset(w->noise, 0, sizeof w->noise);
    for (size_t i = 0; i < n; i++) {
        float *v = vis[i * n_corr + corr];

        v[0] = sky * w->sky[0][i] + w->sigma[i] * w->noise[0][i];
        v[1] = sky * w->sky[1][i] + w->sigma[i] * w->noise[1][i];
    }
    for (size_t i = 0; i < n && s->ask.polarised != 0; i++) {
        float *v = vis[i * n_corr + corr];

        v[0] += re * w->first[0][i] - im * w->first[1][i];
        v[1] += re * w->first[1][i] + im * w->first[0][i];
    }
}

/* Flags of one channel [row][corr], and the values that must not matter beneath them. */
static void put_flags(const sim *s, size_t chan, const work *w, uint8_t *flag, float (*vis)[2])
{
    const bool whole = hit(s, CHANNEL_FLAGS, 0, (uint32_t)s->chan[chan], s->ask.flagged_channels);

    for (size_t i = 0; i < w->rows.n; i++)
        for (size_t c = 0; c < s->n_corr; c++) {
            const size_t   at = i * s->n_corr + c;
            const uint32_t sample = (uint32_t)s->chan[chan] * IB_MAX_CORR + (uint32_t)c;
            const bool     bad = whole || w->row_flag[i] || hit(s, FLAGS, w->rows.row[i], sample, s->ask.flagged);

            if (flag)
                flag[at] = bad;
            if (vis && bad && s->ask.nan != 0)
                vis[at][0] = vis[at][1] = (w->rows.row[i] + c) % 2 ? 1e30f : NAN;
        }
}

static ib_status sim_read(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                          ib_error *err)
{
    const sim *s = self;
    const bool any_flag = s->ask.flagged + s->ask.flagged_rows + s->ask.flagged_channels > 0;
    work       w;

    (void)spw; /* there is one, and nothing can fail */
    (void)err;
    for (size_t first = 0; first < rows.n; first += w.rows.n) {
        begin_rows(s, rows.first + first, rows.n - first < IB_SIM_TILE ? rows.n - first : IB_SIM_TILE, &w);
        for (size_t c = 0; c < chans.n; c++) {
            const size_t at = (c * rows.n + first) * s->n_corr, chan = chans.first + c;

            if (into->vis) {
                predict(s, chan, &w);
                for (size_t corr = 0; corr < s->n_corr; corr++)
                    put_samples(s, chan, corr, &w, into->vis + at);
            }
            if (any_flag)
                put_flags(s, chan, &w, into->flag ? into->flag + at : NULL, into->vis ? into->vis + at : NULL);
            else if (into->flag)
                memset(into->flag + at, 0, w.rows.n * s->n_corr);
        }
    }
    return IB_OK;
}

const ib_source_ops ib_source_sim = {
    .name = "sim",
    .help = "sim:PRESET[,key=value...]: visibilities made as they are read; presets point, chiles, aca-9eb, aca-141, "
            "alma-std, alma-mos, ngc6334i, ngc6334i-heavy, hetero and wide; keys scale and change them "
            "(sim:chiles,channel=0.01,noise=0)",
    .probe = sim_probe,
    .open = sim_open,
    .rows = sim_rows,
    .read = sim_read,
    .concurrent = true,
    .close = sim_close,
};
