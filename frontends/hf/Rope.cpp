// Rotary positions: reads their parameters as transformers does and makes the
// tables of seq.rope.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/hf/Rope.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace sennit::hf;
using llvm::StringRef;

namespace {

constexpr int64_t maxTableEntries = 1 << 27;

/// theta^(2r / width), rounded to f32 where PyTorch rounds.
std::vector<float> wavelengths(double theta, int64_t width) {
  std::vector<float> result;
  for (int64_t component = 0; component < width; component += 2) {
    float exponent = static_cast<float>(component) / static_cast<float>(width);
    result.push_back(static_cast<float>(
        std::pow(static_cast<double>(static_cast<float>(theta)), exponent)));
  }
  return result;
}

/// Keeps short wavelengths, divides long ones by the factor, and blends between
/// (Llama 3.1).
void scaleLlama3(ConfigSection &section, double original,
                 std::vector<float> &frequencies) {
  float factor = section.number("factor"),
        low = section.number("low_freq_factor");
  float high = section.number("high_freq_factor"), trained = original;
  for (float &frequency : frequencies) {
    float wavelength = static_cast<float>(2 * M_PI) / frequency;
    if (wavelength < trained / high)
      continue;
    if (wavelength > trained / low) {
      frequency /= factor;
      continue;
    }
    float smooth = (trained / wavelength - low) / (high - low);
    frequency = (1 - smooth) * frequency / factor + smooth * frequency;
  }
}

/// Interpolates slow planes, leaves fast ones, with a ramp between (Peng et al.
/// 2023).
void scaleYarn(ConfigSection &section, double theta, double context,
               double original, RopeParameters &rope) {
  std::vector<float> &frequencies = rope.inverseFrequencies;
  double factor =
      section.has("factor") ? section.number("factor") : context / original;
  auto magnitude = [](double scale, double weight) {
    return scale <= 1 ? 1.0 : 0.1 * weight * std::log(scale) + 1;
  };
  double first = section.number("mscale", 0.0),
         all = section.number("mscale_all_dim", 0.0);
  double inferred = first != 0 && all != 0
                        ? magnitude(factor, first) / magnitude(factor, all)
                        : magnitude(factor, 1);
  rope.factor =
      static_cast<float>(section.number("attention_factor", inferred));
  rope.magnitude = magnitude(factor, all);

  double planes = frequencies.size(), width = 2 * planes;
  auto planeOf = [&](double rotations) {
    return width * std::log(original / (rotations * 2 * M_PI)) /
           (2 * std::log(theta));
  };
  double low = planeOf(section.number("beta_fast", 32.0)),
         high = planeOf(section.number("beta_slow", 1.0));
  if (section.boolean("truncate", true)) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, width - 1);
  if (low == high)
    high += 0.001;
  for (auto [index, frequency] : llvm::enumerate(frequencies)) {
    float ramp =
        std::clamp((static_cast<float>(index) - static_cast<float>(low)) /
                       static_cast<float>(high - low),
                   0.0f, 1.0f);
    float kept = 1 - ramp;
    float interpolated = 1 / (static_cast<float>(factor) * (1 / frequency));
    frequency = interpolated * (1 - kept) + frequency * kept;
  }
}

/// M-RoPE: sections of planes that turn by positions on several axes, such as
/// time, height and width. Those of text are all the token's own.
void readAxes(ConfigSection &section, StringRef type, int64_t planes) {
  constexpr StringRef key = "mrope_section";
  if (!section.has(key)) {
    if (type == "mrope")
      section.failBroken(key, "is missing, which `mrope` needs");
    return;
  }
  int64_t sum = 0;
  for (int64_t size : section.integers(key))
    sum += size;
  if (sum != planes)
    return section.failBroken(key, "has " + llvm::Twine(sum) +
                                       " planes in its sections, a head has " +
                                       llvm::Twine(planes));
  section.note(key, "a token of text has the same position on every axis, so "
                    "planes turn as if there were one section");
}

} // namespace

