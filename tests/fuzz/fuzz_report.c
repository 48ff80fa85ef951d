/* SPDX-License-Identifier: BSD-3-Clause */
/* What is told of launches whose records may hold anything. The first letter of an input chooses the command, the rest are
   lines of records. */
#include "bench/browse.h"
#include "bench/compare.h"
#include "bench/report.h"
#include "bench/scaling.h"
#include "bench/trend.h"
#include "fuzz_record.h"

typedef ib_status command(int argc, char *const *argv, FILE *out, ib_error *err);

enum { MOST = 12 };

static const struct {
    command    *run;
    const char *word[8];
} told[] = {
    {ib_ls, {NULL}},
    {ib_show, {"last"}},
    {ib_show, {"--format", "md"}},
    {ib_trend, {"--allow", "provisional", "--format", "json"}},
    {ib_compare, {"ranks=1", "ranks!=1"}},
    {ib_scaling, {NULL}},
    {ib_gate, {NULL}},
    {ib_make_report, {"--allow", "provisional"}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t which = size ? *data % (sizeof told / sizeof *told) : 0;
    char        *argv[MOST] = {"--record", (char *)(uintptr_t)fuzz_folder()}, *text = NULL;
    char         page[300];
    int          argc = 2;
    size_t       n = 0;
    ib_error     err = {IB_OK, -1, ""};

    fuzz_sweep();
    fuzz_record("a.jsonl", (const char *)data + (size > 0), size - (size > 0));
    if (told[which].run != ib_scaling) { /* where there is no repository */
        argv[argc++] = "--repository";
        argv[argc++] = argv[1];
    }
    if (told[which].run == ib_make_report) {
        snprintf(page, sizeof page, "%s", fuzz_path("report.html"));
        argv[argc++] = "--output";
        argv[argc++] = page;
    }
    for (int i = 0; told[which].word[i]; i++)
        argv[argc++] = (char *)(uintptr_t)told[which].word[i];
    FILE *out = open_memstream(&text, &n);
    fuzz_expect(out != NULL, "there is memory");
    const bool accepted = fuzz_accepted(told[which].run(argc, argv, out, &err), &err);
    fclose(out);
    free(text);
    if (accepted && told[which].run == ib_make_report) {
        FILE *file = fopen(page, "r");
        text = NULL;
        n = 0;
        fuzz_expect(file && getdelim(&text, &n, '\0', file) > 0, "a page is written");
        fuzz_expect(!strstr(text, "<zz"), "what records hold is text and no HTML");
        fclose(file);
        free(text);
    }
    return fuzz_end();
}
