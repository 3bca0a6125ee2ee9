// Runs test cases of the ONNX project.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/tools/Cases.h"

#include "compiler/tools/CaseReference.h"
#include "compiler/tools/Verbs.h"
#include "frontends/onnx/Model.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include <chrono>
#include <cmath>

namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

namespace sennit::tools {

namespace {
/// What became of a case.
struct Outcome {
  enum State { Passed, Wrong, Unsupported, Broken };
  std::string name, operators, message;
  State state = Broken;
  /// The largest |x - expected|, and over what the tolerance permits.
  double error = 0, excess = 0;
  double seconds = 0;

  Outcome &set(State newState, const llvm::Twine &why) {
    state = newState;
    message = why.str();
    return *this;
  }
};

/// One call of a case.
struct DataSet {
  std::vector<std::string> inputs, outputs;
};
} // namespace

static std::string join(llvm::StringRef folder, const llvm::Twine &name) {
  llvm::SmallString<256> result(folder);
  path::append(result, name);
  return std::string(result);
}

bool isCase(llvm::StringRef input) {
  return input.ends_with(".onnx") || fs::exists(join(input, "model.onnx"));
}

static std::vector<std::string> listFiles(llvm::StringRef folder,
                                          llvm::StringRef kind) {
  std::vector<std::string> files;
  for (int number = 0;; ++number) {
    std::string file = join(folder, kind + std::to_string(number) + ".pb");
    if (!fs::exists(file))
      return files;
    files.push_back(std::move(file));
  }
}

static std::vector<DataSet> findData(llvm::StringRef folder,
                                     llvm::StringRef given) {
  std::vector<DataSet> sets;
  if (!given.empty())
    return {{listFiles(given, "input_"), listFiles(given, "output_")}};
  for (int number = 0;; ++number) {
    std::string data = join(folder, "test_data_set_" + llvm::Twine(number));
    if (!fs::is_directory(data))
      return sets;
    sets.push_back({listFiles(data, "input_"), listFiles(data, "output_")});
  }
}

//===-- Numbers
//-------------------------------------------------------------------===//

template <typename T>
static void append(llvm::StringRef bytes, std::vector<double> &values) {
  for (size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    values.push_back(double(value));
  }
}

static void appendHalves(llvm::StringRef bytes, bool isBrain,
                         std::vector<double> &values) {
  const llvm::fltSemantics &kind =
      isBrain ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf();
  for (size_t at = 0; at + 2 <= bytes.size(); at += 2) {
    uint16_t bits;
    std::memcpy(&bits, bytes.data() + at, 2);
    llvm::APFloat value(kind, llvm::APInt(16, bits));
    bool losesInfo;
    value.convert(llvm::APFloat::IEEEdouble(),
                  llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    values.push_back(value.convertToDouble());
  }
}

std::vector<double> readNumbers(int type, llvm::StringRef bytes) {
  using onnx::ElementType;
  std::vector<double> values;
  switch (ElementType(type)) {
  case ElementType::F64:
    append<double>(bytes, values);
    break;
  case ElementType::F32:
    append<float>(bytes, values);
    break;
  case ElementType::F16:
  case ElementType::BF16:
    appendHalves(bytes, ElementType(type) == ElementType::BF16, values);
    break;
  case ElementType::I64:
    append<int64_t>(bytes, values);
    break;
  case ElementType::I32:
    append<int32_t>(bytes, values);
    break;
  case ElementType::I16:
    append<int16_t>(bytes, values);
    break;
  case ElementType::I8:
    append<int8_t>(bytes, values);
    break;
  default:
    append<uint8_t>(bytes, values);
    break;
  }
  return values;
}

static bool isFloat(onnx::ElementType type) {
  using onnx::ElementType;
  return type == ElementType::F64 || type == ElementType::F32 ||
         type == ElementType::F16 || type == ElementType::BF16;
}

/// Compares bytes with what was expected, and widens the outcome's errors. Only
/// floats may differ; NaN equals NaN, and an infinity itself.
static void compare(const onnx::StoredTensor &expected, llvm::StringRef bytes,
                    const CaseOptions &options, Outcome &outcome) {
  if (!isFloat(expected.type)) {
    if (bytes != expected.data)
      outcome.error = outcome.excess = INFINITY;
    return;
  }
  std::vector<double> wanted = readNumbers(int(expected.type), expected.data),
                      got = readNumbers(int(expected.type), bytes);
  for (size_t i = 0; i < wanted.size(); ++i) {
    bool isSame =
        got[i] == wanted[i] || (std::isnan(got[i]) && std::isnan(wanted[i]));
    double error = isSame ? 0 : std::abs(got[i] - wanted[i]);
    if (std::isnan(error))
      error = INFINITY;
    double permitted =
        options.absolute + options.relative * std::abs(wanted[i]);
    outcome.error = std::max(outcome.error, error);
    outcome.excess = std::max(
        outcome.excess, std::isfinite(permitted) ? error / permitted : error);
  }
}

//===-- Calls
//---------------------------------------------------------------------===//

static sennit_element elementOf(onnx::ElementType type) {
  using onnx::ElementType;
  static constexpr std::pair<ElementType, sennit_element> table[] = {
      {ElementType::F64, SENNIT_ELEMENT_F64},
      {ElementType::F32, SENNIT_ELEMENT_F32},
      {ElementType::F16, SENNIT_ELEMENT_F16},
      {ElementType::BF16, SENNIT_ELEMENT_BF16},
      {ElementType::I64, SENNIT_ELEMENT_I64},
      {ElementType::I32, SENNIT_ELEMENT_I32},
      {ElementType::I16, SENNIT_ELEMENT_I16},
      {ElementType::I8, SENNIT_ELEMENT_I8},
      {ElementType::Bool, SENNIT_ELEMENT_BOOL}};
  for (auto [from, to] : table)
    if (from == type)
      return to;
  return sennit_element(0);
}

namespace {
/// A compiled case, loaded, with the tensors of one call.
class Call {
public:
  Call(Outcome &outcome) : outcome(outcome) {}

  bool load(const std::string &artifact) {
    sennit_module *loaded = nullptr;
    sennit_context *created = nullptr;
    if (sennit_module_load(artifact.c_str(), nullptr, &loaded, &error))
      return refuse();
    module.reset(loaded);
    if (sennit_context_create(loaded, &created, &error))
      return refuse();
    context.reset(created);
    return !sennit_module_find_entry(loaded, "main", &entry, &error) ||
           refuse();
  }

  /// Reads the tensors of files and checks that they are what the entry wants.
  bool readTensors(llvm::ArrayRef<std::string> files, bool areInputs,
                   std::vector<onnx::StoredTensor> &tensors) {
    sennit_entry_info info = {};
    info.size = sizeof(info);
    sennit_module_get_entry(module.get(), entry, &info, nullptr);
    uint64_t count = areInputs ? info.input_count : info.output_count;
    if (files.size() != count)
      return refuse(llvm::Twine(files.size()) + " files of " +
                    (areInputs ? "inputs" : "outputs") + " for " +
                    llvm::Twine(count));
    for (auto [index, file] : llvm::enumerate(files)) {
      auto tensor = onnx::readTensorFile(file);
      if (!tensor)
        return refuse(llvm::toString(tensor.takeError()));
      if (!matches(*tensor, index, areInputs))
        return refuse(file + ": not the tensor that the model has here");
      tensors.push_back(std::move(*tensor));
    }
    return true;
  }

  bool run(llvm::ArrayRef<onnx::StoredTensor> inputs,
           llvm::MutableArrayRef<std::vector<char>> outputs) {
    std::vector<sennit_buffer> from, to;
    for (const onnx::StoredTensor &input : inputs)
      from.push_back(
          {const_cast<char *>(input.data.data()), input.data.size()});
    for (std::vector<char> &output : outputs)
      to.push_back({output.data(), output.size()});
    return !sennit_context_call(context.get(), entry, from.data(), from.size(),
                                to.data(), to.size(), &error) ||
           refuse();
  }

private:
  bool matches(const onnx::StoredTensor &tensor, size_t index, bool isInput) {
    sennit_tensor_info info = {};
    info.size = sizeof(info);
    auto get = isInput ? sennit_module_get_input : sennit_module_get_output;
    return get(module.get(), entry, index, &info, &error) == SENNIT_STATUS_OK &&
           info.element == elementOf(tensor.type) &&
           llvm::ArrayRef(info.shape, info.rank) ==
               llvm::ArrayRef<int64_t>(tensor.shape) &&
           info.bytes == tensor.data.size();
  }
  bool refuse() { return refuse(error.message); }
  bool refuse(const llvm::Twine &why) {
    outcome.set(Outcome::Broken, why);
    return false;
  }

  Outcome &outcome;
  ModulePtr module;
  ContextPtr context;
  uint64_t entry = 0;
  sennit_error error = {};
};
} // namespace

/// Compiles a case to an artifact, or where no name for one is given, imports
/// it to the report's text.
static bool compileCase(const std::string &model, const DataSet &data,
                        const std::string &artifact, CompileReport &report,
                        Outcome &outcome) {
  CompileOptions options;
  options.input = model;
  options.inputTensors = data.inputs;
  options.output = artifact;
  if (artifact.empty())
    options.stopAfter = "import";
  llvm::Error error =
      compile(options, report, [](llvm::StringRef, int64_t, int64_t) {});
  bool good = !error;
  llvm::handleAllErrors(
      std::move(error),
      [&](const CompileError &reason) {
        outcome.set(reason.exitCode == unsupported ? Outcome::Unsupported
                                                   : Outcome::Broken,
                    reason.message);
      },
      [&](const llvm::ErrorInfoBase &reason) {
        outcome.set(Outcome::Broken, reason.message());
      });
  return good;
}

using Tensors = std::vector<onnx::StoredTensor>;
using Outputs = std::vector<std::vector<char>>;

static bool readFiles(llvm::ArrayRef<std::string> files, Tensors &tensors,
                      Outcome &outcome) {
  for (const std::string &file : files) {
    auto tensor = onnx::readTensorFile(file);
    if (!tensor) {
      outcome.set(Outcome::Broken, llvm::toString(tensor.takeError()));
      return false;
    }
    tensors.push_back(std::move(*tensor));
  }
  return true;
}

/// Interprets a case for the inputs of one call.
static bool interpret(const std::string &model, const DataSet &data,
                      Tensors &expected, Outputs &outputs, Outcome &outcome) {
  CompileReport report;
  Tensors inputs;
  if (!compileCase(model, data, "", report, outcome) ||
      !readFiles(data.inputs, inputs, outcome) ||
      !readFiles(data.outputs, expected, outcome))
    return false;
  auto computed = interpretCase(report.text, inputs, expected);
  if (!computed) {
    outcome.set(Outcome::Broken, llvm::toString(computed.takeError()));
    return false;
  }
  outputs = std::move(*computed);
  return true;
}

/// Compiles a case for the inputs of one call and runs it.
static bool execute(const std::string &model, const DataSet &data,
                    Tensors &expected, Outputs &outputs, Outcome &outcome) {
  llvm::SmallString<128> artifact;
  if (auto code = fs::createTemporaryFile("sennit-case", "snt", artifact)) {
    outcome.set(Outcome::Broken, code.message());
    return false;
  }
  llvm::FileRemover remover(artifact);
  Call call(outcome);
  CompileReport report;
  Tensors inputs;
  if (!compileCase(model, data, std::string(artifact), report, outcome) ||
      !call.load(std::string(artifact)) ||
      !call.readTensors(data.inputs, true, inputs) ||
      !call.readTensors(data.outputs, false, expected))
    return false;
  for (const onnx::StoredTensor &tensor : expected)
    // What is not written must not look right.
    outputs.emplace_back(tensor.data.size(), char(0x5a));
  return call.run(inputs, outputs);
}

/// Calls a case with the inputs of one call, and compares.
static bool runDataSet(const std::string &model, const DataSet &data,
                       const CaseOptions &options, Outcome &outcome) {
  Tensors expected;
  Outputs outputs;
  auto call = options.isInterpreted ? interpret : execute;
  if (!call(model, data, expected, outputs, outcome))
    return false;
  for (auto [tensor, bytes] : llvm::zip_equal(expected, outputs))
    compare(tensor, llvm::StringRef(bytes.data(), bytes.size()), options,
            outcome);
  if (outcome.excess <= 1)
    return true;
  outcome.set(Outcome::Wrong, "differs from what is expected");
  return false;
}

static std::string nameOperators(const std::string &model) {
  auto read = onnx::readModel(model);
  if (!read) {
    llvm::consumeError(read.takeError());
    return "";
  }
  std::vector<std::string> names;
  for (const onnx::Node &node : read->graph.nodes)
    if (!llvm::is_contained(names, node.operation))
      names.push_back(node.operation);
  return llvm::join(names, ", ");
}

static Outcome runCase(llvm::StringRef input, const CaseOptions &options) {
  Outcome outcome;
  bool isModel = input.ends_with(".onnx");
  std::string model = isModel ? input.str() : join(input, "model.onnx");
  outcome.name = path::filename(input.rtrim('/')).str();
  outcome.operators = nameOperators(model);
  auto start = std::chrono::steady_clock::now();
  std::vector<DataSet> sets =
      findData(isModel ? path::parent_path(input) : input, options.data);
  if (sets.empty() || sets.front().outputs.empty())
    return outcome.set(Outcome::Broken,
                       "no `test_data_set_0` with `output_0.pb` beside the "
                       "model; give its folder with --inputs");
  outcome.state = Outcome::Passed;
  for (const DataSet &data : sets)
    if (!runDataSet(model, data, options, outcome))
      break;
  std::chrono::duration<double> taken =
      std::chrono::steady_clock::now() - start;
  outcome.seconds = taken.count();
  return outcome;
}

//===-- Reports
//-------------------------------------------------------------------===//

static llvm::StringRef spell(Outcome::State state) {
  static constexpr llvm::StringRef names[] = {"passed", "wrong", "unsupported",
                                              "broken"};
  return names[state];
}

static void printLine(const Outcome &outcome, size_t width) {
  llvm::outs() << llvm::left_justify(outcome.name, width) << "  "
               << llvm::left_justify(spell(outcome.state), 11);
  bool wasCompared =
      outcome.state == Outcome::Passed || outcome.state == Outcome::Wrong;
  if (wasCompared)
    llvm::outs() << llvm::format("  error %.1e, %.2g of the tolerance",
                                 outcome.error, outcome.excess);
  else
    llvm::outs() << "  " << outcome.message;
  llvm::outs() << "\n";
  llvm::outs().flush();
}

static llvm::json::Value toJson(const Outcome &outcome) {
  llvm::json::Object object{{"case", outcome.name},
                            {"operators", outcome.operators},
                            {"state", spell(outcome.state)}};
  if (outcome.state == Outcome::Passed || outcome.state == Outcome::Wrong) {
    // JSON has no infinity.
    object["error"] = std::min(outcome.error, 1e300);
    object["of_tolerance"] = std::min(outcome.excess, 1e300);
  }
  if (!outcome.message.empty())
    object["message"] = outcome.message;
  return object;
}

int runCases(const CaseOptions &options) {
  size_t width = 0, passed = 0;
  for (const std::string &input : options.inputs)
    width = std::max(width,
                     path::filename(llvm::StringRef(input).rtrim('/')).size());
  llvm::json::Array list;
  bool areUnsupported = true;
  for (const std::string &input : options.inputs) {
    Outcome outcome = runCase(input, options);
    passed += outcome.state == Outcome::Passed;
    areUnsupported &= outcome.state == Outcome::Passed ||
                      outcome.state == Outcome::Unsupported;
    if (options.json)
      list.push_back(toJson(outcome));
    else
      printLine(outcome, width);
  }
  if (options.json)
    llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(list)))
                 << "\n";
  else if (options.inputs.size() > 1)
    llvm::outs() << passed << " of " << options.inputs.size()
                 << " cases passed\n";
  if (passed == options.inputs.size())
    return done;
  return areUnsupported ? unsupported : failed;
}

} // namespace sennit::tools
