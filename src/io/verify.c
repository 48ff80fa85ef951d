/* SPDX-License-Identifier: BSD-3-Clause */
/* Planes of a cube against the checksums that were taken while they were in memory. */
#include "base/mem.h"
#include "io/h5.h"
#include "io/io.h"
#include "io/journal.h"

#include <string.h>

static ib_status read_plane(hid_t data, const hsize_t shape[4], size_t stokes, size_t chan, float *pixel,
                            ib_error *err)
{
    const hsize_t start[4] = {stokes, chan, 0, 0}, count[4] = {1, 1, shape[2], shape[3]}, n = shape[2] * shape[3];
    const hid_t   file = H5Dget_space(data), memory = H5Screate_simple(1, &n, NULL);
    ib_status     rc = IB_OK;

    if (file < 0 || memory < 0 || H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dread(data, H5T_NATIVE_FLOAT, memory, file, H5P_DEFAULT, pixel) < 0)
        rc = ib_h5_fail(err, IB_EDATA, "read plane %zu of channel %zu", stokes, chan);
    if (file >= 0)
        H5Sclose(file);
    if (memory >= 0)
        H5Sclose(memory);
    return rc;
}

static ib_status compare(hid_t root, const hsize_t shape[4], ib_verified *out,
                         void (*differs)(void *self, size_t chan, size_t stokes), void *self, ib_error *err)
{
    const hsize_t n_plane = shape[0] * shape[1], sums[3] = {shape[0], shape[1], 2};
    float        *pixel = ib_alloc(shape[2] * shape[3], sizeof *pixel, "image plane", err);
    uint64_t(*sum)[2] = ib_alloc(n_plane, sizeof *sum, "checksums", err);
    const hid_t data = H5Dopen2(root, "DATA", H5P_DEFAULT);
    ib_status   rc = !pixel || !sum ? err->status : data < 0 ? ib_h5_fail(err, IB_EDATA, "open DATA") : IB_OK;

    if (!rc)
        rc = ib_h5_read(root, "Provenance/CHECKSUM", H5T_NATIVE_UINT64, 3, sums, sum, err);
    for (size_t k = 0; !rc && k < n_plane; k++) {
        uint64_t hash[2];
        rc = read_plane(data, shape, k / shape[1], k % shape[1], pixel, err);
        if (rc)
            break;
        ib_digest_plane(pixel, shape[2] * shape[3] * sizeof *pixel, hash);
        out->n_plane++;
        if (memcmp(hash, sum[k], sizeof hash)) {
            out->n_differ++;
            differs(self, k % shape[1], k / shape[1]);
        }
    }
    if (data >= 0)
        H5Dclose(data);
    ib_free(pixel);
    ib_free(sum);
    return rc;
}

ib_status ib_cube_verify(const char *path, ib_verified *out, void (*differs)(void *self, size_t chan, size_t stokes),
                         void *self, ib_error *err)
{
    hid_t     file;
    hsize_t   shape[4];
    ib_status rc = ib_h5_open(&file, path, err);

    memset(out, 0, sizeof *out);
    if (rc)
        return rc;
    const hid_t root = ib_h5_has(file, "0") ? H5Gopen2(file, "0", H5P_DEFAULT) : H5I_INVALID_HID;
    if (root < 0 || !ib_h5_has(root, "Provenance/CHECKSUM"))
        rc = ib_fail(err, IB_EDATA, "it has no /0/Provenance/CHECKSUM: only HDF5 cubes of imgbench have one");
    if (!rc)
        rc = ib_h5_shape(root, "DATA", 4, shape, err);
    if (!rc)
        rc = compare(root, shape, out, differs, self, err);
    if (root >= 0)
        H5Gclose(root);
    H5Fclose(file);
    return rc ? ib_within(err, "verify %s: ", path) : IB_OK;
}
