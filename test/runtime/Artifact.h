// Writes artifacts for tests: the demonstration module, whole or damaged.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_TEST_RUNTIME_ARTIFACT_H
#define SENNIT_TEST_RUNTIME_ARTIFACT_H

#include <cstdint>
#include <string>
#include <vector>

namespace sennit::test {

struct Member {
  std::string name;
  std::string data;
};

/// A stored ZIP whose members' data begin at multiples of 64; |wide| writes
/// every size as ZIP64.
std::string writeZip(const std::vector<Member> &members, bool wide = false);

std::string sha256Hex(const std::string &data);

void writeFile(const std::string &path, const std::string &data);
std::string readFile(const std::string &path);

/// A folder of this test's own, made empty.
std::string makeFolder(const std::string &name);

/// |text| with the first |from|, which must be there, replaced.
std::string replaceOnce(std::string text, const std::string &from,
                        const std::string &to);

/// The demonstration module as an artifact.
struct Demo {
  static constexpr int vocabulary = 256, width = 8, context = 64, piece = 16,
                       offered = 5;

  explicit Demo(uint32_t seed = 1);

  /// The manifest of the object and the weight file.
  std::string manifest() const;
  /// An artifact with |manifestText|, by default `manifest()`.
  std::string artifact() const { return artifact(manifest()); }
  std::string artifact(const std::string &manifestText) const;
  /// Writes weights and artifact into |folder|; returns the artifact's path.
  std::string install(const std::string &folder) const;

  /// What the logits after each of |tokens| are, computed here.
  std::vector<std::vector<float>> expect(const std::vector<int> &tokens) const;

  std::string object;
  std::string weights;
  bool isEmbedded = false, hasVerify = false, hasSnapshots = false;
  std::string features;

private:
  std::vector<float> embedding, projection;
};

} // namespace sennit::test

#endif // SENNIT_TEST_RUNTIME_ARTIFACT_H
