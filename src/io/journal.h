/* SPDX-License-Identifier: BSD-3-Clause */
/** What a run has finished, written down so that it outlives the run (docs/resume.md).
 *
 * A folder beside the output holds `header` (what the run is and where the parts of its files lie), `journal.E.R` (what rank
 * R finished after the E-th start) and `lock`. A unit of work is finished once its record is on the device, and no record
 * gets there before the data that it speaks of. Journals are only ever appended to by the start that made them. */
#ifndef IB_IO_JOURNAL_H
#define IB_IO_JOURNAL_H

#include "model/sink.h"

#include <stdbool.h>

enum { IB_MAX_OUTPUTS = 8 };

/** What a run is. Notes, wisdom and layouts are borrowed when it is written; what ib_journal_recall fills in is the
 *  ledger's, until ib_ledger_clear. */
typedef struct ib_ledger {
    uint64_t       run_id; /* random */
    const ib_note *note;   /* [n_note] everything that finished bits depend on: must be equal for a run to go on */
    size_t         n_note;
    const char    *wisdom, *fft_plan;
    uint64_t       n_unit, payload; /* units of work; bytes that a record says about one */
    ib_layout     *layout;          /* [n_layout] */
    size_t         n_layout;
    void          *image, *own_note, *own_layout; /* what a recalled one owns */
} ib_ledger;

/** Digest of some bytes, and of those that came before. */
uint64_t ib_digest(uint64_t before, const void *bytes, size_t n);

/** Digest of a plane's bytes, as statistics have it (model/image.h). */
void ib_digest_plane(const void *bytes, size_t n, uint64_t hash[2]);

/** Keep others from writing the same output: IB_EUSAGE when a living process does, on this host or, as far as a heartbeat tells,
 *  another. Makes the folder. What a dead one left is taken over. A thread gives signs of life until ib_journal_unlock.
 *  @param patient  wait, up to two minutes, for a process on another host that may have died, instead of refusing at once */
ib_status ib_journal_lock(const char *folder, bool patient, ib_error *err);

/** Is there a run to go on with? */
bool ib_journal_exists(const char *folder);

/** Write the header, durably; layouts' files must be laid out, under the names in `partial`. Fills in run_id. One process. */
ib_status ib_journal_begin(const char *folder, ib_ledger *ledger, ib_error *err);

/** Read the header. @return IB_EDATA when it is damaged or from another version. One process. */
ib_status ib_journal_recall(const char *folder, ib_ledger *ledger, ib_error *err);
void      ib_ledger_clear(ib_ledger *ledger);

/** Put back everything of layout k's file that is not planes, as it was when the run began.
 *  @param partial  its present name. @return IB_EDATA: the file is not there or too short. */
ib_status ib_journal_restore(const ib_ledger *ledger, size_t k, const char *partial, ib_error *err);

/** All records of all starts. @param record [n_unit][payload] or NULL, done [n_unit] out: 1 where there is one
 *  @param epoch  out: the next start's number; damage: records after which a journal goes on although they are broken */
ib_status ib_journal_scan(const char *folder, const ib_ledger *ledger, void *record, uint8_t *done, uint32_t *epoch,
                          size_t *damage, ib_error *err);

/** Taking down what is finished, from any thread. A thread of its own brings data and records to the device every few
 *  seconds, so that nobody waits for it. */
typedef struct ib_journal ib_journal;

/** @param sync  flush the data of this rank to the device; called by that thread */
ib_status ib_journal_open(ib_journal **out, const char *folder, const ib_ledger *ledger, uint32_t epoch, int rank,
                          ib_status (*sync)(void *self, ib_error *err), void *self, ib_error *err);

/** A unit's data have been written. @param payload  as many bytes as the ledger says; copied
 *  @return what has gone wrong since the journal was opened. */
ib_status ib_journal_add(ib_journal *journal, uint64_t unit, const void *payload, ib_error *err);

/** Bring everything to the device and end. Accepts NULL. @param finished  units whose record is on the device; may be NULL */
ib_status ib_journal_close(ib_journal *journal, size_t *finished, ib_error *err);

/** All outputs are complete under their partial names: from now on only renames are missing. Durable. */
ib_status ib_journal_mark_complete(const char *folder, ib_error *err);
bool      ib_journal_is_complete(const char *folder);

/** Remove what this module put into the folder, but the lock. */
void ib_journal_discard(const char *folder);

/** Let go of the lock; remove the folder if nothing else is in it. */
void ib_journal_unlock(const char *folder);

#endif
