/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/help.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/option.h"
#include "bench/facts.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { INDENT = 28, MIN_WIDTH = 60, MAX_WIDTH = 120, MAX_NAMES = 128 };

/* ---- prose ----------------------------------------------------------------------------------------------- */

/* Paragraphs are separated by empty lines; a line that starts with a space is kept as it is. */
static const struct topic {
    const char *name, *title, *text;
} topics[] = {
    {"selection", "what is imaged",
     "--field, --spw and --channels take numbers, ranges and, but for channels, names, separated by commas.\n"
     "\n"
     "    0,2-4          numbers and ranges (0~4 means the same)\n"
     "    10-100:5       every fifth from 10 to 100\n"
     "    M8*            names; * stands for any letters, ? for one\n"
     "\n"
     "Fields and spectral windows are numbered as in the input. Channels are counted within each selected window, "
     "from 0. A selection that means nothing is an error that says what there is.\n"
     "\n"
     "--times takes periods, both ends included, separated by commas; UTC.\n"
     "\n"
     "    2021-03-04T05:00~2021-03-04T06:30:10.5\n"
     "    05:00~06:30    on the day of the first row; 25:00 is of the next day\n"
     "    06:30~         to the end"},
    {"simulation", "observations made up on the spot",
     "An input of the form sim:PRESET[,key=value...] is simulated while it is read: no file, the same numbers for any "
     "number of ranks. Without an input a small observation with 3840 channels is simulated.\n"
     "\n"
     "time, baseline, channel and image scale a preset down: sim:chiles,channel=0.01,image=0.5. Other keys set counts, "
     "frequencies, sources, noise, flags and defects; a wrong key is answered with the list of all. "
     "docs/simulation.md describes them.\n"
     "\n"
     "imgbench simulate sim:PRESET,... FILE.h5 writes the same visibilities to a file, to be read from storage."},
    {"records", "what a launch leaves behind",
     "Every launch writes FOLDER/MACHINE/YYYY-MM/RUN.jsonl, FOLDER being --record: one JSON object per line. "
     "The first line (run) is written before the work: command line, parameters, ranks and processors, build, machine, "
     "batch job. Then follow rep (times of the phases, counts, memory), check (accuracy) and end (status, exit code, "
     "verdict with reasons). A launch that fails or is interrupted has its end line, too; a file that is still named "
     ".part belongs to a launch that runs, or was killed.\n"
     "\n"
     "Folders, user and host names are left out. The machine is named by IMGBENCH_MACHINE, else by its processor.\n"
     "\n"
     "The verdict is the last line on standard output:\n"
     "\n"
     "    RESULT reportable   may be quoted\n"
     "    RESULT valid        correct; a condition for quoting is missing\n"
     "    RESULT provisional  unchecked, or measured under conditions that distort times\n"
     "    RESULT invalid      wrong, or no result"},
    {"environment", "variables that are read",
     "IMGBENCH_KEY is the default of option --KEY, dashes written as underscores: IMGBENCH_MEMORY=8GiB. An empty one "
     "counts as not set. The command line wins over the environment, the environment over the file of --config, that "
     "file over the defaults.\n"
     "\n"
     "    IMGBENCH_MACHINE   name of this machine in the path of records\n"
     "    OMP_NUM_THREADS    threads per rank where --threads is 0\n"
     "    OMP_PROC_BIND, OMP_PLACES   where these threads run\n"
     "\n"
     "A file of options has lines of the form key = value; # starts a comment."},
};
enum { N_TOPICS = sizeof topics / sizeof *topics };

static const char usage[] = "imgbench [run] [OPTIONS] [INPUT]";

static const char purpose[] =
    "Image cubes from radio-interferometer visibilities, and how long they took. INPUT is a "
    "MeasurementSet, a UVFITS file, a file of visibilities written by imgbench convert or simulate, or "
    "sim:PRESET[,key=value...]. Start it with mpirun to use more than one rank.";

/* ---- plain text ------------------------------------------------------------------------------------------ */

