/* SPDX-License-Identifier: BSD-3-Clause */
/* Records and their history. A first line "?TERMS" selects; what follows is a database of SQLite, or lines of a record. The
   digest @@@ of an end line becomes what it should be. */
#include "bench/history.h"
#include "bench/record.h"
#include "fuzz.h"

#include <jansson.h>

static void tell(void *to, const char *file, const char *why, bool newer)
{
    *(size_t *)to += strlen(file) + strlen(why) + newer;
}

static void look(const char *terms)
{
    ib_history        *history;
    ib_past           *launch;
    size_t             n = 0, told = 0;
    char               text[300];
    ib_settled         settled;
    const ib_selection selection = {.terms = terms, .except = "support,ranks", .at_worst = IB_INVALID};
    ib_error           err = {IB_OK, -1, ""};

    if (!fuzz_accepted(ib_history_open(&history, fuzz_folder(), false, &err), &err))
        return;
    ib_history_problems(history, tell, &told);
    if (fuzz_accepted(ib_history_select(history, &selection, &launch, &n, &err), &err)) {
        for (size_t i = 0; i < n; i++) {
            ib_past_problem(&launch[i], text, sizeof text);
            (void)ib_past_same_series(&launch[0], &launch[i], "ranks");
            text[0] = '\0';
            ib_past_differences(&launch[0], &launch[i], text, sizeof text);
            (void)ib_history_settled(history, &launch[i], "T", &settled);
            (void)ib_history_noise(history, launch[i].machine);
        }
        ib_free(launch);
    }
    ib_history_close(history);
}

/* Puts the digest of what is before it in the place of @@@. @return the bytes, the caller's */
static char *sign(const char *text, size_t *n)
{
    const char *at = memmem(text, *n, "@@@", 3), *line = at;
    char       *out = malloc(*n + 32);

    fuzz_expect(out != NULL, "there is memory");
    if (!at) {
        memcpy(out, text, *n);
        return out;
    }
    while (line > text && line[-1] != '\n')
        line--;
    const size_t before = (size_t)(at - text), after = *n - before - 3;
    memcpy(out, text, before);
    snprintf(out + before, 17, "%016llx",
             (unsigned long long)ib_record_digest(IB_DIGEST_START, text, (size_t)(line - text)));
    memcpy(out + before + 16, at + 3, after);
    *n = before + 16 + after;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *terms = "";
    char       *first = NULL;
    size_t      n = size;

    if (n && *text == '?') {
        const char  *end = memchr(text, '\n', n);
        const size_t length = end ? (size_t)(end - text) : n;
        first = fuzz_text(data + 1, length - 1);
        terms = first;
        text += end ? length + 1 : length;
        n -= end ? length + 1 : length;
    }
    fuzz_sweep();
    if (n >= 6 && !memcmp(text, "SQLite", 6)) {
        fuzz_file("imgbench.db", text, n);
    } else {
        char *bytes = sign(text, &n);
        fuzz_file("a.jsonl", bytes, n);
        fuzz_file("b.jsonl.part", bytes, n / 2);
        free(bytes);
    }
    look(terms);
    look(terms); /* as it was saved */
    free(first);
    return fuzz_end();
}
