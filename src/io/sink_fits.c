/* SPDX-License-Identifier: BSD-3-Clause */
/* The cube as FITS: one primary array RA, DEC, FREQ, STOKES, and the beams of all planes in a table as CASA has it. */
#include "base/mem.h"
#include "io/file.h"
#include "io/header.h"
#include "io/writer.h"

#include <fitsio.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t plane_bytes(const ib_cube *cube)
{
    return (uint64_t)cube->nx * cube->ny * sizeof(float);
}

static uint64_t whole_blocks(uint64_t bytes)
{
    return (bytes + IB_FITS_BLOCK - 1) / IB_FITS_BLOCK * IB_FITS_BLOCK;
}

static ib_status write_header(int fd, const ib_layout *layout, const ib_cube *cube, const double *beam, ib_error *err)
{
    ib_header header;
    char      text[IB_FITS_HEADER];

    ib_header_make(&header, cube, beam);
    if (ib_header_beam(cube, beam))
        ib_header_bool(&header, "CASAMBM", true, "a beam per plane in the table BEAMS");
    ib_header_fits(&header, text);
    return ib_file_write(fd, layout->path, text, sizeof text, 0, err);
}

static ib_status create(const char *path, const ib_cube *cube, ib_layout *layout, ib_error *err)
{
    const uint64_t bytes = IB_FITS_HEADER + whole_blocks(plane_bytes(cube) * cube->n_chan * cube->n_stokes);
    ib_status      rc = ib_file_begin(layout, path, bytes, err);

    if (rc)
        return rc;
    layout->offset[0] = IB_FITS_HEADER;
    layout->length[0] = plane_bytes(cube) * cube->n_chan * cube->n_stokes;
    rc = ib_file_reserve(layout, bytes, err);
    if (rc)
        ib_file_abandon(layout);
    return rc;
}

typedef struct sink {
    ib_target  to;
    ib_layout  layout;
    ib_writer *writer;
    size_t     n_pixel, n_chan;
} sink;

static ib_status attach(void **self, const ib_layout *layout, const ib_cube *cube, ib_writer *writer, ib_error *err)
{
    sink *s = ib_alloc_zero(1, sizeof *s, "open cube", err);

    *self = NULL;
    if (!s)
        return err->status;
    s->layout = *layout;
    s->writer = writer;
    s->n_pixel = cube->nx * cube->ny;
    s->n_chan = cube->n_chan;
    if (ib_target_open(&s->to, &s->layout, err)) {
        ib_free(s);
        return err->status;
    }
    *self = s;
    return IB_OK;
}

/* FITS is big-endian, we are not (sink_hdf5.c insists). */
static ib_status write_plane(void *self, const ib_plane *plane, ib_error *err)
{
    const sink  *s = self;
    const size_t bytes = s->n_pixel * sizeof(float);
    uint64_t     at = s->layout.offset[0] + (plane->stokes * s->n_chan + plane->chan) * bytes;
    ib_status    rc = IB_OK;
    ib_pack      pack;

    ib_pack_begin(&pack, s->writer, &s->to);
    for (size_t done = 0, got; done < bytes; done += got, at += got) {
        uint32_t *into = ib_pack_room(&pack, at, bytes - done, bytes - done, &got, err);
        if (!into) {
            rc = err->status;
            break;
        }
        memcpy(into, (const char *)plane->pixel + done, got);
        for (size_t i = 0; i < got / sizeof *into; i++)
            into[i] = __builtin_bswap32(into[i]);
    }
    ib_pack_send(&pack);
    return rc;
}

static ib_status read_plane(void *self, size_t chan, size_t stokes, float *pixel, ib_error *err)
{
    const sink    *s = self;
    const uint64_t bytes = s->n_pixel * sizeof(float), at = s->layout.offset[0] + (stokes * s->n_chan + chan) * bytes;
    uint32_t       x;

    if (ib_file_read(s->to.fd, s->layout.path, pixel, bytes, at, err))
        return err->status;
    for (size_t i = 0; i < s->n_pixel; i++) {
        memcpy(&x, pixel + i, sizeof x);
        x = __builtin_bswap32(x);
        memcpy(pixel + i, &x, sizeof x);
    }
    return IB_OK;
}

