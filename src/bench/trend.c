/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/trend.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/browse.h"
#include "bench/compare.h"
#include "bench/process.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of fewer commits than FEW no rank-sum test can say that they differ (p <= 0.005): 2 / C(11, 5) is the first that can. */
enum { MAX_POINTS = 2000, MAX_SERIES = 200, MAX_WORDS = 16, MAX_WORK = 100, FEW = 11 };

/* ---- commits --------------------------------------------------------------------------------------------- */

/* The commits of a branch, oldest first, as git knows them. */
typedef struct branch {
    char (*hash)[48];
    size_t n;
} branch;

/* n = 0 when git does not tell. */
static ib_status read_branch(branch *b, const char *repository, const char *name, ib_error *err)
{
    FILE *out = tmpfile(), *complaint = tmpfile();
    char *argv[] = {"git",
                    "-C",
                    (char *)(uintptr_t)repository,
                    "rev-list",
                    "--first-parent",
                    "--reverse",
                    (char *)(uintptr_t)name,
                    "--",
                    NULL};
    char  line[128];

    *b = (branch){0};
    if (out && complaint && *name != '-' && !ib_process_run(argv, NULL, out, complaint)) {
        rewind(out);
        while (fgets(line, sizeof line, out))
            b->n++;
        b->hash = ib_alloc(b->n + 1, sizeof *b->hash, "commits", err);
        rewind(out);
        for (size_t i = 0; b->hash && i < b->n && fgets(line, sizeof line, out); i++)
            snprintf(b->hash[i], sizeof b->hash[i], "%.*s", (int)strcspn(line, "\n"), line);
    }
    if (out)
        fclose(out);
    if (complaint)
        fclose(complaint);
    return b->n && !b->hash ? err->status : IB_OK;
}

/* Position of a commit; -1: it is not on the branch. */
static long position(const branch *b, const char *commit)
{
    for (size_t i = b->n; i-- > 0;)
        if (!strcmp(b->hash[i], commit))
            return (long)i;
    return -1;
}

/* ---- series ---------------------------------------------------------------------------------------------- */

/* The launches of one commit in one series. */
typedef struct point {
    const ib_past *newest;
    long           position;
    size_t         n, refused;
    double         median[1 + IB_N_PHASES]; /* s; T, then phases; NaN: none */
    double         low, high;               /* interval of the median of T; NaN: too few launches */
} point;

typedef struct series {
    const ib_past *first;
    point         *point;
    size_t         n;
} series;

/* A note, and where it is meant. */
typedef struct remark {
    const ib_past_note *note;
    long                position; /* of its commit; -1: not on the branch */
    bool                series[MAX_SERIES];
} remark;

typedef struct trend {
    ib_past_note *note;
    remark       *remark; /* [n_note] */
    size_t        n_note;
    ib_past      *launch;
    size_t        n_launch;
    series        series[MAX_SERIES];
    size_t        n_series, n_off_branch;
    bool          by_git;
} trend;

static bool is_release(const ib_past *p)
{
    const char *tail = strrchr(p->describe, '-');

    return *p->describe && strncmp(p->commit, p->describe, strlen(p->describe)) != 0 && !(tail && tail[1] == 'g');
}

static int by_position(const void *a, const void *b)
{
    const point *x = a, *y = b;

    return x->position != y->position ? (x->position > y->position) - (x->position < y->position)
                                      : strcmp(x->newest->started, y->newest->started);
}

/* Without git commits are in the order of their own time, or of their first launch. */
static const char *when(const ib_past *p)
{
    return *p->commit_time ? p->commit_time : p->started;
}

static int by_time(const void *a, const void *b)
{
    const point *x = a, *y = b;

    return strcmp(when(x->newest), when(y->newest));
}

/* One metric of the launches of a point, the newest MAX_WORK of them. */
static size_t values(const trend *t, const point *p, int metric, ib_validity at_worst, double value[MAX_WORK])
{
    size_t n = 0;

    for (size_t i = t->n_launch; i-- > 0 && n < MAX_WORK;) {
        const ib_past *l = &t->launch[i];
        const double   x = metric ? l->phase[metric - 1] : l->total;
        if (l->validity <= at_worst && x > 0 && !strcmp(l->commit, p->newest->commit) && l->dirty <= 0 &&
            ib_past_same_series(l, p->newest, ""))
            value[n++] = x;
    }
    return n;
}

static void summarise(point *p, const trend *t, ib_validity at_worst)
{
    double value[MAX_WORK];

    for (int metric = 0; metric <= IB_N_PHASES; metric++) {
        const size_t n = values(t, p, metric, at_worst, value);
        p->median[metric] = ib_spread_of(value, n).median; /* sorts */
        if (metric == 0) {
            p->n = n;
            ib_median_interval(value, n, 0.05, &p->low, &p->high);
        }
    }
    for (size_t i = 0; i < t->n_launch; i++)
        p->refused += t->launch[i].wrong && !strcmp(t->launch[i].commit, p->newest->commit) &&
                      t->launch[i].dirty <= 0 && ib_past_same_series(&t->launch[i], p->newest, "");
}

static ib_status arrange(trend *t, const branch *b, ib_validity at_worst, bool releases, ib_error *err)
{
    for (size_t i = 0; i < t->n_launch; i++)
        t->by_git |= position(b, t->launch[i].commit) >= 0;
    for (size_t i = 0; i < t->n_launch; i++) {
        const ib_past *l = &t->launch[i];
        const long     at = t->by_git ? position(b, l->commit) : 0;
        const bool     counts = l->validity <= at_worst && l->total > 0;
        size_t         k = 0, j = 0;
        if (l->dirty > 0 || (!counts && !l->wrong) || (releases && !is_release(l)))
            continue;
        if (at < 0) {
            t->n_off_branch++;
            continue;
        }
        while (k < t->n_series && !ib_past_same_series(t->series[k].first, l, ""))
            k++;
        if (k == MAX_SERIES)
            return ib_fail(err, IB_EUNSUPPORTED,
                           "more than %d problems and shapes; say which: imgbench trend input=... ranks=4",
                           MAX_SERIES);
        series *s = &t->series[k];
        if (k == t->n_series) {
            *s = (series){.first = l, .point = ib_alloc_zero(MAX_POINTS, sizeof *s->point, "points", err)};
            if (!s->point)
                return err->status;
            t->n_series++;
        }
        while (j < s->n && strcmp(s->point[j].newest->commit, l->commit) != 0)
            j++;
        if (j == MAX_POINTS)
            return ib_fail(err, IB_EUNSUPPORTED, "more than %d commits; a term such as day>2026-01-01 takes fewer",
                           MAX_POINTS);
        s->point[j].newest = l;
        s->point[j].position = at;
        s->n += j == s->n;
    }
    for (size_t k = 0; k < t->n_series; k++) {
        series *s = &t->series[k];
        qsort(s->point, s->n, sizeof *s->point, t->by_git ? by_position : by_time);
        for (size_t j = 0; j < s->n; j++)
            summarise(&s->point[j], t, at_worst);
    }
    return IB_OK;
}

