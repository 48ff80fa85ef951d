/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/simulate.h"
#include "model/vis.h"

#include <math.h>
#include <string.h>

#define DEG (IB_PI / 180)

/* The loops over rows exist for several instruction sets and the loader picks one. Nothing is fused or reordered (see
   CMakeLists.txt), so all of them give the same bits and none needs a name. */
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__)
#define VECTOR_LOOP __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define VECTOR_LOOP
#endif

/* ---- arrays ----------------------------------------------------------------------------------------------- */

/* clang-format off */
static const ib_sim_array arrays[] = {
    /* name          telescope latitude        longitude        dish small antennas shape             radius apart */
    {"vla-a",        "EVLA",   34.0788 * DEG, -107.6178 * DEG, 25,  0,     27,     IB_ARMS,           21000,  0},
    {"vla-b",        "EVLA",   34.0788 * DEG, -107.6178 * DEG, 25,  0,     27,     IB_ARMS,            6400,  0},
    {"vla-c",        "EVLA",   34.0788 * DEG, -107.6178 * DEG, 25,  0,     27,     IB_ARMS,            1950,  0},
    {"vla-d",        "EVLA",   34.0788 * DEG, -107.6178 * DEG, 25,  0,     27,     IB_ARMS,             590, 25},
    {"alma-compact", "ALMA",  -23.0229 * DEG,  -67.7548 * DEG, 12,  0,     50,     IB_DISC,              80,  0},
    {"alma-ext",     "ALMA",  -23.0229 * DEG,  -67.7548 * DEG, 12,  0,     50,     IB_STRETCHED_DISC,   135,  0},
    {"alma+aca",     "ALMA",  -23.0229 * DEG,  -67.7548 * DEG, 12,  7,     50,     IB_DISC,              80,  0},
    {"aca7",         "ALMA",  -23.0229 * DEG,  -67.7548 * DEG,  7,  0,     11,     IB_DISC,              19,  0},
    {"lofar",        "LOFAR",  52.9088 * DEG,    6.8674 * DEG, 30,  0,     40,     IB_STRETCHED_DISC,  1600,  0},
};
/* clang-format on */

const ib_sim_array *ib_sim_array_at(size_t i)
{
    return i < sizeof arrays / sizeof *arrays ? &arrays[i] : NULL;
}

double ib_sim_dish(const ib_sim_array *array, size_t k)
{
    return array->small > 0 && k % 4 == 3 ? array->small : array->dish;
}

const ib_sim_array *ib_sim_array_find(const char *name)
{
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        if (!strcmp(arrays[i].name, name))
            return &arrays[i];
    return NULL;
}

/* Distance from the centre and azimuth (north through east) of antenna k of n. */
static void pad(const ib_sim_array *array, double radius, size_t k, size_t n, double *distance, double *azimuth)
{
    static const double arm[3] = {355 * DEG, 115 * DEG, 236 * DEG};

    if (array->shape == IB_ARMS) { /* stations 9, 8 .. 1 of each arm, at distances proportional to n^1.716 */
        *distance = radius * pow((9 - (double)(k / 3)) / 9, 1.716) + array->apart;
        *azimuth = arm[k % 3];
        return;
    }
    *distance = radius * sqrt(((double)k + 0.5) / (double)n); /* a sunflower: golden angle, equal areas */
    *azimuth = (double)k * 137.50776 * DEG;
    if (array->shape == IB_STRETCHED_DISC)
        *distance *= 1 + *distance / radius;
}

void ib_sim_antennas(const ib_sim_array *array, double radius, size_t n, double (*xyz)[3])
{
    for (size_t k = 0; k < n; k++) {
        double distance, azimuth;

        pad(array, radius > 0 ? radius : array->radius, k, n, &distance, &azimuth);
        const double north = distance * cos(azimuth);
        xyz[k][0] = -sin(array->latitude) * north;
        xyz[k][1] = distance * sin(azimuth);
        xyz[k][2] = cos(array->latitude) * north;
    }
}

