"""safetensors, both ways, against the package and torch.load."""

import json
import random
import struct

import pytest
import safetensors
import safetensors.torch
import torch

from files import ORACLE, SHARED, described, listed, program, refused, tarc

pytestmark = pytest.mark.skipif(not ORACLE.exists(), reason="the oracle ($TARC_SHARED/fixtures/oracle.py) is not here")

DTYPES = """float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 uint16 uint32 uint64 float8_e4m3fn
float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2""".split()


def pattern(dtype, *shape):
    """Elements of every bit pattern that the size allows."""
    t = torch.empty(shape, dtype=getattr(torch, dtype))
    raw = t.view(torch.uint8) if shape else t.reshape(1).view(torch.uint8)
    values = torch.arange(raw.numel()) * 37 + 11
    raw.copy_((values % 2 if dtype == "bool" else values % 256).to(torch.uint8).reshape(raw.shape))
    return t


def everything():
    """All dtypes and shapes, with names that JSON has to escape."""
    d = {f"layers.{i}.{n}": pattern(n, 3, 8) for i, n in enumerate(DTYPES)}
    d |= {f"scalar/{n}": pattern(n) for n in ("float32", "int64", "bool", "float8_e5m2")}
    d |= {f"empty {n}": pattern(n, 0, 4) for n in ("float64", "uint8")}
    d |= {n: pattern("int16", 2) for n in ("", '"', "\\", "/", "a\nb\t\x01\x1f\x7f", "grüße 世界 \U0001f600", "x" * 3000)}
    return d


