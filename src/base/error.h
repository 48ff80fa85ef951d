/* SPDX-License-Identifier: BSD-3-Clause */
/** Status and sentence of a failure, built from inside out. */
#ifndef IB_BASE_ERROR_H
#define IB_BASE_ERROR_H

#include "imgbench.h"

/** Set status and sentence; returns the status, so that a failing function ends with `return ib_fail(...)`. */
ib_status ib_fail(ib_error *err, ib_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Put context in front of the sentence: ib_within(err, "read %s: ", path). Returns err->status. */
ib_status ib_within(ib_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Every row of the table of exit codes, for the help text, the documentation and the tests.
 *  @return the code of row i, its text in *text; -1 beyond the last row. */
int ib_exit_code_row(size_t i, const char **text);

#endif
