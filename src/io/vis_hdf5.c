/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/vis_hdf5.h"
#include "base/error.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/io.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- layout ------------------------------------------------------------------------------------------------- */

static const char *const set_names[IB_VIS_SETS] = {"uvw", "antenna", "field", "weight", "visibility", "flag", "time"};

const char *ib_vis_set_name(int set)
{
    return set_names[set];
}

static const char *const planes_names[] = {"auto", "corr", "I", "IQ", "IV", "IQUV"};

const char *ib_vis_planes_name(int planes)
{
    return planes >= 0 && (size_t)planes < sizeof planes_names / sizeof *planes_names ? planes_names[planes] : NULL;
}

bool ib_vis_has_channels(const ib_vis_window *window, int set)
{
    return set == IB_VIS_DATA || set == IB_VIS_FLAG || (set == IB_VIS_WEIGHT && window->weight_per_channel);
}

/* Types as this machine has them: the bytes of buffers go to the file as they are. */
static hid_t set_type(int set)
{
    switch (set) {
    case IB_VIS_UVW:
    case IB_VIS_TIME:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    case IB_VIS_ANTENNA:
    case IB_VIS_FIELD:
        return H5Tcopy(H5T_NATIVE_INT32);
    case IB_VIS_WEIGHT:
        return H5Tcopy(H5T_NATIVE_FLOAT);
    case IB_VIS_FLAG:
        return H5Tcopy(H5T_NATIVE_UINT8);
    default: /* visibilities: what h5py takes for complex64 */
        break;
    }
    const hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof(float));
    H5Tinsert(type, "r", 0, H5T_NATIVE_FLOAT);
    H5Tinsert(type, "i", sizeof(float), H5T_NATIVE_FLOAT);
    return type;
}

hid_t ib_vis_field_type(void)
{
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(ib_vis_field)), name = H5Tcopy(H5T_C_S1);

    H5Tset_size(name, IB_NAME);
    H5Tinsert(type, "name", offsetof(ib_vis_field, name), name);
    H5Tinsert(type, "ra", offsetof(ib_vis_field, ra), H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "dec", offsetof(ib_vis_field, dec), H5T_NATIVE_DOUBLE);
    H5Tclose(name);
    return type;
}

/* @return the number of axes. */
static int set_shape(const ib_vis_window *window, int set, hsize_t shape[3])
{
    const bool channels = ib_vis_has_channels(window, set);
    int        n = 0;

    if (channels)
        shape[n++] = window->n_chan;
    shape[n++] = window->n_row;
    if (set == IB_VIS_UVW)
        shape[n++] = 3;
    else if (set == IB_VIS_ANTENNA)
        shape[n++] = 2;
    else if (set != IB_VIS_FIELD && set != IB_VIS_TIME)
        shape[n++] = window->n_corr;
    return n;
}

size_t ib_vis_row_bytes(const ib_vis_window *window, int set)
{
    switch (set) {
    case IB_VIS_UVW:
        return 3 * sizeof(double);
    case IB_VIS_ANTENNA:
        return 2 * sizeof(int32_t);
    case IB_VIS_FIELD:
        return sizeof(int32_t);
    case IB_VIS_TIME:
        return sizeof(double);
    case IB_VIS_WEIGHT:
        return window->n_corr * sizeof(float);
    case IB_VIS_FLAG:
        return window->n_corr;
    default:
        return window->n_corr * 2 * sizeof(float);
    }
}

/* ---- finding the data sets ---------------------------------------------------------------------------------- */

