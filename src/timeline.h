/* SPDX-License-Identifier: BSD-3-Clause */
/** --trace: what all threads of all ranks did, in one file for ui.perfetto.dev and `imgbench trace`. */
#ifndef IB_TIMELINE_H
#define IB_TIMELINE_H

#include "imgbench.h"

/** Begin: the file is made under a temporary name, clocks of the ranks are compared, memory is taken. Nothing without --trace.
 *  Collective.
 *  @return IB_EIO when the file cannot be, IB_ENOMEM. */
ib_status ib_timeline_begin(const ib_config *cfg, MPI_Comm comm, ib_error *err);

/** Write it and give it its name, whatever became of the job; what goes wrong now is a warning. Collective. */
void ib_timeline_end(const ib_config *cfg, MPI_Comm comm);

#endif
