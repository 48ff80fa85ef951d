/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * Mosaics: all pointings of an observation in one image, each seen through its primary beam (imaging-spec 4).
 *
 *     N(l) = sum W E(l) Re(V exp(-2 pi i u.l))      what the grid is transformed to: each sample with its own beam
 *     Q(l) = sum W E(l)^2                           the weight image
 *
 *     flat-noise N / sqrt(Q Qmax)     flat-sky N / Q      none N / Qmax      PB = sqrt(Q / Qmax)
 *
 * Samples of one pointing and one baseline type are a kind: kind = pointing x n_pair + pair. Q needs their sums of
 * weights alone, one for every kind, channel and plane, and is then exact.
 *
 * Read only once made; every function is thread-safe.
 */
#ifndef IB_GRIDDER_MOSAIC_H
#define IB_GRIDDER_MOSAIC_H

#include "gridder/aproj.h"
#include "gridder/centre.h"

/** What is decided before work starts: part of the plan. */
typedef struct ib_mosaic {
    const ib_centre *centre;  /* borrowed */
    ib_primary      *primary; /* NULL: no mosaic; nothing below is set then */
    ib_aproj_field   field;   /* with support and oversampling decided */
    double          *freq;    /* [field.n_chan] Hz, owned */
    size_t           n_pair, n_kind;
    size_t           nx, ny;             /* pixels of the image */
    double           cell[2];            /* rad */
    size_t           step[2], coarse[2]; /* pixels between points at which Q is evaluated; points along l and m */
    double          *weight[2];          /* [step][IB_MOSAIC_TAPS] of the points around a pixel, owned */
    size_t           peak[2];            /* pixel of the source whose response the PSF is */
    double           at[2];              /* l, m of it, rad */
    double           promise;            /* largest error of N inside of PB 0.2, over the largest |N| */
} ib_mosaic;

/** The beams. @param centre  borrowed as long as the mosaic lives. Ended by ib_mosaic_clear.
 *  @return what ib_primary_create returns. */
ib_status ib_mosaic_begin(ib_mosaic *out, const ib_config *cfg, const ib_vis_info *info, const ib_centre *centre,
                          ib_error *err);

/** Angle (rad) at which the widest beam of the baselines falls to a level. */
double ib_mosaic_angle(const ib_mosaic *m, double freq, double level);

/** Angle (rad) from the centre of the image, along l (0) or m (1), that pointings and their beams reach.
 *  @param widths  of a beam that are wanted beyond the outermost pointing */
double ib_mosaic_extent(const ib_mosaic *m, double freq, double widths, int axis);

/** Support, oversampling and grid, all but the image decided by now; and where the PSF's source is: at the centre of
 *  the image, or, where the pointings see less than half there, where they see most.
 *  @param freq  Hz, one for each of the n_chan input channels; from ib_alloc, the mosaic's now
 *  @return IB_EUSAGE (fewer taps than the beams need: the sentence has the number; an image that no beam reaches), IB_ENOMEM */
ib_status ib_mosaic_settle(ib_mosaic *m, const ib_config *cfg, const size_t image[2], const double cell[2],
                           const size_t grid[2], double *freq, size_t n_chan, ib_error *err);

void ib_mosaic_clear(ib_mosaic *m);

/** Kind of a sample. Of an input that does not list its antennas all are alike. */
static inline uint32_t ib_mosaic_kind(const ib_mosaic *m, size_t pointing, int32_t antenna1, int32_t antenna2)
{
    const ib_primary *p = m->primary;
    const int         pair = p->n_antenna ? ib_primary_pair(p->type[antenna1], p->type[antenna2]) : 0;

    return (uint32_t)(pointing * m->n_pair) + (uint32_t)pair;
}

/** What every kind sees of the PSF's source: E there, or 1 with IB_PSF_UNIT. @param out  [n_kind] */
void ib_mosaic_respond(const ib_mosaic *m, int psf, double freq, double *out);

/** Q is evaluated at points an eighth of a wavelength over the largest aperture apart and interpolated: E^2 has no detail finer than
 *  a quarter, and a sinc under a Kaiser window of 16 points then leaves 2e-7 of its peak. Beams without an end in the uv plane
 *  (ib_primary_smooth) are evaluated at every pixel, as are images of large pixels. */
enum { IB_MOSAIC_TAPS = 16 };

/** Add what a frequency's weights have for a row of points. @param weight  [n_kind], out [m->coarse[0]] */
void ib_mosaic_add_row(const ib_mosaic *m, double freq, const double *weight, size_t row, double *out);

/** A row of pixels from all points. @param work  [m->coarse[0] + m->nx], out [nx] */
void ib_mosaic_refine(const ib_mosaic *m, const double *points, size_t row, double *work, double *out);

/** 1 / sqrt of scale x row, infinite where that is not positive; @return the largest scale x row. */
double ib_mosaic_invert(size_t n, const double *row, double scale, float *inverse);

/** How a row becomes one of an image: pixel x factor x s^power where s = inverse[i] <= limit, else 0. */
typedef struct ib_shade {
    float factor, limit;
    int   power; /* 0, 1, 2 */
} ib_shade;

/** @return the largest |pixel| as it was. */
float ib_mosaic_shade(const ib_shade *shade, size_t n, const float *inverse, float *pixel);

/** The weight image itself: factor / s^power, 0 where s is infinite. */
void ib_mosaic_unveil(const ib_shade *shade, size_t n, const float *inverse, float *pixel);

/** What the PSF's unit visibilities of a frequency add up to where their source is: sum of weight x E. */
double ib_mosaic_unit(const ib_mosaic *m, double freq, const double *weight);

/** Kernels of all kinds and channels, and the phases of all pointings over the grid. */
typedef struct ib_mosaic_kernels {
    ib_aproj *aproj;
    size_t    columns, rows;
    void     *phase_u, *phase_v; /* as in ib_mosaic_job; owned */
} ib_mosaic_kernels;

/** @param margin  columns before the zero of the half plane; columns, rows as stored */
ib_status ib_mosaic_kernels_create(ib_mosaic_kernels *out, const ib_mosaic *m, size_t margin, size_t columns,
                                   size_t rows, ib_error *err);
void      ib_mosaic_kernels_clear(ib_mosaic_kernels *k);

/** Bytes of it, once settled. */
int64_t ib_mosaic_bytes(const ib_mosaic *m, size_t columns, size_t rows);

#endif
