/* SPDX-License-Identifier: BSD-3-Clause */
#include "ib_test.h"

#include "base/text.h"

#include <float.h>
#include <stdlib.h>

static void whole_numbers_are_read_strictly(ib_test *t)
{
    static const char *const bad[] = {"", " 1", "1 ", "1.0", "1e3", "0x10", "-", "one", "9223372036854775808"};
    int64_t                  n = 7;
    ib_error                 err;

    IB_CHECK(t, !ib_text_to_int("-9223372036854775808", &n, &err) && n == INT64_MIN);
    IB_CHECK(t, !ib_text_to_int("+3840", &n, &err) && n == 3840);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IB_CHECK(t, ib_text_to_int(bad[i], &n, &err) == IB_EUSAGE && n == 3840);
    IB_CHECK(t, strstr(err.text, "64 bits"));
}

static void reals_are_finite_and_whole_texts(ib_test *t)
{
    static const char *const bad[] = {"", "nan", "inf", "-inf", "1e999", "0x1p3", "1.2.3", "1,2", " 1", "."};
    double                   x = 0;
    ib_error                 err;

    IB_CHECK(t, !ib_text_to_real("-2.5e-3", &x, &err) && x == -2.5e-3);
    IB_CHECK(t, !ib_text_to_real(".5", &x, &err) && x == 0.5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IB_CHECK(t, ib_text_to_real(bad[i], &x, &err) == IB_EUSAGE && x == 0.5);
}

static void angles_carry_their_unit(ib_test *t)
{
    const double             degree = acos(-1.0) / 180;
    static const char *const bad[] = {"", "1", "1 ", "deg", "1degree", "nanrad", "infdeg", "1e400deg"};
    double                   rad = 0;
    ib_error                 err;
    static const struct {
        const char *text;
        double      degrees;
    } good[] = {{"2deg", 2},          {"2 deg", 2},         {"90arcmin", 1.5}, {"-0.4arcsec", -0.4 / 3600},
                {"5mas", 5 / 3600e3}, {"7uas", 7 / 3600e6}, {"0", 0},          {"0.0", 0}};

    /* two roundings in the value here, two there */
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        IB_CHECK(t, !ib_text_to_angle(good[i].text, &rad, &err));
        IB_NEAR(t, rad, good[i].degrees * degree, 2 * DBL_EPSILON * fabs(good[i].degrees * degree));
    }
    IB_CHECK(t, !ib_text_to_angle("0.25rad", &rad, &err) && rad == 0.25);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IB_CHECK(t, ib_text_to_angle(bad[i], &rad, &err) == IB_EUSAGE && rad == 0.25);
    ib_text_to_angle("0.4", &rad, &err);
    IB_TEXT(t, err.text, "\"0.4\" has no unit; add one of deg, arcmin, arcsec, mas, uas or rad");
}

