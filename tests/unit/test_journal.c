/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals as runs leave them, and as disks, other jobs and time spoil them. */
#include "base/error.h"
#include "ib_test.h"
#include "io/file.h"
#include "io/journal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { UNITS = 64, WRITERS = 4, PAYLOAD = 24, FILE_BYTES = 4096, PLANES_AT = 1024, PLANES = 2048 };

static char folder[64], path[600];

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static ib_layout layout_of_a_file(void)
{
    ib_layout l = {.offset = {PLANES_AT}, .length = {PLANES}, .bytes = FILE_BYTES};
    char      byte[FILE_BYTES];

    for (int i = 0; i < FILE_BYTES; i++)
        byte[i] = (char)(i * 7);
    snprintf(l.path, sizeof l.path, "%.64s/cube", folder);
    snprintf(l.partial, sizeof l.partial, "%.64s/cube.partial", folder);
    FILE *file = fopen(l.partial, "w");
    fwrite(byte, 1, sizeof byte, file);
    fclose(file);
    return l;
}

/* A folder with a run that has begun. */
static ib_ledger begin(ib_test *t, ib_layout *layout)
{
    static const ib_note note[] = {{"support", "7"}, {"version", "0"}};
    ib_ledger            l = {.note = note,
                              .n_note = 2,
                              .wisdom = "(fftw-3)",
                              .fft_plan = "measured",
                              .n_unit = UNITS,
                              .payload = PAYLOAD,
                              .layout = layout,
                              .n_layout = 1};
    ib_error             err = {IB_OK, -1, ""};

    strcpy(folder, "/tmp/ib_test_journal.XXXXXX");
    IB_CHECK(t, mkdtemp(folder) != NULL);
    *layout = layout_of_a_file();
    IB_CHECK(t, !ib_journal_exists(folder));
    IB_CHECK(t, !ib_journal_begin(folder, &l, &err));
    IB_TEXT(t, err.text, "");
    IB_CHECK(t, ib_journal_exists(folder) && !ib_journal_is_complete(folder));
    return l;
}

static void end(ib_test *t)
{
    unlink(in_folder("cube.partial"));
    ib_journal_discard(folder);
    ib_journal_unlock(folder);
    IB_CHECK(t, access(folder, F_OK) != 0); /* nothing else was in it */
}

static long size_of(const char *name)
{
    struct stat info;
    return stat(in_folder(name), &info) ? -1 : (long)info.st_size;
}

static void spoil(const char *name, long at, int value)
{
    const int           fd = open(in_folder(name), O_RDWR);
    const unsigned char byte = (unsigned char)value;
    if (pwrite(fd, &byte, 1, at) != 1)
        printf("# cannot spoil %s\n", path);
    close(fd);
}

static void payload_of(uint64_t unit, unsigned char payload[PAYLOAD])
{
    for (int i = 0; i < PAYLOAD; i++)
        payload[i] = (unsigned char)(unit * 31 + (uint64_t)i);
}

