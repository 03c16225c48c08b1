#include "actors/media/transcode.hpp"

#include "actors/media/payloads.hpp"

namespace troupe::work {

namespace {

// Parts of the whole: encoding takes nearly all of the time.
constexpr double encode_from = 0.02;
constexpr double verify_from = 0.90;
constexpr double publish_from = 0.98;

result<exec::transcode_answer> encode_to(attempt& a, const workshop& shop, const source& src, const media_info& media,
                                         const media_profile& profile, const std::string& path) {
  auto output = shop.files->create(path);
  if (!output)
    return std::move(output).error();
  exec::request request;
  request.op = exec::op::transcode;
  request.name_hint = src.hint;
  request.profile = profile;
  request.source = media;
  auto body = a.execute(std::move(request), {src.fd, std::make_shared<const unique_fd>(std::move(*output))},
                        within(a, encode_from, verify_from, "transcode", "making " + profile.name));
  if (!body)
    return std::move(body).error();
  return exec::decode_transcode_answer(*body);
}

result<exec::verify_answer> verify(attempt& a, const source& made, const media_info& media,
                                   const media_profile& profile, const exec::transcode_answer& encoded) {
  exec::request request;
  request.op = exec::op::verify;
  request.name_hint = made.hint;
  request.profile = profile;
  request.source = media;
  request.copied = encoded.copied;
  request.frames = encoded.frames;
  request.film_seconds = encoded.film_seconds;
  request.spans = encoded.spans;
  request.empty = encoded.empty;
  request.full = true;
  auto body = a.execute(std::move(request), {made.fd},
                        within(a, verify_from, publish_from, "verify", "reading the result to its end"));
  if (!body)
    return std::move(body).error();
  auto answer = exec::decode_verify_answer(*body);
  if (!answer || answer->ok)
    return answer;
  std::string reasons;
  for (auto& reason : answer->reasons)
    reasons += (reasons.empty() ? "" : "; ") + reason;
  return {errc::internal, "the result did not pass verification: " + reasons};
}

rendition describe(const lease_token& token, const transcode_payload& asked, const source& made,
                   const media_info& output, std::string file) {
  rendition out;
  out.video = asked.video;
  out.profile = asked.profile.name;
  out.file = std::move(file);
  out.size = made.version.size;
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

result<std::string> transcode(attempt& a, const workshop& shop) {
  auto asked = decode_transcode_payload(a.what().payload);
  if (!asked)
    return std::move(asked).error();
  auto extension = extension_of("x." + asked->profile.extension);
  if (extension.empty())
    return {errc::validation, "the extension of the profile has to be letters and digits, at most 8"};
  auto seen = examine(a, shop, asked->video, content::present);
  if (!seen)
    return std::move(seen).error();
  const auto& [src, media] = *seen;
  scratch_folder scratch{shop, a.what().token};
  auto path = scratch.file("out." + extension);
  a.stage(encode_from, "transcode", "making " + asked->profile.name);
  auto encoded = encode_to(a, shop, src, media, asked->profile, path);
  if (!encoded)
    return reason_of(a, shop, src, std::move(encoded).error());
  a.operation = encoded->operation;
  TROUPE_TRY(check_unchanged(shop, src));
  a.stage(verify_from, "verify", "reading the result to its end");
  auto made = open_source(shop, path);
  if (!made)
    return std::move(made).error();
  if (auto verified = verify(a, *made, media, asked->profile, *encoded); !verified)
    return std::move(verified).error();
  if (a.stopped())
    return error{errc::cancelled};
  a.stage(publish_from, "publish", "putting the result in place");
  auto file = "renditions/" + output_name(a.what().token) + "." + extension;
  TROUPE_TRY(shop.files->publish(path, shop.data_folder + "/" + file));
  return encode(transcode_result{describe(a.what().token, *asked, *made, encoded->output, file)});
}

} // namespace troupe::work
