# tarc_schema(<target> <NAME> <FILE>)
#
# Makes <binary dir>/tarc_schema/NAME.schema.hpp from a checkpoint: `tarc schema FILE --cpp NAME`. The target includes it as
# "NAME.schema.hpp"; it is made anew when FILE or the tool changes, and no object of the target is compiled before it is there.
# FILE is relative to the source folder. Several targets may ask for one NAME of one FILE.
#
# The tool is the program that TARC_TOOL names (a path; needed where what is built does not run here), else it is built
# from the sources that come with tarc, once, when a target needs it.

set(TARC_TOOL "" CACHE FILEPATH "the command line `tarc` that tarc_schema() runs (default: built from tarc's own sources)")
set_property(GLOBAL PROPERTY tarc_tool_sources "${CMAKE_CURRENT_LIST_DIR}/../examples/cli")
if(NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/../examples/cli/main.cpp") # installed
  set_property(GLOBAL PROPERTY tarc_tool_sources "${CMAKE_CURRENT_LIST_DIR}/cli")
endif()

# What to run in a custom command: a path or a target.
function(_tarc_tool result)
  if(TARC_TOOL)
    set(${result} "${TARC_TOOL}" PARENT_SCOPE)
    return()
  endif()
  foreach(tool IN ITEMS tarc_cli.program tarc_schema_tool) # the first is there in tarc's own build
    if(TARGET ${tool})
      set(${result} ${tool} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  get_property(folder GLOBAL PROPERTY tarc_tool_sources)
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp")
  if(NOT sources)
    message(FATAL_ERROR "tarc_schema: the sources of the command line are not in ${folder} -- set TARC_TOOL to a built `tarc`")
  endif()
  add_executable(tarc_schema_tool EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(tarc_schema_tool PRIVATE tarc::tarc)
  set_target_properties(tarc_schema_tool PROPERTIES OUTPUT_NAME tarc RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tarc_schema"
                                                    UNITY_BUILD ON)
  set(${result} tarc_schema_tool PARENT_SCOPE)
endfunction()

function(tarc_schema target name file)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "tarc_schema: there is no target ${target}")
  endif()
  cmake_path(ABSOLUTE_PATH file NORMALIZE)
  set(maker tarc_schema.${name})
  if(NOT TARGET ${maker})
    _tarc_tool(tool)
    set(folder "${CMAKE_CURRENT_BINARY_DIR}/tarc_schema")
    set(header "${folder}/${name}.schema.hpp")
    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
      OUTPUT "${header}"
      COMMAND ${tool} schema "${file}" --cpp ${name} -o "${header}"
      DEPENDS "${file}" ${tool}
      COMMENT "Schema of ${file}"
      VERBATIM)
    add_custom_target(${maker} DEPENDS "${header}")
    set_target_properties(${maker} PROPERTIES TARC_FILE "${file}" TARC_FOLDER "${folder}")
  endif()
  get_target_property(made_from ${maker} TARC_FILE)
  if(NOT made_from STREQUAL file)
    message(FATAL_ERROR "tarc_schema: ${name} is the schema of ${made_from} already, not of ${file}")
  endif()
  get_target_property(folder ${maker} TARC_FOLDER)
  add_dependencies(${target} ${maker})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    target_include_directories(${target} INTERFACE "$<BUILD_INTERFACE:${folder}>")
  else()
    target_include_directories(${target} PRIVATE "${folder}")
  endif()
endfunction()
