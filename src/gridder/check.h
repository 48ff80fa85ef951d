/* SPDX-License-Identifier: BSD-3-Clause */
/** What a launch checks about itself: seeded pixels of some planes against the direct Fourier sum over the same samples
 *  (imaging-spec 2.3, 3.11a), and what every plane must be. */
#ifndef IB_GRIDDER_CHECK_H
#define IB_GRIDDER_CHECK_H

#include "gridder/fft.h"
#include "gridder/grid.h"

/** Comparison with the direct sum. */
typedef struct ib_verdict {
    double promised, measured; /* of the worst plane: the one with the largest measured / promised */
    size_t n_plane, n_pixel;
} ib_verdict;

/** The worse of two; counts are added. */
void ib_verdict_merge(ib_verdict *to, const ib_verdict *from);

/** Which planes and pixels, of the samples and options alone; borrows plan, cfg and fn. */
typedef struct ib_check {
    const ib_plan   *plan;
    const ib_config *cfg;
    const ib_convfn *fn;
    uint8_t         *checked; /* [n_chan] plane to check, plus one; 0: not checked */
    int              owed;    /* checks that planes without a signal had nothing to say to: of channels to come */
    size_t           share;   /* of an mfs image, where one is checked: the first that has samples */
    ib_direct_sum    whole[IB_DIRECT_MAX]; /* what the grid of all shares has at the pixels */
    double           promise, rounding;    /* accuracy of the convolution function; amplification of rounding */
} ib_check;

/** Ended by ib_check_clear. */
ib_status ib_check_create(ib_check *check, const ib_plan *plan, const ib_config *cfg, const ib_convfn *fn,
                          ib_error *err);
void      ib_check_clear(ib_check *check);

/** The pixels of a channel, and no samples yet. */
void ib_check_begin(const ib_check *check, size_t chan, ib_direct *direct);

/** Which plane of a unit is to be compared, -1 for none. Of a cube the direct sum is begun. Any thread. */
int ib_check_plane(ib_check *check, size_t unit, ib_direct *direct);

/** There was nothing to compare: a channel that has not begun will be. Any thread. */
void ib_check_postpone(ib_check *check);

/** mfs: the direct sum of a share is complete, and its grid as the samples left it; or it had none, and the share that
 *  begins with unit `next` is compared instead. */
void ib_check_share(ib_check *check, const ib_transform *transform, ib_lane *lane, size_t next, int n_thread);

/** mfs: the grid of all shares, before it is transformed. */
void ib_check_whole(ib_check *check, const ib_transform *transform, const ib_lane *lane, int n_thread);

/** Compare a finished plane with the direct sum; where that is of one share, the share's grid with it, and the plane with the
 *  grid of all. @param columns  of the grid that samples may have touched */
void ib_check_image(const ib_check *check, const ib_plane *plane, const ib_direct *direct, const ib_tally *tally,
                    size_t columns, ib_verdict *verdict);

/** The same for a mosaic, whose pixels are the numerator N through a shade.
 *  @param inverse  [ny][nx] 1 / sqrt of the weight image over the sum of weights; most: of that image
 *  @param largest  |N| over the sum of weights */
void ib_check_mosaic(const ib_check *check, const ib_plane *plane, const ib_direct *direct, const ib_shade *shade,
                     const float *inverse, double most, double largest, ib_verdict *verdict);

/** Finite, and a PSF one at its peak. @param peak  pixel, NULL for what is no PSF. @return IB_ECHECK */
ib_status ib_check_numbers(const ib_check *check, const ib_plane *plane, const size_t peak[2], ib_error *err);

#endif
