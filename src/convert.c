/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversion in pieces: rows of the output, with all their channels, that one rank makes at a time. Inputs are cut by rows, the
   output by channels: every row is read once, by one rank, and each of its channels is written where it belongs. */
#include "convert.h"
#include "base/comm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/text.h"
#include "base/trace.h"
#include "io/file.h"
#include "io/io.h"
#include "io/journal.h"
#include "model/average.h"
#include "resume.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SLACK = 16 << 20,      /* bytes that libraries take while they work */
    LEAST_PIECE = 1 << 12, /* bytes */
    PIECES = 8,            /* of a rank, at least, where there is enough to do */
    MOST_BLOCK = 4096,     /* rows of the input read at once for averages */
    SCAN_ROWS = 1 << 14,   /* looked at together while planning */
    MAX_NOTES = IB_MAX_OPTIONS + 8,
    NOTE = 256
};

/* Rows of the output that are made at once, and the rows of the input that they are among: of those, numbered in the order in
   which they appear, the rows of averages from `skip` on. */
typedef struct piece {
    size_t   spw, skip;
    ib_range in, out;
} piece;

/* What a record says about a finished piece. */
typedef struct kept {
    uint64_t digest;
    ib_fates fates;
} kept;

/* Intervals of a window whose rows are among each other: no row outside of them belongs to one of them. */
typedef struct stretch {
    ib_range rows;
    size_t   n_out;
} stretch;

typedef struct conversion {
    const ib_config *cfg;
    MPI_Comm         comm;
    int              rank, n_rank;
    bool (*stop)(void);

    ib_source  *source;
    ib_vis_info in, out;
    bool        averages;
    size_t      step;    /* channels of a group */
    size_t     *n_start; /* [n_spw] intervals, 0: times are not averaged */
    double    **start;   /* [n_spw][n_start] */
    uint64_t    base;    /* bytes that are there before work begins */
    uint64_t    budget;  /* bytes for pieces and blocks, */
    uint64_t    tables;  /* and for what tells which rows are averaged together */
    uint64_t    n_piece, piece_bytes;
    piece      *pieces;
    size_t      room;

    ib_layout      layout;
    bool           created;
    ib_vis_writer *writer;
    ib_resume      resume;
    ib_units       units;
    char           note_text[MAX_NOTES][NOTE];
    ib_note        note[MAX_NOTES];
    size_t         n_note;

    /* of this rank, for the window that is at hand */
    size_t      spw, n_row, n_block; /* room for rows of the output, of a block of the input */
    ib_rows     rows, block_rows;
    ib_samples  samples, block;
    ib_average *average;
    ib_row_map *map;
    size_t     *to; /* [n_block] */

    ib_notice notice;
    ib_fates  fates;
} conversion;

/* ---- memory -------------------------------------------------------------------------------------------------- */

static size_t geometry_bytes(const ib_spw *spw)
{
    return sizeof(double[3]) + sizeof(int32_t[2]) + sizeof(int32_t) + sizeof(double) +
           (spw->weight_per_channel ? 0 : spw->n_corr * sizeof(float));
}

/* Of a row with all its channels. */
static size_t row_bytes(const ib_spw *spw)
{
    return geometry_bytes(spw) +
           spw->n_chan * spw->n_corr * (sizeof(float[2]) + 1 + (spw->weight_per_channel ? sizeof(float) : 0));
}

/* Of a row of the output while it is made, and of a row of the input that it is made of. */
static size_t made_bytes(const conversion *v, size_t s)
{
    return row_bytes(&v->out.spw[s]) + (v->averages ? ib_average_row_bytes(&v->in.spw[s], v->step) : 0);
}

static size_t block_bytes(const conversion *v, size_t s)
{
    return v->averages ? row_bytes(&v->in.spw[s]) + ib_average_block_bytes() + sizeof(size_t) : 0;
}

static size_t at_least_one(uint64_t bytes, size_t each, size_t most)
{
    const uint64_t n = bytes / each;

    return n < 1 ? 1 : n > most ? most : (size_t)n;
}

/* Rows of a piece, and of a block: of averages each has half. */
static size_t rows_of_piece(const conversion *v, size_t s)
{
    return at_least_one(v->piece_bytes / (v->averages ? 2 : 1), made_bytes(v, s), SIZE_MAX / 2);
}

static size_t rows_of_block(const conversion *v, size_t s)
{
    const size_t n = v->in.spw[s].n_row;

    return v->averages ? at_least_one(v->budget / 2, block_bytes(v, s), n < MOST_BLOCK ? n : MOST_BLOCK) : 0;
}

static ib_status too_little(const conversion *v, uint64_t bytes, ib_error *err)
{
    return ib_fail(err, IB_ENOMEM, "--memory: %.4g MiB per rank are too few; %.0f MiB would do%s",
                   (double)v->cfg->memory / 1048576, ceil((double)(v->base + bytes) / 1048576) + 2,
                   v->resume.resumed ? ", or --overwrite to begin anew in smaller pieces" : "");
}

