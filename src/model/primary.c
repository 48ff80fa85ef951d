/* SPDX-License-Identifier: BSD-3-Clause */
#define _XOPEN_SOURCE 700 /* j1 */
#include "model/primary.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/pixels.h"
#include "model/vis.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEG    (IB_PI / 180)
#define ARCMIN (DEG / 60)

enum { PHYSICAL, CASA, AIRY, GAUSSIAN, TABLE };

enum { INTERVALS = 1024 }; /* of E^2 out to the radius: x = 10 pi / 1024 each */
#define RADIUS     10.0    /* c / (nu D) */
#define WIDTH      1.02    /* c / (nu D): half power of an aperture */
#define UNKNOWN    0       /* diameter */
#define CLOSE      0.5     /* m: dishes this near to a preset's are its */
#define NEGLIGIBLE 1e-4    /* of a kernel's peak */

static const char *const models[] = {
    [PHYSICAL] = "physical", [CASA] = "casa", [AIRY] = "airy", [GAUSSIAN] = "gaussian"};

/* Diameters and truncation as in CASA (imaging-spec 4.2). */
static const struct {
    const char *telescope[4];
    double      dish, diameter, blockage, limit; /* m; rad Hz */
} presets[] = {
    {{"ALMA"}, 12, 10.7, 0.75, 1.784 * DEG * 1e9},
    {{"ACA", "ALMA"}, 7, 6.25, 0.75, 3.568 * DEG * 1e9},
    {{"EVLA", "VLA", "JVLA"}, 25, 25, 2.36, 0.8564 * DEG * 1e9},
};

enum { N_PRESETS = sizeof presets / sizeof *presets };

/* A at angles and frequencies. */
struct ib_primary_table {
    size_t  n_freq, n;   /* columns, angles */
    double *freq;        /* [n_freq] Hz */
    double *theta, **at; /* [n] rad; [n_freq][n] */
};

/* ---- tables of users --------------------------------------------------------------------------------------------- */

static void table_destroy(struct ib_primary_table *t)
{
    if (!t)
        return;
    for (size_t f = 0; t->at && f < t->n_freq; f++)
        ib_free(t->at[f]);
    ib_free(t->at);
    ib_free(t->freq);
    ib_free(t->theta);
    ib_free(t);
}

/* The numbers of a line, at most `room`. @return how many; -1: something is none. */
static int numbers(const char *line, double *out, int room)
{
    int n = 0;

    for (char *end; n < room; n++, line = end) {
        line += strspn(line, " \t,");
        out[n] = strtod(line, &end);
        if (end == line || !isfinite(out[n]))
            break;
    }
    return line[strspn(line, " \t\r\n,")] ? -1 : n;
}

enum { MAX_ANGLES = 100000, MAX_FREQS = 256 };

/* Called with line numbers from 1 for lines that hold something. */
static ib_status take_line(struct ib_primary_table *t, const double *x, int n, ib_error *err)
{
    if (!t->n_freq) {
        if (n < 1)
            return ib_fail(err, IB_EDATA, "frequencies in GHz are expected");
        for (int f = 0; f < n; f++) {
            if (!(x[f] > 0) || (f && !(x[f] > x[f - 1])))
                return ib_fail(err, IB_EDATA, "frequencies are to be positive and to rise");
            t->freq[f] = x[f] * 1e9;
        }
        t->n_freq = (size_t)n;
        t->at = ib_alloc_zero(t->n_freq, sizeof *t->at, "beam table", err);
        for (int f = 0; t->at && f < n; f++)
            if (!(t->at[f] = ib_alloc(MAX_ANGLES, sizeof **t->at, "beam table", err)))
                return err->status;
        return t->at ? IB_OK : err->status;
    }
    if (n != (int)t->n_freq + 1)
        return ib_fail(err, IB_EDATA, "an angle and %zu amplitudes are expected", t->n_freq);
    if (t->n == MAX_ANGLES)
        return ib_fail(err, IB_EDATA, "more than %d angles", MAX_ANGLES);
    t->theta[t->n] = x[0] * ARCMIN;
    if (t->n ? !(t->theta[t->n] > t->theta[t->n - 1]) : x[0] < 0 || x[0] > 0)
        return ib_fail(err, IB_EDATA, "angles are to rise from 0");
    for (size_t f = 0; f < t->n_freq; f++) {
        t->at[f][t->n] = x[f + 1];
        if (!t->n && !(fabs(x[f + 1] - 1) < 1e-6))
            return ib_fail(err, IB_EDATA, "the amplitude at angle 0 is to be 1");
    }
    t->n++;
    return IB_OK;
}

