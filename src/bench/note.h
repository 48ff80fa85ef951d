/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench note`: what people say of commits, as records beside those of launches: a regression that is accepted, a baseline
 *  that begins anew. trend, gate and report heed it. */
#ifndef IB_BENCH_NOTE_H
#define IB_BENCH_NOTE_H

#include "bench/help.h"

extern const ib_help_option ib_note_options[];

/** The subcommand. @param argv  what follows its name
 *  @return IB_ENODATA for a commit or note that is not known. */
ib_status ib_annotate(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
