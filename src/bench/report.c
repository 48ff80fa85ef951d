/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/report.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/browse.h"
#include "bench/calibrate.h"
#include "bench/compare.h"
#include "bench/html.h"
#include "bench/json.h"
#include "bench/scaling.h"
#include "bench/thumbnail.h"
#include "bench/trend.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_WORDS = 16,
    MAX_SHOWN = 16,
    MAX_CAMPAIGNS = 6,
    MAX_LISTED = 100,
    MAX_PICTURES = 12,
    THUMBNAIL = 256,
    MOST_COMPARED = 4
};

/* clang-format off */
const ib_help_option ib_make_report_options[] = {
    {"output",     "FILE",    "report.html", "the page (-o)"},
    {"title",      "TEXT",    "imgbench",    "its heading"},
    {"image",      "FILE,...","",            "cubes (HDF5 or FITS) of which a plane is shown"},
    {"since",      "COMMIT",  "",            "steps of commits before do not alarm"},
    {"branch",     "NAME",    "HEAD",        "whose first parents order the commits"},
    {"margin",     "PERCENT", "2",           "changes up to this do not matter"},
    {"allow",      "LEVEL",   "valid",       "the least worth that counts in trends: reportable, valid or provisional"},
    {"stamp",      "",        "",            "say when the page was made; without it the same records give the same bytes"},
    {"repository", "FOLDER",  ".",           "where git is asked for the order of commits"},
    {"record",     "FOLDER",  "results",     "where the records are"},
    {"format",     "NAME",    "html",        "html, or md: the tables alone (Markdown), for a summary of CI"},
    {NULL, NULL, NULL, NULL},
};

/* The parts, in their order: what links to them, and what they are called. */
static const struct { const char *name, *title; } parts[] = {
    {"verdicts",    "Verdicts"},    {"trend",     "Trend"},     {"scaling",     "Scaling"},
    {"efficiency",  "Efficiency"},
    {"phases",      "Where the time goes"},                     {"imbalance",   "Imbalance"},
    {"memory",      "Memory"},      {"storage",   "Storage"},   {"limits",      "Limits of the machine"},
    {"comparisons", "Comparisons"}, {"accuracy",  "Accuracy"},  {"launches",    "Launches"},
    {"provenance",  "Provenance"},  {"reproduce", "Reproduce"}, {"method",      "Method"},
};
enum { VERDICTS, TREND, SCALING, EFFICIENCY, PHASES, IMBALANCE, MEMORY, STORAGE, LIMITS, COMPARISONS, ACCURACY, LAUNCHES, PROVENANCE,
       REPRODUCE, METHOD, N_PARTS };

/* Colours of phases: what computes has colours, what prepares has greys. */
static const int phase_colour[IB_N_PHASES] = {
    [IB_PHASE_OPEN] = 10, [IB_PHASE_PLAN] = 9, [IB_PHASE_READ] = 5, [IB_PHASE_WEIGH] = 6, [IB_PHASE_SORT] = 4, [IB_PHASE_GRID] = 0,
    [IB_PHASE_SUM] = 3, [IB_PHASE_FFT] = 2, [IB_PHASE_BEAM] = 11, [IB_PHASE_WRITE] = 1, [IB_PHASE_CHECK] = 7, [IB_PHASE_CLOSE] = 8};
/* clang-format on */
_Static_assert(sizeof parts / sizeof *parts == N_PARTS, "a part lacks its name");
_Static_assert(IB_N_PHASES == IB_PHASE_CLOSE + 1 && IB_N_PHASES == 12, "a new phase needs a colour");

/* The newest launch of a series, with the lines of its record. */
typedef struct shown {
    const ib_past *past;
    json_t        *lines;
    const json_t  *rep; /* NULL: it has none */
    char           name[300];
} shown;

typedef struct page {
    const char *value[IB_MAX_ARGUMENTS];
    ib_report  *report;
    ib_history *history;
    ib_past    *launch; /* all, oldest first */
    size_t      n, count[IB_INVALID + 1];
    shown       series[MAX_SHOWN]; /* the newest first */
    size_t      n_series, n_hidden;
} page;

static const char *option(const page *p, const char *name)
{
    return ib_argument(ib_make_report_options, p->value, name);
}

static void begin_part(page *p, int part, const char *text)
{
    ib_report_part(p->report, parts[part].name, parts[part].title, text);
}

/* ---- records --------------------------------------------------------------------------------------------- */