static ib_status table_read(struct ib_primary_table **out, const char *path, ib_error *err)
{
    ib_status                rc = IB_OK;
    struct ib_primary_table *t = NULL;
    char                    *text = NULL;
    size_t                   room = 0, line = 0;
    double                   x[MAX_FREQS + 2];
    FILE                    *file = fopen(path, "r");

    if (!file)
        return ib_fail(err, errno == ENOENT ? IB_EUSAGE : IB_EIO,
                       "--beam %s: %s; give physical, casa, airy, gaussian, or a file with a table", path,
                       strerror(errno));
    t = ib_alloc_zero(1, sizeof *t, "beam table", err);
    if (!t || !(t->freq = ib_alloc(MAX_FREQS + 2, sizeof *t->freq, "beam table", err)) ||
        !(t->theta = ib_alloc(MAX_ANGLES, sizeof *t->theta, "beam table", err))) {
        rc = err->status;
        goto done;
    }
    while (!rc && getline(&text, &room, file) > 0) {
        line++;
        text[strcspn(text, "#")] = '\0';
        if (!text[strspn(text, " \t\r\n")])
            continue;
        const int n = numbers(text, x, MAX_FREQS + 2);
        rc = n < 0 || n > MAX_FREQS + 1 ? ib_fail(err, IB_EDATA, "numbers are expected, at most %d", MAX_FREQS)
                                        : take_line(t, x, n, err);
        if (rc)
            ib_within(err, "beam table %s, line %zu: ", path, line);
    }
    if (!rc && ferror(file))
        rc = ib_fail(err, IB_EIO, "read %s: %s", path, strerror(errno));
    if (!rc && t->n < 4)
        rc = ib_fail(err, IB_EDATA,
                     "beam table %s: a line of frequencies in GHz and at least 4 of angles are expected", path);
    if (!rc) {
        *out = t;
        t = NULL;
    }
done:
    table_destroy(t);
    free(text);
    fclose(file);
    return rc;
}

/* The cubic through the four nearest angles; a beam is even: the angle before 0 is the one after it. */
static double column(const struct ib_primary_table *t, const double *a, double theta)
{
    size_t low = 0, high = t->n - 1;

    if (!(theta <= t->theta[high]))
        return 0;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        *(t->theta[middle] <= theta ? &low : &high) = middle;
    }
    double    x[4], y[4], sum = 0;
    const int first = low + 2 < t->n ? (int)low - 1 : (int)t->n - 4;
    for (int i = 0; i < 4; i++) {
        const int k = first + i;
        x[i] = k < 0 ? -t->theta[-k] : t->theta[k];
        y[i] = a[k < 0 ? -k : k];
    }
    for (int i = 0; i < 4; i++) {
        double term = y[i];
        for (int j = 0; j < 4; j++)
            if (j != i)
                term *= (theta - x[j]) / (x[i] - x[j]);
        sum += term;
    }
    return sum;
}

static double look_up(const struct ib_primary_table *t, double theta, double freq)
{
    size_t f = 0;

    while (f + 2 < t->n_freq && freq > t->freq[f + 1])
        f++;
    const double low = column(t, t->at[f], theta * freq / t->freq[f]);
    if (t->n_freq == 1 || freq <= t->freq[f])
        return low;
    const double high = column(t, t->at[f + 1], theta * freq / t->freq[f + 1]);
    const double part = fmin(1, (freq - t->freq[f]) / (t->freq[f + 1] - t->freq[f]));
    return low + part * (high - low);
}

/* ---- patterns ---------------------------------------------------------------------------------------------------- */

static double jinc(double x)
{
    return fabs(x) < 1e-4 ? 1 - x * x / 8 : 2 * j1(x) / x;
}

double ib_primary_voltage(const ib_primary *p, int type, double theta, double freq)
{
    const ib_dish *d = &p->dish[type];
    const double   x = IB_PI * d->diameter * freq / IB_LIGHT * theta, q = d->diameter / d->blockage;

    if (fabs(theta * freq) > d->limit)
        return 0;
    if (p->model == TABLE)
        return look_up(p->table, fabs(theta), freq);
    if (p->model == GAUSSIAN)
        return exp(-2 * log(2) * pow(x / (IB_PI * WIDTH), 2));
    if (p->model == AIRY || !(d->blockage > 0))
        return jinc(x);
    return (q * q * jinc(x) - jinc(p->model == CASA ? x * q : x / q)) / (q * q - 1);
}

