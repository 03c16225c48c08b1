#include "tests/unit/media/lab.hpp"

#include "media/log_capture.hpp"
#include "media/probe.hpp"
#include "media/transcode.hpp"
#include "media/verify.hpp"
#include "tests/support/unit_test.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

using namespace troupe;

namespace media_test {

namespace {

const std::vector<std::pair<char, rgb>> colors{
  {'r', {255, 0, 0}}, {'g', {0, 255, 0}}, {'b', {0, 0, 255}}, {'y', {255, 255, 0}}};

std::vector<double> numbers(const std::string& text) {
  std::vector<double> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && (std::isdigit(static_cast<unsigned char>(line[0])) || line[0] == '-'))
      out.push_back(std::stod(line));
  return out;
}

int number(const nlohmann::json& value) {
  return value.is_string() ? std::stoi(value.get<std::string>()) : value.get<int>();
}

nlohmann::json first_of(const std::string& path, const std::string& stream) {
  auto found = nlohmann::json::parse(
    output_of("ffprobe -v quiet -of json -show_streams -select_streams " + stream + " '" + path + "'"));
  if (found["streams"].empty())
    throw std::runtime_error(path + " has no stream " + stream);
  return found["streams"][0];
}

std::vector<float> decode_sound(const std::string& path, const std::string& stream, const std::string& more) {
  auto raw = output_of("ffmpeg -nostdin -v quiet -i '" + path + "' -map 0:" + stream + more + " -f f32le -");
  std::vector<float> out(raw.size() / sizeof(float));
  std::memcpy(out.data(), raw.data(), out.size() * sizeof(float));
  return out;
}

/// A picture from the middle of each, at one height, the source turned and stretched as a player would.
void leave_on_sheet(const outcome& o, const std::string& result, const std::string& label) {
  auto* folder = std::getenv("TROUPE_SHEET");
  if (!folder || label.empty() || streams(o, "video").empty())
    return;
  const auto at = std::to_string(o.source.duration / 2);
  try {
    ffmpeg(
      "-ss " + at + " -i '" + o.path + "' -ss " + at + " -i '" + result
      + "' -lavfi \"[0:v:0]scale='trunc(iw*if(sar,sar,1))':ih,setsar=1,scale=-2:180[a];[1:v:0]scale=-2:180,setsar=1[b];"
        "[a][b]hstack\" -frames:v 1 '"
      + std::string(folder) + "/" + label + ".png'");
  } catch (std::exception& e) {
    CAF_MESSAGE("no sheet of " << label << ": " << e.what());
  }
}

} // namespace

std::string outcome::text() const {
  if (!answer)
    return answer.error().message + " (" + media::log_capture::last() + ")";
  std::string out;
  for (auto& reason : check.reasons)
    out += (out.empty() ? "" : "; ") + reason;
  return out.empty() ? "ok" : out;
}

media_profile encoding(const char* name) {
  auto profile = *find_profile(name);
  profile.copy_fitting = false;
  // What is looked for here does not depend on it.
  if (profile.video_codec == "h264")
    profile.preset = "ultrafast";
  return profile;
}

outcome run(const std::string& path, const media_profile& profile, const std::string& label) {
  outcome o;
  o.path = path;
  auto source = open_source(path);
  auto info = media::probe(source.get(), extension(path), quiet_task());
  if (!info) {
    o.answer = info.error();
    return o;
  }
  o.source = *info;
  media::log_capture::clear();
  exec::request r;
  r.op = exec::op::transcode;
  r.name_hint = extension(path);
  r.profile = profile;
  r.source = *info;
  auto name = scratch("out." + profile.extension);
  auto output = open_output(name);
  o.answer = media::transcode(source.get(), output.get(), r, quiet_task());
  if (!o.answer)
    return o;
  r.op = exec::op::verify;
  r.copied = o.answer->copied;
  r.film_seconds = o.answer->film_seconds;
  r.spans = o.answer->spans;
  r.empty = o.answer->empty;
  r.frames = o.answer->frames;
  auto check = media::verify(output.get(), r, quiet_task());
  CAF_REQUIRE(check.has_value());
  o.check = *check;
  for (auto& reason : check->reasons)
    CAF_MESSAGE(path << ": " << reason);
  o.seen = ffprobe(name);
  leave_on_sheet(o, name, label);
  return o;
}

