/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/corner.h"

#include "base/comm.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Samples [chan][row][corr] of some slabs, one after the other. */
typedef struct store {
    float (*vis)[2];
    float   *weight; /* NULL: no window has a weight per channel */
    uint8_t *flag;
    size_t   room; /* samples */
} store;

struct ib_corner {
    ib_source         *source;
    const ib_vis_info *info;
    MPI_Comm           comm;
    int                rank, n_rank;
    int64_t            round, sent;
    store              held, outgoing, incoming;
    ib_slab           *slab; /* [n_slab] held */
    size_t            *at;   /* [n_slab] where they begin, samples */
    size_t             n_slab;
};

/* ---- sizes -------------------------------------------------------------------------------------------------- */

static bool has_weights(const ib_vis_info *info)
{
    bool any = false;

    for (size_t s = 0; s < info->n_spw; s++)
        any = any || info->spw[s].weight_per_channel;
    return any;
}

static size_t sample_size(const ib_vis_info *info)
{
    return sizeof(float[2]) + 1 + (has_weights(info) ? sizeof(float) : 0);
}

int64_t ib_slab_bytes(const ib_vis_info *info, const ib_slab *slab)
{
    const ib_spw *w = &info->spw[slab->spw];

    return (int64_t)(slab->chans.n * w->n_row * w->n_corr * sample_size(info));
}

double ib_slab_needed(const ib_vis_info *info, const ib_slab *slab)
{
    const ib_spw *w = &info->spw[slab->spw];

    return (double)(slab->chans.n * w->n_corr) * (double)w->n_row * w->tiling.sample_bytes;
}

/* The tile that a selected channel is in. */
static size_t tile_of(const ib_spw *w, size_t chan)
{
    return (size_t)w->chan[chan] / w->tiling.n_chan;
}

static size_t tiles(const ib_spw *w, ib_range chans)
{
    size_t n = 1;

    for (size_t c = 1; c < chans.n; c++)
        n += tile_of(w, chans.first + c) != tile_of(w, chans.first + c - 1);
    return n;
}

double ib_slab_fetched(const ib_vis_info *info, const ib_slab *slab)
{
    const ib_spw *w = &info->spw[slab->spw];

    if (!w->tiling.n_chan)
        return ib_slab_needed(info, slab);
    return (double)tiles(w, slab->chans) * (double)w->n_row * w->tiling.row_bytes;
}

/* ---- layout: who reads which rows, and when ------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const ib_slab *x = a, *y = b;

    if (x->spw != y->spw)
        return x->spw < y->spw ? -1 : 1;
    return (x->chans.first > y->chans.first) - (x->chans.first < y->chans.first);
}

/* What is read for slabs of all ranks: sorted; one read for those that meet, and for those that share a tile, which
   then is read once although it holds channels between them that nobody wants. @return how many are left */
static size_t merge(const ib_vis_info *info, ib_slab *slab, size_t n)
{
    size_t last = 0;

    if (n)
        qsort(slab, n, sizeof *slab, by_place);
    for (size_t i = 1; i < n; i++) {
        ib_slab      *to = &slab[last];
        const ib_spw *w = &info->spw[to->spw];
        const size_t  end = to->chans.first + to->chans.n, more = slab[i].chans.first + slab[i].chans.n;
        const bool    same = slab[i].spw == to->spw;

        if (same && (slab[i].chans.first <= end ||
                     (w->tiling.n_chan && tile_of(w, slab[i].chans.first) == tile_of(w, end - 1))))
            to->chans.n = (more > end ? more : end) - to->chans.first;
        else
            slab[++last] = slab[i];
    }
    return n ? last + 1 : 0;
}

/* Rows of one spectral window: `share` for each rank, `strip` of them in each round; both end with tiles, if they can. */
typedef struct rows_of_window {
    size_t share, strip;
    size_t n_chan; /* read together, in all slabs */
} rows_of_window;

typedef struct layout {
    rows_of_window *window; /* [n_spw] */
    size_t          n_round;
    size_t          samples; /* of a round, at most */
    double          again;   /* how often tiles are read that a strip is too low for, at most; 1: never */
} layout;

