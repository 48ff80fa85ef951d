/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/table.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "bench/html.h"
#include "bench/json.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_COLUMNS = 16, MAX_ROWS = 512, WIDTH = 80 };

struct ib_report {
    FILE   *out;
    ib_form form;
    json_t *document, *rows; /* rows of the table now being filled */
    bool    lost, facts;     /* lines of facts were just written, and want an empty one after them */
    bool    part;            /* there are parts: sections are below them */
    enum { NOTHING, FACTS, CARDS, FIGURES, PICTURES, STRIPS } open; /* elements of a page that follow each other */

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

/* Texts of records may come from anywhere: here they act neither on a terminal nor, in Markdown, as HTML or as the end of a
   cell. On one line unless there are lines. */
static void put(const ib_report *r, const char *text, bool lines)
{
    const bool markdown = r->form == IB_FORM_MD;

    while (*text) {
        const char  *from = text;
        const size_t bytes = ib_text_next(&text);
        if (!bytes)
            fputc('?', r->out);
        else if ((*from == '\n' || *from == '\t') && !lines)
            fputc(' ', r->out);
        else if (markdown && *from == '<' && (isalpha((unsigned char)*text) || (*text && strchr("/!?", *text))))
            fputs("&lt;", r->out);
        else if (markdown && *from == '|' && !lines)
            fputs("\\|", r->out);
        else
            fwrite(from, 1, bytes, r->out);
    }
}

static void after_facts(ib_report *r)
{
    if (r->facts)
        fputc('\n', r->out);
    r->facts = false;
}

/* ---- pages ----------------------------------------------------------------------------------------------- */

static void element(ib_report *r, const char *name, const char *text)
{
    fprintf(r->out, "<%s>", name);
    ib_html_text(r->out, text);
    fprintf(r->out, "</%.*s>\n", (int)strcspn(name, " "), name);
}

/* What is alike stands in one list; what is not ends it. */
static void next(ib_report *r, int kind)
{
    static const char *const begin[] = {"",
                                        "<dl>\n",
                                        "<div class=\"cards\">\n",
                                        "<div class=\"figures\">\n",
                                        "<div class=\"figures pictures\">\n",
                                        "<div class=\"strips\">\n"};

    if ((int)r->open == kind)
        return;
    if (r->open)
        fputs(r->open == FACTS ? "</dl>\n" : "</div>\n", r->out);
    r->open = kind;
    fputs(begin[kind], r->out);
}

static bool is_page(ib_report *r, int kind)
{
    if (r->form == IB_FORM_HTML)
        next(r, kind);
    return r->form == IB_FORM_HTML;
}

void ib_report_chart(ib_report *r, const ib_chart *chart)
{
    if (is_page(r, FIGURES))
        ib_chart_draw(r->out, chart);
}

void ib_report_strip(ib_report *r, const char *name, const char *value, double low, double high,
                     const ib_piece *piece, size_t n)
{
    if (is_page(r, STRIPS))
        ib_strip_draw(r->out, name, value, low, high, piece, n);
}

void ib_report_axis(ib_report *r, const char *const *word, size_t n)
{
    if (!is_page(r, STRIPS))
        return;
    fputs("<div class=\"axis\">", r->out);
    for (size_t i = 0; i < n; i++)
        element(r, "span", word[i]);
    fputs("</div>\n", r->out);
}

void ib_report_legend(ib_report *r, const char *const *name, const int *colour, size_t n)
{
    if (is_page(r, STRIPS))
        ib_legend_draw(r->out, name, colour, n);
}

void ib_report_picture(ib_report *r, const unsigned char *png, size_t bytes, size_t width, size_t height,
                       const char *title, const char *text)
{
    if (!is_page(r, PICTURES))
        return;
    fputs("<figure>", r->out);
    ib_html_picture(r->out, png, bytes, width, height, title);
    fputs("<figcaption>", r->out);
    ib_html_text(r->out, title);
    element(r, "span", text);
    fputs("</figcaption></figure>\n", r->out);
}

void ib_report_fold(ib_report *r, const char *title)
{
    if (is_page(r, NOTHING)) {
        fputs("<details>", r->out);
        element(r, "summary", title);
    }
}

void ib_report_unfold(ib_report *r)
{
    if (is_page(r, NOTHING))
        fputs("</details>\n", r->out);
}

/* ---- words ----------------------------------------------------------------------------------------------- */

void ib_report_title(ib_report *r, const char *title, const char *text)
{
    if (is_page(r, NOTHING)) {
        element(r, "h1", title);
        element(r, "p class=\"lead\"", text);
    } else if (r->form != IB_FORM_JSON) {
        fputs(r->form == IB_FORM_MD ? "# " : "", r->out);
        put(r, title, false);
        fputs("\n\n", r->out);
        put(r, text, true);
        fputs("\n\n", r->out);
    }
}

static void head(ib_report *r, int level, const char *title, const char *text)
{
    after_facts(r);
    if (r->form == IB_FORM_HTML) {
        if (level > 2)
            element(r, "h3", title);
        if (*text)
            element(r, "p class=\"lead\"", text);
    } else if (r->form != IB_FORM_JSON) {
        fputs(r->form == IB_FORM_MD ? "### " + (3 - level) : "", r->out);
        put(r, title, false);
        fputs("\n\n", r->out);
        put(r, text, true);
        fputs(*text ? "\n\n" : "", r->out);
    }
}

void ib_report_part(ib_report *r, const char *name, const char *title, const char *text)
{
    r->part = true;
    if (is_page(r, NOTHING)) {
        fprintf(r->out, "<h2 id=\"%s\">", name);
        ib_html_text(r->out, title);
        fputs("</h2>\n", r->out);
    }
    head(r, 2, title, text);
}

void ib_report_section(ib_report *r, const char *title, const char *text)
{
    is_page(r, NOTHING);
    head(r, r->part ? 3 : 2, title, text);
}

void ib_report_text(ib_report *r, const char *text)
{
    after_facts(r);
    if (is_page(r, NOTHING)) {
        element(r, "p", text);
    } else if (r->form != IB_FORM_JSON) {
        put(r, text, true);
        fputs("\n\n", r->out);
    }
}

void ib_report_code(ib_report *r, const char *text)
{
    after_facts(r);
    if (is_page(r, NOTHING))
        element(r, "pre", text);
    else if (r->form == IB_FORM_TABLE)
        fprintf(r->out, "%s\n\n", text);
    else if (r->form == IB_FORM_MD)
        fprintf(r->out, "```\n%s\n```\n\n", text);
}

void ib_report_verdict(ib_report *r, ib_gravity gravity, const char *title, const char *text)
{
    static const char *const class[] = {"", " good", " warn", " bad"};

    if (is_page(r, CARDS)) {
        fprintf(r->out, "<div class=\"card%s\">", class[gravity]);
        element(r, "b", title);
        element(r, "span", text);
        fputs("</div>\n", r->out);
    } else if (r->form != IB_FORM_JSON) {
        fputs(r->form == IB_FORM_MD ? "- " : "", r->out);
        put(r, title, false);
        fputs(": ", r->out);
        put(r, text, false);
        fputc('\n', r->out);
        r->facts = true;
    }
}

void ib_report_fact(ib_report *r, const char *key, const char *title, const char *value)
{
    if (is_page(r, FACTS)) {
        element(r, "dt", title);
        element(r, "dd", value);
        return;
    }
    if (r->form == IB_FORM_JSON) {
        json_object_set_new(r->document, key, ib_json_text(value));
    } else {
        fprintf(r->out, "%s: ", title);
        put(r, value, false);
        fputs(r->form == IB_FORM_MD ? "  \n" : "\n", r->out);
    }
    r->facts = r->form != IB_FORM_JSON;
}

void ib_report_table(ib_report *r, const char *name, const ib_heading *heading, size_t n)
{
    after_facts(r);
    is_page(r, NOTHING);
    r->heading = heading;
    r->n_column = n < MAX_COLUMNS ? n : MAX_COLUMNS;
    r->n_row = 0;
    memset(r->left, 0, sizeof r->left);
    if (r->form == IB_FORM_JSON)
        json_object_set_new(r->document, name, r->rows = json_array());
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

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

/* As much as there is room for, in whole characters. */
static void one_line(char *text, size_t room, const char *from)
{
    size_t n = 0;

    while (*from) {
        const char  *at = from;
        const size_t bytes = ib_text_next(&from);
        if (n + (bytes ? bytes : 1) >= room)
            break;
        if (bytes && *at != '\n' && *at != '\t')
            memcpy(text + n, at, bytes);
        else
            text[n] = bytes ? ' ' : '?';
        n += bytes ? bytes : 1;
    }
    text[n] = 0;
}

static void as_text(char *text, const ib_cell *cell)
{
    char median[12], low[12], high[12];

    switch (cell->kind) {
    case IB_TEXT:
        one_line(text, WIDTH, cell->text);
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

/* Rows of a page are written as they come. */
static void put_row(ib_report *r, const ib_cell *cells)
{
    char text[WIDTH];

    if (r->n_row++ == 0) {
        fputs("<div class=\"scroll\"><table>\n<thead><tr>", r->out);
        for (size_t c = 0; c < r->n_column; c++)
            element(r, cells[c].kind == IB_TEXT ? "th scope=\"col\"" : "th scope=\"col\" class=\"n\"",
                    r->heading[c].title);
        fputs("</tr></thead>\n<tbody>\n", r->out);
    }
    fputs("<tr>", r->out);
    for (size_t c = 0; c < r->n_column; c++) {
        const bool words = cells[c].kind == IB_TEXT;
        if (!words)
            as_text(text, &cells[c]);
        element(r, words ? "td" : "td class=\"n\"", words ? cells[c].text : text);
    }
    fputs("</tr>\n", r->out);
}

void ib_report_row(ib_report *r, const ib_cell *cells)
{
    if (r->form == IB_FORM_HTML) {
        put_row(r, cells);
        return;
    }
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
        for (size_t c = 0; c < r->n_column; c++) {
            fputs("| ", r->out);
            put(r, r->text[k][c], false);
            fputc(' ', r->out);
        }
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
    else if (r->form == IB_FORM_HTML && r->n_row)
        fputs("</tbody></table></div>\n", r->out);
    fflush(r->out); /* the next table may take a minute */
}

ib_status ib_report_end(ib_report *r, ib_error *err)
{
    if (!r)
        return IB_OK;
    after_facts(r);
    is_page(r, NOTHING);
    const bool lost = r->lost;
    if (r->form == IB_FORM_JSON) {
        json_dumpf(r->document, r->out, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
        fputc('\n', r->out);
        json_decref(r->document);
    }
    ib_free(r);
    return lost ? ib_fail(err, IB_ENOMEM, "the report is not whole: more rows than %d, or no memory", MAX_ROWS)
                : IB_OK;
}
