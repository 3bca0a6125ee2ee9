// Runs probes and programs, and writes what they found as a calibration.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/tools/Calibrate.h"

#include "compiler/tools/Verbs.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Threading.h"
#include "llvm/TargetParser/Host.h"
#include <chrono>
#include <ctime>

namespace sennit::tools {

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// Products in a chain, and exponentials of an element.
static constexpr int chainLength = 32, exponentials = 8;

/// A row times a square matrix, again and again: a launch each.
static std::string writeChain(int width) {
  std::string row = "tensor<1x" + std::to_string(width) + "xf32>";
  std::string matrix =
      "tensor<" + std::to_string(width) + "x" + std::to_string(width) + "xf32>";
  std::string text = "#rows = affine_map<(m, n, k) -> (m, k)>\n"
                     "#columns = affine_map<(m, n, k) -> (n, k)>\n"
                     "#sums = affine_map<(m, n, k) -> (m, n)>\n";
  llvm::raw_string_ostream os(text);
  os << "func.func @main(%x0: " << row << ", %w: " << matrix << ") -> " << row
     << " {\n  %zero = arith.constant 0.0 : f32\n  %empty = tensor.empty() : "
     << row << "\n  %fill = linalg.fill ins(%zero : f32) outs(%empty : " << row
     << ") -> " << row << "\n";
  for (int i = 0; i < chainLength; ++i)
    os << "  %x" << i + 1
       << " = linalg.matmul indexing_maps = [#rows, #columns, #sums] ins(%x"
       << i << ", %w : " << row << ", " << matrix << ") outs(%fill : " << row
       << ") -> " << row << "\n";
  os << "  return %x" << chainLength << " : " << row << "\n}\n";
  return text;
}

/// The sum of exp(x), exp(x + x), .. of each element.
static std::string writeExponentials() {
  std::string text =
      "#id = affine_map<(i, j) -> (i, j)>\n"
      "func.func @main(%x: tensor<64x1024xf32>) -> tensor<64x1024xf32> {\n"
      "  %empty = tensor.empty() : tensor<64x1024xf32>\n"
      "  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = "
      "[\"parallel\", \"parallel\"]} ins(%x : tensor<64x1024xf32>) "
      "outs(%empty : tensor<64x1024xf32>) {\n"
      "  ^bb0(%x0: f32, %old: f32):\n    %s0 = math.exp %x0 : f32\n";
  llvm::raw_string_ostream os(text);
  for (int i = 1; i < exponentials; ++i)
    os << "    %x" << i << " = arith.addf %x" << i - 1 << ", %x0 : f32\n"
       << "    %e" << i << " = math.exp %x" << i << " : f32\n"
       << "    %s" << i << " = arith.addf %s" << i - 1 << ", %e" << i
       << " : f32\n";
  os << "    linalg.yield %s" << exponentials - 1
     << " : f32\n  } -> tensor<64x1024xf32>\n"
        "  return %y : tensor<64x1024xf32>\n}\n";
  return text;
}

/// The least seconds of a call of `main`, over at least 0.5 s, with inputs and
/// outputs of zeros.
static int timeMain(Session &session, double &seconds) {
  constexpr double enough = 0.5;
  sennit_error error = {};
  uint64_t entry = 0;
  sennit_entry_info info = {};
  info.size = sizeof(info);
  sennit_module *module = session.module.get();
  if (sennit_module_find_entry(module, "main", &entry, &error) ||
      sennit_module_get_entry(module, entry, &info, &error))
    return complain(error.message, defect);
  std::vector<std::vector<char>> memory;
  std::vector<sennit_buffer> inputs, outputs;
  auto add = [&](uint64_t index, bool isInput) {
    sennit_tensor_info tensor = {};
    tensor.size = sizeof(tensor);
    auto get = isInput ? sennit_module_get_input : sennit_module_get_output;
    (void)get(module, entry, index, &tensor, &error);
    memory.emplace_back(tensor.bytes);
    (isInput ? inputs : outputs)
        .push_back({memory.back().data(), tensor.bytes});
  };
  for (uint64_t i = 0; i < info.input_count; ++i)
    add(i, true);
  for (uint64_t i = 0; i < info.output_count; ++i)
    add(i, false);
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  seconds = HUGE_VAL;
  while (std::chrono::duration<double>(Clock::now() - start).count() < enough) {
    auto before = Clock::now();
    if (sennit_context_call(session.context.get(), entry, inputs.data(),
                            inputs.size(), outputs.data(), outputs.size(),
                            &error))
      return complain(error.message, defect);
    seconds = std::min(
        seconds, std::chrono::duration<double>(Clock::now() - before).count());
  }
  return done;
}

/// Compiles a program into temporary files and times it.
static int timeProgram(llvm::StringRef text, llvm::StringRef target,
                       unsigned threads, double &seconds) {
  llvm::SmallString<128> source, artifact;
  if (llvm::sys::fs::createTemporaryFile("sennit-probe", "mlir", source) ||
      llvm::sys::fs::createTemporaryFile("sennit-probe", "snt", artifact))
    return complain("no file can be made in the temporary directory", missing);
  llvm::FileRemover removeSource(source), removeArtifact(artifact);
  if (auto error = llvm::writeToOutput(source, [&](llvm::raw_ostream &os) {
        os << text;
        return llvm::Error::success();
      }))
    return complain(llvm::toString(std::move(error)), failed);
  CompileOptions options;
  options.input = source.str().str();
  options.output = artifact.str().str();
  options.target = target.str();
  CompileReport report;
  if (auto error =
          compile(options, report, [](llvm::StringRef, int64_t, int64_t) {}))
    return complain(llvm::toString(std::move(error)), defect);
  Session session;
  if (int code = openSession(artifact, threads, session))
    return code;
  return timeMain(session, seconds);
}

static std::string format(double number, llvm::StringRef unit) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::format("%.4g", number);
  if (!unit.empty())
    os << " " << unit;
  return text;
}

