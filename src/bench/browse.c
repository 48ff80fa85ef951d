/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/browse.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/course.h"
#include "bench/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 16 };

/* clang-format off */
const ib_help_option ib_ls_options[] = {
    {"limit",      "N",      "20",      "the newest so many; 0: up to 500"},
    {"allow",      "LEVEL",  "invalid", "the least worth shown: reportable, valid, provisional or invalid"},
    {"repository", "FOLDER", ".",       "where git is asked what a word means that is no name in the history"},
    {"record",     "FOLDER", "results", "where the records are"},
    {"format",     "NAME",   "table",   "table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};

const ib_help_option ib_show_options[] = {
    {"repository", "FOLDER", ".",       "where git is asked what a word means that is no name in the history"},
    {"record",     "FOLDER", "results", "where the records are"},
    {"format",     "NAME",   "table",   "table, md (Markdown), or json: the lines of the record as one array"},
    {"plot",       "FILE",   "",        "draw memory and busy processors of the ranks over time into an .svg or .png file"},
    {NULL, NULL, NULL, NULL},
};

const ib_help_option ib_db_options[] = {
    {"record",     "FOLDER", "results", "where the records are"},
    {"format",     "NAME",   "table",   "of check: table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* ---- ls -------------------------------------------------------------------------------------------------- */

ib_status ib_validity_parse(const char *word, ib_validity *out, ib_error *err)
{
    for (int v = IB_REPORTABLE; v <= IB_INVALID; v++)
        if (!strcmp(word, ib_validity_name((ib_validity)v))) {
            *out = (ib_validity)v;
            return IB_OK;
        }
    return ib_fail(err, IB_EUSAGE, "--allow: \"%.40s\" is none of reportable|valid|provisional|invalid", word);
}

void ib_past_build(const ib_past *p, char name[40])
{
    const bool described = *p->describe && strncmp(p->commit, p->describe, strlen(p->describe)) != 0;

    snprintf(name, 40, "%.*s%s", described ? 36 : 10, described ? p->describe : p->commit, p->dirty > 0 ? "*" : "");
}

static void put_launch(ib_report *report, const ib_past *p)
{
    char build[40], shape[40], problem[64];

    ib_past_build(p, build);
    snprintf(shape, sizeof shape, "%d x %d", p->ranks, p->threads);
    ib_past_problem(p, problem, sizeof problem);
    ib_report_row(report, (const ib_cell[]){ib_cell_text(p->run_id), ib_cell_text(p->started), ib_cell_text(build),
                                            ib_cell_text(problem), ib_cell_text(shape), ib_cell_real(p->total),
                                            ib_cell_real(p->rate * 1e-6),
                                            ib_cell_text(strcmp(p->status, "ok") ? p->status : ""),
                                            ib_cell_text(ib_validity_name(p->validity)), ib_cell_text(p->tag)});
}

void ib_launches_report(ib_report *report, const ib_past *launch, size_t n)
{
    static const ib_heading heading[] = {{"run_id", "run"},
                                         {"started", "started (UTC)"},
                                         {"build", "build"},
                                         {"problem", "problem"},
                                         {"shape", "ranks x threads"},
                                         {"T_s", "T, s"},
                                         {"mvis_per_s_core", "Mvis/s/core"},
                                         {"status", "status"},
                                         {"validity", "worth"},
                                         {"tag", "tag"}};

    ib_report_table(report, "launches", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < n; i++)
        put_launch(report, &launch[i]);
    ib_report_table_end(report);
}

ib_status ib_ls(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const ib_help_option *option = ib_ls_options;
    const char           *value[IB_MAX_ARGUMENTS], *word[MAX_WORDS];
    char                  terms[1000] = "";
    size_t                n_word, n;
    int64_t               limit;
    ib_form               form;
    ib_validity           at_worst = IB_INVALID;
    ib_history           *history = NULL;
    ib_report            *report = NULL;
    ib_past              *launch = NULL;

    ib_status rc = ib_arguments_words("ls", option, argc, argv, value, word, MAX_WORDS, &n_word, err);
    if (!rc && !ib_numbers(ib_argument(option, value, "limit"), 0, 500, &limit, 1, err))
        rc = ib_within(err, "ls --limit: ");
    rc = rc ? rc : ib_form_parse(ib_argument(option, value, "format"), &form, err);
    rc = rc ? rc : ib_validity_parse(ib_argument(option, value, "allow"), &at_worst, err);
    rc = rc ? rc : ib_history_open(&history, ib_argument(option, value, "record"), false, err);
    if (rc)
        return rc;
    for (size_t i = 0, at = 0; i < n_word && at < sizeof terms; i++)
        at += (size_t)snprintf(terms + at, sizeof terms - at, "%s%s", i ? "," : "", word[i]);
    ib_history_warn(history);
    rc = ib_history_select(history,
                           &(ib_selection){.terms = terms,
                                           .repository = ib_argument(option, value, "repository"),
                                           .at_worst = at_worst,
                                           .limit = limit ? (size_t)limit : 500},
                           &launch, &n, err);
    if (!rc && n == 0)
        rc = ib_fail(err, IB_ENODATA, "no launch in %.200s%s%.200s", ib_argument(option, value, "record"),
                     *terms ? " satisfies " : "", terms);
    rc = rc ? rc : ib_report_begin(&report, out, form, err);
    if (!rc) {
        ib_launches_report(report, launch, n);
        rc = ib_report_end(report, err);
    }
    ib_free(launch);
    ib_history_close(history);
    return rc;
}

/* ---- show ------------------------------------------------------------------------------------------------ */

/* A value as people write it. */
static void as_text(const json_t *value, char *text, size_t size)
{
    *text = 0;
    if (json_is_string(value))
        snprintf(text, size, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(text, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, size, "%.4g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(text, size, json_is_true(value) ? "yes" : "no");
    else
        snprintf(text, size, "not known");
}

/* Rows "key value" of an object's plain members, without the identities. */
static void put_members(ib_report *report, const char *part, const json_t *object)
{
    const char *key;
    json_t     *value;
    char        text[400];

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const size_t n = strlen(key);
        if (json_is_object(value) || json_is_array(value) || (n > 3 && !strcmp(key + n - 3, "_id")))
            continue;
        as_text(value, text, sizeof text);
        ib_report_row(report, (const ib_cell[]){ib_cell_text(part), ib_cell_text(key), ib_cell_text(text)});
    }
}

void ib_facts_report(ib_report *report, const json_t *lines)
{
    static const ib_heading heading[] = {{"part", ""}, {"fact", "fact"}, {"value", "value"}};
    const json_t           *run = ib_json_line(lines, "run"), *rep = ib_json_line(lines, "rep");
    const json_t           *workload = json_object_get(run, "workload"), *given = json_object_get(workload, "given");
    const char             *key;
    json_t                 *from;
    char                    text[400], where[40];

    ib_report_section(report, "Facts", "");
    ib_report_table(report, "facts", heading, 3);
    json_object_foreach((json_t *)(uintptr_t)given, key, from)
    {
        as_text(json_object_get(json_object_get(workload, "params"), key), text, sizeof text);
        snprintf(where, sizeof where, "option (%.28s)", json_string_value(from) ? json_string_value(from) : "");
        ib_report_row(report, (const ib_cell[]){ib_cell_text(where), ib_cell_text(key), ib_cell_text(text)});
    }
    put_members(report, "shape", json_object_get(run, "shape"));
    put_members(report, "build", json_object_get(run, "build"));
    put_members(report, "machine", json_object_get(run, "machine"));
    put_members(report, "job", json_object_get(run, "job"));
    put_members(report, "environment", json_object_get(run, "env"));
    put_members(report, "steady", json_object_get(rep, "steady"));
    put_members(report, "efficiency", json_object_get(rep, "efficiency"));
    put_members(report, "choice", json_object_get(rep, "choice"));
    put_members(report, "samples", json_object_get(rep, "counts"));
    put_members(report, "memory", json_object_get(rep, "memory"));
    put_members(report, "bytes", json_object_get(rep, "bytes"));
    ib_report_table_end(report);
}

static void put_times(ib_report *report, const json_t *lines)
{
    static const ib_heading heading[] = {{"phase", "phase"},         {"max_s", "max, s"},
                                         {"mean_s", "mean, s"},      {"imbalance", "imbalance, %"},
                                         {"share", "share, %"},      {"nearest", "nearest bound"},
                                         {"times_bound", "times it"}};
    const char             *name;
    json_t                 *phase;
    const json_t           *phases = json_object_get(ib_json_line(lines, "rep"), "phases");

    if (!phases)
        return;
    ib_report_section(report, "Phases", "");
    ib_report_table(report, "phases", heading, 7);
    json_object_foreach((json_t *)(uintptr_t)phases, name, phase)
    {
        const double  max = json_number_value(json_object_get(phase, "max_s"));
        const double  mean = json_number_value(json_object_get(phase, "mean_s"));
        const char   *nearest = json_string_value(json_object_get(phase, "nearest"));
        const json_t *times = json_object_get(phase, "times_bound");
        if (max > 0)
            ib_report_row(report,
                          (const ib_cell[]){ib_cell_text(name), ib_cell_real(max), ib_cell_real(mean),
                                            ib_cell_real(100 * (max / mean - 1)),
                                            ib_cell_real(100 * json_number_value(json_object_get(phase, "share"))),
                                            ib_cell_text(nearest ? nearest : ""),
                                            ib_cell_real(times ? json_number_value(times) : (double)NAN)});
    }
    ib_report_table_end(report);
}

/* Where the time of every rank went. */
static void put_ranks(ib_report *report, const json_t *lines)
{
    static const ib_heading heading[] = {{"rank", "rank"},
                                         {"serial_s", "alone, s"},
                                         {"team_s", "in regions, s"},
                                         {"storing_s", "files, s"},
                                         {"messaging_s", "MPI, s"},
                                         {"work_s", "work of threads, s"},
                                         {"team_storing_s", "their files, s"}};
    enum { COLUMNS = sizeof heading / sizeof *heading, MOST = 64 };
    const json_t *vec = ib_json_line(lines, "vec");
    const size_t  n = json_array_size(json_object_get(vec, "serial_s"));
    const size_t  every = (size_t)json_integer_value(json_object_get(vec, "every_rank"));

    if (!n)
        return;
    ib_report_section(report, "Ranks", "");
    ib_report_table(report, "ranks", heading, COLUMNS);
    for (size_t r = 0; r < n; r += (n + MOST - 1) / MOST) {
        ib_cell cell[COLUMNS] = {ib_cell_count(r * every)};
        for (size_t c = 1; c < COLUMNS; c++)
            cell[c] = ib_cell_real(json_number_value(json_array_get(json_object_get(vec, heading[c].key), r)));
        ib_report_row(report, cell);
    }
    ib_report_table_end(report);
}

static void put_record(ib_report *report, const ib_past *p, const char *path, const json_t *lines)
{
    const json_t *end = ib_json_line(lines, "end"), *check = ib_json_line(lines, "check"), *reason;
    const json_t *argv = json_object_get(ib_json_line(lines, "run"), "argv"), *word;
    char          text[1000] = "";
    size_t        i, at = 0;

    ib_report_fact(report, "run_id", "run", p->run_id);
    ib_report_fact(report, "started", "started (UTC)", p->started);
    json_array_foreach(argv, i, word)
    {
        if (at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? " " : "", json_string_value(word));
    }
    ib_report_fact(report, "command", "command", text);
    ib_report_fact(report, "input", "input", p->input);
    if (json_is_string(json_object_get(ib_json_line(lines, "rep"), "input")))
        ib_report_fact(report, "input_digest", "its rows' digest",
                       json_string_value(json_object_get(ib_json_line(lines, "rep"), "input")));
    snprintf(text, sizeof text, "%s%s%s", p->status, json_string_value(json_object_get(end, "error")) ? ": " : "",
             json_string_value(json_object_get(end, "error")) ? json_string_value(json_object_get(end, "error"))
                                                              : "");
    ib_report_fact(report, "status", "status", text);
    at = (size_t)snprintf(text, sizeof text, "%s", ib_validity_name(p->validity));
    if (*p->reason)
        at += (size_t)snprintf(text + at, sizeof text - at, " (%s", p->reason);
    json_array_foreach(json_object_get(end, "reasons"), i, reason)
    {
        const char *why = json_string_value(reason);
        if (at < sizeof text && why && strcmp(why, p->reason) != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "; %s", why);
    }
    if (*p->reason && at < sizeof text)
        snprintf(text + at, sizeof text - at, ")");
    ib_report_fact(report, "validity", "worth", text);
    if (isfinite(p->total)) {
        snprintf(text, sizeof text, "%s, %s/core", ib_text_seconds(p->total).s, ib_text_rate(p->rate, "vis/s").s);
        ib_report_fact(report, "time", "T", text);
    }
    if (isfinite(p->error)) {
        snprintf(text, sizeof text, "%.2e measured, %.2e promised", p->error,
                 json_number_value(json_object_get(json_object_get(check, "detail"), "promised")));
        ib_report_fact(report, "accuracy", "accuracy", text);
    }
    ib_report_fact(report, "record", "record", path);
    put_times(report, lines);
    put_ranks(report, lines);
    ib_facts_report(report, lines);
}

ib_status ib_show(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const ib_help_option *option = ib_show_options;
    const char           *value[IB_MAX_ARGUMENTS], *terms;
    char                  path[2048] = "", with_last[400];
    size_t                n = 0;
    ib_form               form;
    ib_history           *history = NULL;
    ib_report            *report = NULL;
    ib_past              *launch = NULL;

    ib_status rc = ib_arguments_parse("show", option, argc, argv, value, &terms, err);
    rc = rc ? rc : ib_form_parse(ib_argument(option, value, "format"), &form, err);
    rc = rc ? rc : ib_history_open(&history, ib_argument(option, value, "record"), false, err);
    if (rc)
        return rc;
    snprintf(with_last, sizeof with_last, "%.390s,last", terms ? terms : "");
    rc = ib_history_select(history,
                           &(ib_selection){.terms = with_last,
                                           .repository = ib_argument(option, value, "repository"),
                                           .at_worst = IB_INVALID},
                           &launch, &n, err);
    if (!rc && n == 0)
        rc = ib_fail(err, IB_ENODATA, "no launch in %.200s%s%.200s", ib_argument(option, value, "record"),
                     terms ? " satisfies " : "", terms ? terms : "");
    rc = rc ? rc : ib_history_file(history, launch->run_id, path, sizeof path, err);
    json_t *lines = rc ? NULL : ib_json_lines(path, launch->run_id);
    if (!rc && form == IB_FORM_JSON) {
        json_dumpf(lines, out, JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
        fputc('\n', out);
    } else if (!rc && !(rc = ib_report_begin(&report, out, form, err))) {
        put_record(report, launch, path, lines);
        rc = ib_report_end(report, err);
    }
    if (!rc && *ib_argument(option, value, "plot"))
        rc = ib_course_plot(ib_json_line(lines, "monitor"), launch->input, ib_argument(option, value, "plot"), err);
    json_decref(lines);
    ib_free(launch);
    ib_history_close(history);
    return rc;
}

/* ---- db -------------------------------------------------------------------------------------------------- */

static void put_problem(void *to, const char *file, const char *why, bool newer)
{
    ib_report_row(
        to, (const ib_cell[]){ib_cell_text(newer ? "newer" : "damaged"), ib_cell_text(file), ib_cell_text(why)});
}

static ib_status check(ib_history *history, ib_form form, FILE *out, ib_error *err)
{
    static const ib_heading heading[] = {{"problem", "problem"}, {"record", "record"}, {"why", "why"}};
    const ib_history_state *about = ib_history_about(history);
    ib_report              *report;
    char                    text[200];

    ib_status rc = ib_report_begin(&report, out, form, err);
    if (rc)
        return rc;
    ib_report_fact(report, "database", "database", about->path);
    snprintf(text, sizeof text, "%zu launches in %zu records; %s, tables of version %d", about->n_launch,
             about->n_file, about->bytes ? ib_text_bytes((double)about->bytes).s : "in memory only", about->version);
    ib_report_fact(report, "holds", "holds", text);
    snprintf(text, sizeof text, "%zu records read, %zu forgotten", about->n_read, about->n_dropped);
    ib_report_fact(report, "now", "now", text);
    if (*about->why)
        ib_report_fact(report, "note", "note", about->why);
    if (about->n_damaged + about->n_newer) {
        ib_report_table(report, "problems", heading, 3);
        ib_history_problems(history, put_problem, report);
        ib_report_table_end(report);
    }
    rc = ib_report_end(report, err);
    if (!rc && about->n_newer)
        rc =
            ib_fail(err, IB_ENEWER, "%zu records were written by a later imgbench and were left out", about->n_newer);
    else if (!rc && about->n_damaged)
        rc = ib_fail(err, IB_EDATA, "%zu records are damaged; what could be read of them was taken in",
                     about->n_damaged);
    return rc;
}

ib_status ib_db(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const ib_help_option *option = ib_db_options;
    const char           *value[IB_MAX_ARGUMENTS], *action;
    ib_form               form;
    ib_history           *history = NULL;

    ib_status rc = ib_arguments_parse("db", option, argc, argv, value, &action, err);
    rc = rc ? rc : ib_form_parse(ib_argument(option, value, "format"), &form, err);
    const bool rebuild = !rc && action && !strcmp(action, "rebuild"), path = !rc && action && !strcmp(action, "path");
    if (!rc && !rebuild && !path && (!action || strcmp(action, "check") != 0))
        rc = ib_fail(err, IB_EUSAGE, "db takes rebuild, check or path, not %s", action ? action : "nothing");
    rc = rc ? rc : ib_history_open(&history, ib_argument(option, value, "record"), rebuild, err);
    if (rc)
        return rc;
    if (path)
        fprintf(out, "%s\n", ib_history_about(history)->path);
    else
        rc = check(history, form, out, err);
    ib_history_close(history);
    return rc;
}