/* What is left of --memory for pieces, and how large they are: as the run began, or so that every rank has some. */
static ib_status choose_piece(conversion *v, ib_error *err)
{
    uint64_t least = LEAST_PIECE, all = 0;

    for (size_t s = 0; s < v->in.n_spw; s++) {
        const uint64_t made = made_bytes(v, s), read = block_bytes(v, s);
        const uint64_t need = v->averages ? 2 * (made > read ? made : read) : made;

        least = need > least ? need : least;
        all += (uint64_t)v->in.spw[s].n_row * (made > read ? made : read);
    }
    const uint64_t left = (uint64_t)v->cfg->memory > v->base ? (uint64_t)v->cfg->memory - v->base : 0;
    v->tables = v->cfg->average_time > 0 ? left / 4 : 0;
    v->budget = left - v->tables;
    if (v->budget < least)
        return too_little(v, v->tables ? least + least / 3 : least, err);
    if (v->resume.resumed) {
        for (size_t i = 0; i < v->resume.ledger.n_note; i++)
            if (!strcmp(v->resume.ledger.note[i].name, "bytes of a piece"))
                v->piece_bytes = strtoull(v->resume.ledger.note[i].value, NULL, 10);
        return v->piece_bytes > v->budget
                   ? too_little(v, v->tables ? v->piece_bytes + v->piece_bytes / 3 : v->piece_bytes, err)
                   : IB_OK;
    }
    v->piece_bytes = all / ((uint64_t)v->n_rank * PIECES) + 1;
    v->piece_bytes = v->piece_bytes < least ? least : v->piece_bytes > v->budget ? v->budget : v->piece_bytes;
    return IB_OK;
}

/* ---- plan: rank 0 -------------------------------------------------------------------------------------------- */

static ib_status add_piece(conversion *v, piece p, ib_error *err)
{
    if (v->n_piece == v->room) {
        const size_t room = v->room ? 2 * v->room : 64;
        piece       *more = ib_alloc(room, sizeof *more, "pieces", err);

        if (!more)
            return err->status;
        if (v->n_piece)
            memcpy(more, v->pieces, v->n_piece * sizeof *more);
        ib_free(v->pieces);
        v->pieces = more;
        v->room = room;
    }
    v->pieces[v->n_piece++] = p;
    return IB_OK;
}

/* Every row of the input is one of the output. */
static ib_status cut_rows(conversion *v, size_t s, ib_error *err)
{
    const size_t n_row = v->in.spw[s].n_row, most = rows_of_piece(v, s);

    for (size_t row = 0; row < n_row; row += most) {
        const ib_range rows = {row, n_row - row < most ? n_row - row : most};
        if (add_piece(v, (piece){s, 0, rows, rows}, err))
            return err->status;
    }
    return IB_OK;
}

/* Something to do with each block of rows' times (and fields and antennas, where rows has room for them). */
static ib_status scan(conversion *v, size_t s, ib_range rows, const ib_rows *into,
                      ib_status (*look)(conversion *v, size_t s, ib_range rows, const ib_rows *is, void *self,
                                        ib_error *err),
                      void *self, ib_error *err)
{
    for (size_t done = 0; done < rows.n; done += SCAN_ROWS) {
        const ib_range some = {rows.first + done, rows.n - done < SCAN_ROWS ? rows.n - done : SCAN_ROWS};

        if (v->stop && v->stop())
            return ib_fail(err, IB_EINTERRUPTED, "stopped by a signal");
        if (ib_source_rows(v->source, s, some, into, err) || look(v, s, some, into, self, err))
            return err->status;
    }
    return IB_OK;
}

typedef struct time_list {
    double *time;
    size_t  n, room;
} time_list;

/* Each time once, in order. */
static ib_status note_times(conversion *v, size_t s, ib_range rows, const ib_rows *is, void *self, ib_error *err)
{
    time_list *list = self;

    for (size_t i = 0; i < rows.n; i++) {
        if (!isfinite(is->time[i]))
            return ib_fail(err, IB_EDATA, "--average-time: row %zu of window %d has no time", rows.first + i,
                           v->in.spw[s].id);
        if (list->n && list->time[list->n - 1] == is->time[i])
            continue;
        if (list->n == list->room) {
            list->n = list->n ? ib_times_sort(list->time, list->n) : 0;
            if (2 * list->n >= list->room) {
                const size_t room = list->room ? 2 * list->room : 1 << 12;
                double      *more = NULL;
                if (10 * room * sizeof *more > v->tables) /* spans and stretches, too */
                    return too_little(v, 40 * room * sizeof *more, err);
                more = ib_alloc(room, sizeof *more, "times", err);
                if (!more)
                    return err->status;
                if (list->n)
                    memcpy(more, list->time, list->n * sizeof *more);
                ib_free(list->time);
                list->time = more;
                list->room = room;
            }
        }
        list->time[list->n++] = is->time[i];
    }
    return IB_OK;
}

