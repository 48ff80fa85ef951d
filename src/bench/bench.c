/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/bench.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/calibrate.h"
#include "bench/facts.h"
#include "bench/overhead.h"
#include "bench/storage.h"
#include "bench/table.h"
#include "gridder/measure.h"

#include <math.h>
#include <string.h>

enum { MAX_LIST = 16, MAX_CASES = 256 };

/* clang-format off */
const ib_help_option ib_bench_options[] = {
    {"supports",    "LIST", "",          "taps per axis; default: 7,17,31,51 for kernel, 15,51 for mosaic, 7,11 for storage, 7 for others"},
    {"precisions",  "LIST", "",          "single, double; default: both for kernel, mosaic and fft, single for others"},
    {"isas",        "LIST", "",          "instruction sets; default: all of this machine for kernel and mosaic, the best for others"},
    {"threads",     "LIST", "",          "threads side by side, each with planes of its own; default: 1 and all processors; storage takes the last"},
    {"workloads",   "LIST", "",          "A, A10, B; default: A for kernel and overhead, all for pipeline"},
    {"rows",        "N",    "0",         "rows of a workload instead of its own"},
    {"scale",       "F",    "1",         "of channels: 0.25 takes a quarter"},
    {"sizes",       "LIST", "128,256,512,1000,2048,4096,8192", "pixels along an image of fft"},
    {"epsilons",    "LIST", "1e-3,1e-4,1e-5", "accuracies of choice"},
    {"repetitions", "N",    "7",         "counted ones, after one that is not; cases take turns"},
    {"quick",       "",     "",          "3 repetitions, a quarter of the channels, sizes up to 2048, fewer candidates"},
    {"folder",      "FOLDER", ".",       "where storage writes its files, up to 3 GB"},
    {"record",      "FOLDER", "results", "where calibrate left the limits of this machine"},
    {"format",      "NAME", "table",     "table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* ---- what is asked for ----------------------------------------------------------------------------------- */

typedef struct request {
    const char *const *value;
    int64_t            support[MAX_LIST], n_thread[MAX_LIST], size[MAX_LIST], rows;
    size_t             n_support, n_threads, n_size, n_precision, n_isa, n_workload, n_repeat;
    int                precision[MAX_LIST];
    char               isa[MAX_LIST][24], workload[MAX_LIST][24];
    double             scale;
    bool               quick;

    ib_limits  limits;
    ib_report *report;
} request;

static const char *given(const request *r, const char *name)
{
    return ib_argument(ib_bench_options, r->value, name);
}

/* A list as given, or what this part takes by itself. */
static size_t numbers(const request *r, const char *name, const char *otherwise, int64_t low, int64_t high,
                      int64_t *out, ib_error *err)
{
    const char  *list = given(r, name);
    const size_t n = ib_numbers(*list ? list : otherwise, low, high, out, MAX_LIST, err);

    if (!n)
        ib_within(err, "bench --%s: ", name);
    return n;
}

static size_t words(const request *r, const char *name, const char *otherwise, char (*out)[24], ib_error *err)
{
    const char  *list = given(r, name);
    const size_t n = ib_words(*list ? list : otherwise, out, MAX_LIST, err);

    if (!n)
        ib_within(err, "bench --%s: ", name);
    return n;
}

static ib_status choose_precisions(request *r, const char *otherwise, ib_error *err)
{
    char name[MAX_LIST][24];

    r->n_precision = words(r, "precisions", otherwise, name, err);
    for (size_t i = 0; i < r->n_precision; i++) {
        r->precision[i] = strcmp(name[i], "double") ? IB_SINGLE : IB_DOUBLE;
        if (r->precision[i] == IB_SINGLE && strcmp(name[i], "single") != 0)
            return ib_fail(err, IB_EUSAGE, "bench --precisions: \"%s\" is none of single|double", name[i]);
    }
    return r->n_precision ? IB_OK : err->status;
}

/* Named ones; "all" but the slow reference; "auto", the best. */
static ib_status choose_isas(request *r, const char *otherwise, ib_error *err)
{
    r->n_isa = words(r, "isas", otherwise, r->isa, err);
    if (r->n_isa == 1 && !strcmp(r->isa[0], "all")) {
        r->n_isa = 0;
        for (size_t i = 0; ib_measure_isa(i) && r->n_isa < MAX_LIST; i++)
            if (strcmp(ib_measure_isa(i), "reference") != 0)
                snprintf(r->isa[r->n_isa++], sizeof *r->isa, "%s", ib_measure_isa(i));
    }
    for (size_t i = 0, k = 0; i < r->n_isa; i++, k = 0) {
        if (!strcmp(r->isa[i], "auto"))
            snprintf(r->isa[i], sizeof *r->isa, "%s", ib_measure_isa(0));
        while (ib_measure_isa(k) && strcmp(ib_measure_isa(k), r->isa[i]) != 0)
            k++;
        if (!ib_measure_isa(k))
            return ib_fail(err, IB_EUNSUPPORTED, "bench --isas: this program or machine has no %s", r->isa[i]);
    }
    return r->n_isa ? IB_OK : err->status;
}

/* A part of the benchmark, and the matrix it takes where nothing else is asked for. */
typedef struct part {
    const char *name, *supports, *precisions, *isas, *workloads;
    ib_status (*run)(request *r, ib_error *err);
} part;

static ib_status choose(request *r, const part *p, ib_error *err)
{
    char     all[24];
    ib_place here;

    ib_place_here(&here);
    snprintf(all, sizeof all, here.n_cpu > 1 ? "1,%d" : "1", here.n_cpu);
    if (!(r->n_support = numbers(r, "supports", p->supports, 3, 129, r->support, err)) ||
        !(r->n_threads = numbers(r, "threads", all, 1, 4096, r->n_thread, err)) ||
        !(r->n_size = numbers(r, "sizes", "", 64, 16384, r->size, err)) ||
        !(r->n_workload = words(r, "workloads", p->workloads, r->workload, err)))
        return err->status;
    for (size_t i = 0; i < r->n_workload; i++)
        if (!ib_workload_find(r->workload[i]))
            return ib_fail(err, IB_EUSAGE, "bench --workloads: \"%s\" is none of A|A10|B", r->workload[i]);
    ib_status rc = choose_precisions(r, p->precisions, err);
    if (!rc)
        rc = choose_isas(r, p->isas, err);
    if (!rc && r->n_support * r->n_precision * (r->n_isa + 1) * r->n_threads > MAX_CASES)
        rc = ib_fail(err, IB_EUSAGE, "bench %s: more than %d cases of a workload; make the lists shorter", p->name,
                     MAX_CASES);
    return rc;
}

/* A workload as asked for; the caller ends the observation. */
static ib_status observe(const request *r, const char *name, size_t n_chan, ib_observation **out, ib_error *err)
{
    ib_workload w = *ib_workload_find(name);

    if (r->rows > 0)
        w.n_row = (size_t)r->rows;
    if (n_chan)
        w.n_chan = n_chan;
    return ib_observation_create(out, &w, err);
}

static const char *precision_name(int precision)
{
    return precision == IB_DOUBLE ? "double" : "single";
}

/* ---- gridding -------------------------------------------------------------------------------------------- */

static void report_kernel(request *r, const ib_kernel_case *cases, const ib_kernel_rates *rates, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const ib_kernel_case *c = &cases[i];
        const double          per_core = 1e-6 / c->n_thread, cells = (double)c->support * c->support;
        const double          peak = ib_limits_flops(&r->limits, c->precision, c->n_thread), flops = 4 * cells;

        ib_report_row(r->report, (const ib_cell[]){
                                     ib_cell_count((size_t)c->support),
                                     ib_cell_text(precision_name(c->precision)),
                                     ib_cell_text(c->isa),
                                     ib_cell_count((size_t)c->n_thread),
                                     ib_cell_spread(ib_spread_scale(rates[i].add, per_core)),
                                     ib_cell_real(rates[i].add.median * cells * 1e-9 / c->n_thread),
                                     ib_cell_real(rates[i].add.median * flops * 1e-9 / c->n_thread),
                                     ib_cell_real(100 * rates[i].add.median * flops / peak),
                                     ib_cell_spread(ib_spread_scale(rates[i].leaf, per_core)),
                                     ib_cell_real(100 * rates[i].leaf.median * flops / peak),
                                     ib_cell_spread(rates[i].factor),
                                 });
    }
}

/* Cases of one support and number of threads take turns; more at once would only hold more memory. */
static ib_status bench_kernel(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"support", "S"},
        {"precision", "precision"},
        {"isa", "isa"},
        {"threads", "threads"},
        {"mvis_per_s_core", "Mvis/s/core"},
        {"gcell_per_s_core", "Gcell/s/core"},
        {"gflop_per_s_core", "GFLOP/s/core"},
        {"percent_fma", "% FMA"},
        {"leaf_mvis_per_s_core", "leaf loop, Mvis/s/core"},
        {"leaf_percent_fma", "% FMA"},
        {"times_textbook", "x textbook"},
    };
    char            text[900];
    ib_observation *observation = NULL;
    ib_kernel_case  cases[MAX_CASES];
    ib_kernel_rates rates[MAX_CASES];
    uint64_t        done = 0;

    ib_status rc = IB_OK;
    for (size_t w = 0; w < r->n_workload && !rc; w++) {
        char name[40];
        rc = observe(r, r->workload[w], 8, &observation, err);
        if (rc)
            break;
        snprintf(name, sizeof name, "kernel_%s", r->workload[w]);
        snprintf(
            text, sizeof text,
            "Cube %s: %zu rows x 2 correlations per channel, %zux%zu pixels, padding 1.2, linear lookup of 100 samples per "
            "cell, rows\nsorted once. One visibility = row x channel x correlation; a cell = one tap on one visibility, 4 "
            "FLOP. Mvis/s counts weighing,\nlocating, collecting and convolving; the leaf loop is the convolution alone, on "
            "samples handed to it. Textbook: one visibility\nafter the other in row order, plane by plane, nearest lookup, "
            "neither weights nor flags, compiled for the best instruction set.",
            r->workload[w], ib_observation_rows(observation), ib_workload_find(r->workload[w])->side,
            ib_workload_find(r->workload[w])->side);
        ib_report_section(r->report, "Gridding", text);
        ib_report_table(r->report, name, heading, sizeof heading / sizeof *heading);
        ib_progress_start("gridding", r->n_support * r->n_threads, 0);
        done = 0;
        for (size_t t = 0; t < r->n_threads && !rc; t++)
            for (size_t s = 0; s < r->n_support && !rc; s++) {
                size_t n = 0;
                for (size_t p = 0; p < r->n_precision; p++)
                    for (size_t i = 0; i <= r->n_isa; i++)
                        cases[n++] = (ib_kernel_case){i < r->n_isa ? r->isa[i] : IB_TEXTBOOK, r->precision[p],
                                                      (int)r->support[s], (int)r->n_thread[t]};
                rc = ib_measure_kernel(observation, cases, n, r->n_repeat, rates, err);
                if (!rc)
                    report_kernel(r, cases, rates, n);
                ib_progress_update(++done, NULL);
            }
        ib_progress_end();
        ib_report_table_end(r->report);
        ib_observation_destroy(observation);
    }
    return rc;
}

