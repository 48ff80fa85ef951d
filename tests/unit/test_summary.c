/* SPDX-License-Identifier: BSD-3-Clause */
#include "ib_test.h"

#include "base/error.h"
#include "bench/json.h"
#include "bench/summary.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static const ib_build clean = {.version = "1.2.3",
                               .commit = "abc",
                               .describe = "abc",
                               .compiler = "cc",
                               .flags = "-O2",
                               .type = "Release",
                               .sanitizers = ""};

/* A machine on which times are worth something. */
static const ib_steadiness quiet = {.threads = 6, .bound = 6, .neighbours = 0.019, .steal = 0.004, .clock = 0.91};
static const ib_bounds     fresh = {.known = true, .calibrated = "2026-05-01", .age_days = 30};
static const ib_around     good = {.bounds = &fresh, .steady = &quiet};

static ib_result good_result(void)
{
    ib_result r = {.ranks = 2,
                   .threads = 3,
                   .n_row = 1000,
                   .n_chan_in = 3840,
                   .n_corr = 2,
                   .wall_s = 100,
                   .promised = 1e-5,
                   .measured = 3e-6,
                   .beam = {1e-5, 5e-6, 0.5}};

    r.counts = (ib_counts){.read = 1200,
                           .gridded = 600,
                           .flagged = 300,
                           .weightless = 200,
                           .not_finite = 50,
                           .outside = 40,
                           .autocorrelation = 10};
    r.phase[IB_PHASE_GRID].max_s = 2;
    r.phase[IB_PHASE_GRID].mean_s = 1.6;
    snprintf(r.input, sizeof r.input, "bad \xff name.ms");
    snprintf(r.output[0], sizeof r.output[0], "name.hdf5");
    snprintf(r.output[1], sizeof r.output[1], "name.psf.hdf5");
    return r;
}

static bool gives(const ib_judgement *v, const char *words)
{
    for (size_t i = 0; i < v->n_reason; i++)
        if (strstr(v->reason[i], words))
            return true;
    return false;
}

static void a_good_launch_on_a_quiet_machine_is_reportable(ib_test *t)
{
    const ib_result r = good_result();
    const ib_error  none = {0};
    ib_judgement    v;

    ib_judge(&v, &r, &none, &clean, 0, &good);
    IB_CHECK(t, v.validity == IB_REPORTABLE && v.n_reason == 0);
    ib_judge(&v, &r, &none, &clean, 0, &(ib_around){0});
    IB_CHECK(t, v.validity == IB_VALID && v.n_reason == 2 && gives(&v, "not measured") && gives(&v, "calibrated"));
}

static void a_restless_machine_lowers_the_verdict_and_is_named(ib_test *t)
{
    const ib_result r = good_result();
    const ib_error  none = {0};
    const ib_bounds unknown = {0};
    struct {
        const char   *words;
        ib_steadiness steady;
        ib_bounds     bounds;
    } cases[] = {{"1 of 6 threads not bound", quiet, fresh},
                 {"others used 2 %", quiet, fresh},
                 {"does not tell", quiet, fresh},
                 {"virtual machines took 0.5 %", quiet, fresh},
                 {"slowest core ran at 0.89", quiet, fresh},
                 {"calibrated 31 days ago", quiet, fresh},
                 {"not calibrated", quiet, unknown}};

    cases[0].steady.bound = 5;
    cases[1].steady.neighbours = 0.02;
    cases[2].steady.neighbours = NAN;
    cases[3].steady.steal = 0.005;
    cases[4].steady.clock = 0.89;
    cases[5].bounds.age_days = 31;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ib_judgement v;
        ib_judge(&v, &r, &none, &clean, 0, &(ib_around){.bounds = &cases[i].bounds, .steady = &cases[i].steady});
        printf("# %s\n", v.reason[0]);
        IB_CHECK(t, v.validity == IB_VALID && v.n_reason == 1 && gives(&v, cases[i].words));
    }
}

