/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/direct.h"
#include "gridder/wterm.h"

#include <string.h>

void ib_direct_begin(ib_direct *direct)
{
    for (size_t j = 0; direct->w && j < direct->n_m; j++)
        for (size_t i = 0; i < direct->n_l; i++)
            direct->depth[j][i] = ib_depth(direct->l[i], direct->m[j]);
    memset(direct->sum, 0, sizeof direct->sum);
    memset(direct->grid, 0, sizeof direct->grid);
    direct->weight = direct->square = 0;
}

void ib_direct_add(ib_direct *direct, const ib_direct_loop *loop, size_t n, const ib_direct_samples *samples)
{
    const ib_direct_samples s = *samples;
    const size_t            real = loop->real;
    size_t                  k = 0;

    for (; k + IB_DIRECT_BLOCK <= n; k += IB_DIRECT_BLOCK)
        loop->add(direct,
                  &(ib_direct_samples){s.scale, s.u + k, s.v + k, direct->w ? s.w + k : NULL,
                                       (const char *)s.value + 2 * k * real, (const char *)s.weight + k * real});
    if (k < n) { /* the others are zeros */
        double uvw[3][IB_DIRECT_BLOCK] = {{0}}, value[IB_DIRECT_BLOCK][2] = {{0}}, weight[IB_DIRECT_BLOCK] = {0};
        memcpy(uvw[0], s.u + k, (n - k) * sizeof(double));
        memcpy(uvw[1], s.v + k, (n - k) * sizeof(double));
        if (direct->w)
            memcpy(uvw[2], s.w + k, (n - k) * sizeof(double));
        memcpy(value, (const char *)s.value + 2 * k * real, 2 * (n - k) * real);
        memcpy(weight, (const char *)s.weight + k * real, (n - k) * real);
        loop->add(direct, &(ib_direct_samples){s.scale, uvw[0], uvw[1], uvw[2], value, weight});
    }
}

void ib_direct_merge(ib_direct *direct, const ib_direct *part)
{
    for (size_t j = 0; j < direct->n_m; j++)
        for (size_t i = 0; i < direct->n_l; i++)
            for (int side = 0; side < 4; side++) {
                direct->sum[j][side / 2][i][side % 2] += part->sum[j][side / 2][i][side % 2];
                direct->grid[j][side / 2][i][side % 2] += part->grid[j][side / 2][i][side % 2];
            }
    direct->weight += part->weight;
    direct->square += part->square;
}
