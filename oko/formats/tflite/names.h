#pragma once

// What the writer's names and metadata tell the reader.
namespace oko::formats::tflite {

// Behind a layer's name: its map before an activation that is an operator of its own; in the bytes
// that its operator makes, before those of the map; as floats between maps of bytes; and its input
// with rows and columns round it.
inline constexpr const char* kBefore = ".linear";
inline constexpr const char* kUnit = ".unit";
inline constexpr const char* kFloats = ".floats";
inline constexpr const char* kPadded = ".padded";
inline constexpr const char* kBytes = ".bytes";
inline constexpr const char* kHalf = ".half";

// The metadata entry with the names of the layers behind the outputs, one a line: their tensors are
// named as the outputs.
inline constexpr const char* kOutputLayers = "oko.outputs";

// What pads a maximum.
inline constexpr float kLowest = -3e38F;

}  // namespace oko::formats::tflite
