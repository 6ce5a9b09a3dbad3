#!/usr/bin/env python3
"""What came of run.py: the bars, tables, pictures, and the README's part.

    report.py --write [RESULTS]     puts the table of RESULTS (build/bench/results.json) into the README, and the pictures into docs/
"""
import json
import os
import pathlib
import platform
import re
import sys
import typing

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / "README.md"
PICTURES = {"workloads.png": ROOT / "docs" / "benchmarks.png", "tiny.png": ROOT / "docs" / "benchmarks_tiny.png"}
BLOCK = re.compile(r"(?<=<!-- performance: written by benchmarks/report.py -->\n).*?(?=<!-- end of performance -->)", re.S)
NAMES = {"raw": "raw", "tarc": "tarc", "torch": "PyTorch", "safetensors": "safetensors", "hdf5": "HDF5", "cereal": "cereal"}
COLORS = {"raw": "#9a9a9a", "tarc": "#d1495b", "torch": "#ee964b", "safetensors": "#2e86ab", "hdf5": "#5fad56", "cereal": "#8e6c8a"}
OPERATIONS = {
    "save": "save", "save_durable": "save, with fsync", "save_async": "save_async, until it returns", "save_zstd": "save, zstd", "memcpy": "memcpy, both warm",
    "load": "load", "load_one_thread": "load, one thread", "load_zstd": "load, zstd", "load_into": "load into memory that is there",
    "open": "open, mapped", "open_again": "open again, mapped, with a plan", "open_offsets": "open, mapped, calculated offsets", "open_read": "open, mapped, and read all",
}
MIB = 2**20


class Bar(typing.NamedTuple):
    """A goal. `against` is (peer, operation): its median seconds by tarc's are to be `bar` at least; of kind "most", tarc's by its are to
    be `bar` at most. Of kind "memory", what grows beyond the data is `bar` bytes at most; of kind "size", the zstd file by the data."""
    work: str
    said: str
    workload: str
    operation: str
    against: tuple | None
    bar: float
    kind: str = "least"


BARS = [
    Bar("load 2.2 GB of bf16 weights into fresh memory", "`torch.load`", "W3", "load", ("torch", "load"), 5),
    Bar("load 2.2 GB of bf16 weights into fresh memory", "safetensors, `load_file` and a copy", "W3", "load", ("safetensors", "load"), 2.5),
    Bar("load 2.2 GB of bf16 weights into fresh memory", "raw `pread`, same memory, same threads", "W3", "load", ("raw", "load"), 0.85),
    Bar("load into memory that is there", "raw `pread`, two threads", "W3", "load_into", ("raw", "load_into"), 0.85),
    Bar("mapped open of 320 tensors", "safetensors, `load_file`", "W2", "open", ("safetensors", "open"), 30),
    Bar("mapped open of 320 tensors", "`torch.load(mmap=True)`", "W2", "open", ("torch", "open"), 100),
    Bar("the same again, through a `tarc::plan`", "safetensors, `load_file`", "W2", "open_again", ("safetensors", "open"), 30),
    Bar("the same again, through a `tarc::plan`", "`torch.load(mmap=True)`", "W2", "open_again", ("torch", "open"), 100),
    Bar("save 2.2 GB of bf16 weights, new file", "`torch.save`", "W3", "save", ("torch", "save"), 2),
    Bar("save 2.2 GB of bf16 weights, new file", "safetensors, `save_file`", "W3", "save", ("safetensors", "save"), 1.2),
    Bar("save 2.2 GB of bf16 weights, new file", "raw `write`", "W3", "save", ("raw", "save"), 0.85),
    Bar("save 100,000 tensors of 64 floats", "`torch.save`", "W5", "save", ("torch", "save"), 40),
    Bar("load 100,000 tensors of 64 floats", "`torch.load`", "W5", "load", ("torch", "load"), 100),
    Bar("save the tutorial's checkpoint", "`torch.save`", "W1", "save", ("torch", "save"), 3),
    Bar("load the tutorial's checkpoint", "`torch.load`", "W1", "load", ("torch", "load"), 10),
    Bar("the bf16 weights with zstd, size", "the bytes as they are", "W3", "save_zstd", None, 0.69, "size"),
    Bar("the bf16 weights with zstd, save", "`torch.save`, as they are", "W3", "save_zstd", ("torch", "save"), 0.6),
    Bar("the bf16 weights with zstd, load", "`torch.load`, as they are", "W3", "load_zstd", ("torch", "load"), 1.8),
    Bar("memory beyond the data, load", "", "W3", "load", None, 64 * MIB, "memory"),
    Bar("memory beyond the data, save", "", "W3", "save", None, 32 * MIB, "memory"),
    Bar("`save_async` of GPT-2 + Adam, until the caller goes on", "`memcpy` of the same bytes", "W4", "save_async", ("raw", "memcpy"), 1.3, "most"),
]


