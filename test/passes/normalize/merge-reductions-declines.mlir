// Reductions whose partial results have no correction stay loops of their own, each with its reason.
// RUN: sennit-opt %s --sennit-generalize-ops --sennit-merge-reductions --remarks-filter=fuse 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: sennit-opt %s --sennit-generalize-ops --sennit-merge-reductions=cache-bytes=4000 --remarks-filter=fuse -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=CACHE

// CHECK-NOT: seq.corrected
// CACHE: [Missed] MergeReductions {{.*}}rows of 4000 bytes stay in 4000 bytes of cache between two passes
!x = tensor<3x1000xf32>
!r = tensor<3xf32>

// The rate of the exponential is the statistic: its correction depends on the element.
// CHECK-LABEL: func.func @temperature_of_the_same_axis
func.func @temperature_of_the_same_axis(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %t = arith.mulf %x, %b : !x
  %p = math.exp %t : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}its exponent multiplies elements by the statistic, so that its correction would differ from element to element
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// Nothing bounds exponentials about a mean, whose correction could overflow.
// CHECK-LABEL: func.func @exponential_about_the_mean
func.func @exponential_about_the_mean(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %s = linalg.reduce {arith.addf} ins(%x : !x) outs(%z : !r) dimensions = [1]
  %n = arith.constant dense<1000.0> : !r
  %mean = arith.divf %s, %n : !r
  %b = linalg.broadcast ins(%mean : !r) outs(%x : !x) dimensions = [1]
  %u = arith.subf %x, %b : !x
  %p = math.exp %u : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}no maximum of the same values bounds its exponent
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// The maximum is of other values.
// CHECK-LABEL: func.func @exponential_of_other_scores
func.func @exponential_of_other_scores(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %v = arith.addf %x, %w : !x
  %d = arith.subf %v, %b : !x
  %p = math.exp %d : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}no maximum of the same values bounds its exponent
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// A function that is not homogeneous has no finite rank.
// CHECK-LABEL: func.func @sigmoid_of_normalised
func.func @sigmoid_of_normalised(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %x2 = arith.mulf %x, %x : !x
  %s = linalg.reduce {arith.addf} ins(%x2 : !x) outs(%z : !r) dimensions = [1]
  %d = math.sqrt %s : !r
  %b = linalg.broadcast ins(%d : !r) outs(%x : !x) dimensions = [1]
  %q = arith.divf %x, %b : !x
  %p = math.tanh %q : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}`math.tanh` of elements and the statistic is no sum of products of one and the other
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// Homogeneous functions are no longer so once a mean is taken off.
// CHECK-LABEL: func.func @rectified_less_the_mean
func.func @rectified_less_the_mean(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %s = linalg.reduce {arith.addf} ins(%x : !x) outs(%z : !r) dimensions = [1]
  %n = arith.constant dense<1000.0> : !r
  %mean = arith.divf %s, %n : !r
  %b = linalg.broadcast ins(%mean : !r) outs(%x : !x) dimensions = [1]
  %u = arith.subf %x, %b : !x
  %zeros = arith.constant dense<0.0> : !x
  %p = arith.maximumf %u, %zeros : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}`arith.maximumf` is homogeneous in a product of elements with what is positive, but not in this
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// Clipping compares with the statistic of the whole row.
// CHECK-LABEL: func.func @clipped_by_the_statistic
func.func @clipped_by_the_statistic(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %x2 = arith.mulf %x, %x : !x
  %s = linalg.reduce {arith.addf} ins(%x2 : !x) outs(%z : !r) dimensions = [1]
  %d = math.sqrt %s : !r
  %b = linalg.broadcast ins(%d : !r) outs(%x : !x) dimensions = [1]
  %p = arith.minimumf %x, %b : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}it compares elements with the statistic: a threshold has no correction
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// So does a threshold.
// CHECK-LABEL: func.func @counted_above_the_statistic
func.func @counted_above_the_statistic(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %x2 = arith.mulf %x, %x : !x
  %s = linalg.reduce {arith.addf} ins(%x2 : !x) outs(%z : !r) dimensions = [1]
  %d = math.sqrt %s : !r
  %b = linalg.broadcast ins(%d : !r) outs(%x : !x) dimensions = [1]
  %c = arith.cmpf ogt, %x, %b : !x
  %zeros = arith.constant dense<0.0> : !x
  %p = arith.select %c, %x, %zeros : tensor<3x1000xi1>, !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}it compares elements with the statistic: a threshold has no correction
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// The scale could be corrected, but not the rounding.
// CHECK-LABEL: func.func @quantised_by_the_statistic
func.func @quantised_by_the_statistic(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %q = arith.divf %x, %b : !x
  %p = math.roundeven %q : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}`math.roundeven` rounds what depends on the statistic: the scale has a correction, the rounding has none
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// The square of a difference is one of large products where its elements have another centre.
// CHECK-LABEL: func.func @squares_that_cancel
func.func @squares_that_cancel(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %x2 = arith.mulf %x, %x : !x
  %s = linalg.reduce {arith.addf} ins(%x2 : !x) outs(%z : !r) dimensions = [1]
  %d = math.sqrt %s : !r
  %b = linalg.broadcast ins(%d : !r) outs(%x : !x) dimensions = [1]
  %u = arith.subf %x, %b : !x
  %p = arith.mulf %u, %u : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}its products cancel, since elements are not taken from their mean
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// Powers need sums of all smaller ones.
// CHECK-LABEL: func.func @fourth_moment
func.func @fourth_moment(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %s = linalg.reduce {arith.addf} ins(%x : !x) outs(%z : !r) dimensions = [1]
  %n = arith.constant dense<1000.0> : !r
  %mean = arith.divf %s, %n : !r
  %b = linalg.broadcast ins(%mean : !r) outs(%x : !x) dimensions = [1]
  %u = arith.subf %x, %b : !x
  %u2 = arith.mulf %u, %u : !x
  %p = arith.mulf %u2, %u2 : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}it needs 5 sums, more than 4
  %y = linalg.reduce {arith.addf} ins(%p : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// The second reduction is no sum.
// CHECK-LABEL: func.func @product_of_normalised
func.func @product_of_normalised(%x: !x, %w: !x, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %x2 = arith.mulf %x, %x : !x
  %s = linalg.reduce {arith.addf} ins(%x2 : !x) outs(%z : !r) dimensions = [1]
  %d = math.sqrt %s : !r
  %b = linalg.broadcast ins(%d : !r) outs(%x : !x) dimensions = [1]
  %ones = arith.constant 1.0 : f32
  %start = linalg.fill ins(%ones : f32) outs(%e : !r) -> !r
  %p = arith.divf %x, %b : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}its merge is no sum: `arith.mulf`
  %y = linalg.reduce {arith.mulf} ins(%p : !x) outs(%start : !r) dimensions = [1]
  return %y : !r
}

