/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of a launch: their names, what is in them beside planes, how they come about and become whole. */
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "run.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

/* Name of the outputs without suffix: as asked for, or after the input. */
static bool base_name(const ib_run_job *j, char *base, size_t size, const char **suffix)
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
static bool is_input(const ib_run_job *j, const char *path)
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

ib_status ib_run_name_outputs(ib_run_job *j, ib_error *err)
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
            ib_output *o = &j->output[j->n_output++];
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
ib_status ib_run_claim_outputs(ib_run_job *j, ib_error *err)
{
    const char *path[IB_MAX_SINKS];
    bool        ours = !*j->cfg->output && (!*j->cfg->input || !strncmp(j->cfg->input, "sim:", 4));

    for (int i = 0; i < j->n_output; i++) {
        path[i] = j->output[i].layout.path;
        ours = ours && (access(path[i], F_OK) || is_cube(path[i]));
    }
    return ib_resume_claim(&j->resume, j->cfg, j->plan.mode, path, (size_t)j->n_output, j->cfg->overwrite || ours,
                           err);
}

static void add_note(ib_run_job *j, const char *name, const char *text)
{
    if (j->n_note == IB_MAX_NOTES)
        return;
    snprintf(j->note_text[j->n_note], IB_NOTE, "%s", text);
    j->note[j->n_note] = (ib_note){name, j->note_text[j->n_note]};
    j->n_note++;
}

/* The parameters that pixels depend on; not those of where and how the job ran, which must not change a byte. */
static void describe_parameters(ib_run_job *j, const char *fft_plan)
{
    const ib_geometry *g = &j->plan.geometry;
    char               text[256];

    add_note(j, "input", j->result->input);
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if (strcmp(o->group, "run") && strcmp(o->group, "output") && strcmp(o->group, "convert") &&
            ib_option_render(j->cfg, i, text, sizeof text))
            add_note(j, o->key, text);
    }
    snprintf(text, sizeof text, "%zu %zu", g->grid_nx, g->grid_ny);
    add_note(j, "grid", text);
    add_note(j, "isa-used", j->result->isa);
    add_note(j, "column-used", j->info.column);
    add_note(j, "fft-plan", strcspn(fft_plan, " ") ? fft_plan + strcspn(fft_plan, " ") : fft_plan);
}

