// Loads passes from shared libraries that were built against this Sennit.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/Plugins.h"

#include "compiler/Plugin.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>

using namespace llvm;

static Error refuse(const Twine &reason) {
  return createStringError(inconvertibleErrorCode(), reason);
}

/// The text of `sennitPluginAbi` in the ELF file |path|, or none when the file
/// does not export it. Loading would already run the plugin's constructors,
/// against classes that may have another layout.
static Expected<std::optional<std::string>> readPluginAbi(StringRef path) {
  auto binary = object::ObjectFile::createObjectFile(path);
  if (!binary) {
    consumeError(binary.takeError());
    return refuse("not a shared library");
  }
  auto *library = dyn_cast<object::ELFObjectFileBase>(binary->getBinary());
  if (!library)
    return refuse("not a shared library of this system");
  for (object::ELFSymbolRef symbol : library->getDynamicSymbolIterators()) {
    auto name = symbol.getName();
    if (!name)
      return name.takeError();
    if (*name != "sennitPluginAbi")
      continue;
    auto section = symbol.getSection();
    if (!section)
      return section.takeError();
    if (*section == library->section_end())
      break;
    auto contents = (*section)->getContents();
    auto address = symbol.getAddress();
    if (!contents || !address)
      return joinErrors(contents.takeError(), address.takeError());
    StringRef text = contents->substr(*address - (*section)->getAddress());
    return text.substr(0, text.find('\0')).str();
  }
  return std::nullopt;
}

static Error loadPassPlugin(StringRef path) {
  if (path.empty())
    return refuse("no file is named");
  // The loader would search a bare name elsewhere than in this folder.
  SmallString<128> file(path);
  if (std::error_code error = sys::fs::make_absolute(file))
    return errorCodeToError(error);
  if (!sys::fs::exists(file))
    return refuse("no such file");
  auto abi = readPluginAbi(file);
  if (!abi)
    return abi.takeError();
  if (!*abi)
    return refuse("does not say which Sennit it is for; build it by "
                  "add_sennit_plugin");
  if (**abi != SENNIT_PLUGIN_ABI)
    return refuse("built for `" + **abi +
                  "`, but this is `" SENNIT_PLUGIN_ABI "`; rebuild it");
  auto plugin = mlir::PassPlugin::load(file.str().str());
  if (!plugin)
    return plugin.takeError();
  plugin->registerPassRegistryCallbacks();
  return Error::success();
}

int sennit::loadPassPlugins(int &argc, char **argv) {
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    StringRef argument = argv[i];
    bool isOption = argument.consume_front("--load-pass-plugin") ||
                    argument.consume_front("-load-pass-plugin");
    bool takesNext = isOption && argument.empty();
    if (!isOption || !(takesNext || argument.consume_front("="))) {
      argv[kept++] = argv[i];
      continue;
    }
    StringRef path = argument;
    if (takesNext)
      path = i + 1 < argc ? argv[++i] : "";
    if (Error error = loadPassPlugin(path)) {
      errs() << sys::path::filename(argv[0]) << ": error: plugin `" << path
             << "`: " << toString(std::move(error)) << "\n";
      return 2;
    }
  }
  argv[kept] = nullptr;
  argc = kept;
  return 0;
}
