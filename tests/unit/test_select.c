/* SPDX-License-Identifier: BSD-3-Clause */
/* Selections (--field, --spw, --channels), names of correlations, runs of channels. */
#include "ib_test.h"

#include "base/error.h"
#include "model/vis.h"

enum { MOST = 200 };

static const char *const fields[] = {"3C48", "J1008+0730", "12", "NGC4038", "NGC4038", "0-1", "M82, east"};
enum { N_FIELDS = sizeof fields / sizeof *fields };

/* The selected things as "0 2 4", or the status's name. */
static const char *picked(const char *text, size_t n, const char *const *names, const int *ids, ib_error *err)
{
    static char     out[1000];
    uint8_t         mark[MOST];
    const ib_status rc = ib_select(text, names ? "field" : "channel", n, names, ids, mark, err);

    if (rc)
        return ib_status_name(rc);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        if (mark[i])
            snprintf(out + strlen(out), sizeof out - strlen(out), "%s%zu", *out ? " " : "", i);
    return out;
}

static const char *channels(const char *text, size_t n)
{
    ib_error err;
    return picked(text, n, NULL, NULL, &err);
}

static const char *named(const char *text)
{
    ib_error err;
    return picked(text, N_FIELDS, fields, NULL, &err);
}

static void numbers_ranges_and_steps_select(ib_test *t)
{
    IB_TEXT(t, channels("", 4), "0 1 2 3");
    IB_TEXT(t, channels("3", 4), "3");
    IB_TEXT(t, channels("0-2", 4), "0 1 2");
    IB_TEXT(t, channels("0~2", 4), "0 1 2");
    IB_TEXT(t, channels("2,5-7", 10), "2 5 6 7");
    IB_TEXT(t, channels(" 2 , 5-7 ", 10), "2 5 6 7");
    IB_TEXT(t, channels("10-100:45", MOST), "10 55 100");
    IB_TEXT(t, channels("1-2:99", 4), "1");
    IB_TEXT(t, channels("5-7,2,6", 10), "2 5 6 7");
    IB_TEXT(t, channels("007", 10), "7");
}

static void ids_need_not_be_consecutive(ib_test *t)
{
    const int ids[] = {4, 7, 9};
    ib_error  err;

    IB_TEXT(t, picked("7", 3, NULL, ids, &err), "1");
    IB_TEXT(t, picked("4-8", 3, NULL, ids, &err), "0 1");
    IB_TEXT(t, picked("1", 3, NULL, ids, &err), "usage");
    IB_CHECK(t, strstr(err.text, "4, 7, 9") != NULL);
}

static void names_win_over_numbers(ib_test *t)
{
    IB_TEXT(t, named("12"), "2");
    IB_TEXT(t, named("0-1"), "5");
    IB_TEXT(t, named("0-2"), "0 1 2");
    IB_TEXT(t, named("3C48"), "0");
    IB_TEXT(t, named("NGC4038"), "3 4");
    IB_TEXT(t, named("M82, east"), "6");
    IB_TEXT(t, named("J*,1"), "1");
}

static void stars_and_question_marks_match_names(ib_test *t)
{
    IB_TEXT(t, named("*"), "0 1 2 3 4 5 6");
    IB_TEXT(t, named("NGC*8"), "3 4");
    IB_TEXT(t, named("??48"), "0");
    IB_TEXT(t, named("*0*3*"), "1 3 4");
    IB_TEXT(t, named("M*"), "6");
    IB_TEXT(t, named("?"), "usage");
    IB_TEXT(t, named("ngc*"), "usage");
}

static void hostile_selections_are_refused(ib_test *t)
{
    static const char *const bad[] = {",",
                                      "1,",
                                      "1,,2",
                                      ",1",
                                      " ",
                                      "-",
                                      "-1",
                                      "1-",
                                      "5-2",
                                      "0-3:0",
                                      "0:3",
                                      "1-2-",
                                      "1x",
                                      "x",
                                      "0x1",
                                      "1.5",
                                      "+1",
                                      "0-3:",
                                      "\n",
                                      "0-10",
                                      "4",
                                      "1e3",
                                      "2-99",
                                      ":",
                                      "~",
                                      "**",
                                      "0 1",
                                      "%s%n",
                                      "0--1",
                                      "1-2",
                                      "0~4",
                                      "1~~2",
                                      "1-2:3:4",
                                      "\x01",
                                      "\xff",
                                      "0-1:-1",
                                      "99999999999999999999999999999999",
                                      "0-18446744073709551615",
                                      "18446744073709551616",
                                      "0-1:18446744073709551617-"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ib_error   err = {0};
        const bool fits = !strcmp(bad[i], "1-2"); /* the one that is right, so that the list is known to be read */

        IB_TEXT(t, picked(bad[i], 4, NULL, NULL, &err), fits ? "1 2" : "usage");
        IB_CHECK(t, fits || strstr(err.text, "4 channels: 0-3"));
    }
}

