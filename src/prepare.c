/* SPDX-License-Identifier: BSD-3-Clause */
/* What a launch is to do: the input, what its rows reach, the plan. */
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "gridder/fft.h"
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- input --------------------------------------------------------------------------------------------------- */

/* What the rows reach: rank 0 looks at all of them, block by block. */
static ib_status measure_rows(ib_run_job *j, ib_error *err)
{
    enum { BLOCK = 1 << 18 };
    ib_centre centre = {0};
    int32_t  *field = ib_alloc(BLOCK, sizeof *field, "rows", err);
    double(*uvw)[3] = ib_alloc(BLOCK, sizeof *uvw, "rows", err);
    int32_t(*antenna)[2] = ib_alloc(BLOCK, sizeof *antenna, "rows", err);
    ib_status rc = uvw && antenna && field ? IB_OK : err->status;

    if (!rc)
        rc = ib_centre_make(&centre, j->cfg, &j->info, err);
    const bool moved = !rc && centre.motion != IB_AS_IS;
    for (size_t s = 0; !rc && s < j->info.n_spw; s++)
        for (size_t row = 0; !rc && row < j->info.spw[s].n_row; row += BLOCK) {
            const size_t  left = j->info.spw[s].n_row - row, n = left < BLOCK ? left : BLOCK;
            const ib_rows into = {.uvw = uvw, .antenna = antenna, .field = moved ? field : NULL};

            rc = ib_source_rows(j->source, s, (ib_range){row, n}, &into, err);
            if (!rc) {
                j->input_digest = ib_digest(j->input_digest, uvw, n * sizeof *uvw);
                j->input_digest = ib_digest(j->input_digest, antenna, n * sizeof *antenna);
            }
            if (!rc && moved)
                ib_centre_move(&centre, n, field, uvw, NULL);
            if (!rc)
                ib_extent_add(&j->extent[s], (const double(*)[3])uvw, (const int32_t(*)[2])antenna, n);
        }
    ib_centre_clear(&centre);
    ib_free(field);
    ib_free(uvw);
    ib_free(antenna);
    return rc;
}

/* What only conversions heed is not passed over in silence. */
static ib_status check_averages(const ib_config *cfg, ib_error *err)
{
    if (cfg->average_channels > 1 || cfg->average_time > 0)
        return ib_fail(err, IB_EUSAGE,
                       "--average-%s is for imgbench convert: image what that writes, or leave it out",
                       cfg->average_time > 0 ? "time" : "channels");
    return IB_OK;
}

ib_status ib_run_open(ib_run_job *j, ib_error *err)
{
    double    start = ib_now();
    ib_status rc = check_averages(j->cfg, err);

    if (!rc)
        rc = ib_source_open(&j->source, j->cfg, &j->info, err);
    j->described = !rc;
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    if (!j->rank && j->info.column[0])
        ib_say("reads column %s", j->info.column);

    j->extent = ib_alloc_zero(j->info.n_spw, sizeof *j->extent, "windows", err);
    rc = j->extent ? IB_OK : err->status;
    if (!rc && !j->rank)
        rc = measure_rows(j, err);
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    ib_broadcast(j->extent, j->info.n_spw * sizeof *j->extent, 0, j->comm);
    ib_book(&j->timers, IB_PHASE_OPEN, &start);
    return IB_OK;
}

/* ---- plan ------------------------------------------------------------------------------------------------------ */

/* Windows whose correlations cannot form the planes are left out, not without a word. */
static void mention_missing_planes(const ib_run_job *j)
{
    for (size_t s = 0; s < j->info.n_spw; s++) {
        const ib_spw *w = &j->info.spw[s];
        char          missing[32] = "";
        int           n = 0;

        for (int p = 0; p < j->plan.n_stokes; p++) {
            ib_plane_recipe recipe;
            if (!ib_plane_recipe_make(w, j->plan.stokes[p], &recipe))
                snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%s", n++ ? "," : "",
                         ib_corr_name(j->plan.stokes[p]));
        }
        if (n)
            ib_warn("spectral window %d has no correlations for %s: its %zu rows are left out there", w->id, missing,
                    w->n_row);
    }
}

/* A padding, say, that leaves no room for the beams is executed, not without a word either. */
static void mention_poor_kernels(const ib_run_job *j)
{
    const double promise = j->plan.mosaic.primary ? j->plan.mosaic.promise : 0;

    if (promise > 0.03) /* the worst of beams have less (imaging-spec 12) */
        ib_warn(
            "the kernels of this mosaic may be wrong by %.2g of the largest value: give a larger --padding or --oversampling, or a smaller --beam-tolerance, or leave them out",
            promise);
}

