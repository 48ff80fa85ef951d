/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/aproj.h"
#include "base/error.h"
#include "base/mem.h"
#include "model/vis.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#define LOOKUP   5e-5 /* error that oversampling is chosen for */
#define ENOUGH   6e-4 /* error, of the peak, that the fewer terms may leave */
#define IN_BEAM  0.2  /* what is promised holds where the beam is above this */
#define WIDENING 0.74 /* change of E, of the peak, per relative change of frequency, at most */

enum {
    RADII = 24, /* at which errors are looked for */
    LEAST_TERMS = 6,
    MOST_TERMS = 8, /* as leaf loops have them */
    ITERATIONS = 12
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

/* Rings of an Airy pattern fall as fast as the lookup's error grows: a few times its width beyond the first one it is at
   its largest. Radii are taken densely enough to see every ring. */
double ib_aproj_lookup(const ib_primary *primary, const ib_aproj_field *field, int oversampling)
{
    const double freq = lowest(field);
    const double size = fmin(field->cell[0] * (double)field->grid[0], field->cell[1] * (double)field->grid[1]);
    double       worst = 0;

    for (int pair = 0; pair < primary->n_pair; pair++) {
        const double step = 0.1 * IB_LIGHT / (freq * ib_primary_reach(primary, pair));
        for (double theta = step; theta < size / 2 && theta < 200 * step; theta += step) {
            const double x = theta / size / oversampling;
            worst = fmax(worst, 1.47 * x * x * fabs(ib_primary_beam(primary, pair, theta, freq)));
        }
    }
    return worst;
}

int ib_aproj_oversampling(const ib_primary *primary, const ib_aproj_field *field)
{
    const int n = (int)ceil(sqrt(ib_aproj_lookup(primary, field, 1) / LOOKUP)); /* it falls with the square */

    return n < 8 ? 8 : n + n % 2;
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

/* ---- beams as sums of products ------------------------------------------------------------------------------------ */

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

/* E(l, m) = sum over terms of u(l) v(m), over a quarter of the padded field. */
typedef struct product {
    samples u, v;    /* along l, along m */
    int     terms;   /* as many as are executed, LEAST or MOST */
    double  largest; /* error, of the peak */
    double *at_u;    /* [terms][u.n] */
    double *at_v;    /* [terms][v.n] */
    double *beam;    /* [v.n][u.n] E */
    size_t  room;    /* doubles */
} product;

/* The samples that any pair needs at any frequency. */
static product lay_out_product(const ib_primary *primary, const ib_aproj_field *f)
{
    product p = {.terms = MOST_TERMS};

    for (int pair = 0; pair < primary->n_pair; pair++) {
        const samples u = choose_samples(primary, pair, f, 0, highest(f)),
                      v = choose_samples(primary, pair, f, 1, highest(f));
        p.u.n = u.n > p.u.n ? u.n : p.u.n;
        p.v.n = v.n > p.v.n ? v.n : p.v.n;
    }
    p.room = MOST_TERMS * (p.u.n + p.v.n) + p.u.n * p.v.n;
    return p;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* v = E u for all terms; and u = E^T v. */
static void along_m(const product *p)
{
    for (int r = 0; r < p->terms; r++)
        for (size_t j = 0; j < p->v.n; j++)
            p->at_v[(size_t)r * p->v.n + j] = dot(p->beam + j * p->u.n, p->at_u + (size_t)r * p->u.n, p->u.n);
}

static void along_l(const product *p)
{
    memset(p->at_u, 0, (size_t)p->terms * p->u.n * sizeof *p->at_u);
    for (int r = 0; r < p->terms; r++)
        for (size_t j = 0; j < p->v.n; j++)
            for (size_t i = 0; i < p->u.n; i++)
                p->at_u[(size_t)r * p->u.n + i] += p->at_v[(size_t)r * p->v.n + j] * p->beam[j * p->u.n + i];
}

/* Gram and Schmidt, twice: once leaves rounding behind where terms are nearly parallel. What vanishes stays zero. */
static void orthonormalise(double *x, int terms, size_t n)
{
    for (int r = 0; r < terms; r++) {
        double *const a = x + (size_t)r * n;
        const double  before = sqrt(dot(a, a, n));
        for (int pass = 0; pass < 2; pass++)
            for (int k = 0; k < r; k++) {
                const double part = dot(a, x + (size_t)k * n, n);
                for (size_t i = 0; i < n; i++)
                    a[i] -= part * x[(size_t)k * n + i];
            }
        const double after = sqrt(dot(a, a, n));
        for (size_t i = 0; i < n; i++)
            a[i] = after > 1e-13 * before ? a[i] / after : 0;
    }
}

static double largest_error(const product *p)
{
    double worst = 0;

    for (size_t j = 0; j < p->v.n; j++)
        for (size_t i = 0; i < p->u.n; i++) {
            double e = p->beam[j * p->u.n + i];
            for (int r = 0; r < p->terms; r++)
                e -= p->at_v[(size_t)r * p->v.n + j] * p->at_u[(size_t)r * p->u.n + i];
            worst = fmax(worst, fabs(e));
        }
    return worst;
}

/* The best sum of so many products: the leading singular vectors, by subspace iteration from cosines. */
static void factorise(product *p, int terms)
{
    p->terms = terms;
    for (int r = 0; r < terms; r++)
        for (size_t i = 0; i < p->u.n; i++)
            p->at_u[(size_t)r * p->u.n + i] = cos(IB_PI * r * (double)i / (double)p->u.n);
    for (int k = 0; k < ITERATIONS; k++) {
        orthonormalise(p->at_u, terms, p->u.n);
        along_m(p);
        orthonormalise(p->at_v, terms, p->v.n);
        along_l(p);
    }
    p->largest = largest_error(p); /* v is orthonormal, u = E^T v */
}

/* @param work  [room] */
static void factorise_beam(product *p, const ib_primary *primary, int pair, const ib_aproj_field *f, double freq,
                           double *work)
{
    p->u = choose_samples(primary, pair, f, 0, freq);
    p->v = choose_samples(primary, pair, f, 1, freq);
    p->at_u = work;
    p->at_v = p->at_u + MOST_TERMS * p->u.n;
    p->beam = p->at_v + MOST_TERMS * p->v.n;
    for (size_t j = 0; j < p->v.n; j++)
        for (size_t i = 0; i < p->u.n; i++)
            p->beam[j * p->u.n + i] = ib_primary_beam(
                primary, pair, hypot((double)i * p->u.step * f->cell[0], (double)j * p->v.step * f->cell[1]), freq);
    factorise(p, LEAST_TERMS);
    if (p->largest > ENOUGH)
        factorise(p, MOST_TERMS);
}

/* What linear interpolation between `oversampling` samples per cell makes of a wave, x pixels from the centre over the padded
   size; 0: there is none. */
static double interpolated(double x, int oversampling)
{
    const double z = oversampling ? IB_PI * x / oversampling : 0, sinc = fabs(z) < 1e-8 ? 1 : sin(z) / z;

    return sinc * sinc;
}

/* Divide terms by what the lookup of a table will multiply them with. */
static void correct(double *x, int terms, const samples *a, double size, int oversampling)
{
    for (int r = 0; r < terms; r++)
        for (size_t i = 0; i < a->n; i++)
            x[(size_t)r * a->n + i] /= interpolated((double)i * a->step / size, oversampling);
}

/* Transform of a term: the sum over the padded field at s cells. The field is even, its edge counts half. */
static double transform(const double *x, const samples *a, double size, double s)
{
    double sum = 0;

    for (size_t i = 0; i < a->n; i++)
        sum += (i && i + 1 < a->n ? 2 : 1) * x[i] * cos(2 * IB_PI * fmod(s * (double)i * a->step / size, 1));
    return sum * a->step / size;
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static ib_mosaic_table lay_out(const ib_aproj_field *f)
{
    return (ib_mosaic_table){.row = IB_MOSAIC_LEAD + round_up((size_t)f->support + 1, IB_MOSAIC_LEAD),
                             .terms = MOST_TERMS,
                             .support = f->support,
                             .oversampling = f->oversampling};
}

/* Reals along one axis of one group. */
static size_t axis_reals(const ib_primary *primary, const ib_mosaic_table *t)
{
    return (size_t)primary->n_pair * (size_t)(t->oversampling + 1) * (size_t)t->terms * t->row;
}

int64_t ib_aproj_bytes(const ib_primary *primary, const ib_aproj_field *field)
{
    const ib_aproj_field  f = complete(primary, field);
    const ib_mosaic_table t = lay_out(&f);

    return (int64_t)(sizeof(ib_aproj) +
                     ib_aproj_groups(&f) * (sizeof(double) + 2 * axis_reals(primary, &t) * real_size(f.precision)) +
                     lay_out_product(primary, &f).room * sizeof(double));
}

/* Taps of one axis, of all terms: those of position 0 stand at -support/2 .. cells, one offset on 1/oversampling further.
   Terms follow each other, or taps do. */
static void fill(const ib_mosaic_table *t, int terms, const double *x, const samples *a, double size, int precision,
                 bool by_term, void *out)
{
    const size_t tap_step = by_term ? 1 : (size_t)t->terms, term_step = by_term ? t->row : 1;

    for (int r = 0; r < terms; r++)
        for (int k = 0; k <= t->support * t->oversampling; k++) {
            const double s = (double)k / t->oversampling - 0.5 * t->support;
            const double value = transform(x + (size_t)r * a->n, a, size, s);
            for (int offset = k % t->oversampling; offset <= t->oversampling; offset += t->oversampling) {
                const int    i = (k - offset) / t->oversampling;
                const size_t at = (size_t)offset * (size_t)t->terms * t->row + (size_t)r * term_step +
                                  (size_t)(IB_MOSAIC_LEAD + i) * tap_step;
                if (i < 0 || i >= t->support)
                    continue;
                if (precision == IB_DOUBLE)
                    ((double *)out)[at] = value;
                else
                    ((float *)out)[at] = (float)value;
            }
        }
}

ib_status ib_aproj_create(ib_aproj **out, const ib_primary *primary, const ib_aproj_field *field, ib_error *err)
{
    const ib_aproj_field f = complete(primary, field);
    const size_t         real = real_size(f.precision);
    product              p = lay_out_product(primary, &f);
    ib_aproj            *a = ib_alloc_zero(1, sizeof *a, "mosaic kernels", err);
    double              *work = NULL;

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
    a->axis_bytes = axis_reals(primary, &a->table) * real;
    if (!(a->freq = ib_alloc(a->n_group, sizeof *a->freq, "mosaic kernels", err)) ||
        !(a->taps = ib_alloc_zero(2 * a->n_group, a->axis_bytes, "mosaic kernels", err)) ||
        !(work = ib_alloc(p.room, sizeof *work, "mosaic kernels", err))) {
        ib_aproj_destroy(a);
        return err->status;
    }
    double    low, high = 0;
    const int terms = a->table.terms;
    int       used = LEAST_TERMS;
    for (size_t g = 0; next_group(&f, high, &low, &high); g++) {
        a->freq[g] = (low + high) / 2;
        for (int pair = 0; pair < primary->n_pair; pair++) {
            const size_t at = (size_t)pair * (size_t)(f.oversampling + 1) * (size_t)terms * a->table.row * real;
            factorise_beam(&p, primary, pair, &f, a->freq[g], work);
            correct(p.at_u, p.terms, &p.u, (double)f.grid[0], f.oversampling);
            correct(p.at_v, p.terms, &p.v, (double)f.grid[1], f.oversampling);
            fill(&a->table, p.terms, p.at_u, &p.u, (double)f.grid[0], f.precision, true,
                 (char *)a->taps + 2 * g * a->axis_bytes + at);
            fill(&a->table, p.terms, p.at_v, &p.v, (double)f.grid[1], f.precision, false,
                 (char *)a->taps + (2 * g + 1) * a->axis_bytes + at);
            used = p.terms > used ? p.terms : used;
        }
    }
    (void)used;
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
    table.u = (char *)aproj->taps + 2 * nearest * aproj->axis_bytes;
    table.v = (char *)table.u + aproj->axis_bytes;
    return table;
}

/* ---- what may be promised ---------------------------------------------------------------------------------------- */

/* What taps of a term at distances s, s + 1, ... make of it, at x of the padded field. */
static double complex made_of(const double *taps, double s, int n, double x)
{
    double complex sum = 0;

    for (int i = 0; i < n; i++)
        sum += taps[i] * cexp(2 * IB_PI * I * ((s + i) * x));
    return sum;
}

/* The largest difference within the beam, for a sample on a cell and one in between, along the axis and the diagonal.
   @param work  [room] and 2 x terms x support more */
static double cut(const ib_primary *primary, int pair, const ib_aproj_field *f, product *p, double *work)
{
    const int     n = f->support;
    const double  freq = highest(f), step = 1.5 * IB_LIGHT / (freq * ib_primary_reach(primary, pair)) / RADII;
    double *const u = work + p->room, *const v = u + MOST_TERMS * n;
    double largest = 0;

    factorise_beam(p, primary, pair, f, freq, work);
    for (int between = 0; between < 2; between++) {
        const double first = 0.5 * between - n / 2;
        for (int r = 0; r < p->terms; r++)
            for (int i = 0; i < n; i++) {
                u[r * n + i] = transform(p->at_u + (size_t)r * p->u.n, &p->u, (double)f->grid[0], first + i);
                v[r * n + i] = transform(p->at_v + (size_t)r * p->v.n, &p->v, (double)f->grid[1], first + i);
            }
        for (int k = 0; k < 2 * RADII; k++) {
            const double   theta = k / 2 * step, l = k % 2 ? theta / sqrt(2) : theta, m = k % 2 ? l : 0;
            const double   e = ib_primary_beam(primary, pair, theta, freq);
            double complex made = 0;
            for (int r = 0; r < p->terms; r++)
                made += made_of(u + r * n, first, n, l / (f->cell[0] * (double)f->grid[0])) *
                        made_of(v + r * n, first, n, m / (f->cell[1] * (double)f->grid[1]));
            if (e > IN_BEAM)
                largest = fmax(largest, cabs(made - e));
        }
    }
    return fmax(largest, p->largest);
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
    product              p = lay_out_product(primary, &f);
    double *const work = ib_alloc(p.room + 2 * MOST_TERMS * (size_t)f.support, sizeof *work, "mosaic kernels", err);
    double        worst = 0;

    if (!work)
        return err->status;
    for (int pair = 0; pair < primary->n_pair; pair++)
        worst = fmax(worst, cut(primary, pair, &f, &p, work) + folded(primary, pair, &f));
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
