/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/io.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/trace.h"
#include "model/period.h"
#include "model/regrid.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const ib_source_ops ib_source_hdf5, ib_source_ms, ib_source_sim, ib_source_uvfits;

/* Adding a format is a file, a name above and one here. */
static const ib_source_ops *const formats[] = {&ib_source_sim, &ib_source_hdf5, &ib_source_ms, &ib_source_uvfits};

enum { N_FORMATS = sizeof formats / sizeof *formats };

struct ib_source {
    const ib_source_ops *format, *ops; /* ops: the format's, or those of a layer over it */
    void                *self;
    const ib_vis_info   *info;
    atomic_int_fast64_t  bytes, fetched;
};

/* What this thread has had read so far; 0 where the system does not tell. */
typedef struct fetching {
    long long bytes, asking; /* asking: what finding it out added */
} fetching;

static fetching begin_fetch(void)
{
    char      text[512] = "";
    fetching  f = {0, 0};
    const int fd = open("/proc/thread-self/io", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return f;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0 && sscanf(text, "rchar: %lld", &f.bytes) == 1)
        f.asking = n;
    return f;
}

static void end_fetch(ib_source *source, const fetching *begun)
{
    const fetching now = begin_fetch();

    if (begun->asking && now.asking)
        source->fetched += now.bytes - begun->bytes - begun->asking;
}

const ib_source_ops *ib_source_format_at(size_t i)
{
    return i < N_FORMATS ? formats[i] : NULL;
}

/* ---- which format ------------------------------------------------------------------------------------------- */

/* The path must lead to something that can be read; other kinds of files (a pipe) would wait for ever. */
static ib_status check_path(const char *path, struct stat *what, ib_error *err)
{
    if (stat(path, what)) {
        const bool missing = errno == ENOENT || errno == ENOTDIR;
        return ib_fail(err, missing ? IB_EDATA : IB_EIO, "open %.300s: %s", path,
                       missing ? "no such file or folder" : strerror(errno));
    }
    if (!S_ISREG(what->st_mode) && !S_ISDIR(what->st_mode))
        return ib_fail(err, IB_EDATA, "open %.300s: neither a file nor a folder", path);
    if (access(path, S_ISDIR(what->st_mode) ? R_OK | X_OK : R_OK))
        return ib_fail(err, IB_EIO, "open %.300s: %s", path, strerror(errno));
    return IB_OK;
}

/* Nothing recognised it: say what it is instead. */
static ib_status explain(const char *path, const struct stat *what, ib_error *err)
{
    char   begin[2881] = "";
    FILE  *file = S_ISREG(what->st_mode) ? fopen(path, "rb") : NULL;
    size_t n = 0;

    if (file) {
        n = fread(begin, 1, sizeof begin - 1, file);
        fclose(file);
    }
    for (size_t i = 0; i < n; i++) /* one string, whatever the bytes */
        if (!begin[i])
            begin[i] = ' ';

    if (S_ISDIR(what->st_mode))
        return ib_fail(err, IB_EDATA, "open %.300s: a folder without table.dat is not a MeasurementSet", path);
    if (what->st_size == 0)
        return ib_fail(err, IB_EDATA, "open %.300s: the file is empty", path);
    if (!strncmp(begin, "SIMPLE  =", 9) && strstr(begin, "NAXIS   =                    0"))
        return ib_fail(err, IB_EUNSUPPORTED,
                       "open %.300s: FITS without random groups is not UVFITS; convert FITS-IDI to a MeasurementSet "
                       "(CASA importfitsidi)",
                       path);
    if (!strncmp(begin, "SIMPLE  =", 9))
        return ib_fail(err, IB_EDATA, "open %.300s: a FITS image holds no visibilities", path);
    if (!strncmp(begin, "\x1f\x8b", 2))
        return ib_fail(err, IB_EUNSUPPORTED, "open %.300s: it is compressed; unpack it with gunzip or tar", path);
    return ib_fail(err, IB_EDATA,
                   "open %.300s: neither a MeasurementSet (a folder with table.dat) nor UVFITS nor HDF5 visibilities "
                   "of imgbench",
                   path);
}

static ib_status choose(const char *path, const ib_source_ops **out, ib_error *err)
{
    struct stat what = {0};
    int         best = 0;

    if (*path && strncmp(path, "sim:", 4) != 0 && check_path(path, &what, err))
        return err->status;
    for (size_t i = 0; i < N_FORMATS; i++) {
        const int certain = formats[i]->probe(path);
        if (certain > best) {
            best = certain;
            *out = formats[i];
        }
    }
    return best ? IB_OK : explain(path, &what, err);
}

/* ---- front -------------------------------------------------------------------------------------------------- */

static bool is_positive(double value)
{
    return value > 0 && isfinite(value);
}

