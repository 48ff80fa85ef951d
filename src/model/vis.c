/* SPDX-License-Identifier: BSD-3-Clause */
#include "model/vis.h"
#include "base/error.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- correlations ------------------------------------------------------------------------------------------- */

/* Codes of the FITS STOKES axis: Greisen & Calabretta 2002, table 28. */
static const struct {
    const char *name;
    int         fits;
} correlations[] = {
    [IB_I] = {"I", 1},    [IB_Q] = {"Q", 2},    [IB_U] = {"U", 3},    [IB_V] = {"V", 4},
    [IB_RR] = {"RR", -1}, [IB_RL] = {"RL", -3}, [IB_LR] = {"LR", -4}, [IB_LL] = {"LL", -2},
    [IB_XX] = {"XX", -5}, [IB_XY] = {"XY", -7}, [IB_YX] = {"YX", -8}, [IB_YY] = {"YY", -6},
};

static bool is_known(int corr)
{
    return corr >= IB_I && corr <= IB_YY;
}

const char *ib_corr_name(int corr)
{
    return is_known(corr) ? correlations[corr].name : "?";
}

int ib_corr_fits(int corr)
{
    return is_known(corr) ? correlations[corr].fits : 0;
}

/* ---- what an input holds ------------------------------------------------------------------------------------ */

void ib_vis_info_clear(ib_vis_info *info)
{
    for (size_t s = 0; info->spw && s < info->n_spw; s++) {
        ib_free(info->spw[s].chan);
        ib_free(info->spw[s].freq);
        ib_free(info->spw[s].width);
    }
    ib_free(info->spw);
    ib_free(info->field);
    ib_free(info->dish);
    *info = (ib_vis_info){0};
}

size_t ib_chan_run(const ib_spw *spw, size_t first, size_t n)
{
    size_t run = 0;

    if (first >= spw->n_chan)
        return 0;
    if (n > spw->n_chan - first)
        n = spw->n_chan - first;
    while (run < n && spw->chan[first + run] == spw->chan[first] + (int)run)
        run++;
    return run;
}

/* ---- selection ---------------------------------------------------------------------------------------------- */

/* The things that can be selected, and the words for them. */
typedef struct choice {
    const char        *what;
    size_t             n;
    const char *const *names;
    const int         *ids;
} choice;

/* Part of the selection's text, without the blanks around it. */
typedef struct item {
    const char *text;
    size_t      n;
} item;

/* first..last in steps; a number alone is the range of itself. */
typedef struct span {
    uint64_t first, last, step;
    bool     alone;
} span;

enum { N_SHOWN = 6, SHOWN_CHARS = 24, ITEM_CHARS = 40 };

static uint64_t id_at(const choice *of, size_t i)
{
    return of->ids ? (uint64_t)of->ids[i] : i;
}

/* Names come from files and items from command lines: neither may break the line or fill the sentence. */
static void add_text(char *to, size_t size, const char *text, size_t n, size_t most)
{
    size_t used = strlen(to);

    for (size_t i = 0; i < n && i < most && used + 1 < size; i++)
        to[used++] = iscntrl((unsigned char)text[i]) ? '?' : text[i];
    to[used] = '\0';
    if (n > most && used + 4 < size)
        memcpy(to + used, "...", 4);
}

/* "the input has 23 fields: 0 "M51", 1 "M82", ..." */
static void list(const choice *of, char *to, size_t size)
{
    int at = snprintf(to, size, "the input has %zu %s%s: ", of->n, of->what, of->n == 1 ? "" : "s");

    if (!of->ids && !of->names) {
        snprintf(to + at, size - (size_t)at, of->n == 1 ? "0" : "0-%zu", of->n - 1);
        return;
    }
    for (size_t i = 0; i < of->n && i < N_SHOWN; i++) {
        at += snprintf(to + at, size - (size_t)at, "%s%llu", i ? ", " : "", (unsigned long long)id_at(of, i));
        if (of->names) {
            strcat(to, " \"");
            add_text(to, size, of->names[i], strlen(of->names[i]), SHOWN_CHARS);
            strcat(to, "\"");
            at = (int)strlen(to);
        }
    }
    if (of->n > N_SHOWN)
        strcat(to, ", ...");
}

static ib_status refuse(const choice *of, item it, const char *why, ib_error *err)
{
    char shown[ITEM_CHARS + 4] = "", what_is[400];

    add_text(shown, sizeof shown, it.text, it.n, ITEM_CHARS);
    list(of, what_is, sizeof what_is);
    return ib_fail(err, IB_EUSAGE, "%s \"%s\" %s; %s", of->what, shown, why, what_is);
}

