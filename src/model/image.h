/* SPDX-License-Identifier: BSD-3-Clause */
/** Cubes and planes: what an output file must know, and what is computed from a plane while it is in memory. */
#ifndef IB_MODEL_IMAGE_H
#define IB_MODEL_IMAGE_H

#include "model/vis.h"

enum { IB_MAX_STOKES = 4, IB_MAX_MIPS = 12 };

/** One name and value for the group of parameters in an output ("support" = "51"). */
typedef struct ib_note {
    const char *name, *value;
} ib_note;

/** A cube of planes [stokes][chan][ny][nx] and its header. Plain data; arrays and strings are borrowed and must
 *  outlive the sink. */
typedef struct ib_cube {
    const char    *product; /* "dirty", "psf" */
    const char    *unit;    /* "Jy/beam"; "" none */
    size_t         nx, ny, n_chan, n_stokes;
    double         cell[2];               /* rad, positive */
    double         ra, dec;               /* rad, at pixel (nx/2, ny/2) */
    const double  *freq;                  /* [n_chan] Hz, centre */
    const double  *width;                 /* [n_chan] Hz */
    bool           even;                  /* frequencies are evenly spaced: a FREQ axis describes them */
    int            stokes[IB_MAX_STOKES]; /* IB_I, IB_XX ... evenly spaced in FITS codes */
    double         rest_freq;             /* Hz, 0 unknown */
    double         time;                  /* s, MJD x 86400: DATE-OBS; 0 unknown */
    const char    *telescope, *object, *observer, *frame, *radesys; /* "" unknown */
    const ib_note *note;                                            /* [n_note] run parameters */
    size_t         n_note;
    size_t         n_bin; /* bins of a plane's histogram */
    size_t         n_mip; /* mipmap levels: 2, 4, ... 2^n_mip */
} ib_cube;

/** Levels of mipmaps that a plane of nx x ny gets: halved until both sides are at most 128 pixels. */
size_t ib_mip_levels(size_t nx, size_t ny);

/** Bins of a plane's histogram: the side of a square of as many pixels, as the IDIA converter has it; at least 2. */
size_t ib_histogram_bins(size_t nx, size_t ny);

/** Sides of mipmap level k (1: half size): rounded up. */
size_t ib_mip_size(size_t n, size_t level);

typedef struct ib_plane_stats {
    double   min, max, sum, sum_sq; /* of pixels that are not NaN; min and max are NaN when there is none */
    uint64_t n_nan;
    uint64_t hash[2]; /* XXH3-128 of the plane's bytes, low and high half */
} ib_plane_stats;

/** One finished plane, as it goes to the sinks. Views; nothing is owned. */
typedef struct ib_plane {
    size_t         chan, stokes;
    const float   *pixel; /* [ny][nx]; NaN: blank */
    ib_plane_stats stats;
    const int64_t *histogram;        /* [n_bin], between min and max */
    const float   *mip[IB_MAX_MIPS]; /* mip[0] is the half-size one; NaN-aware block means */
    double         sum_of_weights;
    double         beam[3]; /* rad: FWHM major, minor, position angle (north through east); 0: none */
    ib_counts      counts;
} ib_plane;

/**
 * Statistics, checksum, histogram and mipmaps of planes, one after the other, in buffers that are made once.
 *
 * A plane is taken by bands of IB_BAND_ROWS rows, so that a band is still in cache when it has just been made and threads
 * can share a plane. What comes out does not depend on who took which band, nor when.
 */
typedef struct ib_summary ib_summary;

enum { IB_BAND_ROWS = 64 };

/** @param cube  borrowed */
ib_status ib_summary_create(ib_summary **out, const ib_cube *cube, ib_error *err);
void      ib_summary_destroy(ib_summary *summary);

/** Bytes that it holds, for planes of nx x ny with n_bin bins. */
size_t ib_summary_bytes(size_t nx, size_t ny, size_t n_bin);

/** Bands of a plane of ny rows. */
size_t ib_summary_bands(size_t ny);

/** 1. Look at a band: each once, in any order, by any thread. @param pixel  [ny][nx] of the whole plane */
void ib_summary_look(ib_summary *summary, const float *pixel, size_t band);

/** 1. Add a band to the checksum: each once, in order. */
void ib_summary_hash(ib_summary *summary, const float *pixel, size_t band);

/** 2. After all bands: plane->stats and mipmaps, views of the summary. One thread. */
void ib_summary_settle(ib_summary *summary, ib_plane *plane);

/** 3. Count a band's pixels into bins: each band once, in any order. Threads that do so side by side count in summaries of
 *  their own, whose counts are taken over in the end. */
void ib_summary_count(ib_summary *summary, const ib_plane *plane, size_t band);
void ib_summary_take(ib_summary *into, ib_summary *from);

/** 4. After all bands: plane->histogram. The summary is ready for the next plane; the views hold until then. */
void ib_summary_close(ib_summary *summary, ib_plane *plane);

/** All of it, from plane->pixel. */
void ib_plane_summarise(ib_plane *plane, ib_summary *summary);

#endif
