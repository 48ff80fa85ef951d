/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/sweep.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/facts.h"
#include "bench/jobs.h"
#include "bench/launched.h"
#include "bench/points.h"
#include "bench/process.h"
#include "bench/table.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
const ib_help_option ib_sweep_options[] = {
    {"ranks",         "LIST",      "1",       "numbers of ranks"},
    {"nodes",         "LIST",      "",        "numbers of nodes; default: one, or with --cores as few as hold ranks x threads"},
    {"cores",         "N",         "0",       "processors of a node; 0: as this one has"},
    {"launches",      "N",         "5",       "launches of every point; each leaves its record"},
    {"warmup",        "N",         "1",       "launches of every point before those; they do not count"},
    {"weak",          "",          "",        "weak scaling: channels grow with the ranks. The smallest number of ranks images a simulation as it is given; the largest all channels of a file"},
    {"scale",         "F",         "1",       "share of a simulation's channels that is imaged; a channel costs what it did"},
    {"oversubscribe", "",          "",        "also run points with more threads than processors"},
    {"seed",          "N",         "1",       "of the random order; another seed makes another campaign"},
    {"campaign",      "NAME",      "",        "what these launches are called in their records; default: from input, settings that do not vary, build and machine"},
    {"time",          "H:MM:SS",   "",        "start no launch that is not expected to end within this time, and stop one that does not"},
    {"mpirun",        "ARGUMENTS", "",        "how ranks are placed; default: bound to as many cores as they have threads"},
    {"record",        "FOLDER",    "results", "where the records go, and what is done already is looked up"},
    {"scratch",       "FOLDER",    ".",       "where the cubes are written and removed; how fast it is counts"},
    {"submit",        "SCHEDULER", "",        "write job scripts for slurm, torque or pbs, one per number of nodes, and submit those that something is missing of; --time is then the limit of each"},
    {"dry-run",       "",          "",        "write the job scripts, submit nothing"},
    {"folder",        "FOLDER",    "jobs",    "of job scripts and their logs"},
    {"header",        "FILE",      "",        "lines for every job script: directives of the site, modules, variables"},
    {"array",         "",          "",        "jobs are arrays with a task for every block of launches"},
    {"tasks",         "N",         "1",       "tasks of an array that may run at once"},
    {"on-nodes",      "N",         "0",       "launch the points of so many nodes only, as a job does; 0: all"},
    {"on-block",      "N",         "0",       "launch this block only, as a task of an array does; 0: all"},
    {"plan",          "",          "",        "print the points and stop"},
    {"format",        "NAME",      "table",   "table, json or md"},
    {"quiet",         "",          "",        "no progress on standard error"},
    {NULL, NULL, NULL, NULL}};
/* clang-format on */

/* Options of a launch that are the sweep's own business. */
static const char *const not_swept[] = {"output", "overwrite", "plan", "format", "record", "quiet"};

enum { MAX_LAUNCHES = 1000 };

typedef struct sweep {
    ib_help_option option[IB_MAX_ARGUMENTS]; /* own ones, then those of a launch */
    const char    *value[IB_MAX_ARGUMENTS];  /* NULL: an option of a launch that was not given */
    char           input[1024], program[1024], campaign[64];
    size_t         input_channels; /* on the smallest number of ranks, in a file on the largest; 0: not known */
    int64_t        launches, warmup, seed, on_nodes, on_block;
    double         until; /* s of ib_now; INFINITY: no limit */
    bool           quiet;
    ib_sweep_grid  grid;
    ib_point      *point;
    size_t         n_point;
    bool          *done;    /* [point][launch - 1]: recorded */
    bool          *failed;  /* [point] */
    double        *seconds; /* [point] of the last launch, with its start; 0: not known */
} sweep;

static const char *own(const sweep *s, const char *name)
{
    return ib_argument(s->option, s->value, name);
}

/* ---- command line ---------------------------------------------------------------------------------------- */

static bool is_own(const char *name)
{
    for (const ib_help_option *o = ib_sweep_options; o->name; o++)
        if (!strcmp(o->name, name))
            return true;
    for (size_t i = 0; i < sizeof not_swept / sizeof *not_swept; i++)
        if (!strcmp(not_swept[i], name))
            return true;
    return false;
}

static void list_options(sweep *s)
{
    size_t n = 0;

    for (const ib_help_option *o = ib_sweep_options; o->name; o++)
        s->option[n++] = *o;
    for (size_t i = 0; i < ib_option_count() && n + 1 < IB_MAX_ARGUMENTS; i++) {
        const ib_option *o = ib_option_at(i);
        if (!is_own(o->key)) /* a flag becomes a list of yes and no */
            s->option[n++] = (ib_help_option){o->key, *o->argument ? o->argument : "yes,no", NULL, o->help};
    }
}

static ib_status whole_number(const sweep *s, const char *name, int64_t low, int64_t high, int64_t *out,
                              ib_error *err)
{
    if (!ib_numbers(own(s, name), low, high, out, 1, err))
        return ib_within(err, "sweep --%s: ", name);
    return IB_OK;
}

/* "90", "1:30", "1:00:00" */
static ib_status parse_time(const char *text, double *seconds, ib_error *err)
{
    char    part[24];
    int64_t number;

    *seconds = 0;
    for (const char *at = text;; at++) {
        const size_t n = strcspn(at, ":");
        snprintf(part, sizeof part, "%.*s", (int)n, at);
        if (n >= sizeof part || ib_text_to_int(part, &number, err) || number < 0)
            return ib_fail(err, IB_EUSAGE, "sweep --time: \"%s\" is not H:MM:SS", text);
        *seconds = 60 * *seconds + (double)number;
        at += n;
        if (!*at)
            return *seconds > 0 ? IB_OK : ib_fail(err, IB_EUSAGE, "sweep --time: %s is no time", text);
    }
}

