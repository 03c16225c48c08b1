#define CAF_SUITE media.transcode

#include "media/transcode.hpp"
#include "media/mp4_layout.hpp"
#include "media/muxer.hpp"
#include "media/probe.hpp"
#include "media/verify.hpp"
#include "tests/support/unit_test.hpp"
#include "tests/unit/media/lab.hpp"

#include <caf/make_message.hpp>

#include <cmath>
#include <filesystem>

using namespace troupe;
using namespace media_test;

namespace {

double packets_of(const std::string& path, const char* stream) {
  return std::stod(output_of("ffprobe -v error -count_packets -select_streams " + std::string(stream)
                             + " -show_entries stream=nb_read_packets -of csv=p=0 " + path));
}

} // namespace

CAF_TEST(a real film in all profiles) {
  auto path = real_file("python3-mecavideo-balle-jbart.mp4");
  auto web = run(path, "web-720p");
  CAF_REQUIRE(web.answer.has_value());
  CAF_CHECK(web.check.ok);
  const auto video = streams(web, "video");
  const auto audio = streams(web, "audio");
  CAF_REQUIRE(video.size() == 1 && audio.size() == 1);
  CAF_CHECK_EQUAL(video[0]["codec_name"], "h264");
  CAF_CHECK_EQUAL(audio[0]["codec_name"], "aac");
  CAF_CHECK_EQUAL(static_cast<double>(web.answer->frames), packets_of(path, "v:0"));
  CAF_CHECK(std::fabs(web.answer->output.duration - web.source.duration) < 0.1);
  CAF_CHECK(media::moov_comes_first(open_source(scratch("out.mp4")).get()));
  CAF_CHECK(web.answer->operation.find("-c:0 libx264") != std::string::npos);
  auto remux = run(path, "remux");
  CAF_REQUIRE(remux.answer.has_value());
  CAF_CHECK(remux.check.ok);
  // The same packets: their decoded pictures hash alike.
  auto hash = [](const std::string& p) { return output_of("ffmpeg -v error -i " + p + " -map 0:v:0 -f md5 -"); };
  CAF_CHECK_EQUAL(hash(path), hash(scratch("out.mp4")));
  auto sound = run(path, "audio-only");
  CAF_REQUIRE(sound.answer.has_value());
  CAF_CHECK(sound.check.ok);
  CAF_CHECK(streams(sound, "video").empty());
  CAF_CHECK_EQUAL(streams(sound, "audio").size(), 1u);
}

CAF_TEST(several sound tracks and languages and chapters and covers go along) {
  auto meta = scratch("chapters.txt");
  write_file(meta, ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n"
                   "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Two\n");
  auto path = scratch("many.mkv");
  ffmpeg("-i " + ordinary() + " -f lavfi -i sine=f=300:d=2 -i " + meta
         + " -map 0:v -map 0:a -map 1:a -map_metadata 2 -c:v copy -c:a:0 copy -c:a:1 libopus "
           "-metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -disposition:a:1 default -disposition:a:0 0 "
         + path);
  auto o = run(path, "web-720p");
  CAF_REQUIRE(o.answer.has_value());
  CAF_CHECK(o.check.ok);
  auto audio = streams(o, "audio");
  CAF_REQUIRE_EQUAL(audio.size(), 2u);
  CAF_CHECK_EQUAL(audio[0]["tags"]["language"], "eng");
  CAF_CHECK_EQUAL(audio[1]["tags"]["language"], "ger");
  CAF_CHECK_EQUAL(audio[1]["disposition"]["default"], 1);
  CAF_CHECK_EQUAL(audio[0]["disposition"]["default"], 0);
  CAF_REQUIRE_EQUAL(o.seen["chapters"].size(), 2u);
  CAF_CHECK_EQUAL(o.seen["chapters"][1]["tags"]["title"], "Two");
  CAF_CHECK_EQUAL(o.seen["format"]["tags"]["title"], "A film");
  auto song = scratch("song.mp3");
  ffmpeg("-f lavfi -i color=green:s=100x100:d=1 -frames:v 1 " + scratch("cover.jpg"));
  ffmpeg("-f lavfi -i sine=d=2 -i " + scratch("cover.jpg")
         + " -map 0 -map 1 -c:v copy -disposition:v attached_pic -c:a libmp3lame " + song);
  auto covered = run(song, "audio-only");
  CAF_REQUIRE(covered.answer.has_value());
  CAF_CHECK(covered.check.ok);
  CAF_REQUIRE_EQUAL(covered.seen["streams"].size(), 2u);
  CAF_CHECK_EQUAL(covered.seen["streams"][1]["disposition"]["attached_pic"], 1);
}

