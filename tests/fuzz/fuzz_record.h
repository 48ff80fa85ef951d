/* SPDX-License-Identifier: BSD-3-Clause */
/** Records of launches that may hold anything: what harnesses of the history share. */
#ifndef IB_FUZZ_RECORD_H
#define IB_FUZZ_RECORD_H

#include "bench/record.h"
#include "fuzz.h"

/** A file of records. In every line, @@@ becomes the digest of what is before it, so that records are whole. */
static inline void fuzz_record(const char *name, const char *text, size_t n)
{
    FILE    *file = fopen(fuzz_path(name), "wb");
    uint64_t digest = IB_DIGEST_START;

    fuzz_expect(file != NULL, "a file can be written");
    for (size_t at = 0, length; at < n; at += length) {
        const char *line = text + at, *end = memchr(line, '\n', n - at);
        length = end ? (size_t)(end - line) + 1 : n - at;
        const char *mark = memmem(line, length, "@@@", 3);
        if (memmem(line, length, "\"t\": \"run\"", 10))
            digest = IB_DIGEST_START; /* the next record */
        if (mark)
            fprintf(file, "%.*s%016llx%.*s", (int)(mark - line), line, (unsigned long long)digest,
                    (int)(length - 3 - (size_t)(mark - line)), mark + 3);
        else
            fwrite(line, 1, length, file);
        digest = ib_record_digest(digest, line, length);
    }
    fuzz_expect(!fclose(file), "a file can be written");
}

#endif
