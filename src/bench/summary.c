/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/summary.h"
#include "base/option.h"
#include "base/text.h"
#include "base/trace.h"
#include "bench/json.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* What is reportable (harness specification, 3.2). */
#define COUNTED_S       60.0 /* a single repetition shorter than this is not */
#define NEIGHBOURS      0.02 /* share of a node that others may use */
#define STEAL           0.005
#define CLOCK           0.9 /* of the slowest core over the fastest */
#define CALIBRATED_DAYS 30

#define W_PHASE_LIMIT 0.1 /* rad; a source at the edge loses 1 - cos(0.1) = 0.5 % of its flux there */

const char *ib_validity_name(ib_validity validity)
{
    static const char *const name[] = {"reportable", "valid", "provisional", "invalid"};

    return name[validity];
}

/* ---- verdict --------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void because(ib_judgement *v, ib_validity at_best, const char *format,
                                                          ...)
{
    va_list args;

    if (at_best > v->validity)
        v->validity = at_best;
    if (v->n_reason == IB_MAX_REASONS)
        return;
    char *reason = v->reason[v->n_reason++];
    va_start(args, format);
    vsnprintf(reason, sizeof v->reason[0], format, args);
    va_end(args);
}

/* What could have moved the time beside the program. */
static void judge_machine(ib_judgement *out, const ib_steadiness *steady, const ib_bounds *bounds)
{
    if (!steady)
        because(out, IB_VALID, "binding, neighbours and clock not measured");
    if (steady && steady->bound < steady->threads)
        because(out, IB_VALID, "%d of %d threads not bound to a core", steady->threads - steady->bound,
                steady->threads);
    if (steady && isnan(steady->neighbours))
        because(out, IB_VALID, "the system does not tell what others did");
    if (steady && steady->neighbours >= NEIGHBOURS)
        because(out, IB_VALID, "others used %.2g %% of the processors", 100 * steady->neighbours);
    if (steady && steady->steal >= STEAL)
        because(out, IB_VALID, "other virtual machines took %.2g %% of the processors", 100 * steady->steal);
    if (steady && !(steady->clock >= CLOCK))
        because(out, IB_VALID, "the slowest core ran at %.2g of the fastest one's clock", steady->clock);
    if (!bounds || !bounds->known)
        because(out, IB_VALID, "machine not calibrated");
    else if (bounds->age_days > CALIBRATED_DAYS)
        because(out, IB_VALID, "calibrated %d days ago", bounds->age_days);
}

static uint64_t accounted(const ib_counts *c)
{
    return c->gridded + c->flagged + c->weightless + c->not_finite + c->outside + c->autocorrelation;
}

void ib_judge(ib_judgement *out, const ib_result *result, const ib_error *failure, const ib_build *build, int excess,
              const ib_around *around)
{
    memset(out, 0, sizeof *out);
    if (failure->status) {
        because(out, IB_INVALID, "%.118s",
                failure->status == IB_ECHECK ? failure->text : ib_status_name(failure->status));
        return;
    }
    if (accounted(&result->counts) != result->counts.read)
        because(out, IB_INVALID, "the counts of samples do not add up");
    if (result->measured < 0)
        because(out, IB_PROVISIONAL, "not compared with the direct Fourier sum");
    else if (!(result->measured <= IB_GATE * result->promised))
        because(out, IB_INVALID, "accuracy %.1e, more than %g times the promised %.1e", result->measured, IB_GATE,
                result->promised);
    if (result->n_resumed)
        because(out, IB_PROVISIONAL, "%zu of %zu channels were imaged by an earlier launch", result->n_resumed,
                result->n_chan);
    if (*build->sanitizers)
        because(out, IB_VALID, "built with sanitizers (%.60s)", build->sanitizers);
    if (build->dirty > 0)
        because(out, IB_VALID, "built from changed sources");
    if (excess > 0)
        because(out, IB_VALID, "%d more threads than processors", excess);
    if (build->dirty < 0)
        because(out, IB_VALID, "commit of the sources unknown");
    if (strcmp(build->type, "Release") != 0)
        because(out, IB_VALID, "build type %.60s", *build->type ? build->type : "none");
    if (!(result->wall_s >= COUNTED_S))
        because(out, IB_VALID, "one repetition below %.0f s", COUNTED_S);
    judge_machine(out, around->steady, around->bounds);
}

/* ---- table ----------------------------------------------------------------------------------------------- */

