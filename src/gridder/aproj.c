/* SPDX-License-Identifier: BSD-3-Clause */
#define _XOPEN_SOURCE 700 /* jn */
#include "gridder/aproj.h"
#include "base/error.h"
#include "base/mem.h"
#include "model/vis.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#define LOOKUP   1e-4 /* error that oversampling is chosen for */
#define IN_BEAM  0.2  /* what is promised holds where the beam is above this */
#define WIDENING 0.74 /* change of E, of the peak, per relative change of frequency, at most */

enum {
    RADII = 24, /* at which errors are looked for */
    ORDERS = 3, /* of the expansion along one axis: 0, 1, 2 */
    PLACES = 6, /* along one axis of a square, at which its error is looked for */
    TERMS = IB_MOSAIC_TERMS
};

static size_t real_size(int precision)
{
    return precision == IB_DOUBLE ? sizeof(double) : sizeof(float);
}

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* ---- frequencies --------------------------------------------------------------------------------------------- */

/* The next group above a frequency: its lowest and its highest channel. false: there is none. */
static bool next_group(const ib_aproj_field *f, double above, double *low, double *high)
{
    *low = INFINITY;
    for (size_t c = 0; c < f->n_chan; c++)
        if (f->freq[c] > above && f->freq[c] < *low)
            *low = f->freq[c];
    *high = *low;
    for (size_t c = 0; c < f->n_chan; c++)
        if (f->freq[c] > *high && f->freq[c] <= *low * (1 + f->tolerance))
            *high = f->freq[c];
    return *low < INFINITY;
}

size_t ib_aproj_groups(const ib_aproj_field *field)
{
    size_t n = 0;

    for (double low, high = 0; next_group(field, high, &low, &high);)
        n++;
    return n;
}

static double lowest(const ib_aproj_field *f)
{
    double low = INFINITY;

    for (size_t c = 0; c < f->n_chan; c++)
        low = fmin(low, f->freq[c]);
    return low;
}

static double highest(const ib_aproj_field *f)
{
    double high = 0;

    for (size_t c = 0; c < f->n_chan; c++)
        high = fmax(high, f->freq[c]);
    return high;
}

/* ---- what is needed ---------------------------------------------------------------------------------------------- */

int ib_aproj_support(const ib_primary *primary, const ib_aproj_field *field)
{
    double reach = 0, cells = 0;

    for (int pair = 0; pair < primary->n_pair; pair++)
        reach = fmax(reach, ib_primary_reach(primary, pair));
    for (int axis = 0; axis < 2; axis++)
        cells = fmax(cells, reach * highest(field) / IB_LIGHT * field->cell[axis] * (double)field->grid[axis]);
    return 2 * ((int)ceil(fmin(cells, 1e8)) + 1) + 1;
}

/* What is expanded, exp(i z x), as far as order n: the factor of T_n(x). */
static double complex wave(double z, int n)
{
    static const double complex unit[ORDERS] = {1, 2 * I, -2};
    return unit[n] * jn(n, z);
}

/* What the expansion leaves of exp(i (zx x + zy y)), rms over a square. */
static double missing(double zx, double zy)
{
    double complex along_x[ORDERS], along_y[ORDERS];
    double         sum = 0;

    for (int n = 0; n < ORDERS; n++) {
        along_x[n] = wave(zx, n);
        along_y[n] = wave(zy, n);
    }
    for (int i = 0; i < PLACES * PLACES; i++) {
        const double x = (2 * (i % PLACES) + 1) / (double)PLACES - 1, y = (2 * (i / PLACES) + 1) / (double)PLACES - 1;
        const double tx[ORDERS] = {1, x, 2 * x * x - 1}, ty[ORDERS] = {1, y, 2 * y * y - 1};
        double complex left = cexp(I * (zx * x + zy * y));
        for (int a = 0; a < ORDERS; a++)
            for (int b = 0; a + b < ORDERS; b++)
                left -= along_x[a] * tx[a] * along_y[b] * ty[b];
        sum += creal(left * conj(left));
    }
    return sqrt(sum / (PLACES * PLACES));
}

