// Templates of the wrappers (the files *.in). Not part of the library's interface.
#pragma once

#include <string_view>

namespace oko::formats::wrappers {

extern const std::string_view kMpsGraphSwift;                                    // ../mps
extern const std::string_view kSwiftCoreMl, kSwiftVision, kSwiftMps, kSwiftOko;  // whole files
extern const std::string_view kSwiftResults, kSwiftPlacement, kSwiftDecoding, kSwiftPixels,
    kSwiftScores;                                                         // parts
extern const std::string_view kSwiftAnchors, kSwiftDistances, kSwiftSsd;  // kinds of heads
extern const std::string_view kKotlinTflite, kKotlinOko;
extern const std::string_view kKotlinAnchors, kKotlinDistances, kKotlinSsd;
extern const std::string_view kTypeScriptOnnx, kTypeScriptOko;
extern const std::string_view kTypeScriptDecoding, kTypeScriptRaw,
    kTypeScriptDecoded;  // of kTypeScriptOnnx
extern const std::string_view kTypeScriptAnchors, kTypeScriptDistances, kTypeScriptSsd;
extern const std::string_view kCppNcnn, kCppAnchors, kCppDistances, kCppSsd;

}  // namespace oko::formats::wrappers
