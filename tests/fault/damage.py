# SPDX-License-Identifier: BSD-3-Clause
"""Damage every file of an input in several ways, one at a time, and image it: damage.py INPUT EVERY OPTIONS...

Every EVERY-th combination of file and damage is tried. A run may image what it was given (damage to what is not read, or
in values) or refuse it with a documented code; it may not crash, hang, or ask for more memory than it may have.
"""
import os
import random
import resource
import shutil
import subprocess
import sys

source, every, options = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
LIMIT = 4 << 30  # bytes, of any process


def bits(seed):
    def change(data):
        chance = random.Random(seed)
        for _ in range(8):
            if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return change


def fill(first, n, value):
    def change(data):
        data[first:first + n] = bytes([value]) * len(data[first:first + n])
    return change


DAMAGES = {
    "empty": lambda data: data.__delitem__(slice(None)),
    "half": lambda data: data.__delitem__(slice(len(data) // 2, None)),
    "headless": fill(0, 256, 0),
    "ones": fill(64, 64, 255),
    "bits1": bits(1),
    "bits2": bits(2),
    "bits3": bits(3),
}

files = [source] if os.path.isfile(source) else sorted(
    os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names
    if name not in ("table.lock", "table.info"))
cases = [(file, name) for file in files for name in DAMAGES]
ends = {}
bad = []
for file, name in cases[::every]:
    copy = "damaged" + os.path.splitext(source)[1]
    shutil.rmtree(copy, ignore_errors=True)
    (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, copy)
    target = copy + file[len(source):]
    with open(target, "rb") as stream:
        data = bytearray(stream.read())
    DAMAGES[name](data)
    with open(target, "wb") as stream:
        stream.write(data)
    command = [os.environ["IMGBENCH"], copy, "--output", "damaged.hdf5", "--overwrite", "--record", "", "--quiet",
               "--no-check", "--hang-timeout", "10", *options]
    try:
        run = subprocess.run(command, capture_output=True, timeout=60, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_DATA, (LIMIT, LIMIT)))
        code, said = run.returncode, run.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired:
        code, said = "no end", ""
    ends[code] = ends.get(code, 0) + 1
    if code not in (0, 2, 65, 69, 74) or (code and said.count("imgbench: ") - said.count("imgbench: reads column") != 1):
        bad.append("%s, %s: ended with %s: %s" % (target, name, code, said.strip()[:400]))
print("%s: %d of %d damages, ends %s" % (source, len(cases[::every]), len(cases), ends))
sys.exit("\n".join(bad) if bad else 0)
