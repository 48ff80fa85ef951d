/* SPDX-License-Identifier: BSD-3-Clause */
/* Averages in channel and time against sums written out, and where every sample goes. */
#include "base/error.h"
#include "model/average.h"

#include "ib_test.h"

#include <float.h>
#include <stdlib.h>

enum { CHAN = 7, ROW = 6, CORR = 2, STEP = 3, GROUPS = 3, OUT = 2 };

/* Six rows of two averages in turn. */
static double  uvw[ROW][3], when[ROW];
static int32_t antenna[ROW][2], field[ROW];
static float   vis[CHAN][ROW][CORR][2], weight[CHAN][ROW][CORR];
static uint8_t flag[CHAN][ROW][CORR];

static double  out_uvw[OUT][3], out_when[OUT];
static int32_t out_antenna[OUT][2], out_field[OUT];
static float   out_vis[GROUPS][OUT][CORR][2], out_weight[GROUPS][OUT][CORR];
static uint8_t out_flag[GROUPS][OUT][CORR];

static const size_t to[ROW] = {0, 1, 0, 1, 0, 1};

static double random_number(void)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return state / 4294967296.0 - 0.5;
}

static void usual(void)
{
    for (int r = 0; r < ROW; r++) {
        for (int k = 0; k < 3; k++)
            uvw[r][k] = 1000 * random_number();
        when[r] = 5e9 + 10 * r;
        antenna[r][0] = 3 + r % 2;
        antenna[r][1] = 8;
        field[r] = 4;
        for (int c = 0; c < CHAN; c++)
            for (int p = 0; p < CORR; p++) {
                vis[c][r][p][0] = (float)random_number();
                vis[c][r][p][1] = (float)random_number();
                weight[c][r][p] = (float)(1 + random_number());
                flag[c][r][p] = 0;
            }
    }
}

static ib_spw window(void)
{
    static int    chan[CHAN];
    static double freq[CHAN], width[CHAN];

    for (int c = 0; c < CHAN; c++) {
        chan[c] = c;
        freq[c] = 1e9 - 1e6 * c * c;
        width[c] = 1e5 + c;
    }
    return (ib_spw){.n_row = ROW, .n_chan = CHAN, .n_corr = CORR, .chan = chan, .freq = freq, .width = width};
}

/* In blocks of at most `most` rows. */
static ib_fates average(ib_test *t, size_t most, bool per_channel)
{
    const ib_spw spw = window();
    ib_average  *a;
    ib_fates     fates = {0};
    ib_error     err;
    float       *block_vis = malloc(sizeof vis), *block_weight = malloc(sizeof weight);
    uint8_t     *block_flag = malloc(sizeof flag);

    IB_CHECK(t, !ib_average_create(&a, &spw, STEP, OUT, most, &err));
    ib_average_begin(a, OUT);
    for (size_t first = 0; first < ROW; first += most) {
        const size_t  n = ROW - first < most ? ROW - first : most;
        const ib_rows rows = {uvw + first, antenna + first, field + first, weight[0][first], when + first};

        for (size_t c = 0; c < CHAN; c++) {
            memcpy(block_vis + c * n * CORR * 2, vis[c][first], n * sizeof vis[0][0]);
            memcpy(block_weight + c * n * CORR, weight[c][first], n * sizeof weight[0][0]);
            memcpy(block_flag + c * n * CORR, flag[c][first], n * sizeof flag[0][0]);
        }
        ib_average_add(a, n, to + first, &rows,
                       &(ib_samples){(float(*)[2])block_vis, per_channel ? block_weight : NULL, block_flag}, &fates);
    }
    ib_average_end(a, &(ib_rows){out_uvw, out_antenna, out_field, NULL, out_when},
                   &(ib_samples){out_vis[0][0], out_weight[0][0], out_flag[0][0]}, &fates);
    ib_average_destroy(a);
    free(block_vis);
    free(block_weight);
    free(block_flag);
    return fates;
}

static bool usable(int c, int r, int p)
{
    return !flag[c][r][p] && weight[c][r][p] > 0 && isfinite(weight[c][r][p]) && isfinite(vis[c][r][p][0]) &&
           isfinite(vis[c][r][p][1]) && isfinite(uvw[r][0]);
}

