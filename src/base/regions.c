/* SPDX-License-Identifier: BSD-3-Clause */
/* The library behind include/imgbench_trace.h: with recorder.c all of it. */
#include "base/recorder.h"
#include "imgbench_trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USUAL_BYTES = 16 << 20 };

static struct {
    pthread_once_t once;
    char           path[600];
    int            rank;
    int64_t        began_ns;
    bool           over; /* written, once for all */
} user = {.once = PTHREAD_ONCE_INIT};

static void stop_at_exit(void)
{
    ib_trace_stop();
}

int ib_trace_start(const char *path, size_t bytes)
{
    const int rank = ib_launched_rank();

    if (user.over || *user.path || ib_recording)
        return -1;
    user.rank = rank > 0 ? rank : 0;
    const int n = rank < 0 ? snprintf(user.path, sizeof user.path, "%s", path)
                           : snprintf(user.path, sizeof user.path, "%s.%d", path, rank);
    if (n < 0 || (size_t)n + 6 > sizeof user.path || !ib_recorder_start(bytes ? bytes : USUAL_BYTES)) {
        user.path[0] = 0;
        return -1;
    }
    user.began_ns = ib_clock_ns();
    atexit(stop_at_exit);
    return 0;
}

static void start_as_told(void)
{
    const char *path = getenv("IMGBENCH_TRACE"), *bytes = getenv("IMGBENCH_TRACE_MEMORY");

    if (path && *path && !ib_recording && ib_trace_start(path, bytes ? strtoull(bytes, NULL, 10) : 0))
        fprintf(stderr, "imgbench_trace: no trace of %.500s: memory was refused, or the name is too long\n", path);
}

static bool put(void *self, const char *text, size_t n)
{
    return fwrite(text, 1, n, self) == n;
}

int ib_trace_stop(void)
{
    char partial[sizeof user.path + 8];

    if (!ib_recording || !*user.path)
        return 0;
    ib_recording = false;
    user.over = true;
    snprintf(partial, sizeof partial, "%s.part", user.path);
    FILE *file = fopen(partial, "w");
    if (!file)
        return errno;
    const ib_recorder_state state = ib_recorder_about();
    const ib_clock_map      clock = {.zero_ns = user.began_ns};
    fprintf(
        file,
        "{\"displayTimeUnit\":\"ms\",\n\"otherData\":{\"program\":\"imgbench_trace\",\"ranks\":\"1\",\"events\":\"%llu\","
        "\"dropped\":\"%llu\",\"zero_us\":\"%.0f\"},\n\"traceEvents\":[\n",
        (unsigned long long)state.n_event, (unsigned long long)state.n_dropped, ib_epoch_us(user.began_ns));
    bool ok = ib_recorder_write(user.rank, "imgbench_trace", &clock, true, put, file);
    ok = fputs("\n]}\n", file) >= 0 && ok;
    ok = !fclose(file) && ok;
    const int why = errno;
    ib_recorder_stop();
    if (ok && !rename(partial, user.path))
        return 0;
    const int failed = ok ? errno : why;
    unlink(partial);
    return failed ? failed : EIO;
}

ib_trace_region ib_trace_begin(const char *name)
{
    pthread_once(&user.once, start_as_told);
    return (ib_trace_region){name, ib_recording ? ib_clock_ns() : -1, -1};
}

void ib_trace_end(ib_trace_region *r)
{
    if (ib_recording && r->at_ns >= 0)
        ib_recorder_add(&(ib_event){.at_ns = r->at_ns,
                                    .for_ns = ib_clock_ns() - r->at_ns,
                                    .name = r->name,
                                    .value = r->value,
                                    .number = -1,
                                    .kind = IB_EVENT_SPAN,
                                    .category = IB_OF_USER});
}

void ib_trace_counter(const char *name, double value)
{
    pthread_once(&user.once, start_as_told);
    if (ib_recording)
        ib_recorder_add(&(ib_event){
            .at_ns = ib_clock_ns(), .name = name, .value = value, .number = -1, .kind = IB_EVENT_COUNTER});
}

void ib_trace_thread(const char *name)
{
    ib_track_mine()->name = name;
}
