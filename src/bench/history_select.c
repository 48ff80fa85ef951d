/* SPDX-License-Identifier: BSD-3-Clause */
/* Launches, verdicts and notes of the history, by what is asked of them. */
#include "base/error.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/option.h"
#include "base/trace.h"
#include "bench/history_db.h"
#include "bench/json.h"
#include "bench/process.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TERMS = 32 };

/* ---- selecting ------------------------------------------------------------------------------------------- */

typedef struct query {
    char   sql[6000];
    size_t length, n_value;
    char   value[MAX_TERMS * 2][200];
    bool   newest; /* "last" */
} query;

static void add(query *q, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(query *q, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int n = vsnprintf(q->sql + q->length, sizeof q->sql - q->length, format, args);
    va_end(args);
    q->length += (size_t)n < sizeof q->sql - q->length ? (size_t)n : 0;
}

/* The number of a new question mark. */
static int bind(query *q, const char *value)
{
    snprintf(q->value[q->n_value], sizeof q->value[0], "%s", value);
    return (int)++q->n_value;
}

/* clang-format off */
static const struct { const char *key, *column; } columns[] = {
    {"run", "run_id"}, {"commit", "commit_hash"}, {"build", "build_id"}, {"tag", "tag"}, {"machine", "alias"},
    {"input", "input"}, {"ranks", "ranks"}, {"nodes", "nodes"}, {"threads", "threads"}, {"status", "status"},
    {"validity", "validity"}, {"intent", "intent"}, {"day", "substr(started, 1, 10)"}, {"T", "T_s"},
    {"campaign", "campaign"},
};
/* clang-format on */
enum { N_COLUMNS = sizeof columns / sizeof *columns };

/* What a key stands for in SQL. */
static ib_status put_column(query *q, const char *key, ib_error *err)
{
    const char *names[N_COLUMNS + IB_N_PHASES + IB_MAX_OPTIONS];
    size_t      n = 0;

    for (size_t i = 0; i < N_COLUMNS; i++) {
        if (!strcmp(key, columns[i].key)) {
            add(q, "%s", columns[i].column);
            return IB_OK;
        }
        names[n++] = columns[i].key;
    }
    for (int i = 0; i < IB_N_PHASES; i++) {
        if (!strcmp(key, ib_phase_name((ib_phase)i))) {
            add(q,
                "(SELECT value FROM metric WHERE run = v.id AND rep = -1 AND phase = '%s' AND name = 'wall_s' AND stat = "
                "'max')",
                key);
            return IB_OK;
        }
        names[n++] = ib_phase_name((ib_phase)i);
    }
    for (size_t i = 0; i < ib_option_count(); i++) {
        if (!strcmp(key, ib_option_name(i))) {
            add(q, "json_extract(params, '$.\"%s\"')", key);
            return IB_OK;
        }
        names[n++] = ib_option_name(i);
    }
    const char *near = ib_nearest(key, names, n);
    return near ? ib_fail(err, IB_EUSAGE,
                          "\"%.60s\" is neither an option nor a fact of launches; did you mean \"%s\"?", key, near)
                : ib_fail(err, IB_EUSAGE,
                          "\"%.60s\" is neither an option nor a fact of launches, as ranks or input are", key);
}

/* Length of the operator at the end of a key; 0: the term is a word. */
static size_t operator_at(const char *term, size_t *key_length)
{
    *key_length = strcspn(term, "=<>!");
    const char *at = term + *key_length;
    if (!*at || *key_length == 0)
        return 0;
    return at[1] == '=' ? 2 : *at == '!' ? 0 : 1;
}

static ib_status put_comparison(query *q, const char *term, size_t key_length, size_t operator_length, ib_error *err)
{
    char key[64];

    snprintf(key, sizeof key, "%.*s", (int)key_length, term);
    const char *sign = term + key_length, *value = sign + operator_length;
    const bool  order = *sign == '<' || *sign == '>', number = order && strcmp(key, "day") != 0;
    char       *end;
    add(q, "CAST(");
    ib_status rc = put_column(q, key, err);
    if (rc)
        return rc;
    strtod(value, &end);
    if (number && (end == value || *end))
        return ib_fail(err, IB_EUSAGE, "%.80s: %s is compared with a number, not with \"%.40s\"", term, key, value);
    add(q, number ? " AS REAL) %.*s CAST(?%d AS REAL)" : " AS TEXT) %.*s ?%d", (int)operator_length, sign,
        bind(q, value));
    return IB_OK;
}

/* Whether any launch satisfies the condition that starts at `from`. */
static bool anyone(ib_history *h, const query *q, size_t from)
{
    char sql[sizeof q->sql + 64];

    snprintf(sql, sizeof sql, "SELECT 1 FROM v_launch v WHERE %s LIMIT 1", q->sql + from);
    sqlite3_stmt *s = ib_db_prepare(h, sql, "");
    for (size_t i = 0; s && i < q->n_value; i++)
        sqlite3_bind_text(s, (int)i + 1, q->value[i], -1, SQLITE_STATIC);
    const bool yes = s && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    return yes;
}

/* A word: the name of a run, build or tag, or of a commit, here or in git. */
static ib_status put_word(ib_history *h, query *q, const char *word, const char *repository, ib_error *err)
{
    const size_t from = q->length, values = q->n_value, n = strlen(word);
    const bool   dirty = n > 6 && !strcmp(word + n - 6, "-dirty");
    char         name[128], hash[64] = "", revision[160];

    snprintf(name, sizeof name, "%.*s", (int)(dirty ? n - 6 : n), word);
    snprintf(revision, sizeof revision, "%s^{commit}", name);
    for (int in_git = 0; in_git < 2; in_git++) {
        char *argv[] = {"git",    "-C", (char *)(uintptr_t)repository, "rev-parse", "--verify", "--quiet",
                        revision, NULL};
        if (in_git && (!repository || *name == '-' || ib_process_line(argv, hash, sizeof hash)))
            break;
        add(q,
            "EXISTS (SELECT 1 FROM (SELECT ?%d AS w) WHERE %s"
            "((describe = w OR (length(w) > 5 AND substr(commit_hash, 1, length(w)) = w)) AND dirty %s 1))",
            bind(q, in_git ? hash : name),
            dirty || in_git ? ""
                            : "build_id = w OR tag = w OR (length(w) > 5 AND substr(run_id, 1, length(w)) = w) OR ",
            dirty ? "=" : "<>");
        if (anyone(h, q, from))
            return IB_OK;
        q->length = from;
        q->sql[from] = 0;
        q->n_value = values;
    }
    return ib_fail(err, IB_ENODATA, "no launch of \"%.100s\" in %.200s: %s", word, h->folder,
                   *hash   ? "git knows that commit, and imgbench ab can measure it"
                   : dirty ? "no commit of that name was launched from changed sources"
                           : "no run, build, tag or commit there is called so (COMMIT-dirty means changed sources)");
}

static ib_status put_terms(ib_history *h, query *q, const char *terms, const char *repository, ib_error *err)
{
    ib_status rc = IB_OK;

    while (terms && *terms && !rc) {
        char         term[200];
        const size_t n = strcspn(terms, ",");
        size_t       key;
        if (n >= sizeof term || q->n_value + 2 > MAX_TERMS)
            return ib_fail(err, IB_EUSAGE, "\"%.60s...\": too long, or too many terms", terms);
        snprintf(term, sizeof term, "%.*s", (int)n, terms);
        terms += n + (terms[n] == ',');
        const size_t sign = operator_at(term, &key);
        if (!*term)
            continue;
        if (!strcmp(term, "last")) {
            q->newest = true;
            continue;
        }
        add(q, " AND ");
        if (sign) {
            rc = put_comparison(q, term, key, sign, err);
        } else {
            query word = {.n_value = q->n_value};
            memcpy(word.value, q->value, sizeof word.value);
            rc = put_word(h, &word, term, repository, err);
            if (!rc) {
                add(q, "%s", word.sql);
                memcpy(q->value, word.value, sizeof word.value);
                q->n_value = word.n_value;
            }
        }
    }
    return rc;
}

void ib_selection_keys(const char *terms, char *keys, size_t size)
{
    size_t at = strlen(keys), key;

    while (terms && *terms) {
        const size_t n = strcspn(terms, ",");
        if (operator_at(terms, &key) && key < n && at + key + 2 < size)
            at += (size_t)snprintf(keys + at, size - at, "%s%.*s", at ? "," : "", (int)key, terms);
        terms += n + (terms[n] == ',');
    }
}

/* @param input  NULL: it is not known */
static void put_problem(const char *input, json_t *problem, char *text, size_t size)
{
    json_t     *value;
    const char *key;
    size_t      at = (size_t)snprintf(text, size, "%s", input ? input : "");

    json_object_foreach(problem, key, value)
    {
        if (strcmp(key, "input") != 0 && json_is_string(value) && at < size)
            at += (size_t)snprintf(text + at, size - at, " %s=%s", key, json_string_value(value));
    }
}

void ib_past_problem(const ib_past *p, char *text, size_t size)
{
    json_t *problem = json_loads(p->problem, 0, NULL);

    put_problem(p->input, problem, text, size);
    json_decref(problem);
}

static bool has(const char *list, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && !strncmp(at, word, n))
            return true;
    return false;
}

