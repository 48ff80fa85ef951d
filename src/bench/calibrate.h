/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench calibrate`: the limits of this machine, measured and kept as a record of intent "calibrate"; and how near
 *  launches come to them. */
#ifndef IB_BENCH_CALIBRATE_H
#define IB_BENCH_CALIBRATE_H

#include "bench/help.h"
#include "bench/table.h"
#include "gridder/limits.h"

extern const ib_help_option ib_calibrate_options[];

/** The subcommand. @param argv  what follows its name; all_argv the whole command line, for the record */
ib_status ib_calibrate(int argc, char *const *argv, int all_argc, char *const *all_argv, FILE *out, ib_error *err);

/** The limits from the newest calibration record of this machine in a folder; else arithmetic alone, measured now in
 *  about a second. @param origin  receives where they are from */
ib_status ib_limits_find(const char *folder, ib_limits *limits, char origin[80], ib_error *err);

/** The limits of the newest calibration record of a machine. @param machine  alias; NULL: this one
 *  @param day  receives its day, "2026-05-01"; age_days: days from then until now @return false: there is none */
bool ib_limits_recorded(const char *folder, const char *machine, ib_limits *limits, char day[16], int *age_days);

/** What the disk below a folder does: a nameless file of so many bytes, written and synced, then read after it was dropped from memory;
 *  each through the page cache and past it, of which the faster one counts. @param n_repeat  up to 16
 *  @return IB_EIO when there is no such file to be had. */
ib_status ib_disk_measure(const char *folder, size_t bytes, size_t n_repeat, ib_disk *out, ib_error *err);

/** Their table. */
void ib_limits_report(ib_report *report, const ib_limits *limits);

/** How near the phases of a launch came to the limits of its machine. */
typedef struct ib_bounds {
    bool     known;              /* there is a calibration record; else only `missing` is meant */
    char     calibrated[16];     /* the day of it: "2026-05-01" */
    int      age_days;           /* whole days since */
    int      n_node;             /* that the limits are counted for */
    ib_bound phase[IB_N_PHASES]; /* nearest "": nothing bounds it that is known */
    double   storage;      /* share of the wall time that the bytes read and written would take; NaN: not known */
    char     missing[300]; /* what is not known, and the remedy; "" nothing */
} ib_bounds;

/** From the newest calibration record of this machine in a folder. A disk's limits are those of the file system that was
 *  measured: files elsewhere have none. @param result  of a launch that succeeded */
void ib_bounds_find(ib_bounds *out, const char *folder, const ib_result *result, int n_node);

#endif
