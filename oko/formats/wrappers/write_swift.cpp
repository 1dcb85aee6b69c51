// write_swift FOLDER: writes Swift for the test of apps/ios, which compiles it.
//
//   FOLDER/{coreml,boxes,mps,oko}/  wrappers of each kind, for models and classes of odd names,
//                                   half with a threshold for each class; a folder is one module
//   FOLDER/page/                    the wrapper that docs/ios.md uses
//   FOLDER/cases/                   Core ML wrappers to be run; cases.swift, which lists them
//   FOLDER/cases/NAME/              a case's heads and frames, and what oko makes of each
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>

#include "oko/formats/heads.h"
#include "oko/formats/mps.h"
#include "oko/formats/test_heads.h"
#include "oko/formats/wrappers.h"
#include "oko/formats/wrappers/test_cases.h"
#include "oko/graph/synthetic.h"

namespace oko::formats {
namespace {

using wrappers::Case;

class Folder {
 public:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
  }
  template <typename T>
  void write(const std::string& name, std::span<const T> values) const {
    std::ofstream file(path_ / name, std::ios::binary);
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size_bytes()));
  }
  void write(const std::string& name, const std::string& text) const {
    write(name, std::span<const char>(text));
  }
  void write(const std::vector<File>& files) const {
    for (const File& file : files) write(file.name, file.bytes.span());
  }
  Folder operator/(const std::string& name) const { return Folder(path_ / name); }

 private:
  std::filesystem::path path_;
};

// Names of classes that could end a literal, be a keyword, or be no identifier.
std::vector<std::string> odd_names() {
  std::vector<std::string> names{
      "",      " ",           "a b", "a-b",   "a_b",     "3d",      "-1",     "\"",      "\\",
      "\\(x)", "$0",          "`a`", "//",    "/*",      "*/",      "#if",    "\n",      "\xff",
      "🙂",  "👩‍💻", "кіт", "ネコ",  "猫",      "고양이",  "çà",     "A",       "ABC",
      "aBC",   "cat",         "cat", "cat 2", "class 1", "e\u0301", "\u202e", "x\u200by"};
  for (const char* word : {"actor",
                           "Any",
                           "any",
                           "as",
                           "associatedtype",
                           "associativity",
                           "async",
                           "await",
                           "borrowing",
                           "break",
                           "case",
                           "catch",
                           "class",
                           "consuming",
                           "continue",
                           "convenience",
                           "copy",
                           "default",
                           "defer",
                           "deinit",
                           "didSet",
                           "discard",
                           "do",
                           "dynamic",
                           "each",
                           "else",
                           "enum",
                           "extension",
                           "fallthrough",
                           "false",
                           "fileprivate",
                           "final",
                           "for",
                           "func",
                           "get",
                           "guard",
                           "if",
                           "import",
                           "in",
                           "indirect",
                           "infix",
                           "init",
                           "inout",
                           "internal",
                           "is",
                           "isolated",
                           "lazy",
                           "left",
                           "let",
                           "macro",
                           "mutating",
                           "nil",
                           "none",
                           "nonisolated",
                           "nonmutating",
                           "open",
                           "operator",
                           "optional",
                           "override",
                           "package",
                           "postfix",
                           "precedencegroup",
                           "prefix",
                           "private",
                           "protocol",
                           "Protocol",
                           "public",
                           "repeat",
                           "required",
                           "rethrows",
                           "return",
                           "right",
                           "self",
                           "Self",
                           "sending",
                           "set",
                           "some",
                           "static",
                           "struct",
                           "subscript",
                           "super",
                           "switch",
                           "then",
                           "throw",
                           "throws",
                           "true",
                           "try",
                           "Type",
                           "typealias",
                           "unowned",
                           "unsafe",
                           "var",
                           "weak",
                           "where",
                           "while",
                           "willSet",
                           "yield",
                           "allCases",
                           "hash",
                           "hashValue",
                           "label",
                           "labels",
                           "rawValue",
                           "RawValue",
                           "AllCases",
                           "description"}) {
    names.emplace_back(word);
  }
  return names;
}

// Names of models whose types differ, some of which are other types' names or begin them.
constexpr std::array kStems{"oko", "3d", "class", "my model (1)", "🙂", "Head", "Detector", "ML"};

void write_wrappers(const Folder& folder) {
  for (std::size_t i = 0; i < kStems.size(); ++i) {
    const char* stem = kStems[i];
    graph::Network network = wrappers::odd_network({}, odd_names());
    network.name = "*/ \"odd\" \\(name) \n//";
    WriteOptions options;
    if (i % 2 == 1) {
      options.thresholds.class_scores.assign(network.classes.size(), .3F);
      options.thresholds.class_scores.front() = .123456789F;
    }
    for (const char* format : {"coreml", "oko"}) {
      for (const File& file : write_wrapper(network, *find_format(format), options, stem)) {
        if (file.name.ends_with(".swift")) (folder / format).write({file});
      }
    }
    graph::fill_synthetic_weights(network);
    (folder / "mps").write(write_wrapper(network, *find_format("mps"), options, stem));
    (folder / "mps").write(write_mps(network, {}, stem));
    options.boxes = true;
    (folder / "boxes").write(write_wrapper(network, *find_format("coreml"), options, stem));
  }
  (folder / "page")
      .write(write_wrapper(wrappers::stretched(), *find_format("coreml"), {}, "cards"));
  // Every kind of head.
  (folder / "coreml").write(write_wrapper(every_head(), *find_format("coreml"), {}, "every"));
  graph::Network every = every_head();
  graph::fill_synthetic_weights(every);
  (folder / "mps").write(write_wrapper(every, *find_format("mps"), {}, "every"));
  (folder / "mps").write(write_mps(every, {}, "every"));
}

