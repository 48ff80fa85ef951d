/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text.h"
#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PI 3.14159265358979323846

typedef struct unit {
    const char *name;
    double      size;
} unit;

/* Descending, so that the first one not larger than a value prints it. */
static const unit angles[] = {
    {"deg", PI / 180},          {"arcmin", PI / 180 / 60},  {"arcsec", PI / 180 / 3600},
    {"mas", PI / 180 / 3600e3}, {"uas", PI / 180 / 3600e6},
};
enum { N_ANGLES = sizeof angles / sizeof *angles };

static const unit sizes[] = {
    {"PiB", 0x1p50}, {"TiB", 0x1p40}, {"GiB", 0x1p30}, {"MiB", 0x1p20}, {"KiB", 0x1p10},
    {"PB", 1e15},    {"TB", 1e12},    {"GB", 1e9},     {"MB", 1e6},     {"kB", 1e3},
};
enum { N_BINARY = 5, N_SIZES = sizeof sizes / sizeof *sizes };

/* A decimal number in front of a text; *rest is what follows it, spaces skipped. False when there is none: strtod's
   own leading spaces, hexadecimal, "inf" and "nan" are not numbers to a user. */
static bool leading_number(const char *text, double *out, const char **rest)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char       *end;

    if (!(isdigit((unsigned char)*digits) || (*digits == '.' && isdigit((unsigned char)digits[1]))))
        return false;
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
        return false;
    *out = strtod(text, &end);
    if (!isfinite(*out))
        return false;
    while (*end == ' ')
        end++;
    *rest = end;
    return true;
}

ib_status ib_text_to_int(const char *text, int64_t *out, ib_error *err)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char       *end;

    if (!isdigit((unsigned char)*digits))
        return ib_fail(err, IB_EUSAGE, "\"%s\" is not a whole number", text);
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (*end)
        return ib_fail(err, IB_EUSAGE, "\"%s\" is not a whole number", text);
    if (errno == ERANGE)
        return ib_fail(err, IB_EUSAGE, "\"%s\" does not fit 64 bits", text);
    *out = value;
    return IB_OK;
}

ib_status ib_text_to_real(const char *text, double *out, ib_error *err)
{
    const char *rest;
    double      value;

    if (!leading_number(text, &value, &rest) || *rest)
        return ib_fail(err, IB_EUSAGE, "\"%s\" is not a number", text);
    *out = value;
    return IB_OK;
}

ib_status ib_text_to_angle(const char *text, double *out, ib_error *err)
{
    static const char known[] = "deg, arcmin, arcsec, mas, uas or rad";
    const char       *rest;
    double            value;

    if (!leading_number(text, &value, &rest))
        return ib_fail(err, IB_EUSAGE, "\"%s\" is not an angle; write a number and its unit: %s", text, known);
    if (!*rest && value != 0)
        return ib_fail(err, IB_EUSAGE, "\"%s\" has no unit; add one of %s", text, known);
    if (!*rest || !strcmp(rest, "rad")) {
        *out = value;
        return IB_OK;
    }
    for (int i = 0; i < N_ANGLES; i++)
        if (!strcmp(rest, angles[i].name)) {
            *out = value * angles[i].size;
            return IB_OK;
        }
    return ib_fail(err, IB_EUSAGE, "\"%s\" has the unknown unit %s; use %s", text, rest, known);
}

/* Sexagesimal: 12h01m53.6s, -18d52m10s, 12:01:53.6. The last parts may be missing; only the last one has a fraction. */
static bool sexagesimal(const char *text, char mark, double *out)
{
    const char  end[3] = {mark, 'm', 's'};
    const char *at = text + (*text == '-' || *text == '+');
    const bool  colons = strchr(text, ':') != NULL;
    double      sum = 0, size = 1;

    for (int part = 0; part < 3; part++, size /= 60) {
        const size_t digits = strspn(at, part == 2 ? "0123456789." : "0123456789");
        const char  *rest;
        double       value;

        if (!digits || !leading_number(at, &value, &rest) || rest != at + digits || (part && !(value < 60)))
            return false;
        sum += value * size;
        at += digits;
        if (*at == (colons && part < 2 ? ':' : end[part]) || (colons && part == 2 && !*at)) {
            at += *at != 0;
            if (!*at && (!colons || part == 2))
                break;
        } else
            return false;
    }
    *out = *text == '-' ? -sum : sum;
    return !*at;
}