/* Two ranks on one node and a third on another: a node's load is all that its own ranks did not use. */
static void neighbours_are_what_the_ranks_of_a_node_did_not_use(ib_test *t)
{
    const ib_place  place[] = {{"a", "0", 1}, {"b", "0", 1}, {"a", "1", 1}};
    const ib_steady rank[] = {
        {.threads = 1, .bound = 1, .cpus = 4, .wall_s = 10, .own_s = 9, .busy_s = 21, .slowest = 3, .fastest = 4},
        {.threads = 1, .bound = 0, .cpus = 2, .wall_s = 10, .own_s = 9, .busy_s = 8, .slowest = 2, .fastest = 5},
        {.threads = 1, .bound = 1, .cpus = 4, .wall_s = 10, .own_s = 8, .busy_s = 20, .slowest = 3, .fastest = 3}};
    const ib_steadiness s = ib_steadiness_of(rank, place, 3);

    IB_CHECK(t, s.threads == 3 && s.bound == 2);
    IB_NEAR(t, s.neighbours, (21.0 - 17) / 40, 1e-15); /* a; b's ticks are rounded, and nobody else was there */
    IB_NEAR(t, s.clock, 2.0 / 5, 1e-15);
}

static void every_condition_lowers_the_verdict_and_is_named(ib_test *t)
{
    const ib_error none = {0};
    struct {
        ib_validity want;
        const char *words;
        ib_result   result;
        ib_build    build;
        int         excess;
    } cases[] = {{IB_VALID, "below 60 s", good_result(), clean, 0},
                 {IB_VALID, "build type Debug", good_result(), clean, 0},
                 {IB_VALID, "commit", good_result(), clean, 0},
                 {IB_PROVISIONAL, "not compared", good_result(), clean, 0},
                 {IB_VALID, "sanitizers", good_result(), clean, 0},
                 {IB_VALID, "changed sources", good_result(), clean, 0},
                 {IB_VALID, "2 more threads", good_result(), clean, 2},
                 {IB_INVALID, "do not add up", good_result(), clean, 0},
                 {IB_INVALID, "times the promised", good_result(), clean, 0},
                 {IB_INVALID, "times the promised", good_result(), clean, 0}};
    ib_judgement v;

    cases[0].result.wall_s = 59;
    cases[1].build.type = "Debug";
    cases[2].build.dirty = -1;
    cases[3].result.measured = -1;
    cases[4].build.sanitizers = "address";
    cases[5].build.dirty = 1;
    cases[7].result.counts.read++;
    cases[8].result.measured = 3.1 * cases[8].result.promised;
    cases[9].result.measured = NAN; /* an image that is not finite has been checked, and failed */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ib_judge(&v, &cases[i].result, &none, &cases[i].build, cases[i].excess, &good);
        IB_CHECK(t, v.validity == cases[i].want);
        IB_CHECK(t, gives(&v, cases[i].words));
    }
}

static void a_failure_is_invalid_whatever_the_result_says(ib_test *t)
{
    const ib_result r = good_result();
    ib_error        err = {0};
    ib_judgement    v;

    ib_fail(&err, IB_ECHECK, "check: 3.1e-02 > 1e-05");
    ib_judge(&v, &r, &err, &clean, 0, &good);
    IB_CHECK(t, v.validity == IB_INVALID && v.n_reason == 1);
    IB_TEXT(t, v.reason[0], "check: 3.1e-02 > 1e-05");
    ib_fail(&err, IB_EIO, "disk full");
    ib_judge(&v, &r, &err, &clean, 0, &good);
    IB_TEXT(t, v.reason[0], "input/output");
}

/* What a printing function wrote, to be freed. */
static char *printed_with(bool json, const ib_result *r, const ib_bounds *bounds, const ib_error *err)
{
    char        *text = NULL;
    size_t       size = 0;
    FILE        *out = open_memstream(&text, &size);
    ib_judgement v;

    const ib_around around = {.bounds = bounds, .steady = &quiet};
    ib_judge(&v, r, err, &clean, 0, &around);
    (json ? ib_summary_json : ib_summary_table)(out, r, &around, err, &v, "results/x.jsonl");
    fclose(out);
    return text;
}

static char *printed(bool json, const ib_result *r, const ib_error *err)
{
    return printed_with(json, r, NULL, err);
}

