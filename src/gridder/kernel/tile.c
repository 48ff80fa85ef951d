/* SPDX-License-Identifier: BSD-3-Clause */
/* The gridder's inner loops with compiler vectors. Compiled once per instruction set (IB_ISA, IB_VECTOR_BYTES) and
   precision (IB_PRECISION: f32, f64).

   A cell of the grid holds the values of all planes of a channel side by side: planes share places, taps and vectors.
   Samples whose supports begin in the same group of cells touch the same patch: patch += sum_k ku_k (x) (kv_k value_k),
   a product of small matrices whose accumulators stay in registers over the samples. The grid is loaded and stored once
   per group, not once per sample, so that arithmetic and not the first-level cache is the bound.

   A vector holds several cells, or a cell several vectors. Taps along u are repeated for every real of a cell; taps
   along v are multiplied into the values beforehand. */
#include "gridder/kernel/kernel.h"
#include "gridder/kernel/simd.h"

#include <stdbool.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

enum {
    COLUMNS = 3, /* accumulators of a register block: ROWS x COLUMNS, beside COLUMNS + 1 registers */
    ROWS = IB_VECTOR_BYTES == 64 ? 8 : 4,
    STEP = 4,                                            /* patches are a multiple of so many rows */
    ROOM = (IB_SCRATCH_BYTES - 1024) / (int)sizeof(real) /* of the taps of a batch */
};

/* Cells of a vector, and reals from one of its columns to the next. */
INLINE int cells_of(const int planes)
{
    return LANES > 2 * planes ? LANES / (2 * planes) : 1;
}

INLINE int reals_of(const int planes)
{
    return LANES > 2 * planes ? LANES : 2 * planes;
}

/* The reals of one cell in every cell of a vector: a load that broadcasts. (GCC 12 makes a shuffle, or a detour through
   the stack, of the portable form.) */
INLINE vec pattern(const real *p, const int planes)
{
    const int bytes = 2 * planes * (int)sizeof(real);

    if (bytes >= IB_VECTOR_BYTES)
        return load(p);
    if (bytes == 8) {
        typedef int64_t whole __attribute__((vector_size(IB_VECTOR_BYTES)));
        int64_t         cell;
        __builtin_memcpy(&cell, p, sizeof cell);
        return (vec)((whole){0} + cell);
    }
#if IB_VECTOR_BYTES == 64 && defined __AVX512F__
    if (bytes == 16)
        return (vec)_mm512_broadcast_f32x4(_mm_loadu_ps((const float *)p));
    return (vec)_mm512_broadcast_f64x4(_mm256_loadu_pd((const double *)p));
#elif IB_VECTOR_BYTES == 32 && defined __AVX__
    return (vec)_mm256_broadcast_ps((const __m128 *)p);
#else
    vec x;
    for (int i = 0; i < LANES; i++)
        x[i] = p[i % (2 * planes)];
    return x;
#endif
}

/* Taps j cells, (j + 1) cells - 1 of a vector, each repeated for the reals of a cell. */
INLINE vec repeat(vec taps, int j, const int planes)
{
#ifdef __clang__ /* has no shuffle by a vector */
    vec x;
    for (int i = 0; i < LANES; i++)
        x[i] = taps[j * cells_of(planes) + i / (2 * planes)];
    return x;
#else
    const index lane = (index){0} + j * cells_of(planes);
    index       step;
    for (int i = 0; i < LANES; i++)
        step[i] = i / (2 * planes);
    return __builtin_shuffle(taps, lane + step);
#endif
}

/* ---- a group of samples -------------------------------------------------------------------------------------- */

/* What the samples of a batch bring: their groups, where their taps stand in the table, the taps themselves. */
typedef struct batch {
    int32_t column[IB_RANK], row[IB_RANK];    /* where the sample's group begins */
    int     start[IB_RANK + 1], n_group;      /* first sample of each group, and the end */
    int32_t from_u[IB_RANK], from_v[IB_RANK]; /* first tap in the table, shifted by the sample's place in its group */
    real    part_u[IB_RANK], part_v[IB_RANK]; /* of the way to the next row of the table */
    real   *ku;         /* patch_u taps, repeated for every real of a cell where a vector holds several */
    real   *a;          /* row after row of the patch the values of a cell times the tap along v */
    int     wide, high; /* reals from a sample's to the next one's */
    real    flat[LANES];
} batch;