/* ---- mosaics --------------------------------------------------------------------------------------------- */

/* 10 FLOP per tap: tap times phase, a complex product with the value, two additions (imaging-spec 9.1). */
static void report_mosaic(request *r, const ib_mosaic_case *cases, const ib_mosaic_rates *rates, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const ib_mosaic_case *c = &cases[i];
        const double flops = 10.0 * c->support * c->support, peak = ib_limits_flops(&r->limits, c->precision, 1);

        ib_report_row(r->report, (const ib_cell[]){
                                     ib_cell_count((size_t)c->support),
                                     ib_cell_text(precision_name(c->precision)),
                                     ib_cell_text(c->isa),
                                     ib_cell_count((size_t)c->run),
                                     ib_cell_spread(ib_spread_scale(rates[i].leaf, 1e-6)),
                                     ib_cell_real(100 * rates[i].leaf.median * flops / peak),
                                     ib_cell_spread(rates[i].factor),
                                 });
    }
}

static ib_status bench_mosaic(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"support", "S"},
        {"precision", "precision"},
        {"isa", "isa"},
        {"run", "samples of a pointing"},
        {"leaf_mvis_per_s_core", "leaf loop, Mvis/s/core"},
        {"leaf_percent_fma", "% FMA"},
        {"times_textbook", "x textbook"},
    };
    static const int runs[] = {1, 4, 16};
    ib_mosaic_case   cases[MAX_CASES];
    ib_mosaic_rates  rates[MAX_CASES];
    ib_status        rc = IB_OK;

    ib_report_section(
        r->report, "Gridding of mosaics",
        "The leaf loop alone, one thread: four planes (two correlations and their PSFs), groups of 16 samples, of which so many share a "
        "pointing and a square of the kernel's table, as a track leaves them. % FMA counts "
        "10 S^2 FLOP per\nvisibility. Textbook: one visibility after the other, plane by plane, nearest of a table over both "
        "axes, times the factor\nof its cell and pointing.");
    ib_report_table(r->report, "mosaic", heading, sizeof heading / sizeof *heading);
    for (size_t s = 0; s < r->n_support && !rc; s++) {
        size_t n = 0;
        for (size_t p = 0; p < r->n_precision; p++) {
            for (size_t i = 0; i < r->n_isa; i++)
                for (size_t k = 0; k < sizeof runs / sizeof *runs && n + 2 < MAX_CASES; k++)
                    cases[n++] = (ib_mosaic_case){r->isa[i], r->precision[p], (int)r->support[s], runs[k]};
            cases[n++] = (ib_mosaic_case){IB_TEXTBOOK, r->precision[p], (int)r->support[s], 1};
        }
        rc = ib_measure_mosaic(cases, n, r->n_repeat, rates, err);
        if (!rc)
            report_mosaic(r, cases, rates, n);
    }
    ib_report_table_end(r->report);
    return rc;
}

