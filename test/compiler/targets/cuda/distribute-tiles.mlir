// Tiles become each thread's registers: elementwise ops, rows, positions, parts; what has no layout is refused.
// RUN: sennit-opt %s --sennit-cuda-distribute-tiles --split-input-file --verify-diagnostics --allow-unregistered-dialect | FileCheck %s

!s = vector<128x176xf32>
!w = vector<128x176xbf16>
!row = vector<128xf32>
!r = !tile.ring<2 shared : vector<128x128xbf16>, vector<176x128xbf16>>
!out = !tile.ring<1 registers : !w>

// CHECK-LABEL: @softmax_of_scores
func.func @softmax_of_scores(%r: !r, %o: !out, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240, copies = 2> {
    %a, %b = tile.open read %r[%n] : !r -> vector<128x128xbf16>, vector<176x128xbf16>
    // CHECK: tile.start {
    // CHECK: -> vector<128x176xf32>
    %p, %k = tile.start {
      %d = tile.mma nt %a, %b : vector<128x128xbf16>, vector<176x128xbf16> -> !s
      tile.yield %d : !s
    } : !tile.pending<!s>
    // CHECK: %[[S:.*]] = tile.finish %{{.*}}(%{{.*}} : !tile.pending<vector<88xf32>>)
    %s = tile.finish %k (%p : !tile.pending<!s>)
    // Two rows a thread, four threads a row.
    // CHECK-COUNT-4: nvvm.shfl.sync bfly
    // CHECK: %[[M:.*]] = llvm.insertelement %{{.*}} : vector<2xf32>
    %m = tile.reduce max %s dim 1 : !s -> !row
    // CHECK: %[[B:.*]] = vector.shuffle %{{.*}} [0, 0, 1, 1, 0, 0, 1, 1,
    %mb = tile.broadcast %m [0] : !row -> !s
    // CHECK: %[[D:.*]] = arith.subf %[[S]], %[[B]] : vector<88xf32>
    %d = arith.subf %s, %mb : !s
    // CHECK: math.exp2 %[[D]] fastmath<afn> : vector<88xf32>
    %e = math.exp2 %d fastmath<afn> : !s
    // CHECK-COUNT-44: nvvm.convert.f32x2.to.bf16x2
    // CHECK: llvm.bitcast %{{.*}} : vector<44xi32> to vector<88xbf16>
    %h = arith.truncf %e : !s to !w
    // CHECK: tile.close write {{.*}} with(%{{.*}} : vector<128x176xbf16>)
    tile.close write %o[%n] with(%h : !w) : !out
  }
  return
}

// -----

// CHECK-LABEL: @loops_carry_registers
func.func @loops_carry_registers(%n: index, %one: index) {
  %zero = arith.constant dense<0.0> : vector<64x128xf32>
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // CHECK: scf.for {{.*}} -> (vector<64xf32>)
    %v = scf.for %i = %one to %n step %one iter_args(%x = %zero) -> (vector<64x128xf32>) {
      // CHECK: arith.addf %{{.*}} : vector<64xf32>
      %y = arith.addf %x, %x : vector<64x128xf32>
      scf.yield %y : vector<64x128xf32>
    }
    // CHECK: vector.shuffle %{{.*}} [32, 33, 34
    %part = tile.slice %v [0, 64] : vector<64x128xf32> -> vector<64x64xf32>
  }
  return
}

// -----

// CHECK-LABEL: @positions_are_made_along_their_side
func.func @positions_are_made_along_their_side(%n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %i = tile.iota %n : vector<64xi32>
    // CHECK: llvm.insertelement %{{.*}} : vector<32xi32>
    %columns = tile.broadcast %i [1] : vector<64xi32> -> vector<64x64xi32>
    // CHECK: llvm.insertelement %{{.*}} : vector<32xi32>
    %rows = tile.broadcast %i [0] : vector<64xi32> -> vector<64x64xi32>
    // CHECK: arith.cmpi sle, %{{.*}}, %{{.*}} : vector<32xi32>
    %visible = arith.cmpi sle, %columns, %rows : vector<64x64xi32>
  }
  return
}

// -----

func.func @rows_must_divide(%n: index) {
  %zero = arith.constant dense<0.0> : vector<96x64xf32>
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // expected-error@+1 {{makes a tile 'vector<96x64xf32>', which 1 copies cannot hold}}
    %a = arith.addf %zero, %zero : vector<96x64xf32>
  }
  return
}

// -----

!r = !tile.ring<1 registers : vector<64x64xbf16>>

func.func @no_arithmetic_on_operands_in_registers(%r: !r, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %a = tile.open read %r[%n] : !r -> vector<64x64xbf16>
    // expected-error@+1 {{computes on a tile that lies in a ring}}
    %b = arith.addf %a, %a : vector<64x64xbf16>
  }
  return
}