/* A number within objects; integers above 2^53 are texts. NaN: there is none. */
static double number(const json_t *object, const char *group, const char *key)
{
    const json_t *value = json_object_get(group ? json_object_get(object, group) : object, key);

    if (json_is_string(value))
        return strtod(json_string_value(value), NULL);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static double phase_number(const shown *s, int phase, const char *key)
{
    return number(json_object_get(s->rep, "phases"), ib_phase_name((ib_phase)phase), key);
}

/* A count; "-" where it is not known. */
static ib_cell whole(double n)
{
    return n >= 0 ? ib_cell_count((size_t)n) : ib_cell_real((double)NAN);
}

static const char *words(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* "sim:chiles support=51, 2 x 4"; the machine, too, where there are several. */
static void name_launch(const page *p, const ib_past *l, char *name, size_t size)
{
    char problem[200];
    bool several = false;

    for (size_t i = 0; i < p->n && !several; i++)
        several = strcmp(p->launch[i].machine, l->machine) != 0;
    ib_past_problem(l, problem, sizeof problem);
    snprintf(name, size, "%s, %d x %d%s%s", problem, l->ranks, l->threads, several ? ", " : "",
             several ? l->machine : "");
}

static void choose_series(page *p)
{
    ib_error ignored;
    char     path[2048];

    for (size_t i = p->n; i-- > 0;) {
        const ib_past *l = &p->launch[i];
        size_t         k = 0;
        p->count[l->validity]++;
        if (l->validity == IB_INVALID || !(l->total > 0))
            continue;
        while (k < p->n_series && !ib_past_same_series(p->series[k].past, l, ""))
            k++;
        if (k < p->n_series)
            continue;
        if (k == MAX_SHOWN) {
            p->n_hidden++; /* at least one series is not shown */
            continue;
        }
        shown *s = &p->series[p->n_series++];
        s->past = l;
        name_launch(p, l, s->name, sizeof s->name);
        if (!ib_history_file(p->history, l->run_id, path, sizeof path, &ignored))
            s->lines = ib_json_lines(path, l->run_id);
        s->rep = ib_json_line(s->lines, "rep");
    }
}

/* What is lost, in the order in which the factors multiply; what is left is useful. */
static const struct {
    const char *key, *loss;
    int         colour;
} factors[] = {{"mpi_balance", "ranks with less to do", 3},
               {"communication", "waiting and transfer", 7},
               {"io", "files", 5},
               {"serial", "threads idle in serial parts", 4},
               {"team", "threads waiting for each other", 1}};
enum { N_FACTORS = sizeof factors / sizeof *factors };

/* ---- verdicts -------------------------------------------------------------------------------------------- */

static void put_counts(page *p)
{
    char title[80], text[300];

    snprintf(title, sizeof title, "%zu %s", p->n, p->n == 1 ? "launch" : "launches");
    snprintf(
        text, sizeof text,
        "%zu reportable, %zu valid, %zu provisional, %zu invalid, in %zu%s series (problem, ranks x threads, machine).",
        p->count[IB_REPORTABLE], p->count[IB_VALID], p->count[IB_PROVISIONAL], p->count[IB_INVALID], p->n_series,
        p->n_hidden ? "+" : "");
    ib_report_verdict(p->report, p->count[IB_REPORTABLE] ? IB_GOOD : IB_NEUTRAL, title, text);
}

static void put_newest(page *p)
{
    const ib_past *l = &p->launch[p->n - 1];
    char           title[120], text[400], build[40];

    ib_past_build(l, build);
    snprintf(title, sizeof title, "Newest: %s%s%s", ib_validity_name(l->validity), isfinite(l->total) ? ", T " : "",
             isfinite(l->total) ? ib_text_seconds(l->total).s : "");
    snprintf(text, sizeof text, "%s of %s UTC%s%s", build, l->started, *l->reason ? ": " : "", l->reason);
    ib_report_verdict(p->report,
                      l->validity == IB_INVALID      ? IB_BAD
                      : l->validity == IB_REPORTABLE ? IB_GOOD
                                                     : IB_NEUTRAL,
                      title, text);
}

static void put_wrong(page *p)
{
    size_t wrong = 0;
    char   title[80];

    for (size_t i = 0; i < p->n; i++)
        wrong += p->launch[i].wrong;
    snprintf(title, sizeof title, "%zu wrong %s", wrong, wrong == 1 ? "image" : "images");
    if (wrong)
        ib_report_verdict(
            p->report, IB_BAD, title,
            "An image that disagrees with the direct Fourier sum is never ranked, however fast it was made.");
}

/* The newest campaign of ab by T: the variant named last, and those that are decided. */
static ib_status put_compared(page *p, ib_error *err)
{
    ib_past_verdict *v = NULL;
    size_t           n = 0, told = 0, last = 0;
    char             title[200], text[500];
    const ib_status  rc = ib_history_verdicts(p->history, 1, &v, &n, err);

    for (size_t i = 0; i < n; i++)
        last = strcmp(v[i].metric, "T") ? last : i;
    for (size_t i = 0; i < n && told < MOST_COMPARED; i++) {
        const bool slower = !strcmp(v[i].verdict, ib_verdict_name(IB_SLOWER)),
                   faster = !strcmp(v[i].verdict, ib_verdict_name(IB_FASTER)),
                   wrong = !strcmp(v[i].verdict, ib_verdict_name(IB_WRONG));
        if (strcmp(v[i].metric, "T") != 0 || !(slower || faster || wrong || i == last))
            continue;
        snprintf(title, sizeof title, "%.60s: %s %s %.60s", v[i].b, v[i].verdict,
                 slower || faster ? "than" : "against", v[i].a);
        snprintf(text, sizeof text, "%sT %+.1f %% (%+.1f..%+.1f at 95 %%), %zu and %zu launches in turns, %.10s. %s",
                 strcmp(v[i].kind, "null") ? "" : "A/A control. ", 100 * (v[i].ratio - 1), 100 * (v[i].low - 1),
                 100 * (v[i].high - 1), v[i].n_a, v[i].n_b, v[i].started, v[i].problem);
        ib_report_verdict(p->report, slower || wrong ? IB_BAD : faster ? IB_GOOD : IB_NEUTRAL, title, text);
        told++;
    }
    ib_free(v);
    return rc;
}

/* Where the time of the newest launch goes, how near that is to the machine's limit, and what threads did instead of it. */
static void put_limiting(page *p)
{
    const shown *s = &p->series[0];
    int          longest = -1, loss = -1;
    double       most = 0, left = 1, lost = 0;
    char         title[120], text[700];

    for (int i = 0; i < IB_N_PHASES && p->n_series; i++)
        if (phase_number(s, i, "mean_s") > most) {
            most = phase_number(s, i, "mean_s");
            longest = i;
        }
    if (longest < 0)
        return;
    for (int i = 0; i < N_FACTORS; i++) {
        const double kept = left * number(s->rep, "efficiency", factors[i].key);
        if (left - kept > lost) {
            lost = left - kept;
            loss = i;
        }
        left = kept;
    }
    const char  *name = ib_phase_name((ib_phase)longest);
    const double times = phase_number(s, longest, "times_bound");
    snprintf(title, sizeof title, "Most time: %s, %.0f %%", name, 100 * most / s->past->total);
    snprintf(text, sizeof text, "Of %s, the newest launch (%.300s).", ib_text_seconds(s->past->total).s, s->name);
    if (times > 0)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 " It runs at %.0f %% of this machine's limit by %.40s.", fmin(100, 100 / times),
                 words(json_object_get(json_object_get(s->rep, "phases"), name), "nearest"));
    if (loss >= 0 && left > 0 && lost > 0.005)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 " Threads compute for %.0f %% of their time; most of the rest: %s, %.0f %%.", 100 * left,
                 factors[loss].loss, 100 * lost);
    ib_report_verdict(p->report, IB_NEUTRAL, title, text);
}

static ib_status put_verdicts(page *p, const ib_trends *trends, ib_error *err)
{
    size_t n;

    begin_part(p, VERDICTS,
               "Is it faster than before, how well does it scale, what limits it. Each has its part below.");
    if (trends)
        ib_trends_verdicts(trends, p->report);
    ib_status rc = put_compared(p, err);
    rc = rc ? rc : ib_scaling_report(p->report, option(p, "record"), 1, true, &n, err);
    put_limiting(p);
    put_newest(p);
    put_counts(p);
    put_wrong(p);
    if (trends)
        ib_trends_findings(trends, p->report);
    return rc;
}

/* @param why  there are no trends although there are launches; NULL: none of them counts */
static void put_trend(page *p, const ib_trends *trends, const char *why)
{
    begin_part(
        p, TREND,
        "Medians of launches along the commits; a line is the median between two steps, a dashed line a step.");
    if (trends) {
        ib_trends_courses(trends, p->report);
        return;
    }
    ib_report_text(
        p->report,
        why ? why
            : "No launch of committed sources is worth counting: builds of changed sources have no place among the commits. Such launches fill this part:");
    if (why)
        return;
    ib_report_code(
        p->report,
        "imgbench ab HEAD~1 HEAD -- sim:chiles,channel=0.01\nimgbench sweep chiles --scale 0.001 --launches 6");
}

/* ---- scaling --------------------------------------------------------------------------------------------- */

static ib_status put_scaling(page *p, ib_error *err)
{
    size_t n;

    begin_part(
        p, SCALING,
        "Campaigns whose ranks or threads grew; times of others, where they were published, are drawn as lines.");
    const ib_status rc = ib_scaling_report(p->report, option(p, "record"), MAX_CAMPAIGNS, false, &n, err);
    if (!rc && !n) {
        ib_report_text(p->report,
                       "Nothing was launched on more than one number of ranks or threads. A sweep fills this part:");
        ib_report_code(p->report, "imgbench sweep chiles --scale 0.001 --ranks 1,2,4,8 --launches 5");
    }
    return rc;
}

/* ---- efficiency ------------------------------------------------------------------------------------------ */

static void strip_of_efficiency(page *p, const shown *s)
{
    ib_piece piece[N_FACTORS + 1];
    char     told[N_FACTORS + 1][80], value[80];
    double   left = 1;

    for (size_t i = 0; i < N_FACTORS; i++) {
        const double kept = left * number(s->rep, "efficiency", factors[i].key);
        snprintf(told[i], sizeof told[i], "%s: %.1f %%", factors[i].loss, 100 * (left - kept));
        piece[i] = (ib_piece){kept, left, 1, factors[i].colour, 1, told[i]};
        left = kept;
    }
    snprintf(told[N_FACTORS], sizeof told[0], "useful: %.1f %%", 100 * left);
    piece[N_FACTORS] = (ib_piece){0, left, 1, 2, 1, told[N_FACTORS]};
    snprintf(value, sizeof value, "%.1f %% useful", 100 * left);
    ib_report_strip(p->report, s->name, value, 0, 1, piece, N_FACTORS + 1);
}

