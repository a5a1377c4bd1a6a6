# The libraries that the compiler is built on. `scripts/setup` installs them.

set(cache_folder "$ENV{HOME}/.cache")
if(DEFINED ENV{XDG_CACHE_HOME})
  set(cache_folder "$ENV{XDG_CACHE_HOME}")
endif()
set(QUANTC_HALIDE_PREFIX "${cache_folder}/quantc/halide-19.0.0" CACHE PATH "Where scripts/setup put Halide on Debian 12")

find_package(MLIR 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/mlir)
find_package(LLVM 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/llvm)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(LLVM_DEFINITIONS_LIST NATIVE_COMMAND "${LLVM_DEFINITIONS}")
# Debian's LLVM exports this; mixing it with a build without assertions is an ABI trap.
list(REMOVE_ITEM LLVM_DEFINITIONS_LIST "-D_GLIBCXX_ASSERTIONS")

# The one way to MLIR and LLVM: headers as system headers, the shared libraries.
add_library(quantc_mlir INTERFACE)
target_include_directories(quantc_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_compile_definitions(quantc_mlir INTERFACE ${LLVM_DEFINITIONS_LIST})

target_link_libraries(quantc_mlir INTERFACE MLIR LLVM)

find_package(Halide 19 REQUIRED CONFIG HINTS "${QUANTC_HALIDE_PREFIX}")
find_package(LLD REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/lld)
find_package(Protobuf REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Threads REQUIRED)
