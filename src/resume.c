/* SPDX-License-Identifier: BSD-3-Clause */
#include "resume.h"
#include "base/comm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- claim ------------------------------------------------------------------------------------------------------- */

/* What an earlier start called its outputs, wherever they have moved to together; without a header that can be read, what
   this one does. @return how many */
static size_t name_earlier(const char *folder, const char *const *path, size_t n, char name[IB_MAX_OUTPUTS][530])
{
    const char *const slash = strrchr(path[0], '/');
    ib_ledger         ledger;
    ib_error          ignored;

    if (ib_journal_recall(folder, &ledger, &ignored)) {
        for (size_t i = 0; i < n; i++)
            snprintf(name[i], sizeof name[i], "%.510s", path[i]);
        return n;
    }
    for (size_t i = 0; i < ledger.n_layout; i++) {
        const char *const was = ledger.layout[i].path, *const last = strrchr(was, '/');
        snprintf(name[i], sizeof name[i], "%.*s%.255s", slash ? (int)(slash - path[0]) + 1 : 0, path[0],
                 last ? last + 1 : was);
    }
    n = ledger.n_layout;
    ib_ledger_clear(&ledger);
    return n;
}

/* An earlier start was complete but for renames. */
static ib_status finish_renames(const char *folder, const char *const *path, size_t n, ib_error *err)
{
    char name[IB_MAX_OUTPUTS][530], partial[540];

    n = name_earlier(folder, path, n, name);
    for (size_t i = 0; i < n; i++) {
        snprintf(partial, sizeof partial, "%.529s.partial", name[i]);
        if (!access(partial, F_OK) && rename(partial, name[i]))
            return ib_fail(err, IB_EIO, "rename %s to %s failed; rename it by hand", partial, name[i]);
    }
    ib_journal_discard(folder);
    return IB_OK;
}

static void remove_parts(const char *folder, const char *const *path, size_t n)
{
    char name[IB_MAX_OUTPUTS][530], partial[540];

    n = name_earlier(folder, path, n, name);
    for (size_t i = 0; i < n; i++) {
        snprintf(partial, sizeof partial, "%.529s.partial", name[i]);
        unlink(partial);
    }
    ib_journal_discard(folder);
}

static ib_status look_around(ib_resume *r, const ib_config *cfg, const char *const *path, size_t n, bool anew,
                             ib_error *err)
{
    ib_status rc = IB_OK;

    if (ib_journal_is_complete(r->folder)) {
        rc = finish_renames(r->folder, path, n, err);
    } else if (ib_journal_exists(r->folder)) {
        if (cfg->resume) {
            r->resumed = true;
            return ib_journal_recall(r->folder, &r->ledger, err);
        }
        if (!anew)
            return ib_fail(
                err, IB_EUSAGE,
                "an earlier start of this run left %s.partial and finished parts of it; give --resume to go on with it, or --overwrite to begin anew",
                path[0]);
        remove_parts(r->folder, path, n);
    } else
        ib_journal_discard(r->folder); /* journals whose header is gone mean nothing */
    for (size_t i = 0; !rc && i < n && !anew; i++)
        if (!access(path[i], F_OK))
            rc = ib_fail(err, IB_EUSAGE,
                         cfg->resume ? "output %s is whole: there is nothing to resume"
                                     : "output %s exists; give --overwrite, or another name with --output",
                         path[i]);
    return rc;
}

ib_status ib_resume_claim(ib_resume *r, const ib_config *cfg, int mode, const char *const *path, size_t n, bool anew,
                          ib_error *err)
{
    memset(r, 0, sizeof *r);
    snprintf(r->folder, sizeof r->folder, "%.520s.run", path[0]);
    if (mode == IB_MFS && cfg->resume)
        return ib_fail(
            err, IB_EUSAGE,
            "--resume: an image of all channels (--mode mfs) has no finished part to go on with; leave it out");
    if (cfg->resume && cfg->overwrite)
        return ib_fail(
            err, IB_EUSAGE,
            "--resume goes on with what an earlier start finished, --overwrite throws it away; leave out one of them");
    ib_status rc = ib_journal_lock(r->folder, cfg->resume, err);
    if (rc)
        return rc;
    r->claimed = true;
    for (size_t i = 0; i < n; i++)
        ib_file_sweep(path[i]);
    rc = look_around(r, cfg, path, n, anew, err);
    if (rc)
        ib_resume_end(r, true);
    return rc;
}

