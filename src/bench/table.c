/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/table.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/json.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_COLUMNS = 16, MAX_ROWS = 512, WIDTH = 80 };

struct ib_report {
    FILE   *out;
    ib_form form;
    json_t *document, *rows; /* rows of the table now being filled */
    bool    lost, facts;     /* lines of facts were just written, and want an empty one after them */

    const ib_heading *heading;
    size_t            n_column, n_row;
    bool              left[MAX_COLUMNS]; /* aligned */
    char              text[MAX_ROWS][MAX_COLUMNS][WIDTH];
};

ib_status ib_form_parse(const char *name, ib_form *form, ib_error *err)
{
    static const char *const names[] = {"table", "json", "md"};

    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *form = (ib_form)i;
            return IB_OK;
        }
    return ib_fail(err, IB_EUSAGE, "--format: \"%s\" is none of table|json|md", name);
}

ib_status ib_report_begin(ib_report **report, FILE *out, ib_form form, ib_error *err)
{
    ib_report *r = ib_alloc_zero(1, sizeof *r, "report", err);

    if (!r)
        return err->status;
    r->out = out;
    r->form = form;
    if (form == IB_FORM_JSON && !(r->document = json_object())) {
        ib_free(r);
        return ib_fail(err, IB_ENOMEM, "no memory for a report");
    }
    *report = r;
    return IB_OK;
}

static void after_facts(ib_report *r)
{
    if (r->facts)
        fputc('\n', r->out);
    r->facts = false;
}

void ib_report_title(ib_report *r, const char *title, const char *text)
{
    if (r->form != IB_FORM_JSON)
        fprintf(r->out, "%s%s\n\n%s\n\n", r->form == IB_FORM_MD ? "# " : "", title, text);
}

void ib_report_section(ib_report *r, const char *title, const char *text)
{
    after_facts(r);
    if (r->form == IB_FORM_TABLE)
        fprintf(r->out, "%s\n\n%s%s", title, text, *text ? "\n\n" : "");
    else if (r->form == IB_FORM_MD)
        fprintf(r->out, "## %s\n\n%s%s", title, text, *text ? "\n\n" : "");
}

void ib_report_fact(ib_report *r, const char *key, const char *title, const char *value)
{
    if (r->form == IB_FORM_JSON)
        json_object_set_new(r->document, key, ib_json_text(value));
    else
        fprintf(r->out, r->form == IB_FORM_MD ? "%s: %s  \n" : "%s: %s\n", title, value);
    r->facts = r->form != IB_FORM_JSON;
}

void ib_report_table(ib_report *r, const char *name, const ib_heading *heading, size_t n)
{
    after_facts(r);
    r->heading = heading;
    r->n_column = n < MAX_COLUMNS ? n : MAX_COLUMNS;
    r->n_row = 0;
    memset(r->left, 0, sizeof r->left);
    if (r->form == IB_FORM_JSON)
        json_object_set_new(r->document, name, r->rows = json_array());
}

static json_t *as_json(const ib_cell *cell)
{
    switch (cell->kind) {
    case IB_TEXT:
        return ib_json_text(cell->text);
    case IB_COUNT:
        return json_integer((json_int_t)cell->real);
    case IB_REAL:
        return ib_json_real(cell->real);
    default:
        return json_pack("{s:o, s:o, s:o}", "median", ib_json_real(cell->spread.median), "min",
                         ib_json_real(cell->spread.min), "max", ib_json_real(cell->spread.max));
    }
}

/* Three digits, never an exponent where people read: 0.0123, 1.23, 12.3, 123, 1234. */
static void digits(char *text, size_t size, double x)
{
    const double size_of = fabs(x);

    if (!isfinite(x))
        snprintf(text, size, "-");
    else
        snprintf(text, size, "%.*f", size_of >= 100 ? 0 : size_of >= 10 ? 1 : size_of >= 1 ? 2 : 3, x);
}

