#pragma once

#include <memory>
#include <span>
#include <string>

#include "oko/convert/executor.h"
#include "oko/formats/file.h"
#include "oko/graph/network.h"

namespace oko::convert {

// Runs what formats::write_ncnn() wrote of `network` in Tencent's ncnn, in float32: its float16,
// bfloat16 and int8 ways are off. Of a file that oko did not write, `outputs` are the blobs that
// its outputs lie in. Null where oko was built without ncnn; `why` then says so. Throws an Error
// where ncnn refuses the files.
std::unique_ptr<Executor> make_ncnn(std::span<const formats::File> files,
                                    const graph::Network& network, std::string* why = nullptr,
                                    std::span<const std::string> outputs = {});

}  // namespace oko::convert
