/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/vis_hdf5.h"
#include "base/error.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/io.h"
#include "io/journal.h"

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

static ib_vis_window window_of(const ib_spw *spw, bool has_time)
{
    return (ib_vis_window){.n_row = spw->n_row,
                           .n_chan = spw->n_chan,
                           .n_corr = spw->n_corr,
                           .weight_per_channel = spw->weight_per_channel,
                           .has_time = has_time};
}

/* All bytes of a data set. */
static uint64_t set_bytes(const ib_vis_window *window, int set)
{
    return (uint64_t)window->n_row * ib_vis_row_bytes(window, set) *
           (ib_vis_has_channels(window, set) ? window->n_chan : 1);
}

/* Region 0 of the layout is what is filled later: from the first large data set in the file to the end of the last one. */
static void widen(ib_layout *layout, uint64_t first, uint64_t end)
{
    const uint64_t was = layout->offset[0], was_end = was + layout->length[0];

    layout->offset[0] = layout->length[0] && was < first ? was : first;
    layout->length[0] = (was_end > end ? was_end : end) - layout->offset[0];
}

static ib_status put_window(hid_t file, size_t number, const ib_spw *spw, bool has_time, ib_layout *layout,
                            ib_error *err)
{
    const ib_vis_window window = window_of(spw, has_time);
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
        uint64_t    at;
        const int   n_axis = set_shape(&window, set, shape);
        const hid_t type = set_type(set);

        rc = ib_h5_lay_out(group, set_names[set], type, n_axis, shape, NULL, &at, err);
        H5Tclose(type);
        if (!rc)
            widen(layout, at, at + set_bytes(&window, set));
    }
    H5Gclose(group);
    return rc;
}

ib_status ib_vis_create(const char *path, const ib_vis_info *info, ib_layout *layout, ib_error *err)
{
    hid_t    file = H5I_INVALID_HID;
    uint64_t bytes = 0;

    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_vis_window window = window_of(&info->spw[s], info->has_time);
        for (int set = 0; set < IB_VIS_SETS; set++)
            bytes += set_bytes(&window, set);
    }
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
        rc = put_window(file, s, &info->spw[s], info->has_time, layout, err);
    if (file >= 0 && H5Fclose(file) < 0 && !rc)
        rc = ib_h5_fail(err, IB_EIO, "close %s", layout->partial);
    if (!rc)
        rc = ib_file_reserve(layout, 0, err);
    if (rc)
        ib_file_abandon(layout);
    return rc;
}

/* ---- filling ------------------------------------------------------------------------------------------------ */

struct ib_vis_writer {
    char           name[sizeof((ib_layout *)0)->partial];
    int            fd;
    int32_t       *field; /* [n_field] number in the file, -1: left out */
    size_t         n_window;
    ib_vis_window *window; /* [n_window] */
};

/* Where the windows were laid out: read from the file itself. */
static ib_status locate_all(ib_vis_writer *w, ib_error *err)
{
    struct stat what;
    hid_t       file;

    if (fstat(w->fd, &what))
        return ib_fail(err, IB_EIO, "size of %s is unknown", w->name);
    ib_status rc = ib_h5_open(&file, w->name, err);
    for (size_t s = 0; !rc && s < w->n_window; s++)
        rc = ib_vis_locate(file, s, (uint64_t)what.st_size, &w->window[s], err);
    if (file >= 0)
        H5Fclose(file);
    return rc;
}

ib_status ib_vis_attach(ib_vis_writer **out, const ib_layout *layout, const ib_vis_info *info, ib_error *err)
{
    ib_vis_writer *w = ib_alloc_zero(1, sizeof *w, "output", err);
    int32_t        n_field = 0;
    ib_error       ignored;

    if (!w)
        return err->status;
    memcpy(w->name, layout->partial, sizeof w->name);
    w->n_window = info->n_spw;
    w->window = ib_alloc(info->n_spw, sizeof *w->window, "windows", err);
    w->field = ib_alloc(info->n_field, sizeof *w->field, "fields", err);
    w->fd = w->window && w->field ? ib_file_attach(layout, err) : -1;
    ib_status rc = w->fd < 0 ? err->status : locate_all(w, err);
    for (size_t i = 0; !rc && i < info->n_field; i++)
        w->field[i] = info->field[i].selected ? n_field++ : -1;
    if (rc)
        ib_vis_detach(w, &ignored);
    else
        *out = w;
    return rc;
}