static size_t up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* All windows go forward together, so that what lies beside each other in the file is read at about the same time. */
static layout lay_out(const ib_vis_info *info, const ib_slab *slab, size_t n, int n_rank, int64_t round,
                      rows_of_window *window)
{
    layout l = {.window = window, .again = 1};
    double all = 0;

    memset(window, 0, info->n_spw * sizeof *window);
    for (size_t i = 0; i < n; i++)
        window[slab[i].spw].n_chan += slab[i].chans.n;
    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_spw *w = &info->spw[s];
        const size_t  tile = w->tiling.n_row ? w->tiling.n_row : 1;
        window[s].share = up((w->n_row + (size_t)n_rank - 1) / (size_t)n_rank, tile);
        all += (double)(window[s].share * window[s].n_chan * w->n_corr);
    }
    const double most = (double)round / (double)sample_size(info);
    for (size_t s = 0; s < info->n_spw; s++) {
        rows_of_window *r = &window[s];
        const size_t    tile = info->spw[s].tiling.n_row ? info->spw[s].tiling.n_row : 1;
        if (!r->n_chan)
            continue;
        r->strip = all <= most ? r->share : (size_t)((double)r->share * most / all);
        if (info->spw[s].tiling.together)
            r->strip = r->strip < tile ? r->strip : tile; /* all windows of the last tile */
        r->strip = r->strip > tile ? r->strip / tile * tile : r->strip;
        r->strip = r->strip > 1 ? r->strip : 1;
        const size_t n_round = (r->share + r->strip - 1) / r->strip;
        l.n_round = n_round > l.n_round ? n_round : l.n_round;
        l.samples += r->strip * r->n_chan * info->spw[s].n_corr;
    }
    for (size_t i = 0; i < n; i++) {
        const ib_spw *w = &info->spw[slab[i].spw];
        const size_t  strip = window[slab[i].spw].strip;
        if (w->tiling.n_chan && strip < w->tiling.n_row && tiles(w, slab[i].chans) > 1) {
            const double again = (double)(w->tiling.n_row + strip - 1) / (double)strip;
            l.again = again > l.again ? again : l.again;
        }
    }
    return l;
}

/* Rows of a window that a rank reads in a round. */
static ib_range rows_now(const layout *l, const ib_vis_info *info, size_t spw, int rank, size_t round)
{
    const rows_of_window *r = &l->window[spw];
    const size_t          n_row = info->spw[spw].n_row, begin = r->share * (size_t)rank, skip = r->strip * round;
    const size_t          end = begin + r->share < n_row ? begin + r->share : n_row;

    if (skip >= r->share || begin + skip >= end)
        return (ib_range){0, 0};
    return (ib_range){begin + skip, end - begin - skip < r->strip ? end - begin - skip : r->strip};
}

/* Is a slab in the tiles of one before it, which are read at the same time? */
static bool comes_along(const ib_vis_info *info, const ib_slab *slab, size_t i)
{
    const size_t together = info->spw[slab[i].spw].tiling.together;

    for (size_t k = 0; together && k < i; k++)
        if (info->spw[slab[k].spw].tiling.together == together)
            return true;
    return false;
}