/* Add one sample to a register block, or begin the block with it. */
INLINE void add_outer(vec sum[ROWS][COLUMNS], const real *ku, const real *a, const int planes, const int rows,
                      const int columns, const bool begins)
{
    vec x[COLUMNS];

    for (int c = 0; c < columns; c++)
        x[c] = cells_of(planes) > 1 ? load(ku + c * LANES) : splat(ku[c]);
    for (int r = 0; r < rows; r++) {
        const vec b = pattern(a + r * 2 * planes, planes);
        for (int c = 0; c < columns; c++)
            sum[r][c] = begins ? b * x[c] : sum[r][c] + b * x[c];
    }
}

/* One register block: rows x columns vectors of a patch, for n >= 1 samples. Constant counts: the sums stay in registers.
   The samples are added to each other first and to the grid then: one by one, small ones would be lost beside a large
   sum, all to the same side. */
INLINE void block(real *grid, size_t stride, const real *ku, const real *a, const batch *t, int n, const int planes,
                  const int rows, const int columns)
{
    const int reals = reals_of(planes);
    vec       sum[ROWS][COLUMNS];

    add_outer(sum, ku, a, planes, rows, columns, true);
    for (int k = 1; k < n; k++)
        add_outer(sum, ku + k * t->wide, a + k * t->high, planes, rows, columns, false);
    for (int r = 0; r < rows; r++, grid += stride)
        for (int c = 0; c < columns; c++)
            store(grid + c * reals, load(grid + c * reals) + sum[r][c]);
}

/* A band of rows of the patch, in blocks of three columns or two: a single one would leave the adders waiting. */
INLINE void band(real *grid, size_t stride, const real *ku, const real *a, const batch *t, int columns, int n,
                 const int planes, const int rows)
{
    const int reals = reals_of(planes), step = cells_of(planes) > 1 ? LANES : 1;

    for (; columns > 4 || columns == 3; columns -= 3, grid += 3 * reals, ku += 3 * step)
        block(grid, stride, ku, a, t, n, planes, rows, 3);
    for (; columns > 1; columns -= 2, grid += 2 * reals, ku += 2 * step)
        block(grid, stride, ku, a, t, n, planes, rows, 2);
    if (columns)
        block(grid, stride, ku, a, t, n, planes, rows, 1);
}

/* Where a group begins in the grid. stride: reals. */
INLINE real *corner(const ib_tile_job *job, const batch *t, int group, size_t stride, const int planes)
{
    const int i = t->start[group];
    return (real *)job->grid + (size_t)t->row[i] * stride + (size_t)t->column[i] * 2 * (size_t)planes;
}

/* All groups of a batch, whose patch is one register block. */
INLINE void update_small(const ib_tile_job *job, const batch *t, const int planes, const int columns)
{
    const size_t stride = job->stride * 2 * (size_t)planes;

    for (int k = 0; k < t->n_group; k++) {
        const int i = t->start[k];
        block(corner(job, t, k, stride, planes), stride, t->ku + i * t->wide, t->a + i * t->high, t,
              t->start[k + 1] - i, planes, ROWS, columns);
    }
}

INLINE void update(const ib_tile_job *job, const batch *t, const int planes)
{
    const size_t stride = job->stride * 2 * (size_t)planes;
    const int    columns = job->patch->patch_u / cells_of(planes), high = job->patch->patch_v;

    if (high == ROWS && columns == 3 && 2 * planes <= LANES) {
        update_small(job, t, planes, 3);
        return;
    }
    if (high == ROWS && columns == 2 && 2 * planes <= LANES) {
        update_small(job, t, planes, 2);
        return;
    }
    for (int k = 0; k < t->n_group; k++) {
        const int   i = t->start[k], n = t->start[k + 1] - i;
        const real *ku = t->ku + i * t->wide;
        for (int part = 0; part < 2 * planes; part += LANES) {
            real       *grid = corner(job, t, k, stride, planes) + part;
            const real *a = t->a + i * t->high + part;
            int         row = 0;
            for (; row + ROWS <= high; row += ROWS, grid += ROWS * stride, a += ROWS * 2 * planes)
                band(grid, stride, ku, a, t, columns, n, planes, ROWS);
            if (ROWS > STEP && row < high)
                band(grid, stride, ku, a, t, columns, n, planes, STEP);
        }
    }
}

