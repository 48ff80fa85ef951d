/* SPDX-License-Identifier: BSD-3-Clause */
/* Selections: the first line is one, the others are the names that can be selected; of none, numbers can. */
#include "fuzz.h"
#include "model/vis.h"

enum { MOST = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char       *text = fuzz_text(data, size);
    const char *name[MOST];
    int         id[MOST];
    uint8_t     selected[MOST] = {0};
    size_t      n = 0;
    ib_error    err = {IB_OK, -1, ""};

    for (char *line = strchr(text, '\n'); line && n < MOST; line = strchr(line, '\n')) {
        *line++ = '\0';
        id[n] = (int)(3 * n);
        name[n++] = line;
    }
    fuzz_accepted(ib_select(text, "field", n, name, NULL, selected, &err), &err);
    fuzz_accepted(ib_select(text, "spectral window", n, name, id, selected, &err), &err);
    if (fuzz_accepted(ib_select(text, "channel", MOST, NULL, NULL, selected, &err), &err))
        fuzz_expect(memchr(selected, 1, MOST) != NULL, "something is selected");
    free(text);
    return fuzz_end();
}
