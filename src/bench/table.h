/* SPDX-License-Identifier: BSD-3-Clause */
/** A report of tables, for people, for programs or as a document: one description, four forms. Drawings are in pages only,
 *  where the same numbers stand in a table beside them; what folds there is open elsewhere. */
#ifndef IB_BENCH_TABLE_H
#define IB_BENCH_TABLE_H

#include "base/spread.h"
#include "bench/chart.h"
#include "imgbench.h"

#include <stdio.h>

typedef enum ib_form { IB_FORM_TABLE, IB_FORM_JSON, IB_FORM_MD, IB_FORM_HTML } ib_form;

/** Text, a whole number, three digits of a number, or median (min..max), the median alone where neither end is a number. A
 *  number that is not finite is "-" and null. */
typedef struct ib_cell {
    enum { IB_TEXT, IB_COUNT, IB_REAL, IB_SPREAD } kind;
    const char *text; /* copied */
    double      real;
    ib_spread   spread;
} ib_cell;

static inline ib_cell ib_cell_text(const char *text)
{
    return (ib_cell){.kind = IB_TEXT, .text = text};
}

static inline ib_cell ib_cell_count(size_t n)
{
    return (ib_cell){.kind = IB_COUNT, .real = (double)n};
}

static inline ib_cell ib_cell_real(double x)
{
    return (ib_cell){.kind = IB_REAL, .real = x};
}

static inline ib_cell ib_cell_spread(ib_spread spread)
{
    return (ib_cell){.kind = IB_SPREAD, .spread = spread};
}

/** What a column is called for programs ("mvis_per_s") and for people ("Mvis/s"). */
typedef struct ib_heading {
    const char *key, *title;
} ib_heading;

typedef struct ib_report ib_report;

/** "table", "json", "md"; a page (IB_FORM_HTML) only `imgbench report` makes. @return IB_EUSAGE naming them. */
ib_status ib_form_parse(const char *name, ib_form *form, ib_error *err);

/** @param out  borrowed until the end; JSON is written then, the others table by table */
ib_status ib_report_begin(ib_report **report, FILE *out, ib_form form, ib_error *err);

/** The heading of a whole document; nothing in JSON. */
void ib_report_title(ib_report *report, const char *title, const char *text);

/** A part of a document, above sections; not in JSON. @param name  what links to it */
void ib_report_part(ib_report *report, const char *name, const char *title, const char *text);

/** A heading, and what a reader must know; not in JSON. Lines of a paragraph are as they are given. */
void ib_report_section(ib_report *report, const char *title, const char *text);

/** Words between tables; lines as they are typed (commands). Not in JSON. */
void ib_report_text(ib_report *report, const char *text);
void ib_report_code(ib_report *report, const char *text);

/** One thing that was found, how grave it is, and what is known about it. Not in JSON. */
typedef enum ib_gravity { IB_NEUTRAL, IB_GOOD, IB_WARN, IB_BAD } ib_gravity;
void ib_report_verdict(ib_report *report, ib_gravity gravity, const char *title, const char *text);

/** A named fact: beside the tables in JSON, a line elsewhere. */
void ib_report_fact(ib_report *report, const char *key, const char *title, const char *value);

/** A table of n columns. Rows follow, then the end; headings are borrowed until then. */
void ib_report_table(ib_report *report, const char *name, const ib_heading *heading, size_t n);
void ib_report_row(ib_report *report, const ib_cell *cells);
void ib_report_table_end(ib_report *report);

/** What follows until ib_report_unfold is opened by who wants to see it. */
void ib_report_fold(ib_report *report, const char *title);
void ib_report_unfold(ib_report *report);

/** Drawings, in pages only (bench/chart.h); axis: words below the strips before it, from the left to the right. */
void ib_report_chart(ib_report *report, const ib_chart *chart);
void ib_report_strip(ib_report *report, const char *name, const char *value, double low, double high,
                     const ib_piece *piece, size_t n);
void ib_report_axis(ib_report *report, const char *const *word, size_t n);
void ib_report_legend(ib_report *report, const char *const *name, const int *colour, size_t n);
void ib_report_picture(ib_report *report, const unsigned char *png, size_t bytes, size_t width, size_t height,
                       const char *title, const char *text);

/** Write what is left and let go of the report. Accepts NULL. @return IB_ENOMEM when something had to be left out. */
ib_status ib_report_end(ib_report *report, ib_error *err);

#endif
