/* SPDX-License-Identifier: BSD-3-Clause */
/** What this machine can do at most: arithmetic, caches, memory, disk; and how near work came to it. */
#ifndef IB_GRIDDER_LIMITS_H
#define IB_GRIDDER_LIMITS_H

#include "base/spread.h"
#include "imgbench.h"

#include <stdbool.h>

typedef enum ib_level { IB_L1, IB_L2, IB_L3, IB_DRAM, IB_N_LEVELS } ib_level;

/** What a disk did, bytes/s; not above 0: not measured. */
typedef struct ib_disk {
    ib_spread write, read; /* write: until it is on the device; read: after asking for it to be dropped from memory */
    uint32_t  file_system; /* tells it from others of this machine; 0: not known */
} ib_disk;

/** Rates of one thread [0] and of n_thread together [1]. Their best is the limit; the spread says what to think of it. */
typedef struct ib_limits {
    char      isa[16]; /* instruction set they were measured with: the best one */
    int       n_thread;
    ib_spread fma[2][2];                                    /* [single, double]: FLOP/s */
    size_t    bytes[IB_N_LEVELS];                           /* working set of a thread; 0: not measured */
    ib_spread read[IB_N_LEVELS][2], update[IB_N_LEVELS][2]; /* bytes/s; an update counts what it reads and writes */
    ib_disk   disk;
} ib_limits;

const char *ib_level_name(ib_level level);

/** Measure all but the disk, n_repeat repetitions of about `seconds` each.
 *  @param memory  caches and memory, too; arithmetic alone takes 8 n_repeat x seconds */
ib_status ib_limits_measure(ib_limits *out, int n_thread, size_t n_repeat, double seconds, bool memory,
                            ib_error *err);

/** FLOP/s that n threads can reach at a precision. */
double ib_limits_flops(const ib_limits *limits, int precision, int n_thread);

/** Bytes/s that n threads can move through a level, reading and writing; 0: not measured. */
double ib_limits_bandwidth(const ib_limits *limits, ib_level level, int n_thread);

/** The level that a thread's working set of so many bytes fits. */
ib_level ib_limits_level(const ib_limits *limits, double bytes);

/* ---- bounds ------------------------------------------------------------------------------------------------- */

/** What work must at least compute and move, whoever does it and however. */
typedef struct ib_need {
    double flops;
    double bytes, set;    /* moved through memory; `set`: bytes that are gone back to, which tells the level */
    double read, written; /* bytes of a disk */
} ib_need;

/** Of a phase of a launch, all ranks together; zero where nothing is known.
 *
 *  grid   4 S^2 FLOP for each sample and plane, dirty and PSF, and for each of its terms with w; every sample, its flag and
 *         weight, and for every row of a channel its u, v, w and place in the order are read once. The grid counts as cached.
 *  fft    5 n log2 n FLOP for each column that a support reaches, half of that for each row of the image (n: cells along
 *         it); those columns are read and cleared, their rows of the image written and read again, the image is written.
 *  weigh  weight and flag of every sample are read once.
 *  read, write: the bytes that were.
 *
 *  @param result  what was done: shapes, counts, bytes; times are not looked at */
ib_need ib_phase_need(const ib_result *result, ib_phase phase);

/** Seconds of a phase, mean over ranks; of `write` with those of `close`, which waits for what it left to the system. */
double ib_phase_seconds(const ib_result *result, ib_phase phase);

/** How near work came to the limits. */
typedef struct ib_bound {
    double      arithmetic, traffic; /* shares of either limit that were reached; NaN: not known */
    const char *nearest;             /* "FMA", a level of memory, "disk"; "" none is known */
    double      share;               /* of the nearest one: the work took 1 / share of the time that it allows */
} ib_bound;

/** @param n_thread  on each of n_node nodes like the measured one; they share one disk */
ib_bound ib_bound_of(const ib_need *need, double seconds, const ib_limits *limits, int precision, int n_thread,
                     int n_node);

#endif
