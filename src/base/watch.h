/* SPDX-License-Identifier: BSD-3-Clause */
/** Ranks that stop, or that the system does not answer, end the run instead of holding it for ever (docs/resume.md).
 *
 * A thread of each rank's own sends a small datagram to the next rank several times within the timeout, so that of ranks that stop (a
 * signal, a lost node, a cut link) the one behind them learns it; datagrams need neither progress of MPI nor its leave to
 * use threads. The same thread looks for how long what this rank asked of the system has not come back. Either way one
 * sentence names the rank, its host and what it did, and every rank that can ends its process at once with the exit code of
 * IB_ESTUCK: nothing else is left to do when a rank cannot take part in what is collective. What was flushed stays.
 *
 * Only time in which this process ran counts: a job that is suspended as a whole and goes on is not disturbed. */
#ifndef IB_BASE_WATCH_H
#define IB_BASE_WATCH_H

#include "imgbench.h"

/** Watch the ranks of a communicator until ib_watch_end. Collective; one at a time in a process.
 *  @param timeout  s of silence, or without an answer of the system, that end the run; 0: do not watch */
ib_status ib_watch_begin(MPI_Comm comm, double timeout, ib_error *err);

/** This rank needs not be watched any more. Not collective; without a watch nothing happens. */
void ib_watch_end(void);

/** What this rank does now, for the sentence: "imaging". Borrowed until the next call. */
void ib_watch_stage(const char *doing);

/** Something that the system may keep a thread waiting for: lives where it waits, between begin and end. Any thread. */
typedef struct ib_wait {
    const char     *doing, *name; /* "writing", "cube.hdf5" */
    double          age;          /* s, as far as the watch has noticed */
    struct ib_wait *next, **at;
} ib_wait;

/** Both texts are borrowed until the end. */
void ib_wait_begin(ib_wait *wait, const char *doing, const char *name);
void ib_wait_end(ib_wait *wait);

#endif
