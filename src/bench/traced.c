/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/traced.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/arguments.h"
#include "bench/table.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_NAMES = 256, MAX_WORDS = 4096, SHOWN = 20 };

/* clang-format off */
const ib_help_option ib_trace_options[] = {
    {"format", "NAME", "table", "of the summary: table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL}};
/* clang-format on */

typedef enum category { PHASE, CHUNK, IO, MPI, TEAM, USER, N_CATEGORIES } category;

static const char *const category_name[] = {"phase", "chunk", "io", "mpi", "team", "user"};

/* Times in us, as files have them. */
typedef struct span {
    double   at, end;
    double   value; /* bytes, or the number of a message; below 0: none */
    int32_t  rank, thread;
    int32_t  number; /* of a collective, or the other rank of a message; below 0: neither */
    int32_t  tag;
    int32_t  root;    /* of a collective; below 0: everyone waits for everyone */
    int32_t  group;   /* that it is one of: spans of one collective; below 0: none */
    int64_t  partner; /* of what was received what was sent; below 0: not there */
    uint16_t team, name;
    uint8_t  what;    /* category */
    int8_t   message; /* 1: sent, -1: received */
    bool     inner;   /* within another call of MPI */
} span;

/* A thread waited for a rank until it came. */
typedef struct wait {
    double  from, until, end;
    int32_t rank, awaited;
    int32_t name;
} wait;

/* What a main thread does, innermost; there may be gaps. */
typedef struct leaf {
    double  at, end;
    int32_t name;
} leaf;

typedef struct trace {
    const char *path;
    char       *name[MAX_NAMES], *thread[MAX_NAMES]; /* thread names, kept once */
    size_t      n_name, n_thread_name;
    span       *span;
    size_t      n, room;
    struct named_thread {
        int32_t rank, thread, name;
    } * threads;
    size_t n_thread, thread_room;
    int    n_rank;
    double begin, end;
    char   dropped[32], clock_error[32], program[32];
    wait  *wait;
    size_t n_wait, n_group;
} trace;

/* ---- reading --------------------------------------------------------------------------------------------- */

static int32_t name_of(char **names, size_t *n, const char *text)
{
    size_t i = 0;

    while (i < *n && strcmp(names[i], text) != 0)
        i++;
    if (i == *n && *n < MAX_NAMES)
        names[(*n)++] = strdup(text);
    return i < MAX_NAMES ? (int32_t)i : MAX_NAMES - 1;
}

static double number(const json_t *object, const char *key, double none)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : none;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

/* Room for one more. */
static void *grow(void *items, size_t n, size_t *room, size_t size, ib_error *err)
{
    if (n < *room)
        return items;
    const size_t more = *room ? 2 * *room : 1024;
    void        *grown = ib_alloc(more, size, "trace", err);
    if (!grown)
        return NULL;
    if (n)
        memcpy(grown, items, n * size);
    ib_free(items);
    *room = more;
    return grown;
}

static ib_status take_span(trace *t, const json_t *event, ib_error *err)
{
    const json_t *args = json_object_get(event, "args");
    const char   *cat = text(event, "cat");
    void         *grown = grow(t->span, t->n, &t->room, sizeof *t->span, err);
    int           what = 0;

    if (!grown)
        return err->status;
    t->span = grown;
    while (what < N_CATEGORIES && strcmp(cat, category_name[what]) != 0)
        what++;
    if (what == N_CATEGORIES)
        return IB_OK; /* of a later version */
    span *s = &t->span[t->n++];
    *s = (span){.at = number(event, "ts", 0),
                .value = number(args, "bytes", -1),
                .rank = (int32_t)number(event, "pid", 0),
                .thread = (int32_t)number(event, "tid", 0),
                .number = (int32_t)number(args, "collective", -1),
                .root = (int32_t)number(args, "root", -1),
                .group = -1,
                .partner = -1,
                .team = (uint16_t)number(args, "team", 1),
                .name = (uint16_t)name_of(t->name, &t->n_name, text(event, "name")),
                .what = (uint8_t)what};
    s->end = s->at + number(event, "dur", 0);
    if (json_object_get(args, "message")) {
        s->message = json_object_get(args, "from") ? -1 : 1;
        s->number = (int32_t)number(args, s->message < 0 ? "from" : "to", 0);
        s->tag = (int32_t)number(args, "tag", 0);
        s->value = number(args, "message", 0);
    }
    t->n_rank = s->rank >= t->n_rank ? s->rank + 1 : t->n_rank;
    t->begin = fmin(t->begin, s->at);
    t->end = fmax(t->end, s->end);
    return s->rank < 0 ? ib_fail(err, IB_EDATA, "%.300s: a rank of %d", t->path, (int)s->rank) : IB_OK;
}

static ib_status take_event(trace *t, const json_t *event, ib_error *err)
{
    const char *kind = text(event, "ph");

    if (!strcmp(kind, "X"))
        return take_span(t, event, err);
    if (!strcmp(kind, "M") && !strcmp(text(event, "name"), "thread_name")) {
        void *grown = grow(t->threads, t->n_thread, &t->thread_room, sizeof *t->threads, err);
        if (!grown)
            return err->status;
        t->threads = grown;
        t->threads[t->n_thread++] = (struct named_thread){
            (int32_t)number(event, "pid", 0), (int32_t)number(event, "tid", 0),
            name_of(t->thread, &t->n_thread_name, text(json_object_get(event, "args"), "name"))};
    }
    return IB_OK;
}

/* The line "otherData":{...}, */
static void take_head(trace *t, const char *line)
{
    const char *brace = strchr(line, '{');
    json_t     *head = brace ? json_loads(brace, JSON_DISABLE_EOF_CHECK, NULL) : NULL;

    snprintf(t->dropped, sizeof t->dropped, "%s", text(head, "dropped"));
    snprintf(t->clock_error, sizeof t->clock_error, "%s", text(head, "clock_error_us"));
    snprintf(t->program, sizeof t->program, "%s", text(head, "program"));
    json_decref(head);
}

/* Line by line, one event in each, so that files of any size are read with little memory. */
static ib_status each_event(const char *path,
                            ib_status (*take)(void *self, const json_t *event, const char *line, ib_error *err),
                            void (*head)(void *self, const char *line), void *self, ib_error *err)
{
    FILE     *file = fopen(path, "r");
    char     *line = NULL;
    size_t    room = 0, n_line = 0;
    ib_status rc = IB_OK;
    bool      ours = false, whole = false;

    if (!file)
        return ib_fail(err, IB_EIO, "open %.300s: %s", path, strerror(errno));
    for (ssize_t n; !rc && (n = getline(&line, &room, file)) > 0;) {
        n_line++;
        while (n && (line[n - 1] == '\n' || line[n - 1] == ','))
            line[--n] = 0;
        if (!strncmp(line, "\"otherData\":", 12)) {
            head(self, line);
            ours = true;
        } else if (!strcmp(line, "]}")) {
            whole = true;
        } else if (ours && n && !strncmp(line, "{\"ph\":", 6)) {
            json_error_t where;
            json_t      *event = json_loadb(line, (size_t)n, 0, &where);
            if (!event)
                rc = ib_fail(err, IB_EDATA, "%.300s: line %zu: %.100s", path, n_line, where.text);
            else
                rc = take(self, event, line, err);
            json_decref(event);
        }
    }
    if (!rc && ferror(file))
        rc = ib_fail(err, IB_EIO, "read %.300s: %s", path, strerror(errno));
    else if (!rc && !ours)
        rc = ib_fail(err, IB_EDATA, "%.300s is no trace as imgbench writes them, one event per line", path);
    else if (!rc && !whole)
        rc = ib_fail(err, IB_EDATA, "%.300s is cut off after line %zu", path, n_line);
    free(line);
    fclose(file);
    return rc;
}

static ib_status keep_event(void *self, const json_t *event, const char *line, ib_error *err)
{
    (void)line;
    return take_event(self, event, err);
}

static void keep_head(void *self, const char *line)
{
    take_head(self, line);
}

static void clear_trace(trace *t)
{
    for (size_t i = 0; i < t->n_name; i++)
        free(t->name[i]);
    for (size_t i = 0; i < t->n_thread_name; i++)
        free(t->thread[i]);
    ib_free(t->span);
    ib_free(t->threads);
    ib_free(t->wait);
}

/* ---- who waited for whom --------------------------------------------------------------------------------- */

static int sign(double x)
{
    return (x > 0) - (x < 0);
}

/* Collectives together; of each, the one who came last at the end. */
static int by_collective(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;

    return x->number != y->number ? (x->number < y->number ? -1 : 1) : sign(x->at - y->at);
}

static void add_wait(trace *t, const span *s, double until, int awaited)
{
    until = fmin(until, s->end);
    if (until > s->at && awaited != s->rank)
        t->wait[t->n_wait++] = (wait){s->at, until, s->end, s->rank, awaited, s->name};
}

/* Whether all get something from the root, rather than give it something. */
static bool gives(const trace *t, const span *s)
{
    return !strcmp(t->name[s->name], "broadcast") || !strcmp(t->name[s->name], "scatter");
}

/* Who is still there when the last one comes has waited for it, where everyone waits for everyone; the root of others waits for the
   last one, or all for the root. */
static void find_collective_waits(trace *t, span **some, size_t n)
{
    qsort(some, n, sizeof *some, by_collective);
    for (size_t i = 0, next; i < n; i = next, t->n_group++) {
        for (next = i; next < n && some[next]->number == some[i]->number; next++)
            some[next]->group = (int32_t)t->n_group;
        const span *last = some[next - 1];
        for (size_t k = i; k < next && some[i]->root >= 0 && gives(t, some[i]); k++)
            last = some[k]->rank == some[i]->root ? some[k] : last;
        for (size_t k = i; k < next; k++)
            if (some[k]->end >= last->at &&
                (some[k]->root < 0 || gives(t, some[k]) || some[k]->rank == some[k]->root))
                add_wait(t, some[k], last->at, last->rank);
    }
}

/* From whom to whom with which tag, then by number; what was sent before what was received. */
static int by_message(const void *a, const void *b)
{
    const span   *x = *(span *const *)a, *y = *(span *const *)b;
    const int32_t key[2][3] = {{x->message > 0 ? x->rank : x->number, x->message > 0 ? x->number : x->rank, x->tag},
                               {y->message > 0 ? y->rank : y->number, y->message > 0 ? y->number : y->rank, y->tag}};

    for (int i = 0; i < 3; i++)
        if (key[0][i] != key[1][i])
            return key[0][i] < key[1][i] ? -1 : 1;
    return x->value != y->value ? sign(x->value - y->value) : y->message - x->message;
}

static bool one_message(const span *sent, const span *received)
{
    return sent->message > 0 && received->message < 0 && sent->rank == received->number &&
           sent->number == received->rank && sent->tag == received->tag && sent->value == received->value;
}

static int by_end(const void *a, const void *b)
{
    const wait *x = a, *y = b;

    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : sign(x->end - y->end);
}

static ib_status find_waits(trace *t, ib_error *err)
{
    size_t n = 0, n_message = 0;
    span **some = ib_alloc(2 * t->n + 2, sizeof *some, "trace", err), **message = some + t->n + 1;

    t->wait = ib_alloc(t->n + 1, sizeof *t->wait, "trace", err);
    if (!some || !t->wait) {
        ib_free(some);
        return err->status;
    }
    for (size_t i = 0; i < t->n; i++)
        if (t->span[i].message)
            message[n_message++] = &t->span[i];
        else if (t->span[i].what == MPI && t->span[i].number >= 0)
            some[n++] = &t->span[i];
    find_collective_waits(t, some, n);
    qsort(message, n_message, sizeof *message, by_message);
    for (size_t i = 0; i + 1 < n_message; i++)
        if (one_message(message[i], message[i + 1])) {
            message[i + 1]->partner = message[i] - t->span;
            add_wait(t, message[i + 1], message[i]->at, message[i]->rank);
        }
    qsort(t->wait, t->n_wait, sizeof *t->wait, by_end);
    ib_free(some);
    return IB_OK;
}

/* ---- the critical path ----------------------------------------------------------------------------------- */

static int by_beginning(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;

    return x->at != y->at ? sign(x->at - y->at) : sign(y->end - x->end);
}

/* What a rank's main thread did: phases, and MPI within or beside them. @return how many leaves; room for 2 n + 1 */
static size_t find_leaves(span **some, size_t n, leaf *out)
{
    enum { DEPTH = 64 };
    const span *open[DEPTH];
    int         depth = 0;
    size_t      n_leaf = 0;
    double      at = 0;

    qsort(some, n, sizeof *some, by_beginning);
    for (size_t i = 0; i <= n; i++) {
        const double next = i < n ? some[i]->at : INFINITY;
        while (depth && open[depth - 1]->end <= next) {
            const span *s = open[--depth];
            if (s->end > at)
                out[n_leaf++] = (leaf){fmax(at, s->at), s->end, s->name};
            at = fmax(at, s->end);
        }
        if (i == n)
            break;
        if (depth && next > at)
            out[n_leaf++] = (leaf){fmax(at, open[depth - 1]->at), next, open[depth - 1]->name};
        at = fmax(at, next);
        if (depth < DEPTH)
            open[depth++] = some[i];
    }
    return n_leaf;
}

/* Seconds of the path: [rank][name], the last name for what no phase covers. */
typedef struct path {
    double *spent; /* us */
    size_t  n_name;
} path;

static void add_stretch(path *p, int rank, const leaf *l, size_t n, double from, double to)
{
    double covered = 0;
    size_t low = 0, high = n;

    while (low < high) { /* the first one that ends after `from` */
        const size_t middle = (low + high) / 2;
        if (l[middle].end > from)
            high = middle;
        else
            low = middle + 1;
    }
    for (size_t i = low; i < n && l[i].at < to; i++) {
        const double s = fmin(to, l[i].end) - fmax(from, l[i].at);
        p->spent[(size_t)rank * p->n_name + (size_t)l[i].name] += s;
        covered += s;
    }
    p->spent[(size_t)rank * p->n_name + p->n_name - 1] += fmax(0, to - from - covered);
}

/* Back from the end: whoever was waited for last was what took the time until then. */
static void walk(const trace *t, path *p, leaf *const *leaves, const size_t *n_leaf)
{
    double at = 0;
    int    rank = 0;

    for (size_t i = 0; i < t->n; i++)
        if (t->span[i].thread == 0 && t->span[i].what != TEAM && t->span[i].end > at) {
            at = t->span[i].end;
            rank = t->span[i].rank;
        }
    for (;;) {
        const wait *last = NULL;
        size_t      low = 0, high = t->n_wait;
        while (low < high) { /* the first one of a later rank, or that ends later */
            const size_t middle = (low + high) / 2;
            const wait  *w = &t->wait[middle];
            if (w->rank > rank || (w->rank == rank && w->end > at))
                high = middle;
            else
                low = middle + 1;
        }
        if (low && t->wait[low - 1].rank == rank && t->wait[low - 1].until < at)
            last = &t->wait[low - 1];
        const double from = last ? last->until : fmin(t->begin, at);
        add_stretch(p, rank, leaves[rank], n_leaf[rank], from, at);
        if (!last)
            break;
        at = from;
        rank = last->awaited;
    }
}

/* Of a main thread, and not around others. */
static bool is_leaf(const span *s)
{
    return s->thread == 0 && (s->what == PHASE || s->what == MPI || s->what == USER);
}

static ib_status find_path(const trace *t, path *p, ib_error *err)
{
    const size_t n_rank = (size_t)t->n_rank;
    span       **some = ib_alloc(t->n + 1, sizeof *some, "trace", err);
    leaf        *room = ib_alloc(2 * t->n + n_rank + 1, sizeof *room, "trace", err);
    leaf       **leaves = ib_alloc(n_rank + 1, sizeof *leaves, "trace", err);
    size_t      *n_leaf = ib_alloc_zero(n_rank + 1, sizeof *n_leaf, "trace", err);
    size_t      *n_of = ib_alloc_zero(n_rank + 1, sizeof *n_of, "trace", err);

    p->n_name = t->n_name + 1;
    p->spent = ib_alloc_zero(n_rank * p->n_name + 1, sizeof *p->spent, "trace", err);
    const ib_status rc = some && room && leaves && n_leaf && n_of && p->spent ? IB_OK : err->status;
    if (!rc) {
        size_t at = 0;
        for (size_t i = 0; i < t->n; i++)
            n_of[t->span[i].rank] += is_leaf(&t->span[i]);
        for (size_t r = 0; r < n_rank; r++) { /* where each rank's begin */
            const size_t n = n_of[r];
            n_of[r] = at;
            at += n;
        }
        for (size_t i = 0; i < t->n; i++)
            if (is_leaf(&t->span[i]))
                some[n_of[t->span[i].rank]++] = &t->span[i];
        for (size_t r = 0, first = 0; r < n_rank; first = n_of[r++]) {
            leaves[r] = room + 2 * first + r;
            n_leaf[r] = find_leaves(some + first, n_of[r] - first, leaves[r]);
        }
        walk(t, p, leaves, n_leaf);
    }
    ib_free(some);
    ib_free(room);
    ib_free(leaves);
    ib_free(n_leaf);
    ib_free(n_of);
    return rc;
}

/* ---- replay ---------------------------------------------------------------------------------------------- */

/* The same launch with a network that takes no time (harness specification, 5.5): what remains of the waiting is that for others'
   work. Times in us. */
typedef struct replay {
    bool   known;
    double busiest, ideal, T; /* most time outside of MPI of a rank; the launch without transfer; as it was */
} replay;

typedef struct group {
    size_t n, arrived; /* spans; those that have begun */
    double latest, root;
} group;

/* Let a call of MPI begin at `at`, if it has not. @return when it ends; below 0: not before others have gone on */
static double let_go(const trace *t, const span *s, double at, bool *begun, double *sent, group *groups)
{
    group *g = s->group >= 0 ? &groups[s->group] : NULL;

    if (g && !*begun) {
        g->arrived++;
        g->latest = fmax(g->latest, at);
        if (s->rank == s->root)
            g->root = at;
    }
    *begun = true;
    if (s->message > 0)
        sent[s - t->span] = at;
    if (s->message < 0 && s->partner >= 0 && !t->span[s->partner].inner)
        return sent[s->partner] < 0 ? -1 : fmax(at, sent[s->partner]);
    if (!g || (s->root >= 0 && gives(t, s) == (s->rank == s->root)))
        return at;
    if (s->root >= 0 && gives(t, s))
        return g->root < 0 ? -1 : fmax(at, g->root);
    return g->arrived < g->n ? -1 : g->latest;
}

static int by_rank(const void *a, const void *b)
{
    const span *x = *(span *const *)a, *y = *(span *const *)b;

    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : by_beginning(a, b);
}

/* Where a rank is in the replay. */
typedef struct player {
    span **next, **end;
    double clock, before, busy, last; /* replayed; when the call before ended; outside of MPI; when the rank ended */
    bool   begun;
} player;

static bool play(const trace *t, player *who, double *sent, group *groups)
{
    bool moved = false;

    for (; who->next < who->end; who->next++) {
        const span  *s = *who->next;
        const double gap = fmax(0, s->at - who->before);
        const double end = s->inner ? who->clock : let_go(t, s, who->clock + gap, &who->begun, sent, groups);
        if (end < 0)
            return moved;
        moved = true;
        who->begun = false;
        if (s->inner)
            continue;
        who->clock = end;
        who->busy += gap;
        who->before = s->end;
    }
    return moved;
}

static ib_status run_again(trace *t, replay *out, ib_error *err)
{
    const size_t n_rank = (size_t)t->n_rank;
    span       **call = ib_alloc(t->n + 1, sizeof *call, "trace", err);
    double      *sent = ib_alloc(t->n + 1, sizeof *sent, "trace", err);
    group       *groups = ib_alloc_zero(t->n_group + 1, sizeof *groups, "trace", err);
    player      *who = ib_alloc_zero(n_rank + 1, sizeof *who, "trace", err);
    size_t       n = 0, left = n_rank;

    *out = (replay){.T = t->end - t->begin};
    const ib_status rc = call && sent && groups && who ? IB_OK : err->status;
    if (rc)
        goto done;
    for (size_t r = 0; r < n_rank; r++)
        who[r].before = who[r].last = t->begin;
    for (size_t i = 0; i < t->n; i++) {
        span *s = &t->span[i];
        sent[i] = -1;
        if (s->thread == 0)
            who[s->rank].last = fmax(who[s->rank].last, s->end);
        if (s->thread == 0 && s->what == MPI)
            call[n++] = s;
    }
    qsort(call, n, sizeof *call, by_rank);
    for (size_t i = 0, outer = 0; i < n; i++) {
        call[i]->inner = i && call[i]->rank == call[outer]->rank && call[i]->at < call[outer]->end;
        outer = call[i]->inner ? outer : i;
    }
    for (size_t g = 0; g <= t->n_group; g++)
        groups[g].root = -1;
    for (size_t i = 0; i < n; i++)
        if (call[i]->group >= 0 && !call[i]->inner)
            groups[call[i]->group].n++;
    for (size_t i = 0, r = 0; r < n_rank; r++) {
        who[r].next = call + i;
        while (i < n && call[i]->rank == (int32_t)r)
            i++;
        who[r].end = call + i;
    }
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t r = 0; r < n_rank; r++)
            moved |= play(t, &who[r], sent, groups);
    }
    for (size_t r = 0; r < n_rank; r++) {
        const double rest = fmax(0, who[r].last - who[r].before);
        left -= who[r].next == who[r].end;
        out->busiest = fmax(out->busiest, who[r].busy + rest);
        out->ideal = fmax(out->ideal, who[r].clock + rest);
    }
    out->known = left == 0 && out->ideal > 0 && !strcmp(t->dropped, "0");
done:
    ib_free(call);
    ib_free(sent);
    ib_free(groups);
    ib_free(who);
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

static void report_path(const trace *t, const path *p, ib_report *report)
{
    static const ib_heading heading[] = {{"rank", "rank"}, {"what", "what"}, {"s", "s"}, {"percent", "%"}};
    double                  all = 0, told = 0;

    for (size_t i = 0; i < (size_t)t->n_rank * p->n_name; i++)
        all += p->spent[i];
    ib_report_section(report, "Critical path",
                      "Who kept the end waiting: what is shortened here shortens the launch, nothing else does.");
    ib_report_table(report, "critical_path", heading, 4);
    for (int k = 0; k < SHOWN; k++) {
        size_t most = 0;
        for (size_t i = 1; i < (size_t)t->n_rank * p->n_name; i++)
            most = p->spent[i] > p->spent[most] ? i : most;
        if (!(p->spent[most] > 0))
            break;
        const size_t name = most % p->n_name;
        ib_report_row(report,
                      (ib_cell[]){ib_cell_count(most / p->n_name),
                                  ib_cell_text(name < t->n_name ? t->name[name] : "outside of phases"),
                                  ib_cell_real(1e-6 * p->spent[most]), ib_cell_real(100 * p->spent[most] / all)});
        told += p->spent[most];
        p->spent[most] = 0;
    }
    if (all - told > 1e-6 * all)
        ib_report_row(report, (ib_cell[]){ib_cell_text(""), ib_cell_text("all others"),
                                          ib_cell_real(1e-6 * (all - told)), ib_cell_real(100 * (all - told) / all)});
    ib_report_table_end(report);
}

static ib_status report_waits(const trace *t, ib_report *report, ib_error *err)
{
    static const ib_heading heading[] = {{"rank", "rank"}, {"awaited", "waited for"},   {"times", "times"},
                                         {"s", "s"},       {"longest_s", "longest, s"}, {"what", "in"}};
    struct pair {
        double s, longest;
        size_t n;
        int    name;
    } * pair;
    const size_t n = (size_t)t->n_rank;

    if (!t->n_wait)
        return IB_OK;
    pair = ib_alloc_zero(n * n, sizeof *pair, "trace", err);
    if (!pair)
        return err->status;
    for (size_t i = 0; i < t->n_wait; i++) {
        const wait  *w = &t->wait[i];
        struct pair *of = &pair[(size_t)w->rank * n + (size_t)w->awaited];
        of->n++;
        of->s += w->until - w->from;
        if (w->until - w->from > of->longest) {
            of->longest = w->until - w->from;
            of->name = w->name;
        }
    }
    ib_report_section(report, "Who waited for whom",
                      "From when a rank came to when the last one did; in: where it waited longest.");
    ib_report_table(report, "waits", heading, 6);
    for (int k = 0; k < SHOWN; k++) {
        size_t most = 0;
        for (size_t i = 1; i < n * n; i++)
            most = pair[i].s > pair[most].s ? i : most;
        if (!(pair[most].s > 0))
            break;
        ib_report_row(report,
                      (ib_cell[]){ib_cell_count(most / n), ib_cell_count(most % n), ib_cell_count(pair[most].n),
                                  ib_cell_real(1e-6 * pair[most].s), ib_cell_real(1e-6 * pair[most].longest),
                                  ib_cell_text(t->name[pair[most].name])});
        pair[most].s = 0;
    }
    ib_report_table_end(report);
    ib_free(pair);
    return IB_OK;
}

/* Of every name: how often, how long; of phases as records have them, threads side by side by their mean. */
static ib_status report_names(const trace *t, category what, const char *key, const char *title, ib_report *report,
                              ib_error *err)
{
    static const ib_heading heading[] = {
        {"name", "name"},    {"times", "times"},   {"threads_s", "all threads, s"}, {"mean_s", "mean of ranks, s"},
        {"max_s", "max, s"}, {"max_rank", "rank"}, {"longest_s", "longest, s"},     {"bytes", "bytes"}};
    const size_t n_rank = (size_t)t->n_rank;
    double      *of_rank = ib_alloc_zero(n_rank * t->n_name + 1, sizeof *of_rank, "trace", err);
    bool         any = false;

    if (!of_rank)
        return err->status;
    for (size_t i = 0; i < t->n; i++)
        any = any || t->span[i].what == what;
    if (any) {
        ib_report_section(report, title, "");
        ib_report_table(report, key, heading, 8);
    }
    for (size_t name = 0; name < t->n_name && any; name++) {
        double threads = 0, mean = 0, longest = 0, bytes = 0;
        size_t times = 0, max = 0;
        for (size_t i = 0; i < t->n; i++) {
            const span *s = &t->span[i];
            if (s->what != what || s->name != name)
                continue;
            times++;
            threads += s->end - s->at;
            longest = fmax(longest, s->end - s->at);
            of_rank[(size_t)s->rank * t->n_name + name] += (s->end - s->at) / s->team;
            bytes += !s->message && s->value > 0 ? s->value : 0;
        }
        for (size_t r = 0; r < n_rank; r++) {
            mean += of_rank[r * t->n_name + name] / (double)n_rank;
            max = of_rank[r * t->n_name + name] > of_rank[max * t->n_name + name] ? r : max;
        }
        if (times)
            ib_report_row(report,
                          (ib_cell[]){ib_cell_text(t->name[name]), ib_cell_count(times), ib_cell_real(1e-6 * threads),
                                      ib_cell_real(1e-6 * mean), ib_cell_real(1e-6 * of_rank[max * t->n_name + name]),
                                      ib_cell_count(max), ib_cell_real(1e-6 * longest),
                                      bytes > 0 ? ib_cell_real(bytes) : ib_cell_text("")});
    }
    if (any)
        ib_report_table_end(report);
    ib_free(of_rank);
    return IB_OK;
}

static int by_thread(const void *a, const void *b)
{
    const struct named_thread *x = a, *y = b;

    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1) : (x->thread > y->thread) - (x->thread < y->thread);
}

