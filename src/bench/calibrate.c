/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* O_DIRECT */
#include "bench/calibrate.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/facts.h"
#include "bench/json.h"
#include "bench/record.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_AT_ONCE = 8 << 20, PAGE = 4096, MAX_REPEAT = 16 };

/* clang-format off */
const ib_help_option ib_calibrate_options[] = {
    {"quick",       "",       "",        "fewer and shorter repetitions, a smaller file: seconds instead of half a minute"},
    {"folder",      "FOLDER", ".",       "where a file is written and read to measure the disk; empty: no disk"},
    {"threads",     "N",      "0",       "threads of the rates of all threads; 0: as many as processors"},
    {"record",      "FOLDER", "results", "where the record goes; empty: none"},
    {"format",      "NAME",   "table",   "table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* ---- disk ------------------------------------------------------------------------------------------------ */

/* Tells the file system of a path from others, on this machine and after it has been started again; 0: no such path. */
static uint32_t file_system(const char *path)
{
    struct statvfs fs;
    struct stat    st;

    if (statvfs(path, &fs) || stat(path, &st))
        return 0;
    const uint64_t id = fs.f_fsid ? fs.f_fsid : st.st_dev;
    return (uint32_t)(id ^ id >> 32) | 1;
}

typedef ssize_t transfer(int file, void *buffer, size_t bytes, off_t offset);

static ssize_t put(int file, void *buffer, size_t bytes, off_t offset)
{
    return pwrite(file, buffer, bytes, offset);
}

/* Seconds of bringing all bytes to the device or of getting them from there; through the page cache, or past it. Negative: an
   errno. */
static double move(int file, transfer *by, void *buffer, size_t bytes, bool direct)
{
    const int flags = fcntl(file, F_GETFL);

    if (posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) || (direct && fcntl(file, F_SETFL, flags | O_DIRECT)) ||
        (by == put && ftruncate(file, 0))) /* new blocks each time, as new files have */
        return -1;
    errno = 0;
    const double start = ib_now();
    size_t       at = 0;
    while (at < bytes && by(file, buffer, WRITE_AT_ONCE, (off_t)at) == WRITE_AT_ONCE)
        at += WRITE_AT_ONCE;
    const bool   whole = at >= bytes && (by != put || !fsync(file));
    const double seconds = ib_now() - start;
    fcntl(file, F_SETFL, flags);
    return whole ? seconds : -1;
}

/* Bytes per second of the faster way: not every file system has both. 0: neither. */
static double rate(int file, transfer *by, void *buffer, size_t bytes)
{
    const double cached = move(file, by, buffer, bytes, false), direct = move(file, by, buffer, bytes, true);
    const double best = direct > 0 && (direct < cached || !(cached > 0)) ? direct : cached;

    return best > 0 ? (double)bytes / best : 0;
}

/* A file that nobody sees: it has no name by the time it is written. */
ib_status ib_disk_measure(const char *folder, size_t bytes, size_t n_repeat, ib_disk *out, ib_error *err)
{
    char      path[1024];
    double    written[MAX_REPEAT], read_back[MAX_REPEAT];
    char     *room = ib_alloc(WRITE_AT_ONCE + PAGE, 1, "disk buffer", err);
    char     *buffer = room + (PAGE - (uintptr_t)room % PAGE) % PAGE; /* as writes past the page cache need it */
    int       file = -1;
    ib_status rc = room ? IB_OK : err->status;

    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/imgbench-calibrate-XXXXXX", folder);
    file = mkstemp(path);
    if (file < 0) {
        rc =
            ib_fail(err, IB_EIO, "--folder: create a file in %s: %s; choose another folder", folder, strerror(errno));
        goto done;
    }
    unlink(path);
    for (size_t i = 0; i < WRITE_AT_ONCE; i++)
        buffer[i] = (char)(i * 2654435761u >> 13); /* no zeros: some file systems do not store them */
    bytes = (bytes + WRITE_AT_ONCE - 1) / WRITE_AT_ONCE * WRITE_AT_ONCE;
    for (size_t r = 0; r < n_repeat && !rc; r++) {
        written[r] = rate(file, put, buffer, bytes);
        read_back[r] = rate(file, pread, buffer, bytes);
        rc = written[r] > 0 && read_back[r] > 0 ? IB_OK : IB_EIO;
    }
    if (rc) {
        ib_fail(err, rc, "--folder: write and read %s in %s: %s; choose another folder",
                ib_text_bytes((double)bytes).s, folder, strerror(errno));
        goto done;
    }
    out->write = ib_spread_of(written, n_repeat);
    out->read = ib_spread_of(read_back, n_repeat);
    out->file_system = file_system(folder);
done:
    if (file >= 0)
        close(file);
    ib_free(room);
    return rc;
}

/* ---- records --------------------------------------------------------------------------------------------- */

static json_t *spread_to_json(ib_spread s)
{
    return json_pack("{s:o, s:o, s:o}", "min", ib_json_real(s.min), "median", ib_json_real(s.median), "max",
                     ib_json_real(s.max));
}

static json_t *pair_to_json(const ib_spread pair[2])
{
    return json_pack("{s:o, s:o}", "one", spread_to_json(pair[0]), "all", spread_to_json(pair[1]));
}

static json_t *disk_to_json(ib_spread rate)
{
    return rate.max > 0 ? spread_to_json(rate) : json_null();
}

static json_t *limits_to_json(const ib_limits *l)
{
    json_t *memory = json_object();

    for (int level = 0; level < IB_N_LEVELS; level++)
        json_object_set_new(memory, ib_level_name((ib_level)level),
                            json_pack("{s:I, s:o, s:o}", "bytes", (json_int_t)l->bytes[level], "read",
                                      pair_to_json(l->read[level]), "update", pair_to_json(l->update[level])));
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "isa", l->isa, "threads", l->n_thread, "fma_single",
                     pair_to_json(l->fma[IB_SINGLE]), "fma_double", pair_to_json(l->fma[IB_DOUBLE]), "memory", memory,
                     "disk_write", disk_to_json(l->disk.write), "disk_read", disk_to_json(l->disk.read),
                     "file_system", json_integer((json_int_t)l->disk.file_system));
}

