// Drives a compilation: import, the stages of Stages.cpp, code, artifact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Compile.h"

#include "compiler/Artifact.h"
#include "compiler/Codegen.h"
#include "compiler/Register.h"
#include "compiler/Schedule.h"
#include "compiler/Stages.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "frontends/hf/Import.h"
#include "frontends/onnx/Import.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/schedule/Choices.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"
#include <chrono>

using namespace mlir;

namespace sennit {

char CompileError::ID;

static llvm::Error fail(const Twine &message, int exitCode = 1) {
  return llvm::make_error<CompileError>(message.str(), exitCode);
}

static llvm::Error timePhase(CompileReport &report, Progress progress,
                             StringRef name,
                             llvm::function_ref<llvm::Error()> body) {
  progress(name, 0, 0);
  auto start = std::chrono::steady_clock::now();
  llvm::Error error = body();
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  auto known = llvm::find_if(
      report.phases, [&](const auto &phase) { return phase.first == name; });
  if (known == report.phases.end())
    known = report.phases.insert(known, {name.str(), 0});
  known->second += seconds.count();
  return error;
}

namespace {
/// The compilation for one target; `run` goes from top to bottom.
class Compilation {
public:
  Compilation(const CompileOptions &options, StringRef targetName,
              CompileReport &report, Progress progress)
      : options(options), targetName(targetName), report(report),
        progress(progress),
        handler(context.getDiagEngine().registerHandler([&](Diagnostic &d) {
          if (d.getSeverity() == DiagnosticSeverity::Error &&
              diagnostics.empty())
            llvm::raw_string_ostream(diagnostics)
                << d.getLocation() << ": " << d;
          return success();
        })) {}
  ~Compilation() { context.getDiagEngine().eraseHandler(handler); }

  llvm::Error run() {
    prepare();
    if (auto error = chooseMachine())
      return error;
    if (auto error = phase("import", [&] { return import(); }))
      return error;
    if (auto error = requestVerify())
      return error;
    if (auto error = requestSegments())
      return error;
    if (auto error = requestQuantization())
      return error;
    if (auto error = requestSchedule())
      return error;
    (*module)->setAttr("machine.target", machine.core);
    if (machine.core.getThreads() == 1)
      report.machine = machine.core.getDescription().str();
    if (options.roundsOperands.value_or(machine.roundsOperands))
      (*module)->setAttr(seq::kRoundsOperandsAttrName, UnitAttr::get(&context));
    if (auto error = dump("import"))
      return error;
    bool stopped = options.stopAfter == "import";
    for (const Stage &stage : getStages()) {
      if (stopped)
        break;
      if (auto error = phase(stage.name, [&] { return runStage(stage); }))
        return error;
      stopped = stage.name == options.stopAfter;
    }
    if (auto chosen =
            (*module)->getAttrOfType<DictionaryAttr>(schedule::kChosenAttrName))
      report.choices = readChoices(chosen);
    if (stopped) {
      if (options.inspect)
        return options.inspect(*module);
      llvm::raw_string_ostream os(report.text);
      (*module)->print(os);
      return llvm::Error::success();
    }
    return emit();
  }

  Program getProgram() { return {*module, code, machine}; }

private:
  void prepare() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    // Code is emitted by several threads; nothing may be loaded there. The
    // stages run on one: they are short, and their remarks keep their order.
    context.loadAllAvailableDialects();
    context.disableMultithreading();
    (void)report.decisions.listen(context);
  }

  llvm::Error chooseMachine() {
    // A machine that nobody emits code for is scheduled for only.
    if (options.makeCore && !options.stopAfter.empty()) {
      machine.core = options.makeCore(context);
      return llvm::Error::success();
    }
    auto resolved = resolveTarget(targetName, context);
    if (!resolved)
      return resolved.takeError();
    std::tie(target, machine) = *resolved;
    if (options.makeCore)
      machine.core = options.makeCore(context);
    report.targets.push_back(
        (machine.core.getName() + ":" + machine.core.getIsa()).str());
    return llvm::Error::success();
  }

  llvm::Error phase(StringRef name, llvm::function_ref<llvm::Error()> body) {
    return timePhase(report, progress, name, body);
  }

