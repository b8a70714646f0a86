# Sources that are built once an instruction set; which one runs is chosen when the program does. They share no inline function with other
# sources (core/kernels/lanes/suffix_task.h says why), so they have no precompiled header either; -O3 in every build: their loops over the
# lanes of a vector are to be unrolled.
function(microtome_lanes target)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/kernels/lanes/*.cpp)
  target_sources(${target} PRIVATE ${sources})
  set_source_files_properties(${sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  set(plain "")
  set(avx2 -mavx2 -mfma)
  set(avx512 -mavx512f -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    set(flags -O3 -ffp-contract=fast)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
      list(APPEND flags ${${name}})
    endif()
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${flags}")
  endforeach()
endfunction()
