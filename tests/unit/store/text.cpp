#define CAF_SUITE store.text

#include "store/text.hpp"

#include "tests/unit/store/fixture.hpp"

using namespace troupe;
using namespace troupe::store;

CAF_TEST(every text survives and is valid in between) {
  std::mt19937_64 rng{41};
  for (int i = 0; i < 20000; ++i) {
    auto text = test::random_text(rng);
    auto coded = text;
    escape_to_utf8(coded);
    CAF_REQUIRE(coded.find('\0') == std::string::npos);
    auto twice = coded;
    unescape_from_utf8(twice);
    CAF_REQUIRE_EQUAL(twice, text);
  }
}

CAF_TEST(ordinary text is left alone) {
  std::string text = "\xC3\x84rger \xE6\x97\xA5 \xF0\x9F\x8E\xAC";
  auto coded = text;
  escape_to_utf8(coded);
  CAF_CHECK_EQUAL(coded, text);
}

CAF_TEST(case folding) {
  CAF_CHECK_EQUAL(fold_case("\xC3\x84RGER \xD0\x96 Z\xFF"), "\xC3\xA4rger \xD0\xB6 z\xFF");
  CAF_CHECK_EQUAL(fold_case(std::string(5000, 'A')).size(), 1000u);
  CAF_CHECK_EQUAL(like_pattern("a%_!"), "%a!%!_!!%");
}