uint64_t ib_resume_stamp(const char *input, uint64_t rows)
{
    struct stat info;
    uint64_t    sum[2] = {0, 0}; /* bytes, latest change */
    char        path[1200];

    if (stat(input, &info))
        return rows;
    DIR *dir = S_ISDIR(info.st_mode) ? opendir(input) : NULL;
    if (!dir) {
        sum[0] = (uint64_t)info.st_size;
        sum[1] = (uint64_t)info.st_mtim.tv_sec * 1000000000u + (uint64_t)info.st_mtim.tv_nsec;
        return ib_digest(rows, sum, sizeof sum);
    }
    for (const struct dirent *entry; (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%.900s/%.255s", input, entry->d_name);
        if (!strcmp(entry->d_name, "table.lock") || stat(path, &info) || !S_ISREG(info.st_mode))
            continue; /* reading touches the lock */
        const uint64_t changed = (uint64_t)info.st_mtim.tv_sec * 1000000000u + (uint64_t)info.st_mtim.tv_nsec;
        sum[0] += (uint64_t)info.st_size;
        sum[1] = changed > sum[1] ? changed : sum[1];
    }
    closedir(dir);
    return ib_digest(rows, sum, sizeof sum);
}

/* ---- begin ------------------------------------------------------------------------------------------------------- */

ib_status ib_resume_compare(const ib_resume *r, const ib_note *note, size_t n_note, ib_error *err)
{
    for (size_t i = 0; i < r->ledger.n_note; i++) {
        const ib_note *was = &r->ledger.note[i], *is = NULL;
        for (size_t k = 0; k < n_note; k++)
            if (!strcmp(note[k].name, was->name))
                is = &note[k];
        if (!is || strcmp(is->value, was->value))
            return ib_fail(
                err, IB_EUSAGE,
                "--resume: %s was %.80s and is %.80s now; give what the run began with, or --overwrite to begin anew",
                was->name, was->value, is ? is->value : "not there");
    }
    if (r->ledger.n_note != n_note)
        return ib_fail(err, IB_EUSAGE,
                       "--resume: the run was begun by another version of imgbench; give --overwrite to begin anew");
    return IB_OK;
}

ib_status ib_resume_begin(ib_resume *r, const ib_ledger *ledger, ib_layout *const *layout, size_t n, ib_error *err)
{
    ib_status rc = IB_OK;

    r->n_unit = ledger->n_unit;
    if (!r->resumed) {
        ib_layout all[IB_MAX_OUTPUTS];

        for (size_t i = 0; !rc && i < n; i++) {
            rc = ib_file_keep(layout[i], err);
            all[i] = *layout[i];
        }
        r->ledger = *ledger;
        r->ledger.layout = all;
        r->ledger.n_layout = n;
        if (!rc)
            rc = ib_journal_begin(r->folder, &r->ledger, err);
        r->ledger.layout = NULL; /* on the device now */
        r->ledger.note = NULL;
        r->ledger.wisdom = r->ledger.fft_plan = NULL;
        r->begun = !rc;
        return rc;
    }
    if (r->ledger.n_layout != n || r->ledger.n_unit != ledger->n_unit || r->ledger.payload != ledger->payload)
        return ib_fail(err, IB_EUSAGE,
                       "--resume: the run was begun with other outputs; give --overwrite to begin anew");
    for (size_t i = 0; !rc && i < n; i++) {
        const ib_layout *was = &r->ledger.layout[i];
        memcpy(layout[i]->offset, was->offset, sizeof was->offset);
        memcpy(layout[i]->length, was->length, sizeof was->length);
        layout[i]->bytes = was->bytes;
        snprintf(layout[i]->partial, sizeof layout[i]->partial, "%.510s.partial", layout[i]->path);
        rc = ib_journal_restore(&r->ledger, i, layout[i]->partial, err);
    }
    r->begun = !rc;
    return rc;
}

/* ---- deal -------------------------------------------------------------------------------------------------------- */

/* Every rank looks at its share of the units that have a record. Collective. */
static ib_status verify(ib_resume *r, MPI_Comm comm, const ib_units *units, size_t *broken, ib_error *err)
{
    int rank, n_rank;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_rank);
    const size_t first = r->n_unit * (size_t)rank / (size_t)n_rank,
                 end = r->n_unit * (size_t)(rank + 1) / (size_t)n_rank;
    const size_t size = units->payload;
    char        *mine = ib_alloc(end - first + 1, size, "records", err);
    ib_status    rc = ib_agree(comm, mine ? IB_OK : err->status, err);
    size_t       bad = 0;

    if (!rc) { /* rank 0 has read the journals */
        if (!rank)
            memcpy(mine, r->kept, end * size);
        for (int k = 1; k < n_rank; k++) {
            const size_t from = r->n_unit * (size_t)k / (size_t)n_rank,
                         to = r->n_unit * (size_t)(k + 1) / (size_t)n_rank;
            if (!rank)
                ib_send(r->kept + from * size, (to - from) * size, k, comm);
            else if (rank == k)
                ib_receive(mine, (to - from) * size, 0, comm);
        }
        for (size_t c = first; c < end; c++)
            if (r->done[c] && !units->is_intact(units->self, c, mine + (c - first) * size)) {
                r->done[c] = 0;
                bad++;
            }
        for (int k = 0; k < n_rank; k++) {
            const size_t from = r->n_unit * (size_t)k / (size_t)n_rank,
                         to = r->n_unit * (size_t)(k + 1) / (size_t)n_rank;
            ib_broadcast(r->done + from, to - from, k, comm);
        }
        unsigned long long all = bad, sum;
        MPI_Allreduce(&all, &sum, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, comm);
        *broken = (size_t)sum;
    }
    ib_free(mine);
    return rc;
}

