#define CAF_SUITE model.playlist

#include "protocol/model/playlist.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;

CAF_TEST(a tag names what its URI says and nothing that looks like it) {
  struct row {
    std::string_view tag, uri;
  };
  for (auto& [tag, uri] :
       {row{R"(#EXT-X-MEDIA:TYPE=AUDIO,NAME="x",URI="a0.m3u8")", "a0.m3u8"},
        row{R"(#EXT-X-MAP:URI="v0.mp4")", "v0.mp4"}, row{R"(#EXT-X-MAP:URI="v0.mp4",BYTERANGE="7@0")", "v0.mp4"},
        // Titles of tracks are anybody's.
        row{R"(#EXT-X-MEDIA:TYPE=AUDIO,NAME="URI=",URI="a0.m3u8")", "a0.m3u8"},
        row{R"(#EXT-X-MEDIA:NAME="a,URI=b",LANGUAGE="de")", ""}, row{R"(#EXT-X-MEDIA:MY-URI="b")", ""},
        row{R"(#EXT-X-MEDIA:NAME="a:URI=",B=1)", ""}, row{"#EXTM3U", ""}, row{"#EXTINF:4.0,", ""}, row{"", ""},
        row{R"(#X:URI=")", ""}, row{R"(#X:URI="a)", ""}, row{"#X:URI", ""}, row{"#X:", ""}, row{"#X:A=\"\",", ""}})
    CAF_CHECK_EQUAL(uri_attribute(tag), uri);
}
