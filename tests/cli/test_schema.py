"""`tarc schema`: the types it finds in files of PyTorch, and the headers it writes of them, which must compile and load."""

import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import torch

import models
from command_line import SHARED, failed, refused, tarc

SOURCE = pathlib.Path(os.environ.get("TARC_SOURCE", pathlib.Path(__file__).parents[2]))


def text_of(value, folder):
    """The schema text of a value."""
    torch.save(value, folder / "value.pt")
    return text_of_file(folder / "value.pt")


def text_of_file(file):
    done = tarc("schema", file)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout.decode()


def header_of(value, folder, name="it"):
    torch.save(value, folder / "value.pt")
    done = tarc("schema", folder / "value.pt", "--cpp", name)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
    return done.stdout.decode()


# -- the rules: a value, the types it becomes, lines of the header ---------------------------------------------------------

T = torch.zeros
ODD_NAMES = [
    "class", "and", "std", "tarc", "odd_types", "odd_file", "weight", "a b", "a-b", "a_b", "0", "00", "_0", "", "EOF", "M_PI",
    "linux", "__file__", "_Reserved", "a__b", "é", "日本", "\U0001f600", "*/", "//", "/*", "a\nb", "a\tb", "\x01" + "1", "\x7f",
    '"', "\\", '";}}}', "??/", "??=", "R\"(x)\"", "%s", "a/b", "a:b", "int", "double_", "x" * 300, "x" * 301, "#include", "\r",
    "\\u0041", "\u202e", "é1", "Tensor", "nodes", "file", "value", "string", "int64_t", "main", "NULL", "template", "item",
]  # fmt: skip

