"""Entire pickled models and TorchScript archives: main(FOLDER) writes them, and beside each NAME.pt its state_dict,
NAME.state. Runs under any PyTorch since 1.13."""

import enum
import warnings
from typing import Dict, Final, List, NamedTuple, Optional, Tuple

import torch
from torch import nn
from torch.nn.utils import spectral_norm, weight_norm

warnings.simplefilter("ignore")


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("before", torch.arange(4.0))
        self.linear = nn.Linear(3, 4)
        self.late = nn.Parameter(torch.ones(2, 2).t())
        self.register_buffer("passing", torch.ones(2), persistent=False)
        self.plain = torch.ones(3) * 7
        self.note: Dict[str, List[torch.Tensor]] = {"a": [torch.ones(1)]}

    def forward(self, x):
        return self.linear(x) + self.before.sum() + self.plain.sum() + self.passing.sum() + self.late.sum()


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.again = self.inner
        self.tied = nn.Linear(3, 4)
        self.tied.weight = self.inner.linear.weight
        self.register_parameter("absent", None)
        self.register_buffer("nothing", None)
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.view = nn.Parameter(self.inner.before.detach()[1:3])
        self.lists = nn.ModuleList([nn.ModuleList([nn.Linear(1, 2)]), nn.ReLU()])
        self.named = nn.ModuleDict({"a-b": nn.Linear(2, 1), "c": nn.ModuleDict({"d": nn.PReLU()})})


class Parameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.lists = nn.ParameterList([nn.Parameter(torch.ones(i)) for i in range(3)])
        self.named = nn.ParameterDict({"left": nn.Parameter(torch.ones(2)), "right": nn.Parameter(torch.zeros(1))})


def conv_net():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Sequential(nn.Flatten(), nn.Linear(2, 2)))


MODELS = {
    "outer": Outer,
    "parameters": Parameters,
    "convolutions": conv_net,
    "data_parallel": lambda: nn.DataParallel(conv_net()),
    "recurrent": lambda: nn.ModuleList([nn.LSTM(2, 3, 2, bidirectional=True), nn.GRU(2, 2), nn.RNNCell(1, 2)]),
    "attention": lambda: nn.ModuleList([nn.MultiheadAttention(4, 2), nn.TransformerEncoderLayer(4, 2, 8)]),
    "weight_norm": lambda: nn.Sequential(weight_norm(nn.Linear(3, 4)), spectral_norm(nn.Conv1d(1, 2, 3))),
    "half": lambda: nn.Linear(3, 4).to(torch.bfloat16),
    "embedding": lambda: nn.Sequential(nn.EmbeddingBag(5, 3), nn.LayerNorm(3), nn.GroupNorm(1, 3)),
    "empty": lambda: nn.Sequential(nn.ReLU(), nn.Dropout()),
}


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    x: int
    y: torch.Tensor


class Attributes(nn.Module):
    """One of each type that TorchScript knows."""

    maybe: Optional[int]
    maybe_tensor: Optional[torch.Tensor]
    counts: Dict[str, int]
    weights: Dict[int, float]
    tensors: List[torch.Tensor]
    named: Dict[str, torch.Tensor]
    three: Tuple[int, str, float]
    nested: Dict[str, List[Tuple[int, torch.Tensor]]]
    texts: List[str]
    flags: List[bool]
    numbers: List[float]
    nobody: List[int]
    place: torch.device
    point: Point
    fixed: Final[int]

    def __init__(self):
        super().__init__()
        self.count, self.rate, self.text, self.flag, self.z = 3, 1.5, "h\u00e9\n\"'", True, 3 - 2j
        self.maybe, self.maybe_tensor = None, torch.ones(2)
        self.counts, self.weights, self.three = {"a": 1, "b": -(2**40)}, {1: 2.5}, (1, "x", 2.5)
        self.tensors, self.named = [torch.ones(2), torch.zeros(3)], {"w": torch.full((2,), 5.0)}
        self.nested, self.texts, self.flags = {"q": [(1, torch.ones(1))]}, ["a", ""], [True, False]
        self.numbers, self.nobody, self.fixed = [1.5, float("inf"), float("nan")], [], 7
        self.place, self.colour, self.point = torch.device("cpu"), Colour.BLUE, Point(1, torch.ones(2))
        self.inner = Inner()
        self.list = nn.ModuleList([Inner(), nn.Linear(1, 1)])
        self.dict = nn.ModuleDict({"p": conv_net()})
        self.shared = nn.Linear(2, 2)
        self.again = self.shared
        self.tied = nn.Linear(3, 4)
        self.tied.weight = self.inner.linear.weight
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.register_parameter("absent", None)
        self.register_buffer("nothing", None)
        self.register_buffer("whole", torch.arange(12).view(3, 4))
        self.register_buffer("column", self.whole[:, 1])
        self.register_buffer("bits", torch.tensor([True, False]))
        self.register_buffer("turned", torch.ones(2, dtype=torch.complex64).conj())
        if hasattr(torch, "uint16"):
            self.register_buffer("unsigned", torch.arange(5).to(torch.uint16))
            self.register_buffer("eighth", torch.arange(5.0).to(torch.float8_e5m2))
        self.grid = torch.arange(6.0).view(2, 3).t()
        self.row = self.grid[0]
        self.recurrent = nn.LSTM(2, 3)

    def forward(self, x):
        y = self.count + len(self.text) + len(self.counts) + len(self.weights) + len(self.tensors) + len(self.named)
        y += self.three[0] + len(self.nested) + len(self.texts) + len(self.flags) + len(self.numbers)
        y += len(self.nobody) + self.fixed
        maybe, maybe_tensor = self.maybe, self.maybe_tensor
        if maybe is not None:
            y += maybe
        if maybe_tensor is not None:
            x = x + maybe_tensor.sum()
        if self.flag and self.place.type == "cpu" and self.colour == Colour.RED:
            x = x + self.rate
        return x + y + self.grid.sum() + self.row.sum() + self.whole.sum() + self.point.x


class Late(nn.Module):
    """A buffer that may be None is an attribute to TorchScript."""

    cache: Optional[torch.Tensor]

    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.ones(2))
        self.register_buffer("sure", torch.zeros(2))

    def forward(self, x):
        cache = self.cache
        return x if cache is None else x + cache + self.sure


def script(model):
    return torch.jit.script(model.eval())


SCRIPTS = {
    "attributes": lambda: script(Attributes()),
    "traced": lambda: torch.jit.trace(Inner(), torch.ones(1, 3)),
    "frozen": lambda: torch.jit.freeze(script(Inner())),
    "late": lambda: script(Late()),
    "scripted_net": lambda: script(conv_net()),
    "traced_net": lambda: torch.jit.trace(conv_net().eval(), torch.ones(1, 1, 3, 3)),
    "scripted_rnn": lambda: script(nn.GRU(2, 3, 2)),
    "names": lambda: script(nn.ModuleDict({"a-b": nn.ModuleDict({"1": nn.PReLU()})})["a-b"]),
    "empty_script": lambda: script(nn.ReLU()),
}


def main(folder):
    torch.manual_seed(5)
    for name, make in MODELS.items():
        model = make()
        torch.save(model, f"{folder}/{name}.pt")
        torch.save(model.state_dict(), f"{folder}/{name}.state")
    for name, make in SCRIPTS.items():
        torch.jit.save(make(), f"{folder}/{name}.pt")
        torch.save(torch.jit.load(f"{folder}/{name}.pt").state_dict(), f"{folder}/{name}.state")

