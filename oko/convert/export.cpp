#include "oko/convert/export.h"

#include <optional>
#include <span>
#include <utility>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/formats/coreml.h"
#include "oko/formats/darknet.h"
#include "oko/formats/mps.h"
#include "oko/formats/ncnn.h"
#include "oko/formats/onnx.h"
#include "oko/formats/tflite.h"
#include "oko/formats/wrappers.h"
#include "oko/graph/oko_file.h"

namespace oko::convert {
namespace {

using graph::Precision;

[[noreturn]] void refuse(const ExportOptions& options, const std::string& flag,
                         const std::string& hint) {
  throw Error(ErrorCode::kUsage, "--to " + std::string(name_of(options.to)),
              "cannot be combined with " + flag, hint);
}

void check_precision(const ExportOptions& options) {
  if (options.to == Format::kDarknet && options.precision != Precision::kFloat32) {
    refuse(options, "--precision", "Darknet stores only 32-bit floats");
  }
  const bool has_bytes = options.to == Format::kOko || options.to == Format::kTflite ||
                         (options.to == Format::kCoreMl && !options.ml_program);
  if (options.precision == Precision::kInt8 && !has_bytes) {
    refuse(options, "--precision int8", "use fp16 here, or --to tflite, --to coreml");
  }
}

void check_boxes(const ExportOptions& options) {
  if (!options.boxes) return;
  if (options.ml_program) refuse(options, "--boxes and --ml-program", "omit one of them");
  switch (options.to) {
    case Format::kOko:
    case Format::kDarknet:
      return refuse(options, "--boxes",
                    "the program that runs it decodes and suppresses boxes itself");
    case Format::kTflite:
    case Format::kMps:
      return refuse(options, "--boxes", "the wrapper beside it decodes and suppresses boxes");
    default:
      return;
  }
}

void check_info(const ExportOptions& options) {
  if (options.to != Format::kOko && options.to != Format::kDarknet && options.to != Format::kNcnn) {
    return;
  }
  const formats::ModelInfo& info = options.info;
  const std::pair<const std::string&, const char*> fields[] = {{info.description, "--description"},
                                                               {info.author, "--author"},
                                                               {info.license, "--license"},
                                                               {info.version, "--model-version"}};
  for (const auto& [text, flag] : fields) {
    if (!text.empty()) refuse(options, flag, "this format cannot store it; drop the flag");
  }
}

Export write_onnx(const graph::Network& network, const ExportOptions& options) {
  formats::OnnxOptions onnx;
  onnx.info = options.info;
  onnx.float16 = options.precision == Precision::kFloat16;
  onnx.boxes = options.boxes;
  onnx.score_threshold = options.thresholds.score;
  onnx.iou_threshold = options.thresholds.iou;
  onnx.max_detections = options.thresholds.max_detections;
  return {formats::write_onnx(network, onnx, options.stem), {}, options.stem + ".onnx"};
}

Export write_ncnn(const graph::Network& network, const ExportOptions& options) {
  formats::NcnnOptions ncnn;
  ncnn.half = options.precision == Precision::kFloat16;
  ncnn.detection_output = options.boxes;
  ncnn.threshold = options.thresholds.score;
  ncnn.nms_iou = options.thresholds.iou;
  Export made{{}, {}, options.stem + ".param"};
  made.model = formats::write_ncnn(network, ncnn, options.stem, &made.notes);
  return made;
}

Export write_darknet(const graph::Network& network, const ExportOptions& options) {
  const auto file = [&](const char* ending, const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    return formats::File{options.stem + ending, {bytes.begin(), bytes.end()}};
  };
  Export made{{}, {}, options.stem + ".cfg"};
  made.model = {file(".cfg", formats::write_darknet_cfg(network)),
                {options.stem + ".weights", formats::write_darknet_weights(network)}};
  if (network.classes.empty()) return made;
  made.model.push_back(file(".names", class_list_text(network.classes, options.stem + ".names")));
  return made;
}

Export write_coreml(const graph::Network& network, const ExportOptions& options) {
  if (options.ml_program) {
    formats::MlPackageOptions package;
    package.info = options.info;
    package.float32 = options.precision == Precision::kFloat32;
    return {
        formats::write_mlpackage(network, package, options.stem), {}, options.stem + ".mlpackage"};
  }
  formats::CoreMlOptions coreml;
  coreml.info = options.info;
  coreml.weights = options.precision == Precision::kInt8      ? formats::CoreMlWeights::kInt8
                   : options.precision == Precision::kFloat16 ? formats::CoreMlWeights::kFloat16
                                                              : formats::CoreMlWeights::kFloat32;
  coreml.pipeline = options.boxes;
  coreml.score_threshold = static_cast<double>(options.thresholds.score);
  coreml.iou_threshold = static_cast<double>(options.thresholds.iou);
  return {formats::write_coreml(network, coreml, options.stem), {}, options.stem + ".mlmodel"};
}

Export write_mps(const graph::Network& network, const ExportOptions& options) {
  formats::MpsOptions mps;
  mps.info = options.info;
  if (options.precision == Precision::kFloat32) mps.weights = formats::MpsWeights::kFloat32;
  Export made{formats::write_mps(network, mps, options.stem), {}, {}};
  made.main = made.model.front().name;
  return made;
}

Export write_tflite(const graph::Network& network, const ExportOptions& options) {
  formats::TfliteOptions tflite;
  tflite.info = options.info;
  tflite.numbers = options.precision == Precision::kInt8      ? formats::TfliteNumbers::kInt8
                   : options.precision == Precision::kFloat16 ? formats::TfliteNumbers::kFloat16
                                                              : formats::TfliteNumbers::kFloat32;
  return {formats::write_tflite(network, tflite, options.stem), {}, options.stem + ".tflite"};
}

Export write_oko(const graph::Network& network, const ExportOptions& options) {
  const std::string file = options.stem + ".oko";
  return {{{file, graph::write_oko(network, {}, options.precision)}}, {}, file};
}

Export write_model(const graph::Network& network, const ExportOptions& options) {
  switch (options.to) {
    case Format::kOko:
      return write_oko(network, options);
    case Format::kDarknet:
      return write_darknet(network, options);
    case Format::kOnnx:
      return write_onnx(network, options);
    case Format::kCoreMl:
      return write_coreml(network, options);
    case Format::kTflite:
      return write_tflite(network, options);
    case Format::kNcnn:
      return write_ncnn(network, options);
    case Format::kMps:
      return write_mps(network, options);
    default:
      break;  // check_options() rejects all others
  }
  return {};
}

std::optional<formats::WrapperTarget> wrapper_of(Format format) {
  switch (format) {
    case Format::kOko:
      return formats::WrapperTarget::kOko;
    case Format::kOnnx:
      return formats::WrapperTarget::kOnnx;
    case Format::kCoreMl:
      return formats::WrapperTarget::kCoreMl;
    case Format::kTflite:
      return formats::WrapperTarget::kTflite;
    case Format::kNcnn:
      return formats::WrapperTarget::kNcnn;
    case Format::kMps:
      return formats::WrapperTarget::kMps;
    default:
      return std::nullopt;  // no app runtime for it
  }
}

std::vector<formats::File> wrappers_for(const graph::Network& network,
                                        const ExportOptions& options) {
  const auto target = wrapper_of(options.to);
  // ncnn's own output layer does not suit a wrapper: it hides what undoing the letterbox needs.
  if (!target || network.input.channels != 3) return {};
  if (options.to == Format::kNcnn && options.boxes) return {};
  formats::WrapperOptions wrapper;
  wrapper.target = *target;
  wrapper.decoded = options.boxes;
  wrapper.score = options.thresholds.score;
  wrapper.iou = options.thresholds.iou;
  wrapper.max_detections = options.thresholds.max_detections;
  return formats::write_wrappers(network, wrapper, options.stem);
}

}  // namespace

void check_options(const ExportOptions& options) {
  if (!wrapper_of(options.to) && options.to != Format::kDarknet) {
    refuse(options, "export",
           "this format can only be read; use oko, coreml, onnx, tflite, ncnn, darknet or mps");
  }
  if (options.ml_program && options.to != Format::kCoreMl) {
    refuse(options, "--ml-program", "use it with --to coreml");
  }
  check_precision(options);
  check_boxes(options);
  check_info(options);
}

Export export_model(const graph::Network& network, const ExportOptions& options) {
  check_options(options);
  Export made = write_model(network, options);
  if (network.diou_exponent > 0 && options.to != Format::kOko && options.to != Format::kDarknet) {
    made.notes.push_back(
        "the model suppresses overlapping boxes by DIoU, this format by IoU: the export may drop "
        "more of several objects close together");
  }
  made.wrappers = wrappers_for(network, options);
  return made;
}

}  // namespace oko::convert
