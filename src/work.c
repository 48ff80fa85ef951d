/* SPDX-License-Identifier: BSD-3-Clause */
/* The main loop of a launch over MPI: who does what in which order, and what ranks tell each other meanwhile. */
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "run.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { END_TAKES = 10 }; /* s, to bring to the device what is in memory */

static atomic_bool interrupted; /* set by a handler, read by every thread */

void ib_interrupt(void)
{
    interrupted = true;
}

static void show(void *self, uint64_t done)
{
    ib_run_job *j = self;

    if ((done += j->passed) > j->shown) {
        const double s = ib_now() - j->work_began;
        j->shown = done;
        ib_progress_update(done, ib_text_rate((double)done * j->plan.n_stokes / s, "vis/s").s);
    }
}

/* Between pieces of work, whatever they are. */
static ib_status go_on(void *self, ib_error *err)
{
    ib_run_job *j = self;

    if (interrupted)
        return ib_fail(err, IB_EINTERRUPTED, "stopped by a signal before the image was whole");
    const double now = ib_now();
    j->longest = fmax(j->longest, j->polled > 0 ? now - j->polled : 0);
    j->polled = now;
    if (j->deadline > 0 && now + 2 * j->longest + END_TAKES > j->deadline)
        return ib_fail(err, IB_EINTERRUPTED, "the time limit came near before the image was whole");
    return IB_OK;
}

ib_status ib_run_between(void *self, uint64_t done, ib_error *err)
{
    ib_run_job *j = self;

    if (ib_notice_poll(&j->notice, done))
        return ib_fail(err, IB_EINTERNAL,
                       "another rank has failed"); /* that rank's sentence is the one that is agreed on */
    if (!j->rank)
        show(j, j->notice.done);
    return go_on(j, err);
}

bool ib_run_urgent(void *self)
{
    const ib_run_job *j = self;
    return interrupted || (j->deadline > 0 && ib_now() + END_TAKES / 2. > j->deadline);
}

ib_status ib_run_deadline(const ib_config *cfg, double began, double *deadline, ib_error *err)
{
    const char  *end = getenv("SLURM_JOB_END_TIME"); /* s since 1970 */
    const char  *whole = getenv("PBS_WALLTIME"); /* s of the job, which begins with its launch if it has but one */
    const double left = end && atof(end) > 0 ? atof(end) - (double)time(NULL) : whole ? fmax(0, atof(whole)) : 0;

    *deadline = cfg->time_limit > 0 ? began + cfg->time_limit : left > 0 ? began + left : 0;
    if (cfg->time_limit > 0 || left >= 0)
        return IB_OK;
    return ib_fail(
        err, IB_EUSAGE,
        "SLURM_JOB_END_TIME is %.60s, %.0f s ago, so this job has no time left; unset it if it is of another "
        "job, or give --time-limit",
        end, -left);
}

/* The first rank that failed by itself, not the ones it stopped. Collective. */
static ib_status agree_on_cause(ib_run_job *j, ib_status rc, ib_error *err)
{
    const bool stopped = rc == IB_EINTERNAL && !strcmp(err->text, "another rank has failed");
    int        mine = rc ? (stopped ? j->n_rank + j->rank : j->rank) : 2 * j->n_rank, lowest;

    MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, j->comm);
    if (lowest >= 2 * j->n_rank)
        return IB_OK;
    lowest %= j->n_rank;
    err->rank = lowest;
    MPI_Bcast(err, (int)sizeof *err, MPI_BYTE, lowest, j->comm);
    return err->status;
}

typedef ib_status work_on(ib_run_job *j, ib_range units, int pass, ib_error *err);

static ib_status weigh_units(ib_run_job *j, ib_range units, int pass, ib_error *err)
{
    (void)pass;
    return ib_imager_weigh(j->imager, units, err);
}

static ib_status image_units(ib_run_job *j, ib_range units, int pass, ib_error *err)
{
    ib_outcome *const outcome = j->outcome + units.first;

    memset(j->mine + units.first, 1, units.n);
    return j->plan.mode == IB_MFS ? ib_imager_mfs(j->imager, units, pass, outcome, err)
                                  : ib_imager_cube(j->imager, units, outcome, err);
}

/* Units that were dealt to this rank, those of a pass over the input, or, imaging, what it finds.
   @param i  how often this has been asked. @return n 0: none are left */
static ib_range next_units(ib_run_job *j, work_on *work, size_t turn, size_t i)
{
    size_t          n;
    const ib_range *units = ib_reading_units(&j->reading, turn, &n);

    if (j->schedule.window_there && work == image_units)
        return ib_schedule_next(&j->schedule);
    return i < n ? units[i] : (ib_range){0, 0};
}

/* All units of this rank, pass by pass over the input; ranks wait for each other between passes. Collective.
   @param pass  of the w-term */
