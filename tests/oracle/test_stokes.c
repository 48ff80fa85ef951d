/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/stokes.h"

#include "ib_test.h"

#include <complex.h>

static const int    linear[4] = {IB_XX, IB_XY, IB_YX, IB_YY}, circular[4] = {IB_RR, IB_RL, IB_LR, IB_LL};
static const double source[5] = {0, 1, 0.3, -0.2, 0.1}; /* by code: I, Q, U, V */

static ib_spw window(size_t n, const int *corr)
{
    ib_spw spw = {.n_corr = n};

    memcpy(spw.corr, corr, n * sizeof *corr);
    return spw;
}

/* What a feed pair measures: XX = I + Q, XY = U + iV, ..., RR = I + V, RL = Q + iU, ... */
static double complex measured(int corr)
{
    const double i = source[IB_I], q = source[IB_Q], u = source[IB_U], v = source[IB_V];

    switch (corr) {
    case IB_XX:
        return i + q;
    case IB_YY:
        return i - q;
    case IB_XY:
        return __builtin_complex(u, v);
    case IB_YX:
        return __builtin_complex(u, -v);
    case IB_RR:
        return i + v;
    case IB_LL:
        return i - v;
    case IB_RL:
        return __builtin_complex(q, u);
    case IB_LR:
        return __builtin_complex(q, -u);
    default:
        return source[corr];
    }
}

static double complex formed(const ib_spw *spw, const ib_plane_recipe *recipe)
{
    double complex sum = 0;

    for (int i = 0; i < recipe->n_in; i++)
        sum += __builtin_complex(recipe->factor[i][0], recipe->factor[i][1]) * measured(spw->corr[recipe->in[i]]);
    return sum;
}

static void a_polarised_source_is_recovered(ib_test *t)
{
    static const int shuffled[4] = {IB_YY, IB_YX, IB_XX, IB_XY}, parameters[4] = {IB_I, IB_Q, IB_U, IB_V};
    const int *const sets[] = {linear, circular, shuffled, parameters};

    for (int s = 0; s < 4; s++) {
        const ib_spw spw = window(4, sets[s]);

        for (int stokes = IB_I; stokes <= IB_V; stokes++) {
            ib_plane_recipe recipe = {0};

            IB_CHECK(t, ib_plane_recipe_make(&spw, stokes, &recipe));
            IB_CHECK(t, recipe.stokes == stokes && recipe.n_in == (s == 3 ? 1 : 2));
            IB_NEAR(t, creal(formed(&spw, &recipe)), source[stokes], 1e-16); /* sums of two halves of short numbers */
            IB_NEAR(t, cimag(formed(&spw, &recipe)), 0, 1e-16);
        }
    }
}

static void a_correlation_is_taken_as_it_is(ib_test *t)
{
    const ib_spw    spw = window(4, linear);
    ib_plane_recipe recipe = {0};

    IB_CHECK(t, ib_plane_recipe_make(&spw, IB_YX, &recipe));
    IB_CHECK(t, recipe.stokes == IB_YX && recipe.n_in == 1 && recipe.in[0] == 2);
    IB_CHECK(t, recipe.factor[0][0] == 1 && recipe.factor[0][1] == 0);
    IB_CHECK(t, !ib_plane_recipe_make(&spw, IB_RR, &recipe));
}

static void half_a_pair_makes_nothing(ib_test *t)
{
    const ib_spw    spw = window(2, (const int[]){IB_XX, IB_XY});
    ib_plane_recipe recipe;

    for (int stokes = IB_I; stokes <= IB_V; stokes++)
        IB_CHECK(t, !ib_plane_recipe_make(&spw, stokes, &recipe));
}

/* ---- planes of the image ---------------------------------------------------------------------------------------- */

/* Planes of one or two windows as text: "XX,YY,XY,YX", or the sentence of the refusal. */
static const char *chosen(int mode, int suggested, ib_spw a, ib_spw b)
{
    static char text[600];
    ib_spw      spw[2] = {a, b};
    ib_vis_info info = {.n_spw = b.n_corr ? 2 : 1, .spw = spw, .stokes = suggested};
    int         stokes[IB_MAX_STOKES] = {0};
    size_t      n = 0, length = 0;
    ib_error    err = {.text = ""};

    if (ib_planes_choose(&info, mode, stokes, &n, &err))
        return strcpy(text, err.text);
    text[0] = 0;
    for (size_t i = 0; i < n; i++)
        length += (size_t)sprintf(text + length, i ? ",%s" : "%s", ib_corr_name(stokes[i]));
    return text;
}

static const ib_spw none;

