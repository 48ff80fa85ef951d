/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "io/journal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/trace.h"
#include "base/watch.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    VERSION = 1,
    PATH = 600,
    HEARTBEAT = 10,  /* s between signs of life */
    STALE = 120,     /* s without one after which another host's lock is taken over */
    FLUSH_EVERY = 2, /* s */
    MOST_HEADER = 1 << 30
};

static const char magic[8] = "IBRUN\r\n\1", mark[4] = "IBJ1";

uint64_t ib_digest(uint64_t before, const void *bytes, size_t n)
{
    return XXH3_64bits_withSeed(bytes, n, before);
}

void ib_digest_plane(const void *bytes, size_t n, uint64_t hash[2])
{
    const XXH128_hash_t both = XXH3_128bits(bytes, n);

    hash[0] = both.low64;
    hash[1] = both.high64;
}

static void name_file(char path[PATH], const char *folder, const char *name)
{
    snprintf(path, PATH, "%.520s/%.70s", folder, name);
}

static ib_status sync_directory(const char *folder, ib_error *err)
{
    const int  fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool failed = fd < 0 || (fsync(fd) && errno != EINVAL);
    const int  why = errno;

    if (fd >= 0)
        close(fd);
    return failed ? ib_fail(err, IB_EIO, "flush folder %s to the device: %s", folder, strerror(why)) : IB_OK;
}

/* ---- lock -------------------------------------------------------------------------------------------------------- */

/* When a process began, in ticks since the system did: tells it from a later one with the same number. 0: there is none. */
static unsigned long long began(int pid)
{
    char               path[40], text[1024];
    unsigned long long ticks = 0;
    char               state = 'X';

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    const size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    const char *after = strrchr(text, ')'); /* the name before may hold anything */
    if (after && sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                        &state, &ticks) != 2)
        ticks = 0;
    return state == 'Z' || state == 'X' ? 0 : ticks; /* ended, and nobody has asked how */
}

typedef enum holder { NOBODY, HERE, ELSEWHERE } holder;

/* Who holds a lock, if he lives; elsewhere as far as the time of his last sign of life tells. */
static holder find_holder(const char *path, char *who, size_t size)
{
    char               host[65] = "", here[65] = "";
    int                pid = 0;
    unsigned long long ticks = 0;
    struct stat        info;
    FILE              *file = fopen(path, "r");

    if (!file)
        return NOBODY;
    const int n = fscanf(file, "%64s %d %llu", host, &pid, &ticks);
    fclose(file);
    gethostname(here, sizeof here - 1);
    snprintf(who, size, "process %d on %s", pid, host);
    if (n == 3 && !strcmp(host, here))
        return pid != getpid() && ticks && began(pid) == ticks ? HERE : NOBODY;
    return !stat(path, &info) && time(NULL) - info.st_mtime < STALE ? ELSEWHERE : NOBODY;
}

/* Wait until somebody elsewhere has been silent for so long that he is dead. @return false: he has given a sign of life */
static bool falls_silent(const char *path, const char *who)
{
    struct stat first, now;

    if (stat(path, &first))
        return true;
    ib_say("%s has begun this run and gave its last sign of life %lld s ago; waits whether there is another one", who,
           (long long)(time(NULL) - first.st_mtime));
    while (!stat(path, &now) && time(NULL) - now.st_mtime < STALE) {
        if (now.st_mtim.tv_sec != first.st_mtim.tv_sec || now.st_mtim.tv_nsec != first.st_mtim.tv_nsec)
            return false;
        sleep(1);
    }
    return true;
}

/* The thread that gives signs of life, one lock per process. */
static struct {
    char            path[PATH];
    pthread_t       thread;
    pthread_mutex_t mutex;
    pthread_cond_t  change;
    bool            on, end;
} beat = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void *keep_lock(void *unused)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    pthread_mutex_lock(&beat.mutex);
    while (!beat.end) {
        until.tv_sec += HEARTBEAT;
        while (!beat.end && !pthread_cond_timedwait(&beat.change, &beat.mutex, &until)) {
        }
        if (!beat.end)
            utimensat(AT_FDCWD, beat.path, NULL, 0);
    }
    pthread_mutex_unlock(&beat.mutex);
    return unused;
}

