/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench sweep`: launches of many settings, here or on a cluster. */
#ifndef IB_BENCH_SWEEP_H
#define IB_BENCH_SWEEP_H

#include "bench/help.h"

extern const ib_help_option ib_sweep_options[];

/** The subcommand. The command line is the plan and the records are the journal: what is recorded of a campaign is not
 *  measured again. @param argv  what follows its name
 *  @return IB_EINTERRUPTED when it was stopped or its time is up, IB_ELAUNCH when a launch failed; the others were made. */
ib_status ib_sweep(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