/* Is what the file says about a data set what the window needs, and is all of it there? */
static ib_status check_set(hid_t dataset, const ib_vis_window *window, int set, uint64_t file_bytes, uint64_t *at,
                           ib_error *err)
{
    hsize_t       want[3], found[H5S_MAX_RANK] = {0};
    const int     n_axis = set_shape(window, set, want);
    const hid_t   space = H5Dget_space(dataset), stored = H5Dget_type(dataset), type = set_type(set);
    const int     n_found = H5Sget_simple_extent_dims(space, found, NULL);
    const bool    same_type = H5Tequal(stored, type) > 0;
    const haddr_t start = H5Dget_offset(dataset);
    uint64_t      bytes = ib_vis_row_bytes(window, set), end;

    H5Sclose(space);
    H5Tclose(stored);
    H5Tclose(type);
    H5Eclear2(H5E_DEFAULT); /* H5Dget_offset complains about data sets in chunks */
    if (n_found != n_axis)
        return ib_fail(err, IB_EDATA, "it has %d axes instead of %d", n_found, n_axis);
    for (int i = 0; i < n_axis; i++)
        if (found[i] != want[i])
            return ib_fail(err, IB_EDATA, "axis %d has %llu elements where the visibilities need %llu", i,
                           (unsigned long long)found[i], (unsigned long long)want[i]);
    if (!same_type)
        return ib_fail(err, IB_EDATA,
                       "its type is not the one of this format on this machine (docs/visibilities.md)");
    if (start == HADDR_UNDEF)
        return ib_fail(err, IB_EDATA, "it is not stored as one contiguous piece; write it without chunks or filters");

    if (__builtin_mul_overflow(bytes, window->n_row, &bytes) ||
        (ib_vis_has_channels(window, set) && __builtin_mul_overflow(bytes, window->n_chan, &bytes)) ||
        __builtin_add_overflow(bytes, start, &end))
        return ib_fail(err, IB_EDATA, "its size overflows");
    if (end > file_bytes)
        return ib_fail(err, IB_EDATA, "the file is cut short: %llu of its %llu bytes are missing",
                       (unsigned long long)(end - file_bytes < bytes ? end - file_bytes : bytes),
                       (unsigned long long)bytes);
    *at = start;
    return IB_OK;
}

/* The sizes of a window are those of its visibilities; its weights have channels or have not. */
static ib_status read_sizes(hid_t group, ib_vis_window *window, ib_error *err)
{
    hsize_t  shape[3] = {0}, weight[3];
    ib_error ignored;

    if (ib_h5_shape(group, set_names[IB_VIS_DATA], 3, shape, err))
        return err->status;
    if (!shape[0] || !shape[1] || !shape[2] || shape[2] > IB_MAX_CORR || shape[0] > INT32_MAX)
        return ib_fail(
            err, IB_EDATA,
            "data set %s has %llu channels, %llu rows and %llu correlations; there must be at least one of "
            "each and at most %d correlations",
            set_names[IB_VIS_DATA], (unsigned long long)shape[0], (unsigned long long)shape[1],
            (unsigned long long)shape[2], IB_MAX_CORR);
    window->n_chan = shape[0];
    window->n_row = shape[1];
    window->n_corr = shape[2];
    window->weight_per_channel = !ib_h5_shape(group, set_names[IB_VIS_WEIGHT], 3, weight, &ignored);
    window->has_time = ib_h5_has(group, set_names[IB_VIS_TIME]);
    return IB_OK;
}

ib_status ib_vis_locate(hid_t file, size_t number, uint64_t file_bytes, ib_vis_window *window, ib_error *err)
{
    char name[32];

    *window = (ib_vis_window){0};
    snprintf(name, sizeof name, "spw%zu", number);
    if (!ib_h5_has(file, name))
        return ib_fail(err, IB_EDATA, "group %s is missing", name);
    const hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
    if (group < 0)
        return ib_h5_fail(err, IB_EDATA, "open group %s", name);

    ib_status rc = read_sizes(group, window, err);
    for (int set = 0; !rc && set < IB_VIS_SETS; set++) {
        if (set == IB_VIS_TIME && !window->has_time)
            continue;
        const hid_t dataset = ib_h5_has(group, set_names[set]) ? H5Dopen2(group, set_names[set], H5P_DEFAULT) : -1;

        if (dataset < 0) {
            rc = ib_fail(err, IB_EDATA, "data set %s is missing", set_names[set]);
            break;
        }
        rc = check_set(dataset, window, set, file_bytes, &window->at[set], err);
        if (rc)
            ib_within(err, "data set %s: ", set_names[set]);
        H5Dclose(dataset);
    }
    H5Gclose(group);
    return rc ? ib_within(err, "window %s: ", name) : IB_OK;
}

/* ---- laying out --------------------------------------------------------------------------------------------- */

static ib_status put_set(hid_t where, const char *name, hid_t type, size_t n, const void *data, ib_error *err)
{
    const hsize_t shape[1] = {n};

    if (ib_h5_lay_out(where, name, type, 1, shape, NULL, NULL, err))
        return err->status;
    const hid_t     set = H5Dopen2(where, name, H5P_DEFAULT);
    const ib_status rc = set < 0 || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0
                             ? ib_h5_fail(err, IB_EIO, "write data set %s", name)
                             : IB_OK;
    if (set >= 0)
        H5Dclose(set);
    return rc;
}

