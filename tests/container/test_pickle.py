"""Pickles that Python and PyTorch write are read by tarc, and what tarc writes is read by both."""
import collections
import io
import json
import math
import os
import pathlib
import pickle
import random
import subprocess
import sys
import zipfile

import numpy
import pytest
import torch

PROGRAMS = pathlib.Path(os.environ["TARC_BIN"]) / "programs"
SHARED = os.environ.get("TARC_SHARED")
needs_shared = pytest.mark.skipif(not SHARED, reason="TARC_SHARED is not set: no fixtures and no corpus here")


def dump(paths):
    """What tarc reads from each file: (value as nested JSON, or None; error message, or None)."""
    done = subprocess.run([PROGRAMS / "pickle_dump", *map(str, paths)], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(paths)
    return [(None, bytes.fromhex(d["message"]).decode()) if isinstance(d, dict) else (d, None) for d in lines]


def copy(pairs):
    arguments = [str(p) for pair in pairs for p in pair]
    done = subprocess.run([PROGRAMS / "pickle_copy", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def text(h):
    return bytes.fromhex(h).decode("utf-8", "surrogatepass")


def value(j):
    """The Python value that a dumped one stands for; tensors, objects and names stay JSON."""
    kind, *rest = j
    if kind in ("tensor", "storage", "global", "object", "constant"):
        return j
    if kind == "none":
        return None
    if kind == "bool":
        return rest[0]
    if kind == "int":
        return int(rest[0])
    if kind == "big":
        return int.from_bytes(bytes.fromhex(rest[0]), "little", signed=True)
    if kind == "float":
        return float.fromhex(rest[0])
    if kind == "complex":
        return complex(float.fromhex(rest[0]), float.fromhex(rest[1]))
    if kind == "str":
        return text(rest[0])
    if kind in ("bytes", "bytearray"):
        return {"bytes": bytes, "bytearray": bytearray}[kind](bytes.fromhex(rest[0]))
    if kind in ("dict", "ordered", "counter", "defaultdict"):
        cls = {"dict": dict, "ordered": collections.OrderedDict, "counter": collections.Counter,
               "defaultdict": lambda: collections.defaultdict(int)}[kind]()
        for k, v in rest[0]:
            dict.__setitem__(cls, value(k), value(v))
        return cls
    cls = {"list": list, "tuple": tuple, "size": torch.Size, "set": set, "frozenset": frozenset}[kind]
    return cls(value(i) for i in rest[0])


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(k, m) and same(v, w) for (k, v), (m, w) in zip(a.items(), b.items()))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


shared_list = [1, "two"]
VALUES = {
    "none": None,
    "bools": [True, False],
    "ints": [0, 1, -1, 255, 256, 65535, 65536, -(2**31), 2**31 - 1, 2**31, 2**63 - 1, -(2**63)],
    "big ints": [2**63, 2**64 - 1, -(2**63) - 1, 2**200, -(2**200), 2**2039 - 1, -(2**2039)],
    "every length": [s * (1 << n) + d for n in range(0, 300, 7) for s in (1, -1) for d in (-1, 0, 1)],
    "floats": [0.0, -0.0, 1.5, -1e300, 5e-324, 0.1, math.pi, math.inf, -math.inf, math.nan],
    "complex": [1 + 2j, complex(-0.0, math.inf), complex(math.nan, -0.0)],
    "strings": ["", "a", "ü", "日本語", "\U0001f600", "\ud800", "a\nb\\u0041\\", "\0", "x" * 300, "y" * 70000],
    "bytes": [b"", b"abc", bytes(range(256)), b"z" * 300, b"z" * 70000],
    "bytearray": [bytearray(), bytearray(b"abc"), bytearray(range(256))],
    "lists": [[], [1], [1, [2, [3, []]]], list(range(3000))],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),))],
    "sets": [set(), {1}, {"a", 2, (3, 4)}, set(range(3000))],
    "frozensets": [frozenset(), frozenset({1, "b"}), {frozenset({1, 2}): 1}],
    "dicts": [{}, {"a": 1}, {i: str(i) for i in range(3000)}],
    "keys": {1: "int", "1": "str", None: "none", (1, "a"): "tuple", 2.5: "float", b"1": "bytes", 3j: "complex",
             2**70: "big", -7: "negative", (): "empty", ((1,), (2,)): "nested"},
    "ordered": collections.OrderedDict([("z", 1), ("a", collections.OrderedDict())]),
    "counter": collections.Counter("abracadabra"),
    "defaultdict": collections.defaultdict(int, {"a": 1, "b": 2}),
    "shared": [shared_list, shared_list, {"again": shared_list}],
    "repeated strings": [{"exp_avg": i, "step": "exp_avg"} for i in range(400)],
    "deep": __import__("functools").reduce(lambda x, _: [x], range(40), "bottom"),
}


