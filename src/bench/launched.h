/* SPDX-License-Identifier: BSD-3-Clause */
/** Launches as their records tell them (docs/records.md). */
#ifndef IB_BENCH_LAUNCHED_H
#define IB_BENCH_LAUNCHED_H

#include "bench/efficiency.h"

#include <stdbool.h>

/** What sweeps and their evaluation need of the history. Plain data; times in seconds. */
typedef struct ib_launched {
    char      validity[16];
    char      campaign[64], point[160]; /* of a sweep; "" otherwise */
    char      workload[24], build[24], commit[48], machine[64], input[256];
    int       ranks, nodes, threads;
    int       launch;             /* number within its point; below 1: a warm-up; 0 also without a sweep */
    bool      warm;               /* it does not count */
    bool      weak;               /* the campaign lets the problem grow with the ranks */
    bool      ok;                 /* it succeeded, and its image and its record are not invalid */
    double    seconds;            /* T; NaN when it failed or does not count */
    double    wall_s;             /* all of it, checks included */
    uint64_t  samples;            /* gridded */
    double    phase[IB_N_PHASES]; /* mean over ranks */
    ib_shares shares;             /* of the time of all threads */
} ib_launched;

/** The launches that a folder's history holds (bench/history.h), oldest first.
 *  @param campaign  only launches of that campaign; NULL: all launches, in campaigns or not
 *  @param out       the caller's, for ib_free; NULL when there is none
 *  @return as ib_history_open; a folder that does not exist holds none. */
ib_status ib_launched_read(ib_launched **out, size_t *n, const char *folder, const char *campaign, ib_error *err);

#endif
