/* SPDX-License-Identifier: BSD-3-Clause */
/** Samples that a thread of its own reads while others grid those before: one read ahead, into a second set of buffers. */
#ifndef IB_GRIDDER_READER_H
#define IB_GRIDDER_READER_H

#include "model/vis.h"

/** Samples of channels x rows of a spectral window. */
typedef struct ib_read {
    size_t   spw;
    ib_range chans, rows;
} ib_read;

typedef struct ib_reader ib_reader;

/** @param read  called by the thread, by nobody else while it is asked for something
 *  @return IB_ENOMEM, IB_EIO */
ib_status ib_reader_create(ib_reader **out,
                           ib_status (*read)(void *self, size_t spw, ib_range chans, ib_range rows,
                                             const ib_samples *into, ib_error *err),
                           void *self, ib_error *err);

/** Begin to read; borrows the buffers until ib_reader_wait. One at a time. */
void ib_reader_ask(ib_reader *reader, const ib_read *what, const ib_samples *into);

/** Until nothing is being read. @return what became of the last read. */
ib_status ib_reader_wait(ib_reader *reader, ib_error *err);

/** Seconds spent reading, and seconds of ib_reader_wait in which there was nothing to do but wait. */
void ib_reader_times(ib_reader *reader, double *busy, double *waited);

/** Waits. Accepts NULL. */
void ib_reader_destroy(ib_reader *reader);

#endif
