# SPDX-License-Identifier: Apache-2.0
# Guests for the machines of examples/kvm-host.  PTW_MACHINES says whether they
# can be built: their code is x86's, and so is the host.
set(PTW_MACHINES OFF)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux"
        AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$"
        AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    # GNU's linker and objcopy, whatever the compiler brings along.
    find_program(PTW_GUEST_LD NAMES ld.bfd ld)
    find_program(PTW_GUEST_OBJCOPY NAMES objcopy)
    if(PTW_GUEST_LD AND PTW_GUEST_OBJCOPY)
        set(PTW_MACHINES ON)
    endif()
endif()

# Guests are built for a machine without an operating system: none of the
# flags of the host, the sanitizers' least of all.
set(guest_flags -std=c11 -Os -g0 -ffreestanding -fno-pic -fno-pie
    -fno-stack-protector -fno-asynchronous-unwind-tables -fno-builtin
    -fcf-protection=none -fno-ident -mgeneral-regs-only
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wswitch-enum
    -Wmissing-prototypes -Wvla -Werror)
set(guest_cc_amd64 -m64 -mno-red-zone -mcmodel=kernel)
set(guest_cc_i686 -m32 -march=i686)
set(guest_ld_amd64 elf_x86_64)
set(guest_ld_i686 elf_i386)

# ptw_guest(NAME ARCH KERNEL_VA USER_VA SCRIPT OUT SOURCES...) builds a flat
# binary of the sources, linked by SCRIPT, and sets OUT to a C file that holds it
# as NAME.
function(ptw_guest name arch kernel_va user_va script out)
    set(objects)
    set(dir ${CMAKE_CURRENT_BINARY_DIR}/guest)
    file(MAKE_DIRECTORY ${dir})
    foreach(source IN LISTS ARGN)
        cmake_path(GET source STEM stem)
        set(object ${dir}/${name}_${stem}.o)
        add_custom_command(OUTPUT ${object}
            COMMAND ${CMAKE_C_COMPILER} ${guest_cc_${arch}} ${guest_flags}
                -DKERNEL_VA=${kernel_va} -DUSER_VA=${user_va}
                -I${PROJECT_SOURCE_DIR}/examples/kvm-host/guest
                -MD -MF ${object}.d -c ${source} -o ${object}
            DEPENDS ${source} DEPFILE ${object}.d VERBATIM)
        list(APPEND objects ${object})
    endforeach()
    add_custom_command(OUTPUT ${dir}/${name}.c
        COMMAND ${PTW_GUEST_LD} -m ${guest_ld_${arch}} -nostdlib -static
            -z noexecstack --no-warn-rwx-segments --build-id=none
            --defsym=KERNEL_VA=${kernel_va} --defsym=USER_VA=${user_va}
            -T ${script} -o ${dir}/${name}.elf ${objects}
        COMMAND ${PTW_GUEST_OBJCOPY} -O binary ${dir}/${name}.elf ${dir}/${name}.bin
        COMMAND ${CMAKE_COMMAND} -DIN=${dir}/${name}.bin
            -DOUT=${dir}/${name}.c -DNAME=${name}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${objects} ${script}
            ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        VERBATIM)
    set(${out} ${dir}/${name}.c PARENT_SCOPE)
endfunction()

# ptw_emulated_guest(NAME TRIPLE FLAGS RAM_BASE IMAGE_AT SOURCES...) builds a guest
# of tests/judge with the cross compiler of that triple, as a flat binary at
# IMAGE_AT, and sets NAME to a C file that holds it as NAME.  Without the
# compiler the file holds a guest of no bytes.
function(ptw_emulated_guest name triple flags ram_base image_at)
    set(dir ${CMAKE_CURRENT_BINARY_DIR}/guest)
    file(MAKE_DIRECTORY ${dir})
    set(${name} ${dir}/${name}.c PARENT_SCOPE)
    find_program(PTW_GUEST_CC_${triple} ${triple}-gcc)
    find_program(PTW_GUEST_OBJCOPY_${triple} ${triple}-objcopy)
    if(NOT PTW_GUEST_CC_${triple} OR NOT PTW_GUEST_OBJCOPY_${triple})
        message(STATUS "No ${triple}-gcc: ${name} judges nothing")
        file(WRITE ${dir}/${name}.c "#include <stddef.h>
#include <stdint.h>
extern const uint8_t ${name}[];
extern const size_t ${name}_bytes;
const uint8_t ${name}[] = {0};
const size_t ${name}_bytes = 0;
")
        return()
    endif()
    set(judge ${PROJECT_SOURCE_DIR}/tests/judge)
    separate_arguments(flags)
    set(plain ${guest_flags})
    list(REMOVE_ITEM plain -fcf-protection=none -mgeneral-regs-only)
    add_custom_command(OUTPUT ${dir}/${name}.c
        COMMAND ${PTW_GUEST_CC_${triple}} ${plain} ${flags}
            -DRAM_BASE=${ram_base}ul -I${judge} -nostdlib -static -Wl,--build-id=none
            -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments
            -Wl,--defsym=IMAGE_AT=${image_at} -T ${judge}/qemu_guest.ld
            -o ${dir}/${name}.elf ${ARGN}
        COMMAND ${PTW_GUEST_OBJCOPY_${triple}} -O binary
            ${dir}/${name}.elf ${dir}/${name}.bin
        COMMAND ${CMAKE_COMMAND} -DIN=${dir}/${name}.bin
            -DOUT=${dir}/${name}.c -DNAME=${name}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${ARGN} ${judge}/qemu_guest.ld ${judge}/qemu.h
            ${judge}/qemu_guest.h ${judge}/qemu_aarch64.h
            ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        VERBATIM)
endfunction()
