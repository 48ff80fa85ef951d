/* SPDX-License-Identifier: BSD-3-Clause */
#define _XOPEN_SOURCE 700 /* realpath */
#include "bench/ab.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/compare.h"
#include "bench/process.h"
#include "bench/record.h"

#include <errno.h>
#include <gsl/gsl_randist.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_VARIANTS = 24, MAX_ARGUMENTS = 64, MAX_PATH = 1024, NAME = 200 };

/* clang-format off */
const ib_help_option ib_ab_options[] = {
    {"launches",   "N",         "0",       "of each, judged at once; 0: looks after 6, 9, 13 and 20, until all is decided"},
    {"null",       "",          "",        "launch A a second time as a control: what it differs from itself is noise, and widens the margin of later comparisons on this machine"},
    {"ranks",      "N",         "1",       "ranks of every launch"},
    {"warmup",     "N",         "1",       "launches of each before those; they do not count"},
    {"margin",     "PERCENT",   "2",       "changes up to this do not matter"},
    {"seed",       "N",         "1",       "of the random order within the blocks"},
    {"mpirun",     "ARGUMENTS", "--bind-to none", "how ranks are placed"},
    {"cmake",      "ARGUMENTS", "",        "of the builds, beside -DCMAKE_BUILD_TYPE=Release"},
    {"cache",      "FOLDER",    "",        "where built programs are kept; default: imgbench/builds in XDG_CACHE_HOME or ~/.cache"},
    {"scratch",    "FOLDER",    ".",       "where the cubes are written and removed"},
    {"strict",     "",          "",        "what is not decided ends with exit code 4"},
    {"repository", "FOLDER",    ".",       "whose commits are built"},
    {"record",     "FOLDER",    "results", "where the records go"},
    {"format",     "NAME",      "table",   "table, json or md (Markdown)"},
    {"quiet",      "",          "",        "no progress on standard error"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* ---- command lines --------------------------------------------------------------------------------------- */

/* ---- variants -------------------------------------------------------------------------------------------- */

/* What is launched: "main", "./build/imgbench", "isa=v3", "main,isa=v3". */
typedef struct variant {
    const char *text;                          /* as given */
    char        name[NAME];                    /* in the report */
    char        program[MAX_PATH], commit[64]; /* "" not from git */
    char        setting[NAME];                 /* "isa=v3,threads=2"; "" none */
    size_t      n;                             /* launches that count */
    char        run_id[IB_MOST_LAUNCHES * 5][40];
} variant;

typedef struct campaign {
    const char *value[IB_MAX_ARGUMENTS];
    variant     variant[MAX_VARIANTS];
    size_t      n_variant, n_argument;
    const char *argument[MAX_ARGUMENTS]; /* of every launch */
    int64_t     launches, ranks, warmup, seed;
    char        cache[MAX_PATH], output[MAX_PATH], id[40];
    bool        quiet;
    ib_judging  how;
    gsl_rng    *rng;
    size_t      done, total;
} campaign;

static const char *own(const campaign *c, const char *name)
{
    return ib_argument(ib_ab_options, c->value, name);
}

static ib_status parse_variant(campaign *c, variant *v, ib_error *err)
{
    char        program[MAX_PATH] = "", revision[MAX_PATH + 16];
    struct stat st;
    const char *text = v->text;

    snprintf(v->name, sizeof v->name, "%s", text);
    for (; *text; text += *text == ',') {
        const size_t n = strcspn(text, ","), length = strlen(v->setting);
        if (memchr(text, '=', n))
            snprintf(v->setting + length, sizeof v->setting - length, "%s%.*s", length ? "," : "", (int)n, text);
        else if (*program || n >= sizeof program)
            return ib_fail(err, IB_EUSAGE, "ab: \"%s\" names two programs, or a very long one", v->text);
        else
            snprintf(program, sizeof program, "%.*s", (int)n, text);
        text += n;
    }
    if (!*program) {
        if (!ib_process_self(v->program, sizeof v->program))
            return ib_fail(err, IB_EIO, "ab: the system does not tell the name of this program");
        return IB_OK;
    }
    if (strchr(program, '/') && !stat(program, &st) && S_ISREG(st.st_mode) && !access(program, X_OK)) {
        char *whole = realpath(program, NULL);
        snprintf(v->program, sizeof v->program, "%s", whole ? whole : program);
        free(whole);
        return IB_OK;
    }
    snprintf(revision, sizeof revision, "%s^{commit}", program);
    char *ask[] = {"git",    "-C", (char *)(uintptr_t)own(c, "repository"), "rev-parse", "--verify", "--quiet",
                   revision, NULL};
    if (*program == '-' || ib_process_line(ask, v->commit, sizeof v->commit) || strlen(v->commit) < 40)
        return ib_fail(
            err, IB_EUSAGE,
            "ab: \"%.200s\" is no commit that git knows in %.200s, no program (./imgbench) and no setting (isa=v3)",
            program, own(c, "repository"));
    return IB_OK;
}

/* ---- builds ---------------------------------------------------------------------------------------------- */

/* Run a step of a build; what it says goes to its log. */
static ib_status step(ib_command_line *w, const char *what, const char *commit, const char *log, ib_error *err)
{
    char  line[200];
    FILE *out = fopen(log, "a+");

    if (!out)
        return ib_fail(err, IB_EIO, "ab: write %.300s: %s", log, strerror(errno));
    const int code = w->full ? -1 : ib_process_run(w->argv, NULL, out, out);
    if (code)
        ib_process_words(out, line, sizeof line);
    fclose(out);
    if (ib_process_stopped())
        return ib_fail(err, IB_EINTERRUPTED, "ab: stopped while building %.10s", commit);
    return code ? ib_fail(err, IB_ELAUNCH, "ab: %s of %.10s failed (exit code %d); its log is %.300s", what, commit,
                          code, log)
                : IB_OK;
}

static void forget(const char *repository, const char *folder)
{
    ib_command_line *w = calloc(1, sizeof *w);
    FILE            *nowhere = tmpfile();

    if (w && nowhere) {
        ib_command_add(w, "git");
        ib_command_add(w, "-C");
        ib_command_add(w, "%s", repository);
        ib_command_add_words(w, "worktree remove --force");
        ib_command_add(w, "%s/source", folder);
        ib_process_run(w->argv, NULL, nowhere, nowhere);
        *w = (ib_command_line){0};
        ib_command_add_words(w, "cmake -E rm -rf");
        ib_command_add(w, "%s/build", folder);
        ib_process_run(w->argv, NULL, nowhere, nowhere);
    }
    if (nowhere)
        fclose(nowhere);
    free(w);
}

/* The program of a commit: from the cache, or built into it. Its folder appears there under its name when it is whole. */
static ib_status provide(campaign *c, variant *v, ib_error *err)
{
    char        folder[2 * MAX_PATH], partial[2 * MAX_PATH + 32], log[2 * MAX_PATH + 64], from[2 * MAX_PATH + 96];
    const char *options = own(c, "cmake");
    ib_command_line *w = NULL;
    ib_status        rc = IB_OK;

    if (!*v->commit)
        return IB_OK;
    snprintf(folder, sizeof folder, "%s/%s-%08x", c->cache, v->commit,
             (unsigned)ib_record_digest(IB_DIGEST_START, options, strlen(options)));
    if (snprintf(v->program, sizeof v->program, "%s/imgbench", folder) >= MAX_PATH)
        return ib_fail(err, IB_EUSAGE, "ab --cache: the name is too long");
    if (!access(v->program, X_OK))
        return IB_OK;
    snprintf(partial, sizeof partial, "%s.%ld", folder, (long)getpid());
    snprintf(log, sizeof log, "%s/build.log", partial);
    if (mkdir(partial, 0777))
        return ib_fail(err, IB_EIO, "ab: make folder %.300s: %s; choose another with --cache", partial,
                       strerror(errno));
    if (!c->quiet)
        ib_say("building %s (%.10s)", v->name, v->commit);
    w = ib_alloc_zero(1, sizeof *w, "command", err);
    if (!w)
        return err->status;
    ib_command_add(w, "git");
    ib_command_add(w, "-C");
    ib_command_add(w, "%s", own(c, "repository"));
    ib_command_add_words(w, "worktree add --detach --force");
    ib_command_add(w, "%s/source", partial);
    ib_command_add(w, "%s", v->commit);
    rc = step(w, "git worktree", v->commit, log, err);
    if (!rc) {
        *w = (ib_command_line){0};
        ib_command_add_words(w, "cmake -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF");
        ib_command_add_words(w, options);
        ib_command_add(w, "-S%s/source", partial);
        ib_command_add(w, "-B%s/build", partial);
        rc = step(w, "cmake", v->commit, log, err);
    }
    if (!rc) {
        *w = (ib_command_line){0};
        ib_command_add_words(w, "cmake --build");
        ib_command_add(w, "%s/build", partial);
        ib_command_add_words(w, "--target imgbench --parallel");
        ib_command_add(w, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
        rc = step(w, "build", v->commit, log, err);
    }
    if (!rc) {
        snprintf(from, sizeof from, "%s/build/imgbench", partial);
        snprintf(log, sizeof log, "%s/imgbench", partial);
        if (rename(from, log))
            rc = ib_fail(err, IB_EIO, "ab: move %.300s: %s", from, strerror(errno));
    }
    forget(own(c, "repository"), partial);
    if (!rc && rename(partial, folder) && access(v->program, X_OK)) /* another one may have been quicker */
        rc = ib_fail(err, IB_EIO, "ab: rename %.300s: %s", partial, strerror(errno));
    ib_free(w);
    return rc;
}

static ib_status find_cache(campaign *c, ib_error *err)
{
    const char *given = own(c, "cache"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int         n;

    if (*given)
        n = snprintf(c->cache, sizeof c->cache, "%s", given);
    else if (xdg && *xdg)
        n = snprintf(c->cache, sizeof c->cache, "%s/imgbench/builds", xdg);
    else
        n = snprintf(c->cache, sizeof c->cache, "%s/.cache/imgbench/builds", home && *home ? home : "/tmp");
    if (n >= MAX_PATH - 200)
        return ib_fail(err, IB_EUSAGE, "ab --cache: the name is too long");
    for (char *slash = c->cache + 1;; slash++) {
        slash += strcspn(slash, "/");
        const char end = *slash;
        *slash = 0;
        const bool ok = !mkdir(c->cache, 0777) || errno == EEXIST;
        *slash = end;
        if (!ok)
            return ib_fail(err, IB_EIO, "ab: make folder %.300s: %s; choose another with --cache", c->cache,
                           strerror(errno));
        if (!end)
            break;
    }
    char *whole = realpath(c->cache, NULL); /* git and cmake run elsewhere */
    if (whole)
        snprintf(c->cache, sizeof c->cache, "%s", whole);
    free(whole);
    return IB_OK;
}

/* ---- launches -------------------------------------------------------------------------------------------- */

/* One launch; its record's name is kept when it counts. A refused image is a launch, too: it is judged as what it is. */
static ib_status launch(campaign *c, variant *v, size_t block, size_t order, ib_error *err)
{
    char             text[400], complaint[300] = "";
    ib_command_line *w = ib_alloc_zero(1, sizeof *w, "command", err);
    FILE            *out = tmpfile(), *said = tmpfile();
    json_t          *document = NULL;
    ib_status        rc = IB_OK;

    if (!w || !out || !said) {
        rc = w ? ib_fail(err, IB_EIO, "ab: temporary file: %s", strerror(errno)) : err->status;
        goto done;
    }
    snprintf(text, sizeof text,
             "intent=ab;campaign_id=%s;variant=%.150s;launch=%zu;block=%zu;order=%zu;seed=%" PRId64, c->id, v->name,
             block, block, order, c->seed);
    setenv("IMGBENCH_CAMPAIGN", text, 1);
    ib_command_add_words(w, "mpirun -n");
    ib_command_add(w, "%" PRId64, c->ranks);
    ib_command_add_words(w, own(c, "mpirun"));
    ib_command_add(w, "%s", v->program);
    for (size_t i = 0; i < c->n_argument; i++)
        ib_command_add(w, "%s", c->argument[i]);
    for (const char *at = v->setting; *at; at += strcspn(at, ","), at += *at == ',')
        ib_command_add(w, "--%.*s", (int)strcspn(at, ","), at);
    ib_command_add_words(w, "--format=json --quiet --overwrite");
    ib_command_add(w, "--output=%s", c->output);
    ib_command_add(w, "--record=%s", own(c, "record"));
    const int code = w->full ? -1 : ib_process_run(w->argv, NULL, out, said);
    rewind(out);
    document = json_loadf(out, JSON_DISABLE_EOF_CHECK, NULL);
    const char *record = json_string_value(json_object_get(document, "record"));
    const char *error = json_string_value(json_object_get(document, "error"));
    ib_process_words(said, complaint, sizeof complaint);
    if (ib_process_stopped())
        rc = ib_fail(err, IB_EINTERRUPTED, "ab: stopped after %zu launches; their records are kept", c->done);
    else if ((code && code != ib_exit_code(IB_ECHECK)) || !record || !*record)
        rc = ib_fail(err, IB_ELAUNCH, "ab: a launch of %.60s failed (exit code %d): %.280s", v->name, code,
                     error && *error ? error
                     : *complaint    ? complaint
                                     : "it left no record");
    if (!rc && block && v->n < sizeof v->run_id / sizeof *v->run_id) {
        const char *slash = strrchr(record, '/');
        snprintf(v->run_id[v->n++], 40, "%.36s", slash ? slash + 1 : record);
    }
    c->done++;
    const json_t *file;
    size_t        i;
    json_array_foreach(json_object_get(document, "output"), i, file)
    {
        if (json_is_string(file))
            remove(json_string_value(file));
    }
done:
    unsetenv("IMGBENCH_CAMPAIGN");
    json_decref(document);
    if (out)
        fclose(out);
    if (said)
        fclose(said);
    ib_free(w);
    return rc;
}

/* A block: every variant once, in random order. Block 0 is a warm-up. */
static ib_status launch_block(campaign *c, size_t block, ib_error *err)
{
    size_t    order[MAX_VARIANTS];
    ib_status rc = IB_OK;

    for (size_t i = 0; i < c->n_variant; i++)
        order[i] = i;
    gsl_ran_shuffle(c->rng, order, c->n_variant, sizeof *order);
    for (size_t i = 0; i < c->n_variant && !rc; i++) {
        rc = launch(c, &c->variant[order[i]], block, i, err);
        ib_progress_update(c->done < c->total ? c->done : c->total, NULL);
    }
    return rc;
}

/* ---- verdicts -------------------------------------------------------------------------------------------- */

/* The launches of a variant, as the history knows them. */
static size_t pick(const ib_past *all, size_t n, const variant *v, ib_past *out)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < v->n; k++)
            if (!strcmp(all[i].run_id, v->run_id[k]))
                out[found++] = all[i];
    return found;
}

/* Every variant against the first one. */
static ib_status judge(campaign *c, ib_history **history, ib_comparison *out, ib_error *err)
{
    ib_past  *all = NULL, *a = NULL, *b = NULL;
    size_t    n = 0;
    ib_status rc = ib_history_open(history, own(c, "record"), false, err);

    rc = rc ? rc
            : ib_history_select(*history,
                                &(ib_selection){.at_worst = IB_INVALID, .except = c->how.except, .limit = 2000}, &all,
                                &n, err);
    a = ib_alloc(n + 1, sizeof *a, "launches", err);
    b = ib_alloc(n + 1, sizeof *b, "launches", err);
    rc = rc ? rc : a && b ? IB_OK : err->status;
    const size_t n_a = rc ? 0 : pick(all, n, &c->variant[0], a);
    for (size_t i = 1; i < c->n_variant && !rc; i++)
        rc = ib_compare_launches(a, n_a, b, pick(all, n, &c->variant[i], b), &c->how, &out[i], err);
    ib_free(a);
    ib_free(b);
    ib_free(all);
    return rc;
}

static bool is_open(const ib_comparison *c)
{
    return c->verdict == IB_INCONCLUSIVE || c->verdict == IB_TOO_FEW;
}

static void clear_all(ib_comparison *out, ib_history **history)
{
    for (size_t i = 1; i < MAX_VARIANTS; i++)
        ib_comparison_clear(&out[i]);
    ib_history_close(*history);
    *history = NULL;
}

/* Blocks until all comparisons are decided, or the last look. */
static ib_status collect(campaign *c, ib_history **history, ib_comparison *out, ib_error *err)
{
    const size_t looks = c->launches ? 1 : IB_LOOKS;
    size_t       block = 0;
    ib_status    rc = IB_OK;

    c->how.alpha = 0.05 / (double)looks;
    c->total = c->n_variant * (size_t)(c->warmup + (c->launches ? c->launches : (int64_t)ib_look[0]));
    ib_progress_start("launches", c->total, c->quiet);
    for (int64_t i = 0; i < c->warmup && !rc; i++)
        rc = launch_block(c, 0, err);
    for (size_t look = 0; look < looks && !rc; look++) {
        const size_t until = c->launches ? (size_t)c->launches : ib_look[look];
        while (block < until && !rc)
            rc = launch_block(c, ++block, err);
        if (rc)
            break;
        clear_all(out, history);
        rc = judge(c, history, out, err);
        bool open = false;
        for (size_t i = 1; i < c->n_variant && !rc; i++)
            open |= is_open(&out[i]);
        if (!open)
            break;
        if (!rc && look + 1 < looks) {
            ib_progress_end();
            if (!c->quiet)
                ib_say("not decided after %zu launches of each", block);
            c->total = c->n_variant * (ib_look[look + 1] + (size_t)c->warmup);
            ib_progress_start("launches", c->total, c->quiet);
        }
    }
    ib_progress_end();
    return rc;
}

static json_t *finding_to_json(const ib_finding *f)
{
    json_t *problem = json_loads(f->series.problem, 0, NULL);

    return json_pack("{s:o?, s:s, s:i, s:i, s:i, s:s, s:i, s:i, s:o?, s:o?, s:o?, s:o?, s:s}", "problem", problem,
                     "machine", f->series.machine, "ranks", f->series.ranks, "nodes", f->series.nodes, "threads",
                     f->series.threads, "metric", f->metric, "n_a", (int)f->n[0], "n_b", (int)f->n[1], "ratio",
                     isfinite(f->shift.estimate) ? json_real(exp(f->shift.estimate)) : NULL, "low",
                     isfinite(f->shift.low) ? json_real(exp(f->shift.low)) : NULL, "high",
                     isfinite(f->shift.high) ? json_real(exp(f->shift.high)) : NULL, "p", json_real(f->shift.p),
                     "verdict", ib_verdict_name(f->verdict));
}

/* Commits or programs, settings of them, or one and the same. */
static const char *kind_of(const variant *a, const variant *b)
{
    return !strcmp(a->text, b->text) ? "null" : *a->setting || *b->setting ? "setting" : "ab";
}

static json_t *side_to_json(const variant *v, const ib_comparison *c, int side)
{
    json_t     *runs = json_array();
    const char *commit = v->commit;

    if (!*commit && c->n)
        commit = c->commit[side];
    for (size_t i = 0; i < v->n; i++)
        json_array_append_new(runs, json_string(v->run_id[i]));
    return json_pack("{s:s, s:s, s:s, s:o}", "name", v->name, "commit", commit, "setting", v->setting, "runs", runs);
}

/* The verdicts as a record: an alarm can be cited later, and trend and gate know what was settled. */
static ib_status leave_record(const campaign *c, const ib_comparison *out, int argc, char *const *argv, double wall_s,
                              char *path, size_t size, ib_error *err)
{
    json_t *comparisons = json_array();

    for (size_t i = 1; i < c->n_variant; i++) {
        json_t *findings = json_array();
        for (size_t k = 0; k < out[i].n; k++)
            json_array_append_new(findings, finding_to_json(&out[i].finding[k]));
        json_array_append_new(comparisons,
                              json_pack("{s:s, s:o, s:o, s:s, s:o}", "kind", kind_of(&c->variant[0], &c->variant[i]),
                                        "a", side_to_json(&c->variant[0], &out[i], 0), "b",
                                        side_to_json(&c->variant[i], &out[i], 1), "verdict",
                                        ib_verdict_name(out[i].verdict), "findings", findings));
    }
    json_t *fields = json_pack("{s:s, s:f, s:f, s:I, s:s, s:o}", "campaign_id", c->id, "margin", c->how.margin,
                               "alpha", c->how.alpha, "seed", (json_int_t)c->seed, "method",
                               "Hodges-Lehmann, exact rank sums, random blocks", "comparisons", comparisons);
    return ib_record_write(own(c, "record"), "ab", argc, argv, "verdict", fields, wall_s, path, size, err);
}

/* ---- subcommand ------------------------------------------------------------------------------------------ */

static ib_status parse(campaign *c, int argc, char *const *argv, ib_form *form, ib_error *err)
{
    const char *word[MAX_VARIANTS];
    size_t      n_word;
    int         own_argc = 0;

    while (own_argc < argc && strcmp(argv[own_argc], "--") != 0)
        own_argc++;
    for (int i = own_argc + 1; i < argc && c->n_argument < MAX_ARGUMENTS; i++)
        c->argument[c->n_argument++] = argv[i];
    ib_status rc =
        ib_arguments_words("ab", ib_ab_options, own_argc, argv, c->value, word, MAX_VARIANTS - 1, &n_word, err);
    if (!rc && n_word < 1)
        rc =
            ib_fail(err, IB_EUSAGE, "ab needs what to compare: imgbench ab main my-branch -- sim:chiles --support 7");
    rc = rc ? rc : ib_form_parse(own(c, "format"), form, err);
    if (!rc && !(ib_numbers(own(c, "launches"), 0, 5 * IB_MOST_LAUNCHES, &c->launches, 1, err) &&
                 ib_numbers(own(c, "ranks"), 1, 100000, &c->ranks, 1, err) &&
                 ib_numbers(own(c, "warmup"), 0, 10, &c->warmup, 1, err) &&
                 ib_numbers(own(c, "seed"), 0, INT32_MAX, &c->seed, 1, err)))
        rc = ib_within(err, "ab --launches, --ranks, --warmup or --seed: ");
    rc = rc ? rc : ib_judging_parse(own(c, "margin"), "valid", &c->how, err);
    if (!rc && !*own(c, "record"))
        rc = ib_fail(err, IB_EUSAGE, "ab needs records: --record FOLDER");
    if (rc)
        return rc;
    const bool null = *own(c, "null");
    if (n_word < 2 && !null)
        return ib_fail(err, IB_EUSAGE, "ab needs a second variant beside %s, or --null", word[0]);
    for (size_t i = 0; i < n_word; i++)
        c->variant[c->n_variant++].text = word[i];
    if (null)
        c->variant[c->n_variant++].text = word[0];
    for (size_t i = 0; i < c->n_variant && !rc; i++) {
        rc = parse_variant(c, &c->variant[i], err);
        ib_selection_keys(c->variant[i].setting, c->how.except, sizeof c->how.except);
    }
    if (!rc && null)
        snprintf(c->variant[c->n_variant - 1].name, NAME, "%.180s again", word[0]);
    c->how.any_environment = true; /* one machine, one hour: what differs came with the variants */
    c->quiet = *own(c, "quiet");
    return rc;
}

static void put_comparisons(ib_report *report, const campaign *c, const ib_comparison *out)
{
    for (size_t i = 1; i < c->n_variant; i++)
        ib_comparison_report(report, &out[i], c->variant[0].name, c->variant[i].name, &c->how);
}

ib_status ib_ab(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const double  start = ib_now();
    ib_comparison comparison[MAX_VARIANTS] = {{0}};
    ib_history   *history = NULL;
    ib_report    *report = NULL;
    char          path[MAX_PATH] = "";
    ib_form       form = IB_FORM_TABLE;
    campaign     *c = ib_alloc_zero(1, sizeof *c, "campaign", err);

    if (!c)
        return err->status;
    ib_status rc = parse(c, argc, argv, &form, err);
    rc = rc ? rc : find_cache(c, err);
    ib_process_catch();
    for (size_t i = 0; i < c->n_variant && !rc; i++)
        rc = provide(c, &c->variant[i], err);
    if (rc)
        goto done;
    c->rng = gsl_rng_alloc(gsl_rng_mt19937);
    if (!c->rng) {
        rc = ib_fail(err, IB_ENOMEM, "no memory for random numbers");
        goto done;
    }
    gsl_rng_set(c->rng, (unsigned long)c->seed);
    snprintf(c->id, sizeof c->id, "ab-%lld-%ld", (long long)time(NULL), (long)getpid());
    snprintf(c->output, sizeof c->output, "%.900s/imgbench-%s.hdf5", own(c, "scratch"), c->id);
    rc = collect(c, &history, comparison, err);
    rc = rc ? rc : leave_record(c, comparison, argc, argv, ib_now() - start, path, sizeof path, err);
    rc = rc ? rc : ib_report_begin(&report, out, form, err);
    if (!rc) {
        put_comparisons(report, c, comparison);
        ib_report_fact(report, "record", "record", path);
        rc = ib_report_end(report, err);
    }
    for (size_t i = 1; i < c->n_variant && !rc; i++)
        if (strcmp(c->variant[i].text, c->variant[0].text) != 0 || c->n_variant == 2)
            rc =
                ib_comparison_outcome(&comparison[i], c->variant[0].name, c->variant[i].name, *own(c, "strict"), err);
done:
    clear_all(comparison, &history);
    if (c->rng)
        gsl_rng_free(c->rng);
    ib_free(c);
    return rc;
}
