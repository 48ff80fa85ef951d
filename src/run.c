/* SPDX-License-Identifier: BSD-3-Clause */
/* The job over MPI: who does what, in which order, and what happens when one rank fails. No arithmetic, no formats. */
#include "base/comm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/text.h"
#include "base/trace.h"
#include "gridder/fft.h"
#include "gridder/imager.h"
#include "io/file.h"
#include "io/io.h"
#include "resume.h"

#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { END_TAKES = 10 }; /* s, to bring to the device what is in memory */
enum { MAX_SINKS = 2 * IB_N_PRODUCTS, MAX_NOTES = IB_MAX_OPTIONS + 16, NOTE = 256 };

static volatile sig_atomic_t interrupted;

void ib_interrupt(void)
{
    interrupted = 1;
}

/* A file being written: one product in one format. */
typedef struct output {
    const ib_sink_ops *ops;
    ib_product         product;
    ib_layout          layout;
    void              *sink;
    bool               created;
} output;

typedef struct job {
    const ib_config *cfg;    /* `chosen` */
    ib_config        chosen; /* as given, and what --epsilon chooses */
    MPI_Comm         comm;
    int              rank, n_rank, n_thread;
    ib_result       *result;
    ib_timers        timers;

    ib_source  *source;
    ib_vis_info info;
    bool        described;
    ib_extent  *extent;
    ib_plan     plan;
    ib_imager  *imager;
    ib_port     port;

    ib_cube cube[IB_N_PRODUCTS];
    output  output[MAX_SINKS];
    int     n_output;
    char    note_text[MAX_NOTES][NOTE];
    ib_note note[MAX_NOTES];
    size_t  n_note;
    int64_t written;

    ib_resume   resume;
    uint64_t    input_digest;    /* rank 0 */
    double      deadline;        /* by the clock of ib_now; 0: none */
    double      polled, longest; /* when `between` was called last; longest time from one call to the next, s */
    ib_range    units;
    ib_outcome *outcome; /* of this rank's units; on rank 0 then of all */
    ib_notice   notice;
    uint64_t    shown;
    double      work_began;
    ib_error    stop; /* why `between` said stop */
} job;

/* ---- input --------------------------------------------------------------------------------------------------- */

static ib_status port_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    return ib_source_rows(((job *)self)->source, spw, rows, into, err);
}

static ib_status port_read(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                           ib_error *err)
{
    return ib_source_read(((job *)self)->source, spw, chans, rows, into, err);
}

/* What the rows reach: rank 0 looks at all of them, block by block. */
static ib_status measure_rows(job *j, ib_error *err)
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
            ib_extent    *e = &j->extent[s];

            rc = ib_source_rows(j->source, s, (ib_range){row, n}, &into, err);
            if (!rc) {
                j->input_digest = ib_digest(j->input_digest, uvw, n * sizeof *uvw);
                j->input_digest = ib_digest(j->input_digest, antenna, n * sizeof *antenna);
            }
            if (!rc && moved)
                ib_centre_move(&centre, n, field, uvw, NULL);
            for (size_t r = 0; !rc && r < n; r++) {
                const double u = uvw[r][0], v = uvw[r][1], w = uvw[r][2];
                if (antenna[r][0] == antenna[r][1] || !isfinite(u) || !isfinite(v) || !isfinite(w))
                    continue;
                e->u = fmax(e->u, fabs(u));
                e->v = fmax(e->v, fabs(v));
                e->w = fmax(e->w, fabs(w));
                e->uv = fmax(e->uv, hypot(u, v));
            }
        }
    ib_centre_clear(&centre);
    ib_free(field);
    ib_free(uvw);
    ib_free(antenna);
    return rc;
}

