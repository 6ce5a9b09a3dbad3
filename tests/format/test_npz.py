"""npz, both ways, against NumPy."""

import io
import random
import struct
import zipfile

import numpy
import pytest
import torch

from files import ORACLE, SHARED, described, listed, program, refused, tarc

pytestmark = pytest.mark.skipif(not ORACLE.exists(), reason="the oracle ($TARC_SHARED/fixtures/oracle.py) is not here")

DTYPES = "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 ?1 c8 c16".replace("?1", "?").split()


def pattern(dtype, *shape):
    dtype = numpy.dtype(dtype)
    raw = numpy.arange(int(numpy.prod(shape)) * dtype.itemsize) * 37 + 11
    raw = raw % 2 if dtype.kind == "b" else raw % 256
    return numpy.frombuffer(bytearray(raw.astype("u1").tobytes()), dtype).reshape(shape)


def everything():
    d = {}
    for n in DTYPES:
        d[f"{n} little"] = pattern(n, 3, 5)
        d[f"{n}/big"] = pattern(n, 3, 5).astype(numpy.dtype(n).newbyteorder(">"))
        d[f"fortran.{n}"] = numpy.asfortranarray(pattern(n, 2, 3, 4))
        d[f"scalar {n}"] = pattern(n).reshape(())
    d |= {"empty": numpy.zeros((0, 3)), "empty in fortran's order": numpy.zeros((4, 0, 3), order="F")}
    d |= {"one": pattern("f4", 1), "ones": pattern("i2", *[1] * 20), "fortran, big": numpy.asfortranarray(pattern(">f8", 2, 3))}
    d |= {"grüße": pattern("f4", 2), "x.npy": pattern("f4", 3), "rows": pattern("f8", 4, 4)[::2, 1:], "large": pattern("u1", 3_000_001)}
    return d


def native(array):
    """An empty array has no strides for astype to keep."""
    array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="), order="K")
    return torch.from_numpy(array)


def loaded(file):
    with numpy.load(file, allow_pickle=False) as z:
        return {n: z[n] for n in z.zip.namelist() for n in [n.removesuffix(".npy")]}


@pytest.mark.parametrize("save", [numpy.savez, numpy.savez_compressed])
@pytest.mark.compatibility("npz", "read")
def test_numpy_s_file_reads_as_numpy_has_it(tmp_path, save):
    file = tmp_path / "all.npz"
    d = everything()
    save(file, **d)
    arrays = {n: a if n != "x.npy" else d[n] for n, a in loaded(file).items()}
    got, want = listed(file), described({n: native(a) for n, a in arrays.items()})
    assert len(want) == len(d)
    assert got == want
    assert tarc("verify", file).returncode == 0 and tarc("schema", file).returncode == 0


@pytest.mark.parametrize("save", [numpy.savez, numpy.savez_compressed])
def test_headers_of_every_length(tmp_path, save):
    """Of a compressed member only the beginning is inflated to find its shape."""
    rng = numpy.random.default_rng(3)
    d = {f"a{i}": rng.integers(0, 256 if i % 2 else 2, (1,) * (i % 32) + (37 * i + 1,), dtype="u1") for i in range(90)}
    file = tmp_path / "x.npz"
    save(file, **d)
    assert listed(file) == described({n: torch.from_numpy(a) for n, a in d.items()})


def test_versions_2_and_3_and_headers_of_other_writers(tmp_path):
    a = pattern("f4", 2, 3)
    members = {}
    for version in ((1, 0), (2, 0), (3, 0)):
        out = io.BytesIO()
        numpy.lib.format.write_array(out, a, version)
        members[f"v{version[0]}"] = out.getvalue()
    for i, text in enumerate(
        [
            "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}",
            '{"descr":"=f4","fortran_order":False,"shape":(2,3,),}',
            "{'descr': 'f4', 'fortran_order': False, 'shape': (2L, 3L)}\n\n",
            "{ 'descr' : '<f4' ,\n 'fortran_order' : False , 'shape' : ( 2 , 3 ) , } " + " " * 5000,
        ]
    ):
        members[f"w{i}"] = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + a.tobytes()
    file = tmp_path / "x.npz"
    with zipfile.ZipFile(file, "w") as z:
        for name, data in members.items():
            z.writestr(name + ".npy", data)
    assert listed(file) == described({n: torch.from_numpy(a.copy()) for n in members})