void ib_sim_axes(double hour_angle, double dec, double axes[3][3])
{
    const double sh = sin(hour_angle), ch = cos(hour_angle), sd = sin(dec), cd = cos(dec);
    const double t[3][3] = {{sh, ch, 0}, {-sd * ch, sd * sh, cd}, {cd * ch, -cd * sh, sd}};

    memcpy(axes, t, sizeof t);
}

#define TURNS_PER_DAY 1.00273781191135448 /* of the Earth against the stars */

double ib_sim_sidereal(double time, double longitude)
{
    const double day = time / 86400 - 51544.5; /* since J2000.0 */
    const double turns = 0.7790572732640 + TURNS_PER_DAY * day + longitude / (2 * IB_PI);

    return 2 * IB_PI * (turns - floor(turns));
}

double ib_sim_transit(double time, double longitude, double ra)
{
    const double turns = (ra - ib_sim_sidereal(time, longitude)) / (2 * IB_PI);

    return time + (turns - floor(turns)) * 86400 / TURNS_PER_DAY;
}

/* ---- directions -------------------------------------------------------------------------------------------- */

void ib_sim_offset(double centre_ra, double centre_dec, double ra, double dec, double *l, double *m)
{
    *l = cos(dec) * sin(ra - centre_ra);
    *m = sin(dec) * cos(centre_dec) - cos(dec) * sin(centre_dec) * cos(ra - centre_ra);
}

void ib_sim_displace(double centre_ra, double centre_dec, double l, double m, double *ra, double *dec)
{
    const double n = sqrt(1 - l * l - m * m), z = m * cos(centre_dec) + n * sin(centre_dec);
    const double x = n * cos(centre_dec) - m * sin(centre_dec);

    *ra = centre_ra + atan2(l, x);
    *dec = atan2(z, hypot(l, x));
}

void ib_sim_pointings(size_t n, double (*point)[2])
{
    size_t at = 0;

    /* lattice vectors (1, 0) and (1/2, sqrt(3)/2): the square of a distance is the whole number a^2 + a b + b^2 */
    for (int square = 0, reach = 0; at < n; square++) {
        while (3 * reach * reach < 4 * square) /* |a|, |b| <= sqrt(4/3 square) */
            reach++;
        for (int b = -reach; b <= reach; b++)
            for (int a = -reach; a <= reach && at < n; a++)
                if (a * a + a * b + b * b == square) {
                    point[at][0] = a + 0.5 * b;
                    point[at++][1] = sqrt(0.75) * b;
                }
    }
}

/* ---- random numbers --------------------------------------------------------------------------------------- */

static inline uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

/* Additions, rotations and exclusive-ors only: it vectorises over rows on any machine. */
static inline void threefry(uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t *b0, uint32_t *b1)
{
    const uint32_t k2 = 0x1BD11BDA ^ k0 ^ k1;
    uint32_t       x = c0 + k0, y = c1 + k1;

#define ROUND(by) (x += y, y = rotate(y, by) ^ x)
    ROUND(13), ROUND(15), ROUND(26), ROUND(6), x += k1, y += k2 + 1;
    ROUND(17), ROUND(29), ROUND(16), ROUND(24), x += k2, y += k0 + 2;
    ROUND(13), ROUND(15), ROUND(26), ROUND(6), x += k0, y += k1 + 3;
    ROUND(17);
#undef ROUND
    *b0 = x;
    *b1 = y;
}

VECTOR_LOOP void ib_sim_random(const uint32_t key[2], size_t n, const uint32_t *restrict row, uint32_t sample,
                               uint32_t (*restrict bits)[2])
{
    const uint32_t k0 = key[0], k1 = key[1];

    for (size_t i = 0; i < n; i++) {
        uint32_t a, b;

        threefry(k0, k1, row[i], sample, &a, &b);
        bits[i][0] = a;
        bits[i][1] = b;
    }
}

/* sin(2 pi t) for |t| <= 1/4, relative error 5e-9 before rounding (weighted least squares fit). */
static inline float sine(float t)
{
    const float q = t * t;

    return t * (0x1.921fb6p+2f +
                q * (-0x1.4abbc2p+5f + q * (0x1.4668b0p+6f + q * (-0x1.324ccap+6f + q * 0x1.3daff6p+5f))));
}

