/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/history.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/option.h"
#include "base/trace.h"
#include "bench/json.h"
#include "bench/process.h"
#include "bench/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SCHEMA = 1, MAX_PATH = 1024, MAX_DEPTH = 4, MAX_TERMS = 32, LOST_AFTER_S = 86400 };

typedef struct text_list {
    char **text;
    size_t n, room;
} text_list;

struct ib_history {
    sqlite3         *db;
    char             folder[MAX_PATH];
    ib_history_state state;
    text_list        text; /* what ib_past points to */
};

/* ---- tables ---------------------------------------------------------------------------------------------- */

/* Forward only; what was released stays as it is. A migration whose new columns come from the records ends with
   DELETE FROM source: then all are read again. */
static const struct {
    const char *name, *sql;
} migrations[] = {
    {"launches",
     "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) STRICT;"
     "CREATE TABLE migration(version INTEGER PRIMARY KEY, name TEXT, digest TEXT, applied_at TEXT, tool TEXT) STRICT;"
     "CREATE TABLE source(id INTEGER PRIMARY KEY, file TEXT UNIQUE, bytes INTEGER, mtime_ns INTEGER,"
     " state TEXT, why TEXT, twins INTEGER) STRICT;"
     "CREATE TABLE workload(workload_id TEXT PRIMARY KEY, input TEXT, problem TEXT) STRICT;"
     "CREATE TABLE machine(machine_id TEXT PRIMARY KEY, facts TEXT) STRICT;"
     "CREATE TABLE build(build_id TEXT PRIMARY KEY, commit_hash TEXT, dirty INTEGER, describe TEXT, commit_time TEXT,"
     " facts TEXT) STRICT;"
     "CREATE TABLE shape(shape_id TEXT PRIMARY KEY, ranks INTEGER, nodes INTEGER, threads INTEGER) STRICT;"
     "CREATE TABLE run(id INTEGER PRIMARY KEY, run_id TEXT UNIQUE,"
     " source INTEGER REFERENCES source(id) ON DELETE CASCADE,"
     " started TEXT, intent TEXT, tag TEXT, alias TEXT,"
     " workload_id TEXT REFERENCES workload(workload_id), machine_id TEXT REFERENCES machine(machine_id),"
     " build_id TEXT REFERENCES build(build_id), shape_id TEXT REFERENCES shape(shape_id),"
     " status TEXT, exit_code INTEGER, validity TEXT, reasons TEXT, params TEXT, environment TEXT, job TEXT) STRICT;"
     "CREATE INDEX run_started ON run(started);"
     "CREATE INDEX run_source ON run(source);"
     "CREATE TABLE metric(run INTEGER REFERENCES run(id) ON DELETE CASCADE, rep INTEGER, phase TEXT, name TEXT, stat TEXT,"
     " value REAL, PRIMARY KEY(run, rep, phase, name, stat)) STRICT, WITHOUT ROWID;"
     "CREATE TABLE chk(run INTEGER REFERENCES run(id) ON DELETE CASCADE, name TEXT, kind TEXT, value REAL, tol REAL,"
     " pass INTEGER, PRIMARY KEY(run, name)) STRICT, WITHOUT ROWID;"
     "CREATE VIEW v_launch AS SELECT r.*, w.input, w.problem, s.ranks, s.nodes, s.threads,"
     " b.commit_hash, b.dirty, b.describe, b.commit_time,"
     " t.value AS T_s, g.value AS samples, p.value AS peak_bytes, c.value AS error, c.pass AS pass"
     " FROM run r JOIN workload w USING(workload_id) JOIN shape s USING(shape_id) JOIN build b USING(build_id)"
     " LEFT JOIN metric t ON t.run = r.id AND t.rep = -1 AND t.phase = '' AND t.name = 'T_s' AND t.stat = 'median'"
     " LEFT JOIN metric g ON g.run = r.id AND g.rep = -1 AND g.phase = '' AND g.name = 'gridded' AND g.stat = 'median'"
     " LEFT JOIN metric p ON p.run = r.id AND p.rep = -1 AND p.phase = '' AND p.name = 'peak_bytes' AND p.stat = 'median'"
     " LEFT JOIN chk c ON c.run = r.id AND c.kind = 'oracle';"},
    {"verdicts",
     "CREATE TABLE verdict(run INTEGER REFERENCES run(id) ON DELETE CASCADE, kind TEXT, a_name TEXT, b_name TEXT,"
     " a_commit TEXT, b_commit TEXT, problem TEXT, machine TEXT, ranks INTEGER, nodes INTEGER, threads INTEGER, metric TEXT,"
     " n_a INTEGER, n_b INTEGER, ratio REAL, low REAL, high REAL, p REAL, margin REAL, verdict TEXT) STRICT;"
     "CREATE INDEX verdict_run ON verdict(run);"
     "CREATE INDEX verdict_b ON verdict(b_commit);"
     "DELETE FROM source;"},
    {"steadiness and efficiency", /* new metrics of old tables */
     "DELETE FROM source;"},
    {"notes", /* ends: the run of the note that this one ends; NULL: it is one itself */
     "CREATE TABLE note(run INTEGER REFERENCES run(id) ON DELETE CASCADE, kind TEXT, commit_hash TEXT, metric TEXT,"
     " terms TEXT, text TEXT, author TEXT, ends TEXT) STRICT;"
     "DELETE FROM source;"},
};
enum { VERSION = sizeof migrations / sizeof *migrations };

static ib_status refused(const ib_history *h, const char *what, ib_error *err)
{
    const bool memory = sqlite3_errcode(h->db) == SQLITE_NOMEM;

    return ib_fail(err, memory ? IB_ENOMEM : IB_EIO, "history of %.200s: %s: %s", h->folder, what,
                   sqlite3_errmsg(h->db));
}

static ib_status execute(ib_history *h, const char *sql, ib_error *err)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK ? IB_OK : refused(h, "SQLite", err);
}

/* A statement with values for its question marks, in order: s text (NULL allowed), i int64_t, d double (not finite: NULL).
   The caller steps and finalizes it. */