static void the_table_adds_up_samples_and_ends_with_the_verdict(ib_test *t)
{
    const ib_error none = {0};
    ib_result      r = good_result();
    char          *text = printed(false, &r, &none);
    const char    *last = strstr(text, "\nRESULT ");

    IB_CHECK(t, strstr(text, "samples read                          1,200\n"));
    IB_CHECK(t, strstr(text, "  + autocorrelation                      10\n"));
    IB_CHECK(t, !strstr(text, "do not add up"));
    IB_CHECK(t, strstr(text, "grid           2.000       1.600      25.0 %   1.6 %\n"));
    IB_CHECK(t, strstr(text, "1,000 rows x 3,840 channels x 2 correlations\n"));
    IB_CHECK(t, strstr(text, "record     results/x.jsonl\n"));
    IB_CHECK(t, last && strchr(last + 1, '\n')[1] == 0); /* nothing follows */
    IB_TEXT(t, last, "\nRESULT valid  T=100.00 s  50.0 vis/s/core  (machine not calibrated)\n");
    free(text);

    r.counts.flagged++;
    r.w_phase = 0.2;
    text = printed(false, &r, &none);
    IB_CHECK(t, strstr(text, "the counts do not add up"));
    IB_CHECK(t, strstr(text, "imaging without w distorts"));
    free(text);
}

/* Known bounds are two columns and a line; unknown ones a line with the remedy, and no columns. */
static void bounds_are_told_or_their_lack_is(ib_test *t)
{
    const ib_error  none = {0};
    const ib_result r = good_result();
    ib_bounds       b = {.known = true, .calibrated = "2026-05-01", .n_node = 2, .storage = 0.25};

    for (int p = 0; p < IB_N_PHASES; p++)
        b.phase[p] = (ib_bound){(double)NAN, (double)NAN, "", (double)NAN};
    b.phase[IB_PHASE_GRID] = (ib_bound){0.5, 0.25, "FMA", 0.5};
    char *text = printed_with(false, &r, &b, &none), *json = printed_with(true, &r, &b, &none);
    IB_CHECK(t, strstr(text, "share   nearest bound\n") && strstr(text, " 1.6 %   FMA x 2\n"));
    IB_CHECK(t, strstr(text, "limits     calibrated 2026-05-01, of every node alike;"));
    IB_CHECK(t, strstr(text, "storage    25 % of the wall time"));
    json_t       *document = json_loads(json, 0, NULL);
    const json_t *phases = json_object_get(document, "phases"), *grid = json_object_get(phases, "grid");
    IB_TEXT(t, json_string_value(json_object_get(grid, "nearest")), "FMA");
    IB_NEAR(t, json_number_value(json_object_get(grid, "times_bound")), 2, 0);
    IB_NEAR(t, json_number_value(json_object_get(grid, "share")), 0.016, 1e-15);
    IB_CHECK(t, json_is_null(json_object_get(json_object_get(phases, "sort"), "nearest")));
    IB_TEXT(t, json_string_value(json_object_get(json_object_get(document, "limits"), "calibrated")), "2026-05-01");
    json_decref(document);
    free(text);
    free(json);

    b = (ib_bounds){.missing = "of this machine not known; measure them"};
    text = printed_with(false, &r, &b, &none);
    json = printed_with(true, &r, &b, &none);
    document = json_loads(json, 0, NULL);
    grid = json_object_get(json_object_get(document, "phases"), "grid");
    IB_CHECK(t, strstr(text, "limits     of this machine not known; measure them\n") && !strstr(text, "nearest"));
    IB_CHECK(t, json_is_null(json_object_get(document, "limits")) && !json_object_get(grid, "nearest"));
    IB_CHECK(t, json_object_get(grid, "share"));
    json_decref(document);
    free(text);
    free(json);
}

/* Nothing timed, nothing gridded: no division by zero reaches the reader as a number. */
static void an_empty_result_prints(ib_test *t)
{
    const ib_error  none = {0};
    const ib_result r = {.ranks = 1, .threads = 1, .measured = -1};
    char           *table = printed(false, &r, &none), *json = printed(true, &r, &none);
    json_error_t    where;
    json_t         *document = json_loads(json, JSON_REJECT_DUPLICATES, &where);

    IB_CHECK(t, strstr(table, "RESULT provisional"));
    IB_CHECK(t, document);
    IB_CHECK(t, json_is_null(json_object_get(json_object_get(document, "rates"), "grid_vis_per_s")));
    IB_CHECK(t, json_is_null(json_object_get(json_object_get(document, "accuracy"), "measured")));
    json_decref(document);
    free(table);
    free(json);
}