/* What every thread spent in phases (or regions of users), files, MPI. */
static ib_status report_threads(const trace *t, ib_report *report, ib_error *err)
{
    static const ib_heading heading[] = {{"rank", "rank"},         {"thread", "thread"}, {"phases_s", "phases, s"},
                                         {"team_s", "regions, s"}, {"io_s", "files, s"}, {"mpi_s", "MPI, s"}};
    enum { MOST = 256 };
    double *spent = ib_alloc_zero(t->n_thread * N_CATEGORIES + 1, sizeof *spent, "trace", err);

    if (!spent)
        return err->status;
    if (t->n_thread)
        qsort(t->threads, t->n_thread, sizeof *t->threads, by_thread);
    for (size_t i = 0; i < t->n; i++) {
        const struct named_thread  key = {t->span[i].rank, t->span[i].thread, 0};
        const struct named_thread *found =
            t->n_thread ? bsearch(&key, t->threads, t->n_thread, sizeof key, by_thread) : NULL;
        if (found)
            spent[(size_t)(found - t->threads) * N_CATEGORIES + t->span[i].what] += t->span[i].end - t->span[i].at;
    }
    ib_report_section(
        report, "Threads",
        "Files and MPI lie within phases or beside them; of users' regions those within others count twice.");
    ib_report_table(report, "threads", heading, 6);
    for (size_t k = 0; k < t->n_thread && k < MOST; k++) {
        const double *s = spent + k * N_CATEGORIES;
        ib_report_row(report, (ib_cell[]){ib_cell_count((size_t)t->threads[k].rank),
                                          ib_cell_text(t->thread[t->threads[k].name]),
                                          ib_cell_real(1e-6 * (s[PHASE] + s[USER])), ib_cell_real(1e-6 * s[TEAM]),
                                          ib_cell_real(1e-6 * s[IO]), ib_cell_real(1e-6 * s[MPI])});
    }
    ib_report_table_end(report);
    ib_free(spent);
    return IB_OK;
}

