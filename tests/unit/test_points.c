/* SPDX-License-Identifier: BSD-3-Clause */
/* What a sweep measures: every combination once, the impossible ones named, in an order that can be had again. */
#include "bench/points.h"
#include "ib_test.h"

static ib_point point[IB_MAX_POINTS];

/* A grid over lists; an empty one is no axis. */
static ib_sweep_grid grid_of(ib_test *t, const char *ranks, const char *nodes, const char *threads,
                             const char *support)
{
    const char *const key[] = {"ranks", "nodes", "threads", "support"}, *const list[] = {ranks, nodes, threads,
                                                                                         support};
    ib_sweep_grid grid = {.cores = 4};
    ib_error      err;

    for (int a = 0; a < 4; a++)
        if (*list[a])
            IB_CHECK(t, !ib_axis_add(&grid, key[a], list[a], false, &err));
    return grid;
}

static void every_combination_is_a_point_once(ib_test *t)
{
    const ib_sweep_grid grid = grid_of(t, "1,2,4", "", "1,2", "7,17");
    ib_error            err;

    const size_t n = ib_points_plan(&grid, point, &err);
    IB_CHECK(t, n == 12);
    IB_TEXT(t, point[0].name, "ranks=1 threads=1 support=7");
    IB_TEXT(t, point[11].name, "ranks=4 threads=2 support=17");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            IB_CHECK(t, strcmp(point[i].name, point[k].name) != 0);
}

static void what_cannot_run_is_excluded_with_the_reason(ib_test *t)
{
    ib_sweep_grid grid = grid_of(t, "1,2,4", "", "1,2", "");
    ib_error      err;

    grid.channels = 3;
    IB_CHECK(t, ib_points_plan(&grid, point, &err) == 6);
    IB_TEXT(t, point[3].excluded, "");
    IB_TEXT(t, point[4].excluded, "4 ranks for 3 image channels");
    IB_TEXT(t, point[5].excluded, "4 x 2 threads, 4 cores: oversubscribed");
    grid.oversubscribe = true;
    grid.channels = 0;
    ib_points_plan(&grid, point, &err);
    IB_TEXT(t, point[5].excluded, "");
}

static void ranks_lie_evenly_on_as_few_nodes_as_hold_them(ib_test *t)
{
    ib_sweep_grid grid = grid_of(t, "2,5,8", "", "2", "");
    ib_error      err;

    grid.spread = true;
    IB_CHECK(t, ib_points_plan(&grid, point, &err) == 3);
    IB_CHECK(t, point[0].nodes == 1 && point[1].nodes == 3 && point[2].nodes == 4);
    IB_TEXT(t, point[1].excluded, "5 ranks are not the same number on each of 3 nodes");
    grid = grid_of(t, "4,8", "2,4", "1", "");
    IB_CHECK(t, ib_points_plan(&grid, point, &err) == 4 && point[2].nodes == 2 && point[3].ranks == 8);
}

static void channels_grow_with_the_ranks_in_weak_scaling(ib_test *t)
{
    ib_sweep_grid grid = grid_of(t, "2,4", "", "", "");
    ib_error      err;

    grid.weak = true;
    grid.channels = 10;
    IB_CHECK(t, ib_points_plan(&grid, point, &err) == 2);
    IB_CHECK(t, point[0].channels == 10 && point[1].channels == 20);
}

static void lists_that_mean_nothing_are_refused(ib_test *t)
{
    ib_sweep_grid grid = {.cores = 4};
    ib_error      err;

    IB_CHECK(t, ib_axis_add(&grid, "support", "7,17,7", false, &err) == IB_EUSAGE);
    IB_CHECK(t, ib_axis_add(&grid, "support", "", false, &err) == IB_EUSAGE);
    IB_CHECK(t, !ib_axis_add(&grid, "ranks", "0", false, &err));
    IB_CHECK(t, !ib_points_plan(&grid, point, &err) && err.status == IB_EUSAGE);
    grid = grid_of(t, "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23", "1,2,3,4,5", "1,2,3,4,5", "");
    IB_CHECK(t, !ib_points_plan(&grid, point, &err) && err.status == IB_EUSAGE); /* 575 points */
}

/* Every number once; the same again for the same seed and block, another one for others. */
static void the_order_is_random_and_repeatable(ib_test *t)
{
    size_t a[50], b[50], c[50], seen[50] = {0};

    ib_points_shuffle(50, 7, 1, a);
    ib_points_shuffle(50, 7, 1, b);
    ib_points_shuffle(50, 7, 2, c);
    IB_CHECK(t, !memcmp(a, b, sizeof a) && memcmp(a, c, sizeof a) != 0);
    ib_points_shuffle(50, 8, 1, c);
    IB_CHECK(t, memcmp(a, c, sizeof a) != 0);
    for (int i = 0; i < 50; i++)
        seen[a[i]]++;
    for (int i = 0; i < 50; i++)
        IB_CHECK(t, seen[i] == 1);
}

IB_TEST_MAIN({IB_TEST(every_combination_is_a_point_once), IB_TEST(what_cannot_run_is_excluded_with_the_reason),
              IB_TEST(ranks_lie_evenly_on_as_few_nodes_as_hold_them),
              IB_TEST(channels_grow_with_the_ranks_in_weak_scaling), IB_TEST(lists_that_mean_nothing_are_refused),
              IB_TEST(the_order_is_random_and_repeatable)})
