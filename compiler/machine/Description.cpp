// Finds, sets, prints and compares the fields of a machine's file.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/machine/Description.h"

#include <algorithm>
#include <utility>

namespace sennit::machine {

static constexpr std::string_view statusNames[] = {"measured", "datasheet",
                                                   "literature", "assumed"};

std::span<const std::string_view> getStatusNames() { return statusNames; }

std::string format(const Problem &problem) {
  if (problem.file.empty())
    return problem.message;
  std::string text = problem.file;
  if (problem.line)
    text += ":" + std::to_string(problem.line);
  return text + ": " + problem.message;
}

const Node *Node::find(std::string_view child) const {
  auto found = std::find_if(children.begin(), children.end(),
                            [&](const Node &n) { return n.name == child; });
  return found == children.end() ? nullptr : &*found;
}

Node *Node::find(std::string_view child) {
  return const_cast<Node *>(std::as_const(*this).find(child));
}

bool Node::operator==(const Node &other) const {
  return name == other.name && field == other.field && text == other.text &&
         items == other.items && status == other.status &&
         source == other.source && children == other.children;
}

namespace {
/// Looks for the fields of a path.
struct Search {
  std::vector<std::string_view> names;
  size_t fewest = SIZE_MAX;
  std::vector<std::pair<const Node *, std::string>> found;

  /// `matched` names of the path lie above `node`, `omitted` groups were
  /// passed over.
  void visit(const Node &node, size_t matched, size_t omitted,
             const std::string &path) {
    bool isMatch = matched < names.size() && node.name == names[matched];
    bool isLast = isMatch && matched + 1 == names.size();
    if (isLast && omitted <= fewest) {
      if (omitted < fewest)
        found.clear();
      fewest = omitted;
      found.push_back({&node, path});
    }
    for (const Node &child : node.children) {
      std::string inner = path.empty() ? child.name : path + "." + child.name;
      if (isMatch)
        visit(child, matched + 1, omitted, inner);
      else
        visit(child, matched, omitted + 1, inner);
    }
  }
};
} // namespace

/// The names of all fields, for suggestions.
static void collectNames(const Node &node, std::vector<std::string_view> &out) {
  out.push_back(node.name);
  for (const Node &child : node.children)
    collectNames(child, out);
}

static std::string explainMissing(const Node &root, std::string_view path,
                                  const Search &search) {
  std::string reason = "no field is called `" + std::string(path) + "`";
  std::vector<std::string_view> known;
  collectNames(root, known);
  for (std::string_view name : search.names) {
    if (std::find(known.begin(), known.end(), name) != known.end())
      continue;
    std::string_view nearest = findNearest(name, known);
    if (!nearest.empty())
      reason += "; is `" + std::string(name) + "` meant to be `" +
                std::string(nearest) + "`?";
  }
  return reason;
}

const Node *findField(const Node &root, std::string_view path,
                      std::string &reason) {
  Search search;
  for (std::string_view rest = path;;) {
    size_t dot = rest.find('.');
    search.names.push_back(rest.substr(0, dot));
    if (dot == std::string_view::npos)
      break;
    rest.remove_prefix(dot + 1);
  }
  for (const Node &child : root.children)
    search.visit(child, 0, 0, child.name);
  if (search.found.size() == 1)
    return search.found.front().first;
  if (search.found.empty()) {
    reason = explainMissing(root, path, search);
    return nullptr;
  }
  reason = "`" + std::string(path) + "` may be";
  for (auto &[node, full] : search.found)
    reason +=
        (node == search.found.front().first ? " `" : " or `") + full + "`";
  reason += "; name more of it";
  return nullptr;
}

/// Of a name that needs no quotes in YAML.
static bool isOfName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
}

bool fits(const Field &field, std::string_view text, std::string &reason) {
  if (field.kind == FieldKind::word) {
    if (field.words.empty()) {
      reason = "is `" + std::string(text) +
               "`, not a name of letters, digits and `_.-/`";
      return !text.empty() && std::all_of(text.begin(), text.end(), isOfName);
    }
    if (std::find(field.words.begin(), field.words.end(), text) !=
        field.words.end())
      return true;
    reason = "is `" + std::string(text) + "`, not one of";
    for (std::string_view word : field.words)
      reason.append(" `").append(word).append("`");
    return false;
  }
  if (field.kind != FieldKind::quantity || text.starts_with("= "))
    return true;
  auto value = parseValue(text);
  if (!value) {
    reason = "is `" + std::string(text) + "`; " +
             std::string(describe(field.measure)) + " is expected";
    return false;
  }
  if (!isOf(field.measure, value->dimension)) {
    reason = "is `" + std::string(text) + "`, which is in " +
             formatDimension(value->dimension) + "; " +
             std::string(describe(field.measure)) + " is expected";
    return false;
  }
  if (field.measure != Measure::any && value->number < 0) {
    reason = "is `" + std::string(text) + "`, which is negative";
    return false;
  }
  return true;
}

