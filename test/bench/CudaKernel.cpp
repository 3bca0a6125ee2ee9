// Loads one kernel through runtime/cuda, runs it on files and times it, on the
// word of another program.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   sennit-cuda-bench KERNEL.ptx IMAGE BLOCKS ARGUMENT..
//
// IMAGE is the cubin, or the PTX again. BLOCKS 0 is a block a multiprocessor.
// The kernel's arguments in order: an integer, `in:FILE:AxBxC` (16-bit floats,
// row-major) or `out:FILE:AxBxC`. Then, for each line on standard input:
//
//   run            runs once onto an output of NaNs and writes the out: files
//   time LAUNCHES  0.25 s idle, two launches to warm, then the mean of LAUNCHES
//
// answers with one JSON object on a line. `compare_cuda.py` speaks to it.
#include "runtime/drivers/cuda/Kernel.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace sennit;
using namespace sennit::cuda;

namespace {

[[noreturn]] void stop(const std::string &message) {
  std::cerr << "sennit-cuda-bench: " << message << "\n";
  exit(1);
}

void require(const Status &status) {
  if (!status.isOk())
    stop(status.message());
}

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    stop(path + ": " + strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A view with its memory and file.
struct Buffer {
  bool isOutput = false;
  std::string path;
  DeviceMemory memory;
};

struct Bench {
  Driver driver;
  Device device;
  Kernel kernel;
  unsigned blocks = 0;
  std::vector<Argument> arguments;
  std::vector<std::unique_ptr<Buffer>> buffers;

  void addArgument(const std::string &text);
  void run();
  void time(int launches);
};

} // namespace

void Bench::addArgument(const std::string &text) {
  Argument argument;
  size_t first = text.find(':'), last = text.rfind(':');
  if (first == text.npos) {
    argument.scalar = atoll(text.c_str());
    arguments.push_back(argument);
    return;
  }
  auto buffer = std::make_unique<Buffer>();
  buffer->isOutput = text.substr(0, first) == "out";
  buffer->path = text.substr(first + 1, last - first - 1);
  std::istringstream shape(text.substr(last + 1));
  int64_t elements = 1;
  for (std::string extent; std::getline(shape, extent, 'x');) {
    if (argument.rank == maxRank)
      stop(text + ": more than 5 dimensions");
    argument.shape[argument.rank++] = atoll(extent.c_str());
  }
  for (int i = argument.rank - 1; i >= 0; --i) {
    argument.strides[i] = elements;
    elements *= argument.shape[i];
  }
  require(buffer->memory.allocate(device, elements * 2));
  if (!buffer->isOutput) {
    std::string bytes = readFile(buffer->path);
    if (bytes.size() != buffer->memory.bytes())
      stop(buffer->path + ": " + std::to_string(bytes.size()) + " bytes, " +
           std::to_string(buffer->memory.bytes()) + " are needed");
    require(buffer->memory.write(bytes.data()));
  }
  argument.address = buffer->memory.address();
  arguments.push_back(argument);
  buffers.push_back(std::move(buffer));
}

void Bench::run() {
  for (auto &buffer : buffers)
    if (buffer->isOutput)
      require(buffer->memory.fill(0xff));
  require(kernel.launch(blocks));
  require(device.synchronize(kernel.name()));
  for (auto &buffer : buffers) {
    if (!buffer->isOutput)
      continue;
    std::vector<char> bytes(buffer->memory.bytes());
    require(buffer->memory.read(bytes.data()));
    std::ofstream file(buffer->path, std::ios::binary);
    if (!file.write(bytes.data(), bytes.size()))
      stop(buffer->path + ": " + strerror(errno));
  }
  std::cout << "{\"ran\": true}" << std::endl;
}

void Bench::time(int launches) {
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  for (int i = 0; i < 2; ++i)
    require(kernel.launch(blocks));
  Stopwatch watch;
  require(watch.create(device));
  require(watch.start());
  for (int i = 0; i < launches; ++i)
    require(kernel.launch(blocks));
  float milliseconds = 0;
  require(watch.stop());
  require(watch.read(kernel.name(), milliseconds));
  std::cout << "{\"ms\": " << milliseconds / launches << "}" << std::endl;
}

int main(int count, char **values) {
  if (count < 4)
    stop("takes KERNEL.ptx IMAGE BLOCKS ARGUMENT..");
  Launch launch;
  require(launch.read(readFile(values[1])));
  std::string image = readFile(values[2]);
  Bench bench;
  require(bench.driver.load());
  require(bench.device.open(bench.driver, 0));
  require(bench.kernel.load(bench.device, image.c_str(), std::move(launch)));
  bench.blocks = atoi(values[3]);
  if (bench.blocks == 0)
    bench.blocks = bench.device.processors();
  for (int i = 4; i < count; ++i)
    bench.addArgument(values[i]);
  require(bench.kernel.bind(bench.arguments.data(), bench.arguments.size()));
  std::cout << "{\"device\": \"" << bench.device.name() << "\"}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "run")
      bench.run();
    else if (line.rfind("time ", 0) == 0)
      bench.time(atoi(line.c_str() + 5));
    else
      stop("reads `run` and `time LAUNCHES`, not `" + line + "`");
  }
  return 0;
}
