"""What every Python test has: the mark with which a test says which cells of the README's compatibility table it shows."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "compatibility"))
import table  # noqa: E402

_outcomes = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line("markers", "compatibility(kind, *ways): shows that tarc reads or writes this kind of file")
    config.stash[_outcomes] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" or report.outcome != "passed":
        for mark in item.iter_markers("compatibility"):
            kind, *ways = mark.args
            assert kind in table.KINDS and ways and set(ways) <= set(table.WAYS), mark
            for way in ways:
                outcomes = item.config.stash[_outcomes].setdefault(f"{item.path.parent.name}.{item.path.stem}", {})
                outcomes.setdefault((kind, way), []).append(report.outcome)
    return report


def pytest_sessionfinish(session):
    for module, outcomes in session.config.stash[_outcomes].items():
        table.write_notes(module, outcomes)
