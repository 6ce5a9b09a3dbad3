"""Archives compressed with zstd: what PyTorch, Python's zipfile and the command line make of them."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.serialization import config

TARC = os.environ.get("TARC_CLI", "build/bin/tarc")


def tarc(*arguments, code=0):
    done = subprocess.run([TARC, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module", autouse=True)
def zstd_is_built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    torch.save({}, folder / "a.pt")
    done = subprocess.run([TARC, "convert", folder / "a.pt", folder / "b.pt", "--codec", "zstd"], capture_output=True, text=True)
    if "built without zstd" in done.stderr:
        pytest.skip("tarc was built without zstd")


def same(a, b):
    """Of two dicts of tensors and numbers."""
    assert list(a) == list(b)
    for x, y in zip(a.values(), b.values()):
        if not isinstance(x, torch.Tensor):
            assert x == y
            continue
        assert (x.dtype, x.stride()) == (y.dtype, y.stride()) and torch.equal(x, y)
    return True


def value():
    torch.manual_seed(1)
    weights = torch.randn(300_000)
    return {
        "bf16": (weights * 0.02).bfloat16(),
        "f32": weights[:70_000].clone(),
        "view": weights[1000:2000].view(10, 100).t(),
        "f64": weights.double()[:50_001].clone(),
        "complex": torch.randn(40_000, dtype=torch.complex64),
        "steps": torch.arange(100_000),
        "flags": torch.arange(9999) % 2 == 0,
        "noise": torch.randint(0, 256, (5000,), dtype=torch.uint8),
        "empty": torch.empty(0),
    }


@pytest.fixture(scope="module", params=["data/0 compressed", "data/0 stored"])
def files(request, tmp_path_factory):
    """(the value, a plain file, a compressed one)"""
    folder = tmp_path_factory.mktemp("files")
    v = value()
    if request.param == "data/0 stored":
        v = {"noise": v.pop("noise")} | v
    torch.save(v, folder / "plain.pt")
    tarc("convert", folder / "plain.pt", folder / "zstd.pt", "--codec", "zstd")
    with zipfile.ZipFile(folder / "zstd.pt") as z:
        assert z.getinfo("archive/data/0").compress_type == (0 if request.param == "data/0 stored" else 93)
    return v, folder / "plain.pt", folder / "zstd.pt"


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("mode", ["plain", "mmap", "meta", "fake", "fake mmap", "file object"])
def test_torch_refuses_it_in_every_mode(files, mode, computed, weights_only):
    path = files[2]
    options = {"weights_only": weights_only}
    if "mmap" in mode:
        options["mmap"] = True
    if mode == "meta":
        options["map_location"] = "meta"
    with contextlib.ExitStack() as scope:
        scope.enter_context(config.patch("load.calculate_storage_offsets", computed))
        if "fake" in mode:
            scope.enter_context(FakeTensorMode())
        file = scope.enter_context(open(path, "rb")) if mode == "file object" else str(path)
        with pytest.raises(ValueError, match="compressed with zstd.*tarc convert IN OUT --codec none"):
            torch.load(file, **options)


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="there is no other Python")
def test_an_old_torch_refuses_it_too(files):
    program = """if True:
        import sys
        try:
            import torch
        except ImportError:
            sys.exit(77)
        for where in (None, "meta"):
            try:
                torch.load(sys.argv[1], map_location=where)
                print("loaded", where)
            except (RuntimeError, ValueError) as e:
                print(e)"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(["/usr/bin/python3", "-c", program, files[2]], capture_output=True, text=True, env=environment)
    if done.returncode == 77 or sys.executable == "/usr/bin/python3":
        pytest.skip("there is no other PyTorch")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "loaded" not in done.stdout and sum("unsupported method" in l or "compressed with zstd" in l for l in lines) == 2, done.stdout


def test_conversion_goes_both_ways(files, tmp_path):
    v, plain, packed = files
    tarc("convert", packed, tmp_path / "back.pt", "--codec", "none")
    assert same(torch.load(tmp_path / "back.pt", weights_only=True, mmap=True), v)
    tarc("convert", plain, tmp_path / "plain.pt")
    assert (tmp_path / "back.pt").read_bytes() == (tmp_path / "plain.pt").read_bytes()
    tarc("convert", packed, tmp_path / "again.pt", "--codec", "zstd")
    assert (tmp_path / "again.pt").read_bytes() == packed.read_bytes()
    tarc("convert", packed, tmp_path / "kept.pt")  # without --codec it is for PyTorch
    assert (tmp_path / "kept.pt").read_bytes() == (tmp_path / "plain.pt").read_bytes()


def test_the_command_line_reads_it(files, tmp_path):
    v, plain, packed = files
    listing = json.loads(tarc("ls", "--json", "--crc", packed))
    assert listing["entries"] == json.loads(tarc("ls", "--json", "--crc", plain))["entries"]
    assert "good" in tarc("verify", packed)
    assert "are equal" in tarc("diff", plain, packed)
    tarc("extract", packed, "view", "bf16", "-o", tmp_path / "some.pt")
    some = torch.load(tmp_path / "some.pt", weights_only=True)
    assert same({k: some[k] for k in ("view", "bf16")}, {k: v[k] for k in ("view", "bf16")})
    assert packed.stat().st_size < 0.72 * plain.stat().st_size
    damaged = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as z:
        damaged[z.getinfo("archive/data/1").header_offset + 2000] ^= 1
    (tmp_path / "damaged.pt").write_bytes(damaged)
    assert "data/1" in tarc("verify", tmp_path / "damaged.pt", code=1)


def test_what_any_zip_tool_sees(files, tmp_path):
    v, plain, packed = files
    with zipfile.ZipFile(plain) as p, zipfile.ZipFile(packed) as z:
        names = [i.filename.split("/", 1)[1] for i in z.infolist()]
        assert ".format_version" not in names and ".storage_alignment" not in names
        kinds = {i.compress_type for i in z.infolist()}
        assert kinds == {0, 93}
        for i in z.infolist():
            assert i.extract_version == (63 if i.compress_type == 93 else 0) or i.compress_type == 0
            if "/data/" in i.filename:
                assert i.file_size == p.getinfo(i.filename.replace("archive", p.namelist()[0].split("/")[0])).file_size
                assert i.compress_size < i.file_size or i.compress_type == 0
        if not shutil.which("zstd"):
            return
        import zlib
        for i in z.infolist():
            if i.compress_type != 93:
                continue
            raw = packed.read_bytes()[i.header_offset:]
            begin = 30 + int.from_bytes(raw[26:28], "little") + int.from_bytes(raw[28:30], "little")
            done = subprocess.run(["zstd", "-dc"], input=raw[begin:begin + i.compress_size], capture_output=True)
            assert done.returncode == 0 and len(done.stdout) == i.file_size and zlib.crc32(done.stdout) == i.CRC


def test_what_does_not_shrink_is_an_ordinary_archive(tmp_path):
    v = {"noise": torch.randint(0, 256, (70_000,), dtype=torch.uint8), "n": 3}
    torch.save(v, tmp_path / "in.pt")
    tarc("convert", tmp_path / "in.pt", tmp_path / "plain.pt")
    tarc("convert", tmp_path / "in.pt", tmp_path / "zstd.pt", "--codec", "zstd")
    assert (tmp_path / "plain.pt").read_bytes() == (tmp_path / "zstd.pt").read_bytes()
    assert same(torch.load(tmp_path / "zstd.pt", weights_only=True), v)
