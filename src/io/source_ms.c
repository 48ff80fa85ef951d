/* SPDX-License-Identifier: BSD-3-Clause */
/* MeasurementSets, version 2 (casacore note 229).

   Rows are sorted into windows, one per pair of spectral window and polarization setup. What the cells of a row hold
   (a set may leave cells without value, or with another shape) is found out once, at opening: a window is a list of
   runs of rows that follow each other in the table and hold the same, so that reading never looks at single cells.

   Weights. WEIGHT_SPECTRUM counts for a window when some cell of it has the right shape and is not all zero: programs
   create the column and do not fill it. The choice is made for the window, never row by row, because zero is a value
   there: averaging to baseline-dependent intervals leaves unflagged rows of zero weight whose WEIGHT is 1. Where it
   counts, rows without such a cell fall back on the weight per row. That is WEIGHT, or, when the window has none that
   is not zero, 1/SIGMA^2, or 1 when there are no cells of either. */
#include "io/ms_casacore.h"

#include "base/error.h"
#include "base/mem.h"
#include "model/frame.h"
#include "model/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    TILE_CACHE = 4,         /* MiB of tiles kept per column */
    ROW_CACHE = 4,          /* MiB of what is not in tiles, all columns */
    SCAN_ROWS = 1 << 13,    /* looked at together, column by column: they fit into that */
    SCRATCH = 1 << 18,      /* samples read at once: 3.4 MB */
    TILE_ROWS = 1 << 10,    /* read at once, if not more: channels are cut before rows get fewer than this */
    FILE_BUFFER = 1 << 16,  /* bytes that casacore reads at once of what is not in tiles */
    MAX_SLICES = 1 << 12,   /* runs read at once */
    MAX_POLYNOMIAL = 1 << 4 /* terms of a moving phase centre */
};

/* What the cells of a row hold. */
enum { HAS_DATA = 1, HAS_FLAG = 2, HAS_SPECTRUM = 4, HAS_WEIGHT = 8, HAS_SIGMA = 16 };

/* Rows that follow each other in MAIN and whose cells hold the same. */
typedef struct run {
    size_t  row;   /* the first, in MAIN */
    size_t  first; /* the same, in the window */
    size_t  n;
    uint8_t cells;
} run;

typedef struct window {
    int      spw, pol;
    size_t   n_chan, n_corr; /* in the file */
    size_t   n_row;
    run     *runs;
    size_t   n_run, room;
    uint8_t  has;          /* what some cells hold */
    uint8_t  row_weight;   /* HAS_WEIGHT, HAS_SIGMA, 0: 1 */
    bool     use_spectrum; /* WEIGHT_SPECTRUM counts */
    uint8_t *row_flag;     /* [n_row] FLAG_ROW; NULL: none is set */
} window;

typedef struct source_ms {
    ib_casa           *main;
    char               path[256]; /* for sentences */
    const char        *column;    /* of visibilities */
    const ib_vis_info *info;
    window            *windows; /* [n_window], the first info->n_spw as in info->spw */
    size_t             n_window;
    ib_range          *slices; /* [MAX_SLICES] */
    float (*vis)[2];           /* [n_scratch], as the others */
    float   *weight;
    uint8_t *flag;
    size_t   n_scratch;
} source_ms;

/* ---- table columns ------------------------------------------------------------------------------------------ */

static const char *const type_names[] = {
    [IB_CASA_BOOL] = "Bool",     [IB_CASA_INT] = "Int",         [IB_CASA_FLOAT] = "Float",
    [IB_CASA_DOUBLE] = "Double", [IB_CASA_COMPLEX] = "Complex", [IB_CASA_TEXT] = "String"};

static ib_status need(const ib_casa *table, const char *table_name, const char *column, ib_casa_type type, bool array,
                      ib_error *err)
{
    bool               is_array = false;
    const ib_casa_type is = ib_casa_column(table, column, &is_array);

    if (is == IB_CASA_NONE)
        return ib_fail(err, IB_EDATA, "table %s has no column %s: not a complete MeasurementSet", table_name, column);
    if (is != type || is_array != array)
        return ib_fail(err, IB_EDATA, "column %s of table %s does not hold %s %s as the MeasurementSet standard asks",
                       column, table_name, type_names[type], array ? "arrays" : "values");
    return IB_OK;
}

static bool has_column(const ib_casa *table, const char *column)
{
    return ib_casa_column(table, column, NULL) != IB_CASA_NONE;
}

static ib_status need_main(const source_ms *ms, ib_error *err)
{
    static const struct {
        const char  *name;
        ib_casa_type type;
        bool         array, optional;
    } columns[] = {
        {"UVW", IB_CASA_DOUBLE, true, false},    {"ANTENNA1", IB_CASA_INT, false, false},
        {"ANTENNA2", IB_CASA_INT, false, false}, {"DATA_DESC_ID", IB_CASA_INT, false, false},
        {"FIELD_ID", IB_CASA_INT, false, false}, {"TIME", IB_CASA_DOUBLE, false, false},
        {"FLAG", IB_CASA_BOOL, true, false},     {"FLAG_ROW", IB_CASA_BOOL, false, false},
        {"WEIGHT", IB_CASA_FLOAT, true, true},   {"WEIGHT_SPECTRUM", IB_CASA_FLOAT, true, true},
        {"SIGMA", IB_CASA_FLOAT, true, true},
    };

    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (columns[i].optional && !has_column(ms->main, columns[i].name))
            continue;
        if (need(ms->main, "MAIN", columns[i].name, columns[i].type, columns[i].array, err))
            return err->status;
    }
    return IB_OK;
}

/* One value of a scalar Int column. */
static ib_status read_int(const ib_casa *table, const char *column, size_t row, int *into, ib_error *err)
{
    int32_t         value = 0;
    const ib_range  one = {row, 1};
    const ib_status rc = ib_casa_scalars(table, column, IB_CASA_INT, &one, 1, &value, err);

    *into = value;
    return rc;
}

/* ---- the column of visibilities ----------------------------------------------------------------------------- */

static bool is_complex(const ib_casa *main, const char *column)
{
    bool array = false;

    return ib_casa_column(main, column, &array) == IB_CASA_COMPLEX && array;
}

/* Programs that calibrate create CORRECTED_DATA first and fill it later. */
static ib_status some_cell(const ib_casa *main, const char *column, bool *found, ib_error *err)
{
    const size_t   n_row = ib_casa_rows(main);
    ib_casa_shape *shape = ib_alloc(SCAN_ROWS, sizeof *shape, "shapes of cells", err);
    ib_status      rc = shape ? IB_OK : err->status;

    *found = false;
    for (ib_range rows = {0, 1}; !rc && !*found && rows.first < n_row; rows.first += rows.n) {
        rows.n = n_row - rows.first < SCAN_ROWS ? n_row - rows.first : SCAN_ROWS;
        rc = ib_casa_shapes(main, column, rows, shape, err);
        for (size_t i = 0; !rc && !*found && i < rows.n; i++)
            *found = shape[i].n_axis >= 0;
    }
    ib_free(shape);
    return rc;
}

