// Reads models: graphs, nodes, attributes, functions.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "frontends/onnx/MessageReader.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace sennit;
using namespace sennit::onnx;
using llvm::StringRef;
using llvm::Twine;

bool MessageReader::fail(const Twine &what) {
  if (reason.empty())
    reason = file + ": " + place + what.str();
  return false;
}

bool MessageReader::failUnsupported(const Twine &what) {
  isUnsupported |= reason.empty();
  return fail(what);
}

llvm::Error MessageReader::takeError() {
  return isUnsupported ? unsupportedInput(reason) : brokenInput(reason);
}

bool MessageReader::forEach(StringRef message, const Twine &what,
                            llvm::function_ref<bool(const Field &)> visit) {
  if (++messages > maxMessages)
    return fail("more than " + Twine(maxMessages) + " messages");
  WireReader reader(message);
  Field field;
  while (reader.next(field))
    if (!visit(field))
      return false;
  return reader.error().empty() || fail(what + ", " + reader.error());
}

bool MessageReader::readText(const Field &field, std::string &text) {
  StringRef bytes;
  if (!readMessage(field, bytes))
    return false;
  text = bytes.str();
  return true;
}

bool MessageReader::readInteger(const Field &field, int64_t &value) {
  value = field.integer();
  return field.kind == WireKind::Varint ||
         fail("field " + Twine(field.number) + " is no integer");
}

bool MessageReader::readMessage(const Field &field, StringRef &message) {
  message = field.bytes;
  return field.kind == WireKind::Bytes ||
         fail("field " + Twine(field.number) + " is a number, expected bytes");
}

//===-- Types
//--------------------------------------------------------------------===//

bool MessageReader::readExtent(StringRef message, int64_t &extent) {
  extent = -1;
  return forEach(message, "dimension", [&](const Field &field) {
    if (field.number != 1)
      return true;
    return readInteger(field, extent) &&
           ((extent >= 0 && extent <= maxElements) ||
            fail("an extent of " + Twine(extent)));
  });
}

bool MessageReader::readTensorType(StringRef message, ValueInfo &info) {
  info.isTensor = true;
  return forEach(message, "tensor type", [&](const Field &field) {
    int64_t number = 0;
    StringRef shape;
    if (field.number == 1) {
      if (!readInteger(field, number))
        return false;
      info.type = ElementType(int(number));
      return true;
    }
    if (field.number != 2)
      return true;
    if (!readMessage(field, shape))
      return false;
    info.shape.emplace();
    return forEach(shape, "shape", [&](const Field &element) {
      StringRef extent;
      if (element.number != 1)
        return true;
      if (info.shape->size() == 64)
        return fail("more than 64 dimensions");
      return readMessage(element, extent) &&
             readExtent(extent, info.shape->emplace_back());
    });
  });
}

bool MessageReader::readValueInfo(StringRef message, ValueInfo &info) {
  return forEach(message, "value", [&](const Field &field) {
    StringRef type;
    if (field.number == 1)
      return readText(field, info.name);
    if (field.number != 2)
      return true;
    return readMessage(field, type) &&
           forEach(type, "type", [&](const Field &kind) {
             StringRef tensor;
             if (kind.number != 1)
               return true;
             return readMessage(kind, tensor) && readTensorType(tensor, info);
           });
  });
}

//===-- Nodes
//--------------------------------------------------------------------===//

bool MessageReader::readAttributeField(const Field &field,
                                       StoredAttribute &attribute) {
  StringRef message;
  std::string error;
  llvm::SmallVector<uint64_t> values;
  int64_t number = 0;
  switch (field.number) {
  case 1:
    return readText(field, attribute.name);
  case 2:
    attribute.number = field.single();
    return field.kind == WireKind::Fixed32 || fail("no float in field 2");
  case 3:
    return readInteger(field, attribute.integer);
  case 4:
    return readText(field, attribute.text);
  case 5:
    attribute.tensor = std::make_shared<StoredTensor>();
    return readMessage(field, message) &&
           readTensor(message, *attribute.tensor);
  case 6:
    attribute.graph = std::make_shared<Graph>();
    return readMessage(field, message) && readGraph(message, *attribute.graph);
  case 7:
    if (!appendNumbers(field, WireKind::Fixed32, values, error))
      return fail(error);
    for (uint64_t value : values)
      attribute.numbers.push_back(
          Field{0, WireKind::Fixed32, value, {}}.single());
    return true;
  case 8:
    if (!appendNumbers(field, WireKind::Varint, values, error))
      return fail(error);
    attribute.integers.insert(attribute.integers.end(), values.begin(),
                              values.end());
    return true;
  case 9:
    return readText(field, attribute.texts.emplace_back());
  case 20:
    if (!readInteger(field, number))
      return false;
    attribute.kind = int(number);
    return true;
  case 21:
    return readText(field, attribute.reference);
  default:
    return true;
  }
}

bool MessageReader::readAttribute(StringRef message,
                                  StoredAttribute &attribute) {
  if (!forEach(message, "attribute", [&](const Field &field) {
        return readAttributeField(field, attribute);
      }))
    return false;
  std::string name = "attribute " + quoted(attribute.name);
  if (attribute.kind < StoredAttribute::Float ||
      attribute.kind > StoredAttribute::Strings)
    return failUnsupported(name + " is of kind " + Twine(attribute.kind));
  bool isMissing =
      (attribute.kind == StoredAttribute::Tensor && !attribute.tensor) ||
      (attribute.kind == StoredAttribute::Graph && !attribute.graph);
  return !isMissing || !attribute.reference.empty() ||
         fail(name + " has no value");
}