static ib_status find_intervals(conversion *v, size_t s, const ib_rows *into, ib_error *err)
{
    time_list       list = {0};
    const ib_rows   only = {.time = into->time};
    const ib_status rc = scan(v, s, (ib_range){0, v->in.spw[s].n_row}, &only, note_times, &list, err);

    v->start[s] = list.time;
    if (!rc)
        v->n_start[s] = ib_times_cut(list.time, ib_times_sort(list.time, list.n), v->cfg->average_time);
    return rc;
}

/* First and last row of each interval. */
static ib_status note_spans(conversion *v, size_t s, ib_range rows, const ib_rows *is, void *self, ib_error *err)
{
    ib_range *span = self;

    (void)err;
    for (size_t i = 0; i < rows.n; i++) {
        ib_range *own = &span[ib_times_find(v->start[s], v->n_start[s], is->time[i])];
        if (!own->n)
            own->first = rows.first + i;
        own->n = rows.first + i - own->first + 1;
    }
    return IB_OK;
}

static int by_first(const void *a, const void *b)
{
    const ib_range *x = a, *y = b;

    return (x->first > y->first) - (x->first < y->first);
}

/* Intervals that share rows' places become one stretch. @return how many there are */
static size_t join_spans(ib_range *span, size_t n)
{
    size_t joined = 0;

    qsort(span, n, sizeof *span, by_first);
    for (size_t i = 0; i < n; i++) {
        ib_range *last = joined ? &span[joined - 1] : NULL;
        if (last && span[i].first < last->first + last->n) {
            const size_t end = span[i].first + span[i].n;
            last->n = end > last->first + last->n ? end - last->first : last->n;
        } else
            span[joined++] = span[i];
    }
    return joined;
}

static ib_row_key key_of(const conversion *v, size_t s, const ib_rows *rows, size_t i)
{
    return (ib_row_key){rows->field[i],
                        {rows->antenna[i][0], rows->antenna[i][1]},
                        (uint32_t)ib_times_find(v->start[s], v->n_start[s], rows->time[i])};
}

static ib_status note_keys(conversion *v, size_t s, ib_range rows, const ib_rows *is, void *self, ib_error *err)
{
    size_t number;

    (void)self;
    for (size_t i = 0; i < rows.n; i++) {
        const ib_row_key key = key_of(v, s, is, i);
        if (ib_row_map_put(v->map, &key, &number, err))
            return err->status;
    }
    if (ib_row_map_bytes(ib_row_map_count(v->map)) > v->tables) {
        too_little(v, 4 * ib_row_map_bytes(2 * ib_row_map_count(v->map)), err);
        return ib_within(err, "the rows of window %d are not in the order of time: ", v->in.spw[s].id);
    }
    return IB_OK;
}

/* Stretches are put together while a piece has room for them, and cut where one has not. */
static ib_status cut_stretches(conversion *v, size_t s, const stretch *stretches, size_t n, ib_error *err)
{
    const size_t most = rows_of_piece(v, s);
    piece        open = {.spw = s};
    size_t       at = 0;

    for (size_t i = 0; i < n; i++) {
        const stretch *t = &stretches[i];

        if (open.out.n && open.out.n + t->n_out > most) {
            if (add_piece(v, open, err))
                return err->status;
            open.out.n = 0;
        }
        if (!open.out.n)
            open = (piece){s, 0, {t->rows.first, 0}, {at, 0}};
        open.in.n = t->rows.first + t->rows.n - open.in.first;
        open.out.n += t->n_out;
        at += t->n_out;
        while (open.out.n > most) {
            piece full = open;
            full.out.n = most;
            if (add_piece(v, full, err))
                return err->status;
            open.skip += most;
            open.out.first += most;
            open.out.n -= most;
        }
    }
    return open.out.n ? add_piece(v, open, err) : IB_OK;
}

static ib_status cut_intervals(conversion *v, size_t s, const ib_rows *into, ib_error *err)
{
    ib_range *span = NULL;
    stretch  *stretches = NULL;
    size_t    n = 0;
    ib_status rc = find_intervals(v, s, into, err);

    if (rc)
        return rc;
    span = ib_alloc_zero(v->n_start[s], sizeof *span, "intervals", err);
    rc = span ? scan(v, s, (ib_range){0, v->in.spw[s].n_row}, &(ib_rows){.time = into->time}, note_spans, span, err)
              : err->status;
    if (!rc) {
        n = join_spans(span, v->n_start[s]);
        stretches = ib_alloc_zero(n, sizeof *stretches, "intervals", err);
        rc = stretches ? IB_OK : err->status;
    }
    v->out.spw[s].n_row = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        stretches[i].rows = span[i];
        ib_row_map_reset(v->map);
        rc = scan(v, s, span[i], into, note_keys, NULL, err);
        stretches[i].n_out = ib_row_map_count(v->map);
        v->out.spw[s].n_row += stretches[i].n_out;
    }
    if (!rc)
        rc = cut_stretches(v, s, stretches, n, err);
    ib_free(span);
    ib_free(stretches);
    return rc;
}

