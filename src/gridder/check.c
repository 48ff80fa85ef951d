/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/check.h"
#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

void ib_verdict_merge(ib_verdict *to, const ib_verdict *from)
{
    const size_t n_plane = to->n_plane + from->n_plane, n_pixel = to->n_pixel + from->n_pixel;

    if (from->n_plane && (!to->n_plane || !(from->measured * to->promised <= to->measured * from->promised)))
        *to = *from; /* NaN is the worst of all */
    to->n_plane = n_plane;
    to->n_pixel = n_pixel;
}

/* ---- which ----------------------------------------------------------------------------------------------------------- */

/* A number that depends on its arguments alone: which planes and pixels are checked must not depend on ranks. */
static uint64_t scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* One channel in each of n_check equal runs, one of its planes: the first where there is but one check, since V of a source
   that has none, say, tells nothing. */
static void choose_planes(ib_check *check)
{
    const ib_plan *plan = check->plan;

    for (size_t k = 0; k < plan->n_check; k++) {
        const size_t first = plan->n_chan * k / plan->n_check, n = plan->n_chan * (k + 1) / plan->n_check - first;
        if (n)
            check->checked[first + scramble(k) % n] =
                (uint8_t)(1 + (plan->n_check > 1 ? scramble(k + 1000) % (uint64_t)plan->n_stokes : 0));
    }
}

ib_status ib_check_create(ib_check *check, const ib_plan *plan, const ib_config *cfg, const ib_convfn *fn,
                          ib_error *err)
{
    const ib_geometry *g = &plan->geometry;
    const double half_x = 0.5 * (double)g->nx / (double)g->grid_nx, half_y = 0.5 * (double)g->ny / (double)g->grid_ny;
    const bool   mosaic = plan->mosaic.primary != NULL;

    *check = (ib_check){.plan = plan, .cfg = cfg, .fn = fn};
    check->checked = ib_alloc_zero(plan->n_chan, sizeof *check->checked, "checks", err);
    if (!check->checked)
        return err->status;
    check->promise = mosaic       ? plan->mosaic.promise
                     : cfg->check ? hypot(ib_convfn_promise(fn, half_x, half_y), g->w.error)
                                  : 0;
    check->rounding = cfg->check && !mosaic ? ib_convfn_rounding(fn, half_x, half_y, 1) : 0;
    choose_planes(check);
    return IB_OK;
}

void ib_check_clear(ib_check *check)
{
    ib_free(check->checked);
    check->checked = NULL;
}

/* The i-th pair of columns or rows to be checked: so many pixels to either side of the centre; one in each of n_pixel / 2
   runs of them, so that every part of the field is looked at. What no beam of a mosaic sees cannot be compared: a single
   pair is within half of what the pointings reach. */
static size_t offset(const ib_plan *plan, size_t chan, int axis, size_t i)
{
    const size_t n_pair = (size_t)plan->n_pixel / 2, half = ((axis ? plan->geometry.ny : plan->geometry.nx) - 1) / 2;
    size_t       n = half;

    if (plan->mosaic.primary) {
        const double reach =
            ib_mosaic_extent(&plan->mosaic, plan->freq[chan], 0.25, axis) / plan->geometry.cell[axis];
        n = (size_t)fmin((double)half, fmax(1, n_pair > 1 ? reach : 0.5 * reach));
    }
    const size_t first = n * i / n_pair, length = n * (i + 1) / n_pair - first;
    return 1 + first + (length ? scramble(chan * 64 + (size_t)axis * 32 + i) % length : 0);
}

void ib_check_begin(const ib_check *check, size_t chan, ib_direct *d)
{
    const ib_plan     *plan = check->plan;
    const ib_geometry *g = &plan->geometry;

    memset(d, 0, sizeof *d);
    d->w = g->w.n_term > 0;
    d->n_l = d->n_m = (size_t)plan->n_pixel / 2;
    for (size_t i = 0; i < d->n_l; i++) {
        d->l[i] = (double)offset(plan, chan, 0, i) * g->cell[0];
        d->m[i] = (double)offset(plan, chan, 1, i) * g->cell[1];
    }
    ib_direct_begin(d);
}

