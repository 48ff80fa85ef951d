/* SPDX-License-Identifier: BSD-3-Clause */
/* Simulated launches: what goes in comes out, and where the answer is known it is found. Sums of doubles, of some thousand events:
   1e-9 of the total is generous. */
#include "base/error.h"
#include "bench/forecast.h"
#include "ib_test.h"

static ib_plan plan_of(size_t n_unit, size_t n_chunk, size_t window, size_t n_lane, bool ahead)
{
    return (ib_plan){.n_unit = n_unit,
                     .n_chunk = n_chunk,
                     .window = window,
                     .n_lane = n_lane,
                     .ahead = ahead,
                     .fused = true,
                     .n_write = 2 * n_lane + 2,
                     .write_bytes = 1000};
}

static ib_forecast_machine ideal(int n_rank, int n_thread)
{
    return (ib_forecast_machine){.n_rank = n_rank,
                                 .n_thread = n_thread,
                                 .read = INFINITY,
                                 .write = INFINITY,
                                 .stream = INFINITY,
                                 .node = INFINITY,
                                 .seed = 1};
}

static ib_forecast made(ib_test *t, const ib_forecast_task *task, const ib_forecast_machine *machine)
{
    ib_forecast out;
    ib_error    err;

    IB_CHECK(t, !ib_forecast_make(&out, task, machine, &err));
    return out;
}

static double sum_of(const ib_forecast *f)
{
    double sum = 0;
    for (int i = 0; i < IB_N_SPENT; i++)
        sum += f->spent_s[i];
    return sum;
}

/* Storage, jitter, latency, checks, orders: whatever happens, every channel is imaged once, every byte moved once, and
   every moment of every rank belongs to something. */
static void channels_bytes_and_time_are_conserved(ib_test *t)
{
    enum { UNITS = 1003 };
    static uint32_t sorted[UNITS];

    for (size_t u = 0; u < UNITS; u++)
        sorted[u] = (uint32_t)(u / 17);
    for (int dynamic = 0; dynamic < 2; dynamic++)
        for (int ahead = 0; ahead < 2; ahead++)
            for (int n = 1; n <= 97; n = 3 * n + 1) {
                ib_plan plan = plan_of(UNITS, 301, 12, 3, ahead);
                plan.n_check = 5;
                const ib_forecast_task task = {&plan, dynamic, sorted, 1000, 5000, 8000, 0.01, 0.002, 0.3, 1, 0.5, 3};
                const ib_forecast_machine machine = {n, 2, 3e6, 1e6, 2e5, 1e6, 1e-4, 1e-5, 0.2, 7};
                const ib_forecast         f = made(t, &task, &machine);

                IB_CHECK(t, f.n_unit == UNITS);
                IB_CHECK(t, f.least <= UNITS / (size_t)n && f.most >= UNITS / (size_t)n);
                IB_NEAR(t, f.read_bytes, UNITS * 1000.0 + n * 5000.0, 1e-3);
                IB_NEAR(t, f.written_bytes, UNITS * 8000.0, 1e-3);
                IB_NEAR(t, sum_of(&f), f.total_s, 1e-9 * f.total_s);
                /* the file system cannot do more than it does, nor ranks be quicker than their work */
                IB_NEAR(t, f.storage * f.total_s, f.read_bytes / 3e6 + f.written_bytes / 1e6, 1e-9 * f.total_s);
                IB_CHECK(t, f.storage <= 1 + 1e-9);
                const ib_forecast again = made(t, &task, &machine);
                IB_CHECK(t, again.total_s == f.total_s && again.n_event == f.n_event);
            }
}

/* One rank, nothing read ahead, more buffers than planes: everything one after the other. */
static void one_rank_is_a_sum(ib_test *t)
{
    ib_plan plan = plan_of(100, 100, 10, 2, false);
    plan.n_check = 4;
    const ib_forecast_task task = {&plan, false, NULL, 200, 1000, 0, 0.5, 3, 0.25, 7, 2, 1};
    ib_forecast_machine    machine = ideal(1, 2);
    machine.read = 1000;
    const ib_forecast f = made(t, &task, &machine);

    IB_NEAR(t, f.spent_s[IB_SPENT_COMPUTE], (100 * 0.5 + 3 + 4 * 0.25) / 2, 1e-9);
    IB_NEAR(t, f.spent_s[IB_SPENT_READ], 100 * 0.2 + 1, 1e-9);
    IB_NEAR(t, f.total_s, 7 + 2 + 27 + 21, 1e-9);
}

