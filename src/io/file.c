/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* pwritev, O_DIRECT, and fallocate: unlike posix_fallocate it never falls back to writing zeros */
#include "io/file.h"
#include "base/trace.h"
#include "base/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

/* The folder part of a path, "." when there is none; returns where the name starts. */
static const char *split(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');

    if (slash)
        snprintf(folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    else
        snprintf(folder, size, ".");
    return slash ? slash + 1 : path;
}

static ib_status too_small(const ib_layout *layout, uint64_t bytes, double room, ib_error *err)
{
    char folder[sizeof layout->path];

    split(layout->path, folder, sizeof folder);
    return ib_fail(
        err, IB_EIO,
        "%s needs %.3g GB and folder %s has room for %.3g GB; free some, choose another --output or make it "
        "smaller (--channels, --imsize)",
        layout->path, (double)bytes * 1e-9, folder, room * 1e-9);
}

/* Does the folder have room, and does this process have leave to write as much? Quotas tell only when they are met. */
static ib_status check_room(const ib_layout *layout, uint64_t bytes, ib_error *err)
{
    char           folder[sizeof layout->path];
    struct statvfs disk;
    struct rlimit  limit;

    split(layout->path, folder, sizeof folder);
    const bool counts = !statvfs(folder, &disk) && disk.f_blocks; /* not where files are only a view of something */
    if (counts && (double)bytes > (double)disk.f_bfree * (double)disk.f_frsize)
        return too_small(layout, bytes, (double)disk.f_bavail * (double)disk.f_frsize, err);
    if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur)
        return ib_fail(err, IB_EIO, "%s needs %.3g GB, but files may have %.3g GB (ulimit -f); raise that limit",
                       layout->path, (double)bytes * 1e-9, (double)limit.rlim_cur * 1e-9);
    return IB_OK;
}

