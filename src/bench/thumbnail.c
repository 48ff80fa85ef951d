/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/thumbnail.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/io.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---- PNG (ISO/IEC 15948) --------------------------------------------------------------------------------- */

static unsigned char *put_word(unsigned char *at, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(word >> (24 - 8 * i));
    return at + 4;
}

/* Length, type, data, checksum of the last two. */
static unsigned char *put_chunk(unsigned char *at, const char *type, const unsigned char *data, size_t n)
{
    unsigned char *from = put_word(at, (uint32_t)n);

    memcpy(from, type, 4);
    if (n)
        memcpy(from + 4, data, n);
    return put_word(from + 4 + n, (uint32_t)crc32(0, from, (uInt)(4 + n)));
}

/* Indices into a palette of 256 colours, rows from the top, each with a byte before it that says "not filtered". */
static ib_status encode(ib_thumbnail *out, const unsigned char *rows, const unsigned char palette[256][3],
                        ib_error *err)
{
    const size_t   raw = (out->nx + 1) * out->ny;
    uLongf         packed = compressBound((uLong)raw);
    unsigned char *data = ib_alloc(packed, 1, "picture", err), header[13] = {0};

    out->png = data ? ib_alloc(packed + 1024, 1, "picture", err) : NULL;
    if (!out->png || compress2(data, &packed, rows, (uLong)raw, Z_BEST_COMPRESSION) != Z_OK) {
        ib_free(data);
        return out->png ? ib_fail(err, IB_ENOMEM, "no memory to pack a picture") : err->status;
    }
    put_word(put_word(header, (uint32_t)out->nx), (uint32_t)out->ny);
    header[8] = 8; /* bits of an index */
    header[9] = 3; /* into a palette */
    unsigned char *at = out->png;
    memcpy(at, "\x89PNG\r\n\x1a\n", 8);
    at = put_chunk(at + 8, "IHDR", header, sizeof header);
    at = put_chunk(at, "PLTE", palette[0], 256 * 3);
    at = put_chunk(at, "IDAT", data, packed);
    at = put_chunk(at, "IEND", NULL, 0);
    out->bytes = (size_t)(at - out->png);
    ib_free(data);
    return IB_OK;
}

/* Green 2011, Bulletin of the Astronomical Society of India 39, 289: start 0.5, -1.5 rotations, hue and gamma 1. */
static void cubehelix(unsigned char palette[256][3])
{
    static const double turn[3][2] = {{-0.14861, 1.78277}, {-0.29227, -0.90649}, {1.97294, 0}};

    for (int i = 0; i < 256; i++) {
        const double l = i / 255.0, angle = 2 * 3.14159265358979323846 * (0.5 / 3 + 1 - 1.5 * l),
                     amplitude = l * (1 - l) / 2;
        for (int c = 0; c < 3; c++) {
            const double x = l + amplitude * (turn[c][0] * cos(angle) + turn[c][1] * sin(angle));
            palette[i][c] = (unsigned char)(255 * fmin(fmax(x, 0), 1) + 0.5);
        }
    }
}

/* ---- the plane ------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* 0 and 0 when no pixel has a value. */
static ib_status find_range(const ib_raster *r, double *low, double *high, ib_error *err)
{
    float *value = ib_alloc(r->nx * r->ny, sizeof *value, "pixels", err);
    size_t n = 0;

    *low = *high = 0;
    if (!value)
        return err->status;
    for (size_t i = 0; i < r->nx * r->ny; i++)
        if (isfinite(r->pixel[i]))
            value[n++] = r->pixel[i];
    if (n) {
        qsort(value, n, sizeof *value, ascending);
        *low = value[(size_t)(0.005 * (double)(n - 1))];
        *high = value[(size_t)(0.998 * (double)(n - 1))];
    }
    ib_free(value);
    return IB_OK;
}

static ib_status paint(ib_thumbnail *out, const ib_raster *r, double low, double high, ib_error *err)
{
    unsigned char  palette[256][3];
    unsigned char *rows = ib_alloc_zero((r->nx + 1) * r->ny, 1, "picture", err);

    if (!rows)
        return err->status;
    out->nx = r->nx;
    out->ny = r->ny;
    for (size_t y = 0; y < r->ny; y++)
        for (size_t x = 0; x < r->nx; x++) {
            const double value = (r->pixel[(r->ny - 1 - y) * r->nx + x] - low) / (high - low);
            rows[y * (r->nx + 1) + 1 + x] =
                (unsigned char)(isfinite(value) ? 255 * fmin(fmax(value, 0), 1) + 0.5 : 0);
        }
    cubehelix(palette);
    const ib_status rc = encode(out, rows, (const unsigned char(*)[3])palette, err);
    ib_free(rows);
    return rc;
}

static void tell(ib_thumbnail *out, const ib_picture *p, const ib_raster *r, size_t chan, double low, double high)
{
    const char *slash = strrchr(p->path, '/');
    size_t      at;

    snprintf(out->title, sizeof out->title, "%.78s", slash ? slash + 1 : p->path);
    at = (size_t)snprintf(out->text, sizeof out->text, "%zu x %zu pixels, channel %zu of %zu", p->nx, p->ny, chan,
                          p->n_chan);
    if (p->freq[chan] > 0)
        at += (size_t)snprintf(out->text + at, sizeof out->text - at, " (%s)", ib_text_hertz(p->freq[chan]).s);
    at += (size_t)snprintf(out->text + at, sizeof out->text - at, ", %s; %.3g to %.3g%s%.20s",
                           ib_picture_stokes(p, 0), low, high, *p->unit ? " " : "", p->unit);
    if (r->beam[0] > 0)
        snprintf(out->text + at, sizeof out->text - at, "; beam %s x %s", ib_text_angle(r->beam[0]).s,
                 ib_text_angle(r->beam[1]).s);
}

ib_status ib_thumbnail_make(ib_thumbnail *out, const char *path, size_t most, ib_error *err)
{
    ib_picture *p = NULL;
    ib_raster   r = {0};
    double      low = 0, high = 0;

    memset(out, 0, sizeof *out);
    ib_status rc = ib_picture_open(&p, path, err);
    if (rc)
        return rc;
    const size_t chan = p->n_chan / 2, window[4] = {0, 0, p->nx, p->ny};
    rc = ib_picture_read(p, chan, 0, window, most, &r, err);
    rc = rc ? rc : find_range(&r, &low, &high, err);
    rc = rc ? rc : paint(out, &r, low, high > low ? high : low + 1, err);
    if (!rc)
        tell(out, p, &r, chan, low, high);
    else
        ib_free(out->png);
    ib_free(r.pixel);
    ib_picture_close(p);
    return rc;
}
