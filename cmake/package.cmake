# SPDX-License-Identifier: Apache-2.0
# Debian packages by CPack: scripts/package.  Each component of the installation
# is one: the shared library, what compiling against it needs, the command, and
# the Python module.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ptwalk)
set(CPACK_PACKAGE_CONTACT "The ptwalk authors <ptwalk@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENTS_ALL library development)

# package(COMPONENT NAME SECTION TITLE DEPENDS): the package of a component.
macro(package component name section title depends)
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
    set(CPACK_DEBIAN_${upper}_DESCRIPTION
        "${title}\n ptwalk walks, translates, edits and rebuilds page tables that somebody\n hostile wrote: those of x86, AArch64 and RISC-V guests, out of the memory of\n a virtual machine, a snapshot or a crash dump.")
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${depends}")
    install(FILES ${PROJECT_SOURCE_DIR}/cmake/copyright
        DESTINATION share/doc/${name} COMPONENT ${component})
endmacro()

set(library libptwalk${soname})
set(same "${library} (= ${PROJECT_VERSION})")
package(library ${library} libs "page tables that somebody hostile wrote: library" "")
package(development libptwalk-dev libdevel
    "page tables that somebody hostile wrote: headers" "${same}")
if(PTW_CLI)
    list(APPEND CPACK_COMPONENTS_ALL command)
    package(command ptwalk utils
        "page tables that somebody hostile wrote: command" "")
endif()
if(PTW_PYTHON)
    list(APPEND CPACK_COMPONENTS_ALL python)
    package(python python3-ptwalk python
        "page tables that somebody hostile wrote: Python module"
        "${same}, python3, python3-cffi")
    set(CPACK_DEBIAN_PYTHON_PACKAGE_ARCHITECTURE all)
endif()
include(CPack)
