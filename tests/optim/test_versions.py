"""Checkpoints of another version of PyTorch (Debian's python3-torch) and of this one: each goes on from what tarc made of
the other's as from the other's own."""
import os
import pathlib
import subprocess

import pytest
import resume

PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "optimizer_copy"
SCRIPT = pathlib.Path(__file__).with_name("resume.py")
OTHER = "/usr/bin/python3"
STRUCTS = ["sgd", "adam", "adamw", "rmsprop", "adagrad"]


def run_other(*arguments):
    # A virtual environment's variables are not for the other Python.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run([OTHER, "-B", SCRIPT, *arguments], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """For each file of either version what tarc made of it: {(writer, case): [original, copies...]}."""
    if subprocess.run([OTHER, "-c", "import torch"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{OTHER} has no torch")
    made = {}
    for writer, write in (("other", lambda folder: run_other("write", folder)), ("this", resume.write)):
        folder = tmp_path_factory.mktemp(writer)
        write(folder)
        for case in resume.CASES:
            original = folder / f"{case}.pt"
            made[writer, case] = [original]
            for kind in ["value", *[s for s in STRUCTS if case.split("-")[0] == s]]:
                copy = folder / f"{case}.{kind}.pt"
                done = subprocess.run([PROGRAM, kind, original, copy, "optimizer"], capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
                made[writer, case].append(copy)
    return made


@pytest.fixture(scope="module")
def digests(files):
    """{(reader, file): what comes out of three more steps}"""
    names = [file for group in files.values() for file in group]
    found = {("this", file): resume.go_on(file) for file in names}
    for line in run_other("next", *names).splitlines():
        name, digest = line.split()
        found["other", pathlib.Path(name)] = digest
    return found


@pytest.mark.parametrize("reader", ["other", "this"])
@pytest.mark.parametrize("writer", ["other", "this"])
def test_each_goes_on_from_tarc_as_from_torch(writer, reader, files, digests):
    for case in resume.CASES:
        original, *copies = files[writer, case]
        for copy in copies:
            assert digests[reader, copy] == digests[reader, original], (case, copy.name)
