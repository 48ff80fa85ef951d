/* SPDX-License-Identifier: BSD-3-Clause */
/** Ranks that fail together or not at all, and know early about each other. */
#ifndef IB_BASE_COMM_H
#define IB_BASE_COMM_H

#include "imgbench.h"

#include <stdbool.h>

/** One status for all: the lowest failing rank's status and sentence, on every rank. Collective. */
ib_status ib_agree(MPI_Comm comm, ib_status rc, ib_error *err);

/** Broadcasts and messages of any length, in pieces that fit MPI's counts. */
void ib_broadcast(void *data, size_t bytes, int root, MPI_Comm comm);
void ib_send(const void *data, size_t bytes, int to, MPI_Comm comm);
void ib_receive(void *data, size_t bytes, int from, MPI_Comm comm);

/** A piece of memory that is sent or received; of any length. */
typedef struct ib_parcel {
    void  *data;
    size_t bytes;
} ib_parcel;

/** Send parcels to a rank while others come from a rank, which sends as many bytes in each. Every rank calls it, so that what
 *  one sends another receives. Nothing beyond the parcels is held, however large they are. */
void ib_exchange(const ib_parcel *send, size_t n_send, int to, const ib_parcel *receive, size_t n_receive, int from,
                 MPI_Comm comm);

/** Concatenate what ranks have on rank 0, in rank order. @param all  rank 0's, room for everything; else NULL */
void ib_gather(const void *mine, size_t bytes, void *all, MPI_Comm comm);

/**
 * Small messages between windows of work: ranks tell rank 0 how far they are, and everyone learns early when one fails,
 * so that nobody works for hours on a lost job. Between begin and end no other message may use this communicator with
 * rank 0 and the notice's tag.
 */
typedef struct ib_notice {
    MPI_Comm comm;
    int      rank, n_rank;
    double   sent;       /* time of the last message */
    uint64_t done;       /* this rank's; on rank 0 the sum of all */
    bool     stop, told; /* a rank has failed; this rank has had its last message (rank 0: has sent it) */
    int      n_final;    /* rank 0: ranks that have ended */
} ib_notice;

void ib_notice_begin(ib_notice *notice, MPI_Comm comm);

/** Report work done since the last call; cheap. @return true: another rank has failed, stop. */
bool ib_notice_poll(ib_notice *notice, uint64_t done);

/** This rank has ended, well or not; returns when all have. Rank 0 calls `tick` with its sum while it waits. */
void ib_notice_end(ib_notice *notice, bool failed, void (*tick)(void *self, uint64_t done), void *self);

#endif
