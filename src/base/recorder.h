/* SPDX-License-Identifier: BSD-3-Clause */
/** What the threads of this process do and when: how long at what kind of thing, always; every span of it, while it is
 *  recorded. Process-wide, no locks; needs the C library alone, as include/imgbench_trace.h stands on it, too. */
#ifndef IB_BASE_RECORDER_H
#define IB_BASE_RECORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Every instant of a thread belongs to one of these. */
typedef enum ib_activity {
    IB_RESTING,   /* outside of parallel regions, as one of their workers */
    IB_WORKING,   /* computing */
    IB_BARRED,    /* in a parallel region: waiting for the rest of the team */
    IB_STORING,   /* reading and writing files, and waiting for those who do */
    IB_MESSAGING, /* in MPI, and waiting for other ranks */
    IB_N_ACTIVITIES
} ib_activity;

typedef enum ib_event_kind { IB_EVENT_SPAN, IB_EVENT_COUNTER, IB_EVENT_SEND, IB_EVENT_RECEIVE } ib_event_kind;
typedef enum ib_category { IB_OF_PHASE, IB_OF_CHUNK, IB_OF_IO, IB_OF_MPI, IB_OF_TEAM, IB_OF_USER } ib_category;

/** Something that happened. Names are literals. */
typedef struct ib_event {
    int64_t     at_ns, for_ns; /* of the monotonic clock */
    const char *name;
    double
            value; /* span: bytes (of a phase those of all its files), below 0: none; counter: its value; message: its number between those two ranks */
    int32_t number; /* phase: channel; MPI: number of the collective; message: the other rank; below 0: none */
    uint16_t
        team; /* phase: threads that do it side by side; collective: its root, plus one; message: its tag, cut off */
    uint8_t kind, category;
} ib_event;

/** One thread. Its own thread writes it; read it when that thread rests. */
typedef struct ib_track {
    struct ib_track *next;
    const char      *name;    /* "main", "worker", ...; NULL: none was given */
    int              id;      /* as in files */
    bool             in_team; /* in a parallel region now */
    bool             worker;  /* it has been in one, or is the main thread */
    ib_activity      now;
    int64_t          since_ns;
    int64_t          spent_ns[2][IB_N_ACTIVITIES]; /* outside of parallel regions, inside */
    ib_event        *block;                        /* with room for more events */
    uint32_t         n_block, n_dropped;           /* events in it */
    double           bytes;                        /* moved to and from files since the last phase that was kept */
    int32_t          channel;                      /* what phases are about; below 0: nothing */
    uint16_t         team;
} ib_track;

/** Whether events are kept. Threads that keep some may be at it still when it has become false: who then reads waits for them. */
extern atomic_bool ib_recording;

int64_t ib_clock_ns(void);

/** Rank among the processes of a launch as the launcher tells, before MPI is initialised; -1: alone. */
int ib_launched_rank(void);

/** A time of that clock in us since 1970. */
double ib_epoch_us(int64_t at_ns);

/** That of the calling thread, made when it asks first; never NULL. All of them: from the newest on, by `next`. */
ib_track *ib_track_mine(void);
ib_track *ib_tracks(void);

/** What the calling thread is called, and its number in files; below 0: one beyond those of teams. */
void ib_track_name(const char *name, int id);

/** The calling thread does something else from now on. @return what it did before */
ib_activity ib_turn(ib_activity to);

/** Room for events, taken now and given back by stop. @return false: refused */
bool ib_recorder_start(size_t bytes);
void ib_recorder_stop(void);

/** Keep an event of the calling thread, if there is room; cheap. */
void ib_recorder_add(const ib_event *event);

typedef struct ib_recorder_state {
    uint64_t n_event, n_dropped;
    int64_t  began_ns;
} ib_recorder_state;

ib_recorder_state ib_recorder_about(void);

/** How local times become those of a file: zero_ns of this process is 0 there, and its clock is ahead by this much at two
 *  times, in between linearly. */
typedef struct ib_clock_map {
    int64_t zero_ns;
    int64_t at_ns[2], ahead_ns[2];
} ib_clock_map;

/** The events as JSON objects, one per line, each after a comma but the first when `first`; in the order of their beginning,
 *  thread by thread. Nobody else records meanwhile.
 *  @param put  takes pieces of text; false: stop  @return false: stopped, or no memory */
bool ib_recorder_write(int process, const char *label, const ib_clock_map *clock, bool first,
                       bool (*put)(void *self, const char *text, size_t n), void *self);

#endif
