#include "net/answers.hpp"
#include "net/byte_ranges.hpp"
#include "net/file_cache.hpp"
#include "net/headers.hpp"
#include "net/route.hpp"
#include "net/url.hpp"

#include <array>

namespace troupe::net {

namespace {

using served_ptr = std::shared_ptr<const served_file>;
using serve_function = void (*)(exchange&, const served_ptr&);

std::string_view type_of(std::string_view name) {
  struct entry {
    std::string_view extension;
    std::string_view type;
  };
  static constexpr std::array<entry, 16> types{{{".mp4", "video/mp4"},
                                                {".m4v", "video/mp4"},
                                                {".mkv", "video/x-matroska"},
                                                {".webm", "video/webm"},
                                                {".mov", "video/quicktime"},
                                                {".avi", "video/x-msvideo"},
                                                {".ts", "video/mp2t"},
                                                {".m2ts", "video/mp2t"},
                                                {".mpg", "video/mpeg"},
                                                {".mpeg", "video/mpeg"},
                                                {".ogv", "video/ogg"},
                                                {".wmv", "video/x-ms-wmv"},
                                                {".flv", "video/x-flv"},
                                                {".m4a", "audio/mp4"},
                                                {".mp3", "audio/mpeg"},
                                                {".jpg", "image/jpeg"}}};
  auto dot = name.rfind('.');
  for (auto& [extension, type] : types)
    if (dot != std::string_view::npos && equals_ignoring_case(name.substr(dot), extension))
      return type;
  return "application/octet-stream";
}

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

void serve_picture(exchange& x, const served_ptr& what) {
  response out;
  out.content_type = what->content_type;
  out.etag = what->file->etag;
  out.headers.emplace_back("Last-Modified", http_date(what->file->modified));
  // Another run of the ingest makes another picture under the same address.
  out.headers.emplace_back("Cache-Control", "private, max-age=300");
  out.parts.push_back({{}, what->file, 0, what->file->size});
  x.answer(std::move(out));
}

/// Opens `path` on a file thread, keeps it under `key` and serves it.
void open_and_serve(exchange& x, std::string key, std::string path, std::string name, serve_function serve) {
  auto self = x.hold();
  x.app().run_blocking([self, key = std::move(key), path = std::move(path), name = std::move(name), serve] {
    auto opened = open_shared(path);
    if (!opened)
      return self.post([self, why = std::move(opened).error()] { self->answer_error(why); });
    auto what = std::make_shared<served_file>();
    what->file = *std::move(opened);
    what->content_type = type_of(path);
    what->name = name;
    self->app().files.put(key, what);
    self.post([self, what, serve] { serve(*self, what); });
  });
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

void stream_found(exchange& x, const std::string& profile, const std::string& key, const video_detail& found) {
  if (profile.empty()) {
    if (found.item.state == video_state::missing || found.item.state == video_state::removed)
      return x.answer_error({errc::not_found, "the file of this video is not there now"});
    return open_and_serve(x, key, found.home.root + "/" + found.item.path, base_name(found.item.path), serve_stream);
  }
  // The newest one of the profile.
  const rendition* best = nullptr;
  for (auto& r : found.renditions)
    if (r.profile == profile && (!best || best->created < r.created))
      best = &r;
  if (!best)
    return x.answer_error({errc::not_found, "this video has no rendition of profile " + profile});
  auto file = base_name(best->file);
  auto extension = file.rfind('.') == std::string::npos ? std::string{} : file.substr(file.rfind('.'));
  open_and_serve(x, key, x.app().backend.data_folder() + "/" + best->file, found.item.title + extension, serve_stream);
}

void stream(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto profile = text_or(x.req, "profile");
  auto key = id->str() + "/stream/" + profile;
  if (auto open = x.app().files.find(key))
    return serve_stream(x, open);
  x.app().backend.find_video(*id, then<video_detail>(x, [profile, key](exchange& self, const video_detail& found) {
    stream_found(self, profile, key, found);
  }));
}

void thumbnail_found(exchange& x, uint32_t width, const std::string& key, const video_detail& found) {
  auto& all = found.item.thumbnails;
  if (all.empty())
    return x.answer_error({errc::not_found, "this video has no thumbnail yet"});
  // The smallest that is wide enough, else the widest.
  auto best = &all.front();
  for (auto& p : all) {
    auto better = best->width < width ? p.width > best->width : p.width >= width && p.width < best->width;
    if (better)
      best = &p;
  }
  open_and_serve(x, key, x.app().backend.data_folder() + "/" + best->file, base_name(best->file), serve_picture);
}

void thumbnail(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto width = static_cast<uint32_t>(integer_or(x.req, "width", 320));
  auto key = id->str() + "/thumbnail/" + std::to_string(width);
  if (auto open = x.app().files.find(key))
    return serve_picture(x, open);
  x.app().backend.find_video(*id, then<video_detail>(x, [width, key](exchange& self, const video_detail& found) {
    thumbnail_found(self, width, key, found);
  }));
}

} // namespace

void add_stream_routes(std::vector<route>& out) {
  route r;
  r.path = "/api/videos/{id}/stream";
  r.summary = "The file, or a rendition of it; ranges as in RFC 9110";
  r.parameters = {path_id("Id of the video"), query_text("profile", "A rendition instead of the original")};
  r.answers = {
    {200, "The whole file"}, {206, "Ranges of it"}, {404, "No such video or rendition"}, {416, "No such bytes"}};
  r.handle = stream;
  r.lenient = true;
  // A player asks for many ranges a minute.
  r.limited = false;
  r.embeddable = true;
  out.push_back(r);

  r.path = "/api/videos/{id}/thumbnail";
  r.summary = "A picture of the video";
  r.parameters = {path_id("Id of the video"), query_integer("width", 1, 8192, "The smallest picture that is as wide")};
  r.answers = {{200, "JPEG"}, {404, "No such video, or no picture yet"}};
  r.handle = thumbnail;
  out.push_back(r);
}

} // namespace troupe::net
