/* SPDX-License-Identifier: BSD-3-Clause */
/* What the benchmark makes of its times: spreads, bounds, tables, lists; and that it measures the work it says. */
#include "base/spread.h"
#include "bench/arguments.h"
#include "bench/bench.h"
#include "bench/table.h"
#include "gridder/limits.h"
#include "gridder/measure.h"
#include "ib_test.h"

#include <jansson.h>
#include <stdlib.h>

static void a_spread_has_the_middle_value(ib_test *t)
{
    double          odd[] = {5, 1, 9}, even[] = {4, 1, 3, 2}, one[] = {7};
    const ib_spread a = ib_spread_of(odd, 3), b = ib_spread_of(even, 4), c = ib_spread_of(one, 1);

    IB_CHECK(t, a.min == 1 && a.median == 5 && a.max == 9);
    IB_CHECK(t, b.min == 1 && b.median == 2.5 && b.max == 4);
    IB_CHECK(t, c.min == 7 && c.median == 7 && c.max == 7);
    IB_CHECK(t, isnan(ib_spread_of(one, 0).median));
    IB_CHECK(t, ib_spread_scale(a, 2).max == 18);
}

/* 100 FLOP/s; 50 bytes/s within 200 bytes, 5 beyond; a disk that reads 2 bytes/s and writes 1. */
static ib_limits round_limits(void)
{
    return (ib_limits){.n_thread = 1,
                       .fma = {{{1, 1, 100}, {1, 1, 100}}},
                       .bytes = {100, 100, 100, 1000},
                       .update = {{{1, 1, 50}, {1, 1, 50}}, {{0}}, {{0}}, {{1, 1, 5}, {1, 1, 5}}},
                       .disk = {.read = {1, 1, 2}, .write = {1, 1, 1}}};
}

/* 100 FLOP would take 1 s, 10 bytes of memory 2 s: in 4 s the traffic is nearer, at half of its limit. */
static void the_nearer_bound_is_the_slower_one(ib_test *t)
{
    const ib_need work = {.flops = 100, .bytes = 10, .set = 201}, cached = {.flops = 100, .bytes = 10, .set = 200};
    const ib_need disk = {.flops = 100, .bytes = 10, .set = 201, .read = 6, .written = 1}, none = {0};
    ib_limits     l = round_limits();

    const ib_bound b = ib_bound_of(&work, 4, &l, IB_SINGLE, 1, 1);
    IB_NEAR(t, b.arithmetic, 0.25, 1e-15);
    IB_NEAR(t, b.traffic, 0.5, 1e-15);
    IB_TEXT(t, b.nearest, "DRAM");
    IB_NEAR(t, b.share, 0.5, 1e-15);
    IB_TEXT(t, ib_bound_of(&cached, 4, &l, IB_SINGLE, 1, 1).nearest, "FMA");
    IB_NEAR(t, ib_bound_of(&work, 4, &l, IB_SINGLE, 1, 2).share, 0.25, 1e-15); /* two nodes need half the time */
    IB_TEXT(t, ib_bound_of(&disk, 4, &l, IB_SINGLE, 1, 1).nearest, "disk");
    IB_NEAR(t, ib_bound_of(&disk, 8, &l, IB_SINGLE, 1, 2).share, 0.5, 1e-15); /* 6 / 2 + 1 / 1 s; nodes share it */
    memset(l.update, 0, sizeof l.update);
    IB_TEXT(t, ib_bound_of(&work, 4, &l, IB_SINGLE, 1, 1).nearest, "FMA"); /* memory was not measured */
    IB_TEXT(t, ib_bound_of(&none, 4, &l, IB_SINGLE, 1, 1).nearest, "");
    IB_TEXT(t, ib_bound_of(&work, 0, &l, IB_SINGLE, 1, 1).nearest, ""); /* a phase that did not take place */
}

