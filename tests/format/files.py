"""What the tests of the formats without containers share: the command line, the program, and PyTorch's own description."""

import json
import os
import pathlib
import subprocess
import sys

TARC = os.environ.get("TARC_CLI", str(pathlib.Path(__file__).parents[2] / "build" / "bin" / "tarc"))
BIN = pathlib.Path(os.environ.get("TARC_BIN", str(pathlib.Path(__file__).parents[2] / "build" / "bin")))
SHARED = pathlib.Path(os.environ.get("TARC_SHARED", "/nonexistent"))
ORACLE = SHARED / "fixtures" / "oracle.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(ORACLE.parent))


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in (0, 1), (command, done.returncode, done.stderr)
    return done


def tarc(*arguments):
    return run(TARC, *arguments)


def program(*arguments):
    """flat_files, which must succeed."""
    done = run(BIN / "programs" / "flat_files", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments):
    """The error of flat_files."""
    done = run(BIN / "programs" / "flat_files", *arguments)
    assert done.returncode == 1 and done.stderr.startswith("flat_files: "), done
    return done.stderr.removeprefix("flat_files: ")


def listed(file):
    """Every value of a file, with the checksum of its elements."""
    done = tarc("ls", "--json", "--crc", file)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["entries"]


def described(value):
    """What the oracle says of a value in memory; dtypes that it does not know are added."""
    import oracle
    import torch

    oracle.DTYPE[torch.float4_e2m1fn_x2] = "float4_e2m1fn_x2"
    walk = oracle.Walk()
    walk.visit([], value)
    return json.loads(json.dumps(walk.entries))