static void put_efficiency(page *p)
{
    static const ib_heading heading[] = {{"series", "series"},
                                         {"parallel", "useful ="},
                                         {"mpi_balance", "balance of ranks x"},
                                         {"communication", "communication x"},
                                         {"io", "files x"},
                                         {"serial", "serial parts x"},
                                         {"team", "teams of threads"}};
    const char             *name[N_FACTORS + 1] = {"useful"};
    int                     colour[N_FACTORS + 1] = {2};
    size_t                  known = 0;

    begin_part(
        p, EFFICIENCY,
        "What became of the time of all threads, in the newest launch of each series: factors (POP's) whose product is exact.");
    for (size_t i = 0; i < N_FACTORS; i++) {
        name[1 + i] = factors[i].loss;
        colour[1 + i] = factors[i].colour;
    }
    for (size_t k = 0; k < p->n_series; k++) {
        if (!(number(p->series[k].rep, "efficiency", "parallel") > 0))
            continue;
        if (!known++)
            ib_report_legend(p->report, name, colour, N_FACTORS + 1);
        strip_of_efficiency(p, &p->series[k]);
    }
    if (!known) {
        ib_report_text(
            p->report,
            "The launches shown did not record what their threads did. One of this version fills this part:");
        ib_report_code(p->report, "mpirun -n 2 imgbench sim:chiles,channel=0.01");
        return;
    }
    ib_report_axis(p->report, (const char *const[]){"0", "25 %", "50 %", "75 %", "100 % of ranks x threads x T"}, 5);
    ib_report_fold(p->report, "Factors");
    ib_report_table(p->report, "efficiency", heading, sizeof heading / sizeof *heading);
    for (size_t k = 0; k < p->n_series; k++) {
        const json_t *rep = p->series[k].rep;
        if (!(number(rep, "efficiency", "parallel") > 0))
            continue;
        ib_cell cell[2 + N_FACTORS] = {ib_cell_text(p->series[k].name),
                                       ib_cell_real(number(rep, "efficiency", "parallel"))};
        for (size_t i = 0; i < N_FACTORS; i++)
            cell[2 + i] = ib_cell_real(number(rep, "efficiency", factors[i].key));
        ib_report_row(p->report, cell);
    }
    ib_report_table_end(p->report);
    ib_report_unfold(p->report);
}

/* ---- phases ---------------------------------------------------------------------------------------------- */

static void strip_of_phases(page *p, const shown *s)
{
    ib_piece piece[IB_N_PHASES];
    char     told[IB_N_PHASES][80], value[80];
    size_t   n = 0;
    double   from = 0;

    for (int i = 0; i < IB_N_PHASES; i++) {
        const double seconds = phase_number(s, i, "mean_s");
        if (!(seconds > 0))
            continue;
        snprintf(told[n], sizeof told[n], "%s: %s, %.1f %%", ib_phase_name((ib_phase)i), ib_text_seconds(seconds).s,
                 100 * seconds / s->past->total);
        piece[n] = (ib_piece){from, from + seconds, 1, phase_colour[i], 1, told[n]};
        from += seconds;
        n++;
    }
    snprintf(value, sizeof value, "%s", ib_text_seconds(s->past->total).s);
    if (n)
        ib_report_strip(p->report, s->name, value, 0, s->past->total, piece, n);
}

static void put_phases(page *p)
{
    ib_heading  heading[3 + IB_N_PHASES] = {{"series", "series"}, {"T_s", "T, s"}};
    const char *name[IB_N_PHASES];
    int         shown_phase[IB_N_PHASES];
    int         colour[IB_N_PHASES];
    size_t      n = 0;
    bool        any = false;

    begin_part(p, PHASES,
               "The newest launch of each series: means over ranks as shares of T; what is left free is waiting.");
    for (int i = 0; i < IB_N_PHASES; i++) {
        bool used = false;
        for (size_t k = 0; k < p->n_series; k++)
            used |= phase_number(&p->series[k], i, "mean_s") > 0.002 * p->series[k].past->total;
        if (!used)
            continue;
        name[n] = ib_phase_name((ib_phase)i);
        colour[n] = phase_colour[i];
        heading[2 + n] = (ib_heading){name[n], name[n]};
        shown_phase[n++] = i;
        any = true;
    }
    if (!any) {
        ib_report_text(p->report, "No launch has recorded its phases yet.");
        return;
    }
    ib_report_legend(p->report, name, colour, n);
    for (size_t k = 0; k < p->n_series; k++)
        strip_of_phases(p, &p->series[k]);
    ib_report_axis(p->report, (const char *const[]){"0", "25 %", "50 %", "75 %", "100 % of T"}, 5);
    ib_report_fold(p->report, "Seconds of the phases");
    ib_report_table(p->report, "phases", heading, 2 + n);
    for (size_t k = 0; k < p->n_series; k++) {
        ib_cell cell[3 + IB_N_PHASES] = {ib_cell_text(p->series[k].name), ib_cell_real(p->series[k].past->total)};
        for (size_t i = 0; i < n; i++)
            cell[2 + i] = ib_cell_real(phase_number(&p->series[k], shown_phase[i], "mean_s"));
        ib_report_row(p->report, cell);
    }
    ib_report_table_end(p->report);
    ib_report_unfold(p->report);
}

/* ---- imbalance ------------------------------------------------------------------------------------------- */

static void strips_of_imbalance(page *p, const shown *s)
{
    double longest = 0;
    char   value[120];

    for (int i = 0; i < IB_N_PHASES; i++)
        longest = fmax(longest, phase_number(s, i, "max_s"));
    ib_report_section(p->report, s->name, "From the fastest rank to the slowest; the line is the mean.");
    for (int i = 0; i < IB_N_PHASES; i++) {
        const double max = phase_number(s, i, "max_s"), mean = phase_number(s, i, "mean_s"),
                     min = phase_number(s, i, "min_s");
        const double   line = 0.0015 * longest;
        const ib_piece piece[] = {{0, fmax(min, 0), 0.28, phase_colour[i], 0.35, ""},
                                  {min, fmax(max, min + line), 0.8, phase_colour[i], 1, ""},
                                  {mean - line, mean + line, 1, IB_INK, 1, ""}};
        if (!(max > 0.002 * s->past->total))
            continue;
        snprintf(value, sizeof value, "%s to %s (rank %.0f), %+.1f %%", ib_text_seconds(min).s,
                 ib_text_seconds(max).s, phase_number(s, i, "max_rank"), 100 * (max / mean - 1));
        ib_report_strip(p->report, ib_phase_name((ib_phase)i), value, 0, longest, piece, 3);
    }
    ib_report_axis(p->report, (const char *const[]){"0", ib_text_seconds(longest).s}, 2);
}

/* What every rank did, or every so-manieth. */
static void strips_of_ranks(page *p, const shown *s)
{
    static const struct {
        const char *key, *name;
        int         colour;
    } activity[] = {{"team_s", "computing, all threads", 2},
                    {"serial_s", "computing alone", 4},
                    {"storing_s", "files", 5},
                    {"messaging_s", "waiting for ranks", 7}};
    enum { N = sizeof activity / sizeof *activity, MOST = 24 };
    const json_t *vec = ib_json_line(s->lines, "vec");
    const size_t  n = json_array_size(json_object_get(vec, "team_s")), step = n ? (n + MOST - 1) / MOST : 1;
    const double  every = fmax(number(vec, NULL, "every_rank"), 1);
    const char   *name[N];
    int           colour[N];
    char          title[40], value[80];

    if (n < 2)
        return;
    for (int i = 0; i < N; i++) {
        name[i] = activity[i].name;
        colour[i] = activity[i].colour;
    }
    ib_report_legend(p->report, name, colour, N);
    for (size_t r = 0; r < n; r += step) {
        ib_piece piece[N];
        double   from = 0;
        for (int i = 0; i < N; i++) {
            const double seconds =
                fmax(json_number_value(json_array_get(json_object_get(vec, activity[i].key), r)), 0);
            piece[i] = (ib_piece){from, from + seconds, 1, activity[i].colour, 1, activity[i].name};
            from += seconds;
        }
        snprintf(title, sizeof title, "rank %.0f", every * (double)r);
        snprintf(value, sizeof value, "%s waiting", ib_text_seconds(piece[N - 1].to - piece[N - 1].from).s);
        ib_report_strip(p->report, title, value, 0, s->past->total, piece, N);
    }
    ib_report_axis(p->report, (const char *const[]){"0", ib_text_seconds(s->past->total).s}, 2);
}

