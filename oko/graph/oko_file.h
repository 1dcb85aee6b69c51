#pragma once

#include "oko/base/bytes.h"
#include "oko/graph/compact.h"
#include "oko/graph/network.h"

namespace oko::graph {

// The .oko model file: a valid safetensors file. Its tensors are the weights (and those in `extra`:
// a checkpoint stores optimizer and EMA there); its __metadata__ has "format": "oko", "version":
// "1", "network": the layers as JSON, "hash": content_hash() of the network, and "checksum" of
// everything. docs/oko-file.md is the specification.
struct OkoFile {
  Network network;
  Weights extra;  // tensors that are not the network's, with their names as stored
  // As the file states them, in hexadecimal; empty in files of older programs. A checkpoint, which
  // has `extra`, has no hash.
  std::string hash{}, checksum{};
};

// The file's bytes. Deterministic: the same network gives the same bytes. Throws an input Error for
// a network that read_oko() would reject, and for extra tensors named like one of its weights.
std::vector<std::byte> write_oko(const Network& network, const Weights& extra = {},
                                 Precision storage = Precision::kFloat32);

// Opens a file's bytes without copying weights: tensors share `bytes`, except for compact kernels,
// which become float32. Everything is bounds-checked; shapes are inferred and weights checked
// against the layers (a file without weights is allowed). Throws input Errors with byte offsets.
// `name` is the file's, for messages.
//
// Verify::kChecksum reads every byte once and rejects a file that is not as it was written; one
// without a checksum passes.
enum class Verify { kNothing, kChecksum };
OkoFile read_oko(const Bytes& bytes, const std::string& name, Verify verify = Verify::kNothing);

// The same file with other metadata of its network (Network::metadata); tensors are as they were,
// of whatever type. One that had no hash gets it. Throws what read_oko() does, with
// Verify::kChecksum.
std::vector<std::byte> with_metadata(const Bytes& bytes, const std::string& name,
                                     const Json& metadata);

// Any safetensors file: tensors by name and the __metadata__ strings.
struct Safetensors {
  Weights tensors;
  std::map<std::string, std::string, std::less<>> metadata;
};

// The data part starts at a multiple of 64 bytes and has no gaps (the format allows none). Tensors
// are sorted by the largest power of two, up to 64, that divides their length, so each starts at a
// multiple of it: all are aligned for their type, most kernels to 64 bytes.
std::vector<std::byte> write_safetensors(const Safetensors& content);

// Tensors share `bytes`; only misaligned ones, as other writers may produce, are copied. Throws
// input Errors for anything a strict reader rejects: wrong lengths, overlaps, gaps, duplicate
// names, headers of more than 16 MiB.
Safetensors read_safetensors(const Bytes& bytes, const std::string& name);

}  // namespace oko::graph
