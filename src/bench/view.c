/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/view.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/gnuplot.h"
#include "io/io.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MOST = 1200, ELLIPSE = 72 }; /* drawn pixels per side, corners of the beam */

/* The picture in its own pixels: the box of the plane and what is around it, the panel of the point spread function; titles
   and labels need room. */
enum {
    SIDE = 700,
    LEFT = 90,
    TOP = 70,
    BOTTOM = 65,
    BAR = 125,
    PANEL = 320,
    PANEL_LEFT = 65,
    LEAST = 700,
    ROOM = 350
};

/* clang-format off */
const ib_help_option ib_view_options[] = {
    {"output",  "FILE.png",            "",          "the picture (-o); default: the cube's name with .png"},
    {"channel", "N|FREQUENCY",         "",          "channel, counted from 0, or the one nearest to a frequency (1.42GHz); default: the middle one"},
    {"stokes",  "NAME|N",              "",          "plane of the channel by its name (I, XX) or counted from 0; default: the first"},
    {"plane",   "CHANNEL[,STOKES]",    "",          "both of them (-p)"},
    {"range",   "LOW,HIGH",            "",          "values at the ends of the colours, in the unit of the cube, or percentiles of the plane (1%,99.5%); default: its extremes"},
    {"scale",   "NAME",                "linear",    "colours proportional to values (linear), or to their inverse hyperbolic sine (asinh): linear in the noise, logarithmic above"},
    {"colour",  "NAME",                "cubehelix", "cubehelix, grey, negative, or diverging, which is white at zero"},
    {"zoom",    "SIDE[,EAST,NORTH]",   "",          "draw a square of this side around an offset from the centre (20arcsec,3arcsec,-8arcsec); default: all of the plane"},
    {"psf",     "yes|no|auto",         "auto",      "a panel with the point spread function, NAME.psf.hdf5 for NAME.hdf5; auto: if it is there"},
    {"pb",      "yes|no|auto",         "auto",      "contours of the primary beam, NAME.pb.hdf5, at 0.2 and 0.5; auto: if it is there"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* What is drawn, from the options and the files. */
typedef struct view {
    const char *value[IB_MAX_ARGUMENTS];
    const char *path;
    ib_picture *cube, *psf, *pb; /* NULL: not drawn */
    size_t      chan, stokes, window[4];
    ib_raster   image, spread, beam; /* of the three */
    double      low, high;           /* ends of the colours */
    bool        blank;               /* no pixel has a value */
    double      soft;                /* asinh(value / soft) is what is linear; 0: the value is */
} view;

static const char *option(const view *v, const char *name)
{
    return ib_argument(ib_view_options, v->value, name);
}

/* ---- which part of which plane --------------------------------------------------------------------------------- */

static ib_status choose_channel(view *v, const char *text, ib_error *err)
{
    const ib_picture *cube = v->cube;
    int64_t           number;
    double            freq;
    ib_error          ignored;

    v->chan = cube->n_chan / 2;
    if (!*text)
        return IB_OK;
    if (!ib_text_to_int(text, &number, &ignored)) {
        if (number < 0 || (uint64_t)number >= cube->n_chan)
            return ib_fail(err, IB_EUSAGE,
                           "there is no channel %s in this plane of the cube; it has %zu, counted from 0", text,
                           cube->n_chan);
        v->chan = (size_t)number;
        return IB_OK;
    }
    if (ib_text_to_hertz(text, &freq, err))
        return ib_fail(err, IB_EUSAGE, "channel \"%s\" is neither a number nor a frequency (1.42GHz)", text);
    for (size_t i = 0; i < cube->n_chan; i++)
        if (fabs(cube->freq[i] - freq) < fabs(cube->freq[v->chan] - freq))
            v->chan = i;
    return IB_OK;
}

static ib_status choose_stokes(view *v, const char *text, ib_error *err)
{
    char   names[64] = "";
    size_t used = 0;

    for (size_t i = 0; i < v->cube->n_stokes && used < sizeof names; i++) {
        const char *name = ib_picture_stokes(v->cube, i);
        char        number[24];

        snprintf(number, sizeof number, "%zu", i);
        if (!*text || !strcasecmp(text, name) || !strcmp(text, number)) {
            v->stokes = i;
            return IB_OK;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", name);
    }
    return ib_fail(err, IB_EUSAGE, "there is no Stokes plane %s; the cube has %s", text, names);
}

static ib_status choose_plane(view *v, ib_error *err)
{
    const char *both = option(v, "plane"), *comma = strchr(both, ',');
    char        chan[40];

    if (*both && (*option(v, "channel") || *option(v, "stokes")))
        return ib_fail(err, IB_EUSAGE, "--plane says what --channel and --stokes say; give either");
    snprintf(chan, sizeof chan, "%.*s", (int)strcspn(both, ","), both);
    if (choose_channel(v, *both ? chan : option(v, "channel"), err))
        return err->status;
    return choose_stokes(v, *both ? (comma ? comma + 1 : "") : option(v, "stokes"), err);
}

/* First pixel and number of pixels of one axis within half of a side around an offset that grows with the index. */
static ib_status cut(double centre, double cell, double side, double offset, size_t n, size_t *first, size_t *count,
                     ib_error *err)
{
    const double low = fmax(0, ceil(centre + (offset - 0.5 * side) / cell - 0.5));
    const double high = fmin((double)n - 1, floor(centre + (offset + 0.5 * side) / cell + 0.5));

    if (!(high >= low))
        return ib_fail(err, IB_EUSAGE, "--zoom: nothing of the image is there");
    *first = (size_t)low;
    *count = (size_t)(high - low) + 1;
    if (*count == 1 && n > 1) { /* gnuplot's images have two pixels at least */
        *first -= *first + 1 == n;
        *count = 2;
    }
    return IB_OK;
}

static ib_status choose_window(view *v, ib_error *err)
{
    const ib_picture *c = v->cube;
    const char       *text = option(v, "zoom");
    char              word[3][24];
    double            zoom[3] = {0};

    v->window[2] = c->nx;
    v->window[3] = c->ny;
    if (!*text)
        return IB_OK;
    const size_t n = ib_words(text, word, 3, err);
    for (size_t i = 0; i < n && !err->status; i++)
        ib_text_to_angle(word[i], &zoom[i], err);
    if (!err->status && (n == 2 || !(zoom[0] > 0)))
        ib_fail(err, IB_EUSAGE, "\"%s\" is not SIDE or SIDE,EAST,NORTH with a side above 0", text);
    if (err->status)
        return ib_within(err, "--zoom: ");
    if (cut(c->centre[0], c->cell[0], zoom[0], -zoom[1], c->nx, &v->window[0], &v->window[2], err))
        return err->status;
    return cut(c->centre[1], c->cell[1], zoom[0], zoom[2], c->ny, &v->window[1], &v->window[3], err);
}

/* The product of this suffix beside the cube: "x.hdf5" -> "x.psf.hdf5". NULL when it is not wanted or, with auto, not there. */
static ib_status open_beside(const view *v, const char *product, ib_picture **out, ib_error *err)
{
    const char *want = option(v, product), *dot = strrchr(v->path, '.');
    char        path[1100];

    if (strcmp(want, "yes") && strcmp(want, "no") && strcmp(want, "auto"))
        return ib_fail(err, IB_EUSAGE, "--%s: \"%s\" is none of yes, no, auto", product, want);
    if (!dot || strchr(dot, '/'))
        dot = v->path + strlen(v->path);
    snprintf(path, sizeof path, "%.*s.%s%s", (int)(dot - v->path), v->path, product, dot);
    if (!strcmp(want, "no") || (!strcmp(want, "auto") && access(path, R_OK)))
        return IB_OK;
    if (ib_picture_open(out, path, err))
        return err->status;
    if ((*out)->nx != v->cube->nx || (*out)->ny != v->cube->ny)
        return ib_fail(err, IB_EDATA,
                       "%s has planes of %zu x %zu pixels, the cube of %zu x %zu; --%s no leaves it out", path,
                       (*out)->nx, (*out)->ny, v->cube->nx, v->cube->ny, product);
    return IB_OK;
}

/* The plane of another product that belongs to the one drawn. */
static ib_status read_beside(const view *v, const ib_picture *other, const size_t window[4], ib_raster *out,
                             ib_error *err)
{
    const size_t chan = other->n_chan == v->cube->n_chan ? v->chan : other->n_chan / 2;
    const size_t stokes = other->n_stokes == v->cube->n_stokes ? v->stokes : 0;

    return ib_picture_read(other, chan, stokes, window, MOST, out, err);
}

/* The middle of the point spread function, six beams to each side of its peak; without a beam a quarter of the plane. */
static ib_status read_spread(view *v, ib_error *err)
{
    const ib_picture *p = v->psf;
    const double      side = v->image.beam[0] > 0 ? 12 * v->image.beam[0] : 0.25 * (double)p->nx * p->cell[0];
    size_t            window[4];

    if (cut(p->centre[0], p->cell[0], side, 0, p->nx, &window[0], &window[2], err) ||
        cut(p->centre[1], p->cell[1], side, 0, p->ny, &window[1], &window[3], err))
        return err->status;
    return read_beside(v, p, window, &v->spread, err);
}

/* ---- colours ----------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The pixels that are not NaN in order, from ib_alloc; NULL without memory. */
static float *sorted(const ib_raster *r, size_t *n, ib_error *err)
{
    float *value = ib_alloc(r->nx * r->ny, sizeof *value, "pixels in order", err);

    *n = 0;
    for (size_t i = 0; value && i < r->nx * r->ny; i++)
        if (isfinite(r->pixel[i]))
            value[(*n)++] = r->pixel[i];
    if (value)
        qsort(value, *n, sizeof *value, ascending);
    return value;
}

/* "-0.1" or "99.5%" of the pixels in order. */
static ib_status parse_end(char *text, const float *value, size_t n, double *out, ib_error *err)
{
    const size_t length = strlen(text);
    const bool   percent = length && text[length - 1] == '%';

    if (percent)
        text[length - 1] = 0;
    if (ib_text_to_real(text, out, err))
        return err->status;
    if (percent && !(*out >= 0 && *out <= 100))
        return ib_fail(err, IB_EUSAGE, "%s%% is not between 0%% and 100%%", text);
    if (percent)
        *out = n ? (double)value[(size_t)(*out / 100 * (double)(n - 1) + 0.5)] : 0;
    return IB_OK;
}

static ib_status choose_colours(view *v, ib_error *err)
{
    const char  *range = option(v, "range"), *scale = option(v, "scale"), *colour = option(v, "colour");
    const bool   asinh_scale = !strcmp(scale, "asinh"), diverging = !strcmp(colour, "diverging");
    char         word[2][24];
    size_t       n;
    float *const value = sorted(&v->image, &n, err);

    if (!value)
        return err->status;
    v->blank = n == 0;
    v->low = n ? (double)value[0] : 0;
    v->high = n ? (double)value[n - 1] : 0;
    if (*range && (ib_words(range, word, 2, err) != 2 || parse_end(word[0], value, n, &v->low, err) ||
                   parse_end(word[1], value, n, &v->high, err) || !(v->low <= v->high))) {
        if (!err->status)
            ib_fail(err, IB_EUSAGE, "\"%s\" is not LOW,HIGH", range);
        ib_within(err, "--range: ");
    }
    if (diverging)
        v->low = -(v->high = fmax(fabs(v->low), fabs(v->high)));
    if (v->low == v->high) {
        v->low -= 1;
        v->high += 1;
    }
    if (asinh_scale && n) {
        const double median = (double)value[n / 2];
        for (size_t i = 0; i < n; i++)
            value[i] = (float)fabs((double)value[i] - median);
        qsort(value, n, sizeof *value, ascending);
        /* three sigma of the noise, from the median of deviations: nearly linear up to there */
        v->soft = fmax(3 * 1.4826 * (double)value[n / 2], 1e-4 * (v->high - v->low));
    }
    ib_free(value);
    if (!err->status && !asinh_scale && strcmp(scale, "linear"))
        ib_fail(err, IB_EUSAGE, "--scale: \"%s\" is neither linear nor asinh", scale);
    return err->status;
}

static double coloured(const view *v, double value)
{
    return v->soft > 0 ? asinh(value / v->soft) : value;
}

static const char *palette(const char *name)
{
    static const struct {
        const char *name, *gnuplot;
    } known[] = {{"cubehelix", "cubehelix start 0.5 cycles -1.5 saturation 1"},
                 {"grey", "gray"},
                 {"negative", "gray negative"},
                 {"diverging", "defined (-1 '#053061', -0.5 '#4393c3', 0 '#f7f7f7', 0.5 '#d6604d', 1 '#67001f')"}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(known[i].name, name))
            return known[i].gnuplot;
    return NULL;
}

/* ---- the script --------------------------------------------------------------------------------------------------- */

typedef struct axis_unit {
    const char *name;
    double      rad;
} axis_unit;

/* The largest unit in which half of the side is at least two. */
static axis_unit unit_for(double half)
{
    static const axis_unit units[] = {
        {"deg", 1}, {"arcmin", 1 / 60.0}, {"arcsec", 1 / 3600.0}, {"mas", 1 / 3600e3}, {"uas", 1 / 3600e6}};
    axis_unit unit = units[4];

    for (int i = 4; i >= 0; i--)
        if (half >= 2 * units[i].rad * IB_PI / 180)
            unit = units[i];
    unit.rad *= IB_PI / 180;
    return unit;
}

/* Where a raster lies: offsets of its first drawn column and row (west, south) and of its edges, in units. */
typedef struct place {
    axis_unit unit;
    double    dx, dy, x, y;
    double    west, east, south, north;
} place;

static place place_of(const ib_picture *p, const ib_raster *r)
{
    place        at;
    const double step = (double)r->step;
    const double dx = p->cell[0] * step, dy = p->cell[1] * step;
    const double wide = dx * (double)r->nx, high = dy * (double)r->ny;

    at.unit = unit_for(0.5 * fmax(wide, high));
    at.dx = dx / at.unit.rad;
    at.dy = dy / at.unit.rad;
    at.east = (p->centre[0] - ((double)r->x - 0.5)) * p->cell[0] / at.unit.rad;
    at.south = ((double)r->y - 0.5 - p->centre[1]) * p->cell[1] / at.unit.rad;
    at.west = at.east - wide / at.unit.rad;
    at.north = at.south + high / at.unit.rad;
    at.x = at.west + 0.5 * at.dx;
    at.y = at.south + 0.5 * at.dy;
    return at;
}

/* A direction's coordinate as people write it: hours or degrees, minutes, seconds. */
static void sexagesimal(char *text, size_t size, double rad, bool hours)
{
    const char  *unit = hours ? "hms" : "d'\"";
    const double turn = hours ? 24 : 360, whole = hours ? rad - 2 * IB_PI * floor(rad / (2 * IB_PI)) : fabs(rad);
    const double per_second = hours ? 1000 : 100;
    int64_t      left = (int64_t)(whole / (2 * IB_PI) * turn * 3600 * per_second + 0.5);
    const double seconds = (double)(left % (int64_t)(60 * per_second)) / per_second;

    left /= (int64_t)(60 * per_second);
    snprintf(text, size, "%s%02d%c%02d%c%0*.*f%c",
             hours     ? ""
             : rad < 0 ? "-"
                       : "+",
             (int)(left / 60) % (int)turn, unit[0], (int)(left % 60), unit[1], hours ? 6 : 5, hours ? 3 : 2, seconds,
             unit[2]);
}

/* A data block with the corners of a beam around an offset. */
static void put_beam(FILE *out, const char *name, const double beam[3], double x, double y, double unit)
{
    const double a = 0.5 * beam[0] / unit, b = 0.5 * beam[1] / unit, pa = beam[2];

    fprintf(out, "$%s << EOD\n", name);
    for (int i = 0; i <= ELLIPSE; i++) {
        const double t = 2 * IB_PI * i / ELLIPSE, along = a * cos(t), across = b * sin(t);
        fprintf(out, "%.9g %.9g\n", x + along * sin(pa) + across * cos(pa), y + along * cos(pa) - across * sin(pa));
    }
    fprintf(out, "EOD\n");
}

static void put_array(FILE *out, const place *at, const ib_raster *r, const char *third)
{
    fprintf(out, "'-' binary array=(%zu,%zu) format='%%float32' dx=%.12g dy=%.12g origin=(%.12g,%.12g%s)", r->nx,
            r->ny, at->dx, at->dy, at->x, at->y, third);
}

/* Pixels from the west, as colours or as they are. */
static void put_pixels(FILE *out, const view *v, const ib_raster *r, bool colours)
{
    for (size_t j = 0; j < r->ny; j++)
        for (size_t i = r->nx; i-- > 0;) {
            float value = r->pixel[j * r->nx + i];

            value = isfinite(value) ? (float)(colours ? coloured(v, (double)value) : (double)value) : NAN;
            fwrite(&value, sizeof value, 1, out);
        }
}

/* Labels of a colour bar that is not linear: 0 and 1, 2, 5 times powers of ten, where they do not crowd. */
static void put_bar_labels(FILE *out, const view *v)
{
    const double bottom = coloured(v, v->low), high = coloured(v, v->high), apart = 0.05 * (high - bottom);
    const double most = fmax(fabs(v->low), fabs(v->high));
    double       upper = 0, lower = 0; /* outermost labels so far */

    fprintf(out, "set cbtics (");
    if (v->low <= 0 && v->high >= 0)
        fprintf(out, "'0' 0,");
    for (int power = (int)floor(log10(v->soft)) - 1; power <= (int)ceil(log10(most)); power++)
        for (int k = 0; k < 3; k++) {
            const double value = (double)(int[]){1, 2, 5}[k] * pow(10, power), at = coloured(v, value);

            if (at - upper >= apart && value >= v->low && value <= v->high) {
                fprintf(out, "'%g' %.9g,", value, at);
                upper = at;
            }
            if (at + lower >= apart && -value >= v->low && -value <= v->high) {
                fprintf(out, "'%g' %.9g,", -value, -at);
                lower = -at;
            }
        }
    fprintf(out, "'' %.9g)\n", bottom);
}

static void put_titles(FILE *out, const view *v, int wide, int high)
{
    const ib_picture *c = v->cube;
    const double      freq = c->freq[v->chan], *beam = v->image.beam;
    char              title[300], facts[300] = "";
    int               n = 0;

    snprintf(title, sizeof title, "%s%s%s%s%s", c->object, *c->object ? ", " : "",
             freq > 0 ? ib_text_hertz(freq).s : "", freq > 0 ? ", " : "", ib_picture_stokes(c, v->stokes));
    if (c->n_chan > 1)
        n += snprintf(facts + n, sizeof facts - (size_t)n, "channel %zu of %zu", v->chan, c->n_chan);
    if (beam[0] > 0)
        n += snprintf(facts + n, sizeof facts - (size_t)n, "%sbeam %s x %s at %.0f deg", n ? "; " : "",
                      ib_text_angle(beam[0]).s, ib_text_angle(beam[1]).s, beam[2] * 180 / IB_PI);
    if (v->pb)
        n += snprintf(facts + n, sizeof facts - (size_t)n, "%sprimary beam 0.2 (dashed), 0.5", n ? "; " : "");
    if (v->blank)
        n += snprintf(facts + n, sizeof facts - (size_t)n, "%sblank", n ? "; " : "");
    if (v->image.step > 1)
        snprintf(facts + n, sizeof facts - (size_t)n, "%smeans of %zu x %zu pixels", n ? "; " : "", v->image.step,
                 v->image.step);
    fprintf(out, "set label 1 ");
    ib_gnuplot_quote(out, title);
    fprintf(out, " at screen %.6f,%.6f font 'sans:Bold,13'\nset label 2 ", (double)LEFT / wide, 1 - 24.0 / high);
    ib_gnuplot_quote(out, facts);
    fprintf(out, " at screen %.6f,%.6f font 'sans,10' textcolor rgb '#505050'\n", (double)LEFT / wide,
            1 - 48.0 / high);
}

/* A box of the canvas, in its pixels from the lower left corner, and the ranges of its axes. */
static void put_box(FILE *out, const place *at, int left, int bottom, int width, int height, int wide, int high)
{
    fprintf(
        out,
        "set lmargin at screen %.6f\nset rmargin at screen %.6f\nset bmargin at screen %.6f\nset tmargin at screen "
        "%.6f\n",
        (double)left / wide, (double)(left + width) / wide, (double)bottom / high, (double)(bottom + height) / high);
    fprintf(out, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", at->east, at->west, at->south, at->north);
}

#define OUTLINED(block)                                                                                              \
    block " using 1:2 with lines linewidth 3 linecolor 'black', " block                                              \
          " using 1:2 with lines linewidth 1.5 linecolor 'white'"

static void put_label(FILE *out, const char *axis, const char *what, const char *from, const char *unit)
{
    char label[100];

    snprintf(label, sizeof label, "%s offset%s%s (%s)", what, *from ? " from " : "", from, unit);
    fprintf(out, "set %s ", axis);
    ib_gnuplot_quote(out, label);
    fputc('\n', out);
}

/* The plane with its contours and its beam. */
static void put_plane(FILE *out, const view *v, const place *at, int width, int height, int wide, int high)
{
    const double *beam = v->image.beam, margin = 0.03 * fmin(at->north - at->south, at->east - at->west);
    const bool    ellipse =
        beam[0] > 0 && beam[0] / at->unit.rad < 0.5 * fmin(at->north - at->south, at->east - at->west);
    char ra[32], dec[32];

    if (v->pb) {
        fprintf(
            out,
            "set contour base\nunset surface\nset cntrparam levels discrete 0.2, 0.5\nset table $contour\nsplot ");
        put_array(out, at, &v->beam, ",0");
        fputc('\n', out);
        put_pixels(out, v, &v->beam, false);
        fprintf(out, "\nunset table\nunset contour\nset surface\n");
    }
    if (ellipse)
        put_beam(out, "beam", beam, at->east - margin - 0.5 * beam[0] / at->unit.rad,
                 at->south + margin + 0.5 * beam[0] / at->unit.rad, at->unit.rad);
    sexagesimal(ra, sizeof ra, v->cube->ra, true);
    sexagesimal(dec, sizeof dec, v->cube->dec, false);
    put_box(out, at, LEFT, BOTTOM, width, height, wide, high);
    put_label(out, "xlabel", "right ascension", width < ROOM ? "" : ra, at->unit.name);
    put_label(out, "ylabel", "declination", height < ROOM ? "" : dec, at->unit.name);
    fprintf(out, "set cblabel ");
    ib_gnuplot_quote(out, v->cube->unit);
    fprintf(out, "\nset cbrange [%.9g:%.9g]\nset colorbox user origin screen %.6f,%.6f size screen %.6f,%.6f\n",
            coloured(v, v->low), coloured(v, v->high), (double)(LEFT + width + 14) / wide, (double)BOTTOM / high,
            22.0 / wide, (double)height / high);
    if (v->soft > 0)
        put_bar_labels(out, v);
    fprintf(out, "plot ");
    put_array(out, at, &v->image, "");
    fprintf(out, " with image");
    if (v->pb)
        fprintf(out,
                ", $contour using 1:2 with lines linewidth 2.5 linecolor 'black', "
                "$contour using 1:($3 > 0.35 ? $2 : NaN) with lines linewidth 1.2 linecolor 'white', "
                "$contour using 1:($3 < 0.35 ? $2 : NaN) with lines linewidth 1.2 dashtype (6,6) linecolor 'white'");
    if (ellipse)
        fprintf(out, ", " OUTLINED("$beam"));
    fputc('\n', out);
    put_pixels(out, v, &v->image, true);
    fprintf(out, "\nunset label 1\nunset label 2\n");
}

/* The point spread function beside it, with the beam that was fitted to it. */
static void put_spread(FILE *out, const view *v, int left, int bottom, int wide, int high)
{
    const place at = place_of(v->psf, &v->spread);
    const bool  beam = v->image.beam[0] > 0;
    float       low = 0;
    char        label[60];

    for (size_t i = 0; i < v->spread.nx * v->spread.ny; i++)
        low = fminf(low, v->spread.pixel[i]);
    if (beam)
        put_beam(out, "fitted", v->image.beam, 0, 0, at.unit.rad);
    put_box(out, &at, left, bottom, PANEL, PANEL, wide, high);
    snprintf(label, sizeof label, "point spread function (%s)", at.unit.name);
    fprintf(out, "unset ylabel\nset xlabel ");
    ib_gnuplot_quote(out, label);
    fprintf(
        out,
        "\nset cbtics auto\nunset cblabel\nset cbrange [%.9g:1]\nset colorbox user horizontal origin screen %.6f,%.6f size "
        "screen %.6f,%.6f\nplot ",
        !strcmp(option(v, "colour"), "diverging") ? -1.0 : (double)fminf(low, -0.1F), (double)left / wide,
        (double)(bottom - 75) / high, (double)PANEL / wide, 12.0 / high);
    put_array(out, &at, &v->spread, "");
    fprintf(out, " with image%s\n", beam ? ", " OUTLINED("$fitted") : "");
    for (size_t j = 0; j < v->spread.ny; j++)
        for (size_t i = v->spread.nx; i-- > 0;)
            fwrite(&v->spread.pixel[j * v->spread.nx + i], sizeof(float), 1, out);
    fputc('\n', out);
}

/* The script, with the pixels as raw floats behind the lines that draw them. No name of a file occurs in it. */
static void put_script(FILE *out, const view *v)
{
    const place  at = place_of(v->cube, &v->image);
    const double aspect = (at.north - at.south) / (at.east - at.west);
    const int    width = aspect > 1 ? (int)lround(fmax(SIDE / 4, SIDE / aspect)) : SIDE;
    const int    height = aspect > 1 ? SIDE : (int)lround(fmax(v->psf ? PANEL + 90 : SIDE / 4, SIDE * aspect));
    const int    used = LEFT + width + BAR + (v->psf ? PANEL_LEFT + PANEL + 30 : 0);
    const int    wide = used > LEAST ? used : LEAST, high = TOP + height + BOTTOM;

    fprintf(
        out,
        "set terminal pngcairo noenhanced size %d,%d font 'sans,11' background '#ffffff'\nset encoding utf8\n"
        "set multiplot\nunset key\nset tics out nomirror\nset palette %s\n"
        "set object 1 rectangle from graph 0,0 to graph 1,1 fillcolor rgb '#909090' fillstyle solid noborder behind\n",
        wide, high, palette(option(v, "colour")));
    put_titles(out, v, wide, high);
    put_plane(out, v, &at, width, height, wide, high);
    if (v->psf)
        put_spread(out, v, LEFT + width + BAR + PANEL_LEFT, BOTTOM + height - PANEL, wide, high);
    fprintf(out, "unset multiplot\n");
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

static ib_status draw(const view *v, const char *path, ib_error *err)
{
    static const char suffix[] = ".png";
    const size_t      n = strlen(path);
    FILE             *script;

    if (n < sizeof suffix || strcmp(path + n - (sizeof suffix - 1), suffix) != 0)
        return ib_fail(err, IB_EUSAGE, "the picture %s is a PNG file: give it a name that ends in .png", path);
    script = tmpfile();
    if (script)
        put_script(script, v);
    const ib_status rc = ib_gnuplot(script, path, err);
    if (script)
        fclose(script);
    return rc;
}

/* ---- the subcommand ------------------------------------------------------------------------------------------------ */

static ib_status read_all(view *v, ib_error *err)
{
    ib_status rc = ib_picture_open(&v->cube, v->path, err);

    if (rc || choose_plane(v, err) || choose_window(v, err) || open_beside(v, "psf", &v->psf, err) ||
        open_beside(v, "pb", &v->pb, err) ||
        ib_picture_read(v->cube, v->chan, v->stokes, v->window, MOST, &v->image, err))
        return err->status;
    if (v->pb && read_beside(v, v->pb, v->window, &v->beam, err))
        return err->status;
    for (size_t i = 0; v->pb && i < v->image.nx * v->image.ny; i++)
        if (v->image.pixel[i] == 0) /* what a mosaic leaves out beyond its limit */
            v->image.pixel[i] = NAN;
    if (v->psf && read_spread(v, err))
        return err->status;
    return choose_colours(v, err);
}

/* "x.hdf5" -> "x.png", in the folder of the cube. */
static void name_picture(const char *cube, char *out, size_t size)
{
    const char *dot = strrchr(cube, '.');
    const int   n = dot && !strchr(dot, '/') ? (int)(dot - cube) : (int)strlen(cube);

    snprintf(out, size, "%.*s.png", n, cube);
}

ib_status ib_view(int argc, char *const *argv, FILE *out, ib_error *err)
{
    view v = {0};
    char name[1100];

    *err = (ib_error){0};
    if (ib_arguments_parse("view", ib_view_options, argc, argv, v.value, &v.path, err))
        return err->status;
    if (!v.path)
        return ib_fail(err, IB_EUSAGE, "view needs a cube: imgbench view CUBE.hdf5");
    if (!palette(option(&v, "colour")))
        return ib_fail(err, IB_EUSAGE, "--colour: \"%s\" is none of cubehelix, grey, negative, diverging",
                       option(&v, "colour"));
    if (*option(&v, "output"))
        snprintf(name, sizeof name, "%s", option(&v, "output"));
    else
        name_picture(v.path, name, sizeof name);
    if (!read_all(&v, err) && !draw(&v, name, err))
        fprintf(out, "%s\n", name);
    ib_free(v.image.pixel);
    ib_free(v.spread.pixel);
    ib_free(v.beam.pixel);
    ib_picture_close(v.cube);
    ib_picture_close(v.psf);
    ib_picture_close(v.pb);
    return err->status;
}
