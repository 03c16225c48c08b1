#include "tests/unit/media/chunked.hpp"

#include "media/chunk_encode.hpp"
#include "media/chunk_plan.hpp"
#include "media/join.hpp"
#include "media/probe.hpp"
#include "media/transcode.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

namespace media_test {

using namespace troupe;

namespace {

template <class T>
T taken(result<T> x, const std::string& what) {
  if (!x)
    throw std::runtime_error(what + ": " + x.error().message);
  return std::move(*x);
}

int64_t microseconds(const std::string& seconds) {
  return std::llround(std::stod(seconds) * 1e6);
}

} // namespace

exec::request chunk_request(const std::string& source, const media_profile& profile) {
  exec::request r;
  r.name_hint = extension(source);
  r.profile = profile;
  r.source = taken(media::probe(open_source(source).get(), r.name_hint, quiet_task()), "probe");
  return r;
}

exec::transcode_answer make_whole(const exec::request& request, const std::string& source, const std::string& name) {
  auto r = request;
  r.op = exec::op::transcode;
  return taken(media::transcode(open_source(source).get(), open_output(name).get(), r, quiet_task()), "whole");
}

chunked_film encode_pieces(const exec::request& request, const std::string& source, uint32_t count) {
  chunked_film film;
  auto r = request;
  auto in = open_source(source);
  r.wishes.count = count;
  r.wishes.min_seconds = 0.1;
  film.plan = taken(media::plan_chunks(in.get(), r, quiet_task()), "plan");
  static int number = 0;
  const auto prefix = scratch("piece" + std::to_string(++number) + "-");
  for (auto& chunk : film.plan.chunks) {
    r.chunk = chunk;
    film.piece_paths.push_back(prefix + std::to_string(chunk.index) + ".mp4");
    auto name = "chunk " + std::to_string(chunk.index + 1) + " of " + std::to_string(chunk.count);
    auto out = open_output(film.piece_paths.back());
    film.pieces.push_back(taken(media::encode_chunk(in.get(), out.get(), r, quiet_task()), name).piece);
  }
  film.audio_path = prefix + "audio." + r.profile.extension;
  auto audio = media::encode_audio(in.get(), open_output(film.audio_path).get(), r, quiet_task());
  auto sound = taken(std::move(audio), "audio");
  film.empty = sound.empty;
  if (sound.nothing)
    film.audio_path.clear();
  return film;
}

result<exec::transcode_answer> join_pieces(const chunked_film& film, const exec::request& request,
                                           const std::string& source, const std::string& name) {
  auto r = request;
  r.pieces = film.pieces;
  r.has_audio = !film.audio_path.empty();
  r.empty = film.empty;
  std::vector<media::owned_fd> files;
  std::vector<int> fds;
  for (auto& path : film.piece_paths) {
    files.push_back(open_source(path));
    fds.push_back(files.back().get());
  }
  auto audio = r.has_audio ? open_source(film.audio_path) : media::owned_fd{};
  return media::join(open_source(source).get(), open_output(name).get(), r.has_audio ? audio.get() : -1, fds, r,
                     quiet_task());
}

chunked_film make_chunked(const exec::request& request, const std::string& source, uint32_t count,
                          const std::string& name) {
  auto film = encode_pieces(request, source, count);
  if (film.plan.chunks.empty())
    throw std::runtime_error("not cut: " + film.plan.reason);
  film.joined = taken(join_pieces(film, request, source, name), "join");
  film.path = name;
  return film;
}

seen_film look_at(const std::string& path) {
  auto seen = nlohmann::json::parse(
    output_of("ffprobe -v error -of json -show_packets -show_frames -show_entries "
              "packet=codec_type,stream_index,pts,dts,pts_time:frame=media_type,pts_time:packet_side_data= "
              + path));
  seen_film film;
  std::map<int, int64_t> last;
  for (auto& x : seen.at("packets_and_frames")) {
    if (!x.contains("pts_time"))
      continue;
    const auto time = microseconds(x["pts_time"].get<std::string>());
    if (x["type"] == "frame" && x["media_type"] == "video")
      film.frames.push_back(time);
    if (x["type"] != "packet")
      continue;
    const auto stream = x["stream_index"].get<int>();
    const auto dts = x["dts"].get<int64_t>();
    film.in_order &= dts <= x["pts"].get<int64_t>() && (!last.count(stream) || last[stream] < dts);
    last[stream] = dts;
    if (x["codec_type"] == "audio")
      film.sound.push_back(time);
  }
  if (!film.sound.empty())
    film.sound_hash = output_of("ffmpeg -nostdin -v error -i " + path + " -map 0:a -f md5 -");
  return film;
}

double worst_ssim(const std::string& a, const std::string& b) {
  const auto list = scratch("ssim.txt");
  output_of("ffmpeg -nostdin -v error -i " + a + " -i " + b
            + " -lavfi '[0:v]settb=1/1000,setpts=N[x];[1:v]settb=1/1000,setpts=N[y];[x][y]ssim=stats_file=" + list
            + "' -f null -");
  return std::stod(output_of("grep -o 'All:[0-9.]*' " + list + " | cut -d: -f2 | sort -n | head -1"));
}

double ssim(const std::string& a, const std::string& b) {
  auto text = output_of("ffmpeg -nostdin -hide_banner -i " + a + " -i " + b
                        + " -lavfi '[0:v]settb=1/1000,setpts=N[x];[1:v]settb=1/1000,setpts=N[y];[x][y]ssim' -f null - "
                          "2>&1 | grep -o 'All:[0-9.]*' | cut -d: -f2");
  if (text.empty())
    throw std::runtime_error("no similarity of " + a + " and " + b);
  return std::stod(text);
}

} // namespace media_test
