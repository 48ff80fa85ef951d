/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/recorder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 128, HELPER = 10000 };

static _Atomic(ib_track *)     newest;
static _Atomic int             n_track;
static _Thread_local ib_track *mine;

/* Room for events: blocks of one thread each, handed out in order. */
static struct {
    ib_event      *event;
    ib_track     **owner; /* [n_block] */
    size_t         n_block;
    _Atomic size_t taken;
    int64_t        began_ns;
} pool;

atomic_bool ib_recording;

int64_t ib_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int ib_launched_rank(void)
{
    static const char *const rank[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};

    for (size_t i = 0; i < sizeof rank / sizeof *rank; i++)
        if (getenv(rank[i]))
            return (int)strtol(getenv(rank[i]), NULL, 10);
    return -1;
}

double ib_epoch_us(int64_t at_ns)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec - 1e-3 * (double)(ib_clock_ns() - at_ns);
}

/* ---- threads ----------------------------------------------------------------------------------------------- */

/* Without memory a thread shares a track that nobody looks at. */
static ib_track *make_track(void)
{
    static ib_track none;
    ib_track       *t = calloc(1, sizeof *t);

    if (!t)
        return &none;
    t->id = atomic_fetch_add(&n_track, 1);
    t->worker = t->id == 0; /* the main thread asks first */
    t->now = t->worker ? IB_WORKING : IB_RESTING;
    t->since_ns = ib_clock_ns();
    t->channel = -1;
    t->team = 1;
    t->next = atomic_load(&newest);
    while (!atomic_compare_exchange_weak(&newest, &t->next, t)) {
    }
    return t;
}

ib_track *ib_track_mine(void)
{
    if (!mine)
        mine = make_track();
    return mine;
}

ib_track *ib_tracks(void)
{
    return atomic_load(&newest);
}

void ib_track_name(const char *name, int id)
{
    ib_track *t = ib_track_mine();

    t->name = name;
    t->id = id >= 0 ? id : t->id < HELPER ? HELPER + t->id : t->id;
}

ib_activity ib_turn(ib_activity to)
{
    ib_track         *t = ib_track_mine();
    const ib_activity before = t->now;
    const int64_t     now = ib_clock_ns();

    t->spent_ns[t->in_team][before] += now - t->since_ns;
    t->since_ns = now;
    t->now = to;
    return before;
}

/* ---- events ------------------------------------------------------------------------------------------------ */

bool ib_recorder_start(size_t bytes)
{
    const size_t each = BLOCK * (sizeof *pool.event + sizeof(ib_event *)) + sizeof *pool.owner; /* and to sort them */

    if (ib_recording)
        return false;
    pool.n_block = bytes / each;
    pool.event = malloc((pool.n_block + 1) * BLOCK * sizeof *pool.event);
    pool.owner = malloc((pool.n_block + 1) * sizeof *pool.owner);
    if (!pool.event || !pool.owner) {
        ib_recorder_stop();
        return false;
    }
    atomic_store(&pool.taken, 0);
    pool.began_ns = ib_clock_ns();
    for (ib_track *t = ib_tracks(); t; t = t->next) {
        t->block = NULL;
        t->n_dropped = 0;
    }
    ib_recording = true;
    return true;
}

void ib_recorder_stop(void)
{
    ib_recording = false;
    free(pool.event);
    free(pool.owner);
    pool.event = NULL;
    pool.owner = NULL;
}

void ib_recorder_add(const ib_event *event)
{
    ib_track *t = ib_track_mine();

    if (!t->block || t->n_block == BLOCK) {
        const size_t k = atomic_fetch_add(&pool.taken, 1);
        if (k >= pool.n_block) {
            t->n_dropped++;
            t->n_block = BLOCK;
            t->block = pool.event;
            return;
        }
        pool.owner[k] = t;
        t->block = pool.event + k * BLOCK;
        t->n_block = 0;
        for (size_t i = 0; i < BLOCK; i++)
            t->block[i].name = NULL;
    }
    t->block[t->n_block++] = *event;
}

static size_t blocks(void)
{
    const size_t taken = atomic_load(&pool.taken);

    return taken < pool.n_block ? taken : pool.n_block;
}