/* The input of a launch: the name of a simulation is enough where no file is called so. */
static ib_status name_input(sweep *s, const char *operand, double scale, ib_error *err)
{
    const char *input = operand ? operand : IB_DEFAULT_INPUT;
    char        name[64];

    snprintf(name, sizeof name, "%.*s", (int)strcspn(input, ","), input);
    const bool simulated = !strncmp(input, "sim:", 4),
               bare = !simulated && access(name, F_OK) && !strpbrk(name, "./");
    if (scale != 1 && !simulated && !bare)
        return ib_fail(err, IB_EUSAGE, "sweep --scale: %s is no simulation; --channels selects channels of a file",
                       input);
    const int n = scale == 1
                      ? snprintf(s->input, sizeof s->input, "%s%s", bare ? "sim:" : "", input)
                      : snprintf(s->input, sizeof s->input, "%s%s,channel=%.12g", bare ? "sim:" : "", input, scale);
    return n < (int)sizeof s->input ? IB_OK : ib_fail(err, IB_EUSAGE, "the name of the input is too long");
}

/* Shapes of many pointings were published as mosaics. */
static void choose_gridder(sweep *s)
{
    static const char *const mosaics[] = {"sim:aca-9eb", "sim:aca-141", "sim:alma-mos"};
    size_t                   i = 0;

    while (s->option[i].name && strcmp(s->option[i].name, "gridder") != 0)
        i++;
    for (size_t k = 0; k < sizeof mosaics / sizeof *mosaics; k++)
        if (s->option[i].name && !s->value[i] && strcspn(s->input, ",") == strlen(mosaics[k]) &&
            !strncmp(s->input, mosaics[k], strlen(mosaics[k])))
            s->value[i] = "mosaic";
}

/* Options whose values hold commas themselves have one value. */
static bool takes_list(const ib_option *o)
{
    static const char *const single[] = {"INT", "REAL", "CHOICE", "BYTES", "BOOL"};

    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (!strcmp(o->type, single[i]))
            return true;
    return false;
}

/* A value that no launch would take is refused before the first one. */
static ib_status check_values(const ib_axis *axis, ib_error *err)
{
    ib_status rc = IB_OK;

    for (size_t i = 0; i < axis->n && !rc; i++) {
        char        word[64];
        char *const argv[] = {word, NULL};
        ib_command  command;
        snprintf(word, sizeof word, "--%s=%s", axis->key, axis->value[i]);
        rc = ib_command_parse(&command, 1, argv, NULL, err);
        ib_command_clear(&command);
    }
    return rc;
}

static ib_status lay_axes(sweep *s, ib_error *err)
{
    ib_status rc = ib_axis_add(&s->grid, "ranks", own(s, "ranks"), false, err);

    if (!rc && *own(s, "nodes"))
        rc = ib_axis_add(&s->grid, "nodes", own(s, "nodes"), false, err);
    if (!rc && !own(s, "threads"))
        rc = ib_axis_add(&s->grid, "threads", "1", false, err);
    for (size_t i = 0; i < ib_option_count() && !rc; i++) {
        const ib_option *o = ib_option_at(i);
        const char      *list = is_own(o->key) ? NULL : own(s, o->key);
        if (!list || !takes_list(o))
            continue;
        rc = ib_axis_add(&s->grid, o->key, list, false, err);
        rc = rc ? rc : check_values(&s->grid.axis[s->grid.n_axis - 1], err);
    }
    return rc ? ib_within(err, "sweep ") : IB_OK;
}

/* ---- launches -------------------------------------------------------------------------------------------- */

/* How ranks lie on the processors. By default Open MPI gives a rank one core, which all of its threads would share. */
static void push_placement(ib_command_line *w, const sweep *s, const ib_point *p)
{
    const char *hosts = getenv("PBS_NODEFILE");
    const bool  bound = p->ranks * p->threads <= p->nodes * s->grid.cores;

    if (hosts && !access(hosts, R_OK)) { /* an Open MPI without Torque's library would not see the other nodes */
        ib_command_add(w, "--hostfile");
        ib_command_add(w, "%s", hosts);
    }
    if (*own(s, "mpirun"))
        ib_command_add_words(w, own(s, "mpirun"));
    else if (!bound)
        ib_command_add_words(w, "--oversubscribe --bind-to none");
    else if (p->ranks == 1)
        ib_command_add_words(w, "--bind-to none");
    else {
        ib_command_add(w, "--map-by");
        ib_command_add(w, "ppr:%d:node:PE=%d", p->ranks / p->nodes, p->threads);
        ib_command_add_words(w, "--bind-to core");
    }
    if (bound && (p->threads > 1 || p->ranks == 1) && !getenv("OMP_PLACES") && !getenv("OMP_PROC_BIND"))
        ib_command_add_words(w, "-x OMP_PLACES=cores -x OMP_PROC_BIND=close");
}