static sqlite3_stmt *prepare(ib_history *h, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list       value;

    if (sqlite3_prepare_v2(h->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return NULL;
    va_start(value, types);
    for (int i = 0; types[i]; i++)
        if (types[i] == 's') {
            sqlite3_bind_text(statement, i + 1, va_arg(value, const char *), -1, SQLITE_TRANSIENT);
        } else if (types[i] == 'i') {
            sqlite3_bind_int64(statement, i + 1, va_arg(value, int64_t));
        } else {
            const double x = va_arg(value, double);
            if (isfinite(x))
                sqlite3_bind_double(statement, i + 1, x);
        }
    va_end(value);
    return statement;
}

/* Run a statement to its end. */
static ib_status finish(ib_history *h, sqlite3_stmt *statement, ib_error *err)
{
    const bool done = statement && sqlite3_step(statement) != SQLITE_ROW;

    (void)done;
    return sqlite3_finalize(statement) == SQLITE_OK && statement ? IB_OK : refused(h, "SQLite", err);
}

static int64_t number_of(ib_history *h, const char *sql)
{
    sqlite3_stmt *statement = prepare(h, sql, "");
    const int64_t n = statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;

    sqlite3_finalize(statement);
    return n;
}

static ib_status migrate(ib_history *h, ib_error *err)
{
    char pragma[64], digest[24], now[32];

    for (int v = (int)number_of(h, "PRAGMA user_version"); v < VERSION; v++) {
        const time_t at = time(NULL);
        struct tm    utc = {0};
        gmtime_r(&at, &utc);
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
        snprintf(digest, sizeof digest, "%016llx",
                 (unsigned long long)ib_record_digest(IB_DIGEST_START, migrations[v].sql, strlen(migrations[v].sql)));
        snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", v + 1);
        ib_status rc = execute(h, "BEGIN IMMEDIATE", err);
        if (!rc)
            rc = execute(h, migrations[v].sql, err);
        if (!rc)
            rc = finish(h,
                        prepare(h, "INSERT INTO migration VALUES(?, ?, ?, ?, ?)", "issss", (int64_t)v + 1,
                                migrations[v].name, digest, now, IB_VERSION),
                        err);
        if (!rc)
            rc = execute(h, pragma, err);
        if (!rc)
            rc = execute(h, "COMMIT", err);
        if (rc)
            return rc;
    }
    return IB_OK;
}

/* ---- the file -------------------------------------------------------------------------------------------- */

static ib_status empty_database(ib_history *h, ib_error *err)
{
    sqlite3_close(h->db);
    h->db = NULL;
    if (sqlite3_open(":memory:", &h->db) != SQLITE_OK)
        return refused(h, "open", err);
    return execute(h, "PRAGMA foreign_keys = ON", err);
}

/* The bytes of a file in memory of SQLite's; NULL: it cannot be read, which *bytes < 0 tells from one that is not there. */
static unsigned char *read_whole(const char *path, int64_t *bytes)
{
    struct stat    st;
    FILE          *file = fopen(path, "rb");
    unsigned char *data = NULL;

    *bytes = file ? -1 : errno == ENOENT ? 0 : -1;
    if (!file)
        return NULL;
    if (!fstat(fileno(file), &st) && st.st_size > 0)
        data = sqlite3_malloc64((sqlite3_uint64)st.st_size);
    if (data && fread(data, 1, (size_t)st.st_size, file) == (size_t)st.st_size) {
        *bytes = st.st_size;
    } else {
        sqlite3_free(data);
        data = NULL;
    }
    fclose(file);
    return data;
}

/* A database that SQLite finds whole, and whose tables are ours. */
static bool is_sound(ib_history *h)
{
    sqlite3_stmt *statement = prepare(h, "PRAGMA quick_check(1)", "");
    const bool    ok = statement && sqlite3_step(statement) == SQLITE_ROW &&
                    !strcmp((const char *)sqlite3_column_text(statement, 0), "ok");

    sqlite3_finalize(statement);
    return ok && number_of(h, "PRAGMA user_version") > 0 && number_of(h, "SELECT count(*) FROM migration") > 0 &&
           number_of(h, "SELECT count(*) FROM (SELECT 1 FROM v_launch, source LIMIT 0)") == 0;
}

/* The cache as it lies there, or an empty one with the reason in state.why. */
static ib_status load(ib_history *h, bool afresh, ib_error *err)
{
    int64_t        bytes = 0;
    ib_status      rc = empty_database(h, err);
    unsigned char *data = rc ? NULL : read_whole(h->state.path, &bytes);

    if (rc)
        return rc;
    if (data &&
        sqlite3_deserialize(h->db, "main", data, bytes, bytes,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) == SQLITE_OK &&
        is_sound(h)) {
        const int64_t version = number_of(h, "PRAGMA user_version");
        if (version > VERSION && !afresh)
            return ib_fail(
                err, IB_ENEWER,
                "%.300s was written by a later imgbench (tables of version %lld, this one knows %d); use that "
                "one, or let imgbench db rebuild make it from the records again",
                h->state.path, (long long)version, VERSION);
        h->state.bytes = (size_t)bytes;
        rc = afresh ? empty_database(h, err) : execute(h, "PRAGMA foreign_keys = ON", err);
    } else {
        if (bytes)
            snprintf(h->state.why, sizeof h->state.why, "it was damaged, and is made anew from the records");
        rc = empty_database(h, err);
    }
    return rc ? rc : migrate(h, err);
}

/* Replace the file; a cache that cannot be written is none, and no failure. */
static void save(ib_history *h)
{
    sqlite3_int64  bytes = 0;
    char           partial[MAX_PATH + 32];
    unsigned char *data = sqlite3_serialize(h->db, "main", &bytes, 0);

    snprintf(partial, sizeof partial, "%s.%ld.part", h->state.path, (long)getpid());
    FILE *file = data ? fopen(partial, "wb") : NULL;
    bool  ok = file && fwrite(data, 1, (size_t)bytes, file) == (size_t)bytes;
    if (file && fclose(file))
        ok = false;
    if (ok && rename(partial, h->state.path))
        ok = false;
    if (!ok)
        snprintf(h->state.why, sizeof h->state.why, "it is only in memory: %s", data ? strerror(errno) : "no memory");
    if (!ok && file)
        remove(partial);
    h->state.bytes = ok ? (size_t)bytes : 0;
    sqlite3_free(data);
}

/* ---- texts ----------------------------------------------------------------------------------------------- */

static ib_status append(text_list *list, const char *text, ib_error *err)
{
    if (list->n == list->room) {
        const size_t room = list->room ? 2 * list->room : 64;
        char       **more = ib_alloc(room, sizeof *more, "list of names", err);
        if (!more)
            return err->status;
        if (list->n)
            memcpy(more, list->text, list->n * sizeof *more);
        ib_free(list->text);
        list->text = more;
        list->room = room;
    }
    const size_t n = strlen(text) + 1;
    char        *copy = ib_alloc(n, 1, "name", err);
    if (!copy)
        return err->status;
    list->text[list->n++] = memcpy(copy, text, n);
    return IB_OK;
}

static void let_go(text_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        ib_free(list->text[i]);
    ib_free(list->text);
}

/* One copy of every text; there are few problems and environments. */
static const char *keep(ib_history *h, const char *text, ib_error *err)
{
    for (size_t i = h->text.n; i-- > 0;)
        if (!strcmp(h->text.text[i], text))
            return h->text.text[i];
    return append(&h->text, text, err) ? NULL : h->text.text[h->text.n - 1];
}

/* ---- one record ------------------------------------------------------------------------------------------ */

/* The lines of one run, as far as they have been read. */
typedef struct lines {
    json_t  *run, *rep, *check, *verdict, *note, *end; /* rep, check: arrays */
    uint64_t digest;
    bool     broken; /* the end line's digest is not that of the lines before it */
} lines;

static void clear_lines(lines *l)
{
    json_decref(l->run);
    json_decref(l->rep);
    json_decref(l->check);
    json_decref(l->verdict);
    json_decref(l->note);
    json_decref(l->end);
    *l = (lines){.digest = IB_DIGEST_START};
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* A number; integers above 2^53 are texts. */
static double number_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_string(value))
        return strtod(json_string_value(value), NULL);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int64_t integer_at(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

static char *dump(const json_t *value)
{
    return value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)) : NULL;
}

/* What moves performance beside sources, problem and shape. */
static json_t *environment(const lines *l)
{
    const json_t *build = json_object_get(l->run, "build"), *machine = json_object_get(l->run, "machine");
    const json_t *rep = json_array_get(l->rep, 0);
    json_t       *e = json_object();
    const char   *library, *key;
    size_t        i;
    json_t       *value;

    static const char *const of_build[] = {"cc", "cflags", "build_type", "sanitizers", "mpi_library"};
    static const char *const of_machine[] = {"machine_id", "kernel", "os", "governor"};
    for (i = 0; i < sizeof of_build / sizeof *of_build; i++)
        json_object_set(e, of_build[i], json_object_get(build, of_build[i]));
    for (i = 0; i < sizeof of_machine / sizeof *of_machine; i++)
        json_object_set(e, of_machine[i], json_object_get(machine, of_machine[i]));
    json_array_foreach(json_object_get(build, "libs"), i, value)
    {
        library = text_at(value, "name");
        json_object_set(e, library, json_object_get(value, "version_compiled"));
    }
    json_object_foreach(json_object_get(l->run, "env"), key, value)
    {
        json_object_set(e, key, value);
    }
    if (rep)
        json_object_set(e, "isa", json_object_get(rep, "isa"));
    return e;
}

/* What a launch is worth now: no better than its record says, and nothing without its numbers. */
static ib_validity worth(const lines *l, const char **why)
{
    const char   *word = text_at(l->end, "validity");
    const json_t *check;
    size_t        i;
    ib_validity   validity = IB_INVALID;
    bool          unchecked = json_array_size(l->check) == 0;

    *why = NULL;
    if (!l->end)
        return IB_INVALID;
    const json_t *launch = json_object_get(l->run, "launch");
    if (json_is_integer(launch) && json_integer_value(launch) < 1) { /* of a campaign: it must not count */
        *why = "a warm-up";
        unchecked = true;
    }
    if (l->broken) {
        *why = "the record was changed or cut after it had been written";
        return IB_INVALID;
    }
    for (int v = IB_REPORTABLE; v <= IB_INVALID; v++)
        if (!strcmp(word, ib_validity_name((ib_validity)v)))
            validity = (ib_validity)v;
    json_array_foreach(l->check, i, check)
    {
        const json_t *pass = json_object_get(check, "pass");
        if (json_is_false(pass))
            return IB_INVALID;
        unchecked |= !json_is_true(pass);
    }
    return unchecked && validity < IB_PROVISIONAL ? IB_PROVISIONAL : validity;
}

static ib_status put_metric(ib_history *h, int64_t run, int64_t rep, const char *phase, const char *name,
                            const char *stat, double value, ib_error *err)
{
    if (!isfinite(value))
        return IB_OK;
    return finish(h,
                  prepare(h, "INSERT OR REPLACE INTO metric VALUES(?, ?, ?, ?, ?, ?)", "iisssd", run, rep, phase,
                          name, stat, value),
                  err);
}

/* The median over the counted repetitions of what `value` finds in them: rep -1. */
static ib_status put_median(ib_history *h, int64_t run, const lines *l, const char *phase, const char *name,
                            const char *stat, const char *group, const char *key, ib_error *err)
{
    const json_t *rep;
    size_t        i, n = 0;
    double       *value = ib_alloc(json_array_size(l->rep) + 1, sizeof *value, "repetitions", err);

    if (!value)
        return err->status;
    json_array_foreach(l->rep, i, rep)
    {
        const json_t *from = *group ? json_object_get(rep, group) : rep;
        const double  x = number_at(*phase ? json_object_get(from, phase) : from, key);
        if (!json_is_true(json_object_get(rep, "warm")) && isfinite(x))
            value[n++] = x;
    }
    const ib_spread spread = ib_spread_of(value, n);
    ib_free(value);
    return put_metric(h, run, -1, phase, name, stat, spread.median, err);
}

static ib_status put_metrics(ib_history *h, int64_t run, const lines *l, ib_error *err)
{
    static const struct {
        const char *group, *name;
    } around[] = {{"steady", "neighbours"},        {"steady", "steal"},      {"steady", "clock"},
                  {"efficiency", "parallel"},      {"efficiency", "io"},     {"efficiency", "mpi_balance"},
                  {"efficiency", "communication"}, {"efficiency", "serial"}, {"efficiency", "team"}};
    const json_t *rep, *phase, *check;
    const char   *name;
    size_t        i;
    ib_status     rc = IB_OK;

    json_array_foreach(l->rep, i, rep)
    {
        const int64_t at = json_integer_value(json_object_get(rep, "rep"));
        rc = rc ? rc : put_metric(h, run, at, "", "T_s", "value", number_at(rep, "T_s"), err);
    }
    rc = rc ? rc : put_median(h, run, l, "", "T_s", "median", "", "T_s", err);
    rc = rc ? rc : put_median(h, run, l, "", "gridded", "median", "counts", "gridded", err);
    rc = rc ? rc : put_median(h, run, l, "", "peak_bytes", "median", "memory", "peak_bytes", err);
    rc = rc ? rc : put_median(h, run, l, "", "read_bytes", "median", "bytes", "read", err);
    rc = rc ? rc : put_median(h, run, l, "", "written_bytes", "median", "bytes", "written", err);
    for (i = 0; i < sizeof around / sizeof *around; i++)
        rc = rc ? rc : put_median(h, run, l, "", around[i].name, "median", around[i].group, around[i].name, err);
    json_object_foreach(json_object_get(json_array_get(l->rep, 0), "phases"), name, phase)
    {
        rc = rc ? rc : put_median(h, run, l, name, "wall_s", "max", "phases", "max_s", err);
        rc = rc ? rc : put_median(h, run, l, name, "wall_s", "mean", "phases", "mean_s", err);
    }
    json_array_foreach(l->check, i, check)
    {
        const json_t *pass = json_object_get(check, "pass");
        sqlite3_stmt *s = rc ? NULL
                             : prepare(h, "INSERT OR REPLACE INTO chk VALUES(?, ?, ?, ?, ?, ?)", "issdd", run,
                                       text_at(check, "name"), text_at(check, "kind"), number_at(check, "value"),
                                       number_at(check, "tol"));
        if (s && json_is_boolean(pass))
            sqlite3_bind_int(s, 6, json_is_true(pass));
        rc = rc ? rc : finish(h, s, err);
    }
    return rc;
}

/* What a campaign of `imgbench ab` came to. */
static ib_status put_verdicts(ib_history *h, int64_t run, const json_t *line, ib_error *err)
{
    const json_t *comparison, *finding;
    size_t        i, k;
    ib_status     rc = IB_OK;

    json_array_foreach(json_object_get(line, "comparisons"), i, comparison)
    {
        const json_t *a = json_object_get(comparison, "a"), *b = json_object_get(comparison, "b");
        json_array_foreach(json_object_get(comparison, "findings"), k, finding)
        {
            char *problem = dump(json_object_get(finding, "problem"));
            if (!rc)
                rc = finish(
                    h,
                    prepare(h,
                            "INSERT INTO verdict VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                            "isssssssiiisiiddddds", run, text_at(comparison, "kind"), text_at(a, "name"),
                            text_at(b, "name"), text_at(a, "commit"), text_at(b, "commit"), problem,
                            text_at(finding, "machine"), integer_at(finding, "ranks"), integer_at(finding, "nodes"),
                            integer_at(finding, "threads"), text_at(finding, "metric"), integer_at(finding, "n_a"),
                            integer_at(finding, "n_b"), number_at(finding, "ratio"), number_at(finding, "low"),
                            number_at(finding, "high"), number_at(finding, "p"), number_at(line, "margin"),
                            text_at(finding, "verdict")),
                    err);
            free(problem);
        }
    }
    return rc;
}

/* What a person said, or that it no longer holds. */
static ib_status put_note(ib_history *h, int64_t run, const json_t *line, ib_error *err)
{
    const char *ends = json_string_value(json_object_get(line, "ends"));

    return finish(h,
                  prepare(h, "INSERT INTO note VALUES(?, ?, ?, ?, ?, ?, ?, ?)", "isssssss", run,
                          text_at(line, "kind"), text_at(line, "commit"), text_at(line, "metric"),
                          text_at(line, "where"), text_at(line, "text"), text_at(line, "author"), ends),
                  err);
}

/* The facts that runs share. */
static ib_status put_facts(ib_history *h, const lines *l, const char *workload_id, const char *problem, ib_error *err)
{
    const json_t *build = json_object_get(l->run, "build"), *machine = json_object_get(l->run, "machine");
    const json_t *shape = json_object_get(l->run, "shape"), *dirty = json_object_get(build, "dirty");
    const json_t *input = json_array_get(json_object_get(json_object_get(l->run, "workload"), "inputs"), 0);
    char         *build_text = dump(build), *machine_text = dump(machine);
    ib_status     rc = IB_OK;

    if (workload_id)
        rc = finish(h,
                    prepare(h, "INSERT OR IGNORE INTO workload VALUES(?, ?, ?)", "sss", workload_id,
                            *text_at(input, "name") ? text_at(input, "name") : IB_DEFAULT_INPUT, problem),
                    err);
    if (!rc)
        rc = finish(h,
                    prepare(h, "INSERT OR IGNORE INTO machine VALUES(?, ?)", "ss", text_at(machine, "machine_id"),
                            machine_text),
                    err);
    if (!rc)
        rc = finish(h,
                    prepare(h, "INSERT OR IGNORE INTO build VALUES(?, ?, ?, ?, ?, ?)", "ssisss",
                            text_at(build, "build_id"), text_at(build, "commit"),
                            (int64_t)(json_is_boolean(dirty) ? json_is_true(dirty) : -1), text_at(build, "describe"),
                            text_at(build, "commit_time"), build_text),
                    err);
    if (!rc && shape)
        rc = finish(h,
                    prepare(h, "INSERT OR IGNORE INTO shape VALUES(?, ?, ?, ?)", "siii", text_at(shape, "shape_id"),
                            (int64_t)json_integer_value(json_object_get(shape, "ranks")),
                            (int64_t)json_integer_value(json_object_get(shape, "nodes")),
                            (int64_t)json_integer_value(json_object_get(shape, "threads"))),
                    err);
    free(build_text);
    free(machine_text);
    return rc;
}

/* Whether the process that writes a record is alive: it holds a lock on it. */
static bool is_running(const char *path)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    struct stat  st;
    const int    fd = open(path, O_RDONLY);
    bool         running = false;

    if (fd < 0)
        return false;
    if (!fcntl(fd, F_GETLK, &lock))
        running = lock.l_type != F_UNLCK;
    else if (!fstat(fd, &st))
        running = time(NULL) - st.st_mtime < LOST_AFTER_S;
    close(fd);
    return running;
}

