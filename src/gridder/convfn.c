/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/convfn.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>

#define PI 3.14159265358979323846

enum { PSWF_SUPPORT = 7, PSWF_WIDTH = 6, NONE = -1 /* a kernel */ };

static double sinc(double z)
{
    return fabs(z) < 1e-8 ? 1.0 : sin(PI * z) / (PI * z);
}

/* I0 by its power series: all terms are positive, and below 100 suffice for z <= 60. */
static double bessel_i0(double z)
{
    const double quarter = 0.25 * z * z;
    double       sum = 1.0, term = 1.0;

    for (int k = 1; term > 1e-17 * sum; k++) {
        term *= quarter / ((double)k * k);
        sum += term;
    }
    return sum;
}

/* Spheroidal function of order 1 and m = 6 cells: the two rational approximations of Schwab (1984, in Indirect
   Imaging, ed. Roberts, p. 333), good to 4e-7. */
static double schwab_psi(double eta)
{
    static const double p[2][5] = {{8.203343e-2, -3.644705e-1, 6.278660e-1, -5.335581e-1, 2.312756e-1},
                                   {4.028559e-3, -3.697768e-2, 1.021332e-1, -1.201436e-1, 6.412774e-2}};
    static const double q[2][3] = {{1.0, 8.212018e-1, 2.078043e-1}, {1.0, 9.599102e-1, 2.918724e-1}};
    const int           part = eta >= 0.75;
    const double        end = part ? 1.0 : 0.75, d = eta * eta - end * end;
    const double       *P = p[part], *Q = q[part];

    return (P[0] + d * (P[1] + d * (P[2] + d * (P[3] + d * P[4])))) / (Q[0] + d * (Q[1] + d * Q[2]));
}

double ib_convfn_value(const ib_convfn *fn, double s)
{
    const double eta = fabs(2.0 * s / fn->width);

    if (!(eta <= 1.0))
        return 0.0;
    if (fn->kernel == IB_KERNEL_PSWF)
        return (1.0 - eta * eta) * schwab_psi(eta);
    return bessel_i0(fn->beta * sqrt(1.0 - eta * eta)) * fn->scale;
}

/* Transform of C alone. Kaiser-Bessel has a closed form. The spheroidal is integrated over s = width/2 cos(theta),
   which converges fast because C vanishes at its ends; 256 nodes on half the range resolve |x| < 45. */
static double transform(const ib_convfn *fn, double x)
{
    enum { NODES = 256 };

    if (fn->kernel == IB_KERNEL_KB) {
        const double a = PI * fn->width * x, square = fn->beta * fn->beta - a * a, z = sqrt(fabs(square));

        if (z < 1e-6)
            return fn->width * fn->scale;
        return fn->width * fn->scale * (square > 0.0 ? sinh(z) : sin(z)) / z;
    }
    double sum = 0.0;
    for (int i = 0; i < NODES; i++) {
        const double theta = (i + 0.5) * (0.5 * PI / NODES), s = 0.5 * fn->width * cos(theta);

        sum += ib_convfn_value(fn, s) * sin(theta) * cos(2.0 * PI * x * s);
    }
    return sum * fn->width * (0.5 * PI / NODES);
}

/* Interpolating a table is convolving its samples with a box (nearest) or a triangle (linear). */
double ib_convfn_transform(const ib_convfn *fn, double x)
{
    const double box = sinc(x / fn->oversampling);

    if (fn->kernel == NONE)
        return 1;
    return transform(fn, x) * (fn->lookup == IB_NEAREST ? box : box * box);
}

double ib_convfn_alias(const ib_convfn *fn, double x)
{
    enum {
        ALIASES = 32
    }; /* what lies beyond adds less than 2% to the slow tail that a jump at the edge of C leaves */
    double sum = 0.0;

    for (int k = 1; k <= ALIASES; k++) {
        const double left = transform(fn, x - k), right = transform(fn, x + k);

        sum += left * left + right * right;
    }
    return sqrt(sum) / fabs(transform(fn, x));
}

/* Copies of the image at multiples of the oversampling, left over by the lookup: sum over j != 0 of
   (sinc(z + j) / sinc(z))^n with z = x / oversampling, n = 2 (nearest) or 4 (linear). */
static double lookup_square(const ib_convfn *fn, double x)
{
    const double z = x / fn->oversampling;
    double       sum = 0.0;

    if (fn->lookup == IB_NEAREST)
        return 1.0 / (sinc(z) * sinc(z)) - 1.0;
    for (int j = 1; j <= 8; j++)
        sum += pow(z / (j - z), 4) + pow(z / (j + z), 4);
    return sum;
}

/* Mean over the image along one axis, by the trapezoidal rule. Its end point stands for the outermost column of pixels
   (of an image of 128), where without padding most of the error is. */
static double mean_over_field(const ib_convfn *fn, double edge, double (*square)(const ib_convfn *fn, double x))
{
    enum { STEPS = 64 }; /* the integrands rise by less than e per two steps */
    double sum = 0.5 * (square(fn, 0.0) + square(fn, edge));

    for (int i = 1; i < STEPS; i++)
        sum += square(fn, edge * i / STEPS);
    return sum / STEPS;
}

static double error_square(const ib_convfn *fn, double x)
{
    const double alias = ib_convfn_alias(fn, x);

    return alias * alias + lookup_square(fn, x);
}

double ib_convfn_promise(const ib_convfn *fn, double xe, double ye)
{
    const double along_x = mean_over_field(fn, xe, error_square);
    const double along_y = ye == xe ? along_x : mean_over_field(fn, ye, error_square);

    return sqrt(along_x + along_y + along_x * along_y); /* (1 + a)(1 + b) - 1 with independent a and b */
}

