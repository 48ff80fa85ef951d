/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/doctor.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/calibrate.h"
#include "bench/history.h"
#include "bench/json.h"
#include "bench/process.h"
#include "bench/table.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
const ib_help_option ib_doctor_options[] = {
    {"folder",             "FOLDER", ".",       "whose disk is looked at"},
    {"require-reportable", "",       "",        "exit code 6 when no launch here could be reportable"},
    {"record",             "FOLDER", "results", "where the records are, for the newest calibration and the noise of this machine"},
    {"format",             "NAME",   "table",   "table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

static const char *const severity_name[] = {"fine", "note", "slows", "not reportable", "broken"};

typedef struct doctor {
    const char *value[IB_MAX_ARGUMENTS];
    ib_system   system;
    ib_machine  machine;
    ib_symptom  symptom[2 * IB_MAX_SYMPTOMS];
    int         n;
    bool        broken;
} doctor;

__attribute__((format(printf, 4, 5))) static void find(ib_symptom *s, ib_severity severity, const char *topic,
                                                       const char *found, ...)
{
    va_list args;

    *s = (ib_symptom){.severity = severity};
    snprintf(s->topic, sizeof s->topic, "%s", topic);
    va_start(args, found);
    vsnprintf(s->found, sizeof s->found, found, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void remedy(ib_symptom *s, const char *text, ...)
{
    va_list args;

    va_start(args, text);
    vsnprintf(s->remedy, sizeof s->remedy, text, args);
    va_end(args);
}

/* ---- the system ------------------------------------------------------------------------------------------ */

static int of_processors(const ib_system *s, ib_symptom *at)
{
    int n = 0;

    if (*s->governor) {
        const bool steady = !strcmp(s->governor, "performance");
        find(&at[n], steady ? IB_FINE : IB_SLOWS, "governor", "clocks are governed by \"%s\"", s->governor);
        if (!steady)
            remedy(&at[n], "as root: cpupower frequency-set -g performance");
        n++;
    }
    if (s->boost > 0) {
        find(&at[n], IB_NOTE, "boost", "cores run faster while few of them work");
        remedy(
            &at[n++],
            "compare equal numbers of cores; for scaling, as root: echo 0 >/sys/devices/system/cpu/cpufreq/boost, or 1 into intel_pstate/no_turbo");
    }
    if (s->threads_a_core > 1) {
        find(&at[n], IB_NOTE, "hardware threads", "%d processors share a core", s->threads_a_core);
        remedy(&at[n++], "count cores, not processors: OMP_PLACES=cores, and as many threads");
    }
    if (s->cpu_quota > 0 && s->cpu_quota < s->cpus) {
        find(&at[n], IB_SLOWS, "quota", "the control group grants %.3g of %d processors", s->cpu_quota, s->cpus);
        remedy(&at[n++], "start no more threads than that, or ask the job or container for more processors");
    }
    if (*s->clock_source && strcmp(s->clock_source, "tsc") != 0 && strcmp(s->clock_source, "arch_sys_counter") != 0) {
        find(&at[n], IB_NOTE, "clock", "time is read from \"%s\", which is slow", s->clock_source);
        remedy(
            &at[n++],
            "as root: echo tsc >/sys/devices/system/clocksource/clocksource0/current_clocksource, where the machine has it");
    }
    if (s->virtualised) {
        find(&at[n], IB_NOTE, "virtual machine", "its host may move or share these processors");
        remedy(
            &at[n++],
            "trust ratios measured in turns (imgbench ab) more than times; steal and clocks of every launch are in its record");
    }
    return n;
}

static int of_memory(const ib_system *s, ib_symptom *at)
{
    const int64_t free =
        s->memory_limit > 0 && s->memory_limit < s->memory_available ? s->memory_limit : s->memory_available;
    int n = 0;

    if (!strcmp(s->huge_pages, "never")) {
        find(&at[n], IB_SLOWS, "large pages", "the system gives none: grids are looked up page by page");
        remedy(&at[n++], "as root: echo madvise >/sys/kernel/mm/transparent_hugepage/enabled");
    } else if (*s->huge_pages) {
        find(&at[n++], IB_FINE, "large pages", "given to who asks, as imgbench does (%s)", s->huge_pages);
    }
    if (s->numa_nodes > 1 && s->numa_balancing > 0) {
        find(&at[n], IB_SLOWS, "memory placement", "the system moves pages between %d NUMA nodes while a launch runs",
             s->numa_nodes);
        remedy(&at[n++], "as root: echo 0 >/proc/sys/kernel/numa_balancing; a rank per NUMA node, bound");
    } else if (s->numa_nodes > 1) {
        find(&at[n], IB_NOTE, "memory placement", "%d NUMA nodes", s->numa_nodes);
        remedy(&at[n++], "at least a rank per NUMA node: mpirun --map-by ppr:1:numa:PE=CORES --bind-to core");
    }
    if (s->memory_limit > 0)
        find(&at[n++], IB_NOTE, "memory limit", "the control group grants %s",
             ib_text_bytes((double)s->memory_limit).s);
    if (s->swap_used > (int64_t)64 << 20) {
        find(&at[n], IB_NOTE, "swap", "%s are swapped out: memory was short", ib_text_bytes((double)s->swap_used).s);
        remedy(&at[n++], "give imgbench no more than is free: --memory %s for all ranks of a node together",
               ib_text_bytes(0.8 * (double)free).s);
    }
    return n;
}

static int of_limits(const ib_system *s, ib_symptom *at)
{
    int n = 0;

    if (s->fabric && s->locked_memory < (int64_t)64 << 20) {
        find(&at[n], IB_SLOWS, "locked memory", "%s for a fast network", ib_text_bytes((double)s->locked_memory).s);
        remedy(&at[n++], "ulimit -l unlimited (limits.conf, or the scheduler's)");
    }
    if (s->stack >= 0 && s->stack < (int64_t)4 << 20) {
        find(&at[n], IB_NOTE, "stack", "%s", ib_text_bytes((double)s->stack).s);
        remedy(&at[n++], "ulimit -s 8192");
    }
    if (s->open_files >= 0 && s->open_files < 256) {
        find(&at[n], IB_NOTE, "open files", "%lld at a time", (long long)s->open_files);
        remedy(&at[n++], "ulimit -n 1024");
    }
    if (s->disk_free >= 0 && s->disk_free < (int64_t)1 << 30) {
        find(&at[n], IB_SLOWS, "disk", "%s are free", ib_text_bytes((double)s->disk_free).s);
        remedy(&at[n++], "free some, or --output to another one: a cube needs channels x planes x pixels x 4 bytes");
    }
    if (s->shared_disk) {
        find(&at[n], IB_NOTE, "file system", "%s: others may use it, and its rates are its own", s->file_system);
        remedy(&at[n++], "imgbench calibrate --folder FOLDER measures the one that cubes go to");
    }
    return n;
}

int ib_system_symptoms(const ib_system *system, ib_symptom *symptom)
{
    int n = of_processors(system, symptom);

    n += of_memory(system, symptom + n);
    return n + of_limits(system, symptom + n);
}

/* ---- launches -------------------------------------------------------------------------------------------- */

/* Whether a word names a program that can be started. */
static bool has_program(const char *name)
{
    char        path[1200];
    const char *folders = getenv("PATH");

    for (const char *at = folders ? folders : ""; *at; at += strcspn(at, ":"), at += *at == ':') {
        snprintf(path, sizeof path, "%.*s/%s", (int)(strcspn(at, ":") < 1000 ? strcspn(at, ":") : 1000), at, name);
        if (!access(path, X_OK))
            return true;
    }
    return false;
}

/* A small launch; what it said of itself in JSON, NULL when it failed, whose words are then in `why`. */
static json_t *launch(const char *placement, int ranks, int threads, char *why, int size)
{
    static ib_command_line w;
    char                   program[1024], scratch[200];
    const char            *folder = getenv("TMPDIR");
    FILE                  *out = tmpfile(), *complaint = tmpfile();
    json_t                *document = NULL;
    int                    code = -1;

    *why = 0;
    w = (ib_command_line){0};
    snprintf(scratch, sizeof scratch, "%.150s/imgbench-doctor-%ld", folder && *folder ? folder : "/tmp",
             (long)getpid());
    if (out && complaint && ib_process_self(program, sizeof program)) {
        ib_command_add(&w, "mpirun");
        ib_command_add(&w, "-n");
        ib_command_add(&w, "%d", ranks);
        ib_command_add_words(&w, placement);
        ib_command_add(&w, "%s", program);
        ib_command_add_words(
            &w, "sim:chiles,times=60,channels=8,image=0.2,baseline=0.5 --quiet --format=json --record= --overwrite");
        ib_command_add(&w, "--threads=%d", threads);
        ib_command_add(&w, "--output=%s.hdf5", scratch);
        code = ib_process_run(w.argv, NULL, out, complaint);
        rewind(out);
        document = json_loadf(out, JSON_DISABLE_EOF_CHECK, NULL);
    }
    if (code) {
        if (code < 0)
            snprintf(why, (size_t)size, "%s", errno == ENOENT ? "there is no mpirun" : strerror(errno));
        else
            ib_process_words(complaint, why, size);
        json_decref(document);
        document = NULL;
    }
    static const char *const left[] = {".hdf5", ".psf.hdf5"};
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s", scratch, left[i]);
        remove(path);
    }
    if (out)
        fclose(out);
    if (complaint)
        fclose(complaint);
    return document;
}

static ib_symptom *next(doctor *d)
{
    return &d->symptom[d->n++];
}

static void complain(doctor *d, const char *topic, const char *why)
{
    ib_symptom *s = next(d);

    find(s, IB_BROKEN, topic, "a launch failed: %.150s", *why ? why : "it told nothing");
    if (strstr(why, "no mpirun"))
        remedy(s, "install Open MPI (Debian: apt-get install openmpi-bin), or load the module of this cluster");
    else if (strstr(why, "root"))
        remedy(
            s,
            "as another user, or with OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 in the environment");
    else
        remedy(s, "mpirun -n 2 imgbench sim:point tells more");
    d->broken = true;
}

/* As it is typed, and as imgbench sweep does it. @return what the second one measured, all fine where nothing was told */
static ib_steadiness try_launches(doctor *d, int cores)
{
    ib_steadiness steady = {.clock = 1};
    char          why[300];
    const int     plain = cores > 1 ? 2 : 1;
    json_t       *typed = launch("", plain, 1, why, sizeof why);

    if (!typed) {
        complain(d, "mpirun", why);
        return steady;
    }
    const json_t *seen = json_object_get(typed, "steady");
    ib_symptom   *s = next(d);
    const int     threads = (int)json_integer_value(json_object_get(seen, "threads")),
              bound = (int)json_integer_value(json_object_get(seen, "bound"));
    find(s, bound < threads ? IB_KEEPS : IB_FINE, "mpirun -n N", "%d of %d threads are bound to a core of their own",
         bound, threads);
    if (bound < threads)
        remedy(
            s,
            "mpirun -n N --map-by ppr:N:node:PE=T --bind-to core -x OMP_NUM_THREADS=T -x OMP_PLACES=cores -x OMP_PROC_BIND=close");
    json_decref(typed);

    json_t *swept = launch("--bind-to none -x OMP_PLACES=cores -x OMP_PROC_BIND=close", 1, cores, why, sizeof why);
    if (!swept) {
        complain(d, "imgbench sweep", why);
        return steady;
    }
    seen = json_object_get(swept, "steady");
    steady = (ib_steadiness){
        .threads = (int)json_integer_value(json_object_get(seen, "threads")),
        .bound = (int)json_integer_value(json_object_get(seen, "bound")),
        .neighbours = json_is_number(json_object_get(seen, "neighbours"))
                          ? json_number_value(json_object_get(seen, "neighbours"))
                          : (double)NAN,
        .steal = json_is_number(json_object_get(seen, "steal")) ? json_number_value(json_object_get(seen, "steal"))
                                                                : (double)NAN,
        .clock = json_is_number(json_object_get(seen, "clock")) ? json_number_value(json_object_get(seen, "clock"))
                                                                : (double)NAN};
    json_decref(swept);
    return steady;
}

/* ---- what a launch would be worth ------------------------------------------------------------------------ */

/* What every launch is judged by, of one that is perfect but for what is given: its reasons. */
static void judge(ib_judgement *v, const ib_build *build, const ib_steadiness *steady, const ib_bounds *bounds)
{
    static const ib_build perfect_build = {.version = "",
                                           .commit = "",
                                           .describe = "",
                                           .commit_time = "",
                                           .compiler = "",
                                           .flags = "",
                                           .type = "Release",
                                           .sanitizers = ""};
    const ib_steadiness   perfect_machine = {.clock = 1};
    const ib_bounds       perfect_bounds = {.known = true};
    const ib_result       result = {.wall_s = 3600, .promised = 1};
    const ib_error        success = {.status = IB_OK};

    ib_judge(v, &result, &success, build ? build : &perfect_build, 0,
             &(ib_around){.bounds = bounds ? bounds : &perfect_bounds, .steady = steady ? steady : &perfect_machine});
}

static bool take_judgement(doctor *d, const char *topic, const ib_judgement *v, const char *fine, const char *mend)
{
    for (size_t i = 0; i < v->n_reason; i++) {
        ib_symptom *s = next(d);
        find(s, IB_KEEPS, topic, "%s", v->reason[i]);
        remedy(s, "%s", mend);
    }
    if (v->n_reason == 0)
        find(next(d), IB_FINE, topic, "%s", fine);
    return v->n_reason == 0;
}

static bool judge_build(doctor *d)
{
    ib_judgement v;

    judge(&v, ib_build_facts(), NULL, NULL);
    return take_judgement(
        d, "build", &v, "a release of committed sources",
        "commit what was changed, then within the repository: cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build");
}

/* One aspect at a time, so that each has its remedy. */
static bool judge_machine(doctor *d, const ib_steadiness *all, const ib_bounds *bounds)
{
    const ib_steadiness binding = {.threads = all->threads, .bound = all->bound, .clock = 1};
    const ib_steadiness others = {.neighbours = all->neighbours, .clock = 1},
                        stolen = {.steal = all->steal, .clock = 1}, clock = {.clock = all->clock};
    ib_judgement v;
    bool         fine = true;

    judge(&v, NULL, &binding, NULL);
    fine &= take_judgement(d, "binding", &v, "imgbench sweep binds every thread",
                           "let the job or container own whole cores (cpuset), and start no more threads than those");
    judge(&v, NULL, &others, NULL);
    fine &= take_judgement(
        d, "neighbours", &v, "nobody else used the processors",
        "end what else runs here, or ask the scheduler for whole nodes (--exclusive); imgbench sweep --submit does");
    judge(&v, NULL, &stolen, NULL);
    fine &= take_judgement(d, "steal", &v, "no other virtual machine took time",
                           "a dedicated host, or processors that are pinned to this machine");
    judge(&v, NULL, &clock, NULL);
    fine &= take_judgement(d, "clocks", &v, "all cores run alike",
                           "the performance governor, boost off, cooling; cores of one kind (taskset, cpuset)");
    judge(&v, NULL, NULL, bounds);
    fine &= take_judgement(d, "calibration", &v, "younger than a month", "imgbench calibrate (half a minute)");
    return fine;
}

static void look_at_history(doctor *d)
{
    ib_history *history = NULL;
    ib_error    ignored;

    if (ib_history_open(&history, ib_argument(ib_doctor_options, d->value, "record"), false, &ignored) &&
        ignored.status != IB_ENODATA)
        return;
    const double noise = history ? ib_history_noise(history, d->machine.alias) : 0;
    ib_symptom  *s = next(d);
    if (noise > 0)
        find(s, noise > 0.02 ? IB_NOTE : IB_FINE, "noise", "an A/A control differed from itself by %.2g %% at most",
             100 * noise);
    else
        find(s, IB_NOTE, "noise", "it is not known how much launches that are alike differ here");
    if (noise <= 0 || noise > 0.02)
        remedy(s, "imgbench ab HEAD --null -- INPUT measures it%s",
               noise > 0 ? " again; until then comparisons widen their margin to it" : "");
    ib_history_close(history);
}

static void look_at_programs(doctor *d)
{
    static const char *const program[][3] = {
        {"gnuplot", "imgbench view and scaling --plot draw with it", "apt-get install gnuplot-nox"},
        {"git", "trend, ab and names of commits need it", "apt-get install git"}};

    for (size_t i = 0; i < sizeof program / sizeof *program; i++)
        if (!has_program(program[i][0])) {
            ib_symptom *s = next(d);
            find(s, IB_NOTE, program[i][0], "it is not there; %s", program[i][1]);
            remedy(s, "%s", program[i][2]);
        }
}

/* ---- telling --------------------------------------------------------------------------------------------- */

static void put_machine(const doctor *d, ib_report *report)
{
    const ib_system *s = &d->system;
    char             text[300];
    size_t           at = 0;
    ib_place         here;

    ib_place_here(&here);
    ib_report_section(report, "This machine", "");
    ib_report_fact(report, "machine", "name", d->machine.alias);
    snprintf(text, sizeof text, "%s, %d %s, %d cores, %d processors, of which this process may use %d (%.100s)",
             d->machine.cpu, d->machine.sockets, d->machine.sockets == 1 ? "socket" : "sockets", d->machine.cores,
             d->machine.cpus, here.n_cpu, *here.cpus ? here.cpus : "all");
    ib_report_fact(report, "cpu", "processor", text);
    *text = 0;
    for (int i = 0; i < s->n_cache; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%sL%d %s%s", i ? ", " : "", s->cache[i].level,
                               ib_text_bytes((double)s->cache[i].bytes).s,
                               s->cache[i].shared > s->threads_a_core && s->cache[i].shared > 1 ? " shared" : "");
    ib_report_fact(report, "caches", "caches", *text ? text : "not told");
    snprintf(text, sizeof text, "%s, %s available, %d NUMA %s", ib_text_bytes((double)d->machine.mem_bytes).s,
             ib_text_bytes((double)s->memory_available).s, s->numa_nodes, s->numa_nodes == 1 ? "node" : "nodes");
    ib_report_fact(report, "memory", "memory", text);
    snprintf(text, sizeof text, "%s, %s free", *s->file_system ? s->file_system : "not told",
             s->disk_free >= 0 ? ib_text_bytes((double)s->disk_free).s : "unknown");
    ib_report_fact(report, "disk", "disk", text);
    snprintf(text, sizeof text, "%s, %s", d->machine.os, d->machine.kernel);
    ib_report_fact(report, "system", "system", text);
    const ib_build *b = ib_build_facts();
    snprintf(text, sizeof text, "imgbench %s, %s, %s", b->version, b->compiler, b->type);
    ib_report_fact(report, "build", "build", text);
    char *const version[] = {"mpirun", "--version", NULL};
    char        line[120];
    if (!ib_process_line(version, line, sizeof line))
        ib_report_fact(report, "mpi", "MPI", line);
}

static void put_symptoms(const doctor *d, ib_report *report, ib_form form)
{
    static const ib_heading heading[] = {
        {"topic", "topic"}, {"severity", "severity"}, {"found", "found"}, {"remedy", "remedy"}};
    static const ib_gravity gravity[] = {IB_GOOD, IB_NEUTRAL, IB_WARN, IB_WARN, IB_BAD};
    char                    title[80], text[500];

    ib_report_section(report, "Findings", "");
    if (form == IB_FORM_JSON)
        ib_report_table(report, "findings", heading, 4);
    for (int severity = IB_BROKEN; severity >= IB_FINE; severity--)
        for (int i = 0; i < d->n; i++) {
            const ib_symptom *s = &d->symptom[i];
            if ((int)s->severity != severity)
                continue;
            if (form == IB_FORM_JSON) {
                ib_report_row(report, (const ib_cell[]){ib_cell_text(s->topic), ib_cell_text(severity_name[severity]),
                                                        ib_cell_text(s->found), ib_cell_text(s->remedy)});
                continue;
            }
            snprintf(title, sizeof title, "%s, %s", severity_name[severity], s->topic);
            snprintf(text, sizeof text, "%s%s%s", s->found, *s->remedy ? "\n    remedy: " : "", s->remedy);
            ib_report_verdict(report, gravity[severity], title, text);
        }
    if (form == IB_FORM_JSON)
        ib_report_table_end(report);
}

static ib_status tell(const doctor *d, bool reportable, const ib_limits *limits, const char *day, ib_form form,
                      FILE *out, ib_error *err)
{
    ib_report *report;
    ib_status  rc = ib_report_begin(&report, out, form, err);

    if (rc)
        return rc;
    put_machine(d, report);
    put_symptoms(d, report, form);
    if (limits) {
        ib_report_section(report, "What limits it", "");
        ib_report_fact(report, "calibrated", "imgbench calibrate measured on", day);
        ib_limits_report(report, limits);
    }
    ib_report_fact(report, "reportable", "reportable",
                   d->broken    ? "no: launches do not work"
                   : reportable ? "yes: a launch of a minute or more, bound as imgbench sweep does, could be"
                                : "no: see \"not reportable\" above");
    return ib_report_end(report, err);
}

ib_status ib_doctor(int argc, char *const *argv, FILE *out, ib_error *err)
{
    doctor     *d = ib_alloc_zero(1, sizeof *d, "doctor", err);
    const char *operand, *records;
    ib_form     form;
    ib_bounds   bounds = {0};
    ib_limits   limits;
    char        day[16];

    if (!d)
        return err->status;
    ib_status rc = ib_arguments_parse("doctor", ib_doctor_options, argc, argv, d->value, &operand, err);
    if (!rc && operand)
        rc = ib_fail(err, IB_EUSAGE, "doctor takes no input, and was given %.100s", operand);
    rc = rc ? rc : ib_form_parse(ib_argument(ib_doctor_options, d->value, "format"), &form, err);
    const char *folder = ib_argument(ib_doctor_options, d->value, "folder");
    if (!rc && access(folder, F_OK))
        rc =
            ib_fail(err, IB_EIO, "doctor --folder: %s: %s; choose the one that cubes go to", folder, strerror(errno));
    if (rc)
        goto done;
    records = ib_argument(ib_doctor_options, d->value, "record");
    ib_machine_facts(&d->machine);
    ib_system_read(&d->system, "", folder);
    ib_place here;
    ib_place_here(&here);
    const int           all = d->machine.cores > 0 && d->machine.cores < here.n_cpu ? d->machine.cores : here.n_cpu;
    const ib_steadiness steady = try_launches(d, all > 0 ? all : 1);
    bounds.known = ib_limits_recorded(records, NULL, &limits, day, &bounds.age_days);
    bool reportable = judge_build(d);
    if (!d->broken)
        reportable &= judge_machine(d, &steady, &bounds);
    d->n += ib_system_symptoms(&d->system, &d->symptom[d->n]);
    look_at_history(d);
    look_at_programs(d);
    rc = tell(d, reportable, bounds.known ? &limits : NULL, day, form, out, err);
    if (!rc && d->broken)
        rc = ib_fail(err, IB_ELAUNCH, "launches do not work on this machine; the findings say why");
    else if (!rc && !reportable && *ib_argument(ib_doctor_options, d->value, "require-reportable"))
        rc = ib_fail(err, IB_EONLYVALID, "no launch on this machine could be reportable; the findings say why");
done:
    ib_free(d);
    return rc;
}