bool ib_past_same_series(const ib_past *a, const ib_past *b, const char *except)
{
    return (has(except, "machine") || !strcmp(a->machine, b->machine)) &&
           (has(except, "ranks") || a->ranks == b->ranks) && (has(except, "nodes") || a->nodes == b->nodes) &&
           (has(except, "threads") || a->threads == b->threads) && !strcmp(a->problem, b->problem);
}

void ib_past_differences(const ib_past *a, const ib_past *b, char *text, size_t size)
{
    json_t     *of_a = json_loads(a->environment, 0, NULL), *of_b = json_loads(b->environment, 0, NULL), *value;
    const char *key;
    size_t      at = strlen(text);

    json_object_update_missing(of_a, of_b);
    json_object_foreach(of_a, key, value)
    {
        json_t     *other = json_object_get(of_b, key);
        const char *x = json_string_value(value), *y = json_string_value(other);
        const bool  unknown = !strcmp(key, "input") && !(x && y); /* a record of before its digest was taken */
        if (!json_equal(value, other) && !unknown && at < size && !strstr(text, key))
            at += (size_t)snprintf(text + at, size - at, "%s%s: %.60s -> %.60s", at ? "; " : "", key, x ? x : "none",
                                   y ? y : "none");
    }
    json_decref(of_a);
    json_decref(of_b);
}

