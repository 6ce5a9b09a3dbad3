# What only a checkout of tarc needs: warnings, the command line, the examples and the tests. Consumers never read this.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set_property(CACHE CMAKE_BUILD_TYPE PROPERTY VALUE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE -O2) # asserts stay on
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(TARC_BIN "${CMAKE_CURRENT_BINARY_DIR}/bin")
set(TARC_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Werror)
set(TARC_TEST_FLAGS -O0 -g1 CACHE STRING "compiler flags of the tests, behind those of the build type")

# `cmake --build . --target all_verify_interface_header_sets` compiles every header alone.
add_compile_options(${TARC_WARNINGS})
set_target_properties(tarc PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
if(TARGET tarc::zstd)
  set_target_properties(tarc_zstd PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
else()
  message(STATUS "zstd was not found, so compressed archives are neither built nor tested here (Debian: apt-get install "
                 "libzstd-dev)")
endif()
if(TARGET CUDA::cudart)
  set_target_properties(tarc_cuda PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
else()
  message(STATUS "The CUDA toolkit was not found, so tarc/cuda.hpp is installed but neither compiled nor tested here (nvcc on "
                 "PATH or -DCUDAToolkit_ROOT=<folder> lets CMake find it)")
endif()

set(TARC_SANITIZE "" CACHE STRING "run everything under these sanitizers: address,undefined or thread")
if(TARC_SANITIZE)
  add_compile_options("-fsanitize=${TARC_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${TARC_SANITIZE}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-error) # its flow analysis warns of its own instrumentation; the other builds have the flag
  endif()
endif()

# tarc_compile(<target> [<flag>...]) compiles it with these flags. Most sources take longer to read tarc.hpp than for what
# they do with it, so all that have the same flags share one that was read. Nothing may rely on it: that is seen where each
# header is compiled alone, and by consumers.
function(tarc_compile target)
  target_compile_options(${target} PRIVATE ${ARGN})
  string(MAKE_C_IDENTIFIER "tarc_read${ARGN}" read)
  if(NOT TARGET ${read})
    file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/${read}.cpp" CONTENT "")
    add_library(${read} OBJECT EXCLUDE_FROM_ALL "${PROJECT_BINARY_DIR}/${read}.cpp")
    target_link_libraries(${read} PRIVATE tarc::tarc)
    target_compile_options(${read} PRIVATE ${ARGN})
    target_precompile_headers(${read} PRIVATE <tarc/tarc.hpp>)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${read})
endfunction()

enable_testing()
add_subdirectory(examples)
add_subdirectory(tests)
add_subdirectory(benchmarks)
