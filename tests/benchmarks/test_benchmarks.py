"""The harness of benchmarks/: a run of a few MB, where every peer must read the same bytes, and what is said of its figures.

TARC_BIN is the folder that has benchmarks/peers.
"""
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("TARC_BIN", ROOT / "build" / "bin")) / "benchmarks"
sys.path.insert(0, str(ROOT / "benchmarks"))
import report  # noqa: E402
import run  # noqa: E402

SOMETIMES = ("save_async", "save_zstd", "load_zstd", "open_offsets", "open_read")  # not of every workload; zstd where it is installed

pytestmark = pytest.mark.skipif(not (PROGRAMS / "peers").exists(), reason="the benchmarks are not built (./dev bench)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("a run")
    done = subprocess.run([sys.executable, "-B", ROOT / "benchmarks" / "run.py", "--smoke", "--only", "W1,W3,W5", "--out", out,
                           "--programs", PROGRAMS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture
def results(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def test_everything_was_measured(folder, results):
    assert list(results["workloads"]) == ["W1", "W3", "W5.100", "W5.1000"]
    assert [results["workloads"][w]["tensors"] for w in results["workloads"]] == [20, 30, 100, 1000]
    measured = {(m["workload"], m["peer"], m["operation"]): m for m in results["measurements"]}
    absent = {said.split()[0] for said in results["skipped"]}
    for workload in results["workloads"]:
        for peer in run.PLAN[workload.split(".")[0]][0]:
            for operation in run.SAVES.get(peer, ("save",)) + run.LOADS.get(peer, ("load",)):
                if peer not in absent and (operation not in SOMETIMES or (workload, peer, operation) in measured):
                    m = measured.pop((workload, peer, operation))
                    assert 0 < m["min"] <= m["median"] <= m["max"] < 60 and m["rounds"] == 1, m
    assert not measured
    # Nobody stores fewer bytes than there are, and only what a file has around its tensors more.
    facts = results["workloads"]["W5.1000"]
    assert all(facts["bytes"] <= size < 4 * facts["bytes"] for size in facts["files"].values()), facts
    assert not [path for path in (folder / "data").iterdir() if path.suffix != ".pt"]
    assert (folder / "workloads.png").read_bytes().startswith(b"\x89PNG") and (folder / "tiny.png").exists()


def test_every_bar_is_told_with_its_figures(folder, results):
    table = report.bars_table(results)
    assert table in (folder / "report.md").read_text(encoding="utf-8")
    assert len(results["bars"]) >= len([b for b in report.BARS if b.workload in ("W1", "W3", "W5") and b.operation not in SOMETIMES])
    by = {(m["workload"], m["peer"], m["operation"]): m["median"] for m in results["measurements"]}
    for bar in results["bars"]:
        if bar["work"].startswith("load 100,000"):
            assert bar["value"] == pytest.approx(by["W5.1000", "torch", "load"] / by["W5.1000", "tarc", "load"])
            break
    else:
        raise AssertionError(results["bars"])
    assert "no measure of a bar" in report.caption(results)  # not of this size
    assert os.uname().nodename not in report.markdown(results)


@pytest.mark.parametrize("factor, word", [(1000, "**missed**"), (1e-6, "met")])
def test_a_bar_that_is_missed_is_marked(results, factor, word):
    changed = copy.deepcopy(results)
    for m in changed["measurements"]:
        if m["peer"] == "tarc":
            m["median"] *= factor
            m["min"] *= factor
            m["grown"] = changed["workloads"][m["workload"]]["bytes"] + (2**30 if factor > 1 else 0)
    if "zstd" in changed["workloads"]["W3"]["files"]:
        changed["workloads"]["W3"]["files"]["zstd"] *= factor
    changed["bars"] = report.judge(changed)
    rows = report.bars_table(changed).splitlines()[2:]
    assert len(rows) == len(changed["bars"]) >= 10
    assert [row for row in rows if not row.endswith(f"| {word} |")] == []


def test_bytes_that_differ_are_an_error(tmp_path):
    """A peer that reads something else: run.py is to say so, whatever it took."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "peers").write_text(f"""#!{sys.executable}
import subprocess, sys
inner = subprocess.Popen([{str(PROGRAMS / "peers")!r}, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(inner.stdout.readline(), end="", flush=True)
for line in sys.stdin:
    inner.stdin.write(line)
    inner.stdin.flush()
    answer = inner.stdout.readline()
    print(answer.replace('"sum": ', '"sum": 7') if sys.argv[1] == "tarc" else answer, end="", flush=True)
""")
    (programs / "peers").chmod(0o755)
    done = subprocess.run([sys.executable, "-B", ROOT / "benchmarks" / "run.py", "--smoke", "--only", "W1", "--out", tmp_path,
                           "--programs", programs], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "W1: the peers did not read the same bytes" in done.stderr, done.stderr


def test_the_readme_takes_the_table(folder, results, tmp_path, monkeypatch):
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    shown = [path.relative_to(ROOT) for path in report.PICTURES.values()]
    monkeypatch.setattr(report, "PICTURES", {name: tmp_path / f"shown_{name}" for name in report.PICTURES})
    assert all(f"({path})" in (ROOT / "README.md").read_text(encoding="utf-8") for path in shown)
    report.main(["--write", str(folder / "results.json")])
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert report.BLOCK.search(text)[0] == report.bars_table(results) + "\n" + report.caption(results)
    assert re.sub(report.BLOCK, "", text) == re.sub(report.BLOCK, "", (ROOT / "README.md").read_text(encoding="utf-8"))
    for name in report.PICTURES:
        assert 1000 < (tmp_path / f"shown_{name}").stat().st_size < 100_000
