"""Usage, exit status, messages and the human listing of `tarc`."""

# labels: sanitize
import os
import pty
import re
import subprocess
import zipfile

import pytest
import torch

from command_line import TARC, entries, failed, refused, tarc


@pytest.fixture
def checkpoint(tmp_path):
    file = tmp_path / "run.pt"
    w = torch.arange(12, dtype=torch.float32).view(3, 4)
    torch.save(
        {
            "epoch": 5,
            "model": {"weight": w, "tied": w, "column": w[:, 1], "bias": torch.zeros(1000)},
            "note": "hé\n",
            "rates": [0.1, 1e-5],
            "none": None,
        },
        file,
    )
    return file


COMMANDS = ("ls", "verify", "diff", "extract", "convert", "schema", "completion", "help")


# -- usage -------------------------------------------------------------------------------------------------------------


def test_help_goes_to_standard_output():
    for words in (["--help"], ["-h"]):
        done = tarc(*words)
        assert done.returncode == 0 and done.stderr == b"" and b"tarc ls FILE" in done.stdout
    for command in COMMANDS:
        for words in ([command, "--help"], [command, "x", "-h"], ["help", command]):
            done = tarc(*words)
            assert (
                done.returncode == 0
                and done.stderr == b""
                and done.stdout.startswith(b"usage: tarc " + command.encode())
            )


def test_version():
    done = tarc("--version")
    assert done.returncode == 0 and re.fullmatch(rb"tarc \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["ls"],
        ["ls", "a", "b"],
        ["ls", "--nonsense", "a"],
        ["ls", "-x", "a"],
        ["verify"],
        ["verify", "--json", "a"],
        ["convert", "a"],
        ["convert", "a", "b", "c"],
        ["convert", "a", "b", "--map-location"],
        ["ls", "--json=1", "a"],
        ["schema"],
        ["schema", "a", "b"],
        ["schema", "a", "--cpp"],
        ["schema", "a", "-o"],
        ["schema", "a", "--json"],
        [""],
        ["ls", "--", "a", "--json"],
        ["diff", "a"],
        ["diff", "a", "b", "c"],
        ["extract", "a", "b"],
        ["extract", "a", "-o", "b"],
        ["convert", "a", "b", "--to=pt"],
        ["completion", "fish"],
        ["help", "ls", "verify"],
    ],
)
def test_wrong_usage(words):
    refused(tarc(*words))


def test_without_a_command_the_usage_is_printed():
    done = tarc()
    assert (done.returncode, done.stdout) == (2, b"") and done.stderr.startswith(b"usage:")


def test_only_torchs_format_is_compressed():
    assert "torch's format" in refused(tarc("convert", "a", "b.npz", "--codec", "zstd"))


@pytest.mark.parametrize(
    "words, meant",
    [
        (["lss"], '"ls"'),
        (["extrat", "a"], '"extract"'),
        (["help", "verfy"], '"verify"'),
        (["ls", "--jsn", "a"], '"--json"'),
        (["ls", "--hepl", "a"], '"--help"'),
        (["convert", "a", "b", "--map_location=cpu"], '"--map-location"'),
        (["convert", "a", "b", "--to", "safetensor"], '"safetensors"'),
        (["completion", "bsh"], '"bash"'),
    ],
)
def test_a_mistyped_word_is_guessed(words, meant):
    assert f"did you mean {meant}?" in refused(tarc(*words))


def test_standard_input_and_output_are_no_files():
    for words in (["ls", "-"], ["verify", "-"], ["diff", "a", "-"], ["convert", "a", "-"], ["schema", "a", "-o", "-"]):
        assert "./-" in refused(tarc(*words))


@pytest.mark.parametrize("location", ["", "CPU", "cuda:", "cuda:x", ":0", "cuda:0:1", "cuda 0"])
def test_no_location(location, tmp_path):
    assert "is not a location" in refused(tarc("convert", "a", tmp_path / "b", "--map-location", location))
    assert not (tmp_path / "b").exists()