/* Along the axis on which the field is the smallest, and the diagonal. Radii are taken densely enough to see every ring. */
double ib_aproj_lookup(const ib_primary *primary, const ib_aproj_field *field, int oversampling)
{
    const double freq = lowest(field);
    const double size = fmin(field->cell[0] * (double)field->grid[0], field->cell[1] * (double)field->grid[1]);
    double       worst = 0;

    for (int pair = 0; pair < primary->n_pair; pair++) {
        const double step = 0.1 * IB_LIGHT / (freq * ib_primary_reach(primary, pair));
        for (double theta = step; theta < size / 2 && theta < 200 * step; theta += step) {
            const double z = IB_PI * theta / size / oversampling;
            worst = fmax(worst, fmax(missing(z, 0), missing(z / sqrt(2), z / sqrt(2))) *
                                    fabs(ib_primary_beam(primary, pair, theta, freq)));
        }
    }
    return worst;
}

int ib_aproj_oversampling(const ib_primary *primary, const ib_aproj_field *field)
{
    int n = 1;

    while (n < IB_APROJ_MOST && ib_aproj_lookup(primary, field, n) > LOOKUP)
        n++;
    return n;
}

/* The field with what was left open put in. */
static ib_aproj_field complete(const ib_primary *primary, const ib_aproj_field *field)
{
    ib_aproj_field f = *field;

    if (!f.support)
        f.support = ib_aproj_support(primary, field);
    if (!f.oversampling)
        f.oversampling = ib_aproj_oversampling(primary, field);
    return f;
}

/* ---- beams and their transforms ----------------------------------------------------------------------------------- */

/* Along one axis: pixels of the padded field that are summed, from the centre to the edge. Every `step`-th will do: the
   transform of a beam ends at its reach, and that of its samples repeats only beyond four times that, and beyond a larger
   support. CASA's expression has no such end. */
typedef struct samples {
    size_t n;    /* 0 .. n - 1, times step x cell */
    double step; /* pixels */
} samples;

static samples choose_samples(const ib_primary *primary, int pair, const ib_aproj_field *f, int axis, double freq)
{
    const size_t half = f->grid[axis] / 2;
    const double reach = freq * ib_primary_reach(primary, pair) / IB_LIGHT; /* wavelengths */
    const double taps = (0.5 * f->support + 1) / (f->cell[axis] * (double)f->grid[axis]);
    const double most = 1 / (fmax(4 * reach, reach + taps) * f->cell[axis]);
    size_t       step = ib_primary_smooth(primary) ? half : 1;

    while (step > 1 && (half % step || (double)step > most))
        step--;
    return (samples){half / step + 1, (double)step};
}

/* A beam, and room for what its transforms need. */
typedef struct sky {
    samples u, v;         /* along l, along m */
    size_t  places;       /* at which it is wanted, along either axis */
    double *beam;         /* [v.n][u.n] E over a quarter of the padded field */
    double *along_u;      /* [places][u.n] waves */
    double *along_v;      /* [places][v.n] */
    double *half[ORDERS]; /* [v.n][places] transformed along u */
    double *all[TERMS];   /* [places][places] along v, along u */
} sky;

/* Doubles of it. With work, its parts are put there. */
static size_t lay_out_sky(sky *s, double *work)
{
    const size_t square = s->places * s->places;
    size_t       n = 0;

    s->beam = work;
    n += s->u.n * s->v.n;
    s->along_u = work ? work + n : NULL;
    n += s->places * s->u.n;
    s->along_v = work ? work + n : NULL;
    n += s->places * s->v.n;
    for (int a = 0; a < ORDERS; a++, n += s->v.n * s->places)
        s->half[a] = work ? work + n : NULL;
    for (int i = 0; i < TERMS; i++, n += square)
        s->all[i] = work ? work + n : NULL;
    return n;
}

/* What any pair needs at any frequency, of so many places. */
static size_t sky_room(const ib_primary *primary, const ib_aproj_field *f, size_t places)
{
    sky s = {.places = places};

    for (int pair = 0; pair < primary->n_pair; pair++) {
        const samples u = choose_samples(primary, pair, f, 0, highest(f)),
                      v = choose_samples(primary, pair, f, 1, highest(f));
        s.u.n = u.n > s.u.n ? u.n : s.u.n;
        s.v.n = v.n > s.v.n ? v.n : s.v.n;
    }
    return lay_out_sky(&s, NULL);
}

