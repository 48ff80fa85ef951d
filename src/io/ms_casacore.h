/* SPDX-License-Identifier: BSD-3-Clause */
/** The few things imgbench asks of casacore's tables, callable from C.
 *
 *  casacore is not thread-safe, not even with tables of one's own: one caller at a time in a process. Tables are
 *  opened for reading without locks, so read-only folders and concurrent processes are fine. No exception leaves;
 *  it becomes IB_EDATA (or IB_EIO, IB_ENOMEM) with the first line of casacore's own text. */
#ifndef IB_IO_MS_CASACORE_H
#define IB_IO_MS_CASACORE_H

#include "model/vis.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ib_casa ib_casa; /* an open table */

/* What the cells of a column hold, and the C type that they are read into. */
typedef enum ib_casa_type {
    IB_CASA_NONE,    /* there is no such column */
    IB_CASA_BOOL,    /* uint8_t 0, 1 */
    IB_CASA_INT,     /* int32_t */
    IB_CASA_FLOAT,   /* float */
    IB_CASA_DOUBLE,  /* double */
    IB_CASA_COMPLEX, /* float[2] */
    IB_CASA_TEXT,
    IB_CASA_OTHER
} ib_casa_type;

/* Shape of the array in a cell. */
typedef struct ib_casa_shape {
    int    n_axis; /* -1: the cell has no value */
    size_t n[2];   /* of the first two axes, fastest first; 1 where there is none */
} ib_casa_shape;

ib_status ib_casa_open(ib_casa **out, const char *path, ib_error *err);

/** Keep the tiles that casacore holds of a column below a size; without it they grow with the table. Columns that are
 *  not tiled have none. */
void ib_casa_limit_cache(ib_casa *table, const char *column, size_t mebibytes);

/** Keep so much of the columns that are not in tiles: their values lie between each other, and a column after another is
 *  read. Without it all of them are read again for each. */
void ib_casa_keep_rows(ib_casa *table, size_t mebibytes);

/** Channels and rows of the tiles that hold an array column [row][chan][corr] at a row. @return false: not in tiles */
bool ib_casa_tile(const ib_casa *table, const char *column, size_t row, size_t *n_chan, size_t *n_row);

/** The table that a keyword of another one names ("FIELD"). @return IB_EDATA when there is none. */
ib_status ib_casa_subtable(ib_casa **out, const ib_casa *parent, const char *name, ib_error *err);

/** Accepts NULL. */
void ib_casa_close(ib_casa *table);

size_t ib_casa_rows(const ib_casa *table);

/** Type of a column's values; *array (may be NULL): whether a cell holds an array of them. */
ib_casa_type ib_casa_column(const ib_casa *table, const char *column, bool *array);

/** Names of the array columns of a type, "DATA, MODEL_DATA"; "none" when there is none. */
void ib_casa_columns(const ib_casa *table, ib_casa_type type, char *names, size_t size);

/** Shapes of the cells of consecutive rows. */
ib_status ib_casa_shapes(const ib_casa *table, const char *column, ib_range rows, ib_casa_shape *into, ib_error *err);

/** Values of a scalar column at several runs of rows, one after another. */
ib_status ib_casa_scalars(const ib_casa *table, const char *column, ib_casa_type type, const ib_range *runs,
                          size_t n_run, void *into, ib_error *err);

/** Values of an array column [row][chan][corr] at several runs of rows; all cells must be of one shape.
 *  @param n_corr  length of the first axis, taken whole
 *  @param chans   part of the second axis; NULL: the cells have one axis */
ib_status ib_casa_arrays(const ib_casa *table, const char *column, ib_casa_type type, const ib_range *runs,
                         size_t n_run, size_t n_corr, const ib_range *chans, void *into, ib_error *err);

/** All numbers of one array cell as doubles. @return IB_EDATA when there are not exactly n. */
ib_status ib_casa_numbers(const ib_casa *table, const char *column, size_t row, size_t n, double *into,
                          ib_error *err);

/** One string, cut to size, without control characters. */
ib_status ib_casa_text(const ib_casa *table, const char *column, size_t row, char *into, size_t size, ib_error *err);

/** Reference frame of a column of measures at a row ("J2000"); "" when the column does not tell. */
ib_status ib_casa_frame(const ib_casa *table, const char *column, size_t row, char *into, size_t size, ib_error *err);

#ifdef __cplusplus
}
#endif

#endif
