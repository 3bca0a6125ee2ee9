// The programs of a convolution with many taps: products of spectra of blocks.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
//
// With N rows in a block, taps w and rows r = [window, input]:
//
//   V_e = spectrum of w[e N .. e N + N)
//   X_g = spectrum of r[g N - (K - 1) .. + 2 N)
//   rows of block I = first half of the rows of sum_e conj(V_e) X_{I + e}
//
// Tap m reads row t - K + 1 + m, so products of spectra are correlations, which
// a conjugate makes of them. Blocks of filters and of rows are transformed once
// each, and L rows take O(L K / N + L log N) operations. Method: uniformly
// partitioned convolution, overlap and save (Stockham 1966; Gardner 1995).
//
// Sums take the places of the spectra of rows: that of block I is written where
// the last spectrum stands that it reads, from the last block to the first.

#include "passes/schedule/ConvTiles.h"

#include "compiler/cost/Convolutions.h"
#include "passes/schedule/RecurrenceTiles.h"
#include "passes/schedule/SpectrumTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace sennit::schedule {

namespace {
class SpectralConv {
public:
  SpectralConv(KernelBuilder &kernel, seq::ConvOp op, int64_t block)
      : kernel(kernel), op(op), block(block), shape(block, op.getChannels()) {
    int64_t reach = (op.getTaps() - 1) / block;
    // Without a window, blocks before the first input are zero.
    skipped = op.getWindow() ? 0 : std::max<int64_t>(reach - 1, 0);
    filters = reach + 1;
    lead = reach - skipped;
    rows = kernel.rowBound(op.getInput(), op.getTokenDim());
  }

  LogicalResult build() {
    buildTables();
    if (failed(buildFilters()) || failed(buildInputs()) ||
        failed(buildProducts()))
      return failure();
    return buildOutputs();
  }

private:
  static constexpr int64_t lanes = SpectrumShape::lanes;

  Type f32() { return Float32Type::get(op.getContext()); }

  std::string name(StringRef part) {
    return (kernel.kernel.getKind() + "_" + part).str();
  }

  /// A name for memory that only these programs know.
  Value reserve(RankedTensorType type) {
    OpBuilder host(kernel.kernel);
    SmallVector<Value> extents;
    if (type.isDynamicDim(0))
      extents.push_back(kernel.extents.of(op.getInput(), 0));
    return tensor::EmptyOp::create(host, op.getLoc(), type, extents);
  }

  RankedTensorType getRowsType() {
    int64_t sequences =
        op.isBatched() ? op.getInput().getType().getDimSize(0) : 1;
    return shape.getType(f32(), sequences,
                         llvm::divideCeil(rows, block) + lead);
  }

  /// The host's tensor that a program has filled under this name.
  Value filled(Value reserved) { return kernel.written.lookup(reserved); }

  Value divide(Program &program, Value a, int64_t divisor) {
    return arith::DivUIOp::create(program.builder, program.loc, a,
                                  program.index(divisor));
  }

  Value multiplyIndex(Program &program, Value a, int64_t factor) {
    return arith::MulIOp::create(program.builder, program.loc, a,
                                 program.index(factor));
  }

  Value sequences(Program &program) {
    return op.isBatched() ? program.extent(op.getInput(), 0) : program.index(1);
  }

  ConvPlace placeOf(Program &program, Value sequence, Value tile) {
    return {op.isBatched() ? sequence : Value(),
            multiplyIndex(program, tile, lanes), lanes};
  }

  static constexpr int64_t tilesOfItem = cost::tilesOfItem;

  /// Calls `body` for each tile of channels of an item.
  LogicalResult forTiles(Program &program, Value first,
                         function_ref<LogicalResult(Value tile)> body) {
    Value end =
        arith::MinSIOp::create(program.builder, program.loc,
                               program.add(first, program.index(tilesOfItem)),
                               program.index(shape.tiles));
    auto loop = buildStream(
        program, "channel", first, end, 1, {},
        [&](Value tile, ValueRange) -> FailureOr<SmallVector<Value>> {
          if (failed(body(tile)))
            return failure();
          return SmallVector<Value>{};
        });
    return success(succeeded(loop));
  }

