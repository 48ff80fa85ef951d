/* SPDX-License-Identifier: BSD-3-Clause */
/** Other programs, started and waited for. Main thread only. */
#ifndef IB_BENCH_PROCESS_H
#define IB_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdio.h>

/** Start a program, found on PATH, wait for it. It stands in a process group of its own, so that a key of the
 *  terminal does not reach it.
 *  @param argv  ends with NULL
 *  @param in    what it reads; NULL: nothing
 *  @return its exit code; 128 + n when signal n ended it; -1 when it could not be started, and errno says why. */
int ib_process_run(char *const *argv, FILE *in, FILE *out, FILE *complaint);

/** The first line that says something; "" none. */
void ib_process_words(FILE *complaint, char *line, int size);

/** The first line that a program writes, without its end; its complaints are not looked at. @return as ib_process_run. */
int ib_process_line(char *const *argv, char *line, int size);

/** From now on requests to stop (INT, TERM, HUP, USR1, ALRM) are passed on to the running program and those that it started: as
 *  USR1, which a launch obeys by ending cleanly, the next one as TERM, further ones as KILL. This process never ends before
 *  that program; without one the second request ends it. */
void ib_process_catch(void);

/** Has a request been made since? */
bool ib_process_stopped(void);

/** The name of this very program. @return false when the system does not tell. */
bool ib_process_self(char *path, size_t size);

/** Words of a command, with the room for them. Begins as {0}; `full`: not all of them fitted. */
typedef struct ib_command_line {
    char  *argv[256]; /* ends with NULL */
    size_t n, used;
    bool   full;
    char   text[16384];
} ib_command_line;

/** Add one word, or all words of a text between blanks. */
void ib_command_add(ib_command_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ib_command_add_words(ib_command_line *line, const char *text);

#endif