static ib_status choose_column(source_ms *ms, const char *wanted, ib_error *err)
{
    char names[200];
    bool filled = false;

    ib_casa_columns(ms->main, IB_CASA_COMPLEX, names, sizeof names);
    if (*wanted) {
        ms->column = wanted;
        if (is_complex(ms->main, wanted))
            return IB_OK;
        return ib_fail(err, IB_EUSAGE, "--column: %s has no column of visibilities \"%.60s\"; there are: %s",
                       ms->path, wanted, names);
    }
    ms->column = "CORRECTED_DATA";
    if (is_complex(ms->main, ms->column) && some_cell(ms->main, ms->column, &filled, err))
        return err->status;
    if (filled)
        return IB_OK;
    ms->column = "DATA";
    if (is_complex(ms->main, ms->column))
        return IB_OK;
    if (has_column(ms->main, "FLOAT_DATA"))
        return ib_fail(err, IB_EUNSUPPORTED, "the set has FLOAT_DATA (single-dish spectra), not visibilities");
    return ib_fail(err, IB_EDATA, "neither DATA nor CORRECTED_DATA holds visibilities; name one with --column: %s",
                   names);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

/* What opening needs and reading does not. */
typedef struct opening {
    source_ms       *ms;
    const ib_config *cfg;
    ib_vis_info     *info;
    ib_casa         *field, *spw, *pol, *ddid, *antenna;
    uint8_t         *field_on, *spw_on, *chan_on; /* chosen by --field, --spw, --channels */
    size_t           n_spw, n_pol, n_ddid;        /* rows of the tables */
    int             *window_of;                   /* [n_ddid] index into ms->windows; -1: not chosen */
    size_t           n_row;                       /* selected so far */
    /* [SCAN_ROWS], of the rows looked at */
    int32_t       *row_ddid, *row_field, *row_antenna[2];
    double        *row_time;
    ib_casa_shape *row_shape;
    uint8_t       *row_cells, *row_flag;
} opening;

static ib_status open_tables(opening *o, ib_error *err)
{
    const struct {
        const char *name;
        ib_casa   **into;
    } tables[] = {{"FIELD", &o->field},
                  {"SPECTRAL_WINDOW", &o->spw},
                  {"POLARIZATION", &o->pol},
                  {"DATA_DESCRIPTION", &o->ddid},
                  {"ANTENNA", &o->antenna}};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (ib_casa_subtable(tables[i].into, o->ms->main, tables[i].name, err))
            return ib_within(err, "its table %s: ", tables[i].name);
    o->n_spw = ib_casa_rows(o->spw);
    o->n_pol = ib_casa_rows(o->pol);
    o->n_ddid = ib_casa_rows(o->ddid);
    return IB_OK;
}

/* Names of things and which of them an option selects. *on [n] is the caller's, for ib_free. */
static ib_status choose(const ib_casa *table, const char *what, const char *option, const char *text, uint8_t **on,
                        char (*names)[IB_NAME], ib_error *err)
{
    const size_t n = ib_casa_rows(table);
    ib_status    rc = IB_OK;
    const char **list = ib_alloc(n, sizeof *list, "names", err);

    *on = ib_alloc(n, 1, "selection", err);
    if (!list || !*on) {
        rc = err->status;
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        rc = ib_casa_text(table, "NAME", i, names[i], IB_NAME, err);
        if (rc)
            goto done;
        list[i] = names[i];
    }
    rc = ib_select(text, what, n, list, NULL, *on, err);
    if (rc == IB_EUSAGE)
        ib_within(err, "--%s: ", option);
done:
    ib_free(list);
    return rc;
}

static ib_status choose_fields(opening *o, ib_error *err)
{
    const size_t n = ib_casa_rows(o->field);
    char(*names)[IB_NAME] = ib_alloc_zero(n, sizeof *names, "field names", err);
    ib_status rc = names ? IB_OK : err->status;

    if (!rc)
        rc = choose(o->field, "field", "field", o->cfg->field, &o->field_on, names, err);
    if (!rc) {
        o->info->field = ib_alloc_zero(n, sizeof *o->info->field, "fields", err);
        rc = o->info->field ? IB_OK : err->status;
    }
    for (size_t i = 0; !rc && i < n; i++) {
        o->info->n_field = n;
        o->info->field[i].id = (int)i;
        memcpy(o->info->field[i].name, names[i], IB_NAME);
    }
    ib_free(names);
    return rc;
}

/* One window per pair of spectral window and polarization setup that --spw leaves. */
static ib_status choose_windows(opening *o, char (*names)[IB_NAME], ib_error *err)
{
    source_ms *ms = o->ms;

    if (choose(o->spw, "spectral window", "spw", o->cfg->spw, &o->spw_on, names, err))
        return err->status;
    o->window_of = ib_alloc(o->n_ddid, sizeof *o->window_of, "data descriptions", err);
    ms->windows = ib_alloc_zero(o->n_ddid, sizeof *ms->windows, "windows", err);
    if (!o->window_of || !ms->windows)
        return err->status;

    for (size_t i = 0; i < o->n_ddid; i++) {
        int    spw, pol, n_chan, n_corr;
        size_t w = 0;

        o->window_of[i] = -1;
        if (read_int(o->ddid, "SPECTRAL_WINDOW_ID", i, &spw, err) ||
            read_int(o->ddid, "POLARIZATION_ID", i, &pol, err))
            return ib_within(err, "table DATA_DESCRIPTION: ");
        if (spw < 0 || (size_t)spw >= o->n_spw || pol < 0 || (size_t)pol >= o->n_pol)
            return ib_fail(err, IB_EDATA,
                           "DATA_DESCRIPTION %zu names spectral window %d of %zu and polarization %d of %zu", i, spw,
                           o->n_spw, pol, o->n_pol);
        if (!o->spw_on[spw])
            continue;
        while (w < ms->n_window && (ms->windows[w].spw != spw || ms->windows[w].pol != pol))
            w++;
        o->window_of[i] = (int)w;
        if (w < ms->n_window)
            continue;
        if (read_int(o->spw, "NUM_CHAN", (size_t)spw, &n_chan, err) ||
            read_int(o->pol, "NUM_CORR", (size_t)pol, &n_corr, err))
            return err->status;
        ms->windows[ms->n_window++] = (window){.spw = spw,
                                               .pol = pol,
                                               .n_chan = n_chan > 0 ? (size_t)n_chan : 0,
                                               .n_corr = n_corr > 0 ? (size_t)n_corr : 0};
    }
    return IB_OK;
}

/* ---- opening: rows ------------------------------------------------------------------------------------------ */

static bool has_shape(const ib_casa_shape *shape, const window *w, int n_axis)
{
    return shape->n_axis == n_axis && shape->n[0] == w->n_corr && (n_axis == 1 || shape->n[1] == w->n_chan);
}

/* Mark in row_cells what a column holds in selected rows. Weights of another shape count as none, visibilities and
   flags do not. */
static ib_status note_cells(opening *o, const char *column, int n_axis, bool strict, uint8_t mark, ib_range rows,
                            ib_error *err)
{
    if (!has_column(o->ms->main, column))
        return IB_OK;
    if (ib_casa_shapes(o->ms->main, column, rows, o->row_shape, err))
        return ib_within(err, "column %s: ", column);

    for (size_t i = 0; i < rows.n; i++) {
        const int            at = o->window_of[o->row_ddid[i]];
        const ib_casa_shape *shape = &o->row_shape[i];

        if (at < 0 || !o->field_on[o->row_field[i]] || shape->n_axis < 0)
            continue;
        const window *w = &o->ms->windows[at];
        if (has_shape(shape, w, n_axis))
            o->row_cells[i] |= mark;
        else if (strict)
            return ib_fail(
                err, IB_EDATA,
                "row %zu: %s has %zu correlations x %zu channels, but polarization %d has %zu and spectral "
                "window %d has %zu",
                rows.first + i, column, shape->n[0], shape->n[1], w->pol, w->n_corr, w->spw, w->n_chan);
    }
    return IB_OK;
}

static ib_status append(window *w, size_t row, uint8_t cells, ib_error *err)
{
    run *last = w->n_run ? &w->runs[w->n_run - 1] : NULL;

    w->has |= cells;
    if (last && last->row + last->n == row && last->cells == cells) {
        last->n++;
        w->n_row++;
        return IB_OK;
    }
    if (w->n_run == w->room) {
        const size_t room = w->room ? 2 * w->room : 16;
        run         *more = ib_alloc(room, sizeof *more, "list of rows", err);
        if (!more)
            return err->status;
        if (w->n_run)
            memcpy(more, w->runs, w->n_run * sizeof *more);
        ib_free(w->runs);
        w->runs = more;
        w->room = room;
    }
    w->runs[w->n_run++] = (run){row, w->n_row++, 1, cells};
    return IB_OK;
}

/* The last row, of as many as there may be. */
static ib_status flag_row(window *w, size_t most, ib_error *err)
{
    if (!w->row_flag)
        w->row_flag = ib_alloc_zero(most, 1, "flags of rows", err);
    if (!w->row_flag)
        return err->status;
    w->row_flag[w->n_row - 1] = 1;
    return IB_OK;
}

static ib_status read_row_ids(opening *o, ib_range rows, ib_error *err)
{
    const ib_casa *main = o->ms->main;

    if (ib_casa_scalars(main, "DATA_DESC_ID", IB_CASA_INT, &rows, 1, o->row_ddid, err) ||
        ib_casa_scalars(main, "FIELD_ID", IB_CASA_INT, &rows, 1, o->row_field, err) ||
        ib_casa_scalars(main, "ANTENNA1", IB_CASA_INT, &rows, 1, o->row_antenna[0], err) ||
        ib_casa_scalars(main, "ANTENNA2", IB_CASA_INT, &rows, 1, o->row_antenna[1], err) ||
        ib_casa_scalars(main, "TIME", IB_CASA_DOUBLE, &rows, 1, o->row_time, err) ||
        ib_casa_scalars(main, "FLAG_ROW", IB_CASA_BOOL, &rows, 1, o->row_flag, err))
        return err->status;
    return IB_OK;
}

static ib_status check_row_ids(const opening *o, size_t row, size_t i, ib_error *err)
{
    const struct {
        const char *name;
        int         value;
        size_t      n;
    } ids[] = {{"DATA_DESC_ID", o->row_ddid[i], o->n_ddid},
               {"FIELD_ID", o->row_field[i], o->info->n_field},
               {"ANTENNA1", o->row_antenna[0][i], o->info->n_antenna},
               {"ANTENNA2", o->row_antenna[1][i], o->info->n_antenna}};

    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++)
        if (ids[k].value < 0 || (size_t)ids[k].value >= ids[k].n)
            return ib_fail(err, IB_EDATA, "row %zu: %s is %d, but there are %zu of them", row, ids[k].name,
                           ids[k].value, ids[k].n);
    return IB_OK;
}

