/* SPDX-License-Identifier: BSD-3-Clause */
/** What becomes of the time of all threads, as factors (POP's) whose product is exact: harness specification, 5.5. */
#ifndef IB_BENCH_EFFICIENCY_H
#define IB_BENCH_EFFICIENCY_H

#include "base/trace.h"

#include <stdbool.h>

/** Sums over ranks that the factors follow from. Seconds; a rank's busy time is what it spent outside of MPI. */
typedef struct ib_shares {
    bool   known;          /* MPI and parallel regions were watched on all ranks */
    double T;              /* of the launch */
    int    ranks, threads; /* of each rank */
    double busy, busiest;  /* all ranks, the busiest one */
    double computing;      /* busy and not in files, all ranks; a region counts files by the mean of its threads */
    double useful;         /* threads that compute, all of them */
    double serial;         /* main threads that compute outside of parallel regions */
} ib_shares;

/** @param account  of every rank  @param T  wall time of the launch; what a rank did beyond it is cut off */
ib_shares ib_shares_of(const ib_account *account, int ranks, int threads, double T);

/** Each within (0, 1]; parallel is the product of the others. */
typedef struct ib_efficiency {
    double parallel;      /* useful / (ranks threads T) */
    double mpi_balance;   /* mean busy / busiest */
    double communication; /* busiest / T: waiting and transfer that no balance of work would avoid */
    double io;            /* computing / busy */
    double serial;        /* 1 - what other threads lost while the main thread computed alone */
    double team;          /* useful over what is left: threads of a region that waited for each other */
} ib_efficiency;

/** Half of one and half of the other, as of a median between two launches; not known unless both are. */
ib_shares ib_shares_between(const ib_shares *a, const ib_shares *b);

/** Not a number where the shares are not known. */
ib_efficiency ib_efficiency_of(const ib_shares *shares);

#endif
