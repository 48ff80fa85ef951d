/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/forecast.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum {
    AGREEMENTS =
        24, /* collective calls of a launch that each wait for the last rank: work.c, prepare.c, outputs.c, run.c */
    MESSAGES = 4, /* that rank 0 gets from every other one, one after the other: gather_outcomes */
    OUTCOME = 600 /* bytes of what it is told of a channel */
};

typedef enum event_kind { BEGIN, TAKEN, READ_DONE, COMPUTE_DONE, WRITE_DONE } event_kind;

/* Something that will happen at a time, or when the file system has given each of its users so much. */
typedef struct event {
    double     at;
    uint64_t   number; /* of equal ones the first comes first */
    int        rank;
    event_kind kind;
} event;

typedef struct heap {
    event *e;
    size_t n, room;
} heap;

typedef enum wait_for { NOTHING, SAMPLES, ROOM, EMPTY } wait_for;

typedef struct rank_state {
    ib_range now, next;             /* of `now` what is left; the one after it */
    double   slow;                  /* what its computing takes over that of the others */
    double   since;                 /* of its present occupation */
    double   made, backlog, flight; /* bytes of what is being computed, that wait for the writer, that it writes */
    double   flight_end;            /* of the flight, as events of the file system count; NaN: not shared */
    size_t   cursor, end;           /* static: of its share */
    size_t   n_unit;
    size_t   seen;   /* dynamic: shares that had something left when it last looked at all */
    uint32_t sorted; /* the order that it has */
    ib_spent spent;
    wait_for waits;
    bool     reading, held, any, first_read; /* of the next window; any: an order; first_read: rows have been read */
} rank_state;

typedef struct simulation {
    const ib_forecast_task    *task;
    const ib_forecast_machine *machine;
    ib_forecast               *out;
    rank_state                *rank;
    heap                       timed, shared;
    uint64_t                   number;
    double    now, given, cap; /* given: share of its time that the file system gave to each of its users */
    double    credit, last;
    size_t   *counter; /* dynamic: chunks of every share that were taken */
    double   *busy;    /* until when that counter serves others */
    size_t    n_left;  /* shares that have something left */
    heap      most;    /* shares of others by what is left of them, the most first; may be out of date */
    uint8_t  *checked;
    ib_error *err;
    ib_status rc;
} simulation;

const char *ib_spent_name(ib_spent spent)
{
    static const char *const name[] = {"start", "open", "read", "compute", "write", "network", "idle"};
    return name[spent];
}

/* ---- heaps ------------------------------------------------------------------------------------------------ */

static bool before(const event *a, const event *b)
{
    return a->at < b->at || (!(b->at < a->at) && a->number < b->number);
}

static void push(simulation *s, heap *h, event e)
{
    if (h->n == h->room) {
        const size_t room = 2 * h->room + 1024;
        event       *more = ib_alloc(room, sizeof *more, "events", s->err);
        if (!more) {
            s->rc = s->err->status;
            return;
        }
        if (h->n)
            memcpy(more, h->e, h->n * sizeof *more);
        ib_free(h->e);
        h->e = more;
        h->room = room;
    }
    e.number = s->number++;
    size_t at = h->n++;
    for (; at && before(&e, &h->e[(at - 1) / 2]); at = (at - 1) / 2)
        h->e[at] = h->e[(at - 1) / 2];
    h->e[at] = e;
}

static event pop(heap *h)
{
    const event first = h->e[0], last = h->e[--h->n];
    size_t      at = 0;

    for (size_t child = 1; child < h->n; child = 2 * at + 1) {
        child += child + 1 < h->n && before(&h->e[child + 1], &h->e[child]);
        if (!before(&h->e[child], &last))
            break;
        h->e[at] = h->e[child];
        at = child;
    }
    h->e[at] = last;
    return first;
}

static void after(simulation *s, double seconds, int rank, event_kind kind)
{
    push(s, &s->timed, (event){.at = s->now + seconds, .rank = rank, .kind = kind});
}

/* ---- file system ------------------------------------------------------------------------------------------ */

/* Share of the time of the file system that each of its n users gets. */
static double pace(const simulation *s)
{
    return fmin(s->cap, 1 / (double)s->shared.n);
}

