/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/compare.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/browse.h"

#include <math.h>
#include <string.h>

/* Of either side the newest so many are judged: the exact tests need no more. */
enum { MAX_SIDE = 200 };

/* ---- series ---------------------------------------------------------------------------------------------- */

static bool counts(const ib_past *p, ib_validity at_worst)
{
    return p->validity <= at_worst && p->total > 0;
}

static double time_of(const ib_past *p, int metric)
{
    return metric < 0 ? p->total : p->phase[metric];
}

/* Logarithms of one metric of a series, the newest MAX_SIDE of them. */
static size_t collect(const ib_past *from, size_t n, const ib_past *series, int metric, const ib_judging *how,
                      double *x)
{
    size_t found = 0;

    for (size_t i = n; i-- > 0 && found < MAX_SIDE;)
        if (counts(&from[i], how->at_worst) && ib_past_same_series(&from[i], series, how->except) &&
            time_of(&from[i], metric) > 0)
            x[found++] = log(time_of(&from[i], metric));
    return found;
}

static bool is_refused(const ib_past *from, size_t n, const ib_past *series, const char *except)
{
    for (size_t i = 0; i < n; i++)
        if (from[i].wrong && ib_past_same_series(&from[i], series, except))
            return true;
    return false;
}

static double median_of(double *x, size_t n)
{
    return exp(ib_spread_of(x, n).median);
}

/* ---- judging --------------------------------------------------------------------------------------------- */

typedef struct room {
    double x[MAX_SIDE], y[MAX_SIDE], work[MAX_SIDE * MAX_SIDE];
} room;

static ib_finding judge(const ib_past *a, size_t n_a, const ib_past *b, size_t n_b, const ib_past *series, int metric,
                        const ib_judging *how, room *r)
{
    ib_finding   f = {.series = *series};
    const size_t n = collect(a, n_a, series, metric, how, r->x), m = collect(b, n_b, series, metric, how, r->y);

    snprintf(f.metric, sizeof f.metric, "%s", metric < 0 ? "T" : ib_phase_name((ib_phase)metric));
    f.n[0] = n;
    f.n[1] = m;
    f.shift = ib_shift_of(r->x, n, r->y, m, how->alpha, r->work);
    f.verdict = ib_verdict_of(&f.shift, how->margin);
    f.median[0] = median_of(r->x, n);
    f.median[1] = median_of(r->y, m);
    if (is_refused(a, n_a, series, how->except) || is_refused(b, n_b, series, how->except))
        f.verdict = IB_WRONG;
    return f;
}

static bool decides(ib_verdict v)
{
    return v == IB_SLOWER || v == IB_FASTER;
}

/* A difference that many looks at nothing would give, too, is none; nor one that something else may have made. */
static void doubt(ib_comparison *c, const ib_past *a, const ib_past *b, const ib_judging *how, double *p, bool *found)
{
    for (size_t i = 0; i < c->n; i++)
        p[i] = c->finding[i].shift.p;
    ib_discoveries(p, c->n, IB_FALSE_SHARE, found);
    for (size_t i = 0; i < c->n; i++) {
        ib_finding *f = &c->finding[i];
        if (decides(f->verdict) && !found[i]) {
            const ib_shift unseen = {.n = f->n[0], .m = f->n[1], .low = (double)NAN};
            f->verdict = IB_INCONCLUSIVE;
            f->needed = ib_launches_needed(&unseen, how->margin, IB_FALSE_SHARE / (double)c->n);
        }
        if (decides(f->verdict) && *c->changed && strcmp(a->commit, b->commit) != 0 && !how->any_environment &&
            !*how->except)
            f->verdict = IB_CHANGED;
        if (!f->needed && (f->verdict == IB_INCONCLUSIVE || f->verdict == IB_TOO_FEW))
            f->needed = ib_launches_needed(&f->shift, how->margin, how->alpha);
    }
}

static void conclude(ib_comparison *c)
{
    c->verdict = IB_FASTER;
    for (size_t i = 0; i < c->n; i++) {
        const ib_verdict v = c->finding[i].verdict;
        if ((!strcmp(c->finding[i].metric, "T") || v >= IB_SLOWER) && v > c->verdict)
            c->verdict = v;
    }
}

/* The first launch of every series that both sides have launches of. */
static bool is_first(const ib_past *a, size_t i, const char *except)
{
    for (size_t k = 0; k < i; k++)
        if (ib_past_same_series(&a[k], &a[i], except))
            return false;
    return true;
}

