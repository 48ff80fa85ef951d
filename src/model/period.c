/* SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE /* timegm */
#include "model/period.h"
#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    SCAN_ROWS = 1 << 14,
    TILE = 1 << 17, /* samples that are put in their place at once */
    MAX_PERIODS = 256
};

#define DAY   86400.0
#define EPOCH (40587 * DAY) /* 1970, s as of ib_rows.time */

typedef struct period {
    double from, to;
} period;

/* Its selected rows are runs of rows of the source's window. */
typedef struct window {
    size_t    in;    /* number in the source */
    ib_range *run;   /* [n_run] rows in the source */
    size_t   *first; /* [n_run] selected rows before the run */
    size_t    n_run, room;
} window;

typedef struct layer {
    const ib_source_ops *source;
    void                *self;
    ib_vis_info          in; /* the source's; all but its windows is lent by the layer's */
    window              *window;
    size_t               n_window;
    ib_samples           tile; /* of TILE samples, for sources that one thread reads */
} layer;

/* ---- text --------------------------------------------------------------------------------------------------- */

/* "5:06", "05:06:07.8"; hours may go on beyond a day. */
static bool read_clock(const char *text, double *seconds)
{
    int    hour, minute, end = 0;
    double s = 0;

    if (sscanf(text, "%4d:%2d%n:%lf%n", &hour, &minute, &end, &s, &end) < 2 || text[end] ||
        strspn(text, "0123456789:.") != strlen(text))
        return false;
    *seconds = 3600.0 * hour + 60.0 * minute + s;
    return minute < 60 && s >= 0 && s < 60;
}

/* @param midnight  that clocks without a date count from */
static bool read_time(const char *text, double midnight, double *time)
{
    struct tm date = {0}, back;
    char      mark[2];
    double    clock = 0;
    int       end = 0;

    if (read_clock(text, &clock)) {
        *time = midnight + clock;
        return true;
    }
    if (sscanf(text, "%4d%1[-/]%2d%1[-/]%2d%n", &date.tm_year, mark, &date.tm_mon, mark, &date.tm_mday, &end) != 5)
        return false;
    if (text[end] && (!strchr("Tt/ ", text[end]) || !read_clock(text + end + 1, &clock)))
        return false;
    date.tm_year -= 1900;
    date.tm_mon -= 1;
    back = date;
    const time_t day = timegm(&back); /* puts in order what is no date */
    *time = EPOCH + (double)day + clock;
    return back.tm_mday == date.tm_mday && back.tm_mon == date.tm_mon;
}

static void write_time(double time, char *out, size_t size)
{
    const time_t s = (time_t)floor(time - EPOCH);
    struct tm    utc;

    if (!gmtime_r(&s, &utc) || !strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc))
        snprintf(out, size, "%.15g s", time);
}

