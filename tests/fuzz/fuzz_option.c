/* SPDX-License-Identifier: BSD-3-Clause */
/* Command lines: an argument per line; after an empty line the file of --config. What was understood is rendered, and reads
   back as the same. */
#include "base/option.h"
#include "fuzz.h"

enum { MOST = 40, ROOM = 600 };

static void render(const ib_command *command, char text[IB_MAX_OPTIONS][ROOM], bool fits[IB_MAX_OPTIONS])
{
    for (size_t i = 0; i < ib_option_count(); i++)
        fits[i] = ib_option_render(&command->cfg, i, text[i], ROOM);
}

/* Every option as it was rendered, and that gives the same text. */
static void repeat(const ib_command *command)
{
    static char text[IB_MAX_OPTIONS][ROOM], again[IB_MAX_OPTIONS][ROOM], given[IB_MAX_OPTIONS][ROOM + 60];
    bool        fits[IB_MAX_OPTIONS], fits_again[IB_MAX_OPTIONS];
    char       *argv[IB_MAX_OPTIONS];
    int         argc = 0;
    ib_command  other;
    ib_error    err = {IB_OK, -1, ""};

    render(command, text, fits);
    for (size_t i = 0; i < ib_option_count(); i++)
        if (fits[i]) {
            snprintf(given[i], sizeof given[i], "--%.50s=%.599s", ib_option_name(i), text[i]);
            argv[argc++] = given[i];
        }
    fuzz_expect(!ib_command_parse(&other, argc, argv, NULL, &err), err.text);
    render(&other, again, fits_again);
    for (size_t i = 0; i < ib_option_count(); i++)
        fuzz_expect(!fits[i] || !strcmp(text[i], again[i]), given[i]);
    ib_command_clear(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *text = fuzz_text(data, size), *argv[MOST + 2], *file = NULL, config[80];
    int        argc = 0;
    ib_command command;
    ib_error   err = {IB_OK, -1, ""};

    for (char *line = text, *next; line && argc < MOST; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (!*line && next) {
            file = next;
            break;
        }
        if (!strstr(line, "config")) /* only files of our own are read */
            argv[argc++] = line;
    }
    if (file) {
        const size_t n = size - (size_t)(file - text);
        snprintf(config, sizeof config, "--config=%s", fuzz_file("input", file, n));
        memmove(argv + 1, argv, (size_t)argc * sizeof *argv);
        argv[0] = config;
        argc++;
    }
    if (fuzz_accepted(ib_command_parse(&command, argc, argv, NULL, &err), &err) && !command.help && !command.version)
        repeat(&command);
    ib_command_clear(&command);
    free(text);
    return fuzz_end();
}