static void the_document_has_the_promised_fields(ib_test *t)
{
    static const char *const fields[] = {"result",   "reasons", "wall_s", "phases",  "counts", "rates",
                                         "accuracy", "memory",  "ranks",  "threads", "output", "record"};
    const ib_error           none = {0};
    const ib_result          r = good_result();
    char                    *text = printed(true, &r, &none);
    json_error_t             where;
    json_t                  *document = json_loads(text, JSON_REJECT_DUPLICATES, &where);

    IB_CHECK(t, document);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        IB_CHECK(t, json_object_get(document, fields[i]));
    IB_TEXT(t, json_string_value(json_object_get(document, "result")), "valid");
    IB_CHECK(t, json_array_size(json_object_get(document, "output")) == 2);
    IB_CHECK(t, json_object_size(json_object_get(document, "phases")) == IB_N_PHASES);
    IB_CHECK(t, json_number_value(json_object_get(json_object_get(document, "accuracy"), "promised")) == 1e-5);
    IB_CHECK(t, json_integer_value(json_object_get(json_object_get(document, "counts"), "gridded")) == 600);
    IB_CHECK(t, json_object_get(json_object_get(document, "memory"), "plan_bytes"));
    json_decref(document);
    free(text);
}

static void a_failed_launch_is_one_line_or_one_document(ib_test *t)
{
    const ib_result r = {.ranks = 0};
    ib_error        err = {0};
    json_error_t    where;

    ib_fail(&err, IB_EDATA, "open a.ms: no such file");
    char   *table = printed(false, &r, &err), *text = printed(true, &r, &err);
    json_t *document = json_loads(text, 0, &where);
    IB_TEXT(t, table, "RESULT invalid  (bad data)\n");
    IB_TEXT(t, json_string_value(json_object_get(document, "result")), "failed");
    IB_TEXT(t, json_string_value(json_object_get(document, "error")), "open a.ms: no such file");
    IB_CHECK(t, json_integer_value(json_object_get(document, "exit_code")) == 65);
    json_decref(document);
    free(table);
    free(text);
}

static void oversubscription_counts_processors_per_node(ib_test *t)
{
    const ib_place own[] = {{"a", "0-1", 2}, {"a", "2-3", 2}, {"b", "0-3", 4}};
    const ib_place shared[] = {{"a", "0-1", 2}, {"a", "0-1", 2}, {"a", "1,70-71", 3}};
    const ib_place untold[] = {{"a", "", 2}, {"a", "", 2}};
    ib_place       here;

    IB_CHECK(t, ib_place_nodes(own, 3) == 2 && ib_place_nodes(shared, 3) == 1);
    IB_CHECK(t, ib_place_excess(own, 3, 2) == 0 && ib_place_excess(own, 3, 3) == 2);
    IB_CHECK(t, ib_place_excess(shared, 3, 1) == 0 && ib_place_excess(shared, 3, 2) == 2);
    IB_CHECK(t, ib_place_excess(untold, 2, 1) == 0 && ib_place_excess(untold, 2, 2) == 2);
    ib_place_here(&here);
    IB_CHECK(t, here.n_cpu > 0 && ib_place_excess(&here, 1, here.n_cpu) == 0);
    IB_CHECK(t, ib_place_excess(&here, 1, here.n_cpu + 1) == 1);
}

static void rates_are_of_what_this_launch_imaged(ib_test *t)
{
    ib_result    r = good_result();
    const double grid = ib_grid_rate(&r), wall = ib_wall_rate(&r);

    r.n_chan = 4;
    r.n_resumed = 3;
    IB_NEAR(t, ib_grid_rate(&r), grid / 4, 1e-12 * grid);
    IB_NEAR(t, ib_wall_rate(&r), wall / 4, 1e-12 * wall);
}

IB_TEST_MAIN({IB_TEST(rates_are_of_what_this_launch_imaged), IB_TEST(a_good_launch_on_a_quiet_machine_is_reportable),
              IB_TEST(a_restless_machine_lowers_the_verdict_and_is_named),
              IB_TEST(neighbours_are_what_the_ranks_of_a_node_did_not_use),
              IB_TEST(every_condition_lowers_the_verdict_and_is_named),
              IB_TEST(a_failure_is_invalid_whatever_the_result_says),
              IB_TEST(the_table_adds_up_samples_and_ends_with_the_verdict), IB_TEST(bounds_are_told_or_their_lack_is),
              IB_TEST(an_empty_result_prints), IB_TEST(the_document_has_the_promised_fields),
              IB_TEST(a_failed_launch_is_one_line_or_one_document),
              IB_TEST(oversubscription_counts_processors_per_node)})