static ib_status open_input(job *j, ib_error *err)
{
    double    start = ib_now();
    ib_status rc = ib_source_open(&j->source, j->cfg, &j->info, err);

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

/* ---- outputs --------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

/* Name of the outputs without suffix: as asked for, or after the input. */
static bool base_name(const job *j, char *base, size_t size, const char **suffix)
{
    const char *given = j->cfg->output, *input = j->cfg->input;
    int         n;

    *suffix = ".hdf5";
    if (*given) {
        n = snprintf(base, size, "%s", given);
        for (const char *const *known = (const char *const[]){".hdf5", ".h5", ".fits", NULL}; *known; known++)
            if (n < (int)size && ends_with(base, *known)) {
                base[strlen(base) - strlen(*known)] = 0;
                *suffix = *known;
                break;
            }
        return n < (int)size;
    }
    if (!*input)
        input = IB_DEFAULT_INPUT;
    if (!strncmp(input, "sim:", 4)) {
        n = snprintf(base, size, "%.*s", (int)strcspn(input + 4, ","), input + 4);
        return n < (int)size;
    }
    size_t length = strlen(input);
    while (length > 1 && input[length - 1] == '/')
        length--;
    size_t first = length;
    while (first && input[first - 1] != '/')
        first--;
    n = snprintf(base, size, "%.*s", (int)(length - first), input + first);
    if (n >= (int)size)
        return false;
    const bool native = ends_with(base, ".h5") || ends_with(base, ".hdf5");
    char      *dot = strrchr(base, '.');
    if (dot && dot != base)
        *dot = 0;
    if (native && strlen(base) + 7 < size)
        strcat(base, ".image"); /* never the name of the input */
    return true;
}

/* The same file, whatever it is called. */
static bool is_input(const job *j, const char *path)
{
    struct stat input, target;

    return !stat(j->cfg->input, &input) && !stat(path, &target) && input.st_dev == target.st_dev &&
           input.st_ino == target.st_ino;
}

static bool is_cube(const char *path)
{
    ib_picture *picture;
    ib_error    err;
    const bool  yes = !ib_picture_open(&picture, path, &err);

    ib_picture_close(picture);
    return yes;
}

static bool is_wanted(const ib_config *cfg, int product)
{
    if (product == IB_PB || product == IB_WEIGHT)
        return cfg->gridder == IB_MOSAIC && cfg->pb;
    return product == IB_DIRTY || cfg->psf;
}

static ib_status name_outputs(job *j, ib_error *err)
{
    static const char *const part[] = {[IB_DIRTY] = "", [IB_PSF] = ".psf", [IB_PB] = ".pb", [IB_WEIGHT] = ".weight"};
    char                     base[400];
    const char              *suffix;

    if (!base_name(j, base, sizeof base, &suffix))
        return ib_fail(err, IB_EUSAGE, "--output: a name of more than %zu characters; choose a shorter one",
                       sizeof base - 1);
    const bool fits_only = !strcmp(suffix, ".fits");
    for (int product = 0; product < IB_N_PRODUCTS; product++)
        for (int format = fits_only; is_wanted(j->cfg, product) && format < (j->cfg->fits || fits_only ? 2 : 1);
             format++) {
            output *o = &j->output[j->n_output++];
            o->ops = ib_sink_find(format ? "fits" : "hdf5");
            o->product = (ib_product)product;
            snprintf(o->layout.path, sizeof o->layout.path, "%s%s%s", base, part[product],
                     format ? o->ops->suffix : suffix);
        }
    for (int i = 0; i < j->n_output; i++)
        if (is_input(j, j->output[i].layout.path))
            return ib_fail(err, IB_EUSAGE, "output %s is the input; give another name with --output",
                           j->output[i].layout.path);
    return IB_OK;
}

/* Rank 0. What a simulation left under its own default name can always be made again. */
static ib_status claim_outputs(job *j, ib_error *err)
{
    const char *path[MAX_SINKS];
    bool        ours = !*j->cfg->output && (!*j->cfg->input || !strncmp(j->cfg->input, "sim:", 4));

    for (int i = 0; i < j->n_output; i++) {
        path[i] = j->output[i].layout.path;
        ours = ours && (access(path[i], F_OK) || is_cube(path[i]));
    }
    return ib_resume_claim(&j->resume, j->cfg, j->plan.mode, path, (size_t)j->n_output, j->cfg->overwrite || ours,
                           err);
}

static void add_note(job *j, const char *name, const char *text)
{
    if (j->n_note == MAX_NOTES)
        return;
    snprintf(j->note_text[j->n_note], NOTE, "%s", text);
    j->note[j->n_note] = (ib_note){name, j->note_text[j->n_note]};
    j->n_note++;
}

/* The parameters that pixels depend on; not those of where and how the job ran, which must not change a byte. */
static void describe_parameters(job *j, const char *fft_plan)
{
    const ib_geometry *g = &j->plan.geometry;
    char               text[256];

    add_note(j, "input", j->result->input);
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if (strcmp(o->group, "run") && strcmp(o->group, "output") && ib_option_render(j->cfg, i, text, sizeof text))
            add_note(j, o->key, text);
    }
    snprintf(text, sizeof text, "%zu %zu", g->grid_nx, g->grid_ny);
    add_note(j, "grid", text);
    add_note(j, "isa-used", j->result->isa);
    add_note(j, "column-used", j->info.column);
    add_note(j, "fft-plan", strcspn(fft_plan, " ") ? fft_plan + strcspn(fft_plan, " ") : fft_plan);
}

