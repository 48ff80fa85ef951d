/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * A layer over a source: its visibilities as they are on other channels, in another spectral frame.
 *
 * Each row's channels lie elsewhere in a frame that its array moves in: by as much as the frequency times the velocity
 * over c, which changes with time. A sample of an output channel is made of the row's input channels beside the
 * place where the output channel lies at that time (imaging-spec 7.5):
 *
 *   nearest  the input channel whose centre is closest, if it is within half a width of it;
 *   linear   V = (1 - a) V_j + a V_j+1, of weight 1/((1 - a)^2/w_j + a^2/w_j+1), flagged if either is. Both must be
 *            neighbours in the input. A place within a millionth of a channel of a centre takes that channel as it is.
 *
 * What has no such channels is flagged. Rows carry uvw for the output frequencies: in metres times nu_topo/nu_out, so
 * that uvw nu_out/c are the wavelengths at the array, for every channel of the row.
 *
 * Samples have the same bits whatever ranges they are read in. Where frame and channels are those of the input, all
 * passes through untouched.
 */
#ifndef IB_MODEL_REGRID_H
#define IB_MODEL_REGRID_H

#include "model/source.h"

/** Does cfg ask for other channels or a frame? */
bool ib_regrid_wanted(const ib_config *cfg);

/** Open a source and put the layer over it; *self is for ib_regrid_ops. Looks at every row's time once.
 *  @param info  of the output channels; as the source's in all else. Must outlive *self.
 *  @return IB_EUSAGE for a grid that cannot be read or meets no channel, IB_EUNSUPPORTED for frames that are not known
 *  and channels that are not in order, IB_EDATA for rows without time or place, and what the source returns. */
ib_status ib_regrid_open(void **self, const ib_source_ops *source, const char *path, const ib_config *cfg,
                         ib_vis_info *info, ib_error *err);

/** rows, read and close of the layer; as concurrent as the source below. */
extern const ib_source_ops ib_regrid_ops;

#endif