/* Take in one run. *twin: it was there already, from another file. */
static ib_status put_run(ib_history *h, int64_t source, const lines *l, bool running, bool *twin, ib_error *err)
{
    const json_t *workload = json_object_get(l->run, "workload"), *shape = json_object_get(l->run, "shape");
    const json_t *machine = json_object_get(l->run, "machine"), *build = json_object_get(l->run, "build");
    json_t       *problem = workload ? ib_record_problem(workload) : NULL;
    json_t       *id = problem ? ib_record_identity(problem) : NULL, *around = environment(l);
    json_t       *reasons = json_object_get(l->end, "reasons");
    const char   *why = NULL, *status = l->end ? text_at(l->end, "status") : running ? "running" : "lost";
    char         *problem_text = dump(problem), *around_text = dump(around), *job = NULL, *params = NULL;
    ib_validity   validity = worth(l, &why);

    reasons = reasons ? json_incref(reasons) : json_array();
    if (!l->end)
        why = running ? "not finished" : "the launch was killed: its record has no end";
    if (why)
        json_array_insert_new(reasons, 0, json_string(why));
    if (running)
        validity = IB_PROVISIONAL;
    char *reason_text = dump(reasons);
    job = dump(json_object_get(l->run, "job"));
    params = dump(json_object_get(workload, "params"));

    ib_status rc = put_facts(h, l, json_string_value(id), problem_text, err);
    if (!rc) {
        sqlite3_stmt *s = prepare(
            h,
            "INSERT INTO run(run_id, source, started, intent, tag, alias, workload_id, machine_id, build_id, shape_id,"
            " status, exit_code, validity, reasons, params, environment, job)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(run_id) DO NOTHING",
            "sisssssssssisssss", text_at(l->run, "run_id"), source, text_at(l->run, "started"),
            text_at(l->run, "intent"), text_at(json_object_get(workload, "params"), "tag"), text_at(machine, "alias"),
            json_string_value(id), text_at(machine, "machine_id"), text_at(build, "build_id"),
            shape ? text_at(shape, "shape_id") : NULL, status,
            (int64_t)json_integer_value(json_object_get(l->end, "exit_code")), ib_validity_name(validity),
            reason_text, params, around_text, job);
        rc = finish(h, s, err);
    }
    *twin = !rc && sqlite3_changes(h->db) == 0;
    const int64_t row = sqlite3_last_insert_rowid(h->db);
    if (!rc && !*twin)
        rc = put_metrics(h, row, l, err);
    if (!rc && !*twin && l->verdict && l->end && !l->broken)
        rc = put_verdicts(h, row, l->verdict, err);
    if (!rc && !*twin && l->note && l->end && !l->broken)
        rc = put_note(h, row, l->note, err);
    free(problem_text);
    free(around_text);
    free(reason_text);
    free(job);
    free(params);
    json_decref(problem);
    json_decref(id);
    json_decref(around);
    json_decref(reasons);
    return rc;
}

