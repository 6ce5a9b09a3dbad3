#!/usr/bin/env python3
"""What schemas cost to compile: schema_of, frozen and loads of structs of 10, 100 and 200 fields.

    schema_cost.py --flags "$(./dev flags)" [--repeat 3] [COMPILER...]    default: g++ and, where it is, clang++-19

User time of `COMPILER -std=c++20 -O0 -fsyntax-only` above that of the same file without the assertion, the best of so many runs in
turn. "tables" is what save and load of the struct need in any case: the field names and the table of its type; the other
rows contain it. A field is a tensor of floats or, every other one, a number; one module of 400 leaves stands beside the structs.
The last line of a case that a compiler refuses says so, and the exit status is 1.
"""
import argparse
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from header_cost import user_time  # noqa: E402

SIZES = (10, 100, 200)
ROWS = ("tables", "schema_of, digest", "frozen, text", "loads")


def struct(fields):
    """(C++ of the struct, the name, schema text, [(key, file_node's members)])"""
    names = [f"the_{'weight' if i % 2 else 'learning_rate'}_of_parameter_group_{i}" for i in range(fields)]
    members = "".join(f"    {'tarc::tensor<float>' if i % 2 else 'double'} {n};\n" for i, n in enumerate(names))
    text = [f"{n}: {'float32[...]' if i % 2 else 'float64'}" for i, n in enumerate(names)]
    nodes = [(n, ".kind = tarc::file_kind::tensor, .shape = shape" if i % 2 else ".kind = tarc::file_kind::real")
             for i, n in enumerate(names)]
    return f"struct subject {{\n{members}}};\n", text, nodes


def module(leaves):
    """The same for a module of `leaves` tensors, ten in a block."""
    parts = [f"{kind}.{name}" for kind in ("query", "key", "value", "output", "norm") for name in ("weight", "bias")]
    blocks = [f"transformer_block_{i}" for i in range(leaves // 10)]
    code = ("struct linear {\n    tarc::tensor<float> weight, bias;\n};\nstruct block {\n    linear query, key, value, output, "
            "norm;\n};\nstruct subject {\n" + "".join(f"    block {b};\n" for b in blocks) + "};\n")
    keys = [f"{b}.{p}" for b in blocks for p in parts]
    return code, [f"{k}: float32[...]" for k in keys], [(k, ".kind = tarc::file_kind::tensor, .shape = shape") for k in keys]


def sources(subject):
    """{row: source}; "" is the file without an assertion."""
    code, text, nodes = subject
    items = "".join(f'        {{{what}, .key = "{key}"}},\n'.replace(".shape = shape, .key", ".key") if "shape" not in what
                    else f'        {{.kind = tarc::file_kind::tensor, .key = "{key}", .shape = shape}},\n' for key, what in nodes)
    file = ("struct file_type {\n    static constexpr std::string_view file = \"run.pt\";\n    static constexpr std::int64_t "
            "shape[] = {64, 64};\n    static constexpr tarc::file_node nodes[] = {\n        {.kind = tarc::file_kind::dict, "
            f".inside = {len(nodes)}, .size = {len(nodes)}}},\n{items}    }};\n}};\ninline constexpr file_type file;\n")
    start = "#include <tarc/tarc.hpp>\n" + code + file
    frozen = "\n".join(f'    "{line}\\n"' for line in text)
    return {
        "": start,
        "tables": start + "static_assert(tarc::detail::archivable<subject> && tarc::detail::facts_of<subject>.members.size() != 0);\n",
        "schema_of, digest": start + "static_assert(tarc::schema_of<subject>.digest() != 0);\n",
        "frozen, text": start + f"static_assert(tarc::schema_of<subject> == tarc::frozen<\n{frozen}>);\n",
        "loads": start + "static_assert(tarc::loads<subject>(file));\n",
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flags", required=True)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("compilers", nargs="*")
    arguments = parser.parse_args()
    flags = [flag for flag in shlex.split(arguments.flags) if not flag.startswith(("-l", "-std="))] + ["-fsyntax-only"]
    compilers = arguments.compilers or [c for c in ("g++", "clang++-19") if shutil.which(c)]
    subjects = {f"{n} fields": sources(struct(n)) for n in SIZES} | {"400 leaves": sources(module(400))}

    best, refused = {}, False
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeat):
            for name, rows in subjects.items():
                for row, source in rows.items():
                    for compiler in compilers:
                        seconds = user_time(compiler, flags, source, folder)
                        refused |= seconds is None
                        at = compiler, name, row
                        best[at] = min(seconds if seconds is not None else 1e9, best.get(at, 1e9))

    print(f"seconds above the same file without, best of {arguments.repeat}\n")
    print("| | " + " | ".join(f"{compiler}, {name}" for compiler in compilers for name in subjects) + " |")
    print("|---|" + "---:|" * (len(compilers) * len(subjects)))
    for row in ROWS:
        figures = (best[c, name, row] - best[c, name, ""] for c in compilers for name in subjects)
        print(f"| {row} | " + " | ".join(f"{f:.2f}" if f < 1e6 else "refused" for f in figures) + " |")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
