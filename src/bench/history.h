/* SPDX-License-Identifier: BSD-3-Clause */
/** The history of launches: what the records of a folder say, in SQLite.
 *
 * FOLDER/imgbench.db is a cache of FOLDER's records (docs/records.md) and nothing else: opening brings it up to date with them.
 * It is read whole, worked on in memory and, when it changed, replaced by a rename. So there are no locks, it works on
 * every file system, a process that is killed leaves the one that was there, and of two at once either leaves a good
 * one. One that is missing, damaged or not even a database is made anew; where it cannot be written it stays in memory.
 * Records are only read.
 *
 * One process, one thread at a time. Reads the table of options, so that it knows what fixes a problem. */
#ifndef IB_BENCH_HISTORY_H
#define IB_BENCH_HISTORY_H

#include "bench/summary.h"

#include <stdbool.h>

typedef struct ib_history ib_history;

/** What opening found. */
typedef struct ib_history_state {
    char   path[1024];
    int    version;           /* of its tables */
    size_t n_file, n_launch;  /* records, launches in them; calibrations and other work count as records only */
    size_t n_read, n_dropped; /* records read now; forgotten, because their files are gone */
    size_t n_damaged, n_newer;
    size_t bytes;    /* of the database; 0 when it is only in memory */
    char   why[160]; /* it was made anew, or is only in memory; "" neither */
} ib_history_state;

/** Open the history of a folder of records and bring it up to date.
 *  @param afresh  forget what the database holds and read every record
 *  @return IB_ENODATA when the folder does not exist, IB_ENEWER when a later version wrote the database, IB_EIO, IB_ENOMEM. */
ib_status ib_history_open(ib_history **out, const char *folder, bool afresh, ib_error *err);

/** Accepts NULL. */
void ib_history_close(ib_history *history);

/** Borrowed until the end. */
const ib_history_state *ib_history_about(const ib_history *history);

/** Records that could not be taken in, one call each. @param newer  written by a later version, not damaged */
void ib_history_problems(ib_history *history, void (*tell)(void *to, const char *file, const char *why, bool newer),
                         void       *to);

/** The same as one warning, for commands that show or judge the rest. */
void ib_history_warn(const ib_history *history);

/** A launch. Times in seconds; NaN where nothing was measured. */
typedef struct ib_past {
    char        run_id[40], started[32]; /* UTC, "2026-05-01T12:00:00" */
    char        machine[64], status[16], tag[64];
    char        commit[48], describe[64], build_id[20]; /* commit "unknown" outside a repository */
    char        commit_time[32];                        /* "" not known */
    int         dirty;                                  /* sources differed from the commit; -1: not known */
    int         ranks, nodes, threads;
    ib_validity validity;
    bool        wrong; /* the image was compared with the direct Fourier sum and refused */
    char        reason[120];
    double      total, phase[IB_N_PHASES]; /* median of the counted repetitions; of the slowest rank */
    double      rate;                      /* samples gridded per second of that phase and core */
    double      error;                     /* measured accuracy */
    double      peak_bytes;
    char        input[100];
    const char
        *problem; /* JSON, canonical: what fixes the numerical problem, without the settings of the selection */
    const char *environment; /* JSON: what beside the sources moves performance: compiler, libraries, kernel, ... */
} ib_past;

/** The input and the settings of a problem, for people: "sim:chiles support=51". */
void ib_past_problem(const ib_past *launch, char *text, size_t size);

/** The same problem on the same shape of the same machine. @param except  of ib_selection, for machine, ranks, nodes and
 *  threads; the problems leave theirs out already */
bool ib_past_same_series(const ib_past *a, const ib_past *b, const char *except);

/** What of the environment differs between two launches, appended to text: "kernel: Linux 5 -> Linux 6; ...". */
void ib_past_differences(const ib_past *a, const ib_past *b, char *text, size_t size);

/** Which launches. */
typedef struct ib_selection {
    /** Terms with commas between, all of which must hold. A word is the beginning of a run's or commit's name, a
     *  description ("v1.2"), a build, a tag, or what git calls a commit here; -dirty after it means builds of changed
     *  sources, which are left out otherwise. KEY=VALUE (also != < > <= >=) is an option as recorded, or one of run,
     *  commit, build, tag, machine, input, ranks, nodes, threads, status, validity, intent, day, T, or a phase.
     *  "last" is the newest launch. "" or NULL: all. */
    const char *terms;
    const char *more;       /* the same, on top of it */
    const char *repository; /* where git is asked; NULL: nowhere */
    const char *except;     /* settings left out of ib_past.problem: "isa,support"; NULL: none */
    ib_validity at_worst;
    size_t      limit; /* the newest so many; 0: all */
} ib_selection;

/** The launches of a selection, oldest first. *launch is the caller's, to be let go by ib_free; what it points to is the
 *  history's.
 *  @return IB_EUSAGE for a term that means nothing, naming the nearest; IB_ENODATA when a word is nobody's name. None that
 *          satisfies all terms is IB_OK with *n = 0. */
ib_status ib_history_select(ib_history *history, const ib_selection *selection, ib_past **launch, size_t *n,
                            ib_error *err);

/** The file of a launch's record. */
ib_status ib_history_file(ib_history *history, const char *run_id, char *path, size_t size, ib_error *err);

/** What `imgbench ab` found out about a build. */
typedef struct ib_settled {
    char   verdict[24], a_commit[48], started[32];
    double ratio, low, high; /* B/A; NaN: too few launches */
} ib_settled;

/** The newest verdict of ab on a metric ("T" or a phase) of one launch's problem, shape and machine, with that launch's
 *  commit as B. @return false when there is none */
bool ib_history_settled(ib_history *history, const ib_past *b, const char *metric, ib_settled *out);

/** Something that a person said of a commit (imgbench note). */
typedef enum ib_note_kind {
    IB_NOTE_ACCEPTED,
    IB_NOTE_KNOWN,
    IB_NOTE_RESET,
    IB_NOTE_MACHINE,
    IB_NOTE_IGNORE,
    IB_NOTE_WORDS,
    IB_N_NOTES
} ib_note_kind;

typedef struct ib_past_note {
    ib_note_kind kind;
    char         run_id[40], started[32], commit[48], metric[16], where[200], text[300], author[64];
} ib_past_note;

/** "accepted", "known-regression", "baseline-reset", "machine-change", "ignore", "note". */
const char *ib_note_name(ib_note_kind kind);

/** The notes that were not ended, oldest first. @param out  the caller's, for ib_free */
ib_status ib_history_notes(ib_history *history, ib_past_note **out, size_t *n, ib_error *err);

/** A verdict of ab on one metric. Ratios are B/A; NaN: too few launches. */
typedef struct ib_past_verdict {
    char   run_id[40], started[32], kind[16], a[120], b[120]; /* kind: ab, setting or null */
    char   machine[64], metric[16], verdict[24], problem[160];
    int    ranks, threads;
    size_t n_a, n_b;
    double ratio, low, high, p, margin;
} ib_past_verdict;

/** Those of the newest campaigns of ab, the newest first; metrics of one in the order of its record.
 *  @param out  the caller's, for ib_free */
ib_status ib_history_verdicts(ib_history *history, size_t campaigns, ib_past_verdict **out, size_t *n, ib_error *err);

/** What a machine's newest A/A control (ab --null) differed from itself by: half of the interval of T, as a ratio less 1.
 *  0: there is none. */
double ib_history_noise(ib_history *history, const char *machine);

/** The keys of the terms with an operator: "isa=v3,main" -> "isa". For ib_selection.except. */
void ib_selection_keys(const char *terms, char *keys, size_t size);

#endif
