/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * Primary beams: the voltage patterns A of the antennas of an array, and the beams E = A_a A_b of its baselines.
 *
 * All are circular, real, constant in time and equal for all correlations. With x = pi D nu theta / c (theta in rad) and
 * jinc(x) = 2 J1(x) / x:
 *
 *     physical   (q^2 jinc(x) - jinc(x/q)) / (q^2 - 1), q = D/d: an aperture D with a hole d
 *     casa       (q^2 jinc(x) - jinc(x q)) / (q^2 - 1): the expression of CASA and CNGI, for comparing with their images
 *     airy       jinc(x): no hole
 *     gaussian   A^2 = exp(-4 ln 2 (theta / F)^2), F = 1.02 c / (nu D), about the width of the patterns above
 *     FILE       a table of A, for all antennas
 *
 * D and d are those of the beam, not of the dish: 12 m dishes of ALMA have 10.7 and 0.75 m, 7 m dishes 6.25 and 0.75 m, 25 m
 * dishes of the VLA 25 and 2.36 m. A dish within 0.5 m of one of these, of that telescope or of one without a name, is taken
 * for it; any other has its own diameter and no hole.
 *
 * The table is a text of numbers with blanks or commas between them; # begins a comment. The first line has the frequencies
 * in GHz; each further one an angle in arcmin, rising from 0, and A for each frequency, 1 at 0. Between angles A is a cubic in
 * theta through four neighbours, beyond the last angle 0; between frequencies it is linear at equal theta nu, beyond the first
 * and the last one it scales with 1/nu.
 *
 * Antennas of one pattern are one antenna type, unordered pairs of antenna types are the baseline types, "pairs" below.
 * Read only once created; every function is thread-safe.
 */
#ifndef IB_MODEL_PRIMARY_H
#define IB_MODEL_PRIMARY_H

#include "imgbench.h"

#include <stdbool.h>

enum { IB_MAX_DISHES = 8 }; /* antenna types: 36 pairs */

/** What beams are made from. Borrowed for the call. */
typedef struct ib_primary_recipe {
    const char   *beam;      /* "physical", "casa", "airy", "gaussian", or the path of a table */
    bool          truncate;  /* A = 0 beyond 1.784 deg (12 m), 3.568 deg (7 m), 0.8564 deg (25 m) x 1 GHz / nu, as in
                                CASA; other dishes are not truncated */
    double        dish;      /* m; > 0: D of all antennas, in place of what follows */
    double        blockage;  /* m; d, with dish */
    const char   *telescope; /* "ALMA", "EVLA", ...; "" unknown */
    size_t        n_antenna;
    const double *diameter; /* [n_antenna] m, of the dishes; 0 unknown: that of the telescope where it has one */
} ib_primary_recipe;

/** An antenna type. */
typedef struct ib_dish {
    double diameter, blockage; /* m; D, d */
    double limit;              /* rad Hz: A is 0 where theta nu is larger; INFINITY: nowhere */
} ib_dish;

typedef struct ib_primary {
    int                      n_dish, n_pair; /* antenna types, baseline types: n_dish (n_dish + 1) / 2 */
    ib_dish                  dish[IB_MAX_DISHES];
    size_t                   n_antenna;
    uint8_t                 *type;  /* [n_antenna] of an antenna */
    int                      model; /* private from here on */
    struct ib_primary_table *table;
    float                   *square; /* [pair][interval][4] */
} ib_primary;

/** @return IB_EUSAGE (no such beam, d >= D, d without D), IB_EIO, IB_EDATA (a bad table: the sentence has the line; an antenna without a
 *  diameter; more than IB_MAX_DISHES types), IB_ENOMEM. */
ib_status ib_primary_create(ib_primary **out, const ib_primary_recipe *recipe, ib_error *err);

/** Accepts NULL. */
void ib_primary_destroy(ib_primary *primary);

/** The pair of two antenna types, in any order: 0 .. n_pair - 1. */
static inline int ib_primary_pair(int a, int b)
{
    return a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a;
}

/** The antenna types of a pair: a <= b. */
void ib_primary_types(int pair, int *a, int *b);

/** A of an antenna type at an angle (rad) from the pointing, at a frequency (Hz): exact. */
double ib_primary_voltage(const ib_primary *primary, int type, double theta, double freq);

/** E of a pair: exact. */
double ib_primary_beam(const ib_primary *primary, int pair, double theta, double freq);

/** Angle (rad) beyond which E^2 counts as nothing: 10 c / (nu D) of the smaller dish, where it is below 1e-8 E(0)^2. */
double ib_primary_radius(const ib_primary *primary, int pair, double freq);

/** Length (m): the transform of E vanishes, or is below 1e-4 of its peak, beyond this over the wavelength. (D_a + D_b) / 2 for
 *  apertures, and what casa and tables are cut at. */
double ib_primary_reach(const ib_primary *primary, int pair);

/** The transform of E ends at the reach: not so for casa, truncated beams, and tables. */
bool ib_primary_smooth(const ib_primary *primary);

/** Add weight E^2 for a row of pixels: out[i] at (l + i step, m) from the pointing, all in rad, step of either sign. To 1e-7
 *  of E(0)^2; nothing beyond the radius. Vectors; the bits do not depend on the instruction set. */
void ib_primary_add_squares(const ib_primary *primary, int pair, double freq, double weight, double l, double step,
                            double m, size_t n, double *out);

#endif