static ib_status scan_rows(opening *o, ib_range rows, ib_error *err)
{
    size_t n_selected = 0;

    if (read_row_ids(o, rows, err))
        return err->status;
    for (size_t i = 0; i < rows.n; i++) {
        if (check_row_ids(o, rows.first + i, i, err))
            return err->status;
        n_selected += o->window_of[o->row_ddid[i]] >= 0 && o->field_on[o->row_field[i]];
    }
    if (!n_selected)
        return IB_OK;

    memset(o->row_cells, 0, rows.n);
    if (note_cells(o, o->ms->column, 2, true, HAS_DATA, rows, err) ||
        note_cells(o, "FLAG", 2, true, HAS_FLAG, rows, err) ||
        note_cells(o, "WEIGHT_SPECTRUM", 2, false, HAS_SPECTRUM, rows, err) ||
        note_cells(o, "WEIGHT", 1, false, HAS_WEIGHT, rows, err) ||
        note_cells(o, "SIGMA", 1, false, HAS_SIGMA, rows, err))
        return err->status;

    for (size_t i = 0; i < rows.n; i++) {
        const int at = o->window_of[o->row_ddid[i]];
        if (at < 0 || !o->field_on[o->row_field[i]])
            continue;
        if ((o->row_cells[i] & (HAS_DATA | HAS_FLAG)) == HAS_DATA)
            return ib_fail(err, IB_EDATA, "row %zu: %s has a value, FLAG has none", rows.first + i, o->ms->column);
        if (append(&o->ms->windows[at], rows.first + i, o->row_cells[i], err) ||
            (o->row_flag[i] && flag_row(&o->ms->windows[at], ib_casa_rows(o->ms->main), err)))
            return err->status;

        ib_vis_info *info = o->info;
        info->field[o->row_field[i]].selected = true;
        info->time_first = o->n_row ? fmin(info->time_first, o->row_time[i]) : o->row_time[i];
        info->time_last = o->n_row ? fmax(info->time_last, o->row_time[i]) : o->row_time[i];
        o->n_row++;
    }
    return IB_OK;
}

static ib_status scan_main(opening *o, ib_error *err)
{
    const size_t n_row = ib_casa_rows(o->ms->main);
    uint8_t      has = 0;

    o->row_ddid = ib_alloc(SCAN_ROWS, sizeof *o->row_ddid, "rows", err);
    o->row_field = ib_alloc(SCAN_ROWS, sizeof *o->row_field, "rows", err);
    o->row_antenna[0] = ib_alloc(SCAN_ROWS, sizeof *o->row_antenna[0], "rows", err);
    o->row_antenna[1] = ib_alloc(SCAN_ROWS, sizeof *o->row_antenna[1], "rows", err);
    o->row_time = ib_alloc(SCAN_ROWS, sizeof *o->row_time, "rows", err);
    o->row_shape = ib_alloc(SCAN_ROWS, sizeof *o->row_shape, "rows", err);
    o->row_cells = ib_alloc(SCAN_ROWS, sizeof *o->row_cells, "rows", err);
    o->row_flag = ib_alloc(SCAN_ROWS, sizeof *o->row_flag, "rows", err);
    if (!o->row_ddid || !o->row_field || !o->row_antenna[0] || !o->row_antenna[1] || !o->row_time || !o->row_shape ||
        !o->row_cells || !o->row_flag)
        return err->status;

    for (size_t row = 0; row < n_row; row += SCAN_ROWS) {
        const ib_range rows = {row, n_row - row < SCAN_ROWS ? n_row - row : SCAN_ROWS};
        if (scan_rows(o, rows, err))
            return err->status;
    }
    for (size_t w = 0; w < o->ms->n_window; w++)
        has |= o->ms->windows[w].has;
    if (!o->n_row)
        return ib_fail(err, IB_EUSAGE, "%s: none of %zu rows belongs to --field \"%.40s\" --spw \"%.40s\"",
                       o->ms->path, n_row, o->cfg->field, o->cfg->spw);
    if (!(has & HAS_DATA))
        return ib_fail(err, IB_EDATA, "column %s has no value in any of the %zu selected rows", o->ms->column,
                       o->n_row);
    return IB_OK;
}

