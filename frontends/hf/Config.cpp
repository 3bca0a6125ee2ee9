// Typed access to config.json, with one clear error and a list of the keys that
// nobody read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Config.h"
#include "frontends/ImportError.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <limits>

using namespace sennit;
using namespace sennit::hf;
using llvm::StringRef;
using llvm::Twine;
using Kind = JsonValue::Kind;

namespace {

constexpr int64_t maxInteger = std::numeric_limits<int32_t>::max();

/// Keys that say nothing about what the model computes at inference.
bool isHarmless(StringRef key) {
  return key.starts_with("_") ||
         llvm::StringSwitch<bool>(key)
             .Cases({"architectures", "model_type", "transformers_version",
                     "torch_dtype", "dtype", "auto_map"},
                    true)
             .Cases({"bos_token_id", "pad_token_id", "unk_token_id",
                     "sep_token_id", "use_cache", "return_dict"},
                    true)
             .Cases({"initializer_range", "initializer_factor",
                     "attention_dropout", "hidden_dropout", "resid_pdrop"},
                    true)
             .Cases({"output_attentions", "output_hidden_states",
                     "output_router_logits", "router_aux_loss_coef"},
                    true)
             .Cases({"router_jitter_noise", "pretraining_tp", "is_decoder",
                     "is_encoder_decoder", "id2label", "label2id"},
                    true)
             .Cases({"use_mamba_kernels", "use_mambapy", "use_associative_scan",
                     "num_logits_to_keep", "calc_logits_for_entire_prompt"},
                    true)
             .Cases({"rescale_prenorm_residual", "residual_in_fp32",
                     "time_step_scale", "time_step_min", "time_step_max"},
                    true)
             .Cases({"time_step_floor", "time_step_rank",
                     "time_step_init_scheme", "chunk_size", "problem_type",
                     "chunk_size_feed_forward"},
                    true)
             .Cases({"aux_loss_alpha", "seq_aux", "ep_size", "qk_head_dim"},
                    true)
             .Cases({"use_sliding_window", "max_window_layers", "layer_types",
                     "name_or_path"},
                    true)
             .Default(false);
}

} // namespace

ConfigSection::ConfigSection(std::shared_ptr<Shared> shared,
                             const JsonValue &object, std::string prefix)
    : shared(std::move(shared)), object(&object), prefix(std::move(prefix)) {}

void ConfigSection::failBroken(StringRef key, const Twine &reason) {
  if (shared->error.empty())
    shared->error = (Twine(shared->file) + ": key " +
                     quoted(prefix + key.str()) + ": " + reason)
                        .str();
}

void ConfigSection::note(StringRef key, const Twine &remark) {
  shared->notes.push_back(
      (shared->file + ": key " + quoted(prefix + key.str()) + ": " + remark)
          .str());
}

void ConfigSection::failUnsupported(StringRef key, const Twine &reason) {
  if (shared->error.empty())
    shared->unsupported = true;
  failBroken(key, reason);
}

void ConfigSection::failType(StringRef key, StringRef expected,
                             const JsonValue &found) {
  std::string detail = found.kind == Kind::Integer
                           ? " " + std::to_string(found.integer)
                       : found.kind == Kind::String ? " " + quoted(found.string)
                                                    : "";
  failBroken(key, "expected " + expected + ", found " +
                      JsonValue::describe(found.kind) + detail);
}

const JsonValue *ConfigSection::get(StringRef key, bool required) {
  if (prefix.empty())
    shared->read.insert(key);
  const JsonValue *value = object->find(key);
  if (value && value->kind != Kind::Null)
    return value;
  if (required)
    failBroken(key, "missing");
  return nullptr;
}

bool ConfigSection::has(StringRef key) {
  return get(key, /*required=*/false) != nullptr;
}

int64_t ConfigSection::integer(StringRef key, int64_t least,
                               std::optional<int64_t> fallback) {
  const JsonValue *value = get(key, !fallback);
  if (!value)
    return fallback.value_or(1);
  if (value->kind == Kind::Integer && value->integer >= least &&
      value->integer <= maxInteger)
    return value->integer;
  failType(key,
           least == 0 ? "an integer from 0 to 2^31 - 1"
                      : "an integer from 1 to 2^31 - 1",
           *value);
  return fallback.value_or(1);
}

int64_t ConfigSection::positive(StringRef key,
                                std::optional<int64_t> fallback) {
  return integer(key, 1, fallback);
}

int64_t ConfigSection::natural(StringRef key, std::optional<int64_t> fallback) {
  return integer(key, 0, fallback);
}

int64_t ConfigSection::limited(StringRef key, int64_t most,
                               std::optional<int64_t> fallback) {
  int64_t result = positive(key, fallback);
  if (result <= most)
    return result;
  failUnsupported(key, Twine(result) + " is above the limit of " + Twine(most));
  return 1;
}

int64_t ConfigSection::product(StringRef key, int64_t a, int64_t b) {
  if (a <= maxInteger / b)
    return a * b;
  failBroken(key, Twine(a) + " times " + Twine(b) + " is not below 2^31");
  return 1;
}

