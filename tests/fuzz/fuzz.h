/* SPDX-License-Identifier: BSD-3-Clause */
/** What harnesses share. A harness gives the bytes of one input to a parser as its callers would, reads everything that it
 *  found, and ends the process when a promise is broken: a sentence for every refusal, nothing kept, no absurd memory.
 *  `make fuzz` drives it by libFuzzer, the test run by replay.c with the inputs of corpus/. */
#ifndef IB_FUZZ_H
#define IB_FUZZ_H

#include "base/error.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_MOST_MEMORY ((size_t)256 << 20) /* bytes; inputs have at most some KiB */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_expect(bool kept, const char *promise)
{
    if (kept)
        return;
    fprintf(stderr, "broken promise: %s\n", promise);
    abort();
}

/** What a call returned and said. @return it was accepted */
static inline bool fuzz_accepted(ib_status rc, const ib_error *err)
{
    fuzz_expect(rc != IB_EINTERNAL, rc == IB_EINTERNAL ? err->text : "");
    fuzz_expect(!rc || rc == err->status, "the status of a refusal is that of its sentence");
    fuzz_expect(!rc || *err->text, "a refusal has a sentence");
    return !rc;
}

/** At the end of every input. */
static inline int fuzz_end(void)
{
    fuzz_expect(ib_mem_held() == 0, "nothing is kept");
    fuzz_expect(ib_mem_peak() <= FUZZ_MOST_MEMORY, "memory is of the order of the input");
    return 0;
}

/** A folder of $TMPDIR, or in memory. It goes with the process unless that breaks a promise. */
static inline const char *fuzz_folder(void);

/** Path of a file in it. Good until the next call but one. */
static inline const char *fuzz_path(const char *name)
{
    static char path[2][300];
    static int  last;

    last = !last;
    snprintf(path[last], sizeof path[last], "%.200s/%.60s", fuzz_folder(), name);
    return path[last];
}

/** Remove every file of the folder. */
static inline void fuzz_sweep(void)
{
    DIR *folder = opendir(fuzz_folder());

    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            remove(fuzz_path(entry->d_name));
    if (folder)
        closedir(folder);
}

static inline void fuzz_leave(void)
{
    fuzz_sweep();
    remove(fuzz_folder());
}

static inline const char *fuzz_folder(void)
{
    static char       path[200];
    const char *const where = getenv("TMPDIR");

    if (!*path) {
        snprintf(path, sizeof path, "%.100s/ib_fuzz.XXXXXX", where ? where : "/dev/shm");
        fuzz_expect(mkdtemp(path) != NULL, "there is a folder");
        atexit(fuzz_leave);
    }
    return path;
}

/** A file of the folder that holds these bytes. @return its path */
static inline const char *fuzz_file(const char *name, const void *bytes, size_t n)
{
    const char *path = fuzz_path(name);
    FILE       *file = fopen(path, "wb");

    fuzz_expect(file && fwrite(bytes, 1, n, file) == n && !fclose(file), "a file can be written");
    return path;
}

/** The input as a text, the caller's to free. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    fuzz_expect(text != NULL, "there is memory for a text");
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

#endif
