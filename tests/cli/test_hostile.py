"""Files made to hurt: whatever is in one, `tarc` ends soon, with status 0 or 1, one line of error, and modest memory."""

# labels: sanitize
import io
import json
import os
import pathlib
import pickle
import random
import resource
import struct
import sys
import time
import zipfile

import pytest
import torch

from command_line import SHARED, TARC, entries, failed, tarc

COMMANDS = [["ls"], ["ls", "--json"], ["ls", "--json", "--crc"], ["verify"], ["convert"], ["schema"], ["schema", "--cpp", "it"]]
PARTS = [["ls", "--tree"], ["diff"], ["diff", "--json"], ["extract", "*"], ["extract", "a*/*b*?"], ["convert", "--to=safetensors"], ["convert", "--to=npz"]]
SANITIZED = b"__asan_init" in pathlib.Path(TARC).read_bytes()


def limit_memory():
    if not SANITIZED:  # which maps terabytes of shadow
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (50, 50))


def survives(file, commands=None, seconds=20):
    """Runs the commands on the file; their exit statuses."""
    statuses = []
    for command in commands or COMMANDS + PARTS:
        out = file.parent / "converted.out"
        start = time.monotonic()
        words = {
            "convert": [*command, file, out],
            "diff": [*command, file, file],
            "extract": ["extract", file, *command[1:], "-o", out],
        }.get(command[0], [*command, file])
        done = tarc(*words, timeout=seconds * 3, preexec_fn=limit_memory)
        assert time.monotonic() - start < seconds, (command, file)
        if done.returncode != 0:
            failed(done)
        elif command[:2] in (["ls", "--json"], ["diff", "--json"]):
            json.loads(done.stdout)
        statuses.append(done.returncode)
    return statuses if commands else statuses[: len(COMMANDS)]


def archive(folder, pickled, storages=(), method=zipfile.ZIP_STORED, name="made.pt"):
    """A file as torch.save would make it, with any pickle."""
    file = folder / name
    with zipfile.ZipFile(file, "w", method) as z:
        z.writestr("archive/data.pkl", pickled)
        for i, data in enumerate(storages):
            z.writestr(f"archive/data/{i}", data)
        z.writestr("archive/version", "3\n")
    return file


# -- damage ------------------------------------------------------------------------------------------------------------


def small_file(folder):
    file = folder / "small.pt"
    torch.save(
        {"w": torch.arange(6, dtype=torch.float32).view(2, 3), "step": 7, "text": "héllo", 1: (None, True)}, file
    )
    own = folder / "own.pt"
    assert tarc("convert", file, own).returncode == 0
    return file, own


def test_truncated_anywhere(tmp_path):
    for file in small_file(tmp_path):
        data = file.read_bytes()
        cut = tmp_path / "cut.pt"
        for length in sorted({*range(0, 64), *range(len(data) - 300, len(data)), *range(0, len(data), 61)})[:: 3 if SANITIZED else 1]:
            cut.write_bytes(data[:length])
            failed(tarc("ls", "--json", "--crc", cut))


def test_any_bit_flipped(tmp_path):
    """Never another value in silence: the same listing, or an error. Padding and times may change and change nothing."""
    for file in small_file(tmp_path):
        data = bytearray(file.read_bytes())
        want = entries(file, "--crc")
        flipped = tmp_path / "flipped.pt"
        rng = random.Random(4)
        for at in rng.sample(range(len(data)), 150):
            data[at] ^= 1 << rng.randrange(8)
            flipped.write_bytes(data)
            done = tarc("ls", "--json", "--crc", flipped)
            if done.returncode == 0:
                assert json.loads(done.stdout)["entries"] == want, at
            else:
                failed(done)
            data[:] = file.read_bytes()


