// Lays kernels and resources out along time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Trace.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

namespace sennit::tools {

namespace {
/// The events of one process.
class Timeline {
public:
  Timeline(llvm::json::OStream &json, int64_t process)
      : json(json), process(process) {}

  void name(llvm::StringRef text) { describe("process_name", 0, text); }

  void add(const cost::KernelUse &use, const cost::Prediction &kernel) {
    double micros = kernel.seconds * use.calls * 1e6;
    event("kernels", use.facts.name, micros, [&] {
      json.attribute("calls", use.calls);
      json.attribute("bound by", kernel.bound.name);
      json.attribute("operations", kernel.operations);
      json.attribute("bytes", kernel.bytes);
    });
    for (const cost::Resource &resource : kernel.resources)
      if (resource.seconds > 0)
        event(resource.name, use.facts.name,
              std::min(resource.seconds * use.calls * 1e6, micros), [] {});
    now += micros;
  }

private:
  void event(llvm::StringRef track, llvm::StringRef what, double micros,
             llvm::function_ref<void()> arguments) {
    auto [found, isNew] = tracks.try_emplace(track, tracks.size() + 1);
    if (isNew)
      describe("thread_name", found->second, track);
    json.object([&] {
      json.attribute("name", what);
      json.attribute("ph", "X");
      json.attribute("pid", process);
      json.attribute("tid", found->second);
      json.attribute("ts", now);
      json.attribute("dur", micros);
      json.attributeObject("args", arguments);
    });
  }

  void describe(llvm::StringRef what, int64_t track, llvm::StringRef text) {
    json.object([&] {
      json.attribute("name", what);
      json.attribute("ph", "M");
      json.attribute("pid", process);
      json.attribute("tid", track);
      json.attributeObject("args", [&] { json.attribute("name", text); });
    });
  }

  llvm::json::OStream &json;
  int64_t process;
  llvm::StringMap<int64_t> tracks;
  double now = 0;
};
} // namespace

bool writeTrace(const WorkloadFacts &facts, const machine::Machine &machine,
                llvm::raw_ostream &os, std::string &reason) {
  llvm::json::OStream json(os, 1);
  bool isWhole = true;
  auto writeEntry = [&](int64_t process, llvm::StringRef name,
                        llvm::ArrayRef<cost::EntryFacts> calls) {
    Timeline timeline(json, process);
    timeline.name(name);
    for (const cost::EntryFacts &call : calls) {
      auto prediction = predict(call, machine, reason);
      isWhole &= prediction.has_value();
      if (prediction)
        for (auto [use, kernel] :
             llvm::zip_equal(call.kernels, prediction->kernels))
          timeline.add(use, kernel);
    }
  };
  json.object([&] {
    json.attribute("displayTimeUnit", "ns");
    json.attributeArray("traceEvents", [&] {
      writeEntry(1, "prefill", facts.prefill);
      writeEntry(2, "step", facts.step);
    });
  });
  os << "\n";
  return isWhole;
}

} // namespace sennit::tools
