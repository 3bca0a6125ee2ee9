// sennit run by the reference: a model speaks in f64, and is compared with
// golden values or with an artifact.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Register.h"
#include "compiler/reference/Model.h"
#include "compiler/tools/Verbs.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"
#include <chrono>
#include <cmath>

using namespace mlir;

namespace sennit::tools {

namespace {
/// A model with the context that its IR lives in.
struct Reference {
  Reference() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.disableMultithreading();
  }
  MLIRContext context;
  std::unique_ptr<reference::Model> model;
};

/// A line on standard error while a call is long.
class CallProgress {
public:
  void operator()(int64_t done, int64_t total) {
    auto now = std::chrono::steady_clock::now();
    if (now < next)
      return;
    next = now + std::chrono::milliseconds(200);
    line.show("reference", done, total);
  }
  ~CallProgress() { line.finish(); }

private:
  std::chrono::steady_clock::time_point next =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
  ProgressLine line;
};
} // namespace

static int open(StringRef source, Reference &reference) {
  CompileOptions options;
  options.input = source.str();
  options.stopAfter = "import";
  CompileReport report;
  if (int code = compileWithProgress(options, report))
    return code;
  auto module = parseSourceString<ModuleOp>(report.text, &reference.context);
  if (!module)
    return complain("the IR of `" + source + "` does not read back", defect);
  auto model = reference::Model::create(std::move(module));
  if (!model)
    return complain("`" + source + "`: " + llvm::toString(model.takeError()),
                    unsupported);
  reference.model = std::move(*model);
  return done;
}

/// Logits of the tokens, all in one call or one by one, after a reset.
static int computeLogits(reference::Model &model, ArrayRef<int32_t> tokens,
                         bool stepwise, std::vector<double> &logits) {
  CallProgress progress;
  model.reset();
  size_t each = stepwise ? 1 : tokens.size();
  for (; !tokens.empty(); tokens = tokens.drop_front(each)) {
    auto rows =
        model.feed(tokens.take_front(each), /*lastOnly=*/false, progress);
    if (!rows)
      return complain(llvm::toString(rows.takeError()), failed);
    llvm::append_range(logits, *rows);
  }
  return done;
}

/// The largest difference of a row over the row's largest magnitude; infinite
/// for NaN.
template <typename Got, typename Want>
static double findError(ArrayRef<Got> got, ArrayRef<Want> want, int64_t width) {
  double worst = 0;
  for (size_t row = 0; row != want.size(); row += width) {
    double difference = 0, magnitude = 0;
    for (int64_t i = 0; i != width; ++i) {
      double d = std::abs(double(got[row + i]) - double(want[row + i]));
      difference = std::max(difference, std::isnan(d) ? INFINITY : d);
      magnitude = std::max(magnitude, std::abs(double(want[row + i])));
    }
    worst = std::max(worst, difference / magnitude);
  }
  return worst;
}