/* The word of a choice, as the table of options spells it. */
static void choices(const ib_result *r, char kernel[16], char lookup[16], char precision[16])
{
    ib_config cfg;

    ib_config_default(&cfg);
    cfg.kernel = r->kernel;
    cfg.lookup = r->lookup;
    cfg.precision = r->precision;
    for (size_t i = 0; i < ib_option_count(); i++) {
        const char *key = ib_option_name(i);
        if (!strcmp(key, "kernel"))
            ib_option_render(&cfg, i, kernel, 16);
        else if (!strcmp(key, "lookup"))
            ib_option_render(&cfg, i, lookup, 16);
        else if (!strcmp(key, "precision"))
            ib_option_render(&cfg, i, precision, 16);
    }
}

static void print_job(FILE *out, const ib_result *r)
{
    char kernel[16], lookup[16], precision[16], cell[100];

    choices(r, kernel, lookup, precision);
    snprintf(cell, sizeof cell, "%s", ib_text_angle(r->cell[0]).s);
    if (r->cell[0] != r->cell[1])
        snprintf(cell, sizeof cell, "%s x %s", ib_text_angle(r->cell[0]).s, ib_text_angle(r->cell[1]).s);
    fprintf(out, "input      %s%s%s\n", r->input, *r->column ? ", column " : "", r->column);
    fprintf(out, "           %s rows x %s %s x %zu %s\n", ib_text_count(r->n_row).s, ib_text_count(r->n_chan_in).s,
            r->n_chan_in == 1 ? "channel" : "channels", r->n_corr, r->n_corr == 1 ? "correlation" : "correlations");
    fprintf(out, "image      %zu x %zu pixels of %s, %s %s x %s\n", r->nx, r->ny, cell, ib_text_count(r->n_chan).s,
            r->n_chan == 1 ? "channel" : "channels", r->stokes);
    fprintf(out, "planes     %s%s", ib_text_count(r->n_plane).s,
            r->n_plane > r->n_chan * r->n_stokes ? ", half of them of the PSF" : "");
    if (r->n_blank)
        fprintf(out, ", %s blank: without a usable sample", ib_text_count(r->n_blank).s);
    if (r->n_pointing)
        fprintf(out, "\nmosaic     %zu %s, %zu %s, beam %s", r->n_pointing,
                r->n_pointing == 1 ? "pointing" : "pointings", r->n_pair,
                r->n_pair == 1 ? "kind of baseline" : "kinds of baselines", r->primary);
    fprintf(out,
            "\ngridding   %s, support %d, oversampling %d, lookup %s, padding %g (%zu x %zu cells), %s, isa %s\n",
            r->n_pointing ? "mosaic" : kernel, r->support, r->oversampling, lookup, r->padding, r->grid_nx,
            r->grid_ny, precision, r->isa);
    if (r->epsilon > 0)
        fprintf(
            out,
            "epsilon    %g: support, padding and oversampling promise %.1e; predicted per plane and core: gridding %s, transform %s\n",
            r->epsilon, r->chosen, ib_text_seconds(r->predicted_s[0]).s, ib_text_seconds(r->predicted_s[1]).s);
    fprintf(out, "run        %d %s x %d %s, %s %s, %zu %s\n", r->ranks, r->ranks == 1 ? "rank" : "ranks", r->threads,
            r->threads == 1 ? "thread" : "threads", ib_text_count(r->n_chunk).s, r->n_chunk == 1 ? "chunk" : "chunks",
            r->n_window, r->n_window == 1 ? "window" : "windows");
}

/* The last two columns only where the machine's limits are known. */
static void print_phases(FILE *out, const ib_result *r, const ib_bounds *b)
{
    const bool known = b && b->known;

    fprintf(out, "\nphase          max s      mean s   imbalance   share%s\n", known ? "   nearest bound" : "");
    for (int i = 0; i < IB_N_PHASES; i++) {
        const double max = r->phase[i].max_s, mean = r->phase[i].mean_s;
        if (!(max > 0))
            continue;
        fprintf(out, "%-8s  %10.3f  %10.3f  %8.1f %%  %4.1f %%", ib_phase_name((ib_phase)i), max, mean,
                mean > 0 ? 100 * (max / mean - 1) : 0, r->wall_s > 0 ? 100 * mean / r->wall_s : 0);
        if (known && *b->phase[i].nearest)
            fprintf(out, "   %s x %.3g", b->phase[i].nearest, 1 / b->phase[i].share);
        fputc('\n', out);
    }
    fprintf(out, "wall      %10.3f\n", r->wall_s);
    if (known)
        fprintf(out, "limits     calibrated %s%s; a phase took so many times what they allow, write with close\n",
                b->calibrated, b->n_node > 1 ? ", of every node alike" : "");
    if (b && *b->missing)
        fprintf(out, "%-10s %s\n", known ? "" : "limits", b->missing);
    fputc('\n', out);
}

