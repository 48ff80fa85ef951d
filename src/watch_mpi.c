/* SPDX-License-Identifier: BSD-3-Clause */
/* Time in MPI, by the profiling interface that every MPI has: calls are taken here and passed on, whoever makes them. */
#include "base/trace.h"

/* In MPI until it returns. @param bytes  below 0: not worth telling */
#define TIMED(name, bytes, call)                                                                                     \
    const ib_stay stay = ib_enter(IB_MESSAGING);                                                                     \
    const int     rc = P##call;                                                                                      \
    ib_leave(stay, name, bytes);                                                                                     \
    return rc

static double size_of(int count, MPI_Datatype type)
{
    int size = 0;

    PMPI_Type_size(type, &size);
    return (double)count * size;
}

/* ---- all together -------------------------------------------------------------------------------------------- */

/* What all ranks of the world do together has a number, by which summaries find who came last. */
static void leave_all(ib_stay stay, const char *name, MPI_Comm comm, double bytes, int root)
{
    const int32_t number = comm == MPI_COMM_WORLD ? ib_collective_number() : -1;

    ib_leave_together(stay, name, bytes, number, root);
}

#define TOGETHER(name, comm, root, bytes, call)                                                                      \
    const ib_stay stay = ib_enter(IB_MESSAGING);                                                                     \
    const int     rc = P##call;                                                                                      \
    leave_all(stay, name, comm, bytes, root);                                                                        \
    return rc

int MPI_Barrier(MPI_Comm comm)
{
    TOGETHER("barrier", comm, -1, -1, MPI_Barrier(comm));
}

int MPI_Bcast(void *data, int n, MPI_Datatype type, int root, MPI_Comm comm)
{
    TOGETHER("broadcast", comm, root, size_of(n, type), MPI_Bcast(data, n, type, root, comm));
}

int MPI_Reduce(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm)
{
    TOGETHER("reduce", comm, root, size_of(n, type), MPI_Reduce(from, to, n, type, op, root, comm));
}

int MPI_Allreduce(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    TOGETHER("allreduce", comm, -1, size_of(n, type), MPI_Allreduce(from, to, n, type, op, comm));
}

int MPI_Gather(const void *from, int n, MPI_Datatype type, void *to, int n_to, MPI_Datatype type_to, int root,
               MPI_Comm comm)
{
    TOGETHER("gather", comm, root, size_of(n, type), MPI_Gather(from, n, type, to, n_to, type_to, root, comm));
}

int MPI_Gatherv(const void *from, int n, MPI_Datatype type, void *to, const int n_to[], const int at[],
                MPI_Datatype type_to, int root, MPI_Comm comm)
{
    TOGETHER("gather", comm, root, size_of(n, type), MPI_Gatherv(from, n, type, to, n_to, at, type_to, root, comm));
}

int MPI_Allgather(const void *from, int n, MPI_Datatype type, void *to, int n_to, MPI_Datatype type_to, MPI_Comm comm)
{
    TOGETHER("allgather", comm, -1, size_of(n_to, type_to), MPI_Allgather(from, n, type, to, n_to, type_to, comm));
}

int MPI_Allgatherv(const void *from, int n, MPI_Datatype type, void *to, const int n_to[], const int at[],
                   MPI_Datatype type_to, MPI_Comm comm)
{
    TOGETHER("allgather", comm, -1, -1, MPI_Allgatherv(from, n, type, to, n_to, at, type_to, comm));
}

int MPI_Scatter(const void *from, int n, MPI_Datatype type, void *to, int n_to, MPI_Datatype type_to, int root,
                MPI_Comm comm)
{
    TOGETHER("scatter", comm, root, size_of(n_to, type_to),
             MPI_Scatter(from, n, type, to, n_to, type_to, root, comm));
}

int MPI_Scatterv(const void *from, const int n[], const int at[], MPI_Datatype type, void *to, int n_to,
                 MPI_Datatype type_to, int root, MPI_Comm comm)
{
    TOGETHER("scatter", comm, root, size_of(n_to, type_to),
             MPI_Scatterv(from, n, at, type, to, n_to, type_to, root, comm));
}

int MPI_Alltoall(const void *from, int n, MPI_Datatype type, void *to, int n_to, MPI_Datatype type_to, MPI_Comm comm)
{
    TOGETHER("all to all", comm, -1, -1, MPI_Alltoall(from, n, type, to, n_to, type_to, comm));
}