static double inverse_square(const ib_convfn *fn, double x)
{
    const double c = ib_convfn_transform(fn, x);

    return 1.0 / (c * c);
}

double ib_convfn_rounding(const ib_convfn *fn, double xe, double ye, double eps)
{
    enum { STEPS = 64 }; /* per cell */
    const int n = (int)(0.5 * fn->width * STEPS);
    double    energy = 0.0;

    for (int i = 0; i < n; i++) {
        const double c = ib_convfn_value(fn, (i + 0.5) / STEPS);

        energy += c * c;
    }
    energy *= 2.0 / STEPS;
    return eps * energy * sqrt(mean_over_field(fn, xe, inverse_square) * mean_over_field(fn, ye, inverse_square));
}

double ib_convfn_roundings(const ib_convfn *fn, double samples, double cells)
{
    return sqrt(log2(cells) + samples * fn->width * fn->width / cells);
}

/* Below a padding of 1.1 the correction falls so steeply towards the edge of the image that rounding overtakes the
   aliasing of wider functions. */
static int widest(int precision, double padding)
{
    if (precision == IB_SINGLE)
        return padding < 1.1 ? 6 : 8;
    return padding < 1.1 ? 12 : padding < 1.4 ? 16 : 20;
}

/* Beatty's rule. The argument of the root is at least 1.45, for a width of 3 without padding. */
static double kb_beta(double width, double padding)
{
    const double a = width / padding * (padding - 0.5);

    return PI * sqrt(a * a - 0.8);
}

static ib_status validate(int kernel, int support, int oversampling, double padding, ib_error *err)
{
    if (kernel == IB_KERNEL_PSWF && support != PSWF_SUPPORT)
        return ib_fail(err, IB_EUSAGE, "kernel pswf has support %d, not %d: leave out --support, or use --kernel kb",
                       PSWF_SUPPORT, support);
    if (support < 3)
        return ib_fail(err, IB_EUSAGE, "support %d is too small: the least is 3", support);
    if (oversampling < 1)
        return ib_fail(err, IB_EUSAGE, "oversampling %d is too small: the least is 1", oversampling);
    if (!(padding >= 1.0 && padding <= 16.0))
        return ib_fail(err, IB_EUSAGE, "padding %g is out of range: use 1 to 8", padding);
    return IB_OK;
}

static ib_status tabulate(ib_convfn *fn, ib_error *err)
{
    const int    odd = fn->support % 2, O = fn->oversampling;
    const size_t element = fn->precision == IB_SINGLE ? sizeof(float) : sizeof(double);

    /* One row more than (-1/2, 1/2] or (0, 1] asks for at either end, and the next one that interpolation reads. */
    fn->first = odd ? -(O + 1) / 2 - 1 : -1;
    fn->n_row = (size_t)((odd ? (O + 1) / 2 : O) + 2 - fn->first + 1);
    fn->lead = 8;
    fn->stride = ((size_t)fn->support + 7) / 8 * 8 + 16;
    fn->taps = ib_alloc_zero((fn->n_row + 2) * fn->stride, element, "table of the convolution function", err);
    if (!fn->taps)
        return err->status;

    for (size_t r = 0; r < fn->n_row; r++)
        for (int i = 0; i < fn->support; i++) {
            const double s = (double)((int64_t)(i - fn->half) * O + fn->first + (int64_t)r) / O;
            const double value = ib_convfn_value(fn, s);
            const size_t at = r * fn->stride + (size_t)(fn->lead + i);

            if (fn->precision == IB_SINGLE)
                ((float *)fn->taps)[at] = (float)value;
            else
                ((double *)fn->taps)[at] = value;
        }
    return IB_OK;
}

ib_status ib_convfn_describe(ib_convfn *fn, int kernel, int support, int oversampling, double padding, int lookup,
                             int precision, ib_error *err)
{
    const ib_status rc = validate(kernel, support, oversampling, padding, err);

    if (rc)
        return rc;
    *fn = (ib_convfn){.kernel = kernel,
                      .lookup = lookup,
                      .precision = precision,
                      .support = support,
                      .oversampling = oversampling,
                      .half = support / 2, /* of an odd support: (support - 1) / 2 */
                      .width = PSWF_WIDTH,
                      .padding = padding};
    if (kernel == IB_KERNEL_KB) {
        const int cap = widest(precision, padding);

        fn->width = support < cap ? support : cap;
        fn->beta = kb_beta(fn->width, padding);
        fn->scale = 1.0 / bessel_i0(fn->beta);
    }
    return IB_OK;
}

ib_status ib_convfn_create(ib_convfn **out, int kernel, int support, int oversampling, double padding, int lookup,
                           int precision, ib_error *err)
{
    ib_convfn *fn = ib_alloc_zero(1, sizeof *fn, "convolution function", err);

    if (!fn)
        return err->status;
    ib_status rc = ib_convfn_describe(fn, kernel, support, oversampling, padding, lookup, precision, err);
    if (!rc)
        rc = tabulate(fn, err);
    if (rc)
        ib_convfn_destroy(fn);
    else
        *out = fn;
    return rc;
}

ib_status ib_convfn_none(ib_convfn **out, int support, int oversampling, int precision, ib_error *err)
{
    ib_convfn *fn = ib_alloc_zero(1, sizeof *fn, "convolution function", err);

    if (!fn)
        return err->status;
    *fn = (ib_convfn){.kernel = NONE,
                      .lookup = IB_LINEAR,
                      .precision = precision,
                      .support = support,
                      .oversampling = oversampling,
                      .half = support / 2};
    *out = fn;
    return IB_OK;
}

void ib_convfn_destroy(ib_convfn *fn)
{
    if (!fn)
        return;
    ib_free(fn->taps);
    ib_free(fn);
}
