/* SPDX-License-Identifier: BSD-3-Clause */
/* The cube as HDF5 in the IDIA schema (docs/cube.md). HDF5 itself works only at create and at complete, in one rank;
   between them planes are written with pwrite at the offsets that create noted. */
#include "base/mem.h"
#include "io/file.h"
#include "io/h5.h"
#include "io/header.h"
#include "io/writer.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "planes are written as they lie in memory");

enum { TILE = 512, CHUNK_BYTES = TILE * TILE * (int)sizeof(float) };

/* Room for metadata: an entry of the index of chunks with the nodes above it (measured: 60), the rest generously. */
enum { META_PER_CHUNK = 160, META_REST = 64 << 10 };

/* What is stored beside the pixels of a plane, one element per plane in each of the arrays below. */
struct cells {
    float    min, max;
    double   sum, sum_sq;
    int64_t  n_nan;
    double   sum_of_weights;
    double   beam[3]; /* deg, NaN: none */
    int64_t  read, gridded, flagged, weightless, not_finite, outside, autocorrelation;
    uint64_t hash[2];
};

enum kind { F32, F64, I64, U64 };

static const size_t kind_bytes[] = {[F32] = 4, [F64] = 8, [I64] = 8, [U64] = 8};

/* clang-format off */
static const struct side {
    const char *path;
    enum kind   kind;
    size_t      n;    /* numbers per plane; more than one add an axis */
    size_t      from; /* where they are in struct cells */
} sides[] = {
    {"Statistics/XY/MIN",        F32, 1, offsetof(struct cells, min)},
    {"Statistics/XY/MAX",        F32, 1, offsetof(struct cells, max)},
    {"Statistics/XY/SUM",        F64, 1, offsetof(struct cells, sum)},
    {"Statistics/XY/SUM_SQ",     F64, 1, offsetof(struct cells, sum_sq)},
    {"Statistics/XY/NAN_COUNT",  I64, 1, offsetof(struct cells, n_nan)},
    {"Imaging/SUM_OF_WEIGHTS",   F64, 1, offsetof(struct cells, sum_of_weights)},
    {"Imaging/BMAJ",             F64, 1, offsetof(struct cells, beam[0])},
    {"Imaging/BMIN",             F64, 1, offsetof(struct cells, beam[1])},
    {"Imaging/BPA",              F64, 1, offsetof(struct cells, beam[2])},
    {"Imaging/READ",             I64, 1, offsetof(struct cells, read)},
    {"Imaging/GRIDDED",          I64, 1, offsetof(struct cells, gridded)},
    {"Imaging/FLAGGED",          I64, 1, offsetof(struct cells, flagged)},
    {"Imaging/WEIGHTLESS",       I64, 1, offsetof(struct cells, weightless)},
    {"Imaging/NOT_FINITE",       I64, 1, offsetof(struct cells, not_finite)},
    {"Imaging/OUTSIDE",          I64, 1, offsetof(struct cells, outside)},
    {"Imaging/AUTOCORRELATION",  I64, 1, offsetof(struct cells, autocorrelation)},
    {"Provenance/CHECKSUM",      U64, 2, offsetof(struct cells, hash)},
};
/* clang-format on */

enum { N_SIDES = sizeof sides / sizeof *sides };

/* Meaning of ib_layout.offset. */
enum { AT_DATA, AT_HISTOGRAM, AT_MIP, AT_SIDE = AT_MIP + IB_MAX_MIPS, N_OFFSETS = AT_SIDE + N_SIDES };

_Static_assert((int)N_OFFSETS <= (int)IB_MAX_REGIONS, "a layout has room for every array");

static hid_t stored_type(enum kind kind)
{
    switch (kind) {
    case F32:
        return H5T_IEEE_F32LE;
    case I64:
        return H5T_STD_I64LE;
    case U64:
        return H5T_STD_U64LE;
    case F64:
        break;
    }
    return H5T_IEEE_F64LE;
}

static bool is_tiled(const ib_cube *cube)
{
    return cube->nx >= TILE && cube->ny >= TILE;
}

static size_t tiles(size_t n)
{
    return (n + TILE - 1) / TILE;
}