static void print_reading(const ib_reading *r)
{
    const double fetched = r->corner ? r->turned : r->slices;

    printf("  reading   %s", r->corner ? "corner turn" : "slices");
    if (r->corner && r->planned > 1)
        printf(", %zu passes", r->planned);
    printf(" (%s)\n", r->why);
    if (r->needed > 0)
        printf("  bytes     %s read / %s needed = %.3g", ib_text_bytes(fetched).s, ib_text_bytes(r->needed).s,
               fetched / r->needed);
    if (r->needed > 0)
        printf(", %s exchanged\n", ib_text_bytes(r->corner ? r->exchanged : 0).s);
}

/* Each piece that a rank takes reads the tiles of its channels, and whatever else they hold. */
static void mention_repeated_reads(const ib_run_job *j)
{
    if (j->cfg->schedule == IB_SCHEDULE_DYNAMIC && j->n_rank > 1 && j->reading.slices > 1.5 * j->reading.needed)
        ib_warn(
            "--schedule dynamic: tiles of the input hold many channels and are read again with every few of them; "
            "--schedule static reads them once");
}

void ib_run_print_plan(const ib_run_job *j, const char *fft_plan)
{
    const ib_plan     *p = &j->plan;
    const ib_geometry *g = &p->geometry;

    printf("PLAN %s\n", j->result->input);
    printf("  image     %zu x %zu pixels of %s x %s, %zu channel%s x %d plane%s (%s)%s\n", g->nx, g->ny,
           ib_text_angle(g->cell[0]).s, ib_text_angle(g->cell[1]).s, p->n_chan, p->n_chan == 1 ? "" : "s",
           p->n_stokes, p->n_stokes == 1 ? "" : "s", j->result->stokes, p->psf ? ", dirty and PSF" : "");
    printf("  grid      %zu x %zu cells (padding %.3f), support %d, groups of %d x %d cells, tiles of %zu, %s\n",
           g->grid_nx, g->grid_ny, p->padding, g->support, g->patch.group_u, g->patch.group_v, g->tile,
           j->result->isa);
    if (j->cfg->gridder == IB_MOSAIC)
        printf("  mosaic    pointings %zu, kinds of baselines %zu, PSF of a source at pixel %zu, %zu\n",
               p->centre.n_pointing, p->mosaic.n_pair, p->mosaic.peak[0], p->mosaic.peak[1]);
    if (j->cfg->epsilon > 0)
        printf(
            "  epsilon   %g: %.1e promised by support %d, padding %g, oversampling %d; gridding %s, transform %s predicted per plane\n",
            j->cfg->epsilon, p->choice.promised, p->choice.support, p->choice.padding, p->choice.oversampling,
            ib_text_seconds(j->result->predicted_s[0]).s, ib_text_seconds(j->result->predicted_s[1]).s);
    if (*fft_plan)
        printf("  transform %s\n", fft_plan);
    printf("  work      %zu rows, %zu input channels in %zu chunks over %d rank%s x %d thread%s\n", j->result->n_row,
           j->result->n_chan_in, p->n_chunk, j->n_rank, j->n_rank == 1 ? "" : "s", j->n_thread,
           j->n_thread == 1 ? "" : "s");
    for (int r = 0; r < j->n_rank; r++)
        if (r < 4 || r == j->n_rank - 1) {
            const ib_range u = ib_plan_share(p, r, j->n_rank);
            printf("  rank %-4d %s %zu to %zu\n", r, p->mode == IB_MFS ? "shares" : "channels", u.first,
                   u.first + u.n - 1);
        } else if (r == 4)
            printf("  ...\n");
    const ib_range most = ib_plan_share(p, j->n_rank - 1, j->n_rank);
    printf("  balance   %.1f%% of the ideal: the last rank has %zu of %zu\n",
           100.0 * (double)p->n_unit / ((double)j->n_rank * (double)most.n), most.n, p->n_unit);
    const int64_t lanes = (int64_t)p->n_lane * p->lane_bytes, writes = (int64_t)p->n_write * p->write_bytes;
    const struct {
        const char *what;
        int64_t     bytes;
    } terms[] = {
        {"program and libraries, as measured", p->base_bytes},
        {"rows, threads, tables", p->fixed_bytes},
        {"grids and densities of the lanes", lanes},
        {"samples of a window and their order",
         p->total_bytes - p->base_bytes - p->fixed_bytes - lanes - p->tree_bytes - writes - j->reading.bytes},
        {"samples held by corner turns, and exchanged", j->reading.bytes},
        {"partial sums", p->tree_bytes},
        {"planes on their way to files", writes},
        {"in all, per rank", p->total_bytes},
        {"limit (--memory)", j->cfg->memory},
    };
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        if (terms[i].bytes)
            printf("  memory    %12s  %s\n", ib_text_bytes((double)terms[i].bytes).s, terms[i].what);
    printf("  window    %zu %s at a time, %zu lane%s%s\n", p->window,
           p->mode == IB_MFS || !p->fused ? "input channels" : "channels", p->n_lane, p->n_lane == 1 ? "" : "s",
           p->fused ? "" : "; channels gather samples over several reads");
    print_reading(&j->reading);
    const ib_wterm *w = &g->w;
    if (w->n_term)
        printf(
            "  w term    phase at most %.3g rad: %d term%s, %d slab%s of w, %.3g rad each; %d pass%s; error %.1e promised\n",
            p->w_phase, w->n_term, w->n_term == 1 ? "" : "s", w->n_slab, w->n_slab == 1 ? "" : "s", 4 * w->half,
            w->n_pass, w->n_pass == 1 ? "" : "es", w->error);
    else
        printf("  w term    neglected phase at most %.3g rad\n", p->w_phase);
    for (int i = 0; i < j->n_output; i++)
        printf("  output    %s\n", j->output[i].layout.path);
    fflush(stdout);
}