@pytest.mark.parametrize("kind", ["zip", "pickle"])
def test_corpus(kind, tmp_path):
    """Other people's odd ZIP files as they are; other people's hostile pickles as they are and inside an archive."""
    files = sorted(f for f in (SHARED / "corpus" / kind).rglob("*") if f.is_file())
    if not files:
        pytest.skip("the corpus is not here")
    assert len(files) > 100
    files = files[:: 3 if SANITIZED else 1]  # a sanitized process takes 20 ms to begin
    opened = 0
    for file in files:
        copy = tmp_path / "file"
        copy.write_bytes(file.read_bytes())
        opened += survives(copy, [["ls", "--json", "--crc"], ["diff"], ["extract", "*"]])[0] == 0
        if kind == "pickle":
            made = archive(tmp_path, file.read_bytes())
            opened += survives(made, [["ls", "--json", "--crc"], ["convert"], *PARTS])[0] == 0
    assert (opened > len(files) / 10) == (kind == "pickle")


def test_random_pickles(tmp_path):
    """Valid pickles with bytes changed, inside a sound archive."""
    buffer = io.BytesIO()
    torch.save(
        {"a": torch.ones(3, 4), "b": [torch.zeros(2).half(), {"k": (1, 2.5, "x", b"y", 2**70)}], "c": {1, 2}}, buffer
    )
    whole = zipfile.ZipFile(buffer)
    pickled = whole.read("archive/data.pkl")
    storages = [whole.read(f"archive/data/{i}") for i in range(2)]
    rng = random.Random(9)
    for _ in range(120):
        changed = bytearray(pickled)
        for _ in range(rng.randrange(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        survives(archive(tmp_path, bytes(changed), storages), [["ls", "--json", "--crc"]], seconds=5)


# -- bombs -------------------------------------------------------------------------------------------------------------


def tensor(shape, strides, offset=0, numel=4, kind=b"FloatStorage", key=b"0"):
    """A pickle of one tensor over a storage."""

    def integer(i):
        return b"\x8a\x09" + struct.pack("<q", i) + b"\0" if i >= 0 else b"\x8a\x08" + struct.pack("<q", i)

    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s

    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + text(b"storage")
        + b"ctorch\n"
        + kind
        + b"\n"
        + text(key)
        + text(b"cpu")
        + integer(numel)
        + b"tQ"
        + integer(offset)
        + b"("
        + b"".join(map(integer, shape))
        + b"t("
        + b"".join(map(integer, strides))
        + b"t\x89ccollections\nOrderedDict\n)RtR"
    )


def test_one_element_expanded_to_a_tebibyte(tmp_path):
    file = archive(tmp_path, b"\x80\x02" + tensor([2**40], [0]) + b".", [bytes(16)])
    assert entries(file)[0]["shape"] == [2**40]
    assert "far more than the file" in failed(tarc("ls", "--crc", file))
    assert b"[1099511627776]  4.4 TB" in tarc("ls", file).stdout
    survives(file)


def test_more_elements_than_64_bits_count_bytes(tmp_path):
    file = archive(tmp_path, b"\x80\x02" + tensor([2**62], [0]) + b".", [bytes(16)])
    assert b"> 18 EB" in tarc("ls", file).stdout
    survives(file)
    survives(archive(tmp_path, b"\x80\x02" + tensor([2**40, 2**40], [0, 0]) + b".", [bytes(16)]))


@pytest.mark.parametrize(
    "shape, strides, offset",
    [
        ([5], [1], 0),
        ([1], [1], 4),
        ([2], [4], 0),
        ([2**62], [1], 0),
        ([2, 2], [2**62, 2**62], 0),
        ([1], [1], 2**62),
        ([1], [1], -1),
        ([-1], [1], 0),
        ([2], [-1], 1),
        ([1, 1], [1], 0),
    ],
)
def test_views_outside_their_storage(shape, strides, offset, tmp_path):
    file = archive(tmp_path, b"\x80\x02" + tensor(shape, strides, offset) + b".", [bytes(16)])
    assert survives(file) == [1] * len(COMMANDS)


def test_storage_of_another_size_than_its_record(tmp_path):
    for size in (0, 15, 17, 2**20):
        file = archive(tmp_path, b"\x80\x02" + tensor([4], [1]) + b".", [bytes(size)])
        assert survives(file) == [1] * len(COMMANDS)


def test_many_views_of_one_storage(tmp_path):
    """A storage is read once, whatever the number of its views; views alike are computed once."""
    size = 8 << 20
    one = tensor([size], [1], 0, size, b"ByteStorage")
    file = archive(tmp_path, b"\x80\x02](" + one + b"".join(one for _ in range(20_000)) + b"e.", [bytes(size)])
    got = entries(file, "--crc")
    assert len(got) == 20_001 and len({e["crc32"] for e in got}) == 1
    assert survives(file) == [0] * len(COMMANDS)
    # all different: more elements than the file justifies
    many = b"".join(tensor([size - i], [1], i, size, b"ByteStorage") for i in range(1000))
    file = archive(tmp_path, b"\x80\x02](" + many + b"e.", [bytes(size)])
    assert "far more than the file" in failed(tarc("ls", "--crc", file))
    short = b"".join(tensor([100], [3], i, size, b"ByteStorage") for i in range(20_000))
    assert survives(archive(tmp_path, b"\x80\x02](" + short + b"e.", [bytes(size)])) == [0] * len(COMMANDS)


def test_pairs_of_many_views(tmp_path):
    """Two files whose views ask for their storages again and again."""
    size = 70 << 20
    one, two = (b"".join(tensor([1], [1], i, size, b"ByteStorage", key) for i in range(300)) for key in (b"0", b"1"))
    whole = archive(tmp_path, b"\x80\x02](" + one + two + b"e.", [bytes(size)] * 2)
    assert survives(whole, [["diff"], ["diff", "--json"], ["extract", "*"]]) == [0, 0, 0]
    # of every pair, the second file's view lies in the other storage than that of the pair before
    turned = [tensor([2, 2], [3, 1], i, size, b"ByteStorage", b"0") for i in range(3000)]
    a = archive(tmp_path, b"\x80\x02](" + b"".join(turned) + one + two + b"e.", [bytes(size)] * 2, name="a.pt")
    turned[::2] = [t.replace(b"X\1\0\0\0" b"0", b"X\1\0\0\0" b"1") for t in turned[::2]]
    b = archive(tmp_path, b"\x80\x02](" + b"".join(turned) + one + two + b"e.", [bytes(size)] * 2, name="b.pt")
    start = time.monotonic()
    assert "far more bytes than the file has" in failed(tarc("diff", a, b, preexec_fn=limit_memory))
    assert time.monotonic() - start < 15
    # an expanded tensor of a tebibyte on both sides, or on one
    big = archive(tmp_path, b"\x80\x02" + tensor([2**40], [0]) + b".", [bytes(16)], name="big.pt")
    assert "far more than the files" in failed(tarc("diff", big, big, preexec_fn=limit_memory))


def test_lists_that_hold_one_another(tmp_path):
    """2^100 paths to one value."""
    pickled = b"\x80\x02]q\0" + b"".join(b"]q%c(h%ch%ce" % (i + 1, i, i) for i in range(100)) + b"0" * 101 + b"h\x64."
    file = archive(tmp_path, pickled)
    message = failed(tarc("ls", "--json", file))
    assert "limits::nodes" in message
    survives(file)


def test_a_list_that_holds_itself(tmp_path):
    for pickled in (
        b"\x80\x02]q\0h\0a.",
        b"\x80\x02]q\0(h\0h\0e.",
        b"\x80\x02}q\0X\1\0\0\0ah\0s.",
        b"\x80\x02]q\0)R]h\0a.",
    ):
        file = archive(tmp_path, pickled)
        assert survives(file, COMMANDS[:3]) == [1] * 3
        survives(file)


def test_deep_nesting(tmp_path):
    for depth in (900, 1_000_000):
        file = archive(tmp_path, b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
        assert survives(file, COMMANDS[:3]) == [0 if depth < 1000 else 1] * 3
        survives(archive(tmp_path, b"\x80\x02" + b")" + b"\x85" * depth + b"."))
        survives(archive(tmp_path, b"\x80\x02}" + b")" + b"\x85" * depth + b"Ns."))  # as a key


def test_keys_that_hold_one_another(tmp_path):
    """A key whose repr() has 2^60 parts."""
    key = b")q\0" + b"".join(b"(h%ch%ctq%c" % (i, i, i + 1) for i in range(60))
    for pickled in (b"\x80\x02}" + key + b"Ns.", b"\x80\x02cbuiltins\nset\n](" + key + b"e\x85R."):
        file = archive(tmp_path, pickled)
        survives(file)
        failed(tarc("ls", "--json", file))


def test_long_texts_again_and_again(tmp_path):
    long = b"X" + struct.pack("<I", 1 << 18) + b"k" * (1 << 18)
    values = archive(tmp_path, b"\x80\x02]" + long + b"q\0" + b"0(" + b"h\0" * 100_000 + b"e.")
    assert survives(values) == [0, 1, 1, 0, 0, 0, 0]
    below = archive(tmp_path, b"\x80\x02}" + long + b"](" + b"K\x01" * 100_000 + b"es.")
    assert survives(below)[1:3] == [1, 1]
    keys = b"(" + b"".join(b"X" + struct.pack("<I", 4) + b"%04d" % i + b"K\x01" for i in range(200)) + b"u"
    fields = archive(tmp_path, b"\x80\x02}" + long + b"}" + keys + b"s.")
    assert survives(fields, COMMANDS[-2:]) == [1, 1]  # the text would be 50 MB
    shared = archive(tmp_path, b"\x80\x02]}" + long + b"Nsq\0" + b"0(" + b"h\0" * 100_000 + b"e.")
    assert survives(shared)[:3] == [1, 1, 1]


def test_long_integers(tmp_path):
    def long4(size):
        return b"\x8b" + struct.pack("<i", size) + b"\x7f" * size

    one = archive(tmp_path, b"\x80\x02" + long4(60_000) + b".")
    sys.set_int_max_str_digits(0)
    assert entries(one)[0]["value"] == str(int.from_bytes(b"\x7f" * 60_000, "little"))
    assert survives(one)[:4] == [0, 0, 0, 0]
    assert survives(archive(tmp_path, b"\x80\x02](" + long4(60_000) * 300 + b"e."), COMMANDS)[1:3] == [1, 1]
    assert survives(archive(tmp_path, b"\x80\x02](" + long4(60_000) + b"q\0" + b"h\0" * 100_000 + b"e."), COMMANDS)[1:3] == [1, 1]
    survives(archive(tmp_path, b"\x80\x02}" + long4(60_000) + b"Ns."), COMMANDS + [["diff"], ["extract", "*"]])


def test_deflated_bombs(tmp_path):
    zeros = bytes(100 << 20)
    survives(archive(tmp_path, zeros, method=zipfile.ZIP_DEFLATED))
    survives(archive(tmp_path, b"\x80\x02](" + b"N" * (50 << 20) + b"e.", method=zipfile.ZIP_DEFLATED))
    size = 100 << 20
    assert survives(
        archive(
            tmp_path, b"\x80\x02" + tensor([size], [1], 0, size, b"ByteStorage") + b".", [zeros], zipfile.ZIP_DEFLATED
        )
    ) == [0] * len(COMMANDS)


def test_many_small_values(tmp_path):
    n = 200_000
    file = archive(tmp_path, b"\x80\x02](" + b"N" * n + b"e.")
    assert survives(file) == [0] * len(COMMANDS)
    assert survives(archive(tmp_path, b"\x80\x02](" + b"]" * n + b"e."))[0] == 0
    survives(archive(tmp_path, b"\x80\x02](" + b"(" * n + b"t" * n + b"e."))
    deep = b"]" * 800 + b"](" + b"K\x01" * 150_000 + b"e" + b"a" * 800
    assert survives(archive(tmp_path, b"\x80\x02" + deep + b"."), COMMANDS[1:3]) == [1, 1]


def test_objects_are_never_made(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/executed",)

    file = archive(tmp_path, pickle.dumps({"a": Evil()}, 2))
    got = entries(file)
    assert got[0]["kind"] == "object" and got[0]["value"].endswith(".system")
    survives(file)
    assert not (tmp_path / "executed").exists()
    assert "system" in failed(tarc("convert", file, tmp_path / "out.pt"))