static ib_status cut_pieces(conversion *v, ib_error *err)
{
    if (v->cfg->average_time <= 0) {
        for (size_t s = 0; s < v->in.n_spw; s++)
            if (cut_rows(v, s, err))
                return err->status;
        return IB_OK;
    }
    ib_rows   into = {.antenna = ib_alloc(SCAN_ROWS, sizeof *into.antenna, "rows", err),
                      .field = ib_alloc(SCAN_ROWS, sizeof *into.field, "rows", err),
                      .time = ib_alloc(SCAN_ROWS, sizeof *into.time, "rows", err)};
    ib_status rc = into.antenna && into.field && into.time ? ib_row_map_create(&v->map, err) : err->status;

    for (size_t s = 0; !rc && s < v->in.n_spw; s++)
        rc = cut_intervals(v, s, &into, err);
    ib_row_map_destroy(v->map);
    v->map = NULL;
    ib_free(into.antenna);
    ib_free(into.field);
    ib_free(into.time);
    return rc;
}

/* Rank 0's pieces, and what belongs to them, to everyone. Collective. */
static ib_status share_pieces(conversion *v, ib_error *err)
{
    uint64_t head[3] = {v->n_piece, v->piece_bytes, v->budget};

    MPI_Bcast(head, 3, MPI_UINT64_T, 0, v->comm);
    v->n_piece = head[0];
    v->piece_bytes = head[1];
    v->budget = head[2];
    if (v->rank)
        v->pieces = ib_alloc(v->n_piece, sizeof *v->pieces, "pieces", err);
    ib_status rc = ib_agree(v->comm, v->pieces ? IB_OK : err->status, err);
    if (rc)
        return rc;
    ib_broadcast(v->pieces, v->n_piece * sizeof *v->pieces, 0, v->comm);
    for (size_t s = 0; s < v->in.n_spw; s++) {
        uint64_t n[2] = {v->out.spw[s].n_row, v->n_start[s]};

        MPI_Bcast(n, 2, MPI_UINT64_T, 0, v->comm);
        v->out.spw[s].n_row = n[0];
        v->n_start[s] = n[1];
        if (v->rank && n[1])
            v->start[s] = ib_alloc(n[1], sizeof **v->start, "intervals", err);
        if ((rc = ib_agree(v->comm, !n[1] || v->start[s] ? IB_OK : err->status, err)))
            return rc;
        ib_broadcast(v->start[s], n[1] * sizeof **v->start, 0, v->comm);
    }
    return IB_OK;
}

/* ---- input and output ---------------------------------------------------------------------------------------- */

static void *copy_of(const void *from, size_t n, size_t size, ib_error *err)
{
    void *to = ib_alloc(n ? n : 1, size, "description of the output", err);

    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

/* The output is as the input is, but for its channels (and later its rows). */
static ib_status describe_output(conversion *v, ib_error *err)
{
    const ib_vis_info *in = &v->in;
    ib_vis_info       *out = &v->out;

    *out = *in;
    out->n_spw = 0;
    out->spw = NULL;
    out->field = copy_of(in->field, in->n_field, sizeof *in->field, err);
    out->dish = out->field ? copy_of(in->dish, in->n_antenna, sizeof *in->dish, err) : NULL;
    out->spw = out->dish ? ib_alloc_zero(in->n_spw, sizeof *in->spw, "description of the output", err) : NULL;
    v->n_start = out->spw ? ib_alloc_zero(in->n_spw, sizeof *v->n_start, "intervals", err) : NULL;
    v->start = v->n_start ? ib_alloc_zero(in->n_spw, sizeof *v->start, "intervals", err) : NULL;
    if (!v->start)
        return err->status;
    for (; out->n_spw < in->n_spw; out->n_spw++) {
        ib_spw *spw = &out->spw[out->n_spw];

        *spw = in->spw[out->n_spw];
        spw->freq = spw->width = NULL;
        spw->chan = copy_of(in->spw[out->n_spw].chan, spw->n_chan, sizeof *spw->chan, err);
        spw->freq = spw->chan ? copy_of(in->spw[out->n_spw].freq, spw->n_chan, sizeof *spw->freq, err) : NULL;
        spw->width = spw->freq ? copy_of(in->spw[out->n_spw].width, spw->n_chan, sizeof *spw->width, err) : NULL;
        if (!spw->width) {
            out->n_spw++;
            return err->status;
        }
        if (v->averages)
            ib_average_channels(spw, v->step);
    }
    return IB_OK;
}

static ib_status open_input(conversion *v, ib_error *err)
{
    const ib_config *cfg = v->cfg;
    ib_status        rc = ib_source_open(&v->source, cfg, &v->in, err);

    v->averages = cfg->average_channels > 1 || cfg->average_time > 0;
    v->step = (size_t)cfg->average_channels;
    if (!rc && cfg->average_time > 0 && !v->in.has_time)
        rc = ib_fail(err, IB_EDATA, "--average-time: the rows of %.200s do not tell their time", cfg->input);
    if (!rc)
        rc = describe_output(v, err);
    if ((rc = ib_agree(v->comm, rc, err)))
        return rc;
    if (!v->rank && v->in.column[0])
        ib_say("reads column %s", v->in.column);

    uint64_t base = ib_mem_resident() + (uint64_t)v->in.held_bytes + SLACK;
    MPI_Allreduce(&base, &v->base, 1, MPI_UINT64_T, MPI_MAX, v->comm);
    return IB_OK;
}

static void add_note(conversion *v, const char *name, const char *text)
{
    if (v->n_note == MAX_NOTES)
        return;
    snprintf(v->note_text[v->n_note], NOTE, "%s", text);
    v->note[v->n_note] = (ib_note){name, v->note_text[v->n_note]};
    v->n_note++;
}

/* Everything that finished pieces depend on, to know a conversion again. */
static void identify(conversion *v)
{
    char text[NOTE];

    if (!strncmp(v->cfg->input, "sim:", 4)) /* a file may have moved */
        add_note(v, "input", v->cfg->input);
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if ((!strcmp(o->group, "input") || !strcmp(o->group, "convert")) &&
            ib_option_render(v->cfg, i, text, sizeof text))
            add_note(v, o->key, text);
    }
    add_note(v, "column-used", v->in.column);
    snprintf(text, sizeof text, "%llu", (unsigned long long)v->piece_bytes);
    add_note(v, "bytes of a piece", text);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)ib_resume_stamp(v->cfg->input, v->n_piece));
    add_note(v, "contents of the input", text);
    add_note(v, "version", IB_VERSION);
}

