/* SPDX-License-Identifier: BSD-3-Clause */
/** Inside the history: one file of records, taken into its tables. */
#ifndef IB_BENCH_HISTORY_RECORD_H
#define IB_BENCH_HISTORY_RECORD_H

#include "bench/history_db.h"

/** Every run of one file, which may be several records one behind the other.
 *  @param source   the file's row in `source`
 *  @param running  the launch has not ended yet
 *  @param twins    receives how many runs were there already, from another file
 *  @param why      receives what is wrong with the rest of the file, "" nothing; newer: a later version wrote it
 *  @return an error of the database; a damaged file is none. */
ib_status ib_history_read(ib_history *history, int64_t source, const char *path, bool running, int64_t *twins,
                          char why[160], bool *newer, ib_error *err);

#endif
