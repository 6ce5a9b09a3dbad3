"""What a program writes with libtorch (the one inside PyPI's torch package), tarc reads."""

import pathlib
import subprocess
import zlib

import pytest
import torch
from kinds import HERE, assert_same_state, described, entries, needs_oracle, tarc, through


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("libtorch")
    package = pathlib.Path(torch.__file__).parent
    program = folder / "files"
    subprocess.run(
        ["g++", "-std=c++20", "-w", HERE / "libtorch" / "files.cpp", "-o", program]
        + [f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"]
        + ["-isystem", package / "include", "-isystem", package / "include/torch/csrc/api/include"]
        + [f"-L{package / 'lib'}", f"-Wl,-rpath,{package / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10"],
        check=True,
    )
    subprocess.run([program, folder], check=True, capture_output=True)
    return folder


def state_of(file):
    return torch.jit.load(file).state_dict()


@needs_oracle
@pytest.mark.parametrize("name", ["module", "tensor", "tensors", "archive", "sgd", "adam"])
@pytest.mark.compatibility("libtorch", "read")
def test_saved(made, name):
    """torch::save writes TorchScript archives, of modules without code."""
    tensors = [e for e in entries(made / f"{name}.pt", "--crc") if e["kind"] == "tensor"]
    wanted = described(state_of(made / f"{name}.pt"))
    assert [".".join(e["path"]) for e in tensors] == [w["path"][0] for w in wanted if w["kind"] == "tensor"]
    for e, w in zip(tensors, wanted):
        assert {**e, "path": 0, "storage": 0} == {**w, "path": 0, "storage": 0}
    assert tarc("verify", made / f"{name}.pt").returncode == 0


@pytest.mark.parametrize("kind", ["net", "map"])
@pytest.mark.compatibility("libtorch", "read")
def test_module_binds_as_its_state_dict(made, kind, tmp_path):
    assert_same_state(through(kind, made / "module.pt", tmp_path), state_of(made / "module.pt"))


def test_optimizer(made):
    """Its values are attributes: libtorch writes them, tensors too, as IValues."""
    rows = {tuple(e["path"]): e for e in entries(made / "adam.pt", "--crc")}
    group = ("param_groups", "param_groups/0")
    assert rows[(*group, "options", "lr")]["value"] == 0.01 and rows[(*group, "options", "betas", 1)]["value"] == 0.999
    first = rows[(*group, "params/0")]["value"]
    assert rows[("state", first, "step")]["value"] == 2
    moment = rows[("state", first, "exp_avg")]
    assert (moment["kind"], moment["dtype"], moment["shape"]) == ("object", "float32", [2, 3])
    assert rows[("param_groups", "param_groups/size")]["shape"] == []


@needs_oracle
@pytest.mark.parametrize("name", ["tensor", "dict", "list", "any"])
@pytest.mark.compatibility("libtorch", "read")
def test_pickled(made, name):
    """torch::pickle_save writes what torch.load reads."""
    got = entries(made / f"p_{name}.pt", "--crc")
    assert got == described(torch.load(made / f"p_{name}.pt", weights_only=False))


def test_pickled_dtypes_that_torch_load_refuses(made):
    """It knows no torch.UInt16Storage; the unpickler of C++ does."""
    got = {e["path"][0]: e for e in entries(made / "p_types.pt", "--crc")}
    assert len(got) == 21
    for name, dtype in {"UInt16": "uint16", "Float8_e4m3fnuz": "float8_e4m3fnuz", "ComplexHalf": "complex32"}.items():
        values = torch.arange(5.0).to(getattr(torch, dtype))
        assert got[name]["dtype"] == dtype and got[name]["shape"] == [5]
        assert got[name]["crc32"] == zlib.crc32(values.view(torch.uint8).numpy().tobytes())