/* Options of a launch that the sweep was given: the point's values, and those that do not vary. */
static void push_settings(ib_command_line *w, const sweep *s, const ib_point *p)
{
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if (is_own(o->key) || !own(s, o->key) || takes_list(o))
            continue;
        ib_command_add(w, "--%s=%s", o->key, own(s, o->key));
    }
    for (size_t a = 0; a < s->grid.n_axis; a++)
        if (strcmp(s->grid.axis[a].key, "ranks") != 0 && strcmp(s->grid.axis[a].key, "nodes") != 0)
            ib_command_add(w, "--%s=%s", s->grid.axis[a].key, s->grid.axis[a].value[p->value[a]]);
}

static bool is_simulated(const sweep *s)
{
    return !strncmp(s->input, "sim:", 4);
}

static void push_input(ib_command_line *w, const sweep *s, const ib_point *p)
{
    int64_t least = 1000000, most = 0;

    for (size_t i = 0; i < s->n_point; i++) {
        least = s->point[i].ranks < least ? s->point[i].ranks : least;
        most = s->point[i].ranks > most ? s->point[i].ranks : most;
    }
    const size_t n = s->input_channels * (size_t)p->ranks / (size_t)(is_simulated(s) ? least : most);
    if (!s->grid.weak)
        ib_command_add(w, "%s", s->input);
    else if (is_simulated(s))
        ib_command_add(w, "%s,channels=%zu", s->input, n);
    else {
        ib_command_add(w, "%s", s->input);
        ib_command_add(w, "--channels=0-%zu", n ? n - 1 : 0);
    }
}

/* Run a command; its document from standard output, NULL without one, the caller's. What ends with 1 without a word of the program's
   own is tried once more: mpirun's that begin and end at the same moment take folders from each other. @return its exit code */
static int run_for_json(ib_command_line *w, json_t **document, char *complaint, int size)
{
    int code = -1;

    *document = NULL;
    snprintf(complaint, (size_t)size, "no temporary file");
    for (int attempt = 0; attempt < 2 && (!attempt || code == 1) && !*document && !ib_process_stopped() && !w->full;
         attempt++) {
        FILE *out = tmpfile(), *err = tmpfile();
        if (out && err) {
            code = ib_process_run(w->argv, NULL, out, err);
            if (code < 0)
                snprintf(complaint, (size_t)size, "%s: %s", w->argv[0], strerror(errno));
            else
                ib_process_words(err, complaint, size);
            rewind(out);
            *document = json_loadf(out, JSON_DISABLE_EOF_CHECK, NULL);
        }
        if (out)
            fclose(out);
        if (err)
            fclose(err);
    }
    const char *error = json_string_value(json_object_get(*document, "error"));
    if (error && *error)
        snprintf(complaint, (size_t)size, "%s", error);
    return code;
}

/* The plan of one launch tells how many channels there are, and what is wrong with the settings that all have. */
static ib_status count_channels(sweep *s, ib_error *err)
{
    static ib_command_line w;
    const ib_point         first = {.ranks = 1, .nodes = 1, .threads = 1};
    json_t                *plan;
    char                   complaint[300];

    w = (ib_command_line){0};
    ib_command_add(&w, "%s", s->program);
    ib_command_add(&w, "%s", s->input);
    push_settings(&w, s, &first);
    ib_command_add_words(&w, "--plan --format=json --quiet --record= --overwrite");
    const int code = run_for_json(&w, &plan, complaint, sizeof complaint);
    if (code == 0) {
        const json_t *image = json_object_get(plan, "image");
        const bool    cube = !own(s, "mode") || !strncmp(own(s, "mode"), "cube", 4);
        s->input_channels = (size_t)json_integer_value(json_object_get(json_object_get(plan, "input"), "channels"));
        s->grid.channels = cube ? (size_t)json_integer_value(json_object_get(image, "channels")) : 0;
    }
    json_decref(plan);
    ib_status rc = IB_OK; /* the launch's, if it has one */
    while (rc < IB_EINTERNAL && ib_exit_code(rc) != code)
        rc++;
    return rc ? ib_fail(err, rc, "%s", complaint) : IB_OK;
}

/* What the launch's record is told. */
static void announce(const sweep *s, const ib_point *p, int block, size_t order)
{
    char text[500];

    snprintf(text, sizeof text,
             "intent=sweep;campaign_id=%s;scaling=%s;point=%s;launch=%d;block=%d;order=%zu;seed=%" PRId64,
             s->campaign, s->grid.weak ? "weak" : "strong", p->name, block, block, order, s->seed);
    setenv("IMGBENCH_CAMPAIGN", text, 1);
}

static ib_status launch(sweep *s, size_t i, int block, size_t order, ib_error *err)
{
    static ib_command_line w;
    const ib_point        *p = &s->point[i];
    json_t                *document;
    char                   complaint[300];
    const double           start = ib_now();

    announce(s, p, block, order);
    w = (ib_command_line){0};
    ib_command_add(&w, "mpirun");
    ib_command_add(&w, "-n");
    ib_command_add(&w, "%d", p->ranks);
    push_placement(&w, s, p);
    ib_command_add_words(&w, "-x IMGBENCH_CAMPAIGN");
    ib_command_add(&w, "%s", s->program);
    push_input(&w, s, p);
    push_settings(&w, s, p);
    /* one name per job: the next attempt sweeps away what a killed one left, and two at once are refused */
    ib_command_add(&w, "--output=%s/sweep-%s-%" PRId64 "-%" PRId64 ".hdf5", own(s, "scratch"), s->campaign,
                   s->on_nodes, s->on_block);
    ib_command_add(&w, "--record=%s", own(s, "record"));
    ib_command_add_words(&w, "--overwrite --quiet --format=json");
    const int code = run_for_json(&w, &document, complaint, sizeof complaint);
    unsetenv("IMGBENCH_CAMPAIGN");

    size_t  k;
    json_t *name;
    json_array_foreach(json_object_get(document, "output"), k, name) remove(json_string_value(name));
    const bool recorded = json_is_string(json_object_get(document, "record"));
    json_decref(document);
    s->seconds[i] = ib_now() - start;
    if (w.full)
        return ib_fail(err, IB_EUSAGE, "sweep: the command of a launch is too long");
    if (ib_process_stopped())
        return IB_OK;
    if (code)
        return ib_fail(err, IB_ELAUNCH, "%s: %s (exit code %d)", p->name, *complaint ? complaint : "no word", code);
    return recorded ? IB_OK
                    : ib_fail(err, IB_EIO, "sweep --record: a launch could leave no record in %s", own(s, "record"));
}

