/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench bench`: rates of the engine's parts over matrices of cases, beside a baseline and the machine's limits. */
#ifndef IB_BENCH_BENCH_H
#define IB_BENCH_BENCH_H

#include "bench/help.h"

extern const ib_help_option ib_bench_options[];

/** The subcommand: kernel, fft, pipeline or all. @param argv  what follows its name */
ib_status ib_bench(int argc, char *const *argv, FILE *out, ib_error *err);

/** What a part took over the least that a limit allows. */
typedef struct ib_bound {
    double      arithmetic, traffic; /* shares of either limit that were reached; NaN: not known */
    const char *nearest;             /* "FMA", or what traffic is named; "" neither is known */
    double      share;               /* of the nearest one */
} ib_bound;

/** @param level  name of what the traffic goes through */
ib_bound ib_bound_of(double seconds, double flops, double flops_per_s, double bytes, double bytes_per_s,
                     const char *level);

#endif