  void buildTables() {
    Program program(kernel, name("angles"));
    tables = reserve(shape.getTableType(f32()));
    Value memory = program.outputView(tables);
    (void)program.openGrid({program.index(1)}, {1}, {"table"});
    auto type = shape.getTableType(f32());
    SmallVector<Value> origin(type.getRank(), program.index(0));
    auto tile = VectorType::get(type.getShape(), f32());
    Value angles = arith::ConstantOp::create(
        program.builder, program.loc,
        DenseElementsAttr(shape.makeTables(f32())).reshape(tile));
    tile::StoreOp::create(
        program.builder, program.loc, angles, memory, origin,
        llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())));
    (void)program.finish();
  }

  /// `count` taps from `first` on of the tile's channels, [tap, channel]; zero
  /// past the last tap and channel.
  Value loadTaps(Program &program, Value tile, Value first, int64_t count) {
    OpBuilder &b = program.builder;
    Value channel = program.iota(multiplyIndex(program, tile, lanes), lanes);
    auto indices = cast<VectorType>(channel.getType());
    Value isChannel = arith::CmpIOp::create(
        b, program.loc, arith::CmpIPredicate::slt, channel,
        program.splatInt(indices, op.getChannels()));
    Value filter = channel;
    if (int64_t each = op.getChannels() / op.getFilters(); each > 1)
      filter = arith::DivUIOp::create(b, program.loc, channel,
                                      program.splatInt(indices, each));
    filter = arith::SelectOp::create(b, program.loc, isChannel, filter,
                                     program.splatInt(indices, -1));
    auto type = VectorType::get({lanes, count},
                                op.getWeight().getType().getElementType());
    Value taps =
        tile::LoadOp::create(b, program.loc, type, program.view(op.getWeight()),
                             ValueRange{filter, first}, ArrayRef<int64_t>{0, 1},
                             {{1, program.index(op.getTaps())}});
    return RecurrenceTiles(program).transpose(program.toF32(taps));
  }

  LogicalResult buildFilters() {
    Program program(kernel, name("filters"));
    spectraOfTaps = reserve(shape.getType(f32(), 1, filters));
    program.outputView(spectraOfTaps);
    SmallVector<Value> item =
        program.openGrid({program.index(filters), program.index(shape.tiles)},
                         {1, 1}, {"block", "channel"});
    SpectrumTiles spectrum(program, shape, spectraOfTaps, filled(tables),
                           {program.index(0), item[0], item[1]});
    Value start = multiplyIndex(program, item[0], block);
    LogicalResult loaded =
        spectrum.forRows([&](Value first, const SpectrumTiles::Digits &digits) {
          RecurrenceTiles tiles(program);
          Value taps = loadTaps(program, item[1], program.add(start, first),
                                spectrum.rowsOfRun());
          // What transforms back leaves out.
          taps = tiles.multiply(taps, tiles.splatLike(taps, 1.0 / block));
          spectrum.store(taps, 0, digits);
          spectrum.store(tiles.splatLike(taps, 0), 1, digits);
          return success();
        });
    if (failed(loaded) || failed(spectrum.transform(/*isInverse=*/false)))
      return failure();
    return program.finish();
  }

  LogicalResult buildInputs() {
    Program program(kernel, name("rows"));
    spectraOfRows = reserve(getRowsType());
    program.outputView(spectraOfRows);
    Value end = program.add(program.extent(op.getInput(), op.getTokenDim()),
                            program.index(lead * block));
    SmallVector<Value> item = program.openGrid(
        {sequences(program), end, program.index(shape.tiles)},
        {1, block, tilesOfItem}, {"sequence", "block", "channel"});
    Value slot = divide(program, item[1], block);
    Value start = program.add(
        item[1], program.index(skipped * block - (op.getTaps() - 1)));
    auto at = [&](Value tile) {
      return SpectrumTiles(program, shape, spectraOfRows, filled(tables),
                           {item[0], slot, tile});
    };
    auto loadRows = [&](Value first, const SpectrumTiles::Digits &digits) {
      Value row = program.add(start, first);
      return forTiles(program, item[2], [&](Value tile) {
        ConvPlace place = placeOf(program, item[0], tile);
        for (int64_t half : {0, 1})
          at(tile).store(
              loadHistory(program, op,
                          program.add(row, program.index(half * block)),
                          at(tile).rowsOfRun(), place),
              half, digits);
        return success();
      });
    };
    if (failed(at(item[2]).forRows(loadRows)) ||
        failed(forTiles(program, item[2], [&](Value tile) {
          return at(tile).transform(/*isInverse=*/false);
        })))
      return failure();
    return program.finish();
  }

  /// One item is a run of frequencies of all blocks.
  LogicalResult buildProducts() {
    Program program(kernel, name("products"));
    sums = reserve(getRowsType());
    Value before = filled(spectraOfRows);
    (void)program.stateView(before, sums);
    Value blocks =
        divide(program,
               program.add(program.extent(op.getInput(), op.getTokenDim()),
                           program.index(block - 1)),
               block);
    SmallVector<Value> upper{sequences(program), program.index(shape.tiles)};
    SmallVector<int64_t> steps{1, 1};
    SmallVector<StringRef> dims{"sequence", "channel"};
    for (int64_t radix : ArrayRef(shape.radices).drop_back()) {
      upper.push_back(program.index(radix));
      steps.push_back(1);
      dims.push_back("digit");
    }
    SmallVector<Value> item = program.openGrid(upper, steps, dims);
    SpectrumTiles::Digits digits;
    digits.offsets.assign(item.begin() + 2, item.end());
    digits.offsets.push_back(program.builder.getIndexAttr(0));
    digits.sizes.assign(shape.digits() - 1, 1);
    digits.sizes.push_back(shape.radices.back());
    auto step = [&](Value position,
                    ValueRange) -> FailureOr<SmallVector<Value>> {
      Value last = arith::SubIOp::create(program.builder, program.loc, blocks,
                                         program.index(1));
      Value number =
          arith::SubIOp::create(program.builder, program.loc, last, position);
      if (failed(sumProducts(program, number, item, digits)))
        return failure();
      return SmallVector<Value>{};
    };
    if (failed(buildStream(program, "block", program.index(0), blocks, 1, {},
                           step)))
      return failure();
    return program.finish();
  }

  LogicalResult sumProducts(Program &program, Value number,
                            ArrayRef<Value> item,
                            const SpectrumTiles::Digits &digits) {
    OpBuilder &b = program.builder;
    Location loc = program.loc;
    RecurrenceTiles tiles(program);
    auto at = [&](Value slot) -> SmallVector<Value> {
      return {item[0], slot, item[1]};
    };
    SmallVector<int64_t> sizes(digits.sizes);
    sizes.push_back(lanes);
    Value zero = program.splat(VectorType::get(sizes, f32()), 0.0);
    Value from = arith::SubIOp::create(b, loc, program.index(skipped), number);
    from = arith::MaxSIOp::create(b, loc, from, program.index(0));
    auto step = [&](Value filter,
                    ValueRange sum) -> FailureOr<SmallVector<Value>> {
      SpectrumTiles taps(program, shape, filled(spectraOfTaps), filled(tables),
                         {program.index(0), filter, item[1]});
      Value slot = program.add(number, filter);
      if (skipped > 0)
        slot = arith::SubIOp::create(b, loc, slot, program.index(skipped));
      SpectrumTiles rows(program, shape, sums, filled(tables), at(slot));
      Value vr = taps.load(0, digits), vi = taps.load(1, digits);
      Value xr = rows.load(0, digits), xi = rows.load(1, digits);
      Value re = tiles.add(tiles.add(sum[0], tiles.multiply(vr, xr)),
                           tiles.multiply(vi, xi));
      Value im = tiles.subtract(tiles.add(sum[1], tiles.multiply(vr, xi)),
                                tiles.multiply(vi, xr));
      return SmallVector<Value>{re, im};
    };
    auto sum = buildStream(program, "tap", from, program.index(filters), 1,
                           {zero, zero}, step);
    if (failed(sum))
      return failure();
    SpectrumTiles result(program, shape, sums, filled(tables),
                         at(program.add(number, program.index(lead))));
    result.store((*sum)[0], 0, digits);
    result.store((*sum)[1], 1, digits);
    return success();
  }

  LogicalResult buildOutputs() {
    Program program(kernel, kernel.kernel.getKind());
    Value after = reserve(getRowsType());
    (void)program.stateView(filled(sums), after);
    SmallVector<Value> item = program.openGrid(
        {sequences(program), program.extent(op.getInput(), op.getTokenDim()),
         program.index(shape.tiles)},
        {1, block, tilesOfItem}, {"sequence", "block", "channel"});
    Value slot =
        program.add(divide(program, item[1], block), program.index(lead));
    auto at = [&](Value tile) {
      return SpectrumTiles(program, shape, after, filled(tables),
                           {item[0], slot, tile});
    };
    auto storeTiles = [&](Value first, const SpectrumTiles::Digits &digits) {
      return forTiles(program, item[2], [&](Value tile) {
        ConvPlace place = placeOf(program, item[0], tile);
        Box box = addSequence(Box({program.add(item[1], first), place.channel},
                                  {at(tile).rowsOfRun(), lanes}),
                              place.sequence);
        // A block may end behind the last row.
        box.aligned[op.getTokenDim()] = false;
        SpectrumTiles spectrum = at(tile);
        return storeRows(program, spectrum, digits, box);
      });
    };
    if (failed(forTiles(program, item[2],
                        [&](Value tile) {
                          return at(tile).transform(/*isInverse=*/true);
                        })) ||
        failed(at(item[2]).forRows(storeTiles)))
      return failure();
    return program.finish();
  }

  /// The turn back of points to rows, of which the real parts are results.
  LogicalResult storeRows(Program &program, SpectrumTiles &spectrum,
                          const SpectrumTiles::Digits &digits, const Box &box) {
    RecurrenceTiles tiles(program);
    Value rows = tiles.add(tiles.multiply(spectrum.load(0, digits),
                                          spectrum.loadAngles(0, 0, digits)),
                           tiles.multiply(spectrum.load(1, digits),
                                          spectrum.loadAngles(0, 1, digits)));
    rows = program.reshape(rows, {spectrum.rowsOfRun(), lanes});
    if (op.getBias()) {
      FailureOr<Value> bias = program.tileF32(
          op.getBias(), box.project({int64_t(op.getTokenDim()) + 1}));
      if (failed(bias))
        return failure();
      rows = tiles.add(
          rows, program.broadcast(*bias, {spectrum.rowsOfRun(), lanes}, {1}));
    }
    program.seed(op.getOutput(), box, program.reshape(rows, box.sizes));
    return program.storeOutputs(box);
  }

  KernelBuilder &kernel;
  seq::ConvOp op;
  int64_t block, skipped, filters, lead, rows;
  SpectrumShape shape;
  Value tables, spectraOfTaps, spectraOfRows, sums;
};
} // namespace

LogicalResult buildSpectralConv(KernelBuilder &kernel, seq::ConvOp op,
                                int64_t block) {
  return SpectralConv(kernel, op, block).build();
}

} // namespace sennit::schedule