int measurePrograms(llvm::StringRef target, unsigned threads, double flops,
                    std::vector<machine::Measurement> &measurements) {
  // Of one item and of several.
  constexpr int narrow = 16, wide = 256;
  double one = 0, alone = 0, together = 0, exp = 0;
  if (int code = timeProgram(writeChain(narrow), target, 1, one))
    return code;
  measurements.push_back({"launch.gap", format(one / chainLength * 1e6, "us")});
  if (threads > 1) {
    if (int code = timeProgram(writeChain(wide), target, 1, alone))
      return code;
    if (int code = timeProgram(writeChain(wide), target, threads, together))
      return code;
    // The others do less than their share by what they begin later.
    double fork =
        (together - alone / threads) / chainLength * threads / (threads - 1);
    if (fork > 0)
      measurements.push_back({"launch.fork", format(fork * 1e6, "us")});
  }
  if (int code = timeProgram(writeExponentials(), target, 1, exp))
    return code;
  // Two additions stand beside each.
  double operations = exp * flops / 2 / (64 * 1024 * exponentials) - 2;
  measurements.push_back(
      {"emulate.exp.ops", format(std::max(1.0, std::round(operations)), "")});
  return done;
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

static std::string getDate() {
  std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

std::string getProcessor() {
  if (auto file = llvm::MemoryBuffer::getFileAsStream("/proc/cpuinfo"))
    for (llvm::StringRef line : llvm::split((*file)->getBuffer(), '\n'))
      if (line.consume_front("model name"))
        return line.ltrim(" \t:").str();
  return llvm::sys::getHostCPUName().str();
}

/// Fields that the machine lacks, such as a matrix unit's, are left out.
static void keepKnown(const machine::Node &root,
                      std::vector<machine::Measurement> &measurements) {
  std::erase_if(measurements, [&](const machine::Measurement &measurement) {
    std::string reason;
    return !machine::findField(root, measurement.path, reason);
  });
}

static int
writeCalibration(const machine::Node &root,
                 const machine::CalibrationHead &head,
                 const std::vector<machine::Measurement> &measurements,
                 llvm::StringRef output) {
  std::string reason;
  auto text = machine::printCalibration(root, head, measurements, reason);
  if (!text)
    return complain(reason, usage);
  if (output.empty() || output == "-") {
    llvm::outs() << *text;
    return done;
  }
  if (auto error = llvm::writeToOutput(output, [&](llvm::raw_ostream &os) {
        os << *text;
        return llvm::Error::success();
      }))
    return complain(llvm::toString(std::move(error)), failed);
  return done;
}

int calibrateHost(llvm::StringRef name, unsigned threads,
                  llvm::StringRef output) {
  LoadedMachine loaded;
  if (int code = loadMachine(name, "", {}, loaded))
    return code;
  const machine::Machine &machine = loaded.machine;
  const Target *target = nullptr;
  for (const Target *known : getTargets())
    if (known->name == machine.target)
      target = known;
  if (!target || !target->measure)
    return complain(
        "the machine `" + machine.name + "` cannot be calibrated here: " +
            (target ? "its target `" + machine.target + "` has no probes"
                    : "it has no `runs` that a target takes"),
        unsupported);
  if (threads == 0)
    threads = llvm::hardware_concurrency().compute_thread_count();
  auto say = [](llvm::StringRef what) {
    llvm::errs() << "measure  " << what << "\n";
  };
  auto fields = target->measure(machine.level, threads, say);
  if (!fields)
    return complain(llvm::toString(fields.takeError()), missing);
  std::vector<machine::Measurement> measurements;
  for (const MeasuredField &field : *fields)
    measurements.push_back({field.path, field.value});
  say("launches and exponentials");
  double flops = 0;
  for (const machine::Unit &unit : machine.units)
    if (flops == 0 && unit.kind == machine::UnitKind::vector)
      flops = unit.rate[size_t(machine::Element::f32)].value;
  for (const machine::Measurement &measurement : measurements)
    if (measurement.path == "fma.rate.f32")
      flops = machine::parseValue(measurement.value)->number;
  if (int code = measurePrograms(machine.target + ":" + machine.level, threads,
                                 flops, measurements))
    return code;
  keepKnown(loaded.root, measurements);
  std::string command = "sennit targets calibrate " + name.str() +
                        " --threads=" + std::to_string(threads);
  return writeCalibration(loaded.root, {getProcessor(), getDate(), command},
                          measurements, output);
}

int calibrateFrom(llvm::StringRef name, llvm::StringRef measured,
                  llvm::StringRef output) {
  LoadedMachine loaded;
  if (int code = loadMachine(name, "", {}, loaded))
    return code;
  auto buffer = llvm::MemoryBuffer::getFile(measured);
  if (!buffer)
    return complain(measured + ": " + buffer.getError().message(), missing);
  auto value = llvm::json::parse((*buffer)->getBuffer());
  if (!value)
    return complain(measured + ": " + llvm::toString(value.takeError()), usage);
  const llvm::json::Object *file = value->getAsObject();
  const llvm::json::Object *fields = file ? file->getObject("fields") : nullptr;
  machine::CalibrationHead head;
  for (auto [key, text] :
       {std::pair("processor", &head.processor), std::pair("date", &head.date),
        std::pair("command", &head.command)})
    *text = file ? file->getString(key).value_or("").str() : "";
  if (!fields || head.processor.empty() || head.date.empty() ||
      head.command.empty())
    return complain(measured + ": `processor`, `date`, `command` and `fields`, "
                               "paths with values, are expected",
                    usage);
  std::vector<machine::Measurement> measurements;
  for (auto &[path, number] : *fields) {
    auto text = number.getAsString();
    if (!text)
      return complain(measured + ": `" + path.str() + "` is no text", usage);
    measurements.push_back({path.str(), text->str()});
  }
  llvm::sort(measurements, [](auto &a, auto &b) { return a.path < b.path; });
  return writeCalibration(loaded.root, head, measurements, output);
}

} // namespace sennit::tools
