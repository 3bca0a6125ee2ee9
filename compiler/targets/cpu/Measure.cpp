// Which probe gives which field of a machine's file.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/Target.h"
#include "compiler/targets/cpu/Cpu.h"
#include "compiler/targets/cpu/Probes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace sennit::cpu {

namespace {
/// One measuring of all probes, in the order of a machine's file.
class Measuring {
public:
  Measuring(const CpuMachine &machine, const HostCaches &caches,
            unsigned threads, llvm::function_ref<void(StringRef)> show,
            std::vector<MeasuredField> &fields)
      : width(machine.level == "avx2" ? Width::avx2 : Width::avx512),
        unit(machine.unit), caches(caches), threads(threads), show(show),
        fields(fields) {}

  void run() {
    say("clock");
    double clock = measureClock();
    add("clock.max", clock / 1e9, "GHz");
    add("core.count", threads, "");
    add("core.l1.capacity", caches.l1 / 1024, "KiB");
    add("core.l2.capacity", caches.l2 / 1024, "KiB");
    add("chip.l3.capacity", caches.l3 / 1024, "KiB");
    measureLevel("core.l1", caches.l1 / 2, 1);
    measureLevel("core.l2", caches.l2 / 2, 1);
    // Twice the second cache is outside it, and small in the third.
    measureLevel("chip.l3", caches.l2 * 4, threads);
    // A cache of a socket may be larger than any share of it.
    measureLevel("chip.dram", farBytes(), threads);
    say("bytes in flight");
    double alone = measureBandwidth(width, Stream::read, caches.l2 * 4, 1);
    add("core.exec.in_flight", alone * thirdLatency, "B");
    measureShare(alone, measureBandwidth(width, Stream::read, farBytes(), 1));
    say("multiply-adds");
    add("fma.rate.f32", measureMultiplyAdds(width) / 1e9, "GFLOP/s");
    if (unit == MatrixUnit::none)
      return;
    say("matrix unit");
    if (unit == MatrixUnit::pairs)
      return add("pairs.rate.bf16", measurePairs() / 1e9, "GFLOP/s");
    double rate = measureTiles();
    add("clock.matrix", rate / 1024 / 1e9, "GHz");
    add("amx.rate.bf16", rate / 1e9, "GFLOP/s");
  }

private:
  void say(const Twine &what) { show(what.str()); }

  void add(const Twine &path, double number, StringRef unit) {
    if (!(number > 0))
      return;
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%.4g", number);
    fields.push_back(
        {path.str(), unit.empty() ? text : text + " " + unit.str()});
  }

  size_t farBytes() const {
    return std::min(std::max<size_t>(size_t(256) << 20, caches.l3 * 2),
                    size_t(512) << 20);
  }

  /// The part of the third cache that is not its other users': up to where
  /// reads are nearer to its speed than to the memory's.
  void measureShare(double near, double far) {
    say("share of chip.l3");
    size_t share = caches.l2 * 4;
    for (size_t bytes = 2 * share; bytes <= size_t(caches.l3); bytes *= 2) {
      double speed = measureBandwidth(width, Stream::read, bytes, 1);
      if (speed * speed < near * far)
        break;
      share = bytes;
    }
    if (near > far && caches.l3 > 0)
      add("chip.l3.usable", std::min(1.0, double(share) / caches.l3), "");
  }

  /// Reads, writes and the way to the first byte of `bytes` a thread.
  void measureLevel(StringRef level, size_t bytes, unsigned count) {
    say(level);
    double read = measureBandwidth(width, Stream::read, bytes, count);
    add(level + ".bandwidth", read / 1e9, "GB/s");
    double write = measureBandwidth(width, Stream::write, bytes, count);
    add(level + ".write", write / 1e9, "GB/s");
    double latency = measureLatency(bytes);
    add(level + ".latency", latency * 1e9, "ns");
    if (level == "chip.l3")
      thirdLatency = latency;
  }

  Width width;
  MatrixUnit unit;
  HostCaches caches;
  unsigned threads;
  llvm::function_ref<void(StringRef)> show;
  std::vector<MeasuredField> &fields;
  double thirdLatency = 0;
};
} // namespace

llvm::Expected<std::vector<MeasuredField>>
measureHost(StringRef level, unsigned threads,
            llvm::function_ref<void(StringRef)> show) {
  std::vector<std::string> known = getHostLevels();
  if (!llvm::is_contained(known, level))
    return llvm::createStringError("this processor has no `" + level +
                                   "`, only " + llvm::join(known, ", "));
  std::vector<MeasuredField> fields;
  llvm::Expected<CpuMachine> machine = getMachine(level);
  if (!machine)
    return machine.takeError();
  Measuring(*machine, readHostCaches(), threads, show, fields).run();
  if (fields.size() < 8)
    return llvm::createStringError(
        "this host is no x86-64, or forbids what probes need");
  return fields;
}

} // namespace sennit::cpu
