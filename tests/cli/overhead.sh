#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# The benchmark of what a launch costs beside its images runs, tells all its figures, and leaves nothing behind.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
mkdir scratch
export TMPDIR="$PWD/scratch"
timeout -k 5 "$limit" "$IMGBENCH" bench overhead --repetitions 1 --rows 702 --scale 0.1 --threads 2 --format json \
    >overhead.json 2>err.txt || fail "$(cat err.txt)"
rmdir scratch && mkdir scratch || fail "left in TMPDIR: $(ls scratch)"
command -v mpirun >/dev/null && ranks=2 || ranks=1
"$PYTHON" - "$ranks" <<'P'
import json, sys
one = json.load(open("overhead.json"))
ways = [(1, "static"), (2, "static"), (2, "dynamic")]
assert [(row["ranks"], row["schedule"]) for row in one["chunks"]] == ways[: 2 * int(sys.argv[1]) - 1], one["chunks"]
for row in one["chunks"]:
    everything, seconds = row["ms_per_chunk"]["median"], row["seconds_many"]["median"]
    assert row["chunks"] == 384 and abs(everything * row["chunks"] / 1e3 / seconds - 1) < 1e-5, row
    difference = row["seconds_many"]["median"] - row["seconds_few"]["median"]
    assert abs(row["ms_per_chunk_more"]["median"] * row["chunks"] / 1e3 - difference) < 1e-5, row
assert [row["mode"] for row in one["keeping_A"]] == ["cube", "mfs"], one["keeping_A"]
for row in one["keeping_A"]:
    parts = [row["percent_" + part] for part in ("check", "checksums", "timers", "record")]
    assert min(parts) > 0 and abs(sum(parts) / row["percent"] - 1) < 1e-4, row
P

# So does that of storage; what it tells of the disk and of the launches is one.
"$IMGBENCH" bench storage --repetitions 1 --scale 0.06 --supports 7 --threads 2 --folder scratch --format json >storage.json 2>err.txt || fail "$(cat err.txt)"
rmdir scratch || fail "left in the folder: $(ls scratch)"
"$PYTHON" - <<'P'
import json
rows = json.load(open("storage.json"))["storage"]
assert [(row["input"], row["from"]) for row in rows] == [(i, f) for i in ("large planes", "small planes", "CHILES") for f in ("disk", "memory")], rows
for row in rows:
    seconds = 1e-3 * row["megabytes_written"] / row["disk_write"]["median"]
    if row["from"] == "disk":
        seconds += 1e-3 * row["megabytes_read"] / row["disk_read"]["median"]
    print(row["input"], row["from"], row["percent_storage"]["median"], row["bound"])
    assert abs(100 * seconds / row["seconds"]["median"] / row["percent_storage"]["median"] - 1) < 1e-3, row
    # 2 correlations, image and PSF, pixels of 4 bytes and mipmaps
    channels = 15 if row["side"] == 512 else 4
    assert 0.98 < 1e6 * row["megabytes_written"] / (channels * 4 * row["side"] ** 2 * 4 * 4 / 3) < 1.04, row
P
