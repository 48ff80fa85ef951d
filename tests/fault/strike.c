/* SPDX-License-Identifier: BSD-3-Clause */
/* Preloaded into a run: strikes at its n-th operation on files whose name contains $STRIKE_AT.
   STRIKE_RANK  the rank it strikes (default 0)        STRIKE_NTH   which operation, from 1; 0: only count
   STRIKE_HOW   kill: just before; half: after half of it; full, broken: it fails with ENOSPC, EIO; short: half is written;
                stop: the process stops (SIGSTOP); hang: it never comes back;
                power: what this process has not flushed is lost, torn or kept, by chance, and it is killed
   STRIKE_CHEAT what must not go unnoticed. sync: nothing is ever flushed; order: data are not, before their records are
   STRIKE_ATTIC with power, a folder of the same file system for what renames replace
   STRIKE_COUNT a file that receives the number of operations at the end */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static long            count;
static int             has_header; /* the files have been laid out */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *get(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static int is_ours(const char *path)
{
    const char *at = getenv("STRIKE_AT"), *rank = get("OMPI_COMM_WORLD_RANK", "0");
    return at && path && strstr(path, at) && !strcmp(rank, get("STRIKE_RANK", "0"));
}

static int find_path(int fd, char path[4096])
{
    char    link[64];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, 4095);
    path[n > 0 ? n : 0] = 0;
    return n > 0;
}

static int is_our_file(int fd)
{
    char path[4096];

    return find_path(fd, path) && is_ours(path);
}

/* ---- power ------------------------------------------------------------------------------------------------------- */

/* A change that is in memory only, and how to undo it. */
typedef struct change {
    struct change *before;
    long           number;
    int            fd;  /* of a write, our own; -1: of a name */
    dev_t          dev; /* of the file, or of the folder */
    ino_t          ino;
    off_t          at, n, size;       /* bytes written; size of the file before */
    char          *bytes;             /* that were there */
    char          *from, *to, *attic; /* NULL from: made anew; NULL to: removed; attic: what was there */
} change;

static change *changes; /* the latest first; guarded by lock */
static long    n_changes;

static int has_power_cut(void)
{
    return !strcmp(get("STRIKE_HOW", "kill"), "power");
}

static void note(change *c)
{
    change *kept = malloc(sizeof *kept);

    *kept = *c;
    pthread_mutex_lock(&lock);
    kept->number = ++n_changes;
    kept->before = changes;
    changes = kept;
    pthread_mutex_unlock(&lock);
}

static void note_write(int fd, off_t at, size_t n)
{
    char        link[64];
    struct stat info;
    change      c = {.at = at, .n = (off_t)n, .bytes = calloc(n + 1, 1)};

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    c.fd = open(link, O_RDWR | O_CLOEXEC);
    if (c.fd < 0 || fstat(c.fd, &info))
        abort();
    c.dev = info.st_dev;
    c.ino = info.st_ino;
    c.size = info.st_size;
    if (pread(c.fd, c.bytes, n, at) < 0)
        abort();
    note(&c);
}

/* from, to: as of rename; what stands at `to` is kept, and the folder of the name that stays in it is what must be flushed. */
static void note_name(const char *from, const char *to)
{
    static int  number;
    char        folder[4096], attic[4200];
    const char *place = to ? to : from;
    struct stat info;
    change      c = {.fd = -1, .from = from ? strdup(from) : NULL, .to = to ? strdup(to) : NULL};

    snprintf(folder, sizeof folder, "%s", place);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = 0;
    if (stat(slash ? folder : ".", &info))
        abort();
    c.dev = info.st_dev;
    c.ino = info.st_ino;
    snprintf(attic, sizeof attic, "%s/%d", get("STRIKE_ATTIC", "."), number++);
    if (from && !link(place, attic))
        c.attic = strdup(attic);
    note(&c);
}

/* Everything of a file or folder up to a number is on the device. */
static void forget(int fd, long last)
{
    struct stat info;

    if (fstat(fd, &info))
        return;
    pthread_mutex_lock(&lock);
    for (change **at = &changes; *at;) {
        change *this = *at;
        if (this->number > last || this->dev != info.st_dev || this->ino != info.st_ino) {
            at = &this->before;
            continue;
        }
        *at = this->before;
        if (this->fd >= 0)
            close(this->fd);
        free(this->bytes);
        free(this);
    }
    pthread_mutex_unlock(&lock);
}

/* Writes meet their fates one by one, names from the last one backwards, as in the journal of a file system. */
static void lose_power(void)
{
    ssize_t (*next)(int, const void *, size_t, off_t) = real("pwrite"); /* ours would strike again */
    int (*cut)(int, off_t) = real("ftruncate");
    unsigned chance = (unsigned)atol(get("STRIKE_NTH", "0")) * 2654435761u;
    int      names_lost = 1;

    for (const change *c = changes; c; c = c->before) {
        chance = chance * 1664525u + 1013904223u;
        const unsigned fate = chance >> 16 & 3;
        if (c->fd < 0) {
            names_lost = names_lost && fate;
            if (!names_lost)
                continue;
            if (c->from && c->to)
                ((int (*)(const char *, const char *))real("rename"))(c->to, c->from);
            else if (c->to)
                ((int (*)(const char *))real("unlink"))(c->to);
            if (c->attic && link(c->attic, c->to ? c->to : c->from))
                perror("strike");
            continue;
        }
        const off_t half = c->n / 2, from = fate == 2 ? half : 0, end = fate == 3 ? half : c->n;
        if (fate && end > from && next(c->fd, c->bytes + from, (size_t)(end - from), c->at + from) < 0)
            perror("strike");
        if (fate == 1 && c->at >= c->size && cut(c->fd, c->size))
            perror("strike");
    }
}

