"""examples/evolution: files of three versions, also as PyTorch saves them again; and its README, whose commands are run and whose
messages of the compiler are those of the compiler."""
import os
import pathlib
import re
import shlex
import subprocess

import pytest
import torch

SOURCE = pathlib.Path(__file__).parents[2]
EXAMPLE = SOURCE / "examples/evolution"
PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "examples/evolution/evolution"
CXX = os.environ.get("CXX", "g++")


def run(*arguments, folder, status=0):
    done = subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture
def files(tmp_path):
    run("write", folder=tmp_path)
    return tmp_path


LINES = {
    "v1.pt": 'v1.pt: epoch 3, 2 layers, layers.1.weight(0, 3) = 0.5, first rate 0.1, "from version 1"\n',
    "v2.pt": 'v2.pt: epoch 6, 2 layers, layers.1.weight(0, 3) = 0.5, first rate 0.1, "two groups"\n',
    "v3.pt": 'v3.pt: epoch 9, 2 layers, layers.1.weight(0, 3) = 0.5, first rate 0.1, "three layers"\n',
}


def test_every_version_loads(files):
    stated = "  read as version {}, as the file says, and migrated\n"
    assert run("v1.pt", "v2.pt", "v3.pt", folder=files) == (
        LINES["v1.pt"] + stated.format(1) + LINES["v2.pt"] + stated.format(2) + LINES["v3.pt"])


@pytest.mark.parametrize("name, version", [("v1.pt", 1), ("v2.pt", 2), ("v3.pt", 3)])
def test_saved_again_by_pytorch(files, name, version):
    torch.save(torch.load(files / name, weights_only=True), files / name)
    note = "" if version == 3 else (f"  read as version {version}, the newest that fits: the file does not say which it is, "
                                    "and migrated\n")
    assert run(name, folder=files) == LINES[name] + note


def test_old_names_of_the_version_itself(files):
    checkpoint = torch.load(files / "v3.pt", weights_only=True)
    checkpoint["note"] = checkpoint.pop("comment")
    checkpoint["hostname"] = "somewhere"
    torch.save(checkpoint, files / "v3.pt")
    assert run("v3.pt", folder=files) == LINES["v3.pt"]
    del checkpoint["note"]
    torch.save(checkpoint, files / "v3.pt")
    assert run("v3.pt", folder=files) == LINES["v3.pt"].replace("three layers", "")


def test_a_file_of_none_of_them_is_held_against_the_newest(files):
    checkpoint = torch.load(files / "v1.pt", weights_only=True)
    checkpoint["learnin_rates"] = [checkpoint.pop("lr")]
    torch.save(checkpoint, files / "odd.pt")
    message = run("odd.pt", folder=files, status=1)
    assert 'learning_rates   (did you mean "learnin_rates"?)' in message and "model/fc1.weight" in message


# -- the README ----------------------------------------------------------------------------------------------------------

README = (EXAMPLE / "README.md").read_text(encoding="utf-8")
COMMANDS = [(command, wanted) for block in re.findall(r"^```console\n(.*?)^```", README, re.S | re.M)
            for command, wanted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)]


def test_the_readme_breaks_every_edit_that_is_there():
    for edit in (EXAMPLE / "edits").glob("*.cpp"):
        assert any(f"edits/{edit.name}" in command for command, _ in COMMANDS), edit.name


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evolution")
    (folder / "edits").symlink_to(EXAMPLE / "edits")
    (folder / "dev").symlink_to(SOURCE / "dev")
    for header in EXAMPLE.glob("*.hpp"):
        (folder / header.name).symlink_to(header)
    (folder / "evolution").symlink_to(PROGRAM)
    return folder


@pytest.mark.parametrize("command, wanted", COMMANDS)
def test_readme(command, wanted, scratch):
    """A line of the output that is quoted must be there, in that order; "..." stands for lines that are left out, and for
    parts of a line."""
    compiles = command.startswith("g++ ")
    path = os.pathsep.join([os.environ["TARC_BIN"], str(SOURCE / "build/venv/bin"), os.environ["PATH"]])
    done = subprocess.run(["sh", "-c", command.replace("g++", CXX, 1)], cwd=scratch, capture_output=True, text=True, check=False,
                          env=os.environ | {"LC_ALL": "C.UTF-8", "PATH": path})
    output = done.stdout + done.stderr
    assert (done.returncode != 0) == compiles, output  # what the README compiles does not
    if compiles:
        assert shlex.split(command)[-1].startswith("edits/")
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else ".*".join(re.escape(part) for part in line.split("...")) + "\n"
                      for line in wanted.splitlines())
    assert re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in output.splitlines())), output