/* What only mosaics heed is not passed over in silence. */
static ib_status check_mosaic_options(const ib_config *cfg, ib_error *err)
{
    static const char *const own[] = {"beam",           "dish",      "blockage", "beam-truncate",
                                      "beam-tolerance", "normalise", "pblimit",  "mosaic-psf"};
    ib_config                defaults;
    char                     given[IB_NOTE], usual[IB_NOTE];

    ib_config_default(&defaults);
    for (size_t i = 0; cfg->gridder != IB_MOSAIC && i < ib_option_count(); i++)
        for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
            if (strcmp(ib_option_at(i)->key, own[k]))
                continue;
            *given = *usual = 0;
            ib_option_render(cfg, i, given, sizeof given);
            ib_option_render(&defaults, i, usual, sizeof usual);
            if (strcmp(given, usual))
                return ib_fail(err, IB_EUSAGE, "--%s %.80s is for mosaics; give --gridder mosaic, or leave it out",
                               own[k], given);
        }
    return IB_OK;
}

/* The FFT plans that the run began with. */
static ib_status recall_wisdom(const ib_resume *resume, char **wisdom, char fft_plan[80], ib_error *err)
{
    const size_t n = strlen(resume->ledger.wisdom) + 1;

    *wisdom = ib_alloc(n, 1, "FFT plans", err);
    if (!*wisdom)
        return err->status;
    memcpy(*wisdom, resume->ledger.wisdom, n);
    snprintf(fft_plan, 80, "%s", resume->ledger.fft_plan);
    return IB_OK;
}

