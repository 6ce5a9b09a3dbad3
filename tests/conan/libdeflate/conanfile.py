"""The system's libdeflate under the names that Conan Center's recipe gives, for a test without a Conan remote."""
from conan import ConanFile


class SystemLibdeflate(ConanFile):
    name = "libdeflate"
    package_type = "shared-library"

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "libdeflate")
        self.cpp_info.set_property("cmake_target_name", "libdeflate::libdeflate_shared")
        self.cpp_info.includedirs = self.cpp_info.bindirs = self.cpp_info.libdirs = []
        self.cpp_info.system_libs = ["deflate"]