def test_what_has_no_dtype_is_an_object_that_fails_only_when_asked_for(tmp_path):
    file = tmp_path / "x.npz"
    record = numpy.zeros(2, [("a", "<i4"), ("b\\'", "<f8", (2,))])
    numpy.savez(
        file,
        numbers=numpy.arange(3.0),
        text=numpy.array(["a", "bc"]),
        raw=numpy.array(b"abc"),
        objects=numpy.array([{}, print], dtype=object),
        record=record,
        date=numpy.array("2020-01-01", "M8[D]"),
        long=numpy.zeros(2, "g"),
    )
    with zipfile.ZipFile(file, "a") as z:
        z.writestr("README", "no array")
    entries = {e["path"][0]: e for e in reversed(listed(file))}
    objects = {n for n, e in entries.items() if e["kind"] == "object"}
    assert objects == {"text", "raw", "objects", "record", "date", "long", "README"}
    assert entries["objects"]["value"] == "numpy.ndarray" and entries["README"]["value"] == "zipfile.ZipInfo"
    args = [e for e in listed(file) if e["path"][0] == "text" and e["path"][1:]]
    assert [e["value"] for e in args] == [2, "<U2"]
    assert "numbers" in entries and entries["numbers"]["kind"] == "tensor"
    assert tarc("verify", file).returncode == 0
    assert "numpy.ndarray" in refused("copy", file, tmp_path / "y.npz")


@pytest.mark.compatibility("npz", "write")
def test_what_tarc_writes_reads_as_it_was(tmp_path):
    d = everything() | {"empty": numpy.zeros((0, 3))}
    numpy.savez(tmp_path / "in.npz", **d)
    out = tmp_path / "out.npz"
    program("copy", tmp_path / "in.npz", out)
    got = loaded(out)
    assert list(got) == list(d)
    for name, a in d.items():
        assert got[name].dtype == a.dtype.newbyteorder("<") and got[name].shape == a.shape, name
        assert got[name].tobytes() == a.astype(a.dtype.newbyteorder("<")).tobytes(), name
        assert numpy.isfortran(got[name]) == numpy.isfortran(a), name
    with zipfile.ZipFile(out) as z, zipfile.ZipFile(tmp_path / "in.npz") as original:
        assert z.testzip() is None
        for info in z.infolist():
            data = z.read(info)
            n = 10 + data[8] + 256 * data[9]
            if b"'descr': '>" not in original.read(info.filename)[:30]:
                assert data == original.read(info.filename), info.filename
            with open(out, "rb") as f:
                f.seek(info.header_offset)
                local = f.read(30)
            payload = info.header_offset + 30 + local[26] + 256 * local[27] + local[28] + 256 * local[29]
            assert n % 64 == 0 and payload % 64 == 0
    again = tmp_path / "again.npz"
    program("copy", out, again)
    assert again.read_bytes() == out.read_bytes()


def test_nested_values_and_numbers(tmp_path):
    z = torch.arange(4.0).to(torch.complex64) * (1 + 2j)
    value = {
        "model": {"w": torch.arange(6.0).reshape(2, 3).t(), "rows": torch.arange(6.0).reshape(3, 2)[::2]},
        "conj": [z.conj(), torch.tensor(True)],
        "i": -3,
        "u": 2**64 - 1,
        "f": float("-inf"),
        "c": 1 - 2j,
        "b": True,
    }
    torch.save(value, tmp_path / "in.pt")
    program("copy", tmp_path / "in.pt", tmp_path / "out.npz")
    got = loaded(tmp_path / "out.npz")
    want = {
        "model.w": value["model"]["w"].numpy(), "model.rows": value["model"]["rows"].numpy(),
        "conj.0": z.conj().resolve_conj().numpy(), "conj.1": numpy.array(True),
        "i": numpy.array(-3), "u": numpy.array(2**64 - 1), "f": numpy.array(float("-inf")), "c": numpy.array(1 - 2j), "b": numpy.array(True),
    }  # fmt: skip
    assert list(got) == list(want)
    for name, a in want.items():
        assert got[name].dtype == a.dtype and got[name].shape == a.shape and got[name].tobytes() == a.tobytes(), name
    assert got["model.w"].strides == (4, 12)


@pytest.mark.compatibility("npz", "read", "write")
def test_structs_both_ways(tmp_path):
    mine, theirs = tmp_path / "mine.npz", tmp_path / "theirs.npz"
    program("write", mine)
    d = loaded(mine)
    assert d["epoch"] == 7 and d["more.x.0.weight"].tolist() == [[30, 31], [32, 33]] and d["history.1"].shape == (0, 3)
    for save in (numpy.savez, numpy.savez_compressed):
        save(theirs, **d)
        program("read", theirs)