/* A thread that leaves signals to the main thread, and a condition by the clock that nobody sets. */
static int start_thread(pthread_t *thread, pthread_cond_t *change, void *(*body)(void *), void *self)
{
    pthread_condattr_t clock;

    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(change, &clock);
    pthread_condattr_destroy(&clock);
    const int failed = ib_thread_start(thread, body, self);
    if (failed)
        pthread_cond_destroy(change);
    return failed;
}

static void stop_beating(void)
{
    if (!beat.on)
        return;
    pthread_mutex_lock(&beat.mutex);
    beat.end = true;
    pthread_cond_signal(&beat.change);
    pthread_mutex_unlock(&beat.mutex);
    pthread_join(beat.thread, NULL);
    pthread_cond_destroy(&beat.change);
    beat.on = false;
}

/* Without that thread the lock is believed for STALE seconds only: better than no run. */
static void start_beating(const char *path)
{
    stop_beating();
    snprintf(beat.path, sizeof beat.path, "%s", path);
    beat.end = false;
    beat.on = !start_thread(&beat.thread, &beat.change, keep_lock, NULL);
}

ib_status ib_journal_lock(const char *folder, bool patient, ib_error *err)
{
    char path[PATH], who[120], host[65] = "";

    if (mkdir(folder, 0777) && errno != EEXIST)
        return ib_fail(err, IB_EIO, "create folder %s: %s; choose another --output", folder, strerror(errno));
    name_file(path, folder, "lock");
    for (int attempt = 0; attempt < 3; attempt++) {
        const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            gethostname(host, sizeof host - 1);
            dprintf(fd, "%s %d %llu\n", *host ? host : "?", (int)getpid(), began((int)getpid()));
            close(fd);
            start_beating(path);
            return IB_OK;
        }
        if (errno != EEXIST)
            return ib_fail(err, IB_EIO, "create %s: %s; choose another --output", path, strerror(errno));
        const holder by = find_holder(path, who, sizeof who);
        if (by == HERE || (by == ELSEWHERE && !(patient && falls_silent(path, who))))
            return ib_fail(err, IB_EUSAGE,
                           "another job (%s) is writing this output; wait for its end, or choose another --output",
                           who);
        if (unlink(path) && errno != ENOENT)
            return ib_fail(err, IB_EIO, "remove %s: %s; choose another --output", path, strerror(errno));
    }
    return ib_fail(err, IB_EUSAGE, "other jobs keep taking %s; choose another --output", path);
}

void ib_journal_unlock(const char *folder)
{
    char path[PATH];

    stop_beating();
    name_file(path, folder, "lock");
    unlink(path);
    rmdir(folder);
}

/* ---- header ------------------------------------------------------------------------------------------------------ */

typedef struct buffer {
    char  *bytes;
    size_t n, room;
    bool   failed; /* no memory, or nothing left to take */
} buffer;

static void put(buffer *b, const void *bytes, size_t n)
{
    if (!b->failed && b->n + n > b->room) {
        const size_t room = 2 * (b->n + n);
        char        *more = realloc(b->bytes, room);
        b->failed = !more;
        b->bytes = more ? more : b->bytes;
        b->room = more ? room : b->room;
    }
    if (!b->failed && n)
        memcpy(b->bytes + b->n, bytes, n);
    b->n += b->failed ? 0 : n;
}

static void put_number(buffer *b, uint64_t x)
{
    put(b, &x, sizeof x);
}

static void put_text(buffer *b, const char *text)
{
    put_number(b, strlen(text) + 1);
    put(b, text, strlen(text) + 1);
}

