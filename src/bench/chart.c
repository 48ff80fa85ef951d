/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/chart.h"
#include "bench/html.h"

#include <math.h>
#include <string.h>

/* The drawing in its own pixels; a page shows it at about this size. */
enum { WIDTH = 460, HEIGHT = 290, RIGHT = 14, TOP = 12, BOTTOM = 40, LETTER = 7, MAX_TICKS = 24 };

typedef struct axis {
    bool   log;
    double low, high; /* of the numbers, or of their logarithms */
    double from, to;  /* pixels */
    double tick[MAX_TICKS];
    int    n_tick;
} axis;

typedef struct plot {
    const ib_chart *chart;
    axis            x, y;
} plot;

static bool is_shown(const axis *a, double value)
{
    return isfinite(value) && (!a->log || value > 0);
}

static double at(const axis *a, double value)
{
    const double place = a->log ? log(value) : value;

    return a->from + (place - a->low) / (a->high - a->low) * (a->to - a->from);
}

static double clipped(const axis *a, double value)
{
    const double low = fmin(a->from, a->to) - 2, high = fmax(a->from, a->to) + 2;

    return fmin(fmax(at(a, value), low), high);
}

static void widen(axis *a, double value)
{
    if (!is_shown(a, value))
        return;
    a->low = fmin(a->low, a->log ? log(value) : value);
    a->high = fmax(a->high, a->log ? log(value) : value);
}

/* ---- axes ------------------------------------------------------------------------------------------------ */

static void find_range(plot *p)
{
    const ib_chart *c = p->chart;

    p->x = (axis){.log = c->log_x, .low = INFINITY, .high = -INFINITY};
    p->y = (axis){.log = c->log_y, .low = INFINITY, .high = -INFINITY};
    for (size_t i = 0; i < c->n_curve; i++)
        for (size_t k = 0; k < c->curve[i].n; k++) {
            const ib_curve *u = &c->curve[i];
            if (!is_shown(&p->x, u->x[k]))
                continue;
            widen(&p->x, u->x[k]);
            if (u->y)
                widen(&p->y, u->y[k]);
            if (u->low && u->kind != IB_CURVE_BAND) {
                widen(&p->y, u->low[k]);
                widen(&p->y, u->high[k]);
            }
        }
    for (size_t i = 0; i < c->n_level; i++)
        widen(&p->y, c->level[i].at);
    for (size_t i = 0; i < c->n_mark; i++)
        widen(&p->x, c->mark[i].at);
    if (c->from_zero)
        widen(&p->y, 0);
    if (c->least < c->most) {
        widen(&p->y, c->least);
        widen(&p->y, c->most);
    }
    axis *both[] = {&p->x, &p->y};
    for (int i = 0; i < 2; i++) {
        axis *a = both[i];
        if (!(a->low <= a->high)) /* nothing to show */
            a->low = a->log ? 0 : 0, a->high = 1;
        const double room = a->high > a->low ? 0.05 * (a->high - a->low)
                            : a->log         ? 0.3
                                             : fmax(0.05 * fabs(a->high), 1e-9);
        a->low -= i && c->from_zero && !a->log ? 0 : room;
        a->high += room;
    }
}

static void add_tick(axis *a, double value)
{
    const double place = a->log ? log(value) : value, slack = 1e-9 * (a->high - a->low);

    if (a->n_tick < MAX_TICKS && place >= a->low - slack && place <= a->high + slack)
        a->tick[a->n_tick++] = value;
}

static void linear_ticks(axis *a, int about)
{
    const double raw = (a->high - a->low) / about, unit = pow(10, floor(log10(raw)));
    const double step = unit * (raw / unit > 5 ? 10 : raw / unit > 2 ? 5 : raw / unit > 1 ? 2 : 1);

    for (double k = ceil(a->low / step); k <= floor(a->high / step + 1e-9); k++)
        add_tick(a, k * step + 0.0); /* no -0 */
}

/* Powers of the base; of 10 with what is between them when there are few. */
static void log_ticks(axis *a, double base)
{
    const double decades = (a->high - a->low) / log(base);
    const int    stride = (int)fmax(1, ceil(decades / 9));

    for (double k = floor(a->low / log(base)); k <= a->high / log(base) + 1e-9; k++) {
        if ((int)fmod(k, stride) != 0)
            continue;
        add_tick(a, pow(base, k));
        if (base == 10 && decades < 2.5) {
            add_tick(a, 2 * pow(base, k));
            add_tick(a, 5 * pow(base, k));
        }
    }
    if (a->n_tick < 2) { /* within a factor of two or so */
        axis even = {.low = exp(a->low), .high = exp(a->high)};
        a->n_tick = 0;
        linear_ticks(&even, 4);
        for (int i = 0; i < even.n_tick; i++)
            if (even.tick[i] > 0)
                add_tick(a, even.tick[i]);
    }
}

