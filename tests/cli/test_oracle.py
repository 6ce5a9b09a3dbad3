"""`tarc ls --json --crc` against PyTorch itself (the oracle), on files made here: every kind of value, key and view."""

# labels: sanitize
import collections
import itertools
import json
import random
import string
import subprocess
import sys

import numpy
import pytest
import torch

from command_line import SHARED, entries

ORACLE = SHARED / "fixtures" / "oracle.py"
pytestmark = pytest.mark.skipif(not ORACLE.exists(), reason="the oracle ($TARC_SHARED/fixtures/oracle.py) is not here")
sys.dont_write_bytecode = True
sys.path.insert(0, str(ORACLE.parent))


def expected(file):
    import oracle

    walk = oracle.Walk()
    walk.visit([], oracle.load(str(file), walk.located, True))
    return json.loads(json.dumps(walk.entries))


class Ordered(collections.OrderedDict):
    """A dict of a class that the reader does not know."""


class Stack(list):
    pass


class Box:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def check(value, folder, **options):
    file = folder / "made.pt"
    torch.save(value, file, **options)
    got = [e for e in entries(file, "--crc") if e["kind"] != "object"]
    want = expected(file)
    assert [e["path"] for e in got] == [e["path"] for e in want]
    for g, w in zip(got, want):
        assert g == w and json.dumps(g, sort_keys=True) == json.dumps(w, sort_keys=True)  # 1, 1.0 and True differ
    return got


DESCRIBED = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
    "complex32",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "uint16",
    "uint32",
    "uint64",
]


def bits(dtype, *shape):
    """Random bytes, NaNs and all, as a tensor of any dtype (bool: 0 and 1)."""
    count = int(numpy.prod(shape)) * dtype.itemsize
    raw = torch.from_numpy(
        numpy.random.default_rng(7).integers(0, 2 if dtype == torch.bool else 256, count, dtype=numpy.uint8)
    )
    return raw.view(dtype).view(shape)


def test_dtypes_side_by_side(tmp_path):
    """torch.save calls one function for the older dtypes and another for the younger ones, each named where it is first used."""
    kinds = [torch.float32, torch.float8_e4m3fn, torch.uint16, torch.int64]
    for order in itertools.permutations(kinds):
        check({f"{dtype} {i}": torch.ones(i + 2).to(dtype) for dtype in [*order, *order] for i in range(3)}, tmp_path)


@pytest.mark.parametrize("name", DESCRIBED)
def test_dtypes(name, tmp_path):
    t = bits(getattr(torch, name), 6, 10)
    big = bits(getattr(torch, name), 40_000)
    untyped = DESCRIBED.index(name) >= DESCRIBED.index("complex32")  # dtypes without a storage class of their own
    check(
        {
            "whole": t,
            "column": t[:, 3],
            "turned": t.t(),
            "every": t[::2, 1::3],
            "row": t[4],
            "point": t[2, 2],
            "wide": t[1:2, :1].expand(5, 7),
            "big": big,
            "back": big[17:30_001],
            "stepped": big[1::3],
            "none": t[:0],
            "storage": big.untyped_storage() if untyped else big.storage(),
        },
        tmp_path,
    )


def test_scalars(tmp_path):
    floats = [
        0.0,
        -0.0,
        1.0,
        0.1,
        1e15,
        1e16,
        123456789012345680.0,
        9007199254740993.0,
        1e-4,
        1e-5,
        5e-324,
        1.7976931348623157e308,
        -2.5e-7,
        1 / 3,
        float("nan"),
        float("inf"),
        float("-inf"),
        1e22,
        1e23,
        4.35,
        2**63,
        1e100,
    ]
    rng = random.Random(3)
    floats += [rng.uniform(-1, 1) * 10.0 ** rng.randrange(-300, 300) for _ in range(300)]
    ints = [
        0,
        1,
        -1,
        255,
        256,
        -129,
        2**31,
        2**63 - 1,
        -(2**63),
        2**63,
        -(2**63) - 1,
        2**64,
        -(2**64),
        10**18,
        10**19,
        10**27,
        2**512 - 1,
        -(2**512),
        10**1000 + 7,
    ]
    check(
        {
            "floats": floats,
            "ints": ints,
            "bools": [True, False],
            "none": None,
            "complex": [1j, -1j, 1 + 2j, complex(-0.0, 0.0), complex("nan"), complex(float("inf"), -1.5), 0j],
            "text": [
                "",
                'a"b\\c/\b\f\n\r\t\0\x7f\x80',
                "héllo – 模型 😀",
                "\ud800",
                "a\udfff\ud800b",
                "\u2028\ufeff",
                "x" * 100_000,
            ],
            "bytes": [b"", bytes(range(256)), bytearray(b"abc")],
            "size": torch.Size([2, 3]),
            "empty": [[], (), {}, set(), frozenset(), collections.OrderedDict(), torch.Size([])],
        },
        tmp_path,
    )