bool setField(Node &root, std::string_view path, std::string_view text,
              std::string &reason) {
  auto *node = const_cast<Node *>(findField(root, path, reason));
  if (!node)
    return false;
  if (node->field->kind != FieldKind::quantity &&
      node->field->kind != FieldKind::word) {
    reason = "`" + std::string(path) + "` is a group, not a single value";
    return false;
  }
  if (!fits(*node->field, text, reason)) {
    reason = "`" + std::string(path) + "` " + reason;
    return false;
  }
  bool isValue =
      node->field->kind == FieldKind::quantity && !text.starts_with("= ");
  node->text = isValue ? normalizeValue(text) : std::string(text);
  node->status = Status::assumed;
  node->source.clear();
  return true;
}

/// The table of units that holds `unit`, or null.
static Node *findUnits(Node &node, const Node *unit) {
  for (Node &child : node.children) {
    if (&child == unit)
      return node.name == "units" ? &node : nullptr;
    if (Node *found = findUnits(child, unit))
      return found;
  }
  return nullptr;
}

bool removeUnit(Node &root, std::string_view path, std::string &reason) {
  const Node *unit = findField(root, path, reason);
  Node *units = unit ? findUnits(root, unit) : nullptr;
  if (unit && !units)
    reason = "`" + std::string(path) + "` is no unit";
  if (!units)
    return false;
  units->children.erase(units->children.begin() +
                        (unit - units->children.data()));
  return true;
}

/// A scalar that YAML reads back as the same text.
static std::string quote(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  return result + "\"";
}

static std::string printQuantity(const Node &node) {
  std::string value = node.isExpression() ? quote(node.text) : node.text;
  if (node.status == Status::assumed && node.source.empty())
    return value;
  std::string result =
      "{value: " + value + ", status: " + std::string(getName(node.status));
  if (!node.source.empty())
    result += ", source: " + node.source;
  return result + "}";
}

static void print(const Node &node, int indent, std::string &out) {
  std::string blanks(indent, ' ');
  out += blanks + node.name + ":";
  switch (node.field->kind) {
  case FieldKind::quantity:
    out += " " + printQuantity(node) + "\n";
    return;
  case FieldKind::word:
    out += " " + node.text + "\n";
    return;
  case FieldKind::text:
    out += " " + quote(node.text) + "\n";
    return;
  case FieldKind::list:
    out += node.items.empty() ? " []\n" : "\n";
    for (const std::string &item : node.items)
      out += blanks + "  - " + quote(item) + "\n";
    return;
  case FieldKind::group:
  case FieldKind::table:
    out += node.children.empty() ? " {}\n" : "\n";
    for (const Node &child : node.children)
      print(child, indent + 2, out);
  }
}

std::string print(const Node &root) {
  std::string out;
  for (const Node &child : root.children)
    print(child, 0, out);
  return out;
}

static std::string getText(const Node &node) {
  if (node.field->kind != FieldKind::list)
    return node.text;
  std::string text;
  for (const std::string &item : node.items)
    text += (text.empty() ? "" : "; ") + item;
  return text;
}

static void compare(const Node *before, const Node *after,
                    const std::string &path, std::vector<Difference> &out) {
  const Node &one = before ? *before : *after;
  bool isInner = one.field->kind == FieldKind::group ||
                 one.field->kind == FieldKind::table;
  if (path == "name" || path == "sources" || one.field->kind == FieldKind::text)
    return;
  if (!isInner) {
    std::string left = before ? getText(*before) : "";
    std::string right = after ? getText(*after) : "";
    if (left != right)
      out.push_back({path, left, right});
    return;
  }
  auto visit = [&](const Node *a, const Node *b, const std::string &name) {
    compare(a, b, path.empty() ? name : path + "." + name, out);
  };
  if (before)
    for (const Node &child : before->children)
      visit(&child, after ? after->find(child.name) : nullptr, child.name);
  if (after)
    for (const Node &child : after->children)
      if (!before || !before->find(child.name))
        visit(nullptr, &child, child.name);
}

std::vector<Difference> compare(const Node &before, const Node &after) {
  std::vector<Difference> out;
  compare(&before, &after, "", out);
  return out;
}

} // namespace sennit::machine
