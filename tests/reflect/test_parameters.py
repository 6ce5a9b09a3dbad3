"""tarc::parameters yields a model's parameters in the order in which torch.optim numbers them."""
import os
import pathlib
import subprocess

import torch
from torch import nn

PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "model_parameters"


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.zeros(4))
        self.mlp = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.BatchNorm1d(8))


class Transformer(nn.Module):
    """The same model as in tests/programs/parameters_model.hpp."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Linear(4, 7, bias=False)
        self.blocks = nn.ModuleList(Block() for _ in range(11))
        self.temperature = nn.Parameter(torch.zeros(()))
        self.heads = nn.ModuleDict({"a": nn.Linear(4, 1), "b": nn.Linear(4, 2)})
        self.list = nn.ParameterList([torch.zeros(1), torch.zeros(2)])
        self.table = nn.ParameterDict({"x": torch.zeros(3), "y": torch.zeros(5)})
        self.output = nn.Linear(4, 7)
        self.output.weight = self.embedding.weight
        self.phase = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
        self.register_buffer("positions", torch.zeros(2, dtype=torch.int64))
        self.small = nn.Parameter(torch.zeros(2, 2, dtype=torch.bfloat16))


def test_names_and_order_are_those_of_torch():
    model = Transformer()
    lines = subprocess.run([PROGRAM], capture_output=True, text=True, check=True).stdout.splitlines()
    theirs = [" ".join([name, *map(str, p.shape)]) for name, p in model.named_parameters()]
    assert lines == theirs
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert len(lines) == len(optimizer.state_dict()["param_groups"][0]["params"])
