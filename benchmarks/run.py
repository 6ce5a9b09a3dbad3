#!/usr/bin/env python3
"""tarc beside PyTorch, safetensors, HDF5, cereal and the bare machine, in one interleaved run.

    run.py [--quick | --smoke] [--programs build/bin/benchmarks] [--out build/bench] [--only W1,W5]

Every peer is a process that holds the workload and is asked for one operation at a time (peers/); it measures the operation alone. The
rounds go A B C, B C A, C A B, the first one does not count, and files are unlinked and written back outside of what is measured. What a load
into fresh memory takes is measured in a process of its own. In the out folder: results.json, report.md, pictures.
The exit status is 0 also where a bar is missed; it is 1 where two peers read different bytes.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import report
import workloads

HERE = pathlib.Path(__file__).parent
MIB = 2**20

# workload: (peers that take part, fresh memory for every load, what it needs in GB: disk, memory)
PLAN = {
    "W1": (("raw", "tarc", "torch", "safetensors", "hdf5", "cereal"), False),
    "W2": (("raw", "tarc", "torch", "safetensors", "hdf5", "cereal"), True),
    "W3": (("raw", "tarc", "torch", "safetensors"), True),  # a file each of the others would be 1.5 to 2 GB more
    "W4": (("raw", "tarc", "torch", "safetensors"), True),
    "W5": (("raw", "tarc", "torch", "safetensors", "hdf5", "cereal"), False),
    "W6": (("raw", "tarc", "torch", "safetensors", "hdf5", "cereal"), False),
}
SAVES = {"raw": ("save", "memcpy"), "tarc": ("save", "save_durable", "save_async", "save_zstd")}
LOADS = {
    "raw": ("load", "load_one_thread", "load_into"),
    "tarc": ("load", "load_one_thread", "load_into", "load_zstd", "open", "open_again", "open_read"),
    "torch": ("load", "open", "open_offsets", "open_read"),
    "safetensors": ("load", "open", "open_read"),
}
WEIGHTS = "W3"  # what compression is measured with, and not asynchronous saves, as their memory would be 2 GB more
PYTHON = ("torch", "safetensors")
RESIDENT = {"open", "open_again", "open_read", "open_offsets"}  # they claim no fresh memory


class Failed(Exception):
    pass


class Peer:
    """One process of the conversation that peers/main.cpp describes."""

    def __init__(self, settings, name, workload):
        self.name = name
        command = [sys.executable, "-B", HERE / "peers" / "python_peer.py", name] if name in PYTHON else [
            settings.programs / "peers", name, workload]
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.heard()

    def heard(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the process of {self.name} ended")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{self.name}: {answer['error']}")
        return answer

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.heard()

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def rounds_of(steps, rounds, budget, unmeasured=1):
    """[(key, what it answered)] of steps {key: function}, in turn; fewer rounds than asked for where the time is over, but three. Each
    round begins with another one, as what came before has its part in what a step takes."""
    answers = {key: [] for key in steps}
    keys = list(steps)
    began = time.monotonic()
    for i in range(rounds + unmeasured):
        first = i * len(keys) // min(rounds + 1, 4) % len(keys)
        for key in keys[first:] + keys[:first]:
            answer = steps[key](i == 0)
            if i >= unmeasured:
                answers[key].append(answer)
        if i + 1 - unmeasured >= min(3, rounds) and time.monotonic() - began > budget:
            break
    return answers


class Run:
    def __init__(self, settings):
        self.settings = settings
        self.data = settings.out / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        for path in self.data.iterdir():  # of a run that was killed
            if path.suffix != ".pt":
                path.unlink()
        self.resident = {}  # the processes of Python, which take seconds to start
        self.results = {"size": settings.size, "machine": report.machine(self.data),
                        "load_before": os.getloadavg()[0], "workloads": {}, "measurements": [], "skipped": []}
        self.wrong = []

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def note(self, key, peer, operation, answers):
        seconds = sorted(a["seconds"] for a in answers)
        self.results["measurements"].append({
            "workload": key, "peer": peer, "operation": operation, "rounds": len(seconds),
            "median": statistics.median(seconds), "min": seconds[0], "max": seconds[-1],
            "grown": statistics.median(a["grown"] for a in answers)})

    def room(self, workload, key):
        """Whether disk and memory hold a workload; each peer has a file and the bytes in memory."""
        size = workloads.BYTES[workload] if self.settings.size == "full" else workloads.BYTES[workload] / 3
        disk, memory = shutil.disk_usage(self.data).free, report.memory_available()
        peers = len(PLAN[workload][0])
        needs = size * (peers + 1), size * (peers + 2)
        if disk > needs[0] + 2**30 and memory > needs[1]:
            return True
        said = (f"{key} is left out: it takes {needs[0] / 1e9:.0f} GB of disk and {needs[1] / 1e9:.0f} GB of memory, and there are "
                f"{disk / 1e9:.0f} and {memory / 1e9:.0f}")
        self.say(said)
        self.results["skipped"].append(said)
        return False

    def peer(self, name, workload):
        if name not in PYTHON:
            return Peer(self.settings, name, workload)
        if name not in self.resident:
            self.resident[name] = Peer(self.settings, name, workload)
        return self.resident[name]

    def release(self, peers):
        for name, peer in peers.items():
            if name in PYTHON:
                peer.ask("release", "")
            else:
                peer.close()

    def operations(self, all_of, name, peers, key):
        """Those of a peer that it has, and that take part in a workload."""
        wanted = all_of.get(name, ("save",) if all_of is SAVES else ("load",))
        has = wanted if name in PYTHON or name not in peers else peers[name].ask("operations", "")["operations"]
        without = {"save_async"} if key == WEIGHTS else {"save_zstd", "load_zstd"}
        if key == "W4":  # measured with W3
            without |= {"load_one_thread", "save_durable", "open_offsets"}
        if key.startswith("W5"):  # seconds each in Python, and nearly all of them what `load` and `open` take too
            without |= {"open_offsets", "open_read"}
        if key == "W5.100000" and name in PYTHON:
            without |= {"open"}
        return [o for o in wanted if o in has and o not in without]

    def workload(self, workload, count=None):
        key = workload if count is None else f"{workload}.{count}"
        if not self.room(workload, key):
            return
        self.say(f"{key}, {workloads.TITLES[workload]}")
        began = time.monotonic()
        names, fresh = PLAN[workload]
        names = [n for n in names if n not in self.settings.absent]
        source = workloads.make(self.data, workload, self.settings.size, count)
        kept = {"torch": source}
        peers, sums, facts = {}, {}, {}
        try:
            for name in sorted(names, key="raw".__eq__):  # raw is told how many bytes there are
                peers[name] = self.peer(name, workload)
                facts[name] = peers[name].ask("hold", source if name != "raw" else facts["torch"]["bytes"])
            self.results["workloads"][key] = {"title": workloads.TITLES[workload], "bytes": facts["torch"]["bytes"],
                                              "tensors": facts["torch"]["tensors"], "files": {}}
            self.saves(key, names, peers, kept)
            self.results["workloads"][key]["files"] = {name: path.stat().st_size for name, path in kept.items()}
            os.sync()
            if fresh:  # what is held is in the way, and only those that open a mapping are asked again
                self.release(peers)
                peers = {n: self.peer(n, workload) for n in names if n in ("tarc", *PYTHON)}
            self.loads(key, workload, names, peers, kept, facts["torch"]["bytes"], sums, fresh)
        finally:
            self.release(peers)
            self.say(f"{key} took {time.monotonic() - began:.0f} s")
            for name, path in kept.items():
                if name != "torch":
                    path.unlink(missing_ok=True)
        if len(set(sums.values())) > 1:
            self.wrong.append(f"{key}: the peers did not read the same bytes: {sums}")

    def rounds(self, key, steps):
        # half a minute a round, and W5 with fewer tensors has warmed up what there is
        unmeasured = 0 if key == "W5.100000" else 1
        return rounds_of(steps, self.settings.rounds, self.settings.budget, unmeasured)

    def saves(self, key, names, peers, kept):
        def step(name, operation):
            def once(first):
                path = self.data / f"{key}.{name}.new{'.safetensors' if name == 'safetensors' else ''}"
                answer = peers[name].ask(operation, path)
                keep = {"save": name, "save_zstd": "zstd"}.get(operation)
                if first and keep and name not in ("raw", "torch"):  # raw reads tarc's
                    kept[keep] = path.rename(self.data / f"{key}.{keep}{path.suffix if name == 'safetensors' else ''}")
                path.unlink(missing_ok=True)
                os.sync()  # or the next one would wait for what this one has left to the system
                return answer
            return once

        steps = {(n, o): step(n, o) for n in names for o in self.operations(SAVES, n, peers, key)}
        for (name, operation), answers in self.rounds(key, steps).items():
            self.note(key, name, operation, answers)

    def loads(self, key, workload, names, peers, kept, size, sums, fresh):
        def once(name, operation, first):
            path = kept["zstd" if operation == "load_zstd" else "tarc" if name == "raw" else name]
            words = ("sum", operation, path) if first else (operation, path)
            if not fresh or operation in RESIDENT:
                return peers[name].ask(*words)
            if name in PYTHON:
                return peers[name].ask("fresh", size, *words)
            with Peer(self.settings, name, workload) as own:
                if name == "raw":
                    own.ask("hold", size)
                return own.ask("fresh", size, *words)

        def step(name, operation):
            def run(first):
                answer = once(name, operation, first)
                if first and name != "raw":
                    sums[f"{name} {operation}"] = answer["sum"]
                return answer
            return run

        steps = {(n, o): step(n, o) for n in names for o in self.operations(LOADS, n, peers, key)}
        for (name, operation), answers in self.rounds(key, steps).items():
            self.note(key, name, operation, answers)

    def micro(self):
        """Google Benchmark's figures of tarc's parts."""
        program = self.settings.programs / "micro"
        if not program.exists():
            self.results["skipped"].append("the parts of tarc were not measured, as Google Benchmark is not installed")
            return
        self.say("parts of tarc")
        least = {"full": 0.2, "quick": 0.05, "smoke": 0.001}[self.settings.size]
        done = subprocess.run([program, "--benchmark_format=json", f"--benchmark_min_time={least}"], capture_output=True, text=True, check=True)
        self.results["parts"] = [{"name": b["name"], "seconds": b["cpu_time"] * {"ns": 1e-9, "us": 1e-6}[b["time_unit"]],
                                  **{rate: b[rate] for rate in ("items_per_second", "bytes_per_second") if rate in b}}
                                 for b in json.loads(done.stdout)["benchmarks"]]

    def all(self):
        for workload in self.settings.only:
            if workload == "W5":
                for count in workloads.TINY[self.settings.size]:
                    self.workload(workload, count)
            else:
                self.workload(workload)
            report.write_results(self.results, self.settings.out)  # what there is of a run that does not come to its end
        for peer in self.resident.values():
            peer.close()
        if self.settings.micro:
            self.micro()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", dest="size", action="store_const", const="quick", default="full")
    parser.add_argument("--smoke", dest="size", action="store_const", const="smoke", help="a few MB and one round, to try the harness")
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parent / "build" / "bin" / "benchmarks")
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parent / "build" / "bench")
    parser.add_argument("--only", type=lambda s: s.split(","), help="these workloads, and not the parts of tarc")
    settings = parser.parse_args()
    settings.micro = settings.only is None
    settings.only = settings.only or list(PLAN)
    settings.rounds, settings.budget = {"full": (7, 20), "quick": (3, 8), "smoke": (1, 5)}[settings.size]
    settings.absent = set()
    for name in ("hdf5", "cereal"):
        try:
            Peer(settings, name, "W1").close()
        except Failed:
            settings.absent.add(name)
    run = Run(settings)
    run.results["skipped"] += [f"{name} is not installed" for name in sorted(settings.absent)]
    run.all()
    report.write(run.results, settings.out)
    print((settings.out / "report.md").read_text(encoding="utf-8"))
    for wrong in run.wrong:
        print(wrong, file=sys.stderr)
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
