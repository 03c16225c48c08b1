// The parts of a transcode on several nodes: one piece each.

#include "actors/media/chunk_payloads.hpp"
#include "actors/media/remote_source.hpp"
#include "actors/media/split_transcode.hpp"

namespace troupe::work {

namespace {

/// The film that a part is of, opened, and known to be what was planned.
struct part_source {
  split_film film;
  source file;
};

result<part_source> open_film(attempt& a, const workshop& shop) {
  auto film = decode_split_film(a.what().state);
  if (!film)
    return {errc::conflict, "the transcode that this part is of has ended, or goes another way by now"};
  auto where = shop.find_source(film->video);
  if (!where)
    return std::move(where).error();
  where->version = film->version;
  auto file = open_source(a, shop, *where);
  if (!file)
    return std::move(file).error();
  if (file->known_as != film->version) {
    a.cls = error_class::permanent;
    return {errc::conflict, where->path + ": the file has changed since the film was cut; start the transcode again"};
  }
  return part_source{std::move(*film), std::move(*file)};
}

exec::request request_for(exec::op what, const part_source& src) {
  exec::request out;
  out.op = what;
  out.name_hint = src.file.hint;
  out.profile = src.film.profile;
  out.source = src.film.media;
  return out;
}

/// The source as the part reads it: of a file of another node little more than its share is fetched.
result<operation_file> for_part(const source& src, const split_film& film, uint32_t index) {
  if (!src.remote)
    return src.file;
  auto seconds = seconds_of(film.chunks, film.media.duration);
  auto share = film.media.duration > 0 ? seconds[index] / film.media.duration : 1.0;
  return src.remote->file(static_cast<uint64_t>(share * static_cast<double>(src.version.size)));
}

/// Puts the piece beside the others of its film.
result<piece_result> publish_piece(attempt& a, const workshop& shop, const std::string& path,
                                   const std::string& extension, job_id film) {
  piece_result out;
  auto made = shop.files->version_of(path);
  if (!made)
    return std::move(made).error();
  if (a.stopped())
    return error{errc::cancelled};
  out.file = pieces_folder(film) + "/" + output_name(a.what().token) + "." + extension;
  out.size = made->size;
  TROUPE_TRY(publish_file(a, shop, path, out.file));
  return out;
}

} // namespace

result<std::string> encode_chunk(attempt& a, const workshop& shop) {
  auto index = decode_chunk_payload(a.what().payload);
  if (!index)
    return std::move(index).error();
  auto src = open_film(a, shop);
  if (!src)
    return std::move(src).error();
  if (*index >= src->film.chunks.size())
    return {errc::validation, "the film has no part " + std::to_string(*index)};
  scratch_folder scratch{shop, a.what().token};
  auto path = scratch.file("piece.mp4");
  auto output = shop.files->create(path);
  if (!output)
    return std::move(output).error();
  auto request = request_for(exec::op::encode_chunk, *src);
  request.chunk = src->film.chunks[*index];
  auto file = for_part(src->file, src->film, *index);
  if (!file)
    return std::move(file).error();
  auto name = "part " + std::to_string(*index + 1) + " of " + std::to_string(src->film.chunks.size());
  auto body = a.execute(std::move(request), {*file, std::make_shared<const unique_fd>(std::move(*output))},
                        within(a, 0, 1, "transcode", "making " + name));
  if (!body)
    return reason_of(a, shop, src->file, std::move(body).error());
  auto made = exec::decode_encode_chunk_answer(*body);
  if (!made)
    return std::move(made).error();
  a.operation = made->operation;
  TROUPE_TRY(check_unchanged(a, shop, src->file));
  auto out = publish_piece(a, shop, path, "mp4", a.what().parent);
  if (!out)
    return std::move(out).error();
  out->piece = made->piece;
  return encode(*out);
}

result<std::string> encode_audio(attempt& a, const workshop& shop) {
  auto src = open_film(a, shop);
  if (!src)
    return std::move(src).error();
  auto extension = rendition_extension(src->film.profile);
  if (!extension)
    return extension;
  scratch_folder scratch{shop, a.what().token};
  auto path = scratch.file("sound." + *extension);
  auto output = shop.files->create(path);
  if (!output)
    return std::move(output).error();
  auto body = a.execute(request_for(exec::op::encode_audio, *src),
                        {src->file.file, std::make_shared<const unique_fd>(std::move(*output))},
                        within(a, 0, 1, "transcode", "making the sound"));
  if (!body)
    return reason_of(a, shop, src->file, std::move(body).error());
  auto made = exec::decode_transcode_answer(*body);
  if (!made)
    return std::move(made).error();
  a.operation = made->operation;
  TROUPE_TRY(check_unchanged(a, shop, src->file));
  if (made->nothing)
    // A film of pictures only.
    return encode(piece_result{.file = {}, .is_sound = true});
  auto out = publish_piece(a, shop, path, *extension, a.what().parent);
  if (!out)
    return std::move(out).error();
  out->is_sound = true;
  out->empty = made->empty;
  return encode(*out);
}

} // namespace troupe::work