static ib_status put_phases(ib_history *h, int64_t id, ib_past *p, ib_error *err)
{
    sqlite3_stmt *s = ib_db_prepare(
        h, "SELECT phase, value FROM metric WHERE run = ? AND rep = -1 AND name = 'wall_s' AND stat = 'max'", "i",
        id);

    for (int i = 0; i < IB_N_PHASES; i++)
        p->phase[i] = (double)NAN;
    while (s && sqlite3_step(s) == SQLITE_ROW)
        for (int i = 0; i < IB_N_PHASES; i++)
            if (!strcmp((const char *)sqlite3_column_text(s, 0), ib_phase_name((ib_phase)i)))
                p->phase[i] = sqlite3_column_double(s, 1);
    return sqlite3_finalize(s) == SQLITE_OK ? IB_OK : ib_db_refused(h, "phases", err);
}

static ib_status fill(ib_history *h, sqlite3_stmt *s, ib_past *p, ib_error *err)
{
    char validity[16];

    memset(p, 0, sizeof *p);
    ib_db_copy(p->run_id, sizeof p->run_id, s, 1);
    ib_db_copy(p->started, 20, s, 2); /* without fractions of seconds */
    ib_db_copy(p->machine, sizeof p->machine, s, 3);
    ib_db_copy(p->status, sizeof p->status, s, 4);
    ib_db_copy(p->tag, sizeof p->tag, s, 5);
    ib_db_copy(p->commit, sizeof p->commit, s, 6);
    ib_db_copy(p->describe, sizeof p->describe, s, 7);
    ib_db_copy(p->build_id, sizeof p->build_id, s, 8);
    ib_db_copy(p->commit_time, sizeof p->commit_time, s, 9);
    p->dirty = sqlite3_column_int(s, 10);
    p->ranks = sqlite3_column_int(s, 11);
    p->nodes = sqlite3_column_int(s, 12);
    p->threads = sqlite3_column_int(s, 13);
    ib_db_copy(validity, sizeof validity, s, 14);
    p->validity = IB_INVALID;
    for (int v = IB_REPORTABLE; v <= IB_INVALID; v++)
        if (!strcmp(validity, ib_validity_name((ib_validity)v)))
            p->validity = (ib_validity)v;
    p->wrong = (sqlite3_column_type(s, 15) != SQLITE_NULL && !sqlite3_column_int(s, 15)) ||
               sqlite3_column_int(s, 22) == ib_exit_code(IB_ECHECK);
    ib_db_copy(p->reason, sizeof p->reason, s, 16);
    p->total = ib_db_real(s, 17);
    p->peak_bytes = ib_db_real(s, 19);
    p->error = ib_db_real(s, 20);
    ib_db_copy(p->input, sizeof p->input, s, 21);
    const char *problem = (const char *)sqlite3_column_text(s, 23),
               *around = (const char *)sqlite3_column_text(s, 24);
    p->problem = ib_db_keep(h, problem ? problem : "{}", err);
    p->environment = p->problem ? ib_db_keep(h, around ? around : "{}", err) : NULL;
    if (!p->environment)
        return err->status;
    const ib_status rc = put_phases(h, sqlite3_column_int64(s, 0), p, err);
    p->rate = ib_db_real(s, 18) / p->phase[IB_PHASE_GRID] / (p->ranks * p->threads);
    return rc;
}

