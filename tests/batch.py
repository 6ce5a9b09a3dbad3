#!/usr/bin/env python3
"""Writes test sources as one: most of what a compiler makes of each is what the headers have, the same in all.

    batch.py OUT.cpp SOURCE.cpp...

Names that one source has may mean something else in another. So each goes into a namespace of its own, but for its
specializations of tarc's templates, which stay outside and name that namespace. Messages give lines of the sources.
"""
import pathlib
import re
import sys

SPECIALIZATION = "template <>"
# What a line at the left margin declares and a specialization may name.
DECLARED = re.compile(r"(?:struct|class|enum class|enum|namespace) (\w+)\b(?!::)|using (\w+) = |using [\w:]+::(\w+);|inline .*\b(\w+)\(")
NAME = re.compile(r'"(?:[^"\\]|\\.)*"|//.*|(?<![\w:.>])[A-Za-z_]\w*')
NO_BRACES = re.compile(r'"(?:[^"\\]|\\.)*"|//.*')


def batched(path):
    """(the source's includes, the lines of the rest)."""
    lines = path.read_text(encoding="utf-8").splitlines()
    own = "source_" + re.sub(r"\W", "_", path.stem)
    names = {name for line in lines for match in [DECLARED.match(line)] if match for name in match.groups() if name}

    def qualified(match):
        return f"{own}::{match[0]}" if match[0] in names else match[0]

    def at(number):
        return f'#line {number} "{path}"'

    includes, rest = [], [f"namespace {own} {{", at(1)]
    depth, outside = 0, False
    for number, line in enumerate(lines, 1):
        if line.startswith("#include"):
            includes.append(line)
            line = ""
        if line == SPECIALIZATION:
            rest += [f"}}  // namespace {own}", at(number)]
            outside = True
        if outside:
            rest.append(NAME.sub(qualified, line))
            bare = NO_BRACES.sub("", line).rstrip()
            depth += bare.count("{") - bare.count("}")
            if depth == 0 and bare.endswith(";"):
                rest += [f"namespace {own} {{", at(number + 1)]
                outside = False
        else:
            rest.append(line)
    return includes, [*rest, f"}}  // namespace {own}"]


def main(out, sources):
    parts = [batched(pathlib.Path(source)) for source in sources]
    lines = [line for part in (0, 1) for both in parts for line in both[part]]
    pathlib.Path(out).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
