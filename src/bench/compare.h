/* SPDX-License-Identifier: BSD-3-Clause */
/** Two sets of launches, judged; and `imgbench compare`. */
#ifndef IB_BENCH_COMPARE_H
#define IB_BENCH_COMPARE_H

#include "bench/help.h"
#include "bench/history.h"
#include "bench/stats.h"
#include "bench/table.h"

extern const ib_help_option ib_compare_options[];

/** Phases below this share of T do not gate; of everything that is told as different at most this share is chance
 *  (harness specification, 6.3). */
#define IB_GATE_SHARE  0.03
#define IB_FALSE_SHARE 0.05

/** How is judged. */
typedef struct ib_judging {
    double      alpha, margin;   /* 0.05; 0.02: ratios up to 1.02 do not matter */
    ib_validity at_worst;        /* launches worth less count nowhere */
    char        except[400];     /* settings that may differ within a series: those compared; "" none */
    bool        any_environment; /* judge although compilers, libraries or kernels differ beside the commits */
} ib_judging;

/** One metric of one series: a problem on a shape of a machine. */
typedef struct ib_finding {
    ib_past    series;     /* a launch of it, for its names */
    char       metric[12]; /* "T" or a phase */
    size_t     n[2];
    double     median[2]; /* s */
    ib_shift   shift;     /* of logarithms */
    ib_verdict verdict;
    size_t     needed; /* launches of either side that would probably decide; 0: it is decided */
} ib_finding;

typedef struct ib_comparison {
    ib_finding *finding; /* T of a series first, then phases of more than 3 % of it */
    size_t      n;
    ib_verdict  verdict;       /* over all: any wrong image, any metric slower, else the worst T */
    char        commit[2][48]; /* of the newest launches that count; "" none */
    size_t      n_left_out;    /* launches worth too little, or without a counterpart */
    size_t      n_refused[2];  /* whose image the direct Fourier sum refused */
    ib_validity worst;         /* of the launches that count */
    char        why_worst[120];
    char        changed[400]; /* what of the environment differs: "kernel: Linux 5 -> Linux 6; ..."; "" nothing */
} ib_comparison;

/** Judge every series that both have launches of; Benjamini-Hochberg over all metrics at 5 %. A series with a refused image
 *  is wrong, however fast.
 *  @return IB_ENODATA when they have none in common; IB_EUSAGE when a launch is in both. */
ib_status ib_compare_launches(const ib_past *a, size_t n_a, const ib_past *b, size_t n_b, const ib_judging *how,
                              ib_comparison *out, ib_error *err);

/** The same for two selections of the history, which sets how->except and widens the margin to the noise of the machine. @param where, repository  as of ib_selection */
ib_status ib_compare_terms(ib_history *history, const char *const word[2], const char *where, const char *repository,
                           ib_judging *how, ib_comparison *out, ib_error *err);

/** The options --margin (percent) and --allow; alpha is 0.05. @return IB_EUSAGE for what cannot be judged by. */
ib_status ib_judging_parse(const char *margin, const char *allow, ib_judging *how, ib_error *err);

void ib_comparison_clear(ib_comparison *comparison);

/** Its tables; a and b are what the sides are called. */
void ib_comparison_report(ib_report *report, const ib_comparison *comparison, const char *a, const char *b,
                          const ib_judging *how);

/** The verdict as a status, with the sentence that an exit code needs. @param strict  inconclusive is IB_EUNDECIDED, not IB_OK */
ib_status ib_comparison_outcome(const ib_comparison *comparison, const char *a, const char *b, bool strict,
                                ib_error *err);

/** One line: "T 5.1 % (3.2..6.9) slower: sim:chiles on 1 x 2". */
void ib_finding_text(const ib_finding *finding, char *text, size_t size);

/** The subcommand. @param argv  what follows its name */
ib_status ib_compare(int argc, char *const *argv, FILE *out, ib_error *err);

#endif
