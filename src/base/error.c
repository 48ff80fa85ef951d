/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The one table of exit codes: a status's name, its code, what the code means. Codes without a status belong to the
   harness commands. */
static const struct {
    ib_status   status;
    const char *name;
    int         code;
    const char *text;
} exits[] = {
    {IB_OK, "ok", 0, "done"},
    {IB_EINTERNAL, "internal error", 1, "a defect in imgbench, or a failure without a class of its own"},
    {IB_EUSAGE, "usage", 2, "an option or argument is wrong, or contradicts another"},
    {IB_ESLOWER, "regression", 3, "compare, trend, gate, ab: slower than before, confirmed"},
    {IB_EUNDECIDED, "inconclusive", 4, "compare, gate, ab with --strict: the launches do not decide"},
    {IB_ECHECK, "check failed", 5,
     "the image disagrees with the direct Fourier sum; no file was left. gate: so did a launch that was to be judged"},
    {IB_EONLYVALID, "not reportable", 6, "doctor with --require-reportable: no launch here could be reportable"},
    {IB_ENODATA, "no data", 7, "no launch that could be shown or judged"},
    {IB_ELAUNCH, "launch failed", 8, "a launch of a sweep or of doctor failed, or a job could not be submitted"},
    {IB_ENEWER, "newer", 9, "a record or the history was written by a later imgbench"},
    {IB_ESUSPECT, "suspect", 11, "trend, gate: a regression is suspected, and not confirmed by imgbench ab"},
    {IB_EDATA, "bad data", 65, "the input is missing, malformed, contradictory or has no usable sample"},
    {IB_EUNSUPPORTED, "unsupported", 69, "a valid request that this build cannot serve"},
    {IB_ESTUCK, "rank lost", 70,
     "a rank gave no sign of life, or waited for the system, for --hang-timeout; what is finished is kept for --resume"},
    {IB_ENOMEM, "out of memory", 71, "the memory limit is too small, or the allocator refused"},
    {IB_EIO, "input/output", 74, "the system or a file library refused to read or write"},
    {IB_EINTERRUPTED, "interrupted", 75, "stopped by a signal; nothing was left half-written, start it again"},
};

enum { N_EXITS = sizeof exits / sizeof *exits };

const char *ib_status_name(ib_status status)
{
    for (size_t i = 0; i < N_EXITS; i++)
        if (exits[i].status == status)
            return exits[i].name;
    return "unknown";
}

int ib_exit_code(ib_status status)
{
    for (size_t i = 0; i < N_EXITS; i++)
        if (exits[i].status == status)
            return exits[i].code;
    return 1;
}

int ib_exit_code_row(size_t i, const char **text)
{
    if (i >= N_EXITS)
        return -1;
    *text = exits[i].text;
    return exits[i].code;
}

ib_status ib_fail(ib_error *err, ib_status status, const char *format, ...)
{
    va_list args;

    err->status = status;
    err->rank = -1;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

ib_status ib_within(ib_error *err, const char *format, ...)
{
    char    inner[sizeof err->text];
    va_list args;

    memcpy(inner, err->text, sizeof inner);
    va_start(args, format);
    const int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, "%s", inner);
    return err->status;
}
