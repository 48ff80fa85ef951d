/* SPDX-License-Identifier: BSD-3-Clause */
/* The mosaic gridder's inner loop. Compiled as tile.c is: IB_ISA, IB_PRECISION. */
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/simd.h"

void CAT(ib_mosaic_reference, , _, IB_PRECISION)(const ib_mosaic_job *job);
void CAT(ib_mosaic_patch_reference, , _, IB_PRECISION)(int support, int planes, ib_patch *patch);

void NAME(ib_mosaic_)(const ib_mosaic_job *job);
void NAME(ib_mosaic_)(const ib_mosaic_job *job)
{
    CAT(ib_mosaic_reference, , _, IB_PRECISION)(job);
}

void NAME(ib_mosaic_patch_)(int support, int planes, ib_patch *patch);
void NAME(ib_mosaic_patch_)(int support, int planes, ib_patch *patch)
{
    CAT(ib_mosaic_patch_reference, , _, IB_PRECISION)(support, planes, patch);
}
