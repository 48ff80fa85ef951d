/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/h5.h"
#include "base/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static herr_t innermost(unsigned n, const H5E_error2_t *entry, void *data)
{
    if (n == 0)
        snprintf(data, 200, "%s", entry->desc ? entry->desc : "no reason given");
    return 0;
}

ib_status ib_h5_fail(ib_error *err, ib_status status, const char *format, ...)
{
    char    text[sizeof err->text], reason[200] = "no reason given";
    va_list args;

    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, reason);
    H5Eclear2(H5E_DEFAULT);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ib_fail(err, status, "%s: HDF5: %s", text, reason);
}

/* ---- reading ---- */

ib_status ib_h5_open(hid_t *file, const char *path, ib_error *err)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    *file = H5I_INVALID_HID;
    if (access(path, R_OK)) {
        const bool missing = errno == ENOENT || errno == ENOTDIR;

        return ib_fail(err, missing ? IB_EDATA : IB_EIO, "open %s: %s", path, strerror(errno));
    }
    if (H5Fis_hdf5(path) <= 0) {
        H5Eclear2(H5E_DEFAULT);
        return ib_fail(err, IB_EDATA, "%s is not an HDF5 file", path);
    }
    ib_wait wait;
    ib_wait_begin(&wait, "opening", path);
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ib_wait_end(&wait);
    if (*file < 0)
        return ib_h5_fail(err, IB_EDATA, "open %s", path);
    return IB_OK;
}

bool ib_h5_has(hid_t where, const char *path)
{
    char part[512];

    for (const char *end = path; *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        if ((size_t)(end - path) >= sizeof part)
            return false;
        memcpy(part, path, (size_t)(end - path));
        part[end - path] = '\0';
        if (end > path && strcmp(part, "/") && H5Lexists(where, part, H5P_DEFAULT) <= 0) {
            H5Eclear2(H5E_DEFAULT);
            return false;
        }
    }
    return true;
}

static ib_status open_set(hid_t *set, hid_t where, const char *path, int n_axis, hsize_t *shape, ib_error *err)
{
    hsize_t extent[H5S_MAX_RANK] = {0};

    if (!ib_h5_has(where, path))
        return ib_fail(err, IB_EDATA, "data set %s is missing", path);
    *set = H5Dopen2(where, path, H5P_DEFAULT);
    if (*set < 0)
        return ib_h5_fail(err, IB_EDATA, "open data set %s", path);

    const hid_t space = H5Dget_space(*set);
    const int   found = H5Sget_simple_extent_dims(space, extent, NULL);
    H5Sclose(space);
    if (found != n_axis) {
        H5Dclose(*set);
        return ib_fail(err, IB_EDATA, "data set %s has %d axes, not %d", path, found, n_axis);
    }
    memcpy(shape, extent, (size_t)n_axis * sizeof *shape);
    return IB_OK;
}

ib_status ib_h5_shape(hid_t where, const char *path, int n_axis, hsize_t *shape, ib_error *err)
{
    hid_t           set;
    const ib_status rc = open_set(&set, where, path, n_axis, shape, err);

    if (rc == IB_OK)
        H5Dclose(set);
    return rc;
}

ib_status ib_h5_read(hid_t where, const char *path, hid_t type, int n_axis, const hsize_t *shape, void *into,
                     ib_error *err)
{
    hsize_t   found[H5S_MAX_RANK] = {0};
    hid_t     set;
    ib_status rc = open_set(&set, where, path, n_axis, found, err);

    if (rc)
        return rc;
    for (int i = 0; i < n_axis; i++)
        if (found[i] != shape[i]) {
            rc = ib_fail(err, IB_EDATA, "data set %s has %llu elements along axis %d, not %llu", path,
                         (unsigned long long)found[i], i, (unsigned long long)shape[i]);
            goto done;
        }
    ib_wait wait;
    ib_wait_begin(&wait, "reading", path);
    const bool failed = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, into) < 0;
    ib_wait_end(&wait);
    if (failed)
        rc = ib_h5_fail(err, IB_EDATA, "read data set %s", path);
done:
    H5Dclose(set);
    return rc;
}

