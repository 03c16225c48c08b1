# Compiler cache, linker, warnings and sanitizers: the same for every target.
find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers need the sloppiness; without it ccache never hits. The other two let checkouts in different
  # folders share what they compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
  add_compile_options(-fpch-preprocess)
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Werror=return-type -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(TROUPE_SANITIZE)
  add_compile_options(-fsanitize=${TROUPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TROUPE_SANITIZE})
  if(TROUPE_SANITIZE MATCHES "undefined")
    # The check of virtual tables needs type information that libsoci does not export; CAF's headers bind a reference to
    # the arguments of an actor that has none (and null pointers that are used are found by the address sanitizer).
    add_compile_options(-fno-sanitize=vptr,null)
  endif()
endif()
# Debug information costs half of the link and object size; line tables are what a stack trace needs.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