static void print_rates(FILE *out, const ib_result *r, const ib_bounds *b)
{
    const double cores = (double)r->ranks * r->threads, grid = ib_grid_rate(r), wall = ib_wall_rate(r);
    const double read_s = r->phase[IB_PHASE_READ].max_s, write_s = r->phase[IB_PHASE_WRITE].max_s;

    fprintf(out, "gridded    %s, %s while gridding; %s, %s over all\n", ib_text_rate(grid, "vis/s").s,
            ib_text_rate(grid / cores, "vis/s/core").s, ib_text_rate(wall, "vis/s").s,
            ib_text_rate(wall / cores, "vis/s/core").s);
    fprintf(out, "read       %s", ib_text_bytes((double)r->bytes_read).s);
    if (read_s > 0)
        fprintf(out, ", %s", ib_text_rate((double)r->bytes_read / read_s, "B/s").s);
    if (r->bytes_needed && r->bytes_fetched)
        fprintf(out, "; %s from files, %.3g times what samples take there", ib_text_bytes((double)r->bytes_fetched).s,
                (double)r->bytes_fetched / (double)r->bytes_needed);
    if (r->reading == IB_READ_CORNER)
        fprintf(out, "; %zu corner turn%s, %s exchanged", r->n_turn, r->n_turn == 1 ? "" : "s",
                ib_text_bytes((double)r->bytes_exchanged).s);
    fprintf(out, "\nwritten    %s", ib_text_bytes((double)r->bytes_written).s);
    if (write_s > 0)
        fprintf(out, ", %s", ib_text_rate((double)r->bytes_written / write_s, "B/s").s);
    if (b && b->storage > 0)
        fprintf(out, "\nstorage    %.3g %% of the wall time at the rates of the disk", 100 * b->storage);
    fprintf(out, "\nmemory     %s planned, %s at most, %s allowed (per rank)\n",
            ib_text_bytes((double)r->plan_bytes).s, ib_text_bytes((double)r->peak_bytes).s,
            ib_text_bytes((double)r->limit_bytes).s);
}

static void print_efficiency(FILE *out, const ib_shares *shares)
{
    const ib_efficiency e = ib_efficiency_of(shares);

    if (shares->known)
        fprintf(
            out,
            "threads    %.3g %% of their time useful: MPI balance %.3f x communication %.3f x files %.3f x serial "
            "%.3f x team %.3f\n",
            100 * e.parallel, e.mpi_balance, e.communication, e.io, e.serial, e.team);
}

/* Which stage waited for which, and how even the ranks were. */
static void print_overlap(FILE *out, const ib_result *r)
{
    const double work = r->schedule.mean_s;

    if (!(work > 0))
        return;
    fprintf(out, "overlap    gridding waited %.1f %% of the work for data and %.1f %% for room to write; ",
            100 * r->overlap.data_s / work, 100 * r->overlap.room_s / work);
    if (r->overlap.read_s > 0)
        fprintf(out, "beside it reading took %.1f %%, ", 100 * r->overlap.read_s / work);
    fprintf(out, "%swriting %.1f %%\n", r->overlap.read_s > 0 ? "" : "beside it ", 100 * r->overlap.write_s / work);
    if (r->ranks > 1)
        fprintf(out, "ranks      worked on %s to %s %s; the longest %.3g times the mean%s",
                ib_text_count(r->schedule.least).s, ib_text_count(r->schedule.most).s,
                r->n_chan > 1 ? "channels" : "shares", r->schedule.max_s / work, r->schedule.n_take ? "; " : "\n");
    if (r->schedule.n_take)
        fprintf(out, "%s moved, %s takes of %s\n", ib_text_count(r->schedule.n_moved).s,
                ib_text_count(r->schedule.n_take).s,
                ib_text_seconds(r->schedule.take_s / (double)r->schedule.n_take).s);
}

static void print_counts(FILE *out, const ib_counts *c)
{
    const struct {
        const char *name;
        uint64_t    n;
    } part[] = {{"gridded", c->gridded},       {"flagged", c->flagged}, {"weightless", c->weightless},
                {"not finite", c->not_finite}, {"outside", c->outside}, {"autocorrelation", c->autocorrelation}};
    const uint64_t sum = accounted(c);

    fprintf(out, "\nsamples read       %24s\n", ib_text_count(c->read).s);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        fprintf(out, "  %c %-15s%24s\n", i ? '+' : '=', part[i].name, ib_text_count(part[i].n).s);
    if (sum != c->read)
        fprintf(out, "  these are        %24s: the counts do not add up\n", ib_text_count(sum).s);
    fputc('\n', out);
}

