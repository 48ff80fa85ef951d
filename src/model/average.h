/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * Averages of visibilities in channel and time.
 *
 * An output sample is made of the usable samples of some channels of some rows of one baseline and field:
 *
 *   W = sum w,  V = sum w V / W,  flagged where there are none (V, W = 0);
 *   uvw, time = sum W_r uvw_r / sum W_r,  W_r = sum of the weights of a row's usable samples of all channels and
 *   correlations; the plain mean where nothing is usable; as it is where there is one row.
 *
 * Usable: not flagged, of finite value and uvw, of positive finite weight. Sums are double, a channel group's first, then row
 * by row, so that the bits do not depend on how rows are cut into blocks.
 */
#ifndef IB_MODEL_AVERAGE_H
#define IB_MODEL_AVERAGE_H

#include "model/vis.h"

/** Where samples went: read = used + flagged + weightless + not_finite. Of averages also what came out. */
typedef struct ib_fates {
    uint64_t read, used, flagged, weightless, not_finite, made,
        empty; /* made: usable averages; empty: flagged ones */
} ib_fates;

void ib_fates_add(ib_fates *to, const ib_fates *from);

/** Sort samples into fates. @param n_chan, n_row, n_corr  shape of the samples [chan][row][corr]; weights per channel or not */
void ib_fates_count(ib_fates *fates, size_t n_chan, size_t n_row, size_t n_corr, const ib_rows *rows,
                    const ib_samples *samples);

/** Channels in groups of `step`, the last one perhaps smaller: the mean of the frequencies, the sum of the widths. Changes
 *  spw in place; weights are per channel then. */
void ib_average_channels(ib_spw *spw, size_t step);

/* ---- times ------------------------------------------------------------------------------------------------------- */

/** Sort times and leave each one once. @return how many there are */
size_t ib_times_sort(double *time, size_t n);

/** Cut sorted times into intervals: one begins with the first time that is not in the one before, and has the times that are
 *  less than `length` later, but for a thousandth of it. In place: starts of the intervals. @return how many */
size_t ib_times_cut(double *time, size_t n, double length);

/** The interval of a time, which is none before the first. */
size_t ib_times_find(const double *start, size_t n, double time);

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/** Rows that are averaged together. */
typedef struct ib_row_key {
    int32_t  field, antenna[2];
    uint32_t interval;
} ib_row_key;

/** Numbers of keys, from 0 in the order in which they appear. */
typedef struct ib_row_map ib_row_map;

ib_status ib_row_map_create(ib_row_map **out, ib_error *err);
void      ib_row_map_reset(ib_row_map *map);
size_t    ib_row_map_count(const ib_row_map *map);

/** The number of a key, a new one where it has none yet. IB_ENOMEM. */
ib_status ib_row_map_put(ib_row_map *map, const ib_row_key *key, size_t *number, ib_error *err);

/** Bytes for so many keys. */
size_t ib_row_map_bytes(size_t n);
void   ib_row_map_destroy(ib_row_map *map);

/* ---- sums -------------------------------------------------------------------------------------------------------- */

/** Rows of averages in the making. */
typedef struct ib_average ib_average;

/** Room for n_row rows of averages over a window, from blocks of at most n_block rows.
 *  @param spw  of the input; step: channels of a group */
ib_status ib_average_create(ib_average **out, const ib_spw *spw, size_t step, size_t n_row, size_t n_block,
                            ib_error *err);

/** Bytes of a row of averages, and of a row of a block. */
size_t ib_average_row_bytes(const ib_spw *spw, size_t step);
size_t ib_average_block_bytes(void);

/** Forget everything, begin with n_row rows. */
void ib_average_begin(ib_average *average, size_t n_row);

/** Add rows of all channels. @param to  [n] the row of averages each belongs to */
void ib_average_add(ib_average *average, size_t n, const size_t *to, const ib_rows *rows, const ib_samples *samples,
                    ib_fates *fates);

/** The averages [group][row][corr] and their geometry, where it is wanted. Weights are per channel. */
void ib_average_end(const ib_average *average, const ib_rows *rows, const ib_samples *samples, ib_fates *fates);

void ib_average_destroy(ib_average *average);

#endif
