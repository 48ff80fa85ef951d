/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench trace`: what a file of --trace or of imgbench_trace.h tells. */
#ifndef IB_BENCH_TRACED_H
#define IB_BENCH_TRACED_H

#include "bench/help.h"

extern const ib_help_option ib_trace_options[];

/** The subcommand: `summary FILE`, `merge OUT FILE...`. @param argv  what follows its name
 *  @return IB_EUSAGE, IB_EIO, IB_EDATA when a file is not such a trace. */
ib_status ib_trace(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
