// sennit compile: a model becomes an artifact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Stages.h"
#include "compiler/machine/Library.h"
#include "compiler/tools/Tune.h"
#include "compiler/tools/Verbs.h"
#include "compiler/tools/WorkloadOptions.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand
    command("compile",
            "compile a Hugging Face directory, an ONNX model or seq IR "
            "into an artifact");
static cl::opt<std::string>
    input(cl::Positional,
          cl::desc("<model directory | model.onnx | file.mlir>"),
          cl::sub(command));
static cl::opt<std::string>
    output("o", cl::desc("the artifact (default: model.snt)"),
           cl::value_desc("file"), cl::sub(command));
static cl::opt<std::string>
    target("target",
           cl::desc("cpu:host, cpu:avx2, cpu:avx512, cpu:avx512bf16, cpu:amx, "
                    "cuda:sm_80, cuda:sm_89, cuda:sm_90a, or a machine that "
                    "runs such code (default: cpu:host); several targets by "
                    "commas make one "
                    "artifact, of which the first that can run does"),
           cl::value_desc("target | machine | file.yaml"), cl::init("cpu:host"),
           cl::sub(command));
static cl::opt<std::string>
    calibration("calibration",
                cl::desc("numbers that `sennit targets calibrate` measured"),
                cl::value_desc("file"), cl::sub(command));
static cl::list<std::string>
    changes("set",
            cl::desc("of a machine: another value for a field, such as "
                     "l2.capacity=\"1 MiB\""),
            cl::value_desc("path=value"), cl::sub(command));
static cl::opt<int64_t> context(
    "context",
    cl::desc(
        "tokens that a sequence may have (default: the model's, at most 4096)"),
    cl::init(0), cl::sub(command));
static cl::opt<int64_t>
    chunk("chunk",
          cl::desc("most tokens of one prefill call (default: 256, on "
                   "GPUs 2048)"),
          cl::init(0), cl::sub(command));
static cl::opt<int64_t>
    verify("verify",
           cl::desc("most tokens offered at once for speculation (default: 0, "
                    "none)"),
           cl::init(0), cl::sub(command));
static cl::opt<RollBack> rollBack(
    "roll-back",
    cl::desc("how offered tokens are taken back from recurrent states "
             "(default: what takes least time)"),
    cl::values(clEnumValN(RollBack::Replay, "replay",
                          "the tokens that stay are fed again"),
               clEnumValN(RollBack::Snapshots, "snapshots",
                          "offered tokens are steps, states are kept after "
                          "each")),
    cl::sub(command));
static ActivationsOption activations(command);
namespace {
/// What matrices become, by its bits.
enum class Weights { stored = 0, int4 = 4, int8 = 8 };
} // namespace
static cl::opt<Weights> weights(
    "weights",
    cl::desc("what matrices of products become at load (default: as they are "
             "stored); experts, routers and the head stay"),
    cl::values(
        clEnumValN(Weights::stored, "stored", "what the checkpoint holds"),
        clEnumValN(Weights::int8, "int8", "8 bits a number, and scales"),
        clEnumValN(Weights::int4, "int4", "4 bits a number, and scales")),
    cl::init(Weights::stored), cl::sub(command));
static cl::opt<int64_t>
    weightGroup("weight-group",
                cl::desc("neighbours of depth that share a scale, a multiple "
                         "of 32 (default: 128)"),
                cl::init(128), cl::sub(command));
static cl::opt<int64_t> scanSegments(
    "scan-segments",
    cl::desc("segments that run beside each other, into which a scan of known "
             "algebra is cut; 0: none (default: what takes least time)"),
    cl::sub(command));
static cl::opt<bool> embed("embed-weights",
                           cl::desc("copy the weights into the artifact"),
                           cl::sub(command));
static cl::opt<std::string>
    schedule("schedule",
             cl::desc("take sizes of tiles, chunks and blocks from a file, as "
                      "--emit-schedule writes it"),
             cl::value_desc("file.yaml"), cl::sub(command));