/* The attribute, open, when it is one value of a class. */
static ib_status open_attribute(hid_t *attribute, hid_t object, const char *name, bool text, ib_error *err)
{
    if (H5Aexists(object, name) <= 0) {
        H5Eclear2(H5E_DEFAULT);
        return ib_fail(err, IB_EDATA, "attribute %s is missing", name);
    }
    *attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (*attribute < 0)
        return ib_h5_fail(err, IB_EDATA, "open attribute %s", name);

    const hid_t type = H5Aget_type(*attribute), space = H5Aget_space(*attribute);
    const H5T_class_t class = H5Tget_class(type);
    const bool fits = H5Sget_simple_extent_npoints(space) == 1 &&
                      (text ? class == H5T_STRING : class == H5T_INTEGER || class == H5T_FLOAT);
    H5Tclose(type);
    H5Sclose(space);
    if (fits)
        return IB_OK;
    H5Aclose(*attribute);
    return ib_fail(err, IB_EDATA, "attribute %s is not one %s", name, text ? "string" : "number");
}

ib_status ib_h5_text(hid_t object, const char *name, char *text, size_t size, ib_error *err)
{
    hid_t     attribute;
    ib_status rc = open_attribute(&attribute, object, name, true, err);

    if (rc)
        return rc;
    const hid_t stored = H5Aget_type(attribute), memory = H5Tcopy(H5T_C_S1);
    char       *whole = NULL;

    H5Tset_cset(memory, H5Tget_cset(stored)); /* HDF5 does not convert between ASCII and UTF-8 */
    if (H5Tis_variable_str(stored) > 0) {
        H5Tset_size(memory, H5T_VARIABLE);
        if (H5Aread(attribute, memory, &whole) < 0)
            rc = ib_h5_fail(err, IB_EDATA, "read attribute %s", name);
        else
            snprintf(text, size, "%s", whole ? whole : "");
        H5free_memory(whole);
    } else {
        H5Tset_size(memory, size); /* conversion cuts what is longer and ends it with a NUL */
        if (H5Aread(attribute, memory, text) < 0)
            rc = ib_h5_fail(err, IB_EDATA, "read attribute %s", name);
    }
    H5Tclose(memory);
    H5Tclose(stored);
    H5Aclose(attribute);
    return rc;
}

static ib_status read_number(hid_t object, const char *name, hid_t type, void *value, ib_error *err)
{
    hid_t     attribute;
    ib_status rc = open_attribute(&attribute, object, name, false, err);

    if (rc)
        return rc;
    if (H5Aread(attribute, type, value) < 0)
        rc = ib_h5_fail(err, IB_EDATA, "read attribute %s", name);
    H5Aclose(attribute);
    return rc;
}

ib_status ib_h5_real(hid_t object, const char *name, double *value, ib_error *err)
{
    return read_number(object, name, H5T_NATIVE_DOUBLE, value, err);
}

ib_status ib_h5_int(hid_t object, const char *name, int64_t *value, ib_error *err)
{
    return read_number(object, name, H5T_NATIVE_INT64, value, err);
}

/* ---- writing ---- */

static hid_t access_list(hsize_t meta_bytes)
{
    const hid_t list = H5Pcreate(H5P_FILE_ACCESS);

    H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18);
    H5Pset_alignment(list, 65536, 4096);
    if (meta_bytes)
        H5Pset_meta_block_size(list, meta_bytes);
    return list;
}

ib_status ib_h5_create(hid_t *file, const char *path, hsize_t meta_bytes, ib_error *err)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);

    const hid_t list = access_list(meta_bytes), creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(creation, false); /* of the root group */
    *file = H5Fcreate(path, H5F_ACC_TRUNC, creation, list);
    const ib_status rc = *file < 0 ? ib_h5_fail(err, IB_EIO, "create %s", path) : IB_OK;
    H5Pclose(creation);
    H5Pclose(list);
    return rc;
}

ib_status ib_h5_reopen(hid_t *file, const char *path, ib_error *err)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);

    const hid_t list = access_list(0);
    *file = H5Fopen(path, H5F_ACC_RDWR, list);
    const ib_status rc = *file < 0 ? ib_h5_fail(err, IB_EIO, "open %s", path) : IB_OK;
    H5Pclose(list);
    return rc;
}

