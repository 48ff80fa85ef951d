/* SPDX-License-Identifier: BSD-3-Clause */
/* The gridder's inner loops with compiler vectors. Compiled once per instruction set (IB_ISA, IB_VECTOR_BYTES) and
   precision (IB_PRECISION: f32, f64).

   Samples whose supports begin in the same group of cells touch the same patch: patch += sum_k kv_k (x) (value_k ku_k),
   a product of small matrices whose accumulators stay in registers over the samples. The grid is loaded and stored once
   per group, not once per sample, so that arithmetic and not the first-level cache is the bound.

   A vector holds complex cells, re and im next to each other; taps along u are stored twice each to match, taps along v
   are multiplied into the values beforehand. */
#include "gridder/kernel/kernel.h"

#define f32 1
#define f64 2
#if IB_PRECISION == f32
#define IS_F32 1
typedef float real;
#else
#define IS_F32 0
typedef double real;
#endif
#undef f32
#undef f64

#define CAT_(a, b, c) a##b##c
#define CAT(a, b, c)  CAT_(a, b, c)

enum {
    LANES = IB_VECTOR_BYTES / (int)sizeof(real), /* reals of a vector */
    CELLS = LANES / 2,                           /* complex cells of a vector */
    REGISTERS = IB_VECTOR_BYTES == 64 ? 32 : 16,
    COLUMNS =
        REGISTERS == 32 ? 3 : 2, /* accumulators of the register block: ROWS x COLUMNS + COLUMNS + 1 registers */
    ROWS = REGISTERS == 32 ? 8 : 6
};

typedef real vec __attribute__((vector_size(IB_VECTOR_BYTES)));
typedef real vec_any __attribute__((vector_size(IB_VECTOR_BYTES), aligned(sizeof(real)), may_alias));

static inline vec load(const real *p)
{
    return *(const vec_any *)p;
}

static inline void store(real *p, vec x)
{
    *(vec_any *)p = x;
}

/* One complex number in every cell of a vector. */
static inline vec pair(const real *p)
{
#if IS_F32
    typedef int64_t vec_pair __attribute__((vector_size(IB_VECTOR_BYTES)));
    int64_t         both;
    __builtin_memcpy(&both, p, sizeof both);
    return (vec)((vec_pair){0} + both);
#elif IB_VECTOR_BYTES == 16
    return load(p);
#else
    vec x;
    for (int i = 0; i < LANES; i += 2) {
        x[i] = p[0];
        x[i + 1] = p[1];
    }
    return x;
#endif
}

/* Taps of n samples, as the update wants them. ku: [n][2 x patch_u], kv: [n][patch_v]; zero outside the support. */
typedef struct taps {
    real *ku, *kv, *a;
    int   wide, high; /* reals of a ku row, of a kv row */
} taps;

static inline __attribute__((always_inline)) void block(real *grid, size_t stride, const taps *t, int n, int row,
                                                        int column, const int rows, const int columns)
{
    vec         sum[ROWS][COLUMNS];
    const real *ku = t->ku + column * LANES;
    const real *a = t->a + 2 * row;

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            sum[r][c] = (vec){0};
    for (int k = 0; k < n; k++, ku += t->wide, a += 2 * t->high) {
        vec x[COLUMNS];
        for (int c = 0; c < columns; c++)
            x[c] = load(ku + c * LANES);
        for (int r = 0; r < rows; r++) {
            const vec b = pair(a + 2 * r);
            for (int c = 0; c < columns; c++)
                sum[r][c] += b * x[c];
        }
    }
    for (int r = 0; r < rows; r++) {
        real *g = grid + 2 * (size_t)(row + r) * stride + column * LANES;
        for (int c = 0; c < columns; c++)
            store(g + c * LANES, load(g + c * LANES) + sum[r][c]);
    }
}

/* The patch, register block by register block. Constant trip counts: the blocks are unrolled into registers. */
static inline void update(real *grid, size_t stride, const taps *t, int n)
{
    const int columns = t->wide / LANES;

    for (int row = 0; row < t->high; row += ROWS) {
        int column = 0;
        for (; column + COLUMNS <= columns; column += COLUMNS)
            block(grid, stride, t, n, row, column, ROWS, COLUMNS);
#if IB_VECTOR_BYTES == 64
        if (columns - column == 2)
            block(grid, stride, t, n, row, column, ROWS, 2);
#endif
        if (columns - column == 1)
            block(grid, stride, t, n, row, column, ROWS, 1);
    }
}

static inline int round_up(int n, int step)
{
    return (n + step - 1) / step * step;
}

/* The patch is the smallest that fills whole vectors along u and whole register blocks along v; what the support leaves
   of it is the group. */