@pytest.mark.parametrize("protocol", range(6))
def test_python_values_are_read(protocol, tmp_path):
    paths = []
    for name, v in VALUES.items():
        paths.append(tmp_path / name.replace(" ", "_"))
        paths[-1].write_bytes(pickle.dumps(v, protocol))
    for (name, v), (got, error) in zip(VALUES.items(), dump(paths)):
        assert error is None, (name, error)
        assert same(value(got), v), (name, value(got), v)


def test_python_reads_what_tarc_writes(tmp_path):
    """Values come back equal, from PyTorch's restricted unpickler and from Python's own; both Pythons agree."""
    pairs = []
    for name, v in VALUES.items():
        pairs.append((tmp_path / (name.replace(" ", "_") + ".in"), tmp_path / (name.replace(" ", "_") + ".out")))
        pairs[-1][0].write_bytes(pickle.dumps(v, 4))
    for (name, v), (_, out), line in zip(VALUES.items(), pairs, copy(pairs)):
        if name == "frozensets":  # a frozenset would be written as a set, which is no key
            assert line.startswith("error") and "cannot hash" in line
            continue
        assert line == "ok", (name, line)
        written = out.read_bytes()
        plain = {"defaultdict": dict}.get(name, lambda x: x)(v)
        for read in (pickle.loads, lambda b: torch._weights_only_unpickler.load(io.BytesIO(b))):
            assert same(read(written), plain), name


def test_sharing_and_cycles_survive(tmp_path):
    ring = [1]
    ring.append({"ring": ring})
    inner = ["x" * 1000]
    v = {"ring": ring, "a": inner, "b": inner, "t": (inner, inner)}
    v["t2"] = v["t"]
    (tmp_path / "in").write_bytes(pickle.dumps(v, 2))
    assert copy([(tmp_path / "in", tmp_path / "out")]) == ["ok"]
    r = torch._weights_only_unpickler.load(io.BytesIO((tmp_path / "out").read_bytes()))
    assert r["ring"][1]["ring"] is r["ring"]
    assert r["a"] is r["b"] is r["t"][0] and r["t"] is r["t2"]


def test_billion_laughs_stays_small(tmp_path):
    v = ["lol"]
    for _ in range(60):
        v = [v] * 10
    (tmp_path / "in").write_bytes(pickle.dumps(v, 2))
    assert copy([(tmp_path / "in", tmp_path / "out")]) == ["ok"]
    assert (tmp_path / "out").stat().st_size < 10000
    t = ("lol",)
    for _ in range(60):
        t = (t, t)
    (tmp_path / "in").write_bytes(pickle.dumps(t, 2))
    assert copy([(tmp_path / "in", tmp_path / "out")]) == ["ok"]
    assert (tmp_path / "out").stat().st_size < 2000


