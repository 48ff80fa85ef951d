/* SPDX-License-Identifier: BSD-3-Clause */
/* UVFITS: random groups (FITS standard 4.0, section 6) with the names of AIPS memo 117.

   A group is a row: its parameters (u, v, w, baseline, date ...) and then a small array of samples. The file is cut by
   rows, images by channels: a request takes whole groups in one read where little of them is not wanted, else the piece
   that is.

   Windows. One per pair of frequency setup (row of table AIPS FQ) and IF; its rows are the groups of that setup that
   belong to selected sources. Their numbers count IFs within setups, as CASA's importuvfits does.

   What several parameters of one name hold adds up, each with its own scale and zero: a date is often split in two. */
#include "base/error.h"
#include "base/mem.h"
#include "io/fits.h"
#include "model/frame.h"
#include "model/source.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    SCRATCH = 1 << 20,   /* bytes read at once */
    GAP = 1 << 14,       /* bytes of a group that are read although not wanted, to save a read */
    PAGE = 1 << 12,      /* bytes */
    KEEP = 32 << 20,     /* bytes of parameters that are kept in memory */
    MAX_PARTS = 4,       /* parameters of one name */
    MAX_PARAMETERS = 99, /* more than any writer has */
    MAX_AXES = 20,
    MAX_NUMBER = 65535, /* of antennas, sources, frequency setups */
    MAX_WINDOWS = 100000
};

/* ---- what lies where ---------------------------------------------------------------------------------------- */

typedef enum role {
    ROLE_U,
    ROLE_V,
    ROLE_W,
    ROLE_BASELINE,
    ROLE_ANTENNA1,
    ROLE_ANTENNA2,
    ROLE_SUBARRAY,
    ROLE_DATE,
    ROLE_SOURCE,
    ROLE_SETUP,
    N_ROLES,
    ROLE_OTHER = N_ROLES
} role;

typedef struct parameter {
    int n; /* parts that add up; 0: the file does not have it */
    struct {
        size_t at; /* bytes from the group's begin */
        double scale, zero;
    } part[MAX_PARTS];
} parameter;

/* The groups of one frequency setup that are selected: runs of them. */
typedef struct row_set {
    size_t    n_row, n_run, room;
    ib_range *run;   /* groups */
    size_t   *first; /* rows before the run */
} row_set;

/* Numbers of a table's antennas (NOSTA) to their places in info->dish. */
typedef struct subarray {
    int      number; /* EXTVER of the table */
    size_t   n;
    int32_t *place; /* [n] by number; -1: there is none */
} subarray;

typedef struct window {
    size_t setup, IF;
} window;

typedef struct source_uvfits {
    char               path[256]; /* for sentences */
    ib_fits            fits;      /* with the first header */
    const ib_vis_info *info;

    size_t    n_group, group_bytes;
    int       bitpix;
    size_t    size; /* bytes of a number */
    parameter parameter[N_ROLES];
    size_t    parameter_bytes;
    double    metres[3]; /* of one unit of u, v, w */

    size_t n_complex, n_corr, n_chan, n_if;
    size_t corr_step, chan_step, if_step; /* bytes */
    double scale, zero;                   /* of samples */
    bool   has_blank;
    double blank;

    size_t    n_setup;
    double   *setup_number; /* [n_setup] */
    row_set  *set;          /* [n_setup] */
    window   *window;       /* [info->n_spw] */
    int32_t  *field_of; /* [MAX_NUMBER + 1] place in info->field of a source's number, -1: none; NULL: one source */
    subarray *subarray;
    size_t    n_subarray;
    bool      mapped; /* antennas of all selected groups are in the tables */
    double    utc;    /* s to take off dates */
    uint8_t  *scratch;
    ib_range  held; /* groups whole in the scratch; n 0: none */
    uint8_t  *kept; /* [n_group][parameter_bytes] parameters; NULL: they are read when they are wanted */
} source_uvfits;

/* ---- reading in place --------------------------------------------------------------------------------------- */

/* Are whole groups read for pieces of so many bytes? */
static bool takes_groups(const source_uvfits *s, size_t bytes)
{
    return s->group_bytes - bytes <= GAP;
}

/* How many groups' pieces of so many bytes fit into the scratch. */
static size_t room_for(const source_uvfits *s, size_t bytes)
{
    return takes_groups(s, bytes) ? (SCRATCH + GAP) / s->group_bytes : SCRATCH / bytes;
}

/* The same piece of consecutive groups in the scratch, *step bytes apart from *piece on. Whole groups stay there: another
   IF may want them next. */
static ib_status fetch(source_uvfits *s, ib_range groups, size_t offset, size_t bytes, const uint8_t **piece,
                       size_t *step, ib_error *err)
{
    const uint64_t at = s->fits.data_at + (uint64_t)groups.first * s->group_bytes;

    if (s->kept && offset + bytes <= s->parameter_bytes) {
        *step = s->parameter_bytes;
        *piece = s->kept + groups.first * s->parameter_bytes + offset;
        return IB_OK;
    }
    if (takes_groups(s, bytes)) {
        const bool   there = groups.first >= s->held.first && groups.first + groups.n <= s->held.first + s->held.n;
        const size_t n = there ? 0 : groups.n * s->group_bytes;
        if (!there)
            s->held = (ib_range){groups.first, 0};
        if (n && ib_fits_read(&s->fits, at, n, s->scratch, err))
            return err->status;
        s->held.n = there ? s->held.n : groups.n;
        *step = s->group_bytes;
        *piece = s->scratch + (groups.first - s->held.first) * s->group_bytes + offset;
        return IB_OK;
    }
    s->held.n = 0;
    *step = bytes;
    *piece = s->scratch;
    for (size_t g = 0; g < groups.n; g++)
        if (ib_fits_read(&s->fits, at + (uint64_t)g * s->group_bytes + offset, bytes, s->scratch + g * bytes, err))
            return err->status;
    return IB_OK;
}

