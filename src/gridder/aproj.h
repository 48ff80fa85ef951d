/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * uv kernels of the mosaic gridder (A-projection): tables of the transforms of primary beams.
 *
 *     A(s) = sum over the padded field of E(l, m) exp(2 pi i s.l) / (grid_nx grid_ny)        s in cells, A real and even
 *
 *  Around the middle s of a square of edge 1/O cells A is expanded: with z = pi l / (O grid cell) along either axis, the waves are
 *  exp(i z x) = J0(z) + 2i J1(z) T1(x) - 2 J2(z) T2(x) - ...,  T Chebyshev polynomials, -1 <= x <= 1 (DLMF 10.12), and products of total
 *  order two are kept. What is left out falls with the cube of z, and z is small where E is large.
 *
 * A sample at g, pointed at l_p, adds  V A(t - g) exp(2 pi i t.l_p)  to every cell t of its support, with t in wavelengths in
 * the exponent and V as it was measured, its phase centre at its pointing: what the move to the common tangent point and the
 * phase gradient of the kernel do to the sample's own phase cancels. (Data phased elsewhere than at l_p carry that phase in V.)
 * The factor depends on the cell and on the pointing only, not on the frequency.  The transform of such a grid is the
 * numerator sum of W E Re(V exp(-2 pi i u.l)): nothing has to be divided out.
 *
 * The first tap of a sample is t0 = floor(g - support/2) + 1 as for the standard kernel; `oversampling` is O.
 *
 * Channels share a table within a frequency group. Read only once created; every function is thread-safe.
 */
#ifndef IB_GRIDDER_APROJ_H
#define IB_GRIDDER_APROJ_H

#include "gridder/kernel/kernel.h"
#include "model/primary.h"

/** What tables depend on, beside the beams. Borrows freq. */
typedef struct ib_aproj_field {
    size_t grid[2]; /* cells of the padded grid along l, m; even */
    double cell[2]; /* pixel, rad */
    double span[2]; /* rad: the largest |l - l_p|, |m - m_p| of any pixel and pointing; 0: half of the padded field */
    size_t n_chan;  /* input channels */
    const double *freq;         /* [n_chan] Hz, in any order */
    double        tolerance;    /* largest difference of frequencies that share a table, relative */
    int           support;      /* taps per axis; 0: as many as are needed */
    int           oversampling; /* squares per cell and axis; 0: enough that the lookup is below 1e-4 */
    int           precision;
} ib_aproj_field;

typedef struct ib_aproj {
    int             support, oversampling, precision;
    double          half, centre, first; /* as ib_locate_job wants them */
    size_t          n_group;
    double         *freq;  /* [n_group] Hz, what the tables of a group were made for */
    ib_mosaic_table table; /* of group 0: what leaf loops need */
    size_t          bytes; /* of a group */
    void           *taps;  /* owned */
} ib_aproj;

/** Taps per axis that the beams need on this grid (imaging-spec 4.8): 2 H + 1, with H cells to the largest reach at the
 *  highest frequency, rounded up, and one more. Fewer cut the beams: one cell less of H costs little, three cost 6 %. */
int ib_aproj_support(const ib_primary *primary, const ib_aproj_field *field);

/** Squares per cell and axis that a table may have: beyond, rounding is what is left. */
enum { IB_APROJ_MOST = 32 };

/** The fewest squares per cell and axis whose lookup is below 1e-4 of the peak (ib_aproj_lookup), or IB_APROJ_MOST. */
int ib_aproj_oversampling(const ib_primary *primary, const ib_aproj_field *field);

/** Frequency groups: the fewest runs of channels, by frequency, each no wider than tolerance x its lowest one. A channel that
 *  is alone has its own table. */
size_t ib_aproj_groups(const ib_aproj_field *field);

/** Bytes that ib_aproj_create holds, and while it works. Support and oversampling 0 stand for what it would take. */
int64_t ib_aproj_bytes(const ib_primary *primary, const ib_aproj_field *field);

/** @return IB_EUSAGE: fewer than 3 taps; IB_ENOMEM. A support that is too small is executed: refusing is the caller's. */
ib_status ib_aproj_create(ib_aproj **out, const ib_primary *primary, const ib_aproj_field *field, ib_error *err);

/** Accepts NULL. */
void ib_aproj_destroy(ib_aproj *aproj);

/** The tables for a frequency: those of the nearest group. */
ib_mosaic_table ib_aproj_table(const ib_aproj *aproj, double freq);

/** Largest error of the lookup over the field, rms over places in a square, relative to E(0): what the expansion leaves of a wave,
 *  times E. */
double ib_aproj_lookup(const ib_primary *primary, const ib_aproj_field *field, int oversampling);

/** Largest error of the numerator that may be expected where the mosaic's primary beam is above 0.2, relative to the largest
 *  |numerator|: cutting the kernel off, the beam beyond the padded field that is folded back (span), lookup, frequency groups.
 *  Computed, not tabulated: with ib_aproj_support and a field of 4 beams below 2e-3 for smooth beams and 2e-2 for the casa beam
 *  and truncated ones (imaging-spec 12). @return IB_ENOMEM. */
ib_status ib_aproj_promise(double *out, const ib_primary *primary, const ib_aproj_field *field, ib_error *err);

/** Factors exp(2 pi i t.l_p) of one pointing along one axis, the first cell being `first` cells from the grid's zero:
 *  re[k] + i im[k] at cell first + k, k < n.
 *  @param turns  cycles per cell: along u  l_p / (cell grid), along v (whose rows grow with -v)  -m_p / (cell grid)
 *  @param re, im  real [n] as the precision says */
void ib_aproj_phase(double turns, int64_t first, size_t n, int precision, void *re, void *im);

#endif
