// Thousands of damaged headers, indexes and configurations, the same in every
// run: refused, or unharmed.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Checkpoint.h"
#include "frontends/hf/Config.h"
#include "test/frontends/hf/Files.h"
#include <random>

using namespace sennit::hf;
using namespace sennit::hf::test;

namespace {

/// One to four edits: a byte, a piece of syntax, a number at its limits, a run
/// moved or removed.
std::string mutate(std::string text, std::mt19937 &random) {
  static const std::string pieces[] = {"0",
                                       "-1",
                                       "9223372036854775807",
                                       "18446744073709551616",
                                       "1e999",
                                       "\"",
                                       "{",
                                       "}",
                                       "[",
                                       "]",
                                       ",",
                                       ":",
                                       "\\",
                                       "\\u0000",
                                       "\\ud800",
                                       "null",
                                       "NaN",
                                       "\xff",
                                       std::string(1, '\0'),
                                       "[[[[[[[[",
                                       "\"a\":",
                                       "F32",
                                       "BF16",
                                       "4294967296"};
  for (int edits = 1 + int(random() % 4); edits > 0 && !text.empty(); --edits) {
    size_t at = random() % text.size();
    size_t length = std::min<size_t>(random() % 32, text.size() - at);
    const std::string &piece = pieces[random() % std::size(pieces)];
    switch (random() % 5) {
    case 0:
      text[at] = char(text[at] ^ 1 << random() % 8);
      break;
    case 1:
      text.replace(at, std::min(length, piece.size()), piece);
      break;
    case 2:
      text.insert(at, piece);
      break;
    case 3:
      text.erase(at, length);
      break;
    case 4:
      text.insert(random() % text.size(), text.substr(at, length));
      break;
    }
  }
  return text;
}

constexpr const char *header =
    R"({"__metadata__":{"format":"pt"},)"
    R"("model.embed_tokens.weight":{"dtype":"BF16","shape":[8,4],"data_offsets":[0,64]},)"
    R"("model.norm.weight":{"dtype":"F32","shape":[4],"data_offsets":[64,80]},)"
    R"("empty":{"dtype":"I64","shape":[0,3],"data_offsets":[80,80]}})";

constexpr const char *configuration =
    R"({"architectures":["JambaForCausalLM"],"hidden_size":64,"rms_norm_eps":1e-06,)"
    R"("rope_scaling":{"rope_type":"llama3","factor":8.0},"eos_token_id":[1,2],)"
    R"("time_step_limit":[0.0,Infinity],"limit":{"__float__":"Infinity"},"tied":true})";

/// Everything about an accepted tensor holds, whatever the header was.
void checkTensor(const StoredTensor &tensor, uint64_t fileSize) {
  EXPECT_LE(tensor.begin, tensor.end);
  EXPECT_LE(tensor.end, fileSize);
  for (int64_t extent : tensor.shape)
    EXPECT_GE(extent, 0);
}

} // namespace

TEST(Mutation, HeadersAreRefusedOrSound) {
  std::mt19937 random(1);
  int accepted = 0;
  for (int round = 0; round < 100000; ++round) {
    std::string damaged = mutate(header, random);
    auto tensors = parseSafetensorsHeader("f", damaged, 80);
    if (!tensors) {
      std::string message = llvm::toString(tensors.takeError());
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      continue;
    }
    ++accepted;
    for (const StoredTensor &tensor : *tensors)
      checkTensor(tensor, 8 + damaged.size() + 80);
  }
  // Some edits touch only names; if none is accepted, the test tests nothing.
  EXPECT_GT(accepted, 10);
}

TEST(Mutation, ConfigurationsAreRefusedOrReadable) {
  std::mt19937 random(2);
  int accepted = 0;
  for (int round = 0; round < 100000; ++round) {
    auto config = Config::parse("c", mutate(configuration, random));
    if (!config) {
      llvm::consumeError(config.takeError());
      continue;
    }
    ++accepted;
    EXPECT_GE(config->positive("hidden_size", 1), 1);
    config->number("rms_norm_eps", 0.0);
    config->strings("architectures");
    config->integers("eos_token_id");
    config->numbers("time_step_limit");
    config->number("limit", 0.0);
    config->boolean("tied", false);
    if (auto rope = config->section("rope_scaling"))
      rope->number("factor", 1.0);
    config->unreadKeys();
    llvm::consumeError(config->takeError());
  }
  EXPECT_GT(accepted, 10);
}

TEST(Mutation, FilesAndIndexesAreRefusedOrSound) {
  std::mt19937 random(3);
  Directory directory;
  std::string file = safetensors(header, 80);
  std::string index =
      R"({"metadata":{},"weight_map":{"empty":"w",)"
      R"("model.embed_tokens.weight":"w","model.norm.weight":"w"}})";
  for (int round = 0; round < 500; ++round) {
    bool damagesIndex = random() % 2;
    directory.write("w", damagesIndex ? file : mutate(file, random));
    directory.write("model.safetensors.index.json",
                    damagesIndex ? mutate(index, random) : index);
    auto checkpoint = Checkpoint::open(directory.path());
    if (!checkpoint)
      llvm::consumeError(checkpoint.takeError());
    else if (const Checkpoint::Tensor *tensor = checkpoint->use("empty"))
      checkTensor(tensor->stored, std::filesystem::file_size(tensor->file));
  }
}
