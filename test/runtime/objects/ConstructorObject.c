/* Code that expects to be called before it is asked for.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 */
static volatile int value;

__attribute__((constructor)) static void construct(void) { value = 7; }

int constructed_read(void) { return value; }
