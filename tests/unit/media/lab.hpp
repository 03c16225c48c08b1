#pragma once

// Films with known content, and what ffprobe and ffmpeg see in what was made of them: pictures of four colours, sound
// of one pitch a channel, a flash together with a beep.

#include "protocol/model/executor.hpp"
#include "protocol/model/result.hpp"
#include "tests/unit/media/decoded_picture.hpp"
#include "tests/unit/media/samples.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <string>
#include <vector>

namespace media_test {

/// A source, what a profile made of it, and what is to be seen in it.
struct outcome {
  std::string path;
  troupe::media_info source;
  troupe::result<troupe::exec::transcode_answer> answer{troupe::errc::internal, ""};
  troupe::exec::verify_answer check;
  nlohmann::json seen;

  /// "ok", or why not.
  std::string text() const;
};

/// Transcodes to out.<extension> in the scratch folder, verifies it, and asks ffprobe. With TROUPE_SHEET=FOLDER one
/// picture of the source and one of the result are left there side by side, named `label`.
outcome run(const std::string& path, const troupe::media_profile& profile, const std::string& label = {});
/// A built-in profile; `copy`: streams that fit are copied.
outcome run(const std::string& path, const char* profile, bool copy = false);
/// A built-in profile that encodes even what fits already.
troupe::media_profile encoding(const char* name);

std::vector<nlohmann::json> streams(const outcome& o, const char* kind);
bool warned(const outcome& o, const std::string& text);

// Sources

/// Filters that make four rectangles: red, green (top), blue, yellow (bottom); width and height even.
std::string four_colors(int width, int height, double seconds, const std::string& rate = "25");
/// Arguments for a sound with one pitch a channel: 400 Hz in the first, 150 Hz more in each further one.
std::string pitches(const std::string& layout, int channels, int rate, double seconds);
double pitch(int channel);
/// Arguments for a black film that flashes white for 0.2 s, and beeps at 1 kHz then, at 1.0 s and at 2.0 s; 3 s.
std::string flash_and_beep(const std::string& rate = "25");

// Pictures

struct picture {
  int width = 0;
  int height = 0;
  std::vector<unsigned char> bytes;

  /// At a place between 0 and 1.
  rgb at(double x, double y) const;
  /// Centres of the quarters: top left, top right, bottom left, bottom right.
  std::array<rgb, 4> quarters() const;
};
/// The n-th decoded picture as ffmpeg shows it.
picture shown(const std::string& path, int n = 0);
/// Whether the quarters are these, named by their first letters (r, g, b, y), within `tolerance`.
bool quarters_are(const picture& p, const std::string& letters, int tolerance = 24);

// Time

/// When each frame of a stream ("v:0") is shown, seconds, in the order of decoding.
std::vector<double> times(const std::string& path, const std::string& stream = "v:0");
/// Times of keyframes.
std::vector<double> keyframes(const std::string& path);
/// One line a packet: size and hash. The same for copies.
std::string packet_hashes(const std::string& path, const std::string& stream);
/// When the picture turns white, and when the sound begins after silence; seconds.
std::vector<double> flashes(const std::string& path);
std::vector<double> beeps(const std::string& path);
/// How much later the sound is than the picture at the worst of the flashes, seconds; infinite when one is missing.
double sound_late(const std::string& path);

// Sound

struct sound {
  int channels = 0;
  int rate = 0;
  /// Interleaved.
  std::vector<float> samples;

  double seconds() const;
  /// How strong one pitch is in one channel, 1 for a full sine; of the middle half of the sound, or between two times.
  double level(int channel, double hertz) const;
  double level(int channel, double hertz, double from, double to) const;
};
sound heard(const std::string& path, const std::string& stream = "a:0");
/// Integrated loudness, LUFS.
double loudness(const std::string& path);
/// The highest peak, also between samples, dBTP.
double true_peak(const std::string& path);

} // namespace media_test
