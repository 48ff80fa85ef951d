/* SPDX-License-Identifier: BSD-3-Clause */
/** Rows in the order of the grid, once for a whole bin of channels. */
#ifndef IB_GRIDDER_SORT_H
#define IB_GRIDDER_SORT_H

#include "gridder/plan.h"

enum { IB_COLOURS = 4 };

#define IB_CONJUGATED 0x80000000u /* in ib_order.row: the sample stands at (-u, -v), conjugated */
#define IB_ROW_MASK   0x7fffffffu

/** The samples of one tile: [first, first + n) of an order. */
typedef struct ib_tile {
    uint32_t first, n;
} ib_tile;

/**
 * Rows of one block sorted by slab of w, colour, tile, group of cells, square of a cell, and kind, at one reference frequency.
 *
 * Tiles of one colour touch no common cell, whatever channel of the bin is gridded: they may be gridded side by side.
 * Every user goes through the colours in turn and through a tile in list order, so that each cell's additions happen in
 * one order, whatever the number of threads.
 *
 * Autocorrelations and rows whose uvw is not finite are left out. u is never negative: rows on the other half plane
 * stand at (-u, -v) and are marked.
 */
typedef struct ib_order {
    size_t    n;
    double   *u, *v; /* [n] m */
    double   *w;     /* [n] m, of what stands at u, v; NULL where it is neglected */
    uint32_t *row;   /* [n] row of the block, with IB_CONJUGATED */
    ib_tile  *tile;  /* [first[n_slab * IB_COLOURS]] */
    size_t   *first; /* [n_slab * IB_COLOURS + 1] tiles of a slab of w and a colour */
    int       n_slab;
    size_t    room, tile_room;
    void     *list[2]; /* the sort's own */
} ib_order;

/** Room for n_row rows; ended by ib_order_clear. */
ib_status ib_order_reserve(ib_order *order, const ib_geometry *geometry, size_t n_row, ib_error *err);

/** Tiles of all slabs. */
static inline size_t ib_order_tiles(const ib_order *order)
{
    return order->first ? order->first[order->n_slab * IB_COLOURS] : 0;
}

void ib_order_clear(ib_order *order);

/** Sort rows at a frequency, with n_thread threads: the order does not depend on them. Thread-safe over different
 *  orders.
 *  @param kind  [n_row], below n_kind: rows of one square of a group of cells are sorted by it; NULL: they are all alike
 *  @return IB_ENOMEM. */
ib_status ib_order_rows(ib_order *order, const ib_geometry *geometry, size_t n_row, const double (*uvw)[3],
                        const int32_t (*antenna)[2], const uint32_t *kind, uint32_t n_kind, double freq, int n_thread,
                        ib_error *err);

#endif
