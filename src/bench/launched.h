/* SPDX-License-Identifier: BSD-3-Clause */
/** Launches as their records tell them (docs/records.md). */
#ifndef IB_BENCH_LAUNCHED_H
#define IB_BENCH_LAUNCHED_H

#include "bench/efficiency.h"

#include <stdbool.h>

/** What sweeps and their evaluation need of a record. Plain data; times in seconds. */
typedef struct ib_launched {
    char      run_id[40], started[40], status[16], validity[16];
    char      campaign[64], point[160]; /* of a sweep; "" otherwise */
    char      workload[24], build[24], machine[64], input[256];
    int       ranks, nodes, threads;
    int       launch;             /* number within its point; below 1: a warm-up; 0 also without a sweep */
    bool      warm;               /* it does not count */
    bool      weak;               /* the campaign lets the problem grow with the ranks */
    bool      ok;                 /* it succeeded and its image is not invalid: its time counts */
    double    seconds;            /* T; NaN when it failed */
    double    wall_s;             /* all of it, checks included */
    uint64_t  samples;            /* gridded */
    double    phase[IB_N_PHASES]; /* mean over ranks */
    ib_shares shares;             /* of the time of all threads */
} ib_launched;

/** Every whole record below a folder, oldest first.
 *  @param campaign  only launches of that campaign; NULL: all launches, in campaigns or not
 *  @param out       the caller's, for ib_free; NULL when there is none
 *  @return IB_ENOMEM. Files that are no records, and damaged ones, are passed over: history is not a reason to fail. */
ib_status ib_launched_read(ib_launched **out, size_t *n, const char *folder, const char *campaign, ib_error *err);

#endif
