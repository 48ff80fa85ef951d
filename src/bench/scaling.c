/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/scaling.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/spread.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/fit.h"
#include "bench/gnuplot.h"
#include "bench/launched.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* clang-format off */
const ib_help_option ib_scaling_options[] = {
    {"record", "FOLDER", "results", "where the records are"},
    {"over",   "NAME",   "auto",    "what grows: ranks, threads, or another setting of the sweep that is a number (chunks, support); auto: the first of them that was varied"},
    {"fit",    "LAW",    "auto",    "ideal, amdahl, usl, log or linear; auto: the one that predicts left-out times best"},
    {"plot",   "FILE",   "",        "draw times and efficiencies into an .svg or .png file"},
    {"seed",   "N",      "1",       "of the resampling that gives intervals"},
    {"format", "NAME",   "table",   "table, json or md"},
    {NULL, NULL, NULL, NULL}};

static const ib_published published[] = {
    {"chiles", "CASA 6.2, tclean",            128,  5 * 3600.0, 2072.0 * 351 * 30720 * 2, 0, 0},
    {"chiles", "CNGI prototype, 3840 chunks", 128, 45 *   60.0, 2072.0 * 351 * 30720 * 2, 0.65, 16},
    {"chiles", "CNGI prototype, 256 chunks",  128, 14 * 3600.0, 2072.0 * 351 * 30720 * 2, 0, 0},
};
/* clang-format on */
enum { N_PUBLISHED = sizeof published / sizeof *published, MAX_SERIES = 64, CURVE = 60, MAX_DRAWN = 6 };

const ib_published *ib_published_at(size_t i)
{
    return i < N_PUBLISHED ? &published[i] : NULL;
}

static const char *const phase_name[IB_N_PHASES] = {
#define IB_PHASE_NAME(id, name) name,
    IB_PHASES(IB_PHASE_NAME)
#undef IB_PHASE_NAME
};

/* Launches with one number of workers; times of equal work, the smallest number's. */
typedef struct size {
    double    n, *seconds; /* [n_launch], sorted */
    size_t    n_launch;
    int       cores;
    double    T, phase[IB_N_PHASES]; /* median, phases of the launch at the median */
    ib_shares threads;               /* of that launch, not of equal work */
    double    equal_work;            /* what of its time equal work takes */
    double    samples;
    ib_spread shown; /* times as they were measured */
} size;

/* Launches that differ in the number of workers alone. */
typedef struct series {
    char   name[240], preset[32];
    bool   weak;
    size_t n_size;
    size   at[IB_MAX_SIZES];
    bool   fitted; /* by the law that was asked for */
    ib_fit fit;
    double curve[CURVE], low[CURVE], high[CURVE]; /* numbers of workers; the fit's band */
} series;

typedef struct scaling {
    const char  *value[IB_MAX_ARGUMENTS];
    ib_launched *launch;
    size_t       n_launch;
    char         over[24];                 /* what grows: ranks, threads or another setting */
    bool         workers;                  /* ranks or threads: what grows shares the work */
    bool         inputs, builds, machines; /* a campaign of this name has several: series of their own */
    ib_law       law;
    int64_t      seed;
    size_t       n_series;
    series      *one;
    double      *pool;
} scaling;

static void release(scaling *s)
{
    ib_free(s->pool);
    ib_free(s->one);
    ib_free(s->launch);
    ib_free(s);
}

static const char *option(const scaling *s, const char *name)
{
    return ib_argument(ib_scaling_options, s->value, name);
}

/* ---- which launches -------------------------------------------------------------------------------------- */

/* The number that a setting has in a point; NaN: none. */
static double setting_of(const char *point, const char *key)
{
    const size_t n = strlen(key);
    char        *end;

    for (const char *word = point; *word; word += strcspn(word, " "), word += *word == ' ')
        if (!strncmp(word, key, n) && word[n] == '=') {
            const double value = strtod(word + n + 1, &end);
            return end > word + n + 1 && (*end == 0 || *end == ' ') ? value : (double)NAN;
        }
    return (double)NAN;
}

static double value_of(const scaling *s, const ib_launched *l)
{
    return !strcmp(s->over, "ranks")     ? l->ranks
           : !strcmp(s->over, "threads") ? l->threads
                                         : setting_of(l->point, s->over);
}

/* What two launches must share to be of one series. */
static void name_series(const scaling *s, const ib_launched *l, char *name, size_t room)
{
    char   copy[sizeof l->point], *rest = NULL;
    size_t used = (size_t)snprintf(name, room, "%s", *l->campaign ? "" : l->input);

    if (!*l->campaign) {
        snprintf(name + used, used < room ? room - used : 0, " %s=%d%s%s (problem %.8s, build %.8s)",
                 strcmp(s->over, "ranks") ? "ranks" : "threads", strcmp(s->over, "ranks") ? l->ranks : l->threads,
                 s->machines ? " machine=" : "", s->machines ? l->machine : "", l->workload, l->build);
        return;
    }
    snprintf(copy, sizeof copy, "%s", l->point);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        const size_t n = strcspn(word, "=");
        const bool   grows = (n == strlen(s->over) && !strncmp(word, s->over, n)) ||
                           (!strcmp(s->over, "ranks") && !strncmp(word, "nodes=", 6));
        if (!grows && used < room)
            used += (size_t)snprintf(name + used, room - used, "%s%s", used ? " " : "", word);
    }
    const struct {
        bool        differs;
        const char *what, *value;
    } also[] = {{s->inputs, "input", l->input}, {s->builds, "build", l->build}, {s->machines, "machine", l->machine}};
    for (size_t i = 0; i < sizeof also / sizeof *also; i++)
        if (also[i].differs && used < room)
            used += (size_t)snprintf(name + used, room - used, "%s%s=%.64s", used ? " " : "", also[i].what,
                                     also[i].value);
}

static bool counts(const ib_launched *l)
{
    return l->ok && !l->warm;
}

/* What was varied in the launches chosen: ranks, else threads, else the first setting that is a number. */
static void choose_axis(scaling *s)
{
    bool several_ranks = false, several_threads = false;

    for (size_t i = 1; i < s->n_launch; i++) {
        several_ranks |= s->launch[i].ranks != s->launch->ranks;
        several_threads |= s->launch[i].threads != s->launch->threads;
    }
    snprintf(s->over, sizeof s->over, "%s", several_threads && !several_ranks ? "threads" : "ranks");
    if (several_ranks || several_threads)
        return;
    for (const char *word = s->launch->point; *word; word += strcspn(word, " "), word += *word == ' ') {
        char key[sizeof s->over];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(word, "= "), word);
        for (size_t i = 1; i < s->n_launch; i++) {
            const double a = setting_of(s->launch->point, key), b = setting_of(s->launch[i].point, key);
            if (a < b || a > b) {
                snprintf(s->over, sizeof s->over, "%s", key);
                return;
            }
        }
    }
}

