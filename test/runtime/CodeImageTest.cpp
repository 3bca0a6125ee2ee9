// Loading of objects: symbols, relocations, protection, and what is refused.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "runtime/code/CodeImage.h"
#include "runtime/code/Relocation.h"
#include "test/runtime/Artifact.h"

#include <cstring>
#include <fstream>
#include <gtest/gtest.h>

using namespace sennit;
using namespace sennit::test;

namespace {

/// Objects by path, loaded.
struct Image {
  explicit Image(std::initializer_list<const char *> paths) {
    for (const char *path : paths)
      bytes.push_back(readFile(path));
    load();
  }
  explicit Image(std::vector<std::string> objects) : bytes(std::move(objects)) {
    load();
  }
  static std::string refusal(const std::string &object) {
    return Image(std::vector<std::string>{object}).message;
  }

  template <typename Function> Function *find(const char *name) {
    void *address = image.findFunction(name);
    EXPECT_NE(address, nullptr) << name;
    return reinterpret_cast<Function *>(address);
  }

  std::vector<std::string> bytes;
  CodeImage image;
  std::string message;

private:
  void load() {
    Array<ObjectBytes> objects;
    for (const std::string &object : bytes)
      EXPECT_TRUE(objects
                      .append({"code/x.o",
                               reinterpret_cast<const uint8_t *>(object.data()),
                               object.size()})
                      .isOk());
    message = image.load(objects).message();
  }
};

/// The permissions of the mapping that holds |address|, as in "r-xp".
std::string permissions(const void *address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin, end;
    char flags[8];
    if (sscanf(line.c_str(), "%lx-%lx %7s", &begin, &end, flags) == 3 &&
        reinterpret_cast<uintptr_t>(address) - begin < end - begin)
      return flags;
  }
  return "";
}

} // namespace

TEST(CodeImage, LinksObjectsWithEachOther) {
  Image image({SENNIT_FirstObject, SENNIT_SecondObject});
  ASSERT_EQ(image.message, "");
  EXPECT_EQ(image.find<int()>("first_call")(), 42);
  EXPECT_EQ(image.find<int(int)>("first_table")(0), 13);
  EXPECT_EQ(image.find<int(int)>("first_table")(1), 42);
  EXPECT_EQ(image.find<char(int, int)>("first_word")(1, 2), 'y');
  EXPECT_EQ(image.find<int()>("first_write")(), 41);
  EXPECT_EQ(image.find<int()>("first_call")(), 43);
  EXPECT_EQ(image.find<int()>("first_count")(), 1);
  EXPECT_EQ(image.find<int()>("first_count")(), 2);
  EXPECT_EQ(image.find<int(int)>("first_zero")(999), 0);
}

TEST(CodeImage, ProvidesMemcpyMemmoveAndMemset) {
  Image image({SENNIT_FirstObject, SENNIT_SecondObject});
  ASSERT_EQ(image.message, "");
  char to[8] = {};
  auto *copy =
      image.find<int(char *, const char *, unsigned long)>("first_copy");
  EXPECT_EQ(copy(to, "abcdefg", 7), 'f');
  EXPECT_STREQ(to, "zabcdef");
  auto *get = image.find<decltype (&memcpy)()>("first_memcpy");
  get()(to, "xy", 2);
  EXPECT_STREQ(to, "xybcdef");
}

TEST(CodeImage, PrefersStrongSymbolsToWeakOnes) {
  Image image({SENNIT_FirstObject, SENNIT_SecondObject});
  EXPECT_EQ(image.find<int()>("first_get_shared")(), 2);
}

TEST(CodeImage, IsNeverWritableAndExecutable) {
  Image image({SENNIT_FirstObject, SENNIT_SecondObject});
  ASSERT_EQ(image.message, "");
  EXPECT_EQ(permissions(image.image.findFunction("first_call")), "r-xp");
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    EXPECT_EQ(line.find(" rwx"), std::string::npos) << line;
}

TEST(CodeImage, LoadsAbsoluteAddressesLow) {
  Image image({SENNIT_AbsoluteObject});
  ASSERT_EQ(image.message, "");
  EXPECT_EQ(image.find<int(long)>("absolute_read")(3), 11);
  int *values = image.find<int *()>("absolute_address")();
  EXPECT_LT(reinterpret_cast<uintptr_t>(values), uintptr_t(1) << 31);
  EXPECT_EQ(permissions(values), "rw-p");
}

TEST(CodeImage, NamesUndefinedSymbols) {
  Image image({SENNIT_UndefinedObject});
  EXPECT_EQ(image.message,
            "object `code/x.o` needs the symbol `expf`, which no object "
            "defines; the runtime provides only `memcpy`, `memmove` and "
            "`memset`");
}

TEST(CodeImage, RefusesThreadLocalDataAndConstructors) {
  EXPECT_NE(Image({SENNIT_ThreadLocalObject}).message.find("thread-local"),
            std::string::npos);
  EXPECT_NE(
      Image({SENNIT_ConstructorObject}).message.find("`.init_array` of object"),
      std::string::npos);
}