/* @return when it will be done, as events of the file system count; NaN: nobody else matters */
static double transfer(simulation *s, double bytes, double rate, int rank, event_kind kind)
{
    if (!(rate < INFINITY)) {
        after(s, bytes > 0 ? bytes / s->machine->stream : 0, rank, kind);
        return (double)NAN;
    }
    const double end = s->given + bytes / rate;
    push(s, &s->shared, (event){.at = end, .rank = rank, .kind = kind});
    return end;
}

static void read_window(simulation *s, int r, size_t n)
{
    rank_state  *k = &s->rank[r];
    const double bytes = s->task->read_bytes * (double)n + (k->first_read ? 0 : s->task->row_bytes);

    k->first_read = k->reading = true;
    s->out->read_bytes += bytes;
    (void)transfer(s, bytes, s->machine->read, r, READ_DONE);
}

/* Bytes that have a buffer or wait for one. */
static double pending(const simulation *s, const rank_state *k)
{
    const double left = isnan(k->flight_end) ? k->flight : (k->flight_end - s->given) * s->machine->write;
    return k->backlog + (k->flight > 0 ? fmin(fmax(left, 0), k->flight) : 0);
}

/* The writer goes on: first with what others wait for. */
static void write_on(simulation *s, int r)
{
    rank_state *k = &s->rank[r];

    if (k->flight > 0 || !(k->backlog > 0))
        return;
    k->flight = k->backlog > s->credit ? k->backlog - s->credit : k->backlog;
    k->backlog -= k->flight;
    s->out->written_bytes += k->flight;
    k->flight_end = transfer(s, k->flight, s->machine->write, r, WRITE_DONE);
}

/* ---- schedule: as schedule.c and ib_plan_share ------------------------------------------------------------ */

static ib_range share(const simulation *s, int r)
{
    const size_t n = s->task->plan->n_chunk, n_rank = (size_t)s->machine->n_rank, first = n * (size_t)r / n_rank;
    return (ib_range){first, n * ((size_t)r + 1) / n_rank - first};
}

static size_t left(const simulation *s, int r)
{
    const size_t n = share(s, r).n;
    return s->counter[r] < n ? n - s->counter[r] : 0;
}

/* The share that most is left of; -1: nothing is. */
static int fullest(simulation *s)
{
    while (s->most.n) {
        const event  top = s->most.e[0];
        const size_t n = left(s, top.rank);
        if (n && (double)n >= -top.at)
            return top.rank;
        (void)pop(&s->most);
        if (n)
            push(s, &s->most, (event){.at = -(double)n, .rank = top.rank});
    }
    return -1;
}

/* An operation on a counter, which serves one after the other. @return seconds from now until its result is here */
static double count(simulation *s, int owner)
{
    const double latency = s->machine->latency, there = fmax(s->now + latency / 2, s->busy[owner]);

    s->busy[owner] = there + latency / 4; /* the part of an operation that keeps others from the same counter */
    return there + latency / 2 - s->now;
}

/* The next units of a rank. @return seconds that finding them takes */
static double take(simulation *s, int r, ib_range *units)
{
    const ib_plan *plan = s->task->plan;
    rank_state    *k = &s->rank[r];

    *units = (ib_range){k->cursor, 0};
    if (!s->task->dynamic) {
        const size_t step = plan->fused ? plan->window : plan->n_lane, rest = k->end - k->cursor;
        units->n = step < rest ? step : rest;
        k->cursor += units->n;
        return 0;
    }
    const size_t each = plan->n_unit / plan->n_chunk;
    const size_t least = (plan->n_lane + each - 1) / each, most = (plan->window + each - 1) / each;
    double       seconds = 0;
    int          owner = r;
    if (!left(s, r)) {
        seconds += (double)k->seen * s->machine->latency; /* it asks all that may have something */
        owner = fullest(s);
        k->seen = s->n_left;
    }
    if (owner < 0)
        return seconds;
    const size_t some = left(s, owner) / (owner == r ? 4 : 2 * (size_t)s->machine->n_rank);
    size_t       n = some > most ? most : some < least ? least : some;
    n = n < left(s, owner) ? n : left(s, owner);
    const size_t chunk = share(s, owner).first + s->counter[owner];
    s->counter[owner] += n;
    s->n_left -= !left(s, owner);
    units->first = plan->n_unit * chunk / plan->n_chunk;
    units->n = plan->n_unit * (chunk + n) / plan->n_chunk - units->first;
    s->out->n_take++;
    s->out->n_moved += owner == r ? 0 : units->n;
    return seconds + count(s, owner);
}

/* ---- ranks ------------------------------------------------------------------------------------------------ */

