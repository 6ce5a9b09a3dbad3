"""What PyTorch saved, through C++ structs and back: equal, and resumable with strict=True."""
# labels: sanitize
import collections
import copy
import io
import os
import pathlib
import subprocess
import zipfile

import numpy
import pytest
import torch
from described import describe
from modes import check_every_mode
from torch import nn

PROGRAMS = pathlib.Path(os.environ.get("TARC_BIN", "build/bin")) / "programs"


def plain(state):
    """A state_dict without its _metadata."""
    return collections.OrderedDict(state)


def load(kind, source, tmp_path):
    out = tmp_path / "back.pt"
    done = subprocess.run([PROGRAMS / "interop_load", kind, source, out], capture_output=True, text=True)
    return done, out


def through(kind, value, tmp_path):
    """Saved by PyTorch, loaded and saved by C++, loaded by PyTorch in every mode."""
    source = tmp_path / "in.pt"
    torch.save(value, source)
    done, out = load(kind, source, tmp_path)
    assert done.returncode == 0, done.stderr
    return check_every_mode(out)[0]


class Block(nn.Module):
    def __init__(self, channels, downsample):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.downsample = nn.Sequential(nn.Conv2d(channels, channels, 3), nn.BatchNorm2d(channels)) if downsample else None

    def forward(self, x):
        return torch.relu(self.bn1(self.conv1(x))) if self.downsample is None else self.downsample(x)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.layers = nn.ModuleList([Block(4, False), Block(4, True)])
        self.heads = nn.ModuleDict({"digit": nn.Linear(4, 10), "parity": nn.Linear(4, 2, bias=False)})
        self.classifier = nn.Sequential(nn.ReLU(), nn.Linear(10, 10))
        self.temperature = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        x = self.bn1(self.conv1(x))
        for layer in self.layers:
            x = layer(x)
        x = x.mean((2, 3))
        return self.classifier(self.heads["digit"](x)) * self.temperature + self.heads["parity"](x).sum()