/* Every sum of at most 9 samples in double, rounded to float once: half a unit in the last place of numbers below 1, and
   1e-15 of what cancelled. */
static void averages_are_weighted_sums(ib_test *t)
{
    usual();
    flag[2][0][1] = flag[3][4][0] = 1;
    flag[6][1][0] = flag[6][3][0] = flag[6][5][0] = 1; /* nothing is left of group 2, row 1, correlation 0 */
    weight[0][2][0] = 0;
    weight[1][3][1] = -1;
    weight[5][2][0] = INFINITY;
    weight[4][1][1] = NAN;
    vis[4][0][0][1] = NAN;
    const ib_fates f = average(t, ROW, true);

    IB_CHECK(t, f.read == CHAN * ROW * CORR && f.flagged == 5 && f.weightless == 3 && f.not_finite == 2);
    IB_CHECK(t, f.used == f.read - 10 && f.made == GROUPS * OUT * CORR - 1 && f.empty == 1);
    for (int row = 0; row < OUT; row++) {
        double place[4] = {0}, total = 0;

        for (int r = row; r < ROW; r += 2) {
            double of_row = 0;
            for (int c = 0; c < CHAN; c++)
                for (int p = 0; p < CORR; p++)
                    of_row += usable(c, r, p) ? weight[c][r][p] : 0;
            for (int k = 0; k < 4; k++)
                place[k] += of_row * (k < 3 ? uvw[r][k] : when[r] - 5e9);
            total += of_row;
        }
        for (int k = 0; k < 3; k++)
            IB_NEAR(t, out_uvw[row][k], place[k] / total, 1e-12 * 1000);
        IB_NEAR(t, out_when[row] - 5e9, place[3] / total, 1e-6); /* one unit in the last place of 5e9 */
        IB_CHECK(t, out_antenna[row][0] == 3 + row && out_antenna[row][1] == 8 && out_field[row] == 4);

        for (int k = 0; k < GROUPS; k++)
            for (int p = 0; p < CORR; p++) {
                double re = 0, im = 0, w = 0;
                for (int r = row; r < ROW; r += 2)
                    for (int c = k * STEP; c < CHAN && c < (k + 1) * STEP; c++)
                        if (usable(c, r, p)) {
                            re += (double)weight[c][r][p] * vis[c][r][p][0];
                            im += (double)weight[c][r][p] * vis[c][r][p][1];
                            w += weight[c][r][p];
                        }
                IB_CHECK(t, out_flag[k][row][p] == !(w > 0));
                IB_NEAR(t, out_vis[k][row][p][0], w > 0 ? re / w : 0, 0.5 * FLT_EPSILON);
                IB_NEAR(t, out_vis[k][row][p][1], w > 0 ? im / w : 0, 0.5 * FLT_EPSILON);
                IB_NEAR(t, out_weight[k][row][p], w, 0.5 * FLT_EPSILON * 16);
            }
    }
}

static void blocks_do_not_change_bits(ib_test *t)
{
    float  first[GROUPS][OUT][CORR][2], of_weight[GROUPS][OUT][CORR];
    double place[OUT][3];

    usual();
    average(t, ROW, true);
    memcpy(first, out_vis, sizeof first);
    memcpy(of_weight, out_weight, sizeof of_weight);
    memcpy(place, out_uvw, sizeof place);
    for (size_t most = 1; most < ROW; most++) {
        average(t, most, true);
        IB_CHECK(t, !memcmp(first, out_vis, sizeof first) && !memcmp(place, out_uvw, sizeof place));
        IB_CHECK(t, !memcmp(of_weight, out_weight, sizeof of_weight));
    }
}

/* The weights of rows count for every channel. */
static void weights_of_rows_are_those_of_their_channels(ib_test *t)
{
    float first[GROUPS][OUT][CORR][2];

    usual();
    for (int c = 1; c < CHAN; c++)
        memcpy(weight[c], weight[0], sizeof weight[0]);
    average(t, ROW, true);
    memcpy(first, out_vis, sizeof first);
    const ib_fates f = average(t, ROW, false);
    IB_CHECK(t, !memcmp(first, out_vis, sizeof first) && f.used == f.read);
}