/* ---- create --------------------------------------------------------------------------------------------------- */

static ib_status make_groups(hid_t root, ib_error *err)
{
    static const char *const names[] = {"Statistics",   "Statistics/XY", "MipMaps",
                                        "MipMaps/DATA", "Imaging",       "Provenance"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        hid_t group;

        if (ib_h5_group(&group, root, names[i], err))
            return err->status;
        H5Gclose(group);
    }
    return IB_OK;
}

/* An array that planes are written to. */
static ib_status lay_out_array(hid_t root, const char *name, hid_t type, int n_axis, const hsize_t *shape,
                               const hsize_t *chunk, ib_layout *layout, int region, ib_error *err)
{
    uint64_t bytes = H5Tget_size(type);

    for (int i = 0; i < n_axis; i++)
        bytes *= chunk ? (shape[i] + chunk[i] - 1) / chunk[i] * chunk[i] : shape[i];
    layout->length[region] = bytes;
    return ib_h5_lay_out(root, name, type, n_axis, shape, chunk, &layout->offset[region], err);
}

static ib_status lay_out_arrays(hid_t root, const ib_cube *cube, ib_layout *layout, ib_error *err)
{
    const hsize_t tile[4] = {1, 1, TILE, TILE};
    hsize_t       shape[4] = {cube->n_stokes, cube->n_chan, cube->ny, cube->nx};
    char          name[40];

    if (lay_out_array(root, "DATA", H5T_IEEE_F32LE, 4, shape, is_tiled(cube) ? tile : NULL, layout, AT_DATA, err))
        return err->status;
    for (size_t k = 0; k < cube->n_mip; k++) {
        shape[2] = ib_mip_size(cube->ny, k + 1);
        shape[3] = ib_mip_size(cube->nx, k + 1);
        snprintf(name, sizeof name, "MipMaps/DATA/DATA_XY_%u", 2u << k);
        if (lay_out_array(root, name, H5T_IEEE_F32LE, 4, shape, NULL, layout, AT_MIP + (int)k, err))
            return err->status;
    }
    for (size_t i = 0; i < N_SIDES; i++) {
        shape[2] = sides[i].n;
        if (lay_out_array(root, sides[i].path, stored_type(sides[i].kind), sides[i].n > 1 ? 3 : 2, shape, NULL,
                          layout, AT_SIDE + (int)i, err))
            return err->status;
    }
    shape[2] = cube->n_bin;
    return lay_out_array(root, "Statistics/XY/HISTOGRAM", H5T_STD_I64LE, 3, shape, NULL, layout, AT_HISTOGRAM, err);
}

static ib_status put_vector(hid_t root, const char *name, size_t n, const double *value, const char *unit,
                            ib_error *err)
{
    const hsize_t shape = n;

    if (ib_h5_lay_out(root, name, H5T_IEEE_F64LE, 1, &shape, NULL, NULL, err))
        return err->status;

    const hid_t set = H5Dopen2(root, name, H5P_DEFAULT);
    if (set < 0)
        return ib_h5_fail(err, IB_EIO, "open %s", name);
    ib_status rc = IB_OK;
    if (H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0)
        rc = ib_h5_fail(err, IB_EIO, "write %s", name);
    else if (*unit)
        rc = ib_h5_put_text(set, "units", unit, err);
    H5Dclose(set);
    return rc;
}

/* Coordinates of one axis of DATA, as netCDF readers find them. */
static ib_status put_scale(hid_t root, unsigned axis, const char *name, size_t n, const double *value,
                           const char *unit, ib_error *err)
{
    if (put_vector(root, name, n, value, unit, err))
        return err->status;

    ib_status   rc = IB_OK;
    const hid_t data = H5Dopen2(root, "DATA", H5P_DEFAULT), scale = H5Dopen2(root, name, H5P_DEFAULT);
    if (data < 0 || scale < 0 || H5DSset_scale(scale, name) < 0 || H5DSattach_scale(data, scale, axis) < 0)
        rc = ib_h5_fail(err, IB_EIO, "attach the coordinate %s to DATA", name);
    if (data >= 0)
        H5Dclose(data);
    if (scale >= 0)
        H5Dclose(scale);
    return rc;
}

