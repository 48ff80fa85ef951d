/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench bench`: rates of the engine's parts over matrices of cases, beside a baseline and the machine's limits. */
#ifndef IB_BENCH_BENCH_H
#define IB_BENCH_BENCH_H

#include "bench/help.h"

extern const ib_help_option ib_bench_options[];

/** The subcommand: kernel, mosaic, fft, pipeline, shapes, choice, overhead, storage or all. @param argv  what follows its name */
ib_status ib_bench(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
