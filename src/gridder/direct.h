/* SPDX-License-Identifier: BSD-3-Clause */
/** The direct Fourier sum, with the w-term or without it, where chosen columns and rows of an image cross. Both come in pairs, one as
 *  far on either side of the centre: they share their sines and cosines, which are most of the work. */
#ifndef IB_GRIDDER_DIRECT_H
#define IB_GRIDDER_DIRECT_H

#include "gridder/kernel/direct.h"

/** Nothing is added yet. */
void ib_direct_begin(ib_direct *direct);

/** Add n samples. Their order is part of the rounding, and nothing else is. Few at a time cost more each: they are taken
 *  by blocks. */
void ib_direct_add(ib_direct *direct, const ib_direct_loop *loop, size_t n, const ib_direct_samples *samples);

/** Add the sums of another part of the samples, for the same pixels. */
void ib_direct_merge(ib_direct *direct, const ib_direct *part);

#endif