/* Is there a check that an earlier channel has left? Then it is the caller's. */
static bool takes_over(ib_check *check)
{
    int left;

#pragma omp atomic read
    left = check->owed;
    if (left < 1)
        return false;
#pragma omp atomic capture
    left = check->owed--;
    if (left < 1) { /* another thread was quicker */
#pragma omp atomic
        check->owed++;
    }
    return left > 0;
}

int ib_check_plane(ib_check *check, size_t unit, ib_direct *direct)
{
    const ib_plan *plan = check->plan;

    if (plan->mode == IB_MFS)
        return !plan->check_share || unit == check->share ? check->checked[0] - 1 : -1;
    int plane = check->checked[unit] - 1;
    if (plane < 0 && takes_over(check))
        plane = (int)(unit % (size_t)plan->n_stokes); /* another one every time */
    if (plane >= 0)
        ib_check_begin(check, unit, direct);
    return plane;
}

void ib_check_postpone(ib_check *check)
{
#pragma omp atomic
    check->owed++;
}

/* ---- one plane of all channels -------------------------------------------------------------------------------------- */

/* A grid at the pixels of a check. */
static void sum_grid(const ib_check *check, const ib_transform *transform, const ib_lane *lane, ib_direct_sum *sum,
                     int n_thread)
{
    size_t right[IB_DIRECT_MAX], up[IB_DIRECT_MAX];

    for (size_t i = 0; i < lane->direct.n_l; i++) {
        right[i] = offset(check->plan, 0, 0, i);
        up[i] = offset(check->plan, 0, 1, i);
    }
    ib_transform_sum(transform, lane->grid, &lane->touched, lane->direct_plane, lane->direct.n_l, right,
                     lane->direct.n_m, up, sum, n_thread);
}

void ib_check_share(ib_check *check, const ib_transform *transform, ib_lane *lane, size_t next, int n_thread)
{
    if (lane->direct.weight > 0)
        sum_grid(check, transform, lane, lane->direct.grid, n_thread);
    else /* flagged altogether */
        check->share = next;
}

void ib_check_whole(ib_check *check, const ib_transform *transform, const ib_lane *lane, int n_thread)
{
    sum_grid(check, transform, lane, check->whole, n_thread);
}

/* ---- what they say ------------------------------------------------------------------------------------------------ */

/* Where the sum [j][side / 2][i][side % 2] stands in the image: l grows to the left. */
static size_t pixel_of(const ib_plan *plan, size_t chan, size_t i, size_t j, int side)
{
    const ib_geometry *g = &plan->geometry;
    const size_t       right = offset(plan, chan, 0, i), up = offset(plan, chan, 1, j);
    const size_t       x = side % 2 ? g->nx / 2 + right : g->nx / 2 - right;
    const size_t       y = side / 2 ? g->ny / 2 - up : g->ny / 2 + up;

    return y * g->nx + x;
}

void ib_check_image(const ib_check *check, const ib_plane *plane, const ib_direct *d, const ib_tally *tally,
                    size_t columns, ib_verdict *verdict)
{
    const ib_geometry    *g = &check->plan->geometry;
    const ib_plane_stats *stats = &plane->stats;
    double                square = 0;

    if (!(d->weight > 0))
        return;
    for (size_t j = 0; j < d->n_m; j++)
        for (size_t i = 0; i < d->n_l; i++) {
            for (int side = 0; side < 4; side++) {
                const bool   seen = !d->w || hypot(d->l[i], d->m[j]) < 1;
                const double want = seen ? d->sum[j][side / 2][i][side % 2] / d->weight : 0;
                const double have = (double)plane->pixel[pixel_of(check->plan, plane->chan, i, j, side)];
                if (check->plan->check_share)
                    square += pow(d->grid[j][side / 2][i][side % 2] / d->weight - want, 2) +
                              pow(check->whole[j][side / 2][i][side % 2] / tally->weight - have, 2);
                else
                    square += pow(have - want, 2);
            }
        }
    const double n = (double)check->plan->n_pixel * check->plan->n_pixel;
    const double unit = sqrt(0.5 * d->square) / d->weight; /* rms of a plane of random phases */
    if (!(unit > 0))
        return;
    const double measured = sqrt(square / n) / unit;

    const double epsilon = check->cfg->precision == IB_DOUBLE ? 0x1p-53 : 0x1p-24;
    const double cells = (double)columns * (double)g->grid_ny;
    const double rounding =
        check->rounding * epsilon * ib_convfn_roundings(check->fn, (double)tally->counts.gridded, cells);
    const double rms = sqrt(stats->sum_sq / (double)(g->nx * g->ny)), peak = fmax(fabs(stats->min), fabs(stats->max));
    const double coherence = fmax(1, rms / unit); /* what is promised for random phases grows with the image */
    /* pixels are float32 in the end */
    const double promised = hypot(hypot(check->promise, rounding) * coherence, 0x1p-24 * peak / unit);

    ib_verdict_merge(verdict, &(ib_verdict){promised, measured, 1, (size_t)n});
}

