/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/monitor.h"
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    ib_course       seen;
    int64_t         began_ns;
    double          began_cpu, last_cpu;
    pthread_t       thread;
    pthread_mutex_t mutex;
    pthread_cond_t  change;
    bool            running, stop;
    int             memory; /* /proc/self/statm */
} monitor = {.mutex = PTHREAD_MUTEX_INITIALIZER, .memory = -1};

static double processor_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Pages that are resident: the second number of statm. 0 where the system does not tell. */
static double resident(void)
{
    char          text[128];
    const ssize_t n = monitor.memory < 0 ? -1 : pread(monitor.memory, text, sizeof text - 1, 0);
    char         *pages;

    if (n <= 0)
        return 0;
    text[n] = 0;
    pages = strchr(text, ' ');
    return pages ? (double)strtoull(pages, NULL, 10) * (double)sysconf(_SC_PAGESIZE) : 0;
}

void ib_course_thin(ib_course *s, int most)
{
    while (s->n > most) {
        int n = 0;
        for (int i = 0; i < s->n; i++)
            if (i % 2 == 0 || (i == s->n - 1 && most > 1))
                s->sample[n++] = s->sample[i];
        s->every_s *= 2;
        if (n == s->n)
            break;
        s->n = n;
    }
}

static void keep_counter(const char *name, int64_t at_ns, double value)
{
    ib_recorder_add(
        &(ib_event){.at_ns = at_ns, .name = name, .value = value, .number = -1, .kind = IB_EVENT_COUNTER});
}

static void look(void)
{
    ib_course    *s = &monitor.seen;
    const int64_t now = ib_clock_ns();
    const double  cpu = processor_time(), at = 1e-9 * (double)(now - monitor.began_ns), bytes = resident();

    if (s->n ==
        IB_MAX_SAMPLES) { /* every other one; the next one is as far from the last as they are from each other */
        int n = 0;
        for (int i = 0; i < s->n; i += 2)
            s->sample[n++] = s->sample[i];
        s->n = n;
        s->every_s *= 2;
    }
    if (ib_recording) {
        const double before = s->n ? (double)s->sample[s->n - 1].at_s : 0;
        keep_counter("resident bytes", now, bytes);
        if (at > before)
            keep_counter("busy processors", now, (cpu - monitor.last_cpu) / (at - before));
    }
    monitor.last_cpu = cpu;
    s->sample[s->n++] = (ib_glance){(float)at, (float)(cpu - monitor.began_cpu), (float)bytes};
}

static void *watch(void *none)
{
    (void)none;
    ib_track_name("monitor", -1);
    pthread_mutex_lock(&monitor.mutex);
    while (!monitor.stop) {
        const int64_t next =
            monitor.began_ns +
            (int64_t)(1e9 * ((double)monitor.seen.sample[monitor.seen.n - 1].at_s + monitor.seen.every_s));
        struct timespec until = {next / 1000000000, next % 1000000000};
        if (pthread_cond_timedwait(&monitor.change, &monitor.mutex, &until) == ETIMEDOUT && !monitor.stop)
            look();
    }
    pthread_mutex_unlock(&monitor.mutex);
    return NULL;
}

void ib_monitor_begin(double every_s)
{
    pthread_condattr_t clock;
    pthread_attr_t     small;
    sigset_t           all, before;

    monitor.seen = (ib_course){.every_s = every_s};
    if (!(every_s > 0))
        return;
    monitor.memory = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    monitor.began_ns = ib_clock_ns();
    monitor.began_cpu = monitor.last_cpu = processor_time();
    monitor.stop = false;
    look();
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&monitor.change, &clock);
    pthread_condattr_destroy(&clock);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    monitor.running = !pthread_create(&monitor.thread, &small, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&small);
}

void ib_monitor_wait(void)
{
    pthread_mutex_lock(&monitor.mutex); /* which is held during a look */
    pthread_mutex_unlock(&monitor.mutex);
}

void ib_monitor_end(ib_course *out)
{
    if (monitor.running) {
        pthread_mutex_lock(&monitor.mutex);
        monitor.stop = true;
        pthread_cond_signal(&monitor.change);
        pthread_mutex_unlock(&monitor.mutex);
        pthread_join(monitor.thread, NULL);
        monitor.running = false;
    }
    if (monitor.seen.n) {
        look();
        pthread_cond_destroy(&monitor.change);
    }
    if (monitor.memory >= 0)
        close(monitor.memory);
    monitor.memory = -1;
    *out = monitor.seen;
}
