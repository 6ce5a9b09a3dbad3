"""The README's table of compatibility is what the tests of this run have shown. `test_compatibility.py --write` puts it there."""
import pathlib
import re
import sys

import table

README = pathlib.Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"(?<=<!-- compatibility: written by tests/compatibility -->\n).*?(?=<!-- end of compatibility -->)", re.S)


def shown():
    """A cell is shown where tests passed and none failed; one that was skipped, as what it needs is not there, says nothing."""
    outcomes = table.read_notes()
    return {cell for cell, results in outcomes.items() if "passed" in results and "failed" not in results}


def test_the_readme_says_what_was_shown():
    cells = shown()
    assert cells, f"no test has left a note in {table.NOTES}: run ./dev test"
    written = BLOCK.search(README.read_text(encoding="utf-8"))[0]
    assert written == table.table(cells), "run tests/compatibility/test_compatibility.py --write"


def test_every_kind_is_read():
    cells = shown()
    assert [kind for kind in table.KINDS if (kind, "read") not in cells] == []


if __name__ == "__main__":
    assert sys.argv[1:] == ["--write"]
    README.write_text(BLOCK.sub(lambda _: table.table(shown()), README.read_text(encoding="utf-8")), encoding="utf-8")