static ib_status summary(const char *file, ib_form form, FILE *out, ib_error *err)
{
    trace      t = {.path = file, .begin = INFINITY};
    path       p = {0};
    replay     again = {0};
    ib_report *report = NULL;
    char       words[200];

    ib_status rc = each_event(file, keep_event, keep_head, &t, err);
    if (!rc && !t.n)
        rc = ib_fail(err, IB_ENODATA, "%.300s holds no span", file);
    rc = rc ? rc : find_waits(&t, err);
    rc = rc ? rc : find_path(&t, &p, err);
    rc = rc ? rc : run_again(&t, &again, err);
    rc = rc ? rc : ib_report_begin(&report, out, form, err);
    if (!rc) {
        ib_status some[5];
        ib_report_fact(report, "file", "file", file);
        snprintf(words, sizeof words, "%.6f s, %d ranks, %zu threads, %zu spans", 1e-6 * (t.end - t.begin), t.n_rank,
                 t.n_thread, t.n);
        ib_report_fact(report, "holds", "holds", words);
        ib_report_fact(report, "dropped", "events without room", t.dropped);
        ib_report_fact(report, "clock_error_us", "error of clocks between ranks, us", t.clock_error);
        if (again.known && t.n_rank > 1) {
            snprintf(words, sizeof words, "%.4f, of it serialisation %.4f x transfer %.4f", again.busiest / again.T,
                     again.busiest / again.ideal, again.ideal / again.T);
            ib_report_fact(report, "communication", "communication efficiency", words);
        }
        report_path(&t, &p, report);
        some[0] = report_waits(&t, report, err);
        some[1] = report_names(&t, PHASE, "phases", "Phases", report, err);
        some[2] = report_names(&t, USER, "regions", "Regions", report, err);
        some[3] = report_names(&t, MPI, "mpi", "MPI", report, err);
        some[4] = report_names(&t, IO, "io", "Files", report, err);
        for (int i = 0; i < 5; i++)
            rc = rc ? rc : some[i];
        rc = rc ? rc : report_threads(&t, report, err);
        const ib_status end = ib_report_end(report, err);
        rc = rc ? rc : end;
    }
    ib_free(p.spent);
    clear_trace(&t);
    return rc;
}

