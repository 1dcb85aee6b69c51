#pragma once

#include "oko/formats/coreml/program_file.h"
#include "oko/formats/coreml/read_network.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats::coreml {

// An ML Program in ONNX' words, which have the same operations under other names: what oko knows of
// networks in graphs of small operations (shuffles, attention, what decodes boxes) is known once,
// for both. Nodes and tensors have the program's names. If the input is an image, the graph's is
// from 0 to 1; a program that scales its bytes otherwise gets a node "preprocessing".
// Operations without a word keep their own: the reader refuses them by that name if it needs them.
// `bytes` is the size of the file, of which constants may take a multiple. Throws input Errors for
// those that take more or are damaged.
ParsedOnnx onnx_of_program(const ProgramFile& program, const Signature& signature,
                           std::size_t bytes);

}  // namespace oko::formats::coreml
