/* Reaches into SecondObject.c in every way that code does, and back.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 */
#include <string.h>

/* Calls (PLT32), data through the table of addresses (REX_GOTPCRELX). */
extern int second_add(int a, int b);
extern int second_value;
extern int (*const second_table[2])(int, int);

/* Addresses in data (64), constants (PC32), zeroed data (PC32 to .bss). */
static const char *const words[] = {"query", "key", "value"};
int *first_pointer = &second_value;
static int counter;
int first_zeros[1000];

int first_multiply(int a, int b) { return a * b; }

__attribute__((weak)) int first_shared(void) { return 1; }

int first_call(void) { return second_add(second_value, 2); }
int first_table(int i) { return second_table[i](6, 7); }
char first_word(int i, int j) { return words[i][j]; }
int first_write(void) { return *first_pointer += 1; }
int first_count(void) { return ++counter; }
int first_zero(int i) { return first_zeros[i]; }

/* The compiler turns these into calls of what the runtime provides. */
int first_copy(char *to, const char *from, unsigned long n) {
  memcpy(to, from, n);
  memmove(to + 1, to, n - 1);
  memset(to, 'z', 1);
  return to[n - 1];
}
void *(*first_memcpy(void))(void *, const void *, unsigned long) {
  return memcpy;
}
int first_get_shared(void) { return first_shared(); }