/* How channels were dealt, and dealt again. */
static void put_schedule(page *p)
{
    static const ib_heading heading[] = {{"series", "series"},        {"least", "least channels"},
                                         {"most", "most channels"},   {"longest", "longest rank / mean"},
                                         {"moved", "channels moved"}, {"take_ms", "ms to take one"}};

    ib_report_table(p->report, "schedule", heading, sizeof heading / sizeof *heading);
    for (size_t k = 0; k < p->n_series; k++) {
        const json_t *rep = p->series[k].rep;
        const double  takes = number(rep, "schedule", "takes"), mean = number(rep, "schedule", "work_mean_s");
        if (p->series[k].past->ranks > 1 && mean > 0)
            ib_report_row(p->report,
                          (const ib_cell[]){ib_cell_text(p->series[k].name), whole(number(rep, "schedule", "least")),
                                            whole(number(rep, "schedule", "most")),
                                            ib_cell_real(number(rep, "schedule", "work_max_s") / mean),
                                            whole(takes > 0 ? number(rep, "schedule", "moved") : (double)NAN),
                                            ib_cell_real(takes > 0 ? 1e3 * number(rep, "schedule", "take_s") / takes
                                                                   : (double)NAN)});
    }
    ib_report_table_end(p->report);
}

static void put_imbalance(page *p)
{
    static const ib_heading heading[] = {{"series", "series"},
                                         {"phase", "phase"},
                                         {"max_s", "slowest rank, s"},
                                         {"mean_s", "mean, s"},
                                         {"imbalance_percent", "imbalance, %"},
                                         {"lost_core_s", "lost, core-s"}};
    size_t                  drawn = 0, several = 0;

    begin_part(p, IMBALANCE, "How much longer the slowest rank took than the mean, and what that costs.");
    for (size_t k = 0; k < p->n_series; k++)
        several += p->series[k].past->ranks > 1;
    if (!several) {
        ib_report_text(p->report, "Every launch shown ran on one rank. More of them fill this part:");
        ib_report_code(p->report, "mpirun -n 2 imgbench sim:chiles,channel=0.01");
        return;
    }
    for (size_t k = 0; k < p->n_series && drawn < 2; k++)
        if (p->series[k].past->ranks > 1 && p->series[k].rep) {
            strips_of_imbalance(p, &p->series[k]);
            strips_of_ranks(p, &p->series[k]);
            drawn++;
        }
    put_schedule(p);
    ib_report_fold(p->report, "All series");
    ib_report_table(p->report, "imbalance", heading, sizeof heading / sizeof *heading);
    for (size_t k = 0; k < p->n_series; k++)
        for (int i = 0; i < IB_N_PHASES && p->series[k].past->ranks > 1; i++) {
            const shown *s = &p->series[k];
            const double max = phase_number(s, i, "max_s"), mean = phase_number(s, i, "mean_s");
            if (max > 0.03 * s->past->total)
                ib_report_row(p->report,
                              (const ib_cell[]){ib_cell_text(s->name), ib_cell_text(ib_phase_name((ib_phase)i)),
                                                ib_cell_real(max), ib_cell_real(mean),
                                                ib_cell_real(100 * (max / mean - 1)),
                                                ib_cell_real((max - mean) * s->past->ranks * s->past->threads)});
        }
    ib_report_table_end(p->report);
    ib_report_unfold(p->report);
}

/* ---- memory and storage ---------------------------------------------------------------------------------- */

enum { MOST_SAMPLES = 64, MOST_RANKS = 6 };

/* Memory and busy processors over time, of some ranks of one launch. */
static bool draw_course(page *p, const shown *s)
{
    typedef struct samples {
        double at[MOST_SAMPLES], mib[MOST_SAMPLES], busy[MOST_SAMPLES];
        char   name[32];
    } samples;
    const json_t *monitor = ib_json_line(s->lines, "monitor"), *all = json_object_get(monitor, "at_s");
    const size_t  n = json_array_size(all), step = n ? (n + MOST_RANKS - 1) / MOST_RANKS : 1;
    const double  every = fmax(number(monitor, NULL, "every_rank"), 1);
    ib_curve      memory[MOST_RANKS], busy[MOST_RANKS];
    size_t        drawn = 0;
    ib_error      ignored;
    samples      *room = ib_alloc_zero(MOST_RANKS, sizeof *room, "samples", &ignored);

    for (size_t r = 0; room && r < n; r += step) {
        const json_t *at = json_array_get(all, r), *cpu = json_array_get(json_object_get(monitor, "cpu_s"), r),
                     *bytes = json_array_get(json_object_get(monitor, "resident_bytes"), r);
        samples *u = &room[drawn];
        size_t   m = 0;
        double   before_at = 0, before_cpu = (double)NAN;
        for (; m < MOST_SAMPLES && m < json_array_size(at); m++) {
            const json_t *resident = json_array_get(bytes, m);
            const double  used = json_number_value(json_array_get(cpu, m));
            u->at[m] = json_number_value(json_array_get(at, m));
            u->mib[m] =
                (json_is_string(resident) ? strtod(json_string_value(resident), NULL) : json_number_value(resident)) /
                1048576;
            u->busy[m] = u->at[m] > before_at ? (used - before_cpu) / (u->at[m] - before_at) : (double)NAN;
            before_at = u->at[m];
            before_cpu = used;
        }
        if (m < 3)
            continue;
        snprintf(u->name, sizeof u->name, "rank %.0f", every * (double)r);
        memory[drawn] =
            (ib_curve){.name = u->name, .kind = IB_CURVE_LINE, .colour = (int)drawn, .n = m, .x = u->at, .y = u->mib};
        busy[drawn] = (ib_curve){
            .name = u->name, .kind = IB_CURVE_LINE, .colour = (int)drawn, .n = m, .x = u->at, .y = u->busy};
        drawn++;
    }
    if (drawn) {
        ib_report_chart(p->report, &(ib_chart){.title = "Memory over time",
                                               .text = s->name,
                                               .x = "s since the start",
                                               .y = "resident, MiB",
                                               .from_zero = true,
                                               .curve = memory,
                                               .n_curve = drawn});
        ib_report_chart(p->report, &(ib_chart){.title = "Processors in use",
                                               .text = s->name,
                                               .x = "s since the start",
                                               .y = "processors",
                                               .from_zero = true,
                                               .least = 0,
                                               .most = s->past->threads,
                                               .curve = busy,
                                               .n_curve = drawn});
    }
    ib_free(room);
    return drawn > 0;
}

