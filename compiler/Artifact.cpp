// Writes manifest, code and tables into a stored ZIP.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.

#include "compiler/Artifact.h"

#include "compiler/Zip.h"
#include "dialects/rt/Rt.h"
#include "dialects/seq/Seq.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "runtime/artifact/Sha256.h"
#include "sennit/abi.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

using namespace mlir;
namespace json = llvm::json;

namespace sennit {

static std::string hashOf(StringRef bytes) {
  // LLVM 22's SHA256 counts bits in 32 bits: wrong from 512 MiB on.
  char text[65];
  formatSha256(hashSha256(bytes.data(), bytes.size()), text);
  return text;
}

/// An element type as the manifest spells it: `bool` is a byte.
static std::string nameOf(Type type) {
  if (type.isInteger(1))
    return "bool";
  if (type.isInteger())
    return (type.isUnsignedInteger() ? "u" : "i") +
           std::to_string(type.getIntOrFloatBitWidth());
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

namespace {
/// Where the bytes of a weight lie: a file of the table, and a range in it.
struct WeightRange {
  int64_t file, offset, bytes;
};

/// The members of an artifact, each once, and what is known of weight files,
/// which programs share.
class Container {
public:
  explicit Container(const ArtifactOptions &options) : options(options) {}

  /// How a manifest names a weight file.
  llvm::Expected<json::Object> describeFile(StringRef path);
  void add(StringRef name, StringRef content) { zip.add(name, content); }
  /// Weight files come last: the first member is a manifest.
  llvm::Error write(int64_t &bytes) {
    for (auto &[name, file] : embedded)
      zip.add(name, file->getBuffer());
    bytes = zip.size();
    return zip.write(options.path);
  }

private:
  std::string relativePath(StringRef path);

  const ArtifactOptions &options;
  ZipWriter zip;
  /// By path.
  llvm::StringMap<json::Object> files;
  std::vector<std::pair<std::string, std::unique_ptr<llvm::MemoryBuffer>>>
      embedded;
};

/// Adds a program whose members' names begin with `folder`.
class ProgramWriter {
public:
  ProgramWriter(const Program &program, StringRef folder, Container &container)
      : module(program.module), code(program.code), machine(program.machine),
        folder(folder), container(container) {}

  llvm::Error write() {
    std::string tables = collectTables();
    if (auto error = collectParameters())
      return error;
    container.add(manifestName(folder),
                  llvm::formatv("{0:2}", json::Value(describe())).str());
    for (const CodeSection &section : code.sections)
      container.add(folder + section.name,
                    StringRef(section.bytes.data(), section.bytes.size()));
    if (!tables.empty())
      container.add(folder + tablesName, tables);
    return llvm::Error::success();
  }

  static std::string manifestName(const Twine &folder) {
    return (folder + "manifest.json").str();
  }

private:
  static constexpr const char *tablesName = "weights/tables.bin";

  /// Tables that the compiler computed travel in one member.
  std::string collectTables() {
    std::string data;
    for (auto table : module.getOps<rt::DataOp>()) {
      auto value = cast<DenseElementsAttr>(table.getValue());
      data.resize(llvm::alignTo(data.size(), 64));
      ArrayRef<char> raw = value.getRawData();
      ranges[table.getSymName()] = {0, int64_t(data.size()),
                                    int64_t(raw.size())};
      data.append(raw.begin(), raw.end());
    }
    if (!data.empty())
      files.push_back(json::Object{{"path", folder + tablesName},
                                   {"bytes", int64_t(data.size())},
                                   {"sha256", hashOf(data)},
                                   {"embedded", true}});
    return data;
  }

  llvm::Error collectParameters() {
    llvm::StringMap<int64_t> numbers;
    for (auto parameter : module.getOps<seq::ParameterOp>()) {
      auto [number, isNew] =
          numbers.try_emplace(parameter.getFile(), files.size());
      if (isNew) {
        auto file = container.describeFile(parameter.getFile());
        if (!file)
          return file.takeError();
        files.push_back(std::move(*file));
      }
      auto type = cast<RankedTensorType>(parameter.getType());
      ranges[parameter.getSymName()] = {
          number->second, int64_t(parameter.getOffset()),
          type.getNumElements() * type.getElementTypeBitWidth() / 8};
    }
    return llvm::Error::success();
  }

  json::Object describe() {
    json::Array features(machine.features), sections, kernels(code.kernels),
        entries;
    for (const CodeSection &section : code.sections)
      sections.push_back(json::Object{
          {"name", folder + section.name},
          {"bytes", int64_t(section.bytes.size())},
          {"sha256",
           hashOf(StringRef(section.bytes.data(), section.bytes.size()))}});
    for (const EntryInfo &entry : code.entries)
      entries.push_back(describeEntry(entry));
    auto memory = module->getAttrOfType<DictionaryAttr>("rt.memory");
    auto bytes = [&](StringRef name) {
      return memory.getAs<IntegerAttr>(name).getInt();
    };
    json::Object manifest{
        {"format", "sennit-artifact"},
        {"version", 1},
        {"abi", SENNIT_ABI_VERSION},
        {"producer", "sennit " SENNIT_VERSION},
        {"machine", json::Object{{"name", machine.core.getName()},
                                 {"isa", machine.core.getIsa()},
                                 {"features", std::move(features)}}},
        {"sections", std::move(sections)},
        {"files", std::move(files)},
        {"memory", json::Object{{"constants", bytes("constants")},
                                {"state", bytes("state")},
                                {"arena", bytes("arena")},
                                {"scratch", int64_t(llvm::alignTo(
                                                code.scratchBytes, 64))}}},
        {"state", describeState()},
        {"kernels", std::move(kernels)},
        {"entries", std::move(entries)}};
    if (module->hasAttr("seq.model"))
      manifest["model"] = describeModel();
    return manifest;
  }

  json::Object describeModel() {
    auto model = module->getAttrOfType<DictionaryAttr>("seq.model");
    auto number = [&](StringRef name) {
      return model.getAs<IntegerAttr>(name).getInt();
    };
    json::Array ends;
    if (auto list = model.getAs<DenseI64ArrayAttr>("end_of_text"))
      for (int64_t token : list.asArrayRef())
        ends.push_back(token);
    auto byteLevel = model.getAs<BoolAttr>("byte_level");
    return json::Object{
        {"architecture", model.getAs<StringAttr>("architecture").getValue()},
        {"vocabulary", number("vocabulary")},
        {"context", number("context")},
        {"byte_level", byteLevel && byteLevel.getValue()},
        {"end_of_text", std::move(ends)}};
  }

  static json::Array shapeOf(RankedTensorType type) {
    json::Array shape;
    for (int64_t extent : type.getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? json::Value("tokens")
                                                    : json::Value(extent));
    return shape;
  }

  json::Array describeState() {
    json::Array state;
    for (auto entry : module->getAttrOfType<ArrayAttr>("rt.state")
                          .getAsRange<DictionaryAttr>()) {
      auto type =
          cast<RankedTensorType>(entry.getAs<TypeAttr>("type").getValue());
      json::Object described{
          {"name", entry.getAs<StringAttr>("name").getValue()},
          {"offset", entry.getAs<IntegerAttr>("offset").getInt()},
          {"dtype", nameOf(type.getElementType())},
          {"shape", shapeOf(type)},
          {"roll_back", entry.getAs<StringAttr>("roll_back").getValue()}};
      state.push_back(std::move(described));
    }
    return state;
  }

  json::Object describeEntry(const EntryInfo &entry) {
    json::Array arguments;
    for (auto &[kind, name] : entry.bindings)
      arguments.push_back(describeBinding(entry, kind, name));
    json::Object result{{"name", entry.name},
                        {"symbol", entry.symbol},
                        {"arguments", std::move(arguments)}};
    if (entry.maxTokens > 0) {
      result["max_tokens"] = entry.maxTokens;
      result["scalars"] = json::Array{"tokens", "past"};
    } else {
      result["scalars"] = json::Array{};
    }
    return result;
  }

  json::Object describeBinding(const EntryInfo &entry, StringRef kind,
                               StringRef name) {
    json::Object result{{"kind", kind}};
    if (kind == "weight") {
      const WeightRange &range = ranges[name];
      result["name"] = name;
      result["file"] = range.file;
      result["offset"] = range.offset;
      result["bytes"] = range.bytes;
    } else if (kind == "input" || kind == "output") {
      const auto &tensors = kind == "input" ? entry.inputs : entry.outputs;
      const TensorInfo *tensor = llvm::find_if(
          tensors, [&](const TensorInfo &info) { return info.name == name; });
      result["name"] = name;
      result["dtype"] = nameOf(tensor->type.getElementType());
      result["shape"] = shapeOf(tensor->type);
    }
    return result;
  }

  ModuleOp module;
  const Code &code;
  const TargetMachineInfo &machine;
  std::string folder;
  Container &container;
  json::Array files;
  llvm::StringMap<WeightRange> ranges;
};
} // namespace

llvm::Expected<json::Object> Container::describeFile(StringRef path) {
  auto [known, isNew] = files.try_emplace(path);
  if (!isNew)
    return known->second;
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return llvm::createStringError("`" + path +
                                   "`: " + file.getError().message());
  StringRef content = (*file)->getBuffer();
  json::Object described{{"path", relativePath(path)},
                         {"bytes", int64_t(content.size())},
                         {"sha256", hashOf(content)}};
  if (options.embedWeights) {
    std::string name = ("weights/" + llvm::sys::path::filename(path)).str();
    described["path"] = name;
    described["embedded"] = true;
    embedded.push_back({std::move(name), std::move(*file)});
  }
  return known->second = std::move(described);
}

/// The path from the artifact's directory to a weight file.
std::string Container::relativePath(StringRef path) {
  SmallString<256> from(options.path), to(path);
  llvm::sys::path::remove_filename(from);
  if (from.empty())
    from = ".";
  SmallString<256> realFrom, realTo;
  if (llvm::sys::fs::real_path(from, realFrom) ||
      llvm::sys::fs::real_path(to, realTo))
    return path.str();
  auto a = llvm::sys::path::begin(realFrom),
       aEnd = llvm::sys::path::end(realFrom);
  auto b = llvm::sys::path::begin(realTo), bEnd = llvm::sys::path::end(realTo);
  while (a != aEnd && b != bEnd && *a == *b)
    ++a, ++b;
  SmallString<256> result;
  for (; a != aEnd; ++a)
    llvm::sys::path::append(result, "..");
  for (; b != bEnd; ++b)
    llvm::sys::path::append(result, *b);
  return result.str().str();
}

llvm::Error writeArtifact(ArrayRef<Program> programs,
                          const ArtifactOptions &options, int64_t &bytes) {
  Container container(options);
  // A container of one program has no folders.
  bool isOne = programs.size() == 1;
  auto folderOf = [&](size_t i) {
    return isOne ? std::string() : std::to_string(i) + "/";
  };
  if (!isOne) {
    json::Array manifests;
    for (size_t i = 0; i != programs.size(); ++i)
      manifests.push_back(ProgramWriter::manifestName(folderOf(i)));
    json::Object list{{"format", "sennit-artifact"},
                      {"version", 1},
                      {"programs", std::move(manifests)}};
    container.add(ProgramWriter::manifestName(""),
                  llvm::formatv("{0:2}", json::Value(std::move(list))).str());
  }
  for (auto [i, program] : llvm::enumerate(programs)) {
    ModuleOp module = program.module;
    bool isCallable =
        llvm::any_of(program.code.entries, [](const EntryInfo &entry) {
          return entry.name != "initialize";
        });
    if (!module->hasAttr("rt.memory") || !isCallable)
      return llvm::createStringError(
          "the module has no public function, so there "
          "is nothing that an artifact could run");
    if (auto error = ProgramWriter(program, folderOf(i), container).write())
      return error;
  }
  return container.write(bytes);
}

} // namespace sennit