/* What the engine relies on, whatever the format. */
static ib_status check_info(const ib_vis_info *info, ib_error *err)
{
    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_spw *spw = &info->spw[s];

        if (!spw->n_row || !spw->n_chan || !spw->n_corr || spw->n_corr > IB_MAX_CORR)
            return ib_fail(err, IB_EDATA, "spectral window %d has %zu rows, %zu channels and %zu correlations",
                           spw->id, spw->n_row, spw->n_chan, spw->n_corr);
        for (size_t c = 0; c < spw->n_chan; c++)
            if (!is_positive(spw->freq[c]) || !is_positive(spw->width[c]))
                return ib_fail(err, IB_EDATA,
                               "spectral window %d: channel %d has frequency %g Hz and width %g Hz; both must be "
                               "positive (--channels can leave it out)",
                               spw->id, spw->chan[c], spw->freq[c], spw->width[c]);
    }
    if (!info->n_spw || !info->n_field)
        return ib_fail(err, IB_EDATA, "there are %zu spectral windows and %zu fields; both are needed", info->n_spw,
                       info->n_field);
    return IB_OK;
}

ib_status ib_source_open(ib_source **out, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    ib_source *source = ib_alloc_zero(1, sizeof *source, "input", err);
    ib_status  rc = source ? IB_OK : err->status;

    *info = (ib_vis_info){0};
    if (rc)
        return rc;
    source->info = info;
    const fetching begun = begin_fetch();
    rc = choose(cfg->input, &source->format, err);
    if (!rc && ib_regrid_wanted(cfg)) {
        source->ops = &ib_regrid_ops;
        rc = ib_regrid_open(&source->self, source->format, cfg->input, cfg, info, err);
    } else if (!rc)
        rc = ib_period_open(&source->ops, &source->self, source->format, cfg->input, cfg, info, err);
    if (!rc && check_info(info, err))
        rc = ib_within(err, "open %.200s: ", cfg->input);
    if (rc) {
        ib_source_close(source);
        ib_vis_info_clear(info);
        return rc;
    }
    end_fetch(source, &begun);
    *out = source;
    return IB_OK;
}

static bool is_within(ib_range range, size_t n)
{
    return range.first <= n && range.n <= n - range.first;
}

/* A simulation computes what others read. */
static ib_stay enter(const ib_source *source)
{
    return ib_enter(source->format == &ib_source_sim ? IB_WORKING : IB_STORING);
}

ib_status ib_source_rows(ib_source *source, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    if (spw >= source->info->n_spw || !is_within(rows, source->info->spw[spw].n_row))
        return ib_fail(err, IB_EINTERNAL, "rows %zu + %zu of window %zu are not there", rows.first, rows.n, spw);
    if (!rows.n)
        return IB_OK;

    const ib_spw *w = &source->info->spw[spw];
    const size_t  per_row = (into->uvw ? sizeof *into->uvw : 0) + (into->antenna ? sizeof *into->antenna : 0) +
                           (into->field ? sizeof *into->field : 0) +
                           (into->weight && !w->weight_per_channel ? w->n_corr * sizeof *into->weight : 0);
    const ib_stay   stay = enter(source);
    const fetching  begun = begin_fetch();
    const ib_status rc = source->ops->rows(source->self, spw, rows, into, err);
    end_fetch(source, &begun);
    ib_leave(stay, "read rows", (double)(rows.n * per_row));
    if (!rc)
        source->bytes += (int64_t)(rows.n * per_row);
    return rc;
}

ib_status ib_source_read(ib_source *source, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                         ib_error *err)
{
    if (spw >= source->info->n_spw || !is_within(rows, source->info->spw[spw].n_row) ||
        !is_within(chans, source->info->spw[spw].n_chan))
        return ib_fail(err, IB_EINTERNAL, "rows %zu + %zu, channels %zu + %zu of window %zu are not there",
                       rows.first, rows.n, chans.first, chans.n, spw);
    if (!rows.n || !chans.n)
        return IB_OK;

    const ib_spw *w = &source->info->spw[spw];
    const size_t  per_sample = (into->vis ? sizeof *into->vis : 0) + (into->flag ? sizeof *into->flag : 0) +
                              (into->weight && w->weight_per_channel ? sizeof *into->weight : 0);
    const size_t    bytes = rows.n * chans.n * w->n_corr * per_sample;
    const ib_stay   stay = enter(source);
    const fetching  begun = begin_fetch();
    const ib_status rc = source->ops->read(source->self, spw, chans, rows, into, err);
    end_fetch(source, &begun);
    ib_leave(stay, "read samples", (double)bytes);
    if (!rc)
        source->bytes += (int64_t)bytes;
    return rc;
}

const char *ib_source_format(const ib_source *source)
{
    return source->format->name;
}

bool ib_source_concurrent(const ib_source *source)
{
    return source->format->concurrent;
}

int64_t ib_source_bytes(const ib_source *source)
{
    return source->bytes;
}

int64_t ib_source_fetched(const ib_source *source)
{
    return source->fetched;
}

void ib_source_close(ib_source *source)
{
    if (!source)
        return;
    if (source->ops && source->self)
        source->ops->close(source->self);
    ib_free(source);
}
