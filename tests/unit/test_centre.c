/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/centre.h"
#include "ib_test.h"

#include <float.h>

enum { FIELDS = 4 };

static const double arcmin = IB_PI / 180 / 60;

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

/* Fields some arc minutes apart; `order` says where each one stands in the input. */
static void make_fields(ib_field *field, const int *order)
{
    static const double at[FIELDS][2] = {{0, 0}, {-7, 3}, {5, 6}, {1, -9}};

    for (int f = 0; f < FIELDS; f++) {
        ib_field *to = &field[order[f]];
        *to = (ib_field){.id = f, .ra = 3.1 + at[f][0] * arcmin, .dec = -0.33 + at[f][1] * arcmin, .selected = true};
        snprintf(to->name, sizeof to->name, "pointing %d", f);
    }
}

/* Phase of a source at an offset (along ra and dec, rad) from a direction, in turns: u l + v m + w (n - 1). */
static double turns_of(const double uvw[3], double ra, double dec, double ra0, double dec0, bool w)
{
    double lmn[3];

    ib_direction_cosines(ra, dec, ra0, dec0, lmn);
    return uvw[0] * lmn[0] + uvw[1] * lmn[1] - (w ? uvw[2] * (lmn[0] * lmn[0] + lmn[1] * lmn[1]) / (1 + lmn[2]) : 0);
}

/* (1.6): a rotated visibility is that of the other centre, w and all. Angles of 1e-16 on 30000 wavelengths are 3e-12 turns. */
static void rotation_is_exact(ib_test *t)
{
    ib_field          field[FIELDS];
    const ib_vis_info info = {.n_field = FIELDS, .field = field};
    ib_config         cfg = {.phasecenter = "11h50m10.5s -18d42m03s"};
    ib_centre         c;
    ib_error          err;
    uint64_t          state = 1;
    double            worst = 0;

    make_fields(field, (const int[]){0, 1, 2, 3});
    IB_CHECK(t, !ib_centre_make(&c, &cfg, &info, &err) && c.motion == IB_ROTATED);
    IB_NEAR(t, c.dec, -(18 + 42.05 / 60) * IB_PI / 180, 4 * DBL_EPSILON);
    for (int k = 0; k < 200; k++) {
        const int32_t f = k % FIELDS;
        const double  ra = 3.1 + 0.02 * (uniform(&state) - 0.5), dec = -0.33 + 0.02 * (uniform(&state) - 0.5);
        double        uvw[1][3], path;
        for (int i = 0; i < 3; i++)
            uvw[0][i] = 60000 * (uniform(&state) - 0.5);
        const double before = turns_of(uvw[0], ra, dec, field[f].ra, field[f].dec, true);
        ib_centre_move(&c, 1, &f, uvw, &path);
        worst = fmax(worst, fabs(turns_of(uvw[0], ra, dec, c.ra, c.dec, true) - (before - path)));
    }
    IB_NEAR(t, worst, 0, 1e-10);
    ib_centre_clear(&c);
}

/* (1.7): without w, phases are wrong by w theta^2 / 2 turns at an angle theta from the field, wherever that is. The
   remainder of the expansion is of third order: theta^2 times the distance of the field from the centre. */