/* ---- what is to be done ---------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3); /* FNV-1a, the ending zero included */
    while (*text++);
    return hash;
}

/* The same command on the same build and machine is the same campaign; lists may grow, as points have names. */
static ib_status name_campaign(sweep *s, ib_error *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const ib_build   *build = ib_build_facts();
    ib_machine        here;
    struct stat       program;
    char              seed[64] = "", stem[25];
    uint64_t          hash = UINT64_C(0xcbf29ce484222325);

    const char *given = own(s, "campaign");
    if (strlen(given) >= sizeof s->campaign || strspn(given, plain) != strlen(given))
        return ib_fail(err, IB_EUSAGE, "sweep --campaign: \"%.80s\" is no name of up to %zu letters, digits, - _ .",
                       given, sizeof s->campaign - 1);
    if (*given) {
        strcpy(s->campaign, given);
        return IB_OK;
    }
    ib_machine_facts(&here);
    hash = mix(mix(mix(hash, s->input), here.alias), build->commit);
    hash = mix(mix(mix(hash, build->compiler), build->flags), own(s, "weak"));
    if (build->dirty && !stat(s->program, &program)) /* only the file tells such builds apart */
        snprintf(seed, sizeof seed, "%lld %lld", (long long)program.st_mtime, (long long)program.st_size);
    hash = mix(mix(hash, seed), own(s, "seed"));
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        char             variable[64];
        ib_option_variable(i, variable, sizeof variable);
        const char *value = is_own(o->key)                     ? NULL
                            : own(s, o->key) && !takes_list(o) ? own(s, o->key)
                                                               : getenv(variable);
        if (value)
            hash = mix(mix(hash, o->key), value);
    }
    const char *name = is_simulated(s)          ? s->input + 4
                       : strrchr(s->input, '/') ? strrchr(s->input, '/') + 1
                                                : s->input;
    snprintf(stem, sizeof stem, "%.*s", (int)strcspn(name, ",."), name);
    for (char *c = stem; *c; c++)
        if (!strchr(plain, *c))
            *c = '-';
    snprintf(s->campaign, sizeof s->campaign, "%s-%08" PRIx32, *stem ? stem : "sweep", (uint32_t)(hash ^ hash >> 32));
    return IB_OK;
}

/* Is it what these launches are to be of? Of files the name tells, wherever they lie now. */
static bool is_input(const sweep *s, const char *known)
{
    const char *own_name = strrchr(s->input, '/'), *name = strrchr(known, '/');

    if (is_simulated(s) || !strncmp(known, "sim:", 4))
        return is_simulated(s) && !strncmp(known, s->input, sizeof((ib_launched *)NULL)->input - 1);
    return !strcmp(own_name ? own_name + 1 : s->input, name ? name + 1 : known);
}

/* The campaign's launches by this build: what another one took is no answer. ib_free ends them. */
static ib_status read_launches(const sweep *s, ib_launched **out, size_t *n, ib_error *err)
{
    const char *commit = ib_build_facts()->commit;
    size_t      n_all;
    ib_status   rc = ib_launched_read(out, &n_all, own(s, "record"), s->campaign, err);

    *n = 0;
    for (size_t k = 0; k < n_all && !rc; k++)
        if (!strcmp((*out)[k].commit, commit))
            (*out)[(*n)++] = (*out)[k];
    return rc;
}

static ib_status look_up(sweep *s, ib_error *err)
{
    ib_launched *known;
    size_t       n;
    ib_status    rc = read_launches(s, &known, &n, err);

    /* points do not name the simulation, which weak scaling makes anew for each */
    for (size_t k = 0; k < n && !rc && !s->grid.weak; k++)
        if (!is_input(s, known[k].input))
            rc = ib_fail(err, IB_EUSAGE,
                         "sweep: campaign %s holds launches of %s, not of %s; choose another --campaign", s->campaign,
                         known[k].input, s->input);
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < s->n_point; i++)
            if (known[k].ok && !strcmp(known[k].point, s->point[i].name)) {
                s->seconds[i] = known[k].wall_s;
                if (known[k].launch >= 1 && known[k].launch <= s->launches)
                    s->done[i * (size_t)s->launches + (size_t)known[k].launch - 1] = true;
            }
    ib_free(known);
    return rc;
}

static size_t missing(const sweep *s, size_t i)
{
    size_t n = 0;

    for (int64_t k = 0; k < s->launches; k++)
        n += !s->done[i * (size_t)s->launches + (size_t)k];
    return *s->point[i].excluded ? 0 : n;
}

