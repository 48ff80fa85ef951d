/* SPDX-License-Identifier: BSD-3-Clause */
/* The mosaic gridder's inner loop. Compiled as tile.c is: IB_ISA, IB_PRECISION.

   As there, samples whose supports begin in the same group of cells share a patch of the grid, and its sums stay in
   registers over the samples. Here a tap is a sum of products and serves all planes: sums are kept by plane and part, a vector
   of neighbouring cells each, so that taps meet values that are the same for the whole vector. They are woven into the
   cells of the grid once per group.

   The factor exp(2 pi i t.l_p) of a cell depends on the pointing. Where enough samples of a group share it, their sum is
   multiplied by it; where they do not, the taps are. */
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/simd.h"

#include <string.h>

enum {
    SUMS = IB_VECTOR_BYTES == 64 ? 16 : 8, /* registers of a block */
    FEW = 2,                               /* samples of a run for which its own sum does not pay */
    MOST_ROWS = SUMS / 2,
    MOST_REALS = 16,     /* of a cell */
    MOST_PLANES = 4,     /* of which sums are kept at a time */
    MOST = 16,           /* samples of a batch: more would not stay in the first-level cache */
    BLOCK = SUMS * LANES /* reals of a block's sums */
};

#define UNROLL _Pragma("GCC unroll 8") /* sums stay in registers to the end */

/* A sample as the loops want it, from its group's first cell on. */
typedef struct sample {
    const real *a;      /* real [vector of columns][terms][LANES]: taps */
    const real *b;      /* real [row][terms] */
    const real *u, *v;  /* factors of the pointing */
    const real *value;  /* real [planes][2] */
    const real *column; /* real [row][planes][2]: value times the factors along v; of a single one */
} sample;

/* Consecutive samples of a group: of one pointing, or each for itself. */
typedef struct run {
    int first, n;
    int together;
} run;

typedef struct batch {
    sample  sample[MOST];
    run     run[MOST];
    int     n_run, n_group, group[MOST + 1]; /* first run of each group, and the end */
    int32_t column[MOST], row[MOST];         /* where the group begins */
} batch;

/* What a block needs of a job: rows x one vector of columns of a patch, some planes. */
typedef struct shape {
    size_t columns, rows; /* of the factors: from the real to the imaginary part */
    size_t wide, high;    /* of a patch, rounded up to whole vectors */
    size_t all, stride;   /* reals of a cell, of a row of the grid */
} shape;

typedef struct place {
    int row, column, plane;
} place;

/* ---- one block ----------------------------------------------------------------------------------------------------- */

/* A vector of taps of every row. Term by term: sums of one row would wait for each other. */
INLINE void make_taps(vec *x, const sample *s, place at, const int rows, const int terms)
{
    const real *a = s->a + at.column * terms, *b = s->b + at.row * terms;

    for (int i = 0; i < terms; i++) {
        const vec c = load(a + i * LANES);
        for (int r = 0; r < rows; r++)
            if (i)
                x[r] += c * splat(b[r * terms + i]);
            else
                x[r] = c * splat(b[r * terms]);
    }
}

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

/* One row of a block's sums: kept, or added to the cells of the grid. */
INLINE void put(vec *x, real *sums, real *grid, const shape *t, const int planes)
{
    if (!grid)
        for (int i = 0; i < 2 * planes; i++)
            store(sums + i * LANES, x[i]);
    else {
        interleave(x, 2 * planes);
        if ((size_t)(2 * planes) == t->all)
            for (int i = 0; i < 2 * planes; i++)
                store(grid + i * LANES, load(grid + i * LANES) + x[i]);
        else
            for (int i = 0; i < LANES; i++)
                for (int k = 0; k < 2 * planes; k++)
                    grid[t->all * (size_t)i + (size_t)k] +=
                        x[(2 * planes * i + k) / LANES][(2 * planes * i + k) % LANES];
    }
}