static int32_t findLikeliest(ArrayRef<double> logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

//===----------------------------------------------------------------------===//
// Golden values and artifacts
//===----------------------------------------------------------------------===//

static int compareGolden(reference::Model &model,
                         const ReferenceOptions &options) {
  auto golden = readGolden(options.expect);
  if (!golden)
    return complain(llvm::toString(golden.takeError()), failed);
  if (golden->logits.size() != golden->tokens.size() * model.vocabulary)
    return complain("the golden logits have " + Twine(golden->logits.size()) +
                        " values, " + Twine(golden->tokens.size()) +
                        " tokens of " + Twine(model.vocabulary) +
                        " logits are expected",
                    failed);
  std::vector<double> score, steps;
  if (int code = computeLogits(model, golden->tokens, false, score))
    return code;
  if (int code = computeLogits(model, golden->tokens, true, steps))
    return code;
  ArrayRef<float> want = golden->logits;
  double call = findError<double, float>(score, want, model.vocabulary);
  double step = findError<double, float>(steps, want, model.vocabulary);
  llvm::outs() << llvm::format("error    %.2e in one call, %.2e step by step, "
                               "over %zu tokens (tolerance %.0e)\n",
                               call, step, golden->tokens.size(),
                               options.tolerance);
  llvm::outs().flush();
  size_t agreed = 0;
  auto last = ArrayRef(steps).take_back(model.vocabulary);
  for (std::vector<double> row(last.begin(), last.end());
       agreed != golden->greedy.size() &&
       findLikeliest(row) == golden->greedy[agreed];) {
    auto next = model.feed(golden->greedy[agreed++], /*lastOnly=*/true);
    if (!next)
      return complain(llvm::toString(next.takeError()), failed);
    row = std::move(*next);
  }
  if (!golden->greedy.empty())
    llvm::outs() << "greedy   " << agreed << " of " << golden->greedy.size()
                 << " tokens agree\n";
  if (call <= options.tolerance && step <= options.tolerance &&
      agreed == golden->greedy.size())
    return done;
  return complain("the reference does not agree with `" + options.expect + "`",
                  failed);
}

/// The artifact's logits, as computeLogits has the reference's.
static int runArtifact(Session &session, ArrayRef<int32_t> tokens,
                       std::vector<float> &score, std::vector<float> &steps) {
  int64_t width = session.info.vocabulary;
  score.resize(tokens.size() * width);
  steps.resize(tokens.size() * width);
  sennit_error error;
  sennit_context *context = session.context.get();
  if (sennit_context_score(context, tokens.data(), tokens.size(), score.data(),
                           &error))
    return complain(error.message, failed);
  sennit_context_reset(context);
  for (size_t t = 0; t != tokens.size(); ++t)
    if (sennit_context_decode(context, tokens[t], &steps[t * width], &error))
      return complain(error.message, failed);
  return done;
}

int compareWithReference(Session &session, const ReferenceOptions &options) {
  Reference reference;
  if (int code = open(options.source, reference))
    return code;
  reference::Model &model = *reference.model;
  if (model.vocabulary != int64_t(session.info.vocabulary))
    return complain("the artifact has a vocabulary of " +
                        Twine(session.info.vocabulary) + ", `" +
                        options.source + "` of " + Twine(model.vocabulary),
                    failed);
  std::vector<int32_t> tokens = options.generate.prompt;
  // Any tokens serve when none are given: multiples of a large odd number.
  for (int64_t t = 0; options.generate.prompt.empty() &&
                      t != std::min<int64_t>(64, session.info.context_length);
       ++t)
    tokens.push_back(t * 2654435761 % model.vocabulary);
  std::vector<double> want;
  std::vector<float> score, steps;
  if (int code = computeLogits(model, tokens, false, want))
    return code;
  if (int code = runArtifact(session, tokens, score, steps))
    return code;
  double call = findError<float, double>(score, want, model.vocabulary);
  double step = findError<float, double>(steps, want, model.vocabulary);
  llvm::outs() << llvm::format("error    %.2e in one call, %.2e step by step, "
                               "over %zu tokens (tolerance %.0e)\n",
                               call, step, tokens.size(), options.tolerance);
  llvm::outs().flush();
  if (call <= options.tolerance && step <= options.tolerance)
    return done;
  return complain("the artifact does not agree with the reference of `" +
                      options.source + "`",
                  failed);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static int speak(reference::Model &model, const GenerateOptions &options) {
  auto print = [&](int32_t token) {
    if (model.byteLevel)
      llvm::outs() << char(token);
    else
      llvm::outs() << token << ' ';
    llvm::outs().flush();
  };
  std::vector<int32_t> next = options.prompt;
  if (model.byteLevel)
    llvm::for_each(next, print);
  auto start = std::chrono::steady_clock::now();
  int64_t made = 0;
  for (; made < options.maxTokens &&
         model.getPosition() + int64_t(next.size()) <= model.context;
       ++made) {
    CallProgress progress;
    auto logits = model.feed(next, /*lastOnly=*/true, progress);
    if (!logits)
      return complain(llvm::toString(logits.takeError()), failed);
    next.resize(1);
    reference::Draw draw = {sennit_draw_uniform(options.seed, made),
                            options.temperature, options.topP, options.topK};
    auto token = model.sample(*logits, draw);
    if (!token)
      return complain(llvm::toString(token.takeError()), failed);
    next[0] = *token;
    if (llvm::is_contained(model.endOfText, next[0]))
      break;
    print(next[0]);
  }
  llvm::outs() << "\n";
  llvm::outs().flush();
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  llvm::errs() << llvm::format("reference, f64: %zu tokens read, %lld made, "
                               "%.1f s\n",
                               options.prompt.size(), (long long)made,
                               seconds.count());
  return done;
}

int runReference(const ReferenceOptions &options) {
  Reference reference;
  if (int code = open(options.source, reference))
    return code;
  if (!options.expect.empty())
    return compareGolden(*reference.model, options);
  std::vector<int32_t> prompt = options.generate.prompt;
  if (options.isText && !reference.model->byteLevel)
    return complain("the model's tokens are not bytes; give --tokens=1,2,3 "
                    "instead of --prompt",
                    usage);
  return speak(*reference.model, options.generate);
}

} // namespace sennit::tools
