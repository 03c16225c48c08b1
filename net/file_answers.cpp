#include "net/file_answers.hpp"

#include "net/byte_ranges.hpp"
#include "net/headers.hpp"
#include "net/url.hpp"

#include "protocol/model/ids.hpp"

#include <array>

namespace troupe::net {

namespace {

/// RFC 6266: inline, the name as UTF-8.
std::string disposition_of(const std::string& name) {
  return "inline; filename*=UTF-8''" + percent_encode(name);
}

std::string content_range(const byte_range& r, uint64_t size) {
  return "bytes " + std::to_string(r.first) + "-" + std::to_string(r.first + r.length - 1) + "/" + std::to_string(size);
}

/// If-Range (RFC 9110, 13.1.5): the ranges count only when the client's part is of this very content.
bool range_is_current(const request& req, const shared_file& file) {
  auto condition = req.header("if-range");
  if (!condition)
    return true;
  auto value = trim(*condition);
  // Strong comparison: a weak tag never matches.
  if (value.starts_with('"'))
    return value == file.etag;
  auto when = parse_http_date(value);
  return when && *when == file.modified;
}

bool not_modified_since(const request& req, const shared_file& file) {
  if (req.header("if-none-match"))
    return false;
  auto since = req.header("if-modified-since");
  auto when = since ? parse_http_date(*since) : std::nullopt;
  return when && file.modified <= *when;
}

void add_parts(response& out, const served_file& what, const std::vector<byte_range>& ranges,
               const std::string& boundary) {
  for (auto& r : ranges)
    out.parts.push_back({"\r\n--" + boundary + "\r\nContent-Type: " + std::string{what.content_type}
                           + "\r\nContent-Range: " + content_range(r, what.file->size) + "\r\n\r\n",
                         what.file, r.first, r.length});
  out.trailer = "\r\n--" + boundary + "--\r\n";
}

void serve_ranges(exchange& x, const served_file& what, range_answer ranges, response out) {
  if (ranges.what == range_answer::kind::unsatisfiable) {
    error problem{errc::validation, "no byte of the range exists, the file has " + std::to_string(what.file->size)};
    auto refused = error_response(x.req, problem);
    refused.status = 416;
    refused.headers.emplace_back("Content-Range", "bytes */" + std::to_string(what.file->size));
    return x.answer(std::move(refused));
  }
  out.status = 206;
  if (ranges.ranges.size() == 1) {
    auto& r = ranges.ranges[0];
    out.headers.emplace_back("Content-Range", content_range(r, what.file->size));
    out.parts.push_back({{}, what.file, r.first, r.length});
  } else {
    // The request's id is unique enough, and no file can know it.
    auto boundary = "troupe-" + to_string(random_id());
    out.content_type = {};
    out.headers.emplace_back("Content-Type", "multipart/byteranges; boundary=" + boundary);
    add_parts(out, what, ranges.ranges, boundary);
  }
  x.answer(std::move(out));
}

} // namespace

std::string_view type_of(std::string_view name) {
  struct entry {
    std::string_view extension;
    std::string_view type;
  };
  static constexpr std::array<entry, 20> types{
    {{".mp4", "video/mp4"},         {".m4v", "video/mp4"},
     {".mkv", "video/x-matroska"},  {".webm", "video/webm"},
     {".mov", "video/quicktime"},   {".avi", "video/x-msvideo"},
     {".ts", "video/mp2t"},         {".m2ts", "video/mp2t"},
     {".mpg", "video/mpeg"},        {".mpeg", "video/mpeg"},
     {".ogv", "video/ogg"},         {".wmv", "video/x-ms-wmv"},
     {".flv", "video/x-flv"},       {".m4a", "audio/mp4"},
     {".mp3", "audio/mpeg"},        {".jpg", "image/jpeg"},
     {".webp", "image/webp"},       {".m3u8", "application/vnd.apple.mpegurl"},
     {".m4s", "video/iso.segment"}, {".vtt", "text/vtt; charset=utf-8"}}};
  auto dot = name.rfind('.');
  for (auto& [extension, type] : types)
    if (dot != std::string_view::npos && equals_ignoring_case(name.substr(dot), extension))
      return type;
  return "application/octet-stream";
}

void serve_stream(exchange& x, const served_ptr& what) {
  auto& file = *what->file;
  response out;
  out.content_type = what->content_type;
  out.etag = file.etag;
  out.headers.emplace_back("Last-Modified", http_date(file.modified));
  out.headers.emplace_back("Accept-Ranges", "bytes");
  out.headers.emplace_back("Cache-Control", "private, no-cache");
  out.headers.emplace_back("Content-Disposition", disposition_of(what->name));
  if (not_modified_since(x.req, file)) {
    out.status = 304;
    out.content_type = {};
    return x.answer(std::move(out));
  }
  // Ranges are defined for GET only (RFC 9110, 14.2).
  auto range = x.req.method == verb::get ? x.req.header("range") : std::nullopt;
  if (range && range_is_current(x.req, file)) {
    auto parsed = parse_range(*range, file.size);
    if (parsed.what != range_answer::kind::whole)
      return serve_ranges(x, *what, std::move(parsed), std::move(out));
  }
  out.parts.push_back({{}, what->file, 0, file.size});
  x.answer(std::move(out));
}

namespace {

response picture_response(const served_ptr& what) {
  response out;
  out.content_type = what->content_type;
  out.etag = what->file->etag;
  out.headers.emplace_back("Last-Modified", http_date(what->file->modified));
  // Another run of the ingest makes another picture under the same address.
  out.headers.emplace_back("Cache-Control", "private, max-age=300");
  out.parts.push_back({{}, what->file, 0, what->file->size});
  return out;
}

} // namespace

void serve_picture(exchange& x, const served_ptr& what) {
  x.answer(picture_response(what));
}

void serve_negotiated_picture(exchange& x, const served_ptr& what) {
  auto out = picture_response(what);
  out.headers.emplace_back("Vary", "Accept");
  x.answer(std::move(out));
}

ports::wanted_file in_data(std::string path) {
  return {{}, {}, std::move(path), {}};
}

void with_file(exchange& x, ports::wanted_file what,
               std::function<void(const ticket&, const shared_file_ptr& file)> use) {
  auto found = [self = x.hold(), use = std::move(use)](const result<ports::located_file>& where) {
    if (!where)
      return self.post([self, why = where.error()] { self->answer_error(why); });
    self->app().run_blocking([self, use, file = share(*where)] { use(self, file); });
  };
  x.app().backend.find_file(std::move(what), std::move(found));
}

void open_and_serve(exchange& x, std::string key, ports::wanted_file what, std::string name, serve_function serve) {
  auto type = type_of(what.path);
  auto use = [key = std::move(key), name = std::move(name), type, serve](const ticket& self,
                                                                         const shared_file_ptr& file) {
    auto out = std::make_shared<served_file>();
    out->file = file;
    out->content_type = type;
    out->name = name;
    self->app().files.put(key, out);
    self.post([self, out, serve] { serve(*self, out); });
  };
  with_file(x, std::move(what), std::move(use));
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

} // namespace troupe::net