static void as_text(char text[WIDTH], const ib_cell *cell)
{
    char median[12], low[12], high[12];

    switch (cell->kind) {
    case IB_TEXT:
        snprintf(text, WIDTH, "%s", cell->text);
        return;
    case IB_COUNT:
        snprintf(text, WIDTH, "%.0f", cell->real);
        return;
    case IB_REAL:
        digits(text, WIDTH, cell->real);
        return;
    default:
        digits(median, sizeof median, cell->spread.median);
        digits(low, sizeof low, cell->spread.min);
        digits(high, sizeof high, cell->spread.max);
        if (isnan(cell->spread.median) || (isnan(cell->spread.min) && isnan(cell->spread.max)))
            snprintf(text, WIDTH, "%s", median); /* nothing is known of a spread */
        else
            snprintf(text, WIDTH, "%s (%s..%s)", median, low, high);
    }
}

void ib_report_row(ib_report *r, const ib_cell *cells)
{
    if (r->form == IB_FORM_JSON) {
        json_t *row = json_object();
        for (size_t c = 0; c < r->n_column; c++)
            r->lost |= json_object_set_new(row, r->heading[c].key, as_json(&cells[c])) != 0;
        r->lost |= json_array_append_new(r->rows, row) != 0;
        return;
    }
    if (r->n_row == MAX_ROWS) {
        r->lost = true;
        return;
    }
    for (size_t c = 0; c < r->n_column; c++) {
        as_text(r->text[r->n_row][c], &cells[c]);
        r->left[c] |= cells[c].kind == IB_TEXT;
    }
    r->n_row++;
}

static void put_markdown(const ib_report *r)
{
    for (size_t c = 0; c < r->n_column; c++)
        fprintf(r->out, "| %s ", r->heading[c].title);
    fprintf(r->out, "|\n");
    for (size_t c = 0; c < r->n_column; c++)
        fprintf(r->out, r->left[c] ? "| --- " : "| ---: ");
    fprintf(r->out, "|\n");
    for (size_t k = 0; k < r->n_row; k++) {
        for (size_t c = 0; c < r->n_column; c++)
            fprintf(r->out, "| %s ", r->text[k][c]);
        fprintf(r->out, "|\n");
    }
    fputc('\n', r->out);
}

static void put_aligned(const ib_report *r)
{
    int width[MAX_COLUMNS];

    for (size_t c = 0; c < r->n_column; c++) {
        width[c] = (int)strlen(r->heading[c].title);
        for (size_t k = 0; k < r->n_row; k++)
            if ((int)strlen(r->text[k][c]) > width[c])
                width[c] = (int)strlen(r->text[k][c]);
    }
    for (size_t k = 0; k <= r->n_row; k++) {
        for (size_t c = 0; c < r->n_column; c++) {
            const char *text = k ? r->text[k - 1][c] : r->heading[c].title;
            const bool  last = c + 1 == r->n_column;
            fprintf(r->out, "%s%*s", c ? "  " : "", r->left[c] ? (last ? 0 : -width[c]) : width[c], text);
        }
        fputc('\n', r->out);
    }
    fputc('\n', r->out);
}

void ib_report_table_end(ib_report *r)
{
    if (r->form == IB_FORM_MD)
        put_markdown(r);
    else if (r->form == IB_FORM_TABLE)
        put_aligned(r);
    fflush(r->out); /* the next table may take a minute */
}

ib_status ib_report_end(ib_report *r, ib_error *err)
{
    if (!r)
        return IB_OK;
    after_facts(r);
    const bool lost = r->lost;
    if (r->form == IB_FORM_JSON) {
        json_dumpf(r->document, r->out, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
        fputc('\n', r->out);
        json_decref(r->document);
    }
    ib_free(r);
    return lost ? ib_fail(err, IB_ENOMEM, "the report is not whole: more rows than %d, or no memory", MAX_ROWS)
                : IB_OK;
}