outcome run(const std::string& path, const char* name, bool copy) {
  auto profile = encoding(name);
  profile.copy_fitting = copy;
  return run(path, profile);
}

std::vector<nlohmann::json> streams(const outcome& o, const char* kind) {
  std::vector<nlohmann::json> found;
  if (o.seen.contains("streams"))
    for (auto& s : o.seen["streams"])
      if (s["codec_type"] == kind && !s["disposition"]["attached_pic"].get<int>())
        found.push_back(s);
  return found;
}

bool warned(const outcome& o, const std::string& text) {
  return o.answer && std::any_of(o.answer->warnings.begin(), o.answer->warnings.end(), [&](auto& line) {
           return line.find(text) != std::string::npos;
         });
}

std::string four_colors(int width, int height, double seconds, const std::string& rate) {
  const auto size = std::to_string(width / 2) + "x" + std::to_string(height / 2);
  const auto tail = ":s=" + size + ":d=" + std::to_string(seconds) + ":r=" + rate + ",format=gbrp";
  return "color=0xff0000" + tail + "[r];color=0x00ff00" + tail + "[g];color=0x0000ff" + tail + "[b];color=0xffff00"
         + tail + "[y];[r][g]hstack[t];[b][y]hstack[u];[t][u]vstack";
}

double pitch(int channel) {
  return 400 + 150 * channel;
}

std::string pitches(const std::string& layout, int channels, int rate, double seconds) {
  std::string text;
  for (int i = 0; i < channels; ++i)
    text += (i ? "|" : "") + ("0.25*sin(2*PI*t*" + std::to_string(pitch(i)) + ")");
  return "-f lavfi -i \"aevalsrc='" + text + "':c=" + layout + ":s=" + std::to_string(rate)
         + ":d=" + std::to_string(seconds) + "\"";
}

std::string flash_and_beep(const std::string& rate) {
  const std::string when = "between(mod(t,1),0,0.1999)*gte(t,0.9)*lt(t,2.5)";
  return "-f lavfi -i \"color=black:s=64x48:d=3:r=" + rate + ",drawbox=t=fill:c=white:enable='" + when
         + "'\" -f lavfi -i \"aevalsrc='0.5*sin(2*PI*1000*t)*" + when + "':s=48000:d=3\"";
}

rgb picture::at(double x, double y) const {
  auto px = std::min(static_cast<int>(x * width), width - 1);
  auto py = std::min(static_cast<int>(y * height), height - 1);
  auto* p = bytes.data() + 3 * (static_cast<size_t>(py) * static_cast<size_t>(width) + static_cast<size_t>(px));
  return {static_cast<double>(p[0]), static_cast<double>(p[1]), static_cast<double>(p[2])};
}

std::array<rgb, 4> picture::quarters() const {
  return {at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)};
}

picture shown(const std::string& path, int n) {
  auto raw =
    output_of("ffmpeg -nostdin -v quiet -i '" + path + "' -map 0:v:0 -vf \"select='eq(n," + std::to_string(n)
              + ")',scale=flags=accurate_rnd+full_chroma_int+bilinear\" -vsync passthrough -frames:v 1 -c:v ppm "
                "-pix_fmt rgb24 -f image2pipe -");
  picture out;
  int read = 0;
  if (std::sscanf(raw.c_str(), "P6 %d %d 255%n", &out.width, &out.height, &read) != 2)
    throw std::runtime_error(path + " has no picture " + std::to_string(n));
  out.bytes.assign(raw.begin() + read + 1, raw.end());
  return out;
}

bool quarters_are(const picture& p, const std::string& letters, int tolerance) {
  auto seen = p.quarters();
  for (size_t i = 0; i < 4; ++i) {
    auto want = std::find_if(colors.begin(), colors.end(), [&](auto& c) { return c.first == letters[i]; })->second;
    if (distance(seen[i], want) <= tolerance)
      continue;
    CAF_MESSAGE("quarter " << i << " is " << to_string(seen[i]) << " instead of " << letters[i]);
    return false;
  }
  return true;
}

std::vector<double> times(const std::string& path, const std::string& stream) {
  return numbers(output_of("ffprobe -v quiet -select_streams " + stream
                           + " -show_entries frame=" + (stream[0] == 'a' ? "pts_time" : "best_effort_timestamp_time")
                           + " -of csv=p=0 '" + path + "'"));
}

