#include "net/answers.hpp"
#include "net/file_answers.hpp"
#include "net/headers.hpp"
#include "net/route.hpp"

namespace troupe::net {

namespace {

void stream_found(exchange& x, const std::string& profile, const std::string& key, const video_detail& found) {
  if (profile.empty()) {
    if (found.item.state == video_state::missing || found.item.state == video_state::removed)
      return x.answer_error({errc::not_found, "the file of this video is not there now"});
    return open_and_serve(x, key, {found.home.id, found.home.root, found.item.path, found.item.version},
                          base_name(found.item.path), serve_stream);
  }
  // The newest one of the profile.
  const rendition* best = nullptr;
  for (auto& r : found.renditions)
    if (r.profile == profile && (!best || best->created < r.created))
      best = &r;
  if (!best)
    return x.answer_error({errc::not_found, "this video has no rendition of profile " + profile});
  if (best->container == "hls")
    return x.answer_error({errc::not_found, "the rendition of profile " + profile + " is an HLS ladder: play "
                                              + "/api/videos/" + found.item.id.str() + "/hls/master.m3u8"});
  auto file = base_name(best->file);
  auto extension = file.rfind('.') == std::string::npos ? std::string{} : file.substr(file.rfind('.'));
  open_and_serve(x, key, in_data(best->file), found.item.title + extension, serve_stream);
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

/// WebP for who names it; everyone takes JPEG.
bool wants_webp(const request& req) {
  auto accept = req.header("accept");
  return accept && accepts(*accept, "image/webp", false);
}

/// The smallest that is wide enough, else the widest; nullptr when there is none of the format.
const picture* best_of(const std::vector<picture>& all, bool webp, uint32_t width) {
  const picture* best = nullptr;
  for (auto& p : all) {
    if (p.file.ends_with(".webp") != webp)
      continue;
    auto better = !best || (best->width < width ? p.width > best->width : p.width >= width && p.width < best->width);
    if (better)
      best = &p;
  }
  return best;
}

void thumbnail_found(exchange& x, uint32_t width, const std::string& key, const video_detail& found) {
  auto* best = wants_webp(x.req) ? best_of(found.item.thumbnails, true, width) : nullptr;
  if (!best)
    best = best_of(found.item.thumbnails, false, width);
  if (!best)
    return x.answer_error({errc::not_found, "this video has no thumbnail yet"});
  open_and_serve(x, key, in_data(best->file), base_name(best->file), serve_negotiated_picture);
}

void thumbnail(exchange& x) {
  auto id = id_from_path<video_id>(x, "video");
  if (!id)
    return;
  auto width = static_cast<uint32_t>(integer_or(x.req, "width", 320));
  auto key = id->str() + "/thumbnail/" + std::to_string(width) + (wants_webp(x.req) ? "/webp" : "");
  if (auto open = x.app().files.find(key))
    return serve_negotiated_picture(x, open);
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
  r.answers = {{200, "JPEG, or WebP where there is one and Accept names it"},
               {404, "No such video, or no picture yet"}};
  r.handle = thumbnail;
  out.push_back(r);
}

} // namespace troupe::net
