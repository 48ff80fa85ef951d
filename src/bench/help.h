/* SPDX-License-Identifier: BSD-3-Clause */
/** Everything that is told about the program, from its tables: --help, topics, man page, Markdown, completion. */
#ifndef IB_BENCH_HELP_H
#define IB_BENCH_HELP_H

#include "imgbench.h"

#include <stdio.h>

/** An option that one subcommand has of its own. */
typedef struct ib_help_option {
    const char *name, *argument, *initial, *text; /* "supports", "LIST" ("" for a flag), default ("" none), meaning */
} ib_help_option;

/** A name and what is said about it: a subcommand, a format of input. */
typedef struct ib_help_entry {
    const char           *name, *arguments, *text;
    const ib_help_option *option; /* ends with a NULL name; NULL: none of its own */
} ib_help_entry;

/** What the program is made of and this floor cannot see. Lists end with a NULL name. */
typedef struct ib_help_tables {
    const ib_help_entry *command, *format;
} ib_help_tables;

/** `imgbench --help`. */
void ib_help_overview(FILE *out, const ib_help_tables *tables);

/** `imgbench help TOPIC`: a group of options, an option, a subcommand, or one of the topics that `imgbench help` lists;
 *  man, markdown and completion print whole documents.
 *  @return IB_EUSAGE naming the nearest topic. */
ib_status ib_help_topic(FILE *out, const char *topic, const ib_help_tables *tables, ib_error *err);

#endif