static void the_sentence_names_the_item_and_what_exists(ib_test *t)
{
    ib_error err;

    picked("1,M31", N_FIELDS, fields, NULL, &err);
    IB_TEXT(t, err.text,
            "field \"M31\" is not there, neither as a name nor as a number or range (0-4); the input has 7 fields: "
            "0 \"3C48\", 1 \"J1008+0730\", 2 \"12\", 3 \"NGC4038\", 4 \"NGC4038\", 5 \"0-1\", ...");
    picked("64", 64, NULL, NULL, &err);
    IB_TEXT(t, err.text, "channel \"64\" is not there; the input has 64 channels: 0-63");
    picked("5-2", 1, NULL, NULL, &err);
    IB_TEXT(t, err.text,
            "channel \"5-2\" runs backwards; write the smaller number first; the input has 1 channel: 0");
}

static void long_and_unprintable_texts_stay_one_short_line(ib_test *t)
{
    static char       name[5000], text[100000];
    const char *const names[] = {name, name, name, name, name, name, name};
    ib_error          err;

    memset(name, '\n', sizeof name - 1);
    memset(text, '*', sizeof text - 2);
    text[sizeof text - 2] = 'x';
    IB_TEXT(t, picked(text, 7, names, NULL, &err), "usage");
    IB_CHECK(t, strlen(err.text) < sizeof err.text - 1);
    IB_CHECK(t, strchr(err.text, '\n') == NULL);
}

static void nothing_to_select_from_is_bad_data(ib_test *t)
{
    IB_TEXT(t, channels("", 0), "bad data");
    IB_TEXT(t, channels("0", 0), "bad data");
}

static void correlations_have_names_and_fits_codes(ib_test *t)
{
    IB_TEXT(t, ib_corr_name(IB_I), "I");
    IB_TEXT(t, ib_corr_name(IB_LL), "LL");
    IB_TEXT(t, ib_corr_name(IB_YX), "YX");
    IB_TEXT(t, ib_corr_name(0), "?");
    IB_TEXT(t, ib_corr_name(13), "?");
    IB_CHECK(t, ib_corr_fits(IB_V) == 4);
    IB_CHECK(t, ib_corr_fits(IB_RR) == -1 && ib_corr_fits(IB_LL) == -2);
    IB_CHECK(t, ib_corr_fits(IB_RL) == -3 && ib_corr_fits(IB_LR) == -4);
    IB_CHECK(t, ib_corr_fits(IB_XX) == -5 && ib_corr_fits(IB_YY) == -6);
    IB_CHECK(t, ib_corr_fits(IB_XY) == -7 && ib_corr_fits(IB_YX) == -8);
    IB_CHECK(t, ib_corr_fits(-1) == 0 && ib_corr_fits(13) == 0);
}

static void runs_of_channels_end_at_gaps(ib_test *t)
{
    int          chan[] = {2, 3, 4, 10, 12, 13};
    const ib_spw spw = {.n_chan = 6, .chan = chan};

    IB_CHECK(t, ib_chan_run(&spw, 0, 6) == 3);
    IB_CHECK(t, ib_chan_run(&spw, 0, 2) == 2);
    IB_CHECK(t, ib_chan_run(&spw, 1, 6) == 2);
    IB_CHECK(t, ib_chan_run(&spw, 3, 3) == 1);
    IB_CHECK(t, ib_chan_run(&spw, 4, SIZE_MAX) == 2);
    IB_CHECK(t, ib_chan_run(&spw, 6, 1) == 0);
}

IB_TEST_MAIN({IB_TEST(numbers_ranges_and_steps_select), IB_TEST(ids_need_not_be_consecutive),
              IB_TEST(names_win_over_numbers), IB_TEST(stars_and_question_marks_match_names),
              IB_TEST(hostile_selections_are_refused), IB_TEST(the_sentence_names_the_item_and_what_exists),
              IB_TEST(long_and_unprintable_texts_stay_one_short_line), IB_TEST(nothing_to_select_from_is_bad_data),
              IB_TEST(correlations_have_names_and_fits_codes), IB_TEST(runs_of_channels_end_at_gaps)})
