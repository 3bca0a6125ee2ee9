// Loads passes from shared libraries that were built against this Sennit.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_PLUGINS_H
#define SENNIT_COMPILER_PLUGINS_H

namespace sennit {

/// Takes every `--load-pass-plugin=FILE` (or `--load-pass-plugin FILE`) out of
/// |argv|, loads the files and registers their passes. Returns 0, or 2 after
/// one line on standard error that names the file and the reason: it is
/// missing, no shared library, or built for another ABI. The ABI is read from
/// the file before anything in it runs.
int loadPassPlugins(int &argc, char **argv);

} // namespace sennit

#endif // SENNIT_COMPILER_PLUGINS_H
