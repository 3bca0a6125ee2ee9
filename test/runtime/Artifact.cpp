// The artifact writer of the tests, independent of the compiler's.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "test/runtime/Artifact.h"

#include "runtime/artifact/Sha256.h"
#include "runtime/artifact/Zip.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>
#include <unistd.h>

namespace sennit::test {

template <typename T> static void put(std::string &out, T value) {
  out.append(reinterpret_cast<const char *>(&value), sizeof(value));
}

/// The part that both headers share, from the version to the extra's length.
static void putShared(std::string &out, const Member &member, bool wide,
                      uint16_t extraBytes) {
  put<uint16_t>(out, wide ? 45 : 20);
  put<uint16_t>(out, 0);          // flags
  put<uint16_t>(out, 0);          // stored
  put<uint32_t>(out, 0x00210000); // 1980-01-01
  put<uint32_t>(out, computeCrc32(member.data.data(), member.data.size()));
  uint32_t size = wide ? 0xffffffff : uint32_t(member.data.size());
  put<uint32_t>(out, size);
  put<uint32_t>(out, size);
  put<uint16_t>(out, uint16_t(member.name.size()));
  put<uint16_t>(out, extraBytes);
}

static void putWide(std::string &out, const Member &member,
                    const uint64_t *offset) {
  put<uint16_t>(out, 1);
  put<uint16_t>(out, offset ? 24 : 16);
  put<uint64_t>(out, member.data.size());
  put<uint64_t>(out, member.data.size());
  if (offset)
    put<uint64_t>(out, *offset);
}

std::string writeZip(const std::vector<Member> &members, bool wide) {
  std::string out, directory;
  for (const Member &member : members) {
    uint64_t offset = out.size();
    size_t extra = wide ? 20 : 0;
    size_t data = offset + 30 + member.name.size() + extra + 4;
    size_t padding = (64 - data % 64) % 64;
    put<uint32_t>(out, 0x04034b50);
    putShared(out, member, wide, uint16_t(extra + 4 + padding));
    out += member.name;
    if (wide)
      putWide(out, member, nullptr);
    put<uint16_t>(out, 0xd935);
    put<uint16_t>(out, uint16_t(padding));
    out.append(padding, 0);
    out += member.data;
    put<uint32_t>(directory, 0x02014b50);
    put<uint16_t>(directory, wide ? 45 : 20);
    putShared(directory, member, wide, wide ? 28 : 0);
    directory.append(10, 0); // comment, volume, attributes
    put<uint32_t>(directory, wide ? 0xffffffff : uint32_t(offset));
    directory += member.name;
    if (wide)
      putWide(directory, member, &offset);
  }
  uint64_t start = out.size();
  out += directory;
  if (wide) {
    uint64_t end = out.size();
    put<uint32_t>(out, 0x06064b50);
    put<uint64_t>(out, 44);
    put<uint32_t>(out, 45 << 16 | 45);
    put<uint64_t>(out, 0);
    put<uint64_t>(out, members.size());
    put<uint64_t>(out, members.size());
    put<uint64_t>(out, directory.size());
    put<uint64_t>(out, start);
    put<uint32_t>(out, 0x07064b50);
    put<uint32_t>(out, 0);
    put<uint64_t>(out, end);
    put<uint32_t>(out, 1);
  }
  put<uint32_t>(out, 0x06054b50);
  put<uint32_t>(out, 0);
  put<uint16_t>(out, wide ? 0xffff : uint16_t(members.size()));
  put<uint16_t>(out, wide ? 0xffff : uint16_t(members.size()));
  put<uint32_t>(out, wide ? 0xffffffff : uint32_t(directory.size()));
  put<uint32_t>(out, wide ? 0xffffffff : uint32_t(start));
  put<uint16_t>(out, 0);
  return out;
}

std::string sha256Hex(const std::string &data) {
  char text[65];
  formatSha256(hashSha256Portable(data.data(), data.size()), text);
  return text;
}

void writeFile(const std::string &path, const std::string &data) {
  // Rewriting in place would wait for the disk on some file systems.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary)
      .write(data.data(), std::streamsize(data.size()));
}

std::string readFile(const std::string &path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

namespace {

/// The folder of this process, removed with all that tests left in it.
struct Workplace {
  Workplace()
      : path(std::filesystem::temp_directory_path() /
             ("sennit-" + std::to_string(getpid()))) {}
  ~Workplace() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

} // namespace

std::string makeFolder(const std::string &name) {
  static Workplace workplace;
  std::filesystem::path path = workplace.path / name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path.string();
}

std::string replaceOnce(std::string text, const std::string &from,
                        const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

Demo::Demo(uint32_t seed) : object(readFile(SENNIT_DemoModule)) {
  std::mt19937 random(seed);
  for (std::vector<float> *values : {&embedding, &projection})
    for (int i = 0; i < vocabulary * width; ++i)
      values->push_back(float(int(random() % 2001) - 1000) / 1000);
  weights = "eight by"; // weights need not begin where a file does
  for (std::vector<float> *values : {&embedding, &projection})
    weights.append(reinterpret_cast<char *>(values->data()),
                   values->size() * sizeof(float));
}

static std::string entry(const std::string &name, const std::string &function,
                         int maxTokens, const std::string &rows) {
  std::string text =
      R"({"name": ")" + name + R"(", "symbol": "demo_)" + function;
  text += R"(", "max_tokens": )" + std::to_string(maxTokens);
  text += R"(, "scalars": ["tokens", "past"], "arguments": [
    {"kind": "constants"}, {"kind": "arena"}, {"kind": "state"},
    {"kind": "input", "name": "tokens", "dtype": "i32", "shape": ["tokens"]},
    {"kind": "output", "name": "logits", "dtype": "f32", "shape": [)";
  return text + rows + ", 256]}]}";
}

std::string Demo::manifest() const {
  const std::string path = isEmbedded ? "weights/demo.bin" : "demo.bin";
  const std::string bytes = std::to_string(vocabulary * width * 4);
  std::ostringstream out;
  out << R"({"format": "sennit-artifact", "version": 1, "abi": 1,
  "producer": "sennit test",
  "machine": {"name": "cpu", "isa": "x86-64", "features": [)"
      << features << R"(]},
  "model": {"architecture": "demo", "vocabulary": 256, "context": 64,
            "byte_level": true, "end_of_text": [0]},
  "sections": [{"name": "code/demo.o", "bytes": )"
      << object.size() << R"(, "sha256": ")" << sha256Hex(object) << R"("}],
  "files": [{"path": ")"
      << path << R"(", "bytes": )" << weights.size() << R"(, "sha256": ")"
      << sha256Hex(weights) << '"'
      << (isEmbedded ? R"(, "embedded": true)" : "") << R"(}],
  "memory": {"constants": 16384, "state": 288, "arena": 1024, "scratch": 64},
  "state": [{"name": "hidden", "offset": 0, "dtype": "f32", "shape": [8], "roll_back": ")"
      << (hasSnapshots ? "snapshots" : "copy") << R"("},
            {"name": "seen", "offset": 32, "dtype": "i32", "shape": [64], "roll_back": "position"}],
  "kernels": ["pack", "project"],
  "entries": [
    {"name": "initialize", "symbol": "demo_initialize", "scalars": [], "arguments": [
      {"kind": "constants"}, {"kind": "arena"},
      {"kind": "weight", "name": "E", "file": 0, "offset": 8, "bytes": )"
      << bytes << R"(},
      {"kind": "weight", "name": "W", "file": 0, "offset": )"
      << 8 + vocabulary * width * 4 << R"(, "bytes": )" << bytes << "}]},\n"
      << entry("prefill", "prefill", piece, "1") << ",\n"
      << entry("decode", "decode", 1, "1") << ",\n";
  // What verify computes is what score computes.
  if (hasVerify)
    out << entry("verify", "score", offered, "\"tokens\"") << ",\n";
  out << entry("score", "score", piece, "\"tokens\"") << R"(,
    {"name": "trace", "symbol": "demo_trace", "max_tokens": 16, "scalars": ["tokens", "past"], "arguments": [
      {"kind": "constants"}, {"kind": "arena"}, {"kind": "state"},
      {"kind": "input", "name": "tokens", "dtype": "i32", "shape": ["tokens"]},
      {"kind": "output", "name": "hidden", "dtype": "f32", "shape": ["tokens", 8]}]},
    {"name": "blend", "symbol": "demo_blend", "scalars": [], "arguments": [
      {"kind": "input", "name": "a", "dtype": "f32", "shape": [2, 3]},
      {"kind": "input", "name": "b", "dtype": "i64", "shape": [3]},
      {"kind": "output", "name": "y", "dtype": "f32", "shape": [2, 3]},
      {"kind": "output", "name": "positive", "dtype": "bool", "shape": [2]},
      {"kind": "output", "name": "nothing", "dtype": "f64", "shape": [0]}]},
    {"name": "sample", "symbol": "demo_sample", "scalars": [], "arguments": [
      {"kind": "input", "name": "logits", "dtype": "f32", "shape": [1, 256]},
      {"kind": "input", "name": "uniform", "dtype": "f64", "shape": [1]},
      {"kind": "input", "name": "temperature", "dtype": "f32", "shape": [1]},
      {"kind": "input", "name": "top_k", "dtype": "i32", "shape": [1]},
      {"kind": "input", "name": "top_p", "dtype": "f32", "shape": [1]},
      {"kind": "output", "name": "token", "dtype": "i32", "shape": [1]}]}]}
)";
  return out.str();
}

std::string Demo::artifact(const std::string &manifestText) const {
  std::vector<Member> members = {{"manifest.json", manifestText},
                                 {"code/demo.o", object}};
  if (isEmbedded)
    members.push_back({"weights/demo.bin", weights});
  return writeZip(members);
}

std::string Demo::install(const std::string &folder) const {
  if (!isEmbedded)
    writeFile(folder + "/demo.bin", weights);
  writeFile(folder + "/demo.snt", artifact());
  return folder + "/demo.snt";
}

std::vector<std::vector<float>>
Demo::expect(const std::vector<int> &tokens) const {
  std::vector<std::vector<float>> rows;
  float hidden[width] = {};
  for (size_t p = 0; p < tokens.size(); ++p) {
    for (int d = 0; d < width; ++d)
      hidden[d] = 0.5f * hidden[d] + embedding[tokens[p] * width + d] +
                  0.01f * float(p);
    std::vector<float> row(vocabulary);
    for (int v = 0; v < vocabulary; ++v)
      for (int d = 0; d < width; ++d)
        row[v] += hidden[d] * projection[v * width + d];
    rows.push_back(row);
  }
  return rows;
}

} // namespace sennit::test
