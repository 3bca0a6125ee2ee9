// Reads sweeps and draws them.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Chart.h"

#include "compiler/machine/Units.h"
#include "compiler/tools/Drawing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <cmath>

namespace sennit::tools {

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(message.str());
}

llvm::Expected<SweepTable> readTable(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return fail("`" + path + "`: " + buffer.getError().message());
  SweepTable table;
  llvm::SmallVector<llvm::StringRef> lines;
  (*buffer)->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (auto [number, line] : llvm::enumerate(lines)) {
    llvm::SmallVector<llvm::StringRef> cells;
    line.split(cells, ',');
    std::vector<std::string> row(cells.begin(), cells.end());
    if (number == 0)
      table.columns = std::move(row);
    else if (row.size() == table.columns.size())
      table.rows.push_back(std::move(row));
    else
      return fail("`" + path + "`, line " + llvm::Twine(number + 1) + ": " +
                  llvm::Twine(row.size()) + " cells below " +
                  llvm::Twine(table.columns.size()) + " columns");
  }
  if (table.rows.empty())
    return fail("`" + path + "` has no rows");
  return table;
}

namespace {
struct Point {
  double x = 0, y = 0;
  bool isPareto = false;
  std::string about;
};

/// One chart; `run` goes from top to bottom.
class Chart {
public:
  Chart(const SweepTable &table, const ChartRequest &request)
      : table(table), request(request) {}

  llvm::Expected<std::string> run() {
    if (auto error = readPoints())
      return std::move(error);
    setAxes();
    scaleTimes();
    for (auto &[name, points] : series)
      right = std::max(right, 30 + 6.0 * double(name.size()));
    width = 570 + right;
    Drawing drawing(width, height);
    drawing.addTitle(left, 18, request.title);
    drawGrid(drawing);
    size_t number = 0;
    for (auto &[name, points] : series)
      drawSeries(drawing, name, points, number++);
    return drawing.finish(request.title);
  }

private:
  static constexpr double height = 400, left = 70, top = 52, bottom = 52;

  llvm::Expected<size_t> findColumn(llvm::StringRef name) {
    std::string known;
    for (auto [i, column] : llvm::enumerate(table.columns)) {
      if (column == name || llvm::StringRef(column).split(" [").first == name)
        return i;
      known += (i ? ", `" : "`") + column + "`";
    }
    return fail("no column is called `" + name + "`; there are " + known);
  }

  /// The number of a cell in the unit of its column's first cell.
  llvm::Expected<double> readNumber(llvm::StringRef cell,
                                    llvm::StringRef column) {
    auto value = machine::parseValue(cell.str());
    if (!value)
      return fail("column `" + column + "` has `" + cell +
                  "`, which is no number; draw it with --series");
    return value->number;
  }

  llvm::Error readPoints() {
    auto x = findColumn(request.x);
    auto y = x ? findColumn(request.y) : llvm::Expected<size_t>(0);
    std::vector<size_t> by;
    std::optional<size_t> pareto;
    if (!x)
      return x.takeError();
    if (!y)
      return y.takeError();
    if (!request.series.empty()) {
      for (llvm::StringRef name : llvm::split(request.series, ',')) {
        auto found = findColumn(name);
        if (!found)
          return found.takeError();
        by.push_back(*found);
      }
    } else if (auto found = findColumn("Pareto")) {
      pareto = *found;
    } else {
      llvm::consumeError(found.takeError());
    }
    nameX = table.columns[*x];
    nameY = table.columns[*y];
    llvm::StringRef first = table.rows.front()[*x];
    auto [number, unit] = first.split(' ');
    if (auto scale = machine::parseUnit(unit.str()); scale && !unit.empty()) {
      scaleX = scale->number;
      nameX += " [" + unit.str() + "]";
    }
    for (const std::vector<std::string> &row : table.rows) {
      auto atX = readNumber(row[*x], nameX);
      auto atY = atX ? readNumber(row[*y], nameY) : llvm::Expected<double>(0);
      if (!atX)
        return atX.takeError();
      if (!atY)
        return atY.takeError();
      Point point{*atX / scaleX, *atY, pareto && row[*pareto] == "yes", {}};
      for (auto [column, cell] : llvm::zip_equal(table.columns, row))
        point.about += column + ": " + cell + "\n";
      hasPareto |= point.isPareto;
      std::string name;
      for (size_t column : by)
        name += (name.empty() ? "" : ", ") +
                llvm::StringRef(table.columns[column]).ltrim("+").str() + " " +
                row[column];
      getSeries(name).push_back(point);
    }
    return llvm::Error::success();
  }

  std::vector<Point> &getSeries(const std::string &name) {
    for (auto &[known, points] : series)
      if (known == name)
        return points;
    return series.emplace_back(name, std::vector<Point>()).second;
  }

