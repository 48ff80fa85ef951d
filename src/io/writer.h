/* SPDX-License-Identifier: BSD-3-Clause */
/** Bytes on their way to files: packed into buffers by whoever makes them, written by two threads of a process.
 *
 * The number of buffers is the credit of those who pack: with none left they wait, nothing is held anywhere else. Whole blocks of
 * long pieces go to the device past the page cache where the file system allows it, so that a flush finds little to do. */
#ifndef IB_IO_WRITER_H
#define IB_IO_WRITER_H

#include "io/journal.h"
#include "model/sink.h"

typedef struct ib_writer ib_writer;

enum { IB_WRITE_LEAST = 16 << 10 };

/** Where bytes go. Descriptors must stay open until they are written (ib_writer_drain). */
typedef struct ib_target {
    int         fd, direct; /* the same file; direct: opened to write past the page cache, or -1 */
    const char *name;       /* for error sentences */
} ib_target;

/** Open a laid-out file; borrows the layout. Flush and close it. */
ib_status ib_target_open(ib_target *to, const ib_layout *layout, ib_error *err);
ib_status ib_target_close(ib_target *to, ib_error *err);

/** @param n_buffer  at least 1, of `bytes` each (IB_WRITE_LEAST or more)
 *  @param payload   bytes of ib_writer_finished
 *  @return IB_ENOMEM, IB_EIO */
ib_status ib_writer_create(ib_writer **out, size_t n_buffer, size_t bytes, size_t payload, ib_error *err);

/** Wait until everything has been written. @return what has gone wrong since the writer was made. */
ib_status ib_writer_drain(ib_writer *writer, ib_error *err);

/** Accepts NULL. What has not been written by then is lost. */
void ib_writer_destroy(ib_writer *writer);

/** Tell a journal that a unit is finished (ib_journal_add), after all that has been packed and sent so far is written. Any thread.
 *  @param payload  copied. @return what has gone wrong so far */
ib_status ib_writer_finished(ib_writer *writer, ib_journal *journal, uint64_t unit, const void *payload,
                             ib_error *err);

/** Seconds that packers waited for a buffer, all threads together, and that something was being written. */
void ib_writer_times(ib_writer *writer, double *waited, double *busy);

/** What one thread packs. Begin, add, send; nothing is written for sure before ib_writer_drain. */
typedef struct ib_pack {
    ib_writer       *writer;
    const ib_target *to;
    struct ib_load  *open;
} ib_pack;

void ib_pack_begin(ib_pack *pack, ib_writer *writer, const ib_target *to);

/** Room for the next bytes from `offset` of the file on: *got of them, 1 to `wanted`. Waits for a buffer.
 *  @param run  bytes that will follow from offset on, without a gap; at least `wanted`
 *  @return NULL: something has gone wrong with what was packed earlier, by any thread; err says what. */
void *ib_pack_room(ib_pack *pack, uint64_t offset, size_t wanted, size_t run, size_t *got, ib_error *err);

/** n bytes at an offset. */
ib_status ib_pack_add(ib_pack *pack, const void *bytes, size_t n, uint64_t offset, ib_error *err);

/** Rows of an array, n_row of n bytes, each `stride` bytes after the one before, one behind the other from an offset on and
 *  filled up with zeros to `width` bytes. */
ib_status ib_pack_rows(ib_pack *pack, const void *rows, size_t n_row, size_t n, size_t stride, size_t width,
                       uint64_t offset, ib_error *err);

/** Also after a failure; once. */
void ib_pack_send(ib_pack *pack);

#endif
