# zstd as the target zstd::libzstd: from its own or Conan's CMake config where there is one, else from header and library
# (Debian's libzstd-dev brings no config).
#
# Result: zstd_FOUND, target zstd::libzstd. Hint for a place of your own: zstd_ROOT.

include(FindPackageHandleStandardArgs)

if(NOT TARGET zstd::libzstd)
  find_package(zstd 1.5 CONFIG QUIET)
endif()
foreach(zstd_linkage IN ITEMS shared static) # before 1.5.6 its config has only these, as has Conan's
  if(NOT TARGET zstd::libzstd AND TARGET zstd::libzstd_${zstd_linkage})
    add_library(zstd::libzstd INTERFACE IMPORTED)
    target_link_libraries(zstd::libzstd INTERFACE zstd::libzstd_${zstd_linkage})
  endif()
endforeach()
if(NOT TARGET zstd::libzstd)
  find_path(zstd_INCLUDE_DIR zstd.h)
  find_library(zstd_LIBRARY zstd)
  mark_as_advanced(zstd_INCLUDE_DIR zstd_LIBRARY)
  if(zstd_INCLUDE_DIR AND zstd_LIBRARY)
    add_library(zstd::libzstd UNKNOWN IMPORTED)
    set_target_properties(zstd::libzstd PROPERTIES IMPORTED_LOCATION "${zstd_LIBRARY}"
                                                   INTERFACE_INCLUDE_DIRECTORIES "${zstd_INCLUDE_DIR}")
  endif()
endif()

if(TARGET zstd::libzstd)
  set(zstd_target zstd::libzstd)
endif()
find_package_handle_standard_args(
  zstd
  REQUIRED_VARS zstd_target
  REASON_FAILURE_MESSAGE "install it (Debian: apt-get install libzstd-dev), or set zstd_ROOT")
