/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled as tile.c is: IB_ISA, IB_VECTOR_BYTES, IB_PRECISION. */
#include "gridder/kernel/lines.h"
#include "gridder/kernel/simd.h"

#include <stdint.h>

typedef real cell[2];

enum {
    UNIT = 64 / (int)sizeof(cell),
    CELLS = IB_VECTOR_BYTES / (int)sizeof(cell), /* of a vector */
    AHEAD = 16 /* rows fetched ahead: they lie too far apart for the machine to guess */
};

/* Vectors as 64-bit words: a cell in single precision, half a cell in double. */
typedef int64_t words __attribute__((vector_size(IB_VECTOR_BYTES), may_alias));
typedef int64_t words_any __attribute__((vector_size(IB_VECTOR_BYTES), aligned(sizeof(real)), may_alias));

/* Of two vectors, blocks of d words: the even ones of each, the odd ones of each. */
#if IB_VECTOR_BYTES == 64
#define EVEN_1(x, y) __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14)
#define ODD_1(x, y)  __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15)
#define EVEN_2(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define ODD_2(x, y)  __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)
#define EVEN_4(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11)
#define ODD_4(x, y)  __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15)
#elif IB_VECTOR_BYTES == 32
#define EVEN_1(x, y) __builtin_shufflevector(x, y, 0, 4, 2, 6)
#define ODD_1(x, y)  __builtin_shufflevector(x, y, 1, 5, 3, 7)
#define EVEN_2(x, y) __builtin_shufflevector(x, y, 0, 1, 4, 5)
#define ODD_2(x, y)  __builtin_shufflevector(x, y, 2, 3, 6, 7)
#else
#define EVEN_1(x, y) __builtin_shufflevector(x, y, 0, 2)
#define ODD_1(x, y)  __builtin_shufflevector(x, y, 1, 3)
#endif

/* Of every pair of vectors d apart. */
#define EXCHANGE(d, cells)                                                                                           \
    for (int i = 0; i < CELLS; i++)                                                                                  \
        if (!(i & (cells))) {                                                                                        \
            const words x = v[i], y = v[i | (cells)];                                                                \
            v[i] = EVEN_##d(x, y);                                                                                   \
            v[i | (cells)] = ODD_##d(x, y);                                                                          \
        }

/* A square of CELLS x CELLS. */
static inline void transpose(cell *into, size_t into_step, const cell *from, size_t from_step)
{
    words v[CELLS];

    for (int i = 0; i < CELLS; i++)
        v[i] = *(const words_any *)(from + (size_t)i * from_step);
#if IS_F32
    EXCHANGE(1, 1)
#if IB_VECTOR_BYTES >= 32
    EXCHANGE(2, 2)
#endif
#if IB_VECTOR_BYTES == 64
    EXCHANGE(4, 4)
#endif
#else
#if IB_VECTOR_BYTES >= 32
    EXCHANGE(2, 1)
#endif
#if IB_VECTOR_BYTES == 64
    EXCHANGE(4, 2)
#endif
#endif
    for (int i = 0; i < CELLS; i++)
        *(words_any *)(into + (size_t)i * into_step) = v[i];
}

static void gather(void *into, size_t into_step, const void *from, size_t from_step, size_t n_row, size_t n_column)
{
    const size_t whole = n_row - n_row % CELLS;

    for (size_t r = 0; r < whole; r += CELLS) {
        const cell *row = (const cell *)from + r * from_step;
        for (size_t i = 0; i < CELLS && r + i + AHEAD < n_row; i++)
            for (size_t c = 0; c < n_column; c += UNIT)
                __builtin_prefetch(row + (i + AHEAD) * from_step + c);
        for (size_t c = 0; c < n_column; c += CELLS)
            transpose((cell *)into + c * into_step + r, into_step, row + c, from_step);
    }
    for (size_t r = whole; r < n_row; r++)
        for (size_t c = 0; c < n_column; c++)
            for (int i = 0; i < 2; i++)
                ((cell *)into)[c * into_step + r][i] = ((const cell *)from)[r * from_step + c][i];
}

