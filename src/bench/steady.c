/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* sched_getaffinity */
#include "bench/steady.h"
#include "base/trace.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CPU = 4096, STEPS = 25000, TRIES = 8 };

/* ---- a thread -------------------------------------------------------------------------------------------- */

/* Whether all processors of the set are in a list such as "0,64" or "0-1". */
static bool all_in(const cpu_set_t *set, size_t size, const char *list)
{
    int inside = 0;

    for (const char *at = list; *at >= '0' && *at <= '9';) {
        char *end;
        long  first = strtol(at, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        for (long i = first; i <= last && i < MAX_CPU; i++)
            inside += CPU_ISSET_S((size_t)i, size, set) != 0;
        at = *end == ',' ? end + 1 : end;
    }
    return inside == CPU_COUNT_S(size, set);
}

bool ib_thread_is_bound(void)
{
    cpu_set_t   *set = CPU_ALLOC(MAX_CPU);
    const size_t size = CPU_ALLOC_SIZE(MAX_CPU);
    bool         bound = false;
    char         path[80], list[256] = "";

    if (set && !sched_getaffinity(0, size, set)) {
        int first = 0;
        while (first < MAX_CPU && !CPU_ISSET_S((size_t)first, size, set))
            first++;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", first);
        FILE *file = fopen(path, "r");
        bound = CPU_COUNT_S(size, set) == 1 || (file && fgets(list, sizeof list, file) && all_in(set, size, list));
        if (file)
            fclose(file);
    }
    CPU_FREE(set);
    return bound;
}

double ib_thread_clock(void)
{
    volatile uint64_t seed = 1; /* so that the chain must be gone through */
    double            best = INFINITY;

    for (int k = 0; k < TRIES; k++) {
        uint64_t     x = seed;
        const double start = ib_now();
        for (int i = 0; i < STEPS; i++)
            x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        const double s = ib_now() - start;
        seed = x;
        best = s < best ? s : best;
    }
    return STEPS / best;
}

/* ---- a rank ---------------------------------------------------------------------------------------------- */

/* Processor time of the node since it started, s; interrupts are left out, as they serve our own files and messages. */
static void node_times(double *busy_s, double *steal_s)
{
    unsigned long long user, nice, system, idle, wait, irq, soft, steal;
    const double       tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    FILE              *file = fopen("/proc/stat", "r");

    *busy_s = *steal_s = (double)NAN;
    if (file && fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq,
                       &soft, &steal) == 8) {
        *busy_s = tick * (double)(user + nice + system);
        *steal_s = tick * (double)steal;
    }
    if (file)
        fclose(file);
}

static double own_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void ib_steady_begin(ib_steady *out, int threads)
{
    *out = (ib_steady){.threads = threads,
                       .bound = threads,
                       .cpus = (int)sysconf(_SC_NPROCESSORS_ONLN),
                       .wall_s = -ib_now(),
                       .own_s = -own_time(),
                       .slowest = INFINITY};
    node_times(&out->busy_s, &out->steal_s);
}

void ib_steady_end(ib_steady *s)
{
    double busy, steal;

    node_times(&busy, &steal);
    s->busy_s = busy - s->busy_s;
    s->steal_s = steal - s->steal_s;
    s->wall_s += ib_now();
    s->own_s += own_time();
}

void ib_steady_look(ib_steady *s, int bound, double slowest, double fastest)
{
    s->bound = bound < s->bound ? bound : s->bound;
    s->slowest = fmin(s->slowest, slowest);
    s->fastest = fmax(s->fastest, fastest);
}

/* ---- all of them ----------------------------------------------------------------------------------------- */

/* The larger one; not a number when either is none: what is not known on one node is not known. */
static double worse(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

ib_steadiness ib_steadiness_of(const ib_steady *rank, const ib_place *place, int n)
{
    ib_steadiness all = {0};
    double        slowest = INFINITY, fastest = 0;

    for (int i = 0; i < n; i++) {
        bool   first = true;
        double own = 0;
        all.threads += rank[i].threads;
        all.bound += rank[i].bound;
        slowest = fmin(slowest, rank[i].slowest);
        fastest = fmax(fastest, rank[i].fastest);
        for (int k = 0; k < n; k++)
            if (!strcmp(place[k].node, place[i].node)) {
                first = first && k >= i;
                own += rank[k].own_s;
            }
        if (!first)
            continue;
        /* counted in ticks: below nothing is nothing */
        const double all_s = rank[i].wall_s * rank[i].cpus, others = rank[i].busy_s - own;
        all.neighbours = worse(all.neighbours, others < 0 ? 0 : others / all_s);
        all.steal = worse(all.steal, rank[i].steal_s / all_s);
    }
    all.clock = slowest / fastest;
    return all;
}
