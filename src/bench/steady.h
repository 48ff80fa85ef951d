/* SPDX-License-Identifier: BSD-3-Clause */
/** How steady a machine was while a launch ran: whether threads were bound, what others did on the nodes, how alike the
 *  clocks of the cores were. What a time is worth depends on it (harness specification, 3.2). */
#ifndef IB_BENCH_STEADY_H
#define IB_BENCH_STEADY_H

#include "bench/facts.h"

#include <stdbool.h>

/** What one rank saw. Plain data: may be gathered. Times in seconds since the first look, shares of nothing yet. */
typedef struct ib_steady {
    int    threads, bound;   /* those of the rank; those whose processors are all of one core, at every look */
    int    cpus;             /* of the node */
    double wall_s, own_s;    /* own: processor time of this process */
    double busy_s, steal_s;  /* of all processors of the node, steal by other virtual machines; NaN: not told */
    double slowest, fastest; /* steps/s of a chain of dependent operations, over threads and looks */
} ib_steady;

/** The calling thread may run on one core alone (hardware threads of it are one core). */
bool ib_thread_is_bound(void);

/** Steps per second of a chain of dependent operations on the core of the calling thread: its clock, up to a factor that is
 *  the processor's. The best of a few tries, some 0.3 ms. */
double ib_thread_clock(void);

/** Begin and end of the time that is looked at; one thread. Threads are looked at by the caller, both times. */
void ib_steady_begin(ib_steady *out, int threads);
void ib_steady_end(ib_steady *steady);

/** Take in a look at all threads of the rank. */
void ib_steady_look(ib_steady *steady, int bound, double slowest, double fastest);

/** All ranks together, the worst node. */
typedef struct ib_steadiness {
    int    threads, bound;
    double neighbours; /* share of a node's processors that others used; NaN: not told */
    double steal;      /* share of a node's processors that other virtual machines took; NaN: not told */
    double clock;      /* slowest over fastest core */
} ib_steadiness;

/** @param place  of the ranks, to tell nodes apart */
ib_steadiness ib_steadiness_of(const ib_steady *rank, const ib_place *place, int n);

#endif
