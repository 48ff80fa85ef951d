/* SPDX-License-Identifier: BSD-3-Clause */
#include "ib_test.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/monitor.h"
#include "base/trace.h"

#include <math.h>
#include <string.h>
#include <time.h>

static void sleep_s(double s)
{
    nanosleep(&(struct timespec){(time_t)s, (long)(1e9 * (s - floor(s)))}, NULL);
}

static void memory_and_processor_time_are_seen_as_they_grow(ib_test *t)
{
    const size_t size = 32 << 20;
    ib_course    seen;
    ib_error     err;

    ib_monitor_begin(0.01);
    sleep_s(0.05);
    char *block = ib_alloc(size, 1, "test", &err);
    memset(block, 1, size);
    const double until = ib_now() + 0.1;
    while (ib_now() < until) { /* work */
    }
    ib_monitor_end(&seen);
    ib_free(block);

    const ib_glance *first = &seen.sample[0], *last = &seen.sample[seen.n - 1];
    printf("# %d samples in %.3f s, %.3f s of a processor, %.1f MiB more\n", seen.n, (double)last->at_s,
           (double)last->cpu_s, (double)(last->resident - first->resident) / 0x1p20);
    IB_CHECK(t, seen.n >= 3 && first->at_s < 0.01f && last->at_s > 0.14f);
    /* other tests run beside this one: all that is sure is that some of it was done */
    IB_CHECK(t, last->cpu_s > 0.001f && last->cpu_s < 0.3f);
    IB_CHECK(t, last->resident - first->resident > 0.9 * (double)size);
    for (int i = 1; i < seen.n; i++)
        IB_CHECK(t,
                 seen.sample[i].at_s >= seen.sample[i - 1].at_s && seen.sample[i].cpu_s >= seen.sample[i - 1].cpu_s);
}

/* However long it takes there is room; the pace halves, and samples stay evenly spread over all of the time. */
static void a_long_time_has_as_many_samples_as_there_is_room_for(ib_test *t)
{
    ib_course seen;

    ib_monitor_begin(0.0005);
    sleep_s(0.4);
    ib_monitor_end(&seen);
    printf("# %d samples, one every %g s\n", seen.n, seen.every_s);
    IB_CHECK(t, seen.n <= IB_MAX_SAMPLES && seen.every_s >= 0.0005);
    IB_CHECK(t, seen.sample[seen.n / 2].at_s > 0.05f && seen.sample[seen.n / 2].at_s < 0.35f);

    const float end = seen.sample[seen.n - 1].at_s;
    ib_course_thin(&seen, 9);
    IB_CHECK(t, seen.n > 2 && seen.n <= 9 && seen.sample[0].at_s < 0.01f && seen.sample[seen.n - 1].at_s == end);
}

static void nobody_looks_unless_asked_to(ib_test *t)
{
    ib_course seen;

    ib_monitor_begin(0);
    ib_monitor_end(&seen);
    IB_CHECK(t, seen.n == 0);
}

/* Whatever a thread does, and however its stays are nested, its time is spent once. */
static void every_instant_belongs_to_one_activity(ib_test *t)
{

    const double start = ib_now();
    ib_account_begin();
    sleep_s(0.01);
    const ib_stay file = ib_enter(IB_STORING);
    sleep_s(0.02);
    const ib_stay message = ib_enter(IB_MESSAGING);
    sleep_s(0.03);
    const ib_stay within = ib_enter(IB_MESSAGING);
    ib_leave(within, "within", -1);
    ib_leave(message, "message", -1);
    ib_leave(file, "file", -1);
    ib_account_end(1);
    const double     all = ib_now() - start;
    const ib_account a = *ib_account_last();

    IB_NEAR(t, a.serial_s + a.storing_s + a.messaging_s, all, 0.002 + 0.05 * all);
    IB_CHECK(t, a.serial_s >= 0.01 && a.storing_s >= 0.02 && a.messaging_s >= 0.03 && a.team_s == 0);
    IB_CHECK(t, a.watched == 0); /* by the program alone */
}

IB_TEST_MAIN({IB_TEST(every_instant_belongs_to_one_activity),
              IB_TEST(memory_and_processor_time_are_seen_as_they_grow),
              IB_TEST(a_long_time_has_as_many_samples_as_there_is_room_for), IB_TEST(nobody_looks_unless_asked_to)})
