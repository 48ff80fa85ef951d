/* SPDX-License-Identifier: BSD-3-Clause */
/* The leaf loops as a textbook would write them: what the fast ones are tested against, and the baseline of speed. */
#include "gridder/kernel/kernel.h"

#define REFERENCE(precision, real)                                                                                   \
    void ib_patch_reference_##precision(int support, ib_patch *patch);                                               \
    void ib_patch_reference_##precision(int support, ib_patch *patch)                                                \
    {                                                                                                                \
        *patch = (ib_patch){1, 1, support, support};                                                                 \
    }                                                                                                                \
                                                                                                                     \
    static real tap_##precision(const ib_tile_job *job, double position, int i)                                      \
    {                                                                                                                \
        const int   row = (int)position;                                                                             \
        const real *t = (const real *)job->taps + (size_t)row * job->tap_stride;                                     \
        const real  f = job->linear ? (real)(position - row) : 0;                                                    \
        return t[i] + f * (t[(size_t)i + job->tap_stride] - t[i]);                                                   \
    }                                                                                                                \
                                                                                                                     \
    void ib_grid_reference_##precision(const ib_tile_job *job);                                                      \
    void ib_grid_reference_##precision(const ib_tile_job *job)                                                       \
    {                                                                                                                \
        for (size_t q = 0; q < job->n_plane; q++)                                                                    \
            for (size_t k = 0; k < job->n; k++) {                                                                    \
                const real *value = (const real *)job->value[q] + 2 * k;                                             \
                for (int j = 0; j < job->support; j++) {                                                             \
                    real *g =                                                                                        \
                        (real *)job->grid[q] + 2 * ((size_t)(job->iv[k] + j) * job->stride + (size_t)job->iu[k]);    \
                    const real tv = tap_##precision(job, job->pv[k], j);                                             \
                    for (int i = 0; i < job->support; i++) {                                                         \
                        const real tu = tap_##precision(job, job->pu[k], i);                                         \
                        g[2 * i] += tu * (tv * value[0]);                                                            \
                        g[2 * i + 1] += tu * (tv * value[1]);                                                        \
                    }                                                                                                \
                }                                                                                                    \
            }                                                                                                        \
    }

REFERENCE(f32, float)
REFERENCE(f64, double)

void ib_locate_reference(const ib_locate_job *job);
void ib_locate_base(const ib_locate_job *job);

void ib_locate_reference(const ib_locate_job *job)
{
    ib_locate_base(job);
}