/* ---- transform ------------------------------------------------------------------------------------------- */

static void report_fft(request *r, const ib_fft_case *cases, const ib_fft_times *times, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const ib_fft_case  *c = &cases[i];
        const ib_fft_times *x = &times[i];
        const int           planes = c->shared ? 1 : c->n_thread; /* in the time of one */
        const ib_bound b = ib_bound_of(&x->need, x->full.median / planes, &r->limits, c->precision, c->n_thread, 1);

        ib_report_row(r->report, (const ib_cell[]){
                                     ib_cell_count(c->side),
                                     ib_cell_count(x->grid),
                                     ib_cell_text(precision_name(c->precision)),
                                     ib_cell_count((size_t)c->n_thread),
                                     ib_cell_count((size_t)planes),
                                     ib_cell_spread(ib_spread_scale(x->full, 1e3)),
                                     ib_cell_spread(ib_spread_scale(x->covered, 1e3)),
                                     ib_cell_real(x->need.flops * planes / c->n_thread / x->full.median * 1e-9),
                                     ib_cell_real(100 * b.arithmetic),
                                     ib_cell_real(100 * b.traffic),
                                     ib_cell_text(b.nearest),
                                 });
    }
}

static ib_status bench_fft(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"side", "pixels"},
        {"grid", "grid"},
        {"precision", "precision"},
        {"threads", "threads"},
        {"planes", "planes at once"},
        {"ms_full", "all columns, ms"},
        {"ms_covered", "60 % of both axes, ms"},
        {"gflop_per_s_core", "GFLOP/s/core"},
        {"percent_fma", "% FMA"},
        {"percent_traffic", "% traffic"},
        {"nearest", "nearer bound"},
    };
    ib_observation *observation = NULL;
    uint64_t        done = 0;

    ib_status rc = ib_observation_create(
        &observation, &(ib_workload){"fft", "vla-b", 6400, 27, 351, 1, 1, 1000, 1.4e9, 62.5e3, 2.3, 8}, err);
    if (rc)
        return rc;
    ib_report_section(
        r->report, "Transform",
        "From a grid to a corrected and cropped plane, per plane: Hermitian half plane to reals, padding 1.2. FLOP: "
        "5 n log2 n for each column of\nthe half plane, half of that for each row of the image. 60 % of both axes is "
        "what cube A touches; shares are of all columns.\nTraffic: those columns read and cleared, their rows of the "
        "image written and read, the image written, against the bandwidth of the\nlevel of memory that holds a plane. "
        "Threads take a plane each, large ones also together.");
    ib_report_table(r->report, "fft", heading, sizeof heading / sizeof *heading);
    ib_progress_start("transforms", r->n_size * r->n_precision, 0);
    for (size_t p = 0; p < r->n_precision && !rc; p++)
        for (size_t s = 0; s < r->n_size && !rc; s++) {
            const bool   large = r->size[s] > 3000;
            ib_fft_case  cases[2 * MAX_LIST];
            ib_fft_times times[2 * MAX_LIST];
            size_t       n = 0;
            if (r->quick && r->size[s] > 2048)
                continue;
            for (size_t t = 0; t < r->n_threads; t++)
                for (int shared = 0; shared <= (large && r->n_thread[t] > 1); shared++)
                    cases[n++] = (ib_fft_case){(size_t)r->size[s], r->precision[p], (int)r->n_thread[t], shared};
            rc = ib_measure_fft(observation, cases, n, large && r->n_repeat > 3 ? 3 : r->n_repeat, times, err);
            if (!rc)
                report_fft(r, cases, times, n);
            ib_progress_update(++done, NULL);
        }
    ib_progress_end();
    ib_report_table_end(r->report);
    ib_observation_destroy(observation);
    return rc;
}

/* ---- everything ------------------------------------------------------------------------------------------ */

/* One line per phase that took a hundredth of the time. */
static void report_phases(request *r, const char *workload, const ib_pipeline_case *c, const ib_pipeline_times *x)
{
    for (int p = 0; p < IB_N_PHASES; p++) {
        if (p == IB_PHASE_READ || x->phase[p] < 0.01 * x->seconds.median)
            continue;
        const ib_bound b = ib_bound_of(&x->need[p], x->phase[p], &r->limits, c->precision, c->n_thread, 1);

        ib_report_row(r->report, (const ib_cell[]){
                                     ib_cell_text(workload),
                                     ib_cell_count((size_t)c->support),
                                     ib_cell_text(precision_name(c->precision)),
                                     ib_cell_count((size_t)c->n_thread),
                                     ib_cell_text(ib_phase_name((ib_phase)p)),
                                     ib_cell_real(x->phase[p]),
                                     ib_cell_real(100 * x->phase[p] / x->seconds.median),
                                     ib_cell_real(100 * b.arithmetic),
                                     ib_cell_real(100 * b.traffic),
                                     ib_cell_text(b.nearest),
                                     ib_cell_real(1 / b.share),
                                 });
    }
}

