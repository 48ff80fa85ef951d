/* SPDX-License-Identifier: BSD-3-Clause */
/* The leaf loops as a textbook would write them: what the fast ones are tested against, and the baseline of speed. */
#include "gridder/kernel/kernel.h"

/* The fate of a sample by branches, in the order of the specification: flagged, not finite, weightless, usable. */
#define REFERENCE(precision, real, largest)                                                                          \
    void ib_patch_reference_##precision(int support, int planes, ib_patch *patch);                                   \
    void ib_patch_reference_##precision(int support, int planes, ib_patch *patch)                                    \
    {                                                                                                                \
                                                                                                                     \
        *patch = (ib_patch){1, 1, support, support, support * support * planes};                                     \
    }                                                                                                                \
                                                                                                                     \
    static real tap_##precision(const ib_tile_job *job, real position, int i)                                        \
    {                                                                                                                \
        const int   row = (int)position;                                                                             \
        const real *t = (const real *)job->taps + (size_t)row * job->tap_stride + IB_LEAD + i;                       \
        return job->linear ? t[0] + (position - (real)row) * (t[job->tap_stride] - t[0]) : t[0];                     \
    }                                                                                                                \
                                                                                                                     \
    void ib_grid_reference_##precision(const ib_tile_job *job);                                                      \
    void ib_grid_reference_##precision(const ib_tile_job *job)                                                       \
    {                                                                                                                \
        const size_t planes = (size_t)job->planes;                                                                   \
        for (size_t k = 0; k < job->n; k++)                                                                          \
            for (int j = 0; j < job->support; j++) {                                                                 \
                real *g =                                                                                            \
                    (real *)job->grid + 2 * planes * ((size_t)(job->iv[k] + j) * job->stride + (size_t)job->iu[k]);  \
                const real tv = tap_##precision(job, ((const real *)job->pv)[k], j);                                 \
                for (int i = 0; i < job->support; i++) {                                                             \
                    const real tu = tap_##precision(job, ((const real *)job->pu)[k], i);                             \
                    for (size_t q = 0; q < 2 * planes; q++)                                                          \
                        g[2 * planes * (size_t)i + q] += tu * (tv * ((const real *)job->value)[2 * planes * k + q]); \
                }                                                                                                    \
            }                                                                                                        \
    }                                                                                                                \
                                                                                                                     \
    void ib_mosaic_patch_reference_##precision(int support, int planes, ib_patch *patch);                            \
    void ib_mosaic_patch_reference_##precision(int support, int planes, ib_patch *patch)                             \
    {                                                                                                                \
        ib_patch_reference_##precision(support, planes, patch);                                                      \
    }                                                                                                                \
                                                                                                                     \
    /* Square of the table that a position lies in, and where: -1 .. 1. */                                           \
    static size_t square_##precision(const ib_mosaic_table *t, real position, real *part)                            \
    {                                                                                                                \
        int k = (int)position;                                                                                       \
        k = k < 0 ? 0 : k >= t->oversampling ? t->oversampling - 1 : k;                                              \
        *part = 2 * (position - (real)k) - 1;                                                                        \
        return (size_t)k;                                                                                            \
    }                                                                                                                \
                                                                                                                     \
    void ib_mosaic_reference_##precision(const ib_mosaic_job *job);                                                  \
    void ib_mosaic_reference_##precision(const ib_mosaic_job *job)                                                   \
    {                                                                                                                \
        const ib_mosaic_table *t = &job->table;                                                                      \
        const size_t           planes = (size_t)job->planes;                                                         \
        for (size_t k = 0; k < job->n; k++) {                                                                        \
            const size_t column = (size_t)job->iu[k], row = (size_t)job->iv[k], at = 2 * (size_t)job->pointing[k];   \
            const real  *value = (const real *)job->value + 2 * planes * k;                                          \
            const real  *pu = (const real *)job->phase_u + at * job->phase_columns + column;                         \
            const real  *pv = (const real *)job->phase_v + at * job->phase_rows + row;                               \
            const size_t o = (size_t)t->oversampling;                                                                \
            real         x, y;                                                                                       \
            const size_t u = square_##precision(t, ((const real *)job->pu)[k], &x);                                  \
            const size_t v = square_##precision(t, ((const real *)job->pv)[k], &y);                                  \
            const real  *taps = (const real *)t->taps +                                                              \
                               (((size_t)job->pair[k] * o + v) * o + u) * t->rows * IB_MOSAIC_TERMS * t->columns;    \
            for (int j = 0; j < t->support; j++)                                                                     \
                for (int i = 0; i < t->support; i++) {                                                               \
                    const real re =                                                                                  \
                        pu[i] * pv[j] - pu[job->phase_columns + (size_t)i] * pv[job->phase_rows + (size_t)j];        \
                    const real im =                                                                                  \
                        pu[i] * pv[job->phase_rows + (size_t)j] + pu[job->phase_columns + (size_t)i] * pv[j];        \
                    real *g =                                                                                        \
                        (real *)job->grid + 2 * planes * ((row + (size_t)j) * job->stride + column + (size_t)i);     \
                    const real *c = taps + (size_t)j * IB_MOSAIC_TERMS * t->columns + i;                             \
                    const real  tap = c[0] + x * c[t->columns] + y * c[2 * t->columns] + x * x * c[3 * t->columns] + \
                                     x * y * c[4 * t->columns] + y * y * c[5 * t->columns];                          \
                    for (size_t q = 0; q < 2 * planes; q += 2) {                                                     \
                        g[q] += tap * (re * value[q] - im * value[q + 1]);                                           \
                        g[q + 1] += tap * (re * value[q + 1] + im * value[q]);                                       \
                    }                                                                                                \
                }                                                                                                    \
        }                                                                                                            \
    }                                                                                                                \
                                                                                                                     \
    static void weigh_one_##precision(ib_weigh_job *job, size_t r, int side)                                         \
    {                                                                                                                \
        real *const value = (real *)job->value + r * job->value_step + 2 * side;                                     \
        real *const w = (real *)job->natural + r * job->weight_step + (size_t)side * job->weight_side;               \
        double      re = 0, im = 0, weight[2] = {0, 0};                                                              \
        int         flagged = 0, finite = 1;                                                                         \
                                                                                                                     \
        value[0] = value[1] = w[0] = 0;                                                                              \
        for (int i = 0; i < job->n_in; i++) {                                                                        \
            const size_t k = r * job->n_corr + (size_t)(job->in[i] + side);                                          \
            const double x = (double)job->vis[k][0], y = (double)job->vis[k][1];                                     \
            weight[i] = (double)job->weight[k];                                                                      \
            flagged = flagged || job->flag[k];                                                                       \
            finite = finite && x - x == 0 && y - y == 0 && weight[i] - weight[i] == 0;                               \
            re += job->n_in == 1 ? x : job->factor[i][0] * x - job->factor[i][1] * y;                                \
            im += job->n_in == 1 ? y : job->factor[i][0] * y + job->factor[i][1] * x;                                \
        }                                                                                                            \
        if (!job->use[r])                                                                                            \
            return;                                                                                                  \
        if (flagged)                                                                                                 \
            job->flagged[side]++;                                                                                    \
        else if (!finite)                                                                                            \
            job->not_finite[side]++;                                                                                 \
        else if (!(weight[0] > 0) || (job->n_in == 2 && !(weight[1] > 0)))                                           \
            job->weightless[side]++;                                                                                 \
        else {                                                                                                       \
            const double low = weight[0] < weight[1] ? weight[0] : weight[1], sum = weight[0] + weight[1];           \
            const double one = job->n_in == 1   ? weight[0]                                                          \
                               : job->rule == 0 ? 4 * weight[0] * weight[1] / sum                                    \
                               : job->rule == 1 ? 2 * low                                                            \
                                                : sum;                                                               \
            if (one * re < largest && one * re > -largest && one * im < largest && one * im > -largest &&            \
                one < largest) {                                                                                     \
                value[0] = (real)(one * re);                                                                         \
                value[1] = (real)(one * im);                                                                         \
                w[0] = (real)one;                                                                                    \
                job->good[side]++;                                                                                   \
                job->total[side] += (double)w[0];                                                                    \
            } else                                                                                                   \
                job->not_finite[side]++;                                                                             \
        }                                                                                                            \
    }                                                                                                                \
                                                                                                                     \
    void ib_weigh_reference_##precision(ib_weigh_job *job);                                                          \
    void ib_weigh_reference_##precision(ib_weigh_job *job)                                                           \
    {                                                                                                                \
        for (size_t r = 0; r < job->n_row; r++)                                                                      \
            for (int side = 0; side < job->side; side++)                                                             \
                weigh_one_##precision(job, r, side);                                                                 \
    }

REFERENCE(f32, float, 1e37)
REFERENCE(f64, double, 1e300)

void ib_locate_reference(ib_locate_job *job);
void ib_locate_base(ib_locate_job *job);

/* Places must not depend on the instruction set: there is one way to find them, tested by itself. */
void ib_locate_reference(ib_locate_job *job)
{
    ib_locate_base(job);
}