static const void *take(buffer *b, size_t n)
{
    const void *at = b->bytes + b->n;

    b->failed = b->failed || n > b->room - b->n;
    b->n += b->failed ? 0 : n;
    return b->failed ? NULL : at;
}

static uint64_t take_number(buffer *b)
{
    const void *at = take(b, sizeof(uint64_t));
    uint64_t    x = 0;

    if (at)
        memcpy(&x, at, sizeof x);
    return x;
}

static const char *take_text(buffer *b)
{
    const uint64_t n = take_number(b);
    const char    *text = take(b, n);

    b->failed = b->failed || !n || text[n - 1];
    return b->failed ? "" : text;
}

/* The part of a file that is not planes and follows region k in the order of offsets; k -1: before all of them. */
static ib_range gap_after(const ib_layout *l, int k)
{
    uint64_t from = k < 0 ? 0 : l->offset[k] + l->length[k], to = l->bytes;

    for (int i = 0; i < IB_MAX_REGIONS; i++)
        if (l->length[i] && l->offset[i] >= from && l->offset[i] < to)
            to = l->offset[i];
    return (ib_range){from, to - from};
}

static ib_status put_gaps(buffer *b, const ib_layout *l, ib_error *err)
{
    const int fd = ib_file_attach(l, err);

    if (fd < 0)
        return err->status;
    ib_status rc =
        fsync(fd) ? ib_fail(err, IB_EIO, "flush %s to the device: %s", l->partial, strerror(errno)) : IB_OK;
    for (int k = -1; !rc && k < IB_MAX_REGIONS; k++) {
        if (k >= 0 && !l->length[k])
            continue;
        const ib_range gap = gap_after(l, k);
        char          *bytes = malloc(gap.n + 1);
        if (!bytes)
            rc = ib_fail(err, IB_ENOMEM, "the system refused %zu bytes for the header of the run", gap.n);
        else if (pread(fd, bytes, gap.n, (off_t)gap.first) != (ssize_t)gap.n)
            rc = ib_fail(err, IB_EIO, "read %s: %s", l->partial, strerror(errno));
        put_number(b, gap.first);
        put_number(b, gap.n);
        if (!rc)
            put(b, bytes, gap.n);
        free(bytes);
    }
    put_number(b, UINT64_MAX);
    close(fd);
    return rc;
}