static void print_quality(FILE *out, const ib_result *r)
{
    if (!(r->measured < 0))
        fprintf(out, "accuracy   %.1e promised, %.1e measured at %s pixels of %s %s\n", r->promised, r->measured,
                ib_text_count(r->n_checked_pixel).s, ib_text_count(r->n_checked_plane).s,
                r->n_checked_plane == 1 ? "plane" : "planes");
    else
        fprintf(out, "accuracy   not measured\n");
    if (r->outside_weight > 0)
        fprintf(out, "outside    %.3g %% of the weight: baselines beyond what the cell size holds\n",
                100 * r->outside_weight);
    fprintf(out, "w phase    %.2g rad at most", r->w_phase);
    if (r->w_terms)
        fprintf(out, ": %d term%s in %d slab%s of w\n", r->w_terms, r->w_terms == 1 ? "" : "s", r->w_slabs,
                r->w_slabs == 1 ? "" : "s");
    else
        fprintf(out, "%s\n",
                !(r->w_phase > W_PHASE_LIMIT) ? ""
                : r->n_pointing               ? ": imaging without w distorts what is far from the pointings"
                                              : ": imaging without w distorts the edges; use --wterm stack");
    if (r->beam[0] > 0)
        fprintf(out, "beam       %s x %s, position angle %.1f deg (middle channel)\n", ib_text_angle(r->beam[0]).s,
                ib_text_angle(r->beam[1]).s, r->beam[2] * 180 / acos(-1.0));
}

static void print_result_line(FILE *out, const ib_result *r, const ib_error *failure, const ib_judgement *v)
{
    fprintf(out, "RESULT %s", ib_validity_name(v->validity));
    if (!failure->status)
        fprintf(out, "  T=%.2f s  %s", r->wall_s,
                ib_text_rate(ib_grid_rate(r) / ((double)r->ranks * r->threads), "vis/s/core").s);
    for (size_t i = 0; i < v->n_reason; i++)
        fprintf(out, "%s%s", i ? "; " : "  (", v->reason[i]);
    fprintf(out, "%s\n", v->n_reason ? ")" : "");
}

void ib_summary_table(FILE *out, const ib_result *result, const ib_around *around, const ib_error *failure,
                      const ib_judgement *verdict, const char *record)
{
    const ib_shares shares = ib_shares_around(around, result);

    if (!failure->status) {
        print_job(out, result);
        print_phases(out, result, around->bounds);
        print_rates(out, result, around->bounds);
        print_efficiency(out, &shares);
        print_overlap(out, result);
        print_counts(out, &result->counts);
        print_quality(out, result);
        for (size_t i = 0; i < sizeof result->output / sizeof *result->output; i++)
            if (*result->output[i])
                fprintf(out, "%-10s %s\n", i ? "" : "output", result->output[i]);
        if (*record)
            fprintf(out, "record     %s\n", record);
        fputc('\n', out);
    }
    print_result_line(out, result, failure, verdict);
}

/* ---- document -------------------------------------------------------------------------------------------- */

