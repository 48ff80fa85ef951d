/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/points.h"
#include "base/error.h"
#include "base/text.h"
#include "bench/arguments.h"

#include <stdio.h>
#include <string.h>

ib_status ib_axis_add(ib_sweep_grid *grid, const char *key, const char *list, bool whole, ib_error *err)
{
    ib_axis *axis = &grid->axis[grid->n_axis];

    if (grid->n_axis == IB_MAX_AXES)
        return ib_fail(err, IB_EUSAGE, "more than %d options have values", IB_MAX_AXES);
    snprintf(axis->key, sizeof axis->key, "%s", key);
    axis->n = 1;
    if (!whole)
        axis->n = ib_words(list, axis->value, IB_MAX_VALUES, err);
    else if (strlen(list) < sizeof *axis->value && *list)
        strcpy(axis->value[0], list);
    else
        return ib_fail(err, IB_EUSAGE, "--%s: \"%.80s\" is empty or too long for a sweep", key, list);
    if (!axis->n)
        return ib_within(err, "--%s: ", key);
    for (size_t i = 0; i < axis->n; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(axis->value[i], axis->value[k]))
                return ib_fail(err, IB_EUSAGE, "--%s: %s is given twice", key, axis->value[i]);
    grid->n_axis++;
    return IB_OK;
}

/* The value of an axis at a point as a number; `otherwise` where there is no such axis, -1 where it is none. */
static int number_at(const ib_sweep_grid *grid, const ib_point *p, const char *key, int otherwise)
{
    ib_error ignored;
    int64_t  number;

    for (size_t a = 0; a < grid->n_axis; a++)
        if (!strcmp(grid->axis[a].key, key))
            return ib_text_to_int(grid->axis[a].value[p->value[a]], &number, &ignored) || number < 1 ||
                           number > 1000000
                       ? -1
                       : (int)number;
    return otherwise;
}

static ib_status fill(const ib_sweep_grid *grid, ib_point *p, ib_error *err)
{
    size_t used = 0;

    p->ranks = number_at(grid, p, "ranks", 1);
    p->threads = number_at(grid, p, "threads", 1);
    const int64_t busy = (int64_t)p->ranks * p->threads;
    p->nodes = number_at(grid, p, "nodes", grid->spread ? (int)((busy + grid->cores - 1) / grid->cores) : 1);
    if (p->ranks < 1 || p->threads < 1 || p->nodes < 1)
        return ib_fail(err, IB_EUSAGE, "numbers of ranks, nodes and threads are whole and at least 1");
    for (size_t a = 0; a < grid->n_axis && used < sizeof p->name; a++)
        used += (size_t)snprintf(p->name + used, sizeof p->name - used, "%s%s=%s", a ? " " : "", grid->axis[a].key,
                                 grid->axis[a].value[p->value[a]]);
    return used < sizeof p->name ? IB_OK
                                 : ib_fail(err, IB_EUSAGE, "the settings of a point are too many: %.80s...", p->name);
}

/* A number of chunks that comes to the same as p's, because channels are fewer; 0: none. */
static int same_chunks(const ib_sweep_grid *grid, const ib_point *p, int chunks)
{
    ib_error ignored;
    int64_t  number;

    for (size_t a = 0; a < grid->n_axis && p->channels; a++)
        for (size_t k = 0; k < grid->axis[a].n && !strcmp(grid->axis[a].key, "chunks"); k++)
            if (!ib_text_to_int(grid->axis[a].value[k], &number, &ignored) && number < chunks &&
                number >= (int64_t)p->channels)
                return (int)number;
    return 0;
}

static void exclude(const ib_sweep_grid *grid, ib_point *p)
{
    const int64_t busy = (int64_t)p->ranks * p->threads, cores = (int64_t)p->nodes * grid->cores;
    const size_t  size = sizeof p->excluded;
    const int     chunks = number_at(grid, p, "chunks", -1);

    if (p->ranks % p->nodes)
        snprintf(p->excluded, size, "%d ranks are not the same number on each of %d nodes", p->ranks, p->nodes);
    else if (busy > cores && !grid->oversubscribe)
        snprintf(p->excluded, size, "%d x %d threads, %lld cores: oversubscribed", p->ranks, p->threads,
                 (long long)cores);
    else if (p->channels && (size_t)p->ranks > p->channels)
        snprintf(p->excluded, size, "%d ranks for %zu image channels", p->ranks, p->channels);
    else if (chunks > 0 && chunks < p->ranks)
        snprintf(p->excluded, size, "%d ranks for %d chunks", p->ranks, chunks);
    else if (chunks > 0 && same_chunks(grid, p, chunks))
        snprintf(p->excluded, size, "the same as %d chunks: there are %zu channels", same_chunks(grid, p, chunks),
                 p->channels);
}

size_t ib_points_plan(const ib_sweep_grid *grid, ib_point *point, ib_error *err)
{
    size_t n = 1;
    int    fewest = 0;

    for (size_t a = 0; a < grid->n_axis && n <= IB_MAX_POINTS; a++)
        n *= grid->axis[a].n;
    if (n > IB_MAX_POINTS) {
        ib_fail(err, IB_EUSAGE, "more than %d points; sweep fewer values", IB_MAX_POINTS);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        point[i] = (ib_point){0};
        size_t rest = i;
        for (size_t a = grid->n_axis; a-- > 0; rest /= grid->axis[a].n)
            point[i].value[a] = rest % grid->axis[a].n;
        if (fill(grid, &point[i], err))
            return 0;
        fewest = fewest && fewest < point[i].ranks ? fewest : point[i].ranks;
    }
    for (size_t i = 0; i < n; i++) {
        point[i].channels = grid->channels;
        if (grid->weak)
            point[i].channels = grid->channels * (size_t)point[i].ranks / (size_t)fewest;
        exclude(grid, &point[i]);
    }
    return n;
}

/* Steele, Lea, Flood 2014: a mix of a counter. */
static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void ib_points_shuffle(size_t n, uint64_t seed, int block, size_t *order)
{
    uint64_t state = seed;

    state = split_mix(&state) + (uint64_t)block;
    for (size_t i = 0; i < n; i++) {
        const size_t k = (size_t)(split_mix(&state) % (i + 1));
        order[i] = order[k];
        order[k] = i;
    }
}