ib_status ib_corner_estimate(ib_corner_cost *out, const ib_vis_info *info, ib_slab *slab, size_t n, int n_rank,
                             int64_t round, ib_error *err)
{
    ib_corner_cost  cost = {.possible = false};
    rows_of_window *window = ib_alloc(info->n_spw, sizeof *window, "plan", err);

    if (!window)
        return err->status;
    for (size_t i = 0; i < n; i++)
        cost.exchanged += (double)ib_slab_bytes(info, &slab[i]) * (n_rank - 1) / n_rank;
    n = merge(info, slab, n);
    const layout l = lay_out(info, slab, n, n_rank, round, window);
    for (size_t i = 0; i < n; i++)
        cost.fetched += comes_along(info, slab, i) ? 0 : ib_slab_fetched(info, &slab[i]) * l.again;
    const int64_t bytes = (int64_t)(l.samples * sample_size(info));
    cost.buffer = n_rank > 1 ? 2 * bytes : bytes;
    cost.possible = bytes <= round;
    ib_free(window);
    *out = cost;
    return IB_OK;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

ib_status ib_corner_create(ib_corner **out, ib_source *source, const ib_vis_info *info, MPI_Comm comm, int64_t round,
                           ib_error *err)
{
    ib_corner *c = ib_alloc_zero(1, sizeof *c, "corner turn", err);

    if (!c)
        return err->status;
    c->source = source;
    c->info = info;
    c->comm = comm;
    c->round = round;
    MPI_Comm_rank(comm, &c->rank);
    MPI_Comm_size(comm, &c->n_rank);
    *out = c;
    return IB_OK;
}

static void clear(store *s)
{
    ib_free(s->vis);
    ib_free(s->weight);
    ib_free(s->flag);
    *s = (store){0};
}

static ib_status reserve(store *s, size_t n, bool weights, ib_error *err)
{
    if (n <= s->room)
        return IB_OK;
    clear(s);
    s->vis = ib_alloc(n, sizeof *s->vis, "samples of the corner turn", err);
    s->flag = ib_alloc(n, sizeof *s->flag, "samples of the corner turn", err);
    s->weight = weights ? ib_alloc(n, sizeof *s->weight, "samples of the corner turn", err) : NULL;
    if (!s->vis || !s->flag || (weights && !s->weight)) {
        clear(s);
        return err->status;
    }
    s->room = n;
    return IB_OK;
}

void ib_corner_destroy(ib_corner *c)
{
    if (!c)
        return;
    clear(&c->held);
    clear(&c->outgoing);
    clear(&c->incoming);
    ib_free(c->slab);
    ib_free(c->at);
    ib_free(c);
}

/* ---- turning ------------------------------------------------------------------------------------------------ */

/* What a turn knows of all ranks. */
typedef struct turn {
    ib_slab   *wanted; /* of all ranks, one after the other */
    size_t    *first;  /* [n_rank + 1] into wanted */
    ib_slab   *slab;   /* [n_slab] read by every rank, of its rows */
    size_t    *at;     /* [n_slab] where they begin in `outgoing` this round, samples */
    size_t     n_slab;
    ib_parcel *send, *receive;
    layout     layout;
} turn;

static void end(turn *t)
{
    ib_free(t->wanted);
    ib_free(t->first);
    ib_free(t->slab);
    ib_free(t->at);
    ib_free(t->send);
    ib_free(t->receive);
    ib_free(t->layout.window);
}

/* Everyone learns what everyone wants. Collective. */
static ib_status tell(const ib_corner *c, const ib_slab *mine, size_t n, turn *t, ib_error *err)
{
    const uint64_t own = n;
    uint64_t      *count = ib_alloc((size_t)c->n_rank, sizeof *count, "corner turn", err);
    t->first = count ? ib_alloc_zero((size_t)c->n_rank + 1, sizeof *t->first, "corner turn", err) : NULL;
    ib_status rc = ib_agree(c->comm, t->first ? IB_OK : err->status, err);

    if (!rc) {
        MPI_Allgather(&own, 1, MPI_UINT64_T, count, 1, MPI_UINT64_T, c->comm);
        for (int r = 0; r < c->n_rank; r++)
            t->first[r + 1] = t->first[r] + count[r];
        t->wanted = ib_alloc(t->first[c->n_rank] + 1, sizeof *t->wanted, "corner turn", err);
        rc = ib_agree(c->comm, t->wanted ? IB_OK : err->status, err);
    }
    if (!rc && n)
        memcpy(t->wanted + t->first[c->rank], mine, n * sizeof *mine);
    for (int r = 0; !rc && r < c->n_rank; r++)
        ib_broadcast(t->wanted + t->first[r], count[r] * sizeof *t->wanted, r, c->comm);
    ib_free(count);
    return rc;
}

/* The union of all wishes, cut into rounds; and memory for it and for what this rank wants. */
static ib_status prepare(ib_corner *c, turn *t, ib_error *err)
{
    const size_t   all = t->first[c->n_rank], n = t->first[c->rank + 1] - t->first[c->rank];
    const ib_slab *mine = t->wanted + t->first[c->rank];
    const bool     weights = has_weights(c->info);
    size_t         most = 0, held = 0, incoming = 0;

    for (int r = 0; r < c->n_rank; r++)
        most = t->first[r + 1] - t->first[r] > most ? t->first[r + 1] - t->first[r] : most;
    t->slab = ib_alloc(all + 1, sizeof *t->slab, "corner turn", err);
    t->at = ib_alloc(all + 1, sizeof *t->at, "corner turn", err);
    t->send = ib_alloc(most + 1, 3 * sizeof *t->send, "corner turn", err);
    t->receive = ib_alloc(n + 1, 3 * sizeof *t->receive, "corner turn", err);
    t->layout.window = ib_alloc(c->info->n_spw, sizeof *t->layout.window, "corner turn", err);
    c->slab = ib_alloc(n + 1, sizeof *c->slab, "corner turn", err);
    c->at = ib_alloc(n + 1, sizeof *c->at, "corner turn", err);
    if (!t->slab || !t->at || !t->send || !t->receive || !t->layout.window || !c->slab || !c->at)
        return err->status;

    memcpy(t->slab, t->wanted, all * sizeof *t->slab);
    t->n_slab = merge(c->info, t->slab, all);
    t->layout = lay_out(c->info, t->slab, t->n_slab, c->n_rank, c->round, t->layout.window);
    for (size_t i = 0; i < n; i++) {
        const ib_spw *w = &c->info->spw[mine[i].spw];
        c->slab[i] = mine[i];
        c->at[i] = held;
        held += mine[i].chans.n * w->n_row * w->n_corr;
        incoming += mine[i].chans.n * t->layout.window[mine[i].spw].strip * w->n_corr;
    }
    if (reserve(&c->held, held, weights, err) || reserve(&c->outgoing, t->layout.samples, weights, err))
        return err->status;
    return c->n_rank > 1 ? reserve(&c->incoming, incoming, weights, err) : IB_OK;
}

/* This rank's rows of a round into `outgoing`. */
static ib_status fetch(ib_corner *c, turn *t, size_t round, ib_error *err)
{
    ib_status rc = IB_OK;
    size_t    at = 0;

    for (size_t i = 0; i < t->n_slab && !rc; i++) {
        const ib_slab   *s = &t->slab[i];
        const ib_spw    *w = &c->info->spw[s->spw];
        const ib_range   rows = rows_now(&t->layout, c->info, s->spw, c->rank, round);
        const ib_samples into = {c->outgoing.vis + at, w->weight_per_channel ? c->outgoing.weight + at : NULL,
                                 c->outgoing.flag + at};

        t->at[i] = at;
        rc = rows.n ? ib_source_read(c->source, s->spw, s->chans, rows, &into, err) : IB_OK;
        at += s->chans.n * rows.n * w->n_corr;
    }
    return rc;
}

/* Where a rank's slab is in `outgoing`. */
static size_t place_of(const ib_corner *c, const turn *t, const ib_slab *slab, size_t n_row)
{
    size_t low = 0, high = t->n_slab;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (by_place(&t->slab[middle], slab) <= 0)
            low = middle;
        else
            high = middle;
    }
    return t->at[low] + (slab->chans.first - t->slab[low].chans.first) * n_row * c->info->spw[slab->spw].n_corr;
}

