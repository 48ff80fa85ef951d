/* SPDX-License-Identifier: BSD-3-Clause */
/** `imgbench scaling`: speed-up and efficiency of recorded launches, laws fitted to them, where the time goes. */
#ifndef IB_BENCH_SCALING_H
#define IB_BENCH_SCALING_H

#include "bench/efficiency.h"
#include "bench/help.h"
#include "bench/table.h"

extern const ib_help_option ib_scaling_options[];

/** The subcommand. @param argv  what follows its name
 *  @return IB_EDATA when no launch is recorded that could be compared. */
ib_status ib_scaling(int argc, char *const *argv, FILE *out, ib_error *err);

/** The newest campaigns of a folder whose ranks or threads grew, drawn and told as the subcommand does.
 *  @param card   a sentence each, as a verdict, instead of drawings and tables
 *  @param shown  receives how many there were */
ib_status ib_scaling_report(ib_report *report, const char *folder, size_t most, bool card, size_t *shown,
                            ib_error *err);

/** A time that others published for the whole of a data set whose shape a simulation has (docs/sweeps.md). */
typedef struct ib_published {
    const char *preset, *what;
    int         cores;
    double      seconds, samples;
    double      efficiency; /* of so many cores against `from` cores; 0: not published */
    int         from;
} ib_published;

/** NULL beyond the last. */
const ib_published *ib_published_at(size_t i);

/** Why an efficiency is what it is: factors that multiply back to it exactly. Above 1: better than at the reference. */
typedef struct ib_factors {
    double efficiency;  /* n0 T0 / (n T) */
    double computation; /* what the same work costs the workers together, in weigh, sort, grid, fft, beam */
    double storage;     /* share of time after preparation that is not reading, writing, summing of grids */
    double preparation; /* share of busy time that is not opening, planning, checking */
    double waiting;     /* share of all time in which a worker is in some phase */
} ib_factors;

/** @param n0, T0, phase0  number of workers, time and phases of the reference; n, T, phase  the same of what is judged.
 *                         Seconds, phases as means over ranks. In weak scaling those of equal work. */
ib_factors ib_factors_of(double n0, double T0, const double phase0[IB_N_PHASES], double n, double T,
                         const double phase[IB_N_PHASES]);

/** The same from what threads did: POP's factors, each over that of the reference. */
typedef struct ib_thread_factors {
    double        efficiency, computation; /* as above; computation: useful time of all threads */
    ib_efficiency parallel;                /* parallel itself is the product of the others */
} ib_thread_factors;

/** @param work  what `at` did of the reference's work: 1, in weak scaling the reference's workers over those of `at` */
ib_thread_factors ib_thread_factors_of(const ib_shares *reference, const ib_shares *at, double work);

#endif
