/* SPDX-License-Identifier: BSD-3-Clause */
/** A launch of ib_run, and its rooms: prepare.c (input and plan), outputs.c (files), work.c (the main loop); run.c has the frame
 *  around them and the result. What is marked collective is called by all ranks together. */
#ifndef IB_RUN_H
#define IB_RUN_H

#include "base/comm.h"
#include "base/option.h"
#include "base/trace.h"
#include "gridder/imager.h"
#include "io/io.h"
#include "io/writer.h"
#include "reading.h"
#include "resume.h"
#include "schedule.h"

enum { IB_MAX_SINKS = 2 * IB_N_PRODUCTS, IB_MAX_NOTES = IB_MAX_OPTIONS + 16, IB_NOTE = 256 };

/** A file being written: one product in one format. */
typedef struct ib_output {
    const ib_sink_ops *ops;
    ib_product         product;
    ib_layout          layout;
    void              *sink;
    bool               created;
} ib_output;

/** What a record says about a finished image channel. */
typedef struct ib_kept {
    ib_outcome outcome;
    ib_verdict verdict;
    uint64_t   hash[IB_N_PRODUCTS][IB_MAX_STOKES][2];
} ib_kept;

typedef struct ib_run_job {
    const ib_config *cfg;    /* `chosen` */
    ib_config        chosen; /* as given, and what --epsilon chooses */
    MPI_Comm         comm;
    int              rank, n_rank, n_thread;
    ib_result       *result;
    ib_timers        timers;

    ib_source  *source;
    ib_reading  reading;
    ib_vis_info info;
    bool        described;
    ib_extent  *extent;
    ib_plan     plan;
    ib_imager  *imager;
    ib_port     port;
    ib_writer  *writer;

    ib_cube   cube[IB_N_PRODUCTS];
    ib_output output[IB_MAX_SINKS];
    int       n_output;
    char      note_text[IB_MAX_NOTES][IB_NOTE];
    ib_note   note[IB_MAX_NOTES];
    size_t    n_note;
    int64_t   written;

    ib_resume   resume;
    ib_units    channels;        /* image channels, as records have them */
    float      *plane;           /* while finished channels are looked at */
    uint64_t    input_digest;    /* rank 0 */
    double      deadline;        /* by the clock of ib_now; 0: none */
    double      polled, longest; /* when `between` was called last; longest time from one call to the next, s */
    ib_range    units;
    ib_outcome *outcome;             /* [plan.n_unit] of this rank's units; on rank 0 then of all */
    uint8_t    *mine;                /* [plan.n_unit] this rank worked on it */
    double      read_before, worked; /* s, reading before the work; until nothing was left to do */
    ib_schedule schedule;
    ib_notice   notice;
    uint64_t    passed, shown; /* samples of earlier passes; of all, as shown */
    double      work_began;
} ib_run_job;

/* ---- prepare.c ------------------------------------------------------------------------------------------------- */

/** Describe the input and what its rows reach. Collective. */
ib_status ib_run_open(ib_run_job *job, ib_error *err);

/** Decide everything: plan, names and claim of the outputs, FFT plans. Collective. @param wisdom  the caller's */
ib_status ib_run_plan(ib_run_job *job, char fft_plan[80], char **wisdom, ib_error *err);

/** What --plan prints. Rank 0. */
void ib_run_print_plan(const ib_run_job *job, const char *fft_plan);

/* ---- outputs.c ------------------------------------------------------------------------------------------------- */

/** Names of the files; IB_EUSAGE when one is the input. Every rank. */
ib_status ib_run_name_outputs(ib_run_job *job, ib_error *err);

/** Lock them against other jobs (ib_resume_claim). Rank 0. */
ib_status ib_run_claim_outputs(ib_run_job *job, ib_error *err);

/** Lay the files out, attach to them, deal what is left to do. Collective. */
ib_status ib_run_create_outputs(ib_run_job *job, const char *wisdom, const char *fft_plan, ib_error *err);

/** Ports of the imager (ib_port). */
ib_status ib_run_write(void *self, ib_product product, const ib_plane *plane, ib_error *err);
ib_status ib_run_finished(void *self, size_t unit, const ib_outcome *outcome, const ib_verdict *verdict,
                          ib_error *err);

/** Let go of the files; whole ones get their names when everything went well (rc), others stay for a later start or
 *  vanish. Collective. @return what went wrong first, rc included */
ib_status ib_run_close_outputs(ib_run_job *job, ib_status rc, ib_error *err);

/* ---- work.c ---------------------------------------------------------------------------------------------------- */

/** When this run must have ended, by the clock of ib_now: as told, or as the batch system tells; 0: never.
 *  @return IB_EUSAGE: what the batch system tells has passed. */
ib_status ib_run_deadline(const ib_config *cfg, double began, double *deadline, ib_error *err);

/** Are all samples weighed before any is imaged, those of finished channels included? */
bool ib_run_weighs_first(const ib_run_job *job);

/** All channels or shares, and what became of them on rank 0. Collective. */
ib_status ib_run_work(ib_run_job *job, ib_error *err);

/** Ports of the imager (ib_port). */
ib_status ib_run_between(void *self, uint64_t done, ib_error *err);
bool      ib_run_urgent(void *self);

void ib_counts_add(ib_counts *to, const ib_counts *from);

#endif
