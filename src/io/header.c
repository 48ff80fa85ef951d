/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/header.h"

#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static ib_card *add(ib_header *header, ib_card_kind kind, const char *name, const char *comment)
{
    assert(header->n < IB_MAX_CARDS);
    ib_card *card = &header->card[header->n++];

    *card = (ib_card){.name = name, .kind = kind, .comment = comment};
    return card;
}

void ib_header_bool(ib_header *header, const char *name, bool value, const char *comment)
{
    add(header, IB_CARD_BOOL, name, comment)->integer = value;
}

static void add_int(ib_header *header, const char *name, int64_t value, const char *comment)
{
    add(header, IB_CARD_INT, name, comment)->integer = value;
}

static void add_real(ib_header *header, const char *name, double value, const char *comment)
{
    add(header, IB_CARD_REAL, name, comment)->real = value;
}

/* Nothing when the text is empty. A header is ASCII: other characters become question marks. */
static void add_text(ib_header *header, const char *name, const char *text, const char *comment)
{
    if (!text || !*text)
        return;
    ib_card *card = add(header, IB_CARD_TEXT, name, comment);

    snprintf(card->text, sizeof card->text, "%s", text);
    for (char *c = card->text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

/* An axis has five cards; their names differ by its number. */
static void add_axis(ib_header *header, int axis, const char *type, const char *unit, double value, double step,
                     double pixel, const char *comment)
{
    static const char *const names[4][5] = {{"CTYPE1", "CRVAL1", "CDELT1", "CRPIX1", "CUNIT1"},
                                            {"CTYPE2", "CRVAL2", "CDELT2", "CRPIX2", "CUNIT2"},
                                            {"CTYPE3", "CRVAL3", "CDELT3", "CRPIX3", "CUNIT3"},
                                            {"CTYPE4", "CRVAL4", "CDELT4", "CRPIX4", "CUNIT4"}};
    const char *const       *name = names[axis - 1];

    add_text(header, name[0], type, comment);
    add_real(header, name[1], value, "");
    add_real(header, name[2], step, "");
    add_real(header, name[3], pixel, "");
    add_text(header, name[4], unit, "");
}

static void add_frequency_axis(ib_header *header, const ib_cube *cube)
{
    const size_t n = cube->n_chan;

    if (cube->even)
        add_axis(header, 3, "FREQ", "Hz", cube->freq[0],
                 n > 1 ? (cube->freq[n - 1] - cube->freq[0]) / (double)(n - 1) : cube->width[0], 1, "channel centre");
    else
        add_axis(header, 3, "CHANNEL", "", 1, 1, 1, "frequencies are not evenly spaced");
}

static void add_stokes_axis(ib_header *header, const ib_cube *cube)
{
    const int first = ib_corr_fits(cube->stokes[0]);
    const int step = cube->n_stokes > 1 ? ib_corr_fits(cube->stokes[1]) - first : 1;

    add_axis(header, 4, "STOKES", "", first, step, 1, "1..4 I Q U V, -1..-4 circular, -5..-8 linear");
}

const double *ib_header_beam(const ib_cube *cube, const double *beam)
{
    const size_t middle = cube->n_chan / 2;

    for (size_t distance = 0; beam && distance <= middle; distance++)
        for (int side = 0; side < 2; side++) {
            const size_t chan = side ? middle - distance : middle + distance;

            for (size_t stokes = 0; chan < cube->n_chan && stokes < cube->n_stokes; stokes++) {
                const double *found = beam + (chan * cube->n_stokes + stokes) * 3;

                if (found[0] > 0)
                    return found;
            }
        }
    return NULL;
}

static void add_beam(ib_header *header, const ib_cube *cube, const double *beam)
{
    const double *found = ib_header_beam(cube, beam);

    if (!found)
        return;
    add_real(header, "BMAJ", found[0] * IB_DEGREES, "[deg] FWHM, of the middle channel");
    add_real(header, "BMIN", found[1] * IB_DEGREES, "[deg]");
    add_real(header, "BPA", found[2] * IB_DEGREES, "[deg] north through east");
}

/* Seconds since MJD 0 as 2019-12-31T23:59:59.999, cut to milliseconds. Civil date by Fliegel and van Flandern (1968). */
static void date_text(double time, char *text, size_t size)
{
    const int64_t ms = (int64_t)floor(time * 1000);
    const int64_t day = ms / 86400000, of_day = ms % 86400000;
    int64_t       l = day + 2400001 + 68569;
    const int64_t n = 4 * l / 146097;
    l -= (146097 * n + 3) / 4;
    const int64_t i = 4000 * (l + 1) / 1461001;
    l -= 1461 * i / 4 - 31;
    const int64_t j = 80 * l / 2447, k = j / 11;

    snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", (int)(100 * (n - 49) + i + k), (int)(j + 2 - 12 * k),
             (int)(l - 2447 * j / 80), (int)(of_day / 3600000), (int)(of_day / 60000 % 60), (int)(of_day / 1000 % 60),
             (int)(of_day % 1000));
}

void ib_header_make(ib_header *out, const ib_cube *cube, const double *beam)
{
    const double ra = fmod(cube->ra * IB_DEGREES, 360);
    char         date[100];

    out->n = 0;
    ib_header_bool(out, "SIMPLE", true, "conforms to the FITS standard");
    add_int(out, "BITPIX", -32, "32-bit floating point, NaN is blank");
    add_int(out, "NAXIS", 4, "");
    add_int(out, "NAXIS1", (int64_t)cube->nx, "");
    add_int(out, "NAXIS2", (int64_t)cube->ny, "");
    add_int(out, "NAXIS3", (int64_t)cube->n_chan, "");
    add_int(out, "NAXIS4", (int64_t)cube->n_stokes, "");
    ib_header_bool(out, "EXTEND", true, "");
    add_text(out, "BTYPE", strcmp(cube->product, "psf") ? "Intensity" : "Beam", "");
    add_text(out, "BUNIT", cube->unit, "");
    add_text(out, "OBJECT", cube->object, "");
    add_axis(out, 1, "RA---SIN", "deg", ra < 0 ? ra + 360 : ra, -cube->cell[0] * IB_DEGREES,
             (double)(cube->nx / 2 + 1), "orthographic about the phase centre");
    add_axis(out, 2, "DEC--SIN", "deg", cube->dec * IB_DEGREES, cube->cell[1] * IB_DEGREES,
             (double)(cube->ny / 2 + 1), "");
    add_frequency_axis(out, cube);
    add_stokes_axis(out, cube);
    add_text(out, "RADESYS", cube->radesys, "");
    if (!strcmp(cube->radesys, "FK5"))
        add_real(out, "EQUINOX", 2000, "");
    if (!strcmp(cube->radesys, "FK4"))
        add_real(out, "EQUINOX", 1950, "");
    add_text(out, "SPECSYS", cube->frame, "frame of the frequencies");
    if (cube->rest_freq > 0)
        add_real(out, "RESTFRQ", cube->rest_freq, "[Hz]");
    add_beam(out, cube, beam);
    add_text(out, "TELESCOP", cube->telescope, "");
    add_text(out, "OBSERVER", cube->observer, "");
    if (cube->time > 0) {
        date_text(cube->time, date, sizeof date);
        add_text(out, "DATE-OBS", date, "first sample");
        add_text(out, "TIMESYS", "UTC", "");
    }
    add_text(out, "ORIGIN", "imgbench", "");
}

/* As many digits as the twenty columns of the fixed format hold, at least twelve: casacore frowns on longer values. */
static void real_text(double value, char *text, size_t size)
{
    snprintf(text, size, "%s", ib_text_exact(value).s);
    for (int digits = 16; strlen(text) > 20; digits--)
        snprintf(text, size, "%.*G", digits, value);
    if (!strpbrk(text, ".eE"))
        strcat(text, ".0"); /* else it would be read as an integer */
    for (char *c = text; *c; c++)
        *c = (char)toupper((unsigned char)*c);
}

/* A value in the columns of the fixed format; a text doubles its quotes and has at least eight characters. */
static void value_text(const ib_card *card, char *text, size_t size)
{
    char quoted[2 * sizeof card->text] = "", *end = quoted;

    switch (card->kind) {
    case IB_CARD_BOOL:
        snprintf(text, size, "%20s", card->integer ? "T" : "F");
        break;
    case IB_CARD_INT:
        snprintf(text, size, "%20lld", (long long)card->integer);
        break;
    case IB_CARD_REAL:
        real_text(card->real, quoted, sizeof quoted);
        snprintf(text, size, "%20s", quoted);
        break;
    case IB_CARD_TEXT:
        for (const char *c = card->text; *c && end - quoted < 66; c++) {
            if (*c == '\'')
                *end++ = '\'';
            *end++ = *c;
        }
        *end = '\0';
        snprintf(text, size, "'%-8s'%*s", quoted, end - quoted < 18 ? (int)(18 - (end - quoted)) : 0, "");
        break;
    }
}

void ib_header_fits(const ib_header *header, char *text)
{
    memset(text, ' ', IB_FITS_HEADER);
    for (size_t i = 0; i < header->n; i++) {
        const ib_card *card = &header->card[i];
        char           value[160], line[300];

        value_text(card, value, sizeof value);
        const int n = snprintf(line, sizeof line, "%-8s= %s%s%s", card->name, value, *card->comment ? " / " : "",
                               card->comment);
        memcpy(text + 80 * i, line, (size_t)(n < 80 ? n : 80));
    }
    /* At the very end, so that the header keeps its length when cards are added at commit. */
    memcpy(text + IB_FITS_HEADER - 80, "END", 3);
}
