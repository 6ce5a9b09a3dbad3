"""torch.save's formats of before 1.6 against PyTorch itself: the stream, written by PyTorch 2.13, 1.13 and as before 0.4, and the tar file."""

# labels: sanitize
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tarfile
import time

import pytest
import torch

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "cli"), str(HERE)]
import legacy_kinds  # noqa: E402
from command_line import SHARED, entries, failed, tarc  # noqa: E402
from old_formats import MAGIC, Bare, Old, Part, typed, write_stream, write_tar  # noqa: E402

ORACLE = SHARED / "fixtures" / "oracle.py"
pytestmark = [
    pytest.mark.skipif(not ORACLE.exists(), reason="the oracle ($TARC_SHARED/fixtures/oracle.py) is not here"),
    pytest.mark.filterwarnings("ignore:TypedStorage is deprecated"),
]
sys.path.append(str(ORACLE.parent))
DEBIAN = "/usr/bin/python3"  # PyTorch 1.13


def expected(file):
    import oracle

    walk = oracle.Walk()
    walk.visit([], oracle.load(str(file), walk.located, True))
    return json.loads(json.dumps(walk.entries))


def listed(file):
    return [e for e in entries(file, "--crc") if e["kind"] != "object"]


def check(file):
    got, want = listed(file), expected(file)
    assert [e["path"] for e in got] == [e["path"] for e in want]
    for g, w in zip(got, want):
        assert g == w and json.dumps(g, sort_keys=True) == json.dumps(w, sort_keys=True)  # 1, 1.0 and True differ
    assert tarc("verify", file).returncode == 0
    return got


