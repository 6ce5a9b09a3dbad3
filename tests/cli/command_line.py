"""What the tests of the command line share."""

import json
import os
import pathlib
import subprocess

TARC = os.environ.get("TARC_CLI", str(pathlib.Path(__file__).parents[2] / "build" / "bin" / "tarc"))
SHARED = pathlib.Path(os.environ.get("TARC_SHARED", "/nonexistent"))


def tarc(*arguments, timeout=60, **options):
    return subprocess.run([TARC, *map(str, arguments)], capture_output=True, timeout=timeout, check=False, **options)


def entries(file, *options):
    done = tarc("ls", "--json", *options, file)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)["entries"]


def failed(done):
    """The message of a command that must have failed as the design says: one line, no output but perhaps a part of it."""
    assert done.returncode == 1, (done.returncode, done.stderr)
    text = done.stderr.decode()
    assert text.startswith("tarc: error: ") and text.count("\n") == 1 and text.endswith("\n"), text
    return text[len("tarc: error: ") : -1]


def refused(done):
    """The message of wrong usage."""
    assert done.returncode == 2, (done.returncode, done.stderr)
    text = done.stderr.decode()
    assert text.startswith("tarc: error: ") and text.count("\n") == 1, text
    assert done.stdout == b""
    return text[len("tarc: error: ") : -1]
