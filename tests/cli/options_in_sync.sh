#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# docs/options.md is what the program says: `make docs` renews it.
. "${IMGBENCH_SOURCE:?}/tests/common.sh"
"$IMGBENCH" help markdown >options.md
diff "$IMGBENCH_SOURCE/docs/options.md" options.md || fail "docs/options.md is out of date: make docs"
