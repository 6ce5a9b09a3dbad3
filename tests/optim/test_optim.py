"""What torch.optim saves goes through tarc and back, as data and as structs: nothing is lost, and the next step is the
same to the bit."""
import copy as python_copy
import io
import os
import pathlib
import subprocess

import pytest
import torch
from torch import nn

torch.set_num_threads(1)
PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "optimizer_copy"

CASES = {
    "sgd": ("sgd", torch.optim.SGD, dict(lr=0.1)),
    "sgd-momentum": ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    "sgd-nesterov": ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)),
    "sgd-dampening": ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.5, dampening=0.25, maximize=True)),
    "sgd-foreach": ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, foreach=True)),
    "adam": ("adam", torch.optim.Adam, dict(lr=0.01)),
    "adam-amsgrad": ("adam", torch.optim.Adam, dict(lr=0.01, amsgrad=True, betas=(0.8, 0.99), eps=1e-6)),
    "adam-fused": ("adam", torch.optim.Adam, dict(lr=0.01, fused=True)),
    "adam-weight-decay": ("adam", torch.optim.Adam, dict(lr=0.01, weight_decay=0.1)),
    "adamw": ("adamw", torch.optim.AdamW, dict(lr=0.01)),
    "adamw-amsgrad": ("adamw", torch.optim.AdamW, dict(lr=0.01, amsgrad=True, maximize=True)),
    "rmsprop": ("rmsprop", torch.optim.RMSprop, dict(lr=0.01)),
    "rmsprop-centered": ("rmsprop", torch.optim.RMSprop, dict(lr=0.01, momentum=0.9, centered=True)),
    "adagrad": ("adagrad", torch.optim.Adagrad, dict(lr=0.01, lr_decay=0.1, initial_accumulator_value=0.5)),
}


