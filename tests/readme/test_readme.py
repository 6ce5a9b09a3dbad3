"""The README, run: its blocks in order, in one scratch folder from which the checkout's files are reachable.

```cpp      with `main`: built through `./dev flags` (`./dev flags cuda` where it includes tarc/cuda.hpp) and run; a block of plain ``` or ```text right behind it is its
            whole output. Its file is called what its first line says ("// run.cpp"), or program.cpp.
            Without: it must compile behind the first program's text up to `main`, in a function or outside.
```console  lines that begin with "$ " are run, the lines behind one are its output; "..." stands for any lines.
```sh       each line is run and must succeed.

`./dev VERB`, except flags, is not run but must be a verb of `./dev help` (this is run by `./dev test`); nor are
`git clone` and `cd`. Other languages are not looked at.
"""
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parents[2]
README = SOURCE / "README.md"
TEXT = README.read_text(encoding="utf-8") if README.exists() else ""
# (language, body, whether only blank lines stand between it and the block before)
BLOCKS = []
for match in re.finditer(r"^```([^\n`]*)\n(.*?)^```[ \t]*$", TEXT, re.S | re.M):
    gap = TEXT[BLOCKS[-1][3]:match.start()] if BLOCKS else "text"
    BLOCKS.append((match[1].strip(), match[2], not gap.strip(), match.end()))
PROGRAM = next((body for language, body, _, _ in BLOCKS if language == "cpp" and "int main(" in body), "")
CXX = os.environ.get("CXX", "g++")


def run(command, folder, **options):
    environment = os.environ | {"CXX": CXX, "LC_ALL": "C.UTF-8", "CUDA_VISIBLE_DEVICES": ""}  # the output is of a machine without
    environment["PATH"] = os.pathsep.join(
        [os.environ["TARC_BIN"], str(SOURCE / "build/venv/bin"), environment["PATH"]])
    return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("readme")
    for name in ("dev", "build", "include", "examples", "tests"):
        (scratch / name).symlink_to(SOURCE / name)
    return scratch


@pytest.fixture(scope="module")
def flags():
    """Of a program."""
    def of(body):
        kind = ["cuda"] if "<tarc/cuda.hpp>" in body else []
        done = subprocess.run([SOURCE / "dev", "flags", *kind], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        if kind and done.returncode != 0:
            pytest.skip("there is no CUDA toolkit")
        assert done.returncode == 0 and done.stdout.count("\n") == 1
        return done.stdout.strip()
    return of


def same(wanted, found):
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + "\n" for line in wanted.splitlines())
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in found.splitlines())) is not None


def check_command(command, folder):
    """Its output, or None where it is not one to run here."""
    words = command.split()
    if words[:2] == ["git", "clone"] or words[0] == "cd":
        return None
    if words[0] == "./dev" and words[1] != "flags":
        help_text = subprocess.run([SOURCE / "dev", "help"], stdout=subprocess.PIPE, text=True, check=True).stdout
        verbs = re.split(r"[ ,]+", " ".join(re.findall(r"^  ([a-z, ]+?)(?:  | \[)", help_text, re.M)))
        assert words[1] in verbs, f"{words[1]} is no verb: {verbs}"
        return None
    if "flags cuda" in command and run(["sh", "-c", "./dev flags cuda"], folder).returncode != 0:
        return None  # no toolkit
    done = run(["sh", "-c", command], folder)
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"
    return done.stdout


def compile_program(name, body, output, folder, flags):
    (folder / name).write_text(body)
    done = run(["sh", "-c", f"{CXX} {name} {flags(body)} -Wall -Wextra {output}"], folder)
    return done.returncode == 0, done.stdout


def test_first_block_is_a_program_and_its_output():
    assert README.exists()
    assert BLOCKS[0][0] == "cpp" and "int main(" in BLOCKS[0][1]
    assert BLOCKS[1][0] in ("", "text") and BLOCKS[1][1].strip()
    assert re.search(r"^(\$ )?\./dev demo\b", TEXT, re.M) and re.search(r"^(\$ )?\./dev test\b", TEXT, re.M)


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_block(index, folder, flags):
    language, body, _, _ = BLOCKS[index]
    if language == "cpp" and "int main(" in body:
        named = re.match(r"// (\S+\.cpp)", body)
        good, output = compile_program(named[1] if named else "program.cpp", body, "-o program", folder, flags)
        assert good, output
        done = run(["./program"], folder)
        assert done.returncode == 0, done.stdout
        if index + 1 < len(BLOCKS) and BLOCKS[index + 1][0] in ("", "text") and BLOCKS[index + 1][2]:
            assert same(BLOCKS[index + 1][1], done.stdout), done.stdout
    elif language == "cpp":
        before = PROGRAM[:PROGRAM.index("int main(")]
        includes = "".join(line + "\n" for line in body.splitlines() if line.startswith("#include"))
        rest = "".join(line + "\n" for line in body.splitlines() if not line.startswith("#include"))
        outside, said = compile_program("part.cpp", includes + before + rest, "-fsyntax-only", folder, flags)
        if not outside:
            inside, said_inside = compile_program(
                "part.cpp", includes + before + "void part();\nvoid part() {\n" + rest + "}\n",
                "-fsyntax-only -Wno-unused", folder, flags)
            assert inside, f"outside a function:\n{said}\ninside:\n{said_inside}"
    elif language == "console":
        for command, wanted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.M):
            output = check_command(command, folder)
            if output is not None and wanted:
                assert same(wanted, output), output
    elif language == "sh":
        for line in body.splitlines():
            command = line.partition(" # ")[0].strip()
            if command and not command.startswith("#"):
                check_command(command, folder)
