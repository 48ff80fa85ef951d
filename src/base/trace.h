/* SPDX-License-Identifier: BSD-3-Clause */
/** Where time goes: phase timers, always on, two clock readings per span; what threads do, exclusively; with --trace every
 *  span of both. */
#ifndef IB_BASE_TRACE_H
#define IB_BASE_TRACE_H

#include "base/recorder.h"
#include "imgbench.h"

/** Seconds of the monotonic clock. */
double ib_now(void);

/* ---- phases ---------------------------------------------------------------------------------------------------- */

/** Seconds per phase. One per thread, added up by whoever owns them. */
typedef struct ib_timers {
    double s[IB_N_PHASES];
} ib_timers;

/** Keep a span of the calling thread while there is a trace. */
void ib_trace_phase(ib_phase phase, double from, double to);

/** Book the time since *start on a phase and start again: phases follow each other without gaps. */
static inline void ib_book(ib_timers *timers, ib_phase phase, double *start)
{
    const double now = ib_now();

    timers->s[phase] += now - *start;
    if (ib_recording)
        ib_trace_phase(phase, *start, now);
    *start = now;
}

/** The same, of which `part_s` seconds were those of another phase; a trace has them at the end. */
static inline void ib_book_two(ib_timers *timers, ib_phase phase, ib_phase part, double part_s, double *start)
{
    const double now = ib_now();

    timers->s[phase] += now - *start - part_s;
    timers->s[part] += part_s;
    if (ib_recording) {
        const double from = now - part_s > *start ? now - part_s : *start;
        ib_trace_phase(phase, *start, from);
        if (now > from)
            ib_trace_phase(part, from, now);
    }
    *start = now;
}

/** What the calling thread's next phases are about: a channel, below 0 nothing; beside how many other threads, itself
 *  included, that do the same to other channels. */
void ib_trace_about(int64_t channel, int team);

/** Keep a span of the calling thread that is made of phases: all about one channel. */
void ib_trace_chunk(const char *name, double from);

/** Name of a phase, as in summaries and records. */
const char *ib_phase_name(ib_phase phase);

/* ---- activities ------------------------------------------------------------------------------------------------ */

/** A stay of the calling thread in files or in messages. */
typedef struct ib_stay {
    ib_activity before, there;
    int64_t     at_ns;
    double      bytes; /* of the thread's files until then */
} ib_stay;

ib_stay ib_enter(ib_activity there);

/** @param name  a literal  @param bytes  below 0: none worth telling */
void ib_leave(ib_stay stay, const char *name, double bytes);

/** The same of something that all ranks do together, by a number that is the same on all of them; below 0: none; and of a
 *  message to or from another rank, the `message`-th with that tag.
 *  @param root  the one rank that all get something from or give something to; below 0: everyone waits for everyone */
void ib_leave_together(ib_stay stay, const char *name, double bytes, int32_t number, int root);
void ib_leave_message(ib_stay stay, const char *name, int peer, int tag, double message, bool receives);

/** The next number of what all ranks do together, as they do it in the same order. */
int32_t ib_collective_number(void);

/** Who tells what threads do in MPI and in parallel regions: the program does, a program with ib_run inside need not. */
enum { IB_WATCHES_MPI = 1, IB_WATCHES_TEAMS = 2 };
extern int ib_watched;

enum { IB_MAX_BUSY = 64 };

/** Where the time of a process went, s. Plain data. Its wall time is serial + team + storing + messaging, all of the main
 *  thread; team is what parallel regions took, in which all threads together computed for `work` and used files for
 *  `team_storing`. */
typedef struct ib_account {
    double serial_s, team_s, storing_s, messaging_s;
    double work_s, team_storing_s;
    int    threads, watched;    /* ib_watched */
    float  busy_s[IB_MAX_BUSY]; /* [threads] computing, in regions or outside; the first ones */
} ib_account;

/** Begin anew; the end of it, and what it came to. Main thread, outside of parallel regions. */
void              ib_account_begin(void);
void              ib_account_end(int threads);
const ib_account *ib_account_last(void);

#endif
