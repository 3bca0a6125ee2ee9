// Lines, texts and points of a drawing in SVG.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_COMPILER_TOOLS_DRAWING_H
#define SENNIT_COMPILER_TOOLS_DRAWING_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace sennit::tools {

/// Text as HTML and SVG show it.
std::string escapeHtml(llvm::StringRef text);

/// A drawing; lengths are in the units of its view box, y runs downwards.
class Drawing {
public:
  Drawing(double width, double height) : width(width), height(height) {}

  /// One of a few colours that can be told apart, again and again.
  static llvm::StringRef getColour(size_t number);

  void addLine(double x1, double y1, double x2, double y2,
               llvm::StringRef colour, double thickness);
  /// `anchor` is `start`, `middle` or `end`.
  void addText(double x, double y, llvm::StringRef anchor,
               const llvm::Twine &text, llvm::StringRef colour = "#5b6675");
  void addTitle(double x, double y, const llvm::Twine &text);
  /// A disc, or a ring; `about` is shown where a pointer rests.
  void addPoint(double x, double y, double radius, llvm::StringRef colour,
                bool isFilled, llvm::StringRef about);

  /// The whole: a file of its own, or a part of a page. `name` is read aloud.
  std::string finish(llvm::StringRef name) const;

private:
  double width, height;
  std::string body;
  llvm::raw_string_ostream os{body};
};

} // namespace sennit::tools

#endif // SENNIT_COMPILER_TOOLS_DRAWING_H