  llvm::Error importOnnx() {
    std::vector<onnx::StoredTensor> inputs;
    auto convert = [](const ImportError &error) {
      return fail(error.message, error.unsupported ? 4 : 1);
    };
    for (const std::string &path : options.inputTensors) {
      auto tensor = onnx::readTensorFile(path);
      if (!tensor)
        return llvm::handleErrors(tensor.takeError(), convert);
      inputs.push_back(std::move(*tensor));
    }
    onnx::ImportOptions import;
    import.inputs = inputs;
    auto imported = onnx::importOnnx(options.input, import, context);
    if (!imported)
      return llvm::handleErrors(imported.takeError(), convert);
    module = std::move(imported->module);
    report.specialised = std::move(imported->specialised);
    return llvm::Error::success();
  }

  llvm::Error import() {
    if (StringRef(options.input).ends_with(".onnx"))
      return importOnnx();
    if (!llvm::sys::fs::is_directory(options.input))
      return parse();
    hf::ImportOptions import;
    import.context = options.context;
    import.imaginesWeights = options.imaginesWeights;
    if (int64_t chunk = options.chunk ? options.chunk : machine.chunk)
      import.chunk = chunk;
    auto imported = hf::importHuggingFace(options.input, import, context);
    if (!imported)
      return llvm::handleErrors(
          imported.takeError(), [](const ImportError &error) {
            return fail(error.message, error.unsupported ? 4 : 1);
          });
    module = std::move(*imported);
    return llvm::Error::success();
  }

  llvm::Error parse() {
    if (!llvm::sys::fs::exists(options.input))
      return fail("`" + options.input +
                  "` does not exist; a directory with config.json or a file of "
                  "seq IR is expected");
    // Bytecode from outside is refused: its reader is not made for hostile
    // input.
    if (auto file = llvm::MemoryBuffer::getFile(options.input);
        file && (*file)->getBuffer().starts_with("ML\xefR"))
      return fail("`" + options.input +
                      "` is MLIR bytecode, which is refused; give IR text",
                  4);
    module = parseSourceFile<ModuleOp>(options.input, &context);
    return module ? llvm::Error::success() : fail(diagnostics);
  }

  /// Notes in `seq.model` how many tokens the entry `verify` takes.
  llvm::Error requestVerify() {
    auto model = (*module)->getAttrOfType<DictionaryAttr>("seq.model");
    if (options.verify == 0)
      return llvm::Error::success();
    if (options.verify < 0 || !model)
      return fail("`verify` of " + Twine(options.verify) +
                      " tokens needs a positive number and a model in "
                      "`seq.model`",
                  2);
    NamedAttrList facts(model);
    facts.set("verify",
              IntegerAttr::get(IntegerType::get(&context, 64), options.verify));
    (*module)->setAttr("seq.model", facts.getDictionary(&context));
    return llvm::Error::success();
  }

  /// Notes in the module into how many segments scans are cut.
  llvm::Error requestSegments() {
    if (!options.scanSegments)
      return llvm::Error::success();
    int64_t segments = *options.scanSegments;
    if (segments < 0)
      return fail("scans cannot be cut into " + Twine(segments) + " segments",
                  2);
    (*module)->setAttr(seq::kScanSegmentsAttrName,
                       IntegerAttr::get(IntegerType::get(&context, 64),
                                        std::max<int64_t>(segments, 1)));
    return llvm::Error::success();
  }

  /// Notes in the module how matrices are quantised.
  llvm::Error requestQuantization() {
    if (options.weightBits == 0)
      return llvm::Error::success();
    int64_t group = options.weightGroup;
    if (group < 32 || group > 4096 || group % 32 != 0)
      return fail("weights cannot share scales in groups of " + Twine(group) +
                      "; multiples of 32 up to 4096 are known",
                  2);
    Builder builder(&context);
    (*module)->setAttr(seq::kWeightBitsAttrName,
                       builder.getI64IntegerAttr(options.weightBits));
    (*module)->setAttr(seq::kWeightGroupAttrName,
                       builder.getI64IntegerAttr(group));
    return llvm::Error::success();
  }

  /// Notes in the module what is pinned, and that choices are to be noted.
  llvm::Error requestSchedule() {
    if (options.candidates > 0)
      (*module)->setAttr(
          schedule::kRecordsChoicesAttrName,
          IntegerAttr::get(IntegerType::get(&context, 64), options.candidates));
    if (options.schedule.empty())
      return llvm::Error::success();
    auto pins = readSchedule(options.schedule, context);
    if (!pins)
      return pins.takeError();
    (*module)->setAttr(schedule::kScheduleAttrName, *pins);
    if (options.mayScheduleBeIdle)
      (*module)->setAttr(schedule::kMayBeIdleAttrName, UnitAttr::get(&context));
    return llvm::Error::success();
  }

