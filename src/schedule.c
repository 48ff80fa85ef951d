/* SPDX-License-Identifier: BSD-3-Clause */
#include "schedule.h"
#include "base/comm.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/trace.h"

#include <string.h>

/* Units of a chunk. */
static ib_range chunk_units(const ib_plan *plan, size_t chunk)
{
    const size_t first = plan->n_unit * chunk / plan->n_chunk, end = plan->n_unit * (chunk + 1) / plan->n_chunk;
    return (ib_range){first, end - first};
}

/* Chunks of a rank's share, as places in the list of those that are left. */
static ib_range share(const ib_schedule *s, int rank)
{
    const size_t first = s->n_chunk * (size_t)rank / (size_t)s->n_rank;
    return (ib_range){first, s->n_chunk * (size_t)(rank + 1) / (size_t)s->n_rank - first};
}

static bool has_left(const ib_schedule *s, ib_range units)
{
    return memchr(s->done + units.first, 0, units.n) != NULL;
}

/* Memory that all ranks share needs nobody's help: Open MPI 4.1 would otherwise wait until the owner comes by (a take of 10 ms instead of
   microseconds). */
static bool on_one_node(MPI_Comm comm)
{
    MPI_Comm node;
    int      n, n_rank;

    MPI_Comm_split_type(comm, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &n);
    MPI_Comm_size(comm, &n_rank);
    MPI_Comm_free(&node);
    MPI_Allreduce(MPI_IN_PLACE, &n, 1, MPI_INT, MPI_MIN, comm);
    return n == n_rank;
}

ib_status ib_schedule_begin(ib_schedule *s, MPI_Comm comm, const ib_plan *plan, const uint8_t *done, ib_error *err)
{
    int64_t *counter = NULL;

    *s = (ib_schedule){.comm = comm, .plan = plan, .done = done};
    MPI_Comm_rank(comm, &s->rank);
    MPI_Comm_size(comm, &s->n_rank);
    s->chunk = ib_alloc(plan->n_chunk, sizeof *s->chunk, "chunks", err);
    s->known = ib_alloc_zero((size_t)s->n_rank, sizeof *s->known, "chunks", err);
    const ib_status rc = ib_agree(comm, s->chunk && s->known ? IB_OK : err->status, err);
    if (rc)
        return rc;
    for (size_t c = 0; c < plan->n_chunk; c++)
        if (has_left(s, chunk_units(plan, c)))
            s->chunk[s->n_chunk++] = c;
    if (on_one_node(comm))
        MPI_Win_allocate_shared(sizeof *counter, sizeof *counter, MPI_INFO_NULL, comm, &counter, &s->window);
    else
        MPI_Win_allocate(sizeof *counter, sizeof *counter, MPI_INFO_NULL, comm, &counter, &s->window);
    s->window_there = true;
    MPI_Win_lock_all(MPI_MODE_NOCHECK, s->window);
    *counter = 0;
    MPI_Win_sync(s->window);
    MPI_Barrier(comm); /* nobody takes before all counters are set */
    return IB_OK;
}

/* Add to a share's counter. @return what it was */
static size_t add(ib_schedule *s, int owner, size_t n)
{
    int64_t more = (int64_t)n, was = 0;

    MPI_Fetch_and_op(&more, &was, MPI_INT64_T, owner, 0, n ? MPI_SUM : MPI_NO_OP, s->window);
    MPI_Win_flush(owner, s->window);
    s->known[owner] = (size_t)was + n;
    return (size_t)was;
}

static size_t left(const ib_schedule *s, int owner)
{
    const size_t n = share(s, owner).n;
    return s->known[owner] < n ? n - s->known[owner] : 0;
}

/* Whose share to take from: one's own, then the one with most left. Shares only ever shrink, so that one which was used up needs not be
   looked at again. @return -1: nothing is left anywhere */
static int choose_owner(ib_schedule *s)
{
    int most = -1;

    if (left(s, s->rank))
        return s->rank;
    for (int k = 1; k < s->n_rank; k++) {
        const int r = (s->rank + k) % s->n_rank;
        if (left(s, r))
            add(s, r, 0);
        if (left(s, r) && (most < 0 || left(s, r) > left(s, most)))
            most = r;
    }
    return most;
}

/* Chunks to take at once: as many as are read together while there are many, at least one unit for every thread, and ever fewer towards
   the end, so that ranks come to an end together. */
static size_t piece(const ib_schedule *s, int owner)
{
    const size_t units = s->plan->n_unit / s->plan->n_chunk; /* of a chunk, at least */
    const size_t least = (s->plan->n_lane + units - 1) / units, most = (s->plan->window + units - 1) / units;
    const size_t some = left(s, owner) / (owner == s->rank ? 4 : 2 * (size_t)s->n_rank);

    return some > most ? most : some < least ? least : some;
}

/* Units from the first to the last of a piece. */
static bool take(ib_schedule *s)
{
    for (int owner; (owner = choose_owner(s)) >= 0;) {
        const ib_range all = share(s, owner);
        const size_t   n = piece(s, owner), first = add(s, owner, n);
        if (first >= all.n)
            continue; /* another one was faster */
        const size_t   end = first + n < all.n ? first + n : all.n;
        const ib_range last = chunk_units(s->plan, s->chunk[all.first + end - 1]);
        s->taken.first = chunk_units(s->plan, s->chunk[all.first + first]).first;
        s->taken.n = last.first + last.n - s->taken.first;
        s->n_take++;
        for (size_t u = s->taken.first; owner != s->rank && u < s->taken.first + s->taken.n; u++)
            s->n_moved += !s->done[u];
        return true;
    }
    return false;
}

ib_range ib_schedule_next(ib_schedule *s)
{
    const double start = ib_now();

    for (;;) {
        while (s->taken.n && s->done[s->taken.first]) {
            s->taken.first++;
            s->taken.n--;
        }
        if (s->taken.n || !take(s))
            break;
    }
    ib_range run = {s->taken.first, 0};
    while (run.n < s->taken.n && !s->done[run.first + run.n])
        run.n++;
    s->taken.first += run.n;
    s->taken.n -= run.n;
    s->seconds += ib_now() - start;
    return run;
}

void ib_schedule_end(ib_schedule *s)
{
    if (s->window_there) {
        MPI_Win_unlock_all(s->window);
        MPI_Win_free(&s->window);
    }
    s->window_there = false;
    ib_free(s->chunk);
    ib_free(s->known);
    s->chunk = s->known = NULL;
}
