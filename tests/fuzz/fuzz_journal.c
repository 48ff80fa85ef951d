/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run finds of an earlier one. The first letter: a header, whose digest is set right (h) or not (H), journals (j), whose
   mark, run, size and digest are set right (J), a lock (l). */
#include "fuzz.h"
#include "io/journal.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { UNITS = 16, PAYLOAD = 24, RECORD = 32 + PAYLOAD + 8 };

static void header(void)
{
    ib_ledger ledger;
    ib_error  err = {IB_OK, -1, ""};
    size_t    length = 0;

    if (!fuzz_accepted(ib_journal_recall(fuzz_folder(), &ledger, &err), &err))
        return;
    length = strlen(ledger.wisdom) + strlen(ledger.fft_plan);
    for (size_t i = 0; i < ledger.n_note; i++)
        length += strlen(ledger.note[i].name) + strlen(ledger.note[i].value);
    fuzz_expect(length < SIZE_MAX, "texts end");
    fuzz_file("cube", "", 0);
    for (size_t k = 0; k < ledger.n_layout; k++)
        fuzz_accepted(ib_journal_restore(&ledger, k, fuzz_path("cube"), &err), &err);
    ib_ledger_clear(&ledger);
}

static void journals(void)
{
    const ib_ledger ledger = {.run_id = 7, .n_unit = UNITS, .payload = PAYLOAD};
    char            record[UNITS][PAYLOAD];
    uint8_t         done[UNITS];
    uint32_t        epoch;
    size_t          damage;
    ib_error        err = {IB_OK, -1, ""};

    fuzz_accepted(ib_journal_scan(fuzz_folder(), &ledger, record, done, &epoch, &damage, &err), &err);
}

/* Records as they should begin and end, wherever a whole one fits. */
static void sign(char *bytes, size_t n)
{
    const struct {
        char     mark[4];
        uint32_t size;
        uint64_t run;
    } head = {"IBJ1", RECORD, 7};

    for (size_t at = 0; at + RECORD <= n; at += RECORD) {
        memcpy(bytes + at, &head, sizeof head);
        const uint64_t digest = XXH3_64bits(bytes + at, RECORD - 8);
        memcpy(bytes + at + RECORD - 8, &digest, sizeof digest);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ib_error    err = {IB_OK, -1, ""};
    char       *text = fuzz_text(data, size);
    char *const bytes = text + (size > 0);
    size_t      n = size - (size > 0);

    fuzz_sweep();
    if (*text == 'h' && n >= 8) {
        const uint64_t digest = XXH3_64bits(bytes, n - 8);
        memcpy(bytes + n - 8, &digest, sizeof digest);
    }
    if (*text == 'J')
        sign(bytes, n);
    if (*text == 'h' || *text == 'H') {
        fuzz_file("header", bytes, n);
        header();
    } else if (*text == 'j' || *text == 'J') {
        fuzz_file("journal.0.0", bytes, n / 2);
        fuzz_file("journal.1.0", bytes + n / 2, n - n / 2);
        journals();
    } else if (*text == 'l') {
        fuzz_file("lock", bytes, n);
        if (fuzz_accepted(ib_journal_lock(fuzz_folder(), false, &err), &err))
            fuzz_expect(remove(fuzz_path("lock")) == 0, "a lock that was taken is there");
    }
    free(text);
    return fuzz_end();
}
