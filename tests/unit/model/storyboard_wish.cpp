#define CAF_SUITE model.storyboard_wish

#include "protocol/model/storyboard_wish.hpp"

#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

using namespace troupe;

namespace {

video_detail with_board() {
  video_detail out;
  out.item.id = {{1, 1}};
  out.item.version = {7, 8, 9};
  out.board.count = 3;
  out.board.asked_width = 640;
  out.board.asked_interval = milliseconds{2'500};
  out.board.bif = true;
  // A short film has more tiles, a small one narrower ones.
  out.board.interval = milliseconds{100};
  out.board.tile_width = 64;
  return out;
}

} // namespace

CAF_TEST(a wish is met by what has all that it names) {
  auto there = with_board().board;
  CAF_CHECK(is_met({}, there));
  CAF_CHECK(is_met({640, {}, true, false, false}, there));
  CAF_CHECK(is_met({{}, {}, false, {}, false}, there));
  CAF_CHECK(!is_met({64, {}, {}, {}, false}, there));
  CAF_CHECK(!is_met({{}, 10, {}, {}, false}, there));
  CAF_CHECK(!is_met({{}, {}, {}, true, false}, there));
  CAF_CHECK(!is_met({{}, {}, {}, {}, true}, there));
  there.asked_interval = milliseconds{10'000};
  CAF_CHECK(is_met({{}, 10, {}, {}, false}, there));
  CAF_CHECK(!is_met({}, storyboard{}));
}

CAF_TEST(a job is told what was named and what there is) {
  auto of = with_board();
  auto id = of.item.id.str();
  CAF_CHECK_EQUAL(payload_of({{}, 10, {}, true, true}, of),
                  "{\"videoId\":\"" + id + R"(","version":"7-8-9","interval":10,"jellyfin":true,)"
                    + R"("otherwise":{"width":640,"interval":2.5,"bif":true,"jellyfin":false}})");
  of.board = {};
  CAF_CHECK_EQUAL(payload_of({200, {}, false, {}, false}, of),
                  "{\"videoId\":\"" + id + R"(","version":"7-8-9","width":200,"bif":false})");
}
