/* Code that needs what no object and no runtime provides.
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
 */
extern float expf(float x);

float undefined_call(float x) { return expf(x) + 1; }