static void number(char text[24], double x)
{
    if (x != 0 && (fabs(x) >= 1e6 || fabs(x) < 1e-4))
        snprintf(text, 24, "%.0e", x);
    else
        snprintf(text, 24, "%.6g", x);
}

static void put_text(FILE *out, double x, double y, const char *anchor, const char *class, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\" fill=\"#555\">", x, y, anchor, class);
    ib_html_text(out, text);
    fputs("</text>", out);
}

static void put_line(FILE *out, double x1, double y1, double x2, double y2, const char *class, const char *colour,
                     const char *more)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\" stroke=\"%s\"%s/>", x1, y1, x2,
            y2, class, colour, more);
}

static void lay_out(plot *p)
{
    int  longest = 0;
    char text[24];

    find_range(p);
    if (p->y.log)
        log_ticks(&p->y, 10);
    else
        linear_ticks(&p->y, 5);
    for (int i = 0; i < p->y.n_tick; i++) {
        number(text, p->y.tick[i]);
        longest = (int)strlen(text) > longest ? (int)strlen(text) : longest;
    }
    p->x.from = 30 + LETTER * longest;
    p->x.to = WIDTH - RIGHT;
    p->y.from = HEIGHT - BOTTOM;
    p->y.to = TOP;
    if (p->chart->tick)
        return;
    if (p->x.log)
        log_ticks(&p->x, 2);
    else
        linear_ticks(&p->x, 6);
}

static void put_axes(FILE *out, const plot *p)
{
    const ib_chart *c = p->chart;
    char            text[24];
    double          free_from = -INFINITY;

    for (int i = 0; i < p->y.n_tick; i++) {
        const double y = at(&p->y, p->y.tick[i]);
        number(text, p->y.tick[i]);
        put_line(out, p->x.from, y, p->x.to, y, "g", "#e6e9ee", "");
        put_text(out, p->x.from - 6, y + 4, "end", "t", text);
    }
    for (int i = 0; i < p->x.n_tick; i++) {
        const double x = at(&p->x, p->x.tick[i]);
        number(text, p->x.tick[i]);
        put_line(out, x, p->y.from, x, p->y.from + 4, "a", "#888", "");
        put_text(out, x, p->y.from + 17, "middle", "t", text);
    }
    for (size_t i = 0; c->tick && i < c->n_tick; i++) { /* names, as many as have room; the last one always */
        const double x = at(&p->x, (double)i), half = 0.5 * LETTER * (double)strlen(c->tick[i]);
        const double last = at(&p->x, (double)(c->n_tick - 1)) - LETTER * (double)strlen(c->tick[c->n_tick - 1]);
        const bool   end = i + 1 == c->n_tick;
        put_line(out, x, p->y.from, x, p->y.from + 3, "a", "#888", "");
        if (end && i)
            put_text(out, fmin(x + half, p->x.to), p->y.from + 17, "end", "t", c->tick[i]);
        else if (x - half > free_from && (end || x + half + 8 < fmin(last, p->x.to - 2 * half) || c->n_tick < 3)) {
            put_text(out, fmax(x, p->x.from + half - 20), p->y.from + 17, "middle", "t", c->tick[i]);
            free_from = x + half + 10;
        }
    }
    put_line(out, p->x.from, p->y.from, p->x.to, p->y.from, "a", "#888", "");
    put_text(out, 0.5 * (p->x.from + p->x.to), HEIGHT - 6, "middle", "t", c->x);
    fprintf(out,
            "<text transform=\"translate(13 %.1f) rotate(-90)\" text-anchor=\"middle\" class=\"t\" fill=\"#555\">",
            0.5 * (p->y.from + p->y.to));
    ib_html_text(out, c->y);
    fputs("</text>", out);
}

/* ---- curves ---------------------------------------------------------------------------------------------- */

static bool has_point(const plot *p, const ib_curve *u, size_t k)
{
    return is_shown(&p->x, u->x[k]) &&
           (u->kind == IB_CURVE_BAND ? is_shown(&p->y, u->low[k]) && is_shown(&p->y, u->high[k])
                                     : is_shown(&p->y, u->y[k]));
}

static void put_band(FILE *out, const plot *p, const ib_curve *u)
{
    fprintf(out, "<path class=\"c%d\" fill=\"%s\" fill-opacity=\"0.15\" d=\"", u->colour, ib_html_colour(u->colour));
    char command = 'M';
    for (size_t k = 0; k < u->n; k++)
        if (has_point(p, u, k)) {
            fprintf(out, "%c%.1f %.1f", command, clipped(&p->x, u->x[k]), clipped(&p->y, u->high[k]));
            command = 'L';
        }
    for (size_t k = u->n; k-- > 0;)
        if (has_point(p, u, k))
            fprintf(out, "L%.1f %.1f", clipped(&p->x, u->x[k]), clipped(&p->y, u->low[k]));
    fputs(command == 'L' ? "Z\"/>" : "\"/>", out);
}

