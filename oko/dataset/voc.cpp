#include "oko/dataset/voc.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <pugixml.hpp>
#include <utility>
#include <vector>

#include "oko/base/error.h"
#include "oko/dataset/text.h"

namespace oko::dataset {
namespace {

// The text of an element; a comment inside splits it into several nodes.
std::string text_of(pugi::xml_node node) {
  std::string text;
  for (const pugi::xml_node part : node.children()) {
    if (part.type() == pugi::node_pcdata || part.type() == pugi::node_cdata) text += part.value();
  }
  return std::string(trimmed(text));
}
std::string text_of(pugi::xml_node parent, const char* key) { return text_of(parent.child(key)); }

bool is_bounds(pugi::xml_node node) { return lower(node.name()) == "bndbox"; }

// The boxes below a node that nothing reads: those that are neither in an <object> of `root` nor in
// a <part> of one (a part is not an object).
class StrayBounds final : public pugi::xml_tree_walker {
 public:
  explicit StrayBounds(pugi::xml_node root) : root_(root) {}
  std::vector<pugi::xml_node> found;

 private:
  bool for_each(pugi::xml_node& node) override {
    pugi::xml_node parent = node.parent();
    if (std::string_view(parent.name()) == "part") parent = parent.parent();
    const bool in_object = std::string_view(parent.name()) == "object" && parent.parent() == root_;
    if (is_bounds(node) && !in_object) found.push_back(node);
    return true;
  }

