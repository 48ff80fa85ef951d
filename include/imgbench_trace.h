/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * Timelines of your own program, as imgbench --trace makes of itself: regions and counters of every thread in a file that
 * ui.perfetto.dev and chrome://tracing open and `imgbench trace summary` tells about.
 *
 *     #include <imgbench_trace.h>
 *
 *     void solve(void)
 *     {
 *         IB_TRACE_FUNCTION;                            the whole call, wherever it returns
 *         for (int i = 0; i < n; i++) {
 *             IB_TRACE_SCOPE("iteration");              to the end of the block
 *             ...
 *             ib_trace_counter("residual", residual);
 *         }
 *     }
 *
 *     cc solve.c $(pkg-config --cflags --libs imgbench_trace) -o solve
 *     IMGBENCH_TRACE=solve.json ./solve
 *
 * Without IMGBENCH_TRACE nothing is recorded: a region then costs two tests of a variable. With it 50 ns, memory is
 * taken once (IMGBENCH_TRACE_MEMORY bytes, 16777216 by default), and what has no room left is counted, not kept. The file is
 * written when the program exits or ib_trace_stop is called, and appears only when it is whole. Each process of an MPI program
 * writes its own, RANK appended to its name; `imgbench trace merge` puts them into one.
 *
 * All calls may be made by any thread at any time. Names are not copied: they must live until the end of the program.
 * C11 and C++11; IB_TRACE_SCOPE and IB_TRACE_FUNCTION need GCC or Clang.
 */
#ifndef IMGBENCH_TRACE_H
#define IMGBENCH_TRACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A region that has begun. Plain data, the caller's. */
typedef struct ib_trace_region {
    const char *name;
    int64_t     at_ns; /* below 0: nothing is recorded */
    double      value; /* may be set before the end, bytes moved, say; shown beside the region unless it is below 0 */
} ib_trace_region;

/** Begin and end a region of the calling thread. Regions of a thread end in the reverse order of their beginning. */
ib_trace_region ib_trace_begin(const char *name);
void            ib_trace_end(ib_trace_region *region);

/** The value that something has from now on, of the whole process. */
void ib_trace_counter(const char *name, double value);

/** What the calling thread is called; otherwise they are numbered in the order of their first regions. */
void ib_trace_thread(const char *name);

/** Record from now on, whatever the environment says. @param bytes  of memory; 0: the default
 *  @return 0, or -1: memory was refused, or recording has already begun. */
int ib_trace_start(const char *path, size_t bytes);

/** Write the file and stop recording for good. No region may be open in another thread. @return 0, or an errno. */
int ib_trace_stop(void);

#define IB_TRACE_JOIN_(a, b) a##b
#define IB_TRACE_JOIN(a, b)  IB_TRACE_JOIN_(a, b)

/** From here to the end of the block, however it is left. */
#define IB_TRACE_SCOPE(name)                                                                                         \
    __attribute__((cleanup(ib_trace_end), unused)) ib_trace_region IB_TRACE_JOIN(ib_trace_scope_, __LINE__) =        \
        ib_trace_begin(name)

/** The whole function, by its name. */
#define IB_TRACE_FUNCTION IB_TRACE_SCOPE(__func__)

#ifdef __cplusplus
}
#endif

#endif
