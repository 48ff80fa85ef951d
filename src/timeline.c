/* SPDX-License-Identifier: BSD-3-Clause */
#include "timeline.h"
#include "base/comm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/monitor.h"
#include "base/trace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIPS = 16, TAG_CLOCK = 7101, TAG_TEXT = 7102 };

/* How far a rank's clock is ahead of rank 0's. */
typedef struct comparison {
    int64_t at_ns, ahead_ns, error_ns; /* at: by the rank's own clock; ahead by no more than the error: not at all */
} comparison;

static struct {
    FILE      *file; /* rank 0 */
    char       partial[600];
    comparison begin;
    time_t     started;
    bool       on;
} timeline;

/* ---- clocks -------------------------------------------------------------------------------------------------- */

/* Rank 0 asks a rank for its time; of several round trips the shortest tells best: the answer was given somewhere on the way. */
static comparison ask(int rank, MPI_Comm comm)
{
    comparison best = {0, 0, INT64_MAX};

    for (int i = 0; i < TRIPS; i++) {
        int64_t       theirs;
        const int64_t from = ib_clock_ns();
        MPI_Send(NULL, 0, MPI_BYTE, rank, TAG_CLOCK, comm);
        MPI_Recv(&theirs, 1, MPI_INT64_T, rank, TAG_CLOCK, comm, MPI_STATUS_IGNORE);
        const int64_t to = ib_clock_ns(), error = (to - from + 1) / 2;
        if (error < best.error_ns)
            best = (comparison){theirs, theirs - (from + to) / 2, error};
    }
    if (best.ahead_ns <= best.error_ns && best.ahead_ns >= -best.error_ns)
        best.ahead_ns = 0; /* one clock, most likely: a node's */
    return best;
}

static comparison compare_clocks(MPI_Comm comm)
{
    int        rank, n_rank;
    comparison mine = {ib_clock_ns(), 0, 0};

    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_rank);
    for (int r = 1; r < n_rank && !rank; r++) {
        comparison theirs = ask(r, comm);
        MPI_Send(&theirs, (int)sizeof theirs, MPI_BYTE, r, TAG_CLOCK, comm);
    }
    for (int i = 0; i < TRIPS && rank; i++) {
        MPI_Recv(NULL, 0, MPI_BYTE, 0, TAG_CLOCK, comm, MPI_STATUS_IGNORE);
        const int64_t now = ib_clock_ns();
        MPI_Send(&now, 1, MPI_INT64_T, 0, TAG_CLOCK, comm);
    }
    if (rank)
        MPI_Recv(&mine, (int)sizeof mine, MPI_BYTE, 0, TAG_CLOCK, comm, MPI_STATUS_IGNORE);
    return mine;
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

