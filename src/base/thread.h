/* SPDX-License-Identifier: BSD-3-Clause */
/** Threads beside the team, which wait most of their time. */
#ifndef IB_BASE_THREAD_H
#define IB_BASE_THREAD_H

#include <pthread.h>

/** As pthread_create; signals stay the main thread's. @return 0 or an errno */
int ib_thread_start(pthread_t *thread, void *(*body)(void *), void *self);

/** What the calling thread does is short: it asks the system for short slices of time, so that it gets a processor soon after it wakes
 *  up, although all of them compute. Without it a disk stands still for as long as a slice is (4 ms) after each write. */
void ib_thread_prompt(void);

#endif
