"""The system's zstd under the names that Conan Center's recipe gives, for a test without a Conan remote."""
from conan import ConanFile


class SystemZstd(ConanFile):
    name = "zstd"
    package_type = "shared-library"

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "zstd")
        self.cpp_info.components["zstdlib"].set_property("cmake_target_name", "zstd::libzstd_shared")
        self.cpp_info.components["zstdlib"].includedirs = []
        self.cpp_info.components["zstdlib"].bindirs = self.cpp_info.components["zstdlib"].libdirs = []
        self.cpp_info.components["zstdlib"].system_libs = ["zstd"]
