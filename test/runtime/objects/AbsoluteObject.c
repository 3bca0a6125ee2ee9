/* Code that names its data by absolute 32-bit addresses (32, 32S).
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 */
int absolute_values[4] = {3, 5, 7, 11};

int absolute_read(long i) { return absolute_values[i]; }
int *absolute_address(void) { return absolute_values; }
