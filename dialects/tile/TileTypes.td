// The attributes and types of tile: memory layouts, kinds of ops, roles; rings, slots and values in flight.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILETYPES_TD
#define SENNIT_DIALECTS_TILE_TILETYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "dialects/tile/TileDialect.td"

def BlockedAttr : AttrDef<TileDialect, "Blocked", [MemRefLayoutAttrInterface]> {
  let mnemonic = "blocked";
  let summary = "a matrix [.., N, K] stored in panels of rows";
  let description = [{
    Element (n, k) of the last two dimensions lies at

    ```
      (((n / rows) * groups + k / group) * rows + n % rows) * group + k % group
    ```

    elements from the matrix's start: panels of `rows` consecutive n, each panel
    k-major, so that a vector over n is contiguous for every group of k's. Groups
    of two are what matrix units take of 16-bit elements (VNNI), 16 of them at a
    step: K is rounded up to whole steps where groups hold several elements, and
    N to whole panels. The excess holds zeros; leading dimensions are outermost.
    Legal on memref types and as encoding of tensor types.
  }];
  let parameters = (ins "int64_t":$rows, DefaultValuedParameter<"int64_t", "1">:$group);
  let assemblyFormat = "`<` $rows (`,` `group` `=` $group^)? `>`";
  let extraClassDeclaration = [{
    ::mlir::AffineMap getAffineMap() const;
    bool isIdentity() const { return false; }
    ::llvm::LogicalResult verifyLayout(::llvm::ArrayRef<int64_t> shape,
        ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const;
    ::llvm::LogicalResult getStridesAndOffset(::llvm::ArrayRef<int64_t> shape,
        ::llvm::SmallVectorImpl<int64_t> &strides, int64_t &offset) const;
    /// Groups of a row of `depth` elements, the excess included.
    int64_t getGroupCount(int64_t depth) const;
    /// Elements that a matrix of `shape` takes in memory, the excess included.
    int64_t getStorageElements(::llvm::ArrayRef<int64_t> shape) const;
  }];
}

def MmaForm : I32EnumAttr<"MmaForm", "which operands of a product are stored transposed", [
    I32EnumAttrCase<"NN", 0, "nn">, I32EnumAttrCase<"NT", 1, "nt">,
    I32EnumAttrCase<"TN", 2, "tn">, I32EnumAttrCase<"TT", 3, "tt">]> {
  let cppNamespace = "::sennit::tile";
  let genSpecializedAttr = 0;
}
def MmaFormAttr : EnumAttr<TileDialect, MmaForm, "form">;

def ReduceKind : I32EnumAttr<"ReduceKind", "how a reduction merges two values", [
    I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Max", 1, "max">, I32EnumAttrCase<"Min", 2, "min">,
    I32EnumAttrCase<"Mul", 3, "mul">, I32EnumAttrCase<"And", 4, "and">, I32EnumAttrCase<"Or", 5, "or">]> {
  let cppNamespace = "::sennit::tile";
  let genSpecializedAttr = 0;
}
def ReduceKindAttr : EnumAttr<TileDialect, ReduceKind, "reduce_kind">;

def ScanKind : I32EnumAttr<"ScanKind", "the recurrence of a scan", [
    I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Affine", 1, "affine">]> {
  let cppNamespace = "::sennit::tile";
  let genSpecializedAttr = 0;
}
def ScanKindAttr : EnumAttr<TileDialect, ScanKind, "scan_kind">;

def Place : I32EnumAttr<"Place", "where a ring keeps its tiles", [
    I32EnumAttrCase<"Shared", 0, "shared">, I32EnumAttrCase<"Registers", 1, "registers">]> {
  let cppNamespace = "::sennit::tile";
  let genSpecializedAttr = 0;
}

def SlotAccess : I32EnumAttr<"SlotAccess", "the side from which a slot is used", [
    I32EnumAttrCase<"Read", 0, "read">, I32EnumAttrCase<"Write", 1, "write">]> {
  let cppNamespace = "::sennit::tile";
  let genSpecializedAttr = 0;
}
def SlotAccessAttr : EnumAttr<TileDialect, SlotAccess, "access">;

def RoleAttr : AttrDef<TileDialect, "Role"> {
  let mnemonic = "role";
  let summary = "who runs a region of `tile.roles`";
  let description = [{
    `copies` groups of `warps` warps run the region; each copy holds its own rows
    of every tile, in order. `registers` is what each thread may use. With
    `turns`, the copies start their products one after the other, so that one
    copy's products run under another's elementwise work.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$warps, "int64_t":$registers,
                        DefaultValuedParameter<"int64_t", "1">:$copies, DefaultValuedParameter<"bool", "false">:$turns);
  let assemblyFormat = "`<` struct(params) `>`";
}

class TileType<string name, string typeMnemonic> : TypeDef<TileDialect, name> {
  let mnemonic = typeMnemonic;
}

def RingType : TileType<"Ring", "ring"> {
  let summary = "`depth` slots of on-chip storage, each for one set of tiles";
  let description = [{
    `!tile.ring<4 shared : vector<128x64xbf16>, vector<256x64xbf16>>`. Slots are
    full or empty; use n of the ring takes slot n mod depth.
  }];
  let parameters = (ins "int64_t":$depth, EnumParameter<Place>:$place, ArrayRefParameter<"::mlir::Type">:$tiles);
  let assemblyFormat = "`<` $depth $place `:` $tiles `>`";
}

def SlotType : TileType<"Slot", "slot"> {
  let summary = "an open slot, to be written";
  let parameters = (ins ArrayRefParameter<"::mlir::Type">:$tiles);
  let assemblyFormat = "`<` $tiles `>`";
}

def PendingType : TileType<"Pending", "pending"> {
  let summary = "a tile that a matrix unit is still writing";
  let description = [{
    No arithmetic accepts it: only `tile.start`, as accumulator, and `tile.finish`.
  }];
  let parameters = (ins "::mlir::VectorType":$tile);
  let assemblyFormat = "`<` $tile `>`";
}

def TokenType : TileType<"Token", "token"> {
  let summary = "the completion of a group of products";
}

#endif // SENNIT_DIALECTS_TILE_TILETYPES_TD
