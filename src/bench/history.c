/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/history.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "bench/history_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DEPTH = 4, LOST_AFTER_S = 86400 };

/* ---- files ----------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

/* Names of records below folder/below, without the folder. */
static ib_status find_records(const char *folder, const char *below, int depth, ib_names *found, ib_error *err)
{
    char           path[IB_MAX_PATH], name[IB_MAX_PATH];
    struct dirent *entry;
    ib_status      rc = IB_OK;
    struct stat    st;

    snprintf(path, sizeof path, "%s%s%s", folder, *below ? "/" : "", below);
    DIR *dir = opendir(path);
    if (!dir && depth == 0)
        return ib_fail(
            err, errno == ENOENT ? IB_ENODATA : IB_EIO,
            "no history: folder %.300s: %s; every launch leaves its record in results, or where --record says",
            folder, strerror(errno));
    while (dir && !rc && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        const int n = snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "", entry->d_name);
        const int m = snprintf(path, sizeof path, "%s/%.*s", folder, n, name);
        if (n >= IB_MAX_PATH || m >= IB_MAX_PATH)
            continue;
        if (ends_with(name, ".jsonl") || ends_with(name, ".jsonl.part"))
            rc = ib_names_add(found, name, err);
        else if (depth < MAX_DEPTH && !stat(path, &st) && S_ISDIR(st.st_mode))
            rc = find_records(folder, name, depth + 1, found, err);
    }
    if (dir)
        closedir(dir);
    return rc;
}

/* Whether the process that writes a record is alive: it holds a lock on it. */
static bool is_running(const char *path)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    struct stat  st;
    const int    fd = open(path, O_RDONLY);
    bool         running = false;

    if (fd < 0)
        return false;
    if (!fcntl(fd, F_GETLK, &lock))
        running = lock.l_type != F_UNLCK;
    else if (!fstat(fd, &st))
        running = time(NULL) - st.st_mtime < LOST_AFTER_S;
    close(fd);
    return running;
}

/* One file: skipped when it is as it was, else read. */
static ib_status sync_file(ib_history *h, const char *name, bool *changed, ib_error *err)
{
    char        path[2 * IB_MAX_PATH], why[160] = "", state[16] = "whole";
    struct stat st;
    int64_t     twins = 0;
    bool        known = false, newer = false, running = false;

    snprintf(path, sizeof path, "%s/%s", h->folder, name);
    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return IB_OK; /* renamed meanwhile; or a pipe, whose end would never come */
    const int64_t mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    sqlite3_stmt *s =
        ib_db_prepare(h, "SELECT 1 FROM source WHERE file = ? AND bytes = ? AND mtime_ns = ? AND state <> 'running'",
                      "sii", name, (int64_t)st.st_size, mtime);
    known = s && sqlite3_step(s) == SQLITE_ROW;
    sqlite3_finalize(s);
    if (known)
        return IB_OK;

    *changed = true;
    h->state.n_read++;
    running = ends_with(name, ".part") && is_running(path);
    ib_status rc = ib_db_finish(h, ib_db_prepare(h, "DELETE FROM source WHERE file = ?", "s", name), err);
    if (!rc)
        rc = ib_db_finish(h,
                          ib_db_prepare(h, "INSERT INTO source(file, bytes, mtime_ns) VALUES(?, ?, ?)", "sii", name,
                                        (int64_t)st.st_size, mtime),
                          err);
    const int64_t source = sqlite3_last_insert_rowid(h->db);
    if (!rc)
        rc = ib_history_read(h, source, path, running, &twins, why, &newer, err);
    if (running)
        snprintf(state, sizeof state, "running");
    else if (*why)
        snprintf(state, sizeof state, newer ? "newer" : "damaged");
    if (!rc)
        rc = ib_db_finish(h,
                          ib_db_prepare(h, "UPDATE source SET state = ?, why = ?, twins = ? WHERE id = ?", "ssii",
                                        state, why, twins, source),
                          err);
    return rc;
}

