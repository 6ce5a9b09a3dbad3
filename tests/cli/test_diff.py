"""`tarc diff` against what PyTorch computes of the same two files."""

# labels: sanitize
import collections
import json
import math
import pathlib
import resource

import numpy
import pytest
import torch

from command_line import TARC, failed, tarc


def diff(a, b, *options):
    """The differences by path, and whether there are none."""
    done = tarc("diff", *options, "--json", a, b)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["equal"] else 1), done.stderr
    if found["differences"]:
        assert " differ: " in failed(done)
    return {tuple(d["path"]): d for d in found["differences"]}, found["equal_values"]


def saved(folder, **files):
    for name, value in files.items():
        torch.save(value, folder / f"{name}.pt")
    return [folder / f"{name}.pt" for name in files]


def expected(a, b):
    """Of two tensors of one shape: how many elements differ, the greatest difference, and where it is."""
    wide = torch.complex128 if a.is_complex() or b.is_complex() else torch.float64
    if not any(t.is_floating_point() or t.is_complex() for t in (a, b)):
        wide = torch.int64
    x, y = a.detach().to(wide), b.detach().to(wide)
    both_nan = x.isnan() & y.isnan()
    differ = (x != y) & ~both_nan
    gap = torch.where(differ, (x - y).abs(), torch.zeros((), dtype=wide).abs())
    one_nan = gap.isnan()
    gap = gap.nan_to_num(nan=-1.0, posinf=math.inf) if gap.is_floating_point() else gap
    at = numpy.unravel_index(int(gap.flatten().argmax()), gap.shape)
    return int(differ.sum()), int(one_nan.sum()), gap.flatten().max().item(), [int(i) for i in at]


def changed(t, *places):
    """A copy in other memory, with other values at places."""
    t = t.clone()
    for at, value in places:
        t.view(-1)[at] = value
    return t


def test_numbers_are_those_of_pytorch(tmp_path):
    torch.manual_seed(3)
    pairs = {}
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        t = torch.randn(7, 11).to(dtype)
        pairs[f"{dtype}"] = t, (t.float() + 0.25 * torch.randn(7, 11) * (torch.rand(7, 11) > 0.5)).to(dtype)
    for dtype in (torch.complex64, torch.complex128):
        t = torch.randn(5, 3, 4, dtype=dtype)
        pairs[f"{dtype}"] = t, t + torch.randn(5, 3, 4, dtype=dtype)
        pairs[f"conj {dtype}"] = t.conj(), t
    for dtype in (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8):
        t = torch.randint(0, 100, (60, 70)).to(dtype)
        pairs[f"{dtype}"] = t, changed(t, (4000, 127), (17, 126))
    pairs["far"] = torch.tensor([2**62, -(2**62), 5]), torch.tensor([-(2**61), 2**61 - 1, 6])
    pairs["bool"] = torch.tensor([True, False, True]), torch.tensor([True, True, False])
    t = torch.randn(300, 200)  # several blocks of elements
    pairs["turned"] = t.t(), t.t().contiguous() + 0.001 * torch.rand(200, 300)
    pairs["expanded"] = torch.ones(1, 3).expand(4, 3), torch.arange(12.0).view(4, 3)
    pairs["0-d"] = torch.tensor(1.5), torch.tensor(-2.25)
    pairs["nan"] = torch.tensor([1.0, math.nan, math.nan, 2.0]), torch.tensor([1.5, math.nan, 3.0, math.nan])
    pairs["infinite"] = torch.tensor([math.inf, -math.inf, 1.0]), torch.tensor([math.inf, 5.0, 1.0])
    for other in (torch.float16, torch.bfloat16, torch.float64, torch.int32):
        pairs[f"float32 {other}"] = (t := torch.randn(33) * 9), t.to(other)
    a, b = saved(tmp_path, a={k: p[0] for k, p in pairs.items()}, b={k: p[1] for k, p in pairs.items()})
    found, _ = diff(a, b)
    for name, (x, y) in pairs.items():
        different, only_nan, most, at = expected(x, y)
        if different == 0 and x.dtype == y.dtype:
            assert (name,) not in found
            continue
        d = found[(name,)]
        assert d["what"] == ("values" if x.dtype == y.dtype else "dtype"), name
        assert d["elements"] == x.numel() and d["different"] == different, name
        if different != 0:
            assert (float(d["max_abs"]), d["at"], d["only_nan"]) == (pytest.approx(most, rel=1e-15), at, only_nan), name
        if name == "far":
            assert d["max_abs"] == float(2**62 + 2**61)
    back, _ = diff(b, a)
    assert {k: v.get("max_abs") for k, v in back.items()} == {k: v.get("max_abs") for k, v in found.items()}


def test_how_equal_values_are_stored_makes_no_difference(tmp_path):
    w = torch.randn(6, 8)
    w[1, 2] = math.nan
    big = torch.randn(100, 8)
    big[40:46] = w
    a, b = saved(
        tmp_path,
        a={"w": w, "tied": w, "turned": w.t(), "minus": torch.tensor([-0.0, 1.0]), "p": torch.nn.Parameter(w), "n": math.nan,
           "conj": torch.ones(3, dtype=torch.complex64).mul(1j).conj(), "list": [1, "x"], "meta": torch.empty(3, device="meta")},
        b=collections.OrderedDict(
            meta=torch.empty(3, device="meta"), list=[1, "x"], n=math.nan, conj=torch.full((3,), -1j), p=w.clone(),
            minus=torch.tensor([0.0, 1.0]), turned=w.t().contiguous(), tied=w.clone(), w=big[40:46]),
    )
    assert diff(a, b) == ({}, 10) == diff(b, a)
    done = tarc("diff", a, b)
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"{a} and {b} are equal: 10 values\n", b"")
    own = tmp_path / "own.pt"
    torch.save({"w": w, "b": torch.arange(5)}, a)
    assert tarc("convert", a, own).returncode == 0
    assert diff(a, own) == ({}, 2)


