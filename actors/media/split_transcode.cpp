#include "actors/media/split_transcode.hpp"

#include "actors/media/chunk_payloads.hpp"
#include "actors/media/far_files.hpp"
#include "actors/media/work_sizes.hpp"
#include "protocol/model/encoders.hpp"
#include "protocol/model/job_kinds.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

namespace troupe::work {

namespace {

/// The parts' share of the whole.
constexpr double parts_to = 0.88;
/// Parts whose pieces vanish or are damaged are made again so often, all in all; then the film is made in one piece.
constexpr uint32_t most_rounds = 4;

job_spec part_of(const char* kind, std::string payload, const std::string& codec) {
  job_spec out;
  out.kind = kind;
  out.payload = std::move(payload);
  if (auto encoder = software_encoder_for(codec); !encoder.empty())
    out.needs = {encoder_capability(encoder)};
  return out;
}

double megapixels(const media_info& media) {
  auto* video = media.first("video");
  return video ? static_cast<double>(video->width) * video->height / 1e6 : 1;
}

/// What a worker offers that sees the coordinator's data folder: a good place to join, where the result is to be.
constexpr const char* near_the_output = "data";

result<exec::plan_chunks_answer> plan(attempt& a, const rendition_order& order, const std::vector<double>& lengths) {
  exec::request request;
  request.op = exec::op::plan_chunks;
  request.name_hint = order.from.hint;
  request.profile = order.asked.profile;
  request.source = order.media;
  request.wishes.lengths = lengths;
  request.wishes.min_seconds = split_rules{}.min_seconds / 2;
  auto body = a.execute(std::move(request), {order.from.file});
  if (!body)
    return std::move(body).error();
  return exec::decode_plan_chunks_answer(*body);
}

delegation hand_on(const split_film& film, library_id library, std::string state) {
  delegation out;
  auto seconds = seconds_of(film.chunks, film.media.duration);
  // The sound first: it is one piece, however long it takes. It is no part of the progress and its speed.
  out.jobs.push_back(part_of("encode_audio", "{}", film.profile.audio_codec));
  out.jobs.back().work = work_of_sound(film.profile, film.media);
  out.shares.push_back(0);
  for (uint32_t i = 0; i < film.chunks.size(); ++i) {
    out.jobs.push_back(part_of("encode_chunk", encode_chunk_payload(i), film.profile.video_codec));
    out.jobs.back().work = seconds[i] * megapixels(film.media);
    out.shares.push_back(seconds[i]);
  }
  out.next.state = std::move(state);
  out.next.from = encode_from;
  out.next.to = parts_to;
  out.next.stage = "transcode";
  // Nothing beside it: all that is preferred counts the same, and of the source a join reads next to nothing.
  out.next.prefers = {near_the_output};
  for (auto& part : out.jobs)
    part.prefers = {library_capability(library)};
  return out;
}

/// What came of the parts.
struct collected_parts {
  /// By chunk; nothing where none was made.
  std::vector<std::optional<piece_result>> pieces;
  std::optional<piece_result> sound;
  /// Children whose results are used.
  std::vector<job_id> used;
  /// The first part that failed for good; a copy of it may have been made elsewhere.
  std::optional<child_end> failed;