static void scatter(void *into, size_t into_step, const void *from, size_t from_step, size_t n_row, size_t n_column,
                    size_t planes)
{
    const size_t whole = n_row - n_row % CELLS;

    for (size_t r = 0; r < n_row; r += CELLS) {
        cell *row = (cell *)into + r * into_step;
        for (size_t i = 0; i < CELLS && r + i + AHEAD < n_row; i++)
            for (size_t c = 0; c < n_column; c += UNIT)
                __builtin_prefetch(row + (i + AHEAD) * into_step + c, 1);
        for (size_t at = 0; at < n_column;
             at += CELLS) { /* runs of CELLS cells of one plane, in the order of writing */
            const size_t unit = at / (UNIT * planes), plane = at / UNIT % planes;
            const cell  *column = (const cell *)from + ((unit * UNIT + at % UNIT) * planes + plane) * from_step + r;
            if (r < whole)
                transpose(row + at, into_step, column, planes * from_step);
            else
                for (size_t i = 0; i < n_row - r; i++)
                    for (size_t c = 0; c < CELLS; c++)
                        for (int k = 0; k < 2; k++)
                            row[i * into_step + at + c][k] = column[c * planes * from_step + i][k];
        }
    }
}

static void move(void *into, void *from, size_t n)
{
    for (size_t i = 0; i < 2 * n; i++) {
        ((real *)into)[i] += ((real *)from)[i];
        ((real *)from)[i] = 0;
    }
}

static void fold(void *a, void *b, size_t zero, size_t nyquist, size_t planes)
{
    cell *const row[2] = {a, b};
    const int   both = a != b;

    zero *= planes;
    nyquist *= planes;
    for (int side = 0; side <= both; side++) {
        cell *from = row[side], *to = row[both - side];
        for (size_t k = planes; k <= zero; k += planes)
            for (size_t p = 0; p < planes; p++) {
                to[zero + k + p][0] += from[zero - k + p][0];
                to[zero + k + p][1] -= from[zero - k + p][1];
                from[zero - k + p][0] = from[zero - k + p][1] = 0;
            }
    }
    for (size_t edge = zero; edge <= nyquist; edge += nyquist - zero)
        for (size_t p = edge; p < edge + planes; p++) {
            const real re = row[0][p][0] + row[1][p][0], im = row[0][p][1] - row[1][p][1];
            row[0][p][0] = row[1][p][0] = re;
            row[0][p][1] = im;
            row[1][p][1] = -im;
        }
}

/* (re, im) to (im, re). */
static inline words turn(words x)
{
#if IS_F32
    typedef uint64_t bits __attribute__((vector_size(IB_VECTOR_BYTES)));
    return (words)((bits)x << 32 | (bits)x >> 32);
#elif IB_VECTOR_BYTES == 64
    return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
#elif IB_VECTOR_BYTES == 32
    return __builtin_shufflevector(x, x, 1, 0, 3, 2);
#else
    return __builtin_shufflevector(x, x, 1, 0);
#endif
}

/* Cells in the opposite order. */
static inline words reverse(words x)
{
#if IS_F32 && IB_VECTOR_BYTES == 64
    return __builtin_shufflevector(x, x, 7, 6, 5, 4, 3, 2, 1, 0);
#elif IS_F32 && IB_VECTOR_BYTES == 32
    return __builtin_shufflevector(x, x, 3, 2, 1, 0);
#elif IS_F32
    return __builtin_shufflevector(x, x, 1, 0);
#elif IB_VECTOR_BYTES == 64
    return __builtin_shufflevector(x, x, 6, 7, 4, 5, 2, 3, 0, 1);
#elif IB_VECTOR_BYTES == 32
    return __builtin_shufflevector(x, x, 2, 3, 0, 1);
#else
    return x;
#endif
}

static inline void join_cell(cell *circle, size_t n, size_t k, const real *a, const real *b)
{
    const real re = b ? b[0] : 0, im = b ? b[1] : 0;

    circle[k][0] = a[0] - im;
    circle[k][1] = a[1] + re;
    circle[n - k][0] = a[0] + im;
    circle[n - k][1] = re - a[1];
}