/* Samples that are multiplied by the factor one by one: tap x factor along u, times value x factor along v. */
INLINE void add_singles(const sample *s, int n, const shape *t, place at, real *sums, real *grid, const int planes,
                        const int rows, const int terms)
{
    vec sum[SUMS];

    for (int i = 0; i < rows * 2 * planes; i++)
        sum[i] = load(sums + i * LANES);
    for (; n > 0; n--, s++) {
        const real *value = s->column + (size_t)at.row * t->all + 2 * at.plane;
        const vec   re = load(s->u + at.column), im = load(s->u + t->columns + at.column);
        vec         x[MOST_ROWS];
        make_taps(x, s, at, rows, terms);
        for (int r = 0; r < rows; r++, value += t->all) {
            const vec p = x[r] * re, q = x[r] * im;
            for (int k = 0; k < 2 * planes; k += 2) {
                const vec  f = splat(value[k]), g = splat(value[k + 1]);
                vec *const to = sum + r * 2 * planes + k;
                to[0] += p * f;
                to[1] += p * g;
                to[0] -= q * g;
                to[1] += q * f;
            }
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        put(sum + r * 2 * planes, sums + r * 2 * planes * LANES, grid ? grid + (size_t)r * t->stride : grid, t,
            planes);
}

/* Sums of one sample more, or of the first one. */
INLINE void add_sample(vec *sum, const sample *s, place at, const int planes, const int rows, const int terms,
                       const int first)
{
    const real *value = s->value + 2 * at.plane;
    vec         x[MOST_ROWS];

    make_taps(x, s, at, rows, terms);
    for (int k = 0; k < 2 * planes; k++) {
        const vec v = splat(value[k]);
        for (int r = 0; r < rows; r++)
            if (first)
                sum[r * 2 * planes + k] = x[r] * v;
            else
                sum[r * 2 * planes + k] += x[r] * v;
    }
}

/* Samples of one pointing. */
INLINE void add_together(const sample *s, int n, const shape *t, place at, real *sums, real *grid, const int planes,
                         const int rows, const int terms)
{
    const vec   re = load(s->u + at.column), im = load(s->u + t->columns + at.column);
    const real *v = s->v + at.row;
    vec         sum[SUMS];

    add_sample(sum, s++, at, planes, rows, terms, 1);
    for (; n > 1; n--, s++)
        add_sample(sum, s, at, planes, rows, terms, 0);
    UNROLL
    for (int r = 0; r < rows; r++) {
        const vec y = splat(v[r]), z = splat(v[t->rows + (size_t)r]);
        const vec p = re * y - im * z, q = re * z + im * y;
        vec       x[MOST_REALS];
        for (int k = 0; k < 2 * planes; k += 2) {
            const vec *const from = sum + r * 2 * planes + k;
            x[k] = load(sums + (r * 2 * planes + k) * LANES);
            x[k + 1] = load(sums + (r * 2 * planes + k + 1) * LANES);
            x[k] += p * from[0];
            x[k + 1] += p * from[1];
            x[k] -= q * from[1];
            x[k + 1] += q * from[0];
        }
        put(x, sums + r * 2 * planes * LANES, grid ? grid + (size_t)r * t->stride : grid, t, planes);
    }
}

/* The loops for one number of planes, whose sums are kept at a time, and of terms. They stand apart: GCC would spill the
   sums. `sums` are what runs before have left; with a grid, these are the last ones. */
typedef void loop(const sample *s, int n, const shape *t, place at, real *sums, real *grid);

typedef struct loops {
    loop *singles, *together;
} loops;

/* Rows of a block of so many planes. */
INLINE int rows_of(const int planes)
{
    return SUMS / (2 * planes) < 1 ? 1 : SUMS / (2 * planes);
}

#define LOOPS(planes, terms)                                                                                         \
    APART void singles_##planes##_##terms(const sample *s, int n, const shape *t, place at, real *sums, real *grid)  \
    {                                                                                                                \
        add_singles(s, n, t, at, sums, grid, planes, rows_of(planes), terms);                                        \
    }                                                                                                                \
    APART void together_##planes##_##terms(const sample *s, int n, const shape *t, place at, real *sums, real *grid) \
    {                                                                                                                \
        add_together(s, n, t, at, sums, grid, planes, rows_of(planes), terms);                                       \
    }

LOOPS(1, 6)
LOOPS(1, 8)
LOOPS(2, 6)
LOOPS(2, 8)
LOOPS(4, 6)
LOOPS(4, 8)

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

APART void update(const ib_mosaic_job *job, const batch *b, const shape *t, const loops *l)
{
    const int         all = job->planes, planes = all < MOST_PLANES ? all : MOST_PLANES, rows = rows_of(planes);
    _Alignas(64) real zero[BLOCK] = {0}, sums[BLOCK];
    place             at;

    for (int g = 0; g < b->n_group; g++) {
        real *const      corner = (real *)job->grid + (size_t)b->row[g] * t->stride + (size_t)b->column[g] * t->all;
        const run *const first = b->run + b->group[g], *const last = b->run + b->group[g + 1] - 1;
        for (at.plane = 0; at.plane < all; at.plane += planes)
            for (at.row = 0; at.row < job->patch->patch_v; at.row += rows)
                for (at.column = 0; at.column < job->patch->patch_u; at.column += LANES) {
                    real *const grid =
                        corner + (size_t)at.row * t->stride + (size_t)(at.column * 2 * all + 2 * at.plane);
                    if (first < last)
                        memcpy(sums, zero, sizeof sums);
                    for (const run *r = first; r <= last; r++)
                        (r->together ? l->together : l->singles)(b->sample + r->first, r->n, t, at,
                                                                 first < last ? sums : zero, r < last ? NULL : grid);
                }
    }
}

/* Below a position in the table, and the part of the way to the next offset. */
INLINE int below(real position, int oversampling, real *part)
{
    int k = (int)position;

    k = k < 0 ? 0 : k;
    k = k < oversampling ? k : oversampling - 1;
    *part = position - (real)k;
    return k;
}

/* Between two offsets of the table. */
INLINE vec blend(const real *from, size_t next, real part)
{
    const vec x = load(from);

    return x + splat(part) * (load(from + next) - x);
}

/* Reals of the scratch that a sample needs: whole cache lines, an odd number, so that samples do not share few sets of the
   cache. */
INLINE size_t sample_reals(const shape *t, int terms)
{
    const size_t line = 64 / sizeof(real), n = (size_t)terms * (t->wide + t->high) + t->all * t->high;

    return ((n + line - 1) / line | 1) * line;
}

/* Everything of sample k, whose group begins at a column and a row: taps shifted by its place in the group, with the zeros
   before and after them. */
INLINE void prepare(const ib_mosaic_job *job, const shape *t, size_t k, int32_t column, int32_t row, sample *s,
                    real *restrict to, const int terms)
{
    const ib_mosaic_table *m = &job->table;
    const size_t           at = 2 * (size_t)job->pointing[k], next = (size_t)terms * m->row;
    const size_t           first = (size_t)job->pair[k] * (size_t)(m->oversampling + 1);
    real                   x, y;
    const size_t           ku = first + (size_t)below(((const real *)job->pu)[k], m->oversampling, &x);
    const size_t           kv = first + (size_t)below(((const real *)job->pv)[k], m->oversampling, &y);
    const real            *u = (const real *)m->u + ku * next + IB_MOSAIC_LEAD - (job->iu[k] - column);
    const real            *v = (const real *)m->v + kv * next + (IB_MOSAIC_LEAD - (job->iv[k] - row)) * terms;

    s->a = to;
    for (size_t i = 0; i < t->wide; i += LANES, u += LANES)
        for (int r = 0; r < terms; r++, to += LANES)
            store(to, blend(u + (size_t)r * m->row, next, x));
    s->b = to;
    for (size_t i = 0; i < t->high * (size_t)terms; i += LANES, to += LANES)
        store(to, blend(v + i, next, y));
    s->column = to;
    s->u = (const real *)job->phase_u + at * job->phase_columns + column;
    s->v = (const real *)job->phase_v + at * job->phase_rows + row;
    s->value = (const real *)job->value + k * t->all;
}

APART void prepare_6(const ib_mosaic_job *job, const shape *t, size_t k, int32_t column, int32_t row, sample *s,
                     real *to)
{
    prepare(job, t, k, column, row, s, to, 6);
}

APART void prepare_8(const ib_mosaic_job *job, const shape *t, size_t k, int32_t column, int32_t row, sample *s,
                     real *to)
{
    prepare(job, t, k, column, row, s, to, 8);
}

/* Some reals of a row, or of what is left of it. */
INLINE vec load_some(const real *from, int n)
{
    vec x = {0};

    if (n >= LANES)
        return load(from);
    for (int i = 0; i < n; i++)
        x[i] = from[i];
    return x;
}

/* Values times the factors along v. */
INLINE void spread(const ib_mosaic_job *job, const shape *t, const sample *s, real *restrict out, const int all)
{
    for (int j = 0; j < job->patch->patch_v; j += LANES, out += 2 * all * LANES) {
        const vec v = load_some(s->v + j, job->patch->patch_v - j),
                  w = load_some(s->v + t->rows + j, job->patch->patch_v - j);
        vec x[MOST_REALS];
        for (int k = 0; k < 2 * all; k += 2) {
            const vec re = splat(s->value[k]), im = splat(s->value[k + 1]);
            x[k] = re * v - im * w;
            x[k + 1] = re * w + im * v;
        }
        interleave(x, 2 * all);
        for (int k = 0; k < 2 * all; k++)
            store(out + k * LANES, x[k]);
    }
}

APART void spread_any(const ib_mosaic_job *job, const shape *t, const sample *s, real *out)
{
    if (job->planes == 1)
        spread(job, t, s, out, 1);
    else if (job->planes == 2)
        spread(job, t, s, out, 2);
    else if (job->planes == 4)
        spread(job, t, s, out, 4);
    else
        spread(job, t, s, out, 8);
}

/* The groups of at most n samples from `first` on, as whole as possible. @return samples in them. */
INLINE int find_groups(const ib_mosaic_job *job, size_t first, int n, batch *b)
{
    const int   group_u = job->patch->group_u, group_v = job->patch->group_v;
    const float inverse_u = 1 / (float)group_u, inverse_v = 1 / (float)group_v;
    int32_t     column = -1, row = -1;

    b->n_group = 0;
    for (int i = 0; i < n; i++) {
        const int32_t c = floor_to(job->iu[first + (size_t)i], group_u, inverse_u);
        const int32_t r = floor_to(job->iv[first + (size_t)i], group_v, inverse_v);
        if (c != column || r != row) {
            b->column[b->n_group] = column = c;
            b->row[b->n_group] = row = r;
            b->group[b->n_group++] = i;
        }
    }
    if (first + (size_t)n < job->n && b->n_group > 1) /* the last one may go on: it is left to the next batch */
        n = b->group[--b->n_group];
    b->group[b->n_group] = n;
    return n;
}

/* A batch of at most `most` samples, each with room in the scratch. @return how many. */
APART int begin(const ib_mosaic_job *job, const shape *t, size_t first, size_t most, size_t room, batch *b)
{
    const size_t         left = job->n - first;
    const int            n = find_groups(job, first, (int)(left < most ? left : most), b);
    const int32_t *const pointing = job->pointing + first;
    real                *to = job->scratch;

    b->n_run = 0;
    for (int g = 0; g < b->n_group; g++) {
        const int end = b->group[g + 1];
        int       i = b->group[g], same;
        b->group[g] = b->n_run;
        for (; i < end; i += same) {
            for (same = 1; i + same < end && pointing[i + same] == pointing[i]; same++)
                ;
            const int  together = same > FEW;
            run *const before = b->run + b->n_run - 1;
            if (!together && b->n_run > b->group[g] && !before->together)
                before->n += same;
            else
                b->run[b->n_run++] = (run){i, same, together};
            for (int k = i; k < i + same; k++, to += room) {
                (job->table.terms == 6 ? prepare_6 : prepare_8)(job, t, first + (size_t)k, b->column[g], b->row[g],
                                                                &b->sample[k], to);
                if (!together)
                    spread_any(job, t, &b->sample[k], to + (size_t)job->table.terms * (t->wide + t->high));
            }
        }
    }
    b->group[b->n_group] = b->n_run;
    return n;
}

void NAME(ib_mosaic_)(const ib_mosaic_job *job);
void NAME(ib_mosaic_)(const ib_mosaic_job *job)
{
    static const loops all[3][2] = {{{singles_1_6, together_1_6}, {singles_1_8, together_1_8}},
                                    {{singles_2_6, together_2_6}, {singles_2_8, together_2_8}},
                                    {{singles_4_6, together_4_6}, {singles_4_8, together_4_8}}};
    const loops *const l = &all[job->planes < 4 ? job->planes - 1 : 2][job->table.terms > 6];
    const shape        t = {.columns = job->phase_columns,
                            .rows = job->phase_rows,
                            .wide = (size_t)job->patch->patch_u,
                            .high = (size_t)round_up(job->patch->patch_v, LANES),
                            .all = 2 * (size_t)job->planes,
                            .stride = job->stride * 2 * (size_t)job->planes};
    const size_t       room = sample_reals(&t, job->table.terms);
    const size_t       fit = IB_SCRATCH_BYTES / sizeof(real) / room, most = fit < 1 ? 1 : fit < MOST ? fit : MOST;
    batch              b;

    for (size_t first = 0; first < job->n;) {
        const int n = begin(job, &t, first, most, room, &b);
        update(job, &b, &t, l);
        first += (size_t)n;
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