/* The rate of a time: its best is the shortest. */
static ib_spread rate_of(ib_spread seconds, double work)
{
    return (ib_spread){work / seconds.max, work / seconds.median, work / seconds.min};
}

static void report_pipeline(request *r, const char *workload, const ib_pipeline_case *c, const ib_pipeline_times *x)
{
    ib_report_row(r->report, (const ib_cell[]){
                                 ib_cell_text(workload),
                                 ib_cell_count((size_t)c->support),
                                 ib_cell_text(precision_name(c->precision)),
                                 ib_cell_text(c->isa),
                                 ib_cell_count((size_t)c->n_thread),
                                 ib_cell_count(x->n_plane),
                                 ib_cell_real((double)x->n_sample * 1e-6),
                                 ib_cell_spread(x->seconds),
                                 ib_cell_spread(rate_of(x->seconds, (double)x->n_sample * 1e-6 / c->n_thread)),
                                 ib_cell_spread(ib_spread_scale(x->efficiency, 100)),
                             });
}

typedef struct measured {
    const char       *workload;
    size_t            n;
    ib_pipeline_case  cases[MAX_CASES];
    ib_pipeline_times times[MAX_CASES];
} measured;

static ib_status measure_workload(request *r, const char *workload, measured *m, ib_error *err)
{
    const double    n_chan = (double)ib_workload_find(workload)->n_chan * r->scale;
    ib_observation *observation = NULL;

    ib_status rc = observe(r, workload, n_chan < 4 ? 4 : (size_t)n_chan, &observation, err);
    if (rc)
        return rc;
    m->workload = workload;
    m->n = 0;
    for (size_t s = 0; s < r->n_support; s++)
        for (size_t p = 0; p < r->n_precision; p++)
            for (size_t i = 0; i < r->n_isa; i++)
                for (size_t t = 0; t < r->n_threads && m->n < MAX_CASES; t++)
                    m->cases[m->n++] = (ib_pipeline_case){.isa = r->isa[i],
                                                          .precision = r->precision[p],
                                                          .support = (int)r->support[s],
                                                          .n_thread = (int)r->n_thread[t],
                                                          .padding = 1.2};
    rc = ib_measure_pipeline(observation, m->cases, m->n, r->n_repeat, m->times, err);
    ib_observation_destroy(observation);
    return rc;
}

static ib_status bench_pipeline(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"workload", "cube"},
        {"support", "S"},
        {"precision", "precision"},
        {"isa", "isa"},
        {"threads", "threads"},
        {"planes", "planes"},
        {"mvis", "Mvis"},
        {"seconds", "s"},
        {"mvis_per_s_core", "Mvis/s/core"},
        {"percent_efficiency", "efficiency, %"},
    };
    static const ib_heading phases[] = {
        {"workload", "cube"},
        {"support", "S"},
        {"precision", "precision"},
        {"threads", "threads"},
        {"phase", "phase"},
        {"seconds", "s"},
        {"percent", "%"},
        {"percent_fma", "% FMA"},
        {"percent_traffic", "% traffic"},
        {"nearest", "nearer bound"},
        {"times_bound", "x its time"},
    };
    ib_status rc = IB_OK;
    measured *all = NULL;

    all = ib_alloc(r->n_workload, sizeof *all, "times", err);
    if (!all)
        return err->status;
    ib_progress_start("cubes", r->n_workload, 0);
    for (size_t w = 0; w < r->n_workload && !rc; w++) {
        rc = measure_workload(r, r->workload[w], &all[w], err);
        ib_progress_update(w + 1, NULL);
    }
    ib_progress_end();
    if (rc)
        goto done;

    ib_report_section(
        r->report, "Whole cubes in memory",
        "From visibilities in memory to dirty planes that nobody keeps: sorting, gridding, transform, correction, "
        "statistics, mipmaps; plans\nmade and files left out. Padding 1.2. Efficiency: the time of one thread over "
        "threads x their time, in the same repetition.");
    ib_report_table(r->report, "pipeline", heading, sizeof heading / sizeof *heading);
    for (size_t w = 0; w < r->n_workload; w++)
        for (size_t i = 0; i < all[w].n; i++)
            report_pipeline(r, all[w].workload, &all[w].cases[i], &all[w].times[i]);
    ib_report_table_end(r->report);

    ib_report_section(
        r->report, "Where the time goes, and what bounds it",
        "Phases of the repetition nearest to the median. What a phase computes and must at least move, over the "
        "machine's limits: the larger\nshare is the nearer bound, and the phase takes that many times the time which "
        "the bound allows.");
    ib_report_table(r->report, "phases", phases, sizeof phases / sizeof *phases);
    for (size_t w = 0; w < r->n_workload; w++)
        for (size_t i = 0; i < all[w].n; i++)
            report_phases(r, all[w].workload, &all[w].cases[i], &all[w].times[i]);
    ib_report_table_end(r->report);
done:
    ib_free(all);
    return rc;
}

/* ---- shapes ------------------------------------------------------------------------------------------------ */

typedef struct form_of_cube {
    ib_workload workload;
    bool        mfs;
} form_of_cube;

/* Small and large ones along every axis; about as many operations each. */
/* clang-format off */
static const form_of_cube forms[] = {
    /* name                        array      radius antennas rows channels corr side freq   width  dec  hours */
    {{"tiny planes, few rows",    "vla-b",    6400,  27,     351, 4096, 2,  128, 1.4e9,   1e3, 2.3, 8}, false},
    {{"small planes, few rows",   "vla-b",    6400,  27,    3510, 1024, 1,  256, 1.4e9,  10e3, 2.3, 8}, false},
    {{"small planes, many rows",  "vla-b",    6400,  27,  500000,    8, 1,  256, 1.4e9,  10e3, 2.3, 8}, false},
    {{"one correlation",          "vla-b",    6400,  27,   50000,   64, 1, 1000, 1.4e9,  10e3, 2.3, 8}, false},
    {{"four correlations",        "vla-b",    6400,  27,   50000,   16, 4, 1000, 1.4e9,  10e3, 2.3, 8}, false},
    {{"one large plane",          "vla-b",    6400,  27,  200000,    1, 1, 4096, 1.4e9,  10e3, 2.3, 8}, false},
    {{"one huge plane",           "vla-b",    6400,  27,  200000,    1, 1, 8192, 1.4e9,  10e3, 2.3, 8}, false},
    {{"continuum",                "vla-b",    6400,  27,   50000,   64, 2, 1000, 1.4e9,  10e3, 2.3, 8}, true},
    {{"continuum, small",         "vla-b",    6400,  27,  200000,   32, 1,  256, 1.4e9,  10e3, 2.3, 8}, true},
    {{"continuum, large",         "vla-b",    6400,  27,  100000,   32, 1, 4096, 1.4e9,  10e3, 2.3, 8}, true},
};
/* clang-format on */

