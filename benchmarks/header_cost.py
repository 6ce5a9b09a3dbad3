#!/usr/bin/env python3
"""What tarc's headers cost to compile, against the limits of the design.

    header_cost.py --flags "$(./dev flags)" [--repeat 5] [COMPILER...]    default: g++ and, where it is, clang++-19

User time of `COMPILER -std=c++20 -O0 -c`, the best of so many runs in turn. The limits hold for g++ 12 on the machine of the
design's measurements, where <vector> and <memory> take YARDSTICK seconds; on a slower machine they grow in proportion, on
a faster one they stay. The exit status is 1 when a figure exceeds its limit by more than TOLERANCE (and SLACK seconds,
which matters for the smallest only).
"""
import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import layers  # noqa: E402

YARDSTICK = 0.36
TOLERANCE = 0.1
SLACK = 0.01
LIMITS = {"tarc/fwd.hpp": 0.01, "tarc/tarc.hpp": 1.2, "README's first program": 3.0}
EMPTY, FLOOR = "(empty file)", "(<vector>, <memory>)"
ABOVE_EMPTY = {"tarc/fwd.hpp"}  # the limit is for what stands above an empty file


def cases():
    """{name: source}"""
    found = {EMPTY: "", FLOOR: "#include <memory>\n#include <vector>\n"}
    headers = layers.read(ROOT / "include")
    found["tarc/fwd.hpp"] = "#include <tarc/fwd.hpp>\n"
    for entries in layers.LAYERS:
        folder = next((entry for entry in entries if entry.endswith("/")), None)
        names = [name for name in headers if layers.belongs(name, entries)]
        if folder and folder not in layers.OPT_IN and names:
            names = [name for name in names if not layers.belongs(name, layers.OPT_IN)]
            found[f"tarc/{folder}*"] = "".join(f"#include <tarc/{name}>\n" for name in names)
    for name in ("optim.hpp", "tarc.hpp"):
        if name in headers:
            found[f"tarc/{name}"] = f"#include <tarc/{name}>\n"
    readme = ROOT / "README.md"
    program = re.search(r"^```cpp\n(.*?)^```", readme.read_text(encoding="utf-8"), re.S | re.M) if readme.exists() else None
    if program:
        found["README's first program"] = program[1]
    return found


def user_time(compiler, flags, source, folder):
    path = pathlib.Path(folder) / "case.cpp"
    path.write_text(source)
    process = subprocess.Popen([compiler, "-std=c++20", "-O0", *flags, "-c", str(path), "-o", str(path) + ".o"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        print(f"{compiler} refuses\n{source}\n{output}")
        return None
    return usage.ru_utime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flags", required=True)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("compilers", nargs="*")
    arguments = parser.parse_args()
    flags = [flag for flag in shlex.split(arguments.flags) if not flag.startswith(("-l", "-std="))]
    compilers = arguments.compilers or [c for c in ("g++", "clang++-19") if shutil.which(c)]
    sources = cases()

    best, refused = {}, set()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeat):  # in turn, so that a busy moment spoils one run of each and not all of one
            for name, source in sources.items():
                for compiler in compilers:
                    if (name, compiler) not in refused:
                        seconds = user_time(compiler, flags, source, folder)
                        if seconds is None:
                            refused.add((name, compiler))
                        else:
                            best[name, compiler] = min(seconds, best.get((name, compiler), seconds))

    too_slow = 0
    slower = max(1.0, best.get((FLOOR, "g++"), 0) / YARDSTICK)
    print(f"user time in seconds, -O0 -c, best of {arguments.repeat}; limits for g++ (x {slower:.2f}, as slow as this machine "
          f"is), tolerance {TOLERANCE:.0%}")
    print(f"{'':26}" + "".join(f"{compiler:>12}" for compiler in compilers) + f"{'limit':>12}")
    for name in sources:
        line = f"{name:26}"
        for compiler in compilers:
            line += f"{best[name, compiler]:12.3f}" if (name, compiler) in best else f"{'refused':>12}"
        if name in LIMITS:
            line += f"{LIMITS[name] * slower:12.3f}"
            if name in ABOVE_EMPTY:
                line += " above the empty file"
            if (name, "g++") in best:
                figure = best[name, "g++"] - (best[EMPTY, "g++"] if name in ABOVE_EMPTY else 0)
                if figure > LIMITS[name] * slower * (1 + TOLERANCE) + SLACK:
                    too_slow += 1
                    line += f"  TOO SLOW: {figure:.3f}"
        print(line)
    for name in LIMITS:
        if name not in sources:
            print(f"{name:26} is not there, so not measured")
    return 1 if too_slow or refused else 0


if __name__ == "__main__":
    sys.exit(main())