def test_keys(tmp_path):
    keys = [
        "",
        "a",
        "a.b/c:d",
        "\ud800",
        "é",
        0,
        7,
        -7,
        2**63,
        -(2**70),
        10**40,
        True,
        None,
        1.5,
        1e16,
        1e-5,
        float("inf"),
        -0.5,
        1e22,
        123456.789,
        2j,
        1 + 2j,
        -1.5 - 0.25j,
        complex(-0.0, 2),
        b"ab\x00'\"",
        b"it's",
        (),
        (1,),
        (1, "a"),
        (
            "it's",
            'say "hi"',
            "both ' and \"",
            "\n\t\r\\",
            "\x00\x7f\xa0\u200b\u2028\ue000\U000e0001\U0010ffff",
            "模型😀",
            "\ud83d",
        ),
        ((1, (2.5, None)), b"x", True),
        torch.float16,
        torch.bool,
        torch.Size([1, 2]),
        torch.Size([]),
        frozenset(),
        frozenset({3}),
        torch.device("cpu"),
        torch.device("cuda:1"),
        torch.strided,
        torch.per_tensor_affine,
    ]
    check({k: i for i, k in enumerate(keys)}, tmp_path)
    check({k: {k: torch.ones(1)} for k in keys}, tmp_path)
    check({False: "no", "x": {True: 1, 2: 2}}, tmp_path)


def test_repr_of_every_character(tmp_path):
    check({(chr(c),): 0 for c in range(0x3000)}, tmp_path)
    check(
        {("".join(map(chr, range(at, min(at + 0x1000, 0x110000)))),): 0 for at in range(0x3000, 0x110000, 0x1000)},
        tmp_path,
    )


def test_repr_of_random_floats(tmp_path):
    rng = random.Random(5)
    check({rng.uniform(-10, 10) * 10.0 ** rng.randrange(-30, 30): 0 for _ in range(2000)}, tmp_path)
    check(
        {complex(rng.uniform(-10, 10) * 10.0 ** rng.randrange(-30, 30), rng.uniform(-1, 1)): 0 for _ in range(500)},
        tmp_path,
    )


def test_sets(tmp_path):
    check(
        {
            "ints": {10, 9, 2, 100, -1, 0},
            "mixed": {
                1,
                "a",
                None,
                2.5,
                (1, 2),
                b"b",
                "Z",
                "é",
                frozenset({1}),
                3 + 1j,
                True + 1,
                torch.float32,
                torch.int8,
                10**30,
            },
            "text": {random.Random(1).choice(string.printable) * n for n in range(20)},
            "odd": {"\u200b", "z", "a", "\x01", "'", '"'},
            "nested": [{(1, 2), (1, 10), (1,)}],
            "frozen": frozenset("hello"),
        },
        tmp_path,
    )


def test_views(tmp_path):
    base = torch.arange(10_000, dtype=torch.float32)
    grid = base[:9984].view(8, 26, 48)
    cases = {
        "base": base,
        "tied": base,
        "view": base[:],
        "grid": grid,
        "perm": grid.permute(2, 0, 1),
        "inner": grid[:, 3:20:2, 1:40:3],
        "wide": base[5:6].expand(1000),
        "rows": grid[0, 0].expand(30, 48),
        "diagonal": grid[0, :, :26].diagonal(),
        "windows": base.unfold(0, 100, 50),
        "zero": base[:0],
        "zero_2d": base.view(100, 100)[:, :0],
        "high": torch.ones([1] * 20),
        "ones": base[:6].view(1, 2, 1, 3, 1),
        "other": torch.ones(3),
    }
    check(cases, tmp_path)
    check([t for t in cases.values()] * 3, tmp_path)
    check([base[i : i + 3] for i in range(3000)], tmp_path)


