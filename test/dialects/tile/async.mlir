// The asynchronous stratum prints as it is written, in all its forms.
// RUN: sennit-opt %s --verify-roundtrip | FileCheck %s

!t = vector<64x64xbf16>
!d = vector<64x64xf32>
!ring = !tile.ring<2 shared : !t, !t>
!operand = !tile.ring<1 registers : !t>

// CHECK-LABEL: @forms
func.func @forms(%x: memref<?x?xbf16>, %n: index, %m: index) {
  // CHECK: %[[IN:.*]] = tile.ring : <2 shared : vector<64x64xbf16>, vector<64x64xbf16>>
  %in = tile.ring : !ring
  // CHECK: tile.ring over %[[IN]] :
  %over = tile.ring over %in : !ring : !ring
  // CHECK: tile.ring : <1 registers : vector<64x64xbf16>>
  %pr = tile.ring : !operand
  // CHECK: tile.roles <name = "copy", warps = 4, registers = 24> {
  tile.roles <name = "copy", warps = 4, registers = 24> {
    // CHECK: %[[SLOT:.*]] = tile.open write
    %s = tile.open write %in[%n] : !ring -> !tile.slot<!t, !t>
    // CHECK: tile.copy %{{.*}}[%{{.*}}, %{{.*}}] into %[[SLOT]] 1 : memref<?x?xbf16>, !tile.slot<
    tile.copy %x[%n, %m] into %s 1 : memref<?x?xbf16>, !tile.slot<!t, !t>
    // CHECK: tile.close write %[[IN]][%{{.*}}] : <2 shared
    tile.close write %in[%n] : !ring
  // CHECK: }, <name = "compute", warps = 4, registers = 240, copies = 2, turns = true> {
  }, <name = "compute", warps = 4, registers = 240, copies = 2, turns = true> {
    // CHECK: %[[TILES:.*]]:2 = tile.open read
    %a, %b = tile.open read %in[%n] : !ring -> !t, !t
    %w = tile.open read %pr[%n] : !operand -> !t
    // CHECK: %[[P:.*]], %[[T:.*]] = tile.start {
    %p, %k = tile.start {
      %d = tile.mma nt %a, %b : !t, !t -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    // CHECK: %[[Q:.*]], %[[U:.*]] = tile.start (%[[ACC:.*]] = %[[P]] : !tile.pending<vector<64x64xf32>>) {
    %q, %l = tile.start (%c = %p : !tile.pending<!d>) {
      // CHECK: tile.mma nt %{{.*}}, %{{.*}} acc %[[ACC]]
      %d = tile.mma nt %a, %b acc %c : !t, !t acc !d -> !d
      tile.yield %d : !d
    } : !tile.pending<!d>
    // CHECK: tile.finish %[[T]] behind 1
    tile.finish %k behind 1
    %v = arith.constant dense<1.0> : !d
    // CHECK: tile.finish %[[U]](%[[Q]] : !tile.pending<vector<64x64xf32>>) tie(%{{.*}} : vector<64x64xf32>)
    %f, %g = tile.finish %l (%q : !tile.pending<!d>) tie (%v : !d)
    // CHECK: tile.close read %[[IN]][%{{.*}}] after(%[[T]], %[[U]]) :
    tile.close read %in[%n] after(%k, %l) : !ring
    %h = arith.truncf %f : !d to !t
    // CHECK: tile.close write %{{.*}}[%{{.*}}] with(%{{.*}} : vector<64x64xbf16>) :
    tile.close write %pr[%n] with(%h : !t) : !operand
    // CHECK: tile.copy %{{.*}}[%{{.*}}, %{{.*}}] from %[[TILES]]#0 0 : memref<?x?xbf16>, vector<64x64xbf16>
    tile.copy %x[%n, %m] from %a 0 : memref<?x?xbf16>, !t
  }
  return
}
