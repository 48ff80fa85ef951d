/* SPDX-License-Identifier: BSD-3-Clause */
/* The mosaic gridder's inner loop. Compiled as tile.c is: IB_ISA, IB_PRECISION.

   As there, samples whose supports begin in the same group of cells share a patch of the grid, and its sums stay in
   registers over the samples. They are kept by plane and part, a vector of neighbouring cells each, so that a vector of taps
   serves all planes, and woven into the cells of the grid once per group.

   Within one square of the table a kernel is a polynomial of the sample's place, whose coefficients are the same for all
   samples. Those of one square and one pointing, which tracks leave one after the other, are therefore added up before there are any
   taps: their moments, six values per plane, times the six tables are what all of them add to the patch. A sample that is
   alone has its taps made from the tables, six multiply-adds each.

   The factor exp(2 pi i t.l_p) of a cell depends on the pointing. What moments made is multiplied by it; a single
   sample's taps get the factor along u, its values the one along v. */
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/simd.h"

#include <string.h>

enum {
    SUMS = IB_VECTOR_BYTES == 64 ? 16 : 8, /* registers of a block */
    MOST_ROWS = SUMS / 2,
    MOST_REALS = 16, /* of a cell */
    MOST_PLANES = 4, /* of which sums are kept at a time */
    MOST = 32,       /* items of a group at a time */
    TERMS = IB_MOSAIC_TERMS,
    BLOCK = SUMS * LANES /* reals of a block's sums */
};

_Static_assert(MOST_ROWS <= (int)IB_MOSAIC_SLACK, "blocks reach beyond the zero rows of the table");

#define UNROLL _Pragma("GCC unroll 16") /* sums stay in registers to the end */

/* A sample, or several of one square, pair and pointing, as the loops want it, from its group's first cell on. */
typedef struct item {
    const real *a;     /* real [row][terms][columns of the table]: tables of the square, with the zeros around them */
    const real *u, *v; /* factors of the pointing */
    const real *sample; /* real [planes][2] of the first one */
    real *
        value; /* a single one: real [row][planes][2], times the factors along v; else moments, real [terms][planes][2] */
    real power[TERMS - 1]; /* of the first one: x, y, x^2, x y, y^2 */
    int  n;
} item;

/* What a block needs of a job: rows x one vector of columns of a patch, some planes. */
typedef struct shape {
    size_t columns, rows; /* of the factors: from the real to the imaginary part */
    size_t next;          /* reals from a term of the table to the next one */
    size_t high;          /* of a patch, rounded up to whole vectors */
    size_t all, stride;   /* reals of a cell, of a row of the grid */
} shape;

typedef struct place {
    int row, column, plane;
} place;

/* ---- one block ----------------------------------------------------------------------------------------------------- */

/* a0 b0 a1 b1 ..: the first half, the second. */
INLINE vec weave(vec a, vec b, const int second)
{
#ifdef __clang__ /* has no shuffle by a vector */
    vec x;
    for (int i = 0; i < LANES; i++)
        x[i] = i % 2 ? b[second * LANES / 2 + i / 2] : a[second * LANES / 2 + i / 2];
    return x;
#else
    index from;
    for (int i = 0; i < LANES; i++)
        from[i] = second * LANES / 2 + i / 2 + (i % 2 ? LANES : 0);
    return __builtin_shuffle(a, b, from);
#endif
}

/* n vectors, a power of two, to LANES times the n reals of one place: perfect shuffles. */
INLINE void interleave(vec *x, const int n)
{
    vec y[MOST_REALS];

    for (int step = 1; step < n; step *= 2) {
        for (int i = 0; i < n / 2; i++) {
            y[2 * i] = weave(x[i], x[i + n / 2], 0);
            y[2 * i + 1] = weave(x[i], x[i + n / 2], 1);
        }
        for (int i = 0; i < n; i++)
            x[i] = y[i];
    }
}

/* Add one row of a block's sums to the cells of the grid. */
INLINE void put(vec *x, real *grid, const int planes, const int all)
{
    interleave(x, 2 * planes);
    if (2 * planes == all)
        for (int i = 0; i < 2 * planes; i++)
            store(grid + i * LANES, load(grid + i * LANES) + x[i]);
    else {
        _Alignas(64) real cells[MOST_REALS * LANES];
        for (int i = 0; i < 2 * planes; i++)
            store(cells + i * LANES, x[i]);
        for (int i = 0; i < LANES; i++)
            for (int k = 0; k < 2 * planes; k++)
                grid[all * i + k] += cells[2 * planes * i + k];
    }
}