def test_large_storages(tmp_path):
    """Blocks of 1 MiB, with views that begin and end anywhere in them."""
    base = bits(torch.uint8, 3_500_001)
    cuts = [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 2**21, 3_000_000, 3_500_001]
    contiguous = [base[a:b] for a in cuts for b in cuts if a < b]
    check(contiguous, tmp_path)
    check(contiguous + [base[1::2], base[:3_500_000].view(1000, 3500).t()], tmp_path)


def test_conjugated_and_negated(tmp_path):
    for dtype in (torch.complex64, torch.complex128):
        z = torch.randn(4, 6, dtype=dtype)
        check([z.conj(), z.conj().t(), torch._neg_view(z), torch._neg_view(z.conj()), z.conj()[1:, ::2], z], tmp_path)
    half = torch.randn(30, dtype=torch.complex64).to(torch.complex32)
    check([half.conj(), half.conj()[::3], half], tmp_path)
    parts = torch.randn(4, 6, dtype=torch.complex64).conj()
    check(
        {
            "imag": parts.imag,
            "real": parts.real,
            "turned": parts.imag.t(),
            "half": torch._neg_view(torch.randn(9).half()),
        },
        tmp_path,
    )
    many = torch.randn(100_000, dtype=torch.complex64)
    check(
        [
            many.conj(),
            many.conj()[3::7],
            torch._neg_view(torch.arange(300_000, dtype=torch.int16)),
            torch._neg_view(torch.arange(50)),
        ],
        tmp_path,
    )


def test_parameters_and_gradients(tmp_path):
    p = torch.nn.Parameter(torch.randn(2, 3))
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    named = torch.nn.Parameter(torch.randn(2))
    named.note = {"a": torch.ones(1)}
    check(
        {
            "p": p,
            "frozen": frozen,
            "named": named,
            "leaf": torch.ones(2, requires_grad=True),
            "again": p,
            "data": p.data,
            "buffer": torch.nn.Buffer(torch.ones(1)),
        },
        tmp_path,
    )
    check(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict(), tmp_path)


def test_storages(tmp_path):
    t = torch.arange(10, dtype=torch.int16)
    f = torch.randn(4)
    check(
        {
            "typed": t.storage(),
            "tensor": t,
            "untyped": f.untyped_storage(),
            "empty": torch.empty(0).storage(),
            "again": t.storage(),
        },
        tmp_path,
    )
    check([t.untyped_storage(), t.untyped_storage()], tmp_path)


def test_empty_and_meta_storages_are_never_shared(tmp_path):
    e = torch.empty(0)
    m = torch.empty(3, 4, device="meta")
    check(
        {
            "a": e,
            "b": e,
            "c": e[:0],
            "d": torch.ones(2),
            "m": m,
            "n": m,
            "t": m.t(),
            "z": torch.empty(0, device="meta"),
            "e": torch.ones(2),
        },
        tmp_path,
    )


def test_numpy(tmp_path):
    array = numpy.arange(24, dtype=numpy.float64).reshape(2, 3, 4)
    check(
        {
            "array": array,
            "same": array,
            "fortran": numpy.asfortranarray(array),
            "zero_d": numpy.array(3.5),
            "empty": numpy.zeros((3, 0, 2)),
            "tensor": torch.ones(2),
            "kinds": [numpy.arange(5).astype(d) for d in "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 b1 c8 c16".split()],
            "scalars": [numpy.dtype(d).type(1) for d in "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 b1 c8 c16".split()],
            "str": numpy.str_("hé"),
            "f32": numpy.float32(0.1),
            "big": numpy.uint64(2**64 - 1),
        },
        tmp_path,
    )


def test_constants_of_torch(tmp_path):
    check(
        {
            "dtypes": [torch.float32, torch.int8, torch.bfloat16, torch.float8_e5m2],
            "devices": [torch.device("cpu"), torch.device("cuda", 3), torch.device("meta")],
            "layouts": [torch.strided, torch.sparse_coo],
            "schemes": [torch.per_tensor_affine],
        },
        tmp_path,
    )


def test_objects_show_their_state(tmp_path):
    check(
        {"box": Box(a=1, t=torch.ones(2), inner=Box(b=[Box(c=None)])), "empty": {"x": Box(y=Box(z=0)), "y": Box()}},
        tmp_path,
    )
    check(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout()), tmp_path)


