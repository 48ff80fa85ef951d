/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/trace.h"

#include <string.h>

enum { WORTH_TELLING_NS = 20000 };

int ib_watched;

double ib_now(void)
{
    return 1e-9 * (double)ib_clock_ns();
}

/* ---- phases ---------------------------------------------------------------------------------------------------- */

const char *ib_phase_name(ib_phase phase)
{
    static const char *const names[] = {
#define IB_PHASE_NAME(id, name) name,
        IB_PHASES(IB_PHASE_NAME)
#undef IB_PHASE_NAME
    };
    return phase < IB_N_PHASES ? names[phase] : "?";
}

void ib_trace_phase(ib_phase phase, double from, double to)
{
    ib_track     *t = ib_track_mine();
    const int64_t at = (int64_t)(from * 1e9), end = (int64_t)(to * 1e9);

    ib_recorder_add(&(ib_event){.at_ns = at,
                                .for_ns = end - at,
                                .name = ib_phase_name(phase),
                                .value = t->bytes > 0 ? t->bytes : -1,
                                .number = t->channel,
                                .team = t->team,
                                .kind = IB_EVENT_SPAN,
                                .category = IB_OF_PHASE});
    t->bytes = 0;
}

void ib_trace_chunk(const char *name, double from)
{
    const int64_t at = (int64_t)(from * 1e9), end = ib_clock_ns();

    if (ib_recording)
        ib_recorder_add(&(ib_event){.at_ns = at,
                                    .for_ns = end - at,
                                    .name = name,
                                    .value = -1,
                                    .number = ib_track_mine()->channel,
                                    .kind = IB_EVENT_SPAN,
                                    .category = IB_OF_CHUNK});
}

void ib_trace_about(int64_t channel, int team)
{
    ib_track *t = ib_track_mine();

    t->channel = channel > INT32_MAX ? -1 : (int32_t)channel;
    t->team = (uint16_t)team;
}

/* ---- activities ------------------------------------------------------------------------------------------------ */

ib_stay ib_enter(ib_activity there)
{
    const ib_activity before = ib_turn(there);

    return (ib_stay){before, there, ib_track_mine()->since_ns, ib_track_mine()->bytes};
}

/* Back to what was before; what was nested in a stay of the same kind is no event, unless it is one end of a message. */
static void leave(ib_stay stay, ib_event event)
{
    ib_track *t = ib_track_mine();

    ib_turn(stay.before);
    if (stay.there == IB_STORING && event.value > 0)
        t->bytes = stay.bytes + event.value; /* whatever was nested in it */
    if (!ib_recording || (stay.before == stay.there && event.kind == IB_EVENT_SPAN) || stay.there == IB_WORKING)
        return;
    event.at_ns = stay.at_ns;
    event.for_ns = t->since_ns - stay.at_ns;
    if (stay.there == IB_STORING && event.for_ns < WORTH_TELLING_NS)
        return; /* the many small pieces of a plane: their phase has their bytes, */
    if (stay.there == IB_STORING && !t->worker && t->bytes > 0) {
        event.value = t->bytes; /* or, of a thread without phases, the next one */
        t->bytes = 0;
    }
    event.category = stay.there == IB_STORING ? IB_OF_IO : IB_OF_MPI;
    ib_recorder_add(&event);
}

void ib_leave(ib_stay stay, const char *name, double bytes)
{
    leave(stay, (ib_event){.name = name, .value = bytes, .number = -1});
}

void ib_leave_together(ib_stay stay, const char *name, double bytes, int32_t number, int root)
{
    leave(stay, (ib_event){.name = name, .value = bytes, .number = number, .team = (uint16_t)(root + 1)});
}

void ib_leave_message(ib_stay stay, const char *name, int peer, int tag, double message, bool receives)
{
    leave(stay, (ib_event){.name = name,
                           .value = message,
                           .number = peer,
                           .team = (uint16_t)tag,
                           .kind = receives ? IB_EVENT_RECEIVE : IB_EVENT_SEND});
}

int32_t ib_collective_number(void)
{
    static int32_t n;

    return n++;
}

/* ---- accounts -------------------------------------------------------------------------------------------------- */

static ib_account last;

void ib_account_begin(void)
{
    last = (ib_account){0};
    ib_turn(ib_track_mine()->now);
    for (ib_track *t = ib_tracks(); t; t = t->next)
        memset(t->spent_ns, 0, sizeof t->spent_ns);
}

static double seconds(int64_t ns)
{
    return 1e-9 * (double)ns;
}

void ib_account_end(int threads)
{
    ib_account     *out = &last;
    const ib_track *self = ib_track_mine();

    ib_turn(self->now);
    *out = (ib_account){.serial_s = seconds(self->spent_ns[0][IB_WORKING]),
                        .storing_s = seconds(self->spent_ns[0][IB_STORING]),
                        .messaging_s = seconds(self->spent_ns[0][IB_MESSAGING] + self->spent_ns[1][IB_MESSAGING]),
                        .threads = threads,
                        .watched = ib_watched};
    for (int a = 0; a < IB_N_ACTIVITIES; a++)
        if (a != IB_MESSAGING)
            out->team_s += seconds(self->spent_ns[1][a]);
    for (const ib_track *t = ib_tracks(); t; t = t->next) {
        const double work = seconds(t->spent_ns[1][IB_WORKING]);
        if (!t->worker)
            continue;
        out->work_s += work;
        out->team_storing_s += seconds(t->spent_ns[1][IB_STORING]);
        if (t->id >= 0 && t->id < IB_MAX_BUSY)
            out->busy_s[t->id] += (float)(work + (t == self ? out->serial_s : 0));
    }
}

const ib_account *ib_account_last(void)
{
    return &last;
}