static void planes_follow_the_mode(ib_test *t)
{
    const ib_spw four = window(4, linear), round = window(4, circular), two = window(2, (const int[]){IB_YY, IB_XX});

    IB_TEXT(t, chosen(IB_PLANES_CORR, 0, four, none), "XX,YY,XY,YX");
    IB_TEXT(t, chosen(IB_PLANES_CORR, 0, round, none), "RR,LL,RL,LR");
    IB_TEXT(t, chosen(IB_PLANES_CORR, 0, two, none), "XX,YY");
    IB_TEXT(t, chosen(IB_PLANES_CORR, 0, two, four), "XX,YY,XY,YX");
    IB_TEXT(t, chosen(IB_PLANES_I, 0, two, none), "I");
    IB_TEXT(t, chosen(IB_PLANES_IQ, 0, two, none), "I,Q");
    IB_TEXT(t, chosen(IB_PLANES_IV, 0, round, none), "I,V");
    IB_TEXT(t, chosen(IB_PLANES_IQUV, 0, four, none), "I,Q,U,V");
    IB_TEXT(t, chosen(IB_PLANES_IQUV, 0, two, four), "I,Q,U,V"); /* the first window adds to I and Q only */
    IB_TEXT(t, chosen(IB_PLANES_I, 0, two, round), "I");         /* as Stokes parameters, feeds may be mixed */
}

static void data_in_stokes_parameters_pass_through(ib_test *t)
{
    const ib_spw iv = window(2, (const int[]){IB_V, IB_I}), i = window(1, (const int[]){IB_I});

    IB_TEXT(t, chosen(IB_PLANES_I, 0, i, none), "I");
    IB_TEXT(t, chosen(IB_PLANES_CORR, 0, iv, none), "I,V");
    IB_TEXT(t, chosen(IB_PLANES_IV, 0, iv, none), "I,V");
}

static void auto_does_what_it_can(ib_test *t)
{
    const ib_spw two = window(2, (const int[]){IB_RR, IB_LL}), one = window(1, (const int[]){IB_XX});

    IB_TEXT(t, chosen(IB_PLANES_AUTO, IB_PLANES_AUTO, two, none), "I");
    IB_TEXT(t, chosen(IB_PLANES_AUTO, IB_PLANES_CORR, two, none), "RR,LL");
    IB_TEXT(t, chosen(IB_PLANES_AUTO, IB_PLANES_IV, two, none), "I,V");
    IB_TEXT(t, chosen(IB_PLANES_AUTO, IB_PLANES_I, one, none), "XX");
}

static void impossible_planes_are_refused_with_a_remedy(ib_test *t)
{
    const ib_spw one = window(1, (const int[]){IB_XX}), other = window(1, (const int[]){IB_YY}),
                 three = window(3, (const int[]){IB_XX, IB_YY, IB_YX}),
                 round = window(2, (const int[]){IB_RR, IB_LL}), unknown = window(1, (const int[]){99});

    IB_TEXT(
        t, chosen(IB_PLANES_I, 0, one, other),
        "Stokes I needs XX and YY, or RR and LL, of the same spectral window, but the data have XX,YY: use --stokes "
        "corr");
    IB_TEXT(
        t, chosen(IB_PLANES_IQUV, 0, round, none),
        "Stokes Q needs XX and YY, or RL and LR, of the same spectral window, but the data have RR,LL: use --stokes "
        "corr");
    IB_TEXT(
        t, chosen(IB_PLANES_CORR, 0, three, none),
        "the correlations XX,YY,YX are not evenly spaced on a FITS axis: use --stokes I, or select spectral windows "
        "with --spw");
    IB_TEXT(
        t, chosen(IB_PLANES_CORR, 0, round, one),
        "the spectral windows have different kinds of correlations (RR,LL,XX), which one cube cannot hold: select "
        "windows with --spw, or use --stokes I");
    IB_TEXT(t, chosen(IB_PLANES_AUTO, 0, unknown, none),
            "the data have no correlation that can be imaged: select other windows with --spw");
}

/* Half a sum of two correlations of variance 1/w has variance 1/(2w); of unequal ones (1/w0 + 1/w1) / 4. */
static void weights_of_two_correlations_combine(ib_test *t)
{
    for (int rule = IB_HARMONIC; rule <= IB_MEAN; rule++)
        IB_NEAR(t, ib_stokes_weight(rule, 3.0, 3.0), 6.0, 1e-15);
    IB_NEAR(t, ib_stokes_weight(IB_HARMONIC, 1.0, 4.0), 4.0 / (1.0 / 1.0 + 1.0 / 4.0), 1e-15);
    IB_NEAR(t, ib_stokes_weight(IB_MIN, 1.0, 4.0), 2.0, 0);
    IB_NEAR(t, ib_stokes_weight(IB_MIN, 4.0, 1.0), 2.0, 0);
    IB_NEAR(t, ib_stokes_weight(IB_MEAN, 1.0, 4.0), 5.0, 0);
}

IB_TEST_MAIN({IB_TEST(a_polarised_source_is_recovered), IB_TEST(a_correlation_is_taken_as_it_is),
              IB_TEST(half_a_pair_makes_nothing), IB_TEST(planes_follow_the_mode),
              IB_TEST(data_in_stokes_parameters_pass_through), IB_TEST(auto_does_what_it_can),
              IB_TEST(impossible_planes_are_refused_with_a_remedy), IB_TEST(weights_of_two_correlations_combine)})
