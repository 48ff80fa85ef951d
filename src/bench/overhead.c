/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/overhead.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/trace.h"
#include "bench/json.h"
#include "bench/record.h"
#include "bench/trial.h"
#include "model/image.h"

#include <string.h>
#include <unistd.h>

enum { MAX_REPEAT = 64, SPANS = 10000 };

/* ---- launches -------------------------------------------------------------------------------------------- */

/* One launch in `n_chunk` chunks; its wall time as its summary tells it. */
static ib_status launch(int n_rank, bool dynamic, size_t n_chan, size_t n_chunk, const char *output, double *wall_s,
                        ib_error *err)
{
    ib_command_line line;
    json_t         *summary = NULL;

    if (ib_trial_begin(&line, n_rank, err))
        return err->status;
    ib_command_add(&line, "sim:point,channels=%zu,times=1,baselines=3,imsize=32,cell=1arcsec", n_chan);
    ib_command_add_words(&line,
                         "--threads 1 --overwrite --quiet --check=no --psf=no --stokes=corr --record= --format=json");
    ib_command_add(&line, "--chunks=%zu", n_chunk);
    ib_command_add(&line, "--schedule=%s", dynamic ? "dynamic" : "static");
    ib_command_add(&line, "--output=%s", output);
    if (ib_trial_run(&line, &summary, err))
        return ib_within(err, "imgbench on %d rank%s: ", n_rank, n_rank == 1 ? "" : "s");
    *wall_s = json_number_value(json_object_get(summary, "wall_s"));
    json_decref(summary);
    return IB_OK;
}

ib_status ib_measure_chunks(ib_chunk_times *out, int n_rank, bool dynamic, size_t n_chan, size_t n_repeat,
                            ib_error *err)
{
    char         folder[900], output[1000];
    double       few[MAX_REPEAT], many[MAX_REPEAT], each[MAX_REPEAT], more[MAX_REPEAT], warm;
    const double per_chunk = 1 / (double)n_chan;

    if (n_repeat < 1 || n_repeat > MAX_REPEAT)
        return ib_fail(err, IB_EUSAGE, "%zu repetitions: between 1 and %d are taken", n_repeat, MAX_REPEAT);
    ib_status rc = ib_trial_folder("", folder, sizeof folder, err);
    if (rc)
        return rc;
    snprintf(output, sizeof output, "%s/cube.hdf5", folder);
    rc = launch(n_rank, dynamic, n_chan, n_chan, output, &warm, err); /* plans of transforms are made once */
    for (size_t r = 0; r < n_repeat && !rc; r++) {
        rc = launch(n_rank, dynamic, n_chan, (size_t)n_rank, output, &few[r], err);
        if (!rc)
            rc = launch(n_rank, dynamic, n_chan, n_chan, output, &many[r], err);
        each[r] = many[r] * per_chunk;
        more[r] = (many[r] - few[r]) * per_chunk;
    }
    unlink(output);
    rmdir(folder);
    if (!rc)
        *out = (ib_chunk_times){n_chan, ib_spread_of(few, n_repeat), ib_spread_of(many, n_repeat),
                                ib_spread_of(each, n_repeat), ib_spread_of(more, n_repeat)};
    return rc;
}

/* ---- keeping --------------------------------------------------------------------------------------------- */

/* A record as a launch leaves one, written and let go. */
static ib_status record_seconds(const char *folder, double *seconds, ib_error *err)
{
    static char *argv[] = {"imgbench"};
    char         path[1024];
    const double start = ib_now();
    ib_status rc = ib_record_write(folder, "bench", 1, argv, "rep", ib_json_phases(&(ib_result){.wall_s = 1}, NULL),
                                   0, path, sizeof path, err);

    *seconds = ib_now() - start;
    if (rc)
        return rc;
    unlink(path);
    for (int up = 0; up < 2; up++) { /* the month, the machine */
        *strrchr(path, '/') = 0;
        rmdir(path);
    }
    return IB_OK;
}

static double timer_seconds(void)
{
    ib_timers    timers = {{0}};
    const double begin = ib_now();
    double       start = begin;

    for (int i = 0; i < SPANS; i++)
        ib_book(&timers, IB_PHASE_GRID, &start);
    return (start - begin) / SPANS;
}

ib_status ib_measure_keeping(ib_keeping *out, size_t side, size_t n_repeat, ib_error *err)
{
    const ib_cube cube = {.nx = side, .ny = side, .n_bin = ib_histogram_bins(side, side)};
    char          folder[900];
    double        record[MAX_REPEAT], checksum[MAX_REPEAT], timer[MAX_REPEAT];
    ib_summary   *summary = NULL;
    float        *pixel = NULL;

    if (n_repeat < 1 || n_repeat > MAX_REPEAT)
        return ib_fail(err, IB_EUSAGE, "%zu repetitions: between 1 and %d are taken", n_repeat, MAX_REPEAT);
    ib_status rc = ib_trial_folder("", folder, sizeof folder, err);
    if (rc)
        return rc;
    rc = ib_summary_create(&summary, &cube, err);
    if (!rc && !(pixel = ib_alloc_zero(side * side, sizeof *pixel, "plane", err)))
        rc = err->status;
    for (size_t r = 0; r < n_repeat && !rc; r++) {
        rc = record_seconds(folder, &record[r], err);
        timer[r] = timer_seconds();
        checksum[r] = 0;
        for (size_t b = 0; b < ib_summary_bands(side); b++) {
            for (size_t k = b * IB_BAND_ROWS * side; k < (b + 1) * IB_BAND_ROWS * side && k < side * side; k++)
                pixel[k] = (float)(k ^ r); /* just made: in cache */
            const double start = ib_now();
            ib_summary_hash(summary, pixel, b);
            checksum[r] += ib_now() - start;
        }
    }
    if (!rc)
        *out = (ib_keeping){ib_spread_of(record, n_repeat), ib_spread_of(checksum, n_repeat),
                            ib_spread_of(timer, n_repeat)};
    ib_free(pixel);
    ib_summary_destroy(summary);
    rmdir(folder);
    return rc;
}