ib_status ib_history_select(ib_history *h, const ib_selection *want, ib_past **launch, size_t *n, ib_error *err)
{
    query    *q = ib_alloc_zero(1, sizeof *q, "query", err);
    char      without[600] = "";
    size_t    room = 0;
    ib_past  *found = NULL;
    ib_status rc;

    *launch = NULL;
    *n = 0;
    if (!q)
        return err->status;
    for (const char *at = want->except ? want->except : ""; *at;) {
        const size_t k = strcspn(at, ","), length = strlen(without);
        snprintf(without + length, sizeof without - length, ", '$.\"%.*s\"'", (int)(k < 40 ? k : 40), at);
        at += k + (at[k] == ',');
    }
    add(q,
        "SELECT id, run_id, started, alias, status, tag, commit_hash, describe, build_id, commit_time, dirty, ranks, nodes,"
        " threads, validity, pass, json_extract(reasons, '$[0]'), T_s, samples, peak_bytes, error, input, exit_code,"
        " json_remove(problem%s), environment FROM v_launch v WHERE validity IN (",
        without);
    for (int v = IB_REPORTABLE; v <= (int)want->at_worst; v++)
        add(q, "%s'%s'", v ? ", " : "", ib_validity_name((ib_validity)v));
    add(q, ")");
    rc = put_terms(h, q, want->terms, want->repository, err);
    rc = rc ? rc : put_terms(h, q, want->more, want->repository, err);
    if (rc) {
        ib_free(q);
        return rc;
    }
    const size_t limit = q->newest ? 1 : want->limit;
    add(q, " ORDER BY started DESC, run_id DESC");
    if (limit)
        add(q, " LIMIT %zu", limit);

    sqlite3_stmt *s = ib_db_prepare(h, q->sql, "");
    for (size_t i = 0; s && i < q->n_value; i++)
        sqlite3_bind_text(s, (int)i + 1, q->value[i], -1, SQLITE_STATIC);
    if (!s)
        rc = ib_db_refused(h, "select", err);
    while (!rc && sqlite3_step(s) == SQLITE_ROW) {
        if (*n == room) {
            ib_past *more = ib_alloc(room = room ? 2 * room : 64, sizeof *more, "launches", err);
            if (more && *n)
                memcpy(more, found, *n * sizeof *more);
            ib_free(found);
            found = more;
        }
        rc = found ? fill(h, s, &found[*n], err) : err->status;
        *n += !rc;
    }
    if (sqlite3_finalize(s) != SQLITE_OK && !rc)
        rc = ib_db_refused(h, "select", err);
    ib_free(q);
    if (rc) {
        ib_free(found);
        *n = 0;
        return rc;
    }
    for (size_t i = 0; i < *n / 2; i++) { /* the newest were wanted, the oldest come first */
        const ib_past swap = found[i];
        found[i] = found[*n - 1 - i];
        found[*n - 1 - i] = swap;
    }
    *launch = found;
    return IB_OK;
}