static void join(void *circle_, size_t n, void *a_, void *b_, size_t step, size_t n_cell)
{
    cell *const circle = circle_, *a = a_, *b = b_;
    vec         minus_re, minus_im; /* sign bits */

    for (int i = 0; i < LANES; i++) {
        minus_re[i] = i % 2 ? (real)0 : (real)-0.0;
        minus_im[i] = i % 2 ? (real)-0.0 : (real)0;
    }
    for (size_t k = 0; k < n_cell; k += UNIT) {
        for (size_t c = 0; c < UNIT; c += CELLS) {
            const words x = *(words *)(a + c), y = b ? turn(*(words *)(b + c)) : (words){0};
            const vec   here = (vec)x + (vec)(y ^ (words)minus_re), there = (vec)(x ^ (words)minus_im) + (vec)y;
            if (k + c + CELLS <= n / 2 + 1) {
                *(words_any *)(circle + k + c) = (words)here;
                *(words_any *)(circle + n - k - c - CELLS + 1) = reverse((words)there);
            } else
                for (size_t i = c; i < c + CELLS && k + i <= n / 2; i++)
                    join_cell(circle, n, k + i, a[i], b ? b[i] : NULL);
            *(words *)(a + c) = (words){0};
            if (b)
                *(words *)(b + c) = (words){0};
        }
        a += step;
        b = b ? b + step : NULL;
    }
    for (size_t k = n_cell; k + n_cell <= n; k++)
        circle[k][0] = circle[k][1] = 0;
}

static void crop(float *a, float *b, const void *circle, size_t n, size_t nx, const void *correct, double scale_a,
                 double scale_b)
{
    const real   ya = (real)scale_a, yb = (real)scale_b;
    const size_t left = nx / 2;

    for (int part = 0; part < 2; part++) {
        const real *c = (const real *)correct + (part ? left : 0),
                   *z = (const real *)circle + (part ? 0 : 2 * (n - left));
        const size_t first = part ? left : 0, m = part ? nx - left : left;
        if (b)
            for (size_t i = 0; i < m; i++) {
                a[first + i] = (float)(z[2 * i] * (ya * c[i]));
                b[first + i] = (float)(z[2 * i + 1] * (yb * c[i]));
            }
        else
            for (size_t i = 0; i < m; i++)
                a[first + i] = (float)(z[2 * i] * (ya * c[i]));
    }
}

/* All planes of a cell, which lie side by side, and several cells at once: as wide as the longest vector. */
INLINE void project_all(const real *cells, size_t n, size_t plane, const real *circle, double sum[4],
                        const size_t planes)
{
    enum { WIDE = 32 };
    const size_t side = 2 * planes, step = WIDE / side;
    real         with_cos[WIDE] = {0}, with_sin[WIDE] = {0};

    for (; n >= step; n -= step, cells += WIDE, circle += 2 * step)
        for (size_t k = 0; k < WIDE; k++) {
            with_cos[k] += cells[k] * circle[2 * (k / side)];
            with_sin[k] += cells[k] * circle[2 * (k / side) + 1];
        }
    for (size_t k = 0; k < side * n; k++) {
        with_cos[k] += cells[k] * circle[2 * (k / side)];
        with_sin[k] += cells[k] * circle[2 * (k / side) + 1];
    }
    for (size_t k = 2 * plane; k < WIDE; k += side)
        for (size_t part = 0; part < 2; part++) {
            sum[2 * part] += (double)with_cos[k + part];
            sum[2 * part + 1] += (double)with_sin[k + part];
        }
}

static void project(const void *cells, size_t n, size_t planes, size_t plane, const void *circle, double sum[4])
{
    if (planes == 1)
        project_all(cells, n, plane, circle, sum, 1);
    else if (planes == 2)
        project_all(cells, n, plane, circle, sum, 2);
    else if (planes == 4)
        project_all(cells, n, plane, circle, sum, 4);
    else
        project_all(cells, n, plane, circle, sum, 8);
}

extern const ib_lines NAME(ib_lines_);
const ib_lines        NAME(ib_lines_) = {UNIT, gather, scatter, move, fold, join, crop, project};
