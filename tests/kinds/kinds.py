"""What the tests of the kinds of files share: the oracle, both PyTorches, and the listing."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import torch

TARC = os.environ.get("TARC_CLI", str(pathlib.Path(__file__).parents[2] / "build" / "bin" / "tarc"))
PROGRAMS = pathlib.Path(os.environ.get("TARC_BIN", "build/bin")) / "programs"
SHARED = pathlib.Path(os.environ.get("TARC_SHARED", "/nonexistent"))
ORACLE = SHARED / "fixtures" / "oracle.py"
HERE = pathlib.Path(__file__).parent
needs_oracle = pytest.mark.skipif(not ORACLE.exists(), reason="the oracle ($TARC_SHARED/fixtures/oracle.py) is not here")
sys.dont_write_bytecode = True
sys.path.insert(0, str(ORACLE.parent))


def pythons():
    """This Python, and Debian's, which has PyTorch 1.13, where it is there."""
    found = [pytest.param(sys.executable, id="torch-" + torch.__version__)]
    debian = "/usr/bin/python3"
    if os.path.exists(debian) and subprocess.run([debian, "-c", "import torch"], capture_output=True).returncode == 0:
        found.append(pytest.param(debian, id="torch-1.13"))
    return found


def make(python, module, *arguments):
    """Runs the main() of a module here, whose classes are then those of the files."""
    call = f"import sys; sys.path.insert(0, {str(HERE)!r}); import {module}; {module}.main(*sys.argv[1:])"
    done = subprocess.run([python, "-B", "-c", call, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def tarc(*arguments, **options):
    return subprocess.run([TARC, *map(str, arguments)], capture_output=True, timeout=60, **options)


def entries(file, *options):
    done = tarc("ls", "--json", *options, file)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)["entries"]


def described(value, located=None):
    """What the oracle says of a value."""
    import oracle

    walk = oracle.Walk()
    if located is not None:
        walk.locations = located
    walk.visit([], value)
    return json.loads(json.dumps(walk.entries))


def expected(file):
    """What the oracle says of a file that was made right here."""
    import oracle

    walk = oracle.Walk()
    walk.visit([], oracle.load(str(file), walk.located, True))
    return json.loads(json.dumps(walk.entries))


def check(file):
    """Entry for entry; 1, 1.0 and True differ."""
    got, want = entries(file, "--crc"), expected(file)
    assert [e["path"] for e in got] == [e["path"] for e in want], file
    for g, w in zip(got, want):
        assert json.dumps(g, sort_keys=True) == json.dumps(w, sort_keys=True), file
    return got


def through(kind, file, folder):
    """The state_dict that C++ finds in a file, saved by it."""
    out = folder / "back.pt"
    done = subprocess.run([PROGRAMS / "state_dict", kind, file, out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return torch.load(out, weights_only=True)


def assert_same_state(mine, theirs):
    assert set(mine) == set(theirs)
    for key, t in theirs.items():
        m = mine[key]
        assert m.dtype == t.dtype and m.shape == t.shape, key
        assert m.contiguous().view(-1).resolve_conj().view(torch.uint8).equal(
            t.detach().contiguous().view(-1).resolve_conj().view(torch.uint8)), key
