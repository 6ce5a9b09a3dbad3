# xxHash as the target xxHash::xxhash: from its own or Conan's CMake config where there is one, else from header and library
# (Debian's libxxhash-dev brings no config).
#
# Result: xxHash_FOUND, target xxHash::xxhash. Hint for a place of your own: xxHash_ROOT.

include(FindPackageHandleStandardArgs)

if(NOT TARGET xxHash::xxhash)
  find_package(xxHash CONFIG QUIET)
endif()
if(NOT TARGET xxHash::xxhash)
  find_path(xxHash_INCLUDE_DIR xxhash.h)
  find_library(xxHash_LIBRARY xxhash)
  mark_as_advanced(xxHash_INCLUDE_DIR xxHash_LIBRARY)
  if(xxHash_INCLUDE_DIR AND xxHash_LIBRARY)
    add_library(xxHash::xxhash UNKNOWN IMPORTED)
    set_target_properties(xxHash::xxhash PROPERTIES IMPORTED_LOCATION "${xxHash_LIBRARY}"
                                                    INTERFACE_INCLUDE_DIRECTORIES "${xxHash_INCLUDE_DIR}")
  endif()
endif()

if(TARGET xxHash::xxhash)
  set(xxHash_target xxHash::xxhash)
endif()
find_package_handle_standard_args(
  xxHash
  REQUIRED_VARS xxHash_target
  REASON_FAILURE_MESSAGE "install it (Debian: apt-get install libxxhash-dev), or set xxHash_ROOT")
