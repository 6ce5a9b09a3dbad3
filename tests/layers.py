#!/usr/bin/env python3
"""The layer rule of tarc's headers, checked over their #include lines.

A header includes only headers of its own layer or of layers above it in LAYERS; there are no cycles; some dependencies
have one includer only; what is costly to compile is not included by anything that tarc/tarc.hpp reaches.

    layers.py [INCLUDE_DIRECTORY]    exit 1 and a line for each violation
    layers.py --self-test            that each kind of violation is seen
"""
import pathlib
import re
import sys
import tempfile

# One layer a line: names of headers, or of folders (with "/") of headers.
LAYERS = [
    ["config.hpp", "fwd.hpp", "error.hpp", "limits.hpp", "progress.hpp", "util/"],
    ["tensor/"],
    ["reflect/"],
    ["io/"],
    ["codec/"],
    ["value/"],
    ["container/"],
    ["format/"],
    ["transfer/"],
    ["archive/"],
    ["optim/"],
    ["optim.hpp"],
    ["cuda.hpp", "cuda/"],
    ["tarc.hpp"],
]
# What may be included by one header only (the pattern is of the name between the brackets).
ONE_INCLUDER = {r"boost/.*": "reflect/fields.hpp", r"zstd.*\.h": "codec/zstd.hpp", r"cuda.*\.h": "cuda/api.hpp"}
UMBRELLA = "tarc.hpp"
# Not for anything the umbrella reaches: each costs 0.1 to 0.5 s of compile time, or needs a further dependency.
BANNED = {"chrono", "filesystem", "format", "fstream", "functional", "future", "iostream", "random", "regex", "sstream"}
OPT_IN = ["cuda.hpp", "cuda/", "codec/zstd.hpp"]


def belongs(name, entries):
    return any(name.startswith(entry) if entry.endswith("/") else name == entry for entry in entries)


def layer_of(name):
    return next((i for i, entries in enumerate(LAYERS) if belongs(name, entries)), None)


def read(root):
    """{header: ([included names], text without comments)}, names relative to include/tarc."""
    headers = {}
    for path in sorted((root / "tarc").rglob("*")):
        if path.is_file():
            text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
            includes = re.findall(r'^\s*#\s*include\s*([<"][^>"]+[>"])', text, flags=re.M)
            headers[path.relative_to(root / "tarc").as_posix()] = (includes, re.sub(r"//.*", "", text))
    return headers


def cycles(graph):
    """Each cycle that a depth-first walk closes, as a list of names."""
    state, found = {}, []
    for start in graph:
        if start in state:
            continue
        path, stack = [start], [iter(graph[start])]
        state[start] = "open"
        while stack:
            for name in stack[-1]:
                if state.get(name) == "open":
                    found.append(path[path.index(name):] + [name])
                elif name not in state:
                    state[name] = "open"
                    path.append(name)
                    stack.append(iter(graph[name]))
                    break
            else:
                stack.pop()
                state[path.pop()] = "done"
    return found


def reachable(graph, start):
    seen, todo = {start}, [start]
    while todo:
        for name in graph[todo.pop()]:
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return seen


def check(root):
    """The violations under an include folder, one sentence each."""
    headers = read(root)
    bad = []
    graph = {name: [] for name in headers}
    for name, (includes, code) in headers.items():
        if not name.endswith(".hpp"):
            bad.append(f"{name}: only .hpp files belong here")
            continue
        if layer_of(name) is None:
            bad.append(f"{name}: belongs to no layer")
        if not re.search(r"^\s*#\s*pragma once", code, flags=re.M):
            bad.append(f"{name}: has no #pragma once")
        for include in includes:
            target = include[1:-1]
            for pattern, only in ONE_INCLUDER.items():
                if re.fullmatch(pattern, target) and name != only:
                    bad.append(f"{name}: includes {include}, which only {only} may")
            if include[0] == '"':
                bad.append(f"{name}: includes {include} in quotes; write <tarc/...>")
            elif target.startswith("tarc/"):
                target = target.removeprefix("tarc/")
                if target not in headers:
                    bad.append(f"{name}: includes {include}, which is not there")
                    continue
                graph[name].append(target)
                mine, its = layer_of(name), layer_of(target)
                if mine is not None and its is not None and its > mine:
                    bad.append(f"{name}: includes {include} of a lower layer")
    for cycle in cycles(graph):
        bad.append("cycle: " + " -> ".join(cycle))
    if UMBRELLA in headers:
        for name in sorted(reachable(graph, UMBRELLA)):
            if belongs(name, OPT_IN):
                bad.append(f"{name}: is for opting in, and {UMBRELLA} reaches it")
            for include in headers[name][0]:
                if include[1:-1] in BANNED:
                    bad.append(f"{name}: includes {include}, too costly for what {UMBRELLA} reaches")
        rest = re.sub(r"^\s*#.*$", "", headers[UMBRELLA][1], flags=re.M)
        if rest.strip():
            bad.append(f"{UMBRELLA}: holds more than includes")
    return bad


