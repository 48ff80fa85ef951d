/* SPDX-License-Identifier: BSD-3-Clause */
/* A launch over MPI from its first to its last step, and what is said about it in the end. No arithmetic, no formats. */
#include "run.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/watch.h"
#include "timeline.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- result ---------------------------------------------------------------------------------------------------- */

/* Sums over channels, in channel order, so that they too do not depend on ranks. Rank 0. */
static void sum_outcomes(ib_run_job *j)
{
    ib_result *r = j->result;
    double     outside = 0;

    for (size_t c = 0; c < j->plan.n_chan; c++)
        for (int p = 0; p < j->plan.n_stokes; p++) {
            const ib_tally *t = &j->outcome[c].tally[p];
            ib_counts_add(&r->counts, &t->counts);
            r->sum_of_weights += t->weight;
            outside += t->outside;
            r->n_blank += !(t->weight > 0);
        }
    r->outside_weight = outside > 0 ? outside / (outside + r->sum_of_weights) : 0;
    r->n_blank *= j->cfg->psf ? 2 : 1;
    for (size_t k = 0; k < j->plan.n_chan && j->cfg->psf; k++) {
        /* the middle channel, or the next one that has a beam */
        const double *beam = j->outcome[(j->plan.n_chan / 2 + k) % j->plan.n_chan].beam[0];
        if (beam[0] > 0) {
            memcpy(r->beam, beam, sizeof r->beam);
            break;
        }
    }
}

static ib_status judge(ib_run_job *j, ib_error *err)
{
    ib_result *r = j->result;
    ib_counts *c = &r->counts;

    if (c->read != c->gridded + c->flagged + c->weightless + c->not_finite + c->outside + c->autocorrelation)
        return ib_fail(err, IB_EINTERNAL, "samples were lost: %llu read, but their fates do not add up to it",
                       (unsigned long long)c->read);
    if (!c->gridded) {
        if (c->outside > c->flagged + c->weightless + c->not_finite)
            return ib_fail(
                err, IB_EUSAGE,
                "all %llu usable samples lie outside the uv grid; give a smaller --cell, or a smaller --support for so few pixels",
                (unsigned long long)c->outside);
        return ib_fail(
            err, IB_EDATA,
            "no usable sample: of %llu read, %llu are flagged, %llu have no positive weight, %llu are not finite, %llu are autocorrelations, %llu lie outside the grid",
            (unsigned long long)c->read, (unsigned long long)c->flagged, (unsigned long long)c->weightless,
            (unsigned long long)c->not_finite, (unsigned long long)c->autocorrelation,
            (unsigned long long)c->outside);
    }
    if (r->outside_weight > 1e-3)
        ib_warn(
            "%.2g%% of the weight lies outside the uv grid: the cell is too large for these baselines and this support",
            100 * r->outside_weight);
    if (!(r->measured < 0) && !(r->measured <= IB_GATE * r->promised))
        return ib_fail(
            err, IB_ECHECK,
            "the image differs from the direct Fourier sum by %.3g, and %.3g was promised; no file was kept%s",
            r->measured, r->promised,
            !strcmp(r->isa, "reference") && r->precision == IB_SINGLE
                ? " (--isa reference adds samples one by one, and what is small is lost beside what is bright; leave it out, or give --precision double)"
                : "");
    return IB_OK;
}

/* Over ranks: phases, memory, bytes, the worst check. Collective. */
static void reduce_result(ib_run_job *j)
{
    ib_result *r = j->result;
    ib_timers  all;

    if (j->imager) {
        ib_imager_times(j->imager, &all);
        for (int p = 0; p < IB_N_PHASES; p++)
            j->timers.s[p] += all.s[p];
    }
    for (int p = 0; p < IB_N_PHASES; p++) {
        struct {
            double s;
            int    rank;
        } mine = {j->timers.s[p], j->rank}, most;
        MPI_Allreduce(&mine, &most, 1, MPI_DOUBLE_INT, MPI_MAXLOC, j->comm);
        MPI_Allreduce(&mine.s, &r->phase[p].min_s, 1, MPI_DOUBLE, MPI_MIN, j->comm);
        MPI_Allreduce(&mine.s, &r->phase[p].mean_s, 1, MPI_DOUBLE, MPI_SUM, j->comm);
        r->phase[p].max_s = most.s;
        r->phase[p].max_rank = most.rank;
        r->phase[p].mean_s /= j->n_rank;
    }
    const int64_t peak = (int64_t)ib_mem_resident_peak(), read = j->source ? ib_source_bytes(j->source) : 0;
    MPI_Allreduce(&peak, &r->peak_bytes, 1, MPI_INT64_T, MPI_MAX, j->comm);
    MPI_Allreduce(&read, &r->bytes_read, 1, MPI_INT64_T, MPI_SUM, j->comm);
    const int64_t more[2] = {j->source ? ib_source_fetched(j->source) : 0, ib_reading_sent(&j->reading)};
    int64_t       sum[2];
    MPI_Allreduce(more, sum, 2, MPI_INT64_T, MPI_SUM, j->comm);
    r->bytes_fetched = sum[0];
    r->bytes_exchanged = sum[1];
}

