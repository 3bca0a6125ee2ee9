// Reads and prints the YAML of schedules.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/Schedule.h"

#include "compiler/Compile.h"
#include "compiler/machine/Reader.h"
#include "compiler/machine/Units.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using sennit::machine::Field;
using sennit::machine::FieldKind;
using sennit::machine::Measure;

namespace sennit {

static const Field &getScheduleSchema() {
  static constexpr std::string_view versions[] = {"1"};
  static constexpr Field sizes[] = {
      {"m", FieldKind::quantity, Measure::count},
      {"n", FieldKind::quantity, Measure::count},
      {"k", FieldKind::quantity, Measure::count},
      {"span", FieldKind::quantity, Measure::count},
      {"rows", FieldKind::quantity, Measure::count},
      {"block", FieldKind::quantity, Measure::count},
      {"tokens", FieldKind::quantity, Measure::count}};
  static constexpr Field choices[] = {
      {"", FieldKind::group, Measure::any, sizes}};
  static constexpr Field root[] = {
      {"sennit_schedule", FieldKind::word, Measure::any, {}, versions, true},
      {"choices", FieldKind::table, Measure::any, choices, {}, true}};
  static constexpr Field schema = {"", FieldKind::group, Measure::any, root};
  return schema;
}

/// The sizes of one choice, and where the file has them.
static DictionaryAttr readChoice(const machine::Node &choice, Builder &b,
                                 std::vector<machine::Problem> &problems) {
  SmallVector<NamedAttribute> sizes{b.getNamedAttr(
      "at", FileLineColLoc::get(b.getContext(), choice.file, choice.line, 1))};
  for (const machine::Node &size : choice.children) {
    auto value = machine::parseValue(size.text);
    if (!value || value->number < 1 ||
        value->number != double(int64_t(value->number)))
      problems.push_back({size.file, size.line,
                          "`" + size.name + "` is `" + size.text +
                              "`; a whole number from 1 on is expected"});
    else
      sizes.push_back(
          b.getNamedAttr(size.name, b.getI64IntegerAttr(value->number)));
  }
  return b.getDictionaryAttr(sizes);
}

llvm::Expected<DictionaryAttr> readSchedule(StringRef path,
                                            MLIRContext &context) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::make_error<CompileError>(
        (path + ": " + buffer.getError().message()).str(), 3);
  StringRef text = (*buffer)->getBuffer();
  std::vector<machine::Problem> problems;
  auto file = machine::readText(std::string_view(text.data(), text.size()),
                                path.str(), problems, getScheduleSchema());
  Builder b(&context);
  SmallVector<NamedAttribute> choices;
  for (const char *required : {"sennit_schedule", "choices"})
    if (file && !file->find(required))
      problems.push_back(
          {path.str(), 1, "has no `" + std::string(required) + "`"});
  if (file && problems.empty())
    for (const machine::Node &choice : file->find("choices")->children)
      choices.push_back(
          b.getNamedAttr(choice.name, readChoice(choice, b, problems)));
  if (problems.empty())
    return b.getDictionaryAttr(choices);
  std::vector<std::string> lines;
  for (const machine::Problem &problem : problems)
    lines.push_back(format(problem));
  return llvm::make_error<CompileError>(llvm::join(lines, "\n"), 2);
}

static std::string printSizes(DictionaryAttr sizes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(sizes, os, [&](NamedAttribute size) {
    os << size.getName().getValue() << ": "
       << cast<IntegerAttr>(size.getValue()).getInt();
  });
  return text;
}

std::vector<Choice> readChoices(DictionaryAttr chosen) {
  std::vector<Choice> choices;
  for (NamedAttribute entry : chosen) {
    auto answer = cast<DictionaryAttr>(entry.getValue());
    Choice choice{entry.getName().str(),
                  printSizes(answer.getAs<DictionaryAttr>("sizes")),
                  {},
                  {}};
    for (auto sizes :
         answer.getAs<ArrayAttr>("next").getAsRange<DictionaryAttr>())
      choice.next.push_back(printSizes(sizes));
    for (auto kernel :
         answer.getAs<ArrayAttr>("kernels").getAsRange<StringAttr>())
      choice.kernels.push_back(kernel.str());
    choices.push_back(std::move(choice));
  }
  return choices;
}

std::string printSchedule(llvm::ArrayRef<Choice> choices) {
  std::string text = "sennit_schedule: 1\nchoices:\n";
  for (const Choice &choice : choices)
    text += "  " + choice.question + ": {" + choice.sizes + "}\n";
  return text;
}

} // namespace sennit