  llvm::Error runStage(const Stage &stage) {
    PassManager manager(&context);
    if (failed(addStage(stage, manager, options.fuses)))
      return fail("stage `" + stage.name + "` has no such pipeline", 70);
    if (stage.name == "fuse" && !options.extraPasses.empty() &&
        failed(parsePassPipeline(options.extraPasses, manager)))
      return fail("`" + options.extraPasses + "` is no pass pipeline", 2);
    if (failed(manager.run(*module)))
      return fail("stage `" + stage.name + "`: " + diagnostics, 4);
    if (stage.name == "place")
      chooseRollBack(*module, options.rollBack);
    return dump(stage.name);
  }

  llvm::Error dump(StringRef stage) {
    if (options.dumpStagesTo.empty())
      return llvm::Error::success();
    if (auto code = llvm::sys::fs::create_directories(options.dumpStagesTo))
      return fail("`" + options.dumpStagesTo + "`: " + code.message());
    SmallString<128> path(options.dumpStagesTo);
    llvm::sys::path::append(path,
                            std::to_string(dumped++) + "." + stage + ".mlir");
    std::error_code code;
    llvm::ToolOutputFile file(path, code, llvm::sys::fs::OF_Text);
    if (code)
      return fail("`" + path + "`: " + code.message());
    (*module)->print(file.os());
    file.keep();
    return llvm::Error::success();
  }

  llvm::Error emit() {
    context.enableMultithreading();
    if (auto error = phase("code", [&]() -> llvm::Error {
          auto emitted = generateCode(*module, *target, machine, options.jobs,
                                      [&](int64_t done, int64_t total) {
                                        progress("code", done, total);
                                      });
          if (!emitted)
            return llvm::handleErrors(
                emitted.takeError(), [&](const llvm::ErrorInfoBase &error) {
                  return fail(error.message() + (diagnostics.empty()
                                                     ? ""
                                                     : ": " + diagnostics),
                              4);
                });
          code = std::move(*emitted);
          return llvm::Error::success();
        }))
      return error;
    report.kernels += code.kernels.size();
    report.launches += code.launches;
    for (const CodeSection &section : code.sections)
      report.codeBytes += section.bytes.size();
    return llvm::Error::success();
  }

  const CompileOptions &options;
  std::string targetName;
  CompileReport &report;
  Progress progress;
  MLIRContext context;
  std::string diagnostics;
  DiagnosticEngine::HandlerID handler;
  OwningOpRef<ModuleOp> module;
  const Target *target = nullptr;
  TargetMachineInfo machine;
  Code code;
  int64_t dumped = 0;
};
} // namespace

llvm::Error compile(const CompileOptions &options, CompileReport &report,
                    Progress progress) {
  if (!options.stopAfter.empty() && options.stopAfter != "import" &&
      !findStage(options.stopAfter))
    return fail("no stage is called `" + options.stopAfter +
                    "`; --print-stages lists them",
                2);
  SmallVector<StringRef> targets;
  StringRef(options.target).split(targets, ',');
  if (targets.size() > 1 &&
      (!options.schedule.empty() || options.candidates > 0))
    return fail("a schedule is that of one target, and `" + options.target +
                    "` names several",
                2);
  if (targets.size() > 1 &&
      (!options.stopAfter.empty() || !options.dumpStagesTo.empty()))
    return fail("the IR of a stage is that of one target, and `" +
                    options.target + "` names several",
                2);
  std::vector<std::unique_ptr<Compilation>> compilations;
  for (StringRef target : targets) {
    compilations.push_back(
        std::make_unique<Compilation>(options, target, report, progress));
    if (auto error = compilations.back()->run())
      return error;
  }
  if (!options.stopAfter.empty() || options.output.empty())
    return llvm::Error::success();
  return timePhase(report, progress, "write", [&]() -> llvm::Error {
    std::vector<Program> programs;
    for (auto &compilation : compilations)
      programs.push_back(compilation->getProgram());
    return writeArtifact(programs, {options.output, options.embedWeights},
                         report.artifactBytes);
  });
}

} // namespace sennit