/* A shape on one thread and on the numbers asked for. */
static ib_status measure_shape(request *r, const form_of_cube *form, ib_error *err)
{
    ib_observation   *observation = NULL;
    ib_pipeline_case  cases[MAX_LIST];
    ib_pipeline_times times[MAX_LIST];
    ib_workload       w = form->workload;
    const double      n_chan = (double)w.n_chan * r->scale;

    w.n_chan = w.n_chan < 4 ? w.n_chan : n_chan < 4 ? 4 : (size_t)n_chan;
    ib_status rc = ib_observation_create(&observation, &w, err);
    if (rc)
        return rc;
    for (size_t t = 0; t < r->n_threads; t++)
        cases[t] = (ib_pipeline_case){.isa = r->isa[0],
                                      .precision = r->precision[0],
                                      .support = (int)r->support[0],
                                      .n_thread = (int)r->n_thread[t],
                                      .padding = 1.2,
                                      .mfs = form->mfs};
    rc = ib_measure_pipeline(observation, cases, r->n_threads, r->n_repeat, times, err);
    for (size_t t = 0; t < r->n_threads && !rc; t++) {
        const ib_pipeline_times *x = &times[t];
        const double pixels = (double)(form->mfs ? w.n_corr : x->n_plane) * (double)w.side * (double)w.side;
        ib_report_row(r->report,
                      (const ib_cell[]){
                          ib_cell_text(w.name),
                          ib_cell_count(w.side),
                          ib_cell_count(ib_observation_rows(observation)),
                          ib_cell_count(w.n_chan),
                          ib_cell_count(w.n_corr),
                          ib_cell_count((size_t)cases[t].n_thread),
                          ib_cell_spread(x->seconds),
                          ib_cell_real(1e9 * x->seconds.median * cases[t].n_thread / (double)x->n_sample),
                          ib_cell_real(1e9 * x->seconds.median * cases[t].n_thread / pixels),
                          ib_cell_real(1e9 * x->seconds.median * cases[t].n_thread / ((double)x->n_sample + pixels)),
                          ib_cell_spread(ib_spread_scale(x->efficiency, 100)),
                      });
    }
    ib_observation_destroy(observation);
    return rc;
}

static ib_status bench_shapes(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"shape", "shape"},
        {"side", "pixels"},
        {"rows", "rows"},
        {"channels", "channels"},
        {"correlations", "corr."},
        {"threads", "threads"},
        {"seconds", "s"},
        {"ns_per_sample", "ns/visibility"},
        {"ns_per_pixel", "ns/pixel"},
        {"ns_per_both", "ns/(visibility + pixel)"},
        {"percent_efficiency", "efficiency, %"},
    };
    const size_t n = sizeof forms / sizeof *forms;
    ib_status    rc = IB_OK;

    ib_report_section(
        r->report, "Small and large shapes",
        "As the cubes above, along every axis: size of planes, rows, channels, correlations, one image of all channels. Core "
        "time per\nvisibility and per pixel of all planes; per both together it should differ little from shape to shape: a cliff "
        "would stand out.");
    ib_report_table(r->report, "shapes", heading, sizeof heading / sizeof *heading);
    ib_progress_start("shapes", n, 0);
    for (size_t i = 0; i < n && !rc; i++) {
        if (!r->quick || forms[i].workload.side <= 1000)
            rc = measure_shape(r, &forms[i], err);
        ib_progress_update(i + 1, NULL);
    }
    ib_progress_end();
    ib_report_table_end(r->report);
    return rc;
}

/* ---- overhead -------------------------------------------------------------------------------------------- */

static ib_status bench_chunks(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"ranks", "ranks"},
        {"schedule", "schedule"},
        {"chunks", "chunks"},
        {"seconds_few", "as many as ranks, s"},
        {"seconds_many", "one per channel, s"},
        {"ms_per_chunk_more", "dealing, ms/chunk"},
        {"ms_per_chunk", "everything, ms/chunk"},
    };
    static const struct {
        int  n_rank;
        bool dynamic;
    } way[] = {{1, false}, {2, false}, {2, true}};
    enum { N_WAYS = sizeof way / sizeof *way };
    const double   scaled = 3840 * r->scale;
    const size_t   n_chan = scaled < 100 ? 100 : (size_t)scaled;
    ib_chunk_times times[N_WAYS];
    ib_status      rc = IB_OK;

    ib_progress_start("launches", N_WAYS, 0);
    for (size_t i = 0; i < N_WAYS && !rc; i++) {
        times[i].n_chunk = 0;
        rc = ib_measure_chunks(&times[i], way[i].n_rank, way[i].dynamic, n_chan, r->n_repeat, err);
        ib_progress_update(i + 1, NULL);
        if (rc == IB_EUNSUPPORTED && way[i].n_rank > 1) { /* no mpirun, or one that refuses */
            ib_warn("bench overhead: %s; no row of 2 ranks", err->text);
            times[i].n_chunk = 0;
            rc = IB_OK;
        }
    }
    ib_progress_end();
    if (rc)
        return rc;
    ib_report_section(
        r->report, "What a chunk costs",
        "Launches of the whole program on one thread per rank: images of 32 x 32 pixels and 3 rows per channel, in as many "
        "chunks as ranks,\nand in one per channel. Dealing (or taking): what the second took more than the first, per chunk. "
        "Everything: all of the second, per chunk: open,\nplan, simulate, grid, transform, write, sync; an upper bound of "
        "whatever a chunk may cost beside its samples and pixels.");
    ib_report_table(r->report, "chunks", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < N_WAYS; i++)
        if (times[i].n_chunk)
            ib_report_row(r->report, (const ib_cell[]){
                                         ib_cell_count((size_t)way[i].n_rank),
                                         ib_cell_text(way[i].dynamic ? "dynamic" : "static"),
                                         ib_cell_count(times[i].n_chunk),
                                         ib_cell_spread(times[i].few),
                                         ib_cell_spread(times[i].many),
                                         ib_cell_spread(ib_spread_scale(times[i].more, 1e3)),
                                         ib_cell_spread(ib_spread_scale(times[i].each, 1e3)),
                                     });
    ib_report_table_end(r->report);
    return IB_OK;
}

