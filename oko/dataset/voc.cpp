#include "oko/dataset/voc.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <pugixml.hpp>

#include "oko/base/error.h"

namespace oko::dataset {
namespace {

class VocParser {
 public:
  VocParser(std::string_view text, const std::string& name) : name_(name), lines_(text) {
    const pugi::xml_parse_result result =
        document_.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!result) {
      throw input_error(place(result.offset),
                        fmt::format("not valid XML: {}", result.description()),
                        "fix or remove the file");
    }
    root_ = document_.child("annotation");
    if (!root_) {
      throw input_error(name + ":1", "no <annotation> in the file", "it is no VOC annotation");
    }
  }

  ParsedFile parse() {
    ParsedPicture picture;
    picture.name = trimmed(root_.child_value("filename"));
    picture.place = place(root_);
    const pugi::xml_node size = root_.child("size");
    picture.size = {size_number(size, "width"), size_number(size, "height")};
    picture.depth = size_number(size, "depth");
    if (std::string_view(root_.child_value("path")).find('\\') != std::string_view::npos) {
      add_note(file_.findings, "windows-path", place(root_.child("path")),
               fmt::format("<path> is one of another machine, {}", root_.child_value("path")),
               "it is not written");
    }
    find_base();
    for (const pugi::xml_node object : root_.children("object")) parse_object(object, picture);
    file_.pictures.push_back(std::move(picture));
    return std::move(file_);
  }

 private:
  std::string place(std::ptrdiff_t offset) const {
    return fmt::format(
        "{}:{}", name_,
        lines_.line_at(static_cast<std::size_t>(std::max<std::ptrdiff_t>(offset, 0))));
  }
  std::string place(pugi::xml_node node) const { return place(node.offset_debug()); }

  // Missing sizes are 0; check tells of them, with the picture's own size.
  int size_number(pugi::xml_node size, const char* key) {
    const pugi::xml_node node = size.child(key);
    if (!node) return 0;
    const auto value = parse_number(node.child_value());
    if (value && *value >= 0 && *value <= 1e6 && std::trunc(*value) == *value) {
      return static_cast<int>(*value);
    }
    add_warning(file_.findings, "bad-size", place(node),
                fmt::format("<{}> is \"{}\"", key, node.child_value()),
                "the picture's own size is used");
    return 0;
  }

  // Pixels that count from 1 have neither fractions nor zeros: with one of them all are edges.
  void find_base() {
    for (const pugi::xml_node object : root_.children("object")) {
      const pugi::xml_node bounds = object.child("bndbox");
      for (const char* key : {"xmin", "ymin", "xmax", "ymax"}) {
        const auto value = parse_number(bounds.child_value(key));
        if (!value || !std::isfinite(*value) || !inclusive_ ||
            (*value != 0 && std::trunc(*value) == *value))
          continue;
        inclusive_ = false;
        add_note(
            file_.findings, "zero-based", place(bounds.child(key)),
            fmt::format("<{}> is {:g}: coordinates of this file do not count from 1", key, *value),
            "boxes are not shifted by the pixel of VOC");
      }
    }
  }

  bool flag(pugi::xml_node object, const char* key) {
    const std::string_view text = trimmed(object.child_value(key));
    return !text.empty() && text != "0" && text != "false" && text != "Unspecified";
  }