// -----

func.func @no_rule_for_a_transpose() {
  %zero = arith.constant dense<0.0> : vector<64x64xf32>
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // expected-error@+1 {{has no rule for tiles in a thread's registers}}
    %a = tile.transpose %zero [1, 0] : vector<64x64xf32> -> vector<64x64xf32>
  }
  return
}

// -----

// Rows and columns past their bounds are not read or written; pairs of columns are one access.
// CHECK-LABEL: @own_memory
func.func @own_memory(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %row: index, %rows: index) {
  %c64 = arith.constant 64 : index
  %c96 = arith.constant 96 : index
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // CHECK: %[[INSIDE:.*]] = arith.cmpi slt
    // CHECK: arith.minsi
    // CHECK: %[[PAIR:.*]] = llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr -> vector<2xf32>
    // CHECK: arith.select
    %a = tile.load %x[%row, %c64] bound [0 : %rows, 1 : %c96] : memref<?x96xf32> -> vector<64x64xf32>
    // CHECK: scf.if
    // CHECK: scf.if
    // CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr
    tile.store %a, %y[%row, %c64] bound [0 : %rows, 1 : %c96] : vector<64x64xf32>, memref<?x96xf32>
  }
  return
}

// -----

// Four heads of a token are neighbouring rows: row r stands at position r / 4.
// CHECK-LABEL: @positions_of_groups
func.func @positions_of_groups(%base: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %i = tile.iota %base : vector<16xi32>
    %r = tile.broadcast %i [0] : vector<16xi32> -> vector<16x4xi32>
    // CHECK: %[[FOUR:.*]] = arith.constant 4 : i32
    // CHECK: arith.divui %{{.*}}, %{{.*}} : i32
    %rows = tile.reshape %r : vector<16x4xi32> -> vector<64xi32>
    // CHECK: arith.addi %{{.*}}, %{{.*}} : vector<2xi32>
    %twice = arith.addi %rows, %rows : vector<64xi32>
  }
  return
}

// -----

func.func @rows_of_unknown_distance(%x: memref<?x?xf32>, %row: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // expected-error@+1 {{moves other than a matrix whose rows lie as far apart as the view's type says}}
    %a = tile.load %x[%row, %row] : memref<?x?xf32> -> vector<64x64xf32>
  }
  return
}

// -----

!r = !tile.ring<2 shared : vector<64x64xbf16>>

// Numbers of rows and of columns are loaded by the threads that want them; a number is every thread's; a tile in a slot
// is read where something computes with it.
// CHECK-LABEL: @rows_columns_and_numbers
func.func @rows_columns_and_numbers(%r: !r, %g: memref<4x64xf32>, %y: memref<4x64xf32>, %n: index) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // CHECK: llvm.load {{.*}} -> f32
    // CHECK: vector.broadcast %{{.*}} : f32 to vector<f32>
    %one = tile.load %g[%n, %n] dims [] : memref<4x64xf32> -> vector<f32>
    // Sixteen columns a thread, then two rows.
    // CHECK-COUNT-18: llvm.load {{.*}} -> f32
    %line = tile.load %g[%n, %n] dims [1] bound [0 : %n] : memref<4x64xf32> -> vector<64xf32>
    // CHECK: vector.shuffle %[[COLUMNS:.*]], %[[COLUMNS]] [0, 1, 0, 1, 2, 3, 2, 3,
    %columns = tile.broadcast %line [1] : vector<64xf32> -> vector<64x64xf32>
    // CHECK: vector.shuffle %[[ROWS:.*]], %[[ROWS]] [0, 0, 1, 1,
    %rows = tile.broadcast %line [0] : vector<64xf32> -> vector<64x64xf32>
    %all = tile.broadcast %one [] : vector<f32> -> vector<64x64xf32>
    %sum = arith.addf %columns, %rows : vector<64x64xf32>
    %more = arith.addf %sum, %all : vector<64x64xf32>
    %a = tile.open read %r[%n] : !r -> vector<64x64xbf16>
    // CHECK: %[[PART:.*]] = builtin.unrealized_conversion_cast %{{.*}} : vector<64x64xbf16> to vector<32xbf16>
    // CHECK: arith.extf %[[PART]]
    %wide = arith.extf %a : vector<64x64xbf16> to vector<64x64xf32>
    %most = tile.reduce max %wide dim 1 : vector<64x64xf32> -> vector<64xf32>
    // One of the four threads of a row stores.
    // CHECK: scf.if
    // CHECK: scf.if
    // CHECK: llvm.store
    tile.store %most, %y[%n, %n] dims [1] bound [0 : %n] : vector<64xf32>, memref<4x64xf32>
    tile.close read %r[%n] : !r
  }
  return
}