// What the second needs comes behind the first, and of it.
// CHECK-LABEL: func.func @reads_what_the_first_made
func.func @reads_what_the_first_made(%x: !x, %e: !r, %table: tensor<3x1xf32>) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : !x) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : !x) dimensions = [1]
  %d = arith.subf %x, %b : !x
  %p = math.exp %d : !x
  %late = tensor.insert_slice %m into %table[0, 0] [3, 1] [1, 1] : !r into tensor<3x1xf32>
  %row = tensor.extract_slice %late[0, 0] [3, 1] [1, 1] : tensor<3x1xf32> to !r
  %lb = linalg.broadcast ins(%row : !r) outs(%x : !x) dimensions = [1]
  %q = arith.mulf %p, %lb : !x
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}it reads what is computed behind the statistic
  %y = linalg.reduce {arith.addf} ins(%q : !x) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// Elements of a row that is not known to be as long.
// CHECK-LABEL: func.func @rows_of_any_length
func.func @rows_of_any_length(%x: tensor<3x?xf32>, %e: !r) -> !r {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : !r) -> !r
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : !r) -> !r
  %m = linalg.reduce {arith.maximumf} ins(%x : tensor<3x?xf32>) outs(%none : !r) dimensions = [1]
  %b = linalg.broadcast ins(%m : !r) outs(%x : tensor<3x?xf32>) dimensions = [1]
  %d = arith.subf %x, %b : tensor<3x?xf32>
  %p = math.exp %d : tensor<3x?xf32>
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}the length of its rows is not known at compile time
  %y = linalg.reduce {arith.addf} ins(%p : tensor<3x?xf32>) outs(%z : !r) dimensions = [1]
  return %y : !r
}

// The statistic of one axis, the sum over the other.
// CHECK-LABEL: func.func @the_other_axis
func.func @the_other_axis(%x: tensor<7x7xf32>, %e: tensor<7xf32>) -> tensor<7xf32> {
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
  %low = arith.constant 0xFF800000 : f32
  %none = linalg.fill ins(%low : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
  %m = linalg.reduce {arith.maximumf} ins(%x : tensor<7x7xf32>) outs(%none : tensor<7xf32>) dimensions = [1]
  %b = linalg.broadcast ins(%m : tensor<7xf32>) outs(%x : tensor<7x7xf32>) dimensions = [1]
  %d = arith.subf %x, %b : tensor<7x7xf32>
  %p = math.exp %d : tensor<7x7xf32>
  // REMARK: [[@LINE+1]]:{{.*}}[Missed] MergeReductions {{.*}}it reads the statistic of other rows
  %y = linalg.reduce {arith.addf} ins(%p : tensor<7x7xf32>) outs(%z : tensor<7xf32>) dimensions = [0]
  return %y : tensor<7xf32>
}
