/* SPDX-License-Identifier: BSD-3-Clause */
/** Work that goes on where an earlier start of it ended (docs/resume.md): cubes, conversions; an mfs image has no finished part. */
#ifndef IB_RESUME_H
#define IB_RESUME_H

#include "io/journal.h"
#include "model/vis.h"

/** Units of work that are finished one by one: image channels, pieces of a conversion. */
typedef struct ib_units {
    const char *name;       /* "channels" */
    size_t      n, payload; /* payload: bytes of what a record says about one */
    bool (*is_intact)(void *self, size_t unit, const void *record); /* is what is on the disk what was written? */
    void *self;
} ib_units;

typedef struct ib_resume {
    char        folder[530];
    bool        claimed; /* rank 0: the lock is ours */
    bool        begun;   /* there is a header, and a journal on every rank */
    bool        resumed; /* goes on with what an earlier start began */
    ib_ledger   ledger;
    ib_journal *journal;
    uint32_t    epoch;

    /* what is left to do */
    size_t    n_unit, n_done; /* units; finished by earlier starts */
    uint8_t  *done;           /* [n_unit] */
    char     *kept;           /* [n_unit] records, on rank 0 of a resumed run: ib_resume_record */
    ib_range *run;            /* [n_run] this rank's, in order */
    size_t    n_run, n_todo;  /* n_todo: units in them */
} ib_resume;

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

/** Which units are finished, each looked at again, and what this rank is to do. Collective.
 *  @param fresh  this rank's units when nothing is finished */
ib_status ib_resume_deal(ib_resume *resume, MPI_Comm comm, const ib_units *units, ib_range fresh, ib_error *err);

/** What a record says about a unit that an earlier start finished. Rank 0; NULL: none did. */
const void *ib_resume_record(const ib_resume *resume, size_t unit);

/** Open this rank's journal. Collective. sync: as in io/journal.h */
ib_status ib_resume_open(ib_resume *resume, MPI_Comm comm, ib_status (*sync)(void *self, ib_error *err), void *self,
                         ib_error *err);

/** End this rank's journal. Collective. @param finished  of all ranks and starts, on rank 0 */
ib_status ib_resume_close(ib_resume *resume, MPI_Comm comm, ib_status rc, size_t *finished, ib_error *err);

/** Do the journals on disk have a record of every unit? Rank 0. IB_EIO otherwise. */
ib_status ib_resume_audit(const ib_resume *resume, const ib_units *units, ib_error *err);

/** Let go: with keep, what is there stays for a later start. Any rank; once. */
void ib_resume_end(ib_resume *resume, bool keep);

#endif
