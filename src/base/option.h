/* SPDX-License-Identifier: BSD-3-Clause */
/** The options of src/options.def: parsed, described, rendered. Nothing here knows a single option by name. */
#ifndef IB_BASE_OPTION_H
#define IB_BASE_OPTION_H

#include "imgbench.h"

#include <stdbool.h>

/** One row of the table, for help texts and documents. Static. */
typedef struct ib_option {
    const char *group, *key, *type, *field; /* type: "TEXT", "ANGLE2", ...; field of ib_config */
    const char *initial;                    /* default */
    const char *range;                      /* "3..129", "kb|pswf", "" */
    const char *argument;                   /* "" for a flag */
    const char *help;
} ib_option;

size_t           ib_option_count(void);
const ib_option *ib_option_at(size_t i);
const char      *ib_option_name(size_t i); /* its key */

/** The value of option i as text that reads back as the same value ("0.4arcsec", "2GiB", "yes").
 *  @return false when it does not fit; the text is cut then. */
bool ib_option_render(const ib_config *cfg, size_t i, char *text, size_t size);

/** Where a value came from; a later one wins over an earlier one. */
typedef enum ib_origin { IB_BY_DEFAULT, IB_BY_FILE, IB_BY_ENVIRONMENT, IB_BY_COMMAND_LINE } ib_origin;

enum { IB_MAX_OPTIONS = 64 };

/** A parsed command line. Owns what the strings of cfg point to, except argv and the environment. */
typedef struct ib_command {
    ib_config cfg;
    ib_origin origin[IB_MAX_OPTIONS]; /* of each option, in the order of the table */
    bool      help, version;          /* asked for; then nothing after it was parsed */
    char     *file;                   /* text of --config */
} ib_command;

/** Parse what follows the program's (and subcommand's) name: --key value, --key=value, --flag, --no-flag, --flag=yes|no,
 *  -o FILE, one input (and, for subcommands with `only`, the output as a second word), -- before an input that starts with a dash; --config FILE with lines `key = value`; IMGBENCH_KEY in
 *  the environment. The command line wins over the environment, that over the file, that over the defaults.
 *  @param only  keys that this subcommand takes, separated by spaces; NULL: all
 *  @return IB_EUSAGE naming option, value and what is allowed, or the nearest option; IB_EIO for an unreadable file. */
ib_status ib_command_parse(ib_command *command, int argc, char *const *argv, const char *only, ib_error *err);

void ib_command_clear(ib_command *command);

/** Name of the environment variable of option i (IMGBENCH_DENSITY_RULE). */
void ib_option_variable(size_t i, char *text, size_t size);

#endif