static void describe_cubes(job *j)
{
    static const char *const name[] = {
        [IB_DIRTY] = "dirty", [IB_PSF] = "psf", [IB_PB] = "pb", [IB_WEIGHT] = "weight"};
    const ib_geometry *g = &j->plan.geometry;
    const ib_field    *field = j->info.field;

    while (!field->selected && field + 1 < j->info.field + j->info.n_field)
        field++;
    for (int product = 0; product < IB_N_PRODUCTS; product++) {
        ib_cube *c = &j->cube[product];
        *c = (ib_cube){
            .product = name[product],
            .unit = product == IB_DIRTY ? "Jy/beam" : "",
            .nx = g->nx,
            .ny = g->ny,
            .n_chan = j->plan.n_chan,
            .n_stokes = (size_t)j->plan.n_stokes,
            .cell = {g->cell[0], g->cell[1]},
            .ra = j->plan.centre.ra,
            .dec = j->plan.centre.dec,
            .freq = j->plan.freq,
            .width = j->plan.width,
            .even = j->plan.even,
            .rest_freq = j->info.rest_freq,
            .time = j->info.time_first,
            .telescope = j->info.telescope,
            .object = j->info.object[0] ? j->info.object : field->name,
            .observer = j->info.observer,
            .frame = j->info.frame,
            .radesys = j->info.radesys,
            .note = j->note,
            .n_note = j->n_note,
            .n_bin = ib_histogram_bins(g->nx, g->ny),
            .n_mip = ib_mip_levels(g->nx, g->ny),
        };
        memcpy(c->stokes, j->plan.stokes, sizeof c->stokes);
    }
}

/* Everything that finished channels depend on, to know a run again. */
static size_t identify(job *j, ib_note note[MAX_NOTES + 2], char digest[40])
{
    size_t n = 0;

    for (size_t i = 0; i < j->n_note; i++)
        if (strcmp(j->note[i].name, "input") || !strncmp(j->note[i].value, "sim:", 4)) /* a file may have moved */
            note[n++] = j->note[i];
    snprintf(digest, 40, "%016llx", (unsigned long long)ib_resume_stamp(j->cfg->input, j->input_digest));
    note[n++] = (ib_note){"contents of the input", digest};
    note[n++] = (ib_note){"version", IB_VERSION};
    return n;
}

/* The files as they are before any plane: made, or, for a run that goes on, put back. Rank 0. */
static ib_status lay_out_outputs(job *j, const char *wisdom, const char *fft_plan, ib_error *err)
{
    ib_note    note[MAX_NOTES + 2];
    char       digest[40];
    ib_layout *layout[MAX_SINKS];
    ib_status  rc = IB_OK;
    ib_ledger  ledger = {
         .note = note, .wisdom = wisdom, .fft_plan = fft_plan, .n_unit = j->plan.n_unit, .payload = sizeof(ib_kept)};

    ledger.n_note = identify(j, note, digest);
    if (j->resume.resumed)
        rc = ib_resume_compare(&j->resume, note, ledger.n_note, err);
    for (int i = 0; i < j->n_output && !rc; i++) {
        output *o = &j->output[i];
        char    path[sizeof o->layout.path];
        layout[i] = &o->layout;
        if (j->resume.resumed)
            continue;
        memcpy(path, o->layout.path, sizeof path);
        rc = o->ops->create(path, &j->cube[o->product], &o->layout, err);
        o->created = !rc;
    }
    if (!rc && j->plan.mode == IB_CUBE)
        rc = ib_resume_begin(&j->resume, &ledger, layout, (size_t)j->n_output, err);
    return rc;
}