def trained(optimizer, steps=3, scheduler=False):
    torch.manual_seed(0)
    model = ResNet()
    optimizer = optimizer(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2) if scheduler else None
    for _ in range(steps):
        loss = model(torch.randn(2, 1, 12, 12)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    return model, optimizer, scheduler, loss.item()


@pytest.mark.compatibility("zip", "read")
def test_module_with_buffers_and_metadata(tmp_path):
    model, *_ = trained(lambda p: torch.optim.SGD(p, 0.1))
    state = model.state_dict()
    back = through("resnet", state, tmp_path)
    assert describe(back) == describe(state)
    assert back._metadata == state._metadata and back["bn1.num_batches_tracked"].dtype == torch.int64
    other = ResNet()
    other.load_state_dict(back, strict=True)
    assert describe(other.state_dict()) == describe(state)


def test_nested_form(tmp_path):
    model, *_ = trained(lambda p: torch.optim.SGD(p, 0.1))
    nested = {}
    for key, tensor in model.state_dict().items():
        at = nested
        *above, last = key.split(".")
        for name in above:
            at = at.setdefault(name, {})
        at[last] = tensor
    back = through("resnet", nested, tmp_path)
    want = plain(model.state_dict())
    assert describe(back) == describe(want)


def test_data_parallel(tmp_path):
    model, *_ = trained(lambda p: torch.optim.SGD(p, 0.1))
    state = nn.DataParallel(model).state_dict()
    assert all(k.startswith("module.") for k in state)
    back = through("parallel", state, tmp_path)
    assert describe(back) == describe(model.state_dict())  # as if it had never been wrapped, _metadata too
    done, _ = load("resnet", tmp_path / "in.pt", tmp_path)
    assert done.returncode == 1 and 'module.conv1.weight' in done.stderr and "did you mean" in done.stderr


@pytest.mark.compatibility("module", "read")
def test_whole_model(tmp_path):
    model, *_ = trained(lambda p: torch.optim.SGD(p, 0.1))
    model.register_buffer("scratch", torch.ones(3), persistent=False)
    back = through("resnet", model, tmp_path)
    want = plain(model.state_dict())
    # parameters of a model require gradients; those of its state_dict do not, and a struct keeps no such mark
    assert describe(back) == describe(want)
    flat = through("state_dict", model, tmp_path)
    assert sorted(flat) == sorted(model.state_dict())
    ResNet().load_state_dict(back, strict=True)
    wrapped = through("parallel", nn.DataParallel(model), tmp_path)
    assert describe(wrapped) == describe(want)


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_tutorial_checkpoint(tmp_path, momentum):
    model, optimizer, _, loss = trained(lambda p: torch.optim.SGD(p, 0.1, momentum=momentum))
    checkpoint = {"epoch": 5, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(), "loss": loss}
    back = through("tutorial", checkpoint, tmp_path)
    assert describe(back["model_state_dict"]) == describe(model.state_dict())
    check_optimizer(back["optimizer_state_dict"], optimizer.state_dict())
    assert (back["epoch"], back["loss"]) == (5, loss)
    resumes(model, optimizer, back["model_state_dict"], back["optimizer_state_dict"], lambda p: torch.optim.SGD(p, 0.5, momentum=momentum))
    only = tmp_path / "only"
    only.mkdir()
    assert describe(through("model_of_tutorial", checkpoint, only)) == describe(model.state_dict())


def test_loss_as_a_tensor_and_epoch_as_one(tmp_path):
    model, optimizer, _, loss = trained(lambda p: torch.optim.SGD(p, 0.1, momentum=0.9))
    checkpoint = {"epoch": torch.tensor(5), "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
                  "loss": torch.tensor(loss)}
    back = through("tutorial", checkpoint, tmp_path)
    assert back["epoch"] == 5 and back["loss"] == loss


def resumes(model, optimizer, model_state, optimizer_state, make):
    """One step from the restored state and one from the original give the same parameters."""
    other = ResNet() if isinstance(model, ResNet) else copy.deepcopy(model)
    other.load_state_dict(model_state, strict=True)
    restored = make(other.parameters())
    restored.load_state_dict(optimizer_state)
    for m, o in ((model, optimizer), (other, restored)):
        torch.manual_seed(1)
        x = torch.randn(2, 1, 12, 12) if isinstance(model, ResNet) else torch.randn(2, 6)
        o.zero_grad()
        m(x).square().mean().backward()
        o.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters()))


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("extra", ["plain", "amsgrad", "scheduler", "groups"])
def test_optimizers(tmp_path, kind, extra):
    if extra == "amsgrad" and kind == "sgd":
        pytest.skip("SGD has no amsgrad")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4, bias=extra != "groups"))
    make = OPTIMIZERS[kind]
    if extra == "amsgrad":
        make = lambda p: {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](p, 0.01, amsgrad=True)
    if extra == "groups":
        plain = make
        make = lambda p: plain([{"params": [q], "lr": 0.1 / (i + 1)} for i, q in enumerate(p)])
    optimizer = make(model.parameters())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10) if extra == "scheduler" else None
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    state = scheduler.state_dict() if scheduler else None
    if state:
        state = {k: v for k, v in state.items() if not callable(v)}
    checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": state, "step": 3, "rng": torch.get_rng_state(),
                  "more": {"best": 0.5}}
    back = through(kind, checkpoint, tmp_path)
    assert list(back["model"]) == list(checkpoint["model"])
    check_optimizer(back["optimizer"], checkpoint["optimizer"])
    assert describe(back["scheduler"]) == describe(state)
    assert describe(back["more"]) == describe(checkpoint["more"]) and back["step"] == 3
    torch.set_rng_state(back["rng"])
    resumes(model, optimizer, back["model"], back["optimizer"], make)


def check_optimizer(back, want):
    """Equal as PyTorch compares: the default `dampening` is the int 0, and 0.0 when it comes from C++."""
    assert back["param_groups"] == want["param_groups"]
    assert list(back["state"]) == list(want["state"])
    for i, state in want["state"].items():
        assert sorted(describe(back["state"][i])[1:], key=repr) == sorted(describe(state)[1:], key=repr)


