// A field of the manifest that knows its path, so that every refusal names it.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#ifndef SENNIT_RUNTIME_ARTIFACT_JSONFIELD_H
#define SENNIT_RUNTIME_ARTIFACT_JSONFIELD_H

#include "runtime/artifact/Json.h"

namespace sennit {

/// One value of a document and the way to it. Fields are made on the stack on
/// the way down, and the path is only written out for an error.
class JsonField {
public:
  /// The document's root.
  explicit JsonField(const JsonDocument &document)
      : document(&document), value(&document.root()) {}

  /// "`entries[2].symbol` is |observed|, expected |wanted|".
  Status refuse(const char *observed, const char *wanted) const;

  /// The member |key| of this object, which must exist.
  Status member(const char *key, JsonField &out_field) const;
  /// The same, and |out_present| false where it does not exist.
  Status optionalMember(const char *key, JsonField &out_field,
                        bool &out_present) const;

  Status readInteger(int64_t least, int64_t most, int64_t &out_value) const;
  Status readBoolean(bool &out_value) const;
  /// A string of 1 to 4096 bytes, zero-terminated, owned by the document.
  Status readString(std::string_view &out_text) const;
  /// Members of this object, by |key|.
  Status readInteger(const char *key, int64_t least, int64_t most,
                     int64_t &out_value) const;
  Status readString(const char *key, std::string_view &out_text) const;

  /// Checks that this is an array of |least| to |most| elements.
  Status checkArray(uint32_t least, uint32_t most) const;
  uint32_t count() const { return value->count; }
  JsonKind kind() const { return value->kind; }
  /// Calls |visit|(element) for each element of this array, in order.
  template <typename Visit>
  Status forEach(uint32_t least, uint32_t most, Visit visit) const {
    SENNIT_RETURN_IF_ERROR(checkArray(least, most));
    uint32_t index = 0;
    for (uint32_t i = value->first; i; i = document->at(i).next, ++index)
      SENNIT_RETURN_IF_ERROR(
          visit(JsonField(*document, document->at(i), this, index)));
    return {};
  }

private:
  JsonField(const JsonDocument &document, const JsonValue &value,
            const JsonField *parent, uint32_t index)
      : document(&document), value(&value), parent(parent), index(index) {}
  Status checkKind(JsonKind kind) const;
  /// Appends the path to |buffer|, cutting it at |size|.
  void writePath(char *buffer, size_t size) const;

  const JsonDocument *document;
  const JsonValue *value;
  const JsonField *parent = nullptr;
  uint32_t index = 0;
};

} // namespace sennit

#endif // SENNIT_RUNTIME_ARTIFACT_JSONFIELD_H
