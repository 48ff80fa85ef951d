/* SPDX-License-Identifier: BSD-3-Clause */
/** Times along the commits: `imgbench trend`, and `imgbench gate`, one decision for CI. */
#ifndef IB_BENCH_TREND_H
#define IB_BENCH_TREND_H

#include "bench/help.h"

extern const ib_help_option ib_trend_options[], ib_gate_options[];

/** The subcommands. @param argv  what follows their names
 *  @return IB_ESLOWER for a regression, IB_ESUSPECT for one that is only suspected, IB_ECHECK for wrong images, IB_ENODATA
 *          when there is nothing to judge; IB_EUNDECIDED with --strict. */
ib_status ib_trend(int argc, char *const *argv, FILE *out, ib_error *err);
ib_status ib_gate(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
