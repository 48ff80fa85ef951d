/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line: subcommands, the only MPI_Init, the only place that prints errors and decides the exit code. */
#include "imgbench.h"

#include "base/comm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/recorder.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/ab.h"
#include "bench/bench.h"
#include "bench/browse.h"
#include "bench/calibrate.h"
#include "bench/compare.h"
#include "bench/doctor.h"
#include "bench/help.h"
#include "bench/note.h"
#include "bench/project.h"
#include "bench/record.h"
#include "bench/report.h"
#include "bench/scaling.h"
#include "bench/sweep.h"
#include "bench/traced.h"
#include "bench/trend.h"
#include "bench/verify.h"
#include "bench/view.h"
#include "convert.h"
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_FORMATS = 8 };

/* One start of the program. */
typedef struct invocation {
    int        argc; /* what follows the subcommand's name */
    char     **argv;
    int        all_argc;
    char     **all_argv;
    ib_command command; /* parsed, for subcommands under MPI */
    ib_error   damage;  /* why the input must not be opened; on the rank that tried */
    int        rank, ranks;
} invocation;

typedef struct subcommand {
    ib_help_entry doc;
    const char   *only;                                         /* options it takes; NULL: all */
    ib_status (*parallel)(const invocation *in, ib_error *err); /* under MPI, on every rank; NULL: */
    ib_status (*alone)(const invocation *in, ib_error *err);    /* without MPI, in one process; NULL: */
    ib_status (*harness)(int argc, char *const *argv, FILE *out,
                         ib_error *err); /* the same, told all it needs to know */
} subcommand;

static ib_status run(const invocation *in, ib_error *err);
static ib_status simulate(const invocation *in, ib_error *err);
static ib_status convert(const invocation *in, ib_error *err);
static ib_status calibrate(const invocation *in, ib_error *err);
static ib_status help(const invocation *in, ib_error *err);

