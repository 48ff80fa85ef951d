/* SPDX-License-Identifier: BSD-3-Clause */
/* Words with a grammar of their own: numbers with units, directions, simulations. The first letter says which. */
#include "base/text.h"
#include "fuzz.h"
#include "io/io.h"

#include <math.h>

/* What is printed is read as the same number. */
static void number(const char *text)
{
    double   real, again;
    int64_t  whole, same;
    int      yes;
    ib_error err = {IB_OK, -1, ""};

    if (fuzz_accepted(ib_text_to_real(text, &real, &err), &err))
        fuzz_expect(!ib_text_to_real(ib_text_exact(real).s, &again, &err) && !(again < real || again > real), text);
    if (fuzz_accepted(ib_text_to_angle(text, &real, &err), &err))
        fuzz_expect(!ib_text_to_angle(ib_text_exact_angle(real).s, &again, &err) && !(again < real || again > real),
                    text);
    if (fuzz_accepted(ib_text_to_bytes(text, &whole, &err), &err))
        fuzz_expect(!ib_text_to_bytes(ib_text_exact_bytes(whole).s, &same, &err) && same == whole, text);
    if (fuzz_accepted(ib_text_to_hertz(text, &real, &err), &err))
        (void)ib_text_hertz(real);
    fuzz_accepted(ib_text_to_int(text, &whole, &err), &err);
    fuzz_accepted(ib_text_to_bool(text, &yes, &err), &err);
}

static void direction(const char *text)
{
    double   ra, dec;
    ib_error err = {IB_OK, -1, ""};

    if (fuzz_accepted(ib_text_to_direction(text, &ra, &dec, &err), &err))
        fuzz_expect(ra >= 0 && ra < 6.2831853071796 && fabs(dec) <= 1.5707963267949, "directions are on the sphere");
}

/* A few rows and channels of what is described. */
static void simulation(const char *text)
{
    double      uvw[4][3];
    float       vis[16 * IB_MAX_CORR][2];
    char        input[400];
    ib_config   cfg;
    ib_source  *source;
    ib_vis_info info;
    ib_error    err = {IB_OK, -1, ""};

    snprintf(input, sizeof input, "sim:%s", text);
    ib_config_default(&cfg);
    cfg.input = input;
    if (!fuzz_accepted(ib_source_open(&source, &cfg, &info, &err), &err))
        return;
    const ib_range rows = {0, info.spw[0].n_row < 4 ? info.spw[0].n_row : 4};
    const ib_range chans = {0, info.spw[0].n_chan < 4 ? info.spw[0].n_chan : 4};
    fuzz_accepted(ib_source_rows(source, 0, rows, &(ib_rows){.uvw = uvw}, &err), &err);
    fuzz_accepted(ib_source_read(source, 0, chans, rows, &(ib_samples){.vis = vis}, &err), &err);
    ib_source_close(source);
    ib_vis_info_clear(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    if (*text == 'd')
        direction(text + 1);
    else if (*text == 's')
        simulation(text + 1);
    else if (*text)
        number(text + 1);
    free(text);
    return fuzz_end();
}