ib_status ib_timeline_begin(const ib_config *cfg, MPI_Comm comm, ib_error *err)
{
    int       rank;
    ib_status rc = IB_OK;

    timeline.on = *cfg->trace && !cfg->plan;
    if (!timeline.on)
        return IB_OK;
    MPI_Comm_rank(comm, &rank);
    if (!rank) {
        snprintf(timeline.partial, sizeof timeline.partial, "%.590s.part", cfg->trace);
        timeline.file = fopen(timeline.partial, "w");
        timeline.started = time(NULL);
        if (!timeline.file)
            rc = ib_fail(err, IB_EIO, "trace: create %.300s: %s; give another name with --trace", timeline.partial,
                         strerror(errno));
    }
    rc = ib_agree(comm, rc, err);
    if (!rc && !ib_recorder_start((size_t)cfg->trace_memory))
        rc = ib_fail(err, IB_ENOMEM, "trace: the system refused %lld bytes; give a smaller --trace-memory",
                     (long long)cfg->trace_memory);
    rc = ib_agree(comm, rc, err);
    if (rc) {
        ib_timeline_end(cfg, comm);
        return rc;
    }
    ib_recording = false; /* the comparison is not part of the job */
    ib_monitor_wait();
    timeline.begin = compare_clocks(comm);
    ib_recording = true;
    ib_track_name("main", 0);
    return IB_OK;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static bool put_file(void *self, const char *text, size_t n)
{
    return fwrite(text, 1, n, self) == n;
}

/* To rank 0, which writes pieces as they come. */
static bool put_message(void *self, const char *text, size_t n)
{
    MPI_Send(text, (int)n, MPI_CHAR, 0, TAG_TEXT, *(MPI_Comm *)self);
    return true;
}

static bool take_messages(int rank, FILE *file, MPI_Comm comm)
{
    static char text[1 << 16];
    bool        ok = true;

    for (;;) {
        MPI_Status status;
        int        n;
        MPI_Recv(text, (int)sizeof text, MPI_CHAR, rank, TAG_TEXT, comm, &status);
        MPI_Get_count(&status, MPI_CHAR, &n);
        if (n == 0)
            return ok;
        ok = fwrite(text, 1, (size_t)n, file) == (size_t)n && ok;
    }
}

/* Sums over ranks, on rank 0. */
typedef struct totals {
    uint64_t n_event, n_dropped;
    int64_t  error_ns;
} totals;

static void write_head(FILE *file, const totals *all, int n_rank, double zero_us)
{
    char      started[40];
    struct tm utc = {0};

    gmtime_r(&timeline.started, &utc);
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fprintf(
        file,
        "{\"displayTimeUnit\":\"ms\",\n\"otherData\":{\"program\":\"imgbench\",\"version\":\"" IB_VERSION
        "\",\"started\":\"%s\",\"ranks\":\"%d\",\"events\":\"%llu\",\"dropped\":\"%llu\",\"clock_error_us\":\"%.3f\",\"zero_us\":\"%.0f\"},\n"
        "\"traceEvents\":[\n",
        started, n_rank, (unsigned long long)all->n_event, (unsigned long long)all->n_dropped,
        1e-3 * (double)all->error_ns, zero_us);
}

static void write_all(const ib_config *cfg, MPI_Comm comm)
{
    int                     rank, n_rank;
    char                    label[80];
    const comparison        end = compare_clocks(comm);
    const int64_t           error = end.error_ns > timeline.begin.error_ns ? end.error_ns : timeline.begin.error_ns;
    const ib_recorder_state state = ib_recorder_about();
    totals                  mine = {state.n_event, state.n_dropped, error}, all;
    int64_t                 zero = state.began_ns - timeline.begin.ahead_ns, earliest;

    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_rank);
    MPI_Allreduce(&zero, &earliest, 1, MPI_INT64_T, MPI_MIN, comm);
    MPI_Reduce(&mine, &all, 2, MPI_UINT64_T, MPI_SUM, 0, comm);
    MPI_Reduce(&mine.error_ns, &all.error_ns, 1, MPI_INT64_T, MPI_MAX, 0, comm);
    const ib_clock_map clock = {earliest, {timeline.begin.at_ns, end.at_ns}, {timeline.begin.ahead_ns, end.ahead_ns}};
    snprintf(label, sizeof label, "%llu events, %llu dropped", (unsigned long long)mine.n_event,
             (unsigned long long)mine.n_dropped);
    if (rank) {
        ib_recorder_write(rank, label, &clock, false, put_message, &comm);
        MPI_Send(NULL, 0, MPI_CHAR, 0, TAG_TEXT, comm);
        return;
    }
    write_head(timeline.file, &all, n_rank, ib_epoch_us(earliest));
    bool ok = ib_recorder_write(0, label, &clock, true, put_file, timeline.file);
    for (int r = 1; r < n_rank; r++)
        ok = take_messages(r, timeline.file, comm) && ok;
    ok = fputs("\n]}\n", timeline.file) >= 0 && ok;
    ok = !fclose(timeline.file) && ok;
    timeline.file = NULL;
    if (!ok || rename(timeline.partial, cfg->trace)) {
        ib_warn("trace: write %s: %s; there is none", cfg->trace, strerror(errno));
        unlink(timeline.partial);
    } else if (all.n_dropped)
        ib_warn("trace: %llu of %llu events had no room; give a larger --trace-memory",
                (unsigned long long)all.n_dropped, (unsigned long long)(all.n_dropped + all.n_event));
}

void ib_timeline_end(const ib_config *cfg, MPI_Comm comm)
{
    const bool whole = ib_recording;

    if (!timeline.on)
        return;
    timeline.on = false;
    ib_recording = false;
    ib_monitor_wait();
    if (whole)
        write_all(cfg, comm);
    if (timeline.file) {
        fclose(timeline.file);
        unlink(timeline.partial);
        timeline.file = NULL;
    }
    ib_recorder_stop();
}
