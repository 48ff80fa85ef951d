/* SPDX-License-Identifier: BSD-3-Clause */
/* --epsilon: what is chosen keeps its promise, is the cheapest of what does, and follows the number of samples. */
#include "gridder/choice.h"
#include "gridder/convfn.h"
#include "gridder/plan.h"
#include "ib_test.h"

static const struct {
    size_t nx, ny;
    double n_sample;
} shapes[] = {{128, 128, 1e3},   {600, 500, 1e5},   {1000, 1000, 3e3},
              {1000, 1000, 1e7}, {8192, 8192, 1e6}, {64, 2000, 1e4}};

enum { N_SHAPES = sizeof shapes / sizeof *shapes };

/* epsilon, precision, and everything free. */
static ib_config wish(double epsilon, int precision)
{
    ib_config cfg;

    ib_config_default(&cfg);
    cfg.epsilon = epsilon;
    cfg.precision = precision;
    cfg.support = cfg.oversampling = 0;
    cfg.padding = 0;
    return cfg;
}

static ib_imaging of(const ib_config *cfg, size_t nx, size_t ny, double n_sample)
{
    return (ib_imaging){.cfg = cfg,
                        .isa = ib_isa_find("base"), /* there on every machine */
                        .nx = nx,
                        .ny = ny,
                        .n_grid = 2,
                        .n_sample = n_sample,
                        .reach = {0.3, 0.3}};
}

static double total(const ib_choice *c)
{
    return c->seconds[IB_GRID_WORK] + c->seconds[IB_FFT_WORK];
}

/* The promise of a choice, without choice.c: aliasing and lookup from the function that would be used. */
static double promise(const ib_config *cfg, const ib_imaging *task, const ib_choice *c)
{
    ib_geometry  g = {.nx = task->nx, .ny = task->ny};
    const double padding = ib_lay_out(&g, task->isa, cfg->precision, task->n_grid, c->support, c->padding);
    ib_convfn   *fn = NULL;
    ib_error     err;

    if (ib_convfn_create(&fn, cfg->kernel, c->support, c->oversampling, padding, cfg->lookup, cfg->precision, &err))
        return INFINITY;
    const double value =
        ib_convfn_promise(fn, 0.5 * (double)g.nx / (double)g.grid_nx, 0.5 * (double)g.ny / (double)g.grid_ny);
    ib_convfn_destroy(fn);
    return value;
}

static void a_choice_promises_what_was_asked_for(ib_test *t)
{
    for (int k = 0; k < N_SHAPES; k++)
        for (int e = 1; e <= 7; e++)
            for (int lookup = IB_LINEAR; lookup <= IB_NEAREST; lookup++) {
                ib_config  cfg = wish(pow(10, -e), e > 5 ? IB_DOUBLE : IB_SINGLE);
                ib_choice  c;
                ib_error   err = {.text = ""};
                ib_imaging task = of(&cfg, shapes[k].nx, shapes[k].ny, shapes[k].n_sample);

                cfg.lookup = lookup;
                const ib_status rc = ib_choose(&task, &c, &err);
                if (lookup == IB_NEAREST && e > 4) { /* 10^5 entries per cell give 0.741 / (p 10^5) */
                    IB_CHECK(t, rc == IB_OK || rc == IB_EUSAGE);
                    continue;
                }
                IB_CHECK(t, rc == IB_OK);
                if (rc)
                    printf("# %s\n", err.text);
                else if (!(promise(&cfg, &task, &c) <= c.promised && 1.6 * c.promised <= cfg.epsilon))
                    printf("# 1e-%d: support %d, padding %g, oversampling %d\n", e, c.support, c.padding,
                           c.oversampling);
                IB_CHECK(t, promise(&cfg, &task, &c) <= c.promised && 1.6 * c.promised <= cfg.epsilon);
                IB_CHECK(t, total(&c) > 0);
            }
}

static void no_other_pair_is_predicted_to_be_faster(ib_test *t)
{
    for (int k = 0; k < N_SHAPES; k += 2)
        for (int e = 2; e <= 4; e += 2) {
            const ib_config  cfg = wish(pow(10, -e), IB_SINGLE);
            const ib_imaging task = of(&cfg, shapes[k].nx, shapes[k].ny, shapes[k].n_sample);
            ib_choice        best, c;
            ib_error         err;
            int              faster = 0;

            IB_CHECK(t, ib_choose(&task, &best, &err) == IB_OK);
            for (int support = 3; support <= 10; support++)
                for (int i = 0; ib_choice_padding(i) > 0; i += 7) {
                    ib_choice_predict(&task, support, ib_choice_padding(i), &c);
                    faster += ib_choice_reaches(&task, &c) && total(&c) < total(&best);
                }
            IB_CHECK(t, faster == 0);
        }
}

