"""The script ./dev, as far as it can be tried where everything is installed already."""
import pathlib
import shlex
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parents[2]
VERBS = ["demo", "test", "build", "bench", "flags", "fuzz", "sanitize", "lint", "format"]


def dev(*arguments, script=SOURCE / "dev", **options):
    return subprocess.run([str(script), *arguments], capture_output=True, text=True, check=False, **options)


def test_help_names_every_verb():
    done = dev("help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)
    assert dev().stdout == done.stdout


def test_unknown_verb_is_wrong_usage():
    done = dev("nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage" in done.stderr


def test_unknown_part_is_refused_before_any_work():
    done = dev("test", "nonsense", env={"PATH": "/nonexistent:/usr/bin:/bin", "TARC_DEV_LOCKED": "1"})
    assert done.returncode == 1
    assert done.stderr == "dev: there is no part 'nonsense' of the tests\n"


@pytest.mark.parametrize("close_stdin", [False, True])
def test_flags_are_one_line_from_anywhere(tmp_path, close_stdin):
    link = tmp_path / "link"
    link.symlink_to(SOURCE / "dev")
    command = f"{shlex.quote(str(link))} flags" + (" <&-" if close_stdin else "")
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    words = done.stdout.split()
    assert "-std=c++20" in words and f"-I{SOURCE}/include" in words
    assert {"-ldeflate", "-lxxhash", "-pthread"} <= set(words)
    assert not any(word.startswith("-march") for word in words)


def test_flags_build_a_program_against_a_new_enough_boost(tmp_path):
    (tmp_path / "a.cpp").write_text("""
        #include <boost/version.hpp>
        #include <libdeflate.h>
        #include <xxhash.h>
        static_assert(BOOST_VERSION >= 108700);
        int main() { return libdeflate_crc32(0, "a", 1) == 0xe8b7be43 && XXH3_64bits("a", 1) == 0xe6c632b61e964e1f ? 0 : 1; }
    """)
    command = f"g++ a.cpp $({shlex.quote(str(SOURCE / 'dev'))} flags) -o a && ./a"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
