/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/stokes.h"

#include "base/error.h"

#include <stdio.h>

enum { N_CODES = IB_YY + 1, NAMES = 80 };

/* Stokes parameters from pairs of correlations: linear feeds, then circular ones. */
static const struct {
    int    stokes, corr[2];
    double factor[2][2];
} pairs[] = {
    {IB_I, {IB_XX, IB_YY}, {{0.5, 0}, {0.5, 0}}},  {IB_I, {IB_RR, IB_LL}, {{0.5, 0}, {0.5, 0}}},
    {IB_Q, {IB_XX, IB_YY}, {{0.5, 0}, {-0.5, 0}}}, {IB_Q, {IB_RL, IB_LR}, {{0.5, 0}, {0.5, 0}}},
    {IB_U, {IB_XY, IB_YX}, {{0.5, 0}, {0.5, 0}}},  {IB_U, {IB_RL, IB_LR}, {{0, -0.5}, {0, 0.5}}},
    {IB_V, {IB_XY, IB_YX}, {{0, -0.5}, {0, 0.5}}}, {IB_V, {IB_RR, IB_LL}, {{0.5, 0}, {-0.5, 0}}},
};

enum { N_PAIRS = sizeof pairs / sizeof *pairs };

static int index_of(const ib_spw *spw, int corr)
{
    for (size_t i = 0; i < spw->n_corr; i++)
        if (spw->corr[i] == corr)
            return (int)i;
    return -1;
}

int ib_plane_recipe_make(const ib_spw *spw, int stokes, ib_plane_recipe *out)
{
    const int itself = index_of(spw, stokes);

    if (itself >= 0) {
        *out = (ib_plane_recipe){.stokes = stokes, .n_in = 1, .in = {itself, -1}, .factor = {{1, 0}, {0, 0}}};
        return 1;
    }
    for (int p = 0; p < N_PAIRS; p++) {
        const int a = index_of(spw, pairs[p].corr[0]), b = index_of(spw, pairs[p].corr[1]);

        if (pairs[p].stokes != stokes || a < 0 || b < 0)
            continue;
        *out = (ib_plane_recipe){.stokes = stokes, .n_in = 2, .in = {a, b}};
        for (int i = 0; i < 4; i++)
            out->factor[i / 2][i % 2] = pairs[p].factor[i / 2][i % 2];
        return 1;
    }
    return 0;
}

/* Codes that any window has, each once, in the order of FITS: I Q U V, RR LL RL LR, XX YY XY YX. */
static size_t correlations(const ib_vis_info *info, int found[N_CODES])
{
    static const int order[] = {IB_I, IB_Q, IB_U, IB_V, IB_RR, IB_LL, IB_RL, IB_LR, IB_XX, IB_YY, IB_XY, IB_YX};
    size_t           n = 0;

    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t s = 0; s < info->n_spw; s++)
            if (index_of(&info->spw[s], order[k]) >= 0) {
                found[n++] = order[k];
                break;
            }
    return n;
}

static const char *names_of(const int *codes, size_t n, char text[NAMES])
{
    size_t length = 0;

    text[0] = 0;
    for (size_t i = 0; i < n; i++)
        length += (size_t)snprintf(text + length, NAMES - length, i ? ",%s" : "%s", ib_corr_name(codes[i]));
    return text;
}

static int family(int code) /* Stokes parameters, circular, linear */
{
    return (code - 1) / 4;
}

static ib_status choose_correlations(const int *found, size_t n_found, int stokes[IB_MAX_STOKES], size_t *n,
                                     ib_error *err)
{
    char text[NAMES];

    for (size_t i = 1; i < n_found; i++)
        if (family(found[i]) != family(found[0]))
            return ib_fail(err, IB_EUSAGE,
                           "the spectral windows have different kinds of correlations (%s), which one cube cannot "
                           "hold: select windows with --spw, or use --stokes I",
                           names_of(found, n_found, text));
    for (size_t i = 2; i < n_found; i++)
        if (ib_corr_fits(found[i]) - ib_corr_fits(found[i - 1]) != ib_corr_fits(found[1]) - ib_corr_fits(found[0]))
            return ib_fail(err, IB_EUSAGE,
                           "the correlations %s are not evenly spaced on a FITS axis: use --stokes I, or select "
                           "spectral windows with --spw",
                           names_of(found, n_found, text));
    for (size_t i = 0; i < n_found; i++) /* at most four of one family */
        stokes[i] = found[i];
    *n = n_found;
    return IB_OK;
}

static bool can_form(const ib_vis_info *info, int stokes)
{
    ib_plane_recipe recipe;

    for (size_t s = 0; s < info->n_spw; s++)
        if (ib_plane_recipe_make(&info->spw[s], stokes, &recipe))
            return true;
    return false;
}

/* The two pairs of correlations that make a Stokes parameter are neighbours in the table. */
static ib_status refuse(int stokes, const int *found, size_t n_found, ib_error *err)
{
    char text[NAMES];
    int  p = 0;

    while (pairs[p].stokes != stokes)
        p++;
    return ib_fail(err, IB_EUSAGE,
                   "Stokes %s needs %s and %s, or %s and %s, of the same spectral window, but the data have %s: use "
                   "--stokes corr",
                   ib_corr_name(stokes), ib_corr_name(pairs[p].corr[0]), ib_corr_name(pairs[p].corr[1]),
                   ib_corr_name(pairs[p + 1].corr[0]), ib_corr_name(pairs[p + 1].corr[1]),
                   names_of(found, n_found, text));
}

ib_status ib_planes_choose(const ib_vis_info *info, int mode, int stokes[IB_MAX_STOKES], size_t *n, ib_error *err)
{
    static const int wanted[][IB_MAX_STOKES] = {[IB_PLANES_I] = {IB_I},
                                                [IB_PLANES_IQ] = {IB_I, IB_Q},
                                                [IB_PLANES_IV] = {IB_I, IB_V},
                                                [IB_PLANES_IQUV] = {IB_I, IB_Q, IB_U, IB_V}};
    int              found[N_CODES], planes = mode;
    const size_t     n_found = correlations(info, found);

    if (n_found == 0)
        return ib_fail(err, IB_EDATA,
                       "the data have no correlation that can be imaged: select other windows with --spw");
    if (mode == IB_PLANES_AUTO)
        planes = info->stokes == IB_PLANES_AUTO ? IB_PLANES_I : info->stokes;
    if (planes == IB_PLANES_CORR)
        return choose_correlations(found, n_found, stokes, n, err);

    for (*n = 0; *n < IB_MAX_STOKES && wanted[planes][*n]; ++*n) {
        stokes[*n] = wanted[planes][*n];
        if (can_form(info, stokes[*n]))
            continue;
        if (mode == IB_PLANES_AUTO)
            return choose_correlations(found, n_found, stokes, n, err);
        return refuse(stokes[*n], found, n_found, err);
    }
    return IB_OK;
}
