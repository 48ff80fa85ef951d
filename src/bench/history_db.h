/* SPDX-License-Identifier: BSD-3-Clause */
/** Inside the history: its tables in SQLite, the file that they are kept in, and statements on them. Only history*.c and
 *  launched.c include this. One thread at a time. */
#ifndef IB_BENCH_HISTORY_DB_H
#define IB_BENCH_HISTORY_DB_H

#include "bench/history.h"

#include <sqlite3.h>

enum { IB_MAX_PATH = 1024 };

/** A list of texts, begun as {0}. */
typedef struct ib_names {
    char **text;
    size_t n, room;
} ib_names;

ib_status ib_names_add(ib_names *list, const char *text, ib_error *err);
void      ib_names_clear(ib_names *list);

struct ib_history {
    sqlite3         *db;
    char             folder[IB_MAX_PATH];
    ib_history_state state;
    ib_names         text; /* what ib_past points to */
};

/** One copy of every text that ib_past points to: there are few problems and environments. NULL: no memory. */
const char *ib_db_keep(ib_history *history, const char *text, ib_error *err);

/** The cache as it lies there, or an empty one with the reason in state.why; tables are those of this version then.
 *  @return IB_ENEWER when a later version wrote it. */
ib_status ib_db_load(ib_history *history, bool afresh, ib_error *err);

/** Empty tables, in memory. */
ib_status ib_db_reset(ib_history *history, ib_error *err);

/** Replace the file; a cache that cannot be written is none, and no failure: state.why tells. */
void ib_db_save(ib_history *history);

/** A statement with values for its question marks, in order: s text (NULL allowed), i int64_t, d double (not finite: NULL).
 *  The caller steps and finalizes it. NULL: SQLite refused. */
sqlite3_stmt *ib_db_prepare(ib_history *history, const char *sql, const char *types, ...);

/** Run a statement to its end. Accepts NULL, which is a refusal. */
ib_status ib_db_finish(ib_history *history, sqlite3_stmt *statement, ib_error *err);
ib_status ib_db_execute(ib_history *history, const char *sql, ib_error *err);

/** A column of the row that a statement stands on: text, cut to size, "" for NULL; a number, NaN for NULL. */
void   ib_db_copy(char *out, size_t size, sqlite3_stmt *statement, int column);
double ib_db_real(sqlite3_stmt *statement, int column);

/** The number that a query gives; -1: none. */
int64_t ib_db_number(ib_history *history, const char *sql);

/** What SQLite complains of. @return IB_ENOMEM, IB_EIO */
ib_status ib_db_refused(const ib_history *history, const char *what, ib_error *err);

#endif