static const ib_past *newest_of(const ib_past *from, size_t n, const ib_past *series, const ib_judging *how)
{
    for (size_t i = n; i-- > 0;)
        if (counts(&from[i], how->at_worst) && ib_past_same_series(&from[i], series, how->except))
            return &from[i];
    return NULL;
}

static void count_side(ib_comparison *c, const ib_past *from, size_t n, const ib_past *other, size_t n_other,
                       int side, const ib_judging *how)
{
    for (size_t i = 0; i < n; i++) {
        c->n_refused[side] += from[i].wrong;
        if (!counts(&from[i], how->at_worst) || !newest_of(other, n_other, &from[i], how)) {
            c->n_left_out++;
        } else if (from[i].validity >= c->worst) {
            c->worst = from[i].validity;
            snprintf(c->why_worst, sizeof c->why_worst, "%s", from[i].reason);
        }
    }
}

ib_status ib_compare_launches(const ib_past *a, size_t n_a, const ib_past *b, size_t n_b, const ib_judging *how,
                              ib_comparison *out, ib_error *err)
{
    const ib_past *one = NULL, *other = NULL;
    ib_status      rc = IB_OK;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < n_a; i++)
        for (size_t k = 0; k < n_b; k++)
            if (!strcmp(a[i].run_id, b[k].run_id))
                return ib_fail(err, IB_EUSAGE, "launch %s is on both sides; nothing can be compared with itself",
                               a[i].run_id);
    count_side(out, a, n_a, b, n_b, 0, how);
    count_side(out, b, n_b, a, n_a, 1, how);

    size_t most = 0;
    for (size_t i = 0; i < n_a; i++)
        most += is_first(a, i, how->except);
    out->finding = ib_alloc_zero(most * (1 + IB_N_PHASES) + 1, sizeof *out->finding, "findings", err);
    double *p = ib_alloc_zero(most * (1 + IB_N_PHASES) + 1, sizeof *p, "findings", err);
    bool   *found = ib_alloc_zero(most * (1 + IB_N_PHASES) + 1, sizeof *found, "findings", err);
    room   *r = ib_alloc(1, sizeof *r, "differences", err);
    if (!out->finding || !p || !found || !r) {
        rc = err->status;
        goto done;
    }
    for (size_t i = 0; i < n_a; i++) {
        const ib_past *in_a = newest_of(a, n_a, &a[i], how), *in_b = newest_of(b, n_b, &a[i], how);
        const bool     refused = is_refused(a, n_a, &a[i], how->except) || is_refused(b, n_b, &a[i], how->except);
        bool           common = false;
        for (size_t k = 0; k < n_b; k++)
            common |= ib_past_same_series(&a[i], &b[k], how->except);
        if (!is_first(a, i, how->except) || !common || !((in_a && in_b) || refused))
            continue;
        ib_finding *whole = &out->finding[out->n++];
        *whole = judge(a, n_a, b, n_b, in_a ? in_a : &a[i], -1, how, r);
        if (!in_a || !in_b)
            continue;
        one = in_a;
        other = in_b;
        snprintf(out->commit[0], sizeof out->commit[0], "%s", in_a->commit);
        snprintf(out->commit[1], sizeof out->commit[1], "%s", in_b->commit);
        ib_past_differences(in_a, in_b, out->changed, sizeof out->changed);
        for (int phase = 0; phase < IB_N_PHASES; phase++) {
            const ib_finding f = judge(a, n_a, b, n_b, in_a, phase, how, r);
            if (f.n[0] && f.n[1] &&
                (f.median[0] > IB_GATE_SHARE * whole->median[0] || f.median[1] > IB_GATE_SHARE * whole->median[1]))
                out->finding[out->n++] = f;
        }
    }
    if (out->n == 0)
        rc = ib_fail(err, IB_ENODATA,
                     "the two have no problem and shape in common of which both have a launch worth counting "
                     "(%zu and %zu launches); imgbench ls shows them, --allow counts lesser ones",
                     n_a, n_b);
    else if (one)
        doubt(out, one, other, how, p, found);
    conclude(out);
done:
    ib_free(p);
    ib_free(found);
    ib_free(r);
    if (rc)
        ib_comparison_clear(out);
    return rc;
}

void ib_comparison_clear(ib_comparison *c)
{
    ib_free(c->finding);
    c->finding = NULL;
    c->n = 0;
}

/* ---- telling --------------------------------------------------------------------------------------------- */

static double percent(double shift)
{
    return 100 * expm1(shift);
}

