/* SPDX-License-Identifier: BSD-3-Clause */
/** A launch on a machine that is not there: ranks that read, grid and write, simulated event by event.
 *
 * Every rank does what work.c and imager.c do: it goes through its channels window by window (or takes pieces, as schedule.c does),
 * reads the next window meanwhile where the plan says so, grids as many channels at a time as it has lanes, and hands planes to
 * a writer that has so many bytes of buffers. All readers and writers share the file system in equal parts, none faster than a stream
 * of its node may be. Every channel costs the same on a rank; ranks differ by the jitter. Deterministic. */
#ifndef IB_BENCH_FORECAST_H
#define IB_BENCH_FORECAST_H

#include "gridder/plan.h"

/** What is to be done. Core-seconds are seconds of one thread. */
typedef struct ib_forecast_task {
    const ib_plan             *
        plan; /* of the number of ranks: n_unit, n_chunk, window, n_lane, ahead, n_check and the buffers of its writer count */
    bool            dynamic;
    const uint32_t *sorted; /* [plan->n_unit] neighbours of one number share an order of rows; NULL: all do */
    double read_bytes, row_bytes, write_bytes; /* of a channel; once for every rank; of a channel in all outputs */
    double unit_s, sort_s, check_s; /* core-seconds of a channel; of an order of rows; of comparing a channel */
    double start_s, end_s;          /* opening, planning; closing: whatever the number of ranks */
    int    n_file;                  /* files that every rank opens */
} ib_forecast_task;

/** On what. Rates in bytes/s; INFINITY: no limit. */
typedef struct ib_forecast_machine {
    int      n_rank, n_thread; /* n_thread of each rank */
    double   read, write;      /* of the file system: what it does when it does nothing else */
    double   stream;           /* of one reader or writer, at most */
    double   node;             /* of a node's network, for messages */
    double   latency, open_s;  /* s: of a message or counter; of the opening of a file, one after the other */
    double   jitter;           /* relative standard deviation of the speed of ranks */
    uint64_t seed;
} ib_forecast_machine;

/** Where the time of a rank goes. */
typedef enum ib_spent {
    IB_SPENT_START,   /* opening, planning, closing */
    IB_SPENT_OPEN,    /* waiting for files to be opened, ever more of them with more ranks */
    IB_SPENT_READ,    /* waiting for samples */
    IB_SPENT_COMPUTE, /* sorting, gridding, transform, checks */
    IB_SPENT_WRITE,   /* waiting for room to write, and for the last planes */
    IB_SPENT_NETWORK, /* taking channels, agreeing, gathering what became of them */
    IB_SPENT_IDLE,    /* waiting for the last rank */
    IB_N_SPENT
} ib_spent;

const char *ib_spent_name(ib_spent spent);

typedef struct ib_forecast {
    double total_s, spent_s[IB_N_SPENT]; /* means over ranks; they add up to the total */
    size_t n_unit, least, most;          /* channels imaged; by the rank with the fewest, the most */
    double read_bytes, written_bytes;    /* that passed through the file system */
    double storage;                      /* share of the total that the file system worked at its full rate */
    size_t n_take, n_moved, n_event;
} ib_forecast;

/** @param machine  with no more ranks than the plan has chunks
 *  @return IB_ENOMEM. */
ib_status ib_forecast_make(ib_forecast *out, const ib_forecast_task *task, const ib_forecast_machine *machine,
                           ib_error *err);

#endif
