#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Inputs to begin fuzzing with: seeds.py FOLDER makes FOLDER/HARNESS/... from what other tests make. The same bytes every time."""
import os
import pathlib
import re
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)


def put(harness, name, content):
    (out / harness).mkdir(parents=True, exist_ok=True)
    (out / harness / name).write_bytes(content.encode("latin-1") if isinstance(content, str) else content)


# ---- UVFITS, as fuzz_uvfits.c expands it; the first groups only

UNIT, GROUPS = 2880, 4


def header(fits, at):
    cards = []
    while True:
        card = fits[at : at + 80].decode("latin-1").rstrip()
        at += 80
        if card == "END":
            return cards, -(-at // UNIT) * UNIT
        cards.append(card)


def value(cards, key, missing):
    return next((int(float(c[10:30])) for c in cards if c.startswith(f"{key:8}=")), missing)


def shorten(fits):
    at, short = 0, b""
    while at < len(fits) and fits[at : at + 8] in (b"SIMPLE  ", b"XTENSION"):
        first = at == 0
        cards, at = header(fits, at)
        axes = [value(cards, f"NAXIS{i + 1}", 0) for i in range(value(cards, "NAXIS", 0))]
        item, groups, parameters = abs(value(cards, "BITPIX", 8)) // 8, value(cards, "GCOUNT", 1), value(cards, "PCOUNT", 0)
        size = parameters if first else 0
        samples = 1
        for axis in axes[1:] if first else axes:
            samples *= axis
        whole = (size + samples) * item * groups
        if not 0 <= whole <= len(fits) - at:  # a header that lies
            return short + "\n".join(cards).encode("latin-1") + b"\n\n400\n" + fits[at : at + 400]
        keep = min(groups, GROUPS) if first else groups
        cards = [f"GCOUNT  = {keep:20d}" if first and c.startswith("GCOUNT") else c for c in cards]
        data = fits[at : at + whole * keep // max(groups, 1)]
        at += -(-whole // UNIT) * UNIT
        short += "\n".join(cards).encode("latin-1") + b"\n\n%d\n" % len(data) + data
    return short


def uvfits():
    script, path = here.parent / "make_uvfits.py", out / "whole.uvfits"
    for variant in subprocess.check_output([sys.executable, script, "list"], text=True).split():
        subprocess.run([sys.executable, script, path, variant], check=True)
        put("uvfits", variant, shorten(path.read_bytes()))
        path.unlink()


# ---- changes of an HDF5 file: parts by number, as in fuzz_hdf5.c

N_PARTS = 33


def hdf5():
    put("hdf5", "good", b"")
    for part in range(N_PARTS):
        put("hdf5", f"without-{part}", bytes([part]) + b"d")
        for kind in "FiuBsSceogl":
            put("hdf5", f"as-{kind}-{part}", bytes([part]) + kind.encode() + bytes([1, 3, ord("e"), 1]))
        put("hdf5", f"scalar-{part}", bytes([part]) + b"F" + bytes([0, 0, ord("e"), 63]))
        put("hdf5", f"value-{part}", bytes([part]) + b"v" + bytes([8] + 8 * [255]))


# ---- texts

OPTIONS = """sim:point
--imsize=64,32 --cell=2arcsec,3arcsec x.ms
-o a.hdf5 --stokes iquv --no-psf --memory 2GiB --taper 3arcsec,2arcsec,10deg
--robust=-0.5 --weighting briggs -- -x.ms
--help
--epsilon 1e-4 --wterm stack --frame lsrk --frame-grid 1.4GHz,10kHz,20"""
FILES = ["imsize = 64\n# comment\ncell = 1arcsec # small\ninput = a#b.ms\n", "psf = yes\npsf = no\n", "nothing\n"]


def options():
    for i, line in enumerate(OPTIONS.split("\n")):
        put("option", f"line-{i}", line.replace(" ", "\n"))
    for i, text in enumerate(FILES):
        put("option", f"file-{i}", "--overwrite\n\n" + text)
    for i, line in enumerate((here.parent.parent / "src" / "options.def").read_text().split('"')[1::2]):
        if line and line[0].islower() and " " not in line and "|" not in line:
            put("option", f"key-{i}", f"--{line}=1")


def texts():
    for i, text in enumerate(["", "0", "0-4", "1~3,5", "0-9:3", "M*", "3C48,M?2", "1,,2", " 2 , 3 ", "4-2", "0-63:0",
                              "99999999999999999999"]):
        put("select", f"item-{i}", text + "\nM51\nM82\n3C48\n12\n0-4")
    for i, text in enumerate(["n12", "n-1.5e-3", "n0.4arcsec", "n 2 deg", "n2GiB", "n1.5 GB", "n1.4GHz", "nyes",
                              "d12h01m53.6s -18d52m10s", "d12:01:53.6 -18:52:10", "d180.47deg,-18.87deg", "dJ2000 0h 90d",
                              "schiles", "spoint,times=3,baselines=6,channels=4,imsize=32", "spoint,noise=1,seed=3",
                              "schiles,times=2,channel=0.125,image=0.1,cell=1arcsec"]):
        put("text", f"word-{i}", text)
    for i, text in enumerate(["ranks 1,2,4\nthreads 1,2\nsupport 7,9", "isa v3,v4\nnodes 1,2", "cell !1arcsec,2arcsec",
                              "chunks 1,1", "ranks 0"]):
        put("points", f"axes-{i}", text)
    for i, text in enumerate(["1.4\n0 1\n10 0.9\n20 0.5\n30 0.1\n", "1,2\n0,1,1\n5,0.9,0.8\n10,0.7,0.5\n20,0.2,0\n# end\n",
                              "# nothing\n", "1.4\n0 1\n0 1\n"]):
        put("beam", f"table-{i}", text)
    put("beam", "of-a-mosaic", (here.parent / "cli" / "mosaic-beam.txt").read_bytes())


# ---- records

COMMANDS = 8  # of fuzz_report.c
LAUNCHES = ['{}', '{"status": "failed", "tag": "x"}', '{"stop": "run"}', '{"launch": 0}', '{"error": 1}']
TERMS = ["", "last", "support=7", "aaaa-dirty", "T>5,ranks=1", "day>=2026-01-01", "grid<80,machine!=quiet", "input=sim:chiles"]


def records():
    for i, launch in enumerate(LAUNCHES):
        folder = out / "launch"
        subprocess.run([sys.executable, here.parent / "make_records.py", folder], input=launch, text=True, check=True,
                       stdout=subprocess.DEVNULL)
        found = [p for p in folder.rglob("*") if p.is_file()]
        text = re.sub('"[0-9a-f]{16}"}}$', '"@@@"}}', found[0].read_text().rstrip()) + "\n"
        found[0].unlink()
        put("history", f"launch-{i}", text)
        for k, terms in enumerate(TERMS if i == 0 else []):
            put("history", f"terms-{k}", f"?{terms}\n{text}")
        for k in range(COMMANDS):
            put("report", f"command-{k}-{i}", chr(k) + text.replace("quiet", "<zz>"))
    for root, folders, _ in os.walk(out / "launch", topdown=False):
        os.rmdir(root)
    put("history", "two-ends", '{"t":"run","v":1,"run_id":"a"}\n' + 2 * '{"t":"end","run_id":"a","digest":{"value":"@@@"}}\n')
    put("history", "verdict", '{"t":"run","v":1,"run_id":"a","intent":"ab"}\n{"t":"verdict","run_id":"a","margin":0.02,"comparisons":'
        '[{"kind":"null","a":{"name":"a"},"b":{"name":"b","commit":"c"},"findings":[{"metric":"T","ratio":1,"low":0.9,"high":1.1,'
        '"verdict":"same","problem":{"input":"x"},"machine":"m","ranks":1}]}]}\n{"t":"end","run_id":"a","digest":{"value":"@@@"}}\n')


# ---- journals

def number(x):
    return x.to_bytes(8, "little")


def text(x):
    return number(len(x) + 1) + x + b"\0"


def journals():
    layout = b"cube".ljust(512, b"\0") + b"cube.partial".ljust(520, b"\0") + 80 * number(0) + number(64)
    head = b"IBRUN\r\n\1" + number(1) + number(7) + number(16) + number(24) + text(b"(fftw)") + text(b"plan")
    notes = number(2) + text(b"support") + text(b"7") + text(b"version") + text(b"0")
    body = head + notes + number(1) + number(len(layout)) + layout + number(0) + number(8) + b"headerhe" + number(2**64 - 1)
    put("journal", "header", b"h" + body + number(0))
    put("journal", "header-without-files", b"h" + head + notes + number(0) + number(0))
    put("journal", "header-damaged", b"H" + body + number(0))
    record = b"IBJ1" + (64).to_bytes(4, "little") + number(7)
    put("journal", "records", b"J" + b"".join(record + number(i) + number(i) + 24 * b"x" + number(0) for i in range(6)))
    put("journal", "records-damaged", b"j" + 3 * (record + 48 * b"y"))
    put("journal", "lock", b"lhere 1 12345\n")
    put("journal", "lock-empty", b"l")


uvfits()
hdf5()
options()
texts()
records()
journals()