static cl::opt<std::string>
    emitSchedule("emit-schedule",
                 cl::desc("write the sizes that were chosen, or pinned"),
                 cl::value_desc("file.yaml"), cl::sub(command));
static cl::opt<bool>
    tunes("tune",
          cl::desc("run the model's best few sizes on this host and take the "
                   "fastest; what was measured is kept"),
          cl::sub(command));
static cl::opt<int64_t>
    tuneCandidates("tune-candidates",
                   cl::desc("sizes that --tune tries for each choice "
                            "(default: 4)"),
                   cl::init(4), cl::sub(command));
static cl::opt<double>
    tuneSeconds("tune-seconds",
                cl::desc("seconds that --tune runs each of them (default: 1)"),
                cl::init(1), cl::sub(command));
static cl::opt<unsigned>
    tuneThreads("tune-threads",
                cl::desc("threads that --tune computes on (default: all)"),
                cl::init(0), cl::sub(command));
static cl::opt<std::string>
    tuneCache("tune-cache",
              cl::desc("where --tune keeps what it measured (default: "
                       "sennit/tune.sqlite in the user's cache folder)"),
              cl::value_desc("file.sqlite"), cl::sub(command));
static cl::opt<bool>
    explain("explain-fusion",
            cl::desc("print what was fused and what was missed, with reasons"),
            cl::sub(command));
static cl::opt<std::string> stopAfter(
    "stop-after",
    cl::desc("print the IR after this stage to -o or standard output"),
    cl::value_desc("stage"), cl::sub(command));
static cl::opt<bool> listStages("print-stages",
                                cl::desc("print the stages and their passes"),
                                cl::sub(command));
static cl::opt<std::string>
    dumpTo("dump-stages-to", cl::desc("write the IR after every stage here"),
           cl::value_desc("directory"), cl::sub(command));
static cl::opt<std::string>
    extraPasses("pass-pipeline",
                cl::desc("passes to run after stage fuse, such as a plugin's"),
                cl::value_desc("pipeline"), cl::sub(command));
static cl::opt<unsigned> jobs("j",
                              cl::desc("threads that emit code (default: all)"),
                              cl::init(0), cl::sub(command));
static cl::list<std::string>
    inputTensors("inputs",
                 cl::desc("files of tensors that an ONNX model is called with, "
                          "for extents and values it must know"),
                 cl::value_desc("files"), cl::CommaSeparated, cl::sub(command));
static cl::opt<std::string>
    plugin("load-pass-plugin", cl::desc("load passes from a shared library"),
           cl::value_desc("file"), cl::sub(command));

static void printSummary(const CompileReport &report) {
  double total = 0;
  for (auto &[name, seconds] : report.phases)
    total += seconds;
  llvm::errs() << "target   " << llvm::join(report.targets, ", ")
               << "\nphases  ";
  for (auto &[name, seconds] : report.phases)
    llvm::errs() << llvm::format(" %s %.2fs", name.c_str(), seconds);
  llvm::errs() << llvm::format("  (%.2fs)\n", total) << "kernels  "
               << report.kernels << " distinct, " << report.launches
               << " launches a prefill; " << report.decisions.countTaken()
               << " fusions, " << report.decisions.countMissed() << " missed\n";
}

/// Schedules for the machine that `--target` names, if it names one.
static int chooseMachine(LoadedMachine &loaded, CompileOptions &options) {
  llvm::StringRef name = target;
  if (!name.ends_with(".yaml") &&
      !llvm::is_contained(machine::getShippedMachines(), name))
    return changes.empty() && calibration.empty()
               ? done
               : complain("--set and --calibration change a machine of `sennit "
                          "targets list` or of a file, and --target is `" +
                              name + "`",
                          usage);
  if (int code = loadMachine(name, calibration, changes, loaded))
    return code;
  if (loaded.machine.target.empty() && options.stopAfter.empty())
    return complain("the machine `" + loaded.machine.name +
                        "` has no `runs`: no code is emitted for it; "
                        "`sennit predict` takes it",
                    unsupported);
  options.target = loaded.machine.target + ":" + loaded.machine.level;
  scheduleFor(loaded, options);
  return done;
}
static cl::opt<std::string>
    tuneReport("tune-report",
               cl::desc("write all sizes that --tune tried, and their seconds, "
                        "as JSON"),
               cl::value_desc("file.json"), cl::sub(command));

