/* SPDX-License-Identifier: BSD-3-Clause */
/** HDF5: its errors as sentences, checked reading, and the one way of writing that equal runs repeat byte for byte.
 *
 *  One thread of a process at a time: the library is not thread-safe here. Identifiers are the caller's to close. */
#ifndef IB_IO_H5_H
#define IB_IO_H5_H

#include "base/error.h"

#include <hdf5.h>
#include <stdbool.h>

/** The sentence of format, then the reason that HDF5 gives for the call that has just failed. */
ib_status ib_h5_fail(ib_error *err, ib_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- reading ---- */

/** @return IB_EDATA when the file is missing, is not HDF5 or is cut short; IB_EIO when the system refuses. */
ib_status ib_h5_open(hid_t *file, const char *path, ib_error *err);

/** Every link of a path ("a/b/c") exists below an object. */
bool ib_h5_has(hid_t where, const char *path);

/** Shape of a data set that must have this many axes. IB_EDATA: it is missing or has others. */
ib_status ib_h5_shape(hid_t where, const char *path, int n_axis, hsize_t *shape, ib_error *err);

/** A whole data set of exactly this shape, converted to a memory type. IB_EDATA: missing, other shape, other kind. */
ib_status ib_h5_read(hid_t where, const char *path, hid_t type, int n_axis, const hsize_t *shape, void *into,
                     ib_error *err);

/** A scalar attribute. IB_EDATA: missing or of another kind. Strings of fixed and variable length are read; one that
 *  does not fit is cut. */
ib_status ib_h5_text(hid_t object, const char *name, char *text, size_t size, ib_error *err);
ib_status ib_h5_real(hid_t object, const char *name, double *value, ib_error *err);
ib_status ib_h5_int(hid_t object, const char *name, int64_t *value, ib_error *err);

/* ---- writing: the bytes of a file depend on what is written into it only ---- */

/** Create a file, or take over one that is empty. V18 bounds: later ones mark an open file as busy. Large data sets
 *  start at multiples of 4 KiB.
 *  @param meta_bytes  room set aside for the metadata of everything that will be created, so that nothing comes
 *                     between the data; 0: no need */
ib_status ib_h5_create(hid_t *file, const char *path, hsize_t meta_bytes, ib_error *err);

/** Open one that was created so, to add to it. */
ib_status ib_h5_reopen(hid_t *file, const char *path, ib_error *err);

/** A group that remembers the order of its members and attributes. */
ib_status ib_h5_group(hid_t *group, hid_t where, const char *name, ib_error *err);

/** A data set with its space allocated and nothing in it.
 *  @param chunk   [n_axis] shape of its chunks; NULL: contiguous
 *  @param offset  NULL, or where its bytes start in the file; chunks then lie one behind the other, last axis fastest
 *                 (IB_EINTERNAL when they do not: the room for metadata was too small) */
ib_status ib_h5_lay_out(hid_t where, const char *name, hid_t type, int n_axis, const hsize_t *shape,
                        const hsize_t *chunk, uint64_t *offset, ib_error *err);

/** A scalar attribute that must not exist: a string of fixed length, float64, int64, and a logical in one byte. */
ib_status ib_h5_put_text(hid_t object, const char *name, const char *text, ib_error *err);
ib_status ib_h5_put_real(hid_t object, const char *name, double value, ib_error *err);
ib_status ib_h5_put_int(hid_t object, const char *name, int64_t value, ib_error *err);
ib_status ib_h5_put_bool(hid_t object, const char *name, bool value, ib_error *err);

#endif
