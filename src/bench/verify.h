/* SPDX-License-Identifier: BSD-3-Clause */
/** Subcommand: is a cube on the disk what was computed? */
#ifndef IB_BENCH_VERIFY_H
#define IB_BENCH_VERIFY_H

#include "bench/help.h"

extern const ib_help_option ib_verify_options[];

/** @return IB_EDATA when planes differ from their checksums */
ib_status ib_verify(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