CAF_TEST(turned and odd and large and anamorphic pictures) {
  struct shape {
    const char* arguments;
    int width;
    int height;
  };
  const std::vector<shape> shapes{
    {"-f lavfi -i testsrc=s=321x243:d=1 -c:v ffv1 -pix_fmt yuv444p", 320, 244},
    {"-f lavfi -i testsrc=s=1920x1080:d=0.5 -c:v libx264 -pix_fmt yuv420p", 1280, 720},
    {"-f lavfi -i testsrc=s=1080x1920:d=0.5 -c:v libx264 -pix_fmt yuv420p", 404, 720},
    {"-f lavfi -i testsrc=s=320x240:d=1 -vf setsar=4/3 -c:v libx264 -pix_fmt yuv420p", 426, 240},
    {"-f lavfi -i testsrc=s=320x240:d=1 -c:v libx264 -pix_fmt yuv420p10le", 320, 240},
    {"-f lavfi -i testsrc=s=2x2:d=1 -c:v ffv1", 2, 2},
    {"-f lavfi -i testsrc=s=320x240:d=1 -vf setfield=tff -flags +ildct+ilme -c:v mpeg2video", 320, 240},
  };
  for (auto& s : shapes) {
    auto path = scratch("shape.mkv");
    ffmpeg(s.arguments + (" " + path));
    auto o = run(path, "web-720p");
    if (!o.answer)
      CAF_FAIL(s.arguments << ": " << o.answer.error().message);
    CAF_CHECK(o.check.ok);
    auto video = streams(o, "video").at(0);
    CAF_MESSAGE(s.arguments);
    // A half is rounded either way.
    CAF_CHECK(std::abs(video["width"].get<int>() - s.width) <= 2);
    CAF_CHECK(std::abs(video["height"].get<int>() - s.height) <= 2);
    CAF_CHECK_EQUAL(video["pix_fmt"], "yuv420p");
    CAF_CHECK_EQUAL(video["sample_aspect_ratio"], "1:1");
  }
  auto turned = scratch("turned.mov");
  write_turned(ordinary(), turned, 90);
  auto web = run(turned, "web-720p");
  CAF_REQUIRE(web.answer.has_value());
  CAF_CHECK_EQUAL(web.answer->output.first("video")->width, 240u);
  CAF_CHECK_EQUAL(web.answer->output.first("video")->rotation, 0);
  auto remux = run(turned, "remux");
  CAF_REQUIRE(remux.answer.has_value());
  CAF_CHECK_EQUAL(remux.answer->output.first("video")->rotation, 90);
}

CAF_TEST(variable frame rates keep their times and gaps of sound are filled) {
  auto path = scratch("vfr.mkv");
  ffmpeg("-f lavfi -i testsrc=s=160x120:r=25:d=4 -vf \"select='lt(t,1)+gt(t,1)*not(mod(n,5))'\" -vsync vfr "
         "-c:v libx264 -pix_fmt yuv420p "
         + path);
  auto times = [](const std::string& p) {
    return output_of("ffprobe -v error -select_streams v -show_entries frame=pts_time -of csv=p=0 " + p
                     + " | cut -d, -f1 | xargs printf '%.2f '");
  };
  auto o = run(path, "web-720p");
  CAF_REQUIRE(o.answer.has_value());
  CAF_CHECK(o.check.ok);
  CAF_CHECK_EQUAL(times(path), times(scratch("out.mp4")));
  auto gap = scratch("gap.mkv");
  ffmpeg("-f lavfi -i sine=d=4 -af \"aselect='lt(t,1)+gt(t,3)'\" -c:a libvorbis " + gap);
  auto filled = run(gap, "audio-only");
  CAF_REQUIRE(filled.answer.has_value());
  CAF_CHECK(filled.answer->frames > 4 * 44100 / 1024 - 5);
}

