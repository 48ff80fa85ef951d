/* SPDX-License-Identifier: BSD-3-Clause */
/** The only door to the formats: checks once, then the table of the format. */
#ifndef IB_IO_IO_H
#define IB_IO_IO_H

#include "model/sink.h"
#include "model/source.h"

typedef struct ib_source ib_source;

/** Open an input: sim:PRESET, a MeasurementSet, native HDF5 visibilities, whichever answers its probe best. Every rank.
 *  @param info  described after selection; the source keeps a reference until it is closed
 *  @return IB_EDATA when nothing recognises it (the sentence says what was looked for). */
ib_status ib_source_open(ib_source **out, const ib_config *cfg, ib_vis_info *info, ib_error *err);

/** Row geometry; see ib_source_ops. Ranges are checked. */
ib_status ib_source_rows(ib_source *source, size_t spw, ib_range rows, const ib_rows *into, ib_error *err);

/** Samples; see ib_source_ops. Ranges are checked; bytes are counted. */
ib_status ib_source_read(ib_source *source, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                         ib_error *err);

/** Name of the format; whether several threads may read at once; bytes delivered so far by reads. */
const char *ib_source_format(const ib_source *source);
bool        ib_source_concurrent(const ib_source *source);
int64_t     ib_source_bytes(const ib_source *source);

/** Bytes that the system has read for the source, its opening included; 0 where the system does not tell. */
int64_t ib_source_fetched(const ib_source *source);

void ib_source_close(ib_source *source);

/** The formats, NULL beyond the last; for help texts. */
const ib_source_ops *ib_source_format_at(size_t i);

/** The sink of a name ("hdf5", "fits"); NULL: unknown. */
const ib_sink_ops *ib_sink_find(const char *name);

/** Write native HDF5 visibilities (docs/visibilities.md): lay out (one rank), fill (every rank, in any order), then
 *  io/file.h gives the file its name. The same bytes whoever fills what. Fields that are not selected are left out, and
 *  the others numbered anew.
 *  @param layout  out: its region 0 is what is filled, everything else is there at once
 *  @return IB_EIO when there is no room. */
ib_status ib_vis_create(const char *path, const ib_vis_info *info, ib_layout *layout, ib_error *err);

typedef struct ib_vis_writer ib_vis_writer;

/** Open a file that is laid out for filling. Any rank. */
ib_status ib_vis_attach(ib_vis_writer **out, const ib_layout *layout, const ib_vis_info *info, ib_error *err);

/** Rows of a window, whole: geometry and the samples of all channels [chan][rows][corr]. Any thread.
 *  @param digest  out: of what was written */
ib_status ib_vis_put(ib_vis_writer *writer, size_t spw, ib_range rows, const ib_rows *geometry,
                     const ib_samples *samples, uint64_t *digest, ib_error *err);

/** The same digest, of what the file holds now. */
ib_status ib_vis_digest(const ib_vis_writer *writer, size_t spw, ib_range rows, uint64_t *digest, ib_error *err);

/** Flush what this process has written to the device. Any thread. */
ib_status ib_vis_sync(const ib_vis_writer *writer, ib_error *err);

/** The same, and let go of the file. Accepts NULL. */
ib_status ib_vis_detach(ib_vis_writer *writer, ib_error *err);

/** An image cube, HDF5 in the IDIA schema or FITS, opened to look at planes. */
typedef struct ib_picture {
    size_t  nx, ny, n_chan, n_stokes;
    double  ra, dec, centre[2], cell[2]; /* rad at a pixel (from 0; 0.5 is between two), and of a pixel */
    double *freq, *stokes;               /* [n_chan] Hz, 0 unknown; [n_stokes] FITS codes, 0 unknown */
    char    unit[IB_NAME], object[IB_NAME], path[512];
} ib_picture;

/** @return IB_EDATA when it is missing or no cube. End it with ib_picture_close, which accepts NULL. */
ib_status ib_picture_open(ib_picture **out, const char *path, ib_error *err);
void      ib_picture_close(ib_picture *picture);

/** Name of a Stokes plane, "?" unknown. */
const char *ib_picture_stokes(const ib_picture *picture, size_t stokes);

/** Part of a plane, every pixel the mean of step x step of the cube's that are not NaN. */
typedef struct ib_raster {
    size_t x, y, step; /* first pixel of the cube, multiples of step */
    size_t nx, ny;
    float *pixel;   /* [ny][nx], from ib_alloc, the caller's */
    double beam[3]; /* rad: FWHM major, minor, position angle of the plane; 0: none */
} ib_raster;

/** Read a window of a plane with the smallest step, a power of 2, that leaves at most `most` pixels per side, one more where
 *  the window does not start at a multiple of it. Mipmaps are used where the file has them.
 *  @param window  x, y, width, height: inside of the plane
 *  @return IB_EUSAGE for a plane that is not there. */
ib_status ib_picture_read(const ib_picture *picture, size_t chan, size_t stokes, const size_t window[4], size_t most,
                          ib_raster *out, ib_error *err);

/** Compare every plane of an HDF5 cube with the checksum that was taken while it was in memory.
 *  @param differs  told of each plane that is not what it was
 *  @return IB_EDATA when it is damaged, or has no checksums; differing planes are not an error here. */
typedef struct ib_verified {
    size_t n_plane, n_differ;
} ib_verified;
ib_status ib_cube_verify(const char *path, ib_verified *out, void (*differs)(void *self, size_t chan, size_t stokes),
                         void *self, ib_error *err);

#endif