/* ---- opening: windows --------------------------------------------------------------------------------------- */

static void remove_window(source_ms *ms, size_t w)
{
    ib_free(ms->windows[w].runs);
    ib_free(ms->windows[w].row_flag);
    memmove(&ms->windows[w], &ms->windows[w + 1], (--ms->n_window - w) * sizeof *ms->windows);
}

/* --channels means channels of each window; a window without any of them drops out. */
static ib_status choose_channels(opening *o, ib_error *err)
{
    source_ms *ms = o->ms;
    size_t     most = 0;

    for (size_t w = ms->n_window; w-- > 0;)
        if (!ms->windows[w].n_row)
            remove_window(ms, w);
        else if (ms->windows[w].n_chan > most)
            most = ms->windows[w].n_chan;

    o->chan_on = ib_alloc(most, 1, "selected channels", err);
    if (!o->chan_on)
        return err->status;
    if (ib_select(o->cfg->channels, "channel", most, NULL, NULL, o->chan_on, err))
        return ib_within(err, "--channels: ");

    for (size_t w = ms->n_window; w-- > 0;)
        if (!memchr(o->chan_on, 1, ms->windows[w].n_chan))
            remove_window(ms, w);
    return IB_OK;
}

static ib_status describe_correlations(const opening *o, const window *w, ib_spw *spw, ib_error *err)
{
    double type[IB_MAX_CORR];

    if (w->n_corr < 1 || w->n_corr > IB_MAX_CORR)
        return ib_fail(err, IB_EDATA, "polarization %d has %zu correlations instead of 1 to %d", w->pol, w->n_corr,
                       IB_MAX_CORR);
    if (ib_casa_numbers(o->pol, "CORR_TYPE", (size_t)w->pol, w->n_corr, type, err))
        return ib_within(err, "table POLARIZATION: ");

    spw->n_corr = w->n_corr;
    for (size_t c = 0; c < w->n_corr; c++) {
        spw->corr[c] = (int)type[c];
        if (!ib_corr_fits(spw->corr[c]))
            return ib_fail(err, IB_EUNSUPPORTED,
                           "polarization %d has a correlation of type %d; known are I, Q, U, V, RR to LL, XX to YY",
                           w->pol, spw->corr[c]);
    }
    return IB_OK;
}

/* Widths are needed to describe a channel, not to image it: where the file has none the next channel's distance
   stands in, and 1 Hz for a lone channel. */
static double width_of(const double *freq, const double *width, size_t n, size_t c)
{
    const double distance = n > 1 ? fabs(c ? freq[c] - freq[c - 1] : freq[1] - freq[0]) : 0;

    if (isfinite(width[c]) && width[c] != 0)
        return fabs(width[c]);
    return isfinite(distance) && distance > 0 ? distance : 1;
}

static ib_status describe_channels(const opening *o, const window *w, ib_spw *spw, ib_error *err)
{
    const size_t  row = (size_t)w->spw, n = w->n_chan;
    ib_casa_shape shape;
    double       *freq = NULL, *width = NULL;
    ib_status     rc = ib_casa_shapes(o->spw, "CHAN_FREQ", (ib_range){row, 1}, &shape, err);

    if (rc)
        goto done;
    if (shape.n_axis != 1 || shape.n[0] != n) {
        rc = ib_fail(err, IB_EDATA, "NUM_CHAN is %zu, but CHAN_FREQ has %zu values", n,
                     shape.n_axis == 1 ? shape.n[0] : 0);
        goto done;
    }
    freq = ib_alloc(n, sizeof *freq, "frequencies", err);
    width = ib_alloc(n, sizeof *width, "widths", err);
    spw->chan = ib_alloc(n, sizeof *spw->chan, "channels", err);
    spw->freq = ib_alloc(n, sizeof *spw->freq, "frequencies", err);
    spw->width = ib_alloc(n, sizeof *spw->width, "widths", err);
    if (!freq || !width || !spw->chan || !spw->freq || !spw->width) {
        rc = err->status;
        goto done;
    }
    rc = ib_casa_numbers(o->spw, "CHAN_FREQ", row, n, freq, err);
    if (!rc)
        rc = ib_casa_numbers(o->spw, "CHAN_WIDTH", row, n, width, err);
    if (rc)
        goto done;

    for (size_t c = 0; c < n; c++) {
        if (!o->chan_on[c])
            continue;
        spw->chan[spw->n_chan] = (int)c;
        spw->freq[spw->n_chan] = freq[c];
        spw->width[spw->n_chan++] = width_of(freq, width, n, c);
    }
done:
    ib_free(freq);
    ib_free(width);
    return rc ? ib_within(err, "table SPECTRAL_WINDOW: row %zu: ", row) : IB_OK;
}

/* FITS names of the frames of MEAS_FREQ_REF; some writers leave a number that stands for nothing. */
static const char *frame_name(int code)
{
    static const char *const names[] = {"SOURCE",   "LSRK",     "LSRD",     "BARYCENT", "GEOCENTR",
                                        "TOPOCENT", "GALACTOC", "LOCALGRP", "CMBDIPOL"};

    return code >= 0 && (size_t)code < sizeof names / sizeof *names ? names[code] : "";
}

static ib_status describe_frame(const opening *o, ib_error *err)
{
    for (size_t w = 0; w < o->ms->n_window; w++) {
        int code = -1;

        if (has_column(o->spw, "MEAS_FREQ_REF") &&
            read_int(o->spw, "MEAS_FREQ_REF", (size_t)o->ms->windows[w].spw, &code, err))
            return ib_within(err, "table SPECTRAL_WINDOW: ");
        if (w == 0)
            snprintf(o->info->frame, sizeof o->info->frame, "%s", frame_name(code));
        else if (strcmp(o->info->frame, frame_name(code)) != 0)
            o->info->frame[0] = '\0'; /* no frame is true for all */
    }
    return IB_OK;
}

static ib_status describe_windows(opening *o, char (*names)[IB_NAME], ib_error *err)
{
    ib_vis_info *info = o->info;
    source_ms   *ms = o->ms;

    info->spw = ib_alloc_zero(ms->n_window, sizeof *info->spw, "spectral windows", err);
    if (!info->spw)
        return err->status;
    info->n_spw = ms->n_window;

    for (size_t s = 0; s < info->n_spw; s++) {
        const window *w = &ms->windows[s];
        ib_spw       *spw = &info->spw[s];

        spw->id = w->spw;
        spw->n_row = w->n_row;
        memcpy(spw->name, names[w->spw], IB_NAME);
        if (describe_correlations(o, w, spw, err) || describe_channels(o, w, spw, err))
            return err->status;
    }
    return describe_frame(o, err);
}

/* ---- opening: fields, antennas, observation ----------------------------------------------------------------- */