enum { SPANS_OF_A_PLANE = 8 }; /* booked at most: weigh, grid, sum of its channel; transform, beam, check, write */

static void report_keeping(request *r, const ib_pipeline_case *c, const ib_pipeline_times *x, const ib_keeping *k)
{
    const double percent = 100 / x->seconds.median, planes = (double)x->n_plane / c->n_thread;
    const double check = percent * x->phase[IB_PHASE_CHECK], checksum = percent * planes * k->checksum.median;
    const double timers = percent * planes * SPANS_OF_A_PLANE * k->timer.median;

    ib_report_row(r->report, (const ib_cell[]){
                                 ib_cell_text(c->mfs ? "mfs" : "cube"),
                                 ib_cell_count((size_t)c->n_thread),
                                 ib_cell_spread(x->seconds),
                                 ib_cell_real(check),
                                 ib_cell_real(checksum),
                                 ib_cell_real(timers),
                                 ib_cell_real(percent * k->record.median),
                                 ib_cell_real(check + checksum + timers + percent * k->record.median),
                                 ib_cell_spread(ib_spread_scale(x->check_cost, 100)),
                             });
}

/* A workload as a cube and as one image, checked and not, on all numbers of threads; room for 4 each. */
static size_t keeping_cases(const request *r, ib_pipeline_case *cases)
{
    size_t n = 0;

    for (int mfs = 0; mfs < 2; mfs++)
        for (size_t t = 0; t < r->n_threads; t++)
            for (int check = 0; check < 2; check++)
                cases[n++] = (ib_pipeline_case){.isa = r->isa[0],
                                                .precision = r->precision[0],
                                                .support = (int)r->support[0],
                                                .n_thread = (int)r->n_thread[t],
                                                .padding = 1.2,
                                                .mfs = mfs,
                                                .check = check};
    return n;
}

static ib_status bench_keeping(request *r, const ib_workload *load, ib_error *err)
{
    static const ib_heading heading[] = {
        {"mode", "mode"},
        {"threads", "threads"},
        {"seconds", "s"},
        {"percent_check", "check, %"},
        {"percent_checksums", "checksums, %"},
        {"percent_timers", "timers, %"},
        {"percent_record", "record, %"},
        {"percent", "together, %"},
        {"percent_more_checked", "checked against not, %"},
    };
    ib_pipeline_case  cases[4 * MAX_LIST];
    ib_pipeline_times times[4 * MAX_LIST];
    const double      n_chan = (double)load->n_chan * r->scale;
    const size_t      n = keeping_cases(r, cases);
    ib_observation   *observation = NULL;
    ib_keeping        k;
    char              text[1000], name[40];

    ib_status rc = ib_measure_keeping(&k, load->side, r->n_repeat, err);
    if (!rc)
        rc = observe(r, load->name, n_chan < 4 ? 4 : (size_t)n_chan, &observation, err);
    if (!rc)
        rc = ib_measure_pipeline(observation, cases, n, r->n_repeat, times, err);
    ib_observation_destroy(observation);
    if (rc)
        return rc;
    snprintf(
        text, sizeof text,
        "Workload %s in memory, as `imgbench bench pipeline` takes it: a launch also reads and writes, and its shares are "
        "smaller. Check: pixels of\nsome planes against the direct Fourier sum, as that phase is booked; beside it, in "
        "turns, the time with checks over the time without.\nChecksums: of every plane, %.3g (%.3g..%.3g) ms each. "
        "Timers: at most %d spans per plane, %.3g (%.3g..%.3g) ns each.\nRecord: one per launch, however long it is, "
        "synced, %.3g (%.3g..%.3g) ms.",
        load->name, 1e3 * k.checksum.median, 1e3 * k.checksum.min, 1e3 * k.checksum.max, SPANS_OF_A_PLANE,
        1e9 * k.timer.median, 1e9 * k.timer.min, 1e9 * k.timer.max, 1e3 * k.record.median, 1e3 * k.record.min,
        1e3 * k.record.max);
    snprintf(name, sizeof name, "keeping_%s", load->name);
    ib_report_section(r->report, "What measuring and checking cost", text);
    ib_report_table(r->report, name, heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < n; i++)
        if (cases[i].check)
            report_keeping(r, &cases[i], &times[i], &k);
    ib_report_table_end(r->report);
    return IB_OK;
}

static ib_status bench_overhead(request *r, ib_error *err)
{
    ib_status rc = bench_chunks(r, err);

    for (size_t w = 0; w < r->n_workload && !rc; w++)
        rc = bench_keeping(r, ib_workload_find(r->workload[w]), err);
    return rc;
}

/* ---- storage --------------------------------------------------------------------------------------------- */

static void report_storage(request *r, const ib_storage_input *input, const ib_storage_case *c,
                           const ib_storage_times *x)
{
    const bool waits = x->data + x->room > x->computing;

    ib_report_row(r->report, (const ib_cell[]){
                                 ib_cell_text(input->name),
                                 ib_cell_count(input->side),
                                 ib_cell_count((size_t)c->support),
                                 ib_cell_count((size_t)c->n_thread),
                                 ib_cell_text(c->cold ? "disk" : "memory"),
                                 ib_cell_real(1e-6 * x->read),
                                 ib_cell_real(1e-6 * x->written),
                                 ib_cell_spread(x->seconds),
                                 ib_cell_spread(ib_spread_scale(x->disk_read, 1e-9)),
                                 ib_cell_spread(ib_spread_scale(x->disk_write, 1e-9)),
                                 ib_cell_spread(ib_spread_scale(x->share, 100)),
                                 ib_cell_real(100 * x->computing),
                                 ib_cell_real(100 * x->data),
                                 ib_cell_real(100 * x->room),
                                 ib_cell_text(waits ? "storage" : "computing"),
                             });
}

