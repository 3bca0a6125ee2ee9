// sennit run: an artifact speaks, or is compared with golden values.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Cases.h"
#include "compiler/tools/Verbs.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand
    command("run",
            "generate text from an artifact, compare it with golden values, or "
            "run ONNX test cases");
static cl::opt<std::string>
    input(cl::Positional, cl::desc("<artifact | case folder | model.onnx>"),
          cl::sub(command));
static cl::list<std::string>
    moreInputs(cl::Positional, cl::desc("<more cases>"), cl::sub(command));
static cl::opt<std::string>
    prompt("prompt", cl::desc("text, for byte-level models"), cl::sub(command));
static cl::list<int32_t> tokens("tokens",
                                cl::desc("token numbers, for other models"),
                                cl::CommaSeparated, cl::sub(command));
static cl::opt<int64_t> maxTokens("max-tokens",
                                  cl::desc("tokens to generate (default: 128)"),
                                  cl::init(128), cl::sub(command));
static cl::opt<double>
    temperature("temperature",
                cl::desc("0 takes the likeliest token (default: 0.8)"),
                cl::init(0.8), cl::sub(command));
static cl::opt<int64_t>
    topK("top-k",
         cl::desc("sample from the k likeliest tokens; 0: all (default: 0)"),
         cl::init(0), cl::sub(command));
static cl::opt<double> topP(
    "top-p",
    cl::desc("sample from the likeliest tokens of this mass (default: 0.95)"),
    cl::init(0.95), cl::sub(command));
static cl::opt<uint64_t> seed("seed", cl::desc("of the samples (default: 1)"),
                              cl::init(1), cl::sub(command));
static cl::opt<bool> greedy("greedy", cl::desc("same as --temperature=0"),
                            cl::sub(command));
static cl::opt<unsigned>
    threads("threads", cl::desc("threads that compute (default: all)"),
            cl::init(0), cl::sub(command));
static cl::opt<std::string> expect(
    "expect",
    cl::desc("golden.safetensors to compare with, instead of generating"),
    cl::value_desc("file"), cl::sub(command));
static cl::opt<double> tolerance(
    "tolerance",
    cl::desc(
        "largest error, relative to the row's largest logit (default: 0.001)"),
    cl::init(1e-3), cl::sub(command));

static cl::opt<std::string>
    data("inputs",
         cl::desc("folder of input_*.pb and output_*.pb for an ONNX model"),
         cl::value_desc("folder"), cl::sub(command));
static cl::opt<bool> json("json", cl::desc("print outcomes of cases as JSON"),
                          cl::sub(command));
static cl::opt<bool> reference(
    "reference",
    cl::desc("interpret a model or cases, not an artifact, in f64 (greedy by "
             "default)"),
    cl::sub(command));
static cl::opt<int64_t> offered(
    "speculate",
    cl::desc("offer so many tokens a call that the text so far suggests; needs "
             "an artifact of --verify, and takes the likeliest tokens"),
    cl::init(0), cl::sub(command));
static cl::opt<std::string> against(
    "against",
    cl::desc("compare with what the reference computes from this model"),
    cl::value_desc("model"), cl::sub(command));

static int compare(Session &session) {
  auto golden = readGolden(expect);
  if (!golden)
    return complain(llvm::toString(golden.takeError()), failed);
  GoldenErrors errors;
  if (int code = compareWithGolden(session, *golden, errors))
    return code;
  llvm::outs() << llvm::format("error    %.2e in one call, %.2e step by step, "
                               "over %zu tokens (tolerance %.0e)\n",
                               errors.score, errors.steps,
                               golden->tokens.size(), tolerance.getValue());
  if (!golden->greedy.empty())
    llvm::outs() << "greedy   " << errors.greedyAgreed << " of "
                 << golden->greedy.size() << " tokens agree\n";
  bool agrees = errors.score <= tolerance && errors.steps <= tolerance &&
                errors.greedyAgreed == int64_t(golden->greedy.size());
  return agrees ? done
                : complain("the artifact does not agree with `" + expect + "`",
                           failed);
}

static GenerateOptions readGenerateOptions() {
  GenerateOptions options;
  options.prompt.assign(tokens.begin(), tokens.end());
  for (unsigned char byte : prompt)
    options.prompt.push_back(byte);
  options.maxTokens = maxTokens;
  bool likeliest = greedy || ((reference || offered) &&
                              temperature.getNumOccurrences() == 0);
  options.temperature = likeliest ? 0.0 : temperature;
  options.topK = topK;
  options.topP = topP;
  options.seed = seed;
  return options;
}

static int runSpeculation(Session &session, const GenerateOptions &options) {
  if (options.temperature != 0)
    return complain(
        "--speculate takes the likeliest token; --temperature=" +
            llvm::Twine(llvm::formatv("{0}", temperature.getValue()).str()) +
            " would sample",
        usage);
  if (session.info.verify_tokens == 0)
    return complain("the artifact has no entry `verify`; compile it with "
                    "--verify=N",
                    unsupported);
  if (offered < 1)
    return complain("--speculate of " + llvm::Twine(offered) +
                        " tokens; at least 1 is needed",
                    usage);
  return speculate(session, options,
                   std::min<int64_t>(offered, session.info.verify_tokens));
}

static int run() {
  if (input.empty())
    return complain("run needs an artifact, such as `sennit compile` writes",
                    usage);
  std::vector<std::string> cases = {input};
  llvm::append_range(cases, moreInputs);
  if (isCase(input)) {
    CaseOptions options;
    options.inputs = cases;
    options.data = data;
    options.json = json;
    options.isInterpreted = reference;
    return runCases(options);
  }
  if (cases.size() > 1)
    return complain("run takes one artifact, or several ONNX cases", usage);
  GenerateOptions options = readGenerateOptions();
  bool comparesWithoutPrompt = !expect.empty() || !against.empty();
  if (options.prompt.empty() && !comparesWithoutPrompt)
    return complain("run needs --prompt=TEXT or --tokens=1,2,3", usage);
  if (reference)
    return runReference({input, options, !prompt.empty(), expect, tolerance});
  Session session;
  if (int code = openSession(input, threads, session))
    return code;
  if (!prompt.empty() && !session.info.byte_level)
    return complain("the model's tokens are not bytes; give --tokens=1,2,3 "
                    "instead of --prompt",
                    usage);
  if (!expect.empty())
    return compare(session);
  if (!against.empty())
    return compareWithReference(session,
                                {against, options, false, {}, tolerance});
  return offered ? runSpeculation(session, options)
                 : generate(session, options);
}

Verb getRunVerb() {
  return {&command, run, "sennit run model.snt --prompt \"In the beginning\""};
}

} // namespace sennit::tools