TEST(CodeImage, RefusesTwoDefinitions) {
  EXPECT_EQ(Image({SENNIT_SecondObject, SENNIT_FirstObject,
                   SENNIT_AbsoluteObject, SENNIT_AbsoluteObject})
                .message,
            "two objects define the symbol `absolute_address`");
}

TEST(CodeImage, FindsFunctionsAlone) {
  Image image({SENNIT_FirstObject, SENNIT_SecondObject});
  EXPECT_EQ(image.image.findFunction("second_value"), nullptr);
  EXPECT_EQ(image.image.findFunction("counter"), nullptr);
  EXPECT_EQ(image.image.findFunction(""), nullptr);
}

TEST(CodeImage, RefusesWhatIsNoObject) {
  EXPECT_EQ(Image::refusal(""),
            "object `code/x.o` is shorter than an ELF header");
  EXPECT_EQ(Image::refusal(std::string(100, 'x')),
            "object `code/x.o` is no ELF file");
  std::string object = readFile(SENNIT_SecondObject);
  auto patched = [&](size_t at, char value) {
    std::string copy = object;
    copy[at] = value;
    return Image::refusal(copy);
  };
  EXPECT_EQ(patched(4, 1),
            "object `code/x.o` is for another machine, expected x86-64");
  EXPECT_EQ(patched(18, 0x28),
            "object `code/x.o` is for another machine, expected x86-64");
  EXPECT_EQ(patched(16, 3), "object `code/x.o` is not relocatable");
  EXPECT_EQ(patched(58, 1), "object `code/x.o` has no readable section table");
  EXPECT_EQ(patched(47, 1),
            "object `code/x.o` has a section table past its end");
}

TEST(CodeImage, SurvivesEveryTruncation) {
  std::string object = readFile(SENNIT_FirstObject);
  for (size_t size = 0; size < object.size(); ++size)
    ASSERT_NE(Image::refusal(object.substr(0, size)), "") << size;
}

TEST(CodeImage, SurvivesEveryDamagedByte) {
  // Nothing is run: only loading has to keep its bounds. The second object is
  // whole, so that every relocation of the first is reached.
  std::string object = readFile(SENNIT_FirstObject);
  std::string other = readFile(SENNIT_SecondObject);
  int loaded = 0;
  for (size_t at = 0; at < object.size(); ++at)
    for (int change : {0x01, 0x80, 0xff}) {
      std::string copy = object;
      copy[at] = char(copy[at] ^ change);
      loaded += Image(std::vector<std::string>{copy, other}).message.empty();
    }
  EXPECT_GT(loaded, 100);
}

TEST(Relocation, ComputesEachKindAndItsRange) {
  uint8_t bytes[16] = {};
  uint64_t place = reinterpret_cast<uintptr_t>(bytes) + 4;
  auto apply = [&](uint32_t type, uint64_t target, int64_t addend) {
    return relocate({bytes, sizeof(bytes), 4}, type, target, uint64_t(addend));
  };
  auto read = [&](auto value) {
    memcpy(&value, bytes + 4, sizeof(value));
    return value;
  };
  EXPECT_EQ(apply(R_X86_64_PC32, place + 100, -4), nullptr);
  EXPECT_EQ(read(int32_t()), 96);
  EXPECT_EQ(apply(R_X86_64_PLT32, place - 100, -4), nullptr);
  EXPECT_EQ(read(int32_t()), -104);
  EXPECT_NE(apply(R_X86_64_PC32, place + (1ull << 31), 0), nullptr);
  EXPECT_EQ(apply(R_X86_64_PC32, place - (1ull << 31), 0), nullptr);
  EXPECT_EQ(apply(R_X86_64_32, 0xfffffff0, 15), nullptr);
  EXPECT_EQ(read(int32_t()), -1);
  EXPECT_NE(apply(R_X86_64_32, 0xfffffff0, 16), nullptr);
  EXPECT_EQ(apply(R_X86_64_32S, 0x7ffffff0, 15), nullptr);
  EXPECT_NE(apply(R_X86_64_32S, 0x7ffffff0, 16), nullptr);
  EXPECT_EQ(apply(R_X86_64_64, 0x123456789abcdef0, 1), nullptr);
  EXPECT_EQ(read(uint64_t()), 0x123456789abcdef1u);
  EXPECT_EQ(apply(R_X86_64_PC64, place + (1ull << 40), 2), nullptr);
  EXPECT_EQ(read(uint64_t()), (1ull << 40) + 2);
  EXPECT_STREQ(apply(R_X86_64_TPOFF32, 0, 0),
               "is of a kind that this runtime does not know");
}

TEST(Relocation, StaysInsideItsSection) {
  uint8_t bytes[16] = {};
  for (uint64_t offset : {13ull, 16ull, 17ull, ~0ull, ~0ull - 3})
    EXPECT_STREQ(relocate({bytes, 16, offset}, R_X86_64_32, 1, 0),
                 "writes past the end of its section");
  EXPECT_EQ(relocate({bytes, 16, 12}, R_X86_64_32, 1, 0), nullptr);
  EXPECT_NE(relocate({bytes, 16, 12}, R_X86_64_64, 1, 0), nullptr);
}
