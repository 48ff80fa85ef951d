/* SPDX-License-Identifier: BSD-3-Clause */
/* Native HDF5 visibilities (docs/visibilities.md). HDF5 is asked once, at opening, what lies where; samples are then
   read in place, so that any number of threads may read. */
#include "base/error.h"
#include "base/mem.h"
#include "base/watch.h"
#include "io/h5.h"
#include "io/vis_hdf5.h"
#include "model/source.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char signature[8] = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};

/* A selected window; its selected rows are runs of rows of the file. */
typedef struct window {
    ib_vis_window file;
    size_t        n_run;
    ib_range     *run;   /* [n_run] rows in the file */
    size_t       *first; /* [n_run] selected rows before the run */
} window;

typedef struct source_hdf5 {
    char               path[512];
    int                fd;
    uint64_t           bytes;
    const ib_vis_info *info;
    window            *window; /* [info->n_spw] */
    size_t             n_window;
} source_hdf5;

/* What is needed only while opening. */
typedef struct opening {
    source_hdf5     *source;
    const ib_config *cfg;
    ib_vis_info     *info;
    hid_t            file;
    uint8_t         *field_on; /* [n_field] */
    uint8_t         *spw_on;   /* [n_spw] */
    uint8_t         *chan_on;  /* [most channels] */
    size_t           n_spw;    /* in the file */
    ib_spw          *spw;      /* [n_spw] */
    window          *window;   /* [n_spw] */
} opening;

static int hdf5_probe(const char *path)
{
    char      begin[sizeof signature] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, begin, sizeof begin);
    close(fd);
    return n == (ssize_t)sizeof begin && !memcmp(begin, signature, sizeof begin) ? 50 : 0;
}

/* ---- reading in place --------------------------------------------------------------------------------------- */

static ib_status read_bytes(const source_hdf5 *source, int set, uint64_t at, size_t n, void *into, ib_error *err)
{
    char *to = into;

    while (n > 0) {
        ib_wait wait;
        ib_wait_begin(&wait, "reading", source->path);
        const ssize_t got = pread(source->fd, to, n, (off_t)at);
        ib_wait_end(&wait);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ib_fail(err, IB_EIO, "read %s: data set %s: %s", source->path, ib_vis_set_name(set),
                           strerror(errno));
        if (got == 0)
            return ib_fail(err, IB_EDATA, "read %s: data set %s: the file has become shorter, %zu bytes are missing",
                           source->path, ib_vis_set_name(set), n);
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return IB_OK;
}

/* Selected rows of one channel of a data set, `chan` counting in the file. */
static ib_status read_rows(const source_hdf5 *source, const window *w, int set, size_t chan, ib_range rows,
                           void *into, ib_error *err)
{
    const size_t row_bytes = ib_vis_row_bytes(&w->file, set);
    char        *to = into;
    size_t       run = ib_run_of(w->first, w->n_run, rows.first);

    for (size_t done = 0; done < rows.n; run++) {
        const size_t skip = rows.first + done - w->first[run];
        const size_t rest = w->run[run].n - skip, n = rest < rows.n - done ? rest : rows.n - done;
        const size_t row = w->run[run].first + skip;

        if (read_bytes(source, set, w->file.at[set] + (chan * w->file.n_row + row) * row_bytes, n * row_bytes, to,
                       err))
            return err->status;
        to += n * row_bytes;
        done += n;
    }
    return IB_OK;
}

/* Channels x rows of a data set: one piece of the file for each run of channels when all rows are wanted. */
static ib_status read_block(const source_hdf5 *source, size_t spw, int set, ib_range chans, ib_range rows, void *into,
                            ib_error *err)
{
    const window *w = &source->window[spw];
    const ib_spw *info = &source->info->spw[spw];
    const size_t  row_bytes = ib_vis_row_bytes(&w->file, set), whole = w->file.n_row * row_bytes;
    char         *to = into;

    for (size_t c = 0; c < chans.n;) {
        const size_t chan = (size_t)info->chan[chans.first + c];
        const size_t n = rows.n == w->file.n_row ? ib_chan_run(info, chans.first + c, chans.n - c) : 1;

        if (n > 1 ? read_bytes(source, set, w->file.at[set] + chan * whole, n * whole, to, err)
                  : read_rows(source, w, set, chan, rows, to, err))
            return err->status;
        to += n * rows.n * row_bytes;
        c += n;
    }
    return IB_OK;
}

static ib_status hdf5_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    const source_hdf5 *source = self;
    const window      *w = &source->window[spw];
    const ib_vis_info *info = source->info;

    if (into->uvw && read_rows(source, w, IB_VIS_UVW, 0, rows, into->uvw, err))
        return err->status;
    if (into->antenna && read_rows(source, w, IB_VIS_ANTENNA, 0, rows, into->antenna, err))
        return err->status;
    if (into->field && read_rows(source, w, IB_VIS_FIELD, 0, rows, into->field, err))
        return err->status;
    if (into->time && w->file.has_time && read_rows(source, w, IB_VIS_TIME, 0, rows, into->time, err))
        return err->status;
    if (into->weight && !w->file.weight_per_channel &&
        read_rows(source, w, IB_VIS_WEIGHT, 0, rows, into->weight, err))
        return err->status;
    for (size_t i = 0; into->antenna && info->n_antenna && i < rows.n; i++)
        for (int k = 0; k < 2; k++)
            if (into->antenna[i][k] < 0 || (size_t)into->antenna[i][k] >= info->n_antenna)
                return ib_fail(err, IB_EDATA, "read %s: selected row %zu: antenna %d, but there are %zu of them",
                               source->path, rows.first + i, into->antenna[i][k], info->n_antenna);
    return IB_OK;
}

