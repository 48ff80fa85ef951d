/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/frame.h"
#include "base/error.h"
#include "model/vis.h"

#include <erfa.h>
#include <erfam.h>

#include <math.h>
#include <string.h>

#define DAY        86400.0
#define AU_PER_DAY (149597870700.0 / DAY)                  /* m/s */
#define SPIN       (2 * IB_PI * 1.00273781191135448 / DAY) /* rad/s, of the Earth (IAU 2000) */
#define APEX                                                                                                         \
    {                                                                                                                \
        0.0145021 * 20e3, -0.865863 * 20e3, 0.500071 * 20e3                                                          \
    } /* m/s, J2000: imaging-spec 7.4 */

static const char *const names[IB_N_FRAMES] = {"", "TOPOCENT", "GEOCENTR", "BARYCENT", "LSRK"};

const char *ib_frame_name(int frame)
{
    return frame > IB_FRAME_DATA && frame < IB_N_FRAMES ? names[frame] : "";
}

int ib_frame_find(const char *name)
{
    for (int frame = IB_FRAME_DATA + 1; frame < IB_N_FRAMES; frame++)
        if (!strcmp(name, names[frame]))
            return frame;
    return IB_FRAME_DATA;
}

/* Frequency at rest over that seen by an observer who moves with a velocity (m/s). */
static double doppler(const double velocity[3], double toward[3])
{
    double       v[3] = {velocity[0], velocity[1], velocity[2]};
    const double b = eraPdp(v, toward) / IB_LIGHT;

    return sqrt((1 - b) / (1 + b));
}

ib_status ib_frame_factors(double time, const double site[3], double ra, double dec, double *factor, ib_error *err)
{
    const double day = floor(time / DAY), part = time / DAY - day;
    double       tai[2], tt[2], toward[3], turned[3][3], spin[3] = {-SPIN * site[1], SPIN * site[0], 0};
    double       about_sun[2][3], about_all[2][3];
    const double apex[3] = APEX;

    if (!(day >= 36934) || !isfinite(time) || eraUtctai(ERFA_DJM0 + day, part, &tai[0], &tai[1]) < 0)
        return ib_fail(err, IB_EDATA, "a row has the time %g s (MJD x 86400), which is no UTC", time);
    eraTaitt(tai[0], tai[1], &tt[0], &tt[1]);
    eraS2c(ra, dec, toward);

    eraC2t00b(tt[0], tt[1], ERFA_DJM0 + day, part, 0, 0, turned); /* sky to Earth; UT1 = UTC */
    eraTrxp(turned, spin, spin);
    eraEpv00(tt[0], tt[1], about_sun, about_all);
    eraSxp(AU_PER_DAY, about_all[1], about_all[1]);

    factor[IB_FRAME_DATA] = factor[IB_FRAME_TOPO] = 1;
    factor[IB_FRAME_GEO] = doppler(spin, toward);
    factor[IB_FRAME_BARY] = factor[IB_FRAME_GEO] * doppler(about_all[1], toward);
    factor[IB_FRAME_LSRK] = factor[IB_FRAME_BARY] * doppler(apex, toward);
    return IB_OK;
}

void ib_frame_site(double longitude, double latitude, double site[3])
{
    eraGd2gc(ERFA_WGS84, longitude, latitude, 0, site); /* fails for unknown ellipsoids only */
}

void ib_frame_middle(size_t n, const double (*position)[3], double site[3])
{
    double sum[3] = {0}, n_sum = 0;

    for (size_t i = 0; i < n; i++) {
        const double *p = position[i], radius = sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
        if (!(radius > 6.33e6 && radius < 6.4e6))
            continue;
        for (int k = 0; k < 3; k++)
            sum[k] += p[k];
        n_sum++;
    }
    for (int k = 0; k < 3; k++)
        site[k] = n_sum > 0 ? sum[k] / n_sum : 0;
}
