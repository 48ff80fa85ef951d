/* SPDX-License-Identifier: BSD-3-Clause */
#define _POSIX_C_SOURCE 200809L
#include "gridder/reader.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/trace.h"

#include <string.h>

struct ib_reader {
    ib_status (*read)(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into, ib_error *err);
    void *self;

    pthread_t       thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t  change;
    ib_read         what;
    ib_samples      into;
    bool            asked, end; /* asked: until it has been read */
    ib_error        error;      /* of the last read */
    double          busy, waited;
};

static void *work(void *self)
{
    ib_reader *r = self;

    ib_track_name("reader", -1);
    ib_thread_prompt();
    pthread_mutex_lock(&r->mutex);
    for (;;) {
        while (!r->asked && !r->end)
            pthread_cond_wait(&r->change, &r->mutex);
        if (!r->asked)
            break;
        const ib_read    what = r->what;
        const ib_samples into = r->into;
        ib_error         error = {IB_OK, -1, ""};
        pthread_mutex_unlock(&r->mutex);
        const double begin = ib_now();
        r->read(r->self, what.spw, what.chans, what.rows, &into, &error);
        const double took = ib_now() - begin;
        pthread_mutex_lock(&r->mutex);
        r->busy += took;
        r->error = error;
        r->asked = false;
        pthread_cond_broadcast(&r->change);
    }
    pthread_mutex_unlock(&r->mutex);
    return NULL;
}

ib_status ib_reader_create(ib_reader **out,
                           ib_status (*read)(void *self, size_t spw, ib_range chans, ib_range rows,
                                             const ib_samples *into, ib_error *err),
                           void *self, ib_error *err)
{
    ib_reader *r = ib_alloc_zero(1, sizeof *r, "reader", err);

    *out = NULL;
    if (!r)
        return err->status;
    r->read = read;
    r->self = self;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->change, NULL);
    const int failed = ib_thread_start(&r->thread, work, r);
    if (failed) {
        pthread_cond_destroy(&r->change);
        pthread_mutex_destroy(&r->mutex);
        ib_free(r);
        return ib_fail(err, IB_EIO, "start the thread that reads: %s", strerror(failed));
    }
    *out = r;
    return IB_OK;
}

void ib_reader_ask(ib_reader *r, const ib_read *what, const ib_samples *into)
{
    pthread_mutex_lock(&r->mutex);
    r->what = *what;
    r->into = *into;
    r->error.status = IB_OK;
    r->asked = true;
    pthread_cond_broadcast(&r->change);
    pthread_mutex_unlock(&r->mutex);
}

ib_status ib_reader_wait(ib_reader *r, ib_error *err)
{
    pthread_mutex_lock(&r->mutex);
    if (r->asked) {
        const ib_stay stay = ib_enter(IB_STORING);
        const double  begin = ib_now();
        while (r->asked)
            pthread_cond_wait(&r->change, &r->mutex);
        r->waited += ib_now() - begin;
        ib_leave(stay, "wait for samples", -1);
    }
    const ib_error error = r->error;
    pthread_mutex_unlock(&r->mutex);
    if (error.status)
        *err = error;
    return error.status;
}

void ib_reader_times(ib_reader *r, double *busy, double *waited)
{
    pthread_mutex_lock(&r->mutex);
    *busy = r->busy;
    *waited = r->waited;
    pthread_mutex_unlock(&r->mutex);
}

void ib_reader_destroy(ib_reader *r)
{
    ib_error ignored;

    if (!r)
        return;
    ib_reader_wait(r, &ignored);
    pthread_mutex_lock(&r->mutex);
    r->end = true;
    pthread_cond_broadcast(&r->change);
    pthread_mutex_unlock(&r->mutex);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->change);
    pthread_mutex_destroy(&r->mutex);
    ib_free(r);
}
