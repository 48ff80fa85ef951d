/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/html.h"
#include "base/text.h"

#include <stdint.h>
#include <string.h>

/* Okabe and Ito (2008), and greys; the style lightens them for dark pages. */
static const char *const palette[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
                                      "#b8a800", "#7a4fb0", "#777777", "#a0a0a0", "#c8c8c8", "#e0e0e0"};
enum { N_COLOURS = sizeof palette / sizeof *palette };

static const char *const style[] = {
    ":root{color-scheme:light dark;--page:#fff;--card:#f5f6f8;--ink:#1b1f24;--soft:#5c6570;--rule:#d9dde3;--grid:#e6e9ee;"
    "--good:#00734f;--warn:#9a5b00;--bad:#b3261e;--link:#0060a0;"
    "--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#e69f00;--c5:#56b4e9;--c6:#b8a800;--c7:#7a4fb0;"
    "--c8:#777;--c9:#a0a0a0;--c10:#c8c8c8;--c11:#e0e0e0}\n",
    "@media (prefers-color-scheme:dark){:root{--page:#14171b;--card:#1e2329;--ink:#e4e7eb;--soft:#9aa4af;--rule:#353c45;"
    "--grid:#2a3038;--good:#4fd1a1;--warn:#f0b04a;--bad:#ff8a80;--link:#6cb8f0;"
    "--c0:#4aa8e6;--c1:#ff8a4a;--c2:#35c596;--c3:#e3a0c6;--c4:#f2b632;--c5:#8accf2;--c6:#d8ca3a;--c7:#b08ae0;"
    "--c8:#959da6;--c9:#78818b;--c10:#59616b;--c11:#3e454e}}\n",
    "*{box-sizing:border-box}\n",
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,'Segoe UI',Roboto,'Noto Sans',sans-serif;"
    "-webkit-text-size-adjust:100%}\n",
    "main{max-width:70rem;margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.2rem) 4rem}\n",
    "h1{font-size:1.75rem;line-height:1.2;margin:.4rem 0 .3rem;letter-spacing:-.01em}\n",
    "h2{font-size:1.3rem;margin:2.8rem 0 .4rem;padding-top:.9rem;border-top:1px solid var(--rule);letter-spacing:-.005em}\n",
    "h3{font-size:1.05rem;margin:1.7rem 0 .3rem;overflow-wrap:anywhere}\n",
    "p{margin:.3rem 0 .8rem;max-width:62em}p.lead{color:var(--soft);margin-bottom:1rem}p.empty{color:var(--soft)}\n",
    "a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:.15em}\n",
    "nav{margin:1rem 0 1.4rem;display:flex;flex-wrap:wrap;gap:.3rem 1rem;font-size:.92rem}\n",
    "nav a{text-decoration:none}nav a:hover{text-decoration:underline}\n",
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:.7rem;margin:1rem 0}\n",
    ".card{background:var(--card);border-radius:.5rem;border-left:.3rem solid var(--rule);padding:.6rem .9rem .65rem;"
    "break-inside:avoid;overflow-wrap:anywhere}\n",
    ".card b{display:block;font-size:1.02rem;line-height:1.35}.card span{color:var(--soft);font-size:.87rem;display:block}\n",
    ".good{border-left-color:var(--good)}.good b{color:var(--good)}\n",
    ".warn{border-left-color:var(--warn)}.warn b{color:var(--warn)}\n",
    ".bad{border-left-color:var(--bad)}.bad b{color:var(--bad)}\n",
    "dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.2rem 1.2rem;margin:.6rem 0 1rem}\n",
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n",
    ".scroll{overflow-x:auto;margin:.6rem 0 1.1rem}\n",
    "table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums;line-height:1.4}\n",
    "th,td{padding:.28rem .75rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}\n",
    "th:first-child,td:first-child{padding-left:.1rem}\n",
    "th{color:var(--soft);font-weight:600;vertical-align:bottom;border-bottom:1.5px solid var(--rule)}\n",
    "td{max-width:34rem;overflow-wrap:anywhere}td:not(.n){min-width:6.5rem}td:first-child:not(.n){min-width:10rem}"
    "td.n,th.n{text-align:right}td.n{white-space:nowrap}tbody tr:hover{background:var(--card)}\n",
    "details{margin:.5rem 0 1rem}summary{cursor:pointer;color:var(--link);font-size:.93rem}\n",
    "pre{background:var(--card);border-radius:.4rem;padding:.75rem .95rem;font:.85rem/1.5 ui-monospace,'DejaVu Sans Mono',monospace;"
    "white-space:pre-wrap;overflow-wrap:anywhere}\n",
    "code{font:.88em ui-monospace,'DejaVu Sans Mono',monospace}\n",
    ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:1.2rem 2rem;margin:1rem 0}\n",
    "figure{margin:0;break-inside:avoid;min-width:0;max-width:33rem}\n",
    "figcaption{font-weight:600;font-size:.93rem;overflow-wrap:anywhere}\n",
    "figcaption span{font-weight:400;color:var(--soft);display:block;font-size:.87rem}\n",
    "figure svg{display:block;width:100%;height:auto}figure img{width:100%;height:auto;image-rendering:pixelated;"
    "border-radius:.3rem;display:block;margin-bottom:.4rem}\n",
    ".pictures figure{max-width:17rem}.pictures{grid-template-columns:repeat(auto-fill,minmax(min(100%,15rem),1fr))}\n",
    ".legend{list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;margin:.35rem 0 0;padding:0;font-size:.84rem}\n",
    ".legend li{display:flex;gap:.4rem;align-items:center;min-width:0;overflow-wrap:anywhere}\n",
    ".legend svg{width:1.15rem;height:.7rem;flex:none}\n",
    ".strips{margin:.7rem 0 1.1rem}.strips .legend{margin:.2rem 0 .8rem}.strip{margin:0 0 .75rem;break-inside:avoid}\n",
    ".strip p{display:flex;justify-content:space-between;gap:1rem;margin:0 0 .12rem;font-size:.88rem;max-width:none}\n",
    ".strip p span{overflow-wrap:anywhere;min-width:0}.strip p span+span{flex:none;color:var(--soft);max-width:60%}\n",
    ".strip svg{display:block;width:100%;height:1.05rem;border-radius:.15rem}\n",
    ".axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem;margin:-.3rem 0 1rem}\n",
    ".t{fill:var(--soft)}.halo{paint-order:stroke;stroke:var(--page);stroke-width:3.5px;stroke-linejoin:round}.g{stroke:var(--grid)}.a{stroke:var(--soft)}.i{fill:var(--ink)}.bg{fill:var(--card)}.zone{fill:var(--rule)}\n",
    "footer{margin-top:3rem;color:var(--soft);font-size:.85rem;border-top:1px solid var(--rule);padding-top:.8rem}\n",
    "@media (max-width:34rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.45rem}h1{font-size:1.45rem}body{font-size:15px}}\n",
    "@media print{@page{size:A4;margin:14mm}:root{color-scheme:light}body{font-size:9.5pt}main{max-width:none;padding:0}nav{display:none}"
    "h2{break-after:avoid;margin-top:1.4rem}h3{break-after:avoid}.scroll{overflow:visible}table{font-size:7pt}th,td{padding:.15rem .35rem}"
    "th{white-space:normal}thead{display:table-header-group}tr{break-inside:avoid}"
    ".figures{grid-template-columns:1fr 1fr;gap:1rem}details::details-content{content-visibility:visible;display:block}}\n"};

