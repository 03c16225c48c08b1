#include "actors/media/rendition_file.hpp"

namespace troupe::work {

namespace {

rendition describe(const lease_token& token, const transcode_payload& asked, uint64_t size, const media_info& output,
                   std::string file) {
  rendition out;
  out.video = asked.video;
  out.profile = asked.profile.name;
  out.file = std::move(file);
  out.size = size;
  out.duration = output.duration;
  if (auto s = output.first("video")) {
    out.width = s->width;
    out.height = s->height;
    out.video_codec = s->codec;
  }
  if (auto s = output.first("audio"))
    out.audio_codec = s->codec;
  out.container = asked.profile.container;
  out.made_by = token.job.str();
  return out;
}

} // namespace

result<std::string> rendition_extension(const media_profile& profile) {
  auto extension = extension_of("x." + profile.extension);
  if (extension.empty())
    return {errc::validation, "the extension of the profile has to be letters and digits, at most 8"};
  return extension;
}

result<std::string> verify_rendition(attempt& a, const workshop& shop, const rendition_order& order,
                                     const exec::transcode_answer& encoded, const std::string& path,
                                     std::vector<chunk_piece> pieces) {
  TROUPE_TRY(check_unchanged(a, shop, order.from));
  a.stage(verify_from, "verify", "reading the result to its end");
  auto made = open_source(shop, path);
  if (!made)
    return std::move(made).error();
  exec::request request;
  request.op = exec::op::verify;
  request.name_hint = made->hint;
  request.profile = order.asked.profile;
  request.source = order.media;
  request.copied = encoded.copied;
  request.frames = encoded.frames;
  request.film_seconds = encoded.film_seconds;
  request.spans = encoded.spans;
  request.empty = encoded.empty;
  request.full = true;
  request.pieces = std::move(pieces);
  auto body = a.execute(std::move(request), {made->file},
                        within(a, verify_from, publish_from, "verify", "reading the result to its end"));
  if (!body)
    return std::move(body).error();
  auto answer = exec::decode_verify_answer(*body);
  if (!answer)
    return std::move(answer).error();
  std::string reasons;
  for (auto& reason : answer->reasons)
    reasons += (reasons.empty() ? "" : "; ") + reason;
  return answer->ok ? std::string{} : reasons.empty() ? "without a reason" : reasons;
}

result<std::string> publish_rendition(attempt& a, const workshop& shop, const rendition_order& order,
                                      const exec::transcode_answer& encoded, const std::string& path) {
  auto extension = rendition_extension(order.asked.profile);
  if (!extension)
    return extension;
  if (a.stopped())
    return error{errc::cancelled};
  a.stage(publish_from, "publish", "putting the result in place");
  auto made = shop.files->version_of(path);
  if (!made)
    return std::move(made).error();
  auto file = "renditions/" + output_name(a.what().token) + "." + *extension;
  TROUPE_TRY(publish_file(a, shop, path, file));
  auto row = describe(a.what().token, order.asked, made->size, encoded.output, file);
  row.version = order.from.known_as;
  return encode(transcode_result{std::move(row)});
}

} // namespace troupe::work
