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
      pins(module->getAttrOfType<DictionaryAttr>(kScheduleAttrName)) {}

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
                      llvm::function_ref<bool(const Sizes &)> isLegal) {
  auto name = StringAttr::get(module.getContext(), question);
  if (auto known = chosen.find(name); known != chosen.end())
    return known->second;
  Sizes sizes = choice;
  auto pinned = pins ? pins.getAs<DictionaryAttr>(name) : DictionaryAttr();
  if (pinned && failed(fill(pinned, sizes, question))) {
    refused.insert(question);
    sizes = choice;
  } else if (pinned && !isLegal(sizes)) {
    auto text = llvm::map_range(sizes, [](auto &size) {
      return (size.first + " = " + Twine(size.second)).str();
    });
    emitError(pinned) << "`" << question << "` cannot have "
                      << llvm::join(llvm::to_vector(text), ", ")
                      << ": no code is made for such sizes";
    refused.insert(question);
    sizes = choice;
  }
  return chosen[name] = sizes;
}

LogicalResult Choices::finish() {
  if (pins)
    for (NamedAttribute pin : pins)
      if (!chosen.contains(pin.getName())) {
        emitError(cast<DictionaryAttr>(pin.getValue()))
            << "no kernel asks for `" << pin.getName().getValue() << "`";
        refused.insert(pin.getName().getValue());
      }
  if (!refused.empty())
    return failure();
  if (!module->hasAttr(kRecordsChoicesAttrName))
    return success();
  Builder b(module.getContext());
  SmallVector<NamedAttribute> all;
  for (auto &[question, sizes] : chosen) {
    SmallVector<NamedAttribute> entries;
    for (auto [name, size] : sizes)
      entries.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(size)));
    all.push_back({question, b.getDictionaryAttr(entries)});
  }
  module->setAttr(kChosenAttrName, b.getDictionaryAttr(all));
  return success();
}

} // namespace sennit::schedule