/* Taps of a block's rows, before the factors of the pointing. Term by term: sums of one row would wait for each other. */
INLINE void make_taps(vec *x, const item *s, const shape *t, place at, const int rows)
{
    const size_t row = TERMS * t->next;
    const real  *a = s->a + (size_t)at.row * row + at.column;

    for (int r = 0; r < rows; r++)
        x[r] = load(a + (size_t)r * row);
    for (int i = 1; i < TERMS; i++) {
        a += t->next;
        for (int r = 0; r < rows; r++)
            x[r] += splat(s->power[i - 1]) * load(a + (size_t)r * row);
    }
}

/* Samples that are alone: tap x factor along u, times value x factor along v. The next one's taps are made before one is
   added: their terms wait for each other. */
INLINE void add_singles(vec *sum, const item *const *list, int n, const shape *t, place at, const int planes,
                        const int rows, const int all)
{
    vec next[MOST_ROWS];

    UNROLL
    for (int i = 0; i < rows * 2 * planes; i++)
        sum[i] = (vec){0};
    if (n > 0)
        make_taps(next, *list, t, at, rows);
    for (; n > 0; n--, list++) {
        const item *const s = *list;
        const real *const value = s->value + at.row * all + 2 * at.plane;
        const vec         re = load(s->u + at.column), im = load(s->u + t->columns + at.column);
        vec               p[MOST_ROWS], q[MOST_ROWS];
        for (int r = 0; r < rows; r++) {
            p[r] = next[r] * re;
            q[r] = next[r] * im;
        }
        make_taps(next, list[n > 1], t, at, rows);
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < 2 * planes; k += 2) {
                const vec  f = splat(value[r * all + k]), g = splat(value[r * all + k + 1]);
                vec *const to = sum + r * 2 * planes + k;
                to[0] += p[r] * f;
                to[1] += p[r] * g;
                to[0] -= q[r] * g;
                to[1] += q[r] * f;
            }
    }
}

/* What moments make of the tables, times the factor of the cells, added to the sums. */
INLINE void add_together(real *sums, const item *s, const shape *t, place at, const int planes, const int rows,
                         const int all)
{
    const real *a = s->a + (size_t)(at.row * TERMS) * t->next + at.column;
    const real *m = s->value + 2 * at.plane, *v = s->v + at.row;
    const vec   re = load(s->u + at.column), im = load(s->u + t->columns + at.column);
    vec         sum[SUMS];

    UNROLL
    for (int i = 0; i < rows * 2 * planes; i++)
        sum[i] = (vec){0};
    for (int i = 0; i < TERMS; i++, m += all)
        for (int r = 0; r < rows; r++) {
            const real *const from = a + (size_t)(r * TERMS + i) * t->next;
            const vec         x = load(from);
            __builtin_prefetch(from + (size_t)(rows * TERMS) * t->next); /* of the block below */
            for (int k = 0; k < 2 * planes; k++)
                sum[r * 2 * planes + k] += x * splat(m[k]);
        }
    UNROLL
    for (int r = 0; r < rows; r++, sums += 2 * planes * LANES) {
        const vec y = splat(v[r]), z = splat(v[t->rows + (size_t)r]);
        const vec p = re * y - im * z, q = re * z + im * y;
        for (int k = 0; k < 2 * planes; k += 2) {
            const vec *const from = sum + r * 2 * planes + k;
            store(sums + k * LANES, load(sums + k * LANES) + p * from[0] - q * from[1]);
            store(sums + (k + 1) * LANES, load(sums + (k + 1) * LANES) + p * from[1] + q * from[0]);
        }
    }
}

/* Rows of a block of so many planes. */
INLINE int rows_of(const int planes)
{
    return SUMS / (2 * planes) < 1 ? 1 : SUMS / (2 * planes);
}

typedef struct group {
    item        item[MOST + 1];
    const item *single[MOST], *together[MOST];
    int         n_single, n_together;
    int32_t     column, row; /* where it begins */
} group;

