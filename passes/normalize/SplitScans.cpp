// Cuts scans into segments that run beside each other, by their declared
// algebra.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
//   y, h' = seq.scan affine x, h      =>   M, b = the maps of N segments
//                                          e, h' = seq.scan M, b, h
//                                          y = N segments of x, from e
//
// Declines, with a remark, what the algebra or the region does not allow, calls
// too short to be cut, and where one walk takes no longer by the cost model.

#include "passes/normalize/Passes.h"
#include "passes/normalize/ScanMaps.h"
#include "passes/normalize/ScanWork.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace sennit {
#define GEN_PASS_DEF_SPLITSCANS
#include "passes/normalize/Passes.h.inc"

using normalize::ScanMap;
using normalize::Semiring;

static RankedTensorType addSegments(int64_t segments, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> shape{segments};
  llvm::append_range(shape, tensor.getShape());
  return tensor.clone(shape);
}

namespace {
class Splitter {
public:
  Splitter(seq::ScanOp scan, ScanMap &map, int64_t segments)
      : scan(scan), map(map), semiring(map.getSemiring()), segments(segments),
        builder(scan), loc(scan.getLoc()), count(scan.getStates().size()),
        sets(map.isByElement() ? count : 1),
        // Log-sum-exp joins nothing to its states, or has been declined.
        hasOffsets(semiring.algebra != seq::ScanAlgebra::LogSumExp) {}

  /// What the scan costs, as it is and in segments. The parts are built to be
  /// counted, and taken out again.
  cost::SplitScan countParts(int64_t tokens) {
    Operation *before = scan->getPrevNode();
    ResultRange maps = buildMaps();
    ResultRange entries = buildEntries(maps);
    auto of = [](ResultRange results) {
      return normalize::countWalk(results.front().getDefiningOp<seq::ScanOp>());
    };
    cost::SplitScan parts{double(tokens), normalize::countWalk(scan), of(maps),
                          of(entries)};
    while (scan->getPrevNode() != before)
      scan->getPrevNode()->erase();
    return parts;
  }

  void split() {
    ResultRange maps = buildMaps();
    auto composed = buildEntries(maps);
    ResultRange outputs = buildReplay(composed.take_front(count));
    for (auto [old, now] : llvm::zip_first(scan.getOutputs(), outputs))
      old.replaceAllUsesWith(now);
    for (auto [old, now] :
         llvm::zip_equal(scan.getStatesAfter(), composed.take_back(count)))
      old.replaceAllUsesWith(now);
    scan.erase();
  }

private:
  Value fill(Type type, double value) {
    auto tensor = cast<RankedTensorType>(type);
    Type element = tensor.getElementType();
    Value empty =
        tensor::EmptyOp::create(builder, loc, tensor.getShape(), element);
    Value scalar = arith::ConstantOp::create(
        builder, loc, builder.getFloatAttr(element, value));
    return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
  }

  using Body = function_ref<Value(OpBuilder &, ValueRange)>;
  Value generic(ValueRange inputs, Value init, ArrayRef<AffineMap> maps,
                unsigned reductions, Body body) {
    SmallVector<utils::IteratorType> kinds(maps.front().getNumDims(),
                                           utils::IteratorType::parallel);
    std::fill_n(kinds.rbegin(), reductions, utils::IteratorType::reduction);
    auto op = linalg::GenericOp::create(
        builder, loc, init.getType(), inputs, init, maps, kinds,
        [&](OpBuilder &inner, Location, ValueRange arguments) {
          linalg::YieldOp::create(inner, loc, body(inner, arguments));
        });
    return op.getResult(0);
  }

