#pragma once

// Everything that can be set for a node, with its defaults. What each key means is written once, in the table of
// fields.cpp, which also makes the reference file cluster-config/trouped.toml.

#include "protocol/model/media.hpp"
#include "protocol/model/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

struct host_port {
  std::string host;
  uint16_t port = 0;

  bool operator==(const host_port&) const = default;
};

/// "127.0.0.1:3002": what is before the last colon, and a port of 1 to 65535.
std::optional<host_port> parse_host_port(std::string_view text);
/// Several, separated by commas; blanks around them do not matter.
std::optional<std::vector<host_port>> parse_host_ports(std::string_view text);

/// Number of bytes; written as 4096, "64 KiB", "20 GiB".
struct byte_size {
  uint64_t bytes = 0;

  bool operator==(const byte_size&) const = default;
};

struct node_settings {
  std::string name;
  std::vector<std::string> roles{"coordinator", "gateway", "worker"};
  std::string data = "./data";
  std::string temp;
  milliseconds stop_grace{10'000};

  bool operator==(const node_settings&) const = default;
};

struct gateway_settings {
  std::string address = "127.0.0.1";
  uint16_t port = 3001;
  uint32_t threads = 1;
  std::vector<std::string> hosts;
  std::vector<std::string> origins;
  uint32_t max_connections = 10'000;
  byte_size max_upload{20ull << 30};
  byte_size max_body{1ull << 20};
  uint32_t requests_per_minute = 100;
  milliseconds header_timeout{10'000};
  milliseconds idle_timeout{60'000};
  byte_size cache{10ull << 30};
  std::string cache_folder;

  bool operator==(const gateway_settings&) const = default;
};

struct mesh_settings {
  std::string address = "127.0.0.1";
  uint16_t port = 3002;
  std::string coordinator;
  std::string identity;
  milliseconds heartbeat{1'000};
  milliseconds connection_timeout{5'000};

  bool operator==(const mesh_settings&) const = default;
};

/// Files between nodes.
struct files_settings {
  bool serve = false;
  std::string address;
  uint16_t port = 0;
  std::string host;
  byte_size rate{0};
  byte_size cache{20ull << 30};
  std::string cache_folder;

  bool operator==(const files_settings&) const = default;
};

struct jobs_settings {
  milliseconds lease{15'000};
  uint32_t max_queue_depth = 100'000;
  milliseconds history{7ll * 24 * 3600 * 1000};
  milliseconds cleanup_interval{3'600'000};

  bool operator==(const jobs_settings&) const = default;
};

struct worker_settings {
  uint32_t video = 5;
  uint32_t downloads = 3;
  uint32_t metadata = 4;
  uint32_t images = 2;
  uint32_t default_ = 4;
  uint32_t executors = 0;
  std::string executor;
  milliseconds executor_idle{60'000};
  milliseconds stall_timeout{60'000};
  byte_size executor_memory{4ull << 30};
  std::string sandbox = "require";
  bool hardware = true;
  uint32_t gpu_sessions = 3;
  bool webp_thumbnails = false;
  bool private_downloads = false;
  std::vector<std::string> mounts;
  milliseconds library_check{60'000};

  bool operator==(const worker_settings&) const = default;
};

/// What a file may ask of an executor (exec::limits).
struct media_settings {
  uint32_t max_pixels = 8192 * 8192;
  uint32_t max_frame_rate = 1000;
  uint32_t max_streams = 1000;
  milliseconds max_duration{7ll * 24 * 3600 * 1000};
  byte_size max_attachments{256ull << 20};
  byte_size max_subtitles{256ull << 20};
  byte_size max_output{1ull << 40};
  milliseconds probe_cpu{30'000};
  milliseconds thumbnail_cpu{300'000};
  milliseconds transcode_cpu{4ll * 24 * 3600 * 1000};

  bool operator==(const media_settings&) const = default;
};

struct storyboard_settings {
  bool after_ingest = true;
  milliseconds interval{10'000};
  uint32_t width = 320;

  bool operator==(const storyboard_settings&) const = default;
};

struct database_settings {
  std::string url;

  bool operator==(const database_settings&) const = default;
};

struct redis_settings {
  std::string url;
  std::string host;
  uint16_t port = 6379;

  bool operator==(const redis_settings&) const = default;
};

struct cache_settings {
  uint32_t entries = 1'000;
  milliseconds ttl{300'000};

  bool operator==(const cache_settings&) const = default;
};

struct health_settings {
  milliseconds interval{30'000};
  milliseconds timeout{5'000};
  byte_size min_free{1ull << 30};
  std::string yt_dlp = "yt-dlp";

  bool operator==(const health_settings&) const = default;
};

struct log_settings {
  std::string level = "info";
  std::string format = "auto";
  bool file = true;
  byte_size max_size{10ull << 20};
  uint32_t files = 5;

  bool operator==(const log_settings&) const = default;
};

/// A library that is added at start when it is not there yet.
struct library_settings {
  std::string name;
  std::string root;
  std::string category;

  bool operator==(const library_settings&) const = default;
};

struct settings {
  node_settings node;
  gateway_settings gateway;
  mesh_settings mesh;
  files_settings files;
  jobs_settings jobs;
  worker_settings worker;
  media_settings media;
  storyboard_settings storyboards;
  database_settings database;
  redis_settings redis;
  cache_settings cache;
  health_settings health;
  log_settings log;
  std::vector<library_settings> libraries;
  /// Those of the configuration; see all_profiles().
  std::vector<media_profile> profiles;

  bool operator==(const settings&) const = default;

  /// "coordinator", "gateway" or "worker".
  bool has_role(std::string_view role) const;
  /// The built-in profiles, those of the configuration in their place or behind them.
  std::vector<media_profile> all_profiles() const;
  /// node.name, or the machine's host name.
  std::string node_name() const;
  /// node.temp, or "<data>/tmp".
  std::string temp_folder() const;
  /// database.url, or the SQLite file in the data folder ("sqlite:<data>/troupe.db").
  std::string database_url() const;
  /// redis.url, or one made of host and port; empty when Redis is not configured. May hold a password.
  std::string redis_url() const;
};

} // namespace troupe::config