static ib_status read_periods(const char *text, double first, period *list, size_t *n, ib_error *err)
{
    const double midnight = floor(first / DAY) * DAY;

    for (*n = 0; *text; text += *text == ',') {
        const size_t length = strcspn(text, ",");
        char         part[100] = "", *to;
        period      *p = &list[*n];

        if (*n == MAX_PERIODS)
            return ib_fail(err, IB_EUSAGE, "--times: more than %d periods", MAX_PERIODS);
        snprintf(part, sizeof part, "%.*s", (int)length, text);
        *p = (period){-INFINITY, INFINITY};
        to = strchr(part, '~');
        if (to)
            *to++ = 0;
        if (length >= sizeof part || !to || (!*part && !*to) || (*part && !read_time(part, midnight, &p->from)) ||
            (*to && !read_time(to, midnight, &p->to)) || p->from > p->to)
            return ib_fail(err, IB_EUSAGE,
                           "--times: \"%.*s\" is no period; write FROM~TO, each as 2021-03-04T05:06:07 or 05:06:07",
                           (int)length, text);
        ++*n;
        text += length;
    }
    return IB_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Rows of the source that are together, from a selected row on. */
static ib_range part_of(const window *w, ib_range rows)
{
    const size_t r = ib_run_of(w->first, w->n_run, rows.first), skip = rows.first - w->first[r],
                 rest = w->run[r].n - skip;

    return (ib_range){w->run[r].first + skip, rest < rows.n ? rest : rows.n};
}

static ib_rows rows_from(const ib_rows *into, size_t row, size_t n_corr)
{
    return (ib_rows){.uvw = into->uvw ? into->uvw + row : NULL,
                     .antenna = into->antenna ? into->antenna + row : NULL,
                     .field = into->field ? into->field + row : NULL,
                     .weight = into->weight ? into->weight + row * n_corr : NULL,
                     .time = into->time ? into->time + row : NULL};
}

static ib_samples samples_from(const ib_samples *into, size_t sample)
{
    return (ib_samples){.vis = into->vis ? into->vis + sample : NULL,
                        .weight = into->weight ? into->weight + sample : NULL,
                        .flag = into->flag ? into->flag + sample : NULL};
}

static ib_status period_rows(void *self, size_t s, ib_range rows, const ib_rows *into, ib_error *err)
{
    const layer  *l = self;
    const window *w = &l->window[s];

    for (size_t done = 0; done < rows.n;) {
        const ib_range part = part_of(w, (ib_range){rows.first + done, rows.n - done});
        const ib_rows  there = rows_from(into, done, l->in.spw[w->in].n_corr);
        if (l->source->rows(l->self, w->in, part, &there, err))
            return err->status;
        done += part.n;
    }
    return IB_OK;
}

/* Through the tile: n samples of each channel, `stride` apart in the caller's buffers. */
static void put_tile(const layer *l, const ib_samples *into, size_t n_chan, size_t n, size_t stride)
{
    for (size_t c = 0; c < n_chan; c++) {
        const ib_samples to = samples_from(into, c * stride), from = samples_from(&l->tile, c * n);
        if (to.vis)
            memcpy(to.vis, from.vis, n * sizeof *to.vis);
        if (to.weight)
            memcpy(to.weight, from.weight, n * sizeof *to.weight);
        if (to.flag)
            memcpy(to.flag, from.flag, n);
    }
}

/* Channels of rows that are together in the source, but not in the caller's buffers. */
static ib_status read_part(const layer *l, const window *w, ib_range chans, ib_range part, size_t stride,
                           const ib_samples *into, ib_error *err)
{
    const size_t n_corr = l->in.spw[w->in].n_corr, most = TILE / n_corr;
    const size_t wide = l->source->concurrent ? 1 : chans.n < most ? chans.n : most;
    const size_t tall = l->source->concurrent ? part.n : most / wide;

    for (size_t row = 0; row < part.n; row += tall)
        for (size_t c = 0; c < chans.n; c += wide) {
            const ib_range   some = {part.first + row, part.n - row < tall ? part.n - row : tall};
            const ib_range   band = {chans.first + c, chans.n - c < wide ? chans.n - c : wide};
            const ib_samples there = samples_from(into, c * stride + row * n_corr);
            const ib_samples tile = {.vis = into->vis ? l->tile.vis : NULL,
                                     .weight = into->weight ? l->tile.weight : NULL,
                                     .flag = into->flag ? l->tile.flag : NULL};
            if (l->source->read(l->self, w->in, band, some, l->source->concurrent ? &there : &tile, err))
                return err->status;
            if (!l->source->concurrent)
                put_tile(l, &there, band.n, some.n * n_corr, stride);
        }
    return IB_OK;
}

static ib_status period_read(void *self, size_t s, ib_range chans, ib_range rows, const ib_samples *into,
                             ib_error *err)
{
    const layer  *l = self;
    const window *w = &l->window[s];
    const size_t  n_corr = l->in.spw[w->in].n_corr;
    ib_range      part = part_of(w, rows);

    if (part.n == rows.n)
        return l->source->read(l->self, w->in, chans, part, into, err);
    for (size_t done = 0; done < rows.n; done += part.n) {
        const ib_samples there = samples_from(into, done * n_corr);
        part = part_of(w, (ib_range){rows.first + done, rows.n - done});
        if (read_part(l, w, chans, part, rows.n * n_corr, &there, err))
            return err->status;
    }
    return IB_OK;
}

static void period_close(void *self)
{
    layer *l = self;

    if (l->self)
        l->source->close(l->self);
    for (size_t i = 0; i < l->n_window; i++) {
        ib_free(l->window[i].run);
        ib_free(l->window[i].first);
    }
    ib_free(l->window);
    ib_free(l->tile.vis);
    ib_free(l->tile.weight);
    ib_free(l->tile.flag);
    ib_vis_info windows = {.n_spw = l->in.n_spw, .spw = l->in.spw};
    ib_vis_info_clear(&windows);
    ib_free(l);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

typedef struct opening {
    layer       *l;
    ib_vis_info *info;
    double      *time;  /* [SCAN_ROWS] */
    int32_t     *field; /* likewise */
    bool        *seen;  /* [n_field] */
    period       list[MAX_PERIODS];
    size_t       n;
    double       first, last; /* of all rows; then of those that are selected */
} opening;

static bool is_selected(const opening *o, double time)
{
    size_t i = 0;

    while (i < o->n && !(time >= o->list[i].from && time <= o->list[i].to))
        i++;
    return i < o->n;
}

static ib_status add_run(window *w, size_t row, size_t before, ib_error *err)
{
    if (w->n_run == w->room) {
        const size_t room = w->room ? 2 * w->room : 16;
        ib_range    *run = ib_alloc(room, sizeof *run, "runs of rows", err);
        size_t      *first = run ? ib_alloc(room, sizeof *first, "runs of rows", err) : NULL;
        if (!first) {
            ib_free(run);
            return err->status;
        }
        if (w->n_run) {
            memcpy(run, w->run, w->n_run * sizeof *run);
            memcpy(first, w->first, w->n_run * sizeof *first);
        }
        ib_free(w->run);
        ib_free(w->first);
        w->run = run;
        w->first = first;
        w->room = room;
    }
    w->run[w->n_run] = (ib_range){row, 0};
    w->first[w->n_run++] = before;
    return IB_OK;
}

/* Selected rows of a window that the source has; with no window, just the first and last time. @return their number in *n */
static ib_status scan(opening *o, size_t in, window *w, size_t *n, ib_error *err)
{
    const layer *l = o->l;
    bool         before = false;

    for (size_t row = 0; row < l->in.spw[in].n_row; row += SCAN_ROWS) {
        const size_t   rest = l->in.spw[in].n_row - row;
        const ib_range rows = {row, rest < SCAN_ROWS ? rest : SCAN_ROWS};
        const ib_rows  into = {.time = o->time, .field = w ? o->field : NULL};
        if (l->source->rows(l->self, in, rows, &into, err))
            return err->status;
        for (size_t i = 0; i < rows.n; i++) {
            const bool on = w ? is_selected(o, o->time[i]) : isfinite(o->time[i]);
            if (on && w) {
                if (!before && add_run(w, row + i, *n, err))
                    return err->status;
                w->run[w->n_run - 1].n++;
                o->seen[o->field[i]] = true;
            }
            if (on) {
                o->first = fmin(o->first, o->time[i]);
                o->last = fmax(o->last, o->time[i]);
                ++*n;
            }
            before = on;
        }
    }
    return IB_OK;
}

/* A window of the output: as the source's, but for its rows. */
static ib_status add_window(opening *o, const window *w, size_t n_row, ib_error *err)
{
    const ib_spw *in = &o->l->in.spw[w->in];
    ib_spw       *out = &o->info->spw[o->info->n_spw++];

    *out = *in;
    out->n_row = n_row;
    out->chan = ib_alloc(in->n_chan, sizeof *out->chan, "channels", err);
    out->freq = ib_alloc(in->n_chan, sizeof *out->freq, "channels", err);
    out->width = ib_alloc(in->n_chan, sizeof *out->width, "channels", err);
    if (!out->chan || !out->freq || !out->width)
        return err->status;
    memcpy(out->chan, in->chan, in->n_chan * sizeof *out->chan);
    memcpy(out->freq, in->freq, in->n_chan * sizeof *out->freq);
    memcpy(out->width, in->width, in->n_chan * sizeof *out->width);
    return IB_OK;
}

static ib_status make_windows(opening *o, ib_error *err)
{
    layer *l = o->l;
    size_t bytes = 0, most = 0;

    for (size_t s = 0; s < l->in.n_spw; s++) {
        window *w = &l->window[l->n_window++];
        size_t  n = 0;

        w->in = s;
        if (scan(o, s, w, &n, err) || (n && add_window(o, w, n, err)))
            return err->status;
        bytes += w->room * (sizeof *w->run + sizeof *w->first);
        most = w->n_run > most ? w->n_run : most;
        l->n_window -= !n;
    }
    if (most > 1 && !l->source->concurrent) {
        l->tile.vis = ib_alloc(TILE, sizeof *l->tile.vis, "samples of periods", err);
        l->tile.weight = ib_alloc(TILE, sizeof *l->tile.weight, "samples of periods", err);
        l->tile.flag = ib_alloc(TILE, sizeof *l->tile.flag, "samples of periods", err);
        if (!l->tile.vis || !l->tile.weight || !l->tile.flag)
            return err->status;
        bytes += TILE * (sizeof *l->tile.vis + sizeof *l->tile.weight + sizeof *l->tile.flag);
    }
    o->info->held_bytes += (int64_t)bytes;
    return IB_OK;
}

static ib_status describe(opening *o, const char *path, const ib_config *cfg, ib_error *err)
{
    layer       *l = o->l;
    ib_vis_info *info = o->info;
    size_t       n = 0;
    char         from[40], to[40];

    if (!info->has_time)
        return ib_fail(err, IB_EDATA, "--times: the rows of %.200s do not tell their time", path);
    o->time = ib_alloc_zero(SCAN_ROWS, sizeof *o->time, "times of rows", err);
    o->field = ib_alloc_zero(SCAN_ROWS, sizeof *o->field, "fields of rows", err);
    o->seen = ib_alloc_zero(info->n_field + 1, sizeof *o->seen, "fields", err);
    l->window = ib_alloc_zero(l->in.n_spw + 1, sizeof *l->window, "windows", err);
    info->spw = ib_alloc_zero(l->in.n_spw + 1, sizeof *info->spw, "windows", err);
    if (!o->time || !o->field || !o->seen || !l->window || !info->spw)
        return err->status;
    for (size_t s = 0; s < l->in.n_spw; s++)
        if (scan(o, s, NULL, &n, err))
            return err->status;
    if (!n)
        return ib_fail(err, IB_EDATA, "--times: no row of %.200s tells its time", path);
    if (read_periods(cfg->times, o->first, o->list, &o->n, err))
        return err->status;
    write_time(o->first, from, sizeof from);
    write_time(o->last, to, sizeof to);
    o->first = INFINITY;
    o->last = -INFINITY;
    if (make_windows(o, err))
        return err->status;
    if (!info->n_spw)
        return ib_fail(err, IB_EUSAGE, "--times: %.200s has no row then; what is selected of it is from %s to %s",
                       path, from, to);
    for (size_t f = 0; f < info->n_field; f++)
        info->field[f].selected = info->field[f].selected && o->seen[f];
    info->time_first = o->first;
    info->time_last = o->last;
    return IB_OK;
}

static const ib_source_ops period_ops = {
    .name = "period",
    .help = "rows of another source",
    .rows = period_rows,
    .read = period_read,
    .close = period_close,
};

ib_status ib_period_open(const ib_source_ops **ops, void **self, const ib_source_ops *source, const char *path,
                         const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    *ops = source;
    if (!cfg->times || !*cfg->times)
        return source->open(self, path, cfg, info, err);

    layer   *l = ib_alloc_zero(1, sizeof *l, "periods", err);
    opening *o = l ? ib_alloc_zero(1, sizeof *o, "periods", err) : NULL;
    if (!o) {
        ib_free(l);
        return err->status;
    }
    l->source = source;
    ib_status rc = source->open(&l->self, path, cfg, &l->in, err);
    if (rc) {
        ib_vis_info_clear(&l->in);
        ib_free(l);
        ib_free(o);
        return rc;
    }
    *info = l->in; /* theirs from here on */
    info->n_spw = 0;
    info->spw = NULL;
    *o = (opening){.l = l, .info = info, .first = INFINITY, .last = -INFINITY};
    rc = describe(o, path, cfg, err);
    ib_free(o->time);
    ib_free(o->field);
    ib_free(o->seen);
    ib_free(o);
    if (rc) {
        period_close(l);
        return rc;
    }
    *ops = &period_ops;
    *self = l;
    return IB_OK;
}
