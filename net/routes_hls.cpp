#include "net/answers.hpp"
#include "net/file_answers.hpp"
#include "net/hls_master.hpp"
#include "net/route.hpp"

#include "protocol/model/executor.hpp"

#include <algorithm>
#include <array>

#include <unistd.h>

namespace troupe::net {

namespace {

const error no_ladder{errc::not_found, R"(this video has no HLS ladder yet: POST {"profile":"hls"} to its /transcode)"};
const error no_file{errc::not_found, "the ladder has no such file"};

/// Only what a ladder consists of (media/hls.hpp), by its name: playlists, films, subtitles. The folder holds nothing
/// else, and no such name leads out of it.
bool is_ladder_file(const std::string& name) {
  constexpr std::array<std::string_view, 3> extensions{".m3u8", ".mp4", ".vtt"};
  return exec::valid_output_name(name) && name.find('/') == std::string::npos
         && std::any_of(extensions.begin(), extensions.end(), [&](auto x) { return name.ends_with(x); });
}

/// A master playlist is some kilobytes.
constexpr uint64_t max_master = 1 << 20;

result<std::string> read_whole(const std::string& path) {
  auto opened = open_shared(path);
  if (!opened)
    return std::move(opened).error();
  auto& file = **opened;
  std::string out(std::min(file.size, max_master), '\0');
  // A regular file of ours that is never written again: one read gives all of it.
  auto n = ::pread(file.fd.get(), out.data(), out.size(), 0);
  if (n < 0 || static_cast<uint64_t>(n) != file.size)
    return {errc::io, "the master playlist can't be read"};
  return out;
}

void serve_master(exchange& x, const rendition& ladder) {
  auto self = x.hold();
  auto path = x.app().backend.data_folder() + "/" + ladder.file + "/master.m3u8";
  x.app().run_blocking([self, path, id = ladder.id.str()] {
    auto text = read_whole(path);
    if (!text)
      return self.post([self, why = std::move(text).error()] { self->answer_error(why); });
    response out;
    out.content_type = type_of(path);
    out.etag = "\"" + id + "\"";
    out.headers.emplace_back("Cache-Control", "private, no-cache");
    out.body = master_below(*text, id);
    self.post([self, out = std::move(out)]() mutable { self->answer(std::move(out)); });
  });
}

/// The newest ladder, whose files have addresses of their own: the playlists name ranges of their own films, and while
/// somebody watches there may be a newer ladder.
void master(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  x.app().backend.find_video(*id, then<video_detail>(x, [](exchange& self, const video_detail& found) {
    const rendition* best = nullptr;
    for (auto& r : found.renditions)
      if (r.container == "hls" && (!best || best->created < r.created))
        best = &r;
    if (!best)
      return self.answer_error(no_ladder);
    serve_master(self, *best);
  }));
}

void file(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto ladder = rendition_id::parse(x.req.path_values.at(1));
  auto& name = x.req.path_values.at(2);
  if (!ladder || !is_ladder_file(name))
    return x.answer_error(no_file);
  auto key = id->str() + "/hls/" + ladder->str() + "/" + name;
  if (auto open = x.app().files.find(key))
    return serve_stream(x, open);
  x.app().backend.find_video(
    *id, then<video_detail>(x, [ladder = *ladder, name, key](exchange& self, const video_detail& found) {
      auto& all = found.renditions;
      auto at = std::ranges::find_if(all, [&](auto& r) { return r.id == ladder && r.container == "hls"; });
      if (at == all.end())
        return self.answer_error(no_ladder);
      open_and_serve(self, key, self.app().backend.data_folder() + "/" + at->file + "/" + name, name, serve_stream);
    }));
}

parameter part(std::string_view name, std::string_view doc) {
  return {name, parameter::place::path, value_type::text, true, doc, 0, 0, {}};
}

} // namespace

void add_hls_routes(std::vector<route>& out) {
  route r;
  r.path = "/api/videos/{id}/hls/master.m3u8";
  r.summary = "The adaptive ladder of the video, where one was made";
  r.parameters = {path_id("Id of the video")};
  r.answers = {{200, "The master playlist (RFC 8216) of the newest ladder"}, {404, "No such video, or no ladder yet"}};
  r.handle = master;
  r.lenient = true;
  // A player asks for a segment every few seconds, and for many at its start.
  r.limited = false;
  r.embeddable = true;
  out.push_back(r);

  r.path = "/api/videos/{id}/hls/{rendition}/{file}";
  r.summary = "A playlist of a ladder, or the film that its segments are ranges of";
  r.parameters.push_back(part("rendition", "Id of the rendition that is the ladder"));
  r.parameters.push_back(part("file", "Its name"));
  r.answers = {{200, "The file"}, {206, "Ranges of it"}, {404, "No such video, ladder or file"}};
  r.handle = file;
  out.push_back(r);
}

} // namespace troupe::net