static void spend(simulation *s, rank_state *k, ib_spent spent)
{
    s->out->spent_s[k->spent] += s->now - k->since;
    k->since = s->now;
    k->spent = spent;
}

/* Every lane a channel, all threads together. */
static void compute(simulation *s, int r)
{
    const ib_forecast_task *t = s->task;
    rank_state             *k = &s->rank[r];
    const size_t            n = k->now.n < t->plan->n_lane ? k->now.n : t->plan->n_lane;
    double                  seconds = t->unit_s * (double)n;

    for (size_t u = k->now.first; u < k->now.first + n; u++) {
        const uint32_t sorted = t->sorted ? t->sorted[u] : 0;
        seconds += k->any && sorted == k->sorted ? 0 : t->sort_s;
        seconds += s->checked[u] ? t->check_s : 0;
        k->any = true;
        k->sorted = sorted;
    }
    k->now = (ib_range){k->now.first + n, k->now.n - n};
    k->n_unit += n;
    k->made = t->write_bytes * (double)n;
    spend(s, k, IB_SPENT_COMPUTE);
    after(s, seconds * k->slow / s->machine->n_thread, r, COMPUTE_DONE);
}

static void work(simulation *s, int r)
{
    rank_state *k = &s->rank[r];

    k->held = false;
    k->waits = NOTHING;
    if (s->task->plan->ahead && k->next.n)
        read_window(s, r, k->next.n);
    compute(s, r);
}

static void finish(simulation *s, int r)
{
    spend(s, &s->rank[r], IB_SPENT_IDLE);
    s->rank[r].waits = NOTHING;
    s->last = s->now;
}

/* To the window that was next. */
static void turn(simulation *s, int r)
{
    rank_state *k = &s->rank[r];

    k->now = k->next;
    const double seconds = take(s, r, &k->next);
    spend(s, k, IB_SPENT_NETWORK);
    after(s, seconds, r, TAKEN);
}

static void taken(simulation *s, int r)
{
    rank_state *k = &s->rank[r];

    if (!k->now.n) {
        spend(s, k, IB_SPENT_WRITE);
        k->waits = EMPTY;
        if (!(k->flight > 0))
            finish(s, r);
        return;
    }
    if (k->held) {
        work(s, r);
        return;
    }
    if (!k->reading)
        read_window(s, r, k->now.n);
    spend(s, k, IB_SPENT_READ);
    k->waits = SAMPLES;
}

static void go_on(simulation *s, int r)
{
    s->rank[r].waits = NOTHING;
    if (s->rank[r].now.n)
        compute(s, r);
    else
        turn(s, r);
}

static void happen(simulation *s, const event *e)
{
    rank_state *k = &s->rank[e->rank];

    switch (e->kind) {
    case BEGIN:
        k->since = s->now;
        k->spent = IB_SPENT_NETWORK;
        after(s, take(s, e->rank, &k->next), e->rank, COMPUTE_DONE);
        break;
    case TAKEN:
        taken(s, e->rank);
        break;
    case READ_DONE:
        k->reading = false;
        k->held = true;
        if (k->waits == SAMPLES)
            work(s, e->rank);
        break;
    case COMPUTE_DONE:
        k->backlog += k->made;
        k->made = 0;
        write_on(s, e->rank);
        if (pending(s, k) > s->credit * (1 + 1e-12)) {
            spend(s, k, IB_SPENT_WRITE);
            k->waits = ROOM;
        } else
            go_on(s, e->rank);
        break;
    case WRITE_DONE:
        k->flight = 0;
        write_on(s, e->rank);
        if (k->waits == ROOM && pending(s, k) <= s->credit * (1 + 1e-12))
            go_on(s, e->rank);
        else if (k->waits == EMPTY && !(k->flight > 0))
            finish(s, e->rank);
        break;
    }
}

