"""The table of the README's part "Compatibility": kinds of file, and whether tarc reads and writes them.

A test says what it shows: `@pytest.mark.compatibility("safetensors", "read", "write")`. tests/conftest.py notes what came of it, and
test_compatibility.py, which runs after all others, holds the README's table against the notes.
"""
import json
import os
import pathlib

KINDS = {
    "zip": "`torch.save` since 1.6: every dtype, views, ties, parameters, attributes",
    "protocols": "… with pickle protocols 2 to 5, every opcode that makes data",
    "repacked": "… packed again by other tools, DEFLATE, any folder name, comments",
    "no crc": "… with `compute_crc32=False`, or without the records of later versions",
    "zip64": "… of more than 65,535 records, of more than 4 GiB",
    "big-endian": "… of big-endian machines",
    "legacy": "`torch.save` before 1.6, and with `_use_new_zipfile_serialization=False`",
    "tar": "`torch.save` before 0.1.10, a tar file",
    "module": "entire pickled `nn.Module`, as its `state_dict()`",
    "objects": "objects of any class inside a checkpoint, as data",
    "numpy": "NumPy arrays and scalars inside a checkpoint",
    "sparse": "sparse, quantized and nested tensors inside a checkpoint, as their parts",
    "optimizers": "`state_dict()` of every optimizer and scheduler of `torch.optim`",
    "torchscript": "`torch.jit.save`: parameters, buffers, attributes",
    "libtorch": "libtorch's `torch::save` and `pickle_save`",
    "safetensors": "safetensors, bf16 and fp8 too",
    "npz": "`numpy.savez`, `savez_compressed`",
}
WAYS = ("read", "write")
NOTES = pathlib.Path(os.environ.get("TARC_BIN", ".")).parent / "compatibility"


def write_notes(module, outcomes):
    """`outcomes`: (kind, way) -> list of "passed", "failed", "skipped"."""
    NOTES.mkdir(parents=True, exist_ok=True)
    rows = [[kind, way, results] for (kind, way), results in sorted(outcomes.items())]
    (NOTES / f"{module}.json").write_text(json.dumps(rows), encoding="utf-8")


def read_notes():
    """(kind, way) -> all outcomes."""
    outcomes = {}
    for file in sorted(NOTES.glob("*.json")):
        for kind, way, results in json.loads(file.read_text(encoding="utf-8")):
            outcomes.setdefault((kind, way), []).extend(results)
    return outcomes


def table(shown):
    """Markdown, from the cells that are shown."""
    lines = ["| | read | write |", "|---|---|---|"]
    for kind, text in KINDS.items():
        lines.append(f"| {text} | " + " | ".join("yes" if (kind, way) in shown else "—" for way in WAYS) + " |")
    return "\n".join(lines) + "\n"