def test_depth_is_no_problem(tmp_path):
    n = 300000
    (tmp_path / "in").write_bytes(b"\x80\x02" + b"]" * n + b"a" * (n - 1) + b".")
    assert copy([(tmp_path / "in", tmp_path / "out")]) == ["ok"]
    depth, v = 0, torch._weights_only_unpickler.load(io.BytesIO((tmp_path / "out").read_bytes()))
    while v:
        depth, v = depth + 1, v.pop()
    assert depth == n - 1


class Plain:
    pass


class Sub(dict):
    pass


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize("protocol", range(6))
def test_objects_are_inert(protocol, tmp_path):
    plain = Plain()
    plain.a, plain.b = 1, [2]
    sub = Sub(x=1)
    values = [plain, Point(1, 2), pathlib.PurePosixPath("/x"), sub, collections.deque([1, 2]), range(3), len, Plain, 1 + 0j]
    paths = []
    for i, v in enumerate(values):
        paths.append(tmp_path / str(i))
        paths[-1].write_bytes(pickle.dumps(v, protocol))
    results = dump(paths)
    assert [e for _, e in results] == [None] * len(values)
    kinds = [g[0] for g, _ in results]
    point = "object" if protocol < 2 else "tuple"  # its class makes it of its elements
    assert kinds == ["object", point] + ["object"] * 4 + ["global"] * 2 + ["complex"]
    o = results[0][0][1]
    assert text(o["class"][2]) == "Plain" and o["args"] == ["tuple", []]
    assert value(o["state"]) == {"a": 1, "b": [2]}
    assert text(results[6][0][2]) == "len"


def test_plain_objects_are_written_as_their_state(tmp_path):
    plain = Plain()
    plain.a, plain.inner = 1, Plain()
    plain.inner.b = "x"
    plain.inner.up = plain
    (tmp_path / "in").write_bytes(pickle.dumps(plain, 2))
    assert copy([(tmp_path / "in", tmp_path / "out")]) == ["ok"]
    r = torch._weights_only_unpickler.load(io.BytesIO((tmp_path / "out").read_bytes()))
    assert r["a"] == 1 and r["inner"]["b"] == "x" and r["inner"]["up"] is r
    (tmp_path / "in").write_bytes(pickle.dumps({"k": [0, {"p": pathlib.PurePosixPath("/x")}]}, 2))
    line, = copy([(tmp_path / "in", tmp_path / "out")])
    assert line.startswith("error") and ".PurePosixPath" in line and "[field k/1/p]" in line


def test_derived_values_are_written_as_what_they_derive_from(tmp_path):
    values = {"point": Point(1, [2]), "sub": Sub(x=1), "size": torch.Size([1])}
    (tmp_path / "in").write_bytes(pickle.dumps(values, 2))
    assert copy([(tmp_path / "in", tmp_path / "out")]) == ["ok"]
    r = torch._weights_only_unpickler.load(io.BytesIO((tmp_path / "out").read_bytes()))
    assert r == {"point": (1, [2]), "sub": {"x": 1}, "size": torch.Size([1])}
    assert type(r["point"]) is tuple and type(r["sub"]) is dict and type(r["size"]) is torch.Size


NUMPY = [numpy.float64(1.5), numpy.float32(0.1), numpy.float16(2.5), numpy.int64(-5), numpy.int8(-1), numpy.uint64(2**64 - 1),
         numpy.uint16(7), numpy.bool_(True), numpy.complex64(1 + 2j), numpy.complex128(3j), numpy.str_("héllo")]


