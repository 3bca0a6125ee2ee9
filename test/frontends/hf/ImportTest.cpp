// The importer as a library: its options, its classes of errors, and damaged
// configurations of real models.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "test/frontends/hf/Files.h"
#include <cstdlib>
#include <random>
#include <regex>
#include <sstream>

using namespace sennit;
using namespace sennit::hf;
using namespace sennit::hf::test;
namespace fs = std::filesystem;

namespace {

fs::path models() {
  return fs::path(std::getenv("SENNIT_TEST_DATA")) / "models";
}

std::string readText(const fs::path &file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// 0 for a module, 1 for broken input, 4 for unsupported input; an accepted
/// module verifies.
int importClass(const std::string &directory, ImportOptions options,
                std::string *message = nullptr) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importHuggingFace(directory, options, context);
  int result = 0;
  if (!module)
    llvm::handleAllErrors(module.takeError(), [&](const ImportError &error) {
      result = error.unsupported ? 4 : 1;
      EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
      if (message)
        *message = error.message;
    });
  return result;
}

/// A copy of a model without its golden outputs.
struct ModelCopy : Directory {
  explicit ModelCopy(const std::string &model) {
    for (const auto &file : fs::directory_iterator(models() / model))
      if (file.path().filename() != "golden.safetensors")
        fs::copy(file.path(), path());
  }
};

/// Another value for one key of a configuration, at whatever depth.
std::string changeOneValue(const std::string &config, std::mt19937 &random) {
  static const char *values[] = {"0",    "1",     "2",    "3",    "7",
                                 "-1",   "1.5",   "null", "true", "2147483647",
                                 "1e30", "\"x\"", "[]",   "{}",   "Infinity"};
  static const std::regex member(
      R"re(("[a-z_]+": )(-?[0-9.e+-]+|true|false|null|"[^"]*"))re");
  std::sregex_iterator first(config.begin(), config.end(), member), last;
  std::vector<std::smatch> found(first, last);
  const std::smatch &chosen = found[random() % found.size()];
  std::string changed = config;
  return changed.replace(chosen.position(2), chosen.length(2),
                         values[random() % std::size(values)]);
}

} // namespace

TEST(Import, ImportsEveryModel) {
  for (const auto &model : fs::directory_iterator(models()))
    EXPECT_EQ(importClass(model.path(), {64}), 0) << model.path();
}

TEST(Import, PutsOptionsIntoTheModel) {
  mlir::MLIRContext context;
  auto attribute = [&](ImportOptions options, const char *name) {
    auto module = llvm::cantFail(
        importHuggingFace((models() / "llama3").string(), options, context));
    auto facts = module->getOperation()->getAttrOfType<mlir::DictionaryAttr>(
        "seq.model");
    return mlir::cast<mlir::IntegerAttr>(facts.get(name)).getInt();
  };
  EXPECT_EQ(attribute({}, "context"), 256); // max_position_embeddings
  EXPECT_EQ(attribute({}, "chunk"), 256);
  EXPECT_EQ(attribute({64}, "context"), 64);
  EXPECT_EQ(attribute({64}, "chunk"), 64);
  EXPECT_EQ(attribute({64, 8}, "chunk"), 8);
}

TEST(Import, RefusesOptionsOutOfRange) {
  std::string model = (models() / "llama").string();
  EXPECT_EQ(importClass(model, {-1}), 1);
  EXPECT_EQ(importClass(model, {64, 0}), 1);
  EXPECT_EQ(importClass(model, {int64_t(1) << 40}), 1);
}

TEST(Import, TellsBrokenFromUnsupported) {
  std::string message;
  EXPECT_EQ(importClass("/nowhere", {}, &message), 1);
  EXPECT_EQ(message, "/nowhere: not a directory");
  ModelCopy copy("llama");
  std::string config = readText(copy.path("config.json"));
  copy.write("config.json",
             std::regex_replace(config, std::regex("Llama"), "Lama"));
  EXPECT_EQ(importClass(copy.path(), {}, &message), 4);
  EXPECT_NE(message.find("`LamaForCausalLM`"), std::string::npos) << message;
}

TEST(Import, WarnsOnceOfKeysThatItDoesNotUnderstand) {
  ModelCopy copy("llama");
  std::string config = readText(copy.path("config.json"));
  copy.write("config.json",
             "{\"new_a\": 1, \"new_b\": [2]," + config.substr(1));
  std::vector<std::string> warnings;
  auto warn = [&](llvm::StringRef text) { warnings.push_back(text.str()); };
  EXPECT_EQ(importClass(copy.path(), {64, 256, warn}), 0);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("`new_a`, `new_b`"), std::string::npos);
}

// A second layer that the configuration calls a predictor is not missed; one
// that it does not name is an error as ever.
TEST(Import, LeavesPredictorsAside) {
  ModelCopy copy("deepseek-v3");
  std::string config = std::regex_replace(
      readText(copy.path("config.json")),
      std::regex("\"num_hidden_layers\": 2"), "\"num_hidden_layers\": 1");
  copy.write("config.json", config);
  EXPECT_EQ(importClass(copy.path(), {64}), 1);
  copy.write("config.json",
             std::regex_replace(config,
                                std::regex("\"num_nextn_predict_layers\": 0"),
                                "\"num_nextn_predict_layers\": 3"));
  EXPECT_EQ(importClass(copy.path(), {64}), 0);
}

TEST(Import, TakesEndOfTextFromTheGenerationConfiguration) {
  ModelCopy copy("llama");
  auto endOfText = [&] {
    mlir::MLIRContext context;
    auto module = llvm::cantFail(importHuggingFace(copy.path(), {64}, context));
    auto facts = module->getOperation()->getAttrOfType<mlir::DictionaryAttr>(
        "seq.model");
    return mlir::cast<mlir::DenseI64ArrayAttr>(facts.get("end_of_text"))
        .asArrayRef()
        .vec();
  };
  EXPECT_EQ(endOfText(), std::vector<int64_t>{2});
  copy.write("generation_config.json", R"({"temperature": 0.6})");
  EXPECT_EQ(endOfText(), std::vector<int64_t>{2});
  copy.write("generation_config.json", R"({"eos_token_id": [5, 7]})");
  EXPECT_EQ(endOfText(), (std::vector<int64_t>{5, 7}));
  copy.write("generation_config.json", R"({"eos_token_id": "end"})");
  EXPECT_EQ(importClass(copy.path(), {64}), 1);
}

TEST(Import, DamagedConfigurationsAreRefusedOrImported) {
  int rounds = std::getenv("SENNIT_ROUNDS")
                   ? std::atoi(std::getenv("SENNIT_ROUNDS"))
                   : 40;
  std::mt19937 random(4);
  for (const auto &model : fs::directory_iterator(models())) {
    ModelCopy copy(model.path().filename());
    std::string config = readText(copy.path("config.json"));
    int refused = 0;
    for (int round = 0; round < rounds; ++round) {
      std::string damaged = changeOneValue(config, random);
      copy.write("config.json",
                 random() % 2 ? damaged : changeOneValue(damaged, random));
      refused += importClass(copy.path(), {64}) != 0;
    }
    EXPECT_GT(refused, 0) << model.path();
  }
}
