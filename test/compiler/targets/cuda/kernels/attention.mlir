// Full attention of head width 128 in bf16, any length, key tiles of 176, and what its PTX holds.
// RUN: sennit-translate --tile-to-ptx %s | FileCheck %s

// CHECK: // sennit: {"early":1,"kernel":"attention",
// CHECK: .entry attention(
// CHECK-NOT: .local
// CHECK-COUNT-16: wgmma.mma_async.sync.aligned.m64n176k16.f32.bf16.bf16
// CHECK-NOT: m64n176k16

!query = vector<128x128xbf16>
!key = vector<176x128xbf16>
!score = vector<128x176xf32>
!weight = vector<128x176xbf16>
!out = vector<128x128xf32>
!row = vector<128xf32>
!queries = !tile.ring<1 shared : !query>
!keys = !tile.ring<2 shared : !key>
!weights = !tile.ring<1 registers : !weight>
!view = memref<?x?x128xbf16>

// q, k, v, o: [head, time, 128]; a block computes 128 queries of a head.
func.func @attention(%q: !view, %k: !view, %v: !view, %o: !view, %length: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c128 = arith.constant 128 : index
  %c176 = arith.constant 176 : index
  // log2(e) / sqrt(128): scores are powers of two.
  %scale = arith.constant 0.127517432 : f32
  %query_tiles = arith.ceildivui %length, %c128 : index
  %tiles = arith.ceildivui %length, %c176 : index
  %last = arith.subi %tiles, %c1 : index
  %block = gpu.block_id x
  %head = arith.divui %block, %query_tiles : index
  %in_head = arith.remui %block, %query_tiles : index
  %query = arith.muli %in_head, %c128 : index
  %qr = tile.ring : !queries
  %or = tile.ring over %qr : !queries : !queries
  %kr = tile.ring : !keys
  %vr = tile.ring : !keys
  %pr = tile.ring : !weights
  tile.roles <name = "copy", warps = 4, registers = 24> {
    %qs = tile.open write %qr[%c0] : !queries -> !tile.slot<!query>
    tile.copy %q[%head, %query, %c0] into %qs 0 : !view, !tile.slot<!query>
    tile.close write %qr[%c0] : !queries
    // From the last tile to the first: only the last one has keys to mask, and it is outside the loop.
    scf.for %j = %c0 to %tiles step %c1 {
      %tile = arith.subi %last, %j : index
      %time = arith.muli %tile, %c176 : index
      %ks = tile.open write %kr[%j] : !keys -> !tile.slot<!key>
      tile.copy %k[%head, %time, %c0] into %ks 0 : !view, !tile.slot<!key>
      tile.close write %kr[%j] : !keys
      %vs = tile.open write %vr[%j] : !keys -> !tile.slot<!key>
      tile.copy %v[%head, %time, %c0] into %vs 0 : !view, !tile.slot<!key>
      tile.close write %vr[%j] : !keys
    }
  }, <name = "compute", warps = 4, registers = 240, copies = 2, turns = true> {
    %scales = tile.broadcast %scale [] : f32 -> !score
    %row_scales = tile.broadcast %scale [] : f32 -> !row
    %zero = arith.constant dense<0.0> : !out
    %qt = tile.open read %qr[%c0] : !queries -> !query

    %k0 = tile.open read %kr[%c0] : !keys -> !key
    %sp0, %t0 = tile.start {
      %d = tile.mma nt %qt, %k0 : !query, !key -> !score
      tile.yield %d : !score
    } : !tile.pending<!score>
    %s0 = tile.finish %t0 (%sp0 : !tile.pending<!score>)
    tile.close read %kr[%c0] after(%t0) : !keys
    %base = arith.muli %last, %c176 : index
    %keys = tile.iota %base : vector<176xi32>
    %keys2 = tile.broadcast %keys [1] : vector<176xi32> -> vector<128x176xi32>
    %length32 = arith.index_cast %length : index to i32
    %lengths = tile.broadcast %length32 [] : i32 -> vector<128x176xi32>
    %inside = arith.cmpi slt, %keys2, %lengths : vector<128x176xi32>
    %low = arith.constant dense<-1.0e30> : !score
    %s0m = arith.select %inside, %s0, %low : vector<128x176xi1>, !score
    %m0 = tile.reduce max %s0m dim 1 : !score -> !row
    %ms0 = arith.mulf %m0, %row_scales : !row
    %n0 = arith.negf %ms0 : !row
    %n0b = tile.broadcast %n0 [0] : !row -> !score
    %x0 = math.fma %s0m, %scales, %n0b : !score
    %p0 = math.exp2 %x0 fastmath<afn> : !score
    %l0 = tile.reduce add %p0 dim 1 : !score -> !row
    %w0 = arith.truncf %p0 : !score to !weight
    %ws0 = tile.open write %pr[%c0] : !weights -> !tile.slot<!weight>
    tile.close write %pr[%c0] with(%w0 : !weight) : !weights

    %oo, %mm, %ll = scf.for %j = %c1 to %tiles step %c1 iter_args(%oi = %zero, %mi = %m0, %li = %l0)
        -> (!out, !row, !row) {
      %before = arith.subi %j, %c1 : index
      %kt = tile.open read %kr[%j] : !keys -> !key
      %sp, %ts = tile.start {
        %d = tile.mma nt %qt, %kt : !query, !key -> !score
        tile.yield %d : !score
      } : !tile.pending<!score>
      %vt = tile.open read %vr[%before] : !keys -> !key
      %w = tile.open read %pr[%before] : !weights -> !weight
      %op, %tv = tile.start (%acc = %oi : !out) {
        %d = tile.mma nn %w, %vt acc %acc : !weight, !key acc !out -> !out
        tile.yield %d : !out
      } : !tile.pending<!out>
      %s = tile.finish %ts behind 1 (%sp : !tile.pending<!score>)
      tile.close read %kr[%j] after(%ts) : !keys
      %m1 = tile.reduce max %s dim 1 : !score -> !row
      %m = arith.maximumf %mi, %m1 : !row
      %ms = arith.mulf %m, %row_scales : !row
      %neg = arith.negf %ms : !row
      %xa = math.fma %mi, %row_scales, %neg : !row
      %al = math.exp2 %xa fastmath<afn> : !row
      %negb = tile.broadcast %neg [0] : !row -> !score
      %x = math.fma %s, %scales, %negb : !score
      %p = math.exp2 %x fastmath<afn> : !score
      %l1 = tile.reduce add %p dim 1 : !score -> !row
      %l = math.fma %li, %al, %l1 : !row
      %o1, %p1 = tile.finish %tv (%op : !tile.pending<!out>) tie(%p : !score)
      tile.close read %vr[%before] after(%tv) : !keys
      tile.close read %pr[%before] after(%tv) : !weights
      %alb = tile.broadcast %al [0] : !row -> !out
      %o2 = arith.mulf %o1, %alb : !out
      %w1 = arith.truncf %p1 : !score to !weight
      %ws = tile.open write %pr[%j] : !weights -> !tile.slot<!weight>
      tile.close write %pr[%j] with(%w1 : !weight) : !weights
      scf.yield %o2, %m, %l : !out, !row, !row
    }
    %vl = tile.open read %vr[%last] : !keys -> !key
    %wl = tile.open read %pr[%last] : !weights -> !weight
    %opl, %tl = tile.start (%acc = %oo : !out) {
      %d = tile.mma nn %wl, %vl acc %acc : !weight, !key acc !out -> !out
      tile.yield %d : !out
    } : !tile.pending<!out>
    %ol = tile.finish %tl (%opl : !tile.pending<!out>)
    %ones = arith.constant dense<1.0> : !row
    %inverse = arith.divf %ones, %ll : !row
    %inverseb = tile.broadcast %inverse [0] : !row -> !out
    %of = arith.mulf %ol, %inverseb : !out
    %o16 = arith.truncf %of : !out to !query
    %os = tile.open write %or[%c0] : !queries -> !tile.slot<!query>
    tile.close write %or[%c0] with(%o16 : !query) : !queries
    %ot = tile.open read %or[%c0] : !queries -> !query
    tile.copy %o[%head, %query, %c0] from %ot 0 : !view, !query
    tile.close read %or[%c0] : !queries
  }
  return
}