static bool spread_from_json(const json_t *json, ib_spread *out)
{
    const json_t *const part[] = {json_object_get(json, "min"), json_object_get(json, "median"),
                                  json_object_get(json, "max")};

    *out = (ib_spread){json_number_value(part[0]), json_number_value(part[1]), json_number_value(part[2])};
    return json_is_number(part[0]) && json_is_number(part[1]) && json_is_number(part[2]);
}

static bool pair_from_json(const json_t *json, ib_spread pair[2])
{
    return spread_from_json(json_object_get(json, "one"), &pair[0]) &&
           spread_from_json(json_object_get(json, "all"), &pair[1]);
}

static bool limits_from_json(const json_t *json, ib_limits *out)
{
    const char   *isa = json_string_value(json_object_get(json, "isa"));
    const json_t *memory = json_object_get(json, "memory");
    bool          ok = isa && pair_from_json(json_object_get(json, "fma_single"), out->fma[IB_SINGLE]) &&
              pair_from_json(json_object_get(json, "fma_double"), out->fma[IB_DOUBLE]);

    snprintf(out->isa, sizeof out->isa, "%s", isa ? isa : "");
    out->n_thread = (int)json_integer_value(json_object_get(json, "threads"));
    for (int level = 0; level < IB_N_LEVELS && ok; level++) {
        const json_t *row = json_object_get(memory, ib_level_name((ib_level)level));
        out->bytes[level] = (size_t)json_integer_value(json_object_get(row, "bytes"));
        ok = pair_from_json(json_object_get(row, "read"), out->read[level]) &&
             pair_from_json(json_object_get(row, "update"), out->update[level]);
    }
    spread_from_json(json_object_get(json, "disk_write"), &out->disk.write); /* not measured: zeros */
    spread_from_json(json_object_get(json, "disk_read"), &out->disk.read);
    out->disk.file_system = (uint32_t)json_integer_value(json_object_get(json, "file_system"));
    return ok && out->n_thread > 0;
}