/* The parts of a parcel: samples from a place on. */
static void add_parcels(const store *s, size_t at, size_t n, bool weights, ib_parcel *to)
{
    to[0] = (ib_parcel){s->vis + at, n * sizeof *s->vis};
    to[1] = (ib_parcel){s->flag + at, n};
    to[2] = (ib_parcel){weights ? s->weight + at : NULL, weights ? n * sizeof *s->weight : 0};
}

static void copy_samples(store *to, size_t place, const store *from, size_t at, size_t n, bool weights)
{
    memcpy(to->vis + place, from->vis + at, n * sizeof *to->vis);
    memcpy(to->flag + place, from->flag + at, n);
    if (weights)
        memcpy(to->weight + place, from->weight + at, n * sizeof *to->weight);
}

/* Rows of a slab that is held, as [chan][row][corr] at a place of another store. */
static void keep(ib_corner *c, size_t slab, ib_range rows, const store *from, size_t at)
{
    const ib_spw *w = &c->info->spw[c->slab[slab].spw];
    const size_t  n = rows.n * w->n_corr;

    for (size_t k = 0; k < c->slab[slab].chans.n; k++)
        copy_samples(&c->held, c->at[slab] + (k * w->n_row + rows.first) * w->n_corr, from, at + k * n, n,
                     w->weight_per_channel);
}

