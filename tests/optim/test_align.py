"""A checkpoint of PyTorch's taken over by tarc::optim::align into a C++ model whose fields are reordered, added, removed
or tied: a PyTorch optimizer that goes on from the file written then takes the step that names would have it take."""
import os
import pathlib
import subprocess

import pytest
import torch
from torch import nn

torch.set_num_threads(1)
PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "optimizer_align"


def layers(names):
    """The fields of tests/programs/optimizer_align.cpp, in an order."""
    torch.manual_seed(3)
    made = {"first": nn.Linear(4, 4), "mid": nn.BatchNorm1d(4), "extra": nn.Linear(4, 4, bias=False), "last": nn.Linear(4, 4)}

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            for name in names:
                setattr(self, name, made[name])

        def forward(self, x):
            for name in made:
                x = torch.tanh(getattr(self, name)(x)) if hasattr(self, name) else x
            return x
    return Net()


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.add_module("in", nn.Linear(4, 4))
        self.out = nn.Linear(4, 4, bias=False)
        self.out.weight = getattr(self, "in").weight

    def forward(self, x):
        return self.out(torch.tanh(getattr(self, "in")(x)))


SAME, REORDERED, ADDED, REMOVED = ("first", "mid", "last"), ("last", "mid", "first"), ("first", "mid", "extra", "last"), ("mid", "last")


def one_group(model, named=True):
    return torch.optim.AdamW(model.named_parameters() if named else model.parameters(), lr=0.01)


def two_groups(model, named=True):
    """Weights decay, the rest does not; the order of the groups and in them is that of no model."""
    pick = lambda keep: [(n, p) if named else p for n, p in reversed(list(model.named_parameters())) if keep(p)]
    return torch.optim.AdamW([{"params": pick(lambda p: p.ndim < 2), "weight_decay": 0.0}, {"params": pick(lambda p: p.ndim == 2)}],
                             lr=0.01, weight_decay=0.5)


def step(model, optimizer, seed):
    generator = torch.Generator().manual_seed(seed)
    optimizer.zero_grad()
    model(torch.randn(6, 4, generator=generator)).square().sum().backward()
    optimizer.step()


def trained(model, make, named=True):
    optimizer = make(model, named)
    for seed in range(3):
        step(model, optimizer, seed)
    return optimizer