static ib_status put_attributes(hid_t file, const ib_vis_info *info, ib_error *err)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"telescope", info->telescope},
                 {"object", info->object},
                 {"observer", info->observer},
                 {"frequency_frame", info->frame},
                 {"radesys", info->radesys},
                 {"column", info->column},
                 {"planes", ib_vis_planes_name(info->stokes)}};
    const struct {
        const char *name;
        double      value;
    } reals[] = {{"time_first", info->time_first},
                 {"time_last", info->time_last},
                 {"rest_frequency", info->rest_freq},
                 {"cell_l", info->cell[0]},
                 {"cell_m", info->cell[1]}};

    if (ib_h5_put_text(file, "format", IB_VIS_FORMAT, err) || ib_h5_put_int(file, "version", IB_VIS_VERSION, err) ||
        ib_h5_put_int(file, "n_spw", (int64_t)info->n_spw, err) ||
        ib_h5_put_int(file, "imsize_l", info->imsize[0], err) ||
        ib_h5_put_int(file, "imsize_m", info->imsize[1], err))
        return err->status;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (ib_h5_put_text(file, texts[i].name, texts[i].text, err))
            return err->status;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (ib_h5_put_real(file, reals[i].name, reals[i].value, err))
            return err->status;
    return IB_OK;
}

/* Fields that are not selected have no rows here and are left out. */
static ib_status put_fields(hid_t file, const ib_vis_info *info, ib_error *err)
{
    const hid_t   type = ib_vis_field_type();
    ib_vis_field *field = ib_alloc_zero(info->n_field, sizeof *field, "fields", err);
    size_t        n = 0;
    ib_status     rc = field ? IB_OK : err->status;

    for (size_t i = 0; !rc && i < info->n_field; i++) {
        if (!info->field[i].selected)
            continue;
        memcpy(field[n].name, info->field[i].name, IB_NAME);
        field[n].ra = info->field[i].ra;
        field[n++].dec = info->field[i].dec;
    }
    if (!rc)
        rc = put_set(file, "fields", type, n, field, err);
    ib_free(field);
    H5Tclose(type);
    return rc;
}

static ib_status put_window(hid_t file, size_t number, const ib_spw *spw, bool has_time, ib_error *err)
{
    const ib_vis_window window = {.n_row = spw->n_row,
                                  .n_chan = spw->n_chan,
                                  .n_corr = spw->n_corr,
                                  .weight_per_channel = spw->weight_per_channel,
                                  .has_time = has_time};
    char                name[32];
    hid_t               group;

    snprintf(name, sizeof name, "spw%zu", number);
    if (ib_h5_group(&group, file, name, err))
        return err->status;
    ib_status rc = ib_h5_put_text(group, "name", spw->name, err);
    if (!rc)
        rc = put_set(group, "frequency", H5T_NATIVE_DOUBLE, spw->n_chan, spw->freq, err);
    if (!rc)
        rc = put_set(group, "channel_width", H5T_NATIVE_DOUBLE, spw->n_chan, spw->width, err);
    if (!rc)
        rc = put_set(group, "correlation", H5T_NATIVE_INT32, spw->n_corr, spw->corr, err);
    for (int set = 0; !rc && set < IB_VIS_SETS; set++) {
        if (set == IB_VIS_TIME && !has_time)
            continue;
        hsize_t     shape[3];
        const int   n_axis = set_shape(&window, set, shape);
        const hid_t type = set_type(set);

        rc = ib_h5_lay_out(group, set_names[set], type, n_axis, shape, NULL, NULL, err);
        H5Tclose(type);
    }
    H5Gclose(group);
    return rc;
}

ib_status ib_vis_create(const char *path, const ib_vis_info *info, ib_layout *layout, ib_error *err)
{
    hid_t    file = H5I_INVALID_HID;
    uint64_t bytes = 0;

    for (size_t s = 0; s < info->n_spw; s++)
        bytes += (uint64_t)info->spw[s].n_row * info->spw[s].n_chan * info->spw[s].n_corr * 2 * sizeof(float);
    if (ib_file_begin(layout, path, bytes, err))
        return err->status;
    ib_status rc = ib_h5_create(&file, layout->partial, 0, err);
    if (!rc)
        rc = put_attributes(file, info, err);
    if (!rc)
        rc = put_fields(file, info, err);
    if (!rc && info->n_antenna)
        rc = put_set(file, "dish_diameter", H5T_NATIVE_DOUBLE, info->n_antenna, info->dish, err);
    if (!rc && info->site[0] * info->site[0] + info->site[1] * info->site[1] + info->site[2] * info->site[2] > 0)
        rc = put_set(file, "site", H5T_NATIVE_DOUBLE, 3, info->site, err);
    for (size_t s = 0; !rc && s < info->n_spw; s++)
        rc = put_window(file, s, &info->spw[s], info->has_time, err);
    if (file >= 0 && H5Fclose(file) < 0 && !rc)
        rc = ib_h5_fail(err, IB_EIO, "close %s", layout->partial);
    if (!rc)
        rc = ib_file_reserve(layout, 0, err);
    if (rc)
        ib_file_abandon(layout);
    return rc;
}