static void clear_trend(trend *t)
{
    for (size_t k = 0; k < t->n_series; k++)
        ib_free(t->series[k].point);
    ib_free(t->launch);
    ib_free(t->note);
    ib_free(t->remark);
    t->n_series = t->n_note = 0;
    t->launch = NULL;
    t->note = NULL;
    t->remark = NULL;
}

/* ---- notes ----------------------------------------------------------------------------------------------- */

static ib_status find_scope(const trend *t, remark *r, ib_history *history, const char *repository, ib_error *err)
{
    ib_past  *launch = NULL;
    size_t    n = 0;
    ib_status rc = IB_OK;

    if (*r->note->where)
        rc = ib_history_select(
            history, &(ib_selection){.terms = r->note->where, .repository = repository, .at_worst = IB_INVALID},
            &launch, &n, err);
    if (rc == IB_EUSAGE || rc == IB_ENODATA) { /* no launch of these yet */
        n = 0;
        rc = IB_OK;
    }
    for (size_t k = 0; k < t->n_series && !rc; k++) {
        r->series[k] = !*r->note->where;
        for (size_t i = 0; i < n && !r->series[k]; i++)
            r->series[k] = ib_past_same_series(&launch[i], t->series[k].first, "");
    }
    ib_free(launch);
    return rc;
}

/* Commits that are to be ignored have no point. */
static void leave_out(trend *t, const remark *r)
{
    for (size_t k = 0; k < t->n_series; k++) {
        series *s = &t->series[k];
        size_t  kept = 0;
        for (size_t j = 0; j < s->n; j++)
            if (!r->series[k] || strcmp(s->point[j].newest->commit, r->note->commit) != 0)
                s->point[kept++] = s->point[j];
        s->n = kept;
    }
}

static ib_status take_notes(trend *t, const branch *b, ib_history *history, const char *repository, ib_error *err)
{
    ib_status rc = ib_history_notes(history, &t->note, &t->n_note, err);

    t->remark = rc ? NULL : ib_alloc_zero(t->n_note + 1, sizeof *t->remark, "notes", err);
    if (!rc && !t->remark)
        rc = err->status;
    for (size_t i = 0; i < t->n_note && !rc; i++) {
        t->remark[i].note = &t->note[i];
        t->remark[i].position = t->by_git ? position(b, t->note[i].commit) : -1;
        rc = find_scope(t, &t->remark[i], history, repository, err);
        if (!rc && t->note[i].kind == IB_NOTE_IGNORE)
            leave_out(t, &t->remark[i]);
    }
    return rc;
}

/* ---- steps ----------------------------------------------------------------------------------------------- */

typedef enum state { QUIET, SHORT, IMPROVED, TRANSIENT, ACCEPTED, ENVIRONMENT, SUSPECT, REGRESSED, WRONG } state;

static const char *const state_name[] = {"steady",    "too short", "improved",
                                         "transient", "accepted",  "environment changed",
                                         "suspect",   "regressed", "wrong image"};

/* One metric of a series. */
typedef struct course {
    const series *of;
    int           metric;               /* 0: T; else phase + 1 */
    size_t        n, index[MAX_POINTS]; /* points that have it */
    double        y[MAX_POINTS], noise;
    ib_step       step[MAX_POINTS / 3 + 1];
    size_t        n_step;
    bool          by_launches; /* so few commits that launches are the points that steps are looked for in */
    size_t        first;       /* point that a new baseline begins at */
    size_t        suspect;     /* the first one, in points of the course; n: none */
    size_t        alarm;       /* point that the state is about; n: none */
    state         state;
    char          text[400];
} course;

static const point *at(const course *c, size_t i)
{
    return &c->of->point[c->index[i]];
}

static const char *metric_name(int metric)
{
    return metric ? ib_phase_name((ib_phase)(metric - 1)) : "T";
}

static void build_name(const ib_past *p, char *text, size_t size)
{
    const bool described = *p->describe && strncmp(p->commit, p->describe, strlen(p->describe)) != 0;

    snprintf(text, size, "%.*s", described ? 40 : 10, described ? p->describe : p->commit);
}

/* Gathers a metric along the commits. @return false when it is no gate metric: below 3 % of T throughout. */
static bool follow(course *c, const series *s, int metric)
{
    bool gates = metric == 0;

    c->of = s;
    c->metric = metric;
    c->n = 0;
    for (size_t j = 0; j < s->n; j++)
        if (s->point[j].median[metric] > 0 && s->point[j].median[0] > 0) {
            gates |= s->point[j].median[metric] > IB_GATE_SHARE * s->point[j].median[0];
            c->y[c->n] = log(s->point[j].median[metric]);
            c->index[c->n++] = j;
        }
    c->suspect = c->alarm = c->n;
    return gates;
}

/* The point of a note's commit, or of the first measured one after it; n: none. */
static size_t point_of(const course *c, const remark *r)
{
    for (size_t i = 0; i < c->n; i++)
        if (!strcmp(at(c, i)->newest->commit, r->note->commit) ||
            (r->position >= 0 && at(c, i)->position >= r->position))
            return i;
    return c->n;
}

static bool is_about(const remark *r, const course *c, const trend *t)
{
    return r->series[c->of - t->series] && (!*r->note->metric || !strcmp(r->note->metric, metric_name(c->metric)));
}

/* Where the newest baseline begins. */
static void find_baseline(course *c, const trend *t)
{
    for (size_t i = 0; i < t->n_note; i++) {
        const remark *r = &t->remark[i];
        const size_t  p = point_of(c, r);
        if ((r->note->kind == IB_NOTE_RESET || r->note->kind == IB_NOTE_MACHINE) && is_about(r, c, t) && p < c->n &&
            p > c->first)
            c->first = p;
    }
}

/* Steps of few commits, by their launches: a step lies before the commit whose launches begin nearest to it. */
static ib_status find_steps_of_launches(course *c, const trend *t, const ib_judging *how, ib_error *err)
{
    const size_t commits = c->n - c->first;
    double      *y = ib_alloc(2 * (size_t)FEW * MAX_WORK, sizeof *y, "launches", err);
    size_t       n = 0, begin[FEW + 1] = {0}, kept = 0;

    if (!y)
        return err->status;
    for (size_t i = 0; i < commits; i++) {
        n += values(t, at(c, c->first + i), c->metric, how->at_worst, y + n);
        begin[i + 1] = n;
    }
    double *one = y + n;
    for (size_t i = 0; i < n; i++) {
        y[i] = log(y[i]);
        one[i] = 1;
    }
    const ib_status rc = ib_steps(y, one, n, how->margin, c->step, &c->n_step, &c->noise, err);
    for (size_t s = 0; s < c->n_step && commits > 1; s++) {
        size_t i = 1;
        while (i + 1 < commits && begin[i] + begin[i + 1] < 2 * c->step[s].at)
            i++;
        if (!kept || c->first + i > c->step[kept - 1].at) {
            c->step[kept] = c->step[s];
            c->step[kept++].at = c->first + i;
        }
    }
    c->n_step = kept;
    ib_free(y);
    return rc;
}

