/* SPDX-License-Identifier: BSD-3-Clause */
/** The word a user probably meant. */
#ifndef IB_BASE_NEAREST_H
#define IB_BASE_NEAREST_H

#include <stddef.h>

/** The name that the fewest changed, added, dropped or swapped letters turn `word` into, case apart; the first of
 *  equals. @return one of names; NULL when none shares at least half of its letters with the word. */
const char *ib_nearest(const char *word, const char *const *names, size_t n);

#endif
