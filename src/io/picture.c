/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/mem.h"
#include "io/h5.h"
#include "io/header.h"
#include "io/io.h"

#include <stdio.h>
#include <string.h>

/* Name of a Stokes parameter or correlation from its FITS code. */
static const char *name_of(double code)
{
    for (int corr = IB_I; corr <= IB_YY; corr++)
        if (ib_corr_fits(corr) == code)
            return ib_corr_name(corr);
    return "?";
}

/* Zero or empty where the header does not say. */
static double real_or_zero(hid_t root, const char *name)
{
    ib_error ignored;
    double   value;

    return ib_h5_real(root, name, &value, &ignored) ? 0 : value;
}

static void text_or_empty(hid_t root, const char *name, char *text, size_t size)
{
    ib_error ignored;

    if (ib_h5_text(root, name, text, size, &ignored))
        text[0] = '\0';
}

static ib_status read_axes(hid_t root, size_t chan, size_t stokes, ib_picture *out, ib_error *err)
{
    const hsize_t n_chan = out->n_chan, n_stokes = out->n_stokes;
    double       *freq = ib_alloc(out->n_chan, sizeof *freq, "frequencies", err);
    double       *code = ib_alloc(out->n_stokes, sizeof *code, "Stokes axis", err);
    ib_status     rc = freq && code ? IB_OK : err->status;

    if (rc == IB_OK)
        rc = ib_h5_read(root, "frequency", H5T_NATIVE_DOUBLE, 1, &n_chan, freq, err);
    if (rc == IB_OK)
        rc = ib_h5_read(root, "polarization", H5T_NATIVE_DOUBLE, 1, &n_stokes, code, err);
    if (rc == IB_OK) {
        out->freq = freq[chan];
        snprintf(out->stokes, sizeof out->stokes, "%s", name_of(code[stokes]));
    }
    ib_free(freq);
    ib_free(code);
    return rc;
}

static ib_status read_pixels(hid_t root, size_t chan, size_t stokes, ib_picture *out, ib_error *err)
{
    const hsize_t start[4] = {stokes, chan, 0, 0}, count[4] = {1, 1, out->ny, out->nx};
    ib_status     rc = IB_OK;

    out->pixel = ib_alloc(out->nx * out->ny, sizeof *out->pixel, "plane", err);
    if (!out->pixel)
        return err->status;
    const hid_t set = H5Dopen2(root, "DATA", H5P_DEFAULT), file = H5Dget_space(set);
    const hid_t memory = H5Screate_simple(4, count, NULL);
    if (H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dread(set, H5T_NATIVE_FLOAT, memory, file, H5P_DEFAULT, out->pixel) < 0)
        rc = ib_h5_fail(err, IB_EDATA, "read plane %zu of Stokes %zu", chan, stokes);
    H5Sclose(memory);
    H5Sclose(file);
    H5Dclose(set);
    if (rc) {
        ib_free(out->pixel);
        out->pixel = NULL;
    }
    return rc;
}

static ib_status read_picture(hid_t root, size_t chan, size_t stokes, ib_picture *out, ib_error *err)
{
    hsize_t   shape[4];
    ib_status rc = ib_h5_shape(root, "DATA", 4, shape, err);

    if (rc)
        return rc;
    out->n_stokes = shape[0];
    out->n_chan = shape[1];
    out->ny = shape[2];
    out->nx = shape[3];
    if (chan >= out->n_chan || stokes >= out->n_stokes)
        return ib_fail(err, IB_EUSAGE,
                       "there is no channel %zu of Stokes %zu; the cube has %zu channels and %zu Stokes planes", chan,
                       stokes, out->n_chan, out->n_stokes);
    rc = read_axes(root, chan, stokes, out, err);
    if (rc)
        return rc;
    out->ra = real_or_zero(root, "CRVAL1") / IB_DEGREES;
    out->dec = real_or_zero(root, "CRVAL2") / IB_DEGREES;
    out->cell[0] = -real_or_zero(root, "CDELT1") / IB_DEGREES;
    out->cell[1] = real_or_zero(root, "CDELT2") / IB_DEGREES;
    out->beam[0] = real_or_zero(root, "BMAJ") / IB_DEGREES;
    out->beam[1] = real_or_zero(root, "BMIN") / IB_DEGREES;
    out->beam[2] = real_or_zero(root, "BPA") / IB_DEGREES;
    text_or_empty(root, "BUNIT", out->unit, sizeof out->unit);
    text_or_empty(root, "OBJECT", out->object, sizeof out->object);
    return read_pixels(root, chan, stokes, out, err);
}

ib_status ib_picture_read(const char *path, size_t chan, size_t stokes, ib_picture *out, ib_error *err)
{
    hid_t     file;
    ib_status rc = ib_h5_open(&file, path, err);

    memset(out, 0, sizeof *out);
    if (rc)
        return rc;
    const hid_t root = ib_h5_has(file, "0") ? H5Gopen2(file, "0", H5P_DEFAULT) : H5I_INVALID_HID;
    if (root < 0)
        rc = ib_fail(err, IB_EDATA, "%s has no group /0: it is not an image cube", path);
    else if (read_picture(root, chan, stokes, out, err))
        rc = ib_within(err, "read %s: ", path);
    if (root >= 0)
        H5Gclose(root);
    H5Fclose(file);
    return rc;
}
