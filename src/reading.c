/* SPDX-License-Identifier: BSD-3-Clause */
#include "reading.h"
#include "base/comm.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define ROUND    (32 << 20) /* bytes beyond which rounds are no faster */
#define GAIN     0.75       /* a turn must save a quarter: meanwhile nobody grids */
#define EXCHANGE 0.5        /* what a byte between ranks costs; from a file, 1 */

enum { MAX_PASSES = 1000 }; /* beyond it slices are as good */

/* ---- cost --------------------------------------------------------------------------------------------------- */

/* Slabs of a run of units, one per spectral window that it has channels of. @return their number */
static size_t slabs_of(const ib_plan *plan, const ib_vis_info *info, ib_range units, ib_slab *slab)
{
    size_t n = 0;

    for (size_t s = 0; units.n && s < info->n_spw; s++) {
        slab[n] = (ib_slab){s, ib_plan_span(plan, units, s)};
        n += slab[n].chans.n > 0;
    }
    return n;
}

static int64_t bytes_of(const ib_plan *plan, const ib_vis_info *info, ib_range units)
{
    int64_t bytes = 0;

    for (size_t s = 0; units.n && s < info->n_spw; s++) {
        const ib_slab slab = {s, ib_plan_span(plan, units, s)};
        bytes += slab.chans.n ? ib_slab_bytes(info, &slab) : 0;
    }
    return bytes;
}

/* How many of a run of units can be held. */
static size_t longest(const ib_plan *plan, const ib_vis_info *info, ib_range units, int64_t room)
{
    size_t fits = 0, beyond = 1;

    for (; beyond <= units.n && bytes_of(plan, info, (ib_range){units.first, beyond}) <= room; beyond *= 2)
        fits = beyond;
    beyond = beyond <= units.n ? beyond : units.n + 1;
    while (beyond - fits > 1) {
        const size_t middle = fits + (beyond - fits) / 2;
        if (bytes_of(plan, info, (ib_range){units.first, middle}) <= room)
            fits = middle;
        else
            beyond = middle;
    }
    return fits;
}

static int image_sweeps(const ib_plan *plan)
{
    return plan->geometry.w.n_term ? plan->geometry.w.n_pass : 1;
}

/* What all ranks fetch when each reads its own windows, as imager.c does. */
static double by_slices(const ib_plan *plan, const ib_vis_info *info, int n_rank)
{
    const bool   again = plan->mode == IB_MFS || !plan->fused; /* samples are not at hand for another sweep */
    const int    sweeps = (again ? image_sweeps(plan) : 1) + (plan->needs_density && (plan->density_all || again));
    const size_t step = plan->fused ? SIZE_MAX : plan->window;
    double       total = 0;

    for (int r = 0; r < n_rank; r++) {
        const ib_range units = ib_plan_share(plan, r, n_rank);
        size_t         n_read = 0;
        double         bytes = 0;

        for (size_t k = 0, n; k < units.n; k += n) {
            n = ib_plan_next(plan, units, k);
            for (size_t s = 0; s < info->n_spw; s++) {
                const ib_range all = ib_plan_span(plan, (ib_range){units.first + k, n}, s);
                for (size_t c = 0; c < all.n; c += step < all.n - c ? step : all.n - c) {
                    const ib_slab slab = {s, {all.first + c, step < all.n - c ? step : all.n - c}};
                    bytes += ib_slab_fetched(info, &slab);
                    n_read += (info->spw[s].n_row + plan->block_rows - 1) / plan->block_rows;
                }
            }
        }
        total += n_read == 1 ? bytes : sweeps * bytes;
    }
    return total;
}