ib_recorder_state ib_recorder_about(void)
{
    ib_recorder_state s = {.began_ns = pool.began_ns};

    for (const ib_track *t = ib_tracks(); t; t = t->next)
        s.n_dropped += t->n_dropped;
    for (size_t i = 0; pool.event && i < blocks() * BLOCK; i++)
        s.n_event += pool.event[i].name != NULL;
    return s;
}

/* ---- text -------------------------------------------------------------------------------------------------- */

typedef struct writer {
    bool (*put)(void *self, const char *text, size_t n);
    void               *self;
    const ib_clock_map *clock;
    int                 process;
    bool                first, failed;
    size_t              n;
    char                text[32768];
} writer;

static void flush(writer *w)
{
    if (w->n && !w->failed)
        w->failed = !w->put(w->self, w->text, w->n);
    w->n = 0;
}

__attribute__((format(printf, 2, 3))) static void put(writer *w, const char *format, ...)
{
    va_list args;

    if (sizeof w->text - w->n < 1200)
        flush(w);
    va_start(args, format);
    const int n = vsnprintf(w->text + w->n, sizeof w->text - w->n, format, args);
    va_end(args);
    if (n > 0)
        w->n += (size_t)n < sizeof w->text - w->n ? (size_t)n : sizeof w->text - w->n - 1;
}

static void begin_object(writer *w, const char *kind)
{
    put(w, "%s{\"ph\":\"%s\",\"pid\":%d", w->first ? "" : ",\n", kind, w->process);
    w->first = false;
}

/* A text in quotes; what is not plain ASCII, and what JSON has to escape, becomes a question mark. */
static void put_text(writer *w, const char *before, const char *name)
{
    char   plain[200];
    size_t n = 0;

    for (; *name && n + 1 < sizeof plain; name++)
        plain[n++] = *name >= ' ' && *name < 127 && *name != '"' && *name != '\\' ? *name : '?';
    plain[n] = 0;
    put(w, "%s\"%s\"", before, plain);
}

/* us with three decimals. */
static void put_us(writer *w, const char *key, int64_t ns)
{
    put(w, ",\"%s\":%" PRId64 ".%03d", key, ns / 1000, (int)(ns % 1000));
}

/* A local time in the file's. */
static int64_t file_time(const ib_clock_map *c, int64_t ns)
{
    const double  span = (double)(c->at_ns[1] - c->at_ns[0]);
    const double  along = span > 0 ? (double)(ns - c->at_ns[0]) / span : 0;
    const int64_t drift = (int64_t)(along * (double)(c->ahead_ns[1] - c->ahead_ns[0]));
    const int64_t at = ns - c->zero_ns - c->ahead_ns[0] - drift;

    return at > 0 ? at : 0;
}

static void write_span(writer *w, const ib_track *t, const ib_event *e, int64_t end)
{
    static const char *const category[] = {"phase", "chunk", "io", "mpi", "team", "user"};
    const int64_t            at = file_time(w->clock, e->at_ns);
    const bool               receives = e->kind == IB_EVENT_RECEIVE, message = receives || e->kind == IB_EVENT_SEND;

    begin_object(w, "X");
    put(w, ",\"tid\":%d", t->id);
    put_us(w, "ts", at);
    put_us(w, "dur", end - at);
    put_text(w, ",\"name\":", e->name);
    put(w, ",\"cat\":\"%s\",\"args\":{", category[e->category]);
    const char *comma = "";
    if (message) {
        put(w, "\"%s\":%d,\"tag\":%d,\"message\":%.0f", receives ? "from" : "to", (int)e->number, e->team, e->value);
        comma = ",";
    } else if (e->number >= 0) {
        put(w, "\"%s\":%d", e->category == IB_OF_MPI ? "collective" : "channel", (int)e->number);
        comma = ",";
    }
    if (!message && e->value >= 0) {
        put(w, e->category == IB_OF_USER ? "%s\"value\":%.17g" : "%s\"bytes\":%.0f", comma, e->value);
        comma = ",";
    }
    if (!message && e->category == IB_OF_PHASE && e->team > 1)
        put(w, "%s\"team\":%d", comma, e->team);
    if (!message && e->category == IB_OF_MPI && e->number >= 0 && e->team)
        put(w, "%s\"root\":%d", comma, e->team - 1);
    put(w, "}}");
    if (!message)
        return;
    begin_object(w, receives ? "f" : "s");
    put(w, ",\"tid\":%d", t->id);
    put_us(w, "ts", receives ? end : at);
    put(w, ",\"name\":\"message\",\"cat\":\"mpi\",\"id\":\"m%d.%d.%d.%.0f\"%s}",
        receives ? (int)e->number : w->process, receives ? w->process : (int)e->number, e->team, e->value,
        receives ? ",\"bp\":\"e\"" : "");
}

