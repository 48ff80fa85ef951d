/* SPDX-License-Identifier: BSD-3-Clause */
/* UVFITS: a file as it is, or shorter: a header as lines, an empty line, the number of bytes of its data, a line end, the
   bytes, and so on. The bytes of the last one may be fewer. */
#include "fuzz_source.h"

#include <ctype.h>

enum { CARD = 80, UNIT = 2880, MOST = 1 << 20 };

static size_t pad(char *file, size_t n, char with)
{
    const size_t whole = (n + UNIT - 1) / UNIT * UNIT;

    memset(file + n, with, whole - n);
    return whole;
}

/* @return bytes of the file */
static size_t expand(const char *from, size_t size, char *file)
{
    const char *const end = from + size;
    size_t            n = 0;

    while (from < end && n + 2 * UNIT < MOST) {
        while (from < end && *from != '\n' && n + 2 * UNIT < MOST) {
            size_t length = 0;
            while (from + length < end && from[length] != '\n' && length < CARD)
                length++;
            memset(file + n, ' ', CARD);
            memcpy(file + n, from, length);
            n += CARD;
            from += length;
            from += from < end && *from == '\n';
        }
        memset(file + n, ' ', CARD);
        memcpy(file + n, "END", 3);
        n = pad(file, n + CARD, ' ');
        from += from < end;
        size_t bytes = 0;
        for (; from < end && isdigit((unsigned char)*from) && bytes < MOST; from++)
            bytes = 10 * bytes + (size_t)(*from - '0');
        from += from < end;
        bytes = bytes < (size_t)(end - from) ? bytes : (size_t)(end - from);
        bytes = bytes < MOST - n - UNIT ? bytes : MOST - n - UNIT;
        memcpy(file + n, from, bytes);
        from += bytes;
        n = pad(file, n + bytes, '\0');
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char  file[MOST];
    const void  *line = memchr(data, '\n', size < CARD ? size : CARD);
    const size_t n = line ? expand((const char *)data, size, file) : size;

    fuzz_source(fuzz_file("input", line ? (const void *)file : data, n));
    return fuzz_end();
}
