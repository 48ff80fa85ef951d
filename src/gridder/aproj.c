/* SPDX-License-Identifier: BSD-3-Clause */
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

enum { RADII = 24 }; /* at which errors are looked for */

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

    return n < 4 ? 4 : n + n % 2;
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

/* ---- values of kernels ------------------------------------------------------------------------------------------- */

/* Along one axis: pixels of the padded field that are summed, from the centre to the edge. Every `step`-th will do: the
   transform of a beam ends at its reach, and that of its samples repeats only beyond four times that. CASA's expression
   has no such end. */
typedef struct samples {
    size_t n;    /* 0 .. n - 1, times step x cell */
    double step; /* pixels */
} samples;

static samples choose_samples(const ib_primary *primary, int pair, const ib_aproj_field *f, int axis, double freq)
{
    const size_t half = f->grid[axis] / 2;
    const double most = IB_LIGHT / (4 * freq * ib_primary_reach(primary, pair)) / f->cell[axis];
    size_t       step = ib_primary_smooth(primary) ? half : 1;

    while (step > 1 && (half % step || (double)step > most))
        step--;
    return (samples){half / step + 1, (double)step};
}

/* What linear interpolation between `oversampling` samples per cell makes of a wave, x pixels from the centre over the padded
   size; 0: there is none. */
static double interpolated(double x, int oversampling)
{
    const double z = oversampling ? IB_PI * x / oversampling : 0, sinc = fabs(z) < 1e-8 ? 1 : sin(z) / z;

    return sinc * sinc;
}

/* cos(2 pi s x) for all samples and all s, times their share in the sum: the field is even, its edge counts half. */
static void cosines(const samples *a, double size, int oversampling, const double *s, size_t n, double *out)
{
    for (size_t i = 0; i < a->n; i++) {
        const double share =
            (i && i + 1 < a->n ? 2 : 1) * a->step / size / interpolated((double)i * a->step / size, oversampling);
        for (size_t k = 0; k < n; k++)
            out[i * n + k] = share * cos(2 * IB_PI * fmod(s[k] * (double)i * a->step / size, 1));
    }
}

/* Room that values() needs, doubles: of at most so many samples along both axes. */
static size_t work_room(const ib_aproj_field *f, size_t n)
{
    return (f->grid[0] / 2 + 1) * (n + 1) + (f->grid[1] / 2 + 1) * 2 * n;
}

/* A(s_v, s_u) = sum of E cos cos over a quarter of the padded field: out [n][n] for cells s[n] along either axis.
   @param oversampling  of the table they are for; 0: none */
