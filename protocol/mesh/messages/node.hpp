#pragma once

// Nodes: health, status, and the way in.

#include "protocol/mesh/messages/inspect.hpp"
#include "protocol/model/health.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/node.hpp"
#include "protocol/model/worker.hpp"

namespace troupe::mesh {

struct get_tree {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_tree, x.unused)

struct tree {
  std::vector<tree_node> nodes;
};
TROUPE_INSPECT(tree, x.nodes)

struct get_health {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_health, x.unused)

struct get_cache_stats {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_cache_stats, x.unused)

struct cache_stats {
  std::vector<cache_layer_stats> layers;
};
TROUPE_INSPECT(cache_stats, x.layers)

/// One line for `troupe status`.
struct node_status {
  std::string node_name;
  std::string version;
  std::vector<std::string> roles;
  std::string data_folder;
  std::string api_url;
  std::string database;
  uint64_t term = 0;
  milliseconds uptime{0};
  uint32_t pid = 0;
};
TROUPE_INSPECT(node_status, x.node_name, x.version, x.roles, x.data_folder, x.api_url, x.database, x.term, x.uptime,
               x.pid)

struct get_status {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_status, x.unused)

struct get_refusals {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_refusals, x.unused)

struct refusal_list {
  std::vector<refused_peer> peers;
};
TROUPE_INSPECT(refusal_list, x.peers)

struct get_profiles {
  uint8_t unused = 0;
};
TROUPE_INSPECT(get_profiles, x.unused)

/// All that a transcode of this coordinator may name.
struct profile_list {
  std::vector<media_profile> profiles;
};
TROUPE_INSPECT(profile_list, x.profiles)

/// First message on a connection. `challenge`: random, for the door to sign; empty where there are no certificates.
struct greet {
  uint32_t protocol_version = worker_protocol_version;
  std::string challenge;
  /// As the caller calls itself and what it wants to be, not proved: for who reads of a refusal.
  std::string name{};
  std::string role{};
};
TROUPE_INSPECT(greet, x.protocol_version, x.challenge, x.name, x.role)

/// Who the door is (identity::prove, with the role that is asked for as the claim), and what the caller has to sign.
/// Without certificates all of it is empty.
struct greeting {
  std::string certificate;
  std::string signature;
  std::string challenge;
};
TROUPE_INSPECT(greeting, x.certificate, x.signature, x.challenge)

/// Second message. `role`: "worker", "gateway" or "admin". `challenge`: the door's, which serves once.
struct knock {
  uint32_t protocol_version = worker_protocol_version;
  std::string role;
  std::string name;
  std::string challenge;
  std::string certificate;
  std::string signature;
  /// Version of the program, for people.
  std::string software{};
};
TROUPE_INSPECT(knock, x.protocol_version, x.role, x.name, x.challenge, x.certificate, x.signature, x.software)

} // namespace troupe::mesh