def copy(kind, state_dict, folder):
    """The state_dict as tarc gives it back."""
    torch.save(state_dict, folder / "in.pt")
    done = subprocess.run([PROGRAM, kind, folder / "in.pt", folder / "out.pt"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "out.pt", weights_only=True)


def assert_same(mine, theirs, path=()):
    if isinstance(theirs, torch.Tensor):
        assert isinstance(mine, torch.Tensor), path
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape and mine.stride() == theirs.stride(), path
        assert torch.equal(mine, theirs), path
    elif isinstance(theirs, dict):
        assert isinstance(mine, dict) and set(mine) == set(theirs), (path, set(mine) ^ set(theirs))
        for key in theirs:
            assert_same(mine[key], theirs[key], (*path, key))
    elif isinstance(theirs, (list, tuple)):
        assert type(mine) is type(theirs) and len(mine) == len(theirs), path
        for i, (a, b) in enumerate(zip(mine, theirs)):
            assert_same(a, b, (*path, i))
    else:  # torch keeps what the program gave it, so that a float may be an int: 0 for 0.0
        assert mine == theirs and isinstance(mine, bool) == isinstance(theirs, bool), (path, mine, theirs)


def assert_equal(mine, theirs, path=()):
    """Of one type all the way down, in one order."""
    assert type(mine) is type(theirs), path
    if isinstance(theirs, torch.Tensor):
        assert_same(mine, theirs, path)
        assert mine.untyped_storage().nbytes() == theirs.untyped_storage().nbytes(), path
    elif isinstance(theirs, dict):
        assert list(mine) == list(theirs), path
        for key in theirs:
            assert_equal(mine[key], theirs[key], (*path, key))
    elif isinstance(theirs, (list, tuple)):
        assert len(mine) == len(theirs), path
        for i, (a, b) in enumerate(zip(mine, theirs)):
            assert_equal(a, b, (*path, i))
    else:
        assert mine == theirs, path


class Net(nn.Module):
    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.first = nn.Linear(5, 4, dtype=dtype)
        self.norm = nn.BatchNorm1d(4, dtype=dtype)
        self.last = nn.Linear(4, 3, bias=False, dtype=dtype)

    def forward(self, x):
        return self.last(torch.tanh(self.norm(self.first(x))))


def net(dtype=torch.float32):
    torch.manual_seed(1)
    return Net(dtype)


def step(model, optimizer, seed):
    generator = torch.Generator().manual_seed(seed)
    parameter = next(model.parameters())
    x = torch.randn(8, 5, generator=generator).to(parameter.dtype)
    optimizer.zero_grad()
    model(x).square().sum().backward()
    optimizer.step()


def assert_next_steps_agree(model, optimizer, make, state_dict, scheduler=None):
    """A new optimizer with the state_dict goes on exactly as the old one does."""
    twin = net(next(model.parameters()).dtype)
    twin.load_state_dict(model.state_dict())
    other = make(twin)
    other.load_state_dict(state_dict)
    for seed in range(100, 103):
        step(model, optimizer, seed)
        step(twin, other, seed)
        for (name, a), b in zip(model.named_parameters(), twin.parameters()):
            assert torch.equal(a, b), (name, seed)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.compatibility("optimizers", "read", "write")
def test_state_goes_through_tarc(case, steps, tmp_path):
    kind, cls, options = CASES[case]
    model = net()
    make = lambda m: cls(m.parameters(), **options)
    optimizer = make(model)
    for seed in range(steps):
        step(model, optimizer, seed)
    before = optimizer.state_dict()
    after = copy(kind, before, tmp_path)
    assert_same(after, before)
    assert_next_steps_agree(model, optimizer, make, after)


@pytest.mark.parametrize("case", ["sgd-momentum", "adam-amsgrad", "rmsprop-centered", "adagrad"])
def test_names_of_parameters_are_kept(case, tmp_path):
    kind, cls, options = CASES[case]
    model = net()
    make = lambda m: cls(m.named_parameters(), **options)
    optimizer = make(model)
    step(model, optimizer, 0)
    before = optimizer.state_dict()
    assert before["param_groups"][0]["param_names"] == [n for n, _ in model.named_parameters()]
    after = copy(kind, before, tmp_path)
    assert_same(after, before)
    assert_next_steps_agree(model, optimizer, make, after)
    # An optimizer that was built without names takes them too.
    cls(net().parameters(), **options).load_state_dict(after)


SCHEDULERS = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda s, o: s.StepLR(o, 1, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [1, 3, 3]),
    "ConstantLR": lambda s, o: s.ConstantLR(o),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "SequentialLR": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [2]),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 10),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o), s.MultiStepLR(o, [1])]),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o, patience=0),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=2),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=10),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o),
    "SWALR": lambda s, o: torch.optim.swa_utils.SWALR(o, 0.05),
}


def advance(schedule):
    schedule.step(*[1.0] if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau) else [])


@pytest.mark.parametrize("name", sorted({*torch.optim.lr_scheduler.__all__, "SWALR"} - {"LRScheduler"}))
@pytest.mark.parametrize("case", ["sgd-momentum", "adamw"])
@pytest.mark.compatibility("optimizers", "read", "write")
def test_schedulers_and_what_they_add_to_groups(case, name, tmp_path):
    kind, cls, options = CASES[case]
    make = lambda m: cls(m.parameters(), **options)
    model = net()
    optimizer = make(model)
    schedule = SCHEDULERS[name](torch.optim.lr_scheduler, optimizer)
    for seed in range(3):
        step(model, optimizer, seed)
        advance(schedule)
    state = schedule.state_dict()
    data = copy("value", state, tmp_path)
    assert_equal(data, state)
    before = optimizer.state_dict()
    after = copy(kind, before, tmp_path)
    assert_same(after, before)
    twin = net()
    twin.load_state_dict(model.state_dict())
    other = make(twin)
    again = SCHEDULERS[name](torch.optim.lr_scheduler, other)
    again.load_state_dict(data)
    other.load_state_dict(after)
    for seed in range(100, 103):
        for m, o, s in ((model, optimizer, schedule), (twin, other, again)):
            step(m, o, seed)
            advance(s)
        assert_same(other.state_dict(), optimizer.state_dict())
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters()))


