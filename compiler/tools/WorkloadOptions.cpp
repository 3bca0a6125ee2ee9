// Declares the options that verbs share.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/WorkloadOptions.h"

#include "compiler/tools/Verbs.h"

namespace cl = llvm::cl;

namespace sennit::tools {

ActivationsOption::ActivationsOption(cl::SubCommand &command)
    : option("activations",
             cl::desc("what products take of activations (default: weights "
                      "where a matrix unit takes nothing wider, else f32)"),
             cl::values(clEnumValN(Activations::wide, "f32", "all of them"),
                        clEnumValN(Activations::weights, "weights",
                                   "as many bits as their matrices have; keys "
                                   "and values too")),
             cl::init(Activations::machine), cl::sub(command)) {}

std::optional<bool> ActivationsOption::get() const {
  if (option == Activations::machine)
    return std::nullopt;
  return option == Activations::weights;
}

WorkloadOptions::WorkloadOptions(cl::SubCommand &command, llvm::StringRef set)
    : model(cl::Positional,
            cl::desc("<model directory | model.onnx | file.mlir>"),
            cl::sub(command)),
      target("target",
             cl::desc("a machine of `sennit targets list`, or its file"),
             cl::value_desc("machine | file.yaml"), cl::sub(command)),
      calibration("calibration",
                  cl::desc("numbers that `sennit targets calibrate` measured"),
                  cl::value_desc("file"), cl::sub(command)),
      changes("set", cl::desc(set), cl::value_desc("path=value"),
              cl::sub(command)),
      length("length",
             cl::desc("tokens of the prefill, and before the step (default: "
                      "256)"),
             cl::init(256), cl::sub(command)),
      context("context",
              cl::desc("tokens that a sequence may have (default: the "
                       "model's, at most 4096)"),
              cl::init(0), cl::sub(command)),
      skew("skew",
           cl::desc("how unevenly experts are chosen: shares i^-skew "
                    "(default: 0, evenly)"),
           cl::init(0), cl::sub(command)),
      activations(command),
      fuses("fusion",
            cl::desc("whether kernels are fused (default: true); without, "
                     "each holds one op or a run of rows"),
            cl::init(true), cl::sub(command)),
      chunk("chunk",
            cl::desc("most tokens of one prefill call (default: 256, on GPUs "
                     "2048)"),
            cl::init(0), cl::sub(command)) {}

Workload WorkloadOptions::getWorkload() const {
  return {model, context, length, skew, activations.get(), fuses, chunk};
}

int WorkloadOptions::check() const {
  if (length < 1)
    return complain("--length is " + llvm::Twine(length) +
                        "; at least one token is expected",
                    usage);
  if (chunk < 0)
    return complain("--chunk is " + llvm::Twine(chunk) +
                        "; at least one token is expected",
                    usage);
  return done;
}

} // namespace sennit::tools