/* A whole file under a temporary name, then its own. */
static ib_status write_durably(const char *folder, const char *name, const void *bytes, size_t n, ib_error *err)
{
    char path[PATH], fresh[PATH + 8];

    name_file(path, folder, name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    const int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return ib_fail(err, IB_EIO, "create %s: %s", fresh, strerror(errno));
    ib_status rc = ib_file_write(fd, fresh, bytes, n, 0, err);
    if (!rc)
        rc = ib_file_detach(fd, fresh, err);
    else
        close(fd);
    if (!rc && rename(fresh, path))
        rc = ib_fail(err, IB_EIO, "rename %s: %s", fresh, strerror(errno));
    return rc ? rc : sync_directory(folder, err);
}

bool ib_journal_exists(const char *folder)
{
    char path[PATH];

    name_file(path, folder, "header");
    return !access(path, F_OK);
}

ib_status ib_journal_begin(const char *folder, ib_ledger *ledger, ib_error *err)
{
    buffer    b = {0};
    ib_status rc = IB_OK;

    if (getrandom(&ledger->run_id, sizeof ledger->run_id, 0) != sizeof ledger->run_id)
        ledger->run_id = (uint64_t)time(NULL) << 32 ^ (uint64_t)getpid();
    put(&b, magic, sizeof magic);
    put_number(&b, VERSION);
    put_number(&b, ledger->run_id);
    put_number(&b, ledger->n_unit);
    put_number(&b, ledger->payload);
    put_text(&b, ledger->wisdom);
    put_text(&b, ledger->fft_plan);
    put_number(&b, ledger->n_note);
    for (size_t i = 0; i < ledger->n_note; i++) {
        put_text(&b, ledger->note[i].name);
        put_text(&b, ledger->note[i].value);
    }
    put_number(&b, ledger->n_layout);
    for (size_t i = 0; !rc && i < ledger->n_layout; i++) {
        put_number(&b, sizeof(ib_layout));
        put(&b, &ledger->layout[i], sizeof(ib_layout));
        rc = put_gaps(&b, &ledger->layout[i], err);
    }
    put_number(&b, XXH3_64bits(b.bytes, b.failed ? 0 : b.n));
    if (!rc && b.failed)
        rc = ib_fail(err, IB_ENOMEM, "the system refused memory for the header of the run");
    if (!rc)
        rc = write_durably(folder, "header", b.bytes, b.n, err);
    free(b.bytes);
    return rc;
}

static ib_status read_whole(const char *path, buffer *b, ib_error *err)
{
    struct stat info;
    const int   fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &info)) {
        ib_fail(err, IB_EIO, "open %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err->status;
    }
    b->room = (size_t)info.st_size;
    b->n = 0;
    b->bytes = info.st_size <= MOST_HEADER ? malloc(b->room + 1) : NULL;
    size_t  got = 0;
    ssize_t n = 1;
    while (b->bytes && got < b->room && (n = read(fd, b->bytes + got, b->room - got)) > 0)
        got += (size_t)n;
    close(fd);
    if (!b->bytes)
        return ib_fail(err, IB_EDATA, "%s has %lld bytes, too many; give --overwrite to begin anew", path,
                       (long long)info.st_size);
    if (got == b->room)
        return IB_OK;
    free(b->bytes);
    b->bytes = NULL;
    return ib_fail(err, IB_EIO, "read %s: %s", path, n < 0 ? strerror(errno) : "it ends early");
}

static bool parse(buffer *b, ib_ledger *l)
{
    const char *begin = take(b, sizeof magic);

    if (!begin || memcmp(begin, magic, sizeof magic) || take_number(b) != VERSION)
        return false;
    l->run_id = take_number(b);
    l->n_unit = take_number(b);
    l->payload = take_number(b);
    l->wisdom = take_text(b);
    l->fft_plan = take_text(b);
    l->n_note = take_number(b);
    if (b->failed || l->n_note > 4096 || !(l->own_note = calloc(l->n_note + 1, sizeof(ib_note))))
        return false;
    ib_note *note = l->own_note;
    for (size_t i = 0; i < l->n_note; i++) {
        note[i].name = take_text(b);
        note[i].value = take_text(b);
    }
    l->note = note;
    l->n_layout = take_number(b);
    if (b->failed || l->n_layout > IB_MAX_OUTPUTS || !(l->own_layout = calloc(l->n_layout + 1, sizeof(ib_layout))))
        return false;
    l->layout = l->own_layout;
    for (size_t i = 0; i < l->n_layout; i++) {
        const void *layout = take_number(b) == sizeof(ib_layout) ? take(b, sizeof(ib_layout)) : NULL;
        if (!layout)
            return false;
        memcpy(&l->layout[i], layout, sizeof(ib_layout));
        while (!b->failed && take_number(b) != UINT64_MAX)
            take(b, take_number(b));
    }
    return !b->failed;
}

ib_status ib_journal_recall(const char *folder, ib_ledger *ledger, ib_error *err)
{
    char     path[PATH];
    buffer   b = {0};
    uint64_t digest;

    memset(ledger, 0, sizeof *ledger);
    name_file(path, folder, "header");
    if (read_whole(path, &b, err))
        return err->status;
    ledger->image = b.bytes;
    const bool whole = b.room > sizeof digest;
    if (whole) {
        b.room -= sizeof digest;
        memcpy(&digest, b.bytes + b.room, sizeof digest);
    }
    if (!whole || digest != XXH3_64bits(b.bytes, b.room) || !parse(&b, ledger)) {
        ib_ledger_clear(ledger);
        return ib_fail(err, IB_EDATA,
                       "%s is damaged, or of another version of imgbench; give --overwrite to begin anew", path);
    }
    return IB_OK;
}

