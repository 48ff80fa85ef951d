/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/record.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "bench/json.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SCHEMA = 1, BENCH_VERSION = 1, MAX_PATH = 1024 };

extern char **environ;

struct ib_record {
    FILE           *file;
    struct timespec started;
    char            run_id[37], path[MAX_PATH], partial[MAX_PATH + 8];
    int             lines;
    bool            warm;   /* a launch that only warms up */
    uint64_t        digest; /* of the bytes so far */
};

/* FNV-1a: names and guards against truncation; nobody attacks a benchmark's own record. */
uint64_t ib_record_digest(uint64_t hash, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static json_t *hex(uint64_t hash)
{
    char text[17];

    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return json_string(text);
}

/* An identity of the facts in an object, whatever the order they were set in. */
json_t *ib_record_identity(const json_t *facts)
{
    char   *text = json_dumps(facts, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    json_t *id = text ? hex(ib_record_digest(IB_DIGEST_START, text, strlen(text))) : json_null();

    free(text);
    return id;
}

/* RFC 9562, version 7: milliseconds since 1970 in front, so that names sort by time. */
static void make_run_id(char id[37], const struct timespec *now)
{
    unsigned char  b[16] = {0};
    const uint64_t ms = (uint64_t)now->tv_sec * 1000 + (uint64_t)now->tv_nsec / 1000000;
    FILE          *random = fopen("/dev/urandom", "rb");

    if (!random || fread(b, 1, sizeof b, random) != sizeof b) { /* time and process still tell launches apart */
        const uint64_t seed = (uint64_t)now->tv_nsec ^ (uint64_t)getpid() << 32;
        memcpy(b + 8, &seed, sizeof seed);
    }
    if (random)
        fclose(random);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    char *at = id;
    for (int i = 0; i < 16; i++)
        at += sprintf(at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* Folders are private: "--output=/home/me/x.h5" becomes "--output=x.h5". */
static json_t *without_folders(const char *argument)
{
    const char *equals = strncmp(argument, "--", 2) == 0 ? strchr(argument, '=') : NULL;
    char        text[600];

    if (!equals)
        return ib_json_text(base_name(argument));
    snprintf(text, sizeof text, "%.*s%s", (int)(equals + 1 - argument), argument, base_name(equals + 1));
    return ib_json_text(text);
}

/* ---- the run line ---------------------------------------------------------------------------------------- */

/* Options that say what is computed, not where it goes, what is shown or how the machine is used. */
static bool fixes_the_problem(const ib_option *option)
{
    return !strcmp(option->group, "input") || !strcmp(option->group, "image") || !strcmp(option->group, "gridding") ||
           !strcmp(option->group, "weighting") || !strcmp(option->key, "chunks");
}

/* What is at its default is left out, so that an option that is new today leaves yesterday's problems what they were. Who
   changes a default, or what one means, must raise BENCH_VERSION. */
json_t *ib_record_problem(const json_t *workload)
{
    const json_t *params = json_object_get(workload, "params");
    const json_t *input = json_array_get(json_object_get(workload, "inputs"), 0);
    json_t       *problem = json_pack("{s:O?, s:O?}", "input", json_object_get(input, "name"), "bench_version",
                                      json_object_get(workload, "bench_version"));
    ib_config     initial;
    char          text[600];

    ib_config_default(&initial);
    if (json_is_integer(json_object_get(input, "bytes")))
        json_object_set(problem, "bytes", json_object_get(input, "bytes"));
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *option = ib_option_at(i);
        json_t          *value = json_object_get(params, option->key);
        ib_option_render(&initial, i, text, sizeof text);
        if (fixes_the_problem(option) && json_is_string(value) && strcmp(json_string_value(value), text) != 0)
            json_object_set(problem, option->key, value);
    }
    return problem;
}

static json_t *workload(const ib_command *command)
{
    static const char *const from[] = {"default", "file", "environment", "command line"};
    json_t                  *params = json_object(), *origin = json_object();
    const char              *input = base_name(command->cfg.input);
    struct stat              st;
    char                     text[600];

    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *option = ib_option_at(i);
        ib_option_render(&command->cfg, i, text, sizeof text);
        json_object_set_new(params, option->key, ib_json_text(strcmp(option->type, "TEXT") ? text : base_name(text)));
        if (command->origin[i] != IB_BY_DEFAULT)
            json_object_set_new(origin, option->key, json_string(from[command->origin[i]]));
    }
    const bool file = *input && !stat(command->cfg.input, &st) && S_ISREG(st.st_mode);
    json_t    *facts = json_pack("{s:i, s:o, s:o, s:[{s:o, s:o}]}", "bench_version", BENCH_VERSION, "params", params,
                                 "given", origin, "inputs", "name", ib_json_text(input), "bytes",
                              file ? ib_json_count((uint64_t)st.st_size) : json_null());
    json_t    *problem = ib_record_problem(facts);
    json_object_set_new(facts, "workload_id", ib_record_identity(problem));
    json_decref(problem);
    return facts;
}

static json_t *shape(const ib_launch *launch)
{
    json_t   *places = json_array(), *facts;
    const int nodes = ib_place_nodes(launch->place, launch->ranks);
    int       fewest = launch->ranks, most = 0;

    for (int i = 0; i < launch->ranks; i++) {
        /* nodes by number in the order of their first ranks: their names are private */
        int node = 0, ranks = 0;
        for (int k = 0; k < launch->ranks; k++)
            ranks += !strcmp(launch->place[k].node, launch->place[i].node);
        for (int k = 0; strcmp(launch->place[k].node, launch->place[i].node) != 0; k++)
            node = ib_place_nodes(launch->place, k + 1);
        fewest = ranks < fewest ? ranks : fewest;
        most = ranks > most ? ranks : most;
        json_array_append_new(places, json_pack("{s:i, s:s}", "node", node, "cpus", launch->place[i].cpus));
    }
    facts = json_pack("{s:i, s:i, s:i}", "ranks", launch->ranks, "nodes", nodes, "threads", launch->threads);
    json_object_set_new(facts, "shape_id", ib_record_identity(facts));
    json_object_set_new(facts, "ranks_per_node", json_pack("{s:i, s:i}", "min", fewest, "max", most));
    json_object_set_new(facts, "places", places);
    json_object_set_new(facts, "oversubscribed",
                        json_boolean(ib_place_excess(launch->place, launch->ranks, launch->threads) > 0));
    return facts;
}

static json_t *build(const char *mpi_library)
{
    const ib_build *b = ib_build_facts();
    json_t         *libs = json_array(), *facts;

    for (const ib_library *l = b->library; l->name; l++)
        json_array_append_new(libs, json_pack("{s:s, s:s}", "name", l->name, "version_compiled", l->version));
    facts = json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:s}", "version", b->version, "commit",
                      b->commit, "describe", b->describe, "dirty",
                      b->dirty < 0 ? json_null() : json_boolean(b->dirty), "cc", b->compiler, "cflags", b->flags,
                      "build_type", b->type, "sanitizers", b->sanitizers, "libs", libs, "mpi_library", mpi_library);
    json_object_set_new(facts, "build_id", ib_record_identity(facts));
    json_object_set_new(facts, "commit_time", *b->commit_time ? json_string(b->commit_time) : json_null());
    return facts;
}

