#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The mosaic kernel as a prototype in Python has it, compiled by numba, beside imgbench's leaf loop: millions of visibilities
per second and core. Both grid samples in memory: neither locates nor weighs; the prototype takes them as they come (one
baseline after the other, all over the grid of an image of 1000 x 1000 pixels), imgbench sorted."""

import argparse
import json
import os
import statistics
import subprocess
import time

import numba
import numpy as np


@numba.njit(nogil=True)
def grid_mosaic(out, weight_sum, uv, vis, weight, table, support, oversampling):
    """Rows, then correlations. The table is one oversampled kernel, times the pointing's phase gradient beforehand: taps
    are `oversampling` entries apart along both axes, u before v as in the grid, with u innermost. The sum of a sample's taps
    goes into the sum of weights. So the prototype has it; making the table anew for every pointing is not counted."""
    half, middle = support // 2, table.shape[0] // 2
    for row in range(vis.shape[0]):
        iu, iv = int(uv[row, 0] + 0.5), int(uv[row, 1] + 0.5)
        ou = int(np.floor((iu - uv[row, 0]) * oversampling + 0.5)) + middle
        ov = int(np.floor((iv - uv[row, 1]) * oversampling + 0.5)) + middle
        for corr in range(vis.shape[1]):
            value = vis[row, corr] * weight[row, corr]
            if np.isnan(value):
                continue
            norm = 0j
            for j in range(-half, support - half):
                for i in range(-half, support - half):
                    tap = table[ou + i * oversampling, ov + j * oversampling]
                    out[corr, iu + i, iv + j] += tap * value
                    norm += tap
            weight_sum[corr] += weight[row, corr] * np.real(norm**2)


def numba_rates(support, repetitions, n=20000, side=1216, oversampling=10):
    random = np.random.default_rng(1)
    uv = support + (side - 2 * support) * random.random((n, 2))
    vis = random.standard_normal((n, 2)) + 1j * random.standard_normal((n, 2))
    size = (support + 2) * oversampling
    table = random.standard_normal((size, size)) + 1j * random.standard_normal((size, size))
    out, weight, weight_sum = np.zeros((2, side, side), complex), np.ones((n, 2)), np.zeros(2)
    rates = []
    for repetition in range(repetitions + 1):  # the first one compiles
        start = time.perf_counter()
        grid_mosaic(out, weight_sum, uv, vis, weight, table, support, oversampling)
        rates.append(vis.size / (time.perf_counter() - start) * 1e-6)
    return rates[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--imgbench", default=os.path.join(here, "..", "..", "build", "imgbench"))
    parser.add_argument("--supports", default="15,51")
    parser.add_argument("--repetitions", type=int, default=5)
    args = parser.parse_args()

    command = [args.imgbench, "bench", "mosaic", "--supports", args.supports, "--precisions", "single,double",
               "--repetitions", str(args.repetitions), "--format", "json"]
    best = {}
    for row in json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["mosaic"]:
        if row["isa"] not in ("textbook", "reference"):
            key = row["support"], row["precision"], row["run"]
            rate = row["leaf_mvis_per_s_core"]
            best[key] = max(best.get(key, 0), rate["median"] if isinstance(rate, dict) else rate)
    for support in map(int, args.supports.split(",")):
        peer = statistics.median(numba_rates(support, args.repetitions))
        print("S %d: numba %s %.3g Mvis/s" % (support, numba.__version__, peer))
        for key, rate in sorted(best.items()):
            if key[0] == support:
                print("  imgbench, %s, %d samples of a pointing: %.3g Mvis/s, %.3g times" % (*key[1:], rate, rate / peer))


if __name__ == "__main__":
    main()
