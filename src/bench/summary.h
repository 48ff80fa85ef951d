/* SPDX-License-Identifier: BSD-3-Clause */
/** What a launch is worth and what is told about it: the verdict, the table for people, the document for programs. */
#ifndef IB_BENCH_SUMMARY_H
#define IB_BENCH_SUMMARY_H

#include "base/monitor.h"
#include "bench/calibrate.h"
#include "bench/efficiency.h"
#include "bench/facts.h"
#include "bench/steady.h"

#include <stdio.h>

/** From best to worst. */
typedef enum ib_validity { IB_REPORTABLE, IB_VALID, IB_PROVISIONAL, IB_INVALID } ib_validity;

enum { IB_MAX_REASONS = 16 };

typedef struct ib_judgement {
    ib_validity validity;
    size_t      n_reason;
    char        reason[IB_MAX_REASONS][120]; /* why it is no better; the gravest is not necessarily first */
} ib_judgement;

/** What was measured around a launch; parts that were not are NULL. Borrowed. */
typedef struct ib_around {
    const ib_bounds     *bounds;
    const ib_steadiness *steady;
    const ib_account    *account; /* [ranks] */
    const ib_course     *course;  /* [ranks] */
} ib_around;

const char *ib_validity_name(ib_validity validity);

/** Judge a launch.
 *  @param failure  IB_OK in failure->status: the launch succeeded and result is whole
 *  @param excess   of ib_place_excess */
void ib_judge(ib_judgement *out, const ib_result *result, const ib_error *failure, const ib_build *build, int excess,
              const ib_around *around);

/** Fixed-width summary, RESULT line last. On failure only that line.
 *  @param record  path of the launch's record, "" none */
void ib_summary_table(FILE *out, const ib_result *result, const ib_around *around, const ib_error *failure,
                      const ib_judgement *verdict, const char *record);

/** The same as one JSON document. */
void ib_summary_json(FILE *out, const ib_result *result, const ib_around *around, const ib_error *failure,
                     const ib_judgement *verdict, const char *record);

#endif