/* ---- files ----------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

/* Names of records below folder/below, without the folder. */
static ib_status find_records(const char *folder, const char *below, int depth, text_list *found, ib_error *err)
{
    char           path[MAX_PATH], name[MAX_PATH];
    struct dirent *entry;
    ib_status      rc = IB_OK;
    struct stat    st;

    snprintf(path, sizeof path, "%s%s%s", folder, *below ? "/" : "", below);
    DIR *dir = opendir(path);
    if (!dir && depth == 0)
        return ib_fail(
            err, errno == ENOENT ? IB_ENODATA : IB_EIO,
            "no history: folder %.300s: %s; every launch leaves its record in results, or where --record says",
            folder, strerror(errno));
    while (dir && !rc && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        const int n = snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "", entry->d_name);
        const int m = snprintf(path, sizeof path, "%s/%.*s", folder, n, name);
        if (n >= MAX_PATH || m >= MAX_PATH)
            continue;
        if (ends_with(name, ".jsonl") || ends_with(name, ".jsonl.part"))
            rc = append(found, name, err);
        else if (depth < MAX_DEPTH && !stat(path, &st) && S_ISDIR(st.st_mode))
            rc = find_records(folder, name, depth + 1, found, err);
    }
    if (dir)
        closedir(dir);
    return rc;
}

