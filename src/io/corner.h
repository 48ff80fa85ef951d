/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * The corner turn: input that lies row by row is wanted channel by channel. Ranks read disjoint rows of all the channels that
 * any of them wants, once, and give each other what is theirs (docs/adr/0025).
 *
 * A turn is collective and called by the main thread; what it delivers stays in memory until the next one, and may be read by
 * any thread meanwhile.
 */
#ifndef IB_IO_CORNER_H
#define IB_IO_CORNER_H

#include "io/io.h"

/** Channels of a spectral window, all rows. */
typedef struct ib_slab {
    size_t   spw;
    ib_range chans;
} ib_slab;

/** Bytes that the samples of a slab take in memory. */
int64_t ib_slab_bytes(const ib_vis_info *info, const ib_slab *slab);

/** Bytes that they take in the file, and those that reading the slab at once fetches from it, whole tiles. */
double ib_slab_needed(const ib_vis_info *info, const ib_slab *slab);
double ib_slab_fetched(const ib_vis_info *info, const ib_slab *slab);

/** What a turn costs. */
typedef struct ib_corner_cost {
    double  fetched, exchanged; /* bytes read from the file, bytes sent by one rank to another, all ranks together */
    int64_t buffer;             /* of a rank, beside what it holds in the end */
    bool    possible;           /* a row of all channels fits into a round */
} ib_corner_cost;

/** The cost of delivering slabs of all ranks, by rounds of so many bytes. Sorts and merges slab [n]. */
ib_status ib_corner_estimate(ib_corner_cost *out, const ib_vis_info *info, ib_slab *slab, size_t n, int n_rank,
                             int64_t round, ib_error *err);

typedef struct ib_corner ib_corner;

/** @param round  bytes of samples that a rank reads before they are given away; as much again receives. Borrows all. */
ib_status ib_corner_create(ib_corner **out, ib_source *source, const ib_vis_info *info, MPI_Comm comm, int64_t round,
                           ib_error *err);
void      ib_corner_destroy(ib_corner *corner);

/** Let go of what is held, and hold these slabs instead, which may differ from rank to rank. Collective; every rank gets the
 *  same status: that of the first one that could not read, and nothing is held then.
 *  @param between  asked before every round: non-zero ends the turn */
ib_status ib_corner_turn(ib_corner *corner, const ib_slab *wanted, size_t n,
                         ib_status (*between)(void *self, ib_error *err), void *self, ib_error *err);

/** As ib_source_read, of what is held; any thread. @return IB_EINTERNAL for what is not. */
ib_status ib_corner_read(const ib_corner *corner, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                         ib_error *err);

/** Bytes sent to other ranks so far. */
int64_t ib_corner_sent(const ib_corner *corner);

#endif