/* N of a pixel, over the sum of weights. */
static double numerator(const ib_shade *shade, float pixel, float inverse)
{
    const double s = (double)inverse;

    return (double)pixel / ((double)shade->factor * (shade->power == 2 ? s * s : shade->power == 1 ? s : 1));
}

/* Compare N with the direct sum where the promise holds, in units of the rms that random phases would give, as of any
   other image. What kernels do wrong to the samples is the same for all, but for their place in a cell: like the
   response itself it is large where the image is, so that the promise goes with the rms of N, not with its maximum. */
void ib_check_mosaic(const ib_check *check, const ib_plane *plane, const ib_direct *d, const ib_shade *shade,
                     const float *inverse, double most, double largest, ib_verdict *verdict)
{
    const ib_geometry *g = &check->plan->geometry;
    const double       bound = 1 / (fmax(check->cfg->pblimit, 0.2) * sqrt(most));
    const double       unit = d->weight > 0 ? sqrt(0.5 * d->square) / d->weight : 0;
    double             off = 0, all = 0;
    size_t             n = 0, n_all = 0;

    if (!(unit > 0))
        return;
    for (size_t j = 0; j < d->n_m; j++)
        for (size_t i = 0; i < d->n_l; i++) {
            for (int side = 0; side < 4; side++) {
                const size_t k = pixel_of(check->plan, plane->chan, i, j, side);
                if (!((double)inverse[k] <= bound))
                    continue;
                const double want = d->sum[j][side / 2][i][side % 2] / d->weight;
                off += pow(numerator(shade, plane->pixel[k], inverse[k]) - want, 2);
                n++;
            }
        }
    if (!n)
        return;
    for (size_t k = 0; k < g->nx * g->ny; k++)
        if ((double)inverse[k] <= bound) {
            const double value = numerator(shade, plane->pixel[k], inverse[k]);
            all += value * value;
            n_all++;
        }
    const double measured = sqrt(off / (double)n) / unit, coherence = fmax(1, sqrt(all / (double)n_all) / unit);
    /* pixels are float32 in the end */
    const double promised = check->promise * coherence + 0x1p-22 * largest / unit;

    ib_verdict_merge(verdict, &(ib_verdict){promised, measured, 1, n});
}

ib_status ib_check_numbers(const ib_check *check, const ib_plane *plane, const size_t peak[2], ib_error *err)
{
    const ib_geometry *g = &check->plan->geometry;

    if (plane->stats.n_nan || !isfinite(plane->stats.min) || !isfinite(plane->stats.max))
        return ib_fail(err, IB_ECHECK,
                       "channel %zu is not finite: weights times visibilities leave the range of its grid%s",
                       plane->chan, check->cfg->precision == IB_SINGLE ? "; use --precision double" : "");
    const double at_peak = peak ? (double)plane->pixel[peak[1] * g->nx + peak[0]] : 1;
    if (check->cfg->check && !(fabs(at_peak - 1) <= IB_GATE * (check->promise + check->rounding * 0x1p-20)))
        return ib_fail(err, IB_ECHECK, "the PSF of channel %zu is %.6g at its centre, not 1; no file was kept",
                       plane->chan, at_peak);
    return IB_OK;
}