/* The same file, whatever it is called. */
static bool is_input(const ib_config *cfg)
{
    struct stat input, output;

    return !stat(cfg->input, &input) && !stat(cfg->output, &output) && input.st_dev == output.st_dev &&
           input.st_ino == output.st_ino;
}

static ib_status plan(conversion *v, ib_error *err)
{
    const char *const path[] = {v->cfg->output};
    ib_status         rc = IB_OK;

    if (!v->rank && is_input(v->cfg))
        rc = ib_fail(err, IB_EUSAGE, "output %.200s is the input; give another name", v->cfg->output);
    if (!v->rank && !rc)
        rc = ib_resume_claim(&v->resume, v->cfg, IB_CUBE, path, 1, v->cfg->overwrite, err);
    if (!v->rank && !rc)
        rc = choose_piece(v, err);
    if (!v->rank && !rc)
        rc = cut_pieces(v, err);
    if ((rc = ib_agree(v->comm, rc, err)))
        return rc;
    return share_pieces(v, err);
}

/* The file as it is before any piece: made, or, for a conversion that goes on, put back. Rank 0. */
static ib_status lay_out(conversion *v, ib_error *err)
{
    ib_layout *const layout = &v->layout;
    ib_ledger ledger = {.note = v->note, .wisdom = "", .fft_plan = "", .n_unit = v->n_piece, .payload = sizeof(kept)};
    ib_status rc = IB_OK;

    identify(v);
    ledger.n_note = v->n_note;
    snprintf(layout->path, sizeof layout->path, "%s", v->cfg->output);
    if (v->resume.resumed) {
        rc = ib_resume_compare(&v->resume, v->note, v->n_note, err);
    } else {
        rc = ib_vis_create(v->cfg->output, &v->out, layout, err);
        v->created = !rc;
    }
    return rc ? rc : ib_resume_begin(&v->resume, &ledger, &layout, 1, err);
}

static bool is_intact(void *self, size_t unit, const void *record)
{
    const conversion *v = self;
    const piece      *p = &v->pieces[unit];
    kept              was;
    uint64_t          digest;
    ib_error          ignored;

    memcpy(&was, record, sizeof was);
    return !ib_vis_digest(v->writer, p->spw, p->out, &digest, &ignored) && digest == was.digest;
}

static ib_status sync_output(void *self, ib_error *err)
{
    return ib_vis_sync(((conversion *)self)->writer, err);
}

static ib_status open_output(conversion *v, ib_error *err)
{
    const size_t from = (size_t)(v->n_piece * (uint64_t)v->rank / (uint64_t)v->n_rank),
                 to = (size_t)(v->n_piece * (uint64_t)(v->rank + 1) / (uint64_t)v->n_rank);
    ib_status rc = ib_agree(v->comm, v->rank ? IB_OK : lay_out(v, err), err);

    if (rc)
        return rc;
    ib_broadcast(&v->layout, sizeof v->layout, 0, v->comm);
    if ((rc = ib_agree(v->comm, ib_vis_attach(&v->writer, &v->layout, &v->out, err), err)))
        return rc;
    v->units = (ib_units){"pieces", (size_t)v->n_piece, sizeof(kept), is_intact, v};
    rc = ib_resume_deal(&v->resume, v->comm, &v->units, (ib_range){from, to - from}, err);
    return rc ? rc : ib_resume_open(&v->resume, v->comm, sync_output, v, err);
}

