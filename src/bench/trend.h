/* SPDX-License-Identifier: BSD-3-Clause */
/** Times along the commits: `imgbench trend`, and `imgbench gate`, one decision for CI. */
#ifndef IB_BENCH_TREND_H
#define IB_BENCH_TREND_H

#include "bench/help.h"
#include "bench/history.h"
#include "bench/table.h"

extern const ib_help_option ib_trend_options[], ib_gate_options[];

/** The subcommands. @param argv  what follows their names
 *  @return IB_ESLOWER for a regression, IB_ESUSPECT for one that is only suspected, IB_ECHECK for wrong images, IB_ENODATA
 *          when there is nothing to judge; IB_EUNDECIDED with --strict. */
ib_status ib_trend(int argc, char *const *argv, FILE *out, ib_error *err);
ib_status ib_gate(int argc, char *const *argv, FILE *out, ib_error *err);

/** The trends of T and of every phase above 3 % of it, judged, for a report. */
typedef struct ib_trends ib_trends;

/** @param history        borrowed until the end
 *  @param option, value  of a subcommand with branch, since, repository, margin, allow and record, which are meant as trend means
 *                        them; borrowed until the end
 *  @return IB_ENODATA when no launch of unchanged sources counts, IB_EUNSUPPORTED when there are too many series or commits. */
ib_status ib_trends_open(ib_trends **out, ib_history *history, const ib_help_option *option, const char *const *value,
                         const char *terms, ib_error *err);
void      ib_trends_close(ib_trends *trends);

/** What every series comes to, the gravest of its metrics; what is not steady, as a table; drawings and tables of T. */
void ib_trends_verdicts(const ib_trends *trends, ib_report *report);
void ib_trends_findings(const ib_trends *trends, ib_report *report);
void ib_trends_courses(const ib_trends *trends, ib_report *report);

#endif
