"""python_peer.py PEER: PyTorch or safetensors under measurement, with one thread; the conversation of main.cpp.

"fresh BYTES OPERATION PATH" is done by a process forked for it, whose memory nobody used before.
"""
import ctypes
import gc
import json
import mmap
import os
import sys
import time

import torch
from torch.utils.serialization import config

torch.set_num_threads(1)
MASK = 2**64 - 1


def tensors(value, path=""):
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from tensors(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from tensors(inner, f"{path}.{i}" if path else str(i))


def total(value):
    """The sum of every tensor's bytes in words of eight; what is left over counts by the byte."""
    found = 0
    for _, x in tensors(value):
        if x.numel() == 0:
            continue
        x = x.detach().contiguous().reshape(-1).view(torch.uint8)
        if x.data_ptr() % 8 or x.storage_offset() % 8:
            x = x.clone()
        whole = x.numel() // 8 * 8
        found += int(x[:whole].view(torch.int64).sum()) + int(x[whole:].sum())
    return found & MASK


def torch_load(path, **options):
    return torch.load(path, map_location="cpu", weights_only=True, **options)


def torch_offsets(path):
    config.load.calculate_storage_offsets = True
    try:
        return torch_load(path, mmap=True)
    finally:
        config.load.calculate_storage_offsets = False


def reads(load):
    """A load that comes with a look at every byte."""
    def both(path):
        value = load(path)
        both.read = total(value)
        return value
    return both


def facts(value):
    """How many tensors there are, and the bytes of their storages."""
    found = [x for _, x in tensors(value)]
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in found}
    return {"tensors": len(found), "bytes": sum(storages.values())}


class Torch:
    operations = {
        "load": torch_load,
        "open": lambda path: torch_load(path, mmap=True),
        "open_offsets": torch_offsets,
        "open_read": reads(lambda path: torch_load(path, mmap=True)),
    }

    def hold(self, path):
        self.held = torch_load(path)

    def save(self, path):
        torch.save(self.held, path)


class Safetensors:
    """It holds tensors only, none of them tied: a copy of what is shared or not contiguous belongs to its save."""

    def __init__(self):
        import safetensors.torch as library
        self.library = library
        self.operations = {
            "open": library.load_file,
            "open_read": reads(library.load_file),
            "load": lambda path: {name: x.clone() for name, x in library.load_file(path).items()},
        }

    def hold(self, path):
        self.held = dict(tensors(torch_load(path)))

    def save(self, path):
        seen, own = set(), {}
        for name, x in self.held.items():
            at = x.untyped_storage().data_ptr()
            own[name] = x.clone(memory_format=torch.contiguous_format) if at in seen or not x.is_contiguous() or \
                x.untyped_storage().nbytes() != x.nbytes else x
            seen.add(at)
        self.library.save_file(own, path)


def memory(key):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key + ":"))


def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def touch(size):
    """See peer.hpp."""
    with mmap.mmap(-1, size) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        view = ctypes.c_char.from_buffer(memory)
        ctypes.memset(ctypes.addressof(view), 1, size)
        del view


def run(peer, words, fresh=0):
    summed = words[0] == "sum"
    name, path = words[summed], " ".join(words[summed + 1:])
    if name == "hold":
        peer.hold(path)
        return facts(peer.held)
    if name == "release":
        peer.held = None
        return {}
    operation = peer.save if name == "save" else peer.operations[name]
    gc.collect()
    if fresh:
        touch(fresh)
    reset_peak()
    before = memory("VmRSS")
    start = time.perf_counter()
    value = operation(path)
    seconds = time.perf_counter() - start
    grown = memory("VmHWM") - before
    return {"seconds": seconds, "grown": grown * 1024, "sum": total(value) if summed else 0}


def answer(peer, words):
    if words[0] != "fresh":
        return json.dumps(run(peer, words))
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = json.dumps(run(peer, words[2:], int(words[1])))
        except Exception as e:
            said = json.dumps({"error": f"{type(e).__name__}: {e}"})
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said or json.dumps({"error": "the forked process died"})


def main():
    peer = {"torch": Torch, "safetensors": Safetensors}[sys.argv[1]]()
    print("{}", flush=True)
    for line in sys.stdin:
        try:
            said = answer(peer, line.rstrip("\n").split(" "))
        except Exception as e:
            said = json.dumps({"error": f"{type(e).__name__}: {e}"})
        print(said, flush=True)


if __name__ == "__main__":
    main()
