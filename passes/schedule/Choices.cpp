// Looks up pinned sizes, and notes chosen ones.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "passes/schedule/Choices.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace sennit::schedule {

static constexpr llvm::StringRef place = "at";

Choices::Choices(ModuleOp module)
    : module(module),
      pins(module->getAttrOfType<DictionaryAttr>(kScheduleAttrName)) {
  if (auto count = module->getAttrOfType<IntegerAttr>(kRecordsChoicesAttrName))
    noted = count.getInt();
}

InFlightDiagnostic Choices::emitError(DictionaryAttr pinned) {
  auto at = pinned.getAs<LocationAttr>(place);
  return mlir::emitError(at ? Location(at) : module.getLoc());
}

LogicalResult Choices::fill(DictionaryAttr pinned, Sizes &sizes,
                            StringRef question) {
  auto names = llvm::make_first_range(sizes);
  for (NamedAttribute entry : pinned)
    if (entry.getName() != place &&
        !llvm::is_contained(names, entry.getName().getValue())) {
      emitError(pinned) << "`" << question << "` has no size `"
                        << entry.getName().getValue() << "`; its sizes are "
                        << llvm::join(names, ", ");
      return failure();
    }
  // What a schedule leaves out stays as it was chosen.
  for (auto &[name, size] : sizes)
    if (auto number = pinned.getAs<IntegerAttr>(name))
      size = number.getInt();
  return success();
}

Sizes Choices::answer(StringRef question, const Sizes &choice,
                      llvm::function_ref<std::vector<Sizes>()> rank) {
  auto name = StringAttr::get(module.getContext(), question);
  open.insert(name);
  auto [known, isNew] = answers.try_emplace(name);
  if (!isNew)
    return known->second.sizes;
  Answer &answer = known->second;
  answer.sizes = choice;
  auto pinned = pins ? pins.getAs<DictionaryAttr>(name) : DictionaryAttr();
  if (!pinned && noted <= 1)
    return choice;
  std::vector<Sizes> all = rank();
  if (pinned && failed(fill(pinned, answer.sizes, question))) {
    refused.insert(question);
    answer.sizes = choice;
  } else if (pinned && !llvm::is_contained(all, answer.sizes)) {
    auto text = llvm::map_range(answer.sizes, [](auto &size) {
      return (size.first + " = " + Twine(size.second)).str();
    });
    emitError(pinned) << "`" << question << "` cannot have "
                      << llvm::join(llvm::to_vector(text), ", ")
                      << ": no code is made for such sizes";
    refused.insert(question);
    answer.sizes = choice;
  }
  for (const Sizes &sizes : all)
    if (int64_t(answer.next.size()) + 1 < noted && sizes != answer.sizes)
      answer.next.push_back(sizes);
  return answer.sizes;
}

void Choices::attribute(ArrayRef<StringAttr> names) {
  for (StringAttr question : open)
    answers[question].kernels.insert(names.begin(), names.end());
  open.clear();
}

static DictionaryAttr toAttribute(const Sizes &sizes, Builder &b) {
  SmallVector<NamedAttribute> entries;
  for (auto [name, size] : sizes)
    entries.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(size)));
  return b.getDictionaryAttr(entries);
}

LogicalResult Choices::finish(const DenseMap<Attribute, StringAttr> &renamed) {
  if (pins && !module->hasAttr(kMayBeIdleAttrName))
    for (NamedAttribute pin : pins)
      if (!answers.contains(pin.getName())) {
        emitError(cast<DictionaryAttr>(pin.getValue()))
            << "no kernel asks for `" << pin.getName().getValue() << "`";
        refused.insert(pin.getName().getValue());
      }
  if (!refused.empty())
    return failure();
  if (noted == 0)
    return success();
  Builder b(module.getContext());
  SmallVector<NamedAttribute> all;
  for (auto &[question, answer] : answers) {
    SmallVector<Attribute> next;
    for (const Sizes &sizes : answer.next)
      next.push_back(toAttribute(sizes, b));
    llvm::SetVector<Attribute> kernels;
    for (Attribute kernel : answer.kernels)
      kernels.insert(renamed.lookup(kernel));
    all.push_back(
        {question,
         b.getDictionaryAttr(
             {b.getNamedAttr("sizes", toAttribute(answer.sizes, b)),
              b.getNamedAttr("next", b.getArrayAttr(next)),
              b.getNamedAttr("kernels",
                             b.getArrayAttr(kernels.getArrayRef()))})});
  }
  module->setAttr(kChosenAttrName, b.getDictionaryAttr(all));
  return success();
}

} // namespace sennit::schedule
