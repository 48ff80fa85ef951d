/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "ib_test.h"
#include "model/primary.h"
#include "model/vis.h"

#include <stdlib.h>
#include <unistd.h>

#define ARCSEC (IB_PI / 648000)

static const double alma[] = {12, 7, 12, 7.1};

static ib_primary *make(ib_test *t, const char *beam, bool truncate)
{
    ib_primary *p = NULL;
    ib_error    err = {0};

    ib_primary_create(&p,
                      &(ib_primary_recipe){
                          .beam = beam, .truncate = truncate, .telescope = "ALMA", .n_antenna = 4, .diameter = alma},
                      &err);
    IB_TEXT(t, err.text, "");
    return p;
}

/* Imaging specification 4.2, 8 digits. */
static void beams_have_the_values_of_the_specification(ib_test *t)
{
    static const struct {
        const char *beam;
        int         pair;
        double      at[4]; /* 10, 20, 30, 40 arcsec, 100 GHz */
    } want[] = {{"physical", 0, {0.92801190, 0.73728609, 0.49133617, 0.26236129}},
                {"casa", 0, {0.93707209, 0.74560085, 0.49831894, 0.26747217}},
                {"casa", 2, {0.99365465, 0.93358767, 0.81534656, 0.67828981}},
                {"casa", 1, {0.96494873, 0.83431634, 0.63741873, 0.42593855}}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ib_primary *p = make(t, want[i].beam, false);
        for (int k = 0; p && k < 4; k++)
            IB_NEAR(t, ib_primary_beam(p, want[i].pair, (k + 1) * 10 * ARCSEC, 100e9), want[i].at[k], 1e-8);
        ib_primary_destroy(p);
    }
}

static void pairs_of_antenna_types_are_baseline_types(ib_test *t)
{
    ib_primary *p = make(t, "physical", false);

    IB_CHECK(t, p->n_dish == 2 && p->n_pair == 3);
    IB_CHECK(t, p->type[0] == 0 && p->type[1] == 1 && p->type[2] == 0 && p->type[3] == 1);
    for (int a = 0, k = 0; a < IB_MAX_DISHES; a++)
        for (int b = 0; b <= a; b++, k++) {
            int c, d;
            ib_primary_types(k, &c, &d);
            IB_CHECK(t, ib_primary_pair(a, b) == k && ib_primary_pair(b, a) == k && c == b && d == a);
        }
    IB_NEAR(t, ib_primary_reach(p, 1), (10.7 + 6.25) / 2, 1e-12);
    ib_primary_destroy(p);
}

/* The half-power widths of the specification's table, in c / (nu D), to the digits it has; airy: 1.0290; gaussian: 1.02. */
static void beams_are_as_wide_as_they_should_be(ib_test *t)
{
    static const struct {
        const char *beam;
        double      dish, blockage, width;
    } want[] = {{"physical", 10.7, 0.75, 1.0262}, {"casa", 10.7, 0.75, 1.0359},   {"physical", 6.25, 0.75, 1.0208},
                {"casa", 6.25, 0.75, 1.0486},     {"physical", 25, 2.36, 1.0239}, {"casa", 25, 2.36, 1.0417},
                {"physical", 18, 0, 1.0290},      {"airy", 18, 0, 1.0290},        {"gaussian", 18, 0, 1.02}};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ib_primary *p = NULL;
        ib_error    err = {0};
        ib_primary_create(
            &p, &(ib_primary_recipe){.beam = want[i].beam, .dish = want[i].dish, .blockage = want[i].blockage}, &err);
        IB_TEXT(t, err.text, "");
        double low = 0, high = 1;
        while (p && high - low > 1e-9) {
            const double middle = (low + high) / 2;
            *(ib_primary_beam(p, 0, middle * IB_LIGHT / (1e9 * want[i].dish), 1e9) > 0.5 ? &low : &high) = middle;
        }
        IB_NEAR(t, 2 * low, want[i].width, 6e-5);
        ib_primary_destroy(p);
    }
}

/* Cubics of a 1024th of the radius and single precision: below 2e-7 of E(0)^2. */
static void a_row_has_the_squares_of_the_beam(ib_test *t)
{
    enum { N = 700 };
    static const char *const beams[] = {"physical", "casa", "airy", "gaussian", "casa"};

    for (int i = 0; i < 5; i++) {
        ib_primary  *p = make(t, beams[i], i == 4);
        const double freq = 230e9, r = ib_primary_radius(p, 1, freq), step = -2.3 * r / N, l = 1.1 * r, m = 0.013 * r;
        double       row[N], worst = 0, other = 0;
        for (int k = 0; k < N; k++)
            row[k] = 1;
        ib_primary_add_squares(p, 1, freq, 3, l, step, m, N, row);
        for (int k = 0; k < N; k++) {
            const double theta = hypot(l + k * step, m), e = ib_primary_beam(p, 1, theta, freq);
            if (theta < r)
                worst = fmax(worst, fabs(row[k] - 1 - 3 * e * e));
            else
                other = fmax(other, fabs(row[k] - 1));
        }
        IB_NEAR(t, worst, 0, 3 * 2e-7);
        IB_NEAR(t, other, 0, 0);
        ib_primary_destroy(p);
    }
}