/* Blocks up to 0 are warm-ups, of points that something is still missing of. */
static bool is_wanted(const sweep *s, size_t i, int block)
{
    const bool *done = &s->done[i * (size_t)s->launches];

    if (*s->point[i].excluded || s->failed[i] || (s->on_nodes && s->point[i].nodes != s->on_nodes))
        return false;
    if (s->on_block)
        return (block < 1 || block == s->on_block) && !done[s->on_block - 1];
    return block < 1 ? missing(s, i) > 0 : !done[block - 1];
}

static double expected_of(const sweep *s, size_t i)
{
    double sum = 0;
    int    n = 0;

    if (s->seconds[i] > 0)
        return s->seconds[i];
    for (size_t k = 0; k < s->n_point; k++) {
        sum += s->seconds[k];
        n += s->seconds[k] > 0;
    }
    return n ? sum / n : 0;
}

/* Launches from a block on, and the time that they are expected to take. */
static size_t remaining(const sweep *s, int block, double *seconds)
{
    size_t n = 0;

    *seconds = 0;
    for (; block <= s->launches; block++)
        for (size_t i = 0; i < s->n_point; i++)
            if (is_wanted(s, i, block)) {
                n++;
                *seconds += expected_of(s, i);
            }
    return n;
}

/* ---- reports --------------------------------------------------------------------------------------------- */

static void say_plan(const sweep *s)
{
    size_t excluded = 0, recorded = 0;
    double seconds;

    for (size_t i = 0; i < s->n_point; i++) {
        excluded += *s->point[i].excluded != 0;
        if (!*s->point[i].excluded)
            recorded += (size_t)s->launches - missing(s, i);
    }
    const size_t n = remaining(s, (int)(1 - s->warmup), &seconds);
    ib_say("campaign %s: %zu points x %" PRId64 " launches, %zu recorded, %zu to make%s%s", s->campaign,
           s->n_point - excluded, s->launches, recorded, n, seconds > 0 ? ", about " : "",
           seconds > 0 ? ib_text_duration(seconds).s : "");
    for (size_t i = 0; i < s->n_point; i++)
        if (*s->point[i].excluded)
            ib_say("without %s: %s", s->point[i].name, s->point[i].excluded);
}

/* Columns that every table has: the point. @return how many */
static size_t head_point(const sweep *s, ib_heading *heading)
{
    size_t n = 0;

    for (size_t a = 0; a < s->grid.n_axis; a++)
        if (s->grid.axis[a].n > 1 || a == 0 || !strcmp(s->grid.axis[a].key, "threads"))
            heading[n++] = (ib_heading){s->grid.axis[a].key, s->grid.axis[a].key};
    return n;
}

static size_t put_point(const sweep *s, const ib_point *p, ib_cell *cell)
{
    size_t n = 0;

    for (size_t a = 0; a < s->grid.n_axis; a++) {
        const ib_axis *axis = &s->grid.axis[a];
        if (axis->n > 1 || a == 0 || !strcmp(axis->key, "threads")) {
            double   number;
            ib_error ignored;
            cell[n++] = ib_text_to_real(axis->value[p->value[a]], &number, &ignored) || number != floor(number)
                            ? ib_cell_text(axis->value[p->value[a]])
                            : ib_cell_count((size_t)number);
        }
    }
    return n;
}

static void report_plan(const sweep *s, ib_report *report)
{
    ib_heading heading[IB_MAX_AXES + 4];
    ib_cell    cell[IB_MAX_AXES + 4];
    size_t     n = head_point(s, heading);

    heading[n++] = (ib_heading){"nodes_used", "on nodes"};
    heading[n++] = (ib_heading){"recorded", "recorded"};
    heading[n++] = (ib_heading){"missing", "missing"};
    heading[n++] = (ib_heading){"excluded", "excluded"};
    ib_report_table(report, "points", heading, n);
    for (size_t i = 0; i < s->n_point; i++) {
        const ib_point *p = &s->point[i];
        size_t          c = put_point(s, p, cell);
        cell[c++] = ib_cell_count((size_t)p->nodes);
        cell[c++] = ib_cell_count((size_t)s->launches - (*p->excluded ? (size_t)s->launches : missing(s, i)));
        cell[c++] = ib_cell_count(missing(s, i));
        cell[c++] = ib_cell_text(p->excluded);
        ib_report_row(report, cell);
    }
    ib_report_table_end(report);
}

/* Of a point's launches that count: their times, their worst verdict. @return how many */
static size_t gather(const ib_point *p, const ib_launched *l, size_t n, double *seconds, const char **verdict,
                     uint64_t *samples)
{
    static const char *const from_best[] = {"reportable", "valid", "provisional", "invalid"};
    size_t                   m = 0, worst = 0;

    for (size_t k = 0; k < n; k++)
        if (l[k].ok && !l[k].warm && l[k].launch >= 1 && !strcmp(l[k].point, p->name) && m < MAX_LAUNCHES) {
            seconds[m++] = l[k].seconds;
            *samples = l[k].samples;
            for (size_t v = worst; v < 4; v++)
                worst = !strcmp(l[k].validity, from_best[v]) ? v : worst;
        }
    *verdict = m ? from_best[worst] : "";
    return m;
}

/* Do they differ in the number of ranks (and of nodes) alone? */
static bool same_series(const ib_sweep_grid *grid, const ib_point *a, const ib_point *b)
{
    for (size_t k = 0; k < grid->n_axis; k++)
        if (a->value[k] != b->value[k] && strcmp(grid->axis[k].key, "ranks") && strcmp(grid->axis[k].key, "nodes"))
            return false;
    return true;
}

