#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# The benchmark of what a launch costs beside its images runs, tells all its figures, and leaves nothing behind.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
mkdir scratch
export TMPDIR="$PWD/scratch"
timeout -k 5 "$limit" "$IMGBENCH" bench overhead --repetitions 1 --rows 702 --scale 0.1 --threads 2 --format json \
    >overhead.json 2>err.txt || fail "$(cat err.txt)"
rmdir scratch || fail "left in TMPDIR: $(ls scratch)"
command -v mpirun >/dev/null && ranks=2 || ranks=1
"$PYTHON" - "$ranks" <<'P'
import json, sys
one = json.load(open("overhead.json"))
assert [row["ranks"] for row in one["chunks"]] == list(range(1, int(sys.argv[1]) + 1)), one["chunks"]
for row in one["chunks"]:
    everything, seconds = row["ms_per_chunk"]["median"], row["seconds_many"]["median"]
    assert row["chunks"] == 500 and abs(everything * row["chunks"] / 1e3 / seconds - 1) < 1e-5, row
    difference = row["seconds_many"]["median"] - row["seconds_few"]["median"]
    assert abs(row["ms_per_chunk_more"]["median"] * row["chunks"] / 1e3 - difference) < 1e-5, row
assert [row["mode"] for row in one["keeping_A"]] == ["cube", "mfs"], one["keeping_A"]
for row in one["keeping_A"]:
    parts = [row["percent_" + part] for part in ("check", "checksums", "timers", "record")]
    assert min(parts) > 0 and abs(sum(parts) / row["percent"] - 1) < 1e-4, row
P