@pytest.mark.parametrize("protocol", range(6))
def test_numpy(protocol, tmp_path):
    arrays = [numpy.arange(6).astype(d).reshape(2, 3) for d in "bBhHiIlLefdFD?"]
    arrays += [numpy.asfortranarray(arrays[0]), numpy.zeros((0, 4)), numpy.array(3.5), numpy.arange(5)[::2]]
    opaque = [numpy.arange(3, dtype=">i4"), numpy.array([None, 1]), numpy.array(["a", "b"]),
              numpy.zeros(2, dtype=[("a", "i4"), ("b", "f8")])]
    paths = []
    for i, v in enumerate(NUMPY + arrays + opaque):
        paths.append(tmp_path / str(i))
        paths[-1].write_bytes(pickle.dumps(v, protocol))
    results = dump(paths)
    for v, (got, error) in zip(NUMPY + arrays + opaque, results):
        assert error is None, (v, error)
        if isinstance(v, numpy.generic):
            assert same(value(got), v.item()), v
        elif any(v is o for o in opaque):
            assert got[0] == "object", v
        else:
            t, expected = got[1], torch.from_numpy(numpy.array(v))
            assert t["dtype"] == str(expected.dtype)[6:] and t["shape"] == list(v.shape), v
            raw = bytes.fromhex(t["storage"]["live"])
            back = numpy.ndarray(v.shape, v.dtype, raw, strides=[s * v.itemsize for s in t["stride"]]) if v.size else v
            assert (back == v).all() and text(t["storage"]["location"]) == "cpu"


# -- PyTorch -----------------------------------------------------------------------------------------------------------


def data_pkl(path):
    with zipfile.ZipFile(path) as z:
        return next((z.read(n), n[: -len("data.pkl")]) for n in z.namelist() if n.endswith("data.pkl"))


def rewritten(source, target, tmp_path):
    """`source` with its pickle as tarc writes it again, or the line that says why not."""
    pkl, root = data_pkl(source)
    (tmp_path / "in").write_bytes(pkl)
    line, = copy([(tmp_path / "in", tmp_path / "out")])
    if not line.startswith("ok"):
        return line
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        names = old.namelist()
        new.writestr("archive/data.pkl", (tmp_path / "out").read_bytes())
        if root + "byteorder" in names:
            new.writestr("archive/byteorder", old.read(root + "byteorder"))
        for i, key in enumerate(line.split()[1:]):
            new.writestr(f"archive/data/{i}", old.read(f"{root}data/{key}"))
        new.writestr("archive/version", "3\n")
    return "ok"


def described(t):
    return (t.dtype, tuple(t.shape), t.stride(), t.storage_offset(), t.requires_grad, t.is_conj(), t.is_neg(), type(t))


V2 = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
      torch.uint8, torch.bool, torch.complex64, torch.complex128]
V3 = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
      torch.float4_e2m1fn_x2, torch.uint16, torch.uint32, torch.uint64, torch.complex32]


def everything():
    base = torch.arange(24.0).reshape(4, 6)
    parameter = torch.nn.Parameter(torch.ones(3))
    with_state = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    with_state.note = "kept"
    tensor_with_state = torch.zeros(3, requires_grad=True)
    tensor_with_state.tag = {"k": [1]}
    conj = torch.tensor([1 + 2j, 3 - 1j])
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    return {
        "dtypes": {str(d): torch.zeros(2, 3, dtype=torch.uint8).to(d) for d in V2},
        "new dtypes": {str(d): torch.zeros(6 * d.itemsize, dtype=torch.uint8).view(d) for d in V3},
        "views": [base, base.t(), base[1:3, 2], base[::2], base.expand(2, 4, 6), base[0, 0], base[:0]],
        "bits": [conj.conj(), conj, torch.tensor([1 + 2j, 3 - 1j]).conj().imag],
        "parameter": parameter, "same": parameter, "with_state": with_state, "tensor_with_state": tensor_with_state,
        "grad": torch.ones(2, requires_grad=True), "meta": torch.empty(2, 3, dtype=torch.float16, device="meta"),
        "scalar": torch.tensor(3.5), "empty": torch.empty(0), "no elements": torch.empty(2, 0, 3),
        "constants": [torch.float16, torch.bool, torch.uint16, torch.device("cuda:1"), torch.device("cpu"), torch.strided,
                      torch.per_tensor_affine, torch.Size([1, 2]), torch.Size([])],
        "state_dict": model.state_dict(),
        "bytes": [b"", b"\0\xff", bytearray(b"ab")], "python": [None, True, 2**70, -1.5, 1j, {1, 2}, (1,)],
        "storages": [torch.arange(3).untyped_storage()],
        "sparse": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(),
        "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
    }


