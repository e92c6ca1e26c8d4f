# SPDX-License-Identifier: Apache-2.0
# What is installed beside the command (src/cli), and where.
include(CMakePackageConfigHelpers)

foreach(library ${libraries})
    target_include_directories(${library}
        PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
install(TARGETS ${libraries} EXPORT ptwalk-targets
    LIBRARY COMPONENT library NAMELINK_COMPONENT development
    ARCHIVE COMPONENT development)
install(DIRECTORY include/ptwalk DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT development)

# ---- for find_package -----------------------------------------------------
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ptwalk)
install(EXPORT ptwalk-targets NAMESPACE ptwalk:: DESTINATION ${package_dir}
    COMPONENT development)
configure_package_config_file(cmake/ptwalk-config.cmake.in ptwalk-config.cmake
    INSTALL_DESTINATION ${package_dir})
# docs/abi.md
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatible SameMinorVersion)
else()
    set(compatible SameMajorVersion)
endif()
write_basic_package_version_file(ptwalk-config-version.cmake
    COMPATIBILITY ${compatible})
install(FILES
    ${PROJECT_BINARY_DIR}/ptwalk-config.cmake
    ${PROJECT_BINARY_DIR}/ptwalk-config-version.cmake
    DESTINATION ${package_dir} COMPONENT development)

# ---- for pkg-config -------------------------------------------------------
# All paths start where the file itself lies, so that the installation can be
# moved; directories that do not lie below the prefix keep their place.
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH up "/prefix/${pc_dir}" "/prefix")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(dir INCLUDEDIR LIBDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
        set(pc_${dir} "${CMAKE_INSTALL_${dir}}")
    else()
        set(pc_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
endforeach()
configure_file(cmake/ptwalk.pc.in ptwalk.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ptwalk.pc DESTINATION ${pc_dir}
    COMPONENT development)

# ---- for people -----------------------------------------------------------
install(FILES README.md CHANGELOG.md SECURITY.md LICENSE
    DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs
    COMPONENT development FILES_MATCHING PATTERN "*.md"
    PATTERN reference EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR}
    COMPONENT development)

# ---- for Python -----------------------------------------------------------
# The module reads what the headers declare; the library is the shared one.
if(PTW_PYTHON)
    find_program(PTW_AMALGAMATE_PYTHON python3 REQUIRED)
    set(declarations ${PROJECT_BINARY_DIR}/declarations.h)
    file(GLOB headers CONFIGURE_DEPENDS include/ptwalk/*.h)
    add_custom_command(OUTPUT ${declarations}
        COMMAND ${PTW_AMALGAMATE_PYTHON}
            ${PROJECT_SOURCE_DIR}/scripts/amalgamate --declarations
            > ${declarations}
        DEPENDS ${headers} scripts/amalgamate scripts/script_arguments.py
        VERBATIM)
    add_custom_target(ptwalk_declarations ALL DEPENDS ${declarations})
    install(FILES python/ptwalk/__init__.py ${declarations}
        DESTINATION ${PTW_PYTHON_DIR}/ptwalk COMPONENT python)
endif()
