"""tarc's dtypes and small floats are PyTorch's: names, sizes, storage classes, and every conversion."""
import os
import pathlib
import subprocess

import numpy
import pytest
import torch

PROGRAM = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "minifloats"
MINIFLOATS = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]


def run(*arguments, data=b""):
    return subprocess.run([PROGRAM, *arguments], input=data, capture_output=True, check=True).stdout


def same(a, b):
    """Equal to the bit, but for the payload and sign of a NaN."""
    nan = numpy.isnan(a) & numpy.isnan(b)
    return bool(((a.view(numpy.uint32) == b.view(numpy.uint32)) | nan).all())


def torch_decode(name):
    dtype = getattr(torch, name)
    bits = 8 * dtype.itemsize
    codes = torch.arange(1 << bits, dtype=torch.int32).to(torch.uint8 if bits == 8 else torch.uint16)
    return codes.view(dtype).to(torch.float32).numpy()


def torch_encode(name, values):
    codes = torch.from_numpy(values).to(getattr(torch, name))
    return codes.view(torch.uint8 if codes.dtype.itemsize == 1 else torch.uint16).numpy()


@pytest.mark.parametrize("name", MINIFLOATS)
def test_every_code_decodes_as_in_torch(name):
    mine = numpy.frombuffer(run("decode", name), numpy.float32)
    theirs = torch_decode(name)
    assert len(mine) == len(theirs)
    assert same(mine, theirs)


def samples(name):
    """Every value of the type, the middle of each two neighbours, the floats next to all of these, and a spread of others."""
    values = torch_decode(name)
    finite = numpy.unique(values[numpy.isfinite(values)])
    middles = ((finite[:-1].astype(numpy.float64) + finite[1:]) / 2).astype(numpy.float32)
    largest = finite[-1].astype(numpy.float64)
    step = largest - finite[-2]
    over = numpy.array([largest + step / 4, largest + step / 2, largest + step, largest * 2], numpy.float64)
    with numpy.errstate(over="ignore"):
        over = over.astype(numpy.float32)
    exact = numpy.concatenate([finite, middles, over, -over])
    near = numpy.concatenate([exact, numpy.nextafter(exact, numpy.float32(numpy.inf)), numpy.nextafter(exact, numpy.float32(-numpy.inf))])
    patterns = numpy.arange(0, 1 << 32, 4099, dtype=numpy.uint64).astype(numpy.uint32).view(numpy.float32)
    special = numpy.array([0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 1e-45, -1e-45, 3.4028235e38], numpy.float32)
    return numpy.concatenate([near, patterns, special])


@pytest.mark.parametrize("name", MINIFLOATS)
def test_floats_are_rounded_as_in_torch(name):
    values = samples(name)
    theirs = torch_encode(name, values)
    mine = numpy.frombuffer(run("encode", name, data=values.tobytes()), theirs.dtype)
    assert len(mine) == len(theirs)
    decoded = torch_decode(name)
    wrong = (mine != theirs) & ~(numpy.isnan(decoded[mine]) & numpy.isnan(decoded[theirs]))
    assert not wrong.any(), [(float(v), int(m), int(t)) for v, m, t in zip(values[wrong], mine[wrong], theirs[wrong])][:10]


def table():
    return {line.split()[0]: line.split()[1:] for line in run("dtypes").decode().splitlines()}


def torch_dtypes():
    return {str(v).removeprefix("torch."): v for v in vars(torch).values() if isinstance(v, torch.dtype)}


# Types that torch names and cannot put into an archive: no storage holds them.
UNSTORABLE = {"int1", "int2", "int3", "int4", "int5", "int6", "int7", "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7"}


def test_the_dtypes_are_those_of_torch():
    assert set(table()) == set(torch_dtypes()) - UNSTORABLE


def test_sizes_are_those_of_torch():
    theirs = torch_dtypes()
    assert {n: int(f[0]) for n, f in table().items()} == {n: theirs[n].itemsize for n in table()}


def test_storage_classes_are_those_of_torch():
    theirs = {str(d).removeprefix("torch."): s for d, s in torch.storage._dtype_to_storage_type_map().items()}
    assert {n: f[2] for n, f in table().items() if f[2] != "-"} == theirs


def test_bytes_swap_by_part():
    for name, (size, swap, _) in table().items():
        parts = 2 if name.startswith("complex") else 1
        assert int(swap) * parts == int(size), name
