#include "oko/convert/tflite/arm_nn.h"

#ifdef OKO_ARM_NN
#include <armnn/ArmNN.hpp>
#include <armnnTfLiteParser/ITfLiteParser.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/heads.h"
#endif

namespace oko::convert {

#ifdef OKO_ARM_NN
namespace {

using Binding = armnnTfLiteParser::BindingPointInfo;

#if ARMNN_MAJOR_VERSION >= 33  // 23.08
using Options = armnn::OptimizerOptionsOpaque;
#else
using Options = armnn::OptimizerOptions;
#endif

// Since 21.05 a ConstTensor rejects a TensorInfo that is not marked constant.
template <typename Info>
Info constant(Info info) {
  if constexpr (requires { info.SetConstant(); }) info.SetConstant();
  return info;
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorCode::kFailed, "Arm NN", "rejects the model: " + why);
}

class ArmNn : public Executor {
 public:
  explicit ArmNn(const formats::TflitePart& model)
      : runtime_(armnn::IRuntime::Create({})), shapes_(model.output_shapes) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(model.bytes.data());
    auto parser = armnnTfLiteParser::ITfLiteParser::Create();
    auto parsed = parser->CreateNetworkFromBinary({first, first + model.bytes.size()});
    if (formats::tflite_computes_in_bytes(model.bytes, "model.tflite")) {
      arithmetic_ = graph::Precision::kInt8;
    }
    input_ = parser->GetNetworkInputBindingInfo(0, model.input);
    for (const std::string& name : model.outputs) {
      outputs_.push_back(parser->GetNetworkOutputBindingInfo(0, name));
    }
    shapes_.resize(outputs_.size());
    input_is_planar_ = is_planar(input_.second, model.input_shape);
    std::vector<std::string> messages;
    auto optimized =
        armnn::Optimize(*parsed, {armnn::Compute::CpuRef}, runtime_->GetDeviceSpec(), Options(),
                        armnn::Optional<std::vector<std::string>&>(messages));
    if (!optimized) refuse(messages.empty() ? "no backend accepts it" : messages.front());
    std::string message;
    if (runtime_->LoadNetwork(network_, std::move(optimized), message) != armnn::Status::Success) {
      refuse(message);
    }
  }

  std::string name() const override {
    return std::string("Arm NN ") + ARMNN_VERSION + " (reference backend)";
  }