def same_values(a, b):
    """Whether two listings say the same, whichever numbers their storages have."""
    numbers = {}

    def comparable(e, side):
        e = dict(e)
        if "storage" in e:
            e["storage"] = numbers.setdefault((side, e["storage"]), len([k for k in numbers if k[0] == side]))
        return e

    return [comparable(e, "a") for e in a] == [comparable(e, "b") for e in b]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder for each PyTorch, by its name."""
    folders = {"2.13": tmp_path_factory.mktemp("made_by_2_13")}
    legacy_kinds.main(folders["2.13"])
    old = tmp_path_factory.mktemp("made_by_1_13")
    done = subprocess.run([DEBIAN, "-B", str(HERE / "legacy_kinds.py"), str(old)], check=False, capture_output=True)
    if done.returncode == 0:
        folders["1.13"] = old
    return folders


@pytest.mark.compatibility("legacy", "read")
@pytest.mark.parametrize("kind", [k.__name__ for k in legacy_kinds.KINDS])
@pytest.mark.parametrize("version", ["2.13", "1.13"])
def test_what_pytorch_writes(made, version, kind):
    if version not in made:
        pytest.skip(f"{DEBIAN} has no PyTorch")
    folder = made[version]
    zipped = listed(folder / f"{kind}.zip.pt")
    for protocol in legacy_kinds.PROTOCOLS:
        file = folder / f"{kind}_{protocol}.pt"
        # the classes of 1.13's modules have other attributes in 2.13
        got = listed(file) if kind == "modules" and version == "1.13" else check(file)
        assert same_values(got, zipped)


def old_values():
    base = torch.arange(24, dtype=torch.float32)
    root = typed(base)
    part, other = Part(root, 4, 12), Part(root, 8, 12)
    long = torch.arange(6)
    return {
        "whole": Old(base.view(4, 6), "rebuild_tensor"),
        "part": Old(base[:6].view(2, 3), "rebuild_tensor", storage=part),
        "again": [Old(base[2:4], "rebuild_tensor", storage=part)],
        "other": Old(base[:12].view(3, 4).t(), "rebuild_tensor", storage=other),
        "root": Bare(root),
        "bare": [Bare(part), Bare(typed(long))],
        "long": Old(long, "rebuild_tensor"),
        "half": Old(torch.ones(3, dtype=torch.float16), "rebuild_tensor"),
        "nothing": Old(torch.zeros(0), "rebuild_tensor"),
        "variable": Old(base, "variable"),
        "grad": Old(base, "variable", requires_grad=True),
        "parameter": Old(base[1:], "parameter", requires_grad=True),
        "frozen": Old(base.view(2, 12).t(), "parameter"),
        "of 0.1": Old(long.double(), "parameter_of_0_1", requires_grad=True),
    }


@pytest.mark.parametrize("protocol", [1, 2])
def test_the_stream_of_before_0_4(tmp_path, protocol):
    """Storages that are parts of others, and the states that Variables, Parameters and tensors then had."""
    value = old_values() | {"state": Old(torch.arange(10.0)[2:6], "tensor_state")}
    write_stream(value, tmp_path / "old.pt", protocol)
    got = {tuple(e["path"]): e for e in check(tmp_path / "old.pt")}
    assert got["part",]["storage"] == got["again", 0]["storage"] == got["bare", 0]["storage"]
    assert len({got[k,]["storage"] for k in ("whole", "part", "other", "long")}) == 4
    assert got["root",]["storage"] == got["whole",]["storage"] == got["grad",]["storage"]


def test_a_part_has_the_tag_of_its_whole(tmp_path):
    """Where the oracle, which sees only how the whole is placed, says "cpu"."""
    write_stream(old_values(), tmp_path / "old.pt", location="cuda:1")
    got = listed(tmp_path / "old.pt")
    assert {e["location"] for e in got} == {"cuda:1"}
    want = [e | {"location": "cuda:1"} for e in expected(tmp_path / "old.pt")]
    assert got == want


@pytest.mark.compatibility("tar", "read")
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_the_tar_file(tmp_path, format, protocol):
    base = torch.arange(24, dtype=torch.float64)
    value = {
        "old": old_values() if protocol != 0 else None,
        "tensors": [base, base[3:9].view(2, 3), base.view(4, 6).t(), torch.tensor([1, 2]), base],
        "types": [torch.ones(2, dtype=getattr(torch, t)) for t in ("uint8", "int8", "int16", "int32", "float16", "float32")],
        "numbers": [1, 2.5, None, True, "text", (), {}],
    }
    write_tar(value, tmp_path / "old.tar", format=format, protocol=protocol)
    check(tmp_path / "old.tar")


@pytest.mark.compatibility("module", "read")
@pytest.mark.parametrize("write, name", [(write_stream, "model.pt"), (write_tar, "model.tar")])
def test_an_entire_model_of_old(tmp_path, write, name):
    """Its classes stand there with their source, its Parameters with the state they had."""
    model = legacy_kinds.modules()
    want = len(model.state_dict())
    for module in model.modules():
        for k, p in module._parameters.items():
            if p is not None:
                module._parameters[k] = Old(p.detach(), "parameter", requires_grad=True)
        for k, b in module._buffers.items():
            if b is not None:
                module._buffers[k] = Old(b, "rebuild_tensor")
    write(model, tmp_path / name)
    got = {tuple(e["path"]): e for e in check(tmp_path / name) if e["kind"] == "tensor"}
    assert got["_modules", "0", "_parameters", "weight"]["shape"] == [4, 3, 3, 3]
    assert len(got) == want


def test_a_file_of_more_than_4_gib_is_listed_at_once(tmp_path):
    """Only pickles and counts are read, wherever they stand."""
    file = tmp_path / "large.pt"
    sizes = {"1": 3 << 30, "2": 1 << 30, "3": 2}

    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    def number(n):
        return b"\x8a\x08" + struct.pack("<q", n)

    with open(file, "wb") as f:
        for head in (MAGIC, 1001, {}):
            pickle.dump(head, f, 2)
        f.write(b"\x80\x02}")
        for key, n in sizes.items():
            storage = b"(" + text("storage") + b"ctorch\nByteStorage\n" + text(key) + text("cpu") + number(n) + b"NtQ"
            f.write(text(key) + b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K\0" + number(n) + b"\x85K\1\x85tRs")
        f.write(b".")
        pickle.dump(sorted(sizes), f, 2)
        for n in sizes.values():
            f.write(struct.pack("<q", n))
            f.truncate(f.seek(n, os.SEEK_CUR))
    began = time.monotonic()
    got = entries(file)
    assert time.monotonic() - began < 1
    assert [(e["path"], e["shape"]) for e in got] == [([k], [n]) for k, n in sizes.items()]
    os.truncate(file, file.stat().st_size - 1)
    assert "it ends early: 2 bytes are announced" in failed(tarc("ls", file))


def test_several_files_in_one_are_refused(tmp_path):
    file = tmp_path / "two.pt"
    with open(file, "wb") as f:
        torch.save({"a": torch.ones(2)}, f, _use_new_zipfile_serialization=False)
        end = f.tell()
        torch.save({"b": 1}, f, _use_new_zipfile_serialization=False)
    message = failed(tarc("ls", file))
    assert "several torch.save calls" in message and f"at byte {end}" in message


def test_a_pickle_of_python_itself(tmp_path):
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
    assert "not with torch.save's magic number" in failed(tarc("ls", tmp_path / "plain.pkl"))
