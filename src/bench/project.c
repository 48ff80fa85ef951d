/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/project.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/calibrate.h"
#include "bench/facts.h"
#include "bench/forecast.h"
#include "bench/gnuplot.h"
#include "bench/history.h"
#include "bench/json.h"
#include "bench/scaling.h"
#include "io/io.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* clang-format off */
const ib_help_option ib_project_options[] = {
    {"ranks",          "LIST",    "1,2,4,8,16,32,64,128", "numbers of ranks, up to 1000000, each of --threads threads (one unless given)"},
    {"ranks-per-node", "N",       "0",       "ranks that share a node's network; 0: all of them"},
    {"bandwidth",      "BYTES",   "",        "what the file system does a second, for all ranks together (20GB; 20GB,10GB: reading, writing); none: anything; as imgbench calibrate measured the disk here unless given"},
    {"stream",         "BYTES",   "none",    "what it does a second for one reader or writer, at most"},
    {"node-bandwidth", "BYTES",   "12.5GB",  "what the network of a node does a second"},
    {"latency",        "SECONDS", "2e-6",    "of a message, or of taking channels with --schedule dynamic"},
    {"open-cost",      "SECONDS", "2e-5",    "that opening a file takes the file system, one after the other"},
    {"jitter",         "SHARE",   "",        "standard deviation of the speed of ranks; as launches of the rates differed unless given"},
    {"seed",           "N",       "1",       "of the jitter"},
    {"computed",       "",        "",        "samples of a simulation are computed, as run does, not read from a file like the one that simulate writes"},
    {"rates",          "TERMS",   "",        "launches that rates are taken from, as of ls, beside equal settings and this machine; none: the engine's own table of costs"},
    {"plot",           "FILE",    "",        "draw times and shares (.svg or .png) with gnuplot"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* Options of run that are heeded; and those that launches must have in common for one to tell of the other. */
#define TAKEN                                                                                                            \
    "column field spw channels cell imsize stokes bin psf kernel epsilon support oversampling padding lookup precision " \
    "wterm isa fits chunks schedule memory threads check record format"
#define ALIKE                                                                                                        \
    "mode gridder weighting stokes bin psf kernel epsilon support oversampling padding lookup precision wterm isa fits"

#define LOOK_AT_ROW 50e-9 /* s that one rank looks at a row for, beforehand (prepare.c) */

enum {
    MAX_COUNTS = 32,
    MAX_RANKS = 1000000,
    VISIBILITY = 9, /* bytes of a sample and its flag in a file of simulate */
    BASE = 48 << 20 /* bytes of program and libraries */
};

/* An input with the settings it is to be imaged with. */
typedef struct job {
    ib_command  command;
    bool        parsed, described;
    ib_source  *source;
    ib_vis_info info;
    ib_extent  *extent;
    bool        stored; /* samples are read, not computed */
} job;

/* What a launch costs on this machine, and how it is known. */
typedef struct rates {
    double grid, fft; /* over what the engine's table predicts */
    double sort;      /* core-seconds of a row */
    double check;     /* over what is predicted */
    double read;      /* core-seconds of a sample that is computed */
    double rest;      /* of every core-second of those above, beside it */
    double start_s, end_s, jitter;
    char   from[200];
} rates;

typedef struct projection {
    const char *value[IB_MAX_ARGUMENTS];
    job         job;
    rates       rates;
    int64_t     n_rank[MAX_COUNTS], per_node, seed;
    size_t      n_count;
    double      read, write, stream, node, latency, open_s;
    ib_forecast made[MAX_COUNTS];
    double      memory[MAX_COUNTS];
    char        refused[MAX_COUNTS][500]; /* "" it can be launched */
} projection;

static const char *option(const projection *p, const char *name)
{
    return ib_argument(ib_project_options, p->value, name);
}

/* ---- jobs ------------------------------------------------------------------------------------------------ */

static ib_status measure_rows(job *j, ib_error *err)
{
    enum { BLOCK = 1 << 16 };
    double(*uvw)[3] = ib_alloc(BLOCK, sizeof *uvw, "rows", err);
    int32_t(*antenna)[2] = ib_alloc(BLOCK, sizeof *antenna, "rows", err);

    j->extent = ib_alloc_zero(j->info.n_spw, sizeof *j->extent, "windows", err);
    ib_status rc = uvw && antenna && j->extent ? IB_OK : err->status;
    for (size_t s = 0; !rc && s < j->info.n_spw; s++)
        for (size_t row = 0, n; !rc && row < j->info.spw[s].n_row; row += n) {
            n = j->info.spw[s].n_row - row < BLOCK ? j->info.spw[s].n_row - row : BLOCK;
            rc = ib_source_rows(j->source, s, (ib_range){row, n}, &(ib_rows){.uvw = uvw, .antenna = antenna}, err);
            if (!rc)
                ib_extent_add(&j->extent[s], (const double(*)[3])uvw, (const int32_t(*)[2])antenna, n);
        }
    ib_free(uvw);
    ib_free(antenna);
    return rc;
}

static void close_job(job *j)
{
    ib_source_close(j->source);
    if (j->described)
        ib_vis_info_clear(&j->info);
    ib_free(j->extent);
    if (j->parsed)
        ib_command_clear(&j->command);
    *j = (job){0};
}

/* @param stored  samples of a simulation lie in a file, too */
static ib_status describe(job *j, bool stored, ib_error *err)
{
    ib_status rc = ib_source_open(&j->source, &j->command.cfg, &j->info, err);
    j->described = !rc;
    if (!rc)
        rc = measure_rows(j, err);
    for (size_t s = 0; !rc && s < j->info.n_spw; s++) {
        ib_spw *w = &j->info.spw[s];
        if (stored && !(w->tiling.sample_bytes > 0))
            w->tiling.sample_bytes = VISIBILITY;
        j->stored = j->stored || w->tiling.sample_bytes > 0;
    }
    return rc;
}

static int threads_of(const job *j)
{
    return j->command.cfg.threads > 0 ? (int)j->command.cfg.threads : 1;
}

/* Of a number of ranks. @param predicted  core-seconds of a channel by the engine's table of costs */
static ib_status plan_job(const job *j, int n_rank, int n_thread, ib_plan *plan, double predicted[2], ib_error *err)
{
    ib_config       cfg = j->command.cfg;
    ib_choice       choice;
    const ib_status rc = ib_plan_make(plan, &cfg, &j->info, j->extent, n_rank, n_thread, BASE, err);
    if (rc)
        return rc;
    const ib_imaging task = ib_plan_imaging(plan, &cfg, &j->info, j->extent);
    ib_choice_predict(&task, (int)cfg.support, plan->padding, &choice);
    memcpy(predicted, choice.seconds, sizeof choice.seconds);
    return IB_OK;
}

static double rows_of(const job *j)
{
    double n = 0;
    for (size_t s = 0; s < j->info.n_spw; s++)
        n += (double)j->info.spw[s].n_row;
    return n / (double)j->info.n_spw;
}

static double samples_of(const job *j, double *bytes)
{
    double n = 0, b = 0;

    for (size_t s = 0; s < j->info.n_spw; s++) {
        const ib_spw *w = &j->info.spw[s];
        const double  more = (double)w->n_row * (double)w->n_chan * (double)w->n_corr;
        n += more;
        b += more * w->tiling.sample_bytes;
    }
    if (bytes)
        *bytes = b;
    return n;
}

/* Which order of rows every unit needs, numbered. @return NULL with err set */
static uint32_t *orders(const ib_plan *plan, ib_error *err)
{
    uint32_t *sorted = ib_alloc(plan->n_unit, sizeof *sorted, "channels", err), n = 0;
    ib_part   last = {0};

    for (size_t u = 0; sorted && u < plan->n_unit; u++) {
        const ib_part part = plan->part[plan->part_first[u]];
        n += u && (part.spw != last.spw || plan->bin[part.spw][part.chan] != plan->bin[last.spw][last.chan]);
        sorted[u] = n;
        last = part;
    }
    return sorted;
}

static size_t count_orders(const ib_plan *plan, const uint32_t *sorted, int n_rank)
{
    size_t n = 0;

    for (int r = 0; r < n_rank; r++) {
        const ib_range units = ib_plan_share(plan, r, n_rank);
        for (size_t u = units.first; u < units.first + units.n; u++)
            n += u == units.first || sorted[u] != sorted[u - 1];
    }
    return n;
}

/* Core-seconds of comparing a channel: a sample of 8 x 8 pixels takes as long as two to be gridded (plan.c). */
static double predicted_check(const ib_plan *plan, const double predicted[2])
{
    const double share = plan->n_pixel / 8.0;
    return 2 * share * share * predicted[IB_GRID_WORK] / plan->n_stokes;
}

/* ---- rates ----------------------------------------------------------------------------------------------- */

/* The command line of a record. @param word  what the command borrows */
static bool parse_recorded(job *j, const json_t *run, const char *own_input, char word[IB_MAX_OPTIONS + 1][300])
{
    const json_t *workload = json_object_get(run, "workload"), *params = json_object_get(workload, "params");
    const json_t *input = json_array_get(json_object_get(workload, "inputs"), 0);
    const char   *name = json_string_value(json_object_get(input, "name"));
    char         *argv[IB_MAX_OPTIONS + 2];
    char          keys[] = TAKEN;
    int           argc = 0;
    ib_error      err;

    for (char *rest = keys, *key; (key = strtok_r(rest, " ", &rest)) && argc < IB_MAX_OPTIONS;) {
        const char *value = json_string_value(json_object_get(params, key));
        if (!value || !*value || !strcmp(key, "threads") || !strcmp(key, "memory") || !strcmp(key, "record"))
            continue; /* memory: large enough for any; threads: as the shape has them */
        snprintf(word[argc], sizeof *word, "--%s=%s", key, value);
        argv[argc] = word[argc];
        argc++;
    }
    const char *base = strrchr(own_input, '/');
    if (name && !strcmp(base ? base + 1 : own_input, name))
        name = own_input; /* records leave folders out */
    snprintf(word[argc], sizeof *word, "%s", name ? name : "");
    argv[argc] = word[argc];
    argc += name && *name;
    j->parsed = !ib_command_parse(&j->command, argc, argv, TAKEN, &err);
    return j->parsed;
}

static double seconds(const json_t *rep, const char *phase, const char *which)
{
    return json_number_value(json_object_get(json_object_get(json_object_get(rep, "phases"), phase), which));
}

/* From one launch. @return false: its record, or its input, does not tell enough */
static bool learn(rates *out, const json_t *lines, const projection *p)
{
    const json_t *run = ib_json_line(lines, "run"), *rep = ib_json_line(lines, "rep");
    const json_t *shape = json_object_get(run, "shape"), *schedule = json_object_get(rep, "schedule");
    const int     n_rank = (int)json_integer_value(json_object_get(shape, "ranks"));
    const int     n_thread = (int)json_integer_value(json_object_get(shape, "threads"));
    const double  cores = (double)n_rank * n_thread,
                 room = json_number_value(json_object_get(json_object_get(rep, "overlap"), "room_s"));
    job       was = {0};
    ib_plan   plan = {0};
    double    predicted[2];
    uint32_t *sorted = NULL;
    char      word[IB_MAX_OPTIONS + 1][300];
    ib_error  err;
    bool      ok = schedule && cores > 0 && parse_recorded(&was, run, p->job.command.cfg.input, word);

    ok = ok && !describe(&was, false, &err) && !plan_job(&was, n_rank, n_thread, &plan, predicted, &err);
    ok = ok && (p->job.stored || !was.stored); /* what computing samples costs, a file does not tell */
    ok = ok && (sorted = orders(&plan, &err));
    if (ok) {
        const double n_unit = (double)plan.n_unit, work = json_number_value(json_object_get(schedule, "work_mean_s"));
        const double grid = seconds(rep, "grid", "mean_s") + seconds(rep, "weigh", "mean_s");
        const double fft = seconds(rep, "fft", "mean_s") + seconds(rep, "beam", "mean_s") +
                           fmax(0, seconds(rep, "write", "mean_s") - room);
        const double sort = seconds(rep, "sort", "mean_s"), check = seconds(rep, "check", "mean_s");
        const double read = was.stored ? json_number_value(json_object_get(json_object_get(rep, "overlap"), "data_s"))
                                       : seconds(rep, "read", "mean_s");
        const double computing = grid + fft + sort + check + (was.stored ? 0 : read);
        const double rest = work - grid - fft - sort - check - read - room;
        *out = (rates){
            .grid = cores * grid / n_unit / predicted[IB_GRID_WORK],
            .fft = cores * fft / n_unit / predicted[IB_FFT_WORK],
            .sort = cores * sort / (double)count_orders(&plan, sorted, n_rank) / rows_of(&was),
            .check = plan.n_check ? cores * check / (double)plan.n_check / predicted_check(&plan, predicted) : 1,
            .read = was.stored ? 0 : cores * read / samples_of(&was, NULL),
            .rest = computing > 0 ? fmax(0, rest / computing) : 0};
        const double start = seconds(rep, "open", "max_s") + seconds(rep, "plan", "max_s");
        const double end = json_number_value(json_object_get(rep, "wall_s")) - start -
                           json_number_value(json_object_get(schedule, "work_max_s"));
        out->start_s = fmax(0, start + LOOK_AT_ROW * (rows_of(&p->job) - rows_of(&was)));
        out->end_s = fmax(0, end);
        ok = isfinite(out->grid + out->fft + out->sort + out->check + out->read);
    }
    ib_free(sorted);
    if (was.described)
        ib_plan_clear(&plan, &was.info);
    close_job(&was);
    return ok;
}

/* Terms of launches with equal settings on this machine. */
static void like_terms(const projection *p, char *terms, size_t size)
{
    char       keys[] = ALIKE, value[300];
    ib_machine here;

    ib_machine_facts(&here);
    snprintf(terms, size, "status=ok,machine=%s", here.alias);
    for (size_t i = 0; i < ib_option_count(); i++)
        for (char *word = keys; *word; word += strcspn(word, " "), word += *word == ' ') {
            const size_t n = strcspn(word, " ");
            if (strlen(ib_option_name(i)) == n && !strncmp(ib_option_name(i), word, n) &&
                ib_option_render(&p->job.command.cfg, i, value, sizeof value) && *value && !strchr(value, ','))
                snprintf(terms + strlen(terms), size - strlen(terms), ",%s=%s", ib_option_name(i), value);
        }
}

/* How far a launch's samples for each byte of image are from ours, as a logarithm: whether channels are like ours. */
static double unlikeness(const json_t *lines, double samples, double image_bytes)
{
    const json_t *rep = ib_json_line(lines, "rep");
    const double  read = json_number_value(json_object_get(json_object_get(rep, "counts"), "read"));
    const double  written = json_number_value(json_object_get(json_object_get(rep, "bytes"), "written"));
    return read > 0 && written > 0 ? fabs(log(read / written * image_bytes / samples)) : INFINITY;
}

static int by_total(const void *a, const void *b)
{
    const double x = (*(const ib_past *const *)a)->total, y = (*(const ib_past *const *)b)->total;
    return (x > y) - (x < y);
}

static json_t *lines_of(ib_history *history, const ib_past *launch)
{
    char     path[1024];
    ib_error err;
    return ib_history_file(history, launch->run_id, path, sizeof path, &err) ? NULL
                                                                             : ib_json_lines(path, launch->run_id);
}

/* The series of launches most like ours, the newest of equal ones; of it the launch in the middle. */
static bool learn_from_history(projection *p, ib_history *history, const ib_past *launch, size_t n,
                               double image_bytes)
{
    enum { LOOKED_AT = 60, SAME = 40 };
    const ib_past *best = NULL, *same[SAME];
    const double   samples = samples_of(&p->job, NULL);
    double         least = INFINITY;
    size_t         n_same = 0;

    for (size_t i = n; i-- > 0 && n - i <= LOOKED_AT;) {
        rates        unused;
        json_t      *lines = lines_of(history, &launch[i]);
        const double unlike = lines ? unlikeness(lines, samples, image_bytes) : INFINITY;
        if (unlike < least - 0.05 && learn(&unused, lines, p)) {
            best = &launch[i];
            least = unlike;
        }
        json_decref(lines);
    }
    if (!best)
        return false;
    for (size_t i = n; i-- > 0 && n_same < SAME;)
        if (ib_past_same_series(best, &launch[i], NULL))
            same[n_same++] = &launch[i];
    qsort(same, n_same, sizeof *same, by_total);
    const ib_past *middle = same[n_same / 2];
    json_t        *lines = lines_of(history, middle);
    const bool     ok = lines && learn(&p->rates, lines, p);
    json_decref(lines);
    if (n_same > 2) { /* quarters of a normal distribution are 1.35 standard deviations apart */
        const double low = same[n_same / 4]->total, high = same[n_same - 1 - n_same / 4]->total;
        p->rates.jitter = (high - low) / 1.35 / middle->total;
    }
    snprintf(p->rates.from, sizeof p->rates.from, "launch %.13s (%.60s), in the middle of %zu alike", middle->run_id,
             middle->input, n_same);
    return ok;
}

/* Bytes of all images: pixels, their mipmaps, and a copy in FITS. */
static double image_bytes(const job *j, const ib_plan *plan)
{
    const double pixels = (double)(plan->geometry.nx * plan->geometry.ny) * plan->n_grid;
    return (double)plan->n_unit * pixels * 4 * (4.0 / 3 + (j->command.cfg.fits ? 1 : 0));
}

static ib_status find_rates(projection *p, const ib_plan *plan, ib_error *err)
{
    const char *folder = p->job.command.cfg.record;
    char        terms[1024];
    ib_history *history = NULL;
    ib_past    *launch = NULL;
    size_t      n = 0;
    bool        found = false;
    ib_status   rc = IB_OK;

    if (strcmp(option(p, "rates"), "none") && *folder && !(rc = ib_history_open(&history, folder, false, err))) {
        like_terms(p, terms, sizeof terms);
        rc = ib_history_select(
            history,
            &(ib_selection){.terms = terms, .more = option(p, "rates"), .at_worst = IB_PROVISIONAL, .limit = 500},
            &launch, &n, err);
        found = !rc && learn_from_history(p, history, launch, n, image_bytes(&p->job, plan));
    }
    if (rc == IB_ENODATA && !*option(p, "rates"))
        rc = IB_OK; /* no folder of records, or no launch */
    if (!rc && !found && *option(p, "rates") && strcmp(option(p, "rates"), "none"))
        rc = ib_fail(
            err, IB_ENODATA,
            "--rates %.100s: no launch in %.100s with these settings whose input is there; make one, or leave --rates out",
            option(p, "rates"), folder);
    if (!rc && !found && !p->job.stored)
        rc = ib_fail(
            err, IB_ENODATA,
            "--computed: what computing samples costs is known from launches of run only, and there is none with these settings in \"%.100s\"; make one",
            folder);
    if (!rc && !found) {
        p->rates = (rates){.grid = 1, .fft = 1, .sort = 20e-9, .check = 1, .start_s = LOOK_AT_ROW * rows_of(&p->job)};
        snprintf(p->rates.from, sizeof p->rates.from, "the engine's table of costs (imgbench bench choice)%s",
                 strcmp(option(p, "rates"), "none") ? ", for want of a launch with these settings" : "");
    }
    ib_free(launch);
    ib_history_close(history);
    return rc;
}

/* ---- machine --------------------------------------------------------------------------------------------- */

static ib_status rate(const char *name, const char *text, double *out, ib_error *err)
{
    int64_t bytes;

    *out = INFINITY;
    if (!strcmp(text, "none"))
        return IB_OK;
    ib_status rc = ib_text_to_bytes(text, &bytes, err);
    if (!rc && bytes <= 0)
        rc = ib_fail(err, IB_EUSAGE, "%.40s is not above 0", text);
    if (rc)
        return ib_within(err, "project --%s: ", name);
    *out = (double)bytes;
    return IB_OK;
}

static ib_status real(const projection *p, const char *name, double most, double *out, ib_error *err)
{
    ib_status rc = ib_text_to_real(option(p, name), out, err);

    if (!rc && !(*out >= 0 && *out <= most))
        rc = ib_fail(err, IB_EUSAGE, "%g is outside 0..%g", *out, most);
    return rc ? ib_within(err, "project --%s: ", name) : IB_OK;
}

static ib_status choose_bandwidth(projection *p, ib_error *err)
{
    char        text[64];
    const char *given = option(p, "bandwidth"), *comma = strchr(given, ',');
    ib_limits   limits;
    char        day[16];
    int         age;

    if (!*given) {
        if (!ib_limits_recorded(p->job.command.cfg.record, NULL, &limits, day, &age) ||
            !(limits.disk.read.median > 0))
            return ib_fail(
                err, IB_ENODATA,
                "project: no disk of this machine was calibrated in \"%.100s\"; give --bandwidth, or run imgbench calibrate",
                p->job.command.cfg.record);
        p->read = limits.disk.read.median;
        p->write = limits.disk.write.median;
        return IB_OK;
    }
    snprintf(text, sizeof text, "%.*s", (int)strcspn(given, ","), given);
    const ib_status rc = rate("bandwidth", text, &p->read, err);
    return rc ? rc : rate("bandwidth", comma ? comma + 1 : given, &p->write, err);
}

static ib_status choose_machine(projection *p, ib_error *err)
{
    double    stream = INFINITY;
    ib_status rc = IB_OK;

    p->n_count = ib_numbers(option(p, "ranks"), 1, MAX_RANKS, p->n_rank, MAX_COUNTS, err);
    if (!p->n_count)
        return ib_within(err, "project --ranks: ");
    if (!ib_numbers(option(p, "ranks-per-node"), 0, MAX_RANKS, &p->per_node, 1, err))
        return ib_within(err, "project --ranks-per-node: ");
    if (!ib_numbers(option(p, "seed"), 0, INT64_MAX, &p->seed, 1, err))
        return ib_within(err, "project --seed: ");
    rc = rate("stream", option(p, "stream"), &stream, err);
    rc = rc ? rc : rate("node-bandwidth", option(p, "node-bandwidth"), &p->node, err);
    rc = rc ? rc : real(p, "latency", 1, &p->latency, err);
    rc = rc ? rc : real(p, "open-cost", 10, &p->open_s, err);
    rc = rc ? rc : choose_bandwidth(p, err);
    p->stream = stream;
    return rc;
}

static int nodes(const projection *p, int64_t n_rank)
{
    return p->per_node ? (int)((n_rank + p->per_node - 1) / p->per_node) : 1;
}

/* ---- projections ----------------------------------------------------------------------------------------- */

static ib_status project_one(projection *p, size_t i, ib_error *err)
{
    const job       *j = &p->job;
    const ib_config *cfg = &j->command.cfg;
    const rates     *k = &p->rates;
    const int        n_rank = (int)p->n_rank[i], n_thread = threads_of(j);
    const int64_t    together = p->per_node && p->per_node < n_rank ? p->per_node : n_rank;
    double           predicted[2], bytes;
    ib_plan          plan = {0};
    ib_status        rc = plan_job(j, n_rank, n_thread, &plan, predicted, err);

    if (rc == IB_EUSAGE || rc == IB_ENOMEM) { /* as the launch would say */
        snprintf(p->refused[i], sizeof p->refused[i], "%s", err->text);
        ib_plan_clear(&plan, &j->info);
        return IB_OK;
    }
    uint32_t *sorted = rc ? NULL : orders(&plan, err);
    if (!rc && !sorted)
        rc = err->status;
    if (!rc) {
        const double           samples = samples_of(j, &bytes), n_unit = (double)plan.n_unit, more = 1 + k->rest;
        const ib_forecast_task task = {
            .plan = &plan,
            .dynamic = cfg->schedule == IB_SCHEDULE_DYNAMIC && n_rank > 1,
            .sorted = sorted,
            .read_bytes = bytes / n_unit,
            .row_bytes = j->stored ? rows_of(j) * (sizeof(double[3]) + sizeof(int32_t[2]) + sizeof(float[2])) : 0,
            .write_bytes = image_bytes(j, &plan) / n_unit,
            .unit_s = more * (k->grid * predicted[IB_GRID_WORK] + k->fft * predicted[IB_FFT_WORK] +
                              (j->stored ? 0 : k->read * samples / n_unit)),
            .sort_s = more * k->sort * rows_of(j),
            .check_s = more * k->check * predicted_check(&plan, predicted),
            .start_s = k->start_s,
            .end_s = k->end_s,
            .n_file = (j->stored ? 1 : 0) + (cfg->psf ? 2 : 1) * (cfg->fits ? 2 : 1) + 1, /* and a journal */
        };
        const ib_forecast_machine machine = {
            n_rank,  n_thread,   p->read,   p->write,  fmin(p->stream, p->node / (double)together),
            p->node, p->latency, p->open_s, k->jitter, (uint64_t)p->seed};
        p->memory[i] = (double)plan.total_bytes;
        rc = ib_forecast_make(&p->made[i], &task, &machine, err);
    }
    ib_free(sorted);
    ib_plan_clear(&plan, &j->info);
    return rc;
}

/* ---- report ---------------------------------------------------------------------------------------------- */

/* What it waits for most, beside its work. */
static ib_spent worst(const ib_forecast *f)
{
    ib_spent most = IB_SPENT_START;

    for (ib_spent s = IB_SPENT_START; s < IB_N_SPENT; s++)
        if (s != IB_SPENT_COMPUTE && f->spent_s[s] > f->spent_s[most])
            most = s;
    return most;
}

static const char *cause(const ib_forecast *f)
{
    static const char *const why[] = {"what one rank does alone: opening, planning, closing",
                                      "opening of files, one after the other",
                                      "reading: the file system",
                                      "",
                                      "writing: the file system",
                                      "messages: taking channels, agreeing, gathering",
                                      "ranks that wait for slower ones, or for those with more channels"};
    return f->storage > 0.8 ? "the bandwidth of the file system" : why[worst(f)];
}

static double efficiency(const projection *p, size_t i)
{
    size_t first = 0;

    while (*p->refused[first])
        first++;
    return (double)p->n_rank[first] * p->made[first].total_s / ((double)p->n_rank[i] * p->made[i].total_s);
}

static void put_table(const projection *p, ib_report *report)
{
    static const ib_heading heading[] = {
        {"ranks", "ranks"},           {"nodes", "nodes"},       {"T_s", "T (s)"},   {"efficiency", "efficiency"},
        {"start", "start %"},         {"open", "open %"},       {"read", "read %"}, {"compute", "compute %"},
        {"write", "write %"},         {"network", "network %"}, {"idle", "idle %"}, {"storage", "file system %"},
        {"memory_gib", "GiB a rank"}, {"limit", "most time is"}};

    ib_report_table(report, "projection", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < p->n_count; i++) {
        const ib_forecast *f = &p->made[i];
        const bool         no = *p->refused[i];
        ib_cell            row[sizeof heading / sizeof *heading] = {
                       ib_cell_count((size_t)p->n_rank[i]), ib_cell_count((size_t)nodes(p, p->n_rank[i])),
                       ib_cell_real(no ? (double)NAN : f->total_s), ib_cell_real(no ? (double)NAN : efficiency(p, i))};
        ib_spent most = IB_SPENT_START;
        for (ib_spent s = IB_SPENT_START; s < IB_N_SPENT; s++) {
            row[4 + s] = ib_cell_real(no ? (double)NAN : 100 * f->spent_s[s] / f->total_s);
            most = f->spent_s[s] > f->spent_s[most] ? s : most;
        }
        row[11] = ib_cell_real(no ? (double)NAN : 100 * f->storage);
        row[12] = ib_cell_real(no ? (double)NAN : p->memory[i] / 0x1p30);
        row[13] = ib_cell_text(no ? "refused" : ib_spent_name(most));
        ib_report_row(report, row);
    }
    ib_report_table_end(report);
}

/* The first number of ranks that half of the efficiency is lost with, and the first that is refused. */
static void put_breaks(const projection *p, ib_report *report)
{
    char text[640], key[32];

    for (size_t i = 0, done = 0; i < p->n_count && !done; i++)
        if (!*p->refused[i] && efficiency(p, i) < 0.5) {
            snprintf(text, sizeof text, "%lld ranks: efficiency %.2g; %s", (long long)p->n_rank[i], efficiency(p, i),
                     cause(&p->made[i]));
            ib_report_fact(report, "breaks_first", "breaks first", text);
            done = 1;
        }
    for (size_t i = 0, n = 0; i < p->n_count; i++)
        if (*p->refused[i]) {
            snprintf(text, sizeof text, "%lld ranks: %s", (long long)p->n_rank[i], p->refused[i]);
            snprintf(key, sizeof key, "refused_%zu", ++n);
            ib_report_fact(report, key, "refused", text);
        }
}

/* Seconds of the i-th published time for as many samples; 0: about another data set. */
static double published(const projection *p, const ib_published *one)
{
    const char  *input = p->job.command.cfg.input;
    const size_t n = strlen(one->preset);

    if (strncmp(input, "sim:", 4) || strncmp(input + 4, one->preset, n) || (input[4 + n] && input[4 + n] != ','))
        return 0;
    return one->seconds * samples_of(&p->job, NULL) / one->samples;
}

static void put_published(const projection *p, ib_report *report)
{
    static const ib_heading heading[] = {
        {"what", "published, for as many samples"}, {"cores", "cores"}, {"share_s", "T (s)"}};
    const ib_published *one;

    ib_report_table(report, "published", heading, 3);
    for (size_t i = 0; (one = ib_published_at(i)); i++)
        if (published(p, one) > 0)
            ib_report_row(report, (const ib_cell[]){ib_cell_text(one->what), ib_cell_count((size_t)one->cores),
                                                    ib_cell_real(published(p, one))});
    ib_report_table_end(report);
}

static void put_assumptions(const projection *p, ib_report *report)
{
    char   text[400];
    double bytes;

    ib_report_fact(report, "input", "input", p->job.command.cfg.input);
    const double samples = samples_of(&p->job, &bytes);
    snprintf(text, sizeof text, "%s visibilities, %s%s, %d thread%s a rank", ib_text_count((uint64_t)samples).s,
             p->job.stored ? ib_text_bytes(bytes).s : "computed", p->job.stored ? " to read" : "",
             threads_of(&p->job), threads_of(&p->job) == 1 ? "" : "s");
    ib_report_fact(report, "work", "work", text);
    ib_report_fact(report, "rates", "rates from", p->rates.from);
    snprintf(
        text, sizeof text,
        "gridding %.3g, transform %.3g times what the engine's table says; %.3g ns to sort a row; %.2g%% beside; jitter %.2g",
        p->rates.grid, p->rates.fft, 1e9 * p->rates.sort, 100 * p->rates.rest, p->rates.jitter);
    ib_report_fact(report, "costs", "costs", text);
    if (p->read < INFINITY || p->write < INFINITY) {
        snprintf(text, sizeof text, "reads %s/s, writes %s/s", ib_text_bytes(p->read).s, ib_text_bytes(p->write).s);
        ib_report_fact(report, "storage", "file system", text);
    }
}

/* ---- plot ------------------------------------------------------------------------------------------------ */

static void put_script(FILE *out, const projection *p, bool svg)
{
    static const char *const colour[] = {"#999999", "#56b4e9", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e6e6e6"};
    const ib_published      *one;
    size_t                   first = 0;

    while (*p->refused[first])
        first++;
    fprintf(out, "$T << EOD\n");
    for (size_t i = 0; i < p->n_count; i++)
        if (!*p->refused[i]) {
            fprintf(out, "%lld %.9g", (long long)p->n_rank[i], p->made[i].total_s);
            for (int s = 0; s < IB_N_SPENT; s++)
                fprintf(out, " %.9g", 100 * p->made[i].spent_s[s] / p->made[i].total_s);
            fprintf(out, "\n");
        }
    fprintf(
        out,
        "EOD\nset terminal %s noenhanced size 900,900 font 'sans,12' background '#ffffff'%s\nset encoding utf8\n"
        "set multiplot layout 2,1\nset tics out nomirror\nset grid linetype 1 linecolor '#dddddd'\nset lmargin 10\n"
        "set logscale xy\nset xlabel 'ranks'\nset ylabel 'T (s)'\nset key left bottom Left reverse\nset title ",
        svg ? "svg" : "pngcairo", svg ? " name 'projection'" : "");
    ib_gnuplot_quote(out, p->job.command.cfg.input);
    fprintf(out,
            "\nplot $T using 1:2 with linespoints pointtype 7 linecolor '#0072b2' title 'projected', "
            "%.9g/x with lines dashtype 3 linecolor '#000000' title 'ideal'",
            p->made[first].total_s * (double)p->n_rank[first]);
    for (size_t i = 0; (one = ib_published_at(i)); i++)
        if (published(p, one) > 0) {
            char title[120];
            snprintf(title, sizeof title, "%s, %d cores", one->what, one->cores);
            fprintf(out, ", '-' using 1:2 with points pointtype %zu linecolor '#d55e00' title ", 4 + 2 * i);
            ib_gnuplot_quote(out, title);
        }
    fprintf(out, "\n");
    for (size_t i = 0; (one = ib_published_at(i)); i++)
        if (published(p, one) > 0)
            fprintf(out, "%d %.9g\ne\n", one->cores, published(p, one));
    fprintf(out, "unset title\nunset logscale y\nset yrange [0:100]\nset ylabel 'share of time (%%)'\n"
                 "set key outside right\nset style data histograms\nset style histogram rowstacked\n"
                 "set style fill solid 0.9\nset boxwidth 0.8\nunset logscale x\nplot ");
    for (int s = 0; s < IB_N_SPENT; s++)
        fprintf(out, "%s$T using %d:xtic(1) linecolor '%s' title '%s'", s ? ", " : "", 3 + s, colour[s],
                ib_spent_name((ib_spent)s));
    fprintf(out, "\nunset multiplot\n");
}

static ib_status plot(const projection *p, const char *path, ib_error *err)
{
    const char *dot = strrchr(path, '.');
    const bool  svg = dot && !strcasecmp(dot, ".svg");

    if (!dot || (!svg && strcasecmp(dot, ".png") != 0))
        return ib_fail(err, IB_EUSAGE, "project --plot: %s ends in neither .svg nor .png", path);
    FILE *script = tmpfile();
    if (script)
        put_script(script, p, svg);
    const ib_status rc = ib_gnuplot(script, path, err);
    if (script)
        fclose(script);
    return rc;
}

/* ---- the subcommand -------------------------------------------------------------------------------------- */

/* Words of our own options to one side, those for run to the other. */
static void divide(int argc, char *const *argv, char **own, int *n_own, char **others, int *n_other)
{
    *n_own = *n_other = 0;
    for (int i = 0; i < argc; i++) {
        const ib_help_option *o = ib_project_options;
        const size_t          n = strcspn(argv[i], "=");
        while (o->name &&
               (strncmp(argv[i], "--", 2) || strlen(o->name) != n - 2 || strncmp(argv[i] + 2, o->name, n - 2)))
            o++;
        if (!o->name) {
            others[(*n_other)++] = argv[i];
            continue;
        }
        own[(*n_own)++] = argv[i];
        if (*o->argument && !argv[i][n] && i + 1 < argc)
            own[(*n_own)++] = argv[++i];
    }
}

static ib_status parse(projection *p, int argc, char *const *argv, ib_error *err)
{
    char      **words = ib_alloc((size_t)argc + 1, 2 * sizeof *words, "arguments", err), **own = words;
    int         n_own, n_other;
    const char *operand;

    if (!words)
        return err->status;
    divide(argc, argv, own, &n_own, words + argc + 1, &n_other);
    ib_status rc = ib_arguments_parse("project", ib_project_options, n_own, own, p->value, &operand, err);
    if (!rc) {
        rc = ib_command_parse(&p->job.command, n_other, words + argc + 1, TAKEN, err);
        p->job.parsed = !rc;
    }
    if (!rc && !*p->job.command.cfg.input)
        p->job.command.cfg.input = "sim:chiles";
    ib_free(words);
    return rc;
}

ib_status ib_project(int argc, char *const *argv, FILE *out, ib_error *err)
{
    projection *p = ib_alloc_zero(1, sizeof *p, "projection", err);
    ib_report  *report = NULL;
    double      predicted[2];
    ib_plan     plan = {0};
    bool        any = false;

    if (!p)
        return err->status;
    ib_status rc = parse(p, argc, argv, err);
    rc = rc ? rc : choose_machine(p, err);
    rc = rc ? rc : describe(&p->job, !*option(p, "computed"), err);
    rc = rc ? rc : plan_job(&p->job, 1, threads_of(&p->job), &plan, predicted, err);
    rc = rc ? rc : find_rates(p, &plan, err);
    if (!rc && *option(p, "jitter"))
        rc = real(p, "jitter", 1, &p->rates.jitter, err);
    for (size_t i = 0; !rc && i < p->n_count; i++) {
        rc = project_one(p, i, err);
        any = any || !*p->refused[i];
    }
    if (!rc && !any)
        rc = ib_fail(err, IB_EUSAGE, "%s", p->refused[0]);
    if (!rc && *option(p, "plot"))
        rc = plot(p, option(p, "plot"), err);
    if (!rc)
        rc = ib_report_begin(&report, out, p->job.command.cfg.format == IB_FORMAT_JSON ? IB_FORM_JSON : IB_FORM_TABLE,
                             err);
    if (!rc) {
        put_assumptions(p, report);
        put_table(p, report);
        put_breaks(p, report);
        if (ib_published_at(0) && published(p, ib_published_at(0)) > 0)
            put_published(p, report);
        rc = ib_report_end(report, err);
    }
    if (p->job.described)
        ib_plan_clear(&plan, &p->job.info);
    close_job(&p->job);
    ib_free(p);
    return rc;
}
