/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/history_record.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/json.h"
#include "bench/record.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA = 1 };

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

/* A whole number that an INTEGER column takes; NaN, which becomes NULL, for anything else. */
static double whole_at(const json_t *object, const char *key)
{
    const json_int_t most = INT64_C(1) << 53, value = json_integer_value(json_object_get(object, key));

    return json_is_integer(json_object_get(object, key)) && value >= -most && value <= most ? (double)value
                                                                                            : (double)NAN;
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
    if (rep) {
        json_object_set(e, "isa", json_object_get(rep, "isa"));
        json_object_set(e, "input", json_object_get(rep, "input"));
    }
    return e;
}

/* What a launch is worth now: no better than its record says, and nothing without its numbers. */
static ib_validity worth(const lines *l, const char **why)
{
    const char   *word = text_at(l->end, "validity");
    const json_t *check, *rep;
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
    json_array_foreach(l->rep, i, rep)
    {
        const double T = number_at(rep, "T_s");
        if (!(T > 0 && isfinite(T))) {
            *why = "a repetition has no time above 0";
            return IB_INVALID;
        }
    }
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
    return ib_db_finish(h,
                        ib_db_prepare(h, "INSERT OR REPLACE INTO metric VALUES(?, ?, ?, ?, ?, ?)", "iisssd", run, rep,
                                      phase, name, stat, value),
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
    } around[] = {{"steady", "neighbours"},
                  {"steady", "steal"},
                  {"steady", "clock"},
                  {"efficiency", "parallel"},
                  {"efficiency", "io"},
                  {"efficiency", "mpi_balance"},
                  {"efficiency", "communication"},
                  {"efficiency", "serial"},
                  {"efficiency", "team"},
                  {"shares", "busy_s"},
                  {"shares", "busiest_s"},
                  {"shares", "computing_s"},
                  {"shares", "useful_s"},
                  {"shares", "serial_s"}};
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
                             : ib_db_prepare(h, "INSERT OR REPLACE INTO chk VALUES(?, ?, ?, ?, ?, ?)", "issdd", run,
                                             text_at(check, "name"), text_at(check, "kind"),
                                             number_at(check, "value"), number_at(check, "tol"));
        if (s && json_is_boolean(pass))
            sqlite3_bind_int(s, 6, json_is_true(pass));
        rc = rc ? rc : ib_db_finish(h, s, err);
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
                rc = ib_db_finish(
                    h,
                    ib_db_prepare(
                        h, "INSERT INTO verdict VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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

    return ib_db_finish(h,
                        ib_db_prepare(h, "INSERT INTO note VALUES(?, ?, ?, ?, ?, ?, ?, ?)", "isssssss", run,
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
        rc = ib_db_finish(h,
                          ib_db_prepare(h, "INSERT OR IGNORE INTO workload VALUES(?, ?, ?)", "sss", workload_id,
                                        *text_at(input, "name") ? text_at(input, "name") : IB_DEFAULT_INPUT, problem),
                          err);
    if (!rc)
        rc = ib_db_finish(h,
                          ib_db_prepare(h, "INSERT OR IGNORE INTO machine VALUES(?, ?)", "ss",
                                        text_at(machine, "machine_id"), machine_text),
                          err);
    if (!rc)
        rc = ib_db_finish(h,
                          ib_db_prepare(h, "INSERT OR IGNORE INTO build VALUES(?, ?, ?, ?, ?, ?)", "ssisss",
                                        text_at(build, "build_id"), text_at(build, "commit"),
                                        (int64_t)(json_is_boolean(dirty) ? json_is_true(dirty) : -1),
                                        text_at(build, "describe"), text_at(build, "commit_time"), build_text),
                          err);
    if (!rc && shape)
        rc = ib_db_finish(h,
                          ib_db_prepare(h, "INSERT OR IGNORE INTO shape VALUES(?, ?, ?, ?)", "siii",
                                        text_at(shape, "shape_id"),
                                        (int64_t)json_integer_value(json_object_get(shape, "ranks")),
                                        (int64_t)json_integer_value(json_object_get(shape, "nodes")),
                                        (int64_t)json_integer_value(json_object_get(shape, "threads"))),
                          err);
    free(build_text);
    free(machine_text);
    return rc;
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
        sqlite3_stmt *s = ib_db_prepare(
            h,
            "INSERT INTO run(run_id, source, started, intent, tag, alias, workload_id, machine_id, build_id, shape_id,"
            " status, exit_code, validity, reasons, params, environment, job, campaign, point, launch, weak, wall_s)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(run_id) DO NOTHING",
            "sisssssssssisssssssdid", text_at(l->run, "run_id"), source, text_at(l->run, "started"),
            text_at(l->run, "intent"), text_at(json_object_get(workload, "params"), "tag"), text_at(machine, "alias"),
            json_string_value(id), text_at(machine, "machine_id"), text_at(build, "build_id"),
            shape ? text_at(shape, "shape_id") : NULL, status,
            (int64_t)json_integer_value(json_object_get(l->end, "exit_code")), ib_validity_name(validity),
            reason_text, params, around_text, job, json_string_value(json_object_get(l->run, "campaign_id")),
            json_string_value(json_object_get(l->run, "point")), whole_at(l->run, "launch"),
            (int64_t)!strcmp(text_at(l->run, "scaling"), "weak"), number_at(l->end, "wall_s"));
        rc = ib_db_finish(h, s, err);
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

ib_status ib_history_read(ib_history *h, int64_t source, const char *path, bool running, int64_t *twins,
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
