"""Conversions between dtypes are those of PyTorch's tensor.to(), but for values out of range, which are refused."""
import os
import pathlib
import subprocess

import numpy
import pytest
import torch

PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "convert"
PAIRS = [line.split() for line in subprocess.run([PROGRAM, "pairs"], capture_output=True, check=True, text=True).stdout.splitlines()]
CASTS = [(a, b) for a, b, cast, _ in PAIRS if cast == "1" and a != b]
WIDER = {(a, b) for a, b, _, widen in PAIRS if widen == "1" and a != b}
PARTS = {"complex128": "float64", "complex64": "float32", "complex32": "float16"}
SOURCES = sorted({a for a, _ in CASTS})


def dtype(name):
    return getattr(torch, name)


def of_bytes(data, name):
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(dtype(name))


def convert(tensor, to):
    """What tarc makes of a 1-d tensor: which elements the dtype holds, and all of them."""
    data = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    out = subprocess.run([PROGRAM, str(tensor.dtype).removeprefix("torch."), to], input=data, capture_output=True, check=True).stdout
    return numpy.frombuffer(out[:len(tensor)], numpy.bool_), of_bytes(out[len(tensor):], to)


def samples(name):
    """Every value of a small type; else values at the edges of all types and a spread of others."""
    if name in PARTS:
        parts = samples(PARTS[name])
        return torch.cat([parts, parts.flip(0)[: len(parts) // 2 * 2]])[: len(parts) // 2 * 2].view(dtype(name))
    bits = 8 * dtype(name).itemsize
    if name == "bool":
        return torch.tensor([False, True])
    if bits <= 16:
        return of_bytes(numpy.arange(1 << bits, dtype=f"uint{bits}").tobytes(), name)
    random = numpy.random.default_rng(7)
    edges = {s * ((1 << n) + k) for n in range(66) for k in (-1, 0, 1) for s in (-1, 1)}
    if not dtype(name).is_floating_point:
        least, greatest = torch.iinfo(dtype(name)).min, torch.iinfo(dtype(name)).max
        kind = numpy.dtype(name)
        spread = random.integers(least, greatest, 20000, dtype=kind, endpoint=True) >> random.integers(0, bits, 20000).astype(kind)
        return torch.from_numpy(numpy.concatenate([numpy.array([e for e in sorted(edges) if least <= e <= greatest], kind), spread]))
    kind = numpy.dtype(name)
    values = [numpy.array(sorted(edges), numpy.float64)]
    for small in ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"):
        exact = samples(small).to(torch.float64).numpy()
        exact = numpy.unique(exact[numpy.isfinite(exact)])
        last = exact[-1] + (exact[-1] - exact[-2]) / 2  # half way to what would be the next
        values += [exact, (exact[:-1] + exact[1:]) / 2, [last, -last]]
    values += [[3.4028234663852886e38 + 2.0**103, 3.4028234663852886e38, 1e-45, 0.4e-45, 1e300]]
    values = numpy.concatenate(values)
    with numpy.errstate(over="ignore"):
        values = values.astype(kind)
        near = numpy.concatenate([values, numpy.nextafter(values, kind.type(numpy.inf)), numpy.nextafter(values, kind.type(-numpy.inf))])
        # So near to the middle of two float16 that only float64 can tell.
        near = numpy.concatenate([near, (values * (1 + 2.0**-40)).astype(kind), (values * (1 - 2.0**-40)).astype(kind)])
    patterns = random.integers(0, (1 << bits) - 1, 50000, dtype=f"uint{bits}", endpoint=True).view(kind)
    special = numpy.array([0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 0.5, -0.5, -0.999, 255.5, -1.0], kind)
    every = numpy.concatenate([near, patterns, special])
    return torch.from_numpy(numpy.unique(every.view(f"uint{bits}")).view(kind))


@pytest.fixture(scope="module")
def sample():
    made = {}
    return lambda name: made[name] if name in made else made.setdefault(name, samples(name))


def exact(tensor):
    """A real tensor's values as numpy numbers that hold them exactly."""
    return tensor.to(torch.float64).numpy() if tensor.dtype.is_floating_point else tensor.numpy()


def holds(tensor, to):
    """Which values of a real tensor a real dtype can hold."""
    if to == "bool":
        return numpy.ones(len(tensor), bool)
    values = exact(tensor)
    if not dtype(to).is_floating_point:
        least, greatest = torch.iinfo(dtype(to)).min, torch.iinfo(dtype(to)).max
        if values.dtype.kind != "f":
            return numpy.array([least <= v <= greatest for v in values.tolist()])
        # As floats: the first beyond the greatest is exact, and so is the least.
        with numpy.errstate(invalid="ignore"):
            whole = numpy.trunc(values)
            return (whole >= float(least)) & (whole < float(greatest + 1))
    rounded = tensor.to(dtype(to)).to(torch.float64).numpy()
    finite, infinite = numpy.isfinite(values), numpy.isinf(values)
    good = numpy.where(finite, numpy.isfinite(rounded), numpy.where(infinite, numpy.isinf(rounded), True))
    if to == "float8_e4m3fn":  # PyTorch takes the greatest value for what is beyond it
        good &= ~(numpy.abs(tensor.to(torch.float32).numpy()) > 464)
    if to == "float8_e8m0fnu":  # PyTorch drops the sign
        good &= ~(tensor.to(torch.float32).numpy() < 0)
    return good


def same(mine, theirs):
    """Which elements are equal to the bit, but for the payload and sign of a NaN."""
    size = mine.dtype.itemsize
    a, b = (t.contiguous().view(torch.uint8).numpy().reshape(-1, size) for t in (mine, theirs))
    equal = (a == b).all(axis=1)
    if mine.dtype.is_floating_point:
        equal |= torch.isnan(mine.to(torch.float64)).numpy() & torch.isnan(theirs.to(torch.float64)).numpy()
    return equal


def parts(tensor):
    """A complex tensor's parts in a row; a real tensor itself."""
    name = str(tensor.dtype).removeprefix("torch.")
    return tensor.view(dtype(PARTS[name])) if name in PARTS else tensor


@pytest.mark.parametrize("source", SOURCES)
def test_every_cast_is_that_of_torch(source, sample):
    values = sample(source)
    for to in [b for a, b in CASTS if a == source]:
        held, mine = convert(values, to)
        assert len(mine) == len(values)
        fits = holds(parts(values), PARTS.get(to, to))
        if source in PARTS:
            fits = fits.reshape(-1, 2).all(axis=1)
        wrong = numpy.flatnonzero(held != fits)
        assert not len(wrong), (source, to, "range", values[wrong[:5]].tolist(), held[wrong[:5]])
        per = 2 if to in PARTS else 1
        equal = same(parts(mine), parts(values.to(dtype(to)))).reshape(-1, per).all(axis=1)
        wrong = numpy.flatnonzero(held & ~equal)
        assert not len(wrong), (source, to, values[wrong[:5]].tolist(), mine[wrong[:5]], values[wrong[:5]].to(dtype(to)))
        if (source, to) in WIDER:
            assert held.all()
            back = same(parts(mine.to(dtype(source)) if source in PARTS or to not in PARTS else
                              parts(mine)[0::2].to(dtype(source))), parts(values))
            assert back.all(), (source, to, "not back")


def test_what_widens_is_what_pytorch_promotes_to():
    for a, b in WIDER:
        if any(s in a + b for s in ("float8", "uint16", "uint32", "uint64")):
            continue  # which PyTorch promotes to nothing
        assert torch.promote_types(dtype(a), dtype(b)) == dtype(b), (a, b)
    assert {("bfloat16", "float32"), ("int32", "float64"), ("bool", "int8")} <= WIDER
