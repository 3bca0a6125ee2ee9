// Reads files with what they extend, and knows where shipped ones lie.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Library.h"

#include "compiler/machine/Reader.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <algorithm>

namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

namespace sennit::machine {

/// Files that may extend one another.
static constexpr int longestChain = 8;

/// `share/sennit/machines` beside the folder of the program, in the build tree
/// as where it is installed.
static std::string getShippedFolder() {
  static int anchor = 0;
  llvm::SmallString<256> folder(fs::getMainExecutable("", &anchor));
  path::remove_filename(folder);
  path::remove_filename(folder);
  path::append(folder, "share", "sennit", "machines");
  return folder.str().str();
}

std::vector<std::string> getShippedMachines() {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(getShippedFolder(), error), end;
       !error && it != end; it.increment(error))
    if (path::extension(it->path()) == ".yaml")
      names.push_back(path::stem(it->path()).str());
  std::sort(names.begin(), names.end());
  return names;
}

static std::string getShippedPath(const std::string &name) {
  llvm::SmallString<256> file(getShippedFolder());
  path::append(file, name + ".yaml");
  return file.str().str();
}

/// The path of a machine that the file at `from` names; empty, after a
/// problem, where there is none.
static std::string findFile(const std::string &name, const std::string &from,
                            int line, std::vector<Problem> &problems) {
  if (llvm::StringRef(name).ends_with(".yaml")) {
    llvm::SmallString<256> beside(path::parent_path(from));
    path::append(beside, name);
    std::string file =
        path::is_absolute(name) || from.empty() ? name : beside.str().str();
    if (fs::exists(file))
      return file;
    problems.push_back({from.empty() ? name : from, line,
                        from.empty() ? "does not exist"
                                     : "`extends` names `" + name +
                                           "`, which does not exist"});
    return "";
  }
  std::vector<std::string> shipped = getShippedMachines();
  if (std::find(shipped.begin(), shipped.end(), name) != shipped.end())
    return getShippedPath(name);
  std::vector<std::string_view> known(shipped.begin(), shipped.end());
  std::string_view nearest = findNearest(name, known);
  std::string message = "no machine is called `" + name + "`";
  if (!nearest.empty())
    message += "; is `" + std::string(nearest) + "` meant?";
  else
    message += "; give one of `sennit targets list`, or a path that ends in "
               "`.yaml`";
  problems.push_back({from, line, message});
  return "";
}

/// Lays `over` on `base`.
void overlay(Node &base, Node over) {
  for (Node &child : over.children) {
    Node *below = base.find(child.name);
    if (below && child.isRemoval) {
      base.children.erase(base.children.begin() +
                          (below - base.children.data()));
      continue;
    }
    if (!below) {
      base.children.push_back(std::move(child));
      continue;
    }
    switch (child.field->kind) {
    case FieldKind::group:
    case FieldKind::table:
      below->file = child.file;
      below->line = child.line;
      overlay(*below, std::move(child));
      break;
    case FieldKind::list:
      below->file = child.file;
      below->line = child.line;
      for (std::string &item : child.items)
        if (std::find(below->items.begin(), below->items.end(), item) ==
            below->items.end())
          below->items.push_back(std::move(item));
      break;
    default:
      *below = std::move(child);
    }
  }
}

static std::optional<Node> readChain(const std::string &file, int depth,
                                     std::vector<Problem> &problems) {
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer) {
    problems.push_back({file, 0, buffer.getError().message()});
    return std::nullopt;
  }
  llvm::StringRef text = (*buffer)->getBuffer();
  auto root =
      readText(std::string_view(text.data(), text.size()), file, problems);
  const Node *extends = root ? root->find("extends") : nullptr;
  if (!extends)
    return root;
  if (depth == longestChain) {
    problems.push_back({file, extends->line,
                        "`extends` leads through more than " +
                            std::to_string(longestChain) + " files"});
    return std::nullopt;
  }
  std::string below = findFile(extends->text, file, extends->line, problems);
  if (below.empty())
    return std::nullopt;
  auto base = readChain(below, depth + 1, problems);
  if (!base)
    return base;
  std::erase_if(root->children,
                [](const Node &child) { return child.name == "extends"; });
  overlay(*base, std::move(*root));
  base->file = file;
  return base;
}

static void checkNode(const Node &node, const Node *sources,
                      const std::string &path, std::vector<Problem> &problems) {
  auto complain = [&](std::string message) {
    problems.push_back({node.file, node.line, std::move(message)});
  };
  if (node.isRemoval) {
    complain("`" + path + "` takes away what no extended machine has");
    return;
  }
  if (node.field->kind == FieldKind::group)
    for (const Field &field : node.field->inner)
      if (field.isRequired && !node.find(field.name)) {
        std::string_view expected = describe(field.measure);
        complain((path.empty() ? "the machine" : "`" + path + "`") +
                 " has no `" + std::string(field.name) + "`" +
                 (field.kind == FieldKind::quantity
                      ? "; " + std::string(expected) + " is expected"
                      : ""));
      }
  if (!node.source.empty() && (!sources || !sources->find(node.source)))
    complain("`" + path + "` names the source `" + node.source +
             "`, which `sources` does not have");
  for (const Node &child : node.children)
    checkNode(child, sources,
              path.empty() ? child.name : path + "." + child.name, problems);
}

bool checkComplete(const Node &root, std::vector<Problem> &problems) {
  size_t before = problems.size();
  checkNode(root, root.find("sources"), "", problems);
  return problems.size() == before;
}

std::optional<Node> readMachine(const std::string &nameOrPath,
                                std::vector<Problem> &problems) {
  std::string file = findFile(nameOrPath, "", 0, problems);
  if (file.empty())
    return std::nullopt;
  auto root = readChain(file, 0, problems);
  if (!root || !checkComplete(*root, problems))
    return std::nullopt;
  return root;
}

std::optional<Node> readMachineOf(const std::string &target,
                                  const std::string &level,
                                  std::vector<Problem> &problems) {
  for (const std::string &name : getShippedMachines()) {
    auto root = readMachine(name, problems);
    if (!root)
      return std::nullopt;
    const Node *runs = root->find("runs");
    if (runs && runs->find("target")->text == target &&
        runs->find("level")->text == level)
      return root;
  }
  problems.push_back(
      {"", 0,
       "no shipped machine runs code for `" + target + ":" + level + "`"});
  return std::nullopt;
}

} // namespace sennit::machine
