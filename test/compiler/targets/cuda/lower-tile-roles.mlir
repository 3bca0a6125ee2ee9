// Roles become branches of a kernel, each with its registers; a block's registers are counted.
// RUN: sennit-opt %s --sennit-cuda-lower-tile-rings --sennit-cuda-lower-tile-roles --split-input-file \
// RUN:   --verify-diagnostics --allow-unregistered-dialect | FileCheck %s

!t = vector<64x64xbf16>
!in = !tile.ring<2 shared : !t>

// CHECK-LABEL: llvm.func @two_roles
// CHECK-SAME: (%{{.*}}: i32, %{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
// CHECK-SAME: cuda.launch = {early = 1 : i64, parameters = [{scalar = 1 : i64}, {box = array<i64: 64, 64>, element = bf16, view = 0 : i64}], shared = 16416 : i64, threads = 384 : i64}
// CHECK-SAME: nvvm.kernel, nvvm.maxntid = array<i32: 384>
func.func @two_roles(%x: memref<?x?xbf16>, %n: index) {
  // CHECK: %[[WARP:.*]] = nvvm.shfl.sync idx
  // CHECK: %[[MINE:.*]] = arith.cmpi ult, %[[WARP]]
  // CHECK: scf.if %[[MINE]]
  %in = tile.ring : !in
  tile.roles <name = "copy", warps = 4, registers = 40> {
    // CHECK: nvvm.setmaxregister decrease 40
    // CHECK: arith.cmpi eq, %[[WARP]]
    // CHECK: nvvm.elect.sync
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
    %s = tile.open write %in[%n] : !in -> !tile.slot<!t>
    tile.copy %x[%n, %n] into %s 0 : memref<?x?xbf16>, !tile.slot<!t>
  // CHECK: } else {
  }, <name = "compute", warps = 4, registers = 232, copies = 2> {
    // CHECK: nvvm.setmaxregister increase 232
    %a = tile.open read %in[%n] : !in -> !t
    // CHECK: "test.value"() : () -> vector<4xf32>
    %v = "test.value"() : () -> vector<4xf32>
  }
  // CHECK: llvm.return
  return
}

// -----

// CHECK-LABEL: llvm.func @extents_are_parameters
// CHECK-SAME: parameters = [{extent = 1 : i64, view = 0 : i64}]
func.func @extents_are_parameters(%x: memref<?x?xbf16>) {
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c1 : memref<?x?xbf16>
  tile.roles <name = "compute", warps = 4, registers = 240> {
    // CHECK: scf.for
    scf.for %i = %c1 to %n step %c1 {
      "test.use"(%i) : (index) -> ()
    }
  }
  return
}

// -----

func.func @registers_of_a_block() {
  // expected-error@+1 {{asks for 92160 registers, a block has 65536}}
  tile.roles <name = "compute", warps = 4, registers = 240, copies = 3> {
  }
  return
}

// -----

func.func @registers_go_to_groups_of_warps() {
  // expected-error@+1 {{gives role `copy` 1 warps; registers are shared out to groups of 4}}
  tile.roles <name = "copy", warps = 1, registers = 40> {
  }
  return
}

// -----

func.func @views_are_not_written_to(%x: memref<?xf32>, %n: index, %v: f32) {
  tile.roles <name = "compute", warps = 4, registers = 240> {
    memref.store %v, %x[%n] : memref<?xf32>
  }
  return
}
// expected-error@-6 {{uses view 0 other than by copies}}

// -----

// A number of a view whose rows lie as its type says is read by its address.
// CHECK-LABEL: llvm.func @numbers_are_read
// CHECK-SAME: (%{{.*}}: i32, %[[VIEW:[a-z0-9]+]]: !llvm.ptr
func.func @numbers_are_read(%x: memref<4xi32>, %n: index) {
  // CHECK: %[[PLACE:.*]] = llvm.getelementptr %[[VIEW]][%{{.*}}] : {{.*}} -> !llvm.ptr, i32
  // CHECK: llvm.load %[[PLACE]] : !llvm.ptr -> i32
  tile.roles <name = "compute", warps = 4, registers = 240> {
    %v = memref.load %x[%n] : memref<4xi32>
  }
  return
}