std::optional<int64_t> ConfigSection::window(StringRef key,
                                             std::optional<int64_t> fallback) {
  const JsonValue *value = object->find(key);
  if (!value)
    return fallback;
  return get(key, /*required=*/false) ? std::optional(positive(key))
                                      : std::nullopt;
}

bool ConfigSection::toNumber(const JsonValue &value, double &result) const {
  result = value.number;
  if (value.kind == Kind::Integer || value.kind == Kind::Number)
    return true;
  const JsonValue *tag =
      value.keys.size() == 1 ? value.find("__float__") : nullptr;
  if (!tag || tag->kind != Kind::String)
    return false;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  result = llvm::StringSwitch<double>(tag->string)
               .Case("Infinity", infinity)
               .Case("-Infinity", -infinity)
               .Default(std::numeric_limits<double>::quiet_NaN());
  return tag->string == "NaN" || result == infinity || result == -infinity;
}

double ConfigSection::number(StringRef key, std::optional<double> fallback) {
  const JsonValue *value = get(key, !fallback);
  double result = fallback.value_or(1);
  if (value && !toNumber(*value, result)) {
    failType(key, "a number", *value);
    return fallback.value_or(1);
  }
  return result;
}

bool ConfigSection::boolean(StringRef key, bool fallback) {
  const JsonValue *value = get(key, /*required=*/false);
  if (!value)
    return fallback;
  if (value->kind != Kind::Boolean)
    failType(key, "a boolean", *value);
  return value->boolean;
}

StringRef ConfigSection::string(StringRef key,
                                std::optional<StringRef> fallback) {
  const JsonValue *value = get(key, !fallback);
  if (!value)
    return fallback.value_or("");
  if (value->kind != Kind::String)
    failType(key, "a string", *value);
  return value->string;
}

bool ConfigSection::isString(StringRef key, StringRef text) {
  const JsonValue *value = get(key, /*required=*/false);
  return value && value->kind == Kind::String && value->string == text;
}

std::vector<std::string> ConfigSection::strings(StringRef key) {
  std::vector<std::string> result;
  const JsonValue *value = get(key, /*required=*/false);
  if (!value)
    return result;
  if (value->kind != Kind::Array)
    failType(key, "a list of strings", *value);
  for (const JsonValue &element : value->elements) {
    if (element.kind != Kind::String)
      failType(key, "a list of strings", element);
    result.push_back(element.string);
  }
  return result;
}

std::vector<double> ConfigSection::numbers(StringRef key) {
  std::vector<double> result;
  const JsonValue *value = get(key, /*required=*/false);
  if (!value)
    return result;
  if (value->kind != Kind::Array)
    failType(key, "a list of numbers", *value);
  for (const JsonValue &element : value->elements)
    if (!toNumber(element, result.emplace_back()))
      failType(key, "a list of numbers", element);
  return result;
}

std::vector<int64_t> ConfigSection::integers(StringRef key) {
  std::vector<int64_t> result;
  const JsonValue *value = get(key, /*required=*/false);
  if (!value)
    return result;
  if (value->kind == Kind::Integer)
    return {value->integer};
  if (value->kind != Kind::Array)
    failType(key, "an integer or a list of integers", *value);
  for (const JsonValue &element : value->elements) {
    if (element.kind != Kind::Integer)
      failType(key, "an integer or a list of integers", element);
    result.push_back(element.integer);
  }
  return result;
}

std::optional<ConfigSection> ConfigSection::section(StringRef key) {
  const JsonValue *value = get(key, /*required=*/false);
  if (!value)
    return std::nullopt;
  if (value->kind != Kind::Object) {
    failType(key, "an object", *value);
    return std::nullopt;
  }
  return ConfigSection(shared, *value, prefix + key.str() + ".");
}

Config::Config(std::shared_ptr<Shared> shared)
    : ConfigSection(shared, shared->root, "") {}

llvm::Expected<Config> Config::parse(StringRef file, StringRef text) {
  auto shared = std::make_shared<Shared>();
  shared->file = file.str();
  JsonReader reader(text, /*allowNonFinite=*/true);
  if (!reader.readValue(shared->root) || !reader.readEnd())
    return brokenInput(file + ": " + reader.error());
  if (shared->root.kind != Kind::Object)
    return brokenInput(file + ": expected an object, found " +
                       JsonValue::describe(shared->root.kind));
  return Config(std::move(shared));
}

llvm::Error Config::takeError() const {
  if (!failed())
    return llvm::Error::success();
  return shared->unsupported ? unsupportedInput(shared->error)
                             : brokenInput(shared->error);
}

std::vector<std::string> Config::unreadKeys() const {
  std::vector<std::string> result;
  for (const auto &[key, value] :
       llvm::zip_equal(object->keys, object->elements))
    if (value.kind != Kind::Null && !shared->read.contains(key) &&
        !isHarmless(key))
      result.push_back(key);
  return result;
}
