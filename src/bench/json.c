/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/json.h"
#include "base/trace.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *ib_json_real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *ib_json_count(uint64_t n)
{
    char text[24];

    if (n <= UINT64_C(1) << 53)
        return json_integer((json_int_t)n);
    snprintf(text, sizeof text, "%" PRIu64, n);
    return json_string(text);
}

json_t *ib_json_text(const char *text)
{
    json_t *json = json_string(text);
    char    ascii[4096];
    size_t  n = 0;

    if (json)
        return json;
    for (; *text && n < sizeof ascii; text++)
        ascii[n++] = (unsigned char)*text < 0x80 ? *text : '?';
    return json_stringn(ascii, n);
}

json_t *ib_json_phases(const ib_result *result, const ib_bounds *bounds)
{
    json_t *phases = json_object();

    for (int i = 0; i < IB_N_PHASES; i++) {
        const ib_bound *b = bounds && bounds->known ? &bounds->phase[i] : NULL;
        json_t         *phase = json_pack("{s:o, s:o, s:o, s:i, s:o}", "max_s", ib_json_real(result->phase[i].max_s),
                                          "mean_s", ib_json_real(result->phase[i].mean_s), "min_s",
                                          ib_json_real(result->phase[i].min_s), "max_rank", result->phase[i].max_rank,
                                          "share", ib_json_real(result->phase[i].mean_s / result->wall_s));
        if (b)
            json_object_update_new(phase, json_pack("{s:o, s:o}", "nearest",
                                                    *b->nearest ? json_string(b->nearest) : json_null(),
                                                    "times_bound", ib_json_real(1 / b->share)));
        json_object_set_new(phases, ib_phase_name((ib_phase)i), phase);
    }
    return phases;
}

json_t *ib_json_limits(const ib_bounds *bounds)
{
    if (!bounds || !bounds->known)
        return json_null();
    return json_pack("{s:s, s:i, s:o}", "calibrated", bounds->calibrated, "nodes", bounds->n_node, "storage_share",
                     ib_json_real(bounds->storage));
}

json_t *ib_json_w(const ib_result *r)
{
    return json_pack("{s:o, s:i, s:i, s:i}", "phase_rad", ib_json_real(r->w_phase), "terms", r->w_terms, "slabs",
                     r->w_slabs, "passes", r->w_passes);
}

json_t *ib_json_bytes(const ib_result *r)
{
    return json_pack("{s:I, s:I, s:s, s:I, s:I, s:o, s:I}", "read", (json_int_t)r->bytes_read, "written",
                     (json_int_t)r->bytes_written, "reading", r->reading == IB_READ_CORNER ? "corner" : "slices",
                     "turns", (json_int_t)r->n_turn, "needed", (json_int_t)r->bytes_needed, "fetched",
                     r->bytes_fetched ? json_integer((json_int_t)r->bytes_fetched) : json_null(), "exchanged",
                     (json_int_t)r->bytes_exchanged);
}

json_t *ib_json_choice(const ib_result *r)
{
    if (!(r->epsilon > 0))
        return json_null();
    return json_pack("{s:o, s:i, s:o, s:i, s:o, s:o, s:o}", "epsilon", ib_json_real(r->epsilon), "support",
                     r->support, "padding", ib_json_real(r->padding), "oversampling", r->oversampling, "promised",
                     ib_json_real(r->chosen), "grid_s", ib_json_real(r->predicted_s[0]), "fft_s",
                     ib_json_real(r->predicted_s[1]));
}

json_t *ib_json_steadiness(const ib_steadiness *s)
{
    if (!s)
        return json_null();
    return json_pack("{s:i, s:i, s:o, s:o, s:o}", "threads", s->threads, "bound", s->bound, "neighbours",
                     ib_json_real(s->neighbours), "steal", ib_json_real(s->steal), "clock", ib_json_real(s->clock));
}

ib_shares ib_shares_around(const ib_around *around, const ib_result *r)
{
    return around->account ? ib_shares_of(around->account, r->ranks, r->threads, r->wall_s) : (ib_shares){0};
}

