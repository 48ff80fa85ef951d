/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/regrid.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/frame.h"
#include "model/period.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    TILE = 1 << 17,      /* input samples held at once by a thread: 1.7 MB */
    LEAST_ROWS = 128,    /* of a tile: as many channels as fit with them, because sets store channels together */
    SLACK = 16,          /* channels of a tile beside those asked for: the next one, and the drift of its rows */
    SCAN_ROWS = 1 << 16, /* looked at together while opening */
    MAX_SPARE = 64,      /* tiles kept for the next read */
    MAX_CHANNELS = 10000000
};

#define SNAP 1e-6 /* channels from a centre that are none: rounding of frequencies is below, changes of samples too */

/* Rows that follow each other and have one time and one direction. */
typedef struct run {
    size_t first;  /* the rows up to the next run's */
    double factor; /* output over input frequency */
    double shrink; /* topocentric over output frequency: of uvw */
} run;

typedef struct window {
    size_t in; /* number in the source */
    run   *run;
    size_t n_run, room;
} window;

typedef struct tile {
    float   vis[TILE][2], weight[TILE], row_weight[TILE / SLACK];
    uint8_t flag[TILE];
} tile;

typedef struct layer {
    const ib_source_ops *source;
    void                *self;
    ib_vis_info          in;  /* the source's; all but its windows is lent by *out */
    const ib_vis_info   *out; /* windows as in `window` */
    window              *window;
    size_t               n_window;
    int                  rule;
    bool                 converts;
    _Atomic(tile *)      spare[MAX_SPARE];
} layer;

/* ---- channels ----------------------------------------------------------------------------------------------- */

/* The input channels that make a sample: (1 - a) of j and a of j + 1; a = 0: j alone. */
typedef struct place {
    bool   there;
    size_t j;
    double a;
} place;

/* Where a frequency lies among channels in order. *near is where to begin to look, and then the channel at or below it in
   that order; what is found does not depend on it. */