def make(header, payload=b"", pad=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += pad
    return struct.pack("<Q", len(text)) + text + payload


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def accepted_by_package(data):
    try:
        safetensors.deserialize(data)
    except Exception:
        return False
    return True


def accepted_here(file):
    done = tarc("verify", file)
    assert (done.returncode == 0) == (done.stderr == ""), done
    return done.returncode == 0


@pytest.mark.compatibility("safetensors", "read")
def test_the_package_s_file_reads_as_torch_load_has_it(tmp_path):
    file = tmp_path / "all.safetensors"
    d = everything()
    safetensors.torch.save_file(d, file)
    want = described(torch.load(file))
    # PyTorch copies no float4, so the oracle's answer is that of the bytes
    assert len(want) == len(d) == len({tuple(e["path"]) for e in want})
    assert listed(file) == want
    assert tarc("verify", file).returncode == 0


@pytest.mark.compatibility("safetensors", "write")
def test_what_tarc_writes_is_byte_for_byte_the_package_s(tmp_path):
    theirs, mine = tmp_path / "theirs.safetensors", tmp_path / "mine.safetensors"
    names = list(everything())
    for seed in range(3):  # the order in which tensors are given does not matter
        random.Random(seed).shuffle(names)
        d = everything()
        torch.save({n: d[n] for n in names}, tmp_path / "in.pt")
        metadata = {"k\n": "grüße"} if seed else None
        safetensors.torch.save_file(d, theirs, metadata=metadata)
        program("copy", tmp_path / "in.pt", mine, *(["k\n=grüße"] if seed else []))
        assert mine.read_bytes() == theirs.read_bytes()
        if seed:
            assert program("metadata", theirs) == "k\n=grüße\n"
    program("copy", theirs, mine, "k\n=grüße")
    assert mine.read_bytes() == theirs.read_bytes()


def test_nested_dicts_views_and_ties_become_contiguous_tensors_with_dotted_names(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    z = torch.arange(6, dtype=torch.float32).reshape(3, 2).to(torch.complex64) * (1 + 2j)
    value = {
        "model": {"a": base, "tied": base, "t": base.t(), "column": base[:, 2], "row": base[1], "rows": base[1:3, ::2]},
        "expanded": torch.arange(3).reshape(3, 1).expand(3, 70_000),  # more than a block
        "list": [torch.tensor(1), (torch.tensor([True, False]),)],
        7: {8: z.conj(), "neg": z.clone().conj().imag},
        "parameter": torch.nn.Parameter(base[0].clone()),
    }
    torch.save(value, tmp_path / "in.pt")
    program("copy", tmp_path / "in.pt", tmp_path / "out.safetensors")
    got = torch.load(tmp_path / "out.safetensors")
    want = {f"model.{k}": v for k, v in value["model"].items()}
    want |= {"expanded": value["expanded"], "list.0": value["list"][0], "list.1.0": value["list"][1][0]}
    want |= {"7.8": value[7][8].resolve_conj(), "7.neg": value[7]["neg"].resolve_neg(), "parameter": value["parameter"].detach()}
    assert set(got) == set(want)
    for name, t in want.items():
        assert got[name].dtype == t.dtype and torch.equal(got[name], t), name
        assert got[name].is_contiguous() and not got[name].is_conj()
    assert len({e["storage"] for e in listed(tmp_path / "out.safetensors")}) == len(want)


@pytest.mark.compatibility("safetensors", "read", "write")
def test_structs_both_ways(tmp_path):
    mine, theirs = tmp_path / "mine.safetensors", tmp_path / "theirs.safetensors"
    program("write", mine)
    d = torch.load(mine)
    assert d["model.layers.1.weight"].tolist() == [[1, 3], [2, 4]] and d["model.steps"].item() == 9
    assert d["half"].dtype == torch.bfloat16 and d["eighth"].tolist() == [-1.5] * 3
    safetensors.torch.save_file(d, theirs, metadata={"format": "pt"})
    program("read", theirs)
    torch.save(d, tmp_path / "in.pt")
    program("copy", tmp_path / "in.pt", theirs)
    assert theirs.read_bytes() == mine.read_bytes()


def test_order_and_white_space_are_the_writer_s_own_affair(tmp_path):
    """Tensors come in the order of their bytes; a payload may stand at any offset."""
    header = {
        "late": tensor("F32", [2], 3, 11),
        "__metadata__": {"a": "1"},
        "none": tensor("F64", [2, 0], 11, 11),
        "early": tensor("U8", [3], 0, 3),
    }
    file = tmp_path / "x.safetensors"
    for text in (json.dumps(header), json.dumps(header, indent=3).replace('"a"', r'"\u0061"')):
        file.write_bytes(make(text.encode(), bytes(range(11)), b" " * 5))
        assert [e["path"] for e in listed(file)] == [["early"], ["late"], ["none"]]
        assert listed(file) == described(torch.load(file))
        assert program("metadata", file) == "a=1\n"


def test_a_dtype_that_nothing_here_has_is_an_object(tmp_path):
    file = tmp_path / "x.safetensors"
    file.write_bytes(make({"six": tensor("F6_E2M3", [4], 0, 3), "a": tensor("U8", [1], 3, 4)}, b"\0\0\0\7"))
    got = listed(file)
    assert got[0] == {"path": ["six"], "kind": "object", "value": "safetensors.F6_E2M3"}
    assert got[-1]["path"] == ["a"] and got[-1]["kind"] == "tensor"
    assert "six" in refused("copy", file, tmp_path / "y.safetensors")


@pytest.mark.parametrize(
    "value, path, words",
    [
        ({"model": {"w": torch.ones(1)}, "epoch": 3}, "epoch", "an int"),
        ({"a": {"b": [1.5]}}, "a/b/0", "a float"),
        ({"s": "text"}, "s", "a str"),
        ({"n": None}, "n", "None"),
        ({"e": {}}, "e", "empty"),
        ({"c": torch.ones(1, dtype=torch.complex128)}, "c", "no dtype for complex128"),
        ({"m": torch.ones(1, device="meta")}, "m", "meta"),
        ({"a.b": torch.ones(1), "a": {"b": torch.ones(1)}}, "a/b", '"a.b"'),
        ({"__metadata__": torch.ones(1)}, "__metadata__", "rename"),
        ({1.5: torch.ones(1)}, "<key>", "a float"),
        (torch.ones(1), "", "without a name"),
        ({"four": torch.zeros((), dtype=torch.uint8).view(torch.float4_e2m1fn_x2)}, "four", "dimension"),
    ],
)
def test_what_safetensors_cannot_hold_is_named(tmp_path, value, path, words):
    torch.save(value, tmp_path / "in.pt")
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"as it was")
    message = refused("copy", tmp_path / "in.pt", out)
    assert words in message and (f"field {path}," in message or not path), message
    assert out.read_bytes() == b"as it was" and len(list(tmp_path.iterdir())) == 2


def test_metadata_and_file_names(tmp_path):
    safetensors.torch.save_file({"a": torch.ones(1)}, tmp_path / "a.safetensors")
    program("copy", tmp_path / "a.safetensors", tmp_path / "a.pt", "k=v")
    assert torch.load(tmp_path / "a.pt", weights_only=True)["a"].item() == 1
    assert program("metadata", tmp_path / "a.pt") == "k=v\n"


LIES = {
    "no header": b"",
    "a length beyond the file": struct.pack("<Q", 100) + b"{}",
    "an enormous length": struct.pack("<Q", 1 << 55) + b"{}",
    "an empty header": make(b""),
    "no object": make(b"[]"),
    "an array of objects": make(b"[{}]"),
    "no end": make(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0"),
    "something behind": make(b"{}x"),
    "two objects": make(b"{}{}"),
    "a hole at the beginning": make({"a": tensor("U8", [1], 1, 2)}, b"\0\0"),
    "a hole between": make({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, b"\0\0\0"),
    "bytes behind": make({"a": tensor("U8", [1], 0, 1)}, b"\0\0"),
    "bytes missing": make({"a": tensor("U8", [3], 0, 3)}, b"\0\0"),
    "an overlap": make({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 1, 3)}, b"\0\0\0"),
    "two tensors over one": make({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 0, 2)}, b"\0\0"),
    "an end before the beginning": make({"a": tensor("U8", [0], 1, 0)}),
    "a shape of another size": make({"a": tensor("F32", [2], 0, 4)}, bytes(4)),
    "a product that wraps to 0": make({"a": tensor("U8", [1 << 32, 1 << 32], 0, 0)}),
    "a product that wraps to 4": make({"a": tensor("U8", [(1 << 62) + 1, 4], 0, 4)}, bytes(4)),
    "a size beyond 64 bits": make({"a": tensor("U8", [1 << 64], 0, 0)}),
    "a size of -1": make({"a": tensor("U8", [-1], 0, 0)}),
    "a size of 1.0": make({"a": tensor("U8", [1.0], 0, 1)}, b"\0"),
    "a size of 1e0": make(b'{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', b"\0"),
    "a size of 01": make(b'{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', b"\0"),
    "an unknown dtype": make({"a": tensor("F33", [1], 0, 1)}, b"\0"),
    "a dtype in lower case": make({"a": tensor("f32", [1], 0, 4)}, bytes(4)),
    "one offset": make({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1]}}, b"\0"),
    "three offsets": make({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 1]}}, b"\0"),
    "no dtype": make({"a": {"shape": [1], "data_offsets": [0, 1]}}, b"\0"),
    "no shape": make({"a": {"dtype": "U8", "data_offsets": [0, 1]}}, b"\0"),
    "no offsets": make({"a": {"dtype": "U8", "shape": [1]}}, b"\0"),
    "a key twice": make(b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0"),
    "a comma too many": make(b'{"a":{"dtype":"U8","shape":[1,],"data_offsets":[0,1]}}', b"\0"),
    "a comma at the end": make(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}', b"\0"),
    "metadata that is a number": make({"__metadata__": {"a": 1}}),
    "metadata that is a list": make({"__metadata__": ["a"]}),
    "no UTF-8": make(b'{"\xff":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0"),
    "half a character": make(rb'{"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0"),
    "an escape of C": make(rb'{"\x41":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0"),
    "a control character": make(b'{"\n":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0"),
    "half a byte": make({"a": tensor("F4", [3], 0, 2)}, b"\0\0"),
    "nesting": make(b'{"a":' * 100_000),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_that_the_package_refuses_are_refused(tmp_path, lie):
    file = tmp_path / "x.safetensors"
    file.write_bytes(LIES[lie])
    assert not accepted_by_package(LIES[lie])
    done = tarc("verify", file)
    assert done.returncode == 1 and done.stderr.startswith("tarc: error: ") and done.stderr.count("\n") == 1, done


def test_two_tensors_of_one_name_are_refused(tmp_path):
    """Of which the package takes one."""
    one = '"a":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}'
    file = tmp_path / "x.safetensors"
    file.write_bytes(make(("{" + one % (0, 1) + "," + one % (1, 2) + "}").encode(), b"\0\0"))
    assert "two tensors" in tarc("verify", file).stderr


def test_nothing_is_taken_that_the_package_refuses(tmp_path):
    rng = random.Random(7)
    file = tmp_path / "x.safetensors"
    good = make({"w" * 60: tensor("F32", [2, 3], 0, 24), "b": tensor("U8", [2], 24, 26)}, bytes(26))
    n = 8 + struct.unpack("<Q", good[:8])[0]
    taken = 0
    for _ in range(400):
        data = bytearray(good)
        for _ in range(rng.choice([1, 1, 2])):
            at = rng.randrange(n)
            data[at] = rng.choice([data[at] ^ (1 << rng.randrange(8)), rng.choice(b'0123456789{}[]",: \\')])
        file.write_bytes(data)
        if accepted_here(file):
            taken += 1
            assert accepted_by_package(bytes(data)), bytes(data)
    assert taken > 20  # names, mostly


def test_files_of_others():
    files = sorted((SHARED / "corpus" / "real").rglob("*.safetensors"))
    assert files
    for file in files:
        assert listed(file) == described(torch.load(file)), file
        assert tarc("schema", file).returncode == 0
