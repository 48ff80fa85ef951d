/* SPDX-License-Identifier: BSD-3-Clause */
/** Checks that print what they got, wanted and tolerated; TAP on standard output.
 *
 *     static void the_psf_peaks_at_one(ib_test *t) { IB_NEAR(t, peak, 1.0, 1e-12); }
 *     IB_TEST_MAIN({IB_TEST(the_psf_peaks_at_one)})
 */
#ifndef IB_TEST_H
#define IB_TEST_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct ib_test {
    const char *name;
    int         checks, failures;
} ib_test;

typedef struct ib_test_case {
    const char *name;
    void (*run)(ib_test *t);
} ib_test_case;

static inline void ib_test_check(ib_test *t, bool ok, const char *file, int line, const char *text)
{
    t->checks++;
    if (!ok && ++t->failures <= 20)
        printf("# %s:%d: %s\n", file, line, text);
}

static inline void ib_test_near(ib_test *t, double got, double want, double tolerance, const char *file, int line,
                                const char *what)
{
    char       text[300];
    const bool ok = fabs(got - want) <= tolerance; /* NaN fails */

    if (!ok)
        snprintf(text, sizeof text, "%s: got %.17g, want %.17g, off by %.3g, tolerance %.3g", what, got, want,
                 fabs(got - want), tolerance);
    ib_test_check(t, ok, file, line, ok ? "" : text);
}

static inline void ib_test_text(ib_test *t, const char *got, const char *want, const char *file, int line)
{
    char       text[900];
    const bool ok = got && want && !strcmp(got, want);

    if (!ok)
        snprintf(text, sizeof text, "got \"%s\", want \"%s\"", got ? got : "(null)", want ? want : "(null)");
    ib_test_check(t, ok, file, line, ok ? "" : text);
}

#define IB_CHECK(t, condition)           ib_test_check(t, condition, __FILE__, __LINE__, #condition)
#define IB_NEAR(t, got, want, tolerance) ib_test_near(t, got, want, tolerance, __FILE__, __LINE__, #got)
#define IB_TEXT(t, got, want)            ib_test_text(t, got, want, __FILE__, __LINE__)

/* clang-format off */
#define IB_TEST(function) {#function, function}
/* clang-format on */

/* A test without a single check fails: it proves nothing. */
#define IB_TEST_MAIN(...)                                                                                            \
    int main(void)                                                                                                   \
    {                                                                                                                \
        const ib_test_case cases[] = __VA_ARGS__;                                                                    \
        const int          n = (int)(sizeof cases / sizeof *cases);                                                  \
        int                bad = 0;                                                                                  \
                                                                                                                     \
        printf("1..%d\n", n);                                                                                        \
        for (int i = 0; i < n; i++) {                                                                                \
            ib_test t = {cases[i].name, 0, 0};                                                                       \
            cases[i].run(&t);                                                                                        \
            const bool ok = t.failures == 0 && t.checks > 0;                                                         \
            printf("%sok %d %s (%d checks)\n", ok ? "" : "not ", i + 1, t.name, t.checks);                           \
            fflush(stdout);                                                                                          \
            bad += !ok;                                                                                              \
        }                                                                                                            \
        return bad ? 1 : 0;                                                                                          \
    }

#endif