bool ib_history_settled(ib_history *h, const ib_past *b, const char *metric, ib_settled *out)
{
    sqlite3_stmt *s = ib_db_prepare(
        h,
        "SELECT verdict, a_commit, started, ratio, low, high FROM verdict v JOIN run r ON r.id = v.run"
        " WHERE kind = 'ab' AND b_commit = ? AND problem = ? AND machine = ? AND ranks = ? AND nodes = ?"
        " AND threads = ? AND metric = ? ORDER BY started DESC LIMIT 1",
        "sssiiis", b->commit, b->problem, b->machine, (int64_t)b->ranks, (int64_t)b->nodes, (int64_t)b->threads,
        metric);
    const bool found = s && sqlite3_step(s) == SQLITE_ROW;

    if (found) {
        ib_db_copy(out->verdict, sizeof out->verdict, s, 0);
        ib_db_copy(out->a_commit, sizeof out->a_commit, s, 1);
        ib_db_copy(out->started, sizeof out->started, s, 2);
        out->ratio = ib_db_real(s, 3);
        out->low = ib_db_real(s, 4);
        out->high = ib_db_real(s, 5);
    }
    sqlite3_finalize(s);
    return found;
}

const char *ib_note_name(ib_note_kind kind)
{
    static const char *const name[] = {"accepted",       "known-regression", "baseline-reset",
                                       "machine-change", "ignore",           "note"};

    return name[kind];
}

ib_status ib_history_notes(ib_history *h, ib_past_note **out, size_t *n, ib_error *err)
{
    const int64_t room = ib_db_number(h, "SELECT count(*) FROM note");
    sqlite3_stmt *s = ib_db_prepare(
        h,
        "SELECT run_id, started, commit_hash, metric, terms, text, author, kind FROM note n JOIN run r ON r.id = n.run"
        " WHERE ends IS NULL AND run_id NOT IN (SELECT ends FROM note WHERE ends IS NOT NULL)"
        " ORDER BY started, run_id",
        "");
    ib_status rc = s ? IB_OK : ib_db_refused(h, "notes", err);

    *n = 0;
    *out = rc ? NULL : ib_alloc_zero((size_t)(room > 0 ? room : 0) + 1, sizeof **out, "notes", err);
    if (!rc && !*out)
        rc = err->status;
    while (!rc && sqlite3_step(s) == SQLITE_ROW) {
        ib_past_note *note = &(*out)[*n];
        ib_db_copy(note->run_id, sizeof note->run_id, s, 0);
        ib_db_copy(note->started, 20, s, 1);
        ib_db_copy(note->commit, sizeof note->commit, s, 2);
        ib_db_copy(note->metric, sizeof note->metric, s, 3);
        ib_db_copy(note->where, sizeof note->where, s, 4);
        ib_db_copy(note->text, sizeof note->text, s, 5);
        ib_db_copy(note->author, sizeof note->author, s, 6);
        const char *kind = (const char *)sqlite3_column_text(s, 7);
        for (note->kind = IB_NOTE_ACCEPTED; note->kind < IB_N_NOTES && strcmp(kind, ib_note_name(note->kind));
             note->kind++) {
        }
        *n += note->kind < IB_N_NOTES; /* one of a later version says nothing to this one */
    }
    if (sqlite3_finalize(s) != SQLITE_OK && !rc)
        rc = ib_db_refused(h, "notes", err);
    return rc;
}