static ib_status report_results(const sweep *s, ib_report *report, ib_error *err)
{
    static double seconds[MAX_LAUNCHES];
    ib_heading    heading[IB_MAX_AXES + 6];
    ib_cell       cell[IB_MAX_AXES + 6];
    ib_launched  *l;
    size_t        n_launch, n = head_point(s, heading);
    ib_status     rc = read_launches(s, &l, &n_launch, err);

    if (rc)
        return rc;
    heading[n++] = (ib_heading){"launches", "launches"};
    heading[n++] = (ib_heading){"T_s", "T s"};
    heading[n++] = (ib_heading){"speed_up", "speed-up"};
    heading[n++] = (ib_heading){"efficiency", "efficiency"};
    heading[n++] = (ib_heading){"mvis_per_s", "Mvis/s"};
    heading[n++] = (ib_heading){"verdict", "verdict"};
    ib_report_table(report, "points", heading, n);
    for (size_t i = 0; i < s->n_point; i++) {
        const ib_point *p = &s->point[i];
        const char     *verdict, *ignored;
        uint64_t        samples = 0, unused;
        int             ranks = 0;
        double          reference = NAN;
        for (size_t k = 0; k < s->n_point; k++) /* the smallest number of ranks that was measured */
            if (same_series(&s->grid, p, &s->point[k]) && (!ranks || s->point[k].ranks < ranks)) {
                const size_t m = gather(&s->point[k], l, n_launch, seconds, &ignored, &unused);
                if (m) {
                    ranks = s->point[k].ranks;
                    reference = ib_spread_of(seconds, m).median;
                }
            }
        const size_t    m = gather(p, l, n_launch, seconds, &verdict, &samples);
        const ib_spread T = ib_spread_of(seconds, m);
        const double    faster = reference / T.median, more = (double)p->ranks / ranks;
        if (*p->excluded)
            continue;
        size_t c = put_point(s, p, cell);
        cell[c++] = ib_cell_count(m);
        cell[c++] = ib_cell_spread(T);
        cell[c++] = ib_cell_real(s->grid.weak ? faster * more : faster);
        cell[c++] = ib_cell_real(s->grid.weak ? faster : faster / more);
        cell[c++] = ib_cell_real((double)samples / T.median * 1e-6);
        cell[c++] = ib_cell_text(verdict);
        ib_report_row(report, cell);
    }
    ib_report_table_end(report);
    ib_free(l);
    return IB_OK;
}

/* ---- the sweep ------------------------------------------------------------------------------------------- */

static ib_status interrupted(const sweep *s, size_t made, size_t total, ib_error *err)
{
    return ib_fail(err, IB_EINTERRUPTED, "%s after %zu of %zu launches; the same command goes on",
                   ib_now() < s->until ? "stopped" : "the time is up", made, total);
}

static ib_status run_all(sweep *s, ib_error *err)
{
    size_t    order[IB_MAX_POINTS], made = 0, n_failed = 0, late = 0;
    double    left;
    ib_error  last;
    ib_status rc = IB_OK;

    ib_process_catch();
    if (s->until < INFINITY)
        alarm((unsigned)ceil(fmax(s->until - ib_now(), 1)));
    const size_t total = remaining(s, (int)(1 - s->warmup), &left);
    for (int block = (int)(1 - s->warmup); block <= s->launches; block++) {
        ib_points_shuffle(s->n_point, (uint64_t)s->seed, block, order);
        for (size_t k = 0; k < s->n_point; k++) {
            const size_t i = order[k];
            if (ib_process_stopped())
                return interrupted(s, made, total, err);
            if (!is_wanted(s, i, block))
                continue;
            if (ib_now() + 1.1 * expected_of(s, i) > s->until) {
                late++;
                continue;
            }
            rc = launch(s, i, block, k, &last);
            if (ib_process_stopped())
                return interrupted(s, made, total, err);
            if (rc == IB_EIO || rc == IB_EUSAGE) {
                *err = last;
                return rc;
            }
            made++;
            if (rc) {
                ib_warn("%s; this point is left out", last.text);
                s->failed[i] = true;
                n_failed++;
                continue;
            }
            if (block >= 1)
                s->done[i * (size_t)s->launches + (size_t)block - 1] = true;
            remaining(s, block + 1, &left);
            for (size_t later = k + 1; later < s->n_point; later++)
                left += is_wanted(s, order[later], block) ? expected_of(s, order[later]) : 0;
            if (!s->quiet)
                ib_say("%4zu/%zu  %s%s: %s, %s to go", made, total, s->point[i].name, block < 1 ? " (warm-up)" : "",
                       ib_text_seconds(s->seconds[i]).s, ib_text_duration(left).s);
        }
    }
    alarm(0);
    if (late)
        return ib_fail(err, IB_EINTERRUPTED, "the time is up with %zu launches to make; the same command goes on",
                       late);
    if (n_failed)
        return ib_fail(err, IB_ELAUNCH, "%zu points failed, the last one: %.300s", n_failed, last.text);
    return IB_OK;
}

/* ---- jobs ------------------------------------------------------------------------------------------------ */

