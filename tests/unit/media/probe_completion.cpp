#define CAF_SUITE media.probe_completion

#include "media/h264_sequence.hpp"
#include "media/input.hpp"
#include "media/log_capture.hpp"
#include "media/packet_marks.hpp"
#include "media/pcm_disguise.hpp"
#include "media/probe.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/samples.hpp"

#include <caf/make_message.hpp>

#include <algorithm>
#include <random>

using namespace troupe;
using namespace media_test;

namespace {

result<media_info> facts(const std::string& path, media::depth how_deep) {
  media::log_capture::clear();
  auto fd = open_source(path);
  auto source = media::input::open(fd.get(), extension(path), quiet_task(), how_deep);
  if (!source)
    return source.error();
  return media::facts_of(**source);
}

/// The cheap way and libav's own say the same.
void check_same(const std::string& path) {
  auto cheap = facts(path, media::depth::facts);
  auto whole = facts(path, media::depth::packets);
  CAF_MESSAGE(path);
  CAF_REQUIRE_EQUAL(cheap.has_value(), whole.has_value());
  if (cheap)
    CAF_CHECK(*cheap == *whole);
}

std::vector<uint8_t> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

/// The sequence parameter set in the first avcC box, with its NAL header, and where it is.
std::string sequence_in(const std::string& mp4, size_t& at) {
  at = mp4.find("avcC") + 12;
  auto size = static_cast<size_t>(static_cast<uint8_t>(mp4[at - 2])) << 8U | static_cast<uint8_t>(mp4[at - 1]);
  return mp4.substr(at, size);
}

/// As `ordinary`, with these parameters of x264.
std::string encoded(const std::string& name, const std::string& parameters) {
  auto path = scratch(name);
  ffmpeg("-f lavfi -i testsrc2=s=320x240:r=25:d=1 -c:v libx264 -x264-params " + parameters + " " + path);
  return path;
}

/// Zeros over the middle of every piece of media data: headers stay, pictures break.
std::string without_pictures(std::string mp4) {
  auto begin = mp4.find("mdat") + 4 + 800;
  auto end = mp4.find("moov");
  std::fill(mp4.begin() + static_cast<long>(begin), mp4.begin() + static_cast<long>(end - 100), char{0x55});
  return mp4;
}

std::string wave(const std::string& samples) {
  auto path = scratch("samples.raw");
  write_file(path, samples);
  ffmpeg("-f s16le -ar 48000 -ac 2 -i " + path + " -c:a pcm_s16le " + scratch("made.wav"));
  return scratch("made.wav");
}

} // namespace

CAF_TEST(real files are the same either way) {
  for (auto& path : real_files())
    check_same(path);
}

CAF_TEST(a picture whose header tells all is not decoded) {
  for (auto* parameters : {"bframes=3", "bframes=0"}) {
    auto path = encoded("whole.mp4", parameters);
    auto whole = facts(path, media::depth::packets);
    CAF_REQUIRE(whole.has_value());
    write_file(scratch("broken.mp4"), without_pictures(read_file(path)));
    // Whoever decodes notices.
    CAF_REQUIRE(facts(scratch("broken.mp4"), media::depth::packets).has_value());
    CAF_CHECK(!media::log_capture::lines().empty());
    auto cheap = facts(scratch("broken.mp4"), media::depth::facts);
    CAF_CHECK(media::log_capture::lines().empty());
    CAF_REQUIRE(cheap.has_value());
    CAF_CHECK(*cheap == *whole);
  }
}

CAF_TEST(a header that the first packet belies is not believed) {
  auto path = encoded("in_band.mp4", "repeat-headers=1:bframes=2");
  auto content = read_file(path);
  size_t at = 0;
  auto sequence = sequence_in(content, at);
  CAF_REQUIRE_EQUAL(sequence[0] & 0x1f, 7);
  // Another level than in the packets.
  content[at + 3] = 51;
  write_file(scratch("lying.mp4"), content);
  check_same(scratch("lying.mp4"));
  CAF_CHECK_NOT_EQUAL(facts(scratch("lying.mp4"), media::depth::facts)->first("video")->level, 51);
}

CAF_TEST(another transfer function in the packets is seen) {
  auto path = encoded("hlg.mp4", "colorprim=bt709:transfer=bt709:colormatrix=bt709:alternative-transfer=arib-std-b67");
  check_same(path);
  CAF_CHECK_EQUAL(facts(path, media::depth::facts)->first("video")->color_transfer, "arib-std-b67");
}