static ib_status sync_outputs(void *self, ib_error *err)
{
    const job *j = self;
    ib_status  rc = IB_OK;

    for (int i = 0; i < j->n_output && !rc; i++)
        rc = j->output[i].ops->sync(j->output[i].sink, err);
    return rc;
}

static ib_status create_outputs(job *j, const char *wisdom, const char *fft_plan, ib_error *err)
{
    ib_status rc = j->rank ? IB_OK : lay_out_outputs(j, wisdom, fft_plan, err);
    ib_opened opened[MAX_SINKS];

    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    for (int i = 0; i < j->n_output; i++)
        MPI_Bcast(&j->output[i].layout, (int)sizeof j->output[i].layout, MPI_BYTE, 0, j->comm);
    for (int i = 0; i < j->n_output && !rc; i++) {
        output *o = &j->output[i];
        rc = o->ops->attach(&o->sink, &o->layout, &j->cube[o->product], err);
        opened[i] = (ib_opened){o->ops, o->product, o->sink};
    }
    if ((rc = ib_agree(j->comm, rc, err)) || j->plan.mode == IB_MFS)
        return rc;
    rc = ib_resume_deal(&j->resume, j->comm, &j->plan, j->units, opened, (size_t)j->n_output,
                        j->plan.geometry.nx * j->plan.geometry.ny, err);
    return rc ? rc : ib_resume_open(&j->resume, j->comm, sync_outputs, j, err);
}

/* Hashes of the planes of the channel that this thread is finishing. */
static _Thread_local uint64_t plane_hash[IB_N_PRODUCTS][IB_MAX_STOKES][2];

static ib_status port_write(void *self, ib_product product, const ib_plane *plane, ib_error *err)
{
    job      *j = self;
    ib_status rc = IB_OK;

    memcpy(plane_hash[product][plane->stokes], plane->stats.hash, sizeof plane->stats.hash);
    for (int i = 0; i < j->n_output && !rc; i++)
        if (j->output[i].product == product)
            rc = j->output[i].ops->write(j->output[i].sink, plane, err);
    return rc;
}

static ib_status port_finished(void *self, size_t unit, const ib_outcome *outcome, const ib_verdict *verdict,
                               ib_error *err)
{
    job    *j = self;
    ib_kept kept;

    if (!j->resume.journal)
        return IB_OK;
    memset(&kept, 0, sizeof kept);
    kept.outcome = *outcome;
    kept.verdict = *verdict;
    memcpy(kept.hash, plane_hash, sizeof kept.hash);
    return ib_journal_add(j->resume.journal, unit, &kept, err);
}

/* After a failure: is what is finished worth more than the room it takes? What is wrong with the image or with the input
   will not be right next time. */
static bool keeps(ib_status rc, size_t finished)
{
    return finished && (rc == IB_EINTERRUPTED || rc == IB_EIO || rc == IB_ENOMEM);
}

/* Headers completed, then all names at once. Rank 0. */
static ib_status publish_outputs(job *j, const double *beam, ib_error *err)
{
    ib_status rc = j->resume.begun ? ib_resume_audit(&j->resume, err) : IB_OK;

    for (int i = 0; i < j->n_output && !rc; i++)
        rc = j->output[i].ops->complete(&j->output[i].layout, &j->cube[j->output[i].product], beam, err);
    if (!rc && j->resume.begun)
        rc = ib_journal_mark_complete(j->resume.folder, err);
    for (int i = 0; i < j->n_output && !rc; i++) {
        output *o = &j->output[i];
        rc = ib_file_publish(&o->layout, err);
        o->created = rc != IB_OK;
        snprintf(j->result->output[i], sizeof j->result->output[i], "%s", rc ? "" : o->layout.path);
        j->written += (int64_t)o->layout.bytes;
    }
    for (int i = 0; rc && i < j->n_output && !j->resume.begun; i++)
        if (*j->result->output[i]) { /* whole, but without its siblings, which no later start will make */
            unlink(j->result->output[i]);
            *j->result->output[i] = 0;
        }
    return rc;
}

/* Let go of the files; whole ones get their names when everything went well, others stay for a later start or vanish.
   Collective. */
