/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/fits.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_CARDS = 200000, MOST_COLUMNS = 999, MOST_AXES = 999 };

/* ---- bytes -------------------------------------------------------------------------------------------------- */

ib_status ib_fits_read(const ib_fits *fits, uint64_t at, size_t n, void *into, ib_error *err)
{
    char *to = into;

    while (n > 0) {
        ib_wait wait;
        ib_wait_begin(&wait, "reading", "the UVFITS file");
        const ssize_t got = pread(fits->fd, to, n, (off_t)at);
        ib_wait_end(&wait);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ib_fail(err, IB_EIO, "%s", strerror(errno));
        if (got == 0)
            return ib_fail(err, IB_EDATA, "it is cut short, %zu bytes are missing; copy it again", n);
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return IB_OK;
}

double ib_fits_number(const void *at, int bitpix)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    float    single;
    double   value;

    switch (bitpix) {
    case 8:
        return *(const uint8_t *)at;
    case 16:
        memcpy(&two, at, sizeof two);
        return (int16_t)__builtin_bswap16(two);
    case 32:
    case -32:
        memcpy(&four, at, sizeof four);
        four = __builtin_bswap32(four);
        if (bitpix == 32)
            return (int32_t)four;
        memcpy(&single, &four, sizeof single);
        return (double)single;
    default: /* 64, -64 */
        memcpy(&eight, at, sizeof eight);
        eight = __builtin_bswap64(eight);
        if (bitpix == 64)
            return (double)(int64_t)eight;
        memcpy(&value, &eight, sizeof value);
        return value;
    }
}

/* ---- headers ------------------------------------------------------------------------------------------------ */

void ib_fits_end(ib_fits *table)
{
    ib_free(table->cards);
    table->cards = NULL;
    table->n_card = 0;
}

void ib_fits_close(ib_fits *file)
{
    ib_fits_end(file);
    if (file->fd > 0)
        close(file->fd);
    *file = (ib_fits){0};
}

/* Cards from a byte on, to END; the present ones go. */
static ib_status read_cards(ib_fits *fits, uint64_t at, ib_error *err)
{
    size_t room = 0, n = 0;

    ib_fits_end(fits);
    for (;; n += IB_FITS_UNIT / IB_FITS_CARD) {
        if (n >= MOST_CARDS)
            return ib_fail(err, IB_EDATA, "a header has no END within %zu cards", n);
        if (at + IB_FITS_UNIT > fits->bytes)
            return ib_fail(err, IB_EDATA, "it is cut short within a header; copy it again");
        if (n == room) {
            char *more = ib_alloc(room ? 2 * room : 144, IB_FITS_CARD, "header", err);

            if (!more)
                return err->status;
            if (room)
                memcpy(more, fits->cards, n * IB_FITS_CARD);
            ib_free(fits->cards);
            fits->cards = more;
            room = room ? 2 * room : 144; /* whole units */
        }
        if (ib_fits_read(fits, at, IB_FITS_UNIT, fits->cards + n * IB_FITS_CARD, err))
            return err->status;
        at += IB_FITS_UNIT;
        for (size_t i = n; i < n + IB_FITS_UNIT / IB_FITS_CARD; i++)
            if (!memcmp(fits->cards + i * IB_FITS_CARD, "END     ", 8)) {
                fits->n_card = i;
                fits->data_at = at;
                return IB_OK;
            }
    }
}

