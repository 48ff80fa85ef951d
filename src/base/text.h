/* SPDX-License-Identifier: BSD-3-Clause */
/** Numbers with units, read strictly and printed for people. */
#ifndef IB_BASE_TEXT_H
#define IB_BASE_TEXT_H

#include "imgbench.h"

#include <stdbool.h>

/* ---- reading: the whole text must be the number; the sentence quotes it. IB_EUSAGE otherwise. -------------- */

/** A whole number in decimal. */
ib_status ib_text_to_int(const char *text, int64_t *out, ib_error *err);

/** A finite real number. */
ib_status ib_text_to_real(const char *text, double *out, ib_error *err);

/** An angle with its unit, deg, arcmin, arcsec, mas, uas or rad: "0.4arcsec", "2 deg". Only 0 needs none. In rad. */
ib_status ib_text_to_angle(const char *text, double *out, ib_error *err);

/** A direction, right ascension and declination with a space or a comma between: "12h01m53.6s -18d52m10s", "12:01:53.6
 *  -18:52:10" (hours, degrees), "180.47deg -18.87deg"; "J2000" or "ICRS" may stand before. In rad: ra in [0, 2 pi). */
ib_status ib_text_to_direction(const char *text, double *ra, double *dec, ib_error *err);

/** A frequency in hertz: "1.4GHz", "300 kHz", "15600". THz, GHz, MHz, kHz, Hz; none is Hz. */
ib_status ib_text_to_hertz(const char *text, double *out, ib_error *err);

/** A size: "2GiB", "1.5 GB", "4096". KiB, MiB, GiB, TiB, PiB are powers of 1024; kB, MB, GB, TB, PB of 1000. */
ib_status ib_text_to_bytes(const char *text, int64_t *out, ib_error *err);

/** yes, no, true, false, on, off, 1, 0. */
ib_status ib_text_to_bool(const char *text, int *out, ib_error *err);

/* ---- printing: a short text by value, so that printf("%s", ib_text_bytes(n).s) needs no buffer --------------- */

typedef struct ib_text {
    char s[48];
} ib_text;

ib_text ib_text_bytes(double bytes);                  /* "1.23 GiB" */
ib_text ib_text_angle(double rad);                    /* "12.3 arcsec" */
ib_text ib_text_seconds(double s);                    /* "12.3 s", "4.56 ms" */
ib_text ib_text_duration(double s);                   /* "3:05", "1:02:33", for clocks */
ib_text ib_text_count(uint64_t n);                    /* "3,840" */
ib_text ib_text_rate(double per_s, const char *what); /* "23.4 Mvis/s" for what = "vis/s" */
ib_text ib_text_hertz(double hz);                     /* "1.420 GHz" */

/** The shortest text that ib_text_to_real reads back as the same number. */
ib_text ib_text_exact(double x);

/** The same for an angle with its unit ("0.4arcsec") and a size ("2GiB"). */
ib_text ib_text_exact_angle(double rad);
ib_text ib_text_exact_bytes(int64_t bytes);

/* ---- texts of others, as names of files and words of records are -------------------------------------------- */

/** Moves over one character. @return its bytes; 0: what is no UTF-8, and what would act on a terminal or reorder words */
size_t ib_text_next(const char **text);

/** A copy on one line that acts on no terminal: what does not move as a character becomes a question mark. Cut to size. */
void ib_text_plain(const char *text, char *out, size_t size);

#endif