/* ---- strikes ----------------------------------------------------------------------------------------------------- */

/* What happens now: NULL, nothing. */
static const char *strike(void)
{
    pthread_mutex_lock(&lock);
    const long now = ++count;
    const int  hit = now == atol(get("STRIKE_NTH", "0"));
    if (hit && has_power_cut()) {
        lose_power();
        raise(SIGKILL);
    }
    pthread_mutex_unlock(&lock);
    if (!hit)
        return NULL;
    const char *how = get("STRIKE_HOW", "kill");
    if (!strcmp(how, "kill"))
        raise(SIGKILL);
    if (!strcmp(how, "stop"))
        kill(getpid(), SIGSTOP);
    while (!strcmp(how, "hang"))
        pause();
    return how;
}

/* @return 1: the call fails now, errno is set */
static int fails(const char *how)
{
    if (how && !strcmp(how, "full"))
        errno = ENOSPC;
    else if (how && !strcmp(how, "broken"))
        errno = EIO;
    else
        return 0;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    ssize_t (*next)(int, const void *, size_t) = real("write");
    const int   ours = is_our_file(fd);
    const char *how = ours ? strike() : NULL;
    struct stat info;

    if (ours && has_power_cut() && !fstat(fd, &info)) /* journals, which are appended to */
        note_write(fd, info.st_size, n);
    if (fails(how))
        return -1;
    if (how && n > 1) {
        const ssize_t done = next(fd, bytes, n / 2);
        if (!strcmp(how, "half"))
            raise(SIGKILL);
        return done;
    }
    return next(fd, bytes, n);
}

ssize_t pwritev(int fd, const struct iovec *piece, int n, off_t at)
{
    ssize_t (*next)(int, const struct iovec *, int, off_t) = real("pwritev");
    const int   ours = is_our_file(fd);
    const char *how = ours ? strike() : NULL;
    size_t      bytes = 0;

    for (int i = 0; i < n; i++)
        bytes += piece[i].iov_len;
    if (ours && has_power_cut())
        note_write(fd, at, bytes);
    if (fails(how))
        return -1;
    if (how && n > 0) {
        const struct iovec half = {piece->iov_base, piece->iov_len / 2 + 1};
        const ssize_t      done = next(fd, &half, 1, at);
        if (!strcmp(how, "half"))
            raise(SIGKILL);
        return done;
    }
    return next(fd, piece, n, at);
}

/* HDF5's: they are not struck, but may be lost. */
#define PWRITE(name)                                                                                                 \
    ssize_t name(int fd, const void *bytes, size_t n, off_t at)                                                      \
    {                                                                                                                \
        if (has_power_cut() && is_our_file(fd))                                                                      \
            note_write(fd, at, n);                                                                                   \
        return ((ssize_t(*)(int, const void *, size_t, off_t))real(#name))(fd, bytes, n, at);                        \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

/* Does a flush only pretend? */
static int cheats(int fd)
{
    const char *cheat = get("STRIKE_CHEAT", "");
    char        path[4096];

    return !strcmp(cheat, "sync") ||
           (!strcmp(cheat, "order") && has_header && find_path(fd, path) && strstr(path, ".partial"));
}

static int flush(const char *name, int fd)
{
    int (*next)(int) = real(name);
    const int   ours = is_our_file(fd);
    const char *how = ours ? strike() : NULL;

    if (fails(how))
        return -1;
    pthread_mutex_lock(&lock);
    const long last = n_changes;
    pthread_mutex_unlock(&lock);
    const int rc = cheats(fd) ? 0 : next(fd);
    if (how && !strcmp(how, "half"))
        raise(SIGKILL);
    if (!rc && !cheats(fd) && has_power_cut()) /* of folders, too */
        forget(fd, last);
    return rc;
}

int fsync(int fd)
{
    return flush("fsync", fd);
}

int fdatasync(int fd)
{
    return flush("fdatasync", fd);
}

int ftruncate(int fd, off_t n)
{
    int (*next)(int, off_t) = real("ftruncate");
    const char *how = is_our_file(fd) ? strike() : NULL;

    if (fails(how))
        return -1;
    const int rc = next(fd, n);
    if (how && !strcmp(how, "half"))
        raise(SIGKILL);
    return rc;
}

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = real("rename");
    const char *how = is_ours(to) ? strike() : NULL;

    if (fails(how))
        return -1;
    if (is_ours(to) && has_power_cut())
        note_name(from, to);
    const int rc = next(from, to);
    has_header = has_header || strstr(to, ".run/header");
    if (how && !strcmp(how, "half"))
        raise(SIGKILL);
    return rc;
}

int unlink(const char *path)
{
    int (*next)(const char *) = real("unlink");
    const char *how = is_ours(path) ? strike() : NULL;

    if (fails(how))
        return -1;
    if (is_ours(path) && has_power_cut() && !access(path, F_OK))
        note_name(path, NULL);
    const int rc = next(path);
    if (how && !strcmp(how, "half"))
        raise(SIGKILL);
    return rc;
}

int open(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...) = real("open");
    va_list  args;
    unsigned mode = 0;

    if (flags & (O_CREAT | O_TMPFILE)) {
        va_start(args, flags);
        mode = va_arg(args, unsigned);
        va_end(args);
    }
    const int fresh = flags & O_CREAT && is_ours(path) && has_power_cut() && access(path, F_OK);
    const int fd = next(path, flags, mode);
    if (fd >= 0 && fresh)
        note_name(NULL, path);
    return fd;
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("STRIKE_COUNT");

    if (!path || !count)
        return;
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%ld\n", count);
        fclose(file);
    }
}
