/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* syscall */
#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE 100000 /* ns, the least that Linux has */

int ib_thread_start(pthread_t *thread, void *(*body)(void *), void *self)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(thread, NULL, body, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

void ib_thread_prompt(void)
{
#ifdef SYS_sched_setattr
    /* struct sched_attr, which the C library does not have. Before Linux 6.12 the slice of such a thread is not heeded. */
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t  nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = sizeof attr, .policy = SCHED_OTHER, .nice = getpriority(PRIO_PROCESS, 0), .runtime = SLICE};
    const int before = errno;

    if (sched_getscheduler(0) == SCHED_OTHER)
        syscall(SYS_sched_setattr, 0, &attr, 0); /* a favour: without it things are slower */
    errno = before;
#endif
}