/* ---- taps ------------------------------------------------------------------------------------------------------ */

/* A vector of taps between two rows of the table. */
INLINE vec interpolate(const real *row, size_t next, real fraction)
{
    const vec x = load(row);
    return x + splat(fraction) * (load(row + next) - x);
}

/* The taps of a vector, each repeated for the reals of a cell and times x, as `n` vectors. */
INLINE void spread_vector(real *to, vec taps, vec x, int n, const int planes)
{
    const int most = LANES / cells_of(planes);

    if (n >= most)
        for (int j = 0; j < most; j++)
            store(to + j * LANES, repeat(taps, j, planes) * x);
    else
        for (int j = 0; j < n; j++)
            store(to + j * LANES, repeat(taps, j, planes) * x);
}

/* Taps along u, shifted by the sample's place in its group: zeros before and after them come along. */
INLINE void spread_u(real *to, int n, const real *row, size_t next, real fraction, const int planes)
{
    const int cells = cells_of(planes);

    for (; n > 0; n -= LANES, row += LANES) {
        const vec x = interpolate(row, next, fraction);
        if (cells == 1) {
            store(to, x);
            to += LANES;
        } else {
            spread_vector(to, x, splat(1), n / cells, planes);
            to += LANES * 2 * planes;
        }
    }
}

/* Taps along v times the values of a cell. `flat` holds a vector's taps when they are taken one by one. */
INLINE void spread_v(real *to, int n, const real *row, size_t next, real fraction, const real *value, real *flat,
                     const int planes)
{
    const int cells = cells_of(planes);

    for (; n > 0; n -= LANES, row += LANES, to += LANES * 2 * planes) {
        const vec x = interpolate(row, next, fraction);
        if (cells == 1) {
            store(flat, x);
            for (int j = 0; j < LANES && j < n; j++)
                for (int part = 0; part < 2 * planes; part += LANES)
                    store(to + j * 2 * planes + part, splat(flat[j]) * load(value + part));
        } else
            spread_vector(to, x, pattern(value, planes), (n + cells - 1) / cells, planes);
    }
}

/* ---- a list of samples --------------------------------------------------------------------------------------------- */

/* A group begins on a vector along u: no access to the grid crosses a cache line, and none reads half of what the group
   before has just written, which would wait for the memory. Its size is the one that costs least: every sample updates
   the whole patch, and every group loads and stores it once. A larger one wastes arithmetic and gathers more samples;
   1.2 per cell are typical of an observation long enough to matter, and a load and a store cost as much as two updates. */
void NAME(ib_patch_)(int support, int planes, ib_patch *patch);
void NAME(ib_patch_)(int support, int planes, ib_patch *patch)
{
    const int cells = cells_of(planes);
    double    least = 0;

    for (int group = cells; group <= IB_LEAD; group += cells) {
        const int u = round_up(support + group - 1, cells);
        for (int v = round_up(support, STEP); v <= support + IB_LEAD; v += STEP) {
            const double cost = u * v * (1 + 2 / (1.2 * group * (v - support + 1)));
            if (least > 0 && cost >= least)
                continue;
            least = cost;
            *patch = (ib_patch){group, v - support + 1, u, v, v * (u * 2 * planes / LANES)};
        }
    }
}