static void put_memory(page *p)
{
    static const ib_heading heading[] = {{"series", "series"},
                                         {"planned_mib", "planned, MiB"},
                                         {"peak_mib", "peak, MiB"},
                                         {"limit_mib", "--memory, MiB"},
                                         {"share", "peak / planned"}};
    const double            mib = 1048576;
    char                    value[160];
    bool                    any = false;

    begin_part(
        p, MEMORY,
        "Per rank: the peak that was measured; lines are what was planned and, at the end, what --memory allowed.");
    for (size_t k = 0; k < p->n_series; k++) {
        const shown *s = &p->series[k];
        const double peak = number(s->rep, "memory", "peak_bytes"), plan = number(s->rep, "memory", "plan_bytes"),
                     limit = number(s->rep, "memory", "limit_bytes");
        const double   most = fmax(limit, fmax(peak, plan)), line = 0.0015 * most;
        const ib_piece piece[] = {{0, peak, 1, peak > limit ? 1 : 0, 1, "peak"},
                                  {plan - line, plan + line, 1, IB_INK, 1, "planned"},
                                  {limit - 2 * line, limit, 1, IB_INK, 1, "--memory"}};
        if (!(peak > 0))
            continue;
        snprintf(value, sizeof value, "%.36s of %.36s, planned %.36s", ib_text_bytes(peak).s,
                 limit > 0 ? ib_text_bytes(limit).s : "?", plan > 0 ? ib_text_bytes(plan).s : "?");
        ib_report_strip(p->report, s->name, value, 0, most, piece, 3);
        any = true;
    }
    if (!any) {
        ib_report_text(p->report, "No launch has recorded its memory yet.");
        return;
    }
    for (size_t k = 0, drawn = 0; k < p->n_series && drawn < 2; k++)
        drawn += draw_course(p, &p->series[k]);
    ib_report_fold(p->report, "Numbers");
    ib_report_table(p->report, "memory", heading, 5);
    for (size_t k = 0; k < p->n_series; k++) {
        const json_t *rep = p->series[k].rep;
        const double  peak = number(rep, "memory", "peak_bytes"), plan = number(rep, "memory", "plan_bytes");
        ib_report_row(p->report, (const ib_cell[]){ib_cell_text(p->series[k].name), ib_cell_real(plan / mib),
                                                   ib_cell_real(peak / mib),
                                                   ib_cell_real(number(rep, "memory", "limit_bytes") / mib),
                                                   ib_cell_real(peak / plan)});
    }
    ib_report_table_end(p->report);
    ib_report_unfold(p->report);
}

/* What threads of their own did beside the gridding, and what gridding waited for. */
static void put_overlap(page *p)
{
    static const ib_heading  heading[] = {{"series", "series"},
                                          {"read_percent", "reading beside it"},
                                          {"write_percent", "writing beside it"},
                                          {"data_percent", "waited for data"},
                                          {"room_percent", "waited for room to write"}};
    static const char *const key[] = {"read_s", "write_s", "data_s", "room_s"};
    bool                     any = false;

    for (size_t k = 0; k < p->n_series; k++)
        any |= number(p->series[k].rep, "schedule", "work_mean_s") > 0;
    if (!any)
        return;
    ib_report_section(p->report, "Beside the gridding",
                      "In percent of the time that ranks worked, means over ranks.");
    ib_report_table(p->report, "overlap", heading, 5);
    for (size_t k = 0; k < p->n_series; k++) {
        const double work = number(p->series[k].rep, "schedule", "work_mean_s");
        ib_cell      cell[5] = {ib_cell_text(p->series[k].name)};
        for (int i = 0; i < 4; i++)
            cell[1 + i] = ib_cell_real(100 * number(p->series[k].rep, "overlap", key[i]) / work);
        if (work > 0)
            ib_report_row(p->report, cell);
    }
    ib_report_table_end(p->report);
}

static void put_storage(page *p)
{
    static const ib_heading heading[] = {{"series", "series"},
                                         {"read_mb", "read, MB"},
                                         {"read_s", "s"},
                                         {"read_mb_s", "MB/s"},
                                         {"read_times", "times the disk's"},
                                         {"written_mb", "written, MB"},
                                         {"written_s", "s"},
                                         {"written_mb_s", "MB/s"},
                                         {"written_times", "times the disk's"},
                                         {"storage_share", "all bytes, % of T"}};
    bool                    any = false, missing = false;

    begin_part(
        p, STORAGE,
        "Bytes that files gave and took. \"Times the disk's\": how many times as long as the measured disk needs for them; below 1 the system's memory helped. Written includes the wait for the device.");
    ib_report_table(p->report, "storage", heading, sizeof heading / sizeof *heading);
    for (size_t k = 0; k < p->n_series; k++) {
        const shown *s = &p->series[k];
        const bool   simulated = !strncmp(s->past->input, "sim:", 4); /* its bytes were made, not read */
        const double got = simulated ? (double)NAN : number(s->rep, "bytes", "read"),
                     put = number(s->rep, "bytes", "written");
        const double got_s = phase_number(s, IB_PHASE_READ, "mean_s");
        const double put_s =
            phase_number(s, IB_PHASE_WRITE, "mean_s") + fmax(phase_number(s, IB_PHASE_CLOSE, "mean_s"), 0);
        const json_t *phases = json_object_get(s->rep, "phases");
        const bool    on_disk[] = {!strcmp(words(json_object_get(phases, "read"), "nearest"), "disk"),
                                   !strcmp(words(json_object_get(phases, "write"), "nearest"), "disk")};
        if (!(got > 0) && !(put > 0))
            continue;
        any = true;
        missing |= !json_is_object(json_object_get(s->rep, "limits"));
        ib_report_row(
            p->report,
            (const ib_cell[]){ib_cell_text(s->name), ib_cell_real(got * 1e-6),
                              ib_cell_real(simulated ? (double)NAN : got_s),
                              ib_cell_real(got > 0 ? got * 1e-6 / got_s : (double)NAN),
                              ib_cell_real(on_disk[0] ? phase_number(s, IB_PHASE_READ, "times_bound") : (double)NAN),
                              ib_cell_real(put * 1e-6), ib_cell_real(put_s),
                              ib_cell_real(put > 0 ? put * 1e-6 / put_s : (double)NAN),
                              ib_cell_real(on_disk[1] ? phase_number(s, IB_PHASE_WRITE, "times_bound") : (double)NAN),
                              ib_cell_real(100 * number(s->rep, "limits", "storage_share"))});
    }
    ib_report_table_end(p->report);
    put_overlap(p);
    if (!any) {
        ib_report_text(
            p->report,
            "No launch shown has read or written a file. Visibilities in a file and a cube fill this part:");
        ib_report_code(
            p->report,
            "imgbench simulate sim:chiles,channel=0.01 -o visibilities.h5\nimgbench visibilities.h5 -o cube.hdf5");
    }
    if (missing) {
        ib_report_text(p->report, "The disk was not measured before some of these launches:");
        ib_report_code(p->report, "imgbench calibrate --folder .");
    }
}

/* ---- limits ---------------------------------------------------------------------------------------------- */

static bool strips_of_limits(page *p, const shown *s, bool first)
{
    char name[80], value[120];
    bool any = false;

    for (int i = 0; i < IB_N_PHASES; i++) {
        const double times = phase_number(s, i, "times_bound"), share = 100 / times;
        const char  *nearest =
            words(json_object_get(json_object_get(s->rep, "phases"), ib_phase_name((ib_phase)i)), "nearest");
        if (!(times > 0) || !(phase_number(s, i, "mean_s") > 0.01 * s->past->total))
            continue;
        if (!any && first)
            ib_report_section(p->report, s->name, "Share of the nearest limit that each phase reached.");
        snprintf(name, sizeof name, "%s: %s", ib_phase_name((ib_phase)i), nearest);
        snprintf(value, sizeof value, share > 100 ? "beyond the limit: in memory" : "%.1f %%", share);
        ib_report_strip(p->report, name, value, 0, 100,
                        &(const ib_piece){0, fmin(share, 100), 0.9, phase_colour[i], 1, ""}, 1);
        any = true;
    }
    if (any)
        ib_report_axis(p->report, (const char *const[]){"0", "100 % of the limit"}, 2);
    return any;
}