  graph::Precision arithmetic() const override { return arithmetic_; }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    const std::vector<std::byte> picture = from_planar(input);
    std::vector<std::vector<std::byte>> maps;
    armnn::InputTensors in{
        {input_.first, armnn::ConstTensor(constant(input_.second), picture.data())}};
    armnn::OutputTensors out;
    for (const Binding& output : outputs_) {
      maps.emplace_back(output.second.GetNumBytes());
      out.emplace_back(output.first, armnn::Tensor(output.second, maps.back().data()));
    }
    if (runtime_->EnqueueWorkload(network_, in, out) != armnn::Status::Success) {
      refuse("it fails to run");
    }
    std::vector<std::vector<float>> result;
    for (std::size_t i = 0; i < maps.size(); ++i) {
      const armnn::TensorInfo& info = outputs_[i].second;
      result.push_back(to_planar(maps[i], info, is_planar(info, shapes_[i])));
    }
    return result;
  }

 private:
  static std::size_t side(const armnn::TensorInfo& info, unsigned i) {
    return info.GetNumDimensions() > i ? info.GetShape()[i] : 1;
  }

  // Whether a tensor has the channels of this shape first.
  static bool is_planar(const armnn::TensorInfo& info, const graph::Shape& shape) {
    const auto has = [&](int first, int second, int third) {
      return std::cmp_equal(side(info, 1), first) && std::cmp_equal(side(info, 2), second) &&
             std::cmp_equal(side(info, 3), third);
    };
    return has(shape.channels, shape.height, shape.width) &&
           !has(shape.height, shape.width, shape.channels);
  }

  // In the model's own layout and type.
  std::vector<std::byte> from_planar(std::span<const float> input) const {
    const armnn::TensorInfo& info = input_.second;
    std::vector<std::byte> picture(info.GetNumBytes());
    if (input_is_planar_) {
      for (std::size_t i = 0; i < input.size(); ++i) put(picture.data(), i, input[i], info);
      return picture;
    }
    const std::size_t pixels = side(info, 1) * side(info, 2), channels = side(info, 3);
    for (std::size_t p = 0; p < pixels; ++p) {
      for (std::size_t c = 0; c < channels; ++c) {
        put(picture.data(), p * channels + c, input[c * pixels + p], info);
      }
    }
    return picture;
  }

  static void put(std::byte* to, std::size_t at, float value, const armnn::TensorInfo& info) {
    if (info.GetDataType() == armnn::DataType::Float32) {
      reinterpret_cast<float*>(to)[at] = value;
      return;
    }
    const bool is_signed = info.GetDataType() == armnn::DataType::QAsymmS8;
    const float byte = std::nearbyint(value / info.GetQuantizationScale()) +
                       static_cast<float>(info.GetQuantizationOffset());
    const float low = is_signed ? -128.F : 0.F;
    to[at] = static_cast<std::byte>(static_cast<int>(std::clamp(byte, low, low + 255)));
  }

  static float get(const std::byte* from, std::size_t at, const armnn::TensorInfo& info) {
    if (info.GetDataType() == armnn::DataType::Float32) {
      return reinterpret_cast<const float*>(from)[at];
    }
    const int byte = info.GetDataType() == armnn::DataType::QAsymmS8
                         ? reinterpret_cast<const std::int8_t*>(from)[at]
                         : reinterpret_cast<const std::uint8_t*>(from)[at];
    return static_cast<float>(byte - info.GetQuantizationOffset()) * info.GetQuantizationScale();
  }

  static std::vector<float> to_planar(const std::vector<std::byte>& map,
                                      const armnn::TensorInfo& info, bool is_planar) {
    const std::size_t pixels = side(info, 1) * side(info, 2), channels = side(info, 3);
    std::vector<float> values(pixels * channels);
    if (is_planar) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = get(map.data(), i, info);
      return values;
    }
    for (std::size_t p = 0; p < pixels; ++p) {
      for (std::size_t c = 0; c < channels; ++c) {
        values[c * pixels + p] = get(map.data(), p * channels + c, info);
      }
    }
    return values;
  }

  armnn::IRuntimePtr runtime_;
  armnn::NetworkId network_ = 0;
  Binding input_;
  bool input_is_planar_ = false;
  std::vector<Binding> outputs_;
  std::vector<graph::Shape> shapes_;  // of the network's outputs; empty where unknown
  graph::Precision arithmetic_ = graph::Precision::kFloat32;
};

}  // namespace

std::unique_ptr<Executor> make_arm_nn(std::span<const formats::File> files,
                                      const graph::Network& network, std::string* why) {
  const auto model = std::ranges::find_if(
      files, [](const formats::File& file) { return file.name.ends_with(".tflite"); });
  if (model == files.end()) refuse("there is no .tflite");
  return make_arm_nn({model->bytes, formats::kInputName, formats::output_names(network)}, why);
}

std::unique_ptr<Executor> make_arm_nn(const formats::TflitePart& model, std::string*) {
  armnn::ConfigureLogging(false, false, armnn::LogSeverity::Fatal);
  std::unique_ptr<Executor> made;
  try {
    made = std::make_unique<ArmNn>(model);
  } catch (const armnn::Exception& error) {
    refuse(error.what());
  }
#if ARMNN_MAJOR_VERSION < 33  // 20.08 reads no more of a resize than its size
  if (formats::tflite_resizes_from_centres(model.bytes, "model.tflite")) {
    refuse("it resizes from the centres of pixels, which Arm NN " ARMNN_VERSION " cannot do");
  }
#endif
  return made;
}
#else
std::unique_ptr<Executor> make_arm_nn(std::span<const formats::File>, const graph::Network&,
                                      std::string* why) {
  return make_arm_nn(formats::TflitePart{}, why);
}

std::unique_ptr<Executor> make_arm_nn(const formats::TflitePart&, std::string* why) {
  if (why != nullptr) {
    *why = "oko was built without Arm NN (libarmnn-dev and libarmnntfliteparser-dev)";
  }
  return nullptr;
}
#endif

}  // namespace oko::convert