/* ---- work ---------------------------------------------------------------------------------------------------- */

static void free_buffers(conversion *v)
{
    void *const all[] = {v->rows.uvw,
                         v->rows.antenna,
                         v->rows.field,
                         v->rows.time,
                         v->rows.weight,
                         v->samples.vis,
                         v->samples.flag,
                         v->samples.weight,
                         v->block_rows.uvw,
                         v->block_rows.antenna,
                         v->block_rows.field,
                         v->block_rows.time,
                         v->block_rows.weight,
                         v->block.vis,
                         v->block.flag,
                         v->block.weight,
                         v->to};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ib_free(all[i]);
    ib_average_destroy(v->average);
    ib_row_map_destroy(v->map);
    v->rows = v->block_rows = (ib_rows){0};
    v->samples = v->block = (ib_samples){0};
    v->to = NULL;
    v->average = NULL;
    v->map = NULL;
    v->n_row = v->n_block = 0;
}

static ib_status make_rows(ib_rows *rows, ib_samples *samples, const ib_spw *spw, bool has_time, size_t n,
                           ib_error *err)
{
    const size_t n_sample = spw->n_chan * spw->n_corr;

    rows->uvw = ib_alloc(n, sizeof *rows->uvw, "rows", err);
    rows->antenna = ib_alloc(n, sizeof *rows->antenna, "rows", err);
    rows->field = ib_alloc(n, sizeof *rows->field, "rows", err);
    rows->time = has_time ? ib_alloc(n, sizeof *rows->time, "rows", err) : NULL;
    rows->weight = spw->weight_per_channel ? NULL : ib_alloc(n, spw->n_corr * sizeof *rows->weight, "rows", err);
    samples->vis = ib_alloc(n, n_sample * sizeof *samples->vis, "visibilities", err);
    samples->flag = ib_alloc(n, n_sample, "flags", err);
    samples->weight = spw->weight_per_channel ? ib_alloc(n, n_sample * sizeof(float), "weights", err) : NULL;
    const bool ok = rows->uvw && rows->antenna && rows->field && (rows->time || !has_time) &&
                    (rows->weight || samples->weight) && samples->vis && samples->flag;
    return ok ? IB_OK : err->status;
}

/* Room for the largest piece of a window. */
static ib_status make_buffers(conversion *v, size_t s, ib_error *err)
{
    size_t n = 0;

    free_buffers(v);
    for (uint64_t i = 0; i < v->n_piece; i++)
        if (v->pieces[i].spw == s && v->pieces[i].out.n > n)
            n = v->pieces[i].out.n;
    v->spw = s;
    v->n_row = n;
    v->n_block = rows_of_block(v, s);
    if (make_rows(&v->rows, &v->samples, &v->out.spw[s], v->in.has_time, n, err))
        return err->status;
    if (!v->averages)
        return IB_OK;
    v->to = ib_alloc(v->n_block, sizeof *v->to, "rows", err);
    if (!v->to || make_rows(&v->block_rows, &v->block, &v->in.spw[s], v->in.has_time, v->n_block, err) ||
        (v->n_start[s] && ib_row_map_create(&v->map, err)))
        return err->status;
    return ib_average_create(&v->average, &v->in.spw[s], v->step, n, v->n_block, err);
}

/* Where the rows of the block belong to in the piece; SIZE_MAX: to another one. */
static ib_status assign(conversion *v, const piece *p, ib_range rows, ib_error *err)
{
    for (size_t i = 0; i < rows.n; i++) {
        size_t number = rows.first + i - p->in.first;

        if (v->map) {
            const ib_row_key key = key_of(v, p->spw, &v->block_rows, i);
            if (ib_row_map_put(v->map, &key, &number, err))
                return err->status;
        }
        v->to[i] = number >= p->skip && number - p->skip < p->out.n ? number - p->skip : SIZE_MAX;
    }
    return IB_OK;
}

static ib_rows from_row(const ib_rows *rows, size_t i, size_t n_corr)
{
    return (ib_rows){.uvw = rows->uvw + i,
                     .antenna = rows->antenna + i,
                     .field = rows->field + i,
                     .weight = rows->weight ? rows->weight + i * n_corr : NULL,
                     .time = rows->time ? rows->time + i : NULL};
}

static bool show(conversion *v, uint64_t samples)
{
    const bool stop = ib_notice_poll(&v->notice, samples);

    if (!v->rank)
        ib_progress_update(v->notice.done, NULL);
    return stop;
}

/* @return true in *over when another rank has failed. */
static ib_status may_go_on(conversion *v, uint64_t samples, bool *over, ib_error *err)
{
    *over = show(v, samples);
    if (v->stop && v->stop())
        return ib_fail(err, IB_EINTERRUPTED, "stopped by a signal before %.200s was whole", v->cfg->output);
    return IB_OK;
}