/* Who did how much. Collective. */
static void reduce_schedule(ib_run_job *j)
{
    ib_result *r = j->result;
    uint64_t   sum[2] = {j->schedule.n_take, j->schedule.n_moved};
    struct {
        long n;
        int  rank;
    } mine = {0, j->rank}, most, least;

    for (size_t u = 0; j->mine && u < j->plan.n_unit; u++)
        mine.n += j->mine[u];
    MPI_Allreduce(MPI_IN_PLACE, sum, 2, MPI_UINT64_T, MPI_SUM, j->comm);
    MPI_Allreduce(&mine, &most, 1, MPI_LONG_INT, MPI_MAXLOC, j->comm);
    MPI_Allreduce(&mine, &least, 1, MPI_LONG_INT, MPI_MINLOC, j->comm);
    MPI_Allreduce(&j->schedule.seconds, &r->schedule.take_s, 1, MPI_DOUBLE, MPI_SUM, j->comm);
    MPI_Allreduce(&j->worked, &r->schedule.max_s, 1, MPI_DOUBLE, MPI_MAX, j->comm);
    MPI_Allreduce(&j->worked, &r->schedule.mean_s, 1, MPI_DOUBLE, MPI_SUM, j->comm);
    r->schedule.mean_s /= j->n_rank;
    r->schedule.n_take = sum[0];
    r->schedule.n_moved = sum[1];
    r->schedule.most = (size_t)most.n;
    r->schedule.most_rank = most.rank;
    r->schedule.least = (size_t)least.n;
    r->schedule.least_rank = least.rank;
}

/* Which stage waited for which. Collective. */
static void reduce_overlap(ib_run_job *j)
{
    double s[4] = {j->imager ? ib_imager_read_ahead(j->imager) : 0, 0, j->timers.s[IB_PHASE_READ] - j->read_before,
                   0};

    if (j->writer)
        ib_writer_times(j->writer, &s[3], &s[1]);
    s[3] /= j->n_thread;
    MPI_Allreduce(MPI_IN_PLACE, s, 4, MPI_DOUBLE, MPI_SUM, j->comm);
    j->result->overlap.read_s = s[0] / j->n_rank;
    j->result->overlap.write_s = s[1] / j->n_rank;
    j->result->overlap.data_s = s[2] / j->n_rank;
    j->result->overlap.room_s = s[3] / j->n_rank;
}

/* The check with the worst ratio of measured to promised, anywhere. Collective. */
static void reduce_verdict(ib_run_job *j)
{
    ib_result *r = j->result;
    ib_verdict v = ib_imager_verdict(j->imager);
    for (size_t c = 0; j->resume.kept && c < j->plan.n_unit; c++)
        if (j->resume.done[c])
            ib_verdict_merge(&v, &((const ib_kept *)ib_resume_record(&j->resume, c))->verdict);
    struct {
        double ratio;
        int    rank;
    } mine = {v.n_plane && v.promised > 0 ? v.measured / v.promised : -1, j->rank}, worst;
    uint64_t checked[2] = {v.n_plane, v.n_pixel}, sum[2];
    double   figures[2] = {v.promised, v.measured};

    if (v.n_plane && !(mine.ratio >= 0)) /* NaN would hide */
        mine.ratio = 1e300;
    MPI_Allreduce(&mine, &worst, 1, MPI_DOUBLE_INT, MPI_MAXLOC, j->comm);
    MPI_Allreduce(checked, sum, 2, MPI_UINT64_T, MPI_SUM, j->comm);
    MPI_Bcast(figures, 2, MPI_DOUBLE, worst.rank, j->comm);
    r->n_checked_plane = sum[0];
    r->n_checked_pixel = sum[1];
    r->promised = sum[0] ? figures[0] : 0;
    r->measured = sum[0] ? figures[1] : -1;
}

static ib_status port_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    return ib_source_rows(((ib_run_job *)self)->source, spw, rows, into, err);
}

static ib_status port_read(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                           ib_error *err)
{
    return ib_reading_read(&((ib_run_job *)self)->reading, spw, chans, rows, into, err);
}

static int threads(const ib_config *cfg)
{
    return cfg->threads > 0 ? (int)cfg->threads : omp_get_max_threads();
}

