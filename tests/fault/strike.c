/* SPDX-License-Identifier: BSD-3-Clause */
/* Preloaded into a run: strikes at its n-th operation on files whose name contains $STRIKE_AT.
   STRIKE_RANK  the rank it strikes (default 0)        STRIKE_NTH   which operation, from 1; 0: only count
   STRIKE_HOW   kill: just before; half: after half of it; full, broken: it fails with ENOSPC, EIO; short: half is written;
                stop: the process stops (SIGSTOP); hang: it never comes back
   STRIKE_COUNT a file that receives the number of operations at the end */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static long            count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *get(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static int is_ours(const char *path)
{
    const char *at = getenv("STRIKE_AT"), *rank = get("OMPI_COMM_WORLD_RANK", "0");
    return at && path && strstr(path, at) && !strcmp(rank, get("STRIKE_RANK", "0"));
}

static int is_our_file(int fd)
{
    char    link[64], path[4096];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n < 0)
        return 0;
    path[n] = 0;
    return is_ours(path);
}

/* What happens now: NULL, nothing. */
static const char *strike(void)
{
    pthread_mutex_lock(&lock);
    const long now = ++count;
    pthread_mutex_unlock(&lock);
    if (now != atol(get("STRIKE_NTH", "0")))
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

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
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
    const char *how = is_our_file(fd) ? strike() : NULL;

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
    const char *how = is_our_file(fd) ? strike() : NULL;

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

#define ON_FILE(name, parameters, arguments)                                                                         \
    int name parameters                                                                                              \
    {                                                                                                                \
        int(*next) parameters = real(#name);                                                                         \
        const char *how = is_our_file(fd) ? strike() : NULL;                                                         \
        if (fails(how))                                                                                              \
            return -1;                                                                                               \
        const int rc = next arguments;                                                                               \
        if (how && !strcmp(how, "half"))                                                                             \
            raise(SIGKILL);                                                                                          \
        return rc;                                                                                                   \
    }

ON_FILE(fsync, (int fd), (fd))
ON_FILE(fdatasync, (int fd), (fd))
ON_FILE(ftruncate, (int fd, off_t n), (fd, n))

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = real("rename");
    const char *how = is_ours(to) ? strike() : NULL;

    if (fails(how))
        return -1;
    const int rc = next(from, to);
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
    const int rc = next(path);
    if (how && !strcmp(how, "half"))
        raise(SIGKILL);
    return rc;
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
