#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/base/error.h"
#include "oko/detect/detection.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"
#include "oko/graph/precision.h"
#include "oko/image/geometry.h"

// What oko knows of each format of model files. The formats are listed in
// oko/formats/CMakeLists.txt, each has a folder beside this file whose format.cpp defines its
// Format; what reads, writes and runs models goes through the table and names none of them.
namespace oko::formats {

// One file of a model. Names of written files are relative to the output folder, with '/':
// "model.mlpackage/Manifest.json".
struct File {
  std::string name;
  Bytes bytes;
};
File text_file(std::string name, std::string text);

// ---- Reading -----------------------------------------------------------------------------------

// What the user gives because a file may lack it.
struct ReadOptions {
  std::optional<graph::Network> network;  // of a weights-only file
  std::optional<image::Size> size;        // of the input; overrides the file's own
  HeadOptions heads;                      // anchors empty: not given
  bool raw_outputs = false;               // no heads are wanted that the file does not describe
  // Or the complete description, as describe() writes it for the network that the file was exported
  // from.
  std::string description;
};

struct ReadModel {
  graph::Network network;
  std::vector<std::string> notes{};  // notes for the user on how it was read
  // The first note says how images are fed to the network, which the reader had to infer: every
  // command prints it.
  bool inferred_preprocessing = false;
  std::uint64_t pictures_seen = 0;  // during training, if the file records it (Darknet)
  // Outputs look like heads, but their anchors are unknown.
  bool lacks_heads = false;
  std::optional<Error> why_no_heads{};  // set if it lacks heads and anchors alone cannot add them
  // The keys of the network's outputs in the file (ONNX tensor names, TensorFlow Lite tensor
  // numbers), in network.outputs() order.
  std::vector<std::string> output_keys{};
  // Of heads that were recognized in a file that does not describe them, in the same order: where
  // the outputs that it has when read with ReadOptions::raw_outputs hold their values. Otherwise
  // empty.
  std::vector<std::vector<HeadPart>> head_parts{};
  bool has_given_heads = false;  // made from ReadOptions::heads
};

// What a reader returns of an imported network: with the heads of the options where the file has
// none, otherwise with `lacks_heads` set.
ReadModel finished(Imported imported, const ReadOptions& options);

// ---- Writing -----------------------------------------------------------------------------------

// Metadata of a model, where its format can store it. Empty fields are not written.
struct ModelInfo {
  std::string description{}, author{}, license{}, version{};
};

// One set of options for all writers. Format::limits() says which of them a format can honour.
struct WriteOptions {
  graph::Precision precision = graph::Precision::kFloat32;
  // Decoding and suppression are part of the model; otherwise it outputs raw heads.
  bool boxes = false;
  detect::Thresholds thresholds{};  // of `boxes` and of the wrapper
  // The user asked for thresholds.score: it is the wrapper's whatever a model file says of itself.
  bool score_given = false;
  ModelInfo info{};
  bool program = false;     // the format's other kind of file, see Format::has_program
  bool takes_bytes = true;  // int8: the input is camera bytes 0…255; otherwise 0…1 in int8
  std::string kotlin_package = "dev.oko.models";  // of the wrapper
};

struct Written {
  std::vector<File> files;
  std::string main;                  // name of the file or package that an app opens
  std::vector<std::string> notes{};  // what the format could not represent exactly
};

// What a format's files can hold.
struct Limits {
  bool float16 = true, int8 = false;
  const char* no_boxes = nullptr;  // null: boxes can be; else what to do instead
  bool info = true;                // ModelInfo
  bool diou = false;               // suppression by DIoU
};

// ---- The table ---------------------------------------------------------------------------------

struct Format {
  const char* name;   // as in flags and reports: "coreml"
  const char* title;  // "Core ML"
  // Extensions that open a model, of files or of folders (".mlpackage").
  std::vector<std::string_view> extensions{};
  // Extensions of a companion file with the weights. It is given beside the first one, or found
  // under the same name if `finds_weights` is set: then there must be one.
  std::vector<std::string_view> weight_extensions{};
  bool finds_weights = false;
  bool takes_network = false;  // files may hold weights only: ReadOptions::network
  bool is_own = false;         // oko's engine is the program that runs it
  bool has_program = false;    // WriteOptions::program is a kind of file of this format
  bool runs_in_int8 = false;   // programs compute in int8 if the weights are
  // Why nothing on this machine can run what is written; null: something can.
  const char* cannot_run = nullptr;

  // Recognizes a file with an unknown extension by its first 16 bytes.
  bool (*recognize)(std::string_view start) = nullptr;
  // Null: the format can only be written. Throws input Errors with the file's place.
  ReadModel (*read)(std::span<const File> files, const ReadOptions& options) = nullptr;
  // Null: the format can only be read. Throws an input Error naming a layer that the format cannot
  // express. `stem` begins the files' names.
  Written (*write)(const graph::Network& network, const WriteOptions& options,
                   const std::string& stem) = nullptr;
  Limits (*limits)(const WriteOptions& options) = nullptr;
  // Source for an app around a model of this format: see write_wrapper(). Null: there is none.
  std::vector<File> (*wrapper)(const graph::Network& network, const WriteOptions& options,
                               const std::string& stem) = nullptr;
};

// In the order in which help and errors list them.
std::span<const Format* const> formats();
const Format* find_format(std::string_view name);  // null: there is none
std::vector<std::string> writable_formats();       // their names
std::string readable_titles();                     // "Core ML, ONNX or Keras"
std::string models_in_two_files();  // "a .cfg and its .weights, a .param and its .bin"

// For writers: throws the input Error about a kind of layer that a format cannot express.
[[noreturn]] void refuse_layer(const graph::Network& network, int layer, const char* title);

// Throws a usage Error for options that the format cannot honour, before any work is done.
void check_options(const Format& format, const WriteOptions& options);

}  // namespace oko::formats
