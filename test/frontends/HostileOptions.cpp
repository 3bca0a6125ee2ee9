// How the sanitizers check the readers of untrusted files.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

/// LLVM's libraries are not instrumented, so containers that both sides grow
/// have no known ends.
extern "C" const char *__asan_default_options() {
  return "detect_container_overflow=0";
}
