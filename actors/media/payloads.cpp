#include "actors/media/payloads.hpp"

#include "protocol/model/executor.hpp"
#include "protocol/model/json.hpp"
#include "protocol/model/json_codec.hpp"
#include "protocol/model/media_codec.hpp"
#include "protocol/model/profile_builder.hpp"

#include <charconv>
#include <cmath>

namespace troupe::work {

namespace {

using nlohmann::json;

std::string text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

template <class Id>
void read_id(object_reader& in, const char* name, Id& out) {
  std::string id;
  in.read(name, id);
  if (auto parsed = Id::parse(id))
    out = *parsed;
  else if (!id.empty())
    in.note(name, "must be an id");
}

void need_video(object_reader& in, video_id& out) {
  read_id(in, "videoId", out);
  if (in.find("videoId") == nullptr)
    in.note("videoId", "is needed: the id of the video");
}

void read_version(object_reader& in, file_version& out) {
  std::string version;
  in.read("version", version);
  if (auto parsed = parse_version(version))
    out = *parsed;
  else if (!version.empty())
    in.note("version", "must be size-mtime-inode");
}

void need_absolute(object_reader& in, const char* name, const std::string& path) {
  if (!path.starts_with('/') || path.find('\0') != std::string::npos)
    in.note(name, "must be an absolute path");
}

/// Profiles come from clients: only what the rules allow reaches libav.
void read_profile(object_reader& in, std::span<const media_profile> known, media_profile& out) {
  auto value = in.find("profile");
  if (value == nullptr)
    return in.note("profile", "is needed");
  auto made = profile_from_json(text(*value), known);
  if (made) {
    out = std::move(*made);
    return;
  }
  for (auto& [field, reason] : made.error().fields)
    in.note(field == "profile" || field == "base" ? "profile" : "profile." + field, reason);
}

/// Parses and hands the object's reader to `fill`.
template <class T, class F>
result<T> decode(std::string_view from, std::string_view what, F fill) {
  auto doc = parse_json(from, what);
  if (!doc)
    return std::move(doc).error();
  T x;
  object_reader in{*doc, what};
  fill(in, x);
  return in.finish(std::move(x));
}

/// The same for the one object that is the value of `field`.
template <class T, class F>
result<T> decode_inner(std::string_view from, std::string_view what, const char* field, F fill) {
  auto doc = parse_json(from, what);
  if (!doc)
    return std::move(doc).error();
  auto inner = doc->is_object() ? doc->find(field) : doc->end();
  if (!doc->is_object() || inner == doc->end())
    return {errc::validation, std::string{what} + ": " + field + " is missing"};
  T x;
  object_reader in{*inner, what};
  fill(in, x);
  return in.finish(std::move(x));
}

json to_value(const picture& x) {
  return {{"width", x.width}, {"height", x.height}, {"file", x.file}};
}

picture read_picture(const json& value) {
  picture out;
  object_reader{value, "picture"}.read("width", out.width).read("height", out.height).read("file", out.file);
  return out;
}

} // namespace

std::optional<file_version> parse_version(std::string_view text) {
  file_version out;
  auto end = text.data() + text.size();
  auto size = std::from_chars(text.data(), end, out.size);
  if (size.ec != std::errc{} || size.ptr == end || *size.ptr != '-')
    return std::nullopt;
  auto mtime = std::from_chars(size.ptr + 1, end, out.mtime_ns);
  if (mtime.ec != std::errc{} || mtime.ptr == end || *mtime.ptr != '-')
    return std::nullopt;
  auto inode = std::from_chars(mtime.ptr + 1, end, out.inode);
  if (inode.ec != std::errc{} || inode.ptr != end)
    return std::nullopt;
  return out;
}

std::string encode(const ingest_payload& x) {
  return text({{"path", x.path},
               {"videoId", x.video.str()},
               {"libraryId", x.library.str()},
               {"relativePath", x.relative_path},
               {"version", x.version.str()},
               {"title", x.title},
               {"category", x.category}});
}

result<ingest_payload> decode_ingest_payload(std::string_view from) {
  return decode<ingest_payload>(from, "ingest payload", [](object_reader& in, ingest_payload& x) {
    in.read("path", x.path).read("relativePath", x.relative_path).read("title", x.title).read("category", x.category);
    read_id(in, "videoId", x.video);
    read_id(in, "libraryId", x.library);
    read_version(in, x.version);
    need_absolute(in, "path", x.path);
  });
}

std::string encode(const ingest_result& r) {
  auto& x = r.item;
  auto pictures = json::array();
  for (auto& p : x.thumbnails)
    pictures.push_back(to_value(p));
  return text({{"video",
                {{"id", x.id.str()},
                 {"libraryId", x.library.str()},
                 {"path", x.path},
                 {"version", x.version.str()},
                 {"title", x.title},
                 {"category", x.category},
                 {"duration", x.duration},
                 {"width", x.width},
                 {"height", x.height},
                 {"videoCodec", x.video_codec},
                 {"audioCodec", x.audio_codec},
                 {"container", x.container},
                 {"media", json::parse(x.media, nullptr, false)},
                 {"thumbnails", pictures}}}});
}

result<ingest_result> decode_ingest_result(std::string_view from) {
  return decode_inner<ingest_result>(from, "ingest result", "video", [](object_reader& in, ingest_result& r) {
    auto& x = r.item;
    x.state = video_state::ready;
    read_id(in, "id", x.id);
    read_id(in, "libraryId", x.library);
    read_version(in, x.version);
    in.read("path", x.path).read("title", x.title).read("category", x.category).read("duration", x.duration);
    in.read("width", x.width).read("height", x.height).read("videoCodec", x.video_codec);
    in.read("audioCodec", x.audio_codec).read("container", x.container);
    if (auto media = in.find("media"); media != nullptr && media->is_object())
      x.media = text(*media);
    in.each("thumbnails", [&](const json& value) { x.thumbnails.push_back(read_picture(value)); });
  });
}

std::string encode(const transcode_payload& x) {
  return text({{"videoId", x.video.str()}, {"profile", troupe::to_value(x.profile)}});
}

result<transcode_payload> decode_transcode_payload(std::string_view from, std::span<const media_profile> known) {
  return decode<transcode_payload>(from, "transcode payload", [known](object_reader& in, transcode_payload& x) {
    need_video(in, x.video);
    read_profile(in, known, x.profile);
    if (makes_ladder(x.profile))
      in.note("profile", "makes an HLS ladder: that is a job of kind hls");
  });
}

result<hls_payload> decode_hls_payload(std::string_view from, std::span<const media_profile> known) {
  return decode<hls_payload>(from, "hls payload", [known](object_reader& in, hls_payload& x) {
    need_video(in, x.video);
    read_profile(in, known, x.profile);
    if (in.ok() && !makes_ladder(x.profile))
      in.note("profile", "makes one file, not an HLS ladder: that is a job of kind transcode");
  });
}

std::string encode(const storyboard_payload& x) {
  json out{{"videoId", x.video.str()},
           {"width", x.width},
           {"columns", x.columns},
           {"rows", x.rows},
           {"interval", static_cast<double>(x.interval.count()) / 1000},
           {"bif", x.bif},
           {"jellyfin", x.jellyfin}};
  if (x.version != file_version{})
    out["version"] = x.version.str();
  return text(out);
}

namespace {

/// What people choose of a storyboard.
void read_look(object_reader& in, storyboard_payload& x) {
  auto interval = static_cast<double>(x.interval.count()) / 1000;
  in.read("width", x.width).read("interval", interval).read("bif", x.bif).read("jellyfin", x.jellyfin);
  if (x.width < 16 || x.width > 1024)
    in.note("width", "must be 16 to 1024");
  // False for NaN, too.
  if (!(interval >= 1 && interval <= 3600))
    in.note("interval", "must be 1 to 3600 seconds");
  else
    x.interval = milliseconds{std::llround(interval * 1000)};
}

} // namespace

result<storyboard_payload> decode_storyboard_payload(std::string_view from, const storyboard_payload& defaults,
                                                     const storyboard_payload* open) {
  return decode<storyboard_payload>(from, "storyboard payload", [&](object_reader& in, storyboard_payload& x) {
    x = open ? *open : defaults;
    if (auto* otherwise = in.find("otherwise"); otherwise && !open) {
      object_reader there{*otherwise, "otherwise"};
      auto look = x;
      read_look(there, look);
      if (there.ok())
        x = look;
      else
        in.note_all("otherwise", there.problem());
    }
    need_video(in, x.video);
    read_version(in, x.version);
    in.read("columns", x.columns).read("rows", x.rows);
    read_look(in, x);
    if (x.columns < 1 || x.columns > 50)
      in.note("columns", "must be 1 to 50");
    if (x.rows < 1 || x.rows > 50)
      in.note("rows", "must be 1 to 50");
    constexpr auto most = exec::storyboard_request::max_sheet_width;
    if (in.ok() && x.width * x.columns > most)
      in.note("columns", "times width must be at most " + std::to_string(most)
                           + ", the width of a sheet: ask for fewer columns or narrower tiles");
  });
}

std::string encode(const storyboard_result& r) {
  auto& x = r.item;
  return text({{"storyboard",
                {{"videoId", x.video.str()},
                 {"version", x.version.str()},
                 {"folder", x.folder},
                 {"tileWidth", x.tile_width},
                 {"tileHeight", x.tile_height},
                 {"columns", x.columns},
                 {"rows", x.rows},
                 {"count", x.count},
                 {"intervalMs", x.interval.count()},
                 {"askedWidth", x.asked_width},
                 {"askedIntervalMs", x.asked_interval.count()},
                 {"bif", x.bif},
                 {"jellyfin", x.jellyfin},
                 {"bytes", x.bytes},
                 {"madeBy", x.made_by}}}});
}

result<storyboard_result> decode_storyboard_result(std::string_view from) {
  return decode_inner<storyboard_result>(
    from, "storyboard result", "storyboard", [](object_reader& in, storyboard_result& r) {
      auto& x = r.item;
      int64_t interval = 0;
      int64_t asked_interval = 0;
      read_id(in, "videoId", x.video);
      read_version(in, x.version);
      in.read("folder", x.folder).read("tileWidth", x.tile_width).read("tileHeight", x.tile_height);
      in.read("columns", x.columns).read("rows", x.rows).read("count", x.count).read("intervalMs", interval);
      in.read("bif", x.bif).read("jellyfin", x.jellyfin).read("bytes", x.bytes).read("madeBy", x.made_by);
      in.read("askedWidth", x.asked_width).read("askedIntervalMs", asked_interval);
      x.interval = milliseconds{interval};
      x.asked_interval = milliseconds{asked_interval};
      // A row says that there is something to show.
      if (x.count == 0 || x.sheets() == 0 || interval <= 0)
        in.note("count", "must be that of at least one tile, with its interval and the size of a sheet");
    });
}

std::string encode(const transcode_result& r) {
  auto& x = r.item;
  return text({{"rendition",
                {{"videoId", x.video.str()},
                 {"version", x.version.str()},
                 {"profile", x.profile},
                 {"file", x.file},
                 {"size", x.size},
                 {"duration", x.duration},
                 {"width", x.width},
                 {"height", x.height},
                 {"videoCodec", x.video_codec},
                 {"audioCodec", x.audio_codec},
                 {"container", x.container},
                 {"madeBy", x.made_by}}}});
}

result<transcode_result> decode_transcode_result(std::string_view from) {
  return decode_inner<transcode_result>(from, "transcode result", "rendition",
                                        [](object_reader& in, transcode_result& r) {
                                          auto& x = r.item;
                                          read_id(in, "videoId", x.video);
                                          read_version(in, x.version);
                                          in.read("profile", x.profile).read("file", x.file).read("size", x.size);
                                          in.read("duration", x.duration).read("width", x.width);
                                          in.read("height", x.height).read("videoCodec", x.video_codec);
                                          in.read("audioCodec", x.audio_codec).read("container", x.container);
                                          in.read("madeBy", x.made_by);
                                        });
}

std::string encode(const download_payload& x) {
  return text({{"url", x.url}, {"category", x.category}, {"title", x.title}});
}

result<download_payload> decode_download_payload(std::string_view from) {
  return decode<download_payload>(from, "download payload", [](object_reader& in, download_payload& x) {
    in.read("url", x.url).read("category", x.category).read("title", x.title);
    if (!x.url.starts_with("http://") && !x.url.starts_with("https://"))
      in.note("url", "must begin with http:// or https://");
  });
}

std::string encode(const download_result& x) {
  return text({{"path", x.path},
               {"relativePath", x.relative_path},
               {"version", x.version.str()},
               {"title", x.title},
               {"category", x.category},
               {"contentType", x.content_type}});
}

result<download_result> decode_download_result(std::string_view from) {
  return decode<download_result>(from, "download result", [](object_reader& in, download_result& x) {
    in.read("path", x.path).read("relativePath", x.relative_path).read("title", x.title);
    in.read("category", x.category).read("contentType", x.content_type);
    read_version(in, x.version);
    need_absolute(in, "path", x.path);
  });
}

std::string encode(const cleanup_result& x) {
  return text({{"filesRemoved", x.files_removed}, {"problems", x.problems}});
}

} // namespace troupe::work
