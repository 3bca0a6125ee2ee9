// Each constraint of the model's ops and attributes is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{starts at byte -1}}
seq.parameter @bytes_offset : tensor<4xbf16> from "model.safetensors" at -1

// -----

// expected-error@+1 {{has elements of 'i1', which are not whole bytes}}
seq.parameter @bytes_elements : tensor<4xi1> from "model.safetensors" at 0

// -----

func.func @parameter_missing() {
  // expected-error@+1 {{no symbol `norm`}}
  %w = seq.weight @norm : tensor<64xbf16>
  return
}

// -----

// expected-note@+1 {{declared here}}
func.func private @norm()
func.func @parameter_kind() {
  // expected-error@+1 {{`norm` is a `func.func`, not a `seq.parameter`}}
  %w = seq.weight @norm : tensor<64xbf16>
  return
}

// -----

// expected-note@+1 {{declared here}}
seq.parameter @norm : tensor<64xbf16> from "model.safetensors" at 0
func.func @parameter_type() {
  // expected-error@+1 {{gives 'tensor<64xf32>', `norm` is 'tensor<64xbf16>'}}
  %w = seq.weight @norm : tensor<64xf32>
  return
}

// -----

func.func @stack_none() {
  // expected-error@+1 {{packs no operand}}
  %p = "seq.pack"() : () -> tensor<4x4xbf16>
  return
}

// -----

func.func @stack_count(%a: tensor<4x4xbf16>) {
  // expected-error@+1 {{stacks 2 operands into 'tensor<3x4x4xbf16>'}}
  %p = seq.pack %a, %a : tensor<4x4xbf16>, tensor<4x4xbf16> -> tensor<3x4x4xbf16>
  return
}

// -----

// expected-note@+1 {{operand 1 is here}}
func.func @stack_shape(%a: tensor<4x4xbf16>, %b: tensor<4x5xbf16>) {
  // expected-error@+1 {{operand 1 is 'tensor<4x5xbf16>', the result is 'tensor<2x4x4xbf16>'}}
  %p = seq.pack %a, %b : tensor<4x4xbf16>, tensor<4x5xbf16> -> tensor<2x4x4xbf16>
  return
}

// -----

func.func @embed_static(%t: tensor<?xi32>, %e: tensor<?x?xbf16>) {
  // expected-error@+1 {{dimension 1 of `table` is dynamic in 'tensor<?x?xbf16>'}}
  %y = seq.embed %t, %e : tensor<?xi32>, tensor<?x?xbf16> -> tensor<?x64xf32>
  return
}

// -----

// expected-note@+1 {{`tokens` is 'tensor<3xi32>'}}
func.func @embed_tokens(%t: tensor<3xi32>, %e: tensor<256x64xbf16>) {
  // expected-error@+1 {{`output` has 4 tokens, `tokens` has 3}}
  %y = seq.embed %t, %e : tensor<3xi32>, tensor<256x64xbf16> -> tensor<4x64xf32>
  return
}

// -----

// expected-note@+1 {{`table` is 'tensor<256x64xbf16>'}}
func.func @embed_widths(%t: tensor<?xi32>, %e: tensor<256x64xbf16>) {
  // expected-error@+1 {{`output` has 32 components, `table` has 64}}
  %y = seq.embed %t, %e : tensor<?xi32>, tensor<256x64xbf16> -> tensor<?x32xf32>
  return
}

// -----

func.func @kernel_outputs(%x: tensor<?x64xf32>) {
  // expected-error@+1 {{along control flow edge from Operation seq.yield to parent}}
  %y = seq.kernel "rows" -> tensor<?x64xf32> {
    // expected-note@+1 {{region branch point}}
    seq.yield
  }
  return
}

// -----

// expected-error@+1 {{`seq.model` stands on `func.func`, it belongs on a module}}
func.func private @model_place() attributes {seq.model = {}}

// -----

// expected-error@+1 {{`seq.model` is 4 : i64, not a dictionary}}
module attributes {seq.model = 4} {
}

// -----

// expected-error@+1 {{`seq.scan_segments` stands on `func.func`, it belongs on a module}}
func.func private @scan_segments_place() attributes {seq.scan_segments = 4 : i64}

// -----

// expected-error@+1 {{`seq.scan_segments` is 0 : i64, not a positive number}}
module attributes {seq.scan_segments = 0 : i64} {
}

// -----

// expected-error@+1 {{`seq.state` of argument 1 is "", not the name of a state}}
func.func private @state_name(tensor<?xi32>, tensor<512x2x64xf32> {seq.state = ""})
