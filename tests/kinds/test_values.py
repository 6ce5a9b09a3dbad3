"""What two PyTorches pickle, at each protocol: entry for entry as the oracle sees it; where that stops, names of
classes, arguments and states."""

# labels: sanitize
import zlib

import pytest
import torch
from kinds import check, entries, make, needs_oracle, pythons
from make_values import DESCRIBED, OPAQUE


@pytest.fixture(scope="module", params=pythons())
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("values")
    make(request.param, "make_values", folder)
    return folder


@needs_oracle
@pytest.mark.parametrize("name", DESCRIBED)
@pytest.mark.compatibility("objects", "read")
@pytest.mark.compatibility("protocols", "read")
def test_described(made, name, request):
    if name == "yolo" and "1.13" in request.node.name:
        pytest.skip("a module of one PyTorch gets further attributes in another")
    files = sorted(made.glob(f"{name}-?.pt"))
    assert len(files) in (2, 4)
    for file in files:
        check(file)


# The objects that a listing names.
NAMED = {
    "deque": [],
    "single": [],
    "slots": [],
    "getting_tuple": ["make_values.GettingTuple"],
    "reducing": [],
    "paths": ["pathlib.PurePosixPath", "pathlib.PosixPath"],
    "times": ["datetime.datetime", "datetime.date", "datetime.timedelta", "datetime.timezone", "datetime.timedelta"],
    "exact": ["decimal.Decimal", "fractions.Fraction"],
    "array": ["array.array"],
    "partial": ["functools.partial", "make_values.function", "make_values.function"],
    "generator": ["torch.nn.modules.module.Module"],
    "maximum": [],
    "packed": [],
    "sparse": ["torch._utils._rebuild_sparse_tensor"] * 3,
    "blocks": ["torch._utils._rebuild_sparse_tensor"],
    "quantized": ["torch._utils._rebuild_qtensor"] * 2,
    "nested": ["torch._utils._rebuild_nested_tensor"],
    "subclass": ["torch._tensor._rebuild_from_type_v2", "torch._utils._rebuild_tensor_v2", "make_values.MyTensor"],
    "quantized_parameter": ["torch._utils._rebuild_parameter", "torch._utils._rebuild_sparse_tensor"],
}


@pytest.mark.parametrize("name", [n for n in OPAQUE if n != "cyclic"])
@pytest.mark.compatibility("objects", "read")
def test_opaque(made, name):
    for file in sorted(made.glob(f"{name}-?.pt")):
        got = entries(file, "--crc")
        assert got
        if name in NAMED and file.stem.endswith("2"):
            assert [e["value"] for e in got if e["kind"] == "object"] == NAMED[name]


def crc(t):
    return zlib.crc32(t.contiguous().view(-1).view(torch.uint8).numpy().tobytes())


@pytest.mark.compatibility("sparse", "read")
def test_parts_of_structured_tensors(made):
    file = made / "sparse-2.pt"
    if file.exists():
        rows = {tuple(e["path"]): e for e in entries(file, "--crc")}
        coo, csr, csc = torch.load(file)
        parts = {
            (0, "args", 1, 0): coo.coalesce().indices(),
            (0, "args", 1, 1): coo.coalesce().values(),
            (1, "args", 1, 0): csr.crow_indices(),
            (1, "args", 1, 1): csr.col_indices(),
            (1, "args", 1, 2): csr.values(),
            (2, "args", 1, 0): csc.ccol_indices(),
            (2, "args", 1, 2): csc.values(),
        }
        for path, t in parts.items():
            assert rows[path]["shape"] == list(t.shape) and rows[path]["crc32"] == crc(t), path
        assert [rows[(0, "args", 1, 2, i)]["value"] for i in (0, 1)] == [3, 3]
    rows = {tuple(e["path"]): e for e in entries(made / "quantized-2.pt", "--crc")}
    tensor, channel = torch.load(made / "quantized-2.pt", weights_only=False)
    assert rows[(0, "args", 0)]["dtype"] == "quint8" and rows[(0, "args", 0)]["crc32"] == crc(tensor.int_repr())
    assert rows[(0, "args", 4, 1)]["value"] == tensor.q_scale() and rows[(0, "args", 4, 2)]["value"] == 2
    assert rows[(1, "args", 0)]["dtype"] == "qint8" and rows[(1, "args", 0)]["crc32"] == crc(channel.int_repr())
    assert rows[(1, "args", 4, 1)]["crc32"] == crc(channel.q_per_channel_scales())
