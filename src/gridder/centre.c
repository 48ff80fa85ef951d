/* SPDX-License-Identifier: BSD-3-Clause */
#include "gridder/centre.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FARTHEST 0.5 /* n of a field: beyond 60 degrees nothing is seen at a slant any more */

/* ---- directions -------------------------------------------------------------------------------------------- */

void ib_direction_cosines(double ra, double dec, double ra0, double dec0, double lmn[3])
{
    const double half = sin(0.5 * (ra - ra0));

    lmn[0] = cos(dec) * sin(ra - ra0);
    lmn[1] = sin(dec - dec0) + 2 * cos(dec) * sin(dec0) * half * half; /* no difference of large numbers */
    lmn[2] = sin(dec) * sin(dec0) + cos(dec) * cos(dec0) * cos(ra - ra0);
}

/* Unit vectors east, north and toward a direction (1.3). */
static void axes(double ra, double dec, double t[3][3])
{
    const double rows[3][3] = {{-sin(ra), cos(ra), 0},
                               {-sin(dec) * cos(ra), -sin(dec) * sin(ra), cos(dec)},
                               {cos(dec) * cos(ra), cos(dec) * sin(ra), sin(dec)}};
    memcpy(t, rows, sizeof rows);
}

/* ---- the centre -------------------------------------------------------------------------------------------- */

static const ib_field *first_selected(const ib_vis_info *info)
{
    const ib_field *field = info->field;

    while (!field->selected && field + 1 < info->field + info->n_field)
        field++;
    return field;
}

/* By direction: sums over fields, and pointings, must not depend on the order of the fields. */
static int by_direction(const void *a, const void *b)
{
    const ib_field *x = *(const ib_field *const *)a, *y = *(const ib_field *const *)b;
    return x->dec != y->dec ? (x->dec > y->dec) - (x->dec < y->dec) : (x->ra > y->ra) - (x->ra < y->ra);
}

/* The one nearest to the mean direction. */
static const ib_field *middle(const ib_field *const *sorted, size_t n)
{
    double          mean[3] = {0}, nearest = -INFINITY;
    const ib_field *best = sorted[0];

    for (size_t i = 0; i < n; i++) {
        double t[3][3];
        axes(sorted[i]->ra, sorted[i]->dec, t);
        for (int k = 0; k < 3; k++)
            mean[k] += t[2][k];
    }
    for (size_t i = 0; i < n; i++) {
        double t[3][3];
        axes(sorted[i]->ra, sorted[i]->dec, t);
        const double along = t[2][0] * mean[0] + t[2][1] * mean[1] + t[2][2] * mean[2];
        if (along > nearest) {
            nearest = along;
            best = sorted[i];
        }
    }
    return best;
}

/* --phasecenter: a direction, or one of the input's fields by number or name. */
static ib_status named_centre(const char *text, const ib_vis_info *info, double *ra, double *dec, ib_error *err)
{
    ib_status rc = ib_text_to_direction(text, ra, dec, err);
    if (!rc)
        return IB_OK;

    const char **name = ib_alloc(info->n_field, sizeof *name, "fields", err);
    int         *id = ib_alloc(info->n_field, sizeof *id, "fields", err);
    uint8_t     *on = ib_alloc(info->n_field, 1, "fields", err);
    size_t       n = 0;
    rc = name && id && on ? IB_OK : err->status;
    for (size_t f = 0; !rc && f < info->n_field; f++) {
        name[f] = info->field[f].name;
        id[f] = info->field[f].id;
    }
    if (!rc) {
        ib_error why;
        if (ib_select(text, "field", info->n_field, name, id, on, &why))
            rc = ib_fail(err, IB_EUSAGE,
                         "--phasecenter \"%s\" is neither a direction (12h01m53.6s -18d52m10s) nor a field: %s", text,
                         why.text);
    }
    for (size_t f = 0; !rc && f < info->n_field; f++)
        if (on[f] && n++ == 0) {
            *ra = info->field[f].ra;
            *dec = info->field[f].dec;
        }
    if (!rc && n != 1)
        rc = ib_fail(err, IB_EUSAGE, "--phasecenter \"%s\" means %zu fields; name one of them", text, n);
    ib_free(name);
    ib_free(id);
    ib_free(on);
    return rc;
}

/* ---- what becomes of rows ---------------------------------------------------------------------------------- */

