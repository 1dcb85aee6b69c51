#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"

namespace oko::dataset {

// What the reader of a format extracts from a file's bytes, before it is known which images exist
// and which classes are valid.

struct ParsedObject {
  Object object;           // class_id: the number in the file, or -1 if it names the class
  std::string class_name;  // or empty if the file has a number
};

struct ParsedPicture {
  std::string name;   // of the picture, as the file writes it
  std::string place;  // where it is in the file
  image::Size size;
  int depth = 0;
  std::string split;  // if the file itself has it
  std::vector<ParsedObject> objects;
  bool boxes_upright = false;  // regardless of its size: the program that wrote the file is known
};

struct ParsedFile {
  std::vector<ParsedPicture> pictures;
  std::vector<std::string> classes;  // the file's own list, if it has one
  std::vector<Finding> findings;
};

inline bool is_known(image::Size size) { return size.width > 0 && size.height > 0; }
std::string size_text(image::Size size);  // "640x480"

// Collects findings; the kinds are those of docs/datasets.md. The result is the new one.
Finding& add_error(std::vector<Finding>& findings, std::string kind, std::string place,
                   std::string message, std::string repair = {});
Finding& add_warning(std::vector<Finding>& findings, std::string kind, std::string place,
                     std::string message, std::string repair = {});
Finding& add_note(std::vector<Finding>& findings, std::string kind, std::string place,
                  std::string message, std::string repair = {});

// "missing-image": an entry that is lost with its boxes.
void add_missing_image(std::vector<Finding>& findings, const ParsedPicture& picture,
                       std::string message);

// A complete decimal number, blanks around it allowed; nothing for anything else. Infinities and
// NaN are numbers here: usable_box() reports them.
std::optional<double> parse_number(std::string_view text);
std::optional<int> parse_int(std::string_view text);

std::string_view trimmed(std::string_view text);
std::vector<std::string_view> split_lines(std::string_view text);   // at "\n", "\r\n", "\r"
std::vector<std::string_view> split_lines(std::string&&) = delete;  // the lines would dangle
std::vector<std::string_view> split_blanks(std::string_view line);
std::string lower(std::string_view text);  // ASCII

// The same for names that differ only in case and blanks ("Raccoon ", "raccoon").
std::string spelling_key(std::string_view name);

// Two opposite corners as in a file.
struct Corners {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  bool inclusive = false;  // VOC's 1-based pixels, both inside the box
  bool scaled = false;     // relative to the image in the file, as in YOLO
};

// The box between two corners. Swapped corners are put in order with a warning "inverted-box"; a
// box without area, or of at most one pixel in both directions, is dropped with "empty-box", values
// that are not finite or beyond ±1e7 with "bad-number", fractions all within the first pixel with
// "relative-box": relative values in a pixel format.
std::optional<image::Box> usable_box(Corners corners, const std::string& place,
                                     std::vector<Finding>& findings);

// Edges of a box rounded to whole pixels, inside the image if its size is known, at least one pixel
// in each direction and two in one, so that it does not read back as empty.
struct PixelBox {
  long left = 0, top = 0, right = 0, bottom = 0;
};
PixelBox whole_pixels(const image::Box& box, image::Size picture);

// "train" for train, training, train2017, …; "val" for val, valid, validation, …; "test"; "" for
// anything else.
std::string split_named(std::string_view name);
// The split of a list, an annotation file or similar, of which one word is called so: "train",
// "instances_train2017_1pct", "2007_train", "my_testset"; words are letters between other
// characters. "" where no word is, or words of several splits are.
std::string split_of_stem(std::string_view stem);
// The split of a folder: as of a file, but all other words must tell nothing ("train_images"),
// since folders of classes have words too ("test_tube").
std::string split_of_folder(std::string_view name);
// The split named by a folder of a relative path ("train/images/1.jpg"), or "".
std::string split_of_path(std::string_view path);

// Lines of a text by byte offset, counted from 1.
class LineIndex {
 public:
  explicit LineIndex(std::string_view text);
  int line_at(std::size_t offset) const;

 private:
  std::vector<std::size_t> starts_;
};

}  // namespace oko::dataset