static place find(const ib_spw *in, int rule, double freq, size_t *near)
{
    const double *f = in->freq, up = in->n_chan > 1 && f[1] < f[0] ? -1 : 1;
    size_t        j = *near;

    while (j + 1 < in->n_chan && up * f[j + 1] <= up * freq)
        j++;
    while (j > 0 && up * f[j] > up * freq)
        j--;
    *near = j;

    const bool   pair = j + 1 < in->n_chan;
    const double below = fabs(freq - f[j]), above = pair ? fabs(f[j + 1] - freq) : INFINITY;
    const size_t closest = above < below ? j + 1 : j;
    const double off = fmin(above, below), width = in->width[closest];

    if (off <= SNAP * width || (rule == IB_NEAREST && off <= 0.5 * width))
        return (place){true, closest, 0};
    if (rule == IB_NEAREST || !pair || up * freq < up * f[0])
        return (place){0};
    const int apart = in->chan[j + 1] - in->chan[j];
    return (place){apart == 1 || apart == -1, j, below / (below + above)};
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

/* n values between those of two channels; a in (0, 1). */
static void blend_values(size_t n, double a, const float (*v)[2], const float (*next)[2], float (*out)[2])
{
    const float p = (float)(1 - a), q = (float)a;

    for (size_t i = 0; i < n; i++) {
        out[i][0] = p * v[i][0] + q * next[i][0];
        out[i][1] = p * v[i][1] + q * next[i][1];
    }
}

/* Variances add; without one of the two weights there is none. */
static void blend_weights(size_t n, double a, const float *w, const float *next, float *out)
{
    const double p = (1 - a) * (1 - a), q = a * a;

    for (size_t i = 0; i < n; i++)
        out[i] = w[i] > 0 && next[i] > 0 ? (float)((double)w[i] * next[i] / (p * next[i] + q * w[i])) : 0;
}

static void blend_flags(size_t n, const uint8_t *f, const uint8_t *next, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = f[i] | next[i];
}

/* What is asked for and where one piece of it goes. */
typedef struct request {
    const ib_samples *into;
    size_t            at, n_row; /* of the first row, of all rows */
    ib_range          rows;      /* of the piece */
    ib_range          held;      /* input channels in the tile */
    size_t            n_corr;
    bool              per_channel, weigh; /* weights of the input; wanted */
} request;

/* Rows of one output channel that have one place; `row` counts in the piece. */
static void form(const request *q, const tile *t, const place *where, size_t chan, size_t row, size_t n_row)
{
    const size_t n = n_row * q->n_corr, to = (chan * q->n_row + q->at + row) * q->n_corr;
    const size_t from = ((where->j - q->held.first) * q->rows.n + row) * q->n_corr,
                 next = from + q->rows.n * q->n_corr;
    const float *row_weight = t->row_weight + row * q->n_corr;
    const bool   one = where->a <= 0;

    if (q->into->vis && one)
        memcpy(q->into->vis + to, t->vis + from, n * sizeof *t->vis);
    else if (q->into->vis)
        blend_values(n, where->a, t->vis + from, t->vis + next, q->into->vis + to);
    if (q->into->flag && one)
        memcpy(q->into->flag + to, t->flag + from, n);
    else if (q->into->flag)
        blend_flags(n, t->flag + from, t->flag + next, q->into->flag + to);
    if (q->weigh && one)
        memcpy(q->into->weight + to, q->per_channel ? t->weight + from : row_weight, n * sizeof *t->weight);
    else if (q->weigh)
        blend_weights(n, where->a, q->per_channel ? t->weight + from : row_weight,
                      q->per_channel ? t->weight + next : row_weight, q->into->weight + to);
}

static void leave_out(const request *q, size_t chan, size_t row, size_t n_row)
{
    const size_t n = n_row * q->n_corr, to = (chan * q->n_row + q->at + row) * q->n_corr;

    if (q->into->vis)
        memset(q->into->vis + to, 0, n * sizeof *q->into->vis);
    if (q->into->flag)
        memset(q->into->flag + to, 1, n);
    if (q->weigh)
        memset(q->into->weight + to, 0, n * sizeof *q->into->weight);
}

/* The run of a row. */
static size_t find_run(const window *w, size_t row)
{
    size_t low = 0, high = w->n_run;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (w->run[middle].first <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* End of a run within rows. */
static size_t end_of(const window *w, size_t r, ib_range rows)
{
    const size_t end = rows.first + rows.n;
    return r + 1 < w->n_run && w->run[r + 1].first < end ? w->run[r + 1].first : end;
}

/* Output channels x rows of the piece: leave out what has no place, form what the tile has; *need becomes the input
   channels of all places. Without a tile only that. */
static void pass(const layer *l, size_t s, const request *q, const tile *t, ib_range chans, size_t skip,
                 ib_range *need)
{
    const window *w = &l->window[s];
    const ib_spw *in = &l->in.spw[w->in], *out = &l->out->spw[s];
    size_t        low = SIZE_MAX, high = 0, near = 0;

    for (size_t r = find_run(w, q->rows.first), row = q->rows.first; row < q->rows.first + q->rows.n; r++) {
        const size_t end = end_of(w, r, q->rows);
        for (size_t c = 0; c < chans.n; c++) {
            const place  where = find(in, l->rule, out->freq[chans.first + c] / w->run[r].factor, &near);
            const size_t last = where.j + (where.a > 0);
            if (where.there && where.j < low)
                low = where.j;
            if (where.there && last > high)
                high = last;
            if (!where.there && !t)
                leave_out(q, skip + c, row - q->rows.first, end - row);
            if (where.there && t && where.j >= q->held.first && last < q->held.first + q->held.n)
                form(q, t, &where, skip + c, row - q->rows.first, end - row);
        }
        row = end;
    }
    *need = low <= high ? (ib_range){low, high + 1 - low} : (ib_range){0};
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* A tile of this thread's own, from the spare ones while there are any. */
static tile *take_tile(layer *l, ib_error *err)
{
    for (int i = 0; i < MAX_SPARE; i++) {
        tile *t = atomic_exchange(&l->spare[i], NULL);
        if (t)
            return t;
    }
    return ib_alloc(1, sizeof(tile), "channels to regrid", err);
}

static void put_tile(layer *l, tile *t)
{
    for (int i = 0; i < MAX_SPARE; i++) {
        tile *none = NULL;
        if (atomic_compare_exchange_strong(&l->spare[i], &none, t))
            return;
    }
    ib_free(t);
}

/* One piece of rows. Channels of it are taken in groups whose input fits a tile; where it does not, because the rows' times
   are far apart or output channels far wider, by tiles that share a channel. */
static ib_status read_piece(layer *l, size_t s, request *q, tile *t, ib_range chans, ib_error *err)
{
    const size_t     in = l->window[s].in, wide = TILE / (q->rows.n * q->n_corr), group = wide - SLACK;
    const ib_samples held = {q->into->vis ? t->vis : NULL, q->weigh && q->per_channel ? t->weight : NULL,
                             q->into->flag ? t->flag : NULL};
    const ib_rows rows = {.weight = t->row_weight};
    ib_range      need, ignored;

    if (q->weigh && !q->per_channel && l->source->rows(l->self, in, q->rows, &rows, err))
        return err->status;
    for (size_t skip = 0; skip < chans.n; skip += group) {
        const ib_range part = {chans.first + skip, chans.n - skip < group ? chans.n - skip : group};

        pass(l, s, q, NULL, part, skip, &need);
        for (size_t done = 0; done < need.n;) {
            q->held = (ib_range){need.first + done, need.n - done < wide ? need.n - done : wide};
            if (l->source->read(l->self, in, q->held, q->rows, &held, err))
                return err->status;
            pass(l, s, q, t, part, skip, &ignored);
            done += done + q->held.n < need.n ? q->held.n - 1 : q->held.n;
        }
    }
    return IB_OK;
}

static ib_status regrid_read(void *self, size_t s, ib_range chans, ib_range rows, const ib_samples *into,
                             ib_error *err)
{
    layer        *l = self;
    const ib_spw *in = &l->in.spw[l->window[s].in], *out = &l->out->spw[s];
    request       q = {.into = into,
                       .n_row = rows.n,
                       .n_corr = in->n_corr,
                       .per_channel = in->weight_per_channel,
                       .weigh = into->weight && out->weight_per_channel};
    ib_status     rc = IB_OK;

    if (!l->converts)
        return l->source->read(l->self, l->window[s].in, chans, rows, into, err);
    const size_t fit = TILE / ((chans.n + SLACK) * q.n_corr), tall = fit > LEAST_ROWS ? fit : LEAST_ROWS;
    tile        *t = take_tile(l, err);
    if (!t)
        return err->status;
    for (; !rc && q.at < rows.n; q.at += q.rows.n) {
        q.rows = (ib_range){rows.first + q.at, rows.n - q.at < tall ? rows.n - q.at : tall};
        rc = read_piece(l, s, &q, t, chans, err);
    }
    put_tile(l, t);
    return rc;
}

static ib_status regrid_rows(void *self, size_t s, ib_range rows, const ib_rows *into, ib_error *err)
{
    layer        *l = self;
    const window *w = &l->window[s];

    if (l->source->rows(l->self, w->in, rows, into, err))
        return err->status;
    for (size_t r = find_run(w, rows.first), row = 0; into->uvw && l->converts && row < rows.n; r++)
        for (const size_t end = end_of(w, r, rows) - rows.first; row < end; row++)
            for (int k = 0; k < 3; k++)
                into->uvw[row][k] *= w->run[r].shrink;
    return IB_OK;
}

static void regrid_close(void *self)
{
    layer *l = self;

    if (!l)
        return;
    if (l->self)
        l->source->close(l->self);
    for (size_t i = 0; i < l->n_window; i++)
        ib_free(l->window[i].run);
    ib_free(l->window);
    for (int i = 0; i < MAX_SPARE; i++)
        ib_free(l->spare[i]);
    ib_vis_info windows = {.n_spw = l->in.n_spw, .spw = l->in.spw};
    ib_vis_info_clear(&windows);
    ib_free(l);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

/* What is needed only while opening. */
typedef struct opening {
    layer       *l;
    ib_vis_info *info;
    int          from, to;     /* frames; equal: no conversion */
    double       first, last;  /* s, of the times of rows */
    double       middle;       /* output over input frequency in the middle of the observation */
    double       start, width; /* Hz, of the channels asked for */
    size_t       n;            /* 0: as the input's */
    double      *time;         /* [SCAN_ROWS] */
    int32_t     *field;        /* [SCAN_ROWS] */
    struct instant {
        double  time;
        int32_t field;
        double  factor, shrink;
    } * known; /* [n_known] by time and field */
    size_t n_known, room;
} opening;

/* A list of items with room for one more, grown twofold. */
static ib_status grow(void **list, size_t *room, size_t n, size_t size, ib_error *err)
{
    if (n < *room)
        return IB_OK;
    void *more = ib_alloc(n ? 2 * n : 16, size, "times of rows", err);
    if (!more)
        return err->status;
    if (n)
        memcpy(more, *list, n * size);
    ib_free(*list);
    *list = more;
    *room = n ? 2 * n : 16;
    return IB_OK;
}

static ib_status compute(const opening *o, double time, int32_t field, struct instant *into, ib_error *err)
{
    const ib_field *at = &o->info->field[field];
    double          factor[IB_N_FRAMES];

    if (ib_frame_factors(time, o->info->site, at->ra, at->dec, factor, err))
        return err->status;
    *into = (struct instant){time, field, factor[o->to] / factor[o->from], 1 / factor[o->to]};
    return IB_OK;
}

/* The instant of a time and a field, computed the first time. */
static ib_status look_up(opening *o, double time, int32_t field, struct instant *out, ib_error *err)
{
    size_t low = 0, high = o->n_known;

    if (o->from == o->to) {
        *out = (struct instant){.factor = 1, .shrink = 1};
        return IB_OK;
    }
    while (low < high) {
        const size_t          middle = low + (high - low) / 2;
        const struct instant *k = &o->known[middle];
        if (k->time < time || (k->time <= time && k->field < field))
            low = middle + 1;
        else
            high = middle;
    }
    if (low < o->n_known && o->known[low].time <= time && o->known[low].field == field) {
        *out = o->known[low];
        return IB_OK;
    }
    if (compute(o, time, field, out, err) || grow((void **)&o->known, &o->room, o->n_known, sizeof *o->known, err))
        return err->status;
    memmove(o->known + low + 1, o->known + low, (o->n_known++ - low) * sizeof *o->known);
    o->known[low] = *out;
    return IB_OK;
}

static ib_status find_runs(opening *o, size_t s, window *w, ib_error *err)
{
    layer         *l = o->l;
    const size_t   n_row = l->in.spw[s].n_row;
    const bool     same = o->from == o->to;
    struct instant now = {0};

    *w = (window){.in = s};
    for (size_t first = 0; first < (same ? 1 : n_row); first += SCAN_ROWS) {
        const ib_range rows = {first, n_row - first < SCAN_ROWS ? n_row - first : SCAN_ROWS};
        const ib_rows  into = {.time = o->time, .field = o->field};

        if (!same && l->source->rows(l->self, s, rows, &into, err))
            return err->status;
        for (size_t i = 0; i < (same ? 1 : rows.n); i++) {
            if (w->n_run && o->time[i] == now.time && o->field[i] == now.field)
                continue;
            if (look_up(o, o->time[i], o->field[i], &now, err) ||
                grow((void **)&w->run, &w->room, w->n_run, sizeof *w->run, err))
                return err->status;
            w->run[w->n_run++] = (run){first + i, now.factor, now.shrink};
            o->first = fmin(o->first, o->time[i]);
            o->last = fmax(o->last, o->time[i]);
        }
    }
    return IB_OK;
}

/* Places are found by walking along channels; linear needs neighbours. */
static ib_status check_channels(const ib_spw *in, int rule, ib_error *err)
{
    bool neighbours = false;

    for (size_t c = 1; c < in->n_chan; c++) {
        const double step = in->freq[c] - in->freq[c - 1], first = in->freq[1] - in->freq[0];
        if (!(step * first > 0))
            return ib_fail(
                err, IB_EUNSUPPORTED,
                "spectral window %d: the frequency of channel %d does not go on in the order of those before it; "
                "only channels in order are regridded (--channels can leave it out)",
                in->id, in->chan[c]);
        const int apart = in->chan[c] - in->chan[c - 1];
        neighbours = neighbours || apart == 1 || apart == -1;
    }
    if (rule == IB_LINEAR && !neighbours)
        return ib_fail(
            err, IB_EUSAGE,
            "--frame-rule linear: spectral window %d has no two neighbouring channels to interpolate between; "
            "choose windows with --spw, or --frame-rule nearest",
            in->id);
    return IB_OK;
}

/* Can any row's channels reach any of the grid's? */
static bool meets(const opening *o, const window *w)
{
    const ib_spw *in = &o->l->in.spw[w->in];
    const double  last = o->start + (double)(o->n - 1) * o->width;
    double        low = INFINITY, high = 0, least = INFINITY, most = 0;

    for (size_t c = 0; c < in->n_chan; c++) {
        low = fmin(low, in->freq[c] - in->width[c] / 2);
        high = fmax(high, in->freq[c] + in->width[c] / 2);
    }
    for (size_t r = 0; r < w->n_run; r++) {
        least = fmin(least, w->run[r].factor);
        most = fmax(most, w->run[r].factor);
    }
    return fmax(o->start, last) >= least * low && fmin(o->start, last) <= most * high;
}

static ib_status make_channels(const opening *o, const ib_spw *in, ib_spw *out, ib_error *err)
{
    const size_t n = o->n ? o->n : in->n_chan;

    *out = *in;
    out->n_chan = n;
    out->chan = ib_alloc(n, sizeof *out->chan, "channels", err);
    out->freq = ib_alloc(n, sizeof *out->freq, "channels", err);
    out->width = ib_alloc(n, sizeof *out->width, "channels", err);
    if (!out->chan || !out->freq || !out->width)
        return err->status;
    for (size_t c = 0; c < n; c++) {
        out->chan[c] = o->n ? (int)c : in->chan[c];
        out->freq[c] = o->n ? o->start + (double)c * o->width : o->middle * in->freq[c];
        out->width[c] = o->n ? fabs(o->width) : o->middle * in->width[c];
    }
    if (o->l->converts)
        out->weight_per_channel = in->weight_per_channel || o->l->rule == IB_LINEAR;
    return IB_OK;
}

/* Output over input frequency in the middle of the observation, toward the first field. */
static ib_status find_middle(opening *o, ib_error *err)
{
    struct instant middle = {0};
    int32_t        field = 0;

    o->middle = 1;
    if (o->from == o->to)
        return IB_OK;
    while (!o->info->field[field].selected && field + 1 < (int32_t)o->info->n_field)
        field++;
    if (compute(o, (o->first + o->last) / 2, field, &middle, err))
        return err->status;
    o->middle = middle.factor;
    return IB_OK;
}

/* Windows that a grid does not meet drop out. */
static ib_status make_windows(opening *o, ib_error *err)
{
    layer *l = o->l;

    l->window = ib_alloc_zero(l->in.n_spw, sizeof *l->window, "windows", err);
    o->info->spw = ib_alloc_zero(l->in.n_spw, sizeof *o->info->spw, "windows", err);
    if (!l->window || !o->info->spw)
        return err->status;
    l->n_window = l->in.n_spw;
    for (size_t s = 0; s < l->in.n_spw; s++)
        if (find_runs(o, s, &l->window[s], err))
            return err->status;
    if (find_middle(o, err))
        return err->status;

    for (size_t s = 0; s < l->in.n_spw; s++) {
        window *w = &l->window[s];

        if (o->n && !meets(o, w)) {
            ib_free(w->run);
            *w = (window){0};
            continue;
        }
        ib_spw *out = &o->info->spw[o->info->n_spw++];
        if ((l->converts && check_channels(&l->in.spw[s], l->rule, err)) || make_channels(o, &l->in.spw[s], out, err))
            return err->status;
        o->info->held_bytes += (int64_t)(w->room * sizeof *w->run);
        const window kept = *w;
        *w = (window){0};
        l->window[o->info->n_spw - 1] = kept;
    }
    l->n_window = o->info->n_spw;
    if (!l->n_window)
        return ib_fail(err, IB_EUSAGE,
                       "--frame-grid: channels from %s to %s meet none of the input's, which begin at %s",
                       ib_text_hertz(o->start).s, ib_text_hertz(o->start + (double)(o->n - 1) * o->width).s,
                       ib_text_hertz(l->in.spw[0].freq[0]).s);
    return IB_OK;
}

/* START,WIDTH,N. */
static ib_status read_grid(opening *o, const char *text, ib_error *err)
{
    char    copy[128], *rest = NULL;
    int64_t n = 0;

    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        return ib_fail(err, IB_EUSAGE, "--frame-grid: more than %zu characters", sizeof copy - 1);
    const char *start = strtok_r(copy, ",", &rest), *width = strtok_r(NULL, ",", &rest);
    const char *count = strtok_r(NULL, ",", &rest);
    if (!count || strtok_r(NULL, ",", &rest))
        return ib_fail(err, IB_EUSAGE, "--frame-grid: \"%s\" is not START,WIDTH,N (1.42GHz,10kHz,200)", text);
    if (ib_text_to_hertz(start, &o->start, err) || ib_text_to_hertz(width, &o->width, err) ||
        ib_text_to_int(count, &n, err))
        return ib_within(err, "--frame-grid: ");
    if (n < 1 || n > MAX_CHANNELS || !(fabs(o->width) > 0) || !(o->start > 0) ||
        !(o->start + (double)(n - 1) * o->width > 0))
        return ib_fail(err, IB_EUSAGE,
                       "--frame-grid: \"%s\" are not 1 to %d channels of positive frequency and some width", text,
                       MAX_CHANNELS);
    o->n = (size_t)n;
    return IB_OK;
}

/* What a conversion needs to know. */
static ib_status check_frames(const opening *o, ib_error *err)
{
    const ib_vis_info *info = o->info;
    const char        *to = ib_frame_name(o->to);
    const double      *p = info->site;

    if (o->from == IB_FRAME_DATA)
        return ib_fail(
            err, IB_EUNSUPPORTED,
            "--frame: frequencies in %s are not converted to %s; only TOPOCENT, GEOCENTR, BARYCENT and LSRK are",
            *info->frame ? info->frame : "a frame that the input does not tell, or in several (--spw chooses),", to);
    if (!info->has_time)
        return ib_fail(
            err, IB_EDATA,
            "--frame: the input does not tell the time (UTC) of its rows, which the way from %s to %s needs; "
            "image it without --frame",
            info->frame, to);
    if (!(p[0] * p[0] + p[1] * p[1] + p[2] * p[2] > 0))
        return ib_fail(
            err, IB_EDATA,
            "--frame: the input does not tell where on the Earth its antennas are, which the way from %s to %s "
            "needs; image it without --frame",
            info->frame, to);
    return IB_OK;
}

static ib_status describe(opening *o, const ib_config *cfg, ib_error *err)
{
    ib_vis_info *info = o->info;

    o->from = ib_frame_find(info->frame);
    o->to = cfg->frame == IB_FRAME_DATA ? o->from : cfg->frame;
    o->time = ib_alloc_zero(SCAN_ROWS, sizeof *o->time, "times of rows", err);
    o->field = ib_alloc_zero(SCAN_ROWS, sizeof *o->field, "fields of rows", err);
    if (!o->time || !o->field || (cfg->frame_grid && *cfg->frame_grid && read_grid(o, cfg->frame_grid, err)))
        return err->status;
    o->l->rule = cfg->frame_rule;
    o->l->converts = o->from != o->to || o->n;
    if (o->from != o->to) {
        if (check_frames(o, err))
            return err->status;
        snprintf(info->frame, sizeof info->frame, "%s", ib_frame_name(o->to));
    }
    if (o->l->converts)
        info->thread_bytes += (int64_t)sizeof(tile);
    return make_windows(o, err);
}

bool ib_regrid_wanted(const ib_config *cfg)
{
    return cfg->frame != IB_FRAME_DATA || (cfg->frame_grid && *cfg->frame_grid);
}

ib_status ib_regrid_open(void **self, const ib_source_ops *source, const char *path, const ib_config *cfg,
                         ib_vis_info *info, ib_error *err)
{
    layer  *l = ib_alloc_zero(1, sizeof *l, "regridding", err);
    opening o = {.l = l, .info = info, .first = INFINITY, .last = -INFINITY};

    if (!l)
        return err->status;
    ib_status rc = ib_period_open(&l->source, &l->self, source, path, cfg, &l->in, err);
    if (rc) {
        ib_vis_info_clear(&l->in);
        ib_free(l);
        return rc;
    }
    *info = l->in; /* theirs from here on */
    info->n_spw = 0;
    info->spw = NULL;
    l->out = info;
    rc = describe(&o, cfg, err);
    ib_free(o.time);
    ib_free(o.field);
    ib_free(o.known);
    if (rc) {
        regrid_close(l);
        return rc;
    }
    *self = l;
    return IB_OK;
}

const ib_source_ops ib_regrid_ops = {
    .name = "regrid",
    .help = "another source on other channels",
    .rows = regrid_rows,
    .read = regrid_read,
    .close = regrid_close,
};
