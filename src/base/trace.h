/* SPDX-License-Identifier: BSD-3-Clause */
/** Phase timers: always on, two clock readings per span. */
#ifndef IB_BASE_TRACE_H
#define IB_BASE_TRACE_H

#include "imgbench.h"

/** Seconds of the monotonic clock. */
double ib_now(void);

/** Seconds per phase. One per thread, added up by whoever owns them. */
typedef struct ib_timers {
    double s[IB_N_PHASES];
} ib_timers;

/** Book the time since *start on a phase and start again: phases follow each other without gaps. */
static inline void ib_book(ib_timers *timers, ib_phase phase, double *start)
{
    const double now = ib_now();
    timers->s[phase] += now - *start;
    *start = now;
}

/** Name of a phase, as in summaries and records. */
const char *ib_phase_name(ib_phase phase);

#endif
