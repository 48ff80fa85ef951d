#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""check_html.py FILE TEXT...: the page is well-formed, needs nothing but itself, runs nothing, and shows every TEXT."""
import re, sys
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}
SVG_EMPTY = {"path", "line", "rect"}  # may close themselves


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.text, self.style, self.count = [], set(), set(), [], "", {}

    def handle_starttag(self, tag, attrs, closed=False):
        self.count[tag] = self.count.get(tag, 0) + 1
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("srcset", "style"), (tag, name)
            if name == "id":
                assert value not in self.ids, value
                self.ids.add(value)
            if name in ("href", "src", "action", "data"):
                assert value.startswith("#") or (tag == "img" and value.startswith("data:image/png;base64,")), (tag, value)
                self.links.add(value)
            assert value is None or "url(" not in value, (tag, name, value)
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form"), tag
        assert tag != "svg" or {"role", "aria-hidden"} & set(names), attrs
        assert tag != "img" or "alt" in names, attrs
        if tag not in VOID and not closed:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in SVG_EMPTY, tag
        self.handle_starttag(tag, attrs, closed=True)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text.append(data)


raw = open(sys.argv[1], encoding="utf-8", newline="").read()
assert raw.startswith("<!DOCTYPE html>\n<html lang=")
assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", raw)
page = Page()
page.feed(raw)
page.close()
assert not page.open, page.open
assert page.count["html"] == page.count["head"] == page.count["body"] == page.count["h1"] == 1
assert "url(" not in page.style and "@import" not in page.style and "http" not in page.style
assert all(link[1:] in page.ids for link in page.links if link.startswith("#")), page.links - page.ids
shown = " ".join("".join(page.text).split())
for text in sys.argv[2:]:
    assert text in shown, text
print(f"{len(raw)} bytes, {page.count}")