RopeParameters sennit::hf::readRope(Config &config, int64_t headWidth,
                                    double defaultTheta) {
  RopeParameters result;
  double theta = config.number("rope_theta", defaultTheta);
  double context = config.positive("max_position_embeddings", 2048);
  double original = config.positive("original_max_position_embeddings",
                                    static_cast<int64_t>(context));
  std::optional<ConfigSection> old = config.section("rope_scaling"),
                               section = config.section("rope_parameters");
  StringRef key = old ? "rope_scaling" : "rope_parameters";
  if (old)
    section = old;
  StringRef type = "default";
  if (section) {
    theta = section->number("rope_theta", theta);
    type = section->string("rope_type", section->string("type", "default"));
    if (section->number("partial_rotary_factor", 1.0) != 1.0)
      section->failUnsupported("partial_rotary_factor",
                               "only 1.0 is supported");
    if (section->has("full_attention") || section->has("sliding_attention"))
      config.failUnsupported(
          key, "parameters that differ between layer types are not supported");
    if (!config.has("original_max_position_embeddings"))
      original = section->positive("original_max_position_embeddings",
                                   static_cast<int64_t>(original));
  }
  if (config.number("partial_rotary_factor", 1.0) != 1.0)
    config.failUnsupported("partial_rotary_factor", "only 1.0 is supported");
  if (!(theta > 1) || std::isinf(theta))
    config.failBroken("rope_theta", "must be a finite number above 1");
  if (headWidth % 2 != 0)
    config.failBroken("head_dim",
                      "rotary positions need an even head width, found " +
                          llvm::Twine(headWidth));
  if (section)
    readAxes(*section, type, headWidth / 2);
  if (config.failed())
    return result;

  for (float wavelength : wavelengths(theta, headWidth))
    result.inverseFrequencies.push_back(1 / wavelength);
  if (type == "default" || type == "mrope")
    return result;
  if (type == "linear")
    for (float &frequency : result.inverseFrequencies)
      frequency /= static_cast<float>(section->number("factor"));
  else if (type == "llama3")
    scaleLlama3(*section, original, result.inverseFrequencies);
  else if (type == "yarn")
    scaleYarn(*section, theta, context, original, result);
  else
    section->failUnsupported(
        "rope_type",
        llvm::Twine("unknown type `") + type +
            "`; supported are default, linear, llama3, mrope and yarn");
  for (float frequency : result.inverseFrequencies)
    if (!std::isfinite(frequency))
      config.failBroken(key, "gives frequencies that are not finite");
  return result;
}

RopeTables sennit::hf::buildRopeTables(ModelBuilder &model,
                                       const RopeParameters &rope) {
  int64_t context = model.getFacts().context,
          planes = rope.inverseFrequencies.size();
  if (context * planes > maxTableEntries)
    model.failUnsupported("a context of " + llvm::Twine(context) +
                          " tokens for heads of " + llvm::Twine(2 * planes) +
                          ": the tables of positions have at most " +
                          llvm::Twine(maxTableEntries) + " entries");
  if (model.failed())
    return {};
  std::vector<float> cosines, sines;
  cosines.reserve(context * planes);
  sines.reserve(context * planes);
  for (int64_t position = 0; position < context; ++position)
    for (float frequency : rope.inverseFrequencies) {
      // The product is rounded to f32 first, as the model was trained; the
      // functions are then exact.
      float angle = static_cast<float>(position) * frequency;
      cosines.push_back(
          static_cast<float>(std::cos(static_cast<double>(angle))) *
          rope.factor);
      sines.push_back(static_cast<float>(std::sin(static_cast<double>(angle))) *
                      rope.factor);
    }
  auto table = [&](llvm::ArrayRef<float> values) -> Value {
    return arith::ConstantOp::create(
        model.ops(),
        DenseElementsAttr::get(model.f32({context, planes}), values));
  };
  return {table(cosines), table(sines)};
}