static ib_status close_outputs(job *j, ib_status rc, ib_error *err)
{
    double             start = ib_now();
    size_t             finished = 0;
    unsigned long long told;

    rc = ib_resume_close(&j->resume, j->comm, rc, &finished, err);
    for (int i = 0; i < j->n_output; i++)
        if (j->output[i].sink) {
            ib_error        mine;
            const ib_status late = j->output[i].ops->detach(j->output[i].sink, &mine);
            j->output[i].sink = NULL;
            if (late && !rc) {
                *err = mine;
                rc = late;
            }
        }
    rc = ib_agree(j->comm, rc, err);

    const size_t n_beam = j->plan.n_chan * (size_t)j->plan.n_stokes;
    double      *beam = NULL;
    if (!rc && !j->rank && j->cfg->psf) {
        beam = ib_alloc(n_beam, 3 * sizeof *beam, "beams", err);
        rc = beam ? IB_OK : err->status;
        for (size_t k = 0; beam && k < n_beam; k++)
            memcpy(beam + 3 * k, j->outcome[k / (size_t)j->plan.n_stokes].beam[k % (size_t)j->plan.n_stokes],
                   3 * sizeof *beam);
    }
    if (!rc && !j->rank)
        rc = publish_outputs(j, beam, err);
    ib_free(beam);
    rc = ib_agree(j->comm, rc, err);

    told = finished;
    MPI_Bcast(&told, 1, MPI_UNSIGNED_LONG_LONG, 0, j->comm);
    int begun = j->resume.begun;
    MPI_Bcast(&begun, 1, MPI_INT, 0, j->comm);
    const bool theirs = j->resume.resumed && !begun; /* what is there is of another run */
    const bool keep = begun && keeps(rc, (size_t)told);
    for (int i = 0; rc && !keep && !theirs && i < j->n_output && !j->rank; i++)
        if (j->output[i].created || j->resume.resumed)
            ib_file_abandon(&j->output[i].layout);
    if (keep) {
        const ib_error first = *err;
        ib_fail(err, rc, "%.380s; %llu of %zu channels are finished and kept: give --resume to go on", first.text,
                told, j->plan.n_unit);
        err->rank = first.rank;
    } else if (rc == IB_EINTERRUPTED) {
        const ib_error first = *err;
        ib_fail(err, rc, "%.380s; nothing was kept, start it again", first.text);
        err->rank = first.rank;
    }
    ib_resume_end(&j->resume, keep || theirs);
    ib_book(&j->timers, IB_PHASE_CLOSE, &start);
    return rc;
}

/* ---- plan ------------------------------------------------------------------------------------------------------ */

/* Fields are imaged together only where they share a phase centre, to a hundredth of a pixel, and their axes, to a tenth
   of a pixel at the edge: near a pole different right ascensions turn them. */
static ib_status check_fields(const ib_vis_info *info, const ib_geometry *g, ib_error *err)
{
    const ib_field *first = NULL;
    const double    cell = fmin(g->cell[0], g->cell[1]), half = 0.5 * (double)(g->nx > g->ny ? g->nx : g->ny);

    for (size_t f = 0; f < info->n_field; f++) {
        const ib_field *field = &info->field[f];
        if (!field->selected)
            continue;
        if (!first)
            first = field;
        const double ra = fabs(remainder(field->ra - first->ra, 2 * IB_PI)), dec = fabs(field->dec - first->dec);
        if (hypot(dec, ra * cos(first->dec)) > 0.01 * cell || ra * fabs(sin(first->dec)) * half > 0.1)
            return ib_fail(
                err, IB_EUNSUPPORTED,
                "fields %d (%s) and %d (%s) have different phase centres; image them together with --gridder mosaic, choose one of the %zu fields with --field, or one centre for all with --phasecenter",
                first->id, first->name, field->id, field->name, info->n_field);
    }
    return IB_OK;
}

/* Windows whose correlations cannot form the planes are left out, not without a word. */
static void mention_missing_planes(const job *j)
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
static void mention_poor_kernels(const job *j)
{
    const double promise = j->plan.mosaic.primary ? j->plan.mosaic.promise : 0;

    if (promise > 0.03) /* the worst of beams have less (imaging-spec 12) */
        ib_warn(
            "the kernels of this mosaic may be wrong by %.2g of the largest value: give a larger --padding or --oversampling, or a smaller --beam-tolerance, or leave them out",
            promise);
}