/* One line; takes the reference. */
static void take_line(lines *l, json_t *object, const char *text, size_t n)
{
    const char *type = text_at(object, "t");

    if (!strcmp(type, "run")) {
        l->run = json_incref(object);
        l->rep = json_array();
        l->check = json_array();
    } else if (!strcmp(type, "rep")) {
        json_array_append(l->rep, object);
    } else if (!strcmp(type, "check")) {
        json_array_append(l->check, object);
    } else if (!strcmp(type, "verdict") && !l->verdict) {
        l->verdict = json_incref(object);
    } else if (!strcmp(type, "note") && !l->note) {
        l->note = json_incref(object);
    } else if (!strcmp(type, "end")) {
        const json_t *digest = json_object_get(object, "digest");
        char          hex[24];
        snprintf(hex, sizeof hex, "%016llx", (unsigned long long)l->digest);
        l->broken = digest && strcmp(text_at(digest, "value"), hex) != 0;
        json_decref(l->end); /* a file that goes on after its end */
        l->end = json_incref(object);
    }
    l->digest = ib_record_digest(l->digest, text, n);
    json_decref(object);
}

/* Every run of one file, which may be several records one behind the other. *why: what is wrong with the rest of it. */
static ib_status read_record(ib_history *h, int64_t source, const char *path, bool running, int64_t *twins,
                             char why[160], bool *newer, ib_error *err)
{
    FILE        *file = fopen(path, "r");
    char        *text = NULL;
    size_t       room = 0;
    ssize_t      n;
    lines        l = {.digest = IB_DIGEST_START};
    ib_status    rc = IB_OK;
    bool         twin;
    json_error_t where;

    if (!file) {
        snprintf(why, 160, "%s", strerror(errno));
        return IB_OK;
    }
    for (int number = 1; !rc && (n = getline(&text, &room, file)) > 0; number++) {
        json_t *object = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &where);
        if (!object && l.run && (running || !l.end) && text[n - 1] != '\n')
            break; /* the last line of a launch that was killed while it wrote */
        if (!object) {
            snprintf(why, 160, "line %d: %.100s", number, where.text);
        } else if (json_integer_value(json_object_get(object, "v")) > SCHEMA) {
            *newer = true;
            snprintf(why, 160, "line %d: of a later version of records (%lld)", number,
                     (long long)json_integer_value(json_object_get(object, "v")));
        } else if (strcmp(text_at(object, "t"), "run") != 0 &&
                   strcmp(text_at(object, "run_id"), text_at(l.run, "run_id")) != 0) {
            snprintf(why, 160, "line %d: belongs to no run", number);
        }
        if (*why) {
            json_decref(object);
            break;
        }
        if (!strcmp(text_at(object, "t"), "run")) {
            if (l.run)
                rc = put_run(h, source, &l, false, &twin, err), *twins += twin;
            clear_lines(&l);
        }
        take_line(&l, object, text, (size_t)n);
    }
    if (!rc && l.run)
        rc = put_run(h, source, &l, running, &twin, err), *twins += twin;
    if (!rc && !l.run && !*why)
        snprintf(why, 160, "it has no line");
    clear_lines(&l);
    free(text);
    fclose(file);
    return rc;
}

