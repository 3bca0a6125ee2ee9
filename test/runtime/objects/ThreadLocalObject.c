/* Data of a kind that generated code must not have: one copy a thread.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 */
_Thread_local int thread_local_value = 3;

int thread_local_read(void) { return thread_local_value; }