/* A phase centre that moves (a planet, a satellite) has no one place in an image. */
static ib_status describe_field(const opening *o, ib_field *field, ib_error *err)
{
    const size_t  row = (size_t)field->id;
    double        direction[2 * MAX_POLYNOMIAL];
    ib_casa_shape shape;
    char          frame[40];
    int           ephemeris = -1;

    if (ib_casa_shapes(o->field, "PHASE_DIR", (ib_range){row, 1}, &shape, err))
        return err->status;
    const size_t n = shape.n[0] * shape.n[1];
    if (shape.n_axis < 1 || shape.n_axis > 2 || shape.n[0] != 2 || shape.n[1] < 1 || n > 2 * MAX_POLYNOMIAL)
        return ib_fail(err, IB_EDATA, "PHASE_DIR is not a direction, nor a polynomial of up to %d of them",
                       MAX_POLYNOMIAL);
    if (ib_casa_numbers(o->field, "PHASE_DIR", row, n, direction, err) ||
        ib_casa_frame(o->field, "PHASE_DIR", row, frame, sizeof frame, err) ||
        (has_column(o->field, "EPHEMERIS_ID") && read_int(o->field, "EPHEMERIS_ID", row, &ephemeris, err)))
        return err->status;

    bool moves = ephemeris >= 0;
    for (size_t i = 2; i < n; i++)
        moves |= direction[i] != 0;
    if (moves)
        return ib_fail(err, IB_EUNSUPPORTED,
                       "\"%s\" has a moving phase centre; give it a fixed one first (CASA fixvis)", field->name);
    if (!isfinite(direction[0]) || !isfinite(direction[1]) || fabs(direction[1]) > 1.5707964)
        return ib_fail(err, IB_EDATA, "PHASE_DIR is %g, %g rad: not a direction", direction[0], direction[1]);

    const bool is_icrs = !strcmp(frame, "ICRS");
    if (!is_icrs && *frame && strcmp(frame, "J2000") != 0)
        return ib_fail(err, IB_EUNSUPPORTED, "the phase centre of \"%s\" is in %s; only J2000 and ICRS are served",
                       field->name, frame);
    if (!*o->info->radesys)
        snprintf(o->info->radesys, sizeof o->info->radesys, "%s", is_icrs ? "ICRS" : "FK5");

    const double turn = 2 * acos(-1.0);
    field->ra = fmod(fmod(direction[0], turn) + turn, turn);
    field->dec = direction[1];
    return IB_OK;
}

static ib_status describe_fields(opening *o, ib_error *err)
{
    size_t n = 0, last = 0;

    for (size_t i = 0; i < o->info->n_field; i++) {
        if (!o->info->field[i].selected)
            continue;
        if (describe_field(o, &o->info->field[i], err))
            return ib_within(err, "table FIELD: row %zu: ", i);
        last = i;
        n++;
    }
    if (n == 1)
        memcpy(o->info->object, o->info->field[last].name, IB_NAME);
    return IB_OK;
}

/* Where the array is and whether rows tell their time: only spectral frames need it, so a set without is none the worse. */
static ib_status describe_site(const opening *o, ib_error *err)
{
    const size_t n = ib_casa_rows(o->antenna);
    double(*position)[3] = ib_alloc_zero(n, sizeof *position, "antennas", err);
    char     scale[16];
    ib_error ignored;

    if (!position)
        return err->status;
    for (size_t i = 0; i < n; i++)
        if (ib_casa_numbers(o->antenna, "POSITION", i, 3, position[i], &ignored))
            memset(position[i], 0, sizeof position[i]);
    ib_frame_middle(n, (const double(*)[3])position, o->info->site);
    ib_free(position);
    o->info->has_time =
        !ib_casa_frame(o->ms->main, "TIME", 0, scale, sizeof scale, &ignored) && (!*scale || !strcmp(scale, "UTC"));
    return IB_OK;
}

static ib_status describe_antennas(opening *o, ib_error *err)
{
    ib_vis_info   *info = o->info;
    const ib_range all = {0, ib_casa_rows(o->antenna)};

    if (!all.n)
        return ib_fail(err, IB_EDATA, "table ANTENNA has no rows");
    info->dish = ib_alloc_zero(all.n, sizeof *info->dish, "antennas", err);
    if (!info->dish)
        return err->status;
    info->n_antenna = all.n;
    if (has_column(o->antenna, "DISH_DIAMETER") &&
        ib_casa_scalars(o->antenna, "DISH_DIAMETER", IB_CASA_DOUBLE, &all, 1, info->dish, err))
        return ib_within(err, "table ANTENNA: ");
    for (size_t i = 0; i < all.n; i++)
        if (!(info->dish[i] > 0 && isfinite(info->dish[i])))
            info->dish[i] = 0;
    return describe_site(o, err);
}

/* Headers are better with them; an image does not need them. */
static void describe_observation(const opening *o)
{
    ib_casa *observation = NULL;
    ib_error ignored;

    if (!ib_casa_subtable(&observation, o->ms->main, "OBSERVATION", &ignored) && ib_casa_rows(observation)) {
        if (ib_casa_text(observation, "TELESCOPE_NAME", 0, o->info->telescope, IB_NAME, &ignored))
            o->info->telescope[0] = '\0';
        if (ib_casa_text(observation, "OBSERVER", 0, o->info->observer, IB_NAME, &ignored))
            o->info->observer[0] = '\0';
    }
    ib_casa_close(observation);
}

/* ---- opening: weights --------------------------------------------------------------------------------------- */

static ib_status allocate_scratch(source_ms *ms, ib_error *err)
{
    ms->n_scratch = SCRATCH;
    for (size_t w = 0; w < ms->n_window; w++)
        if (ms->windows[w].n_chan * ms->windows[w].n_corr > ms->n_scratch)
            ms->n_scratch = ms->windows[w].n_chan * ms->windows[w].n_corr;
    ms->slices = ib_alloc(MAX_SLICES, sizeof *ms->slices, "list of rows", err);
    ms->vis = ib_alloc(ms->n_scratch, sizeof *ms->vis, "visibilities as in the file", err);
    ms->weight = ib_alloc(ms->n_scratch, sizeof *ms->weight, "weights as in the file", err);
    ms->flag = ib_alloc(ms->n_scratch, sizeof *ms->flag, "flags as in the file", err);
    return ms->slices && ms->vis && ms->weight && ms->flag ? IB_OK : err->status;
}

/* Usually ends at the first row; ever larger pieces keep it quick where everything is zero. */
static ib_status some_nonzero(const source_ms *ms, const window *w, const char *column, uint8_t mark, bool *found,
                              ib_error *err)
{
    const bool     per_chan = mark == HAS_SPECTRUM;
    const ib_range chans = {0, w->n_chan};
    const size_t   row_size = w->n_corr * (per_chan ? w->n_chan : 1), most = ms->n_scratch / row_size;
    size_t         piece = 1;

    *found = false;
    for (size_t i = 0; i < w->n_run; i++) {
        if (!(w->runs[i].cells & mark))
            continue;
        for (size_t done = 0; done < w->runs[i].n;) {
            const size_t   left = w->runs[i].n - done, n = left < piece ? left : piece;
            const ib_range rows = {w->runs[i].row + done, n};

            if (ib_casa_arrays(ms->main, column, IB_CASA_FLOAT, &rows, 1, w->n_corr, per_chan ? &chans : NULL,
                               ms->weight, err))
                return ib_within(err, "column %s: ", column);
            for (size_t k = 0; k < n * row_size; k++)
                if (ms->weight[k] != 0) {
                    *found = true;
                    return IB_OK;
                }
            done += n;
            piece = 2 * piece < most ? 2 * piece : most;
        }
    }
    return IB_OK;
}

