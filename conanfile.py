import os
import re

from conan import ConanFile, conan_version
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load


class TarcConan(ConanFile):
    name = "tarc"
    description = "Checkpoints as C++ structs, in PyTorch's file format"
    license = "MIT"
    topics = ("pytorch", "checkpoint", "serialization", "reflection", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"  # of those who build with it; none of them in the package id
    # Whether the target tarc::cuda is there, which takes the CUDA toolkit from where CMake finds it: Conan has no package of it.
    # with_zstd: the target tarc::zstd, for compressed archives.
    options = {"with_cuda": [True, False], "with_zstd": [True, False]}
    default_options = {"with_cuda": False, "with_zstd": False, "boost/*:header_only": True}
    exports_sources = "include/*", "LICENSE", "cmake/tarc_schema.cmake", "examples/cli/*"
    no_copy_source = True

    def set_version(self):
        config = load(self, os.path.join(self.recipe_folder, "include", "tarc", "config.hpp"))
        self.version = ".".join(
            re.search(rf"inline constexpr int version_{part} = (\d+);", config)[1] for part in ("major", "minor", "patch"))

    def export(self):  # set_version reads it again in the cache
        copy(self, "include/tarc/config.hpp", self.recipe_folder, self.export_folder)

    def requirements(self):
        self.requires("boost/[>=1.87 <2]")
        self.requires("libdeflate/[>=1.14 <2]")
        self.requires("xxhash/[>=0.8.1 <1]")
        if self.options.with_zstd:
            self.requires("zstd/[>=1.5.0 <2]")

    def validate(self):
        check_min_cppstd(self, 20)
        if self.options.with_cuda and conan_version < "2.30":
            raise ConanInvalidConfiguration("tarc: with_cuda needs Conan 2.30, whose CMakeDeps knows cmake_extra_dependencies")

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        # tarc_schema(), which builds the command line of its sources for a consumer that calls it.
        copy(self, "tarc_schema.cmake", os.path.join(self.source_folder, "cmake"), os.path.join(self.package_folder, "cmake"))
        copy(self, "*pp", os.path.join(self.source_folder, "examples", "cli"), os.path.join(self.package_folder, "cmake", "cli"))
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.set_property("cmake_target_name", "tarc::all")  # tarc::tarc, tarc::cuda and tarc::zstd are the components
        self.cpp_info.set_property("cmake_build_modules", [os.path.join("cmake", "tarc_schema.cmake")])
        self.cpp_info.components["tarc"].set_property("cmake_target_name", "tarc::tarc")
        self.cpp_info.components["tarc"].requires = ["boost::headers", "libdeflate::libdeflate", "xxhash::xxhash"]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.components["tarc"].system_libs = ["pthread"]
        if self.options.with_cuda:
            self.cpp_info.set_property("cmake_extra_dependencies", ["CUDAToolkit"])
            self.cpp_info.components["cuda"].set_property("cmake_target_name", "tarc::cuda")
            self.cpp_info.components["cuda"].set_property("cmake_extra_interface_libs", ["CUDA::cudart"])
            self.cpp_info.components["cuda"].requires = ["tarc"]
        if self.options.with_zstd:
            self.cpp_info.components["zstd"].set_property("cmake_target_name", "tarc::zstd")
            self.cpp_info.components["zstd"].requires = ["tarc", "zstd::zstdlib"]
        for component in self.cpp_info.components.values():
            component.bindirs = component.libdirs = []
