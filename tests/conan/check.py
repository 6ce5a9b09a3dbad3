#!/usr/bin/env python3
"""The Conan package from nothing, without a remote: wrapper recipes stand for the dependencies that are installed here.

    check.py --conan C --cmake C --ninja N --compiler C --build-folder B [--boost FOLDER] [--cuda FOLDER] [--zstd]

Works in the current folder, which is emptied of an earlier run.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parents[1]


def main():
    parser = argparse.ArgumentParser()
    for name in ("conan", "cmake", "ninja", "compiler", "build-folder"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    parser.add_argument("--boost", type=pathlib.Path)
    parser.add_argument("--cuda", type=pathlib.Path, help="the CUDA toolkit; without it the option with_cuda is not tried")
    parser.add_argument("--zstd", action="store_true", help="zstd is installed: the option with_zstd is tried")
    arguments = parser.parse_args()

    work = pathlib.Path.cwd()
    for folder in ("home", "installed", "prefix", "test", "cuda", "zstd"):
        shutil.rmtree(work / folder, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("CC", "CXX", "CONAN_HOME")}
    environment |= {
        "CONAN_HOME": str(work / "home"),
        "CXX": str(arguments.compiler),
        "PATH": os.pathsep.join([str(arguments.cmake.parent), str(arguments.ninja.parent), os.environ["PATH"]]),
    }

    def run(*command, fails=False):
        done = subprocess.run([str(part) for part in command], env=environment, cwd=work, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if (done.returncode != 0) != fails:
            sys.exit(f"{'succeeded' if fails else 'failed'}: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done

    def macros(header, *patterns):
        text = run(arguments.compiler, "-x", "c++", "-E", "-dM", "-include", header,
                   *(["-isystem", arguments.boost / "include"] if arguments.boost else []), "/dev/null").stdout
        return [re.search(rf"#define {pattern}", text)[1] for pattern in patterns]

    number = int(macros("boost/version.hpp", r"BOOST_VERSION (\d+)")[0])
    versions = {
        "boost": f"{number // 100000}.{number // 100 % 1000}.{number % 100}",
        "libdeflate": macros("libdeflate.h", r'LIBDEFLATE_VERSION_STRING\s+"([\d.]+)"')[0],
        "xxhash": ".".join(macros("xxhash.h", *(rf"XXH_VERSION_{p} +(\d+)" for p in ("MAJOR", "MINOR", "RELEASE")))),
    }

    if arguments.zstd:
        versions["zstd"] = ".".join(macros("zstd.h", *(rf"ZSTD_VERSION_{p}\s+(\d+)" for p in ("MAJOR", "MINOR", "RELEASE"))))

    conan = arguments.conan
    run(conan, "profile", "detect")
    options = ["--no-remote", "-s:a", "compiler.cppstd=20", "-s:a", "build_type=Debug"]
    options += ["-c:a", "tools.cmake.cmaketoolchain:generator=Ninja"]
    options += ["-c:a", f"tools.cmake.cmake_layout:test_folder={work / 'test'}"]
    options += ["-c:a", "tools.cmake.cmaketoolchain:user_presets="]  # none in the sources
    options += ["-c:a", "tools.build:compiler_executables=" + json.dumps({"cpp": str(arguments.compiler)})]
    if arguments.boost:
        options += ["-c:a", f"user.tarc:boost_include={arguments.boost / 'include'}"]
    for name, version in versions.items():
        run(conan, "export", HERE / name, "--version", version)
    print("wrapped:", *(f"{name}/{version}" for name, version in versions.items()))

    created = run(conan, "create", SOURCE, "-tf", HERE / "test_package", "--build=missing", *options)
    if "the same came back" not in created.stdout + created.stderr:
        sys.exit(f"the test package did not run:\n{created.stdout}{created.stderr}")
    reference = re.search(r"\btarc/[\d.]+", created.stdout + created.stderr)[0]
    print(f"created {reference}, its test package ran")

    # One package serves every configuration: nothing is built here.
    run(conan, "install", f"--requires={reference}", *options, "-s:a", "build_type=Release")
    packages = json.loads(run(conan, "list", f"{reference}:*", "--format=json").stdout)
    ids = [package for revision in packages["Local Cache"][reference]["revisions"].values()
           for package in revision["packages"]]
    if len(ids) != 1:
        sys.exit(f"not one package: {ids}")
    print(f"one package id: {ids[0]}")

    options[options.index("compiler.cppstd=20")] = "compiler.cppstd=17"
    refused = run(conan, "install", f"--requires={reference}", *options, fails=True)
    if "Current cppstd (17) is lower than the required C++ standard (20)" not in refused.stdout + refused.stderr:
        sys.exit(f"C++17 is refused without the reason:\n{refused.stdout}{refused.stderr}")
    options[options.index("compiler.cppstd=17")] = "compiler.cppstd=20"
    print("C++17 is refused")

    # An option adds a target to the same package: tarc::cuda with the toolkit that CMake finds, tarc::zstd with Conan's zstd.
    def try_option(name, *cmake_options):
        folder = work / name
        run(conan, "install", f"--requires={reference}", "-o", f"tarc/*:with_{name}=True", "-g", "CMakeDeps", "-g",
            "CMakeToolchain", "-of", folder, "--build=missing", *options)
        run(arguments.cmake, "-S", SOURCE / "tests/consumer" / name, "-B", folder / "build", "-G", "Ninja",
            f"-DCMAKE_TOOLCHAIN_FILE={folder / 'conan_toolchain.cmake'}", "-DCMAKE_BUILD_TYPE=Debug",
            f"-DCMAKE_CXX_COMPILER={arguments.compiler}", *cmake_options)
        run(arguments.cmake, "--build", folder / "build", "--target", "consumer")
        print(f"with_{name}:", run(folder / "build/consumer").stdout.strip())

    if arguments.cuda:
        try_option("cuda", f"-DCUDAToolkit_ROOT={arguments.cuda}")
    else:
        print("with_cuda: skipped, as there is no CUDA toolkit")
    if arguments.zstd:
        try_option("zstd")
    else:
        print("with_zstd: skipped, as zstd is not installed")

    # tarc from `cmake --install`, its dependencies from Conan: the find modules take Conan's targets.
    run(conan, "install", HERE / "installed", "-of", work / "installed", "--build=missing", *options)
    run(arguments.cmake, "--install", arguments.build_folder, "--prefix", work / "prefix")
    run(arguments.cmake, "-S", HERE / "test_package", "-B", work / "installed/build", "-G", "Ninja",
        f"-DCMAKE_TOOLCHAIN_FILE={work / 'installed/conan_toolchain.cmake'}", "-DCMAKE_BUILD_TYPE=Debug",
        f"-DCMAKE_CXX_COMPILER={arguments.compiler}", f"-Dtarc_ROOT={work / 'prefix'}")
    cache = (work / "installed/build/CMakeCache.txt").read_text()
    for name in ("Boost", "libdeflate", "xxHash"):
        if f"{name}_DIR:PATH={work / 'installed'}" not in cache:
            sys.exit(f"{name} is not Conan's in {work / 'installed/build/CMakeCache.txt'}")
    if "libdeflate_LIBRARY" in cache or "xxHash_LIBRARY" in cache:
        sys.exit("the find modules searched although Conan has the targets")
    run(arguments.cmake, "--build", work / "installed/build")
    run(work / "installed/build/test_package")
    print("installed tarc with Conan's dependencies: built and ran")


if __name__ == "__main__":
    main()