def compare(a, b, path=""):
    assert type(a) is type(b), path
    if isinstance(a, torch.Tensor) and a.layout == torch.strided and not a.is_quantized:
        assert described(a) == described(b), path
        if a.device.type != "meta":
            assert a.untyped_storage().tolist() == b.untyped_storage().tolist(), path
        assert vars(a) == vars(b), path
    elif isinstance(a, torch.Tensor):
        assert a.layout == b.layout and torch.equal(a.to_dense() if not a.is_quantized else a.int_repr(),
                                                    b.to_dense() if not b.is_quantized else b.int_repr()), path
    elif isinstance(a, dict):
        assert list(a) == list(b), path
        for k in a:
            compare(a[k], b[k], f"{path}/{k}")
        if isinstance(a, collections.OrderedDict):
            assert vars(a) == vars(b), path
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b)):
            compare(x, y, f"{path}/{i}")
    elif isinstance(a, (torch.UntypedStorage, torch.storage.TypedStorage)):
        assert a.tolist() == b.tolist(), path
    else:
        assert a == b, path


def test_torch_values_survive(tmp_path):
    original = everything()
    torch.save(original, tmp_path / "a.pt")
    assert rewritten(tmp_path / "a.pt", tmp_path / "b.pt", tmp_path) == "ok"
    a = torch.load(tmp_path / "a.pt", weights_only=False)  # its own form of b"" is refused by weights_only
    b = torch.load(tmp_path / "b.pt", weights_only=True)
    compare(a, b)
    assert b["parameter"] is b["same"]
    storages = {v.untyped_storage()._cdata for v in b["views"]}
    assert len(storages) == 1
    assert b["state_dict"]._metadata == original["state_dict"]._metadata
    assert (tmp_path / "out").stat().st_size <= len(data_pkl(tmp_path / "a.pt")[0])
    # and what was written once is written the same again
    first = (tmp_path / "out").read_bytes()
    assert rewritten(tmp_path / "b.pt", tmp_path / "c.pt", tmp_path) == "ok"
    assert (tmp_path / "out").read_bytes() == first


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_torch_values_of_other_protocols(protocol, tmp_path):
    original = everything()
    torch.save(original, tmp_path / "a.pt", pickle_protocol=protocol)
    assert rewritten(tmp_path / "a.pt", tmp_path / "b.pt", tmp_path) == "ok"
    compare(torch.load(tmp_path / "a.pt", weights_only=False), torch.load(tmp_path / "b.pt", weights_only=True))


def test_what_torch_values_look_like(tmp_path):
    torch.save(everything(), tmp_path / "a.pt")
    (tmp_path / "pkl").write_bytes(data_pkl(tmp_path / "a.pt")[0])
    (got, error), = dump([tmp_path / "pkl"])
    assert error is None
    top = {text(k[1]): v for k, v in got[1]}
    assert [c[0] for c in top["constants"][1]] == ["global"] * 3 + ["constant"] * 3 + ["global", "size", "size"]
    assert [text(c[1]) for c in top["constants"][1][3:6]] == ["cuda:1", "cpu", "torch.strided"]
    assert top["with_state"][1]["parameter"] and value(top["with_state"][1]["attributes"]) == {"note": "kept"}
    assert not top["tensor_with_state"][1]["parameter"]
    assert value(top["tensor_with_state"][1]["attributes"]) == {"tag": {"k": [1]}}
    assert top["meta"][1]["storage"] is None and top["meta"][1]["shape"] == [2, 3]
    assert [v[1]["conj"] for v in top["bits"][1]] == [True, False, False]
    assert [v[1]["neg"] for v in top["bits"][1]] == [False, False, True]
    assert [v[1]["dtype"] for _, v in top["new dtypes"][1]] == [str(d)[6:] for d in V3]
    assert value(top["state_dict"])
    assert [top[k][0] for k in ("sparse", "csr", "quantized", "same")] == ["object"] * 3 + ["tensor"]


