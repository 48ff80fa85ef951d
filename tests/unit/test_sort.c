/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "gridder/sort.h"
#include "ib_test.h"

enum { N_ROW = 40000 }; /* worth several threads */

static double  uvw[N_ROW][3];
static int32_t antenna[N_ROW][2];

/* Rows all over a grid, on both half planes, a few outside; some that are left out. @return how many are in order. */
static size_t scatter_rows(const ib_geometry *g)
{
    uint64_t state = 1;
    size_t   n = 0;

    for (size_t r = 0; r < N_ROW; r++) {
        for (int axis = 0; axis < 2; axis++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            uvw[r][axis] = 1.05 * ((double)(state >> 33) * 0x1p-31 - 0.5) / g->cell[axis] * IB_LIGHT / 1e9;
        }
        uvw[r][2] = 0;
        antenna[r][0] = 0;
        antenna[r][1] = r % 31 != 0;
        if (r % 37 == 0)
            uvw[r][r % 3] = r % 2 ? NAN : INFINITY;
        if (r % 41 == 0)
            uvw[r][0] = 0;
        n += antenna[r][1] && isfinite(uvw[r][0]) && isfinite(uvw[r][1]) && isfinite(uvw[r][2]);
    }
    return n;
}

/* Tile of a sample along an axis of the grid: where its support begins. */
static size_t tile_at(double cells, double origin, const ib_geometry *g, size_t limit)
{
    const double first = floor(cells - 0.5 * g->support) + 1 + origin;
    return (size_t)fmin(fmax(first, 0), (double)limit - 1) / g->tile;
}

/* Every row once; a tile of the list is one of the grid, none comes twice, and its colour is its place's. */
static void check_order(ib_test *t, const ib_geometry *g, const ib_order *o)
{
    const double scale_u = 1e9 / IB_LIGHT * g->cell[0] * (double)g->grid_nx;
    const double scale_v = -1e9 / IB_LIGHT * g->cell[1] * (double)g->grid_ny;
    size_t       next = 0, wrong = 0;
    static bool  seen[N_ROW];

    memset(seen, 0, sizeof seen);
    for (size_t colour = 0, last = SIZE_MAX; colour < IB_COLOURS; colour++, last = SIZE_MAX)
        for (size_t k = o->colour_first[colour]; k < o->colour_first[colour + 1]; k++) {
            const ib_tile *tile = &o->tile[k];
            wrong += tile->first != next || !tile->n;
            next = tile->first + tile->n;
            for (size_t i = tile->first; i < next; i++) {
                const size_t row = o->row[i] & IB_ROW_MASK;
                const size_t tu = tile_at(o->u[i] * scale_u, (double)g->margin, g, g->stride);
                const size_t tv = tile_at(o->v[i] * scale_v, (double)(g->grid_ny / 2), g, g->height);
                const size_t place = tv * (g->stride / g->tile + 1) + tu;
                wrong += tu % 2 + tv % 2 * 2 != colour || seen[row] || !(o->u[i] >= 0);
                wrong += i == tile->first ? last != SIZE_MAX && place <= last : place != last;
                seen[row] = true;
                last = place;
            }
        }
    IB_CHECK(t, next == o->n && o->colour_first[0] == 0);
    IB_NEAR(t, (double)wrong, 0, 0);
}

/* The order is what it should be, and the same by any number of threads. */
static void check_grid(ib_test *t, const char *isa, size_t side, double padding, int planes, int support)
{
    ib_geometry g = {.nx = side, .ny = side, .cell = {1e-6, 1.5e-6}};
    ib_order    one = {0}, many = {0};
    ib_error    err;

    ib_lay_out(&g, ib_isa_find(isa), IB_SINGLE, planes, support, padding);
    const size_t n = scatter_rows(&g);
    IB_CHECK(t, !ib_order_rows(&one, &g, N_ROW, (const double(*)[3])uvw, (const int32_t(*)[2])antenna, 1e9, 1, &err));
    IB_NEAR(t, (double)one.n, (double)n, 0);
    check_order(t, &g, &one);
    for (int n_thread = 2; n_thread <= 3; n_thread++) {
        IB_CHECK(t, !ib_order_rows(&many, &g, N_ROW, (const double(*)[3])uvw, (const int32_t(*)[2])antenna, 1e9,
                                   n_thread, &err));
        IB_CHECK(t, many.n == one.n && !memcmp(many.row, one.row, n * sizeof *one.row) &&
                        !memcmp(many.u, one.u, n * sizeof *one.u) && !memcmp(many.v, one.v, n * sizeof *one.v));
    }
    ib_order_clear(&one);
    ib_order_clear(&many);
}

static void tiles_keep_their_colours_on_grids_of_any_size(ib_test *t)
{
    check_grid(t, "auto", 8, 1.2, 1, 3);
    check_grid(t, "auto", 33, 3, 8, 51);
    check_grid(t, "auto", 1000, 1.2, 4, 7);
    check_grid(t, IB_BASE, 65536, 2, 1, 4); /* the most groups that are likely */
    check_grid(t, IB_BASE, 65536, 8, 8, 3); /* the largest grid that may be asked for */
}

IB_TEST_MAIN({IB_TEST(tiles_keep_their_colours_on_grids_of_any_size)})
