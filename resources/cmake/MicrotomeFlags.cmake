# Flags travel through one interface target; nothing global.
add_library(microtome_flags INTERFACE)
target_include_directories(microtome_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(microtome_flags INTERFACE -Wall -Wextra -Wpedantic -fpch-preprocess)
if(MICROTOME_WERROR)
  target_compile_options(microtome_flags INTERFACE -Werror)
endif()
# NOTE: GCC 12 warns of its own std::string (GCC bug 105651) from -O2 on, and from -O3 on of its bounds and its insides as well.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  target_compile_options(microtome_flags INTERFACE -Wno-restrict -Wno-stringop-overflow $<$<CONFIG:Release>:-Wno-array-bounds -Wno-stringop-overread -Wno-maybe-uninitialized>)
endif()
target_compile_definitions(microtome_flags INTERFACE QT_NO_KEYWORDS MICROTOME_VERSION="${PROJECT_VERSION}")
if(MICROTOME_SANITIZE)
  target_compile_options(microtome_flags INTERFACE -fsanitize=${MICROTOME_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(microtome_flags INTERFACE -fsanitize=${MICROTOME_SANITIZE})
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${CCACHE_PROGRAM})
endif()

# microtome_library(NAME GLOB... ) : a static library of every source that the globs match.
function(microtome_library name)
  set(sources "")
  foreach(pattern ${ARGN})
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${pattern})
    list(APPEND sources ${found})
  endforeach()
  if(NOT sources)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cpp "")
    set(sources ${CMAKE_CURRENT_BINARY_DIR}/${name}_empty.cpp)
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC microtome_flags)
endfunction()

# Sources that include ATen share one precompiled header.
function(microtome_uses_torch name)
  target_link_libraries(${name} PUBLIC microtome_torch)
  target_precompile_headers(${name} REUSE_FROM microtome_pch)
endfunction()
