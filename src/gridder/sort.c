/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/sort.h"
#include "base/mem.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    DIGIT = 11,
    BUCKETS = 1 << DIGIT,
    MOST_THREADS = 64,
    ENOUGH = 1 << 14, /* rows that are worth a thread */
    AHEAD = 24        /* rows fetched ahead: in grid order they lie anywhere */
};

/* What a row is sorted by, in the upper half, and the row with its mark. */
typedef uint64_t item;

static inline item make_item(uint32_t key, uint32_t row)
{
    return (item)key << 32 | row;
}

static inline uint32_t key_of(item x)
{
    return (uint32_t)(x >> 32);
}

void ib_order_clear(ib_order *o)
{
    ib_free(o->u);
    ib_free(o->v);
    ib_free(o->w);
    ib_free(o->first);
    ib_free(o->row);
    ib_free(o->tile);
    ib_free(o->list[0]);
    ib_free(o->list[1]);
    memset(o, 0, sizeof *o);
}

ib_status ib_order_reserve(ib_order *o, const ib_geometry *g, size_t n_row, ib_error *err)
{
    if (n_row <= o->room && o->first)
        return IB_OK;
    ib_order_clear(o);
    o->n_slab = g->w.n_term ? g->w.n_slab : 1;
    o->first = ib_alloc((size_t)o->n_slab * IB_COLOURS + 1, sizeof *o->first, "sorted rows", err);
    if (!o->first || (g->w.n_term && !(o->w = ib_alloc(n_row, sizeof *o->w, "sorted rows", err))))
        return err->status;
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
static inline uint32_t first_cell(double cells, double half, double origin, double limit)
{
    const double lowest = floor(cells - half) + 1 + origin;
    return lowest > 0 ? (uint32_t)(lowest < limit - 1 ? lowest : limit - 1) : 0;
}

/* Division by a number that is known beforehand: a multiplication. With 2^32 = inverse d - e, e < d, the product is
   n (2^32 + e) / d, and n e / (d 2^32) < 1 / d keeps it below the next integer: exact for n < 2^32 / d. */
typedef struct divisor {
    uint32_t d;
    uint64_t inverse;
} divisor;

static divisor make_divisor(uint32_t d)
{
    return (divisor){d, (((uint64_t)1 << 32) + d - 1) / d};
}

static inline uint32_t divide(uint32_t n, divisor by)
{
    return (uint32_t)(n * by.inverse >> 32);
}

/* Where samples are, as far as their order goes. */
typedef struct places {
    double   scale_u, scale_v; /* cells per metre; rows grow with -v */
    double   half, origin_u, origin_v, limit_u, limit_v;
    divisor  side, group_u, group_v;
    uint32_t groups_u, tiles_u, quarter;
    uint32_t groups;  /* of a tile, each as often as there are squares and kinds */
    uint32_t kinds;   /* of a square */
    uint32_t squares; /* of a cell, along one axis */

    const ib_wterm *w;
    double          scale_w; /* rad per metre */
} places;

static places find_places(const ib_geometry *g, double freq, uint32_t n_kind)
{
    const uint32_t side = (uint32_t)g->tile;
    const uint32_t tiles_u = (uint32_t)g->stride / side + 1, tiles_v = (uint32_t)g->height / side + 1;
    uint32_t       group_u = (uint32_t)g->patch.group_u, group_v = (uint32_t)g->patch.group_v;
    places         p = {.scale_u = freq / IB_LIGHT * g->cell[0] * (double)g->grid_nx,
                        .scale_v = -freq / IB_LIGHT * g->cell[1] * (double)g->grid_ny,
                        .half = 0.5 * g->support,
                        .origin_u = (double)g->margin,
                        .origin_v = (double)(g->grid_ny / 2),
                        .limit_u = (double)g->stride,
                        .limit_v = (double)g->height,
                        .side = make_divisor(side),
                        .tiles_u = tiles_u,
                        .kinds = n_kind,
                        .squares = g->squares > 1 ? (uint32_t)g->squares : 1,
                        .quarter = (tiles_u / 2 + 1) * (tiles_v / 2 + 1),
                        .w = &g->w,
                        .scale_w = freq / IB_LIGHT * IB_PI * g->w.deepest};
    const double   quarters = (double)IB_COLOURS * p.quarter * (g->w.n_term ? g->w.n_slab : 1);

    for (;;) { /* squares and groups of grids of many GiB share keys, which costs them locality alone */
        p.groups_u = side / group_u + 2;
        p.groups = p.groups_u * (side / group_v + 2);
        if (quarters * p.groups * p.squares * p.squares * p.kinds <= UINT32_MAX)
            break;
        if (p.squares > 1)
            p.squares = 1;
        else if (group_u > side && group_v > side) /* as few as there can be */
            p.kinds = 1;
        else
            *(group_u < group_v ? &group_u : &group_v) *= 2;
    }
    p.groups *= p.squares * p.squares * p.kinds;
    p.group_u = make_divisor(group_u);
    p.group_v = make_divisor(group_v);
    return p;
}

/* Square of a cell that a support begins in. Which one is called which does not matter. */
static inline uint32_t find_square(const places *p, double u, double v)
{
    const double   x = u * p->scale_u - p->half, y = v * p->scale_v - p->half;
    const uint32_t column = (uint32_t)((x - floor(x)) * p->squares), line = (uint32_t)((y - floor(y)) * p->squares);

    return (line < p->squares ? line : 0) * p->squares + (column < p->squares ? column : 0);
}

/* Slab, colour, tile, group, square, kind: in this order of importance. */
static inline uint32_t find_key(const places *p, double u, double v, double w, uint32_t kind)
{
    const uint32_t column = first_cell(u * p->scale_u, p->half, p->origin_u, p->limit_u);
    const uint32_t line = first_cell(v * p->scale_v, p->half, p->origin_v, p->limit_v);
    const uint32_t tu = divide(column, p->side), tv = divide(line, p->side), colour = tu % 2 + tv % 2 * 2;
    const uint32_t gu = divide(column, p->group_u) - divide(tu * p->side.d, p->group_u);
    const uint32_t gv = divide(line, p->group_v) - divide(tv * p->side.d, p->group_v);
    const uint32_t slab = p->w->n_slab > 1 ? (uint32_t)ib_wterm_slab(p->w, w * p->scale_w) : 0;
    const uint32_t tile = (slab * IB_COLOURS + colour) * p->quarter + tv / 2 * (p->tiles_u / 2 + 1) + tu / 2;

    const uint32_t group = tile * (p->groups / p->kinds) + (gv * p->groups_u + gu) * p->squares * p->squares;
    return (group + (p->squares > 1 ? find_square(p, u, v) : 0)) * p->kinds + (p->kinds > 1 ? kind : 0);
}

/* Rows of thread t out of n: contiguous, so that threads together do what one does. */
static ib_range part_of(size_t n, int t, int n_thread)
{
    const size_t first = n * (size_t)t / (size_t)n_thread;
    return (ib_range){first, n * (size_t)(t + 1) / (size_t)n_thread - first};
}

/* One pass of a stable least-digit radix sort, by the threads of a team. count [n_thread][BUCKETS]. */
static void radix_pass(const item *from, item *to, size_t n, int shift, size_t (*count)[BUCKETS], int t, int n_thread)
{
    const ib_range mine = part_of(n, t, n_thread);
    size_t        *own = count[t];

    memset(own, 0, sizeof *count);
    for (size_t i = mine.first; i < mine.first + mine.n; i++)
        own[key_of(from[i]) >> shift & (BUCKETS - 1)]++;
#pragma omp barrier
#pragma omp single
    {
        size_t sum = 0;
        for (size_t b = 0; b < BUCKETS; b++)
            for (int k = 0; k < n_thread; k++) {
                const size_t c = count[k][b];
                count[k][b] = sum;
                sum += c;
            }
    }
    for (size_t i = mine.first; i < mine.first + mine.n; i++)
        to[own[key_of(from[i]) >> shift & (BUCKETS - 1)]++] = from[i];
#pragma omp barrier
}

/* The first of the sorted items from `first` on whose key is `end` or more: in growing steps, then by halves. */
static size_t find_end(const item *list, size_t first, size_t n, size_t end)
{
    size_t step = 1, low = first, high;

    while (low + step < n && key_of(list[low + step]) < end) {
        low += step;
        step *= 2;
    }
    for (high = low + step < n ? low + step : n; low + 1 < high;) {
        const size_t middle = low + (high - low) / 2;
        if (key_of(list[middle]) < end)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* Tiles of the sorted rows, colour by colour. */
static ib_status list_tiles(ib_order *o, const item *list, const places *p, ib_error *err)
{
    size_t   n_tile = 0, t = 0;
    uint32_t colour = 0;

    for (size_t i = 0; i < o->n; n_tile++)
        i = find_end(list, i, o->n, (size_t)(key_of(list[i]) / p->groups + 1) * p->groups);
    if (n_tile > o->tile_room) {
        ib_free(o->tile);
        o->tile = ib_alloc(2 * n_tile, sizeof *o->tile, "tiles", err);
        o->tile_room = o->tile ? 2 * n_tile : 0;
        if (!o->tile)
            return err->status;
    }
    o->first[0] = 0;
    for (size_t i = 0, end; i < o->n; i = end) {
        const uint32_t tile = key_of(list[i]) / p->groups;
        end = find_end(list, i, o->n, (size_t)(tile + 1) * p->groups);
        for (; colour < tile / p->quarter; colour++)
            o->first[colour + 1] = t;
        o->tile[t++] = (ib_tile){(uint32_t)i, (uint32_t)(end - i)};
    }
    for (; colour < (uint32_t)o->n_slab * IB_COLOURS; colour++)
        o->first[colour + 1] = t;
    return IB_OK;
}

ib_status ib_order_rows(ib_order *o, const ib_geometry *g, size_t n_row, const double (*uvw)[3],
                        const int32_t (*antenna)[2], const uint32_t *kind, uint32_t n_kind, double freq, int n_thread,
                        ib_error *err)
{
    ib_status rc = ib_order_reserve(o, g, n_row, err);
    if (rc)
        return rc;

    const places p = find_places(g, freq, kind ? n_kind : 1);
    const size_t worthwhile = n_row / ENOUGH + 1;
    item        *list[2] = {o->list[0], o->list[1]}, *from = list[0];
    size_t       end[MOST_THREADS + 1] = {0}; /* of what each thread has */
    uint32_t     largest[MOST_THREADS] = {0};

    n_thread = n_thread < MOST_THREADS ? n_thread : MOST_THREADS;
    n_thread = (size_t)n_thread < worthwhile ? n_thread : (int)worthwhile;
    size_t(*count)[BUCKETS] = ib_alloc((size_t)n_thread, sizeof *count, "sorted rows", err);
    if (!count)
        return err->status;

#pragma omp parallel num_threads(n_thread) default(none)                                                             \
    shared(o, n_row, uvw, antenna, kind, p, list, from, end, largest, count)
    {
        const int      t = omp_get_thread_num(), n_team = omp_get_num_threads();
        const ib_range rows = part_of(n_row, t, n_team);
        item          *a = list[1] + rows.first, *b = list[0]; /* gaps are closed on the way into the other list */
        size_t         m = 0;
        uint32_t       most = 0;

        for (size_t r = rows.first; r < rows.first + rows.n; r++) {
            if (antenna[r][0] == antenna[r][1] || !isfinite(uvw[r][0]) || !isfinite(uvw[r][1]) ||
                !isfinite(uvw[r][2]))
                continue;
            const bool     turn = uvw[r][0] < 0;
            const double   sign = turn ? -1 : 1;
            const uint32_t key = find_key(&p, sign * uvw[r][0], sign * uvw[r][1], uvw[r][2], kind ? kind[r] : 0);
            a[m++] = make_item(key, (uint32_t)r | (turn ? IB_CONJUGATED : 0));
            most = key > most ? key : most;
        }
        end[t + 1] = m;
        largest[t] = most;
#pragma omp barrier
#pragma omp single
        for (int k = 0; k < n_team; k++) {
            end[k + 1] += end[k];
            largest[0] = largest[k] > largest[0] ? largest[k] : largest[0];
        }
        memcpy(b + end[t], a, m * sizeof *a);
#pragma omp barrier
        a = list[0];
        b = list[1];
        const size_t n = end[n_team];
        for (int shift = 0; shift < 32 && largest[0] >> shift; shift += DIGIT) {
            radix_pass(a, b, n, shift, count, t, n_team);
            item *const swap = a;
            a = b;
            b = swap;
        }
#pragma omp single
        {
            from = a;
            o->n = n;
        }
        const ib_range mine = part_of(n, t, n_team);
        for (size_t i = mine.first; i < mine.first + mine.n; i++) {
            const uint32_t mark = (uint32_t)a[i], r = mark & IB_ROW_MASK;
            const double   sign = mark & IB_CONJUGATED ? -1 : 1;
            __builtin_prefetch(uvw[(uint32_t)a[i + AHEAD < n ? i + AHEAD : i] & IB_ROW_MASK]);
            o->row[i] = mark;
            o->u[i] = sign * uvw[r][0];
            o->v[i] = sign * uvw[r][1];
            if (o->w)
                o->w[i] = sign * uvw[r][2];
        }
    }
    ib_free(count);

    return list_tiles(o, from, &p, err);
}
