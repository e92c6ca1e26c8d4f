# SPDX-License-Identifier: Apache-2.0
# The naive walker, and a format a regime: for the tests and for the fuzz targets.
set(PTW_ORACLE)
foreach(file format walk aarch64 amd64 bare i686 pae riscv x86)
    list(APPEND PTW_ORACLE ${CMAKE_CURRENT_LIST_DIR}/${file}.c)
endforeach()