def take(shape, model, optimizer, folder, *options):
    """What tarc makes of a checkpoint, and what it says did not fit."""
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "in.pt")
    done = subprocess.run([PROGRAM, shape, folder / "in.pt", folder / "out.pt", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "out.pt", weights_only=True), done.stdout.strip()


def resumed(model, make, checkpoint, named=True):
    """By PyTorch's own means from a file: parameters by place."""
    model.load_state_dict(checkpoint["model"])
    optimizer = make(model, named)
    optimizer.load_state_dict(checkpoint["optimizer"])
    return optimizer


def moved(model, make, old_model, old_optimizer):
    """By name, without tarc: what must come out."""
    model.load_state_dict(old_model.state_dict(), strict=False)
    optimizer, old = make(model), dict(old_model.named_parameters(remove_duplicate=False))
    for name, p in model.named_parameters():
        if name in old:
            optimizer.state[p] = {k: v.clone() for k, v in old_optimizer.state[old[name]].items()}
    return optimizer


def assert_next_steps_agree(mine, my_optimizer, theirs, their_optimizer):
    for seed in range(50, 53):
        step(mine, my_optimizer, seed)
        step(theirs, their_optimizer, seed)
        for (name, p), q in zip(mine.named_parameters(), theirs.parameters()):
            assert torch.equal(p, q), (name, seed)


@pytest.mark.parametrize("make", [one_group, two_groups])
@pytest.mark.parametrize("shape", ["same", "reordered"])
def test_the_program_that_wrote_the_file_goes_on_from_the_next(shape, make, tmp_path):
    model = layers(SAME)
    optimizer = trained(model, make)
    written, said = take(shape, model, optimizer, tmp_path)
    assert said == ""
    names = [g["param_names"] for g in written["optimizer"]["param_groups"]]
    assert names == [g["param_names"] for g in optimizer.state_dict()["param_groups"]]
    # Numbered as the fields are: parameter 0 is the first of the model in C++.
    first = [n for g in written["optimizer"]["param_groups"] for i, n in zip(g["params"], g["param_names"]) if i == 0]
    assert first == ["last.weight" if shape == "reordered" else "first.weight"]
    again = layers(SAME)
    assert_next_steps_agree(again, resumed(again, make, written), model, optimizer)


def test_a_program_whose_modules_were_reordered_too(tmp_path):
    model = layers(SAME)
    optimizer = trained(model, one_group)
    written, said = take("reordered", model, optimizer, tmp_path, "model_order")
    assert said == "" and written["optimizer"]["param_groups"][0]["params"] == list(range(6))
    mine, theirs = layers(REORDERED), layers(REORDERED)
    assert_next_steps_agree(mine, resumed(mine, one_group, written), theirs, moved(theirs, one_group, model, optimizer))


@pytest.mark.parametrize("make", [one_group, two_groups])
def test_a_module_was_added(make, tmp_path):
    model = layers(SAME)
    optimizer = trained(model, make)
    to = "1" if make is two_groups else "0"
    options = ["model_order"] if make is two_groups else []
    written, said = take("added", model, optimizer, tmp_path, f"missing_to={to}", *options)
    assert said.splitlines() == ["missing in the file (1):", "  extra.weight"]
    if make is two_groups:  # and lists its parameters in the model's order now
        make = lambda m, named=True: torch.optim.AdamW([{"params": [(n, p) for n, p in m.named_parameters() if p.ndim < 2], "weight_decay": 0.0},
                                                        {"params": [(n, p) for n, p in m.named_parameters() if p.ndim == 2]}],
                                                       lr=0.01, weight_decay=0.5)
    mine, theirs = layers(ADDED), layers(ADDED)
    with torch.no_grad():
        theirs.extra.weight.fill_(0.5)
    assert_next_steps_agree(mine, resumed(mine, make, written), theirs, moved(theirs, make, model, optimizer))


@pytest.mark.parametrize("make", [one_group, two_groups])
def test_a_module_was_removed(make, tmp_path):
    model = layers(SAME)
    optimizer = trained(model, make)
    written, said = take("removed", model, optimizer, tmp_path)
    assert said.startswith("in the file, but wanted by no field (2):") and "first.weight" in said and "first.bias" in said
    mine, theirs = layers(REMOVED), layers(REMOVED)
    assert_next_steps_agree(mine, resumed(mine, make, written), theirs, moved(theirs, make, model, optimizer))


def test_tied_parameters_are_one_by_any_name(tmp_path):
    model = Tied()
    optimizer = trained(model, one_group)
    written, said = take("tied", model, optimizer, tmp_path)
    assert said == ""
    # PyTorch calls it by its first name, and in the other order of the C++ fields that is another.
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["in.weight", "in.bias"]
    assert written["optimizer"]["param_groups"][0]["param_names"] == ["out.weight", "in.bias"]
    mine = Tied()
    assert_next_steps_agree(mine, resumed(mine, one_group, written), model, optimizer)


def test_without_names_the_order_decides_or_nothing(tmp_path):
    model = layers(SAME)
    optimizer = trained(model, one_group, named=False)
    written, said = take("same", model, optimizer, tmp_path)
    assert said == "" and written["optimizer"]["param_groups"][0]["param_names"] == [n for n, _ in model.named_parameters()]
    mine = layers(SAME)
    assert_next_steps_agree(mine, resumed(mine, one_group, written, named=False), model, optimizer)

    optimizer = trained(layers(SAME), two_groups, named=False)
    for shape, word in (("removed", "6 parameters without names"), ("added", "the model's 7"), ("same", "shape [4] of")):
        written, said = take(shape, model, optimizer, tmp_path)
        assert word in said
        assert "param_names" not in written["optimizer"]["param_groups"][0]
        assert written["optimizer"]["param_groups"][0]["params"] == optimizer.state_dict()["param_groups"][0]["params"]


def test_frozen_parameters_stay_out(tmp_path):
    make = lambda m, named=True: torch.optim.AdamW([(n, p) for n, p in m.named_parameters() if not n.startswith("first")], lr=0.01)
    model = layers(SAME)
    optimizer = trained(model, make)
    written, said = take("reordered", model, optimizer, tmp_path)
    assert said.splitlines()[0] == "missing in the file (2):"
    again = layers(SAME)
    assert_next_steps_agree(again, resumed(again, make, written), model, optimizer)


def test_an_optimizer_made_in_cpp(tmp_path):
    model = layers(SAME)
    written, said = take("made", model, torch.optim.AdamW(model.parameters()), tmp_path)
    assert said == ""
    optimizer = torch.optim.AdamW(model.named_parameters(), lr=0.02, weight_decay=0.25)
    for p in model.parameters():
        optimizer.state[p] = {"step": torch.tensor(2.0), "exp_avg": torch.full_like(p, 0.25), "exp_avg_sq": torch.full_like(p, 0.5)}
    assert written["optimizer"]["param_groups"] == optimizer.state_dict()["param_groups"]
    again = layers(SAME)
    assert_next_steps_agree(again, resumed(again, one_group, written), model, optimizer)