static int terminal_width(void)
{
    struct winsize size;
    const char    *columns = getenv("COLUMNS");
    int            width = 80;

    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
        width = size.ws_col;
    else if (columns && *columns)
        width = (int)strtol(columns, NULL, 10);
    return width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
}

/* Words of one paragraph between columns indent and width; the cursor is at column `at`. Ends the line. */
static void wrap(FILE *out, const char *text, int at, int indent, int width)
{
    bool first = true;

    while (*text) {
        text += strspn(text, " ");
        const int n = (int)strcspn(text, " ");
        if (n == 0)
            break;
        if (!first && at + 1 + n > width) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
            first = true;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", n, text);
        at += n + !first;
        first = false;
        text += n;
    }
    fputc('\n', out);
}

static void wrap_text(FILE *out, const char *text, int width)
{
    char paragraph[1000];

    while (*text) {
        const int n = (int)strcspn(text, "\n");
        snprintf(paragraph, sizeof paragraph, "%.*s", n, text);
        if (*paragraph == ' ' || n == 0)
            fprintf(out, "%s\n", paragraph);
        else
            wrap(out, paragraph, 0, 0, width);
        text += n + (text[n] == '\n');
    }
}

static void put_entry(FILE *out, const char *name, const char *text, int width)
{
    int at = fprintf(out, "  %s", name);

    if (at + 2 > INDENT) {
        fputc('\n', out);
        at = 0;
    }
    fprintf(out, "%*s", INDENT - at, "");
    wrap(out, text, INDENT, INDENT, width);
}

static bool is_flag(const ib_option *o)
{
    return !*o->argument;
}

/* What may be given and what holds otherwise: "[3..129; default 7]"; nothing where the help text says it. */
static void values(const ib_option *o, char *text, size_t size)
{
    *text = 0;
    if (*o->initial)
        snprintf(text, size, "[%s%sdefault %s]", o->range, *o->range ? "; " : "", o->initial);
}

static void put_option(FILE *out, const ib_option *o, int width)
{
    char name[80], range[120], text[600];

    snprintf(name, sizeof name, is_flag(o) ? "--[no-]%s%s" : "--%s %s", o->key, o->argument);
    values(o, range, sizeof range);
    snprintf(text, sizeof text, "%s %s", o->help, range);
    put_entry(out, name, text, width);
}

static bool starts_group(size_t i)
{
    return i == 0 || strcmp(ib_option_at(i)->group, ib_option_at(i - 1)->group) != 0;
}

static void put_group(FILE *out, const char *group, int width)
{
    for (size_t i = 0; i < ib_option_count(); i++)
        if (!strcmp(ib_option_at(i)->group, group))
            put_option(out, ib_option_at(i), width);
}

static void put_commands(FILE *out, const ib_help_tables *tables, int width)
{
    char name[120];

    for (const ib_help_entry *c = tables->command; c->name; c++) {
        snprintf(name, sizeof name, "%s %s", c->name, c->arguments);
        put_entry(out, name, c->text, width);
    }
}

static void put_own_option(FILE *out, const ib_help_option *o, int width)
{
    char name[80], text[600];

    snprintf(name, sizeof name, "--%s %s", o->name, o->argument);
    snprintf(text, sizeof text, *o->initial ? "%s [default %s]" : "%s", o->text, o->initial);
    put_entry(out, name, text, width);
}

static void put_exit_codes(FILE *out, int width)
{
    const char *text;
    char        code[16];
    int         value;

    for (size_t i = 0; (value = ib_exit_code_row(i, &text)) >= 0; i++) {
        snprintf(code, sizeof code, "%4d", value);
        const int n = fprintf(out, "%s  ", code);
        wrap(out, text, n, n, width);
    }
}