static void print_plan(const job *j, const char *fft_plan)
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
    const int64_t lanes = (int64_t)p->n_lane * p->lane_bytes;
    const struct {
        const char *what;
        int64_t     bytes;
    } terms[] = {
        {"program and libraries, as measured", p->base_bytes},
        {"rows, threads, tables", p->fixed_bytes},
        {"grids and densities of the lanes", lanes},
        {"samples of a window and their order",
         p->total_bytes - p->base_bytes - p->fixed_bytes - lanes - p->tree_bytes},
        {"partial sums", p->tree_bytes},
        {"in all, per rank", p->total_bytes},
        {"limit (--memory)", j->cfg->memory},
    };
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        printf("  memory    %12s  %s\n", ib_text_bytes((double)terms[i].bytes).s, terms[i].what);
    printf("  window    %zu %s at a time, %zu lane%s%s\n", p->window,
           p->mode == IB_MFS || !p->fused ? "input channels" : "channels", p->n_lane, p->n_lane == 1 ? "" : "s",
           p->fused ? "" : "; channels gather samples over several reads");
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
    char                     given[NOTE], usual[NOTE];

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

static ib_status make_plan(job *j, char fft_plan[80], char **wisdom, ib_error *err)
{
    const ib_config *cfg = j->cfg;
    double           start = ib_now();
    int64_t          base = (int64_t)ib_mem_resident(), largest;

    MPI_Allreduce(&base, &largest, 1, MPI_INT64_T, MPI_MAX, j->comm);
    ib_status rc = check_mosaic_options(&j->chosen, err);
    if (!rc)
        rc = ib_plan_make(&j->plan, &j->chosen, &j->info, j->extent, j->n_rank, j->n_thread, largest, err);
    if (!rc && j->plan.centre.motion == IB_AS_IS)
        rc = check_fields(&j->info, &j->plan.geometry, err);
    if (!rc)
        rc = name_outputs(j, err);
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    if (!j->rank && !cfg->plan)
        rc = claim_outputs(j, err);
    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    if (!j->rank) {
        mention_missing_planes(j);
        mention_poor_kernels(j);
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

/* ---- work ------------------------------------------------------------------------------------------------------ */

static void show(void *self, uint64_t done)
{
    job *j = self;

    if (done > j->shown) {
        const double s = ib_now() - j->work_began;
        j->shown = done;
        ib_progress_update(done, ib_text_rate((double)done * j->plan.n_stokes / s, "vis/s").s);
    }
}

static ib_status port_between(void *self, uint64_t done, ib_error *err)
{
    job *j = self;

    if (ib_notice_poll(&j->notice, done))
        return ib_fail(err, IB_EINTERNAL,
                       "another rank has failed"); /* that rank's sentence is the one that is agreed on */
    if (!j->rank)
        show(j, j->notice.done);
    if (interrupted)
        return ib_fail(err, IB_EINTERRUPTED, "stopped by a signal before the image was whole");
    const double now = ib_now();
    j->longest = fmax(j->longest, j->polled > 0 ? now - j->polled : 0);
    j->polled = now;
    if (j->deadline > 0 && now + 2 * j->longest + END_TAKES > j->deadline)
        return ib_fail(err, IB_EINTERRUPTED, "the time limit came near before the image was whole");
    return IB_OK;
}

static bool port_urgent(void *self)
{
    const job *j = self;
    return interrupted || (j->deadline > 0 && ib_now() + END_TAKES / 2. > j->deadline);
}

/* When this run must have ended: as told, or as the batch system tells. */
static double find_deadline(const ib_config *cfg, double began)
{
    const char *end = getenv("SLURM_JOB_END_TIME"); /* s since 1970 */

    if (cfg->time_limit > 0)
        return began + cfg->time_limit;
    return end && atof(end) > 0 ? began + (atof(end) - (double)time(NULL)) : 0;
}

/* The first rank that failed by itself, not the ones it stopped. Collective. */
static ib_status agree_on_cause(job *j, ib_status rc, ib_error *err)
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

/* Nodes of all ranks meet in rank 0's tree, from left to right. Collective. */
static ib_status sum_trees(job *j, ib_tree *tree, ib_error *err)
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

static ib_status share_density(job *j, ib_error *err)
{
    ib_tree     *tree = ib_imager_densities(j->imager);
    const size_t bytes = tree->n * sizeof(double);

    ib_notice_begin(&j->notice, j->comm);
    ib_status rc = ib_imager_weigh(j->imager, j->units, err);
    ib_notice_end(&j->notice, rc != IB_OK, NULL, NULL);
    rc = agree_on_cause(j, rc, err);
    if (!rc)
        rc = sum_trees(j, tree, err);
    if (rc)
        return rc;
    double *total = j->rank ? ib_alloc(bytes, 1, "density of weights", err) : ib_tree_total(tree)->sum;
    if (!(rc = ib_agree(j->comm, total ? IB_OK : err->status, err))) {
        ib_broadcast(total, bytes, 0, j->comm);
        ib_imager_set_density(j->imager, total);
    }
    if (j->rank)
        ib_free(total);
    ib_tree_clear(tree);
    return rc;
}

static ib_status gather_outcomes(job *j, ib_error *err)
{
    ib_outcome *all = j->rank ? NULL : ib_alloc_zero(j->plan.n_unit, sizeof *all, "outcomes", err);
    ib_status   rc = ib_agree(j->comm, j->rank || all ? IB_OK : err->status, err);

    if (rc)
        return rc;
    const size_t n = j->plan.mode == IB_MFS ? j->units.n : j->resume.n_todo;
    ib_gather(j->outcome, n * sizeof *j->outcome, all, j->comm);
    if (j->rank)
        return IB_OK;
    if (j->resume.n_done) /* what was done now moves apart, from the back, for what was done before */
        for (size_t c = j->plan.n_unit, at = c - j->resume.n_done; c-- > 0;)
            all[c] = j->resume.done[c] ? j->resume.kept[c].outcome : all[--at];
    ib_free(j->outcome);
    j->outcome = all;
    return IB_OK;
}

/* The channels that are left to this rank. */
static ib_status image_channels(job *j, ib_error *err)
{
    ib_outcome *outcome = j->outcome;
    ib_status   rc = IB_OK;

    for (size_t i = 0; !rc && i < j->resume.n_run; i++) {
        rc = ib_imager_cube(j->imager, j->resume.run[i], outcome, err);
        outcome += j->resume.run[i].n;
    }
    return rc;
}

static void add_counts(ib_counts *to, const ib_counts *from)
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
static ib_status gather_shares(job *j, ib_error *err)
{
    enum { PIECE = 1 << 24 };
    ib_status  rc = gather_outcomes(j, err);
    ib_direct *direct = ib_imager_direct(j->imager);

    if (rc)
        return rc;

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
                add_counts(&t->counts, &j->outcome[k].tally[p].counts);
            }
    }
    ib_free(all);
    return IB_OK;
}