/* Block after block of the input's rows, those of the piece, in runs. */
static ib_status average_rows(conversion *v, const piece *p, kept *now, bool *over, ib_error *err)
{
    const ib_spw *spw = &v->in.spw[p->spw];

    ib_average_begin(v->average, p->out.n);
    if (v->map)
        ib_row_map_reset(v->map);
    for (size_t done = 0; done < p->in.n; done += v->n_block) {
        const ib_range rows = {p->in.first + done, p->in.n - done < v->n_block ? p->in.n - done : v->n_block};

        if (ib_source_rows(v->source, p->spw, rows, &v->block_rows, err) || assign(v, p, rows, err))
            return err->status;
        for (size_t i = 0, n; i < rows.n; i += n) {
            n = 1;
            if (v->to[i] == SIZE_MAX)
                continue;
            while (i + n < rows.n && v->to[i + n] != SIZE_MAX)
                n++;
            const ib_rows run = from_row(&v->block_rows, i, spw->n_corr);
            if (ib_source_read(v->source, p->spw, (ib_range){0, spw->n_chan}, (ib_range){rows.first + i, n},
                               &v->block, err))
                return err->status;
            ib_average_add(v->average, n, v->to + i, &run, &v->block, &now->fates);
            const ib_status rc = may_go_on(v, n * spw->n_chan * spw->n_corr, over, err);
            if (rc || *over)
                return rc;
        }
    }
    ib_average_end(v->average, &v->rows, &v->samples, &now->fates);
    return IB_OK;
}

static ib_status copy_rows(conversion *v, const piece *p, kept *now, bool *over, ib_error *err)
{
    const ib_spw *spw = &v->in.spw[p->spw];

    if (ib_source_rows(v->source, p->spw, p->in, &v->rows, err) ||
        ib_source_read(v->source, p->spw, (ib_range){0, spw->n_chan}, p->in, &v->samples, err))
        return err->status;
    ib_fates_count(&now->fates, spw->n_chan, p->in.n, spw->n_corr, &v->rows, &v->samples);
    return may_go_on(v, p->in.n * spw->n_chan * spw->n_corr, over, err);
}

static ib_status convert_piece(conversion *v, size_t unit, bool *over, ib_error *err)
{
    const piece *p = &v->pieces[unit];
    kept         now = {0};

    if ((v->spw != p->spw || !v->n_row) && make_buffers(v, p->spw, err))
        return err->status;
    const ib_status rc = v->averages ? average_rows(v, p, &now, over, err) : copy_rows(v, p, &now, over, err);
    if (rc || *over)
        return rc;
    if (ib_vis_put(v->writer, p->spw, p->out, &v->rows, &v->samples, &now.digest, err))
        return err->status;
    ib_fates_add(&v->fates, &now.fates);
    return ib_journal_add(v->resume.journal, unit, &now, err);
}

static void tick(void *self, uint64_t done)
{
    (void)self;
    ib_progress_update(done, NULL);
}

static uint64_t samples_left(const conversion *v)
{
    double all = 0;

    for (size_t s = 0; s < v->in.n_spw; s++)
        all += (double)v->in.spw[s].n_row * (double)v->in.spw[s].n_chan * (double)v->in.spw[s].n_corr;
    return (uint64_t)(all * (double)(v->n_piece - v->resume.n_done) / (double)v->n_piece);
}

