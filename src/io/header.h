/* SPDX-License-Identifier: BSD-3-Clause */
/** The header of a cube as FITS cards, which FITS files hold as such and HDF5 files as attributes. */
#ifndef IB_IO_HEADER_H
#define IB_IO_HEADER_H

#include "model/image.h"

enum {
    IB_MAX_CARDS = 64,
    IB_FITS_BLOCK = 2880,
    IB_FITS_HEADER = 2 * IB_FITS_BLOCK /* bytes of a primary header; has room for IB_MAX_CARDS */
};

#define IB_DEGREES (180 / 3.14159265358979323846) /* degrees per radian */

typedef enum ib_card_kind { IB_CARD_BOOL, IB_CARD_INT, IB_CARD_REAL, IB_CARD_TEXT } ib_card_kind;

typedef struct ib_card {
    const char  *name; /* at most 8 characters */
    ib_card_kind kind;
    int64_t      integer; /* IB_CARD_BOOL, IB_CARD_INT */
    double       real;
    char         text[69];
    const char  *comment;
} ib_card;

typedef struct ib_header {
    size_t  n;
    ib_card card[IB_MAX_CARDS];
} ib_header;

/** The beam [3] that stands for a cube: that of the channel nearest to the middle that has one, in the first Stokes
 *  parameter that has one there. NULL when there is none.
 *  @param beam  [n_chan][n_stokes][3] rad, NaN: blank plane; NULL: none was fitted */
const double *ib_header_beam(const ib_cube *cube, const double *beam);

/** The cards of a cube, in order. What the cube does not know has no card.
 *  @param beam  as above */
void ib_header_make(ib_header *out, const ib_cube *cube, const double *beam);

/** Add a logical card at the end. */
void ib_header_bool(ib_header *header, const char *name, bool value, const char *comment);

/** Print the cards as a FITS primary header of IB_FITS_HEADER bytes, END included. */
void ib_header_fits(const ib_header *header, char *text);

#endif