/* Bytes that a rank gives away. */
static double given(const int n[], MPI_Datatype type, MPI_Comm comm)
{
    double bytes = 0;
    int    n_rank;

    PMPI_Comm_size(comm, &n_rank);
    for (int r = 0; r < n_rank; r++)
        bytes += size_of(n[r], type);
    return bytes;
}

int MPI_Alltoallv(const void *from, const int n[], const int at[], MPI_Datatype type, void *to, const int n_to[],
                  const int at_to[], MPI_Datatype type_to, MPI_Comm comm)
{
    const double bytes = from == MPI_IN_PLACE ? -1 : given(n, type, comm);

    TOGETHER("all to all", comm, -1, bytes, MPI_Alltoallv(from, n, at, type, to, n_to, at_to, type_to, comm));
}

int MPI_Scan(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    TOGETHER("scan", comm, -1, size_of(n, type), MPI_Scan(from, to, n, type, op, comm));
}

int MPI_Exscan(const void *from, void *to, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    TOGETHER("scan", comm, -1, size_of(n, type), MPI_Exscan(from, to, n, type, op, comm));
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *out)
{
    TOGETHER("duplicate communicator", comm, -1, -1, MPI_Comm_dup(comm, out));
}

int MPI_Comm_split(MPI_Comm comm, int colour, int key, MPI_Comm *out)
{
    TOGETHER("split communicator", comm, -1, -1, MPI_Comm_split(comm, colour, key, out));
}

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *out)
{
    TOGETHER("split communicator", comm, -1, -1, MPI_Comm_split_type(comm, type, key, info, out));
}

int MPI_Win_create(void *base, MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, MPI_Win *win)
{
    TOGETHER("create window", comm, -1, -1, MPI_Win_create(base, size, unit, info, comm, win));
}

int MPI_Win_allocate(MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *win)
{
    TOGETHER("create window", comm, -1, -1, MPI_Win_allocate(size, unit, info, comm, base, win));
}

int MPI_Win_free(MPI_Win *win)
{
    TIMED("free window", -1, MPI_Win_free(win));
}

/* ---- messages ------------------------------------------------------------------------------------------------ */

/* MPI does not let messages of two ranks with one tag overtake each other: counted at both ends they have the same numbers. */
static double message_number(int peer, int tag, bool receives)
{
    enum { MOST = 1024 };
    static struct {
        int    peer, tag;
        bool   receives;
        double n;
    } known[MOST];
    static int n_known;
    int        i = 0;

    while (i < n_known && (known[i].peer != peer || known[i].tag != tag || known[i].receives != receives))
        i++;
    if (i == MOST)
        return -1;
    if (i == n_known) {
        known[i].peer = peer;
        known[i].tag = tag;
        known[i].receives = receives;
        n_known++;
    }
    return known[i].n++;
}

static void leave_message(ib_stay stay, const char *name, double bytes, int peer, int tag, MPI_Comm comm,
                          bool receives)
{
    const double number = comm == MPI_COMM_WORLD && ib_recording ? message_number(peer, tag, receives) : -1;

    if (number < 0)
        ib_leave(stay, name, bytes);
    else
        ib_leave_message(stay, name, peer, tag, number, receives);
}

int MPI_Send(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm)
{
    const ib_stay stay = ib_enter(IB_MESSAGING);
    const int     rc = PMPI_Send(data, n, type, to, tag, comm);

    leave_message(stay, "send", size_of(n, type), to, tag, comm, false);
    return rc;
}

int MPI_Ssend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm)
{
    const ib_stay stay = ib_enter(IB_MESSAGING);
    const int     rc = PMPI_Ssend(data, n, type, to, tag, comm);

    leave_message(stay, "send", size_of(n, type), to, tag, comm, false);
    return rc;
}

int MPI_Recv(void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status *status)
{
    MPI_Status    own;
    MPI_Status   *what = status == MPI_STATUS_IGNORE ? &own : status;
    const ib_stay stay = ib_enter(IB_MESSAGING);
    const int     rc = PMPI_Recv(data, n, type, from, tag, comm, what);

    leave_message(stay, "receive", size_of(n, type), what->MPI_SOURCE, what->MPI_TAG, comm, true);
    return rc;
}

int MPI_Sendrecv(const void *data, int n, MPI_Datatype type, int to, int tag, void *into, int n_into,
                 MPI_Datatype type_into, int from, int tag_from, MPI_Comm comm, MPI_Status *status)
{
    TIMED("exchange", size_of(n, type),
          MPI_Sendrecv(data, n, type, to, tag, into, n_into, type_into, from, tag_from, comm, status));
}

