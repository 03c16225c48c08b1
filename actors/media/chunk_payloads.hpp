#pragma once

// What the jobs of a transcode on several nodes tell each other, as payloads.hpp has it for the others.

#include "protocol/model/catalogue.hpp"
#include "protocol/model/chunks.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/result.hpp"

namespace troupe::work {

/// What a transcode leaves for its parts and for itself when it goes on (continuation::state):
/// {"videoId","version","profile":{…},"media":{…},"chunks":[…],"rounds","damaged":[…]}.
struct split_film {
  video_id video;
  /// The content that was planned: every part is of the same.
  file_version version;
  media_profile profile;
  media_info media;
  std::vector<media_chunk> chunks;
  /// How often parts were handed on: pieces that vanish again and again end it.
  uint32_t rounds = 1;
  /// Chunks whose pieces were damaged and have been made again.
  std::vector<uint32_t> damaged{};
};
std::string encode(const split_film& x);
result<split_film> decode_split_film(std::string_view json);

/// {"index"}: the payload of an encode_chunk job; position in split_film::chunks. That of encode_audio is {}.
std::string encode_chunk_payload(uint32_t index);
result<uint32_t> decode_chunk_payload(std::string_view json);

/// {"file","size","piece":{…}} of encode_chunk, {"file","size","empty"} of encode_audio, whose file is empty for a film
/// that has nothing beside its pictures. `file` is relative to the data folder.
struct piece_result {
  std::string file;
  uint64_t size = 0;
  /// Index ~0: sound.
  chunk_piece piece{};
  bool is_sound = false;
  /// Of the sound: streams of the source of which nothing came.
  std::vector<uint32_t> empty{};
};
std::string encode(const piece_result& x);
result<piece_result> decode_piece_result(std::string_view json);

/// The folder with the pieces of this transcode, relative to the data folder.
std::string pieces_folder(job_id transcode);

} // namespace troupe::work
