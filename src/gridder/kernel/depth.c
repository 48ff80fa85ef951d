/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled as tile.c is: IB_ISA, IB_VECTOR_BYTES, IB_PRECISION. */
#include "gridder/kernel/depth.h"
#include "gridder/kernel/octet.h"
#include "gridder/kernel/simd.h"

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

typedef ib_octet octet_any __attribute__((aligned(sizeof(double)), may_alias));

/* Factors of eight samples: [term][sample]. */
typedef struct factors {
    real re[IB_W_TERMS][IB_OCTET], im[IB_W_TERMS][IB_OCTET];
} factors;

/* J_j(t) = f_j (t/2)^j / j!, with f_(j-1) = f_j + q f_(j+1) / (j (j+1)), q = -(t/2)^2, from the series of the highest two
   downwards: every sum is of positive terms or small. */
INLINE void find_factors(const ib_expand_job *job, const double *w, factors *out)
{
    const ib_octet z = *(const octet_any *)w * job->turns;
    ib_octet       s, t, re, im, f[IB_W_TERMS + 1];

    for (int i = 0; i < IB_OCTET; i++)
        s[i] = z[i] < 0 ? -1 : 1;
    t = z * s * 6.28318530717958647692 - job->pass.centre;
    ib_phasor(&z, &re, &im);

    const ib_octet half = 0.5 * t, q = -half * half;
    for (int k = 0; k < 2; k++) {
        ib_octet sum = q * 0 + 1;
        for (int m = job->n_series; m-- > 0;)
            sum = 1 + q * job->series[k][m] * sum;
        f[job->n_term - k] = sum;
    }
    for (int j = job->n_term - 1; j > 0; j--)
        f[j - 1] = f[j] + q * (1.0 / (j * (j + 1))) * f[j + 1];

    ib_octet power = q * 0 + 1;
    if (job->pass.sine) {
        const ib_octet swap = re;
        re = -s * im;
        im = s * swap;
    }
    for (int j = 0; j < job->pass.first + job->pass.n; j++) {
        if (j >= job->pass.first) {
            const ib_octet a = power * f[j] * re, b = power * f[j] * im;
            for (int i = 0; i < IB_OCTET; i++) {
                out->re[j - job->pass.first][i] = (real)a[i];
                out->im[j - job->pass.first][i] = (real)b[i];
            }
        }
        const ib_octet swap = re; /* times i s */
        re = -s * im;
        im = s * swap;
        power = power * half * (j ? 1.0 / (j + 1) : 2.0);
    }
}

INLINE void expand_some(const ib_expand_job *job, size_t first, size_t n, const factors *f, const int n_plane,
                        const int n_term)
{
    for (size_t i = 0; i < n; i++) {
        const real *from = (const real *)job->from + (first + i) * 2 * (size_t)job->record;
        real       *into = (real *)job->into + (first + i) * 2 * (size_t)job->planes;
        for (int j = 0; j < n_term; j++)
            for (int p = 0; p < n_plane; p++) {
                const real re = f->re[j][i], im = f->im[j][i], x = from[2 * p], y = from[2 * p + 1];
                into[2 * (j * n_plane + p)] = re * x - im * y;
                into[2 * (j * n_plane + p) + 1] = re * y + im * x;
            }
        for (int q = n_plane * n_term; q < job->planes; q++)
            into[2 * q] = into[2 * q + 1] = 0;
    }
}

static void expand(const ib_expand_job *job)
{
    factors f;

    for (size_t i = 0; i < job->n; i += IB_OCTET) {
        const size_t n = job->n - i < IB_OCTET ? job->n - i : IB_OCTET;
        find_factors(job, job->w + i, &f);
        if (job->n_plane == 2 && job->pass.n == 4)
            expand_some(job, i, n, &f, 2, 4);
        else if (job->n_plane == 2)
            expand_some(job, i, n, &f, 2, job->pass.n);
        else if (job->n_plane == 1)
            expand_some(job, i, n, &f, 1, job->pass.n);
        else
            expand_some(job, i, n, &f, job->n_plane, job->pass.n);
    }
}

enum { SPAN = 8 * IB_OCTET }; /* pixels at a time: their depths stay in the first-level cache */

/* y of SPAN pixels from `l` on. */
INLINE void find_depths(double l, double cell, double m2, double scale, double *y)
{
    for (int i = 0; i < SPAN; i++) {
        const double here = l + i * cell, r2 = here * here + m2, above = r2 < 1 ? r2 : 1;
        y[i] = above / (1 + __builtin_sqrt(1 - above)) * scale - 1;
    }
}

/* What lies as far on the other side of the centre is the same. */
INLINE void mirror(real *row, size_t centre, size_t n)
{
    const real *const left = row + centre;
    real *const       right = row + centre;

    for (int64_t i = 1; i < (int64_t)(n - centre); i++)
        right[i] = left[-i];
}

static void screen(const ib_screen_job *job)
{
    real *restrict const out_y = job->y, *restrict const t = job->t, *restrict const before = job->before;
    double y[SPAN], at[SPAN];

    for (int i = 0; i < SPAN; i++)
        at[i] = 1;
    for (size_t first = 0; first <= job->centre; first += SPAN) {
        const size_t n = job->centre + 1 - first < SPAN ? job->centre + 1 - first : SPAN;
        find_depths(((double)first - (double)job->centre) * job->cell, job->cell, job->m * job->m, 2 / job->deepest,
                    y);
        for (int i = 0; job->slab && i < SPAN; i += IB_OCTET) {
            const ib_octet turns = *(const octet_any *)(y + i) * job->turns;
            ib_octet       re, im;
            ib_phasor(&turns, &re, &im);
            *(octet_any *)(at + i) = job->sine ? im : re;
        }
        for (size_t i = 0; i < n; i++) {
            out_y[first + i] = (real)y[i];
            t[first + i] = (real)at[i];
            before[first + i] = (real)(at[i] * y[i]);
        }
    }
    mirror(out_y, job->centre, job->n);
    mirror(t, job->centre, job->n);
    mirror(before, job->centre, job->n);
}

static void next(void *before_, const void *t_, const void *y_, size_t n)
{
    real *restrict const before = before_;
    const real *restrict const t = t_, *restrict const y = y_;

    for (size_t i = 0; i < n; i++)
        before[i] = 2 * y[i] * t[i] - before[i];
}

static void add(void *sum_, const void *circle, int part, size_t n, size_t nx, const void *correct, double scale,
                const void *t_)
{
    const real   by = (real)scale;
    const size_t left = nx / 2;

    for (int side = 0; side < 2; side++) {
        const size_t first = side ? left : 0, m = side ? nx - left : left;
        const real *restrict const c = (const real *)correct + first, *restrict const t = (const real *)t_ + first;
        const real *restrict const z = (const real *)circle + (side ? 0 : 2 * (n - left)) + part;
        real *restrict const sum = (real *)sum_ + first;
        for (size_t i = 0; i < m; i++)
            sum[i] += z[2 * i] * (by * c[i]) * t[i];
    }
}

static void finish(float *image, const void *sum, size_t nx, size_t first, size_t end)
{
    for (size_t i = 0; i < nx; i++)
        image[i] = i >= first && i < end ? (float)((const real *)sum)[i] : 0;
}

extern const ib_depths NAME(ib_depths_);
const ib_depths        NAME(ib_depths_) = {expand, screen, next, add, finish};