static ib_status find_steps_of_commits(course *c, const ib_judging *how, ib_error *err)
{
    double *weight = ib_alloc(c->n + 1, sizeof *weight, "weights", err);

    if (!weight)
        return err->status;
    for (size_t i = 0; i < c->n; i++)
        weight[i] = sqrt((double)at(c, i)->n);
    const ib_status rc = ib_steps(c->y + c->first, weight + c->first, c->n - c->first, how->margin, c->step,
                                  &c->n_step, &c->noise, err);
    ib_free(weight);
    for (size_t s = 0; s < c->n_step && !rc; s++)
        c->step[s].at += c->first;
    return rc;
}

static ib_status find_steps(course *c, const trend *t, const ib_judging *how, ib_error *err)
{
    c->by_launches = c->n - c->first < FEW;
    const ib_status rc = c->by_launches ? find_steps_of_launches(c, t, how, err) : find_steps_of_commits(c, how, err);
    if (!rc)
        c->suspect =
            ib_first_suspect(c->y, c->n_step ? c->step[c->n_step - 1].at : c->first, c->n, c->noise, how->margin);
    return rc;
}

/* A suspect that imgbench ab has compared with a commit before it is what that found. */
static void settle(course *c, ib_history *history)
{
    const ib_past *b = at(c, c->alarm)->newest;
    ib_settled     s;
    bool           before = false;
    char           build[48];

    if (!ib_history_settled(history, b, metric_name(c->metric), &s))
        return;
    for (size_t i = 0; i < c->alarm; i++)
        before |= !strcmp(at(c, i)->newest->commit, s.a_commit);
    const bool slower = !strcmp(s.verdict, ib_verdict_name(IB_SLOWER));
    if (!before || (!slower && (!strcmp(s.verdict, ib_verdict_name(IB_INCONCLUSIVE)) ||
                                !strcmp(s.verdict, ib_verdict_name(IB_TOO_FEW)))))
        return;
    build_name(b, build, sizeof build);
    c->state = slower ? REGRESSED : QUIET;
    snprintf(c->text, sizeof c->text, "%s: %+.1f %% (%+.1f..%+.1f) %s than %.10s, says imgbench ab of %.10s", build,
             100 * (s.ratio - 1), 100 * (s.low - 1), 100 * (s.high - 1), slower ? "slower" : "not slower", s.a_commit,
             s.started);
}

/* A step or suspect that a note accepts. Where a step lies is known to a commit or two. */
static void accept(course *c, const trend *t)
{
    char found[sizeof c->text];

    for (size_t i = 0; i < t->n_note && (c->state == SUSPECT || c->state == REGRESSED || c->state == ENVIRONMENT);
         i++) {
        const remark *r = &t->remark[i];
        const size_t  p = point_of(c, r);
        if (r->note->kind > IB_NOTE_KNOWN || !is_about(r, c, t) || p == c->n || p + 2 < c->alarm || p > c->alarm + 2)
            continue;
        snprintf(found, sizeof found, "%s", c->text);
        snprintf(c->text, sizeof c->text, "%.180s; %s: %.180s", found, ib_note_name(r->note->kind), r->note->text);
        c->state = ACCEPTED;
    }
}

/* The step that the course is where it is by: the last one, unless one before it went up further than all since have come
   down. */
static const ib_step *deciding(const course *c, double margin)
{
    const ib_step *found = c->n_step ? &c->step[c->n_step - 1] : NULL;
    double         since = 0;

    for (size_t s = c->n_step; s-- > 0 && found->shift < 0;) {
        since += c->step[s].shift;
        if (c->step[s].shift > 0 && since > log1p(margin))
            found = &c->step[s];
    }
    return found;
}

/* Median of the latest points before one. */
static double level_before(const course *c, size_t from, size_t until)
{
    double       work[512];
    const size_t n = until - from < 512 ? until - from : 512;

    memcpy(work, c->y + until - n, n * sizeof *work);
    return ib_spread_of(work, n).median;
}

/* What the course comes to at its end.
 * since  commits before do not alarm; -1: none */
static void conclude(course *c, double margin, long since, const trend *t, ib_history *history)
{
    const ib_step *last = c->n_step ? &c->step[c->n_step - 1] : NULL, *step = deciding(c, margin);
    char           build[48], change[400] = "";
    size_t         launches = 0;

    for (size_t i = c->first; i < c->n; i++)
        launches += at(c, i)->n;
    c->state = c->n - c->first < 2 || launches < FEW ? SHORT : QUIET;
    snprintf(c->text, sizeof c->text, "%zu commits, %zu launches", c->n - c->first, launches);
    if (step) {
        const point *p = at(c, step->at);
        build_name(p->newest, build, sizeof build);
        ib_past_differences(at(c, step->at - 1)->newest, p->newest, change, sizeof change);
        c->state = step->shift < 0 ? IMPROVED : *change ? ENVIRONMENT : c->by_launches ? SUSPECT : REGRESSED;
        if (c->state == IMPROVED && c->n_step > 1 && last[-1].shift > 0 && last->at - last[-1].at <= 5 &&
            fabs(last[-1].shift + last->shift) < 0.5 * last[-1].shift)
            c->state = TRANSIENT;
        if (step->shift > 0 && c->state != ENVIRONMENT && p->position < since)
            c->state = QUIET;
        snprintf(c->text, sizeof c->text, "%+.1f %% at %s (p %.1g)%s%.250s", 100 * expm1(step->shift), build, step->p,
                 *change ? "; " : "", change);
        c->alarm = step->at;
    }
    if (c->state == SUSPECT) {
        snprintf(c->text, sizeof c->text, "%+.1f %% at %s, few commits: imgbench ab %.10s %.10s",
                 100 * expm1(step->shift), build, at(c, c->alarm - 1)->newest->commit,
                 at(c, c->alarm)->newest->commit);
    } else if (c->suspect < c->n && at(c, c->suspect)->position >= since && c->state != REGRESSED) {
        build_name(at(c, c->suspect)->newest, build, sizeof build);
        c->state = SUSPECT;
        c->alarm = c->suspect;
        snprintf(c->text, sizeof c->text, "%+.1f %% at %s, too new to judge: imgbench ab %.10s %.10s",
                 100 * expm1(c->y[c->alarm] - level_before(c, last ? last->at : c->first, c->alarm)), build,
                 at(c, c->alarm - 1)->newest->commit, at(c, c->alarm)->newest->commit);
    }
    if (c->state == SUSPECT)
        settle(c, history);
    accept(c, t);
    if (c->of->n && c->of->point[c->of->n - 1].refused) {
        build_name(c->of->point[c->of->n - 1].newest, build, sizeof build);
        c->state = WRONG;
        snprintf(c->text, sizeof c->text, "%zu images of %s disagree with the direct Fourier sum",
                 c->of->point[c->of->n - 1].refused, build);
    }
}