/* ---- filling ------------------------------------------------------------------------------------------------ */

/* One rank's work on one window. */
typedef struct filling {
    const ib_layout   *layout;
    ib_source         *source;
    const ib_vis_info *info;
    const int32_t     *field; /* [n_field] number in the file */
    size_t             spw;
    ib_vis_window      window;
    int                fd;
    size_t             memory;
    bool (*stop)(void);
} filling;

static ib_status check_stop(const filling *f, ib_error *err)
{
    if (!f->stop || !f->stop())
        return IB_OK;
    return ib_fail(err, IB_EINTERRUPTED, "stopped by a signal before %s was whole; nothing was kept, start it again",
                   f->layout->path);
}

/* Rows of a data set without channels, or of one channel or more where the rows are all of them. */
static ib_status put_rows(const filling *f, int set, size_t chan, ib_range rows, size_t n_chan, const void *bytes,
                          ib_error *err)
{
    const size_t   row_bytes = ib_vis_row_bytes(&f->window, set);
    const uint64_t at = f->window.at[set] + (chan * f->window.n_row + rows.first) * row_bytes;

    return ib_file_write(f->fd, f->layout->partial, bytes, n_chan * rows.n * row_bytes, at, err);
}

static ib_range share(size_t n, int rank, int n_rank)
{
    const size_t first = n * (size_t)rank / (size_t)n_rank, next = n * ((size_t)rank + 1) / (size_t)n_rank;

    return (ib_range){first, next - first};
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static ib_status fill_rows(const filling *f, ib_range mine, ib_error *err)
{
    const ib_vis_window *w = &f->window;
    const size_t         weight = w->weight_per_channel ? 0 : w->n_corr * sizeof(float);
    const size_t         most = at_most(mine.n, 1 + f->memory / (36 + 8 + weight));
    ib_rows              rows = {.uvw = ib_alloc(most, sizeof *rows.uvw, "rows", err),
                                 .antenna = ib_alloc(most, sizeof *rows.antenna, "rows", err),
                                 .field = ib_alloc(most, sizeof *rows.field, "rows", err),
                                 .weight = weight ? ib_alloc(most, weight, "rows", err) : NULL,
                                 .time = w->has_time ? ib_alloc(most, sizeof *rows.time, "rows", err) : NULL};
    ib_status            rc = IB_OK;

    if ((w->has_time && !rows.time) || !rows.uvw || !rows.antenna || !rows.field || (weight && !rows.weight)) {
        rc = err->status;
        goto done;
    }
    for (size_t at = 0; !rc && at < mine.n; at += most) {
        const ib_range range = {mine.first + at, at_most(most, mine.n - at)};

        rc = check_stop(f, err);
        if (!rc)
            rc = ib_source_rows(f->source, f->spw, range, &rows, err);
        for (size_t i = 0; !rc && i < range.n; i++)
            rows.field[i] = f->field[rows.field[i]];
        if (!rc)
            rc = put_rows(f, IB_VIS_UVW, 0, range, 1, rows.uvw, err);
        if (!rc)
            rc = put_rows(f, IB_VIS_ANTENNA, 0, range, 1, rows.antenna, err);
        if (!rc)
            rc = put_rows(f, IB_VIS_FIELD, 0, range, 1, rows.field, err);
        if (!rc && weight)
            rc = put_rows(f, IB_VIS_WEIGHT, 0, range, 1, rows.weight, err);
        if (!rc && rows.time)
            rc = put_rows(f, IB_VIS_TIME, 0, range, 1, rows.time, err);
    }
done:
    ib_free(rows.uvw);
    ib_free(rows.antenna);
    ib_free(rows.field);
    ib_free(rows.weight);
    ib_free(rows.time);
    return rc;
}

/* Whole channels while one fits into memory, else parts of the rows of one. */
static ib_status fill_channels(const filling *f, ib_range mine, ib_error *err)
{
    const ib_vis_window *w = &f->window;
    const size_t per_sample = sizeof *((ib_samples *)0)->vis + 1 + (w->weight_per_channel ? sizeof(float) : 0);
    const size_t fit = 1 + f->memory / (w->n_corr * per_sample); /* rows of one channel */
    const size_t n_row = at_most(fit, w->n_row), n_chan = at_most(mine.n, 1 + (fit - n_row) / w->n_row);
    const size_t n = n_chan * n_row * w->n_corr;
    ib_samples   samples = {.vis = ib_alloc(n, sizeof *samples.vis, "visibilities", err),
                            .flag = ib_alloc(n, 1, "flags", err),
                            .weight = w->weight_per_channel ? ib_alloc(n, sizeof(float), "weights", err) : NULL};
    ib_status    rc = IB_OK;

    if (!samples.vis || !samples.flag || (w->weight_per_channel && !samples.weight)) {
        rc = err->status;
        goto done;
    }
    for (size_t chan = 0; chan < mine.n; chan += n_chan)
        for (size_t row = 0; row < w->n_row; row += n_row) {
            const ib_range chans = {mine.first + chan, at_most(n_chan, mine.n - chan)};
            const ib_range rows = {row, at_most(n_row, w->n_row - row)};

            rc = check_stop(f, err);
            if (!rc)
                rc = ib_source_read(f->source, f->spw, chans, rows, &samples, err);
            if (!rc)
                rc = put_rows(f, IB_VIS_DATA, chans.first, rows, chans.n, samples.vis, err);
            if (!rc)
                rc = put_rows(f, IB_VIS_FLAG, chans.first, rows, chans.n, samples.flag, err);
            if (!rc && samples.weight)
                rc = put_rows(f, IB_VIS_WEIGHT, chans.first, rows, chans.n, samples.weight, err);
            if (rc)
                goto done;
        }
done:
    ib_free(samples.vis);
    ib_free(samples.flag);
    ib_free(samples.weight);
    return rc;
}

/* Where the windows were laid out: read from the file itself. */
static ib_status locate_all(const filling *f, ib_vis_window *window, ib_error *err)
{
    struct stat what;
    hid_t       file;

    if (fstat(f->fd, &what))
        return ib_fail(err, IB_EIO, "size of %s is unknown", f->layout->partial);
    ib_status rc = ib_h5_open(&file, f->layout->partial, err);
    for (size_t s = 0; !rc && s < f->info->n_spw; s++)
        rc = ib_vis_locate(file, s, (uint64_t)what.st_size, &window[s], err);
    if (file >= 0)
        H5Fclose(file);
    return rc;
}

ib_status ib_vis_fill(const ib_layout *layout, ib_source *source, const ib_vis_info *info, int rank, int n_rank,
                      int64_t memory, bool (*stop)(void), ib_error *err)
{
    filling f = {.layout = layout, .source = source, .info = info, .memory = (size_t)memory, .stop = stop, .fd = -1};
    ib_vis_window *window = ib_alloc(info->n_spw, sizeof *window, "windows", err);
    int32_t       *field = ib_alloc(info->n_field, sizeof *field, "fields", err);
    int32_t        n_field = 0;
    ib_status      rc = IB_OK;

    if (!window || !field) {
        rc = err->status;
        goto done;
    }
    for (size_t i = 0; i < info->n_field; i++)
        field[i] = info->field[i].selected ? n_field++ : -1;
    f.field = field;
    f.fd = ib_file_attach(layout, err);
    rc = f.fd < 0 ? err->status : locate_all(&f, window, err);
    for (size_t s = 0; !rc && s < info->n_spw; s++) {
        f.spw = s;
        f.window = window[s];
        rc = fill_rows(&f, share(f.window.n_row, rank, n_rank), err);
        if (!rc)
            rc = fill_channels(&f, share(f.window.n_chan, rank, n_rank), err);
    }
done:
    if (f.fd >= 0 && rc)
        close(f.fd);
    else if (f.fd >= 0)
        rc = ib_file_detach(f.fd, layout->partial, err);
    ib_free(window);
    ib_free(field);
    return rc;
}

ib_status ib_vis_commit(const ib_layout *layout, ib_error *err)
{
    const ib_status rc = ib_file_publish(layout, err);

    if (rc)
        ib_file_abandon(layout);
    return rc;
}