static int writeText(llvm::StringRef path, llvm::StringRef text) {
  if (path.empty() || path == "-") {
    llvm::outs() << text;
    return done;
  }
  if (auto error = llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
        os << text;
        return llvm::Error::success();
      }))
    return complain(llvm::toString(std::move(error)), failed);
  return done;
}

/// Measures a schedule into a temporary file, from which `options` then take
/// it.
static int tuneInto(llvm::SmallString<128> &path, CompileOptions &options) {
  if (!options.schedule.empty() || !options.stopAfter.empty())
    return complain("--tune chooses what --schedule pins, and runs what "
                    "--stop-after leaves out; give one of them",
                    usage);
  if (tuneCandidates < 1 || !(tuneSeconds > 0))
    return complain("--tune-candidates and --tune-seconds are positive", usage);
  if (llvm::sys::fs::createTemporaryFile("sennit-schedule", "yaml", path))
    return complain("no file can be made in the temporary directory", missing);
  int code = tune(
      options,
      {tuneCandidates, tuneSeconds, tuneThreads, tuneCache, tuneReport}, path);
  if (code)
    llvm::sys::fs::remove(path);
  options.schedule = path.str().str();
  options.mayScheduleBeIdle = true;
  return code;
}

static int run() {
  if (listStages) {
    printStages(llvm::outs());
    return done;
  }
  if (input.empty())
    return complain("compile needs a model: a directory with config.json, or a "
                    "file of seq IR",
                    usage);
  CompileOptions options;
  options.input = input;
  options.inputTensors.assign(inputTensors.begin(), inputTensors.end());
  options.output =
      output.empty() ? std::string("model.snt") : output.getValue();
  options.target = target;
  options.context = context;
  options.chunk = chunk;
  options.verify = verify;
  if (rollBack.getNumOccurrences())
    options.rollBack = rollBack;
  if (scanSegments.getNumOccurrences())
    options.scanSegments = scanSegments;
  options.roundsOperands = activations.get();
  options.weightBits = int64_t(weights.getValue());
  options.weightGroup = weightGroup;
  options.embedWeights = embed;
  options.stopAfter = stopAfter;
  options.dumpStagesTo = dumpTo;
  options.extraPasses = extraPasses;
  options.jobs = jobs;
  options.schedule = schedule;
  options.candidates = emitSchedule.empty() ? 0 : 1;
  LoadedMachine loaded;
  if (int code = chooseMachine(loaded, options))
    return code;
  llvm::SmallString<128> tuned;
  if (tunes)
    if (int code = tuneInto(tuned, options))
      return code;
  llvm::FileRemover removeTuned(tuned);
  CompileReport report;
  if (int code = compileWithProgress(options, report))
    return code;
  if (explain)
    report.decisions.print(llvm::outs());
  if (!emitSchedule.empty())
    if (int code = writeText(emitSchedule, printSchedule(report.choices)))
      return code;
  if (!stopAfter.empty())
    return writeText(output, report.text);
  printSummary(report);
  for (const std::string &name : report.specialised)
    llvm::errs() << "constant input `" << name << "`, by its given value\n";
  llvm::errs() << llvm::format(
      "wrote    %s, %.1f KB (code %.1f KB)\n", options.output.c_str(),
      report.artifactBytes / 1024.0, report.codeBytes / 1024.0);
  return done;
}

Verb getCompileVerb() {
  return {&command, run, "sennit compile path/to/model -o model.snt"};
}

} // namespace sennit::tools
