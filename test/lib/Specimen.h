// Ops under test: their text, their inputs, and their formula in f64.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_TEST_LIB_SPECIMEN_H
#define SENNIT_TEST_LIB_SPECIMEN_H

#include "test/lib/Tensor.h"

#include <functional>
#include <optional>
#include <ostream>

namespace sennit::test {

/// One op with its shapes, in a function @run whose arguments are the op's
/// operands and whose results are its results. Whoever makes code of the text,
/// by decomposition or by a fast form, is compared with the formula, which is
/// written from the literature and shares nothing with the compiler.
struct Specimen {
  std::string name;

  /// The module, with `tokens` as extent of every token dimension: "?" or a
  /// number, behind the sequences of a batch where there are any: "3x?".
  std::function<std::string(const std::string &tokens)> text;
  /// Inputs for `tokens` tokens after `past`. State is arbitrary, not zero.
  std::function<std::vector<Tensor>(int64_t tokens, int64_t past,
                                    uint64_t seed)>
      arguments;
  /// The results, in f64.
  std::function<std::vector<Tensor>(const std::vector<Tensor> &)> formula;
  /// For each result: how far f32 may be from f64, relative to the result's
  /// largest absolute value. 0 for integers and copies.
  std::vector<double> tolerances;

  /// Arguments and results whose dimension 0 is the token.
  std::vector<unsigned> tokenArguments, tokenResults;
  /// Arguments and results, in the same order, that carry the state.
  std::vector<unsigned> stateArguments, stateResults;
  /// Whether the number of tokens is known at compile time.
  bool hasStaticTokens = false;
  /// The argument that counts the tokens before this call.
  std::optional<unsigned> pastArgument;
};

/// How GoogleTest prints a specimen.
inline void PrintTo(const Specimen &specimen, std::ostream *stream) {
  *stream << specimen.name;
}

struct AttentionShape {
  int64_t queryHeads, heads, keyWidth, valueWidth, capacity;
  std::optional<int64_t> window;
};
Specimen makeAttention(AttentionShape shape);
/// Attention without a cache over `keys` keys, or with one, of a batch of
/// sequences, or of one where `batch` is 0.
struct AttentionSetting {
  std::string name;
  int64_t queryHeads, heads, keyWidth, valueWidth;
  int64_t keys = 77, batch = 0;
  std::optional<int64_t> left = std::nullopt, right = std::nullopt;
  /// Rows of a page of the caches; 0: contiguous.
  int64_t pageRows = 0;
  /// Whether the values are the first components of the keys.
  bool sharesValue = false;
  bool hasState = false, hasPast = false, hasLengths = false, hasSinks = false,
       hasScore = false;
};
Specimen makeAttention(AttentionSetting setting);
Specimen makeSelectiveScan(int64_t channels, int64_t states);
struct LinearAttentionShape {
  std::string rule;
  /// Dimensions of the decay beside those of tokens: none, one of heads, or
  /// also one of key components.
  int64_t decayRank;
  int64_t queryHeads, keyHeads, valueHeads, heads, keyWidth, valueWidth;
  std::optional<int64_t> chunk = std::nullopt;
  /// Of queries, keys and values.
  Element element = Element::F32;
};
Specimen makeLinearAttention(LinearAttentionShape shape);
/// Those that a matrix unit beside the threads takes.
std::vector<Specimen> makeCopiedLinearAttentions();
struct ConvShape {
  int64_t channels, filters, taps;
  bool bias, window;
  Element weight;
  /// Rows of the blocks of the form by spectra.
  std::optional<int64_t> block = std::nullopt;
};
Specimen makeConv(ConvShape shape);
struct RopeShape {
  int64_t heads, width, planes;
  bool interleaved;
  /// The axis by which each plane turns, of `axes`; none: by `past`.
  std::vector<int64_t> axisOf = {};
  int64_t axes = 0;
};
Specimen makeRope(RopeShape shape);

struct RouteShape {
  int64_t experts, topK;
  bool sigmoid, renormalize;
  bool hasBias = false;
  /// Groups of experts, those kept, and how many ranks of each are summed.
  int64_t groups = 0, topGroups = 0, groupRanks = 1;
  double scaling = 1;
};
/// Logits are multiples of 1/2, so that ties are common, plus 0.11, so that
/// sums of sigmoids are equal for equal logits only.
Specimen makeRoute(RouteShape shape);
struct TopKShape {
  int64_t elements, count;
  bool smallest;
};
/// Multiples of 1/2, so that ties are common, and some that are no numbers.
Specimen makeTopK(TopKShape shape);
/// Coarse logits with settings of every kind, one set a row.
Specimen makeSample(int64_t vocabulary);
/// An expert takes `capacity` pairs at most; 0: all.
Specimen makeDispatch(int64_t experts, int64_t topK, int64_t capacity = 0);
struct ExpertsShape {
  int64_t experts, topK, inputWidth, outputWidth;
  Element weight;
  bool gather;
  Element input = Element::F32;
};
Specimen makeExperts(ExpertsShape shape);
/// With pairs dropped where `capacity` bounds those of each of eight experts.
Specimen makeCombine(int64_t topK, int64_t width, int64_t capacity = 0);
/// Some tokens lie outside the table.
Specimen makeEmbed(int64_t vocabulary, int64_t width, Element table);

/// `rows` by `depth` numbers of `bits`, each `group` of them under a `scale`.
struct QuantizedShape {
  int64_t bits, group, rows, depth;
  Element input, scale;
};
/// The product of rows with a quantised matrix of arbitrary words.
Specimen makeDequantize(QuantizedShape shape);
/// A matrix quantised, of as many rows as there are tokens.
Specimen makeQuantize(QuantizedShape shape);

/// Rows of any number, joined of parts that are copied and computed.
Specimen makeRowJoin();

/// Two to four random layers of mixers and experts over one stream of tokens,
/// with states of `capacity` tokens where they have one. It has no formula: the
/// reference is its meaning.
Specimen makeHybrid(uint64_t seed, int64_t capacity);

/// A scan without its text: its inputs, then its states, of which each comes
/// back behind the output.
Specimen makeScan(std::string name, int64_t states, int64_t inputs = 1);
/// The scan of `one`, compiled in `segments` segments wherever its algebra lets
/// it be cut. Its meaning stays serial.
Specimen cutInto(int64_t segments, Specimen one);
Specimen makeTurningStates(int64_t width);
Specimen makeFlowingWeights(int64_t width);
Specimen makeMixedStates(int64_t width);
/// Scans whose segments are the op's own.
std::vector<Specimen> makeSegments();

/// Every op at shapes that leave nothing even: odd heads, prime widths.
std::vector<Specimen> makeAttentions();
std::vector<Specimen> makeAttentionSettings();
/// Changes of scores, each alone, numbers of keys, and types of 16 bits.
std::vector<Specimen> makeAttentionScores();
std::vector<Specimen> makeRecurrences();
std::vector<Specimen> makeLinearAttentions();
std::vector<Specimen> makeScans();
std::vector<Specimen> makeSkips();
std::vector<Specimen> makeMixers();
std::vector<Specimen> makeRouters();
std::vector<Specimen> makeQuantizations();

/// `one` on several sequences; the arguments `shared` have no such dimension.
Specimen makeBatch(const Specimen &one, int64_t sequences,
                   const std::vector<unsigned> &shared);
/// What stands before the tokens in "3x?": "3x".
std::string spellBatch(const std::string &tokens);

/// `text` with every {name} replaced by its value.
std::string
fill(std::string text,
     std::initializer_list<std::pair<std::string, std::string>> values);
std::string spell(Element element);

} // namespace sennit::test

#endif // SENNIT_TEST_LIB_SPECIMEN_H