def test_nothing_at_all(tmp_path):
    torch.save({}, tmp_path / "in.pt")
    program("copy", tmp_path / "in.pt", tmp_path / "mine.npz")
    assert numpy.load(tmp_path / "mine.npz").files == []
    numpy.savez(tmp_path / "theirs.npz")
    for name in ("mine", "theirs"):
        assert listed(tmp_path / f"{name}.npz") == [{"path": [], "kind": "dict", "value": None}]


@pytest.mark.parametrize(
    "value, path, words",
    [
        ({"a": {"h": torch.ones(1, dtype=torch.bfloat16)}}, "a/h", "no dtype for bfloat16"),
        ({"e": torch.ones(1).to(torch.float8_e4m3fn)}, "e", "float8_e4m3fn"),
        ({"s": "text"}, "s", "a str"),
        ({"n": None}, "n", "None"),
        ({"i": 2**64}, "i", "integer"),
        ({"i": -(2**63) - 1}, "i", "integer"),
        ({"..": {"x": 1}, "../y": 1}, r"..\/y", "rename"),
        ({"m": torch.ones(1, device="meta")}, "m", "meta"),
        ({1: 2, "1": 3}, "1", "both"),
        ({"d": {}}, "d", "empty"),
    ],
)
def test_what_npz_cannot_hold_is_named(tmp_path, value, path, words):
    torch.save(value, tmp_path / "in.pt")
    message = refused("copy", tmp_path / "in.pt", tmp_path / "out.npz")
    assert words in message and f"field {path}," in message, message
    assert not (tmp_path / "out.npz").exists()
    assert "metadata" in refused("copy", tmp_path / "in.pt", tmp_path / "out.npz", "k=v")


def member(text, payload=b"", version=1):
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + payload


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
LIES = {
    "another magic number": b"\x93NUMPX" + member(GOOD.encode(), bytes(8))[6:],
    "a header beyond the end": b"\x93NUMPY\1\0\xff\xff{}",
    "a header of 4 GiB": b"\x93NUMPY\2\0\xff\xff\xff\xff{}",
    "too few bytes": member(GOOD.encode(), bytes(7)),
    "too many bytes": member(GOOD.encode(), bytes(9)),
    **{
        what: member(text.encode(), bytes(8))
        for what, text in {
            "no dict": "()",
            "no end": GOOD[:-1],
            "a dict in a dict": GOOD.replace("(2,)", "{}"),
            "a negative size": GOOD.replace("2,", "-2,"),
            "a product that wraps": GOOD.replace("2,", f"{1 << 62}, 8,"),
            "a size beyond 64 bits": GOOD.replace("2,", f"{1 << 64},"),
            "a size that is a float": GOOD.replace("2,", "2.,"),
            "a shape that is a list": GOOD.replace("(2,)", "[2]"),
            "an order that is a number": GOOD.replace("False", "0"),
            "no order": GOOD.replace("'fortran_order': False, ", ""),
            "a key too many": GOOD.replace("}", "'x': 1}"),
            "a key twice": GOOD.replace("}", "'shape': (2,)}"),
            "something behind": GOOD + "x",
            "brackets that do not close": GOOD.replace("'<f4'", "[" * 60_000),
            "too many dimensions": GOOD.replace("2,", "1, " * 5000),
        }.items()
    },
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_in_headers_are_refused(tmp_path, lie):
    file = tmp_path / "x.npz"
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(file, "w", method) as z:
            z.writestr("a.npy", LIES[lie])
        done = tarc("verify", file)
        if lie == "another magic number":  # bytes, as numpy.load has it
            assert done.returncode == 0 and listed(file)[0]["kind"] == "object"
            continue
        assert done.returncode == 1 and done.stderr.startswith("tarc: error: ") and "record a.npy" in done.stderr, done


def test_damage_is_seen(tmp_path):
    """Every byte of a member is under its CRC-32, and the dtype comes of no other."""
    file = tmp_path / "x.npz"
    a = pattern("f8", 5, 5)
    numpy.savez(file, a=a, b=numpy.arange(3))
    data = file.read_bytes()
    rng = random.Random(5)
    for at in rng.sample(range(len(data)), 150):
        damaged = bytearray(data)
        damaged[at] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        done = tarc("verify", file)
        assert done.returncode in (0, 1)
        if done.returncode == 0:  # in what no checksum covers: times, versions, attributes
            got = loaded(file)
            assert got["a"].tobytes() == a.tobytes()


def test_files_of_others():
    files = sorted((SHARED / "corpus" / "real").rglob("*.npz"))
    assert files
    for file in files:
        assert listed(file) == described({n: native(a) for n, a in loaded(file).items()}), file
        assert tarc("schema", file).returncode == 0
