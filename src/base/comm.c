/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/comm.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/trace.h"

#include <string.h>
#include <time.h>

enum { PIECE = 1 << 28, TAG_NOTICE = 7001, TAG_DATA = 7002 };

#define INTERVAL 0.2 /* s between a rank's reports */

ib_status ib_agree(MPI_Comm comm, ib_status rc, ib_error *err)
{
    int rank, n_rank, lowest;

    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_rank);
    const int mine = rc ? rank : n_rank;
    MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, comm);
    if (lowest == n_rank)
        return IB_OK;
    if (rank == lowest) {
        err->status = rc;
        err->rank = rank;
    }
    MPI_Bcast(err, (int)sizeof *err, MPI_BYTE, lowest, comm);
    return err->status;
}

void ib_broadcast(void *data, size_t bytes, int root, MPI_Comm comm)
{
    for (char *p = data; bytes;) {
        const size_t n = bytes < PIECE ? bytes : PIECE;
        MPI_Bcast(p, (int)n, MPI_BYTE, root, comm);
        p += n;
        bytes -= n;
    }
}

void ib_send(const void *data, size_t bytes, int to, MPI_Comm comm)
{
    for (const char *p = data; bytes;) {
        const size_t n = bytes < PIECE ? bytes : PIECE;
        MPI_Send(p, (int)n, MPI_BYTE, to, TAG_DATA, comm);
        p += n;
        bytes -= n;
    }
}

void ib_receive(void *data, size_t bytes, int from, MPI_Comm comm)
{
    for (char *p = data; bytes;) {
        const size_t n = bytes < PIECE ? bytes : PIECE;
        MPI_Recv(p, (int)n, MPI_BYTE, from, TAG_DATA, comm, MPI_STATUS_IGNORE);
        p += n;
        bytes -= n;
    }
}

/* The next part of a list of parcels that one message takes; 0 bytes: there is none. */
static ib_parcel next_part(const ib_parcel **list, size_t *n, size_t *done)
{
    for (; *n; ++*list, --*n, *done = 0) {
        const size_t left = (*list)->bytes - *done;
        if (!left)
            continue;
        const ib_parcel part = {(char *)(*list)->data + *done, left < PIECE ? left : PIECE};
        *done += part.bytes;
        return part;
    }
    return (ib_parcel){NULL, 0};
}

void ib_exchange(const ib_parcel *send, size_t n_send, int to, const ib_parcel *receive, size_t n_receive, int from,
                 MPI_Comm comm)
{
    size_t sent = 0, received = 0;

    for (;;) {
        const ib_parcel out = next_part(&send, &n_send, &sent), in = next_part(&receive, &n_receive, &received);
        if (!out.bytes && !in.bytes)
            return;
        MPI_Sendrecv(out.data, (int)out.bytes, MPI_BYTE, out.bytes ? to : MPI_PROC_NULL, TAG_DATA, in.data,
                     (int)in.bytes, MPI_BYTE, in.bytes ? from : MPI_PROC_NULL, TAG_DATA, comm, MPI_STATUS_IGNORE);
    }
}

void ib_gather(const void *mine, size_t bytes, void *all, MPI_Comm comm)
{
    int rank, n_rank;

    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_rank);
    if (rank) {
        MPI_Send(&bytes, (int)sizeof bytes, MPI_BYTE, 0, TAG_DATA, comm);
        ib_send(mine, bytes, 0, comm);
        return;
    }
    char *to = all;
    memcpy(to, mine, bytes);
    to += bytes;
    for (int r = 1; r < n_rank; r++) {
        size_t n;
        MPI_Recv(&n, (int)sizeof n, MPI_BYTE, r, TAG_DATA, comm, MPI_STATUS_IGNORE);
        ib_receive(to, n, r, comm);
        to += n;
    }
}

/* ---- notices ------------------------------------------------------------------------------------------------ */

typedef struct message {
    uint64_t done;  /* since the last message */
    int      final; /* 0 goes on, 1 ended well, 2 failed; from rank 0: 1 all ended, 2 stop */
} message;

void ib_notice_begin(ib_notice *n, MPI_Comm comm)
{
    memset(n, 0, sizeof *n);
    n->comm = comm;
    n->sent = ib_now();
    MPI_Comm_rank(comm, &n->rank);
    MPI_Comm_size(comm, &n->n_rank);
}

static void tell(const ib_notice *n, int to, message m)
{
    MPI_Send(&m, (int)sizeof m, MPI_BYTE, to, TAG_NOTICE, n->comm);
}

/* Rank 0: everyone gets one last message, either to stop or that all have ended. */
static void tell_all(ib_notice *n, int final)
{
    for (int r = 1; r < n->n_rank && !n->told; r++)
        tell(n, r, (message){0, final});
    n->told = true;
}

/* Take one waiting message. @return false when there is none. */
static bool take(ib_notice *n)
{
    int        waiting = 0;
    MPI_Status status;
    message    m;

    MPI_Iprobe(n->rank ? 0 : MPI_ANY_SOURCE, TAG_NOTICE, n->comm, &waiting, &status);
    if (!waiting)
        return false;
    MPI_Recv(&m, (int)sizeof m, MPI_BYTE, status.MPI_SOURCE, TAG_NOTICE, n->comm, MPI_STATUS_IGNORE);
    if (n->rank) {
        n->told = true;
        n->stop = n->stop || m.final == 2;
        return true;
    }
    n->done += m.done;
    n->n_final += m.final != 0;
    if (m.final == 2) {
        n->stop = true;
        tell_all(n, 2);
    }
    return true;
}

bool ib_notice_poll(ib_notice *n, uint64_t done)
{
    n->done += done;
    if (n->rank && ib_now() - n->sent > INTERVAL) {
        tell(n, 0, (message){n->done, 0});
        n->done = 0;
        n->sent = ib_now();
    }
    while (take(n)) {
    }
    return n->stop;
}

static void await_all(ib_notice *n, bool failed, void (*tick)(void *self, uint64_t done), void *self)
{
    const struct timespec pause = {0, 200000};

    if (n->rank) {
        tell(n, 0, (message){n->done, failed ? 2 : 1});
        while (!n->told)
            if (!take(n))
                nanosleep(&pause, NULL);
        return;
    }
    if (failed)
        tell_all(n, 2);
    while (n->n_final < n->n_rank - 1) {
        if (!take(n))
            nanosleep(&pause, NULL);
        else if (tick)
            tick(self, n->done);
    }
    tell_all(n, 1);
}

void ib_notice_end(ib_notice *n, bool failed, void (*tick)(void *self, uint64_t done), void *self)
{
    const ib_stay stay = ib_enter(IB_MESSAGING);

    await_all(n, failed, tick, self);
    ib_leave_together(stay, "wait for all ranks", -1, ib_collective_number(), -1);
}