static ib_status recall_records(ib_resume *r, MPI_Comm comm, const ib_units *units, ib_error *err)
{
    int       rank;
    size_t    damage = 0, broken = 0;
    ib_status rc = IB_OK;

    MPI_Comm_rank(comm, &rank);
    if (!rank) {
        r->kept = ib_alloc_zero(r->n_unit, units->payload, "records", err);
        rc =
            r->kept ? ib_journal_scan(r->folder, &r->ledger, r->kept, r->done, &r->epoch, &damage, err) : err->status;
    }
    if ((rc = ib_agree(comm, rc, err)))
        return rc;
    ib_broadcast(r->done, r->n_unit, 0, comm);
    if ((rc = verify(r, comm, units, &broken, err)))
        return rc;
    for (size_t c = 0; c < r->n_unit; c++)
        r->n_done += r->done[c];
    if (rank)
        return IB_OK;
    if (damage)
        ib_warn("%zu records of the journals are damaged: their %s are made again", damage, units->name);
    if (broken)
        ib_warn("%zu %s on the disk are not what was written: they are made again", broken, units->name);
    ib_say("resumes: %zu of %zu %s are finished", r->n_done, r->n_unit, units->name);
    return IB_OK;
}

ib_status ib_resume_deal(ib_resume *r, MPI_Comm comm, const ib_units *units, ib_range fresh, ib_error *err)
{
    int rank, n_rank, resumed = r->resumed;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &n_rank);
    MPI_Bcast(&resumed, 1, MPI_INT, 0, comm);
    r->resumed = resumed;
    r->n_unit = units->n;
    r->epoch = 1;
    r->done = ib_alloc_zero(r->n_unit, sizeof *r->done, "records", err);
    ib_status rc = ib_agree(comm, r->done ? IB_OK : err->status, err);
    if (!rc && resumed)
        rc = recall_records(r, comm, units, err);
    if (rc)
        return rc;
    MPI_Bcast(&r->epoch, 1, MPI_UINT32_T, 0, comm);

    /* Without anything finished, as the plan has it; else what is left in equal parts. */
    const size_t left = r->n_unit - r->n_done;
    const size_t from = r->n_done ? left * (size_t)rank / (size_t)n_rank : fresh.first;
    const size_t to = r->n_done ? left * (size_t)(rank + 1) / (size_t)n_rank : fresh.first + fresh.n;
    size_t       at = 0, n_run = 0;
    for (int pass = 0; pass < 2 && !rc; pass++) { /* count, then note */
        bool inside = false;
        at = n_run = 0;
        for (size_t c = 0; c < r->n_unit; c++) {
            const bool mine = !r->done[c] && at >= from && at < to;
            at += !r->done[c];
            if (mine && !inside)
                n_run++;
            if (mine && pass) {
                if (!inside)
                    r->run[n_run - 1] = (ib_range){c, 0};
                r->run[n_run - 1].n++;
            }
            inside = mine;
        }
        if (!pass)
            rc = (r->run = ib_alloc_zero(n_run + 1, sizeof *r->run, units->name, err)) ? IB_OK : err->status;
    }
    r->n_run = n_run;
    r->n_todo = to - from;
    return ib_agree(comm, rc, err);
}

