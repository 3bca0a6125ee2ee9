// Writes stored ZIP members at multiples of 64 bytes (PKWARE APPNOTE 6.3.10).
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Zip.h"

#include "llvm/Support/CRC.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using llvm::StringRef;

namespace sennit {

static constexpr uint32_t none32 = 0xffffffff;

static void put(std::string &out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    out.push_back(char(value >> (8 * i)));
}

/// The fields that local headers and the directory share, from "version
/// needed".
static void putCommon(std::string &out, uint32_t crc, uint64_t bytes,
                      size_t nameLength, size_t extraLength) {
  bool isLarge = bytes >= none32;
  put(out, isLarge ? 45 : 20, 2);
  put(out, 0x0800, 2); // names are UTF-8
  put(out, 0, 2);      // stored
  put(out, 0, 2);      // midnight
  put(out, 0x0021, 2); // 1980-01-01: equal input gives equal bytes
  put(out, crc, 4);
  put(out, isLarge ? none32 : bytes, 4);
  put(out, isLarge ? none32 : bytes, 4);
  put(out, nameLength, 2);
  put(out, extraLength, 2);
}

void ZipWriter::add(StringRef name, StringRef content) {
  Member member{name.str(), llvm::crc32(llvm::arrayRefFromStringRef(content)),
                content.size(), body.size()};
  std::string extra;
  if (content.size() >= none32) {
    put(extra, 0x0001, 2);
    put(extra, 16, 2);
    put(extra, content.size(), 8);
    put(extra, content.size(), 8);
  }
  // A field of our own pads the data to its alignment; its header takes four
  // bytes.
  uint64_t data = body.size() + 30 + name.size() + extra.size() + 4;
  uint64_t padding = llvm::alignTo(data, 64) - data;
  put(extra, 0x4e53, 2);
  put(extra, padding, 2);
  extra.append(padding, '\0');
  put(body, 0x04034b50, 4);
  putCommon(body, member.crc, content.size(), name.size(), extra.size());
  body += name;
  body += extra;
  body += content;
  members.push_back(std::move(member));
}

std::string ZipWriter::directory() const {
  std::string out;
  for (const Member &member : members) {
    std::string extra;
    if (member.bytes >= none32) {
      put(extra, member.bytes, 8);
      put(extra, member.bytes, 8);
    }
    if (member.header >= none32)
      put(extra, member.header, 8);
    std::string field;
    if (!extra.empty()) {
      put(field, 0x0001, 2);
      put(field, extra.size(), 2);
      field += extra;
    }
    put(out, 0x02014b50, 4);
    put(out, 45, 2);
    putCommon(out, member.crc, member.bytes, member.name.size(), field.size());
    put(out, 0, 2); // comment
    put(out, 0, 2); // disk
    put(out, 0, 2); // internal attributes
    put(out, 0, 4); // external attributes
    put(out, std::min<uint64_t>(member.header, none32), 4);
    out += member.name;
    out += field;
  }
  uint64_t start = body.size(), bytes = out.size();
  if (start + bytes >= none32 || members.size() >= 0xffff) {
    put(out, 0x06064b50, 4);
    put(out, 44, 8);
    put(out, 45, 2);
    put(out, 45, 2);
    put(out, 0, 4);
    put(out, 0, 4);
    put(out, members.size(), 8);
    put(out, members.size(), 8);
    put(out, bytes, 8);
    put(out, start, 8);
    put(out, 0x07064b50, 4);
    put(out, 0, 4);
    put(out, start + bytes, 8);
    put(out, 1, 4);
  }
  put(out, 0x06054b50, 4);
  put(out, 0, 2);
  put(out, 0, 2);
  put(out, std::min<uint64_t>(members.size(), 0xffff), 2);
  put(out, std::min<uint64_t>(members.size(), 0xffff), 2);
  put(out, std::min<uint64_t>(bytes, none32), 4);
  put(out, std::min<uint64_t>(start, none32), 4);
  put(out, 0, 2);
  return out;
}

int64_t ZipWriter::size() const { return body.size() + directory().size(); }

llvm::Error ZipWriter::write(StringRef path) const {
  std::string end = directory();
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &os) {
    os << body << end;
    return llvm::Error::success();
  });
}

} // namespace sennit
