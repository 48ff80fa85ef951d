/* SPDX-License-Identifier: BSD-3-Clause */
/** Launches of this very program, made to measure something. */
#ifndef IB_BENCH_TRIAL_H
#define IB_BENCH_TRIAL_H

#include "bench/process.h"
#include "imgbench.h"

#include <jansson.h>

/** A new folder of one's own in another one: "" is TMPDIR, else /tmp. */
ib_status ib_trial_folder(const char *parent, char *path, size_t size, ib_error *err);

/** Begin a command: this program on so many ranks, by mpirun where they are several. Words follow with ib_command_add. */
ib_status ib_trial_begin(ib_command_line *line, int n_rank, ib_error *err);

/** Launch it and wait. @param summary  receives what it prints, JSON; the caller's. NULL: it prints none
 *  @return IB_EUNSUPPORTED when it could not be launched or failed; the sentence has its complaint. */
ib_status ib_trial_run(ib_command_line *line, json_t **summary, ib_error *err);

#endif
