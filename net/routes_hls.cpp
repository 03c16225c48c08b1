#include "net/answers.hpp"
#include "net/file_answers.hpp"
#include "net/hls_master.hpp"
#include "net/route.hpp"
#include "net/text_file.hpp"

#include "protocol/model/executor.hpp"
#include "protocol/model/json_codec.hpp"

#include <algorithm>
#include <array>
#include <functional>

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

/// A master playlist is some kilobytes, one of a long film's segments some hundred, its subtitles no more than a few
/// million bytes.
constexpr uint64_t max_text = 16 << 20;

bool is_text(std::string_view name) {
  return name.ends_with(".m3u8") || name.ends_with(".vtt");
}

/// `edit` makes what is sent from what is there.
void serve_text(exchange& x, std::string path, const std::string& etag,
                const std::function<std::string(std::string)>& edit = {}) {
  auto type = type_of(path);
  with_file(x, in_data(std::move(path)), [type, etag, edit](const ticket& self, const shared_file_ptr& file) {
    auto read = [self, file, type, etag, edit](result<std::string> text) {
      if (!text)
        return self.post([self, why = std::move(text).error()] { self->answer_error(why); });
      response out;
      out.content_type = type;
      out.etag = etag.empty() ? file->etag : etag;
      out.headers.emplace_back("Cache-Control", "private, no-cache");
      out.body = edit ? edit(*std::move(text)) : *std::move(text);
      self.post([self, out = std::move(out)]() mutable { self->answer(std::move(out)); });
    };
    read_text_file(self->app(), file, max_text, read);
  });
}

void serve_master(exchange& x, const rendition& ladder) {
  auto id = ladder.id.str();
  serve_text(x, ladder.file + "/master.m3u8", "\"" + id + "\"",
             [id](const std::string& text) { return master_below(text, id); });
}

/// The newest ladder of what the film is now, whose files have addresses of their own: the playlists name ranges of
/// their own films, and while somebody watches there may be a newer ladder.
void master(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  x.app().backend.find_video(*id, then<video_detail>(x, [](exchange& self, const video_detail& found) {
    const rendition* best = nullptr;
    for (auto& r : found.renditions)
      if (r.is_ladder() && r.version == found.item.version && (!best || best->created < r.created))
        best = &r;
    if (!best)
      return self.answer_error(no_ladder);
    serve_master(self, *best);
  }));
}

/// The folder of a ladder that has no row any more: a newer one has taken its place, or the film has changed. Until the
/// cleanup takes it, whoever plays it goes on. Empty when the job made no ladder of this video.
std::string left_folder(const job& maker, video_id of) {
  auto made = parse_json(maker.result, "the result");
  if (!made || maker.spec.kind != "hls" || maker.state != job_state::completed || !made->is_object())
    return {};
  std::string video, folder;
  if (auto item = made->find("rendition"); item != made->end())
    object_reader{*item, "rendition"}.read("videoId", video).read("file", folder);
  // As our own workers name it, and so nothing else of the data folder.
  auto name = "renditions/" + maker.id.str() + "-";
  auto attempt = std::string_view{folder}.substr(std::min(name.size(), folder.size()));
  bool ours = folder.starts_with(name) && attempt.find_first_not_of("0123456789") == std::string_view::npos;
  return ours && video == of.str() ? folder : std::string{};
}

void serve_of(exchange& x, const std::string& folder, const std::string& key, const std::string& name) {
  auto path = folder + "/" + name;
  if (is_text(name))
    serve_text(x, path, {});
  else
    open_and_serve(x, key, in_data(path), name, serve_stream);
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
      auto at = std::ranges::find_if(all, [&](auto& r) { return r.id == ladder && r.is_ladder(); });
      if (at != all.end())
        return serve_of(self, at->file, key, name);
      if (found.item.state == video_state::removed)
        return self.answer_error(no_ladder);
      // It has the id of the job that made it.
      auto left = [of = found.item.id, name, key](exchange& again, const ports::job_view& maker) {
        auto folder = left_folder(maker.item, of);
        folder.empty() ? again.answer_error(no_ladder) : serve_of(again, folder, key, name);
      };
      self.app().backend.find_job(job_id{ladder.raw}, then<ports::job_view>(self, std::move(left)));
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