static ib_status bench_storage(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"input", "input"},
        {"side", "pixels"},
        {"support", "S"},
        {"threads", "threads"},
        {"from", "input from"},
        {"megabytes_read", "read, MB"},
        {"megabytes_written", "written, MB"},
        {"seconds", "s"},
        {"disk_read", "disk reads, GB/s"},
        {"disk_write", "disk writes, GB/s"},
        {"percent_storage", "% of storage"},
        {"percent_computing", "computing, %"},
        {"percent_data", "waiting for data, %"},
        {"percent_room", "waiting for room, %"},
        {"bound", "bound"},
    };
    static const ib_storage_input inputs[] = {
        {"large planes", 142, 64, 1000}, {"small planes", 36, 256, 512}, {"CHILES", 2072, 24, 1000}};
    ib_storage_case  cases[2 * MAX_LIST];
    ib_storage_times times[2 * MAX_LIST];
    size_t           n = 0;
    ib_status        rc = IB_OK;

    for (size_t s = 0; s < r->n_support; s++)
        for (int cold = 1; cold >= 0; cold--)
            cases[n++] = (ib_storage_case){(int)r->support[s], (int)r->n_thread[r->n_threads - 1], cold};
    ib_report_section(
        r->report, "At the speed of storage",
        "Whole launches that read HDF5 visibilities, from the disk or from memory, and write cubes with their PSFs, synced; "
        "w = 0. Large\nplanes: 49842 rows of 64 channels; small ones: 12636 of 256; CHILES: 727272 rows, as in the "
        "published run, of 24 of its channels.\n% of storage: the time that the disk takes for as many bytes (those read "
        "only where they are not in memory) over that of the\nlaunch. The disk is measured in the same repetition, with a new file of "
        "as many bytes as are written, through the page cache\nand past it: the faster one counts. Computing: phases in which "
        "threads work; waiting, for samples and for room to write, is the\nshare of the time in which they do not.");
    ib_report_table(r->report, "storage", heading, sizeof heading / sizeof *heading);
    ib_progress_start("launches", sizeof inputs / sizeof *inputs, 0);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs && !rc; i++) {
        ib_storage_input input = inputs[i];
        const double     n_chan = (double)input.n_chan * r->scale;
        input.n_chan = n_chan < 4 ? 4 : (size_t)n_chan;
        rc = ib_measure_storage(&input, given(r, "folder"), cases, n, r->n_repeat, times, err);
        for (size_t k = 0; k < n && !rc; k++)
            report_storage(r, &input, &cases[k], &times[k]);
        ib_progress_update(i + 1, NULL);
    }
    ib_progress_end();
    ib_report_table_end(r->report);
    return rc;
}

/* ---- choice ---------------------------------------------------------------------------------------------- */

/* Few samples and many on small and large images; 2 channels are enough for their time. */
static const ib_workload shapes[] = {
    {"small", "alma-ext", 250, 43, 100000, 2, 2, 256, 220e9, 488e3, -35.8, 6},
    {"medium", "vla-b", 6400, 27, 50000, 2, 2, 1000, 1.4e9, 62.5e3, 2.3, 8},
    {"dense", "vla-b", 6400, 27, 300000, 2, 1, 600, 1.4e9, 62.5e3, 2.3, 8},
    {"sparse", "vla-b", 6400, 27, 3510, 2, 1, 2048, 1.4e9, 62.5e3, 2.3, 1},
};

enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void report_choice(request *r, const ib_workload *shape, size_t n_row, int precision, double epsilon,
                          const ib_scan *s)
{
    char used[2][48];

    const ib_candidate *of[2] = {&s->choice, &s->best};
    for (int k = 0; k < 2; k++)
        snprintf(used[k], sizeof used[k], "%d, %.2f", of[k]->support, of[k]->padding);
    ib_report_row(r->report, (const ib_cell[]){
                                 ib_cell_count(shape->side),
                                 ib_cell_count(n_row),
                                 ib_cell_count(shape->n_corr),
                                 ib_cell_text(precision_name(precision)),
                                 ib_cell_text(ib_text_exact(epsilon).s),
                                 ib_cell_text(used[0]),
                                 ib_cell_real(1e3 * s->choice.predicted_s[0]),
                                 ib_cell_real(1e3 * s->choice.predicted_s[1]),
                                 ib_cell_spread(ib_spread_scale(s->choice.measured_s[0], 1e3)),
                                 ib_cell_spread(ib_spread_scale(s->choice.measured_s[1], 1e3)),
                                 ib_cell_count(s->n_candidate),
                                 ib_cell_text(used[1]),
                                 ib_cell_real(s->ratio),
                                 ib_cell_real(s->measured / epsilon),
                             });
}

static void report_costs(request *r, ib_cost_fit *fit)
{
    char text[300];
    int  n;

    ib_cost_fit_solve(fit);
    for (int precision = 0; precision < 2; precision++) {
        if (!fit->n[precision])
            continue;
        n = snprintf(text, sizeof text, "%s precision, %zu candidates, ns:", precision_name(precision),
                     fit->n[precision]);
        for (int half = 0; half < 2; half++)
            for (int i = 0; i < 5; i++)
                n += snprintf(text + n, sizeof text - (size_t)n, "%s %.3g",
                              i      ? ","
                              : half ? ";"
                                     : "",
                              fit->part[precision][half].ns[i]);
        ib_report_fact(r->report, precision ? "costs_double" : "costs_single", "Costs fitted", text);
    }
}

static ib_status bench_choice(request *r, ib_error *err)
{
    static const ib_heading heading[] = {
        {"side", "pixels"},
        {"rows", "rows"},
        {"planes", "planes"},
        {"precision", "precision"},
        {"epsilon", "epsilon"},
        {"choice", "chosen S, padding"},
        {"ms_grid_predicted", "gridding predicted, ms"},
        {"ms_fft_predicted", "transform predicted, ms"},
        {"ms_grid", "gridding, ms"},
        {"ms_fft", "transform, ms"},
        {"candidates", "candidates"},
        {"best", "fastest S, padding"},
        {"times_best", "x its least time"},
        {"error_per_epsilon", "error / epsilon"},
    };
    char            word[MAX_LIST][24];
    double          epsilon[MAX_LIST];
    ib_observation *observation = NULL;
    ib_cost_fit     fit = {0};
    ib_status       rc = IB_OK;
    const size_t    n = words(r, "epsilons", "", word, err);

    for (size_t e = 0; e < n; e++)
        if (ib_text_to_real(word[e], &epsilon[e], err))
            return ib_within(err, "bench --epsilons: ");
    if (!n)
        return err->status;
    ib_report_section(
        r->report, "What --epsilon chooses",
        "The support and padding that are chosen for an accuracy, beside all that reach it: every grid of FFT-friendly size up to "
        "2.5 times\nthe image, with the least support that does and two more. The fastest of them and the choice are then timed in "
        "turns. Times\nof an image channel on one thread. Error: rms of up to 64 pixels of a plane against the direct Fourier sum.");
    ib_report_table(r->report, "choice", heading, sizeof heading / sizeof *heading);
    ib_progress_start("choices", N_SHAPES * r->n_precision * n, 0);
    uint64_t done = 0;
    for (size_t k = 0; k < N_SHAPES && !rc; k++) {
        rc = ib_observation_create(&observation, &shapes[k], err);
        for (size_t p = 0; p < r->n_precision && !rc; p++)
            for (size_t e = 0; e < n && !rc; e++) {
                ib_scan scan;
                ib_progress_update(done++, NULL);
                if (r->quick && e && e + 1 < n)
                    continue;
                rc = ib_measure_choice(observation, epsilon[e], r->precision[p], r->isa[0], r->quick ? 10 : 1,
                                       r->n_repeat, &fit, &scan, err);
                if (!rc)
                    report_choice(r, &shapes[k], ib_observation_rows(observation), r->precision[p], epsilon[e],
                                  &scan);
            }
        ib_observation_destroy(observation);
        observation = NULL;
    }
    ib_progress_end();
    ib_report_table_end(r->report);
    if (!rc)
        report_costs(r, &fit);
    return rc;
}

