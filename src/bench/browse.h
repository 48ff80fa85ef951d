/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench ls`, `imgbench show`, `imgbench db`: what the history holds. */
#ifndef IB_BENCH_BROWSE_H
#define IB_BENCH_BROWSE_H

#include "bench/help.h"
#include "bench/summary.h"

extern const ib_help_option ib_ls_options[], ib_show_options[], ib_db_options[];

/** "reportable", "valid", "provisional", "invalid": of --allow. @return IB_EUSAGE naming them. */
ib_status ib_validity_parse(const char *word, ib_validity *out, ib_error *err);

/** The subcommands. @param argv  what follows their names
 *  @return IB_ENODATA when there is nothing to show. */
ib_status ib_ls(int argc, char *const *argv, FILE *out, ib_error *err);
ib_status ib_show(int argc, char *const *argv, FILE *out, ib_error *err);
ib_status ib_db(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
