/* SPDX-License-Identifier: BSD-3-Clause */
/* Records and their history. A first line "?TERMS" selects; what follows is a database of SQLite, or lines of a record. The
   digest @@@ of an end line becomes what it should be. */
#include "bench/history.h"
#include "fuzz_record.h"

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
        fuzz_record("a.jsonl", text, n);
        fuzz_record("b.jsonl.part", text, n / 2);
    }
    look(terms);
    look(terms); /* as it was saved */
    free(first);
    return fuzz_end();
}