struct View {
  const char* name;
  image::PixelFormat format;
  image::YuvRange range;
  image::YuvMatrix matrix;
};
constexpr std::array kViews{
    View{"bgra", image::PixelFormat::kBgra, {}, {}},
    View{"full601", image::PixelFormat::kNv12, image::YuvRange::kFull, image::YuvMatrix::kBt601},
    View{"video709", image::PixelFormat::kNv12, image::YuvRange::kVideo, image::YuvMatrix::kBt709},
    View{"full2020", image::PixelFormat::kNv12, image::YuvRange::kFull, image::YuvMatrix::kBt2020},
};

std::string text_of(const std::vector<detect::Detection>& detections) {
  std::string text;
  for (const detect::Detection& d : detections) {
    text += fmt::format("{} {} {} {} {} {}\n", d.class_id, d.score, d.box.left, d.box.top,
                        d.box.right, d.box.bottom);
  }
  return text;
}

// More boxes than any case has: Swift's wrappers drop boxes without an area at once, oko only after
// it has counted them.
constexpr int kMostBoxes = 1000;

// One set of pixels in all formats and orientations of EXIF, as oko.h numbers them.
void write_views(const Folder& folder, Case& c) {
  constexpr std::array<int, 9> kRotations{0, 0, 0, 180, 180, 90, 90, 270, 270};
  const auto bytes = wrappers::synthetic_bytes(4 * wrappers::kWidth * wrappers::kHeight);
  folder.write("frame.bytes", std::span<const std::uint8_t>(bytes));
  for (const View& view : kViews) {
    image::Frame frame;
    frame.format = view.format;
    frame.range = view.range;
    frame.matrix = view.matrix;
    frame.size = {wrappers::kWidth, wrappers::kHeight};
    frame.planes = {bytes.data(), bytes.data() + wrappers::kWidth * wrappers::kHeight};
    for (int exif = 1; exif <= 8; ++exif) {
      frame.rotation = image::Rotation{kRotations[static_cast<std::size_t>(exif)]};
      frame.mirror = exif == 2 || exif == 4 || exif == 5 || exif == 7;
      wrappers::look_at(frame, c);
      const std::string name = fmt::format("{}.{}", view.name, exif);
      folder.write(name + ".input", std::span<const float>(c.input));
      folder.write(name + ".boxes", text_of(c.detections));
    }
  }
}

void write_cases(const Folder& folder) {
  std::string list = "let cases: [WrapperCase] = [\n";
  const std::array networks{wrappers::stretched(), wrappers::letterboxed(), every_head(),
                            wrappers::anchor_free()};
  for (std::size_t i = 0; i < networks.size(); ++i) {
    // One has a threshold for each class, as a model chooses them on its validation images.
    Case c = i == 1 ? wrappers::described_case(networks[i]) : wrappers::odd_case(networks[i]);
    c.thresholds.max_detections = kMostBoxes;
    const std::string name = fmt::format("Case{}", i);
    const Folder here = folder / name;
    folder.write(
        write_wrapper(c.network, *find_format("coreml"), {.thresholds = c.thresholds}, name));
    write_views(here, c);
    const auto names = output_names(c.network);
    std::string heads;
    for (std::size_t h = 0; h < names.size(); ++h) {
      const graph::Shape shape = c.network.layers[c.network.heads()[h]].output;
      here.write(names[h] + ".f32", std::span<const float>(c.maps[h]));
      heads += fmt::format("(\"{}\", [{}, {}, {}]), ", names[h], shape.channels, shape.height,
                           shape.width);
    }
    list += fmt::format(
        "    WrapperCase(\"{0}\", [{1}], bgr: {2}) {{ model in\n"
        "        let detector = try {0}Detector(model: model)\n"
        "        return {{ frame, orientation in\n"
        "            try detector.detect(in: frame, orientation: orientation).map {{\n"
        "                Found(kind: $0.kind.rawValue, score: $0.score, box: $0.box)\n"
        "            }}\n"
        "        }}\n"
        "    }},\n",
        name, heads, c.network.preprocess.bgr);
  }
  folder.write("cases.swift", list + "]\n");
}

}  // namespace
}  // namespace oko::formats

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_swift FOLDER\n", stderr);
    return 2;
  }
  const oko::formats::Folder folder(argv[1]);
  oko::formats::write_wrappers(folder);
  oko::formats::write_cases(folder / "cases");
  return 0;
}
