# Prints LIBRARY's stripped size; fails past LIMIT bytes or for a foreign export.
# Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
get_filename_component(name ${LIBRARY} NAME)

set(stripped ${LIBRARY}.stripped)
execute_process(COMMAND ${STRIP} -o ${stripped} ${LIBRARY} COMMAND_ERROR_IS_FATAL ANY)
file(SIZE ${stripped} bytes)
file(REMOVE ${stripped})
if(bytes GREATER LIMIT)
  message(FATAL_ERROR "${name} has ${bytes} bytes stripped, more than ${LIMIT}")
endif()

execute_process(COMMAND ${NM} --dynamic --defined-only --format=posix ${LIBRARY}
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "(^|\n)sennit_[^\n]*" "" foreign "${symbols}")
string(STRIP "${foreign}" foreign)
if(foreign)
  message(FATAL_ERROR "${name} exports more than sennit_*: ${foreign}")
endif()
message("${name}: ${bytes} bytes stripped, of ${LIMIT} permitted")
