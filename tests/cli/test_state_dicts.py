"""Entire nn.Modules, pickled or of TorchScript, as their state_dicts: `--state-dict`."""

import numpy
import pytest
import safetensors
import safetensors.torch
import torch

from command_line import entries, failed, tarc


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 4)
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.register_buffer("kept", torch.arange(3.0))
        self.register_parameter("absent", None)

    def forward(self, x):
        return self.linear(x) + self.passing.sum() + self.kept.sum()


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(Inner(), torch.nn.ReLU(), torch.nn.BatchNorm1d(4))


@pytest.fixture(params=["module", "script"])
def made(request, tmp_path):
    """A file, and the state_dict of what is in it."""
    net = model()
    file = tmp_path / f"{request.param}.pt"
    if request.param == "module":
        torch.save(net, file)
    else:
        torch.jit.save(torch.jit.script(net), file)
        net = torch.jit.load(file)
    return file, net.state_dict()


def same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype, name


def test_convert(made, tmp_path):
    file, state = made
    out = tmp_path / "out.pt"
    assert tarc("convert", file, out, "--state-dict").returncode == 0
    same(torch.load(out, weights_only=True), state)
    assert tarc("convert", file, tmp_path / "out.safetensors").returncode == 0
    same(dict(sorted(safetensors.torch.load_file(tmp_path / "out.safetensors").items())), dict(sorted(state.items())))
    with safetensors.safe_open(tmp_path / "out.safetensors", "pt") as f:
        assert f.metadata() == {"format": "pt"}
    assert tarc("convert", file, tmp_path / "out.npz").returncode == 0
    arrays = numpy.load(tmp_path / "out.npz")
    same({n: torch.from_numpy(numpy.ascontiguousarray(arrays[n])).reshape(state[n].shape) for n in state}, state)


def test_ls_diff_and_extract(made, tmp_path):
    file, state = made
    assert [e["path"] for e in entries(file, "--state-dict")] == [[name] for name in state]
    torch.save(state, tmp_path / "state.pt")
    assert tarc("diff", "--state-dict", file, tmp_path / "state.pt").returncode == 0
    assert tarc("diff", file, tmp_path / "state.pt").returncode == 1
    assert tarc("extract", "--state-dict", file, "0.linear.*", "-o", tmp_path / "part.pt").returncode == 0
    same(torch.load(tmp_path / "part.pt", weights_only=True), {n: state[n] for n in state if n.startswith("0.linear.")})


def test_a_module_inside_a_checkpoint(tmp_path):
    net = model()
    file = tmp_path / "run.pt"
    torch.save({"model": net, "again": net, "part": net[0], "epoch": 3}, file)
    out = tmp_path / "out.pt"
    assert tarc("convert", file, out, "--state-dict").returncode == 0
    back = torch.load(out, weights_only=True)
    same(back["model"], net.state_dict())
    same(back["again"], net.state_dict())
    same(back["part"], net[0].state_dict())
    assert back["epoch"] == 3 and back["model"]["0.kept"].data_ptr() == back["part"]["kept"].data_ptr()


def test_a_sparse_buffer_of_torch_script_is_refused_not_spoilt(tmp_path):
    class Sparse(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("q", torch.eye(3).to_sparse())

        def forward(self, x):
            return x

    torch.jit.save(torch.jit.script(Sparse()), tmp_path / "script.pt")
    torch.save({"q": torch.eye(3).to_sparse()}, tmp_path / "plain.pt")
    assert "sparse tensor of a TorchScript archive" in failed(tarc("convert", tmp_path / "script.pt", tmp_path / "out.pt"))
    assert tarc("convert", tmp_path / "plain.pt", tmp_path / "out.pt").returncode == 0
    assert torch.equal(torch.load(tmp_path / "out.pt", weights_only=True)["q"].to_dense(), torch.eye(3))
