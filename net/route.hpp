#pragma once

// The one route table: matching, Allow, OpenAPI, metrics' labels and parameter checks all come from it.

#include "net/exchange.hpp"

#include <array>
#include <span>
#include <unordered_map>

namespace troupe::net {

enum class value_type : uint8_t { text, integer, boolean, number, object, list };

struct parameter {
  enum class place : uint8_t { path, query, header };
  std::string_view name;
  place in = place::query;
  value_type type = value_type::text;
  bool required = false;
  std::string_view doc;
  /// For integers; 0 and 0: any.
  int64_t minimum = 0;
  int64_t maximum = 0;
  /// Allowed values, for texts with few of them.
  std::vector<std::string_view> values;
};

struct body_field {
  std::string_view name;
  value_type type = value_type::text;
  bool required = false;
  std::string_view doc;
};

enum class body_kind : uint8_t { none, json, multipart };

struct answer_doc {
  int status;
  std::string_view doc;
};

struct route {
  verb method = verb::get;
  /// "/api/jobs/{id}/status"; a {name} is the beginning of its segment, or all of it.
  std::string_view path;
  std::string_view summary;
  std::vector<parameter> parameters;
  body_kind body = body_kind::none;
  std::vector<body_field> fields;
  std::vector<answer_doc> answers;
  void (*handle)(exchange&) = nullptr;
  /// Of a write that honours If-Match (preconditions.hpp), which then is `handle`: how its thing is read, and the
  /// write.
  void (*read)(exchange&) = nullptr;
  void (*write)(exchange&) = nullptr;
  /// For multipart: opens the sink instead of `handle`.
  result<std::unique_ptr<body_sink>> (*open_body)(exchange&) = nullptr;
  /// Old clients use it: parameters and fields that are not known are ignored.
  bool lenient = false;
  /// Counts against requests_per_minute.
  bool limited = true;
  /// Opens a WebSocket or SSE: the Origin is checked although it is a GET.
  bool live = false;
  /// Media that a page of an allowed origin may embed.
  bool embeddable = false;
  /// Position in the table.
  size_t index = 0;
};

class route_table {
public:
  explicit route_table(std::vector<route> routes);

  struct match {
    /// nullptr: path or method not known.
    const route* found = nullptr;
    /// Methods of the path, comma separated, when only the method is wrong; empty: path not known.
    std::string allow;
    std::vector<std::string> values;
  };
  /// HEAD matches GET routes.
  match find(verb method, std::string_view path) const;

  std::span<const route> all() const noexcept {
    return routes_;
  }

private:
  std::vector<route> routes_;
  /// Paths without {name}s → routes; the others by number of segments.
  std::unordered_map<std::string_view, std::vector<const route*>> fixed_;
  std::unordered_map<size_t, std::vector<const route*>> patterns_;
};

/// Checks query parameters against the route's: types, ranges, required ones, and unknown ones unless it is lenient.
result<void> check_parameters(const route& r, const request& req);

/// Every route of the gateway, from the routes_*.cpp.
std::vector<route> all_routes();
void add_video_routes(std::vector<route>& out);
void add_stream_routes(std::vector<route>& out);
void add_storyboard_routes(std::vector<route>& out);
void add_hls_routes(std::vector<route>& out);
void add_media_job_routes(std::vector<route>& out);
void add_upload_routes(std::vector<route>& out);
void add_library_routes(std::vector<route>& out);
void add_job_routes(std::vector<route>& out);
void add_job_log_routes(std::vector<route>& out);
void add_job_cleanup_routes(std::vector<route>& out);
void add_job_download_routes(std::vector<route>& out);
void add_queue_routes(std::vector<route>& out);
void add_node_routes(std::vector<route>& out);
void add_health_routes(std::vector<route>& out);
void add_metrics_routes(std::vector<route>& out);
void add_live_routes(std::vector<route>& out);

// Shorthands for declarations.
parameter path_id(std::string_view doc);
parameter query_text(std::string_view name, std::string_view doc);
parameter query_integer(std::string_view name, int64_t minimum, int64_t maximum, std::string_view doc);
std::vector<parameter> with_paging(std::vector<parameter> others);

/// A query integer that check_parameters has passed; `fallback` if absent.
int64_t integer_or(const request& req, std::string_view name, int64_t fallback);
std::string text_or(const request& req, std::string_view name, std::string_view fallback = {});

} // namespace troupe::net
