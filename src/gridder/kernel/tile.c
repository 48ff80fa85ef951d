/* SPDX-License-Identifier: BSD-3-Clause */
/* The gridder's inner loops with compiler vectors. Compiled once per instruction set (IB_ISA, IB_VECTOR_BYTES) and
   precision (IB_PRECISION: f32, f64).

   Samples whose supports begin in the same group of cells touch the same patch: patch += sum_k (value_k kv_k) (x) ku_k,
   a product of small matrices whose accumulators stay in registers over the samples. The grid is loaded and stored once
   per group, not once per sample, so that arithmetic and not the first-level cache is the bound.

   A vector holds complex cells, re and im next to each other; taps along u stand twice each to match, taps along v are
   multiplied into the values beforehand. */
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/simd.h"

enum {
    CELLS = LANES / 2, /* complex cells of a vector */
    REGISTERS = IB_VECTOR_BYTES == 64 ? 32 : 16,
    COLUMNS = 3, /* accumulators of a register block: ROWS x COLUMNS, beside COLUMNS + 1 registers */
    ROWS = REGISTERS == 32 ? 8 : 4,
    STEP = 4 /* patches are a multiple of so many rows */
};

typedef real vec_any __attribute__((vector_size(IB_VECTOR_BYTES), aligned(sizeof(real)), may_alias));

static inline vec load(const real *p)
{
    return *(const vec_any *)p;
}

static inline void store(real *p, vec x)
{
    *(vec_any *)p = x;
}