def memory_available():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))


def machine(folder):
    """What a reader needs to judge the figures; not whose machine it is."""
    import importlib.metadata

    def version(package):
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return None

    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    total = next(int(line.split()[1]) * 1024 for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    device = os.stat(folder).st_dev
    mounts = (line.split() for line in open("/proc/self/mountinfo"))
    system = next((fields[fields.index("-") + 1] for fields in mounts
                   if fields[2] == f"{os.major(device)}:{os.minor(device)}"), "?")
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory": total, "kernel": platform.release().split("-")[0],
            "filesystem": system, "python": platform.python_version(), "torch": version("torch"),
            "safetensors": version("safetensors")}


def find(results, workload, peer, operation):
    """The measurement, of W5's the one with the most tensors."""
    found = [m for m in results["measurements"] if m["workload"].split(".")[0] == workload and m["peer"] == peer
             and m["operation"] == operation]
    return max(found, key=lambda m: int((m["workload"].split(".") + ["0"])[1]), default=None)


def judge(results):
    """One entry a bar that was measured."""
    judged = []
    for bar in BARS:
        ours = find(results, bar.workload, "tarc", bar.operation)
        theirs = find(results, bar.workload, *bar.against) if bar.against else None
        if ours is None or (bar.against and theirs is None):
            continue
        facts = results["workloads"][ours["workload"]]
        if bar.kind == "memory":
            value = least = ours["grown"] - (facts["bytes"] if bar.operation == "load" else 0)
        elif bar.kind == "size":
            value = least = facts["files"]["zstd"] / facts["bytes"]
        else:
            value, least = theirs["median"] / ours["median"], theirs["min"] / ours["min"]
            if bar.kind == "most":
                value, least = 1 / value, 1 / least
        met = value >= bar.bar if bar.kind == "least" else value <= bar.bar
        judged.append({"work": bar.work, "against": bar.said, "workload": ours["workload"], "value": value, "value_of_minima": least,
                       "bar": bar.bar, "kind": bar.kind, "met": met, "tarc": ours["median"],
                       "peer": theirs["median"] if theirs else None})
    return judged


def seconds(s):
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if s * scale >= 1:
            return f"{s * scale:.3g} {unit}"
    return f"{s * 1e9:.3g} ns"


def ratio(r):
    return f"{r:.0f}x" if r >= 20 else f"{r:.1f}x" if r >= 2 else f"{r:.2f}x"


