"""What tarc writes, in every mode of PyTorch."""
# labels: sanitize
import collections
import io
import math
import os
import pathlib
import subprocess
import zipfile

import pytest
import torch
from described import raw
from modes import check_every_mode

PROGRAMS = pathlib.Path(os.environ.get("TARC_BIN", "build/bin")) / "programs"
DTYPES = ["float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "complex64", "complex128", "float16",
          "bfloat16", "complex32", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2"]


def written(tmp_path, *arguments):
    path = tmp_path / "out.pt"
    done = subprocess.run([PROGRAMS / "interop_write", path, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


def pattern(dtype, elements):
    if dtype == torch.bool:
        return bytes(i % 2 for i in range(elements))
    return bytes((i * 37 + 11) % 256 for i in range(elements * dtype.itemsize))


def same(tensor, dtype, values, stride=None):
    want = torch.tensor(values, dtype=dtype)
    assert tensor.dtype == dtype and tensor.shape == want.shape and torch.equal(tensor, want)
    assert stride is None or tensor.stride() == stride


@pytest.mark.parametrize("arguments", [(), (4096,), (64, "plain"), (32768,)])
@pytest.mark.compatibility("zip", "write")
def test_every_mode(tmp_path, arguments):
    value, checked = check_every_mode(written(tmp_path, *arguments))
    assert checked > 70
    assert list(value) == ["dtypes", "views", "model", "numbers", "parts", "tail", "more"]
    check_dtypes(value["dtypes"])
    check_views(value["views"], value)
    check_model(value["model"])
    check_numbers(value["numbers"])
    check_parts(value["parts"], value["views"])
    assert raw(value["tail"]["large"]) == pattern(torch.uint8, 100_003)
    assert raw(value["tail"]["last"]) == pattern(torch.float64, 3)


def check_dtypes(dtypes):
    assert sorted(dtypes) == sorted(DTYPES)
    for name, (plain, transposed, scalar, empty) in dtypes.items():
        dtype = getattr(torch, name)
        assert plain.dtype == transposed.dtype == scalar.dtype == empty.dtype == dtype
        assert raw(plain) == pattern(dtype, 12) and plain.shape == (3, 4) and plain.stride() == (4, 1)
        assert transposed.shape == (4, 3) and transposed.stride() == (1, 4)
        assert bytes(transposed.untyped_storage()) == pattern(dtype, 12)
        assert raw(scalar) == pattern(dtype, 1) and scalar.shape == ()
        assert empty.shape == (0, 2)


def check_views(views, value):
    base = torch.arange(1000, dtype=torch.float32).reshape(100, 10)
    square = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.int32)
    same(views["a_base_part"], torch.float32, base[10:15].tolist(), (10, 1))
    same(views["b_column"], torch.float32, base[8:18, 3].tolist(), (10,))
    storage = views["a_base_part"].untyped_storage()
    assert storage._cdata == views["b_column"].untyped_storage()._cdata == value["more"][2].untyped_storage()._cdata
    assert storage.nbytes() == (173 - 83 + 1) * 4  # from b_column's first element to its last
    assert torch.equal(value["more"][2], base[12])
    same(views["c_transposed"], torch.int32, square.t().tolist(), (1, 3))
    same(views["d_expanded"], torch.int32, square.expand(4, 2, 3).tolist(), (0, 3, 1))
    same(views["e_skipping"], torch.int32, [[2, 4]], (6, 2))
    same(views["f_tied"], torch.int32, square.tolist(), (3, 1))
    assert views["g_empty_of_it"].shape == (2, 0)
    same(views["h_scalar_of_it"], torch.int32, 6)
    tied = {views[k].untyped_storage()._cdata for k in ("c_transposed", "d_expanded", "e_skipping", "f_tied", "h_scalar_of_it")}
    assert len(tied) == 1


def check_model(model):
    assert isinstance(model, collections.OrderedDict)
    assert list(model) == ["fc1.weight", "fc1.bias", "body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias", "blocks.0.weight", "blocks.0.bias",
                           "blocks.1.weight", "blocks.1.bias", "num_batches_tracked"]
    assert model._metadata == {"": {"version": 1}}
    same(model["blocks.1.bias"], torch.float32, [-5.0, -5.0])
    same(model["num_batches_tracked"], torch.int64, 9)
    assert model["fc1.weight"].untyped_storage()._cdata == model["body.2.weight"].untyped_storage()._cdata
    assert not any(t.requires_grad for t in model.values())


def check_numbers(n):
    assert n["yes"] is True and n["no"] is False
    assert (n["small"], n["low"], n["high"], n["past"], n["edge"]) == (-128, -2**63, 2**63 - 1, 2**64 - 1, 2**63)
    assert n["third"] == torch.tensor(1 / 3, dtype=torch.float32).item()
    assert (n["tenth"], n["huge"], n["tiny"], n["infinite"]) == (0.1, 1.7976931348623157e308, 5e-324, -math.inf)
    assert n["minus_zero"] == 0 and math.copysign(1, n["minus_zero"]) == -1 and math.isnan(n["nan"])
    assert (n["z"], n["zf"]) == (1.5 - 2.5j, 0.25 + 8j)
    assert (n["text"], n["empty"], n["zero"], n["longer"]) == ("grüße 世界 😀", "", "a\0b", "x" * 70_000)
    assert (n["no_bytes"], n["bytes"]) == (b"", bytes(range(256)))
    assert (n["named"], n["none"], n["some"]) == ("green", None, 4)
    assert n["engine"].startswith("5489 ") and n["engine"].endswith(" 624")


def check_parts(p, views):
    assert p.pop("any") == {1: "int key", "t": p_any_tensor(views), "nested": (None, 2.5, True)}
    want = {"list": [1, 2, 3], "empty": [], "deque": [0.5], "flags": [True, False], "array": ["a", "b"], "tuple": (1, "two", [3]), "pair": (0.25, True),
            "set": {"x", "y"}, "map": {"": 0, "k": 1}, "by_number": {-1: [{"a": 1.0}, {}]}, "unordered": {"a": 1, "b": 2, "c": 3}, "bare": "text",
            "tagged": (1, 7)}
    assert p == want and list(p) == list(want)
    assert list(p["unordered"]) == ["a", "b", "c"]
    assert isinstance(p["tuple"], tuple) and isinstance(p["list"], list) and isinstance(p["set"], set)


class p_any_tensor:
    """Equal to the tensor that is tied to the views."""

    def __init__(self, views):
        self.views = views

    def __eq__(self, tensor):
        return torch.equal(tensor, self.views["f_tied"]) and tensor.untyped_storage()._cdata == self.views["f_tied"].untyped_storage()._cdata


def test_records_are_those_of_torch_save(tmp_path):
    """The plain file is, byte for byte, what PyTorch's own writer makes of the same records in the order of torch.save; only
    its serialization_id (which PyTorch derives from the content in another way) and that record's CRC differ."""
    path = written(tmp_path, 64, "plain")
    ours = zipfile.ZipFile(path)
    names = [n.removeprefix("archive/") for n in ours.namelist()]
    storages = [n for n in names if n.startswith("data/")]
    assert storages == [f"data/{i}" for i in range(len(storages))]

    reference = io.BytesIO()
    torch.save([torch.full((1,), float(i)) for i in range(len(storages))], reference)
    assert names == [n.removeprefix("archive/") for n in zipfile.ZipFile(reference).namelist()]
    for small in (".format_version", ".storage_alignment", "byteorder", "version"):
        assert ours.read("archive/" + small) == zipfile.ZipFile(reference).read("archive/" + small)

    again = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(again, True, 64)
    for name in names:
        if name not in ("version", ".data/serialization_id"):  # those the writer adds itself
            record = ours.read("archive/" + name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    theirs = bytearray(again.getvalue())
    mine = bytearray(path.read_bytes())
    assert len(mine) == len(theirs)
    identity = ours.getinfo("archive/.data/serialization_id")
    start = bytes(mine).rindex(ours.read(identity), 0, ours.start_dir)
    assert len(ours.read(identity)) == 40 and ours.read(identity).isdigit()
    entry = bytes(mine).index(b"archive/.data/serialization_id", ours.start_dir) - 46
    for data in (mine, theirs):
        data[start:start + 40] = b"0" * 40
        data[start + 44:start + 48] = bytes(4)  # CRC in the descriptor
        data[entry + 16:entry + 20] = bytes(4)  # and in the directory
    assert mine == theirs


def test_saving_twice_gives_the_same_file(tmp_path):
    first = written(tmp_path).read_bytes()
    assert written(tmp_path).read_bytes() == first
