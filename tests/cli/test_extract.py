"""`tarc extract`, read back by PyTorch, safetensors and NumPy."""

# labels: sanitize
import collections
import os

import numpy
import pytest
import torch

from command_line import entries, failed, refused, tarc


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(5)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    table = torch.arange(1000, dtype=torch.float32)
    value = {
        "epoch": 7,
        "model": model.state_dict(),
        "tied": {"a": table[10:20], "b": table[10:20].view(2, 5), "c": table[15:20]},
        "list": [torch.ones(2), {"x": 1, "y": torch.zeros(3)}, "text"],
        3: torch.full((2,), 3.0),
        "odd": object,
    }
    torch.save(value, tmp_path / "run.pt")
    return tmp_path / "run.pt", value


def extract(file, *paths, name="out.pt", **options):
    out = file.parent / name
    done = tarc("extract", file, *paths, "-o", out, **options)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done.stderr
    return out


def same(a, b):
    """Of what PyTorch read, in order."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return type(b) is list and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_parts_keep_their_place(checkpoint):
    file, value = checkpoint
    loaded = torch.load(extract(file, "model", "epoch"), weights_only=True)
    assert same(loaded, {"epoch": 7, "model": value["model"]})
    assert loaded["model"]._metadata == value["model"]._metadata
    biases = torch.load(extract(file, "*.bias"), weights_only=True)
    state = value["model"]
    assert same(biases, {"model": collections.OrderedDict((k, state[k]) for k in state if k.endswith(".bias"))})
    loaded = torch.load(extract(file, "list/1/y", "3", "model/0.*"), weights_only=True)
    assert same(loaded["list"], {1: {"y": torch.zeros(3)}}) and same(loaded[3], value[3])
    assert list(loaded["model"]) == ["0.weight", "0.bias"]
    paths = [tuple(e["path"]) for e in entries(file.parent / "out.pt")]
    assert set(paths) <= {tuple(e["path"]) for e in entries(file)}
    # all that `ls` prints is a path that is taken
    for line in tarc("ls", file).stdout.decode().splitlines()[1:-1]:
        if "odd" not in line:
            extract(file, line.split()[0])
    assert same(torch.load(extract(file, "list"), weights_only=True), {"list": value["list"]})


def test_root(checkpoint):
    file, value = checkpoint
    state = torch.load(extract(file, "model", "--root"), weights_only=True)
    assert same(state, value["model"])
    torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)).load_state_dict(state)
    assert torch.equal(torch.load(extract(file, "list/0", "--root"), weights_only=True), torch.ones(2))
    assert "one value" in failed(tarc("extract", file, "model/*", "--root", "-o", file.parent / "no.pt"))


def test_storages_are_written_as_far_as_they_are_used(checkpoint):
    file, value = checkpoint
    out = extract(file, "tied")
    tied = torch.load(out, weights_only=True)["tied"]
    assert same(tied, value["tied"])
    assert tied["a"].untyped_storage().nbytes() == 40
    assert tied["a"].data_ptr() == tied["b"].data_ptr() == tied["c"].data_ptr() - 20
    assert tarc("verify", out).returncode == 0


def test_other_formats(checkpoint):
    from safetensors.torch import load_file

    file, value = checkpoint
    want = {k: v for k, v in value["model"].items()}
    got = load_file(extract(file, "model", name="m.safetensors"))
    assert set(got) == set(want) and all(torch.equal(got[k], want[k]) for k in want)
    got = load_file(extract(file, "list/1/y", "tied/c", name="p.safetensors"))
    assert torch.equal(got["tied.c"], value["tied"]["c"]) and set(got) == {"tied.c", "list.1.y"}
    arrays = numpy.load(extract(file, "model", name="m.npz"))
    assert all(numpy.array_equal(arrays[k], want[k].numpy()) for k in want)
    out = extract(file, "model", "--to=npz", name="other")
    assert numpy.load(out)["0.weight"].shape == (4, 3)
    assert list(torch.load(extract(file, "model", "--to", "torch", name="t.npz"), weights_only=True)) == ["model"]


def test_what_a_format_cannot_hold(tmp_path):
    file, out = tmp_path / "run.pt", tmp_path / "out.safetensors"
    torch.save({"epoch": 5, "net": {"w": torch.ones(2)}, "z": torch.ones(2, dtype=torch.complex128)}, file)
    message = failed(tarc("convert", file, out))
    assert "epoch" in message and f"tarc extract {file} net -o {out}" in message
    assert not out.exists()
    words = message[message.index("tarc extract") :].split("`")[0].split()[1:]
    assert tarc(*words).returncode == 0 and out.exists()
    message = failed(tarc("extract", file, "z", "-o", tmp_path / "z.safetensors"))
    assert "complex128" in message and "z" in message
    assert tarc("convert", file, tmp_path / "all.npz").returncode == 0
    assert numpy.load(tmp_path / "all.npz")["epoch"] == 5


def test_nothing_there(checkpoint):
    file, _ = checkpoint
    out = file.parent / "no.pt"
    for path, word in (("modle", '"model"'), ("model/0.weigth", '"model/0.weight"'), ("list/1/z", '"list/1/x"'), ("*.nothing", "tarc ls")):
        message = failed(tarc("extract", file, "epoch", path, "-o", out))
        assert f'nothing at "{path}"' in message and word in message
    assert "object is not among" in failed(tarc("extract", file, "odd", "-o", out))
    assert not out.exists()
    for words in ([file, "-o", out], [file, "epoch"], [file, "epoch", "-o"], [file, "epoch", "-o", "-"], ["-", "epoch", "-o", out]):
        refused(tarc("extract", *words))


def test_the_target_is_kept_when_it_fails_and_is_not_the_file(checkpoint):
    file, value = checkpoint
    out = file.parent / "out.pt"
    out.write_text("precious")
    failed(tarc("extract", file, "odd", "-o", out))
    assert out.read_text() == "precious"
    (file.parent / "link.pt").symlink_to(file)
    before = file.read_bytes()
    for same_file in (file, file.parent / "link.pt"):
        assert "itself" in refused(tarc("extract", file, "tied", "-o", same_file))
    assert file.read_bytes() == before
    assert sorted(os.listdir(file.parent)) == ["link.pt", "out.pt", "run.pt"]


def test_the_root_and_sets(tmp_path):
    file = tmp_path / "bare.pt"
    torch.save(torch.arange(3), file)
    for path in (".", "*"):
        assert torch.equal(torch.load(extract(file, path), weights_only=True), torch.arange(3))
    value = {"s": {"b", "a"}, "t": [1, {5, 6}], "u": 1}
    torch.save(value, file)
    assert same(torch.load(extract(file, "."), weights_only=True), value)
    assert torch.load(extract(file, "s/1", "t/1/0"), weights_only=True) == {"s": {"a", "b"}, "t": {1: {5, 6}}}
    assert "nothing at" in failed(tarc("extract", file, "??", "-o", tmp_path / "no.pt"))


def test_odd_keys(tmp_path):
    file = tmp_path / "odd.pt"
    value = {None: torch.ones(1), (1, "a"): 2, True: 3, 2**70: 4, "a/b": {"c": 5}, "x y*": 6, 0.5: 7, "": {"": 8}}
    torch.save(value, file)
    for path, want in (("None", {None: value[None]}), ("(1, 'a')", {(1, "a"): 2}), ("True", {True: 3}), (str(2**70), {2**70: 4}),
                       ("a/b/c", {"a/b": {"c": 5}}), ("x y*", {"x y*": 6}), ("0.5", {0.5: 7})):  # fmt: skip
        assert same(torch.load(extract(file, path), weights_only=True), want), path
