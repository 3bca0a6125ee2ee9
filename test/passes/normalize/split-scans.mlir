// A scan of a declared algebra becomes the maps of its segments, their composition, and the segments themselves.
// RUN: sennit-opt %s "--sennit-split-scans=segments=4" --remarks-filter=fuse 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

#c = affine_map<(c) -> (c)>
#row = affine_map<(j, i) -> (j)>
#column = affine_map<(j, i) -> (i)>
#turned = affine_map<(j, i) -> (i, j)>

// Each element by itself: M is a number an element. What is added is not in M, and is in b.
// CHECK-LABEL: func.func @by_element
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>, %[[H:.*]]: tensor<64xf32>)
func.func @by_element(%x: tensor<?x64xf32>, %h: tensor<64xf32>) -> (tensor<?x64xf32>, tensor<64xf32>) {
  // REMARK: Passed{{.*}}cut into 4 segments by its algebra `affine`
  // CHECK: %[[ONES:.*]] = linalg.fill {{.*}} -> tensor<4x64xf32>
  // CHECK: %[[ZEROS:.*]] = linalg.fill {{.*}} -> tensor<4x64xf32>
  // CHECK: %[[MAPS:.*]]:2 = seq.scan general inputs(%[[X]] {{.*}} state(%[[ONES]], %[[ZEROS]]
  // CHECK-SAME: segments = 4
  // CHECK: ^bb0(%[[TOKEN:.*]]: tensor<64xf32>, %[[M:.*]]: tensor<64xf32>, %[[B:.*]]: tensor<64xf32>)
  // CHECK: linalg.generic {{.*}} ins(%[[TOKEN]], %[[M]]
  // CHECK: arith.mulf
  // CHECK-NOT: arith.addf
  // CHECK: linalg.generic {{.*}} ins(%[[TOKEN]], %[[B]]
  // CHECK: arith.mulf
  // CHECK: arith.addf
  // CHECK: %[[ENTRIES:.*]]:2 = seq.scan general inputs(%[[MAPS]]#0, %[[MAPS]]#1 {{.*}} state(%[[H]]
  // CHECK: ^bb0(%{{.*}}, %{{.*}}, %[[BEFORE:.*]]: tensor<64xf32>)
  // CHECK: seq.yield %[[BEFORE]],
  // CHECK: %[[Y:.*]]:2 = seq.scan affine inputs(%[[X]] {{.*}} state(%[[ENTRIES]]#0 {{.*}}segments = 4
  // CHECK: return %[[Y]]#0, %[[ENTRIES]]#1
  %y, %n = seq.scan affine inputs(%x : tensor<?x64xf32>) state(%h : tensor<64xf32>) {
  ^bb0(%token: tensor<64xf32>, %before: tensor<64xf32>):
    %e = tensor.empty() : tensor<64xf32>
    %next = linalg.generic {indexing_maps = [#c, #c, #c], iterator_types = ["parallel"]}
        ins(%token, %before : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %kept = arith.mulf %a, %b : f32
      %s = arith.addf %kept, %a : f32
      linalg.yield %s : f32
    } -> tensor<64xf32>
    seq.yield %next, %next : tensor<64xf32>, tensor<64xf32>
  } -> tensor<?x64xf32>, tensor<64xf32>
  return %y, %n : tensor<?x64xf32>, tensor<64xf32>
}

// A state that mixes: M is a matrix, and starts as the identity of the algebra, 0 where others have 1.
// CHECK-LABEL: func.func @matrix
func.func @matrix(%x: tensor<?x7xf32>, %h: tensor<7xf32>, %moves: tensor<7x7xf32>) -> tensor<7xf32> {
  // REMARK: Passed{{.*}}cut into 4 segments by its algebra `max_plus`
  // CHECK: linalg.index 1
  // CHECK: linalg.index 2
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
  // CHECK: seq.scan general {{.*}} state(%{{.*}}, %{{.*}} : tensor<4x7x7xf32>, tensor<4x7xf32>)
  // CHECK: iterator_types = ["parallel", "parallel", "reduction"]
  // CHECK: seq.scan general inputs(%{{.*}}, %{{.*}} : tensor<4x7x7xf32>, tensor<4x7xf32>)
  // CHECK: arith.addf
  // CHECK: arith.maximumf
  // CHECK: seq.scan max_plus
  %n = seq.scan max_plus inputs(%x : tensor<?x7xf32>) state(%h : tensor<7xf32>) {
  ^bb0(%emission: tensor<7xf32>, %paths: tensor<7xf32>):
    %lowest = arith.constant 0xFF800000 : f32
    %e = tensor.empty() : tensor<7xf32>
    %none = linalg.fill ins(%lowest : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
    %most = linalg.generic {indexing_maps = [#column, #turned, #column, #row], iterator_types = ["parallel", "reduction"]}
        ins(%paths, %moves, %emission : tensor<7xf32>, tensor<7x7xf32>, tensor<7xf32>) outs(%none : tensor<7xf32>) {
    ^bb0(%a: f32, %m: f32, %x0: f32, %o: f32):
      %p = arith.addf %a, %m : f32
      %s = arith.addf %p, %x0 : f32
      %r = arith.maximumf %s, %o : f32
      linalg.yield %r : f32
    } -> tensor<7xf32>
    seq.yield %most : tensor<7xf32>
  } -> tensor<7xf32>
  return %n : tensor<7xf32>
}
