// What selection gives at its borders, of the meaning and of the tile program:
// infinities, rows without numbers, and how often a token is drawn.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/lib/Program.h"
#include "test/lib/Specimen.h"
#include "test/lib/TiledProgram.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace sennit::test;

using Tensors = std::vector<Tensor>;

namespace {

enum class Form { Meaning, Tiles };

/// The results of |specimen| in this form, shaped like |like|.
Tensors run(const Specimen &specimen, Form form, const Tensors &arguments,
            const Tensors &like) {
  if (form == Form::Tiles) {
    auto program = TiledProgram::compile(specimen.text("?"),
                                         arguments[0].extent(0), "cpu:host");
    auto results = program ? (*program)->call(arguments) : program.takeError();
    EXPECT_TRUE(bool(results)) << llvm::toString(results.takeError());
    return results ? *results : like;
  }
  auto program = Program::compile(specimen.text("?"));
  EXPECT_TRUE(bool(program)) << llvm::toString(program.takeError());
  Tensors tensors = arguments;
  tensors.insert(tensors.end(), like.begin(), like.end());
  if (program)
    EXPECT_FALSE(bool((*program)->call("run", tensors)));
  return {tensors.begin() + arguments.size(), tensors.end()};
}

Tensor rows(std::vector<std::vector<double>> values) {
  Tensor tensor(Element::F32,
                {int64_t(values.size()), int64_t(values[0].size())});
  tensor.values.clear();
  for (const auto &row : values)
    tensor.values.insert(tensor.values.end(), row.begin(), row.end());
  return tensor;
}

class Selection : public testing::TestWithParam<Form> {
protected:
  /// How often each of four tokens of probabilities 0.1, 0.4, 0.2, 0.3 is
  /// drawn, over evenly spread uniform numbers.
  static std::vector<double> frequencies(double temperature, int topK,
                                         double topP) {
    constexpr int64_t draws = 1000;
    Tensor logits(Element::F32, {draws, 4}), uniform(Element::F64, {draws});
    Tensor settings(Element::F32, {draws}), choices(Element::I32, {draws});
    Tensors arguments = {logits, uniform, settings, choices, settings};
    for (int64_t row = 0; row != draws; ++row) {
      for (int64_t i = 0; i != 4; ++i)
        arguments[0](row, i) = roundTo(
            Element::F32, std::log(std::vector<double>{0.1, 0.4, 0.2, 0.3}[i]));
      arguments[1](row) = (double(row) + 0.5) / draws;
      arguments[2](row) = roundTo(Element::F32, temperature);
      arguments[3](row) = topK;
      arguments[4](row) = roundTo(Element::F32, topP);
    }
    Tensors tokens = run(makeSample(4), GetParam(), arguments, {choices});
    std::vector<double> result(4);
    for (double token : tokens[0].values)
      result.at(size_t(token)) += 1.0 / draws;
    return result;
  }

  static void expectNear(const std::vector<double> &found,
                         const std::vector<double> &want) {
    for (size_t i = 0; i != want.size(); ++i)
      EXPECT_NEAR(found[i], want[i], 0.0015) << "token " << i;
  }