static size_t scan(ib_test *t, const ib_ledger *ledger, uint32_t *epoch, size_t *damage)
{
    unsigned char records[UNITS][PAYLOAD], want[PAYLOAD];
    uint8_t       done[UNITS];
    ib_error      err = {IB_OK, -1, ""};
    size_t        n = 0;

    IB_CHECK(t, !ib_journal_scan(folder, ledger, records, done, epoch, damage, &err));
    for (uint64_t u = 0; u < UNITS; u++) {
        payload_of(u, want);
        n += done[u];
        IB_CHECK(t, !done[u] || !memcmp(records[u], want, PAYLOAD));
    }
    return n;
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

static void a_run_is_recalled_and_its_file_put_back(ib_test *t)
{
    ib_layout       layout;
    const ib_ledger l = begin(t, &layout);
    ib_ledger       again;
    ib_error        err = {IB_OK, -1, ""};
    char            byte[FILE_BYTES];
    int             wrong = 0;

    IB_CHECK(t, !ib_journal_recall(folder, &again, &err));
    IB_CHECK(t, again.run_id == l.run_id && again.n_unit == UNITS && again.payload == PAYLOAD);
    IB_TEXT(t, again.wisdom, "(fftw-3)");
    IB_TEXT(t, again.fft_plan, "measured");
    IB_CHECK(t, again.n_note == 2 && again.n_layout == 1);
    IB_TEXT(t, again.note[1].name, "version");
    IB_TEXT(t, again.note[0].value, "7");

    /* Everything is overwritten, and the file has grown; planes stay, the rest comes back. */
    FILE *file = fopen(layout.partial, "w");
    for (int i = 0; i < 2 * FILE_BYTES; i++)
        fputc('p', file);
    fclose(file);
    IB_CHECK(t, !ib_journal_restore(&again, 0, layout.partial, &err));
    IB_NEAR(t, (double)size_of("cube.partial"), FILE_BYTES, 0);
    file = fopen(layout.partial, "r");
    IB_CHECK(t, fread(byte, 1, sizeof byte, file) == sizeof byte);
    fclose(file);
    for (int i = 0; i < FILE_BYTES; i++)
        wrong += byte[i] != (i >= PLANES_AT && i < PLANES_AT + PLANES ? 'p' : (char)(i * 7));
    IB_NEAR(t, wrong, 0, 0);

    IB_CHECK(t, !truncate(layout.partial, FILE_BYTES - 1));
    IB_CHECK(t, ib_journal_restore(&again, 0, layout.partial, &err) == IB_EDATA);
    IB_CHECK(t, ib_journal_restore(&again, 0, "/nowhere", &err) == IB_EDATA);
    ib_ledger_clear(&again);
    IB_CHECK(t, !ib_journal_mark_complete(folder, &err) && ib_journal_is_complete(folder));
    end(t);
}

/* Whatever byte is wrong, and wherever the file ends: it is refused. */
static void a_damaged_header_is_refused(ib_test *t)
{
    ib_layout layout;
    begin(t, &layout);
    const long    n = size_of("header");
    unsigned char whole[8192];
    ib_ledger     l;
    ib_error      err;
    int           accepted = 0;

    FILE *file = fopen(in_folder("header"), "r");
    IB_CHECK(t, n > 0 && n < (long)sizeof whole && fread(whole, 1, (size_t)n, file) == (size_t)n);
    fclose(file);
    for (long at = 0; at < n; at++) {
        spoil("header", at, whole[at] ^ 1 << at % 8);
        accepted += ib_journal_recall(folder, &l, &err) != IB_EDATA;
        spoil("header", at, whole[at]);
    }
    IB_CHECK(t, !ib_journal_recall(folder, &l, &err));
    ib_ledger_clear(&l);
    for (long length = n - 1; length >= 0; length -= 1 + length / 50) {
        IB_CHECK(t, !truncate(in_folder("header"), length));
        accepted += ib_journal_recall(folder, &l, &err) != IB_EDATA;
    }
    IB_NEAR(t, accepted, 0, 0);
    IB_CHECK(t, strstr(err.text, "--overwrite") != NULL);
    end(t);
}

/* Numbers that were made up, under a digest that is right: nothing outside of the file is read, nothing outside of the
   layout's own texts is believed. */
static void a_forged_header_does_no_harm(ib_test *t)
{
    static const uint64_t forged[] = {
        0, 1, 7, 4095, 4097, (uint64_t)1 << 31, (uint64_t)1 << 63, UINT64_MAX - 7, UINT64_MAX};
    ib_layout     layout;
    unsigned char whole[8192], bad[8192];
    ib_ledger     l;
    ib_error      err;
    int           odd = 0, refused = 0;

    begin(t, &layout);
    FILE        *file = fopen(in_folder("header"), "r");
    const size_t n = fread(whole, 1, sizeof whole, file);
    fclose(file);
    for (size_t at = 8; at + 16 <= n; at++)
        for (size_t k = 0; k < sizeof forged / sizeof *forged; k++) {
            if (at > 300 && at + 700 < n && at % 41) /* paths and pixels: some */
                continue;
            memcpy(bad, whole, n);
            memcpy(bad + at, &forged[k], sizeof *forged);
            const uint64_t digest = ib_digest(0, bad, n - sizeof digest);
            memcpy(bad + n - sizeof digest, &digest, sizeof digest);
            file = fopen(in_folder("header"), "w");
            fwrite(bad, 1, n, file);
            fclose(file);
            const ib_status rc = ib_journal_recall(folder, &l, &err);
            odd += rc && rc != IB_EDATA;
            refused += rc != IB_OK;
            if (!rc)
                for (size_t i = 0; i < l.n_layout; i++)
                    ib_journal_restore(&l, i, layout.partial, &err);
            ib_ledger_clear(&l);
            if (truncate(layout.partial, FILE_BYTES))
                odd++;
        }
    IB_NEAR(t, odd, 0, 0);
    IB_CHECK(t, refused > 50);
    end(t);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

typedef struct device {
    pthread_mutex_t mutex;
    int             n, fails_at;
} device;

static ib_status flush_data(void *self, ib_error *err)
{
    device *d = self;

    pthread_mutex_lock(&d->mutex);
    const bool fails = ++d->n == d->fails_at;
    pthread_mutex_unlock(&d->mutex);
    return fails ? ib_fail(err, IB_EIO, "the device is gone") : IB_OK;
}

typedef struct writer {
    ib_journal *journal;
    int         first;
    ib_status   rc;
} writer;

static void *write_some(void *self)
{
    writer       *w = self;
    unsigned char payload[PAYLOAD];
    ib_error      err;

    for (uint64_t u = (uint64_t)w->first; u < UNITS; u += WRITERS) {
        payload_of(u, payload);
        const ib_status rc = ib_journal_add(w->journal, u, payload, &err);
        w->rc = w->rc ? w->rc : rc;
        nanosleep(&(struct timespec){0, 200000}, NULL);
    }
    return NULL;
}

/* All units from several threads. @return what closing says */
static ib_status write_all(ib_test *t, const ib_ledger *l, uint32_t epoch, device *d, size_t *finished)
{
    ib_journal *journal;
    ib_error    err = {IB_OK, -1, ""};
    pthread_t   thread[WRITERS];
    writer      w[WRITERS];

    pthread_mutex_init(&d->mutex, NULL);
    IB_CHECK(t, !ib_journal_open(&journal, folder, l, epoch, 0, flush_data, d, &err));
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (writer){journal, i, IB_OK};
        pthread_create(&thread[i], NULL, write_some, &w[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(thread[i], NULL);
    const ib_status rc = ib_journal_close(journal, finished, &err);
    IB_TEXT(t, err.text, rc ? "the device is gone" : "");
    pthread_mutex_destroy(&d->mutex);
    return rc;
}

static void what_is_added_from_many_threads_is_found_again(ib_test *t)
{
    ib_layout       layout;
    const ib_ledger l = begin(t, &layout);
    uint32_t        epoch;
    size_t          damage, finished;
    ib_journal     *second;
    ib_error        err;

    setenv("IMGBENCH_FLUSH_S", "0", 1);
    IB_NEAR(t, (double)scan(t, &l, &epoch, &damage), 0, 0);
    IB_CHECK(t, epoch == 1);
    IB_CHECK(t, !write_all(t, &l, epoch, &(device){.n = 0}, &finished));
    IB_CHECK(t, finished == UNITS);
    IB_NEAR(t, (double)scan(t, &l, &epoch, &damage), UNITS, 0);
    IB_CHECK(t, epoch == 2 && !damage);
    IB_CHECK(t,
             ib_journal_open(&second, folder, &l, 1, 0, flush_data, NULL, &err) == IB_EIO); /* is another start's */
    IB_CHECK(t, !second && !ib_journal_close(NULL, NULL, &err));
    end(t);
}

static void await_flush(device *d, int n)
{
    for (int so_far = 0, i = 0; so_far < n && i < 20000; i++) {
        nanosleep(&(struct timespec){0, 500000}, NULL);
        pthread_mutex_lock(&d->mutex);
        so_far = d->n;
        pthread_mutex_unlock(&d->mutex);
    }
}

static void nothing_is_written_after_a_flush_that_failed(ib_test *t)
{
    ib_layout       layout;
    const ib_ledger l = begin(t, &layout);
    device          d = {.fails_at = 2};
    ib_journal     *journal;
    unsigned char   payload[PAYLOAD];
    uint32_t        epoch;
    size_t          damage, finished;
    ib_error        err = {IB_OK, -1, ""};

    setenv("IMGBENCH_FLUSH_S", "0", 1);
    pthread_mutex_init(&d.mutex, NULL);
    IB_CHECK(t, !ib_journal_open(&journal, folder, &l, 1, 0, flush_data, &d, &err));
    for (uint64_t u = 0; u < 3; u++) {
        payload_of(u, payload);
        const ib_status rc = ib_journal_add(journal, u, payload, &err);
        IB_CHECK(t, u == 2 || !rc);
        await_flush(&d, u < 2 ? (int)u + 1 : 2);
    }
    err.text[0] = 0;
    IB_CHECK(t, ib_journal_close(journal, &finished, &err) == IB_EIO);
    IB_TEXT(t, err.text, "the device is gone");
    IB_CHECK(t, finished == 1 && d.n == 2);
    IB_NEAR(t, (double)scan(t, &l, &epoch, &damage), 1, 0);
    pthread_mutex_destroy(&d.mutex);
    end(t);
}

/* A torn end is no damage, a broken record inside is: what follows is not believed. Other runs' journals do not count. */
static void damaged_journals_are_believed_up_to_their_damage(ib_test *t)
{
    ib_layout layout;
    ib_ledger l = begin(t, &layout);
    uint32_t  epoch;
    size_t    damage, finished;

    setenv("IMGBENCH_FLUSH_S", "100", 1);
    IB_CHECK(t, !write_all(t, &l, 1, &(device){.n = 0}, &finished));
    const long size = size_of("journal.1.0") / UNITS;
    IB_CHECK(t, !truncate(in_folder("journal.1.0"), UNITS * size - 1));
    IB_NEAR(t, (double)scan(t, &l, &epoch, &damage), UNITS - 1, 0);
    IB_CHECK(t, damage == 0);
    for (long at = 0; at < size; at++) { /* any byte of the eleventh record */
        spoil("journal.1.0", 10 * size + at, 0xa5);
        const size_t n = scan(t, &l, &epoch, &damage);
        IB_CHECK(t, (n == 10 && damage == UNITS - 12) || (n == UNITS - 1 && at == 0));
    }
    l.run_id++;
    IB_NEAR(t, (double)scan(t, &l, &epoch, &damage), 0, 0);
    IB_CHECK(t, epoch == 2);
    end(t);
}

/* ---- the lock ---------------------------------------------------------------------------------------------------- */

static void write_lock(const char *text, time_t age)
{
    FILE                 *file = fopen(in_folder("lock"), "w");
    const struct timespec when[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};

    fputs(text, file);
    fclose(file);
    utimensat(AT_FDCWD, path, when, 0);
}

static void the_living_keep_their_lock(ib_test *t)
{
    char     text[200], host[65] = "", line[160];
    ib_error err = {IB_OK, -1, ""};

    gethostname(host, sizeof host - 1);
    strcpy(folder, "/tmp/ib_test_journal.XXXXXX");
    IB_CHECK(t, mkdtemp(folder) != NULL);
    IB_CHECK(t, !ib_journal_lock(folder, false, &err));
    FILE *file = fopen(in_folder("lock"), "r");
    IB_CHECK(t, file && fgets(line, sizeof line, file));
    fclose(file);
    snprintf(text, sizeof text, "%s %d ", host, (int)getpid());
    IB_CHECK(t, !strncmp(line, text, strlen(text)));

    snprintf(text, sizeof text, "%s 1 12345678901\n", host); /* its number belongs to another process now */
    write_lock(text, 0);
    IB_CHECK(t, !ib_journal_lock(folder, false, &err));
    write_lock("elsewhere 77 5\n", 30);
    IB_CHECK(t, ib_journal_lock(folder, false, &err) == IB_EUSAGE);
    IB_CHECK(t, strstr(err.text, "process 77 on elsewhere") != NULL);
    write_lock("elsewhere 77 5\n", 3600);
    IB_CHECK(t, !ib_journal_lock(folder, false, &err));
    write_lock("", 5); /* being written, or cut off: only time tells */
    IB_CHECK(t, ib_journal_lock(folder, false, &err) == IB_EUSAGE);
    write_lock("", 3600);
    IB_CHECK(t, !ib_journal_lock(folder, false, &err));
    ib_journal_unlock(folder);
    IB_CHECK(t, access(folder, F_OK) != 0);

    IB_CHECK(t,
             !mkdir(folder, 0777) && !mkdir(in_folder("lock"), 0777)); /* what cannot be removed is no other job's */
    IB_CHECK(t, !utimensat(AT_FDCWD, path, (const struct timespec[2]){{0, 0}, {0, 0}}, 0));
    IB_CHECK(t, ib_journal_lock(folder, false, &err) == IB_EIO);
    IB_CHECK(t, strstr(err.text, "remove ") != NULL);
    IB_CHECK(t, !rmdir(in_folder("lock")) && !rmdir(folder));
}

IB_TEST_MAIN({IB_TEST(a_run_is_recalled_and_its_file_put_back), IB_TEST(a_damaged_header_is_refused),
              IB_TEST(a_forged_header_does_no_harm), IB_TEST(what_is_added_from_many_threads_is_found_again),
              IB_TEST(nothing_is_written_after_a_flush_that_failed),
              IB_TEST(damaged_journals_are_believed_up_to_their_damage), IB_TEST(the_living_keep_their_lock)})
