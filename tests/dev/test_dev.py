"""The script ./dev, as far as it can be tried where everything is installed already."""
import os
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


def test_flags_take_cuda_and_nothing_else():
    done = dev("flags", "hip")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "dev: flags: there is no 'hip'; tarc/cuda.hpp needs './dev flags cuda', tarc/codec/zstd.hpp './dev flags zstd', all else './dev flags'\n"


def test_flags_cuda_build_a_program_and_leave_the_choice_of_the_runtime(tmp_path):
    done = dev("flags", "cuda")
    if "there is no CUDA toolkit" in done.stderr:
        pytest.skip("there is no CUDA toolkit")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "-lcudart" in done.stdout.split()
    assert not set(dev("flags").stdout.split()) - set(done.stdout.split())
    (tmp_path / "a.cpp").write_text("""
        #include <tarc/cuda.hpp>
        #include <tarc/tarc.hpp>
        int main() { int n = 0; return cudaGetDeviceCount(&n) == cudaSuccess && n == -7 ? 7 : 0; }
    """)
    subprocess.run(["sh", "-c", f"g++ -Wall -Wextra -Wpedantic -Wconversion -Werror a.cpp {done.stdout.strip()} -o a"],
                   cwd=tmp_path, check=True)
    clean = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    assert subprocess.run(["./a"], cwd=tmp_path, env=clean, check=False).returncode == 0
    # Another runtime of the same name takes the place of the toolkit's.
    name = next(line.split("[")[1].rstrip("]") for line in subprocess.run(
        ["readelf", "-d", "a"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
        if "NEEDED" in line and "libcudart" in line)
    (tmp_path / "other").mkdir()
    (tmp_path / "other.cpp").write_text('extern "C" int cudaGetDeviceCount(int* n) { *n = -7; return 0; }\n')
    (tmp_path / "other.map").write_text(f"{name} {{ global: cuda*; local: *; }};\n")
    subprocess.run(["g++", "-shared", "-fPIC", "other.cpp", f"-Wl,-soname,{name},--version-script,other.map", "-o",
                    f"other/{name}"], cwd=tmp_path, check=True)
    swapped = subprocess.run(["./a"], cwd=tmp_path, env=clean | {"LD_LIBRARY_PATH": str(tmp_path / "other")},
                             capture_output=True, text=True, check=False)
    assert swapped.returncode == 7 or "undefined symbol: cuda" in swapped.stderr, swapped.stderr


def test_flags_cuda_without_a_toolkit_say_what_to_install(tmp_path):
    if pathlib.Path("/usr/local/cuda/include/cuda_runtime_api.h").exists():
        # The same script where /usr/local/cuda is another place, on a PATH without nvcc.
        text = (SOURCE / "dev").read_text().replace("/usr/local/cuda", "/nonexistent")
        (tmp_path / "dev").write_text(text)
        (tmp_path / "dev").chmod(0o755)
        (tmp_path / "build").symlink_to(SOURCE / "build")
        done = dev("flags", "cuda", script=tmp_path / "dev",
                   env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CXX": "g++"})
        if done.returncode == 0:
            pytest.skip("the compiler finds the CUDA runtime by itself")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("dev: there is no CUDA toolkit: install ")
        assert done.stderr.count("\n") == 1
