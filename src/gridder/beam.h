/* SPDX-License-Identifier: BSD-3-Clause */
/** The restoring beam: the Gaussian that the main lobe of a point spread function resembles most. */
#ifndef IB_GRIDDER_BEAM_H
#define IB_GRIDDER_BEAM_H

#include <stdbool.h>
#include <stddef.h>

/** Fit an elliptical Gaussian of the height of pixel `at`, centred there, by least squares to the pixels of the
 *  main lobe: those that reach 0.35 of the peak, as CASA takes them, or 0.2 where they are too few, and that descend from
 *  the centre without a valley between. Of a lobe of thousands of pixels an even selection is used. Thread-safe, allocates nothing.
 *  @param at    column and row of the peak; (nx/2, ny/2) where the image is the response to a source at its centre
 *  @param cell  rad along l and m
 *  @param beam  FWHM major and minor, position angle of the major axis from north through east in [0, pi); rad
 *  @return false, and a beam of 0, when the centre is not a peak, the lobe reaches the edge of the image, or its pixels
 *          do not settle an ellipse. */
bool ib_beam_fit(const float *psf, size_t nx, size_t ny, const size_t at[2], const double cell[2], double beam[3]);

#endif