/* What is flagged altogether keeps a place; so do rows whose uvw are no numbers. */
static void rows_of_nothing_keep_their_place(ib_test *t)
{
    usual();
    for (int c = 0; c < CHAN; c++)
        for (int r = 0; r < ROW; r += 2)
            flag[c][r][0] = flag[c][r][1] = 1;
    uvw[1][2] = NAN;
    const ib_fates f = average(t, 2, true);

    IB_CHECK(t, f.not_finite == CHAN * CORR && f.flagged == 3 * CHAN * CORR && f.empty == GROUPS * CORR);
    for (int k = 0; k < 3; k++)
        IB_NEAR(t, out_uvw[0][k], (uvw[0][k] + uvw[2][k] + uvw[4][k]) / 3, 1e-12 * 1000);
    IB_NEAR(t, out_when[0], 5e9 + 20, 1e-6);
    IB_CHECK(t, out_flag[1][0][1] && out_vis[1][0][1][0] == 0 && out_weight[1][0][1] == 0);
    IB_CHECK(t, isfinite(out_uvw[1][2]));
}

static void groups_of_channels_have_mean_frequencies(ib_test *t)
{
    ib_spw spw = window();

    ib_average_channels(&spw, STEP);
    IB_CHECK(t, spw.n_chan == GROUPS && spw.weight_per_channel);
    IB_NEAR(t, spw.freq[0], 1e9 - 1e6 * (0 + 1 + 4) / 3, 1e-6);
    IB_NEAR(t, spw.freq[1], 1e9 - 1e6 * (9 + 16 + 25) / 3, 1e-6);
    IB_CHECK(t, spw.freq[2] == 1e9 - 36e6 && spw.width[2] == 1e5 + 6 && spw.width[1] == 3e5 + 12);
    spw = window();
    ib_average_channels(&spw, 1000);
    IB_CHECK(t, spw.n_chan == 1 && spw.width[0] == 7e5 + 21);
}

/* Integrations of 2 s fall into intervals of 6 s by threes, although their times are rounded; a pause begins anew. */
static void times_fall_into_intervals_of_their_own(ib_test *t)
{
    double time[60], all[60];
    size_t n = 0;

    for (int i = 0; i < 20; i++)
        for (int k = 0; k < 3; k++)
            time[n++] = 5e9 + 1 + 2 * i + (i >= 10 ? 101.7 : 0) + 1e-6 * random_number() * (k == 0);
    n = ib_times_sort(time, n);
    memcpy(all, time, sizeof all);
    IB_CHECK(t, n >= 20 && n <= 40);
    const size_t n_interval = ib_times_cut(time, n, 6);
    IB_CHECK(t, n_interval == 8);
    for (size_t i = 0; i < n; i++) {
        const size_t at = ib_times_find(time, n_interval, all[i]);
        const int    number = (int)floor((all[i] - 5e9 - 1 + 0.5) / 2), late = number >= 61;
        IB_CHECK(t, (int)at == (late ? 4 + (number - 61) / 3 : number / 3));
    }
}

static void keys_are_numbered_as_they_appear(ib_test *t)
{
    ib_row_map *map;
    ib_error    err;
    size_t      number;

    IB_CHECK(t, !ib_row_map_create(&map, &err));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 10000; i++) {
            const int32_t    k = i % 5000;
            const ib_row_key key = {k % 3, {k / 3 % 50, k / 150}, (uint32_t)(k % 2)};
            IB_CHECK(t, !ib_row_map_put(map, &key, &number, &err) && number == (size_t)k);
        }
        IB_CHECK(t, ib_row_map_count(map) == 5000);
        ib_row_map_reset(map);
    }
    ib_row_map_destroy(map);
}

IB_TEST_MAIN({IB_TEST(averages_are_weighted_sums), IB_TEST(blocks_do_not_change_bits),
              IB_TEST(weights_of_rows_are_those_of_their_channels), IB_TEST(rows_of_nothing_keep_their_place),
              IB_TEST(groups_of_channels_have_mean_frequencies), IB_TEST(times_fall_into_intervals_of_their_own),
              IB_TEST(keys_are_numbered_as_they_appear)})