CAF_TEST(strange sound formats) {
  for (auto* arguments : {"-ac 1 -ar 8000 -c:a pcm_s16le", "-ac 6 -ar 96000 -c:a flac",
                          "-ac 8 -ar 48000 -c:a pcm_s24le", "-ac 3 -ar 11025 -c:a pcm_u8"}) {
    auto path = scratch("sound.mkv");
    ffmpeg(std::string("-f lavfi -i sine=d=2 ") + arguments + " " + path);
    auto o = run(path, "audio-only");
    if (!o.answer)
      CAF_FAIL(arguments << ": " << o.answer.error().message);
    CAF_CHECK(o.check.ok);
  }
}

CAF_TEST(remux converts text and leaves out or refuses what does not fit) {
  auto path = scratch("text.mkv");
  write_file(scratch("s.srt"), "1\n00:00:00,500 --> 00:00:01,000\nHello\n");
  write_file(scratch("font.ttf"), "no font");
  ffmpeg("-i " + ordinary() + " -i " + scratch("s.srt") + " -map 0 -map 1 -c copy -metadata:s:s language=fra -attach "
         + scratch("font.ttf") + " -metadata:s:t mimetype=font/ttf " + path);
  auto o = run(path, "remux");
  CAF_REQUIRE(o.answer.has_value());
  CAF_CHECK(o.check.ok);
  const auto text = streams(o, "subtitle");
  CAF_REQUIRE_EQUAL(text.size(), 1u);
  CAF_CHECK_EQUAL(text[0]["codec_name"], "mov_text");
  CAF_CHECK_EQUAL(text[0]["tags"]["language"], "fra");
  auto lines = [](const std::string& p) { return output_of("ffmpeg -v error -i " + p + " -map 0:s -f srt -"); };
  CAF_CHECK(lines(path).find("Hello") != std::string::npos);
  CAF_CHECK_EQUAL(lines(scratch("out.mp4")), lines(path));
  CAF_REQUIRE(!o.answer->warnings.empty());
  CAF_CHECK(o.answer->warnings[0].find("left out") != std::string::npos);
  auto refused = run(real_file("renpy-demo-oa4_launch.webm"), "remux");
  CAF_REQUIRE(!refused.answer);
  CAF_CHECK(refused.answer.error().code == errc::unprocessable);
  auto transport = scratch("stream.ts");
  ffmpeg("-i " + ordinary() + " -c copy " + transport);
  CAF_CHECK(run(transport, "remux").check.ok);
  CAF_CHECK(run(transport, "web-720p").check.ok);
  auto silent = run(real_file("opencv-doc-vtest.avi"), "audio-only");
  CAF_REQUIRE(!silent.answer);
  CAF_CHECK(silent.answer.error().code == errc::unprocessable);
}

CAF_TEST(little damage is borne and much is refused) {
  auto path = scratch("fast.mp4");
  ffmpeg("-f lavfi -i testsrc=s=320x240:r=25:d=10 -c:v libx264 -g 25 -pix_fmt yuv420p -movflags +faststart " + path);
  auto content = read_file(path);
  auto data = content.find("mdat") + 4;
  auto cut = scratch("cut.mp4");
  write_file(cut, content.substr(0, content.size() / 2));
  auto o = run(cut, "web-720p");
  CAF_REQUIRE(!o.answer);
  CAF_CHECK(o.answer.error().code == errc::bad_media);
  auto scratched = content;
  std::fill_n(scratched.begin() + static_cast<long>(data + (content.size() - data) / 2), 3000, '\0');
  write_file(cut, scratched);
  o = run(cut, "web-720p");
  CAF_REQUIRE(o.answer.has_value());
  CAF_CHECK(!o.answer->warnings.empty());
  CAF_CHECK(o.check.ok);
  auto ruined = content;
  for (size_t i = data + 5000; i + 60 < ruined.size(); i += 120)
    std::fill_n(ruined.begin() + static_cast<long>(i), 60, '\x55');
  write_file(cut, ruined);
  o = run(cut, "web-720p");
  CAF_REQUIRE(!o.answer);
  CAF_CHECK(o.answer.error().code == errc::bad_media);
}