static json_t *machine(const ib_machine *m)
{
    json_t *facts = json_pack("{s:s, s:i, s:i, s:i, s:I}", "cpu", m->cpu, "sockets", m->sockets, "cores", m->cores,
                              "cpus", m->cpus, "mem_bytes", (json_int_t)m->mem_bytes);

    json_object_set_new(facts, "machine_id",
                        ib_record_identity(facts)); /* the hardware: a new kernel is the same machine */
    json_object_set_new(facts, "alias", json_string(m->alias));
    json_object_set_new(facts, "kernel", ib_json_text(m->kernel));
    json_object_set_new(facts, "os", ib_json_text(m->os));
    json_object_set_new(facts, "governor", *m->governor ? ib_json_text(m->governor) : json_null());
    return facts;
}

static json_t *job(void)
{
    const struct {
        const char *scheduler, *id, *array_id, *array_index, *partition, *restart;
    } known[] = {
        {"slurm", "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_PARTITION",
         "SLURM_RESTART_COUNT"},
        {"pbs", "PBS_JOBID", "PBS_ARRAY_ID", getenv("PBS_ARRAYID") ? "PBS_ARRAYID" : "PBS_ARRAY_INDEX", "PBS_QUEUE",
         NULL},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *const variable[] = {known[i].id, known[i].array_id, known[i].array_index, known[i].partition,
                                        known[i].restart};
        const char *const field[] = {"job_id", "array_id", "array_index", "partition", "restart_count"};
        if (!getenv(known[i].id))
            continue;
        json_t *facts = json_pack("{s:s}", "scheduler", known[i].scheduler);
        for (size_t k = 0; k < sizeof field / sizeof *field; k++) {
            const char *value = variable[k] ? getenv(variable[k]) : NULL;
            json_object_set_new(facts, field[k], value ? ib_json_text(value) : json_null());
        }
        return facts;
    }
    return json_pack("{s:s}", "scheduler", "none");
}

