/* SPDX-License-Identifier: BSD-3-Clause */
/** --schedule dynamic: channels are taken piece by piece by the ranks that have time for them.
 *
 * A rank first takes from its own share, which is near to what it has read; with that used up it takes from the rank that has most
 * left. Each share has a counter in a window of memory that all ranks reach with one-sided operations: nobody
 * serves, nobody is asked. What comes out of a channel does not depend on who images it. */
#ifndef IB_SCHEDULE_H
#define IB_SCHEDULE_H

#include "gridder/plan.h"

typedef struct ib_schedule {
    MPI_Comm       comm;
    MPI_Win        window;
    bool           window_there;
    int            rank, n_rank;
    const ib_plan *plan;
    const uint8_t *done;  /* [plan->n_unit] by earlier starts: never handed out */
    size_t        *chunk; /* [n_chunk] those with something left, in order */
    size_t         n_chunk;
    size_t        *known; /* [n_rank] the last value seen of each share's counter: chunks of it that were taken */
    ib_range       taken; /* units of what was taken that have not been handed out */

    size_t n_take, n_moved; /* times that something was taken; units of other ranks' shares handed out */
    double seconds;         /* that taking took */
} ib_schedule;

/** Collective. Borrows plan and done. */
ib_status ib_schedule_begin(ib_schedule *schedule, MPI_Comm comm, const ib_plan *plan, const uint8_t *done,
                            ib_error *err);

/** The next units for this rank, a run of them; n 0: nothing is left. Not collective; the main thread. */
ib_range ib_schedule_next(ib_schedule *schedule);

/** Collective. Accepts one that was never begun. */
void ib_schedule_end(ib_schedule *schedule);

#endif