/* Groups and taps of IB_RANK samples, however many there are: whole vectors, and no ends to take care of. */
INLINE void look_up(const ib_tile_job *job, size_t first, batch *restrict t)
{
    const int   group_u = job->patch->group_u, group_v = job->patch->group_v;
    const float inverse_u = 1 / (float)group_u, inverse_v = 1 / (float)group_v;
    const int32_t *restrict iu = job->iu + first, *restrict iv = job->iv + first;
    const int32_t next = (int32_t)job->tap_stride;
    const real *restrict pu = (const real *)job->pu + first, *restrict pv = (const real *)job->pv + first;
    const real linear = job->linear ? 1 : 0;

    for (int i = 0; i < IB_RANK; i++) {
        const int32_t column = floor_to(iu[i], group_u, inverse_u), row = floor_to(iv[i], group_v, inverse_v);
        const int32_t ru = (int32_t)pu[i], rv = (int32_t)pv[i];
        t->column[i] = column;
        t->row[i] = row;
        t->from_u[i] = IB_LEAD + ru * next - (iu[i] - column);
        t->from_v[i] = IB_LEAD + rv * next - (iv[i] - row);
        t->part_u[i] = (pu[i] - (real)ru) * linear;
        t->part_v[i] = (pv[i] - (real)rv) * linear;
    }
}

/* The first samples of groups among n, after sample 0. @return how many groups. */
INLINE int split(batch *t, int n)
{
    int k = 1;

#if IB_VECTOR_BYTES == 64 && defined __AVX512F__
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (int i = 1; i < n; i += 16) {
        const __mmask16 left = (__mmask16)(n - i < 16 ? (1 << (n - i)) - 1 : 0xffff);
        const __m512i   u = _mm512_maskz_loadu_epi32(left, t->column + i),
                      v = _mm512_maskz_loadu_epi32(left, t->row + i);
        const __m512i   u0 = _mm512_loadu_si512(t->column + i - 1), v0 = _mm512_loadu_si512(t->row + i - 1);
        const __mmask16 other = left & (_mm512_cmpneq_epi32_mask(u, u0) | _mm512_cmpneq_epi32_mask(v, v0));
        _mm512_mask_compressstoreu_epi32(t->start + k, other, _mm512_add_epi32(lane, _mm512_set1_epi32(i)));
        k += __builtin_popcount(other);
    }
#else
    for (int i = 1; i < n; i++) {
        t->start[k] = i;
        k += ((t->column[i] ^ t->column[i - 1]) | (t->row[i] ^ t->row[i - 1])) != 0;
    }
#endif
    return k;
}

/* Samples first .. that are handled together, at most `most`: groups, as whole as possible. @return how many. */
APART int begin(const ib_tile_job *job, size_t first, int most, batch *t)
{
    const int n = job->n - first < (size_t)most ? (int)(job->n - first) : most;

    look_up(job, first, t);
    t->start[0] = 0;
    int k = split(t, n);
    if (first + (size_t)n < job->n && k > 1) /* the last one may go on: it is left to the next batch */
        k--;
    else
        t->start[k] = n;
    t->n_group = k;
    return t->start[k];
}

INLINE void spread(const ib_tile_job *job, size_t first, int n, batch *t, const int planes)
{
    const int    patch_u = job->patch->patch_u, patch_v = job->patch->patch_v;
    const size_t next = job->tap_stride, wide = (size_t)t->wide, high = (size_t)t->high;
    const real  *taps = job->taps, *value = (const real *)job->value + first * 2 * (size_t)planes;
    real        *ku = t->ku, *a = t->a;

    for (int i = 0; i < n; i++, ku += wide, a += high, value += 2 * planes) {
        spread_u(ku, patch_u, taps + t->from_u[i], next, t->part_u[i], planes);
        spread_v(a, patch_v, taps + t->from_v[i], next, t->part_v[i], value, t->flat, planes);
    }
}