# Of every optimizer: its defaults, and what gives it more state.
OPTIONS = {
    "Adadelta": [dict(lr=0.1, maximize=True)],
    "Adafactor": [dict(lr=torch.tensor(0.01))],
    "Adagrad": [dict(initial_accumulator_value=0.5)],
    "Adam": [dict(amsgrad=True), dict(lr=torch.tensor(0.01)),
             dict(betas=(torch.tensor(0.8), torch.tensor(0.99)), foreach=False)],
    "AdamW": [dict(amsgrad=True), dict(fused=True)],
    "Adamax": [dict(weight_decay=0.1, foreach=True)],
    "ASGD": [dict(lambd=0.1, t0=1)],
    "LBFGS": [dict(line_search_fn="strong_wolfe", history_size=3)],
    "Muon": [dict(nesterov=False, adjust_lr_fn="match_rms_adamw")],
    "NAdam": [dict(decoupled_weight_decay=True)],
    "RAdam": [dict(weight_decay=0.1)],
    "RMSprop": [dict(centered=True, momentum=0.9)],
    "Rprop": [dict(etas=(0.4, 1.3))],
    "SGD": [dict(momentum=0.9, dampening=0.1)],
}
EVERY_OPTIMIZER = [(n, o) for n in dir(torch.optim) if isinstance(getattr(torch.optim, n), type) and n != "Optimizer"
                   for o in [{}, *OPTIONS.get(n, [])]]