std::vector<double> keyframes(const std::string& path) {
  auto out = numbers(output_of("ffprobe -v quiet -select_streams v:0 -show_entries packet=pts_time,flags -of csv=p=0 '"
                               + path + "' | grep K"));
  std::sort(out.begin(), out.end());
  return out;
}

std::string packet_hashes(const std::string& path, const std::string& stream) {
  return output_of("ffmpeg -nostdin -v quiet -i '" + path + "' -map 0:" + stream
                   + " -c copy -f framemd5 - | grep -v '^#' | cut -d, -f5,6");
}

std::vector<double> flashes(const std::string& path) {
  auto raw = output_of("ffmpeg -nostdin -v quiet -i '" + path
                       + "' -map 0:v:0 -vsync passthrough -vf scale=1:1 -pix_fmt gray -f rawvideo -");
  auto when = times(path);
  std::vector<double> out;
  for (size_t i = 1; i < std::min(raw.size(), when.size()); ++i)
    if (static_cast<unsigned char>(raw[i]) > 128 && static_cast<unsigned char>(raw[i - 1]) <= 128)
      out.push_back(when[i]);
  return out;
}

std::vector<double> beeps(const std::string& path) {
  // Gaps are filled: a sample's number tells its time after the first one's.
  auto samples = decode_sound(path, "a:0", " -af aresample=48000:async=1:min_hard_comp=0.001 -ac 1");
  auto when = times(path, "a:0");
  const double first = when.empty() ? 0 : when.front();
  std::vector<double> out;
  size_t quiet = 4800;
  for (size_t i = 0; i < samples.size(); ++i) {
    const bool loud = std::fabs(samples[i]) > 0.1;
    // The sine is that strong a little after it began.
    if (loud && quiet >= 4800)
      out.push_back(first + static_cast<double>(i) / 48000 - 0.0002);
    quiet = loud ? 0 : quiet + 1;
  }
  return out;
}

double sound_late(const std::string& path) {
  auto picture = flashes(path);
  auto sound = beeps(path);
  if (picture.size() != 2 || sound.size() != 2) {
    CAF_MESSAGE(path << ": " << picture.size() << " flashes and " << sound.size() << " beeps instead of 2");
    return INFINITY;
  }
  const double first = sound[0] - picture[0];
  const double second = sound[1] - picture[1];
  return std::fabs(first) > std::fabs(second) ? first : second;
}

double sound::seconds() const {
  return rate > 0 && channels > 0 ? static_cast<double>(samples.size()) / channels / rate : 0;
}

double sound::level(int channel, double hertz) const {
  return level(channel, hertz, seconds() / 4, seconds() * 3 / 4);
}

double sound::level(int channel, double hertz, double begin, double end) const {
  const auto frames = samples.size() / static_cast<size_t>(channels);
  const auto from = static_cast<size_t>(begin * rate);
  const auto to = std::min(static_cast<size_t>(end * rate), frames);
  double sine = 0;
  double cosine = 0;
  for (auto i = from; i < to; ++i) {
    const double angle = 2 * M_PI * hertz * static_cast<double>(i) / rate;
    const double x = samples[i * static_cast<size_t>(channels) + static_cast<size_t>(channel)];
    sine += x * std::sin(angle);
    cosine += x * std::cos(angle);
  }
  return to > from ? 2 * std::hypot(sine, cosine) / static_cast<double>(to - from) : 0;
}

sound heard(const std::string& path, const std::string& stream) {
  auto facts = first_of(path, stream);
  sound out;
  out.channels = number(facts["channels"]);
  out.rate = number(facts["sample_rate"]);
  out.samples = decode_sound(path, stream, "");
  return out;
}

namespace {

double told_by_meter(const std::string& path, const char* name) {
  auto text = output_of("ffmpeg -nostdin -hide_banner -i '" + path
                        + "' -map 0:a:0 -af ebur128=peak=true:framelog=verbose -f null - 2>&1");
  auto at = text.rfind(name);
  return at == std::string::npos ? -INFINITY : std::stod(text.substr(at + std::strlen(name)));
}

} // namespace

double loudness(const std::string& path) {
  return told_by_meter(path, " I:");
}

double true_peak(const std::string& path) {
  return told_by_meter(path, " Peak:");
}

} // namespace media_test