static ib_status in_passes(ib_run_job *j, work_on *work, int pass, ib_error *err)
{
    ib_status rc = IB_OK;

    j->passed = j->shown = 0;
    for (size_t p = 0; p < j->reading.n_pass && !rc; p++) {
        double start = ib_now();
        size_t i = 0;

        rc = ib_reading_turn(&j->reading, p, go_on, j, err);
        ib_book(&j->timers, IB_PHASE_READ, &start);
        if (rc)
            break;
        ib_notice_begin(&j->notice, j->comm);
        for (ib_range now = next_units(j, work, p, i++), then; now.n && !rc; now = then) {
            then = next_units(j, work, p, i++);
            ib_imager_ahead(j->imager, work == image_units ? then : (ib_range){0, 0});
            rc = work(j, now, pass, err);
        }
        j->worked = ib_now() - j->work_began;
        ib_notice_end(&j->notice, rc != IB_OK, show, j);
        j->passed += j->notice.done;
        rc = agree_on_cause(j, rc, err);
    }
    return rc;
}

/* Nodes of all ranks meet in rank 0's tree, from left to right. Collective. */
static ib_status sum_trees(ib_run_job *j, ib_tree *tree, ib_error *err)
{
    const size_t real = tree->precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
    double       start = ib_now();
    ib_status    rc = IB_OK;
    void        *spare = NULL;

    /* What can fail comes before anything is sent. */
    if (!j->rank && j->n_rank > 1) {
        spare = ib_tree_buffer(tree, err);
        rc = spare ? IB_OK : err->status;
    }
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    if (j->rank) {
        MPI_Send(&tree->n_node, 1, MPI_INT, 0, 0, j->comm);
        for (int i = 0; i < tree->n_node; i++) {
            const ib_tree_node *node = &tree->node[i];
            MPI_Send(node, (int)sizeof *node, MPI_BYTE, 0, 0, j->comm);
            ib_send((char *)node->sum + node->first * real, (node->end - node->first) * real, 0, j->comm);
        }
    }
    for (int r = 1; !j->rank && r < j->n_rank; r++) {
        int n;
        MPI_Recv(&n, 1, MPI_INT, r, 0, j->comm, MPI_STATUS_IGNORE);
        for (int i = 0; i < n; i++) {
            ib_tree_node node;
            char        *sum = spare ? spare : ib_tree_buffer(tree, err);
            MPI_Recv(&node, (int)sizeof node, MPI_BYTE, r, 0, j->comm, MPI_STATUS_IGNORE);
            if (!sum) { /* keep the partners' messages moving; report after them */
                rc = err->status;
                sum = tree->n_node ? tree->node[tree->n_node - 1].sum : NULL;
                ib_receive(sum + node.first * real, (node.end - node.first) * real, r, j->comm);
                continue;
            }
            spare = NULL;
            ib_receive(sum + node.first * real, (node.end - node.first) * real, r, j->comm);
            node.sum = sum;
            ib_tree_push(tree, node);
        }
    }
    if (spare)
        tree->spare[tree->n_spare++] = spare;
    ib_book(&j->timers, IB_PHASE_SUM, &start);
    return ib_agree(j->comm, rc, err);
}

static ib_status share_density(ib_run_job *j, ib_error *err)
{
    ib_tree     *tree = ib_imager_densities(j->imager);
    const size_t bytes = tree->n * sizeof(double);

    ib_status rc = in_passes(j, weigh_units, 0, err);
    if (!rc)
        rc = sum_trees(j, tree, err);
    if (rc)
        return rc;
    const ib_tree_node *sum = j->rank ? NULL : ib_tree_total(tree);
    double             *total = j->rank ? ib_alloc(bytes, 1, "density of weights", err) : sum ? sum->sum : NULL;
    if (!j->rank && !sum)
        ib_fail(err, IB_EINTERNAL, "a channel's density of weights is missing");
    if (!(rc = ib_agree(j->comm, total ? IB_OK : err->status, err))) {
        ib_broadcast(total, bytes, 0, j->comm);
        ib_imager_set_density(j->imager, total);
    }
    if (j->rank)
        ib_free(total);
    ib_tree_clear(tree);
    return rc;
}

static void gather_outcomes(ib_run_job *j)
{
    const size_t each = sizeof *j->outcome;

    for (ib_range run = {0, 0}; j->rank; run.first += run.n) { /* run by run; one of nothing is the end */
        for (run.n = 0; run.first < j->plan.n_unit && !j->mine[run.first]; run.first++)
            ;
        while (run.first + run.n < j->plan.n_unit && j->mine[run.first + run.n])
            run.n++;
        ib_send(&run, sizeof run, 0, j->comm);
        ib_send(j->outcome + run.first, run.n * each, 0, j->comm);
        if (!run.n)
            break;
    }
    for (int r = 1; !j->rank && r < j->n_rank; r++) {
        ib_range run;
        do {
            ib_receive(&run, sizeof run, r, j->comm);
            ib_receive(j->outcome + run.first, run.n * each, r, j->comm);
        } while (run.n);
    }
    for (size_t c = 0; !j->rank && j->resume.n_done && c < j->plan.n_unit; c++)
        if (j->resume.done[c])
            j->outcome[c] = ((const ib_kept *)ib_resume_record(&j->resume, c))->outcome;
}