/* By hand: 3 channels of 2 planes with PSFs, 10 of the 12 planes not blank; 100 columns of 256 cells of 16 bytes.
   Transform of a plane: 100 x 5 x 256 x 8 + 128 x 2.5 x 1024 x 10 = 1,024,000 + 3,276,800 FLOP; 2 x 100 x 16 x (256 + 128)
   + 4 x 512 x 128 = 1,228,800 + 262,144 bytes. Gridding: 4 x 49 FLOP x 1000 samples x 2; 1200 / 2 rows of a channel of
   2 x (8 + 4 + 1) + 24 + 4 bytes. */
static void phases_need_what_the_model_says(ib_test *t)
{
    ib_result r = {.nx = 512,
                   .ny = 128,
                   .grid_nx = 1024,
                   .grid_ny = 256,
                   .columns = 100,
                   .n_chan = 3,
                   .n_stokes = 2,
                   .n_plane = 12,
                   .n_blank = 2,
                   .n_corr = 2,
                   .support = 7,
                   .precision = IB_DOUBLE,
                   .counts = {.read = 1200, .gridded = 1000},
                   .bytes_read = 5000,
                   .bytes_written = 7000};

    const ib_need fft = ib_phase_need(&r, IB_PHASE_FFT), grid = ib_phase_need(&r, IB_PHASE_GRID);
    IB_NEAR(t, fft.flops, 10 * 4300800, 1e-6);
    IB_NEAR(t, fft.bytes, 10 * 1490944, 1e-6);
    IB_NEAR(t, fft.set, 409600, 0);
    IB_NEAR(t, grid.flops, 392000, 0);
    IB_NEAR(t, grid.bytes, 600 * 54, 0);
    IB_NEAR(t, ib_phase_need(&r, IB_PHASE_WEIGH).bytes, 6000, 0);
    IB_NEAR(t, ib_phase_need(&r, IB_PHASE_READ).read, 5000, 0);
    IB_NEAR(t, ib_phase_need(&r, IB_PHASE_WRITE).written, 7000, 0);
    r.n_plane = 6;
    r.n_blank = 0;
    IB_NEAR(t, ib_phase_need(&r, IB_PHASE_GRID).flops, 196000, 0); /* without PSFs */
    const ib_need none = ib_phase_need(&r, IB_PHASE_BEAM), empty = ib_phase_need(&(ib_result){0}, IB_PHASE_FFT);
    IB_CHECK(t, none.flops == 0 && none.bytes == 0 && none.written == 0 && empty.flops == 0 && empty.bytes == 0);

    r.phase[IB_PHASE_WRITE].mean_s = 0.5;
    r.phase[IB_PHASE_CLOSE].mean_s = 0.25;
    IB_NEAR(t, ib_phase_seconds(&r, IB_PHASE_WRITE), 0.75, 0);
    IB_NEAR(t, ib_phase_seconds(&r, IB_PHASE_CLOSE), 0.25, 0);
}

static void limits_are_shared_by_threads(ib_test *t)
{
    ib_limits l = {.n_thread = 3, .fma = {{{1, 1, 10}, {1, 1, 24}}}, .bytes = {100, 1000, 10000, 100000}};

    IB_NEAR(t, ib_limits_flops(&l, IB_SINGLE, 1), 10, 0);
    IB_NEAR(t, ib_limits_flops(&l, IB_SINGLE, 2), 17, 0);
    IB_NEAR(t, ib_limits_flops(&l, IB_SINGLE, 3), 24, 0);
    IB_NEAR(t, ib_limits_flops(&l, IB_SINGLE, 8), 24, 0);
    IB_CHECK(t, ib_limits_level(&l, 150) == IB_L1 && ib_limits_level(&l, 1500) == IB_L2);
    IB_CHECK(t, ib_limits_level(&l, 15000) == IB_L3 && ib_limits_level(&l, 1e9) == IB_DRAM);
}