static void write_counter(writer *w, const ib_event *e)
{
    begin_object(w, "C");
    put_us(w, "ts", file_time(w->clock, e->at_ns));
    put_text(w, ",\"name\":", e->name);
    if (e->value - e->value == 0)
        put(w, ",\"args\":{\"value\":%.17g}}", e->value);
    else
        put(w, ",\"args\":{\"value\":null}}");
}

static int by_beginning(const void *a, const void *b)
{
    const ib_event *x = *(ib_event *const *)a, *y = *(ib_event *const *)b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return x->for_ns > y->for_ns ? -1 : x->for_ns < y->for_ns ? 1 : x < y ? 1 : -1; /* what ended last is outside */
}

/* Events of a thread, outer spans before what they contain; a span ends with the one around it at the latest. */
static void write_track(writer *w, const ib_track *t, ib_event **event, size_t n)
{
    enum { DEPTH = 64 };
    int64_t end[DEPTH];
    int     depth = 0;

    qsort(event, n, sizeof *event, by_beginning);
    for (size_t i = 0; i < n && !w->failed; i++) {
        const ib_event *e = event[i];
        if (e->kind == IB_EVENT_COUNTER) {
            write_counter(w, e);
            continue;
        }
        const int64_t at = file_time(w->clock, e->at_ns);
        int64_t       last = file_time(w->clock, e->at_ns + e->for_ns);
        while (depth && end[depth - 1] <= at)
            depth--;
        last = depth && end[depth - 1] < last ? end[depth - 1] : last;
        if (depth < DEPTH)
            end[depth++] = last;
        write_span(w, t, e, last > at ? last : at);
    }
}

static void write_names(writer *w, const char *label)
{
    begin_object(w, "M");
    put(w, ",\"name\":\"process_name\",\"args\":{\"name\":\"rank %d\"}}", w->process);
    begin_object(w, "M");
    put(w, ",\"name\":\"process_sort_index\",\"args\":{\"sort_index\":%d}}", w->process);
    begin_object(w, "M");
    put(w, ",\"name\":\"process_labels\",\"args\":{");
    put_text(w, "\"labels\":", label);
    put(w, "}}");
}

static void name_track(writer *w, const ib_track *t)
{
    char name[80];

    if (t->name && (t->id == 0 || t->id >= HELPER))
        snprintf(name, sizeof name, "%.70s", t->name);
    else
        snprintf(name, sizeof name, "%.60s %d", t->name ? t->name : "thread", t->id);
    begin_object(w, "M");
    put(w, ",\"tid\":%d,\"name\":\"thread_name\",\"args\":{", t->id);
    put_text(w, "\"name\":", name);
    put(w, "}}");
    begin_object(w, "M");
    put(w, ",\"tid\":%d,\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":%d}}", t->id, t->id);
}

bool ib_recorder_write(int process, const char *label, const ib_clock_map *clock, bool first,
                       bool (*to)(void *self, const char *text, size_t n), void *self)
{
    const size_t n_block = pool.event ? blocks() : 0;
    writer      *w = malloc(sizeof *w);
    ib_event   **event = malloc((n_block * BLOCK + 1) * sizeof *event);
    bool         ok = w && event;

    if (ok) {
        *w = (writer){.put = to, .self = self, .clock = clock, .process = process, .first = first};
        write_names(w, label);
        for (const ib_track *t = ib_tracks(); t; t = t->next) {
            size_t n = 0;
            for (size_t k = 0; k < n_block; k++)
                for (size_t i = 0; i < BLOCK && pool.owner[k] == t; i++)
                    if (pool.event[k * BLOCK + i].name)
                        event[n++] = &pool.event[k * BLOCK + i];
            if (n || t->worker)
                name_track(w, t);
            write_track(w, t, event, n);
        }
        flush(w);
        ok = !w->failed;
    }
    free(event);
    free(w);
    return ok;
}
