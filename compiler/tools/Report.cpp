// Lays out the page of a prediction.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Report.h"

#include "compiler/tools/Roofline.h"
#include "llvm/Support/Format.h"

namespace sennit::tools {

static const char *const style = R"(
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.about { color: #5b6675; margin-top: .2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: right; padding: .22rem .6rem; border-bottom: 1px solid #e6e9ee; }
th { color: #5b6675; font-weight: 600; }
th:first-child, td:first-child, .text { text-align: left; }
tbody tr:hover { background: #f4f6f9; }
.badge { border-radius: .6rem; padding: .05rem .5rem; font-size: .82rem; white-space: nowrap; }
.measured { background: #d7f0dc; } .datasheet { background: #dbe9fb; }
.literature { background: #fbf0cf; } .assumed { background: #f9dfda; }
.bar { background: #3d6fb4; height: .8rem; border-radius: 2px; min-width: 1px; }
.scroll { overflow-x: auto; }
svg { width: 100%; height: auto; }
pre { background: #f4f6f9; padding: 1rem; overflow-x: auto; font-size: .82rem; }
)";

static std::string makeBadge(machine::Status status) {
  std::string name(getName(status));
  return "<span class=\"badge " + name + "\">" + name + "</span>";
}

static std::string formatNumber(const char *layout, double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(layout, number);
  return text;
}

static std::string formatJoules(const std::optional<double> &joules) {
  return joules ? formatNumber("%.3g mJ", *joules * 1e3) : "not said";
}

static void writeSummary(llvm::ArrayRef<EntryRow> entries,
                         llvm::raw_ostream &os) {
  os << "<h2>Summary</h2>\n<table><thead><tr><th>entry<th>tokens<th>after"
        "<th>time<th>tokens a second<th>launches<th>energy<th class=text>known "
        "as</tr></thead><tbody>\n";
  for (const EntryRow &entry : entries)
    os << "<tr><td>" << entry.name << "<td>"
       << formatNumber("%.0f", entry.tokens) << "<td>"
       << formatNumber("%.0f", entry.past) << "<td>"
       << formatNumber("%.3f ms", entry.seconds * 1e3) << "<td>"
       << formatNumber("%.0f", entry.tokens / entry.seconds) << "<td>"
       << formatNumber("%.0f", entry.launches) << "<td>"
       << formatJoules(entry.energy) << "<td class=text>"
       << makeBadge(entry.confidence) << "</tr>\n";
  os << "</tbody></table>\n";
  for (const EntryRow &entry : entries)
    if (!entry.fits)
      os << "<p>What " << entry.name
         << " touches does not fit the largest memory.</p>\n";
}

static void writeSavings(const EntryRow &entry, llvm::raw_ostream &os) {
  if (entry.savings.empty())
    return;
  os << "<ul>\n";
  for (const Saving &saving : entry.savings)
    os << "<li>" << escapeHtml(describe(saving, entry.seconds)) << "</li>\n";
  os << "</ul>\n";
}

static void writeKernels(const EntryRow &entry, const machine::Machine &machine,
                         llvm::raw_ostream &os) {
  double all = 0, longest = 0;
  for (const KernelRow &row : entry.kernels) {
    all += row.seconds;
    longest = std::max(longest, row.seconds);
  }
  os << "<div class=scroll><table><thead><tr><th>kernel<th class=text "
        "style=\"width:16%\">share<th>calls<th>&micro;s a call<th>GFLOP/s";
  for (const machine::Memory &memory : machine.memories)
    os << "<th>KB " << escapeHtml(memory.name);
  os << "<th>energy<th class=text>bound by</tr></thead><tbody>\n";
  for (const KernelRow &row : entry.kernels) {
    os << "<tr><td>" << escapeHtml(row.name)
       << (row.fits ? "" : " (an item does not fit)")
       << "<td class=text title=\""
       << formatNumber("%.1f %%", 100 * row.seconds / all)
       << "\"><div class=bar style=\"width:"
       << formatNumber("%.1f%%", 100 * row.seconds / longest) << "\"></div><td>"
       << formatNumber("%.0f", row.calls) << "<td>"
       << formatNumber("%.2f", row.seconds / row.calls * 1e6) << "<td>"
       << formatNumber("%.4g", row.operations / row.seconds / 1e9);
    for (double bytes : row.bytesByMemory)
      os << "<td>" << formatNumber("%.4g", bytes / row.calls / 1e3);
    os << "<td>" << formatJoules(row.energy) << "<td class=text>"
       << escapeHtml(row.bound.name) << " " << makeBadge(row.bound.status)
       << "</tr>\n";
  }
  os << "</tbody></table></div>\n";
}

void writeReport(llvm::StringRef model, const LoadedMachine &loaded,
                 llvm::ArrayRef<EntryRow> entries, llvm::raw_ostream &os) {
  const machine::Machine &machine = loaded.machine;
  std::string title = escapeHtml(model) + " on " + escapeHtml(machine.name);
  os << "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
     << "<meta name=viewport content=\"width=device-width\">\n<title>" << title
     << "</title>\n<style>" << style << "</style></head><body>\n<h1>" << title
     << "</h1>\n<p class=about>" << escapeHtml(machine.summary) << ", "
     << formatNumber("%.0f", machine.cores.value)
     << " cores. Predicted by sennit " SENNIT_VERSION
        " from the numbers of the machine's file alone; nothing is "
        "calibrated.</p>\n";
  writeSummary(entries, os);
  for (const EntryRow &entry : entries) {
    os << "<h2>" << entry.name << ": below the roofs</h2>\n";
    drawRoofline(entry, machine, os);
    os << "<h2>" << entry.name << ": kernels</h2>\n";
    writeKernels(entry, machine, os);
    writeSavings(entry, os);
  }
  os << "<h2>The machine</h2>\n<details><summary>Every number, its status and "
        "its source</summary><pre>"
     << escapeHtml(machine::print(loaded.root))
     << "</pre></details>\n</body></html>\n";
}

} // namespace sennit::tools
