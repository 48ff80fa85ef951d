/* SPDX-License-Identifier: BSD-3-Clause */
/** Visibilities of any source to native HDF5 (docs/visibilities.md), over MPI. */
#ifndef IB_CONVERT_H
#define IB_CONVERT_H

#include "imgbench.h"

#include <stdbool.h>

/** Write what cfg selects of cfg->input to cfg->output, averaged as cfg says: the same bytes for any number of ranks, any
 *  memory and any number of starts. Goes on with what an earlier start finished when cfg->resume says so. Collective.
 *  @param stop  asked between blocks: true ends it with IB_EINTERRUPTED, what is finished stays
 *  @return the same status, and the same err, on every rank. On failure nothing is left under the final name. */
ib_status ib_convert(const ib_config *cfg, MPI_Comm comm, bool (*stop)(void), ib_error *err);

#endif