void ib_primary_types(int pair, int *a, int *b)
{
    for (*b = 0; (*b + 1) * (*b + 2) / 2 <= pair; ++*b)
        ;
    *a = pair - ib_primary_pair(0, *b);
}

double ib_primary_beam(const ib_primary *p, int pair, double theta, double freq)
{
    int a, b;

    ib_primary_types(pair, &a, &b);
    const double one = ib_primary_voltage(p, a, theta, freq);
    return a == b ? one * one : one * ib_primary_voltage(p, b, theta, freq);
}

/* 10 c / D, rad Hz. */
static double radius(const ib_primary *p, int pair)
{
    int a, b;

    ib_primary_types(pair, &a, &b);
    return RADIUS * IB_LIGHT / fmin(p->dish[a].diameter, p->dish[b].diameter);
}

double ib_primary_radius(const ib_primary *p, int pair, double freq)
{
    return radius(p, pair) / freq;
}

double ib_primary_reach(const ib_primary *p, int pair)
{
    int a, b;

    ib_primary_types(pair, &a, &b);
    const double da = p->dish[a].diameter, db = p->dish[b].diameter;
    if (p->model == GAUSSIAN) /* exp(-k theta^2) has the transform exp(-pi^2 s^2 / k) */
        return sqrt(log(1 / NEGLIGIBLE) * 2 * log(2) * (da * da + db * db)) / (WIDTH * IB_PI);
    return (da + db) / 2;
}

