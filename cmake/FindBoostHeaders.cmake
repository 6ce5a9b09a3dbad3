# Boost.PFR gives field names to classes of up to 200 fields from Boost 1.87 on. Boost has a CMake config in some
# installations (its own, Conan's) and is bare headers in others, and what a distribution installs is often too old:
# both forms end in the target Boost::headers here, and too old a Boost in one message that says what to do.
#
# Result: BoostHeaders_FOUND, BoostHeaders_VERSION, target Boost::headers.

include(FindPackageHandleStandardArgs)

function(tarc_boost_version directory result)
  set(${result} "" PARENT_SCOPE)
  if(EXISTS "${directory}/boost/version.hpp")
    file(STRINGS "${directory}/boost/version.hpp" line REGEX "^#define BOOST_VERSION [0-9]+")
    if(line MATCHES "BOOST_VERSION ([0-9]+)")
      math(EXPR major "${CMAKE_MATCH_1} / 100000")
      math(EXPR minor "${CMAKE_MATCH_1} / 100 % 1000")
      math(EXPR patch "${CMAKE_MATCH_1} % 100")
      set(${result} "${major}.${minor}.${patch}" PARENT_SCOPE)
    endif()
  endif()
endfunction()

unset(BoostHeaders_VERSION)
set(BoostHeaders_WHERE "Boost::headers")
if(NOT TARGET Boost::headers)
  find_package(Boost ${BoostHeaders_FIND_VERSION} CONFIG QUIET)
endif()

if(TARGET Boost::headers)
  if(Boost_FOUND AND Boost_VERSION_STRING)
    set(BoostHeaders_VERSION "${Boost_VERSION_STRING}")
  elseif(Boost_FOUND AND Boost_VERSION)
    set(BoostHeaders_VERSION "${Boost_VERSION}")
  else() # another project's target
    get_target_property(BoostHeaders_dirs Boost::headers INTERFACE_INCLUDE_DIRECTORIES)
    foreach(dir IN LISTS BoostHeaders_dirs)
      tarc_boost_version("${dir}" BoostHeaders_VERSION)
      if(BoostHeaders_VERSION)
        set(BoostHeaders_WHERE "${dir}")
        break()
      endif()
    endforeach()
  endif()
else()
  # Every folder is asked, as an old Boost in /usr/include must not hide a newer one elsewhere.
  set(BoostHeaders_candidates ${BoostHeaders_INCLUDE_DIR} ${Boost_INCLUDE_DIR} ${Boost_INCLUDEDIR} ${BOOST_INCLUDEDIR}
                              $ENV{BOOST_INCLUDEDIR})
  foreach(root IN ITEMS "${Boost_ROOT}" "${BOOST_ROOT}" "$ENV{Boost_ROOT}" "$ENV{BOOST_ROOT}" LISTS CMAKE_PREFIX_PATH
                                                                                              CMAKE_SYSTEM_PREFIX_PATH)
    if(root)
      list(APPEND BoostHeaders_candidates "${root}/include" "${root}")
    endif()
  endforeach()
  set(BoostHeaders_newest "")
  foreach(dir IN LISTS BoostHeaders_candidates)
    tarc_boost_version("${dir}" version)
    if(version AND (NOT BoostHeaders_newest OR version VERSION_GREATER BoostHeaders_newest))
      set(BoostHeaders_newest "${version}")
      set(BoostHeaders_WHERE "${dir}")
    endif()
  endforeach()
  set(BoostHeaders_VERSION "${BoostHeaders_newest}")
  if(BoostHeaders_VERSION AND BoostHeaders_VERSION VERSION_GREATER_EQUAL "${BoostHeaders_FIND_VERSION}")
    add_library(Boost::headers INTERFACE IMPORTED)
    target_include_directories(Boost::headers INTERFACE "${BoostHeaders_WHERE}")
  endif()
endif()

set(BoostHeaders_fix
    "tarc needs the headers of Boost ${BoostHeaders_FIND_VERSION} or newer (nothing of it is linked). Put them anywhere and configure with -DBoost_ROOT=<folder>: a release of Boost from boost.org, the Conan package boost, or 'pip download --no-deps cmeel-boost' (the folder is cmeel.prefix inside). In tarc's own checkout './dev build' does it for you."
)
if(BoostHeaders_VERSION AND BoostHeaders_VERSION VERSION_LESS "${BoostHeaders_FIND_VERSION}")
  set(BoostHeaders_reason "Boost ${BoostHeaders_VERSION} (${BoostHeaders_WHERE}) is too old. ${BoostHeaders_fix}")
  unset(BoostHeaders_target)
elseif(TARGET Boost::headers)
  set(BoostHeaders_target Boost::headers)
else()
  set(BoostHeaders_reason "Boost was not found. ${BoostHeaders_fix}")
  unset(BoostHeaders_target)
endif()
find_package_handle_standard_args(
  BoostHeaders
  REQUIRED_VARS BoostHeaders_target
  REASON_FAILURE_MESSAGE "${BoostHeaders_reason}")