/* Rank by rank: what `to` wants of this rank's rows for what this rank wants of `from`'s. */
static void give_and_take(ib_corner *c, turn *t, size_t round, int to, int from)
{
    const size_t n_out = t->first[to + 1] - t->first[to];
    size_t       at = 0;

    for (size_t i = 0; i < n_out; i++) {
        const ib_slab *s = &t->wanted[t->first[to] + i];
        const ib_spw  *w = &c->info->spw[s->spw];
        const size_t   n_row = rows_now(&t->layout, c->info, s->spw, c->rank, round).n;
        const size_t   n = s->chans.n * n_row * w->n_corr;
        add_parcels(&c->outgoing, n ? place_of(c, t, s, n_row) : 0, n, w->weight_per_channel, t->send + 3 * i);
        for (int k = 0; k < 3; k++)
            c->sent += (int64_t)t->send[3 * i + (size_t)k].bytes;
    }
    for (size_t i = 0; i < c->n_slab; i++) {
        const ib_spw *w = &c->info->spw[c->slab[i].spw];
        const size_t  n =
            c->slab[i].chans.n * rows_now(&t->layout, c->info, c->slab[i].spw, from, round).n * w->n_corr;
        add_parcels(&c->incoming, at, n, w->weight_per_channel, t->receive + 3 * i);
        at += n;
    }
    ib_exchange(t->send, 3 * n_out, to, t->receive, 3 * c->n_slab, from, c->comm);
    at = 0;
    for (size_t i = 0; i < c->n_slab; i++) {
        const ib_range rows = rows_now(&t->layout, c->info, c->slab[i].spw, from, round);
        keep(c, i, rows, &c->incoming, at);
        at += c->slab[i].chans.n * rows.n * c->info->spw[c->slab[i].spw].n_corr;
    }
}

static void keep_own(ib_corner *c, turn *t, size_t round)
{
    for (size_t i = 0; i < c->n_slab; i++) {
        const ib_range rows = rows_now(&t->layout, c->info, c->slab[i].spw, c->rank, round);
        if (rows.n)
            keep(c, i, rows, &c->outgoing, place_of(c, t, &c->slab[i], rows.n));
    }
}

ib_status ib_corner_turn(ib_corner *c, const ib_slab *wanted, size_t n,
                         ib_status (*between)(void *self, ib_error *err), void *self, ib_error *err)
{
    turn t = {0};

    ib_free(c->slab);
    ib_free(c->at);
    c->slab = NULL;
    c->at = NULL;
    c->n_slab = 0;
    ib_status rc = tell(c, wanted, n, &t, err);
    if (!rc)
        rc = ib_agree(c->comm, prepare(c, &t, err), err);
    if (!rc)
        c->n_slab = n;
    for (size_t round = 0; !rc && round < t.layout.n_round; round++) {
        rc = between(self, err);
        if (!rc)
            rc = fetch(c, &t, round, err);
        if ((rc = ib_agree(c->comm, rc, err)))
            break; /* nobody enters an exchange that another rank has given up */
        keep_own(c, &t, round);
        for (int step = 1; step < c->n_rank; step++)
            give_and_take(c, &t, round, (c->rank + step) % c->n_rank, (c->rank - step + c->n_rank) % c->n_rank);
    }
    if (rc)
        c->n_slab = 0;
    end(&t);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

ib_status ib_corner_read(const ib_corner *c, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                         ib_error *err)
{
    const ib_spw *w = &c->info->spw[spw];
    const size_t  n = rows.n * w->n_corr;

    for (size_t i = 0; i < c->n_slab; i++) {
        const ib_slab *s = &c->slab[i];
        if (s->spw != spw || chans.first < s->chans.first || chans.first + chans.n > s->chans.first + s->chans.n ||
            rows.first + rows.n > w->n_row)
            continue;
        for (size_t k = 0; k < chans.n; k++) {
            const size_t at = c->at[i] + ((chans.first - s->chans.first + k) * w->n_row + rows.first) * w->n_corr;
            if (into->vis)
                memcpy(into->vis + k * n, c->held.vis + at, n * sizeof *into->vis);
            if (into->flag)
                memcpy(into->flag + k * n, c->held.flag + at, n);
            if (into->weight && w->weight_per_channel)
                memcpy(into->weight + k * n, c->held.weight + at, n * sizeof *into->weight);
        }
        return IB_OK;
    }
    return ib_fail(err, IB_EINTERNAL, "channels %zu + %zu of window %zu are not held", chans.first, chans.n, spw);
}

int64_t ib_corner_sent(const ib_corner *c)
{
    return c->sent;
}
