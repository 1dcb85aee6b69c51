#include "oko/storage/s3/answers.h"

#include <pugixml.hpp>

#include "oko/base/error.h"
#include "oko/storage/bucket/content_range.h"

namespace oko::storage::s3 {
namespace {

pugi::xml_node open(pugi::xml_document& document, std::string_view xml, const char* root,
                    const std::string& name) {
  const pugi::xml_parse_result result =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) {
    throw input_error(name + "@" + std::to_string(result.offset),
                      std::string("the server's response is not XML: ") + result.description());
  }
  const pugi::xml_node node = document.child(root);
  if (!node) {
    throw input_error(name, std::string("the server's response has no <") + root + ">");
  }
  return node;
}

std::uint64_t number(const pugi::xml_node& node, const char* child, const std::string& name) {
  const auto value = bucket::parse_size(node.child_value(child));
  if (!value) throw input_error(name, std::string("<") + child + "> is not a number");
  return *value;
}

bool is_true(const char* text) { return std::string_view(text) == "true"; }

}  // namespace

std::string unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

std::string xml_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\r':
        escaped += "&#13;";
        break;
      case '\n':
        escaped += "&#10;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

Listing parse_listing(std::string_view xml, const std::string& name) {
  pugi::xml_document document;
  const pugi::xml_node root = open(document, xml, "ListBucketResult", name);
  Listing listing;
  for (const pugi::xml_node& node : root.children("Contents")) {
    listing.objects.push_back(
        {node.child_value("Key"), unquoted(node.child_value("ETag")), number(node, "Size", name)});
    if (listing.objects.back().key.empty()) throw input_error(name, "a listed object has no name");
  }
  for (const pugi::xml_node& node : root.children("CommonPrefixes")) {
    listing.prefixes.emplace_back(node.child_value("Prefix"));
  }
  if (!is_true(root.child_value("IsTruncated"))) return listing;
  listing.next = root.child_value("NextContinuationToken");
  if (listing.next.empty())
    throw input_error(name, "the list is incomplete, but has no continuation token");
  return listing;
}

bool lists_any(std::string_view xml, const std::string& name) {
  pugi::xml_document document;
  return !open(document, xml, "ListBucketResult", name).child("Contents").empty();
}

PartListing parse_part_listing(std::string_view xml, const std::string& name) {
  pugi::xml_document document;
  const pugi::xml_node root = open(document, xml, "ListPartsResult", name);
  PartListing listing;
  for (const pugi::xml_node& node : root.children("Part")) {
    const std::uint64_t part = number(node, "PartNumber", name);
    if (part < 1 || part > 10'000) throw input_error(name, "<PartNumber> is out of range");
    listing.parts.push_back(
        {static_cast<int>(part), unquoted(node.child_value("ETag")), number(node, "Size", name)});
  }
  if (!is_true(root.child_value("IsTruncated"))) return listing;
  listing.next = root.child_value("NextPartNumberMarker");
  if (listing.next.empty())
    throw input_error(name, "the list is incomplete, but has no continuation token");
  return listing;
}

std::optional<ErrorAnswer> parse_error(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return std::nullopt;
  const pugi::xml_node root = document.child("Error");
  if (!root) return std::nullopt;
  return ErrorAnswer{root.child_value("Code"), root.child_value("Message"),
                     root.child_value("Region")};
}

std::string parse_value(std::string_view xml, const char* root, const char* child,
                        const std::string& name) {
  pugi::xml_document document;
  const std::string value = open(document, xml, root, name).child_value(child);
  if (value.empty()) {
    throw input_error(name, std::string("the server's response has no <") + child + ">");
  }
  return value;
}

std::string parse_completed(std::string_view xml, const std::string& name) {
  pugi::xml_document document;
  return unquoted(open(document, xml, "CompleteMultipartUploadResult", name).child_value("ETag"));
}

std::vector<DeleteFailure> parse_delete_failures(std::string_view xml, const std::string& name) {
  pugi::xml_document document;
  std::vector<DeleteFailure> failures;
  for (const pugi::xml_node& node : open(document, xml, "DeleteResult", name).children("Error")) {
    failures.push_back(
        {node.child_value("Key"), node.child_value("Code"), node.child_value("Message")});
  }
  return failures;
}

}  // namespace oko::storage::s3
