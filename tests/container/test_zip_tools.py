"""zip_reader on archives that other tools made; zip_writer's archives in other tools."""
import io
import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest

REWRITE = pathlib.Path(os.environ.get("TARC_BIN", "build/bin")) / "programs" / "zip_rewrite"
FILES = {
    "run/data.pkl": b"pickle" * 100,
    "run/byteorder": b"little",
    "run/data/0": bytes(range(256)) * 40,
    "run/data/1": b"",
    "run/data/10": os.urandom(1000),
    "run/version": b"3\n",
}


def rewrite(source, out):
    return subprocess.run([REWRITE, str(source), str(out)], capture_output=True, text=True)


def check(path, tmp_path, files=FILES):
    """Our rewritten copy has the same records, also for Python and for `unzip`."""
    out = tmp_path / "rewritten.zip"
    done = rewrite(path, out)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(out) as z:
        assert z.testzip() is None
        assert {n: z.read(n) for n in z.namelist()} == files
    # unzip reads the names of a file "made by 0" as DOS text, torch's as well as ours
    if shutil.which("unzip") and all(n.isascii() for n in files):
        tested = subprocess.run(["unzip", "-tqq", out], capture_output=True, text=True)
        assert tested.returncode == 0, tested.stdout + tested.stderr


def tree(tmp_path, files=FILES):
    top = tmp_path / "tree"
    for name, data in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    return top


class Unseekable(io.RawIOBase):
    def __init__(self, path):
        self.file = open(path, "wb")

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)

    def close(self):
        self.file.close()
        super().close()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_python(tmp_path, method, zip64, stream, reverse):
    path = tmp_path / "python.zip"
    target = Unseekable(path) if stream else open(path, "wb")
    with target, zipfile.ZipFile(target, "w", method) as z:
        z.comment = b"a comment"
        if not stream:
            z.writestr("run/", b"")
        for name in sorted(FILES, reverse=reverse):
            with z.open(name, "w", force_zip64=zip64) as f:
                f.write(FILES[name])
    check(path, tmp_path)


@pytest.mark.skipif(not shutil.which("zip"), reason="Info-ZIP's zip is not installed")
@pytest.mark.parametrize("options", ["-0", "-6", "-0 -X", "-0 -D", "-0 -fd", "-6 -fd", "-6 -fz", "-0 -z"])
@pytest.mark.parametrize("pipe", [False, True])
def test_info_zip(tmp_path, options, pipe):
    top, path, options = tree(tmp_path), tmp_path / "info.zip", options.split()
    if pipe and options[1:] in (["-z"], ["-fz"]):
        pytest.skip("-z wants standard input itself, -fz into a pipe leaves out the ZIP64 end record that it refers to")
    command = ["zip", "-q", "-r", *options, "-" if pipe else str(path), "run"]
    done = subprocess.run(command, cwd=top, input=b"comment\n", capture_output=True, check=True)
    if pipe:
        path.write_bytes(done.stdout)
    check(path, tmp_path)


@pytest.mark.skipif(not shutil.which("zip"), reason="Info-ZIP's zip is not installed")
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_info_zip_unicode(tmp_path, locale):
    files = {"läufe-日本/data.pkl": b"P", "läufe-日本/data/0": b"0123"}
    top, path = tree(tmp_path, files), tmp_path / "info.zip"
    command = ["zip", "-q", "-0", "-r", str(path), "läufe-日本"]
    subprocess.run(command, cwd=top, env={**os.environ, "LC_ALL": locale}, check=True)
    check(path, tmp_path, files)


@pytest.mark.skipif(not shutil.which("zip"), reason="Info-ZIP's zip is not installed")
def test_info_zip_changes_torchs_archive(tmp_path):
    """Records added to and deleted from what torch wrote: its own headers are copied as they are."""
    import torch

    path = tmp_path / "model.pt"
    torch.save({"a": torch.arange(100)}, path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "note").write_text("hello")
    subprocess.run(["zip", "-q", "-0", "model.pt", "model/note"], cwd=tmp_path, check=True)
    subprocess.run(["zip", "-q", "-d", "model.pt", "model/.data/serialization_id"], cwd=tmp_path, check=True)
    assert torch.equal(torch.load(path)["a"], torch.arange(100))
    with zipfile.ZipFile(path) as z:
        files = {n: z.read(n) for n in z.namelist()}
    check(path, tmp_path, files)


@pytest.mark.skipif(not shutil.which("bsdtar"), reason="libarchive's bsdtar is not installed")
@pytest.mark.parametrize("compression", ["store", "deflate"])
def test_libarchive(tmp_path, compression):
    top, path = tree(tmp_path), tmp_path / "libarchive.zip"
    options = ["--format", "zip", "--options", f"zip:compression={compression}"]
    subprocess.run(["bsdtar", *options, "-cf", str(path), "run"], cwd=top, check=True)
    check(path, tmp_path)


SEVEN_ZIP = shutil.which("7z") or shutil.which("7zz")


@pytest.mark.skipif(not SEVEN_ZIP, reason="7-Zip is not installed")
@pytest.mark.parametrize("method", ["Copy", "Deflate"])
def test_7_zip(tmp_path, method):
    top, path = tree(tmp_path), tmp_path / "seven.zip"
    command = [SEVEN_ZIP, "a", "-bd", "-tzip", f"-mm={method}", str(path), "run"]
    subprocess.run(command, cwd=top, capture_output=True, check=True)
    check(path, tmp_path)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize(
    "fault",
    [
        "write:error=ENOSPC:when=1",
        "write:error=EIO:when=1",
        "fsync:error=EIO:when=1",
        "fsync:error=EIO:when=2",
        "rename:error=EACCES:when=1",
        "write:signal=KILL:when=1",
        "fsync:signal=KILL:when=1",
        "rename:signal=KILL:when=1",
        "fsync:signal=KILL:when=2",
    ],
)
def test_injected_faults(tmp_path, fault):
    """The shipped system calls, without a scripted file system: the target is the old file or the new one."""
    source, out = tmp_path / "in.zip", tmp_path / "out" / "f"
    out.parent.mkdir()
    with zipfile.ZipFile(source, "w") as z:
        for name, data in FILES.items():
            z.writestr(name, data)
    assert rewrite(source, out).returncode == 0
    new = out.read_bytes()
    out.write_bytes(b"old")
    call = fault.split(":")[0]
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={fault}"]
    probe = subprocess.run([*strace, REWRITE, source, out], capture_output=True, text=True)
    if "ptrace" in probe.stderr:
        pytest.skip("strace may not trace here")
    assert probe.returncode != 0
    late = fault.startswith("fsync") and fault.endswith("when=2")  # of the folder, after the rename
    assert out.read_bytes() in ([new] if late else [b"old", new] if "KILL" in fault else [b"old"])
    left = [p.name for p in out.parent.iterdir() if p.name != "f"]
    if "KILL" in fault:
        assert len(left) <= 1 and all(n.startswith(".tarc-") for n in left)
    else:
        assert left == []
        assert call in probe.stderr and str(out) in probe.stderr