static void lists_are_read_strictly(ib_test *t)
{
    int64_t  n[4];
    ib_error err;

    IB_CHECK(t, ib_numbers("7,17", 3, 129, n, 4, &err) == 2 && n[0] == 7 && n[1] == 17);
    const char *const bad[] = {"", "7,,8", "7,x", "2", "130", "1,2,3,4,5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IB_CHECK(t, ib_numbers(bad[i], 3, 129, n, 4, &err) == 0 && err.status == IB_EUSAGE);
}

/* The same rows in three forms. */
static void a_table_has_three_forms(ib_test *t)
{
    static const ib_heading  heading[] = {{"isa", "isa"}, {"rate", "Mvis/s"}, {"n", "threads"}};
    static const char *const want[] = {
        [IB_FORM_TABLE] = "isa            Mvis/s  threads\nv4   12.3 (1.00..123)        2\n\n",
        [IB_FORM_MD] = "| isa | Mvis/s | threads |\n| --- | ---: | ---: |\n| v4 | 12.3 (1.00..123) | 2 |\n\n"};

    for (int form = IB_FORM_TABLE; form <= IB_FORM_MD; form++) {
        char      *text = NULL;
        size_t     size = 0;
        FILE      *out = open_memstream(&text, &size);
        ib_report *report;
        ib_error   err;
        IB_CHECK(t, ib_report_begin(&report, out, (ib_form)form, &err) == IB_OK);
        ib_report_table(report, "rates", heading, 3);
        ib_report_row(report, (const ib_cell[]){ib_cell_text("v4"), ib_cell_spread((ib_spread){1, 12.34, 123.4}),
                                                ib_cell_count(2)});
        ib_report_table_end(report);
        IB_CHECK(t, ib_report_end(report, &err) == IB_OK);
        fclose(out);
        if (form == IB_FORM_JSON) {
            json_t       *document = json_loads(text, 0, NULL);
            const json_t *row = json_array_get(json_object_get(document, "rates"), 0);
            IB_NEAR(t, json_real_value(json_object_get(json_object_get(row, "rate"), "median")), 12.34, 1e-9);
            IB_CHECK(t, json_integer_value(json_object_get(row, "n")) == 2);
            json_decref(document);
        } else
            IB_TEXT(t, text, want[form]);
        free(text);
    }
}

static ib_observation *small(ib_test *t)
{
    ib_workload     w = *ib_workload_find("A");
    ib_observation *o = NULL;
    ib_error        err;

    w.n_row = 700;
    w.n_chan = 4;
    w.side = 128;
    IB_CHECK(t, ib_observation_create(&o, &w, &err) == IB_OK);
    IB_CHECK(t, o && ib_observation_rows(o) == 702); /* two integrations of 351 baselines */
    return o;
}

/* Rates are positive, of every case, and the baseline is its own equal. */
static void every_case_of_a_kernel_is_measured(ib_test *t)
{
    ib_observation *o = small(t);
    ib_kernel_case  cases[16];
    ib_kernel_rates rates[16];
    size_t          n = 0;
    ib_error        err;

    for (size_t i = 0; ib_measure_isa(i); i++)
        for (int p = IB_SINGLE; p <= IB_DOUBLE; p++)
            cases[n++] = (ib_kernel_case){ib_measure_isa(i), p, 7, 2};
    cases[n++] = (ib_kernel_case){IB_TEXTBOOK, IB_SINGLE, 7, 2};
    IB_CHECK(t, ib_measure_kernel(o, cases, n, 2, rates, &err) == IB_OK);
    for (size_t i = 0; i < n; i++) {
        const bool single = cases[i].precision == IB_SINGLE, baseline = i + 1 == n;
        IB_CHECK(t, rates[i].add.min > 0 && rates[i].add.max < 1e12);
        IB_CHECK(t, baseline ? isnan(rates[i].leaf.median) : rates[i].leaf.min > 0);
        IB_CHECK(t, single ? rates[i].factor.median > 0 : isnan(rates[i].factor.median));
    }
    IB_CHECK(t, rates[n - 1].factor.min == 1 && rates[n - 1].factor.max == 1);
    cases[0].support = 129; /* does not fit 160 cells with 0.3 of them on either side */
    IB_CHECK(t, ib_measure_kernel(o, cases, 1, 1, rates, &err) == IB_EUSAGE);
    IB_CHECK(t, ib_measure_kernel(o, cases, 1, 0, rates, &err) == IB_EUSAGE);
    ib_observation_destroy(o);
}

static void planes_and_cubes_are_measured(ib_test *t)
{
    ib_observation   *o = small(t);
    const ib_fft_case fft[] = {{128, IB_SINGLE, 1, false}, {128, IB_DOUBLE, 2, false}, {128, IB_SINGLE, 2, true}};
    const ib_pipeline_case lines[] = {{"auto", IB_SINGLE, 7, 1, 1.2, 0, 0, false, false},
                                      {"auto", IB_SINGLE, 7, 2, 1.2, 0, 0, false, false},
                                      {"auto", IB_SINGLE, 7, 2, 1.2, 0, 0, false, true},
                                      {"auto", IB_SINGLE, 7, 2, 1.2, 0, 0, true, true}};
    ib_fft_times           planes[3];
    ib_pipeline_times      cubes[4];
    ib_error               err;

    IB_CHECK(t, ib_measure_fft(o, fft, 3, 2, planes, &err) == IB_OK);
    for (int i = 0; i < 3; i++) {
        IB_CHECK(t, planes[i].grid == 160 && planes[i].full.min > 0 && planes[i].covered.min > 0);
        IB_NEAR(t, planes[i].need.flops, (81 * 5 + 128 * 2.5) * 160 * log2(160), 1);
    }
    IB_CHECK(t, ib_measure_pipeline(o, lines, 4, 2, cubes, &err) == IB_OK);
    for (int i = 0; i < 4; i++) {
        IB_CHECK(t, cubes[i].n_sample == 702 * 4 * 2 && cubes[i].n_plane == (lines[i].mfs ? 2 : 8));
        IB_CHECK(t, lines[i].check == (cubes[i].phase[IB_PHASE_CHECK] > 0));
        IB_CHECK(t, isnan(cubes[i].check_cost.median) == (i != 2)); /* the last one was not run unchecked */
        IB_CHECK(t,
                 cubes[i].seconds.min > 0 && cubes[i].phase[IB_PHASE_GRID] > 0 && cubes[i].phase[IB_PHASE_FFT] > 0);
        IB_CHECK(t, cubes[i].phase[IB_PHASE_SORT] > 0); /* every repetition sorts anew */
        IB_NEAR(t, cubes[i].need[IB_PHASE_GRID].flops, 4 * 49 * 702 * 4 * 2, 0);
        /* |u| reaches at most 0.3 of 160 cells, and its support 3.5 beyond */
        IB_CHECK(t, cubes[i].need[IB_PHASE_FFT].set > 0 && cubes[i].need[IB_PHASE_FFT].set <= 52 * 160 * 8);
    }
    IB_CHECK(t, isnan(cubes[0].efficiency.median) && cubes[1].efficiency.median > 0);
    ib_observation_destroy(o);
}

/* A choice is one of what reaches its accuracy, and as accurate as asked for; at best it is as fast as the fastest. */
static void choices_are_measured(ib_test *t)
{
    ib_observation *o = small(t);
    ib_cost_fit     fit = {0};
    ib_scan         scan;
    ib_error        err;

    IB_CHECK(t, ib_measure_choice(o, 1e-4, IB_SINGLE, "auto", 20, 2, &fit, &scan, &err) == IB_OK);
    IB_CHECK(t, scan.n_candidate > 5 && scan.n_candidate == fit.n[IB_SINGLE] && fit.n[IB_DOUBLE] == 0);
    IB_CHECK(t, scan.ratio >= 1 && scan.measured > 0 && scan.measured <= 1e-4);
    IB_CHECK(t, scan.choice.measured_s[0].min > 0 && scan.best.measured_s[1].min > 0);
    IB_CHECK(t, ib_measure_choice(o, 1e-9, IB_DOUBLE, "auto", 20, 2, &fit, &scan, &err) == IB_EUSAGE);
    ib_observation_destroy(o);
}

/* Times of known costs are met; a hundredth of the weight is on the present table, which is as far off. */
static void costs_are_fitted(ib_test *t)
{
    static const double ns[5] = {3, 0, 0.5, 2, 1};
    ib_cost_fit         fit = {0};
    uint64_t            state = 1;
    double              work[40][5], time[40] = {0};

    for (int row = 0; row < 40; row++) {
        for (int i = 0; i < 5; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            work[row][i] = (double)(state >> 40);
            time[row] += work[row][i] * ns[i];
        }
        for (int i = 0; i < 5; i++) {
            fit.part[0][1].product[i] += work[row][i] / time[row];
            for (int k = 0; k < 5; k++)
                fit.part[0][1].square[i][k] += work[row][i] * work[row][k] / (time[row] * time[row]);
        }
    }
    ib_cost_fit_solve(&fit);
    for (int row = 0; row < 40; row++) {
        double got = 0;
        for (int i = 0; i < 5; i++)
            got += work[row][i] * fit.part[0][1].ns[i];
        IB_NEAR(t, got / time[row], 1, 0.1);
    }
}

/* Plausible on any machine that runs this, sanitizers and neighbours included. */
static void arithmetic_has_a_limit(ib_test *t)
{
    ib_limits l;
    ib_error  err;

    IB_CHECK(t, ib_limits_measure(&l, 2, 2, 0.002, false, &err) == IB_OK);
    IB_CHECK(t, l.fma[IB_SINGLE][0].max > 1e7 && l.fma[IB_SINGLE][0].max < 1e13);
    IB_CHECK(t, l.fma[IB_DOUBLE][1].min > 0 && l.bytes[IB_L1] == 0);
}

/* Positive rates, and the baseline beside itself. */
static void every_case_of_a_mosaic_is_measured(ib_test *t)
{
    ib_mosaic_case  cases[16] = {{IB_TEXTBOOK, IB_SINGLE, 9, 1}};
    ib_mosaic_rates rates[16];
    ib_error        err = {0};
    size_t          n = 1;

    for (size_t i = 0; ib_measure_isa(i); i++)
        cases[n++] = (ib_mosaic_case){ib_measure_isa(i), IB_SINGLE, 9, 4};
    IB_CHECK(t, ib_measure_mosaic(cases, n, 2, rates, &err) == IB_OK);
    for (size_t i = 0; i < n; i++)
        IB_CHECK(t, rates[i].leaf.median > 0 && rates[i].factor.median > 0);
    IB_NEAR(t, rates[0].factor.median, 1, 0);
    cases[0].run = 0;
    IB_CHECK(t, ib_measure_mosaic(cases, n, 2, rates, &err) == IB_EUSAGE);
    IB_CHECK(t, ib_measure_mosaic(cases + 1, 1, 0, rates, &err) == IB_EUSAGE);
}

IB_TEST_MAIN({IB_TEST(a_spread_has_the_middle_value), IB_TEST(the_nearer_bound_is_the_slower_one),
              IB_TEST(phases_need_what_the_model_says), IB_TEST(limits_are_shared_by_threads),
              IB_TEST(lists_are_read_strictly), IB_TEST(a_table_has_three_forms),
              IB_TEST(every_case_of_a_kernel_is_measured), IB_TEST(every_case_of_a_mosaic_is_measured),
              IB_TEST(planes_and_cubes_are_measured), IB_TEST(choices_are_measured), IB_TEST(costs_are_fitted),
              IB_TEST(arithmetic_has_a_limit)})
