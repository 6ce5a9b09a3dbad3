"""Boost's headers as they lie in a folder of this machine, for a test without a Conan remote."""
from conan import ConanFile


class BoostHeaders(ConanFile):
    name = "boost"
    package_type = "header-library"
    options = {"header_only": [True, False]}
    default_options = {"header_only": True}

    def package_info(self):
        folder = self.conf.get("user.tarc:boost_include")  # none: where the compiler looks anyway
        self.cpp_info.set_property("cmake_file_name", "Boost")
        headers = self.cpp_info.components["headers"]
        headers.set_property("cmake_target_name", "Boost::headers")
        headers.includedirs = [folder] if folder else []
        headers.bindirs = headers.libdirs = []