/* ---- merging --------------------------------------------------------------------------------------------- */

/* Files of single processes into one: each keeps its process number where that is free, or takes the next one. */
typedef struct merger {
    FILE  *out;
    double zero_us, shift_us; /* since 1970: of the earliest file; of the present one against it */
    int    pid_shift, pids;   /* of the present file; one more than the largest so far */
    bool   first, settled;    /* nothing is written; the present file's shift is known */
    bool   used[MAX_WORDS];
} merger;

/* When a file's times begin, us since 1970; 0 where it does not tell, as of what is none. */
static double zero_of(const char *line)
{
    const char  *brace = strchr(line, '{');
    json_t      *head = brace ? json_loads(brace, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    const double zero = strtod(text(head, "zero_us"), NULL);

    json_decref(head);
    return zero;
}

static void merge_head(void *self, const char *line)
{
    merger *m = self;

    m->shift_us = zero_of(line) - m->zero_us;
}

/* The earliest beginning of all files. */
static double find_zero(const char *const *file, size_t n)
{
    double zero = INFINITY;
    char   line[4096];

    for (size_t i = 0; i < n; i++) {
        FILE *in = fopen(file[i], "r");
        for (int k = 0; in && k < 3 && fgets(line, sizeof line, in); k++)
            if (!strncmp(line, "\"otherData\":", 12))
                zero = fmin(zero, zero_of(line));
        if (in)
            fclose(in);
    }
    return zero;
}

static ib_status merge_event(void *self, const json_t *event, const char *line, ib_error *err)
{
    merger   *m = self;
    const int own = (int)number(event, "pid", 0);

    if (own < 0 || own >= MAX_WORDS)
        return ib_fail(err, IB_EDATA, "trace merge: process %d; up to %d are merged", own, MAX_WORDS);
    if (!m->settled)
        m->pid_shift = m->used[own] ? m->pids - own : 0;
    m->settled = true;
    const int  pid = own + m->pid_shift;
    const bool timed = json_object_get(event, "ts");
    json_t    *copy = json_copy((json_t *)(uintptr_t)event);

    (void)line;
    if (pid >= MAX_WORDS)
        return ib_fail(err, IB_EDATA, "trace merge: more than %d processes", MAX_WORDS);
    m->pids = pid >= m->pids ? pid + 1 : m->pids;
    m->used[pid] = true;
    json_object_set_new(copy, "pid", json_integer(pid));
    if (timed)
        json_object_set_new(copy, "ts", json_real(fmax(0, number(event, "ts", 0) + m->shift_us)));
    /* the kind first: that is how files are read again */
    json_t *ordered = json_pack("{s:O}", "ph", json_object_get(copy, "ph"));
    json_object_update_missing(ordered, copy);
    char *words = json_dumps(ordered, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    json_decref(ordered);
    json_decref(copy);
    if (!words)
        return ib_fail(err, IB_ENOMEM, "trace merge: the system refused memory");
    fprintf(m->out, "%s%s", m->first ? "" : ",\n", words);
    m->first = false;
    free(words);
    return IB_OK;
}

static ib_status merge(const char *target, const char *const *file, size_t n, ib_error *err)
{
    char      partial[1024];
    merger    m = {.first = true, .zero_us = find_zero(file, n)};
    ib_status rc = IB_OK;

    snprintf(partial, sizeof partial, "%.1000s.part", target);
    m.out = fopen(partial, "w");
    if (!m.out)
        return ib_fail(err, IB_EIO, "trace merge: create %.300s: %s", partial, strerror(errno));
    fprintf(
        m.out,
        "{\"displayTimeUnit\":\"ms\",\n\"otherData\":{\"program\":\"merged\",\"files\":\"%zu\"},\n\"traceEvents\":[\n",
        n);
    for (size_t i = 0; i < n && !rc; i++) {
        m.settled = false;
        rc = each_event(file[i], merge_event, merge_head, &m, err);
    }
    fprintf(m.out, "\n]}\n");
    const bool failed = fclose(m.out) != 0;
    if (!rc && (failed || rename(partial, target)))
        rc = ib_fail(err, IB_EIO, "trace merge: write %.300s: %s", target, strerror(errno));
    if (rc)
        unlink(partial);
    return rc;
}

ib_status ib_trace(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const char  *value[IB_MAX_ARGUMENTS];
    const char **word = ib_alloc(MAX_WORDS, sizeof *word, "words", err);
    size_t       n = 0;
    ib_form      form;

    if (!word)
        return err->status;
    ib_status rc = ib_arguments_words("trace", ib_trace_options, argc, argv, value, word, MAX_WORDS, &n, err);
    rc = rc ? rc : ib_form_parse(ib_argument(ib_trace_options, value, "format"), &form, err);
    if (!rc && n == 2 && !strcmp(word[0], "summary"))
        rc = summary(word[1], form, out, err);
    else if (!rc && n >= 3 && !strcmp(word[0], "merge"))
        rc = merge(word[1], word + 2, n - 2, err);
    else if (!rc)
        rc = ib_fail(err, IB_EUSAGE, "trace takes `summary FILE` or `merge OUT FILE...`");
    ib_free(word);
    return rc;
}
