/* SPDX-License-Identifier: BSD-3-Clause */
/** The record of a launch: one JSON Lines file, begun before the work (docs/records.md).
 *
 * FOLDER/MACHINE/YYYY-MM/RUN_ID.jsonl, named .jsonl.part until its last line is on disk: a .part without a running
 * job is a launch that was lost. */
#ifndef IB_BENCH_RECORD_H
#define IB_BENCH_RECORD_H

#include "base/option.h"
#include "bench/summary.h"

/** What is known of a launch before its work. Borrowed until ib_record_begin returns. */
typedef struct ib_launch {
    int               argc;
    char *const      *argv;
    const ib_command *command;
    int               ranks, threads; /* threads of each rank */
    const ib_place   *place;          /* [ranks] */
    const char       *mpi_library;    /* as the library names itself */
} ib_launch;

typedef struct ib_record ib_record;

/** Create the file and write its first line. One process.
 *  @return IB_EIO when the folder cannot be made or written; the work does not depend on it. */
ib_status ib_record_begin(ib_record **out, const char *folder, const ib_launch *launch, ib_error *err);

/** Write what happened and the end line, sync, give the file its final name. Ends the record, also on failure.
 *  @param path  receives the final name; "" when it was not reached */
ib_status ib_record_end(ib_record *record, const ib_result *result, const ib_around *around, const ib_error *failure,
                        const ib_judgement *verdict, double wall_s, char *path, size_t size, ib_error *err);

struct json_t; /* of jansson, so that this header does not need it */

/** What of a `workload` fixes the numerical problem: the input, and every option of input, image, gridding and weighting
 *  (and chunks) that is not at its default, whichever version recorded it. @return a new reference */
struct json_t *ib_record_problem(const struct json_t *workload);

/** An identity of the facts in an object, whatever the order they were set in: 16 hexadecimal digits. @return a new
 *  reference */
struct json_t *ib_record_identity(const struct json_t *facts);

/** The digest that an end line has of the bytes before it, continued. */
#define IB_DIGEST_START UINT64_C(0xcbf29ce484222325)
uint64_t ib_record_digest(uint64_t before, const char *bytes, size_t n);

/** Write a whole record of work that is not a launch: facts, one line `type`, the end. One process.
 *  @param intent  "calibrate"
 *  @param fields  of that line, a jansson object; the reference is taken
 *  @param path    receives the name */
ib_status ib_record_write(const char *folder, const char *intent, int argc, char *const *argv, const char *type,
                          struct json_t *fields, double wall_s, char *path, size_t size, ib_error *err);

/** The line `type` of the newest record of that intent. @param machine  alias; NULL: this one
 *  @return a new reference; NULL: there is none. */
struct json_t *ib_record_newest(const char *folder, const char *machine, const char *intent, const char *type);

#endif
