"""Pickles put together by hand: names that older writers used, every opcode for data, nesting without end."""

import io
import pickle
import struct
import subprocess
import zipfile
import zlib

import pytest
from kinds import TARC, entries, tarc

STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
SHAPE = b"K\x00(K\x02K\x03t(K\x03K\x01t"


def write(file, pickled, **records):
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("archive/data.pkl", pickled)
        z.writestr("archive/data/0", struct.pack("<6f", *range(6)))
        z.writestr("archive/version", "3\n")
        for name, data in records.items():
            z.writestr(f"archive/{name}", data)
    return file


def listed(tmp_path, pickled):
    return entries(write(tmp_path / "made.pt", pickled), "--crc")


def call(function, arguments):
    module, name = function.rsplit(".", 1)
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n(" + arguments + b"tR"


HOOKS = call("collections.OrderedDict", b"")
V2 = call("torch._utils._rebuild_tensor_v2", STORAGE + SHAPE + b"\x89" + HOOKS)
TENSORS = {
    "v1": call("torch._utils._rebuild_tensor", STORAGE + SHAPE),
    "v2": V2,
    "v2 with metadata": call("torch._utils._rebuild_tensor_v2", STORAGE + SHAPE + b"\x89" + HOOKS + b"}"),
    "v3": call("torch._utils._rebuild_tensor_v3", STORAGE.replace(b"torch\nFloat", b"torch.storage\nUntyped").replace(
        b"K\x06", b"K\x18") + SHAPE + b"\x89" + HOOKS + b"ctorch\nfloat32\n"),
    "1.13's untyped": call("torch._utils._rebuild_tensor_v3", STORAGE.replace(
        b"torch\nFloatStorage", b"torch.storage\n_UntypedStorage").replace(b"K\x06", b"K\x18") + SHAPE + b"\x89" + HOOKS
        + b"ctorch\nfloat32\n"),
    "of cuda": V2.replace(b"torch\nFloat", b"torch.cuda\nFloat"),
    "parameter": call("torch._utils._rebuild_parameter", V2 + b"\x89" + HOOKS),
    "of the type": call("torch.tensor._rebuild_from_type", b"ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n("
                        + STORAGE + SHAPE + b"\x89" + HOOKS + b"t}"),
    "of the type since": call("torch._tensor._rebuild_from_type_v2", b"ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n("
                              + STORAGE + SHAPE + b"\x89" + HOOKS + b"t}"),
    "from a device": call("torch._utils._rebuild_device_tensor_from_cpu_tensor",
                          V2 + b"ctorch\nfloat32\nX\x03\x00\x00\x00xla\x89"),
}


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.compatibility("zip", "read")
def test_every_way_to_a_tensor(name, tmp_path):
    (got,) = listed(tmp_path, b"\x80\x02" + TENSORS[name] + b".")
    (want,) = listed(tmp_path, b"\x80\x02" + V2 + b".")
    assert got == want and want["shape"] == [2, 3]


@pytest.mark.parametrize("name", ["float4_e2m1fn_x2", "bits8", "bits16", "bits1x8", "float8_e8m0fnu", "quint8"])
@pytest.mark.compatibility("zip", "read")
def test_rare_dtypes(name, tmp_path):
    size = 2 if name == "bits16" else 1
    bare = STORAGE.replace(b"torch\nFloat", b"torch.storage\nUntyped").replace(b"K\x06", b"K\x18")
    made = call("torch._utils._rebuild_tensor_v3",
                bare + b"K\x00(K\x04t(K\x01t\x89" + HOOKS + f"ctorch\n{name}\n".encode())
    (got,) = listed(tmp_path, b"\x80\x02" + made + b".")
    assert (got["dtype"], got["shape"]) == (name, [4])
    data = struct.pack("<6f", *range(6))[: 4 * size]
    assert got["crc32"] == zlib.crc32(data)


def test_names_of_python_2(tmp_path):
    old = (b"\x80\x02(lp0\n" + b"c__builtin__\nset\n((lp1\nI1\natRa" + b"c__builtin__\nfrozenset\n((ltRa"
           + b"c__builtin__\ncomplex\n(F1.5\nF-2\ntRa" + b"ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR"
           + b"(dS'x'\nI7\nsbaU\x03abcaV\\u00e9\naI01\naL12345678901234567890L\na.")
    rows = [(e["path"], e["kind"], e["value"]) for e in listed(tmp_path, old)]
    assert rows == [([0, 0], "int", 1), ([1], "set", None), ([2], "complex", [1.5, -2.0]), ([3, "x"], "int", 7),
                    ([4], "str", "abc"), ([5], "str", "\u00e9"), ([6], "bool", True), ([7], "int", "12345678901234567890")]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.compatibility("protocols", "read")
def test_python_itself(protocol, tmp_path):
    """Every opcode that Python's pickler has for data, C and Python version of it."""
    value = {"ints": [0, 255, 256, 65535, 65536, -1, 2**31, 2**40, -(2**70), 1 << 20_000], "t": ((), (1,), (1, 2), (1, 2, 3), (1,) * 4),
             "text": ["", "a" * 255, "b" * 256, "\u00e9", "line\nbreak\\"], "f": [0.1, float("inf"), -0.0], "n": [None, True, False],
             "sets": [{3}, frozenset([4])], "l": list(range(1500)), "d": {i: i for i in range(1500)}, "z": 1 - 2j}
    if protocol >= 3:
        value["bytes"] = [b"", b"a" * 255, b"b" * 70_000]
    if protocol >= 5:
        value["array"] = bytearray(b"xyz")
    if protocol < 2:
        value["ints"].pop()  # longer in digits than Python reads by default
    for pickler in pickle.Pickler, pickle._Pickler:
        out = io.BytesIO()
        pickler(out, protocol).dump(value)
        got = listed(tmp_path, out.getvalue())
        assert [e["value"] for e in got if e["path"][0] == "l"] == value["l"]
        ints = [int(e["value"]) for e in got if e["path"][0] == "ints" and e["value"] is not None and len(str(e["value"])) < 4000]
        assert ints == value["ints"][: len(ints)] and len(ints) >= 9
        for name in "text", "f", "n":
            values = [float(e["value"]) if name == "f" else e["value"] for e in got if e["path"][0] == name]
            assert str(values) == str(value[name])
        if protocol >= 3:
            assert [e["value"] for e in got if e["path"][0] == "bytes"] == [b.hex() for b in value["bytes"]]
        if protocol >= 5:
            assert ["array"] in [e["path"] for e in got]


MILLION = 10**6
DEEP = {
    "lists": b"]" * MILLION + b"a" * (MILLION - 1),
    "tuples": b")" + b"\x85" * MILLION,
    "calls": b"cm\nC\n" * MILLION + b")" + b"\x85R" * MILLION,
    "calls of calls": b"cm\nC\n" + b")R" * MILLION,
    "instances": b"cm\nC\nq\x00" + b"h\x00" * MILLION + b")\x81" + b"\x85\x81" * MILLION,
    "keys": b"}" + b")" + b"\x85" * MILLION + b"K\x01s",
    "dicts": b"}X\x01\x00\x00\x00kq\x00" + b"}h\x00" * (MILLION - 1) + b"N" + b"s" * MILLION,
    "frozensets": b"(" * MILLION + b"K\x01" + b"\x91" * MILLION,
    "states": b"cm\nC\n)\x81" * MILLION + b"}" + b"b" * MILLION,
    "itself": b"]" + b"2" * MILLION + b"a" * MILLION,
}


@pytest.mark.parametrize("name", DEEP)
def test_nesting_without_end(name, tmp_path):
    """With a stack of 256 KiB and little memory: a listing or a typed error."""
    file = write(tmp_path / "deep.pt", b"\x80\x04" + DEEP[name] + b".")
    for command in ["ls --json --crc", "ls", "verify", "schema", "convert"]:
        to = str(tmp_path / "out.pt") if command == "convert" else ""
        done = subprocess.run(["bash", "-c", f"ulimit -s 256 -v 2000000; exec {TARC} {command} {file} {to}"],
                              capture_output=True, timeout=60)
        error = done.stderr.decode()
        assert done.returncode == 0 or (done.returncode == 1 and error.startswith("tarc: error: ")), (command, error)
        assert "memory" not in error, command


def test_torch_script_with_odd_code(tmp_path):
    """Whatever stands in the code, the values are there."""
    module = b"\x80\x02c__torch__.a\nM\n)\x81}(X\x01\x00\x00\x00w" + V2 + b"X\x01\x00\x00\x00iK\x05ub."
    empty = b"\x80\x02)."
    for code, kind in (
        (b'class M(Module):\n  __parameters__ = ["w", ]\n  w : Tensor\n', "tensor"),
        (b'class M(Module):\r\n  __parameters__ = ["\\167", ]\n', "object"),
        (b'class M(Module):\n  __parameters__ = ["\\167", "x\\"]", ]\n', "tensor"),
        (b"class M(Module):\n  __parameters__ = [", "object"),
        (b'class M(Module):\n  __buffers__ = ["w"\n  w : Optional[Tensor]', "object"),
        (b'class M(Module):\n  __buffers__ = ["w"]\n  __annotations__["w"] = Tensor\n', "tensor"),
        (b"class ", "object"),
        (b"\xff\xfe\x00class M(Module):", "object"),
        (b"", "object"),
    ):
        file = write(tmp_path / "odd.pt", module, **{"constants.pkl": empty, "code/__torch__/a.py": code})
        got = entries(file, "--crc")
        tensor = next(e for e in got if e["path"] == ["w"])
        assert tensor["shape"] == [2, 3] and tensor["kind"] in (kind, "tensor") and tensor["crc32"], code
        if b"Module)" in code and code.count(b"\n") > 1:
            assert tensor["kind"] == kind, code
        assert tarc("verify", file).returncode == 0
