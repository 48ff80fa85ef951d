#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Records of launches that never were: make_records.py FOLDER, one JSON object per launch on standard input.

Keys, all with defaults: commit, describe, dirty, machine, T (s), phases {name: s}, params {option: text}, input, ranks, threads,
status, exit, validity, error (measured; promised is 1e-4), tag, kernel, launch (of a campaign; 0: a warm-up), started (s since 2026-01-01; else a minute after
the launch before it), stop ("run": no line after the first), build_id, rows (their digest). Prints the run's names."""
import datetime, json, os, sys

DEFAULTS = dict(support="7", threads="0", tag="", memory="2GiB", isa="auto", precision="single", chunks="0")
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def lines(number, s):
    when = EPOCH + datetime.timedelta(seconds=s.get("started", 60 * number))
    ms = int(when.timestamp() * 1000)
    run_id = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{number:012x}"
    commit = s.get("commit", "a" * 40)
    T = s.get("T", 100.0)
    phases = s.get("phases", dict(grid=0.7 * T, fft=0.2 * T, write=0.02 * T))
    promised, error = 1e-4, s.get("error", 5e-5)
    ok = error <= 3 * promised
    status = s.get("status", "ok" if ok else "failed")
    validity = s.get("validity", "valid" if status == "ok" else "invalid")
    params = {**DEFAULTS, **s.get("params", {}), "tag": s.get("tag", "")}
    build = dict(version="0.1.0", commit=commit, describe=s.get("describe", commit[:10]), dirty=s.get("dirty", False),
                 cc=s.get("cc", "GNU 12.2.0"), cflags="-O2 -g", build_type="Release", sanitizers="",
                 libs=[dict(name="FFTW", version_compiled="3.3.10")], mpi_library="Open MPI v4.1.4")
    build["build_id"] = s.get("build_id", f"{fnv1a(json.dumps(build).encode()):016x}")
    build["commit_time"] = s.get("commit_time", when.isoformat())
    machine = s.get("machine", "quiet")
    ranks, threads = s.get("ranks", 1), s.get("threads", 2)
    campaign = dict(intent="ab", launch=s["launch"]) if "launch" in s else dict(intent="run")
    yield dict(t="run", started=when.strftime("%Y-%m-%dT%H:%M:%S.000000000Z"), **campaign, argv=["imgbench"],
               workload=dict(bench_version=1, params=params, given={}, workload_id="0" * 16,
                             inputs=[dict(name=s.get("input", "sim:chiles"), bytes=None)]),
               shape=dict(ranks=ranks, nodes=1, threads=threads, shape_id=f"{ranks:08x}{threads:08x}"), build=build,
               machine=dict(machine_id="0123456789abcdef", alias=machine, kernel=s.get("kernel", "Linux 6"), cores=2),
               job=dict(scheduler="none"), env={}), run_id, machine, when
    if s.get("stop") == "run":
        return
    if status == "ok":
        yield dict(t="rep", rep=0, warm=False, wall_s=T, T_s=T, threads=threads, isa="v4", counts=dict(gridded=10**9), **({"input": s["rows"]} if "rows" in s else {}),
                   phases={k: dict(max_s=v, mean_s=v, min_s=v, max_rank=0, share=v / T) for k, v in phases.items()},
                   memory=dict(peak_bytes=10**9), bytes=dict(read=10**9, written=10**9)), run_id, machine, when
        yield dict(t="check", name="direct Fourier sum", kind="oracle", value=error, tol=3 * promised,
                   detail=dict(promised=promised), **{"pass": ok}), run_id, machine, when
    yield dict(t="end", status=status, exit_code=s.get("exit", 0 if status == "ok" else 1 if ok else 5), error=None,
               wall_s=T, validity=validity, reasons=[] if validity == "reportable" else ["one repetition below 60 s"],
               lines=4, digest=dict(algo="fnv1a64", value="")), run_id, machine, when


def main():
    for number, text in enumerate(sys.stdin):
        if not text.strip():
            continue
        s = json.loads(text)
        data = b""
        for line, run_id, machine, when in lines(number, s):
            if line["t"] == "end":
                line["digest"]["value"] = f"{fnv1a(data):016x}"
            data += json.dumps(dict(v=s.get("v", 1), t=line.pop("t"), run_id=run_id, **line)).encode() + b"\n"
        folder = f"{sys.argv[1]}/{machine}/{when:%Y-%m}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{run_id}.jsonl" + (".part" if s.get("stop") else ""), "wb") as f:
            f.write(data)
        print(run_id)


if __name__ == "__main__":
    main()
