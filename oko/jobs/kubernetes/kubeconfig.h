#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/storage/bucket/environment.h"
#include "oko/storage/http/client.h"

// Which cluster, and as whom: kubectl's configuration files
// (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1).
namespace oko::jobs::kubernetes {

using storage::bucket::Environment;

// A program that prints credentials (client.authentication.k8s.io/v1 and v1beta1).
struct Plugin {
  enum class Interactive { kNever, kIfAvailable, kAlways };  // whether it may read a terminal

  std::string api_version;
  std::string command;  // a path, or a name to find in PATH
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;  // in addition to this process's
  Interactive interactive = Interactive::kIfAvailable;
  std::string install_hint;
  bool wants_cluster = false;  // the cluster is described to it
};

struct ClusterEntry {
  std::string server, ca_file, ca_data, tls_server_name, proxy;
  bool insecure = false;
};

struct UserEntry {
  std::string certificate_file, certificate_data, key_file, key_data;
  std::string token, token_file;
  std::string as;
  std::vector<std::string> as_groups;
  std::optional<Plugin> plugin;
  std::string refused;  // the name of a way to log in that we do not support
};

struct ContextEntry {
  std::string cluster, user, namespace_;
};

// The contents of one file, or of several. Data is still base64; paths are absolute or relative to
// this process's folder.
struct Kubeconfig {
  std::string current;
  std::map<std::string, ClusterEntry> clusters;
  std::map<std::string, UserEntry> users;
  std::map<std::string, ContextEntry> contexts;

  // The first file that says something counts.
  void merge(Kubeconfig other);
};

// `path` is the file's, for messages and for what is relative to its folder. Throws an input Error
// that contains no value of the file.
Kubeconfig parse_kubeconfig(std::string_view text, const std::string& path);

// A cluster and the credentials for it, resolved.
struct Access {
  std::string context;     // its name
  std::string server;      // "https://host:port", perhaps with a path; no '/' at the end
  std::string namespace_;  // never empty
  storage::http::Tls tls;  // a client certificate only if the user has one in the file
  std::string tls_server_name, proxy;
  std::string token, token_file;  // the file's content may change
  std::optional<Plugin> plugin;
  storage::http::Headers impersonation;
};

// The named context, or the current one. Reads the files that it refers to. Throws a usage Error
// naming --context, and input Errors for what is broken.
Access access_of(const Kubeconfig& config, const std::string& context);

// The same from where kubectl looks: the files of KUBECONFIG, else ~/.kube/config, else the service
// account of the pod that this process is in. If a server is given, a context that has it is
// preferred to one that only has the name: contexts have other names on other machines.
Access find_access(const std::string& context, const std::string& server,
                   const Environment& environment);

}  // namespace oko::jobs::kubernetes