bool ib_primary_smooth(const ib_primary *p)
{
    bool smooth = p->model != CASA && p->model != TABLE;

    for (int i = 0; i < p->n_dish; i++)
        smooth = smooth && p->dish[i].limit >= INFINITY;
    return smooth;
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

static bool has_name(const char *const *list, int n, const char *name)
{
    for (int i = 0; i < n && list[i]; i++)
        if (!strcmp(list[i], name))
            return true;
    return false;
}

/* Of one antenna, before what the model makes of it. */
static ib_status find_dish(ib_dish *out, const ib_primary_recipe *r, size_t antenna, ib_error *err)
{
    const char *telescope = r->telescope ? r->telescope : "";
    double      diameter = r->n_antenna ? r->diameter[antenna] : UNKNOWN;

    if (r->dish > 0) {
        *out = (ib_dish){r->dish, r->blockage, INFINITY};
        return IB_OK;
    }
    for (int i = 0; i < N_PRESETS && !(diameter > UNKNOWN); i++)
        if (has_name(presets[i].telescope, 4, telescope))
            diameter = presets[i].dish;
    if (!(diameter > UNKNOWN))
        return ib_fail(err, IB_EDATA, "antenna %zu of %s has no diameter, which its beam depends on; give --dish",
                       antenna, *telescope ? telescope : "an unknown telescope");
    *out = (ib_dish){diameter, 0, INFINITY};
    for (int i = 0; i < N_PRESETS; i++)
        if (fabs(diameter - presets[i].dish) <= CLOSE &&
            (!*telescope || has_name(presets[i].telescope, 4, telescope)))
            *out = (ib_dish){presets[i].diameter, presets[i].blockage, r->truncate ? presets[i].limit : INFINITY};
    return IB_OK;
}

/* With a table there is one type: only its size, that of the largest dish, matters, for the reach of its kernel. */
static ib_status find_types(ib_primary *p, const ib_primary_recipe *r, ib_error *err)
{
    for (size_t i = 0; i < (r->n_antenna ? r->n_antenna : 1); i++) {
        ib_dish d;
        int     k = 0;
        if (find_dish(&d, r, i, err))
            return err->status;
        while (k < p->n_dish && p->model != TABLE &&
               (fabs(p->dish[k].diameter - d.diameter) > 0 || fabs(p->dish[k].blockage - d.blockage) > 0))
            k++;
        if (k == IB_MAX_DISHES)
            return ib_fail(err, IB_EDATA, "antennas of more than %d different diameters; give --dish", IB_MAX_DISHES);
        if (k == p->n_dish) {
            p->n_dish++;
            p->dish[k] = d;
        } else if (d.diameter > p->dish[k].diameter)
            p->dish[k] = d;
        if (r->n_antenna)
            p->type[i] = (uint8_t)k;
    }
    p->n_pair = p->n_dish * (p->n_dish + 1) / 2;
    return IB_OK;
}

/* E^2 as cubics through four points of each interval. Truncation is left to the loop: a step is no cubic. */
static void tabulate(ib_primary *p, int pair, double freq)
{
    ib_primary whole = *p;
    float     *out = p->square + (size_t)pair * INTERVALS * 4;

    for (int i = 0; i < IB_MAX_DISHES; i++)
        whole.dish[i].limit = INFINITY;
    for (int k = 0; k < INTERVALS; k++) {
        double y[4];
        for (int i = 0; i < 4; i++) {
            const double e = ib_primary_beam(&whole, pair, (k + i / 3.0) / INTERVALS * radius(p, pair) / freq, freq);
            y[i] = e * e;
        }
        out[4 * k] = (float)y[0];
        out[4 * k + 1] = (float)((-11 * y[0] + 18 * y[1] - 9 * y[2] + 2 * y[3]) / 2);
        out[4 * k + 2] = (float)((18 * y[0] - 45 * y[1] + 36 * y[2] - 9 * y[3]) / 2);
        out[4 * k + 3] = (float)((-9 * y[0] + 27 * y[1] - 27 * y[2] + 9 * y[3]) / 2);
    }
}

ib_status ib_primary_create(ib_primary **out, const ib_primary_recipe *r, ib_error *err)
{
    ib_primary *p = ib_alloc_zero(1, sizeof *p, "beams", err);
    ib_status   rc = p ? IB_OK : err->status;

    while (p && p->model < TABLE && strcmp(r->beam, models[p->model]) != 0)
        p->model++;
    if (!rc && p->model == TABLE)
        rc = table_read(&p->table, r->beam, err);
    if (!rc && r->blockage > 0 && !(r->dish > 0))
        rc = ib_fail(err, IB_EUSAGE, "--blockage: it goes with --dish; give both");
    if (!rc && r->blockage > 0 && p->model > CASA)
        rc = ib_fail(err, IB_EUSAGE, "--blockage %g: --beam %.80s has none; leave it out, or give physical or casa",
                     r->blockage, r->beam);
    if (!rc && r->truncate && r->dish > 0)
        rc = ib_fail(
            err, IB_EUSAGE,
            "--beam-truncate: only the beams of known telescopes are cut off, not those of --dish; leave out one of them");
    if (!rc && r->dish > 0 && !(r->blockage >= 0 && r->blockage < r->dish))
        rc = ib_fail(err, IB_EUSAGE, "--dish: a blockage of %g m does not fit a dish of %g m", r->blockage, r->dish);
    if (!rc && !(p->type = ib_alloc_zero(r->n_antenna + 1, sizeof *p->type, "beams", err)))
        rc = err->status;
    if (!rc) {
        p->n_antenna = r->n_antenna;
        rc = find_types(p, r, err);
    }
    if (!rc && p->model == TABLE && p->table->n_freq == 1)
        p->dish[0].limit = p->table->theta[p->table->n - 1] * p->table->freq[0];
    if (!rc &&
        (p->model != TABLE || p->table->n_freq == 1)) { /* else the width may change with frequency in any way */
        p->square = ib_alloc((size_t)p->n_pair * INTERVALS * 4, sizeof *p->square, "beams", err);
        rc = p->square ? IB_OK : err->status;
        for (int pair = 0; !rc && pair < p->n_pair; pair++)
            tabulate(p, pair, 1e9);
    }
    if (rc)
        ib_primary_destroy(p);
    else
        *out = p;
    return rc;
}

void ib_primary_destroy(ib_primary *p)
{
    if (!p)
        return;
    table_destroy(p->table);
    ib_free(p->type);
    ib_free(p->square);
    ib_free(p);
}

void ib_primary_add_squares(const ib_primary *p, int pair, double freq, double weight, double l, double step,
                            double m, size_t n, double *out)
{
    const double r = ib_primary_radius(p, pair, freq), half = sqrt(fmax(0, r * r - m * m)), last = (double)n - 1;
    const double one = (-half - l) / step, other = (half - l) / step;
    const double from = fmax(0, ceil(fmin(one, other))), to = fmin(last, floor(fmax(one, other)));
    int          a, b;

    if (!(from <= to))
        return;
    const size_t first = (size_t)from, count = (size_t)(to - from) + 1;
    if (!p->square) {
        for (size_t i = first; i < first + count; i++) {
            const double e = ib_primary_beam(p, pair, hypot(l + (double)i * step, m), freq);
            out[i] += weight * (e * e);
        }
        return;
    }
    ib_primary_types(pair, &a, &b);
    const double limit = fmin(p->dish[a].limit, p->dish[b].limit) / radius(p, pair);
    ib_pixel_loops_find()->radial(out + first, count, (const float(*)[4])p->square + (size_t)pair * INTERVALS, weight,
                                  INTERVALS / r, fmin(1, limit) * INTERVALS, l + from * step, step, m);
}
