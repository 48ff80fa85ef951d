/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* sync_file_range */
#include "io/writer.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/trace.h"
#include "base/watch.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    BLOCK = 4096,            /* what direct writes must be aligned to, in the file and in memory */
    LEAST_DIRECT = 64 << 10, /* bytes: less is handed to the page cache */
    MOST_PIECES = 64,
    MOST_RECORDS = 16,
    HANDS = 2 /* threads: while one waits for a processor, the device has the other's write */
};

typedef struct piece {
    const ib_target *to;
    uint64_t         offset;
    size_t           at, n; /* in the buffer */
} piece;

typedef struct ib_load {
    char  *bytes;
    size_t used, n_piece;
    piece  piece[MOST_PIECES];
} buffer;

/* A line of the queue: a buffer, or a record for a journal. */
typedef struct entry {
    buffer     *full;
    ib_journal *journal;
    uint64_t    unit;
    char       *payload; /* [writer's payload] */
} entry;

struct ib_writer {
    size_t  n_buffer, room, payload; /* bytes of a buffer, and of what a record says about a unit */
    buffer *all;                     /* [n_buffer] */
    char   *payloads;                /* [n_queue + HANDS][payload] */

    pthread_t       hand[HANDS];
    size_t          n_hand;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t  freed, filled;
    buffer        **idle;                                    /* [n_buffer] a stack of n_idle */
    entry          *queue;                                   /* [n_queue] a ring */
    size_t          n_idle, n_queue, first, waiting, active; /* active: entries in work, not among those that wait */
    bool            end;
    double          waited, busy, since; /* since: something has been active */
    ib_error        error;
};

ib_status ib_target_open(ib_target *to, const ib_layout *layout, ib_error *err)
{
    *to = (ib_target){ib_file_attach(layout, err), -1, layout->path};
    if (to->fd < 0)
        return err->status;
    to->direct = ib_file_attach_direct(layout);
    return IB_OK;
}

ib_status ib_target_close(ib_target *to, ib_error *err)
{
    if (to->direct >= 0)
        close(to->direct);
    return ib_file_detach(to->fd, to->name, err);
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

/* Whole blocks past the page cache. @return how many bytes that was: the rest is for the page cache. */
static size_t write_direct(const ib_target *to, const char *bytes, size_t n, uint64_t offset, ib_error *err)
{
    const ib_stay stay = ib_enter(IB_STORING);
    size_t        done = 0;

    while (done < n && !err->status) {
        const struct iovec whole = {(void *)(uintptr_t)(bytes + done), n - done}; /* as in ib_file_write */
        ib_wait            wait;
        ib_wait_begin(&wait, "writing", to->name);
        const ssize_t got = pwritev(to->direct, &whole, 1, (off_t)(offset + done));
        ib_wait_end(&wait);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 && errno != EINVAL && errno != EOPNOTSUPP)
            ib_fail(err, IB_EIO, "write at byte %llu of %s: %s", (unsigned long long)(offset + done), to->name,
                    got < 0 ? strerror(errno) : "nothing was taken");
        if (got <= 0 || got % BLOCK)
            break;
        done += (size_t)got;
    }
    ib_leave(stay, "write", (double)done);
    return done;
}

static void write_piece(const buffer *b, const piece *p, ib_error *err)
{
    const char  *bytes = b->bytes + p->at;
    const size_t head = (BLOCK - p->offset % BLOCK) % BLOCK;
    size_t       done = 0;

    if (p->to->direct >= 0 && p->n >= head + LEAST_DIRECT) {
        if (head)
            ib_file_write(p->to->fd, p->to->name, bytes, head, p->offset, err);
        done = head + write_direct(p->to, bytes + head, (p->n - head) / BLOCK * BLOCK, p->offset + head, err);
    }
    if (!err->status && done < p->n)
        ib_file_write(p->to->fd, p->to->name, bytes + done, p->n - done, p->offset + done, err);
    if (!err->status &&
        p->n - done >= LEAST_DIRECT) /* on its way at once: the last flush is not to wait for all of it */
        sync_file_range(p->to->fd, (off_t)(p->offset + done), (off_t)(p->n - done), SYNC_FILE_RANGE_WRITE);
}

static void serve(const entry *e, bool failed, ib_error *err)
{
    for (size_t i = 0; e->full && i < e->full->n_piece && !failed && !err->status; i++)
        write_piece(e->full, &e->full->piece[i], err);
    if (e->journal && !failed)
        ib_journal_add(e->journal, e->unit, e->payload, err);
}

/* A record is about everything before it: that must be finished. */
static bool is_ready(const ib_writer *w)
{
    return w->waiting && (!w->active || !w->queue[w->first].journal);
}