/* What turns cost that hold so much: passes, 0 where a unit does not fit, and bytes; `most`: held at most by a rank. */
static ib_status by_turns(ib_reading *g, const ib_plan *plan, const ib_vis_info *info, int n_rank, int64_t *most,
                          int64_t *buffer, ib_error *err)
{
    ib_slab  *slab = ib_alloc((size_t)n_rank * info->n_spw + 1, sizeof *slab, "plan", err);
    size_t   *done = slab ? ib_alloc_zero((size_t)n_rank, sizeof *done, "plan", err) : NULL;
    ib_status rc = done ? IB_OK : err->status;
    bool      possible = g->hold > 0;

    *most = *buffer = 0;
    g->planned = 0;
    g->turned = g->exchanged = 0;
    for (bool more = true; more && possible && !rc; g->planned += more) {
        size_t         n_slab = 0;
        ib_corner_cost cost;
        more = false;
        for (int r = 0; r < n_rank && possible; r++) {
            const ib_range units = ib_plan_share(plan, r, n_rank);
            const ib_range left = {units.first + done[r], units.n - done[r]};
            const ib_range now = {left.first, longest(plan, info, left, g->hold)};
            const int64_t  bytes = bytes_of(plan, info, now);
            possible = now.n || !left.n;
            more = more || now.n;
            done[r] += now.n;
            n_slab += slabs_of(plan, info, now, slab + n_slab);
            *most = bytes > *most ? bytes : *most;
        }
        possible = possible && g->planned < MAX_PASSES;
        if (!more || !possible)
            break;
        rc = ib_corner_estimate(&cost, info, slab, n_slab, n_rank, g->round, err);
        if (rc)
            break;
        possible = cost.possible;
        *buffer = cost.buffer > *buffer ? cost.buffer : *buffer;
        g->turned += cost.fetched;
        g->exchanged += cost.exchanged;
    }
    if (!possible)
        g->planned = 0;
    const int sweeps = (plan->mode == IB_MFS ? image_sweeps(plan) : 1) + (plan->needs_density && plan->density_all);
    if (g->planned > 1) {
        g->turned *= sweeps;
        g->exchanged *= sweeps;
    }
    ib_free(slab);
    ib_free(done);
    return rc;
}

/* Channels that lie in one tile, where the most do. */
static size_t widest_tile(const ib_vis_info *info)
{
    size_t most = 0;

    for (size_t s = 0; s < info->n_spw; s++)
        most = info->spw[s].tiling.n_chan > most ? info->spw[s].tiling.n_chan : most;
    return most;
}

ib_status ib_reading_choose(ib_reading *g, const ib_config *cfg, ib_plan *plan, const ib_vis_info *info, int n_rank,
                            ib_error *err)
{
    ib_plan    narrow = *plan; /* borrows */
    int64_t    most = 0, buffer = 0;
    const bool moves = cfg->schedule == IB_SCHEDULE_DYNAMIC && n_rank > 1;

    memset(g, 0, sizeof *g);
    g->planned = 1;
    if (moves && cfg->read == IB_READ_CORNER)
        return ib_fail(
            err, IB_EUSAGE,
            "--read corner gives every rank the samples of its own channels, --schedule dynamic channels of others; leave out one of them");
    for (size_t s = 0; s < info->n_spw; s++) {
        const ib_slab all = {s, {0, info->spw[s].n_chan}};
        g->needed += ib_slab_needed(info, &all);
    }
    g->slices = by_slices(plan, info, n_rank);
    int64_t room = 0;
    g->planned = 0;
    for (int fewer = 0; fewer <= plan->fused && g->planned != 1; fewer++) {
        ib_plan_narrow(&narrow, info, fewer ? 4 * plan->n_lane : plan->window);
        room = cfg->memory - narrow.total_bytes;
        g->round = room / 8 < ROUND ? room / 8 : ROUND;
        g->hold = room - (n_rank > 1 ? 2 : 1) * g->round;
        const ib_status rc = by_turns(g, &narrow, info, n_rank, &most, &buffer, err);
        if (rc)
            return rc; /* ranks that decided differently would wait for each other */
    }
    const bool possible = g->planned > 0;
    if (!possible)
        g->turned = g->exchanged = 0;
    if (!possible && cfg->read == IB_READ_CORNER)
        return ib_fail(
            err, IB_ENOMEM,
            "--read corner: of --memory %s are %s left for samples, not enough to hold a %s on every rank; give more memory, or leave --read out",
            ib_text_bytes((double)cfg->memory).s, ib_text_bytes(room > 0 ? (double)room : 0).s,
            plan->mode == IB_MFS ? "share" : "channel");

    g->corner = possible && (cfg->read == IB_READ_CORNER || (cfg->read == IB_READ_AUTO && !moves &&
                                                             g->turned + EXCHANGE * g->exchanged < GAIN * g->slices));
    if (cfg->read != IB_READ_AUTO)
        snprintf(g->why, sizeof g->why, "as --read asks for");
    else if (moves)
        snprintf(g->why, sizeof g->why, "channels that move to other ranks have their samples read there");
    else if (!widest_tile(info))
        snprintf(g->why, sizeof g->why, "the input gives single channels as easily as all of them");
    else if (!possible)
        snprintf(g->why, sizeof g->why, "--memory leaves no room for a corner turn");
    else
        snprintf(g->why, sizeof g->why, "tiles have %zu channel%s: %s would read %s%s%s", widest_tile(info),
                 widest_tile(info) == 1 ? "" : "s", g->corner ? "slices" : "a corner turn",
                 ib_text_bytes(g->corner ? g->slices : g->turned).s, g->corner || n_rank == 1 ? "" : ", exchange ",
                 g->corner || n_rank == 1 ? "" : ib_text_bytes(g->exchanged).s);
    if (g->corner) {
        *plan = narrow;
        g->bytes = most + buffer;
        plan->total_bytes += g->bytes;
    } else
        g->planned = 1;
    return IB_OK;
}

