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
        for (size_t k = o->first[colour]; k < o->first[colour + 1]; k++) {
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
    IB_CHECK(t, next == o->n && o->first[0] == 0);
    IB_NEAR(t, (double)wrong, 0, 0);
}

/* The order is what it should be, and the same by any number of threads. */
static void check_grid(ib_test *t, const char *isa, size_t side, double padding, int planes, int support,
                       const uint32_t *kind, uint32_t n_kind)
{
    ib_geometry g = {.nx = side, .ny = side, .cell = {1e-6, 1.5e-6}};
    ib_order    one = {0}, many = {0};
    ib_error    err;

    ib_lay_out(&g, ib_isa_find(isa), IB_SINGLE, planes, support, padding);
    const size_t n = scatter_rows(&g);
    IB_CHECK(t, !ib_order_rows(&one, &g, N_ROW, (const double(*)[3])uvw, (const int32_t(*)[2])antenna, kind, n_kind,
                               1e9, 1, &err));
    IB_NEAR(t, (double)one.n, (double)n, 0);
    check_order(t, &g, &one);
    for (int n_thread = 2; n_thread <= 3; n_thread++) {
        IB_CHECK(t, !ib_order_rows(&many, &g, N_ROW, (const double(*)[3])uvw, (const int32_t(*)[2])antenna, kind,
                                   n_kind, 1e9, n_thread, &err));
        IB_CHECK(t, many.n == one.n && !memcmp(many.row, one.row, n * sizeof *one.row) &&
                        !memcmp(many.u, one.u, n * sizeof *one.u) && !memcmp(many.v, one.v, n * sizeof *one.v));
    }
    ib_order_clear(&one);
    ib_order_clear(&many);
}

static void tiles_keep_their_colours_on_grids_of_any_size(ib_test *t)
{
    check_grid(t, "auto", 8, 1.2, 1, 3, NULL, 1);
    check_grid(t, "auto", 33, 3, 8, 51, NULL, 1);
    check_grid(t, "auto", 1000, 1.2, 4, 7, NULL, 1);
    check_grid(t, IB_BASE, 65536, 2, 1, 4, NULL, 1); /* the most groups that are likely */
    check_grid(t, IB_BASE, 65536, 8, 8, 3, NULL, 1); /* the largest grid that may be asked for */
}

/* Samples of a group of cells are sorted by square of their cells, if there are any, so that as many as can be share its
   kernels; within a square by kind, likewise; and within a kind by row. */
static void check_groups(ib_test *t, int squares)
{
    enum { KINDS = 23 };
    static uint32_t kind[N_ROW];
    ib_geometry     g = {.nx = 64, .ny = 64, .cell = {1e-6, 1.5e-6}};
    ib_order        o = {0};
    ib_error        err;
    size_t          wrong = 0, same = 0;

    for (size_t r = 0; r < N_ROW; r++)
        kind[r] = (uint32_t)(r * 7 % KINDS);
    check_grid(t, "auto", 64, 1.2, 1, 7, kind, KINDS);
    check_grid(t, IB_BASE, 65536, 8, 8, 3, kind, 60000); /* more than keys have room for: the tiles are right */

    ib_lay_out(&g, ib_isa_find("auto"), IB_SINGLE, 1, 7, 1.2);
    g.squares = squares;
    scatter_rows(&g);
    IB_CHECK(t, !ib_order_rows(&o, &g, N_ROW, (const double(*)[3])uvw, (const int32_t(*)[2])antenna, kind, KINDS, 1e9,
                               1, &err));
    for (size_t k = 0; k < ib_order_tiles(&o); k++)
        for (size_t i = o.tile[k].first + 1; i < o.tile[k].first + o.tile[k].n; i++) {
            const double su = 1e9 / IB_LIGHT * g.cell[0] * (double)g.grid_nx;
            const double sv = -1e9 / IB_LIGHT * g.cell[1] * (double)g.grid_ny;
            const size_t a = o.row[i - 1] & IB_ROW_MASK, b = o.row[i] & IB_ROW_MASK;
            const double group[2] = {g.patch.group_u, g.patch.group_v},
                         origin[2] = {(double)g.margin, (double)(g.grid_ny / 2)};
            bool together = true;
            int  square[2] = {0, 0};
            for (int axis = 1; axis >= 0; axis--) {
                const double *x = axis ? o.v : o.u, scale = axis ? sv : su;
                const double  limit = axis ? (double)g.height : (double)g.stride;
                double        place[2];
                for (size_t s = 0; s < 2; s++) {
                    const double from = x[i - 1 + s] * scale - 3.5;
                    place[s] = floor(fmin(fmax(floor(from) + 1 + origin[axis], 0), limit - 1) / group[axis]);
                    square[s] = square[s] * squares + (int)((from - floor(from)) * squares);
                }
                together = together && place[0] == place[1];
            }
            same += together && square[0] == square[1];
            wrong += together && square[0] > square[1];
            wrong += together && square[0] == square[1] && (kind[a] > kind[b] || (kind[a] == kind[b] && a >= b));
        }
    IB_CHECK(t, same > N_ROW / 200);
    IB_NEAR(t, (double)wrong, 0, 0);
    ib_order_clear(&o);
}

static void kinds_are_together_within_squares_within_groups_of_cells(ib_test *t)
{
    check_groups(t, 0);
    check_groups(t, 3);
}

IB_TEST_MAIN({IB_TEST(tiles_keep_their_colours_on_grids_of_any_size),
              IB_TEST(kinds_are_together_within_squares_within_groups_of_cells)})
