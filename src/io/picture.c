/* SPDX-License-Identifier: BSD-3-Clause */
/* Planes of a cube for pictures, from HDF5 (docs/cube.md) or FITS: a window of one, reduced to what can be drawn. */
#include "base/mem.h"
#include "io/h5.h"
#include "io/header.h"
#include "io/io.h"

#include <fitsio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct cube {
    ib_picture about; /* first: what callers see */
    hid_t      file, root;
    fitsfile  *fits;              /* instead of the two above */
    int        n_axis, chan, pol; /* axes of the FITS array; -1: it has none such */
} cube;

/* ---- headers ------------------------------------------------------------------------------------------------ */

/* Zero or empty where the header does not say. */
static double real_or_zero(const cube *c, const char *name)
{
    ib_error ignored;
    double   value = 0;
    int      status = 0;

    if (c->fits)
        return fits_read_key(c->fits, TDOUBLE, name, &value, NULL, &status) ? 0 : value;
    return ib_h5_real(c->root, name, &value, &ignored) ? 0 : value;
}

static void text_or_empty(const cube *c, const char *name, char text[IB_NAME])
{
    ib_error ignored;
    char     value[FLEN_VALUE] = "";
    int      status = 0;

    text[0] = '\0';
    if (!c->fits) {
        if (ib_h5_text(c->root, name, text, IB_NAME, &ignored))
            text[0] = '\0';
    } else if (!fits_read_key(c->fits, TSTRING, name, value, NULL, &status))
        snprintf(text, IB_NAME, "%.*s", IB_NAME - 1, value);
}

