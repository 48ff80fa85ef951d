#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Static against dynamic: compare.py [PROGRAM [LAUNCHES]], in an empty folder on a machine that is idle.

Two ranks of one thread image the same 96 channels, all of equal cost; with the first half flagged; and while rank 1 is stopped for
half of the time. Launches of both schedules take turns; the bytes of all cubes must be the same. Needs h5py and mpirun."""
import filecmp
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time

import h5py

PROGRAM = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/imgbench")
LAUNCHES = int(sys.argv[2]) if len(sys.argv) > 2 else 5
INPUT = "sim:point,times=60,baselines=351,channels=96,imsize=256,noise=0.5"
OPTIONS = ["--support", "31", "--no-psf", "--stokes", "corr", "--threads", "1", "--no-check", "--record", "", "--quiet",
           "--overwrite", "--format", "json"]
NAMED = 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$0" "$@"'


def slow_down(over):
    """Stop rank 1 for 20 ms of every 40 until it is over."""
    while not over.is_set():
        try:
            with open("pid.1") as file:
                rank = int(file.read())
            os.kill(rank, signal.SIGSTOP)
            time.sleep(0.02)
            os.kill(rank, signal.SIGCONT)
        except (OSError, ValueError):
            pass
        time.sleep(0.02)


def launch(data, schedule, slowed):
    for rank in "01":
        if os.path.exists("pid." + rank):
            os.unlink("pid." + rank)
    over = threading.Event()
    other = threading.Thread(target=slow_down, args=(over,))
    if slowed:
        other.start()
    done = subprocess.run(["mpirun", "-n", "2", "sh", "-c", NAMED, PROGRAM, data, *OPTIONS, "--schedule", schedule,
                           "--output", schedule + ".hdf5"], stdout=subprocess.PIPE, check=False)
    over.set()
    if slowed:
        other.join()
    if done.returncode:
        sys.exit("imgbench --schedule %s ended with %d" % (schedule, done.returncode))
    return json.loads(done.stdout)


def main():
    for name in ("even", "uneven"):
        subprocess.run([PROGRAM, "simulate", INPUT, name + ".h5", "--quiet", "--overwrite"], check=True)
    with h5py.File("uneven.h5", "r+") as file:
        flags = file["spw0/flag"]
        flags[: flags.shape[0] // 2] = 1
    print("| case | static, s | dynamic, s | static / dynamic | channels of rank 0, rank 1 (dynamic) | takes | s each | bytes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for case, data, slowed in (("even", "even.h5", False), ("half of them flagged", "uneven.h5", False),
                               ("rank 1 at half speed", "even.h5", True)):
        walls, ratios, same, told = {"static": [], "dynamic": []}, [], True, None
        for _ in range(LAUNCHES):
            for schedule in walls:
                told = launch(data, schedule, slowed)
                walls[schedule].append(told["wall_s"])
            ratios.append(walls["static"][-1] / walls["dynamic"][-1])
            same = same and filecmp.cmp("static.hdf5", "dynamic.hdf5", shallow=False)
        s = told["schedule"]
        share = [s["most"], s["least"]] if s["most_rank"] == 0 else [s["least"], s["most"]]
        spread = ["%.3g (%.3g..%.3g)" % (statistics.median(v), min(v), max(v)) for v in (*walls.values(), ratios)]
        print("| %s | %s | %s | %s | %d, %d | %d | %.2g | %s |" % (case, *spread, *share, s["takes"], s["take_s"] / s["takes"],
                                                               "the same" if same else "DIFFER"), flush=True)
        if not same:
            sys.exit("the cubes of both schedules differ")


if __name__ == "__main__":
    main()