/* Read ahead, what is longer hides the other, but for the first window. */
static void reading_ahead_hides_the_shorter(ib_test *t)
{
    const ib_plan          plan = plan_of(100, 100, 10, 1, true);
    const ib_forecast_task quick = {&plan, false, NULL, 200, 0, 0, 0.5, 0, 0, 0, 0, 0};
    const ib_forecast_task slow = {&plan, false, NULL, 800, 0, 0, 0.5, 0, 0, 0, 0, 0};
    ib_forecast_machine    machine = ideal(1, 1);
    machine.read = 1000;

    IB_NEAR(t, made(t, &quick, &machine).total_s, 10 * 0.2 + 100 * 0.5, 1e-9);
    IB_NEAR(t, made(t, &slow, &machine).total_s, 100 * 0.8 + 10 * 0.5, 1e-9);
}

/* Much to write, nothing else: the file system is all of the time; a slow stream is, when each rank has one. */
static void bandwidth_is_a_bound(ib_test *t)
{
    const ib_plan          plan = plan_of(640, 640, 10, 2, true);
    const ib_forecast_task task = {&plan, false, NULL, 0, 0, 1e6, 1e-6, 0, 0, 0, 0, 0};
    ib_forecast_machine    machine = ideal(16, 2);

    machine.write = 1e8;
    IB_NEAR(t, made(t, &task, &machine).total_s, 6.4, 1e-4);
    IB_CHECK(t, made(t, &task, &machine).storage > 0.999);
    machine.stream = 1e6;
    IB_NEAR(t, made(t, &task, &machine).total_s, 40, 1e-3);
}

/* Without limits ranks share the work; the last one has the most channels. */
static void without_limits_ranks_share_the_work(ib_test *t)
{
    const ib_plan          plan = plan_of(1000, 1000, 20, 1, true);
    const ib_forecast_task task = {&plan, false, NULL, 1, 1, 1, 1, 0, 0, 0, 0, 0};

    for (int n = 1; n <= 1000; n *= 10) {
        const ib_forecast_machine machine = ideal(n, 1);
        IB_NEAR(t, made(t, &task, &machine).total_s, 1000.0 / n, 1e-9);
    }
    const ib_forecast_machine uneven = ideal(300, 1);
    const ib_forecast         f = made(t, &task, &uneven);
    IB_NEAR(t, f.total_s, 4, 1e-9);
    IB_NEAR(t, f.spent_s[IB_SPENT_IDLE], 4 - 1000.0 / 300, 1e-9);
}

static void more_of_anything_is_no_slower(ib_test *t)
{
    const ib_plan          plan = plan_of(960, 960, 8, 1, true);
    const ib_forecast_task task = {&plan, false, NULL, 3000, 0, 20000, 0.01, 0, 0, 0, 0, 0};
    double                 before = INFINITY;

    for (int n = 1; n <= 960; n *= 2) {
        ib_forecast_machine machine = {n, 1, 4e6, 4e6, 1e6, 1e9, 0, 0, 0, 1};
        const double        seconds = made(t, &task, &machine).total_s;
        IB_CHECK(t, seconds <= before * (1 + 1e-9));
        before = seconds;
        machine.read *= 2;
        machine.write *= 2;
        IB_CHECK(t, made(t, &task, &machine).total_s <= seconds * (1 + 1e-9));
    }
}

/* Slow ranks: taken channels even out what dealt ones cannot; counters that take long to answer cost that. */
static void taking_helps_uneven_ranks_and_latency_hurts_it(ib_test *t)
{
    const ib_plan          plan = plan_of(6400, 6400, 4, 1, true);
    const ib_forecast_task dealt = {&plan, false, NULL, 0, 0, 0, 0.1, 0, 0, 0, 0, 0};
    const ib_forecast_task taken = {&plan, true, NULL, 0, 0, 0, 0.1, 0, 0, 0, 0, 0};
    ib_forecast_machine    machine = ideal(64, 1);
    machine.jitter = 0.2;
    const ib_forecast a = made(t, &dealt, &machine), b = made(t, &taken, &machine);

    IB_CHECK(t, b.total_s < 0.9 * a.total_s && b.n_moved > 0);
    IB_CHECK(t, a.n_take == 0 && b.n_take >= 64);
    machine.latency = 0.01;
    const ib_forecast c = made(t, &taken, &machine);
    IB_CHECK(t, c.total_s > b.total_s && c.spent_s[IB_SPENT_NETWORK] > b.spent_s[IB_SPENT_NETWORK]);
}

IB_TEST_MAIN({IB_TEST(channels_bytes_and_time_are_conserved), IB_TEST(one_rank_is_a_sum),
              IB_TEST(reading_ahead_hides_the_shorter), IB_TEST(bandwidth_is_a_bound),
              IB_TEST(without_limits_ranks_share_the_work), IB_TEST(more_of_anything_is_no_slower),
              IB_TEST(taking_helps_uneven_ranks_and_latency_hurts_it)})