static void put_curve(FILE *out, const plot *p, const ib_curve *u)
{
    char command = 'M';

    fprintf(out, "<path class=\"l%d\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\"%s d=\"", u->colour,
            ib_html_colour(u->colour), u->kind == IB_CURVE_DASHED ? " stroke-dasharray=\"5 4\"" : "");
    for (size_t k = 0; k < u->n; k++) {
        if (!has_point(p, u, k)) {
            command = 'M';
            continue;
        }
        fprintf(out, "%c%.1f %.1f", command, at(&p->x, u->x[k]), clipped(&p->y, u->y[k]));
        command = 'L';
    }
    fputs("\"/>", out);
}

/* Told apart without colours, too. */
static void put_marker(FILE *out, double x, double y, int colour)
{
    fprintf(out, "class=\"c%d\" fill=\"%s\" ", colour, ib_html_colour(colour));
    switch (colour % 4) {
    case 0:
        fprintf(out, "d=\"M%.1f %.1fa3.8 3.8 0 1 0 7.6 0a3.8 3.8 0 1 0 -7.6 0Z\"", x - 3.8, y);
        return;
    case 1:
        fprintf(out, "d=\"M%.1f %.1fh7v7h-7Z\"", x - 3.5, y - 3.5);
        return;
    case 2:
        fprintf(out, "d=\"M%.1f %.1fl4.5 7.8h-9Z\"", x, y - 4.8);
        return;
    default:
        fprintf(out, "d=\"M%.1f %.1fl4.6 4.6l-4.6 4.6l-4.6 -4.6Z\"", x, y - 4.6);
    }
}

static void put_points(FILE *out, const plot *p, const ib_curve *u)
{
    char x_text[24], y_text[24], class[8];

    snprintf(class, sizeof class, "l%d", u->colour);
    for (size_t k = 0; k < u->n; k++) {
        if (!has_point(p, u, k))
            continue;
        const double x = at(&p->x, u->x[k]), y = at(&p->y, u->y[k]);
        if (u->low && is_shown(&p->y, u->low[k]) && is_shown(&p->y, u->high[k]))
            put_line(out, x, clipped(&p->y, u->low[k]), x, clipped(&p->y, u->high[k]), class,
                     ib_html_colour(u->colour), " stroke-width=\"1.4\"");
        fputs("<path ", out);
        put_marker(out, x, y, u->colour);
        fputs("><title>", out);
        if (u->label) {
            ib_html_text(out, u->label[k]);
        } else {
            number(x_text, u->x[k]);
            snprintf(y_text, sizeof y_text, "%.4g", u->y[k]);
            fprintf(out, "%s: %s", x_text, y_text);
        }
        fputs("</title></path>", out);
    }
}

/* Lines below the curves, their words above them and below the points. */
static void put_rules(FILE *out, const plot *p, bool text)
{
    const ib_chart *c = p->chart;

    for (size_t i = 0; i < c->n_level; i++) {
        const double y = at(&p->y, c->level[i].at);
        if (!is_shown(&p->y, c->level[i].at))
            continue;
        if (text)
            put_text(out, p->x.to - 2, y - 4 < TOP + 4 ? y + 12 : y - 4, "end", "t halo", c->level[i].text);
        else
            put_line(out, p->x.from, y, p->x.to, y, "a", "#888", " stroke-dasharray=\"2 3\"");
    }
    for (size_t i = 0; i < c->n_mark; i++) {
        const double x = at(&p->x, c->mark[i].at), y = TOP + 9 + 13 * (double)(i % 3);
        const bool   left = x > 0.5 * (p->x.from + p->x.to);
        if (text)
            put_text(out, left ? x - 4 : x + 4, y, left ? "end" : "start", "t halo", c->mark[i].text);
        else
            put_line(out, x, p->y.from, x, p->y.to, "a", "#888", " stroke-dasharray=\"2 3\"");
    }
}

/* ---- what is drawn --------------------------------------------------------------------------------------- */

static void begin_key(FILE *out)
{
    fputs("<li><svg viewBox=\"0 0 18 11\" width=\"18\" height=\"11\" aria-hidden=\"true\">", out);
}

static void end_key(FILE *out, const char *name)
{
    fputs("</svg><span>", out);
    ib_html_text(out, name);
    fputs("</span></li>", out);
}

void ib_legend_draw(FILE *out, const char *const *name, const int *colour, size_t n)
{
    fputs("<ul class=\"legend\">", out);
    for (size_t i = 0; i < n; i++) {
        begin_key(out);
        fprintf(out, "<rect width=\"14\" height=\"11\" class=\"c%d\" fill=\"%s\"/>", colour[i],
                ib_html_colour(colour[i]));
        end_key(out, name[i]);
    }
    fputs("</ul>\n", out);
}

