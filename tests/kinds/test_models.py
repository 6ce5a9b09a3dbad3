"""Entire pickled models and TorchScript archives of two PyTorches read as their state_dicts."""

# labels: sanitize
import pytest
import torch
from kinds import assert_same_state, described, entries, needs_oracle, make, pythons, tarc, through
from make_models import MODELS, SCRIPTS


@pytest.fixture(scope="module", params=pythons())
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make(request.param, "make_models", folder)
    return folder


@pytest.mark.parametrize("name", [*MODELS, *SCRIPTS])
@pytest.mark.compatibility("module", "read")
def test_binds_as_its_state_dict(made, name, tmp_path):
    theirs = torch.load(made / f"{name}.state", weights_only=True)
    assert_same_state(through("map", made / f"{name}.pt", tmp_path), theirs)


@needs_oracle
@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.compatibility("torchscript", "read")
def test_torch_script_lists_its_state_dict(made, name):
    """In its order, with all that the oracle says of each tensor; attributes stand beside it and are none."""
    listed = entries(made / f"{name}.pt", "--crc")
    tensors = [e for e in listed if e["kind"] == "tensor"]
    wanted = described(torch.jit.load(made / f"{name}.pt").state_dict())
    assert [".".join(e["path"]) for e in tensors] == [w["path"][0] for w in wanted if w["kind"] == "tensor"]
    for e, w in zip(tensors, wanted):
        assert {**e, "path": 0, "storage": 0} == {**w, "path": 0, "storage": 0}
    shared = {}
    for e, w in zip(tensors, wanted):
        assert shared.setdefault(e["storage"], w["storage"]) == w["storage"]
    assert tarc("verify", made / f"{name}.pt").returncode == 0


@pytest.mark.compatibility("torchscript", "read")
def test_torch_script_attributes(made):
    rows = {tuple(e["path"]): e for e in entries(made / "attributes.pt", "--crc")}
    values = {path: e["value"] for path, e in rows.items() if "value" in e and len(path) <= 4}
    for path, value in {
        ("count",): 3,
        ("rate",): 1.5,
        ("text",): "h\u00e9\n\"'",
        ("flag",): True,
        ("z",): [3.0, -2.0],
        ("maybe",): None,
        ("maybe_tensor",): "torch.Tensor",
        ("counts", "a"): 1,
        ("counts", "b"): -(2**40),
        ("weights", 1): 2.5,
        ("three", 0): 1,
        ("three", 1): "x",
        ("three", 2): 2.5,
        ("tensors", 1): "torch.Tensor",
        ("named", "w"): "torch.Tensor",
        ("nested", "q", 0, 0): 1,
        ("nested", "q", 0, 1): "torch.Tensor",
        ("texts", 1): "",
        ("flags", 1): False,
        ("numbers", 1): "inf",
        ("numbers", 2): "nan",
        ("nobody",): None,
        ("place",): "cpu",
        ("colour", "args", 0): 2,
        ("point", 0): 1,
        ("inner", "note", "a", 0): "torch.Tensor",
        ("absent",): None,
        ("list", "1", "training"): False,
        ("recurrent", "_flat_weights_names", 0): "weight_ih_l0",
    }.items():
        assert path in values and values[path] == value and type(values[path]) is type(value), path
    grid, row = rows[("grid",)], rows[("row",)]
    assert (grid["shape"], grid["stride"], row["offset"]) == ([3, 2], [1, 3], 0) and grid["storage"] == row["storage"]
    constants = [e for e in entries(made / "frozen.pt") if e["path"][0] == "CONSTANTS"]
    assert [4, 3] in [e["shape"] for e in constants] and constants[0]["path"] == ["CONSTANTS", "c0"]