static void describe_cubes(ib_run_job *j)
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
static size_t identify(ib_run_job *j, ib_note note[IB_MAX_NOTES + 2], char digest[40])
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
static ib_status lay_out_outputs(ib_run_job *j, const char *wisdom, const char *fft_plan, ib_error *err)
{
    ib_note    note[IB_MAX_NOTES + 2];
    char       digest[40];
    ib_layout *layout[IB_MAX_SINKS];
    ib_status  rc = IB_OK;
    ib_ledger  ledger = {
         .note = note, .wisdom = wisdom, .fft_plan = fft_plan, .n_unit = j->plan.n_unit, .payload = sizeof(ib_kept)};

    ledger.n_note = identify(j, note, digest);
    if (j->resume.resumed)
        rc = ib_resume_compare(&j->resume, note, ledger.n_note, err);
    for (int i = 0; i < j->n_output && !rc; i++) {
        ib_output *o = &j->output[i];
        char       path[sizeof o->layout.path];
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
    const ib_run_job *j = self;
    ib_status         rc = IB_OK;

    for (int i = 0; i < j->n_output && !rc; i++)
        rc = j->output[i].ops->sync(j->output[i].sink, err);
    return rc;
}

/* Is every plane of a channel on the disk what was computed? */
static bool is_intact(void *self, size_t chan, const void *record)
{
    const ib_run_job *j = self;
    const ib_kept    *was = record;
    const size_t      bytes = j->plan.geometry.nx * j->plan.geometry.ny * sizeof *j->plane;
    ib_error          ignored;

    for (int i = 0; i < j->n_output; i++)
        for (int p = 0; p < j->plan.n_stokes; p++) {
            const ib_output *o = &j->output[i];
            uint64_t         hash[2];
            if (o->ops->read(o->sink, chan, (size_t)p, j->plane, &ignored))
                return false;
            ib_digest_plane(j->plane, bytes, hash);
            if (memcmp(hash, was->hash[o->product][p], sizeof hash))
                return false;
        }
    return true;
}

static ib_status deal_channels(ib_run_job *j, ib_error *err)
{
    j->channels = (ib_units){"channels", j->plan.n_unit, sizeof(ib_kept), is_intact, j};
    j->plane = ib_alloc(j->plan.geometry.nx * j->plan.geometry.ny, sizeof *j->plane, "image plane", err);
    ib_status rc = ib_agree(j->comm, j->plane ? IB_OK : err->status, err);
    if (!rc)
        rc = ib_resume_deal(&j->resume, j->comm, &j->channels, j->units, err);
    ib_free(j->plane);
    j->plane = NULL;
    return rc;
}

ib_status ib_run_create_outputs(ib_run_job *j, const char *wisdom, const char *fft_plan, ib_error *err)
{
    describe_parameters(j, fft_plan);
    describe_cubes(j);
    ib_status rc = j->rank ? IB_OK : lay_out_outputs(j, wisdom, fft_plan, err);

    if ((rc = ib_agree(j->comm, rc, err)))
        return rc;
    for (int i = 0; i < j->n_output; i++)
        MPI_Bcast(&j->output[i].layout, (int)sizeof j->output[i].layout, MPI_BYTE, 0, j->comm);
    rc = ib_writer_create(&j->writer, j->plan.n_write, (size_t)j->plan.write_bytes, sizeof(ib_kept), err);
    for (int i = 0; i < j->n_output && !rc; i++) {
        ib_output *o = &j->output[i];
        rc = o->ops->attach(&o->sink, &o->layout, &j->cube[o->product], j->writer, err);
    }
    if ((rc = ib_agree(j->comm, rc, err)) || j->plan.mode == IB_MFS)
        return rc;
    rc = deal_channels(j, err);
    return rc ? rc : ib_resume_open(&j->resume, j->comm, sync_outputs, j, err);
}

/* Hashes of the planes of the channel that this thread is finishing. */
static _Thread_local uint64_t plane_hash[IB_N_PRODUCTS][IB_MAX_STOKES][2];

ib_status ib_run_write(void *self, ib_product product, const ib_plane *plane, ib_error *err)
{
    ib_run_job *j = self;
    ib_status   rc = IB_OK;

    memcpy(plane_hash[product][plane->stokes], plane->stats.hash, sizeof plane->stats.hash);
    for (int i = 0; i < j->n_output && !rc; i++)
        if (j->output[i].product == product)
            rc = j->output[i].ops->write(j->output[i].sink, plane, err);
    return rc;
}

ib_status ib_run_finished(void *self, size_t unit, const ib_outcome *outcome, const ib_verdict *verdict,
                          ib_error *err)
{
    ib_run_job *j = self;
    ib_kept     kept;

    if (!j->resume.journal)
        return IB_OK;
    memset(&kept, 0, sizeof kept);
    kept.outcome = *outcome;
    kept.verdict = *verdict;
    memcpy(kept.hash, plane_hash, sizeof kept.hash);
    return ib_writer_finished(j->writer, j->resume.journal, unit, &kept, err);
}

/* After a failure: is what is finished worth more than the room it takes? What is wrong with the image or with the input
   will not be right next time. */
static bool keeps(ib_status rc, size_t finished)
{
    return finished && (rc == IB_EINTERRUPTED || rc == IB_EIO || rc == IB_ENOMEM);
}

/* Headers completed, then all names at once. Rank 0. */
static ib_status publish_outputs(ib_run_job *j, const double *beam, ib_error *err)
{
    ib_status rc = j->resume.begun ? ib_resume_audit(&j->resume, &j->channels, err) : IB_OK;

    for (int i = 0; i < j->n_output && !rc; i++)
        rc = j->output[i].ops->complete(&j->output[i].layout, &j->cube[j->output[i].product], beam, err);
    if (!rc && j->resume.begun)
        rc = ib_journal_mark_complete(j->resume.folder, err);
    for (int i = 0; i < j->n_output && !rc; i++) {
        ib_output *o = &j->output[i];
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
ib_status ib_run_close_outputs(ib_run_job *j, ib_status rc, ib_error *err)
{
    double             start = ib_now();
    size_t             finished = 0;
    unsigned long long told;

    if (j->writer) { /* what is on its way is finished, whatever has happened */
        ib_error        mine;
        const ib_status late = ib_writer_drain(j->writer, &mine);
        if (late && !rc) {
            *err = mine;
            rc = late;
        }
    }
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
    int begun = j->resume.begun && ib_journal_exists(j->resume.folder); /* somebody may have removed it */
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