  void parse_object(pugi::xml_node node, ParsedPicture& picture) {
    ParsedObject parsed;
    parsed.class_name = trimmed(node.child_value("name"));
    parsed.object.class_id = -1;
    const pugi::xml_node bounds = node.child("bndbox");
    parsed.object.place = place(bounds ? bounds : node);
    if (parsed.class_name.empty()) {
      add_error(file_.findings, "unknown-class", place(node), "an <object> without a <name>",
                "it is left out")
          .boxes_lost = 1;
      return;
    }
    if (!bounds) {
      add_error(file_.findings, "no-box", place(node),
                fmt::format("a \"{}\" without a <bndbox>", parsed.class_name), "it is left out")
          .boxes_lost = 1;
      return;
    }
    Corners corners;
    corners.inclusive = inclusive_;
    if (!edge(bounds, "xmin", corners.x1) || !edge(bounds, "ymin", corners.y1) ||
        !edge(bounds, "xmax", corners.x2) || !edge(bounds, "ymax", corners.y2)) {
      return;
    }
    const auto box = usable_box(corners, parsed.object.place, file_.findings);
    if (!box) return;
    parsed.object.box = *box;
    parsed.object.difficult = flag(node, "difficult");
    parsed.object.truncated = flag(node, "truncated");
    picture.objects.push_back(std::move(parsed));
  }

  bool edge(pugi::xml_node bounds, const char* key, double& value) {
    const auto number = parse_number(bounds.child_value(key));
    if (number) {
      value = *number;
      return true;
    }
    const pugi::xml_node node = bounds.child(key);
    add_error(file_.findings, "bad-number", place(node ? node : bounds),
              node ? fmt::format("<{}> is \"{}\", no number", key, node.child_value())
                   : fmt::format("<{}> is missing", key),
              "the box is left out")
        .boxes_lost = 1;
    return false;
  }

  const std::string& name_;
  LineIndex lines_;
  pugi::xml_document document_;
  pugi::xml_node root_;
  ParsedFile file_;
  bool inclusive_ = true;  // corners are pixels from 1, both inside the box
};

void add_number(pugi::xml_node parent, const char* key, int value) {
  parent.append_child(key).text().set(value);
}

void add_object(pugi::xml_node root, const Object& object, const std::string& class_name,
                image::Size size) {
  const pugi::xml_node node = root.append_child("object");
  pugi::xml_node(node).append_child("name").text().set(class_name.c_str());
  pugi::xml_node(node).append_child("pose").text().set("Unspecified");
  add_number(node, "truncated", object.truncated);
  add_number(node, "difficult", object.difficult || object.crowd);
  const PixelBox box = whole_pixels(object.box, size);
  const pugi::xml_node bounds = pugi::xml_node(node).append_child("bndbox");
  add_number(bounds, "xmin", box.left + 1);
  add_number(bounds, "ymin", box.top + 1);
  add_number(bounds, "xmax", box.right);
  add_number(bounds, "ymax", box.bottom);
}

struct StringWriter final : pugi::xml_writer {
  std::string text;
  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
};

}  // namespace

ParsedFile parse_voc(std::string_view text, const std::string& name) {
  return VocParser(text, name).parse();
}

bool is_voc(std::string_view text) {
  constexpr std::string_view kTag = "<annotation";
  text = text.substr(0, 4096);
  for (auto at = text.find(kTag); at != text.npos; at = text.find(kTag, at + 1)) {
    const std::string_view rest = text.substr(at + kTag.size());
    if (rest.empty() || rest.front() == '>' || trimmed(rest.substr(0, 1)).empty()) return true;
  }
  return false;
}

std::string voc_text(const Sample& sample, const std::vector<std::string>& classes,
                     const std::string& image_name) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("annotation");
  root.append_child("folder").text().set("JPEGImages");
  root.append_child("filename").text().set(image_name.c_str());
  const pugi::xml_node size = root.append_child("size");
  add_number(size, "width", sample.size.width);
  add_number(size, "height", sample.size.height);
  add_number(size, "depth", sample.depth > 0 ? sample.depth : 3);
  add_number(root, "segmented", 0);
  for (const Object& object : sample.objects) {
    add_object(root, object, classes.at(static_cast<std::size_t>(object.class_id)), sample.size);
  }
  StringWriter writer;
  document.save(writer, "\t", pugi::format_indent | pugi::format_no_declaration,
                pugi::encoding_utf8);
  return std::move(writer.text);
}

}  // namespace oko::dataset