static ib_status flush(void *self, ib_error *err)
{
    const sink *s = self;
    return ib_file_sync(s->to.fd, s->to.name, err);
}

static ib_status detach(void *self, ib_error *err)
{
    sink *s = self;

    if (!s)
        return IB_OK;
    const ib_status rc = ib_target_close(&s->to, err);
    ib_free(s);
    return rc;
}

/* A row per plane, channels fastest. A blank plane, which has no beam, is given that of the middle channel: casacore
   refuses tables with a beam of no size. */
static int fill_table(fitsfile *file, const ib_cube *cube, const double *beam, int *status)
{
    char *names[] = {"BMAJ", "BMIN", "BPA", "CHAN", "POL"};
    char *forms[] = {"1E", "1E", "1E", "1J", "1J"};
    char *units[] = {"arcsec", "arcsec", "deg", "", ""};
    long  n_chan = (long)cube->n_chan, n_stokes = (long)cube->n_stokes, version = 1;

    fits_create_tbl(file, BINARY_TBL, n_chan * n_stokes, 5, names, forms, units, "BEAMS", status);
    fits_write_key(file, TLONG, "EXTVER", &version, "", status);
    fits_write_key(file, TLONG, "NCHAN", &n_chan, "number of channels", status);
    fits_write_key(file, TLONG, "NPOL", &n_stokes, "number of Stokes parameters or correlations", status);
    for (long stokes = 0; stokes < n_stokes; stokes++)
        for (long chan = 0; chan < n_chan; chan++) {
            const double *own = beam + (chan * n_stokes + stokes) * 3;
            const double *b = own[0] > 0 ? own : ib_header_beam(cube, beam);
            double        value[3] = {b[0] * IB_DEGREES * 3600, b[1] * IB_DEGREES * 3600, b[2] * IB_DEGREES};
            int           place[2] = {(int)chan, (int)stokes};
            const long    row = stokes * n_chan + chan + 1;

            for (int i = 0; i < 3; i++)
                fits_write_col(file, TDOUBLE, i + 1, row, 1, 1, &value[i], status);
            for (int i = 0; i < 2; i++)
                fits_write_col(file, TINT, i + 4, row, 1, 1, &place[i], status);
        }
    return *status;
}

static ib_status add_table(const ib_layout *layout, const ib_cube *cube, const double *beam, ib_error *err)
{
    fitsfile *file = NULL;
    int       status = 0, ignored = 0;
    char      text[FLEN_STATUS];

    if (!fits_open_diskfile(&file, layout->partial, READWRITE, &status))
        fill_table(file, cube, beam, &status);
    if (file)
        fits_close_file(file, status ? &ignored : &status);
    if (!status)
        return IB_OK;
    fits_get_errstatus(status, text);
    fits_clear_errmsg();
    return ib_fail(err, IB_EIO, "write the beams of %s: CFITSIO: %s", layout->path, text);
}

static ib_status complete(const ib_layout *layout, const ib_cube *cube, const double *beam, ib_error *err)
{
    const int fd = ib_file_attach(layout, err);
    ib_status rc = fd < 0 ? err->status : write_header(fd, layout, cube, beam, err);

    if (fd >= 0 && rc)
        close(fd);
    else if (fd >= 0)
        rc = ib_file_detach(fd, layout->path, err);
    if (rc == IB_OK && ib_header_beam(cube, beam))
        rc = add_table(layout, cube, beam, err);
    const int whole = rc ? -1 : ib_file_attach(layout, err);
    if (!rc)
        rc = whole < 0 ? err->status : ib_file_detach(whole, layout->path, err);
    return rc;
}

const ib_sink_ops ib_sink_fits = {
    .name = "fits",
    .suffix = ".fits",
    .help = "FITS with the beams of all planes in a table",
    .create = create,
    .attach = attach,
    .write = write_plane,
    .read = read_plane,
    .sync = flush,
    .detach = detach,
    .complete = complete,
};
