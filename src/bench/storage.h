/* SPDX-License-Identifier: BSD-3-Clause */
/** Launches that read files and write cubes, beside what the disk does at the same time. */
#ifndef IB_BENCH_STORAGE_H
#define IB_BENCH_STORAGE_H

#include "base/spread.h"
#include "imgbench.h"

#include <stdbool.h>

/** Simulated visibilities in a file: so many integrations of 351 baselines, 2 correlations, and square images of them. */
typedef struct ib_storage_input {
    const char *name;
    size_t      n_time, n_chan, side;
} ib_storage_input;

typedef struct ib_storage_case {
    int  support, n_thread;
    bool cold; /* the input is dropped from memory before each launch */
} ib_storage_case;

typedef struct ib_storage_times {
    double    read, written; /* bytes */
    ib_spread seconds;       /* wall time of the launch */
    ib_spread share; /* of it, that the disk would take for these bytes, at its rates in the same repetition */
    ib_spread disk_write, disk_read; /* bytes/s */
    double    computing, data,
        room; /* shares of the wall time, medians: threads at work, waiting for samples, for room to write */
} ib_storage_times;

/** Make the input in a folder of its own in `folder`, launch all cases in turns in each repetition, behind a measurement of the disk with as
 *  many bytes; leaves nothing behind. What is not cold counts no bytes read.
 *  @return IB_EUNSUPPORTED when a launch failed, IB_EIO when the folder cannot be written. */
ib_status ib_measure_storage(const ib_storage_input *input, const char *folder, const ib_storage_case *cases,
                             size_t n, size_t n_repeat, ib_storage_times *times, ib_error *err);

#endif
