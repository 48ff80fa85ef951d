/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * Simulated observations: arrays of antennas, uvw tracks, random numbers, visibilities of point sources.
 *
 * Pure functions of their arguments: a sample has the same bits whatever is computed around it, on any rank, by any
 * thread. Random numbers are therefore looked up by position (row, channel, correlation), never drawn in order.
 */
#ifndef IB_MODEL_SIMULATE_H
#define IB_MODEL_SIMULATE_H

#include "imgbench.h"

/* ---- arrays ----------------------------------------------------------------------------------------------- */

/** A synthetic array: the shape and the size of a real one, not its list of pads. */
typedef struct ib_sim_array {
    const char *name, *telescope;    /* as a MeasurementSet calls it */
    double      latitude, longitude; /* rad, north and east positive */
    double      dish;                /* m */
    double      small;               /* m, diameter of every fourth dish; 0: they are equal */
    size_t      max_antenna;
    enum { IB_ARMS, IB_DISC, IB_STRETCHED_DISC } shape;
    double radius; /* m, of the outermost antenna before stretching */
    double apart;  /* m, added to every distance along an arm */
} ib_sim_array;

/** The arrays, NULL beyond the last; the one of a name, NULL: unknown. */
const ib_sim_array *ib_sim_array_at(size_t i);
const ib_sim_array *ib_sim_array_find(const char *name);

/** Diameter (m) of dish k. */
double ib_sim_dish(const ib_sim_array *array, size_t k);

/** Positions (m) of n antennas, equatorial: x toward hour angle 0, y toward -6 h, z toward the pole. Arms are filled
 *  from the outside, discs keep their radius: a smaller array keeps the resolution of the full one.
 *  @param radius  in place of the array's own; 0: its own */
void ib_sim_antennas(const ib_sim_array *array, double radius, size_t n, double (*xyz)[3]);

/** Unit vectors of u, v and w in the frame of the antennas, for an hour angle and a declination (rad): the matrix T
 *  of b = T (r1 - r2). */
void ib_sim_axes(double hour_angle, double dec, double axes[3][3]);

/** (u, v, w) of a separation r1 - r2, in m. */
static inline void ib_sim_uvw(const double axes[3][3], const double separation[3], double uvw[3])
{
    for (int k = 0; k < 3; k++)
        uvw[k] = axes[k][0] * separation[0] + axes[k][1] * separation[1] + axes[k][2] * separation[2];
}

/** Local sidereal time (rad, 0 .. 2 pi) from UT1 (s, MJD x 86400): the Earth rotation angle, precession ignored. */
double ib_sim_sidereal(double time, double longitude);

/** The first transit (s, MJD x 86400) of a right ascension at or after a time. */
double ib_sim_transit(double time, double longitude, double ra);

/* ---- directions -------------------------------------------------------------------------------------------- */

/** Offset (l, m) of a direction from a centre, rad: l to the east, m to the north, orthographic (SIN) projection. */
void ib_sim_offset(double centre_ra, double centre_dec, double ra, double dec, double *l, double *m);

/** The direction at an offset from a centre; the other way round. l^2 + m^2 <= 1. */
void ib_sim_displace(double centre_ra, double centre_dec, double l, double m, double *ra, double *dec);

/** The n points of a hexagonal lattice of spacing 1 that are nearest to the origin, which is the first: shell by shell. */
void ib_sim_pointings(size_t n, double (*point)[2]);

/* ---- random numbers --------------------------------------------------------------------------------------- */

/** 64 random bits for rows at one sample position:  Threefry-2x32 with 13 rounds (Salmon, Moraes,
 *  Dror and Shaw 2011). bits: [n] */
void ib_sim_random(const uint32_t key[2], size_t n, const uint32_t *row, uint32_t sample, uint32_t (*bits)[2]);

/** Independent pairs of standard normal numbers for rows at one sample position (Box and Muller 1958); none is beyond
 *  6.7. re, im: [n]. */
void ib_sim_gaussians(const uint32_t key[2], size_t n, const uint32_t *row, uint32_t sample, float *re, float *im);

/* ---- visibilities ----------------------------------------------------------------------------------------- */

enum { IB_SIM_TILE = 256 }; /* rows predicted at a time: their arrays stay in the first-level cache */

/** Rows of a tile: number in the full observation, coordinates in m. */
typedef struct ib_sim_tile {
    size_t   n;
    uint32_t row[IB_SIM_TILE];
    double   u[IB_SIM_TILE], v[IB_SIM_TILE], w[IB_SIM_TILE];
} ib_sim_tile;

typedef struct ib_sim_source {
    double l, m, n1; /* direction cosines; n - 1, or 0 to leave the w-term out */
} ib_sim_source;

/** Add the response to one source at one frequency (Hz) to re, im [tile->n]: V = S exp(+2 pi i (u l + v m + w (n - 1))).
 *  Phases are reduced in double; the sine and cosine are good to 2e-7.
 *  @param flux  S [tile->n] Jy, as each row sees it */
void ib_sim_add_source(const ib_sim_tile *tile, const ib_sim_source *source, double freq, const float *flux,
                       float *re, float *im);

/** Pixels of n sources in the inner part of an image of nx x ny, this share of each side (up to 1); different ones while there
 *  is room for that. The first of them do not depend on n. */
void ib_sim_source_pixels(const uint32_t key[2], size_t n, size_t nx, size_t ny, double share, int64_t (*pixel)[2]);

#endif