CASES = {
    "scalars": (
        {"i": 1, "b": True, "r": 0.5, "c": 1j, "s": "é", "y": b"\x00\xff", "e": b"", "u": 2**63, "big": 2**64, "n": None,
         "low": -(2**63), "lower": -(2**63) - 1, "lone": "\ud800"},
        "i: int64|b: bool|r: float64|c: complex128|s: str|y: bytes|e: bytes|u: uint64|big: value|n: value|low: int64|"
        "lower: value|lone: value",
        ["std::int64_t i = 0;", "std::vector<std::byte> y;", "std::complex<double> c;", "std::uint64_t u = 0;"],
    ),
    "tensors": (
        {"a": T(2, 3), "s": T(()), "e": T(0, 2), "h": T(2, dtype=torch.bfloat16), "f": T(2, dtype=torch.float8_e4m3fn),
         "u": T(1, dtype=torch.uint16), "z": T(1, dtype=torch.complex64), "z32": T(1, dtype=torch.complex32),
         "t": T(1, dtype=torch.bool), "k": torch.empty(2, dtype=torch.bits8)},
        "a: float32[2,3]|s: float32[]|e: float32[0,2]|h: bfloat16[2]|f: float8_e4m3fn[2]|u: uint16[1]|z: complex64[1]|"
        "z32: complex32[1]|t: bool[1]|k: any[...]",
        ["tarc::tensor<float, 2, 3> a;", "tarc::tensor<float, tarc::scalar> s;", "tarc::tensor<float, 0, 2> e;",
         "tarc::tensor<tarc::bfloat16, 2> h;", "tarc::tensor<std::uint16_t, 1> u;", "tarc::any_tensor k;"],
    ),
    "normalization": (
        torch.nn.Sequential(torch.nn.BatchNorm1d(2)).state_dict() | {"mean.running_mean": T(2)},
        "0.weight: float32[2]|0.bias: float32[2]|0.running_mean: float32[2]|0.running_var: float32[2]|"
        "0.num_batches_tracked: int64[]|mean.running_mean: float32[2]",
        ["tarc::tensor<float, 2> weight;", "tarc::buffer<float, 2> running_mean;", "tarc::buffer<float, 2> running_var;",
         "tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;", "tarc::tensor<float, 2> running_mean;"],
    ),
    "state_dict": (
        {"fc.weight": T(3, 2), "fc.bias": T(3), "scale": T(())},
        "fc.weight: float32[3,2]|fc.bias: float32[3]|scale: float32[]",
        ["state_dict_types::fc fc;"],
    ),
    "layers": (
        {f"h.{i}.{n}": T(s) for i in range(12) for n, s in (("attn.weight", (2, 2)), ("ln.weight", (2,)))},
        "h.*.attn.weight: float32[2,2]|h.*.ln.weight: float32[2]",
        ["std::array<layers_types::h, 12> h;"],
    ),
    "many_layers": (
        {f"h.{i}.w": T(1) for i in range(300)},
        "h.*.w: float32[1]",
        ["std::vector<many_layers_types::h> h;"],
    ),
    "unequal_layers": (
        {"seq.0.weight": T(3, 2), "seq.2.weight": T(2, 3), "tail.0.w": T(1), "tail.1.w": T(2)},
        "seq.0.weight: float32[3,2]|seq.2.weight: float32[2,3]|tail.0.w: float32[1]|tail.1.w: float32[2]",
        ['tarc::rename{"_2", "2"}'],
    ),
    "bare_layers": ({"0.w": T(1), "1.w": T(1)}, "0.w: float32[1]|1.w: float32[1]", ["bare_layers_types::_0 _1;"]),
    "leaf_and_prefix": (
        {"a": T(1), "a.b": T(2), "a.c.d": T(3), "x.y": T(1), "x.y.z": T(2), "x.w": T(4)},
        "a: float32[1]|a.b: float32[2]|a.c.d: float32[3]|x.y: float32[1]|x.y.z: float32[2]|x.w: float32[4]",
        ['tarc::rename{"a_c_d", "a.c.d"}'],
    ),
    "empty_steps": (
        {"": T(1), ".": T(2), ".a": T(3), "a.": T(4), "b..c": T(5), "b.d": T(6), "e": T(7)},
        ": float32[1]|.: float32[2]|.a: float32[3]|a.: float32[4]|b..c: float32[5]|b.d: float32[6]|e: float32[7]",
        [],
    ),
    "deep": ({".".join("abcdefghij" * 10): T(1), "b": T(1)}, None, ["a_b_c"]),
    "nested": (
        {"model": {"fc.weight": T(2), "fc.bias": T(1)}, "ema": {"fc.weight": T(2), "fc.bias": T(1)}, "w": T(1)},
        "model/fc.weight: float32[2]|model/fc.bias: float32[1]|ema/fc.weight: float32[2]|ema/fc.bias: float32[1]|w: float32[1]",
        ["tarc::is_module<nested_file> = false;", "nested_types::model ema;"],
    ),
    "nested_lists": ({"ws": [T(1), T(2)], "d": {"e": {"f": T(1)}}}, "ws/*: float32[?]|d/e/f: float32[1]", []),
    "same_struct": (
        {"a": {"lr": 0.1, "w": T(1)}, "b": {"lr": 0.2, "w": T(1)}, "c": {"lr": 0.2, "w": T(2)}},
        None,
        ["same_struct_types::a a;", "same_struct_types::a b;", "same_struct_types::c c;"],
    ),
    "odd": ({n: i for i, n in enumerate(ODD_NAMES)}, None, ['tarc::rename{"class_", "class"}', "std::int64_t std_2 = 0;"]),
    "odd_module": ({"m." + n: T(1) for n in ODD_NAMES}, None, []),
    "odd_groups": ({n + "." + n: T(1) for n in ODD_NAMES[::2]}, None, []),
    "odd_nested": ({n: {"x": i, n: str(i)} for i, n in enumerate(ODD_NAMES[1::2])}, None, []),
    "nul": ({"a\0b": 1, "a": 2}, "*: int64", ["std::map<std::string, std::int64_t>"]),
    "nul_module": ({"x": {"a\0b": T(1), "a": T(2)}}, "x/*: float32[?]", []),
    "surrogate_key": ({"x": {"\ud800": 1}, "y": 1}, "x: value|y: int64", []),
    "wide": ({f"k{i}": 0.5 for i in range(201)}, "*: float64", ["using wide_file = std::map<std::string, double>;"]),
    "widest": ({f"k{i}": i for i in range(200)}, None, ["std::int64_t k199 = 0;"]),
    "wide_mixed": ({"a": {f"k{i}": 0.5 if i else "x" for i in range(201)}}, "a: value", []),
    "wide_module": ({f"k{i}.w": T(i % 2 + 1) for i in range(201)}, "*: float32[?]", []),
    "wide_level": (
        {f"experts.e{i}.{n}": T(i % 2 + 1) for i in range(201) for n in ("w", "b.c")},
        "experts.*.w: float32[?]|experts.*.b.c: float32[?]",
        ["std::map<std::string, wide_level_types::experts> experts;"],
    ),
    "wide_leaves": ({f"p.k{i}": T(1) for i in range(201)}, "p.*: float32[1]", []),
    "wide_both": ({f"p.k{i}{'.w' if i else ''}": T(1) for i in range(202)}, "p.*: float32[1]", []),
    "lists": (
        {"f": [0.1, 0.2], "e": [], "m": [1, "a", None], "n": [None, 1], "nn": [None], "ll": [[1], [], [2, 3]],
         "lm": [[1], ["a"]], "long": [1, "a"] * 40, "b": [True, False], "t": [T(2, 3), T(2, 4)], "r": [T(2), T(2, 3)],
         "d": [T(2), T(2, dtype=torch.int64)]},
        "f/*: float64|e/*: value|m/0: int64|m/1: str|m/2: value|n/*: int64?|nn/*: value|ll/*/*: int64|lm/*/*: value|"
        "long/*: value|b/*: bool|t/*: float32[2,?]|r/*: float32[...]|d/*: any[...]",
        ["std::vector<double> f;", "std::vector<std::optional<std::int64_t>> n;", "std::vector<bool> b;",
         "std::tuple<std::int64_t, std::string, tarc::value> m;"],
    ),
    "tuples": (
        {"p": (0.9, 0.999), "m": (1, "a", (T(1),)), "e": (), "long": tuple(range(625)), "size": torch.Size([2, 3])},
        "p/0: float64|p/1: float64|m/0: int64|m/1: str|m/2/0: float32[1]|e: value|long: value|size/0: int64|size/1: int64",
        ["std::tuple<double, double> p;"],
    ),
    "sets": (
        {"i": {1, 2}, "s": {"a"}, "m": {1, "a"}, "e": set(), "fr": frozenset([1]), "nan": {float("nan")}, "z": {1j},
         "b": {b"x"}, "r": {0.5}},
        "i/*: int64|s/*: str|m: value|e: value|fr: value|nan: value|z: value|b/*: bytes|r/*: float64",
        ["std::set<std::int64_t> i;"],
    ),
    "keys": (
        {"i": {0: "a", 5: "b"}, "m": {0: 1, "a": 2}, "t": {(1, 2): 3}, "n": {None: 1}, "b": {True: 1}, "big": {2**63: 1},
         "e": {}, "iv": {0: 1, 1: "a"}, "neg": {-1: T(1), 0: T(2)}, "f": {0.5: 1}},
        "i/*: str|m: value|t: value|n: value|b: value|big: value|e/*: value|iv/*: value|neg/*: float32[?]|f: value",
        ["std::map<std::int64_t, std::string> i;"],
    ),
    "unified": (
        [{"a": 1, "w": T(2)}, {"a": 2, "b": "x", "w": T(3)}, {"a": None, "w": T(4), "d": {"e": 1}}, {"a": 1, "w": T(1), "d": {}}],
        "*/a: int64?|*/w: float32[?]|*/b: str?|*/d/e: int64?",
        ["std::optional<std::string> b;", "using unified_file = std::vector<unified_types::item>;"],
    ),
    "unified_modules": (
        [{"a.w": T(2), "a.b": T(2), "l.0.w": T(1)}, {"a.w": T(3), "l.0.w": T(1), "l.1.w": T(1)}],
        None,
        ["std::optional<tarc::tensor<float, 2>> b;"],
    ),
    "unified_with_none": ({"l": [{"x": None}, {}], "m": [{}, {3: 1}], "v": [1, [2]]}, None, ["std::optional<tarc::value> x;"]),
    "root_tensor": (T(2, 3), ": float32[2,3]", ["using root_tensor_file = tarc::tensor<float, 2, 3>;"]),
    "root_list": ([1, 2], "*: int64", ["using root_list_file = std::vector<std::int64_t>;"]),
    "root_int": (7, ": int64", []),
    "root_none": (None, ": value", ["using root_none_file = tarc::value;"]),
    "root_empty": ({}, "*: value", []),
    "root_tuple": ((1, {"a": T(1)}), "0: int64|1/a: float32[1]", []),
    "numbers": ({"vocab": {f"word{i}": i for i in range(5000)}, "ids": {i: "x" for i in range(5000)}, "long": list(range(100000))},
                "vocab/*: int64|ids/*: str|long/*: int64", []),
    "history": ({"log": [{"loss": 0.1, "acc": 0.2}] * 3000}, "log/*/loss: float64|log/*/acc: float64", []),
    "own_name": ({"attn.attn.attn": T(1), "item": {"item": [{"item": 1}]}}, None, []),
    "capitals": ({"EMA": 1, "ema": 2, "BN_1": 3, "LayerNorm": 4}, None, ["std::int64_t ema_2 = 0;", "std::int64_t LayerNorm = 0;"]),
    "bytearrays": ({"b": bytearray(b"xy"), "o": collections.OrderedDict(a=1), "c": collections.Counter("aab")}, None, []),
    "dots_in_dict": ({"fc.weight": T(1), "fc.bias": T(1), "epoch": 1}, "fc.weight: float32[1]|fc.bias: float32[1]|epoch: int64", []),
    "recursive_depth": (None, None, []),
}  # fmt: skip