/* Variables that change how fast or what is computed; the rest of the environment is nobody's business. What Open MPI's
   launcher tells its own processes holds addresses and folders. */
static json_t *environment(void)
{
    static const char *const prefix[] = {"OMP_", "GOMP_", "KMP_", "OMPI_MCA_", "MPICH_", "UCX_", "FI_", "MALLOC_"};
    static const char *const launcher[] = {"OMPI_MCA_orte_", "OMPI_MCA_ess", "OMPI_MCA_pmix", "OMPI_MCA_shmem",
                                           "OMPI_MCA_initial_wdir"};
    json_t                  *facts = json_object();
    char                     name[128];

    for (char **entry = environ; *entry; entry++) {
        const size_t n = strcspn(*entry, "=");
        bool         wanted = false;
        if (n >= sizeof name || (*entry)[n] != '=')
            continue;
        snprintf(name, sizeof name, "%.*s", (int)n, *entry);
        for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
            wanted |= !strncmp(name, prefix[i], strlen(prefix[i]));
        for (size_t i = 0; i < sizeof launcher / sizeof *launcher; i++)
            wanted &= strncmp(name, launcher[i], strlen(launcher[i])) != 0;
        for (size_t i = 0; i < ib_option_count(); i++) {
            char own[64];
            ib_option_variable(i, own, sizeof own);
            wanted |= !strcmp(name, own);
        }
        if (wanted)
            json_object_set_new(facts, name, ib_json_text(base_name(*entry + n + 1)));
    }
    return facts;
}

/* What a campaign of launches tells each of them: IMGBENCH_CAMPAIGN="intent=sweep;campaign_id=...;launch=2;...", whole
   numbers as numbers. */
static void add_campaign(json_t *fields)
{
    const char *at = getenv("IMGBENCH_CAMPAIGN");
    char        word[300];
    ib_error    ignored;
    int64_t     number;

    for (size_t n; at && *at; at += n + (at[n] == ';')) {
        n = strcspn(at, ";");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        char *value = strchr(word, '=');
        if (!value || n >= sizeof word)
            continue;
        *value++ = 0;
        json_object_set_new(fields, word,
                            ib_text_to_int(value, &number, &ignored) ? ib_json_text(value) : json_integer(number));
    }
}

/* ---- lines ----------------------------------------------------------------------------------------------- */

/* Write one line; takes the reference. */
static ib_status write_line(ib_record *record, const char *type, json_t *fields, ib_error *err)
{
    json_t *line = json_pack("{s:i, s:s, s:s}", "v", SCHEMA, "t", type, "run_id", record->run_id);

    const int whole = json_object_update(line, fields); /* fails when fields could not be made */
    char     *text = whole ? NULL : json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
    json_decref(line);
    json_decref(fields);
    if (!text)
        return ib_fail(err, IB_EINTERNAL, "record %s: a line could not be put into words", record->partial);

    const size_t n = strlen(text);
    record->digest = ib_record_digest(ib_record_digest(record->digest, text, n), "\n", 1);
    record->lines++;
    const bool ok =
        fwrite(text, 1, n, record->file) == n && fputc('\n', record->file) != EOF && !fflush(record->file);
    free(text);
    return ok ? IB_OK : ib_fail(err, IB_EIO, "record: write %s: %s", record->partial, strerror(errno));
}

static ib_status make_folders(char *path, ib_error *err)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(path, 0777) && errno != EEXIST) {
            ib_fail(err, IB_EIO, "record: make folder %s: %s; choose another with --record", path, strerror(errno));
            *slash = '/';
            return err->status;
        }
        *slash = '/';
    }
    return IB_OK;
}

