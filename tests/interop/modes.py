"""Opens one file in every mode of torch.load and holds them against each other."""
import contextlib
import os

import torch
from described import describe, tensors
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.serialization import config


@contextlib.contextmanager
def computed_offsets():
    """PyTorch computes where payloads stand instead of looking, and under DEBUG compares with what is there."""
    os.environ["TORCH_SERIALIZATION_DEBUG"] = "1"
    try:
        with config.patch("load.calculate_storage_offsets", True):
            yield
    finally:
        del os.environ["TORCH_SERIALIZATION_DEBUG"]


def check_every_mode(path, location="cpu"):
    """The value in plain mode."""
    path = str(path)
    plain = torch.load(path, weights_only=True, map_location=location)
    want = describe(plain)
    assert describe(torch.load(path, weights_only=True, map_location=location, mmap=True)) == want
    with computed_offsets():
        assert describe(torch.load(path, weights_only=True, map_location=location)) == want
        assert describe(torch.load(path, weights_only=True, map_location=location, mmap=True)) == want
    shapes = list(tensors(torch.load(path, weights_only=True, map_location="meta")))
    with FakeTensorMode():
        fake = list(tensors(torch.load(path, weights_only=True, map_location=location)))
    file = open(path, "rb").read()
    real = list(tensors(plain))
    assert len(real) == len(shapes) == len(fake)
    checked = 0
    for r, m, f in zip(real, shapes, fake):
        for other in (m, f):
            assert (other.dtype, other.shape, other.stride()) == (r.dtype, r.shape, r.stride())
        assert m.is_meta
        if r.is_meta or r.layout != torch.strided or not r.untyped_storage().nbytes():
            continue
        storage = bytes(r.untyped_storage())
        at = f.untyped_storage()._checkpoint_offset
        assert file[at:at + len(storage)] == storage
        checked += 1
    return plain, checked