/* mfs: a pass of the w-term, or all there is. Grids of all shares meet on rank 0, which makes the image of them. */
static ib_status image_shares(job *j, int pass, ib_error *err)
{
    ib_notice_begin(&j->notice, j->comm);
    ib_status rc = ib_imager_mfs(j->imager, j->units, pass, j->outcome, err);
    ib_notice_end(&j->notice, rc != IB_OK, show, j);
    rc = agree_on_cause(j, rc, err);
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

static ib_status work(job *j, ib_error *err)
{
    uint64_t  samples = 0;
    ib_status rc = IB_OK;

    for (size_t s = 0; s < j->info.n_spw; s++)
        samples += (uint64_t)j->info.spw[s].n_row * j->info.spw[s].n_chan;
    if (j->plan.needs_density && j->plan.density_all && (rc = share_density(j, err)))
        return rc;
    if (j->resume.n_done)
        samples = (uint64_t)((double)samples * (double)(j->plan.n_unit - j->resume.n_done) / (double)j->plan.n_unit);
    j->work_began = ib_now();
    if (!j->rank)
        ib_progress_start("imaging", samples, j->cfg->quiet);
    if (j->plan.mode == IB_MFS) {
        const int n_pass = j->plan.geometry.w.n_term ? j->plan.geometry.w.n_pass : 1;
        for (int pass = 0; pass < n_pass && !rc; pass++)
            rc = image_shares(j, pass, err);
    } else {
        ib_notice_begin(&j->notice, j->comm);
        rc = image_channels(j, err);
        ib_notice_end(&j->notice, rc != IB_OK, show, j);
        rc = agree_on_cause(j, rc, err);
        if (!rc)
            rc = gather_outcomes(j, err);
    }
    if (!j->rank)
        ib_progress_end();
    return rc;
}

/* ---- result ---------------------------------------------------------------------------------------------------- */

/* Sums over channels, in channel order, so that they too do not depend on ranks. Rank 0. */
static void sum_outcomes(job *j)
{
    ib_result *r = j->result;
    double     outside = 0;

    for (size_t c = 0; c < j->plan.n_chan; c++)
        for (int p = 0; p < j->plan.n_stokes; p++) {
            const ib_tally *t = &j->outcome[c].tally[p];
            add_counts(&r->counts, &t->counts);
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

static ib_status judge(job *j, ib_error *err)
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
            "the image differs from the direct Fourier sum by %.3g, and %.3g was promised; no file was kept",
            r->measured, r->promised);
    return IB_OK;
}

/* Over ranks: phases, memory, bytes, the worst check. Collective. */
static void reduce_result(job *j)
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
}