static void put_legend(FILE *out, const ib_chart *c)
{
    size_t named = 0;

    for (size_t i = 0; i < c->n_curve; i++)
        named += c->curve[i].name != NULL;
    if (named < 2)
        return;
    fputs("<ul class=\"legend\">", out);
    for (size_t i = 0; i < c->n_curve; i++) {
        const ib_curve *u = &c->curve[i];
        if (!u->name)
            continue;
        begin_key(out);
        if (u->kind == IB_CURVE_POINTS) {
            fputs("<path ", out);
            put_marker(out, 9, 5.5, u->colour);
            fputs("/>", out);
        } else if (u->kind == IB_CURVE_BAND) {
            fprintf(out, "<rect width=\"18\" height=\"11\" class=\"c%d\" fill=\"%s\" fill-opacity=\"0.15\"/>",
                    u->colour, ib_html_colour(u->colour));
        } else {
            char class[8];
            snprintf(class, sizeof class, "l%d", u->colour);
            put_line(out, 0, 5.5, 18, 5.5, class, ib_html_colour(u->colour),
                     u->kind == IB_CURVE_DASHED ? " stroke-width=\"1.8\" stroke-dasharray=\"4 3\""
                                                : " stroke-width=\"1.8\"");
        }
        end_key(out, u->name);
    }
    fputs("</ul>", out);
}

void ib_chart_draw(FILE *out, const ib_chart *chart)
{
    plot p = {.chart = chart};

    lay_out(&p);
    fputs("<figure><figcaption>", out);
    ib_html_text(out, chart->title);
    if (*chart->text) {
        fputs("<span>", out);
        ib_html_text(out, chart->text);
        fputs("</span>", out);
    }
    fprintf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" font-size=\"11.5\" aria-label=\"", WIDTH,
            HEIGHT);
    ib_html_text(out, chart->title);
    fputs(": ", out);
    ib_html_text(out, chart->text);
    fputs("\">", out);
    put_axes(out, &p);
    for (size_t i = 0; i < chart->n_curve; i++)
        if (chart->curve[i].kind == IB_CURVE_BAND)
            put_band(out, &p, &chart->curve[i]);
    put_rules(out, &p, false);
    for (size_t i = 0; i < chart->n_curve; i++)
        if (chart->curve[i].kind == IB_CURVE_LINE || chart->curve[i].kind == IB_CURVE_DASHED)
            put_curve(out, &p, &chart->curve[i]);
    put_rules(out, &p, true);
    for (size_t i = 0; i < chart->n_curve; i++)
        if (chart->curve[i].kind == IB_CURVE_POINTS)
            put_points(out, &p, &chart->curve[i]);
    fputs("</svg>\n", out);
    put_legend(out, chart);
    fputs("</figure>\n", out);
}

void ib_strip_draw(FILE *out, const char *name, const char *value, double low, double high, const ib_piece *piece,
                   size_t n)
{
    fputs("<div class=\"strip\"><p><span>", out);
    ib_html_text(out, name);
    fputs("</span><span>", out);
    ib_html_text(out, value);
    fputs(
        "</span></p><svg viewBox=\"0 0 1000 20\" preserveAspectRatio=\"none\" role=\"img\" width=\"100%\" height=\"17\" aria-label=\"",
        out);
    ib_html_text(out, name);
    fputs(": ", out);
    ib_html_text(out, value);
    fputs("\"><rect width=\"1000\" height=\"20\" class=\"bg\" fill=\"#f5f6f8\"/>", out);
    for (size_t i = 0; i < n; i++) {
        const ib_piece *u = &piece[i];
        const double    from = fmin(fmax(1000 * (u->from - low) / (high - low), 0), 1000);
        const double    to = fmin(fmax(1000 * (u->to - low) / (high - low), 0), 1000);
        if (!(to > from))
            continue;
        fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" ", from, 10 - 10 * u->height,
                to - from, 20 * u->height);
        if (u->colour == IB_INK)
            fputs("class=\"i\" fill=\"#222\"", out);
        else if (u->colour == IB_ZONE)
            fputs("class=\"zone\" fill=\"#d9dde3\"", out);
        else
            fprintf(out, "class=\"c%d\" fill=\"%s\"", u->colour, ib_html_colour(u->colour));
        if (u->opacity < 1)
            fprintf(out, " fill-opacity=\"%.2f\"", u->opacity);
        fputs(u->what && *u->what ? "><title>" : "/>", out);
        if (u->what && *u->what) {
            ib_html_text(out, u->what);
            fputs("</title></rect>", out);
        }
    }
    fputs("</svg></div>\n", out);
}
