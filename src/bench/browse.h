/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench ls`, `imgbench show`, `imgbench db`: what the history holds. */
#ifndef IB_BENCH_BROWSE_H
#define IB_BENCH_BROWSE_H

#include "bench/help.h"
#include "bench/history.h"
#include "bench/table.h"

extern const ib_help_option ib_ls_options[], ib_show_options[], ib_db_options[];

/** "reportable", "valid", "provisional", "invalid": of --allow. @return IB_EUSAGE naming them. */
ib_status ib_validity_parse(const char *word, ib_validity *out, ib_error *err);

/** The subcommands. @param argv  what follows their names
 *  @return IB_ENODATA when there is nothing to show. */
ib_status ib_ls(int argc, char *const *argv, FILE *out, ib_error *err);
ib_status ib_show(int argc, char *const *argv, FILE *out, ib_error *err);
ib_status ib_db(int argc, char *const *argv, FILE *out, ib_error *err);

/** Launches as ls lists them. */
void ib_launches_report(ib_report *report, const ib_past *launch, size_t n);

/** What a record says of options, build, machine, job and environment. @param lines  of ib_json_lines */
struct json_t; /* of jansson, so that this header does not need it */
void ib_facts_report(ib_report *report, const struct json_t *lines);

/** "1a2b3c4d5e*": ten digits of the commit, a star for changed sources; a description where it tells more (a release). */
void ib_past_build(const ib_past *launch, char name[40]);

#endif