/* The first entry of the queue; a record's payload moves to the hand's own place. */
static entry take_entry(ib_writer *w, char *own)
{
    entry e = w->queue[w->first];

    if (e.journal)
        e.payload = memcpy(own, e.payload, w->payload);
    w->first = (w->first + 1) % w->n_queue;
    w->waiting--;
    if (!w->active++)
        w->since = ib_now();
    pthread_cond_broadcast(&w->freed);
    return e;
}

static void finish_entry(ib_writer *w, const entry *e, const ib_error *error)
{
    if (!--w->active)
        w->busy += ib_now() - w->since;
    if (e->full)
        w->idle[w->n_idle++] = e->full;
    if (error->status && !w->error.status)
        w->error = *error;
    pthread_cond_broadcast(&w->freed);
    pthread_cond_broadcast(&w->filled);
}

static void *work(void *self)
{
    ib_writer *w = self;

    ib_track_name("writer", -1);
    ib_thread_prompt();
    pthread_mutex_lock(&w->mutex);
    char *const own = w->payloads + (w->n_queue + w->n_hand++) * w->payload;
    for (;;) {
        while (!is_ready(w) && (w->waiting || !w->end))
            pthread_cond_wait(&w->filled, &w->mutex);
        if (!w->waiting)
            break;
        const entry e = take_entry(w, own);
        const bool  failed = w->error.status;
        ib_error    error = {IB_OK, -1, ""};
        pthread_mutex_unlock(&w->mutex);
        const ib_stay stay = ib_enter(IB_STORING);
        serve(&e, failed, &error);
        ib_leave(stay, "write planes", -1);
        pthread_mutex_lock(&w->mutex);
        finish_entry(w, &e, &error);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

static void release(ib_writer *w)
{
    for (size_t i = 0; w->all && i < w->n_buffer; i++)
        ib_free(w->all[i].bytes);
    ib_free(w->all);
    ib_free(w->idle);
    ib_free(w->queue);
    ib_free(w->payloads);
    ib_free(w);
}

/* What waits is written first. */
static void stop(ib_writer *w, size_t n_hand)
{
    pthread_mutex_lock(&w->mutex);
    w->end = true;
    pthread_cond_broadcast(&w->filled);
    pthread_mutex_unlock(&w->mutex);
    for (size_t i = 0; i < n_hand; i++)
        pthread_join(w->hand[i], NULL);
    pthread_cond_destroy(&w->freed);
    pthread_cond_destroy(&w->filled);
    pthread_mutex_destroy(&w->mutex);
}

ib_status ib_writer_create(ib_writer **out, size_t n_buffer, size_t bytes, size_t payload, ib_error *err)
{
    ib_writer *w = ib_alloc_zero(1, sizeof *w, "writer", err);

    *out = NULL;
    if (!w)
        return err->status;
    w->n_buffer = n_buffer;
    w->room = bytes;
    w->payload = payload;
    w->n_queue = n_buffer + MOST_RECORDS;
    w->all = ib_alloc_zero(n_buffer, sizeof *w->all, "buffers to write", err);
    w->idle = ib_alloc(n_buffer, sizeof *w->idle, "buffers to write", err);
    w->queue = ib_alloc(w->n_queue, sizeof *w->queue, "buffers to write", err);
    w->payloads = ib_alloc(w->n_queue + HANDS, payload, "buffers to write", err);
    ib_status rc = w->all && w->idle && w->queue && w->payloads ? IB_OK : err->status;
    for (size_t i = 0; !rc && i < n_buffer; i++) {
        w->all[i].bytes = ib_alloc(bytes + BLOCK, 1, "buffers to write", err);
        w->idle[w->n_idle++] = &w->all[i];
        rc = w->all[i].bytes ? IB_OK : err->status;
    }
    if (!rc) {
        size_t n = 0;
        pthread_mutex_init(&w->mutex, NULL);
        pthread_cond_init(&w->freed, NULL);
        pthread_cond_init(&w->filled, NULL);
        for (; !rc && n < HANDS; n++) {
            const int failed = ib_thread_start(&w->hand[n], work, w);
            if (failed)
                rc = ib_fail(err, IB_EIO, "start a thread that writes: %s", strerror(failed));
        }
        if (rc)
            stop(w, n - 1);
    }
    if (rc) {
        release(w);
        return rc;
    }
    *out = w;
    return IB_OK;
}

ib_status ib_writer_drain(ib_writer *w, ib_error *err)
{
    const ib_stay stay = ib_enter(IB_STORING);
    pthread_mutex_lock(&w->mutex);
    while (w->waiting || w->active)
        pthread_cond_wait(&w->freed, &w->mutex);
    ib_leave(stay, "wait for the last planes", -1);
    if (w->error.status)
        *err = w->error;
    const ib_status rc = w->error.status;
    pthread_mutex_unlock(&w->mutex);
    return rc;
}

void ib_writer_destroy(ib_writer *w)
{
    if (!w)
        return;
    stop(w, HANDS);
    release(w);
}

void ib_writer_times(ib_writer *w, double *waited, double *busy)
{
    pthread_mutex_lock(&w->mutex);
    *waited = w->waited;
    *busy = w->busy;
    pthread_mutex_unlock(&w->mutex);
}

/* ---- packing ------------------------------------------------------------------------------------------------------ */

/* At the end of the queue; waits while it is full. */
static ib_error append(ib_writer *w, buffer *full, ib_journal *journal, uint64_t unit, const void *payload)
{
    pthread_mutex_lock(&w->mutex);
    while (w->waiting == w->n_queue)
        pthread_cond_wait(&w->freed, &w->mutex);
    const size_t at = (w->first + w->waiting++) % w->n_queue;
    w->queue[at] = (entry){full, journal, unit, w->payloads + at * w->payload};
    if (journal)
        memcpy(w->queue[at].payload, payload, w->payload);
    const ib_error error = w->error;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->mutex);
    return error;
}

ib_status ib_writer_finished(ib_writer *w, ib_journal *journal, uint64_t unit, const void *payload, ib_error *err)
{
    const ib_error error = append(w, NULL, journal, unit, payload);

    if (error.status)
        *err = error;
    return error.status;
}

void ib_pack_begin(ib_pack *pack, ib_writer *writer, const ib_target *to)
{
    *pack = (ib_pack){writer, to, NULL};
}

static ib_status take_buffer(ib_pack *pack, ib_error *err)
{
    ib_writer *w = pack->writer;

    pthread_mutex_lock(&w->mutex);
    if (!w->n_idle) {
        const ib_stay stay = ib_enter(IB_STORING);
        const double  begin = ib_now();
        while (!w->n_idle)
            pthread_cond_wait(&w->freed, &w->mutex);
        w->waited += ib_now() - begin;
        ib_leave(stay, "wait for room to write", -1);
    }
    const ib_error error = w->error;
    if (!error.status)
        pack->open = w->idle[--w->n_idle];
    pthread_mutex_unlock(&w->mutex);
    if (error.status)
        *err = error;
    else
        pack->open->used = pack->open->n_piece = 0;
    return error.status;
}

void ib_pack_send(ib_pack *pack)
{
    if (pack->open)
        append(pack->writer, pack->open, NULL, 0, NULL);
    pack->open = NULL;
}

/* Room for a piece that goes on for `run` bytes from an offset on: 0 or more, and where it is. Long ones begin so that blocks of the
   file are blocks of the memory, and are cut between blocks. */
static size_t find_room(const ib_pack *pack, uint64_t offset, size_t run, bool fresh, size_t *at)
{
    const buffer *b = pack->open;
    const size_t  end = pack->writer->room + BLOCK, phase = (size_t)((uintptr_t)(b->bytes + b->used) % BLOCK);

    *at = b->used + (fresh && run >= LEAST_DIRECT ? (offset % BLOCK + BLOCK - phase) % BLOCK : 0);
    const size_t left = *at < end ? end - *at : 0, over = run > left ? (offset + left) % BLOCK : 0;
    return run <= left ? run : left > over ? left - over : 0;
}

void *ib_pack_room(ib_pack *pack, uint64_t offset, size_t wanted, size_t run, size_t *got, ib_error *err)
{
    for (;;) {
        buffer      *b = pack->open;
        piece       *last = b && b->n_piece ? &b->piece[b->n_piece - 1] : NULL;
        const bool   fresh = !last || last->to != pack->to || last->offset + last->n != offset;
        size_t       at = 0;
        const size_t room = b ? find_room(pack, offset, run, fresh, &at) : 0;

        if (room && (!fresh || b->n_piece < MOST_PIECES)) {
            if (fresh)
                last = &b->piece[b->n_piece++], *last = (piece){pack->to, offset, at, 0};
            *got = wanted < room ? wanted : room;
            last->n += *got;
            b->used = at + *got;
            return b->bytes + at;
        }
        ib_pack_send(pack);
        if (take_buffer(pack, err))
            return NULL;
    }
}

ib_status ib_pack_rows(ib_pack *pack, const void *rows, size_t n_row, size_t n, size_t stride, size_t width,
                       uint64_t offset, ib_error *err)
{
    for (size_t row = 0; row < n_row; row++) {
        const char *from = (const char *)rows + row * stride;
        for (size_t done = 0, got; done < width; done += got, offset += got) {
            char *into = ib_pack_room(pack, offset, width - done, (n_row - row) * width - done, &got, err);
            if (!into)
                return err->status;
            const size_t some = done >= n ? 0 : n - done < got ? n - done : got;
            memcpy(into, from + done, some);
            memset(into + some, 0, got - some);
        }
    }
    return IB_OK;
}

ib_status ib_pack_add(ib_pack *pack, const void *bytes, size_t n, uint64_t offset, ib_error *err)
{
    return ib_pack_rows(pack, bytes, 1, n, n, n, offset, err);
}
