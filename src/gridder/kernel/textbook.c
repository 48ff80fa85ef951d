/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled as tile.c is, so that the compiler may do its best for the baseline, too: IB_ISA, IB_PRECISION. */
#include "gridder/kernel/textbook.h"
#include "gridder/kernel/simd.h"

void NAME(ib_textbook_)(const ib_textbook_job *job);
void NAME(ib_textbook_)(const ib_textbook_job *job)
{
    const int   support = job->support, oversampling = job->oversampling, nu = job->side[0], nv = job->side[1];
    const real *value = job->value, *taps = job->taps;
    real       *grid = job->grid;

    for (size_t k = 0; k < job->n; k++) {
        const double u = job->uvw[k][0] * job->scale[0] + nu / 2, v = job->uvw[k][1] * job->scale[1] + nv / 2;
        const int    iu = (int)(u + 0.5), iv = (int)(v + 0.5), first_u = iu - support / 2, first_v = iv - support / 2;

        if (first_u < 0 || first_v < 0 || first_u + support > nu || first_v + support > nv)
            continue;
        const real *ku = taps + (int)((iu - u + 0.5) * oversampling + 0.5) * support;
        const real *kv = taps + (int)((iv - v + 0.5) * oversampling + 0.5) * support;
        for (int j = 0; j < support; j++) {
            real *restrict g = grid + 2 * ((size_t)(first_v + j) * (size_t)nu + (size_t)first_u);
            const real re = kv[j] * value[2 * k], im = kv[j] * value[2 * k + 1];
            for (int i = 0; i < support; i++) {
                g[2 * i] += ku[i] * re;
                g[2 * i + 1] += ku[i] * im;
            }
        }
    }
}

void NAME(ib_textbook_mosaic_)(const ib_textbook_mosaic_job *job);
void NAME(ib_textbook_mosaic_)(const ib_textbook_mosaic_job *job)
{
    const int    support = job->support, oversampling = job->oversampling;
    const size_t side = (size_t)job->side;
    const real  *value = job->value, *taps = job->taps;
    real        *grid = job->grid;

    for (size_t k = 0; k < job->n; k++, value += 2) {
        const double u = job->at[k][0], v = job->at[k][1];
        const int    iu = (int)(u + 0.5), iv = (int)(v + 0.5), first_u = iu - support / 2, first_v = iv - support / 2;
        const int    row = (int)((iv - v + 0.5) * oversampling + 0.5),
                  column = (int)((iu - u + 0.5) * oversampling + 0.5);
        const real *tap = taps + (size_t)(row * (oversampling + 1) + column) * (size_t)(support * support);
        const real *pu = (const real *)job->phase[0] + 2 * (size_t)job->pointing[k] * side + first_u;
        const real *pv = (const real *)job->phase[1] + 2 * (size_t)job->pointing[k] * side + first_v;
        for (int j = 0; j < support; j++, tap += support) {
            real *restrict g = grid + 2 * ((size_t)(first_v + j) * side + (size_t)first_u);
            const real *p = pu, *q = pu + side;
            const real  a = pv[j] * value[0] - pv[side + (size_t)j] * value[1];
            const real  b = pv[j] * value[1] + pv[side + (size_t)j] * value[0];
            for (int i = 0; i < support; i++) {
                g[2 * i] += tap[i] * (p[i] * a - q[i] * b);
                g[2 * i + 1] += tap[i] * (p[i] * b + q[i] * a);
            }
        }
    }
}