def test_what_is_no_tensor(tmp_path):
    a, b = saved(
        tmp_path,
        a={"same": 2**100, "epoch": 5, "kind": 5, "text": "é", "gone": {"x": None}, "empty": {}, 1: "int", "c": 1j, "d": torch.float32,
           "shape": torch.ones(2, 3), "list": [1, 2, 3], "tensor": torch.ones(2), "big": 2**70, "obj": collections.Counter},
        b={"same": 2**100, "epoch": 6, "kind": 5.0, "text": "e", "new": torch.ones(4), "empty": {}, "1": "int", "c": 2j, "d": torch.float16,
           "shape": torch.ones(3, 2), "list": [1, 2], "tensor": [1.0, 1.0], "big": 2**70 + 1, "obj": collections.deque},
    )
    found, equal = diff(a, b)
    assert equal == 4  # same, empty, list/0, list/1
    assert {k: d["what"] for k, d in found.items()} == {
        ("epoch",): "values", ("kind",): "kind", ("text",): "values", ("gone", "x"): "only_in_a", (1,): "only_in_a",
        ("c",): "values", ("d",): "values", ("shape",): "shape", ("list", 2): "only_in_a", ("tensor",): "only_in_a",
        ("big",): "values", ("obj",): "values", ("new",): "only_in_b", ("1",): "only_in_b",
        ("tensor", 0): "only_in_b", ("tensor", 1): "only_in_b"}  # fmt: skip
    assert found[("epoch",)]["a"] == {"kind": "int", "value": 5} and found[("kind",)]["b"] == {"kind": "float", "value": 5.0}
    assert found[("shape",)]["a"] == {"kind": "tensor", "dtype": "float32", "shape": [2, 3]}


def test_lines_for_people(tmp_path):
    w = torch.arange(6.0).view(2, 3)
    a, b = saved(tmp_path, a={"epoch": 5, "w": w, "h": w, "old\n": w, "n": torch.tensor([math.nan, 1])},
                 b={"epoch": 6, "w": changed(w, (4, 4.5)), "h": w.half(), "new": 1, "n": torch.tensor([1, 1.0])})  # fmt: skip
    done = tarc("diff", a.name, b.name, cwd=tmp_path)
    assert done.stdout.decode() == """\
~ epoch  5 -> 6
~ w      1 of 6 elements differs, by at most 0.5 at [1, 1]: 4 -> 4.5
~ h      float32 [2, 3] -> float16 [2, 3]; all elements are equal
- old\\n  float32 [2, 3]
~ n      1 of 2 elements differs, the first one at [0]: nan -> 1
+ new    int 1
"""
    assert failed(done) == "a.pt and b.pt differ: 4 values differ, 1 only in a.pt, 1 only in b.pt, 0 equal"


def test_other_formats(tmp_path):
    from safetensors.torch import save_file

    state = {"a.weight": torch.randn(3, 4), "a.bias": torch.randn(3).bfloat16()}
    (nested,) = saved(tmp_path, nested={"a": {"weight": state["a.weight"], "bias": state["a.bias"]}})
    flat = tmp_path / "flat.safetensors"
    save_file(state, flat)
    assert diff(nested, flat) == ({}, 2)
    (other,) = saved(tmp_path, other=state | {"a.bias": state["a.bias"] + 1})
    assert set(diff(flat, other)[0]) == {("a.bias",)}
    arrays = tmp_path / "arrays.npz"
    numpy.savez(arrays, **{"a.weight": state["a.weight"].numpy().T.copy().T, "n": 5})  # in Fortran's order
    found, equal = diff(arrays, flat)
    assert equal == 1 and {k: d["what"] for k, d in found.items()} == {("n",): "only_in_a", ("a.bias",): "only_in_b"}


def test_great_storages_are_not_held(tmp_path):
    """A storage of 160 MiB, and views of it in any order, in less memory than one of it."""
    t = torch.zeros(40 << 20)
    t[30_000_000] = 1
    views = [t, t[5:], t[:7], t[20_000_000:30_000_001]]
    a, b = saved(tmp_path, a=views, b=[changed(t, (39_000_000, 2.0))[:]] + views[1:])

    def limit():
        if b"__asan_init" not in pathlib.Path(TARC).read_bytes():  # which maps terabytes of shadow
            resource.setrlimit(resource.RLIMIT_AS, (120 << 20, 120 << 20))

    done = tarc("diff", "--json", a, b, preexec_fn=limit)
    found = json.loads(done.stdout)["differences"]
    assert [(d["path"], d["max_abs"], d["at"]) for d in found] == [([0], 2.0, [39_000_000])]


def test_damage_is_found(tmp_path):
    a, b = saved(tmp_path, a=torch.ones(1000), b=torch.ones(1000))
    data = bytearray(b.read_bytes())
    data[data.index(b"\0\0\x80\x3f" * 100) + 2] ^= 1
    b.write_bytes(data)
    for files in ((a, b), (b, a)):
        done = tarc("diff", *files)
        message = failed(done)
        assert "damaged" in message and str(b) in message and done.stdout == b""
    assert "No such file" in failed(tarc("diff", a, tmp_path / "none.pt"))
