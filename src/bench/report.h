/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench report`: everything that the records of a folder tell, on one page that needs nothing but itself. */
#ifndef IB_BENCH_REPORT_H
#define IB_BENCH_REPORT_H

#include "bench/help.h"

extern const ib_help_option ib_make_report_options[];

/** The subcommand. The page appears under its name when it is whole; the same records give the same bytes.
 *  @param argv  what follows its name
 *  @return IB_ENODATA where there is no launch to report (the page then says how to make one). */
ib_status ib_make_report(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
