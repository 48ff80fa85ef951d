/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench calibrate`: the limits of this machine, measured and kept as a record of intent "calibrate". */
#ifndef IB_BENCH_CALIBRATE_H
#define IB_BENCH_CALIBRATE_H

#include "bench/help.h"
#include "bench/table.h"
#include "gridder/limits.h"

extern const ib_help_option ib_calibrate_options[];

/** What a disk did, bytes/s; NaN: not measured. */
typedef struct ib_disk {
    ib_spread write, read; /* write: until it is on the device; read: after asking for it to be dropped from memory */
} ib_disk;

/** The subcommand. @param argv  what follows its name; all_argv the whole command line, for the record */
ib_status ib_calibrate(int argc, char *const *argv, int all_argc, char *const *all_argv, FILE *out, ib_error *err);

/** The limits from the newest calibration record of this machine in a folder; else arithmetic alone, measured now in
 *  about a second. @param origin  receives where they are from */
ib_status ib_limits_find(const char *folder, ib_limits *limits, char origin[80], ib_error *err);

/** Their table. @param disk  may be NULL */
void ib_limits_report(ib_report *report, const ib_limits *limits, const ib_disk *disk);

#endif