void ib_html_text(FILE *out, const char *text)
{
    while (*text) {
        const char  *from = text;
        const size_t bytes = ib_text_next(&text);
        if (!bytes)
            fputs("\xef\xbf\xbd", out);
        else if (strchr("<>&\"'", *from))
            fprintf(out, "&#%d;", *from);
        else
            fwrite(from, 1, bytes, out);
    }
}

const char *ib_html_colour(int colour)
{
    return palette[colour >= 0 && colour < N_COLOURS ? colour : N_COLOURS - 1];
}

void ib_html_begin(FILE *out, const char *title)
{
    fputs(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        "<title>",
        out);
    ib_html_text(out, title);
    fputs("</title>\n<style>\n", out);
    for (size_t i = 0; i < sizeof style / sizeof *style; i++)
        fputs(style[i], out);
    for (int i = 0; i < N_COLOURS; i++)
        fprintf(out, ".c%d{fill:var(--c%d)}.l%d{stroke:var(--c%d)}", i, i, i, i);
    fputs("\n</style>\n</head>\n<body>\n<main>\n", out);
}

void ib_html_end(FILE *out)
{
    fputs("</main>\n</body>\n</html>\n", out);
}

void ib_html_picture(FILE *out, const unsigned char *png, size_t bytes, size_t width, size_t height, const char *alt)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    fprintf(out, "<img width=\"%zu\" height=\"%zu\" alt=\"", width, height);
    ib_html_text(out, alt);
    fputs("\" src=\"data:image/png;base64,", out);
    for (size_t i = 0; i < bytes; i += 3) {
        const size_t   left = bytes - i;
        const uint32_t word =
            (uint32_t)png[i] << 16 | (left > 1 ? (uint32_t)png[i + 1] << 8 : 0) | (left > 2 ? png[i + 2] : 0);
        fputc(digit[word >> 18], out);
        fputc(digit[word >> 12 & 63], out);
        fputc(left > 1 ? digit[word >> 6 & 63] : '=', out);
        fputc(left > 2 ? digit[word & 63] : '=', out);
    }
    fputs("\">", out);
}
