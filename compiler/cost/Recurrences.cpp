// Recurrences: facts from shapes, and the chunk of least time.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#include "compiler/cost/Recurrences.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace sennit::cost {

using machine::getBytes;

static constexpr size_t f32 = size_t(Element::f32);
/// The place of scans among the tasks.
static constexpr size_t scan = 0;
static_assert(tasks[scan] == UnitKind::scan);

namespace {
/// Rows of a chunk, and the decay that is theirs.
struct Rows {
  std::string name, decay;
  double count;
};

/// What one chunk of a head computes: what it gives out, and what it makes of
/// the state. What several products need is computed once.
class Chunk {
public:
  /// `share` of the products of queries by keys are this head's.
  Chunk(const Recurrence &problem, double rows, double share)
      : p(problem), rows(rows),
        rounds(p.element != Element::f32 && rows >= p.roundsFrom) {
    sumDecays();
    Rows query{"query", p.readers > 1 ? "of readers" : "own", rows * p.readers},
        key{"key", "own", rows}, erasing{"erasing", "own", rows};
    readState(query);
    decayState();
    if (p.rule != UpdateRule::add)
      makeRows(key, erasing);
    if (p.rule == UpdateRule::erase)
      write(query, erasing, share);
    for (int writer = 0; writer < int(p.writers); ++writer)
      write(query, {key.name + std::to_string(writer), key.decay, rows}, share);
    // By the scale.
    outputs.vector[f32] += query.count * p.width;
  }

  Work outputs, states;

private:
  bool isNew(const std::string &value) { return made.insert(value).second; }

  /// A product of what is rounded for it: `computed` elements of its operands
  /// were no inputs.
  void multiply(Work &work, double m, double n, double k, double computed,
                double times = 1) {
    Element element = rounds ? p.element : Element::f32;
    work.products.push_back({m, n, k, element, element, times});
    work.vector[f32] += rounds ? computed : 0;
  }

  void sumDecays() {
    double logs = p.decays ? rows * (p.decaysRows ? p.state : 1) : 0;
    outputs.vector[f32] += logs;
    outputs.given[scan][f32] += rows > 1 ? logs : 0;
  }

  /// `count` powers of a decay, which a subtraction may come before.
  void raise(Work &work, const std::string &decay, double count,
             double subtractions = 0) {
    if (!isNew(decay))
      return;
    work.special[size_t(Special::exp2)] += count;
    work.vector[f32] += subtractions;
  }

  void readState(const Rows &x) {
    bool decays = p.decays && !(rows == 1 && x.decay == "before");
    double count = p.decaysRows ? x.count * p.state : x.count;
    if (decays) {
      raise(outputs, x.decay, count);
      outputs.vector[f32] += p.decaysRows ? count : count * p.width;
    }
    multiply(outputs, x.count, p.width, p.state,
             isNew("rounded state") ? p.state * p.width : 0);
  }

  void decayState() {
    if (!p.decays)
      return;
    raise(states, "last", p.decaysRows ? p.state : 1);
    states.vector[f32] += p.state * p.width;
  }

  void write(const Rows &query, const Rows &key, double share) {
    weigh(query, key, /*isStrict=*/false, share);
    addRows(query.count);
    if (p.decays && rows > 1) {
      double count = p.decaysRows ? rows * p.state : rows;
      raise(states, "until last", count, count);
      states.vector[f32] += p.decaysRows ? count : count * p.width;
    }
    multiply(states, p.state, p.width, rows, rows * p.width);
    states.products.back().beside = countBytes();
  }

  /// Bytes of a step's tiles, beside the state and what is written into it: the
  /// other rows, the pairs' weights, and the state as products read it.
  double countBytes() const {
    double reads = rows * p.readers, pairs = reads * rows;
    double tiles = reads * (p.state + p.width) + pairs;
    double wide = tiles * getBytes(Element::f32);
    double computed = pairs + p.state * p.width;
    return wide + (rounds ? computed * getBytes(p.element) : 0);
  }

  /// The products of rows by the chunk's keys, each weighted by the decay
  /// between them; the mask comes before the exponential.
  void weigh(const Rows &x, const Rows &y, bool isStrict, double times = 1) {
    std::string pair = x.decay + (isStrict ? " strictly" : " at most");
    if (p.decays && p.decaysRows && rows > 1)
      return weighRows(x, y, pair);
    multiply(outputs, x.count, rows, p.state, 0, times);
    double pairs = x.count * rows;
    if (rows == 1)
      return;
    outputs.vector[f32] += p.decays ? pairs : 2 * pairs;
    if (p.decays)
      raise(outputs, pair, pairs, 3 * pairs);
  }

