/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled as tile.c is, so that the compiler may do its best for the baseline, too: IB_ISA, IB_PRECISION. */
#include "gridder/kernel/textbook.h"
#include "gridder/kernel/simd.h"

#include <math.h>

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
    enum { MOST = 129 };
    const int    support = job->support, oversampling = job->oversampling;
    const real  *value = job->value, *taps = job->taps;
    const double turn = 8 * atan(1);
    real        *grid = job->grid, re[2][MOST], im[2][MOST];

    for (size_t k = 0; k < job->n; k++) {
        int first[2], offset[2];
        for (int axis = 0; axis < 2; axis++) {
            const double at = job->at[k][axis], step = turn * job->turns[job->pointing[k]][axis];
            const int    nearest = (int)(at + 0.5);
            const double c = cos(step), s = sin(step);
            first[axis] = nearest - support / 2;
            offset[axis] = (int)((nearest - at + 0.5) * oversampling + 0.5);
            double x = cos(step * (first[axis] - at)), y = sin(step * (first[axis] - at));
            for (int i = 0; i < support; i++) {
                re[axis][i] = (real)x;
                im[axis][i] = (real)y;
                const double next = x * c - y * s;
                y = x * s + y * c;
                x = next;
            }
        }
        const real *tap = taps + (size_t)(offset[1] * (oversampling + 1) + offset[0]) * (size_t)(support * support);
        for (int j = 0; j < support; j++, tap += support) {
            real *restrict g = grid + 2 * ((size_t)(first[1] + j) * (size_t)job->side + (size_t)first[0]);
            const real a = re[1][j] * value[2 * k] - im[1][j] * value[2 * k + 1];
            const real b = re[1][j] * value[2 * k + 1] + im[1][j] * value[2 * k];
            for (int i = 0; i < support; i++) {
                g[2 * i] += tap[i] * (re[0][i] * a - im[0][i] * b);
                g[2 * i + 1] += tap[i] * (re[0][i] * b + im[0][i] * a);
            }
        }
    }
}
