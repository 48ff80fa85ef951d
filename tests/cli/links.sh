#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every link between the documents leads to a file.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
cd "$IMGBENCH_SOURCE"
broken=0
for page in *.md docs/*.md docs/adr/*.md data/*.md scripts/*/*.md; do
    for link in $(grep -o '](\([^)#]*\)' "$page" | sed 's/^](//' | grep -v '^https*:'); do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: $link does not exist"; broken=1; }
    done
done
exit $broken
