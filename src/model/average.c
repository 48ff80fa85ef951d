/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/average.h"
#include "base/error.h"
#include "base/mem.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- fates --------------------------------------------------------------------------------------------------- */

void ib_fates_add(ib_fates *to, const ib_fates *from)
{
    to->read += from->read;
    to->used += from->used;
    to->flagged += from->flagged;
    to->weightless += from->weightless;
    to->not_finite += from->not_finite;
    to->made += from->made;
    to->empty += from->empty;
}

static bool is_finite_row(const double uvw[3])
{
    return isfinite(uvw[0]) && isfinite(uvw[1]) && isfinite(uvw[2]);
}

/* Count a sample; is it usable? */
static bool is_usable(ib_fates *fates, bool flag, float weight, const float vis[2], bool finite_row)
{
    fates->read++;
    if (flag)
        fates->flagged++;
    else if (!(weight > 0))
        fates->weightless++;
    else if (!finite_row || !isfinite(weight) || !isfinite(vis[0]) || !isfinite(vis[1]))
        fates->not_finite++;
    else {
        fates->used++;
        return true;
    }
    return false;
}

void ib_fates_count(ib_fates *fates, size_t n_chan, size_t n_row, size_t n_corr, const ib_rows *rows,
                    const ib_samples *samples)
{
    for (size_t c = 0; c < n_chan; c++)
        for (size_t r = 0; r < n_row; r++) {
            const bool finite = is_finite_row(rows->uvw[r]);
            for (size_t p = 0; p < n_corr; p++) {
                const size_t at = (c * n_row + r) * n_corr + p;
                is_usable(fates, samples->flag[at],
                          samples->weight ? samples->weight[at] : rows->weight[r * n_corr + p], samples->vis[at],
                          finite);
            }
        }
}

/* ---- channels ------------------------------------------------------------------------------------------------ */

static size_t groups(size_t n_chan, size_t step)
{
    return (n_chan - 1) / step + 1;
}

void ib_average_channels(ib_spw *spw, size_t step)
{
    const size_t n = groups(spw->n_chan, step);

    for (size_t k = 0; k < n; k++) {
        const size_t first = k * step, left = spw->n_chan - first, m = left < step ? left : step;
        double       freq = 0, width = 0;

        for (size_t c = first; c < first + m; c++) {
            freq += spw->freq[c] - spw->freq[first]; /* small numbers round little */
            width += spw->width[c];
        }
        spw->chan[k] = spw->chan[first];
        spw->freq[k] = spw->freq[first] + freq / (double)m;
        spw->width[k] = width;
    }
    spw->n_chan = n;
    spw->weight_per_channel = true;
}

/* ---- times --------------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

size_t ib_times_sort(double *time, size_t n)
{
    size_t kept = 0;

    qsort(time, n, sizeof *time, by_time);
    for (size_t i = 0; i < n; i++)
        if (!kept || time[i] > time[kept - 1])
            time[kept++] = time[i];
    return kept;
}

size_t ib_times_cut(double *time, size_t n, double length)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!kept || time[i] - time[kept - 1] >= 0.999 * length)
            time[kept++] = time[i];
    return kept;
}

size_t ib_times_find(const double *start, size_t n, double time)
{
    size_t low = 0, high = n;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (start[middle] <= time)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

/* Open addressing; a slot holds the number of a key and one more, 0: it is free. */
struct ib_row_map {
    size_t      n, room; /* keys; slots are twice as many, a power of 2 */
    ib_row_key *key;     /* [room] by number */
    uint32_t   *slot;    /* [2 room] */
};

enum { LEAST_ROOM = 1 << 10 };

size_t ib_row_map_bytes(size_t n)
{
    size_t room = LEAST_ROOM;

    while (room < n)
        room *= 2;
    return room * (sizeof(ib_row_key) + 2 * sizeof(uint32_t)) * 3 / 2; /* while it grows both are there */
}

static ib_status make_room(ib_row_map *map, size_t room, ib_error *err)
{
    ib_row_key *key = ib_alloc(room, sizeof *key, "numbers of rows", err);
    uint32_t   *slot = key ? ib_alloc_zero(2 * room, sizeof *slot, "numbers of rows", err) : NULL;

    if (!slot) {
        ib_free(key);
        return err->status;
    }
    if (map->n)
        memcpy(key, map->key, map->n * sizeof *key);
    ib_free(map->key);
    ib_free(map->slot);
    map->key = key;
    map->slot = slot;
    map->room = room;
    return IB_OK;
}