def test_optimizers_and_schedulers(tmp_path):
    model = torch.nn.Linear(3, 2)
    for cls in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad):
        o = cls(model.parameters(), lr=0.1)
        s = torch.optim.lr_scheduler.StepLR(o, 2)
        model(torch.ones(3)).sum().backward()
        o.step()
        s.step()
        torch.save({"o": o.state_dict(), "s": s.state_dict(), "rng": torch.get_rng_state()}, tmp_path / "a.pt")
        assert rewritten(tmp_path / "a.pt", tmp_path / "b.pt", tmp_path) == "ok"
        compare(*(torch.load(tmp_path / f, weights_only=True) for f in ("a.pt", "b.pt")))


def test_many_tensors_cost_few_bytes(tmp_path):
    n = 3000
    torch.save({f"layer.{i}.weight": torch.zeros(1) for i in range(n)}, tmp_path / "a.pt")
    assert rewritten(tmp_path / "a.pt", tmp_path / "b.pt", tmp_path) == "ok"
    ours = (tmp_path / "out").stat().st_size / n
    assert ours < 100 and ours < len(data_pkl(tmp_path / "a.pt")[0]) / n


# -- files of others ---------------------------------------------------------------------------------------------------


def shared_archives():
    folders = [pathlib.Path(SHARED) / "fixtures", pathlib.Path(SHARED) / "corpus/real"]
    files = [p for f in folders for p in sorted(f.rglob("*")) if p.is_file() and p.suffix not in (".json", ".py")]
    return [p for p in files if zipfile.is_zipfile(p) and any(n.endswith("data.pkl") for n in zipfile.ZipFile(p).namelist())]


@needs_shared
def test_every_real_pickle_is_read_and_written(tmp_path):
    archives = shared_archives()
    assert len(archives) > 100
    for i, path in enumerate(archives):
        (tmp_path / f"{i}.in").write_bytes(data_pkl(path)[0])
    results = dump([tmp_path / f"{i}.in" for i in range(len(archives))])
    assert [(p, e) for p, (_, e) in zip(archives, results) if e] == []


@needs_shared
def test_every_real_file_is_the_same_when_rewritten(tmp_path):
    sys.path.insert(0, str(pathlib.Path(SHARED) / "fixtures"))
    import oracle

    compared = 0
    for path in shared_archives():
        expected = pathlib.Path(str(path) + ".json")
        if not expected.exists():
            continue
        assert rewritten(path, tmp_path / "b.pt", tmp_path) == "ok", path
        walk = oracle.Walk()
        walk.visit([], oracle.load(str(tmp_path / "b.pt"), walk.located, False))
        got = json.loads(json.dumps({"entries": walk.entries}))
        assert got == json.loads(expected.read_text()), path
        compared += 1
    assert compared > 100


@needs_shared
def test_hostile_pickles_give_a_tree_or_an_error():
    files = sorted(p for p in (pathlib.Path(SHARED) / "corpus/pickle").rglob("*") if p.is_file())
    assert len(files) > 100
    results = dump(files)
    trees = sum(error is None for _, error in results)
    assert trees > 50 and len(results) - trees > 20
    for path, (_, error) in zip(files, results):
        assert error is None or "[record data.pkl, at byte" in error, path


def test_random_bytes_never_crash(tmp_path):
    rng = random.Random(1)
    seeds = [pickle.dumps(v, p) for v in VALUES.values() for p in range(6) if len(pickle.dumps(v, p)) < 4000]
    paths = []
    for i in range(600):
        b = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 6)):
            b[rng.randrange(len(b))] = rng.choice(b".(]}qh0R\x85\x81b" + bytes([rng.randrange(256)]))
        paths.append(tmp_path / str(i))
        paths[-1].write_bytes(b)
    dump(paths)