void ib_ledger_clear(ib_ledger *ledger)
{
    free(ledger->image);
    free(ledger->own_note);
    free(ledger->own_layout);
    memset(ledger, 0, sizeof *ledger);
}

ib_status ib_journal_restore(const ib_ledger *ledger, size_t k, const char *partial, ib_error *err)
{
    ib_layout   layout = ledger->layout[k];
    struct stat info;
    buffer      b = {.bytes = ledger->image, .room = SIZE_MAX / 2};

    snprintf(layout.partial, sizeof layout.partial, "%s", partial);
    if (stat(partial, &info) || (uint64_t)info.st_size < layout.bytes)
        return ib_fail(err, IB_EDATA,
                       "%s is gone or cut short, so the run cannot go on; give --overwrite to begin anew", partial);
    const int fd = ib_file_attach(&layout, err);
    if (fd < 0)
        return err->status;
    ib_status rc =
        ftruncate(fd, (off_t)layout.bytes) ? ib_fail(err, IB_EIO, "shorten %s: %s", partial, strerror(errno)) : IB_OK;

    /* Along the header once more, up to this file's parts. */
    take(&b, sizeof magic);
    for (int i = 0; i < 4; i++)
        take_number(&b);
    take_text(&b);
    take_text(&b);
    for (uint64_t n = take_number(&b); n > 0; n--) {
        take_text(&b);
        take_text(&b);
    }
    take_number(&b);
    for (size_t i = 0; !rc && i <= k; i++) {
        take(&b, take_number(&b));
        for (uint64_t offset; !rc && (offset = take_number(&b)) != UINT64_MAX;) {
            const uint64_t n = take_number(&b);
            const void    *bytes = take(&b, n);
            if (i == k)
                rc = ib_file_write(fd, partial, bytes, n, offset, err);
        }
    }
    close(fd);
    return rc;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

/* In front of the payload; the digest of both stands behind it. */
typedef struct record {
    char     mark[4];
    uint32_t size;
    uint64_t run_id, unit;
    uint32_t epoch, sequence;
} record;

static size_t record_size(const ib_ledger *ledger)
{
    return sizeof(record) + ledger->payload + sizeof(uint64_t);
}

static bool is_good(const ib_ledger *ledger, const char *bytes)
{
    record   head;
    uint64_t digest;
    size_t   n = sizeof head + ledger->payload;

    memcpy(&head, bytes, sizeof head);
    memcpy(&digest, bytes + n, sizeof digest);
    return !memcmp(head.mark, mark, sizeof mark) && head.size == record_size(ledger) &&
           head.run_id == ledger->run_id && head.unit < ledger->n_unit && digest == XXH3_64bits(bytes, n);
}

/* Record by record: there may be more of them than fit the memory that a run was promised to need. */
static ib_status read_journal(const char *path, const ib_ledger *ledger, char *records, uint8_t *done, size_t *damage,
                              ib_error *err)
{
    const size_t size = record_size(ledger);
    ib_status    rc = IB_OK;
    bool         torn = false;
    FILE        *file = fopen(path, "rbe");
    char        *bytes = malloc(size);

    if (!bytes)
        rc = ib_fail(err, IB_ENOMEM, "the system refused %zu bytes for a record of %s", size, path);
    while (!rc && file && fread(bytes, size, 1, file) == 1) {
        if (!is_good(ledger, bytes)) {
            torn = true;
            continue;
        }
        if (torn) { /* not the end that was cut off: something broke inside */
            ++*damage;
            continue;
        }
        record head;
        memcpy(&head, bytes, sizeof head);
        if (records)
            memcpy(records + head.unit * ledger->payload, bytes + sizeof head, ledger->payload);
        done[head.unit] = 1;
    }
    if (!rc && (!file || ferror(file)))
        rc = ib_fail(err, IB_EIO, "read %s: %s", path, strerror(errno));
    if (file)
        fclose(file);
    free(bytes);
    return rc;
}

ib_status ib_journal_scan(const char *folder, const ib_ledger *ledger, void *records, uint8_t *done, uint32_t *epoch,
                          size_t *damage, ib_error *err)
{
    DIR      *dir = opendir(folder);
    ib_status rc = IB_OK;
    uint32_t  last = 0;

    if (!dir)
        return ib_fail(err, IB_EIO, "open folder %s: %s", folder, strerror(errno));
    *damage = 0;
    memset(done, 0, ledger->n_unit);
    for (const struct dirent *entry; !rc && (entry = readdir(dir));) {
        char     path[PATH], extra;
        unsigned e, r;
        if (strlen(entry->d_name) > 40 || sscanf(entry->d_name, "journal.%u.%u%c", &e, &r, &extra) != 2)
            continue;
        last = e > last ? e : last;
        name_file(path, folder, entry->d_name);
        rc = read_journal(path, ledger, records, done, damage, err);
    }
    closedir(dir);
    *epoch = last + 1;
    return rc;
}

/* ---- taking down ------------------------------------------------------------------------------------------------- */

struct ib_journal {
    char      path[PATH];
    int       fd;
    ib_ledger ledger; /* of which numbers are used */
    uint32_t  epoch, sequence;
    ib_status (*sync)(void *self, ib_error *err);
    void *self;

    double every; /* s between flushes */

    pthread_t       thread;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t  change;
    buffer          waiting;
    size_t          n_waiting, finished;
    bool            end;
    ib_error        error;
};

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Data first, then the records that speak of them. */
static ib_status flush(ib_journal *j, const buffer *records, ib_error *err)
{
    struct stat info;
    ib_status   rc = j->sync(j->self, err);

    if (!rc && !fstat(j->fd, &info) && !info.st_nlink)
        rc = ib_fail(err, IB_EIO, "somebody has removed %s while the run went on; start it again", j->path);
    for (size_t at = 0; !rc && at < records->n;) {
        ib_wait wait;
        ib_wait_begin(&wait, "writing", j->path);
        const ssize_t n = write(j->fd, records->bytes + at, records->n - at);
        ib_wait_end(&wait);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ib_fail(err, IB_EIO, "write %s: %s", j->path, n ? strerror(errno) : "nothing was taken");
        at += (size_t)n;
    }
    return rc ? rc : ib_file_sync(j->fd, j->path, err);
}

static void *keep(void *self)
{
    ib_journal *j = self;
    double      flushed = seconds();
    buffer      records = {0};

    ib_track_name("journal", -1);
    pthread_mutex_lock(&j->mutex);
    for (;;) {
        const double now = seconds();
        if (j->n_waiting && !j->error.status && (j->end || now - flushed >= j->every)) {
            const buffer taken = j->waiting;
            const size_t n = j->n_waiting;
            ib_error     error = {IB_OK, -1, ""};

            j->waiting = records;
            j->waiting.n = j->n_waiting = 0;
            pthread_mutex_unlock(&j->mutex);
            const ib_status rc = flush(j, &taken, &error);
            flushed = seconds();
            pthread_mutex_lock(&j->mutex);
            records = taken;
            j->finished += rc ? 0 : n;
            if (rc)
                j->error = error;
            continue;
        }
        if (j->end)
            break;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&j->change, &j->mutex, &until);
    }
    pthread_mutex_unlock(&j->mutex);
    free(records.bytes);
    return NULL;
}