/* The first line: what every record tells, and what only this kind does (`more`, whose reference is taken). */
static ib_status write_run_line(ib_record *record, const char *intent, int argc, char *const *argv, json_t *more,
                                const char *mpi_library, ib_error *err)
{
    json_t    *words = json_array();
    char       started[64];
    struct tm  utc;
    ib_machine here;

    ib_machine_facts(&here);
    gmtime_r(&record->started.tv_sec, &utc);
    const size_t n = strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(started + n, sizeof started - n, ".%09ldZ", record->started.tv_nsec);
    for (int i = 0; i < argc; i++)
        json_array_append_new(words, without_folders(argv[i]));
    json_t *fields = json_pack("{s:s, s:s, s:o}", "started", started, "intent", intent, "argv", words);
    if (!strcmp(intent, "run"))
        add_campaign(fields);
    const json_t *launch = json_object_get(fields, "launch");
    record->warm = json_is_integer(launch) && json_integer_value(launch) < 1;
    if (json_object_update(fields, more)) { /* a part could not be made: neither can the line */
        json_decref(fields);
        fields = NULL;
    }
    json_decref(more);
    json_object_set_new(fields, "build", build(mpi_library));
    json_object_set_new(fields, "machine", machine(&here));
    json_object_set_new(fields, "job", job());
    json_object_set_new(fields, "env", environment());
    return write_line(record, "run", fields, err);
}

/* An empty file under its temporary name. */
static ib_status open_record(ib_record **out, const char *folder, ib_error *err)
{
    struct tm  utc;
    ib_machine here;
    ib_status  rc;
    ib_record *record = ib_alloc_zero(1, sizeof *record, "record", err);

    if (!record)
        return err->status;
    clock_gettime(CLOCK_REALTIME, &record->started);
    gmtime_r(&record->started.tv_sec, &utc);
    make_run_id(record->run_id, &record->started);
    ib_machine_facts(&here);
    record->digest = IB_DIGEST_START;
    const int n = snprintf(record->path, sizeof record->path, "%s/%s/%04d-%02d/%s.jsonl", folder, here.alias,
                           utc.tm_year + 1900, utc.tm_mon + 1, record->run_id);
    if (n < 0 || n >= MAX_PATH) {
        rc = ib_fail(err, IB_EIO, "record: the name of folder %.80s... is too long", folder);
        goto done;
    }
    snprintf(record->partial, sizeof record->partial, "%s.part", record->path);
    if ((rc = make_folders(record->partial, err)))
        goto done;
    record->file = fopen(record->partial, "wx");
    if (!record->file) {
        rc = ib_fail(err, IB_EIO, "record: create %s: %s; choose another folder with --record", record->partial,
                     strerror(errno));
        goto done;
    }
    /* Held until the process ends, by whatever: readers tell by it a launch that runs from one that was lost. Where the
       file system has no locks they go by age. */
    fcntl(fileno(record->file), F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET});
    *out = record;
    record = NULL;
done:
    ib_free(record);
    return rc;
}

static void drop_record(ib_record *record)
{
    fclose(record->file);
    remove(record->partial);
    ib_free(record);
}

ib_status ib_record_begin(ib_record **out, const char *folder, const ib_launch *launch, ib_error *err)
{
    ib_record *record;
    ib_status  rc = open_record(&record, folder, err);

    if (rc)
        return rc;
    rc = write_run_line(record, "run", launch->argc, launch->argv,
                        json_pack("{s:o, s:o}", "workload", workload(launch->command), "shape", shape(launch)),
                        launch->mpi_library, err);
    if (rc)
        drop_record(record);
    else
        *out = record;
    return rc;
}

static const char *end_status(ib_status status)
{
    return status == IB_OK ? "ok" : status == IB_EINTERRUPTED ? "interrupted" : "failed";
}

/* One number of every rank; of every step-th one, where they are too many for a line. */
enum { MOST_RANKS = 4096, MOST_WATCHED = 256, MOST_SAMPLES = 2048, SAMPLES = 64 };

static json_t *over_ranks(const ib_account *account, int ranks, int step, size_t offset)
{
    json_t *values = json_array();

    for (int r = 0; r < ranks; r += step) {
        double value;
        memcpy(&value, (const char *)&account[r] + offset, sizeof value);
        json_array_append_new(values, ib_json_real(value));
    }
    return values;
}

static json_t *busy_threads(const ib_account *account, int ranks, int step)
{
    json_t *values = json_array();

    for (int r = 0; r < ranks; r += step) {
        json_t *busy = json_array();
        for (int t = 0; t < account[r].threads && t < IB_MAX_BUSY; t++)
            json_array_append_new(busy, ib_json_real((double)account[r].busy_s[t]));
        json_array_append_new(values, busy);
    }
    return values;
}

