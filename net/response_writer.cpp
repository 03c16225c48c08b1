#include "net/response_writer.hpp"

#include "net/gate.hpp"
#include "net/route.hpp"
#include "net/validators.hpp"

#include <charconv>

namespace troupe::net {

namespace {

/// helmet's defaults, less the CSP, which goes with pages only.
constexpr std::string_view security_headers = "Cross-Origin-Opener-Policy: same-origin\r\n"
                                              "Origin-Agent-Cluster: ?1\r\n"
                                              "Referrer-Policy: no-referrer\r\n"
                                              "Strict-Transport-Security: max-age=15552000; includeSubDomains\r\n"
                                              "X-Content-Type-Options: nosniff\r\n"
                                              "X-DNS-Prefetch-Control: off\r\n"
                                              "X-Download-Options: noopen\r\n"
                                              "X-Frame-Options: SAMEORIGIN\r\n"
                                              "X-Permitted-Cross-Domain-Policies: none\r\n"
                                              "X-XSS-Protection: 0\r\n";

bool compressible(std::string_view type) {
  return type.starts_with("application/json") || type.starts_with("text/") || type.starts_with("application/problem")
         || type == "application/vnd.apple.mpegurl";
}

void not_modified(response& out) {
  out.status = 304;
  out.body.clear();
  out.shared_body.reset();
  out.parts.clear();
  out.trailer.clear();
  out.content_type = {};
}

/// Only text that is worth it; files, streams and what has a coding already are left alone.
content_coding coding_for(const request& req, response& out) {
  if (!out.parts.empty() || out.stream.kind != stream_kind::none || !compressible(out.content_type)
      || out.text().size() < coding_threshold)
    return content_coding::identity;
  out.headers.emplace_back("Vary", "Accept-Encoding");
  auto accept = req.header("accept-encoding");
  return accept ? choose_coding(*accept) : content_coding::identity;
}

void compress(content_coding coding, response& out) {
  if (coding == content_coding::identity)
    return;
  auto coded = out.shared_body && !out.etag.empty() ? encode_cached(coding, out.shared_body, out.etag)
                                                    : encode(coding, out.text());
  if (!coded)
    return;
  out.shared_body = std::move(coded);
  out.headers.emplace_back("Content-Encoding", to_string(coding));
}

void append_number(std::string& out, uint64_t value) {
  char text[24];
  auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

} // namespace

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
  case 101:
    return "Switching Protocols";
  case 200:
    return "OK";
  case 201:
    return "Created";
  case 202:
    return "Accepted";
  case 204:
    return "No Content";
  case 206:
    return "Partial Content";
  case 304:
    return "Not Modified";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 408:
    return "Request Timeout";
  case 409:
    return "Conflict";
  case 412:
    return "Precondition Failed";
  case 413:
    return "Content Too Large";
  case 415:
    return "Unsupported Media Type";
  case 416:
    return "Range Not Satisfiable";
  case 417:
    return "Expectation Failed";
  case 422:
    return "Unprocessable Content";
  case 426:
    return "Upgrade Required";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 501:
    return "Not Implemented";
  case 503:
    return "Service Unavailable";
  case 505:
    return "HTTP Version Not Supported";
  case 507:
    return "Insufficient Storage";
  default:
    return "Status";
  }
}

uint64_t content_length_of(const response& what) noexcept {
  if (what.parts.empty())
    return what.text().size();
  uint64_t n = what.trailer.size();
  for (auto& p : what.parts)
    n += p.before.size() + p.length;
  return n;
}

void finish_response(const server_config& config, const route* matched, const request& req, response& out) {
  auto reading = req.method == verb::get || req.method == verb::head;
  if (reading)
    tag_answer(out);
  auto known = reading && !out.etag.empty() ? req.header("if-none-match") : std::nullopt;
  auto unchanged = known && (out.status == 200 || out.status == 206) && if_none_match(*known, out.etag);
  auto coding = coding_for(req, out);
  out.etag = coded_tag(out.etag, coding);
  if (unchanged)
    not_modified(out);
  else
    compress(coding, out);
  auto embed = matched && matched->embeddable && !config.allowed_origins.empty();
  out.headers.emplace_back("Cross-Origin-Resource-Policy", embed ? "cross-origin" : "same-origin");
  add_cors_headers(config, req, out);
}

void write_head(const request& req, const response& what, const framing& f, std::string_view date, std::string& out) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<uint64_t>(what.status));
  out.append(" ").append(reason_phrase(what.status)).append("\r\nDate: ").append(date).append("\r\n");
  auto bodiless = what.status == 204 || what.status == 304 || what.status < 200;
  if (!what.content_type.empty())
    out.append("Content-Type: ").append(what.content_type).append("\r\n");
  if (!bodiless && !f.until_close) {
    out.append("Content-Length: ");
    append_number(out, f.content_length);
    out.append("\r\n");
  }
  if (!f.keep_alive)
    out.append("Connection: close\r\n");
  else if (req.version == 10)
    out.append("Connection: keep-alive\r\n");
  if (!what.etag.empty())
    out.append("ETag: ").append(what.etag).append("\r\n");
  for (auto& [name, value] : what.headers)
    out.append(name).append(": ").append(value).append("\r\n");
  out.append("X-Request-ID: ").append(req.id).append("\r\n");
  if (!req.traceparent.empty())
    out.append("traceparent: ").append(req.traceparent).append("\r\n");
  out.append(security_headers).append("\r\n");
}

} // namespace troupe::net
