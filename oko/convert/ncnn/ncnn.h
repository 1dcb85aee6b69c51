#pragma once

#include <memory>
#include <span>
#include <string>

#include "oko/convert/executor.h"
#include "oko/formats/format.h"
#include "oko/graph/network.h"

namespace oko::convert {

// Runs the output of formats::write_ncnn() for `network` in Tencent's ncnn, in float32: its
// float16, bfloat16 and int8 modes are off. For a file that oko did not write, `outputs` are its
// output blobs. Null if oko was built without ncnn; `why` then says so. Throws an Error if ncnn
// rejects the files.
std::unique_ptr<Executor> make_ncnn(std::span<const formats::File> files,
                                    const graph::Network& network, std::string* why = nullptr,
                                    std::span<const std::string> outputs = {});

}  // namespace oko::convert
