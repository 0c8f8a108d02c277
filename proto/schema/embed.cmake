# cmake -DFROM=FILE -DTO=FILE -P embed.cmake: the bytes of a file, as a C array's initialiser.
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
file(WRITE ${TO} "${bytes}\n")
