#!/usr/bin/env python3
"""Compiles a program that must not compile, and checks what the compiler says.

    check.py CASE.cpp COMPILER FLAG...         exit 1 and the reason when the case is not refused as it says
    check.py --self-test COMPILER FLAG...      that the harness itself can tell the difference

A case begins with comment lines that say what is expected of the compiler's output, each a Python regex that is searched
line by line, code excerpts left out:

    // expect: REGEX        on some line (every case needs one of these or of the next)
    // expect-once: REGEX   on exactly one line with "error:": one mistake, one message
    // reject: REGEX        on no line

"expect(g++): ..." and "expect(clang): ..." hold for that compiler only. The compiler may be nvcc, for a CASE.cu.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

DIRECTIVE = re.compile(r"//\s*(expect|expect-once|reject)(?:\((g\+\+|clang)\))?:\s*(.*\S)\s*$")
EXCERPT = re.compile(r"^\s*\d*\s*\|")
NVCC_EXCERPT = re.compile(r"^\s+(?!\s|instantiation of |detected during)")


def is_nvcc(compiler):
    return "nvcc" in pathlib.Path(compiler).name


def directives(source, compiler):
    """[(kind, regex)] of the comment lines at the top."""
    mine = "clang" if "clang" in pathlib.Path(compiler).name else "g++"
    found = []
    for line in source.splitlines():
        if not line.startswith("//"):
            break
        match = DIRECTIVE.match(line)
        if match and match[2] in (None, mine):
            found.append((match[1], match[3]))
    return found


def check(path, compiler, flags):
    """None when the case is refused as it says, else (reason, output)."""
    wanted = directives(path.read_text(encoding="utf-8"), compiler)
    if not any(kind.startswith("expect") for kind, _ in wanted):
        return "the case expects nothing", ""
    # To code and not just syntax: what is instantiated late counts too.
    mode = ["-c"] if is_nvcc(compiler) else ["-O0", "-fdiagnostics-color=never", "-S"]
    done = subprocess.run([compiler, "-std=c++20", *flags, *mode, "-o", "/dev/null", str(path)], capture_output=True,
                          text=True, errors="replace", check=False)
    output = done.stdout + done.stderr
    excerpt = NVCC_EXCERPT if is_nvcc(compiler) else EXCERPT
    lines = [line for line in output.splitlines() if not excerpt.match(line)]
    if done.returncode == 0:
        return "it compiles", output
    if re.search(r"internal compiler error|PLEASE submit a bug report|No such file|file not found", output):
        return "it fails for a reason of its own", output
    for kind, regex in wanted:
        hits = [line for line in lines if re.search(regex, line)]
        if kind == "expect" and not hits:
            return f"no line says /{regex}/", output
        if kind == "expect-once" and sum("error:" in line for line in hits) != 1:
            return f"not exactly one error says /{regex}/", output
        if kind == "reject" and hits:
            return f"a line says /{regex}/", output
    return None


def self_test(compiler, flags):
    failing = "template <class T> struct s { static_assert(sizeof(T) == 0, \"tarc: too large -- make it empty\"); };\n"
    cases = {
        "refused": ("// expect: tarc: too large -- make\n// expect-once: too large\n// reject: nonsense\n" + failing +
                    "s<int> a;\n", None),
        "compiles": ("// expect: tarc: too large\n" + failing, "it compiles"),
        "late": ("// expect: tarc: too large\n" + failing + "template <class T> int f() { return sizeof(s<T>); }\n"
                 "int main() { return f<int>(); }\n", None),
        "another error": ("// expect: tarc: too large\nint a = b;\n", "no line says /tarc: too large/"),
        "in an excerpt only": ("// expect: tarc: too large\nint a = b; // tarc: too large\n", "no line says"),
        "twice": ("// expect-once: too large\n" + failing + "s<int> a; s<char> b;\n", "not exactly one error"),
        "noise": ("// expect: too large\n// reject: not declared|undeclared|undefined\n" + failing + "s<int> a; int b = c;\n",
                  "a line says /not declared"),
        "expects nothing": ("// reject: a\nint a = b;\n", "the case expects nothing"),
        "for another compiler": ("// expect(g++): too large\n// expect(clang): too large\n" + failing + "s<int> a;\n",
                                 None),
        "header missing": ("// expect: none.hpp\n#include <tarc/none.hpp>\n", "a reason of its own"),
        # The control: with these very flags a right program compiles, so the cases do not fail for want of a header.
        "a right program": ("// expect: .\n#include <tarc/tarc.hpp>\nint main() {}\n", "it compiles"),
    }
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, (source, reason) in cases.items():
            path = pathlib.Path(folder) / ("case.cu" if is_nvcc(compiler) else "case.cpp")
            path.write_text(source)
            result = check(path, compiler, flags)
            if (result is None) != (reason is None) or (result and reason not in result[0]):
                wrong += 1
                print(f"{name}: judged {result and result[0]!r}, not {reason!r}\n{result and result[1]}")
    print(f"check.py --self-test: {len(cases)} cases, {wrong} judged wrongly")
    return 1 if wrong else 0


def main(arguments):
    if arguments[0] == "--self-test":
        return self_test(arguments[1], arguments[2:])
    result = check(pathlib.Path(arguments[0]), arguments[1], arguments[2:])
    if result:
        print(f"{arguments[0]}: {result[0]}; the compiler's output:\n{result[1]}")
    return 1 if result else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