  /// Seconds and joules below one in thousandths or millionths.
  void scaleTimes() {
    llvm::StringRef name = nameY;
    llvm::StringRef unit = name.ends_with("[s]")   ? "s]"
                           : name.ends_with("[J]") ? "J]"
                                                   : "";
    if (unit.empty() || mostY >= 1 || mostY <= 0)
      return;
    bool isTiny = mostY < 1e-3;
    double factor = isTiny ? 1e6 : 1e3;
    for (auto &[series, points] : series)
      for (Point &point : points)
        point.y *= factor;
    mostY *= factor;
    stepY *= factor;
    nameY =
        name.drop_back(unit.size()).str() + (isTiny ? "u" : "m") + unit.str();
  }

  /// Over logarithms where values spread over more than a factor of eight.
  void setAxes() {
    double least = HUGE_VAL;
    for (auto &[name, points] : series)
      for (const Point &point : points) {
        least = std::min(least, point.x);
        mostX = std::max(mostX, point.x);
        mostY = std::max(mostY, point.y);
      }
    isLogarithmic = least > 0 && mostX > 8 * least;
    leastX = isLogarithmic ? least : std::min(least, mostX);
    if (leastX == mostX)
      mostX += leastX == 0 ? 1 : leastX;
    stepY = getStep(mostY > 0 ? mostY / 5 : 1);
    mostY = std::ceil(mostY / stepY * (1 - 1e-9)) * stepY;
  }

  /// 1, 2 or 5 of a decade, at least `step`.
  static double getStep(double step) {
    double decade = std::pow(10, std::floor(std::log10(step)));
    for (double times : {1, 2, 5})
      if (times * decade >= step)
        return times * decade;
    return 10 * decade;
  }

  double getX(double x) const {
    double part = isLogarithmic
                      ? std::log(x / leastX) / std::log(mostX / leastX)
                      : (x - leastX) / (mostX - leastX);
    return left + part * (width - left - right);
  }
  double getY(double y) const {
    return height - bottom - y / mostY * (height - top - bottom);
  }

  static std::string format(double number) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%.4g", number);
    return text;
  }

  void drawGrid(Drawing &drawing) {
    // Every place at which there are values, as long as their names fit.
    std::vector<double> places;
    for (auto &[name, points] : series)
      for (const Point &point : points)
        places.push_back(point.x);
    llvm::sort(places);
    places.erase(std::unique(places.begin(), places.end()), places.end());
    double last = -HUGE_VAL;
    for (double x : places) {
      if (getX(x) - last < 38)
        continue;
      last = getX(x);
      drawing.addLine(last, top, last, height - bottom, "#eef0f3", 1);
      drawing.addText(last, height - bottom + 16, "middle", format(x));
    }
    for (double y = 0; y <= mostY * (1 + 1e-9); y += stepY) {
      drawing.addLine(left, getY(y), width - right, getY(y),
                      y == 0 ? "#9aa4b1" : "#e6e9ee", 1);
      drawing.addText(left - 8, getY(y) + 4, "end", format(y));
    }
    drawing.addText((left + width - right) / 2, height - 14, "middle", nameX);
    drawing.addText(8, top - 12, "start", nameY);
  }

  void drawSeries(Drawing &drawing, llvm::StringRef name,
                  std::vector<Point> points, size_t number) {
    llvm::StringRef colour = Drawing::getColour(number);
    llvm::stable_sort(points, [](auto &a, auto &b) { return a.x < b.x; });
    bool isFront = request.series.empty() && hasPareto;
    const Point *before = nullptr;
    for (const Point &point : points) {
      if (isFront && !point.isPareto)
        continue;
      // Between points of a front, one is as good as the one on its left.
      if (before && isFront) {
        drawing.addLine(getX(before->x), getY(before->y), getX(point.x),
                        getY(before->y), colour, 1.5);
        drawing.addLine(getX(point.x), getY(before->y), getX(point.x),
                        getY(point.y), colour, 1.5);
      } else if (before) {
        drawing.addLine(getX(before->x), getY(before->y), getX(point.x),
                        getY(point.y), colour, 1.5);
      }
      before = &point;
    }
    for (const Point &point : points)
      drawing.addPoint(getX(point.x), getY(point.y), 4, colour,
                       !isFront || point.isPareto, point.about);
    if (!name.empty())
      drawing.addText(width - right + 10, top + 8 + 18.0 * double(number),
                      "start", name, colour);
  }

  const SweepTable &table;
  const ChartRequest &request;
  /// By name, in the order in which they come first.
  std::vector<std::pair<std::string, std::vector<Point>>> series;
  std::string nameX, nameY;
  double width = 0, right = 40;
  double scaleX = 1, leastX = 0, mostX = 0, mostY = 0, stepY = 1;
  bool isLogarithmic = false, hasPareto = false;
};
} // namespace

llvm::Expected<std::string> drawChart(const SweepTable &table,
                                      const ChartRequest &request) {
  return Chart(table, request).run();
}

} // namespace sennit::tools
