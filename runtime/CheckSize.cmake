# Prints the stripped size of LIBRARY, and fails where it exceeds LIMIT bytes.
# Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
set(stripped ${LIBRARY}.stripped)
execute_process(COMMAND ${STRIP} -o ${stripped} ${LIBRARY} COMMAND_ERROR_IS_FATAL ANY)
file(SIZE ${stripped} bytes)
file(REMOVE ${stripped})
get_filename_component(name ${LIBRARY} NAME)
if(bytes GREATER LIMIT)
  message(FATAL_ERROR "${name} has ${bytes} bytes stripped, more than ${LIMIT}")
endif()
message("${name}: ${bytes} bytes stripped, of ${LIMIT} permitted")