ib_status ib_file_begin(ib_layout *layout, const char *path, uint64_t bytes, ib_error *err)
{
    char        folder[sizeof layout->path];
    const char *name = split(path, folder, sizeof folder);
    struct stat info;

    memset(layout, 0, sizeof *layout);
    if (strlen(path) >= sizeof layout->path - 20)
        return ib_fail(err, IB_EUSAGE, "the name %.60s... is longer than %zu characters; choose a shorter --output",
                       path, sizeof layout->path - 20);
    if (!*name || (!stat(path, &info) && S_ISDIR(info.st_mode)))
        return ib_fail(err, IB_EUSAGE, "%s is a folder; --output needs the name of a file", path);
    if (stat(folder, &info))
        return ib_fail(err, IB_EIO, "folder %s: %s; create it or choose another --output", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return ib_fail(err, IB_EIO, "%s is not a folder; choose another --output", folder);

    snprintf(layout->path, sizeof layout->path, "%s", path);
    if (check_room(layout, bytes, err))
        return err->status;
    snprintf(layout->partial, sizeof layout->partial, "%.*s.%s.partial.XXXXXX", (int)(name - path), path, name);
    const int fd = mkstemp(layout->partial);
    if (fd < 0) {
        const int why = errno;

        layout->partial[0] = '\0';
        return ib_fail(err, IB_EIO, "cannot write into folder %s: %s; choose another --output", folder,
                       strerror(why));
    }
    /* mkstemp gives the owner alone access; a cube gets the access of any other new file. */
    const mode_t mask = umask(0);
    umask(mask);
    const int refused = fchmod(fd, 0666 & ~mask);
    close(fd);
    if (!refused)
        return IB_OK;
    ib_fail(err, IB_EIO, "set the access rights of %s: %s", layout->partial, strerror(errno));
    ib_file_abandon(layout);
    return err->status;
}

ib_status ib_file_reserve(ib_layout *layout, uint64_t bytes, ib_error *err)
{
    ib_status      rc = IB_OK;
    struct stat    now;
    struct statvfs disk = {0};
    const int      fd = ib_file_attach(layout, err);

    if (fd < 0)
        return err->status;
    if (fstat(fd, &now) || fstatvfs(fd, &disk)) {
        rc = ib_fail(err, IB_EIO, "examine %s: %s", layout->partial, strerror(errno));
        goto done;
    }
    const double room = (double)disk.f_bavail * (double)disk.f_frsize + (double)now.st_blocks * 512;
    if (bytes < (uint64_t)now.st_size)
        bytes = (uint64_t)now.st_size;
    layout->bytes = bytes;
    if (!fallocate(fd, 0, 0, (off_t)bytes))
        goto done;
    if (errno == ENOSPC || errno == EFBIG || errno == EDQUOT) {
        rc = too_small(layout, bytes, room, err);
    } else if (errno != EOPNOTSUPP && errno != ENOSYS) {
        rc = ib_fail(err, IB_EIO, "reserve %llu bytes for %s: %s", (unsigned long long)bytes, layout->path,
                     strerror(errno));
    } else if ((double)bytes > room) {
        rc = too_small(layout, bytes, room, err);
    } else if (ftruncate(fd, (off_t)bytes)) {
        rc = ib_fail(err, IB_EIO, "extend %s: %s", layout->partial, strerror(errno));
    }
done:
    close(fd);
    return rc;
}

int ib_file_attach(const ib_layout *layout, ib_error *err)
{
    const int fd = open(layout->partial, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        ib_fail(err, IB_EIO, "open %s: %s", layout->partial, strerror(errno));
    return fd;
}

/* Wait for the device. */
static int flush(int fd)
{
    const ib_stay stay = ib_enter(IB_STORING);
    const int     failed = fdatasync(fd), why = errno;

    ib_leave(stay, "sync", -1);
    errno = why;
    return failed;
}

int ib_file_attach_direct(const ib_layout *layout)
{
    return open(layout->partial, O_WRONLY | O_DIRECT | O_CLOEXEC);
}

ib_status ib_file_write(int fd, const char *name, const void *bytes, size_t n, uint64_t offset, ib_error *err)
{
    const char   *from = bytes;
    const ib_stay stay = ib_enter(IB_STORING);
    const double  all = (double)n;
    ib_status     rc = IB_OK;

    while (n > 0) { /* pwritev: HDF5 has pwrite, and tests let ours alone fail (tests/fault/strike.c) */
        const struct iovec piece = {(void *)(uintptr_t)from, n}; /* the type has no const; it is only read */
        ib_wait            wait;
        ib_wait_begin(&wait, "writing", name);
        const ssize_t done = pwritev(fd, &piece, 1, (off_t)offset);
        ib_wait_end(&wait);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            rc = ib_fail(err, IB_EIO, "write at byte %llu of %s: %s", (unsigned long long)offset, name,
                         done < 0 ? strerror(errno) : "nothing was taken");
            break;
        }
        from += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
    ib_leave(stay, "write", all);
    return rc;
}

ib_status ib_file_read(int fd, const char *name, void *bytes, size_t n, uint64_t offset, ib_error *err)
{
    char         *to = bytes;
    const ib_stay stay = ib_enter(IB_STORING);
    const double  all = (double)n;
    ib_status     rc = IB_OK;

    while (n > 0) {
        ib_wait wait;
        ib_wait_begin(&wait, "reading", name);
        const ssize_t done = pread(fd, to, n, (off_t)offset);
        ib_wait_end(&wait);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            rc = ib_fail(err, IB_EIO, "read at byte %llu of %s: %s", (unsigned long long)offset, name,
                         done < 0 ? strerror(errno) : "the file ends there");
            break;
        }
        to += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
    ib_leave(stay, "read", all);
    return rc;
}

ib_status ib_file_sync(int fd, const char *name, ib_error *err)
{
    ib_wait wait;

    ib_wait_begin(&wait, "flushing", name);
    const bool failed = flush(fd) != 0;
    ib_wait_end(&wait);
    return failed ? ib_fail(err, IB_EIO, "flush %s to the device: %s", name, strerror(errno)) : IB_OK;
}

ib_status ib_file_detach(int fd, const char *name, ib_error *err)
{
    const ib_status rc = ib_file_sync(fd, name, err);

    if (!close(fd) || rc)
        return rc;
    return ib_fail(err, IB_EIO, "flush %s to the device: %s", name, strerror(errno));
}

static ib_status sync_folder(const char *path, ib_error *err)
{
    char folder[sizeof((ib_layout *)0)->path];

    split(path, folder, sizeof folder);
    const int  fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool failed = fd < 0 || (fsync(fd) && errno != EINVAL); /* EINVAL: this file system has no need of it */
    const int  why = errno;

    if (fd >= 0)
        close(fd);
    return failed ? ib_fail(err, IB_EIO, "flush folder %s to the device: %s", folder, strerror(why)) : IB_OK;
}

ib_status ib_file_keep(ib_layout *layout, ib_error *err)
{
    char      fresh[sizeof layout->partial];
    const int fd = ib_file_attach(layout, err);
    ib_status rc = fd < 0 ? err->status : ib_file_detach(fd, layout->partial, err);

    memcpy(fresh, layout->partial, sizeof fresh);
    if (rc == IB_OK) {
        snprintf(layout->partial, sizeof layout->partial, "%.510s.partial", layout->path);
        if (rename(fresh, layout->partial))
            rc = ib_fail(err, IB_EIO, "rename %s to %s: %s", fresh, layout->partial, strerror(errno));
    }
    if (rc) {
        unlink(fresh);
        return rc;
    }
    return sync_folder(layout->path, err);
}

static void *let_go(void *old)
{
    close((int)(intptr_t)old);
    return NULL;
}

/* A large file takes the system a while to remove (0.2 s for 660 MB), and whoever takes its name waits for that, unless somebody still
   holds it: a thread that nobody waits for. */
static void remove_later(int old)
{
    pthread_attr_t attr;
    pthread_t      thread;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, let_go, (void *)(intptr_t)old))
        close(old);
    pthread_attr_destroy(&attr);
}

ib_status ib_file_publish(const ib_layout *layout, ib_error *err)
{
    const int fd = ib_file_attach(layout, err);
    ib_status rc = fd < 0 ? err->status : ib_file_detach(fd, layout->partial, err);
    const int old = rc ? -1 : open(layout->path, O_PATH | O_CLOEXEC);

    if (rc == IB_OK && rename(layout->partial, layout->path))
        rc = ib_fail(err, IB_EIO, "rename %s to %s: %s", layout->partial, layout->path, strerror(errno));
    if (old >= 0)
        remove_later(old);
    return rc ? rc : sync_folder(layout->path, err);
}

void ib_file_abandon(const ib_layout *layout)
{
    if (layout->partial[0])
        unlink(layout->partial);
}

void ib_file_sweep(const char *path)
{
    char        folder[sizeof((ib_layout *)0)->path], start[300], full[900];
    const char *name = split(path, folder, sizeof folder);
    const int   n = snprintf(start, sizeof start, ".%.255s.partial.", name);
    DIR        *dir = opendir(folder);

    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (!strncmp(entry->d_name, start, (size_t)n) && strlen(entry->d_name + n) == 6) { /* mkstemp's letters */
            snprintf(full, sizeof full, "%.600s/%.290s", folder, entry->d_name);
            unlink(full);
        }
    closedir(dir);
}