static ib_status choose_weights(opening *o, ib_error *err)
{
    for (size_t s = 0; s < o->ms->n_window; s++) {
        window *w = &o->ms->windows[s];
        bool    weight, sigma;

        if (some_nonzero(o->ms, w, "WEIGHT_SPECTRUM", HAS_SPECTRUM, &w->use_spectrum, err) ||
            some_nonzero(o->ms, w, "WEIGHT", HAS_WEIGHT, &weight, err) ||
            some_nonzero(o->ms, w, "SIGMA", HAS_SIGMA, &sigma, err))
            return err->status;
        if (weight || sigma)
            w->row_weight = weight ? HAS_WEIGHT : HAS_SIGMA;
        else
            w->row_weight = w->has & HAS_WEIGHT ? HAS_WEIGHT : w->has & HAS_SIGMA;
        o->info->spw[s].weight_per_channel = w->use_spectrum;
    }
    return IB_OK;
}

/* ---- opening: tiles ----------------------------------------------------------------------------------------- */

/* Rows of MAIN that are in tiles of so many rows with rows of the window: other windows' and fields' lie between them. */
static size_t rows_touched(const window *w, size_t tile, size_t n_main)
{
    size_t n_tile = 0, next = 0; /* the first tile not counted */

    for (size_t r = 0; r < w->n_run; r++) {
        const size_t first = w->runs[r].row / tile, end = (w->runs[r].row + w->runs[r].n - 1) / tile + 1;
        if (end > next)
            n_tile += end - (first > next ? first : next);
        next = end;
    }
    return n_tile * tile < n_main ? n_tile * tile : n_main;
}

/* The tiles of the visibilities stand for those of flags and weights, too: programs lay them out alike. */
static void describe_tiles(opening *o)
{
    source_ms        *ms = o->ms;
    const char *const column[] = {ms->column, "FLAG", "WEIGHT_SPECTRUM"};
    const double      bytes[] = {sizeof(float[2]), 1 / 8., sizeof(float)};
    double            largest[3] = {0}, all[3] = {0}; /* tile, and tiles together */
    double            rows = 1 << 19;                 /* what is not in tiles, and room to divide it */

    for (size_t s = 0; s < ms->n_window; s++) {
        const window *w = &ms->windows[s];
        ib_tiling    *t = &o->info->spw[s].tiling;
        size_t        r = 0;

        while (r + 1 < w->n_run && !(w->runs[r].cells & HAS_DATA))
            r++;
        for (size_t k = 0; k < sizeof column / sizeof *column; k++) {
            size_t n_chan, n_row; /* of a tile */
            if (!ib_casa_tile(ms->main, column[k], w->runs[r].row, &n_chan, &n_row))
                continue;
            const double tile = bytes[k] * (double)(w->n_corr * n_chan) * (double)n_row;
            largest[k] = fmax(largest[k], tile);
            all[k] += tile * ceil((double)w->n_chan / (double)n_chan) *
                      ceil((double)rows_touched(w, n_row, ib_casa_rows(ms->main)) / (double)n_row);
        }
        double together = 1; /* columns that lie between each other */
        if (!ib_casa_tile(ms->main, ms->column, w->runs[r].row, &t->n_chan, &t->n_row)) {
            *t = (ib_tiling){.n_chan = 1 + FILE_BUFFER / (w->n_corr * sizeof(float[2])), .n_row = 1};
            if (t->n_chan > w->n_chan)
                together = w->use_spectrum ? 3 : 2;
        }
        rows += (double)ib_casa_rows(ms->main) * (512 + 16 * (double)(w->n_corr * w->n_chan));
        o->info->held_bytes += w->row_flag ? (int64_t)ib_casa_rows(ms->main) : 0;
        t->n_chan = t->n_chan < w->n_chan ? t->n_chan : w->n_chan;
        t->sample_bytes = bytes[0] + bytes[1] + (w->use_spectrum ? bytes[2] : 0);
        t->row_bytes = together * t->sample_bytes * (double)(t->n_chan * w->n_corr) *
                       (double)rows_touched(w, t->n_row, ib_casa_rows(ms->main)) / (double)w->n_row;
    }
    for (int k = 0; k < 3; k++) /* a tile is held, however large, and read into a buffer of its size */
        o->info->held_bytes += (int64_t)(largest[k] + fmin(all[k], fmax(largest[k], TILE_CACHE << 20)));
    o->info->held_bytes += (int64_t)fmin(rows, ROW_CACHE << 20);
}

/* ---- opening: all of it ------------------------------------------------------------------------------------- */

static void ms_close(void *self)
{
    source_ms *ms = self;

    if (!ms)
        return;
    for (size_t w = 0; w < ms->n_window; w++) {
        ib_free(ms->windows[w].runs);
        ib_free(ms->windows[w].row_flag);
    }
    ib_free(ms->windows);
    ib_free(ms->slices);
    ib_free(ms->vis);
    ib_free(ms->weight);
    ib_free(ms->flag);
    ib_casa_close(ms->main);
    ib_free(ms);
}

static void end_opening(opening *o)
{
    void *const memory[] = {o->field_on, o->spw_on,    o->chan_on,        o->window_of,
                            o->row_ddid, o->row_field, o->row_antenna[0], o->row_antenna[1],
                            o->row_time, o->row_shape, o->row_cells,      o->row_flag};

    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++)
        ib_free(memory[i]);
    ib_casa_close(o->field);
    ib_casa_close(o->spw);
    ib_casa_close(o->pol);
    ib_casa_close(o->ddid);
    ib_casa_close(o->antenna);
}

static ib_status describe(opening *o, ib_error *err)
{
    char(*spw_names)[IB_NAME] = ib_alloc_zero(o->n_spw, sizeof *spw_names, "names", err);
    ib_status rc = spw_names ? IB_OK : err->status;

    if (!rc)
        rc = choose_fields(o, err);
    if (!rc)
        rc = choose_windows(o, spw_names, err);
    if (!rc)
        rc = describe_antennas(o, err);
    if (!rc)
        rc = scan_main(o, err);
    if (!rc)
        rc = choose_channels(o, err);
    if (!rc)
        rc = describe_windows(o, spw_names, err);
    if (!rc)
        rc = describe_fields(o, err);
    if (!rc)
        rc = allocate_scratch(o->ms, err);
    if (!rc)
        rc = choose_weights(o, err);
    if (!rc) {
        describe_tiles(o);
        describe_observation(o);
    }
    ib_free(spw_names);
    return rc;
}