static ib_status read_header(cube *c, ib_error *err)
{
    ib_picture *p = &c->about;

    p->ra = real_or_zero(c, "CRVAL1") / IB_DEGREES;
    p->dec = real_or_zero(c, "CRVAL2") / IB_DEGREES;
    p->cell[0] = -real_or_zero(c, "CDELT1") / IB_DEGREES;
    p->cell[1] = real_or_zero(c, "CDELT2") / IB_DEGREES;
    p->centre[0] = real_or_zero(c, "CRPIX1") - 1;
    p->centre[1] = real_or_zero(c, "CRPIX2") - 1;
    text_or_empty(c, "BUNIT", p->unit);
    text_or_empty(c, "OBJECT", p->object);
    if (!(p->cell[0] > 0 && p->cell[1] > 0))
        return ib_fail(err, IB_EDATA, "its pixels have no size: CDELT1 must be below and CDELT2 above zero");
    return IB_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static ib_status make_axes(ib_picture *p, ib_error *err)
{
    p->freq = ib_alloc_zero(p->n_chan, sizeof *p->freq, "frequencies", err);
    p->stokes = ib_alloc_zero(p->n_stokes, sizeof *p->stokes, "Stokes axis", err);
    return p->freq && p->stokes ? IB_OK : err->status;
}

static ib_status open_hdf5(cube *c, const char *path, ib_error *err)
{
    ib_picture *p = &c->about;
    hsize_t     shape[4];

    if (ib_h5_open(&c->file, path, err))
        return err->status;
    c->root = ib_h5_has(c->file, "0") ? H5Gopen2(c->file, "0", H5P_DEFAULT) : H5I_INVALID_HID;
    if (c->root < 0)
        return ib_fail(err, IB_EDATA, "it has no group /0: it is not an image cube");
    if (ib_h5_shape(c->root, "DATA", 4, shape, err))
        return err->status;
    p->n_stokes = shape[0];
    p->n_chan = shape[1];
    p->ny = shape[2];
    p->nx = shape[3];
    if (make_axes(p, err) || ib_h5_read(c->root, "frequency", H5T_NATIVE_DOUBLE, 1, &shape[1], p->freq, err))
        return err->status;
    return ib_h5_read(c->root, "polarization", H5T_NATIVE_DOUBLE, 1, &shape[0], p->stokes, err);
}

static ib_status fits_fail(ib_error *err, const char *what, int status)
{
    char reason[FLEN_STATUS];

    fits_get_errstatus(status, reason);
    fits_clear_errmsg();
    return ib_fail(err, IB_EDATA, "%s: CFITSIO says: %s", what, reason);
}

/* Number and text of a card that belongs to an axis of the FITS array, from 0. */
static double axis_real(const cube *c, const char *stem, int axis)
{
    char name[FLEN_KEYWORD];
    int  status = 0;

    fits_make_keyn(stem, axis + 1, name, &status);
    return real_or_zero(c, name);
}

static void axis_type(const cube *c, int axis, char text[IB_NAME])
{
    char name[FLEN_KEYWORD];
    int  status = 0;

    fits_make_keyn("CTYPE", axis + 1, name, &status);
    text_or_empty(c, name, text);
}

/* Value of element i of an axis. */
static double along(const cube *c, int axis, size_t i)
{
    return axis_real(c, "CRVAL", axis) + ((double)i + 1 - axis_real(c, "CRPIX", axis)) * axis_real(c, "CDELT", axis);
}

static ib_status open_fits(cube *c, const char *path, ib_error *err)
{
    ib_picture *p = &c->about;
    long        n[4] = {1, 1, 1, 1};
    int         type = 0, status = 0;

    if (fits_open_diskfile(&c->fits, path, READONLY, &status) ||
        fits_get_img_param(c->fits, 4, &type, &c->n_axis, n, &status))
        return fits_fail(err, "open it", status);
    if (c->n_axis < 2 || c->n_axis > 4 || n[0] < 1 || n[1] < 1 || n[2] < 1 || n[3] < 1)
        return ib_fail(err, IB_EDATA, "its first array is no image of 2 to 4 axes, but of %d", c->n_axis);
    c->chan = c->pol = -1;
    for (int axis = 2; axis < c->n_axis; axis++) {
        char kind[IB_NAME];

        axis_type(c, axis, kind);
        if (c->pol < 0 && !strncmp(kind, "STOKES", 6))
            c->pol = axis;
        else if (c->chan < 0)
            c->chan = axis;
        else
            return ib_fail(err, IB_EDATA, "axis %d (%s) is neither a spectral one nor STOKES", axis + 1, kind);
    }
    p->nx = (size_t)n[0];
    p->ny = (size_t)n[1];
    p->n_chan = c->chan < 0 ? 1 : (size_t)n[c->chan];
    p->n_stokes = c->pol < 0 ? 1 : (size_t)n[c->pol];
    if (make_axes(p, err))
        return err->status;
    char kind[IB_NAME] = "";
    if (c->chan >= 0)
        axis_type(c, c->chan, kind);
    for (size_t i = 0; i < p->n_chan && !strncmp(kind, "FREQ", 4); i++)
        p->freq[i] = along(c, c->chan, i);
    for (size_t i = 0; i < p->n_stokes && c->pol >= 0; i++)
        p->stokes[i] = along(c, c->pol, i);
    return IB_OK;
}

static bool is_fits(const char *path)
{
    char  start[9] = "";
    FILE *file = fopen(path, "rb");

    if (file) {
        if (!fread(start, 1, sizeof start, file))
            start[0] = '\0';
        fclose(file);
    }
    return !memcmp(start, "SIMPLE  =", sizeof start);
}

ib_status ib_picture_open(ib_picture **out, const char *path, ib_error *err)
{
    cube *c = ib_alloc_zero(1, sizeof *c, "picture", err);

    *out = NULL;
    if (!c)
        return err->status;
    c->file = c->root = H5I_INVALID_HID;
    *err = (ib_error){0};
    snprintf(c->about.path, sizeof c->about.path, "%s", path);
    if (is_fits(path) ? open_fits(c, path, err) : open_hdf5(c, path, err)) {
        if (!strstr(err->text, path))
            ib_within(err, "read %s: ", path);
    } else if (read_header(c, err))
        ib_within(err, "read %s: ", path);
    if (err->status)
        ib_picture_close(&c->about);
    else
        *out = &c->about;
    return err->status;
}

void ib_picture_close(ib_picture *picture)
{
    cube *c = (cube *)picture;
    int   status = 0;

    if (!c)
        return;
    if (c->fits)
        fits_close_file(c->fits, &status);
    if (c->root >= 0)
        H5Gclose(c->root);
    if (c->file >= 0)
        H5Fclose(c->file);
    ib_free(c->about.freq);
    ib_free(c->about.stokes);
    ib_free(c);
}

const char *ib_picture_stokes(const ib_picture *picture, size_t stokes)
{
    for (int corr = IB_I; corr <= IB_YY; corr++)
        if (ib_corr_fits(corr) == picture->stokes[stokes])
            return ib_corr_name(corr);
    return "?";
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Means of step x step pixels that are not NaN; NaN where there are none. pixel: [ny][nx] -> [ny/step][nx/step], in place,
   sides rounded up. */
static void reduce(float *pixel, size_t nx, size_t ny, size_t step)
{
    const size_t wide = (nx + step - 1) / step, high = (ny + step - 1) / step;

    for (size_t j = 0; j < high && step > 1; j++)
        for (size_t i = 0; i < wide; i++) {
            double sum = 0;
            size_t n = 0;

            for (size_t y = j * step; y < (j + 1) * step && y < ny; y++)
                for (size_t x = i * step; x < (i + 1) * step && x < nx; x++)
                    if (!isnan(pixel[y * nx + x])) {
                        sum += (double)pixel[y * nx + x];
                        n++;
                    }
            pixel[j * wide + i] = n ? (float)(sum / (double)n) : NAN;
        }
}

static ib_status read_hdf5(const cube *c, const char *set_name, const hsize_t start[4], const hsize_t count[4],
                           float *into, ib_error *err)
{
    const hid_t set = H5Dopen2(c->root, set_name, H5P_DEFAULT), file = H5Dget_space(set);
    const hid_t memory = H5Screate_simple(4, count, NULL);
    ib_status   rc = IB_OK;

    if (H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
        H5Dread(set, H5T_NATIVE_FLOAT, memory, file, H5P_DEFAULT, into) < 0)
        rc = ib_h5_fail(err, IB_EDATA, "read %s, channel %zu, Stokes %zu", set_name, (size_t)start[1],
                        (size_t)start[0]);
    H5Sclose(memory);
    H5Sclose(file);
    H5Dclose(set);
    return rc;
}

/* Rows [y, y + n) of the window at full resolution. */
static ib_status read_rows(const cube *c, size_t chan, size_t stokes, const ib_raster *r, size_t width, size_t y,
                           size_t n, float *into, ib_error *err)
{
    if (!c->fits)
        return read_hdf5(c, "DATA", (hsize_t[]){stokes, chan, y, r->x}, (hsize_t[]){1, 1, n, width}, into, err);

    long  first[4] = {(long)r->x + 1, (long)y + 1, 1, 1}, last[4] = {(long)(r->x + width), (long)(y + n), 1, 1};
    long  step[4] = {1, 1, 1, 1};
    float blank = NAN;
    int   any, status = 0;

    if (c->chan >= 0)
        first[c->chan] = last[c->chan] = (long)chan + 1;
    if (c->pol >= 0)
        first[c->pol] = last[c->pol] = (long)stokes + 1;
    if (fits_read_subset(c->fits, TFLOAT, first, last, step, &blank, into, &any, &status))
        return fits_fail(err, "read pixels", status);
    return IB_OK;
}

/* The mipmap of this step, shape and all; false: there is none, reduce by hand. */
static bool has_mip(const cube *c, size_t step, char name[40])
{
    hsize_t  shape[4];
    ib_error ignored;

    snprintf(name, 40, "MipMaps/DATA/DATA_XY_%zu", step);
    return !c->fits && step > 1 && ib_h5_has(c->root, name) && !ib_h5_shape(c->root, name, 4, shape, &ignored) &&
           shape[0] == c->about.n_stokes && shape[1] == c->about.n_chan &&
           shape[2] == (c->about.ny + step - 1) / step && shape[3] == (c->about.nx + step - 1) / step;
}

static ib_status read_pixels(const cube *c, size_t chan, size_t stokes, size_t width, size_t height, ib_raster *r,
                             ib_error *err)
{
    const size_t step = r->step;
    char         mip[40];

    if (has_mip(c, step, mip))
        return read_hdf5(c, mip, (hsize_t[]){stokes, chan, r->y / step, r->x / step}, (hsize_t[]){1, 1, r->ny, r->nx},
                         r->pixel, err);
    if (step == 1)
        return read_rows(c, chan, stokes, r, width, r->y, height, r->pixel, err);

    float    *rows = ib_alloc(width * step, sizeof *rows, "rows of a plane", err);
    ib_status rc = rows ? IB_OK : err->status;
    for (size_t j = 0; j < r->ny && !rc; j++) {
        const size_t y = j * step, n = height - y < step ? height - y : step;

        rc = read_rows(c, chan, stokes, r, width, r->y + y, n, rows, err);
        reduce(rows, width, n, step);
        memcpy(r->pixel + j * r->nx, rows, r->nx * sizeof *rows);
    }
    ib_free(rows);
    return rc;
}

/* Restoring beam of a plane: its own where the file has one per plane, else that of the header. */
static void read_beam(const cube *c, size_t chan, size_t stokes, double beam[3])
{
    static const char *const names[3] = {"BMAJ", "BMIN", "BPA"};
    const hsize_t            start[2] = {stokes, chan}, count[2] = {1, 1};

    for (int i = 0; i < 3; i++) {
        char     path[40];
        hsize_t  shape[2];
        double   value = real_or_zero(c, names[i]);
        ib_error ignored;

        snprintf(path, sizeof path, "Imaging/%s", names[i]);
        if (!c->fits && ib_h5_has(c->root, path) && !ib_h5_shape(c->root, path, 2, shape, &ignored) &&
            shape[0] > stokes && shape[1] > chan) {
            const hid_t set = H5Dopen2(c->root, path, H5P_DEFAULT), file = H5Dget_space(set);
            const hid_t memory = H5Screate_simple(2, count, NULL);
            double      own = NAN;

            if (H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0)
                H5Dread(set, H5T_NATIVE_DOUBLE, memory, file, H5P_DEFAULT, &own);
            H5Sclose(memory);
            H5Sclose(file);
            H5Dclose(set);
            value = isnan(own) ? 0 : own;
        }
        beam[i] = value / IB_DEGREES;
    }
}

ib_status ib_picture_read(const ib_picture *picture, size_t chan, size_t stokes, const size_t window[4], size_t most,
                          ib_raster *out, ib_error *err)
{
    const cube  *c = (const cube *)picture;
    const size_t wide = window[2] > window[3] ? window[2] : window[3];
    size_t       step = 1;

    *out = (ib_raster){0};
    if (chan >= picture->n_chan || stokes >= picture->n_stokes)
        return ib_fail(
            err, IB_EUSAGE,
            "there is no channel %zu of Stokes %zu; the cube has %zu channels and %zu Stokes planes, counted "
            "from 0",
            chan, stokes, picture->n_chan, picture->n_stokes);
    while (wide > most * step)
        step *= 2;
    const size_t x = window[0] / step * step, y = window[1] / step * step;
    const size_t width = window[0] + window[2] - x, height = window[1] + window[3] - y;

    *out =
        (ib_raster){.x = x, .y = y, .step = step, .nx = (width + step - 1) / step, .ny = (height + step - 1) / step};
    out->pixel = ib_alloc(out->nx * out->ny, sizeof *out->pixel, "picture", err);
    if (!out->pixel)
        return err->status;
    read_beam(c, chan, stokes, out->beam);
    if (read_pixels(c, chan, stokes, width, height, out, err)) {
        ib_free(out->pixel);
        out->pixel = NULL;
        return ib_within(err, "%s: ", picture->path);
    }
    return IB_OK;
}
