"""Values of every kind that torch.save pickles: make_values.main(FOLDER) writes NAME.pt for each that this PyTorch
can make. Runs under any PyTorch since 1.13."""

import argparse
import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import types
import typing
import uuid
import warnings

import numpy
import torch
from torch import nn

warnings.simplefilter("ignore")

Pair = collections.namedtuple("Pair", "left right")
Single = collections.namedtuple("Single", "only")


class Typed(typing.NamedTuple):
    count: int
    weight: torch.Tensor
    names: list


class Text(str):
    pass


class Number(int):
    pass


class Real(float):
    pass


class Row(tuple):
    pass


class Items(list):
    pass


class Mapping(dict):
    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        self.kind = "mapping"


class Attributes(dict):
    """A dict whose keys are its attributes, as many configuration classes are."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

    def __getstate__(self):
        return None


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


class Slots:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, torch.ones(2)


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Getting:
    def __init__(self):
        self.a = 1

    def __getstate__(self):
        return {"b": 2, "t": torch.ones(1)}

    def __setstate__(self, state):
        self.__dict__.update(state)


class GettingTuple:
    def __getstate__(self):
        return (1, [torch.ones(1)])

    def __setstate__(self, state):
        self.x = state


class Reducing:
    def __init__(self, *a):
        self.a = a

    def __reduce__(self):
        return Reducing, (1, torch.ones(2)), {"later": 3}


@dataclasses.dataclass
class Data:
    rate: float = 0.1
    layers: list = dataclasses.field(default_factory=lambda: [1, 2])
    nested: "Data" = None


class MyTensor(torch.Tensor):
    pass


def function(x):
    return x


def cyclic():
    a = [1]
    a.append(a)
    return a


def with_attributes(t, **attributes):
    t.__dict__.update(attributes)
    return t


def dtypes(*names):
    return [getattr(torch, n) for n in names if hasattr(torch, n)]


def numbers(dtype):
    return torch.arange(6).to(torch.float32).to(dtype).reshape(2, 3)


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2)


# What the oracle describes.
DESCRIBED = {
    "pair": lambda: [Pair(1, torch.ones(2)), Pair(Pair("x", None), [2])],
    "typed_pair": lambda: {"p": Typed(1, torch.ones(1), ["a"])},
    "subclasses": lambda: [Text("text"), Number(5), Real(0.5), Row((1, 2)), Items([1]), Number(2**70), Text("")],
    "torch_version": lambda: {"torch": torch.__version__, "after": 1},
    "mapping": lambda: Mapping(a=1, b=[2]),
    "attributes": lambda: Attributes(a=1, b=Attributes(c=torch.ones(1))),
    "plain": lambda: Plain(a=1, b=Plain(), c=Plain(d=[Plain(e=2)])),
    "getting": Getting,
    "namespace": lambda: {"args": argparse.Namespace(lr=0.1, layers=[1, 2], name=None), "simple": types.SimpleNamespace(a=1)},
    "data": lambda: Data(nested=Data()),
    "ordered": lambda: collections.OrderedDict([("b", 1), ("a", torch.ones(1))]),
    "state_dict": lambda: nn.BatchNorm1d(3).state_dict(),
    "default": lambda: [collections.defaultdict(int, a=1), collections.defaultdict(None), collections.defaultdict(list)],
    "counter": lambda: collections.Counter("hello"),
    "size": lambda: [torch.Size([1, 2]), torch.ones(2, 3).shape],
    "constants": lambda: [
        torch.device("cuda:1"), torch.device("cpu"), torch.float16, torch.bool, torch.strided, torch.sparse_coo,
        torch.per_channel_symmetric, torch.quint8, torch.complex32,
    ],
    "memory_formats": lambda: [torch.channels_last, torch.contiguous_format, torch.preserve_format],
    "old_dtypes": lambda: {
        str(d): numbers(d)
        for d in dtypes("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
                        "complex64", "complex128")
    },
    "new_dtypes": lambda: {
        str(d): numbers(d)
        for d in dtypes("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
                        "uint16", "uint32", "uint64", *["complex32"] * hasattr(torch, "uint16"))
    },
    "parameter_attributes": lambda: [with_attributes(nn.Parameter(torch.ones(2)), tag="x", other=torch.ones(1))],
    "tensor_attributes": lambda: [with_attributes(torch.ones(2), tag={"a": 1}), torch.ones(1)],
    "meta": lambda: {"m": torch.empty(3, 4, device="meta"), "p": nn.Parameter(torch.empty(2, device="meta"))},
    "conj": lambda: [torch.ones(2, dtype=torch.complex64).conj(), torch.ones(2, dtype=torch.complex64).conj().imag],
    "storages": lambda: [torch.arange(3.0).storage(), torch.arange(3).storage()],
    "untyped": lambda: [getattr(torch.ones(2), "untyped_storage", torch.ones(2).storage)()],
    "gradient": lambda: torch.ones(2, requires_grad=True),
    "big_ints": lambda: [10**4000, -(10**3000), 2**2047, -(2**2047), -(2**2048), 2**63 - 1, 2**63],
    "bytes": lambda: [b"", b"\x00\xff" * 200, bytearray(b"x"), bytearray()],
    "sets": lambda: [{1, 2}, set(), frozenset("ab"), frozenset()],
    "texts": lambda: ["", "x" * 300, "\u00e9" * 200, "\U0001f600", "a\x00b", "\n"],
    "numpy_scalars": lambda: [
        numpy.dtype(c).type(v)
        for c, v in zip("f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 b1 c8 c16".split(), [1.5] * 3 + [3] * 8 + [1, 1 - 2j, 2j])
    ] + [numpy.float64("nan"), numpy.str_("h\u00e9"), numpy.bytes_(b"ab"), numpy.longlong(5), numpy.intc(3)],
    "numpy_arrays": lambda: [
        numpy.arange(6, dtype=c).reshape(2, 3) for c in "f8 f4 f2 i8 i4 i2 i1 u1 c8 c16".split()
    ] + [numpy.ones((2, 3), order="F"), numpy.array(5), numpy.zeros((0, 3)), numpy.ones((2, 3))[:, ::2].copy(),
         numpy.arange(6.0).reshape(2, 3).T, numpy.array([True, False])],
    "numpy_unsigned": lambda: [numpy.arange(3, dtype=c) for c in ("u2", "u4", "u8")] if hasattr(torch, "uint16") else 0,
    "scheduler": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(
        torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1), 5).state_dict(),
    "one_cycle": lambda: {
        k: v for k, v in torch.optim.lr_scheduler.OneCycleLR(
            torch.optim.Adam([nn.Parameter(torch.ones(1))], 0.1), 0.2, 10).state_dict().items() if "func" not in k},
    "random_states": lambda: {"torch": torch.get_rng_state(), "numpy": numpy.random.RandomState(3).get_state(),
                              "python": __import__("random").getstate()},
    "scaler": lambda: torch.cuda.amp.GradScaler(enabled=False).state_dict(),
    "shared": lambda: (lambda t, d: {"a": t, "b": t[1:], "c": d, "d": d, "e": [d, d]})(torch.arange(4.0), {"x": 1}),
    # Checkpoints as well-known trainers structure them.
    "lightning": lambda: {
        "epoch": 3, "global_step": 12, "pytorch-lightning_version": "2.1.0", "state_dict": Module().state_dict(),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_loop.batch_progress": {"total": {"ready": 4}, "is_last_batch": True}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'val'}": {"best_model_score": torch.tensor(0.5), "best_k_models": {},
                                                            "dirpath": "/x", "kth_value": torch.tensor(1.0)}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}],
        "lr_schedulers": [], "hparams_name": "kwargs", "hyper_parameters": Attributes(lr=0.1, net=argparse.Namespace(n=1)),
        "datamodule_hparams_name": None, "MixedPrecision": {"scale": 65536.0},
    },
    "trainer": lambda: {"args": Data(), "rng": [torch.get_rng_state()], "log_history": [{"loss": 0.5, "step": 10}],
                        "best_metric": numpy.float64(0.25), "best_model_checkpoint": None},
    "fairseq": lambda: {
        "args": None, "cfg": Attributes(model=argparse.Namespace(arch="x", dropout=0.1)),
        "model": collections.OrderedDict(a=torch.ones(1).half()), "optimizer_history": [{"num_updates": 1}],
        "extra_state": {"train_iterator": {"epoch": 2}, "metrics": collections.OrderedDict(a=[0.5])},
        "last_optimizer_state": {"state": {}, "param_groups": []},
    },
    "detectron": lambda: {"model": {"w": numpy.ones((2, 2), dtype=numpy.float32), "b": numpy.zeros(2, numpy.int64)},
                          "__author__": "x", "matching_heuristics": True},
    "yolo": lambda: {"epoch": -1, "best_fitness": None, "model": Module().half(), "ema": None, "updates": None,
                     "optimizer": None, "train_args": {"imgsz": 640}, "train_metrics": {"map": numpy.float64(0.5)},
                     "date": "2024-01-01", "version": "8"},
}

# What it does not: names of classes, arguments and states stand instead.
OPAQUE = {
    "deque": lambda: collections.deque([1, torch.ones(1)], maxlen=3),
    "single": lambda: Single([1]),
    "colour": lambda: [Colour.RED, Colour.BLUE, Level.LOW],
    "slots": Slots,
    "getting_tuple": GettingTuple,
    "reducing": Reducing,
    "paths": lambda: [pathlib.PurePosixPath("/a/b"), pathlib.Path("c")],
    "times": lambda: [datetime.datetime(2024, 1, 2, 3), datetime.date(2024, 1, 2), datetime.timedelta(1),
                      datetime.timezone.utc],
    "exact": lambda: [decimal.Decimal("0.1"), fractions.Fraction(1, 3), uuid.UUID(int=5)],
    "slices": lambda: [slice(1, 2), range(3), Ellipsis, NotImplemented],
    "partial": lambda: functools.partial(function, 1, a=2),
    "functions": lambda: [function, torch.relu, nn.functional.gelu, len, int, Data, Module, type(None)],
    "array": lambda: array.array("d", [1.0, 2.0]),
    "subclass": lambda: torch.ones(2).as_subclass(MyTensor),
    "sparse": lambda: [torch.eye(3).to_sparse(), torch.eye(3).to_sparse_csr(), torch.eye(4).to_sparse_csr().to_sparse_csc()
                       if hasattr(torch.Tensor, "to_sparse_csc") else 0],
    "blocks": lambda: torch.eye(4).to_sparse_bsr((2, 2)),
    "quantized": lambda: [torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 2, torch.quint8),
                          torch.quantize_per_channel(torch.ones(2, 3), torch.ones(2), torch.zeros(2).long(), 0, torch.qint8)],
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "numpy_odd": lambda: [numpy.array(["a", "bc"]), numpy.array([1, None], dtype=object), numpy.arange(3, dtype=">i4"),
                          numpy.zeros(2, dtype=[("a", "f4"), ("b", "i8")]), numpy.datetime64("2024-01-01"),
                          numpy.dtype("f4"), numpy.random.default_rng(1), numpy.random.RandomState(1),
                          numpy.ma.array([1, 2], mask=[0, 1])],
    "generator": lambda: nn.Module,
    "maximum": lambda: torch.ones(2, 3).max(0),
    "cyclic": cyclic,
    "packed": lambda: nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(2)]),
    "quantized_parameter": lambda: nn.Parameter(torch.eye(2).to_sparse(), requires_grad=False),
}


def main(folder):
    for name, make in {**DESCRIBED, **OPAQUE}.items():
        for protocol in 2, 3, 4, 5:
            file = pathlib.Path(folder) / f"{name}-{protocol}.pt"
            try:
                torch.save(make(), file, pickle_protocol=protocol)
            except (AttributeError, RuntimeError, TypeError):  # not in this PyTorch, or not at this protocol
                file.unlink(missing_ok=True)
                if name not in ("memory_formats", "sparse", "blocks", "nested"):
                    raise