/* One file: skipped when it is as it was, else read. */
static ib_status sync_file(ib_history *h, const char *name, bool *changed, ib_error *err)
{
    char        path[2 * MAX_PATH], why[160] = "", state[16] = "whole";
    struct stat st;
    int64_t     twins = 0;
    bool        known = false, newer = false, running = false;

    snprintf(path, sizeof path, "%s/%s", h->folder, name);
    if (stat(path, &st))
        return IB_OK; /* renamed meanwhile */
    const int64_t mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    sqlite3_stmt *s =
        prepare(h, "SELECT 1 FROM source WHERE file = ? AND bytes = ? AND mtime_ns = ? AND state <> 'running'", "sii",
                name, (int64_t)st.st_size, mtime);
    known = s && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    if (known)
        return IB_OK;

    *changed = true;
    h->state.n_read++;
    running = ends_with(name, ".part") && is_running(path);
    ib_status rc = finish(h, prepare(h, "DELETE FROM source WHERE file = ?", "s", name), err);
    if (!rc)
        rc = finish(h,
                    prepare(h, "INSERT INTO source(file, bytes, mtime_ns) VALUES(?, ?, ?)", "sii", name,
                            (int64_t)st.st_size, mtime),
                    err);
    const int64_t source = sqlite3_last_insert_rowid(h->db);
    if (!rc)
        rc = read_record(h, source, path, running, &twins, why, &newer, err);
    if (running)
        snprintf(state, sizeof state, "running");
    else if (*why)
        snprintf(state, sizeof state, newer ? "newer" : "damaged");
    if (!rc)
        rc = finish(h,
                    prepare(h, "UPDATE source SET state = ?, why = ?, twins = ? WHERE id = ?", "ssii", state, why,
                            twins, source),
                    err);
    return rc;
}

/* Forget what is gone. A run that stood in two files is then read again from the other. */
static ib_status forget_missing(ib_history *h, const text_list *found, bool *changed, ib_error *err)
{
    ib_status rc = execute(h, "CREATE TEMP TABLE present(file TEXT PRIMARY KEY)", err);

    for (size_t i = 0; i < found->n && !rc; i++)
        rc = finish(h, prepare(h, "INSERT OR IGNORE INTO present VALUES(?)", "s", found->text[i]), err);
    if (!rc)
        rc = execute(h, "DELETE FROM source WHERE file NOT IN (SELECT file FROM present)", err);
    const int gone = rc ? 0 : sqlite3_changes(h->db);
    h->state.n_dropped = (size_t)gone;
    *changed |= gone > 0;
    if (gone)
        rc = execute(h, "UPDATE source SET bytes = -1 WHERE twins > 0", err);
    return rc ? rc : execute(h, "DROP TABLE present", err);
}