def test_dicts_and_lists_of_other_classes(tmp_path):
    o = Ordered(a=1, b=torch.ones(2))
    o.note = "an attribute"
    d = collections.defaultdict(list, {"k": [1]})
    check(
        {
            "ordered": o,
            "default": d,
            "counter": collections.Counter("hello"),
            "stack": Stack([1, [2]]),
            "plain": collections.OrderedDict(a=1),
        },
        tmp_path,
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols(protocol, tmp_path):
    check(
        {
            "a": torch.arange(5),
            "text": "é" * 300,
            "bytes": b"\x00\xff",
            "set": {1, 2},
            "frozen": frozenset({"a"}),
            "big": 2**100,
            "array": numpy.arange(3),
            "tuple": (1, 2, 3, 4, (5,)),
            "list": list(range(2000)),
            "dict": {str(i): i for i in range(2000)},
            "bytearray": bytearray(b"abc"),
            "box": Box(x=1),
            "ordered": collections.OrderedDict(a=1),
        },
        tmp_path,
        pickle_protocol=protocol,
    )


def test_shared_and_deep_values(tmp_path):
    shared = {"t": torch.ones(3), "l": [1, 2]}
    deep = leaf = []
    for _ in range(300):
        leaf.append([])
        leaf = leaf[0]
    check({"x": shared, "y": shared, "z": [shared] * 5, "deep": deep}, tmp_path)
    check(torch.ones(2), tmp_path)
    check(None, tmp_path)
    check([], tmp_path)


@pytest.mark.parametrize("tag", ["cuda:0", "cuda:12", "mps", "xpu:1", "something odd é\u2028"])
def test_locations_are_those_of_the_file(tag, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: tag)
    got = check({"a": torch.ones(3), "b": torch.zeros(0), "c": torch.ones(2).untyped_storage()}, tmp_path)
    assert {e["location"] for e in got} == {tag}


def test_random_trees(tmp_path):
    rng = random.Random(11)
    tensors = [torch.randn(3), torch.arange(6).view(2, 3).t(), torch.ones(2, 2)[0]]

    def make(depth):
        leaves = [
            None,
            True,
            1.5,
            -3,
            2**80,
            "s",
            b"b",
            rng.choice(tensors),
            torch.int8,
            rng.random(),
            rng.randrange(10**6),
        ]
        if depth == 0 or rng.random() < 0.3:
            return rng.choice(leaves)
        children = [make(depth - 1) for _ in range(rng.randrange(5))]
        kind = rng.choice(["list", "tuple", "dict", "ordered", "box"])
        if kind == "list":
            return children
        if kind == "tuple":
            return tuple(children)
        keys = [rng.choice([str(i), i, (i, "k"), float(i) + 0.5, f"a.{i}"]) for i in range(len(children))]
        if kind == "box":
            return Box(**{f"k{i}": c for i, c in enumerate(children)})
        return (dict if kind == "dict" else collections.OrderedDict)(zip(keys, children))

    for _ in range(30):
        check([make(5) for _ in range(5)], tmp_path)


def test_what_the_oracle_does_not_describe(tmp_path):
    """Its arguments and its state, below the name of its class."""
    file = tmp_path / "made.pt"
    torch.save(
        {
            "sparse": torch.eye(3).to_sparse(),
            "when": __import__("datetime").timedelta(1, 2),
            "class": collections.OrderedDict,
            "after": torch.ones(1),
        },
        file,
    )
    got = entries(file, "--crc")
    rows = {tuple(e["path"]): e for e in got}
    assert rows[("sparse",)] == {"path": ["sparse"], "kind": "object", "value": "torch._utils._rebuild_sparse_tensor"}
    assert rows[("sparse", "args", 0)]["value"] == "torch.sparse_coo"
    assert [e["dtype"] for e in got if e["path"][:3] == ["sparse", "args", 1] and e["kind"] == "tensor"] == [
        "int64",
        "float32",
    ]
    assert [e["value"] for e in got if e["path"][0] == "when"] == ["datetime.timedelta", 1, 2, 0]
    assert rows[("class",)] == {"path": ["class"], "kind": "object", "value": "collections.OrderedDict"}
    assert rows[("after",)]["storage"] == 2


def test_script_agrees_with_the_module(tmp_path):
    """The oracle as its own documentation runs it, once: that this file calls it rightly."""
    file = tmp_path / "made.pt"
    torch.save({"a": torch.ones(2), "b": 1}, file)
    done = subprocess.run([sys.executable, "-B", str(ORACLE), str(file)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["entries"] == expected(file) == entries(file, "--crc")
