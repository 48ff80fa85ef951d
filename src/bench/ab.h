/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench ab`: builds and settings launched in turns and compared. */
#ifndef IB_BENCH_AB_H
#define IB_BENCH_AB_H

#include "bench/help.h"

extern const ib_help_option ib_ab_options[];

/** The subcommand. Builds commits into a cache, launches the variants in random blocks, looks after 6, 9, 13 and 20 launches of
 *  each and stops when all is decided; leaves a record of intent "ab" with its verdicts, which trend and gate go by.
 *  @param argv  what follows its name
 *  @return IB_ELAUNCH when a build or a launch failed, IB_EINTERRUPTED, else as compare does. */
ib_status ib_ab(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
