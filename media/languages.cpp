#include "media/languages.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace troupe::media {

namespace {

struct pair {
  std::string_view from;
  std::string_view to;
};

// ISO 639-2 (both forms where there are two) to 639-1, which BCP 47 wants where it exists.
constexpr std::array known{
  pair{"ara", "ar"}, pair{"bul", "bg"}, pair{"cat", "ca"}, pair{"ces", "cs"}, pair{"cze", "cs"}, pair{"dan", "da"},
  pair{"deu", "de"}, pair{"ger", "de"}, pair{"ell", "el"}, pair{"gre", "el"}, pair{"eng", "en"}, pair{"est", "et"},
  pair{"eus", "eu"}, pair{"baq", "eu"}, pair{"fas", "fa"}, pair{"per", "fa"}, pair{"fin", "fi"}, pair{"fra", "fr"},
  pair{"fre", "fr"}, pair{"glg", "gl"}, pair{"heb", "he"}, pair{"hin", "hi"}, pair{"hrv", "hr"}, pair{"hun", "hu"},
  pair{"ind", "id"}, pair{"isl", "is"}, pair{"ice", "is"}, pair{"ita", "it"}, pair{"jpn", "ja"}, pair{"kor", "ko"},
  pair{"lav", "lv"}, pair{"lit", "lt"}, pair{"msa", "ms"}, pair{"may", "ms"}, pair{"nld", "nl"}, pair{"dut", "nl"},
  pair{"nob", "nb"}, pair{"nor", "no"}, pair{"pol", "pl"}, pair{"por", "pt"}, pair{"ron", "ro"}, pair{"rum", "ro"},
  pair{"rus", "ru"}, pair{"slk", "sk"}, pair{"slo", "sk"}, pair{"slv", "sl"}, pair{"spa", "es"}, pair{"srp", "sr"},
  pair{"swe", "sv"}, pair{"tam", "ta"}, pair{"tel", "te"}, pair{"tha", "th"}, pair{"tur", "tr"}, pair{"ukr", "uk"},
  pair{"vie", "vi"}, pair{"zho", "zh"}, pair{"chi", "zh"}};

/// Tags of BCP 47 end there at the latest.
constexpr size_t longest_tag = 35;

bool is_tag(const std::string& text) {
  return text.size() >= 2 && text.size() <= longest_tag
         && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

} // namespace

std::string language_tag(const std::string& language) {
  if (language == "und" || !is_tag(language))
    return {};
  auto found = std::find_if(known.begin(), known.end(), [&](auto& p) { return p.from == language; });
  return found == known.end() ? language : std::string(found->to);
}

std::string three_letters(const std::string& language) {
  if (!is_tag(language))
    return "und";
  std::string first;
  for (unsigned char c : language.substr(0, language.find('-')))
    first += static_cast<char>(std::tolower(c));
  auto found = std::find_if(known.begin(), known.end(), [&](auto& p) { return p.to == first; });
  return found != known.end() ? std::string(found->from) : first.size() == 3 ? first : "und";
}

std::string quicktime_letters(const std::string& language) {
  // libav knows these of the numbered languages by names that are old or its own.
  constexpr std::array named{pair{"deu", "ger"}, pair{"nld", "dut"}, pair{"ell", "gre"}, pair{"isl", "ice"},
                             pair{"zho", "chi"}, pair{"swe", "sve"}, pair{"hrv", "hr "}, pair{"srp", "sr "}};
  const auto three = three_letters(language_tag(language));
  auto found = std::find_if(named.begin(), named.end(), [&](auto& n) { return n.from == three; });
  return found == named.end() ? three : std::string(found->to);
}

} // namespace troupe::media
