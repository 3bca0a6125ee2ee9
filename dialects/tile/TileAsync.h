// The asynchronous stratum of tile: only what targets with roles read.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See LICENSE.
#ifndef SENNIT_DIALECTS_TILE_TILEASYNC_H
#define SENNIT_DIALECTS_TILE_TILEASYNC_H

#include "dialects/tile/Tile.h"

#define GET_OP_CLASSES
#include "dialects/tile/TileAsyncOps.h.inc"

#endif // SENNIT_DIALECTS_TILE_TILEASYNC_H
