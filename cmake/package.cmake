# SPDX-License-Identifier: Apache-2.0
# Debian packages by CPack: scripts/package.  Each component of the installation
# is one: the shared library, what compiling against it needs, the command, and
# the Python module.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ptwalk)
# Whoever publishes packages says who they are: -DPTW_MAINTAINER='NAME <ADDRESS>'.
set(PTW_MAINTAINER "The ptwalk authors <ptwalk@localhost>" CACHE STRING
    "Maintainer of the Debian packages")
set(CPACK_PACKAGE_CONTACT "${PTW_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENTS_ALL library development)

# compressed(SOURCE NAME): that file, as Debian Policy 12.1 and 12.7 want it, the same
# whenever it is built; its path is in the variable NAME.
function(compressed source name)
    get_filename_component(file ${source} NAME)
    set(out ${PROJECT_BINARY_DIR}/compressed/${file}.gz)
    add_custom_command(OUTPUT ${out}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/compressed
        COMMAND gzip -9n < ${source} > ${out} DEPENDS ${source} VERBATIM)
    add_custom_target(ptwalk_compressed_${name} ALL DEPENDS ${out})
    set(${name} ${out} PARENT_SCOPE)
endfunction()
configure_file(cmake/changelog.in changelog @ONLY)
compressed(${PROJECT_BINARY_DIR}/changelog changelog)
compressed(${PROJECT_SOURCE_DIR}/docs/ptwalk.1 manual)

# package(COMPONENT NAME SECTION TITLE DEPENDS): the package of a component.
macro(package component name section title depends)
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
    set(CPACK_DEBIAN_${upper}_DESCRIPTION
        "${title}\n ptwalk walks, translates, edits and rebuilds page tables that somebody\n hostile wrote: those of x86, AArch64 and RISC-V guests, out of the memory of\n a virtual machine, a snapshot or a crash dump.")
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${depends}")
    install(FILES ${PROJECT_SOURCE_DIR}/cmake/copyright ${changelog}
        DESTINATION share/doc/${name} COMPONENT ${component})
endmacro()

# Policy 8.1 and 8.6: the cache of ldconfig is a trigger's, and others' packages
# find in shlibs which one the SONAME is in.
set(control ${PROJECT_BINARY_DIR}/control)
file(WRITE ${control}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${control}/triggers)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY "=")

set(library libptwalk${soname})
set(same "${library} (= ${PROJECT_VERSION})")
package(library ${library} libs "page tables that somebody hostile wrote: library" "")
package(development libptwalk-dev libdevel
    "page tables that somebody hostile wrote: headers" "${same}")
if(PTW_CLI)
    list(APPEND CPACK_COMPONENTS_ALL command)
    package(command ptwalk utils
        "page tables that somebody hostile wrote: command" "")
    install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT command)
endif()
if(PTW_PYTHON)
    list(APPEND CPACK_COMPONENTS_ALL python)
    package(python python3-ptwalk python
        "page tables that somebody hostile wrote: Python module"
        "${same}, python3, python3-cffi")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_ARCHITECTURE all)
endif()
include(CPack)