static json_t *document(const ib_result *r, const ib_around *around)
{
    char            kernel[16], lookup[16], precision[16];
    const double    cores = (double)r->ranks * r->threads;
    const ib_shares shares = ib_shares_around(around, r);
    json_t         *json = json_object(), *files = json_array();

    choices(r, kernel, lookup, precision);
    for (size_t i = 0; i < sizeof r->output / sizeof *r->output; i++)
        if (*r->output[i])
            json_array_append_new(files, ib_json_text(r->output[i]));

    json_object_set_new(json, "wall_s", ib_json_real(r->wall_s));
    json_object_set_new(json, "ranks", json_integer(r->ranks));
    json_object_set_new(json, "threads", json_integer(r->threads));
    json_object_set_new(json, "input",
                        json_pack("{s:o, s:s, s:o, s:o, s:o}", "name", ib_json_text(r->input), "column", r->column,
                                  "rows", ib_json_count(r->n_row), "channels", ib_json_count(r->n_chan_in),
                                  "correlations", ib_json_count(r->n_corr)));
    json_object_set_new(json, "image",
                        json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "nx", ib_json_count(r->nx), "ny",
                                  ib_json_count(r->ny), "cell_l_rad", ib_json_real(r->cell[0]), "cell_m_rad",
                                  ib_json_real(r->cell[1]), "channels", ib_json_count(r->n_chan), "stokes", r->stokes,
                                  "planes", ib_json_count(r->n_plane), "blank", ib_json_count(r->n_blank)));
    json_object_set_new(json, "gridding",
                        json_pack("{s:s, s:i, s:i, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "kernel", kernel,
                                  "support", r->support, "oversampling", r->oversampling, "padding",
                                  ib_json_real(r->padding), "lookup", lookup, "precision", precision, "isa", r->isa,
                                  "grid_nx", ib_json_count(r->grid_nx), "grid_ny", ib_json_count(r->grid_ny),
                                  "chunks", ib_json_count(r->n_chunk), "windows", ib_json_count(r->n_window)));
    json_object_set_new(json, "mosaic",
                        r->n_pointing
                            ? json_pack("{s:o, s:o, s:o}", "pointings", ib_json_count(r->n_pointing),
                                        "baseline_types", ib_json_count(r->n_pair), "beam", ib_json_text(r->primary))
                            : json_null());
    json_object_set_new(json, "choice", ib_json_choice(r));
    json_object_set_new(json, "phases", ib_json_phases(r, around->bounds));
    json_object_set_new(json, "limits", ib_json_limits(around->bounds));
    json_object_set_new(json, "steady", ib_json_steadiness(around->steady));
    json_object_set_new(json, "shares", ib_json_shares(&shares));
    json_object_set_new(json, "efficiency", ib_json_efficiency(&shares));
    json_object_set_new(json, "overlap", ib_json_overlap(r));
    json_object_set_new(json, "schedule", ib_json_schedule(r));
    json_object_set_new(json, "counts", ib_json_counts(r));
    json_object_set_new(
        json, "rates",
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "grid_vis_per_s", ib_json_real(ib_grid_rate(r)),
                  "grid_vis_per_s_per_core", ib_json_real(ib_grid_rate(r) / cores), "wall_vis_per_s",
                  ib_json_real(ib_wall_rate(r)), "wall_vis_per_s_per_core", ib_json_real(ib_wall_rate(r) / cores),
                  "read_bytes_per_s", ib_json_real((double)r->bytes_read / r->phase[IB_PHASE_READ].max_s),
                  "write_bytes_per_s", ib_json_real((double)r->bytes_written / r->phase[IB_PHASE_WRITE].max_s)));
    json_object_set_new(json, "bytes", ib_json_bytes(r));
    json_object_set_new(json, "accuracy",
                        json_pack("{s:o, s:o, s:o, s:o}", "promised", ib_json_real(r->promised), "measured",
                                  r->measured < 0 ? json_null() : ib_json_real(r->measured), "planes",
                                  ib_json_count(r->n_checked_plane), "pixels", ib_json_count(r->n_checked_pixel)));
    json_object_set_new(json, "memory",
                        json_pack("{s:I, s:I, s:I}", "plan_bytes", (json_int_t)r->plan_bytes, "peak_bytes",
                                  (json_int_t)r->peak_bytes, "limit_bytes", (json_int_t)r->limit_bytes));
    json_object_set_new(json, "beam_rad",
                        r->beam[0] > 0 ? json_pack("[o, o, o]", ib_json_real(r->beam[0]), ib_json_real(r->beam[1]),
                                                   ib_json_real(r->beam[2]))
                                       : json_null());
    json_object_set_new(json, "w_phase_rad", ib_json_real(r->w_phase));
    json_object_set_new(json, "w", ib_json_w(r));
    json_object_set_new(json, "outside_weight", ib_json_real(r->outside_weight));
    json_object_set_new(json, "sum_of_weights", ib_json_real(r->sum_of_weights));
    json_object_set_new(json, "output", files);
    return json;
}

void ib_summary_json(FILE *out, const ib_result *result, const ib_around *around, const ib_error *failure,
                     const ib_judgement *verdict, const char *record)
{
    /* A gate that fails is a result, and a bad one; any other failure is none. */
    const bool failed = failure->status && failure->status != IB_ECHECK;
    json_t    *json = json_object();

    json_object_set_new(json, "result", json_string(failed ? "failed" : ib_validity_name(verdict->validity)));
    json_object_set_new(json, "reasons", ib_json_reasons(verdict));
    json_object_set_new(json, "status", json_string(ib_status_name(failure->status)));
    json_object_set_new(json, "exit_code", json_integer(ib_exit_code(failure->status)));
    json_object_set_new(json, "version", json_string(ib_build_facts()->version));
    json_object_set_new(json, "commit", json_string(ib_build_facts()->commit));
    if (failure->status)
        json_object_set_new(json, "error", ib_json_text(failure->text));
    json_object_update_new(json, document(result, around));
    json_object_set_new(json, "record", *record ? ib_json_text(record) : json_null());
    json_dumpf(json, out, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    fputc('\n', out);
    json_decref(json);
}
