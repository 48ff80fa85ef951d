/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench doctor`: what this machine is, what slows or unsettles launches on it, what would make them reportable, and how
 *  to mend each. */
#ifndef IB_BENCH_DOCTOR_H
#define IB_BENCH_DOCTOR_H

#include "bench/help.h"
#include "bench/system.h"

extern const ib_help_option ib_doctor_options[];

/** The subcommand. Makes two small launches of its own, which leave no record.
 *  @param argv  what follows its name
 *  @return IB_ELAUNCH when launches do not work; IB_EONLYVALID with --require-reportable when they would be no more than valid. */
ib_status ib_doctor(int argc, char *const *argv, FILE *out, ib_error *err);

/** From best to worst. */
typedef enum ib_severity { IB_FINE, IB_NOTE, IB_SLOWS, IB_KEEPS, IB_BROKEN } ib_severity;

/** Something that was looked at. remedy "": nothing is to be done. */
typedef struct ib_symptom {
    ib_severity severity;
    char        topic[24], found[200], remedy[240];
} ib_symptom;

enum { IB_MAX_SYMPTOMS = 32 };

/** What the set-up of a system does to launches.
 *  @param symptom  room for IB_MAX_SYMPTOMS
 *  @return how many */
int ib_system_symptoms(const ib_system *system, ib_symptom *symptom);

#endif
