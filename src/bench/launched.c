/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/launched.h"
#include "base/error.h"
#include "base/mem.h"

#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const json_t *inner(const json_t *object, const char *a, const char *b)
{
    return json_object_get(json_object_get(object, a), b);
}

static void copy(char *out, size_t size, const json_t *text)
{
    snprintf(out, size, "%s", json_is_string(text) ? json_string_value(text) : "");
}

static double real(const json_t *number)
{
    return json_is_number(number) ? json_number_value(number) : NAN;
}

/* The first line. @return false: no launch, or not the campaign's */
static bool take_run(ib_launched *l, const json_t *line, const char *campaign)
{
    char intent[16];

    copy(intent, sizeof intent, json_object_get(line, "intent"));
    copy(l->campaign, sizeof l->campaign, json_object_get(line, "campaign_id"));
    if (!json_object_get(line, "workload") || json_integer_value(json_object_get(line, "v")) > 1 ||
        (campaign && strcmp(l->campaign, campaign) != 0))
        return false;
    copy(l->run_id, sizeof l->run_id, json_object_get(line, "run_id"));
    copy(l->started, sizeof l->started, json_object_get(line, "started"));
    copy(l->point, sizeof l->point, json_object_get(line, "point"));
    copy(l->workload, sizeof l->workload, inner(line, "workload", "workload_id"));
    copy(l->build, sizeof l->build, inner(line, "build", "build_id"));
    copy(l->machine, sizeof l->machine, inner(line, "machine", "alias"));
    copy(l->input, sizeof l->input, json_object_get(json_array_get(inner(line, "workload", "inputs"), 0), "name"));
    l->ranks = (int)json_integer_value(inner(line, "shape", "ranks"));
    l->nodes = (int)json_integer_value(inner(line, "shape", "nodes"));
    l->threads = (int)json_integer_value(inner(line, "shape", "threads"));
    l->launch = (int)json_integer_value(json_object_get(line, "launch"));
    const char *scaling = json_string_value(json_object_get(line, "scaling"));
    l->weak = scaling && !strcmp(scaling, "weak");
    return true;
}

static void take_rep(ib_launched *l, const json_t *line)
{
    static const char *const name[] = {
#define IB_PHASE_NAME(id, text) text,
        IB_PHASES(IB_PHASE_NAME)
#undef IB_PHASE_NAME
    };
    const json_t *gridded = inner(line, "counts", "gridded");

    l->seconds = real(json_object_get(line, "T_s"));
    l->warm = json_is_true(json_object_get(line, "warm"));
    l->samples = json_is_string(gridded) ? strtoull(json_string_value(gridded), NULL, 10)
                                         : (uint64_t)json_integer_value(gridded);
    for (int p = 0; p < IB_N_PHASES; p++) { /* a phase that its version did not have took no time */
        const double seconds = real(json_object_get(inner(line, "phases", name[p]), "mean_s"));
        l->phase[p] = seconds > 0 ? seconds : 0;
    }
    const json_t *s = json_object_get(line, "shares");
    l->shares = (ib_shares){.known = json_is_object(s) && l->seconds > 0,
                            .T = l->seconds,
                            .ranks = l->ranks,
                            .threads = l->threads,
                            .busy = real(json_object_get(s, "busy_s")),
                            .busiest = real(json_object_get(s, "busiest_s")),
                            .computing = real(json_object_get(s, "computing_s")),
                            .useful = real(json_object_get(s, "useful_s")),
                            .serial = real(json_object_get(s, "serial_s"))};
}

/* @return false: not a whole record of a wanted launch */
static bool read_record(ib_launched *l, const char *path, const char *campaign)
{
    FILE  *file = fopen(path, "r");
    char  *text = NULL;
    size_t room = 0;
    bool   wanted = file, whole = false;

    *l = (ib_launched){.seconds = NAN};
    for (bool first = true; wanted && !whole && getline(&text, &room, file) > 0; first = false) {
        json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        char    type[16];
        copy(type, sizeof type, json_object_get(line, "t"));
        if (first)
            wanted = !strcmp(type, "run") && take_run(l, line, campaign);
        else if (!strcmp(type, "rep"))
            take_rep(l, line);
        else if (!strcmp(type, "end")) {
            copy(l->status, sizeof l->status, json_object_get(line, "status"));
            copy(l->validity, sizeof l->validity, json_object_get(line, "validity"));
            l->wall_s = real(json_object_get(line, "wall_s"));
            whole = true;
        }
        json_decref(line);
    }
    l->ok = whole && !strcmp(l->status, "ok") && strcmp(l->validity, "invalid") != 0 && l->seconds > 0;
    free(text);
    if (file)
        fclose(file);
    return whole;
}

static int oldest_first(const void *a, const void *b)
{
    const ib_launched *x = a, *y = b;
    const int          time = strcmp(x->started, y->started);

    return time ? time : strcmp(x->run_id, y->run_id);
}

ib_status ib_launched_read(ib_launched **out, size_t *n, const char *folder, const char *campaign, ib_error *err)
{
    char         pattern[1024];
    glob_t       names = {0};
    ib_launched *found = NULL;
    ib_status    rc = IB_OK;

    *out = NULL;
    *n = 0;
    snprintf(pattern, sizeof pattern, "%s/*/*/*.jsonl", folder);
    if (!glob(pattern, GLOB_NOSORT, NULL, &names)) {
        found = ib_alloc(names.gl_pathc, sizeof *found, "launches", err);
        rc = found ? IB_OK : err->status;
        for (size_t i = 0; i < names.gl_pathc && !rc; i++)
            *n += read_record(&found[*n], names.gl_pathv[i], campaign);
        if (*n)
            qsort(found, *n, sizeof *found, oldest_first);
    }
    globfree(&names);
    *out = found;
    return rc;
}
