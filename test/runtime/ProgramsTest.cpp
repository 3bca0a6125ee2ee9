// Artifacts of several programs: the first that can run here does, and nothing
// hides between them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/runtime/Loaded.h"

using namespace sennit::test;

/// A container of the demonstration module for each of |machines|, in folders
/// `0/`, `1/` ..; what it says of its processor stands in |features|.
struct Programs {
  explicit Programs(std::vector<std::string> machines)
      : machines(std::move(machines)) {}

  std::string manifest(size_t number) const {
    std::string folder = std::to_string(number) + "/";
    std::string text =
        replaceOnce(demo.manifest(), "\"name\": \"cpu\"", machines[number]);
    return replaceOnce(text, "code/demo.o", folder + "code/demo.o");
  }

  std::string artifact() const {
    std::string names;
    std::vector<Member> members = {{"manifest.json", ""}};
    for (size_t i = 0; i < machines.size(); ++i) {
      std::string folder = std::to_string(i) + "/";
      names += (i ? ", \"" : "\"") + folder + "manifest.json\"";
      members.push_back({folder + "manifest.json", manifest(i)});
      members.push_back({folder + "code/demo.o", demo.object});
    }
    members[0].data = replaceOnce(list, "NAMES", names);
    for (const Member &member : others)
      members.push_back(member);
    return writeZip(members);
  }

  /// The machine's name of the program that is chosen, or why there is none.
  std::string load(uint32_t flags = 0) const {
    std::string folder = makeFolder("programs");
    writeFile(folder + "/demo.bin", demo.weights);
    writeFile(folder + "/demo.snt", artifact());
    sennit_load_options options = {sizeof(options),
                                   SENNIT_LOAD_NO_PINNING | flags, 1, 0};
    sennit_module *module = nullptr;
    sennit_error error;
    sennit_module_info info = {};
    info.size = sizeof(info);
    std::string path = folder + "/demo.snt";
    if (sennit_module_load(path.c_str(), &options, &module, &error))
      return error.message;
    sennit_module_get_info(module, &info, nullptr);
    std::string isa = info.isa;
    sennit_module_destroy(module);
    return isa;
  }

  Demo demo;
  std::vector<std::string> machines;
  std::string list =
      R"({"format": "sennit-artifact", "version": 1, "programs": [NAMES]})";
  std::vector<Member> others;
};

/// A machine of a manifest, up to its features, which are the demo's own.
static std::string machine(const std::string &name, const std::string &isa,
                           const std::string &feature = "") {
  // Of a key that is there twice the reader complains: the demo's own becomes
  // another one.
  std::string more = feature.empty() ? "" : "\"" + feature + "\"";
  return "\"name\": \"" + name + "\", \"isa\": \"" + isa +
         "\", \"features\": [" + more + "]}, \"before\": {\"name\": \"cpu\"";
}

TEST(Programs, TheFirstThatCanRunIsTaken) {
  EXPECT_EQ(Programs({machine("cpu", "one"), machine("cpu", "two")}).load(),
            "one");
  EXPECT_EQ(Programs({machine("cpu", "one", "teleport"), machine("cpu", "two")})
                .load(),
            "two");
}

TEST(Programs, DevicesArePassedOverWhereNoneIsWanted) {
  Programs programs({machine("cuda", "sm_90a"), machine("cpu", "two")});
  EXPECT_EQ(programs.load(SENNIT_LOAD_NO_DEVICE), "two");
  Programs device({machine("cuda", "sm_90a")});
  EXPECT_NE(device.load(SENNIT_LOAD_NO_DEVICE)
                .find("none of the artifact's programs can run here: "
                      "cuda:sm_90a: the program is for a device, and none is "
                      "wanted"),
            std::string::npos);
}

TEST(Programs, EachSaysWhyItCannotRun) {
  std::string message = Programs({machine("cpu", "one", "teleport"),
                                  machine("cpu", "two", "levitate")})
                            .load();
  EXPECT_NE(message.find("cpu:one: "), std::string::npos);
  EXPECT_NE(message.find("`teleport`"), std::string::npos);
  EXPECT_NE(message.find("; cpu:two: "), std::string::npos);
  EXPECT_NE(message.find("`levitate`"), std::string::npos);
}

TEST(Programs, ABrokenOneIsNotPassedOver) {
  Programs programs({machine("cpu", "one"), machine("cpu", "two")});
  programs.machines[0] = "\"names\": \"cpu\"";
  EXPECT_NE(programs.load().find("`name`"), std::string::npos)
      << programs.load();
}

TEST(Programs, NothingHidesBetweenThem) {
  Programs programs({machine("cpu", "one"), machine("cpu", "two")});
  programs.others = {{"code/more.o", "x"}};
  EXPECT_NE(programs.load().find("member `code/more.o` is not in the manifest"),
            std::string::npos);
  programs.others = {{"0/code/more.o", "x"}};
  EXPECT_NE(programs.load().find("`0/code/more.o` is not in the manifest"),
            std::string::npos);
  // What belongs to a program that is not loaded is not looked at.
  programs.others = {{"1/code/more.o", "x"}};
  EXPECT_EQ(programs.load(), "one");
}

TEST(Programs, NamesAreFoldersWithAManifest) {
  for (const char *names :
       {"\"manifest.json\"", "\"/manifest.json\"", "\"0/other.json\"",
        "\"0/1/manifest.json\"", "\"0/manifest.json\", \"0/manifest.json\"",
        "1", ""}) {
    Programs programs({machine("cpu", "one")});
    programs.list = replaceOnce(programs.list, "[NAMES]",
                                std::string("[") + names + "], \"x\": [NAMES]");
    EXPECT_NE(programs.load().find("`programs"), std::string::npos) << names;
  }
  Programs programs({machine("cpu", "one")});
  programs.list = replaceOnce(programs.list, "NAMES",
                              "\"2/manifest.json\"], \"x\": [NAMES");
  EXPECT_NE(programs.load().find(
                "the manifest `2/manifest.json` is not in the container"),
            std::string::npos);
}
