/* SPDX-License-Identifier: BSD-3-Clause */
#include "ib_test.h"

#include "base/trace.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct text {
    char  *bytes;
    size_t n;
} text;

static bool put(void *self, const char *bytes, size_t n)
{
    text *t = self;

    t->bytes = realloc(t->bytes, t->n + n + 1);
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    t->bytes[t->n] = 0;
    return true;
}

static text written(const ib_clock_map *clock)
{
    text t = {NULL, 0};

    ib_recording = false;
    put(&t, "", 0);
    if (!ib_recorder_write(3, "of \"a test\"", clock, true, put, &t))
        printf("# writing was refused\n");
    ib_recorder_stop();
    return t;
}

static void keep(const char *name, int64_t at, int64_t end)
{
    ib_recorder_add(&(ib_event){
        .at_ns = at, .for_ns = end - at, .name = name, .value = -1, .number = -1, .team = 1, .category = IB_OF_USER});
}

static size_t times(const char *bytes, const char *word)
{
    size_t n = 0;

    for (; (bytes = strstr(bytes, word)); bytes++)
        n++;
    return n;
}

/* Kept when they end, shown in the order of their beginning, outer ones first; one that outlasts what is around it by a tick
   of the clock ends with it. */
static void spans_are_shown_outside_in(ib_test *t)
{
    const ib_clock_map clock = {.zero_ns = 1000};

    IB_CHECK(t, ib_recorder_start(1 << 20));
    keep("inner", 2000, 3000);
    keep("late", 3500, 9001);
    keep("outer", 1000, 9000);
    keep("next", 9000, 9500);
    text s = written(&clock);
    printf("# %s\n", s.bytes);
    const char *outer = strstr(s.bytes, "\"ts\":0.000,\"dur\":8.000,\"name\":\"outer\"");
    const char *inner = strstr(s.bytes, "\"ts\":1.000,\"dur\":1.000,\"name\":\"inner\"");
    const char *late = strstr(s.bytes, "\"ts\":2.500,\"dur\":5.500,\"name\":\"late\"");
    const char *next = strstr(s.bytes, "\"ts\":8.000,\"dur\":0.500,\"name\":\"next\"");
    IB_CHECK(t, outer && outer < inner && inner < late && late < next);
    IB_CHECK(t, strstr(s.bytes, "of ?a test?")); /* nothing that JSON would have to escape */
    free(s.bytes);
}

/* 10 us ahead in the beginning, 30 us after a second: half way 20. */
static void clocks_of_ranks_are_put_right(ib_test *t)
{
    const ib_clock_map clock = {.zero_ns = 0, .at_ns = {0, 1000000000}, .ahead_ns = {10000, 30000}};

    IB_CHECK(t, ib_recorder_start(1 << 20));
    keep("early", 10000, 10000);
    keep("middle", 500000000, 500000000);
    text s = written(&clock);
    IB_CHECK(t, strstr(s.bytes, "\"ts\":0.000,\"dur\":0.000,\"name\":\"early\""));
    IB_CHECK(t, strstr(s.bytes, "\"ts\":499980.000,\"dur\":0.000,\"name\":\"middle\""));
    free(s.bytes);
}

static void *many(void *n)
{
    for (int i = 0; i < *(int *)n; i++)
        keep("one", 1000 * i, 1000 * i + 500);
    return NULL;
}

static void what_has_no_room_is_counted(ib_test *t)
{
    int       n = 1000;
    pthread_t thread[4];

    IB_CHECK(t, ib_recorder_start(64 << 10));
    IB_CHECK(t, !ib_recorder_start(64 << 10)); /* one at a time */
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, many, &n);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    const ib_recorder_state s = ib_recorder_about();
    text                    w = written(&(ib_clock_map){0});
    printf("# %d kept, %d dropped\n", (int)s.n_event, (int)s.n_dropped);
    IB_CHECK(t, s.n_event + s.n_dropped == 4000 && s.n_event > 1000 && s.n_dropped > 1000);
    IB_CHECK(t, times(w.bytes, "\"name\":\"one\"") == s.n_event);
    free(w.bytes);
}

/* The promise is half a per cent: spans of 20 us, shorter than any phase of a plane, may cost 100 ns. Other processes take the
   processor now and then, so the best of a few tries counts, with room for slow machines; sanitizers look at every step. */
#if defined __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOWED 20
#endif
#endif
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
#define SLOWED 20
#endif
#ifndef SLOWED
#define SLOWED 1
#endif
static void a_span_costs_next_to_nothing(ib_test *t)
{
    enum { N = 20000 };
    double best = INFINITY;

    for (int k = 0; k < 10; k++) {
        IB_CHECK(t, ib_recorder_start((size_t)N * 64));
        ib_timers    timers = {{0}};
        const double begin = ib_now();
        double       start = begin;
        for (int i = 0; i < N; i++)
            ib_book(&timers, IB_PHASE_GRID, &start);
        best = fmin(best, (start - begin) / N);
        IB_CHECK(t, ib_recorder_about().n_event == N);
        ib_recorder_stop();
    }
    printf("# %.0f ns\n", 1e9 * best);
    IB_CHECK(t, best < SLOWED * 400e-9);
}

IB_TEST_MAIN({IB_TEST(spans_are_shown_outside_in), IB_TEST(clocks_of_ranks_are_put_right),
              IB_TEST(what_has_no_room_is_counted), IB_TEST(a_span_costs_next_to_nothing)})