static ib_status put_scales(hid_t root, const ib_cube *cube, ib_error *err)
{
    ib_status    rc;
    const size_t longest = cube->nx > cube->ny ? cube->nx : cube->ny;
    double       stokes[IB_MAX_STOKES], *pixel = ib_alloc(longest, sizeof *pixel, "coordinates", err);

    if (!pixel)
        return err->status;
    for (size_t i = 0; i < cube->n_stokes; i++)
        stokes[i] = ib_corr_fits(cube->stokes[i]);
    rc = put_scale(root, 0, "polarization", cube->n_stokes, stokes, "", err);
    if (rc == IB_OK)
        rc = put_scale(root, 1, "frequency", cube->n_chan, cube->freq, "Hz", err);
    for (size_t j = 0; j < cube->ny; j++)
        pixel[j] = ((double)j - (double)(cube->ny / 2)) * cube->cell[1];
    if (rc == IB_OK)
        rc = put_scale(root, 2, "m", cube->ny, pixel, "rad", err);
    for (size_t i = 0; i < cube->nx; i++)
        pixel[i] = ((double)(cube->nx / 2) - (double)i) * cube->cell[0];
    if (rc == IB_OK)
        rc = put_scale(root, 3, "l", cube->nx, pixel, "rad", err);
    if (rc == IB_OK)
        rc = put_vector(root, "Imaging/CHANNEL_WIDTH", cube->n_chan, cube->width, "Hz", err);
    ib_free(pixel);
    return rc;
}

static ib_status put_notes(hid_t root, const ib_cube *cube, ib_error *err)
{
    const hid_t group = H5Gopen2(root, "Provenance", H5P_DEFAULT);
    ib_status   rc = group < 0 ? ib_h5_fail(err, IB_EIO, "open group Provenance") : IB_OK;

    if (rc == IB_OK)
        rc = ib_h5_put_text(group, "product", cube->product, err);
    for (size_t i = 0; rc == IB_OK && i < cube->n_note; i++)
        rc = ib_h5_put_text(group, cube->note[i].name, cube->note[i].value, err);
    if (group >= 0)
        H5Gclose(group);
    return rc;
}

static ib_status lay_out(const ib_cube *cube, ib_layout *layout, ib_error *err)
{
    const size_t n_chunk = is_tiled(cube) ? cube->n_stokes * cube->n_chan * tiles(cube->ny) * tiles(cube->nx) : 0;
    hid_t        file, root = H5I_INVALID_HID;
    ib_status    rc = ib_h5_create(&file, layout->partial, META_REST + META_PER_CHUNK * n_chunk, err);

    if (rc)
        return rc;
    rc = ib_h5_group(&root, file, "0", err);
    if (rc == IB_OK)
        rc = make_groups(root, err);
    if (rc == IB_OK)
        rc = lay_out_arrays(root, cube, layout, err);
    if (rc == IB_OK)
        rc = put_scales(root, cube, err);
    if (rc == IB_OK)
        rc = put_notes(root, cube, err);
    if (root >= 0)
        H5Gclose(root);
    if (H5Fclose(file) < 0 && rc == IB_OK)
        rc = ib_h5_fail(err, IB_EIO, "close %s", layout->partial);
    return rc;
}

static ib_status create(const char *path, const ib_cube *cube, ib_layout *layout, ib_error *err)
{
    const uint64_t planes = (uint64_t)cube->n_stokes * cube->n_chan * cube->ny * cube->nx * sizeof(float);
    ib_status      rc = ib_file_begin(layout, path, META_REST + planes, err);

    if (rc)
        return rc;
    rc = lay_out(cube, layout, err);
    if (rc == IB_OK)
        rc = ib_file_reserve(layout, 0, err);
    if (rc)
        ib_file_abandon(layout);
    return rc;
}

/* ---- write ---------------------------------------------------------------------------------------------------- */

typedef struct sink {
    ib_target  to;
    ib_layout  layout;
    ib_writer *writer;
    size_t     nx, ny, n_chan, n_bin, n_mip;
    bool       tiled;
} sink;

