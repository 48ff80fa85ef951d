/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REDRAW_S 0.2 /* often enough to look alive, too seldom to cost anything */

static int speaker;

static struct {
    bool     active, terminal;
    char     what[64];
    uint64_t total;
    double   start, drawn;
    int      lines; /* printed so far, where it is not a terminal */
} progress;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ib_log_rank(int rank)
{
    speaker = rank;
}

/* One write per sentence, so that ranks do not mix letters; the line of progress makes room and is drawn again by the
   next update. */
static void put(const char *kind, const char *format, va_list args)
{
    char raw[1200], text[1200], rank[32] = "";

    vsnprintf(raw, sizeof raw, format, args);
    ib_text_plain(raw, text, sizeof text);
    if (speaker)
        snprintf(rank, sizeof rank, "rank %d: ", speaker);
    fprintf(stderr, "%simgbench: %s%s%s\n", progress.active && progress.terminal ? "\r\033[K" : "", rank, kind, text);
    progress.drawn = 0;
}

void ib_say(const char *format, ...)
{
    va_list args;

    if (speaker)
        return;
    va_start(args, format);
    put("", format, args);
    va_end(args);
}

void ib_warn(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put("warning: ", format, args);
    va_end(args);
}

void ib_progress_start(const char *what, uint64_t total, int quiet)
{
    ib_progress_end();
    if (quiet || speaker || total == 0)
        return;
    progress.active = true;
    progress.terminal = isatty(STDERR_FILENO);
    snprintf(progress.what, sizeof progress.what, "%s", what);
    progress.total = total;
    progress.start = now();
    progress.drawn = 0;
    progress.lines = 0;
}

static void draw(uint64_t done, const char *rate, double elapsed)
{
    const double  share = (double)done / (double)progress.total;
    char          left[64] = "";
    const ib_text speed = elapsed > 0 ? ib_text_rate((double)done / elapsed, "/s") : (ib_text){""};

    if (done > 0 && done < progress.total)
        snprintf(left, sizeof left, "  %s left", ib_text_duration(elapsed * (1 / share - 1)).s);
    fprintf(stderr, "%s%s %3.0f %%  %s%s  %s%s", progress.terminal ? "\r\033[K" : "imgbench: ", progress.what,
            100 * share, ib_text_duration(elapsed).s, left, rate ? rate : speed.s, progress.terminal ? "" : "\n");
    if (progress.terminal)
        fflush(stderr);
}

void ib_progress_update(uint64_t done, const char *rate)
{
    if (!progress.active)
        return;
    if (done > progress.total)
        done = progress.total;

    const double t = now();
    if (progress.terminal) {
        if (t - progress.drawn < REDRAW_S && done < progress.total)
            return;
    } else {
        const int tenth = (int)(10.0 * (double)done / (double)progress.total);
        if (tenth <= progress.lines)
            return;
        progress.lines = tenth;
    }
    progress.drawn = t;
    draw(done, rate, t - progress.start);
}

void ib_progress_end(void)
{
    if (progress.active && progress.terminal)
        fputc('\n', stderr);
    progress.active = false;
}
