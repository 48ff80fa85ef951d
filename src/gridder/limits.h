/* SPDX-License-Identifier: BSD-3-Clause */
/** What this machine can do at most: arithmetic, caches, memory. */
#ifndef IB_GRIDDER_LIMITS_H
#define IB_GRIDDER_LIMITS_H

#include "base/spread.h"
#include "imgbench.h"

#include <stdbool.h>

typedef enum ib_level { IB_L1, IB_L2, IB_L3, IB_DRAM, IB_N_LEVELS } ib_level;

/** Rates of one thread [0] and of n_thread together [1]. Their best is the limit; the spread says what to think of it. */
typedef struct ib_limits {
    char      isa[16]; /* instruction set they were measured with: the best one */
    int       n_thread;
    ib_spread fma[2][2];                                    /* [single, double]: FLOP/s */
    size_t    bytes[IB_N_LEVELS];                           /* working set of a thread; 0: not measured */
    ib_spread read[IB_N_LEVELS][2], update[IB_N_LEVELS][2]; /* bytes/s; an update counts what it reads and writes */
} ib_limits;

const char *ib_level_name(ib_level level);

/** Measure, n_repeat repetitions of about `seconds` each.
 *  @param memory  caches and memory, too; arithmetic alone takes 8 n_repeat x seconds */
ib_status ib_limits_measure(ib_limits *out, int n_thread, size_t n_repeat, double seconds, bool memory,
                            ib_error *err);

/** FLOP/s that n threads can reach at a precision. */
double ib_limits_flops(const ib_limits *limits, int precision, int n_thread);

/** Bytes/s that n threads can move through a level, reading and writing; 0: not measured. */
double ib_limits_bandwidth(const ib_limits *limits, ib_level level, int n_thread);

/** The level that a thread's working set of so many bytes fits. */
ib_level ib_limits_level(const ib_limits *limits, double bytes);

#endif