bool MessageReader::readNode(StringRef message, Node &node) {
  return forEach(message, "node", [&](const Field &field) {
    StringRef attribute;
    switch (field.number) {
    case 1:
      return readText(field, node.inputs.emplace_back());
    case 2:
      return readText(field, node.outputs.emplace_back());
    case 3:
      return readText(field, node.name);
    case 4:
      return readText(field, node.operation);
    case 5:
      return readMessage(field, attribute) &&
             readAttribute(attribute, node.attributes.emplace_back());
    case 7:
      return readText(field, node.domain);
    default:
      return true;
    }
  });
}

bool MessageReader::readGraph(StringRef message, Graph &graph) {
  if (nesting == maxNesting)
    return fail("graphs inside graphs, more than " + Twine(maxNesting) +
                " deep");
  ++nesting;
  std::string before = place;
  bool good = forEach(message, "graph", [&](const Field &field) {
    StringRef part;
    switch (field.number) {
    case 1:
      place = before + "node " + std::to_string(graph.nodes.size()) + ": ";
      return readMessage(field, part) &&
             readNode(part, graph.nodes.emplace_back());
    case 2:
      return readText(field, graph.name);
    case 5:
      place = before + "initializer " +
              std::to_string(graph.initializers.size()) + ": ";
      return readMessage(field, part) &&
             readTensor(part, graph.initializers.emplace_back());
    case 11:
      place = before + "input " + std::to_string(graph.inputs.size()) + ": ";
      return readMessage(field, part) &&
             readValueInfo(part, graph.inputs.emplace_back());
    case 12:
      place = before + "output " + std::to_string(graph.outputs.size()) + ": ";
      return readMessage(field, part) &&
             readValueInfo(part, graph.outputs.emplace_back());
    case 15:
      return failUnsupported("a sparse initializer");
    default:
      return true;
    }
  });
  if (good)
    place = before;
  --nesting;
  return good;
}

bool MessageReader::readOperatorSet(StringRef message, OperatorSet &set) {
  return forEach(message, "operator set", [&](const Field &field) {
    if (field.number == 1)
      return readText(field, set.domain);
    return field.number != 2 || readInteger(field, set.version);
  });
}

bool MessageReader::readFunction(StringRef message, Function &function) {
  std::string attribute;
  return forEach(message, "function", [&](const Field &field) {
    StringRef part;
    switch (field.number) {
    case 1:
      return readText(field, function.name);
    case 4:
      return readText(field, function.inputs.emplace_back());
    case 5:
      return readText(field, function.outputs.emplace_back());
    case 7:
      return readMessage(field, part) &&
             readNode(part, function.nodes.emplace_back());
    case 9:
      return readMessage(field, part) &&
             readOperatorSet(part, function.operatorSets.emplace_back());
    case 10:
      return readText(field, function.domain);
    case 11:
      return readMessage(field, part) &&
             readAttribute(part, function.defaults.emplace_back());
    default:
      return true;
    }
  });
}

//===-- Files
//--------------------------------------------------------------------===//

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
sennit::onnx::readBounded(StringRef file, uint64_t limit) {
  llvm::sys::fs::file_status status;
  if (std::error_code code = llvm::sys::fs::status(file, status))
    return brokenInput(file + ": " + code.message());
  // A pipe or a device would block or never end.
  if (!llvm::sys::fs::is_regular_file(status))
    return brokenInput(file + ": not a regular file");
  if (status.getSize() > limit)
    return brokenInput(file + ": the file has " + Twine(status.getSize()) +
                       " bytes, the limit is " + Twine(limit));
  // Volatile: read, not mapped, so that a file that shrinks raises no signal.
  auto content = llvm::MemoryBuffer::getFileSlice(file, status.getSize(), 0,
                                                  /*IsVolatile=*/true);
  if (!content)
    return brokenInput(file + ": " + content.getError().message());
  return std::move(*content);
}

llvm::Expected<Model> sennit::onnx::readModel(StringRef file) {
  auto content = readBounded(file, maxModelBytes);
  if (!content)
    return content.takeError();
  Model model;
  model.file = file.str();
  model.bytes = std::move(*content);
  StringRef bytes = model.bytes->getBuffer();
  MessageReader reader(file, bytes);
  bool hasGraph = false;
  bool good = reader.forEach(bytes, "model", [&](const Field &field) {
    if (field.kind != WireKind::Bytes)
      return true;
    switch (field.number) {
    case 7:
      hasGraph = true;
      return reader.readGraph(field.bytes, model.graph);
    case 8:
      return reader.readOperatorSet(field.bytes,
                                    model.operatorSets.emplace_back());
    case 25:
      return reader.readFunction(field.bytes, model.functions.emplace_back());
    default:
      return true;
    }
  });
  if (!good)
    return reader.takeError();
  if (!hasGraph)
    return brokenInput(file + ": has no graph, so it is no ONNX model");
  return model;
}

llvm::Expected<StoredTensor> sennit::onnx::readTensorFile(StringRef file) {
  auto content = readBounded(file, maxModelBytes);
  if (!content)
    return content.takeError();
  StringRef bytes = (*content)->getBuffer();
  MessageReader reader(file, bytes);
  StoredTensor tensor;
  if (!reader.readTensor(bytes, tensor))
    return reader.takeError();
  // The buffer goes; its elements stay.
  if (!tensor.owned)
    tensor.own(std::vector<char>(tensor.data.begin(), tensor.data.end()));
  return tensor;
}

int64_t sennit::onnx::findVersion(llvm::ArrayRef<OperatorSet> sets,
                                  StringRef domain) {
  // The standard's own domain has two names.
  auto plain = [](StringRef name) { return name == "ai.onnx" ? "" : name; };
  for (const OperatorSet &set : sets)
    if (plain(set.domain) == plain(domain))
      return set.version;
  return 0;
}