/* Every lower lane twice: a b c d ... -> a a b b ... */
static inline vec twice(vec x)
{
#if IB_VECTOR_BYTES == 64 && IS_F32
    return __builtin_shufflevector(x, x, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
#elif IB_VECTOR_BYTES == 64 || (IB_VECTOR_BYTES == 32 && IS_F32)
    return __builtin_shufflevector(x, x, 0, 0, 1, 1, 2, 2, 3, 3);
#elif IB_VECTOR_BYTES == 32 || IS_F32
    return __builtin_shufflevector(x, x, 0, 0, 1, 1);
#else
    return __builtin_shufflevector(x, x, 0, 0);
#endif
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

/* What the samples of a group bring: taps along u, twice each; taps along v, twice each; those times the values of two
   planes. Rows of `wide` and `high` reals. */
typedef struct taps {
    real *ku, *kv, *a[2];
    int   wide, high;
} taps;

/* One register block of a patch, of one plane or two that share the taps along u. */
static inline __attribute__((always_inline)) void block(real *const *grid, size_t stride, const taps *t, int first,
                                                        int n, int row, int column, const int planes, const int rows,
                                                        const int columns)
{
    vec         sum[2][ROWS][COLUMNS];
    const real *ku = t->ku + column * LANES;
    const real *a[2] = {t->a[first] + 2 * row, t->a[1] + 2 * row};

    for (int q = 0; q < planes; q++)
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                sum[q][r][c] = (vec){0};
    for (int k = 0; k < n; k++, ku += t->wide) {
        vec x[COLUMNS];
        for (int c = 0; c < columns; c++)
            x[c] = load(ku + c * LANES);
        for (int q = 0; q < planes; q++) {
            for (int r = 0; r < rows; r++) {
                const vec b = pair(a[q] + 2 * r);
                for (int c = 0; c < columns; c++)
                    sum[q][r][c] += b * x[c];
            }
            a[q] += t->high;
        }
    }
    for (int q = 0; q < planes; q++)
        for (int r = 0; r < rows; r++) {
            real *g = grid[first + q] + 2 * (size_t)(row + r) * stride + column * LANES;
            for (int c = 0; c < columns; c++)
                store(g + c * LANES, load(g + c * LANES) + sum[q][r][c]);
        }
}

/* A band of rows of the patch. A single column is too narrow to keep the adders busy: two planes go together there. */
static inline __attribute__((always_inline)) void band(real *const *grid, size_t stride, const taps *t, int n,
                                                       int row, int planes, const int rows)
{
    const int columns = t->wide / LANES;
    int       column = 0;

    for (; column + COLUMNS <= columns; column += COLUMNS)
        for (int q = 0; q < planes; q++)
            block(grid, stride, t, q, n, row, column, 1, rows, COLUMNS);
    if (columns - column == 2)
        for (int q = 0; q < planes; q++)
            block(grid, stride, t, q, n, row, column, 1, rows, 2);
    else if (columns - column == 1 && planes == 2)
        block(grid, stride, t, 0, n, row, column, 2, rows, 1);
    else if (columns - column == 1)
        block(grid, stride, t, 0, n, row, column, 1, rows, 1);
}

/* The patch, band by band. Constant trip counts: the blocks are unrolled into registers. */
static void update(real *const *grid, size_t stride, const taps *t, int n, int planes)
{
    int row = 0;

    for (; row + ROWS <= t->high / 2; row += ROWS)
        band(grid, stride, t, n, row, planes, ROWS);
#if IB_VECTOR_BYTES == 64
    if (row < t->high / 2)
        band(grid, stride, t, n, row, planes, STEP);
#endif
}

static inline int round_up(int n, int step)
{
    return (n + step - 1) / step * step;
}

/* Along u a group is a vector wide and begins on one: no access to the grid crosses a cache line, and none reads half of
   what the group before has just written, which would wait for the memory. Along v the patch is the one that costs
   least: every sample updates all of it, and every group loads and stores it once. A larger one wastes arithmetic and
   gathers more samples; 1.2 per cell are typical of an observation long enough to matter, and a load, an addition and a
   store cost as much as two updates. */
void NAME(ib_patch_)(int support, ib_patch *patch);
void NAME(ib_patch_)(int support, ib_patch *patch)
{
    const int u = round_up(support + CELLS - 1, CELLS);
    double    least = 0;

    *patch = (ib_patch){CELLS, 1, u, support};
    for (int v = round_up(support, STEP); v <= support + IB_LEAD; v += STEP) {
        const double cost = v * (1 + 2 / (1.2 * CELLS * (v - support + 1)));
        if (least > 0 && cost >= least)
            continue;
        least = cost;
        patch->group_v = v - support + 1;
        patch->patch_v = v;
    }
}

/* n / d by a product, exact for n below 2^32 / d^2: groups are a few cells, grids below 2^17. */
typedef struct divider {
    uint64_t factor;
    int      d;
} divider;

static inline int32_t floor_to(int32_t n, divider by)
{
    return (int32_t)((uint64_t)n * by.factor >> 32) * by.d;
}

/* A row of taps shifted by `shift` cells, interpolated, each tap twice: zeros before and after the row come along. */
static inline void spread(real *to, int n, const real *row, size_t next, real fraction, int shift)
{
    const real *from = row + IB_LEAD - shift;

    for (int i = 0; i < n; i += LANES, from += CELLS) {
        const vec x = load(from);
        store(to + i, twice(x + fraction * (load(from + next) - x)));
    }
}

void NAME(ib_grid_)(const ib_tile_job *job);
void NAME(ib_grid_)(const ib_tile_job *job)
{
    ib_patch p;

    NAME(ib_patch_)(job->support, &p);
    const divider by_u = {(((uint64_t)1 << 32) + (uint64_t)p.group_u - 1) / (uint64_t)p.group_u, p.group_u};
    const divider by_v = {(((uint64_t)1 << 32) + (uint64_t)p.group_v - 1) / (uint64_t)p.group_v, p.group_v};
    const int     wide = 2 * p.patch_u, high = 2 * p.patch_v;
    real *const ku = job->scratch, *const kv = ku + IB_RANK * wide, *const a = kv + IB_RANK * high + LANES;
    const taps  t = {ku, kv, {a, a + IB_RANK * high + LANES}, wide, high};
    const real *pu = job->pu, *pv = job->pv;

    for (size_t first = 0; first < job->n;) {
        const int32_t column = floor_to(job->iu[first], by_u), row = floor_to(job->iv[first], by_v);
        int           n = 0;

        for (; n < IB_RANK && first + (size_t)n < job->n; n++) {
            const size_t   k = first + (size_t)n;
            const uint32_t du = (uint32_t)(job->iu[k] - column), dv = (uint32_t)(job->iv[k] - row);
            if (du >= (uint32_t)p.group_u || dv >= (uint32_t)p.group_v)
                break;

            const int  ru = (int)pu[k], rv = (int)pv[k];
            const real fu = job->linear ? pu[k] - (real)ru : 0, fv = job->linear ? pv[k] - (real)rv : 0;
            spread(ku + n * wide, wide, (const real *)job->taps + (size_t)ru * job->tap_stride, job->tap_stride, fu,
                   (int)du);
            spread(kv + n * high, high, (const real *)job->taps + (size_t)rv * job->tap_stride, job->tap_stride, fv,
                   (int)dv);
        }
        for (size_t q = 0; q < job->n_plane; q += 2) {
            const int    planes = job->n_plane - q < 2 ? 1 : 2;
            const size_t at = 2 * ((size_t)row * job->stride + (size_t)column);
            real        *grid[2];

            for (int i = 0; i < planes; i++) {
                const real *value = (const real *)job->value[q + (size_t)i] + 2 * first;
                grid[i] = (real *)job->grid[q + (size_t)i] + at;
                for (int k = 0; k < n; k++) {
                    const vec v = pair(value + 2 * k);
                    for (int c = 0; c < high; c += LANES)
                        store(t.a[i] + k * high + c, load(kv + k * high + c) * v);
                }
            }
            update(grid, job->stride, &t, n, planes);
        }
        first += (size_t)n;
    }
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

#define FINITE(x) ((x) - (x) == 0)

/* Branch-free, so that it vectorises: a row's fate is three comparisons. */
static inline __attribute__((always_inline)) void weigh(ib_weigh_job *job, const int n_in, const int rule,
                                                        const size_t n_corr, const size_t n_plane)
{
    const float(*vis)[2] = job->vis;
    const float   *weight = job->weight;
    const uint8_t *flag = job->flag, *use = job->use;
    const size_t   a = (size_t)job->in[0], b = n_in == 2 ? (size_t)job->in[1] : a;
    const real     f0 = (real)job->factor[0][0], g0 = (real)job->factor[0][1];
    const real     f1 = (real)job->factor[1][0], g1 = (real)job->factor[1][1];
    const real     largest = IS_F32 ? (real)1e37 : (real)1e300; /* sums of them stay finite */
    real *restrict value = job->value, *restrict natural = job->natural;
    uint32_t flagged = 0, not_finite = 0, weightless = 0;

    for (size_t r = 0; r < job->n_row; r++) {
        const size_t i = r * n_corr + a, j = r * n_corr + b;
        const real   x = vis[i][0], y = vis[i][1], w0 = weight[i], w1 = weight[j];
        real         re = x, im = y, w = w0;
        int          clear = !flag[i], finite = FINITE(x) & FINITE(y) & FINITE(w0), positive = w0 > 0;

        if (n_in == 2) {
            const real x1 = vis[j][0], y1 = vis[j][1];
            re = f0 * x - g0 * y + f1 * x1 - g1 * y1;
            im = f0 * y + g0 * x + f1 * y1 + g1 * x1;
            w = rule == 0 ? 4 * (w0 / (w0 + w1)) * w1 : rule == 1 ? 2 * (w0 < w1 ? w0 : w1) : w0 + w1;
            clear &= !flag[j];
            finite &= FINITE(x1) & FINITE(y1) & FINITE(w1);
            positive &= w1 > 0;
        }
        const real wr = w * re, wi = w * im;
        const int  fits = (wr < largest) & (wr > -largest) & (wi < largest) & (wi > -largest) & (w < largest);
        const int  used = use[r] != 0, good = used & clear & finite & positive & fits;

        flagged += (uint32_t)(used & (clear ^ 1));
        not_finite += (uint32_t)(used & clear & ((finite ^ 1) | (positive & (fits ^ 1))));
        weightless += (uint32_t)(used & clear & finite & (positive ^ 1));
        value[2 * r * n_plane] = good ? wr : 0;
        value[2 * r * n_plane + 1] = good ? wi : 0;
        natural[r * n_plane] = good ? w : 0;
    }
    job->flagged += flagged;
    job->not_finite += not_finite;
    job->weightless += weightless;
}

/* Constant strides for the usual shapes: one or two correlations as they are, Stokes I of two or four. */
static inline __attribute__((always_inline)) void weigh_shape(ib_weigh_job *job, const int n_in, const int rule)
{
    const size_t n_corr = job->n_corr, n_plane = job->n_plane;

    if (n_corr == 2 && n_plane == 2)
        weigh(job, n_in, rule, 2, 2);
    else if (n_corr == 2 && n_plane == 1)
        weigh(job, n_in, rule, 2, 1);
    else if (n_corr == 4 && n_plane == 1)
        weigh(job, n_in, rule, 4, 1);
    else if (n_corr == 1 && n_plane == 1)
        weigh(job, n_in, rule, 1, 1);
    else
        weigh(job, n_in, rule, n_corr, n_plane);
}

void NAME(ib_weigh_)(ib_weigh_job *job);
void NAME(ib_weigh_)(ib_weigh_job *job)
{
    if (job->n_in == 1)
        weigh_shape(job, 1, 0);
    else if (job->rule == 0)
        weigh_shape(job, 2, 0);
    else if (job->rule == 1)
        weigh_shape(job, 2, 1);
    else
        weigh_shape(job, 2, 2);
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

#if IS_F32 /* positions are double whatever the precision of the grid: once per instruction set */

static inline __attribute__((always_inline)) void locate(const ib_locate_job *job, const int single)
{
    const ib_locate_job j = *job;
    int32_t *restrict iu = j.iu, *restrict iv = j.iv;
    float *restrict pu = j.pu, *restrict pv = j.pv;
    double *restrict qu = j.qu, *restrict qv = j.qv;

    for (size_t k = 0; k < j.n; k++) {
        const double gu = j.u[k] * j.scale_u, gv = j.v[k] * j.scale_v;
        const double eu = gu - j.half + j.origin_u, ev = gv - j.half + j.origin_v;
        /* NaN and what does not fit the grid fail here, before the conversions to integers. */
        const int    near = (eu >= 0) & (eu < j.high_u + 1) & (ev >= j.low_v - 1) & (ev < j.high_v + 1);
        const double xu = near ? eu : 0, xv = near ? ev : 0;
        const int    tu = (int32_t)(xu + 1), tv = (int32_t)(xv + 2) - 1; /* floor + 1, from -1 on */
        const int    ok = near & (tu <= j.high_u) & (tv >= j.low_v) & (tv <= j.high_v);
        const double du = (tu - j.origin_u + j.centre - gu) * j.oversampling - j.first + j.nearest;
        const double dv = (tv - j.origin_v + j.centre - gv) * j.oversampling - j.first + j.nearest;

        iu[k] = ok ? tu : -1;
        iv[k] = tv;
        if (single) {
            pu[k] = (float)du;
            pv[k] = (float)dv;
        } else {
            qu[k] = du;
            qv[k] = dv;
        }
    }
}

void CAT(ib_locate_, IB_ISA, , )(const ib_locate_job *job);
void CAT(ib_locate_, IB_ISA, , )(const ib_locate_job *job)
{
    if (job->pu)
        locate(job, 1);
    else
        locate(job, 0);
}
#endif