static ib_sight see(const ib_centre *c, const ib_field *f)
{
    ib_sight s = {.l = 0, .m = 0, .n = 1, .move = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    double   lmn[3], from[3][3], to[3][3];

    if (c->motion == IB_AS_IS || (f->ra == c->ra && f->dec == c->dec))
        return s;
    ib_direction_cosines(f->ra, f->dec, c->ra, c->dec, lmn);
    s.l = lmn[0];
    s.m = lmn[1];
    s.n = lmn[2];
    axes(f->ra, f->dec, from);
    axes(c->ra, c->dec, to);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            s.move[i][k] = to[i][0] * from[k][0] + to[i][1] * from[k][1] + to[i][2] * from[k][2];
    if (c->motion == IB_ROTATED) {
        ib_direction_cosines(c->ra, c->dec, f->ra, f->dec, lmn);
        s.path[0] = lmn[0];
        s.path[1] = lmn[1];
        s.path[2] = -(lmn[0] * lmn[0] + lmn[1] * lmn[1]) / (1 + lmn[2]);
    } else {
        for (int k = 0; k < 2; k++) {
            s.move[0][k] -= s.move[2][k] * s.l / s.n;
            s.move[1][k] -= s.move[2][k] * s.m / s.n;
        }
        s.move[0][2] = s.move[1][2] = s.move[2][0] = s.move[2][1] = 0;
        s.move[2][2] = 1;
    }
    return s;
}

static ib_status see_all(ib_centre *c, const ib_vis_info *info, const ib_field *const *sorted, size_t n,
                         ib_error *err)
{
    c->sight = ib_alloc_zero(info->n_field, sizeof *c->sight, "fields", err);
    c->pointing = ib_alloc_zero(n, sizeof *c->pointing, "fields", err);
    if (!c->sight || !c->pointing)
        return err->status;
    for (size_t i = 0; i < n; i++) {
        const ib_field *f = sorted[i];
        ib_sight       *s = &c->sight[f - info->field];
        *s = see(c, f);
        if (c->motion != IB_AS_IS && !(s->n > FARTHEST))
            return ib_fail(
                err, IB_EUSAGE,
                "field %d (%s) is %.3g degrees away from the phase centre; choose fields with --field, or another --phasecenter",
                f->id, f->name, acos(fmax(-1, s->n)) * 180 / IB_PI);
        if (!i || by_direction(&sorted[i - 1], &f)) {
            c->pointing[c->n_pointing][0] = s->l;
            c->pointing[c->n_pointing][1] = s->m;
            c->n_pointing++;
        }
        s->pointing = c->n_pointing - 1;
    }
    return IB_OK;
}

ib_status ib_centre_make(ib_centre *out, const ib_config *cfg, const ib_vis_info *info, ib_error *err)
{
    const ib_field **sorted = ib_alloc(info->n_field, sizeof *sorted, "fields", err);
    const ib_field  *centre = first_selected(info);
    size_t           n = 0;
    ib_status        rc = sorted ? IB_OK : err->status;

    *out = (ib_centre){.n_field = info->n_field};
    for (size_t f = 0; !rc && f < info->n_field; f++)
        if (info->field[f].selected)
            sorted[n++] = &info->field[f];
    if (!rc && !n) /* an input of one unnamed field */
        sorted[n++] = centre;
    if (!rc)
        qsort(sorted, n, sizeof *sorted, by_direction);
    if (!rc && cfg->gridder == IB_MOSAIC) {
        out->motion = IB_TANGENT;
        centre = middle(sorted, n);
    }
    out->ra = centre->ra;
    out->dec = centre->dec;
    if (!rc && *cfg->phasecenter) {
        rc = named_centre(cfg->phasecenter, info, &out->ra, &out->dec, err);
        for (size_t i = 0; !rc && i < n; i++)
            if (out->motion == IB_AS_IS && (sorted[i]->ra != out->ra || sorted[i]->dec != out->dec))
                out->motion = IB_ROTATED;
    }
    if (!rc)
        rc = see_all(out, info, sorted, n, err);
    ib_free(sorted);
    if (rc)
        ib_centre_clear(out);
    return rc;
}

void ib_centre_clear(ib_centre *c)
{
    ib_free(c->sight);
    ib_free(c->pointing);
    memset(c, 0, sizeof *c);
}

void ib_centre_move(const ib_centre *c, size_t n, const int32_t *field, double (*uvw)[3], double *path)
{
    for (size_t r = 0; r < n; r++) {
        const ib_sight *s = &c->sight[field[r]];
        const double    u = uvw[r][0], v = uvw[r][1], w = uvw[r][2];

        if (path)
            path[r] = s->path[0] * u + s->path[1] * v + s->path[2] * w;
        for (int i = 0; i < 3; i++)
            uvw[r][i] = s->move[i][0] * u + s->move[i][1] * v + s->move[i][2] * w;
    }
}
