#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "oko/formats/tflite/tflite_generated.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

// Quantization of an int8 tensor: value = (byte − zero) · scale.
struct MapScale {
  float scale = 1;
  int zero = 0;  // of int8: -128…127
  bool operator==(const MapScale&) const = default;
};

// Builds a TensorFlow Lite model: tensors by index, operators in the order they are added.
class Emitter {
 public:
  Emitter();

  // An activation tensor [1, height, width, channels]: int8 if it has a scale, else float32.
  int map(const std::string& name, const graph::Shape& shape, const std::optional<MapScale>& scale);
  int map(const std::string& name, const graph::Shape& shape, oko::tflite::TensorType type,
          const std::optional<MapScale>& scale);
  // The same of any shape.
  int tensor(const std::string& name, std::vector<int> sides, const std::optional<MapScale>& scale);
  int constant(const std::string& name, std::vector<int> shape, std::span<const float> values);
  int constant(const std::string& name, std::vector<int> shape, std::span<const int> values);
  // Constants, with a scale per slice along `axis` if there are scales.
  int constant(const std::string& name, std::vector<int> shape, oko::tflite::TensorType type,
               std::span<const std::byte> bytes, std::vector<float> scales = {}, int axis = 0,
               int zero = 0);
  // Floats that an operator computes from a constant.
  int made(const std::string& name, std::vector<int> shape);

  template <typename OptionsT>
  void add(oko::tflite::Code code, std::vector<int> inputs, std::vector<int> outputs,
           OptionsT options, int version = 1) {
    oko::tflite::OptionsUnion all;
    all.Set(std::move(options));
    add_operator(code, std::move(inputs), std::move(outputs), std::move(all), version);
  }
  void add(oko::tflite::Code code, std::vector<int> inputs, std::vector<int> outputs,
           int version = 1) {
    add_operator(code, std::move(inputs), std::move(outputs), {}, version);
  }

  std::optional<MapScale> scale(int tensor) const;  // of an int8 tensor
  graph::Shape shape(int tensor) const;             // of a map
  const std::vector<int>& sides(int tensor) const;
  const std::string& name(int tensor) const;
  void add_metadata(const std::string& name, std::span<const std::byte> bytes);
  std::vector<std::byte> finish(const std::string& description, std::vector<int> inputs,
                                std::vector<int> outputs);

 private:
  void add_operator(oko::tflite::Code code, std::vector<int> inputs, std::vector<int> outputs,
                    oko::tflite::OptionsUnion options, int version);
  int add_tensor(const std::string& name, std::vector<int> shape, oko::tflite::TensorType type,
                 std::uint32_t buffer);
  std::uint32_t add_buffer(std::span<const std::byte> bytes);
  int add_scaled(const std::string& name, std::vector<int> sides, oko::tflite::TensorType type,
                 const std::optional<MapScale>& scale);

  oko::tflite::ModelT model_;
  oko::tflite::SubGraphT* graph_;
  std::map<std::pair<oko::tflite::Code, int>, std::uint32_t> codes_;
};

}  // namespace oko::formats::tflite
