// The product C = A B in f16 with B stored [K, N], tiles of 256 x 128: two blocks of rows a warpgroup, B down its panels.
// RUN: sennit-translate --tile-to-ptx %s | FileCheck %s

// CHECK: // sennit: {"early":1,"kernel":"matmul_nn",
// CHECK: .entry matmul_nn(
// CHECK-NOT: .local
// CHECK-COUNT-16: wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16
// CHECK-NOT: wgmma.mma_async

!a = vector<256x64xf16>
!b = vector<64x128xf16>
!sum = vector<256x128xf32>
!half = vector<256x64xf16>
!in = !tile.ring<4 shared : !a, !b>
!out = !tile.ring<1 shared : !half>

// Items in groups of 8 rows of tiles, so that what runs at once shares columns of B in L2.
func.func private @raster(%item: index, %rows: index, %columns: index) -> (index, index) {
  %c8 = arith.constant 8 : index
  %whole = arith.muli %columns, %c8 : index
  %group = arith.divui %item, %whole : index
  %inside = arith.remui %item, %whole : index
  %first = arith.muli %group, %c8 : index
  %left = arith.subi %rows, %first : index
  %height = arith.minui %left, %c8 : index
  %down = arith.remui %inside, %height : index
  %m = arith.addi %first, %down : index
  %n = arith.divui %inside, %height : index
  return %m, %n : index, index
}

func.func @matmul_nn(%a: memref<?x?xf16>, %b: memref<?x?xf16>, %c: memref<?x?xf16>,
                  %m: index, %n: index, %k: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %c256 = arith.constant 256 : index
  %rows = arith.ceildivui %m, %c256 : index
  %columns = arith.ceildivui %n, %c128 : index
  %deep = arith.ceildivui %k, %c64 : index
  // Without depth there is one step, of zeros.
  %steps = arith.maxui %deep, %c1 : index
  %items = arith.muli %rows, %columns : index
  %block = gpu.block_id x
  %blocks = gpu.grid_dim x
  %in = tile.ring : !in
  %out = tile.ring : !out
  tile.roles <name = "copy", warps = 4, registers = 40> {
    %end = scf.for %item = %block to %items step %blocks iter_args(%first = %c0) -> index {
      %mi, %ni = func.call @raster(%item, %rows, %columns) : (index, index, index) -> (index, index)
      %row = arith.muli %mi, %c256 : index
      %column = arith.muli %ni, %c128 : index
      scf.for %step = %c0 to %steps step %c1 {
        %use = arith.addi %first, %step : index
        %depth = arith.muli %step, %c64 : index
        %slot = tile.open write %in[%use] : !in -> !tile.slot<!a, !b>
        tile.copy %a[%row, %depth] into %slot 0 : memref<?x?xf16>, !tile.slot<!a, !b>
        tile.copy %b[%depth, %column] into %slot 1 : memref<?x?xf16>, !tile.slot<!a, !b>
        tile.close write %in[%use] : !in
      }
      %next = arith.addi %first, %steps : index
      scf.yield %next : index
    }
  }, <name = "compute", warps = 4, registers = 232, copies = 2> {
    %end:2 = scf.for %item = %block to %items step %blocks
        iter_args(%first = %c0, %stored = %c0) -> (index, index) {
      %mi, %ni = func.call @raster(%item, %rows, %columns) : (index, index, index) -> (index, index)
      %row = arith.muli %mi, %c256 : index
      %column = arith.muli %ni, %c128 : index
      %x0, %y0 = tile.open read %in[%first] : !in -> !a, !b
      %p0, %t0 = tile.start {
        %d = tile.mma nn %x0, %y0 : !a, !b -> !sum
        tile.yield %d : !sum
      } : !tile.pending<!sum>
      %p, %t, %last = scf.for %step = %c1 to %steps step %c1
          iter_args(%pending = %p0, %token = %t0, %before = %first) -> (!tile.pending<!sum>, !tile.token, index) {
        %use = arith.addi %before, %c1 : index
        %x, %y = tile.open read %in[%use] : !in -> !a, !b
        %p1, %t1 = tile.start (%sum = %pending : !tile.pending<!sum>) {
          %d = tile.mma nn %x, %y acc %sum : !a, !b acc !sum -> !sum
          tile.yield %d : !sum
        } : !tile.pending<!sum>
        tile.finish %token behind 1
        tile.close read %in[%before] after(%token) : !in
        scf.yield %p1, %t1, %use : !tile.pending<!sum>, !tile.token, index
      }
      %sum = tile.finish %t (%p : !tile.pending<!sum>)
      tile.close read %in[%last] after(%t) : !in
      %left = tile.slice %sum [0, 0] : !sum -> vector<256x64xf32>
      %right = tile.slice %sum [0, 64] : !sum -> vector<256x64xf32>
      %left16 = arith.truncf %left : vector<256x64xf32> to !half
      %right16 = arith.truncf %right : vector<256x64xf32> to !half
      %s0 = tile.open write %out[%stored] : !out -> !tile.slot<!half>
      tile.close write %out[%stored] with(%left16 : !half) : !out
      %o0 = tile.open read %out[%stored] : !out -> !half
      tile.copy %c[%row, %column] from %o0 0 : memref<?x?xf16>, !half
      tile.close read %out[%stored] : !out
      %second = arith.addi %stored, %c1 : index
      %middle = arith.addi %column, %c64 : index
      %s1 = tile.open write %out[%second] : !out -> !tile.slot<!half>
      tile.close write %out[%second] with(%right16 : !half) : !out
      %o1 = tile.open read %out[%second] : !out -> !half
      tile.copy %c[%row, %middle] from %o1 0 : memref<?x?xf16>, !half
      tile.close read %out[%second] : !out
      %next = arith.addi %last, %c1 : index
      %stores = arith.addi %stored, %c2 : index
      scf.yield %next, %stores : index, index
    }
  }
  return
}