static int processors(void)
{
    ib_place here;

    ib_place_here(&here);
    return here.n_cpu > 0 ? here.n_cpu : 1;
}

ib_status ib_limits_find(const char *folder, ib_limits *limits, char origin[80], ib_error *err)
{
    json_t *line = *folder ? ib_record_newest(folder, NULL, "calibrate", "calib") : NULL;

    if (line && limits_from_json(line, limits)) {
        snprintf(origin, 80, "the newest imgbench calibrate of this machine");
        json_decref(line);
        return IB_OK;
    }
    json_decref(line);
    snprintf(origin, 80, "measured beforehand, arithmetic only; imgbench calibrate measures all");
    return ib_limits_measure(limits, processors(), 5, 0.03, false, err);
}

/* ---- bounds ---------------------------------------------------------------------------------------------- */

/* A record's name begins with its milliseconds since 1970 (record.c). */
static void tell_day(const char *run_id, char *out, size_t size, int *age_days)
{
    unsigned int high = 0, low = 0;
    struct tm    utc = {0};

    *out = 0;
    *age_days = 0;
    if (!run_id || sscanf(run_id, "%8x-%4x", &high, &low) != 2)
        return;
    const time_t when = (time_t)(((uint64_t)high << 16 | low) / 1000);
    if (gmtime_r(&when, &utc))
        strftime(out, size, "%Y-%m-%d", &utc);
    *age_days = (int)((time(NULL) - when) / 86400);
}

bool ib_limits_recorded(const char *folder, const char *machine, ib_limits *limits, char day[16], int *age_days)
{
    json_t *line = *folder ? ib_record_newest(folder, machine, "calibrate", "calib") : NULL;

    *limits = (ib_limits){0};
    const bool known = line && limits_from_json(line, limits);
    tell_day(json_string_value(json_object_get(line, "run_id")), day, 16, age_days);
    json_decref(line);
    return known;
}

/* The folder of a file as it is written: "." for a bare name. */
static void folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(out, size, "%.*s", slash > path ? (int)(slash - path) : 1, slash ? path : ".");
}

void ib_bounds_find(ib_bounds *out, const char *folder, const ib_result *r, int n_node)
{
    const int  n_thread = (r->ranks * r->threads + n_node - 1) / n_node;
    const bool written = *r->output[0], read = file_system(r->input) != 0; /* a simulation reads no file */
    ib_limits  l;

    *out = (ib_bounds){.n_node = n_node, .storage = (double)NAN};
    out->known = ib_limits_recorded(folder, NULL, &l, out->calibrated, &out->age_days);
    if (!out->known) {
        snprintf(out->missing, sizeof out->missing,
                 "of this machine not known%s%.100s; imgbench calibrate measures them", *folder ? " in " : "",
                 folder);
        return;
    }
    const bool foreign_input = read && file_system(r->input) != l.disk.file_system;
    const bool foreign_output = written && file_system(r->output[0]) != l.disk.file_system;
    if (foreign_input || foreign_output) {
        char where[200];
        folder_of(foreign_output ? r->output[0] : r->input, where, sizeof where);
        snprintf(out->missing, sizeof out->missing,
                 "disk of the %s not measured; imgbench calibrate --folder %s does",
                 foreign_output ? "output" : "input", where);
    }
    ib_need disk = {0};
    for (int p = 0; p < IB_N_PHASES; p++) {
        ib_need need = ib_phase_need(r, (ib_phase)p);
        if (!read || foreign_input)
            need.read = 0;
        if (foreign_output)
            need.written = 0;
        disk.read += need.read;
        disk.written += need.written;
        out->phase[p] = ib_bound_of(&need, ib_phase_seconds(r, (ib_phase)p), &l, r->precision, n_thread, n_node);
    }
    if (!foreign_input && !foreign_output)
        out->storage = ib_bound_of(&disk, r->wall_s, &l, r->precision, n_thread, n_node).traffic;
}

/* ---- subcommand ------------------------------------------------------------------------------------------ */

