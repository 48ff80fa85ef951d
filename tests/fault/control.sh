#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# processors: 2
# timeout: 400
# Interrupted runs survive a cut of the power; and the test of them is not blind: the same strikes find flushes that do nothing,
# records that are flushed before their data, and a program that does not compare planes with their hashes.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
[ -z "$IMGBENCH_SANITIZED" ] || skip "sanitizers do not like to be preloaded after"

# strikes NAME=VALUE...: resume.sh, its power cut at some operations of rank 0
strikes() {
    env HOWS=power RANKS=0 STRIKES="$nth" IMGBENCH_SCRATCH="$PWD/struck" "$@" sh "$IMGBENCH_SOURCE/tests/fault/resume.sh" >strikes.log 2>&1
}

# caught PATTERN NAME=VALUE...: they fail, for the reason that matches
caught() {
    pattern=$1
    shift
    strikes "$@" && fail "$*: went unnoticed"
    grep -Eq "$pattern" strikes.log || fail "$*: found for another reason: $(cat strikes.log)"
    grep -E "$pattern" strikes.log | head -n 1
}

nth="40 75 110 145"
strikes || fail "power was cut: $(cat strikes.log)"
nth="40 110 145"
caught 'not what was written|is gone or cut short|is damaged|no cube' CHEAT=sync
nth="110 125 140 150 160"
caught 'not what was written' CHEAT=order
caught 'differ' CHEAT=order IMGBENCH="$IMGBENCH_BUILD/tests/imgbench-blind"
