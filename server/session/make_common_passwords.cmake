# make_common_passwords.cmake - cmake -DIN=common_passwords.txt -DOUT=common_passwords.c -P make_common_passwords.cmake
#
# A sorted table in C of the lines that are not empty and no comment. Entries have no quote, backslash, semicolon or bracket.
cmake_policy(SET CMP0007 NEW) # lists keep their empty lines until they are filtered
file(STRINGS ${IN} lines ENCODING UTF-8)
list(FILTER lines EXCLUDE REGEX "^(#.*)?$")
list(SORT lines COMPARE STRING)
list(REMOVE_DUPLICATES lines)
list(JOIN lines "\",\n    \"" rows)
file(WRITE ${OUT} "/* Made from common_passwords.txt. */
#include \"server/session/common_passwords.h\"

const char *const common_passwords[] = {
    \"${rows}\",
};

const size_t common_passwords_count = sizeof common_passwords / sizeof common_passwords[0];
")