void ib_limits_report(ib_report *report, const ib_limits *l)
{
    static const ib_heading heading[] = {{"limit", "limit"},
                                         {"unit", "unit"},
                                         {"set", "working set"},
                                         {"one_thread", "1 thread"},
                                         {"all_threads", "all threads"}};
    const double            nothing = (double)NAN;
    const char             *precision[] = {"multiply-add, single", "multiply-add, double"};

    ib_report_table(report, "limits", heading, 5);
    for (int p = IB_SINGLE; p <= IB_DOUBLE; p++)
        ib_report_row(report, (const ib_cell[]){ib_cell_text(precision[p]), ib_cell_text("GFLOP/s"), ib_cell_text(""),
                                                ib_cell_spread(ib_spread_scale(l->fma[p][0], 1e-9)),
                                                ib_cell_spread(ib_spread_scale(l->fma[p][1], 1e-9))});
    for (int level = 0; level < IB_N_LEVELS && l->bytes[0]; level++)
        for (int write = 0; write < 2; write++) {
            const ib_spread *rate = write ? l->update[level] : l->read[level];
            char             name[32];
            snprintf(name, sizeof name, "%s %s", ib_level_name((ib_level)level), write ? "read + write" : "read");
            ib_report_row(report, (const ib_cell[]){ib_cell_text(name), ib_cell_text("GB/s"),
                                                    ib_cell_text(ib_text_bytes((double)l->bytes[level]).s),
                                                    ib_cell_spread(ib_spread_scale(rate[0], 1e-9)),
                                                    ib_cell_spread(ib_spread_scale(rate[1], 1e-9))});
        }
    for (int write = 1; write >= 0 && l->disk.write.max > 0; write--)
        ib_report_row(report,
                      (const ib_cell[]){ib_cell_text(write ? "disk write, synced" : "disk read"),
                                        ib_cell_text("GB/s"), ib_cell_text(""),
                                        ib_cell_spread(ib_spread_scale(write ? l->disk.write : l->disk.read, 1e-9)),
                                        ib_cell_real(nothing)});
    ib_report_table_end(report);
}

ib_status ib_calibrate(int argc, char *const *argv, int all_argc, char *const *all_argv, FILE *out, ib_error *err)
{
    const ib_help_option *option = ib_calibrate_options;
    const double          start = ib_now();
    const char           *value[IB_MAX_ARGUMENTS], *operand;
    int64_t               n_thread;
    ib_form               form;
    ib_limits             limits;
    ib_report            *report = NULL;
    char                  path[1024] = "";

    ib_status rc = ib_arguments_parse("calibrate", option, argc, argv, value, &operand, err);
    if (!rc && operand)
        rc = ib_fail(err, IB_EUSAGE, "calibrate takes no input, and was given %s", operand);
    if (!rc && !ib_numbers(ib_argument(option, value, "threads"), 0, 4096, &n_thread, 1, err))
        rc = ib_within(err, "calibrate --threads: ");
    if (!rc && n_thread > processors())
        rc = ib_fail(err, IB_EUSAGE, "calibrate --threads: %d threads share %d processors; give as many at most",
                     (int)n_thread, processors());
    if (!rc)
        rc = ib_form_parse(ib_argument(option, value, "format"), &form, err);
    if (rc)
        return rc;

    const bool  quick = *ib_argument(option, value, "quick");
    const char *folder = ib_argument(option, value, "folder"), *results = ib_argument(option, value, "record");
    if (!n_thread)
        n_thread = processors();
    rc = ib_limits_measure(&limits, (int)n_thread, quick ? 15 : 25, quick ? 0.008 : 0.03, true, err);
    if (!rc && *folder)
        rc = ib_disk_measure(folder, (size_t)(quick ? 64 : 512) << 20, quick ? 3 : 5, &limits.disk, err);
    if (!rc && *results)
        rc = ib_record_write(results, "calibrate", all_argc, all_argv, "calib", limits_to_json(&limits),
                             ib_now() - start, path, sizeof path, err);
    if (!rc)
        rc = ib_report_begin(&report, out, form, err);
    if (rc)
        return rc;
    ib_limits_report(report, &limits);
    if (*path)
        ib_report_fact(report, "record", "record", path);
    return ib_report_end(report, err);
}
