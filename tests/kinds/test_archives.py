"""ZIP archives in every form that torch.save and the tools after it give them."""

# labels: sanitize
import json
import shutil
import subprocess
import zipfile

import pytest
import torch
from kinds import check, described, entries, expected, needs_oracle, tarc

pytestmark = needs_oracle
DOT_RECORDS = {".format_version", ".storage_alignment", "byteorder", ".data/serialization_id"}


def value():
    base = torch.arange(4096.0)
    return {
        "a": base,
        "view": base[3:1000:2],
        "none": torch.empty(0),
        "h": torch.ones(3, dtype=torch.half),
        "u": torch.arange(5).to(torch.uint16),
        "c": torch.ones(2, 2, dtype=torch.complex64).t().conj(),
        "meta": torch.empty(2, device="meta"),
        "bytes": torch.randint(0, 255, (100_000,), dtype=torch.uint8),
        "n": [1, "x", None],
    }


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    file = tmp_path_factory.mktemp("archives") / "run.pt"
    torch.save(value(), file)
    return file


def records(file):
    """Names below the root, and bytes."""
    with zipfile.ZipFile(file) as z:
        return [(i.filename.partition("/")[2], z.read(i)) for i in z.infolist()]


def write(file, content, root="run", method=zipfile.ZIP_STORED, comment=b""):
    with zipfile.ZipFile(file, "w") as z:
        z.comment = comment
        for name, data in content:
            info = zipfile.ZipInfo(f"{root}/{name}")
            info.compress_type = method
            z.writestr(info, data)
    return file


def same(file, original):
    assert check(file) == entries(original, "--crc")
    assert tarc("verify", file).returncode == 0


@pytest.mark.compatibility("no crc", "read")
def test_without_the_newer_records(original, tmp_path):
    """As PyTorch 1.6 wrote: data.pkl, data/*, version."""
    old = [(n, d) for n, d in records(original) if n not in DOT_RECORDS]
    assert len(old) < len(records(original))
    same(write(tmp_path / "old.pt", old), original)
    same(write(tmp_path / "older.pt", [(n, d) for n, d in old if n != "version"] + [("version", b"2\n")]), original)


@pytest.mark.parametrize("options", [["-0", "-r"], ["-9", "-r"], ["-1", "-r", "-X"], ["-0", "-r", "-D"], ["-r", "-9", "-fd"]])
@pytest.mark.compatibility("repacked", "read")
def test_rezipped_by_info_zip(original, options, tmp_path):
    if shutil.which("zip") is None:
        pytest.skip("there is no zip")
    with zipfile.ZipFile(original) as z:
        z.extractall(tmp_path / "x")
    folder = next((tmp_path / "x").iterdir())
    folder.rename(tmp_path / "x" / "run")
    subprocess.run(["zip", "-q", *options, tmp_path / "again.pt", "run"], cwd=tmp_path / "x", check=True)
    same(tmp_path / "again.pt", original)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("root", ["archive", "\u6a21\u578b", "a b", "x.y-z", "\u00e9"])
@pytest.mark.compatibility("repacked", "read")
def test_any_folder(original, root, method, tmp_path):
    same(write(tmp_path / "renamed.pt", records(original), root, method, comment=b"made by hand"), original)


@pytest.mark.parametrize("name", ["\u6a21\u578b.pt", "a b.c.pt", "x"])
def test_any_file_name(name, original, tmp_path):
    torch.save(torch.load(original, weights_only=True), tmp_path / name)
    assert entries(tmp_path / name, "--crc") == entries(original, "--crc")


@pytest.mark.compatibility("no crc", "read")
def test_without_checksums(original, tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(torch.load(original, weights_only=True), tmp_path / "none.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    same(tmp_path / "none.pt", original)


@pytest.mark.parametrize("alignment", [64, 256, 4096])
def test_alignment(alignment, original, tmp_path):
    from torch.utils.serialization import config

    before, config.save.storage_alignment = config.save.storage_alignment, alignment
    try:
        torch.save(torch.load(original, weights_only=True), tmp_path / "aligned.pt")
    finally:
        config.save.storage_alignment = before
    same(tmp_path / "aligned.pt", original)


def swapped(data, size):
    return b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))


@pytest.mark.compatibility("big-endian", "read")
def test_big_endian(tmp_path):
    """PyTorch swaps typed storages only; untyped ones, of its newer dtypes, it misreads, so the answer is that for the
    same values in the other order."""
    values = {
        str(t): torch.arange(6).to(torch.float32).to(t).view(2, 3).t()
        for t in (
            torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
            torch.int8, torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
            torch.complex32, torch.float8_e5m2,
        )
    }
    values["bare"] = torch.arange(3, dtype=torch.int32).storage()
    torch.save(values, tmp_path / "little.pt")
    sizes = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "complex64": 4,
             "complex128": 8, "uint16": 2, "uint32": 4, "uint64": 8, "complex32": 2}
    listed = entries(tmp_path / "little.pt", "--crc")
    size_of = {f"data/{e['storage']}": sizes.get(e["dtype"], 1) for e in listed}
    turned = [(n, swapped(d, size_of.get(n, 1)) if n != "byteorder" else b"big") for n, d in records(tmp_path / "little.pt")
              if n not in {".format_version", ".storage_alignment"}]
    write(tmp_path / "big.pt", turned)
    assert entries(tmp_path / "big.pt", "--crc") == listed
    typed = {k: v for k, v in expected_by_path(tmp_path / "big.pt").items() if "uint" not in k and "complex32" not in k}
    assert typed == {k: v for k, v in ((e["path"][0], e) for e in listed) if k in typed} and len(typed) > 10


def expected_by_path(file):
    return {e["path"][0]: e for e in expected(file)}


@pytest.mark.compatibility("zip64", "read")
def test_many_records(tmp_path):
    """More than the 65,535 that a ZIP without its 64-bit end can have."""
    torch.save([torch.full((1,), float(i)) for i in range(66_000)], tmp_path / "many.pt")
    got, want = entries(tmp_path / "many.pt", "--crc"), expected(tmp_path / "many.pt")
    assert len(got) == 66_000 and json.dumps(got) == json.dumps([{k: e[k] for k in got[0]} for e in want])


@pytest.mark.compatibility("zip64", "read")
def test_more_than_4_gib(tmp_path):
    """Sparse on the disk: PyTorch reserves the bytes of three storages and leaves them out."""
    big = {"a": torch.empty(2**32 + 8, dtype=torch.uint8), "b": torch.empty(2**29 + 1, dtype=torch.int64), "c": torch.empty(3)}
    with torch.serialization.skip_data():
        torch.save(big, tmp_path / "big.pt")
    assert (tmp_path / "big.pt").stat().st_size > 2**33
    got = entries(tmp_path / "big.pt")
    want = torch.load(tmp_path / "big.pt", map_location="meta")
    for e in got:
        t = want[e["path"][0]]
        assert (e["shape"], e["stride"], e["dtype"]) == (list(t.shape), list(t.stride()), str(t.dtype)[6:])
        assert (e["location"], e["offset"]) == ("cpu", 0)