def test_two_dashes_end_the_options(tmp_path):
    torch.save(1, tmp_path / "--json")
    assert tarc("ls", "--", "--json", cwd=tmp_path).stdout.startswith(b"path")


# -- files that cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["ls"], ["ls", "--json", "--crc"], ["verify"], ["convert"], ["schema"], ["schema", "--cpp", "x"], ["diff"], ["extract"]])
def test_no_such_file_a_folder_and_a_pipe(command, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("this is text\n" * 100)
    for name, word in (
        ("missing", "No such file"),
        ("folder", "folder"),
        ("pipe", "pipe"),
        ("/dev/null", "device"),
        ("empty", ""),
        ("text", "safetensors or npz"),
    ):
        more = {"convert": [tmp_path / "out.pt"], "diff": [tmp_path / name], "extract": ["a", "-o", tmp_path / "out.pt"]}
        done = tarc(*command, tmp_path / name, *more.get(command[0], []), timeout=10)
        message = failed(done)
        assert word in message and name in message
        assert done.stdout == b""
        assert not (tmp_path / "out.pt").exists()


def test_messages_are_one_line_whatever_the_name(tmp_path):
    failed(tarc("ls", tmp_path / "a\nb\x1b[31m"))
    failed(tarc("ls", os.fsencode(tmp_path) + b"/\xff\xfe"))


def test_full_standard_output_is_an_error(checkpoint):
    for words in (["ls", checkpoint], ["ls", "--json", checkpoint], ["verify", checkpoint], ["--help"],
                  ["diff", checkpoint, checkpoint], ["completion", "zsh"]):  # fmt: skip
        with open("/dev/full", "wb") as full:
            done = subprocess.run([TARC, *map(str, words)], stdout=full, stderr=subprocess.PIPE, check=False)
        assert "No space left" in failed(done)


def kilobytes(size):
    return f"{(size + 50) // 100 / 10:.1f} kB"


# -- ls ----------------------------------------------------------------------------------------------------------------


def test_listing(checkpoint):
    done = tarc("ls", checkpoint)
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.decode() == f"""\
path          type     shape     size  location
epoch         int      5
model/weight  float32  [3, 4]    48 B  cpu
model/tied    float32  [3, 4]    48 B  cpu       tied to model/weight
model/column  float32  [3]       12 B  cpu       shares the storage of model/weight
model/bias    float32  [1000]  4.0 kB  cpu
note          str      'hé\\n'
rates/0       float    0.1
rates/1       float    1e-05
none          None     None
4 tensors of 4.1 kB in 2 storages, 5 other values, file of {kilobytes(os.path.getsize(checkpoint))}
"""


def test_listing_as_a_tree(tmp_path):
    file = tmp_path / "run.pt"
    w = torch.ones(2, 3)
    model = torch.nn.Linear(3, 2)
    torch.save(
        {
            "epoch": 5,
            "model": model.state_dict(),
            "optimizer": {"param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": list(range(40))}], "state": {}},
            "nested": [[w, "x" * 200], {"tied": w}],
            "one": (None,),
        },
        file,
    )
    done = tarc("ls", "--tree", file)
    assert done.stderr == b"" and done.stdout.decode() == f"""\
path             type         shape   size  location
epoch            int          5
model/           OrderedDict  2 tensors of 32 B
  weight         float32      [2, 3]  24 B  cpu
  bias           float32      [2]      8 B  cpu
optimizer/       dict         44 values
  param_groups/  list         43 values
    0/           dict         43 values
      lr         float        0.1
      betas      tuple        (0.9, 0.999)
      params     list         [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, … 40 in all]
  state          dict         {{}}
nested/          list         2 tensors of 48 B, 1 value
  0/             list         1 tensor of 24 B, 1 value
    0            float32      [2, 3]  24 B  cpu
    1            str          '{"x" * 59}…
  1/             dict         1 tensor of 24 B
    tied         float32      [2, 3]  24 B  cpu       tied to nested/0/0
one              tuple        (None,)
4 tensors of 80 B in 3 storages, 47 other values, file of {kilobytes(os.path.getsize(file))}
"""
    torch.save(model, file)
    lines = tarc("ls", "--tree", file).stdout.decode().splitlines()
    assert lines[1].split()[:2] == ["./", "Linear"] and any(line.startswith("  weight ") for line in lines)
    torch.save(w, file)
    assert tarc("ls", "--tree", file).stdout.decode().splitlines()[1].startswith(".     float32  [2, 3]")