class Words(nn.Module):
    """Its gradient is sparse."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(6, 5, sparse=True)

    def forward(self, x):
        return self.table(x[:, 0].abs().long() % 6)


@pytest.mark.parametrize("name, options", EVERY_OPTIMIZER, ids=lambda x: x if isinstance(x, str) else "-".join(x) or "defaults")
@pytest.mark.compatibility("optimizers", "read", "write")
def test_every_optimizer_as_data(name, options, tmp_path):
    def make():
        torch.manual_seed(1)
        model = Words() if name == "SparseAdam" else Net()
        numbered = [p for p in model.parameters() if p.ndim == 2] if name == "Muon" else model.parameters()
        return model, getattr(torch.optim, name)(numbered, **python_copy.deepcopy(options))

    def closure_step(model, optimizer, seed):
        x = torch.randn(8, 5, generator=torch.Generator().manual_seed(seed))

        def closure():
            model.zero_grad()
            loss = model(x).square().sum()
            loss.backward()
            return loss
        optimizer.step(closure)

    model, optimizer = make()
    for seed in range(3):
        closure_step(model, optimizer, seed)
    before = optimizer.state_dict()
    assert before["state"] or (name, options) == ("SGD", {})
    file = io.BytesIO()
    torch.save(before, file)
    file.seek(0)
    after = copy("value", before, tmp_path)
    assert_equal(after, before)
    resumed = []
    for state in (after, torch.load(file, weights_only=True)):
        twin, other = make()
        twin.load_state_dict(model.state_dict())
        other.load_state_dict(state)
        for seed in range(100, 103):
            closure_step(twin, other, seed)
        resumed.append(twin)
    for (key, mine), theirs in zip(resumed[0].named_parameters(), resumed[1].parameters()):
        assert torch.equal(mine, theirs), key


def test_groups_of_their_own(tmp_path):
    model = net()
    make = lambda m: torch.optim.AdamW([{"params": m.first.parameters(), "lr": 0.5, "tag": "body"}, {"params": m.norm.parameters()},
                                        {"params": m.last.parameters(), "weight_decay": 0.0}], lr=0.01)
    optimizer = make(model)
    step(model, optimizer, 0)
    before = optimizer.state_dict()
    after = copy("adamw", before, tmp_path)
    assert_same(after, before)
    assert after["param_groups"][0]["tag"] == "body"
    assert_next_steps_agree(model, optimizer, make, after)


# What versions of PyTorch before 2.x did not write.
NEW_KEYS = {"sgd": ["nesterov", "maximize", "foreach", "differentiable", "fused"],
            "adam": ["amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay"],
            "adamw": ["amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused", "decoupled_weight_decay"],
            "rmsprop": ["momentum", "centered", "capturable", "foreach", "maximize", "differentiable"],
            "adagrad": ["eps", "initial_accumulator_value", "foreach", "maximize", "differentiable", "fused"]}


@pytest.mark.parametrize("case", ["sgd-momentum", "adam", "adamw", "rmsprop", "adagrad"])
def test_keys_that_old_versions_lack_get_their_defaults(case, tmp_path):
    kind, cls, options = CASES[case]
    model = net()
    make = lambda m: cls(m.parameters(), **(options if case != "adagrad" else dict(lr=0.01)))
    optimizer = make(model)
    step(model, optimizer, 0)
    before = optimizer.state_dict()
    for group in before["param_groups"]:
        for key in NEW_KEYS[kind]:
            del group[key]
    after = copy(kind, before, tmp_path)
    assert_same(after, optimizer.state_dict())
    assert_next_steps_agree(model, optimizer, make, after)


def test_an_old_adam_counts_its_steps_in_a_python_int(tmp_path):
    model = net()
    make = lambda m: torch.optim.Adam(m.parameters(), lr=0.01)
    optimizer = make(model)
    for seed in range(5):
        step(model, optimizer, seed)
    before = optimizer.state_dict()
    old = {"state": {i: {**s, "step": int(s["step"])} for i, s in before["state"].items()}, "param_groups": before["param_groups"]}
    after = copy("adam", old, tmp_path)
    assert_same(after, before)
    assert_next_steps_agree(model, optimizer, make, after)


def test_an_old_sgd_without_momentum_keeps_none(tmp_path):
    model = net()
    make = lambda m: torch.optim.SGD(m.parameters(), lr=0.1)
    optimizer = make(model)
    old = optimizer.state_dict()
    old["state"] = {i: {"momentum_buffer": None} for i in range(5)}
    after = copy("sgd", old, tmp_path)
    assert_same(after, old)
    assert_next_steps_agree(model, optimizer, make, after)


@pytest.mark.parametrize("options", [dict(lr=torch.tensor(0.0123)), dict(lr=torch.tensor(0.0123, dtype=torch.float64)),
                                     dict(betas=(torch.tensor(0.8), torch.tensor(0.99)), foreach=False)],
                         ids=["rate", "double", "betas"])
@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_hyperparameters_that_are_tensors_stay_tensors(kind, options, tmp_path):
    model = net()
    make = lambda m: {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](m.parameters(), **options)
    optimizer = make(model)
    for seed in range(3):
        step(model, optimizer, seed)
    before = optimizer.state_dict()
    after = copy(kind, before, tmp_path)
    assert_same(after, before)
    assert_next_steps_agree(model, optimizer, make, after)


def test_a_model_of_doubles(tmp_path):
    model = net(torch.float64)
    make = lambda m: torch.optim.Adam(m.parameters(), lr=0.01)
    optimizer = make(model)
    step(model, optimizer, 0)
    before = optimizer.state_dict()
    after = copy("adam", before, tmp_path)
    assert_same(after, before)
    assert_next_steps_agree(model, optimizer, make, after)


def test_steps_counted_in_doubles(tmp_path):
    torch.set_default_dtype(torch.float64)
    try:
        for cls, kind in ((torch.optim.Adam, "adam"), (torch.optim.RMSprop, "rmsprop"), (torch.optim.Adagrad, "adagrad")):
            model = net(torch.float64)
            make = lambda m: cls(m.parameters(), lr=0.01)
            optimizer = make(model)
            step(model, optimizer, 0)
            before = optimizer.state_dict()
            assert before["state"][0]["step"].dtype == torch.float64
            after = copy(kind, before, tmp_path)
            assert after["state"][0]["step"] == 1
            assert_next_steps_agree(model, optimizer, make, after)
    finally:
        torch.set_default_dtype(torch.float32)


def test_before_1_5_parameters_were_numbered_by_address(tmp_path):
    model = net()
    make = lambda m: torch.optim.Adam(m.parameters(), lr=0.01)
    optimizer = make(model)
    step(model, optimizer, 0)
    before = optimizer.state_dict()
    address = {i: (140 << 40) - 64 * i for i in before["state"]}
    before["state"] = {address[i]: s for i, s in before["state"].items()}
    before["param_groups"][0]["params"] = [address[i] for i in before["param_groups"][0]["params"]]
    after = copy("adam", before, tmp_path)
    assert_same(after, before)
    assert_next_steps_agree(model, optimizer, make, after)
