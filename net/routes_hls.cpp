#include "net/answers.hpp"
#include "net/file_answers.hpp"
#include "net/route.hpp"

#include "protocol/model/executor.hpp"

#include <algorithm>
#include <array>

namespace troupe::net {

namespace {

const error no_ladder{errc::not_found, R"(this video has no HLS ladder yet: POST {"profile":"hls"} to its /transcode)"};
const error no_file{errc::not_found, "the ladder has no such file"};

/// Only what a ladder consists of, by its name: playlists, segments, subtitles, pictures. The folder holds nothing
/// else, and no part of such a name leads out of it.
bool is_ladder_file(const std::string& name) {
  constexpr std::array<std::string_view, 5> extensions{".m3u8", ".m4s", ".mp4", ".vtt", ".jpg"};
  return exec::valid_output_name(name)
         && std::any_of(extensions.begin(), extensions.end(), [&](auto x) { return name.ends_with(x); });
}

void serve_ladder_file(exchange& x, const std::string& name) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  if (!is_ladder_file(name))
    return x.answer_error(no_file);
  auto key = id->str() + "/hls/" + name;
  if (auto open = x.app().files.find(key))
    return serve_stream(x, open);
  x.app().backend.find_video(*id, then<video_detail>(x, [name, key](exchange& self, const video_detail& found) {
    // The newest one.
    const rendition* best = nullptr;
    for (auto& r : found.renditions)
      if (r.container == "hls" && (!best || best->created < r.created))
        best = &r;
    if (!best)
      return self.answer_error(no_ladder);
    open_and_serve(self, key, self.app().backend.data_folder() + "/" + best->file + "/" + name, base_name(name),
                   serve_stream);
  }));
}

void master(exchange& x) {
  serve_ladder_file(x, "master.m3u8");
}

void file(exchange& x) {
  serve_ladder_file(x, x.req.path_values.at(1));
}

void file_of_variant(exchange& x) {
  serve_ladder_file(x, x.req.path_values.at(1) + "/" + x.req.path_values.at(2));
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
  r.answers = {{200, "The master playlist (RFC 8216)"}, {404, "No such video, or no ladder yet"}};
  r.handle = master;
  r.lenient = true;
  // A player asks for a segment every few seconds, and for many at its start.
  r.limited = false;
  r.embeddable = true;
  out.push_back(r);

  r.path = "/api/videos/{id}/hls/{file}";
  r.summary = "A file that the master playlist names";
  r.parameters.push_back(part("file", "Its name"));
  r.answers = {{200, "The file"}, {206, "Ranges of it"}, {404, "No such video, ladder or file"}};
  r.handle = file;
  out.push_back(r);

  r.path = "/api/videos/{id}/hls/{variant}/{file}";
  r.summary = "A playlist or segment of a variant";
  r.parameters = {path_id("Id of the video"), part("variant", "Folder of the variant"), part("file", "Its name")};
  r.handle = file_of_variant;
  out.push_back(r);
}

} // namespace troupe::net
