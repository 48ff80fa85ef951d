/* SPDX-License-Identifier: BSD-3-Clause */
/** Sentences and progress on standard error. Results never come this way.
 *
 * Rank 0 speaks; the others only warn, with their rank. The rank and the line of progress are the only process-wide
 * state. Main thread only. */
#ifndef IB_BASE_LOG_H
#define IB_BASE_LOG_H

#include <stdint.h>

/** Rank of this process, told once after MPI has started; 0 until then. */
void ib_log_rank(int rank);

/** A sentence worth knowing ("reads CORRECTED_DATA"), from rank 0. A newline is added. */
void ib_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** A sentence that asks for attention, from any rank. A newline is added. */
void ib_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Progress of one piece of work, from rank 0: a rewriting line with percent, rate and remaining time on a terminal (at
 *  most five times a second), ten lines elsewhere. Nothing when quiet.
 *  @param what   what is being done, shown in front; copied
 *  @param total  units of work in all; 0: nothing is shown */
void ib_progress_start(const char *what, uint64_t total, int quiet);

/** Units done so far. Cheap enough to be called after every block.
 *  @param rate  shown beside the percentage ("23.4 Mvis/s"); NULL: units per second */
void ib_progress_update(uint64_t done, const char *rate);

/** Finish the line. Harmless without a start. */
void ib_progress_end(void);

#endif
