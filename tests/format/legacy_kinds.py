"""legacy_kinds.py FOLDER: writes values of many kinds in the legacy format and as ZIP archives; for any PyTorch."""

import collections
import pathlib
import sys
import warnings

import torch

PROTOCOLS = (1, 2, 3, 4, 5)
DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128"


def dtypes():
    torch.manual_seed(1)
    made = {}
    for name in DTYPES.split():
        dtype = getattr(torch, name)
        values = torch.randint(0, 2, (3, 5)) if name == "bool" else torch.randn(3, 5) * 50
        made[name] = [values.to(dtype), values.to(dtype)[0, 1], torch.zeros(0, 4, dtype=dtype)]
    return made


def views():
    base = torch.arange(240, dtype=torch.float32)
    grid = base.view(2, 3, 40)
    return {
        "base": base,
        "again": base,
        "parts": [base[7:19], grid[1], grid.transpose(0, 2), grid[:, ::2, 5:], base[3].expand(4, 2), grid[0, 0, 0]],
        "end": base[240:],
        "alone": torch.arange(100.0)[90:],
    }


def modules():
    torch.manual_seed(2)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 2))
    )
    model.tied = model[0]
    return model


def training():
    model = modules()
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    sgd, adam = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), torch.optim.Adam(model.parameters())
    sgd.step()
    adam.step()
    return {
        "epoch": 7,
        "state_dict": model.state_dict(),
        "sgd": sgd.state_dict(),
        "adam": adam.state_dict(),
        "rng": torch.get_rng_state(),
    }


def values():
    inner = {1: {2: {"3": [(), [], {}, set(), (1, (2.5, None))]}}, (1, "a"): True, None: b"\0\xff", 2.5: "\u00e9\U0001f600"}
    return {
        "nested": inner,
        "numbers": [0, -1, 2**31, -(2**63), 2**100, 1e300, float("inf"), float("nan"), 1 - 2j],
        "ordered": collections.OrderedDict([("b", 1), ("a", torch.ones(2))]),
        "sets": [{1, 2, "x"}, frozenset({3})],
        "parameter": torch.nn.Parameter(torch.ones(2, 2)),
        "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False),
        "grad": torch.ones(3, requires_grad=True),
        "size": torch.Size([1, 2]),
        "device": torch.device("cuda", 1),
        "dtype": torch.float16,
        "bytearray": bytearray(b"abc"),
    }


KINDS = [dtypes, views, modules, training, values]


def main(folder):
    warnings.simplefilter("ignore")
    for make in KINDS:
        value = make()
        for protocol in PROTOCOLS:
            legacy = folder / f"{make.__name__}_{protocol}.pt"
            torch.save(value, legacy, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
        torch.save(value, folder / f"{make.__name__}.zip.pt")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
