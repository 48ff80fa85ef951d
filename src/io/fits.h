/* SPDX-License-Identifier: BSD-3-Clause */
/** FITS headers and binary tables of files that nobody vouches for.
 *
 * Sizes are checked against the file before anything is allocated or read, so a header that lies costs a sentence. Values
 * are found by looking through the cards: good for headers, not for loops. (CFITSIO writes our own files; reading what is
 * damaged it may take an uninitialised number of columns for true.) */
#ifndef IB_IO_FITS_H
#define IB_IO_FITS_H

#include "imgbench.h"

#include <stdbool.h>

enum { IB_FITS_CARD = 80, IB_FITS_UNIT = 2880, IB_FITS_VALUE = 72 };

/** A file and one of its header units. */
typedef struct ib_fits {
    int      fd;
    uint64_t bytes; /* of the file */
    char    *cards; /* [n_card][80], not ended by a 0 */
    size_t   n_card;
    uint64_t data_at; /* where the unit's data begin */
} ib_fits;

/** Open a file and read its first header.
 *  @return IB_EDATA when it is no FITS or is cut within the header, IB_EIO, IB_ENOMEM. */
ib_status ib_fits_open(ib_fits *fits, const char *path, ib_error *err);

/** Read the header of the extension that begins at a byte of an open file, in the place of what `table` (zero before the
 *  first use) holds; it borrows the file's descriptor. *found false, and nothing touched, where none begins there.
 *  *next: where the one after it would begin.
 *  @return IB_EDATA when its data reach beyond the end of the file. */
ib_status ib_fits_extension(ib_fits *table, const ib_fits *file, uint64_t at, uint64_t *next, bool *found,
                            ib_error *err);

/** End an extension; end a file, and with it its descriptor. Both accept what is zero. */
void ib_fits_end(ib_fits *table);
void ib_fits_close(ib_fits *file);

/** Bytes of the file; IB_EDATA when they are not all there. Any number of threads. */
ib_status ib_fits_read(const ib_fits *fits, uint64_t at, size_t n, void *into, ib_error *err);

/** Value of a keyword as text, also of a number; without trailing blanks, "?" for what is not printable. Empty where the
 *  keyword is missing or has no value. */
void ib_fits_text(const ib_fits *fits, const char *key, char text[IB_FITS_VALUE]);

/** The same of a numbered keyword: NAXIS3. */
void ib_fits_text_at(const ib_fits *fits, const char *stem, size_t i, char text[IB_FITS_VALUE]);

/** A finite number; `missing` where the keyword is missing or has no value. */
ib_status ib_fits_real(const ib_fits *fits, const char *key, double missing, double *value, ib_error *err);
ib_status ib_fits_real_at(const ib_fits *fits, const char *stem, size_t i, double missing, double *value,
                          ib_error *err);

/** A whole number from low to 10^15 that must be there. */
ib_status ib_fits_count(const ib_fits *fits, const char *key, size_t low, size_t *value, ib_error *err);

/** A number as a data unit stores it; bitpix 8, 16, 32, 64, -32, -64. */
double ib_fits_number(const void *at, int bitpix);

/** Rows of a binary table; 0 for another kind of extension. */
size_t ib_fits_rows(const ib_fits *fits);

/** A column of numbers as doubles [rows][per_row], the first per_row of each cell, with TSCAL and TZERO. Names are
 *  compared regardless of case. *found false, and nothing touched, when there is no such column. */
ib_status ib_fits_column(const ib_fits *fits, const char *name, size_t per_row, double *into, bool *found,
                         ib_error *err);

/** A text of a column, cut to size, as ib_fits_text; empty where there is no such column of texts. */
ib_status ib_fits_cell(const ib_fits *fits, const char *name, size_t row, char *into, size_t size, ib_error *err);

#endif
