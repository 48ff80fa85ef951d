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

/** Fill stats, histogram and mipmaps of a plane from its pixels. The caller owns the buffers: histogram [n_bin],
 *  mip[k] of ib_mip_size(nx, k + 1) x ib_mip_size(ny, k + 1). Thread-safe, allocates nothing. */
void ib_plane_summarise(ib_plane *plane, const ib_cube *cube, int64_t *histogram, float *const *mip);

#endif
