// Walks LLVM's YAML tree along the schema.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Reader.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"
#include <algorithm>
#include <set>

namespace yaml = llvm::yaml;

namespace sennit::machine {

static constexpr size_t largestFile = 256 * 1024;
static constexpr int deepest = 16;

/// LLVM's parser recurses as deep as the text nests: depth is bounded before
/// it sees the text.
static bool nestsTooDeep(std::string_view text) {
  int flow = 0;
  int block = 0;
  bool isLineStart = true;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    flow += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    if (c == '\n') {
      isLineStart = true;
      block = 0;
    } else if (isLineStart && (c == '-' || c == '?')) {
      ++block;
    } else if (c != ' ') {
      isLineStart = false;
    }
    if (flow > deepest || block > deepest)
      return true;
  }
  return false;
}

namespace {
/// One document. Methods add problems and go on, so that one run shows all.
class Reading {
public:
  Reading(std::string_view text, const std::string &file,
          std::vector<Problem> &problems)
      : file(file), problems(problems) {
    sources.setDiagHandler(
        [](const llvm::SMDiagnostic &diagnostic, void *self) {
          static_cast<Reading *>(self)->complain(
              diagnostic.getLineNo(), "YAML: " + diagnostic.getMessage().str());
        },
        this);
    stream.emplace(llvm::StringRef(text.data(), text.size()), sources, false);
  }

  std::optional<Node> run(const Field &schema) {
    size_t before = problems.size();
    Node root;
    root.field = &schema;
    root.file = file;
    auto document = stream->begin();
    yaml::Node *top = document == stream->end() ? nullptr : document->getRoot();
    auto *mapping = llvm::dyn_cast_or_null<yaml::MappingNode>(top);
    if (mapping)
      readEntries(*mapping, root, 0);
    else if (problems.size() == before)
      complain(1, "is no mapping; it begins with `" +
                      std::string(schema.inner.front().name) + ": 1`");
    if (problems.size() == before && !stream->failed())
      if (++document != stream->end())
        complain(0, "holds several documents; one is expected");
    if (stream->failed() && problems.size() == before)
      complain(0, "is not YAML");
    if (problems.size() != before)
      return std::nullopt;
    return root;
  }

private:
  void complain(int line, std::string message) {
    problems.push_back({file, line, std::move(message)});
  }

  int getLine(yaml::Node &node) {
    return int(sources.getLineAndColumn(node.getSourceRange().Start).first);
  }

  /// A scalar's text; nothing after a complaint.
  std::optional<std::string> readScalar(yaml::Node *node, int line,
                                        const std::string &path) {
    auto *scalar = llvm::dyn_cast_or_null<yaml::ScalarNode>(node);
    if (!scalar || !scalar->getAnchor().empty()) {
      complain(line, "`" + path + "` is no single value");
      return std::nullopt;
    }
    llvm::SmallString<64> storage;
    llvm::StringRef text = scalar->getValue(storage);
    if (!llvm::all_of(text, [](char c) { return c >= ' ' && c != 0x7f; })) {
      complain(line, "`" + path +
                         "` holds a control character or a letter "
                         "that is not ASCII");
      return std::nullopt;
    }
    return text.str();
  }

  void readEntries(yaml::MappingNode &mapping, Node &parent, int depth) {
    for (yaml::KeyValueNode &entry : mapping) {
      yaml::Node *keyNode = entry.getKey();
      int line = keyNode ? getLine(*keyNode) : parent.line;
      auto key = readScalar(keyNode, line, getPath(parent, ""));
      if (!key || stream->failed())
        return;
      readEntry(*key, line, entry.getValue(), parent, depth);
      if (stream->failed())
        return;
    }
  }

  static std::string getPath(const Node &parent, const std::string &name) {
    return parent.name.empty() ? name : parent.name + "." + name;
  }

  void readEntry(const std::string &key, int line, yaml::Node *value,
                 Node &parent, int depth) {
    std::string path = getPath(parent, key);
    const Field *field = findField(key, line, path, *parent.field);
    if (field && parent.find(key)) {
      complain(line, "`" + path + "` is given twice");
      field = nullptr;
    }
    if (!field || depth >= deepest || !value) {
      if (value)
        value->skip();
      return;
    }
    Node node;
    node.field = field;
    node.file = file;
    node.line = line;
    if (isNone(*value)) {
      node.name = key;
      node.isRemoval = true;
      parent.children.push_back(std::move(node));
      return;
    }
    // Messages name a field with the group it stands in; trees hold its name.
    node.name =
        field->kind == FieldKind::group || field->kind == FieldKind::table
            ? path
            : key;
    readValue(value, node, path, depth);
    node.name = key;
    parent.children.push_back(std::move(node));
  }

  static bool isNone(yaml::Node &value) {
    auto *scalar = llvm::dyn_cast<yaml::ScalarNode>(&value);
    return scalar && scalar->getRawValue() == "none";
  }

