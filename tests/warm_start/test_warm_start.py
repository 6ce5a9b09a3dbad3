"""The warm starts of examples/warm_start against PyTorch's own: what load_state_dict(strict=False) says for the same pair of file and
model, and the parameters that it leaves."""
import copy
import os
import pathlib
import subprocess

import pytest
import torch
from torch import nn

PROGRAMS = pathlib.Path(os.environ["TARC_BIN"]) / "examples/warm_start"


class NetA(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)


class NetB(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.norm = nn.BatchNorm1d(400)
        self.fc1 = nn.Linear(400, 120)
        self.head = nn.Linear(120, 2)


class Renamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.classifier = nn.Module(), nn.Module()
        self.features.conv1 = nn.Conv2d(3, 6, 5)
        self.features.conv2 = nn.Conv2d(6, 16, 5)
        self.classifier.fc1 = nn.Linear(400, 120)
        self.classifier.fc2 = nn.Linear(120, 84)
        self.classifier.fc3 = nn.Linear(84, 10)


class Stack(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(layers))


def start(program, pretrained, model, folder, status=0):
    """Runs the program; its lines by their first word, and the model that it wrote."""
    torch.save(pretrained, folder / "pretrained.pt")
    torch.save(model.state_dict(), folder / "model.pt")
    done = subprocess.run([PROGRAMS / program, folder / "pretrained.pt", folder / "model.pt", folder / "out.pt"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    if status:
        return done.stderr, None
    said = dict(line.split(":", 1) for line in done.stdout.splitlines())
    return {what: keys.split() for what, keys in said.items()}, torch.load(folder / "out.pt", weights_only=True)


def check(said, written, expected, model):
    """`model` has been warm-started by PyTorch, which said `expected`."""
    assert sorted(said["missing"]) == sorted(expected.missing_keys)
    assert sorted(said["unexpected"]) == sorted(expected.unexpected_keys)
    assert said.keys() == {"missing", "unexpected"}
    state = model.state_dict()
    assert list(written) == list(state)
    for key, value in state.items():
        assert torch.equal(written[key], value), key


def test_partial(tmp_path):
    pretrained, model = NetA(), NetB()
    twin = copy.deepcopy(model)
    expected = twin.load_state_dict(pretrained.state_dict(), strict=False)
    assert expected.missing_keys and expected.unexpected_keys
    said, written = start("partial", {"epoch": 3, "model_state_dict": pretrained.state_dict()}, model, tmp_path)
    check(said, written, expected, twin)


def test_partial_of_a_state_dict_without_the_level_that_is_asked_for(tmp_path):
    message, _ = start("partial", NetA().state_dict(), NetB(), tmp_path, status=1)
    assert 'nothing at "model_state_dict"' in message


def test_renamed(tmp_path):
    pretrained, model = NetA(), Renamed()
    state = {("features." if k.startswith("conv") else "classifier.") + k: v for k, v in pretrained.state_dict().items()
             if not k.startswith("fc3")} | {k: v for k, v in pretrained.state_dict().items() if k.startswith("fc3")}
    twin = copy.deepcopy(model)
    expected = twin.load_state_dict(state, strict=False)
    assert expected.missing_keys == ["classifier.fc3.weight", "classifier.fc3.bias"]
    wrapped = {f"module.{k}": v for k, v in pretrained.state_dict().items()}
    said, written = start("renamed", wrapped, model, tmp_path)
    check(said, written, expected, twin)


@pytest.mark.parametrize("theirs, ours", [(2, 4), (4, 2), (3, 3), (1, 12), (12, 1)])
def test_layers(theirs, ours, tmp_path):
    pretrained, model = Stack(theirs), Stack(ours)
    twin = copy.deepcopy(model)
    expected = twin.load_state_dict(pretrained.state_dict(), strict=False)
    said, written = start("layers", pretrained.state_dict(), model, tmp_path)
    check(said, written, expected, twin)


def test_backbone(tmp_path):
    pretrained, model = NetA(), NetB()
    twin = copy.deepcopy(model)
    expected = twin.load_state_dict({k: v for k, v in pretrained.state_dict().items() if k.startswith("conv")}, strict=False)
    said, written = start("backbone", pretrained.state_dict(), model, tmp_path)
    check(said, written, expected._replace(missing_keys=[]), twin)
    short = {k: v for k, v in pretrained.state_dict().items() if k != "conv2.bias"}
    message, _ = start("backbone", short, model, tmp_path, status=1)
    assert "conv2.bias" in message and "fc1" not in message
