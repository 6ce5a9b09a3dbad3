import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load


class TarcConan(ConanFile):
    name = "tarc"
    description = "Checkpoints as C++ structs, in PyTorch's file format"
    license = "MIT"
    topics = ("pytorch", "checkpoint", "serialization", "reflection", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"  # of those who build with it; none of them in the package id
    default_options = {"boost/*:header_only": True}
    exports_sources = "include/*", "LICENSE"
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

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
