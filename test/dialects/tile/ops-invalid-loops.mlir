// Each named constraint of tile.grid and tile.stream is enforced, with its message.
// RUN: sennit-opt %s --split-input-file --verify-diagnostics

func.func @grid_rank(%t: index) {
  %c0 = arith.constant 0 : index
  // expected-error@+1 {{has 1 lower bounds, 1 upper bounds, 2 steps, 1 names and 1 block arguments}}
  tile.grid (%m) = (%c0) to (%t) step [16, 2] dims ["m"] {
  }
  return
}

// -----

func.func @grid_steps(%t: index) {
  %c0 = arith.constant 0 : index
  // expected-error@+1 {{step 0 is not positive}}
  tile.grid (%m) = (%c0) to (%t) step [0] dims ["m"] {
  }
  return
}

// -----

func.func @stream_step(%t: index) {
  // expected-error@+1 {{step 0 is not positive}}
  tile.stream "t" %j = %t to %t step 0 fetch {
    tile.yield
  } do {
  ^bb0(%jj: index):
    tile.yield
  }
  return
}

// -----

func.func @stream_fetch_yields(%t: index, %x: memref<?xf32>) {
  // expected-error@+1 {{expects the tiles that `do` takes from `fetch` ('vector<8xf32>')}}
  tile.stream "t" %j = %t to %t step 4 fetch {
    %a = tile.load %x[%j] : memref<?xf32> -> vector<4xf32>
    // expected-note@+1 {{yielded ('vector<4xf32>') here}}
    tile.yield %a : vector<4xf32>
  } do {
  ^bb0(%jj: index, %a: vector<8xf32>):
    tile.yield
  }
  return
}

// -----

func.func @stream_fetch_holds(%t: index, %x: memref<?xf32>) {
  // expected-error@+1 {{`fetch` holds `arith.addf`, only loads, integer arithmetic and shape changes may run ahead}}
  tile.stream "t" %j = %t to %t step 4 fetch {
    %a = tile.load %x[%j] : memref<?xf32> -> vector<4xf32>
    // expected-note@+1 {{it stands here}}
    %b = arith.addf %a, %a : vector<4xf32>
    tile.yield %b : vector<4xf32>
  } do {
  ^bb0(%jj: index, %a: vector<4xf32>):
    tile.yield
  }
  return
}

// -----

func.func @stream_carries_taken(%t: index, %z: vector<4xf32>) {
  // expected-error@+1 {{`do` takes carries ('vector<8xf32>'), the initial ones are ('vector<4xf32>')}}
  %s = tile.stream "t" %j = %t to %t step 4 carry(%z : vector<4xf32>) fetch {
    tile.yield
  } do {
  ^bb0(%jj: index, %a: vector<8xf32>):
    tile.yield %a : vector<8xf32>
  }
  return
}

// -----

func.func @stream_carries_yielded(%t: index, %z: vector<4xf32>) {
  // expected-error@+1 {{expects the next carries ('vector<4xf32>')}}
  %s = tile.stream "t" %j = %t to %t step 4 carry(%z : vector<4xf32>) fetch {
    tile.yield
  } do {
  ^bb0(%jj: index, %a: vector<4xf32>):
    // expected-note@+1 {{yielded () here}}
    tile.yield
  }
  return
}
