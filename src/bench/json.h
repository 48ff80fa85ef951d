/* SPDX-License-Identifier: BSD-3-Clause */
/** The parts that a record and the summary document share. New references, the caller's. */
#ifndef IB_BENCH_JSON_H
#define IB_BENCH_JSON_H

#include "bench/summary.h"

#include <jansson.h>

/** A number; null when it is not finite: JSON has no NaN. */
json_t *ib_json_real(double x);

/** An integer; as text above 2^53, where readers lose digits. */
json_t *ib_json_count(uint64_t n);

/** A text; bytes that are not UTF-8 (file names may hold any) become question marks. */
json_t *ib_json_text(const char *text);

/** @param bounds  NULL: none are known */
json_t *ib_json_phases(const ib_result *result, const ib_bounds *bounds);
/** Which limits `phases` were compared with; null: none are known. */
json_t *ib_json_limits(const ib_bounds *bounds);

/** Bytes read, fetched, exchanged, written (docs/records.md). */
json_t *ib_json_bytes(const ib_result *result);

/** What --epsilon chose; null without it. */
json_t *ib_json_choice(const ib_result *result);
/** The w-term: its largest phase, terms, slabs and passes; none where it is neglected. */
json_t *ib_json_w(const ib_result *result);

/** Who waited for whom, and how even the ranks were. */
json_t *ib_json_overlap(const ib_result *result);
json_t *ib_json_schedule(const ib_result *result);

/** How steady the machine was; null: not measured. */
json_t *ib_json_steadiness(const ib_steadiness *steady);

/** What becomes of the time of all threads: `shares` and `efficiency`; null: not watched. */
json_t *ib_json_shares(const ib_shares *shares);
json_t *ib_json_efficiency(const ib_shares *shares);

/** The shares of a launch; not known where accounts are not. */
ib_shares ib_shares_around(const ib_around *around, const ib_result *result);

json_t *ib_json_counts(const ib_result *result);
json_t *ib_json_reasons(const ib_judgement *verdict);

/** The lines of one run in a file that may hold several, as an array; an empty one where nothing can be read. */
json_t *ib_json_lines(const char *path, const char *run_id);

/** The first line of a type; borrowed, NULL: there is none. */
const json_t *ib_json_line(const json_t *lines, const char *type);

/** Samples gridded per second, of the grid phase and of the whole launch; NaN when nothing was timed. */
double ib_grid_rate(const ib_result *result);
double ib_wall_rate(const ib_result *result);

#endif