static ib_status attach(void **self, const ib_layout *layout, const ib_cube *cube, ib_writer *writer, ib_error *err)
{
    sink *s = ib_alloc_zero(1, sizeof *s, "open cube", err);

    *self = NULL;
    if (!s)
        return err->status;
    s->layout = *layout;
    s->writer = writer;
    s->nx = cube->nx;
    s->ny = cube->ny;
    s->n_chan = cube->n_chan;
    s->n_bin = cube->n_bin;
    s->n_mip = cube->n_mip;
    s->tiled = is_tiled(cube);
    if (ib_target_open(&s->to, &s->layout, err)) {
        ib_free(s);
        return err->status;
    }
    *self = s;
    return IB_OK;
}

/* The element of an array [stokes][chan][...] that belongs to a plane. */
static ib_status pack_element(const sink *s, ib_pack *pack, size_t region, size_t plane, const void *bytes, size_t n,
                              ib_error *err)
{
    return ib_pack_add(pack, bytes, n, s->layout.offset[region] + plane * n, err);
}

/* Each tile is contiguous; those at the right edge are filled up with zeros, those at the top end early. */
static ib_status pack_tiles(const sink *s, ib_pack *pack, size_t plane, const float *pixel, ib_error *err)
{
    uint64_t at = s->layout.offset[AT_DATA] + plane * tiles(s->ny) * tiles(s->nx) * CHUNK_BYTES;

    for (size_t y = 0; y < s->ny; y += TILE)
        for (size_t x = 0; x < s->nx; x += TILE, at += CHUNK_BYTES) {
            const size_t height = s->ny - y < TILE ? s->ny - y : TILE, width = s->nx - x < TILE ? s->nx - x : TILE;

            if (ib_pack_rows(pack, pixel + y * s->nx + x, height, width * sizeof *pixel, s->nx * sizeof *pixel,
                             TILE * sizeof *pixel, at, err))
                return err->status;
        }
    return IB_OK;
}

static double degrees_or_nan(const double *beam, int i)
{
    return beam[0] > 0 ? beam[i] * IB_DEGREES : (double)NAN;
}

static struct cells cells_of(const ib_plane *plane)
{
    const ib_plane_stats *stats = &plane->stats;
    const ib_counts      *counts = &plane->counts;

    return (struct cells){
        .min = (float)stats->min,
        .max = (float)stats->max,
        .sum = stats->sum,
        .sum_sq = stats->sum_sq,
        .n_nan = (int64_t)stats->n_nan,
        .sum_of_weights = plane->sum_of_weights,
        .beam = {degrees_or_nan(plane->beam, 0), degrees_or_nan(plane->beam, 1), degrees_or_nan(plane->beam, 2)},
        .read = (int64_t)counts->read,
        .gridded = (int64_t)counts->gridded,
        .flagged = (int64_t)counts->flagged,
        .weightless = (int64_t)counts->weightless,
        .not_finite = (int64_t)counts->not_finite,
        .outside = (int64_t)counts->outside,
        .autocorrelation = (int64_t)counts->autocorrelation,
        .hash = {stats->hash[0], stats->hash[1]},
    };
}

static ib_status pack_plane(const sink *s, ib_pack *pack, const ib_plane *plane, ib_error *err)
{
    const size_t       at = plane->stokes * s->n_chan + plane->chan;
    const struct cells cells = cells_of(plane);

    if (s->tiled ? pack_tiles(s, pack, at, plane->pixel, err)
                 : pack_element(s, pack, AT_DATA, at, plane->pixel, s->ny * s->nx * sizeof *plane->pixel, err))
        return err->status;
    for (size_t k = 0; k < s->n_mip; k++) {
        const size_t n = ib_mip_size(s->nx, k + 1) * ib_mip_size(s->ny, k + 1);

        if (pack_element(s, pack, AT_MIP + k, at, plane->mip[k], n * sizeof *plane->mip[k], err))
            return err->status;
    }
    for (size_t i = 0; i < N_SIDES; i++)
        if (pack_element(s, pack, AT_SIDE + i, at, (const char *)&cells + sides[i].from,
                         sides[i].n * kind_bytes[sides[i].kind], err))
            return err->status;
    return pack_element(s, pack, AT_HISTOGRAM, at, plane->histogram, s->n_bin * sizeof *plane->histogram, err);
}