INLINE void add(const ib_tile_job *job, const int planes,
                void (*spread_batch)(const ib_tile_job *job, size_t first, int n, batch *t),
                void (*update_batch)(const ib_tile_job *job, const batch *t))
{
    const int cells = cells_of(planes);
    batch     t = {.wide = cells > 1 ? job->patch->patch_u * 2 * planes : round_up(job->patch->patch_u, LANES),
                   .high = round_up(job->patch->patch_v, cells) * 2 * planes,
                   .ku = job->scratch};
    const int room = ROOM / (t.wide + t.high), most = room < IB_RANK ? room : IB_RANK;

    t.a = t.ku + most * t.wide;
    for (size_t first = 0; first < job->n;) {
        const int n = begin(job, first, most, &t);
        spread_batch(job, first, n, &t);
        update_batch(job, &t);
        first += (size_t)n;
    }
}

#define PLANES(n)                                                                                                    \
    APART void spread_##n(const ib_tile_job *job, size_t first, int n_sample, batch *t)                              \
    {                                                                                                                \
        spread(job, first, n_sample, t, n);                                                                          \
    }                                                                                                                \
    APART void update_##n(const ib_tile_job *job, const batch *t)                                                    \
    {                                                                                                                \
        update(job, t, n);                                                                                           \
    }

PLANES(1)
PLANES(2)
PLANES(4)
PLANES(8)

void NAME(ib_grid_)(const ib_tile_job *job);
void NAME(ib_grid_)(const ib_tile_job *job)
{
    if (job->planes == 1)
        add(job, 1, spread_1, update_1);
    else if (job->planes == 2)
        add(job, 2, spread_2, update_2);
    else if (job->planes == 4)
        add(job, 4, spread_4, update_4);
    else
        add(job, 8, spread_8, update_8);
}

/* ---- weights ------------------------------------------------------------------------------------------------- */

/* Some samples taken apart, so that what follows works on whole vectors whatever the shape of input and output. */
enum { LOT = 144 }; /* a multiple of a vector and of one to four planes */

#if IS_F32
typedef int32_t truth; /* as wide as a real: masks and reals share vectors */
#else
typedef int64_t truth;
#endif

typedef struct lot {
    real   re[2][LOT], im[2][LOT], weight[2][LOT]; /* of the correlations that enter; then of the plane, in [0] */
    truth  clear[LOT], use[LOT], flagged[LOT], not_finite[LOT], weightless[LOT], good[LOT];
    double total[LOT]; /* weight */
} lot;

#define FINITE(x) ((x) - (x) == 0)

/* Branch-free, so that it vectorises: a sample's fate is a few comparisons. */
INLINE void judge(const ib_weigh_job *job, lot *l, const int n_in, const int rule)
{
    const real f0 = (real)job->factor[0][0], g0 = (real)job->factor[0][1];
    const real f1 = (real)job->factor[1][0], g1 = (real)job->factor[1][1];
    const real largest = IS_F32 ? (real)1e37 : (real)1e300; /* sums of them stay finite */

    for (int i = 0; i < LOT; i++) {
        const real  x = l->re[0][i], y = l->im[0][i], w0 = l->weight[0][i], w1 = l->weight[1][i];
        real        re = x, im = y, w = w0;
        const truth clear = l->clear[i], use = l->use[i];
        truth       finite = FINITE(x) & FINITE(y) & FINITE(w0), positive = w0 > 0;

        if (n_in == 2) {
            const real x1 = l->re[1][i], y1 = l->im[1][i];
            re = f0 * x - g0 * y + f1 * x1 - g1 * y1;
            im = f0 * y + g0 * x + f1 * y1 + g1 * x1;
            w = rule == 0 ? 4 * (w0 / (w0 + w1)) * w1 : rule == 1 ? 2 * (w0 < w1 ? w0 : w1) : w0 + w1;
            finite &= FINITE(x1) & FINITE(y1) & FINITE(w1);
            positive &= w1 > 0;
        }
        const real  wr = w * re, wi = w * im;
        const truth fits = (wr < largest) & (wr > -largest) & (wi < largest) & (wi > -largest) & (w < largest);
        const truth good = use & clear & finite & positive & fits;

        l->flagged[i] += use & (clear ^ 1);
        l->not_finite[i] += use & clear & ((finite ^ 1) | (positive & (fits ^ 1)));
        l->weightless[i] += use & clear & finite & (positive ^ 1);
        l->re[0][i] = good ? wr : 0;
        l->im[0][i] = good ? wi : 0;
        l->weight[0][i] = good ? w : 0;
        l->good[i] += good;
    }
    for (int i = 0; i < LOT; i++)
        l->total[i] += (double)l->weight[0][i];
}

