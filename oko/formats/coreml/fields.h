#pragma once

#include <cstdint>

// The field numbers of Core ML's messages that the reader and the interpreter use, with the names
// of Apple's schema: a scoped enum for each message, an unscoped one for values of its fields.
namespace oko::formats::coreml {

enum class MapEntry { kKey = 1, kValue };  // of every map<…>
enum class StringVector { kVector = 1 };

// ---- Model.proto, FeatureTypes.proto ----

enum class Model { kSpecificationVersion = 1, kDescription };
enum ModelKind : std::uint32_t {  // the fields of a Model of which it has one
  kPipelineClassifier = 200,
  kPipelineRegressor = 201,
  kPipeline = 202,
  kNeuralNetworkRegressor = 303,
  kNeuralNetworkClassifier = 403,
  kNeuralNetwork = 500,
  kMlProgram = 502,
  kNonMaximumSuppression = 610,
};
enum class Pipeline { kModels = 1 };
enum class PipelineClassifier { kPipeline = 1 };  // also of a regressor
enum class ModelDescription {
  kInput = 1,
  kOutput = 10,
  kPredictedFeatureName = 11,
  kMetadata = 100,
};
enum class Metadata { kUserDefined = 100 };
enum class FeatureDescription { kName = 1, kType = 3 };
enum class FeatureType { kDoubleType = 2, kImageType = 4, kMultiArrayType = 5 };
enum class ImageFeatureType { kWidth = 1, kHeight, kColorSpace };
enum ColorSpace { kGrayscale = 10, kRgb = 20, kBgr = 30 };
enum class ArrayFeatureType { kShape = 1 };

// ---- NonMaximumSuppression.proto ----

enum class NonMaximumSuppression {
  kPickTop = 1,
  kStringClassLabels = 100,
  kIouThreshold = 110,
  kConfidenceThreshold = 111,
  kConfidenceInputFeatureName = 200,
  kCoordinatesInputFeatureName = 201,
};
enum class PickTop { kPerClass = 1 };

// ---- NeuralNetwork.proto ----

enum class NeuralNetwork { kLayers = 1, kPreprocessing = 2, kStringClassLabels = 100 };
enum class NeuralNetworkPreprocessing { kFeatureName = 1, kScaler = 10, kMeanImage = 11 };
enum class NeuralNetworkImageScaler {
  kChannelScale = 10,
  kBlueBias = 20,
  kGreenBias = 21,
  kRedBias = 22,
  kGrayBias = 30,
};
enum class NeuralNetworkLayer { kName = 1, kInput, kOutput };
enum LayerKind : std::uint32_t {  // the fields of a layer of which it has one
  kConvolution = 100,
  kPooling = 120,
  kActivation = 130,
  kInnerProduct = 140,
  kBatchNorm = 160,
  kSoftmax = 175,
  kPad = 200,
  kUpsample = 210,
  kResizeBilinear = 211,
  kUnary = 220,
  kAdd = 230,
  kMultiply = 231,
  kScale = 245,
  kBias = 250,
  kReduce = 280,
  kLoadConstant = 290,
  kReshape = 300,
  kFlatten = 301,
  kPermute = 310,
  kConcat = 320,
  kSplit = 330,
  kReorganizeData = 345,
  kSlice = 350,
  kCopy = 600,
  kClip = 660,
  kAddBroadcastable = 880,
  kSoftmaxNd = 950,
  kConcatNd = 980,
  kTranspose = 985,
  kBatchedMatMul = 1045,
  kReshapeStatic = 1140,
  kClampedRelu = 1460,
};

enum class WeightParams {
  kFloatValue = 1,
  kFloat16Value = 2,
  kRawValue = 30,
  kInt8RawValue = 31,
  kQuantization = 40,
};
enum class QuantizationParams {
  kNumberOfBits = 1,
  kLinearQuantization = 101,
  kLookupTableQuantization = 102,
};
enum class LinearQuantizationParams { kScale = 1, kBias };
enum class LookUpTableQuantizationParams { kFloatValue = 1 };

enum class BorderAmounts { kBorderAmounts = 10 };
enum class EdgeSizes { kStartEdgeSize = 1, kEndEdgeSize };
enum class ValidPadding { kPaddingAmounts = 1 };
enum class SamePadding { kAsymmetryMode = 1 };
enum SamePaddingMode { kBottomRightHeavy, kTopLeftHeavy };
enum class ValidCompletePadding { kPaddingAmounts = 10 };

enum class ConvolutionLayerParams {
  kOutputChannels = 1,
  kKernelChannels = 2,
  kNGroups = 10,
  kKernelSize = 20,
  kStride = 30,
  kDilationFactor = 40,
  kValid = 50,
  kSame = 51,
  kIsDeconvolution = 60,
  kHasBias = 70,
  kWeights = 90,
  kBias = 91,
};
enum class PoolingLayerParams {
  kType = 1,
  kKernelSize = 10,
  kStride = 20,
  kValid = 30,
  kSame = 31,
  kIncludeLastPixel = 32,
  kAvgPoolExcludePadding = 50,
  kGlobalPooling = 60,
};
enum PoolingType { kMaxPool, kAveragePool };
enum ActivationKind : std::uint32_t {  // the fields of ActivationParams of which it has one
  kLinear = 5,
  kRelu = 10,
  kLeakyRelu = 15,
  kTanh = 30,
  kSigmoid = 40,
  kSigmoidHard = 41,
  kElu = 50,
  kSoftplus = 70,
};
enum class ActivationLine { kAlpha = 1, kBeta };  // of all kinds that have them
enum class InnerProductLayerParams {
  kInputChannels = 1,
  kOutputChannels = 2,
  kHasBias = 10,
  kWeights = 20,
  kBias = 21,
};
enum class BatchnormLayerParams {
  kChannels = 1,
  kComputeMeanVar = 5,
  kInstanceNormalization = 6,
  kEpsilon = 10,
  kGamma = 15,
  kBeta = 16,
  kMean = 17,
  kVariance = 18,
};
enum class PaddingLayerParams { kConstant = 1, kPaddingAmounts = 10 };
enum class PaddingConstant { kValue = 1 };
enum class UpsampleLayerParams {
  kScalingFactor = 1,
  kMode = 5,
  kLinearUpsampleMode = 6,
  kFractionalScalingFactor = 7,
};
enum InterpolationMode { kNearest, kBilinear };
enum LinearUpsampleMode { kDefault, kAlignCornersTrue, kAlignCornersFalse };
enum class ResizeBilinearLayerParams { kTargetSize = 1, kMode };
enum class SamplingMode { kSamplingMethod = 1 };
enum SamplingMethod { kStrictAlignEndpoints, kAlignEndpoints, kUpsampleMode, kRoiAlign };
enum class UnaryFunctionLayerParams { kType = 1, kAlpha, kEpsilon, kShift, kScale };
enum UnaryFunction { kSqrt, kRsqrt, kInverse, kPower, kExp, kLog, kAbs, kThreshold };
enum class AddLayerParams { kAlpha = 1 };  // also of MultiplyLayerParams
enum class ScaleLayerParams { kShapeScale = 1, kScale, kHasBias, kShapeBias, kBias };
enum class BiasLayerParams { kShape = 1, kBias };
enum class ReduceLayerParams { kMode = 1, kAxis = 3 };
enum ReduceMode { kSum = 0, kMax = 7 };
enum ReduceAxis { kReduceChannels = 2 };
enum class ReshapeLayerParams { kTargetShape = 1, kMode };
enum class FlattenLayerParams { kMode = 1 };
enum FlattenMode { kChannelFirst, kChannelLast };  // also of a reshape
enum class PermuteLayerParams { kAxis = 1 };
enum class ConcatLayerParams { kSequenceConcat = 100 };
enum class ConcatNDLayerParams { kAxis = 1, kInterleave };
enum class SoftmaxNDLayerParams { kAxis = 1 };
enum class SliceLayerParams { kStartIndex = 1, kEndIndex, kStride, kAxis };
enum SliceAxis { kChannelAxis, kHeightAxis, kWidthAxis };
enum class ReorganizeDataLayerParams { kMode = 1, kBlockSize };
enum ReorganizationType { kSpaceToDepth, kDepthToSpace, kPixelShuffle };
enum class BatchedMatMulLayerParams { kTransposeA = 1, kTransposeB };
enum class ClipLayerParams { kMinVal = 1, kMaxVal };
enum class ClampedReluLayerParams { kAlpha = 1, kBeta };

// ---- MIL.proto ----

enum class Program { kFunctions = 2 };
enum class Function { kOpset = 2, kBlockSpecializations };
enum class Block { kOperations = 3 };
enum class Operation { kType = 1, kInputs = 2, kOutputs = 3, kAttributes = 5 };
enum class Argument { kArguments = 1 };
enum class Binding { kName = 1, kValue };
enum class NamedValueType { kName = 1, kType };
enum class ValueType { kTensorType = 1 };
enum class TensorType { kDataType = 1, kDimensions = 3 };
enum DataType { kBool = 1, kFloat16 = 10, kFloat32 = 11, kInt8 = 21 };
enum class Dimension { kConstant = 1 };
enum class ConstantDimension { kSize = 1 };
enum class Value { kType = 2, kImmediateValue = 3, kBlobFileValue = 5 };
enum class ImmediateValue { kTensor = 1 };
enum class BlobFileValue { kOffset = 2 };
enum class TensorValue { kFloats = 1, kInts = 2, kBools = 3, kStrings = 4, kBytes = 7 };
enum class RepeatedValues { kValues = 1 };  // of all kinds of tensor values

}  // namespace oko::formats::coreml