/* Numbers of fields as in the file, a stack of them at a time. */
static ib_status put_fields_of_rows(const ib_vis_writer *w, const ib_vis_window *window, ib_range rows,
                                    const int32_t *field, uint64_t *digest, ib_error *err)
{
    enum { PIECE = 4096 };
    int32_t number[PIECE];

    for (size_t done = 0; done < rows.n; done += PIECE) {
        const size_t   n = rows.n - done < PIECE ? rows.n - done : PIECE;
        const uint64_t at = window->at[IB_VIS_FIELD] + (rows.first + done) * sizeof *number;

        for (size_t i = 0; i < n; i++)
            number[i] = w->field[field[done + i]];
        *digest = ib_digest(*digest, number, n * sizeof *number);
        if (ib_file_write(w->fd, w->name, number, n * sizeof *number, at, err))
            return err->status;
    }
    return IB_OK;
}

/* Rows of a data set, of every channel where it has channels: in one piece where they are all there are. */
static ib_status put_set_of_rows(const ib_vis_writer *w, const ib_vis_window *window, int set, ib_range rows,
                                 const void *from, uint64_t *digest, ib_error *err)
{
    const size_t   row_bytes = ib_vis_row_bytes(window, set), bytes = rows.n * row_bytes;
    const size_t   n_chan = ib_vis_has_channels(window, set) ? window->n_chan : 1;
    const uint64_t at = window->at[set] + rows.first * row_bytes;
    const char    *piece = from;

    for (size_t c = 0; c < n_chan; c++)
        *digest = ib_digest(*digest, piece + c * bytes, bytes);
    if (rows.n == window->n_row)
        return ib_file_write(w->fd, w->name, from, n_chan * bytes, at, err);
    for (size_t c = 0; c < n_chan; c++)
        if (ib_file_write(w->fd, w->name, piece + c * bytes, bytes, at + c * window->n_row * row_bytes, err))
            return err->status;
    return IB_OK;
}

ib_status ib_vis_put(ib_vis_writer *w, size_t spw, ib_range rows, const ib_rows *geometry, const ib_samples *samples,
                     uint64_t *digest, ib_error *err)
{
    const ib_vis_window *window = &w->window[spw];
    const void *const    from[IB_VIS_SETS] = {[IB_VIS_UVW] = geometry->uvw,
                                              [IB_VIS_ANTENNA] = geometry->antenna,
                                              [IB_VIS_WEIGHT] =
                                               window->weight_per_channel ? samples->weight : geometry->weight,
                                              [IB_VIS_DATA] = samples->vis,
                                              [IB_VIS_FLAG] = samples->flag,
                                              [IB_VIS_TIME] = window->has_time ? geometry->time : NULL};

    *digest = 0;
    if (put_fields_of_rows(w, window, rows, geometry->field, digest, err))
        return err->status;
    for (int set = 0; set < IB_VIS_SETS; set++)
        if (from[set] && put_set_of_rows(w, window, set, rows, from[set], digest, err))
            return err->status;
    return IB_OK;
}

ib_status ib_vis_digest(const ib_vis_writer *w, size_t spw, ib_range rows, uint64_t *digest, ib_error *err)
{
    const ib_vis_window *window = &w->window[spw];
    enum { PIECE = 4096 }; /* rows: as put_fields_of_rows has them */
    size_t most = 0;

    for (int set = 0; set < IB_VIS_SETS; set++)
        most = ib_vis_row_bytes(window, set) > most ? ib_vis_row_bytes(window, set) : most;
    char *bytes = ib_alloc(rows.n, most, "rows as written", err);
    if (!bytes)
        return err->status;

    ib_status rc = IB_OK;
    *digest = 0;
    for (int k = -1; !rc && k < IB_VIS_SETS; k++) { /* fields first */
        const int set = k < 0 ? IB_VIS_FIELD : k;
        if (k == IB_VIS_FIELD || (set == IB_VIS_TIME && !window->has_time))
            continue;
        const size_t row_bytes = ib_vis_row_bytes(window, set), step = k < 0 ? PIECE : rows.n;
        const size_t n_chan = ib_vis_has_channels(window, set) ? window->n_chan : 1;

        for (size_t c = 0; !rc && c < n_chan; c++) {
            rc = ib_file_read(w->fd, w->name, bytes, rows.n * row_bytes,
                              window->at[set] + (c * window->n_row + rows.first) * row_bytes, err);
            for (size_t done = 0; !rc && done < rows.n; done += step)
                *digest = ib_digest(*digest, bytes + done * row_bytes,
                                    (rows.n - done < step ? rows.n - done : step) * row_bytes);
        }
    }
    ib_free(bytes);
    return rc;
}

ib_status ib_vis_sync(const ib_vis_writer *w, ib_error *err)
{
    return ib_file_sync(w->fd, w->name, err);
}

ib_status ib_vis_detach(ib_vis_writer *w, ib_error *err)
{
    if (!w)
        return IB_OK;
    const ib_status rc = w->fd < 0 ? IB_OK : ib_file_detach(w->fd, w->name, err);
    ib_free(w->window);
    ib_free(w->field);
    ib_free(w);
    return rc;
}