ib_status ib_fits_open(ib_fits *fits, const char *path, ib_error *err)
{
    struct stat what;
    char        begin[9] = "";

    *fits = (ib_fits){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (fits->fd < 0 || fstat(fits->fd, &what))
        return ib_fail(err, errno == ENOENT ? IB_EDATA : IB_EIO, "%s", strerror(errno));
    fits->bytes = (uint64_t)what.st_size;
    if (fits->bytes < sizeof begin || ib_fits_read(fits, 0, sizeof begin, begin, err) ||
        memcmp(begin, "SIMPLE  =", sizeof begin) != 0)
        return ib_fail(err, IB_EDATA, "it does not begin as FITS does");
    return read_cards(fits, 0, err);
}

static const char *find_card(const ib_fits *fits, const char *key)
{
    char name[9];

    snprintf(name, sizeof name, "%-8.8s", key);
    for (size_t i = 0; i < fits->n_card; i++) {
        const char *card = fits->cards + i * IB_FITS_CARD;

        if (!memcmp(card, name, 8) && card[8] == '=')
            return card + 9;
    }
    return NULL;
}

/* Without trailing blanks and with nothing that would break a sentence. */
static void clean(char *text)
{
    for (size_t n = strlen(text); n && text[n - 1] == ' '; n--)
        text[n - 1] = '\0';
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

void ib_fits_text(const ib_fits *fits, const char *key, char text[IB_FITS_VALUE])
{
    const char *at = find_card(fits, key);
    size_t      n = 0;

    text[0] = '\0';
    if (!at)
        return;
    const char *const end = at + IB_FITS_CARD - 9;
    while (at < end && *at == ' ')
        at++;
    const bool quoted = at < end && *at == '\'';
    for (at += quoted; at < end && n + 1 < IB_FITS_VALUE; at++) {
        if (quoted && *at == '\'' && (++at == end || *at != '\'')) /* two stand for one */
            break;
        if (!quoted && *at == '/')
            break;
        text[n++] = *at ? *at : ' ';
    }
    text[n] = '\0';
    clean(text);
}

static const char *key_at(const char *stem, size_t i, char key[16])
{
    snprintf(key, 16, "%.5s%u", stem, (unsigned)(i % 10000));
    return key;
}

void ib_fits_text_at(const ib_fits *fits, const char *stem, size_t i, char text[IB_FITS_VALUE])
{
    char key[16];

    ib_fits_text(fits, key_at(stem, i, key), text);
}

ib_status ib_fits_real(const ib_fits *fits, const char *key, double missing, double *value, ib_error *err)
{
    char text[IB_FITS_VALUE], *end;

    ib_fits_text(fits, key, text);
    *value = missing;
    if (!text[0])
        return IB_OK;
    char *const exponent = strpbrk(text, "dD"); /* double precision, as Fortran writes it */
    if (exponent)
        *exponent = 'E';
    *value = strtod(text, &end);
    if (end == text || *end || !isfinite(*value))
        return ib_fail(err, IB_EDATA, "%s is \"%.30s\", which is no number; correct the header", key, text);
    return IB_OK;
}

ib_status ib_fits_real_at(const ib_fits *fits, const char *stem, size_t i, double missing, double *value,
                          ib_error *err)
{
    char key[16];

    return ib_fits_real(fits, key_at(stem, i, key), missing, value, err);
}

ib_status ib_fits_count(const ib_fits *fits, const char *key, size_t low, size_t *value, ib_error *err)
{
    double number;

    if (ib_fits_real(fits, key, NAN, &number, err))
        return err->status;
    if (isnan(number))
        return ib_fail(err, IB_EDATA, "%s is missing; correct the header", key);
    if (!(number >= (double)low && number <= 1e15) || number != floor(number))
        return ib_fail(err, IB_EDATA, "%s is %g; it must be a whole number from %zu to 1e15", key, number, low);
    *value = (size_t)number;
    return IB_OK;
}

/* ---- extensions --------------------------------------------------------------------------------------------- */

/* Bytes of the present unit's data, as a double: headers lie. */
static ib_status data_bytes(const ib_fits *fits, double *bytes, ib_error *err)
{
    size_t n_axis, n;
    double bitpix, heap, groups;

    if (ib_fits_count(fits, "NAXIS", 0, &n_axis, err) || ib_fits_real(fits, "BITPIX", 8, &bitpix, err) ||
        ib_fits_real(fits, "PCOUNT", 0, &heap, err) || ib_fits_real(fits, "GCOUNT", 1, &groups, err))
        return err->status;
    *bytes = n_axis > 0;
    for (size_t i = 1; i <= n_axis && i <= MOST_AXES; i++) {
        char key[16];

        if (ib_fits_count(fits, key_at("NAXIS", i, key), 0, &n, err))
            return err->status;
        *bytes *= (double)n;
    }
    *bytes = (*bytes + fmax(heap, 0)) * fmax(groups, 1) * fabs(bitpix) / 8;
    return IB_OK;
}

ib_status ib_fits_extension(ib_fits *fits, const ib_fits *file, uint64_t at, uint64_t *next, bool *found,
                            ib_error *err)
{
    char   begin[8], name[IB_FITS_VALUE];
    double bytes = 0;

    *found = false;
    if (at + sizeof begin > file->bytes)
        return IB_OK;
    if (ib_fits_read(file, at, sizeof begin, begin, err))
        return err->status;
    if (memcmp(begin, "XTENSION", sizeof begin) != 0)
        return IB_OK;
    *found = true;
    fits->fd = file->fd;
    fits->bytes = file->bytes;
    if (read_cards(fits, at, err))
        return err->status;
    ib_fits_text(fits, "EXTNAME", name);
    if (data_bytes(fits, &bytes, err))
        return ib_within(err, "table \"%.16s\": ", name);
    if (!(bytes <= (double)(fits->bytes - fits->data_at)))
        return ib_fail(err, IB_EDATA, "it is cut short within the table \"%.16s\"; copy it again", name);
    *next = fits->data_at + ((uint64_t)bytes + IB_FITS_UNIT - 1) / IB_FITS_UNIT * IB_FITS_UNIT;
    return IB_OK;
}

size_t ib_fits_rows(const ib_fits *fits)
{
    char     text[IB_FITS_VALUE];
    size_t   n;
    ib_error ignored;

    ib_fits_text(fits, "XTENSION", text);
    if (strcmp(text, "BINTABLE") != 0 || ib_fits_count(fits, "NAXIS2", 0, &n, &ignored))
        return 0;
    return n; /* of at least a byte each, or its columns do not fit */
}

/* Where the cells of a column are. */
typedef struct column {
    size_t number; /* 1 .. TFIELDS; 0: there is none of this name */
    char   kind;   /* letter of TFORM */
    size_t repeat, offset, size, row_bytes;
} column;

static size_t size_of(char kind)
{
    static const char   kinds[] = "LXBAIJKEDCMPQ";
    static const size_t sizes[] = {1, 1, 1, 1, 2, 4, 8, 4, 8, 8, 16, 8, 16};
    const char         *at = kind ? strchr(kinds, kind) : NULL;

    return at ? sizes[at - kinds] : 0;
}

static ib_status find_column(const ib_fits *fits, const char *name, column *c, ib_error *err)
{
    size_t n_field, offset = 0;
    char   text[IB_FITS_VALUE], *kind;

    *c = (column){0};
    if (ib_fits_count(fits, "TFIELDS", 0, &n_field, err) || ib_fits_count(fits, "NAXIS1", 0, &c->row_bytes, err))
        return err->status;
    for (size_t i = 1; i <= n_field && i <= MOST_COLUMNS; i++) {
        ib_fits_text_at(fits, "TFORM", i, text);
        const unsigned long repeat = strtoul(text, &kind, 10);
        c->repeat = kind == text ? 1 : repeat;
        c->kind = *kind;
        c->size = size_of(c->kind);
        c->offset = offset;
        const size_t items = c->kind == 'X' ? c->repeat / 8 + (c->repeat % 8 > 0) : c->repeat;
        if (!c->size || c->repeat > c->row_bytes * 8 || items * c->size > c->row_bytes - offset)
            return ib_fail(err, IB_EDATA, "TFORM%zu is \"%.20s\", which is no column of a row of %zu bytes", i, text,
                           c->row_bytes);
        offset += items * c->size;
        ib_fits_text_at(fits, "TTYPE", i, text);
        c->number = i;
        if (!strcasecmp(text, name))
            return IB_OK;
    }
    c->number = 0;
    return IB_OK;
}

ib_status ib_fits_column(const ib_fits *fits, const char *name, size_t per_row, double *into, bool *found,
                         ib_error *err)
{
    const size_t n_row = ib_fits_rows(fits);
    column       c;
    double       scale, zero;
    uint8_t      cell[64 * 8];

    *found = false;
    if (find_column(fits, name, &c, err))
        return err->status;
    if (!c.number)
        return IB_OK;
    *found = true;
    const char *const kind = strchr("BIJKED", c.kind);
    const int         bitpix = kind ? (const int[]){8, 16, 32, 64, -32, -64}[kind - "BIJKED"] : 0;
    if (!kind)
        return ib_fail(err, IB_EDATA, "column %s does not hold numbers", name);
    if (c.repeat < per_row)
        return ib_fail(err, IB_EDATA, "column %s has %zu values in a row; %zu are needed", name, c.repeat, per_row);
    if (ib_fits_real_at(fits, "TSCAL", c.number, 1, &scale, err) ||
        ib_fits_real_at(fits, "TZERO", c.number, 0, &zero, err))
        return err->status;
    for (size_t row = 0; row < n_row; row++)
        for (size_t i = 0; i < per_row;) {
            const size_t n = per_row - i < 64 ? per_row - i : 64;

            if (ib_fits_read(fits, fits->data_at + row * c.row_bytes + c.offset + i * c.size, n * c.size, cell, err))
                return err->status;
            for (size_t k = 0; k < n; k++, i++)
                into[row * per_row + i] = ib_fits_number(cell + k * c.size, bitpix) * scale + zero;
        }
    return IB_OK;
}

ib_status ib_fits_cell(const ib_fits *fits, const char *name, size_t row, char *into, size_t size, ib_error *err)
{
    column c;

    into[0] = '\0';
    if (find_column(fits, name, &c, err))
        return err->status;
    if (!c.number || c.kind != 'A')
        return IB_OK;
    const size_t n = c.repeat < size ? c.repeat : size - 1;
    if (ib_fits_read(fits, fits->data_at + row * c.row_bytes + c.offset, n, into, err))
        return err->status;
    into[n] = '\0';
    clean(into);
    return IB_OK;
}
