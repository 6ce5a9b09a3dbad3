"""zip_writer against torch.save, byte for byte; zip_reader on torch's odd files."""
import os
import pathlib
import subprocess

import numpy
import pytest
import torch

REWRITE = pathlib.Path(os.environ.get("TARC_BIN", "build/bin")) / "programs" / "zip_rewrite"


def rewrite(*paths):
    return subprocess.run([REWRITE, *map(str, paths)], capture_output=True, text=True)


def check_same(path, tmp_path):
    out = tmp_path / "rewritten"
    done = rewrite(path, out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == path.read_bytes()


def test_checkpoint(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(10, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 10)).sum().backward()
    optimizer.step()
    path = tmp_path / "checkpoint.pt"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "empty": torch.empty(0)}, path)
    check_same(path, tmp_path)


@pytest.mark.parametrize("root", ["x", "a name with spaces", "v1.2.3", "n" * 200])
def test_roots(tmp_path, root):
    path = tmp_path / f"{root}.pt"
    torch.save(torch.arange(5), path)
    check_same(path, tmp_path)


def test_file_object(tmp_path):
    path = tmp_path / "object"
    with path.open("wb") as f:
        torch.save([torch.arange(5), "text"], f)
    check_same(path, tmp_path)


@pytest.mark.parametrize("alignment", [1, 8, 64, 512, 4096, 32768])
def test_alignment(tmp_path, alignment):
    from torch.utils.serialization import config

    path = tmp_path / "aligned.pt"
    with config.patch("save.storage_alignment", alignment):
        torch.save({"a": torch.arange(100), "b": torch.zeros(3)}, path)
    check_same(path, tmp_path)


@pytest.mark.parametrize("count", [65535, 66000])
@pytest.mark.compatibility("zip64", "write")
def test_many_records(tmp_path, count):
    path = tmp_path / "many.pt"
    torch.save([torch.tensor([i]) for i in range(count)], path)
    check_same(path, tmp_path)


class SparseFile:
    """Leaves holes for pieces of zeros, so that gigabytes take no disk."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def write(self, data):
        data = memoryview(data).cast("B")
        words = numpy.frombuffer(data, numpy.uint64, len(data) // 8)
        if len(data) >= 1 << 16 and not words.any() and not any(data[-8:]):
            self.file.seek(len(data), 1)
        else:
            self.file.write(data)
        return len(data)

    def flush(self):
        self.file.flush()

    def close(self):
        self.file.truncate(self.file.tell())
        self.file.close()


@pytest.mark.compatibility("zip64", "write")
def test_past_4_gib(tmp_path):
    """A record of 2^32 - 1 bytes and headers past 4 GiB: all bytes equal, compared without writing them. 2^32 - 2, the
    last size without ZIP64, takes as long again: TARC_SLOW=1."""
    path = tmp_path / "large.pt"
    out = SparseFile(path)
    sizes = [3, 2**32 - 1, 5, 0]
    if os.environ.get("TARC_SLOW"):
        sizes[1:1] = [2**32 - 2, 7]
    torch.save([torch.zeros(n, dtype=torch.uint8) if n > 100 else torch.ones(n, dtype=torch.uint8) for n in sizes], out)
    out.close()
    if path.stat().st_blocks * 512 > 2**30:
        pytest.skip("this file system has no sparse files")
    done = rewrite(path)
    path.unlink()
    assert done.returncode == 0, done.stderr


def test_without_crc(tmp_path):
    """compute_crc32 off: the CRCs are 0, which means "not computed"; every other byte is the same."""
    path, out = tmp_path / "none.pt", tmp_path / "rewritten"
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.arange(100)}, path)
    finally:
        torch.serialization.set_crc32_options(True)
    done = rewrite(path, out)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size == path.stat().st_size
    assert torch.equal(torch.load(out)["a"], torch.arange(100))


def test_skip_data(tmp_path):
    path = tmp_path / "reserved.pt"
    with torch.serialization.skip_data():
        torch.save({"a": torch.arange(100), "b": torch.ones(7)}, path)
    done = rewrite(path, tmp_path / "out")
    assert done.returncode == 1
    assert "payload was reserved, not written" in done.stderr
    assert not (tmp_path / "out").exists()


def test_torchscript(tmp_path):
    """Written by libtorch: DEFLATE for code, constants.pkl."""
    path = tmp_path / "script.pt"
    torch.jit.script(torch.nn.Linear(3, 2)).save(str(path))
    assert rewrite(path, tmp_path / "out").returncode == 0