  /// The field that `key` stands for in a group or a table.
  const Field *findField(const std::string &key, int line,
                         const std::string &path, const Field &parent) {
    std::vector<std::string_view> permitted(parent.words.begin(),
                                            parent.words.end());
    if (parent.kind == FieldKind::table) {
      bool isName = !key.empty() && llvm::all_of(key, [](char c) {
        return llvm::isAlnum(c) || c == '_';
      });
      if (permitted.empty() && isName)
        return &parent.inner.front();
      if (llvm::is_contained(permitted, std::string_view(key)))
        return &parent.inner.front();
      if (permitted.empty()) {
        complain(line, "`" + path + "` is no name of letters, digits and `_`");
        return nullptr;
      }
    } else {
      for (const Field &field : parent.inner) {
        if (field.name == key)
          return &field;
        permitted.push_back(field.name);
      }
    }
    std::string_view nearest = findNearest(key, permitted);
    std::string message = "`" + path + "` is unknown";
    if (!nearest.empty()) {
      message += "; is `" + std::string(nearest) + "` meant?";
    } else {
      message += "; there are";
      for (std::string_view name : permitted)
        message.append(" `").append(name).append("`");
    }
    complain(line, message);
    return nullptr;
  }

  void readValue(yaml::Node *value, Node &node, const std::string &path,
                 int depth) {
    switch (node.field->kind) {
    case FieldKind::group:
    case FieldKind::table:
      if (auto *mapping = llvm::dyn_cast<yaml::MappingNode>(value))
        readEntries(*mapping, node, depth + 1);
      else
        complain(node.line, "`" + path + "` is no mapping of fields");
      return;
    case FieldKind::list:
      readList(value, node, path);
      return;
    case FieldKind::text:
    case FieldKind::word:
      if (auto text = readScalar(value, node.line, path))
        setText(*text, node, path);
      return;
    case FieldKind::quantity:
      if (auto *mapping = llvm::dyn_cast<yaml::MappingNode>(value))
        readProvenance(*mapping, node, path);
      else if (auto text = readScalar(value, node.line, path))
        setText(*text, node, path);
    }
  }

  void setText(const std::string &text, Node &node, const std::string &path) {
    std::string reason;
    if (!fits(*node.field, text, reason)) {
      complain(node.line,
               "`" + path + "` " + (reason.empty() ? "is empty" : reason));
      return;
    }
    node.text =
        node.field->kind == FieldKind::quantity && !text.starts_with("= ")
            ? normalizeValue(text)
            : text;
  }

  void readList(yaml::Node *value, Node &node, const std::string &path) {
    auto *sequence = llvm::dyn_cast<yaml::SequenceNode>(value);
    if (!sequence) {
      complain(node.line, "`" + path + "` is no list");
      return;
    }
    for (yaml::Node &item : *sequence)
      if (auto text = readScalar(&item, getLine(item), path))
        node.items.push_back(*text);
  }

  /// `{value: .., status: .., source: ..}`.
  void readProvenance(yaml::MappingNode &mapping, Node &node,
                      const std::string &path) {
    static constexpr std::string_view keys[] = {"value", "status", "source"};
    std::set<std::string> given;
    for (yaml::KeyValueNode &entry : mapping) {
      yaml::Node *keyNode = entry.getKey();
      int line = keyNode ? getLine(*keyNode) : node.line;
      auto key = readScalar(keyNode, line, path);
      auto text = key ? readScalar(entry.getValue(), line, path + "." + *key)
                      : std::nullopt;
      if (!text)
        return;
      if (!given.insert(*key).second)
        complain(line, "`" + path + "." + *key + "` is given twice");
      if (*key == "value") {
        setText(*text, node, path);
      } else if (*key == "source") {
        node.source = *text;
      } else if (*key == "status") {
        readStatus(*text, line, node, path);
      } else {
        std::string_view nearest = findNearest(*key, keys);
        complain(line, "`" + path + "." + *key + "` is unknown; " +
                           (nearest.empty()
                                ? "there are `value` `status` `source`"
                                : "is `" + std::string(nearest) + "` meant?"));
      }
    }
    if (!given.count("value"))
      complain(node.line, "`" + path + "` has no `value`");
  }

  void readStatus(const std::string &text, int line, Node &node,
                  const std::string &path) {
    auto names = getStatusNames();
    auto found = std::find(names.begin(), names.end(), text);
    if (found != names.end()) {
      node.status = Status(found - names.begin());
      return;
    }
    complain(line, "`" + path + ".status` is `" + text +
                       "`, not one of `measured` `datasheet` `literature` "
                       "`assumed`");
  }

  const std::string &file;
  std::vector<Problem> &problems;
  llvm::SourceMgr sources;
  std::optional<yaml::Stream> stream;
};
} // namespace

std::optional<Node> readText(std::string_view text, const std::string &file,
                             std::vector<Problem> &problems,
                             const Field &schema) {
  if (text.size() > largestFile) {
    problems.push_back({file, 0,
                        "holds " + std::to_string(text.size()) +
                            " bytes; at most " + std::to_string(largestFile) +
                            " are read"});
    return std::nullopt;
  }
  if (nestsTooDeep(text)) {
    problems.push_back(
        {file, 0, "nests deeper than " + std::to_string(deepest) + " levels"});
    return std::nullopt;
  }
  return Reading(text, file, problems).run(schema);
}

} // namespace sennit::machine
