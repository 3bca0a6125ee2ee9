// Turns a Hugging Face model directory (config.json and safetensors) into a
// verified seq module.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Import.h"
#include "dialects/seq/Seq.h"
#include "frontends/hf/Checkpoint.h"
#include "frontends/hf/Config.h"
#include "frontends/hf/Families.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;
using llvm::Twine;

namespace {

constexpr uint64_t maxConfigSize = 4'000'000;
constexpr int64_t defaultContext = 4096;
/// Tables of positions are made for every token of the context, so it is
/// bounded.
constexpr int64_t maxContext = 1 << 20;

llvm::Expected<Config> readConfig(StringRef directory, StringRef name) {
  llvm::Expected<std::string> file = resolveInside(directory, name);
  if (!file)
    return file.takeError();
  auto buffer = readBounded(*file, maxConfigSize);
  if (!buffer)
    return buffer.takeError();
  return Config::parse(*file, (*buffer)->getBuffer());
}

bool hasFile(StringRef directory, StringRef name) {
  llvm::SmallString<256> file(directory);
  llvm::sys::path::append(file, name);
  return llvm::sys::fs::exists(file);
}

/// The family of the configuration, by `architectures[0]` and only without it
/// by `model_type`: the same type with another head is another model, and one
/// type has meant different networks.
llvm::Expected<const Family *> findFamily(Config &config) {
  std::vector<std::string> architectures = config.strings("architectures");
  StringRef modelType = config.string("model_type", "");
  if (llvm::Error error = config.takeError())
    return error;
  std::string wanted =
      architectures.empty() ? modelType.str() : architectures.front();
  std::vector<StringRef> known;
  for (const Family &family : families) {
    if (wanted ==
        (architectures.empty() ? family.modelType : family.architecture))
      return &family;
    known.push_back(family.architecture);
  }
  return unsupportedInput(config.file() + ": architecture " + quoted(wanted) +
                          " is not supported; supported are " +
                          llvm::join(known, ", "));
}

ModelFacts readFacts(Config &config, const Family &family, StringRef directory,
                     const ImportOptions &options) {
  ModelFacts facts;
  facts.architecture = family.modelType.str();
  facts.vocabulary = config.positive("vocab_size");
  facts.width = config.positive("hidden_size");
  int64_t trained = config.positive("max_position_embeddings", defaultContext);
  facts.context =
      options.context > 0 ? options.context : std::min(trained, defaultContext);
  facts.chunk = std::min(options.chunk, facts.context);
  llvm::append_range(facts.endOfText, config.integers("eos_token_id"));
  facts.byteLevel =
      facts.vocabulary == 256 && !hasFile(directory, "tokenizer.json");
  return facts;
}

/// Chat models end their turns by tokens that only generation_config.json
/// lists; generation stops where that file says.
llvm::Error readGeneration(StringRef directory, ModelFacts &facts) {
  constexpr StringRef name = "generation_config.json";
  if (!hasFile(directory, name))
    return llvm::Error::success();
  llvm::Expected<Config> config = readConfig(directory, name);
  if (!config)
    return config.takeError();
  std::vector<int64_t> tokens = config->integers("eos_token_id");
  if (!tokens.empty())
    facts.endOfText.assign(tokens.begin(), tokens.end());
  return config->takeError();
}

void warnOfConfig(const Config &config, const ImportOptions &options) {
  for (const std::string &note : config.notes())
    if (options.warn)
      options.warn(note);
  std::vector<std::string> keys;
  for (const std::string &key : config.unreadKeys())
    keys.push_back(quoted(key));
  if (!keys.empty() && options.warn)
    options.warn((config.file() + ": keys not understood, and ignored: " +
                  llvm::join(keys, ", "))
                     .str());
}

} // namespace

/// The type of tensors that nobody has stored, as safetensors spells it.
static StringRef readElementType(Config &config) {
  StringRef type =
      config.string(config.has("dtype") ? "dtype" : "torch_dtype", "bfloat16");
  return type == "float32" ? "F32" : type == "float16" ? "F16" : "BF16";
}

llvm::Expected<OwningOpRef<ModuleOp>>
sennit::hf::importHuggingFace(StringRef directory, const ImportOptions &options,
                              MLIRContext &context) {
  if (options.context < 0 || options.context > maxContext || options.chunk < 1)
    return brokenInput("a context of " + Twine(options.context) +
                       " tokens with chunks of " + Twine(options.chunk) +
                       ": the context is at most " + Twine(maxContext) +
                       ", the chunk at least 1");
  if (!llvm::sys::fs::is_directory(directory))
    return brokenInput(directory + ": not a directory");
  llvm::Expected<Config> config = readConfig(directory, "config.json");
  if (!config)
    return config.takeError();
  llvm::Expected<const Family *> family = findFamily(*config);
  if (!family)
    return family.takeError();
  std::optional<StoredQuantization> quantization = readQuantization(*config);
  ModelFacts facts = readFacts(*config, **family, directory, options);
  if (llvm::Error error = config->takeError())
    return error;
  if (llvm::Error error = readGeneration(directory, facts))
    return error;
  bool isImagined = options.imaginesWeights && !Checkpoint::exists(directory);
  llvm::Expected<Checkpoint> checkpoint =
      isImagined ? Checkpoint::imagine(directory, readElementType(*config))
                 : Checkpoint::open(directory);
  if (!checkpoint)
    return checkpoint.takeError();

  context.loadDialect<seq::SeqDialect, arith::ArithDialect, func::FuncDialect,
                      linalg::LinalgDialect, math::MathDialect,
                      tensor::TensorDialect>();
  ModelBuilder model(*checkpoint, std::move(facts), quantization, context);
  (*family)->build(model, *config);
  if (llvm::Error error = config->takeError())
    return error;
  llvm::Expected<OwningOpRef<ModuleOp>> module = model.takeModule();
  if (module)
    warnOfConfig(*config, options);
  return module;
}

void sennit::hf::registerImportDialects(DialectRegistry &registry) {
  registry.insert<seq::SeqDialect, arith::ArithDialect, func::FuncDialect,
                  linalg::LinalgDialect, math::MathDialect,
                  tensor::TensorDialect>();
}
