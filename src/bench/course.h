/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory and processors of a launch over time, as its record has them. */
#ifndef IB_BENCH_COURSE_H
#define IB_BENCH_COURSE_H

#include "imgbench.h"

struct json_t;

/** Draw both into an .svg or .png file.
 *  @param line  `monitor` of a record; NULL: it has none, IB_ENODATA
 *  @return IB_EUSAGE for another kind of file, IB_EUNSUPPORTED without gnuplot, IB_EIO. */
ib_status ib_course_plot(const struct json_t *line, const char *title, const char *path, ib_error *err);

#endif
