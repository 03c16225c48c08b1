# troupe_room(NAME [DEPENDS libs…] [PCH header…]): a static library of every .cpp below the calling folder.
# The libraries named here are all that the room may include and link (docs/architecture.md);
# `tests/rooms/check` holds the includes and the linked symbols against the same table.
function(troupe_room name)
  cmake_parse_arguments(ROOM "" "" "DEPENDS;PCH" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ROOM_DEPENDS})
    if(ROOM_PCH)
      target_precompile_headers(${name} PRIVATE ${ROOM_PCH})
    endif()
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ROOM_DEPENDS})
  endif()
endfunction()