static void truncated_beams_end(ib_test *t)
{
    ib_primary  *p = make(t, "casa", true), *whole = make(t, "casa", false);
    const double limit = 1.784 / 100 * IB_PI / 180;

    IB_NEAR(t, ib_primary_beam(p, 0, limit * 1.0001, 100e9), 0, 0);
    IB_NEAR(t, ib_primary_beam(p, 0, limit * 0.9999, 100e9), ib_primary_beam(whole, 0, limit * 0.9999, 100e9), 0);
    ib_primary_destroy(whole);
    ib_primary_destroy(p);
}

static ib_status make_from(ib_primary **out, const char *text, ib_error *err)
{
    char  path[] = "/tmp/ib_beam_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");

    fputs(text, file);
    fclose(file);
    const ib_status rc = ib_primary_create(out, &(ib_primary_recipe){.beam = path, .dish = 10}, err);
    unlink(path);
    return rc;
}

/* Amplitudes of the table are met; between them the cubic through 4 points of cos, 0.2 rad apart, is off by at most
   9/384 x 0.2^4 / 1 < 4e-5; a step in frequency is half-way in between. */
static void a_table_is_interpolated(ib_test *t)
{
    char        text[4000] = "# theta / arcmin, A at GHz\n100, 200 # comment\n";
    ib_primary *p = NULL;
    ib_error    err = {0};

    for (int i = 0; i <= 15; i++)
        sprintf(text + strlen(text), "%d %.12g %.12g\n", i, cos(0.1 * i), cos(0.2 * i));
    IB_CHECK(t, make_from(&p, text, &err) == IB_OK);
    IB_TEXT(t, err.text, "");
    if (!p)
        return;
    for (int i = 0; i <= 15; i++)
        IB_NEAR(t, ib_primary_voltage(p, 0, i * 60 * ARCSEC, 100e9), cos(0.1 * i), 1e-9);
    for (int i = 0; i < 30; i++)
        IB_NEAR(t, ib_primary_voltage(p, 0, i * 15 * ARCSEC, 150e9), cos(0.1 * i * 1.5 / 4), 4e-5);
    IB_NEAR(t, ib_primary_voltage(p, 0, 8 * 60 * ARCSEC, 50e9), cos(0.4), 1e-9);
    IB_NEAR(t, ib_primary_voltage(p, 0, 901 * ARCSEC, 100e9), 0, 0);
    ib_primary_destroy(p);
}

static void bad_tables_are_refused_with_their_line(ib_test *t)
{
    static const struct {
        const char *text, *says;
    } bad[] = {{"", "at least 4"},
               {"100\n0 1\n1 .9\n2 .8\n", "at least 4"},
               {"-100\n", "line 1"},
               {"100\n0 1\n1 x\n", "line 3"},
               {"100\n0 1\n2 .5\n1 .4\n", "line 4"},
               {"# c\n100 200\n0 1 1\n1 .9\n", "line 4"},
               {"100\n0 .5\n", "to be 1"},
               {"100\n1 1\n", "from 0"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ib_primary *p = NULL;
        ib_error    err = {0};
        IB_CHECK(t, make_from(&p, bad[i].text, &err) == IB_EDATA);
        IB_CHECK(t, strstr(err.text, bad[i].says));
        IB_CHECK(t, !p);
    }
}

static void dishes_without_a_beam_are_refused(ib_test *t)
{
    ib_primary *p = NULL;
    ib_error    err = {0};
    double      many[9] = {1, 2, 3, 4, 5, 6, 8, 9, 10};

    IB_CHECK(t, ib_primary_create(
                    &p,
                    &(ib_primary_recipe){.beam = "airy", .telescope = "X", .n_antenna = 1, .diameter = (double[]){0}},
                    &err) == IB_EDATA);
    IB_CHECK(t, strstr(err.text, "--dish"));
    IB_CHECK(t, ib_primary_create(
                    &p, &(ib_primary_recipe){.beam = "airy", .telescope = "X", .n_antenna = 9, .diameter = many},
                    &err) == IB_EDATA);
    IB_CHECK(t, ib_primary_create(&p, &(ib_primary_recipe){.beam = "airy", .dish = 18, .blockage = 1}, &err) ==
                    IB_EUSAGE);
    IB_CHECK(t, ib_primary_create(&p, &(ib_primary_recipe){.beam = "casa", .dish = 5, .blockage = 5}, &err) ==
                    IB_EUSAGE);
    IB_CHECK(t, ib_primary_create(&p, &(ib_primary_recipe){.beam = "/nowhere", .dish = 5}, &err) == IB_EUSAGE);
    IB_CHECK(t, ib_mem_held() == 0);
}

IB_TEST_MAIN({IB_TEST(beams_have_the_values_of_the_specification), IB_TEST(pairs_of_antenna_types_are_baseline_types),
              IB_TEST(beams_are_as_wide_as_they_should_be), IB_TEST(a_row_has_the_squares_of_the_beam),
              IB_TEST(truncated_beams_end), IB_TEST(a_table_is_interpolated),
              IB_TEST(bad_tables_are_refused_with_their_line), IB_TEST(dishes_without_a_beam_are_refused)})
