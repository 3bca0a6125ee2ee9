// A view is a constant's where every launch outside of @initialize says so.
// RUN: sennit-opt %s --sennit-mark-constants | FileCheck %s

// CHECK: func.func private @product(memref<?x64xf32>, memref<64x64xf32> {rt.constant}, memref<?x64xf32>, index)
func.func private @product(memref<?x64xf32>, memref<64x64xf32>, memref<?x64xf32>, index)
// In one launch the right side is the arena's.
// CHECK: func.func private @sum(memref<64xf32>, memref<64xf32>)
func.func private @sum(memref<64xf32>, memref<64xf32>)
// What @initialize launches reads what it wrote just before.
// CHECK: func.func private @pack(memref<64x64xf32>, memref<64x64xf32>)
func.func private @pack(memref<64x64xf32>, memref<64x64xf32>)

func.func @prefill(%t: index) {
  %x = rt.buffer arena at 0 : memref<?x64xf32>
  %w = rt.buffer constants at 0 : memref<64x64xf32>
  %y = rt.buffer arena at 65536 : memref<?x64xf32>
  rt.launch @product(%x, %w, %y, %t : memref<?x64xf32>, memref<64x64xf32>, memref<?x64xf32>, index)
  %a = rt.buffer arena at 0 : memref<64xf32>
  %b = rt.buffer constants at 16384 : memref<64xf32>
  rt.launch @sum(%a, %b : memref<64xf32>, memref<64xf32>)
  return
}
func.func @decode(%t: index) {
  %x = rt.buffer arena at 0 : memref<?x64xf32>
  %w = rt.buffer constants at 32768 : memref<64x64xf32>
  %y = rt.buffer arena at 65536 : memref<?x64xf32>
  rt.launch @product(%x, %w, %y, %t : memref<?x64xf32>, memref<64x64xf32>, memref<?x64xf32>, index)
  %a = rt.buffer arena at 0 : memref<64xf32>
  %b = rt.buffer arena at 256 : memref<64xf32>
  rt.launch @sum(%a, %b : memref<64xf32>, memref<64xf32>)
  return
}
func.func @initialize() {
  %a = rt.buffer constants at 0 : memref<64x64xf32>
  %b = rt.buffer constants at 32768 : memref<64x64xf32>
  rt.launch @pack(%a, %b : memref<64x64xf32>, memref<64x64xf32>)
  return
}
