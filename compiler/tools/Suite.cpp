// Reads measured programs, predicts them and fits residuals.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/tools/Suite.h"

#include "compiler/facts/ProgramFacts.h"
#include "compiler/tools/Verbs.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

namespace sennit::tools {

static std::optional<Part> parsePart(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<Part>>(name)
      .Case("fit", Part::fit)
      .Case("test", Part::test)
      .Case("unfitted", Part::unfitted)
      .Case("probe", Part::probe)
      .Default(std::nullopt);
}

static int addRow(llvm::StringRef path, size_t number,
                  const llvm::json::Value &value, std::vector<SuiteRow> &rows) {
  auto refuse = [&](const llvm::Twine &what) {
    return complain(path + ": row " + llvm::Twine(number) + " " + what, usage);
  };
  const llvm::json::Object *row = value.getAsObject();
  if (!row || !row->getString("work") || !row->getString("family"))
    return refuse("has no `work` or no `family`");
  auto part = parsePart(row->getString("part").value_or(""));
  if (!part)
    return refuse("has a `part` that is neither `fit`, `test`, `unfitted` nor "
                  "`probe`");
  auto seconds = row->getNumber("seconds");
  if (!seconds || *part == Part::probe)
    return done;
  if (!(*seconds > 0))
    return refuse("has `seconds` that are not positive");
  SuiteRow read;
  read.work = row->getString("work")->str();
  read.family = row->getString("family")->str();
  read.part = *part;
  read.measured = *seconds;
  rows.push_back(std::move(read));
  return done;
}

int readSuite(llvm::StringRef path, std::vector<SuiteRow> &rows) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return complain(path + ": " + buffer.getError().message(), missing);
  auto value = llvm::json::parse((*buffer)->getBuffer());
  if (!value)
    return complain(path + ": " + llvm::toString(value.takeError()), usage);
  const llvm::json::Object *file = value->getAsObject();
  const llvm::json::Array *list = file ? file->getArray("rows") : nullptr;
  if (!list)
    return complain(path + ": no list `rows` of what was measured", usage);
  for (auto [number, row] : llvm::enumerate(*list))
    if (int code = addRow(path, number, row, rows))
      return code;
  return done;
}

static std::string getProgramPath(llvm::StringRef folder,
                                  llvm::StringRef work) {
  std::string name = work.str();
  std::replace(name.begin(), name.end(), ':', '-');
  std::replace(name.begin(), name.end(), '=', '-');
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name + ".mlir");
  return path.str().str();
}

static llvm::Error readFacts(const std::string &program,
                             const LoadedMachine &loaded,
                             cost::EntryFacts &facts) {
  CompileOptions options;
  options.input = program;
  options.stopAfter = "place";
  options.imaginesWeights = true;
  llvm::SmallString<128> schedule(program);
  llvm::sys::path::replace_extension(schedule, "yaml");
  if (llvm::sys::fs::exists(schedule))
    options.schedule = schedule.str().str();
  scheduleFor(loaded, options);
  options.inspect = [&](mlir::ModuleOp module) -> llvm::Error {
    auto core = module->getAttrOfType<machine::CoreAttr>("machine.target");
    auto read =
        facts::readEntryFacts(module, {"run", 1, 0, 0, getStepwiseTest(core)});
    if (!read)
      return read.takeError();
    facts = std::move(*read);
    return llvm::Error::success();
  };
  CompileReport report;
  return compile(options, report, [](llvm::StringRef, int64_t, int64_t) {});
}

static bool predictRow(const cost::EntryFacts &facts, const LoadedMachine &file,
                       const LoadedMachine &calibrated, SuiteRow &row,
                       std::string &reason) {
  auto plain = predict(facts, file.machine, reason);
  auto close = plain ? predict(facts, calibrated.machine, reason) : plain;
  if (!close)
    return false;
  row.traits = getTraits(facts, *close, calibrated.machine);
  row.predicted = {plain->seconds, close->seconds, close->seconds};
  double longest = 0;
  for (auto [use, kernel] : llvm::zip_equal(facts.kernels, close->kernels)) {
    row.kernels.push_back({use.facts.name, kernel.seconds, kernel.resources});
    if (kernel.seconds * use.calls > longest)
      row.bound = kernel.bound.name;
    longest = std::max(longest, kernel.seconds * use.calls);
  }
  return true;
}

int predictSuite(llvm::StringRef folder, const LoadedMachine &file,
                 const LoadedMachine &calibrated, std::vector<SuiteRow> &rows,
                 llvm::MapVector<llvm::StringRef, cost::Residual> &residuals) {
  ProgressLine progress;
  llvm::MapVector<llvm::StringRef, std::vector<cost::Sample>> samples;
  for (auto [number, row] : llvm::enumerate(rows)) {
    progress.show("predict", int64_t(number), int64_t(rows.size()));
    cost::EntryFacts facts;
    std::string reason;
    if (auto error = readFacts(getProgramPath(folder, row.work), file, facts))
      return complain("`" + row.work + "`: " + llvm::toString(std::move(error)),
                      failed);
    if (!predictRow(facts, file, calibrated, row, reason))
      return complain("`" + row.work + "`: " + reason, unsupported);
    std::vector<cost::Sample> &ofFamily = samples[row.family];
    if (row.part == Part::fit)
      ofFamily.push_back(
          {row.predicted[size_t(Tier::calibrated)], row.measured, row.traits});
  }
  progress.finish();
  for (auto &[family, ofFamily] : samples)
    residuals[family] = cost::fitResidual(ofFamily);
  for (SuiteRow &row : rows)
    row.predicted[size_t(Tier::corrected)] = residuals[row.family].correct(
        row.predicted[size_t(Tier::calibrated)], row.traits);
  return done;
}

Errors getErrors(llvm::ArrayRef<SuiteRow> rows, llvm::StringRef family,
                 Tier tier) {
  std::vector<Comparison> comparisons;
  for (const SuiteRow &row : rows) {
    bool isHeldOut = row.part == Part::test ||
                     (row.part == Part::unfitted && !family.empty());
    if (isHeldOut && (family.empty() || row.family == family))
      comparisons.push_back({row.work, "run", row.family, 0, 1, row.measured,
                             row.predicted[size_t(tier)]});
  }
  std::vector<const Comparison *> pointers;
  for (const Comparison &comparison : comparisons)
    pointers.push_back(&comparison);
  return getErrors(pointers);
}

} // namespace sennit::tools