  /// The map that changes nothing, for every segment: [segment, S, S].
  Value buildIdentity(RankedTensorType type) {
    int64_t rank = type.getRank(), half = (rank - 1) / 2;
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                          type.getElementType());
    AffineMap same = builder.getMultiDimIdentityMap(rank);
    return generic({}, empty, same, 0, [&](OpBuilder &b, ValueRange arguments) {
      Value isSame;
      for (int64_t dim = 1; dim <= half; ++dim) {
        Value equal =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                  linalg::IndexOp::create(b, loc, dim),
                                  linalg::IndexOp::create(b, loc, dim + half));
        isSame = isSame ? arith::AndIOp::create(b, loc, isSame, equal) : equal;
      }
      auto number = [&](double value) -> Value {
        return arith::ConstantOp::create(
            b, loc, b.getFloatAttr(type.getElementType(), value));
      };
      Value one = number(semiring.one()), zero = number(semiring.zero());
      return arith::SelectOp::create(b, loc, isSame, one, zero).getResult();
    });
  }

  SmallVector<Value> startMaps() {
    SmallVector<Value> start;
    for (unsigned set = 0; set != sets; ++set)
      for (auto [i, state] : llvm::enumerate(scan.getStates())) {
        auto type = addSegments(segments, map.getColumnType(state));
        start.push_back(
            map.isByElement()
                ? fill(type, set == i ? semiring.one() : semiring.zero())
                : buildIdentity(type));
      }
    if (hasOffsets)
      for (Value state : scan.getStates())
        start.push_back(
            fill(addSegments(segments, state.getType()), semiring.zero()));
    return start;
  }

  static void eraseDead(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        op.erase();
  }

  /// A scan of `inputs`; `step` fills its region and returns what it yields.
  using Step = function_ref<SmallVector<Value>(Block &)>;
  seq::ScanOp buildScan(TypeRange outputs, ValueRange inputs, ValueRange states,
                        bool isCut, Step step) {
    SmallVector<Type> results(outputs), arguments;
    llvm::append_range(results, states.getTypes());
    auto slice = [](Type type) {
      auto tensor = cast<RankedTensorType>(type);
      return tensor.clone(tensor.getShape().drop_front());
    };
    for (Value input : inputs)
      arguments.push_back(slice(input.getType()));
    for (Value state : states)
      arguments.push_back(isCut ? slice(state.getType()) : state.getType());
    auto built = seq::ScanOp::create(
        builder, loc, results, seq::ScanAlgebra::General, inputs, states,
        isCut ? scan.getReverseInputsAttr() : DenseBoolArrayAttr(),
        DenseBoolArrayAttr(),
        isCut ? builder.getI64IntegerAttr(segments) : IntegerAttr());
    OpBuilder::InsertionGuard guard(builder);
    Block *block =
        builder.createBlock(&built.getBody(), {}, arguments,
                            SmallVector<Location>(arguments.size(), loc));
    seq::YieldOp::create(builder, loc, step(*block));
    eraseDead(*block);
    return built;
  }

  /// The maps M of all segments, and what they add, b, where they add
  /// something.
  ResultRange buildMaps() {
    return buildScan(
               {}, scan.getInputs(), startMaps(), /*isCut=*/true,
               [&](Block &block) {
                 unsigned inputs = scan.getInputs().size();
                 IRMapping slices;
                 slices.map(scan.getInputArguments(),
                            block.getArguments().take_front(inputs));
                 ValueRange carried = block.getArguments().drop_front(inputs);
                 SmallVector<Value> next;
                 for (unsigned set = 0; set != sets; ++set)
                   llvm::append_range(
                       next, map.emit(builder, slices,
                                      carried.slice(set * count, count)));
                 if (hasOffsets)
                   llvm::append_range(
                       next, inlineStep(slices, carried.take_back(count)));
                 return next;
               })
        ->getResults();
  }

  /// The states after a token as the scan itself computes them.
  SmallVector<Value> inlineStep(IRMapping mapping, ValueRange states) {
    mapping.map(scan.getStateArguments(), states);
    for (Operation &op : scan.getBody().front().without_terminator())
      builder.clone(op, mapping);
    return llvm::map_to_vector(scan.getYieldedStates(), [&](Value value) {
      return mapping.lookupOrDefault(value);
    });
  }

  /// With one segment a token: the states before each segment, then those
  /// after the last.
  ResultRange buildEntries(ValueRange maps) {
    SmallVector<Type> entries;
    for (Value state : scan.getStates())
      entries.push_back(addSegments(segments, state.getType()));
    return buildScan(entries, maps, scan.getStates(), /*isCut=*/false,
                     [&](Block &block) {
                       ValueRange states =
                           block.getArguments().take_back(count);
                       SmallVector<Value> yielded(states);
                       for (unsigned i = 0; i != count; ++i)
                         yielded.push_back(applyMap(block, states, i));
                       return yielded;
                     })
        ->getResults();
  }

  /// A state by a number of M. Nothing remains nothing where decays above 1
  /// have left the range of floats: infinity by 0 would be no number.
  Value applyTo(OpBuilder &b, Value state, Value number) {
    Value product = semiring.times(b, loc, state, number);
    if (semiring.algebra != seq::ScanAlgebra::Affine)
      return product;
    Value zero =
        arith::ConstantOp::create(b, loc, b.getFloatAttr(state.getType(), 0));
    Value isZero =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, state, zero);
    return arith::SelectOp::create(b, loc, isZero, zero, product);
  }

  /// State `i` behind a segment: M h, plus b.
  Value applyMap(Block &block, ValueRange states, unsigned i) {
    if (map.isByElement())
      return applyColumns(block, states, i);
    Value next = applyMatrix(states.front(), block.getArgument(0));
    return hasOffsets ? join({next, block.getArgument(1)}) : next;
  }

  Value applyMatrix(Value state, Value matrix) {
    unsigned rank = cast<RankedTensorType>(state.getType()).getRank();
    SmallVector<AffineExpr> after, before, both;
    for (unsigned dim = 0; dim != rank; ++dim) {
      after.push_back(builder.getAffineDimExpr(dim));
      before.push_back(builder.getAffineDimExpr(rank + dim));
    }
    both = before;
    llvm::append_range(both, after);
    auto mapOf = [&](ArrayRef<AffineExpr> results) {
      return AffineMap::get(2 * rank, 0, results, builder.getContext());
    };
    auto reduce = [&](ValueRange more, Semiring ring, Body term) {
      SmallVector<Value> inputs{state, matrix};
      llvm::append_range(inputs, more);
      SmallVector<AffineMap> maps(inputs.size() + 1, mapOf(after));
      maps[0] = mapOf(before);
      maps[1] = mapOf(both);
      return generic(inputs, fill(state.getType(), ring.zero()), maps, rank,
                     [&](OpBuilder &b, ValueRange a) {
                       return ring.plus(b, loc, a.back(), term(b, a));
                     });
    };
    auto product = [&](OpBuilder &b, ValueRange a) {
      return applyTo(b, a[0], a[1]);
    };
    if (semiring.algebra != seq::ScanAlgebra::LogSumExp)
      return reduce({}, semiring, product);
    // A maximum and a sum, each of which a tile can be reduced by.
    Value most = reduce({}, {seq::ScanAlgebra::MaxPlus}, product);
    Value sum = reduce(most, {seq::ScanAlgebra::Affine},
                       [&](OpBuilder &b, ValueRange a) -> Value {
                         Value off = normalize::makeFinite(b, loc, a[2]);
                         Value less =
                             arith::SubFOp::create(b, loc, product(b, a), off);
                         return math::ExpOp::create(b, loc, less);
                       });
    return mapElements({sum, most}, [&](OpBuilder &b, ValueRange a) -> Value {
      Value off = normalize::makeFinite(b, loc, a[1]);
      Value log = math::LogOp::create(b, loc, a[0]);
      return arith::AddFOp::create(b, loc, log, off);
    });
  }

  /// A map of tensors of one shape.
  Value mapElements(ValueRange inputs, Body body) {
    auto type = cast<RankedTensorType>(inputs.front().getType());
    Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                          type.getElementType());
    SmallVector<AffineMap> maps(inputs.size() + 1,
                                builder.getMultiDimIdentityMap(type.getRank()));
    return generic(inputs, empty, maps, 0, body);
  }

  Value join(ValueRange terms) {
    return mapElements(terms, [&](OpBuilder &b, ValueRange a) {
      return semiring.plus(b, loc, a[0], a[1]);
    });
  }

  /// The same where each element has a small matrix of its own.
  Value applyColumns(Block &block, ValueRange states, unsigned i) {
    SmallVector<Value> inputs(states);
    for (unsigned set = 0; set != sets; ++set)
      inputs.push_back(block.getArgument(set * count + i));
    if (hasOffsets)
      inputs.push_back(block.getArgument(sets * count + i));
    return mapElements(inputs, [&](OpBuilder &b, ValueRange a) {
      Value sum = hasOffsets ? a[2 * count] : Value();
      for (unsigned set = 0; set != sets; ++set) {
        Value term = applyTo(b, a[set], a[count + set]);
        sum = sum ? semiring.plus(b, loc, sum, term) : term;
      }
      return sum;
    });
  }

  /// The scan as it is, on segments that begin where they should.
  ResultRange buildReplay(ValueRange entries) {
    SmallVector<Type> results(scan.getOutputs().getTypes());
    llvm::append_range(results, entries.getTypes());
    auto replay = seq::ScanOp::create(
        builder, loc, results, scan.getAlgebra(), scan.getInputs(), entries,
        scan.getReverseInputsAttr(), scan.getReverseOutputsAttr(),
        builder.getI64IntegerAttr(segments));
    IRMapping mapping;
    scan.getBody().cloneInto(&replay.getBody(), mapping);
    return replay->getResults();
  }

  seq::ScanOp scan;
  ScanMap &map;
  Semiring semiring;
  int64_t segments;
  OpBuilder builder;
  Location loc;
  unsigned count, sets;
  bool hasOffsets;
};

