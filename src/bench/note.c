/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/note.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/trace.h"
#include "bench/arguments.h"
#include "bench/history.h"
#include "bench/json.h"
#include "bench/process.h"
#include "bench/record.h"
#include "bench/table.h"

#include <string.h>

/* clang-format off */
const ib_help_option ib_note_options[] = {
    {"text",       "WORDS",  "",        "why; it is shown wherever the note counts"},
    {"metric",     "NAME",   "",        "T or a phase; default: all of them"},
    {"where",      "TERMS",  "",        "the series that are meant, by terms of ls (machine=cobalt,ranks=4); default: all"},
    {"author",     "NAME",   "",        "who says so"},
    {"repository", "FOLDER", ".",       "where git is asked what a commit is"},
    {"record",     "FOLDER", "results", "where the records are"},
    {"format",     "NAME",   "table",   "of ls: table, json or md (Markdown)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

static const char *option(const char *const *value, const char *name)
{
    return ib_argument(ib_note_options, value, name);
}

/* The whole name of a commit, from git or from the launches that it has. */
static ib_status find_commit(ib_history *history, const char *word, const char *repository, char commit[64],
                             ib_error *err)
{
    char     revision[160];
    ib_past *launch = NULL;
    size_t   n = 0;

    snprintf(revision, sizeof revision, "%.140s^{commit}", word);
    char *ask[] = {"git", "-C", (char *)(uintptr_t)repository, "rev-parse", "--verify", "--quiet", revision, NULL};
    if (*word != '-' && !ib_process_line(ask, commit, 64) && *commit)
        return IB_OK;
    const ib_status rc = ib_history_select(
        history, &(ib_selection){.terms = word, .at_worst = IB_INVALID, .limit = 1}, &launch, &n, err);
    if (!rc && n)
        snprintf(commit, 64, "%s", launch->commit);
    ib_free(launch);
    return rc || n ? rc
                   : ib_fail(err, IB_ENODATA, "note: no launch of \"%.100s\", and git does not know it in %.200s",
                             word, repository);
}

static ib_status write_note(const char *const *value, int argc, char *const *argv, json_t *fields, const char *said,
                            FILE *out, ib_error *err)
{
    char         path[1024];
    char        *all[64] = {"imgbench", "note"};
    const int    n = argc < 60 ? argc : 60;
    const double now = ib_now();

    for (int i = 0; i < n; i++)
        all[2 + i] = argv[i];
    const ib_status rc = ib_record_write(option(value, "record"), "note", 2 + n, all, "note", fields, ib_now() - now,
                                         path, sizeof path, err);
    if (!rc)
        fprintf(out, "%s: %s\n", said, path);
    return rc;
}

static ib_status add(ib_history *history, const char *const *value, ib_note_kind kind, const char *word, int argc,
                     char *const *argv, FILE *out, ib_error *err)
{
    char      commit[64] = "", said[120];
    ib_past  *launch = NULL;
    size_t    n;
    ib_status rc = find_commit(history, word, option(value, "repository"), commit, err);
    bool      known = !*option(value, "metric") || !strcmp(option(value, "metric"), "T");

    for (int p = 0; p < IB_N_PHASES; p++)
        known |= !strcmp(option(value, "metric"), ib_phase_name((ib_phase)p));
    if (!rc && !known)
        rc = ib_fail(err, IB_EUSAGE, "note --metric: \"%.40s\" is neither T nor a phase", option(value, "metric"));
    if (!rc && kind == IB_NOTE_IGNORE && *option(value, "metric"))
        rc = ib_fail(err, IB_EUSAGE, "note ignore leaves whole launches out; --metric means nothing there");
    if (!rc && !*option(value, "text"))
        rc = ib_fail(err, IB_EUSAGE, "note %s: say why, with --text \"...\"", ib_note_name(kind));
    if (!rc && *option(value, "where")) { /* a term that means nothing is told now, not when it should have counted */
        rc = ib_history_select(history,
                               &(ib_selection){.terms = option(value, "where"),
                                               .repository = option(value, "repository"),
                                               .at_worst = IB_INVALID,
                                               .limit = 1},
                               &launch, &n, err);
        if (!rc && n == 0)
            rc = ib_fail(err, IB_ENODATA, "note --where: no launch satisfies %.200s", option(value, "where"));
        ib_free(launch);
    }
    if (rc)
        return rc;
    snprintf(said, sizeof said, "noted, %s at %.10s", ib_note_name(kind), commit);
    return write_note(value, argc, argv,
                      json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "kind", ib_note_name(kind), "commit", commit,
                                "metric", ib_json_text(option(value, "metric")), "where",
                                ib_json_text(option(value, "where")), "text", ib_json_text(option(value, "text")),
                                "author", ib_json_text(option(value, "author"))),
                      said, out, err);
}

static ib_status end(const ib_past_note *note, size_t n, const char *const *value, const char *word, int argc,
                     char *const *argv, FILE *out, ib_error *err)
{
    const ib_past_note *found = NULL;
    size_t              same = 0;

    for (size_t i = 0; i < n; i++)
        if (strlen(word) > 5 && !strncmp(note[i].run_id, word, strlen(word))) {
            found = &note[i];
            same++;
        }
    if (same != 1)
        return ib_fail(err, IB_ENODATA,
                       same ? "note expire: %.60s is the beginning of %zu notes; imgbench note ls names them in full"
                            : "note expire: %.60s is no note that holds (%zu); imgbench note ls names them",
                       word, same);
    return write_note(value, argc, argv,
                      json_pack("{s:s, s:s, s:o, s:o}", "kind", "expire", "ends", found->run_id, "text",
                                ib_json_text(option(value, "text")), "author", ib_json_text(option(value, "author"))),
                      "it no longer holds", out, err);
}

static ib_status list(const ib_past_note *note, size_t n, ib_form form, FILE *out, ib_error *err)
{
    static const ib_heading heading[] = {{"id", "id"},         {"started", "said (UTC)"}, {"kind", "kind"},
                                         {"commit", "commit"}, {"metric", "metric"},      {"where", "where"},
                                         {"author", "by"},     {"text", "text"}};
    ib_report              *report;
    const ib_status         rc = ib_report_begin(&report, out, form, err);

    if (rc)
        return rc;
    ib_report_table(report, "notes", heading, sizeof heading / sizeof *heading);
    for (size_t i = 0; i < n; i++)
        ib_report_row(report,
                      (const ib_cell[]){ib_cell_text(note[i].run_id), ib_cell_text(note[i].started),
                                        ib_cell_text(ib_note_name(note[i].kind)), ib_cell_text(note[i].commit),
                                        ib_cell_text(note[i].metric), ib_cell_text(note[i].where),
                                        ib_cell_text(note[i].author), ib_cell_text(note[i].text)});
    ib_report_table_end(report);
    return ib_report_end(report, err);
}

ib_status ib_annotate(int argc, char *const *argv, FILE *out, ib_error *err)
{
    const char   *value[IB_MAX_ARGUMENTS], *word[2], *names[IB_N_NOTES + 2] = {"ls", "expire"};
    size_t        n_word, n = 0;
    ib_form       form;
    ib_history   *history = NULL;
    ib_past_note *note = NULL;
    ib_note_kind  kind = IB_NOTE_ACCEPTED;

    for (int k = 0; k < IB_N_NOTES; k++)
        names[2 + k] = ib_note_name((ib_note_kind)k);
    ib_status rc = ib_arguments_words("note", ib_note_options, argc, argv, value, word, 2, &n_word, err);
    rc = rc ? rc : ib_form_parse(option(value, "format"), &form, err);
    if (rc)
        return rc;
    const char *action = n_word ? word[0] : "ls";
    const bool  lists = !strcmp(action, "ls"), ends = !strcmp(action, "expire");
    while (kind < IB_N_NOTES && strcmp(action, ib_note_name(kind)) != 0)
        kind++;
    if (!lists && !ends && kind == IB_N_NOTES) {
        const char *near = ib_nearest(action, names, IB_N_NOTES + 2);
        return ib_fail(
            err, IB_EUSAGE,
            "note takes ls, expire, accepted, known-regression, baseline-reset, machine-change, ignore or note, not \"%.40s\"%s%s",
            action, near ? "; did you mean " : "", near ? near : "");
    }
    if (lists ? n_word > 1 : n_word != 2)
        return ib_fail(err, IB_EUSAGE,
                       lists  ? "note ls takes no more words"
                       : ends ? "note expire takes the id of a note"
                              : "note %s takes a commit: imgbench note accepted HEAD --text \"...\"",
                       action);
    rc = ib_history_open(&history, option(value, "record"), false, err);
    rc = rc ? rc : ib_history_notes(history, &note, &n, err);
    if (!rc)
        rc = lists  ? list(note, n, form, out, err)
             : ends ? end(note, n, value, word[1], argc, argv, out, err)
                    : add(history, value, kind, word[1], argc, argv, out, err);
    ib_free(note);
    ib_history_close(history);
    return rc;
}
