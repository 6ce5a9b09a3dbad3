"""A checkpoint as one list of lines, in which everything counts that PyTorch can tell: types, values to the last bit,
dtypes, shapes, strides, ties, requires_grad."""
import collections
import struct

import torch


def raw(tensor):
    """The logical elements, row-major."""
    if tensor.dtype == torch.float4_e2m1fn_x2:  # which PyTorch can hardly copy
        tensor = tensor.view(torch.uint8)
    solid = tensor.detach().resolve_conj().resolve_neg().contiguous().clone()
    return bytes(solid.untyped_storage()) if solid.numel() else b""


def describe(value, layout=True):
    """With `layout`, strides and offsets count; a compact save may change offsets."""
    lines, numbers, keep = [], {}, []

    def visit(path, v):
        if isinstance(v, torch.Tensor):
            storage = v.untyped_storage()
            keep.append(storage)
            known = storage.nbytes() and not v.is_meta
            number = numbers.setdefault(storage._cdata, len(numbers)) if known else None
            where = (v.stride(),) if layout else ()
            lines.append((path, type(v).__name__, v.dtype, tuple(v.shape), *where, number, v.requires_grad, None if v.is_meta else raw(v)))
        elif isinstance(v, dict):
            lines.append((path, type(v).__name__, list(v)))
            for k, x in v.items():
                visit(path + (k,), x)
            if getattr(v, "_metadata", None) is not None:
                visit(path + ("_metadata",), v._metadata)
        elif isinstance(v, (list, tuple)):
            lines.append((path, type(v).__name__, len(v)))
            for i, x in enumerate(v):
                visit(path + (i,), x)
        elif isinstance(v, set):
            lines.append((path, "set", sorted(v, key=lambda x: (type(x).__name__, repr(x)))))
        elif isinstance(v, float):
            lines.append((path, "float", struct.pack("<d", v)))
        else:
            lines.append((path, type(v).__name__, v))

    visit((), value)
    return lines


def tensors(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for x in value.values():
            yield from tensors(x)
    elif isinstance(value, (list, tuple)):
        for x in value:
            yield from tensors(x)
