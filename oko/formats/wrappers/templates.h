// Templates of the wrappers (the files *.in). Not part of the library's interface.
#pragma once

#include <string_view>

namespace oko::formats::wrappers {

extern const std::string_view kMpsGraphSwift;                                    // ../mps
extern const std::string_view kSwiftCoreMl, kSwiftVision, kSwiftMps, kSwiftOko;  // whole files
extern const std::string_view kSwiftResults, kSwiftPlacement, kSwiftDecoding,
    kSwiftPixels;  // parts
extern const std::string_view kKotlinTflite, kKotlinOko;
extern const std::string_view kTypeScriptOnnx, kTypeScriptOko;
extern const std::string_view kTypeScriptDecoding, kTypeScriptRaw,
    kTypeScriptDecoded;  // of kTypeScriptOnnx
extern const std::string_view kCppNcnn;

}  // namespace oko::formats::wrappers