void CAT(ib_patch_, IB_ISA, CAT(_, IB_PRECISION, ))(int support, ib_patch *patch);
void CAT(ib_patch_, IB_ISA, CAT(_, IB_PRECISION, ))(int support, ib_patch *patch)
{
    patch->patch_u = round_up(support, CELLS);
    patch->patch_v = round_up(support, ROWS);
    /* A group of one cell along u gathers few samples: widen it where that costs little. */
    if (patch->patch_u == support && support >= 4 * CELLS)
        patch->patch_u += CELLS;
    patch->group_u = patch->patch_u - support + 1;
    patch->group_v = patch->patch_v - support + 1;
}

void CAT(ib_grid_, IB_ISA, CAT(_, IB_PRECISION, ))(const ib_tile_job *job);
void CAT(ib_grid_, IB_ISA, CAT(_, IB_PRECISION, ))(const ib_tile_job *job)
{
    ib_patch p;

    CAT(ib_patch_, IB_ISA, CAT(_, IB_PRECISION, ))(job->support, &p);
    const int wide = 2 * p.patch_u, high = p.patch_v;
    real     *ku = job->scratch, *kv = ku + IB_RANK * wide;
    taps      t = {ku, kv, kv + IB_RANK * high, wide, high};

    for (size_t first = 0; first < job->n;) {
        const int32_t column = job->iu[first] / p.group_u * p.group_u, row = job->iv[first] / p.group_v * p.group_v;
        int           n = 0;

        for (; n < IB_RANK && first + (size_t)n < job->n; n++) {
            const size_t k = first + (size_t)n;
            const int    du = job->iu[k] - column, dv = job->iv[k] - row;
            if (du < 0 || du >= p.group_u || dv < 0 || dv >= p.group_v)
                break;

            const int   ru = (int)job->pu[k], rv = (int)job->pv[k];
            const real *tu = (const real *)job->taps + (size_t)ru * job->tap_stride;
            const real *tv = (const real *)job->taps + (size_t)rv * job->tap_stride;
            const real *tu1 = tu + job->tap_stride, *tv1 = tv + job->tap_stride;
            const real fu = job->linear ? (real)(job->pu[k] - ru) : 0, fv = job->linear ? (real)(job->pv[k] - rv) : 0;
            real      *u = ku + n * wide, *v = kv + n * high;

            for (int i = 0; i < wide; i++)
                u[i] = 0;
            for (int i = 0; i < high; i++)
                v[i] = 0;
            u += 2 * du;
            v += dv;
            for (int i = 0; i < job->support; i++) {
                const real x = tu[i] + fu * (tu1[i] - tu[i]);
                u[2 * i] = x;
                u[2 * i + 1] = x;
                v[i] = tv[i] + fv * (tv1[i] - tv[i]);
            }
        }
        for (size_t q = 0; q < job->n_plane; q++) {
            const real *value = (const real *)job->value[q] + 2 * first;
            for (int k = 0; k < n; k++)
                for (int i = 0; i < high; i++) {
                    t.a[2 * (k * high + i)] = kv[k * high + i] * value[2 * k];
                    t.a[2 * (k * high + i) + 1] = kv[k * high + i] * value[2 * k + 1];
                }
            update((real *)job->grid[q] + 2 * ((size_t)row * job->stride + (size_t)column), job->stride, &t, n);
        }
        first += (size_t)n;
    }
}

#if IS_F32 /* positions are double whatever the precision of the grid: once per instruction set */
void CAT(ib_locate_, IB_ISA, )(const ib_locate_job *job);
void CAT(ib_locate_, IB_ISA, )(const ib_locate_job *job)
{
    for (size_t k = 0; k < job->n; k++) {
        const double gu = job->u[k] * job->scale_u, gv = job->v[k] * job->scale_v;
        const double eu = gu - job->half + job->origin_u, ev = gv - job->half + job->origin_v;
        /* NaN and what does not fit the grid fail here, before the conversions to integers. */
        const int inside =
            eu >= job->low_u - 1 && eu < job->high_u + 1 && ev >= job->low_v - 1 && ev < job->high_v + 1;
        const double xu = inside ? eu : 0, xv = inside ? ev : 0;
        const double tu = (double)(int32_t)(xu + 4096) - 4095,
                     tv = (double)(int32_t)(xv + 4096) - 4095; /* floor + 1 */
        const int    ok = inside && tu >= job->low_u && tu <= job->high_u && tv >= job->low_v && tv <= job->high_v;
        const double du = tu + job->centre - job->origin_u - gu, dv = tv + job->centre - job->origin_v - gv;

        job->iu[k] = ok ? (int32_t)tu : -1;
        job->iv[k] = (int32_t)tv;
        job->pu[k] = du * job->oversampling - job->first + job->nearest;
        job->pv[k] = dv * job->oversampling - job->first + job->nearest;
    }
}
#endif
