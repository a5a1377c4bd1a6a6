# `runtimes`: quantc-run for every architecture that this machine has a compiler file for, each configured on its own as a user without the
# compiler would, to <build>/runtime/<architecture>/bin/quantc-run.
add_custom_target(runtimes)

set(host_architecture "${CMAKE_SYSTEM_PROCESSOR}")
if(host_architecture STREQUAL "aarch64")
  set(host_architecture arm64)
endif()

foreach(architecture x86_64 arm64 riscv64)
  set(folder "${PROJECT_BINARY_DIR}/runtime/${architecture}")
  set(toolchain_file "${PROJECT_SOURCE_DIR}/cmake/toolchains/${architecture}.cmake")
  if(architecture STREQUAL host_architecture)
    set(toolchain "")
  elseif(EXISTS "${toolchain_file}")
    set(toolchain "-DCMAKE_TOOLCHAIN_FILE=${toolchain_file}")
  else()
    continue()
  endif()
  add_custom_target(runtime_${architecture}
    COMMAND "${CMAKE_COMMAND}" -S "${PROJECT_SOURCE_DIR}" -B "${folder}" -G "${CMAKE_GENERATOR}" ${toolchain} -DCMAKE_BUILD_TYPE=Release
            -DQUANTC_BUILD_COMPILER=OFF -DQUANTC_BUILD_TESTS=OFF "-DQUANTC_FLATBUFFERS_INCLUDE=${QUANTC_FLATBUFFERS_INCLUDE}"
    COMMAND "${CMAKE_COMMAND}" --build "${folder}" --target quantc-run
    COMMENT "quantc-run for ${architecture}"
    USES_TERMINAL VERBATIM)
  add_dependencies(runtimes runtime_${architecture})
endforeach()
