/* SPDX-License-Identifier: BSD-3-Clause */
/** Command lines of subcommands with options of their own. */
#ifndef IB_BENCH_ARGUMENTS_H
#define IB_BENCH_ARGUMENTS_H

#include "bench/help.h"

enum { IB_MAX_ARGUMENTS = 96 };

/** Parse --name value, --name=value, --flag, -n value for the first option of that initial, and one word without dashes.
 *  @param option   the table; ends with a NULL name
 *  @param value    receives the value of every row: as given, "yes" for a flag, or its default
 *  @param operand  receives the word, NULL when there is none
 *  @return IB_EUSAGE naming the command and the nearest option. */
ib_status ib_arguments_parse(const char *command, const ib_help_option *option, int argc, char *const *argv,
                             const char *value[IB_MAX_ARGUMENTS], const char **operand, ib_error *err);

/** The same with any number of words, up to `most`.
 *  @param n_word  receives how many; `--` ends the options and is no word */
ib_status ib_arguments_words(const char *command, const ib_help_option *option, int argc, char *const *argv,
                             const char *value[IB_MAX_ARGUMENTS], const char **word, size_t most, size_t *n_word,
                             ib_error *err);

/** The value of an option by its name. */
const char *ib_argument(const ib_help_option *option, const char *const *value, const char *name);

/** The words of a list, separated by commas. @return how many; IB_EUSAGE in err and 0 for none or more than `most`. */
size_t ib_words(const char *list, char (*word)[24], size_t most, ib_error *err);

/** The same, whole numbers between two bounds. */
size_t ib_numbers(const char *list, int64_t low, int64_t high, int64_t *number, size_t most, ib_error *err);

#endif
