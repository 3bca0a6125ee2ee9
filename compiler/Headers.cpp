// Gives the precompiled headers a target that owns them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
