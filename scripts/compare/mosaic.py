#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The mosaic kernel as a prototype in Python has it, compiled by numba, beside imgbench's leaf loop: millions of visibilities
per second and core. Both grid samples in memory: neither sorts, locates nor weighs."""

import argparse
import json
import os
import statistics
import subprocess
import time

import numba
import numpy as np


@numba.njit(nogil=True)
def grid_mosaic(out, uv, vis, gradient, pointing, taps, support, oversampling):
    """Rows, then correlations; nearest sample of a table over both axes, times the pointing's phase gradient there."""
    half = support // 2
    for row in range(vis.shape[0]):
        iu, iv = int(uv[row, 0] + 0.5), int(uv[row, 1] + 0.5)
        ou = int((iu - uv[row, 0] + 0.5) * oversampling + 0.5)
        ov = int((iv - uv[row, 1] + 0.5) * oversampling + 0.5)
        along = gradient[pointing[row]]
        for corr in range(vis.shape[1]):
            value = vis[row, corr]
            for j in range(support):
                for i in range(support):
                    tap = taps[ov, ou, j, i] * along[0, i * oversampling + ou] * along[1, j * oversampling + ov]
                    out[corr, iv - half + j, iu - half + i] += value * tap


def numba_rates(support, repetitions, n=2000, side=520, oversampling=10):
    random = np.random.default_rng(1)
    uv = support + (side - 2 * support) * random.random((n, 2))
    vis = random.standard_normal((n, 2)) + 1j * random.standard_normal((n, 2))
    taps = random.standard_normal((oversampling + 1, oversampling + 1, support, support))
    slope, pointing = 0.3 * random.random((32, 2, 1)), random.integers(0, 32, n)
    gradient = np.exp(2j * np.pi * slope * (np.arange((support + 1) * oversampling) / oversampling - support / 2))
    out = np.zeros((2, side, side), complex)
    rates = []
    for repetition in range(repetitions + 1):  # the first one compiles
        start = time.perf_counter()
        grid_mosaic(out, uv, vis, gradient, pointing, taps, support, oversampling)
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
