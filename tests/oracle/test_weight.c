/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/weight.h"

#include "ib_test.h"

#include <stdlib.h>

#define PI     3.14159265358979323846
#define ARCSEC (PI / 648000)

enum { N = 15, NX = 12, NY = 9 };

/* Positions in cells of the density grid: pairs that share a cell, two that share it through a conjugate, positions on
   cell borders, at the origin, in the column that has no mirror image, and outside along either axis. */
static const double position[N][2] = {{0, 0},       {1.5, -2.2}, {1.4, -2.1}, {-1.45, 2.15}, {2.5, 1.5},
                                      {-2.5, -1.5}, {5.4, 3.9},  {5.6, 0.3},  {-5.9, 1.2},   {-6.0, 0},
                                      {0.2, -4.6},  {3.3, 4.45}, {-0.4, 0.4}, {2.45, 1.52},  {4, -3}};
static const double natural[N] = {1, .5, 2, 1.25, .75, 3, .1, 4, .2, 1, 2.5, 1.5, .3, .9, 1.1};
static const double cell[2] = {2 * ARCSEC, 3 * ARCSEC};

static double u(int k)
{
    return position[k][0] / (NX * cell[0]);
}

static double v(int k)
{
    return position[k][1] / (NY * cell[1]);
}

static ib_density *density_of(ib_test *t, int rule)
{
    ib_density *d = NULL;
    ib_error    err;

    if (ib_density_create(&d, NX, NY, cell, rule, &err)) {
        ib_test_check(t, false, __FILE__, __LINE__, err.text);
        exit(1);
    }
    for (int k = 0; k < N; k++)
        ib_density_add(d, u(k), v(k), natural[k]);
    return d;
}

/* From the reference implementation of the imaging equations (imaging_weights of the positions above, with the weights
   above), printed to 13 digits. Positions on cell borders fall to either side by the last bit of u nx cell: these are
   the same operations in the same order. */
static void weights_are_the_reference_ones(ib_test *t)
{
    static const struct {
        int    rule, scheme;
        double robust, weight[N];
    } want[] = {
        {IB_RULE_NEAREST,
         IB_UNIFORM,
         0,
         {0.3846153846154, 1, 0.6153846153846, 0.3333333333333, 0.2, 0.8, 1, 0, 0, 0, 0, 1, 0.1153846153846, 1, 1}},
        {IB_RULE_NEAREST,
         IB_BRIGGS,
         0.5,
         {0.2976646915301, 0.3439387837294, 0.506411681862, 0.2838906987567, 0.170334419254, 0.6813376770162,
          0.09168008588298, 0, 0, 0, 0, 0.6352591123233, 0.08929940745904, 0.4953915565582, 0.550483445649}},
        {IB_RULE_NEAREST,
         IB_BRIGGS,
         -1,
         {0.0004236417915186, 0.001099512300633, 0.0006778843024539, 0.000367203925281, 0.0002203223551686,
          0.0008812894206743, 0.001089925211221, 0, 0, 0, 0, 0.001101126570244, 0.0001270925374556, 0.00110058795396,
          0.001100832714208}},
        {IB_RULE_FLOOR,
         IB_UNIFORM,
         0,
         {0.5, 0.1333333333333, 0.5333333333333, 0.3333333333333, 0.1612903225806, 0.6451612903226, 1, 1, 1, 0, 0, 0,
          1, 0.1935483870968, 1}},
        {IB_RULE_FLOOR,
         IB_BRIGGS,
         0.5,
         {0.4216110621672, 0.1399687178118, 0.5598748712471, 0.3499217945294, 0.1790163614481, 0.7160654457925,
          0.09358102363544, 1.068459242362, 0.1758728129744, 0, 0, 0, 0.2488019891501, 0.2148196337378,
          0.6269521541011}},
        {IB_RULE_FLOOR,
         IB_BRIGGS,
         -1,
         {0.0007284094302914, 0.0001943085649669, 0.0007772342598676, 0.0004857714124173, 0.0002350683643812,
          0.0009402734575248, 0.00143693203848, 0.001457349634191, 0.00144733061715, 0, 0, 0, 0.001450830335759,
          0.0002820820372574, 0.001455951155404}},
    };

    for (size_t c = 0; c < sizeof want / sizeof *want; c++) {
        ib_density        *d = density_of(t, want[c].rule);
        const ib_weighting w = ib_weighting_prepare(want[c].scheme, want[c].robust, d);

        for (int k = 0; k < N; k++)
            IB_NEAR(t, ib_imaging_weight(&w, d, u(k), v(k), natural[k]), want[c].weight[k], 1e-12);
        ib_density_destroy(d);
    }
}

