#include "media/preload.hpp"

#include "media/known_files.hpp"

#include <iconv.h>

#include <array>
#include <cstdlib>
#include <ctime>

namespace troupe::media {

namespace {

/// What broadcasters write service names in (ETSI EN 300 468, annex A) and old subtitle files their text. The C library
/// loads a module for each when it is first used, and keeps it for as long as a converter is open.
void load_character_sets() {
  constexpr std::array names{"ISO6937",    "ISO8859-1",  "ISO8859-2",  "ISO8859-3", "ISO8859-4",  "ISO8859-5",
                             "ISO8859-6",  "ISO8859-7",  "ISO8859-8",  "ISO8859-9", "ISO8859-10", "ISO8859-11",
                             "ISO8859-13", "ISO8859-14", "ISO8859-15", "UCS-2BE",   "KSC_5601",   "GB2312",
                             "BIG5",       "CP1252",     "CP1250",     "CP1251",    "UTF-16"};
  // Never closed: for the life of the process.
  for (auto* name : names)
    static_cast<void>(::iconv_open("UTF-8", name));
}

} // namespace

void preload() {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  // SVT-AV1 talks to standard error: errors only.
  ::setenv("SVT_LOG", "1", 1);
  load_character_sets();
  read_known_files();
}

} // namespace troupe::media
