/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench project`: the time of a launch on a machine that is not there, and what breaks first as it grows. */
#ifndef IB_BENCH_PROJECT_H
#define IB_BENCH_PROJECT_H

#include "bench/help.h"

extern const ib_help_option ib_project_options[];

/** The subcommand. @param argv  what follows its name: options of its own and of run */
ib_status ib_project(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