ib_status ib_run(const ib_config *cfg, MPI_Comm comm, ib_result *result, ib_error *err)
{
    ib_run_job  *j = calloc(1, sizeof *j);
    char         fft_plan[80] = "";
    char        *wisdom = NULL;
    const double begin = ib_now();

    ib_account_begin();
    memset(result, 0, sizeof *result);
    memset(err, 0, sizeof *err);
    err->rank = -1;
    result->measured = -1;
    ib_status rc =
        ib_agree(comm, j ? IB_OK : ib_fail(err, IB_ENOMEM, "the system refused memory for the job itself"), err);
    if (rc) {
        free(j);
        return rc;
    }
    j->chosen = *cfg;
    j->cfg = &j->chosen;
    j->comm = comm;
    j->result = result;
    j->n_thread = threads(cfg);
    MPI_Comm_rank(comm, &j->rank);
    MPI_Comm_size(comm, &j->n_rank);
    result->ranks = j->n_rank;
    result->threads = j->n_thread;
    snprintf(result->input, sizeof result->input, "%s", *cfg->input ? cfg->input : IB_DEFAULT_INPUT);
    j->port = (ib_port){j, port_rows, port_read, false, ib_run_write, ib_run_between, ib_run_urgent, ib_run_finished};

    rc = ib_agree(comm, ib_run_deadline(cfg, begin, &j->deadline, err), err);
    if (!rc)
        rc = ib_watch_begin(comm, cfg->hang_timeout, err);
    if (!rc)
        rc = ib_timeline_begin(cfg, comm, err);
    ib_watch_stage("opening the input");
    if (!rc)
        rc = ib_run_open(j, err);
    ib_watch_stage("planning");
    if (!rc)
        rc = ib_run_plan(j, fft_plan, &wisdom, err);
    if (!rc && cfg->plan) {
        if (!j->rank && cfg->format == IB_FORMAT_TABLE)
            ib_run_print_plan(j, fft_plan);
        goto done;
    }
    if (rc)
        goto done;

    j->port.concurrent = j->reading.corner || ib_source_concurrent(j->source);
    double start = ib_now();
    ib_watch_stage("laying out outputs");
    rc = ib_run_create_outputs(j, wisdom, fft_plan, err);
    ib_book(&j->timers, IB_PHASE_OPEN, &start);
    if (!rc) {
        rc = ib_imager_create(&j->imager, &j->plan, j->cfg, &j->info, wisdom, &j->cube[IB_DIRTY], j->n_thread,
                              &j->port, err);
        j->outcome = ib_alloc_zero(j->plan.n_unit, sizeof *j->outcome, "outcomes", err);
        j->mine = ib_alloc_zero(j->plan.n_unit, 1, "outcomes", err);
        rc = ib_agree(comm, rc ? rc : j->outcome && j->mine ? IB_OK : err->status, err);
    }
    if (!rc) {
        /* a density of all samples needs those of finished channels, too */
        const bool all = j->plan.mode == IB_MFS || ib_run_weighs_first(j);
        rc = ib_reading_begin(&j->reading, &j->plan, &j->info, j->source, comm, all ? &j->units : j->resume.run,
                              all ? 1 : j->resume.n_run, err);
        result->n_turn = j->reading.corner ? j->reading.n_pass : 0;
    }
    if (!rc && cfg->schedule == IB_SCHEDULE_DYNAMIC && j->n_rank > 1)
        rc = ib_schedule_begin(&j->schedule, comm, &j->plan, j->resume.done, err);
    ib_book(&j->timers, IB_PHASE_PLAN, &start);
    result->n_resumed = j->resume.n_done;
    ib_watch_stage("imaging");
    if (!rc)
        rc = ib_run_work(j, err);
    ib_watch_stage("closing outputs");
    if (!rc) {
        reduce_verdict(j);
        if (!j->rank)
            sum_outcomes(j);
        if (!j->rank)
            rc = judge(j, err);
        rc = ib_agree(comm, rc, err);
    }
    rc = ib_run_close_outputs(j, rc, err);
done:
    reduce_schedule(j);
    ib_schedule_end(&j->schedule);
    ib_resume_end(&j->resume, true);
    reduce_result(j);
    reduce_overlap(j);
    result->bytes_written = j->written;
    result->wall_s = ib_now() - begin;
    ib_account_end(j->n_thread);
    ib_timeline_end(cfg, comm);
    MPI_Bcast(result, (int)sizeof *result, MPI_BYTE, 0, comm);
    ib_watch_end();
    ib_imager_destroy(j->imager);
    ib_writer_destroy(j->writer);
    if (j->described)
        ib_plan_clear(&j->plan, &j->info);
    ib_reading_end(&j->reading);
    ib_source_close(j->source);
    if (j->described)
        ib_vis_info_clear(&j->info);
    ib_free(j->extent);
    ib_free(j->outcome);
    ib_free(j->mine);
    ib_free(wisdom);
    free(j);
    return rc;
}
