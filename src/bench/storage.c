/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/storage.h"
#include "base/error.h"
#include "base/mem.h"
#include "bench/calibrate.h"
#include "bench/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MAX_REPEAT = 64 };

/* What is measured of a case, repetition by repetition. */
typedef struct series {
    double seconds[MAX_REPEAT], share[MAX_REPEAT], computing[MAX_REPEAT], data[MAX_REPEAT], room[MAX_REPEAT];
} series;

static ib_status simulate(const ib_storage_input *input, const char *path, ib_error *err)
{
    ib_command_line line;

    if (ib_trial_begin(&line, 1, err))
        return err->status;
    ib_command_add_words(&line, "simulate --quiet");
    ib_command_add(&line, "sim:chiles,times=%zu,channels=%zu,imsize=%zu,w=no", input->n_time, input->n_chan,
                   input->side);
    ib_command_add(&line, "%s", path);
    return ib_trial_run(&line, NULL, err);
}

/* All of a file leaves memory. */
static ib_status drop(const char *path, ib_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int failed = fd < 0 ? errno : posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);

    if (fd >= 0)
        close(fd);
    return failed ? ib_fail(err, IB_EIO, "drop %s from memory: %s", path, strerror(failed)) : IB_OK;
}

static double seconds_of(const json_t *summary, const char *group, const char *name)
{
    return json_number_value(json_object_get(json_object_get(summary, group), name));
}

static double phase_of(const json_t *summary, const char *name)
{
    return seconds_of(json_object_get(summary, "phases"), name, "mean_s");
}

static ib_status launch(const ib_storage_case *c, size_t side, const char *input, const char *output,
                        json_t **summary, ib_error *err)
{
    ib_command_line line;

    if ((c->cold && drop(input, err)) || ib_trial_begin(&line, 1, err))
        return err->status;
    ib_command_add(&line, "%s", input);
    ib_command_add(&line, "--imsize=%zu", side);
    ib_command_add(&line, "--support=%d", c->support);
    ib_command_add(&line, "--threads=%d", c->n_thread);
    ib_command_add_words(&line, "--overwrite --quiet --record= --format=json");
    ib_command_add(&line, "--output=%s", output);
    return ib_trial_run(&line, summary, err);
}

static void keep(series *of, size_t r, const ib_storage_case *c, const json_t *summary, const ib_disk *disk,
                 ib_storage_times *x)
{
    static const char *const computing[] = {"weigh", "sort", "grid", "sum", "fft", "beam", "check"};
    const double             wall = json_number_value(json_object_get(summary, "wall_s"));

    x->read = seconds_of(summary, "bytes", "read");
    x->written = seconds_of(summary, "bytes", "written");
    of->seconds[r] = wall;
    of->share[r] = ((c->cold ? x->read / disk->read.median : 0) + x->written / disk->write.median) / wall;
    of->data[r] = seconds_of(summary, "overlap", "data_s") / wall;
    of->room[r] = seconds_of(summary, "overlap", "room_s") / wall;
    of->computing[r] = 0;
    for (size_t i = 0; i < sizeof computing / sizeof *computing; i++)
        of->computing[r] += phase_of(summary, computing[i]) / wall;
}

static void conclude(series *of, size_t n_repeat, ib_storage_times *x)
{
    x->seconds = ib_spread_of(of->seconds, n_repeat);
    x->share = ib_spread_of(of->share, n_repeat);
    x->computing = ib_spread_of(of->computing, n_repeat).median;
    x->data = ib_spread_of(of->data, n_repeat).median;
    x->room = ib_spread_of(of->room, n_repeat).median;
}

ib_status ib_measure_storage(const ib_storage_input *input, const char *folder, const ib_storage_case *cases,
                             size_t n, size_t n_repeat, ib_storage_times *times, ib_error *err)
{
    char    place[900], data[1000], output[1000], psf[1000];
    double  write[MAX_REPEAT], read[MAX_REPEAT];
    ib_disk disk;
    json_t *summary = NULL;

    if (n_repeat < 1 || n_repeat > MAX_REPEAT)
        return ib_fail(err, IB_EUSAGE, "%zu repetitions: between 1 and %d are taken", n_repeat, MAX_REPEAT);
    ib_status rc = ib_trial_folder(folder, place, sizeof place, err);
    if (rc)
        return rc;
    snprintf(data, sizeof data, "%s/data.h5", place);
    snprintf(output, sizeof output, "%s/cube.hdf5", place);
    snprintf(psf, sizeof psf, "%s/cube.psf.hdf5", place);
    series *all = ib_alloc(n, sizeof *all, "times", err);
    rc = all ? simulate(input, data, err) : err->status;
    if (!rc)
        rc = launch(&cases[0], input->side, data, output, &summary, err); /* plans of transforms are made once */
    for (size_t r = 0; r < n_repeat && !rc; r++) {
        rc = ib_disk_measure(place, (size_t)seconds_of(summary, "bytes", "written"), 1, &disk, err);
        write[r] = disk.write.median;
        read[r] = disk.read.median;
        for (size_t i = 0; i < n && !rc; i++) {
            json_decref(summary);
            summary = NULL;
            rc = launch(&cases[i], input->side, data, output, &summary, err);
            if (!rc)
                keep(&all[i], r, &cases[i], summary, &disk, &times[i]);
        }
    }
    json_decref(summary);
    unlink(psf);
    unlink(output);
    unlink(data);
    rmdir(place);
    for (size_t i = 0; i < n && !rc; i++) {
        conclude(&all[i], n_repeat, &times[i]);
        times[i].disk_write = ib_spread_of(write, n_repeat);
        times[i].disk_read = ib_spread_of(read, n_repeat);
    }
    ib_free(all);
    return rc;
}