CAF_TEST(damaged sequence parameter sets are left to the decoder) {
  auto content = read_file(encoded("plain.mp4", "bframes=3:sar=16/11:fullrange=on"));
  size_t at = 0;
  auto nal = bytes_of(sequence_in(content, at).substr(1));
  auto known = media::read_h264_sequence(nal);
  CAF_REQUIRE(known.has_value());
  CAF_CHECK_EQUAL(known->width, 320);
  CAF_CHECK_EQUAL(known->height, 240);
  CAF_CHECK_EQUAL(known->sample_aspect.num, 16);
  CAF_CHECK(known->full_range);
  CAF_CHECK_EQUAL(known->reorder_frames.value_or(-1), 2);
  for (size_t size = 0; size < nal.size(); ++size)
    CAF_CHECK(!media::read_h264_sequence(std::span(nal).first(size)));
  std::mt19937 random{5};
  for (int i = 0; i < 20'000; ++i) {
    auto damaged = nal;
    for (int n = 0; n < 3; ++n)
      damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
    if (auto x = media::read_h264_sequence(damaged))
      CAF_REQUIRE(x->width > 0 && x->width <= 16384 && x->height > 0 && x->height <= 32768);
  }
  CAF_CHECK(!media::read_h264_sequence(std::vector<uint8_t>(1000, 0)));
  CAF_CHECK(!media::read_h264_sequence(std::vector<uint8_t>(100'000, 0x80)));
}

CAF_TEST(flipped bits in the header give what libav gives) {
  auto content = read_file(encoded("flipped.mp4", "bframes=3"));
  size_t at = 0;
  auto size = sequence_in(content, at).size();
  for (size_t bit = 8; bit < size * 8; bit += 3) {
    auto damaged = content;
    damaged[at + bit / 8] = static_cast<char>(damaged[at + bit / 8] ^ (0x80 >> bit % 8));
    write_file(scratch("damaged.mp4"), damaged);
    auto whole = facts(scratch("damaged.mp4"), media::depth::packets);
    auto cheap = facts(scratch("damaged.mp4"), media::depth::facts);
    CAF_REQUIRE_EQUAL(cheap.has_value(), whole.has_value());
    if (!cheap)
      continue;
    // What a decoder makes of frames that don't fit their header is its own affair.
    auto& a = *cheap->first("video");
    auto& b = *whole->first("video");
    CAF_CHECK_EQUAL(a.width, b.width);
    CAF_CHECK_EQUAL(a.height, b.height);
    CAF_CHECK_EQUAL(a.frame_rate, b.frame_rate);
  }
}

CAF_TEST(samples that may be something else) {
  std::mt19937 random{3};
  std::vector<uint8_t> noise(media::examined_pcm_bytes);
  for (auto& x : noise)
    x = static_cast<uint8_t>(random());
  noise[0] = 1;
  CAF_CHECK(!media::may_hide_a_codec(noise));
  CAF_CHECK(!media::may_hide_a_codec({}));
  CAF_CHECK(!media::may_hide_a_codec(std::vector<uint8_t>(1000, 0)));
  CAF_CHECK(!media::may_hide_a_codec(std::vector<uint8_t>(1000, 0xff)));
  auto with = [&](size_t at, std::initializer_list<int> what) {
    auto changed = noise;
    std::copy(what.begin(), what.end(), changed.begin() + static_cast<long>(at));
    return media::may_hide_a_codec(changed);
  };
  for (size_t at : {size_t{0}, size_t{510}, size_t{512}, size_t{100'000}, noise.size() - 4}) {
    CAF_CHECK(with(at, {0x7f, 0xfe, 0x80, 0x01}));
    CAF_CHECK(with(at, {0xfe, 0x7f, 0x01, 0x80}));
    CAF_CHECK(with(at, {0x1f, 0xff, 0xe8, 0x00}));
    CAF_CHECK(with(at, {0xff, 0x1f, 0x00, 0xe8}));
    CAF_CHECK(with(at, {0x64, 0x58, 0x20, 0x25}));
    CAF_CHECK(with(at, {0xf8, 0x72, 0x6f, 0xba}));
  }
  CAF_CHECK(with(0, {0x0b, 0x77}));
  CAF_CHECK(with(0, {0x77, 0x0b}));
  CAF_CHECK(with(0, {0xff, 0xf1, 0x50, 0x80}));
  CAF_CHECK(with(0, {0x56, 0xe0}));
  CAF_CHECK(with(0, {0, 0, 0xff, 0xfb, 0x90, 0x64}));
  CAF_CHECK(with(0, {'I', 'D', '3'}));
  CAF_CHECK(!with(100, {0x0b, 0x77}));
}

CAF_TEST(DTS in a WAV file is found either way) {
  ffmpeg("-f lavfi -i sine=r=48000:d=1 -ac 2 -c:a dca -strict -2 -b:a 1411200 -f dts " + scratch("hidden.dts"));
  auto path = wave(std::string(20'000, 0) + read_file(scratch("hidden.dts")));
  check_same(path);
  CAF_CHECK_EQUAL(facts(path, media::depth::facts)->first("audio")->codec, "dts");
}

CAF_TEST(captions and dynamic HDR are seen in the first packets) {
  const std::string captions{"\xb5\x00\x31GA94\x03", 8}, mpeg2{"\0\0\1\xb2GA94\x03", 9};
  const std::string hdr10_plus{"\xb5\x00\x3c\x00\x01\x04", 6};
  auto in = [](const std::string& what) { return media::marks_of(bytes_of(std::string(500, 'x') + what + "yy")); };
  CAF_CHECK(in(captions).captions && !in(captions).hdr10_plus);
  CAF_CHECK(in(mpeg2).captions);
  CAF_CHECK(in(hdr10_plus).hdr10_plus && !in(hdr10_plus).captions);
  CAF_CHECK(!in("GA94").captions && !media::marks_of({}).captions);
  // As a stream: an SEI message (ITU-T T.35) before the first slice.
  auto stream = read_file([] {
    auto path = scratch("bare.h264");
    ffmpeg("-f lavfi -i testsrc2=s=64x64:r=25:d=1 -c:v libx264 " + path);
    return path;
  }());
  auto message = std::string("\0\0\1\6\4\xc", 6) + captions + "\xc1\xff\xfc\x80" + "\x80";
  auto slice = stream.find(std::string("\0\0\1\x65", 4));
  CAF_REQUIRE(slice != std::string::npos);
  write_file(scratch("captions.h264"), stream.substr(0, slice) + message + stream.substr(slice));
  ffmpeg("-i " + scratch("captions.h264") + " -c copy " + scratch("captions.mp4"));
  auto with = media::probe(open_source(scratch("captions.mp4")).get(), "mp4", quiet_task());
  CAF_REQUIRE(with.has_value());
  CAF_CHECK(with->first("video")->closed_captions);
  auto without = media::probe(open_source(ordinary()).get(), "mp4", quiet_task());
  CAF_REQUIRE(without.has_value());
  CAF_CHECK(!without->first("video")->closed_captions);
}