static void the_common_tangent_leaves_what_an_image_of_the_field_alone_would(ib_test *t)
{
    ib_field          field[FIELDS];
    const ib_vis_info info = {.n_field = FIELDS, .field = field};
    ib_config         cfg = {.gridder = IB_MOSAIC, .phasecenter = "pointing 2"};
    ib_centre         c;
    ib_error          err;
    uint64_t          state = 2;
    double            worst = 0;

    make_fields(field, (const int[]){0, 1, 2, 3});
    IB_CHECK(t, !ib_centre_make(&c, &cfg, &info, &err) && c.motion == IB_TANGENT && c.n_pointing == FIELDS);
    IB_NEAR(t, c.ra, field[2].ra, 0);
    for (int k = 0; k < 200; k++) {
        const int32_t  f = k % FIELDS;
        const double   theta = arcmin * uniform(&state), angle = 2 * IB_PI * uniform(&state);
        const double   dec = field[f].dec + theta * cos(angle), ra = field[f].ra + theta * sin(angle) / cos(dec);
        double         uvw[1][3], lmn[3];
        const ib_sight s = c.sight[f];
        for (int i = 0; i < 3; i++)
            uvw[0][i] = 60000 * (uniform(&state) - 0.5);
        const double before = turns_of(uvw[0], ra, dec, field[f].ra, field[f].dec, true);
        const double neglected = before - turns_of(uvw[0], ra, dec, field[f].ra, field[f].dec, false);
        const double w = uvw[0][2];
        ib_centre_move(&c, 1, &f, uvw, NULL);
        IB_CHECK(t, uvw[0][2] == w);
        ib_direction_cosines(ra, dec, c.ra, c.dec, lmn);
        const double after = uvw[0][0] * (lmn[0] - s.l) + uvw[0][1] * (lmn[1] - s.m);
        worst = fmax(worst, fabs(fabs(before - after) - fabs(neglected)) / (30000 * arcmin * arcmin));
    }
    IB_NEAR(t, worst, 0, 2 * 15 * arcmin);
    ib_centre_clear(&c);
}

/* Nothing depends on the order of the fields; fields of one direction are one pointing. */
static void pointings_have_an_order_of_their_own(ib_test *t)
{
    static const int orders[][FIELDS] = {{0, 1, 2, 3}, {2, 0, 3, 1}};
    ib_field         field[FIELDS + 1];
    ib_vis_info      info = {.n_field = FIELDS + 1, .field = field};
    ib_config        cfg = {.gridder = IB_MOSAIC, .phasecenter = ""};
    ib_centre        c[2];
    ib_error         err;

    for (int k = 0; k < 2; k++) {
        make_fields(field, orders[k]);
        field[FIELDS] = field[orders[k][3]];
        IB_CHECK(t, !ib_centre_make(&c[k], &cfg, &info, &err) && c[k].n_pointing == FIELDS);
        IB_CHECK(t,
                 c[k].ra == field[orders[k][0]].ra && c[k].dec == field[orders[k][0]].dec); /* nearest to the mean */
        IB_CHECK(t, c[k].sight[FIELDS].pointing == c[k].sight[orders[k][3]].pointing);
    }
    IB_CHECK(t, !memcmp(c[0].pointing, c[1].pointing, FIELDS * sizeof *c[0].pointing));
    for (int f = 0; f < FIELDS; f++)
        IB_CHECK(t, c[0].sight[orders[0][f]].pointing == c[1].sight[orders[1][f]].pointing);
    ib_centre_clear(&c[0]);
    ib_centre_clear(&c[1]);
}

static void what_names_no_centre_is_refused(ib_test *t)
{
    static const char *const bad[] = {"12h", "pointing 9", "pointing*", "0-1", "23h00m00s 0d"};
    ib_field                 field[FIELDS];
    const ib_vis_info        info = {.n_field = FIELDS, .field = field};
    ib_centre                c;
    ib_error                 err;

    make_fields(field, (const int[]){0, 1, 2, 3});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ib_config cfg = {.phasecenter = bad[i]};
        IB_CHECK(t, ib_centre_make(&c, &cfg, &info, &err) == IB_EUSAGE);
    }
    ib_config cfg = {.phasecenter = "1", .gridder = IB_STANDARD};
    IB_CHECK(t, !ib_centre_make(&c, &cfg, &info, &err) && c.ra == field[1].ra && c.motion == IB_ROTATED);
    ib_centre_clear(&c);
    info.field[0].selected = info.field[2].selected = info.field[3].selected = false;
    IB_CHECK(t, !ib_centre_make(&c, &cfg, &info, &err) && c.motion == IB_AS_IS);
    ib_centre_clear(&c);
}

IB_TEST_MAIN({IB_TEST(rotation_is_exact), IB_TEST(the_common_tangent_leaves_what_an_image_of_the_field_alone_would),
              IB_TEST(pointings_have_an_order_of_their_own), IB_TEST(what_names_no_centre_is_refused)})
