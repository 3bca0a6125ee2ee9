// Writes lines, texts and points as SVG.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/tools/Drawing.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <iterator>

namespace sennit::tools {

std::string escapeHtml(llvm::StringRef text) {
  std::string result;
  llvm::raw_string_ostream os(result);
  llvm::printHTMLEscaped(text, os);
  return result;
}

llvm::StringRef Drawing::getColour(size_t number) {
  static constexpr llvm::StringLiteral colours[] = {
      "#3d6fb4", "#c2571a", "#2f8f83", "#8a63c9", "#b4453d", "#6b7280"};
  return colours[number % std::size(colours)];
}

void Drawing::addLine(double x1, double y1, double x2, double y2,
                      llvm::StringRef colour, double thickness) {
  os << llvm::format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" ",
                     x1, y1, x2, y2)
     << "stroke=\"" << colour
     << llvm::format("\" stroke-width=\"%.1f\"/>\n", thickness);
}

void Drawing::addText(double x, double y, llvm::StringRef anchor,
                      const llvm::Twine &text, llvm::StringRef colour) {
  os << llvm::format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"", x, y)
     << anchor << "\" fill=\"" << colour << "\">" << escapeHtml(text.str())
     << "</text>\n";
}

void Drawing::addTitle(double x, double y, const llvm::Twine &text) {
  os << llvm::format("<text x=\"%.1f\" y=\"%.1f\" class=\"title\" ", x, y)
     << "fill=\"#1c2430\">" << escapeHtml(text.str()) << "</text>\n";
}

void Drawing::addPoint(double x, double y, double radius,
                       llvm::StringRef colour, bool isFilled,
                       llvm::StringRef about) {
  os << llvm::format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" ", x, y,
                     radius)
     << "fill=\"" << (isFilled ? colour : llvm::StringRef("#fff"))
     << "\" fill-opacity=\".55\" stroke=\"" << colour << "\"><title>"
     << escapeHtml(about.rtrim()) << "</title></circle>\n";
}

std::string Drawing::finish(llvm::StringRef name) const {
  std::string text;
  llvm::raw_string_ostream whole(text);
  whole << "<svg xmlns=\"http://www.w3.org/2000/svg\" "
        << llvm::format("viewBox=\"0 0 %.0f %.0f\" ", width, height)
        << "role=\"img\" aria-label=\"" << escapeHtml(name) << "\">\n"
        << "<style>text { font: 11px system-ui, sans-serif; } "
           ".title { font-size: 13px; font-weight: 600; }</style>\n"
        << "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        << body << "</svg>\n";
  return text;
}

} // namespace sennit::tools