/* A block of a group. */
INLINE void add_block(const group *g, const shape *t, place at, real *grid, const int planes, const int rows,
                      const int all)
{
    _Alignas(64) real sums[BLOCK];
    vec               sum[SUMS];

    add_singles(sum, g->single, g->n_single, t, at, planes, rows, all);
    if (g->n_together) {
        UNROLL
        for (int i = 0; i < rows * 2 * planes; i++)
            store(sums + i * LANES, sum[i]);
        for (int i = 0; i < g->n_together; i++)
            add_together(sums, g->together[i], t, at, planes, rows, all);
        UNROLL
        for (int i = 0; i < rows * 2 * planes; i++)
            sum[i] = load(sums + i * LANES);
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        put(sum + r * 2 * planes, grid + (size_t)r * t->stride, planes, all);
}

/* For one number of planes, as many as sums are kept of at a time. */
#define BLOCK_OF(all, planes)                                                                                        \
    APART void block_of_##all(const group *g, const shape *t, place at, real *grid)                                  \
    {                                                                                                                \
        add_block(g, t, at, grid, planes, rows_of(planes), 2 * all);                                                 \
    }

BLOCK_OF(1, 1)
BLOCK_OF(2, 2)
BLOCK_OF(4, 4)
BLOCK_OF(8, 4)

/* ---- a group ----------------------------------------------------------------------------------------------------- */

/* Square of the table that a position lies in, and where: -1 .. 1. */
INLINE size_t square(real position, int oversampling, real *part)
{
    int k = (int)position;

    k = k < 0 ? 0 : k;
    k = k < oversampling ? k : oversampling - 1;
    *part = 2 * (position - (real)k) - 1;
    return (size_t)k;
}

/* Sample k of a group as an item of its own. Nothing is copied: what was just written by parts cannot be read as a whole
   without waiting. */
INLINE void find(const ib_mosaic_job *job, const shape *t, size_t k, const group *g, item *out)
{
    const ib_mosaic_table *m = &job->table;
    const size_t           at = 2 * (size_t)job->pointing[k], o = (size_t)m->oversampling;
    real                   x, y;
    const size_t           u = square(((const real *)job->pu)[k], m->oversampling, &x);
    const size_t           v = square(((const real *)job->pv)[k], m->oversampling, &y);
    const size_t           tables = ((size_t)job->pair[k] * o + v) * o + u;
    const ptrdiff_t        shift = (job->iv[k] - g->row) * TERMS * (ptrdiff_t)t->next + (job->iu[k] - g->column);

    out->a = (const real *)m->taps + (ptrdiff_t)(tables * m->rows * TERMS * t->next) - shift;
    out->u = (const real *)job->phase_u + at * job->phase_columns + g->column;
    out->v = (const real *)job->phase_v + at * job->phase_rows + g->row;
    out->sample = (const real *)job->value + k * t->all;
    out->power[0] = x;
    out->power[1] = y;
    out->power[2] = x * x;
    out->power[3] = x * y;
    out->power[4] = y * y;
    out->n = 1;
}

/* Moments of one sample more. */
INLINE void add_moments(const item *s, const real *power, const real *sample, const int reals)
{
    real *m = s->value;

    for (int k = 0; k < reals; k++)
        m[k] += sample[k];
    for (int i = 1; i < TERMS; i++)
        for (int k = 0; k < reals; k++)
            m[i * reals + k] += power[i - 1] * sample[k];
}

APART void add_moments_any(const item *s, const real *power, const real *sample, int planes)
{
    if (planes == 1)
        add_moments(s, power, sample, 2);
    else if (planes == 2)
        add_moments(s, power, sample, 4);
    else if (planes == 4)
        add_moments(s, power, sample, 8);
    else
        add_moments(s, power, sample, 16);
}

/* Values times the factors along v. */
INLINE void spread(const ib_mosaic_job *job, const shape *t, const item *s, const int all)
{
    real *restrict out = s->value;

    for (int j = 0; j < job->patch->patch_v; j += LANES, out += 2 * all * LANES) {
        const vec v = load(s->v + j), w = load(s->v + t->rows + j);
        vec       x[MOST_REALS];
        for (int k = 0; k < 2 * all; k += 2) {
            const vec re = splat(s->sample[k]), im = splat(s->sample[k + 1]);
            x[k] = re * v - im * w;
            x[k + 1] = re * w + im * v;
        }
        interleave(x, 2 * all);
        for (int k = 0; k < 2 * all; k++)
            store(out + k * LANES, x[k]);
    }
}

APART void spread_any(const ib_mosaic_job *job, const shape *t, const item *s)
{
    if (job->planes == 1)
        spread(job, t, s, 1);
    else if (job->planes == 2)
        spread(job, t, s, 2);
    else if (job->planes == 4)
        spread(job, t, s, 4);
    else
        spread(job, t, s, 8);
}

/* The samples from `first` on that are of one group and make at most `most` items, each with room in the scratch. @return
   how many. */
APART size_t begin(const ib_mosaic_job *job, const shape *t, size_t first, int most, size_t room, group *g)
{
    const int    group_u = job->patch->group_u, group_v = job->patch->group_v;
    const float  inverse_u = 1 / (float)group_u, inverse_v = 1 / (float)group_v;
    const size_t record = TERMS * t->all;
    item *const  all = g->item;
    int          n = 0, run = 0; /* items; the first one of this pointing */
    size_t       k = first;

    g->column = floor_to(job->iu[first], group_u, inverse_u);
    g->row = floor_to(job->iv[first], group_v, inverse_v);
    for (; k < job->n && job->iu[k] - g->column < group_u && job->iu[k] >= g->column &&
           job->iv[k] - g->row < group_v && job->iv[k] >= g->row;
         k++) {
        item *const one = all + n;
        int         i = run = k > first && job->pointing[k] == job->pointing[k - 1] ? run : n;
        find(job, t, k, g, one);
        while (i < n && all[i].a != one->a)
            i++;
        if (i == n) {
            if (n == most)
                break;
            one->value = (real *)job->scratch + room * (size_t)n++;
            continue;
        }
        if (all[i].n++ == 1) {
            memset(all[i].value, 0, record * sizeof(real));
            add_moments_any(&all[i], all[i].power, all[i].sample, job->planes);
        }
        add_moments_any(&all[i], one->power, one->sample, job->planes);
    }
    g->n_single = g->n_together = 0;
    for (int i = 0; i < n; i++)
        if (all[i].n > 1)
            g->together[g->n_together++] = &all[i];
        else {
            spread_any(job, t, &all[i]);
            g->single[g->n_single++] = &all[i];
        }
    return k - first;
}

APART void update(const ib_mosaic_job *job, const group *g, const shape *t)
{
    const int   all = job->planes, planes = all < MOST_PLANES ? all : MOST_PLANES, rows = rows_of(planes);
    real *const corner = (real *)job->grid + (size_t)g->row * t->stride + (size_t)g->column * t->all;
    place       at;

    for (at.plane = 0; at.plane < all; at.plane += planes)
        for (at.row = 0; at.row < job->patch->patch_v; at.row += rows)
            for (at.column = 0; at.column < job->patch->patch_u; at.column += LANES) {
                real *const grid = corner + (size_t)at.row * t->stride + (size_t)(at.column * 2 * all + 2 * at.plane);
                if (all == 1)
                    block_of_1(g, t, at, grid);
                else if (all == 2)
                    block_of_2(g, t, at, grid);
                else if (all == 4)
                    block_of_4(g, t, at, grid);
                else
                    block_of_8(g, t, at, grid);
            }
}

void NAME(ib_mosaic_)(const ib_mosaic_job *job);
void NAME(ib_mosaic_)(const ib_mosaic_job *job)
{
    const shape  t = {.columns = job->phase_columns,
                      .rows = job->phase_rows,
                      .next = job->table.columns,
                      .high = (size_t)round_up(job->patch->patch_v, LANES),
                      .all = 2 * (size_t)job->planes,
                      .stride = job->stride * 2 * (size_t)job->planes};
    const size_t line = 64 / sizeof(real), reals = t.all * (t.high > TERMS ? t.high : TERMS);
    const size_t room = ((reals + line - 1) / line | 1) * line; /* items do not share few sets of the cache */
    const size_t fit = IB_SCRATCH_BYTES / sizeof(real) / room;
    group        g;

    for (size_t first = 0; first < job->n;) {
        first += begin(job, &t, first, fit < 1 ? 1 : fit < MOST ? (int)fit : MOST, room, &g);
        update(job, &g, &t);
    }
}

/* Patches of whole vectors that hold two cells of a group at least: a larger one would waste arithmetic. */
void NAME(ib_mosaic_patch_)(int support, int planes, ib_patch *patch);
void NAME(ib_mosaic_patch_)(int support, int planes, ib_patch *patch)
{
    const int u = round_up(support + 1, LANES),
              v = round_up(support + 1, rows_of(planes < MOST_PLANES ? planes : MOST_PLANES));

    *patch = (ib_patch){u - support + 1, v - support + 1, u, v, v * (u / LANES) * 2 * planes};
}
