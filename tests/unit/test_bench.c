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

/* 100 FLOP at 100 FLOP/s would take 1 s, 10 bytes at 5 bytes/s 2 s: in 4 s the traffic is nearer, at half of its limit. */
static void the_nearer_bound_is_the_slower_one(ib_test *t)
{
    const ib_bound b = ib_bound_of(4, 100, 100, 10, 5, "DRAM");

    IB_NEAR(t, b.arithmetic, 0.25, 1e-15);
    IB_NEAR(t, b.traffic, 0.5, 1e-15);
    IB_TEXT(t, b.nearest, "DRAM");
    IB_NEAR(t, b.share, 0.5, 1e-15);
    IB_TEXT(t, ib_bound_of(4, 100, 30, 10, 5, "DRAM").nearest, "FMA");
    IB_TEXT(t, ib_bound_of(4, 100, 30, 10, 0, "DRAM").nearest, "FMA"); /* memory was not measured */
    IB_TEXT(t, ib_bound_of(4, 0, 0, 0, 0, "DRAM").nearest, "");
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
    ib_observation        *o = small(t);
    const ib_fft_case      fft[] = {{128, IB_SINGLE, 1}, {128, IB_DOUBLE, 2}};
    const ib_pipeline_case lines[] = {{"auto", IB_SINGLE, 7, 1, 1.2}, {"auto", IB_SINGLE, 7, 2, 1.2}};
    ib_fft_times           planes[2];
    ib_pipeline_times      cubes[2];
    ib_error               err;

    IB_CHECK(t, ib_measure_fft(o, fft, 2, 2, planes, &err) == IB_OK);
    for (int i = 0; i < 2; i++) {
        IB_CHECK(t, planes[i].grid == 160 && planes[i].full.min > 0 && planes[i].covered.min > 0);
        IB_NEAR(t, planes[i].flops, 2.5 * 160 * 160 * log2(160.0 * 160), 1);
    }
    IB_CHECK(t, ib_measure_pipeline(o, lines, 2, 2, cubes, &err) == IB_OK);
    for (int i = 0; i < 2; i++) {
        IB_CHECK(t, cubes[i].n_sample == 702 * 4 * 2 && cubes[i].n_plane == 8);
        IB_CHECK(t,
                 cubes[i].seconds.min > 0 && cubes[i].phase[IB_PHASE_GRID] > 0 && cubes[i].phase[IB_PHASE_FFT] > 0);
        IB_CHECK(t, cubes[i].phase[IB_PHASE_SORT] > 0); /* every repetition sorts anew */
    }
    IB_CHECK(t, isnan(cubes[0].efficiency.median) && cubes[1].efficiency.median > 0);
    ib_observation_destroy(o);
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

IB_TEST_MAIN({IB_TEST(a_spread_has_the_middle_value), IB_TEST(the_nearer_bound_is_the_slower_one),
              IB_TEST(limits_are_shared_by_threads), IB_TEST(lists_are_read_strictly),
              IB_TEST(a_table_has_three_forms), IB_TEST(every_case_of_a_kernel_is_measured),
              IB_TEST(planes_and_cubes_are_measured), IB_TEST(arithmetic_has_a_limit)})
