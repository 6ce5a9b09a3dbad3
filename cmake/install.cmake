include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# Headers only, so the package lives below share/ and serves every architecture.
set(tarc_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/tarc")

install(TARGETS tarc EXPORT tarcTargets FILE_SET HEADERS)
install(EXPORT tarcTargets NAMESPACE tarc:: DESTINATION "${tarc_package_dir}")
# A file of its own, which only those who ask for the component read.
install(TARGETS tarc_cuda EXPORT tarcCudaTargets FILE_SET HEADERS)
install(EXPORT tarcCudaTargets NAMESPACE tarc:: DESTINATION "${tarc_package_dir}")
if(TARGET tarc::zstd)
  install(TARGETS tarc_zstd EXPORT tarcZstdTargets FILE_SET HEADERS)
  install(EXPORT tarcZstdTargets NAMESPACE tarc:: DESTINATION "${tarc_package_dir}")
endif()
install(FILES cmake/FindBoostHeaders.cmake cmake/Findlibdeflate.cmake cmake/FindxxHash.cmake cmake/Findzstd.cmake
              cmake/tarc_schema.cmake DESTINATION "${tarc_package_dir}")
# As sources, which tarc_schema() builds: a program would tie the package to one architecture.
install(DIRECTORY examples/cli/ DESTINATION "${tarc_package_dir}/cli" FILES_MATCHING PATTERN "*.[ch]pp")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file(cmake/tarcConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/cmake/tarcConfig.cmake"
                              INSTALL_DESTINATION "${tarc_package_dir}")

# Before 1.0 a minor version may change the interface.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(compatibility SameMinorVersion)
else()
  set(compatibility SameMajorVersion)
endif()
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/cmake/tarcConfigVersion.cmake" ARCH_INDEPENDENT
                                 COMPATIBILITY ${compatibility})
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/cmake/tarcConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/cmake/tarcConfigVersion.cmake" DESTINATION "${tarc_package_dir}")