/* ---- judging every course -------------------------------------------------------------------------------- */

typedef struct judged {
    course **course;
    size_t   n;
} judged;

static void clear_judged(judged *j)
{
    for (size_t i = 0; i < j->n; i++)
        ib_free(j->course[i]);
    ib_free(j->course);
    *j = (judged){0};
}

/* Steps that so many courses would show by chance are taken back. */
static ib_status doubt_steps(judged *j, ib_error *err)
{
    size_t n = 0, k = 0;

    for (size_t i = 0; i < j->n; i++)
        n += j->course[i]->n_step;
    double *p = ib_alloc(n + 1, sizeof *p, "steps", err);
    bool   *found = ib_alloc(n + 1, sizeof *found, "steps", err);
    for (size_t i = 0; p && found && i < j->n; i++)
        for (size_t s = 0; s < j->course[i]->n_step; s++)
            p[k++] = j->course[i]->step[s].p;
    if (p && found)
        ib_discoveries(p, n, IB_FALSE_SHARE, found);
    k = 0;
    for (size_t i = 0; p && found && i < j->n; i++) {
        course *c = j->course[i];
        size_t  kept = 0;
        for (size_t s = 0; s < c->n_step; s++)
            if (found[k++])
                c->step[kept++] = c->step[s];
        c->n_step = kept;
    }
    const bool ok = p && found;
    ib_free(p);
    ib_free(found);
    return ok ? IB_OK : err->status;
}

/* @param metrics  how many of T and the phases: 1 for T alone */
static ib_status judge_all(judged *j, const trend *t, int metrics, const ib_judging *how, long since,
                           ib_history *history, ib_error *err)
{
    ib_judging here = *how; /* with the noise of the machine */
    ib_status  rc = IB_OK;

    *j = (judged){.course = ib_alloc_zero(t->n_series * (1 + IB_N_PHASES) + 1, sizeof *j->course, "courses", err)};
    if (!j->course)
        return err->status;
    for (size_t k = 0; k < t->n_series && !rc; k++) {
        here.margin = fmax(how->margin, ib_history_noise(history, t->series[k].first->machine));
        for (int metric = 0; metric < metrics && !rc; metric++) {
            course *c = ib_alloc_zero(1, sizeof *c, "course", err);
            if (!c)
                return err->status;
            j->course[j->n++] = c;
            if (follow(c, &t->series[k], metric)) {
                find_baseline(c, t);
                rc = find_steps(c, t, &here, err);
            } else {
                ib_free(c);
                j->n--;
            }
        }
    }
    rc = rc ? rc : doubt_steps(j, err);
    for (size_t i = 0; i < j->n && !rc; i++)
        conclude(j->course[i], how->margin, since, t, history);
    return rc;
}

static void name_series(const series *s, char *text, size_t size)
{
    char problem[160];

    ib_past_problem(s->first, problem, sizeof problem);
    snprintf(text, size, "%s, %d x %d, %s", problem, s->first->ranks, s->first->threads, s->first->machine);
}

static const course *gravest(const judged *j)
{
    const course *found = j->n ? j->course[0] : NULL;

    for (size_t i = 0; i < j->n; i++)
        if (j->course[i]->state > found->state)
            found = j->course[i];
    return found;
}

static ib_status outcome(const judged *j, bool strict, ib_error *err)
{
    const course *c = gravest(j);
    char          name[300];

    name_series(c->of, name, sizeof name);
    switch (c->state) {
    case WRONG:
        return ib_fail(err, IB_ECHECK, "%s: %s", name, c->text);
    case REGRESSED:
        return ib_fail(err, IB_ESLOWER, "%s: %s regressed, %s", name, metric_name(c->metric), c->text);
    case SUSPECT:
        return ib_fail(err, IB_ESUSPECT, "%s: %s is suspect, %s", name, metric_name(c->metric), c->text);
    case SHORT:
        if (strict)
            return ib_fail(err, IB_EUNDECIDED, "%s: %s, two commits and %d launches at least are needed", name,
                           c->text, FEW);
        ib_warn("%s: %s, two commits and %d launches at least are needed for steps", name, c->text, FEW);
        return IB_OK;
    default:
        return IB_OK;
    }
}

/* A point against the one before, by their launches: where commits are few, that is what can be said. */
static void judge_neighbours(const course *c, size_t i, const trend *t, const ib_judging *how, char *text,
                             size_t size)
{
    double       x[MAX_WORK], y[MAX_WORK], work[MAX_WORK * MAX_WORK];
    const size_t n = values(t, at(c, i - 1), c->metric, how->at_worst, x);
    const size_t m = values(t, at(c, i), c->metric, how->at_worst, y);

    for (size_t k = 0; k < n; k++)
        x[k] = log(x[k]);
    for (size_t k = 0; k < m; k++)
        y[k] = log(y[k]);
    const ib_shift shift = ib_shift_of(x, n, y, m, how->alpha, work);
    snprintf(text, size, "%s", ib_verdict_name(ib_verdict_of(&shift, how->margin)));
}

/* ---- telling --------------------------------------------------------------------------------------------- */

static const ib_heading point_heading[] = {
    {"series", "series"},  {"build", "build"},       {"commit", "commit"},
    {"day", "launched"},   {"launches", "launches"}, {"median_s", "median, s"},
    {"low_s", "from"},     {"high_s", "to"},         {"change_percent", "to the one before, %"},
    {"verdict", "verdict"}};
enum { POINT_COLUMNS = sizeof point_heading / sizeof *point_heading };

/* The newest so many points. @param name  of the series; NULL: without that column */
static void put_points(ib_report *report, const course *c, size_t most, const trend *t, const ib_judging *how,
                       const char *name)
{
    char build[48], verdict[80];

    for (size_t i = c->n > most ? c->n - most : 0; i < c->n; i++) {
        const point *p = at(c, i);
        const double none = (double)NAN;
        *verdict = 0;
        if (i && c->by_launches)
            judge_neighbours(c, i, t, how, verdict, sizeof verdict);
        for (size_t s = 0; s < c->n_step; s++)
            if (c->step[s].at == i)
                snprintf(verdict, sizeof verdict, "%+.1f %%, p %.1g", 100 * expm1(c->step[s].shift), c->step[s].p);
        if (i >= c->suspect)
            snprintf(verdict, sizeof verdict, "suspect");
        if (p->refused)
            snprintf(verdict, sizeof verdict, "%zu wrong images", p->refused);
        build_name(p->newest, build, sizeof build);
        const ib_cell cell[POINT_COLUMNS] = {ib_cell_text(name ? name : ""),
                                             ib_cell_text(build),
                                             ib_cell_text(p->newest->commit),
                                             ib_cell_text(p->newest->started),
                                             ib_cell_count(p->n),
                                             ib_cell_real(p->median[c->metric]),
                                             ib_cell_real(c->metric ? none : p->low),
                                             ib_cell_real(c->metric ? none : p->high),
                                             ib_cell_real(i ? 100 * expm1(c->y[i] - c->y[i - 1]) : none),
                                             ib_cell_text(verdict)};
        ib_report_row(report, cell + !name);
    }
}

