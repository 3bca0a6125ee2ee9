// Compiles a tile program in this process and runs it, to test numbers.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "test/compiler/targets/cpu/TileKernel.h"

#include "compiler/targets/cpu/Cpu.h"
#include "dialects/tile/Tile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

#include <chrono>
#include <sys/syscall.h>
#include <unistd.h>

using namespace mlir;
using namespace sennit;
using namespace sennit::test;

// The kernel wants to be asked before a process uses AMX; where it is not, the
// level is not run.
std::vector<std::string> sennit::test::levels() {
  std::vector<std::string> found = cpu::getHostLevels();
  constexpr long askForPermission = 0x1023, tileData = 18;
  if (!found.empty() && found.back() == "amx" &&
      syscall(SYS_arch_prctl, askForPermission, tileData) != 0)
    found.pop_back();
  return found;
}

bool sennit::test::hasMatrixUnit(const std::string &level) {
  return llvm::cantFail(cpu::getMachine(level)).unit != cpu::MatrixUnit::none;
}

static MLIRContext &getContext() {
  static MLIRContext *context = [] {
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registerAllToLLVMIRTranslations(registry);
    registry.insert<tile::TileDialect>();
    auto *context = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
    return context;
  }();
  return *context;
}

// The object may ask for nothing but the three functions of the runtime's ABI.
static void expectSelfContained(const llvm::object::ObjectFile &object) {
  for (const llvm::object::SymbolRef &symbol : object.symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    ASSERT_TRUE(bool(flags) && bool(name));
    if (*flags & llvm::object::SymbolRef::SF_Undefined)
      EXPECT_TRUE(name->empty() || *name == "memcpy" || *name == "memset" ||
                  *name == "memmove")
          << name->str();
  }
}

void TileKernel::compile(const std::string &level, const std::string &program) {
  auto start = std::chrono::steady_clock::now();
  MLIRContext &context = getContext();
  auto module = parseSourceString<ModuleOp>(program, &context);
  ASSERT_TRUE(bool(module)) << program;
  llvm::Expected<cpu::CpuMachine> machine = cpu::getMachine(level);
  ASSERT_TRUE(bool(machine));
  PassManager manager(&context);
  cpu::buildPipeline(manager, *machine);
  ASSERT_TRUE(succeeded(manager.run(*module)));
  std::string name;
  for (auto function : module->getOps<LLVM::LLVMFuncOp>())
    if (auto scratch =
            function->getAttrOfType<IntegerAttr>(cpu::scratchAttrName)) {
      name = function.getName().str();
      scratchBytes = scratch.getInt();
    }
  auto object = cpu::emitObject(*module, *machine);
  ASSERT_TRUE(bool(object)) << llvm::toString(object.takeError());
  compileSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (const char *path = std::getenv("SENNIT_TILE_OBJECT")) {
    std::error_code error;
    llvm::raw_fd_ostream(path, error).write(object->data(), object->size());
  }
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(
      StringRef(object->data(), object->size()), name);
  auto parsed =
      llvm::object::ObjectFile::createObjectFile(buffer->getMemBufferRef());
  ASSERT_TRUE(bool(parsed));
  expectSelfContained(**parsed);
  auto created = llvm::orc::LLJITBuilder().create();
  ASSERT_TRUE(bool(created)) << llvm::toString(created.takeError());
  jit = std::move(*created);
  jit->getMainJITDylib().addGenerator(llvm::cantFail(
      llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
          jit->getDataLayout().getGlobalPrefix())));
  llvm::cantFail(jit->addObjectFile(std::move(buffer)));
  kernel = llvm::cantFail(jit->lookup(name)).toPtr<sennit_kernel_fn>();
  items = llvm::cantFail(jit->lookup(name + ".items"))
              .toPtr<int64_t (*)(const int64_t *)>();
}

void TileKernel::run(const std::vector<int64_t> &arguments) {
  ASSERT_NE(kernel, nullptr);
  Array<float> scratch((scratchBytes + 64) / 4);
  for (size_t i = 0; i < scratch.size(); ++i)
    scratch[i] = NAN;
  auto *aligned = reinterpret_cast<void *>((scratch.slot() + 63) & ~63);
  int64_t count = items(arguments.data());
  int64_t first = count / 3, second = count / 2;
  kernel(arguments.data(), 0, first, aligned);
  kernel(arguments.data(), second, count, aligned);
  kernel(arguments.data(), first, second, aligned);
}

void TileKernel::runAtOnce(const std::vector<int64_t> &arguments) {
  static Array<float> scratch(1 << 24);
  auto *aligned = reinterpret_cast<void *>((scratch.slot() + 63) & ~63);
  kernel(arguments.data(), 0, items(arguments.data()), aligned);
}

static std::mt19937 &generator() {
  static std::mt19937 numbers(7);
  return numbers;
}

Array<float> sennit::test::randomFloats(size_t size, float low, float high) {
  Array<float> array(size);
  std::uniform_real_distribution<float> uniform(low, high);
  for (size_t i = 0; i < size; ++i)
    array[i] = uniform(generator());
  return array;
}

Array<uint16_t> sennit::test::randomBFloats(size_t size, float low,
                                            float high) {
  Array<uint16_t> array(size);
  std::uniform_real_distribution<float> uniform(low, high);
  for (size_t i = 0; i < size; ++i)
    array[i] = toBFloat(uniform(generator()));
  return array;
}

std::string sennit::test::fill(
    std::string text,
    const std::vector<std::pair<std::string, int64_t>> &numbers) {
  for (const auto &[name, value] : numbers) {
    std::string key = "$" + name + "$";
    for (size_t at = text.find(key); at != std::string::npos;
         at = text.find(key))
      text.replace(at, key.size(), std::to_string(value));
  }
  return text;
}

void sennit::test::expectNear(const float *expected, const float *actual,
                              size_t size, double relative, double absolute) {
  for (size_t i = 0; i < size; ++i) {
    double larger = std::max(std::fabs(expected[i]), std::fabs(actual[i]));
    double error = std::fabs(double(expected[i]) - actual[i]);
    ASSERT_LE(error, relative * larger + absolute)
        << "element " << i << " of " << size << ": expected " << expected[i]
        << ", got " << actual[i];
  }
}