static int ascending(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static ib_status bring_up_to_date(ib_history *h, bool *changed, ib_error *err)
{
    text_list found = {0};
    ib_status rc = find_records(h->folder, "", 0, &found, err);

    if (!rc && found.n)
        qsort(found.text, found.n, sizeof *found.text, ascending);
    rc = rc ? rc : execute(h, "BEGIN", err);
    rc = rc ? rc : forget_missing(h, &found, changed, err);
    for (size_t i = 0; i < found.n && !rc; i++)
        rc = sync_file(h, found.text[i], changed, err);
    rc = rc ? rc : execute(h, "COMMIT", err);
    let_go(&found);
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------------------- */

ib_status ib_history_open(ib_history **out, const char *folder, bool afresh, ib_error *err)
{
    ib_history *h = ib_alloc_zero(1, sizeof *h, "history", err);
    bool        changed = afresh;

    if (!h)
        return err->status;
    snprintf(h->folder, sizeof h->folder, "%s", folder);
    const int n = snprintf(h->state.path, sizeof h->state.path, "%s/imgbench.db", folder);
    ib_status rc = n < MAX_PATH - 40 ? IB_OK : ib_fail(err, IB_EUSAGE, "folder %.80s... has too long a name", folder);
    rc = rc ? rc : load(h, afresh, err);
    if (!rc && (rc = bring_up_to_date(h, &changed, err)) == IB_EIO && !access(folder, R_OK | X_OK)) {
        /* tables that are not what their version says: the records are the truth */
        snprintf(h->state.why, sizeof h->state.why, "its tables were damaged; it is made anew from the records");
        changed = true;
        rc = empty_database(h, err);
        rc = rc ? rc : migrate(h, err);
        rc = rc ? rc : bring_up_to_date(h, &changed, err);
    }
    if (rc) {
        ib_history_close(h);
        return rc;
    }
    h->state.version = VERSION;
    h->state.n_file = (size_t)number_of(h, "SELECT count(*) FROM source");
    h->state.n_launch = (size_t)number_of(h, "SELECT count(*) FROM run WHERE workload_id IS NOT NULL");
    h->state.n_damaged = (size_t)number_of(h, "SELECT count(*) FROM source WHERE state = 'damaged'");
    h->state.n_newer = (size_t)number_of(h, "SELECT count(*) FROM source WHERE state = 'newer'");
    if (changed || *h->state.why || !h->state.bytes)
        save(h);
    *out = h;
    return IB_OK;
}

void ib_history_close(ib_history *h)
{
    if (!h)
        return;
    sqlite3_close(h->db);
    let_go(&h->text);
    ib_free(h);
}

const ib_history_state *ib_history_about(const ib_history *h)
{
    return &h->state;
}

void ib_history_warn(const ib_history *h)
{
    if (h->state.n_damaged + h->state.n_newer)
        ib_warn("%zu of %zu records could not be read in full; imgbench db check names them",
                h->state.n_damaged + h->state.n_newer, h->state.n_file);
}

void ib_history_problems(ib_history *h, void (*tell)(void *to, const char *file, const char *why, bool newer),
                         void       *to)
{
    sqlite3_stmt *s = prepare(
        h, "SELECT file, why, state = 'newer' FROM source WHERE state IN ('damaged', 'newer') ORDER BY file", "");

    while (s && sqlite3_step(s) == SQLITE_ROW)
        tell(to, (const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1),
             sqlite3_column_int(s, 2));
    sqlite3_finalize(s);
}

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
    sqlite3_stmt *s = prepare(h, sql, "");
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
    const bool   dirty = ends_with(word, "-dirty");
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

static void put_problem(const char *input, json_t *problem, char *text, size_t size)
{
    json_t     *value;
    const char *key;
    size_t      at = (size_t)snprintf(text, size, "%s", input);

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
        if (!json_equal(value, other) && at < size && !strstr(text, key))
            at += (size_t)snprintf(text + at, size - at, "%s%s: %.60s -> %.60s", at ? "; " : "", key, x ? x : "none",
                                   y ? y : "none");
    }
    json_decref(of_a);
    json_decref(of_b);
}

static void copy(char *to, size_t size, sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    snprintf(to, size, "%s", text ? text : "");
}

static double real(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, column);
}

static ib_status put_phases(ib_history *h, int64_t id, ib_past *p, ib_error *err)
{
    sqlite3_stmt *s =
        prepare(h, "SELECT phase, value FROM metric WHERE run = ? AND rep = -1 AND name = 'wall_s' AND stat = 'max'",
                "i", id);

    for (int i = 0; i < IB_N_PHASES; i++)
        p->phase[i] = (double)NAN;
    while (s && sqlite3_step(s) == SQLITE_ROW)
        for (int i = 0; i < IB_N_PHASES; i++)
            if (!strcmp((const char *)sqlite3_column_text(s, 0), ib_phase_name((ib_phase)i)))
                p->phase[i] = sqlite3_column_double(s, 1);
    return sqlite3_finalize(s) == SQLITE_OK ? IB_OK : refused(h, "phases", err);
}