static void put_limits(page *p)
{
    bool any = false;
    char title[140], day[16];

    begin_part(
        p, LIMITS,
        "What the work must at least compute and move, over the best rates that imgbench calibrate measured (docs/records.md, bounds).");
    for (size_t k = 0, drawn = 0; k < p->n_series && drawn < 2; k++)
        if (strips_of_limits(p, &p->series[k], true)) {
            drawn++;
            any = true;
        }
    for (size_t k = 0; k < p->n_series; k++) {
        ib_limits limits;
        int       age;
        bool      told = false;
        for (size_t i = 0; i < k; i++)
            told |= !strcmp(p->series[i].past->machine, p->series[k].past->machine);
        if (told || !ib_limits_recorded(option(p, "record"), p->series[k].past->machine, &limits, day, &age))
            continue;
        snprintf(title, sizeof title, "Rates of %s, measured on %s", p->series[k].past->machine, day);
        ib_report_fold(p->report, title);
        ib_limits_report(p->report, &limits);
        ib_report_unfold(p->report);
        any = true;
    }
    if (!any) {
        ib_report_text(
            p->report,
            "The machines of these launches were not measured. Half a minute fills this part for launches that follow:");
        ib_report_code(p->report, "imgbench calibrate");
    }
}

/* ---- comparisons ----------------------------------------------------------------------------------------- */

static int colour_of(const char *verdict)
{
    if (!strcmp(verdict, ib_verdict_name(IB_SLOWER)) || !strcmp(verdict, ib_verdict_name(IB_WRONG)))
        return 1;
    if (!strcmp(verdict, ib_verdict_name(IB_FASTER)))
        return 2;
    return !strcmp(verdict, ib_verdict_name(IB_SAME)) || !strncmp(verdict, "small", 5) ? 0 : 8;
}

/* Intervals of one campaign: verdicts v[0..n). */
static void draw_intervals(page *p, const ib_past_verdict *v, size_t n)
{
    double widest = 3 * v->margin;
    char   name[260], value[160], left[24], right[24];

    for (size_t i = 0; i < n; i++) {
        const double low = fabs(log(v[i].low)), high = fabs(log(v[i].high));
        widest = fmax(widest, 1.1 * fmax(isfinite(low) ? low : 0, isfinite(high) ? high : 0));
    }
    widest = fmin(widest, 1.5);
    for (size_t i = 0; i < n; i++) {
        const double low = log(v[i].low), high = log(v[i].high), middle = log(v[i].ratio), line = 0.003 * widest,
                     margin = log1p(v->margin);
        const int      colour = colour_of(v[i].verdict);
        const ib_piece piece[] = {{-margin, margin, 1, IB_ZONE, 1, "margin"},
                                  {-0.5 * line, 0.5 * line, 1, IB_INK, 1, ""},
                                  {low, high, 0.35, colour, 1, ""},
                                  {middle - line, middle + line, 0.9, colour, 1, ""}};
        snprintf(name, sizeof name, "%s of %s, %d x %d", v[i].metric, v[i].problem, v[i].ranks, v[i].threads);
        if (isfinite(low))
            snprintf(value, sizeof value, "%+.1f %% (%+.1f to %+.1f): %s", 100 * (v[i].ratio - 1),
                     100 * (v[i].low - 1), 100 * (v[i].high - 1), v[i].verdict);
        else
            snprintf(value, sizeof value, "%s", v[i].verdict);
        ib_report_strip(p->report, name, value, -widest, widest, piece, isfinite(low) ? 4 : isfinite(middle) ? 2 : 1);
    }
    snprintf(left, sizeof left, "%.3g %% (faster)", 100 * expm1(-widest));
    snprintf(right, sizeof right, "+%.3g %% (slower)", 100 * expm1(widest));
    ib_report_axis(p->report, (const char *const[]){left, "0", right}, 3);
}

static void tabulate_verdicts(page *p, const ib_past_verdict *v, size_t n)
{
    static const ib_heading heading[] = {{"problem", "problem"},
                                         {"shape", "ranks x threads"},
                                         {"metric", "metric"},
                                         {"n_a", "A"},
                                         {"n_b", "B"},
                                         {"change_percent", "B/A, %"},
                                         {"low_percent", "from"},
                                         {"high_percent", "to"},
                                         {"p", "p"},
                                         {"verdict", "verdict"}};
    char                    shape[40];

    ib_report_fold(p->report, "Numbers");
    ib_report_table(p->report, "comparisons", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < n; i++) {
        snprintf(shape, sizeof shape, "%d x %d", v[i].ranks, v[i].threads);
        ib_report_row(p->report,
                      (const ib_cell[]){ib_cell_text(v[i].problem), ib_cell_text(shape), ib_cell_text(v[i].metric),
                                        ib_cell_count(v[i].n_a), ib_cell_count(v[i].n_b),
                                        ib_cell_real(100 * (v[i].ratio - 1)), ib_cell_real(100 * (v[i].low - 1)),
                                        ib_cell_real(100 * (v[i].high - 1)), ib_cell_real(v[i].p),
                                        ib_cell_text(v[i].verdict)});
    }
    ib_report_table_end(p->report);
    ib_report_unfold(p->report);
}

static ib_status put_comparisons(page *p, ib_error *err)
{
    ib_past_verdict *v;
    size_t           n;
    char             title[300], text[200];

    begin_part(
        p, COMPARISONS,
        "Variants that imgbench ab launched in turns: the interval of their ratio; the grey zone is what does not matter.");
    const ib_status rc = ib_history_verdicts(p->history, MAX_CAMPAIGNS, &v, &n, err);
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i; k < n && !strcmp(v[k].run_id, v[i].run_id) && !strcmp(v[k].b, v[i].b); k++) {
        }
        snprintf(title, sizeof title, "%s against %s", v[i].b, v[i].a);
        snprintf(text, sizeof text, "%.10s, on %s%s", v[i].started, v[i].machine,
                 strcmp(v[i].kind, "null") ? "" : ": an A/A control, the noise of that machine");
        ib_report_section(p->report, title, text);
        draw_intervals(p, &v[i], k - i);
        tabulate_verdicts(p, &v[i], k - i);
    }
    if (!rc && !n) {
        ib_report_text(
            p->report,
            "Nothing was launched in turns. To judge a branch against the trunk, two settings, or the noise of this machine:");
        ib_report_code(
            p->report,
            "imgbench ab main my-branch -- sim:chiles,channel=0.01\nimgbench ab isa=v3 isa=v4 -- sim:chiles,channel=0.01\nimgbench ab HEAD --null -- sim:chiles,channel=0.01");
    }
    ib_free(v);
    return rc;
}

/* ---- accuracy -------------------------------------------------------------------------------------------- */

static void put_pictures(page *p)
{
    char         list[4000], *rest = NULL;
    ib_thumbnail t;
    ib_error     why;
    size_t       n = 0;

    snprintf(list, sizeof list, "%s", option(p, "image"));
    for (char *path = strtok_r(list, ",", &rest); path; path = strtok_r(NULL, ",", &rest)) {
        if (n++ == MAX_PICTURES)
            break;
        if (ib_thumbnail_make(&t, path, THUMBNAIL, &why)) {
            ib_warn("report --image: %s", why.text);
            continue;
        }
        ib_report_picture(p->report, t.png, t.bytes, t.nx, t.ny, t.title, t.text);
        ib_free(t.png);
    }
    if (!n) {
        ib_report_text(p->report, "Planes of cubes are shown here with");
        ib_report_code(p->report, "imgbench report --image observation.hdf5,observation.psf.hdf5");
    }
}