  bool all_made() const {
    return sound && std::all_of(pieces.begin(), pieces.end(), [](auto& x) { return x.has_value(); });
  }
};

collected_parts collect(const attempt& a, const split_film& film) {
  collected_parts out;
  out.pieces.resize(film.chunks.size());
  for (auto& child : a.what().children) {
    if (child.state == job_state::failed && !out.failed && child.failure.code != errc::not_found)
      out.failed = child;
    auto made = child.state == job_state::completed ? decode_piece_result(child.result)
                                                    : result<piece_result>{errc::not_found, ""};
    if (!made)
      continue;
    auto& place = made->is_sound || made->piece.index >= out.pieces.size() ? out.sound : out.pieces[made->piece.index];
    if (place || (!made->is_sound && made->piece.index >= out.pieces.size()))
      continue;
    place = std::move(*made);
    out.used.push_back(child.id);
  }
  return out;
}

/// The files of the pieces, opened in the order of the film; those that can't be opened are forgotten.
struct opened_parts {
  std::vector<shared_fd> pieces;
  shared_fd sound;
  bool complete = true;
  /// What was fetched from another node stays here as long.
  std::vector<source> fetched;
};

/// Errors: what may be better the next time. A piece that is not there is no error: `part` is empty then.
result<shared_fd> open_part(attempt& a, const workshop& shop, std::optional<piece_result>& part,
                            std::vector<source>& fetched) {
  auto file =
    shop.shares_data ? open_source(shop, shop.data_folder + "/" + part->file) : shop.far->fetch(a, part->file);
  const auto gone = [](errc code) { return code == errc::not_found || code == errc::bad_media; };
  if (!file && !gone(file.error().code))
    return std::move(file).error();
  if (!file || file->version.size != part->size) {
    part.reset();
    return shared_fd{};
  }
  auto out = file->file.fd;
  fetched.push_back(std::move(*file));
  return out;
}

result<opened_parts> open_parts(attempt& a, const workshop& shop, collected_parts& parts) {
  opened_parts out;
  for (auto& piece : parts.pieces) {
    auto file = piece ? open_part(a, shop, piece, out.fetched) : result<shared_fd>{shared_fd{}};
    if (!file)
      return std::move(file).error();
    out.complete &= *file != nullptr;
    out.pieces.push_back(std::move(*file));
  }
  // A film without anything but pictures has an answer, and no file.
  if (parts.sound && !parts.sound->file.empty()) {
    auto file = open_part(a, shop, parts.sound, out.fetched);
    if (!file)
      return std::move(file).error();
    out.sound = std::move(*file);
  }
  out.complete &= parts.sound.has_value();
  return out;
}

/// Only what is lost, or `why` else it is not there, is made again.
result<std::string> make_again(attempt& a, split_film film, library_id library, const collected_parts& parts,
                               const char* why = "lost") {
  ++film.rounds;
  auto out = hand_on(film, library, encode(film));
  std::vector<job_spec> jobs;
  std::vector<double> shares;
  for (size_t i = 0; i < out.jobs.size(); ++i)
    if (i == 0 ? !parts.sound : !parts.pieces[i - 1]) {
      jobs.push_back(std::move(out.jobs[i]));
      shares.push_back(out.shares[i]);
    }
  a.operation = "parts that were " + std::string{why} + " and are made again: " + std::to_string(jobs.size());
  out.jobs = std::move(jobs);
  out.shares = std::move(shares);
  for (auto& child : a.what().children)
    if (std::find(parts.used.begin(), parts.used.end(), child.id) != parts.used.end()) {
      auto made = decode_piece_result(child.result);
      bool still = made && (made->is_sound ? parts.sound.has_value() : parts.pieces[made->piece.index].has_value());
      if (still)
        out.keep.push_back(child.id);
    }
  a.handed_on = std::move(out);
  return std::string{};
}

result<exec::transcode_answer> join(attempt& a, const workshop& shop, const rendition_order& order,
                                    const collected_parts& parts, const opened_parts& files, const std::string& path) {
  auto output = shop.files->create(path);
  if (!output)
    return std::move(output).error();
  exec::request request;
  request.op = exec::op::join;
  request.name_hint = order.from.hint;
  request.profile = order.asked.profile;
  request.source = order.media;
  // As its parts were made.
  request.profile.hardware = false;
  request.has_audio = files.sound != nullptr;
  if (parts.sound)
    request.empty = parts.sound->empty;
  for (auto& piece : parts.pieces)
    request.pieces.push_back(piece->piece);
  std::vector<operation_file> files_of_it{order.from.file, std::make_shared<const unique_fd>(std::move(*output))};
  if (files.sound)
    files_of_it.push_back(files.sound);
  files_of_it.insert(files_of_it.end(), files.pieces.begin(), files.pieces.end());
  auto body = a.execute(std::move(request), std::move(files_of_it),
                        within(a, parts_to, verify_from, "join", "joining " + order.asked.profile.name));
  if (!body)
    return std::move(body).error();
  return exec::decode_transcode_answer(*body);
}

/// What has become of the parts.
struct joint_film {
  /// The result of the transcode; nothing when the parts make no film, which says nothing about the source.
  std::optional<std::string> made{};
  std::string why_not{};
  /// The only piece that is to blame, by its chunk; nothing when that is not known.
  std::optional<uint32_t> damaged{};
};

/// The executor may say anything.
std::optional<uint32_t> damaged_piece(const error& why, const collected_parts& parts) {
  for (auto& [field, value] : why.fields) {
    uint32_t index = 0;
    auto end = value.data() + value.size();
    if (auto read = std::from_chars(value.data(), end, index);
        field == exec::damaged_piece_field && read.ec == std::errc{} && read.ptr == end && index < parts.pieces.size())
      return index;
  }
  return std::nullopt;
}

result<joint_film> make_of_parts(attempt& a, const workshop& shop, const rendition_order& order,
                                 const collected_parts& parts, const opened_parts& files) {
  auto extension = rendition_extension(order.asked.profile);
  if (!extension)
    return std::move(extension).error();
  scratch_folder scratch{shop, a.what().token};
  auto path = scratch.file("out." + *extension);
  a.stage(parts_to, "join", "joining " + order.asked.profile.name);
  auto joined = join(a, shop, order, parts, files, path);
  if (!joined && a.cls == error_class::permanent)
    return joint_film{{}, joined.error().message, damaged_piece(joined.error(), parts)};
  if (!joined)
    return reason_of(a, shop, order.from, std::move(joined).error());
  a.operation = joined->operation;
  for (auto& piece : files.fetched)
    if (piece.remote)
      TROUPE_TRY(piece.remote->check_kept());
  std::vector<chunk_piece> pieces;
  for (auto& piece : parts.pieces)
    pieces.push_back(piece->piece);
  auto wrong = verify_rendition(a, shop, order, *joined, path, std::move(pieces));
  if (!wrong)
    return std::move(wrong).error();
  if (!wrong->empty())
    return joint_film{{}, *wrong};
  auto out = publish_rendition(a, shop, order, *joined, path);
  return out ? result<joint_film>{joint_film{std::move(*out)}} : std::move(out).error();
}

/// A piece that is damaged once more has another cause than the disk that it was on.
bool may_mend(const split_film& film, const joint_film& x) {
  return x.damaged && film.rounds < most_rounds
         && std::find(film.damaged.begin(), film.damaged.end(), *x.damaged) == film.damaged.end();
}

} // namespace

result<bool> split_up(attempt& a, const workshop& shop, const rendition_order& order) {
  (void)shop;
  const split_rules rules;
  const auto& lanes = a.what().lanes;
  // Said to be one: what was begun in parts and failed is not cut again.
  if (a.what().failures > 0 || !worth_splitting(order.media.duration, lanes, rules))
    return false;
  a.stage(encode_from, "plan", "looking where the film can be cut");
  auto planned = plan(a, order, part_lengths(order.media.duration, lanes, rules));
  if (!planned)
    return std::move(planned).error();
  if (planned->chunks.size() < 2)
    return false;
  split_film film{order.asked.video, order.from.known_as, order.asked.profile, order.media, std::move(planned->chunks)};
  // A card has other headers than libraries have, and not every node has one: pieces have to be of one kind.
  film.profile.hardware = false;
  auto state = encode(film);
  // A file with a book of tags: more than a row should hold.
  if (state.size() > max_payload_bytes)
    return false;
  a.operation =
    "cut into " + std::to_string(film.chunks.size()) + " parts for " + std::to_string(lanes.size()) + " nodes";
  a.handed_on = hand_on(film, order.from.library, std::move(state));
  return true;
}

result<std::string> join_parts(attempt& a, const workshop& shop, const rendition_order& order, whole_function whole) {
  auto film = decode_split_film(a.what().state);
  if (!film)
    return std::move(film).error();
  auto parts = collect(a, *film);
  // Pieces of another content fit no more; and what can't be made in parts may still be made whole.
  if (!same_content(film->version, order.from.known_as) || (parts.failed && !parts.all_made()))
    return whole(a, shop, order);
  auto files = open_parts(a, shop, parts);
  if (!files)
    return std::move(files).error();
  if (!files->complete)
    return film->rounds < most_rounds ? make_again(a, std::move(*film), order.from.library, parts)
                                      : whole(a, shop, order);
  auto made = make_of_parts(a, shop, order, parts, *files);
  if (!made || made->made)
    return made ? result<std::string>{std::move(*made->made)} : std::move(made).error();
  files = opened_parts{};
  a.cls.reset();
  if (may_mend(*film, *made)) {
    spdlog::warn("transcode {}: part {} is made again: {}", a.what().token.str(), *made->damaged + 1, made->why_not);
    film->damaged.push_back(*made->damaged);
    parts.pieces[*made->damaged].reset();
    return make_again(a, std::move(*film), order.from.library, parts, "damaged");
  }
  spdlog::warn("transcode {}: made in one piece, for its parts can't be joined: {}", a.what().token.str(),
               made->why_not);
  return whole(a, shop, order);
}

} // namespace troupe::work
