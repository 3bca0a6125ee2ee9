// Typed reading of the manifest's fields, with their paths in the errors.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
#include "runtime/artifact/JsonField.h"

#include <cstdio>
#include <cstring>

namespace sennit {

void JsonField::writePath(char *buffer, size_t size) const {
  if (!parent) {
    buffer[0] = 0;
    return;
  }
  parent->writePath(buffer, size);
  size_t used = strlen(buffer);
  if (value->key.data())
    snprintf(buffer + used, size - used, "%s%.*s", used ? "." : "",
             SENNIT_VIEW(value->key));
  else
    snprintf(buffer + used, size - used, "[%u]", index);
}

Status JsonField::refuse(const char *observed, const char *wanted) const {
  char path[256];
  writePath(path, sizeof(path));
  return makeError(SENNIT_STATUS_MALFORMED,
                   "`%s` of the manifest is %s, expected %s",
                   path[0] ? path : "the root", observed, wanted);
}

Status JsonField::checkKind(JsonKind kind) const {
  return value->kind == kind ? Status()
                             : refuse(describe(value->kind), describe(kind));
}

Status JsonField::optionalMember(const char *key, JsonField &out_field,
                                 bool &out_present) const {
  SENNIT_RETURN_IF_ERROR(checkKind(JsonKind::Object));
  const JsonValue *found = document->find(*value, key);
  out_present = found != nullptr;
  if (found)
    out_field = JsonField(*document, *found, this, 0);
  return {};
}

Status JsonField::member(const char *key, JsonField &out_field) const {
  bool present;
  SENNIT_RETURN_IF_ERROR(optionalMember(key, out_field, present));
  if (present)
    return {};
  char observed[128];
  snprintf(observed, sizeof(observed), "without `%s`", key);
  return refuse(observed, "one");
}

Status JsonField::readInteger(int64_t least, int64_t most,
                              int64_t &out_value) const {
  SENNIT_RETURN_IF_ERROR(checkKind(JsonKind::Integer));
  out_value = value->integer;
  if (out_value >= least && out_value <= most)
    return {};
  char observed[32], wanted[64];
  snprintf(observed, sizeof(observed), "%lld",
           static_cast<long long>(out_value));
  snprintf(wanted, sizeof(wanted), "%lld to %lld",
           static_cast<long long>(least), static_cast<long long>(most));
  return refuse(observed, wanted);
}

Status JsonField::readBoolean(bool &out_value) const {
  out_value = value->integer != 0;
  return checkKind(JsonKind::Boolean);
}

Status JsonField::readString(std::string_view &out_text) const {
  SENNIT_RETURN_IF_ERROR(checkKind(JsonKind::String));
  out_text = value->text;
  if (!out_text.empty() && out_text.size() <= 4096)
    return {};
  return refuse(out_text.empty() ? "empty" : "too long",
                "a string of 1 to 4096 bytes");
}

Status JsonField::readInteger(const char *key, int64_t least, int64_t most,
                              int64_t &out_value) const {
  JsonField field = *this;
  SENNIT_RETURN_IF_ERROR(member(key, field));
  return field.readInteger(least, most, out_value);
}

Status JsonField::readString(const char *key,
                             std::string_view &out_text) const {
  JsonField field = *this;
  SENNIT_RETURN_IF_ERROR(member(key, field));
  return field.readString(out_text);
}

Status JsonField::checkArray(uint32_t least, uint32_t most) const {
  SENNIT_RETURN_IF_ERROR(checkKind(JsonKind::Array));
  if (value->count >= least && value->count <= most)
    return {};
  char observed[48], wanted[48];
  snprintf(observed, sizeof(observed), "an array of %u", value->count);
  snprintf(wanted, sizeof(wanted), "%u to %u elements", least, most);
  return refuse(observed, wanted);
}

} // namespace sennit