static ib_status fill(ib_history *h, sqlite3_stmt *s, ib_past *p, ib_error *err)
{
    char validity[16];

    memset(p, 0, sizeof *p);
    copy(p->run_id, sizeof p->run_id, s, 1);
    copy(p->started, 20, s, 2); /* without fractions of seconds */
    copy(p->machine, sizeof p->machine, s, 3);
    copy(p->status, sizeof p->status, s, 4);
    copy(p->tag, sizeof p->tag, s, 5);
    copy(p->commit, sizeof p->commit, s, 6);
    copy(p->describe, sizeof p->describe, s, 7);
    copy(p->build_id, sizeof p->build_id, s, 8);
    copy(p->commit_time, sizeof p->commit_time, s, 9);
    p->dirty = sqlite3_column_int(s, 10);
    p->ranks = sqlite3_column_int(s, 11);
    p->nodes = sqlite3_column_int(s, 12);
    p->threads = sqlite3_column_int(s, 13);
    copy(validity, sizeof validity, s, 14);
    p->validity = IB_INVALID;
    for (int v = IB_REPORTABLE; v <= IB_INVALID; v++)
        if (!strcmp(validity, ib_validity_name((ib_validity)v)))
            p->validity = (ib_validity)v;
    p->wrong = (sqlite3_column_type(s, 15) != SQLITE_NULL && !sqlite3_column_int(s, 15)) ||
               sqlite3_column_int(s, 22) == ib_exit_code(IB_ECHECK);
    copy(p->reason, sizeof p->reason, s, 16);
    p->total = real(s, 17);
    p->peak_bytes = real(s, 19);
    p->error = real(s, 20);
    copy(p->input, sizeof p->input, s, 21);
    const char *problem = (const char *)sqlite3_column_text(s, 23),
               *around = (const char *)sqlite3_column_text(s, 24);
    p->problem = keep(h, problem ? problem : "{}", err);
    p->environment = p->problem ? keep(h, around ? around : "{}", err) : NULL;
    if (!p->environment)
        return err->status;
    const ib_status rc = put_phases(h, sqlite3_column_int64(s, 0), p, err);
    p->rate = real(s, 18) / p->phase[IB_PHASE_GRID] / (p->ranks * p->threads);
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

    sqlite3_stmt *s = prepare(h, q->sql, "");
    for (size_t i = 0; s && i < q->n_value; i++)
        sqlite3_bind_text(s, (int)i + 1, q->value[i], -1, SQLITE_STATIC);
    if (!s)
        rc = refused(h, "select", err);
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
        rc = refused(h, "select", err);
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
    sqlite3_stmt *s =
        prepare(h,
                "SELECT verdict, a_commit, started, ratio, low, high FROM verdict v JOIN run r ON r.id = v.run"
                " WHERE kind = 'ab' AND b_commit = ? AND problem = ? AND machine = ? AND ranks = ? AND nodes = ?"
                " AND threads = ? AND metric = ? ORDER BY started DESC LIMIT 1",
                "sssiiis", b->commit, b->problem, b->machine, (int64_t)b->ranks, (int64_t)b->nodes,
                (int64_t)b->threads, metric);
    const bool found = s && sqlite3_step(s) == SQLITE_ROW;

    if (found) {
        copy(out->verdict, sizeof out->verdict, s, 0);
        copy(out->a_commit, sizeof out->a_commit, s, 1);
        copy(out->started, sizeof out->started, s, 2);
        out->ratio = real(s, 3);
        out->low = real(s, 4);
        out->high = real(s, 5);
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
    const int64_t room = number_of(h, "SELECT count(*) FROM note");
    sqlite3_stmt *s = prepare(
        h,
        "SELECT run_id, started, commit_hash, metric, terms, text, author, kind FROM note n JOIN run r ON r.id = n.run"
        " WHERE ends IS NULL AND run_id NOT IN (SELECT ends FROM note WHERE ends IS NOT NULL)"
        " ORDER BY started, run_id",
        "");
    ib_status rc = s ? IB_OK : refused(h, "notes", err);

    *n = 0;
    *out = rc ? NULL : ib_alloc_zero((size_t)(room > 0 ? room : 0) + 1, sizeof **out, "notes", err);
    if (!rc && !*out)
        rc = err->status;
    while (!rc && sqlite3_step(s) == SQLITE_ROW) {
        ib_past_note *note = &(*out)[*n];
        copy(note->run_id, sizeof note->run_id, s, 0);
        copy(note->started, 20, s, 1);
        copy(note->commit, sizeof note->commit, s, 2);
        copy(note->metric, sizeof note->metric, s, 3);
        copy(note->where, sizeof note->where, s, 4);
        copy(note->text, sizeof note->text, s, 5);
        copy(note->author, sizeof note->author, s, 6);
        const char *kind = (const char *)sqlite3_column_text(s, 7);
        for (note->kind = IB_NOTE_ACCEPTED; note->kind < IB_N_NOTES && strcmp(kind, ib_note_name(note->kind));
             note->kind++) {
        }
        *n += note->kind < IB_N_NOTES; /* one of a later version says nothing to this one */
    }
    if (sqlite3_finalize(s) != SQLITE_OK && !rc)
        rc = refused(h, "notes", err);
    return rc;
}

ib_status ib_history_verdicts(ib_history *h, size_t campaigns, ib_past_verdict **out, size_t *n, ib_error *err)
{
    sqlite3_stmt *s = prepare(
        h,
        "SELECT run_id, started, kind, a_name, b_name, machine, metric, verdict, problem, ranks, threads, n_a, n_b,"
        " ratio, low, high, p, margin FROM verdict v JOIN run r ON r.id = v.run WHERE r.id IN (SELECT run FROM verdict"
        " JOIN run ON run.id = verdict.run GROUP BY run ORDER BY started DESC LIMIT ?)"
        " ORDER BY started DESC, run_id, v.rowid",
        "i", (int64_t)campaigns);
    size_t    room = 0;
    ib_status rc = s ? IB_OK : refused(h, "verdicts", err);

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
                               .ratio = real(s, 13),
                               .low = real(s, 14),
                               .high = real(s, 15),
                               .p = real(s, 16),
                               .margin = real(s, 17)};
        copy(v->run_id, sizeof v->run_id, s, 0);
        copy(v->started, 20, s, 1);
        copy(v->kind, sizeof v->kind, s, 2);
        copy(v->a, sizeof v->a, s, 3);
        copy(v->b, sizeof v->b, s, 4);
        copy(v->machine, sizeof v->machine, s, 5);
        copy(v->metric, sizeof v->metric, s, 6);
        copy(v->verdict, sizeof v->verdict, s, 7);
        const char *problem = (const char *)sqlite3_column_text(s, 8);
        json_t     *facts = json_loads(problem ? problem : "{}", 0, NULL);
        put_problem(text_at(facts, "input"), facts, v->problem, sizeof v->problem);
        json_decref(facts);
    }
    if (sqlite3_finalize(s) != SQLITE_OK && !rc)
        rc = refused(h, "verdicts", err);
    return rc;
}

double ib_history_noise(ib_history *h, const char *machine)
{
    sqlite3_stmt *s =
        prepare(h,
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
        prepare(h, "SELECT file FROM source JOIN run ON run.source = source.id WHERE run_id = ?", "s", run_id);
    const bool found = s && sqlite3_step(s) == SQLITE_ROW;

    if (found)
        snprintf(path, size, "%s/%s", h->folder, (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return found ? IB_OK : ib_fail(err, IB_ENODATA, "no record of run %.60s in %.200s", run_id, h->folder);
}
