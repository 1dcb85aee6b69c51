#pragma once

#include <string>
#include <string_view>

// What may become a name or a value in Kubernetes, and thereby a part of a URL. Each function
// returns its argument, or throws a usage Error at `place`, the flag that it came from. The rules
// are those of k8s.io/apimachinery's validation.
namespace oko::jobs::kubernetes {

const std::string& checked_label(const std::string& name, std::string_view place);   // RFC 1123
const std::string& checked_domain(const std::string& name, std::string_view place);  // labels, dots
// "2", "500m", "1.5", "16Gi"; more than 0.
const std::string& checked_quantity(const std::string& text, std::string_view place);
// "cloud.google.com/gke-spot", "disk".
const std::string& checked_label_key(const std::string& key, std::string_view place);
const std::string& checked_label_value(const std::string& value, std::string_view place);
// "registry.example:5000/oko/train@sha256:…": no spaces or other odd characters.
const std::string& checked_image(const std::string& image, std::string_view place);
// An absolute path without "." and ".." parts, colons and invisible characters; not "/".
const std::string& checked_mount(const std::string& path, std::string_view place);

}  // namespace oko::jobs::kubernetes