void ib_counts_add(ib_counts *to, const ib_counts *from)
{
    to->read += from->read;
    to->gridded += from->gridded;
    to->flagged += from->flagged;
    to->weightless += from->weightless;
    to->not_finite += from->not_finite;
    to->outside += from->outside;
    to->autocorrelation += from->autocorrelation;
}

/* mfs: tallies and direct sums of all shares meet on rank 0. */
static ib_status gather_shares(ib_run_job *j, ib_error *err)
{
    enum { PIECE = 1 << 24 };
    ib_status  rc;
    ib_direct *direct = ib_imager_direct(j->imager);

    gather_outcomes(j);

    ib_direct *all = j->rank ? NULL : ib_alloc((size_t)j->n_rank, sizeof *all, "direct sums", err);
    if ((rc = ib_agree(j->comm, j->rank || all ? IB_OK : err->status, err)))
        return rc;
    ib_gather(direct, sizeof *direct, all, j->comm);
    size_t        n_weight;
    double *const weight = ib_imager_kind_weights(j->imager, &n_weight);
    for (size_t k = 0; k < n_weight;
         k += PIECE) { /* every input channel is one rank's: sums of one number and zeros */
        const int n = n_weight - k < PIECE ? (int)(n_weight - k) : PIECE;
        MPI_Reduce(j->rank ? weight + k : MPI_IN_PLACE, weight + k, n, MPI_DOUBLE, MPI_SUM, 0, j->comm);
    }
    if (!j->rank) {
        for (int r = 1; r < j->n_rank; r++)
            ib_direct_merge(direct, &all[r]);
        for (size_t k = 1; k < j->plan.n_unit; k++)
            for (int p = 0; p < j->plan.n_stokes; p++) {
                ib_tally *t = &j->outcome[0].tally[p];
                t->weight += j->outcome[k].tally[p].weight;
                t->outside += j->outcome[k].tally[p].outside;
                ib_counts_add(&t->counts, &j->outcome[k].tally[p].counts);
            }
    }
    ib_free(all);
    return IB_OK;
}

/* mfs: a pass of the w-term, or all there is. Grids of all shares meet on rank 0, which makes the image of them. */
static ib_status image_shares(ib_run_job *j, int pass, ib_error *err)
{
    ib_status rc = in_passes(j, image_units, pass, err);
    if (!rc)
        rc = sum_trees(j, ib_imager_grids(j->imager), err);
    if (!rc && pass == 0)
        rc = gather_shares(j, err);
    if (rc)
        return rc;
    if (j->rank)
        ib_tree_reset(ib_imager_grids(j->imager));
    else
        rc = ib_imager_finish(j->imager, pass, &j->outcome[0], err);
    return ib_agree(j->comm, rc, err);
}

bool ib_run_weighs_first(const ib_run_job *j)
{
    return j->plan.needs_density && j->plan.density_all && j->resume.n_done < j->plan.n_unit;
}

ib_status ib_run_work(ib_run_job *j, ib_error *err)
{
    uint64_t  samples = 0;
    ib_status rc = IB_OK;

    for (size_t s = 0; s < j->info.n_spw; s++)
        samples += (uint64_t)j->info.spw[s].n_row * j->info.spw[s].n_chan;
    if (ib_run_weighs_first(j)) {
        rc = share_density(j, err);
        if (!rc && j->resume.n_done)
            rc = ib_reading_begin(&j->reading, &j->plan, &j->info, j->source, j->comm, j->resume.run, j->resume.n_run,
                                  err);
        if (rc)
            return rc;
    }
    if (j->resume.n_done)
        samples = (uint64_t)((double)samples * (double)(j->plan.n_unit - j->resume.n_done) / (double)j->plan.n_unit);
    ib_timers sofar;
    ib_imager_times(j->imager, &sofar);
    j->read_before = j->timers.s[IB_PHASE_READ] + sofar.s[IB_PHASE_READ];
    j->work_began = ib_now();
    if (!j->rank)
        ib_progress_start("imaging", samples, j->cfg->quiet);
    if (j->plan.mode == IB_MFS) {
        const int n_pass = j->plan.geometry.w.n_term ? j->plan.geometry.w.n_pass : 1;
        for (int pass = 0; pass < n_pass && !rc; pass++)
            rc = image_shares(j, pass, err);
    } else {
        rc = in_passes(j, image_units, 0, err);
        if (!rc)
            gather_outcomes(j);
    }
    if (!j->rank)
        ib_progress_end();
    return rc;
}