static void natural_weights_need_no_density(ib_test *t)
{
    const ib_weighting w = ib_weighting_prepare(IB_NATURAL, 0.5, NULL);

    IB_NEAR(t, ib_imaging_weight(&w, NULL, 1e30, 0, 2.5), 2.5, 0);
}

static void what_is_outside_is_told_and_not_counted(ib_test *t)
{
    ib_density *d = density_of(t, IB_RULE_NEAREST);
    double      sum = 0;

    for (int i = 0; i < NX * NY; i++)
        sum += d->sum[i];
    IB_NEAR(t, sum, 24.8, 1e-13); /* the reference's total, conjugates included */
    IB_NEAR(t, d->total, 12.4, 1e-13);
    IB_CHECK(t, !ib_density_add(d, u(7), v(7), 1.0));
    IB_CHECK(t, !ib_density_add(d, NAN, 0, 1.0));
    IB_CHECK(t, !ib_density_add(d, 0, INFINITY, 1.0));
    IB_CHECK(t, ib_density_at(d, u(9), v(9)) < 0);
    IB_CHECK(t, ib_density_at(d, u(11), v(11)) > 0);
    IB_NEAR(t, d->total, 12.4, 1e-13);
    ib_density_clear(d);
    IB_NEAR(t, ib_density_at(d, 0, 0), 0, 0);
    IB_NEAR(t, d->total, 0, 0);
    ib_density_destroy(d);
    ib_density_destroy(NULL);
}

/* An even density: a sample and its conjugate see the same. */
static void conjugates_weigh_the_same(ib_test *t)
{
    ib_density *d = density_of(t, IB_RULE_FLOOR);

    for (int k = 0; k < N; k++)
        if (k != 4 && k != 5) /* on a border, which is the upper cell's for both */
            IB_NEAR(t, ib_density_at(d, u(k), v(k)), ib_density_at(d, -u(k), -v(k)), 1e-14);
    ib_density_destroy(d);
}

/* Without samples there is no mean density: nothing may become infinite. */
static void an_empty_density_weighs_nothing(ib_test *t)
{
    ib_density *d = density_of(t, IB_RULE_NEAREST);

    ib_density_clear(d);
    for (int scheme = IB_UNIFORM; scheme <= IB_BRIGGS; scheme++) {
        const ib_weighting w = ib_weighting_prepare(scheme, 0, d);

        IB_NEAR(t, ib_imaging_weight(&w, d, 0, 0, 1.0), 0, 0);
    }
    ib_density_destroy(d);
}

/* From the reference's uv_taper, printed to 14 digits; a minor axis of 0 is a circle. */
static void tapers_are_the_reference_ones(ib_test *t)
{
    static const double uv[4][2] = {{0, 0}, {3e4, 1e4}, {-2e4, 4e4}, {1e4, -5e4}};
    static const struct {
        double taper[3], want[4];
    } cases[] = {{{2 * ARCSEC, 0, 0}, {1, 0.71557019768415, 0.51204070781374, 0.41888599074303}},
                 {{2 * ARCSEC, 1 * ARCSEC, 0.5}, {1, 0.80389317095762, 0.71838884450281, 0.54827199395621}},
                 {{3 * ARCSEC, 0.7 * ARCSEC, -1.2}, {1, 0.62955519237079, 0.42157852660588, 0.52589871064511}},
                 {{0, 0, 0.3}, {1, 1, 1, 1}}};

    for (int c = 0; c < 4; c++)
        for (int k = 0; k < 4; k++)
            IB_NEAR(t, ib_taper(cases[c].taper, uv[k][0], uv[k][1]), cases[c].want[k], 1e-13);
}

IB_TEST_MAIN({IB_TEST(weights_are_the_reference_ones), IB_TEST(natural_weights_need_no_density),
              IB_TEST(what_is_outside_is_told_and_not_counted), IB_TEST(conjugates_weigh_the_same),
              IB_TEST(an_empty_density_weighs_nothing), IB_TEST(tapers_are_the_reference_ones)})