static const char preamble[] =
    "Written by `make bench`, which is `imgbench calibrate --quick` and `imgbench bench all --format md`; every table is one "
    "of\n`imgbench bench kernel|mosaic|fft|pipeline|shapes|choice|overhead|storage`, and `imgbench help bench` lists the matrices that they take. The work is the same "
    "on\nevery machine and in every run: made-up observations from a fixed seed.\n\n"
    "How to read: a time or rate is the median of its repetitions with the least and the most behind it, never a single one.\n"
    "The cases of a table take turns within each repetition, so that a disturbance meets all of them: **ratios are what\n"
    "counts**. The machine below was shared with other work; its absolute figures are too low by an unknown factor, which the\n"
    "spreads give an idea of. Two runs that differ by less than 15 % say nothing. scripts/compare sets other programs beside\n"
    "these figures.";

/* ---- subcommand ------------------------------------------------------------------------------------------ */

static void report_machine(request *r, const char *origin)
{
    ib_machine      m;
    const ib_build *b = ib_build_facts();
    char            text[300];

    ib_machine_facts(&m);
    snprintf(text, sizeof text, "%s, %d cores, %.0f GiB", *m.cpu ? m.cpu : "unknown processor",
             m.cores ? m.cores : m.cpus, (double)m.mem_bytes / 1073741824.0);
    ib_report_fact(r->report, "machine", "Machine", text);
    snprintf(text, sizeof text, "imgbench %s, %s, %s%s", b->version, b->compiler, b->type,
             *b->sanitizers ? ", with sanitizers: its rates mean nothing" : "");
    ib_report_fact(r->report, "build", "Build", text);
    ib_report_fact(r->report, "limits_from", "Limits", origin);
}

/* What does not depend on the part. */
static ib_status parse(request *r, ib_error *err)
{
    int64_t n;

    r->quick = *given(r, "quick");
    if (!ib_numbers(given(r, "repetitions"), 1, IB_MAX_REPEAT, &n, 1, err))
        return ib_within(err, "bench --repetitions: ");
    r->n_repeat = r->quick && n > 3 ? 3 : (size_t)n;
    if (!ib_numbers(given(r, "rows"), 0, 100000000, &r->rows, 1, err))
        return ib_within(err, "bench --rows: ");
    if (ib_text_to_real(given(r, "scale"), &r->scale, err))
        return ib_within(err, "bench --scale: ");
    if (!(r->scale > 0 && r->scale <= 1000))
        return ib_fail(err, IB_EUSAGE, "bench --scale: %g is outside 0..1000", r->scale);
    r->scale *= r->quick ? 0.25 : 1;
    return IB_OK;
}

ib_status ib_bench(int argc, char *const *argv, FILE *out, ib_error *err)
{
    static const part parts[] = {
        {"kernel", "7,17,31,51", "single,double", "all", "A", bench_kernel},
        {"mosaic", "15,51", "single,double", "all", "A", bench_mosaic},
        {"fft", "7", "single,double", "auto", "A", bench_fft},
        {"pipeline", "7", "single", "auto", "A,A10,B", bench_pipeline},
        {"shapes", "7", "single", "auto", "A", bench_shapes},
        {"choice", "7", "single", "auto", "A", bench_choice},
        {"overhead", "7", "single", "auto", "A", bench_overhead},
        {"storage", "7,11", "single", "auto", "A", bench_storage},
    };
    enum { N_PARTS = sizeof parts / sizeof *parts };
    const char *value[IB_MAX_ARGUMENTS], *name;
    char        origin[80];
    ib_form     form;
    request     r = {.value = value};
    bool        known = false;

    ib_status rc = ib_arguments_parse("bench", ib_bench_options, argc, argv, value, &name, err);
    if (!rc)
        rc = ib_form_parse(given(&r, "format"), &form, err);
    if (!rc)
        rc = parse(&r, err);
    const bool all = name && !strcmp(name, "all");
    for (size_t i = 0; i < N_PARTS && !rc && name; i++)
        if (all || !strcmp(name, parts[i].name)) {
            known = true;
            rc = choose(&r, &parts[i], err);
        }
    if (!rc && !known)
        rc = ib_fail(err, IB_EUSAGE,
                     "bench takes kernel, mosaic, fft, pipeline, shapes, choice, overhead, storage or all, not %s",
                     name ? name : "nothing");
    if (!rc)
        rc = ib_limits_find(given(&r, "record"), &r.limits, origin, err);
    if (!rc)
        rc = ib_report_begin(&r.report, out, form, err);
    if (rc)
        return rc;

    if (all)
        ib_report_title(r.report, "Benchmarks", preamble);
    report_machine(&r, origin);
    if (all) {
        ib_report_section(r.report, "Limits of the machine",
                          "Median (least..most) of repetitions; shares are of the most.");
        ib_limits_report(r.report, &r.limits);
    }
    for (size_t i = 0; i < N_PARTS && !rc; i++)
        if ((all || !strcmp(name, parts[i].name)) && !(rc = choose(&r, &parts[i], err)))
            rc = parts[i].run(&r, err);
    ib_error        late;
    const ib_status whole = ib_report_end(r.report, rc ? &late : err);
    return rc ? rc : whole;
}