def deep_value():
    value = {"x": 1}
    for _ in range(60):
        value = {"a": [value]}
    return value


CASES["recursive_depth"] = (deep_value(), None, [])


@pytest.mark.parametrize("name", [n for n, (_, text, _) in CASES.items() if text is not None])
def test_text(name, tmp_path):
    value, want, _ = CASES[name]
    assert text_of(value, tmp_path) == want.replace("|", "\n") + "\n"


@pytest.mark.parametrize("name", [n for n, (_, _, lines) in CASES.items() if lines])
def test_header(name, tmp_path):
    value, _, lines = CASES[name]
    header = header_of(value, tmp_path, name)
    for line in lines:
        assert line in header, header


# -- every header compiles, and loads its own file in strict mode; what is saved again is what was there ------------------


def model_files(folder):
    """The real shapes over storages of one element."""
    for name, tensors in models.ALL.items():
        state_dict = collections.OrderedDict()
        for key, shape in tensors():
            dtype = torch.int64 if key.endswith("num_batches_tracked") else torch.float32
            state_dict[key] = T((), dtype=dtype).expand(shape)
        torch.save(state_dict, folder / f"{name}.pt")
        yield name, folder / f"{name}.pt"


def fixture_files():
    for file in sorted((SHARED / "fixtures").glob("*")):
        if file.suffix in (".pt", ".tar") and tarc("ls", file).returncode == 0:
            yield "f_" + re.sub(r"\W", "_", file.name), file