def size(n):
    """Of bytes, memory or a file."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(n) >= scale:
            return f"{n / scale:.3g} {unit}"
    return f"{n:.0f} B"


def bars_table(results):
    lines = ["| work | against | tarc | the other | ratio | bar | |", "|---|---|---:|---:|---:|---:|---|"]
    before = None
    for b in results["bars"]:
        work, before = "" if b["work"] == before else b["work"], b["work"]
        met = "met" if b["met"] else "**missed**"
        if b["kind"] == "memory":
            lines.append(f"| {work} | | {b['value'] / MIB:.1f} MiB | | | ≤ {b['bar'] / MIB:.0f} MiB | {met} |")
        elif b["kind"] == "size":
            lines.append(f"| {work} | {b['against']} | | | {b['value']:.3f} | ≤ {b['bar']:g} | {met} |")
        else:
            sign = "≤" if b["kind"] == "most" else "≥"
            lines.append(f"| {work} | {b['against']} | {seconds(b['tarc'])} | {seconds(b['peer'])} | {ratio(b['value'])} | "
                         f"{sign} {b['bar']:g}x | {met} |")
    return "\n".join(lines) + "\n"


def machine_text(results):
    m = results["machine"]
    return (f"{m['cores']} cores of {m['cpu']}, {m['memory'] / 2**30:.0f} GiB, Linux {m['kernel']}, {m['filesystem']}; PyTorch "
            f"{m['torch']}, safetensors {m['safetensors']}")


def rounds_text(results):
    rounds = [m["rounds"] for m in results["measurements"]]
    return f"{min(rounds)} to {max(rounds)}" if min(rounds) < max(rounds) else str(rounds[0])


def caption(results):
    said = (f"{machine_text(results)}; warm cache, saves without fsync, checksums written and verified by tarc; medians of "
            f"{rounds_text(results)} interleaved rounds.")
    if results["load_before"] > 0.5:
        said += (f" The load before the run was {results['load_before']:.1f}: what else is at work costs most where tarc uses its "
                 "threads.")
    if results["size"] != "full":
        said += f" Sizes are those of `--{results['size']}`, smaller than the rows say: no measure of a bar."
    return said + "\n"


def detail_table(results, key):
    """Operations by peers, of one workload: median, in brackets the fastest, and how much longer than tarc's."""
    measured = {(m["peer"], m["operation"]): m for m in results["measurements"] if m["workload"] == key}
    peers = [p for p in NAMES if any(p == peer for peer, _ in measured)]
    lines = ["| | " + " | ".join(NAMES[p] for p in peers) + " |", "|---|" + "---:|" * len(peers)]
    for operation, text in OPERATIONS.items():
        if not any(o == operation for _, o in measured):
            continue
        ours, cells = measured.get(("tarc", operation)), []
        for p in peers:
            m = measured.get((p, operation))
            if m is None:
                cells.append("")
                continue
            cell = f"{seconds(m['median'])} ({seconds(m['min'])})"
            if ours and p != "tarc":
                cell += f", {ratio(m['median'] / ours['median'])}"
            cells.append(cell)
        lines.append(f"| {text} | " + " | ".join(cells) + " |")
    files = results["workloads"][key]["files"]
    lines.append("| file beyond the data | " + " | ".join(size(files[p] - results["workloads"][key]["bytes"]) if p in files else ""
                                                          for p in peers) + " |")
    for operation in ("save", "load"):
        data = results["workloads"][key]["bytes"] if operation == "load" else 0
        lines.append(f"| memory beyond the data, {operation} | " + " | ".join(
            size(max(0, measured[p, operation]["grown"] - data)) if (p, operation) in measured else "" for p in peers) + " |")
    return "\n".join(lines) + "\n"


def tiny_slopes(results):
    """{(peer, operation): [(tensors, seconds)]} of W5."""
    found = {}
    for m in results["measurements"]:
        if m["workload"].startswith("W5.") and m["operation"] in ("save", "load", "open"):
            found.setdefault((m["peer"], m["operation"]), []).append((int(m["workload"][3:]), m["median"]))
    return {key: sorted(points) for key, points in found.items()}


def slopes_table(results):
    slopes = {key: (p[-1][1] - p[0][1]) / (p[-1][0] - p[0][0]) for key, p in tiny_slopes(results).items() if len(p) > 1}
    peers = [p for p in NAMES if any(p == peer for peer, _ in slopes)]
    lines = ["| one more tensor of 64 floats | " + " | ".join(NAMES[p] for p in peers) + " |", "|---|" + "---:|" * len(peers)]
    for operation in ("save", "load", "open"):
        if any(o == operation for _, o in slopes):
            lines.append(f"| {OPERATIONS[operation]} | " + " | ".join(
                seconds(max(0, slopes[p, operation])) if (p, operation) in slopes else "" for p in peers) + " |")
    return "\n".join(lines) + "\n"


def parts_table(results):
    """tarc's parts: of checksums the rate, of all else the time for each tensor."""
    found, arguments = {}, []
    for part in results["parts"]:
        name, _, argument = part["name"].partition("/")
        rate = f"{part['bytes_per_second'] / 1e9:.3g} GB/s" if "bytes_per_second" in part else seconds(1 / part["items_per_second"])
        found.setdefault(name, {})[argument] = rate
        if argument not in arguments:
            arguments.append(argument)
    groups = {}
    for name, rates in found.items():
        groups.setdefault(tuple(rates), []).append((name, rates))
    tables = []
    for columns, rows in groups.items():
        tables.append("| | " + " | ".join(f"{int(c):,}" if c else "" for c in columns) + " |\n|---|"
                      + "---:|" * len(columns) + "\n"
                      + "".join(f"| {name} | " + " | ".join(rates.values()) + " |\n" for name, rates in rows))
    return "\n".join(tables)


