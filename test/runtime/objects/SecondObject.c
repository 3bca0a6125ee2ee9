/* What FirstObject.c reaches for: functions, data, a table that points back.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 */
extern int first_multiply(int a, int b);

int second_value = 40;
int second_add(int a, int b) { return a + b; }
int (*const second_table[2])(int, int) = {second_add, first_multiply};

/* Strong, where the other object's is weak. */
int first_shared(void) { return 2; }
