/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/history_db.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/record.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
    {"campaigns", "ALTER TABLE run ADD COLUMN campaign TEXT;"
                  "ALTER TABLE run ADD COLUMN point TEXT;"
                  "ALTER TABLE run ADD COLUMN launch INTEGER;"
                  "ALTER TABLE run ADD COLUMN weak INTEGER;"
                  "ALTER TABLE run ADD COLUMN wall_s REAL;"
                  "CREATE INDEX run_campaign ON run(campaign);"
                  "DELETE FROM source;"},
};
enum { VERSION = sizeof migrations / sizeof *migrations };

ib_status ib_db_refused(const ib_history *h, const char *what, ib_error *err)
{
    const bool memory = sqlite3_errcode(h->db) == SQLITE_NOMEM;

    return ib_fail(err, memory ? IB_ENOMEM : IB_EIO, "history of %.200s: %s: %s", h->folder, what,
                   sqlite3_errmsg(h->db));
}

ib_status ib_db_execute(ib_history *h, const char *sql, ib_error *err)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK ? IB_OK : ib_db_refused(h, "SQLite", err);
}

sqlite3_stmt *ib_db_prepare(ib_history *h, const char *sql, const char *types, ...)
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

ib_status ib_db_finish(ib_history *h, sqlite3_stmt *statement, ib_error *err)
{
    const bool done = statement && sqlite3_step(statement) != SQLITE_ROW;

    (void)done;
    return sqlite3_finalize(statement) == SQLITE_OK && statement ? IB_OK : ib_db_refused(h, "SQLite", err);
}

void ib_db_copy(char *out, size_t size, sqlite3_stmt *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    snprintf(out, size, "%s", text ? text : "");
}

double ib_db_real(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(s, column);
}

int64_t ib_db_number(ib_history *h, const char *sql)
{
    sqlite3_stmt *statement = ib_db_prepare(h, sql, "");
    const int64_t n = statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;

    sqlite3_finalize(statement);
    return n;
}

static ib_status migrate(ib_history *h, ib_error *err)
{
    char pragma[64], digest[24], now[32];

    for (int v = (int)ib_db_number(h, "PRAGMA user_version"); v < VERSION; v++) {
        const time_t at = time(NULL);
        struct tm    utc = {0};
        gmtime_r(&at, &utc);
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
        snprintf(digest, sizeof digest, "%016llx",
                 (unsigned long long)ib_record_digest(IB_DIGEST_START, migrations[v].sql, strlen(migrations[v].sql)));
        snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", v + 1);
        ib_status rc = ib_db_execute(h, "BEGIN IMMEDIATE", err);
        if (!rc)
            rc = ib_db_execute(h, migrations[v].sql, err);
        if (!rc)
            rc = ib_db_finish(h,
                              ib_db_prepare(h, "INSERT INTO migration VALUES(?, ?, ?, ?, ?)", "issss", (int64_t)v + 1,
                                            migrations[v].name, digest, now, IB_VERSION),
                              err);
        if (!rc)
            rc = ib_db_execute(h, pragma, err);
        if (!rc)
            rc = ib_db_execute(h, "COMMIT", err);
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
        return ib_db_refused(h, "open", err);
    return ib_db_execute(h, "PRAGMA foreign_keys = ON", err);
}

/* The bytes of a file in memory of SQLite's; NULL: it cannot be read, which *bytes < 0 tells from one that is not there. */
static unsigned char *read_whole(const char *path, int64_t *bytes)
{
    struct stat    st;
    const bool     there = !stat(path, &st);
    unsigned char *data = NULL;

    *bytes = there || errno != ENOENT ? -1 : 0;
    FILE *file = there && S_ISREG(st.st_mode) ? fopen(path, "rb") : NULL;
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
    sqlite3_stmt *statement = ib_db_prepare(h, "PRAGMA quick_check(1)", "");
    const bool    ok = statement && sqlite3_step(statement) == SQLITE_ROW &&
                    !strcmp((const char *)sqlite3_column_text(statement, 0), "ok");

    sqlite3_finalize(statement);
    return ok && ib_db_number(h, "PRAGMA user_version") > 0 &&
           ib_db_number(h, "SELECT count(*) FROM migration") > 0 &&
           ib_db_number(h, "SELECT count(*) FROM (SELECT 1 FROM v_launch, source LIMIT 0)") == 0;
}

ib_status ib_db_load(ib_history *h, bool afresh, ib_error *err)
{
    static const char damaged[] = "it was damaged, and is made anew from the records";
    int64_t           bytes = 0;
    ib_status         rc = empty_database(h, err);

    h->state.version = VERSION;
    unsigned char *data = rc ? NULL : read_whole(h->state.path, &bytes);

    if (rc)
        return rc;
    if (data &&
        sqlite3_deserialize(h->db, "main", data, bytes, bytes,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) == SQLITE_OK &&
        is_sound(h)) {
        const int64_t version = ib_db_number(h, "PRAGMA user_version");
        if (version > VERSION && !afresh)
            return ib_fail(
                err, IB_ENEWER,
                "%.300s was written by a later imgbench (tables of version %lld, this one knows %d); use that "
                "one, or let imgbench db rebuild make it from the records again",
                h->state.path, (long long)version, VERSION);
        h->state.bytes = (size_t)bytes;
        rc = afresh ? empty_database(h, err) : ib_db_execute(h, "PRAGMA foreign_keys = ON", err);
    } else {
        if (bytes)
            snprintf(h->state.why, sizeof h->state.why, "%s", damaged);
        rc = empty_database(h, err);
    }
    if (rc || !migrate(h, err))
        return rc;
    snprintf(h->state.why, sizeof h->state.why, "%s", damaged); /* its tables are not those of its version */
    return ib_db_reset(h, err);
}

ib_status ib_db_reset(ib_history *h, ib_error *err)
{
    const ib_status rc = empty_database(h, err);

    return rc ? rc : migrate(h, err);
}

/* What processes that were killed while they wrote left behind. */
static void forget_partials(const char *path)
{
    enum { ABANDONED_S = 3600 };
    char        pattern[IB_MAX_PATH + 32];
    glob_t      names = {0};
    struct stat st;

    snprintf(pattern, sizeof pattern, "%s.*.part", path);
    if (!glob(pattern, 0, NULL, &names))
        for (size_t i = 0; i < names.gl_pathc; i++)
            if (!stat(names.gl_pathv[i], &st) && time(NULL) - st.st_mtime > ABANDONED_S)
                remove(names.gl_pathv[i]);
    globfree(&names);
}

void ib_db_save(ib_history *h)
{
    sqlite3_int64  bytes = 0;
    char           partial[IB_MAX_PATH + 32];
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
    forget_partials(h->state.path);
    h->state.bytes = ok ? (size_t)bytes : 0;
    sqlite3_free(data);
}

/* ---- texts ----------------------------------------------------------------------------------------------- */

ib_status ib_names_add(ib_names *list, const char *text, ib_error *err)
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

void ib_names_clear(ib_names *list)
{
    for (size_t i = 0; i < list->n; i++)
        ib_free(list->text[i]);
    ib_free(list->text);
}

const char *ib_db_keep(ib_history *h, const char *text, ib_error *err)
{
    for (size_t i = h->text.n; i-- > 0;)
        if (!strcmp(h->text.text[i], text))
            return h->text.text[i];
    return ib_names_add(&h->text, text, err) ? NULL : h->text.text[h->text.n - 1];
}