const void *ib_resume_record(const ib_resume *r, size_t unit)
{
    return r->kept && r->done[unit] ? r->kept + unit * r->ledger.payload : NULL;
}

/* ---- journal ----------------------------------------------------------------------------------------------------- */

ib_status ib_resume_open(ib_resume *r, MPI_Comm comm, ib_status (*sync)(void *self, ib_error *err), void *self,
                         ib_error *err)
{
    int       rank;
    uint64_t  head[3] = {r->ledger.run_id, r->ledger.n_unit, r->ledger.payload};
    ib_ledger ledger = {0};

    MPI_Comm_rank(comm, &rank);
    MPI_Bcast(head, 3, MPI_UINT64_T, 0, comm);
    MPI_Bcast(r->folder, (int)sizeof r->folder, MPI_CHAR, 0, comm);
    ledger.run_id = head[0];
    ledger.n_unit = head[1];
    ledger.payload = head[2];
    return ib_agree(comm, ib_journal_open(&r->journal, r->folder, &ledger, r->epoch, rank, sync, self, err), err);
}

ib_status ib_resume_close(ib_resume *r, MPI_Comm comm, ib_status rc, size_t *finished, ib_error *err)
{
    size_t          mine = 0;
    ib_error        own = {IB_OK, -1, ""};
    const ib_status late = ib_journal_close(r->journal, &mine, &own);

    r->journal = NULL;
    if (late && !rc) {
        *err = own;
        rc = late;
    }
    unsigned long long n = mine, sum = 0;
    MPI_Reduce(&n, &sum, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, 0, comm);
    *finished = r->n_done + (size_t)sum;
    return ib_agree(comm, rc, err);
}

ib_status ib_resume_audit(const ib_resume *r, const ib_units *units, ib_error *err)
{
    uint32_t  epoch;
    size_t    damage, n = 0;
    uint8_t  *done = ib_alloc(r->n_unit, sizeof *done, "records", err);
    ib_status rc = !done ? err->status : IB_OK;

    if (!rc && !ib_journal_exists(r->folder))
        rc = ib_fail(err, IB_EIO, "somebody has removed %s/header while the run went on; start it again", r->folder);
    if (!rc)
        rc = ib_journal_scan(r->folder, &r->ledger, NULL, done, &epoch, &damage, err);
    for (size_t c = 0; !rc && c < r->n_unit; c++)
        n += done[c];
    if (!rc && n != r->n_unit)
        rc = ib_fail(
            err, IB_EIO,
            "the journals in %s have %zu of %zu %s: something has changed them; give --resume to make the others again",
            r->folder, n, r->n_unit, units->name);
    ib_free(done);
    return rc;
}

void ib_resume_end(ib_resume *r, bool keep)
{
    if (r->claimed) {
        if (!keep)
            ib_journal_discard(r->folder);
        ib_journal_unlock(r->folder);
    }
    r->claimed = false;
    if (r->resumed)
        ib_ledger_clear(&r->ledger);
    ib_free(r->done);
    ib_free(r->kept);
    ib_free(r->run);
    r->done = NULL;
    r->kept = NULL;
    r->run = NULL;
}