/* clang-format off */
static const subcommand subcommands[] = { /* the first is meant where none is named */
    {{"run",      "[OPTIONS] [INPUT]",               "image INPUT, measure, check, record; the word run may be left out", NULL}, NULL, run, NULL, NULL},
    {{"convert",  "INPUT FILE.h5", "write visibilities of any input as native HDF5 (docs/visibilities.md), in parallel with mpirun; what the options of input select, averaged with --average-channels and --average-time; takes --overwrite, --resume, --memory and --quiet, too", NULL}, "column field spw channels times average-channels average-time output overwrite resume memory quiet", convert, NULL, NULL},
    {{"simulate", "sim:PRESET[,key=value...] FILE.h5", "write simulated visibilities to a file; takes --overwrite, --resume, --memory and --quiet, too", NULL}, "output overwrite resume memory quiet", simulate, NULL, NULL},
    {{"view",     "CUBE [OPTIONS]", "draw a plane of a cube (HDF5 or FITS) with its beam, the contours of its primary beam and its point spread function, as a PNG file", ib_view_options}, NULL, NULL, NULL, ib_view},
    {{"verify",   "CUBE...", "compare every plane of HDF5 cubes with the checksum that was taken while it was in memory", ib_verify_options}, NULL, NULL, NULL, ib_verify},
    {{"bench",    "PART [OPTIONS]", "measure a part of the engine (kernel, mosaic, fft, pipeline, shapes, choice, overhead, storage or all), beside a baseline and the machine's limits", ib_bench_options}, NULL, NULL, NULL, ib_bench},
    {{"calibrate","[OPTIONS]",                       "measure the limits of this machine (arithmetic, caches, memory, disk) and record them", ib_calibrate_options}, NULL, NULL, calibrate, NULL},
    {{"doctor",   "[OPTIONS]", "what this machine is, what slows or unsettles launches on it, what would make them reportable, and how to mend each; makes two small launches. Exit code 8: launches do not work", ib_doctor_options}, NULL, NULL, NULL, ib_doctor},
    {{"sweep",    "[INPUT] [--ranks LIST] [--OPTION LIST...]", "launch every combination of the values given, in random order through mpirun, as often as --launches says; the same command goes on where it was stopped. INPUT as of run, or the name of a simulation (chiles). Every option of run takes a list: --threads 1,2 --support 7,17", ib_sweep_options}, NULL, NULL, NULL, ib_sweep},
    {{"scaling",  "[CAMPAIGN|FOLDER] [OPTIONS]", "speed-up, efficiency and its factors, laws fitted to the times, the phase that will limit next; of the newest campaign in the records unless one is named", ib_scaling_options}, NULL, NULL, NULL, ib_scaling},
    {{"project",  "[INPUT] [OPTIONS] [OPTIONS OF run]", "predict the time of a launch on a machine that is not there, for each number of ranks, by simulating what ranks do event by event with the rates of launches that were made here; and what breaks first. INPUT as of run; sim:chiles unless given", ib_project_options}, NULL, NULL, NULL, ib_project},
    {{"ls",       "[TERM...]", "list launches of the history, the newest last; a term is a run, commit, build or tag, last, or KEY=VALUE (also != < >), as in support=51 or T>10", ib_ls_options}, NULL, NULL, NULL, ib_ls},
    {{"show",     "[TERMS]", "tell one launch: the newest that satisfies the terms", ib_show_options}, NULL, NULL, NULL, ib_show},
    {{"compare",  "A B [OPTIONS]", "judge stored launches B against A, each named by terms as of ls (commits, tags, runs, settings such as isa=v3): slower, faster, same or inconclusive, with intervals. Exit code 3: slower", ib_compare_options}, NULL, NULL, NULL, ib_compare},
    {{"trend",    "[TERM...]", "times along the commits of a branch, with the steps in them. Exit code 3: the last one is a regression", ib_trend_options}, NULL, NULL, NULL, ib_trend},
    {{"gate",     "[A B] [OPTIONS]", "one decision for CI: B against A, or without them the trends of everything. Exit code 0: passed, 3: slower, 5: wrong images, 7: nothing to judge, 11: suspect", ib_gate_options}, NULL, NULL, NULL, ib_gate},
    {{"ab",       "A B... [OPTIONS] [-- INPUT AND OPTIONS OF run]", "launch commits (built into a cache), programs (./imgbench) or settings (isa=v3; main,isa=v3) in turns, in random blocks, and judge them against the first as compare does, until all is decided", ib_ab_options}, NULL, NULL, NULL, ib_ab},
    {{"note",     "KIND COMMIT --text WORDS, ls, or expire ID", "say something of a commit that trend, gate and report heed: accepted or known-regression (its step is no alarm), baseline-reset or machine-change (older commits are not compared), ignore (its launches do not count), note (shown)", ib_note_options}, NULL, NULL, NULL, ib_annotate},
    {{"report",   "[TERM...] [OPTIONS]", "one self-contained page of HTML about the launches of the history: verdicts, trend, scaling, phases, imbalance, memory, storage, limits, comparisons, accuracy, provenance, how to do it again", ib_make_report_options}, NULL, NULL, NULL, ib_make_report},
    {{"trace",    "summary FILE | merge OUT FILE...", "what a timeline of --trace or of imgbench_trace.h tells: the critical path, who waited for whom, times of phases, files, MPI and threads; or timelines of single processes put into one", ib_trace_options}, NULL, NULL, NULL, ib_trace},
    {{"db",       "rebuild|check|path", "the database that the history is kept in: make it anew from the records, say what it holds and what could not be read, where it is", ib_db_options}, NULL, NULL, NULL, ib_db},
    {{"help",     "[TOPIC]",                         "explain a command, a group of options, an option or a topic", NULL}, NULL, NULL, help, NULL},
};
/* clang-format on */
enum { N_SUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

/* ---- run ------------------------------------------------------------------------------------------------- */

/* What is known of every rank, on rank 0; NULL elsewhere. */
typedef struct roll {
    ib_place   *place;
    ib_steady  *steady;
    ib_account *account;
    ib_course  *course;
} roll;

static void clear_roll(roll *all)
{
    ib_free(all->place);
    ib_free(all->steady);
    ib_free(all->account);
    ib_free(all->course);
}

/* Where every rank runs, and room for what will be seen there. */
static ib_status gather_places(const invocation *in, int threads, roll *all, ib_error *err)
{
    const size_t n = (size_t)in->ranks;
    ib_place     here;
    ib_status    rc = IB_OK;

    *all = (roll){0};
    if (in->rank == 0) {
        all->place = ib_alloc(n, sizeof here, "ranks", err);
        all->steady = ib_alloc(n, sizeof *all->steady, "ranks", err);
        all->account = ib_alloc(n, sizeof *all->account, "ranks", err);
        all->course = ib_alloc(n, sizeof *all->course, "ranks", err);
        rc = all->place && all->steady && all->account && all->course ? IB_OK : err->status;
    }
    rc = ib_agree(MPI_COMM_WORLD, rc, err);
    if (rc)
        return rc;
    ib_place_here(&here);
#pragma omp parallel num_threads(threads) default(none) shared(here)
    {
#pragma omp critical(ib_place)
        ib_place_join(&here);
    }
    ib_gather(&here, sizeof here, all->place, MPI_COMM_WORLD);
    return IB_OK;
}

/* A launch must not fail because its record cannot be written. */
static ib_record *begin_record(const invocation *in, int threads, const ib_place *places)
{
    const ib_config *cfg = &in->command.cfg;
    char             library[MPI_MAX_LIBRARY_VERSION_STRING];
    int              length;
    ib_record       *record = NULL;
    ib_error         err;

    if (!*cfg->record || cfg->plan)
        return NULL;
    MPI_Get_library_version(library, &length);
    library[strcspn(library, "\n")] = 0;
    const ib_launch launch = {in->all_argc, in->all_argv, &in->command, in->ranks, threads, places, library};
    if (ib_record_begin(&record, cfg->record, &launch, &err))
        ib_warn("%s; this launch leaves no record", err.text);
    return record;
}

static volatile sig_atomic_t stopped;
static volatile double       first_stop;

/* timeout, mpirun and schedulers send one request to the process and to its group: what comes within a second is the same
   one. */
static void on_signal(int number)
{
    if (!stopped) {
        first_stop = ib_now();
        stopped = 1;
        ib_interrupt();
    } else if (ib_now() - first_stop > 1) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static bool is_stopped(void)
{
    return stopped;
}

/* The first request to stop is obeyed between two blocks, so that no file is left behind; another one kills. What the
   parent chose to ignore (nohup, a job in the background) stays ignored. */
static void catch_signals(void)
{
    static const int       stop[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction       before;

    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++)
        if (!sigaction(stop[i], NULL, &before) && before.sa_handler != SIG_IGN)
            sigaction(stop[i], &action, NULL);
}

/* All threads at once, as they will work. */
static void look_at_threads(ib_steady *steady)
{
    const int threads = steady->threads;
    int       bound = 0;
    double    slowest = INFINITY, fastest = 0;

#pragma omp parallel num_threads(threads) default(none) reduction(+ : bound) reduction(min : slowest)                \
    reduction(max : fastest)
    {
        const double clock = ib_thread_clock();
        bound += ib_thread_is_bound();
        slowest = clock;
        fastest = clock;
    }
    ib_steady_look(steady, bound, slowest, fastest);
}

static ib_status run(const invocation *in, ib_error *err)
{
    const ib_config *cfg = &in->command.cfg;
    const int        threads = cfg->threads ? (int)cfg->threads : omp_get_max_threads();
    const double     start = ib_now();
    roll             all;
    ib_steady        steady;
    ib_course        course;
    ib_record       *record = NULL;
    ib_result        result;
    ib_error         record_err;
    ib_bounds        bounds = {0};
    ib_judgement     verdict;
    char             path[1024] = "";

    memset(&result, 0, sizeof result);
    ib_status rc = gather_places(in, threads, &all, err);
    if (rc)
        return rc;
    if (in->rank == 0)
        record = begin_record(in, threads, all.place);
    catch_signals();
    *err = in->damage;
    rc = ib_agree(MPI_COMM_WORLD, err->status, err);
    ib_steady_begin(&steady, threads);
    if (!cfg->plan)
        look_at_threads(&steady);
    ib_monitor_begin(cfg->plan ? 0 : cfg->monitor);
    if (!rc)
        rc = ib_run(cfg, MPI_COMM_WORLD, &result, err);
    err->status = rc;
    ib_monitor_end(&course);
    if (!cfg->plan)
        look_at_threads(&steady);
    ib_steady_end(&steady);
    ib_gather(&steady, sizeof steady, all.steady, MPI_COMM_WORLD);
    ib_gather(ib_account_last(), sizeof *ib_account_last(), all.account, MPI_COMM_WORLD);
    ib_gather(&course, sizeof course, all.course, MPI_COMM_WORLD);
    if (in->rank == 0 && cfg->plan && cfg->format == IB_FORMAT_JSON) {
        verdict = (ib_judgement){IB_PROVISIONAL, 1, {"a plan: nothing was imaged"}};
        ib_summary_json(stdout, &result, &(ib_around){0}, err, &verdict, path);
    } else if (in->rank == 0 && !cfg->plan) {
        const ib_steadiness steadiness = ib_steadiness_of(all.steady, all.place, in->ranks);
        const ib_around     around = {rc ? NULL : &bounds, &steadiness, all.account, all.course};
        if (!rc)
            ib_bounds_find(&bounds, cfg->record, &result, ib_place_nodes(all.place, in->ranks));
        ib_judge(&verdict, &result, err, ib_build_facts(), ib_place_excess(all.place, in->ranks, threads), &around);
        if (record &&
            ib_record_end(record, &result, &around, err, &verdict, ib_now() - start, path, sizeof path, &record_err))
            ib_warn("%s", record_err.text);
        if (cfg->format == IB_FORMAT_JSON)
            ib_summary_json(stdout, &result, &around, err, &verdict, path);
        else
            ib_summary_table(stdout, &result, &around, err, &verdict, path);
    }
    clear_roll(&all);
    return rc;
}

/* ---- simulate and convert -------------------------------------------------------------------------------- */

static ib_status simulate(const invocation *in, ib_error *err)
{
    const ib_config *cfg = &in->command.cfg;

    if (*cfg->input && strncmp(cfg->input, "sim:", 4) != 0)
        return ib_fail(err, IB_EUSAGE, "simulate takes sim:PRESET[,key=value...], not %s", cfg->input);
    if (!*cfg->output)
        return ib_fail(err, IB_EUSAGE, "simulate needs the file to write: imgbench simulate sim:PRESET FILE.h5");
    catch_signals();
    return ib_convert(cfg, MPI_COMM_WORLD, is_stopped, err);
}

static ib_status convert(const invocation *in, ib_error *err)
{
    const ib_config *cfg = &in->command.cfg;

    if (!*cfg->input || !*cfg->output)
        return ib_fail(err, IB_EUSAGE, "convert needs %s: imgbench convert INPUT FILE.h5",
                       *cfg->input ? "the file to write" : "an input");
    catch_signals();
    *err = in->damage;
    const ib_status rc = ib_agree(MPI_COMM_WORLD, err->status, err);
    return rc ? rc : ib_convert(cfg, MPI_COMM_WORLD, is_stopped, err);
}

/* For subcommands that parse their own options. */
static bool asks_for_help(const invocation *in)
{
    for (int i = 0; i < in->argc; i++)
        if (!strcmp(in->argv[i], "--help") || !strcmp(in->argv[i], "-h"))
            return true;
    return false;
}

/* ---- calibrate ------------------------------------------------------------------------------------------- */

static ib_status calibrate(const invocation *in, ib_error *err)
{
    if (asks_for_help(in))
        return help(&(invocation){.argc = 1, .argv = (char *[]){"calibrate"}}, err);
    return ib_calibrate(in->argc, in->argv, in->all_argc, in->all_argv, stdout, err);
}

/* ---- help ------------------------------------------------------------------------------------------------ */

static ib_status help(const invocation *in, ib_error *err)
{
    ib_help_entry command[N_SUBCOMMANDS + 1] = {{0}}, format[MAX_FORMATS + 1] = {{0}};

    for (size_t i = 0; i < N_SUBCOMMANDS; i++)
        command[i] = subcommands[i].doc;
    for (size_t i = 0; i < MAX_FORMATS && ib_source_format_at(i); i++)
        format[i] = (ib_help_entry){ib_source_format_at(i)->name, "", ib_source_format_at(i)->help, NULL};

    const ib_help_tables tables = {command, format};
    if (in->argc > 1)
        return ib_fail(err, IB_EUSAGE, "help takes one topic, not %d", in->argc);
    if (in->argc == 1)
        return ib_help_topic(stdout, in->argv[0], &tables, err);
    ib_help_overview(stdout, &tables);
    return IB_OK;
}

static void print_version(void)
{
    const ib_build *b = ib_build_facts();
    char            library[MPI_MAX_LIBRARY_VERSION_STRING];
    int             length;

    MPI_Get_library_version(library, &length); /* allowed before MPI_Init */
    library[strcspn(library, ",\n")] = 0;
    printf("imgbench %s\ncommit    %s%s\ncompiler  %s, %s%s%s, %s\nMPI       %s\n", b->version, b->commit,
           b->dirty > 0 ? ", with changes" : "", b->compiler, b->flags, *b->sanitizers ? " -fsanitize=" : "",
           b->sanitizers, b->type, library);
    for (const ib_library *l = b->library; l->name; l++)
        printf("%-9s %s\n", l->name, l->version);
}

/* ---- main ------------------------------------------------------------------------------------------------ */

/* Files take the lowest free number, and must not become the stream that messages go to. Standard output opened for
   reading refuses what is written, as a closed one does. */
static void fill_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd == STDIN_FILENO);
    if (fd == STDOUT_FILENO) {
        close(fd);
        open("/dev/null", O_RDONLY);
        fd = open("/dev/null", O_RDWR);
    }
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Read a little of every window, as an image will. @return IB_ENOMEM: it does not fit; other failures the run will say */
static ib_status try_input(const ib_config *cfg)
{
    ib_source  *source;
    ib_vis_info info = {0};
    ib_error    err;

    if (ib_source_open(&source, cfg, &info, &err))
        return err.status;
    for (size_t s = 0; s < info.n_spw; s++) {
        const ib_spw    *w = &info.spw[s];
        double           uvw[1][3];
        int32_t          antenna[1][2];
        float            weight[IB_MAX_CORR], vis[IB_MAX_CORR][2];
        uint8_t          flag[IB_MAX_CORR];
        const ib_rows    rows = {.uvw = uvw, .antenna = antenna, .weight = weight};
        const ib_samples samples = {.vis = vis, .flag = flag, .weight = w->weight_per_channel ? weight : NULL};

        for (int last = 0; last < 2; last++) {
            const ib_range row = {last ? w->n_row - 1 : 0, 1}, chan = {last ? w->n_chan - 1 : 0, 1};
            if (!ib_source_rows(source, s, row, &rows, &err))
                ib_source_read(source, s, chan, row, &samples, &err);
        }
    }
    ib_source_close(source);
    ib_vis_info_clear(&info);
    return IB_OK;
}

/* UVFITS is read by imgbench itself; the libraries of the other formats were not made for damage. */
static bool is_for_library(const char *path)
{
    static const char signature[8] = "\211HDF\r\n\032\n";
    char              begin[sizeof signature] = "";
    struct stat       what;

    if (!strncmp(path, "sim:", 4) || stat(path, &what))
        return false;
    if (S_ISDIR(what.st_mode))
        return true;
    FILE *const file = S_ISREG(what.st_mode) ? fopen(path, "rb") : NULL;
    const bool  yes =
        file && fread(begin, 1, sizeof begin, file) == sizeof begin && !memcmp(begin, signature, sizeof begin);
    if (file)
        fclose(file);
    return yes;
}

/* The child ends by a signal, instead of taking the machine with it, where damage makes a library compute or ask for
   memory without end. */
static void confine(const ib_config *cfg)
{
    const struct rlimit no_core = {0, 0};
    const rlim_t        bytes = (rlim_t)cfg->memory + (1u << 30), s = (rlim_t)ceil(cfg->hang_timeout);
    const struct rlimit data = {bytes, bytes}, cpu = {s, s + 5};

    setrlimit(RLIMIT_CORE, &no_core);
#ifdef IB_SANITIZED /* whose own tables are larger than any limit */
    (void)data;
#else
    setrlimit(RLIMIT_DATA, &data);
#endif
    if (s > 0)
        setrlimit(RLIMIT_CPU, &cpu);
}

/* casacore does not survive every damaged table: of random changes one in forty ends in a signal instead of an
   exception. So a MeasurementSet, or an HDF5 file, is first opened by a child, before MPI knows of it. What else is wrong
   with it the run itself will say. */
static void check_input(const ib_config *cfg, ib_error *err)
{
    int status = 0;

    if (ib_launched_rank() > 0 || !is_for_library(cfg->input))
        return;
    const pid_t child = fork();
    if (child == 0) {
        const int nowhere = open("/dev/null", O_RDWR);
        confine(cfg);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        _exit(try_input(cfg) == IB_ENOMEM);
    }
    if (child < 0)
        return;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return;
    if (WIFSIGNALED(status) || WEXITSTATUS(status))
        ib_fail(err, IB_EDATA,
                "open %.300s: it is damaged so badly that the library for it fails (%s); copy it again", cfg->input,
                WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it wants more memory than --memory and 1 GiB");
}

/* A command line that could not be parsed: which format would it have asked for? */
static bool wants_json(const invocation *in)
{
    const char *variable = getenv("IMGBENCH_FORMAT");
    bool        json = variable && !strcmp(variable, "json");

    for (int i = 0; i < in->argc; i++)
        if (!strncmp(in->argv[i], "--format=", 9))
            json = !strcmp(in->argv[i] + 9, "json");
        else if (!strcmp(in->argv[i], "--format") && i + 1 < in->argc)
            json = !strcmp(in->argv[i + 1], "json");
    return json;
}

static bool is_open(const ib_command *command, const char *key)
{
    const ib_config *cfg = &command->cfg;
    size_t           i = 0;

    while (strcmp(ib_option_name(i), key) != 0)
        i++;
    return (cfg->epsilon > 0 || cfg->gridder == IB_MOSAIC) && command->origin[i] == IB_BY_DEFAULT;
}

/* With --epsilon and of a mosaic what is not given is to be chosen. */
static void leave_open(ib_command *command)
{
    if (is_open(command, "support"))
        command->cfg.support = 0;
    if (is_open(command, "padding"))
        command->cfg.padding = 0;
    if (is_open(command, "oversampling"))
        command->cfg.oversampling = 0;
}

/* Standard output is a result: what does not arrive there is an error, too. */
static ib_status flush_output(ib_status rc, ib_error *err)
{
    if ((fflush(stdout) || ferror(stdout)) && !rc)
        return ib_fail(err, IB_EIO, "write to standard output: %s", strerror(errno));
    return rc;
}

static void tell(ib_status rc, const ib_error *err)
{
    char text[sizeof err->text];

    ib_text_plain(err->text, text, sizeof text);
    if (rc && err->rank > 0)
        fprintf(stderr, "imgbench: rank %d: %s\n", err->rank, text);
    else if (rc)
        fprintf(stderr, "imgbench: %s\n", text);
}

static ib_status without_mpi(const subcommand *which, const invocation *in, ib_error *err)
{
    if (ib_launched_rank() > 0)
        return IB_OK;
    ib_status rc;
    if (in->command.version) {
        print_version();
        rc = IB_OK;
    } else if (which->harness && !asks_for_help(in)) {
        rc = which->harness(in->argc, in->argv, stdout, err);
    } else if (in->command.help || which->harness) {
        char name[32];
        snprintf(name, sizeof name, "%s", which->doc.name);
        rc = help(&(invocation){.argc = which != subcommands, .argv = (char *[]){name}}, err);
    } else {
        rc = which->alone(in, err);
    }
    rc = flush_output(rc, err);
    tell(rc, err);
    return rc;
}

/* Where there is no other node, Open MPI need not look for networks, whose libraries take several times as long to open as a small
   launch takes altogether: shared memory is all that there is. What the user says stands. */
static const struct {
    const char *name, *value;
    bool        alone; /* for a process without a launcher only: else it starts one */
} nearby[] = {{"OMPI_MCA_pml", "ob1", false},
              {"OMPI_MCA_btl", "self,vader", false},
              {"HWLOC_COMPONENTS", "-pci,-linuxio", false},
              {"OMPI_MCA_ess_singleton_isolated", "1", true}};

enum { N_NEARBY = sizeof nearby / sizeof *nearby };

/* Initialise MPI. What is set for it is not left to processes that this one starts. */
static int begin_mpi(void)
{
    const char *const size = getenv("OMPI_COMM_WORLD_SIZE"), *const here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const bool alone = ib_launched_rank() < 0, one_node = alone || (size && here && !strcmp(size, here));
    bool       set[N_NEARBY] = {false};
    int        provided;

    for (size_t i = 0; i < N_NEARBY; i++)
        if (one_node && (alone || !nearby[i].alone) && !getenv(nearby[i].name))
            set[i] = !setenv(nearby[i].name, nearby[i].value, 0);
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    for (size_t i = 0; i < N_NEARBY; i++)
        if (set[i])
            unsetenv(nearby[i].name);
    return provided;
}

/* A command line that one rank could not parse (its node may not see the file of --config) fails on every rank. */
static ib_status under_mpi(const subcommand *which, invocation *in, ib_status rc, ib_error *err)
{
    const int provided = begin_mpi();

    MPI_Comm_rank(MPI_COMM_WORLD, &in->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &in->ranks);
    ib_log_rank(in->rank);
    if (!rc && provided < MPI_THREAD_FUNNELED)
        rc = ib_fail(err, IB_EUNSUPPORTED, "this MPI library does not allow threads (MPI_THREAD_FUNNELED)");
    rc = ib_agree(MPI_COMM_WORLD, rc, err);
    if (!rc)
        rc = which->parallel(in, err);
    else if (in->rank == 0 && which == subcommands && wants_json(in)) {
        const ib_result none = {.measured = -1};
        ib_judgement    verdict;

        ib_judge(&verdict, &none, err, ib_build_facts(), 0, &(ib_around){0});
        ib_summary_json(stdout, &none, &(ib_around){0}, err, &verdict, "");
    }
    if (in->rank == 0) {
        rc = flush_output(rc, err);
        tell(rc, err);
    }
    rc = ib_agree(MPI_COMM_WORLD, rc, err);
    MPI_Finalize();
    return rc;
}

int main(int argc, char **argv)
{
    const subcommand *which = subcommands;
    invocation        in = {.argc = argc - 1, .argv = argv + 1, .all_argc = argc, .all_argv = argv, .ranks = 1};
    ib_error          err = {IB_OK, -1, ""};
    ib_status         rc = IB_OK;

    fill_streams();
    for (size_t i = 0; argc > 1 && i < N_SUBCOMMANDS; i++)
        if (!strcmp(argv[1], subcommands[i].doc.name)) {
            which = &subcommands[i];
            in.argc--;
            in.argv++;
        }
    if (which->parallel)
        rc = ib_command_parse(&in.command, in.argc, in.argv, which->only, &err);
    leave_open(&in.command);
    if ((which->parallel == run || which->parallel == convert) && !rc && !in.command.help && !in.command.version)
        check_input(&in.command.cfg, &in.damage);
    const bool alone = which->alone || which->harness || (!rc && (in.command.help || in.command.version));
    rc = alone ? without_mpi(which, &in, &err) : under_mpi(which, &in, rc, &err);
    ib_command_clear(&in.command);
    return ib_exit_code(rc);
}