ib_status ib_history_verdicts(ib_history *h, size_t campaigns, ib_past_verdict **out, size_t *n, ib_error *err)
{
    sqlite3_stmt *s = ib_db_prepare(
        h,
        "SELECT run_id, started, kind, a_name, b_name, machine, metric, verdict, problem, ranks, threads, n_a, n_b,"
        " ratio, low, high, p, margin FROM verdict v JOIN run r ON r.id = v.run WHERE r.id IN (SELECT run FROM verdict"
        " JOIN run ON run.id = verdict.run GROUP BY run ORDER BY started DESC LIMIT ?)"
        " ORDER BY started DESC, run_id, v.rowid",
        "i", (int64_t)campaigns);
    size_t    room = 0;
    ib_status rc = s ? IB_OK : ib_db_refused(h, "verdicts", err);

    *out = NULL;
    *n = 0;
    while (!rc && sqlite3_step(s) == SQLITE_ROW) {
        if (*n == room) {
            ib_past_verdict *more = ib_alloc(room = room ? 2 * room : 64, sizeof *more, "verdicts", err);
            if (more && *n)
                memcpy(more, *out, *n * sizeof *more);
            ib_free(*out);
            *out = more;
        }
        if (!*out) {
            rc = err->status;
            break;
        }
        ib_past_verdict *v = &(*out)[(*n)++];
        *v = (ib_past_verdict){.ranks = sqlite3_column_int(s, 9),
                               .threads = sqlite3_column_int(s, 10),
                               .n_a = (size_t)sqlite3_column_int64(s, 11),
                               .n_b = (size_t)sqlite3_column_int64(s, 12),
                               .ratio = ib_db_real(s, 13),
                               .low = ib_db_real(s, 14),
                               .high = ib_db_real(s, 15),
                               .p = ib_db_real(s, 16),
                               .margin = ib_db_real(s, 17)};
        ib_db_copy(v->run_id, sizeof v->run_id, s, 0);
        ib_db_copy(v->started, 20, s, 1);
        ib_db_copy(v->kind, sizeof v->kind, s, 2);
        ib_db_copy(v->a, sizeof v->a, s, 3);
        ib_db_copy(v->b, sizeof v->b, s, 4);
        ib_db_copy(v->machine, sizeof v->machine, s, 5);
        ib_db_copy(v->metric, sizeof v->metric, s, 6);
        ib_db_copy(v->verdict, sizeof v->verdict, s, 7);
        const char *problem = (const char *)sqlite3_column_text(s, 8);
        json_t     *facts = json_loads(problem ? problem : "{}", 0, NULL);
        put_problem(json_string_value(json_object_get(facts, "input")), facts, v->problem, sizeof v->problem);
        json_decref(facts);
    }
    if (sqlite3_finalize(s) != SQLITE_OK && !rc)
        rc = ib_db_refused(h, "verdicts", err);
    return rc;
}

double ib_history_noise(ib_history *h, const char *machine)
{
    sqlite3_stmt *s =
        ib_db_prepare(h,
                      "SELECT low, high FROM verdict v JOIN run r ON r.id = v.run WHERE kind = 'null' AND machine = ?"
                      " AND metric = 'T' AND low > 0 AND high > 0 ORDER BY started DESC LIMIT 1",
                      "s", machine);
    double noise = 0;

    if (s && sqlite3_step(s) == SQLITE_ROW)
        noise = sqrt(sqlite3_column_double(s, 1) / sqlite3_column_double(s, 0)) - 1;
    sqlite3_finalize(s);
    return noise;
}

ib_status ib_history_file(ib_history *h, const char *run_id, char *path, size_t size, ib_error *err)
{
    sqlite3_stmt *s =
        ib_db_prepare(h, "SELECT file FROM source JOIN run ON run.source = source.id WHERE run_id = ?", "s", run_id);
    const bool found = s && sqlite3_step(s) == SQLITE_ROW;

    if (found)
        snprintf(path, size, "%s/%s", h->folder, (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return found ? IB_OK : ib_fail(err, IB_ENODATA, "no record of run %.60s in %.200s", run_id, h->folder);
}