/* A section per series for people, one table of all for programs. */
static void put_courses(ib_report *report, ib_form form, const judged *j, size_t most, const trend *t,
                        const ib_judging *how)
{
    static const ib_heading heading[] = {
        {"series", "series"}, {"metric", "metric"}, {"state", "state"}, {"text", "text"}};
    char name[300], text[500];

    if (form == IB_FORM_JSON)
        ib_report_table(report, "series", heading, 4);
    for (size_t i = 0; i < j->n; i++) {
        const course *c = j->course[i];
        name_series(c->of, name, sizeof name);
        if (form == IB_FORM_JSON) {
            ib_report_row(report, (const ib_cell[]){ib_cell_text(name), ib_cell_text(metric_name(c->metric)),
                                                    ib_cell_text(state_name[c->state]), ib_cell_text(c->text)});
            continue;
        }
        ib_report_section(report, name, "");
        snprintf(text, sizeof text, "%s: %s", state_name[c->state], c->text);
        ib_report_fact(report, "state", metric_name(c->metric), text);
        ib_report_table(report, "points", point_heading + 1, POINT_COLUMNS - 1);
        put_points(report, c, most, t, how, NULL);
        ib_report_table_end(report);
    }
    if (form != IB_FORM_JSON)
        return;
    ib_report_table_end(report);
    ib_report_table(report, "points", point_heading, POINT_COLUMNS);
    for (size_t i = 0; i < j->n; i++) {
        name_series(j->course[i]->of, name, sizeof name);
        put_points(report, j->course[i], most, t, how, name);
    }
    ib_report_table_end(report);
}

/* Text of XML. */
static void put_xml(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            fprintf(out, "&#%d;", *text);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, out);
}

/* One case of a JUnit report. @param failure, skipped  texts; NULL: it is not */
typedef struct verdict_case {
    char suite[300], name[16], text[700];
    bool failed, skipped;
} verdict_case;

static ib_status write_junit(const char *path, const verdict_case *c, size_t n, ib_error *err)
{
    size_t failed = 0, skipped = 0;
    FILE  *out = fopen(path, "w");

    if (!out)
        return ib_fail(err, IB_EIO, "gate --junit: create %.300s: %s", path, strerror(errno));
    for (size_t i = 0; i < n; i++) {
        failed += c[i].failed;
        skipped += c[i].skipped;
    }
    fprintf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"imgbench gate\" tests=\"%zu\" failures=\"%zu\" "
        "skipped=\"%zu\" errors=\"0\">\n",
        n, failed, skipped);
    for (size_t i = 0; i < n; i++) {
        fputs("  <testcase classname=\"", out);
        put_xml(out, c[i].suite);
        fputs("\" name=\"", out);
        put_xml(out, c[i].name);
        fputs(c[i].failed    ? "\"><failure message=\""
              : c[i].skipped ? "\"><skipped message=\""
                             : "\"><system-out>",
              out);
        put_xml(out, c[i].text);
        fputs(c[i].failed || c[i].skipped ? "\"/></testcase>\n" : "</system-out></testcase>\n", out);
    }
    fputs("</testsuite>\n", out);
    const bool bad = ferror(out) != 0;
    return fclose(out) || bad ? ib_fail(err, IB_EIO, "gate --junit: write %.300s: %s", path, strerror(errno)) : IB_OK;
}

/* ---- subcommands ----------------------------------------------------------------------------------------- */