static ib_status write_plane(void *self, const ib_plane *plane, ib_error *err)
{
    const sink *s = self;
    ib_pack     pack;

    ib_pack_begin(&pack, s->writer, &s->to);
    const ib_status rc = pack_plane(s, &pack, plane, err);
    ib_pack_send(&pack);
    return rc;
}

static ib_status read_plane(void *self, size_t chan, size_t stokes, float *pixel, ib_error *err)
{
    const sink  *s = self;
    const size_t plane = stokes * s->n_chan + chan, row = s->nx * sizeof *pixel;
    uint64_t     at = s->layout.offset[AT_DATA] + plane * s->ny * row;

    if (!s->tiled)
        return ib_file_read(s->to.fd, s->layout.path, pixel, s->ny * row, at, err);
    at = s->layout.offset[AT_DATA] + plane * tiles(s->ny) * tiles(s->nx) * CHUNK_BYTES;
    for (size_t y = 0; y < s->ny; y += TILE)
        for (size_t x = 0; x < s->nx; x += TILE, at += CHUNK_BYTES) {
            const size_t height = s->ny - y < TILE ? s->ny - y : TILE, width = s->nx - x < TILE ? s->nx - x : TILE;

            for (size_t r = 0; r < height; r++)
                if (ib_file_read(s->to.fd, s->layout.path, pixel + (y + r) * s->nx + x, width * sizeof *pixel,
                                 at + r * TILE * sizeof *pixel, err))
                    return err->status;
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

/* ---- complete ------------------------------------------------------------------------------------------------- */

static ib_status put_card(hid_t root, const ib_card *card, ib_error *err)
{
    switch (card->kind) {
    case IB_CARD_BOOL:
        return ib_h5_put_bool(root, card->name, card->integer != 0, err);
    case IB_CARD_INT:
        return ib_h5_put_int(root, card->name, card->integer, err);
    case IB_CARD_REAL:
        return ib_h5_put_real(root, card->name, card->real, err);
    case IB_CARD_TEXT:
        break;
    }
    return ib_h5_put_text(root, card->name, card->text, err);
}

static ib_status put_header(hid_t root, const ib_header *header, ib_error *err)
{
    ib_status rc = ib_h5_put_text(root, "SCHEMA_VERSION", "0.3", err);

    if (rc == IB_OK)
        rc = ib_h5_put_text(root, "HDF5_CONVERTER", "imgbench", err);
    if (rc == IB_OK)
        rc = ib_h5_put_text(root, "HDF5_CONVERTER_VERSION", IB_VERSION, err);
    for (size_t i = 0; rc == IB_OK && i < header->n; i++)
        rc = put_card(root, &header->card[i], err);
    return rc;
}

static ib_status complete(const ib_layout *layout, const ib_cube *cube, const double *beam, ib_error *err)
{
    ib_header header;
    hid_t     file, root = H5I_INVALID_HID;
    ib_status rc = ib_h5_reopen(&file, layout->partial, err);

    ib_header_make(&header, cube, beam);
    if (rc == IB_OK) {
        root = H5Gopen2(file, "0", H5P_DEFAULT);
        rc = root < 0 ? ib_h5_fail(err, IB_EIO, "open the header of %s", layout->partial)
                      : put_header(root, &header, err);
        if (root >= 0)
            H5Gclose(root);
        if (H5Fclose(file) < 0 && rc == IB_OK)
            rc = ib_h5_fail(err, IB_EIO, "close %s", layout->partial);
    }
    if (rc)
        return rc;
    const int fd = ib_file_attach(layout, err);
    return fd < 0 ? err->status : ib_file_detach(fd, layout->partial, err);
}

const ib_sink_ops ib_sink_hdf5 = {
    .name = "hdf5",
    .suffix = ".hdf5",
    .help = "HDF5 in the IDIA schema: CARTA, h5py, xarray",
    .create = create,
    .attach = attach,
    .write = write_plane,
    .read = read_plane,
    .sync = flush,
    .detach = detach,
    .complete = complete,
};
