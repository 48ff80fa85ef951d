/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/arguments.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>

static ib_status unknown(const char *command, const ib_help_option *option, const char *name, ib_error *err)
{
    const char *names[IB_MAX_ARGUMENTS];
    size_t      n = 0;

    for (; option[n].name; n++)
        names[n] = option[n].name;
    const char *near = ib_nearest(name, names, n);
    if (near)
        return ib_fail(err, IB_EUSAGE, "%s has no option --%s; did you mean --%s?", command, name, near);
    return ib_fail(err, IB_EUSAGE, "%s has no option --%s; imgbench help %s lists them", command, name, command);
}

/* "-o" stands for the first option of that initial. */
static bool spell_out(const ib_help_option *option, const char *word, char *full, size_t size)
{
    if (word[0] != '-' || !word[1] || word[1] == '-' || word[2])
        return false;
    for (; option->name; option++)
        if (option->name[0] == word[1]) {
            snprintf(full, size, "--%s", option->name);
            return true;
        }
    return false;
}

ib_status ib_arguments_words(const char *command, const ib_help_option *option, int argc, char *const *argv,
                             const char *value[IB_MAX_ARGUMENTS], const char **word, size_t most, size_t *n_word,
                             ib_error *err)
{
    bool plain = false;

    *n_word = 0;
    for (size_t i = 0; option[i].name; i++)
        value[i] = option[i].initial;
    for (int at = 0; at < argc; at++) {
        const char *text = argv[at], *given = text;
        if (!plain && !strcmp(text, "--")) {
            plain = true;
            continue;
        }
        char full[32];
        if (!plain && spell_out(option, text, full, sizeof full))
            text = full;
        if (plain || strncmp(text, "--", 2) != 0) {
            if (*n_word == most)
                return most == 1
                           ? ib_fail(err, IB_EUSAGE, "%s: two words, %s and %s; give one", command, word[0], given)
                           : ib_fail(err, IB_EUSAGE, "%s: %s is one word too many; it takes %zu", command, given,
                                     most);
            word[(*n_word)++] = given;
            continue;
        }
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(text + 2, "="), text + 2);
        size_t i = 0;
        while (option[i].name && strcmp(option[i].name, name) != 0)
            i++;
        if (!option[i].name)
            return unknown(command, option, name, err);
        const char *equals = strchr(text, '=');
        if (!*option[i].argument)
            value[i] = "yes";
        else if (equals)
            value[i] = equals + 1;
        else if (at + 1 < argc)
            value[i] = argv[++at];
        else
            return ib_fail(err, IB_EUSAGE, "%s --%s: a value is missing: %s", command, name, option[i].argument);
        if (!*option[i].argument && equals)
            return ib_fail(err, IB_EUSAGE, "%s --%s takes no value", command, name);
    }
    return IB_OK;
}

ib_status ib_arguments_parse(const char *command, const ib_help_option *option, int argc, char *const *argv,
                             const char *value[IB_MAX_ARGUMENTS], const char **operand, ib_error *err)
{
    const char *word[1] = {NULL};
    size_t      n;
    ib_status   rc = ib_arguments_words(command, option, argc, argv, value, word, 1, &n, err);

    *operand = word[0];
    return rc;
}

const char *ib_argument(const ib_help_option *option, const char *const *value, const char *name)
{
    size_t i = 0;

    while (strcmp(option[i].name, name) != 0)
        i++;
    return value[i];
}

size_t ib_words(const char *list, char (*word)[24], size_t most, ib_error *err)
{
    size_t n = 0;

    for (const char *at = list; *at; n++) {
        const size_t length = strcspn(at, ",");
        if (n == most || length == 0 || length >= sizeof *word) {
            ib_fail(err, IB_EUSAGE, "\"%.80s\" is not a list of 1 to %zu short words with commas between", list,
                    most);
            return 0;
        }
        memcpy(word[n], at, length);
        word[n][length] = 0;
        at += length + (at[length] == ',');
    }
    if (n == 0)
        ib_fail(err, IB_EUSAGE, "an empty list");
    return n;
}

size_t ib_numbers(const char *list, int64_t low, int64_t high, int64_t *number, size_t most, ib_error *err)
{
    char   word[32][24];
    size_t n = ib_words(list, word, most < 32 ? most : 32, err);

    for (size_t i = 0; i < n; i++) {
        if (ib_text_to_int(word[i], &number[i], err))
            return 0;
        if (number[i] < low || number[i] > high) {
            ib_fail(err, IB_EUSAGE, "%s is outside %lld..%lld", word[i], (long long)low, (long long)high);
            return 0;
        }
    }
    return n;
}
