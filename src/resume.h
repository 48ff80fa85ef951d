/* SPDX-License-Identifier: BSD-3-Clause */
/** A run that goes on where an earlier start of it ended (docs/resume.md). Of cubes: an mfs image has no finished part. */
#ifndef IB_RESUME_H
#define IB_RESUME_H

#include "gridder/imager.h"
#include "io/journal.h"

/** What a record says about a finished image channel. */
typedef struct ib_kept {
    ib_outcome outcome;
    ib_verdict verdict;
    uint64_t   hash[IB_N_PRODUCTS][IB_MAX_STOKES][2];
} ib_kept;

typedef struct ib_resume {
    char        folder[530];
    bool        claimed; /* rank 0: the lock is ours */
    bool        begun;   /* there is a header, and a journal on every rank */
    bool        resumed; /* goes on with what an earlier start began */
    ib_ledger   ledger;
    ib_journal *journal;
    uint32_t    epoch;

    /* what is left to do */
    size_t    n_unit, n_done; /* image channels; finished by earlier starts */
    uint8_t  *done;           /* [n_unit] */
    ib_kept  *kept;           /* [n_unit] rank 0 of a resumed run */
    ib_range *run;            /* [n_run] this rank's, in order */
    size_t    n_run, n_todo;  /* n_todo: channels in them */
} ib_resume;

/** What a rank has open of an output. */
typedef struct ib_opened {
    const ib_sink_ops *ops;
    ib_product         product;
    void              *sink;
} ib_opened;

/** A number for what an input holds: rows as digested, size and time of its file or of those in its folder. */
uint64_t ib_resume_stamp(const char *input, uint64_t rows);

/** Take hold of the outputs: lock them against other jobs, find out whether there is a run to go on with, remove what was
 *  left when it is not wanted. Rank 0.
 *  @param path   [n] final names
 *  @param anew   what was left, and the outputs themselves, may go
 *  @return IB_EUSAGE: another job is writing; the outputs or parts of them exist. */
ib_status ib_resume_claim(ib_resume *resume, const ib_config *cfg, int mode, const char *const *path, size_t n,
                          bool anew, ib_error *err);

/** Is this the same run? Rank 0. @param note  [n_note] everything that bits depend on */
ib_status ib_resume_compare(const ib_resume *resume, const ib_note *note, size_t n_note, ib_error *err);

/** Outputs are laid out: begin a run, or put them back as they were. Fills in layouts' offsets and partial names of a resumed one. Rank 0.
 *  @param ledger  of a new run; its layouts' files get names that a later start finds */
ib_status ib_resume_begin(ib_resume *resume, const ib_ledger *ledger, ib_layout *const *layout, size_t n,
                          ib_error *err);

/** Which channels are finished, each plane compared with its hash, and what this rank is to do. Collective.
 *  @param fresh  this rank's channels when nothing is finished */
ib_status ib_resume_deal(ib_resume *resume, MPI_Comm comm, const ib_plan *plan, ib_range fresh,
                         const ib_opened *opened, size_t n, size_t plane_pixels, ib_error *err);

/** Open this rank's journal. Collective. sync: as in io/journal.h */
ib_status ib_resume_open(ib_resume *resume, MPI_Comm comm, ib_status (*sync)(void *self, ib_error *err), void *self,
                         ib_error *err);

/** End this rank's journal. Collective. @param finished  of all ranks and starts, on rank 0 */
ib_status ib_resume_close(ib_resume *resume, MPI_Comm comm, ib_status rc, size_t *finished, ib_error *err);

/** Do the journals on disk have a record of every channel? Rank 0. IB_EINTERNAL otherwise. */
ib_status ib_resume_audit(const ib_resume *resume, ib_error *err);

/** Let go: with keep, what is there stays for a later start. Any rank; once. */
void ib_resume_end(ib_resume *resume, bool keep);

#endif
