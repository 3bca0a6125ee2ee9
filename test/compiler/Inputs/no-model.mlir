// A module that is no language model.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
func.func @run(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}
