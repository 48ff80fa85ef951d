/* SPDX-License-Identifier: BSD-3-Clause */
/** Imaging weights: the density of natural weights in the uv plane, and the schemes that use it. */
#ifndef IB_GRIDDER_WEIGHT_H
#define IB_GRIDDER_WEIGHT_H

#include "imgbench.h"

#include <stdbool.h>

/** Sum of natural weights per cell of 1/(nx cell_x) x 1/(ny cell_y) wavelengths, centred on cell (nx/2, ny/2); every
 *  sample counts where it is and where its conjugate is. Densities of the same shape are merged by adding sum and
 *  total. Not thread-safe while samples are added. */
typedef struct ib_density {
    size_t  nx, ny;
    double  cell[2]; /* rad: pixel of the image */
    int     rule; /* IB_RULE_NEAREST: cells are centred on multiples of their size; IB_RULE_FLOOR: they start there */
    double *sum;  /* [ny][nx], owned */
    double  total; /* natural weights of the samples inside, each once */
} ib_density;

/** Empty. @return IB_ENOMEM. */
ib_status ib_density_create(ib_density **out, size_t nx, size_t ny, const double cell[2], int rule, ib_error *err);

/** Accepts NULL. */
void ib_density_destroy(ib_density *density);

void ib_density_clear(ib_density *density);

/** Count a sample (u, v in wavelengths). @return false when it or its conjugate is outside: nothing was added. */
bool ib_density_add(ib_density *density, double u, double v, double natural);

/** Density at a sample; negative when it or its conjugate is outside. */
double ib_density_at(const ib_density *density, double u, double v);

/** A scheme, ready for one density. Plain data. */
typedef struct ib_weighting {
    int    scheme; /* IB_NATURAL, ... */
    double f2;     /* briggs: (5 10^-robust)^2 over the mean density of the samples; else 0 */
} ib_weighting;

/** @param density  complete, of all samples that share it; may be NULL for natural */
ib_weighting ib_weighting_prepare(int scheme, double robust, const ib_density *density);

/** Imaging weight of a sample from its natural one; 0 outside the density (natural has no outside).
 *  natural: w; uniform: w / density; briggs: w / (1 + f2 density) (Briggs 1995, PhD thesis, New Mexico). */
double ib_imaging_weight(const ib_weighting *weighting, const ib_density *density, double u, double v,
                         double natural);

/** Factor of the Gaussian taper at (u, v) in wavelengths: the transform of a Gaussian of unit peak.
 *  @param taper  FWHM along the major and minor axis (0: as major), position angle north through east; rad.
 *                A major axis of 0 is no taper. */
double ib_taper(const double taper[3], double u, double v);

#endif
