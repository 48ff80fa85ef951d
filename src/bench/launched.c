/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/launched.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/history_db.h"

#include <math.h>
#include <string.h>

/* What its repetitions took in each phase, and what became of the time of all threads. */
static ib_status put_times(ib_history *h, int64_t id, ib_launched *l, ib_error *err)
{
    sqlite3_stmt *s =
        ib_db_prepare(h,
                      "SELECT phase, name, value FROM metric WHERE run = ? AND rep = -1 AND"
                      " (stat = 'mean' OR name IN ('busy_s', 'busiest_s', 'computing_s', 'useful_s', 'serial_s'))",
                      "i", id);
    const struct {
        const char *name;
        double     *value;
    } share[] = {{"busy_s", &l->shares.busy},
                 {"busiest_s", &l->shares.busiest},
                 {"computing_s", &l->shares.computing},
                 {"useful_s", &l->shares.useful},
                 {"serial_s", &l->shares.serial}};

    while (s && sqlite3_step(s) == SQLITE_ROW) {
        const char  *phase = (const char *)sqlite3_column_text(s, 0), *name = (const char *)sqlite3_column_text(s, 1);
        const double value = sqlite3_column_double(s, 2);
        for (int p = 0; p < IB_N_PHASES; p++) /* a phase that its version did not have took no time */
            if (!strcmp(phase, ib_phase_name((ib_phase)p)) && value > 0)
                l->phase[p] = value;
        for (size_t i = 0; i < sizeof share / sizeof *share; i++)
            if (!strcmp(name, share[i].name)) {
                *share[i].value = value;
                l->shares.known = l->seconds > 0;
            }
    }
    return sqlite3_finalize(s) == SQLITE_OK ? IB_OK : ib_db_refused(h, "phases", err);
}

static ib_status fill(ib_history *h, sqlite3_stmt *s, ib_launched *l, ib_error *err)
{
    char status[16], validity[16];

    *l = (ib_launched){.ranks = sqlite3_column_int(s, 1),
                       .nodes = sqlite3_column_int(s, 2),
                       .threads = sqlite3_column_int(s, 3),
                       .launch = sqlite3_column_int(s, 4),
                       .weak = sqlite3_column_int(s, 5),
                       .seconds = ib_db_real(s, 6),
                       .wall_s = ib_db_real(s, 7),
                       .samples = (uint64_t)sqlite3_column_int64(s, 8)};
    ib_db_copy(l->campaign, sizeof l->campaign, s, 9);
    ib_db_copy(l->point, sizeof l->point, s, 10);
    ib_db_copy(l->workload, sizeof l->workload, s, 11);
    ib_db_copy(l->build, sizeof l->build, s, 12);
    ib_db_copy(l->input, sizeof l->input, s, 13);
    ib_db_copy(status, sizeof status, s, 14);
    ib_db_copy(validity, sizeof validity, s, 15);
    ib_db_copy(l->validity, sizeof l->validity, s, 15);
    ib_db_copy(l->machine, sizeof l->machine, s, 16);
    ib_db_copy(l->commit, sizeof l->commit, s, 17);
    l->warm = !(l->seconds > 0); /* the history keeps no time of what is not to count */
    l->ok = !strcmp(status, "ok") && strcmp(validity, ib_validity_name(IB_INVALID)) != 0;
    l->shares = (ib_shares){.T = l->seconds, .ranks = l->ranks, .threads = l->threads};
    return put_times(h, sqlite3_column_int64(s, 0), l, err);
}

ib_status ib_launched_read(ib_launched **out, size_t *n, const char *folder, const char *campaign, ib_error *err)
{
    ib_history   *h = NULL;
    sqlite3_stmt *s = NULL;
    ib_status     rc = ib_history_open(&h, folder, false, err);

    *out = NULL;
    *n = 0;
    if (rc)
        return rc == IB_ENODATA ? IB_OK : rc;
    const int64_t room = (int64_t)ib_history_about(h)->n_launch;
    if (room && !(*out = ib_alloc((size_t)room, sizeof **out, "launches", err)))
        rc = err->status;
    if (room && !rc) {
        s = ib_db_prepare(
            h,
            "SELECT id, ranks, nodes, threads, launch, weak, T_s, wall_s, samples, campaign, point, workload_id,"
            " build_id, input, status, validity, alias, commit_hash FROM v_launch WHERE ?1 IS NULL OR campaign = ?1"
            " ORDER BY started, run_id",
            "s", campaign);
        if (!s)
            rc = ib_db_refused(h, "launches", err);
        while (!rc && *n < (size_t)room && sqlite3_step(s) == SQLITE_ROW)
            rc = fill(h, s, &(*out)[(*n)++], err);
        sqlite3_finalize(s);
    }
    ib_history_close(h);
    if (rc) {
        ib_free(*out);
        *out = NULL;
        *n = 0;
    }
    return rc;
}