APART void judge_lot(const ib_weigh_job *job, lot *l)
{
    if (job->n_in == 1)
        judge(job, l, 1, 0);
    else if (job->rule == 0)
        judge(job, l, 2, 0);
    else if (job->rule == 1)
        judge(job, l, 2, 1);
    else
        judge(job, l, 2, 2);
}

/* Samples k, k + step, ... of n_in correlations. */
INLINE void take(const ib_weigh_job *job, lot *l, size_t first, int n, const size_t n_corr, const int side)
{
    const size_t step = n_corr / (size_t)side; /* one after the other where all correlations are taken */

    for (int c = 0; c < job->n_in; c++) {
        const size_t at = first * step + (size_t)job->in[c];
        const float(*vis)[2] = job->vis + at;
        const float   *weight = job->weight + at;
        const uint8_t *flag = job->flag + at;
        for (int i = 0; i < n; i++) {
            l->re[c][i] = vis[(size_t)i * step][0];
            l->im[c][i] = vis[(size_t)i * step][1];
        }
        for (int i = 0; i < n; i++)
            l->weight[c][i] = weight[(size_t)i * step];
        if (c)
            for (int i = 0; i < n; i++)
                l->clear[i] &= !flag[(size_t)i * step];
        else
            for (int i = 0; i < n; i++)
                l->clear[i] = !flag[(size_t)i * step];
    }
    const uint8_t *use = job->use + first / (size_t)side;
    if (!job->all)
        for (int i = 0; i < n; i += side)
            for (int k = 0; k < side; k++)
                l->use[i + k] = use[i / side];
    for (int i = n; i < LOT; i++)
        l->use[i] = 0;
}

INLINE void put(const ib_weigh_job *job, const lot *l, size_t first, int n, const size_t value_step,
                const size_t weight_step, const size_t weight_side, const int side)
{
    real *restrict value = (real *)job->value + first / (size_t)side * value_step;
    real *restrict weight = (real *)job->natural + first / (size_t)side * weight_step;

    if (value_step == 2 * (size_t)side) /* as they are, without a gap */
        for (int i = 0; i < n; i++) {
            value[2 * i] = l->re[0][i];
            value[2 * i + 1] = l->im[0][i];
        }
    else
        for (int i = 0; i < n; i += side)
            for (int k = 0; k < side; k++) {
                value[(size_t)(i / side) * value_step + 2 * (size_t)k] = l->re[0][i + k];
                value[(size_t)(i / side) * value_step + 2 * (size_t)k + 1] = l->im[0][i + k];
            }
    if (weight_step == (size_t)side)
        for (int i = 0; i < n; i++)
            weight[i] = l->weight[0][i];
    else
        for (int i = 0; i < n; i += side)
            for (int k = 0; k < side; k++)
                weight[(size_t)(i / side) * weight_step + (size_t)k * weight_side] = l->weight[0][i + k];
}

INLINE void weigh(ib_weigh_job *job, const size_t n_corr, const size_t value_step, const size_t weight_step,
                  const size_t weight_side, const int side)
{
    lot l;

    for (int i = 0; i < LOT; i++)
        l.flagged[i] = l.not_finite[i] = l.weightless[i] = l.good[i] = 0;
    for (int i = 0; i < LOT; i++) {
        l.total[i] = 0;
        l.use[i] = 1;
    }
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < LOT; i++)
            l.re[c][i] = l.im[c][i] = l.weight[c][i] = 0;
    for (size_t first = 0; first < job->n_row * (size_t)side; first += LOT) {
        const size_t left = job->n_row * (size_t)side - first;
        const int    n = left < LOT ? (int)left : LOT;
        take(job, &l, first, n, n_corr, side);
        judge_lot(job, &l);
        put(job, &l, first, n, value_step, weight_step, weight_side, side);
    }
    for (int i = 0; i < LOT; i++) {
        job->flagged[i % side] += (uint64_t)l.flagged[i];
        job->not_finite[i % side] += (uint64_t)l.not_finite[i];
        job->weightless[i % side] += (uint64_t)l.weightless[i];
        job->good[i % side] += (uint64_t)l.good[i];
        job->total[i % side] += l.total[i];
    }
}