/* clang-format off */
const ib_help_option ib_trend_options[] = {
    {"metric",     "NAME",    "T",       "T, or a phase"},
    {"releases",   "",        "",        "only commits that a tag names"},
    {"since",      "COMMIT",  "",        "steps of commits before do not alarm"},
    {"branch",     "NAME",    "HEAD",    "whose first parents order the commits"},
    {"points",     "N",       "40",      "the newest so many in the tables; all are judged"},
    {"margin",     "PERCENT", "2",       "steps up to this do not matter"},
    {"allow",      "LEVEL",   "valid",   "the least worth that counts: reportable, valid or provisional"},
    {"strict",     "",        "",        "too short a series ends with exit code 4"},
    {"repository", "FOLDER",  ".",       "where git is asked for the order of commits"},
    {"record",     "FOLDER",  "results", "where the records are"},
    {"format",     "NAME",    "table",   "table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};

const ib_help_option ib_gate_options[] = {
    {"where",           "TERMS",   "",        "launches that are judged: machine=cobalt,ranks=4"},
    {"since",           "COMMIT",  "",        "without A and B: steps of commits before do not alarm"},
    {"branch",          "NAME",    "HEAD",    "whose first parents order the commits"},
    {"junit",           "FILE",    "",        "write the verdicts as JUnit XML, too"},
    {"margin",          "PERCENT", "2",       "changes up to this do not matter"},
    {"allow",           "LEVEL",   "valid",   "the least worth that counts: reportable, valid or provisional"},
    {"any-environment", "",        "",        "with A and B: judge although compiler, libraries or kernel changed, too"},
    {"strict",          "",        "",        "what is not decided ends with exit code 4"},
    {"repository",      "FOLDER",  ".",       "where git is asked"},
    {"record",          "FOLDER",  "results", "where the records are"},
    {"format",          "NAME",    "table",   "table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* What all have. */
typedef struct request {
    const ib_help_option *option;
    const char           *value[IB_MAX_ARGUMENTS];
    ib_form               form;
    ib_judging            how;
    ib_history           *history;
    trend                *trend;
} request;

static const char *given(const request *r, const char *name)
{
    return ib_argument(r->option, r->value, name);
}

static ib_status open_request(request *r, ib_error *err)
{
    ib_status rc = ib_form_parse(given(r, "format"), &r->form, err);

    rc = rc ? rc : ib_judging_parse(given(r, "margin"), given(r, "allow"), &r->how, err);
    rc = rc ? rc : ib_history_open(&r->history, given(r, "record"), false, err);
    if (!rc)
        ib_history_warn(r->history);
    return rc;
}

/* Select, arrange along the commits, judge.
 * since  receives the position of --since; a commit that is not on the branch is an error */
static ib_status judge_trend(request *r, const char *terms, bool releases, int metrics, judged *j, ib_error *err)
{
    branch    b = {0};
    long      since = -1;
    ib_status rc;

    *j = (judged){0};
    r->trend = ib_alloc_zero(1, sizeof *r->trend, "trend", err);
    if (!r->trend)
        return err->status;
    rc = ib_history_select(
        r->history, &(ib_selection){.terms = terms, .repository = given(r, "repository"), .at_worst = IB_INVALID},
        &r->trend->launch, &r->trend->n_launch, err);
    rc = rc ? rc : read_branch(&b, given(r, "repository"), given(r, "branch"), err);
    rc = rc ? rc : arrange(r->trend, &b, r->how.at_worst, releases, err);
    rc = rc ? rc : take_notes(r->trend, &b, r->history, given(r, "repository"), err);
    if (!rc && *given(r, "since")) {
        char  hash[64], revision[160];
        char *ask[] = {"git",    "-C", (char *)(uintptr_t)given(r, "repository"), "rev-parse", "--verify", "--quiet",
                       revision, NULL};
        snprintf(revision, sizeof revision, "%.140s^{commit}", given(r, "since"));
        if (r->trend->by_git && *revision != '-' && !ib_process_line(ask, hash, sizeof hash))
            since = position(&b, hash);
        if (since < 0)
            rc = ib_fail(err, IB_EUSAGE, "--since: %.60s is no commit of %.100s that git knows in %.200s",
                         given(r, "since"), given(r, "branch"), given(r, "repository"));
    }
    if (!rc && r->trend->n_series == 0)
        rc = ib_fail(err, IB_ENODATA, "no %s of unchanged sources worth counting in %.200s%s%.200s",
                     releases ? "release" : "launch", given(r, "record"), *terms ? " satisfies " : "", terms);
    rc = rc ? rc : judge_all(j, r->trend, metrics, &r->how, since, r->history, err);
    ib_free(b.hash);
    return rc;
}

static void put_notes(ib_report *report, const trend *t)
{
    static const ib_heading heading[] = {{"note", "note"},   {"commit", "commit"},      {"metric", "metric"},
                                         {"where", "where"}, {"text", "what was said"}, {"author", "by"},
                                         {"day", "on"}};
    char                    text[200];

    if (t->n_note) {
        ib_report_table(report, "notes", heading, sizeof heading / sizeof *heading);
        for (size_t i = 0; i < t->n_note; i++) {
            const ib_past_note *n = &t->note[i];
            snprintf(text, sizeof text, "%.10s", n->commit);
            char day[16];
            snprintf(day, sizeof day, "%.10s", n->started);
            ib_report_row(report,
                          (const ib_cell[]){ib_cell_text(ib_note_name(n->kind)), ib_cell_text(text),
                                            ib_cell_text(n->metric), ib_cell_text(n->where), ib_cell_text(n->text),
                                            ib_cell_text(n->author), ib_cell_text(day)});
        }
        ib_report_table_end(report);
    }

    if (!t->by_git)
        ib_report_fact(report, "order", "order", "by the time of commits: git knows none of them here");
    if (t->n_off_branch) {
        snprintf(text, sizeof text, "%zu launches of commits that are not on the branch", t->n_off_branch);
        ib_report_fact(report, "off_branch", "left out", text);
    }
}

ib_status ib_trend(int argc, char *const *argv, FILE *out, ib_error *err)
{
    request     r = {.option = ib_trend_options};
    const char *word[MAX_WORDS];
    char        terms[1000] = "";
    size_t      n_word;
    int64_t     points = 40;
    int         metric = 0;
    judged      j = {0};
    ib_report  *report = NULL;

    ib_status rc = ib_arguments_words("trend", r.option, argc, argv, r.value, word, MAX_WORDS, &n_word, err);
    if (rc)
        return rc;
    if (!ib_numbers(given(&r, "points"), 1, 500, &points, 1, err))
        return ib_within(err, "trend --points: ");
    while (metric <= IB_N_PHASES && strcmp(given(&r, "metric"), metric_name(metric)) != 0)
        metric++;
    if (metric > IB_N_PHASES)
        return ib_fail(err, IB_EUSAGE, "trend --metric: \"%.40s\" is neither T nor a phase", given(&r, "metric"));
    for (size_t i = 0, length = 0; i < n_word && length < sizeof terms; i++)
        length += (size_t)snprintf(terms + length, sizeof terms - length, "%s%s", i ? "," : "", word[i]);
    rc = open_request(&r, err);
    rc = rc ? rc : judge_trend(&r, terms, *given(&r, "releases"), metric + 1, &j, err);
    /* of T and the phases up to it, only the one asked for */
    for (size_t i = 0, n = j.n; !rc && i < n; i++)
        if (j.course[i]->metric != metric) {
            ib_free(j.course[i]);
            memmove(&j.course[i], &j.course[i + 1], (n - i - 1) * sizeof *j.course);
            n = --j.n;
            i--;
        }
    if (!rc && j.n == 0)
        rc = ib_fail(err, IB_ENODATA, "%s takes less than 3 %% of T everywhere", given(&r, "metric"));
    rc = rc ? rc : ib_report_begin(&report, out, r.form, err);
    if (!rc) {
        put_notes(report, r.trend);
        put_courses(report, r.form, &j, (size_t)points, r.trend, &r.how);
        rc = ib_report_end(report, err);
    }
    rc = rc ? rc : outcome(&j, *given(&r, "strict"), err);
    clear_judged(&j);
    if (r.trend)
        clear_trend(r.trend);
    ib_free(r.trend);
    ib_history_close(r.history);
    return rc;
}

/* One line per metric of every series. */
static void put_gate(ib_report *report, const verdict_case *c, size_t n)
{
    static const ib_heading heading[] = {
        {"series", "series"}, {"metric", "metric"}, {"passed", "passed"}, {"verdict", "verdict"}};

    ib_report_table(report, "verdicts", heading, 4);
    for (size_t i = 0; i < n; i++)
        ib_report_row(report, (const ib_cell[]){ib_cell_text(c[i].suite), ib_cell_text(c[i].name),
                                                ib_cell_text(c[i].failed    ? "no"
                                                             : c[i].skipped ? "undecided"
                                                                            : "yes"),
                                                ib_cell_text(c[i].text)});
    ib_report_table_end(report);
}

static ib_status gate_trend(request *r, verdict_case **cases, size_t *n, ib_report *report, ib_error *err)
{
    judged    j;
    ib_status rc = judge_trend(r, given(r, "where"), false, 1 + IB_N_PHASES, &j, err);

    *cases = rc ? NULL : ib_alloc_zero(j.n + 1, sizeof **cases, "verdicts", err);
    rc = rc || *cases ? rc : err->status;
    for (size_t i = 0; i < j.n && !rc; i++) {
        verdict_case *c = &(*cases)[(*n)++];
        const state   s = j.course[i]->state;
        name_series(j.course[i]->of, c->suite, sizeof c->suite);
        snprintf(c->name, sizeof c->name, "%s", metric_name(j.course[i]->metric));
        snprintf(c->text, sizeof c->text, "%s: %s", state_name[s], j.course[i]->text);
        c->failed = s >= SUSPECT;
        c->skipped = s == SHORT || s == ENVIRONMENT;
    }
    if (!rc) {
        put_notes(report, r->trend);
        rc = outcome(&j, *given(r, "strict"), err);
    }
    clear_judged(&j);
    return rc;
}

static ib_status gate_comparison(request *r, const char *const word[2], verdict_case **cases, size_t *n,
                                 ib_report *report, ib_error *err)
{
    ib_comparison c;

    r->how.any_environment = *given(r, "any-environment");
    ib_status rc = ib_compare_terms(r->history, word, given(r, "where"), given(r, "repository"), &r->how, &c, err);

    *cases = rc ? NULL : ib_alloc_zero(c.n + 1, sizeof **cases, "verdicts", err);
    rc = rc || *cases ? rc : err->status;
    for (size_t i = 0; i < c.n && !rc; i++) {
        verdict_case *v = &(*cases)[(*n)++];
        name_series(&(series){.first = &c.finding[i].series}, v->suite, sizeof v->suite);
        snprintf(v->name, sizeof v->name, "%s", c.finding[i].metric);
        ib_finding_text(&c.finding[i], v->text, sizeof v->text);
        v->failed = c.finding[i].verdict >= IB_SLOWER;
        v->skipped = !v->failed && c.finding[i].verdict >= IB_TOO_FEW;
    }
    if (!rc) {
        ib_report_fact(report, "a", "A", word[0]);
        ib_report_fact(report, "b", "B", word[1]);
        rc = ib_comparison_outcome(&c, word[0], word[1], *given(r, "strict"), err);
    }
    ib_comparison_clear(&c);
    return rc;
}

ib_status ib_gate(int argc, char *const *argv, FILE *out, ib_error *err)
{
    request       r = {.option = ib_gate_options};
    const char   *word[2];
    size_t        n_word, n = 0;
    verdict_case *cases = NULL;
    ib_report    *report = NULL;
    ib_error      other;

    ib_status rc = ib_arguments_words("gate", r.option, argc, argv, r.value, word, 2, &n_word, err);
    if (!rc && n_word == 1)
        rc = ib_fail(err, IB_EUSAGE, "gate judges the trend, or two sets of launches: imgbench gate main my-branch");
    rc = rc ? rc : open_request(&r, err);
    rc = rc ? rc : ib_report_begin(&report, out, r.form, err);
    if (!rc)
        rc = n_word ? gate_comparison(&r, word, &cases, &n, report, err) : gate_trend(&r, &cases, &n, report, err);
    if (report) {
        if (n)
            put_gate(report, cases, n);
        ib_report_fact(report, "decision", "decision", rc ? err->text : "passed");
        if (*given(&r, "junit") && n && write_junit(given(&r, "junit"), cases, n, &other) && !rc)
            rc = (*err = other).status;
        if (ib_report_end(report, &other) && !rc)
            rc = (*err = other).status;
    }
    ib_free(cases);
    if (r.trend)
        clear_trend(r.trend);
    ib_free(r.trend);
    ib_history_close(r.history);
    return rc;
}

/* ---- in a report ----------------------------------------------------------------------------------------- */

enum { MAX_CARDS = 24, MAX_CHARTS = 24, MOST_DRAWN = 120 };

struct ib_trends {
    request r;
    judged  j;
};

ib_status ib_trends_open(ib_trends **out, ib_history *history, const ib_help_option *option, const char *const *value,
                         const char *terms, ib_error *err)
{
    ib_trends *t = ib_alloc_zero(1, sizeof *t, "trends", err);
    ib_status  rc = t ? IB_OK : err->status;

    *out = NULL;
    if (rc)
        return rc;
    t->r.option = option;
    memcpy(t->r.value, value, sizeof t->r.value);
    t->r.history = history;
    rc = ib_judging_parse(given(&t->r, "margin"), given(&t->r, "allow"), &t->r.how, err);
    rc = rc ? rc : judge_trend(&t->r, terms, false, 1 + IB_N_PHASES, &t->j, err);
    if (rc)
        ib_trends_close(t);
    else
        *out = t;
    return rc;
}

void ib_trends_close(ib_trends *t)
{
    if (!t)
        return;
    clear_judged(&t->j);
    if (t->r.trend)
        clear_trend(t->r.trend);
    ib_free(t->r.trend);
    ib_free(t);
}

/* The gravest course of a series, whose courses follow each other from *i on; *i moves behind them. */
static const course *gravest_of(const judged *j, size_t *i)
{
    const course *found = j->course[*i];
    const series *of = found->of;

    for (; *i < j->n && j->course[*i]->of == of; (*i)++)
        if (j->course[*i]->state > found->state && j->course[*i]->state != SHORT)
            found = j->course[*i];
    return found;
}

static ib_gravity gravity_of(state s)
{
    switch (s) {
    case WRONG:
    case REGRESSED:
        return IB_BAD;
    case ACCEPTED:
    case SUSPECT:
    case ENVIRONMENT:
        return IB_WARN;
    case SHORT:
        return IB_NEUTRAL;
    default:
        return IB_GOOD;
    }
}

void ib_trends_verdicts(const ib_trends *t, ib_report *report)
{
    size_t few = 0, shown = 0, more = 0;
    char   name[300], title[80], text[900];

    for (size_t i = 0; i < t->j.n;) {
        const course *c = gravest_of(&t->j, &i);
        if (c->state == SHORT) {
            few++;
            continue;
        }
        if (shown++ >= MAX_CARDS) {
            more++;
            continue;
        }
        name_series(c->of, name, sizeof name);
        snprintf(title, sizeof title, "%s: %s", metric_name(c->metric), state_name[c->state]);
        snprintf(text, sizeof text, "%s. %s", c->text, name);
        ib_report_verdict(report, gravity_of(c->state), title, text);
    }
    if (few && !shown) { /* else the trends below tell */
        snprintf(title, sizeof title, "%zu of %zu series: too short", few, few + shown);
        ib_report_verdict(
            report, IB_NEUTRAL, title,
            "Steps are looked for from two commits and eleven launches on. imgbench ab COMMIT COMMIT makes them.");
    }
    if (more) {
        snprintf(title, sizeof title, "%zu more series", more);
        ib_report_verdict(report, IB_NEUTRAL, title, "See the trends below.");
    }
}

void ib_trends_findings(const ib_trends *t, ib_report *report)
{
    static const ib_heading heading[] = {
        {"series", "series"}, {"metric", "metric"}, {"state", "state"}, {"text", "what was found"}};
    char name[300];
    bool any = false;

    for (size_t i = 0; i < t->j.n; i++)
        any |= t->j.course[i]->state > SHORT;
    if (!any)
        return;
    ib_report_fold(report, "Every metric that is not steady");
    ib_report_table(report, "findings", heading, 4);
    for (size_t i = 0; i < t->j.n; i++) {
        const course *c = t->j.course[i];
        name_series(c->of, name, sizeof name);
        if (c->state > SHORT)
            ib_report_row(report, (const ib_cell[]){ib_cell_text(name), ib_cell_text(metric_name(c->metric)),
                                                    ib_cell_text(state_name[c->state]), ib_cell_text(c->text)});
    }
    ib_report_table_end(report);
    ib_report_unfold(report);
}

/* Room for the drawing of one course. */
typedef struct drawing {
    double      x[MOST_DRAWN], y[MOST_DRAWN], low[MOST_DRAWN], high[MOST_DRAWN];
    double      at[3 * MOST_DRAWN], middle[3 * MOST_DRAWN]; /* medians of the segments: two ends and a gap of each */
    char        name[MOST_DRAWN][48], told[MOST_DRAWN][160], step[MOST_DRAWN][24];
    const char *tick[MOST_DRAWN], *label[MOST_DRAWN];
    ib_rule     mark[MOST_DRAWN];
} drawing;

/* "v1.2-3-g1a2b3c4d5e" -> "v1.2-3", or seven digits of the commit. */
static void short_name(const ib_past *p, char name[48])
{
    build_name(p, name, 48);
    char *hash = strstr(name, "-g");
    if (hash)
        *hash = 0;
    else if (!strncmp(name, p->commit, 10))
        name[7] = 0;
}

static void draw_course(const course *c, const trend *t, drawing *d, ib_report *report)
{
    const size_t first = c->n > MOST_DRAWN ? c->n - MOST_DRAWN : 0, n = c->n - first;
    char         name[300], title[320], text[400];
    size_t       n_mark = 0, n_middle = 0;
    double       work[MAX_POINTS], typical = 0;

    for (size_t i = 0; i < n; i++) {
        const point *p = at(c, first + i);
        build_name(p->newest, name, 48);
        short_name(p->newest, d->name[i]);
        d->x[i] = (double)i;
        d->y[i] = p->median[c->metric];
        d->low[i] = c->metric ? (double)NAN : p->low;
        d->high[i] = c->metric ? (double)NAN : p->high;
        snprintf(d->told[i], sizeof d->told[i], "%.47s, %.10s: %.4g s, %zu %s", name, p->newest->started, d->y[i],
                 p->n, p->n == 1 ? "launch" : "launches");
        d->tick[i] = d->name[i];
        d->label[i] = d->told[i];
    }
    for (size_t i = 0; i < t->n_note && n_mark < MOST_DRAWN / 2; i++) {
        const remark *r = &t->remark[i];
        const size_t  p = point_of(c, r);
        if (is_about(r, c, t) && p < c->n && p >= first) {
            snprintf(d->step[n_mark], sizeof d->step[0], "%.23s",
                     r->note->kind == IB_NOTE_WORDS ? r->note->text : ib_note_name(r->note->kind));
            d->mark[n_mark] = (ib_rule){(double)(p - first) - 0.5, d->step[n_mark]};
            n_mark++;
        }
    }
    for (size_t s = 0, from = c->first; s <= c->n_step; s++) {
        const size_t to = s < c->n_step ? c->step[s].at : c->n;
        memcpy(work, c->y + from, (to - from) * sizeof *work);
        typical = exp(ib_spread_of(work, to - from).median);
        if (to > first) {
            const double ends[] = {(double)(from > first ? from - first : 0) - 0.4, (double)(to - first) - 0.6,
                                   (double)NAN};
            for (int k = 0; k < 3; k++) {
                d->at[n_middle] = ends[k];
                d->middle[n_middle++] = typical;
            }
            if (s < c->n_step && n_mark < MOST_DRAWN) {
                snprintf(d->step[n_mark], sizeof d->step[0], "%+.1f %%", 100 * expm1(c->step[s].shift));
                d->mark[n_mark] = (ib_rule){(double)(to - first) - 0.5, d->step[n_mark]};
                n_mark++;
            }
        }
        from = to;
    }
    const ib_curve curve[] = {{.name = c->n_step ? "median between steps" : "median",
                               .kind = IB_CURVE_LINE,
                               .colour = 8,
                               .n = n_middle,
                               .x = d->at,
                               .y = d->middle},
                              {.name = c->metric ? "commit" : "commit, 95 % interval from six launches on",
                               .kind = IB_CURVE_POINTS,
                               .n = n,
                               .x = d->x,
                               .y = d->y,
                               .low = d->low,
                               .high = d->high,
                               .label = d->label}};
    name_series(c->of, name, sizeof name);
    snprintf(title, sizeof title, "%s of %.280s", metric_name(c->metric), name);
    snprintf(text, sizeof text, "%s: %.300s", state_name[c->state], c->text);
    ib_report_chart(report, &(ib_chart){.title = title,
                                        .text = text,
                                        .x = "commits, oldest first",
                                        .y = "s",
                                        .least = 0.93 * typical,
                                        .most = 1.07 * typical,
                                        .curve = curve,
                                        .n_curve = 2,
                                        .mark = d->mark,
                                        .n_mark = n_mark,
                                        .tick = d->tick,
                                        .n_tick = n});
}

void ib_trends_courses(const ib_trends *t, ib_report *report)
{
    size_t   shown = 0, single = 0;
    char     name[300], text[300];
    state    whole = QUIET; /* of T of the same series */
    ib_error ignored;
    drawing *d = ib_alloc_zero(1, sizeof *d, "drawing", &ignored);

    for (size_t i = 0; i < t->j.n && d; i++) {
        const course *c = t->j.course[i];
        whole = c->metric ? whole : c->state;
        const bool graver = c->metric && ((c->state > SHORT && whole <= SHORT) || /* a phase on its own */
                                          (c->state > TRANSIENT && whole <= TRANSIENT));
        single += !c->metric && c->n < 2;
        if (c->n >= 2 && (!c->metric || graver) && shown++ < MAX_CHARTS)
            draw_course(c, t->r.trend, d, report);
    }
    ib_free(d);
    if (single) {
        snprintf(text, sizeof text, "%zu %s measured with one commit only.", single,
                 single == 1 ? "series was" : "series were");
        ib_report_text(report, text);
    }
    put_notes(report, t->r.trend);
    ib_report_fold(report, "Medians of T by commit");
    ib_report_table(report, "points", point_heading, POINT_COLUMNS);
    for (size_t i = 0; i < t->j.n; i++)
        if (!t->j.course[i]->metric) {
            name_series(t->j.course[i]->of, name, sizeof name);
            put_points(report, t->j.course[i], 40, t->r.trend, &t->r.how, name);
        }
    ib_report_table_end(report);
    ib_report_unfold(report);
}