ib_status ib_journal_open(ib_journal **out, const char *folder, const ib_ledger *ledger, uint32_t epoch, int rank,
                          ib_status (*sync)(void *self, ib_error *err), void *self, ib_error *err)
{
    char        name[60];
    ib_journal *j = ib_alloc_zero(1, sizeof *j, "journal", err);

    *out = NULL;
    if (!j)
        return err->status;
    j->ledger = *ledger;
    j->epoch = epoch;
    j->sync = sync;
    j->self = self;
    j->every = getenv("IMGBENCH_FLUSH_S") ? strtod(getenv("IMGBENCH_FLUSH_S"), NULL) : FLUSH_EVERY;
    snprintf(name, sizeof name, "journal.%u.%d", epoch, rank);
    name_file(j->path, folder, name);
    j->fd = open(j->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    ib_status rc = IB_OK;
    if (j->fd < 0)
        rc = ib_fail(err, IB_EIO, "create %s: %s", j->path, strerror(errno));
    else if (fsync(j->fd))
        rc = ib_fail(err, IB_EIO, "flush %s to the device: %s", j->path, strerror(errno));
    if (!rc)
        rc = sync_directory(folder, err);
    pthread_mutex_init(&j->mutex, NULL);
    const int failed = rc ? 0 : start_thread(&j->thread, &j->change, keep, j);
    if (failed)
        rc = ib_fail(err, IB_EIO, "start the thread of the journal: %s", strerror(failed));
    if (!rc) {
        *out = j;
        return IB_OK;
    }
    if (j->fd >= 0)
        close(j->fd);
    ib_free(j);
    return rc;
}

ib_status ib_journal_add(ib_journal *j, uint64_t unit, const void *payload, ib_error *err)
{
    record head = {
        .size = (uint32_t)record_size(&j->ledger), .run_id = j->ledger.run_id, .unit = unit, .epoch = j->epoch};

    memcpy(head.mark, mark, sizeof mark);
    pthread_mutex_lock(&j->mutex);
    const size_t begin = j->waiting.n;
    head.sequence = j->sequence++;
    put(&j->waiting, &head, sizeof head);
    put(&j->waiting, payload, j->ledger.payload);
    put_number(&j->waiting, j->waiting.failed ? 0 : XXH3_64bits(j->waiting.bytes + begin, j->waiting.n - begin));
    if (j->waiting.failed && !j->error.status)
        ib_fail(&j->error, IB_ENOMEM, "the system refused memory for the journal");
    j->n_waiting++;
    if (!(j->every > 0))
        pthread_cond_signal(&j->change);
    const ib_error error = j->error;
    pthread_mutex_unlock(&j->mutex);
    if (error.status)
        *err = error;
    return error.status;
}

ib_status ib_journal_close(ib_journal *j, size_t *finished, ib_error *err)
{
    if (finished)
        *finished = 0;
    if (!j)
        return IB_OK;
    pthread_mutex_lock(&j->mutex);
    j->end = true;
    pthread_cond_signal(&j->change);
    pthread_mutex_unlock(&j->mutex);
    const ib_stay stay = ib_enter(IB_STORING);
    pthread_join(j->thread, NULL);
    ib_leave(stay, "wait for the journal", -1);
    if (finished)
        *finished = j->finished;
    const ib_error error = j->error;
    if (error.status)
        *err = error;
    pthread_cond_destroy(&j->change);
    pthread_mutex_destroy(&j->mutex);
    close(j->fd);
    free(j->waiting.bytes);
    ib_free(j);
    return error.status;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

ib_status ib_journal_mark_complete(const char *folder, ib_error *err)
{
    return write_durably(folder, "complete", "", 0, err);
}

bool ib_journal_is_complete(const char *folder)
{
    char path[PATH];

    name_file(path, folder, "complete");
    return !access(path, F_OK);
}

void ib_journal_discard(const char *folder)
{
    DIR *dir = opendir(folder);
    char path[PATH];

    if (!dir)
        return;
    name_file(path, folder, "header"); /* first: without it, the rest means nothing */
    unlink(path);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (!strncmp(entry->d_name, "journal.", 8) || !strncmp(entry->d_name, "header", 6) ||
            !strncmp(entry->d_name, "complete", 8)) {
            name_file(path, folder, entry->d_name);
            unlink(path);
        }
    closedir(dir);
}
