"""PyTorch's own files: `tarc ls --json --crc` says what PyTorch says, and `tarc convert` writes what PyTorch reads alike.

The files and PyTorch's answers lie in $TARC_SHARED, beside the checkout; without it there is nothing to do.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

TARC = os.environ.get("TARC_CLI", str(pathlib.Path(__file__).parents[2] / "build" / "bin" / "tarc"))
SHARED = pathlib.Path(os.environ.get("TARC_SHARED", "/nonexistent"))
FIXTURES = SHARED / "fixtures"
if not FIXTURES.is_dir():
    pytest.skip("the fixtures ($TARC_SHARED/fixtures) are not here", allow_module_level=True)


def described(folder):
    """Files that have PyTorch's answer beside them."""
    return [answer.with_suffix("") for answer in sorted(folder.rglob("*.json"))]


OWN = described(FIXTURES)
REAL = described(SHARED / "corpus" / "real")


def gather(files, folder):
    """A folder for compare.py and rewrite.py with these files alone."""
    folder.mkdir()
    for file in files:
        (folder / file.name).symlink_to(file)
        (folder / (file.name + ".json")).symlink_to(file.with_name(file.name + ".json"))
    return folder


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-B", str(FIXTURES / script), TARC, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=1000,
    )


def test_all_files_are_there():
    assert len(OWN) == 40
    assert {f.name.split("_")[0] for f in OWN} == {"t113", "t213"}
    assert len([f for f in OWN if not zipfile.is_zipfile(f)]) == 6
    assert len(REAL) == 314
    assert len([f for f in REAL if not zipfile.is_zipfile(f)]) == 164
    assert len({f.name for f in REAL}) == len(REAL)


@pytest.mark.parametrize("files", [OWN, REAL], ids=["own", "real"])
def test_ls_equals_what_pytorch_says(files, tmp_path):
    done = run("compare.py", gather(files, tmp_path / "files"), "--list")
    assert done.stdout == f"{len(files)} of {len(files)} match\n"
    assert done.returncode == 0


@pytest.mark.parametrize("files", [OWN, REAL], ids=["own", "real"])
def test_convert_writes_what_pytorch_reads_alike(files, tmp_path):
    # rewrite.py leaves out what PyTorch does not read with weights_only=True: entire models, argparse.Namespace, NumPy
    left_out = [
        f for f in files if any(word in f.name for word in ("entire_model", "whole_model", "namespace", "numpy"))
    ]
    done = run("rewrite.py", gather(files, tmp_path / "files"))
    count = len(files) - len(left_out)
    assert done.stdout == f"{count} of {count} match\n"
    assert done.returncode == 0


@pytest.mark.parametrize(
    "file",
    sorted(
        f
        for f in FIXTURES.glob("*")
        if f.suffix in (".pt", ".tar") and "torchscript" not in f.name
    ),
    ids=lambda f: f.name,
)
def test_every_file_opens_and_verifies(file):
    listed = subprocess.run([TARC, "ls", "--json", str(file)], capture_output=True, text=True, check=True)
    assert json.loads(listed.stdout)["entries"]
    assert "crc32" not in listed.stdout
    verified = subprocess.run([TARC, "verify", str(file)], capture_output=True, text=True, check=True)
    assert re.match(re.escape(f"{file}: ") + "(good|readable), ", verified.stdout) and verified.stdout.count("\n") == 1


def test_an_entire_model_is_listed_without_its_classes():
    """The one file without an answer (PyTorch 2.13's classes have other attributes): it equals its sibling's tensors."""

    def tensors(name):
        done = subprocess.run([TARC, "ls", "--json", str(FIXTURES / name)], capture_output=True, text=True, check=True)
        return {tuple(e["path"]): e["shape"] for e in json.loads(done.stdout)["entries"] if e["kind"] == "tensor"}

    assert tensors("t113_entire_model.pt") == tensors("t213_entire_model.pt")
    assert tensors("t213_entire_model.pt")[("_modules", "0", "_parameters", "weight")] == [3, 4]