/* ---- work --------------------------------------------------------------------------------------------------- */

/* Passes of this rank: as many units as can be held, in their order. */
static ib_status divide(ib_reading *g, const ib_range *run, size_t n_run, size_t *n_pass, ib_error *err)
{
    size_t n_unit = 0, n_piece = 0, n = 0;

    for (size_t i = 0; i < n_run; i++)
        n_unit += run[i].n;
    g->piece = ib_alloc(n_unit + 1, sizeof *g->piece, "passes", err);
    g->first = ib_alloc_zero(n_unit + 2, sizeof *g->first, "passes", err);
    if (!g->piece || !g->first)
        return err->status;
    int64_t left = g->hold;
    for (size_t i = 0; i < n_run; i++)
        for (ib_range rest = run[i]; rest.n;) {
            const size_t fits = g->corner ? longest(g->plan, g->info, rest, left) : rest.n;
            if (fits) {
                g->piece[n_piece++] = (ib_range){rest.first, fits};
                left -= g->corner ? bytes_of(g->plan, g->info, g->piece[n_piece - 1]) : 0;
                rest = (ib_range){rest.first + fits, rest.n - fits};
            } else if (left == g->hold)
                return ib_fail(err, IB_EINTERNAL, "unit %zu is larger than was planned", rest.first);
            if (rest.n) {
                g->first[++n] = n_piece;
                left = g->hold;
            }
        }
    g->first[++n] = n_piece;
    *n_pass = n;
    return IB_OK;
}

static void release_passes(ib_reading *g)
{
    ib_free(g->slab);
    ib_free(g->piece);
    ib_free(g->first);
    g->slab = NULL;
    g->piece = NULL;
    g->first = NULL;
}

ib_status ib_reading_begin(ib_reading *g, const ib_plan *plan, const ib_vis_info *info, ib_source *source,
                           MPI_Comm comm, const ib_range *run, size_t n_run, ib_error *err)
{
    size_t   mine = 0;
    uint64_t most;

    g->plan = plan;
    g->info = info;
    g->source = source;
    release_passes(g);
    ib_status rc = divide(g, run, n_run, &mine, err);
    if (!rc && g->corner && !g->turn)
        rc = ib_corner_create(&g->turn, source, info, comm, g->round, err);
    if ((rc = ib_agree(comm, rc, err)))
        return rc;
    const uint64_t own = mine;
    MPI_Allreduce(&own, &most, 1, MPI_UINT64_T, MPI_MAX, comm);
    size_t *first = ib_alloc(most + 1, sizeof *first, "passes", err), n = 0;
    for (size_t p = 0; p < mine; p++)
        n = g->first[p + 1] - g->first[p] > n ? g->first[p + 1] - g->first[p] : n;
    g->slab = ib_alloc(n * info->n_spw + 1, sizeof *g->slab, "passes", err);
    for (size_t p = 0; first && p <= most; p++)
        first[p] = g->first[p < mine ? p : mine];
    ib_free(g->first);
    g->first = first;
    g->n_pass = g->held = most;
    return ib_agree(comm, first && g->slab ? IB_OK : err->status, err);
}

ib_status ib_reading_turn(ib_reading *g, size_t pass, ib_status (*between)(void *self, ib_error *err), void *self,
                          ib_error *err)
{
    size_t          n, n_slab = 0;
    const ib_range *units = ib_reading_units(g, pass, &n);

    if (!g->turn || g->held == pass)
        return IB_OK;
    g->held = g->n_pass;
    for (size_t i = 0; i < n; i++)
        n_slab += slabs_of(g->plan, g->info, units[i], g->slab + n_slab);
    const ib_status rc = ib_corner_turn(g->turn, g->slab, n_slab, between, self, err);
    g->held = rc ? g->n_pass : pass;
    return rc;
}

const ib_range *ib_reading_units(const ib_reading *g, size_t pass, size_t *n)
{
    *n = g->first[pass + 1] - g->first[pass];
    return g->piece + g->first[pass];
}

ib_status ib_reading_read(const ib_reading *g, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                          ib_error *err)
{
    return g->turn ? ib_corner_read(g->turn, spw, chans, rows, into, err)
                   : ib_source_read(g->source, spw, chans, rows, into, err);
}

int64_t ib_reading_sent(const ib_reading *g)
{
    return g->turn ? ib_corner_sent(g->turn) : 0;
}

void ib_reading_end(ib_reading *g)
{
    ib_corner_destroy(g->turn);
    release_passes(g);
}