def write_groups(files, folder, count):
    """Sources of `count` programs, each with the headers of some files; equal headers once, which load all their files."""
    folder.mkdir(exist_ok=True)
    headers = {}
    for name, file in files:
        header = folder / f"{name}.schema.hpp"
        done = tarc("schema", file, "--cpp", name, "-o", header)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done.stderr.decode()
        text = header.read_text().replace(f"tarc schema {file.name}", "").replace(f'"{file.name}"', "")
        text = text.replace(f"/// {file.name} as", "")
        headers.setdefault(re.sub(rf"\b{name}(?=_|\b)", "NAME", text), []).append((name, file))
    groups = [list(headers.values())[i::count] for i in range(count)]
    sources = []
    for i, group in enumerate(groups):
        text = PROGRAM_HEAD
        for (name, _), *_ in group:
            text += f'#include "{name}.schema.hpp"\nstatic_assert(tarc::file_schema<{name}_schema>);\n'
            text += f"static_assert(tarc::loads<{name}_file>({name}));\n"
        text += PROGRAM_COPY
        text += "\nint main() {\n    int bad = 0;\n"
        for alike in group:
            for name, file in alike:
                text += f'    bad += copy<{alike[0][0]}_file>("{name}", "{file}", "{folder / name}.copy.pt");\n'
        text += "    return bad != 0;\n}\n"
        sources.append(folder / f"group{i}.cpp")
        sources[-1].write_text(text)
    return sources