ib_status ib_run_plan(ib_run_job *j, char fft_plan[80], char **wisdom, ib_error *err)
{
    const ib_config *cfg = j->cfg;
    double           start = ib_now();
    int64_t          base = (int64_t)ib_mem_resident(), largest;

    MPI_Allreduce(&base, &largest, 1, MPI_INT64_T, MPI_MAX, j->comm);
    ib_status rc = check_mosaic_options(&j->chosen, err);
    if (!rc && cfg->schedule == IB_SCHEDULE_DYNAMIC && cfg->mode == IB_MFS)
        rc =
            ib_fail(err, IB_EUSAGE,
                    "--schedule dynamic: an image of all channels (--mode mfs) is summed in one order; leave it out");
    if (!rc)
        rc = ib_plan_make(&j->plan, &j->chosen, &j->info, j->extent, j->n_rank, j->n_thread, largest, err);
    if (!rc)
        rc = ib_reading_choose(&j->reading, &j->chosen, &j->plan, &j->info, j->n_rank, err);
    if (!rc)
        rc = ib_run_name_outputs(j, err);
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    if (!j->rank && !cfg->plan)
        rc = ib_run_claim_outputs(j, err);
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    if (!j->rank) {
        mention_missing_planes(j);
        mention_poor_kernels(j);
        mention_repeated_reads(j);
    }
    j->units = ib_plan_share(&j->plan, j->rank, j->n_rank);

    ib_result         *r = j->result;
    const ib_geometry *g = &j->plan.geometry;
    for (size_t s = 0; s < j->info.n_spw; s++) {
        r->n_row += j->info.spw[s].n_row;
        r->n_chan_in += j->info.spw[s].n_chan;
        r->n_corr = j->info.spw[s].n_corr > r->n_corr ? j->info.spw[s].n_corr : r->n_corr;
    }
    r->nx = g->nx;
    r->ny = g->ny;
    r->grid_nx = g->grid_nx;
    r->grid_ny = g->grid_ny;
    r->columns = j->plan.columns;
    r->n_chan = j->plan.n_chan;
    r->n_stokes = (size_t)j->plan.n_stokes;
    r->n_plane = r->n_chan * r->n_stokes * (cfg->psf ? 2 : 1);
    memcpy(r->cell, g->cell, sizeof r->cell);
    r->n_chunk = j->plan.n_chunk;
    r->n_window = (j->units.n + j->plan.window - 1) / j->plan.window;
    r->support = (int)cfg->support;
    r->oversampling = (int)cfg->oversampling;
    r->kernel = cfg->kernel;
    r->lookup = cfg->lookup;
    r->precision = cfg->precision;
    r->padding = j->plan.padding;
    if (cfg->gridder == IB_MOSAIC) {
        r->n_pointing = j->plan.centre.n_pointing;
        r->n_pair = j->plan.mosaic.n_pair;
        snprintf(r->primary, sizeof r->primary, "%s", cfg->beam);
    }
    if (cfg->epsilon > 0) {
        r->epsilon = cfg->epsilon;
        r->chosen = j->plan.choice.promised;
        r->predicted_s[0] = j->plan.choice.seconds[IB_GRID_WORK] / j->plan.n_grid;
        r->predicted_s[1] = j->plan.choice.seconds[IB_FFT_WORK] / j->plan.n_grid;
    }
    r->w_phase = j->plan.w_phase;
    r->w_terms = g->w.n_term;
    r->w_slabs = g->w.n_term ? g->w.n_slab : 0;
    r->w_passes = g->w.n_term ? g->w.n_pass : 0;
    r->plan_bytes = j->plan.total_bytes;
    r->reading = j->reading.corner ? IB_READ_CORNER : IB_READ_SLICES;
    r->bytes_needed = (int64_t)j->reading.needed;
    r->input_digest = j->input_digest;
    r->limit_bytes = cfg->memory;
    snprintf(r->isa, sizeof r->isa, "%s", ib_isa_find(cfg->isa)->name);
    snprintf(r->column, sizeof r->column, "%s", j->info.column);
    for (int p = 0; p < j->plan.n_stokes; p++)
        snprintf(r->stokes + strlen(r->stokes), sizeof r->stokes - strlen(r->stokes), "%s%s", p ? "," : "",
                 ib_corr_name(j->plan.stokes[p]));

    if (!j->rank && cfg->chunks > (int64_t)j->plan.n_chunk)
        ib_say("--chunks %lld: there are %zu %s, so there will be %zu chunks", (long long)cfg->chunks, j->plan.n_unit,
               j->plan.mode == IB_MFS ? "shares of input channels" : "channels", j->plan.n_chunk);
    if (!j->rank && !j->plan.even)
        ib_say(
            "the %zu channels are not evenly spaced: the header numbers them, and their frequencies are in the cube's `frequency`; choose windows with --spw for a frequency axis",
            j->plan.n_chan);
    if (!j->rank && !cfg->plan)
        rc = j->resume.resumed ? recall_wisdom(&j->resume, wisdom, fft_plan, err)
                               : ib_transform_wisdom(g, cfg->precision, wisdom, fft_plan, err);
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    if (!cfg->plan) {
        uint64_t length = *wisdom ? strlen(*wisdom) + 1 : 0;
        MPI_Bcast(&length, 1, MPI_UINT64_T, 0, j->comm);
        if (j->rank)
            *wisdom = ib_alloc(length, 1, "FFT plans", err);
        if ((rc = ib_agree(j->comm, *wisdom ? IB_OK : err->status, err)))
            return rc;
        ib_broadcast(*wisdom, length, 0, j->comm);
        MPI_Bcast(fft_plan, 80, MPI_CHAR, 0, j->comm);
        snprintf(r->fft_plan, sizeof r->fft_plan, "%.79s", fft_plan);
    }
    ib_book(&j->timers, IB_PHASE_PLAN, &start);
    return IB_OK;
}