void ib_help_overview(FILE *out, const ib_help_tables *tables)
{
    const int width = terminal_width();

    fprintf(out, "usage: %s\n\n", usage);
    wrap_text(out, purpose, width);
    fprintf(out, "\ncommands\n");
    put_commands(out, tables, width);
    for (size_t i = 0; i < ib_option_count(); i++)
        if (starts_group(i)) {
            fprintf(out, "\n%s\n", ib_option_at(i)->group);
            put_group(out, ib_option_at(i)->group, width);
        }
    fprintf(out, "\nother\n");
    put_entry(out, "--config FILE", "options from a file of lines key = value", width);
    put_entry(out, "--help, --version", "this text; version, commit and libraries", width);
    char   more[400];
    size_t n =
        (size_t)snprintf(more, sizeof more, "imgbench help TOPIC tells more: a group, an option, exit-codes, inputs");
    for (size_t i = 0; i < N_TOPICS && n < sizeof more; i++)
        n += (size_t)snprintf(more + n, sizeof more - n, ", %s", topics[i].name);
    fputc('\n', out);
    wrap(out, more, 0, 0, width);
}

/* ---- documents ------------------------------------------------------------------------------------------- */

/* Text for roff: a leading dot or quote is a request, a backslash an escape, a dash a hyphen unless said otherwise. */
static void put_roff(FILE *out, const char *text)
{
    bool start = true;

    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        start = *text == '\n';
    }
}

static void put_roff_text(FILE *out, const char *text)
{
    bool verbatim = false;

    while (*text) {
        const int n = (int)strcspn(text, "\n");
        char      line[1000];
        snprintf(line, sizeof line, "%.*s", n, text);
        const bool keep = *line == ' ';
        if (keep != verbatim)
            fputs(keep ? ".PP\n.nf\n" : ".fi\n.PP\n", out);
        else if (n == 0)
            fputs(".PP\n", out);
        verbatim = keep;
        if (n) {
            put_roff(out, line);
            fputc('\n', out);
        }
        text += n + (text[n] == '\n');
    }
    if (verbatim)
        fputs(".fi\n", out);
}

static void put_roff_heading(FILE *out, const char *request, const char *title)
{
    fprintf(out, "%s \"", request);
    for (; *title; title++)
        fputc(toupper((unsigned char)*title), out);
    fputs("\"\n", out);
}

static void put_man(FILE *out, const ib_help_tables *tables)
{
    char        range[120];
    const char *text;
    int         code;

    fprintf(out,
            ".TH IMGBENCH 1 \"\" \"imgbench %s\" \"User Commands\"\n.SH NAME\nimgbench \\- image cubes from "
            "radio\\-interferometer visibilities, and how long they took\n.SH SYNOPSIS\n",
            ib_build_facts()->version);
    for (const ib_help_entry *c = tables->command; c->name; c++) {
        fprintf(out, "%s.B imgbench %s\n", c == tables->command ? "" : ".br\n", c->name);
        put_roff(out, c->arguments);
        fputc('\n', out);
    }
    fprintf(out, ".SH DESCRIPTION\n");
    put_roff_text(out, purpose);
    for (const ib_help_entry *c = tables->command; c->name; c++) {
        fprintf(out, ".TP\n.B %s\n", c->name);
        put_roff(out, c->text);
        fputc('\n', out);
        for (const ib_help_option *o = c->option; o && o->name; o++) {
            fprintf(out, ".RS\n.TP\n.BR \\-\\-%s \" \\fI%s\\fR\"\n", o->name, o->argument);
            put_roff(out, o->text);
            if (*o->initial) {
                fputs(" [default ", out);
                put_roff(out, o->initial);
                fputc(']', out);
            }
            fputs("\n.RE\n", out);
        }
    }
    fprintf(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if (starts_group(i))
            put_roff_heading(out, ".SS", o->group);
        fprintf(out, ".TP\n.BR ");
        put_roff(out, is_flag(o) ? "--[no-]" : "--");
        put_roff(out, o->key);
        fputs(is_flag(o) ? "\n" : " \" \\fI", out);
        if (!is_flag(o)) {
            put_roff(out, o->argument);
            fputs("\\fR\"\n", out);
        }
        put_roff(out, o->help);
        values(o, range, sizeof range);
        fputc('\n', out);
        put_roff(out, range);
        fputs(*range ? "\n" : "", out);
    }
    fprintf(out, ".SS OTHER\n.TP\n.BR \\-\\-config \" \\fIFILE\\fR\"\noptions from a file of lines key = value\n.TP\n"
                 ".BR \\-\\-help \", \" \\-\\-version\nhelp; version, commit and libraries\n");
    fprintf(out, ".SH INPUTS\n");
    for (const ib_help_entry *f = tables->format; f->name; f++) {
        fprintf(out, ".TP\n.B %s\n", f->name);
        put_roff(out, f->text);
        fputc('\n', out);
    }
    for (size_t i = 0; i < N_TOPICS; i++) {
        put_roff_heading(out, ".SH", topics[i].name);
        put_roff_text(out, topics[i].text);
    }
    fprintf(out, ".SH \"EXIT STATUS\"\n");
    for (size_t i = 0; (code = ib_exit_code_row(i, &text)) >= 0; i++) {
        fprintf(out, ".TP\n.B %d\n", code);
        put_roff(out, text);
        fputc('\n', out);
    }
}