PROGRAM_HEAD = "#include <cstdio>\n#include <exception>\n\n#include <tarc/tarc.hpp>\n\n"
PROGRAM_COPY = """
template <class T>
int copy(const char* name, const char* from, const char* to) {
    try {
        tarc::save(tarc::load<T>(from, "cpu"), to, {.durability = tarc::durability::atomic});
        return 0;
    } catch (const std::exception& e) {
        std::printf("%s: %s\\n", name, e.what());
        return 1;
    }
}
"""


def compile_and_run(compiler, source):
    flags = f"-std=c++20 -O0 -Wall -Wextra -Wpedantic -Wconversion -Werror -I{SOURCE}/include".split()
    boost = [f"-isystem{p}" for p in sorted((SOURCE / "build" / "venv").glob("lib/python3*/site-packages/cmeel.prefix/include"))]
    program = source.with_suffix("." + pathlib.Path(compiler).name)
    done = subprocess.run(
        [compiler, *flags, *boost, str(source), "-ldeflate", "-lxxhash", "-pthread", "-o", str(program)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        return done.stderr[:8000]
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def all_files(folder):
    """Cases whose root is nothing special are parts of one file: a root of their own takes most of a compiler's time."""
    special = re.compile("root_|odd|wide|nul$|empty_steps|deep|bare_layers|nested$|recursive")
    values = {name: value for name, (value, _, _) in CASES.items() if special.match(name)}
    values["together"] = {name: value for name, (value, _, _) in CASES.items() if name not in values}
    files = []
    for name, value in values.items():
        torch.save(value, folder / f"{name}.pt")
        files.append((name, folder / f"{name}.pt"))
    return files + list(fixture_files()) + list(model_files(folder))


def same(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and (a.numel() > 1 << 20 or same_elements(a, b))
    if isinstance(a, dict):  # a key that only others of a list have is None
        return isinstance(b, dict) and all(k in b and same(a[k], b[k]) for k in a) and all(k in a or b[k] is None for k in b)
    if isinstance(a, (list, tuple)):  # a list of different kinds is a std::tuple
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (set, frozenset)) and any(x != x for x in a):
        return len(a) == len(b)
    if isinstance(a, float) and a != a:
        return b != b
    return a == b and isinstance(b, (bytes, type(a)))


def same_elements(a, b):
    return a.detach().contiguous().numpy(force=True).tobytes() == b.numpy(force=True).tobytes() if can_numpy(a) else True


def can_numpy(a):
    return a.dtype in (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool) and not a.is_conj()


def test_headers_compile_and_load(tmp_path):
    files = all_files(tmp_path)
    sources = write_groups(files, tmp_path / "headers", 2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        complaints = list(pool.map(lambda s: compile_and_run(os.environ.get("CXX", "g++"), s), sources))
    assert not any(complaints), "\n".join(complaints)
    for name, file in files:
        try:
            before = torch.load(file, weights_only=True, map_location="cpu")
        except Exception:  # classes of its own
            continue
        after = torch.load(tmp_path / "headers" / f"{name}.copy.pt", weights_only=True)
        assert same(before, after), name


# -- the command -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def net(tmp_path):
    file = tmp_path / "net.pt"
    torch.save({"fc.weight": T(3, 2), "fc.bias": T(3)}, file)
    return file


@pytest.mark.parametrize(
    "name", ["", "1a", "a b", "a-b", "a;b", "class", "and", "std", "tarc", "main", "_a", "A__b", "__a", "é", "linux", "a\n", "a::b"]
)  # fmt: skip
def test_no_name(name, net, tmp_path):
    assert "is no name" in refused(tarc("schema", net, "--cpp", name, "-o", tmp_path / "x.hpp"))
    assert not (tmp_path / "x.hpp").exists()


def test_a_schema_that_the_file_states_is_printed(tmp_path):
    assert text_of_file(SOURCE / "tests" / "golden" / "0.1.0.pt").startswith("epoch: int64\nmodel/body.0.weight: float32[?,?]\n")


def test_output_file(net, tmp_path):
    out = tmp_path / "net.hpp"
    printed = tarc("schema", net, "--cpp", "net").stdout
    for _ in range(2):
        done = tarc("schema", net, "--cpp", "net", "-o", out)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert out.read_bytes() == printed
    assert tarc("schema", net, "-o", out).returncode == 0
    assert out.read_text() == "fc.weight: float32[3,2]\nfc.bias: float32[3]\n"
    assert sorted(os.listdir(tmp_path)) == ["net.hpp", "net.pt"]


def test_a_header_does_not_say_where_its_file_was(net, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(net, tmp_path / "elsewhere" / "net.pt")
    here, there = (tarc("schema", f, "--cpp", "net").stdout for f in (net, tmp_path / "elsewhere" / "net.pt"))
    assert here == there and str(tmp_path).encode() not in here


def test_what_fails_leaves_no_output(net, tmp_path):
    out = tmp_path / "net.hpp"
    (tmp_path / "bad.pt").write_bytes(net.read_bytes()[:-50])
    failed(tarc("schema", tmp_path / "bad.pt", "--cpp", "net", "-o", out))
    assert not out.exists()
    out.write_text("precious")
    failed(tarc("schema", tmp_path / "bad.pt", "--cpp", "net", "-o", out))
    assert out.read_text() == "precious"
    failed(tarc("schema", net, "--cpp", "net", "-o", tmp_path / "no" / "folder.hpp"))
    before = net.read_bytes()
    assert "FILE itself" in refused(tarc("schema", net, "-o", net))
    assert net.read_bytes() == before


@pytest.mark.parametrize("name", ["a\nb.pt", "*/.pt", "a\\", '".pt', "??/", "é.pt", "x.pt\\"])
def test_odd_file_names(name, tmp_path):
    file = tmp_path / name.replace("/", "")
    torch.save({"a": 1}, tmp_path / "plain")
    shutil.move(tmp_path / "plain", file)
    header = tarc("schema", file, "--cpp", "it").stdout.decode("ascii")
    comments = [line for line in header.splitlines() if line.startswith("//")]
    assert len(comments) == 2 and all(re.fullmatch(r"[\w ./`:,()<>+-]+", c) for c in comments)


def test_a_header_holds_nothing_of_the_file_but_literals_and_identifiers(tmp_path):
    """What is left without string literals is plain words and the punctuation of declarations."""
    for name in ("odd", "odd_module", "odd_groups", "odd_nested", "nul", "empty_steps"):
        header = header_of(CASES[name][0], tmp_path)
        assert header.isascii()
        bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', "", header)
        assert re.fullmatch(r"[\w\s#<>{}()\[\]:;=,./`-]*", bare), bare
        assert "??" not in header


def test_text_cannot_command_a_terminal(tmp_path):
    assert text_of({"\x1b[31m\n": T(1)}, tmp_path) == "\\x1b[31m\n: float32[1]\n"


def test_too_many_places(tmp_path):
    torch.save({f"k{i}": [i, "x", i % 7 * [0.5]] for i in range(50000)}, tmp_path / "value.pt")
    assert "too many" in failed(tarc("schema", tmp_path / "value.pt"))


def test_size_of_headers(tmp_path):
    for name in ("numbers", "history", "recursive_depth"):
        assert len(header_of(CASES[name][0], tmp_path)) < 20000


def test_clang(tmp_path):
    """A few of each kind; everything else of a header is the same for both compilers."""
    clang = next(filter(None, map(shutil.which, ("clang++", "clang++-19"))), None)
    if clang is None:
        pytest.skip("no clang")
    files = []
    for name in ("scalars", "tensors", "state_dict", "layers", "odd", "odd_groups", "nested", "unified", "tuples", "sets"):
        torch.save(CASES[name][0], tmp_path / f"{name}.pt")
        files.append((name, tmp_path / f"{name}.pt"))
    (source,) = write_groups(files, tmp_path / "headers", 1)
    assert compile_and_run(clang, source) == ""
