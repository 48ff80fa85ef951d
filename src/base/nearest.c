/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

enum { MAX_WORD = 64 }; /* longer words are nobody's typing error */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein distance, adjacent swaps only: three rows of its table. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t row[3][MAX_WORD + 1];

    for (size_t j = 0; j <= n_b; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);

            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return row[n_a % 3][n_b];
}

const char *ib_nearest(const char *word, const char *const *names, size_t n)
{
    const size_t length = strlen(word);
    const char  *best = NULL;
    size_t       fewest = 0;

    if (length > MAX_WORD)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const size_t other = strlen(names[i]);

        if (other > MAX_WORD)
            continue;
        const size_t changes = distance(word, length, names[i], other);
        const size_t longer = length > other ? length : other;
        if (2 * changes <= longer && (!best || changes < fewest)) {
            best = names[i];
            fewest = changes;
        }
    }
    return best;
}
