# What only a checkout of tarc needs: warnings, the command line, the examples and the tests. Consumers never read this.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set_property(CACHE CMAKE_BUILD_TYPE PROPERTY VALUE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE -O2) # asserts stay on
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(TARC_BIN "${CMAKE_CURRENT_BINARY_DIR}/bin")
set(TARC_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Werror)
set(TARC_TEST_FLAGS -O0 -g CACHE STRING "compiler flags of the tests, behind those of the build type")

# `cmake --build . --target all_verify_interface_header_sets` compiles every header alone.
add_compile_options(${TARC_WARNINGS})
set_target_properties(tarc PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
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

enable_testing()
add_subdirectory(examples)
add_subdirectory(tests)
add_subdirectory(benchmarks)