/* A rank that is told that another one has failed has no error of its own: that one's is agreed on. Collective. */
static ib_status work(conversion *v, ib_error *err)
{
    ib_status rc = IB_OK;
    bool      over = false;

    if (!v->rank)
        ib_progress_start("converting", samples_left(v), v->cfg->quiet);
    ib_notice_begin(&v->notice, v->comm);
    for (size_t i = 0; !rc && !over && i < v->resume.n_run; i++)
        for (size_t k = 0; !rc && !over && k < v->resume.run[i].n; k++)
            rc = convert_piece(v, v->resume.run[i].first + k, &over, err);
    ib_notice_end(&v->notice, rc != IB_OK, tick, v);
    if (!v->rank)
        ib_progress_end();
    return ib_agree(v->comm, rc, err);
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

/* Of all ranks and starts, on rank 0. Collective. */
static ib_status sum_fates(conversion *v, ib_error *err)
{
    enum { N = sizeof(ib_fates) / sizeof(uint64_t) };
    uint64_t  mine[N], all[N];
    ib_fates *f = &v->fates;

    for (size_t i = 0; v->resume.kept && i < v->n_piece; i++) {
        const void *record = ib_resume_record(&v->resume, i);
        kept        was;
        if (!record)
            continue;
        memcpy(&was, record, sizeof was);
        ib_fates_add(f, &was.fates);
    }
    memcpy(mine, f, sizeof mine);
    MPI_Allreduce(mine, all, N, MPI_UINT64_T, MPI_SUM, v->comm);
    memcpy(f, all, sizeof all);

    uint64_t read = 0, made = 0;
    for (size_t s = 0; s < v->in.n_spw; s++) {
        read += (uint64_t)v->in.spw[s].n_row * v->in.spw[s].n_chan * v->in.spw[s].n_corr;
        made += (uint64_t)v->out.spw[s].n_row * v->out.spw[s].n_chan * v->out.spw[s].n_corr;
    }
    if (f->read != read || f->read != f->used + f->flagged + f->weightless + f->not_finite ||
        (v->averages && f->made + f->empty != made))
        return ib_fail(err, IB_EINTERNAL, "samples were lost: of %llu, %llu were read, and their fates do not add up",
                       (unsigned long long)read, (unsigned long long)f->read);
    return IB_OK;
}

static void tell(const conversion *v)
{
    const ib_fates *f = &v->fates;
    struct stat     file;
    char            averaged[120] = "";

    if (v->cfg->quiet || stat(v->cfg->output, &file))
        return;
    if (v->averages)
        snprintf(averaged, sizeof averaged, " averaged into %llu (%llu more are empty and flagged)",
                 (unsigned long long)f->made, (unsigned long long)f->empty);
    ib_say("%llu samples: %llu usable%s, %llu flagged, %llu without positive weight, %llu not finite",
           (unsigned long long)f->read, (unsigned long long)f->used, averaged, (unsigned long long)f->flagged,
           (unsigned long long)f->weightless, (unsigned long long)f->not_finite);
    ib_say("wrote %s, %s", v->cfg->output, ib_text_bytes((double)file.st_size).s);
}

static ib_status publish(conversion *v, ib_error *err)
{
    ib_status rc = ib_resume_audit(&v->resume, &v->units, err);

    if (!rc)
        rc = ib_journal_mark_complete(v->resume.folder, err);
    if (!rc)
        rc = ib_file_publish(&v->layout, err);
    return rc;
}

/* Is what is finished worth more than the room it takes? What is wrong with the input will not be right next time. */
static bool keeps(ib_status rc, uint64_t finished)
{
    return finished && (rc == IB_EINTERRUPTED || rc == IB_EIO || rc == IB_ENOMEM);
}

/* Let go of the file: it gets its name when everything went well, else stays for a later start or vanishes. Collective. */
static ib_status close_output(conversion *v, ib_status rc, ib_error *err)
{
    size_t finished = 0;

    rc = ib_resume_close(&v->resume, v->comm, rc, &finished, err);
    ib_error        mine;
    const ib_status late = ib_vis_detach(v->writer, &mine);
    v->writer = NULL;
    if (late && !rc) {
        *err = mine;
        rc = late;
    }
    rc = ib_agree(v->comm, rc, err);
    if (!rc)
        rc = ib_agree(v->comm, v->rank ? IB_OK : publish(v, err), err);
    if (!rc && !v->rank)
        tell(v);

    uint64_t told[2] = {finished, v->resume.begun};
    MPI_Bcast(told, 2, MPI_UINT64_T, 0, v->comm);
    const bool theirs = v->resume.resumed && !told[1]; /* what is there is of another conversion */
    const bool keep = told[1] && keeps(rc, told[0]);
    if (rc && !keep && !theirs && !v->rank && (v->created || v->resume.resumed))
        ib_file_abandon(&v->layout);
    if (keep || rc == IB_EINTERRUPTED) {
        const ib_error first = *err;
        if (keep)
            ib_fail(err, rc, "%.380s; %llu of %llu pieces are finished and kept: give --resume to go on", first.text,
                    (unsigned long long)told[0], (unsigned long long)v->n_piece);
        else
            ib_fail(err, rc, "%.380s; nothing was kept, start it again", first.text);
        err->rank = first.rank;
    }
    ib_resume_end(&v->resume, keep || theirs);
    return rc;
}

ib_status ib_convert(const ib_config *cfg, MPI_Comm comm, bool (*stop)(void), ib_error *err)
{
    conversion *v = calloc(1, sizeof *v);
    ib_status   rc =
        ib_agree(comm, v ? IB_OK : ib_fail(err, IB_ENOMEM, "the system refused memory for the job itself"), err);

    if (rc) {
        free(v);
        return rc;
    }
    v->cfg = cfg;
    v->comm = comm;
    v->stop = stop;
    MPI_Comm_rank(comm, &v->rank);
    MPI_Comm_size(comm, &v->n_rank);

    rc = open_input(v, err);
    if (!rc)
        rc = plan(v, err);
    if (!rc) {
        rc = open_output(v, err);
        if (!rc)
            rc = work(v, err);
        if (!rc)
            rc = sum_fates(v, err);
        rc = close_output(v, rc, err);
    }
    ib_resume_end(&v->resume, true);
    free_buffers(v);
    ib_source_close(v->source);
    for (size_t s = 0; v->start && s < v->in.n_spw; s++)
        ib_free(v->start[s]);
    ib_free(v->start);
    ib_free(v->n_start);
    ib_free(v->pieces);
    ib_vis_info_clear(&v->in);
    ib_vis_info_clear(&v->out);
    free(v);
    return rc;
}