/// Reads as `12.3 us`.
static std::string formatTime(double seconds) {
  return llvm::formatv("{0:f1} us", 1e6 * seconds).str();
}

static std::string formatSegments(double segments) {
  return std::to_string(int64_t(segments)) + " segments";
}

struct SplitScans : impl::SplitScansBase<SplitScans> {
  using SplitScansBase::SplitScansBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto asked = module->getAttrOfType<IntegerAttr>(seq::kScanSegmentsAttrName);
    if (segments < 0 && asked)
      segments = asked.getInt();
    SmallVector<seq::ScanOp> scans;
    module.walk([&](seq::ScanOp scan) { scans.push_back(scan); });
    if (segments < 0 && !scans.empty())
      machine = normalize::readMachine(module, whyNoMachine);
    for (seq::ScanOp scan : scans)
      split(scan);
  }

  /// Most tokens of a call, or nothing.
  static std::optional<int64_t> getMostTokens(seq::ScanOp scan) {
    auto type = cast<RankedTensorType>(scan.getInputs().front().getType());
    if (!type.isDynamicDim(0))
      return type.getDimSize(0);
    auto most =
        scan->getParentOfType<func::FuncOp>()->getAttrOfType<IntegerAttr>(
            "seq.max_tokens");
    return most ? std::optional(most.getInt()) : std::nullopt;
  }

  /// Why a scan stays serial before its region is looked at, or empty.
  std::string whyNot(seq::ScanOp scan) {
    if (segments == 0 || segments == 1)
      return "one walk is asked for";
    if (scan.getSegments())
      return "it is in segments already";
    if (scan.getAlgebra() == seq::ScanAlgebra::General)
      return "`general` says nothing of its step";
    if (scan.getStates().empty())
      return "it carries nothing from token to token";
    std::optional<int64_t> tokens = getMostTokens(scan);
    int64_t fewest = std::max<int64_t>(segments, 2);
    if (tokens && *tokens < 2 * fewest)
      return "a call brings at most " + std::to_string(*tokens) + " tokens, " +
             std::to_string(fewest) + " segments want " +
             std::to_string(2 * fewest);
    if (segments > 1)
      return "";
    if (!tokens)
      return "nothing bounds the tokens of a call, so no time is predicted";
    return machine ? "" : whyNoMachine + ", so no time is predicted";
  }

  /// The segments of least time, and why; one where it is the walk.
  std::pair<int64_t, std::string> choose(seq::ScanOp scan, ScanMap &map) {
    auto choice = cost::chooseSegments(
        Splitter(scan, map, 2).countParts(*getMostTokens(scan)), *machine);
    std::string one = "one walk",
                cores = " on " + std::to_string(int64_t(machine->cores.value)) +
                        " cores";
    auto name = [&](double number) {
      return number == 1 ? one : formatSegments(number);
    };
    return {int64_t(choice.segments), name(choice.segments) + ": predicted " +
                                          formatTime(choice.seconds) + cores +
                                          ", by " + name(choice.otherSegments) +
                                          " " +
                                          formatTime(choice.otherSeconds)};
  }

  void split(seq::ScanOp scan) {
    auto options = remark::RemarkOpts::name("SplitScans").category("fuse");
    Location loc = scan.getLoc();
    std::string algebra = stringifyScanAlgebra(scan.getAlgebra()).str();
    std::string reason = whyNot(scan);
    if (!reason.empty()) {
      remark::missed(loc, options) << reason;
      return;
    }
    ScanMap map(scan);
    reason = map.whyNot(mostStates);
    if (!reason.empty()) {
      remark::missed(loc, options) << reason;
      return;
    }
    int64_t number = segments;
    if (segments < 0)
      std::tie(number, reason) = choose(scan, map);
    if (number == 1) {
      remark::missed(loc, options) << reason;
      return;
    }
    Splitter(scan, map, number).split();
    remark::passed(loc, options)
        << "cut into " + std::to_string(number) + " segments by its algebra `" +
               algebra + "`" + (reason.empty() ? "" : "; ") + reason;
  }

  std::optional<machine::Machine> machine;
  std::string whyNoMachine;
};
} // namespace
} // namespace sennit