/* Where the time of every rank went. */
static json_t *vectors(const ib_account *account, int ranks)
{
    static const struct {
        const char *name;
        size_t      offset;
    } field[] = {
        {"serial_s", offsetof(ib_account, serial_s)},   {"team_s", offsetof(ib_account, team_s)},
        {"storing_s", offsetof(ib_account, storing_s)}, {"messaging_s", offsetof(ib_account, messaging_s)},
        {"work_s", offsetof(ib_account, work_s)},       {"team_storing_s", offsetof(ib_account, team_storing_s)}};
    const int step = (ranks + MOST_RANKS - 1) / MOST_RANKS;
    json_t   *line = json_pack("{s:i, s:i}", "rep", 0, "every_rank", step);

    for (size_t i = 0; i < sizeof field / sizeof *field; i++)
        json_object_set_new(line, field[i].name, over_ranks(account, ranks, step, field[i].offset));
    if (ranks <= MOST_WATCHED)
        json_object_set_new(line, "busy_s", busy_threads(account, ranks, step));
    return line;
}

/* Memory and processor time over time; the more ranks, the fewer samples of each. */
static json_t *samples(const ib_course *seen, int ranks)
{
    const int step = (ranks + MOST_WATCHED - 1) / MOST_WATCHED, shown = (ranks + step - 1) / step;
    const int most = MOST_SAMPLES / shown < SAMPLES ? MOST_SAMPLES / shown : SAMPLES;
    json_t   *at = json_array(), *cpu = json_array(), *memory = json_array();

    for (int r = 0; r < ranks; r += step) {
        ib_course s = seen[r];
        json_t   *of[3] = {json_array(), json_array(), json_array()};
        ib_course_thin(&s, most);
        for (int i = 0; i < s.n; i++) { /* to the millisecond: more would be noise that costs room */
            json_array_append_new(of[0], ib_json_real(round(1e3 * (double)s.sample[i].at_s) / 1e3));
            json_array_append_new(of[1], ib_json_real(round(1e3 * (double)s.sample[i].cpu_s) / 1e3));
            json_array_append_new(of[2], ib_json_count((uint64_t)s.sample[i].resident));
        }
        json_array_append_new(at, of[0]);
        json_array_append_new(cpu, of[1]);
        json_array_append_new(memory, of[2]);
    }
    return json_pack("{s:i, s:i, s:o, s:o, s:o}", "rep", 0, "every_rank", step, "at_s", at, "cpu_s", cpu,
                     "resident_bytes", memory);
}

static ib_status write_outcome(ib_record *record, const ib_result *r, const ib_around *around, ib_error *err)
{
    const ib_shares shares = ib_shares_around(around, r);
    ib_status       rc = write_line(
              record, "rep",
              json_pack(
                  "{s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:s, s:s, s:o, s:o, s:o}",
                  "rep", 0, "warm", record->warm, "wall_s", ib_json_real(r->wall_s), "T_s", ib_json_real(r->wall_s),
                  "phases", ib_json_phases(r, around->bounds), "limits", ib_json_limits(around->bounds), "steady",
                  ib_json_steadiness(around->steady), "shares", ib_json_shares(&shares), "efficiency",
                  ib_json_efficiency(&shares), "overlap", ib_json_overlap(r), "schedule", ib_json_schedule(r), "choice",
                  ib_json_choice(r), "w", ib_json_w(r), "counts", ib_json_counts(r), "threads", r->threads, "isa", r->isa,
                  "fft_plan", r->fft_plan, "memory",
                  json_pack("{s:I, s:I, s:I}", "plan_bytes", (json_int_t)r->plan_bytes, "peak_bytes",
                            (json_int_t)r->peak_bytes, "limit_bytes", (json_int_t)r->limit_bytes),
                  "bytes", ib_json_bytes(r), "input", hex(r->input_digest)),
              err);
    if (!rc && around->account)
        rc = write_line(record, "vec", vectors(around->account, r->ranks), err);
    if (!rc && around->course && around->course->n)
        rc = write_line(record, "monitor", samples(around->course, r->ranks), err);
    const bool measured = !(r->measured < 0); /* not a number: measured, and wrong */
    if (!rc)
        rc = write_line(
            record, "check",
            json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", "direct Fourier sum", "kind", "oracle", "value",
                      measured ? ib_json_real(r->measured) : json_null(), "value_why",
                      !measured               ? json_string("not asked for, or no sample in the planes chosen")
                      : isfinite(r->measured) ? json_null()
                                              : json_string("not a number"),
                      "tol", ib_json_real(IB_GATE * r->promised), "pass",
                      measured ? json_boolean(r->measured <= IB_GATE * r->promised) : json_null(), "detail",
                      json_pack("{s:o, s:o, s:o}", "promised", ib_json_real(r->promised), "planes",
                                ib_json_count(r->n_checked_plane), "pixels", ib_json_count(r->n_checked_pixel))),
            err);
    return rc;
}