CAF_TEST(verify finds what is wrong) {
  exec::request r;
  r.op = exec::op::verify;
  r.profile = *find_profile("web-720p");
  r.source = *media::probe(open_source(ordinary()).get(), "mp4", quiet_task());
  auto wrong = [&](const std::string& arguments, bool full = true) {
    auto path = scratch("wrong.mp4");
    if (!arguments.empty())
      ffmpeg(arguments + " " + path);
    r.full = full;
    auto answer = media::verify(open_source(path).get(), r, quiet_task());
    CAF_REQUIRE(answer.has_value());
    for (auto& reason : answer->reasons)
      CAF_MESSAGE(reason);
    CAF_CHECK_EQUAL(answer->ok, answer->reasons.empty());
    return !answer->ok;
  };
  const auto in = "-i " + ordinary();
  CAF_CHECK(!wrong(in + " -c copy -movflags +faststart"));
  CAF_CHECK(!wrong(in + " -c copy -movflags +faststart", false));
  CAF_CHECK(wrong(in + " -c copy"));
  CAF_CHECK(wrong(in + " -c copy -an -movflags +faststart"));
  CAF_CHECK(wrong(in + " -c copy -vn -movflags +faststart"));
  CAF_CHECK(wrong(in + " -c:v mpeg4 -c:a copy -movflags +faststart"));
  CAF_CHECK(wrong(in + " -c copy -t 0.8 -movflags +faststart"));
  ffmpeg(in + " -c copy -movflags +faststart " + scratch("good.mp4"));
  auto content = read_file(scratch("good.mp4"));
  for (bool full : {true, false}) {
    write_file(scratch("wrong.mp4"), content.substr(0, content.size() * 8 / 10));
    CAF_CHECK(wrong("", full));
  }
  auto holed = content;
  std::fill_n(holed.begin() + static_cast<long>(content.size() / 2), 500, '\0');
  write_file(scratch("wrong.mp4"), holed);
  CAF_CHECK(wrong(""));
  write_file(scratch("wrong.mp4"), "");
  CAF_CHECK(wrong(""));
  write_file(scratch("wrong.mp4"), "no film");
  CAF_CHECK(wrong(""));
}

CAF_TEST(a picture that ends early does not keep the sound in memory) {
  media_profile mkv;
  mkv.container = "matroska";
  mkv.extension = "mkv";
  auto file = open_output(scratch("held.mkv"));
  auto muxer = media::muxer::open(file.get(), mkv, quiet_task());
  CAF_REQUIRE(muxer.has_value());
  auto add = [&](AVMediaType type, AVCodecID codec) -> AVCodecParameters& {
    auto* s = (*muxer)->add_stream();
    s->codecpar->codec_type = type;
    s->codecpar->codec_id = codec;
    s->time_base = {1, 1000};
    return *s->codecpar;
  };
  auto& picture = add(AVMEDIA_TYPE_VIDEO, AV_CODEC_ID_VP9);
  picture.width = picture.height = 64;
  auto& sound = add(AVMEDIA_TYPE_AUDIO, AV_CODEC_ID_PCM_S16LE);
  sound.sample_rate = 48'000;
  sound.ch_layout.nb_channels = 2;
  CAF_REQUIRE((*muxer)->write_header().has_value());
  constexpr int64_t part = 1 << 20;
  auto write = [&](unsigned stream, int64_t time, int64_t size) {
    auto packet = media::av::make_packet();
    CAF_REQUIRE(av_new_packet(packet.get(), static_cast<int>(size)) == 0);
    std::fill_n(packet->data, size, uint8_t{0});
    packet->pts = packet->dts = time;
    packet->flags = AV_PKT_FLAG_KEY;
    CAF_REQUIRE((*muxer)->write(*packet, stream, {1, 1000}).has_value());
  };
  write(0, 0, 100);
  int64_t most = 0;
  for (int64_t i = 0; i < 100; ++i) {
    write(1, 5000 * i, part);
    most = std::max(most, (i + 1) * part - (*muxer)->bytes());
  }
  CAF_MESSAGE(most << " bytes");
  CAF_CHECK(most < 48 * part);
  CAF_CHECK((*muxer)->finish().has_value());
}
