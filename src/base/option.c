/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/option.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_FILE = 1 << 20, MAX_VALUES = 3 };

typedef enum type { TEXT, ANGLE2, ANGLE3, INT, INT2, REAL, BYTES, BOOL, CHOICE } type;

/* What a field of ib_config must be for each type. */
typedef const char *field_TEXT;
typedef double      field_ANGLE2[2], field_ANGLE3[3], field_REAL;
typedef int64_t     field_INT, field_INT2[2], field_BYTES;
typedef int         field_BOOL, field_CHOICE;

#define IB_OPT(group, key, type, field, initial, range, argument, help)                                              \
    _Static_assert(_Generic(&((ib_config *)0)->field, field_##type * : 1, default : 0),                              \
                   "the type of option " key " is not that of its field");
#include "options.def"
#undef IB_OPT

typedef struct row {
    ib_option doc;
    type      type;
    size_t    offset; /* of the field in ib_config */
} row;

static const row rows[] = {
#define IB_OPT(group, key, type, field, initial, range, argument, help)                                              \
    {{group, key, #type, #field, initial, range, argument, help}, type, offsetof(ib_config, field)},
#include "options.def"
#undef IB_OPT
};
enum { N_ROWS = sizeof rows / sizeof *rows };
_Static_assert(sizeof rows / sizeof *rows <= IB_MAX_OPTIONS, "raise IB_MAX_OPTIONS");

size_t ib_option_count(void)
{
    return N_ROWS;
}

const ib_option *ib_option_at(size_t i)
{
    return &rows[i].doc;
}

const char *ib_option_name(size_t i)
{
    return rows[i].doc.key;
}

void ib_option_variable(size_t i, char *text, size_t size)
{
    snprintf(text, size, "IMGBENCH_%s", rows[i].doc.key);
    for (char *c = text; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* ---- one value ------------------------------------------------------------------------------------------- */

/* A number as its field stores it, and as a double for comparison with its range. */
static ib_status read_number(type kind, const char *text, void *field, double *value, ib_error *err)
{
    ib_status rc;

    if (kind == REAL || kind == ANGLE2 || kind == ANGLE3) {
        rc = kind == REAL ? ib_text_to_real(text, value, err) : ib_text_to_angle(text, value, err);
        if (!rc)
            *(double *)field = *value;
        return rc;
    }
    int64_t n = 0;
    rc = kind == BYTES ? ib_text_to_bytes(text, &n, err) : ib_text_to_int(text, &n, err);
    if (!rc) {
        *(int64_t *)field = n;
        *value = (double)n; /* exact as far as the bounds of any range go */
    }
    return rc;
}

/* The range "min..max" of a row holds for sizes; the third value of an ANGLE3 is a direction and goes free. */
static ib_status check_range(const row *o, const char *text, double value, ib_error *err)
{
    char        low[32];
    const char *dots = strstr(o->doc.range, "..");
    double      bound;
    union {
        double  real;
        int64_t whole;
    } unused;

    if (!dots)
        return IB_OK;
    snprintf(low, sizeof low, "%.*s", (int)(dots - o->doc.range), o->doc.range);
    const char *high = dots + 2;
    const bool  below = *low && !read_number(o->type, low, &unused, &bound, err) && value < bound;
    const bool  above = *high && !read_number(o->type, high, &unused, &bound, err) && value > bound;
    if (below || above)
        return ib_fail(err, IB_EUSAGE, "%s is outside %s", text, o->doc.range);
    return IB_OK;
}

static ib_status read_numbers(const row *o, const char *text, char *field, size_t n_max, ib_error *err)
{
    char   item[64];
    double value[MAX_VALUES];
    size_t n = 0;

    for (const char *at = text;; at++) {
        const size_t len = strcspn(at, ",");
        if (n == n_max || len >= sizeof item)
            return ib_fail(err, IB_EUSAGE, "\"%s\" is not %s", text,
                           n_max == 1 ? "a single number" : o->doc.argument);
        snprintf(item, sizeof item, "%.*s", (int)len, at);
        ib_status rc = read_number(o->type, item, field + 8 * n, &value[n], err);
        if (!rc && n < 2)
            rc = check_range(o, item, value[n], err);
        if (rc)
            return rc;
        n++;
        at += len;
        if (!*at)
            break;
    }
    /* One size means a square pixel or a round beam; a direction that is not given is zero. */
    if (n == 1 && n_max >= 2)
        memcpy(field + 8, field, 8);
    if (n < 3 && n_max == 3)
        memset(field + 16, 0, 8);
    return IB_OK;
}

/* The i-th of the words in "a|b|c"; 0 beyond the last. @return its length. */
static size_t choice_at(const char *range, int i, const char **word)
{
    while (i-- > 0) {
        range += strcspn(range, "|");
        if (!*range)
            return 0;
        range++;
    }
    *word = range;
    return strcspn(range, "|");
}

static ib_status read_choice(const row *o, const char *text, int *field, ib_error *err)
{
    const char *word;

    for (int i = 0;; i++) {
        const size_t n = choice_at(o->doc.range, i, &word);
        if (n == 0)
            return ib_fail(err, IB_EUSAGE, "\"%s\" is none of %s", text, o->doc.range);
        if (n == strlen(text) && !strncasecmp(text, word, n)) {
            *field = i;
            return IB_OK;
        }
    }
}

static ib_status read_value(const row *o, const char *text, ib_config *cfg, ib_error *err)
{
    char *field = (char *)cfg + o->offset;

    switch (o->type) {
    case TEXT:
        *(const char **)(void *)field = text;
        return IB_OK;
    case BOOL:
        return ib_text_to_bool(text, (int *)(void *)field, err);
    case CHOICE:
        return read_choice(o, text, (int *)(void *)field, err);
    case INT2:
    case ANGLE2:
        return read_numbers(o, text, field, 2, err);
    case ANGLE3:
        return read_numbers(o, text, field, 3, err);
    case INT:
    case REAL:
    case BYTES:
        break;
    }
    return read_numbers(o, text, field, 1, err);
}

static ib_text render_number(type kind, const char *field)
{
    ib_text text;

    switch (kind) {
    case REAL:
        return ib_text_exact(*(const double *)(const void *)field);
    case ANGLE2:
    case ANGLE3:
        return ib_text_exact_angle(*(const double *)(const void *)field);
    case BYTES:
        return ib_text_exact_bytes(*(const int64_t *)(const void *)field);
    default:
        snprintf(text.s, sizeof text.s, "%" PRId64, *(const int64_t *)(const void *)field);
        return text;
    }
}

bool ib_option_render(const ib_config *cfg, size_t i, char *text, size_t size)
{
    const row  *o = &rows[i];
    const char *field = (const char *)cfg + o->offset;
    const char *word = "";
    int         n = 0;

    if (o->type == TEXT) {
        n = snprintf(text, size, "%s", *(const char *const *)(const void *)field);
    } else if (o->type == BOOL) {
        n = snprintf(text, size, "%s", *(const int *)(const void *)field ? "yes" : "no");
    } else if (o->type == CHOICE) {
        const size_t len = choice_at(o->doc.range, *(const int *)(const void *)field, &word);
        n = snprintf(text, size, "%.*s", (int)len, word);
    } else {
        const int n_value = o->type == ANGLE3 ? 3 : o->type == ANGLE2 || o->type == INT2 ? 2 : 1;
        /* Equal sizes are one size; a zero size has no direction. */
        const bool same = n_value >= 2 && !memcmp(field, field + 8, 8);
        const bool plain = same && (n_value == 2 || *(const double *)(const void *)(field + 16) == 0);
        for (int k = 0; k < (plain ? 1 : n_value) && (size_t)n < size; k++)
            n += snprintf(text + n, size - (size_t)n, "%s%s", k ? "," : "", render_number(o->type, field + 8 * k).s);
    }
    return n >= 0 && (size_t)n < size;
}

void ib_config_default(ib_config *cfg)
{
    ib_error err;

    memset(cfg, 0, sizeof *cfg);
    cfg->input = "";
    for (size_t i = 0; i < N_ROWS; i++) {
        const ib_status rc = read_value(&rows[i], rows[i].doc.initial, cfg, &err);
        assert(!rc && "a default of src/options.def is outside its own range");
        (void)rc;
    }
}

/* ---- names ----------------------------------------------------------------------------------------------- */

static size_t find(const char *key, size_t len)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strlen(rows[i].doc.key) == len && !strncmp(rows[i].doc.key, key, len))
            return i;
    return N_ROWS;
}

static bool listed(const char *only, const char *key)
{
    const size_t n = strlen(key);

    if (!only)
        return true;
    for (const char *at = only; (at = strstr(at, key)); at += n)
        if ((at == only || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
            return true;
    return false;
}

static ib_status unknown(const char *key, size_t len, const char *only, ib_error *err)
{
    const char *names[N_ROWS + 3] = {"config", "help", "version"};
    char        word[64];
    size_t      n = 3;

    for (size_t i = 0; i < N_ROWS; i++)
        if (listed(only, rows[i].doc.key))
            names[n++] = rows[i].doc.key;
    snprintf(word, sizeof word, "%.*s", (int)len, key);
    const char *near = ib_nearest(word, names, n);
    if (near)
        return ib_fail(err, IB_EUSAGE, "there is no option \"%s\"; did you mean \"%s\"?", word, near);
    return ib_fail(err, IB_EUSAGE, "there is no option \"%s\"; imgbench --help lists them", word);
}

static ib_status no_meaning(const char *key, const char *only, ib_error *err)
{
    return ib_fail(err, IB_EUSAGE, "%s has no meaning here; this command takes %s", key, only);
}

/* ---- sources of values ----------------------------------------------------------------------------------- */

/* Every value is checked, also one that another source overrules: a wrong line in a file is wrong today, too. */
static ib_status set(ib_command *command, size_t i, const char *text, ib_origin origin, ib_error *err)
{
    ib_config       trial = command->cfg;
    const ib_status rc = read_value(&rows[i], text, &trial, err);

    if (!rc && origin >= command->origin[i]) {
        command->cfg = trial;
        command->origin[i] = origin;
    }
    return rc;
}

static ib_status from_environment(ib_command *command, const char *only, ib_error *err)
{
    char name[64];

    for (size_t i = 0; i < N_ROWS; i++) {
        ib_option_variable(i, name, sizeof name);
        const char *text = getenv(name);
        if (text && *text && listed(only, rows[i].doc.key) && set(command, i, text, IB_BY_ENVIRONMENT, err))
            return ib_within(err, "environment: %s: ", name);
    }
    return IB_OK;
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t n = strlen(text); n && isspace((unsigned char)text[n - 1]); n--)
        text[n - 1] = 0;
    return text;
}

/* One line of a file; comments start at # after a space or at the start, so that names may hold a #. */
static ib_status from_line(ib_command *command, char *line, const char *only, bool seen[N_ROWS + 1], ib_error *err)
{
    for (char *c = line; (c = strchr(c, '#')); c++)
        if (c == line || isspace((unsigned char)c[-1])) {
            *c = 0;
            break;
        }
    line = trim(line);
    if (!*line)
        return IB_OK;

    char *equals = strchr(line, '=');
    if (!equals)
        return ib_fail(err, IB_EUSAGE, "\"%s\" is not key = value", line);
    *equals = 0;
    const char  *key = trim(line), *value = trim(equals + 1);
    const bool   input = !strcmp(key, "input");
    const size_t i = find(key, strlen(key));
    if (i == N_ROWS && !input)
        return unknown(key, strlen(key), only, err);
    if (!input && !listed(only, key))
        return no_meaning(key, only, err);
    if (seen[i])
        return ib_fail(err, IB_EUSAGE, "%s is given twice", key);
    seen[i] = true;
    if (!input)
        return set(command, i, value, IB_BY_FILE, err) ? ib_within(err, "%s: ", key) : IB_OK;
    if (!*command->cfg.input)
        command->cfg.input = value;
    return IB_OK;
}

static ib_status from_file(ib_command *command, const char *path, const char *only, ib_error *err)
{
    ib_status rc = IB_OK;
    bool      seen[N_ROWS + 1] = {false};
    int       number = 0;
    FILE     *file = fopen(path, "rb");

    if (!file)
        return ib_fail(err, IB_EIO, "--config: open %s: %s", path, strerror(errno));
    command->file = ib_alloc_zero(MAX_FILE + 1, 1, "options of a file", err);
    if (!command->file) {
        rc = err->status;
        goto done;
    }
    const size_t n = fread(command->file, 1, MAX_FILE, file);
    if (ferror(file)) {
        rc = ib_fail(err, IB_EIO, "--config: read %s: %s", path, strerror(errno));
        goto done;
    }
    if (n == MAX_FILE || strlen(command->file) != n) {
        rc = ib_fail(err, IB_EUSAGE, "--config: %s is not a text of key = value lines below 1 MiB", path);
        goto done;
    }
    for (char *line = command->file, *next; !rc && line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        number++;
        if ((rc = from_line(command, line, only, seen, err)))
            ib_within(err, "--config: %s line %d: ", path, number);
    }
done:
    fclose(file);
    return rc;
}

/* A second word is the output of commands that write what they read, with options of their own. */
static ib_status take_input(ib_command *command, const char *text, const char *only, bool *taken, ib_error *err)
{
    const size_t output = find("output", 6);

    if (!*text)
        return ib_fail(err, IB_EUSAGE, "the input is an empty text; leave it out for the default simulation");
    if (*taken && only && listed(only, "output") && command->origin[output] < IB_BY_COMMAND_LINE)
        return set(command, output, text, IB_BY_COMMAND_LINE, err);
    if (*taken)
        return ib_fail(err, IB_EUSAGE, "two inputs, %s and %s; give one", command->cfg.input, text);
    *taken = true;
    command->cfg.input = text;
    return IB_OK;
}

/* An option at argv[*at]; moves *at to its last argument. */
static ib_status take_option(ib_command *command, int argc, char *const *argv, int *at, const char *only,
                             const char **path, ib_error *err)
{
    const char *key = !strcmp(argv[*at], "-o") ? "output" : argv[*at] + 2;
    size_t      len = strcspn(key, "=");
    const char *value = key[len] ? key + len + 1 : NULL;
    size_t      i = find(key, len);
    const bool  config = len == 6 && !strncmp(key, "config", 6);

    if (i == N_ROWS && !config && !strncmp(key, "no-", 3)) {
        i = find(key + 3, len - 3);
        if (i < N_ROWS && (rows[i].type != BOOL || value))
            return ib_fail(err, IB_EUSAGE, "%s: only a flag can be switched off like this, and takes no value then",
                           argv[*at]);
        value = "no";
    }
    if (i == N_ROWS && !config)
        return unknown(key, len, only, err);
    if (!config && !listed(only, rows[i].doc.key))
        return no_meaning(rows[i].doc.key, only, err);

    const bool flag = !config && rows[i].type == BOOL;
    if (!value && flag)
        value = "yes";
    if (!value) {
        if (*at + 1 >= argc || !strncmp(argv[*at + 1], "--", 2))
            return ib_fail(err, IB_EUSAGE, "--%s needs a value: %s", config ? "config" : rows[i].doc.key,
                           config ? "FILE" : rows[i].doc.argument);
        value = argv[++*at];
    }
    if (config) {
        *path = value;
        return IB_OK;
    }
    return set(command, i, value, IB_BY_COMMAND_LINE, err) ? ib_within(err, "--%s: ", rows[i].doc.key) : IB_OK;
}

ib_status ib_command_parse(ib_command *command, int argc, char *const *argv, const char *only, ib_error *err)
{
    const char *path = NULL;
    bool        taken = false, options = true;
    ib_status   rc = IB_OK;

    memset(command, 0, sizeof *command);
    ib_config_default(&command->cfg);
    for (int at = 0; at < argc && !rc; at++) {
        const char *text = argv[at];
        if (options && !strcmp(text, "--"))
            options = false;
        else if (!options || *text != '-' || !text[1])
            rc = take_input(command, text, only, &taken, err);
        else if (!strcmp(text, "--help") || !strcmp(text, "-h"))
            command->help = true;
        else if (!strcmp(text, "--version"))
            command->version = true;
        else if (!strncmp(text, "--", 2) || !strcmp(text, "-o"))
            rc = take_option(command, argc, argv, &at, only, &path, err);
        else
            rc = ib_fail(err, IB_EUSAGE, "there is no option %s; options are written --key value", text);
        if (command->help || command->version)
            return rc;
    }
    if (!rc)
        rc = from_environment(command, only, err);
    if (!rc && path)
        rc = from_file(command, path, only, err);
    return rc;
}

void ib_command_clear(ib_command *command)
{
    ib_free(command->file);
    command->file = NULL;
}
