# `runtimes`: quantc-run for every architecture that this machine has a compiler file for, each configured on its own as a user without the
# compiler would, to <build>/runtime/<architecture>/bin/quantc-run. With tests, those of the runtime too where the emulator is to run them.
add_custom_target(runtimes)

set(host_architecture "${CMAKE_SYSTEM_PROCESSOR}")
if(host_architecture STREQUAL "aarch64")
  set(host_architecture arm64)
endif()

foreach(architecture x86_64 arm64 riscv64)
  set(folder "${PROJECT_BINARY_DIR}/runtime/${architecture}")
  set(toolchain_file "${PROJECT_SOURCE_DIR}/cmake/toolchains/${architecture}.cmake")
  set(toolchain "")
  set(tests OFF)
  set(targets quantc-run)
  if(NOT architecture STREQUAL host_architecture)
    if(NOT EXISTS "${toolchain_file}")
      continue()
    endif()
    set(toolchain "-DCMAKE_TOOLCHAIN_FILE=${toolchain_file}")
    if(QUANTC_BUILD_TESTS)
      set(tests ON)
      list(APPEND targets runtime_tests)
    endif()
  endif()
  add_custom_target(runtime_${architecture}
    COMMAND "${CMAKE_COMMAND}" -S "${PROJECT_SOURCE_DIR}" -B "${folder}" -G "${CMAKE_GENERATOR}" ${toolchain} -DCMAKE_BUILD_TYPE=Release
            -DQUANTC_BUILD_COMPILER=OFF -DQUANTC_BUILD_TESTS=${tests} "-DQUANTC_FLATBUFFERS_INCLUDE=${QUANTC_FLATBUFFERS_INCLUDE}"
    COMMAND "${CMAKE_COMMAND}" --build "${folder}" --target ${targets}
    COMMENT "quantc-run for ${architecture}"
    USES_TERMINAL VERBATIM)
  add_dependencies(runtimes runtime_${architecture})
endforeach()

# The small one of the preset runtime-arm64-small, to <build>/runtime/arm64-small: what tests/end_to_end/RuntimeSizeTest.cpp weighs.
if(EXISTS "${PROJECT_SOURCE_DIR}/cmake/toolchains/arm64.cmake")
  set(folder "${PROJECT_BINARY_DIR}/runtime/arm64-small")
  add_custom_target(runtime_arm64_small
    COMMAND "${CMAKE_COMMAND}" -S "${PROJECT_SOURCE_DIR}" -B "${folder}" -G "${CMAKE_GENERATOR}" -DCMAKE_BUILD_TYPE=MinSizeRel
            "-DCMAKE_TOOLCHAIN_FILE=${PROJECT_SOURCE_DIR}/cmake/toolchains/arm64.cmake" -DCMAKE_EXE_LINKER_FLAGS=
            -DQUANTC_BUILD_COMPILER=OFF -DQUANTC_BUILD_TESTS=OFF "-DQUANTC_FLATBUFFERS_INCLUDE=${QUANTC_FLATBUFFERS_INCLUDE}"
    COMMAND "${CMAKE_COMMAND}" --build "${folder}" --target quantc-run
    COMMENT "quantc-run for arm64, as small as it gets"
    USES_TERMINAL VERBATIM)
  add_dependencies(runtimes runtime_arm64_small)
endif()
