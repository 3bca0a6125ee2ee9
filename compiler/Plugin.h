// What a plugin of passes exports, by one macro: its ABI and its passes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_PLUGIN_H
#define SENNIT_COMPILER_PLUGIN_H

#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

#ifndef SENNIT_VERSION
#error "SENNIT_VERSION is not set: build the plugin by add_sennit_plugin"
#endif

#define SENNIT_PLUGIN_TEXT(x) #x
#define SENNIT_PLUGIN_VERSION(major, minor)                                    \
  SENNIT_PLUGIN_TEXT(major) "." SENNIT_PLUGIN_TEXT(minor)

/// What must be equal in a plugin and in the tool that loads it: both share C++
/// classes of Sennit and of LLVM, whose layouts change between versions.
#define SENNIT_PLUGIN_ABI                                                      \
  "sennit " SENNIT_VERSION                                                     \
  " llvm " SENNIT_PLUGIN_VERSION(LLVM_VERSION_MAJOR, LLVM_VERSION_MINOR)

/// Stands once in a plugin. |name| is a string; |registerPasses| a function
/// without arguments that registers the plugin's passes.
#define SENNIT_PLUGIN(name, registerPasses)                                    \
  extern "C" {                                                                 \
  LLVM_ATTRIBUTE_VISIBILITY_DEFAULT extern const char sennitPluginAbi[];       \
  const char sennitPluginAbi[] = SENNIT_PLUGIN_ABI;                            \
  LLVM_ATTRIBUTE_VISIBILITY_DEFAULT ::mlir::PassPluginLibraryInfo              \
  mlirGetPassPluginInfo() {                                                    \
    return {MLIR_PLUGIN_API_VERSION, name, SENNIT_VERSION, registerPasses};    \
  }                                                                            \
  }

#endif // SENNIT_COMPILER_PLUGIN_H
