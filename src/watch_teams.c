/* SPDX-License-Identifier: BSD-3-Clause */
/* What threads do in parallel regions. GCC's OpenMP has no tool interface: the few calls that compiled regions make are
   taken here, as Extrae does, and passed on. So every region counts, those of libraries too, and no loop has to say so. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "base/trace.h"

#if defined __GNUC__ && !defined __clang__

#include <dlfcn.h>
#include <omp.h>
#include <string.h>

enum { WORTH_TELLING_NS = 50000 };

typedef void work_fn(void *data);

typedef struct share {
    work_fn *work;
    void    *data;
} share;

/* The share of one thread in a region. The one who began it is in the team already: others may be faster. */
static void take_part(void *data)
{
    const share   *s = data;
    ib_track      *t = ib_track_mine();
    const int      id = omp_get_thread_num();
    const int64_t *since = &t->since_ns;

    if (id > 0 && !t->worker)
        ib_track_name("worker", id);
    t->worker = true;
    ib_turn(IB_WORKING);
    t->in_team = true;
    const int64_t at = *since;
    s->work(s->data);
    ib_turn(id > 0 ? IB_RESTING : IB_BARRED);
    t->in_team = id == 0;
    if (ib_recording && *since - at > WORTH_TELLING_NS)
        ib_recorder_add(&(ib_event){.at_ns = at,
                                    .for_ns = *since - at,
                                    .name = "share",
                                    .value = -1,
                                    .number = -1,
                                    .kind = IB_EVENT_SPAN,
                                    .category = IB_OF_TEAM});
}

/* A function of ours and the library's own of that name, found before there are threads. */
#define OWN(name, ...)                                                                                               \
    static void (*own_##name)(__VA_ARGS__);                                                                          \
    __attribute__((constructor)) static void find_##name(void)                                                       \
    {                                                                                                                \
        void *const address = dlsym(RTLD_NEXT, #name);                                                               \
        memcpy(&own_##name, &address, sizeof address);                                                               \
    }                                                                                                                \
    void name(__VA_ARGS__);

static ib_activity begin_region(ib_track *t)
{
    const ib_activity before = ib_turn(IB_BARRED);

    t->in_team = true;
    return before;
}

static void end_region(ib_track *t, ib_activity before)
{
    ib_turn(before);
    t->in_team = false;
}

OWN(GOMP_parallel, work_fn *work, void *data, unsigned threads, unsigned flags)
void GOMP_parallel(work_fn *work, void *data, unsigned threads, unsigned flags)
{
    ib_track *t = ib_track_mine();

    if (t->in_team) { /* within a region: that one is what counts */
        own_GOMP_parallel(work, data, threads, flags);
        return;
    }
    const ib_activity before = begin_region(t);
    own_GOMP_parallel(take_part, &(share){work, data}, threads, flags);
    end_region(t, before);
}

/* Loops whose counter is a long have regions of their own. */
#define LOOP(name)                                                                                                   \
    OWN(name, work_fn *work, void *data, unsigned threads, long from, long to, long step, long chunk,                \
        unsigned flags)                                                                                              \
    void name(work_fn *work, void *data, unsigned threads, long from, long to, long step, long chunk,                \
              unsigned flags)                                                                                        \
    {                                                                                                                \
        ib_track *t = ib_track_mine();                                                                               \
                                                                                                                     \
        if (t->in_team) {                                                                                            \
            own_##name(work, data, threads, from, to, step, chunk, flags);                                           \
            return;                                                                                                  \
        }                                                                                                            \
        const ib_activity before = begin_region(t);                                                                  \
        own_##name(take_part, &(share){work, data}, threads, from, to, step, chunk, flags);                          \
        end_region(t, before);                                                                                       \
    }
LOOP(GOMP_parallel_loop_static)
LOOP(GOMP_parallel_loop_dynamic)
LOOP(GOMP_parallel_loop_guided)
LOOP(GOMP_parallel_loop_nonmonotonic_dynamic)
LOOP(GOMP_parallel_loop_nonmonotonic_guided)

/* Where threads wait for each other within a region. */
#define WAIT(name)                                                                                                   \
    OWN(name, void)                                                                                                  \
    void name(void)                                                                                                  \
    {                                                                                                                \
        const bool        in_team = ib_track_mine()->in_team;                                                        \
        const ib_activity before = in_team ? ib_turn(IB_BARRED) : IB_WORKING;                                        \
                                                                                                                     \
        own_##name();                                                                                                \
        if (in_team)                                                                                                 \
            ib_turn(before);                                                                                         \
    }
WAIT(GOMP_barrier)
WAIT(GOMP_loop_end)
WAIT(GOMP_ordered_start)

__attribute__((constructor)) static void begin(void)
{
    ib_watched |= IB_WATCHES_TEAMS;
}

#endif