json_t *ib_json_shares(const ib_shares *s)
{
    if (!s->known)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "busy_s", ib_json_real(s->busy), "busiest_s",
                     ib_json_real(s->busiest), "computing_s", ib_json_real(s->computing), "useful_s",
                     ib_json_real(s->useful), "serial_s", ib_json_real(s->serial));
}

json_t *ib_json_efficiency(const ib_shares *shares)
{
    const ib_efficiency e = ib_efficiency_of(shares);

    if (!shares->known)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "parallel", ib_json_real(e.parallel), "mpi_balance",
                     ib_json_real(e.mpi_balance), "communication", ib_json_real(e.communication), "io",
                     ib_json_real(e.io), "serial", ib_json_real(e.serial), "team", ib_json_real(e.team));
}

json_t *ib_json_counts(const ib_result *result)
{
    const ib_counts *c = &result->counts;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "read", ib_json_count(c->read), "gridded",
                     ib_json_count(c->gridded), "flagged", ib_json_count(c->flagged), "weightless",
                     ib_json_count(c->weightless), "not_finite", ib_json_count(c->not_finite), "outside",
                     ib_json_count(c->outside), "autocorrelation", ib_json_count(c->autocorrelation));
}

json_t *ib_json_reasons(const ib_judgement *verdict)
{
    json_t *reasons = json_array();

    for (size_t i = 0; i < verdict->n_reason; i++)
        json_array_append_new(reasons, json_string(verdict->reason[i]));
    return reasons;
}

/* Of what this launch gridded: channels of an earlier start, which took no time now, count in equal shares. */
static double gridded_per_second(const ib_result *r, double s)
{
    const double share = r->n_resumed ? 1 - (double)r->n_resumed / (double)r->n_chan : 1;

    return s > 0 ? share * (double)r->counts.gridded / s : (double)NAN;
}

double ib_grid_rate(const ib_result *result)
{
    return gridded_per_second(result, result->phase[IB_PHASE_GRID].max_s);
}

double ib_wall_rate(const ib_result *result)
{
    return gridded_per_second(result, result->wall_s);
}

json_t *ib_json_lines(const char *path, const char *run_id)
{
    FILE   *file = fopen(path, "r");
    char   *text = NULL;
    size_t  room = 0;
    json_t *lines = json_array();

    while (file && getline(&text, &room, file) > 0) {
        json_t     *line = json_loads(text, 0, NULL);
        const char *id = json_string_value(json_object_get(line, "run_id"));
        if (id && !strcmp(id, run_id))
            json_array_append(lines, line);
        json_decref(line);
    }
    free(text);
    if (file)
        fclose(file);
    return lines;
}

const json_t *ib_json_line(const json_t *lines, const char *type)
{
    const json_t *line;
    size_t        i;

    json_array_foreach(lines, i, line)
    {
        const char *t = json_string_value(json_object_get(line, "t"));
        if (t && !strcmp(t, type))
            return line;
    }
    return NULL;
}

json_t *ib_json_overlap(const ib_result *r)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "read_s", ib_json_real(r->overlap.read_s), "write_s",
                     ib_json_real(r->overlap.write_s), "data_s", ib_json_real(r->overlap.data_s), "room_s",
                     ib_json_real(r->overlap.room_s));
}

json_t *ib_json_schedule(const ib_result *r)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:o, s:i, s:o, s:o}", "takes", ib_json_count(r->schedule.n_take),
                     "moved", ib_json_count(r->schedule.n_moved), "take_s", ib_json_real(r->schedule.take_s), "least",
                     ib_json_count(r->schedule.least), "least_rank", r->schedule.least_rank, "most",
                     ib_json_count(r->schedule.most), "most_rank", r->schedule.most_rank, "work_max_s",
                     ib_json_real(r->schedule.max_s), "work_mean_s", ib_json_real(r->schedule.mean_s));
}