static void frequencies_may_have_a_unit(ib_test *t)
{
    static const char *const bad[] = {"", "GHz", "1ghz", "1.4 GHz ", "nan", "1GHzz"};
    double                   hertz = 0;
    ib_error                 err;

    IB_CHECK(t, !ib_text_to_hertz("15600", &hertz, &err) && hertz == 15600);
    IB_CHECK(t, !ib_text_to_hertz("1.5 GHz", &hertz, &err) && hertz == 1.5e9);
    IB_CHECK(t, !ib_text_to_hertz("-300kHz", &hertz, &err) && hertz == -300e3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IB_CHECK(t, ib_text_to_hertz(bad[i], &hertz, &err) == IB_EUSAGE && hertz == -300e3);
}

static void sizes_know_both_kinds_of_kilo(ib_test *t)
{
    static const char *const bad[] = {"", "-1", "2G", "2gib", "nan", "8192PiB", "1 2"};
    int64_t                  n = 0;
    ib_error                 err;
    static const struct {
        const char *text;
        int64_t     bytes;
    } good[] = {
        {"4096", 4096},      {"4096B", 4096},           {"2GiB", INT64_C(2) << 30}, {"1.5 KiB", 1536},
        {"2GB", 2000000000}, {"10kB", 10000},           {"3 MB", 3000000},          {"1TiB", INT64_C(1) << 40},
        {"64MiB", 64 << 20}, {"1PiB", INT64_C(1) << 50}};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        IB_CHECK(t, !ib_text_to_bytes(good[i].text, &n, &err) && n == good[i].bytes);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IB_CHECK(t, ib_text_to_bytes(bad[i], &n, &err) == IB_EUSAGE);
}

static void numbers_print_with_three_digits(ib_test *t)
{
    const double arcsec = acos(-1.0) / 180 / 3600;

    IB_TEXT(t, ib_text_bytes(0).s, "0 B");
    IB_TEXT(t, ib_text_bytes(1023).s, "1023 B");
    IB_TEXT(t, ib_text_bytes(1.23 * (1 << 30)).s, "1.23 GiB");
    IB_TEXT(t, ib_text_bytes(-2048).s, "-2.00 KiB");
    IB_TEXT(t, ib_text_angle(12.3 * arcsec).s, "12.3 arcsec");
    IB_TEXT(t, ib_text_angle(60 * arcsec).s, "1.00 arcmin");
    IB_TEXT(t, ib_text_angle(-0.5 * arcsec).s, "-500 mas");
    IB_TEXT(t, ib_text_angle(0).s, "0");
    IB_TEXT(t, ib_text_seconds(12.34).s, "12.3 s");
    IB_TEXT(t, ib_text_seconds(4.56e-3).s, "4.56 ms");
    IB_TEXT(t, ib_text_seconds(0).s, "0.00 s");
    IB_TEXT(t, ib_text_duration(59.6).s, "1:00");
    IB_TEXT(t, ib_text_duration(3753).s, "1:02:33");
    IB_TEXT(t, ib_text_duration((double)NAN).s, "?");
    IB_TEXT(t, ib_text_count(0).s, "0");
    IB_TEXT(t, ib_text_count(999).s, "999");
    IB_TEXT(t, ib_text_count(3840).s, "3,840");
    IB_TEXT(t, ib_text_count(UINT64_MAX).s, "18,446,744,073,709,551,615");
    IB_TEXT(t, ib_text_rate(23.4e6, "vis/s").s, "23.4 Mvis/s");
    IB_TEXT(t, ib_text_rate(12, "vis/s").s, "12.0 vis/s");
    IB_TEXT(t, ib_text_hertz(1.42e9).s, "1.42 GHz");
}

/* What is stored in a cube must give the same run again, whatever the number. */
static void exact_texts_read_back_as_the_same_number(ib_test *t)
{
    uint64_t state = 1;
    int64_t  bytes;
    double   x;
    ib_error err;

    IB_TEXT(t, ib_text_exact(0.1).s, "0.1");
    IB_TEXT(t, ib_text_exact_bytes(INT64_C(2) << 30).s, "2GiB");
    ib_text_to_angle("0.4arcsec", &x, &err);
    IB_TEXT(t, ib_text_exact_angle(x).s, "0.4arcsec");
    for (int i = 0; i < 2000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double want = ldexp((double)(int64_t)state, -(int)(state >> 58));
        double       got = 0;
        ib_text_to_real(ib_text_exact(want).s, &got, &err);
        IB_CHECK(t, got == want);
        ib_text_to_angle(ib_text_exact_angle(want).s, &got, &err);
        IB_CHECK(t, got == want);
        ib_text_to_bytes(ib_text_exact_bytes((int64_t)(state >> 12)).s, &bytes, &err);
        IB_CHECK(t, bytes == (int64_t)(state >> 12));
    }
}

static void directions_are_read_as_astronomers_write_them(ib_test *t)
{
    const double degree = acos(-1.0) / 180;
    static const struct {
        const char *text;
        double      ra, dec;
    } good[] = {{"12h30m00s -18d30m36s", 187.5, -18.51},
                {"12:30:00.0 -18:30:36", 187.5, -18.51},
                {"J2000 12h30m00s -18d30m36s", 187.5, -18.51},
                {"187.5deg, -18.51deg", 187.5, -18.51},
                {"-180deg -0d30m", 180, -0.5},
                {"0h 90d", 0, 90}};
    static const char *const bad[] = {"",       "12h30m00s",      "12h30m60s -18d", "12h-30m -18d", "25h 0d",
                                      "0h 91d", "12h30m00s x",    "12h 18d 0",      "187.5 -18.5",  "12:30 -18:30:00",
                                      "M51",    "12h30m1.s.0 1d", "12d 18d"};
    double                   ra = 0, dec = 0;
    ib_error                 err;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        IB_CHECK(t, !ib_text_to_direction(good[i].text, &ra, &dec, &err));
        IB_NEAR(t, ra, good[i].ra * degree, 4 * DBL_EPSILON * 2 * acos(-1.0));
        IB_NEAR(t, dec, good[i].dec * degree, 4 * DBL_EPSILON * 2 * acos(-1.0));
    }
    ra = dec = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!ib_text_to_direction(bad[i], &ra, &dec, &err))
            printf("# accepted: %s\n", bad[i]);
        IB_CHECK(t, ra == 7 && dec == 7 && err.status == IB_EUSAGE);
    }
}

static void texts_of_others_act_on_no_terminal(ib_test *t)
{
    char plain[32];

    ib_text_plain("\033[31mred\n\xc2\x9b"
                  "1m\xe2\x80\xae\xff|\xc3\xa9<",
                  plain, sizeof plain);
    IB_TEXT(t, plain, "?[31mred ?1m??|\xc3\xa9<");
    ib_text_plain("abc\xc3\xa9", plain, 5); /* no half characters */
    IB_TEXT(t, plain, "abc");
}

IB_TEST_MAIN({IB_TEST(texts_of_others_act_on_no_terminal), IB_TEST(directions_are_read_as_astronomers_write_them),
              IB_TEST(whole_numbers_are_read_strictly), IB_TEST(reals_are_finite_and_whole_texts),
              IB_TEST(angles_carry_their_unit), IB_TEST(frequencies_may_have_a_unit),
              IB_TEST(sizes_know_both_kinds_of_kilo), IB_TEST(numbers_print_with_three_digits),
              IB_TEST(exact_texts_read_back_as_the_same_number)})
