/* SPDX-License-Identifier: BSD-3-Clause */
/** A file that many processes fill at fixed offsets and that has a temporary name until it is whole. */
#ifndef IB_IO_FILE_H
#define IB_IO_FILE_H

#include "base/error.h"
#include "model/sink.h"

/** Fill in a layout's names and create the empty temporary file beside the final one, under a name that no other
 *  job has.
 *  @param bytes  least size that the file will have: refused here when there is no room, since HDF5 does not survive
 *                a disk that is full
 *  @return IB_EIO, the sentence naming the folder, when that cannot be. */
ib_status ib_file_begin(ib_layout *layout, const char *path, uint64_t bytes, ib_error *err);

/** Reserve space: afterwards the file has at least this size, what was not written reads as zero, and writing into
 *  it cannot fill the disk. Notes the size in the layout. @return IB_EIO with what is needed and what is free. */
ib_status ib_file_reserve(ib_layout *layout, uint64_t bytes, ib_error *err);

/** A descriptor of the temporary file for ib_file_write; -1 on failure. */
int ib_file_attach(const ib_layout *layout, ib_error *err);

/** Another one, which writes past the page cache; -1 where the file system does not have that. */
int ib_file_attach_direct(const ib_layout *layout);

/** All n bytes at an offset. Any thread. `name` is for the error sentence. */
ib_status ib_file_write(int fd, const char *name, const void *bytes, size_t n, uint64_t offset, ib_error *err);

/** n bytes from an offset. Any thread. @return IB_EIO: the file ends before, too. */
ib_status ib_file_read(int fd, const char *name, void *bytes, size_t n, uint64_t offset, ib_error *err);

/** Flush to the device. */
ib_status ib_file_sync(int fd, const char *name, ib_error *err);

/** Flush to the device and close. */
ib_status ib_file_detach(int fd, const char *name, ib_error *err);

/** Give the temporary file, durably, a name that a later start finds: PATH.partial. */
ib_status ib_file_keep(ib_layout *layout, ib_error *err);

/** Flush, give the file its final name, make the name durable. On failure the temporary file stays. */
ib_status ib_file_publish(const ib_layout *layout, ib_error *err);

/** Remove the temporary file if it is there. */
void ib_file_abandon(const ib_layout *layout);

/** Remove temporary files that processes which were killed left for a path. Only while no other job can write it. */
void ib_file_sweep(const char *path);

#endif
