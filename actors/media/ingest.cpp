#include "actors/media/ingest.hpp"

#include "actors/media/payloads.hpp"
#include "protocol/model/json.hpp"

#include <algorithm>
#include <set>

namespace troupe::work {

namespace {

/// Something that a picture can be taken from: film, a cover, or sound (its waveform).
bool has_picture(const media_info& media) {
  return std::any_of(media.streams.begin(), media.streams.end(),
                     [](auto& s) { return s.kind == "video" || s.kind == "audio"; });
}

/// Published files that are taken back unless all went well.
class publication {
public:
  publication(attempt& a, const workshop& shop) : attempt_(a), shop_(shop) {
  }
  ~publication() {
    // Files without a row are nobody's: the scheduled cleanup takes what stays, and all of it on another node.
    if (!shop_.shares_data)
      return;
    for (auto& file : files_)
      (void)shop_.files->remove(shop_.data_folder + "/" + file);
  }
  publication(const publication&) = delete;
  publication& operator=(const publication&) = delete;

  result<void> publish(const std::string& from, const std::string& file) {
    TROUPE_TRY(publish_file(attempt_, shop_, from, file));
    files_.push_back(file);
    return {};
  }
  void keep() {
    files_.clear();
  }

private:
  attempt& attempt_;
  const workshop& shop_;
  std::vector<std::string> files_;
};

/// Ids begin with the time: their end spreads over the folders.
std::string picture_file(const lease_token& token, const std::string& name) {
  auto job = token.job.str();
  return "artwork/" + job.substr(job.size() - 2) + "/" + output_name(token) + "-" + name;
}

/// "320.jpg"
std::string picture_name(uint32_t width, exec::picture_format format) {
  return std::to_string(width) + (format == exec::picture_format::webp ? ".webp" : ".jpg");
}

std::vector<exec::picture_request> wanted_pictures(const workshop& shop) {
  std::vector<exec::picture_request> out;
  for (auto format : {exec::picture_format::jpeg, exec::picture_format::webp})
    for (auto width : shop.thumbnail_widths)
      if (format == exec::picture_format::jpeg || shop.webp)
        out.push_back({width, format});
  return out;
}

video describe(const ingest_payload& asked, const source& src, const media_info& media) {
  video out;
  out.id = asked.video;
  out.library = asked.library;
  out.category = asked.category;
  out.path = asked.relative_path;
  out.version = src.known_as;
  out.state = video_state::ready;
  auto tag = media.tags.find("title");
  auto name = src.path.substr(src.path.rfind('/') + 1);
  out.title = !asked.title.empty()                              ? asked.title
              : tag != media.tags.end() && !tag->second.empty() ? tag->second
                                                                : name.substr(0, name.rfind('.'));
  out.duration = media.duration;
  out.container = media.format;
  if (auto s = media.first("video")) {
    bool turned = s->rotation == 90 || s->rotation == 270;
    out.width = turned ? s->height : s->width;
    out.height = turned ? s->width : s->height;
    out.video_codec = s->codec;
  }
  if (auto s = media.first("audio"))
    out.audio_codec = s->codec;
  out.media = encode(media);
  return out;
}

result<located> place_of(const workshop& shop, const ingest_payload& asked) {
  auto where = shop.place_of ? shop.place_of(asked.library, asked.relative_path, asked.path)
                             : result<located>{located{asked.path, {}, asked.library, asked.relative_path}};
  if (where)
    where->version = asked.version;
  return where;
}

} // namespace

result<std::vector<picture>> make_thumbnails(attempt& a, const workshop& shop, const source& src,
                                             const media_info& media) {
  if (!has_picture(media))
    return std::vector<picture>{};
  scratch_folder scratch{shop, a.what().token};
  exec::request request;
  request.op = exec::op::thumbnail;
  request.name_hint = src.hint;
  auto wanted = wanted_pictures(shop);
  request.pictures = wanted;
  request.source = media;
  std::vector<operation_file> files{src.file};
  for (auto& p : wanted) {
    auto file = shop.files->create(scratch.file(picture_name(p.width, p.format)));
    if (!file)
      return std::move(file).error();
    files.push_back(std::make_shared<const unique_fd>(std::move(*file)));
  }
  auto body = a.execute(std::move(request), std::move(files));
  if (!body)
    return std::move(body).error();
  auto made = exec::decode_thumbnail_answer(*body);
  if (!made)
    return std::move(made).error();
  if (made->pictures.size() != wanted.size())
    return {errc::protocol, "the executor made another number of pictures than it was asked for"};
  TROUPE_TRY(check_unchanged(a, shop, src));
  publication out{a, shop};
  std::vector<picture> pictures;
  std::set<std::string> names;
  for (size_t i = 0; i < made->pictures.size(); ++i) {
    auto& p = made->pictures[i];
    // Never upscaled, so a small film gives the same picture more than once.
    auto name = picture_name(p.width, wanted[i].format);
    if (p.bytes == 0 || !names.insert(name).second)
      continue;
    if (a.stopped())
      return error{errc::cancelled};
    auto file = picture_file(a.what().token, name);
    TROUPE_TRY(out.publish(scratch.file(picture_name(wanted[i].width, wanted[i].format)), file));
    pictures.push_back({p.width, p.height, file});
  }
  out.keep();
  return pictures;
}

result<std::string> ingest(attempt& a, const workshop& shop) {
  auto asked = decode_ingest_payload(a.what().payload);
  if (!asked)
    return std::move(asked).error();
  a.stage(0.1, "probe", "reading " + asked->relative_path);
  auto where = place_of(shop, *asked);
  if (!where)
    return std::move(where).error();
  auto src = open_source(a, shop, *where);
  if (!src)
    return std::move(src).error();
  auto media = extract_metadata(a, *src);
  if (!media)
    return reason_of(a, shop, *src, std::move(media).error());
  a.stage(0.5, "thumbnails", "taking pictures");
  auto pictures = make_thumbnails(a, shop, *src, *media);
  if (!pictures) {
    auto why = reason_of(a, shop, *src, std::move(pictures).error());
    // Sound is worth having without a picture; film that shows none is damaged.
    if (why.code != errc::bad_media || media->first("video") != nullptr)
      return why;
    a.cls.reset();
    pictures = std::vector<picture>{};
  }
  a.stage(0.9, "index", "adding to the catalogue");
  ingest_result out{describe(*asked, *src, *media)};
  out.item.thumbnails = std::move(*pictures);
  return encode(out);
}

} // namespace troupe::work
