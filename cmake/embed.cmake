# SPDX-License-Identifier: Apache-2.0
# Writes the bytes of a file as a C array: cmake -DIN= -DOUT= -DNAME= -P this.
file(READ "${IN}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUT}" "#include <stddef.h>
#include <stdint.h>
extern const uint8_t ${NAME}[];
extern const size_t ${NAME}_bytes;
const uint8_t ${NAME}[] = {${bytes}};
const size_t ${NAME}_bytes = sizeof ${NAME};
")
