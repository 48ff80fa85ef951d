/* SPDX-License-Identifier: BSD-3-Clause */
/** Phases of many samples at once, with vectors; the bits do not depend on the machine. */
#ifndef IB_GRIDDER_PHASOR_H
#define IB_GRIDDER_PHASOR_H

#include <stddef.h>

/** out[i] = exp(2 pi i turns[i]) as re, im, wrong by at most 1e-15 + 2^-52 |turns|. turns and out may not overlap. */
void ib_phasors(size_t n, const double *turns, double (*out)[2]);

#endif