/* A cell of a Markdown table: a bar would end it, a star would start emphasis. */
static void put_cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' || *text == '*' || *text == '_' || *text == '<' ? "\\%c" : "%c", *text);
}

static void put_markdown(FILE *out, const ib_help_tables *tables)
{
    const char *text;
    int         code;

    fprintf(out,
            "# Options\n\nWritten by `imgbench help markdown` from `src/options.def`; `make docs` renews it.\n\n"
            "    %s\n\n%s\n",
            usage, purpose);
    fprintf(out, "\n## Commands\n\n| command | does |\n| --- | --- |\n");
    for (const ib_help_entry *c = tables->command; c->name; c++) {
        fprintf(out, "| `%s %s` | ", c->name, c->arguments);
        put_cell(out, c->text);
        fprintf(out, " |\n");
    }
    for (const ib_help_entry *c = tables->command; c->name; c++) {
        if (c->option)
            fprintf(out, "\n### Options of %s\n\n| option | default | meaning |\n| --- | --- | --- |\n", c->name);
        for (const ib_help_option *o = c->option; o && o->name; o++) {
            fprintf(out, "| `--%s%s%s` | ", o->name, *o->argument ? " " : "", o->argument);
            put_cell(out, o->initial);
            fprintf(out, " | ");
            put_cell(out, o->text);
            fprintf(out, " |\n");
        }
    }
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if (starts_group(i))
            fprintf(out, "\n## %c%s\n\n| option | default | range | meaning |\n| --- | --- | --- | --- |\n",
                    toupper((unsigned char)*o->group), o->group + 1);
        fprintf(out, is_flag(o) ? "| `--[no-]%s%s` | " : "| `--%s %s` | ", o->key, o->argument);
        put_cell(out, o->initial);
        fprintf(out, " | ");
        put_cell(out, o->range);
        fprintf(out, " | ");
        put_cell(out, o->help);
        fprintf(out, " |\n");
    }
    fprintf(
        out,
        "\n## Other\n\n| option | meaning |\n| --- | --- |\n| `--config FILE` | options from a file of lines key = "
        "value |\n| `--help`, `--version` | help; version, commit and libraries |\n");
    for (size_t i = 0; i < N_TOPICS; i++)
        fprintf(out, "\n## %c%s: %s\n\n%s\n", toupper((unsigned char)*topics[i].name), topics[i].name + 1,
                topics[i].title, topics[i].text);
    fprintf(out, "\n## Inputs\n\n");
    for (const ib_help_entry *f = tables->format; f->name; f++)
        fprintf(out, "- `%s`: %s\n", f->name, f->text);
    fprintf(out, "\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    for (size_t i = 0; (code = ib_exit_code_row(i, &text)) >= 0; i++)
        fprintf(out, "| %d | %s |\n", code, text);
}