def markdown(results):
    parts = ["# Benchmarks\n", caption(results), bars_table(results)]
    for said in results["skipped"]:
        parts.append(said + ".\n")
    for key, facts in results["workloads"].items():
        parts.append(f"## {key}: {facts['title']}, {facts['tensors']:,} tensors, {size(facts['bytes'])}\n")
        parts.append(detail_table(results, key))
    if any(len(p) > 1 for p in tiny_slopes(results).values()):
        parts.append(slopes_table(results))
    if "parts" in results:
        parts.append("## Parts of tarc, files in memory: bytes a second, or time for each tensor\n")
        parts.append(parts_table(results))
    return "\n".join(parts)


def save_picture(figure, path):
    """With few colours, as one of them goes into the repository."""
    import PIL.Image
    figure.savefig(path, dpi=90)
    with PIL.Image.open(path) as image:
        few = image.convert("RGB").quantize(64)
    few.save(path, optimize=True)


def pictures(results, folder):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    keys = list(results["workloads"])
    largest = {}
    for key in keys:
        largest[key.split(".")[0]] = key
    keys = list(largest.values())
    figure, axes = plt.subplots(2, len(keys), figsize=(2.6 * len(keys), 5.4), squeeze=False)
    for column, key in enumerate(keys):
        facts = results["workloads"][key]
        for row, operation in enumerate(("save", "load")):
            bars = [(m["peer"], facts["bytes"] / m["median"] / 1e9) for m in results["measurements"]
                    if m["workload"] == key and m["operation"] == operation]
            bars.sort(key=lambda b: list(NAMES).index(b[0]))
            axis = axes[row][column]
            axis.bar([NAMES[p] for p, _ in bars], [v for _, v in bars], color=[COLORS[p] for p, _ in bars])
            axis.tick_params(axis="x", labelrotation=90, labelsize=8)
            axis.tick_params(axis="y", labelsize=8)
            axis.spines[["top", "right"]].set_visible(False)
            if row == 0:
                axis.set_title(f"{key.split('.')[0]}: {facts['title']}\n{facts['tensors']:,} tensors, {size(facts['bytes'])}", fontsize=8)
            if column == 0:
                axis.set_ylabel(f"{operation}, GB/s", fontsize=9)
    figure.tight_layout()
    save_picture(figure, folder / "workloads.png")
    plt.close(figure)

    slopes = {key: points for key, points in tiny_slopes(results).items() if len(points) > 1}
    if not slopes:
        return
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True)
    for axis, operation in zip(axes, ("save", "load")):
        for peer in NAMES:
            if (peer, operation) in slopes:
                counts, times = zip(*slopes[peer, operation])
                axis.plot(counts, [t / n * 1e9 for n, t in zip(counts, times)], "o-", color=COLORS[peer], label=NAMES[peer], markersize=4)
        axis.set(xscale="log", yscale="log", xlabel="tensors of 64 floats", title=operation)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("ns per tensor")
    axes[1].legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    save_picture(figure, folder / "tiny.png")
    plt.close(figure)


def write_results(results, folder):
    results["bars"] = judge(results)
    (pathlib.Path(folder) / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def write(results, folder):
    folder = pathlib.Path(folder)
    write_results(results, folder)
    (folder / "report.md").write_text(markdown(results), encoding="utf-8")
    pictures(results, folder)


def main(arguments):
    if not arguments or arguments[0] != "--write" or len(arguments) > 2:
        sys.exit(__doc__)
    path = pathlib.Path(arguments[1]) if len(arguments) == 2 else ROOT / "build" / "bench" / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    if not BLOCK.search(text):
        sys.exit("the README has no place for it: the lines with <!-- performance: … --> and <!-- end of performance -->")
    README.write_text(BLOCK.sub(lambda _: bars_table(results) + "\n" + caption(results), text), encoding="utf-8")
    for made, shown in PICTURES.items():
        shown.write_bytes((path.parent / made).read_bytes())


if __name__ == "__main__":
    main(sys.argv[1:])
