// Draws rooflines over logarithmic axes.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Roofline.h"

#include "llvm/Support/Format.h"
#include <cmath>

namespace sennit::tools {

static llvm::StringRef getColour(size_t memory) {
  return Drawing::getColour(memory + 1);
}

namespace {
/// One kernel: operations a byte, operations a second.
struct Point {
  const KernelRow *row;
  double intensity, rate, share;
  size_t memory;
};

/// The drawing, in the units of its view box.
class Roofline {
public:
  Roofline(const EntryRow &entry, const machine::Machine &machine)
      : machine(machine), drawing(width, height) {
    double all = 0;
    for (const KernelRow &row : entry.kernels)
      all += row.seconds;
    for (const KernelRow &row : entry.kernels)
      addPoint(row, row.seconds / all);
    setAxes();
  }

  std::string draw() {
    drawGrid();
    drawRoofs();
    for (const Point &point : points)
      drawPoint(point);
    return drawing.finish("roofline");
  }

private:
  static constexpr double width = 900, height = 420, left = 76, right = 130,
                          top = 16, bottom = 44;

  /// A kernel that computes nothing, or that moves nothing, has no place.
  void addPoint(const KernelRow &row, double share) {
    size_t memory = row.bytesByMemory.size();
    while (memory > 0 && row.bytesByMemory[memory - 1] <= 0)
      --memory;
    if (memory == 0 || row.operations <= 0)
      return;
    points.push_back({&row, row.operations / row.bytesByMemory[memory - 1],
                      row.operations / row.seconds, share, memory - 1});
  }

  double getBandwidth(const machine::Memory &memory) const {
    return memory.bandwidth.value * memory.instances;
  }

  /// The best rate of a unit, and of which element or function it is.
  std::pair<double, std::string> getRoof(const machine::Unit &unit) const {
    double best = 0;
    std::string name;
    auto take = [&](double rate, std::string_view of) {
      if (rate * unit.instances <= best)
        return;
      best = rate * unit.instances;
      name = unit.name + " " + std::string(of);
    };
    for (size_t i = 0; i < unit.rate.size(); ++i)
      take(unit.rate[i].value, machine::getElementNames()[i]);
    for (size_t i = 0; i < unit.special.size(); ++i)
      take(unit.special[i].value, machine::getSpecialNames()[i]);
    return {best, name};
  }

  void setAxes() {
    double least = 1e300, most = 0, low = 1e300, high = 1;
    for (const machine::Unit &unit : machine.units) {
      double roof = getRoof(unit).first;
      most = std::max(most, roof);
      for (const machine::Memory &memory : machine.memories)
        high = std::max(high, roof / getBandwidth(memory));
    }
    for (const Point &point : points) {
      least = std::min(least, point.rate);
      low = std::min(low, point.intensity);
      high = std::max(high, point.intensity);
    }
    // Whole decades, with room for the names of roofs.
    bottomRate = std::floor(std::log10(std::min(least, most / 100)));
    topRate = std::ceil(std::log10(most) + 0.3);
    leftIntensity = std::floor(std::log10(std::min(low, 0.1)));
    rightIntensity = std::ceil(std::log10(high));
  }

  double getX(double intensity) const {
    return left + (std::log10(intensity) - leftIntensity) /
                      (rightIntensity - leftIntensity) * (width - left - right);
  }
  double getY(double rate) const {
    return height - bottom -
           (std::log10(rate) - bottomRate) / (topRate - bottomRate) *
               (height - top - bottom);
  }

  static std::string getDecade(double exponent, llvm::StringRef unit) {
    static constexpr const char *prefixes[] = {"", "k", "M", "G", "T", "P"};
    int thousands = std::clamp(int(std::floor(exponent / 3)), 0, 5);
    std::string text;
    llvm::raw_string_ostream(text)
        << llvm::format("%g ", std::pow(10, exponent - 3 * thousands))
        << prefixes[thousands] << unit;
    return text;
  }

  void drawGrid() {
    for (double x = leftIntensity; x <= rightIntensity; ++x) {
      double at = getX(std::pow(10, x));
      drawing.addLine(at, top, at, height - bottom, "#e6e9ee", 1);
      std::string text;
      llvm::raw_string_ostream(text) << llvm::format("%g", std::pow(10, x));
      drawing.addText(at, height - bottom + 16, "middle", text);
    }
    for (double y = bottomRate; y <= topRate; ++y) {
      double at = getY(std::pow(10, y));
      drawing.addLine(left, at, width - right, at, "#e6e9ee", 1);
      drawing.addText(left - 6, at + 4, "end", getDecade(y, "op/s"));
    }
    drawing.addText(
        (left + width - right) / 2, height - 8, "middle",
        "operations a byte of the outermost memory that a kernel reaches");
  }

  void drawRoofs() {
    double most = 0, before = -1e9;
    std::vector<std::pair<double, std::string>> roofs;
    for (const machine::Unit &unit : machine.units) {
      roofs.push_back(getRoof(unit));
      most = std::max(most, roofs.back().first);
    }
    llvm::sort(roofs, [](auto &a, auto &b) { return a.first > b.first; });
    for (auto &[rate, name] : roofs) {
      double y = getY(rate);
      if (y > height - bottom)
        continue;
      drawing.addLine(left, y, width - right, y, "#3d6fb4", 1.2);
      // Names of roofs that lie close go below one another.
      before = std::max(y + 4, before + 13);
      drawing.addText(width - right + 6, before, "start", name);
    }
    drawSlopes(most);
  }

  /// From the left edge to the highest roof, above which their names stand.
  void drawSlopes(double most) {
    std::vector<std::pair<double, size_t>> ends;
    for (auto [index, memory] : llvm::enumerate(machine.memories)) {
      double bandwidth = getBandwidth(memory);
      double from = std::max(std::pow(10, leftIntensity),
                             std::pow(10, bottomRate) / bandwidth);
      double to = std::min(most / bandwidth, std::pow(10, rightIntensity));
      if (from >= to)
        continue;
      drawing.addLine(getX(from), getY(from * bandwidth), getX(to),
                      getY(to * bandwidth), getColour(index), 1.6);
      ends.push_back({getX(to), index});
    }
    llvm::sort(ends);
    for (auto [place, end] : llvm::enumerate(ends))
      drawing.addText(end.first, getY(most) - 5 - 12 * double(place % 2),
                      "middle", machine.memories[end.second].name,
                      getColour(end.second));
  }

  void drawPoint(const Point &point) {
    const KernelRow &row = *point.row;
    std::string about = row.name;
    llvm::raw_string_ostream(about)
        << llvm::format(": %.1f %% of the time, %.3g op/B, %.4g GFLOP/s, bound "
                        "by ",
                        100 * point.share, point.intensity, point.rate / 1e9)
        << row.bound.name;
    drawing.addPoint(getX(point.intensity), getY(point.rate),
                     3 + 20 * std::sqrt(point.share), getColour(point.memory),
                     /*isFilled=*/true, about);
  }

  const machine::Machine &machine;
  Drawing drawing;
  std::vector<Point> points;
  /// Powers of ten at the ends of the axes.
  double bottomRate = 0, topRate = 1, leftIntensity = 0, rightIntensity = 1;
};
} // namespace

void drawRoofline(const EntryRow &entry, const machine::Machine &machine,
                  llvm::raw_ostream &os) {
  os << Roofline(entry, machine).draw();
}

} // namespace sennit::tools