/* Constant steps for the usual shapes: the correlations as they are, Stokes I of two or four; each with PSFs and without. */
void NAME(ib_weigh_)(ib_weigh_job *job);
void NAME(ib_weigh_)(ib_weigh_job *job)
{
    const size_t n_corr = job->n_corr, value_step = job->value_step, weight_step = job->weight_step;
    const int    side = job->side;
    const bool as_is = n_corr == (size_t)side, plain = value_step == 2 * (size_t)side && weight_step == (size_t)side;
    const bool psf = value_step == 4 * (size_t)side && weight_step == 4 * (size_t)side;

    if (as_is && side == 1 && plain)
        weigh(job, 1, 2, 1, 1, 1);
    else if (as_is && side == 1 && psf)
        weigh(job, 1, 4, 4, 2, 1);
    else if (as_is && side == 2 && plain)
        weigh(job, 2, 4, 2, 1, 2);
    else if (as_is && side == 2 && psf)
        weigh(job, 2, 8, 8, 2, 2);
    else if (as_is && side == 4 && plain)
        weigh(job, 4, 8, 4, 1, 4);
    else if (as_is && side == 4 && psf)
        weigh(job, 4, 16, 16, 2, 4);
    else if (n_corr == 2 && side == 1 && plain)
        weigh(job, 2, 2, 1, 1, 1);
    else if (n_corr == 2 && side == 1 && psf)
        weigh(job, 2, 4, 4, 2, 1);
    else if (n_corr == 4 && side == 1 && plain)
        weigh(job, 4, 2, 1, 1, 1);
    else if (n_corr == 4 && side == 1 && psf)
        weigh(job, 4, 4, 4, 2, 1);
    else
        weigh(job, n_corr, value_step, weight_step, job->weight_side, side);
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

#if IS_F32 /* positions are double whatever the precision of the grid: once per instruction set */

enum { PLACES = IB_VECTOR_BYTES / 8 };

typedef double  dvec __attribute__((vector_size(IB_VECTOR_BYTES)));
typedef int64_t mask __attribute__((vector_size(IB_VECTOR_BYTES)));
typedef int32_t ivec __attribute__((vector_size(IB_VECTOR_BYTES / 2)));
typedef float   fvec __attribute__((vector_size(IB_VECTOR_BYTES / 2)));

typedef dvec dvec_any __attribute__((aligned(8), may_alias));
typedef ivec ivec_any __attribute__((aligned(4), may_alias));
typedef fvec fvec_any __attribute__((aligned(4), may_alias));

/* Loops over lanes, where the compiler makes better instructions of them than of whole vectors. */
INLINE ivec lesser(ivec a, ivec b)
{
    ivec c;
    for (int i = 0; i < PLACES; i++)
        c[i] = a[i] < b[i] ? a[i] : b[i];
    return c;
}

INLINE ivec greater(ivec a, ivec b)
{
    ivec c;
    for (int i = 0; i < PLACES; i++)
        c[i] = a[i] < b[i] ? b[i] : a[i];
    return c;
}

INLINE dvec widen(ivec a)
{
    dvec c;
    for (int i = 0; i < PLACES; i++)
        c[i] = a[i];
    return c;
}

/* What places need of a job, with what is constant put together. */
typedef struct ruler {
    double scale_u, scale_v, edge_u, edge_v;            /* first cell of a support = floor(scale x + edge) + 1 */
    double table, table_u, table_v, offset_u, offset_v; /* table row = table t - table_x x + offset */
    double low_v, high_u, high_v;
} ruler;

INLINE ruler measure(const ib_locate_job *j)
{
    const double o = j->oversampling, rest = j->centre * o - j->first + j->nearest;

    return (ruler){j->scale_u,     j->scale_v,     j->origin_u - j->half,  j->origin_v - j->half,  o,
                   o * j->scale_u, o * j->scale_v, rest - o * j->origin_u, rest - o * j->origin_v, j->low_v,
                   j->high_u,      j->high_v};
}

/* Cells and table rows of a vector of samples. What does not fit the grid gets the column -1. */
INLINE void place(const ruler *j, dvec u, dvec v, ivec *iu, ivec *iv, dvec *pu, dvec *pv)
{
    const dvec eu = u * j->scale_u + j->edge_u, ev = v * j->scale_v + j->edge_v;
    /* NaN and what is far away fail here, before the conversions to integers. */
    const mask near = (eu >= 0) & (eu < j->high_u + 1) & (ev >= j->low_v - 1) & (ev < j->high_v + 1);
    const dvec xu = (dvec)((mask)eu & near), xv = (dvec)((mask)ev & near);
    const ivec cu = __builtin_convertvector(xu + 1, ivec);
    const ivec cv = __builtin_convertvector(xv + 2, ivec) - 1; /* floor + 1, from -1 on */
    const dvec tu = widen(cu), tv = widen(cv);
    const mask fits = near & (tu <= j->high_u) & (tv >= j->low_v) & (tv <= j->high_v);
    const ivec fit = __builtin_convertvector(fits, ivec);

    *iu = (cu & fit) | ~fit;
    *iv = cv;
    *pu = tu * j->table + (j->offset_u - u * j->table_u);
    *pv = tv * j->table + (j->offset_v - v * j->table_v);
}

INLINE void locate(ib_locate_job *job, const int single)
{
    const ib_locate_job own = *job, *const j = &own; /* no store can change it */
    const ruler r = measure(j);
    ivec        low_u = (ivec){0} + INT32_MAX, low_v = low_u, high_u = ~low_u, high_v = ~low_u;

    for (size_t k = 0; k < j->n; k += PLACES) {
        const size_t left = j->n - k;
        dvec         u, v, pu, pv;
        ivec         iu, iv;

        if (left >= PLACES) {
            u = *(const dvec_any *)(j->u + k);
            v = *(const dvec_any *)(j->v + k);
        } else /* the last one again and again */
            for (size_t i = 0; i < PLACES; i++) {
                u[i] = j->u[k + (i < left ? i : left - 1)];
                v[i] = j->v[k + (i < left ? i : left - 1)];
            }
        place(&r, u, v, &iu, &iv, &pu, &pv);
        low_u = lesser(low_u, iu);
        low_v = lesser(low_v, iv);
        high_u = greater(high_u, iu);
        high_v = greater(high_v, iv);
        *(ivec_any *)(j->iu + k) = iu;
        *(ivec_any *)(j->iv + k) = iv;
        if (single) {
            *(fvec_any *)(j->pu.f + k) = __builtin_convertvector(pu, fvec);
            *(fvec_any *)(j->pv.f + k) = __builtin_convertvector(pv, fvec);
        } else {
            *(dvec_any *)(j->pu.d + k) = pu;
            *(dvec_any *)(j->pv.d + k) = pv;
        }
    }
    ib_cells *e = &job->extent;
    *e = (ib_cells){low_u[0], high_u[0], low_v[0], high_v[0]};
    for (int i = 1; i < PLACES; i++) {
        e->low_u = low_u[i] < e->low_u ? low_u[i] : e->low_u;
        e->low_v = low_v[i] < e->low_v ? low_v[i] : e->low_v;
        e->high_u = high_u[i] > e->high_u ? high_u[i] : e->high_u;
        e->high_v = high_v[i] > e->high_v ? high_v[i] : e->high_v;
    }
}

void CAT(ib_locate_, IB_ISA, , )(ib_locate_job *job);
void CAT(ib_locate_, IB_ISA, , )(ib_locate_job *job)
{
    if (job->single)
        locate(job, 1);
    else
        locate(job, 0);
}
#endif