void ib_finding_text(const ib_finding *f, char *text, size_t size)
{
    char problem[120], change[80];

    ib_past_problem(&f->series, problem, sizeof problem);
    snprintf(change, sizeof change, "%+.1f %% (%+.1f..%+.1f)", percent(f->shift.estimate), percent(f->shift.low),
             percent(f->shift.high));
    snprintf(text, size, "%s %s%s%s: %s on %d x %d of %s", f->metric, isfinite(f->shift.low) ? change : "",
             isfinite(f->shift.low) ? " " : "", ib_verdict_name(f->verdict), problem, f->series.ranks,
             f->series.threads, f->series.machine);
}

void ib_comparison_report(ib_report *report, const ib_comparison *c, const char *a, const char *b,
                          const ib_judging *how)
{
    static const ib_heading heading[] = {{"problem", "problem"},
                                         {"shape", "ranks x threads"},
                                         {"metric", "metric"},
                                         {"n_a", "A"},
                                         {"median_a_s", "A, s"},
                                         {"n_b", "B"},
                                         {"median_b_s", "B, s"},
                                         {"change_percent", "B/A, %"},
                                         {"low_percent", "from"},
                                         {"high_percent", "to"},
                                         {"p", "p"},
                                         {"verdict", "verdict"},
                                         {"needed", "launches needed"}};
    char                    text[700], problem[80], shape[40];

    ib_report_fact(report, "a", "A", a);
    ib_report_fact(report, "b", "B", b);
    ib_report_table(report, "findings", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < c->n; i++) {
        const ib_finding *f = &c->finding[i];
        ib_past_problem(&f->series, problem, sizeof problem);
        snprintf(shape, sizeof shape, "%d x %d", f->series.ranks, f->series.threads);
        ib_report_row(report,
                      (const ib_cell[]){ib_cell_text(problem), ib_cell_text(shape), ib_cell_text(f->metric),
                                        ib_cell_count(f->n[0]), ib_cell_real(f->median[0]), ib_cell_count(f->n[1]),
                                        ib_cell_real(f->median[1]), ib_cell_real(percent(f->shift.estimate)),
                                        ib_cell_real(percent(f->shift.low)), ib_cell_real(percent(f->shift.high)),
                                        ib_cell_real(f->shift.p), ib_cell_text(ib_verdict_name(f->verdict)),
                                        f->needed ? ib_cell_count(f->needed) : ib_cell_text("")});
    }
    ib_report_table_end(report);
    if (*c->changed)
        ib_report_fact(report, "changed", "also different", c->changed);
    if (c->n_refused[0] || c->n_refused[1]) {
        snprintf(text, sizeof text, "%zu launches of A and %zu of B: their images were refused, and are not ranked",
                 c->n_refused[0], c->n_refused[1]);
        ib_report_fact(report, "refused", "wrong images", text);
    }
    if (c->n_left_out) {
        snprintf(text, sizeof text,
                 "%zu launches worth less than %s, or of a problem or shape that the other side lacks", c->n_left_out,
                 ib_validity_name(how->at_worst));
        ib_report_fact(report, "left_out", "left out", text);
    }
    if (c->worst > IB_REPORTABLE && c->worst < IB_INVALID) {
        snprintf(text, sizeof text, "launches are %s at worst (%s)", ib_validity_name(c->worst), c->why_worst);
        ib_report_fact(report, "worst", "worth", text);
    }
    snprintf(text, sizeof text, "%s (margin %.3g %%, intervals of %.4g %%)", ib_verdict_name(c->verdict),
             100 * how->margin, 100 * (1 - how->alpha));
    ib_report_fact(report, "verdict", "verdict", text);
}

ib_status ib_comparison_outcome(const ib_comparison *c, const char *a, const char *b, bool strict, ib_error *err)
{
    char text[300] = "";

    for (size_t i = c->n; i-- > 0;) /* the first of the gravest */
        if (c->finding[i].verdict == c->verdict)
            ib_finding_text(&c->finding[i], text, sizeof text);
    if (c->verdict == IB_WRONG)
        return ib_fail(err, IB_ECHECK, "%.60s against %.60s: an image disagrees with the direct Fourier sum; %s", b,
                       a, text);
    if (c->verdict == IB_SLOWER)
        return ib_fail(err, IB_ESLOWER, "%.60s is slower than %.60s: %s", b, a, text);
    if (c->verdict < IB_TOO_FEW)
        return IB_OK;
    if (strict)
        return ib_fail(err, IB_EUNDECIDED, "%.60s against %.60s is not decided: %s", b, a, text);
    ib_warn("%.60s against %.60s is not decided: %s", b, a, text);
    return IB_OK;
}

/* ---- subcommand ------------------------------------------------------------------------------------------ */

