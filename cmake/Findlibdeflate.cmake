# libdeflate as the target libdeflate::libdeflate: from its own or Conan's CMake config where there is one, else from header and library
# (Debian's libdeflate-dev brings no config).
#
# Result: libdeflate_FOUND, target libdeflate::libdeflate. Hint for a place of your own: libdeflate_ROOT.

include(FindPackageHandleStandardArgs)

if(NOT TARGET libdeflate::libdeflate)
  find_package(libdeflate CONFIG QUIET)
endif()
if(NOT TARGET libdeflate::libdeflate)
  foreach(flavour IN ITEMS libdeflate::libdeflate_shared libdeflate::libdeflate_static)
    if(TARGET ${flavour})
      add_library(libdeflate::libdeflate INTERFACE IMPORTED)
      target_link_libraries(libdeflate::libdeflate INTERFACE ${flavour})
      break()
    endif()
  endforeach()
endif()
if(NOT TARGET libdeflate::libdeflate)
  find_path(libdeflate_INCLUDE_DIR libdeflate.h)
  find_library(libdeflate_LIBRARY deflate)
  mark_as_advanced(libdeflate_INCLUDE_DIR libdeflate_LIBRARY)
  if(libdeflate_INCLUDE_DIR AND libdeflate_LIBRARY)
    add_library(libdeflate::libdeflate UNKNOWN IMPORTED)
    set_target_properties(libdeflate::libdeflate PROPERTIES IMPORTED_LOCATION "${libdeflate_LIBRARY}"
                                                            INTERFACE_INCLUDE_DIRECTORIES "${libdeflate_INCLUDE_DIR}")
  endif()
endif()

if(TARGET libdeflate::libdeflate)
  set(libdeflate_target libdeflate::libdeflate)
endif()
find_package_handle_standard_args(
  libdeflate
  REQUIRED_VARS libdeflate_target
  REASON_FAILURE_MESSAGE "install it (Debian: apt-get install libdeflate-dev), or set libdeflate_ROOT")