  /// The tokens drawn of these rows, all by the same settings.
  static std::vector<double> draw(const Tensor &logits, double uniform,
                                  double temperature) {
    int64_t count = logits.extent(0);
    Tensors arguments = {
        logits, Tensor(Element::F64, {count}), Tensor(Element::F32, {count}),
        Tensor(Element::I32, {count}), Tensor(Element::F32, {count})};
    for (int64_t row = 0; row != count; ++row) {
      arguments[1](row) = uniform;
      arguments[2](row) = roundTo(Element::F32, temperature);
    }
    return run(makeSample(logits.extent(1)), GetParam(), arguments,
               {Tensor(Element::I32, {count})})[0]
        .values;
  }
};

TEST_P(Selection, TopKOrdersInfinitiesAndNamesIndexZeroWithoutNumbers) {
  Tensor input = rows({{NAN, NAN, NAN, NAN},
                       {-INFINITY, NAN, INFINITY, 7},
                       {-0.0, 0, NAN, -1},
                       {-INFINITY, -INFINITY, -INFINITY, NAN}});
  Tensors like = {Tensor(Element::F32, {4, 3}), Tensor(Element::I32, {4, 3})};
  Tensors got = run(makeTopK({4, 3, false}), GetParam(), {input}, like);
  EXPECT_EQ(got[1].values,
            std::vector<double>({0, 0, 0, 2, 3, 0, 0, 1, 3, 0, 1, 2}));
  EXPECT_TRUE(std::isnan(got[0](0, 0)) && std::isnan(got[0](0, 2)));
  EXPECT_EQ(got[0](1, 0), INFINITY);
  EXPECT_EQ(got[0](1, 2), -INFINITY);
  EXPECT_EQ(got[0](2, 1), 0);
  got = run(makeTopK({4, 3, true}), GetParam(), {input}, like);
  EXPECT_EQ(got[1].values,
            std::vector<double>({0, 0, 0, 0, 3, 2, 3, 0, 1, 0, 1, 2}));
}

// Whatever the logits, the experts are ones that exist: memory is indexed by
// them.
TEST_P(Selection, RouteNamesExistingExpertsForLogitsThatAreNoNumbers) {
  Tensor logits = rows({{NAN, NAN, NAN, NAN, NAN},
                        {0, 1, NAN, 3, 4},
                        {-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY},
                        {NAN, 1, NAN, NAN, NAN}});
  Tensors like = {Tensor(Element::F32, {4, 3}), Tensor(Element::I32, {4, 3})};
  Tensors got = run(makeRoute({5, 3, true, false}), GetParam(), {logits}, like);
  EXPECT_EQ(got[1].values,
            std::vector<double>({0, 0, 0, 4, 3, 1, 0, 1, 2, 1, 0, 0}));
  EXPECT_NEAR(got[0](1, 2), 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_TRUE(std::isnan(got[0](3, 1)));
}

// A group whose worth is no number is not kept, though others would fill up.
TEST_P(Selection, RouteKeepsNoGroupWithoutNumbers) {
  Tensor logits = rows({{9, NAN, 1, 2, NAN, NAN}, {9, 1, NAN, NAN, NAN, NAN}});
  RouteShape shape{6, 3, true, false};
  shape.groups = 3;
  shape.topGroups = 2;
  shape.groupRanks = 2;
  Tensors like = {Tensor(Element::F32, {2, 3}), Tensor(Element::I32, {2, 3})};
  Tensors got = run(makeRoute(shape), GetParam(), {logits}, like);
  EXPECT_EQ(got[1].values, std::vector<double>({3, 2, 0, 0, 1, 0}));
  EXPECT_TRUE(std::isnan(got[0](0, 2)) && std::isnan(got[0](1, 2)));
  EXPECT_NEAR(got[0](1, 1), 1 / (1 + std::exp(-1.0)), 1e-6);
}

// Scores of zero weigh nothing, also where they are divided by their sum.
TEST_P(Selection, RouteRenormalizesZeros) {
  Tensor logits = rows({{-INFINITY, -INFINITY, -INFINITY}});
  Tensors like = {Tensor(Element::F32, {1, 2}), Tensor(Element::I32, {1, 2})};
  Tensors got = run(makeRoute({3, 2, true, true}), GetParam(), {logits}, like);
  EXPECT_EQ(got[0].values, std::vector<double>({0, 0}));
  EXPECT_EQ(got[1].values, std::vector<double>({0, 1}));
}

TEST_P(Selection, TemperatureShapesTheDistribution) {
  expectNear(frequencies(1, 0, 0), {0.1, 0.4, 0.2, 0.3});
  // At temperature 1/2 probabilities are squared.
  expectNear(frequencies(0.5, 0, 1),
             {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
  expectNear(frequencies(1e-30, 0, 0), {0, 1, 0, 0});
  expectNear(frequencies(0, 0, 0), {0, 1, 0, 0});
}

TEST_P(Selection, TopKKeepsTheLargest) {
  expectNear(frequencies(1, 2, 0), {0, 0.4 / 0.7, 0, 0.3 / 0.7});
  expectNear(frequencies(1, 1, 0), {0, 1, 0, 0});
  expectNear(frequencies(1, 100, 0), {0.1, 0.4, 0.2, 0.3});
}

TEST_P(Selection, TopPKeepsTheFewestThatReachIt) {
  expectNear(frequencies(1, 0, 0.69), {0, 0.4 / 0.7, 0, 0.3 / 0.7});
  expectNear(frequencies(1, 0, 0.71), {0, 0.4 / 0.9, 0.2 / 0.9, 0.3 / 0.9});
  expectNear(frequencies(1, 0, 1e-6), {0, 1, 0, 0});
  // Of what top-k left.
  expectNear(frequencies(1, 2, 0.5), {0, 1, 0, 0});
}

TEST_P(Selection, GreedyTakesTheFirstOfTheLargest) {
  Tensor logits =
      rows({{2, 3, 3, 1}, {-INFINITY, -5, -5, -9}, {0, -0.0, 0, 0}});
  EXPECT_EQ(draw(logits, 0.9, 0), std::vector<double>({1, 1, 0}));
}

TEST_P(Selection, NeverDrawsWhatIsMasked) {
  Tensor logits = rows({{1, -INFINITY, 1, -INFINITY}});
  for (double uniform : {0.0, 0.49, 0.51, 1 - 0x1p-53})
    for (double temperature : {0.01, 1.0, 1e30})
      EXPECT_EQ(draw(logits, uniform, temperature)[0], uniform < 0.5 ? 0 : 2);
}

TEST_P(Selection, RefusesRowsThatAreNoDistribution) {
  Tensor logits = rows({{1, NAN, 2},
                        {NAN, NAN, NAN},
                        {1, 2, INFINITY},
                        {-INFINITY, -INFINITY, -INFINITY},
                        {-INFINITY, -3e38, -INFINITY}});
  for (double temperature : {0.0, 1.0})
    EXPECT_EQ(draw(logits, 0.5, temperature),
              std::vector<double>({-1, -1, -1, -1, 1}));
}

INSTANTIATE_TEST_SUITE_P(Forms, Selection,
                         testing::Values(Form::Meaning, Form::Tiles),
                         [](const testing::TestParamInfo<Form> &info) {
                           return info.param == Form::Tiles ? "Tiles"
                                                            : "Meaning";
                         });

// The widths of vocabularies that models have, against the formula.
TEST(SampleTiles, KeepTheFormulaAtWideVocabularies) {
  for (int64_t vocabulary : {32000, 50257}) {
    Specimen specimen = makeSample(vocabulary);
    Tensors arguments = specimen.arguments(24, 0, 5);
    Tensors want = specimen.formula(arguments);
    Tensors got = run(specimen, Form::Tiles, arguments, want);
    EXPECT_EQ(got[0].values, want[0].values);
  }
}

} // namespace
