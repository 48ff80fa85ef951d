/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/sort.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { DIGIT = 11, BUCKETS = 1 << DIGIT };

typedef struct item {
    uint64_t key;
    uint32_t row;
} item;

void ib_order_clear(ib_order *o)
{
    ib_free(o->u);
    ib_free(o->v);
    ib_free(o->row);
    ib_free(o->tile);
    ib_free(o->list[0]);
    ib_free(o->list[1]);
    memset(o, 0, sizeof *o);
}

ib_status ib_order_reserve(ib_order *o, size_t n_row, ib_error *err)
{
    if (n_row <= o->room)
        return IB_OK;
    ib_order_clear(o);
    o->u = ib_alloc(n_row, sizeof *o->u, "sorted rows", err);
    o->v = ib_alloc(n_row, sizeof *o->v, "sorted rows", err);
    o->row = ib_alloc(n_row, sizeof *o->row, "sorted rows", err);
    for (int i = 0; i < 2; i++)
        o->list[i] = ib_alloc(n_row, sizeof(item), "sorted rows", err);
    if (!o->u || !o->v || !o->row || !o->list[0] || !o->list[1])
        return err->status;
    o->room = n_row;
    return IB_OK;
}

/* First cell of a support in grid columns or rows; samples far outside stay in the edge tiles, where each channel
   refuses them. */
static int64_t first_cell(double cells, int support, double origin, size_t limit)
{
    const double lowest = floor(cells - 0.5 * support) + 1 + origin;
    return lowest < 0 ? 0 : lowest > (double)limit - 1 ? (int64_t)limit - 1 : (int64_t)lowest;
}

/* Stable least-digit radix sort; the sorted list is left in *from. */
static void radix(item **from, item **to, size_t n, uint64_t largest)
{
    for (int shift = 0; shift < 64 && largest >> shift; shift += DIGIT) {
        size_t count[BUCKETS] = {0}, sum = 0;

        for (size_t i = 0; i < n; i++)
            count[(*from)[i].key >> shift & (BUCKETS - 1)]++;
        for (size_t b = 0; b < BUCKETS; b++) {
            const size_t c = count[b];
            count[b] = sum;
            sum += c;
        }
        for (size_t i = 0; i < n; i++)
            (*to)[count[(*from)[i].key >> shift & (BUCKETS - 1)]++] = (*from)[i];
        item *swap = *from;
        *from = *to;
        *to = swap;
    }
}

ib_status ib_order_rows(ib_order *o, const ib_geometry *g, size_t n_row, const double (*uvw)[3],
                        const int32_t (*antenna)[2], double freq, ib_error *err)
{
    ib_status rc = ib_order_reserve(o, n_row, err);
    if (rc)
        return rc;

    const double   su = freq / IB_LIGHT * g->cell[0] * (double)g->grid_nx;
    const double   sv = -freq / IB_LIGHT * g->cell[1] * (double)g->grid_ny; /* rows grow with -v */
    const uint64_t side = g->tile, tiles_u = g->stride / side + 1, tiles_v = g->height / side + 1;
    const uint64_t groups_u = side / (uint64_t)g->patch.group_u + 2, groups_v = side / (uint64_t)g->patch.group_v + 2;
    const uint64_t quarter = (tiles_u / 2 + 1) * (tiles_v / 2 + 1), groups = groups_u * groups_v;
    item          *from = o->list[0], *to = o->list[1];
    size_t         n = 0;
    uint64_t       largest = 0;

    for (size_t r = 0; r < n_row; r++) {
        if (antenna[r][0] == antenna[r][1] || !isfinite(uvw[r][0]) || !isfinite(uvw[r][1]) || !isfinite(uvw[r][2]))
            continue;
        const bool     turn = uvw[r][0] < 0;
        const double   u = turn ? -uvw[r][0] : uvw[r][0], v = turn ? -uvw[r][1] : uvw[r][1];
        const uint64_t column = (uint64_t)first_cell(u * su, g->support, (double)g->margin, g->stride);
        const uint64_t line = (uint64_t)first_cell(v * sv, g->support, (double)(g->grid_ny / 2), g->height);
        const uint64_t tu = column / side, tv = line / side, colour = tu % 2 + tv % 2 * 2;
        const uint64_t gu = column / (uint64_t)g->patch.group_u - tu * side / (uint64_t)g->patch.group_u;
        const uint64_t gv = line / (uint64_t)g->patch.group_v - tv * side / (uint64_t)g->patch.group_v;
        const uint64_t tile = colour * quarter + tv / 2 * (tiles_u / 2 + 1) + tu / 2;
        from[n].key = tile * groups + gv * groups_u + gu;
        from[n].row = (uint32_t)r | (turn ? IB_CONJUGATED : 0);
        largest = from[n].key > largest ? from[n].key : largest;
        n++;
    }
    radix(&from, &to, n, largest);

    size_t n_tile = 0;
    for (size_t i = 0; i < n; i++)
        n_tile += i == 0 || from[i].key / groups != from[i - 1].key / groups;
    if (n_tile > o->tile_room) {
        ib_free(o->tile);
        o->tile = ib_alloc(2 * n_tile, sizeof *o->tile, "tiles", err);
        o->tile_room = o->tile ? 2 * n_tile : 0;
        if (!o->tile)
            return err->status;
    }

    size_t   t = 0;
    uint64_t colour = 0;
    o->n = n;
    o->colour_first[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t tile = from[i].key / groups;
        if (i == 0 || tile != from[i - 1].key / groups) {
            for (; colour < tile / quarter; colour++)
                o->colour_first[colour + 1] = t;
            o->tile[t++] = (ib_tile){(uint32_t)i, 0};
        }
        o->tile[t - 1].n++;

        const uint32_t r = from[i].row & IB_ROW_MASK;
        const double   sign = from[i].row & IB_CONJUGATED ? -1 : 1;
        o->row[i] = from[i].row;
        o->u[i] = sign * uvw[r][0];
        o->v[i] = sign * uvw[r][1];
    }
    for (; colour < IB_COLOURS; colour++)
        o->colour_first[colour + 1] = t;
    return IB_OK;
}
