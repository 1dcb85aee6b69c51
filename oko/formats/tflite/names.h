#pragma once

// Names and metadata through which the writer informs the reader.
namespace oko::formats::tflite {

// Suffixes of a layer's name: its tensor before a separate activation operator; its int8 tensor as
// the operator computes it, before requantization; as floats between int8 tensors; with averages of
// whole windows, before they are corrected at the border; and its padded input.
inline constexpr const char* kBefore = ".linear";
inline constexpr const char* kUnit = ".unit";
inline constexpr const char* kFloats = ".floats";
inline constexpr const char* kWhole = ".whole";
inline constexpr const char* kPadded = ".padded";
inline constexpr const char* kBytes = ".bytes";
inline constexpr const char* kHalf = ".half";

// The metadata entry with the layer names of the outputs, one per line: their tensors have the
// outputs' names.
inline constexpr const char* kOutputLayers = "oko.outputs";

// The padding of a max pool.
inline constexpr float kLowest = -3e38F;

}  // namespace oko::formats::tflite
