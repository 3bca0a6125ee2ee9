// The tile dialect in one file for TableGen: includes the parts, nothing else.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILE_TD
#define SENNIT_DIALECTS_TILE_TILE_TD

include "dialects/tile/TileDialect.td"
include "dialects/tile/TileTypes.td"
include "dialects/tile/TileOps.td"
include "dialects/tile/TileQuantizationOps.td"

#endif // SENNIT_DIALECTS_TILE_TILE_TD