def self_test():
    def sample(**changes):
        files = {
            "config.hpp": "#include <bit>\n",
            "tensor/tensor.hpp": "#include <tarc/config.hpp>\n#include <vector>  // <functional> is not\n",
            "tensor/view.hpp": "#include <tarc/tensor/tensor.hpp>\n/*\n#include <chrono>\n*/\n",
            "reflect/fields.hpp": "#include <boost/pfr.hpp>\n#include <tarc/tensor/view.hpp>\n",
            "codec/zstd.hpp": "#include <zstd.h>\n#include <functional>\n",
            "cuda/api.hpp": "#include <cuda_runtime_api.h>\n#include <tarc/tensor/tensor.hpp>\n",
            "cuda.hpp": "#include <tarc/cuda/api.hpp>\n#include <chrono>\n",
            "tarc.hpp": "// all of it\n#include <tarc/reflect/fields.hpp>\n",
        }
        files = {name: "#pragma once\n" + text for name, text in files.items()} | {
            name: ("" if text.startswith("!") else "#pragma once\n") + text.removeprefix("!")
            for name, text in changes.items()}
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / "tarc" / name).parent.mkdir(parents=True, exist_ok=True)
                (root / "tarc" / name).write_text(text)
            return check(root)

    expected = [
        ({}, []),
        ({"tensor/tensor.hpp": "#include <tarc/reflect/fields.hpp>\n"},
         ["tensor/tensor.hpp: includes <tarc/reflect/fields.hpp> of a lower layer",
          "cycle: tensor/tensor.hpp -> reflect/fields.hpp -> tensor/view.hpp -> tensor/tensor.hpp"]),
        ({"tensor/tensor.hpp": "#include <tarc/tensor/view.hpp>\n"},
         ["cycle: tensor/tensor.hpp -> tensor/view.hpp -> tensor/tensor.hpp"]),
        ({"config.hpp": "  #  include <tarc/cuda.hpp>\n"},
         ["config.hpp: includes <tarc/cuda.hpp> of a lower layer", "cycle: config.hpp -> cuda.hpp -> cuda/api.hpp",
          "cuda.hpp: is for opting in", "cuda/api.hpp: is for opting in", "cuda.hpp: includes <chrono>"]),
        ({"tensor/view.hpp": "#include <boost/pfr/core.hpp>\n"},
         ["tensor/view.hpp: includes <boost/pfr/core.hpp>, which only reflect/fields.hpp may"]),
        ({"io/file.hpp": "#include <zstd.h>\n"}, ["io/file.hpp: includes <zstd.h>, which only codec/zstd.hpp may"]),
        ({"cuda.hpp": "#include <cuda_runtime_api.h>\n#include <cuda_runtime.h>\n#include <cuda.h>\n"},
         [f"cuda.hpp: includes <{name}.h>, which only cuda/api.hpp may"
          for name in ("cuda_runtime_api", "cuda_runtime", "cuda")]),
        ({"tensor/view.hpp": "#include <random>\n"}, ["tensor/view.hpp: includes <random>, too costly"]),
        ({"tarc.hpp": "#include <tarc/codec/zstd.hpp>\n"},
         ["codec/zstd.hpp: is for opting in", "codec/zstd.hpp: includes <functional>"]),
        ({"tarc.hpp": "namespace tarc {}\n"}, ["tarc.hpp: holds more than includes"]),
        ({"tensor/view.hpp": '#include "tensor.hpp"\n'}, ["tensor/view.hpp: includes \"tensor.hpp\" in quotes"]),
        ({"tensor/view.hpp": "#include <tarc/tensor/none.hpp>\n"}, ["<tarc/tensor/none.hpp>, which is not there"]),
        ({"misc/view.hpp": ""}, ["misc/view.hpp: belongs to no layer"]),
        ({"other.hpp": ""}, ["other.hpp: belongs to no layer"]),
        ({"tensor/view.h": ""}, ["tensor/view.h: only .hpp files"]),
        ({"tensor/view.hpp": "!// nothing\n"}, ["tensor/view.hpp: has no #pragma once"]),
    ]
    wrong = 0
    for changes, sentences in expected:
        found = sample(**changes)
        if len(found) != len(sentences) or not all(any(s in line for line in found) for s in sentences):
            wrong += 1
            print(f"{changes}\n  expected {sentences}\n  found    {found}")
    print(f"layers.py --self-test: {len(expected)} trees, {wrong} judged wrongly")
    return wrong


def main(arguments):
    if arguments == ["--self-test"]:
        return 1 if self_test() else 0
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).parents[1] / "include"
    violations = check(root)
    for line in violations:
        print(f"layers.py: {line}")
    print(f"layers.py: {len(read(root))} headers, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