/* Cosine and sine of t turns, |t| <= 1/2, by folding onto a quarter turn: the subtractions are exact where it
   matters. */
static inline void cosine_sine(float t, float *c, float *s)
{
    const float a = fabsf(t);

    *c = sine(0.25f - a);
    *s = copysignf(sine(a < 0.25f ? a : 0.5f - a), t);
}

/* Natural logarithm of a normal positive number, error 3e-8 before rounding: mantissa in [sqrt 1/2, sqrt 2). */
static inline float logarithm(float x)
{
    int32_t bits;

    memcpy(&bits, &x, sizeof bits);
    const int32_t exponent = (bits - 0x3f3504f3) >> 23;
    bits -= (int32_t)((uint32_t)exponent << 23);
    memcpy(&x, &bits, sizeof x);

    const float f = x - 1;
    const float p =
        0x1.555792p-2f +
        f * (-0x1.000570p-2f +
             f * (0x1.98b748p-3f +
                  f * (-0x1.5332a4p-3f + f * (0x1.3238f2p-3f + f * (-0x1.263b9ep-3f + f * 0x1.654476p-4f)))));
    return (float)exponent * 0x1.62e430p-1f + f * (1 + f * (-0x1.fffff8p-2f + f * p));
}

VECTOR_LOOP void ib_sim_gaussians(const uint32_t key[2], size_t n, const uint32_t *restrict row, uint32_t sample,
                                  float *restrict re, float *restrict im)
{
    const uint32_t k0 = key[0], k1 = key[1];

    for (size_t i = 0; i < n; i++) {
        uint32_t a, b;
        float    c, s;

        threefry(k0, k1, row[i], sample, &a, &b);
        const float uniform = ((float)(int32_t)(a >> 1) + 0.5f) * 0x1p-31f; /* 2^-32 .. 1 */
        const float log_uniform = logarithm(uniform);
        const float radius = sqrtf(log_uniform < 0 ? -2 * log_uniform : 0);
        cosine_sine((float)(int32_t)b * 0x1p-32f, &c, &s);
        re[i] = radius * c;
        im[i] = radius * s;
    }
}

/* ---- visibilities ----------------------------------------------------------------------------------------- */

VECTOR_LOOP void ib_sim_add_source(const ib_sim_tile *restrict tile, const ib_sim_source *source, double freq,
                                   const float *restrict flux, float *restrict re, float *restrict im)
{
    const double wavenumber = freq / IB_LIGHT;
    const double l = source->l * wavenumber, m = source->m * wavenumber, n1 = source->n1 * wavenumber;
    const double nearest = 0x1.8p52; /* adding and subtracting it rounds to an integer */

    for (size_t i = 0; i < tile->n; i++) {
        const double turns = tile->u[i] * l + tile->v[i] * m + tile->w[i] * n1;
        float        c, s;

        cosine_sine((float)(turns - ((turns + nearest) - nearest)), &c, &s);
        re[i] += flux[i] * c;
        im[i] += flux[i] * s;
    }
}

static bool taken(size_t n, const int64_t (*pixel)[2], const int64_t candidate[2])
{
    for (size_t i = 0; i < n; i++)
        if (pixel[i][0] == candidate[0] && pixel[i][1] == candidate[1])
            return true;
    return false;
}

void ib_sim_source_pixels(const uint32_t key[2], size_t n, size_t nx, size_t ny, double share, int64_t (*pixel)[2])
{
    enum { ATTEMPTS = 64 };
    const uint64_t wide = (uint64_t)ceil(share * (double)nx), high = (uint64_t)ceil(share * (double)ny);

    for (size_t i = 0; i < n; i++)
        for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
            const uint32_t number = (uint32_t)i;
            uint32_t       bits[1][2];

            ib_sim_random(key, 1, &number, attempt, bits);
            pixel[i][0] = (int64_t)((nx - wide) / 2 + (bits[0][0] * wide >> 32));
            pixel[i][1] = (int64_t)((ny - high) / 2 + (bits[0][1] * high >> 32));
            if (!taken(i, (const int64_t(*)[2])pixel, pixel[i]))
                break;
        }
}
