#include "actors/media/hls.hpp"

#include "actors/media/output_folder.hpp"
#include "actors/media/payloads.hpp"
#include "protocol/model/playlist.hpp"

#include <algorithm>

namespace troupe::work {

namespace {

// Parts of the whole.
constexpr double encode_from = 0.02;
constexpr double publish_from = 0.97;
constexpr std::string_view master_name = "master.m3u8";

rendition describe(const lease_token& token, const hls_payload& asked, const media_info& media,
                   const exec::hls_answer& made) {
  rendition out;
  out.video = asked.video;
  out.profile = asked.profile.name;
  out.file = "renditions/" + output_name(token);
  out.duration = made.duration;
  for (auto& v : made.variants)
    if (v.width > out.width) {
      out.width = v.width;
      out.height = v.height;
    }
  if (media.first("video") != nullptr)
    out.video_codec = asked.profile.video_codec;
  out.audio_codec = media.first("audio") != nullptr ? asked.profile.audio_codec : std::string{};
  out.container = asked.profile.container;
  out.made_by = token.job.str();
  return out;
}

std::vector<said_file> files_of(const exec::hls_answer& made) {
  std::vector<said_file> out;
  for (auto& f : made.files)
    out.push_back({f.name, f.bytes});
  return out;
}

result<void> check_playlists(const workshop& shop, const output_folder& out, const exec::hls_answer& made) {
  auto master = shop.files->read_text(out.file(master_name));
  if (!master)
    return std::move(master).error();
  std::vector<std::string> names;
  for (auto& f : made.files)
    names.push_back(f.name);
  return check_master(*master, names);
}

} // namespace

result<void> check_master(std::string_view playlist, const std::vector<std::string>& files) {
  if (!playlist.starts_with("#EXTM3U"))
    return {errc::protocol, "the master playlist is none"};
  size_t variants = 0;
  while (!playlist.empty()) {
    auto end = std::min(playlist.find('\n'), playlist.size());
    auto line = playlist.substr(0, end);
    playlist.remove_prefix(std::min(end + 1, playlist.size()));
    if (line.ends_with('\r'))
      line.remove_suffix(1);
    auto name = line.starts_with('#') ? uri_attribute(line) : line;
    if (name.empty())
      continue;
    if (std::find(files.begin(), files.end(), name) == files.end())
      return {errc::protocol, "the master playlist names a file that was not made"};
    variants += line.starts_with('#') ? 0 : 1;
  }
  if (variants == 0)
    return {errc::protocol, "the master playlist has no variants"};
  return {};
}

result<std::string> make_hls(attempt& a, const workshop& shop) {
  auto asked = decode_hls_payload(a.what().payload);
  if (!asked)
    return std::move(asked).error();
  auto seen = examine(a, shop, asked->video, content::as_scanned);
  if (!seen)
    return std::move(seen).error();
  const auto& [src, media] = *seen;
  scratch_folder scratch{shop, a.what().token};
  output_folder out{shop, scratch.file("hls")};
  exec::request request;
  request.op = exec::op::hls;
  request.name_hint = src.hint;
  request.profile = asked->profile;
  request.source = media;
  const auto card = take_gpu(shop, request.profile);
  a.stage(encode_from, "transcode", "making " + asked->profile.name);
  auto body =
    a.execute(std::move(request), {src.file},
              within(a, encode_from, publish_from, "transcode", "making " + asked->profile.name), out.maker());
  if (!body)
    return reason_of(a, shop, src, std::move(body).error());
  auto made = exec::decode_hls_answer(*body);
  if (!made)
    return std::move(made).error();
  a.operation = made->operation;
  TROUPE_TRY(out.check(files_of(*made)));
  TROUPE_TRY(check_playlists(shop, out, *made));
  TROUPE_TRY(check_unchanged(a, shop, src));
  if (a.stopped())
    return error{errc::cancelled};
  a.stage(publish_from, "publish", "putting the result in place");
  auto row = describe(a.what().token, *asked, media, *made);
  row.version = src.known_as;
  row.size = out.bytes();
  TROUPE_TRY(out.publish(a, row.file));
  return encode(transcode_result{row});
}

} // namespace troupe::work