static void put_completion(FILE *out, const ib_help_tables *tables)
{
    fprintf(out, "# bash completion of imgbench, from its table of options\n_imgbench()\n{\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "    case $before in\n");
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if (!strcmp(o->type, "CHOICE")) {
            fprintf(out, "    --%s) COMPREPLY=($(compgen -W '", o->key);
            for (const char *c = o->range; *c; c++)
                fputc(*c == '|' ? ' ' : *c, out);
            fprintf(out, "' -- \"$word\")); return ;;\n");
        }
    }
    fprintf(out,
            "    esac\n    if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W '--config --help --version");
    for (size_t i = 0; i < ib_option_count(); i++) {
        fprintf(out, " --%s", ib_option_name(i));
        if (is_flag(ib_option_at(i)))
            fprintf(out, " --no-%s", ib_option_name(i));
    }
    fprintf(out, "' -- \"$word\"))\n    elif ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W '");
    for (const ib_help_entry *c = tables->command; c->name; c++)
        fprintf(out, "%s%s", c == tables->command ? "" : " ", c->name);
    fprintf(out, "' -f -- \"$word\"))\n    else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
                 "complete -o filenames -F _imgbench imgbench\n");
}

/* ---- topics ---------------------------------------------------------------------------------------------- */

static ib_status unknown_topic(const char *topic, const ib_help_tables *tables, ib_error *err)
{
    const char *names[MAX_NAMES] = {"exit-codes", "inputs", "man", "markdown", "completion"};
    size_t      n = 5;

    for (size_t i = 0; i < N_TOPICS; i++)
        names[n++] = topics[i].name;
    for (const ib_help_entry *c = tables->command; c->name; c++)
        names[n++] = c->name;
    for (size_t i = 0; i < ib_option_count() && n + 2 < MAX_NAMES; i++) {
        if (starts_group(i))
            names[n++] = ib_option_at(i)->group;
        names[n++] = ib_option_name(i);
    }
    const char *near = ib_nearest(topic, names, n);
    if (near)
        return ib_fail(err, IB_EUSAGE, "there is no help on \"%s\"; did you mean \"%s\"?", topic, near);
    return ib_fail(err, IB_EUSAGE, "there is no help on \"%s\"; imgbench help lists the topics", topic);
}

ib_status ib_help_topic(FILE *out, const char *topic, const ib_help_tables *tables, ib_error *err)
{
    const int width = terminal_width();
    bool      found = true;

    topic += !strncmp(topic, "--", 2) ? 2 : 0;
    if (!strcmp(topic, "man"))
        put_man(out, tables);
    else if (!strcmp(topic, "markdown"))
        put_markdown(out, tables);
    else if (!strcmp(topic, "completion"))
        put_completion(out, tables);
    else if (!strcmp(topic, "exit-codes"))
        put_exit_codes(out, width);
    else if (!strcmp(topic, "inputs"))
        for (const ib_help_entry *f = tables->format; f->name; f++)
            put_entry(out, f->name, f->text, width);
    else
        found = false;
    if (found)
        return IB_OK;

    for (size_t i = 0; i < N_TOPICS; i++)
        if (!strcmp(topic, topics[i].name)) {
            fprintf(out, "%s: %s\n\n", topics[i].name, topics[i].title);
            wrap_text(out, topics[i].text, width);
            found = true;
        }
    /* A word may be a group, an option and a command at once (weighting): tell all. */
    for (const ib_help_entry *c = tables->command; c->name; c++)
        if (!strcmp(topic, c->name)) {
            fprintf(out, "usage: imgbench %s %s\n\n", c->name, c->arguments);
            wrap_text(out, c->text, width);
            if (c->option)
                fputc('\n', out);
            for (const ib_help_option *o = c->option; o && o->name; o++)
                put_own_option(out, o, width);
            found = true;
        }
    for (size_t i = 0; i < ib_option_count(); i++) {
        const ib_option *o = ib_option_at(i);
        if (starts_group(i) && !strcmp(topic, o->group)) {
            put_group(out, o->group, width);
            return IB_OK;
        }
    }
    for (size_t i = 0; i < ib_option_count(); i++)
        if (!strcmp(topic, ib_option_name(i))) {
            char variable[64];
            put_option(out, ib_option_at(i), width);
            ib_option_variable(i, variable, sizeof variable);
            fprintf(out, "%*sin the environment: %s\n", INDENT, "", variable);
            found = true;
        }
    return found ? IB_OK : unknown_topic(topic, tables, err);
}