/* clang-format off */
const ib_help_option ib_compare_options[] = {
    {"where",           "TERMS",   "",        "what both sides must satisfy, too: machine=cobalt,ranks=4"},
    {"margin",          "PERCENT", "2",       "changes up to this do not matter"},
    {"allow",           "LEVEL",   "valid",   "the least worth that counts: reportable, valid or provisional"},
    {"any-environment", "",        "",        "judge although compiler, libraries or kernel changed, too"},
    {"strict",          "",        "",        "a comparison that is not decided ends with exit code 4"},
    {"repository",      "FOLDER",  ".",       "where git is asked what a word means that is no name in the history"},
    {"record",          "FOLDER",  "results", "where the records are"},
    {"format",          "NAME",    "table",   "table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

ib_status ib_compare_terms(ib_history *history, const char *const word[2], const char *where, const char *repository,
                           ib_judging *how, ib_comparison *out, ib_error *err)
{
    ib_past  *launch[2] = {NULL};
    size_t    n[2] = {0};
    ib_status rc = IB_OK;

    memset(out, 0, sizeof *out);
    *how->except = 0;
    ib_selection_keys(word[0], how->except, sizeof how->except);
    ib_selection_keys(word[1], how->except, sizeof how->except);
    for (int side = 0; side < 2 && !rc; side++)
        rc = ib_history_select(history,
                               &(ib_selection){.terms = word[side],
                                               .more = where,
                                               .repository = repository,
                                               .except = how->except,
                                               .at_worst = IB_INVALID},
                               &launch[side], &n[side], err);
    for (size_t i = 0; i < n[1] && !rc; i++) /* what A/A launches on these machines differed by is no difference */
        if (i == 0 || strcmp(launch[1][i].machine, launch[1][i - 1].machine) != 0)
            how->margin = fmax(how->margin, ib_history_noise(history, launch[1][i].machine));
    rc = rc ? rc : ib_compare_launches(launch[0], n[0], launch[1], n[1], how, out, err);
    ib_free(launch[0]);
    ib_free(launch[1]);
    return rc;
}

ib_status ib_judging_parse(const char *margin, const char *allow, ib_judging *how, ib_error *err)
{
    double    percent_of = 0;
    ib_status rc = ib_validity_parse(allow, &how->at_worst, err);

    if (!rc && (rc = ib_text_to_real(margin, &percent_of, err)))
        ib_within(err, "--margin: ");
    if (!rc && !(percent_of > 0 && percent_of < 100))
        rc = ib_fail(err, IB_EUSAGE, "--margin: %s is outside 0..100 %%", margin);
    if (!rc && how->at_worst == IB_INVALID)
        rc = ib_fail(err, IB_EUSAGE, "--allow: an invalid launch is never ranked");
    how->alpha = 0.05;
    how->margin = percent_of / 100;
    return rc;
}

ib_status ib_compare(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const ib_help_option *option = ib_compare_options;
    const char           *value[IB_MAX_ARGUMENTS], *word[2];
    size_t                n_word;
    ib_form               form = IB_FORM_TABLE;
    ib_judging            how = {0};
    ib_history           *history = NULL;
    ib_report            *report = NULL;
    ib_comparison         comparison = {0};

    ib_status rc = ib_arguments_words("compare", option, argc, argv, value, word, 2, &n_word, err);
    if (!rc && n_word < 2)
        rc = ib_fail(err, IB_EUSAGE, "compare needs two sets of launches: imgbench compare v1.0 v1.1");
    rc = rc ? rc : ib_form_parse(ib_argument(option, value, "format"), &form, err);
    rc = rc ? rc
            : ib_judging_parse(ib_argument(option, value, "margin"), ib_argument(option, value, "allow"), &how, err);
    rc = rc ? rc : ib_history_open(&history, ib_argument(option, value, "record"), false, err);
    if (rc)
        return rc;
    how.any_environment = *ib_argument(option, value, "any-environment");
    ib_history_warn(history);
    rc = ib_compare_terms(history, word, ib_argument(option, value, "where"),
                          ib_argument(option, value, "repository"), &how, &comparison, err);
    rc = rc ? rc : ib_report_begin(&report, out, form, err);
    if (!rc) {
        ib_comparison_report(report, &comparison, word[0], word[1], &how);
        rc = ib_report_end(report, err);
    }
    rc = rc ? rc : ib_comparison_outcome(&comparison, word[0], word[1], *ib_argument(option, value, "strict"), err);
    ib_comparison_clear(&comparison);
    ib_history_close(history);
    return rc;
}