def test_listing_with_checksums(checkpoint):
    lines = tarc("ls", "--crc", checkpoint).stdout.decode().splitlines()
    by_path = {e["path"][-1]: e for e in entries(checkpoint, "--crc")}
    for name in ("weight", "tied", "column", "bias"):
        line = next(line for line in lines if line.startswith(f"model/{name} "))
        assert f"  {by_path[name]['crc32']:08x}  " in line


def test_listing_cannot_command_a_terminal(tmp_path):
    file = tmp_path / "odd.pt"
    torch.save({"\x1b[31mred\x07\n\u202e": "\x1b]0;title\x07", "x" * 5000: "y" * 5000, "t": torch.ones(1)}, file)
    text = tarc("ls", file).stdout.decode()
    assert "\\x1b[31mred\\x07\\n\\u202e" in text
    assert not any(ord(c) < 32 and c != "\n" or c == "\u202e" for c in text)
    assert max(map(len, text.splitlines())) < 300


def on_terminal(words, environment):
    """Its output, where that is a terminal."""
    main, side = pty.openpty()
    process = subprocess.run(
        [TARC, *map(str, words)],
        stdout=side,
        stderr=subprocess.PIPE,
        check=True,
        env={k: v for k, v in os.environ.items() if "SAN" in k} | environment,
    )
    os.close(side)
    text = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(main)
    assert process.stderr == b""
    return text