/* FITS is big-endian, we are not (sink_hdf5.c insists). */
static float float_at(const uint8_t *at)
{
    uint32_t bits;
    float    value;

    memcpy(&bits, at, sizeof bits);
    bits = __builtin_bswap32(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double parameter_of(const source_uvfits *s, const uint8_t *group, role which)
{
    const parameter *p = &s->parameter[which];
    double           sum = 0;

    for (int i = 0; i < p->n; i++)
        sum += ib_fits_number(group + p->part[i].at, s->bitpix) * p->part[i].scale + p->part[i].zero;
    return sum;
}

/* A parameter that is a whole number; -1 for what is none. */
static int whole(double value)
{
    return value > -0.5 && value < MAX_NUMBER + 0.5 ? (int)(value + 0.5) : -1;
}

/* Numbers of a group's antennas and of its subarray (from 1); false where they are no numbers. BASELINE is 256 a1 + a2,
   or, where a number is above 255, 2048 a1 + a2 + 65536 (Miriad); the subarray is in its hundredths. */
static bool antennas_of(const source_uvfits *s, const uint8_t *group, int antenna[2], int *sub)
{
    if (s->parameter[ROLE_BASELINE].n) {
        const double baseline = parameter_of(s, group, ROLE_BASELINE), pair = floor(baseline);

        if (!(pair >= 0 && pair < 1e9))
            return false;
        const int64_t n = (int64_t)pair, many = n > 65536;
        antenna[0] = (int)(many ? (n - 65536) / 2048 : n / 256);
        antenna[1] = (int)(many ? (n - 65536) % 2048 : n % 256);
        *sub = 1 + (int)(100 * (baseline - pair) + 0.5);
        return antenna[0] <= MAX_NUMBER;
    }
    antenna[0] = whole(parameter_of(s, group, ROLE_ANTENNA1));
    antenna[1] = whole(parameter_of(s, group, ROLE_ANTENNA2));
    *sub = s->parameter[ROLE_SUBARRAY].n ? whole(parameter_of(s, group, ROLE_SUBARRAY)) : 1;
    return antenna[0] >= 0 && antenna[1] >= 0;
}

/* Place in info->dish; -1 when the tables do not have it. */
static int32_t place_of(const source_uvfits *s, int sub, int number)
{
    const subarray *table = s->subarray;

    for (size_t i = 1; i < s->n_subarray; i++)
        if (s->subarray[i].number == sub)
            table = &s->subarray[i];
    return table && (size_t)number < table->n ? table->place[number] : -1;
}

/* Rows of a set as a range of groups: the longest one that begins with a row, at most n long. */
static ib_range groups_of(const row_set *set, size_t row, size_t n)
{
    size_t low = 0, high = set->n_run;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (set->first[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    const size_t skip = row - set->first[low], left = set->run[low].n - skip;
    return (ib_range){set->run[low].first + skip, left < n ? left : n};
}

/* A Julian date as s, MJD x 86400, UTC. */
static double utc_of(const source_uvfits *s, double date)
{
    return (date - 2400000.5) * 86400 - s->utc;
}

/* What opening made sure of is looked at again: other programs may write to the file. */
static bool take_row(const source_uvfits *s, const uint8_t *group, const ib_rows *into, size_t row)
{
    int antenna[2], sub;

    for (int k = 0; into->uvw && k < 3; k++)
        into->uvw[row][k] = parameter_of(s, group, ROLE_U + (role)k) * s->metres[k];
    for (int k = 0; into->antenna && k < 2; k++) {
        if (!antennas_of(s, group, antenna, &sub))
            return false;
        into->antenna[row][k] = s->mapped ? place_of(s, sub, antenna[k]) : antenna[k];
        if (into->antenna[row][k] < 0)
            return false;
    }
    if (into->time && s->info->has_time)
        into->time[row] = utc_of(s, parameter_of(s, group, ROLE_DATE));
    if (into->field) {
        const int source = s->field_of ? whole(parameter_of(s, group, ROLE_SOURCE)) : 0;
        into->field[row] = source < 0 ? -1 : s->field_of ? s->field_of[source] : 0;
    }
    return !into->field || into->field[row] >= 0;
}

static ib_status uvfits_rows(void *self, size_t spw, ib_range rows, const ib_rows *into, ib_error *err)
{
    source_uvfits *s = self;
    const row_set *set = &s->set[s->window[spw].setup];
    const size_t   most = room_for(s, s->parameter_bytes);
    const uint8_t *group;
    size_t         step;

    for (size_t done = 0; done < rows.n;) {
        const size_t   left = rows.n - done;
        const ib_range groups = groups_of(set, rows.first + done, left < most ? left : most);

        if (fetch(s, groups, 0, s->parameter_bytes, &group, &step, err))
            return ib_within(err, "read %s: ", s->path);
        for (size_t g = 0; g < groups.n; g++)
            if (!take_row(s, group + g * step, into, done + g))
                return ib_fail(err, IB_EDATA, "read %s: group %zu has changed since the file was opened", s->path,
                               groups.first + g);
        done += groups.n;
    }
    return IB_OK;
}

static double sample_at(const source_uvfits *s, const uint8_t *at)
{
    const double stored = ib_fits_number(at, s->bitpix);

    return s->has_blank && stored == s->blank ? (double)NAN : stored * s->scale + s->zero;
}

/* A piece of the samples: channels x groups x correlations in the scratch, and its place in the request. */
typedef struct piece {
    const uint8_t *first; /* the first sample */
    size_t         n_chan, n_group, n_corr;
    size_t         step;             /* bytes from group to group */
    size_t         chan, row, n_row; /* where in the request, and how many rows that has */
    size_t         corr;
} piece;

/* `plain` and `weighted` are constants where it is called. A weight that is not positive means flagged. */
static inline void take_samples(const source_uvfits *s, const piece *p, bool plain, bool weighted,
                                const ib_samples *into)
{
    for (size_t c = 0; c < p->n_chan; c++)
        for (size_t g = 0; g < p->n_group; g++)
            for (size_t k = 0; k < p->n_corr; k++) {
                const uint8_t *at = p->first + g * p->step + c * s->chan_step + k * s->corr_step;
                const size_t   to = ((p->chan + c) * p->n_row + p->row + g) * s->n_corr + p->corr + k;
                float          value[3] = {0, 0, 1};

                for (size_t i = 0; i < (weighted ? 3 : 2); i++)
                    value[i] = plain ? float_at(at + i * sizeof(float)) : (float)sample_at(s, at + i * s->size);
                if (into->vis) {
                    into->vis[to][0] = value[0];
                    into->vis[to][1] = value[1];
                }
                if (into->weight)
                    into->weight[to] = value[2];
                if (into->flag)
                    into->flag[to] = !(value[2] > 0);
            }
}

static void take_piece(const source_uvfits *s, const piece *p, const ib_samples *into)
{
    const bool plain = s->bitpix == -32 && s->scale == 1 && s->zero == 0;

    if (plain && s->n_complex == 3)
        take_samples(s, p, true, true, into);
    else
        take_samples(s, p, false, s->n_complex == 3, into);
}

/* Bytes from the first number of channels x correlations to the last. */
static size_t span_of(const source_uvfits *s, size_t n_chan, size_t n_corr)
{
    return (n_chan - 1) * s->chan_step + (n_corr - 1) * s->corr_step + s->n_complex * s->size;
}

static ib_status uvfits_read(void *self, size_t spw, ib_range chans, ib_range rows, const ib_samples *into,
                             ib_error *err)
{
    source_uvfits *s = self;
    const window  *w = &s->window[spw];
    const row_set *set = &s->set[w->setup];
    const size_t   n_corr = span_of(s, 1, s->n_corr) <= SCRATCH ? s->n_corr : 1; /* at once */
    const size_t   wide = 1 + (SCRATCH - span_of(s, 1, n_corr)) / s->chan_step;  /* channels at once */
    piece          p = {.n_row = rows.n, .n_corr = n_corr};

    for (p.chan = 0; p.chan < chans.n; p.chan += p.n_chan) {
        const size_t left = chans.n - p.chan, first = chans.first + p.chan;

        p.n_chan = ib_chan_run(&s->info->spw[spw], first, left < wide ? left : wide);
        const size_t bytes = span_of(s, p.n_chan, n_corr), most = room_for(s, bytes);
        const size_t begin =
            s->parameter_bytes + w->IF * s->if_step + (size_t)s->info->spw[spw].chan[first] * s->chan_step;

        for (p.corr = 0; p.corr < s->n_corr; p.corr += n_corr)
            for (p.row = 0; p.row < rows.n; p.row += p.n_group) {
                const size_t   rest = rows.n - p.row;
                const ib_range groups = groups_of(set, rows.first + p.row, rest < most ? rest : most);

                if (fetch(s, groups, begin + p.corr * s->corr_step, bytes, &p.first, &p.step, err))
                    return ib_within(err, "read %s: ", s->path);
                p.n_group = groups.n;
                take_piece(s, &p, into);
            }
    }
    return IB_OK;
}

static void uvfits_close(void *self)
{
    source_uvfits *s = self;

    if (!s)
        return;
    for (size_t i = 0; s->set && i < s->n_setup; i++) {
        ib_free(s->set[i].run);
        ib_free(s->set[i].first);
    }
    for (size_t i = 0; i < s->n_subarray; i++)
        ib_free(s->subarray[i].place);
    ib_free(s->subarray);
    ib_free(s->set);
    ib_free(s->setup_number);
    ib_free(s->window);
    ib_free(s->field_of);
    ib_free(s->scratch);
    ib_free(s->kept);
    ib_fits_close(&s->fits);
    ib_free(s);
}

/* ---- opening: keywords and columns -------------------------------------------------------------------------- */

typedef struct axis {
    char   name[IB_FITS_VALUE];
    size_t n, step; /* step in bytes */
    double value, pixel, delta;
} axis;

/* What opening needs and reading does not. */
typedef struct opening {
    source_uvfits   *s;
    const ib_config *cfg;
    ib_vis_info     *info;
    ib_fits          table; /* the one being read */
    axis             axis[MAX_AXES];
    int              n_axis;
    const axis      *stokes, *freq, *IF, *ra, *dec;
    char             header_frame[16];      /* of directions */
    double          *offset, *width, *side; /* [n_setup][n_if] IF FREQ, CH WIDTH, SIDEBAND; NULL: no table AIPS FQ */
    bool             has_sources;
    char (*source_frame)[16]; /* [n_field] */
    double  *source_rest;     /* [n_field] Hz */
    uint8_t *field_on, *spw_on, *chan_on;
    uint8_t *kept; /* as in s, while it is filled */
} opening;

/* Text of a keyword of the first header, cut to size. */
static void describe(const opening *o, const char *key, char *into, size_t size)
{
    char text[IB_FITS_VALUE];

    ib_fits_text(&o->s->fits, key, text);
    const size_t n = strlen(text) < size ? strlen(text) : size - 1;
    memcpy(into, text, n);
    into[n] = '\0';
}

static ib_status need_column(const opening *o, const char *name, size_t per_row, double *into, ib_error *err)
{
    bool found;

    if (ib_fits_column(&o->table, name, per_row, into, &found, err))
        return err->status;
    return found ? IB_OK : ib_fail(err, IB_EDATA, "column %s is missing", name);
}

/* ---- opening: groups ---------------------------------------------------------------------------------------- */

/* Does a name begin with a word and go on, if at all, with a projection or unit: UU, UU--, UU---SIN, UU-L-SIN? */
static bool begins(const char *name, const char *word)
{
    const size_t n = strlen(word);

    return !strncasecmp(name, word, n) && (!name[n] || name[n] == '-' || name[n] == ' ');
}

static role role_of(const char *name)
{
    static const struct {
        const char *name;
        role        role;
    } names[] = {{"BASELINE", ROLE_BASELINE}, {"ANTENNA1", ROLE_ANTENNA1}, {"ANTENNA2", ROLE_ANTENNA2},
                 {"SUBARRAY", ROLE_SUBARRAY}, {"DATE", ROLE_DATE},         {"_DATE", ROLE_DATE},
                 {"SOURCE", ROLE_SOURCE},     {"SOURCE ID", ROLE_SOURCE},  {"SOURCE_ID", ROLE_SOURCE},
                 {"FREQSEL", ROLE_SETUP},     {"FREQ ID", ROLE_SETUP},     {"FREQID", ROLE_SETUP}};
    static const char *const uvw[] = {"UU", "VV", "WW"};

    for (int k = 0; k < 3; k++)
        if (begins(name, uvw[k]))
            return ROLE_U + (role)k;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcasecmp(name, names[i].name))
            return names[i].role;
    return ROLE_OTHER;
}

static ib_status read_parameters(opening *o, size_t n, ib_error *err)
{
    source_uvfits *s = o->s;

    if (n > MAX_PARAMETERS)
        return ib_fail(err, IB_EDATA, "PCOUNT is %zu; groups have at most %d parameters", n, MAX_PARAMETERS);
    for (size_t i = 0; i < n; i++) {
        char   name[IB_FITS_VALUE];
        double scale, zero;

        ib_fits_text_at(&s->fits, "PTYPE", i + 1, name);
        const role which = role_of(name);
        if (which == ROLE_OTHER)
            continue;
        if (ib_fits_real_at(&s->fits, "PSCAL", i + 1, 1, &scale, err) ||
            ib_fits_real_at(&s->fits, "PZERO", i + 1, 0, &zero, err))
            return err->status;

        parameter *p = &s->parameter[which];
        if (p->n == MAX_PARTS)
            return ib_fail(err, IB_EDATA, "more than %d parameters are called %.8s", MAX_PARTS, name);
        if (which <= ROLE_W) {
            /* -L is for wavelengths at the reference frequency, unless the scale turns them into seconds. */
            const bool   lambda = !strncasecmp(name + 2, "-L", 2) && (!name[4] || name[4] == '-');
            const double f = o->freq->value;
            const double metres = lambda && !(fabs(scale * f - 1) < 0.01) ? IB_LIGHT / f : IB_LIGHT;

            if (scale == 0)
                return ib_fail(err, IB_EDATA, "PSCAL%zu is 0, which leaves nothing of %.8s; correct the header",
                               i + 1, name);
            if (p->n && s->metres[which] != metres)
                return ib_fail(err, IB_EDATA, "the parameters called %.2s have different units", name);
            s->metres[which] = metres;
        }
        p->part[p->n].at = i * s->size;
        p->part[p->n].scale = scale;
        p->part[p->n++].zero = zero;
    }
    const bool has_pair = s->parameter[ROLE_ANTENNA1].n && s->parameter[ROLE_ANTENNA2].n;
    if (!s->parameter[ROLE_U].n || !s->parameter[ROLE_V].n)
        return ib_fail(err, IB_EDATA, "none of the %zu parameters of a group is called %s", n,
                       s->parameter[ROLE_U].n ? "VV" : "UU");
    if (!s->parameter[ROLE_BASELINE].n && !has_pair)
        return ib_fail(err, IB_EDATA,
                       "none of the %zu parameters of a group is called BASELINE, nor two of them ANTENNA1 and "
                       "ANTENNA2",
                       n);
    if (has_pair)
        s->parameter[ROLE_BASELINE].n = 0;
    return IB_OK;
}

/* The one axis of a kind; NULL where there is none. */
static const axis *find_axis(const opening *o, const char *name)
{
    for (int i = 1; i < o->n_axis; i++)
        if (begins(o->axis[i].name, name))
            return &o->axis[i];
    return NULL;
}

static ib_status read_axes(opening *o, ib_error *err)
{
    const ib_fits *fits = &o->s->fits;
    size_t         n_axis, room = fits->bytes / o->s->size, step = o->s->size;

    if (ib_fits_count(fits, "NAXIS", 3, &n_axis, err))
        return err->status;
    if (n_axis > MAX_AXES)
        return ib_fail(err, IB_EDATA, "NAXIS is %zu; groups have at most %d axes", n_axis, MAX_AXES);
    o->n_axis = (int)n_axis;
    for (size_t i = 1; i < n_axis; i++) {
        axis *a = &o->axis[i];
        char  name[16];

        snprintf(name, sizeof name, "NAXIS%d", (int)i + 1);
        if (ib_fits_count(fits, name, 1, &a->n, err))
            return err->status;
        if (a->n > room)
            return ib_fail(err, IB_EDATA, "%s is %zu, more than a file of %llu bytes can hold: is it cut short?",
                           name, a->n, (unsigned long long)fits->bytes);
        a->step = step;
        step *= a->n;
        room /= a->n; /* what they multiply to fits into the file */
        ib_fits_text_at(fits, "CTYPE", i + 1, a->name);
        if (ib_fits_real_at(fits, "CRVAL", i + 1, NAN, &a->value, err) ||
            ib_fits_real_at(fits, "CRPIX", i + 1, a->n == 1 ? 1 : NAN, &a->pixel, err) ||
            ib_fits_real_at(fits, "CDELT", i + 1, a->n == 1 ? 0 : NAN, &a->delta, err))
            return err->status;
    }
    o->stokes = find_axis(o, "STOKES");
    o->freq = find_axis(o, "FREQ");
    o->IF = find_axis(o, "IF");
    o->ra = find_axis(o, "RA");
    o->dec = find_axis(o, "DEC");
    return IB_OK;
}

static ib_status need_coordinates(const axis *a, const char *what, ib_error *err)
{
    if (isnan(a->value) || isnan(a->pixel) || isnan(a->delta))
        return ib_fail(err, IB_EDATA, "the axis %s has no %s; correct the header", what,
                       isnan(a->value)   ? "CRVAL"
                       : isnan(a->pixel) ? "CRPIX"
                                         : "CDELT");
    return IB_OK;
}

static ib_status use_axes(opening *o, ib_error *err)
{
    source_uvfits *s = o->s;
    const axis    *complex = &o->axis[1];

    if (!begins(complex->name, "COMPLEX"))
        return ib_fail(err, IB_EUNSUPPORTED, "the first axis of a group is \"%.16s\"; only COMPLEX is served there",
                       complex->name);
    if (complex->n != 2 && complex->n != 3)
        return ib_fail(err, IB_EUNSUPPORTED,
                       "the axis COMPLEX has %zu values; 2 (real, imaginary) or 3 (and weight) are served: write "
                       "uncompressed data",
                       complex->n);
    if (!o->freq)
        return ib_fail(err, IB_EDATA, "no axis is called FREQ; correct the header");
    if (need_coordinates(o->freq, "FREQ", err) || (o->stokes && need_coordinates(o->stokes, "STOKES", err)))
        return err->status;
    for (int i = 2; i < o->n_axis; i++) {
        const axis *a = &o->axis[i];

        if (a->n == 1 || a == o->stokes || a == o->freq || a == o->IF)
            continue;
        if (a->name[0] || o->IF)
            return ib_fail(err, IB_EUNSUPPORTED,
                           "axis %d (\"%.16s\") has %zu values; only COMPLEX, STOKES, FREQ and "
                           "IF may have more than one",
                           i + 1, a->name, a->n);
        o->IF = a; /* a nameless axis of some length can be nothing else */
    }
    s->n_complex = complex->n;
    s->n_corr = o->stokes ? o->stokes->n : 1;
    s->n_chan = o->freq->n;
    s->n_if = o->IF ? o->IF->n : 1;
    s->corr_step = o->stokes ? o->stokes->step : s->n_complex * s->size;
    s->chan_step = o->freq->step;
    s->if_step = o->IF ? o->IF->step : 0;
    if (s->n_corr > IB_MAX_CORR)
        return ib_fail(err, IB_EUNSUPPORTED, "the axis STOKES has %zu values; at most %d are served", s->n_corr,
                       IB_MAX_CORR);
    if (s->n_if > MAX_WINDOWS || s->n_chan > INT32_MAX)
        return ib_fail(err, IB_EUNSUPPORTED, "there are %zu IFs of %zu channels; that is too many", s->n_if,
                       s->n_chan);
    return IB_OK;
}

static ib_status read_groups(opening *o, ib_error *err)
{
    source_uvfits *s = o->s;
    char           text[IB_FITS_VALUE];
    double         bitpix, blank;
    size_t         n_parameter;
    ib_fits_text(&o->s->fits, "GROUPS", text);
    if (strcmp(text, "T") != 0)
        return ib_fail(err, IB_EDATA, "NAXIS1 is 0, but GROUPS is not T: neither UVFITS nor an image");
    if (ib_fits_real(&o->s->fits, "BITPIX", NAN, &bitpix, err))
        return err->status;
    if (bitpix != 8 && bitpix != 16 && bitpix != 32 && bitpix != 64 && bitpix != -32 && bitpix != -64)
        return ib_fail(err, IB_EDATA, "BITPIX is %g; FITS knows 8, 16, 32, 64, -32 and -64", bitpix);
    s->bitpix = (int)bitpix;
    s->size = (size_t)abs(s->bitpix) / 8;
    if (read_axes(o, err) || use_axes(o, err) || ib_fits_count(&s->fits, "PCOUNT", 1, &n_parameter, err) ||
        read_parameters(o, n_parameter, err) || ib_fits_count(&s->fits, "GCOUNT", 0, &s->n_group, err) ||
        ib_fits_real(&o->s->fits, "BSCALE", 1, &s->scale, err) ||
        ib_fits_real(&o->s->fits, "BZERO", 0, &s->zero, err) || ib_fits_real(&o->s->fits, "BLANK", NAN, &blank, err))
        return err->status;
    s->has_blank = s->bitpix > 0 && !isnan(blank);
    s->blank = blank;
    s->parameter_bytes = n_parameter * s->size;
    s->group_bytes = s->parameter_bytes + o->axis[o->n_axis - 1].step * o->axis[o->n_axis - 1].n;
    if (!s->n_group)
        return ib_fail(err, IB_EDATA, "GCOUNT is 0: the file holds no visibilities");

    const uint64_t room = s->fits.bytes - s->fits.data_at;
    if (s->n_group > room / s->group_bytes)
        return ib_fail(err, IB_EDATA,
                       "it is cut short: the header says %zu groups of %zu bytes, the file has %llu of them; copy it "
                       "again",
                       s->n_group, s->group_bytes, (unsigned long long)(room / s->group_bytes));
    return IB_OK;
}

/* ---- opening: tables ---------------------------------------------------------------------------------------- */

/* ICRS, FK5 or FK4, from an equinox ("2000.0", "J2000") and the name of a system, where there is one. */
static ib_status name_frame(const char *system, const char *equinox, char frame[16], ib_error *err)
{
    const char  *digits = equinox + strspn(equinox, "JBjb ");
    const double year = *digits ? strtod(digits, NULL) : 0;
    const bool   is_old = !strncasecmp(system, "FK4", 3), is_new = !strcasecmp(system, "FK5");

    if (!strcasecmp(system, "ICRS"))
        strcpy(frame, "ICRS");
    else if (fabs(year - 1950) < 0.01 || (year <= 0 && is_old))
        strcpy(frame, "FK4");
    else if (fabs(year - 2000) < 0.01 || (year <= 0 && is_new))
        strcpy(frame, "FK5");
    else if (year <= 0 && !*system)
        strcpy(frame, "ICRS"); /* as the FITS standard says of headers without both */
    else
        return ib_fail(
            err, IB_EUNSUPPORTED,
            "directions are in %.20s of equinox %.20s; only those of 1950 and 2000 are served: precess them "
            "first",
            *system ? system : "a system", *equinox ? equinox : "unknown");
    return IB_OK;
}

static ib_status check_direction(const char *what, double ra, double dec, ib_error *err)
{
    if (!isfinite(ra) || !isfinite(dec) || fabs(ra) > 720 || fabs(dec) > 90)
        return ib_fail(err, IB_EDATA, "%s is at %g, %g deg, which is no direction", what, ra, dec);
    return IB_OK;
}

static ib_field field_at(int id, double ra, double dec)
{
    const double turned = fmod(fmod(ra, 360) + 360, 360);

    return (ib_field){.id = id, .ra = turned / 180 * IB_PI, .dec = dec / 180 * IB_PI};
}

static ib_status allocate_fields(opening *o, size_t n, ib_error *err)
{
    o->info->field = ib_alloc_zero(n, sizeof *o->info->field, "fields", err);
    o->source_frame = ib_alloc_zero(n, sizeof *o->source_frame, "fields", err);
    o->source_rest = ib_alloc_zero(n, sizeof *o->source_rest, "fields", err);
    if (!o->info->field || !o->source_frame || !o->source_rest)
        return err->status;
    o->info->n_field = n;
    return IB_OK;
}

/* Table AIPS SU: the sources of a file of several. */
static ib_status read_sources(opening *o, size_t n, ib_error *err)
{
    source_uvfits *s = o->s;
    double        *column = ib_alloc(n, 5 * sizeof *column, "sources", err);
    double        *number = column, *ra = column + n, *dec = ra + n, *epoch = dec + n, *rest = epoch + n;
    bool           found;
    ib_status      rc = column ? allocate_fields(o, n, err) : err->status;

    if (rc)
        goto done;
    s->field_of = ib_alloc(MAX_NUMBER + 1, sizeof *s->field_of, "sources", err);
    rc = s->field_of ? IB_OK : err->status;
    for (size_t i = 0; !rc && i <= MAX_NUMBER; i++)
        s->field_of[i] = -1;
    for (size_t i = 0; !rc && i < n; i++)
        epoch[i] = rest[i] = NAN;
    if (rc || (rc = need_column(o, "ID. NO.", 1, number, err)) || (rc = need_column(o, "RAEPO", 1, ra, err)) ||
        (rc = need_column(o, "DECEPO", 1, dec, err)) ||
        (rc = ib_fits_column(&o->table, "EPOCH", 1, epoch, &found, err)) ||
        (rc = ib_fits_column(&o->table, "RESTFREQ", 1, rest, &found, err)))
        goto done;

    for (size_t i = 0; !rc && i < n; i++) {
        const int id = whole(number[i]);
        char      year[32] = "", what[40];

        if (id < 0 || s->field_of[id] >= 0) {
            rc = ib_fail(err, IB_EDATA, "source number %g is %s", number[i],
                         id < 0 ? "out of range" : "there more than once");
            break;
        }
        s->field_of[id] = (int32_t)i;
        o->info->field[i] = field_at((int)i, ra[i], dec[i]);
        o->source_rest[i] = rest[i];
        rc = ib_fits_cell(&o->table, "SOURCE", i, o->info->field[i].name, IB_NAME, err);
        snprintf(what, sizeof what, "source \"%.16s\"", o->info->field[i].name);
        if (!rc)
            rc = check_direction(what, ra[i], dec[i], err);
        if (epoch[i] > 0)
            snprintf(year, sizeof year, "%.6g", epoch[i]);
        else
            strcpy(o->source_frame[i], o->header_frame);
        if (!rc && *year)
            rc = name_frame(!strcmp(o->header_frame, "ICRS") && fabs(epoch[i] - 2000) < 0.01 ? "ICRS" : "", year,
                            o->source_frame[i], err);
    }
done:
    ib_free(column);
    o->has_sources = !rc;
    return rc;
}

/* Table AIPS FQ: frequencies of the IFs beside that of the axis. */
static ib_status read_setups(opening *o, size_t n, ib_error *err)
{
    source_uvfits *s = o->s;
    const size_t   n_if = s->n_if;
    bool           found;

    if (n > MAX_WINDOWS / n_if)
        return ib_fail(err, IB_EUNSUPPORTED, "there are %zu frequency setups of %zu IFs; that is too many", n, n_if);
    s->setup_number = ib_alloc(n, sizeof *s->setup_number, "frequency setups", err);
    o->offset = ib_alloc_zero(n, n_if * sizeof *o->offset, "frequency setups", err);
    o->width = ib_alloc_zero(n, n_if * sizeof *o->width, "frequency setups", err);
    o->side = ib_alloc_zero(n, n_if * sizeof *o->side, "frequency setups", err);
    if (!s->setup_number || !o->offset || !o->width || !o->side)
        return err->status;
    s->n_setup = n;
    for (size_t i = 0; i < n; i++)
        s->setup_number[i] = (double)i + 1;
    if (ib_fits_column(&o->table, "FRQSEL", 1, s->setup_number, &found, err) ||
        need_column(o, "IF FREQ", n_if, o->offset, err) ||
        ib_fits_column(&o->table, "CH WIDTH", n_if, o->width, &found, err) ||
        ib_fits_column(&o->table, "SIDEBAND", n_if, o->side, &found, err))
        return err->status;
    return IB_OK;
}

/* Where the array is: its centre in the header and the antennas about it (AIPS memo 117, 3.1.1), of the first table that
   tells. About a centre on the Earth's surface they are in axes of their own there, which moves the middle by less than the
   array's size. */
static ib_status read_site(opening *o, size_t n, ib_error *err)
{
    static const char *const names[] = {"ARRAYX", "ARRAYY", "ARRAYZ"};
    double(*position)[3] = ib_alloc_zero(n, sizeof *position, "antennas", err);
    double   centre[3];
    char     hand[IB_FITS_VALUE];
    bool     found;
    ib_error ignored; /* only spectral frames need it: a file without is none the worse */

    if (!position)
        return err->status;
    ib_fits_text(&o->table, "XYZHAND", hand);
    bool known = !ib_fits_column(&o->table, "STABXYZ", 3, *position, &found, &ignored);
    for (int k = 0; k < 3; k++) {
        known = known && !ib_fits_real(&o->table, names[k], 0, &centre[k], &ignored);
        for (size_t i = 0; known && i < n; i++)
            position[i][k] = centre[k] + (k == 1 && !strcasecmp(hand, "LEFT") ? -position[i][k] : position[i][k]);
    }
    if (known)
        ib_frame_middle(n, (const double(*)[3])position, o->info->site);
    ib_free(position);
    return IB_OK;
}

/* Table AIPS AN: the antennas of a subarray, whose number is the table's version. */
static ib_status read_antennas(opening *o, size_t n, ib_error *err)
{
    source_uvfits *s = o->s;
    ib_vis_info   *info = o->info;
    const size_t   before = info->n_antenna;
    double        *column = ib_alloc(n, 2 * sizeof *column, "antennas", err);
    double        *dish = ib_alloc_zero(before + n, sizeof *dish, "antennas", err);
    subarray      *more = ib_alloc_zero(s->n_subarray + 1, sizeof *more, "antennas", err);
    double         version, utc;
    bool           found;
    char           system[IB_FITS_VALUE];
    ib_status      rc = column && dish && more ? IB_OK : err->status;

    if (rc || (rc = ib_fits_real(&o->table, "EXTVER", 1, &version, err)) ||
        (rc = need_column(o, "NOSTA", 1, column, err)))
        goto done;
    for (size_t i = 0; i < n; i++)
        column[n + i] = 0;
    rc = ib_fits_column(&o->table, "DIAMETER", 1, column + n, &found, err);
    if (rc)
        goto done;

    subarray sub = {.number = whole(version)};
    for (size_t i = 0; i < n; i++)
        if (whole(column[i]) >= (int)sub.n)
            sub.n = (size_t)whole(column[i]) + 1;
    sub.place = ib_alloc(sub.n, sizeof *sub.place, "antennas", err);
    if (!sub.place) {
        rc = err->status;
        goto done;
    }
    for (size_t i = 0; i < sub.n; i++)
        sub.place[i] = -1;
    if (before)
        memcpy(dish, info->dish, before * sizeof *dish);
    for (size_t i = 0; i < n; i++) {
        const double diameter = column[n + i];

        if (whole(column[i]) >= 0)
            sub.place[whole(column[i])] = (int32_t)(before + i);
        dish[before + i] = diameter > 0 && isfinite(diameter) ? diameter : 0;
    }
    if (s->n_subarray)
        memcpy(more, s->subarray, s->n_subarray * sizeof *more);
    more[s->n_subarray++] = sub;
    ib_free(s->subarray);
    s->subarray = more;
    ib_free(info->dish);
    info->dish = dish;
    info->n_antenna = before + n;
    more = NULL;
    dish = NULL;

    ib_fits_text(&o->table, "TIMSYS", system);
    if (!*system)
        ib_fits_text(&o->table, "TIMESYS", system);
    if ((!strcasecmp(system, "IAT") || !strcasecmp(system, "TAI")) &&
        !ib_fits_real(&o->table, "DATUTC", 0, &utc, err))
        o->s->utc = utc;
    if (!(fabs(info->site[0]) + fabs(info->site[1]) + fabs(info->site[2]) > 0))
        rc = read_site(o, n, err);
done:
    ib_free(column);
    ib_free(dish);
    ib_free(more);
    return rc;
}

static ib_status read_table(opening *o, const char *name, ib_error *err)
{
    static const struct {
        const char *name;
        ib_status (*read)(opening *o, size_t n_row, ib_error *err);
    } tables[] = {{"AIPS AN", read_antennas}, {"AIPS FQ", read_setups}, {"AIPS SU", read_sources}};
    const size_t n_row = ib_fits_rows(&o->table);

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strcasecmp(name, tables[i].name) != 0 || !n_row)
            continue;
        if ((tables[i].read == read_setups && o->offset) || (tables[i].read == read_sources && o->has_sources))
            return IB_OK; /* the first version counts */
        if (n_row > MAX_NUMBER)
            return ib_fail(err, IB_EDATA, "table %s has %zu rows; at most %d make sense", name, n_row, MAX_NUMBER);
        return tables[i].read(o, n_row, err) ? ib_within(err, "table %s: ", name) : IB_OK;
    }
    return IB_OK;
}

/* Tables follow each other in whole units; something that is no table may come after them. */
static ib_status read_tables(opening *o, ib_error *err)
{
    const source_uvfits *s = o->s;
    const uint64_t       bytes = (uint64_t)s->n_group * s->group_bytes;
    uint64_t             next = s->fits.data_at + (bytes + IB_FITS_UNIT - 1) / IB_FITS_UNIT * IB_FITS_UNIT;
    bool                 found = true;
    char                 name[IB_FITS_VALUE];

    while (found) {
        if (ib_fits_extension(&o->table, &s->fits, next, &next, &found, err))
            return err->status;
        ib_fits_text(&o->table, "EXTNAME", name);
        if (found && read_table(o, name, err))
            return err->status;
    }
    return IB_OK;
}

/* ---- opening: describe -------------------------------------------------------------------------------------- */

/* 4713 BC to MJD. */
static double mjd_of(int year, int month, int day)
{
    const int a = (14 - month) / 12, y = year + 4800 - a, m = month + 12 * a - 3;

    return day + (153 * m + 2) / 5 + 365.0 * y + y / 4 - y / 100 + y / 400 - 32045 - 2400001;
}

static void describe_times(opening *o, double first, double last)
{
    char text[IB_FITS_VALUE];
    int  year, month, day;

    if (first > 2400000.5 && last < 3000000) {
        o->info->time_first = utc_of(o->s, first);
        o->info->time_last = utc_of(o->s, last);
        o->info->has_time = true;
        return;
    }
    ib_fits_text(&o->s->fits, "DATE-OBS", text); /* 2017-09-04, or 04/09/93 */
    if (sscanf(text, "%4d-%2d-%2d", &year, &month, &day) != 3) {
        if (sscanf(text, "%2d/%2d/%2d", &day, &month, &year) != 3)
            return;
        year += 1900;
    }
    if (year > 1858 && year < 3000 && month >= 1 && month <= 12 && day >= 1 && day <= 31)
        o->info->time_first = o->info->time_last = mjd_of(year, month, day) * 86400;
}

/* Frame of the frequencies: by name, or by AIPS' number (Greisen et al. 2006, section 9.2). */
static ib_status describe_spectrum(opening *o, ib_error *err)
{
    static const char *const by_number[] = {"", "LSRK", "BARYCENT", "TOPOCENT"};
    double                   reference, rest;

    describe(o, "SPECSYS", o->info->frame, sizeof o->info->frame);
    if (ib_fits_real(&o->s->fits, "VELREF", 0, &reference, err) ||
        ib_fits_real(&o->s->fits, "RESTFREQ", 0, &rest, err) ||
        (rest == 0 && ib_fits_real(&o->s->fits, "RESTFRQ", 0, &rest, err)))
        return err->status;
    const double number = reference > 256 ? reference - 256 : reference;
    if (!*o->info->frame && number >= 1 && number <= 3)
        strcpy(o->info->frame, by_number[(int)number]);
    o->info->rest_freq = rest > 0 ? rest : 0;
    return IB_OK;
}

static ib_status describe_header(opening *o, ib_error *err)
{
    char system[IB_FITS_VALUE], equinox[IB_FITS_VALUE];

    describe(o, "TELESCOP", o->info->telescope, IB_NAME);
    describe(o, "OBJECT", o->info->object, IB_NAME);
    describe(o, "OBSERVER", o->info->observer, IB_NAME);
    ib_fits_text(&o->s->fits, "RADESYS", system);
    if (!*system)
        ib_fits_text(&o->s->fits, "RADECSYS", system);
    ib_fits_text(&o->s->fits, "EQUINOX", equinox);
    if (!*equinox)
        ib_fits_text(&o->s->fits, "EPOCH", equinox);
    if (name_frame(system, equinox, o->header_frame, err))
        return err->status;
    return describe_spectrum(o, err);
}

/* A file of one source: the axes say where it is. */
static ib_status describe_one_source(opening *o, ib_error *err)
{
    double ra = o->ra ? o->ra->value : NAN, dec = o->dec ? o->dec->value : NAN;

    ib_free(o->info->field); /* of a table of sources that no group refers to */
    ib_free(o->source_frame);
    ib_free(o->source_rest);
    ib_free(o->s->field_of);
    o->info->field = NULL;
    o->source_frame = NULL;
    o->source_rest = NULL;
    o->s->field_of = NULL;
    o->info->n_field = 0;
    if ((isnan(ra) || isnan(dec)) &&
        (ib_fits_real(&o->s->fits, "OBSRA", NAN, &ra, err) || ib_fits_real(&o->s->fits, "OBSDEC", NAN, &dec, err)))
        return err->status;
    if (isnan(ra) || isnan(dec))
        return ib_fail(
            err, IB_EDATA,
            "neither axes RA and DEC nor OBSRA and OBSDEC say where the phase centre is; correct the header");
    if (check_direction("the phase centre", ra, dec, err) || allocate_fields(o, 1, err))
        return err->status;
    o->info->field[0] = field_at(0, ra, dec);
    memcpy(o->info->field[0].name, o->info->object, IB_NAME);
    strcpy(o->source_frame[0], o->header_frame);
    return IB_OK;
}

static ib_status choose(const char *what, const char *option, const char *text, size_t n, const char *const *names,
                        uint8_t **on, ib_error *err)
{
    *on = ib_alloc_zero(n, 1, "selection", err);
    if (!*on)
        return err->status;
    if (ib_select(text, what, n, names, NULL, *on, err))
        return err->status == IB_EUSAGE ? ib_within(err, "--%s: ", option) : err->status;
    return IB_OK;
}

static ib_status choose_fields(opening *o, ib_error *err)
{
    const size_t n = o->info->n_field;
    const char **names = ib_alloc(n, sizeof *names, "fields", err);
    ib_status    rc = names ? IB_OK : err->status;

    for (size_t i = 0; !rc && i < n; i++)
        names[i] = o->info->field[i].name;
    if (!rc)
        rc = choose("field", "field", o->cfg->field, n, names, &o->field_on, err);
    ib_free(names);
    return rc;
}

static void name_window(const source_uvfits *s, size_t id, char name[IB_NAME])
{
    if (s->n_setup > 1)
        snprintf(name, IB_NAME, "FQ%.0f-IF%zu", s->setup_number[id / s->n_if], id % s->n_if + 1);
    else
        snprintf(name, IB_NAME, "IF%zu", id + 1);
}

static ib_status choose_windows(opening *o, ib_error *err)
{
    const size_t n = o->s->n_setup * o->s->n_if;
    char(*text)[IB_NAME] = ib_alloc(n, sizeof *text, "names", err);
    const char **names = ib_alloc(n, sizeof *names, "names", err);
    ib_status    rc = text && names ? IB_OK : err->status;

    for (size_t i = 0; !rc && i < n; i++) {
        name_window(o->s, i, text[i]);
        names[i] = text[i];
    }
    if (!rc)
        rc = choose("spectral window", "spw", o->cfg->spw, n, names, &o->spw_on, err);
    if (!rc)
        rc = choose("channel", "channels", o->cfg->channels, o->s->n_chan, NULL, &o->chan_on, err);
    ib_free(names);
    ib_free(text);
    return rc;
}

/* ---- opening: rows ------------------------------------------------------------------------------------------ */

static ib_status append(row_set *set, size_t group, ib_error *err)
{
    ib_range *const last = set->n_run ? &set->run[set->n_run - 1] : NULL;

    set->n_row++;
    if (last && last->first + last->n == group) {
        last->n++;
        return IB_OK;
    }
    if (set->n_run == set->room) {
        const size_t room = set->room ? 2 * set->room : 16;
        ib_range    *run = ib_alloc(room, sizeof *run, "list of rows", err);
        size_t      *first = run ? ib_alloc(room, sizeof *first, "list of rows", err) : NULL;

        if (!first) {
            ib_free(run);
            return err->status;
        }
        if (set->n_run) {
            memcpy(run, set->run, set->n_run * sizeof *run);
            memcpy(first, set->first, set->n_run * sizeof *first);
        }
        ib_free(set->run);
        ib_free(set->first);
        set->run = run;
        set->first = first;
        set->room = room;
    }
    set->first[set->n_run] = set->n_row - 1;
    set->run[set->n_run++] = (ib_range){group, 1};
    return IB_OK;
}

/* The frequency setup of a group; of one that there is, every group is. */
static ib_status setup_of(const source_uvfits *s, const uint8_t *group, size_t number, size_t *setup, ib_error *err)
{
    *setup = 0;
    if (s->n_setup == 1)
        return IB_OK;
    const double want = s->parameter[ROLE_SETUP].n ? parameter_of(s, group, ROLE_SETUP) : 1;
    for (; *setup < s->n_setup; ++*setup)
        if (s->setup_number[*setup] == want)
            return IB_OK;
    return ib_fail(err, IB_EDATA, "group %zu has frequency setup %g, which table AIPS FQ does not have", number,
                   want);
}

/* A group into the set that it belongs to, if it is selected. */
static ib_status scan_group(opening *o, const uint8_t *group, size_t number, double date[2], ib_error *err)
{
    source_uvfits *s = o->s;
    int            antenna[2], sub;
    size_t         setup;
    int32_t        field = 0;

    if (!antennas_of(s, group, antenna, &sub))
        return ib_fail(err, IB_EDATA, "group %zu: %s is %g, which is no number of antennas", number,
                       s->parameter[ROLE_BASELINE].n ? "BASELINE" : "ANTENNA1 or ANTENNA2",
                       parameter_of(s, group, s->parameter[ROLE_BASELINE].n ? ROLE_BASELINE : ROLE_ANTENNA1));
    if (s->field_of) {
        const int id = whole(parameter_of(s, group, ROLE_SOURCE));
        field = id < 0 ? -1 : s->field_of[id];
        if (field < 0)
            return ib_fail(err, IB_EDATA, "group %zu has source %g, which table AIPS SU does not have", number,
                           parameter_of(s, group, ROLE_SOURCE));
    }
    if (setup_of(s, group, number, &setup, err))
        return err->status;
    if (!o->field_on[field] || !memchr(o->spw_on + setup * s->n_if, 1, s->n_if))
        return IB_OK;

    const double when = s->parameter[ROLE_DATE].n ? parameter_of(s, group, ROLE_DATE) : NAN;
    date[0] = fmin(date[0], when); /* of a number and a NaN these take the number */
    date[1] = fmax(date[1], when);
    o->info->field[field].selected = true;
    s->mapped &= place_of(s, sub, antenna[0]) >= 0 && place_of(s, sub, antenna[1]) >= 0;
    return append(&s->set[setup], number, err);
}

static ib_status scan_groups(opening *o, ib_error *err)
{
    source_uvfits *s = o->s;
    const size_t   most = room_for(s, s->parameter_bytes);
    double         date[2] = {NAN, NAN};
    const uint8_t *group;
    size_t         step, n_row = 0;

    s->set = ib_alloc_zero(s->n_setup, sizeof *s->set, "rows", err);
    if (!s->set)
        return err->status;
    s->mapped = s->n_subarray > 0;
    if (s->n_group <= KEEP / s->parameter_bytes) {
        o->kept = ib_alloc(s->n_group, s->parameter_bytes, "parameters of groups", err);
        if (!o->kept)
            return err->status;
        o->info->held_bytes += (int64_t)(s->n_group * s->parameter_bytes);
    }
    for (size_t first = 0; first < s->n_group; first += most) {
        const ib_range groups = {first, s->n_group - first < most ? s->n_group - first : most};

        if (fetch(s, groups, 0, s->parameter_bytes, &group, &step, err))
            return err->status;
        for (size_t g = 0; g < groups.n; g++) {
            if (scan_group(o, group + g * step, first + g, date, err))
                return err->status;
            if (o->kept)
                memcpy(o->kept + (first + g) * s->parameter_bytes, group + g * step, s->parameter_bytes);
        }
    }
    s->kept = o->kept;
    o->kept = NULL;
    for (size_t i = 0; i < s->n_setup; i++)
        n_row += s->set[i].n_row;
    if (!n_row)
        return ib_fail(err, IB_EUSAGE, "none of %zu groups belongs to --field \"%.40s\" --spw \"%.40s\"", s->n_group,
                       o->cfg->field, o->cfg->spw);
    if (!s->mapped) { /* numbers then stand for themselves, and no dish is known */
        ib_free(o->info->dish);
        o->info->dish = NULL;
        o->info->n_antenna = 0;
    }
    describe_times(o, date[0], date[1]);
    return IB_OK;
}

/* ---- opening: windows --------------------------------------------------------------------------------------- */

static ib_status describe_correlations(const opening *o, ib_spw *spw, ib_error *err)
{
    const axis *a = o->stokes;

    spw->n_corr = o->s->n_corr;
    for (size_t c = 0; c < spw->n_corr; c++) {
        const double code = a ? a->value + ((double)c + 1 - a->pixel) * a->delta : 1;

        for (int corr = IB_I; corr <= IB_YY; corr++)
            if (fabs(ib_corr_fits(corr) - code) < 0.01)
                spw->corr[c] = corr;
        if (!spw->corr[c])
            return ib_fail(
                err, IB_EUNSUPPORTED,
                "value %zu of the axis STOKES is %g; known are 1 to 4 (I, Q, U, V) and -1 to -8 (RR to YX)", c + 1,
                code);
    }
    return IB_OK;
}

/* Channels of an IF: the axis, moved by IF FREQ and with the IF's own channel width, whose frequencies descend where
   that is negative or the sideband is. */
static ib_status describe_channels(const opening *o, const window *w, ib_spw *spw, ib_error *err)
{
    const axis  *a = o->freq;
    const size_t at = w->setup * o->s->n_if + w->IF;
    double       offset = 0, step = a->delta;

    if (o->offset) {
        const bool descends = o->width[at] < 0 || o->side[at] < 0;

        offset = o->offset[at];
        if (isfinite(o->width[at]) && o->width[at] != 0)
            step = descends ? -fabs(o->width[at]) : o->width[at];
    }
    if (!isfinite(offset))
        return ib_fail(err, IB_EDATA, "table AIPS FQ: IF FREQ of IF %zu is no number", w->IF + 1);

    spw->chan = ib_alloc(o->s->n_chan, sizeof *spw->chan, "channels", err);
    spw->freq = ib_alloc(o->s->n_chan, sizeof *spw->freq, "channels", err);
    spw->width = ib_alloc(o->s->n_chan, sizeof *spw->width, "channels", err);
    if (!spw->chan || !spw->freq || !spw->width)
        return err->status;
    for (size_t c = 0; c < o->s->n_chan; c++) {
        if (!o->chan_on[c])
            continue;
        spw->chan[spw->n_chan] = (int)c;
        spw->freq[spw->n_chan] = a->value + offset + ((double)c + 1 - a->pixel) * step;
        spw->width[spw->n_chan++] = step != 0 ? fabs(step) : 1;
    }
    return IB_OK;
}

/* Small groups are read whole; of large ones a system reads pages at least. */
static void describe_tiles(const source_uvfits *s, const window *w, ib_spw *spw)
{
    const bool   whole_groups = s->group_bytes <= GAP + s->chan_step;
    const size_t some = 1 + PAGE / s->chan_step, n = whole_groups || some > s->n_chan ? s->n_chan : some;

    spw->tiling = (ib_tiling){.n_chan = n,
                              .n_row = whole_groups ? room_for(s, s->group_bytes) : 1,
                              .together = whole_groups ? w->setup + 1 : 0,
                              .row_bytes = (double)(whole_groups ? s->group_bytes : n * s->chan_step),
                              .sample_bytes = (double)(s->n_complex * s->size)};
}

static ib_status describe_windows(opening *o, ib_error *err)
{
    source_uvfits *s = o->s;
    ib_vis_info   *info = o->info;
    size_t         n = 0;

    for (size_t i = 0; i < s->n_setup * s->n_if; i++)
        n += o->spw_on[i] && s->set[i / s->n_if].n_row;
    info->spw = ib_alloc_zero(n, sizeof *info->spw, "spectral windows", err);
    s->window = ib_alloc_zero(n, sizeof *s->window, "spectral windows", err);
    if (!info->spw || !s->window)
        return err->status;
    for (size_t i = 0; i < s->n_setup * s->n_if; i++) {
        const window w = {i / s->n_if, i % s->n_if};

        if (!o->spw_on[i] || !s->set[w.setup].n_row)
            continue;
        ib_spw *spw = &info->spw[info->n_spw];
        s->window[info->n_spw++] = w;
        spw->id = (int)i;
        spw->n_row = s->set[w.setup].n_row;
        spw->weight_per_channel = true;
        name_window(s, i, spw->name);
        if (describe_correlations(o, spw, err) || describe_channels(o, &w, spw, err))
            return err->status;
        describe_tiles(s, &w, spw);
    }
    return IB_OK;
}

/* The frame of the selected directions, which must be one; name and rest frequency, where one source is left. */
static ib_status describe_fields(opening *o, ib_error *err)
{
    ib_vis_info *info = o->info;
    size_t       n = 0, last = 0;

    for (size_t i = 0; i < info->n_field; i++) {
        if (!info->field[i].selected)
            continue;
        if (n && strcmp(o->source_frame[i], o->source_frame[last]) != 0)
            return ib_fail(err, IB_EUNSUPPORTED,
                           "sources \"%.16s\" and \"%.16s\" have directions in %s and %s; select those of one system "
                           "with --field",
                           info->field[last].name, info->field[i].name, o->source_frame[last], o->source_frame[i]);
        last = i;
        n++;
    }
    strcpy(info->radesys, o->source_frame[last]);
    if (o->has_sources) {
        memcpy(info->object, info->field[last].name, IB_NAME);
        if (n > 1)
            info->object[0] = '\0';
        if (n == 1 && o->source_rest[last] > 0 && !info->rest_freq)
            info->rest_freq = o->source_rest[last];
    }
    return IB_OK;
}

/* ---- opening: all of it ------------------------------------------------------------------------------------- */

/* Without the table there is one setup, and its IFs are all at the axis' own frequency: one can be. */
static ib_status settle_tables(opening *o, ib_error *err)
{
    source_uvfits *s = o->s;

    if (!o->offset) {
        if (s->n_if > 1)
            return ib_fail(err, IB_EDATA, "there are %zu IFs, but no table AIPS FQ with their frequencies", s->n_if);
        s->n_setup = 1;
        s->setup_number = ib_alloc_zero(1, sizeof *s->setup_number, "frequency setups", err);
        if (!s->setup_number)
            return err->status;
    }
    if (!s->parameter[ROLE_SOURCE].n || !o->has_sources) {
        o->has_sources = false;
        return describe_one_source(o, err);
    }
    if (o->info->n_field == 1) { /* whatever number the groups have */
        ib_free(s->field_of);
        s->field_of = NULL;
    }
    return IB_OK;
}

static void end_opening(opening *o)
{
    ib_free(o->kept);
    ib_fits_end(&o->table);
    ib_free(o->offset);
    ib_free(o->width);
    ib_free(o->side);
    ib_free(o->source_frame);
    ib_free(o->source_rest);
    ib_free(o->field_on);
    ib_free(o->spw_on);
    ib_free(o->chan_on);
}

static ib_status uvfits_open(void **self, const char *path, const ib_config *cfg, ib_vis_info *info, ib_error *err)
{
    opening *o = ib_alloc_zero(1, sizeof *o, "input", err);

    *info = (ib_vis_info){.stokes = IB_PLANES_I, .held_bytes = SCRATCH + GAP};
    if (!o)
        return err->status;
    o->cfg = cfg;
    o->info = info;
    o->s = ib_alloc_zero(1, sizeof *o->s, "input", err);
    if (!o->s) {
        ib_free(o);
        return err->status;
    }
    o->s->info = info;
    snprintf(o->s->path, sizeof o->s->path, "%s", path);

    o->s->scratch = ib_alloc(SCRATCH + GAP, 1, "groups as in the file", err);

    ib_status rc = o->s->scratch ? ib_fits_open(&o->s->fits, path, err) : err->status;
    if (!rc && *cfg->column)
        rc = ib_fail(err, IB_EUSAGE, "--column %s: there are no columns to choose from; leave it out", cfg->column);
    if (!rc)
        rc = read_groups(o, err);
    if (!rc)
        rc = describe_header(o, err);
    if (!rc)
        rc = read_tables(o, err);
    if (!rc)
        rc = settle_tables(o, err);
    if (!rc)
        rc = choose_fields(o, err);
    if (!rc)
        rc = choose_windows(o, err);
    if (!rc)
        rc = scan_groups(o, err);
    if (!rc)
        rc = describe_windows(o, err);
    if (!rc)
        rc = describe_fields(o, err);
    source_uvfits *s = o->s;
    end_opening(o);
    ib_free(o);
    if (rc) {
        uvfits_close(s);
        return rc == IB_EUSAGE ? rc : ib_within(err, "open %.200s: ", path);
    }
    *self = s;
    return IB_OK;
}

/* ---- the format --------------------------------------------------------------------------------------------- */

/* Random groups announce themselves by a first axis of no length. */
static int uvfits_probe(const char *path)
{
    char      begin[IB_FITS_UNIT + 1] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    const ssize_t n = read(fd, begin, IB_FITS_UNIT);
    close(fd);
    if (n < 9 || strncmp(begin, "SIMPLE  =", 9) != 0)
        return 0;
    for (const char *card = begin; card + IB_FITS_CARD <= begin + n; card += IB_FITS_CARD)
        if (!strncmp(card, "NAXIS1  =", 9)) {
            const char *value = card + 9 + strspn(card + 9, " ");
            return value[0] == '0' && (value[1] == ' ' || value[1] == '/') ? 80 : 0;
        }
    return 0;
}

const ib_source_ops ib_source_uvfits = {
    .name = "uvfits",
    .help = "UVFITS: random groups with the tables of AIPS",
    .probe = uvfits_probe,
    .open = uvfits_open,
    .rows = uvfits_rows,
    .read = uvfits_read,
    .close = uvfits_close,
};
