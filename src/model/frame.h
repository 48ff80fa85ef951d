/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * Spectral reference frames: what the motion of an observer makes of a frequency.
 *
 * Frames are IB_FRAME_TOPO (the array), IB_FRAME_GEO (centre of the Earth), IB_FRAME_BARY (of the solar system) and
 * IB_FRAME_LSRK (kinematic local standard of rest: 20 km/s toward the apex 18h, +30 deg of 1900). Pure functions; any
 * thread.
 */
#ifndef IB_MODEL_FRAME_H
#define IB_MODEL_FRAME_H

#include "imgbench.h"

/** Name of a frame in FITS headers and in ib_vis_info ("TOPOCENT"); "" for IB_FRAME_DATA. */
const char *ib_frame_name(int frame);

/** The frame of a FITS name; IB_FRAME_DATA when it is none of those above. */
int ib_frame_find(const char *name);

/**
 * What a frequency becomes in each frame: nu_frame = factor[frame] nu_topo.
 *
 * From the array to the barycentre and on to the local standard of rest, one step after the other, each by the
 * longitudinal Doppler shift sqrt((1 - b)/(1 + b)), b = velocity toward the source over c (imaging-spec 7.4), as casacore
 * does: no transverse shift and no gravity, which change frequencies by some 1.6e-8. The Earth turns by UT1 = UTC, at
 * most 0.9 s or 0.03 m/s wrong, without polar motion; its place is that of IAU 2000B, its velocity that of ERFA's
 * eraEpv00 (20 mm/s between 1900 and 2100). About 30 microseconds.
 *
 * @param time  s, MJD x 86400, UTC
 * @param site  m, ITRF, of the array
 * @param ra, dec  rad, J2000 or ICRS, toward the source
 * @param factor  [IB_N_FRAMES]; 1 for IB_FRAME_DATA and IB_FRAME_TOPO
 * @return IB_EDATA for a time before 1960, when there was no UTC, or beyond the calendar, or that is not finite.
 */
ib_status ib_frame_factors(double time, const double site[3], double ra, double dec, double *factor, ib_error *err);

/** A place on the WGS84 ellipsoid: longitude east, latitude, rad; m, ITRF. */
void ib_frame_site(double longitude, double latitude, double site[3]);

/** The middle of an array: the mean of those of n positions (m, ITRF) that are at the Earth's surface; 0, 0, 0 when none is,
 *  as where they are unknown or in coordinates of their own. */
void ib_frame_middle(size_t n, const double (*position)[3], double site[3]);

#endif
