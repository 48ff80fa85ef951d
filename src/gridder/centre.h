/* SPDX-License-Identifier: BSD-3-Clause */
/** One centre for all fields of an image, and what their rows become when it is not theirs (imaging-spec 1.6).
 *
 *  as is      the fields share a centre, which is the image's: nothing is done.
 *  rotated    V' = V exp(-2 pi i (u l + v m + w (n - 1))), uvw' = T(centre) T(field)^T uvw, where (l, m, n) is the centre
 *             seen from the field (1.6): exact, as long as w is.
 *  tangent    u" = u' - w' l/n, v" = v' - w' m/n, where (l, m, n) is the field seen from the centre (1.7): an image
 *             without w is then wrong by pi w theta^2 at an angle theta from a field's own centre, however far that is
 *             from the image's. Visibilities stay as they are, phased to their own field: the phase exp(2 pi i (u" l + v" m))
 *             that (1.7) gives them is the kernel's (docs/adr/0021-mosaic-kernel.md).
 */
#ifndef IB_GRIDDER_CENTRE_H
#define IB_GRIDDER_CENTRE_H

#include "model/vis.h"

typedef enum ib_motion { IB_AS_IS, IB_ROTATED, IB_TANGENT } ib_motion;

/** A field, seen from the centre. Plain data. */
typedef struct ib_sight {
    double l, m, n;    /* direction cosines of its phase centre */
    double move[3][3]; /* new uvw = move x old; of a tangent the third row leaves w as it is */
    double path[3];    /* rotated: the phase is -2 pi path . uvw nu / c */
    size_t pointing;   /* fields of one direction are one pointing */
} ib_sight;

/** Read only once made. */
typedef struct ib_centre {
    ib_motion motion;
    double    ra, dec; /* rad */
    size_t    n_field;
    ib_sight *sight;       /* [n_field] as info->field; zero where not selected */
    size_t    n_pointing;  /* in the order of their directions, whatever the order of the fields */
    double (*pointing)[2]; /* [n_pointing] l, m */
} ib_centre;

/** The centre that --phasecenter names; else, of a mosaic, the field nearest to the mean of all, and otherwise the first
 *  field. Ended by ib_centre_clear.
 *  @return IB_EUSAGE (no such field, not a direction; a field more than 60 degrees away), IB_ENOMEM. */
ib_status ib_centre_make(ib_centre *out, const ib_config *cfg, const ib_vis_info *info, ib_error *err);
void      ib_centre_clear(ib_centre *centre);

/** Rows become those of the centre, in place. @param field  [n] index into info->field
 *  @param path  [n] m: the phase of a row is -2 pi path nu / c; NULL: not wanted */
void ib_centre_move(const ib_centre *centre, size_t n, const int32_t *field, double (*uvw)[3], double *path);

/** (l, m, n) of a direction seen from another one (1.5). */
void ib_direction_cosines(double ra, double dec, double ra0, double dec0, double lmn[3]);

#endif
