// Writes calibrations, and lays them over the machine that they were made for.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Calibration.h"

#include "compiler/machine/Library.h"
#include "compiler/machine/Reader.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"
#include <algorithm>

namespace sennit::machine {

/// The name that measured fields bear until all others are gone, and then as
/// their source.
static constexpr const char *sourceName = "calibration";

std::string hashMachine(const Node &root) {
  std::string text = print(root);
  llvm::SHA256 hash;
  hash.update(llvm::StringRef(text));
  auto digest = hash.final();
  return llvm::toHex(llvm::ArrayRef<uint8_t>(digest), /*LowerCase=*/true);
}

/// Removes all but measured quantities, and what is empty then.
static bool prune(Node &node) {
  if (node.field->kind != FieldKind::group &&
      node.field->kind != FieldKind::table)
    return node.source == sourceName;
  std::erase_if(node.children, [](Node &child) { return !prune(child); });
  return !node.children.empty();
}

/// Calls `visit` for all quantities.
template <typename VisitT>
static void forEachQuantity(Node &node, VisitT visit) {
  if (node.field->kind == FieldKind::quantity)
    visit(node);
  for (Node &child : node.children)
    forEachQuantity(child, visit);
}

static const Field &getField(std::string_view name) {
  auto fields = getCalibrationSchema().inner;
  return *std::find_if(fields.begin(), fields.end(),
                       [&](const Field &f) { return f.name == name; });
}

std::optional<std::string>
printCalibration(const Node &root, const CalibrationHead &head,
                 const std::vector<Measurement> &measurements,
                 std::string &reason) {
  Node measured = root;
  for (const Measurement &measurement : measurements) {
    if (!setField(measured, measurement.path, measurement.value, reason))
      return std::nullopt;
    auto *field =
        const_cast<Node *>(findField(measured, measurement.path, reason));
    field->status = Status::measured;
    field->source = sourceName;
  }
  prune(measured);
  forEachQuantity(measured, [](Node &node) { node.source.clear(); });
  Node file;
  file.field = &getCalibrationSchema();
  std::pair<const char *, std::string> entries[] = {
      {"sennit_calibration", "1"}, {"machine", root.find("name")->text},
      {"hash", hashMachine(root)}, {"processor", head.processor},
      {"date", head.date},         {"command", head.command}};
  for (auto &[name, text] : entries) {
    Node entry;
    entry.name = name;
    entry.field = &getField(name);
    entry.text = text;
    file.children.push_back(std::move(entry));
  }
  for (Node &child : measured.children)
    file.children.push_back(std::move(child));
  return print(file);
}

/// Whether a calibration's head is that of the machine.
static bool isOf(const Node &file, const Node &root,
                 std::vector<Problem> &problems) {
  const Node *machine = file.find("machine"), *hash = file.find("hash");
  const std::string &name = root.find("name")->text;
  auto refuse = [&](const Node *node, std::string message) {
    problems.push_back({node->file, node->line, std::move(message)});
    return false;
  };
  if (machine->text != name)
    return refuse(machine, "calibrates `" + machine->text +
                               "`, and the machine is `" + name + "`");
  if (hash->text != hashMachine(root))
    return refuse(hash, "calibrates another text of `" + name + "`, of hash " +
                            hash->text.substr(0, 12) + "; this one has " +
                            hashMachine(root).substr(0, 12) +
                            ": calibrate again");
  return true;
}

bool calibrate(Node &root, const std::string &path,
               std::vector<Problem> &problems) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer) {
    problems.push_back({path, 0, buffer.getError().message()});
    return false;
  }
  llvm::StringRef text = (*buffer)->getBuffer();
  auto file = readText(std::string_view(text.data(), text.size()), path,
                       problems, getCalibrationSchema());
  if (!file)
    return false;
  for (const Field &field : getCalibrationSchema().inner)
    if (field.isRequired && !file->find(field.name))
      problems.push_back({path, 1,
                          "has no `" + std::string(field.name) +
                              "`; `sennit targets calibrate` writes it"});
  if (!problems.empty() || !isOf(*file, root, problems))
    return false;
  std::string said = file->find("command")->text + ", " +
                     file->find("date")->text + ", on " +
                     file->find("processor")->text;
  std::erase_if(file->children, [](const Node &child) {
    return child.field->kind != FieldKind::group &&
           child.field->kind != FieldKind::table;
  });
  forEachQuantity(*file, [](Node &node) { node.source = sourceName; });
  Node source;
  source.name = sourceName;
  source.text = said;
  source.file = path;
  for (const Field &field : getSchema().inner)
    if (field.name == "sources") {
      source.field = &field.inner.front();
      Node sources;
      sources.name = field.name;
      sources.field = &field;
      sources.children.push_back(std::move(source));
      file->children.push_back(std::move(sources));
    }
  overlay(root, std::move(*file));
  return checkComplete(root, problems);
}

} // namespace sennit::machine