/* Forget what is gone. A run that stood in two files is then read again from the other. */
static ib_status forget_missing(ib_history *h, const ib_names *found, bool *changed, ib_error *err)
{
    ib_status rc = ib_db_execute(h, "CREATE TEMP TABLE present(file TEXT PRIMARY KEY)", err);

    for (size_t i = 0; i < found->n && !rc; i++)
        rc = ib_db_finish(h, ib_db_prepare(h, "INSERT OR IGNORE INTO present VALUES(?)", "s", found->text[i]), err);
    if (!rc)
        rc = ib_db_execute(h, "DELETE FROM source WHERE file NOT IN (SELECT file FROM present)", err);
    const int gone = rc ? 0 : sqlite3_changes(h->db);
    h->state.n_dropped = (size_t)gone;
    *changed |= gone > 0;
    if (gone)
        rc = ib_db_execute(h, "UPDATE source SET bytes = -1 WHERE twins > 0", err);
    return rc ? rc : ib_db_execute(h, "DROP TABLE present", err);
}

static int ascending(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static ib_status bring_up_to_date(ib_history *h, bool *changed, ib_error *err)
{
    ib_names  found = {0};
    ib_status rc = find_records(h->folder, "", 0, &found, err);

    if (!rc && found.n)
        qsort(found.text, found.n, sizeof *found.text, ascending);
    rc = rc ? rc : ib_db_execute(h, "BEGIN", err);
    rc = rc ? rc : forget_missing(h, &found, changed, err);
    for (size_t i = 0; i < found.n && !rc; i++)
        rc = sync_file(h, found.text[i], changed, err);
    rc = rc ? rc : ib_db_execute(h, "COMMIT", err);
    ib_names_clear(&found);
    return rc;
}

/* ---- opening --------------------------------------------------------------------------------------------- */

ib_status ib_history_open(ib_history **out, const char *folder, bool afresh, ib_error *err)
{
    ib_history *h = ib_alloc_zero(1, sizeof *h, "history", err);
    bool        changed = afresh;

    if (!h)
        return err->status;
    snprintf(h->folder, sizeof h->folder, "%s", folder);
    const int n = snprintf(h->state.path, sizeof h->state.path, "%s/imgbench.db", folder);
    ib_status rc =
        n < IB_MAX_PATH - 40 ? IB_OK : ib_fail(err, IB_EUSAGE, "folder %.80s... has too long a name", folder);
    rc = rc ? rc : ib_db_load(h, afresh, err);
    if (!rc && (rc = bring_up_to_date(h, &changed, err)) == IB_EIO && !access(folder, R_OK | X_OK)) {
        /* tables that are not what their version says: the records are the truth */
        snprintf(h->state.why, sizeof h->state.why, "its tables were damaged; it is made anew from the records");
        changed = true;
        rc = ib_db_reset(h, err);
        rc = rc ? rc : bring_up_to_date(h, &changed, err);
    }
    if (rc) {
        ib_history_close(h);
        return rc;
    }
    h->state.n_file = (size_t)ib_db_number(h, "SELECT count(*) FROM source");
    h->state.n_launch = (size_t)ib_db_number(h, "SELECT count(*) FROM run WHERE workload_id IS NOT NULL");
    h->state.n_damaged = (size_t)ib_db_number(h, "SELECT count(*) FROM source WHERE state = 'damaged'");
    h->state.n_newer = (size_t)ib_db_number(h, "SELECT count(*) FROM source WHERE state = 'newer'");
    if (changed || *h->state.why || !h->state.bytes)
        ib_db_save(h);
    *out = h;
    return IB_OK;
}

void ib_history_close(ib_history *h)
{
    if (!h)
        return;
    sqlite3_close(h->db);
    ib_names_clear(&h->text);
    ib_free(h);
}

const ib_history_state *ib_history_about(const ib_history *h)
{
    return &h->state;
}

void ib_history_warn(const ib_history *h)
{
    if (h->state.n_damaged + h->state.n_newer)
        ib_warn("%zu of %zu records could not be read in full; imgbench db check names them",
                h->state.n_damaged + h->state.n_newer, h->state.n_file);
}

void ib_history_problems(ib_history *h, void (*tell)(void *to, const char *file, const char *why, bool newer),
                         void       *to)
{
    sqlite3_stmt *s = ib_db_prepare(
        h, "SELECT file, why, state = 'newer' FROM source WHERE state IN ('damaged', 'newer') ORDER BY file", "");

    while (s && sqlite3_step(s) == SQLITE_ROW)
        tell(to, (const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1),
             sqlite3_column_int(s, 2));
    sqlite3_finalize(s);
}