@pytest.mark.parametrize(
    "environment, colored",
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colors_on_a_terminal_alone(checkpoint, environment, colored):
    text = on_terminal(["ls", checkpoint], environment)
    assert (b"\x1b[" in text) == colored
    assert re.search(rb"model/ +.*dict", text) and re.search(rb"^  weight ", text, re.M)  # a tree there
    assert b"model/weight" in on_terminal(["ls", "--paths", checkpoint], environment)
    assert b"\x1b[" not in tarc("ls", checkpoint, env=os.environ | {"TERM": "xterm"}).stdout


def test_ls_without_crc_reads_no_tensor_bytes(checkpoint, tmp_path):
    """The payload of a storage may be damaged: `ls` does not see it, `ls --crc` and `verify` do."""
    data = bytearray(checkpoint.read_bytes())
    at = data.index(torch.arange(12, dtype=torch.float32).numpy().tobytes())
    data[at] ^= 1
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(data)
    assert [e for e in entries(damaged)] == [e for e in entries(checkpoint)]
    assert all("crc32" not in e for e in entries(damaged))
    for words in (
        ["ls", "--crc", damaged],
        ["ls", "--json", "--crc", damaged],
        ["verify", damaged],
        ["convert", damaged, tmp_path / "out.pt"],
    ):
        done = tarc(*words)
        message = failed(done)
        assert "CRC-32" in message and "damaged" in message and "data/" in message
        assert done.stdout == b""
    assert not (tmp_path / "out.pt").exists()


# -- verify ------------------------------------------------------------------------------------------------------------


def test_verify_says_what_was_checked(checkpoint, tmp_path):
    done = tarc("verify", checkpoint)
    assert done.returncode == 0 and done.stderr == b""
    records = len(zipfile.ZipFile(checkpoint).infolist())
    size = sum(i.file_size for i in zipfile.ZipFile(checkpoint).infolist())
    assert done.stdout.decode() == f"{checkpoint}: good, {records} records, {kilobytes(size)}, CRC-32 verified\n"

    own = tmp_path / "own.pt"
    assert tarc("convert", checkpoint, own).returncode == 0
    assert tarc("verify", own).stdout.decode().endswith("XXH3 and CRC-32 verified\n")

    from torch.utils.serialization import config

    none = tmp_path / "none.pt"
    config.save.compute_crc32 = False
    try:
        torch.save(torch.ones(3), none)
    finally:
        config.save.compute_crc32 = True
    assert tarc("verify", none).returncode == 0


def test_verify_finds_reserved_payloads(tmp_path):
    file = tmp_path / "skipped.pt"
    with torch.serialization.skip_data():
        torch.save(torch.ones(100), file)
    message = failed(tarc("verify", file))
    assert "skip_data" in message
    failed(tarc("ls", "--crc", file))
    assert entries(file)[0]["shape"] == [100]


# -- convert -----------------------------------------------------------------------------------------------------------


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert (
            a.dtype == b.dtype
            and a.shape == b.shape
            and a.stride() == b.stride()
            and a.storage_offset() == b.storage_offset()
        )
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for k in a:
            same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert a == b


def test_convert_keeps_values_ties_and_whole_storages(checkpoint, tmp_path):
    out = tmp_path / "out.pt"
    done = tarc("convert", checkpoint, out)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    want, got = torch.load(checkpoint, weights_only=True), torch.load(out, weights_only=True)
    same(want, got)
    assert got["model"]["weight"].data_ptr() == got["model"]["tied"].data_ptr() == got["model"]["column"].data_ptr() - 4
    assert entries(checkpoint, "--crc") == entries(out, "--crc")
    assert zipfile.ZipFile(out).infolist()[0].filename == "archive/data.pkl"


def test_convert_is_deterministic_and_a_fixed_point(checkpoint, tmp_path):
    for source, target in ((checkpoint, "a"), (checkpoint, "b"), (tmp_path / "a", "c")):
        assert tarc("convert", source, tmp_path / target).returncode == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_convert_in_place(checkpoint):
    before = entries(checkpoint, "--crc")
    os.chmod(checkpoint, 0o640)
    assert tarc("convert", checkpoint, checkpoint).returncode == 0
    assert entries(checkpoint, "--crc") == before
    assert os.stat(checkpoint).st_mode & 0o777 == 0o640
    assert b"XXH3" in tarc("verify", checkpoint).stdout
    assert os.listdir(checkpoint.parent) == [checkpoint.name]


def test_convert_keeps_the_target_when_it_fails(checkpoint, tmp_path):
    (tmp_path / "out.pt").write_text("precious")
    (tmp_path / "bad.pt").write_bytes(checkpoint.read_bytes()[:-100])
    failed(tarc("convert", tmp_path / "bad.pt", tmp_path / "out.pt"))
    assert (tmp_path / "out.pt").read_text() == "precious"
    for target in (tmp_path, tmp_path / "no" / "folder", "/dev/null"):
        failed(tarc("convert", checkpoint, target))


def test_convert_maps_locations(checkpoint, tmp_path, monkeypatch):
    tagged = tmp_path / "tagged.pt"
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:3")
    torch.save({"a": torch.ones(3), "b": torch.ones(2).untyped_storage()}, tagged)
    assert tarc("convert", tagged, tmp_path / "kept.pt").returncode == 0
    assert {e["location"] for e in entries(tmp_path / "kept.pt")} == {"cuda:3"}
    for words in (["--map-location", "cpu"], ["--map-location=cuda:0", "--map-location=cpu"]):
        assert tarc("convert", tagged, tmp_path / "mapped.pt", *words, "--codec", "none", "--to=torch").returncode == 0
        assert {e["location"] for e in entries(tmp_path / "mapped.pt")} == {"cpu"}
    assert torch.equal(torch.load(tmp_path / "mapped.pt", weights_only=True)["a"], torch.ones(3))


class Box:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def test_convert_writes_an_object_as_its_state(tmp_path):
    file, out = tmp_path / "box.pt", tmp_path / "out.pt"
    torch.save({"box": Box(a=1, t=torch.ones(2)), "model": torch.nn.Linear(2, 3)}, file)
    assert tarc("convert", file, out).returncode == 0
    loaded = torch.load(out, weights_only=True)
    assert loaded["box"]["a"] == 1 and torch.equal(loaded["box"]["t"], torch.ones(2))
    assert loaded["model"]["_parameters"]["weight"].shape == (3, 2) and loaded["model"]["training"] is True


def test_convert_names_what_it_cannot_write(tmp_path):
    file, out = tmp_path / "odd.pt", tmp_path / "out.pt"
    torch.save({"a": [1, {"when": __import__("datetime").timedelta(1)}]}, file)
    message = failed(tarc("convert", file, out))
    assert "datetime.timedelta" in message and "a/1/when" in message
    assert not out.exists()


def test_convert_keeps_sparse_and_numpy(tmp_path):
    numpy = pytest.importorskip("numpy")
    file, out = tmp_path / "odd.pt", tmp_path / "out.pt"
    torch.save(
        {
            "sparse": torch.eye(3).to_sparse(),
            "array": numpy.arange(6).reshape(2, 3),
            "scalar": numpy.float32(0.5),
            "set": {1, 2},
        },
        file,
    )
    assert tarc("convert", file, out).returncode == 0
    loaded = torch.load(out, weights_only=True)
    assert torch.equal(loaded["sparse"].to_dense(), torch.eye(3))
    assert (
        torch.equal(loaded["array"], torch.arange(6).view(2, 3)) and loaded["scalar"] == 0.5 and loaded["set"] == {1, 2}
    )


def test_largest_first(tmp_path):
    file = tmp_path / "file.pt"
    torch.save({"b": torch.ones(5), "n": 1, "a": [torch.ones(70), torch.ones(5, dtype=torch.double)], "c": torch.ones(5)}, file)
    assert [e["path"] for e in entries(file, "--sort=size")] == [["a", 0], ["a", 1], ["b"], ["c"]]
    lines = tarc("ls", "--sort", "size", file).stdout.decode().splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["a/0", "a/1", "b"]


def test_verify_names_all_that_is_damaged(tmp_path):
    file = tmp_path / "file.pt"
    values = [torch.full((100,), 1000.0 + i) for i in range(20)]
    torch.save({"model": {f"w{i}": v for i, v in enumerate(values)}}, file)
    data = bytearray(file.read_bytes())

    def damage(i):
        data[data.index(values[i].numpy().tobytes()) + 40] ^= 4

    damage(3)
    file.write_bytes(data)
    count = len(zipfile.ZipFile(file).namelist())
    message = failed(tarc("verify", file))
    assert "record data/3," in message and "field model/w3," in message and "CRC-32" in message
    damage(7)
    file.write_bytes(data)
    assert f"2 of {count} records are damaged: data/3 (model/w3), data/7 (model/w7) [" in failed(tarc("verify", file))
    for i in set(range(20)) - {3, 7}:
        damage(i)
    file.write_bytes(data)
    message = failed(tarc("verify", file))
    assert f"20 of {count} records are damaged" in message and "data/15 (model/w15), …" in message

    good = tmp_path / "good.pt"
    torch.save({"a": torch.ones(2)}, good)
    done = tarc("verify", good, file, tmp_path / "absent", good)
    assert failed(done) == "2 of 4 files are bad"
    assert [line.split(": ")[1].split(",")[0] for line in done.stdout.decode().splitlines()] == ["good", "bad", "bad", "good"]