static void put_accuracy(page *p)
{
    static const ib_heading heading[] = {{"series", "series"},     {"promised", "promised"},
                                         {"measured", "measured"}, {"ratio", "measured / promised"},
                                         {"pixels", "pixels"},     {"planes", "planes"}};
    char                    value[120], measured_text[24], promised_text[24];
    bool                    any = false;

    begin_part(
        p, ACCURACY,
        "Pixels of every launch are compared with the direct Fourier sum. Strips end where an image is refused: at three times the promised rms error.");
    for (size_t k = 0; k < p->n_series; k++) {
        const json_t *check = ib_json_line(p->series[k].lines, "check");
        const double  measured = number(check, NULL, "value"), promised = number(check, "detail", "promised"),
                     limit = 3 * promised;
        const ib_piece piece[] = {{0, measured, 0.8, measured > limit ? 1 : 2, 1, "measured"},
                                  {promised * 0.996, promised * 1.004, 1, IB_INK, 1, "promised"}};
        if (!(measured >= 0) || !(promised > 0))
            continue;
        snprintf(value, sizeof value, "%.2g of %.2g promised", measured, promised);
        ib_report_strip(p->report, p->series[k].name, value, 0, limit, piece, 2);
        any = true;
    }
    if (any) {
        ib_report_axis(p->report, (const char *const[]){"0", "3 x promised: refused"}, 2);
        ib_report_fold(p->report, "Numbers");
        ib_report_table(p->report, "accuracy", heading, sizeof heading / sizeof *heading);
        for (size_t k = 0; k < p->n_series; k++) {
            const json_t *check = ib_json_line(p->series[k].lines, "check");
            const double  measured = number(check, NULL, "value"), promised = number(check, "detail", "promised");
            snprintf(measured_text, sizeof measured_text, "%.3g", measured);
            snprintf(promised_text, sizeof promised_text, "%.3g", promised);
            if (measured >= 0)
                ib_report_row(p->report,
                              (const ib_cell[]){ib_cell_text(p->series[k].name), ib_cell_text(promised_text),
                                                ib_cell_text(measured_text), ib_cell_real(measured / promised),
                                                whole(number(check, "detail", "pixels")),
                                                whole(number(check, "detail", "planes"))});
        }
        ib_report_table_end(p->report);
        ib_report_unfold(p->report);
    } else {
        ib_report_text(p->report,
                       "No launch shown was compared with the direct Fourier sum: they ran with --no-check.");
    }
    put_pictures(p);
}

/* ---- launches, provenance -------------------------------------------------------------------------------- */

static void put_launches(page *p)
{
    const size_t first = p->n > MAX_LISTED ? p->n - MAX_LISTED : 0;
    char         title[80];

    begin_part(p, LAUNCHES, "");
    snprintf(title, sizeof title, "The newest %zu of %zu", p->n - first, p->n);
    ib_report_fold(p->report, title);
    ib_launches_report(p->report, p->launch + first, p->n - first);
    ib_report_unfold(p->report);
}

/* When compiler, libraries, kernel or variables changed between launches of one series, the newest first. */
static void put_changes(page *p)
{
    static const ib_heading heading[] = {
        {"started", "since (UTC)"}, {"machine", "machine"}, {"changed", "what changed"}};
    char   changed[600];
    size_t shown_changes = 0;

    ib_report_section(
        p->report, "Changes of the environment",
        "Between launches of the same series that follow each other; a step in a trend that comes with one is not the commit's alone.");
    ib_report_table(p->report, "changes", heading, 3);
    for (size_t i = p->n; i-- > 0 && shown_changes < 20;) {
        size_t k = i;
        while (k-- > 0 && !ib_past_same_series(&p->launch[k], &p->launch[i], "")) {
        }
        *changed = 0;
        if (k < p->n)
            ib_past_differences(&p->launch[k], &p->launch[i], changed, sizeof changed);
        if (*changed) {
            ib_report_row(p->report, (const ib_cell[]){ib_cell_text(p->launch[i].started),
                                                       ib_cell_text(p->launch[i].machine), ib_cell_text(changed)});
            shown_changes++;
        }
    }
    ib_report_table_end(p->report);
    if (!shown_changes)
        ib_report_text(p->report, "None.");
}

static void put_provenance(page *p)
{
    begin_part(p, PROVENANCE, "");
    put_changes(p);
    if (p->n_series) {
        ib_report_section(p->report, "The newest launch", p->series[0].name);
        ib_report_fact(p->report, "run", "run", p->series[0].past->run_id);
        ib_report_fold(p->report, "Everything its record says");
        ib_facts_report(p->report, p->series[0].lines);
        ib_report_unfold(p->report);
    }
}

/* ---- how to do it again ---------------------------------------------------------------------------------- */