static void values(const ib_primary *primary, int pair, const ib_aproj_field *f, double freq, int oversampling,
                   const double *s, size_t n, double *work, double *out)
{
    const samples u = choose_samples(primary, pair, f, 0, freq), v = choose_samples(primary, pair, f, 1, freq);
    double *const beam = work, *const along_u = beam + u.n, *const along_v = along_u + u.n * n;
    double *const half = along_v + v.n * n;

    cosines(&u, (double)f->grid[0], oversampling, s, n, along_u);
    cosines(&v, (double)f->grid[1], oversampling, s, n, along_v);
    memset(half, 0, v.n * n * sizeof *half);
    memset(out, 0, n * n * sizeof *out);
    for (size_t j = 0; j < v.n; j++) {
        const double m = (double)j * v.step * f->cell[1];
        for (size_t i = 0; i < u.n; i++)
            beam[i] = ib_primary_beam(primary, pair, hypot((double)i * u.step * f->cell[0], m), freq);
        for (size_t i = 0; i < u.n; i++)
            for (size_t k = 0; k < n; k++)
                half[j * n + k] += beam[i] * along_u[i * n + k];
        for (size_t q = 0; q < n; q++)
            for (size_t k = 0; k < n; k++)
                out[q * n + k] += along_v[j * n + q] * half[j * n + k];
    }
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static ib_mosaic_table lay_out(const ib_aproj_field *f)
{
    ib_mosaic_table t = {.support = f->support, .oversampling = f->oversampling};

    t.row = IB_MOSAIC_LEAD + round_up((size_t)f->support + 1, IB_MOSAIC_LEAD);
    t.offset_u = ((size_t)f->support + IB_MOSAIC_GAP) * t.row;
    t.offset_v = ((size_t)f->oversampling + 1) * t.offset_u;
    t.pair = ((size_t)f->oversampling + 1) * t.offset_v;
    return t;
}

/* Distances, cells, at which a kernel is evaluated: -support/2 .. 0 in steps of 1/oversampling, the other half is even. */
static size_t n_distance(const ib_aproj_field *f)
{
    return (size_t)(f->support * f->oversampling) / 2 + 1;
}

/* Reals of all pairs of a group: behind the rows of zeros before the first tap, which all tables share. */
static size_t group_reals(const ib_primary *primary, const ib_mosaic_table *t)
{
    return round_up((size_t)primary->n_pair * t->pair + IB_MOSAIC_GAP * t->row, 16);
}

int64_t ib_aproj_bytes(const ib_primary *primary, const ib_aproj_field *field)
{
    const ib_aproj_field  f = complete(primary, field);
    const ib_mosaic_table t = lay_out(&f);
    const size_t          groups = ib_aproj_groups(&f), n = n_distance(&f);

    return (int64_t)(sizeof(ib_aproj) +
                     groups * (sizeof(double) + group_reals(primary, &t) * real_size(f.precision)) +
                     (n + n * n + work_room(&f, n)) * sizeof(double));
}

/* The table of a pair from its values at the distances; position k counts from the first tap at the first offset. */
static void fill(const ib_mosaic_table *t, const double *a, int precision, void *out)
{
    const size_t last = (size_t)(t->support * t->oversampling), n = last / 2 + 1, offsets = (size_t)t->oversampling;

    for (size_t rv = 0; rv <= offsets; rv++)
        for (size_t ru = 0; ru <= offsets; ru++)
            for (size_t j = 0; j < (size_t)t->support; j++)
                for (size_t i = 0; i < (size_t)t->support; i++) {
                    const size_t kv = j * offsets + rv, ku = i * offsets + ru;
                    const double x = a[(kv < n ? kv : last - kv) * n + (ku < n ? ku : last - ku)];
                    const size_t at = rv * t->offset_v + ru * t->offset_u + j * t->row + IB_MOSAIC_LEAD + i;
                    if (precision == IB_DOUBLE)
                        ((double *)out)[at] = x;
                    else
                        ((float *)out)[at] = (float)x;
                }
}

/* Of a group: the first tap's row. */
static void *taps_of(const ib_aproj *a, size_t group)
{
    return (char *)a->taps + group * a->group_bytes + IB_MOSAIC_GAP * a->table.row * real_size(a->precision);
}

ib_status ib_aproj_create(ib_aproj **out, const ib_primary *primary, const ib_aproj_field *field, ib_error *err)
{
    const ib_aproj_field f = complete(primary, field);
    const size_t         real = real_size(f.precision), n = n_distance(&f);
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
    a->group_bytes = group_reals(primary, &a->table) * real;
    if (!(a->freq = ib_alloc(a->n_group, sizeof *a->freq, "mosaic kernels", err)) ||
        !(a->taps = ib_alloc_zero(a->n_group, a->group_bytes, "mosaic kernels", err)) ||
        !(work = ib_alloc(n + n * n + work_room(&f, n), sizeof *work, "mosaic kernels", err))) {
        ib_aproj_destroy(a);
        return err->status;
    }
    double *const s = work, *const value = s + n, *const rest = value + n * n;
    for (size_t k = 0; k < n; k++)
        s[k] = -0.5 * f.support + (double)k / f.oversampling;
    double low, high = 0;
    for (size_t g = 0; next_group(&f, high, &low, &high); g++) {
        a->freq[g] = (low + high) / 2;
        for (int pair = 0; pair < primary->n_pair; pair++) {
            values(primary, pair, &f, a->freq[g], f.oversampling, s, n, rest, value);
            fill(&a->table, value, f.precision, (char *)taps_of(a, g) + (size_t)pair * a->table.pair * real);
        }
    }
    a->table.taps = taps_of(a, 0);
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
    table.taps = taps_of(aproj, nearest);
    return table;
}

/* ---- what may be promised ---------------------------------------------------------------------------------------- */

/* The beam that `n` x `n` taps at distances s make of it, at (x, y) of the padded field. */
static double complex made_of(const double *a, const double *s, size_t n, double x, double y)
{
    double complex sum = 0;

    for (size_t j = 0; j < n; j++) {
        double complex row = 0;
        for (size_t i = 0; i < n; i++)
            row += a[j * n + i] * cexp(2 * IB_PI * I * (s[i] * x));
        sum += row * cexp(2 * IB_PI * I * (s[j] * y));
    }
    return sum;
}

/* The largest difference within the beam, for a sample on a cell and one in between, along an axis and the diagonal. */
static double cut(const ib_primary *primary, int pair, const ib_aproj_field *f, double *work)
{
    const size_t  n = (size_t)f->support;
    double *const s = work, *const a = s + n;
    double       largest = 0;
    const double freq = highest(f), step = 1.5 * IB_LIGHT / (freq * ib_primary_reach(primary, pair)) / RADII;

    for (int between = 0; between < 2; between++) {
        for (size_t i = 0; i < n; i++)
            s[i] = (double)i - (double)(n / 2) + 0.5 * between;
        values(primary, pair, f, freq, 0, s, n, a + n * n, a);
        for (int k = 0; k < 2 * RADII; k++) {
            const double theta = k / 2 * step, l = k % 2 ? theta / sqrt(2) : theta, m = k % 2 ? l : 0;
            const double e = ib_primary_beam(primary, pair, theta, freq);
            if (e > IN_BEAM)
                largest = fmax(largest, cabs(made_of(a, s, n, l / (f->cell[0] * (double)f->grid[0]),
                                                     m / (f->cell[1] * (double)f->grid[1])) -
                                             e));
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
    const size_t         n = (size_t)f.support;
    double *const        work = ib_alloc(n + n * n + work_room(&f, n), sizeof *work, "mosaic kernels", err);
    double               worst = 0;

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