static void more_samples_never_ask_for_a_larger_support(ib_test *t)
{
    for (size_t size = 256; size <= 4096; size *= 4)
        for (int e = 2; e <= 5; e++) {
            const ib_config cfg = wish(pow(10, -e), IB_SINGLE);
            int             before = 99;

            for (double n = 100; n < 1e8; n *= 12) { /* more on 256 x 256 pixels would round too often for 1e-5 */
                const ib_imaging task = of(&cfg, size, size, n);
                ib_choice        c = {0};
                ib_error         err;
                IB_CHECK(t, ib_choose(&task, &c, &err) == IB_OK);
                if (c.support > before)
                    printf("# %zu pixels, 1e-%d, %g samples: support %d after %d\n", size, e, n, c.support, before);
                IB_CHECK(t, c.support <= before);
                before = c.support;
            }
        }
}

static void what_is_given_stays(ib_test *t)
{
    ib_choice c;
    ib_error  err;

    for (int which = 0; which < 4; which++) {
        ib_config cfg = wish(1e-3, IB_SINGLE);
        if (which == 0)
            cfg.support = 8;
        else if (which == 1)
            cfg.padding = 1.5;
        else if (which == 2)
            cfg.oversampling = 77;
        else
            cfg.kernel = IB_KERNEL_PSWF;
        const ib_imaging task = of(&cfg, 500, 500, 1e4);
        IB_CHECK(t, ib_choose(&task, &c, &err) == IB_OK);
        IB_CHECK(t, which != 0 || c.support == 8);
        IB_CHECK(t, which != 1 || c.padding == 1.5);
        IB_CHECK(t, which != 2 || c.oversampling == 77);
        IB_CHECK(t, which != 3 || c.support == 7);
        IB_CHECK(t, 1.6 * promise(&cfg, &task, &c) <= 1e-3);
    }
}

static void refused(ib_test *t, const ib_config *cfg, const char *remedy)
{
    const ib_imaging task = of(cfg, 500, 500, 1e4);
    ib_choice        c;
    ib_error         err = {.text = ""};

    IB_CHECK(t, ib_choose(&task, &c, &err) == IB_EUSAGE);
    IB_CHECK(t, strstr(err.text, remedy));
    printf("# %s\n", err.text);
}

static void what_cannot_be_reached_is_refused_with_a_remedy(ib_test *t)
{
    ib_config cfg = wish(1e-7, IB_SINGLE);

    refused(t, &cfg, "use --precision double");
    cfg = wish(1e-9, IB_DOUBLE); /* pixels are float32 */
    refused(t, &cfg, "ask for no more");
    cfg = wish(1e-5, IB_SINGLE);
    cfg.support = 3;
    refused(t, &cfg, "leave out --support");
    cfg = wish(1e-5, IB_SINGLE);
    cfg.support = 7, cfg.padding = 1.2, cfg.oversampling = 100;
    refused(t, &cfg, "leave out --support, --padding or --oversampling");
    cfg = wish(1e-6, IB_DOUBLE);
    cfg.kernel = IB_KERNEL_PSWF;
    refused(t, &cfg, "use --kernel kb");
    cfg.support = 5;
    refused(t, &cfg, "leave out --support");
}

/* Baselines that reach 0.46 of the uv plane find 14 more taps on 1250 cells, and 11 on 1050. */
static void the_longest_baselines_stay_on_the_grid(ib_test *t)
{
    for (double n = 100; n < 1e9; n *= 10) {
        const ib_config cfg = wish(1e-3, IB_SINGLE);
        ib_imaging      task = of(&cfg, 64, 64, n);
        ib_choice       c = {0};
        ib_error        err;

        task.reach[0] = task.reach[1] = 0.46;
        IB_CHECK(t, ib_choose(&task, &c, &err) == IB_OK);
        IB_CHECK(t, 0.46 * (double)c.grid_nx + 0.5 * c.support + 1 <= 0.5 * (double)c.grid_nx);
    }
}

IB_TEST_MAIN({IB_TEST(a_choice_promises_what_was_asked_for), IB_TEST(no_other_pair_is_predicted_to_be_faster),
              IB_TEST(more_samples_never_ask_for_a_larger_support), IB_TEST(what_is_given_stays),
              IB_TEST(what_cannot_be_reached_is_refused_with_a_remedy),
              IB_TEST(the_longest_baselines_stay_on_the_grid)})
