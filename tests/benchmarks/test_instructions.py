"""The check of the instruction counts: what it lets pass, and that it says how figures are renewed. ctest's `instructions` runs it."""
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import instructions  # noqa: E402


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """check(factor, *options): what is counted is so much of the baseline's 1,000,000; the exit status and what was printed."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho 'g++ 12'\n")
    program.chmod(0o755)
    baseline = tmp_path / "instructions.json"
    baseline.write_text(json.dumps({"compiler": "g++ 12", "instructions": dict.fromkeys(instructions.COUNTED, 1_000_000)}))
    monkeypatch.setattr(instructions, "BASELINE", baseline)
    monkeypatch.setattr(instructions.shutil, "which", lambda name: "/usr/bin/valgrind")

    def run(factor, *options):
        monkeypatch.setattr(instructions, "count", lambda program, workload, operation: int(1_000_000 * (factor if workload == "W5" else 1)))
        return instructions.main([str(program), *options]), capsys.readouterr().out
    run.baseline, run.program, run.monkeypatch = baseline, program, monkeypatch
    return run


@pytest.mark.parametrize("factor, status", [(1, 0), (1.049, 0), (0.951, 0), (1.06, 1), (0.94, 1)])
def test_five_percent_either_way(check, factor, status):
    found, said = check(factor)
    assert found == status
    assert said.count("more than 5% from 1,000,000") == (2 if status else 0)  # W5's two
    assert (instructions.RENEW in said) == bool(status)


def test_what_renews_them(check):
    assert check(2, "--write")[0] == 0
    assert json.loads(check.baseline.read_text())["instructions"]["W5 load"] == 2_000_000
    assert check(2)[0] == 0
    script = (ROOT / "dev").read_text()
    assert instructions.RENEW == "./dev bench instructions" and "instructions.py build/bin/benchmarks/instructions --write" in script


def test_what_cannot_be_compared_is_skipped_with_a_word(check):
    check.program.write_text("#!/bin/sh\necho 'clang 19'\n")
    assert check(9) == (instructions.SKIPPED, "skipped: the figures in instructions.json are of g++ 12, not of clang 19\n")
    check.monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    assert check(9) == (instructions.SKIPPED, "skipped: there is no valgrind\n")


def test_the_figures_are_there():
    baseline = json.loads((ROOT / "benchmarks" / "instructions.json").read_text())
    assert baseline["compiler"].startswith("g++ ") and set(baseline["instructions"]) == set(instructions.COUNTED)