/* Keep the launches of a campaign; without a name of the newest, or those that were in none. */
static ib_status choose_launches(scaling *s, const char *campaign, ib_error *err)
{
    size_t n = 0;

    if (!campaign)
        for (size_t i = 0; i < s->n_launch; i++)
            if (counts(&s->launch[i]))
                campaign = s->launch[i].campaign;
    char wanted[sizeof s->launch->campaign];
    snprintf(wanted, sizeof wanted, "%s", campaign ? campaign : "");
    for (size_t i = 0; i < s->n_launch; i++)
        if (counts(&s->launch[i]) && !strcmp(s->launch[i].campaign, wanted))
            s->launch[n++] = s->launch[i];
    if (n == 0)
        return campaign && *campaign
                   ? ib_fail(err, IB_ENODATA, "no launch of campaign %s counts in %s", campaign, option(s, "record"))
                   : ib_fail(err, IB_ENODATA, "no launch that counts is recorded in %s", option(s, "record"));
    s->n_launch = n;
    s->inputs = s->builds = s->machines = false;
    for (size_t i = 1; i < n; i++) {
        s->inputs |= !s->launch->weak && strcmp(s->launch[i].input, s->launch->input) != 0;
        s->builds |= strcmp(s->launch[i].build, s->launch->build) != 0;
        s->machines |= strcmp(s->launch[i].machine, s->launch->machine) != 0;
    }
    if (strcmp(option(s, "over"), "auto") != 0)
        snprintf(s->over, sizeof s->over, "%s", option(s, "over"));
    else
        choose_axis(s);
    s->workers = !strcmp(s->over, "ranks") || !strcmp(s->over, "threads");
    for (size_t i = n = 0; i < s->n_launch; i++)
        if (!isnan(value_of(s, &s->launch[i])))
            s->launch[n++] = s->launch[i];
    s->n_launch = n;
    if (n == 0)
        return ib_fail(err, IB_EUSAGE,
                       "scaling --over: \"%s\" is neither ranks nor threads nor a number that this sweep varied",
                       s->over);
    return IB_OK;
}

/* ---- series ---------------------------------------------------------------------------------------------- */

static series *find_series(scaling *s, const ib_launched *l)
{
    char   name[sizeof s->one->name];
    size_t i = 0;

    name_series(s, l, name, sizeof name);
    while (i < s->n_series && strcmp(s->one[i].name, name) != 0)
        i++;
    if (i == MAX_SERIES)
        return NULL;
    if (i == s->n_series) {
        s->n_series++;
        strcpy(s->one[i].name, name);
        s->one[i].weak = l->weak;
        if (!strncmp(l->input, "sim:", 4))
            snprintf(s->one[i].preset, sizeof s->one[i].preset, "%.*s", (int)strcspn(l->input + 4, ","),
                     l->input + 4);
    }
    return &s->one[i];
}