static ib_status ms_open(void **self, const char *path, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    source_ms *ms = ib_alloc_zero(1, sizeof *ms, "MeasurementSet", err);
    opening    o = {.ms = ms, .cfg = cfg, .info = info};
    ib_status  rc = ms ? IB_OK : err->status;

    if (rc)
        return rc;
    *info = (ib_vis_info){.stokes = IB_PLANES_I};
    ms->info = info;
    snprintf(ms->path, sizeof ms->path, "%s", path);

    rc = ib_casa_open(&ms->main, path, err);
    if (!rc)
        rc = need_main(ms, err);
    if (!rc && !ib_casa_rows(ms->main))
        rc =
            ib_fail(err, IB_EDATA,
                    "table MAIN has no rows; casacore keeps their number in table.lock: was it left out in copying?");
    if (!rc)
        rc = choose_column(ms, cfg->column, err);
    if (!rc) {
        /* Without a limit the tiles of a whole column are kept: memory that no plan knows of. */
        ib_casa_keep_rows(ms->main, ROW_CACHE);
        const char *const tiled[] = {ms->column, "FLAG", "WEIGHT_SPECTRUM"};
        for (size_t i = 0; i < sizeof tiled / sizeof *tiled; i++)
            ib_casa_limit_cache(ms->main, tiled[i], TILE_CACHE);
        rc = open_tables(&o, err);
    }
    if (!rc)
        rc = describe(&o, err);
    end_opening(&o);
    if (rc) {
        if (rc != IB_EUSAGE)
            ib_within(err, "open %s: ", ms->path);
        ms_close(ms);
        return rc;
    }
    snprintf(info->column, sizeof info->column, "%s", ms->column);
    *self = ms;
    return IB_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* The run of a row of the window. */
static size_t find_run(const window *w, size_t row)
{
    size_t low = 0, high = w->n_run;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (w->runs[middle].first <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Rows that are read together: their places in MAIN and what all of them hold. */
typedef struct batch {
    const ib_range *slices;
    size_t          n_slice, first, n_row; /* first: in the window */
    uint8_t         cells;
} batch;

static batch next_batch(const source_ms *ms, const window *w, size_t first, size_t most)
{
    size_t r = find_run(w, first);
    batch  b = {ms->slices, 0, first, 0, w->runs[r].cells};

    for (; r < w->n_run && w->runs[r].cells == b.cells && b.n_row < most && b.n_slice < MAX_SLICES; r++) {
        const size_t skip = first + b.n_row - w->runs[r].first, left = w->runs[r].n - skip;
        const size_t n = left < most - b.n_row ? left : most - b.n_row;

        ms->slices[b.n_slice++] = (ib_range){w->runs[r].row + skip, n};
        b.n_row += n;
    }
    return b;
}

/* Weights [row][corr] of rows, where they do not depend on the channel. */
static ib_status row_weights(const source_ms *ms, const window *w, const batch *b, float *into, ib_error *err)
{
    const size_t n = b->n_row * w->n_corr;
    const bool   from_sigma = w->row_weight == HAS_SIGMA;

    if (!(b->cells & w->row_weight)) {
        for (size_t i = 0; i < n; i++)
            into[i] = w->row_weight ? 0 : 1; /* others of the window have one, this row does not */
        return IB_OK;
    }
    if (ib_casa_arrays(ms->main, from_sigma ? "SIGMA" : "WEIGHT", IB_CASA_FLOAT, b->slices, b->n_slice, w->n_corr,
                       NULL, into, err))
        return err->status;
    for (size_t i = 0; from_sigma && i < n; i++) {
        const double weight = into[i] > 0 ? 1 / ((double)into[i] * into[i]) : 0;
        into[i] = weight < 1e38 ? (float)weight : 0;
    }
    return IB_OK;
}

static ib_status ms_rows(void *self, size_t s, ib_range rows, const ib_rows *into, ib_error *err)
{
    const source_ms *ms = self;
    const window    *w = &ms->windows[s];
    const bool       want_weight = into->weight && !w->use_spectrum;
    int32_t         *ids = (int32_t *)(void *)ms->vis; /* free between reads; room for twice as many */
    batch            b;

    for (size_t done = 0; done < rows.n; done += b.n_row) {
        const size_t left = rows.n - done;

        b = next_batch(ms, w, rows.first + done, left < SCAN_ROWS ? left : SCAN_ROWS);
        for (int k = 0; into->antenna && k < 2; k++) {
            if (ib_casa_scalars(ms->main, k ? "ANTENNA2" : "ANTENNA1", IB_CASA_INT, b.slices, b.n_slice, ids, err))
                goto failed;
            for (size_t i = 0; i < b.n_row; i++)
                into->antenna[done + i][k] = ids[i];
        }
        if (into->uvw &&
            ib_casa_arrays(ms->main, "UVW", IB_CASA_DOUBLE, b.slices, b.n_slice, 3, NULL, into->uvw + done, err))
            goto failed;
        if (into->field &&
            ib_casa_scalars(ms->main, "FIELD_ID", IB_CASA_INT, b.slices, b.n_slice, into->field + done, err))
            goto failed;
        if (into->time &&
            ib_casa_scalars(ms->main, "TIME", IB_CASA_DOUBLE, b.slices, b.n_slice, into->time + done, err))
            goto failed;
        if (want_weight && row_weights(ms, w, &b, into->weight + done * w->n_corr, err))
            goto failed;
    }
    return IB_OK;
failed:
    return ib_within(err, "read %s: rows %zu to %zu: ", ms->path, b.slices[0].first,
                     b.slices[b.n_slice - 1].first + b.slices[b.n_slice - 1].n - 1);
}

/* [row][chan] to [chan][row] of items of `bytes`; rows of the target are `stride` items long, those of the source
   `pitch`. A few rows at a time, so that what is read from stays in the cache while its channels are taken up one by one. */
static inline void transpose_items(char *to, size_t stride, const char *from, size_t pitch, size_t n_row,
                                   size_t n_chan, size_t bytes)
{
    enum { ROWS = 32 };

    for (size_t row = 0; row < n_row; row += ROWS) {
        const size_t n = n_row - row < ROWS ? n_row - row : ROWS;
        for (size_t chan = 0; chan < n_chan; chan++)
            for (size_t i = row; i < row + n; i++)
                memcpy(to + (chan * stride + i) * bytes, from + (i * pitch + chan) * bytes, bytes);
    }
}

/* The usual sizes by name: copying a constant number of bytes is one instruction, any other number a call. */
static void transpose_run(char *to, size_t stride, const char *from, size_t pitch, size_t n_row, size_t n_chan,
                          size_t bytes)
{
    switch (bytes) {
    case 1:
        transpose_items(to, stride, from, pitch, n_row, n_chan, 1);
        break;
    case 2:
        transpose_items(to, stride, from, pitch, n_row, n_chan, 2);
        break;
    case 4:
        transpose_items(to, stride, from, pitch, n_row, n_chan, 4);
        break;
    case 8:
        transpose_items(to, stride, from, pitch, n_row, n_chan, 8);
        break;
    case 16:
        transpose_items(to, stride, from, pitch, n_row, n_chan, 16);
        break;
    case 32:
        transpose_items(to, stride, from, pitch, n_row, n_chan, 32);
        break;
    default:
        transpose_items(to, stride, from, pitch, n_row, n_chan, bytes);
        break;
    }
}

/* Channels that are read together: selected ones, and their span in the file, which may hold others. */
typedef struct piece {
    const ib_spw *spw;
    ib_range      chans, in_file;
} piece;

/* Those of a piece that are selected to their places in the request. */
static void transpose(void *to, size_t stride, const void *from, size_t n_row, const piece *p, size_t bytes)
{
    for (size_t c = 0, n; c < p->chans.n; c += n) {
        const size_t first = p->chans.first + c, skip = (size_t)p->spw->chan[first] - p->in_file.first;

        n = ib_chan_run(p->spw, first, p->chans.n - c);
        transpose_run((char *)to + c * stride * bytes, stride, (const char *)from + skip * bytes, p->in_file.n, n_row,
                      n, bytes);
    }
}

static ib_status read_flags(const source_ms *ms, const window *w, const batch *b, const ib_range *chans,
                            ib_error *err)
{
    const size_t row_size = chans->n * w->n_corr;

    if (!(b->cells & HAS_DATA)) {
        memset(ms->flag, 1, b->n_row * row_size);
        return IB_OK;
    }
    if (ib_casa_arrays(ms->main, "FLAG", IB_CASA_BOOL, b->slices, b->n_slice, w->n_corr, chans, ms->flag, err))
        return err->status;
    for (size_t i = 0; w->row_flag && i < b->n_row; i++)
        if (w->row_flag[b->first + i])
            memset(ms->flag + i * row_size, 1, row_size);
    return IB_OK;
}

/* Of rows without a cell of their own, the weight per row for every channel; from the last row to the first and
   channel, because they spread in place. */
static ib_status read_weights(const source_ms *ms, const window *w, const batch *b, const ib_range *chans,
                              ib_error *err)
{
    if (b->cells & HAS_SPECTRUM)
        return ib_casa_arrays(ms->main, "WEIGHT_SPECTRUM", IB_CASA_FLOAT, b->slices, b->n_slice, w->n_corr, chans,
                              ms->weight, err);
    if (row_weights(ms, w, b, ms->weight, err))
        return err->status;
    for (size_t i = b->n_row; i-- > 0;)
        for (size_t c = chans->n; c-- > 0;)
            memmove(ms->weight + (i * chans->n + c) * w->n_corr, ms->weight + i * w->n_corr,
                    w->n_corr * sizeof *ms->weight);
    return IB_OK;
}

/* One batch of rows and one piece of channels to its place in the request. */
static ib_status read_batch(const source_ms *ms, const window *w, const batch *b, const piece *p, size_t place,
                            size_t stride, const ib_samples *into, ib_error *err)
{
    const size_t          n_corr = w->n_corr, at = place * n_corr;
    const ib_range *const chans = &p->in_file;

    if (into->vis) {
        if (!(b->cells & HAS_DATA))
            memset(ms->vis, 0, b->n_row * chans->n * n_corr * sizeof *ms->vis);
        else if (ib_casa_arrays(ms->main, ms->column, IB_CASA_COMPLEX, b->slices, b->n_slice, n_corr, chans, ms->vis,
                                err))
            return err->status;
        transpose(into->vis + at, stride, ms->vis, b->n_row, p, n_corr * sizeof *ms->vis);
    }
    if (into->flag) {
        if (read_flags(ms, w, b, chans, err))
            return err->status;
        transpose(into->flag + at, stride, ms->flag, b->n_row, p, n_corr * sizeof *ms->flag);
    }
    if (into->weight && w->use_spectrum) {
        if (read_weights(ms, w, b, chans, err))
            return err->status;
        transpose(into->weight + at, stride, ms->weight, b->n_row, p, n_corr * sizeof *ms->weight);
    }
    return IB_OK;
}

/* Channels from one on that are read together: whole tiles of them, so many that their rows are at least TILE_ROWS or
   those of a tile. Of channels that are not selected, those are read that lie in tiles with others. */
static piece next_piece(const source_ms *ms, const ib_spw *spw, size_t first, size_t n, size_t n_row)
{
    const ib_tiling *t = &spw->tiling;
    const size_t     least = t->n_row > TILE_ROWS ? t->n_row : TILE_ROWS, tall = n_row < least ? n_row : least;
    const size_t     fit = ms->n_scratch / (tall * spw->n_corr) / t->n_chan, tiles = fit > 1 ? fit : 1;
    const size_t     begin = (size_t)spw->chan[first], most = ms->n_scratch / spw->n_corr;
    const size_t     aligned = (begin / t->n_chan + tiles) * t->n_chan,
                 end = aligned < begin + most ? aligned : begin + most;
    size_t k = 1;

    for (; k < n && (size_t)spw->chan[first + k] < end; k++)
        if ((size_t)spw->chan[first + k] / t->n_chan > (size_t)spw->chan[first + k - 1] / t->n_chan + 1)
            break;
    return (piece){spw, {first, k}, {begin, (size_t)spw->chan[first + k - 1] - begin + 1}};
}

static ib_status ms_read(void *self, size_t s, ib_range chans, ib_range rows, const ib_samples *into, ib_error *err)
{
    const source_ms *ms = self;
    const window    *w = &ms->windows[s];
    const ib_spw    *spw = &ms->info->spw[s];
    piece            p;

    for (size_t chan = 0; chan < chans.n; chan += p.chans.n) {
        p = next_piece(ms, spw, chans.first + chan, chans.n - chan, rows.n);
        const size_t fit = ms->n_scratch / (p.in_file.n * w->n_corr), tile = spw->tiling.n_row;
        const size_t most = fit > tile ? fit / tile * tile : fit; /* rows read at once end with a tile */

        for (size_t row = 0; row < rows.n;) {
            const size_t left = rows.n - row, here = most - (rows.first + row) % most;
            const batch  b = next_batch(ms, w, rows.first + row, left < here ? left : here);

            if (read_batch(ms, w, &b, &p, chan * rows.n + row, rows.n, into, err))
                return ib_within(err, "read %s: %s: rows from %zu, channels %zu to %zu: ", ms->path, ms->column,
                                 b.slices[0].first, p.in_file.first, p.in_file.first + p.in_file.n - 1);
            row += b.n_row;
        }
    }
    return IB_OK;
}

/* ---- the format --------------------------------------------------------------------------------------------- */

/* A casacore table begins with a magic number; table.info says what kind it is, but may be lost in copying. */
static int ms_probe(const char *path)
{
    static const unsigned char magic[] = {0xbe, 0xbe, 0xbe, 0xbe};
    char                       name[4096], line[200];
    unsigned char              begin[sizeof magic] = {0};
    int                        certain = 0;

    if ((size_t)snprintf(name, sizeof name, "%s/table.dat", path) >= sizeof name)
        return 0;
    FILE *file = fopen(name, "rb");
    if (!file)
        return errno == EACCES ? 40 : 0; /* here and below 40: opening says what is wrong */
    certain = fread(begin, 1, sizeof begin, file) == sizeof begin && !memcmp(begin, magic, sizeof magic) ? 60 : 40;
    fclose(file);

    snprintf(name, sizeof name, "%s/table.info", path);
    file = fopen(name, "r");
    if (file) {
        if (fgets(line, sizeof line, file) && strstr(line, "Measurement Set"))
            certain = 100;
        fclose(file);
    }
    return certain;
}

const ib_source_ops ib_source_ms = {.name = "ms",
                                    .help = "MeasurementSet version 2 (CASA, casacore)",
                                    .probe = ms_probe,
                                    .open = ms_open,
                                    .rows = ms_rows,
                                    .read = ms_read,
                                    .close = ms_close};