/* A number; what does not fit is the largest there is, which is found nowhere. */
static bool take_number(item *it, uint64_t *value)
{
    size_t i = 0;

    *value = 0;
    for (; i < it->n && isdigit((unsigned char)it->text[i]); i++) {
        const uint64_t digit = (uint64_t)(it->text[i] - '0');
        *value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *value * 10 + digit;
    }
    *it = (item){it->text + i, it->n - i};
    return i > 0;
}

static bool take_char(item *it, const char *any_of)
{
    if (!it->n || !strchr(any_of, it->text[0]))
        return false;
    *it = (item){it->text + 1, it->n - 1};
    return true;
}

static bool parse_span(item it, span *out)
{
    *out = (span){.step = 1, .alone = true};
    if (!take_number(&it, &out->first))
        return false;
    out->last = out->first;
    if (take_char(&it, "-~")) {
        out->alone = false;
        if (!take_number(&it, &out->last) || (take_char(&it, ":") && !take_number(&it, &out->step)))
            return false;
    }
    return it.n == 0;
}

static ib_status select_span(const choice *of, item it, span s, uint8_t *selected, ib_error *err)
{
    uint64_t largest = 0;
    bool     found = false;

    if (s.step == 0)
        return refuse(of, it, "has a step of 0; the smallest is 1", err);
    if (s.last < s.first)
        return refuse(of, it, "runs backwards; write the smaller number first", err);

    for (size_t i = 0; i < of->n; i++) {
        const uint64_t id = id_at(of, i);
        const bool     in = id >= s.first && id <= s.last && (id - s.first) % s.step == 0;

        selected[i] |= in;
        found |= in;
        largest = id > largest ? id : largest;
    }
    /* A range that reaches beyond the end is a mistake more often than a wish. */
    if (!found || s.last > largest)
        return refuse(of, it, s.alone ? "is not there" : "reaches beyond what is there", err);
    return IB_OK;
}

/* Does the name fit a pattern of * (any text) and ? (any character)? Only the last * is ever taken up again, so the
   time is at most name x pattern. */
static bool fits(item pattern, const char *name)
{
    const char *again = NULL;
    size_t      p = 0, star = SIZE_MAX;

    while (*name) {
        if (p < pattern.n && pattern.text[p] == '*') {
            star = p++;
            again = name;
        } else if (p < pattern.n && (pattern.text[p] == '?' || pattern.text[p] == *name)) {
            p++;
            name++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            name = ++again;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.text[p] == '*')
        p++;
    return p == pattern.n;
}

static bool select_name(const choice *of, item it, bool as_pattern, uint8_t *selected)
{
    bool found = false;

    for (size_t i = 0; of->names && i < of->n; i++) {
        const char *name = of->names[i];
        const bool  same = strlen(name) == it.n && !memcmp(name, it.text, it.n);

        if (same || (as_pattern && fits(it, name))) {
            selected[i] = 1;
            found = true;
        }
    }
    return found;
}

/* Exact names come first: sources are called 0137+331 and 3C48, and even "12". */
static ib_status select_item(const choice *of, item it, uint8_t *selected, ib_error *err)
{
    span s;

    if (it.n == 0)
        return refuse(of, it, "is an empty item between commas", err);
    if (select_name(of, it, false, selected))
        return IB_OK;
    if (parse_span(it, &s))
        return select_span(of, it, s, selected, err);
    if (!of->names)
        return refuse(of, it, "is neither a number (3) nor a range (0-4, 10-100:5)", err);
    if (!select_name(of, it, true, selected))
        return refuse(of, it, "is not there, neither as a name nor as a number or range (0-4)", err);
    return IB_OK;
}

static item trimmed(const char *text, size_t n)
{
    while (n && isspace((unsigned char)*text)) {
        text++;
        n--;
    }
    while (n && isspace((unsigned char)text[n - 1]))
        n--;
    return (item){text, n};
}

ib_status ib_select(const char *text, const char *what, size_t n, const char *const *names, const int *ids,
                    uint8_t *selected, ib_error *err)
{
    const choice of = {what, n, names, ids};

    if (n == 0)
        return ib_fail(err, IB_EDATA, "the input has no %s; check that it is complete", what);
    memset(selected, *text ? 0 : 1, n);
    if (!*text || select_name(&of, trimmed(text, strlen(text)), false, selected))
        return IB_OK;

    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");

        if (select_item(&of, trimmed(at, length), selected, err))
            return err->status;
        at += length;
        if (!*at)
            return IB_OK;
    }
}

size_t ib_run_of(const size_t *first, size_t n_run, size_t row)
{
    size_t low = 0, high = n_run;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (first[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}