static size *find_size(series *one, double n)
{
    size_t i = 0;

    while (i < one->n_size && one->at[i].n < n)
        i++;
    if (i < one->n_size && one->at[i].n == n)
        return &one->at[i];
    if (one->n_size == IB_MAX_SIZES)
        return NULL;
    memmove(&one->at[i + 1], &one->at[i], (one->n_size - i) * sizeof *one->at);
    one->n_size++;
    one->at[i] = (size){.n = n};
    return &one->at[i];
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Times of one size: sorted, their median, the phases of the launch (or the two) that has it. */
static void take_times(const scaling *s, series *one, size *at, double equal_work)
{
    char name[sizeof one->name];

    at->n_launch = 0;
    for (size_t k = 0; k < s->n_launch; k++) {
        const ib_launched *l = &s->launch[k];
        name_series(s, l, name, sizeof name);
        if (value_of(s, l) != at->n || strcmp(name, one->name) != 0)
            continue;
        at->seconds[at->n_launch++] = l->seconds;
        at->cores = l->ranks * l->threads;
        at->samples = (double)l->samples;
    }
    qsort(at->seconds, at->n_launch, sizeof *at->seconds, ascending);
    ib_shares    half_of[2] = {{0}};
    const double middle[] = {at->seconds[(at->n_launch - 1) / 2], at->seconds[at->n_launch / 2]};
    for (int half = 0; half < 2; half++) {
        const ib_launched *found = NULL;
        for (size_t k = 0; k < s->n_launch; k++) {
            name_series(s, &s->launch[k], name, sizeof name);
            if (value_of(s, &s->launch[k]) == at->n && !strcmp(name, one->name) &&
                s->launch[k].seconds == middle[half])
                found = &s->launch[k];
        }
        for (int p = 0; p < IB_N_PHASES; p++)
            at->phase[p] += 0.5 * equal_work * found->phase[p];
        at->T += 0.5 * equal_work * found->seconds;
        half_of[half] = found->shares;
    }
    at->threads = ib_shares_between(&half_of[0], &half_of[1]);
    at->equal_work = equal_work;
    at->shown = ib_spread_of(at->seconds, at->n_launch);
    for (size_t k = 0; k < at->n_launch; k++)
        at->seconds[k] *= equal_work;
}

static ib_status group(scaling *s, ib_error *err)
{
    for (size_t i = 0; i < s->n_launch; i++) {
        series *one = find_series(s, &s->launch[i]);
        if (!one || !find_size(one, value_of(s, &s->launch[i])))
            return ib_fail(err, IB_EUSAGE, "more than %d series, or %d sizes of one; name a campaign", MAX_SERIES,
                           IB_MAX_SIZES);
    }
    double *room = s->pool;
    for (size_t i = 0; i < s->n_series; i++) {
        series *one = &s->one[i];
        for (size_t k = 0; k < one->n_size; k++) {
            one->at[k].seconds = room;
            take_times(s, one, &one->at[k], one->weak ? one->at[0].n / one->at[k].n : 1);
            room += one->at[k].n_launch;
        }
    }
    return IB_OK;
}

static void fit_series(const scaling *s, series *one)
{
    ib_times     times[IB_MAX_SIZES];
    const double first = one->at[0].n, last = 4 * one->at[one->n_size - 1].n;

    for (size_t k = 0; k < one->n_size; k++)
        times[k] = (ib_times){one->at[k].n, one->at[k].n_launch, one->at[k].seconds};
    for (int k = 0; k < CURVE; k++)
        one->curve[k] = first * pow(last / first, k / (CURVE - 1.0));
    one->fitted = ib_fit_times(&one->fit, times, one->n_size, s->law, (uint64_t)s->seed, one->curve, CURVE, one->low,
                               one->high);
}

/* ---- what becomes of efficiency -------------------------------------------------------------------------- */

static double sum_of(const double phase[IB_N_PHASES], const ib_phase *some, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += phase[some[i]];
    return sum;
}

ib_factors ib_factors_of(double n0, double T0, const double phase0[IB_N_PHASES], double n, double T,
                         const double phase[IB_N_PHASES])
{
    static const ib_phase compute[] = {IB_PHASE_WEIGH, IB_PHASE_SORT, IB_PHASE_GRID, IB_PHASE_FFT, IB_PHASE_BEAM};
    static const ib_phase prepare[] = {IB_PHASE_OPEN, IB_PHASE_PLAN, IB_PHASE_CHECK};
    double                useful[2], ready[2], busy[2];

    for (int i = 0; i < 2; i++) {
        const double *f = i ? phase : phase0;
        busy[i] = 0;
        for (int p = 0; p < IB_N_PHASES; p++)
            busy[i] += f[p];
        useful[i] = sum_of(f, compute, sizeof compute / sizeof *compute);
        ready[i] = busy[i] - sum_of(f, prepare, sizeof prepare / sizeof *prepare);
    }
    return (ib_factors){.efficiency = n0 * T0 / (n * T),
                        .computation = n0 * useful[0] / (n * useful[1]),
                        .storage = useful[1] / ready[1] / (useful[0] / ready[0]),
                        .preparation = ready[1] / busy[1] / (ready[0] / busy[0]),
                        .waiting = busy[1] / T / (busy[0] / T0)};
}

ib_thread_factors ib_thread_factors_of(const ib_shares *first, const ib_shares *at, double work)
{
    const ib_efficiency a = ib_efficiency_of(first), b = ib_efficiency_of(at);
    const double        n = (double)at->ranks * at->threads / ((double)first->ranks * first->threads);

    return (ib_thread_factors){.efficiency = first->T / (n * work * at->T),
                               .computation = first->useful / (work * at->useful),
                               .parallel = {b.parallel / a.parallel, b.mpi_balance / a.mpi_balance,
                                            b.communication / a.communication, b.io / a.io, b.serial / a.serial,
                                            b.team / a.team}};
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

static double efficiency_of(const series *one, size_t k)
{
    return one->at[0].n * one->at[0].T / (one->at[k].n * one->at[k].T);
}

/* T over T0 by all pairs of launches (Hodges, Lehmann), 95 %; no interval with too few of them. */
static ib_spread ratio_of(const size *first, const size *at)
{
    const size_t n = first->n_launch, m = at->n_launch;
    ib_spread    ratio = {NAN, at->T / first->T, NAN};
    ib_error     ignored;
    double      *x = ib_alloc(n + m + n * m, sizeof *x, "launches", &ignored);

    if (!x)
        return ratio;
    for (size_t i = 0; i < n; i++)
        x[i] = log(first->seconds[i]);
    for (size_t i = 0; i < m; i++)
        x[n + i] = log(at->seconds[i]);
    const ib_shift shift = ib_shift_of(x, n, x + n, m, 0.05, x + n + m);
    ib_free(x);
    ratio.min = exp(shift.low);
    ratio.max = exp(shift.high);
    return ratio;
}

static void report_times(const scaling *s, ib_report *report)
{
    const ib_heading heading[] = {
        {"series", "series"},    {"n", s->over},           {"cores", "cores"},           {"launches", "launches"},
        {"T_s", "T s"},          {"speed_up", "speed-up"}, {"efficiency", "efficiency"}, {"karp_flatt", "Karp-Flatt"},
        {"mvis_per_s", "Mvis/s"}};

    ib_report_table(report, "times", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < s->n_series; i++)
        for (size_t k = 0; k < s->one[i].n_size; k++) {
            const size     *at = &s->one[i].at[k], *first = &s->one[i].at[0];
            const ib_spread ratio = k ? ratio_of(first, at) : (ib_spread){NAN, 1, NAN};
            const double    n = at->n / first->n;
            const ib_spread S = {1 / ratio.max, 1 / ratio.median, 1 / ratio.min};
            const ib_spread e = {ib_karp_flatt(S.max, n), ib_karp_flatt(S.median, n), ib_karp_flatt(S.min, n)};
            ib_report_row(report, (ib_cell[]){
                                      ib_cell_count(i + 1),
                                      ib_cell_count((size_t)at->n),
                                      ib_cell_count((size_t)at->cores),
                                      ib_cell_count(at->n_launch),
                                      ib_cell_spread(at->shown),
                                      ib_cell_spread(S),
                                      ib_cell_spread(ib_spread_scale(S, 1 / n)),
                                      ib_cell_spread(e),
                                      ib_cell_real(at->samples / at->shown.median * 1e-6),
                                  });
        }
    ib_report_table_end(report);
}

/* Settings do not share the work: times, and how often the first one. */
static void report_settings(const scaling *s, ib_report *report)
{
    const ib_heading heading[] = {{"series", "series"}, {"value", s->over},           {"launches", "launches"},
                                  {"T_s", "T s"},       {"times", "times the first"}, {"mvis_per_s", "Mvis/s"}};
    char             value[24];

    ib_report_section(
        report, "Times",
        "T: median (least..most); its ratio to that of the first value, with 95 % intervals where there are enough launches.");
    ib_report_table(report, "times", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < s->n_series; i++)
        for (size_t k = 0; k < s->one[i].n_size; k++) {
            const size *at = &s->one[i].at[k];
            snprintf(value, sizeof value, "%g", at->n);
            ib_report_row(report,
                          (ib_cell[]){ib_cell_count(i + 1),
                                      at->n == floor(at->n) ? ib_cell_count((size_t)at->n) : ib_cell_text(value),
                                      ib_cell_count(at->n_launch), ib_cell_spread(at->shown),
                                      ib_cell_spread(k ? ratio_of(&s->one[i].at[0], at) : (ib_spread){NAN, 1, NAN}),
                                      ib_cell_real(at->samples / at->shown.median * 1e-6)});
        }
    ib_report_table_end(report);
}

static ib_cell percent(ib_estimate e)
{
    return ib_cell_spread((ib_spread){100 * e.low, 100 * e.value, 100 * e.high});
}

static void report_fits(const scaling *s, ib_report *report)
{
    static const ib_heading heading[] = {{"series", "series"},
                                         {"law", "law"},
                                         {"best", "best"},
                                         {"error_percent", "left-out error %"},
                                         {"serial_percent", "s or sigma %"},
                                         {"kappa_percent", "kappa %"},
                                         {"peak", "peak at"},
                                         {"determined", "determined"}};

    ib_report_table(report, "fits", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < s->n_series; i++) {
        const series *one = &s->one[i];
        ib_times      times[IB_MAX_SIZES];
        for (size_t k = 0; k < one->n_size; k++)
            times[k] = (ib_times){one->at[k].n, one->at[k].n_launch, one->at[k].seconds};
        for (ib_law law = IB_LAW_IDEAL; law < IB_N_LAWS; law++) {
            ib_fit fit;
            if (!ib_fit_times(&fit, times, one->n_size, law, (uint64_t)s->seed, NULL, 0, NULL, NULL))
                continue;
            ib_report_row(report,
                          (ib_cell[]){ib_cell_count(i + 1), ib_cell_text(ib_law_name(law)),
                                      ib_cell_text(one->fitted && one->fit.law == law ? "*" : ""),
                                      ib_cell_real(100 * fit.error), percent(fit.serial), percent(fit.kappa),
                                      ib_cell_spread((ib_spread){fit.peak.low, fit.peak.value, fit.peak.high}),
                                      ib_cell_text(fit.determined ? "yes" : "no")});
        }
    }
    ib_report_table_end(report);
}

/* Time of phase p of one size; of IB_N_PHASES: waiting. */
static double phase_time(const size *at, int p)
{
    double busy = 0;

    if (p < IB_N_PHASES)
        return at->phase[p];
    for (int q = 0; q < IB_N_PHASES; q++)
        busy += at->phase[q];
    return at->T > busy ? at->T - busy : 0;
}

/* The law of every phase, and the one that will take most where four times as many workers stand.
   @param report  NULL: only the name is wanted  @return its name */
static const char *report_phases(const series *one, size_t number, ib_report *report)
{
    double       n[IB_MAX_SIZES], t[IB_MAX_SIZES], coef[IB_N_PHASES + 1][IB_MAX_COEF], total = 0, most = 0;
    ib_law       law[IB_N_PHASES + 1];
    const size  *last = &one->at[one->n_size - 1];
    const double far = 4 * last->n;
    const char  *next = "";

    for (int p = 0; p <= IB_N_PHASES; p++) {
        law[p] = IB_N_LAWS;
        bool there = true;
        for (size_t k = 0; k < one->n_size; k++) {
            n[k] = one->at[k].n;
            t[k] = phase_time(&one->at[k], p);
            there &= t[k] > 0;
        }
        if (there)
            law[p] = ib_law_choose(n, t, one->n_size);
        if (law[p] < IB_N_LAWS && ib_law_fit(law[p], n, t, one->n_size, coef[p]))
            total += ib_law_time(law[p], coef[p], far);
    }
    for (int p = 0; p <= IB_N_PHASES; p++) {
        if (law[p] == IB_N_LAWS)
            continue;
        const char  *name = p < IB_N_PHASES ? phase_name[p] : "wait";
        const double share = ib_law_time(law[p], coef[p], far) / total;
        if (report)
            ib_report_row(report,
                          (ib_cell[]){ib_cell_count(number), ib_cell_text(name), ib_cell_text(ib_law_name(law[p])),
                                      ib_cell_real(100 * phase_time(&one->at[0], p) / one->at[0].T),
                                      ib_cell_real(100 * phase_time(last, p) / last->T), ib_cell_real(100 * share)});
        if (share > most) {
            most = share;
            next = name;
        }
    }
    return next;
}

static void report_factors(const scaling *s, ib_report *report)
{
    const ib_heading heading[] = {{"series", "series"},           {"n", s->over},
                                  {"efficiency", "efficiency ="}, {"computation", "computation x"},
                                  {"storage", "storage x"},       {"preparation", "preparation x"},
                                  {"waiting", "waiting"}};

    ib_report_table(report, "factors", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < s->n_series; i++)
        for (size_t k = 1; k < s->one[i].n_size; k++) {
            const size      *first = &s->one[i].at[0], *at = &s->one[i].at[k];
            const ib_factors f = ib_factors_of(first->n, first->T, first->phase, at->n, at->T, at->phase);
            ib_report_row(report,
                          (ib_cell[]){ib_cell_count(i + 1), ib_cell_count((size_t)at->n), ib_cell_real(f.efficiency),
                                      ib_cell_real(f.computation), ib_cell_real(f.storage),
                                      ib_cell_real(f.preparation), ib_cell_real(f.waiting)});
        }
    ib_report_table_end(report);
}

static void thread_row(ib_report *report, size_t number, double n, double efficiency, double computation,
                       const ib_efficiency *e)
{
    ib_report_row(report,
                  (ib_cell[]){ib_cell_count(number), ib_cell_count((size_t)n), ib_cell_real(efficiency),
                              ib_cell_real(computation), ib_cell_real(e->mpi_balance), ib_cell_real(e->communication),
                              ib_cell_real(e->io), ib_cell_real(e->serial), ib_cell_real(e->team)});
}

/* What threads did, of each size; then as factors of the efficiency against the smallest one. */
static void report_threads(const scaling *s, ib_report *report)
{
    const char      *n = s->over;
    const ib_heading alone[] = {{"series", "series"},
                                {"n", n},
                                {"parallel", "useful share ="},
                                {"computation", "useful s"},
                                {"mpi_balance", "MPI balance x"},
                                {"communication", "communication x"},
                                {"io", "files x"},
                                {"serial", "serial x"},
                                {"team", "team"}};
    const ib_heading factor[] = {{"series", "series"},
                                 {"n", n},
                                 {"efficiency", "efficiency ="},
                                 {"computation", "computation x"},
                                 {"mpi_balance", "MPI balance x"},
                                 {"communication", "communication x"},
                                 {"io", "files x"},
                                 {"serial", "serial x"},
                                 {"team", "team"}};
    bool             any = false;

    for (size_t i = 0; i < s->n_series; i++)
        for (size_t k = 0; k < s->one[i].n_size; k++)
            any = any || s->one[i].at[k].threads.known;
    if (!any)
        return;
    ib_report_section(
        report, "Threads",
        "What threads did with their time: computing alone is useful. The second table is relative to the smallest number; "
        "its products are the efficiency.");
    for (int relative = 0; relative < 2; relative++) {
        ib_report_table(report, relative ? "thread_factors" : "threads", relative ? factor : alone, 9);
        for (size_t i = 0; i < s->n_series; i++)
            for (size_t k = (size_t)relative; k < s->one[i].n_size; k++) {
                const size         *first = &s->one[i].at[0], *at = &s->one[i].at[k];
                const ib_efficiency e = ib_efficiency_of(&at->threads);
                if (!at->threads.known || !first->threads.known)
                    continue;
                const ib_thread_factors f = ib_thread_factors_of(&first->threads, &at->threads, at->equal_work);
                if (relative)
                    thread_row(report, i + 1, at->n, f.efficiency, f.computation, &f.parallel);
                else
                    thread_row(report, i + 1, at->n, e.parallel, at->threads.useful, &e);
            }
        ib_report_table_end(report);
    }
}

/* Seconds that a published result means for the samples of this series; 0: it is about another data set. */
static double published_seconds(const series *one, size_t p)
{
    if (strcmp(published[p].preset, one->preset) != 0)
        return 0;
    return published[p].seconds * one->at[0].samples / published[p].samples;
}

static bool has_efficiency(const series *one, size_t p)
{
    return published[p].efficiency > 0 && published_seconds(one, p) > 0;
}

/* Does the law say something about these times? Only then is it drawn. */
static bool holds(const series *one)
{
    return one->fitted && one->n_size >= ib_law_least(IB_LAW_AMDAHL) && one->fit.error <= IB_LAW_MISSES;
}

static void report_published(const scaling *s, ib_report *report)
{
    static const ib_heading heading[] = {
        {"series", "series"}, {"what", "published for the whole"},  {"cores", "cores"},
        {"whole_s", "s"},     {"share_s", "s for as many samples"}, {"core_s", "core-s of that"}};
    bool any = false;

    for (size_t p = 0; p < N_PUBLISHED; p++)
        any |= published_seconds(&s->one[0], p) > 0;
    if (!any)
        return;
    ib_report_section(report, "Published",
                      "Other machines, other storage: where a time of the same order would lie, no more.");
    ib_report_table(report, "published", heading, sizeof heading / sizeof *heading);
    for (size_t p = 0; p < N_PUBLISHED; p++) {
        const double seconds = published_seconds(&s->one[0], p);
        if (seconds > 0)
            ib_report_row(report,
                          (ib_cell[]){ib_cell_count(1), ib_cell_text(published[p].what),
                                      ib_cell_count((size_t)published[p].cores), ib_cell_real(published[p].seconds),
                                      ib_cell_real(seconds), ib_cell_real(seconds * published[p].cores)});
    }
    ib_report_table_end(report);
}

static void fact(ib_report *report, const char *key, size_t number, const char *title, const char *text)
{
    char name[40], words[80];

    snprintf(name, sizeof name, "%s_%zu", key, number);
    snprintf(words, sizeof words, "%s %zu", title, number);
    ib_report_fact(report, name, words, text);
}

static void describe_fit(const series *one, char *text, size_t room)
{
    const ib_fit *f = &one->fit;
    const size   *last = &one->at[one->n_size - 1];
    const double  efficiency = efficiency_of(one, one->n_size - 1);

    if (!one->fitted)
        snprintf(text, room, "no law can be judged by %zu sizes; Amdahl needs %zu, USL %zu", one->n_size,
                 ib_law_least(IB_LAW_AMDAHL), ib_law_least(IB_LAW_USL));
    else if (one->n_size < ib_law_least(IB_LAW_AMDAHL))
        snprintf(text, room, "not determined: %zu sizes allow no law with losses; Amdahl needs %zu, USL %zu",
                 one->n_size, ib_law_least(IB_LAW_AMDAHL), ib_law_least(IB_LAW_USL));
    else if (!(f->error <= IB_LAW_MISSES))
        snprintf(
            text, room,
            "not determined by these data: %s misses the times that it was not shown by %.3g %%; times that scatter "
            "want more launches, others more sizes",
            ib_law_name(f->law), 100 * f->error);
    else if (f->law == IB_LAW_IDEAL && efficiency > 1.1)
        snprintf(
            text, room,
            "none of these laws: speed grows faster than the number (efficiency %.3g on %g), as where less work for "
            "each fits caches",
            efficiency, last->n);
    else if (f->law == IB_LAW_IDEAL)
        snprintf(text, room, "ideal: no loss that these times could show");
    else if (!f->determined)
        snprintf(
            text, room,
            "%s, serial share %.3g %% (%.3g..%.3g): not determined by these data; launches on %g would help most",
            ib_law_name(f->law), 100 * f->serial.value, 100 * f->serial.low, 100 * f->serial.high, f->ask);
    else if (f->law == IB_LAW_USL)
        snprintf(text, room, "USL, contention %.3g %% (%.3g..%.3g), most speed on %.0f (%.0f..%.0f)",
                 100 * f->serial.value, 100 * f->serial.low, 100 * f->serial.high, f->peak.value, f->peak.low,
                 f->peak.high);
    else if (isfinite(f->peak.value)) /* overhead that grows: the serial share is no bound that is ever reached */
        snprintf(text, room,
                 "%s, serial share %.3g %% (%.3g..%.3g): %.3g times as fast at most, on %.0f (%.0f..%.0f)",
                 ib_law_name(f->law), 100 * f->serial.value, 100 * f->serial.low, 100 * f->serial.high,
                 ib_law_time(f->law, f->coef, 1) / ib_law_time(f->law, f->coef, fmax(1, f->peak.value)),
                 f->peak.value, f->peak.low, f->peak.high);
    else
        snprintf(text, room, "%s, serial share %.3g %% (%.3g..%.3g): %.3g times as fast at most", ib_law_name(f->law),
                 100 * f->serial.value, 100 * f->serial.low, 100 * f->serial.high, 1 / f->serial.value);
    if (one->fitted && f->descriptive)
        snprintf(text + strlen(text), room - strlen(text), "; descriptive: fewer than 5 launches of a size");
}

static void draw_charts(const scaling *s, ib_report *report);

static void report_all(const scaling *s, ib_report *report)
{
    static const ib_heading phases[] = {{"series", "series"},
                                        {"phase", "phase"},
                                        {"law", "law"},
                                        {"share_first_percent", "% of the smallest"},
                                        {"share_last_percent", "% of the largest"},
                                        {"share_far_percent", "% of 4 x the largest"}};
    char                    text[400];
    const char             *next[MAX_SERIES];
    bool                    fitted = false;

    for (size_t i = 0; i < s->n_series; i++)
        fitted |= s->one[i].fitted;
    ib_report_fact(report, "campaign", "campaign", *s->launch->campaign ? s->launch->campaign : "none");
    ib_report_fact(report, "input", "input", s->launch->input);
    for (size_t i = 0; i < s->n_series; i++) {
        const size *first = &s->one[i].at[0];
        snprintf(text, sizeof text, s->workers ? "%s%s; compared with %g %s, %s" : "%s%s; compared with %g (%s), %s",
                 *s->one[i].name ? s->one[i].name : s->launch->input, s->one[i].weak ? ", weak scaling" : "",
                 first->n, s->over, ib_text_seconds(first->T).s);
        fact(report, "series", i + 1, "series", text);
    }
    draw_charts(s, report);
    if (!s->workers) {
        report_settings(s, report);
        report_published(s, report);
        return;
    }
    ib_report_section(
        report, "Times",
        "T: median (least..most). Speed-up and efficiency against the smallest number, with 95 % intervals where there are enough launches.");
    report_times(s, report);
    for (size_t i = 0; i < s->n_series; i++) {
        describe_fit(&s->one[i], text, sizeof text);
        fact(report, "fit", i + 1, "fit of series", text);
    }
    ib_report_fold(report, "Laws, phases, factors");
    if (fitted)
        ib_report_section(report, "Laws",
                          "Value (95 % of resampled fits); a law needs two sizes more than it has coefficients.");
    report_fits(s, report);
    if (fitted)
        ib_report_section(report, "Phases",
                          "The law that predicts each phase best, and the shares of time it means.");
    ib_report_table(report, "phases", phases, sizeof phases / sizeof *phases);
    for (size_t i = 0; i < s->n_series; i++)
        next[i] = report_phases(&s->one[i], i + 1, report);
    ib_report_table_end(report);
    for (size_t i = 0; i < s->n_series; i++)
        if (*next[i] && s->one[i].n_size >= ib_law_least(IB_LAW_AMDAHL)) /* the ideal law foretells nothing */
            fact(report, "next_bottleneck", i + 1, "next bottleneck of series", next[i]);
    ib_report_section(report, "Factors", "Their product is the efficiency; 1: as on the smallest number.");
    report_factors(s, report);
    report_threads(s, report);
    report_published(s, report);
    ib_report_unfold(report);
}

/* ---- pictures -------------------------------------------------------------------------------------------- */

/* Times, efficiencies and factors of all series, for pages. */
static void draw_charts(const scaling *s, ib_report *report)
{
    typedef struct numbers {
        double n[IB_MAX_SIZES], T[IB_MAX_SIZES], low[IB_MAX_SIZES], high[IB_MAX_SIZES], E[IB_MAX_SIZES],
            E_low[IB_MAX_SIZES], E_high[IB_MAX_SIZES];
        double law[CURVE], law_low[CURVE], law_high[CURVE], law_E[CURVE];
    } numbers;
    const char  *workers_are = s->over;
    ib_error     ignored;
    const size_t n = s->n_series < MAX_DRAWN ? s->n_series : MAX_DRAWN;
    numbers     *all = ib_alloc_zero(n, sizeof *all, "drawing", &ignored);
    ib_curve     time[3 * MAX_DRAWN + 1], efficiency[2 * MAX_DRAWN + 1];
    size_t       n_time = 0, n_efficiency = 0, n_level = 0;
    ib_rule      level[N_PUBLISHED], reached[1 + N_PUBLISHED] = {{0.8, "0.8"}};
    char         words[N_PUBLISHED][80], others[N_PUBLISHED][80], text[160], names[MAX_DRAWN][120];
    size_t       n_reached = 1;
    double       ends[2] = {INFINITY, 0}, ideal[2];

    for (size_t i = 0; all && i < n; i++) {
        const series *one = &s->one[i];
        numbers      *u = &all[i];
        snprintf(names[i], sizeof names[i], "%.118s", *one->name ? one->name : s->launch->input);
        for (size_t k = 0; k < one->n_size; k++) {
            const size     *at = &one->at[k];
            const ib_spread ratio = k ? ratio_of(&one->at[0], at) : (ib_spread){NAN, 1, NAN};
            const double    share = one->at[0].n / at->n;
            u->n[k] = at->n;
            u->T[k] = at->shown.median;
            u->low[k] = at->shown.min;
            u->high[k] = at->shown.max;
            u->E[k] = share / ratio.median;
            u->E_low[k] = share / ratio.max;
            u->E_high[k] = share / ratio.min;
            ends[0] = fmin(ends[0], at->n);
            ends[1] = fmax(ends[1], at->n);
        }
        if (holds(one)) {
            const double T0 = ib_law_time(one->fit.law, one->fit.coef, one->at[0].n);
            size_t       m = 0;
            for (; m < CURVE && one->curve[m] <= 2.001 * one->at[one->n_size - 1].n; m++) {
                const double t = ib_law_time(one->fit.law, one->fit.coef, one->curve[m]);
                const double grown = one->weak ? one->curve[m] / one->at[0].n : 1;
                u->law[m] = t * grown;
                u->law_low[m] = one->low[m] * grown;
                u->law_high[m] = one->high[m] * grown;
                u->law_E[m] = one->at[0].n * T0 / (one->curve[m] * t);
            }
            const int kind = one->fit.descriptive ? IB_CURVE_DASHED : IB_CURVE_LINE;
            time[n_time++] = (ib_curve){.kind = IB_CURVE_BAND,
                                        .colour = (int)i,
                                        .n = m,
                                        .x = one->curve,
                                        .low = u->law_low,
                                        .high = u->law_high};
            time[n_time++] = (ib_curve){.kind = kind, .colour = (int)i, .n = m, .x = one->curve, .y = u->law};
            efficiency[n_efficiency++] =
                (ib_curve){.kind = kind, .colour = (int)i, .n = m, .x = one->curve, .y = u->law_E};
        }
        time[n_time++] = (ib_curve){.name = names[i],
                                    .kind = IB_CURVE_POINTS,
                                    .colour = (int)i,
                                    .n = one->n_size,
                                    .x = u->n,
                                    .y = u->T,
                                    .low = u->low,
                                    .high = u->high};
        efficiency[n_efficiency++] = (ib_curve){.name = names[i],
                                                .kind = IB_CURVE_POINTS,
                                                .colour = (int)i,
                                                .n = one->n_size,
                                                .x = u->n,
                                                .y = u->E,
                                                .low = u->E_low,
                                                .high = u->E_high};
    }
    if (!all || ends[0] >= ends[1]) {
        ib_free(all);
        return;
    }
    const series *one = &s->one[0];
    for (size_t k = 0; k < 2 && s->workers; k++)
        ideal[k] = one->at[0].shown.median * (one->weak ? 1 : one->at[0].n / ends[k]);
    if (s->workers)
        time[n_time++] =
            (ib_curve){.name = "ideal", .kind = IB_CURVE_DASHED, .colour = 8, .n = 2, .x = ends, .y = ideal};
    for (size_t p = 0; p < N_PUBLISHED && !one->weak; p++)
        if (published_seconds(one, p) > 0) {
            if (has_efficiency(one, p)) {
                snprintf(others[n_reached - 1], sizeof others[0], "%s, %d to %d cores", published[p].what,
                         published[p].from, published[p].cores);
                reached[n_reached] = (ib_rule){published[p].efficiency, others[n_reached - 1]};
                n_reached++;
            }
            snprintf(words[n_level], sizeof words[0], "%s, %d cores", published[p].what, published[p].cores);
            level[n_level] = (ib_rule){published_seconds(one, p), words[n_level]};
            n_level++;
        }
    snprintf(text, sizeof text, "%s%s",
             !s->workers ? "Other settings are alike."
             : one->weak ? "The problem grows with the workers."
                         : "The problem stays.",
             n_level ? " Published: for as many samples, on other machines." : "");
    ib_report_chart(report, &(ib_chart){.title = "Time",
                                        .text = text,
                                        .x = workers_are,
                                        .y = "T, s",
                                        .log_x = true,
                                        .log_y = true,
                                        .curve = time,
                                        .n_curve = n_time,
                                        .level = level,
                                        .n_level = n_level});
    if (s->workers)
        ib_report_chart(
            report,
            &(ib_chart){
                .title = "Efficiency",
                .text =
                    "N\xe2\x82\x80 T(N\xe2\x82\x80) / (N T(N)); line: the law, band: what launches allow, dashed: too few of them",
                .x = workers_are,
                .y = "efficiency",
                .log_x = true,
                .from_zero = true,
                .least = 0,
                .most = 1,
                .curve = efficiency,
                .n_curve = n_efficiency,
                .level = reached,
                .n_level = n_reached});
    ib_free(all);
}

static const char *const colour[MAX_DRAWN] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

/* Data blocks of one series: measured, and the curve of its law. Times as measured, weak ones too. */
static void put_data(FILE *out, const series *one, size_t i)
{
    fprintf(out, "$times%zu << EOD\n", i);
    for (size_t k = 0; k < one->n_size; k++) {
        const size  *at = &one->at[k];
        const double E = efficiency_of(one, k);
        fprintf(out, "%g %.9g %.9g %.9g %.9g\n", at->n, at->shown.median, at->shown.min, at->shown.max, E);
    }
    fprintf(out, "EOD\n");
    if (!holds(one))
        return;
    const double T0 = ib_law_time(one->fit.law, one->fit.coef, one->at[0].n);
    fprintf(out, "$law%zu << EOD\n", i);
    for (int k = 0; k < CURVE; k++) {
        const double n = one->curve[k], grown = one->weak ? n / one->at[0].n : 1;
        const double t = ib_law_time(one->fit.law, one->fit.coef, n);
        fprintf(out, "%.9g %.9g %.9g %.9g %.9g\n", n, t * grown, one->low[k] * grown, one->high[k] * grown,
                one->at[0].n * T0 / (n * t));
    }
    fprintf(out, "EOD\n");
}

static void put_lines(FILE *out, const scaling *s, const char *measured, int law_column, bool band)
{
    const size_t n = s->n_series < MAX_DRAWN ? s->n_series : MAX_DRAWN;

    for (size_t i = 0; i < n; i++) {
        const series *one = &s->one[i];
        if (holds(one) && band)
            fprintf(out,
                    "$law%zu using 1:3:4 with filledcurves fillcolor '%s' fillstyle transparent solid %s notitle, ",
                    i, colour[i], one->fit.descriptive ? "0.08" : "0.18");
        if (holds(one))
            fprintf(out, "$law%zu using 1:%d with lines linewidth 1.5 dashtype %d linecolor '%s' notitle, ", i,
                    law_column, one->fit.descriptive ? 2 : 1, colour[i]);
        fprintf(out, "$times%zu using %s pointtype %zu pointsize 0.8 linecolor '%s' title ", i, measured, 5 + 2 * i,
                colour[i]);
        ib_gnuplot_quote(out, one->name);
        fprintf(out, ", ");
    }
}

static void put_script(FILE *out, const scaling *s, bool svg)
{
    const series *one = &s->one[0];
    const double  first = one->at[0].n, T0 = one->at[0].shown.median;
    double        last = 0;

    for (size_t i = 0; i < s->n_series && i < MAX_DRAWN; i++) {
        put_data(out, &s->one[i], i);
        last = fmax(last, (holds(&s->one[i]) ? 4 : 1.5) * s->one[i].at[s->one[i].n_size - 1].n);
    }
    fprintf(out, "set terminal %s noenhanced size 900,900 font 'sans,12' background '#ffffff'%s\nset encoding utf8\n",
            svg ? "svg" : "pngcairo", svg ? " name 'scaling'" : "");
    fprintf(
        out,
        "set multiplot layout %d,1\nset logscale x 2\nset tics out nomirror\nset grid linetype 1 linecolor '#dddddd'\n"
        "set xrange [%g:%g]\nset key left bottom Left reverse opaque\nset lmargin 10\nset xlabel '%s'\n",
        s->workers ? 2 : 1, 0.9 * first, last, s->over);
    for (size_t k = 0; k < one->n_size && !s->workers; k++) /* settings: what was measured */
        fprintf(out, "%s%g%s", k ? ", " : "set xtics (", one->at[k].n, k + 1 < one->n_size ? "" : ")\n");
    fprintf(out, "set logscale y\nset ylabel 'T (s)'\nset title ");
    ib_gnuplot_quote(out, *s->launch->campaign ? s->launch->campaign : s->launch->input);
    for (size_t p = 0; p < N_PUBLISHED && !one->weak; p++)
        if (published_seconds(one, p) > 0)
            fprintf(out,
                    "\nset label '%s, %d cores, for as many samples' at graph 0.99,first %.9g right offset 0,0.5",
                    published[p].what, published[p].cores, published_seconds(one, p));
    fprintf(out, "\nplot ");
    put_lines(out, s, s->workers ? "1:2:3:4 with yerrorbars" : "1:2:3:4 with yerrorlines", 2, true);
    for (size_t p = 0; p < N_PUBLISHED && !one->weak; p++)
        if (published_seconds(one, p) > 0)
            fprintf(out, "%.9g with lines dashtype 4 linecolor '#888888' notitle, ", published_seconds(one, p));
    if (!s->workers) {
        fprintf(out, "NaN notitle\nunset multiplot\n");
        return;
    }
    if (one->weak)
        fprintf(out, "%.9g with lines dashtype 3 linecolor '#000000' title 'ideal'\n", T0);
    else
        fprintf(out, "%.9g/x with lines dashtype 3 linecolor '#000000' title 'ideal'\n", T0 * first);
    fprintf(out,
            "unset title\nunset label\nunset logscale y\nset yrange [0:1.1<*]\nset ylabel 'efficiency'\nunset key\n");
    for (size_t p = 0; p < N_PUBLISHED && !one->weak; p++)
        if (has_efficiency(one, p))
            fprintf(out, "set label '%s, %d to %d cores' at graph 0.99,first %g right offset 0,0.5\n",
                    published[p].what, published[p].from, published[p].cores, published[p].efficiency);
    fprintf(out, "plot ");
    put_lines(out, s, "1:5 with points", 5, false);
    for (size_t p = 0; p < N_PUBLISHED && !one->weak; p++)
        if (has_efficiency(one, p))
            fprintf(out, "%g with lines dashtype 4 linecolor '#888888', ", published[p].efficiency);
    fprintf(out, "1 with lines dashtype 3 linecolor '#000000', 0.8 with lines dashtype 2 linecolor '#aaaaaa'\n"
                 "unset multiplot\n");
}

static ib_status plot(const scaling *s, const char *path, ib_error *err)
{
    const char *dot = strrchr(path, '.');
    const bool  svg = dot && !strcasecmp(dot, ".svg");
    FILE       *script;

    if (!dot || (!svg && strcasecmp(dot, ".png") != 0))
        return ib_fail(err, IB_EUSAGE, "scaling --plot: %s ends in neither .svg nor .png", path);
    script = tmpfile();
    if (script)
        put_script(script, s, svg);
    const ib_status rc = ib_gnuplot(script, path, err);
    if (script)
        fclose(script);
    return rc;
}

/* ---- the subcommand -------------------------------------------------------------------------------------- */

static ib_status parse_law(const char *name, ib_law *law, ib_error *err)
{
    for (*law = IB_LAW_IDEAL; *law < IB_N_LAWS; (*law)++)
        if (!strcasecmp(name, ib_law_name(*law)))
            return IB_OK;
    return strcmp(name, "auto")
               ? ib_fail(err, IB_EUSAGE, "scaling --fit: \"%s\" is none of auto|ideal|amdahl|usl|log|linear", name)
               : IB_OK;
}

/* Series of the launches chosen, with their fits. */
static ib_status evaluate(scaling *s, ib_error *err)
{
    s->pool = ib_alloc(s->n_launch, sizeof *s->pool, "times", err);
    s->one = ib_alloc_zero(MAX_SERIES, sizeof *s->one, "series", err);
    const ib_status rc = s->pool && s->one ? group(s, err) : err->status;
    for (size_t i = 0; i < s->n_series && !rc && s->workers; i++)
        fit_series(s, &s->one[i]);
    return rc;
}

ib_status ib_scaling(int argc, char *const *argv, FILE *out, ib_error *err)
{
    scaling    *s = ib_alloc_zero(1, sizeof *s, "scaling", err);
    ib_report  *report = NULL;
    const char *operand;
    ib_form     form;
    struct stat folder;

    if (!s)
        return err->status;
    ib_status rc = ib_arguments_parse("scaling", ib_scaling_options, argc, argv, s->value, &operand, err);
    if (!rc)
        rc = ib_form_parse(option(s, "format"), &form, err);
    if (!rc)
        rc = parse_law(option(s, "fit"), &s->law, err);
    if (!rc && !ib_numbers(option(s, "seed"), 0, INT64_MAX, &s->seed, 1, err))
        rc = ib_within(err, "scaling --seed: ");
    if (rc)
        goto done;
    const bool  is_folder = operand && !stat(operand, &folder) && S_ISDIR(folder.st_mode);
    const char *campaign = is_folder ? NULL : operand;
    rc = ib_launched_read(&s->launch, &s->n_launch, is_folder ? operand : option(s, "record"), campaign, err);
    if (!rc)
        rc = choose_launches(s, campaign, err);
    if (rc)
        goto done;
    rc = evaluate(s, err);
    if (!rc && *option(s, "plot"))
        rc = plot(s, option(s, "plot"), err);
    if (!rc)
        rc = ib_report_begin(&report, out, form, err);
    if (!rc) {
        report_all(s, report);
        rc = ib_report_end(report, err);
    }
done:
    release(s);
    return rc;
}

/* ---- in a report ----------------------------------------------------------------------------------------- */

/* The series of most sizes in a sentence. */
static void put_card(const scaling *s, ib_report *report)
{
    const series *one = &s->one[0];
    char          title[120], fit[300] = "", text[800];

    for (size_t i = 1; i < s->n_series; i++)
        if (s->one[i].n_size > one->n_size)
            one = &s->one[i];
    const size     *first = &one->at[0], *last = &one->at[one->n_size - 1];
    const double    efficiency = efficiency_of(one, one->n_size - 1);
    const char     *next = one->n_size < ib_law_least(IB_LAW_AMDAHL) ? "" : report_phases(one, 0, NULL);
    const ib_spread ratio = ratio_of(first, last);
    if (one->fitted)
        describe_fit(one, fit, sizeof fit);
    snprintf(title, sizeof title, "%.10g %s: %.0f %% efficient", last->n, s->over, 100 * efficiency);
    snprintf(text, sizeof text, "%.3g times as fast as on %.10g (%s, then %s%s).%s%s%s%s%s%s %.60s%s%s.",
             1 / ratio.median, first->n, ib_text_seconds(first->shown.median).s,
             ib_text_seconds(last->shown.median).s, one->weak ? ", for equal work" : "", *fit ? " Law: " : "", fit,
             *fit ? "." : "", *next ? " Next bottleneck: " : "", next, *next ? "." : "",
             *s->launch->campaign ? s->launch->campaign : s->launch->input, *one->name ? ", " : "", one->name);
    ib_report_verdict(report, efficiency >= 0.8 ? IB_GOOD : efficiency >= 0.5 ? IB_NEUTRAL : IB_WARN, title, text);
}

/* One campaign over one of its settings; nothing where it did not vary. */
static ib_status put_campaign(ib_report *report, const ib_launched *launch, size_t n, const char *campaign,
                              const char *over, bool card, size_t *shown, ib_error *err)
{
    scaling  *s = ib_alloc_zero(1, sizeof *s, "scaling", err);
    char      title[160];
    bool      grows = false;
    ib_status rc = IB_OK;

    if (!s)
        return err->status;
    for (const ib_help_option *o = ib_scaling_options; o->name; o++)
        s->value[o - ib_scaling_options] = !strcmp(o->name, "over") ? over : o->initial;
    s->law = IB_N_LAWS;
    s->seed = 1;
    s->launch = ib_alloc(n, sizeof *s->launch, "launches", err);
    if (!s->launch) {
        rc = err->status;
        goto done;
    }
    memcpy(s->launch, launch, n * sizeof *launch);
    s->n_launch = n;
    rc = choose_launches(s, campaign, err);
    rc = rc ? rc : evaluate(s, err);
    for (size_t i = 0; !rc && i < s->n_series; i++)
        grows |= s->one[i].n_size > 1;
    if (rc == IB_EUSAGE) { /* too many series for one table: the page goes on */
        if (!card)
            ib_report_section(report, *campaign ? campaign : "Launches of no campaign", err->text);
        rc = IB_OK;
    }
    if (!rc && grows && card) {
        put_card(s, report);
        (*shown)++;
    } else if (!rc && grows) {
        snprintf(title, sizeof title, "%s over %s", *campaign ? campaign : "Launches of no campaign", s->over);
        ib_report_section(report, title, "");
        report_all(s, report);
        (*shown)++;
    }
done:
    release(s);
    return rc;
}

/* A campaign over ranks, threads and every other number that its points vary. */
static ib_status put_axes(ib_report *report, const ib_launched *launch, size_t n, const ib_launched *one, bool card,
                          size_t *shown, ib_error *err)
{
    ib_status rc = put_campaign(report, launch, n, one->campaign, "ranks", card, shown, err);

    rc = rc ? rc : put_campaign(report, launch, n, one->campaign, "threads", card, shown, err);
    for (const char *word = one->point; *word && !rc && !card; word += strcspn(word, " "), word += *word == ' ') {
        char key[24];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(word, "= "), word);
        if (strcmp(key, "ranks") && strcmp(key, "threads") && strcmp(key, "nodes") &&
            !isnan(setting_of(one->point, key)))
            rc = put_campaign(report, launch, n, one->campaign, key, false, shown, err);
    }
    return rc;
}

ib_status ib_scaling_report(ib_report *report, const char *folder, size_t most, bool card, size_t *shown,
                            ib_error *err)
{
    ib_launched *launch;
    size_t       n;
    ib_status    rc = ib_launched_read(&launch, &n, folder, NULL, err);

    *shown = 0;
    for (size_t i = n; i-- > 0 && *shown < most && !rc;) {
        bool known = !counts(&launch[i]);
        for (size_t k = i + 1; k < n && !known; k++)
            known = counts(&launch[k]) && !strcmp(launch[k].campaign, launch[i].campaign);
        if (!known)
            rc = put_axes(report, launch, n, &launch[i], card, shown, err);
    }
    ib_free(launch);
    return rc;
}