ib_status ib_row_map_create(ib_row_map **out, ib_error *err)
{
    ib_row_map *map = ib_alloc_zero(1, sizeof *map, "numbers of rows", err);

    if (!map || make_room(map, LEAST_ROOM, err)) {
        ib_row_map_destroy(map);
        return err->status;
    }
    *out = map;
    return IB_OK;
}

void ib_row_map_reset(ib_row_map *map)
{
    memset(map->slot, 0, 2 * map->room * sizeof *map->slot);
    map->n = 0;
}

size_t ib_row_map_count(const ib_row_map *map)
{
    return map->n;
}

static bool same_key(const ib_row_key *a, const ib_row_key *b)
{
    return a->field == b->field && a->antenna[0] == b->antenna[0] && a->antenna[1] == b->antenna[1] &&
           a->interval == b->interval;
}

/* The slot that has a key, or that it would have. */
static size_t find_slot(const ib_row_map *map, const ib_row_key *key)
{
    const uint32_t part[] = {(uint32_t)key->field, (uint32_t)key->antenna[0], (uint32_t)key->antenna[1],
                             key->interval};
    uint64_t       hash = 0;

    for (int i = 0; i < 4; i++) {
        hash = (hash ^ part[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    size_t at = (size_t)hash & (2 * map->room - 1);
    while (map->slot[at] && !same_key(&map->key[map->slot[at] - 1], key))
        at = (at + 1) & (2 * map->room - 1);
    return at;
}

ib_status ib_row_map_put(ib_row_map *map, const ib_row_key *key, size_t *number, ib_error *err)
{
    size_t at = find_slot(map, key);

    if (map->slot[at]) {
        *number = map->slot[at] - 1;
        return IB_OK;
    }
    if (map->n == map->room) {
        if (map->n > UINT32_MAX / 4)
            return ib_fail(err, IB_EUNSUPPORTED, "more than %zu rows would be open at once; sort them by time first",
                           map->n);
        if (make_room(map, 2 * map->room, err))
            return err->status;
        for (size_t i = 0; i < map->n; i++)
            map->slot[find_slot(map, &map->key[i])] = (uint32_t)i + 1;
        at = find_slot(map, key);
    }
    map->key[map->n] = *key;
    *number = map->n++;
    map->slot[at] = (uint32_t)map->n;
    return IB_OK;
}

void ib_row_map_destroy(ib_row_map *map)
{
    if (!map)
        return;
    ib_free(map->key);
    ib_free(map->slot);
    ib_free(map);
}

/* ---- sums ---------------------------------------------------------------------------------------------------- */

/* What becomes the geometry of a row: weighted sums, and plain ones of rows with finite uvw. Times count from the first. */
typedef struct row_sum {
    size_t  n, n_finite;
    double  weight, weighted[4], plain[4]; /* u, v, w, time */
    double  first[4];
    int32_t field, antenna[2];
} row_sum;

struct ib_average {
    size_t n_chan, n_group, step, n_corr, n_row;
    double (*sum)[3]; /* [group][row][corr] re, im, weight */
    row_sum *row;     /* [row] */
    double  *weight;  /* [block] of the rows that are being added */
};

size_t ib_average_row_bytes(const ib_spw *spw, size_t step)
{
    return sizeof(row_sum) + groups(spw->n_chan, step) * spw->n_corr * sizeof(double[3]);
}

size_t ib_average_block_bytes(void)
{
    return sizeof(double);
}

ib_status ib_average_create(ib_average **out, const ib_spw *spw, size_t step, size_t n_row, size_t n_block,
                            ib_error *err)
{
    ib_average *a = ib_alloc_zero(1, sizeof *a, "averages", err);

    if (!a)
        return err->status;
    a->n_chan = spw->n_chan;
    a->step = step;
    a->n_group = groups(spw->n_chan, step);
    a->n_corr = spw->n_corr;
    a->sum = ib_alloc(n_row, a->n_group * a->n_corr * sizeof *a->sum, "averages", err);
    a->row = ib_alloc(n_row, sizeof *a->row, "averages", err);
    a->weight = ib_alloc(n_block, sizeof *a->weight, "averages", err);
    if (!a->sum || !a->row || !a->weight) {
        ib_average_destroy(a);
        return err->status;
    }
    *out = a;
    return IB_OK;
}

void ib_average_begin(ib_average *a, size_t n_row)
{
    a->n_row = n_row;
    memset(a->sum, 0, n_row * a->n_group * a->n_corr * sizeof *a->sum);
    memset(a->row, 0, n_row * sizeof *a->row);
}

static void add_geometry(row_sum *sum, const ib_rows *rows, size_t i, double weight)
{
    const double *uvw = rows->uvw[i];
    const double  value[4] = {uvw[0], uvw[1], uvw[2], rows->time ? rows->time[i] : 0};

    if (!sum->n++) {
        memcpy(sum->first, value, sizeof value);
        sum->field = rows->field[i];
        memcpy(sum->antenna, rows->antenna[i], sizeof sum->antenna);
    }
    if (!is_finite_row(uvw))
        return;
    sum->n_finite++;
    sum->weight += weight;
    for (int k = 0; k < 4; k++) {
        const double from = k < 3 ? value[k] : value[k] - sum->first[k];
        sum->weighted[k] += weight * from;
        sum->plain[k] += from;
    }
}

void ib_average_add(ib_average *a, size_t n, const size_t *to, const ib_rows *rows, const ib_samples *samples,
                    ib_fates *fates)
{
    memset(a->weight, 0, n * sizeof *a->weight);
    for (size_t k = 0; k < a->n_group; k++) {
        const size_t first = k * a->step, last = a->n_chan - first < a->step ? a->n_chan : first + a->step;

        for (size_t i = 0; i < n; i++) {
            const bool finite = is_finite_row(rows->uvw[i]);
            for (size_t p = 0; p < a->n_corr; p++) {
                double group[3] = {0, 0, 0};

                for (size_t c = first; c < last; c++) {
                    const size_t at = (c * n + i) * a->n_corr + p;
                    const float *vis = samples->vis[at];
                    const float  w = samples->weight ? samples->weight[at] : rows->weight[i * a->n_corr + p];

                    if (!is_usable(fates, samples->flag[at], w, vis, finite))
                        continue;
                    group[0] += (double)w * vis[0];
                    group[1] += (double)w * vis[1];
                    group[2] += w;
                }
                double *sum = a->sum[(k * a->n_row + to[i]) * a->n_corr + p];
                for (int x = 0; x < 3; x++)
                    sum[x] += group[x];
                a->weight[i] += group[2];
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        add_geometry(&a->row[to[i]], rows, i, a->weight[i]);
}

static void end_row(const row_sum *sum, const ib_rows *rows, size_t i)
{
    const bool    lone = sum->n == 1 || !sum->n_finite;
    const double *total = sum->weight > 0 ? sum->weighted : sum->plain;
    const double  by = sum->weight > 0 ? sum->weight : (double)sum->n_finite;
    double        value[4];

    for (int k = 0; k < 4; k++)
        value[k] = lone ? sum->first[k] : total[k] / by + (k < 3 ? 0 : sum->first[k]);
    memcpy(rows->uvw[i], value, sizeof rows->uvw[i]);
    if (rows->time)
        rows->time[i] = value[3];
    rows->field[i] = sum->field;
    memcpy(rows->antenna[i], sum->antenna, sizeof sum->antenna);
}

void ib_average_end(const ib_average *a, const ib_rows *rows, const ib_samples *samples, ib_fates *fates)
{
    const size_t n = a->n_group * a->n_row * a->n_corr;

    for (size_t i = 0; i < n; i++) {
        const double *sum = a->sum[i];
        const bool    some = sum[2] > 0;

        samples->vis[i][0] = some ? (float)(sum[0] / sum[2]) : 0;
        samples->vis[i][1] = some ? (float)(sum[1] / sum[2]) : 0;
        samples->weight[i] = sum[2] < FLT_MAX ? (float)sum[2] : FLT_MAX;
        samples->flag[i] = !some;
        fates->made += some;
        fates->empty += !some;
    }
    for (size_t i = 0; i < a->n_row; i++)
        end_row(&a->row[i], rows, i);
}

void ib_average_destroy(ib_average *a)
{
    if (!a)
        return;
    ib_free(a->sum);
    ib_free(a->row);
    ib_free(a->weight);
    ib_free(a);
}