  pugi::xml_node root_;
};

// Offsets of the entities in text that XML does not define. Their definitions are not read, so
// their names would otherwise become text.
std::vector<std::size_t> find_entities(std::string_view text, std::size_t from) {
  constexpr std::pair<std::string_view, std::string_view> kPassedOver[] = {{"<!--", "-->"},
                                                                           {"<![CDATA[", "]]>"}};
  constexpr std::string_view kKnown[] = {"amp", "lt", "gt", "quot", "apos"};
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  std::vector<std::size_t> found;
  for (std::size_t at = text.find_first_of("<&", from); at < text.size();
       at = text.find_first_of("<&", at + 1)) {
    for (const auto& [start, end] : kPassedOver) {
      if (text.substr(at).starts_with(start)) at = std::min(text.find(end, at), text.size() - 1);
    }
    if (text[at] != '&') continue;
    std::size_t end = at + 1;
    while (end < text.size() && is_letter(text[end])) ++end;
    if (end >= text.size() || end == at + 1 || text[end] != ';') continue;
    const std::string_view name = text.substr(at + 1, end - at - 1);
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) {
      found.push_back(at);
    }
  }
  return found;
}

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
      throw input_error(name + ":1", "no <annotation> in the file", "is this a VOC annotation?");
    }
    entities_ = find_entities(text, static_cast<std::size_t>(root_.offset_debug()));
  }

  ParsedFile parse() {
    ParsedPicture picture;
    picture.name = text_of(root_, "filename");
    picture.place = place(root_);
    const pugi::xml_node size = root_.child("size");
    picture.size = {size_number(size, "width"), size_number(size, "height")};
    picture.depth = size_number(size, "depth");
    if (const std::string path = text_of(root_, "path"); path.find('\\') != path.npos) {
      add_note(file_.findings, "windows-path", place(root_.child("path")),
               fmt::format("<path> is from another machine, {}", path), "it is not written");
    }
    find_unread();
    find_base();
    for (const pugi::xml_node object : root_.children("object")) parse_object(object, picture);
    if (!entities_.empty()) {
      add_warning(file_.findings, "bad-annotation",
                  place(static_cast<std::ptrdiff_t>(entities_.front())),
                  "an entity that is not read", "its name is taken for text");
    }
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

  // Reports elements that are present but do not affect the result.
  void find_unread() {
    for (const char* key : {"filename", "size"}) {
      const pugi::xml_node second = root_.child(key).next_sibling(key);
      if (second)
        report_unread(second, fmt::format("a second <{}>", key), "the first one counts", 0);
    }
    for (pugi::xml_node other = root_.next_sibling(); other; other = other.next_sibling()) {
      if (other.type() != pugi::node_element) continue;
      StrayBounds stray(root_);
      other.traverse(stray);
      report_unread(other, fmt::format("<{}> after the end of <annotation>", other.name()),
                    "it is skipped", stray.found.size());
    }
    StrayBounds stray(root_);
    root_.traverse(stray);
    for (const pugi::xml_node bounds : stray.found) {
      report_unread(bounds,
                    fmt::format("a <{}> in <{}>, not in an <object> of <annotation>", bounds.name(),
                                bounds.parent().name()),
                    "the box is skipped", 1);
    }
  }

  void report_unread(pugi::xml_node node, std::string message, const char* repair,
                     std::size_t boxes_lost) {
    add_error(file_.findings, "bad-annotation", place(node), std::move(message), repair)
        .boxes_lost = static_cast<int>(boxes_lost);
  }

  // False if an element occurs twice or is not plain text, so that the object's values are
  // ambiguous.
  bool is_plain(pugi::xml_node object) {
    const auto boxes = std::count_if(object.begin(), object.end(), is_bounds);
    const pugi::xml_node bounds = object.child("bndbox");
    std::string wrong = take_entities(object) ? "an entity that is not read"
                        : boxes > 1           ? "several boxes"
                                              : fault_of(object, "name");
    for (const char* key : {"xmin", "ymin", "xmax", "ymax"}) {
      if (wrong.empty()) wrong = fault_of(bounds, key);
    }
    if (wrong.empty()) return true;
    report_unread(object, "an <object> with " + wrong, "it is skipped",
                  static_cast<std::size_t>(std::max<std::ptrdiff_t>(boxes, 1)));
    return false;
  }

  // Whether an object contains entities; removes them from those still to be reported.
  bool take_entities(pugi::xml_node object) {
    const auto start = static_cast<std::size_t>(object.offset_debug());
    const pugi::xml_node next = object.next_sibling();
    const auto end = next ? static_cast<std::size_t>(next.offset_debug()) : std::string::npos;
    return std::erase_if(entities_, [&](std::size_t at) { return at >= start && at < end; }) > 0;
  }

  static std::string fault_of(pugi::xml_node parent, const char* key) {
    const pugi::xml_node node = parent.child(key);
    if (node.next_sibling(key)) return fmt::format("two <{}>", key);
    const bool has_elements = std::any_of(node.begin(), node.end(), [](pugi::xml_node part) {
      return part.type() == pugi::node_element;
    });
    return has_elements ? fmt::format("elements in <{}>", key) : "";
  }

  // Missing sizes are 0; check reports them, with the image's own size.
  int size_number(pugi::xml_node size, const char* key) {
    const pugi::xml_node node = size.child(key);
    if (!node) return 0;
    const auto value = parse_number(text_of(node));
    if (value && *value >= 0 && *value <= 1e6 && std::trunc(*value) == *value) {
      return static_cast<int>(*value);
    }
    add_warning(file_.findings, "bad-size", place(node),
                fmt::format("<{}> is \"{}\"", key, text_of(node)), "the image's own size is used");
    return 0;
  }

  // 1-based pixels have neither fractions nor zeros: any of these means that all values are edges.
  void find_base() {
    for (const pugi::xml_node object : root_.children("object")) {
      const pugi::xml_node bounds = object.child("bndbox");
      for (const char* key : {"xmin", "ymin", "xmax", "ymax"}) {
        const auto value = parse_number(text_of(bounds, key));
        if (!value || !std::isfinite(*value) || !inclusive_ ||
            (*value != 0 && std::trunc(*value) == *value))
          continue;
        inclusive_ = false;
        add_note(file_.findings, "zero-based", place(bounds.child(key)),
                 fmt::format("<{}> is {:g}: coordinates in this file are not 1-based", key, *value),
                 "boxes are not shifted by VOC's pixel");
      }
    }
  }

  bool flag(pugi::xml_node object, const char* key) {
    const std::string text = text_of(object, key);
    return !text.empty() && text != "0" && text != "false" && text != "Unspecified";
  }

  void parse_object(pugi::xml_node node, ParsedPicture& picture) {
    if (!is_plain(node)) return;
    ParsedObject parsed;
    parsed.class_name = text_of(node, "name");
    parsed.class_id = -1;
    const pugi::xml_node bounds = node.child("bndbox");
    parsed.place = place(bounds ? bounds : node);
    if (parsed.class_name.empty()) {
      add_error(file_.findings, "unknown-class", place(node), "an <object> without a <name>",
                "it is dropped")
          .boxes_lost = 1;
      return;
    }
    if (!bounds) {
      add_error(file_.findings, "no-box", place(node),
                fmt::format("a \"{}\" without a <bndbox>", parsed.class_name), "it is dropped")
          .boxes_lost = 1;
      return;
    }
    Corners corners;
    corners.inclusive = inclusive_;
    if (!edge(bounds, "xmin", corners.x1) || !edge(bounds, "ymin", corners.y1) ||
        !edge(bounds, "xmax", corners.x2) || !edge(bounds, "ymax", corners.y2)) {
      return;
    }
    const auto box = usable_box(corners, parsed.place, file_.findings);
    if (!box) return;
    parsed.box = *box;
    parsed.difficult = flag(node, "difficult");
    parsed.truncated = flag(node, "truncated");
    picture.objects.push_back(std::move(parsed));
  }

  bool edge(pugi::xml_node bounds, const char* key, double& value) {
    const auto number = parse_number(text_of(bounds, key));
    if (number) {
      value = *number;
      return true;
    }
    const pugi::xml_node node = bounds.child(key);
    add_error(file_.findings, "bad-number", place(node ? node : bounds),
              node ? fmt::format("<{}> is \"{}\", not a number", key, text_of(node))
                   : fmt::format("<{}> is missing", key),
              "the box is dropped")
        .boxes_lost = 1;
    return false;
  }

  const std::string& name_;
  LineIndex lines_;
  pugi::xml_document document_;
  pugi::xml_node root_;
  ParsedFile file_;
  std::vector<std::size_t> entities_;  // offsets of those that no object was left out for
  bool inclusive_ = true;              // corners are 1-based pixels, both inside the box
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

bool is_annotations_folder(std::string_view name) { return lower(name) == "annotations"; }

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