int MPI_Isend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request)
{
    TIMED("begin to send", size_of(n, type), MPI_Isend(data, n, type, to, tag, comm, request));
}

int MPI_Irecv(void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request)
{
    TIMED("begin to receive", size_of(n, type), MPI_Irecv(data, n, type, from, tag, comm, request));
}

int MPI_Wait(MPI_Request *request, MPI_Status *status)
{
    TIMED("wait", -1, MPI_Wait(request, status));
}

int MPI_Waitall(int n, MPI_Request request[], MPI_Status status[])
{
    TIMED("wait", -1, MPI_Waitall(n, request, status));
}

int MPI_Waitany(int n, MPI_Request request[], int *which, MPI_Status *status)
{
    TIMED("wait", -1, MPI_Waitany(n, request, which, status));
}

int MPI_Waitsome(int n, MPI_Request request[], int *n_done, int which[], MPI_Status status[])
{
    TIMED("wait", -1, MPI_Waitsome(n, request, n_done, which, status));
}

int MPI_Probe(int from, int tag, MPI_Comm comm, MPI_Status *status)
{
    TIMED("probe", -1, MPI_Probe(from, tag, comm, status));
}

/* Looking for messages is done all the time: its time counts, but is no event. */
#define LOOK(call)                                                                                                   \
    const ib_activity before = ib_turn(IB_MESSAGING);                                                                \
    const int         rc = P##call;                                                                                  \
    ib_turn(before);                                                                                                 \
    return rc

int MPI_Iprobe(int from, int tag, MPI_Comm comm, int *there, MPI_Status *status)
{
    LOOK(MPI_Iprobe(from, tag, comm, there, status));
}

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status)
{
    LOOK(MPI_Test(request, done, status));
}

int MPI_Testall(int n, MPI_Request request[], int *done, MPI_Status status[])
{
    LOOK(MPI_Testall(n, request, done, status));
}

/* ---- one-sided ----------------------------------------------------------------------------------------------- */

int MPI_Fetch_and_op(const void *from, void *to, MPI_Datatype type, int rank, MPI_Aint at, MPI_Op op, MPI_Win win)
{
    TIMED("fetch and add", -1, MPI_Fetch_and_op(from, to, type, rank, at, op, win));
}

int MPI_Compare_and_swap(const void *from, const void *compare, void *to, MPI_Datatype type, int rank, MPI_Aint at,
                         MPI_Win win)
{
    TIMED("compare and swap", -1, MPI_Compare_and_swap(from, compare, to, type, rank, at, win));
}

int MPI_Accumulate(const void *from, int n, MPI_Datatype type, int rank, MPI_Aint at, int n_to, MPI_Datatype type_to,
                   MPI_Op op, MPI_Win win)
{
    TIMED("accumulate", size_of(n, type), MPI_Accumulate(from, n, type, rank, at, n_to, type_to, op, win));
}

int MPI_Get(void *to, int n, MPI_Datatype type, int rank, MPI_Aint at, int n_from, MPI_Datatype type_from,
            MPI_Win win)
{
    TIMED("get", size_of(n, type), MPI_Get(to, n, type, rank, at, n_from, type_from, win));
}

int MPI_Put(const void *from, int n, MPI_Datatype type, int rank, MPI_Aint at, int n_to, MPI_Datatype type_to,
            MPI_Win win)
{
    TIMED("put", size_of(n, type), MPI_Put(from, n, type, rank, at, n_to, type_to, win));
}

int MPI_Win_lock(int kind, int rank, int assertion, MPI_Win win)
{
    TIMED("lock window", -1, MPI_Win_lock(kind, rank, assertion, win));
}

int MPI_Win_lock_all(int assertion, MPI_Win win)
{
    TIMED("lock window", -1, MPI_Win_lock_all(assertion, win));
}

int MPI_Win_unlock(int rank, MPI_Win win)
{
    TIMED("unlock window", -1, MPI_Win_unlock(rank, win));
}

int MPI_Win_unlock_all(MPI_Win win)
{
    TIMED("unlock window", -1, MPI_Win_unlock_all(win));
}

int MPI_Win_flush(int rank, MPI_Win win)
{
    TIMED("flush window", -1, MPI_Win_flush(rank, win));
}

int MPI_Win_fence(int assertion, MPI_Win win)
{
    TIMED("fence", -1, MPI_Win_fence(assertion, win));
}

__attribute__((constructor)) static void begin(void)
{
    ib_watched |= IB_WATCHES_MPI;
}
