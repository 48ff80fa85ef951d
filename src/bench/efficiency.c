/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/efficiency.h"

#include <math.h>

ib_shares ib_shares_of(const ib_account *account, int ranks, int threads, double T)
{
    ib_shares s = {.known = ranks > 0 && T > 0, .T = T, .ranks = ranks, .threads = threads};

    for (int r = 0; r < ranks; r++) {
        const ib_account *a = &account[r];
        const double      all = a->serial_s + a->team_s + a->storing_s;
        const double      cut = all > T ? T / all : 1; /* clocks are read one after the other */
        const double      computing = a->serial_s + a->team_s - a->team_storing_s / threads;
        s.known = s.known && a->watched == (IB_WATCHES_MPI | IB_WATCHES_TEAMS);
        s.busy += cut * all;
        s.busiest = fmax(s.busiest, cut * all);
        s.computing += cut * computing;
        s.serial += cut * a->serial_s;
        s.useful += cut * fmin(a->serial_s + a->work_s, threads * a->team_s - a->team_storing_s + a->serial_s);
    }
    s.known = s.known && s.useful > 0;
    return s;
}

ib_shares ib_shares_between(const ib_shares *a, const ib_shares *b)
{
    return (ib_shares){.known = a->known && b->known && a->ranks == b->ranks && a->threads == b->threads,
                       .T = 0.5 * (a->T + b->T),
                       .ranks = a->ranks,
                       .threads = a->threads,
                       .busy = 0.5 * (a->busy + b->busy),
                       .busiest = 0.5 * (a->busiest + b->busiest),
                       .computing = 0.5 * (a->computing + b->computing),
                       .useful = 0.5 * (a->useful + b->useful),
                       .serial = 0.5 * (a->serial + b->serial)};
}

ib_efficiency ib_efficiency_of(const ib_shares *s)
{
    const double left = s->threads * s->computing - (s->threads - 1) * s->serial, none = (double)NAN;

    if (!s->known)
        return (ib_efficiency){none, none, none, none, none, none};
    return (ib_efficiency){.parallel = s->useful / (s->ranks * s->threads * s->T),
                           .mpi_balance = s->busy / s->ranks / s->busiest,
                           .communication = s->busiest / s->T,
                           .io = s->computing / s->busy,
                           .serial = left / (s->threads * s->computing),
                           .team = s->useful / left};
}