static ib_status hdf5_read(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                           ib_error *err)
{
    const source_hdf5 *source = self;

    if (into->vis && read_block(source, spw, IB_VIS_DATA, chans, rows, into->vis, err))
        return err->status;
    if (into->flag && read_block(source, spw, IB_VIS_FLAG, chans, rows, into->flag, err))
        return err->status;
    if (into->weight && source->window[spw].file.weight_per_channel &&
        read_block(source, spw, IB_VIS_WEIGHT, chans, rows, into->weight, err))
        return err->status;
    return IB_OK;
}

static void hdf5_close(void *self)
{
    source_hdf5 *source = self;

    if (!source)
        return;
    for (size_t w = 0; source->window && w < source->n_window; w++) {
        ib_free(source->window[w].run);
        ib_free(source->window[w].first);
    }
    ib_free(source->window);
    if (source->fd >= 0)
        close(source->fd);
    ib_free(source);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static ib_status check_format(const opening *o, ib_error *err)
{
    char     format[64];
    int64_t  version;
    ib_error ignored;

    if (ib_h5_text(o->file, "format", format, sizeof format, &ignored) || strcmp(format, IB_VIS_FORMAT) != 0) {
        if (ib_h5_has(o->file, "0/DATA"))
            return ib_fail(err, IB_EDATA, "it is an image cube; visibilities are needed");
        return ib_fail(err, IB_EDATA, "it is HDF5, but its attribute format is not \"%s\" (docs/visibilities.md)",
                       IB_VIS_FORMAT);
    }
    if (ib_h5_int(o->file, "version", &version, err))
        return err->status;
    if (version != IB_VIS_VERSION)
        return ib_fail(err, IB_EUNSUPPORTED, "it is version %lld of the format; this program reads version %d",
                       (long long)version, IB_VIS_VERSION);
    return IB_OK;
}

static ib_status read_attributes(const opening *o, ib_error *err)
{
    ib_vis_info *info = o->info;
    char         planes[16];
    const struct {
        const char *name;
        char       *text;
        size_t      size;
    } texts[] = {{"telescope", info->telescope, sizeof info->telescope},
                 {"object", info->object, sizeof info->object},
                 {"observer", info->observer, sizeof info->observer},
                 {"frequency_frame", info->frame, sizeof info->frame},
                 {"radesys", info->radesys, sizeof info->radesys},
                 {"column", info->column, sizeof info->column},
                 {"planes", planes, sizeof planes}};
    const struct {
        const char *name;
        double     *value, lowest, highest;
    } reals[] = {{"time_first", &info->time_first, 0, 1e12},
                 {"time_last", &info->time_last, 0, 1e12},
                 {"rest_frequency", &info->rest_freq, 0, 1e18},
                 {"cell_l", &info->cell[0], 0, 1},
                 {"cell_m", &info->cell[1], 0, 1}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (ib_h5_text(o->file, texts[i].name, texts[i].text, texts[i].size, err))
            return err->status;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (ib_h5_real(o->file, reals[i].name, reals[i].value, err))
            return err->status;
        if (!(*reals[i].value >= reals[i].lowest && *reals[i].value <= reals[i].highest))
            return ib_fail(err, IB_EDATA, "attribute %s is %g; it must be between %g and %g", reals[i].name,
                           *reals[i].value, reals[i].lowest, reals[i].highest);
    }
    if (ib_h5_int(o->file, "imsize_l", &info->imsize[0], err) ||
        ib_h5_int(o->file, "imsize_m", &info->imsize[1], err))
        return err->status;
    for (int axis = 0; axis < 2; axis++)
        if (info->imsize[axis] < 0 || info->imsize[axis] > 65536)
            return ib_fail(err, IB_EDATA, "attributes imsize_l, imsize_m are %lld, %lld; they must be 0 to 65536",
                           (long long)info->imsize[0], (long long)info->imsize[1]);
    while (ib_vis_planes_name(info->stokes) && strcmp(ib_vis_planes_name(info->stokes), planes) != 0)
        info->stokes++;
    if (!ib_vis_planes_name(info->stokes))
        return ib_fail(err, IB_EDATA, "attribute planes is \"%s\", which is no set of planes", planes);
    return IB_OK;
}

/* Length of a list, which no file can hold more of than it has bytes. */
static ib_status list_length(const opening *o, hid_t where, const char *name, size_t item, size_t *n, ib_error *err)
{
    hsize_t shape[1];

    if (ib_h5_shape(where, name, 1, shape, err))
        return err->status;
    if (!shape[0] || shape[0] > o->source->bytes / item)
        return ib_fail(err, IB_EDATA, "data set %s has %llu elements, which a file of %llu bytes cannot have", name,
                       (unsigned long long)shape[0], (unsigned long long)o->source->bytes);
    *n = shape[0];
    return IB_OK;
}

static ib_status read_antennas(const opening *o, ib_error *err)
{
    ib_vis_info *info = o->info;
    size_t       n;

    if (ib_h5_has(o->file, "site") &&
        ib_h5_read(o->file, "site", H5T_NATIVE_DOUBLE, 1, &(hsize_t){3}, info->site, err))
        return err->status;
    if (!ib_h5_has(o->file, "dish_diameter"))
        return IB_OK;
    if (list_length(o, o->file, "dish_diameter", sizeof *info->dish, &n, err))
        return err->status;
    info->dish = ib_alloc(n, sizeof *info->dish, "antennas", err);
    if (!info->dish || ib_h5_read(o->file, "dish_diameter", H5T_NATIVE_DOUBLE, 1, &(hsize_t){n}, info->dish, err))
        return err->status;
    info->n_antenna = n;
    for (size_t i = 0; i < n; i++)
        if (!(info->dish[i] > 0 && isfinite(info->dish[i])))
            info->dish[i] = 0;
    return IB_OK;
}

static ib_status read_fields(opening *o, ib_error *err)
{
    ib_vis_info  *info = o->info;
    const hid_t   type = ib_vis_field_type();
    ib_vis_field *field = NULL;
    const char  **names = NULL;
    size_t        n;
    ib_status     rc = list_length(o, o->file, "fields", sizeof *field, &n, err);

    if (rc)
        goto done;
    field = ib_alloc(n, sizeof *field, "fields", err);
    names = ib_alloc(n, sizeof *names, "fields", err);
    info->field = ib_alloc_zero(n, sizeof *info->field, "fields", err);
    o->field_on = ib_alloc_zero(n, 1, "fields", err);
    if (!field || !names || !info->field || !o->field_on) {
        rc = err->status;
        goto done;
    }
    info->n_field = n;
    rc = ib_h5_read(o->file, "fields", type, 1, &(hsize_t){n}, field, err);
    for (size_t i = 0; !rc && i < n; i++) {
        field[i].name[IB_NAME - 1] = 0;
        info->field[i] = (ib_field){.id = (int)i, .ra = field[i].ra, .dec = field[i].dec};
        memcpy(info->field[i].name, field[i].name, IB_NAME);
        names[i] = info->field[i].name;
        if (!(fabs(field[i].ra) <= 7 && fabs(field[i].dec) <= 1.5707963267949))
            rc = ib_fail(err, IB_EDATA, "field %zu has its phase centre at %g, %g rad, which is no direction", i,
                         field[i].ra, field[i].dec);
    }
    if (!rc && ib_select(o->cfg->field, "field", n, names, NULL, o->field_on, err))
        rc = ib_within(err, "--field: ");
done:
    ib_free(field);
    ib_free(names);
    H5Tclose(type);
    return rc;
}

/* Runs of rows of selected fields. */
static ib_status find_runs(opening *o, size_t number, window *w, ib_error *err)
{
    const size_t n = w->file.n_row;
    int32_t     *field = ib_alloc(n, sizeof *field, "fields of rows", err);
    ib_status    rc = field
                          ? read_bytes(o->source, IB_VIS_FIELD, w->file.at[IB_VIS_FIELD], n * sizeof *field, field, err)
                          : err->status;
    bool         before = false;
    size_t       n_run = 0;

    for (size_t row = 0; !rc && row < n; row++) {
        if (field[row] < 0 || (size_t)field[row] >= o->info->n_field) {
            rc = ib_fail(err, IB_EDATA, "window spw%zu: row %zu: field %d, but there are %zu of them", number, row,
                         field[row], o->info->n_field);
            break;
        }
        n_run += o->field_on[field[row]] && !before;
        before = o->field_on[field[row]];
    }
    if (rc || !n_run)
        goto done;
    w->run = ib_alloc(n_run, sizeof *w->run, "runs of rows", err);
    w->first = ib_alloc(n_run, sizeof *w->first, "runs of rows", err);
    if (!w->run || !w->first) {
        rc = err->status;
        goto done;
    }
    before = false;
    for (size_t row = 0; row < n; row++) {
        const bool on = o->field_on[field[row]];

        if (on && !before) {
            w->first[w->n_run] = o->spw[number].n_row;
            w->run[w->n_run++] = (ib_range){row, 0};
        }
        if (on) {
            w->run[w->n_run - 1].n++;
            o->spw[number].n_row++;
            o->info->field[field[row]].selected = true;
        }
        before = on;
    }
done:
    ib_free(field);
    return rc;
}

/* A window as it is in the file; its channels are all of them until choose_channels. */
static ib_status read_window(opening *o, size_t number, ib_error *err)
{
    ib_spw *spw = &o->spw[number];
    window *w = &o->window[number];
    char    group_name[32];
    int32_t corr[IB_MAX_CORR];

    if (ib_vis_locate(o->file, number, o->source->bytes, &w->file, err))
        return err->status;
    snprintf(group_name, sizeof group_name, "spw%zu", number);
    const hid_t group = H5Gopen2(o->file, group_name, H5P_DEFAULT);
    spw->id = (int)number;
    spw->n_chan = w->file.n_chan;
    spw->n_corr = w->file.n_corr;
    spw->weight_per_channel = w->file.weight_per_channel;
    spw->tiling.sample_bytes = sizeof(float[2]) + 1 + (w->file.weight_per_channel ? sizeof(float) : 0);
    spw->chan = ib_alloc(spw->n_chan, sizeof *spw->chan, "channels", err);
    spw->freq = ib_alloc(spw->n_chan, sizeof *spw->freq, "channels", err);
    spw->width = ib_alloc(spw->n_chan, sizeof *spw->width, "channels", err);

    ib_status rc = spw->chan && spw->freq && spw->width ? IB_OK : err->status;
    if (!rc)
        rc = ib_h5_text(group, "name", spw->name, sizeof spw->name, err);
    if (!rc)
        rc = ib_h5_read(group, "frequency", H5T_NATIVE_DOUBLE, 1, &(hsize_t){spw->n_chan}, spw->freq, err);
    if (!rc)
        rc = ib_h5_read(group, "channel_width", H5T_NATIVE_DOUBLE, 1, &(hsize_t){spw->n_chan}, spw->width, err);
    if (!rc)
        rc = ib_h5_read(group, "correlation", H5T_NATIVE_INT32, 1, &(hsize_t){spw->n_corr}, corr, err);
    for (size_t c = 0; !rc && c < spw->n_corr; c++) {
        spw->corr[c] = corr[c];
        if (!ib_corr_fits(corr[c]))
            rc = ib_fail(err, IB_EDATA, "correlation %zu has the unknown code %d", c, corr[c]);
    }
    H5Gclose(group);
    return rc ? ib_within(err, "window %s: ", group_name) : IB_OK;
}

static ib_status read_windows(opening *o, ib_error *err)
{
    const char **names = NULL;
    int64_t      n;
    ib_status    rc = ib_h5_int(o->file, "n_spw", &n, err);

    if (rc)
        return rc;
    if (n < 1 || n > 100000)
        return ib_fail(err, IB_EDATA, "attribute n_spw is %lld; it must be 1 to 100000", (long long)n);
    o->spw = ib_alloc_zero((size_t)n, sizeof *o->spw, "windows", err);
    o->window = ib_alloc_zero((size_t)n, sizeof *o->window, "windows", err);
    o->spw_on = ib_alloc_zero((size_t)n, 1, "windows", err);
    names = ib_alloc((size_t)n, sizeof *names, "windows", err);
    if (!o->spw || !o->window || !o->spw_on || !names) {
        rc = err->status;
        goto done;
    }
    o->n_spw = (size_t)n;
    for (size_t i = 0; !rc && i < o->n_spw; i++) {
        names[i] = o->spw[i].name;
        rc = read_window(o, i, err);
    }
    if (!rc && ib_select(o->cfg->spw, "spectral window", o->n_spw, names, NULL, o->spw_on, err))
        rc = ib_within(err, "--spw: ");
    for (size_t i = 0; !rc && i < o->n_spw; i++)
        if (o->spw_on[i])
            rc = find_runs(o, i, &o->window[i], err);
done:
    ib_free(names);
    return rc;
}

/* --channels means channels of each window; one without any of them, or without rows, drops out. */
static ib_status choose_channels(opening *o, ib_error *err)
{
    size_t most = 0, left = 0;

    for (size_t i = 0; i < o->n_spw; i++)
        if (o->spw[i].n_row && o->spw[i].n_chan > most)
            most = o->spw[i].n_chan;
    if (!most)
        return ib_fail(err, IB_EUSAGE,
                       "the selected windows have no row of the selected fields; widen --field or --spw");
    o->chan_on = ib_alloc_zero(most, 1, "selected channels", err);
    if (!o->chan_on)
        return err->status;
    if (ib_select(o->cfg->channels, "channel", most, NULL, NULL, o->chan_on, err))
        return ib_within(err, "--channels: ");

    for (size_t i = 0; i < o->n_spw; i++) {
        ib_spw *spw = &o->spw[i];
        size_t  n = 0;

        for (size_t c = 0; spw->n_row && c < spw->n_chan; c++) {
            if (!o->chan_on[c])
                continue;
            spw->chan[n] = (int)c;
            spw->freq[n] = spw->freq[c];
            spw->width[n++] = spw->width[c];
        }
        spw->n_chan = n;
        left += n > 0;
    }
    if (!left)
        return ib_fail(err, IB_EUSAGE, "--channels: the windows with selected rows have none of these channels");
    return IB_OK;
}

/* Hand the windows that are left to the caller and to the source. */
static ib_status keep_windows(opening *o, ib_error *err)
{
    ib_vis_info *info = o->info;
    source_hdf5 *source = o->source;

    info->has_time = true; /* when all do */
    info->spw = ib_alloc_zero(o->n_spw, sizeof *info->spw, "windows", err);
    source->window = ib_alloc_zero(o->n_spw, sizeof *source->window, "windows", err);
    if (!info->spw || !source->window)
        return err->status;
    for (size_t i = 0; i < o->n_spw; i++) {
        if (!o->spw[i].n_chan)
            continue;
        info->has_time = info->has_time && o->window[i].file.has_time;
        info->spw[info->n_spw++] = o->spw[i];
        source->window[source->n_window++] = o->window[i];
        o->spw[i] = (ib_spw){0};
        o->window[i] = (window){0};
    }
    return IB_OK;
}

/* Bytes that the superblock says the file has (HDF5 file format 3.0, II.A: versions 2 and 3, offsets of 8 bytes,
   little-endian); 0 where it is another version or is itself cut. */
static uint64_t bytes_promised(const source_hdf5 *source)
{
    uint8_t  block[36];
    uint64_t promised = 0;

    if (pread(source->fd, block, sizeof block, 0) != (ssize_t)sizeof block || block[8] < 2 || block[8] > 3 ||
        block[9] != 8)
        return 0;
    for (int i = 7; i >= 0; i--)
        promised = promised << 8 | block[28 + i];
    return promised;
}

static ib_status open_file(opening *o, ib_error *err)
{
    source_hdf5 *source = o->source;
    struct stat  what;

    source->fd = open(source->path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0 || fstat(source->fd, &what))
        return ib_fail(err, errno == ENOENT ? IB_EDATA : IB_EIO, "open %s: %s", source->path, strerror(errno));
    source->bytes = (uint64_t)what.st_size;

    const uint64_t promised = bytes_promised(source);
    if (source->bytes < promised)
        return ib_fail(err, IB_EDATA,
                       "open %s: it is cut short, %llu of its %llu bytes are missing; write or copy it again",
                       source->path, (unsigned long long)(promised - source->bytes), (unsigned long long)promised);
    return ib_h5_open(&o->file, source->path, err);
}

static void end_opening(opening *o)
{
    for (size_t i = 0; o->spw && o->window && i < o->n_spw; i++) {
        ib_free(o->spw[i].chan);
        ib_free(o->spw[i].freq);
        ib_free(o->spw[i].width);
        ib_free(o->window[i].run);
        ib_free(o->window[i].first);
    }
    ib_free(o->spw);
    ib_free(o->window);
    ib_free(o->field_on);
    ib_free(o->spw_on);
    ib_free(o->chan_on);
    if (o->file >= 0)
        H5Fclose(o->file);
}

static ib_status hdf5_open(void **self, const char *path, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    opening o = {.cfg = cfg, .info = info, .file = H5I_INVALID_HID};

    *info = (ib_vis_info){0};
    o.source = ib_alloc_zero(1, sizeof *o.source, "input", err);
    if (!o.source)
        return err->status;
    o.source->fd = -1;
    o.source->info = info;
    snprintf(o.source->path, sizeof o.source->path, "%s", path);

    const bool opened = !open_file(&o, err);
    ib_status  rc = opened ? check_format(&o, err) : err->status;
    if (!rc && *cfg->column)
        rc = ib_fail(err, IB_EUSAGE, "--column %s: there are no columns to choose from; leave it out", cfg->column);
    if (!rc)
        rc = read_attributes(&o, err);
    if (!rc)
        rc = read_antennas(&o, err);
    if (!rc)
        rc = read_fields(&o, err);
    if (!rc)
        rc = read_windows(&o, err);
    if (!rc)
        rc = choose_channels(&o, err);
    if (!rc)
        rc = keep_windows(&o, err);
    end_opening(&o);
    if (rc) {
        hdf5_close(o.source);
        ib_vis_info_clear(info);
        return opened ? ib_within(err, "open %s: ", path) : rc;
    }
    *self = o.source;
    return IB_OK;
}

const ib_source_ops ib_source_hdf5 = {
    .name = "hdf5",
    .help = "native HDF5 visibilities, written by imgbench convert or simulate (docs/visibilities.md)",
    .probe = hdf5_probe,
    .open = hdf5_open,
    .rows = hdf5_rows,
    .read = hdf5_read,
    .close = hdf5_close,
    .concurrent = true,
};
