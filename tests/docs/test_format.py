"""docs/format.md: its example is what the library writes and PyTorch reads, and its sources are there.

`test_format.py --write FILE` puts the example of FILE into the page.
"""
import importlib
import inspect
import io
import os
import pathlib
import pickletools
import re
import struct
import subprocess
import sys

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "format.md"
BLOCK = re.compile(r"(?<=^```archive\n).*?(?=^```$)", re.S | re.M)


def hexed(raw):
    return " ".join(f"{b:02x}" for b in raw)


class Dump:
    """Lines of an archive: offset, bytes, meaning. They hold every byte once."""

    def __init__(self, data):
        self.data, self.at, self.lines = data, 0, []

    def take(self, count, meaning, raw=None):
        piece = self.data[self.at:self.at + count]
        assert len(piece) == count
        text = raw if raw is not None else hexed(piece)
        for i in range(0, max(len(text), 1), 48):
            self.lines.append(f"{self.at + i // 3:04x}  {text[i:i + 48].strip():<48}  {meaning if i == 0 else ''}".rstrip())
        self.at += count
        return piece

    def number(self, size, meaning):
        return int.from_bytes(self.take(size, meaning), "little")


def dissect(data):
    d = Dump(data)
    while data[d.at:d.at + 4] == b"PK\3\4":
        size_of_name, = struct.unpack_from("<H", data, d.at + 26)
        name = data[d.at + 30:d.at + 30 + size_of_name].decode()
        d.lines.append(f"\n{name}")
        d.take(4, "local header")
        d.take(2, "version needed")
        described = d.number(2, "flags") & 8
        d.take(2, "method: stored")
        d.take(4, "time, date")
        d.take(12, "CRC-32 and sizes: in the descriptor")
        d.take(2, "length of the name")
        d.take(2, "length of the extra field")
        d.take(size_of_name, f"{name}")
        d.take(2, "padding \"FB\"")
        pad = d.number(2, "its length")
        assert data[d.at:d.at + pad] == b"Z" * pad
        if pad:
            d.take(pad, "", f"5a * {pad}")
        assert d.at % 64 == 0
        size = data.index(b"PK\7\x08", d.at) - d.at
        if name.endswith(".pkl"):
            steps = list(pickletools.genops(data[d.at:d.at + size]))
            start = d.at
            for i, (op, value, at) in enumerate(steps):
                end = steps[i + 1][2] if i + 1 < len(steps) else size
                shown = "" if value is None else f" {value!r}"
                d.take(start + end - d.at, (op.name + shown).replace("\\\\n", "\\n"))
        else:
            d.take(size, "payload")
        assert described
        d.take(4, "data descriptor")
        d.take(4, "CRC-32")
        d.take(8, "compressed size, size")
    while data[d.at:d.at + 4] == b"PK\1\2":
        size_of_name, = struct.unpack_from("<H", data, d.at + 28)
        name = data[d.at + 46:d.at + 46 + size_of_name].decode()
        d.lines.append(f"\ndirectory: {name}")
        d.take(4, "central entry")
        d.take(4, "made by, version needed")
        d.take(4, "flags, method")
        d.take(4, "time, date")
        d.take(4, "CRC-32")
        d.take(8, "compressed size, size")
        d.take(6, "lengths of name, extra field, comment")
        d.take(8, "disk, attributes")
        d.take(4, "offset of the local header")
        d.take(size_of_name, name)
    d.lines.append("\nend")
    d.take(4, "ZIP64 end record")
    d.take(8, "its length from here on")
    d.take(4, "made by, version needed")
    d.take(8, "disks")
    d.take(16, "entries, twice")
    d.take(16, "size and offset of the directory")
    d.take(4, "locator")
    d.take(4, "disk")
    d.take(8, "offset of the ZIP64 end record")
    d.take(4, "disks")
    d.take(4, "end record")
    d.take(4, "disks")
    d.take(4, "entries, twice")
    d.take(8, "size and offset of the directory")
    d.take(2, "length of the comment")
    assert d.at == len(data)
    return "\n".join(d.lines).strip() + "\n"


def assembled(text):
    """The bytes that the lines of a dump stand for."""
    data = b""
    for line in text.splitlines():
        match = re.match(r"([0-9a-f]{4})  (5a \* \d+|[0-9a-f]{2}(?: [0-9a-f]{2})*)(?:  |$)", line)
        if not match:
            continue
        repeated = re.fullmatch(r"5a \* (\d+)", match[2])
        piece = b"Z" * int(repeated[1]) if repeated else bytes.fromhex(match[2])
        assert int(match[1], 16) == len(data)
        data += piece
    return data


def test_the_example_is_what_the_library_writes(tmp_path):
    program = pathlib.Path(os.environ["TARC_BIN"]) / "programs" / "format_example"
    subprocess.run([program, tmp_path / "example.pt"], check=True)
    written = (tmp_path / "example.pt").read_bytes()
    shown = BLOCK.search(PAGE.read_text(encoding="utf-8"))[0]
    assert shown == dissect(written)
    assert assembled(shown) == written


def test_pytorch_reads_the_bytes_of_the_page():
    import torch
    c = torch.load(io.BytesIO(assembled(BLOCK.search(PAGE.read_text(encoding="utf-8"))[0])), weights_only=True)
    assert c["epoch"] == 5 and torch.equal(c["w"], torch.tensor([1.0, 2.0])) and list(c) == ["epoch", "w"]


def test_the_python_sources_are_there():
    """Each name in backquotes within brackets behind a Python file stands in that file."""
    seen = 0
    for cited in re.findall(r"\[([^\[\]]+)\]", PAGE.read_text(encoding="utf-8")):
        for part in cited.split(";"):
            match = re.match(r"\s*((?:torch|numpy)/[\w/]+)\.py\b(.*)", part)
            if not match:
                continue
            source = inspect.getsource(importlib.import_module(match[1].replace("/", ".")))
            for name in re.findall(r"`(\w+)`", match[2]):
                assert re.search(rf"\b{name}\b", source), (match[1], name)
                seen += 1
    assert seen > 20


def test_tarcs_own_sources_are_there():
    cited = set(re.findall(r"tarc/[\w/]+\.hpp", PAGE.read_text(encoding="utf-8")))
    assert len(cited) > 3
    for name in cited:
        assert (PAGE.parents[1] / "include" / name).exists(), name


if __name__ == "__main__":
    assert sys.argv[1] == "--write"
    example = dissect(pathlib.Path(sys.argv[2]).read_bytes())
    PAGE.write_text(BLOCK.sub(lambda _: example, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
