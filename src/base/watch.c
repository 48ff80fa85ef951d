/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "base/watch.h"
#include "base/comm.h"
#include "base/error.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/trace.h"

#include <errno.h>
#include <ifaddrs.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOST_ADDRESSES = 8,
    BEATS = 10,    /* within the timeout, any of which may be lost */
    FAREWELLS = 3, /* as any of these */
};
enum { DOING = 160 };
enum { ALIVE, LEAVES, IS_OVER }; /* kinds of beats */

/* Where a rank listens: one socket, at every address of its host. */
typedef struct place {
    char     host[65];
    uint16_t port; /* network order, as the addresses; 0: it cannot listen */
    uint32_t n_address, address[MOST_ADDRESSES];
} place;

typedef struct beat {
    uint64_t token; /* of the job: datagrams of others are none of ours */
    int32_t  rank, kind;
    char     doing[DOING];
} beat;

static struct {
    double    timeout, interval;
    int       rank, n_rank, socket, wake;
    uint64_t  token;
    place     next;         /* this rank's beats go there */
    char      before[65];   /* host of the rank whose beats come here */
    char      doing[DOING]; /* what that one said that it did */
    double    silence;      /* s since then */
    bool      heard, has_left, has_warned;
    pthread_t thread;
    bool      on;
} watch;

static _Atomic(const char *) stage = "starting";
static atomic_bool           ending;
static pthread_mutex_t       mutex = PTHREAD_MUTEX_INITIALIZER;
static ib_wait              *waits; /* guarded by mutex */

void ib_wait_begin(ib_wait *wait, const char *doing, const char *name)
{
    pthread_mutex_lock(&mutex);
    *wait = (ib_wait){doing, name, 0, waits, &waits};
    if (waits)
        waits->at = &wait->next;
    waits = wait;
    pthread_mutex_unlock(&mutex);
}

void ib_wait_end(ib_wait *wait)
{
    pthread_mutex_lock(&mutex);
    *wait->at = wait->next;
    if (wait->next)
        wait->next->at = wait->at;
    pthread_mutex_unlock(&mutex);
}

/* ---- datagrams --------------------------------------------------------------------------------------------------- */

static void describe(place *here)
{
    struct ifaddrs *list = NULL;

    memset(here, 0, sizeof *here);
    gethostname(here->host, sizeof here->host - 1);
    if (getifaddrs(&list))
        return;
    for (const struct ifaddrs *i = list; i && here->n_address < MOST_ADDRESSES; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && i->ifa_flags & IFF_UP) {
            struct sockaddr_in a;
            memcpy(&a, i->ifa_addr, sizeof a);
            here->address[here->n_address++] = a.sin_addr.s_addr;
        }
    freeifaddrs(list);
}

static int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t          n = sizeof a;
    const int          fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *port = 0;
    if (fd >= 0 && !bind(fd, (struct sockaddr *)&a, sizeof a) && !getsockname(fd, (struct sockaddr *)&a, &n))
        *port = a.sin_port;
    return fd;
}

/* To every address of the next rank's host: one of them will do. */
static void send_beat(int kind, const char *doing)
{
    beat b = {.token = watch.token, .rank = watch.rank, .kind = kind};

    snprintf(b.doing, sizeof b.doing, "%s", doing);
    for (uint32_t i = 0; watch.next.port && i < watch.next.n_address; i++) {
        const struct sockaddr_in a = {
            .sin_family = AF_INET, .sin_port = watch.next.port, .sin_addr.s_addr = watch.next.address[i]};
        sendto(watch.socket, &b, sizeof b, 0, (const struct sockaddr *)&a, sizeof a);
    }
}

