# SPDX-License-Identifier: Apache-2.0
# Own code that reads formats of containers, for the command, the tests and the
# fuzz targets: it depends on no library.
set(PTW_FORMATS
    child.c color.c dump.c elf_core.c facts.c flattened.c kdump_extent.c kdump_header.c layout.c lime.c
    lines.c manifest.c notes.c numbers.c plain.c
    reader.c report.c root_list.c spool.c vmware.c windows.c)
list(TRANSFORM PTW_FORMATS PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
