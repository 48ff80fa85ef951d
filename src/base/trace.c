/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/trace.h"

#include <time.h>

double ib_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *ib_phase_name(ib_phase phase)
{
    static const char *const names[] = {
#define IB_PHASE_NAME(id, name) name,
        IB_PHASES(IB_PHASE_NAME)
#undef IB_PHASE_NAME
    };
    return phase < IB_N_PHASES ? names[phase] : "?";
}