ib_status ib_text_to_direction(const char *text, double *ra, double *dec, ib_error *err)
{
    static const char *const frames[] = {"J2000", "ICRS"};
    const char              *at = text;
    char                     part[2][40];
    double                   x, y;
    ib_error                 unused;

    at += strspn(at, " ");
    for (int i = 0; i < 2; i++)
        if (!strncasecmp(at, frames[i], strlen(frames[i])) && at[strlen(frames[i])] == ' ')
            at += strlen(frames[i]);
    bool ok = true;
    for (int i = 0; i < 2 && ok; i++) {
        at += strspn(at, " ");
        const size_t n = strcspn(at, " ,");
        ok = n > 0 && n < sizeof part[i];
        if (ok)
            snprintf(part[i], sizeof part[i], "%.*s", (int)n, at);
        at += n;
        at += strspn(at, " ");
        at += i == 0 && *at == ',';
    }
    ok = ok && !*at;
    if (ok && sexagesimal(part[0], 'h', &x))
        x *= PI / 12;
    else
        ok = ok && !ib_text_to_angle(part[0], &x, &unused);
    if (ok && sexagesimal(part[1], 'd', &y))
        y *= PI / 180;
    else
        ok = ok && !ib_text_to_angle(part[1], &y, &unused);
    if (!ok)
        return ib_fail(err, IB_EUSAGE,
                       "\"%s\" is not a direction; write \"12h01m53.6s -18d52m10s\" or \"180.47deg -18.87deg\"",
                       text);
    if (!(fabs(x) <= 2 * PI && fabs(y) <= PI / 2))
        return ib_fail(err, IB_EUSAGE, "\"%s\": right ascensions end at 24h, declinations at 90deg", text);
    *ra = x < 0 ? x + 2 * PI : x;
    *dec = y;
    return IB_OK;
}

ib_status ib_text_to_hertz(const char *text, double *out, ib_error *err)
{
    static const struct unit units[] = {{"", 1}, {"Hz", 1}, {"kHz", 1e3}, {"MHz", 1e6}, {"GHz", 1e9}, {"THz", 1e12}};
    const char              *rest;
    double                   value;

    if (!leading_number(text, &value, &rest))
        return ib_fail(err, IB_EUSAGE, "\"%s\" is not a frequency; write a number, with GHz, MHz, kHz or Hz", text);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(rest, units[i].name)) {
            *out = value * units[i].size;
            return IB_OK;
        }
    return ib_fail(err, IB_EUSAGE, "\"%s\" has the unknown unit %s; use GHz, MHz, kHz or Hz", text, rest);
}

ib_status ib_text_to_bytes(const char *text, int64_t *out, ib_error *err)
{
    const char *rest;
    double      value, scale = 0;

    if (!leading_number(text, &value, &rest) || value < 0)
        return ib_fail(err, IB_EUSAGE,
                       "\"%s\" is not a size; write a number of bytes, or one with KiB, MiB, GiB, TiB", text);
    if (!*rest || !strcmp(rest, "B"))
        scale = 1;
    for (int i = 0; i < N_SIZES; i++)
        if (!strcmp(rest, sizes[i].name))
            scale = sizes[i].size;
    if (scale == 0)
        return ib_fail(err, IB_EUSAGE,
                       "\"%s\" has the unknown unit %s; use KiB, MiB, GiB, TiB, PiB, kB, MB, GB, TB or PB", text,
                       rest);
    if (value * scale >= 0x1p63)
        return ib_fail(err, IB_EUSAGE, "\"%s\" does not fit 64 bits", text);
    *out = (int64_t)(value * scale);
    return IB_OK;
}

