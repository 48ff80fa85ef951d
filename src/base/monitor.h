/* SPDX-License-Identifier: BSD-3-Clause */
/** Memory and processor time of this process over time, looked at by a thread of its own. Process-wide. */
#ifndef IB_BASE_MONITOR_H
#define IB_BASE_MONITOR_H

#include "imgbench.h"

enum { IB_MAX_SAMPLES = 128 };

/** One look. */
typedef struct ib_glance {
    float at_s;     /* since the first one */
    float cpu_s;    /* processor time of the process since then */
    float resident; /* bytes */
} ib_glance;

/** What was seen. Plain data. Samples are evenly spaced but for the last one, and never more than there is room for: when it
 *  is full every other one goes, and the pace halves. */
typedef struct ib_course {
    int       n;
    double    every_s; /* between samples in the end */
    ib_glance sample[IB_MAX_SAMPLES];
} ib_course;

/** Begin to look every so many seconds, until the end; at once, too. Without a thread there are two looks, the first and the
 *  last. @param every_s  not above 0: do not look at all */
void ib_monitor_begin(double every_s);
void ib_monitor_end(ib_course *out);

/** Return once no look is under way that began before. */
void ib_monitor_wait(void);

/** Keep every k-th sample and the last one, so that at most `most` remain. */
void ib_course_thin(ib_course *samples, int most);

#endif
