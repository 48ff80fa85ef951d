/* SPDX-License-Identifier: BSD-3-Clause */
/** What a launch costs beside its images: dealing chunks, the record, checksums, timers. */
#ifndef IB_BENCH_OVERHEAD_H
#define IB_BENCH_OVERHEAD_H

#include "base/spread.h"
#include "imgbench.h"

#include <stdbool.h>

/** Launches of this program, each a process of its own, or two under mpirun: the same tiny images of the same few rows, in
 *  as few chunks as there are ranks and in as many as there are channels, in turns. Seconds are the wall time that the
 *  launch tells: reading and writing included, starting MPI left out. */
typedef struct ib_chunk_times {
    size_t    n_chunk;   /* the many */
    ib_spread few, many; /* s */
    ib_spread each;      /* s: all of a launch with many chunks, over their number */
    ib_spread more;      /* s: what many chunks took more than few, over their number */
} ib_chunk_times;

/** @param n_rank   above 1 needs mpirun
 *  @param dynamic  chunks are taken, not dealt
 *  @return IB_EUNSUPPORTED when the program could not be launched so; the sentence has its complaint. */
ib_status ib_measure_chunks(ib_chunk_times *out, int n_rank, bool dynamic, size_t n_chan, size_t n_repeat,
                            ib_error *err);

/** What is done for the sake of measuring and of trust, s. */
typedef struct ib_keeping {
    ib_spread record;   /* a record of a launch, from its first line to its final name */
    ib_spread checksum; /* of a plane that has just been made */
    ib_spread timer;    /* booking a span */
} ib_keeping;

/** @param side  pixels of the plane */
ib_status ib_measure_keeping(ib_keeping *out, size_t side, size_t n_repeat, ib_error *err);

#endif