  /// Decays of single components have a product form between blocks of rows
  /// only; within one, each pair takes exponentials of its own.
  void weighRows(const Rows &x, const Rows &y, const std::string &pair) {
    double block = std::min(rows, 8.0), own = x.count / (rows / block);
    double pairs = x.count * block * p.state;
    outputs.vector[f32] += 3 * pairs;
    raise(outputs, pair, pairs, 2 * pairs);
    for (double from = block; from < rows; from += block) {
      std::string place = " " + std::to_string(from);
      raise(outputs, x.decay + " since" + place, own * p.state, own * p.state);
      raise(outputs, "until" + place, from * p.state, from * p.state);
      if (isNew(x.name + " since" + x.decay + place))
        outputs.vector[f32] += own * p.state;
      if (isNew(y.name + " until" + place))
        outputs.vector[f32] += from * p.state;
      outputs.products.push_back({own, from, p.state});
    }
  }

  /// Sums of the chunk's rows, so weighted.
  void addRows(double count) {
    multiply(outputs, count, p.width, rows, rows > 1 ? count * rows : 0);
  }

  /// What rules that read first make of the values.
  void makeRows(const Rows &key, const Rows &erasing) {
    bool erases = p.rule == UpdateRule::erase;
    Rows reading = erases ? Rows{"reading", "before", rows} : key;
    readState(reading);
    // The delta rules take it off and scale.
    outputs.vector[f32] += erases ? 0 : 2 * rows * p.width;
    if (rows == 1)
      return;
    if (erases) {
      weigh(reading, {key.name + "0", key.decay, rows}, /*isStrict=*/true);
      addRows(rows);
    }
    weigh(reading, erases ? erasing : Rows{key.name + "0", key.decay, rows},
          /*isStrict=*/true);
    outputs.vector[f32] += rows * rows;
    invert(rows);
    multiply(outputs, rows, p.width, rows, rows * (rows + p.width));
  }

  /// A triangle of `size` rows: blocks of 4, then pairs of blocks.
  void invert(double size) {
    double blocks = std::max(1.0, rows / size);
    if (size <= 4) {
      outputs.vector[f32] += 3 * blocks * size * size;
      if (size == 4)
        outputs.products.push_back(
            {4, 4, 4, Element::f32, Element::f32, 2 * blocks});
      return;
    }
    double half = size / 2;
    outputs.products.push_back(
        {half, half, half, Element::f32, Element::f32, 2 * blocks});
    outputs.vector[f32] += blocks * half * half;
    invert(half);
  }

  const Recurrence &p;
  double rows;
  bool rounds;
  std::set<std::string> made;
};

/// The chunks of all heads, and what they touch.
struct Chunks {
  Chunks(const Recurrence &p, double rows, ChunkForm form)
      : problem(p), isWalk(form == ChunkForm::walk),
        chunk(p, rows, isWalk ? 1 : p.groups / p.heads),
        count(std::ceil(p.tokens / rows)), heads(p.batch * p.heads),
        stateBytes(p.state * p.width * getBytes(Element::f32)) {
    double bytes = getBytes(p.element), number = getBytes(Element::f32);
    double vectors = p.readers + p.writers;
    if (p.rule == UpdateRule::erase)
      vectors += 2;
    shared = rows * p.state * vectors * bytes;
    double decays = !p.decays ? 0 : p.decaysRows ? p.state : 1;
    if (p.rule == UpdateRule::delta)
      decays += 1;
    own = rows * (p.writers * p.width * bytes + decays * number);
    out = rows * p.readers * p.width * number;
  }

  double getWindow() const { return shared + own + out; }

  Access makeAccess(std::string name, double bytes, double lines,
                    bool isWrite) const {
    return {std::move(name),
            bytes,
            {{heads, lines, getWindow() * count, true},
             {count, count, getWindow(), !isWalk}},
            isWrite};
  }

  const Recurrence &problem;
  bool isWalk;
  Chunk chunk;
  double count, heads, stateBytes;
  /// Bytes of a chunk: of queries and keys, of what each head has by itself,
  /// and of outputs.
  double shared = 0, own = 0, out = 0;
};
} // namespace