@pytest.mark.compatibility("zip", "read")
def test_tied_tensors_and_views(tmp_path):
    base = torch.arange(60, dtype=torch.float32).reshape(6, 10)
    value = {"encoder": base, "decoder": base, "views": [base[2:4], base.t(), base[:, 3], base.expand(2, 6, 10), base[0, 0], base[6:]]}
    back = through("tied", value, tmp_path)
    assert describe(back) == describe(dict(value, a_dict=None))
    part = {"encoder": base[2:4].clone(), "decoder": base[1], "views": [base[1:3], base[2]]}
    back = through("tied", part, tmp_path)
    assert describe(back) == describe(dict(part, a_dict=None))
    assert back["decoder"].untyped_storage().nbytes() == 80  # the two rows that are seen, of the six in the file


@pytest.mark.compatibility("zip", "read")
def test_any_value(tmp_path):
    value = {"a": [1, (2.5, None, True), {"x", "y"}, b"bytes", b"", bytearray(b"more"), 1j, 2**100, -2**63],
             1: "int key", (1, 2): "tuple key", None: "none key", "size": torch.Size([1, 2]), "dtype": torch.float16, "device": torch.device("cuda:1"),
             "counter": collections.Counter("abca"), "tensor": torch.ones(2, 3, dtype=torch.float8_e5m2), "parameter": nn.Parameter(torch.ones(2)),
             "storage": torch.UntypedStorage(4), "meta": torch.empty(3, device="meta"), "conj": torch.ones(2, dtype=torch.complex64).conj(),
             "list": [torch.zeros(2)] * 3, "text": "\U0001f600", "deep": [[[[{}]]]], "sparse": torch.eye(3).to_sparse()}
    storage = value.pop("storage")
    sparse = value.pop("sparse")
    back = through("value", value, tmp_path)
    assert describe(back) == describe(value)
    assert back["list"][0] is back["list"][2]
    source = tmp_path / "rare.pt"
    torch.save({"storage": storage, "sparse": sparse}, source)
    done, out = load("value", source, tmp_path)
    assert done.returncode == 0, done.stderr
    back = torch.load(out, weights_only=True)
    assert bytes(back["storage"]) == bytes(storage) and torch.equal(back["sparse"].to_dense(), sparse.to_dense())


@pytest.mark.compatibility("numpy", "read")
def test_numpy_arrays_of_a_file_become_tensors_of_their_own(tmp_path):
    source = tmp_path / "numpy.pt"
    torch.save({"a": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "s": numpy.float64(1.5)}, source)
    done, out = load("value", source, tmp_path)
    assert done.returncode == 0, done.stderr
    back = torch.load(out, weights_only=True)
    assert torch.equal(back["a"], torch.arange(6, dtype=torch.float32).reshape(2, 3)) and back["s"] == 1.5


def tagged(value, tag, path):
    """Saved with another location, as on a machine that has it."""
    keep = torch.serialization.location_tag
    torch.serialization.location_tag = lambda storage: tag
    try:
        torch.save(value, path)
    finally:
        torch.serialization.location_tag = keep


def test_tags_of_another_machine(tmp_path):
    model, *_ = trained(lambda p: torch.optim.SGD(p, 0.1))
    source = tmp_path / "cuda.pt"
    tagged(model.state_dict(), "cuda:1", source)
    done, out = load("resnet", source, tmp_path)  # with "cpu"
    assert done.returncode == 0, done.stderr
    assert describe(torch.load(out, weights_only=True)) == describe(model.state_dict())
    done, _ = load("as_saved", source, tmp_path)
    assert done.returncode == 1
    assert 'map_location = "cpu"' in done.stderr and '"cuda:1"' in done.stderr and "temperature" in done.stderr


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_wrong_dtype_is_reported(tmp_path, dtype):
    source = tmp_path / "in.pt"
    torch.save(ResNet().to(dtype).state_dict(), source)
    done, _ = load("resnet", source, tmp_path)
    assert done.returncode == 1
    assert f"conv1.weight: the file has a tensor of {str(dtype).removeprefix('torch.')} [4, 1, 3, 3]" in done.stderr