ib_status ib_text_to_bool(const char *text, int *out, ib_error *err)
{
    static const char *const words[][2] = {{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (int value = 0; value < 2; value++)
            if (!strcasecmp(text, words[i][value])) {
                *out = value;
                return IB_OK;
            }
    return ib_fail(err, IB_EUSAGE, "\"%s\" is neither yes nor no", text);
}

/* Three significant digits without an exponent: 1.23, 12.3, 123, 1234. */
static ib_text three_digits(double value, const char *between, const char *unit_name)
{
    const double size = fabs(value);
    const int    decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    ib_text      text;

    snprintf(text.s, sizeof text.s, "%.*f%s%s", decimals, value, between, unit_name);
    return text;
}

ib_text ib_text_bytes(double bytes)
{
    for (int i = 0; i < N_BINARY; i++)
        if (fabs(bytes) >= sizes[i].size)
            return three_digits(bytes / sizes[i].size, " ", sizes[i].name);
    ib_text text;
    snprintf(text.s, sizeof text.s, "%.0f B", bytes);
    return text;
}

ib_text ib_text_angle(double rad)
{
    if (rad == 0)
        return (ib_text){"0"};
    for (int i = 0; i < N_ANGLES; i++)
        if (fabs(rad) >= angles[i].size * (1 - 1e-9)) /* 60 arcsec / 60 is not quite an arcmin */
            return three_digits(rad / angles[i].size, " ", angles[i].name);
    ib_text text;
    snprintf(text.s, sizeof text.s, "%.3g uas", rad / angles[N_ANGLES - 1].size);
    return text;
}

ib_text ib_text_seconds(double s)
{
    const double size = fabs(s);

    if (size >= 0.1 || size == 0)
        return three_digits(s, " ", "s");
    return size >= 1e-4 ? three_digits(1e3 * s, " ", "ms") : three_digits(1e6 * s, " ", "us");
}

ib_text ib_text_duration(double s)
{
    ib_text text;

    if (!(s >= 0 && s < 1e9))
        return (ib_text){"?"};
    const long long whole = llround(s), hour = whole / 3600;
    const int       minute = (int)(whole / 60 % 60), second = (int)(whole % 60);
    if (hour)
        snprintf(text.s, sizeof text.s, "%lld:%02d:%02d", hour, minute, second);
    else
        snprintf(text.s, sizeof text.s, "%d:%02d", minute, second);
    return text;
}

ib_text ib_text_count(uint64_t n)
{
    char    digits[24];
    ib_text text;
    int     at = 0;

    const int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            text.s[at++] = ',';
        text.s[at++] = digits[i];
    }
    text.s[at] = 0;
    return text;
}

static ib_text with_prefix(double value, const char *what)
{
    static const struct {
        double      size;
        const char *name;
    } prefix[] = {{1e15, " P"}, {1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};

    if (!isfinite(value))
        return (ib_text){"?"};
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (fabs(value) >= prefix[i].size)
            return three_digits(value / prefix[i].size, prefix[i].name, what);
    return three_digits(value, " ", what);
}

ib_text ib_text_rate(double per_s, const char *what)
{
    return with_prefix(per_s, what);
}

ib_text ib_text_hertz(double hz)
{
    ib_text text;

    if (fabs(hz) >= 1e9)
        snprintf(text.s, sizeof text.s, "%.6g GHz", hz / 1e9);
    else
        snprintf(text.s, sizeof text.s, "%.6g MHz", hz / 1e6);
    return text;
}

/* The fewest digits that read back as the same number in a given unit, written without an exponent where people would.
   @return how many; a large number when 17 are not enough, because the unit rounds. */
static int exact_in(ib_text *text, double value, double size, const char *name)
{
    const double number = value / size;
    const bool   plain = number == 0 || (fabs(number) >= 1e-4 && fabs(number) < 1e15);

    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text->s, sizeof text->s, "%.*g", digits, number);
        if (strtod(text->s, NULL) * size == value && !(plain && strchr(text->s, 'e'))) {
            const size_t n = strlen(text->s);
            snprintf(text->s + n, sizeof text->s - n, "%s", name);
            return digits;
        }
    }
    return 99;
}

ib_text ib_text_exact(double x)
{
    ib_text text;

    exact_in(&text, x, 1, "");
    return text;
}

ib_text ib_text_exact_angle(double rad)
{
    ib_text best, text;

    if (rad == 0)
        return (ib_text){"0"};
    int fewest = exact_in(&best, rad, 1, "rad");
    for (int i = 0; i < N_ANGLES; i++) {
        const int digits = exact_in(&text, rad, angles[i].size, angles[i].name);
        if (digits < fewest) {
            fewest = digits;
            best = text;
        }
    }
    return best;
}

ib_text ib_text_exact_bytes(int64_t bytes)
{
    ib_text text;

    for (int i = 0; i < N_BINARY; i++) {
        const int64_t unit_size = (int64_t)sizes[i].size;
        if (bytes && bytes % unit_size == 0) {
            snprintf(text.s, sizeof text.s, "%" PRId64 "%s", bytes / unit_size, sizes[i].name);
            return text;
        }
    }
    snprintf(text.s, sizeof text.s, "%" PRId64, bytes);
    return text;
}

/* ---- texts of others --------------------------------------------------------------------------------------- */

/* One character of UTF-8, which is moved over; 0xFFFD for what is none. */
static uint32_t character(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    const int            more = s[0] < 0x80                   ? 0
                                : s[0] >= 0xc2 && s[0] < 0xe0 ? 1
                                : s[0] >= 0xe0 && s[0] < 0xf0 ? 2
                                : s[0] >= 0xf0 && s[0] < 0xf5 ? 3
                                                              : -1;
    uint32_t             c = more <= 0 ? s[0] : s[0] & (0x3fu >> more);

    (*text)++;
    if (more < 0)
        return 0xfffd;
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0xfffd;
        c = c << 6 | (s[i] & 0x3fu);
    }
    *text += more;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c;
}

static bool is_harmless(uint32_t c)
{
    return (c >= 0x20 || c == '\t' || c == '\n') && !(c >= 0x7f && c < 0xa0) && !(c >= 0x200e && c <= 0x200f) &&
           !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069) && (c & 0xfffe) != 0xfffe &&
           !(c >= 0xfdd0 && c <= 0xfdef);
}

size_t ib_text_next(const char **text)
{
    const char    *from = *text;
    const uint32_t c = character(text);

    return c == 0xfffd || !is_harmless(c) ? 0 : (size_t)(*text - from);
}

void ib_text_plain(const char *text, char *out, size_t size)
{
    size_t n = 0;

    while (*text) {
        const char  *from = text;
        const size_t bytes = ib_text_next(&text);
        if (n + (bytes ? bytes : 1) >= size)
            break;
        if (bytes < 2)
            out[n++] = !bytes ? '?' : *from == '\n' || *from == '\t' ? ' ' : *from;
        else
            for (size_t i = 0; i < bytes; i++)
                out[n++] = from[i];
    }
    out[n] = 0;
}