/// Operations from one state to the next.
static Chain getChain(UpdateRule rule) {
  if (rule == UpdateRule::add)
    return {1, 0, 1, 0, 0};
  // Read, subtract, scale, solve, round, write.
  return {5, 0, 3, 0, 0};
}

/// One item walks a head's chunks, the state in the core.
static void addWalk(KernelFacts &facts, const Chunks &chunks, Work step) {
  Work item;
  step.chain = getChain(chunks.problem.rule);
  item.add(step, chunks.count);
  item.moved += 2 * chunks.stateBytes;
  item.chain.memory += 1;
  facts.items.push_back({item, chunks.heads});
  for (bool isWrite : {false, true})
    facts.accesses.push_back({isWrite ? "state after" : "state",
                              chunks.stateBytes,
                              {{chunks.heads, chunks.heads,
                                chunks.getWindow() * chunks.count, true}},
                              isWrite});
}

/// Work goes on side by side; a flag and a state hop from each chunk to the
/// next through memory that cores share.
static void addLookBack(KernelFacts &facts, const Chunks &chunks,
                        const Work &step) {
  facts.items.push_back({step, chunks.heads * chunks.count});
  Work hops;
  hops.chain = {chunks.count, 0, 0, 2 * chunks.count, 0};
  facts.items.push_back({hops, 1});
  facts.accesses.push_back(
      chunks.makeAccess("states", chunks.stateBytes, chunks.heads, true));
}

/// States are written, read and written by the scan, read for the outputs,
/// which read the inputs once more.
static void addThreePhases(KernelFacts &facts, const Chunks &chunks,
                           Work step) {
  facts.launches = 3;
  step.moved += chunks.shared + chunks.own + 2 * chunks.stateBytes;
  facts.items.push_back({step, chunks.heads * chunks.count});
  const Recurrence &p = chunks.problem;
  Work between;
  between.vector[f32] = 2 * chunks.count * p.state * p.width;
  between.moved = 2 * chunks.count * chunks.stateBytes;
  between.chain = {chunks.count, 0, 0, 1, 0};
  facts.items.push_back({between, chunks.heads});
  auto access = [&](const char *name, double bytes, double lines,
                    bool isWrite) {
    facts.accesses.push_back(chunks.makeAccess(name, bytes, lines, isWrite));
  };
  access("states", chunks.stateBytes, chunks.heads, true);
  access("scan in", chunks.stateBytes, chunks.heads, false);
  access("scan out", chunks.stateBytes, chunks.heads, true);
  access("states in", chunks.stateBytes, chunks.heads, false);
  access("shared again", chunks.shared, p.batch * p.groups, false);
  access("own again", chunks.own, chunks.heads, false);
}

KernelFacts getChunkedFacts(const Recurrence &problem, double chunk,
                            ChunkForm form) {
  Chunks chunks(problem, chunk, form);
  KernelFacts facts;
  facts.name = "chunked_scan";
  facts.footprint = chunks.shared + chunks.own + chunks.stateBytes;
  facts.accesses = {chunks.makeAccess("shared", chunks.shared,
                                      problem.batch * problem.groups, false),
                    chunks.makeAccess("own", chunks.own, chunks.heads, false),
                    chunks.makeAccess("out", chunks.out, chunks.heads, true)};
  Work step;
  step.add(chunks.chunk.outputs, 1);
  step.add(chunks.chunk.states, 1);
  step.moved = chunks.getWindow();
  step.chain = {4, 1, 3, 1, 0};
  if (form == ChunkForm::walk)
    addWalk(facts, chunks, step);
  else if (form == ChunkForm::lookBack)
    addLookBack(facts, chunks, step);
  else
    addThreePhases(facts, chunks, step);
  return facts;
}

std::vector<double> listChunks(double tokens) {
  constexpr double most = 256;
  std::vector<double> chunks;
  for (double chunk = 1; chunk <= most; chunk *= 2) {
    chunks.push_back(chunk);
    if (chunk >= tokens)
      break;
  }
  return chunks;
}

Choice chooseChunk(const Recurrence &problem, const machine::Machine &machine) {
  std::vector<KernelFacts> facts;
  for (double chunk : listChunks(problem.tokens))
    facts.push_back(getChunkedFacts(problem, chunk, ChunkForm::walk));
  return chooseFastest(facts, machine);
}

} // namespace sennit::cost
