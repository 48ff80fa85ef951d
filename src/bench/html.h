/* SPDX-License-Identifier: BSD-3-Clause */
/** Pages of HTML that need nothing but themselves: text, one style for light, dark and paper, pictures inside.
 *
 *  Essential colours are attributes of the drawings, which the style only re-themes: a page stays legible where a server
 *  refuses styles. There are no scripts, and a policy in the page refuses them. */
#ifndef IB_BENCH_HTML_H
#define IB_BENCH_HTML_H

#include <stddef.h>
#include <stdio.h>

/** Escaped. What is not UTF-8, control characters and those that turn the direction of text become a replacement sign. */
void ib_html_text(FILE *out, const char *text);

/** Everything up to the content, and from its end. @param title  of the window */
void ib_html_begin(FILE *out, const char *title);
void ib_html_end(FILE *out);

/** A colour of the palette as the drawings have it: 0 to 7 are told apart by the colour-blind, others are greys. */
const char *ib_html_colour(int colour);

/** A PNG file within the page. @param alt  what it shows */
void ib_html_picture(FILE *out, const unsigned char *png, size_t bytes, size_t width, size_t height, const char *alt);

#endif