ib_status ib_h5_group(hid_t *group, hid_t where, const char *name, ib_error *err)
{
    const hid_t    list = H5Pcreate(H5P_GROUP_CREATE);
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

    H5Pset_obj_track_times(list, false);
    H5Pset_link_creation_order(list, order);
    H5Pset_attr_creation_order(list, order);
    *group = H5Gcreate2(where, name, H5P_DEFAULT, list, H5P_DEFAULT);
    const ib_status rc = *group < 0 ? ib_h5_fail(err, IB_EIO, "create group %s", name) : IB_OK;
    H5Pclose(list);
    return rc;
}

/* First byte of a data set. Chunks are allocated in order and never overlap, so they lie one behind the other if and
   only if the last one is as far from the first as their number says. (HDF5 1.10 takes a time proportional to the
   number of chunks to find one: asking for each would be quadratic.) */
static ib_status find_place(hid_t set, const char *name, int n_axis, const hsize_t *shape, const hsize_t *chunk,
                            uint64_t *offset, ib_error *err)
{
    hsize_t  at[H5S_MAX_RANK] = {0}, bytes, between = 0;
    haddr_t  first, last;
    unsigned filters;

    if (!chunk) {
        first = H5Dget_offset(set);
        if (first == HADDR_UNDEF)
            return ib_h5_fail(err, IB_EIO, "find the place of data set %s", name);
        *offset = first;
        return IB_OK;
    }
    if (H5Dget_chunk_info_by_coord(set, at, &filters, &first, &bytes) < 0)
        return ib_h5_fail(err, IB_EIO, "find the first chunk of data set %s", name);
    for (int i = 0; i < n_axis; i++) {
        const hsize_t n = (shape[i] + chunk[i] - 1) / chunk[i];

        at[i] = (n - 1) * chunk[i];
        between = between * n + n - 1;
    }
    if (H5Dget_chunk_info_by_coord(set, at, &filters, &last, &bytes) < 0)
        return ib_h5_fail(err, IB_EIO, "find the last chunk of data set %s", name);
    if (last != first + between * bytes)
        return ib_fail(err, IB_EINTERNAL, "the chunks of data set %s do not lie one behind the other", name);
    *offset = first;
    return IB_OK;
}

ib_status ib_h5_lay_out(hid_t where, const char *name, hid_t type, int n_axis, const hsize_t *shape,
                        const hsize_t *chunk, uint64_t *offset, ib_error *err)
{
    const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    const hid_t space = H5Screate_simple(n_axis, shape, NULL);
    ib_status   rc = IB_OK;

    H5Pset_obj_track_times(list, false);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
    if (chunk)
        H5Pset_chunk(list, n_axis, chunk);

    const hid_t set = H5Dcreate2(where, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (set < 0) {
        rc = ib_h5_fail(err, IB_EIO, "create data set %s", name);
        goto done;
    }
    if (offset)
        rc = find_place(set, name, n_axis, shape, chunk, offset, err);
    H5Dclose(set);
done:
    H5Sclose(space);
    H5Pclose(list);
    return rc;
}

static ib_status put(hid_t object, const char *name, hid_t stored, hid_t memory, const void *value, ib_error *err)
{
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    ib_status   rc = IB_OK;

    if (attribute < 0 || H5Awrite(attribute, memory, value) < 0)
        rc = ib_h5_fail(err, IB_EIO, "write attribute %s", name);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return rc;
}

ib_status ib_h5_put_text(hid_t object, const char *name, const char *text, ib_error *err)
{
    const hid_t type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, strlen(text) + 1);
    const ib_status rc = put(object, name, type, type, text, err);
    H5Tclose(type);
    return rc;
}

ib_status ib_h5_put_real(hid_t object, const char *name, double value, ib_error *err)
{
    return put(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, err);
}

ib_status ib_h5_put_int(hid_t object, const char *name, int64_t value, ib_error *err)
{
    return put(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value, err);
}

ib_status ib_h5_put_bool(hid_t object, const char *name, bool value, ib_error *err)
{
    const uint8_t byte = value;

    return put(object, name, H5T_STD_U8LE, H5T_NATIVE_UINT8, &byte, err);
}