/* Options that make jobs; the job itself is told by them what to do. */
static bool is_for_jobs(const char *name)
{
    static const char *const names[] = {"submit", "dry-run", "folder",   "header", "array",    "tasks",   "time",
                                        "plan",   "scale",   "campaign", "cores",  "on-nodes", "on-block"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* This very sweep, for one number of nodes. */
static void push_sweep(ib_command_line *w, const sweep *s, int nodes, double limit_s)
{
    ib_command_add(w, "%s", s->program);
    ib_command_add(w, "sweep");
    ib_command_add(w, "%s", s->input);
    for (size_t i = 0; s->option[i].name; i++) {
        const ib_help_option *o = &s->option[i];
        if (is_for_jobs(o->name) || s->value[i] == o->initial)
            continue;
        if (*o->argument)
            ib_command_add(w, "--%s=%s", o->name, s->value[i]);
        else
            ib_command_add(w, "--%s", o->name);
    }
    ib_command_add(w, "--campaign=%s", s->campaign);
    ib_command_add(w, "--cores=%d", s->grid.cores);
    ib_command_add(w, "--on-nodes=%d", nodes);
    ib_command_add(w, "--time=%.0f", limit_s - 1.25 * ib_job_margin(limit_s));
}

/* Half as long again as earlier launches took, and three minutes; an hour where there were none. */
static double limit_of(const sweep *s, ib_error *err)
{
    double seconds;
    bool   known = true;

    if (*own(s, "time"))
        return parse_time(own(s, "time"), &seconds, err) ? 0 : seconds;
    for (size_t i = 0; i < s->n_point; i++)
        known &= !is_wanted(s, i, 0) || s->seconds[i] > 0;
    remaining(s, (int)(1 - s->warmup), &seconds);
    return known ? 1.5 * seconds + 180 : 3600;
}

static ib_status read_header(const char *path, char *text, size_t size, ib_error *err)
{
    FILE *file = *path ? fopen(path, "r") : NULL;

    *text = 0;
    if (!*path)
        return IB_OK;
    if (!file)
        return ib_fail(err, IB_EIO, "sweep --header: open %s: %s", path, strerror(errno));
    const size_t n = fread(text, 1, size - 1, file);
    text[n] = 0;
    const bool whole = feof(file);
    fclose(file);
    return whole ? IB_OK : ib_fail(err, IB_EUSAGE, "sweep --header: %s is longer than %zu bytes", path, size);
}

/* One number of nodes: the points that something is missing of, and in which blocks. @return how many launches */
static size_t choose_tasks(const sweep *s, int *task, size_t *n_task, size_t *n_wanted)
{
    size_t n = 0;

    *n_task = *n_wanted = 0;
    for (int block = 1; block <= s->launches; block++) {
        size_t here = 0;
        for (size_t i = 0; i < s->n_point; i++)
            here += is_wanted(s, i, block);
        if (here)
            task[(*n_task)++] = block;
        n += here;
    }
    for (size_t i = 0; i < s->n_point; i++)
        *n_wanted += is_wanted(s, i, 0);
    return n;
}

static ib_status submit_all(sweep *s, FILE *out, ib_form form, ib_error *err)
{
    static const ib_heading heading[] = {{"nodes", "nodes"}, {"points", "points"}, {"launches", "launches"},
                                         {"tasks", "tasks"}, {"limit", "limit"},   {"script", "script"},
                                         {"job", "job"}};
    static char             header[16384];
    static ib_command_line  w;
    static int              task[MAX_LAUNCHES];
    char                    what[300], id[64], script[1100];
    ib_job     job = {.folder = own(s, "folder"), .cores = s->grid.cores, .header = header, .what = what};
    ib_report *report;
    int64_t    at_once;
    int        most = 0;
    bool       queued;

    ib_status rc = ib_scheduler_parse(own(s, "submit"), &job.scheduler, err);
    if (!rc)
        rc = whole_number(s, "tasks", 1, 100000, &at_once, err);
    if (!rc)
        rc = read_header(own(s, "header"), header, sizeof header, err);
    if (!rc)
        rc = ib_report_begin(&report, out, form, err);
    if (rc)
        return rc;
    job.at_once = (int)at_once;
    for (size_t i = 0; i < s->n_point; i++)
        most = s->point[i].nodes > most ? s->point[i].nodes : most;
    ib_report_fact(report, "campaign", "campaign", s->campaign);
    ib_report_table(report, "jobs", heading, sizeof heading / sizeof *heading);
    for (int nodes = 1; nodes <= most && !rc; nodes++) {
        size_t n_task, n_point;
        s->on_nodes = nodes;
        const size_t n = choose_tasks(s, task, &n_task, &n_point);
        if (!n)
            continue;
        job.nodes = nodes;
        job.limit_s = limit_of(s, err);
        if (!(job.limit_s > 0)) {
            rc = err->status;
            break;
        }
        job.task = task;
        job.n_task = *own(s, "array") ? n_task : 0;
        snprintf(job.name, sizeof job.name, "%s-n%d", s->campaign, nodes);
        snprintf(what, sizeof what, "Campaign %s on %d node%s: %zu point%s, %zu launches to make.", s->campaign,
                 nodes, nodes > 1 ? "s" : "", n_point, n_point > 1 ? "s" : "", n);
        w = (ib_command_line){0};
        push_sweep(&w, s, nodes, job.limit_s);
        job.command = w.argv;
        if (w.full)
            rc = ib_fail(err, IB_EUSAGE, "sweep: the command of a job is too long");
        *id = 0;
        if (!rc)
            rc = ib_job_save(&job, err);
        if (!rc && !*own(s, "dry-run"))
            rc = ib_job_submit(&job, id, &queued, err);
        if (rc)
            break;
        ib_job_path(&job, script, sizeof script);
        ib_report_row(report, (ib_cell[]){ib_cell_count((size_t)nodes), ib_cell_count(n_point), ib_cell_count(n),
                                          ib_cell_count(job.n_task), ib_cell_text(ib_text_duration(job.limit_s).s),
                                          ib_cell_text(script),
                                          ib_cell_text(!*id     ? "not submitted"
                                                       : queued ? "already queued"
                                                                : id)});
    }
    ib_report_table_end(report);
    const ib_status told = ib_report_end(report, rc ? &(ib_error){0} : err);
    return rc ? rc : told;
}

static ib_status prepare(sweep *s, int argc, char *const *argv, ib_form *form, ib_error *err)
{
    const char  *operand;
    double       scale, seconds;
    int64_t      cores;
    ib_scheduler scheduler;
    ib_machine   here;
    ib_place     place;

    list_options(s);
    ib_status rc = ib_arguments_parse("sweep", s->option, argc, argv, s->value, &operand, err);
    if (!rc)
        rc = ib_form_parse(own(s, "format"), form, err);
    if (!rc && *own(s, "submit"))
        rc = ib_scheduler_parse(own(s, "submit"), &scheduler, err);
    if (!rc)
        rc = whole_number(s, "launches", 1, MAX_LAUNCHES, &s->launches, err);
    if (!rc)
        rc = whole_number(s, "warmup", 0, 100, &s->warmup, err);
    if (!rc)
        rc = whole_number(s, "seed", 0, INT64_MAX, &s->seed, err);
    if (!rc)
        rc = whole_number(s, "cores", 0, 1000000, &cores, err);
    if (!rc)
        rc = whole_number(s, "on-nodes", 0, 1000000, &s->on_nodes, err);
    if (!rc)
        rc = whole_number(s, "on-block", 0, s->launches, &s->on_block, err);
    if (!rc && ((rc = ib_text_to_real(own(s, "scale"), &scale, err)) || !(scale > 0) || scale > 1))
        rc = ib_fail(err, IB_EUSAGE, "sweep --scale: %s is not between 0 and 1", own(s, "scale"));
    s->until = INFINITY;
    if (!rc && *own(s, "time") && !*own(s, "submit") && !(rc = parse_time(own(s, "time"), &seconds, err)))
        s->until = ib_now() + seconds;
    if (!rc)
        rc = name_input(s, operand, scale, err);
    if (rc)
        return rc;
    choose_gridder(s);
    ib_machine_facts(&here);
    ib_place_here(&place);
    s->quiet = *own(s, "quiet");
    s->grid.weak = *own(s, "weak");
    s->grid.oversubscribe = *own(s, "oversubscribe");
    s->grid.spread = cores > 0 || *own(s, "submit");
    s->grid.cores = cores > 0 ? (int)cores : here.cores > 0 && here.cores < place.n_cpu ? here.cores : place.n_cpu;
    if (!ib_process_self(s->program, sizeof s->program))
        return ib_fail(err, IB_EIO, "find this program again: %s", strerror(errno));
    rc = lay_axes(s, err);
    if (!rc)
        rc = count_channels(s, err);
    if (rc)
        return rc;
    if (s->grid.weak && !is_simulated(s))
        s->grid.channels = 0; /* never fewer than ranks, or the file is too small for the largest number */
    s->n_point = ib_points_plan(&s->grid, s->point, err);
    if (!s->n_point)
        return err->status;
    if ((rc = name_campaign(s, err)))
        return rc;
    s->done = ib_alloc_zero(s->n_point * (size_t)s->launches, sizeof *s->done, "launches", err);
    s->failed = ib_alloc_zero(s->n_point, sizeof *s->failed, "points", err);
    s->seconds = ib_alloc_zero(s->n_point, sizeof *s->seconds, "points", err);
    return s->done && s->failed && s->seconds ? look_up(s, err) : err->status;
}

ib_status ib_sweep(int argc, char *const *argv, FILE *out, ib_error *err)
{
    sweep     *s = ib_alloc_zero(1, sizeof *s, "sweep", err);
    ib_report *report = NULL;
    ib_form    form;
    ib_error   later;

    if (!s)
        return err->status;
    s->point = ib_alloc(IB_MAX_POINTS, sizeof *s->point, "points", err);
    ib_status rc = s->point ? prepare(s, argc, argv, &form, err) : err->status;
    if (rc)
        goto done;
    if (!s->quiet)
        say_plan(s);
    size_t possible = 0;
    for (size_t i = 0; i < s->n_point; i++)
        possible += !*s->point[i].excluded;
    if (!possible && !*own(s, "plan"))
        rc = ib_fail(err, IB_EUSAGE, "sweep: no point can be launched; %s: %s", s->point->name, s->point->excluded);
    else if (*own(s, "submit"))
        rc = submit_all(s, out, form, err);
    else if (!*own(s, "plan"))
        rc = run_all(s, err);
    if (*own(s, "submit") || (rc && rc != IB_ELAUNCH))
        goto done;
    if (!ib_report_begin(&report, out, form, &later)) {
        ib_report_fact(report, "campaign", "campaign", s->campaign);
        if (*own(s, "plan"))
            report_plan(s, report);
        else
            report_results(s, report, &later);
        ib_report_end(report, &later);
    }
done:
    ib_free(s->done);
    ib_free(s->failed);
    ib_free(s->seconds);
    ib_free(s->point);
    ib_free(s);
    return rc;
}
