/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/nearest.h"

#include "ib_test.h"

static const char *const names[] = {"support", "oversampling", "padding", "psf", "bin"};
enum { N = sizeof names / sizeof *names };

static void a_slip_of_the_finger_finds_the_word(ib_test *t)
{
    IB_TEXT(t, ib_nearest("suport", names, N), "support");
    IB_TEXT(t, ib_nearest("supprot", names, N), "support");
    IB_TEXT(t, ib_nearest("bni", names, N), "bin"); /* a swap is one slip, not two */
    IB_TEXT(t, ib_nearest("over-sampling", names, N), "oversampling");
    IB_TEXT(t, ib_nearest("PADING", names, N), "padding");
    IB_TEXT(t, ib_nearest("psf", names, N), "psf");
}

static void a_stranger_finds_nothing(ib_test *t)
{
    char endless[200];

    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    IB_CHECK(t, !ib_nearest("quicksilver", names, N));
    IB_CHECK(t, !ib_nearest("", names, N));
    IB_CHECK(t, !ib_nearest(endless, names, N));
    IB_CHECK(t, !ib_nearest("psf", names, 0));
}

IB_TEST_MAIN({IB_TEST(a_slip_of_the_finger_finds_the_word), IB_TEST(a_stranger_finds_nothing)})
