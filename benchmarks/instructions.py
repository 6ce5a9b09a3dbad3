#!/usr/bin/env python3
"""How many instructions tarc executes, counted by callgrind: a figure that a busy machine does not change.

    instructions.py PROGRAM [--write]      PROGRAM: build/bin/benchmarks/instructions

Compares with the figures of instructions.json, and fails where one has become more than 5 % larger or smaller; --write puts today's
there. What the kernel executes does not count. Another compiler gives other figures: the file names its own, and with another one
nothing is compared.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BASELINE = pathlib.Path(__file__).with_suffix(".json")
TOLERANCE = 0.05
COUNTED = ("W1 save", "W1 load", "W5 save", "W5 load")
RENEW = "./dev bench instructions"
SKIPPED = 77
# glibc copies with `rep movsb` from a size on that differs between processors, and callgrind counts every byte of it.
ONE_COPY = ":".join(f"glibc.cpu.x86_{size}_threshold={1 << 40}" for size in ("rep_movsb", "rep_stosb", "non_temporal"))


def count(program, workload, operation):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no", "--toggle-collect=void measured<*",
             str(program), workload, operation, "file.pt"], cwd=folder, env={"PATH": "/usr/bin:/bin", "GLIBC_TUNABLES": ONE_COPY}, capture_output=True, text=True,
            timeout=600)
        if done.returncode != 0:
            sys.exit(f"{workload} {operation} under callgrind failed:\n{done.stdout}{done.stderr}")
        total = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)
        if total is None or int(total[1]) == 0:
            sys.exit(f"callgrind counted nothing for {workload} {operation}: has `measured` another name?")
        return int(total[1])


def skip(why):
    print(f"skipped: {why}")
    return SKIPPED


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args(words)
    if not shutil.which("valgrind"):
        return skip("there is no valgrind")
    compiler = subprocess.run([arguments.program, "--compiler"], capture_output=True, text=True, check=True).stdout.strip()
    baseline = {} if arguments.write else json.loads(BASELINE.read_text(encoding="utf-8"))
    if not arguments.write and compiler != baseline["compiler"]:
        return skip(f"the figures in {BASELINE.name} are of {baseline['compiler']}, not of {compiler}")

    counts = {case: count(arguments.program, *case.split()) for case in COUNTED}
    if arguments.write:
        BASELINE.write_text(json.dumps({"compiler": compiler, "instructions": counts}, indent=1) + "\n", encoding="utf-8")
    failed = False
    for case, n in counts.items():
        was = n if arguments.write else baseline["instructions"][case]
        change = n / was - 1
        far = abs(change) > TOLERANCE
        failed |= far
        print(f"{case}: {n:,} instructions, {change:+.1%}" + (f": more than {TOLERANCE:.0%} from {was:,}" if far else ""))
    if failed:
        print(f"Where that is meant, this renews {BASELINE.name}: {RENEW}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