/* On disk, under its final name; or, after a failure, let go as it is. */
static ib_status close_record(ib_record *record, ib_status rc, char *path, size_t size, ib_error *err)
{
    if (!rc && fsync(fileno(record->file)))
        rc = ib_fail(err, IB_EIO, "record: sync %s: %s", record->partial, strerror(errno));
    if (fclose(record->file) && !rc)
        rc = ib_fail(err, IB_EIO, "record: close %s: %s", record->partial, strerror(errno));
    if (!rc && rename(record->partial, record->path))
        rc = ib_fail(err, IB_EIO, "record: rename %s: %s", record->partial, strerror(errno));
    if (!rc)
        snprintf(path, size, "%s", record->path);
    ib_free(record);
    return rc;
}

ib_status ib_record_end(ib_record *record, const ib_result *result, const ib_around *around, const ib_error *failure,
                        const ib_judgement *verdict, double wall_s, char *path, size_t size, ib_error *err)
{
    ib_status rc = failure->status ? IB_OK : write_outcome(record, result, around, err);

    *path = 0;
    if (!rc)
        rc = write_line(record, "end",
                        json_pack("{s:s, s:i, s:o, s:o, s:s, s:o, s:i, s:{s:s, s:o}}", "status",
                                  end_status(failure->status), "exit_code", ib_exit_code(failure->status), "error",
                                  failure->status ? ib_json_text(failure->text) : json_null(), "wall_s",
                                  ib_json_real(wall_s), "validity", ib_validity_name(verdict->validity), "reasons",
                                  ib_json_reasons(verdict), "lines", record->lines + 1, "digest", "algo", "fnv1a64",
                                  "value", hex(record->digest)),
                        err);
    return close_record(record, rc, path, size, err);
}

/* ---- other work ------------------------------------------------------------------------------------------ */

ib_status ib_record_write(const char *folder, const char *intent, int argc, char *const *argv, const char *type,
                          json_t *fields, double wall_s, char *path, size_t size, ib_error *err)
{
    ib_record *record;
    ib_status  rc = open_record(&record, folder, err);

    *path = 0;
    if (rc) {
        json_decref(fields);
        return rc;
    }
    rc = write_run_line(record, intent, argc, argv, json_object(), "", err);
    if (!rc)
        rc = write_line(record, type, fields, err);
    else
        json_decref(fields);
    if (!rc)
        rc = write_line(record, "end",
                        json_pack("{s:s, s:i, s:n, s:o, s:i, s:{s:s, s:o}}", "status", "ok", "exit_code", 0, "error",
                                  "wall_s", ib_json_real(wall_s), "lines", record->lines + 1, "digest", "algo",
                                  "fnv1a64", "value", hex(record->digest)),
                        err);
    return close_record(record, rc, path, size, err);
}

/* The line `type` of a whole record of that intent; NULL: it is another one, or damaged. */
static json_t *line_of(const char *path, const char *intent, const char *type)
{
    FILE   *file = fopen(path, "r");
    char   *text = NULL;
    size_t  room = 0;
    json_t *found = NULL;

    for (bool first = true; file && !found && getline(&text, &room, file) > 0; first = false) {
        json_t     *line = json_loads(text, 0, NULL);
        const char *is = json_string_value(json_object_get(line, first ? "intent" : "t"));
        const bool  other = !is || (first && strcmp(is, intent) != 0);
        if (!other && !first && !strcmp(is, type))
            found = json_incref(line);
        json_decref(line);
        if (other)
            break;
    }
    free(text);
    if (file)
        fclose(file);
    return found;
}

static int newest_first(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

/* Names begin with their time: months, and records within a month. */
json_t *ib_record_newest(const char *folder, const char *machine, const char *intent, const char *type)
{
    ib_machine here;
    char       pattern[MAX_PATH];
    glob_t     names = {0};
    json_t    *found = NULL;

    ib_machine_facts(&here);
    snprintf(pattern, sizeof pattern, "%s/%s/*/*.jsonl", folder, machine ? machine : here.alias);
    if (!glob(pattern, GLOB_NOSORT, NULL, &names)) {
        qsort(names.gl_pathv, names.gl_pathc, sizeof *names.gl_pathv, newest_first);
        for (size_t i = 0; i < names.gl_pathc && !found; i++)
            found = line_of(names.gl_pathv[i], intent, type);
    }
    globfree(&names);
    return found;
}