void ib_watch_stage(const char *doing)
{
    atomic_store(&stage, doing);
    if (watch.on && watch.socket >= 0)
        send_beat(ALIVE, doing);
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

/* The end of this process, told to the next rank first. */
static _Noreturn void give_up(void)
{
    for (int i = 0; i < FAREWELLS; i++)
        send_beat(IS_OVER, "");
    _exit(ib_exit_code(IB_ESTUCK));
}

static void hear(void)
{
    beat b;

    while (recv(watch.socket, &b, sizeof b, 0) == sizeof b) {
        if (b.token != watch.token || b.rank != (watch.rank + watch.n_rank - 1) % watch.n_rank)
            continue;
        if (b.kind == IS_OVER) /* and has been told of */
            give_up();
        watch.heard = true;
        watch.silence = 0;
        watch.has_left = watch.has_left || b.kind == LEAVES;
        b.doing[DOING - 1] = 0;
        memcpy(watch.doing, b.doing, DOING);
    }
}

/* The rank before. */
static void check_silence(double passed)
{
    const int who = (watch.rank + watch.n_rank - 1) % watch.n_rank;

    watch.silence += passed;
    if (watch.n_rank == 1 || watch.has_left || watch.silence < watch.timeout)
        return;
    if (watch.heard) {
        fprintf(stderr,
                "imgbench: rank %d on %s has given no sign of life for %.3g s (--hang-timeout), while it was %s: the "
                "run ends, and --resume goes on with what is finished\n",
                who, watch.before, watch.timeout, watch.doing);
        give_up();
    }
    if (!watch.rank && !watch.has_warned)
        ib_warn("datagrams of %s do not reach this host: a rank that stops will not be noticed", watch.before);
    watch.has_warned = true;
}

/* What this rank waits for. @param doing  the oldest wait, else the stage */
static void check_waits(double passed, char doing[DOING])
{
    char   host[65] = "";
    double oldest = 0;

    snprintf(doing, DOING, "%s", atomic_load(&stage));
    pthread_mutex_lock(&mutex);
    for (ib_wait *w = waits; w; w = w->next) {
        w->age += passed;
        if (w->age > oldest)
            snprintf(doing, DOING, "%s %s", w->doing, w->name);
        oldest = fmax(oldest, w->age);
    }
    pthread_mutex_unlock(&mutex);
    if (oldest < watch.timeout)
        return;
    gethostname(host, sizeof host - 1);
    fprintf(stderr,
            "imgbench: rank %d on %s has waited %.3g s (--hang-timeout) for the system while %s: the run "
            "ends, and --resume goes on with what is finished\n",
            watch.rank, host, watch.timeout, doing);
    give_up();
}

static void *keep_watch(void *unused)
{
    struct pollfd on[2] = {{.fd = watch.wake, .events = POLLIN}, {.fd = watch.socket, .events = POLLIN}};
    char          doing[DOING];

    (void)unused;
    for (double before = ib_now(), sent = -INFINITY; !atomic_load(&ending);
         poll(on, watch.socket < 0 ? 1 : 2, (int)ceil(1e3 * watch.interval))) {
        const double now = ib_now(),
                     passed = fmin(now - before, 2 * watch.interval); /* more: this process slept, too */
        before = now;
        if (watch.socket >= 0)
            hear();
        check_waits(passed, doing);
        check_silence(passed);
        if (watch.socket >= 0 && now - sent >= 0.9 * watch.interval) {
            send_beat(ALIVE, doing);
            sent = now;
        }
    }
    return NULL;
}

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

/* Every rank learns where the next one listens, and who is before it. */
static void meet(MPI_Comm comm, const place *here)
{
    const int next = (watch.rank + 1) % watch.n_rank, before = (watch.rank + watch.n_rank - 1) % watch.n_rank;
    place     theirs;
    uint32_t  n = 0;

    MPI_Sendrecv(here, (int)sizeof *here, MPI_BYTE, before, 0, &watch.next, (int)sizeof watch.next, MPI_BYTE, next, 0,
                 comm, MPI_STATUS_IGNORE);
    MPI_Sendrecv(here, (int)sizeof *here, MPI_BYTE, next, 0, &theirs, (int)sizeof theirs, MPI_BYTE, before, 0, comm,
                 MPI_STATUS_IGNORE);
    memcpy(watch.before, theirs.host, sizeof watch.before);
    for (uint32_t i = 0; i < watch.next.n_address; i++) /* loopback reaches this host only */
        if (!strcmp(watch.next.host, here->host) || ntohl(watch.next.address[i]) >> 24 != 127)
            watch.next.address[n++] = watch.next.address[i];
    watch.next.n_address = n;
}

ib_status ib_watch_begin(MPI_Comm comm, double timeout, ib_error *err)
{
    place here;

    if (!(timeout > 0))
        return IB_OK;
    memset(&watch, 0, sizeof watch);
    watch.timeout = timeout;
    watch.interval = fmin(timeout / BEATS, 1);
    MPI_Comm_rank(comm, &watch.rank);
    MPI_Comm_size(comm, &watch.n_rank);
    if (!watch.rank && getrandom(&watch.token, sizeof watch.token, 0) != sizeof watch.token)
        watch.token = (uint64_t)getpid();
    MPI_Bcast(&watch.token, 1, MPI_UINT64_T, 0, comm);
    describe(&here);
    snprintf(watch.doing, sizeof watch.doing, "starting");
    watch.socket = watch.n_rank > 1 ? listen_anywhere(&here.port) : -1;
    meet(comm, &here);
    atomic_store(&ending, false);
    watch.wake = eventfd(0, EFD_CLOEXEC);
    const int failed = watch.wake < 0 ? errno : ib_thread_start(&watch.thread, keep_watch, NULL);
    watch.on = !failed;
    const ib_status rc =
        failed ? ib_fail(err, IB_EIO, "start the thread that watches ranks: %s", strerror(failed)) : IB_OK;
    if (failed) {
        if (watch.wake >= 0)
            close(watch.wake);
        if (watch.socket >= 0)
            close(watch.socket);
    }
    return ib_agree(comm, rc, err);
}

void ib_watch_end(void)
{
    const uint64_t one = 1;

    if (!watch.on)
        return;
    atomic_store(&ending, true);
    if (write(watch.wake, &one, sizeof one) < 0)
        ib_warn("the thread that watches ranks ends late"); /* after its next beat */
    pthread_join(watch.thread, NULL);
    for (int i = 0; watch.socket >= 0 && i < FAREWELLS; i++)
        send_beat(LEAVES, "ending");
    close(watch.wake);
    if (watch.socket >= 0)
        close(watch.socket);
    watch.on = false;
}