static void run(simulation *s)
{
    for (; (s->timed.n || s->shared.n) && !s->rc; s->out->n_event++) {
        const double rate = s->shared.n ? pace(s) : 0;
        const double done = s->shared.n ? s->now + fmax(0, s->shared.e[0].at - s->given) / rate : INFINITY;
        const bool   timed = s->timed.n && s->timed.e[0].at <= done;
        const double next = timed ? s->timed.e[0].at : done;
        const event  e = pop(timed ? &s->timed : &s->shared);

        s->given = timed ? s->given + (next - s->now) * rate : e.at;
        s->out->storage += (next - s->now) * rate * (double)(s->shared.n + !timed);
        s->now = next;
        happen(s, &e);
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

static uint64_t scramble(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* A factor of mean 1, log-normal. */
static double slowness(const ib_forecast_machine *m, int rank)
{
    const uint64_t key = scramble(m->seed ^ scramble((uint64_t)rank));
    const double   a = ((double)(key >> 11) + 0.5) * 0x1p-53, b = ((double)(scramble(key) >> 11) + 0.5) * 0x1p-53;
    const double   sigma = sqrt(log1p(m->jitter * m->jitter)), normal = sqrt(-2 * log(a)) * cos(2 * IB_PI * b);

    return exp(sigma * normal - 0.5 * sigma * sigma);
}

static ib_status prepare(simulation *s)
{
    const ib_plan *plan = s->task->plan;
    const size_t   n = (size_t)s->machine->n_rank;

    s->rank = ib_alloc_zero(n, sizeof *s->rank, "ranks", s->err);
    s->counter = ib_alloc_zero(n, sizeof *s->counter, "ranks", s->err);
    s->busy = ib_alloc_zero(n, sizeof *s->busy, "ranks", s->err);
    s->checked = ib_alloc_zero(plan->n_unit + 1, 1, "channels", s->err);
    if (!s->rank || !s->counter || !s->busy || !s->checked)
        return s->err->status;
    for (size_t k = 0; k < plan->n_check; k++) /* the middle one of each of so many runs */
        s->checked[plan->n_unit * (2 * k + 1) / (2 * plan->n_check)] = 1;
    const double quicker = fmin(s->machine->read, s->machine->write);
    s->cap = quicker < INFINITY ? s->machine->stream / quicker : INFINITY;
    s->credit = (double)plan->n_write * (double)plan->write_bytes;
    s->n_left = n;
    for (int r = 0; r < s->machine->n_rank; r++) {
        rank_state    *k = &s->rank[r];
        const ib_range units = ib_plan_share(plan, r, s->machine->n_rank);
        k->slow = slowness(s->machine, r);
        k->cursor = units.first;
        k->end = units.first + units.n;
        k->seen = n - 1;
        k->flight_end = (double)NAN;
        k->first_read = !(s->task->row_bytes > 0);
        if (s->task->dynamic)
            push(s, &s->most, (event){.at = -(double)left(s, r), .rank = r});
    }
    return s->rc;
}

ib_status ib_forecast_make(ib_forecast *out, const ib_forecast_task *task, const ib_forecast_machine *machine,
                           ib_error *err)
{
    const size_t n = (size_t)machine->n_rank;
    simulation   s = {.task = task, .machine = machine, .out = out, .err = err};

    *out = (ib_forecast){.least = SIZE_MAX};
    ib_status rc = prepare(&s);
    if (rc)
        goto done;
    const double open = (double)n * task->n_file * machine->open_s;
    const double agree = AGREEMENTS * ceil(log2((double)n)) * machine->latency;
    s.now = s.last = task->start_s + open + agree;
    for (int r = 0; r < machine->n_rank; r++)
        after(&s, 0, r, BEGIN);
    run(&s);
    if ((rc = s.rc))
        goto done;

    for (size_t r = 0; r < n; r++) {
        s.now = s.last;
        spend(&s, &s.rank[r], IB_SPENT_IDLE);
        out->n_unit += s.rank[r].n_unit;
        out->least = s.rank[r].n_unit < out->least ? s.rank[r].n_unit : out->least;
        out->most = s.rank[r].n_unit > out->most ? s.rank[r].n_unit : out->most;
    }
    const double gather =
        n > 1 ? MESSAGES * (double)(n - 1) * machine->latency + (double)task->plan->n_unit * OUTCOME / machine->node
              : 0;
    for (int i = 0; i < IB_N_SPENT; i++)
        out->spent_s[i] /= (double)n;
    out->spent_s[IB_SPENT_START] += task->start_s + task->end_s;
    out->spent_s[IB_SPENT_OPEN] += open;
    out->spent_s[IB_SPENT_NETWORK] += agree + gather;
    out->total_s = s.last + gather + task->end_s;
    out->storage /= out->total_s;
done:
    ib_free(s.rank);
    ib_free(s.counter);
    ib_free(s.busy);
    ib_free(s.checked);
    ib_free(s.timed.e);
    ib_free(s.shared.e);
    ib_free(s.most.e);
    return rc;
}
