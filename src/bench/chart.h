/* SPDX-License-Identifier: BSD-3-Clause */
/** Drawings of a page: plots of x and y, and strips. SVG that scales with the page, follows its colours, prints, and says
 *  what it shows to who cannot see it. The same bytes for the same numbers. */
#ifndef IB_BENCH_CHART_H
#define IB_BENCH_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Numbers of a plot, all borrowed; points that are not finite, or not positive on a logarithmic axis, are left out. */
typedef struct ib_curve {
    const char *name; /* in the legend; NULL: not there */
    enum { IB_CURVE_LINE, IB_CURVE_DASHED, IB_CURVE_BAND, IB_CURVE_POINTS } kind;
    int                colour;
    size_t             n;
    const double      *x, *y;      /* y: not of a band */
    const double      *low, *high; /* edges of a band, bars of points; NULL: none */
    const char *const *label;      /* [n] what is said of each point; NULL: its numbers */
} ib_curve;

/** A line across the plot with words at it. */
typedef struct ib_rule {
    double      at;
    const char *text; /* "" none */
} ib_rule;

typedef struct ib_chart {
    const char        *title, *text; /* text: what it shows, a line below the title */
    const char        *x, *y;        /* of the axes, with units */
    bool               log_x, log_y; /* x by powers of 2, y of 10 */
    bool               from_zero;    /* the axis of y begins at 0 */
    double             least, most;  /* y that is shown at least; both 0: what the curves need */
    const ib_curve    *curve;
    size_t             n_curve;
    const ib_rule     *level, *mark; /* horizontal, vertical */
    size_t             n_level, n_mark;
    const char *const *tick; /* names of x = 0, 1, ...; NULL: numbers */
    size_t             n_tick;
} ib_chart;

/** As a figure with caption and legend. */
void ib_chart_draw(FILE *out, const ib_chart *chart);

/** Part of a strip. */
typedef struct ib_piece {
    double      from, to;
    double      height; /* share of the strip's, about its middle */
    int         colour; /* of ib_html_colour; IB_INK, IB_ZONE */
    double      opacity;
    const char *what; /* "" nothing is said */
} ib_piece;

enum { IB_INK = -1, IB_ZONE = -2 };

/** A line of words, and pieces on a line from low to high. @param value  the words on its right */
void ib_strip_draw(FILE *out, const char *name, const char *value, double low, double high, const ib_piece *piece,
                   size_t n);

/** The legend of colours. */
void ib_legend_draw(FILE *out, const char *const *name, const int *colour, size_t n);

#endif