/* Places of a table: the middles of all squares of all taps, along one axis. */
static size_t places_of(const ib_aproj_field *f)
{
    return (size_t)f->support * (size_t)f->oversampling;
}

/* @param work  [sky_room] */
static void look(sky *s, const ib_primary *primary, int pair, const ib_aproj_field *f, double freq, double *work)
{
    s->u = choose_samples(primary, pair, f, 0, freq);
    s->v = choose_samples(primary, pair, f, 1, freq);
    lay_out_sky(s, work);
    for (size_t j = 0; j < s->v.n; j++)
        for (size_t i = 0; i < s->u.n; i++)
            s->beam[j * s->u.n + i] = ib_primary_beam(
                primary, pair, hypot((double)i * s->u.step * f->cell[0], (double)j * s->v.step * f->cell[1]), freq);
}

/* The waves of one order about places first, first + step, ... cells; oversampling 0: not expanded. The field is even, so that waves
   and their mirror images are real together, and its edge counts half. */
static void make_waves(double *out, const samples *a, double size, size_t places, double first, double step,
                       int order, int oversampling)
{
    for (size_t i = 0; i < a->n; i++) {
        const double         x = (double)i * a->step / size, z = oversampling ? IB_PI * x / oversampling : 0;
        const double complex factor = (i && i + 1 < a->n ? 2 : 1) * a->step / size * wave(z, order);
        for (size_t k = 0; k < places; k++)
            out[k * a->n + i] = creal(factor * cexp(2 * IB_PI * I * fmod((first + (double)k * step) * x, 1)));
    }
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Products of matrices: one term after the other, order a along u and b along v. @param n_order  of the expansion: ORDERS,
   or 1 for the beam at the places themselves */
static void transform(sky *s, const ib_aproj_field *f, double first, double step, int n_order, int oversampling)
{
    const double size[2] = {(double)f->grid[0], (double)f->grid[1]};
    int          term = 0;

    for (int a = 0; a < n_order; a++) {
        make_waves(s->along_u, &s->u, size[0], s->places, first, step, a, oversampling);
        for (size_t j = 0; j < s->v.n; j++)
            for (size_t k = 0; k < s->places; k++)
                s->half[a][j * s->places + k] = dot(s->beam + j * s->u.n, s->along_u + k * s->u.n, s->u.n);
    }
    for (int b = 0; b < n_order; b++) {
        make_waves(s->along_v, &s->v, size[1], s->places, first, step, b, oversampling);
        for (int a = 0; a + b < n_order; a++, term++) {
            double *const all = s->all[term];
            memset(all, 0, s->places * s->places * sizeof *all);
            for (size_t q = 0; q < s->places; q++)
                for (size_t j = 0; j < s->v.n; j++)
                    for (size_t k = 0; k < s->places; k++)
                        all[q * s->places + k] += s->along_v[q * s->v.n + j] * s->half[a][j * s->places + k];
        }
    }
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static ib_mosaic_table lay_out(const ib_aproj_field *f)
{
    return (ib_mosaic_table){.columns = round_up((size_t)f->support + 1, 16),
                             .rows = (size_t)f->support + IB_MOSAIC_SLACK,
                             .support = f->support,
                             .oversampling = f->oversampling};
}

/* Reals of one group: zeros in front, whose first row blocks may reach over, and all squares. */
static size_t before(const ib_mosaic_table *t)
{
    return (IB_MOSAIC_SLACK + 1) * TERMS * t->columns;
}

static size_t group_reals(const ib_primary *primary, const ib_mosaic_table *t)
{
    return before(t) + (size_t)(primary->n_pair * t->oversampling * t->oversampling) * t->rows * TERMS * t->columns;
}

int64_t ib_aproj_bytes(const ib_primary *primary, const ib_aproj_field *field)
{
    const ib_aproj_field  f = complete(primary, field);
    const ib_mosaic_table t = lay_out(&f);

    return (int64_t)(sizeof(ib_aproj) +
                     ib_aproj_groups(&f) * (sizeof(double) + group_reals(primary, &t) * real_size(f.precision)) +
                     sky_room(primary, &f, places_of(&f)) * sizeof(double));
}

/* The squares of one pair from its transforms; place i O + k of the axis is square k of tap i. Powers instead of Chebyshev
   polynomials: T2(x) = 2 x^2 - 1. */
static void fill(const ib_mosaic_table *t, const sky *s, int precision, void *out)
{
    const size_t o = (size_t)t->oversampling;

    for (size_t q = 0; q < s->places; q++)
        for (size_t k = 0; k < s->places; k++) {
            const size_t at = q * s->places + k;
            const double x = s->all[1][at], xx = s->all[2][at], y = s->all[3][at], yy = s->all[5][at];
            const double term[TERMS] = {s->all[0][at] - xx - yy, x, y, 2 * xx, s->all[4][at], 2 * yy};
            const size_t to = ((q % o * o + k % o) * t->rows + q / o) * TERMS * t->columns + k / o;
            for (int i = 0; i < TERMS; i++)
                if (precision == IB_DOUBLE)
                    ((double *)out)[to + (size_t)i * t->columns] = term[i];
                else
                    ((float *)out)[to + (size_t)i * t->columns] = (float)term[i];
        }
}

ib_status ib_aproj_create(ib_aproj **out, const ib_primary *primary, const ib_aproj_field *field, ib_error *err)
{
    const ib_aproj_field f = complete(primary, field);
    const size_t         real = real_size(f.precision);
    ib_aproj            *a = ib_alloc_zero(1, sizeof *a, "mosaic kernels", err);
    double              *work = NULL;
    sky                  s = {.places = places_of(&f)};

    if (!a)
        return err->status;
    if (f.support < 3) {
        ib_aproj_destroy(a);
        return ib_fail(err, IB_EUSAGE, "--support %d: a mosaic kernel has 3 taps or more", f.support);
    }
    a->support = f.support;
    a->oversampling = f.oversampling;
    a->precision = f.precision;
    a->half = 0.5 * f.support;
    a->centre = f.support % 2 ? (f.support - 1) / 2 : f.support / 2;
    a->first = f.support % 2 ? -0.5 * f.oversampling : 0;
    a->n_group = ib_aproj_groups(&f);
    a->table = lay_out(&f);
    a->bytes = group_reals(primary, &a->table) * real;
    if (!(a->freq = ib_alloc(a->n_group, sizeof *a->freq, "mosaic kernels", err)) ||
        !(a->taps = ib_alloc_zero(a->n_group, a->bytes, "mosaic kernels", err)) ||
        !(work = ib_alloc(sky_room(primary, &f, s.places), sizeof *work, "mosaic kernels", err))) {
        ib_aproj_destroy(a);
        return err->status;
    }
    const size_t of_pair = (size_t)(f.oversampling * f.oversampling) * a->table.rows * TERMS * a->table.columns;
    double       low, high = 0;
    for (size_t g = 0; next_group(&f, high, &low, &high); g++) {
        a->freq[g] = (low + high) / 2;
        for (int pair = 0; pair < primary->n_pair; pair++) {
            look(&s, primary, pair, &f, a->freq[g], work);
            transform(&s, &f, 0.5 / f.oversampling - 0.5 * f.support, 1.0 / f.oversampling, ORDERS, f.oversampling);
            fill(&a->table, &s, f.precision,
                 (char *)a->taps + g * a->bytes + (before(&a->table) + (size_t)pair * of_pair) * real);
        }
    }
    ib_free(work);
    *out = a;
    return IB_OK;
}

void ib_aproj_destroy(ib_aproj *aproj)
{
    if (!aproj)
        return;
    ib_free(aproj->freq);
    ib_free(aproj->taps);
    ib_free(aproj);
}

ib_mosaic_table ib_aproj_table(const ib_aproj *aproj, double freq)
{
    ib_mosaic_table table = aproj->table;
    size_t          nearest = 0;

    for (size_t g = 1; g < aproj->n_group; g++)
        if (fabs(aproj->freq[g] - freq) < fabs(aproj->freq[nearest] - freq))
            nearest = g;
    table.taps = (char *)aproj->taps + nearest * aproj->bytes + before(&table) * real_size(aproj->precision);
    return table;
}

/* ---- what may be promised ---------------------------------------------------------------------------------------- */

/* The largest difference within the beam, for a sample on a cell and one in between, along the axis and the diagonal.
   @param work  [sky_room of support places] */
static double cut(const ib_primary *primary, int pair, const ib_aproj_field *f, double *work)
{
    const int    n = f->support;
    const double freq = highest(f), step = 1.5 * IB_LIGHT / (freq * ib_primary_reach(primary, pair)) / RADII;
    sky          s = {.places = (size_t)n};
    double       largest = 0;

    look(&s, primary, pair, f, freq, work);
    for (int between = 0; between < 2; between++) {
        const double first = 0.5 * between - n / 2;
        transform(&s, f, first, 1, 1, 0);
        for (int k = 0; k < 2 * RADII; k++) {
            const double   theta = k / 2 * step, l = k % 2 ? theta / sqrt(2) : theta, m = k % 2 ? l : 0;
            const double   x = l / (f->cell[0] * (double)f->grid[0]), y = m / (f->cell[1] * (double)f->grid[1]);
            const double   e = ib_primary_beam(primary, pair, theta, freq);
            double complex made = 0;
            for (int j = 0; j < n; j++) {
                double complex row = 0;
                for (int i = 0; i < n; i++)
                    row += s.all[0][j * n + i] * cexp(2 * IB_PI * I * ((first + i) * x));
                made += row * cexp(2 * IB_PI * I * ((first + j) * y));
            }
            if (e > IN_BEAM)
                largest = fmax(largest, cabs(made - e));
        }
    }
    return largest;
}

/* The beam on the far side of the padded field, which stands for what lies beyond this one. */
static double folded(const ib_primary *primary, int pair, const ib_aproj_field *f)
{
    double worst = 0;

    for (int axis = 0; axis < 2; axis++) {
        const double size = f->cell[axis] * (double)f->grid[axis], beyond = fmax(0, f->span[axis] - size / 2);
        for (int k = 1; k <= 4 * RADII && beyond > 0; k++) {
            const double far = size / 2 + beyond * k / (4 * RADII), freq = lowest(f);
            worst = fmax(worst, fabs(ib_primary_beam(primary, pair, size - far, freq) -
                                     ib_primary_beam(primary, pair, far, freq)));
        }
    }
    return worst;
}

/* Largest width of a frequency group, relative. */
static double widest(const ib_aproj_field *f)
{
    double width = 0;

    for (double low, high = 0; next_group(f, high, &low, &high);)
        width = fmax(width, (high - low) / low);
    return width;
}

ib_status ib_aproj_promise(double *out, const ib_primary *primary, const ib_aproj_field *field, ib_error *err)
{
    const ib_aproj_field f = complete(primary, field);
    double *const work = ib_alloc(sky_room(primary, &f, (size_t)f.support), sizeof *work, "mosaic kernels", err);
    double        worst = 0;

    if (!work)
        return err->status;
    for (int pair = 0; pair < primary->n_pair; pair++)
        worst = fmax(worst, cut(primary, pair, &f, work) + folded(primary, pair, &f));
    ib_free(work);
    *out = worst + 3 * ib_aproj_lookup(primary, &f, f.oversampling) + WIDENING / 2 * widest(&f);
    return IB_OK;
}

void ib_aproj_phase(double turns, int64_t first, size_t n, int precision, void *re, void *im)
{
    for (size_t k = 0; k < n; k++) {
        const double phase = 2 * IB_PI * fmod(turns * (double)(first + (int64_t)k), 1);
        if (precision == IB_DOUBLE) {
            ((double *)re)[k] = cos(phase);
            ((double *)im)[k] = sin(phase);
        } else {
            ((float *)re)[k] = (float)cos(phase);
            ((float *)im)[k] = (float)sin(phase);
        }
    }
}