/* The check with the worst ratio of measured to promised, anywhere. Collective. */
static void reduce_verdict(job *j)
{
    ib_result *r = j->result;
    ib_verdict v = ib_imager_verdict(j->imager);
    for (size_t c = 0; j->resume.kept && c < j->plan.n_unit; c++)
        if (j->resume.done[c])
            ib_verdict_merge(&v, &j->resume.kept[c].verdict);
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

static int threads(const ib_config *cfg)
{
    return cfg->threads > 0 ? (int)cfg->threads : omp_get_max_threads();
}

ib_status ib_run(const ib_config *cfg, MPI_Comm comm, ib_result *result, ib_error *err)
{
    job         *j = calloc(1, sizeof *j);
    char         fft_plan[80] = "";
    char        *wisdom = NULL;
    const double begin = ib_now();

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
    j->deadline = find_deadline(cfg, begin);
    MPI_Comm_rank(comm, &j->rank);
    MPI_Comm_size(comm, &j->n_rank);
    result->ranks = j->n_rank;
    result->threads = j->n_thread;
    snprintf(result->input, sizeof result->input, "%s", *cfg->input ? cfg->input : IB_DEFAULT_INPUT);
    j->port = (ib_port){j, port_rows, port_read, false, port_write, port_between, port_urgent, port_finished};

    rc = open_input(j, err);
    if (!rc)
        rc = make_plan(j, fft_plan, &wisdom, err);
    if (!rc && cfg->plan) {
        if (!j->rank && cfg->format == IB_FORMAT_TABLE)
            print_plan(j, fft_plan);
        goto done;
    }
    if (rc)
        goto done;

    describe_parameters(j, fft_plan);
    describe_cubes(j);
    j->port.concurrent = ib_source_concurrent(j->source);
    double start = ib_now();
    rc = create_outputs(j, wisdom, fft_plan, err);
    ib_book(&j->timers, IB_PHASE_OPEN, &start);
    if (!rc) {
        rc = ib_imager_create(&j->imager, &j->plan, j->cfg, &j->info, wisdom, &j->cube[IB_DIRTY], j->n_thread,
                              &j->port, err);
        const size_t n = j->plan.mode == IB_MFS ? j->units.n : j->resume.n_todo;
        j->outcome = ib_alloc_zero(n + 1, sizeof *j->outcome, "outcomes", err);
        rc = ib_agree(comm, rc ? rc : j->outcome ? IB_OK : err->status, err);
    }
    ib_book(&j->timers, IB_PHASE_PLAN, &start);
    result->n_resumed = j->resume.n_done;
    if (!rc)
        rc = work(j, err);
    if (!rc) {
        reduce_verdict(j);
        if (!j->rank)
            sum_outcomes(j);
        if (!j->rank)
            rc = judge(j, err);
        rc = ib_agree(comm, rc, err);
    }
    rc = close_outputs(j, rc, err);
done:
    ib_resume_end(&j->resume, true);
    reduce_result(j);
    result->bytes_written = j->written;
    result->wall_s = ib_now() - begin;
    MPI_Bcast(result, (int)sizeof *result, MPI_BYTE, 0, comm);
    ib_imager_destroy(j->imager);
    if (j->described)
        ib_plan_clear(&j->plan, &j->info);
    ib_source_close(j->source);
    if (j->described)
        ib_vis_info_clear(&j->info);
    ib_free(j->extent);
    ib_free(j->outcome);
    ib_free(wisdom);
    free(j);
    return rc;
}
