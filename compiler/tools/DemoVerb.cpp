// sennit demo: the whole way on the model that comes with Sennit, in half a
// minute.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Verbs.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"

namespace cl = llvm::cl;

namespace sennit::tools {

static cl::SubCommand
    command("demo",
            "compile the demo model, check it, time it and let it write");
static cl::opt<std::string> input(cl::Positional, cl::desc("[model directory]"),
                                  cl::init(SENNIT_DEMO_MODEL),
                                  cl::sub(command));
static cl::opt<std::string> output(
    "o",
    cl::desc("the artifact (default: demo.snt in the temporary directory)"),
    cl::sub(command));
static cl::opt<unsigned>
    threads("threads", cl::desc("threads that compute (default: all)"),
            cl::init(0), cl::sub(command));

static void heading(const llvm::Twine &text) {
  llvm::outs() << "\n" << text << "\n";
}

static void describe(const CompileReport &report, const std::string &artifact) {
  llvm::outs() << "target     " << report.targets.front()
               << " (this machine)\n";
  for (auto &[name, seconds] : report.phases)
    llvm::outs() << llvm::format("%-10s %6.2f s\n", name.c_str(), seconds);
  llvm::outs()
      << "fusion     " << report.decisions.countTaken() << " taken, "
      << report.decisions.countMissed()
      << " missed, each with its reason (sennit compile --explain-fusion)\n"
      << "kernels    " << report.kernels << " distinct; " << report.launches
      << " launches a prefill\n"
      << llvm::format("artifact   %s, %.0f KB; weights stay where they are\n",
                      artifact.c_str(), report.artifactBytes / 1024.0);
}

static int check(Session &session) {
  llvm::SmallString<256> path(input);
  llvm::sys::path::append(path, "golden.safetensors");
  auto golden = readGolden(path);
  if (!golden)
    return complain(llvm::toString(golden.takeError()), failed);
  GoldenErrors errors;
  if (int code = compareWithGolden(session, *golden, errors))
    return code;
  llvm::outs() << llvm::format(
                      "logits against transformers in f32, %zu tokens: error "
                      "%.1e in one call, %.1e step by step\n",
                      golden->tokens.size(), errors.score, errors.steps)
               << "greedy continuation: " << errors.greedyAgreed << " of "
               << golden->greedy.size() << " tokens agree\n";
  if (errors.score > 1e-3 || errors.steps > 1e-3)
    return complain("the error is above 1e-3", failed);
  return done;
}

static int run() {
  llvm::SmallString<256> artifact(output);
  if (artifact.empty()) {
    llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, artifact);
    llvm::sys::path::append(artifact, "sennit-demo.snt");
  }
  heading("Compile " + input +
          ": Jamba, attention, Mamba and experts in one stack");
  CompileOptions options;
  options.input = input;
  options.output = artifact.str().str();
  // As the numbers that it is checked against.
  options.roundsOperands = false;
  CompileReport report;
  if (int code = compileWithProgress(options, report))
    return code;
  describe(report, options.output);
  Session session;
  if (int code = openSession(artifact, threads, session))
    return code;
  heading("Check");
  if (int code = check(session))
    return code;
  heading("Measure");
  std::vector<BenchRow> rows;
  if (int code = measure(session, 256, 64, 5, rows))
    return code;
  printRows(rows, llvm::outs());
  heading("Write");
  GenerateOptions text;
  llvm::StringRef prompt = "And the king said unto ";
  text.prompt.assign(prompt.begin(), prompt.end());
  text.maxTokens = 400;
  if (int code = generate(session, text))
    return code;
  heading("Next");
  llvm::outs() << "  sennit compile path/to/hugging-face-model -o model.snt\n"
               << "  sennit run " << artifact
               << " --prompt \"In the beginning \" --temperature 0.7\n"
               << "  sennit compile " << input
               << " --explain-fusion -o model.snt\n";
  return done;
}

Verb getDemoVerb() { return {&command, run, "sennit demo"}; }

} // namespace sennit::tools