/* A word as a shell reads it. @return characters used */
static size_t quote(char *text, size_t size, const char *word)
{
    size_t at = 0;

    if (*word &&
        strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=.,:/+@%") == strlen(word))
        return (size_t)snprintf(text, size, "%s", word);
    at += (size_t)snprintf(text, size, "'");
    for (; *word && at + 6 < size; word++)
        at += (size_t)snprintf(text + at, size - at, *word == '\'' ? "'\\''" : "%c", *word);
    return at + (size_t)snprintf(text + at, size - at, "'");
}

static void command_of(const shown *s, char *text, size_t size)
{
    const json_t *run = ib_json_line(s->lines, "run"), *argv = json_object_get(run, "argv"),
                 *build = json_object_get(run, "build"), *word;
    json_t     *env = json_object_get(run, "env"), *value;
    const char *key, *type = words(build, "build_type");
    size_t      i, at;
    const bool  known = strcmp(s->past->commit, "unknown") != 0;

    at = (size_t)snprintf(text, size,
                          "git checkout %s%s\ncmake -S . -B build -DCMAKE_BUILD_TYPE=%s && cmake --build build\n",
                          known ? s->past->commit : "COMMIT",
                          s->past->dirty > 0 ? "   # and the changes that were not committed"
                          : known            ? ""
                                             : "   # it is not known",
                          *type ? type : "Release");
    json_object_foreach(env, key, value)
    {
        if (at + 1 < size && strcmp(key, "OMP_NUM_THREADS") != 0 && json_is_string(value)) {
            at += (size_t)snprintf(text + at, size - at, "%s=", key);
            at += at < size ? quote(text + at, size - at, json_string_value(value)) : 0;
            at += at < size ? (size_t)snprintf(text + at, size - at, " \\\n") : 0;
        }
    }
    if (at < size)
        at += (size_t)snprintf(text + at, size - at, "OMP_NUM_THREADS=%d mpirun -n %d build/imgbench",
                               s->past->threads, s->past->ranks);
    json_array_foreach(argv, i, word)
    {
        if (i && json_is_string(word) && at + 1 < size) {
            at += (size_t)snprintf(text + at, size - at, " ");
            at += at < size ? quote(text + at, size - at, json_string_value(word)) : 0;
        }
    }
}

static void put_reproduce(page *p)
{
    char text[8000];

    begin_part(p, REPRODUCE,
               "The newest launch of each series. Folders were not recorded: files are named without them.");
    for (size_t k = 0; k < p->n_series; k++) {
        if (k == 1)
            ib_report_fold(p->report, "The other series");
        ib_report_section(p->report, p->series[k].name, "");
        command_of(&p->series[k], text, sizeof text);
        ib_report_code(p->report, text);
    }
    if (p->n_series > 1)
        ib_report_unfold(p->report);
    ib_report_section(p->report, "This page", "");
    ib_report_code(p->report, "imgbench report -o report.html");
}

static void put_method(page *p)
{
    char text[200];

    begin_part(p, METHOD, "");
    ib_report_text(
        p->report,
        "One launch (one mpirun) is one observation; it counts the median of its repetitions. Medians are over launches; nothing is left out as an outlier.");
    ib_report_text(
        p->report,
        "Worth: reportable launches fulfil every condition for quoting; valid ones are correct but lack one; provisional ones were not checked or not whole; invalid ones are wrong or failed and count nowhere.");
    ib_report_text(
        p->report,
        "Comparisons: Hodges-Lehmann ratio with the interval of the exact rank-sum test at 95 %; slower and faster only when the whole interval lies beyond the margin, and among all metrics at a false-discovery rate of 5 % (Benjamini-Hochberg).");
    ib_report_text(
        p->report,
        "Trends: segments of at least three commits by least absolute deviations with a penalty, steps supported by a rank-sum test (p <= 0.005) and larger than the margin; the newest two commits, and steps of fewer than eleven commits (found in their launches), can only be suspect until imgbench ab has measured them.");
    ib_report_text(
        p->report,
        "Scaling: laws with coefficients that are not negative, chosen by predicting sizes that were left out; bands hold 95 % of 2000 fits to resampled launches (seed 1).");
    snprintf(text, sizeof text, "Margin %s %%; launches worth at least \"%s\" count in trends.", option(p, "margin"),
             option(p, "allow"));
    ib_report_text(p->report, text);
}

/* ---- the page -------------------------------------------------------------------------------------------- */

static void put_head(page *p, FILE *file, bool page_form)
{
    char   text[500];
    size_t machines = 0;

    for (size_t i = 0; i < p->n; i++) {
        bool known = false;
        for (size_t k = 0; k < i && !known; k++)
            known = !strcmp(p->launch[k].machine, p->launch[i].machine);
        machines += !known;
    }
    if (p->n)
        snprintf(text, sizeof text, "%zu %s on %zu %s, %.10s to %.10s.", p->n, p->n == 1 ? "launch" : "launches",
                 machines, machines == 1 ? "machine" : "machines", p->launch->started, p->launch[p->n - 1].started);
    else
        snprintf(text, sizeof text, "No launch is recorded.");
    if (*option(p, "stamp")) {
        const time_t now = time(NULL);
        struct tm    utc = {0};
        gmtime_r(&now, &utc);
        strftime(text + strlen(text), sizeof text - strlen(text), " Made %Y-%m-%d %H:%M UTC.", &utc);
    }
    ib_report_title(p->report, option(p, "title"), text);
    if (!page_form || !p->n)
        return;
    fputs("<nav aria-label=\"Parts\">", file);
    for (int i = 0; i < N_PARTS; i++)
        fprintf(file, "<a href=\"#%s\">%s</a>", parts[i].name, parts[i].title);
    fputs("</nav>\n", file);
}

static ib_status put_page(page *p, const char *terms, ib_error *err)
{
    ib_trends *trends = NULL;
    ib_error   why;
    ib_status  rc = IB_OK;

    if (!p->n) {
        ib_report_text(p->report, *terms ? "No launch satisfies the terms of this report."
                                         : "A launch leaves a record, and this page then tells about it:");
        ib_report_code(p->report, "mpirun -n 2 imgbench sim:chiles,channel=0.01\nimgbench report");
        return ib_fail(err, IB_ENODATA, "no launch in %.200s%s%.200s", option(p, "record"),
                       *terms ? " satisfies " : "", terms);
    }
    choose_series(p);
    const ib_status trends_rc = ib_trends_open(&trends, p->history, ib_make_report_options, p->value, terms, &why);
    if (trends_rc && trends_rc != IB_ENODATA && trends_rc != IB_EUNSUPPORTED) {
        *err = why;
        return trends_rc;
    }
    rc = put_verdicts(p, trends, err);
    put_trend(p, trends, trends_rc == IB_EUNSUPPORTED ? why.text : NULL);
    ib_trends_close(trends);
    rc = rc ? rc : put_scaling(p, err);
    if (rc)
        return rc;
    put_efficiency(p);
    put_phases(p);
    put_imbalance(p);
    put_memory(p);
    put_storage(p);
    put_limits(p);
    rc = put_comparisons(p, err);
    put_accuracy(p);
    put_launches(p);
    put_provenance(p);
    put_reproduce(p);
    put_method(p);
    return rc;
}

/* Whole, or an error and no file. An empty history is told on the page, and by the status. */
static ib_status write_page(page *p, const char *terms, ib_form form, const char *path, ib_error *err)
{
    char      partial[1100];
    ib_error  other;
    const int n = snprintf(partial, sizeof partial, "%s.part", path);
    FILE     *file = n < (int)sizeof partial ? fopen(partial, "w") : NULL;

    if (!file)
        return ib_fail(err, IB_EIO, "report --output: create %.300s: %s", path,
                       n < (int)sizeof partial ? strerror(errno) : "the name is too long");
    if (form == IB_FORM_HTML)
        ib_html_begin(file, option(p, "title"));
    ib_status rc = ib_report_begin(&p->report, file, form, err);
    if (!rc) {
        put_head(p, file, form == IB_FORM_HTML);
        rc = put_page(p, terms, err);
        if (ib_report_end(p->report, &other) && (!rc || rc == IB_ENODATA))
            rc = (*err = other).status;
    }
    if (form == IB_FORM_HTML) {
        fprintf(file, "<footer>imgbench %s</footer>\n", ib_build_facts()->version);
        ib_html_end(file);
    }
    const bool bad = ferror(file) != 0;
    if ((fclose(file) || bad) && (!rc || rc == IB_ENODATA))
        rc = ib_fail(err, IB_EIO, "report: write %.300s: %s", partial, strerror(errno));
    if ((!rc || rc == IB_ENODATA) && rename(partial, path))
        rc = ib_fail(err, IB_EIO, "report: rename %.200s to %.200s: %s", partial, path, strerror(errno));
    if (rc && rc != IB_ENODATA)
        remove(partial);
    return rc;
}

ib_status ib_make_report(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const ib_help_option *table = ib_make_report_options;
    page                 *p = ib_alloc_zero(1, sizeof *p, "page", err);
    const char           *word[MAX_WORDS];
    char                  terms[1000] = "";
    size_t                n_word;
    ib_form               form = IB_FORM_HTML;

    if (!p)
        return err->status;
    ib_status rc = ib_arguments_words("report", table, argc, argv, p->value, word, MAX_WORDS, &n_word, err);
    if (!rc && !strcmp(option(p, "format"), "md"))
        form = IB_FORM_MD;
    else if (!rc && strcmp(option(p, "format"), "html") != 0)
        rc = ib_fail(err, IB_EUSAGE, "report --format: \"%.40s\" is neither html nor md", option(p, "format"));
    for (size_t i = 0, at = 0; !rc && i < n_word && at < sizeof terms; i++)
        at += (size_t)snprintf(terms + at, sizeof terms - at, "%s%s", i ? "," : "", word[i]);
    rc = rc ? rc : ib_history_open(&p->history, option(p, "record"), false, err);
    if (rc)
        goto done;
    ib_history_warn(p->history);
    rc = ib_history_select(
        p->history, &(ib_selection){.terms = terms, .repository = option(p, "repository"), .at_worst = IB_INVALID},
        &p->launch, &p->n, err);
    if (!rc || (rc == IB_ENODATA && !*terms)) {
        rc = write_page(p, terms, form, option(p, "output"), err);
        if (!rc)
            fprintf(out, "wrote %s: %zu %s\n", option(p, "output"), p->n, p->n == 1 ? "launch" : "launches");
    }
done:
    for (size_t k = 0; k < p->n_series; k++)
        json_decref(p->series[k].lines);
    ib_free(p->launch);
    ib_history_close(p->history);
    ib_free(p);
    return rc;
}
